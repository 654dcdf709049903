#include "supportd/queue/queue.h"

#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"
#include "supportd/queue/queue_store.h"

enum {
    ASSIGN_MAX = 50,            /* offers of one transaction */
    RETRY_US = 1000000,         /* after a round that the database refused */
    DEADLINE_MAX_US = 60000000, /* of one sleep: the wall clock may be set meanwhile */
};

/* One round: what has expired, then offers, then when to wake again.
 *
 *   idle -> expiring (5 statements at once) -> assigning (again while full) -> asking -> idle
 */
struct sup_queue {
    struct sup_queue_opts opts;
    struct sup_signal events;
    struct sup_timer *timer;
    struct sup_listener on_gap;
    bool running, again, expire, stopped;
    unsigned waiting; /* expiring statements not answered yet */
    struct sup_metric *offers_metric, *missed_metric, *rounds_metric;
};

static void start_round(struct sup_queue *q);
static void assign(struct sup_queue *q);

static void finish_round(struct sup_queue *q, uint64_t sleep_us)
{
    q->running = false;
    if (q->again && !q->stopped)
        start_round(q);
    else if (!q->stopped)
        sup_timer_start(q->timer, sleep_us);
}

static void on_deadline_known(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_queue *q = arg;
    uint64_t sleep_us = RETRY_US;
    if (!reply->err && sup_pg_rows(reply->rows) == 1) {
        sleep_us = DEADLINE_MAX_US;
        int deadline = sup_pg_col(reply->rows, "deadline");
        if (!sup_pg_is_null(reply->rows, 0, deadline)) {
            int64_t left = sup_pg_time(reply->rows, 0, deadline) -
                           sup_pg_time(reply->rows, 0, sup_pg_col(reply->rows, "now"));
            if (left < (int64_t)sleep_us)
                sleep_us = left > 0 ? (uint64_t)left : 0;
        }
    }
    /* The timer's round looks for what has expired; a deadline that does not move away by that
     * would spin, so it never comes sooner than this. */
    finish_round(q, sleep_us < 5000 ? 5000 : sleep_us);
}

static void ask_deadline(struct sup_queue *q)
{
    if (sup_queue_store_round(q->opts.pool, SUP_QUEUE_NEXT_DEADLINE, on_deadline_known, q))
        finish_round(q, RETRY_US);
}

static struct sup_queue_event event_of(struct sup_pg_result *rows, int row,
                                       enum sup_queue_kind kind)
{
    return (struct sup_queue_event){
        .kind = kind,
        .offer = sup_row_id(rows, row, "offer_id"),
        .entry = sup_row_id(rows, row, "entry_id"),
        .chat = sup_row_id(rows, row, "chat_id"),
        .call = sup_row_id(rows, row, "call_id"),
        .customer = sup_row_id(rows, row, "customer_id"),
        .staff = sup_row_id(rows, row, "staff_id"),
        .rev = sup_row_number(rows, row, "rev"),
        .is_call =
            sup_row_str(rows, row, "kind")[0] == 'c' && sup_row_str(rows, row, "kind")[1] == 'a',
    };
}

static void on_assigned(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_queue *q = arg;
    if (reply->err) {
        sup_log_warn("queue", "assignment failed", SUP_STR("error", sup_err_name(reply->err)),
                     SUP_STR("sqlstate", reply->sqlstate));
        finish_round(q, RETRY_US);
        return;
    }
    int rows = sup_pg_rows(reply->rows);
    for (int row = 0; row < rows; row++) {
        struct sup_queue_event event = event_of(reply->rows, row, SUP_QUEUE_OFFERED);
        sup_metric_add(q->offers_metric, 1);
        sup_signal_emit(&q->events, &event);
    }
    if (rows == ASSIGN_MAX)
        assign(q);
    else
        ask_deadline(q);
}

static void assign(struct sup_queue *q)
{
    if (q->stopped || sup_queue_store_assign(q->opts.pool, ASSIGN_MAX, on_assigned, q))
        finish_round(q, RETRY_US);
}

/* What call_deadlines did to a call. */
static void read_deadline(struct sup_pg_result *rows, int row, struct sup_queue_event *event)
{
    const char *what = sup_row_str(rows, row, "what");
    event->offer_staff = sup_row_id(rows, row, "offer_staff_id");
    if (what[0] == 'a')
        event->kind = SUP_QUEUE_GAVE_UP;
    else if (what[0] == 'n')
        event->kind = SUP_QUEUE_RANG_OUT;
}

static void expired(struct sup_queue *q, const struct sup_pg_reply *reply, enum sup_queue_kind kind)
{
    if (reply->err)
        sup_log_warn("queue", "expiry failed", SUP_INT("kind", kind),
                     SUP_STR("error", sup_err_name(reply->err)),
                     SUP_STR("sqlstate", reply->sqlstate));
    for (int row = 0; !reply->err && row < sup_pg_rows(reply->rows); row++) {
        struct sup_queue_event event = event_of(reply->rows, row, kind);
        if (kind == SUP_QUEUE_ESCALATED)
            event.step = (int)sup_row_number(reply->rows, row, "step");
        if (kind == SUP_QUEUE_MISSED) {
            event.paused = sup_pg_bool(reply->rows, row, sup_pg_col(reply->rows, "paused"));
            event.taken_back = sup_row_str(reply->rows, row, "outcome")[0] == 'w';
            sup_metric_add(q->missed_metric, event.taken_back ? 0 : 1);
        }
        if (kind == SUP_QUEUE_MOVED_ON)
            read_deadline(reply->rows, row, &event);
        sup_signal_emit(&q->events, &event);
    }
    if (--q->waiting == 0)
        assign(q);
}

static void on_offers_expired(const struct sup_pg_reply *reply, void *arg)
{
    expired(arg, reply, SUP_QUEUE_MISSED);
}

static void on_timeouts(const struct sup_pg_reply *reply, void *arg)
{
    expired(arg, reply, SUP_QUEUE_ESCALATED);
}

static void on_grace_expired(const struct sup_pg_reply *reply, void *arg)
{
    expired(arg, reply, SUP_QUEUE_REQUEUED);
}

static void on_call_deadlines(const struct sup_pg_reply *reply, void *arg)
{
    expired(arg, reply, SUP_QUEUE_MOVED_ON);
}

static void on_leases_expired(const struct sup_pg_reply *reply, void *arg)
{
    expired(arg, reply, SUP_QUEUE_WITHDRAWN);
}

static void start_round(struct sup_queue *q)
{
    static const struct {
        enum sup_queue_round what;
        sup_pg_cb cb;
    } steps[] = {
        {SUP_QUEUE_LEASES_EXPIRE, on_leases_expired},
        {SUP_QUEUE_OFFERS_EXPIRE, on_offers_expired},
        {SUP_QUEUE_TIMEOUTS, on_timeouts},
        {SUP_QUEUE_GRACE_EXPIRE, on_grace_expired},
        {SUP_QUEUE_CALL_DEADLINES, on_call_deadlines},
    };
    bool expire = q->expire;
    q->running = true;
    q->again = q->expire = false;
    sup_timer_stop(q->timer);
    sup_metric_add(q->rounds_metric, 1);
    if (!expire) {
        assign(q);
        return;
    }
    q->waiting = 1;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (sup_queue_store_round(q->opts.pool, steps[i].what, steps[i].cb, q) == SUP_OK)
            q->waiting++;
    if (--q->waiting == 0)
        finish_round(q, RETRY_US);
}

void sup_queue_kick(struct sup_queue *queue)
{
    queue->again = true;
    if (!queue->running && !queue->stopped)
        start_round(queue);
}

static void kick_expire(struct sup_queue *q)
{
    q->expire = true;
    sup_queue_kick(q);
}

static void on_timer(void *arg)
{
    kick_expire(arg);
}

static void on_bus_gap(struct sup_listener *listener, void *data)
{
    struct sup_queue *q = SUP_CONTAINER_OF(listener, struct sup_queue, on_gap);
    if (*(enum sup_bus_gap *)data != SUP_BUS_GAP_TICK)
        kick_expire(q);
}

sup_err sup_queue_create(const struct sup_queue_opts *opts, struct sup_queue **ret_queue)
{
    struct sup_queue *q = sup_calloc(1, sizeof(*q));
    if (!q)
        return SUP_E_NOMEM;
    q->opts = *opts;
    q->on_gap.notify = on_bus_gap;
    sup_signal_init(&q->events);
    q->offers_metric = sup_metrics_counter(opts->metrics, "supportd_queue_offers_total",
                                           "Offers made.", NULL, NULL);
    q->missed_metric = sup_metrics_counter(opts->metrics, "supportd_queue_missed_total",
                                           "Offers whose deadline passed.", NULL, NULL);
    q->rounds_metric = sup_metrics_counter(opts->metrics, "supportd_queue_rounds_total",
                                           "Rounds of the router.", NULL, NULL);
    sup_err err = sup_timer_create(opts->loop, on_timer, q, &q->timer);
    if (err) {
        sup_free(q);
        return err;
    }
    sup_signal_add(sup_bus_gaps(opts->bus), &q->on_gap);
    kick_expire(q);
    *ret_queue = q;
    return SUP_OK;
}

void sup_queue_destroy(struct sup_queue *queue)
{
    if (!queue)
        return;
    sup_listener_remove(&queue->on_gap);
    sup_timer_destroy(queue->timer);
    sup_free(queue);
}

void sup_queue_stop(struct sup_queue *queue)
{
    queue->stopped = true;
    sup_timer_stop(queue->timer);
}

struct sup_signal *sup_queue_events(struct sup_queue *queue)
{
    return &queue->events;
}
