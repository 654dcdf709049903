#include "supportd/media/mix.h"

#include <stdlib.h>

#include "support/check_main.h"
#include "support/tone.h"
#include "supportd/media/opus_toc.h"

enum { BEATS = 150, PEAK = 8000, TONE_HZ = 1000 };

static struct sup_mix_source *source;
static struct tone tone;
static int16_t sound[BEATS * SUP_MIX_FRAME];
static struct {
    uint8_t data[TONE_PACKET_MAX];
    size_t len;
} packets[4 * BEATS];

static void setup(void)
{
    memset(sound, 0, sizeof(sound));
    ck_assert_int_eq(sup_mix_source_create(&source), SUP_OK);
    tone_open(&tone, TONE_HZ, PEAK, true);
    for (size_t i = 0; i < 4 * BEATS; i++)
        packets[i].len = tone_next(&tone, packets[i].data);
}

static void teardown(void)
{
    tone_close(&tone);
    sup_mix_source_destroy(source);
}

static void push(uint32_t ssrc, size_t n)
{
    sup_mix_source_push(source, ssrc, (uint16_t)(65500 + n), packets[n].data, packets[n].len);
}

static bool pull(size_t beat)
{
    return sup_mix_source_pull(source, sound + beat * SUP_MIX_FRAME);
}

static struct sup_mix_source_stats stats(void)
{
    struct sup_mix_source_stats s;
    sup_mix_source_get_stats(source, &s);
    return s;
}

/* The tone and nothing else from beat `from` to `to`: its strength within 1 dB. */
static void check_whole(size_t from, size_t to)
{
    for (size_t at = from; at + 10 <= to; at += 5) {
        double db = tone_db(tone_in(sound + at * SUP_MIX_FRAME, 10 * SUP_MIX_FRAME, TONE_HZ), PEAK);
        ck_assert_msg(db > -1 && db < 1, "beat %zu: %.1f dB", at, db);
    }
}

START_TEST(plays_what_comes_in_time)
{
    ck_assert(!pull(0));
    for (size_t i = 0; i < BEATS; i++) {
        push(7, i); /* the sequence number wraps on the way */
        ck_assert(pull(i) == (i > 0));
        ck_assert(sup_mix_source_primed(source) == (i >= 2));
    }
    check_whole(5, BEATS);
    struct sup_mix_source_stats s = stats();
    ck_assert_uint_eq(s.packets, BEATS);
    ck_assert_uint_eq(s.concealed + s.recovered + s.late + s.skipped, 0);
}
END_TEST

START_TEST(what_is_lost_is_made_from_the_copy_behind)
{
    static int16_t whole[BEATS * SUP_MIX_FRAME];
    struct sup_mix_source *lossless;
    uint64_t lost = 0, copies = 0;
    tone.swells = true;
    ck_assert_int_eq(sup_mix_source_create(&lossless), SUP_OK);
    for (size_t i = 0; i < BEATS; i++) {
        struct sup_opus_info info;
        packets[i].len = tone_next(&tone, packets[i].data);
        ck_assert_int_eq(sup_opus_parse(packets[i].data, packets[i].len, &info), SUP_OK);
        sup_mix_source_push(lossless, 7, (uint16_t)i, packets[i].data, packets[i].len);
        (void)sup_mix_source_pull(lossless, whole + i * SUP_MIX_FRAME);
        if (i % 5 != 4)
            push(7, i);
        (void)pull(i);
        lost += i > 0 && (i - 1) % 5 == 4;
        copies += i > 0 && (i - 1) % 5 == 4 && info.lbrr;
    }
    sup_mix_source_destroy(lossless);
    ck_assert_uint_ge(copies, BEATS / 15); /* else there is nothing to prove */
    ck_assert_uint_eq(stats().recovered, copies);
    ck_assert_uint_eq(stats().concealed, lost - copies);
    for (size_t at = 10; at < BEATS - 10; at += 10) {
        double heard = tone_in(sound + at * SUP_MIX_FRAME, 10 * SUP_MIX_FRAME, TONE_HZ);
        double was = tone_in(whole + at * SUP_MIX_FRAME, 10 * SUP_MIX_FRAME, TONE_HZ);
        ck_assert_double_gt(tone_db(heard, was), -6);
    }
}
END_TEST

START_TEST(a_burst_is_concealed_and_then_goes_on_in_place)
{
    for (size_t i = 0; i < BEATS; i++) {
        if (i < 60 || i >= 64)
            push(7, i);
        ck_assert(pull(i) || i == 0);
    }
    ck_assert_uint_ge(stats().concealed, 2);
    check_whole(5, 58);
    check_whole(70, BEATS);
}
END_TEST

START_TEST(late_packets_are_played_late_and_the_delay_shrinks_again)
{
    size_t sent = 0;
    for (size_t i = 0; i < BEATS; i++) {
        /* Three beats without a packet, then all of them at once. */
        if (i < 20 || i > 22)
            while (sent <= i)
                push(7, sent++);
        (void)pull(i);
    }
    struct sup_mix_source_stats s = stats();
    ck_assert_uint_ge(s.concealed, 2); /* one of the three was in reserve */
    ck_assert_uint_eq(s.recovered + s.late, 0);
    check_whole(26, BEATS);
    for (size_t i = 0; i < 2 * BEATS; i++) {
        push(7, sent++);
        (void)pull(i % BEATS);
    }
    ck_assert_uint_ge(stats().skipped, 1);
    ck_assert_uint_le(stats().skipped, 2);
    ck_assert_uint_eq(stats().concealed, s.concealed);
}
END_TEST

START_TEST(a_faster_clock_does_not_fill_the_buffer)
{
    size_t sent = 0;
    for (size_t i = 0; i < 3 * BEATS; i++) {
        push(7, sent++);
        if (i % 50 == 0) /* 2 %: a hundred times what a bad crystal does */
            push(7, sent++);
        (void)pull(i % BEATS);
    }
    ck_assert_uint_ge(stats().skipped, 3);
    ck_assert_uint_eq(stats().late, 0);
    ck_assert_uint_eq(stats().concealed, 0);
}
END_TEST

START_TEST(who_stops_is_silent_and_may_come_back)
{
    for (size_t i = 0; i < 40; i++) {
        push(7, i);
        (void)pull(i);
    }
    size_t beats = 0;
    while (pull(40 + beats))
        beats++;
    ck_assert_uint_le(beats, 7);          /* the reserve and five concealed */
    for (size_t i = 60; i < BEATS; i++) { /* numbers went on meanwhile: no jump is heard */
        push(7, i + 300);
        (void)pull(i);
    }
    check_whole(64, BEATS);
}
END_TEST

START_TEST(another_stream_takes_over)
{
    for (size_t i = 0; i < BEATS; i++) {
        push(i < 70 ? 7 : 8, i);
        (void)pull(i);
    }
    check_whole(5, 68);
    check_whole(76, BEATS);
}
END_TEST

START_TEST(repeats_late_ones_and_rubbish_do_no_harm)
{
    static const uint8_t rubbish[] = {0xff, 0xff, 0xff};
    for (size_t i = 0; i < BEATS; i++) {
        push(7, i);
        push(7, i);
        if (i > 10)
            push(7, i - 8);
        sup_mix_source_push(source, 7, (uint16_t)(65501 + i), rubbish, sizeof(rubbish));
        sup_mix_source_push(source, 7, (uint16_t)(65501 + i), NULL, 0);
        (void)pull(i);
    }
    check_whole(5, BEATS);
    ck_assert_uint_eq(stats().packets, 2 * BEATS + BEATS - 11);
}
END_TEST

START_TEST(long_and_short_packets_mix)
{
    struct sup_opus_enc *enc;
    ck_assert_int_eq(sup_opus_enc_create(NULL, &enc), SUP_OK);
    static const size_t sizes[] = {480, 2880, 960, 1920, 120};
    int16_t pcm[2880];
    uint8_t data[1275];
    size_t at = 0, len;
    uint16_t seq = 0;
    for (size_t beat = 0; beat < BEATS; beat++) {
        while (at < (beat + 1) * SUP_MIX_FRAME) {
            size_t n = sizes[seq % 5];
            for (size_t i = 0; i < n; i++)
                pcm[i] = (int16_t)(PEAK * sin(2 * M_PI * TONE_HZ * (double)(at + i) / TONE_RATE));
            ck_assert_int_eq(sup_opus_encode(enc, pcm, n, data, sizeof(data), &len), SUP_OK);
            sup_mix_source_push(source, 7, seq++, data, len);
            at += n;
        }
        (void)pull(beat);
    }
    sup_opus_enc_destroy(enc);
    check_whole(10, BEATS);
    ck_assert_uint_eq(stats().concealed + stats().recovered, 0);
}
END_TEST

START_TEST(create_without_memory)
{
    struct sup_mix_source *other = source;
    for (size_t n = 1; n <= 2; n++) {
        sup_mem_fail_at(n);
        ck_assert_int_eq(sup_mix_source_create(&other), SUP_E_NOMEM);
        ck_assert_ptr_eq(other, source);
    }
}
END_TEST

static void limit(struct sup_mix_limiter *limiter, double peak, int beats, int16_t *out)
{
    int32_t sum[SUP_MIX_FRAME];
    for (int b = 0; b < beats; b++) {
        for (int i = 0; i < SUP_MIX_FRAME; i++)
            sum[i] = (int32_t)lround(
                peak * sin(2 * M_PI * TONE_HZ * (double)(b * SUP_MIX_FRAME + i) / TONE_RATE));
        sup_mix_limit(limiter, sum, out + b * SUP_MIX_FRAME);
    }
}

START_TEST(limiter_leaves_quiet_sound_alone_and_does_not_clip_loud_sound)
{
    struct sup_mix_limiter limiter = {0};
    limit(&limiter, 20000, 10, sound);
    for (int i = 0; i < 10 * SUP_MIX_FRAME; i++) {
        long exact = lround(20000 * sin(2 * M_PI * TONE_HZ * (double)i / TONE_RATE));
        ck_assert_int_eq(sound[i], exact);
    }
    limit(&limiter, 90000, 20, sound); /* three at full scale */
    const int16_t *steady = sound + 5 * SUP_MIX_FRAME;
    double tone_peak = tone_in(steady, 10 * SUP_MIX_FRAME, TONE_HZ);
    ck_assert_double_gt(tone_peak, 28000);
    ck_assert_double_lt(tone_peak, 30000);
    ck_assert_double_lt(tone_db(tone_in(steady, 10 * SUP_MIX_FRAME, 3.0 * TONE_HZ), tone_peak),
                        -60);          /* clipping would make the third harmonic */
    limit(&limiter, 20000, 60, sound); /* and lets go */
    ck_assert_double_gt(tone_in(sound + 50 * SUP_MIX_FRAME, 10 * SUP_MIX_FRAME, TONE_HZ), 19900);
}
END_TEST

SUP_CHECK_MAIN("mix", setup, teardown, plays_what_comes_in_time,
               what_is_lost_is_made_from_the_copy_behind,
               a_burst_is_concealed_and_then_goes_on_in_place,
               late_packets_are_played_late_and_the_delay_shrinks_again,
               a_faster_clock_does_not_fill_the_buffer, who_stops_is_silent_and_may_come_back,
               another_stream_takes_over, repeats_late_ones_and_rubbish_do_no_harm,
               long_and_short_packets_mix, create_without_memory,
               limiter_leaves_quiet_sound_alone_and_does_not_clip_loud_sound)
