#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_internal.h"
#include "supportd/base/mem.h"

enum { SECRET_MAX_LEN = 64 * 1024, KEY_MAX_LEN = 200 };

static const char prefix[] = "SUPPORTD_";

/* --- files --- */

/* Reads a whole regular file. On failure *ret_reason says why; static or of strerror(). */
static sup_err read_file(const char *path, size_t max, struct sup_buf *out, const char **ret_reason)
{
    char chunk[4096];
    struct stat st;
    sup_err err = SUP_E_IO;
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    sup_buf_init(out, max);
    if (fd < 0 || fstat(fd, &st) != 0) {
        *ret_reason = strerror(errno);
    } else if (!S_ISREG(st.st_mode)) {
        *ret_reason = "it is not a regular file";
    } else {
        err = SUP_OK;
        while (!err && (n = read(fd, chunk, sizeof(chunk))) > 0)
            err = sup_buf_add(out, chunk, (size_t)n);
        if (!err && n < 0)
            err = SUP_E_IO;
        if (!err && out->len > 0 && memchr(out->data, '\0', out->len))
            err = SUP_E_MALFORMED;
        *ret_reason = err == SUP_E_LIMIT       ? "it is too long"
                      : err == SUP_E_MALFORMED ? "it holds a zero byte"
                                               : strerror(errno);
    }
    sup_wipe(chunk, sizeof(chunk));
    if (fd >= 0)
        close(fd);
    if (err)
        sup_buf_fini_secret(out);
    return err;
}

static void set_secret_file(struct load *load, const struct row *row, const struct place *place,
                            const char *path)
{
    struct sup_buf text;
    const char *reason = "";
    sup_err err = read_file(path, SECRET_MAX_LEN, &text, &reason);
    if (err == SUP_E_NOMEM) {
        load->no_memory = true;
        return;
    }
    if (err) {
        config_problem(load, place, row->name,
                       "cannot read %.200s: %s; right is a file with the "
                       "secret",
                       path, reason);
        return;
    }
    if (text.len > 0 && text.data[text.len - 1] == '\n')
        text.data[--text.len] = '\0';
    config_set_text(load, row, place, text.data ? text.data : "");
    sup_buf_fini_secret(&text);
}

/* --- the configuration file --- */

/* The row of a secret whose name with "_file" behind it is key. */
static const struct row *secret_of_file_key(const char *key)
{
    char name[KEY_MAX_LEN];
    size_t len = strlen(key);
    if (len < 6 || len >= sizeof(name) || strcmp(key + len - 5, "_file") != 0)
        return NULL;
    memcpy(name, key, len - 5);
    name[len - 5] = '\0';
    const struct row *row = config_row_find(name);
    return row && row->type == ROW_SECRET ? row : NULL;
}

static void unknown_key(struct load *load, const struct place *place, const char *key)
{
    const struct row *near = config_row_near(key);
    if (near)
        config_problem(load, place, key, "unknown key; right is perhaps %s", near->name);
    else
        config_problem(load, place, key, "unknown key; right is a key of docs/config.md");
}

/* Remembers where the value came from; variable is taken. */
static void remember(struct load *load, const struct row *row, struct place place)
{
    struct place *kept = &load->places[row - config_rows];
    sup_free(kept->variable);
    *kept = place;
}

static void apply_key(struct load *load, const char *section, const config_setting_t *setting)
{
    char key[KEY_MAX_LEN];
    const char *file = config_setting_source_file(setting);
    struct place place = {.file = file ? file : load->opts->path,
                          .line = config_setting_source_line(setting)};
    (void)snprintf(key, sizeof(key), "%.90s.%.90s", section, config_setting_name(setting));
    const struct row *row = config_row_find(key);
    const struct row *secret = row ? NULL : secret_of_file_key(key);
    if (row) {
        /* The parser refuses a key that stands twice, so this was the secret's file. */
        if (load->places[row - config_rows].file)
            config_problem(load, &place, key, "%s_file is set too; right is one of the two", key);
        config_set_setting(load, row, &place, setting);
        remember(load, row, place);
    } else if (secret) {
        const char *path = config_setting_get_string(setting);
        if (load->places[secret - config_rows].file)
            config_problem(load, &place, key, "%s is set too; right is one of the two",
                           secret->name);
        else if (!path)
            config_problem(load, &place, key, "this is no string; right is a file's path");
        else
            set_secret_file(load, secret, &place, path);
        remember(load, secret, place);
    } else {
        unknown_key(load, &place, key);
    }
}

static bool is_section(const char *name)
{
    for (size_t i = 0; i < config_section_count; i++)
        if (strcmp(config_sections[i].name, name) == 0)
            return true;
    return false;
}

static void apply_section(struct load *load, const config_setting_t *section)
{
    const char *name = config_setting_name(section);
    const char *file = config_setting_source_file(section);
    struct place place = {.file = file ? file : load->opts->path,
                          .line = config_setting_source_line(section)};
    if (!is_section(name)) {
        config_problem(load, &place, name,
                       "unknown section; right is a section of "
                       "docs/config.md");
        return;
    }
    if (!config_setting_is_group(section)) {
        config_problem(load, &place, name, "this is no group; right is %s: { key = value; };",
                       name);
        return;
    }
    for (int i = 0; i < config_setting_length(section); i++)
        apply_key(load, name, config_setting_get_elem(section, (unsigned)i));
}

/* @include is relative to the file that holds it. */
static void set_include_dir(config_t *parsed, const char *path)
{
    char dir[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    if (len == 0 || len >= sizeof(dir))
        return;
    memcpy(dir, path, len);
    dir[len] = '\0';
    config_set_include_dir(parsed, dir);
}

/* parsed must outlive the load: places borrow file names from it. */
static void load_file(struct load *load, config_t *parsed)
{
    struct sup_buf text;
    const char *path = load->opts->path, *reason = "";
    struct place place = {.file = path};
    sup_err err = read_file(path, FILE_MAX_LEN, &text, &reason);
    if (err == SUP_E_NOMEM) {
        load->no_memory = true;
        return;
    }
    if (err) {
        config_problem(load, &place, NULL,
                       "cannot read: %s; right is a readable file of at most "
                       "%d bytes",
                       reason, FILE_MAX_LEN);
        return;
    }
    set_include_dir(parsed, path);
    if (!config_read_string(parsed, text.data ? text.data : "")) {
        if (config_error_file(parsed))
            place.file = config_error_file(parsed);
        place.line = (unsigned)config_error_line(parsed);
        config_problem(load, &place, NULL, "%s; right is section: { key = value; };",
                       config_error_text(parsed));
    } else {
        const config_setting_t *root = config_root_setting(parsed);
        for (int i = 0; i < config_setting_length(root); i++)
            apply_section(load, config_setting_get_elem(root, (unsigned)i));
    }
    sup_buf_fini_secret(&text);
}

/* --- environment --- */

/* The row of a variable's name; *ret_file: it is the _FILE form. */
static const struct row *row_of_variable(const char *name, bool *ret_file)
{
    char own[KEY_MAX_LEN];
    for (size_t i = 0; i < config_row_count; i++) {
        config_row_variable(&config_rows[i], own, sizeof(own));
        size_t len = strlen(own);
        if (strncmp(name, own, len) != 0)
            continue;
        *ret_file = config_rows[i].type == ROW_SECRET && strcmp(name + len, "_FILE") == 0;
        if (name[len] == '\0' || *ret_file)
            return &config_rows[i];
    }
    return NULL;
}

static bool is_foreign(const char *name)
{
    return strncmp(name, prefix, sizeof(prefix) - 1) != 0 ||
           strncmp(name, "SUPPORTD_TEST_", 14) == 0 || strcmp(name, "SUPPORTD_CONFIG") == 0;
}

static void apply_variable(struct load *load, const char *name, const char *value)
{
    bool by_file = false;
    struct place place = {.variable = sup_strdup(name)};
    const struct row *row = row_of_variable(name, &by_file);
    if (!place.variable) {
        load->no_memory = true;
        return;
    }
    if (!row) {
        config_problem(load, &place, NULL, "unknown variable; right is one of docs/config.md");
        sup_free(place.variable);
        return;
    }
    if (load->places[row - config_rows].variable)
        config_problem(load, &place, row->name, "%s is set too; right is one of the two",
                       load->places[row - config_rows].variable);
    else if (by_file)
        set_secret_file(load, row, &place, value);
    else
        config_set_text(load, row, &place, value);
    remember(load, row, place);
}

static void load_environment(struct load *load)
{
    const char *const *pos = load->opts->environment;
    for (; pos && *pos && !load->no_memory; pos++) {
        char name[KEY_MAX_LEN];
        const char *equals = strchr(*pos, '=');
        if (!equals || is_foreign(*pos))
            continue;
        (void)snprintf(name, sizeof(name), "%.*s", (int)(equals - *pos < 190 ? equals - *pos : 190),
                       *pos);
        if (!is_foreign(name))
            apply_variable(load, name, equals + 1);
    }
}

/* --- the whole --- */

static void load_defaults(struct load *load)
{
    const struct place place = {0};
    for (size_t i = 0; i < config_row_count && !load->no_memory; i++)
        config_set_text(load, &config_rows[i], &place, config_rows[i].value);
}

sup_err sup_config_load(const struct sup_config_opts *opts, struct sup_buf *problems,
                        struct sup_config **ret_config)
{
    struct load load = {.opts = opts, .problems = problems};
    config_t parsed;
    load.config = sup_calloc(1, sizeof(*load.config));
    if (!load.config)
        return SUP_E_NOMEM;
    config_init(&parsed);
    load_defaults(&load);
    if (opts->path && !load.no_memory)
        load_file(&load, &parsed);
    load_environment(&load);
    if (!load.no_memory)
        config_check_together(&load);
    for (size_t i = 0; i < config_row_count; i++)
        sup_free(load.places[i].variable);
    config_destroy(&parsed);
    if (load.no_memory || load.problem_count > 0) {
        sup_config_destroy(load.config);
        return load.no_memory ? SUP_E_NOMEM : SUP_E_INVAL;
    }
    *ret_config = load.config;
    return SUP_OK;
}

void sup_config_destroy(struct sup_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config_row_count; i++)
        config_row_clear(config, &config_rows[i]);
    sup_free(config);
}
