#include "supportd/media/rtp_stats.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "supportd/base/mem.h"

enum {
    CLOCK_DEFAULT_HZ = 48000,
    PACKET_MAX_MS = 120,  /* the longest Opus packet, RFC 6716 section 3 */
    MAX_DROPOUT = 3000,   /* RFC 3550 A.1 */
    MAX_MISORDER = 1024,  /* A.1 has 100; a packet may be held up longer than 2 s */
    WINDOW = 1024,        /* sequence numbers remembered for duplicates */
    NO_BAD_SEQ = 0x10000, /* no 16-bit number equals it */
};

struct sup_rtp_stats {
    uint32_t clock_hz;
    uint32_t ssrc;
    bool started;
    bool marked;       /* the last packet was */
    uint32_t base_seq; /* first number since the last restart */
    uint32_t ext_seq;
    uint32_t bad_seq;         /* the number that would confirm a jump */
    uint32_t last_ts;         /* of the highest number */
    uint32_t transit;         /* arrival - timestamp of the last packet, ticks modulo 2^32 */
    uint64_t jitter_q4;       /* estimator of A.8, ticks with 4 fractional bits */
    uint64_t expected_before; /* packets expected before the last restart */
    uint64_t received, duplicates, reordered;
    uint64_t taken_expected, taken_received; /* at the last report block */
    uint32_t restarts;
    uint64_t seen[WINDOW / 64]; /* bit seq % WINDOW: came; valid for (ext_seq - WINDOW, ext_seq] */
};

static uint32_t us_to_ticks(uint64_t us, uint32_t hz)
{
    /* Seconds and remainder apart, so that the product cannot leave 64 bits. */
    return (uint32_t)(us / 1000000 * hz + us % 1000000 * hz / 1000000);
}

static bool seen_test(const struct sup_rtp_stats *s, uint32_t seq)
{
    return s->seen[seq % WINDOW / 64] >> (seq % 64) & 1;
}

static void seen_set(struct sup_rtp_stats *s, uint32_t seq, bool on)
{
    uint64_t bit = (uint64_t)1 << (seq % 64);
    if (on)
        s->seen[seq % WINDOW / 64] |= bit;
    else
        s->seen[seq % WINDOW / 64] &= ~bit;
}

static void start(struct sup_rtp_stats *s, uint16_t seq)
{
    memset(s->seen, 0, sizeof(s->seen));
    s->base_seq = s->ext_seq = seq;
    s->bad_seq = NO_BAD_SEQ;
    s->started = true;
    seen_set(s, seq, true);
}

static uint64_t expected(const struct sup_rtp_stats *s)
{
    return s->started ? s->expected_before + (s->ext_seq - s->base_seq) + 1 : 0;
}

static void track_ahead(struct sup_rtp_stats *s, uint16_t ahead)
{
    if (ahead >= WINDOW)
        memset(s->seen, 0, sizeof(s->seen));
    else
        for (uint32_t i = 1; i < ahead; i++)
            seen_set(s, s->ext_seq + i, false);
    s->ext_seq += ahead;
    seen_set(s, s->ext_seq, true);
}

static void track_behind(struct sup_rtp_stats *s, uint16_t behind)
{
    uint32_t seq = s->ext_seq - behind;
    if (behind < WINDOW && seen_test(s, seq)) {
        s->duplicates++;
        return;
    }
    s->reordered++;
    if (behind < WINDOW)
        seen_set(s, seq, true);
}

/* Returns false for a number too far off, RFC 3550 A.1. */
static bool track_sequence(struct sup_rtp_stats *s, uint16_t seq)
{
    uint16_t ahead = (uint16_t)(seq - (uint16_t)s->ext_seq);
    uint16_t behind = (uint16_t)((uint16_t)s->ext_seq - seq);
    if (ahead != 0 && ahead < MAX_DROPOUT) {
        track_ahead(s, ahead);
    } else if (behind < MAX_MISORDER) {
        track_behind(s, behind);
    } else if (seq == s->bad_seq) {
        /* Two in a row: the other side has started anew. The first one was not counted. */
        s->expected_before = expected(s);
        s->restarts++;
        start(s, seq);
        return true;
    } else {
        s->bad_seq = (uint16_t)(seq + 1);
        return false;
    }
    s->bad_seq = NO_BAD_SEQ;
    return true;
}

/* Between two consecutive numbers lies more time than a packet can hold: the sender was in DTX. */
static bool is_pause(const struct sup_rtp_stats *s, const struct sup_rtp_hdr *hdr)
{
    int32_t step = (int32_t)(hdr->ts - s->last_ts);
    return hdr->seq == (uint16_t)(s->ext_seq + 1) &&
           step > (int32_t)(s->clock_hz / 1000 * PACKET_MAX_MS);
}

static void track_jitter(struct sup_rtp_stats *s, uint32_t transit, bool marker)
{
    uint32_t d = transit - s->transit;
    uint32_t mag = d > INT32_MAX ? 0u - d : d; /* |D| of A.8, safe across the wrap */
    /* A second or more is a sender that stood still (hold, replaced track), not a late packet. */
    if (!marker && mag < s->clock_hz)
        s->jitter_q4 += mag - ((s->jitter_q4 + 8) >> 4);
    s->transit = transit;
}

sup_err sup_rtp_stats_create(const struct sup_rtp_stats_opts *opts,
                             struct sup_rtp_stats **ret_stats)
{
    assert(ret_stats);
    uint32_t hz = opts && opts->clock_hz ? opts->clock_hz : CLOCK_DEFAULT_HZ;
    if (hz < 8000 || hz > 192000)
        return SUP_E_INVAL;
    struct sup_rtp_stats *s = sup_calloc(1, sizeof(*s));
    if (!s)
        return SUP_E_NOMEM;
    s->clock_hz = hz;
    *ret_stats = s;
    return SUP_OK;
}

void sup_rtp_stats_destroy(struct sup_rtp_stats *stats)
{
    sup_free(stats);
}

void sup_rtp_stats_reset(struct sup_rtp_stats *stats)
{
    assert(stats);
    *stats = (struct sup_rtp_stats){.clock_hz = stats->clock_hz};
}

sup_err sup_rtp_stats_add(struct sup_rtp_stats *stats, const struct sup_rtp_hdr *hdr,
                          uint64_t arrival_us)
{
    assert(stats && hdr);
    uint32_t transit = us_to_ticks(arrival_us, stats->clock_hz) - hdr->ts;
    if (!stats->started) {
        start(stats, hdr->seq);
        stats->ssrc = hdr->ssrc;
        stats->last_ts = hdr->ts;
        stats->marked = hdr->marker;
        stats->transit = transit;
        stats->received = 1;
        return SUP_OK;
    }
    uint32_t restarts = stats->restarts, highest = stats->ext_seq;
    bool spurt = hdr->marker && !stats->marked;
    bool pause = spurt || is_pause(stats, hdr);
    if (!track_sequence(stats, hdr->seq))
        return SUP_E_STATE;
    stats->received++;
    stats->marked = hdr->marker;
    if (stats->ext_seq != highest)
        stats->last_ts = hdr->ts;
    track_jitter(stats, transit, pause || restarts != stats->restarts);
    return SUP_OK;
}

void sup_rtp_stats_get(const struct sup_rtp_stats *stats, struct sup_rtp_report *ret_report)
{
    assert(stats && ret_report);
    *ret_report = (struct sup_rtp_report){0};
    if (!stats->started)
        return;
    ret_report->ext_seq = stats->ext_seq;
    ret_report->expected = expected(stats);
    ret_report->received = stats->received;
    ret_report->lost = (int64_t)ret_report->expected - (int64_t)stats->received;
    ret_report->duplicates = stats->duplicates;
    ret_report->reordered = stats->reordered;
    ret_report->restarts = stats->restarts;
    ret_report->jitter_us = (uint32_t)((stats->jitter_q4 >> 4) * 1000000 / stats->clock_hz);
}

uint32_t sup_rtp_stats_restarts(const struct sup_rtp_stats *stats)
{
    return stats->restarts;
}

void sup_rtp_stats_warm(const struct sup_rtp_stats *stats, struct sup_warm *warm)
{
    sup_warm_add(warm, stats, offsetof(struct sup_rtp_stats, seen));
    sup_warm_add(warm, &stats->seen[stats->ext_seq % WINDOW / 64], sizeof(stats->seen[0]));
}

bool sup_rtp_stats_take_block(struct sup_rtp_stats *stats, struct sup_rtcp_block *ret_block)
{
    assert(stats && ret_block);
    struct sup_rtp_report r;
    sup_rtp_stats_get(stats, &r);
    if (!stats->started)
        return false;
    uint64_t due = r.expected - stats->taken_expected;
    int64_t lost = (int64_t)due - (int64_t)(r.received - stats->taken_received);
    stats->taken_expected = r.expected;
    stats->taken_received = r.received;
    int64_t total = r.lost > INT32_MAX ? INT32_MAX : r.lost < INT32_MIN ? INT32_MIN : r.lost;
    uint64_t fraction = due && lost > 0 ? ((uint64_t)lost << 8) / due : 0; /* A.3 */
    *ret_block = (struct sup_rtcp_block){
        .ssrc = stats->ssrc,
        .fraction_lost = (uint8_t)(fraction > 255 ? 255 : fraction),
        .lost = (int32_t)total,
        .ext_seq = r.ext_seq,
        .jitter = (uint32_t)(stats->jitter_q4 >> 4),
    };
    return true;
}
