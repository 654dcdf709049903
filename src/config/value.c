#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "supportd/base/mem.h"
#include "supportd/base/origin.h"

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit ms_units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                       {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
static const struct unit byte_units[] = {
    {"B", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}, {NULL, 0}};

static void *field_of(struct sup_config *config, const struct row *row)
{
    return (char *)config + row->offset;
}

static void list_clear(struct sup_config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        sup_free(list->items[i]);
    sup_free(list->items);
    *list = (struct sup_config_list){0};
}

static void sites_clear(struct sup_config_sites *sites)
{
    for (size_t i = 0; i < sites->count; i++) {
        sup_free(sites->items[i].origin);
        sup_free(sites->items[i].name);
    }
    sup_free(sites->items);
    *sites = (struct sup_config_sites){0};
}

void config_row_clear(struct sup_config *config, const struct row *row)
{
    void *field = field_of(config, row);
    if (row->type == ROW_STRING || row->type == ROW_SECRET) {
        sup_free_secret(*(char **)field);
        *(char **)field = NULL;
    } else if (row->type == ROW_LIST) {
        list_clear(field);
    } else if (row->type == ROW_SITES) {
        sites_clear(field);
    }
}

/* --- what is wrong, and what would be right --- */

static void wrong(struct load *load, const struct row *row, const struct place *place,
                  const char *fmt, ...) SUP_PRINTF(4, 5);

static void wrong(struct load *load, const struct row *row, const struct place *place,
                  const char *fmt, ...)
{
    char text[256];
    struct sup_buf right;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    sup_buf_init(&right, 0);
    if (config_row_expectation(row, &right))
        load->no_memory = true;
    else
        config_problem(load, place, row->name, "%s; right is %s", text, right.data);
    sup_buf_fini(&right);
}

/* Quotes a value for a message: cut, control characters replaced; nothing of a secret. */
static const char *quoted(const struct row *row, const char *text, char out[64])
{
    size_t len = 0;
    if (row->type == ROW_SECRET)
        return "the value";
    out[len++] = '"';
    for (; *text && len < 60; text++)
        out[len++] = iscntrl((unsigned char)*text) ? '?' : *text;
    out[len++] = '"';
    out[len] = '\0';
    return out;
}

/* --- numbers --- */

static bool parse_number(const char *text, const struct unit *units, int64_t *ret_value)
{
    int64_t value = 0, factor = 1;
    bool negative = *text == '-';
    if (negative)
        text++;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *text - '0', &value))
            return false;
    if (*text == ' ')
        text++;
    if (*text) {
        while (units && units->name && strcmp(units->name, text) != 0)
            units++;
        if (!units || !units->name)
            return false;
        factor = units->factor;
    }
    if (__builtin_mul_overflow(value, factor, &value))
        return false;
    *ret_value = negative ? -value : value;
    return true;
}

static void set_number(struct load *load, const struct row *row, const struct place *place,
                       int64_t value)
{
    if (value < row->min || value > row->max)
        wrong(load, row, place, "%lld is out of range", (long long)value);
    else
        *(int64_t *)field_of(load->config, row) = value;
}

static void set_number_text(struct load *load, const struct row *row, const struct place *place,
                            const char *text)
{
    char quote[64];
    int64_t value;
    const struct unit *units = row->type == ROW_MS      ? ms_units
                               : row->type == ROW_BYTES ? byte_units
                                                        : NULL;
    if (!parse_number(text, units, &value))
        wrong(load, row, place, "%s is not a number that fits here", quoted(row, text, quote));
    else
        set_number(load, row, place, value);
}

static void set_bool_text(struct load *load, const struct row *row, const struct place *place,
                          const char *text)
{
    char quote[64];
    bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0)
        wrong(load, row, place, "%s is neither", quoted(row, text, quote));
    else
        *(bool *)field_of(load->config, row) = is_true;
}

/* --- strings --- */

static bool is_choice(const char *choices, const char *value)
{
    size_t len = strlen(value);
    while (choices) {
        size_t here = strcspn(choices, "|");
        if (here == len && memcmp(choices, value, len) == 0)
            return true;
        choices = choices[here] ? choices + here + 1 : NULL;
    }
    return false;
}

/* A whole string or one element; adds the problem. "" is good for a string: not set. */
static bool is_good(struct load *load, const struct row *row, const struct place *place,
                    const char *value)
{
    char quote[64];
    bool element = row->type == ROW_LIST;
    size_t len = strlen(value);
    if (len == 0 && !element && (!row->choices || strcmp(row->value, "") == 0))
        return true;
    for (const char *c = value; row->type != ROW_SECRET && *c; c++) {
        if (iscntrl((unsigned char)*c)) {
            wrong(load, row, place, "there is a control character");
            return false;
        }
    }
    size_t max = element ? VALUE_MAX_LEN : (size_t)row->max;
    if (len > max || (!element && len < (size_t)row->min)) {
        wrong(load, row, place, "the value has %zu bytes", len);
        return false;
    }
    if ((element && len == 0) || (row->choices && !is_choice(row->choices, value)) ||
        (row->check && row->check(value))) {
        wrong(load, row, place, "%s is not accepted", quoted(row, value, quote));
        return false;
    }
    return true;
}

static void set_string(struct load *load, const struct row *row, const struct place *place,
                       const char *value)
{
    if (!is_good(load, row, place, value))
        return;
    char *copy = sup_strdup(value);
    if (!copy) {
        load->no_memory = true;
        return;
    }
    config_row_clear(load->config, row);
    *(char **)field_of(load->config, row) = copy;
}

/* --- lists --- */

static bool list_add(struct load *load, struct sup_config_list *list, const char *item, size_t len)
{
    char **items = sup_realloc(list->items, (list->count + 1) * sizeof(*items));
    if (items)
        list->items = items;
    char *copy = items ? sup_strndup(item, len) : NULL;
    if (!copy) {
        load->no_memory = true;
        return false;
    }
    list->items[list->count++] = copy;
    return true;
}

/* Takes list: into the field when all of it is good, else freed. */
static void list_finish(struct load *load, const struct row *row, const struct place *place,
                        struct sup_config_list *list)
{
    bool good = !load->no_memory;
    if (list->count > (size_t)row->max) {
        wrong(load, row, place, "there are %zu elements", list->count);
        good = false;
    }
    for (size_t i = 0; good && i < list->count; i++)
        good = is_good(load, row, place, list->items[i]);
    if (!good) {
        list_clear(list);
        return;
    }
    config_row_clear(load->config, row);
    *(struct sup_config_list *)field_of(load->config, row) = *list;
}

static void set_list_text(struct load *load, const struct row *row, const struct place *place,
                          const char *text)
{
    struct sup_config_list list = {0};
    const char *rest = *text ? text : NULL;
    while (rest && list.count <= LIST_MAX) {
        size_t len = strcspn(rest, ",");
        const char *next = rest[len] ? rest + len + 1 : NULL;
        while (len > 0 && *rest == ' ')
            rest++, len--;
        while (len > 0 && rest[len - 1] == ' ')
            len--;
        if (!list_add(load, &list, rest, len))
            break;
        rest = next;
    }
    list_finish(load, row, place, &list);
}

static void set_list_setting(struct load *load, const struct row *row, const struct place *place,
                             const config_setting_t *setting)
{
    struct sup_config_list list = {0};
    int count = config_setting_length(setting);
    for (int i = 0; i < count && list.count <= LIST_MAX; i++) {
        const char *item = config_setting_get_string_elem(setting, i);
        if (!item) {
            wrong(load, row, place, "element %d is not a string", i + 1);
            list_clear(&list);
            return;
        }
        if (!list_add(load, &list, item, strlen(item)))
            break;
    }
    list_finish(load, row, place, &list);
}

/* --- sites --- */

static bool read_features(struct load *load, const struct row *row, const struct place *place,
                          const config_setting_t *features, unsigned *ret_features)
{
    unsigned bits = 0;
    int count = features ? config_setting_length(features) : 0;
    if (features && !config_setting_is_array(features) && !config_setting_is_list(features)) {
        wrong(load, row, place, "features is not a list");
        return false;
    }
    for (int i = 0; i < count; i++) {
        const char *name = config_setting_get_string_elem(features, i);
        if (!name || !is_choice(row->choices, name)) {
            wrong(load, row, place, "feature %d is not known", i + 1);
            return false;
        }
        bits |= strcmp(name, "chat") == 0 ? SUP_SITE_CHAT : SUP_SITE_CALL;
    }
    *ret_features = bits;
    return true;
}

static bool has_only_known_members(struct load *load, const struct row *row,
                                   const struct place *place, const config_setting_t *group)
{
    for (int i = 0; i < config_setting_length(group); i++) {
        const char *name = config_setting_name(config_setting_get_elem(group, (unsigned)i));
        if (!is_choice("origin|name|features", name)) {
            wrong(load, row, place, "\"%.40s\" is not known in a site", name);
            return false;
        }
    }
    return true;
}

static bool read_site(struct load *load, const struct row *row, const struct place *place,
                      const config_setting_t *group, struct sup_config_sites *sites)
{
    const char *origin_text = NULL, *name = "";
    struct sup_origin origin;
    unsigned features = 0;
    if (!group || !config_setting_is_group(group) ||
        !config_setting_lookup_string(group, "origin", &origin_text)) {
        wrong(load, row, place, "a site has no origin");
        return false;
    }
    if (!has_only_known_members(load, row, place, group) ||
        !read_features(load, row, place, config_setting_get_member(group, "features"), &features))
        return false;
    (void)config_setting_lookup_string(group, "name", &name);
    if (sup_origin_parse(origin_text, &origin) || strlen(name) > 100) {
        wrong(load, row, place, "\"%.60s\" is no origin, or the name is longer than 100 bytes",
              origin_text);
        return false;
    }
    for (size_t i = 0; i < sites->count; i++) {
        if (strcmp(sites->items[i].origin, origin.s) == 0) {
            wrong(load, row, place, "%.100s stands twice", origin.s);
            return false;
        }
    }
    struct sup_config_site *site = &sites->items[sites->count++];
    *site = (struct sup_config_site){sup_strdup(origin.s), sup_strdup(name), features};
    load->no_memory = load->no_memory || !site->origin || !site->name;
    return !load->no_memory;
}

static void set_sites(struct load *load, const struct row *row, const struct place *place,
                      const config_setting_t *setting)
{
    struct sup_config_sites sites = {0};
    int count = config_setting_length(setting);
    if (count > row->max) {
        wrong(load, row, place, "there are %d sites", count);
        return;
    }
    sites.items = sup_calloc((size_t)count, sizeof(*sites.items));
    bool good = sites.items != NULL;
    load->no_memory = load->no_memory || !good;
    for (int i = 0; good && i < count; i++)
        good = read_site(load, row, place, config_setting_get_elem(setting, (unsigned)i), &sites);
    if (!good) {
        sites_clear(&sites);
        return;
    }
    config_row_clear(load->config, row);
    *(struct sup_config_sites *)field_of(load->config, row) = sites;
}

/* --- the two ways in --- */

/* "[...]" or "(...)" in a variable: read it as the file would be. */
static void set_inline(struct load *load, const struct row *row, const struct place *place,
                       const char *text)
{
    config_t parsed;
    struct sup_buf buf;
    sup_buf_init(&buf, 0);
    config_init(&parsed);
    if (sup_buf_addf(&buf, "v = %s;", text))
        load->no_memory = true;
    else if (strstr(text, "@include") || !config_read_string(&parsed, buf.data))
        wrong(load, row, place, "the list does not parse");
    else
        config_set_setting(load, row, place, config_lookup(&parsed, "v"));
    config_destroy(&parsed);
    sup_buf_fini(&buf);
}

void config_set_text(struct load *load, const struct row *row, const struct place *place,
                     const char *text)
{
    switch (row->type) {
    case ROW_STRING:
    case ROW_SECRET:
        set_string(load, row, place, text);
        break;
    case ROW_INT:
    case ROW_MS:
    case ROW_BYTES:
        set_number_text(load, row, place, text);
        break;
    case ROW_BOOL:
        set_bool_text(load, row, place, text);
        break;
    case ROW_LIST:
        if (*text == '[' || *text == '(')
            set_inline(load, row, place, text);
        else
            set_list_text(load, row, place, text);
        break;
    case ROW_SITES:
        if (*text == '(')
            set_inline(load, row, place, text);
        else if (*text)
            wrong(load, row, place, "there is no list of groups");
        else
            config_row_clear(load->config, row);
        break;
    }
}

static const char *kind_name(const config_setting_t *setting)
{
    switch (config_setting_type(setting)) {
    case CONFIG_TYPE_GROUP:
        return "a group";
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
        return "a whole number";
    case CONFIG_TYPE_FLOAT:
        return "a number with a fraction";
    case CONFIG_TYPE_STRING:
        return "a string";
    case CONFIG_TYPE_BOOL:
        return "true or false";
    default:
        return "a list";
    }
}

void config_set_setting(struct load *load, const struct row *row, const struct place *place,
                        const config_setting_t *setting)
{
    int type = config_setting_type(setting);
    bool is_string = type == CONFIG_TYPE_STRING;
    bool is_number = type == CONFIG_TYPE_INT || type == CONFIG_TYPE_INT64;
    bool many = type == CONFIG_TYPE_ARRAY || type == CONFIG_TYPE_LIST;
    if (is_string && (row->type == ROW_STRING || row->type == ROW_SECRET))
        set_string(load, row, place, config_setting_get_string(setting));
    else if (is_string && (row->type == ROW_MS || row->type == ROW_BYTES))
        set_number_text(load, row, place, config_setting_get_string(setting));
    else if (is_number && (row->type == ROW_INT || row->type == ROW_MS || row->type == ROW_BYTES))
        set_number(load, row, place,
                   type == CONFIG_TYPE_INT ? config_setting_get_int(setting)
                                           : config_setting_get_int64(setting));
    else if (type == CONFIG_TYPE_BOOL && row->type == ROW_BOOL)
        *(bool *)field_of(load->config, row) = config_setting_get_bool(setting) != 0;
    else if (many && row->type == ROW_LIST)
        set_list_setting(load, row, place, setting);
    else if (many && row->type == ROW_SITES)
        set_sites(load, row, place, setting);
    else
        wrong(load, row, place, "this is %s", kind_name(setting));
}
