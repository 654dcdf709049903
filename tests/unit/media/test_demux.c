#include "support/check_main.h"
#include "supportd/media/demux.h"

START_TEST(every_first_byte_has_one_owner)
{
    uint8_t pkt[32] = {0};
    for (unsigned b = 0; b < 256; b++) {
        enum sup_demux_kind want = SUP_DEMUX_DROP;
        if (b <= 3)
            want = SUP_DEMUX_STUN;
        else if (b >= 20 && b <= 63)
            want = SUP_DEMUX_DTLS;
        else if (b >= 64 && b <= 79)
            want = SUP_DEMUX_TURN;
        else if (b >= 128 && b <= 191)
            want = SUP_DEMUX_RTP;
        pkt[0] = (uint8_t)b;
        ck_assert_int_eq(sup_demux(pkt, sizeof(pkt)), want);
    }
}
END_TEST

START_TEST(rtcp_is_told_by_the_second_byte)
{
    uint8_t pkt[12] = {0x80};
    for (unsigned b = 0; b < 256; b++) {
        pkt[1] = (uint8_t)b;
        ck_assert_int_eq(sup_demux(pkt, sizeof(pkt)),
                         b >= 192 && b <= 223 ? SUP_DEMUX_RTCP : SUP_DEMUX_RTP);
    }
}
END_TEST

START_TEST(short_datagrams_are_dropped)
{
    static const struct {
        uint8_t first, second;
        size_t least;
        enum sup_demux_kind kind;
    } cases[] = {{0, 1, 20, SUP_DEMUX_STUN},
                 {22, 0xFE, 13, SUP_DEMUX_DTLS},
                 {64, 0, 4, SUP_DEMUX_TURN},
                 {0x80, 111, 12, SUP_DEMUX_RTP},
                 {0x80, 201, 8, SUP_DEMUX_RTCP}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t pkt[20] = {cases[i].first, cases[i].second};
        ck_assert_int_eq(sup_demux(pkt, cases[i].least), cases[i].kind);
        ck_assert_int_eq(sup_demux(pkt, cases[i].least - 1), SUP_DEMUX_DROP);
    }
    ck_assert_int_eq(sup_demux(NULL, 0), SUP_DEMUX_DROP);
}
END_TEST

SUP_CHECK_MAIN("demux", NULL, NULL, every_first_byte_has_one_owner, rtcp_is_told_by_the_second_byte,
               short_datagrams_are_dropped)
