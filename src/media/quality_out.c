/* The way down: our own stream against the peer's reports about it. */
#include <math.h>
#include <string.h>

#include "quality_internal.h"

enum {
    REPORT_FRESH_US = 10000000, /* browsers report on audio every 5 s, up to half more */
    CLOCK_HZ = 48000,
    FRAME_TICKS = CLOCK_HZ / 50,         /* 20 ms, the usual packet */
    PAUSE_TICKS = CLOCK_HZ / 1000 * 120, /* no Opus packet is longer, RFC 6716 section 3 */
    LAG_US = 1000000, /* what a report may miss besides the round trip: jitter, its making */
    RTT_GUESS_US = 750000,
    OWN_JITTER_US = 2000000,
    BACK_MAX = 1000, /* a report this far behind the last was overtaken; further, it is another's */
};

#define FEC_GAIN 0.85 /* what LBRR gives back of a lost packet; see FEC_RESIDUE in quality_in.c */
/* Losses in a row, of which only the last can come back. Reports count them and say nothing of
 * runs, and outside laboratories losses come in runs. */
#define RUN 2.0

static uint32_t ticks_of(uint64_t us)
{
    return (uint32_t)(us / 1000 * (CLOCK_HZ / 1000) + us % 1000 * (CLOCK_HZ / 1000) / 1000);
}

static void mark_sent(struct quality_out *o, uint32_t seq, bool on)
{
    uint64_t bit = (uint64_t)1 << (seq % 64);
    if (on)
        o->sent[seq % QUALITY_SENT / 64] |= bit;
    else
        o->sent[seq % QUALITY_SENT / 64] &= ~bit;
}

uint32_t quality_out_count(const struct quality_out *out, uint32_t after, uint32_t last)
{
    const struct quality_out *o = out;
    uint32_t count = 0, oldest = o->highest - (QUALITY_SENT - 1);
    if (after < o->base - 1)
        after = o->base - 1;
    if (o->highest >= o->base + QUALITY_SENT && after < oldest - 1)
        after = oldest - 1;
    for (uint32_t seq = after + 1; seq <= last; seq++)
        count += (uint32_t)(o->sent[seq % QUALITY_SENT / 64] >> (seq % 64) & 1);
    return count;
}

static void track_jitter(struct quality_out *o, const struct sup_quality_sent *sent,
                         uint64_t now_us)
{
    uint32_t transit = ticks_of(now_us) - sent->ts;
    int32_t d = (int32_t)(transit - o->transit), step = (int32_t)(sent->ts - o->last_ts);
    bool spurt = sent->marker && !o->marked;
    bool pause = spurt || step > PAUSE_TICKS || d > CLOCK_HZ || d < -CLOCK_HZ;
    if (o->timed && !pause)
        o->jitter += (fabs((double)d) - o->jitter) / 16;
    o->timed = true;
    o->marked = sent->marker;
    o->transit = transit;
    o->last_ts = sent->ts;
}

void quality_out_warm(const struct quality_out *out, struct sup_warm *warm)
{
    sup_warm_add(warm, out, offsetof(struct quality_out, has_report));
    sup_warm_add(warm, &out->sent[out->highest % QUALITY_SENT / 64], sizeof(out->sent[0]));
}

void quality_out_sent(struct quality_out *out, const struct sup_quality_sent *sent, uint64_t now_us)
{
    out->packets++;
    out->bytes += (uint32_t)sent->payload_len;
    out->lbrr += sent->lbrr;
    track_jitter(out, sent, now_us);
    if (!out->started) {
        out->started = true;
        out->base = out->highest = sent->seq + 0x10000u; /* room below */
        out->counted = out->base - 1;
    }
    uint16_t ahead = (uint16_t)(sent->seq - (uint16_t)out->highest);
    if (ahead < 0x8000) {
        for (uint32_t i = 1; i < ahead && i <= QUALITY_SENT; i++)
            mark_sent(out, out->highest + i, false);
        out->highest += ahead;
        mark_sent(out, out->highest, true);
    } else if (0x10000u - ahead < QUALITY_SENT) {
        mark_sent(out, out->highest - (0x10000u - ahead), true);
    }
}

void quality_out_look(struct quality_out *out, uint64_t now_us)
{
    if (!out->started)
        return;
    out->marks[out->mark] = (struct quality_mark){now_us, out->highest, out->jitter};
    out->mark = (out->mark + 1) % QUALITY_MARKS;
}

uint32_t quality_out_sent_by(const struct quality_out *out, uint64_t at_us)
{
    const struct quality_out *o = out;
    uint32_t highest = o->base - 1;
    for (unsigned i = 0; i < QUALITY_MARKS; i++)
        if (o->marks[i].at_us && o->marks[i].at_us <= at_us && o->marks[i].highest > highest)
            highest = o->marks[i].highest;
    return highest;
}

/* The most of the last seconds: the report may be about what was sent a while ago. */
static double own_jitter(const struct quality_out *o, uint64_t now_us)
{
    double most = o->jitter;
    for (unsigned i = 0; i < QUALITY_MARKS; i++)
        if (o->marks[i].at_us + OWN_JITTER_US > now_us && o->marks[i].jitter > most)
            most = o->marks[i].jitter;
    return most;
}

/* The peer's highest number in our own count; it cannot lie ahead of what we sent. */
static uint32_t extend(const struct quality_out *o, uint32_t ext_seq)
{
    uint16_t behind = (uint16_t)((uint16_t)o->highest - (uint16_t)ext_seq);
    if (behind >= 0x8000)
        return o->highest;
    return o->highest - (behind < QUALITY_SENT ? behind : QUALITY_SENT - 1u);
}

/* A report about numbers that we know nothing of: all there is is its own fraction. */
static void take_blindly(struct quality_out *o, const struct sup_rtcp_block *block)
{
    o->has_loss = true;
    o->loss = block->fraction_lost / 256.0;
    if (block->lost > 0)
        o->lost += (uint32_t)block->lost;
}

static void count_first(struct quality_out *o, const struct sup_rtcp_block *block, uint32_t seq)
{
    uint32_t sent = quality_out_count(o, o->base - 1, seq), range = seq - o->base + 1;
    int64_t lost = (int64_t)block->lost - (range - sent); /* gaps of ours are no losses */
    o->missing = lost < 0 ? 0 : lost > sent ? sent : lost;
    o->counted = seq;
}

static void count_next(struct quality_out *o, const struct sup_rtcp_block *block, uint32_t seq,
                       uint32_t due)
{
    int64_t received = (int64_t)(seq - o->last_seq) - (block->lost - (int64_t)o->last.lost);
    uint32_t to = seq > due ? seq : due;
    if (to > o->counted) {
        o->missing += quality_out_count(o, o->counted, to);
        o->counted = to;
    }
    o->missing -= received;
}

/* Packets that the peer may still get although it has later ones: as many as are sent within twice
 * the jitter it reports, the one itself left out. */
static int64_t overtaken(const struct sup_rtcp_block *block)
{
    int64_t packets = 2 * (int64_t)block->jitter / FRAME_TICKS;
    return packets > 0 ? packets - 1 : 0;
}

uint32_t quality_out_jitter_us(const struct quality_out *out, double ticks, uint64_t now_us)
{
    double own = own_jitter(out, now_us);
    return ticks > own ? (uint32_t)(sqrt(ticks * ticks - own * own) * 1e6 / CLOCK_HZ) : 0;
}

uint64_t quality_out_report(struct quality_out *out, const struct sup_rtcp_block *block,
                            uint32_t rtt_us, uint64_t now_us)
{
    struct quality_out *o = out;
    int32_t forward = (int32_t)(block->ext_seq - o->last.ext_seq);
    bool known = o->has_report && o->last.ssrc == block->ssrc;
    if (known && forward < 0 && forward > -BACK_MAX)
        return 0;
    uint64_t span_us = o->has_report ? now_us - o->report_us : QUALITY_SPAN_US;
    uint32_t seq = extend(o, block->ext_seq), before = o->counted;
    if (!o->started || (known && forward < 0)) {
        take_blindly(o, block);
    } else {
        uint64_t lag_us = (rtt_us ? rtt_us : RTT_GUESS_US) + LAG_US;
        uint32_t due = now_us > lag_us ? quality_out_sent_by(o, now_us - lag_us) : 0;
        if (known)
            count_next(o, block, seq, due);
        else
            count_first(o, block, seq);
        if (known && due > seq) /* what is missing was sent so long ago */
            span_us += lag_us;
        uint32_t sent = quality_out_count(o, known ? before : o->base - 1, o->counted);
        int64_t missing = o->missing - overtaken(block);
        int64_t lost = missing > o->told ? missing - o->told : 0;
        o->told += lost;
        o->lost += (uint32_t)lost;
        o->has_loss = sent >= QUALITY_JUDGED_MIN;
        o->loss = o->has_loss ? fmin(1, (double)lost / sent) : 0;
    }
    o->jitter_us = quality_out_jitter_us(o, block->jitter, now_us);
    o->has_report = true;
    o->last = *block;
    o->last_seq = seq;
    o->report_us = now_us;
    return span_us < QUALITY_SPAN_US ? span_us : QUALITY_SPAN_US;
}

bool quality_out_known(const struct quality_out *out, uint64_t now_us)
{
    return out->has_report && now_us - out->report_us <= REPORT_FRESH_US;
}

double quality_out_residual(const struct quality_out *out, double loss)
{
    double fec = out->packets_shown ? (double)out->lbrr_shown / out->packets_shown : 0;
    return loss * (1 - FEC_GAIN * fec * (1 - loss) / RUN);
}

void quality_out_tick(struct quality_out *out, uint64_t now_us, struct sup_quality_dir *ret_dir)
{
    struct quality_out *o = out;
    struct sup_quality_dir *d = ret_dir;
    d->packets = o->packets;
    d->bytes = o->bytes;
    d->lost = o->lost;
    d->burst_ratio = 1;
    if (o->packets) {
        o->packets_shown = o->packets;
        o->lbrr_shown = o->lbrr;
    }
    o->packets = o->bytes = o->lbrr = o->lost = 0;
    if (!quality_out_known(o, now_us))
        return;
    d->loss_pct = 100 * o->loss;
    d->residual_loss_pct = 100 * quality_out_residual(o, o->loss);
    d->jitter_us = o->jitter_us;
    d->has_mos = o->has_loss;
}
