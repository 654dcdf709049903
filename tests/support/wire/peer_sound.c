#include "peer_sound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "supportd/media/level.h"
#include "supportd/media/opus.h"

enum { RATE = 48000, BITRATE = 32000, EXPECTED_LOSS = 10 };

#define FLOOR_LEVEL 20.0 /* of the noise, about -64 dBov */
#define VOICE_LEVEL 4000.0
#define PI 3.14159265358979

struct voice {
    uint64_t random;
    double phase, pitch, loud, aim;
    long left; /* samples to the end of this stretch */
    bool talking;
    enum sound_kind kind;
};

static double draw(struct voice *v)
{
    v->random = v->random * 6364136223846793005u + 1442695040888963407u;
    return (double)(v->random >> 33) / 2147483648.0;
}

/* The next stretch: a syllable, or a pause. */
static void next_stretch(struct voice *v)
{
    v->talking = !v->talking;
    if (v->talking) {
        v->pitch = 90 + 120 * draw(v);
        v->aim = VOICE_LEVEL * (0.5 + draw(v));
        v->left = (long)((v->kind == SOUND_TALK ? 0.3 + 0.6 * draw(v) : 1 + 2 * draw(v)) * RATE);
    } else {
        v->aim = 0;
        v->left = (long)((v->kind == SOUND_TALK ? 0.05 + 0.1 * draw(v) : 1 + 2 * draw(v)) * RATE);
    }
}

static int16_t next_sample(struct voice *v)
{
    if (v->kind == SOUND_DEAD)
        return 0;
    if (v->left-- <= 0)
        next_stretch(v);
    v->loud += (v->aim - v->loud) * 0.001;
    v->phase += v->pitch / RATE;
    v->phase -= floor(v->phase);
    double sum = 0;
    for (int h = 1; h <= 12; h++) /* two broad formants over the harmonics */
        sum += sin(2 * PI * h * v->phase) * (exp(-pow((h - 4) / 2.0, 2)) + 0.4 / h);
    double syllable = 0.6 + 0.4 * sin(2 * PI * 4 * (double)v->left / RATE);
    double noise = (draw(v) - 0.5) * 2;
    double s = v->loud * (sum * 0.4 * syllable + 0.05 * noise) + FLOOR_LEVEL * noise;
    return (int16_t)(s > 32767 ? 32767 : s < -32768 ? -32768 : s);
}

/* Of packets of at most two bytes a browser sends the first of a row alone: it tells the decoder
 * that the pause begins; longer ones in between refresh the noise. */
static void encode(struct sound *sound, enum sound_kind kind, bool fec, bool dtx)
{
    struct sup_opus_enc_opts opts = {.bitrate = BITRATE,
                                     .fec = fec,
                                     .loss_pct = fec ? EXPECTED_LOSS : 0,
                                     .dtx = dtx,
                                     .complexity = 5};
    struct sup_opus_enc *enc;
    BENCH_CHECK(sup_opus_enc_create(&opts, &enc) == SUP_OK);
    struct voice voice = {.random = 77 + (uint64_t)kind, .kind = kind};
    bool quiet = false;
    for (size_t i = 0; i < SOUND_FRAMES; i++) {
        struct sound_packet *p = &sound->packets[i];
        int16_t pcm[SOUND_FRAME_SAMPLES];
        size_t len;
        for (size_t n = 0; n < SOUND_FRAME_SAMPLES; n++)
            pcm[n] = next_sample(&voice);
        BENCH_CHECK(sup_opus_encode(enc, pcm, SOUND_FRAME_SAMPLES, p->data, SOUND_PACKET_MAX,
                                    &len) == SUP_OK);
        p->dbov = sup_level_pcm(pcm, SOUND_FRAME_SAMPLES);
        p->voice = p->dbov < 50;
        p->len = (uint16_t)(len <= 2 && quiet ? 0 : len);
        p->begins_spurt = quiet && len > 2 && p->voice;
        quiet = len <= 2 || (quiet && !p->voice);
    }
    sup_opus_enc_destroy(enc);
}

const struct sound *sound_get(enum sound_kind kind, bool fec, bool dtx)
{
    static struct sound *made[SOUND_KINDS][2][2];
    struct sound **slot = &made[kind][fec][dtx];
    if (!*slot) {
        *slot = calloc(1, sizeof(**slot));
        BENCH_CHECK(*slot);
        encode(*slot, kind, fec, dtx);
    }
    return *slot;
}
