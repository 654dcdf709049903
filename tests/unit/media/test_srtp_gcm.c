/* Unit tests of media/srtp_gcm: published vectors, replay, roll-over, tampering. */
#include "supportd/media/srtp_gcm.h"

#include <string.h>

#include "support/check_main.h"
#include "support/hex.h"

/* RFC 7714 section 16: key, salt, packet and result of AEAD_AES_128_GCM. */
static const char vector_key[] = "000102030405060708090a0b0c0d0e0f";
static const char vector_salt[] = "517569642070726f2071756f";
static const char vector_plain[] = "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697"
                                   "669736120696e20706172746573207472"
                                   "6573";
static const char vector_sealed[] = "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633b"
                                    "d50d294e6f42a5f47a51c7d19b36de3adf"
                                    "8833899d7f27beb16a9152cf765ee4390cce";

static struct sup_srtp_gcm *out, *in;

static struct sup_srtp_gcm *make(bool send, unsigned window)
{
    struct sup_srtp_gcm_opts opts = {.send = send, .window = window};
    struct sup_srtp_gcm *gcm = NULL;
    ck_assert_uint_eq(sup_hex_read(vector_key, opts.keys.key, 16), 16);
    ck_assert_uint_eq(sup_hex_read(vector_salt, opts.keys.salt, 12), 12);
    ck_assert_int_eq(sup_srtp_gcm_create(&opts, &gcm), SUP_OK);
    return gcm;
}

static void setup(void)
{
    out = make(true, 0);
    in = make(false, 0);
}

static void teardown(void)
{
    sup_srtp_gcm_destroy(out);
    sup_srtp_gcm_destroy(in);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

static struct sup_srtp_gcm_stats stats_of(const struct sup_srtp_gcm *gcm)
{
    struct sup_srtp_gcm_stats stats;
    sup_srtp_gcm_get_stats(gcm, &stats);
    return stats;
}

/* Packet with 20 payload bytes; returns its protected length. */
static size_t sealed(uint16_t seq, uint32_t ssrc, uint8_t *pkt)
{
    const uint8_t head[12] = {0x80,
                              111,
                              (uint8_t)(seq >> 8),
                              (uint8_t)seq,
                              1,
                              2,
                              3,
                              4,
                              (uint8_t)(ssrc >> 24),
                              (uint8_t)(ssrc >> 16),
                              (uint8_t)(ssrc >> 8),
                              (uint8_t)ssrc};
    memcpy(pkt, head, sizeof(head));
    memset(pkt + 12, 0x55, 20);
    size_t len = 0;
    ck_assert_int_eq(sup_srtp_gcm_protect(out, pkt, 32, 64, &len), SUP_OK);
    ck_assert_uint_eq(len, 48);
    return len;
}

static sup_err receive(const uint8_t *pkt, size_t len)
{
    uint8_t copy[256];
    memcpy(copy, pkt, len);
    size_t plain;
    return sup_srtp_gcm_unprotect(in, copy, len, &plain);
}

START_TEST(rfc7714_vector_is_met_in_both_directions)
{
    uint8_t pkt[128], want[128];
    size_t len = sup_hex_read(vector_plain, pkt, sizeof(pkt));
    size_t want_len = sup_hex_read(vector_sealed, want, sizeof(want));
    ck_assert_uint_eq(len, 50);
    ck_assert_uint_eq(want_len, 66);
    ck_assert_int_eq(sup_srtp_gcm_protect(out, pkt, len, sizeof(pkt), &len), SUP_OK);
    ck_assert_uint_eq(len, want_len);
    ck_assert_mem_eq(pkt, want, want_len);
    ck_assert_int_eq(sup_srtp_gcm_unprotect(in, pkt, len, &len), SUP_OK);
    uint8_t plain[128];
    ck_assert_uint_eq(len, sup_hex_read(vector_plain, plain, sizeof(plain)));
    ck_assert_mem_eq(pkt, plain, len);
}
END_TEST

START_TEST(rfc3711_key_derivation_vectors)
{
    /* RFC 3711 section B.3. */
    uint8_t key[16], salt[14], got[32], want[32];
    sup_hex_read("e1f97a0d3e018be0d64fa32c06de4139", key, 16);
    sup_hex_read("0ec675ad498afeebb6960b3aabe6", salt, 14);
    ck_assert_int_eq(sup_srtp_kdf(key, salt, 14, 0, got, 16), SUP_OK);
    sup_hex_read("c61e7a93744f39ee10734afe3ff7a087", want, 16);
    ck_assert_mem_eq(got, want, 16);
    ck_assert_int_eq(sup_srtp_kdf(key, salt, 14, 2, got, 14), SUP_OK);
    sup_hex_read("30cbbc08863d8c85d49db34a9ae1", want, 14);
    ck_assert_mem_eq(got, want, 14);
    ck_assert_int_eq(sup_srtp_kdf(key, salt, 14, 1, got, 20), SUP_OK);
    sup_hex_read("cebe321f6ff7716b6fd4ab49af256a156d38baa4", want, 20);
    ck_assert_mem_eq(got, want, 20);
    ck_assert_int_eq(sup_srtp_kdf(key, salt, 15, 0, got, 16), SUP_E_INVAL);
}
END_TEST

START_TEST(short_salt_is_padded_on_the_right)
{
    uint8_t key[16] = {1}, salt[14] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 9, 9, 9}, long_form[16];
    struct sup_srtp_gcm_keys keys;
    ck_assert_int_eq(sup_srtp_gcm_derive(key, salt, SUP_SRTP_GCM_RTP, &keys), SUP_OK);
    ck_assert_int_eq(sup_srtp_kdf(key, salt, 14, 0, long_form, 16), SUP_OK);
    ck_assert_mem_eq(keys.key, long_form, 16);
    ck_assert_int_eq(sup_srtp_kdf(key, salt, 14, 2, long_form, 12), SUP_OK);
    ck_assert_mem_eq(keys.salt, long_form, 12);
}
END_TEST

/* RFC 7714 section 17: an encrypted report of the same key and salt, index 0x5d4. */
static const char rtcp_plain[] = "81c8000d4d6172734e5450314e545032525450200000042a0000e930"
                                 "4c756e61deadbeefdeadbeefdeadbeefdeadbeefdeadbeef";
static const char rtcp_sealed[] = "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32d"
                                  "c676a5f1730d6fda4ce09b4686303ded"
                                  "0bb9275bc84aa458"
                                  "96cf4d2fc5abf872"
                                  "45d9eade800005d4";
static struct sup_srtp_gcm *rtcp_of(bool send)
{
    struct sup_srtp_gcm_opts opts = {.kind = SUP_SRTP_GCM_RTCP, .send = send};
    struct sup_srtp_gcm *gcm = NULL;
    sup_hex_read(vector_key, opts.keys.key, 16);
    sup_hex_read(vector_salt, opts.keys.salt, 12);
    ck_assert_int_eq(sup_srtp_gcm_create(&opts, &gcm), SUP_OK);
    return gcm;
}

START_TEST(rfc7714_report_vector_is_met_in_both_directions)
{
    struct sup_srtp_gcm *to = rtcp_of(true), *from = rtcp_of(false);
    uint8_t pkt[128], plain[128], want[128];
    size_t plain_len = sup_hex_read(rtcp_plain, plain, sizeof(plain)), len = 0;
    size_t want_len = sup_hex_read(rtcp_sealed, want, sizeof(want));
    ck_assert_uint_eq(want_len, plain_len + 20);
    for (int i = 0; i < 0x5d4; i++) {
        memcpy(pkt, plain, plain_len);
        ck_assert_int_eq(sup_srtp_gcm_protect_rtcp(to, pkt, plain_len, sizeof(pkt), &len), SUP_OK);
    }
    ck_assert_uint_eq(len, want_len);
    ck_assert_mem_eq(pkt, want, want_len);
    ck_assert_int_eq(sup_srtp_gcm_unprotect_rtcp(from, pkt, len, &len), SUP_OK);
    ck_assert_uint_eq(len, plain_len);
    ck_assert_mem_eq(pkt, plain, plain_len);
    sup_srtp_gcm_destroy(to);
    sup_srtp_gcm_destroy(from);
}
END_TEST

START_TEST(reports_are_refused_by_reason_and_change_nothing)
{
    struct sup_srtp_gcm *to = rtcp_of(true), *from = rtcp_of(false);
    uint8_t sealed_report[128] = {0x81, 0xc9, 0, 7, 0, 0, 0, 5}, pkt[128];
    size_t len = 0, ret = 0;
    ck_assert_int_eq(sup_srtp_gcm_protect_rtcp(to, sealed_report, 32, 51, &len), SUP_E_LIMIT);
    ck_assert_int_eq(sup_srtp_gcm_protect_rtcp(to, sealed_report, 7, 128, &len), SUP_E_MALFORMED);
    ck_assert_int_eq(sup_srtp_gcm_protect_rtcp(to, sealed_report, 32, 52, &len), SUP_OK);
    for (size_t i = 0; i < len; i++) { /* every byte counts: header, text, tag and trailer */
        memcpy(pkt, sealed_report, len);
        pkt[i] ^= 1;
        ck_assert_int_eq(sup_srtp_gcm_unprotect_rtcp(from, pkt, len, &ret), SUP_E_DENIED);
    }
    memcpy(pkt, sealed_report, len);
    pkt[len - 4] &= 0x7f; /* "not encrypted" */
    ck_assert_int_eq(sup_srtp_gcm_unprotect_rtcp(from, pkt, len, &ret), SUP_E_DENIED);
    ck_assert_int_eq(sup_srtp_gcm_unprotect_rtcp(from, pkt, 27, &ret), SUP_E_MALFORMED);
    ck_assert_uint_eq(stats_of(from).auth_fail, len + 1);
    memcpy(pkt, sealed_report, len);
    ck_assert_int_eq(sup_srtp_gcm_unprotect_rtcp(from, pkt, len, &ret), SUP_OK);
    ck_assert_uint_eq(ret, 32);
    memcpy(pkt, sealed_report, len);
    ck_assert_int_eq(sup_srtp_gcm_unprotect_rtcp(from, pkt, len, &ret), SUP_E_CONFLICT);
    ck_assert_uint_eq(stats_of(from).replayed, 1);
    sup_srtp_gcm_destroy(to);
    sup_srtp_gcm_destroy(from);
}
END_TEST

START_TEST(replay_is_refused_and_counted_apart)
{
    uint8_t first[64], late[64], newest[64];
    size_t len = sealed(1000, 7, first);
    ck_assert_int_eq(receive(first, len), SUP_OK);
    ck_assert_int_eq(receive(first, len), SUP_E_CONFLICT);
    len = sealed(1001, 7, late);
    len = sealed(1128, 7, newest);
    ck_assert_int_eq(receive(newest, len), SUP_OK);
    ck_assert_int_eq(receive(late, len), SUP_OK); /* 127 behind: the last place of the window */
    ck_assert_int_eq(receive(late, len), SUP_E_CONFLICT);
    ck_assert_int_eq(receive(first, len), SUP_E_TIMEOUT); /* 128 behind */
    struct sup_srtp_gcm_stats stats = stats_of(in);
    ck_assert_uint_eq(stats.replayed, 2);
    ck_assert_uint_eq(stats.too_old, 1);
    ck_assert_uint_eq(stats.auth_fail, 0);
}
END_TEST

START_TEST(rollover_counter_goes_on_through_loss_and_reordering)
{
    uint8_t a[64], b[64], c[64];
    size_t len = sealed(65000, 7, a);
    ck_assert_int_eq(receive(a, len), SUP_OK);
    len = sealed(65535, 7, a);
    len = sealed(0, 7, b);
    len = sealed(40, 7, c);
    ck_assert_int_eq(receive(c, len), SUP_OK); /* wraps by a later packet */
    ck_assert_int_eq(receive(a, len), SUP_OK); /* from before the wrap */
    ck_assert_int_eq(receive(b, len), SUP_OK);
    ck_assert_int_eq(receive(a, len), SUP_E_CONFLICT);
    for (uint32_t seq = 41; seq < 3 * 65536; seq += 20000) { /* two more wraps with large gaps */
        len = sealed((uint16_t)seq, 7, a);
        ck_assert_int_eq(receive(a, len), SUP_OK);
    }
}
END_TEST

START_TEST(any_changed_byte_is_refused_and_changes_no_state)
{
    uint8_t pkt[64];
    size_t len = sealed(500, 9, pkt);
    for (size_t i = 1; i < len; i++) { /* byte 0 changes the shape; see the next test */
        pkt[i] ^= 1;
        ck_assert_int_eq(receive(pkt, len), SUP_E_DENIED);
        pkt[i] ^= 1;
    }
    ck_assert_uint_eq(stats_of(in).auth_fail, len - 1);
    ck_assert_int_eq(receive(pkt, len), SUP_OK);
}
END_TEST

START_TEST(extension_and_csrc_are_authenticated_not_encrypted)
{
    uint8_t pkt[96] = {0x91, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 5, 1, 2, 3, 4, 0xbe, 0xde, 0, 1, 0x10};
    uint8_t plain[96];
    memcpy(plain, pkt, sizeof(pkt));
    size_t len;
    ck_assert_int_eq(sup_srtp_gcm_protect(out, pkt, 40, sizeof(pkt), &len), SUP_OK);
    ck_assert_mem_eq(pkt, plain, 24);
    ck_assert_mem_ne(pkt + 24, plain + 24, 16);
    for (size_t i = 12; i < 24; i++) {
        if (i == 18 || i == 19)
            continue; /* the extension's length */
        pkt[i] ^= 0x80;
        ck_assert_int_eq(receive(pkt, len), SUP_E_DENIED);
        pkt[i] ^= 0x80;
    }
    ck_assert_int_eq(receive(pkt, len), SUP_OK);
}
END_TEST

START_TEST(malformed_packets_are_refused)
{
    uint8_t pkt[64];
    size_t len = sealed(1, 5, pkt), ret;
    for (size_t n = 0; n < 28; n++)
        ck_assert_int_eq(receive(pkt, n), SUP_E_MALFORMED);
    pkt[0] = 0x40; /* version 1 */
    ck_assert_int_eq(receive(pkt, len), SUP_E_MALFORMED);
    pkt[0] = 0x8f; /* 15 CSRCs do not fit */
    ck_assert_int_eq(receive(pkt, len), SUP_E_MALFORMED);
    uint8_t ext[40] = {0x90, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    ck_assert_int_eq(receive(ext, sizeof(ext)), SUP_E_MALFORMED);
    ck_assert_uint_eq(stats_of(in).malformed, 31);
    ck_assert_int_eq(sup_srtp_gcm_protect(out, ext, 11, 64, &ret), SUP_E_MALFORMED);
    ext[0] = 0x80;
    ck_assert_int_eq(sup_srtp_gcm_protect(out, ext, 30, 45, &ret), SUP_E_LIMIT);
}
END_TEST

START_TEST(empty_payload_is_a_packet)
{
    uint8_t pkt[32] = {0x80, 111, 0, 1};
    size_t len;
    ck_assert_int_eq(sup_srtp_gcm_protect(out, pkt, 12, sizeof(pkt), &len), SUP_OK);
    ck_assert_uint_eq(len, 28);
    ck_assert_int_eq(receive(pkt, len), SUP_OK);
}
END_TEST

START_TEST(sender_never_uses_an_index_twice)
{
    uint8_t pkt[64];
    size_t len;
    sealed(300, 5, pkt);
    uint8_t again[64] = {0x80, 111, 300 >> 8, 300 & 0xff, 0, 0, 0, 0, 0, 0, 0, 5};
    ck_assert_int_eq(sup_srtp_gcm_protect(out, again, 20, 64, &len), SUP_E_CONFLICT);
    again[2] = 0; /* 256 behind */
    ck_assert_int_eq(sup_srtp_gcm_protect(out, again, 20, 64, &len), SUP_E_CONFLICT);
}
END_TEST

START_TEST(one_ssrc_too_many_gets_nothing_and_forged_ones_take_no_place)
{
    uint8_t pkt[64], real[64];
    size_t len = sealed(1, 100, pkt);
    for (uint8_t i = 0; i < 20; i++) { /* forged: the SSRC changed after protection */
        pkt[11] = i;
        ck_assert_int_eq(receive(pkt, len), SUP_E_DENIED);
    }
    struct sup_srtp_gcm *first = out;
    for (uint32_t ssrc = 1; ssrc <= SUP_SRTP_GCM_STREAMS; ssrc++) {
        len = sealed(1, ssrc + 1000, real);
        ck_assert_int_eq(receive(real, len), SUP_OK);
        if (ssrc ==
            SUP_SRTP_GCM_STREAMS - 1) { /* the sender has its own limit: go on with a fresh one */
            sup_srtp_gcm_destroy(first);
            out = make(true, 0);
        }
    }
    len = sealed(1, 2000, real);
    ck_assert_int_eq(receive(real, len), SUP_E_LIMIT);
    ck_assert_uint_eq(stats_of(in).ssrc_limit, 1);
    ck_assert_uint_eq(stats_of(in).auth_fail, 20);
}
END_TEST

START_TEST(bad_options_and_lack_of_memory)
{
    struct sup_srtp_gcm_opts opts = {.window = 64};
    struct sup_srtp_gcm *other = NULL;
    ck_assert_int_eq(sup_srtp_gcm_create(&opts, &other), SUP_E_INVAL);
    opts.window = 1088;
    ck_assert_int_eq(sup_srtp_gcm_create(&opts, &other), SUP_E_INVAL);
    opts.window = 130;
    ck_assert_int_eq(sup_srtp_gcm_create(&opts, &other), SUP_E_INVAL);
    opts.window = 192;
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_srtp_gcm_create(&opts, &other), SUP_E_NOMEM);
    ck_assert_ptr_null(other);
    sup_srtp_gcm_destroy(NULL);
}
END_TEST

SUP_CHECK_MAIN("srtp_gcm", setup, teardown, rfc7714_vector_is_met_in_both_directions,
               rfc3711_key_derivation_vectors, short_salt_is_padded_on_the_right,
               rfc7714_report_vector_is_met_in_both_directions,
               reports_are_refused_by_reason_and_change_nothing,
               replay_is_refused_and_counted_apart,
               rollover_counter_goes_on_through_loss_and_reordering,
               any_changed_byte_is_refused_and_changes_no_state,
               extension_and_csrc_are_authenticated_not_encrypted, malformed_packets_are_refused,
               empty_payload_is_a_packet, sender_never_uses_an_index_twice,
               one_ssrc_too_many_gets_nothing_and_forged_ones_take_no_place,
               bad_options_and_lack_of_memory)
