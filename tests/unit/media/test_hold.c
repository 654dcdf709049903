#include <fcntl.h>
#include <math.h>
#include <ogg/ogg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/check_main.h"
#include "support/ogg_file.h"
#include "supportd/base/buf.h"
#include "supportd/media/hold.h"
#include "supportd/media/level.h"
#include "supportd/media/opus.h"
#include "supportd/media/opus_toc.h"

static struct sup_hold *hold;

static void setup(void)
{
    hold = NULL;
}

static void teardown(void)
{
    sup_hold_destroy(hold);
}

static const char *vector(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/hold/%s", SUP_TEST_VECTORS, name);
    return path;
}

/* Strength of hz in a second of 48 kHz samples, 0..1 (Goertzel). */
static double strength(const int16_t *pcm, size_t samples, double hz)
{
    double c = 2 * cos(2 * M_PI * hz / 48000), a = 0, b = 0, power = 0;
    for (size_t i = 0; i < samples; i++) {
        double s = pcm[i] + c * a - b;
        b = a;
        a = s;
        power += (double)pcm[i] * pcm[i];
    }
    double n = (double)samples;
    return power > 0 ? 2 * (a * a + b * b - c * a * b) / (n * power) : 0;
}

START_TEST(the_builtin_music_sounds)
{
    static int16_t pcm[48000];
    struct sup_opus_dec *dec;
    size_t bytes = 0, got;
    ck_assert_int_eq(sup_hold_create_builtin(&hold), SUP_OK);
    ck_assert_uint_eq(sup_hold_count(hold), 1280);
    ck_assert_uint_eq(sup_hold_duration_us(hold), 25600000);
    ck_assert_int_eq(sup_opus_dec_create(48000, 1, &dec), SUP_OK);
    for (uint64_t n = 0; n < 1280 + 100; n++) { /* over the seam */
        struct sup_hold_packet p = sup_hold_packet(hold, n);
        struct sup_opus_info info;
        ck_assert_int_eq(sup_opus_parse(p.data, p.len, &info), SUP_OK);
        ck_assert(info.samples == SUP_HOLD_PACKET_SAMPLES && !info.stereo && !info.dtx);
        ck_assert_int_eq(sup_opus_decode(dec, p.data, p.len, false, pcm + n % 50 * 960, 960, &got),
                         SUP_OK);
        bytes += n < 1280 ? p.len : 0;
        if (n % 50 == 49) { /* no second is silent, none is loud */
            uint8_t level = sup_level_pcm(pcm, 48000);
            ck_assert_msg(level >= 14 && level <= 35, "second %d: -%u dBov", (int)n / 50, level);
        }
        if (n == 49) { /* C major: the root, and nothing a tritone off */
            ck_assert(strength(pcm, 48000, 261.63) > 0.02);
            ck_assert(strength(pcm, 48000, 369.99) < 0.001);
        }
    }
    double rate = (double)bytes * 8 / 25.6;
    ck_assert_msg(rate > 16000 && rate < 32000, "%g bit/s", rate);
    sup_opus_dec_destroy(dec);
}
END_TEST

START_TEST(the_builtin_notice_is_two_tones)
{
    static int16_t pcm[48000];
    struct sup_opus_dec *dec;
    size_t got;
    ck_assert_int_eq(sup_hold_create_notice(&hold), SUP_OK);
    ck_assert_uint_eq(sup_hold_duration_us(hold), 1000000);
    ck_assert_int_eq(sup_opus_dec_create(48000, 1, &dec), SUP_OK);
    for (uint64_t n = 0; n < 50; n++) {
        struct sup_hold_packet p = sup_hold_packet(hold, n);
        ck_assert_int_eq(sup_opus_decode(dec, p.data, p.len, false, pcm + n * 960, 960, &got),
                         SUP_OK);
    }
    for (int half = 0; half < 2; half++) {
        const int16_t *from = pcm + half * 24000;
        ck_assert(strength(from + 1200, 12000, 1400) > 0.9);
        uint8_t loud = sup_level_pcm(from + 1200, 12000), quiet = sup_level_pcm(from + 16800, 6000);
        ck_assert_msg(loud >= 8 && loud <= 20 && quiet > 45, "-%u and -%u dBov", loud, quiet);
    }
    sup_opus_dec_destroy(dec);
}
END_TEST

START_TEST(the_builtin_music_is_the_same_every_time)
{
    struct sup_hold *again;
    ck_assert_int_eq(sup_hold_create_builtin(&hold), SUP_OK);
    ck_assert_int_eq(sup_hold_create_builtin(&again), SUP_OK);
    for (uint64_t n = 0; n < 1280; n++) {
        struct sup_hold_packet a = sup_hold_packet(hold, n), b = sup_hold_packet(again, n + 1280);
        ck_assert(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
    }
    sup_hold_destroy(again);
}
END_TEST

START_TEST(a_file_of_another_encoder_is_read)
{
    static int16_t pcm[48000];
    struct sup_opus_dec *dec;
    size_t got;
    const char *why = NULL;
    ck_assert_int_eq(sup_hold_open(vector("tone_20ms.opus"), &hold, &why), SUP_OK);
    ck_assert_ptr_null(why);
    ck_assert_uint_ge(sup_hold_count(hold), 50);
    ck_assert_uint_le(sup_hold_count(hold), 53);
    ck_assert_int_eq(sup_opus_dec_create(48000, 1, &dec), SUP_OK);
    for (uint64_t n = 0; n < 50; n++) {
        struct sup_hold_packet p = sup_hold_packet(hold, n);
        ck_assert_int_eq(sup_opus_decode(dec, p.data, p.len, false, pcm + n * 960, 960, &got),
                         SUP_OK);
    }
    ck_assert(strength(pcm + 9600, 28800, 440) > 0.9);
    sup_opus_dec_destroy(dec);
}
END_TEST

START_TEST(bad_files_say_why)
{
    const char *why = NULL;
    ck_assert_int_eq(sup_hold_open(vector("tone_60ms.opus"), &hold, &why), SUP_E_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(why, "20 ms"));
    ck_assert_int_eq(sup_hold_open(vector("missing.opus"), &hold, &why), SUP_E_NOTFOUND);
    ck_assert_int_eq(sup_hold_open(vector("../sdp/werift-offer.sdp"), &hold, &why),
                     SUP_E_MALFORMED);
    ck_assert_int_eq(sup_hold_open(vector(""), &hold, &why), SUP_E_IO); /* a directory */
    ck_assert_int_eq(sup_hold_parse(NULL, 0, &hold, NULL), SUP_E_MALFORMED);
    ck_assert_ptr_null(hold);
}
END_TEST

static void refused(const uint8_t *data, size_t len, sup_err err, const char *word)
{
    const char *why = "";
    ck_assert_int_eq(sup_hold_parse(data, len, &hold, &why), err);
    ck_assert_msg(strstr(why, word) != NULL, "%s, not %s", why, word);
    ck_assert_ptr_null(hold);
}

START_TEST(each_kind_of_bad_file_has_its_own_word)
{
    static uint8_t data[16384], vorbis[64] = "\1vorbis";
    size_t one = ogg_file(data, sizeof(data), 3, 1), page_at = 0;
    refused(data, 0, SUP_E_MALFORMED, "empty");
    refused((const uint8_t *)"RIFF....WAVEfmt ", 16, SUP_E_MALFORMED, "not an Ogg file");
    refused(data, one - 1, SUP_E_MALFORMED, "cut off");
    refused(data, 60, SUP_E_MALFORMED, "cut off");
    while (memcmp(data + ++page_at, "OggS", 4) != 0)
        ;
    refused(data + page_at, one - page_at, SUP_E_MALFORMED, "beginning is missing");
    (void)ogg_file(data + one, sizeof(data) - one, 3, 1);
    refused(data, 2 * one, SUP_E_UNSUPPORTED, "one behind the other");
    memset(data + one, 'x', 100);
    refused(data, one + 100, SUP_E_MALFORMED, "behind its end");
    ogg_stream_state os;
    ogg_page page;
    ogg_packet packet = {.packet = vorbis, .bytes = 30, .b_o_s = 1};
    ck_assert_int_eq(ogg_stream_init(&os, 1), 0);
    ck_assert_int_eq(ogg_stream_packetin(&os, &packet), 0);
    ck_assert_int_ne(ogg_stream_flush(&os, &page), 0);
    refused(data, ogg_file_page(&page, data, 0, sizeof(data)), SUP_E_UNSUPPORTED, "Vorbis");
    ogg_stream_clear(&os);
}
END_TEST

START_TEST(packets_of_padding_are_left_out)
{
    static uint8_t data[8192];
    static const struct {
        unsigned pre_skip, padding;
        size_t count; /* of 10 */
    } table[] = {
        {0, 0, 10},  {312, 0, 10}, {312, 647, 10}, {312, 648, 9}, {0, 959, 10},   {0, 960, 9},
        {960, 0, 9}, {3840, 0, 6}, {3840, 960, 5}, {0, 9600, 1},  {312, 9000, 1}, {8640, 0, 1},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        size_t len =
            ogg_file_padded(data, sizeof(data), 10, 1, table[i].pre_skip, table[i].padding);
        ck_assert_int_eq(sup_hold_parse(data, len, &hold, NULL), SUP_OK);
        ck_assert_msg(sup_hold_count(hold) == table[i].count, "row %zu: %zu", i,
                      sup_hold_count(hold));
        struct sup_hold_packet last = sup_hold_packet(hold, table[i].count - 1);
        ck_assert(last.len == OGG_FILE_LEN && last.data[0] == 0x48);
        sup_hold_destroy(hold);
        hold = NULL;
    }
    size_t len = ogg_file_padded(data, sizeof(data), 10, 1, 9600, 0);
    refused(data, len, SUP_E_MALFORMED, "no audio");
}
END_TEST

/* Strength of the tone in each 20 ms around the place where the file repeats. */
START_TEST(the_seam_is_not_heard)
{
    static int16_t pcm[150 * 960];
    struct sup_opus_dec *dec;
    size_t got;
    ck_assert_int_eq(sup_hold_open(vector("tone_20ms.opus"), &hold, NULL), SUP_OK);
    ck_assert_uint_eq(sup_hold_count(hold), 50); /* a second, as long as what was encoded */
    ck_assert_int_eq(sup_opus_dec_create(48000, 1, &dec), SUP_OK);
    for (uint64_t n = 0; n < 150; n++) {
        struct sup_hold_packet p = sup_hold_packet(hold, n);
        ck_assert_int_eq(sup_opus_decode(dec, p.data, p.len, false, pcm + n * 960, 960, &got),
                         SUP_OK);
    }
    sup_opus_dec_destroy(dec);
    double whole = 0;
    for (size_t i = 960; i < 49 * 960; i++)
        whole += (double)pcm[i] * pcm[i] / (48 * 960);
    for (size_t at = 40 * 960; at + 960 <= 145 * 960; at += 240) {
        double part = 0;
        for (size_t i = at; i < at + 960; i++)
            part += (double)pcm[i] * pcm[i] / 960;
        ck_assert_msg(part > whole / 4, "%zu ms: %g of the sound", at / 48, part / whole);
    }
}
END_TEST

static size_t load(const char *name, uint8_t *data, size_t cap)
{
    FILE *f = fopen(vector(name), "rb");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(data, 1, cap, f);
    fclose(f);
    return n;
}

START_TEST(cut_and_damaged_files_are_survived)
{
    static uint8_t data[16384], copy[16384];
    size_t len = load("tone_20ms.opus", data, sizeof(data));
    for (size_t n = 0; n < len; n += 7) {
        struct sup_hold *cut = NULL;
        sup_err err = sup_hold_parse(data, n, &cut, NULL);
        ck_assert(err == SUP_OK || err == SUP_E_MALFORMED);
        sup_hold_destroy(cut);
    }
    for (size_t i = 0; i < len; i += 3) { /* each page has a checksum */
        struct sup_hold *bad = NULL;
        memcpy(copy, data, len);
        copy[i] ^= 0x55;
        sup_err err = sup_hold_parse(copy, len, &bad, NULL);
        ck_assert_msg(err == SUP_E_MALFORMED, "byte %zu: %d", i, err);
    }
}
END_TEST

START_TEST(several_pieces_play_in_turn)
{
    static uint8_t file[8192];
    struct sup_hold *more;
    ck_assert_int_eq(sup_hold_parse(file, ogg_file(file, sizeof(file), 3, 1), &hold, NULL), SUP_OK);
    ck_assert_int_eq(sup_hold_parse(file, ogg_file(file, sizeof(file), 2, 2), &more, NULL), SUP_OK);
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_hold_append(hold, more), SUP_OK); /* there was room */
    sup_mem_fail_at(0);
    sup_hold_destroy(more);
    ck_assert_uint_eq(sup_hold_count(hold), 5);
    static const uint8_t fills[] = {1, 1, 1, 2, 2, 1, 1, 1, 2, 2};
    for (uint64_t n = 0; n < sizeof(fills); n++)
        ck_assert_uint_eq(sup_hold_packet(hold, n).data[1], fills[n]);
}
END_TEST

/* An Ogg stream of head, tags and one packet, with the head's bytes changed. */
static sup_err parse_with_head(size_t at, uint8_t value)
{
    uint8_t head[] = "OpusHead\1\1\0\0\x80\xBB\0\0\0\0\0", tags[] = "OpusTags\0\0\0\0\0\0\0\0";
    uint8_t audio[] = {0x48, 0x80, 1, 2};
    ogg_stream_state os;
    ogg_page page;
    struct sup_buf out;
    head[at] = value;
    ogg_packet packets[3] = {{.packet = head, .bytes = 19, .b_o_s = 1},
                             {.packet = tags, .bytes = 16, .packetno = 1},
                             {.packet = audio, .bytes = 4, .e_o_s = 1, .packetno = 2}};
    sup_buf_init(&out, 0);
    ck_assert_int_eq(ogg_stream_init(&os, 1), 0);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(ogg_stream_packetin(&os, &packets[i]), 0);
        while (ogg_stream_flush(&os, &page)) {
            ck_assert_int_eq(sup_buf_add(&out, page.header, (size_t)page.header_len), SUP_OK);
            ck_assert_int_eq(sup_buf_add(&out, page.body, (size_t)page.body_len), SUP_OK);
        }
    }
    struct sup_hold *parsed = NULL;
    sup_err err = sup_hold_parse((const uint8_t *)out.data, out.len, &parsed, NULL);
    ck_assert(err || sup_hold_count(parsed) == 1);
    sup_hold_destroy(parsed);
    sup_buf_fini(&out);
    ogg_stream_clear(&os);
    return err;
}

START_TEST(heads_are_checked)
{
    ck_assert_int_eq(parse_with_head(9, 1), SUP_OK);
    ck_assert_int_eq(parse_with_head(9, 2), SUP_OK);
    ck_assert_int_eq(parse_with_head(9, 0), SUP_E_UNSUPPORTED);
    ck_assert_int_eq(parse_with_head(9, 3), SUP_E_UNSUPPORTED);
    ck_assert_int_eq(parse_with_head(18, 1), SUP_E_UNSUPPORTED); /* mapping family */
    ck_assert_int_eq(parse_with_head(16, 1), SUP_E_UNSUPPORTED); /* gain */
    ck_assert_int_eq(parse_with_head(8, 16), SUP_E_MALFORMED);   /* version */
    ck_assert_int_eq(parse_with_head(0, 'X'), SUP_E_MALFORMED);
}
END_TEST

START_TEST(out_of_memory_leaves_nothing)
{
    sup_err err = SUP_E_NOMEM;
    for (size_t n = 1; err; n++) {
        sup_mem_fail_at(n);
        err = sup_hold_open(vector("tone_20ms.opus"), &hold, NULL);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || err == SUP_E_NOMEM);
    }
    sup_hold_destroy(hold);
    hold = NULL;
    err = SUP_E_NOMEM;
    for (size_t n = 1; err; n++) {
        sup_mem_fail_at(n);
        err = sup_hold_create_builtin(&hold);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || (err == SUP_E_NOMEM && !hold && sup_mem_live() == 0));
    }
    sup_hold_destroy(NULL);
}
END_TEST

SUP_CHECK_MAIN("hold", setup, teardown, the_builtin_music_sounds, the_builtin_notice_is_two_tones,
               the_builtin_music_is_the_same_every_time, a_file_of_another_encoder_is_read,
               bad_files_say_why, each_kind_of_bad_file_has_its_own_word,
               packets_of_padding_are_left_out, the_seam_is_not_heard,
               cut_and_damaged_files_are_survived, several_pieces_play_in_turn, heads_are_checked,
               out_of_memory_leaves_nothing)
