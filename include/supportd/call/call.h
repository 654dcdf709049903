/* Calls: two legs each, their media, quality and end.
 *
 * Layer:  call. Thread: the loop thread.
 * Source: SPEC 4 and 5, DESIGN (Signaling; Queued caller).
 * The state of a call is its row (support.call_transition holds the table of transitions); here are
 * its legs: the caller's, connected while waiting and hearing hold music, and the agent's,
 * connected while it rings. Answering joins two legs that are there already. */
#ifndef SUPPORTD_CALL_CALL_H
#define SUPPORTD_CALL_CALL_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/base/signal.h"
#include "supportd/bus/bus.h"
#include "supportd/loop/loop.h"
#include "supportd/media/prompts.h"
#include "supportd/media/recorder.h"
#include "supportd/media/session.h"
#include "supportd/metrics/metrics.h"
#include "supportd/pg/pool.h"

struct sup_call; /* the service; opaque */

struct sup_call_opts {
    struct sup_loop *loop; /* all kept */
    struct sup_pg_pool *pool;
    struct sup_media_engine *engine;
    struct sup_metrics *metrics;       /* may be NULL */
    struct sup_bus *bus;               /* whose process owns the media of the calls started here */
    uint64_t grace_us;                 /* a lost leg may come back within it */
    uint64_t stats_interval_us;        /* least time between two reports of a client */
    const struct sup_prompts *prompts; /* kept; NULL: callers hear music alone */
    uint64_t prompt_interval_us;       /* least time between two prompts of a call */
    /* Kept; all who are recorded hear it when that begins, or the one of prompts for the caller's
     * language. NULL: nothing is heard. */
    const struct sup_hold *notice;
    size_t max_calls; /* with media here, at a time */
    bool no_fec, dtx; /* of the answers, as in media/session.h */
    uint32_t max_average_bitrate, ptime_ms;
    struct sup_recorders *recorders; /* NULL: nothing is recorded. Outlives the service, but calls
                                        nothing back once that is destroyed */
    const struct sup_rec_keys *recording_keys; /* of them, as the next two */
    const char *recording_key;                 /* id of the first */
    const char *recording_dir;
    struct sup_id recording_place; /* of media/recorder_place.h; zero: nothing is recorded here */
};

enum sup_call_party { SUP_CALL_CUSTOMER, SUP_CALL_AGENT, SUP_CALL_PARTIES };

enum sup_call_event_kind {
    SUP_CALL_CANDIDATE,  /* for user: line, mid */
    SUP_CALL_RESTART,    /* for user: its leg is lost or has moved, reason */
    SUP_CALL_QUALITY,    /* a second has passed: samples */
    SUP_CALL_CHANGED,    /* state, mute or a leg: read and tell both sides */
    SUP_CALL_ANSWERABLE, /* the leg of staff, at whom it rings, is connected */
    SUP_CALL_PARTY,      /* the part of user in a call of others has changed */
    SUP_CALL_PLACE,      /* the caller's place is kept, or taken again: the router must look */
};

/* A report of a leg's own client (its getStats): counts since the report before, SUP_CALL_UNKNOWN
 * (call_store.h) for what it does not tell. */
struct sup_call_client {
    int64_t at_us; /* wall */
    int64_t interval_ms, received, lost;
    int64_t discarded, samples, concealed, silent_concealed, sent;
    int64_t jitter_us, buffer_us, rtt_us, level_dbov, mic_dbov;
    char path[8]; /* "host", "srflx", "prflx", "relay" or "" */
};

struct sup_call_event {
    enum sup_call_event_kind kind;
    struct sup_id call, chat, customer, staff; /* staff zero: nobody yet */
    /* CANDIDATE, RESTART, PARTY; CHANGED: whom it was offered to when it ended, and that offer, or
     * zero */
    struct sup_id user, offer;
    int64_t rev;      /* CHANGED: of the chat; 0: unchanged */
    const char *line; /* CANDIDATE: "" is the end of candidates */
    const char *mid;
    const char *reason; /* RESTART: name of enum sup_leg_reason */
    /* QUALITY: last sample of each leg, NULL without a leg. */
    const struct sup_quality_sample *samples[SUP_CALL_PARTIES];
    /* QUALITY: last report of each leg's client, NULL without one in the last 15 s. */
    const struct sup_call_client *clients[SUP_CALL_PARTIES];
    /* QUALITY: what the customer is told has changed, or was told 10 s ago. connected: of the legs
     * now. */
    bool advise, connected[SUP_CALL_PARTIES];
};

/* *ret_call is owned. Errors: SUP_E_NOMEM, SUP_E_IO. */
SUP_MUST_CHECK sup_err sup_call_create(const struct sup_call_opts *opts,
                                       struct sup_call **ret_call);
/* Closes all legs. NULL is a no-op. Requests under way must have been dropped. */
void sup_call_destroy(struct sup_call *call);
/* data: struct sup_call_event *, borrowed. Listeners may call anything but destroy. */
struct sup_signal *sup_call_events(struct sup_call *call);
/* Calls whose media is here, legs or not. */
size_t sup_call_count(const struct sup_call *call);
/* Those of a user's among them, at most max; returns how many. */
size_t sup_call_of_user(const struct sup_call *call, struct sup_id user, struct sup_id *ret_calls,
                        size_t max);
/* No more of them. */
bool sup_call_full(const struct sup_call *call);

struct sup_call_answer {
    sup_err err;
    const char *code;   /* of the refusal ("sdp_refused", "call_not_found", ...), or "" */
    const char *detail; /* static, or NULL */
    const char *sdp;    /* borrowed; NULL on error */
};
typedef void (*sup_call_answer_cb)(const struct sup_call_answer *answer, void *arg);
/* An offer of a party: its first connection, a new page's, or an ICE restart. actor: text of
 * auth/actor.h, user its id. cb runs exactly once, never before this call returns.
 * Errors now (cb never runs): SUP_E_LIMIT, SUP_E_CLOSED, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_call_offer(struct sup_call *call, const char *actor, struct sup_id user,
                                      bool staff, struct sup_id id, const char *sdp, size_t len,
                                      sup_call_answer_cb cb, void *arg);
/* A candidate line of the party ("": the end). Errors: SUP_E_NOTFOUND (no leg of this user),
 * SUP_E_MALFORMED, SUP_E_STATE. */
SUP_MUST_CHECK sup_err sup_call_candidate(struct sup_call *call, struct sup_id user,
                                          struct sup_id id, const char *line, size_t len);
/* Errors: SUP_E_NOTFOUND. */
SUP_MUST_CHECK sup_err sup_call_mute(struct sup_call *call, struct sup_id user, struct sup_id id,
                                     bool muted);
/* False where there is no leg. */
bool sup_call_is_muted(const struct sup_call *call, struct sup_id id, enum sup_call_party party);

/* Counts of a client's getStats since its connection began, and present values. All may be
 * SUP_CALL_UNKNOWN but received and lost; path may be NULL. docs/protocol.md, call.stats. */
struct sup_call_stats {
    int64_t received, lost, discarded, samples, concealed, silent_concealed, sent;
    int64_t buffer_ms, buffered; /* sum of the times in the jitter buffer, and of what left it */
    int64_t jitter_us, rtt_us, level_dbov, mic_dbov;
    const char *path;
};
/* Takes a report of the user's own leg. The first of a connection only begins the count. Errors:
 * SUP_E_NOTFOUND (no leg of this user), SUP_E_LIMIT (too soon after the last one). */
SUP_MUST_CHECK sup_err sup_call_take_stats(struct sup_call *call, struct sup_id user,
                                           struct sup_id id, const struct sup_call_stats *stats);
/* "none" (not there yet, or not here), "connecting", "connected", "lost" (its packets have stopped
 * or its page is gone; it may come back); static. */
const char *sup_call_leg_name(const struct sup_call *call, struct sup_id id,
                              enum sup_call_party party);

/* Where a caller who waits stands in the queue, from 1 on. Told to the caller by a spoken prompt as
 * soon as the leg hears music, and again whenever the place has got better, at most every
 * prompt_interval_us. language: of the caller, may be NULL. No-op for a call that is not here. */
void sup_call_position(struct sup_call *call, struct sup_id id, unsigned position,
                       const char *language);

/* The row was made and its media belongs here: the caller's leg is expected. A party whose leg does
 * not come (or come back) in time ends the call, so that none outlives its people. language: of the
 * caller, may be "". */
void sup_call_expect(struct sup_call *call, struct sup_id id, struct sup_id chat,
                     struct sup_id customer, const char *language);
/* Reads who else has a part in the call, and arranges who hears whom. No-op for a call that is not
 * here. Ends of the call, of the agent's part, and silence of their legs need no call of this. */
void sup_call_check_parties(struct sup_call *call, struct sup_id id);
/* Staff beside the agent in a call that is here, at most max; returns how many. */
size_t sup_call_parties(const struct sup_call *call, struct sup_id id, struct sup_id *ret_users,
                        size_t max);
/* Reads the row again and does what it says, where news of it may be missing. No-op for a call that
 * is not here. */
void sup_call_check(struct sup_call *call, struct sup_id id);
/* All that are here, with those who have parts in them. */
void sup_call_check_all(struct sup_call *call);
/* The row says active, staff answers: the legs are joined as soon as both are there. */
void sup_call_answered(struct sup_call *call, struct sup_id id, struct sup_id staff);
/* The row says held, or active again: what both legs hear. */
void sup_call_held(struct sup_call *call, struct sup_id id, bool held);
/* The row says calling: staff has taken a callback, no caller's leg is wanted yet. */
void sup_call_calling(struct sup_call *call, struct sup_id id, struct sup_id chat,
                      struct sup_id customer, struct sup_id staff);
/* The media is not wanted here any more (a callback, another process): legs go, the row stays. */
void sup_call_forget(struct sup_call *call, struct sup_id id);
/* Drain: who waits leaves with the place kept, and comes back by call/start. */
void sup_call_leave_waiting(struct sup_call *call);
/* The row says waiting again: the agent's leg goes, the caller hears music. */
void sup_call_waits(struct sup_call *call, struct sup_id id);
/* Staff was removed: the agent of a call, which waits again, or somebody with a part in it. */
void sup_call_leaves(struct sup_call *call, struct sup_id id, struct sup_id staff);
/* The row says ended: both legs go, the summary is stored. */
void sup_call_ended(struct sup_call *call, struct sup_id id);

struct sup_call_end_result {
    sup_err err;
    const char *code; /* of the database's refusal, or "" */
};
typedef void (*sup_call_end_cb)(const struct sup_call_end_result *result, void *arg);
/* Ends a call, whatever state it is in, as actor; one that has ended is taken as success.
 * reason: of docs/protocol.md, static. cb as above, may be NULL; CHANGED is emitted before it. */
SUP_MUST_CHECK sup_err sup_call_end(struct sup_call *call, const char *actor, struct sup_id id,
                                    const char *reason, const char *request, sup_call_end_cb cb,
                                    void *arg);
/* Puts an active call on hold, or takes it off, as actor; one that is so already is taken as
 * success. cb as above, not NULL; code "call_ended" or "not_allowed_now" in other states. */
SUP_MUST_CHECK sup_err sup_call_hold(struct sup_call *call, const char *actor, struct sup_id id,
                                     bool hold, const char *request, sup_call_end_cb cb, void *arg);
/* Ends all calls that are here, but those that wait. */
void sup_call_end_all(struct sup_call *call, const char *reason);
#endif
