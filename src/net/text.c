#include "supportd/net/text.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Cuts blanks (RFC 9110 OWS) from both ends of p[*len]. */
static const char *trim(const char *p, size_t *len)
{
    while (*len > 0 && is_blank(*p)) {
        p++;
        (*len)--;
    }
    while (*len > 0 && is_blank(p[*len - 1]))
        (*len)--;
    return p;
}

/* Next trimmed element of a list separated by sep; false at the end. *pos moves on. */
static bool next_element(const char *list, size_t len, char sep, size_t *pos, const char **ret_p,
                         size_t *ret_len)
{
    if (*pos > len || len == 0)
        return false;
    const char *end = *pos < len ? memchr(list + *pos, sep, len - *pos) : NULL;
    size_t stop = end ? (size_t)(end - list) : len;
    *ret_len = stop - *pos;
    *ret_p = trim(list + *pos, ret_len);
    *pos = stop + 1;
    return true;
}

/* cookie-octet of RFC 6265 section 4.1.1. */
static bool cookie_value_ok(const char *value, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == ',' || c == ';' || c == '\\')
            return false;
    }
    return true;
}

sup_err sup_cookie_find(const char *header, size_t len, const char *name, const char **ret_value,
                        size_t *ret_len)
{
    size_t name_len = strlen(name), pos = 0, n;
    const char *p;
    while (next_element(header, len, ';', &pos, &p, &n)) {
        if (n <= name_len || p[name_len] != '=' || memcmp(p, name, name_len) != 0)
            continue;
        const char *value = p + name_len + 1;
        size_t value_len = n - name_len - 1;
        if (value_len >= 2 && value[0] == '"' && value[value_len - 1] == '"') {
            value++;
            value_len -= 2;
        }
        if (!cookie_value_ok(value, value_len))
            return SUP_E_MALFORMED;
        *ret_value = value;
        *ret_len = value_len;
        return SUP_OK;
    }
    return SUP_E_NOTFOUND;
}

bool sup_list_has(const char *header, const char *token)
{
    size_t len = strlen(header), token_len = strlen(token), pos = 0, n;
    const char *p;
    while (next_element(header, len, ',', &pos, &p, &n))
        if (n == token_len && strncasecmp(p, token, n) == 0)
            return true;
    return false;
}

bool sup_media_type_is(const char *header, const char *media_type)
{
    size_t len = strcspn(header, ";");
    const char *p = trim(header, &len);
    return len == strlen(media_type) && strncasecmp(p, media_type, len) == 0;
}

/* "0", "0.0", "0.000": RFC 9110 section 12.4.2 gives weight at most three digits. */
static bool weight_is_zero(const char *params, size_t len)
{
    size_t pos = 0, n;
    const char *p;
    while (next_element(params, len, ';', &pos, &p, &n)) {
        if (n < 3 || (p[0] != 'q' && p[0] != 'Q') || p[1] != '=')
            continue;
        for (size_t i = 2; i < n; i++)
            if (p[i] != '0' && p[i] != '.')
                return false;
        return true;
    }
    return false;
}

bool sup_encoding_accepted(const char *header, const char *coding)
{
    size_t len = strlen(header), coding_len = strlen(coding), pos = 0, n;
    const char *p;
    bool star = false;
    while (next_element(header, len, ',', &pos, &p, &n)) {
        const char *semicolon = memchr(p, ';', n);
        size_t name_len = semicolon ? (size_t)(semicolon - p) : n;
        const char *name = trim(p, &name_len);
        bool refused = semicolon && weight_is_zero(semicolon, (size_t)(p + n - semicolon));
        if (name_len == coding_len && strncasecmp(name, coding, coding_len) == 0)
            return !refused;
        if (name_len == 1 && *name == '*')
            star = !refused;
    }
    return star;
}

bool sup_etag_matches(const char *header, const char *etag)
{
    size_t len = strlen(header), etag_len = strlen(etag), pos = 0, n;
    const char *p;
    while (next_element(header, len, ',', &pos, &p, &n)) {
        if (n == 1 && *p == '*')
            return true;
        if (n > 2 && p[0] == 'W' && p[1] == '/') {
            p += 2;
            n -= 2;
        }
        if (n == etag_len && memcmp(p, etag, n) == 0)
            return true;
    }
    return false;
}

/* Address part of "addr", "addr:port" (IPv4 only), "[addr]" and "[addr]:port". */
static const char *address_part(const char *text, size_t *len)
{
    if (*len > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', *len);
        size_t rest = close ? (size_t)(text + *len - close) : 0;
        if (!close || (rest > 1 && close[1] != ':'))
            return NULL;
        *len = (size_t)(close - text) - 1;
        return text + 1;
    }
    const char *colon = memchr(text, ':', *len);
    if (colon && !memchr(colon + 1, ':', (size_t)(text + *len - colon) - 1))
        *len = (size_t)(colon - text);
    return text;
}

sup_err sup_peer_parse(const char *text, size_t len, struct sup_peer_text *ret_peer)
{
    const char *trimmed = trim(text, &len);
    const char *p = address_part(trimmed, &len);
    char copy[SUP_PEER_TEXT_LEN + 1];
    if (!p || len == 0 || len >= sizeof(copy))
        return SUP_E_MALFORMED;
    memcpy(copy, p, len);
    copy[len] = 0;

    struct in_addr v4;
    struct in6_addr v6;
    struct sup_peer_text peer = {{0}};
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        (void)inet_ntop(AF_INET, &v4, peer.s, sizeof(peer.s));
    } else if (inet_pton(AF_INET6, copy, &v6) == 1) {
        if (IN6_IS_ADDR_V4MAPPED(&v6))
            (void)inet_ntop(AF_INET, &v6.s6_addr[12], peer.s, sizeof(peer.s));
        else
            (void)inet_ntop(AF_INET6, &v6, peer.s, sizeof(peer.s));
    } else {
        return SUP_E_MALFORMED;
    }
    *ret_peer = peer;
    return SUP_OK;
}

struct sup_peer_text sup_peer_resolve(const char *ip, const char *forwarded,
                                      sup_peer_trusted_cb trusted, void *arg)
{
    struct sup_peer_text peer = {{0}};
    (void)strncpy(peer.s, ip, SUP_PEER_TEXT_LEN);
    size_t end = forwarded ? strlen(forwarded) : 0;
    while (end > 0 && trusted && trusted(peer.s, arg)) {
        size_t start = end;
        while (start > 0 && forwarded[start - 1] != ',')
            start--;
        struct sup_peer_text next;
        if (sup_peer_parse(forwarded + start, end - start, &next) != SUP_OK)
            break;
        peer = next;
        end = start > 0 ? start - 1 : 0;
    }
    return peer;
}
