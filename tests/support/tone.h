/* Tones as Opus packets, and how much of a tone is in a sound. */
#ifndef SUPPORTD_TESTS_TONE_H
#define SUPPORTD_TESTS_TONE_H
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "supportd/media/opus.h"

enum { TONE_RATE = 48000, TONE_FRAME = 960, TONE_PACKET_MAX = 320 };

/* A microphone that hears one tone. */
struct tone {
    struct sup_opus_enc *enc;
    double hz, peak;
    bool swells; /* as syllables do: what does not is taken for noise, and gets no FEC */
    uint64_t at; /* samples so far */
};

static inline void tone_open(struct tone *t, double hz, double peak, bool fec)
{
    struct sup_opus_enc_opts opts = {
        .bitrate = 24000, .fec = fec, .loss_pct = fec ? 20 : 0, .complexity = 5};
    *t = (struct tone){.hz = hz, .peak = peak};
    ck_assert_int_eq(sup_opus_enc_create(&opts, &t->enc), SUP_OK);
}

static inline void tone_close(struct tone *t)
{
    sup_opus_enc_destroy(t->enc);
    t->enc = NULL;
}

static inline size_t tone_next(struct tone *t, uint8_t *out)
{
    int16_t pcm[TONE_FRAME];
    size_t len;
    for (int i = 0; i < TONE_FRAME; i++, t->at++) {
        double s = (double)t->at / TONE_RATE;
        double swell = t->swells ? 0.1 + 0.9 * fmax(0, sin(2 * M_PI * 3 * s)) : 1;
        pcm[i] = (int16_t)(t->peak * swell * sin(2 * M_PI * t->hz * s));
    }
    ck_assert_int_eq(sup_opus_encode(t->enc, pcm, TONE_FRAME, out, TONE_PACKET_MAX, &len), SUP_OK);
    return len;
}

/* Peak amplitude of hz in pcm, by Goertzel's recurrence under a Hann window; samples should be
 * 4800 or more. */
static inline double tone_in(const int16_t *pcm, size_t samples, double hz)
{
    double turn = 2 * cos(2 * M_PI * hz / TONE_RATE), one = 0, two = 0, window = 0;
    for (size_t i = 0; i < samples; i++) {
        double w = 0.5 - 0.5 * cos(2 * M_PI * (double)i / (double)samples);
        double next = pcm[i] * w + turn * one - two;
        two = one;
        one = next;
        window += w;
    }
    double power = one * one + two * two - turn * one * two;
    return 2 * sqrt(power > 0 ? power : 0) / window;
}

static inline double tone_db(double amplitude, double than)
{
    return 20 * log10((amplitude > 0.001 ? amplitude : 0.001) / than);
}
#endif
