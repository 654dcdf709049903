#include <stdlib.h>

#include "support/check_main.h"
#include "supportd/media/rtp_stats.h"

static struct sup_rtp_stats *stats;

static void setup(void)
{
    ck_assert_int_eq(sup_rtp_stats_create(NULL, &stats), SUP_OK);
}

static void teardown(void)
{
    sup_rtp_stats_destroy(stats);
    stats = NULL;
}

/* Packet n of a 20 ms, 48 kHz stream starting at sequence number first, late_us late. */
static sup_err add_marked(uint16_t first, uint32_t n, uint32_t late_us, bool marker)
{
    struct sup_rtp_hdr h = {
        .marker = marker, .seq = (uint16_t)(first + n), .ts = n * 960, .ssrc = 5};
    return sup_rtp_stats_add(stats, &h, n * UINT64_C(20000) + late_us);
}

static sup_err add(uint16_t first, uint32_t n, uint32_t late_us)
{
    return add_marked(first, n, late_us, false);
}

static struct sup_rtp_report report(void)
{
    struct sup_rtp_report r;
    sup_rtp_stats_get(stats, &r);
    return r;
}

START_TEST(wrap_and_loss_are_counted)
{
    ck_assert_uint_eq(report().expected, 0);
    for (uint32_t n = 0; n < 10; n++) /* 65533, 65534, (65535 lost), 0, 1, ... */
        ck_assert_int_eq(n == 2 ? SUP_OK : add(65533, n, 0), SUP_OK);
    struct sup_rtp_report r = report();
    ck_assert_uint_eq(r.ext_seq, 65542);
    ck_assert_uint_eq(r.received, 9);
    ck_assert_uint_eq(r.expected, 10);
    ck_assert_int_eq(r.lost, 1);
}
END_TEST

START_TEST(a_million_packets_wrap_fifteen_times)
{
    for (uint32_t n = 0; n < 1000000; n++)
        if (n % 100 != 50 && add(7, n, 0))
            ck_abort_msg("packet %u", n);
    struct sup_rtp_report r = report();
    ck_assert_uint_eq(r.expected, 1000000);
    ck_assert_int_eq(r.lost, 10000);
    ck_assert_uint_eq(r.restarts, 0);
    ck_assert_uint_eq(r.ext_seq, 1000006);
}
END_TEST

START_TEST(jitter_follows_rfc3550_a8)
{
    /* On time, 5 ms late, on time: |D| = 240, 240 ticks. J += (|D| - J) / 16 by hand gives 15
     * (312 us), then 29.06 ticks (605 us); the integer form may lose a tick. */
    const uint32_t late_us[] = {0, 5000, 0};
    const int jitter_us[] = {0, 312, 605};
    for (uint32_t n = 0; n < 3; n++) {
        ck_assert_int_eq(add(7, n, late_us[n]), SUP_OK);
        ck_assert_int_le(abs((int)report().jitter_us - jitter_us[n]), 21);
    }
}
END_TEST

START_TEST(pauses_are_not_jitter)
{
    ck_assert_int_eq(add(7, 0, 0), SUP_OK);
    ck_assert_int_eq(add(7, 1, 0), SUP_OK);
    ck_assert_int_eq(add_marked(7, 2, 300000, true), SUP_OK); /* a talk spurt begins */
    ck_assert_uint_eq(report().jitter_us, 0);
    ck_assert_int_eq(add(7, 3, 300000), SUP_OK);
    ck_assert_int_eq(add(7, 4, 3600000000u), SUP_OK); /* an hour on hold, timestamps stood still */
    ck_assert_uint_eq(report().jitter_us, 0);
    ck_assert_int_eq(report().lost, 0);
}
END_TEST

/* As some senders do it, whatever RFC 3551 says. */
START_TEST(a_marker_on_every_packet_hides_no_jitter)
{
    for (uint32_t n = 0; n < 50; n++)
        ck_assert_int_eq(add_marked(7, n, n % 2 * 40000, true), SUP_OK);
    ck_assert_uint_gt(report().jitter_us, 30000);
}
END_TEST

START_TEST(dtx_gaps_are_not_jitter)
{
    ck_assert_int_eq(add(7, 0, 0), SUP_OK);
    ck_assert_int_eq(add(7, 1, 0), SUP_OK);
    for (uint32_t n = 1; n <= 20; n++) { /* one packet each 400 ms, by a timer of its own */
        struct sup_rtp_hdr h = {.seq = (uint16_t)(8 + n), .ts = 960 + n * 19200, .ssrc = 5};
        ck_assert_int_eq(sup_rtp_stats_add(stats, &h, 20000 + n * 400000 + n % 2 * 30000), SUP_OK);
    }
    ck_assert_uint_eq(report().jitter_us, 0);
    struct sup_rtp_hdr next = {.seq = 29, .ts = 960 + 20 * 19200 + 960, .ssrc = 5};
    ck_assert_int_eq(sup_rtp_stats_add(stats, &next, 20000 + 20 * 400000 + 25000), SUP_OK);
    ck_assert_uint_gt(report().jitter_us, 250); /* speech again: 5 ms late */
}
END_TEST

START_TEST(order_and_duplicates)
{
    static const uint32_t order[] = {0, 1, 3, 2, 2, 4, 4, 7, 5};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        ck_assert_int_eq(add(65534, order[i], 0), SUP_OK);
    struct sup_rtp_report r = report();
    ck_assert_uint_eq(r.reordered, 2);
    ck_assert_uint_eq(r.duplicates, 2);
    ck_assert_uint_eq(r.received, 9);
    ck_assert_int_eq(r.lost, -1); /* 6 is missing, two came twice (A.3) */
}
END_TEST

START_TEST(late_packets_before_the_first_are_not_expected)
{
    ck_assert_int_eq(add(100, 5, 0), SUP_OK);
    ck_assert_int_eq(add(100, 4, 0), SUP_OK);
    ck_assert_uint_eq(report().expected, 1);
    ck_assert_int_eq(report().lost, -1);
}
END_TEST

START_TEST(a_jump_needs_two_packets)
{
    for (uint32_t n = 0; n < 5; n++)
        ck_assert_int_eq(add(100, n, 0), SUP_OK);
    ck_assert_int_eq(add(30000, 5, 0), SUP_E_STATE); /* a stray */
    ck_assert_int_eq(add(100, 5, 0), SUP_OK);
    ck_assert_uint_eq(report().received, 6);
    ck_assert_int_eq(add(30000, 6, 0), SUP_E_STATE);
    ck_assert_int_eq(add(30000, 7, 0), SUP_OK); /* it was meant */
    ck_assert_int_eq(add(30000, 9, 0), SUP_OK);
    struct sup_rtp_report r = report();
    ck_assert_uint_eq(r.restarts, 1);
    ck_assert_uint_eq(r.expected, 6 + 3);
    ck_assert_int_eq(r.lost, 1);
}
END_TEST

START_TEST(report_blocks_cover_the_time_since_the_last)
{
    struct sup_rtcp_block b;
    ck_assert(!sup_rtp_stats_take_block(stats, &b));
    for (uint32_t n = 0; n < 100; n++)
        if (n % 4 != 1)
            ck_assert_int_eq(add(0, n, 0), SUP_OK);
    ck_assert(sup_rtp_stats_take_block(stats, &b));
    ck_assert(b.ssrc == 5 && b.fraction_lost == 64 && b.lost == 25 && b.ext_seq == 99);
    for (uint32_t n = 100; n < 110; n++)
        ck_assert_int_eq(add(0, n, 0), SUP_OK);
    ck_assert(sup_rtp_stats_take_block(stats, &b));
    ck_assert(b.fraction_lost == 0 && b.lost == 25);
    ck_assert(sup_rtp_stats_take_block(stats, &b)); /* nothing new */
    ck_assert_uint_eq(b.fraction_lost, 0);
    sup_rtp_stats_reset(stats);
    ck_assert(!sup_rtp_stats_take_block(stats, &b));
}
END_TEST

START_TEST(failed_create_leaves_the_result_alone)
{
    struct sup_rtp_stats_opts opts = {.clock_hz = 7999};
    struct sup_rtp_stats *other = stats;
    ck_assert_int_eq(sup_rtp_stats_create(&opts, &other), SUP_E_INVAL);
    opts.clock_hz = 8000;
    sup_mem_fail_at(1); /* the next allocation fails */
    ck_assert_int_eq(sup_rtp_stats_create(&opts, &other), SUP_E_NOMEM);
    ck_assert_ptr_eq(other, stats);
    sup_rtp_stats_destroy(NULL);
}
END_TEST

SUP_CHECK_MAIN("rtp_stats", setup, teardown, wrap_and_loss_are_counted,
               a_million_packets_wrap_fifteen_times, jitter_follows_rfc3550_a8,
               pauses_are_not_jitter, a_marker_on_every_packet_hides_no_jitter,
               dtx_gaps_are_not_jitter, order_and_duplicates,
               late_packets_before_the_first_are_not_expected, a_jump_needs_two_packets,
               report_blocks_cover_the_time_since_the_last, failed_create_leaves_the_result_alone)
