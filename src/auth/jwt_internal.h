/* Shared by the two halves of the token verifier: keys and tokens. */
#ifndef SUPPORTD_SRC_AUTH_JWT_INTERNAL_H
#define SUPPORTD_SRC_AUTH_JWT_INTERNAL_H
#include <cjose/cjose.h>
#include <openssl/evp.h>

#include "supportd/auth/jwt.h"

enum { KID_MAX_LEN = 255 };

enum jwt_alg { ALG_HS256, ALG_RS256, ALG_ES256, ALG_EDDSA, ALGS };

struct jwt_key {
    enum jwt_alg alg;
    char kid[KID_MAX_LEN + 1]; /* "" when the key has none */
    cjose_jwk_t *jwk;          /* all but EdDSA */
    EVP_PKEY *ed25519;         /* EdDSA */
};

struct jwt_keys {
    struct jwt_key items[SUP_JWT_MAX_KEYS];
    size_t count;
};

/* Reads the secret (may be NULL) and the file (may be NULL) into an empty set; on an error the set
 * is empty again. */
SUP_MUST_CHECK sup_err jwt_keys_load(const char *secret, const char *path, struct jwt_keys *keys,
                                     const char **ret_problem);
void jwt_keys_fini(struct jwt_keys *keys);
#endif
