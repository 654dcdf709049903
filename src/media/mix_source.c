#include <assert.h>
#include <string.h>

#include "supportd/base/mem.h"
#include "supportd/media/mix.h"
#include "supportd/media/opus.h"
#include "supportd/media/opus_toc.h"

enum {
    START_BEATS = 2,    /* from the first packet to its first sample */
    CONCEAL_BEATS = 5,  /* in a row, without a packet; then silence */
    WINDOW_BEATS = 100, /* how long something must have been left over before it is skipped */
    SPARE = 2 * SUP_MIX_FRAME,
    PACKET_SAMPLES = 5760, /* 120 ms, the longest packet */
    PRIMED_FRAMES = 2,
};

struct slot {
    bool used;
    uint16_t len, samples;
    uint8_t data[SUP_OPUS_PACKET_MAX];
};

/*   pcm[0 .. len)   slot[next] slot[next + 1] .. slot[next + SUP_MIX_SLOTS - 1]
 *   decoded         waiting, some of them missing                              */
struct sup_mix_source {
    struct sup_opus_dec *dec;
    struct slot slots[SUP_MIX_SLOTS]; /* of sequence number n: n % SUP_MIX_SLOTS */
    unsigned used;
    bool known;   /* ssrc and next are valid */
    bool playing; /* else: waiting for the reserve, or nothing to play */
    bool dtx;     /* the last packet ended in a pause */
    uint32_t ssrc;
    uint16_t next;
    unsigned waited;  /* beats since the first packet */
    unsigned dry;     /* beats in a row without a packet */
    size_t owed;      /* samples concealed in place of packets that had not come yet */
    size_t duration;  /* of the last packet, samples */
    unsigned decoded; /* frames, up to PRIMED_FRAMES */
    int16_t pcm[PACKET_SAMPLES + SUP_MIX_FRAME];
    size_t len;
    size_t least; /* left over in the present window */
    unsigned window;
    struct sup_mix_source_stats stats;
};

sup_err sup_mix_source_create(struct sup_mix_source **ret_source)
{
    assert(ret_source);
    struct sup_mix_source *s = sup_calloc(1, sizeof(*s));
    if (!s)
        return SUP_E_NOMEM;
    sup_err err = sup_opus_dec_create(SUP_MIX_RATE_HZ, 1, &s->dec);
    if (err != SUP_OK) {
        sup_free(s);
        return err;
    }
    s->duration = SUP_MIX_FRAME;
    *ret_source = s;
    return SUP_OK;
}

void sup_mix_source_destroy(struct sup_mix_source *source)
{
    if (!source)
        return;
    sup_opus_dec_destroy(source->dec);
    sup_free(source);
}

static struct slot *slot_of(struct sup_mix_source *s, uint16_t seq)
{
    return &s->slots[seq % SUP_MIX_SLOTS];
}

static void begin(struct sup_mix_source *s, uint32_t ssrc, uint16_t seq)
{
    if (s->known && ssrc != s->ssrc)
        sup_opus_dec_reset(s->dec);
    for (size_t i = 0; i < SUP_MIX_SLOTS; i++)
        s->slots[i].used = false;
    s->used = 0;
    s->known = true;
    s->playing = false;
    s->ssrc = ssrc;
    s->next = seq;
    s->waited = 0;
    s->owed = 0;
}

void sup_mix_source_push(struct sup_mix_source *source, uint32_t ssrc, uint16_t seq,
                         const uint8_t *payload, size_t len)
{
    struct sup_opus_info info;
    if (sup_opus_parse(payload, len, &info) != SUP_OK)
        return;
    source->stats.packets++;
    uint16_t ahead = (uint16_t)(seq - source->next);
    bool empty = !source->playing && source->used == 0;
    if (!source->known || ssrc != source->ssrc || (ahead >= SUP_MIX_SLOTS && ahead < 0x8000) ||
        (empty && ahead < 0x8000)) {
        begin(source, ssrc, seq);
        ahead = 0;
    }
    struct slot *slot = slot_of(source, seq);
    if (ahead >= 0x8000 || slot->used) {
        source->stats.late++;
        return;
    }
    memcpy(slot->data, payload, len);
    slot->len = (uint16_t)len;
    slot->samples = (uint16_t)info.samples;
    slot->used = true;
    source->used++;
}

/* Room: refill() is called only while less than a frame is there. */
static void append(struct sup_mix_source *s, const uint8_t *payload, size_t len, bool fec,
                   size_t samples)
{
    size_t got;
    if (sup_opus_decode(s->dec, payload, len, fec, s->pcm + s->len, samples, &got) != SUP_OK) {
        got = samples;
        memset(s->pcm + s->len, 0, got * sizeof(*s->pcm));
    }
    s->len += got;
}

static void play_packet(struct sup_mix_source *s, struct slot *slot)
{
    struct sup_opus_info info;
    s->duration = slot->samples;
    s->dtx = sup_opus_parse(slot->data, slot->len, &info) == SUP_OK && info.dtx;
    append(s, slot->data, slot->len, false, slot->samples);
    slot->used = false;
    s->used--;
    s->next++;
    s->dry = 0;
    s->owed = 0;
    if (s->decoded < PRIMED_FRAMES)
        s->decoded++;
}

/* The packet at next is lost: later ones are there. */
static void play_lost(struct sup_mix_source *s)
{
    const struct slot *behind = slot_of(s, (uint16_t)(s->next + 1));
    struct sup_opus_info info;
    s->next++;
    if (s->owed >= s->duration) { /* its time has been filled already */
        s->owed -= s->duration;
        return;
    }
    bool copy =
        behind->used && sup_opus_parse(behind->data, behind->len, &info) == SUP_OK && info.lbrr;
    append(s, copy ? behind->data : NULL, copy ? behind->len : 0, copy, s->duration);
    if (copy)
        s->stats.recovered++;
    else
        s->stats.concealed++;
}

/* Nothing is there: in time it is late, or lost, or a pause. False: give up, be silent. */
static bool play_dry(struct sup_mix_source *s)
{
    if (!s->dtx && ++s->dry > CONCEAL_BEATS) {
        s->playing = false;
        return false;
    }
    append(s, NULL, 0, false, SUP_MIX_FRAME);
    if (!s->dtx) {
        s->stats.concealed++;
        s->owed += SUP_MIX_FRAME;
    }
    return true;
}

static bool refill(struct sup_mix_source *s)
{
    while (s->len < SUP_MIX_FRAME) {
        struct slot *slot = slot_of(s, s->next);
        if (slot->used)
            play_packet(s, slot);
        else if (s->used > 0)
            play_lost(s);
        else if (!play_dry(s))
            return false;
    }
    return true;
}

static void take(struct sup_mix_source *s, int16_t *pcm)
{
    memcpy(pcm, s->pcm, SUP_MIX_FRAME * sizeof(*pcm));
    s->len -= SUP_MIX_FRAME;
    memmove(s->pcm, s->pcm + SUP_MIX_FRAME, s->len * sizeof(*pcm));
}

static size_t left_over(const struct sup_mix_source *s)
{
    size_t samples = s->len;
    for (size_t i = 0; i < SUP_MIX_SLOTS; i++)
        samples += s->slots[i].used ? s->slots[i].samples : 0;
    return samples;
}

/* Fades pcm into the frame behind it. */
static void skip_frame(struct sup_mix_source *s, int16_t *pcm)
{
    int16_t behind[SUP_MIX_FRAME];
    if (!refill(s))
        return;
    take(s, behind);
    for (int i = 0; i < SUP_MIX_FRAME; i++)
        pcm[i] = (int16_t)((pcm[i] * (SUP_MIX_FRAME - i) + behind[i] * i) / SUP_MIX_FRAME);
    s->stats.skipped++;
}

static void follow_delay(struct sup_mix_source *s, int16_t *pcm)
{
    size_t left = left_over(s);
    if (s->window == 0 || left < s->least)
        s->least = left;
    if (++s->window < WINDOW_BEATS)
        return;
    s->window = 0;
    if (s->least >= SPARE)
        skip_frame(s, pcm);
}

bool sup_mix_source_pull(struct sup_mix_source *source, int16_t *pcm)
{
    if (!source->playing && source->used > 0 && ++source->waited >= START_BEATS) {
        source->playing = true;
        source->dry = 0;
        source->window = 0;
    }
    if (!source->playing || !refill(source)) {
        memset(pcm, 0, SUP_MIX_FRAME * sizeof(*pcm));
        source->len = 0;
        return false;
    }
    take(source, pcm);
    follow_delay(source, pcm);
    return true;
}

bool sup_mix_source_primed(const struct sup_mix_source *source)
{
    return source->decoded >= PRIMED_FRAMES;
}

void sup_mix_source_get_stats(const struct sup_mix_source *source,
                              struct sup_mix_source_stats *ret_stats)
{
    *ret_stats = source->stats;
}

#define CEILING 29204.0F /* -1 dBFS */
#define RELEASE 0.1F     /* of the way back, a frame */

void sup_mix_limit(struct sup_mix_limiter *limiter, const int32_t *sum, int16_t *ret_pcm)
{
    enum { ATTACK = SUP_MIX_FRAME / 4 };
    int32_t peak = 0;
    for (int i = 0; i < SUP_MIX_FRAME; i++) {
        int32_t size = sum[i] < 0 ? -sum[i] : sum[i];
        peak = size > peak ? size : peak;
    }
    float from = limiter->attenuation;
    float want = (float)peak > CEILING ? 1 - CEILING / (float)peak : 0;
    bool attack = want > from;
    float to = attack ? want : from + (want - from) * RELEASE;
    int ramp = attack ? ATTACK : SUP_MIX_FRAME;
    for (int i = 0; i < SUP_MIX_FRAME; i++) {
        float a = i < ramp ? from + (to - from) * (float)i / (float)ramp : to;
        float v = (float)sum[i] * (1 - a);
        ret_pcm[i] = (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
    }
    limiter->attenuation = to < 0.0001F ? 0 : to;
}
