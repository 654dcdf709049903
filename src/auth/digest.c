#include "supportd/auth/digest.h"

#include <openssl/evp.h>

sup_err sup_sha256(const void *data, size_t len, uint8_t ret_hash[SUP_SHA256_LEN])
{
    unsigned n = 0;
    return EVP_Digest(data, len, ret_hash, &n, EVP_sha256(), NULL) == 1 && n == SUP_SHA256_LEN
               ? SUP_OK
               : SUP_E_CRYPTO;
}

sup_err sup_sha256_hex(const void *data, size_t len, struct sup_sha256_hex *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t hash[SUP_SHA256_LEN];
    sup_err err = sup_sha256(data, len, hash);
    if (err)
        return err;
    for (int i = 0; i < SUP_SHA256_LEN; i++) {
        ret_hex->s[2 * i] = digits[hash[i] >> 4];
        ret_hex->s[2 * i + 1] = digits[hash[i] & 15];
    }
    ret_hex->s[SUP_SHA256_HEX_LEN] = '\0';
    return SUP_OK;
}
