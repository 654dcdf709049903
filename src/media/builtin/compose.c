/* Makes the built-in hold music and the notice of a recording at build time: compose OUT writes
 * them as a C file of Opus packets. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "supportd/media/hold.h"
#include "supportd/media/opus.h"

/* A slow piece in C: eight bars of four beats, each bar one chord in broken eighths over a bass
 * note, with a sparse melody on top. All notes fade out; those that outlast the end ring on at the
 * beginning, so that the loop has no seam. */
enum {
    RATE = 48000,
    BEAT = 38400, /* samples: 75 beats a minute */
    BARS = 8,
    BEATS = 4 * BARS,
    TOTAL = BEATS * BEAT,
    PACKETS = TOTAL / SUP_HOLD_PACKET_SAMPLES,
    WARMUP = 50, /* packets encoded ahead, so that the first one continues the last */
    ATTACK = RATE / 100,
    PACKET_MAX = 400,
    NOTICE_ON = RATE * 3 / 10,
    NOTICE_PERIOD = RATE / 2,
    NOTICE_TOTAL = RATE,
};

#define PEAK 9000.0 /* of 32767: about -11 dBov at the loudest, -20 on the mean */

struct voice {
    double gain;
    double decay_s;     /* to 1/e */
    double harmonic[3]; /* strength of the 1st, 2nd, 3rd */
};

static const struct voice pluck = {0.30, 0.50, {1.0, 0.35, 0.10}};
static const struct voice bass = {0.55, 1.20, {1.0, 0.45, 0.15}};
static const struct voice lead = {0.50, 0.90, {1.0, 0.20, 0.06}};

/* MIDI note numbers: root, third, fifth of each bar's chord (C G Am F, C F G C). */
static const int chords[BARS][3] = {{60, 64, 67}, {59, 62, 67}, {57, 60, 64}, {57, 60, 65},
                                    {60, 64, 67}, {57, 60, 65}, {59, 62, 67}, {60, 64, 67}};
static const int roots[BARS] = {48, 43, 45, 41, 48, 41, 43, 48};
/* One note a beat; 0 lets the one before ring. */
static const int melody[BEATS] = {76, 0,  79, 0,  74, 0, 71, 0, 72, 0, 76, 0, 69, 0, 0, 0,
                                  76, 77, 79, 84, 81, 0, 77, 0, 79, 0, 74, 0, 72, 0, 0, 0};

/* Adds one decaying partial, by the recurrence s[n] = 2 cos(w) s[n-1] - s[n-2]. */
static void add_partial(float *mix, size_t start, double hz, double gain, double decay_s)
{
    const double w = 2 * acos(-1.0) * hz / RATE;
    const double turn = 2 * cos(w), fade = exp(-1 / (decay_s * RATE));
    size_t len = (size_t)(decay_s * RATE * 6); /* down to -52 dB */
    double before = -sin(w), now = 0;
    for (size_t i = 0; i < len; i++) {
        double attack = i < ATTACK ? (double)i / ATTACK : 1;
        mix[(start + i) % TOTAL] += (float)(now * gain * attack);
        double next = turn * now - before;
        before = now;
        now = next;
        gain *= fade;
    }
}

static void add_note(float *mix, size_t start, int note, const struct voice *v)
{
    double hz = 440 * pow(2, (note - 69) / 12.0);
    for (int h = 0; h < 3; h++)
        add_partial(mix, start, hz * (h + 1), v->gain * v->harmonic[h], v->decay_s / (h + 1));
}

static void compose(float *mix)
{
    static const int order[8] = {0, 1, 2, 1, 0, 1, 2, 1}; /* of the chord, an eighth each */
    for (size_t bar = 0; bar < BARS; bar++) {
        size_t start = bar * 4 * BEAT;
        add_note(mix, start, roots[bar], &bass);
        add_note(mix, start + 2 * BEAT, roots[bar], &bass);
        for (size_t i = 0; i < 8; i++)
            add_note(mix, start + i * BEAT / 2, chords[bar][order[i]], &pluck);
    }
    for (size_t beat = 0; beat < BEATS; beat++)
        if (melody[beat])
            add_note(mix, beat * BEAT, melody[beat], &lead);
}

/* The tone by which telephony tells that a call is recorded: 1400 Hz (47 CFR 64.501 as it was),
 * here twice, so that nobody takes it for a disturbance. */
static void notice(float *mix)
{
    for (size_t i = 0; i < NOTICE_TOTAL; i++) {
        size_t at = i % NOTICE_PERIOD;
        double edge = fmin((double)at, (double)NOTICE_ON - (double)at) / ATTACK;
        mix[i] = at < NOTICE_ON
                     ? (float)(sin(2 * acos(-1.0) * 1400 * (double)i / RATE) * fmin(edge, 1))
                     : 0;
    }
}

static double peak_of(const float *mix, size_t len)
{
    double peak = 0;
    for (size_t i = 0; i < len; i++)
        peak = fmax(peak, fabs((double)mix[i]));
    return peak;
}

static sup_err write_packet(FILE *out, FILE *lengths, const uint8_t *packet, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (fprintf(out, "%d,%s", packet[i], i + 1 == len ? "\n" : "") < 0)
            return SUP_E_IO;
    return fprintf(lengths, "%zu,\n", len) < 0 ? SUP_E_IO : SUP_OK;
}

/* One sound: samples of mix, warmup packets of its end encoded ahead. */
struct sound {
    const char *name;
    float *mix;
    size_t packets, warmup;
    bool music;
};

static sup_err encode_all(const struct sound *s, struct sup_opus_enc *enc, FILE *out, FILE *lengths)
{
    const double scale = PEAK / peak_of(s->mix, s->packets * SUP_HOLD_PACKET_SAMPLES);
    for (size_t n = 0; n < s->packets + s->warmup; n++) {
        const float *from =
            s->mix + (n + s->packets - s->warmup) % s->packets * (size_t)SUP_HOLD_PACKET_SAMPLES;
        int16_t pcm[SUP_HOLD_PACKET_SAMPLES];
        uint8_t packet[PACKET_MAX];
        size_t len;
        for (size_t i = 0; i < SUP_HOLD_PACKET_SAMPLES; i++)
            pcm[i] = (int16_t)lround((double)from[i] * scale);
        sup_err err =
            sup_opus_encode(enc, pcm, SUP_HOLD_PACKET_SAMPLES, packet, sizeof(packet), &len);
        if (!err && n >= s->warmup)
            err = write_packet(out, lengths, packet, len);
        if (err)
            return err;
    }
    return SUP_OK;
}

static sup_err write_sound(const struct sound *s, FILE *out)
{
    struct sup_opus_enc_opts opts = {.bitrate = 24000, .music = s->music};
    struct sup_opus_enc *enc;
    char line[64];
    FILE *lengths = tmpfile();
    sup_err err = lengths ? sup_opus_enc_create(&opts, &enc) : SUP_E_IO;
    if (err) {
        if (lengths)
            (void)fclose(lengths);
        return err;
    }
    (void)fprintf(out, "const uint8_t hold_%s_bytes[] = {\n", s->name);
    err = encode_all(s, enc, out, lengths);
    (void)fprintf(out, "};\nconst uint16_t hold_%s_lengths[] = {\n", s->name);
    rewind(lengths);
    while (!err && fgets(line, sizeof(line), lengths))
        err = fputs(line, out) < 0 ? SUP_E_IO : SUP_OK;
    (void)fprintf(out, "};\nconst size_t hold_%s_count = %zu;\n", s->name, s->packets);
    sup_opus_enc_destroy(enc);
    (void)fclose(lengths);
    return err;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return EXIT_FAILURE;
    struct sound sounds[] = {
        {"builtin", calloc(TOTAL, sizeof(float)), PACKETS, WARMUP, true},
        {"notice", calloc(NOTICE_TOTAL, sizeof(float)), NOTICE_TOTAL / SUP_HOLD_PACKET_SAMPLES, 0,
         true},
    };
    FILE *out = fopen(argv[1], "w");
    sup_err err = sounds[0].mix && sounds[1].mix && out ? SUP_OK : SUP_E_IO;
    if (!err) {
        compose(sounds[0].mix);
        notice(sounds[1].mix);
        (void)fputs("#include \"hold_internal.h\"\n", out);
    }
    for (int i = 0; i < 2; i++) {
        err = err ? err : write_sound(&sounds[i], out);
        free(sounds[i].mix);
    }
    if (out && fclose(out) != 0)
        err = SUP_E_IO;
    if (err)
        (void)remove(argv[1]);
    return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
