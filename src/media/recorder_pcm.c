#include <ogg/ogg.h>
#include <string.h>

#include "recorder_internal.h"
#include "supportd/base/mem.h"
#include "supportd/media/opus.h"
#include "supportd/media/opus_toc.h"

enum { FEED = 16384, FRAME_MAX = 48 * 120 };

struct rec_pcm {
    struct sup_rec_file *file;
    struct sup_opus_dec *dec;
    ogg_sync_state sync;
    ogg_stream_state stream;
    bool begun;
    unsigned packets, ratio; /* ratio: 48000 / rate */
    uint64_t at;             /* of the file */
    int64_t skip, end, made; /* samples: pre-skip left, last of the pages so far, given out */
    size_t from, count;      /* of pcm, not given out yet */
    int16_t pcm[FRAME_MAX];
};

sup_err rec_pcm_open(struct sup_rec_file *file, unsigned rate, struct rec_pcm **ret_pcm)
{
    struct rec_pcm *p = sup_calloc(1, sizeof(*p));
    if (!p)
        return SUP_E_NOMEM;
    sup_err err = sup_opus_dec_create(rate, 1, &p->dec);
    if (err) {
        sup_free(p);
        return err;
    }
    p->file = file;
    p->ratio = 48000 / rate;
    p->skip = REC_PRE_SKIP / p->ratio;
    (void)ogg_sync_init(&p->sync);
    *ret_pcm = p;
    return SUP_OK;
}

void rec_pcm_close(struct rec_pcm *pcm)
{
    if (!pcm)
        return;
    if (pcm->begun)
        (void)ogg_stream_clear(&pcm->stream);
    (void)ogg_sync_clear(&pcm->sync);
    sup_opus_dec_destroy(pcm->dec);
    sup_wipe(pcm->pcm, sizeof(pcm->pcm));
    sup_free(pcm);
}

static sup_err decode(struct rec_pcm *p, const ogg_packet *packet)
{
    struct sup_opus_info info;
    const uint8_t *data = packet->packet;
    size_t len = (size_t)packet->bytes, n = 0;
    if (p->packets++ < 2)
        return SUP_OK; /* headers */
    if (sup_opus_parse(data, len, &info) != SUP_OK)
        return SUP_E_MALFORMED;
    size_t cap = info.samples / p->ratio;
    sup_err err = len == 1 ? sup_opus_decode(p->dec, NULL, 0, false, p->pcm, cap, &n)
                           : sup_opus_decode(p->dec, data, len, false, p->pcm, FRAME_MAX, &n);
    if (err)
        return err;
    int64_t skip = (int64_t)n < p->skip ? (int64_t)n : p->skip, left = p->end - p->made;
    p->skip -= skip;
    p->from = (size_t)skip;
    p->count = n - (size_t)skip;
    if ((int64_t)p->count > left) /* RFC 7845 section 4.4: the end is trimmed */
        p->count = left > 0 ? (size_t)left : 0;
    p->made += (int64_t)p->count;
    return SUP_OK;
}

static sup_err take_page(struct rec_pcm *p, ogg_page *page)
{
    if (!p->begun && ogg_stream_init(&p->stream, ogg_page_serialno(page)) != 0)
        return SUP_E_NOMEM;
    p->begun = true;
    if (ogg_stream_pagein(&p->stream, page) != 0)
        return SUP_E_MALFORMED;
    int64_t granule = ogg_page_granulepos(page);
    if (granule > REC_PRE_SKIP)
        p->end = (granule - REC_PRE_SKIP) / p->ratio;
    return SUP_OK;
}

/* The next packet that gives sound; count 0: the file is over. */
static sup_err next_packet(struct rec_pcm *p)
{
    ogg_packet packet;
    ogg_page page;
    sup_err err = SUP_OK;
    size_t n = 1;
    while (!err && p->count == 0) {
        if (p->begun && ogg_stream_packetout(&p->stream, &packet) == 1) {
            err = decode(p, &packet);
        } else if (ogg_sync_pageout(&p->sync, &page) == 1) {
            err = take_page(p, &page);
        } else if (n == 0) {
            break;
        } else {
            char *room = ogg_sync_buffer(&p->sync, FEED);
            err = room ? sup_rec_file_read(p->file, p->at, room, FEED, &n) : SUP_E_NOMEM;
            if (!err)
                (void)ogg_sync_wrote(&p->sync, (long)n);
            p->at += err ? 0 : n;
        }
    }
    return err;
}

sup_err rec_pcm_read(struct rec_pcm *pcm, int16_t *buf, size_t cap, size_t *ret_count)
{
    size_t done = 0;
    while (done < cap) {
        sup_err err = pcm->count > 0 ? SUP_OK : next_packet(pcm);
        if (err)
            return err;
        if (pcm->count == 0)
            break;
        size_t n = pcm->count < cap - done ? pcm->count : cap - done;
        memcpy(buf + done, pcm->pcm + pcm->from, n * sizeof(*buf));
        pcm->from += n;
        pcm->count -= n;
        done += n;
    }
    *ret_count = done;
    return SUP_OK;
}
