/* Unit tests of media/srtp: both profiles, both packet kinds, and the differential run. */
#include "supportd/media/srtp.h"

#include <string.h>

#include "support/check_main.h"
#include "support/srtp_differential.h"

static struct sup_srtp *alice, *bob;

static void make_pair(enum sup_srtp_profile profile, bool libsrtp_only)
{
    struct sup_srtp_opts opts = {.keys.profile = profile, .libsrtp_only = libsrtp_only};
    memset(&opts.keys.send, 0x11, sizeof(opts.keys.send));
    memset(&opts.keys.recv, 0x77, sizeof(opts.keys.recv));
    ck_assert_int_eq(sup_srtp_create(&opts, &alice), SUP_OK);
    struct sup_srtp_master swap = opts.keys.send;
    opts.keys.send = opts.keys.recv;
    opts.keys.recv = swap;
    opts.libsrtp_only = false;
    ck_assert_int_eq(sup_srtp_create(&opts, &bob), SUP_OK);
}

static void setup(void)
{
    ck_assert_int_eq(sup_srtp_setup(), SUP_OK);
}

static void teardown(void)
{
    sup_srtp_destroy(alice);
    sup_srtp_destroy(bob);
    alice = bob = NULL;
    sup_srtp_teardown();
    ck_assert_uint_eq(sup_mem_live(), 0);
}

/* An RTP packet of alice's, 12 + 30 bytes. */
static size_t send_rtp(uint16_t seq, uint8_t ssrc, uint8_t *pkt)
{
    memset(pkt, 0x42, 42);
    memset(pkt, 0, 12);
    pkt[0] = 0x80;
    pkt[2] = (uint8_t)(seq >> 8);
    pkt[3] = (uint8_t)seq;
    pkt[11] = ssrc;
    size_t len = 0;
    ck_assert_int_eq(sup_srtp_protect_rtp(alice, pkt, 42, 128, &len), SUP_OK);
    return len;
}

static size_t send_rtcp(uint8_t ssrc, uint8_t *pkt)
{
    const uint8_t report[32] = {0x81, 201, 0, 7, 0, 0, 0, ssrc};
    memcpy(pkt, report, sizeof(report));
    size_t len = 0;
    ck_assert_int_eq(sup_srtp_protect_rtcp(alice, pkt, 32, 128, &len), SUP_OK);
    return len;
}

static sup_err hear(bool rtcp, const uint8_t *pkt, size_t len)
{
    uint8_t copy[128];
    memcpy(copy, pkt, len);
    return rtcp ? sup_srtp_unprotect_rtcp(bob, copy, len, &len)
                : sup_srtp_unprotect_rtp(bob, copy, len, &len);
}

static struct sup_srtp_stats bobs_stats(void)
{
    struct sup_srtp_stats stats;
    sup_srtp_get_stats(bob, &stats);
    return stats;
}

static void exchange(size_t rtp_overhead)
{
    uint8_t pkt[128];
    size_t len = send_rtp(1, 9, pkt);
    ck_assert_uint_eq(len, 42 + rtp_overhead);
    ck_assert_int_eq(hear(false, pkt, len), SUP_OK);
    ck_assert_int_eq(hear(false, pkt, len), SUP_E_CONFLICT);
    pkt[20] ^= 1;
    pkt[3] = 2;
    ck_assert_int_eq(hear(false, pkt, len), SUP_E_DENIED);
    len = send_rtcp(9, pkt);
    ck_assert_uint_gt(len, 32);
    pkt[len - 1] ^= 1;
    ck_assert_int_ne(hear(true, pkt, len), SUP_OK);
    pkt[len - 1] ^= 1;
    ck_assert_int_eq(hear(true, pkt, len), SUP_OK);
    ck_assert_int_eq(hear(true, pkt, len), SUP_E_CONFLICT);
    ck_assert_int_eq(hear(true, pkt, 7), SUP_E_MALFORMED);
    ck_assert_int_eq(hear(false, pkt, 11), SUP_E_MALFORMED);
    struct sup_srtp_stats stats = bobs_stats();
    ck_assert_uint_eq(stats.replayed, 2);
    ck_assert_uint_eq(stats.auth_fail, 2);
    ck_assert_uint_eq(stats.malformed, 2);
    ck_assert_uint_eq(stats.too_old, 0);
}

START_TEST(gcm_on_openssl)
{
    make_pair(SUP_SRTP_GCM_128, false);
    exchange(16);
    ck_assert_int_eq(sup_srtp_profile_of(bob), SUP_SRTP_GCM_128);
}
END_TEST

START_TEST(gcm_on_libsrtp_talks_to_gcm_on_openssl)
{
    make_pair(SUP_SRTP_GCM_128, true);
    exchange(16);
}
END_TEST

START_TEST(cm_80)
{
    make_pair(SUP_SRTP_CM_80, false);
    exchange(10);
}
END_TEST

static void flood(enum sup_srtp_profile profile)
{
    make_pair(profile, false);
    uint8_t pkt[128];
    size_t len = send_rtp(1, 200, pkt);
    for (uint8_t ssrc = 1; ssrc < 100; ssrc++) { /* forged SSRCs take no place */
        pkt[11] = ssrc;
        ck_assert_int_eq(hear(false, pkt, len), SUP_E_DENIED);
    }
    for (uint8_t ssrc = 201; ssrc < 200 + SUP_SRTP_STREAMS; ssrc++) {
        len = send_rtp(1, ssrc, pkt);
        ck_assert_int_eq(hear(false, pkt, len), SUP_OK);
    }
    /* alice has used all that she may; one more is refused on both sides. */
    size_t ret;
    uint8_t more[128] = {0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 200 + SUP_SRTP_STREAMS};
    ck_assert_int_eq(sup_srtp_protect_rtp(alice, more, 42, 128, &ret), SUP_E_LIMIT);
    len = send_rtp(2, 200, pkt);
    ck_assert_int_eq(hear(false, pkt, len), SUP_OK);
    pkt[11] = 200 + SUP_SRTP_STREAMS;
    ck_assert_int_eq(hear(false, pkt, len), SUP_E_LIMIT);
    ck_assert_uint_eq(bobs_stats().ssrc_limit, 1);
    ck_assert_uint_eq(bobs_stats().auth_fail, 99);
}

START_TEST(ssrc_limit_gcm)
{
    flood(SUP_SRTP_GCM_128);
}
END_TEST

START_TEST(ssrc_limit_cm)
{
    flood(SUP_SRTP_CM_80);
}
END_TEST

START_TEST(sequence_numbers_are_never_reused)
{
    const enum sup_srtp_profile both[] = {SUP_SRTP_GCM_128, SUP_SRTP_CM_80};
    for (size_t i = 0; i < 2; i++) {
        make_pair(both[i], false);
        uint8_t pkt[128];
        send_rtp(500, 9, pkt);
        uint8_t again[128] = {0x80, 0, 500 >> 8, 500 & 0xff, 0, 0, 0, 0, 0, 0, 0, 9};
        size_t len;
        ck_assert_int_eq(sup_srtp_protect_rtp(alice, again, 42, 128, &len), SUP_E_CONFLICT);
        again[2] = 0;
        ck_assert_int_eq(sup_srtp_protect_rtp(alice, again, 42, 128, &len), SUP_E_CONFLICT);
        ck_assert_int_eq(sup_srtp_protect_rtp(alice, again, 42, 73, &len), SUP_E_LIMIT);
        ck_assert_int_eq(sup_srtp_protect_rtcp(alice, again, 42, 73, &len), SUP_E_LIMIT);
        sup_srtp_destroy(alice);
        sup_srtp_destroy(bob);
        alice = bob = NULL;
    }
}
END_TEST

START_TEST(bad_options_and_lack_of_memory)
{
    struct sup_srtp_opts opts = {.keys.profile = (enum sup_srtp_profile)8};
    ck_assert_int_eq(sup_srtp_create(&opts, &alice), SUP_E_INVAL);
    opts.keys.profile = SUP_SRTP_GCM_128;
    opts.window = 100;
    ck_assert_int_eq(sup_srtp_create(&opts, &alice), SUP_E_INVAL);
    opts.window = 256;
    for (size_t n = 1; n <= 3; n++) {
        sup_mem_fail_at(n);
        ck_assert_int_eq(sup_srtp_create(&opts, &alice), SUP_E_NOMEM);
        ck_assert_ptr_null(alice);
    }
    sup_mem_fail_at(0);
    sup_srtp_destroy(NULL);
}
END_TEST

/* xorshift64*: seeded, the same everywhere. */
static uint8_t next_byte(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint8_t)(*state * 0x2545f4914f6cdd1dULL >> 56);
}

START_TEST(differential_run_against_libsrtp)
{
    const char *text = getenv("SUP_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 20261122;
    printf("srtp differential: seed %llu\n", (unsigned long long)seed);
    uint64_t state = seed | 1, accepted = 0, replayed = 0, too_old = 0, denied = 0, limited = 0,
             reported = 0;
    for (int round = 0; round < 50; round++) {
        static struct diff d;
        uint8_t script[29];
        for (size_t i = 0; i < sizeof(script); i++)
            script[i] = next_byte(&state);
        diff_open(&d, script, 128 + 64u * (script[28] % 15));
        for (int step = 0; step < 2000; step++) {
            uint8_t s[6];
            for (size_t i = 0; i < sizeof(s); i++)
                s[i] = next_byte(&state);
            diff_step(&d, s);
        }
        accepted += d.accepted;
        replayed += d.replayed;
        too_old += d.too_old;
        denied += d.denied;
        limited += d.limited;
        reported += d.reported;
        diff_close(&d);
    }
    /* The run means something only if every verdict was reached often. */
    ck_assert_uint_gt(accepted, 1000);
    ck_assert_uint_gt(replayed, 1000);
    ck_assert_uint_gt(too_old, 1000);
    ck_assert_uint_gt(denied, 1000);
    ck_assert_uint_gt(limited, 100);
    ck_assert_uint_gt(reported, 1000);
}
END_TEST

SUP_CHECK_MAIN("srtp", setup, teardown, gcm_on_openssl, gcm_on_libsrtp_talks_to_gcm_on_openssl,
               cm_80, ssrc_limit_gcm, ssrc_limit_cm, sequence_numbers_are_never_reused,
               bad_options_and_lack_of_memory, differential_run_against_libsrtp)
