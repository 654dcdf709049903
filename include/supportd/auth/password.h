/* Passwords of built-in accounts: argon2id in its encoded form.
 *
 * Layer:  auth. Blocking (tens of milliseconds) and memory-hungry: for the work queue, never the
 *         loop. The caller bounds how many run at one time.
 * Thread: any; nothing is shared.
 * Source: RFC 9106 (argon2), section 4 for the parameters. */
#ifndef SUPPORTD_AUTH_PASSWORD_H
#define SUPPORTD_AUTH_PASSWORD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum {
    SUP_PASSWORD_MIN_CHARS = 10,
    SUP_PASSWORD_MAX_BYTES = 256,
    SUP_PASSWORD_HASH_LEN = 127, /* of the encoded form, at most */
};

/* Cost of new hashes. A zero field takes the default in brackets. */
struct sup_password_cost {
    uint32_t memory_kib; /* 8192..1048576 [19456] */
    uint32_t passes;     /* 1..20 [2] */
};

struct sup_password_hash {
    char s[SUP_PASSWORD_HASH_LEN + 1]; /* "$argon2id$v=19$m=19456,t=2,p=1$salt$hash" */
};

/* Whether a new password may be used: at least SUP_PASSWORD_MIN_CHARS characters, at most
 * SUP_PASSWORD_MAX_BYTES bytes, UTF-8 without control characters. */
bool sup_password_acceptable(const char *password, size_t len);

/* Hashes password[len] with a new random salt.
 * Errors: SUP_E_INVAL (cost out of range), SUP_E_LIMIT (too long), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_password_make(const struct sup_password_cost *cost, const char *password,
                                         size_t len, struct sup_password_hash *ret_hash);

/* Compares password[len] with a stored hash in constant time. hash NULL or "": there is no such
 * account; then a hash of the given cost is computed all the same, so that the time does not tell,
 * and the answer is SUP_E_DENIED.
 * Errors: SUP_E_DENIED (wrong), SUP_E_MALFORMED (stored hash is not argon2id in sane bounds),
 * SUP_E_INVAL (cost out of range), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_password_verify(const struct sup_password_cost *cost, const char *hash,
                                           const char *password, size_t len);

/* True if hash was made with another cost (or is none), so that it should be made anew after a
 * successful login. */
bool sup_password_is_outdated(const struct sup_password_cost *cost, const char *hash);
#endif
