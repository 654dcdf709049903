/* Several heard at once: each speaker decoded once a beat, each listener's sum encoded on its own.
 */
#include <assert.h>
#include <string.h>

#include "session_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/media/mix.h"
#include "supportd/media/opus.h"
#include "supportd/media/opus_toc.h"

enum {
    LATE_US = 100000,  /* as for the hold music: after a longer pause the beat starts anew */
    PRIME_BEATS = 5,   /* longest wait for a speaker who may be silent */
    BITRATE = 32000,   /* where the peer names no limit: speech, and its copies for FEC */
    PACKET_MAX = 1275, /* RFC 6716 section 3.4, R2 */
};

/* One speaker. */
struct sup_mix_in {
    struct sup_leg *leg;
    struct sup_link link; /* sup_mixer::speakers */
    struct sup_mix_source *source;
    int16_t pcm[SUP_MIX_FRAME]; /* of this beat */
    bool sounds;
};

/* One listener. */
struct sup_mix_out {
    struct sup_leg *leg;
    struct sup_link link; /* sup_mixer::listeners */
    struct sup_opus_enc *enc;
    struct sup_mix_limiter limiter;
    uint16_t seq;
    unsigned loss_pct; /* that the encoder reckons with */
    unsigned priming;  /* beats left of relaying; 0: mixed */
};

struct sup_mixer {
    struct sup_media_engine *engine;
    struct sup_media_timer timer;
    struct sup_link speakers, listeners;
    struct sup_media_mix_stats stats; /* of those that are here: counts alone */
};

static void add_source_stats(const struct sup_mix_in *in, struct sup_media_mix_stats *stats)
{
    struct sup_mix_source_stats s;
    sup_mix_source_get_stats(in->source, &s);
    stats->recovered += s.recovered;
    stats->concealed += s.concealed;
    stats->skipped += s.skipped;
    stats->late += s.late;
}

void sup_mixer_get_stats(const struct sup_mixer *mixer, struct sup_media_mix_stats *ret_stats)
{
    *ret_stats = mixer->stats;
    for (struct sup_link *pos = mixer->speakers.next; pos != &mixer->speakers; pos = pos->next)
        add_source_stats(SUP_CONTAINER_OF(pos, struct sup_mix_in, link), ret_stats);
}

static void arm(struct sup_mixer *m)
{
    if (m->timer.place == 0 && !sup_list_empty(&m->listeners)) {
        uint64_t beat = sup_media_now_us(m->engine) / SUP_MIX_BEAT_US + 1;
        sup_media_timer_set(m->engine, &m->timer, beat * SUP_MIX_BEAT_US);
    }
}

sup_err sup_mixer_add_speaker(struct sup_mixer *mixer, struct sup_leg *leg)
{
    if (leg->mix_in)
        return SUP_OK;
    struct sup_mix_in *in = sup_calloc(1, sizeof(*in));
    if (!in)
        return SUP_E_NOMEM;
    sup_err err = sup_mix_source_create(&in->source);
    if (err != SUP_OK) {
        sup_free(in);
        return err;
    }
    in->leg = leg;
    leg->mix_in = in;
    sup_list_append(&mixer->speakers, &in->link);
    mixer->stats.speakers++;
    return SUP_OK;
}

static void remove_speaker(struct sup_mixer *m, struct sup_mix_in *in)
{
    add_source_stats(in, &m->stats);
    in->leg->mix_in = NULL;
    sup_list_remove(&in->link);
    sup_mix_source_destroy(in->source);
    sup_free(in);
    m->stats.speakers--;
}

void sup_mixer_sweep(struct sup_mixer *mixer)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &mixer->speakers)
    {
        struct sup_mix_in *in = SUP_CONTAINER_OF(pos, struct sup_mix_in, link);
        if (sup_list_empty(&in->leg->mixed))
            remove_speaker(mixer, in);
    }
}

sup_err sup_mixer_add_listener(struct sup_mixer *mixer, struct sup_leg *leg)
{
    if (leg->mix_out)
        return SUP_OK;
    struct sup_mix_out *out = sup_calloc(1, sizeof(*out));
    if (!out)
        return SUP_E_NOMEM;
    uint32_t bitrate = leg->opts.max_average_bitrate;
    struct sup_opus_enc_opts opts = {.bitrate = bitrate ? bitrate : BITRATE,
                                     .fec = !leg->opts.no_fec,
                                     .loss_pct = leg->peer_loss_pct,
                                     .dtx = leg->opts.dtx};
    sup_err err = sup_opus_enc_create(&opts, &out->enc);
    if (err != SUP_OK) {
        sup_free(out);
        return err;
    }
    out->leg = leg;
    out->loss_pct = opts.loss_pct;
    leg->mix_out = out;
    sup_list_append(&mixer->listeners, &out->link);
    mixer->stats.listeners++;
    arm(mixer);
    return SUP_OK;
}

void sup_mixer_prime(struct sup_leg *leg)
{
    leg->mix_out->priming = PRIME_BEATS;
}

void sup_mixer_remove_listener(struct sup_mixer *mixer, struct sup_leg *leg)
{
    struct sup_mix_out *out = leg->mix_out;
    if (!out)
        return;
    leg->mix_out = NULL;
    sup_list_remove(&out->link);
    sup_opus_enc_destroy(out->enc);
    sup_free(out);
    mixer->stats.listeners--;
    if (sup_list_empty(&mixer->listeners))
        sup_media_timer_set(mixer->engine, &mixer->timer, SUP_MEDIA_NEVER);
}

void sup_mixer_take(struct sup_leg *leg, const uint8_t *pkt, const struct sup_rtp_hdr *hdr)
{
    sup_mix_source_push(leg->mix_in->source, hdr->ssrc, hdr->seq, pkt + hdr->payload_off,
                        hdr->payload_len);
}

/* True while the listener still gets the packets of the one it heard before. */
static bool is_priming(struct sup_mix_out *out)
{
    if (out->priming == 0)
        return false;
    bool primed = true;
    for (size_t i = 0; i < out->leg->ear_count; i++) {
        const struct sup_ear *ear = &out->leg->ears[i];
        if (!sup_list_empty(&ear->relay))
            primed = sup_mix_source_primed(ear->from->mix_in->source);
    }
    if (--out->priming > 0 && !primed)
        return true;
    out->priming = 0;
    sup_bridge_end_relay(out->leg);
    return false;
}

static void add_up(const struct sup_leg *leg, int32_t *ret_sum)
{
    memset(ret_sum, 0, SUP_MIX_FRAME * sizeof(*ret_sum));
    for (size_t k = 0; k < leg->ear_count; k++) {
        const struct sup_mix_in *in = leg->ears[k].from->mix_in;
        if (!in->sounds)
            continue;
        for (int i = 0; i < SUP_MIX_FRAME; i++)
            ret_sum[i] += in->pcm[i];
    }
}

static void follow_loss(struct sup_mix_out *out)
{
    unsigned loss_pct = out->leg->peer_loss_pct;
    if (loss_pct == out->loss_pct)
        return;
    out->loss_pct = loss_pct;
    sup_opus_enc_set_loss(out->enc, loss_pct);
}

static bool encode(struct sup_mixer *m, struct sup_mix_out *out, uint8_t *ret_payload,
                   size_t *ret_len)
{
    int32_t sum[SUP_MIX_FRAME];
    int16_t pcm[SUP_MIX_FRAME];
    uint64_t from_us = sup_clock_mono_us();
    add_up(out->leg, sum);
    sup_mix_limit(&out->limiter, sum, pcm);
    follow_loss(out);
    sup_err err = sup_opus_encode(out->enc, pcm, SUP_MIX_FRAME, ret_payload, PACKET_MAX, ret_len);
    m->stats.encode_us += sup_clock_mono_us() - from_us;
    m->stats.frames++;
    return err == SUP_OK;
}

static void serve(struct sup_mixer *m, struct sup_mix_out *out, uint64_t at_us)
{
    struct sup_leg *leg = out->leg;
    uint8_t payload[PACKET_MAX];
    size_t len;
    bool priming = is_priming(out);
    if (!sup_leg_may_send(leg) || !encode(m, out, payload, &len) || priming || leg->announcing)
        return; /* while priming, and under a notice, the encoder listens as the decoders do */
    struct sup_rtp_hdr in = {.seq = out->seq++,
                             .ts = (uint32_t)(at_us / SUP_MIX_BEAT_US * SUP_MIX_FRAME)};
    struct sup_rtp_out rtp = {.payload_type = leg->payload_type};
    struct sup_opus_info info;
    bool lbrr = sup_opus_parse(payload, len, &info) == SUP_OK && info.lbrr;
    if (sup_send_stream_map(&leg->out, &in, sup_media_now_us(m->engine), &rtp))
        sup_bridge_send(leg, &rtp, payload, len, lbrr);
}

static void on_beat(struct sup_media_timer *timer)
{
    struct sup_mixer *m = SUP_CONTAINER_OF(timer, struct sup_mixer, timer);
    uint64_t at_us = timer->at_us, now_us = sup_media_now_us(m->engine);
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &m->speakers)
    {
        struct sup_mix_in *in = SUP_CONTAINER_OF(pos, struct sup_mix_in, link);
        in->sounds = sup_mix_source_pull(in->source, in->pcm);
    }
    SUP_LIST_EACH(pos, tmp, &m->listeners)
    serve(m, SUP_CONTAINER_OF(pos, struct sup_mix_out, link), at_us);
    if (now_us > at_us + LATE_US)
        at_us = now_us / SUP_MIX_BEAT_US * SUP_MIX_BEAT_US;
    sup_media_timer_set(m->engine, timer, at_us + SUP_MIX_BEAT_US);
}

sup_err sup_mixer_create(struct sup_media_engine *engine, struct sup_mixer **ret_mixer)
{
    struct sup_mixer *m = sup_calloc(1, sizeof(*m));
    if (!m)
        return SUP_E_NOMEM;
    m->engine = engine;
    m->timer.on_time = on_beat;
    sup_list_init(&m->speakers);
    sup_list_init(&m->listeners);
    sup_err err = sup_media_timer_add(engine, &m->timer);
    if (err != SUP_OK) {
        sup_free(m);
        return err;
    }
    *ret_mixer = m;
    return SUP_OK;
}

void sup_mixer_destroy(struct sup_mixer *mixer)
{
    if (!mixer)
        return;
    assert(sup_list_empty(&mixer->speakers) && sup_list_empty(&mixer->listeners));
    sup_media_timer_remove(mixer->engine, &mixer->timer);
    sup_free(mixer);
}
