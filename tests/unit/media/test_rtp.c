#include <string.h>

#include "support/check_main.h"
#include "supportd/media/rtp.h"

/* As Chromium sends: one-byte extensions level (id 1, -29 dBov, voice), abs-send-time (2), mid (4).
 */
static const uint8_t chromium[] = {
    0x90, 0xEF, 0x12, 0x34, 0x00, 0x00, 0x03, 0xC0, 0xDE, 0xAD, 0xBE, 0xEF, /* marker, PT 111 */
    0xBE, 0xDE, 0x00, 0x03, 0x10, 0x9D, 0x22, 0x01, 0x02, 0x03, 0x40, 0x30, /* 10 9D: the level */
    0x00, 0x00, 0x00, 0x00, 0x78, 0x01, 0x02, 0x03,
};

static void parse(const uint8_t *pkt, size_t len, struct sup_rtp_hdr *h)
{
    ck_assert_int_eq(sup_rtp_parse(pkt, len, h), SUP_OK);
}

START_TEST(header_and_extensions_are_read)
{
    struct sup_rtp_hdr h;
    struct sup_rtp_ext ext;
    struct sup_rtp_level level;
    size_t pos = 0;
    parse(chromium, sizeof(chromium), &h);
    ck_assert(h.marker && h.payload_type == 111 && h.seq == 0x1234 && h.ts == 960);
    ck_assert_uint_eq(h.ssrc, 0xDEADBEEF);
    ck_assert_uint_eq(sup_rtp_ssrc(chromium), 0xDEADBEEF);
    ck_assert_uint_eq(sup_rtp_seq(chromium), 0x1234);
    ck_assert(h.payload_off == 28 && h.payload_len == 4);
    ck_assert(sup_rtp_ext_next(chromium, &h, &pos, &ext) && ext.id == 1 && ext.len == 1);
    ck_assert(sup_rtp_ext_next(chromium, &h, &pos, &ext) && ext.id == 2 && ext.len == 3);
    ck_assert(sup_rtp_ext_next(chromium, &h, &pos, &ext) && ext.id == 4 && ext.data[0] == '0');
    ck_assert(!sup_rtp_ext_next(chromium, &h, &pos, &ext));
    ck_assert(sup_rtp_get_level(chromium, &h, 1, &level));
    ck_assert(level.voice && level.dbov == 29);
    ck_assert(!sup_rtp_get_level(chromium, &h, 3, &level));
    ck_assert(!sup_rtp_get_level(chromium, &h, 0, &level));
}
END_TEST

START_TEST(two_byte_extensions_are_read)
{
    static const uint8_t pkt[] = {0x90, 96,   0,    1,    0,    0,  0,    0,    0, 0, 0, 1,   0x10,
                                  0x03, 0x00, 0x02, 0x05, 0x00, 20, 0x01, 0x7F, 0, 0, 0, 0x78};
    struct sup_rtp_hdr h;
    struct sup_rtp_ext ext;
    struct sup_rtp_level level;
    size_t pos = 0;
    parse(pkt, sizeof(pkt), &h);
    ck_assert(sup_rtp_ext_next(pkt, &h, &pos, &ext) && ext.id == 5 && ext.len == 0);
    ck_assert(sup_rtp_get_level(pkt, &h, 20, &level) && level.dbov == 127 && !level.voice);
}
END_TEST

START_TEST(broken_extensions_end_the_walk)
{
    uint8_t pkt[20] = {0x90, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xBE, 0xDE, 0, 1};
    static const uint8_t contents[][4] = {
        {0x1F, 0, 0, 0},    /* 16 bytes that are not there */
        {0xF0, 0, 0x10, 1}, /* 15 stops */
    };
    struct sup_rtp_ext ext;
    struct sup_rtp_hdr h;
    for (size_t i = 0; i < 2; i++) {
        size_t pos = 0;
        memcpy(pkt + 16, contents[i], 4);
        parse(pkt, sizeof(pkt), &h);
        ck_assert(!sup_rtp_ext_next(pkt, &h, &pos, &ext));
    }
    size_t pos = 0;
    pkt[12] = 0x12; /* another profile: opaque */
    parse(pkt, sizeof(pkt), &h);
    ck_assert(!sup_rtp_ext_next(pkt, &h, &pos, &ext));
}
END_TEST

START_TEST(malformed_packets_are_refused)
{
    struct sup_rtp_hdr h;
    uint8_t pkt[16] = {0x80, 111};
    for (size_t len = 0; len < 12; len++)
        ck_assert_int_eq(sup_rtp_parse(pkt, len, &h), SUP_E_MALFORMED);
    ck_assert_int_eq(sup_rtp_parse(pkt, 12, &h), SUP_OK); /* an empty payload is legal */
    pkt[0] = 0x40;
    ck_assert_int_eq(sup_rtp_parse(pkt, 16, &h), SUP_E_MALFORMED); /* version 1 */
    pkt[0] = 0x82;
    ck_assert_int_eq(sup_rtp_parse(pkt, 16, &h), SUP_E_MALFORMED); /* two CSRCs do not fit */
    pkt[0] = 0x81;
    parse(pkt, 16, &h);
    ck_assert_uint_eq(h.payload_len, 0);
    pkt[0] = 0x90;
    ck_assert_int_eq(sup_rtp_parse(pkt, 15, &h), SUP_E_MALFORMED); /* half an extension header */
    pkt[15] = 1;
    ck_assert_int_eq(sup_rtp_parse(pkt, 16, &h), SUP_E_MALFORMED); /* a word that is not there */
    pkt[0] = 0xA0;
    pkt[15] = 5;
    ck_assert_int_eq(sup_rtp_parse(pkt, 16, &h), SUP_E_MALFORMED); /* more padding than payload */
    pkt[15] = 0;
    ck_assert_int_eq(sup_rtp_parse(pkt, 16, &h), SUP_E_MALFORMED);
    pkt[15] = 3;
    parse(pkt, 16, &h);
    ck_assert_uint_eq(h.payload_len, 1);
}
END_TEST

START_TEST(rewriting_keeps_the_payload_and_the_level)
{
    static const struct {
        uint8_t id;
        size_t header;
    } cases[] = {{0, 12}, {6, 20}, {14, 20}, {16, 20}, {255, 20}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t pkt[sizeof(chromium)];
        struct sup_rtp_hdr h, again;
        struct sup_rtp_span span;
        struct sup_rtp_level level;
        memcpy(pkt, chromium, sizeof(pkt));
        parse(pkt, sizeof(pkt), &h);
        struct sup_rtp_out out = {.payload_type = 109,
                                  .seq = 65535,
                                  .ts = 0xFFFFFFF0,
                                  .ssrc = 42,
                                  .level_id = cases[i].id,
                                  .level = {29, true}};
        sup_rtp_rewrite(pkt, &h, &out, &span);
        ck_assert_uint_eq(span.len, cases[i].header + 4);
        ck_assert(span.data + span.len == pkt + sizeof(pkt));
        parse(span.data, span.len, &again);
        ck_assert(again.payload_type == 109 && again.seq == 65535 && again.ssrc == 42);
        ck_assert(again.ts == 0xFFFFFFF0 && !again.marker);
        ck_assert_int_eq(memcmp(span.data + again.payload_off, "\x78\x01\x02\x03", 4), 0);
        ck_assert(sup_rtp_get_level(span.data, &again, cases[i].id, &level) == (cases[i].id != 0));
        ck_assert(cases[i].id == 0 || (level.dbov == 29 && level.voice));
    }
}
END_TEST

START_TEST(rewriting_drops_padding_csrc_and_a_level_without_room)
{
    uint8_t pkt[] = {0xA1, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9, 9, 9, 9, 0x78, 7, 0, 2};
    struct sup_rtp_hdr h, again;
    struct sup_rtp_span span;
    parse(pkt, sizeof(pkt), &h);
    struct sup_rtp_out out = {.payload_type = 1, .marker = true, .level_id = 3};
    sup_rtp_rewrite(pkt, &h, &out, &span); /* 16 bytes of header: no room for 20 */
    parse(span.data, span.len, &again);
    ck_assert(again.payload_off == 12 && again.payload_len == 2 && again.marker);
    ck_assert_uint_eq(again.ext_profile, 0);
    ck_assert_uint_eq(span.data[12], 0x78);
}
END_TEST

SUP_CHECK_MAIN("rtp", NULL, NULL, header_and_extensions_are_read, two_byte_extensions_are_read,
               broken_extensions_end_the_walk, malformed_packets_are_refused,
               rewriting_keeps_the_payload_and_the_level,
               rewriting_drops_padding_csrc_and_a_level_without_room)
