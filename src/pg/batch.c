/* Batches: chosen from the queue, sent, and brought to an end whatever their members do.
 *
 *   queue --form--> sent --sync, all good--> delivered
 *                    |  \--sync, a failure--> redo --run again--> sent ...
 *                    \--connection lost--> queue (READ, RETRY) or SUP_E_CLOSED */
#include <stdlib.h>
#include <string.h>

#include "pg_internal.h"
#include "supportd/base/mem.h"

enum {
    SCAN_MAX = 2048,            /* queue entries looked at for one batch */
    DEADLOCKS_BEFORE_ALONE = 4, /* repeated as it is so often, then one by one */
    DEADLOCKS_MAX = 12,
};

/* ---- choosing ---- */

static int in_lock_order(const void *a, const void *b)
{
    const struct sup_pg_req *x = *(struct sup_pg_req *const *)a;
    const struct sup_pg_req *y = *(struct sup_pg_req *const *)b;
    static const struct sup_id none;
    if (x->stmt->rank != y->stmt->rank)
        return x->stmt->rank < y->stmt->rank ? -1 : 1;
    const struct sup_id *kx = x->key ? &x->key->id : &none, *ky = y->key ? &y->key->id : &none;
    int order = memcmp(kx->bytes, ky->bytes, sizeof(kx->bytes));
    if (order)
        return order;
    return x->seq < y->seq ? -1 : 1;
}

/* May req join batch without overtaking another of its key, now or by the sort? */
static bool may_join(const struct sup_pg_req *req, const struct pg_batch *batch, uint64_t scan)
{
    if ((req->stmt->flags & SUP_PG_ALONE) && batch->count > 0)
        return false;
    const struct pg_key *key = req->key;
    if (!key)
        return true;
    if (key->skipped == scan || (key->owner && key->owner != batch))
        return false;
    return key->owner != batch || key->rank <= req->stmt->rank;
}

static void join(struct sup_pg_req *req, struct pg_batch *batch)
{
    sup_list_remove(&req->link);
    req->batch = batch;
    batch->reqs[batch->count++] = req;
    if (!req->key)
        return;
    req->key->owner = batch;
    req->key->in_batch++;
    req->key->rank = req->stmt->rank;
}

static void form(struct sup_pg_pool *pool, struct pg_batch *batch)
{
    uint64_t scan = ++pool->scan;
    unsigned looked = 0;
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &pool->queue)
    {
        struct sup_pg_req *req = SUP_CONTAINER_OF(pos, struct sup_pg_req, link);
        if (batch->count == PG_BATCH_MAX || ++looked > SCAN_MAX)
            break;
        if (may_join(req, batch, scan)) {
            join(req, batch);
            if (req->stmt->flags & SUP_PG_ALONE)
                break;
        } else if (req->key) {
            req->key->skipped = scan;
        }
    }
    qsort(batch->reqs, batch->count, sizeof(batch->reqs[0]), in_lock_order);
}

/* ---- sending ---- */

static bool util(struct pg_batch *b, const char *sql, enum pg_step step)
{
    b->steps[b->step_count++] = (uint8_t)step;
    return PQsendQueryParams(b->conn->link.conn, sql, 0, NULL, NULL, NULL, NULL, 0) == 1;
}

static bool request(struct pg_batch *b, const struct sup_pg_req *req)
{
    b->steps[b->step_count++] = PG_STEP_REQ;
    return PQsendQueryPrepared(b->conn->link.conn, req->stmt->name, (int)req->stmt->nparams,
                               req->values, NULL, NULL, 0) == 1;
}

static bool sync(struct pg_batch *b)
{
    b->steps[b->step_count++] = PG_STEP_SYNC;
    return PQpipelineSync(b->conn->link.conn) == 1;
}

/* A sync inside BEGIN does not commit, but ends the skipping after an error; ROLLBACK TO is legal
 * in the failed state and does nothing after a good segment. */
static bool send_segments(struct pg_batch *b)
{
    bool sent = util(b, "begin", PG_STEP_UTIL) && util(b, "savepoint s", PG_STEP_UTIL);
    for (unsigned i = 0; i < b->n && sent; i++)
        sent = util(b, "rollback to s", PG_STEP_UTIL) && request(b, b->reqs[b->first + i]) &&
               util(b, "release s", PG_STEP_UTIL) && util(b, "savepoint s", PG_STEP_UTIL) &&
               sync(b);
    return sent;
}

static bool send_plain(struct pg_batch *b)
{
    bool sent = true;
    for (unsigned i = 0; i < b->n && sent; i++)
        sent = request(b, b->reqs[b->first + i]);
    return sent && sync(b);
}

static bool send_closing(struct pg_batch *b)
{
    bool good = !b->again && !b->util_failed;
    if (!good)
        return util(b, "rollback", PG_STEP_UTIL) && sync(b);
    return util(b, "rollback to s", PG_STEP_UTIL) && util(b, "commit", PG_STEP_COMMIT) && sync(b);
}

static void reset_run(struct pg_batch *b)
{
    b->step = b->step_count = 0;
    b->next_req = b->first;
    b->failed = b->util_failed = b->again = b->replan = b->closing = false;
}

/* False: the connection broke; the batch is then already taken apart. */
static bool batch_send(struct pg_conn *conn, struct pg_batch *b)
{
    static const unsigned window[] = {[PG_BATCH_PLAIN] = PG_BATCH_MAX,
                                      [PG_BATCH_SEGMENTS] = PG_SEGMENT_MAX,
                                      [PG_BATCH_ALONE] = 1};
    unsigned left = b->count - b->first;
    b->n = left < window[b->mode] ? left : window[b->mode];
    reset_run(b);
    sup_list_append(&conn->sent, &b->link);
    conn->sent_count++;
    conn->in_block = b->mode == PG_BATCH_SEGMENTS;
    sup_metric_observe(conn->pool->metrics.batch, (double)b->n);
    if (!sup_timer_armed(conn->stall))
        sup_timer_start(conn->stall, conn->pool->opts.stall_us);
    if (b->mode == PG_BATCH_SEGMENTS ? send_segments(b) : send_plain(b))
        return pg_link_flush(&conn->link);
    pg_link_drop(&conn->link, "unreachable");
    return false;
}

static struct pg_conn *free_conn(struct sup_pg_pool *pool)
{
    struct pg_conn *best = NULL;
    for (unsigned i = 0; i < pool->opts.connections; i++) {
        struct pg_conn *c = &pool->conns[i];
        if (pg_conn_usable(c) && !c->draining && !c->in_block && sup_list_empty(&c->redo) &&
            c->sent_count < PG_SYNCS_MAX && (!best || c->sent_count < best->sent_count))
            best = c;
    }
    return best;
}

void pg_batch_flush(struct sup_pg_pool *pool)
{
    struct pg_conn *conn;
    while (!sup_list_empty(&pool->queue) && (conn = free_conn(pool)) != NULL) {
        struct pg_batch *b = sup_calloc(1, sizeof(*b));
        if (!b) {
            sup_timer_start(pool->flush, 10000);
            return;
        }
        b->conn = conn;
        form(pool, b);
        if (b->count == 0) {
            sup_free(b);
            return;
        }
        (void)batch_send(conn, b);
    }
}

void pg_batch_redo(struct pg_conn *conn)
{
    if (!pg_conn_usable(conn) || !sup_list_empty(&conn->sent) || sup_list_empty(&conn->redo))
        return;
    struct pg_batch *b = SUP_CONTAINER_OF(conn->redo.next, struct pg_batch, link);
    sup_list_remove(&b->link);
    (void)batch_send(conn, b);
}

/* ---- answers ---- */

static void note_error(struct pg_batch *b, const PGresult *res)
{
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *function = PQresultErrorField(res, PG_DIAG_SOURCE_FUNCTION);
    b->failed = true;
    if (!state)
        return;
    if (strcmp(state, "40P01") == 0 || strcmp(state, "40001") == 0)
        b->again = true;
    /* The statement is unknown, its plan's row type has changed, or the server became read-only. */
    if (strcmp(state, "26000") == 0 || strcmp(state, "25006") == 0 ||
        (function && strcmp(function, "RevalidateCachedQuery") == 0))
        b->replan = true;
}

static void take_request(struct pg_batch *b, PGresult *res)
{
    struct sup_pg_req *req = b->reqs[b->next_req++];
    ExecStatusType status = PQresultStatus(res);
    PQclear(req->result);
    req->result = NULL;
    if (status == PGRES_PIPELINE_ABORTED) {
        PQclear(res);
        return;
    }
    req->result = res;
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
        note_error(b, res);
}

static void take_util(struct pg_batch *b, enum pg_step step, PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_FATAL_ERROR) {
        note_error(b, res);
        b->util_failed = true;
    }
    /* COMMIT in a failed transaction succeeds with the tag ROLLBACK. */
    if (step == PG_STEP_COMMIT &&
        (status != PGRES_COMMAND_OK || strcmp(PQcmdStatus(res), "COMMIT") != 0))
        b->util_failed = true;
    PQclear(res);
}

/* The implicit commit failed (deferred constraint); the sync itself still follows. With one request
 * the error is its own. */
static void take_commit_error(struct pg_batch *b, PGresult *res)
{
    note_error(b, res);
    b->util_failed = true;
    if (b->n == 1) {
        PQclear(b->reqs[b->first]->result);
        b->reqs[b->first]->result = res;
    } else {
        PQclear(res);
    }
}

static bool req_succeeded(const struct sup_pg_req *req)
{
    ExecStatusType status = PQresultStatus(req->result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* The window's transaction is over and its outcome known: everybody hears of it. */
static void deliver(struct pg_batch *b)
{
    unsigned end = b->first + b->n;
    while (b->first < end) {
        struct sup_pg_req *req = b->reqs[b->first++];
        if (req_succeeded(req))
            pg_req_finish(req, SUP_OK);
        else if (req->result)
            pg_req_finish_failed(req);
        else
            pg_req_finish(req, SUP_E_DB);
    }
}

/* Nobody waits for these any more, and their transaction was rolled back. */
static void drop_unwanted(struct pg_batch *b)
{
    unsigned kept = b->first;
    for (unsigned i = b->first; i < b->count; i++) {
        if (b->reqs[i]->cb)
            b->reqs[kept++] = b->reqs[i];
        else
            pg_req_free(b->reqs[i]);
    }
    b->count = kept;
}

/* The rest of the batch will run (again); frees it when nothing is left. */
static void run_again(struct pg_conn *conn, struct pg_batch *b)
{
    drop_unwanted(b);
    if (b->first == b->count)
        sup_free(b);
    else
        sup_list_append(&conn->redo, &b->link);
}

static void requeue_all(struct pg_batch *b)
{
    for (; b->first < b->count; b->first++) {
        struct sup_pg_req *req = b->reqs[b->first];
        req->replanned = true;
        if (req->cb)
            pg_req_requeue(req);
        else
            pg_req_free(req);
    }
    sup_free(b);
}

static bool may_replan(const struct pg_batch *b)
{
    for (unsigned i = b->first; i < b->count; i++)
        if (b->reqs[i]->replanned)
            return false;
    return true;
}

/* What to do after a transaction in which something failed. It has been rolled back, but for
 * SEGMENTS whose commit went through. */
static void after_failure(struct pg_conn *conn, struct pg_batch *b)
{
    struct pg_pool_metrics *m = &conn->pool->metrics;
    if (b->replan && may_replan(b)) {
        conn->draining = true;
        requeue_all(b);
        return;
    }
    if (b->again && ++b->attempts <= DEADLOCKS_MAX) {
        sup_metric_add(m->deadlocks, 1);
        if (b->attempts >= DEADLOCKS_BEFORE_ALONE)
            b->mode = PG_BATCH_ALONE;
        run_again(conn, b);
        return;
    }
    if (b->mode == PG_BATCH_ALONE || (b->mode == PG_BATCH_PLAIN && b->count == 1)) {
        b->attempts = 0;
        deliver(b);
    } else {
        sup_metric_add(m->poisoned, (double)b->n);
        /* A failure that no single request owns (the commit itself): one by one. */
        b->mode = b->mode == PG_BATCH_PLAIN && !b->util_failed ? PG_BATCH_SEGMENTS : PG_BATCH_ALONE;
    }
    run_again(conn, b);
}

static void transaction_over(struct pg_conn *conn, struct pg_batch *b)
{
    sup_list_remove(&b->link);
    conn->sent_count--;
    conn->in_block = false;
    if (sup_list_empty(&conn->sent))
        sup_timer_stop(conn->stall);
    else
        sup_timer_start(conn->stall, conn->pool->opts.stall_us);
    bool committed = b->mode == PG_BATCH_SEGMENTS ? !b->again && !b->util_failed : !b->failed;
    if (committed) {
        deliver(b);
        run_again(conn, b);
    } else {
        after_failure(conn, b);
    }
    pg_pool_flush_soon(conn->pool);
}

static bool take_sync(struct pg_conn *conn, struct pg_batch *b)
{
    if (b->step < b->step_count)
        return true;
    if (b->mode != PG_BATCH_SEGMENTS || b->closing) {
        transaction_over(conn, b);
        return true;
    }
    b->closing = true;
    b->step = b->step_count = 0;
    return send_closing(b) && pg_link_flush(&conn->link);
}

bool pg_batch_take(struct pg_conn *conn, PGresult *res)
{
    struct pg_batch *b = SUP_CONTAINER_OF(conn->sent.next, struct pg_batch, link);
    ExecStatusType status = PQresultStatus(res);
    enum pg_step step = (enum pg_step)b->steps[b->step];
    bool is_sync = status == PGRES_PIPELINE_SYNC;
    if (step == PG_STEP_SYNC && status == PGRES_FATAL_ERROR) {
        take_commit_error(b, res);
        return true;
    }
    if (is_sync != (step == PG_STEP_SYNC)) {
        PQclear(res);
        return false;
    }
    b->step++;
    if (step == PG_STEP_REQ)
        take_request(b, res);
    else if (step != PG_STEP_SYNC)
        take_util(b, step, res);
    else
        PQclear(res);
    return step == PG_STEP_SYNC ? take_sync(conn, b) : true;
}

/* ---- the end of a connection ---- */

static void scatter(struct pg_conn *conn, struct pg_batch *b, bool unknown)
{
    sup_list_remove(&b->link);
    for (; b->first < b->count; b->first++) {
        struct sup_pg_req *req = b->reqs[b->first];
        bool repeatable = !unknown || (req->stmt->flags & (SUP_PG_READ | SUP_PG_RETRY));
        if (!req->cb) {
            pg_req_free(req);
        } else if (repeatable) {
            sup_metric_add(conn->pool->metrics.lost, 1);
            pg_req_requeue(req);
        } else {
            pg_req_finish(req, SUP_E_CLOSED);
        }
    }
    sup_free(b);
}

void pg_batch_lost(struct pg_conn *conn)
{
    conn->sent_count = 0;
    conn->in_block = false;
    while (!sup_list_empty(&conn->sent))
        scatter(conn, SUP_CONTAINER_OF(conn->sent.next, struct pg_batch, link), true);
    while (!sup_list_empty(&conn->redo))
        scatter(conn, SUP_CONTAINER_OF(conn->redo.next, struct pg_batch, link), false);
}

static void free_list(struct sup_link *list)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, list)
    {
        struct pg_batch *b = SUP_CONTAINER_OF(pos, struct pg_batch, link);
        for (; b->first < b->count; b->first++)
            pg_req_free(b->reqs[b->first]);
        sup_free(b);
    }
    sup_list_init(list);
}

void pg_batch_free_all(struct pg_conn *conn)
{
    free_list(&conn->sent);
    free_list(&conn->redo);
}
