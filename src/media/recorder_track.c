#include "supportd/media/recorder_track.h"

#include <string.h>

#include "recorder_internal.h"
#include "supportd/base/mem.h"
#include "supportd/media/opus_toc.h"

/*  time line in samples:
 *
 *    0 ......... written ......... first waiting ... last waiting ...... now
 *    in pages    | gap: waited for |  in order of their place          |
 *
 *  A waiting packet goes out when nothing is missing before it, or when what is missing is older
 *  than SUP_REC_WAIT_US. Its place is base + ext, ext being its timestamp counted on. */

enum {
    FRAME = 960,      /* 20 ms: how far from its place a packet may be */
    STEP = 120,       /* 2.5 ms, the shortest Opus frame: gaps are filled in these */
    CONCEAL = 4800,   /* 100 ms */
    SETTLE = 7680,    /* 160 ms: arrivals that a new base is found from */
    LONG_GAP = 48000, /* 1 s without a packet, or a leap of it: the base is found anew */
    WAIT = SUP_REC_WAIT_US / 1000 * (SUP_REC_RATE / 1000),
    WAITING_MAX = 400, /* what 0.8 s of the shortest frames come to */
    /* Windows count time: in silence DTX sends a packet each 400 ms, as many as eight of speech. */
    SLOT = 12000,      /* 250 ms: the least delay is kept for each */
    SLOTS = 8,         /* 2 s in which a sender whose time stood still is found */
    SLOTS_PACKETS = 4, /* they must hold, or nothing is known */
    STALL = 1920,      /* 40 ms that never come back in them */
    LATE_WINDOW =
        480000, /* 10 s for a clock that runs slow, which a congested path only looks like */
    LATE_STEP = 2 * STEP,
    LATE_FROM = 2 * STEP,
    LATE_RUN = 5, /* packets one after the other that are all too late: the path has changed */
};

struct waiting {
    int64_t ext;
    int64_t at; /* arrival */
    int64_t from;
    uint32_t samples;
    uint16_t len;
    uint8_t data[];
};

/* Of the packets that arrived in one SLOT. */
struct slot {
    int64_t number; /* arrival / SLOT */
    int64_t least;  /* delay against the base */
    unsigned packets;
};

struct sup_rec_track {
    struct rec_ogg ogg;
    struct sup_buf head; /* pages of the headers, until the first advance */
    bool failed;
    struct waiting *waiting[WAITING_MAX]; /* by ext, rising */
    size_t count;
    bool has_source, settled;
    uint32_t ssrc, last_ts;
    int64_t last_ext, last_at, first_at;
    int64_t base;             /* place = base + ext; valid once settled */
    struct slot slots[SLOTS]; /* by number modulo SLOTS */
    int64_t settled_at;       /* slots before are of another base */
    int64_t late_min, late_from;
    unsigned late_run;
    uint8_t toc; /* of the last packet written */
    bool has_toc;
    int64_t written;
    int64_t paged; /* of it, up to here in pages that went out */
    struct sup_rec_track_stats stats;
};

void sup_rec_track_destroy(struct sup_rec_track *track)
{
    if (!track)
        return;
    for (size_t i = 0; i < track->count; i++)
        sup_free(track->waiting[i]);
    rec_ogg_close(&track->ogg);
    sup_buf_fini(&track->head);
    sup_free(track);
}

static int64_t to_samples(uint64_t us)
{
    return (int64_t)(us / 1000000 * SUP_REC_RATE + us % 1000000 * SUP_REC_RATE / 1000000);
}

/* --- into the pages --- */

static sup_err emit(struct sup_rec_track *t, const uint8_t *data, size_t len, uint32_t samples)
{
    t->written += samples;
    return rec_ogg_add(&t->ogg, data, len, (uint64_t)t->written, false);
}

/* A frame of CELT, full band, mono, whose silence flag is set: RFC 6716 section 4.3. */
static sup_err emit_silence(struct sup_rec_track *t, uint32_t samples)
{
    uint8_t frame[3] = {0xF8, 0xFF, 0xFE};
    frame[0] = samples == 960 ? 0xF8 : samples == 480 ? 0xF0 : samples == 240 ? 0xE8 : 0xE0;
    return emit(t, frame, sizeof(frame), samples);
}

static sup_err fill(struct sup_rec_track *t, int64_t samples)
{
    sup_err err = SUP_OK;
    struct sup_opus_info info;
    uint8_t empty = t->toc & 0xFC; /* one frame of no bytes: to be concealed */
    int64_t conceal = samples < CONCEAL ? samples : CONCEAL;
    t->stats.filled += (uint64_t)samples;
    if (t->has_toc && sup_opus_parse(&empty, 1, &info) == SUP_OK) {
        while (!err && conceal >= info.samples) {
            err = emit(t, &empty, 1, info.samples);
            conceal -= info.samples;
            samples -= info.samples;
        }
    }
    static const uint32_t frames[] = {960, 480, 240, 120};
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        while (!err && samples >= frames[i]) {
            t->has_toc = false; /* silence is not followed by concealing what was before it */
            err = emit_silence(t, frames[i]);
            samples -= frames[i];
        }
    }
    return err;
}

static sup_err fill_to(struct sup_rec_track *t, int64_t place)
{
    int64_t missing = place - t->written;
    return missing >= STEP ? fill(t, missing - missing % STEP) : SUP_OK;
}

static void drop(struct sup_rec_track *t, bool late)
{
    t->stats.dropped++;
    if (late)
        t->late_run++;
}

/* The packet at its place, or as near as what is written allows. */
static sup_err put(struct sup_rec_track *t, const struct waiting *w)
{
    int64_t place = t->base + w->ext;
    if (place < w->from) { /* said in a pause */
        drop(t, false);
        return SUP_OK;
    }
    int64_t room = w->samples < FRAME ? w->samples : FRAME;
    if (t->written - place >= room) {
        drop(t, true);
        if (t->late_run < LATE_RUN)
            return SUP_OK;
        place = w->at > t->written ? w->at : t->written;
        t->base = place - w->ext;
        t->stats.dropped--;
    }
    t->late_run = 0;
    sup_err err = fill_to(t, place);
    if (!err)
        err = emit(t, w->data, w->len, w->samples);
    t->toc = w->data[0];
    t->has_toc = true;
    t->stats.packets++;
    return err;
}

/* --- the place of what waits --- */

static sup_err take_first(struct sup_rec_track *t)
{
    struct waiting *w = t->waiting[0];
    t->count--;
    memmove(t->waiting, t->waiting + 1, t->count * sizeof(t->waiting[0]));
    sup_err err = put(t, w);
    sup_free(w);
    return err;
}

static void settle(struct sup_rec_track *t)
{
    t->base = INT64_MAX;
    for (size_t i = 0; i < t->count; i++) {
        int64_t base = t->waiting[i]->at - t->waiting[i]->ext;
        t->base = base < t->base ? base : t->base;
    }
    t->settled = true;
    t->late_run = 0;
    t->late_min = INT64_MAX;
    t->late_from = t->settled_at = t->last_at;
    for (size_t i = 0; i < SLOTS; i++)
        t->slots[i] = (struct slot){.number = -1, .least = INT64_MAX};
}

/* Writes what is due when all before limit that is missing is given up. */
static sup_err release(struct sup_rec_track *t, int64_t now)
{
    sup_err err = SUP_OK;
    if (t->count > 0 && !t->settled && now - t->first_at >= SETTLE)
        settle(t);
    while (!err && t->settled && t->count > 0) {
        int64_t place = t->base + t->waiting[0]->ext;
        if (place - t->written >= STEP && now - t->written < WAIT)
            break;
        /* No page may reach past an end that comes right now. */
        if (place + t->waiting[0]->samples > now - FRAME)
            break;
        err = take_first(t);
    }
    return err;
}

/* Pages of the headers first. */
static sup_err put_head(struct sup_rec_track *t, struct sup_buf *out)
{
    sup_err err = sup_buf_add(out, t->head.data ? t->head.data : "", t->head.len);
    if (!err)
        sup_buf_fini(&t->head);
    return err;
}

static sup_err release_all(struct sup_rec_track *t)
{
    sup_err err = SUP_OK;
    if (t->count > 0 && !t->settled)
        settle(t);
    while (!err && t->count > 0)
        err = take_first(t);
    return err;
}

static void move_base(struct sup_rec_track *t, int64_t by)
{
    t->base += by;
    if (t->late_min != INT64_MAX)
        t->late_min -= by;
    for (size_t i = 0; i < SLOTS; i++)
        if (t->slots[i].packets > 0)
            t->slots[i].least -= by;
}

/* Before slot number begins: whether all of the last SLOTS came too late by the same. */
static void find_stall(struct sup_rec_track *t, int64_t number)
{
    int64_t least = INT64_MAX;
    unsigned packets = 0;
    if (number - t->settled_at / SLOT <= SLOTS)
        return;
    for (size_t i = 0; i < SLOTS; i++) {
        const struct slot *s = &t->slots[i];
        if (s->packets == 0 || s->number < number - SLOTS)
            continue;
        packets += s->packets;
        least = s->least < least ? s->least : least;
    }
    if (packets >= SLOTS_PACKETS && least > STALL)
        move_base(t, least);
}

/* Sender's clock against ours: the least delay says how far the base is off. A packet cannot come
 * before it was said, so one that seems to shows at once that the base lies too late (found from
 * the few that DTX lets through, say). */
static void measure(struct sup_rec_track *t, int64_t ext, int64_t at)
{
    int64_t off = at - (t->base + ext), number = at / SLOT;
    if (off < -STEP) {
        move_base(t, off);
        off = 0;
    }
    struct slot *slot = &t->slots[number % SLOTS];
    if (slot->number != number) {
        find_stall(t, number);
        off = at - (t->base + ext);
        *slot = (struct slot){.number = number, .least = off};
    }
    slot->packets++;
    slot->least = off < slot->least ? off : slot->least;
    t->late_min = off < t->late_min ? off : t->late_min;
    if (at - t->late_from >= LATE_WINDOW) {
        if (t->late_min > LATE_FROM)
            move_base(t, LATE_STEP);
        t->late_from = at;
        t->late_min = INT64_MAX;
    }
}

static sup_err insert(struct sup_rec_track *t, const struct sup_rec_packet *packet,
                      const struct sup_opus_info *info, int64_t ext, int64_t at)
{
    size_t i = t->count;
    while (i > 0 && t->waiting[i - 1]->ext > ext)
        i--;
    if (t->count == WAITING_MAX || (i > 0 && t->waiting[i - 1]->ext == ext)) {
        drop(t, false);
        return SUP_OK;
    }
    struct waiting *w = sup_malloc(sizeof(*w) + packet->len);
    if (!w) {
        drop(t, false);
        return SUP_E_NOMEM;
    }
    *w = (struct waiting){.ext = ext,
                          .at = at,
                          .from = to_samples(packet->from_us),
                          .samples = info->samples,
                          .len = (uint16_t)packet->len};
    memcpy(w->data, packet->payload, packet->len);
    memmove(t->waiting + i + 1, t->waiting + i, (t->count - i) * sizeof(t->waiting[0]));
    t->waiting[i] = w;
    t->count++;
    return SUP_OK;
}

/* Whether the packet goes on where the source was; else its place is found anew. */
static bool goes_on(const struct sup_rec_track *t, const struct sup_rec_packet *packet, int64_t at)
{
    if (!t->has_source || packet->ssrc != t->ssrc || at - t->last_at > LONG_GAP)
        return false;
    int64_t step = (int32_t)(packet->ts - t->last_ts);
    return step - (at - t->last_at) < LONG_GAP && step - (at - t->last_at) > -LONG_GAP;
}

sup_err sup_rec_track_create(const char *title, struct sup_rec_track **ret_track)
{
    struct sup_rec_track *track = sup_calloc(1, sizeof(*track));
    if (!track)
        return SUP_E_NOMEM;
    sup_err err = rec_ogg_open(&track->ogg, 1, title, &track->head);
    if (err) {
        sup_rec_track_destroy(track);
        return err;
    }
    *ret_track = track;
    return SUP_OK;
}

sup_err sup_rec_track_add(struct sup_rec_track *track, const struct sup_rec_packet *packet)
{
    struct sup_opus_info info;
    int64_t at = to_samples(packet->at_us);
    if (track->failed || sup_opus_parse(packet->payload, packet->len, &info) != SUP_OK) {
        drop(track, false);
        return SUP_OK;
    }
    if (!goes_on(track, packet, at)) {
        sup_err err = release_all(track);
        if (err) {
            track->failed = true;
            return err;
        }
        track->has_source = true;
        track->settled = false;
        track->ssrc = packet->ssrc;
        track->first_at = at;
        track->last_ts = packet->ts;
        track->last_ext = 0;
    }
    int64_t ext = track->last_ext + (int32_t)(packet->ts - track->last_ts);
    if (ext > track->last_ext) {
        track->last_ext = ext;
        track->last_ts = packet->ts;
    }
    track->last_at = at;
    if (track->settled)
        measure(track, ext, at);
    return insert(track, packet, &info, ext, at);
}

sup_err sup_rec_track_advance(struct sup_rec_track *track, uint64_t now_us, struct sup_buf *out)
{
    int64_t now = to_samples(now_us);
    if (track->failed)
        return SUP_E_LIMIT;
    sup_err err = put_head(track, out);
    if (!err)
        err = release(track, now);
    int64_t limit = now - WAIT;
    if (track->settled && track->count > 0 && track->base + track->waiting[0]->ext < limit)
        limit = track->base + track->waiting[0]->ext;
    /* What is not settled yet came within the last 160 ms. */
    if (!err)
        err = fill_to(track, limit);
    if (!err)
        err = rec_ogg_flush(&track->ogg, out);
    track->paged = track->written;
    track->failed = err != SUP_OK;
    return err;
}

sup_err sup_rec_track_finish(struct sup_rec_track *track, uint64_t end_us, struct sup_buf *out)
{
    int64_t end = to_samples(end_us);
    if (track->failed)
        return SUP_E_LIMIT;
    sup_err err = put_head(track, out);
    if (track->count > 0 && !track->settled)
        settle(track);
    while (track->count > 0 && track->base + track->waiting[track->count - 1]->ext >= end) {
        sup_free(track->waiting[--track->count]);
        drop(track, false);
    }
    if (!err)
        err = release_all(track);
    if (!err)
        err = fill_to(track, end);
    /* One more, so that there is sound behind what the pre-skip takes away; trimmed by the granule
     * position: RFC 7845 section 4.4. */
    static const uint8_t silence[3] = {0xF8, 0xFF, 0xFE};
    int64_t granule = REC_PRE_SKIP + end;
    if (granule < track->paged) /* no end lies before what has gone out */
        granule = track->paged;
    track->written += FRAME;
    if (!err)
        err = rec_ogg_add(&track->ogg, silence, sizeof(silence), (uint64_t)granule, true);
    if (!err)
        err = rec_ogg_flush(&track->ogg, out);
    track->failed = true; /* nothing comes behind the end */
    return err;
}

void sup_rec_track_get_stats(const struct sup_rec_track *track,
                             struct sup_rec_track_stats *ret_stats)
{
    *ret_stats = track->stats;
    ret_stats->samples = track->written > 0 ? (uint64_t)track->written : 0;
}
