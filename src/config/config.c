#include "supportd/config/config.h"

#include <arpa/inet.h>
#include <string.h>

#include "config_internal.h"
#include "supportd/base/origin.h"

static bool same_list(const struct sup_config_list *a, const struct sup_config_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

static bool same_sites(const struct sup_config_sites *a, const struct sup_config_sites *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (a->items[i].features != b->items[i].features ||
            strcmp(a->items[i].origin, b->items[i].origin) != 0 ||
            strcmp(a->items[i].name, b->items[i].name) != 0)
            return false;
    return true;
}

static bool same(const struct sup_config *a, const struct sup_config *b, const struct row *row)
{
    const void *x = (const char *)a + row->offset, *y = (const char *)b + row->offset;
    switch (row->type) {
    case ROW_STRING:
    case ROW_SECRET:
        return strcmp(*(char *const *)x, *(char *const *)y) == 0;
    case ROW_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case ROW_LIST:
        return same_list(x, y);
    case ROW_SITES:
        return same_sites(x, y);
    case ROW_INT:
    case ROW_MS:
    case ROW_BYTES:
        break;
    }
    return *(const int64_t *)x == *(const int64_t *)y;
}

size_t sup_config_diff(const struct sup_config *before, const struct sup_config *after,
                       void (*cb)(const char *name, bool reloadable, void *arg), void *arg)
{
    size_t count = 0;
    for (size_t i = 0; i < config_row_count; i++) {
        if (same(before, after, &config_rows[i]))
            continue;
        count++;
        if (cb)
            cb(config_rows[i].name, config_rows[i].reload, arg);
    }
    return count;
}

const struct sup_config_site *sup_config_site(const struct sup_config *config, const char *origin)
{
    struct sup_origin canonical;
    if (sup_origin_parse(origin, &canonical))
        return NULL;
    for (size_t i = 0; i < config->web.sites.count; i++)
        if (strcmp(config->web.sites.items[i].origin, canonical.s) == 0)
            return &config->web.sites.items[i];
    return NULL;
}

sup_err sup_config_address(const char *text, char ret_host[SUP_CONFIG_HOST_LEN + 1],
                           uint16_t *ret_port)
{
    unsigned char address[16];
    char host[SUP_CONFIG_HOST_LEN + 1];
    const char *colon = strrchr(text, ':');
    bool v6 = text[0] == '[';
    unsigned port = 0;
    if (!colon || colon == text || (v6 && colon[-1] != ']'))
        return SUP_E_MALFORMED;
    size_t len = (size_t)(colon - text) - (v6 ? 2 : 0);
    if (len == 0 || len >= sizeof(host))
        return SUP_E_MALFORMED;
    memcpy(host, text + v6, len);
    host[len] = '\0';
    size_t digits = strspn(colon + 1, "0123456789");
    if (digits < 1 || digits > 5 || colon[1 + digits] ||
        inet_pton(v6 ? AF_INET6 : AF_INET, host, address) != 1)
        return SUP_E_MALFORMED;
    for (size_t i = 1; i <= digits; i++)
        port = port * 10 + (unsigned)(colon[i] - '0');
    if (port > UINT16_MAX)
        return SUP_E_MALFORMED;
    memcpy(ret_host, host, len + 1);
    *ret_port = (uint16_t)port;
    return SUP_OK;
}
