#include <stdio.h>

#include "recording_internal.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/media/recorder_place.h"
#include "supportd/pg/row_json.h"

/* One round, all of it driven by the earliest deadline that a row states:
 *
 *   idle -> placing (once) -> asking what is due -> files (work queue) -> rows -> deadline -> idle
 *
 * The row goes first, so nobody can open what is going; it names the files until they are gone, so
 * whatever is killed in between, the next round finds them. */

enum {
    DUE_MAX = 50,              /* of one round; a full one is followed by another at once */
    RETRY_US = 5000000,        /* after a round that the database refused */
    SLEEP_MIN_US = 50000,      /* so that a deadline that does not go away cannot spin */
    SLEEP_MAX_US = 1800000000, /* the wall clock may be set meanwhile */
};

struct due {
    struct sup_id id;
    char path[64];
    sup_err err;
};

struct call_retention {
    struct sup_call *call;
    const char *dir;
    struct sup_timer *timer;
    struct sup_work *work;
    struct sup_listener on_gap;
    bool running, again;
    struct sup_id placed; /* process that the table knows the place of; a new one is told again */
    size_t count;
    unsigned waiting; /* rows on their way to the table */
    struct due due[DUE_MAX];
    struct sup_metric *deleted, *errors;
};

static void start_round(struct call_retention *r);

static void finish_round(struct call_retention *r, uint64_t sleep_us)
{
    r->running = false;
    if (r->again)
        start_round(r);
    else
        sup_timer_start(r->timer, sleep_us);
}

static void on_deadline(const struct sup_pg_reply *reply, void *arg)
{
    int64_t sleep_us = RETRY_US;
    if (!reply->err && sup_pg_rows(reply->rows) == 1) {
        int deadline = sup_pg_col(reply->rows, "deadline");
        sleep_us = SLEEP_MAX_US;
        if (!sup_pg_is_null(reply->rows, 0, deadline)) {
            int64_t left = sup_pg_time(reply->rows, 0, deadline) -
                           sup_pg_time(reply->rows, 0, sup_pg_col(reply->rows, "now"));
            sleep_us = left < sleep_us ? left : sleep_us;
        }
    }
    finish_round(arg, (uint64_t)(sleep_us < SLEEP_MIN_US ? SLEEP_MIN_US : sleep_us));
}

static void ask_deadline(struct call_retention *r)
{
    if (retention_store_next(r->call->opts.pool, r->call->opts.recording_place, on_deadline, r))
        finish_round(r, RETRY_US);
}

static void rows_done(struct call_retention *r)
{
    r->again |= r->count == DUE_MAX;
    if (r->again)
        finish_round(r, 0);
    else
        ask_deadline(r);
}

static void on_erased(const struct sup_pg_reply *reply, void *arg)
{
    struct call_retention *r = arg;
    if (reply->err)
        sup_log_warn("call", "deletion of a recording not stored",
                     SUP_STR("error", sup_err_name(reply->err)));
    else
        sup_metric_add(r->deleted, 1);
    if (--r->waiting == 0)
        rows_done(r);
}

static void files_work(void *arg)
{
    struct call_retention *r = arg;
    for (size_t i = 0; i < r->count; i++)
        r->due[i].err = sup_rec_erase(r->dir, r->due[i].path);
}

static void files_done(void *arg)
{
    struct call_retention *r = arg;
    r->work = NULL;
    r->waiting = 1;
    for (size_t i = 0; i < r->count; i++) {
        const struct due *d = &r->due[i];
        if (d->err) {
            sup_metric_add(r->errors, 1);
            sup_log_error("call", "files of a recording not removed",
                          SUP_STR("recording", sup_id_text(d->id).s),
                          SUP_STR("error", sup_err_name(d->err)));
        } else if (retention_store_erased(r->call->opts.pool, d->id, on_erased, r) == SUP_OK) {
            r->waiting++;
        }
    }
    if (--r->waiting == 0)
        rows_done(r);
}

static void files_dropped(void *arg)
{
    sup_free(arg);
}

static void on_due(const struct sup_pg_reply *reply, void *arg)
{
    struct call_retention *r = arg;
    if (reply->err) {
        sup_log_warn("call", "recordings that are due not asked for",
                     SUP_STR("error", sup_err_name(reply->err)),
                     SUP_STR("sqlstate", reply->sqlstate));
        finish_round(r, RETRY_US);
        return;
    }
    r->count = 0;
    for (int row = 0; row < sup_pg_rows(reply->rows) && r->count < DUE_MAX; row++) {
        struct due *d = &r->due[r->count++];
        d->id = sup_row_id(reply->rows, row, "recording_id");
        (void)snprintf(d->path, sizeof(d->path), "%s", sup_row_str(reply->rows, row, "path"));
    }
    if (r->count == 0)
        ask_deadline(r);
    else if (sup_work_start(r->call->opts.loop, files_work, files_done, files_dropped, r, &r->work))
        finish_round(r, RETRY_US); /* their rows are due again by then, or soon after */
}

static void ask_due(struct call_retention *r)
{
    if (retention_store_due(r->call->opts.pool, r->call->opts.recording_place, DUE_MAX, on_due, r))
        finish_round(r, RETRY_US);
}

static void on_placed(const struct sup_pg_reply *reply, void *arg)
{
    struct call_retention *r = arg;
    if (reply->err) {
        r->placed = (struct sup_id){{0}};
        finish_round(r, RETRY_US);
        return;
    }
    ask_due(r);
}

static void start_round(struct call_retention *r)
{
    const struct sup_call_opts *opts = &r->call->opts;
    r->running = true;
    r->again = false;
    sup_timer_stop(r->timer);
    struct sup_id process = sup_bus_process(opts->bus);
    if (sup_id_equal(r->placed, process) || sup_id_is_zero(opts->recording_place)) {
        ask_due(r);
        return;
    }
    r->placed = process;
    if (retention_store_place(opts->pool, process, opts->recording_place, on_placed, r)) {
        r->placed = (struct sup_id){{0}};
        finish_round(r, RETRY_US);
    }
}

void call_retention_kick(struct sup_call *call)
{
    struct call_retention *r = call->retention;
    r->again = true;
    if (!r->running)
        start_round(r);
}

static void on_timer(void *arg)
{
    struct call_retention *r = arg;
    call_retention_kick(r->call);
}

static void on_bus_gap(struct sup_listener *listener, void *data)
{
    struct call_retention *r = SUP_CONTAINER_OF(listener, struct call_retention, on_gap);
    if (*(enum sup_bus_gap *)data != SUP_BUS_GAP_TICK)
        call_retention_kick(r->call);
}

sup_err call_retention_create(struct sup_call *call)
{
    struct call_retention *r = sup_calloc(1, sizeof(*r));
    if (!r)
        return SUP_E_NOMEM;
    r->call = call;
    r->dir = call->opts.recording_dir;
    r->deleted =
        sup_metrics_counter(call->opts.metrics, "supportd_recordings_deleted_total",
                            "Recordings whose files went when retention ended.", NULL, NULL);
    r->errors = sup_metrics_counter(call->opts.metrics, "supportd_recording_delete_errors_total",
                                    "Recordings whose files could not be removed.", NULL, NULL);
    sup_err err = sup_timer_create(call->opts.loop, on_timer, r, &r->timer);
    if (err) {
        sup_free(r);
        return err;
    }
    r->on_gap.notify = on_bus_gap;
    sup_signal_add(sup_bus_gaps(call->opts.bus), &r->on_gap);
    call->retention = r;
    call_retention_kick(call);
    return SUP_OK;
}

void call_retention_destroy(struct sup_call *call)
{
    struct call_retention *r = call->retention;
    call->retention = NULL;
    if (!r)
        return;
    sup_listener_remove(&r->on_gap);
    sup_timer_destroy(r->timer);
    if (r->work)
        sup_work_cancel(r->work); /* frees */
    else
        sup_free(r);
}
