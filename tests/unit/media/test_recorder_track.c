/* A generated tone through loss, DTX, disorder, a new source and a drifting clock: decoded by
 * libopus, the tone must stand where it was made. */
#include "supportd/media/recorder_track.h"

#include "support/check_main.h"
#include "support/ogg_opus.h"

enum { FRAME = 960, MS = 48 };

static struct sup_rec_track *track;
static struct sup_opus_enc *enc;
static struct sup_buf out;
static uint64_t advanced_us, pause_end_us;

static void setup(void)
{
    ck_assert_int_eq(sup_rec_track_create("customer", &track), SUP_OK);
    ck_assert_int_eq(sup_opus_enc_create(&(struct sup_opus_enc_opts){.bitrate = 32000}, &enc),
                     SUP_OK);
    sup_buf_init(&out, 0);
    advanced_us = pause_end_us = 0;
}

static void teardown(void)
{
    sup_rec_track_destroy(track);
    sup_opus_enc_destroy(enc);
    sup_buf_fini(&out);
}

/* 20 ms that begin at sample at of the sender's line: a tone in each second that is a multiple of
 * 3, from its first to its 500th millisecond. */
static size_t frame_at(uint64_t at, uint8_t *buf)
{
    int16_t pcm[FRAME];
    size_t len;
    for (size_t i = 0; i < FRAME; i++) {
        uint64_t n = at + i;
        bool on = n / 48000 % 3 == 0 && n % 48000 < 24000;
        pcm[i] = on ? (int16_t)(8000 * sin((double)n * 2 * 3.14159265 * 500 / 48000)) : 0;
    }
    ck_assert_int_eq(sup_opus_encode(enc, pcm, FRAME, buf, 400, &len), SUP_OK);
    return len;
}

static void advance(uint64_t now_us)
{
    for (; advanced_us + 300000 <= now_us; advanced_us += 300000)
        ck_assert_int_eq(sup_rec_track_advance(track, advanced_us + 300000, &out), SUP_OK);
}

static void add(uint32_t ssrc, uint32_t ts, uint64_t at_us, const uint8_t *p, size_t len)
{
    struct sup_rec_packet packet = {ssrc, ts, at_us, p, len, pause_end_us};
    ck_assert_int_eq(sup_rec_track_add(track, &packet), SUP_OK);
}

/* Seconds from..to of the sender; lost(n) tells which frames do not come, late_us(n) how late. */
static void send(uint32_t ssrc, uint32_t ts, unsigned from_s, unsigned to_s, bool (*lost)(unsigned),
                 uint64_t (*late_us)(unsigned))
{
    uint8_t buf[400];
    for (unsigned n = from_s * 50; n < to_s * 50; n++) {
        size_t len = frame_at((uint64_t)n * FRAME, buf);
        uint64_t at = n * 20000ull + (late_us ? late_us(n) : 0);
        if (lost && lost(n))
            continue;
        advance(at);
        add(ssrc, ts + n * FRAME, at, buf, len);
    }
}

static struct ogg_sound finish(uint64_t end_us)
{
    ck_assert_int_eq(sup_rec_track_finish(track, end_us, &out), SUP_OK);
    struct ogg_sound sound = ogg_read(out.data, out.len);
    ck_assert(sound.ended);
    ck_assert_uint_eq(sound.samples, end_us / 1000 * MS);
    return sound;
}

static void check_onsets(struct ogg_sound *sound, unsigned from_s, unsigned to_s)
{
    for (unsigned s = from_s; s < to_s; s += 3) {
        long at = ogg_onset_ms(sound, s > 0 ? s * 1000 - 400 : 0);
        ck_assert_msg(labs(at - (long)s * 1000) <= 20, "second %u begins at %ld ms", s, at);
    }
    free(sound->pcm);
}

static bool one_in_20(unsigned n)
{
    return n % 20 == 7 || n % 100 == 31;
}

static bool long_loss(unsigned n)
{
    return (n > 60 && n < 130) || one_in_20(n);
}

static uint64_t jitter(unsigned n)
{
    return 30000 + n * 7919 % 60000;
}

static uint64_t late_start(unsigned n)
{
    return n < 3 ? 95000 : 5000 + n * 7919 % 10000;
}

START_TEST(loss_keeps_every_second_in_its_place)
{
    send(7, 0xFFFFF000, 0, 19, long_loss, NULL); /* the timestamp wraps */
    struct ogg_sound sound = finish(19000000);
    struct sup_rec_track_stats stats;
    sup_rec_track_get_stats(track, &stats);
    ck_assert_uint_ge(stats.filled, 69 * FRAME + 40 * FRAME);
    ck_assert_uint_eq(stats.dropped, 0);
    check_onsets(&sound, 0, 19);
}
END_TEST

START_TEST(a_party_that_comes_late_or_goes_is_silent_until_then)
{
    send(7, 1000, 3, 5, NULL, NULL);
    struct ogg_sound sound = finish(12345000);
    ck_assert(ogg_level(&sound, 0, 2900 * MS) < 1);
    ck_assert(ogg_level(&sound, 5100 * MS, 7000 * MS) < 1);
    check_onsets(&sound, 3, 4);
}
END_TEST

START_TEST(disorder_and_jitter_lose_nothing)
{
    uint8_t buf[400];
    size_t len[600];
    static uint8_t all[600][400];
    for (unsigned n = 0; n < 600; n++) {
        len[n] = frame_at((uint64_t)n * FRAME, buf);
        memcpy(all[n], buf, len[n]);
    }
    for (unsigned n = 0; n < 600; n++) { /* pairs change places, each twelfth comes 200 ms late */
        unsigned m = n ^ 1;
        advance(n * 20000ull + 20000);
        if (m % 12 != 4)
            add(7, m * FRAME, n * 20000ull + 20000, all[m], len[m]);
        if (n >= 10 && (n - 10) % 12 == 4)
            add(7, (n - 10) * FRAME, n * 20000ull + 20000, all[n - 10], len[n - 10]);
        add(7, n / 2 * 2 * FRAME, n * 20000ull + 20000, all[n / 2 * 2], len[n / 2 * 2]);
    }
    struct ogg_sound sound = finish(12000000);
    struct sup_rec_track_stats stats;
    sup_rec_track_get_stats(track, &stats);
    ck_assert_uint_ge(stats.packets, 598);
    check_onsets(&sound, 0, 12);
}
END_TEST

START_TEST(a_new_source_goes_on_at_the_present)
{
    send(7, 5, 0, 5, one_in_20, NULL);
    send(8, 0x80000000, 6, 13, one_in_20, jitter); /* another SSRC, another timestamp */
    send(8, 17, 13, 16, NULL, jitter);             /* the same SSRC leaps */
    struct ogg_sound sound = finish(16000000);
    for (unsigned s = 6; s < 16; s += 3) { /* 30 ms of it are the path */
        long at = ogg_onset_ms(&sound, s * 1000 - 400);
        ck_assert_msg(at - (long)s * 1000 >= 10 && at - (long)s * 1000 <= 50, "%u: %ld", s, at);
    }
    check_onsets(&sound, 0, 5);
}
END_TEST

START_TEST(a_timestamp_that_leaps_a_little_is_found)
{
    send(7, 48000, 0, 5, NULL, NULL);
    send(7, 48000 - 30000, 5, 16, NULL, NULL); /* 0.6 s back: too late, then in its place */
    struct ogg_sound sound = finish(16000000);
    check_onsets(&sound, 6, 16);
}
END_TEST

static uint64_t stood_still(unsigned n)
{
    return n < 250 ? 0 : 240000;
}

START_TEST(a_sender_whose_time_stood_still_is_found)
{
    send(7, 48000, 0, 16, NULL, stood_still);
    struct ogg_sound sound = finish(17000000);
    for (unsigned s = 9; s < 16; s += 3) {
        long at = ogg_onset_ms(&sound, s * 1000 - 400);
        ck_assert_msg(labs(at - (long)s * 1000 - 240) <= 20, "%u: %ld", s, at);
    }
    check_onsets(&sound, 0, 4);
}
END_TEST

START_TEST(a_slow_beginning_is_made_good)
{
    send(7, 5, 0, 16, NULL, late_start);
    struct ogg_sound sound = finish(16000000);
    check_onsets(&sound, 3, 16);
}
END_TEST

START_TEST(dtx_is_a_gap_in_time_not_in_numbers)
{
    uint8_t buf[400];
    for (unsigned n = 0; n < 600; n++) {
        size_t len = frame_at((uint64_t)n * FRAME, buf);
        advance(n * 20000ull);
        if (n / 50 % 3 == 0 || n / 50 % 3 == 1)
            add(7, n * FRAME, n * 20000ull, buf, len);
        else if (n % 20 == 0) /* what an encoder sends in silence */
            add(7, n * FRAME, n * 20000ull, buf, 1);
    }
    struct ogg_sound sound = finish(12000000);
    check_onsets(&sound, 0, 12);
}
END_TEST

/* A sender with DTX from second from_s on: packets of sound, and in silence one in 20, of one byte.
 * back: ticks that its timestamp leaps back by after 500 ms, as where a track takes the place of
 * another. */
static void send_dtx(uint32_t ssrc, unsigned from_s, unsigned to_s, uint32_t back,
                     uint64_t (*late_us)(unsigned))
{
    uint8_t buf[400];
    for (unsigned n = from_s * 50; n < to_s * 50; n++) {
        size_t len = frame_at((uint64_t)n * FRAME, buf);
        bool sound = n / 50 % 3 == 0 && n % 50 < 28;
        uint64_t at = n * 20000ull + (late_us ? late_us(n) : 0);
        uint32_t ts = 4711 + n * FRAME - (n >= from_s * 50 + 25 ? back : 0);
        if ((!sound && n % 20 != 0) || (n % 20 == 7 && n % 50 > 2))
            continue; /* by DTX, or lost: not the beginning, which the test looks for */
        advance(at);
        add(ssrc, ts, at, buf, sound ? len : 1);
    }
}

START_TEST(dtx_loss_and_a_pause_keep_every_second_in_its_place)
{
    send_dtx(7, 0, 11, 0, NULL);
    advance(17000000);
    pause_end_us = 17000000;
    send_dtx(7, 17, 29, 0, NULL);
    struct ogg_sound sound = finish(29000000);
    ck_assert(ogg_level(&sound, 11100 * MS, 5800 * MS) < 1);
    for (unsigned s = 18; s < 29; s += 3) {
        long at = ogg_onset_ms(&sound, s * 1000 - 400);
        ck_assert_msg(labs(at - (long)s * 1000) <= 20, "second %u begins at %ld ms", s, at);
    }
    check_onsets(&sound, 0, 11);
}
END_TEST

START_TEST(a_timestamp_that_leaps_back_in_dtx_is_found)
{
    send_dtx(7, 1, 12, 200 * MS, NULL);  /* from second 1.5 on */
    send_dtx(8, 13, 30, 300 * MS, NULL); /* a page that was loaded anew */
    struct ogg_sound sound = finish(30000000);
    for (unsigned s = 6; s < 30; s += 3) {
        long at = ogg_onset_ms(&sound, s * 1000 - 400);
        if (s != 12 && s != 15) /* nothing is sent, and within three seconds of the leap */
            ck_assert_msg(labs(at - (long)s * 1000) <= 20, "second %u begins at %ld ms", s, at);
    }
    free(sound.pcm);
}
END_TEST

static uint64_t late_comfort(unsigned n)
{
    return n % 50 < 28 && n / 50 % 3 == 0 ? 5000 : 65000;
}

START_TEST(comfort_packets_on_a_slow_path_do_not_hold_back_the_voice)
{
    send_dtx(7, 1, 16, 0, late_comfort);
    struct ogg_sound sound = finish(16000000);
    check_onsets(&sound, 3, 16);
}
END_TEST

/* 400 parts in a million: 120 ms in five minutes. */
static void drift(double ppm)
{
    uint8_t buf[400];
    for (unsigned n = 0; n < 15000; n++) {
        size_t len = frame_at((uint64_t)n * FRAME, buf);
        uint64_t at = (uint64_t)(n * 20000.0 * (1 + ppm / 1e6));
        advance(at);
        add(7, n * FRAME, at, buf, len);
    }
    ck_assert_int_eq(sup_rec_track_finish(track, 301000000, &out), SUP_OK);
    struct ogg_sound sound = ogg_read(out.data, out.len);
    for (unsigned s = 3; s < 300; s += 3) {
        long due = (long)(s * 1000 * (1 + ppm / 1e6)), at = ogg_onset_ms(&sound, s * 1000 - 600);
        /* 20 ms, and where a packet too many is left out at the very beginning, its 20. */
        ck_assert_msg(labs(at - due) <= 45, "second %u begins at %ld, due %ld", s, at, due);
    }
    free(sound.pcm);
}

START_TEST(what_was_said_in_a_pause_and_comes_after_it_is_left_out)
{
    uint8_t buf[400];
    send(7, 1000, 0, 3, NULL, NULL);
    advance(6000000);
    pause_end_us = 6000000;
    for (unsigned n = 150; n < 160; n++) { /* of the tone at 3 s, held up on the way */
        size_t len = frame_at((uint64_t)n * FRAME, buf);
        add(7, 1000 + n * FRAME, 6000000, buf, len);
    }
    send(7, 1000, 6, 8, NULL, NULL);
    struct ogg_sound sound = finish(8100000);
    ck_assert_int_le(labs(ogg_onset_ms(&sound, 2600) - 6000), 20);
    free(sound.pcm);
}
END_TEST

START_TEST(a_clock_that_runs_fast_is_followed)
{
    drift(-400);
}
END_TEST

START_TEST(a_clock_that_runs_slow_is_followed)
{
    drift(400);
}
END_TEST

START_TEST(what_is_no_opus_is_dropped)
{
    struct sup_rec_track_stats stats;
    add(7, 0, 0, (const uint8_t *)"\xFF\x00", 2);
    add(7, 0, 0, (const uint8_t *)"", 0);
    sup_rec_track_get_stats(track, &stats);
    ck_assert_uint_eq(stats.dropped, 2);
    struct ogg_sound sound = finish(0);
    free(sound.pcm);
}
END_TEST

START_TEST(memory_may_fail_anywhere)
{
    uint8_t buf[400];
    size_t len = frame_at(0, buf);
    for (size_t i = 1; i < 12; i++) {
        struct sup_rec_track *t = NULL;
        struct sup_buf pages = {0};
        struct sup_rec_packet packet = {7, 0, 1000, buf, len, 0};
        sup_mem_fail_at(i);
        if (sup_rec_track_create("agent", &t) == SUP_OK) {
            (void)(sup_rec_track_add(t, &packet) == SUP_OK);
            (void)(sup_rec_track_advance(t, 2000000, &pages) == SUP_OK);
            (void)(sup_rec_track_finish(t, 3000000, &pages) == SUP_OK);
        }
        sup_mem_fail_at(0);
        sup_rec_track_destroy(t);
        sup_buf_fini(&pages);
    }
}
END_TEST

SUP_CHECK_MAIN("recorder_track", setup, teardown, loss_keeps_every_second_in_its_place,
               a_party_that_comes_late_or_goes_is_silent_until_then,
               disorder_and_jitter_lose_nothing, a_new_source_goes_on_at_the_present,
               a_timestamp_that_leaps_a_little_is_found, a_sender_whose_time_stood_still_is_found,
               a_slow_beginning_is_made_good, dtx_is_a_gap_in_time_not_in_numbers,
               dtx_loss_and_a_pause_keep_every_second_in_its_place,
               a_timestamp_that_leaps_back_in_dtx_is_found,
               comfort_packets_on_a_slow_path_do_not_hold_back_the_voice,
               what_was_said_in_a_pause_and_comes_after_it_is_left_out,
               a_clock_that_runs_fast_is_followed, a_clock_that_runs_slow_is_followed,
               what_is_no_opus_is_dropped, memory_may_fail_anywhere)
