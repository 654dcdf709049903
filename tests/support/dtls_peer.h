/* A DTLS client as a browser is one, on OpenSSL in memory, with a certificate of its own. */
#ifndef SUPPORTD_TESTS_DTLS_PEER_H
#define SUPPORTD_TESTS_DTLS_PEER_H
#include <check.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "supportd/media/sdp.h"
#include "supportd/media/srtp.h"

struct dtls_peer {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;
    struct sup_sdp_fingerprint fingerprint;
    bool failed; /* a fatal error or alert ended the handshake */
    unsigned long error;
};

static inline struct sup_sdp_fingerprint dtls_peer_hash(X509 *cert, enum sup_sdp_hash hash,
                                                        const EVP_MD *md)
{
    struct sup_sdp_fingerprint fp = {.hash = hash};
    unsigned int len;
    ck_assert_int_eq(X509_digest(cert, md, fp.digest, &len), 1);
    fp.len = len;
    return fp;
}

static inline X509 *dtls_peer_certificate(EVP_PKEY *key)
{
    X509 *cert = X509_new();
    X509_set_version(cert, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
                               (const unsigned char *)"peer", -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(cert));
    X509_set_pubkey(cert, key);
    ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
    return cert;
}

/* profiles NULL: no use_srtp at all. with_cert false: the peer sends no certificate. */
static inline void dtls_peer_open(struct dtls_peer *p, const char *profiles, bool with_cert)
{
    memset(p, 0, sizeof(*p));
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = dtls_peer_certificate(key);
    p->fingerprint = dtls_peer_hash(cert, SUP_SDP_SHA256, EVP_sha256());
    p->ctx = SSL_CTX_new(DTLS_method());
    if (profiles)
        ck_assert_int_eq(SSL_CTX_set_tlsext_use_srtp(p->ctx, profiles), 0);
    if (with_cert) {
        ck_assert_int_eq(SSL_CTX_use_certificate(p->ctx, cert), 1);
        ck_assert_int_eq(SSL_CTX_use_PrivateKey(p->ctx, key), 1);
    }
    SSL_CTX_set_options(p->ctx, SSL_OP_NO_QUERY_MTU);
    X509_free(cert);
    EVP_PKEY_free(key);
    p->ssl = SSL_new(p->ctx);
    p->in = BIO_new(BIO_s_mem());
    p->out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(p->in, -1);
    SSL_set_bio(p->ssl, p->in, p->out);
    SSL_set_mtu(p->ssl, 1200);
    SSL_set_connect_state(p->ssl);
}

/* After open: waits for the other side's hello instead. */
static inline void dtls_peer_accept(struct dtls_peer *p)
{
    SSL_set_accept_state(p->ssl);
}

static inline void dtls_peer_close(struct dtls_peer *p)
{
    SSL_free(p->ssl);
    SSL_CTX_free(p->ctx);
    memset(p, 0, sizeof(*p));
}

static inline bool dtls_peer_done(const struct dtls_peer *p)
{
    return SSL_is_init_finished(p->ssl) && !p->failed;
}

/* Goes on with the handshake, or reads once it is done. */
static inline void dtls_peer_step(struct dtls_peer *p)
{
    uint8_t drop[2048];
    ERR_clear_error();
    int r = SSL_is_init_finished(p->ssl) ? SSL_read(p->ssl, drop, sizeof(drop))
                                         : SSL_do_handshake(p->ssl);
    if (r > 0)
        return;
    int e = SSL_get_error(p->ssl, r);
    if (e == SSL_ERROR_SSL || e == SSL_ERROR_SYSCALL) {
        p->failed = true;
        p->error = ERR_peek_last_error();
    }
}

static inline void dtls_peer_feed(struct dtls_peer *p, const uint8_t *datagram, size_t len)
{
    BIO_write(p->in, datagram, (int)len);
    dtls_peer_step(p);
}

/* The next record it wants to send; 0 when there is none. Records go out one by one. */
static inline size_t dtls_peer_take(struct dtls_peer *p, uint8_t *out, size_t cap)
{
    uint8_t head[13];
    if (BIO_ctrl_pending(p->out) < sizeof(head))
        return 0;
    ck_assert_int_eq(BIO_read(p->out, head, sizeof(head)), sizeof(head));
    size_t len = (size_t)(head[11] << 8 | head[12]);
    ck_assert_uint_le(len + sizeof(head), cap);
    memcpy(out, head, sizeof(head));
    ck_assert_int_eq(BIO_read(p->out, out + sizeof(head), (int)len), (int)len);
    return len + sizeof(head);
}

/* The client's view of the keys: it sends with what the server receives with. */
static inline struct sup_srtp_keys dtls_peer_keys(const struct dtls_peer *p)
{
    struct sup_srtp_keys keys;
    memset(&keys, 0, sizeof(keys));
    SRTP_PROTECTION_PROFILE *chosen = SSL_get_selected_srtp_profile(p->ssl);
    ck_assert_ptr_nonnull(chosen);
    keys.profile = (enum sup_srtp_profile)chosen->id;
    size_t salt = keys.profile == SUP_SRTP_GCM_128 ? 12 : 14;
    uint8_t m[60];
    ck_assert_int_eq(
        SSL_export_keying_material(p->ssl, m, 32 + 2 * salt, "EXTRACTOR-dtls_srtp", 19, NULL, 0, 0),
        1);
    memcpy(keys.send.key, m, 16);
    memcpy(keys.recv.key, m + 16, 16);
    memcpy(keys.send.salt, m + 32, salt);
    memcpy(keys.recv.salt, m + 32 + salt, salt);
    return keys;
}
#endif
