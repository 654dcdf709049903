#include <stdint.h>
#include <string.h>

#include "supportd/base/mem.h"
#include "supportd/net/text.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

sup_err sup_percent_decode(char *text, size_t len, bool plus, size_t *ret_len)
{
    size_t out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '%') {
            if (len - i < 3)
                return SUP_E_MALFORMED;
            int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return SUP_E_MALFORMED;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        text[out++] = c;
    }
    *ret_len = out;
    return SUP_OK;
}

size_t sup_path_clean(char *path, size_t len)
{
    size_t out = 0;    /* what is clean so far: segments, each with its slash before it */
    bool slash = true; /* one is due at the end */
    for (size_t at = 0, end; at < len; at = end) {
        const char *segment = path + at + 1;
        for (end = at + 1; end < len && path[end] != '/';)
            end++;
        size_t n = end - at - 1;
        bool up = n == 2 && memcmp(segment, "..", 2) == 0;
        slash = n == 0 || up || (n == 1 && *segment == '.');
        while (up && out > 0 && path[--out] != '/')
            continue;
        if (!slash) {
            memmove(path + out, path + at, n + 1);
            out += n + 1;
        }
    }
    if (slash)
        path[out++] = '/';
    return out;
}

/* Bytes of the sequence that lead starts, 0 for a byte that cannot start one; *min is the least
 * second byte and *max the greatest, which excludes long forms and surrogates (RFC 3629 section 4).
 */
static size_t sequence_length(uint8_t lead, uint8_t *min, uint8_t *max)
{
    *min = 0x80;
    *max = 0xbf;
    if (lead < 0x80)
        return 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef) {
        *min = lead == 0xe0 ? 0xa0 : 0x80;
        *max = lead == 0xed ? 0x9f : 0xbf;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *min = lead == 0xf0 ? 0x90 : 0x80;
        *max = lead == 0xf4 ? 0x8f : 0xbf;
        return 4;
    }
    return 0;
}

bool sup_utf8_valid(const char *text, size_t len)
{
    const uint8_t *p = (const uint8_t *)text;
    for (size_t i = 0; i < len;) {
        uint8_t min, max;
        size_t n = sequence_length(p[i], &min, &max);
        if (n == 0 || n > len - i)
            return false;
        if (n > 1 && (p[i + 1] < min || p[i + 1] > max))
            return false;
        for (size_t k = 2; k < n; k++)
            if (p[i + k] < 0x80 || p[i + k] > 0xbf)
                return false;
        i += n;
    }
    return true;
}

static bool name_ok(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = name[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '.' || c == '-';
        if (!ok)
            return false;
    }
    return len > 0;
}

static bool value_ok(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)value[i] < 0x20 || value[i] == 0x7f)
            return false;
    return sup_utf8_valid(value, len);
}

static sup_err add_field(struct sup_query *query, const char *name, size_t name_len,
                         const char *value, size_t value_len)
{
    if (name_len > SUP_QUERY_MAX_NAME || value_len > SUP_QUERY_MAX_VALUE)
        return SUP_E_LIMIT;
    if (!name_ok(name, name_len) || !value_ok(value, value_len))
        return SUP_E_MALFORMED;
    if (query->count == SUP_QUERY_MAX_FIELDS)
        return SUP_E_LIMIT;
    for (size_t i = 0; i < query->count; i++)
        if (strlen(query->fields[i].name) == name_len &&
            memcmp(query->fields[i].name, name, name_len) == 0)
            return SUP_E_MALFORMED;
    struct sup_query_field field = {sup_strndup(name, name_len), sup_strndup(value, value_len)};
    if (!field.name || !field.value) {
        sup_free(field.name);
        sup_free_secret(field.value);
        return SUP_E_NOMEM;
    }
    query->fields[query->count++] = field;
    return SUP_OK;
}

/* Decodes name and value of one raw piece apart, so that an encoded '=' stays in its part. */
static sup_err add_raw_piece(struct sup_query *query, char *piece, size_t len)
{
    if (len == 0)
        return SUP_OK;
    char *equals = memchr(piece, '=', len);
    size_t name_len = equals ? (size_t)(equals - piece) : len;
    char *value = equals ? equals + 1 : piece + len;
    size_t value_len = (size_t)(piece + len - value);
    sup_err err = sup_percent_decode(piece, name_len, true, &name_len);
    if (!err)
        err = sup_percent_decode(value, value_len, true, &value_len);
    return err ? err : add_field(query, piece, name_len, value, value_len);
}

sup_err sup_query_parse(struct sup_query *query, const char *text, size_t len)
{
    char *copy = sup_strndup(text, len);
    if (!copy)
        return SUP_E_NOMEM;
    sup_err err = SUP_OK;
    for (size_t start = 0; start < len && !err;) {
        char *amp = memchr(copy + start, '&', len - start);
        size_t end = amp ? (size_t)(amp - copy) : len;
        err = add_raw_piece(query, copy + start, end - start);
        start = end + 1;
    }
    sup_wipe(copy, len);
    sup_free(copy);
    return err;
}

const char *sup_query_get(const struct sup_query *query, const char *name)
{
    for (size_t i = 0; i < query->count; i++)
        if (strcmp(query->fields[i].name, name) == 0)
            return query->fields[i].value;
    return NULL;
}

void sup_query_fini(struct sup_query *query)
{
    for (size_t i = 0; i < query->count; i++) {
        sup_free(query->fields[i].name);
        sup_free_secret(query->fields[i].value);
    }
    *query = (struct sup_query){.count = 0};
}
