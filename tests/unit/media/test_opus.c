#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check_main.h"
#include "supportd/media/level.h"
#include "supportd/media/opus.h"
#include "supportd/media/opus_toc.h"

enum { RATE = 48000, HISTORY = 12, PACKETS = 150 };

struct packet {
    uint8_t data[1500];
    size_t len;
};

static struct packet packets[PACKETS];
static int16_t pcm[RATE / 50 * 3 * 2];

/* Voiced sound of 120 Hz with two formants, broken into syllables with pauses between. */
static int16_t speech(size_t i)
{
    double t = (double)i / RATE, sum = 0;
    for (int h = 1; h < 28; h++) {
        double hz = 120.0 * h * (1 + 0.02 * sin(2 * M_PI * 0.7 * t));
        double f = exp(-pow((hz - 600) / 300, 2)) + 0.6 * exp(-pow((hz - 1800) / 400, 2));
        sum += f * sin(2 * M_PI * 120.0 * h * t);
    }
    double syllable = fmax(0, sin(2 * M_PI * 2.5 * t));
    return (int16_t)(sum * syllable * 4000);
}

static void encode_speech(const struct sup_opus_enc_opts *opts, size_t samples)
{
    struct sup_opus_enc *enc;
    size_t channels = opts->channels == 2 ? 2 : 1;
    ck_assert_int_eq(sup_opus_enc_create(opts, &enc), SUP_OK);
    for (size_t n = 0; n < PACKETS; n++) {
        for (size_t i = 0; i < samples; i++)
            for (size_t c = 0; c < channels; c++)
                pcm[i * channels + c] = (int16_t)(speech(n * samples + i) / (int)(c + 1));
        ck_assert_int_eq(sup_opus_encode(enc, pcm, samples, packets[n].data,
                                         sizeof(packets[n].data), &packets[n].len),
                         SUP_OK);
    }
    sup_opus_enc_destroy(enc);
}

/* What a fresh decoder fed with the packets before n - 1 makes of the missing n - 1: by FEC from
 * packet n, or by concealment. */
static void decode_missing(size_t n, bool fec, size_t samples, unsigned channels, int16_t *ret_pcm)
{
    struct sup_opus_dec *dec;
    static int16_t waste[RATE / 25 * 3 * 2];
    size_t got;
    ck_assert_int_eq(sup_opus_dec_create(RATE, channels, &dec), SUP_OK);
    for (size_t i = n - HISTORY; i < n - 1; i++)
        ck_assert_int_eq(sup_opus_decode(dec, packets[i].data, packets[i].len, false, waste,
                                         RATE / 25 * 3, &got),
                         SUP_OK);
    ck_assert_int_eq(sup_opus_decode(dec, fec ? packets[n].data : NULL, packets[n].len, fec,
                                     ret_pcm, samples, &got),
                     SUP_OK);
    ck_assert_uint_eq(got, samples);
    sup_opus_dec_destroy(dec);
}

/* libopus conceals when it finds no LBRR where it is asked for it: the two results then are equal,
 * sample by sample. */
static bool decoder_finds_lbrr(size_t n, size_t samples, unsigned channels)
{
    static int16_t by_fec[RATE / 50 * 3 * 2], by_plc[RATE / 50 * 3 * 2];
    decode_missing(n, true, samples, channels, by_fec);
    decode_missing(n, false, samples, channels, by_plc);
    return memcmp(by_fec, by_plc, samples * channels * sizeof(*by_fec)) != 0;
}

START_TEST(lbrr_flags_are_what_the_decoder_finds)
{
    static const struct {
        size_t samples;
        unsigned channels;
        uint32_t bitrate;
    } cases[] = {{960, 1, 24000},  {960, 1, 20000}, {480, 1, 28000},  {1920, 1, 20000},
                 {2880, 1, 20000}, {960, 2, 40000}, {2880, 2, 40000}, {960, 1, 32000}};
    size_t with = 0, without = 0;
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
        struct sup_opus_enc_opts o = {.channels = cases[c].channels,
                                      .bitrate = cases[c].bitrate,
                                      .fec = true,
                                      .loss_pct = 20};
        size_t flagged = 0;
        encode_speech(&o, cases[c].samples);
        for (size_t n = HISTORY; n < PACKETS; n++) {
            struct sup_opus_info info;
            ck_assert_int_eq(sup_opus_parse(packets[n].data, packets[n].len, &info), SUP_OK);
            ck_assert_uint_eq(info.samples, cases[c].samples);
            if (packets[n].data[0] != packets[n - 2].data[0])
                continue; /* a change of mode makes the two differ in any case */
            bool truth = decoder_finds_lbrr(n, cases[c].samples, cases[c].channels);
            ck_assert_msg(info.lbrr == truth, "case %zu packet %zu: flag %d, decoder %d", c, n,
                          info.lbrr, truth);
            flagged += truth;
            with += truth;
            without += !truth;
        }
        ck_assert_msg(flagged > 0, "case %zu has no packet with LBRR", c);
    }
    ck_assert_msg(without > 50, "only %zu without, %zu with", without, with);
}
END_TEST

START_TEST(without_fec_there_is_no_flag)
{
    struct sup_opus_enc_opts o = {.bitrate = 24000};
    size_t voiced = 0, mute = 0;
    encode_speech(&o, 960);
    for (size_t n = 0; n < PACKETS; n++) {
        struct sup_opus_info info;
        ck_assert_int_eq(sup_opus_parse(packets[n].data, packets[n].len, &info), SUP_OK);
        ck_assert(!info.lbrr && !info.stereo && info.frame_us == 20000);
        voiced += info.voice;
        mute += !info.voice;
    }
    ck_assert(voiced > 40 && mute > 10);
}
END_TEST

START_TEST(dtx_packets_are_recognised)
{
    struct sup_opus_enc *enc;
    struct sup_opus_enc_opts o = {.bitrate = 24000, .dtx = true};
    size_t dtx = 0, len;
    uint8_t buf[400];
    memset(pcm, 0, sizeof(pcm));
    ck_assert_int_eq(sup_opus_enc_create(&o, &enc), SUP_OK);
    for (int n = 0; n < 100; n++) {
        struct sup_opus_info info;
        ck_assert_int_eq(sup_opus_encode(enc, pcm, 960, buf, sizeof(buf), &len), SUP_OK);
        ck_assert_int_eq(sup_opus_parse(buf, len, &info), SUP_OK);
        ck_assert(info.dtx == (len <= 2));
        ck_assert(info.samples == 960 && (!info.dtx || !info.lbrr));
        dtx += info.dtx;
    }
    ck_assert_uint_gt(dtx, 60);
    sup_opus_enc_destroy(enc);
}
END_TEST

START_TEST(every_toc_byte)
{
    static const uint32_t us[32] = {10000, 20000, 40000, 60000, 10000, 20000, 40000, 60000,
                                    10000, 20000, 40000, 60000, 10000, 20000, 10000, 20000,
                                    2500,  5000,  10000, 20000, 2500,  5000,  10000, 20000,
                                    2500,  5000,  10000, 20000, 2500,  5000,  10000, 20000};
    static const char *const bandwidth[32] = {"nb",  "nb",  "nb",  "nb",  "mb",  "mb",  "mb", "mb",
                                              "wb",  "wb",  "wb",  "wb",  "swb", "swb", "fb", "fb",
                                              "nb",  "nb",  "nb",  "nb",  "wb",  "wb",  "wb", "wb",
                                              "swb", "swb", "swb", "swb", "fb",  "fb",  "fb", "fb"};
    for (unsigned c = 0; c < 32; c++)
        for (unsigned stereo = 0; stereo < 2; stereo++) {
            uint8_t pkt[5] = {(uint8_t)(c << 3 | stereo << 2), 0, 0, 0, 0};
            struct sup_opus_info info;
            ck_assert_int_eq(sup_opus_parse(pkt, 5, &info), SUP_OK);
            ck_assert_uint_eq(info.frame_us, us[c]);
            ck_assert_str_eq(sup_opus_bandwidth_name(info.bandwidth), bandwidth[c]);
            ck_assert_int_eq(info.mode, c < 12   ? SUP_OPUS_SILK
                                        : c < 16 ? SUP_OPUS_HYBRID
                                                 : SUP_OPUS_CELT);
            ck_assert(info.stereo == (stereo == 1) && info.frames == 1 && !info.dtx);
            ck_assert_uint_eq(info.samples, us[c] * 48 / 1000);
            pkt[0] |= 1; /* two equal frames of two bytes */
            ck_assert_int_eq(sup_opus_parse(pkt, 5, &info), SUP_OK);
            ck_assert_uint_eq(info.duration_us, 2 * us[c]);
            ck_assert_int_eq(sup_opus_parse(pkt, 4, &info), SUP_E_MALFORMED); /* odd: R3 */
        }
}
END_TEST

START_TEST(flag_bits_by_hand)
{
    static const struct {
        uint8_t toc, first;
        bool lbrr, voice;
    } cases[] = {
        {0x48, 0x80, false, true},  {0x48, 0x40, true, false}, /* WB 20 ms: V L */
        {0x40, 0x40, true, false},                             /* 10 ms: V L */
        {0x50, 0xE0, true, true},   {0x50, 0x20, true, false}, /* 40 ms: V V L */
        {0x58, 0x10, true, false},  {0x58, 0xE0, false, true}, /* 60 ms: V V V L */
        {0x4C, 0x10, true, false},  {0x4C, 0x20, false, true}, /* 20 ms stereo: V L V L */
        {0x5C, 0x01, true, false},  {0x5C, 0x0E, false, true}, /* 60 ms stereo: VVVL VVVL */
        {0x78, 0x40, true, false},                             /* hybrid */
        {0xF8, 0xFF, false, false},                            /* CELT has neither */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t pkt[3] = {cases[i].toc, cases[i].first, 0};
        struct sup_opus_info info;
        ck_assert_int_eq(sup_opus_parse(pkt, 3, &info), SUP_OK);
        ck_assert_msg(info.lbrr == cases[i].lbrr && info.voice == cases[i].voice, "case %zu", i);
    }
}
END_TEST

START_TEST(frame_packing_rules)
{
    static const struct {
        const char *bytes;
        size_t len;
        int frames; /* 0: malformed */
        bool dtx;
    } cases[] = {
        {"\x48", 1, 1, true},             /* code 0 without data: DTX */
        {"\x4A\x01\xAA\xBB", 4, 2, true}, /* code 2: 1 and 1 byte */
        {"\x4A\x02\xAA\xBB\xCC", 5, 2, false},
        {"\x4A\x05\xAA", 3, 0, false},             /* R4: first longer than the packet */
        {"\x4A", 1, 0, false},                     /* R4: no length */
        {"\x4A\xFC", 2, 0, false},                 /* half a two-byte length */
        {"\x4B", 1, 0, false},                     /* R6: no count */
        {"\x4B\x00", 2, 0, false},                 /* R5: no frame */
        {"\x4B\x06", 2, 6, true},                  /* 6 x 20 ms, all empty */
        {"\x4B\x07", 2, 0, false},                 /* R5: 140 ms */
        {"\x4B\x02\xAA\xBB\xCC", 5, 0, false},     /* R6: 3 bytes into 2 frames */
        {"\x4B\x42\x01\xAA\xBB\x00", 6, 2, true},  /* one byte of padding */
        {"\x4B\x42\x09\xAA\xBB\x00", 6, 0, false}, /* R6: padding longer than the packet */
        {"\x4B\x42\xFF", 3, 0, false},             /* padding length goes on, but is not there */
        {"\x4B\x83\x01\x01\xAA\xBB\xCC\xDD", 8, 3, false}, /* VBR: 1, 1 and 2 bytes */
        {"\x4B\x83\x01\x09\xAA\xBB\xCC", 7, 0, false},     /* R7 */
        {"\x4B\x81\xAA\xBB", 4, 1, false},                 /* VBR of one frame */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sup_opus_info info;
        sup_err err = sup_opus_parse((const uint8_t *)cases[i].bytes, cases[i].len, &info);
        ck_assert_msg(err == (cases[i].frames ? SUP_OK : SUP_E_MALFORMED), "case %zu", i);
        if (cases[i].frames)
            ck_assert_msg(info.frames == cases[i].frames && info.dtx == cases[i].dtx, "case %zu",
                          i);
    }
    uint8_t large[SUP_OPUS_PACKET_MAX + 1] = {0x48};
    struct sup_opus_info info;
    ck_assert_int_eq(sup_opus_parse(large, 1276, &info), SUP_OK);
    ck_assert_int_eq(sup_opus_parse(large, 1277, &info), SUP_E_MALFORMED); /* R2 */
    large[0] = 0x49;
    ck_assert_int_eq(sup_opus_parse(large, sizeof(large), &info), SUP_E_MALFORMED);
    ck_assert_int_eq(sup_opus_parse(NULL, 0, &info), SUP_E_MALFORMED);
}
END_TEST

START_TEST(codecs_refuse_what_they_cannot_do)
{
    struct sup_opus_enc *enc = NULL;
    struct sup_opus_dec *dec = NULL;
    uint8_t buf[10];
    size_t n;
    ck_assert_int_eq(sup_opus_enc_create(&(struct sup_opus_enc_opts){.rate_hz = 44100}, &enc),
                     SUP_E_INVAL);
    ck_assert_int_eq(sup_opus_enc_create(&(struct sup_opus_enc_opts){.channels = 3}, &enc),
                     SUP_E_INVAL);
    ck_assert_int_eq(sup_opus_enc_create(&(struct sup_opus_enc_opts){.bitrate = 100}, &enc),
                     SUP_E_INVAL);
    ck_assert_int_eq(sup_opus_dec_create(44100, 1, &dec), SUP_E_INVAL);
    ck_assert_int_eq(sup_opus_dec_create(48000, 0, &dec), SUP_E_INVAL);
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_opus_enc_create(NULL, &enc), SUP_E_NOMEM);
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_opus_dec_create(48000, 1, &dec), SUP_E_NOMEM);
    ck_assert(!enc && !dec);
    ck_assert_int_eq(sup_opus_enc_create(NULL, &enc), SUP_OK);
    ck_assert_int_eq(sup_opus_encode(enc, pcm, 961, buf, sizeof(buf), &n), SUP_E_INVAL);
    ck_assert_int_eq(sup_opus_encode(enc, pcm, 0, buf, sizeof(buf), &n), SUP_E_INVAL);
    ck_assert_int_eq(sup_opus_dec_create(48000, 1, &dec), SUP_OK);
    ck_assert_int_eq(sup_opus_decode(dec, (const uint8_t *)"\x4B\x07", 2, false, pcm, 960, &n),
                     SUP_E_MALFORMED);
    ck_assert_int_eq(sup_opus_decode(dec, (const uint8_t *)"\x48\x80\x01", 3, false, pcm, 100, &n),
                     SUP_E_LIMIT);
    sup_opus_enc_destroy(enc);
    sup_opus_dec_destroy(dec);
    sup_opus_enc_destroy(NULL);
    sup_opus_dec_destroy(NULL);
}
END_TEST

static void tone(double amplitude, size_t from, size_t samples)
{
    for (size_t i = 0; i < samples; i++)
        pcm[i] = (int16_t)(amplitude * 32767 * sin(2 * M_PI * 440 * (double)(from + i) / RATE));
}

START_TEST(levels_of_samples)
{
    ck_assert_uint_eq(sup_level_pcm(pcm, 0), 127);
    memset(pcm, 0, sizeof(pcm));
    ck_assert_uint_eq(sup_level_pcm(pcm, 960), 127);
    tone(1, 0, 2400); /* a sine is 3 dB below its peak */
    ck_assert_uint_eq(sup_level_pcm(pcm, 2400), 3);
    tone(0.1, 0, 2400);
    ck_assert_uint_eq(sup_level_pcm(pcm, 2400), 23);
    for (size_t i = 0; i < 100; i++)
        pcm[i] = i % 2 ? 32767 : -32768;
    ck_assert_uint_eq(sup_level_pcm(pcm, 100), 0);
}
END_TEST

START_TEST(the_meter_samples_a_fifth_and_is_right)
{
    static const double amplitudes[] = {0.5, 0.05, 0.005, 0};
    for (size_t a = 0; a < 4; a++) {
        struct sup_opus_enc *enc;
        struct sup_level_meter *meter;
        uint8_t buf[400], dbov;
        size_t len, measured = 0;
        ck_assert_int_eq(sup_opus_enc_create(NULL, &enc), SUP_OK);
        ck_assert_int_eq(sup_level_meter_create(&meter), SUP_OK);
        for (size_t n = 0; n < 250; n++) {
            tone(amplitudes[a], n * 960, 960);
            uint8_t truth = sup_level_pcm(pcm, 960);
            ck_assert_int_eq(sup_opus_encode(enc, pcm, 960, buf, sizeof(buf), &len), SUP_OK);
            if (!sup_level_meter_add(meter, buf, len, &dbov))
                continue;
            measured++;
            if (n > 25) /* the encoder has settled */
                ck_assert_msg(amplitudes[a] > 0 ? abs(dbov - truth) <= 2 : dbov >= 90,
                              "amplitude %g packet %zu: %u, not %u", amplitudes[a], n, dbov, truth);
        }
        ck_assert_uint_eq(measured, 30);
        ck_assert(!sup_level_meter_add(meter, (const uint8_t *)"\x4B\x07", 2, &dbov));
        sup_level_meter_destroy(meter);
        sup_opus_enc_destroy(enc);
    }
    struct sup_level_meter *meter = NULL;
    for (size_t n = 1; n <= 2; n++) {
        sup_mem_fail_at(n);
        ck_assert_int_eq(sup_level_meter_create(&meter), SUP_E_NOMEM);
        ck_assert_ptr_null(meter);
    }
    sup_level_meter_destroy(NULL);
}
END_TEST

SUP_CHECK_MAIN("opus", NULL, NULL, lbrr_flags_are_what_the_decoder_finds,
               without_fec_there_is_no_flag, dtx_packets_are_recognised, every_toc_byte,
               flag_bits_by_hand, frame_packing_rules, codecs_refuse_what_they_cannot_do,
               levels_of_samples, the_meter_samples_a_fifth_and_is_right)
