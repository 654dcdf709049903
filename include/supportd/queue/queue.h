/* The router: makes offers the moment that somebody is free, enforces deadlines, tells the news.
 *
 * Layer:  queue. Thread: the loop thread.
 * Source: DESIGN (Conventions: Presence; SPEC 7). Which entry goes to whom is decided in SQL under
 * one lock (support.queue_assign); here is when: after every change that could free somebody or
 * something, and at the earliest deadline that a row states. */
#ifndef SUPPORTD_QUEUE_QUEUE_H
#define SUPPORTD_QUEUE_QUEUE_H
#include <stdbool.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/base/signal.h"
#include "supportd/bus/bus.h"
#include "supportd/loop/loop.h"
#include "supportd/metrics/metrics.h"
#include "supportd/pg/pool.h"

struct sup_queue; /* opaque */

struct sup_queue_opts {
    struct sup_loop *loop; /* all kept */
    struct sup_pg_pool *pool;
    struct sup_bus *bus;
    struct sup_metrics *metrics; /* may be NULL */
};

enum sup_queue_kind {
    SUP_QUEUE_OFFERED,   /* staff has a new offer */
    SUP_QUEUE_MISSED,    /* its deadline passed */
    SUP_QUEUE_WITHDRAWN, /* taken back: staff disconnected or went away */
    SUP_QUEUE_ESCALATED, /* waited too long; step */
    SUP_QUEUE_REQUEUED,  /* the agent was gone for too long */
    SUP_QUEUE_GAVE_UP,   /* the caller did not come back to the kept place: the call has ended */
    SUP_QUEUE_MOVED_ON,  /* a transferred call is meant for somebody else now */
    SUP_QUEUE_RANG_OUT,  /* the customer of a callback did not answer */
};

/* What a round of the router did to one entry or offer. Ids that do not apply are zero. */
struct sup_queue_event {
    enum sup_queue_kind kind;
    struct sup_id offer, entry, chat, call, customer, staff;
    int64_t rev;               /* of the chat */
    int step;                  /* ESCALATED */
    bool paused;               /* MISSED: the agent was set away */
    bool taken_back;           /* MISSED: not missed, but withdrawn by that */
    struct sup_id offer_staff; /* GAVE_UP: to whom it was offered, with offer */
    bool is_call;
};

/* *ret_queue is owned; the first round runs at once. Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_queue_create(const struct sup_queue_opts *opts,
                                        struct sup_queue **ret_queue);
void sup_queue_destroy(struct sup_queue *queue); /* NULL is a no-op */
/* Something changed that routing depends on: a round runs as soon as the one under way is done. */
void sup_queue_kick(struct sup_queue *queue);
/* No more offers are made by this process (drain). */
void sup_queue_stop(struct sup_queue *queue);
/* data: struct sup_queue_event *, borrowed. */
struct sup_signal *sup_queue_events(struct sup_queue *queue);
#endif
