/* Recording of calls: policy and pauses (rows), packets of the legs into the recorder, and the way
 * back: tracks for whoever may hear them.
 *
 * Layer:  call. Thread: the loop thread, but for sup_track_*.
 * Source: SPEC 6. What the row says decides; a pause holds before the row has it.
 *
 * Taken is what the customer says and hears others say, a track for each person: nothing while the
 * customer hears hold music, no whisper, nothing of a consultation that the customer is not in.
 * Whoever joins is on a track of the own from the moment that the customer can hear it; after a
 * transfer the new agent has a new track, and a consulted colleague who takes over keeps the own.
 */
#ifndef SUPPORTD_CALL_RECORDING_H
#define SUPPORTD_CALL_RECORDING_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/call/call.h"
#include "supportd/pg/pool.h"

/* want: "on", "paused" or "off". cb as that of sup_call_end(); CHANGED is emitted before it.
 * Codes: feature_off (also without recording.key_file), denied, call_not_found, not_allowed_now,
 * unavailable (the media is in another process), overloaded.
 * Errors now (cb never runs): those of sup_pg_exec(). */
SUP_MUST_CHECK sup_err sup_call_record(struct sup_call *call, const char *actor, struct sup_id id,
                                       const char *want, const char *request, sup_call_end_cb cb,
                                       void *arg);
/* Card data stood in the chat: its call, if it is recorded here, is paused at once. */
void sup_call_card_seen(struct sup_call *call, struct sup_id chat);
/* Recordings here whose end is not in the table yet. */
size_t sup_call_recordings_ending(const struct sup_call *call);

/* --- SQL of functions/53 --- */

extern const struct sup_pg_stmt_table sup_recording_stmts;

struct sup_recording_filter {
    struct sup_id call, staff, customer, before; /* zero: any */
    int limit;
};
SUP_MUST_CHECK sup_err sup_recording_store_list(struct sup_pg_pool *pool, const char *actor,
                                                const struct sup_recording_filter *filter,
                                                sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_recording_store_get(struct sup_pg_pool *pool, const char *actor,
                                               struct sup_id id, sup_pg_cb cb, void *arg);
/* As get, and writes the audit row. */
SUP_MUST_CHECK sup_err sup_recording_store_play(struct sup_pg_pool *pool, const char *actor,
                                                struct sup_id id, int track, const char *request,
                                                sup_pg_cb cb, void *arg);
/* Marks what lost processes left behind. */
SUP_MUST_CHECK sup_err sup_recording_store_dead(struct sup_pg_pool *pool, sup_pg_cb cb, void *arg);

/* --- tracks: blocking, for a worker thread --- */

/* Where tracks are; keys NULL: nowhere. Both live as long as the daemon's loop. */
struct sup_track_place {
    const struct sup_rec_keys *keys;
    const char *dir;
};
struct sup_track_place sup_call_track_place(const struct sup_call *call);

struct sup_track; /* one, open for reading; used by one thread at a time */

/* path: of the row. Errors: SUP_E_STATE (no recording.key_file), SUP_E_NOTFOUND (not on this
 * machine), SUP_E_DENIED (its key is not in the key file), SUP_E_CRYPTO (another recording's),
 * SUP_E_MALFORMED, SUP_E_IO, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_track_open(struct sup_track_place place, const char *path,
                                      struct sup_id recording, unsigned track,
                                      struct sup_track **ret_track);
void sup_track_close(struct sup_track *track); /* NULL is a no-op */
uint64_t sup_track_len(const struct sup_track *track);
/* As sup_rec_file_read() of media/recorder_crypt.h. */
SUP_MUST_CHECK sup_err sup_track_read(struct sup_track *track, uint64_t offset, void *buf,
                                      size_t cap, size_t *ret_len);
/* One byte per 100 ms, 0..255, appended to *out; kept beside the track, encrypted too, so that it
 * is decoded once. Errors: as above. */
SUP_MUST_CHECK sup_err sup_track_peaks(struct sup_track_place place, const char *path,
                                       struct sup_id recording, unsigned track,
                                       struct sup_buf *out);
#endif
