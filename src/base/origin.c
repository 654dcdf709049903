#include "supportd/base/origin.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { HOST_MAX = 253, PORT_MAX = 65535 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

/* Copies a host in lower case into host[HOST_MAX + 1]; returns what is behind it, NULL if it is
 * none. */
static const char *parse_host(const char *s, char *host)
{
    size_t len = 0;
    if (*s == '[') {
        unsigned char address[16];
        char inner[INET6_ADDRSTRLEN];
        len = strcspn(s, "]");
        if (s[len] != ']' || len < 2 || len - 1 >= sizeof(inner))
            return NULL;
        memcpy(inner, s + 1, len - 1);
        inner[len - 1] = '\0';
        if (inet_pton(AF_INET6, inner, address) != 1 ||
            !inet_ntop(AF_INET6, address, inner, sizeof(inner)))
            return NULL;
        (void)snprintf(host, HOST_MAX + 1, "[%s]", inner);
        return s + len + 1;
    }
    while (len < HOST_MAX && is_host_char(lower(s[len]))) {
        host[len] = lower(s[len]);
        len++;
    }
    host[len] = '\0';
    return len == 0 || host[0] == '.' || host[0] == '-' ? NULL : s + len;
}

/* s: "" or ":port". False if it is something else. */
static bool parse_port(const char *s, unsigned fallback, unsigned *ret_port)
{
    unsigned port = 0;
    *ret_port = fallback;
    if (*s == '\0')
        return true;
    if (*s++ != ':' || *s < '1' || *s > '9')
        return false;
    for (; *s >= '0' && *s <= '9' && port <= PORT_MAX; s++)
        port = port * 10 + (unsigned)(*s - '0');
    *ret_port = port;
    return *s == '\0' && port <= PORT_MAX;
}

/* authority: host with optional port. */
static sup_err build(const char *scheme, const char *authority, struct sup_origin *ret_origin)
{
    char host[HOST_MAX + 1];
    unsigned usual = strcmp(scheme, "https") == 0 ? 443 : 80, port;
    const char *rest = parse_host(authority, host);
    if (!rest || !parse_port(rest, usual, &port))
        return SUP_E_MALFORMED;
    if (port == usual)
        (void)snprintf(ret_origin->s, sizeof(ret_origin->s), "%s://%s", scheme, host);
    else
        (void)snprintf(ret_origin->s, sizeof(ret_origin->s), "%s://%s:%u", scheme, host, port);
    return SUP_OK;
}

sup_err sup_origin_parse(const char *text, struct sup_origin *ret_origin)
{
    struct sup_origin origin;
    sup_err err = SUP_E_MALFORMED;
    if (strncasecmp(text, "https://", 8) == 0)
        err = build("https", text + 8, &origin);
    else if (strncasecmp(text, "http://", 7) == 0)
        err = build("http", text + 7, &origin);
    if (!err)
        *ret_origin = origin;
    return err;
}

bool sup_origin_is_own(const char *origin, const char *host, bool tls)
{
    struct sup_origin theirs, own;
    if (sup_origin_parse(origin, &theirs) || build(tls ? "https" : "http", host, &own))
        return false;
    return strcmp(theirs.s, own.s) == 0;
}
