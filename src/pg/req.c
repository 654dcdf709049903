/* One request from sup_pg_exec() to its callback. */
#include <string.h>

#include "pg_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"

static sup_err key_ref(struct sup_pg_pool *pool, struct sup_id id, struct pg_key **ret_key)
{
    struct pg_key *key = sup_map_get(pool->keys, id.bytes, sizeof(id.bytes));
    if (!key) {
        key = sup_calloc(1, sizeof(*key));
        if (!key)
            return SUP_E_NOMEM;
        key->id = id;
        sup_err err = sup_map_set(pool->keys, id.bytes, sizeof(id.bytes), key);
        if (err) {
            sup_free(key);
            return err;
        }
    }
    key->refs++;
    *ret_key = key;
    return SUP_OK;
}

static void key_unref(struct sup_pg_pool *pool, struct pg_key *key)
{
    if (!key || --key->refs > 0)
        return;
    (void)sup_map_remove(pool->keys, key->id.bytes, sizeof(key->id.bytes));
    sup_free(key);
}

static bool registered(const struct sup_pg_pool *pool, const struct sup_pg_stmt *stmt)
{
    for (size_t i = 0; pool->opts.tables[i]; i++) {
        const struct sup_pg_stmt_table *table = pool->opts.tables[i];
        if (stmt >= table->stmts && stmt < table->stmts + table->count)
            return true;
    }
    return false;
}

static sup_err check_exec(const struct sup_pg_pool *pool, const struct sup_pg_stmt *stmt,
                          const struct sup_pg_params *params)
{
    unsigned given = params ? params->count : 0;
    if (pool->closed)
        return SUP_E_CLOSED;
    if (params && params->err)
        return params->err;
    if (!registered(pool, stmt) || given != stmt->nparams)
        return SUP_E_INVAL;
    return pool->live >= pool->opts.queue_limit ? SUP_E_LIMIT : SUP_OK;
}

static struct sup_pg_req *req_new(const struct sup_pg_params *params)
{
    unsigned n = params ? params->count : 0;
    size_t len = params ? params->data.len : 0;
    struct sup_pg_req *req = sup_calloc(1, sizeof(*req) + n * sizeof(req->values[0]) + len + 1);
    if (!req)
        return NULL;
    req->data = (char *)&req->values[n];
    req->data_len = len;
    if (len)
        memcpy(req->data, params->data.data, len);
    for (unsigned i = 0; i < n; i++)
        if (params->offset[i] != SUP_PG_NULL)
            req->values[i] = req->data + params->offset[i];
    return req;
}

/* Nearly all have the pool's timeout, so the place is nearly always the last. */
static void insert_deadline(struct sup_pg_pool *pool, struct sup_pg_req *req)
{
    struct sup_link *pos = pool->deadlines.prev;
    while (pos != &pool->deadlines &&
           SUP_CONTAINER_OF(pos, struct sup_pg_req, by_deadline)->deadline_us > req->deadline_us)
        pos = pos->prev;
    sup_list_prepend(pos, &req->by_deadline);
    if (pool->deadlines.next == &req->by_deadline)
        sup_timer_start(pool->deadline, req->deadline_us - req->start_us);
}

sup_err sup_pg_exec(struct sup_pg_pool *pool, const struct sup_pg_stmt *stmt,
                    const struct sup_pg_params *params, const struct sup_pg_exec_opts *opts,
                    sup_pg_cb cb, void *arg, struct sup_pg_req **ret_req)
{
    sup_err err = check_exec(pool, stmt, params);
    if (err)
        return err;
    struct sup_pg_req *req = req_new(params);
    if (!req)
        return SUP_E_NOMEM;
    if (opts && !sup_id_is_zero(opts->key) && (err = key_ref(pool, opts->key, &req->key))) {
        sup_free(req);
        return err;
    }
    req->pool = pool;
    req->stmt = stmt;
    req->cb = cb;
    req->arg = arg;
    req->seq = ++pool->next_seq;
    req->start_us = sup_clock_mono_us();
    req->deadline_us =
        req->start_us + (opts && opts->timeout_us ? opts->timeout_us : pool->opts.timeout_us);
    sup_list_append(&pool->queue, &req->link);
    insert_deadline(pool, req);
    pool->live++;
    sup_metric_set(pool->metrics.queue, (double)pool->live);
    pg_pool_flush_soon(pool);
    if (ret_req)
        *ret_req = req;
    return SUP_OK;
}

void pg_req_leave_batch(struct sup_pg_req *req)
{
    if (req->batch && req->key && --req->key->in_batch == 0)
        req->key->owner = NULL;
    req->batch = NULL;
}

void pg_req_requeue(struct sup_pg_req *req)
{
    struct sup_pg_pool *pool = req->pool;
    PQclear(req->result);
    req->result = NULL;
    pg_req_leave_batch(req);
    struct sup_link *pos = pool->queue.next;
    while (pos != &pool->queue && SUP_CONTAINER_OF(pos, struct sup_pg_req, link)->seq < req->seq)
        pos = pos->next;
    sup_list_append(pos, &req->link);
}

void pg_req_free(struct sup_pg_req *req)
{
    struct sup_pg_pool *pool = req->pool;
    pg_req_leave_batch(req);
    sup_list_remove(&req->link);
    sup_list_remove(&req->by_deadline);
    key_unref(pool, req->key);
    PQclear(req->result);
    sup_wipe(req->data, req->data_len);
    sup_free(req);
    pool->live--;
    sup_metric_set(pool->metrics.queue, (double)pool->live);
}

static void call_back(struct sup_pg_req *req, const struct sup_pg_reply *reply)
{
    sup_pg_cb cb = req->cb;
    req->cb = NULL;
    if (!cb)
        return;
    sup_metric_observe(req->pool->metrics.seconds,
                       (double)(sup_clock_mono_us() - req->start_us) / 1e6);
    cb(reply, req->arg);
}

void pg_req_finish(struct sup_pg_req *req, sup_err err)
{
    struct sup_pg_result rows = {.pg = req->result};
    struct sup_pg_reply reply = {
        .err = err, .rows = err ? NULL : &rows, .sqlstate = "", .code = "", .constraint = ""};
    call_back(req, &reply);
    pg_req_free(req);
}

static const char *field(const PGresult *res, int code)
{
    const char *s = PQresultErrorField(res, code);
    return s ? s : "";
}

/* A bare word of our own; anything else may quote what the user wrote. */
static const char *error_code(const PGresult *res)
{
    const char *s = field(res, PG_DIAG_MESSAGE_PRIMARY);
    size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return s[len] == '\0' && len < 64 ? s : "";
}

void pg_req_finish_failed(struct sup_pg_req *req)
{
    struct sup_pg_reply reply = {.err = SUP_E_DB,
                                 .sqlstate = field(req->result, PG_DIAG_SQLSTATE),
                                 .code = error_code(req->result),
                                 .constraint = field(req->result, PG_DIAG_CONSTRAINT_NAME)};
    if (strcmp(reply.sqlstate, "57014") == 0)
        reply.err = SUP_E_TIMEOUT;
    call_back(req, &reply);
    pg_req_free(req);
}

void sup_pg_req_cancel(struct sup_pg_req *req)
{
    req->cb = NULL;
    if (!req->batch)
        pg_req_free(req);
}

void pg_req_on_deadline(void *arg)
{
    struct sup_pg_pool *pool = arg;
    uint64_t now = sup_clock_mono_us();
    while (!sup_list_empty(&pool->deadlines)) {
        struct sup_pg_req *req =
            SUP_CONTAINER_OF(pool->deadlines.next, struct sup_pg_req, by_deadline);
        if (req->deadline_us > now) {
            sup_timer_start(pool->deadline, req->deadline_us - now);
            return;
        }
        sup_metric_add(pool->metrics.timeouts, 1);
        sup_list_remove(&req->by_deadline);
        if (!req->batch) {
            pg_req_finish(req, SUP_E_TIMEOUT);
            continue;
        }
        /* Under way: its place in the batch stays until the answer comes. */
        struct sup_pg_reply reply = {
            .err = SUP_E_TIMEOUT, .sqlstate = "", .code = "", .constraint = ""};
        call_back(req, &reply);
    }
}
