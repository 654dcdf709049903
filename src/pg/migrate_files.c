#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate_internal.h"
#include "supportd/base/mem.h"

enum { FILES_MAX = 1000, FILE_MAX_BYTES = 4 * 1024 * 1024 };

static bool has_suffix(const char *name)
{
    size_t len = strlen(name);
    return len > 4 && name[0] != '.' && strcmp(name + len - 4, ".sql") == 0;
}

static sup_err read_all(FILE *f, char **ret_data, size_t *ret_len)
{
    if (fseek(f, 0, SEEK_END) != 0)
        return SUP_E_IO;
    long size = ftell(f);
    if (size < 0 || fseek(f, 0, SEEK_SET) != 0)
        return SUP_E_IO;
    if (size > FILE_MAX_BYTES)
        return SUP_E_LIMIT;
    char *data = sup_malloc((size_t)size + 1);
    if (!data)
        return SUP_E_NOMEM;
    if (fread(data, 1, (size_t)size, f) != (size_t)size) {
        sup_free(data);
        return SUP_E_IO;
    }
    data[size] = '\0';
    *ret_data = data;
    *ret_len = (size_t)size;
    return SUP_OK;
}

static sup_err add_file(struct pg_sql_set *set, const char *dir, const char *sub, const char *name)
{
    if (set->count == FILES_MAX)
        return SUP_E_LIMIT;
    struct sup_pg_sql_file *grown = sup_realloc(set->files, (set->count + 1) * sizeof(*set->files));
    if (!grown)
        return SUP_E_NOMEM;
    set->files = grown;
    char full[4096], path[512];
    int full_len = snprintf(full, sizeof(full), "%s/%s/%s", dir, sub, name);
    int path_len = snprintf(path, sizeof(path), "%s/%s", sub, name);
    if (full_len < 0 || (size_t)full_len >= sizeof(full) || path_len < 0 ||
        (size_t)path_len >= sizeof(path))
        return SUP_E_LIMIT;
    FILE *f = fopen(full, "re");
    if (!f)
        return SUP_E_IO;
    char *data = NULL;
    size_t len = 0;
    sup_err err = read_all(f, &data, &len);
    (void)fclose(f);
    char *copy = err ? NULL : sup_strdup(path);
    if (!err && !copy)
        err = SUP_E_NOMEM;
    if (err) {
        sup_free(data);
        return err;
    }
    set->files[set->count++] = (struct sup_pg_sql_file){copy, data, len};
    return SUP_OK;
}

static sup_err add_dir(struct pg_sql_set *set, const char *dir, const char *sub)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/%s", dir, sub);
    if (len < 0 || (size_t)len >= sizeof(path))
        return SUP_E_LIMIT;
    DIR *d = opendir(path);
    if (!d)
        return SUP_E_IO;
    sup_err err = SUP_OK;
    errno = 0;
    for (struct dirent *e; !err && (e = readdir(d)) != NULL;)
        if (has_suffix(e->d_name))
            err = add_file(set, dir, sub, e->d_name);
    (void)closedir(d);
    return err;
}

static sup_err copy_list(struct pg_sql_set *set, const struct sup_pg_sql_file *files, size_t count)
{
    if (count > FILES_MAX)
        return SUP_E_LIMIT;
    set->files = sup_calloc(count ? count : 1, sizeof(*set->files));
    if (!set->files)
        return SUP_E_NOMEM;
    if (count)
        memcpy(set->files, files, count * sizeof(*files));
    set->count = count;
    return SUP_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct sup_pg_sql_file *)a)->path,
                  ((const struct sup_pg_sql_file *)b)->path);
}

static bool is_migration(const char *path)
{
    const char *name = path + strlen("migrations/");
    if (strncmp(path, "migrations/", strlen("migrations/")) != 0)
        return false;
    size_t words = strspn(name + 4, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return strspn(name, "0123456789") == 4 && name[4] == '_' && words > 1 &&
           strcmp(name + 4 + words, ".sql") == 0;
}

static sup_err check_names(const struct pg_sql_set *set, const char **ret_what)
{
    long last = 0;
    for (size_t i = 0; i < set->count; i++) {
        const char *path = set->files[i].path;
        *ret_what = path;
        if (strncmp(path, "functions/", strlen("functions/")) == 0)
            continue;
        long number = is_migration(path) ? strtol(path + strlen("migrations/"), NULL, 10) : 0;
        if (number <= last || (last == 0 && number != 1))
            return SUP_E_INVAL;
        last = number;
    }
    *ret_what = "no migrations";
    return last > 0 ? SUP_OK : SUP_E_INVAL;
}

sup_err pg_sql_set_load(struct pg_sql_set *set, const struct sup_pg_migrate_opts *opts,
                        const char **ret_what)
{
    *set = (struct pg_sql_set){0};
    sup_err err;
    *ret_what = "the files in the binary";
    if (opts->files || !opts->dir) {
        const struct sup_pg_sql_file *files = opts->files ? opts->files : sup_pg_sql_files;
        err = copy_list(set, files, opts->files ? opts->count : sup_pg_sql_file_count);
    } else {
        *ret_what = opts->dir;
        set->owned = true;
        err = add_dir(set, opts->dir, "functions");
        if (!err)
            err = add_dir(set, opts->dir, "migrations");
    }
    if (err)
        return err;
    if (set->count)
        qsort(set->files, set->count, sizeof(set->files[0]), by_path);
    return check_names(set, ret_what);
}

void pg_sql_set_free(struct pg_sql_set *set)
{
    for (size_t i = 0; set->owned && i < set->count; i++) {
        sup_free((void *)(uintptr_t)set->files[i].path);
        sup_free((void *)(uintptr_t)set->files[i].data);
    }
    sup_free(set->files);
    *set = (struct pg_sql_set){0};
}

unsigned pg_sql_line_at(const char *sql, size_t offset)
{
    unsigned line = 1;
    for (size_t i = 0; i < offset && sql[i]; i++)
        line += sql[i] == '\n';
    return line;
}

static const char *skip_block_comment(const char *p)
{
    unsigned depth = 0;
    do {
        if (p[0] == '/' && p[1] == '*') {
            depth++;
            p += 2;
        } else if (p[0] == '*' && p[1] == '/') {
            depth--;
            p += 2;
        } else {
            p++;
        }
    } while (depth > 0 && *p);
    return p;
}

/* p at the '$' of $tag$; without such a tag only the '$' is passed. */
static const char *skip_dollar_quote(const char *p)
{
    size_t tag = 1 + strspn(p + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
    if (p[tag] != '$' || tag > 60)
        return p + 1;
    char quote[64];
    memcpy(quote, p, tag + 1);
    quote[tag + 1] = '\0';
    const char *end = strstr(p + tag + 1, quote);
    return end ? end + tag + 1 : p + strlen(p);
}

static const char *skip_quoted(const char *p)
{
    const char *end = strchr(p + 1, *p);
    return end ? end + 1 : p + strlen(p);
}

/* Passes one token or comment as far as semicolons are concerned. */
static const char *skip_piece(const char *p)
{
    if (p[0] == '-' && p[1] == '-')
        return p + strcspn(p, "\n");
    if (p[0] == '/' && p[1] == '*')
        return skip_block_comment(p);
    if (*p == '\'' || *p == '"')
        return skip_quoted(p);
    return *p == '$' ? skip_dollar_quote(p) : p + 1;
}

static const char *skip_blank(const char *p)
{
    for (;;) {
        p += strspn(p, " \t\r\n");
        bool comment = (p[0] == '-' && p[1] == '-') || (p[0] == '/' && p[1] == '*');
        if (!comment)
            return p;
        p = skip_piece(p);
    }
}

size_t pg_sql_statement_start(const char *sql, unsigned n)
{
    const char *start = skip_blank(sql);
    for (const char *p = start; *p && n > 0;) {
        bool end = *p == ';';
        p = skip_piece(p);
        if (!end)
            continue;
        p = skip_blank(p);
        if (*p && *p != ';') {
            start = p;
            n--;
        }
    }
    return (size_t)(start - sql);
}
