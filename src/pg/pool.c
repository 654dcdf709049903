#include "supportd/pg/pool.h"

#include <string.h>

#include "pg_internal.h"
#include "supportd/base/mem.h"

enum {
    CONNECTIONS_DEFAULT = 3,
    CONNECTIONS_MAX = 16,
    QUEUE_DEFAULT = 8192,
    STATEMENT_TIMEOUT_DEFAULT_MS = 4000,
    STMT_NAME_MAX = 62, /* NAMEDATALEN - 1, less one */
};
static const uint64_t TIMEOUT_DEFAULT_US = 10000000;
static const uint64_t CONNECT_TIMEOUT_DEFAULT_US = 5000000;
static const uint64_t STALL_DEFAULT_US = 20000000;

size_t pg_pool_stmt_count(const struct sup_pg_pool *pool)
{
    size_t n = 0;
    for (size_t i = 0; pool->opts.tables[i]; i++)
        n += pool->opts.tables[i]->count;
    return n;
}

const struct sup_pg_stmt *pg_pool_stmt(const struct sup_pg_pool *pool, size_t n)
{
    for (size_t i = 0; pool->opts.tables[i]; i++) {
        if (n < pool->opts.tables[i]->count)
            return &pool->opts.tables[i]->stmts[n];
        n -= pool->opts.tables[i]->count;
    }
    return NULL;
}

static sup_err check_tables(const struct sup_pg_stmt_table *const *tables)
{
    struct sup_map *names;
    sup_err err = tables ? sup_map_create(&names) : SUP_E_INVAL;
    if (err)
        return err;
    for (size_t i = 0; tables[i] && !err; i++)
        for (size_t k = 0; k < tables[i]->count && !err; k++) {
            const struct sup_pg_stmt *s = &tables[i]->stmts[k];
            size_t len = s->name ? strlen(s->name) : 0;
            if (len == 0 || len > STMT_NAME_MAX || !s->sql || s->nparams > SUP_PG_MAX_PARAMS ||
                (unsigned)s->rank > SUP_PG_RANK_REST || sup_map_get(names, s->name, len))
                err = SUP_E_INVAL;
            else
                err = sup_map_set(names, s->name, len, (void *)(uintptr_t)s);
        }
    sup_map_destroy(names);
    return err;
}

static sup_err check_opts(const struct sup_pg_pool_opts *opts)
{
    if (!pg_conninfo_valid(opts->conninfo) || opts->connections > CONNECTIONS_MAX)
        return SUP_E_INVAL;
    return check_tables(opts->tables);
}

static void fill_defaults(struct sup_pg_pool_opts *o)
{
    o->name = o->name ? o->name : "main";
    o->connections = o->connections ? o->connections : CONNECTIONS_DEFAULT;
    o->queue_limit = o->queue_limit ? o->queue_limit : QUEUE_DEFAULT;
    o->timeout_us = o->timeout_us ? o->timeout_us : TIMEOUT_DEFAULT_US;
    o->statement_timeout_ms =
        o->statement_timeout_ms ? o->statement_timeout_ms : STATEMENT_TIMEOUT_DEFAULT_MS;
    o->connect_timeout_us =
        o->connect_timeout_us ? o->connect_timeout_us : CONNECT_TIMEOUT_DEFAULT_US;
    o->stall_us = o->stall_us ? o->stall_us : STALL_DEFAULT_US;
}

static void make_metrics(struct pg_pool_metrics *m, struct sup_metrics *registry, const char *name)
{
    static const double sizes[] = {1, 2, 4, 8, 16, 32, 64, 128};
    static const double seconds[] = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05,
                                     0.1,    0.2,   0.5,   1,     2,    5,    10};
    static const char retries[] = "supportd_pg_retries_total";
    static const char retries_help[] = "Requests sent again, by reason";
    m->queue = sup_metrics_gauge(registry, "supportd_pg_requests", "Requests waiting or under way",
                                 "pool", name);
    m->batch = sup_metrics_histogram(registry, "supportd_pg_batch_size", "Requests per sync", sizes,
                                     sizeof(sizes) / sizeof(sizes[0]));
    m->seconds = sup_metrics_histogram(registry, "supportd_pg_request_seconds",
                                       "From the call to the answer after the commit", seconds,
                                       sizeof(seconds) / sizeof(seconds[0]));
    m->poisoned = sup_metrics_counter(registry, retries, retries_help, "reason", "neighbour");
    m->deadlocks = sup_metrics_counter(registry, "supportd_pg_deadlocks_total",
                                       "Batches ended by 40P01 or 40001", "pool", name);
    m->lost = sup_metrics_counter(registry, retries, retries_help, "reason", "lost");
    m->reconnects = sup_metrics_counter(registry, "supportd_pg_connections_lost_total",
                                        "Connections lost or refused", "pool", name);
    m->timeouts = sup_metrics_counter(registry, "supportd_pg_timeouts_total",
                                      "Requests that missed their deadline", "pool", name);
}

static void on_flush(void *arg)
{
    pg_batch_flush(arg);
}

void pg_pool_flush_soon(struct sup_pg_pool *pool)
{
    if (!sup_timer_armed(pool->flush))
        sup_timer_start(pool->flush, 0);
}

static sup_err create_parts(struct sup_pg_pool *pool)
{
    struct sup_loop *loop = pool->loop;
    pool->conninfo = sup_strdup(pool->opts.conninfo);
    pool->conns = sup_calloc(pool->opts.connections, sizeof(*pool->conns));
    if (!pool->conninfo || !pool->conns)
        return SUP_E_NOMEM;
    pool->opts.conninfo = pool->conninfo;
    sup_err err = sup_map_create(&pool->keys);
    if (!err)
        err = sup_timer_create(loop, on_flush, pool, &pool->flush);
    if (!err)
        err = sup_timer_create(loop, pg_req_on_deadline, pool, &pool->deadline);
    for (unsigned i = 0; i < pool->opts.connections && !err; i++)
        err = pg_conn_init(&pool->conns[i], pool);
    return err;
}

sup_err sup_pg_pool_create(struct sup_loop *loop, const struct sup_pg_pool_opts *opts,
                           struct sup_pg_pool **ret_pool)
{
    sup_err err = check_opts(opts);
    if (err)
        return err;
    struct sup_pg_pool *pool = sup_calloc(1, sizeof(*pool));
    if (!pool)
        return SUP_E_NOMEM;
    pool->loop = loop;
    pool->opts = *opts;
    pool->was_reason = "connecting";
    fill_defaults(&pool->opts);
    sup_signal_init(&pool->changed);
    sup_list_init(&pool->queue);
    sup_list_init(&pool->deadlines);
    make_metrics(&pool->metrics, opts->metrics, pool->opts.name);
    err = create_parts(pool);
    if (err) {
        sup_pg_pool_destroy(pool);
        return err;
    }
    *ret_pool = pool;
    return SUP_OK;
}

void sup_pg_pool_destroy(struct sup_pg_pool *pool)
{
    if (!pool)
        return;
    for (unsigned i = 0; pool->conns && i < pool->opts.connections; i++)
        pg_conn_fini(&pool->conns[i]);
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &pool->queue)
    {
        pg_req_free(SUP_CONTAINER_OF(pos, struct sup_pg_req, link));
    }
    sup_timer_destroy(pool->flush);
    sup_timer_destroy(pool->deadline);
    sup_map_destroy(pool->keys);
    sup_free(pool->conns);
    sup_free_secret(pool->conninfo);
    sup_free(pool);
}

void sup_pg_pool_close(struct sup_pg_pool *pool)
{
    pool->closed = true;
}

void sup_pg_pool_abort(struct sup_pg_pool *pool)
{
    pool->closed = true;
    for (unsigned i = 0; i < pool->opts.connections; i++)
        pg_conn_abort(&pool->conns[i]);
    while (!sup_list_empty(&pool->queue))
        pg_req_finish(SUP_CONTAINER_OF(pool->queue.next, struct sup_pg_req, link), SUP_E_CLOSED);
}

size_t sup_pg_pool_pending(const struct sup_pg_pool *pool)
{
    return pool->live;
}

bool sup_pg_pool_ready(const struct sup_pg_pool *pool, const char **ret_reason)
{
    const char *why = pool->conns[0].why;
    for (unsigned i = 0; i < pool->opts.connections; i++)
        if (pg_conn_usable(&pool->conns[i]))
            why = NULL;
    if (ret_reason)
        *ret_reason = why ? why : "";
    return why == NULL;
}

const char *sup_pg_pool_detail(const struct sup_pg_pool *pool)
{
    return sup_pg_pool_ready(pool, NULL) ? "" : pool->conns[0].detail;
}

struct sup_signal *sup_pg_pool_changed(struct sup_pg_pool *pool)
{
    return &pool->changed;
}

void pg_pool_state_changed(struct sup_pg_pool *pool)
{
    const char *reason;
    bool ready = sup_pg_pool_ready(pool, &reason);
    bool same = ready == pool->was_ready && strcmp(reason, pool->was_reason) == 0;
    pool->was_ready = ready;
    pool->was_reason = reason;
    if (!same)
        sup_signal_emit(&pool->changed, NULL);
}
