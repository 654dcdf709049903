/* Reads an Ogg Opus stream from memory as a player would: checks headers and granule positions,
 * decodes by libopus, drops the pre-skip, trims the end. */
#ifndef SUPPORTD_TESTS_OGG_OPUS_H
#define SUPPORTD_TESTS_OGG_OPUS_H
#include <check.h>
#include <math.h>
#include <ogg/ogg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supportd/media/opus.h"

struct ogg_sound {
    int16_t *pcm; /* 48 kHz, mono; by malloc() */
    size_t samples;
    bool ended; /* the last page says so */
};

struct ogg_walk {
    struct ogg_sound *sound;
    struct sup_opus_dec *dec;
    size_t cap;
    unsigned packets;
    uint64_t pre_skip;
    int64_t granule;
};

static void ogg_walk_packet(struct ogg_walk *w, const ogg_packet *packet)
{
    struct ogg_sound *s = w->sound;
    size_t n;
    if (w->packets++ == 0) {
        ck_assert_int_eq((int)packet->bytes, 19);
        ck_assert_int_eq(memcmp(packet->packet, "OpusHead", 8), 0);
        w->pre_skip = (uint64_t)(packet->packet[10] | packet->packet[11] << 8);
        return;
    }
    if (w->packets == 2) {
        ck_assert_int_eq(memcmp(packet->packet, "OpusTags", 8), 0);
        return;
    }
    if (s->samples + 5760 > w->cap) {
        w->cap = w->cap * 2 + 480000;
        s->pcm = realloc(s->pcm, w->cap * sizeof(*s->pcm));
        ck_assert_ptr_nonnull(s->pcm);
    }
    if (packet->bytes == 1) /* one frame of no bytes: what a decoder conceals */
        ck_assert_int_eq(sup_opus_decode(w->dec, NULL, 0, false, s->pcm + s->samples, 960, &n), 0);
    else
        ck_assert_int_eq(sup_opus_decode(w->dec, packet->packet, (size_t)packet->bytes, false,
                                         s->pcm + s->samples, 5760, &n),
                         0);
    s->samples += n;
    s->ended = packet->e_o_s;
    if (packet->granulepos >= 0) {
        if (!packet->e_o_s) /* RFC 7845 section 4: no gap, no overlap */
            ck_assert_int_eq(packet->granulepos, (int64_t)s->samples);
        else
            ck_assert_int_le(packet->granulepos, (int64_t)s->samples);
        ck_assert_int_ge(packet->granulepos, w->granule);
        w->granule = packet->granulepos;
    }
}

static struct ogg_sound ogg_read(const void *data, size_t len)
{
    struct ogg_sound sound = {0};
    struct ogg_walk walk = {.sound = &sound};
    ogg_sync_state sync;
    ogg_stream_state stream;
    ogg_page page;
    ogg_packet packet;
    bool begun = false;
    ck_assert_int_eq(sup_opus_dec_create(48000, 1, &walk.dec), 0);
    ogg_sync_init(&sync);
    memcpy(ogg_sync_buffer(&sync, (long)len), data, len);
    ogg_sync_wrote(&sync, (long)len);
    while (ogg_sync_pageout(&sync, &page) == 1) {
        if (!begun)
            ogg_stream_init(&stream, ogg_page_serialno(&page));
        begun = true;
        ck_assert_int_eq(ogg_stream_pagein(&stream, &page), 0);
        while (ogg_stream_packetout(&stream, &packet) == 1)
            ogg_walk_packet(&walk, &packet);
    }
    if (begun)
        ogg_stream_clear(&stream);
    ogg_sync_clear(&sync);
    sup_opus_dec_destroy(walk.dec);
    if (sound.samples > (uint64_t)walk.granule)
        sound.samples = (size_t)walk.granule;
    ck_assert_uint_ge(sound.samples, walk.pre_skip);
    sound.samples -= walk.pre_skip;
    memmove(sound.pcm, sound.pcm + walk.pre_skip, sound.samples * sizeof(*sound.pcm));
    return sound;
}

/* Root mean square of [from, from + count) samples, of full scale 32768. */
static inline double ogg_level(const struct ogg_sound *s, size_t from, size_t count)
{
    double sum = 0;
    for (size_t i = from; i < from + count && i < s->samples; i++)
        sum += (double)s->pcm[i] * s->pcm[i];
    return sqrt(sum / (double)count);
}

/* First millisecond at or after from_ms whose level reaches 1500; -1: none. */
static inline long ogg_onset_ms(const struct ogg_sound *s, size_t from_ms)
{
    for (size_t ms = from_ms; (ms + 2) * 48 <= s->samples; ms++)
        if (ogg_level(s, ms * 48, 96) >= 1500)
            return (long)ms;
    return -1;
}
#endif
