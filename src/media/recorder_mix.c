#include "supportd/media/recorder_mix.h"

#include <string.h>

#include "recorder_internal.h"
#include "supportd/base/mem.h"
#include "supportd/media/opus.h"
#include "supportd/media/recorder.h"

enum { FRAME = 960, BITRATE = 64000, PACKET_MAX = 1400, PAGE_FRAMES = 50 };

struct mixing {
    struct rec_pcm *tracks[SUP_REC_TRACKS];
    unsigned count;
    struct sup_opus_enc *enc;
    struct rec_ogg ogg;
    struct sup_buf pages;
    int64_t samples, given; /* that the tracks had; granule of the last packet */
    sup_rec_mix_cb out;
    void *arg;
};

static int16_t limited(int value)
{
    return (int16_t)(value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : value);
}

/* 20 ms of all, silent where a track is over; *ret_count: of the longest. */
static sup_err read_frame(struct mixing *m, int16_t *stereo, size_t *ret_count)
{
    int16_t pcm[FRAME];
    int sum[FRAME] = {0};
    *ret_count = 0;
    memset(stereo, 0, 2 * FRAME * sizeof(*stereo));
    for (unsigned t = 0; t < m->count; t++) {
        size_t n;
        sup_err err = rec_pcm_read(m->tracks[t], pcm, FRAME, &n);
        if (err)
            return err;
        *ret_count = n > *ret_count ? n : *ret_count;
        for (size_t i = 0; i < n; i++) {
            if (t == 0)
                stereo[2 * i] = pcm[i];
            else
                sum[i] += pcm[i];
        }
    }
    for (size_t i = 0; i < FRAME; i++)
        stereo[2 * i + 1] = limited(sum[i]);
    return SUP_OK;
}

static sup_err give_pages(struct mixing *m)
{
    sup_err err = rec_ogg_flush(&m->ogg, &m->pages);
    if (!err && m->pages.len > 0)
        err = m->out(m->pages.data, m->pages.len, m->arg);
    sup_wipe(m->pages.data, m->pages.len);
    sup_buf_clear(&m->pages);
    return err;
}

/* Until the encoder's delay is out too; the last page's position trims what is too much. */
static sup_err run(struct mixing *m)
{
    int16_t stereo[2 * FRAME];
    uint8_t packet[PACKET_MAX];
    size_t n, len;
    bool last = false, over = false;
    sup_err err = SUP_OK;
    for (unsigned frames = 1; !err && !last; frames++) {
        err = over ? SUP_OK : read_frame(m, stereo, &n);
        if (err)
            break;
        if (over)
            memset(stereo, 0, sizeof(stereo));
        m->samples += over ? 0 : (int64_t)n;
        over |= n < FRAME;
        m->given += FRAME;
        last = over && m->given >= m->samples + REC_PRE_SKIP;
        err = sup_opus_encode(m->enc, stereo, FRAME, packet, sizeof(packet), &len);
        int64_t granule = last ? m->samples + REC_PRE_SKIP : m->given;
        if (!err)
            err = rec_ogg_add(&m->ogg, packet, len, (uint64_t)granule, last);
        if (!err && (last || frames % PAGE_FRAMES == 0))
            err = give_pages(m);
    }
    return err;
}

sup_err sup_rec_mix(struct sup_rec_file *const *files, unsigned count, sup_rec_mix_cb out,
                    void *arg)
{
    static const struct sup_opus_enc_opts opts = {.channels = 2, .bitrate = BITRATE};
    struct mixing m = {.out = out, .arg = arg};
    if (count == 0 || count > SUP_REC_TRACKS)
        return SUP_E_INVAL;
    sup_err err = sup_opus_enc_create(&opts, &m.enc);
    for (; !err && m.count < count; m.count += !err)
        err = rec_pcm_open(files[m.count], 48000, &m.tracks[m.count]);
    if (!err)
        err = rec_ogg_open(&m.ogg, 2, "customer left, staff right", &m.pages);
    if (!err)
        err = run(&m);
    for (unsigned t = 0; t < m.count; t++)
        rec_pcm_close(m.tracks[t]);
    rec_ogg_close(&m.ogg);
    sup_opus_enc_destroy(m.enc);
    sup_buf_fini_secret(&m.pages);
    return err;
}
