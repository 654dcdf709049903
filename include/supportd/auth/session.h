/* Opaque tokens: staff sessions in a cookie, WebSocket tickets, and the CSRF token of a session.
 *
 * Layer:  auth. Pure but for the random source. Thread: any.
 * Source: SPEC 1 (session cookie, CSRF protection), RFC 6265 section 4.1 (Set-Cookie).
 * The database holds only the SHA-256 of a token: who reads the table cannot log in. Cookie headers
 * are parsed by net. */
#ifndef SUPPORTD_AUTH_SESSION_H
#define SUPPORTD_AUTH_SESSION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"

enum {
    SUP_TOKEN_LEN = 43, /* base64url of 32 bytes */
    SUP_TOKEN_HASH_LEN = 32,
};

struct sup_token {
    char s[SUP_TOKEN_LEN + 1];
};

struct sup_token_hash {
    uint8_t bytes[SUP_TOKEN_HASH_LEN];
};

/* 32 bytes of the kernel's random source. */
struct sup_token sup_token_new(void);
/* SHA-256 of the token's 32 bytes, for the table. Errors: SUP_E_MALFORMED (not a token's form),
 * SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_token_hash(const char *token, size_t len,
                                      struct sup_token_hash *ret_hash);

/* The CSRF token of a session: HMAC-SHA-256 keyed with the session token, over a fixed text. The
 * page gets it in a body, the session token stays in the HttpOnly cookie; any process derives the
 * same. Errors: as sup_token_hash(). */
SUP_MUST_CHECK sup_err sup_csrf_of(const char *session, size_t len, struct sup_token *ret_csrf);
/* Whether sent (a header's value; may be NULL) is that of the session; constant time. */
bool sup_csrf_matches(const char *session, size_t len, const char *sent);

struct sup_cookie_opts {
    const char *name;
    const char *value;  /* "" deletes the cookie */
    const char *domain; /* "" or NULL: this host alone */
    bool secure;        /* only over TLS; false for loopback without TLS alone */
    int64_t max_age_s;  /* 0 with a value: until the browser ends */
};

/* Appends the value of a Set-Cookie header: HttpOnly, SameSite=Strict, Path=/.
 * Errors: SUP_E_INVAL (a character that a cookie may not hold), SUP_E_NOMEM, SUP_E_LIMIT. */
SUP_MUST_CHECK sup_err sup_cookie_write(const struct sup_cookie_opts *opts, struct sup_buf *out);
#endif
