#include "supportd/media/recorder_wave.h"

#include <fcntl.h>
#include <ogg/ogg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recorder_internal.h"
#include "supportd/media/opus.h"
#include "supportd/media/opus_toc.h"

enum {
    RATE = 8000, /* enough for peaks, and cheap */
    STEP = RATE / 1000 * SUP_REC_WAVE_STEP_MS,
    FRAME_MAX = RATE / 1000 * 120,
    SKIP = REC_PRE_SKIP / (48000 / RATE),
    FEED = 16384,
};

struct wave {
    struct sup_opus_dec *dec;
    ogg_sync_state sync;
    ogg_stream_state stream;
    bool begun;
    unsigned packets;
    size_t samples; /* decoded, the pre-skip too */
    int peak;
    int64_t end; /* granule position of the last page */
    struct sup_buf *out;
};

static sup_err add_sample(struct wave *w, int value)
{
    int size = abs(value);
    w->peak = size > w->peak ? size : w->peak;
    w->samples++;
    if (w->samples <= SKIP || (w->samples - SKIP) % STEP != 0) {
        if (w->samples == SKIP)
            w->peak = 0;
        return SUP_OK;
    }
    uint8_t byte = (uint8_t)(w->peak >> 7 > 255 ? 255 : w->peak >> 7);
    w->peak = 0;
    return sup_buf_add(w->out, &byte, 1);
}

static sup_err add_packet(struct wave *w, const ogg_packet *packet)
{
    int16_t pcm[FRAME_MAX];
    size_t n = 0;
    struct sup_opus_info info;
    if (w->packets++ < 2)
        return SUP_OK; /* headers */
    const uint8_t *p = packet->packet;
    size_t len = (size_t)packet->bytes;
    if (sup_opus_parse(p, len, &info) != SUP_OK)
        return SUP_E_MALFORMED;
    size_t cap = info.samples / (48000 / RATE);
    sup_err err = len == 1 ? sup_opus_decode(w->dec, NULL, 0, false, pcm, cap, &n)
                           : sup_opus_decode(w->dec, p, len, false, pcm, FRAME_MAX, &n);
    for (size_t i = 0; !err && i < n; i++)
        err = add_sample(w, pcm[i]);
    return err;
}

static sup_err add_pages(struct wave *w)
{
    ogg_page page;
    ogg_packet packet;
    sup_err err = SUP_OK;
    while (!err && ogg_sync_pageout(&w->sync, &page) == 1) {
        if (!w->begun && ogg_stream_init(&w->stream, ogg_page_serialno(&page)) != 0)
            return SUP_E_NOMEM;
        w->begun = true;
        if (ogg_stream_pagein(&w->stream, &page) != 0)
            return SUP_E_MALFORMED;
        w->end = ogg_page_granulepos(&page) > 0 ? ogg_page_granulepos(&page) : w->end;
        while (!err && ogg_stream_packetout(&w->stream, &packet) == 1)
            err = add_packet(w, &packet);
    }
    return err;
}

static sup_err decode(struct sup_rec_file *file, struct sup_buf *out)
{
    struct wave w = {.out = out};
    size_t n = 1, start = out->len;
    sup_err err = sup_opus_dec_create(RATE, 1, &w.dec);
    if (err)
        return err;
    (void)ogg_sync_init(&w.sync);
    for (uint64_t at = 0; !err && n > 0; at += n) {
        char *room = ogg_sync_buffer(&w.sync, FEED);
        err = room ? sup_rec_file_read(file, at, room, FEED, &n) : SUP_E_NOMEM;
        if (!err)
            (void)ogg_sync_wrote(&w.sync, (long)n);
        if (!err)
            err = add_pages(&w);
    }
    size_t whole =
        w.end > REC_PRE_SKIP ? (size_t)(w.end - REC_PRE_SKIP) / (48 * SUP_REC_WAVE_STEP_MS) : 0;
    if (!err && out->len - start > whole) /* what the end of the file trims */
        out->len = start + whole;
    if (w.begun)
        (void)ogg_stream_clear(&w.stream);
    (void)ogg_sync_clear(&w.sync);
    sup_opus_dec_destroy(w.dec);
    return err;
}

static bool is_of(const struct sup_rec_file *file, struct sup_id recording, unsigned track)
{
    struct sup_rec_info info;
    sup_rec_file_info(file, &info);
    return sup_id_equal(info.recording, recording) && info.track == track;
}

static bool read_kept(const char *path, const struct sup_rec_keys *keys, struct sup_id recording,
                      unsigned track, struct sup_buf *out)
{
    struct sup_rec_file *file;
    struct sup_rec_info info;
    uint8_t bytes[4096];
    size_t n = 1, start = out->len;
    if (sup_rec_file_open(path, keys, &file) != SUP_OK)
        return false;
    sup_rec_file_info(file, &info);
    bool good = info.finished && is_of(file, recording, track + SUP_REC_WAVE_TRACK);
    for (uint64_t at = 0; good && n > 0; at += n)
        good = sup_rec_file_read(file, at, bytes, sizeof(bytes), &n) == SUP_OK &&
               sup_buf_add(out, bytes, n) == SUP_OK;
    sup_rec_file_close(file);
    if (!good)
        out->len = start;
    return good;
}

static sup_err seal(const struct sup_rec_keys *keys, struct sup_id recording, unsigned track,
                    const char *peaks, size_t len, struct sup_buf *sealed)
{
    struct sup_rec_seal *s;
    sup_err err = sup_rec_seal_create(keys, recording, (uint8_t)(track + SUP_REC_WAVE_TRACK), &s);
    if (err)
        return err;
    err = sup_rec_seal_header(s, sealed);
    for (size_t at = 0; !err && at < len; at += SUP_REC_CHUNK_MAX) {
        size_t n = len - at < SUP_REC_CHUNK_MAX ? len - at : SUP_REC_CHUNK_MAX;
        err = sup_rec_seal_add(s, peaks + at, n, false, sealed);
    }
    if (!err)
        err = sup_rec_seal_add(s, NULL, 0, true, sealed);
    sup_rec_seal_destroy(s);
    return err;
}

/* Under another name first, which sup_rec_erase() knows too: whoever reads meanwhile finds nothing
 * or all. That it is not kept is no error: it is made again. */
static void keep(const char *sound, const char *path, const struct sup_rec_keys *keys,
                 struct sup_id recording, unsigned track, const char *peaks, size_t len)
{
    char fresh[4200];
    struct sup_buf sealed = {0};
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    int fd = seal(keys, recording, track, peaks, len, &sealed)
                 ? -1
                 : open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool good = write(fd, sealed.data, sealed.len) == (ssize_t)sealed.len;
        good = close(fd) == 0 && good;
        if (!good || rename(fresh, path) != 0)
            (void)unlink(fresh);
        if (access(sound, F_OK) != 0) /* deleted meanwhile: recorder_place.h */
            (void)unlink(path);
    }
    sup_buf_fini(&sealed);
}

sup_err sup_rec_wave(const char *path, const struct sup_rec_keys *keys, struct sup_id recording,
                     unsigned track, struct sup_buf *out)
{
    char kept[4160];
    struct sup_rec_file *file;
    struct sup_rec_info info;
    int n = snprintf(kept, sizeof(kept), "%s.peaks", path);
    if (n < 0 || (size_t)n >= sizeof(kept))
        return SUP_E_LIMIT;
    if (read_kept(kept, keys, recording, track, out))
        return SUP_OK;
    sup_err err = sup_rec_file_open(path, keys, &file);
    if (err)
        return err;
    size_t start = out->len;
    sup_rec_file_info(file, &info);
    err = is_of(file, recording, track) ? decode(file, out) : SUP_E_CRYPTO;
    sup_rec_file_close(file);
    if (err)
        out->len = start;
    else if (info.finished)
        keep(path, kept, keys, recording, track, out->data ? out->data + start : "",
             out->len - start);
    return err;
}
