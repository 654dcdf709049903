/* Makes signed tokens for tests, by OpenSSL alone, independent of the verifier's library. */
#ifndef SUPPORTD_TESTS_JWT_MAKER_H
#define SUPPORTD_TESTS_JWT_MAKER_H
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supportd/auth/base64url.h"

enum { TOKEN_SIZE = 32768 };

#define TOKEN_SECRET "0123456789abcdef0123456789abcdef"

/* "header.payload" of two JSON texts; returns its length. */
static inline size_t token_begin(char *token, const char *header, const char *payload)
{
    sup_base64url_encode((const uint8_t *)header, strlen(header), token);
    strcat(token, ".");
    sup_base64url_encode((const uint8_t *)payload, strlen(payload), token + strlen(token));
    return strlen(token);
}

static inline void token_end(char *token, const uint8_t *signature, size_t len)
{
    strcat(token, ".");
    sup_base64url_encode(signature, len, token + strlen(token));
}

static inline void token_hs256(char *token, const char *header, const char *payload,
                               const char *secret, size_t secret_len)
{
    uint8_t mac[32];
    unsigned mac_len = sizeof(mac);
    size_t len = token_begin(token, header, payload);
    if (!HMAC(EVP_sha256(), secret, (int)secret_len, (const uint8_t *)token, len, mac, &mac_len))
        abort();
    token_end(token, mac, mac_len);
}

/* r and s of a DER signature as 64 bytes (RFC 7518 section 3.4). */
static inline void raw_of_der(const uint8_t *der, size_t len, uint8_t raw[64])
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)len);
    if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), raw, 32) != 32 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), raw + 32, 32) != 32)
        abort();
    ECDSA_SIG_free(sig);
}

/* RS256, ES256 or EdDSA by the kind of the key. */
static inline void token_by_key(char *token, const char *header, const char *payload, EVP_PKEY *key)
{
    uint8_t signature[1024], raw[64];
    size_t size = sizeof(signature), len = token_begin(token, header, payload);
    int kind = EVP_PKEY_get_id(key);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = kind == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
    if (!ctx || EVP_DigestSignInit(ctx, NULL, md, NULL, key) != 1 ||
        EVP_DigestSign(ctx, signature, &size, (const uint8_t *)token, len) != 1)
        abort();
    EVP_MD_CTX_free(ctx);
    if (kind != EVP_PKEY_EC) {
        token_end(token, signature, size);
        return;
    }
    raw_of_der(signature, size, raw);
    token_end(token, raw, sizeof(raw));
}

static inline void number_param(EVP_PKEY *key, const char *name, char *text)
{
    uint8_t bytes[1024];
    BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
        abort();
    int len = BN_bn2bin(number, bytes);
    BN_free(number);
    sup_base64url_encode(bytes, (size_t)len, text);
}

/* Appends the public key as a JWK object. */
static inline void jwk_of_key(EVP_PKEY *key, const char *kid, char *out, size_t size)
{
    char a[2048], b[2048];
    uint8_t raw[32];
    size_t len = sizeof(raw), used = strlen(out);
    switch (EVP_PKEY_get_id(key)) {
    case EVP_PKEY_RSA:
        number_param(key, OSSL_PKEY_PARAM_RSA_N, a);
        number_param(key, OSSL_PKEY_PARAM_RSA_E, b);
        (void)snprintf(out + used, size - used,
                       "{\"kty\":\"RSA\",\"kid\":\"%s\",\"n\":\"%s\",\"e\":\"%s\"}", kid, a, b);
        break;
    case EVP_PKEY_EC:
        number_param(key, OSSL_PKEY_PARAM_EC_PUB_X, a);
        number_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, b);
        (void)snprintf(
            out + used, size - used,
            "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}", kid, a,
            b);
        break;
    default:
        if (EVP_PKEY_get_raw_public_key(key, raw, &len) != 1)
            abort();
        sup_base64url_encode(raw, len, a);
        (void)snprintf(out + used, size - used,
                       "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"%s\",\"x\":\"%s\"}", kid, a);
    }
}
#endif
