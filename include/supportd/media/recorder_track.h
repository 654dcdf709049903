/* One party's track of a recording: Opus packets of RTP onto a time line, out comes Ogg Opus.
 *
 * Layer:  media. Pure: no I/O, no clock, nothing is decoded.
 * Thread: one at a time.
 * Source: RFC 7845 (Ogg Opus: headers, pre-skip, granule position, end trimming), RFC 6716.
 *
 * Second t of the file is second t since the recording began. A packet's place is its RTP timestamp
 * moved by a constant, found from the earliest arrivals after a start, a new SSRC or a long
 * silence, and corrected as the sender's clock drifts (over windows of time, however few packets
 * DTX lets through). What is missing is filled: up to 100 ms by
 * empty frames of the last mode, which a decoder conceals as it would have in the call, then by
 * silent ones. Packets may come out of order and 500 ms late; later ones are dropped. A packet is
 * never more than 20 ms from its place; so one that no longer fits (twice there, or the sender's
 * clock ran too fast) is dropped too. */
#ifndef SUPPORTD_MEDIA_RECORDER_TRACK_H
#define SUPPORTD_MEDIA_RECORDER_TRACK_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"

enum {
    SUP_REC_RATE = 48000,
    SUP_REC_WAIT_US = 500000, /* how long a missing packet is waited for */
};

struct sup_rec_track;

struct sup_rec_packet {
    uint32_t ssrc, ts;
    uint64_t at_us; /* arrival since the recording began; does not run backwards */
    const uint8_t *payload;
    size_t len;
    uint64_t from_us; /* its place must not lie before that: left out otherwise */
};

struct sup_rec_track_stats {
    uint64_t packets; /* in the file */
    uint64_t dropped; /* too late, twice, unreadable, or without memory */
    uint64_t filled;  /* samples that were put in */
    uint64_t samples; /* length so far */
};

/* Borrowed for the call; title goes into the comment header ("customer"), NULL: none.
 * Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_rec_track_create(const char *title, struct sup_rec_track **ret_track);
void sup_rec_track_destroy(struct sup_rec_track *track); /* NULL is a no-op */

/* Takes a packet. Errors: SUP_E_NOMEM (counted, the track goes on). */
SUP_MUST_CHECK sup_err sup_rec_track_add(struct sup_rec_track *track,
                                         const struct sup_rec_packet *packet);
/* Time has come to now_us: fills what nobody will send any more and appends whole Ogg pages, the
 * headers first. Errors: SUP_E_NOMEM, SUP_E_LIMIT (of out); the file is of no use then. */
SUP_MUST_CHECK sup_err sup_rec_track_advance(struct sup_rec_track *track, uint64_t now_us,
                                             struct sup_buf *out);
/* The recording ends at end_us: appends the rest; the file lasts to the sample as long. */
SUP_MUST_CHECK sup_err sup_rec_track_finish(struct sup_rec_track *track, uint64_t end_us,
                                            struct sup_buf *out);
void sup_rec_track_get_stats(const struct sup_rec_track *track,
                             struct sup_rec_track_stats *ret_stats);
#endif
