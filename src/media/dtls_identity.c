/* The daemon's key and certificate, the settings that every session shares. */
#include <assert.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <string.h>

#include "dtls_internal.h"
#include "supportd/base/mem.h"
#include "supportd/media/dtls.h"

enum {
    VALID_S = 10 * 365 * 24 * 3600, /* outlives any process; peers look at the hash alone */
    BACKDATED_S = 24 * 3600,        /* for peers whose clock is behind */
};

struct sup_dtls_identity {
    SSL_CTX *ctx; /* holds key and certificate */
    struct sup_sdp_fingerprint fingerprint;
};

const EVP_MD *sup_dtls_hash_md(enum sup_sdp_hash hash)
{
    switch (hash) {
    case SUP_SDP_SHA256:
        return EVP_sha256();
    case SUP_SDP_SHA384:
        return EVP_sha384();
    case SUP_SDP_SHA512:
        return EVP_sha512();
    }
    return NULL;
}

static bool hash_certificate(X509 *cert, struct sup_sdp_fingerprint *ret)
{
    unsigned int len = 0;
    if (X509_digest(cert, EVP_sha256(), ret->digest, &len) != 1)
        return false;
    ret->hash = SUP_SDP_SHA256;
    ret->len = len;
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
              SSL_CTX_use_PrivateKey(id->ctx, key) == 1 && hash_certificate(cert, &id->fingerprint);
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

const struct sup_sdp_fingerprint *
sup_dtls_identity_fingerprint(const struct sup_dtls_identity *identity)
{
    return &identity->fingerprint;
}

SSL_CTX *sup_dtls_identity_ctx(const struct sup_dtls_identity *identity)
{
    return identity->ctx;
}
