/* SHA-256 for tokens and state hashes.
 *
 * Layer: auth. Pure. Source: FIPS 180-4, by OpenSSL. */
#ifndef SUPPORTD_AUTH_DIGEST_H
#define SUPPORTD_AUTH_DIGEST_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum { SUP_SHA256_LEN = 32, SUP_SHA256_HEX_LEN = 64 };

struct sup_sha256_hex {
    char s[SUP_SHA256_HEX_LEN + 1]; /* lower case */
};

/* Errors: SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_sha256(const void *data, size_t len, uint8_t ret_hash[SUP_SHA256_LEN]);
SUP_MUST_CHECK sup_err sup_sha256_hex(const void *data, size_t len, struct sup_sha256_hex *ret_hex);
#endif
