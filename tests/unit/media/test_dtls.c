/* Unit tests of media/dtls: browsers' first packets, whole handshakes, refusals, lost datagrams. */
#include "supportd/media/dtls.h"

#include <stdio.h>
#include <unistd.h>

#include "support/check_main.h"
#include "support/dtls_peer.h"
#include "support/hex.h"
#include "supportd/base/clock.h"

enum { QUEUE = 32, DATAGRAM = 2048 };

static struct sup_dtls_identity *identity;
static struct sup_dtls *dtls;
static struct dtls_peer peer;
static struct {
    uint8_t bytes[QUEUE][DATAGRAM];
    size_t len[QUEUE], count, total;
} sent; /* by us */
static int state_calls;

static void on_send(const uint8_t *datagram, size_t len, void *arg)
{
    ck_assert_ptr_eq(arg, &sent);
    ck_assert_uint_le(len, SUP_DTLS_MTU);
    ck_assert_uint_lt(sent.count, QUEUE);
    memcpy(sent.bytes[sent.count], datagram, len);
    sent.len[sent.count++] = len;
    sent.total++;
}

static void on_state(struct sup_dtls *d, enum sup_dtls_state state, void *arg)
{
    ck_assert_ptr_eq(arg, &sent);
    ck_assert_int_eq(sup_dtls_state_of(d), state);
    state_calls++;
}

static void setup(void)
{
    memset(&sent, 0, sizeof(sent));
    state_calls = 0;
    ck_assert_int_eq(sup_dtls_identity_create(&identity), SUP_OK);
}

static void teardown(void)
{
    sup_dtls_destroy(dtls);
    dtls = NULL;
    if (peer.ssl)
        dtls_peer_close(&peer);
    sup_dtls_identity_destroy(identity);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

static void open_session(const struct sup_sdp_fingerprint *fingerprint)
{
    struct sup_dtls_opts opts = {.identity = identity,
                                 .peer = *fingerprint,
                                 .on_send = on_send,
                                 .on_state = on_state,
                                 .arg = &sent};
    ck_assert_int_eq(sup_dtls_create(&opts, &dtls), SUP_OK);
}

/* One exchange; drop_out and drop_in are bit masks over all datagrams so far, each used once. */
static uint32_t drop_out, drop_in;
static unsigned seen_out, seen_in;

static bool dropped(uint32_t mask, unsigned *seen)
{
    unsigned n = (*seen)++;
    return n < 32 && (mask >> n & 1);
}

static void exchange(void)
{
    uint8_t p[DATAGRAM];
    size_t len;
    dtls_peer_step(&peer);
    for (int round = 0; round < 20; round++) {
        while ((len = dtls_peer_take(&peer, p, sizeof(p))) > 0) {
            if (dropped(drop_in, &seen_in))
                continue;
            sup_err err = sup_dtls_feed(dtls, p, len);
            ck_assert(err == SUP_OK || sup_dtls_state_of(dtls) >= SUP_DTLS_FAILED);
        }
        size_t n = sent.count;
        for (size_t i = 0; i < n; i++) {
            if (!dropped(drop_out, &seen_out))
                dtls_peer_feed(&peer, sent.bytes[i], sent.len[i]);
        }
        sent.count = 0;
    }
}

static void check_keys_fit(enum sup_srtp_profile profile)
{
    struct sup_srtp_keys ours, theirs = dtls_peer_keys(&peer);
    ck_assert_int_eq(sup_dtls_get_keys(dtls, &ours), SUP_OK);
    ck_assert_int_eq(ours.profile, profile);
    ck_assert_mem_eq(&ours.send, &theirs.recv, sizeof(ours.send));
    ck_assert_mem_eq(&ours.recv, &theirs.send, sizeof(ours.recv));
    ck_assert_mem_ne(&ours.recv, &ours.send, sizeof(ours.recv));
}

static void reset_drops(void)
{
    drop_out = drop_in = 0;
    seen_out = seen_in = 0;
}

START_TEST(handshake_prefers_gcm_whatever_the_client_prefers)
{
    reset_drops();
    dtls_peer_open(&peer, "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_256_GCM:SRTP_AEAD_AES_128_GCM",
                   true);
    open_session(&peer.fingerprint);
    exchange();
    ck_assert(dtls_peer_done(&peer));
    ck_assert_int_eq(sup_dtls_state_of(dtls), SUP_DTLS_CONNECTED);
    ck_assert_uint_eq(sup_dtls_deadline(dtls), SUP_DTLS_NEVER);
    ck_assert_int_eq(state_calls, 1);
    check_keys_fit(SUP_SRTP_GCM_128);
    /* Our certificate is the one that our fingerprint announces. */
    X509 *cert = SSL_get1_peer_certificate(peer.ssl);
    struct sup_sdp_fingerprint fp = dtls_peer_hash(cert, SUP_SDP_SHA256, EVP_sha256());
    X509_free(cert);
    ck_assert_mem_eq(&fp, sup_dtls_identity_fingerprint(identity), sizeof(fp));
}
END_TEST

START_TEST(cm_is_the_fallback)
{
    reset_drops();
    dtls_peer_open(&peer, "SRTP_AES128_CM_SHA1_80", true);
    open_session(&peer.fingerprint);
    exchange();
    ck_assert_int_eq(sup_dtls_state_of(dtls), SUP_DTLS_CONNECTED);
    check_keys_fit(SUP_SRTP_CM_80);
}
END_TEST

static void refused_handshake(void)
{
    reset_drops();
    exchange();
    ck_assert_int_eq(sup_dtls_state_of(dtls), SUP_DTLS_FAILED);
    ck_assert(peer.failed); /* an alert arrived: the browser sees "failed", not "connected" */
    ck_assert_int_ge(ERR_GET_REASON(peer.error), SSL_AD_REASON_OFFSET);
    ck_assert_uint_eq(sup_dtls_deadline(dtls), SUP_DTLS_NEVER);
    struct sup_srtp_keys keys;
    ck_assert_int_eq(sup_dtls_get_keys(dtls, &keys), SUP_E_STATE);
    ck_assert_int_eq(sup_dtls_feed(dtls, (const uint8_t[13]){22}, 13), SUP_E_STATE);
    size_t before = sent.total;
    sup_dtls_on_timeout(dtls);
    sup_dtls_close(dtls);
    ck_assert_uint_eq(sent.total, before);
    ck_assert_int_eq(state_calls, 1);
}

START_TEST(wrong_certificate_gets_an_alert_and_no_keys)
{
    dtls_peer_open(&peer, "SRTP_AEAD_AES_128_GCM", true);
    struct sup_sdp_fingerprint other = peer.fingerprint;
    other.digest[31] ^= 1;
    open_session(&other);
    refused_handshake();
    ck_assert_int_eq(sup_dtls_reason_of(dtls), SUP_DTLS_BAD_FINGERPRINT);
}
END_TEST

START_TEST(no_certificate_gets_an_alert)
{
    dtls_peer_open(&peer, "SRTP_AEAD_AES_128_GCM", false);
    open_session(&peer.fingerprint);
    refused_handshake();
    ck_assert_int_eq(sup_dtls_reason_of(dtls), SUP_DTLS_PROTOCOL);
}
END_TEST

START_TEST(no_common_profile_fails)
{
    const char *const profiles[] = {NULL, "SRTP_AES128_CM_SHA1_32"};
    for (size_t i = 0; i < 2; i++) {
        reset_drops();
        dtls_peer_open(&peer, profiles[i], true);
        open_session(&peer.fingerprint);
        exchange();
        ck_assert_int_eq(sup_dtls_state_of(dtls), SUP_DTLS_FAILED);
        ck_assert_int_eq(sup_dtls_reason_of(dtls), SUP_DTLS_NO_PROFILE);
        struct sup_srtp_keys keys;
        ck_assert_int_eq(sup_dtls_get_keys(dtls, &keys), SUP_E_STATE);
        sup_dtls_destroy(dtls);
        dtls = NULL;
        dtls_peer_close(&peer);
    }
}
END_TEST

START_TEST(longer_hashes_are_accepted)
{
    const struct {
        enum sup_sdp_hash hash;
        const EVP_MD *(*md)(void);
    } kinds[] = {{SUP_SDP_SHA384, EVP_sha384}, {SUP_SDP_SHA512, EVP_sha512}};
    for (size_t i = 0; i < 2; i++) {
        reset_drops();
        dtls_peer_open(&peer, "SRTP_AEAD_AES_128_GCM", true);
        peer.fingerprint =
            dtls_peer_hash(SSL_get_certificate(peer.ssl), kinds[i].hash, kinds[i].md());
        open_session(&peer.fingerprint);
        exchange();
        ck_assert_int_eq(sup_dtls_state_of(dtls), SUP_DTLS_CONNECTED);
        sup_dtls_destroy(dtls);
        dtls = NULL;
        dtls_peer_close(&peer);
    }
}
END_TEST

/* Waits for whichever side is due and lets it repeat its flight. */
static void pass_time(void)
{
    struct timeval tv = {0};
    usleep(20000);
    if (DTLSv1_get_timeout(peer.ssl, &tv) && tv.tv_sec == 0 && tv.tv_usec == 0)
        DTLSv1_handle_timeout(peer.ssl);
    if (sup_dtls_deadline(dtls) <= sup_clock_mono_us())
        sup_dtls_on_timeout(dtls);
}

static unsigned int quick_timer(SSL *ssl, unsigned int last_us)
{
    (void)ssl;
    (void)last_us;
    return 60000;
}

START_TEST(lost_datagrams_are_repeated)
{
    /* Each single loss in either direction, then everything sent first in both. */
    const uint32_t masks[][2] = {{1, 0}, {2, 0}, {0, 1}, {0, 2}, {0, 4}, {0, 8}, {3, 3}, {0, 0x1f}};
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        reset_drops();
        drop_out = masks[i][0];
        drop_in = masks[i][1];
        sent.count = 0;
        dtls_peer_open(&peer, "SRTP_AEAD_AES_128_GCM", true);
        DTLS_set_timer_cb(peer.ssl, quick_timer);
        open_session(&peer.fingerprint);
        exchange();
        for (int n = 0; n < 200; n++) {
            if (dtls_peer_done(&peer) && sup_dtls_state_of(dtls) == SUP_DTLS_CONNECTED)
                break;
            pass_time();
            exchange();
        }
        ck_assert_msg(dtls_peer_done(&peer), "mask %zu", i);
        check_keys_fit(SUP_SRTP_GCM_128);
        sup_dtls_destroy(dtls);
        dtls = NULL;
        dtls_peer_close(&peer);
    }
}
END_TEST

START_TEST(deadline_is_set_while_waiting_and_backs_off)
{
    reset_drops();
    dtls_peer_open(&peer, "SRTP_AEAD_AES_128_GCM", true);
    open_session(&peer.fingerprint);
    ck_assert_uint_eq(sup_dtls_deadline(dtls), SUP_DTLS_NEVER);
    drop_out = 0xffffffff;
    exchange();
    uint64_t start = sup_clock_mono_us();
    uint64_t first = sup_dtls_deadline(dtls) - start;
    ck_assert_uint_le(first, 200000);
    ck_assert_uint_gt(first, 0);
    size_t before = sent.total;
    sup_dtls_on_timeout(dtls); /* not due: nothing is sent */
    ck_assert_uint_eq(sent.total, before);
    usleep(210000);
    sup_dtls_on_timeout(dtls);
    ck_assert_uint_gt(sent.total, before);
    ck_assert_uint_gt(sup_dtls_deadline(dtls) - sup_clock_mono_us(), 200000);
}
END_TEST

START_TEST(close_notify_either_way)
{
    for (int ours = 0; ours < 2; ours++) {
        reset_drops();
        state_calls = 0;
        dtls_peer_open(&peer, "SRTP_AEAD_AES_128_GCM", true);
        open_session(&peer.fingerprint);
        exchange();
        ck_assert_int_eq(sup_dtls_state_of(dtls), SUP_DTLS_CONNECTED);
        if (ours)
            sup_dtls_close(dtls);
        else
            SSL_shutdown(peer.ssl);
        exchange();
        ck_assert_int_eq(sup_dtls_state_of(dtls), SUP_DTLS_CLOSED);
        ck_assert_int_ne(SSL_get_shutdown(peer.ssl) & SSL_RECEIVED_SHUTDOWN, 0);
        ck_assert_int_eq(state_calls, 2);
        struct sup_srtp_keys keys; /* still to be read by who comes late */
        ck_assert_int_eq(sup_dtls_get_keys(dtls, &keys), SUP_OK);
        sup_dtls_destroy(dtls);
        dtls = NULL;
        dtls_peer_close(&peer);
    }
}
END_TEST

/* Feeds the "dtls" lines of a capture; returns how many were fed before the first answer. */
static int feed_capture(const char *path)
{
    static char line[8192];
    uint8_t p[DATAGRAM];
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    int fed = 0;
    while (sent.count == 0 && fgets(line, sizeof(line), f)) {
        if (strncmp(line, "dtls ", 5) != 0)
            continue;
        ck_assert_int_eq(sup_dtls_feed(dtls, p, sup_hex_read(line + 5, p, sizeof(p))), SUP_OK);
        fed++;
    }
    fclose(f);
    return fed;
}

static bool contains(const uint8_t *hay, size_t len, const uint8_t *needle, size_t n)
{
    return memmem(hay, len, needle, n) != NULL;
}

START_TEST(captured_browsers_get_a_server_hello_with_gcm)
{
    const char *const captures[] = {SUP_TEST_VECTORS "/media/chromium156-first-packets.hex",
                                    SUP_TEST_VECTORS "/media/firefox153-first-packets.hex"};
    /* extension use_srtp, 5 bytes: one profile, 0x0007, no MKI */
    static const uint8_t gcm[] = {0x00, 0x0e, 0x00, 0x05, 0x00, 0x02, 0x00, 0x07, 0x00};
    const struct sup_sdp_fingerprint fp = {.hash = SUP_SDP_SHA256, .len = 32};
    for (size_t i = 0; i < 2; i++) {
        sent.count = 0;
        open_session(&fp);
        ck_assert_int_eq(feed_capture(captures[i]), 2); /* a ClientHello in two datagrams */
        ck_assert_int_eq(sup_dtls_state_of(dtls), SUP_DTLS_HANDSHAKE);
        ck_assert_uint_ge(sent.count, 1);
        ck_assert_uint_eq(sent.bytes[0][0], 22); /* handshake */
        ck_assert_uint_eq(sent.bytes[0][13], 2); /* ServerHello */
        ck_assert(contains(sent.bytes[0], sent.len[0], gcm, sizeof(gcm)));
        ck_assert_uint_ne(sup_dtls_deadline(dtls), SUP_DTLS_NEVER);
        sup_dtls_destroy(dtls);
        dtls = NULL;
    }
}
END_TEST

START_TEST(garbage_is_refused_or_ignored)
{
    uint8_t junk[SUP_DTLS_DATAGRAM_MAX + 1];
    memset(junk, 0x16, sizeof(junk));
    reset_drops();
    dtls_peer_open(&peer, "SRTP_AEAD_AES_128_GCM", true);
    open_session(&peer.fingerprint);
    ck_assert_int_eq(sup_dtls_feed(dtls, junk, 12), SUP_E_MALFORMED);
    ck_assert_int_eq(sup_dtls_feed(dtls, junk, sizeof(junk)), SUP_E_MALFORMED);
    ck_assert_int_eq(sup_dtls_feed(dtls, (const uint8_t[20]){19}, 20), SUP_E_MALFORMED);
    ck_assert_int_eq(sup_dtls_feed(dtls, (const uint8_t[20]){64}, 20), SUP_E_MALFORMED);
    ck_assert_int_eq(sup_dtls_feed(dtls, junk, 200), SUP_OK);
    exchange(); /* and the real handshake goes through all the same */
    ck_assert_int_eq(sup_dtls_state_of(dtls), SUP_DTLS_CONNECTED);
    ck_assert_int_eq(sup_dtls_feed(dtls, junk, 200), SUP_OK);
    ck_assert_int_eq(sup_dtls_state_of(dtls), SUP_DTLS_CONNECTED);
}
END_TEST

START_TEST(lack_of_memory_and_bad_options)
{
    struct sup_dtls_identity *none = NULL;
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_dtls_identity_create(&none), SUP_E_NOMEM);
    struct sup_dtls_opts opts = {.identity = identity, .on_send = on_send};
    ck_assert_int_eq(sup_dtls_create(&opts, &dtls), SUP_E_INVAL);
    opts.peer = (struct sup_sdp_fingerprint){.hash = SUP_SDP_SHA256, .len = 32};
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_dtls_create(&opts, &dtls), SUP_E_NOMEM);
    ck_assert_ptr_null(dtls);
    sup_dtls_destroy(NULL);
    sup_dtls_identity_destroy(NULL);
}
END_TEST

SUP_CHECK_MAIN("dtls", setup, teardown, handshake_prefers_gcm_whatever_the_client_prefers,
               cm_is_the_fallback, wrong_certificate_gets_an_alert_and_no_keys,
               no_certificate_gets_an_alert, no_common_profile_fails, longer_hashes_are_accepted,
               lost_datagrams_are_repeated, deadline_is_set_while_waiting_and_backs_off,
               close_notify_either_way, captured_browsers_get_a_server_hello_with_gcm,
               garbage_is_refused_or_ignored, lack_of_memory_and_bad_options)
