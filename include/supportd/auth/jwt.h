/* Verifies the bank's JSON Web Tokens.
 *
 * Layer:  auth. Pure but for sup_jwt_create() and sup_jwt_reload(), which read the key file.
 * Thread: loop thread. A verification takes about 5 us (HS256) to 150 us (ES256).
 * Source: RFC 7515 (JWS compact form), 7517 (JWK), 7519 (JWT), 8037 (EdDSA), 8725 (best practice).
 *
 * Every key has exactly one algorithm: the secret HS256, an RSA key RS256, a P-256 key ES256, an
 * Ed25519 key EdDSA. The token's alg only selects among the keys of that algorithm, so a token can
 * neither switch algorithms nor ask for none. A token with kid is held to keys of that kid, or
 * without one. */
#ifndef SUPPORTD_AUTH_JWT_H
#define SUPPORTD_AUTH_JWT_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum {
    SUP_JWT_MAX_LEN = 8192, /* bytes of a token */
    SUP_JWT_MAX_KEYS = 32,
    SUP_JWT_MAX_FILE = 262144,
    SUP_IDENTITY_MAX_SUBJECT = 255,
    SUP_IDENTITY_MAX_NAME = 200,
    SUP_IDENTITY_MAX_EMAIL = 254,
    SUP_IDENTITY_MAX_LANGUAGE = 35,
};

/* Whom a token speaks of. Strings are UTF-8 without control characters, "" when absent. */
struct sup_identity {
    char subject[SUP_IDENTITY_MAX_SUBJECT + 1]; /* never "" */
    char name[SUP_IDENTITY_MAX_NAME + 1];       /* cut at a character when longer */
    char email[SUP_IDENTITY_MAX_EMAIL + 1];
    char language[SUP_IDENTITY_MAX_LANGUAGE + 1];
    int64_t expires_us; /* wall time from which it is refused: exp and the clock skew */
};

/* Why a token was refused. */
enum sup_jwt_reason {
    SUP_JWT_OK,
    SUP_JWT_NO_KEYS,
    SUP_JWT_TOO_LONG,
    SUP_JWT_MALFORMED,
    SUP_JWT_ALG_REFUSED,
    SUP_JWT_KEY_UNKNOWN,
    SUP_JWT_BAD_SIGNATURE,
    SUP_JWT_BAD_ISSUER,
    SUP_JWT_BAD_AUDIENCE,
    SUP_JWT_NO_EXPIRY,
    SUP_JWT_EXPIRED,
    SUP_JWT_NOT_YET_VALID,
    SUP_JWT_TOO_OLD,
    SUP_JWT_BAD_SUBJECT,
    SUP_JWT_REASONS, /* their count */
};

/* Stable snake_case name for logs, metrics and audit: "ok", "no_keys", "too_long", "malformed",
 * "alg_refused", "key_unknown", "bad_signature", "bad_issuer", "bad_audience", "no_expiry",
 * "expired", "not_yet_valid", "too_old", "bad_subject". Static. */
const char *sup_jwt_reason_name(enum sup_jwt_reason reason);

struct sup_jwt_opts {
    const char *secret;    /* HS256; "" or NULL: none. At least 32 bytes */
    const char *jwks_file; /* path; "" or NULL: none */
    const char *issuer;    /* required iss */
    const char *audience;  /* required aud, or an element of it */
    int64_t clock_skew_us;
    int64_t max_age_us;        /* since iat, which is required then; 0: not checked */
    const char *claim_subject; /* NULL: "sub" */
    const char *claim_name;    /* NULL or "": none; the same below */
    const char *claim_email;
    const char *claim_language;
};

struct sup_jwt; /* opaque verifier */

/* opts is copied. *ret_jwt is owned. *ret_problem (may be NULL) is set on an error: static text for
 * the log. Without secret and file the verifier refuses every token (no_keys).
 * Errors: SUP_E_INVAL (short secret, keys without issuer or audience), SUP_E_IO (file),
 * SUP_E_MALFORMED (not a JWKS, no usable key, a private or a weak key), SUP_E_LIMIT (file or number
 * of keys), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_jwt_create(const struct sup_jwt_opts *opts, struct sup_jwt **ret_jwt,
                                      const char **ret_problem);
void sup_jwt_destroy(struct sup_jwt *jwt); /* wipes; NULL is a no-op */

/* Reads the key file again; on an error (as above) the old keys stay. */
SUP_MUST_CHECK sup_err sup_jwt_reload(struct sup_jwt *jwt, const char **ret_problem);
/* Keys in use, the secret included. */
size_t sup_jwt_key_count(const struct sup_jwt *jwt);

/* Verifies token[len] at wall time now_us. *ret_reason is set in any case but SUP_E_NOMEM.
 * Errors: SUP_E_DENIED (see *ret_reason), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_jwt_verify(struct sup_jwt *jwt, const char *token, size_t len,
                                      int64_t now_us, struct sup_identity *ret_identity,
                                      enum sup_jwt_reason *ret_reason);
#endif
