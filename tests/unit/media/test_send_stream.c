/* Unit tests of media/send_stream: gaps stay, switches are seamless, nothing comes twice. */
#include "supportd/media/send_stream.h"

#include <stdbool.h>
#include <string.h>

#include "support/check_main.h"

static struct sup_send_stream s;
static struct sup_rtp_out out;

static bool map(uint32_t ssrc, uint16_t seq, uint32_t ts, uint64_t now_us)
{
    struct sup_rtp_hdr in = {.ssrc = ssrc, .seq = seq, .ts = ts};
    memset(&out, 0, sizeof(out));
    return sup_send_stream_map(&s, &in, now_us, &out);
}

static void setup(void)
{
    sup_send_stream_init(&s, 77, 1000, 5000);
}

START_TEST(first_packet_takes_the_first_numbers)
{
    ck_assert(map(1, 60000, 123456, 0));
    ck_assert_uint_eq(out.ssrc, 77);
    ck_assert_uint_eq(out.seq, 1000);
    ck_assert_uint_eq(out.ts, 5000);
    ck_assert(out.marker);
    ck_assert(map(1, 60001, 123456 + 960, 20000));
    ck_assert_uint_eq(out.seq, 1001);
    ck_assert_uint_eq(out.ts, 5960);
    ck_assert(!out.marker);
}
END_TEST

START_TEST(loss_and_reordering_keep_their_shape)
{
    ck_assert(map(1, 65534, 0, 0));       /* 1000 */
    ck_assert(map(1, 2, 4 * 960, 80000)); /* 65535, 0, 1 missing */
    ck_assert_uint_eq(out.seq, 1004);
    ck_assert_uint_eq(out.ts, 5000 + 4 * 960);
    ck_assert(map(1, 0, 2 * 960, 90000)); /* late */
    ck_assert_uint_eq(out.seq, 1002);
    ck_assert_uint_eq(out.ts, 5000 + 2 * 960);
    ck_assert(map(1, 3, 5 * 960, 100000));
    ck_assert_uint_eq(out.seq, 1005);
}
END_TEST

START_TEST(switch_follows_on_and_keeps_time)
{
    map(1, 10, 0, 0);
    map(1, 11, 960, 20000);
    sup_send_stream_switch(&s);
    ck_assert(map(2, 500, 999999, 520000)); /* half a second later */
    ck_assert_uint_eq(out.seq, 1002);
    ck_assert_uint_eq(out.ts, 5960 + 24000);
    ck_assert(out.marker);
    ck_assert(map(2, 501, 999999 + 960, 540000));
    ck_assert_uint_eq(out.seq, 1003);
    ck_assert_uint_eq(out.ts, 5960 + 24000 + 960);
    ck_assert(!map(2, 499, 999999 - 960, 545000)); /* from before the switch: its place is taken */
    ck_assert(!map(2, 480, 999999 - 960, 545000));
    ck_assert(map(2, 503, 999999 + 3 * 960, 580000));
    ck_assert(map(2, 502, 999999 + 2 * 960, 581000));
    ck_assert_uint_eq(out.seq, 1004);
}
END_TEST

START_TEST(switch_at_once_still_advances_a_frame)
{
    map(1, 10, 0, 1000);
    sup_send_stream_switch(&s);
    ck_assert(map(1, 4000, 7, 1000));
    ck_assert_uint_eq(out.seq, 1001);
    ck_assert_uint_eq(out.ts, 5960);
}
END_TEST

START_TEST(new_ssrc_and_long_outage_are_another_source)
{
    map(1, 10, 0, 0);
    ck_assert(map(2, 40000, 5, 20000)); /* SSRC change without a word */
    ck_assert_uint_eq(out.seq, 1001);
    ck_assert(out.marker);
    ck_assert(map(2, (uint16_t)(40000 + 3000), 5 + 3000 * 960, 60000000)); /* still a gap */
    ck_assert_uint_eq(out.seq, 4001);
    ck_assert(map(2, (uint16_t)(43000 + 3001), 77, 120000000));
    ck_assert_uint_eq(out.seq, 4002);
}
END_TEST

START_TEST(numbers_never_repeat_over_many_switches_and_wraps)
{
    static uint8_t used[65536 / 8];
    memset(used, 0, sizeof(used));
    uint64_t now = 0;
    uint32_t state = 12345, sent = 0;
    uint16_t seq = 0;
    for (uint32_t i = 0; i < 60000; i++) {
        state = state * 1664525 + 1013904223;
        now += 20000;
        if (state >> 24 == 0)
            sup_send_stream_switch(&s);
        seq = (uint16_t)(seq + 1);
        uint16_t sending = (state >> 20 & 15) == 0 ? (uint16_t)(seq - 3) : seq;
        if (!map(1, sending, i * 960, now))
            continue;
        if (sending != seq)
            continue; /* late ones repeat on purpose here: SRTP's replay window has dropped them */
        ck_assert_int_eq(used[out.seq / 8] >> (out.seq % 8) & 1, 0);
        used[out.seq / 8] |= (uint8_t)(1 << (out.seq % 8));
        sent++;
    }
    ck_assert_uint_gt(sent, 50000);
}
END_TEST

START_TEST(hours_of_hold_between_two_packets)
{
    map(1, 10, 0, 0);
    sup_send_stream_switch(&s);
    uint64_t day = 86400ull * 1000000;
    ck_assert(map(1, 11, 960, day));
    ck_assert_uint_eq(out.seq, 1001);
    ck_assert_uint_eq(out.ts, (uint32_t)(5000 + 86400ull * 48000));
    ck_assert_uint_eq(sup_send_stream_ts_at(&s, day + 1000500),
                      (uint32_t)(5000 + 86400ull * 48000 + 48024));
}
END_TEST

SUP_CHECK_MAIN("send_stream", setup, NULL, first_packet_takes_the_first_numbers,
               loss_and_reordering_keep_their_shape, switch_follows_on_and_keeps_time,
               switch_at_once_still_advances_a_frame, new_ssrc_and_long_outage_are_another_source,
               numbers_never_repeat_over_many_switches_and_wraps, hours_of_hold_between_two_packets)
