/* Ogg Opus files made by the tests: count packets of 20 ms, each OGG_FILE_LEN bytes, all but the
 * first (the TOC) equal to fill. They parse as Opus; nobody listens to them. */
#ifndef SUPPORTD_TESTS_OGG_FILE_H
#define SUPPORTD_TESTS_OGG_FILE_H
#include <check.h>
#include <ogg/ogg.h>
#include <stdint.h>
#include <string.h>

enum { OGG_FILE_LEN = 41 };

static inline size_t ogg_file_page(const ogg_page *page, uint8_t *to, size_t at, size_t cap)
{
    size_t head = (size_t)page->header_len, body = (size_t)page->body_len;
    ck_assert_uint_le(at + head + body, cap);
    memcpy(to + at, page->header, head);
    memcpy(to + at + head, page->body, body);
    return at + head + body;
}

/* As ogg_file(), with a pre-skip, and padding at the end, in samples. */
static inline size_t ogg_file_padded(uint8_t *to, size_t cap, size_t count, uint8_t fill,
                                     unsigned pre_skip, unsigned padding)
{
    uint8_t head[] = "OpusHead\1\1\0\0\x80\xBB\0\0\0\0\0", tags[] = "OpusTags\0\0\0\0\0\0\0\0";
    head[10] = (uint8_t)pre_skip;
    head[11] = (uint8_t)(pre_skip >> 8);
    uint8_t audio[OGG_FILE_LEN];
    size_t len = 0;
    ogg_stream_state os;
    ogg_page page;
    memset(audio, fill, sizeof(audio));
    audio[0] = 0x48; /* SILK, wideband, 20 ms, mono */
    ck_assert_int_eq(ogg_stream_init(&os, 1), 0);
    for (size_t n = 0; n < count + 2; n++) {
        ogg_packet packet = {.packet = n == 0   ? head
                                       : n == 1 ? tags
                                                : audio,
                             .bytes = n == 0   ? 19
                                      : n == 1 ? 16
                                               : OGG_FILE_LEN,
                             .b_o_s = n == 0,
                             .e_o_s = n == count + 1,
                             .granulepos = n < 2 ? 0
                                                 : (ogg_int64_t)(n - 1) * 960 -
                                                       (n == count + 1 ? (ogg_int64_t)padding : 0),
                             .packetno = (ogg_int64_t)n};
        ck_assert_int_eq(ogg_stream_packetin(&os, &packet), 0);
        while (n < 2 && ogg_stream_flush(&os, &page))
            len = ogg_file_page(&page, to, len, cap);
    }
    while (ogg_stream_flush(&os, &page))
        len = ogg_file_page(&page, to, len, cap);
    ogg_stream_clear(&os);
    return len;
}

/* Returns the length of the file in to[cap]. */
static inline size_t ogg_file(uint8_t *to, size_t cap, size_t count, uint8_t fill)
{
    return ogg_file_padded(to, cap, count, fill, 0, 0);
}
#endif
