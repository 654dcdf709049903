/* Schema pgtest and the statements of the pool's tests. */
#ifndef SUPPORTD_TESTS_POOL_SCHEMA_H
#define SUPPORTD_TESTS_POOL_SCHEMA_H
#include "db.h"

enum {
    PT_ECHO,
    PT_PUT,
    PT_PUT_ONCE,
    PT_APPEND,
    PT_FAIL,
    PT_SLEEP,
    PT_TOUCH,
    PT_TOUCH_TWO,
    PT_CROSS,
    PT_DEFER,
    PT_SHAPE,
    PT_COUNT,
};

static const struct sup_pg_stmt pt[] = {
    [PT_ECHO] = {"pt_echo",
                 "select $1::text, $2::bigint, $3::boolean, $4::uuid, $5::timestamptz, $6::jsonb,"
                 " $7::bytea, $8::text[], $9::uuid[], $10::bigint[], $11::text, $12::float8,"
                 " array_length($8::text[], 1), ($8::text[])[2]",
                 12, SUP_PG_RANK_REST, SUP_PG_READ},
    [PT_PUT] = {"pt_put", "select pgtest.put($1,$2)", 2, SUP_PG_RANK_REST, SUP_PG_RETRY},
    [PT_PUT_ONCE] = {"pt_put_once", "select pgtest.put($1,$2), pg_sleep(1)", 2, SUP_PG_RANK_REST,
                     0},
    [PT_APPEND] = {"pt_append", "select pgtest.append($1,$2)", 2, SUP_PG_RANK_CHAT, SUP_PG_RETRY},
    [PT_FAIL] = {"pt_fail", "select pgtest.fail($1)", 1, SUP_PG_RANK_REST, SUP_PG_RETRY},
    [PT_SLEEP] = {"pt_sleep", "select pg_sleep($1)", 1, SUP_PG_RANK_REST, SUP_PG_READ},
    [PT_TOUCH] = {"pt_touch", "select pgtest.touch($1)", 1, SUP_PG_RANK_CHAT, SUP_PG_RETRY},
    [PT_TOUCH_TWO] = {"pt_touch_two", "select pgtest.touch($1), pgtest.touch($2)", 2,
                      SUP_PG_RANK_CHAT, SUP_PG_RETRY | SUP_PG_ALONE},
    /* Wrongly registered on purpose: two locks, no ALONE. */
    [PT_CROSS] = {"pt_cross", "select pgtest.touch($1), pg_sleep(0.2), pgtest.touch($2)", 2,
                  SUP_PG_RANK_REST, SUP_PG_RETRY},
    [PT_DEFER] = {"pt_defer", "insert into pgtest.deferred values ($1)", 1, SUP_PG_RANK_REST,
                  SUP_PG_RETRY},
    [PT_SHAPE] = {"pt_shape", "select * from pgtest.shape", 0, SUP_PG_RANK_REST, SUP_PG_READ},
};
static const struct sup_pg_stmt_table pt_table = SUP_PG_TABLE(pt);
static const struct sup_pg_stmt_table *const pt_tables[] = {&pt_table, NULL};

static const char pt_schema[] =
    "create schema pgtest;"
    "grant usage on schema pgtest to supportd_app;"
    "create table pgtest.items (id uuid primary key, n bigint);"
    "create table pgtest.lists (id uuid primary key, last bigint not null default 0);"
    "create table pgtest.marks (id uuid primary key, n bigint not null default 0);"
    "create table pgtest.deferred (n bigint unique deferrable initially deferred);"
    "create table pgtest.shape (a int); insert into pgtest.shape values (1);"
    "create function pgtest.put(uuid, bigint) returns boolean language plpgsql as $$ begin"
    " insert into pgtest.items values ($1, $2) on conflict do nothing; return found; end $$;"
    /* Refuses anything but the next number: proof of order. A repeat is recognised. */
    "create function pgtest.append(p_id uuid, p_n bigint) returns bigint language plpgsql as $$"
    " declare v bigint; begin insert into pgtest.lists (id) values (p_id) on conflict do nothing;"
    " select last into v from pgtest.lists where id = p_id for update;"
    " if p_n <= v then return p_n; end if;"
    " if p_n <> v + 1 then raise exception using errcode = 'SD409', message = 'out_of_order';"
    " end if; update pgtest.lists set last = p_n where id = p_id; return p_n; end $$;"
    "create function pgtest.fail(p text) returns void language plpgsql as $$ begin"
    " if p = 'unique' then insert into pgtest.marks values"
    " ('00000000-0000-0000-0000-000000000001'), ('00000000-0000-0000-0000-000000000001');"
    " end if; raise exception using errcode = 'SD409', message = p; end $$;"
    "create function pgtest.touch(p uuid) returns bigint language plpgsql as $$ declare v bigint;"
    " begin raise warning 'to nobody''s screen'; insert into pgtest.marks (id) values (p) on "
    "conflict do nothing;"
    " update pgtest.marks set n = n + 1 where id = p returning n into v; return v; end $$;"
    "grant all on all tables in schema pgtest to supportd_app;";

static struct sup_loop *loop;
static struct sup_pg_pool *pool;
static struct sup_metrics *metrics;

/* What one request's callback saw. */
struct seen {
    int calls;
    sup_err err;
    char sqlstate[6];
    char code[64];
    char constraint[64];
    int64_t value;
};

static int answers; /* callbacks that ran, of all requests */

static void on_seen(const struct sup_pg_reply *reply, void *arg)
{
    struct seen *seen = arg;
    answers++;
    if (!seen)
        return;
    seen->calls++;
    seen->err = reply->err;
    (void)snprintf(seen->sqlstate, sizeof(seen->sqlstate), "%s", reply->sqlstate);
    (void)snprintf(seen->code, sizeof(seen->code), "%s", reply->code);
    (void)snprintf(seen->constraint, sizeof(seen->constraint), "%s", reply->constraint);
    if (!reply->err && sup_pg_rows(reply->rows) > 0)
        seen->value = sup_pg_bool(reply->rows, 0, 0);
}

/* One more request; args by type: i int64, d id, t text. */
static sup_err pt_exec(int stmt, const struct sup_pg_exec_opts *opts, struct seen *seen,
                       struct sup_pg_req **ret_req, const char *types, ...)
{
    struct sup_pg_params p = {0};
    va_list args;
    va_start(args, types);
    for (; *types; types++) {
        if (*types == 'i')
            sup_pg_add_int(&p, va_arg(args, int64_t));
        else if (*types == 'd')
            sup_pg_add_id(&p, va_arg(args, struct sup_id));
        else if (*types == 'n')
            sup_pg_add_num(&p, va_arg(args, double));
        else
            sup_pg_add_text(&p, va_arg(args, const char *));
    }
    va_end(args);
    sup_err err = sup_pg_exec(pool, &pt[stmt], &p, opts, on_seen, seen, ret_req);
    sup_pg_params_fini(&p);
    return err;
}

static void pool_open(const struct sup_pg_pool_opts *given)
{
    struct sup_pg_pool_opts opts = given ? *given : (struct sup_pg_pool_opts){0};
    if (!opts.conninfo)
        opts.conninfo = db_env("SUP_TEST_DATABASE_URL");
    opts.tables = pt_tables;
    opts.metrics = metrics;
    ck_assert_int_eq(sup_pg_pool_create(loop, &opts, &pool), SUP_OK);
}

static void pool_reopen(const struct sup_pg_pool_opts *opts)
{
    sup_pg_pool_destroy(pool);
    pool_open(opts);
}

static void wait_ready(void)
{
    uint64_t end = sup_clock_mono_us() + 10000000;
    const char *reason;
    while (!sup_pg_pool_ready(pool, &reason)) {
        sup_loop_step(loop, 50);
        ck_assert_msg(sup_clock_mono_us() < end, "%s: %s", reason, sup_pg_pool_detail(pool));
    }
}

static void pt_setup(void)
{
    db_drop("pgtest");
    (void)db_admin_do(pt_schema);
    answers = 0;
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    ck_assert_int_eq(sup_metrics_create(&metrics), SUP_OK);
    pool_open(NULL);
}

static void pt_teardown(void)
{
    sup_pg_pool_destroy(pool);
    sup_metrics_destroy(metrics);
    ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
}

/* Waits until the queue is half empty. */
static inline void pt_make_room(void)
{
    while (sup_pg_pool_pending(pool) > 4000)
        sup_loop_step(loop, 20);
}

static inline double pt_counter(const char *name)
{
    return sup_metric_value(sup_metrics_counter(metrics, name, "", "pool", "main"));
}
#endif
