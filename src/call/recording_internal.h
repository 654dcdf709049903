/* Private to the call folder: recording.c, recording_store.c, track.c. */
#ifndef SUPPORTD_CALL_RECORDING_INTERNAL_H
#define SUPPORTD_CALL_RECORDING_INTERNAL_H
#include "call_internal.h"
#include "supportd/call/recording.h"
#include "supportd/media/recorder.h"

struct recording_change {
    struct sup_id call, recording, process;
    const char *want, *key, *path, *request;
    int64_t position_ms;
};
sup_err recording_store_set(struct sup_pg_pool *pool, const char *actor,
                            const struct recording_change *change, sup_pg_cb cb, void *arg);
sup_err recording_store_finish(struct sup_pg_pool *pool, struct sup_id recording,
                               const struct sup_recording_result *result, sup_pg_cb cb, void *arg);
/* From from_ms on the customer hears this member of staff, on this track. */
sup_err recording_store_party(struct sup_pg_pool *pool, struct sup_id recording, unsigned track,
                              struct sup_id staff, const char *role, int64_t from_ms, sup_pg_cb cb,
                              void *arg);
/* The end of retention, as system:retention (place: as system:monitor); place zero: none. */
sup_err retention_store_place(struct sup_pg_pool *pool, struct sup_id process, struct sup_id place,
                              sup_pg_cb cb, void *arg);
sup_err retention_store_due(struct sup_pg_pool *pool, struct sup_id place, int limit, sup_pg_cb cb,
                            void *arg);
sup_err retention_store_erased(struct sup_pg_pool *pool, struct sup_id recording, sup_pg_cb cb,
                               void *arg);
sup_err retention_store_next(struct sup_pg_pool *pool, struct sup_id place, sup_pg_cb cb,
                             void *arg);
#endif
