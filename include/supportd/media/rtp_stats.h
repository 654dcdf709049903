/* Receiver statistics of one RTP stream: loss, jitter, order, duplicates.
 *
 * Layer:  media. Pure arithmetic: no I/O, no clock of its own.
 * Thread: the one that created the object. No locks.
 * Source: RFC 3550 section 6.4.1 (fields), A.1 (sequence, jumps), A.3 (loss), A.8 (jitter).
 * Not here: the change of an SSRC (sup_rtp_stats_reset() then), FEC, playout: see quality.h. Behind
 * SRTP no duplicate arrives: its replay window has counted it. */
#ifndef SUPPORTD_MEDIA_RTP_STATS_H
#define SUPPORTD_MEDIA_RTP_STATS_H
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/media/rtcp.h"
#include "supportd/media/rtp.h"
#include "supportd/media/warm.h"

struct sup_rtp_stats; /* opaque; one per SSRC of a leg */

struct sup_rtp_report {
    uint32_t ext_seq;    /* highest sequence number, wraps counted in the upper 16 bits */
    uint64_t expected;   /* packets, by sequence number, over all restarts */
    uint64_t received;   /* packets, duplicates included */
    int64_t lost;        /* expected - received; below 0 when duplicates outnumber losses (A.3) */
    uint64_t duplicates; /* seen within the last 1,024 numbers */
    uint64_t reordered;  /* came behind a higher number, duplicates not included */
    uint32_t restarts;   /* jumps in the sequence that were taken for a new start (A.1) */
    uint32_t jitter_us;  /* smoothed interarrival jitter */
};

struct sup_rtp_stats_opts {
    uint32_t clock_hz; /* timestamp rate, 8000..192000; 0: 48000, Opus (RFC 7587) */
};

/* Creates empty statistics; opts is copied and may be NULL. *ret_stats is owned by the caller.
 * Errors: SUP_E_INVAL (clock_hz out of range), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_rtp_stats_create(const struct sup_rtp_stats_opts *opts,
                                            struct sup_rtp_stats **ret_stats);

/* Frees the object; NULL is a no-op. */
void sup_rtp_stats_destroy(struct sup_rtp_stats *stats);

/* Forgets everything: a new SSRC begins. */
void sup_rtp_stats_reset(struct sup_rtp_stats *stats);

/* Accounts one received, authenticated packet. arrival_us is monotonic and must not run backwards.
 * A packet with the marker bit begins a talk spurt and leaves the jitter alone (what comes before
 * is a DTX pause), unless the one before had it too (some senders mark every packet), and so do a
 * packet whose timestamp follows the one before by more than a packet can hold (120 ms) although
 * its number is the next, and a jump of the timeline by a second or more. Errors: SUP_E_STATE: the
 * number jumps by more than 3,000 ahead or 1,024 back; the packet is not counted unless the next
 * one follows on it (A.1). */
SUP_MUST_CHECK sup_err sup_rtp_stats_add(struct sup_rtp_stats *stats, const struct sup_rtp_hdr *hdr,
                                         uint64_t arrival_us);

/* Fills *ret_report; all zero before the first packet. Cannot fail. */
void sup_rtp_stats_get(const struct sup_rtp_stats *stats, struct sup_rtp_report *ret_report);

/* The report's restarts alone: cheap enough for every packet. */
uint32_t sup_rtp_stats_restarts(const struct sup_rtp_stats *stats);

/* Names what the next packet touches. */
void sup_rtp_stats_warm(const struct sup_rtp_stats *stats, struct sup_warm *warm);

/* Fills ssrc, loss, sequence and jitter of a report block; fraction_lost covers the time since the
 * last call. lsr and dlsr are left 0. False before the first packet. */
bool sup_rtp_stats_take_block(struct sup_rtp_stats *stats, struct sup_rtcp_block *ret_block);
#endif
