/* Pure parsers of what arrives in request heads: query strings, cookies, media types, addresses.
 *
 * Layer: net. Pure: no I/O, no lws. Thread: any.
 * Source: RFC 9110 (header fields), RFC 6265 section 5.4 (cookies), RFC 3986 (percent-encoding). */
#ifndef SUPPORTD_NET_TEXT_H
#define SUPPORTD_NET_TEXT_H
#include <stdbool.h>
#include <stddef.h>

#include "supportd/base/err.h"

enum {
    SUP_QUERY_MAX_FIELDS = 24, /* fields in one query string */
    SUP_QUERY_MAX_NAME = 64,   /* bytes, decoded */
    SUP_QUERY_MAX_VALUE = 2048,
    SUP_PEER_TEXT_LEN = 45, /* longest textual IPv6 address */
};

struct sup_query_field {
    char *name;  /* [a-zA-Z0-9_.-]+ */
    char *value; /* UTF-8 without control characters; may be empty */
};

/* A zeroed struct is empty and valid. */
struct sup_query {
    struct sup_query_field fields[SUP_QUERY_MAX_FIELDS];
    size_t count;
};

/* Decodes "a=1&b=x%20y+z" (percent-encoding, plus is a blank, empty pieces are skipped) and adds
 * its fields to query. Errors: SUP_E_MALFORMED (bad escape, NUL, control character, not UTF-8, bad
 * or repeated name), SUP_E_LIMIT (count or length), SUP_E_NOMEM; query keeps what was added before,
 * and sup_query_fini() is due in any case. */
SUP_MUST_CHECK sup_err sup_query_parse(struct sup_query *query, const char *text, size_t len);
/* Borrowed value, or NULL. */
const char *sup_query_get(const struct sup_query *query, const char *name);
/* Wipes and frees. */
void sup_query_fini(struct sup_query *query);

/* Decodes percent-encoding in place; returns the new length. plus: '+' becomes a blank.
 * Errors: SUP_E_MALFORMED (truncated or non-hex escape, decoded NUL). */
SUP_MUST_CHECK sup_err sup_percent_decode(char *text, size_t len, bool plus, size_t *ret_len);

/* Takes empty and dot segments out of a decoded path in place, which begins with a slash (RFC 3986
 * section 5.2.4): what it names is under "/", and has one name. Returns the new length. */
size_t sup_path_clean(char *path, size_t len);

/* Finds the first cookie called name in a Cookie header; the value is borrowed from header, without
 * surrounding double quotes. Errors: SUP_E_NOTFOUND, SUP_E_MALFORMED (value has characters that
 * RFC 6265 forbids). */
SUP_MUST_CHECK sup_err sup_cookie_find(const char *header, size_t len, const char *name,
                                       const char **ret_value, size_t *ret_len);

/* True if a Content-Type header names this media type (parameters ignored, any case). */
bool sup_media_type_is(const char *header, const char *media_type);
/* True if a header's list ("keep-alive, Upgrade") holds token, in any case. */
bool sup_list_has(const char *header, const char *token);
/* True if an Accept-Encoding header takes coding ("gzip", "br"): listed, or "*", with q above 0. */
bool sup_encoding_accepted(const char *header, const char *coding);
/* True if an If-None-Match header holds etag (weak comparison) or "*". etag: with its quotes. */
bool sup_etag_matches(const char *header, const char *etag);

/* True if text[len] is well-formed UTF-8 (RFC 3629: shortest form, no surrogates). */
bool sup_utf8_valid(const char *text, size_t len);

struct sup_peer_text {
    char s[SUP_PEER_TEXT_LEN + 1]; /* "192.0.2.1", "2001:db8::1"; mapped IPv4 is shown as IPv4 */
};

/* Normalises a textual address: with or without port or brackets. Errors: SUP_E_MALFORMED. */
SUP_MUST_CHECK sup_err sup_peer_parse(const char *text, size_t len, struct sup_peer_text *ret_peer);

/* True if ip (normalised text) is one of the configured proxies. */
typedef bool (*sup_peer_trusted_cb)(const char *ip, void *arg);
/* The client behind trusted proxies: while the nearest address is trusted, the next one to the left
 * in forwarded (X-Forwarded-For; NULL or "" when absent) is taken; stops at the first untrusted or
 * unreadable one. trusted NULL: nobody is. Cannot fail. */
struct sup_peer_text sup_peer_resolve(const char *ip, const char *forwarded,
                                      sup_peer_trusted_cb trusted, void *arg);
#endif
