#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"
#include "supportd/media/rtcp.h"

static const struct sup_rtcp_block block = {.ssrc = 0x11223344,
                                            .fraction_lost = 64,
                                            .lost = -3,
                                            .ext_seq = 65542,
                                            .jitter = 48,
                                            .lsr = 0xAABBCCDD,
                                            .dlsr = 65536};

START_TEST(what_is_written_is_read_back)
{
    uint8_t buf[SUP_RTCP_SIZE_MAX];
    size_t len;
    struct sup_rtcp r;
    struct sup_rtcp_sender sender = {0x0102030405060708, 960, 50, 4000};
    struct sup_rtcp_block blocks[2] = {block, block};
    blocks[1].lost = 0x7FFFFFFF; /* is clamped to 24 bits */
    struct sup_rtcp_write_opts o = {.ssrc = 99,
                                    .sender = &sender,
                                    .blocks = blocks,
                                    .block_count = 2,
                                    .cname = "leg",
                                    .bye = true};
    ck_assert_int_eq(sup_rtcp_write(&o, buf, sizeof(buf), &len), SUP_OK);
    ck_assert_uint_eq(len, 28 + 48 + 16 + 8);
    ck_assert_int_eq(sup_rtcp_parse(buf, len, &r), SUP_OK);
    ck_assert(r.ssrc == 99 && r.has_sender && r.sender.ntp == sender.ntp);
    ck_assert(r.sender.rtp_ts == 960 && r.sender.packets == 50 && r.sender.octets == 4000);
    ck_assert_uint_eq(r.block_count, 2);
    ck_assert_int_eq(memcmp(&r.blocks[0], &block, sizeof(block)), 0);
    ck_assert_int_eq(r.blocks[1].lost, 0x7FFFFF);
    ck_assert_str_eq(r.cname, "leg");
    ck_assert(r.bye_count == 1 && r.bye[0] == 99 && r.skipped == 0);
    ck_assert_int_eq(sup_rtcp_write(&o, buf, len - 1, &len), SUP_E_LIMIT);
    for (size_t n = 1; n <= 255; n++) { /* every padding of the SDES item */
        char cname[256] = {0};
        memset(cname, 'c', n);
        o = (struct sup_rtcp_write_opts){.ssrc = 5, .cname = cname};
        ck_assert_int_eq(sup_rtcp_write(&o, buf, sizeof(buf), &len), SUP_OK);
        ck_assert_int_eq(sup_rtcp_parse(buf, len, &r), SUP_OK);
        ck_assert_str_eq(r.cname, cname);
        ck_assert(r.ssrc == 5 && !r.has_sender && r.block_count == 0);
    }
}
END_TEST

START_TEST(bad_options_are_refused)
{
    uint8_t buf[64];
    size_t len = 7;
    struct sup_rtcp_write_opts none = {.ssrc = 1}, empty = {.cname = ""},
                               many = {.cname = "a", .blocks = &block, .block_count = 9},
                               missing = {.cname = "a", .block_count = 1};
    ck_assert_int_eq(sup_rtcp_write(&none, buf, sizeof(buf), &len), SUP_E_INVAL);
    ck_assert_int_eq(sup_rtcp_write(&empty, buf, sizeof(buf), &len), SUP_E_INVAL);
    ck_assert_int_eq(sup_rtcp_write(&many, buf, sizeof(buf), &len), SUP_E_INVAL);
    ck_assert_int_eq(sup_rtcp_write(&missing, buf, sizeof(buf), &len), SUP_E_INVAL);
    ck_assert_uint_eq(len, 7);
}
END_TEST

START_TEST(extended_reports_app_and_feedback)
{
    static const uint8_t pkt[] = {
        0x80, 207, 0, 10, 0, 0, 0, 7,                                 /* XR of 7 */
        4,    0,   0, 2,  1, 2, 3, 4, 5,   6,   7,   8,               /* RRTR */
        5,    0,   0, 3,  0, 0, 0, 9, 0,   0,   0,   1,   0, 0, 0, 2, /* DLRR about 9 */
        42,   0,   0, 1,  0, 0, 0, 0,                                 /* a block unknown here */
        0x80, 204, 0, 2,  0, 0, 0, 7, 'n', 'a', 'm', 'e',             /* APP */
        0x8F, 205, 0, 2,  0, 0, 0, 7, 0,   0,   0,   0,               /* transport feedback */
        0x81, 206, 0, 2,  0, 0, 0, 7, 0,   0,   0,   0,               /* payload feedback */
        0xA1, 203, 0, 2,  0, 0, 0, 7, 0,   0,   0,   4,               /* BYE, padded */
    };
    struct sup_rtcp r;
    ck_assert_int_eq(sup_rtcp_parse(pkt, sizeof(pkt), &r), SUP_OK); /* reduced size, RFC 5506 */
    ck_assert(r.ssrc == 7 && r.has_rrtr && r.rrtr_ntp == 0x0102030405060708);
    ck_assert(r.dlrr_count == 1 && r.dlrr[0].ssrc == 9 && r.dlrr[0].lrr == 1 &&
              r.dlrr[0].dlrr == 2);
    ck_assert_uint_eq(r.skipped, 3);
    ck_assert(r.bye_count == 1 && r.bye[0] == 7);
}
END_TEST

START_TEST(malformed_packets_are_refused)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"", 0},
        {"\x80\xC9\x00", 3},
        {"\x40\xC9\x00\x01\x00\x00\x00\x01", 8},                  /* version */
        {"\x80\xC9\x00\x02\x00\x00\x00\x01", 8},                  /* longer than there is */
        {"\x81\xC9\x00\x01\x00\x00\x00\x01", 8},                  /* a block too many */
        {"\x80\xC8\x00\x01\x00\x00\x00\x01", 8},                  /* SR without its body */
        {"\x80\xC9\x00\x00", 4},                                  /* RR without SSRC */
        {"\x80\xC9\x00\x01\x00\x00\x00\x01\x80\xC9\x00\x09", 12}, /* second one too long */
        {"\xA0\xC9\x00\x01\x00\x00\x00\x04\x80\xC9\x00\x00", 12}, /* padding not at the end */
        {"\xA0\xC9\x00\x01\x00\x00\x00\x08", 8},                  /* all padding and more */
        {"\xA0\xC9\x00\x01\x00\x00\x00\x00", 8},                  /* padding of 0 */
        {"\x81\xCA\x00\x02\x00\x00\x00\x01\x01\x02\x61\x62", 12}, /* SDES without its end */
        {"\x81\xCA\x00\x02\x00\x00\x00\x01\x01\x09\x61\x62", 12}, /* item too long */
        {"\x82\xCA\x00\x02\x00\x00\x00\x01\x01\x01\x61\x00", 12}, /* second chunk missing */
        {"\x82\xCB\x00\x01\x00\x00\x00\x01", 8},                  /* BYE of two */
        {"\x80\xCF\x00\x00", 4},                                  /* XR without SSRC */
        {"\x80\xCF\x00\x02\x00\x00\x00\x01\x04\x00\x00\x02", 12}, /* block too long */
    };
    struct sup_rtcp r = {.ssrc = 77};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(sup_rtcp_parse((const uint8_t *)cases[i].bytes, cases[i].len, &r) ==
                          SUP_E_MALFORMED,
                      "case %zu", i);
    ck_assert_uint_eq(r.ssrc, 77);
}
END_TEST

START_TEST(more_blocks_than_are_kept)
{
    uint8_t pkt[8 + 31 * 24] = {0x80 | 31, 201, 0, 1 + 31 * 6};
    struct sup_rtcp r;
    ck_assert_int_eq(sup_rtcp_parse(pkt, sizeof(pkt), &r), SUP_OK);
    ck_assert_uint_eq(r.block_count, SUP_RTCP_BLOCKS_MAX);
}
END_TEST

START_TEST(ntp_and_round_trip)
{
    /* RFC 3550 section 6.4.1, figure 2: SR at b705:2000, block at b710:8000, 5.250 s held
     * back: 6.125 s. The NTP seconds 0xb44d_b705 are 1995-11-10T11:33:25Z. */
    const int64_t sr_us = (int64_t)(0xB44DB705u - 2208988800u) * 1000000 + 125000;
    ck_assert_uint_eq(sup_rtcp_ntp(sr_us), 0xB44DB70520000000);
    const int64_t arrival_us = sr_us + 11375000;
    uint32_t rtt;
    ck_assert(sup_rtcp_rtt(arrival_us, 0xB7052000, 0x00054000, &rtt));
    ck_assert_uint_eq(rtt, 6125000);
    ck_assert(!sup_rtcp_rtt(arrival_us, 0, 0x00054000, &rtt));                   /* no SR yet */
    ck_assert(!sup_rtcp_rtt(arrival_us, 0xB7052000, 0x00054000 * 3, &rtt));      /* below 0 */
    ck_assert(!sup_rtcp_rtt(arrival_us + 100000000, 0xB7052000, 0x54000, &rtt)); /* over 60 s */
}
END_TEST

SUP_CHECK_MAIN("rtcp", NULL, NULL, what_is_written_is_read_back, bad_options_are_refused,
               extended_reports_app_and_feedback, malformed_packets_are_refused,
               more_blocks_than_are_kept, ntp_and_round_trip)
