/* Private to the call folder. */
#ifndef SUPPORTD_CALL_INTERNAL_H
#define SUPPORTD_CALL_INTERNAL_H
#include "supportd/base/map.h"
#include "supportd/call/call.h"
#include "supportd/call/call_store.h"
#include "supportd/call/hears.h"

/* Seats of a call: customer, agent, and those of support.call_parties. */
enum { CALL_SEATS = SUP_MIX_MAX + 1 };

struct call_live;
struct call_batch;

enum { CALL_VOICES = 8 }; /* tracks of a recording */

enum { CALL_JITTER_STEPS = 64 }; /* of the histogram: 1 ms each up to 32, then 8 ms */

/* Of one direction of a party over the whole call, whatever legs it had. */
struct call_totals_dir {
    uint64_t packets, lost, recovered, late;
    double residual, burst; /* weighted by packets */
    uint64_t burst_weight;
    uint32_t seconds; /* with packets */
    uint64_t jitter_us;
    uint32_t jitter_max_us, jitter_steps[CALL_JITTER_STEPS];
    uint32_t mos_seconds;
    double ie, mos_lq, mos_cq, mos_cq_min;
};

struct call_totals {
    uint32_t seconds, rtt_seconds, rtt_max_us;
    uint64_t rtt_us;
    struct call_totals_dir in, out;
    uint32_t verdict_seconds[SUP_VERDICT_COUNT];
    uint32_t reports; /* of the client, and sums of what they tell */
    int64_t received, client_lost, samples, concealed, silent_concealed;
};

struct call_party {
    struct call_live *live;
    struct sup_leg *leg;     /* NULL: not connected yet, or gone */
    struct sup_timer *grace; /* running while the leg is lost or has not come yet */
    struct sup_id user;      /* whose leg it is */
    bool muted;
    bool to_customer; /* the customer hears it */
    unsigned track;   /* of the recording, from 1; 0: none */
    bool recorded;    /* is on it now */
    bool sampled;     /* last is valid */
    bool ending;      /* its leg's last sample, which is counted and stored, not told */
    /* of a seat from SUP_CALL_PARTIES on (party.c) */
    struct sup_id row; /* in support.call_parties; zero: the seat is free */
    enum sup_call_role role;
    bool open; /* else only asked; grace runs until the deadline */
    struct sup_quality_sample last;
    struct call_totals totals;
    bool has_stats; /* stats and stats_us: the client's last counts and when they came */
    struct sup_call_stats stats;
    uint64_t stats_us;
    struct sup_call_client client; /* at_us 0: none yet */
};

/* Of a call, while it has media here. */
struct call_recording {
    struct sup_recording *recorder; /* NULL: nothing is recorded */
    struct sup_id id;
    int64_t from_us;             /* second 0 of its time line, since the answer */
    uint64_t end_asked_us;       /* when the row was asked to end; 0: not */
    bool asked;                  /* whether the policy wants it */
    bool paused;                 /* says the row */
    unsigned pausing;            /* pauses on their way to the row: they hold already */
    struct sup_timer *resume;    /* ends a pause for card data */
    struct sup_timer *owed_card; /* armed: the row did not take such a pause, it is asked again */
    bool owed[CALL_SEATS];       /* hears the notice as soon as there is a leg */
    /* who is on which track, as the row was told; [0] is the customer's */
    unsigned voice_count;
    struct sup_id voices[CALL_VOICES], agent; /* agent: the last one told */
    enum sup_call_role roles[CALL_VOICES];
};

/* A call with media in this process. */
struct call_live {
    struct sup_call *service;
    struct sup_id id, chat, customer, staff; /* staff zero: nobody answered yet */
    bool active;                             /* answered, not ended; also on hold */
    bool held;      /* active, and the customer hears music, the agent nothing */
    bool calling;   /* an agent has taken a callback, the customer has not answered yet */
    bool away;      /* the caller who waits has no leg any more; the row is told */
    bool placing;   /* and is being told */
    unsigned epoch; /* news of the row so far: a reading begun before the last one is old */
    bool ending;    /* an end is on its way to the table */
    bool dead;      /* freed in the next pass of the loop */
    struct call_party parties[CALL_SEATS];
    enum sup_call_talk talk;
    unsigned party_reads; /* begun: only the last one counts */
    struct call_recording recording;
    uint32_t told; /* what the customer was told last: verdicts and who is connected */
    uint64_t told_us;
    unsigned position, said; /* in the queue, and what a prompt said of it last; 0: none yet */
    uint64_t said_us;
    char language[16];
    struct sup_timer *prompt_timer; /* until a prompt may be played again */
};

struct sup_call {
    struct sup_call_opts opts;
    struct sup_signal events;
    struct sup_map *lives;                   /* call id -> struct call_live */
    struct sup_poller *poller, *beat_poller; /* of the engine: one of them polls, as beats says */
    bool beats;
    struct sup_timer *timer;   /* for the deadline of the engine */
    uint64_t deadline;         /* that it is armed for */
    struct sup_timer *reaper;  /* frees the dead */
    struct sup_timer *recheck; /* after the database could not say what the rows are */
    struct call_batch *batch;  /* samples on their way to the tables */
    struct sup_metric *stats_metric, *prompts_metric, *notices_metric;
    struct sup_link finishing; /* recordings whose end is on its way to the table */
    size_t finishing_count;
    struct call_retention *retention;
    struct sup_metric *calls_metric, *legs_metric, *failed_metric, *lost_metric, *timers_metric,
        *refused_metric;
    struct sup_metric *steps_metric, *beats_metric, *events_metric, *pings_metric,
        *pongs_metric;                   /* by stats */
    struct sup_media_engine_stats stats; /* as last counted */
    struct sup_metric *mixes_metric, *mix_frames_metric, *mix_us_metric, *mix_filled_metric;
    struct sup_media_mix_stats mix_stats; /* as last counted */
};

/* After any call on the engine or a leg: its deadline may have changed. */
void call_engine_rearm(struct sup_call *call);
struct call_live *call_find(const struct sup_call *call, struct sup_id id);
/* The call's entry, made when it is not there. Errors: SUP_E_LIMIT, SUP_E_NOMEM. */
sup_err call_live_get(struct sup_call *call, struct sup_id id, struct call_live **ret_live);
/* Who hears what, from the state and the legs that are there. */
void call_join(struct call_live *live);
/* The seat of one who has a part in the call, or NULL. */
struct call_party *call_seat_of(struct call_live *live, struct sup_id user);
/* What was asked of the rows of a call is not known: all are asked again a little later. */
void call_check_failed(struct sup_call *call, sup_err err);
/* Seats those of the rows of support.call_parties_live(), and unseats all others. */
void call_seat_rows(struct call_live *live, struct sup_pg_result *rows);
/* All but customer and agent are out; they are told. now: their legs go at once (not from within a
 * leg's callback). */
void call_unseat_all(struct call_live *live, bool now);
/* The colleague who has the call from now on keeps the leg. */
void call_promote(struct call_live *live, struct sup_id staff);
void call_mix_metrics_create(struct sup_call *call);
/* Neither answered nor a callback under way: the caller's place in the queue counts. */
bool call_waits(const struct call_live *live);
/* The leg of a caller who waits is gone, or there: the row keeps the place or is cleared. */
void call_place(struct call_live *live, bool away);
/* The call is active: its caller's leg is there, or is waited for. */
void call_expect_customer(struct call_live *live);
/* Takes the entry out of use; it is freed in the next pass of the loop. */
void call_reap(struct call_live *live);
void call_emit(struct call_live *live, struct sup_call_event *event);
/* Takes the offer into the party's leg, made anew when the page is another. */
sup_err call_leg_offer(struct call_live *live, enum sup_call_party party, const char *sdp,
                       size_t len, struct sup_buf *answer, struct sup_sdp_error *error);
void call_leg_drop(struct call_live *live, enum sup_call_party party);
/* What the present second of the legs has so far: before the call is summed up. */
void call_legs_end_second(struct call_live *live);
/* The party whose leg this user has, or NULL. */
struct call_party *call_find_party(const struct sup_call *call, struct sup_id user,
                                   struct sup_id id);

/* --- samples.c --- */
sup_err call_batch_create(struct sup_call *call);
void call_batch_destroy(struct call_batch *batch);
/* Writes what is gathered, of all calls. */
void call_batch_store(struct call_batch *batch);
/* A second of a party has passed: it is counted, stored and told. Of those beside customer and
 * agent, while they take part, it is stored alone. */
void call_take_sample(struct call_party *party, const struct sup_quality_sample *sample);
/* Its verdicts have changed: told at once, not with the next picture. */
void call_take_verdicts(struct call_party *party, uint32_t verdicts);
void call_batch_add_client(struct call_party *party);

/* --- prompt.c --- */
/* Says the caller's place if it is time to. */
void call_prompt(struct call_live *live);
void call_on_prompt_due(void *arg); /* struct call_live * */

/* --- summary.c --- */
void call_totals_add(struct call_totals *totals, const struct sup_quality_sample *sample);
void call_totals_add_client(struct call_totals *totals, const struct sup_call_client *client);
/* Of the parties that had a leg; owned, NULL without memory. */
json_t *call_summary_json(const struct call_live *live);
/* --- recording.c --- */

/* Legs have come, gone or changed. */
void call_recording_tap(struct call_live *live);
/* Somebody answered: the policy may want a recording. */
void call_recording_answered(struct call_live *live);
/* The leg of a party goes before it has heard the notice to its end. */
void call_recording_untold(struct call_party *party);
/* The row is asked to end with the call. */
void call_recording_end_asked(struct call_live *live);
/* The row says how long the call was, from its answer. */
void call_recording_end_at(struct call_live *live, int64_t length_us);
/* The call has ended, when is not known. */
void call_recording_end(struct call_live *live);
void call_recording_fini(struct call_live *live);
/* No end will reach the table any more. */
void call_recordings_forget(struct sup_call *call);

/* --- retention.c --- */

/* Deletes recordings when their time is over, from now on. Errors: SUP_E_NOMEM. */
sup_err call_retention_create(struct sup_call *call);
void call_retention_destroy(struct sup_call *call); /* also when there is none */
/* A deadline may have come nearer. */
void call_retention_kick(struct sup_call *call);
#endif
