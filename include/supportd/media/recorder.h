/* The recorder: packets of live calls into encrypted files, without the loop waiting for a disk.
 *
 * Layer:  media. Thread: the loop thread; files are written on the loop's work queue.
 * Source: SPEC 6, DESIGN (Data path of a packet).
 *
 *   tap -> a bounded buffer per recording -> each 300 ms one job for all recordings: time line,
 *   Ogg pages (recorder_track.h), one chunk per track (recorder_crypt.h), write, sync
 *
 * A kill costs what is missing in the file then: at most SUP_REC_WAIT_US of waiting, one interval
 * and the job itself. If the disk is slower than the sound, packets are left out, never waited for:
 * the recording is marked incomplete and the time line stays true. Tracks are in
 * DIR/YYYYMM/ID.N.sup, YYYYMM of the id's time. */
#ifndef SUPPORTD_MEDIA_RECORDER_H
#define SUPPORTD_MEDIA_RECORDER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/loop/loop.h"
#include "supportd/media/recorder_crypt.h"
#include "supportd/metrics/metrics.h"

enum {
    SUP_REC_TRACKS = 8, /* at most; two from the start */
    SUP_REC_PATH_MAX = 80,
    SUP_REC_END_NEWS_US = 2000000, /* from asking for an end to its news, at most */
};

struct sup_recorders; /* all recordings of a process */
struct sup_recording; /* one */

struct sup_recorders_opts {
    struct sup_loop *loop;           /* all kept */
    const struct sup_rec_keys *keys; /* the first encrypts */
    const char *dir;                 /* exists */
    struct sup_metrics *metrics;     /* may be NULL */
    size_t buffer_bytes;             /* per recording, of packets on their way to the disk */
    size_t max_recordings;           /* at a time */
};

/* *ret_recorders is owned. Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_recorders_create(const struct sup_recorders_opts *opts,
                                            struct sup_recorders **ret_recorders);
/* Ends what is still being recorded and writes it out, perhaps after this call (within
 * sup_loop_destroy()); no callback runs any more. keys must outlive the loop. NULL is a no-op. */
void sup_recorders_destroy(struct sup_recorders *recorders);

struct sup_recording_result {
    uint64_t duration_us;
    uint64_t bytes; /* of all files */
    uint64_t gap_us;
    bool incomplete; /* gap_us, or the files do not reach the end */
};
/* result is borrowed for the call. */
typedef void (*sup_recording_cb)(const struct sup_recording_result *result, void *arg);

/* The time line begins at origin_us (sup_clock_mono_us()), which may lie a little back. *ret is
 * owned by the recorders and borrowed until sup_recording_finish().
 * Errors: SUP_E_LIMIT (max_recordings), SUP_E_NOMEM, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_recording_start(struct sup_recorders *recorders, struct sup_id id,
                                           uint64_t origin_us, struct sup_recording **ret);
/* One more party's track, on the same time line: silent up to its first packet. Its number is above
 * those that are there. Errors: SUP_E_LIMIT (SUP_REC_TRACKS), SUP_E_NOMEM, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_recording_add_track(struct sup_recording *recording,
                                               unsigned *ret_track);
/* One authenticated Opus packet of a party; copied. Nothing of a pause is given here. */
void sup_recording_add(struct sup_recording *recording, unsigned track, uint32_t ssrc, uint32_t ts,
                       const uint8_t *payload, size_t len, uint64_t arrival_us);
/* After a pause that ends at now_us: what was said before it and comes late is left out. */
void sup_recording_go_on(struct sup_recording *recording, uint64_t now_us);
/* The same for one party, whom the customer hears from now_us on. */
void sup_recording_joins(struct sup_recording *recording, unsigned track, uint64_t now_us);
/* An end at now_us has been asked for: what lies behind it is kept back until
 * sup_recording_finish() says so, at most SUP_REC_END_NEWS_US (then it was refused), for what has
 * gone to the disk cannot be taken back. */
void sup_recording_may_end(struct sup_recording *recording, uint64_t now_us);
/* Since the recording began. */
uint64_t sup_recording_position_us(const struct sup_recording *recording, uint64_t now_us);
/* Ends; recording is not to be used any more. cb runs once when all is on the disk (or has failed
 * to get there), never from within this call. */
void sup_recording_finish(struct sup_recording *recording, uint64_t end_us, sup_recording_cb cb,
                          void *arg);

/* "YYYYMM/ID.N.sup", of the id's own time. */
struct sup_rec_path {
    char s[SUP_REC_PATH_MAX];
};
struct sup_rec_path sup_rec_path(struct sup_id id, unsigned track);
#endif
