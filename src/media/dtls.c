#include "supportd/media/dtls.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/time.h>

#include "dtls_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"

enum {
    RECORD_HEADER_LEN = 13, /* RFC 6347 section 4.1: type, version, epoch, sequence, length */
    FIRST_TIMEOUT_US = 200000,
    LAST_TIMEOUT_US = 3200000, /* 12 tries of OpenSSL then take about 30 s */
    MASTER_KEY_LEN = 16,
    DRAIN_MAX = 16384,
};

struct sup_dtls {
    struct sup_dtls_opts opts;
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    enum sup_dtls_state state;
    enum sup_dtls_reason reason;
    uint64_t deadline_us;
    struct sup_srtp_keys keys; /* valid once connected */
    bool has_keys;
};

static void set_state(struct sup_dtls *d, enum sup_dtls_state state, enum sup_dtls_reason reason)
{
    static const bool allowed[4][4] = {
        [SUP_DTLS_HANDSHAKE] =
            {[SUP_DTLS_CONNECTED] = true, [SUP_DTLS_FAILED] = true, [SUP_DTLS_CLOSED] = true},
        [SUP_DTLS_CONNECTED] = {[SUP_DTLS_FAILED] = true, [SUP_DTLS_CLOSED] = true},
    };
    if (!allowed[d->state][state])
        return;
    d->state = state;
    d->reason = reason;
    if (state != SUP_DTLS_HANDSHAKE)
        d->deadline_us = SUP_DTLS_NEVER;
    if (d->opts.on_state)
        d->opts.on_state(d, state, d->opts.arg);
}

/* OpenSSL glues its records together in a memory BIO: cut them apart again. */
static void send_records(struct sup_dtls *d, const uint8_t *p, size_t len)
{
    size_t start = 0, at = 0;
    while (at + RECORD_HEADER_LEN <= len) {
        size_t record = RECORD_HEADER_LEN + (size_t)(p[at + 11] << 8 | p[at + 12]);
        if (record > len - at)
            break;
        if (at > start && at + record - start > SUP_DTLS_MTU) {
            d->opts.on_send(p + start, at - start, d->opts.arg);
            start = at;
        }
        at += record;
    }
    if (at > start)
        d->opts.on_send(p + start, at - start, d->opts.arg);
}

static void drain(struct sup_dtls *d)
{
    uint8_t out[DRAIN_MAX];
    while (BIO_ctrl_pending(d->out) > 0) {
        int n = BIO_read(d->out, out, sizeof(out));
        if (n <= 0)
            break;
        send_records(d, out, (size_t)n);
    }
}

static void update_deadline(struct sup_dtls *d)
{
    struct timeval left;
    d->deadline_us = SUP_DTLS_NEVER;
    if (d->state == SUP_DTLS_HANDSHAKE && DTLSv1_get_timeout(d->ssl, &left) == 1)
        d->deadline_us =
            sup_clock_mono_us() + (uint64_t)left.tv_sec * 1000000 + (uint64_t)left.tv_usec;
}

static unsigned int next_timeout(SSL *ssl, unsigned int last_us)
{
    (void)ssl;
    if (last_us == 0)
        return FIRST_TIMEOUT_US;
    return last_us >= LAST_TIMEOUT_US ? LAST_TIMEOUT_US : last_us * 2;
}

/* Section 4.2 of RFC 5764: client key, server key, client salt, server salt. We are the server. */
static bool export_keys(struct sup_dtls *d)
{
    static const char label[] = "EXTRACTOR-dtls_srtp";
    const SRTP_PROTECTION_PROFILE *chosen = SSL_get_selected_srtp_profile(d->ssl);
    if (!chosen || (chosen->id != SRTP_AEAD_AES_128_GCM && chosen->id != SRTP_AES128_CM_SHA1_80))
        return false;
    d->keys.profile = chosen->id == SRTP_AEAD_AES_128_GCM ? SUP_SRTP_GCM_128 : SUP_SRTP_CM_80;
    size_t salt = d->keys.profile == SUP_SRTP_GCM_128 ? 12 : 14;
    uint8_t out[2 * (MASTER_KEY_LEN + SUP_SRTP_SALT_MAX)];
    if (SSL_export_keying_material(d->ssl, out, 2 * (MASTER_KEY_LEN + salt), label,
                                   sizeof(label) - 1, NULL, 0, 0) != 1)
        return false;
    const uint8_t *salts = out + 2 * MASTER_KEY_LEN;
    memcpy(d->keys.recv.key, out, MASTER_KEY_LEN);
    memcpy(d->keys.send.key, out + MASTER_KEY_LEN, MASTER_KEY_LEN);
    memcpy(d->keys.recv.salt, salts, salt);
    memcpy(d->keys.send.salt, salts + salt, salt);
    sup_wipe(out, sizeof(out));
    d->has_keys = true;
    return true;
}

static enum sup_dtls_reason reason_of_error(const struct sup_dtls *d)
{
    if (d->reason == SUP_DTLS_BAD_FINGERPRINT)
        return SUP_DTLS_BAD_FINGERPRINT;
    unsigned long error = ERR_peek_last_error();
    int reason = ERR_GET_REASON(error);
    if (ERR_GET_LIB(error) != ERR_LIB_SSL)
        return SUP_DTLS_PROTOCOL;
    if (reason == SSL_R_READ_TIMEOUT_EXPIRED)
        return SUP_DTLS_TIMED_OUT;
    /* Alerts of the peer are 1000 + their number. */
    return reason >= SSL_AD_REASON_OFFSET ? SUP_DTLS_ALERT : SUP_DTLS_PROTOCOL;
}

static void fail(struct sup_dtls *d)
{
    enum sup_dtls_reason reason = reason_of_error(d);
    drain(d); /* the alert */
    set_state(d, SUP_DTLS_FAILED, reason);
}

static void handle_result(struct sup_dtls *d, int result)
{
    switch (SSL_get_error(d->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        drain(d);
        break;
    case SSL_ERROR_ZERO_RETURN:
        (void)SSL_shutdown(d->ssl);
        drain(d);
        set_state(d, SUP_DTLS_CLOSED, SUP_DTLS_OK);
        break;
    default:
        fail(d);
    }
}

static void handshake(struct sup_dtls *d)
{
    int result = SSL_do_handshake(d->ssl);
    if (result != 1) {
        handle_result(d, result);
        return;
    }
    drain(d);
    if (export_keys(d)) {
        set_state(d, SUP_DTLS_CONNECTED, SUP_DTLS_OK);
        return;
    }
    (void)SSL_shutdown(d->ssl);
    drain(d);
    set_state(d, SUP_DTLS_FAILED, SUP_DTLS_NO_PROFILE);
}

/* Alerts, and the repetition of our last flight when the peer repeats its own. Application data
 * has no meaning here and is dropped. */
static void read_records(struct sup_dtls *d)
{
    uint8_t drop[2048];
    int n;
    do
        n = SSL_read(d->ssl, drop, sizeof(drop));
    while (n > 0);
    handle_result(d, n);
}

static bool is_final(const struct sup_dtls *d)
{
    return d->state == SUP_DTLS_FAILED || d->state == SUP_DTLS_CLOSED;
}

/* Once connected, the 33 kB of record buffers are given back between the rare datagrams. OpenSSL
 * makes them anew for reading by itself, but not for writing. */
static bool has_buffers(struct sup_dtls *d)
{
    return d->state == SUP_DTLS_HANDSHAKE || SSL_alloc_buffers(d->ssl) == 1;
}

sup_err sup_dtls_feed(struct sup_dtls *dtls, const uint8_t *datagram, size_t len)
{
    assert(dtls && datagram);
    if (len < RECORD_HEADER_LEN || len > SUP_DTLS_DATAGRAM_MAX || datagram[0] < 20 ||
        datagram[0] > 63)
        return SUP_E_MALFORMED;
    if (is_final(dtls))
        return SUP_E_STATE;
    ERR_clear_error();
    if (!has_buffers(dtls))
        return SUP_OK;
    /* What an earlier datagram left behind must not be read as the head of this one. */
    (void)BIO_reset(dtls->in);
    if (BIO_write(dtls->in, datagram, (int)len) != (int)len)
        return SUP_OK; /* out of memory: a lost datagram, which the peer repeats */
    if (dtls->state == SUP_DTLS_HANDSHAKE)
        handshake(dtls);
    if (dtls->state == SUP_DTLS_CONNECTED)
        read_records(dtls);
    if (dtls->state != SUP_DTLS_HANDSHAKE)
        (void)SSL_free_buffers(dtls->ssl);
    ERR_clear_error();
    update_deadline(dtls);
    return SUP_OK;
}

uint64_t sup_dtls_deadline(const struct sup_dtls *dtls)
{
    return dtls->deadline_us;
}

void sup_dtls_on_timeout(struct sup_dtls *dtls)
{
    if (dtls->state != SUP_DTLS_HANDSHAKE)
        return;
    ERR_clear_error();
    if (DTLSv1_handle_timeout(dtls->ssl) < 0)
        fail(dtls);
    else
        drain(dtls);
    ERR_clear_error();
    update_deadline(dtls);
}

void sup_dtls_close(struct sup_dtls *dtls)
{
    if (is_final(dtls))
        return;
    ERR_clear_error();
    if (dtls->state == SUP_DTLS_CONNECTED && has_buffers(dtls)) {
        (void)SSL_shutdown(dtls->ssl);
        drain(dtls);
    }
    ERR_clear_error();
    set_state(dtls, SUP_DTLS_CLOSED, SUP_DTLS_OK);
}

enum sup_dtls_state sup_dtls_state_of(const struct sup_dtls *dtls)
{
    return dtls->state;
}

enum sup_dtls_reason sup_dtls_reason_of(const struct sup_dtls *dtls)
{
    return dtls->reason;
}

sup_err sup_dtls_get_keys(const struct sup_dtls *dtls, struct sup_srtp_keys *ret_keys)
{
    if (!dtls->has_keys)
        return SUP_E_STATE;
    *ret_keys = dtls->keys;
    return SUP_OK;
}

/* Replaces OpenSSL's chain check: the certificate is the one whose hash came with the offer, or
 * the handshake ends with an alert. */
int sup_dtls_verify_peer(X509_STORE_CTX *store, void *arg)
{
    (void)arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct sup_dtls *d = ssl ? SSL_get_app_data(ssl) : NULL;
    X509 *cert = X509_STORE_CTX_get0_cert(store);
    const EVP_MD *md = d ? sup_dtls_hash_md(d->opts.peer.hash) : NULL;
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    if (md && cert && X509_digest(cert, md, digest, &len) == 1 && len == d->opts.peer.len &&
        CRYPTO_memcmp(digest, d->opts.peer.digest, len) == 0) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    if (d)
        d->reason = SUP_DTLS_BAD_FINGERPRINT;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static sup_err open_ssl(struct sup_dtls *d)
{
    d->ssl = SSL_new(sup_dtls_identity_ctx(d->opts.identity));
    if (!d->ssl)
        return SUP_E_CRYPTO;
    d->in = BIO_new(BIO_s_mem());
    d->out = BIO_new(BIO_s_mem());
    if (!d->in || !d->out) {
        BIO_free(d->in);
        BIO_free(d->out);
        return SUP_E_CRYPTO;
    }
    BIO_set_mem_eof_return(d->in, -1); /* empty means "later", not "end" */
    BIO_set_mem_eof_return(d->out, -1);
    SSL_set_bio(d->ssl, d->in, d->out);
    SSL_set_app_data(d->ssl, d);
    SSL_set_accept_state(d->ssl);
    (void)SSL_set_mtu(d->ssl, SUP_DTLS_MTU);
    DTLS_set_timer_cb(d->ssl, next_timeout);
    return SUP_OK;
}

sup_err sup_dtls_create(const struct sup_dtls_opts *opts, struct sup_dtls **ret_dtls)
{
    assert(opts && opts->identity && opts->on_send && ret_dtls);
    const EVP_MD *md = sup_dtls_hash_md(opts->peer.hash);
    if (!md || opts->peer.len != (size_t)EVP_MD_get_size(md))
        return SUP_E_INVAL;
    struct sup_dtls *d = sup_calloc(1, sizeof(*d));
    if (!d)
        return SUP_E_NOMEM;
    d->opts = *opts;
    d->deadline_us = SUP_DTLS_NEVER;
    sup_err err = open_ssl(d);
    if (err != SUP_OK) {
        sup_dtls_destroy(d);
        return err;
    }
    *ret_dtls = d;
    return SUP_OK;
}

void sup_dtls_destroy(struct sup_dtls *dtls)
{
    if (!dtls)
        return;
    SSL_free(dtls->ssl);
    sup_wipe(dtls, sizeof(*dtls));
    sup_free(dtls);
}
