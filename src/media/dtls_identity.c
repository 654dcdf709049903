/* The daemon's key and certificate, the settings every session shares, and fingerprints. */
#include <assert.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "dtls_internal.h"
#include "supportd/base/mem.h"
#include "supportd/media/dtls.h"

enum {
    SHA256_TEXT_LEN = sizeof("sha-256 ") - 1 + 32 * 3 - 1,
    VALID_S = 10 * 365 * 24 * 3600, /* outlives any process; peers look at the hash alone */
    BACKDATED_S = 24 * 3600,        /* for peers whose clock is behind */
};

struct sup_dtls_identity {
    SSL_CTX *ctx; /* holds key and certificate */
    char fingerprint[SHA256_TEXT_LEN + 1];
};

static const struct {
    enum sup_dtls_hash hash;
    const char *name;
    size_t len;
    const EVP_MD *(*md)(void);
} hashes[] = {
    {SUP_DTLS_SHA256, "sha-256", 32, EVP_sha256},
    {SUP_DTLS_SHA384, "sha-384", 48, EVP_sha384},
    {SUP_DTLS_SHA512, "sha-512", 64, EVP_sha512},
};

const EVP_MD *sup_dtls_hash_md(enum sup_dtls_hash hash)
{
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        if (hashes[i].hash == hash)
            return hashes[i].md();
    }
    return NULL;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static sup_err parse_digits(const char *p, size_t len, struct sup_dtls_fingerprint *fp)
{
    if (len != fp->len * 3 - 1)
        return SUP_E_MALFORMED;
    for (size_t i = 0; i < fp->len; i++) {
        int high = hex_digit(p[3 * i]), low = hex_digit(p[3 * i + 1]);
        if (high < 0 || low < 0 || (i + 1 < fp->len && p[3 * i + 2] != ':'))
            return SUP_E_MALFORMED;
        fp->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return SUP_OK;
}

sup_err sup_dtls_fingerprint_parse(const char *text, size_t len,
                                   struct sup_dtls_fingerprint *ret_fingerprint)
{
    assert(text && ret_fingerprint);
    const char *space = memchr(text, ' ', len);
    if (!space || space == text)
        return SUP_E_MALFORMED;
    size_t name_len = (size_t)(space - text);
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        if (strlen(hashes[i].name) != name_len || strncasecmp(hashes[i].name, text, name_len) != 0)
            continue;
        struct sup_dtls_fingerprint fp = {.hash = hashes[i].hash, .len = hashes[i].len};
        sup_err err = parse_digits(space + 1, len - name_len - 1, &fp);
        if (err == SUP_OK)
            *ret_fingerprint = fp;
        return err;
    }
    return SUP_E_UNSUPPORTED;
}

static bool write_fingerprint(X509 *cert, char *ret_text)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (X509_digest(cert, EVP_sha256(), digest, &len) != 1 || len != 32)
        return false;
    char *p = ret_text + snprintf(ret_text, SHA256_TEXT_LEN + 1, "sha-256 ");
    for (unsigned int i = 0; i < len; i++)
        p += snprintf(p, 4, i + 1 < len ? "%02X:" : "%02X", digest[i]);
    return true;
}

static bool fill_certificate(X509 *cert, EVP_PKEY *key)
{
    unsigned char serial[8];
    if (RAND_bytes(serial, sizeof(serial)) != 1)
        return false;
    uint64_t number = 0;
    memcpy(&number, serial, sizeof(number));
    X509_NAME *name = X509_get_subject_name(cert);
    return X509_set_version(cert, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert), number >> 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -BACKDATED_S) &&
           X509_gmtime_adj(X509_getm_notAfter(cert), VALID_S) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"supportd",
                                      -1, -1, 0) == 1 &&
           X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1 &&
           X509_sign(cert, key, EVP_sha256()) > 0;
}

static bool apply_settings(SSL_CTX *ctx)
{
    /* The order in which we offer is ours alone: we are always the server. Returns 0 on success. */
    if (SSL_CTX_set_tlsext_use_srtp(ctx, "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80") != 0)
        return false;
    SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_CLEANSE_PLAINTEXT);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, sup_dtls_verify_peer, NULL);
    return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") == 1 &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE-ECDSA-AES128-GCM-SHA256:"
                                        "ECDHE-ECDSA-CHACHA20-POLY1305:"
                                        "ECDHE-ECDSA-AES256-GCM-SHA384") == 1;
}

sup_err sup_dtls_identity_create(struct sup_dtls_identity **ret_identity)
{
    assert(ret_identity);
    struct sup_dtls_identity *id = sup_calloc(1, sizeof(*id));
    if (!id)
        return SUP_E_NOMEM;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    id->ctx = SSL_CTX_new(DTLS_server_method());
    bool ok = key && cert && id->ctx && fill_certificate(cert, key) && apply_settings(id->ctx) &&
              SSL_CTX_use_certificate(id->ctx, cert) == 1 &&
              SSL_CTX_use_PrivateKey(id->ctx, key) == 1 && write_fingerprint(cert, id->fingerprint);
    X509_free(cert);
    EVP_PKEY_free(key);
    ERR_clear_error();
    if (!ok) {
        sup_dtls_identity_destroy(id);
        return SUP_E_CRYPTO;
    }
    *ret_identity = id;
    return SUP_OK;
}

void sup_dtls_identity_destroy(struct sup_dtls_identity *identity)
{
    if (!identity)
        return;
    SSL_CTX_free(identity->ctx);
    sup_free(identity);
}

const char *sup_dtls_identity_fingerprint(const struct sup_dtls_identity *identity)
{
    return identity->fingerprint;
}

SSL_CTX *sup_dtls_identity_ctx(const struct sup_dtls_identity *identity)
{
    return identity->ctx;
}
