/* Private to the call folder. */
#ifndef SUPPORTD_CALL_INTERNAL_H
#define SUPPORTD_CALL_INTERNAL_H
#include "supportd/base/map.h"
#include "supportd/call/call.h"
#include "supportd/call/call_store.h"

enum { CALL_SAMPLE_ROWS = 20 }; /* stored together: five seconds of two legs and directions */

struct call_live;

struct call_party {
    struct call_live *live;
    struct sup_leg *leg;     /* NULL: not connected yet, or gone */
    struct sup_timer *grace; /* running while the leg is lost or has not come yet */
    struct sup_id user;      /* whose leg it is */
    bool muted;
    bool sampled; /* last is valid */
    struct sup_quality_sample last;
};

/* Of a call, while it has media here. */
struct call_recording {
    struct sup_recording *recorder; /* NULL: nothing is recorded */
    struct sup_id id;
    bool asked;               /* whether the policy wants it */
    bool paused;              /* says the row */
    unsigned pausing;         /* pauses on their way to the row: they hold already */
    struct sup_timer *resume; /* ends a pause for card data */
};

/* A call with media in this process. */
struct call_live {
    struct sup_call *service;
    struct sup_id id, chat, customer, staff; /* staff zero: nobody answered yet */
    bool active;
    unsigned epoch; /* news of the row so far: a reading begun before the last one is old */
    bool ending;    /* an end is on its way to the table */
    bool dead;      /* freed in the next pass of the loop */
    struct call_party parties[SUP_CALL_PARTIES];
    struct call_recording recording;
    struct sup_call_sample rows[CALL_SAMPLE_ROWS];
    size_t row_count;
};

struct sup_call {
    struct sup_call_opts opts;
    struct sup_signal events;
    struct sup_map *lives; /* call id -> struct call_live */
    struct sup_poller *poller;
    struct sup_timer *timer;   /* for the deadline of the engine */
    uint64_t deadline;         /* that it is armed for */
    struct sup_timer *reaper;  /* frees the dead */
    struct sup_link finishing; /* recordings whose end is on its way to the table */
    size_t finishing_count;
    struct sup_metric *calls_metric, *legs_metric, *failed_metric, *lost_metric, *timers_metric,
        *refused_metric;
    struct sup_metric *steps_metric, *waits_metric, *events_metric; /* by stats */
    struct sup_media_engine_stats stats;                            /* as last counted */
};

/* After any call on the engine or a leg: its deadline may have changed. */
void call_engine_rearm(struct sup_call *call);
struct call_live *call_find(const struct sup_call *call, struct sup_id id);
/* The call's entry, made when it is not there. Errors: SUP_E_LIMIT, SUP_E_NOMEM. */
sup_err call_live_get(struct sup_call *call, struct sup_id id, struct call_live **ret_live);
/* Who hears what, from active and the legs that are there. */
void call_join(struct call_live *live);
void call_emit(struct call_live *live, struct sup_call_event *event);
/* Takes the offer into the party's leg, made anew when the page is another. */
sup_err call_leg_offer(struct call_live *live, enum sup_call_party party, const char *sdp,
                       size_t len, struct sup_buf *answer, struct sup_sdp_error *error);
void call_leg_drop(struct call_live *live, enum sup_call_party party);
/* Writes what is gathered of samples. */
void call_store_rows(struct call_live *live);
/* Summary of the legs that are there; owned, NULL without memory. */
json_t *call_summary_json(const struct call_live *live);
void call_add_rows(struct call_live *live, enum sup_call_party party,
                   const struct sup_quality_sample *sample);

/* --- recording.c --- */

/* Legs have come, gone or changed. */
void call_recording_tap(struct call_live *live);
/* Somebody answered: the policy may want a recording. */
void call_recording_answered(struct call_live *live);
/* The call has ended. */
void call_recording_end(struct call_live *live);
void call_recording_fini(struct call_live *live);
/* No end will reach the table any more. */
void call_recordings_forget(struct sup_call *call);
#endif
