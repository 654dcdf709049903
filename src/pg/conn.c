/* A pooled connection: session set-up, then answers handed to its batches. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg_internal.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"

enum { SERVER_VERSION_MIN = 150000, SETUP_CHECK = 0, SETUP_SESSION = 1, SETUP_PREPARE = 2 };

static const char CHECK_SQL[] =
    "select current_setting('fsync'), current_setting('full_page_writes'),"
    " current_setting('synchronous_commit'), pg_catalog.pg_is_in_recovery()::text,"
    " coalesce((select rolsuper or rolbypassrls from pg_catalog.pg_roles"
    " where rolname = current_user), true)::text";

/* Lock waits end before the statement does, and both before the request's own deadline, so that one
 * stuck row does not use up the time of the batch it is in. */
static const char SESSION_SQL[] =
    "select set_config('TimeZone', 'UTC', false), set_config('DateStyle', 'ISO', false),"
    " set_config('bytea_output', 'hex', false), set_config('extra_float_digits', '1', false),"
    " set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),"
    " set_config('idle_in_transaction_session_timeout', '15s', false),"
    " set_config('synchronous_commit', coalesce($3, current_setting('synchronous_commit')), false)";

bool pg_conn_usable(const struct pg_conn *conn)
{
    return conn->link.state == PG_LINK_UP;
}

/* False: the session could not even be asked. */
static bool send_setup(struct pg_conn *conn)
{
    PGconn *pg = conn->link.conn;
    const struct sup_pg_pool *pool = conn->pool;
    char statement_ms[16], lock_ms[16];
    (void)snprintf(statement_ms, sizeof(statement_ms), "%u", pool->opts.statement_timeout_ms);
    (void)snprintf(lock_ms, sizeof(lock_ms), "%u", pool->opts.statement_timeout_ms / 4 * 3);
    const char *values[] = {statement_ms, lock_ms, pool->opts.async_commit ? "off" : NULL};
    bool sent = PQenterPipelineMode(pg) &&
                PQsendQueryParams(pg, CHECK_SQL, 0, NULL, NULL, NULL, NULL, 0) &&
                PQsendQueryParams(pg, SESSION_SQL, 3, NULL, values, NULL, NULL, 0);
    size_t count = pg_pool_stmt_count(pool);
    for (size_t i = 0; i < count && sent; i++) {
        const struct sup_pg_stmt *stmt = pg_pool_stmt(pool, i);
        sent = PQsendPrepare(pg, stmt->name, stmt->sql, 0, NULL) == 1;
    }
    return sent && PQpipelineSync(pg);
}

static void on_setup(void *arg)
{
    struct pg_conn *conn = arg;
    conn->setup = SETUP_CHECK;
    if (PQserverVersion(conn->link.conn) < SERVER_VERSION_MIN)
        pg_link_drop(&conn->link, "server_too_old");
    else if (!send_setup(conn))
        pg_link_drop(&conn->link, "unreachable");
    else
        (void)pg_link_flush(&conn->link);
}

static const char *check_server(const struct pg_conn *conn, const PGresult *res)
{
    static const char *const settings[] = {"fsync_off", "full_page_writes_off",
                                           "synchronous_commit_off"};
    for (int i = 0; i < 3; i++)
        if (strcmp(PQgetvalue(res, 0, i), "off") == 0)
            return settings[i];
    if (strcmp(PQgetvalue(res, 0, 3), "true") == 0)
        return "standby";
    if (!conn->pool->opts.allow_any_role && strcmp(PQgetvalue(res, 0, 4), "false") != 0)
        return "role_bypasses_rls";
    return NULL;
}

static void note_unprepared(struct pg_conn *conn, const PGresult *res)
{
    const struct sup_pg_stmt *stmt = pg_pool_stmt(conn->pool, conn->setup - SETUP_PREPARE);
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    (void)snprintf(conn->detail, sizeof(conn->detail), "%s: %s %s", stmt ? stmt->name : "?",
                   state ? state : "?", text ? text : "");
}

/* Why the session is not usable, or NULL. res is the answer number conn->setup. */
static const char *judge_setup(struct pg_conn *conn, const PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);
    if (conn->setup == SETUP_CHECK && status == PGRES_TUPLES_OK && PQntuples(res) == 1)
        return check_server(conn, res);
    if (conn->setup == SETUP_SESSION && status == PGRES_TUPLES_OK)
        return NULL;
    if (conn->setup >= SETUP_PREPARE && status == PGRES_COMMAND_OK)
        return NULL;
    if (conn->setup < SETUP_PREPARE || PQstatus(conn->link.conn) == CONNECTION_BAD)
        return "unreachable";
    note_unprepared(conn, res);
    return "statement_not_prepared";
}

static void setup_done(struct pg_conn *conn)
{
    pg_link_is_up(&conn->link);
    conn->why = NULL;
    conn->detail[0] = '\0';
    conn->draining = false;
    sup_log_debug("pg", "connected", SUP_STR("pool", conn->pool->opts.name));
    pg_pool_state_changed(conn->pool);
    pg_pool_flush_soon(conn->pool);
}

static void take_setup(struct pg_conn *conn, PGresult *res)
{
    if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
        setup_done(conn);
        PQclear(res);
        return;
    }
    const char *why = judge_setup(conn, res);
    PQclear(res);
    conn->setup++;
    if (why)
        pg_link_drop(&conn->link, why);
}

static bool expects_answers(const struct pg_conn *conn)
{
    return conn->link.state == PG_LINK_SETUP || !sup_list_empty(&conn->sent);
}

static void on_input(void *arg)
{
    struct pg_conn *conn = arg;
    PGconn *pg = conn->link.conn;
    /* NULL ends each query's results; two in a row mean that nothing more is buffered. */
    for (int nulls = 0; nulls < 2 && expects_answers(conn) && !PQisBusy(pg);) {
        PGresult *res = PQgetResult(pg);
        nulls = res ? 0 : nulls + 1;
        if (!res)
            continue;
        if (conn->link.state == PG_LINK_SETUP)
            take_setup(conn, res);
        else if (!pg_batch_take(conn, res))
            pg_link_drop(&conn->link, "unreachable");
        if (conn->link.conn != pg)
            return;
    }
    if (conn->draining && sup_list_empty(&conn->sent))
        pg_link_drop(&conn->link, "connecting");
    else
        pg_batch_redo(conn);
}

static void on_lost(const char *why, void *arg)
{
    struct pg_conn *conn = arg;
    struct sup_pg_pool *pool = conn->pool;
    bool judged = conn->detail[0] && strcmp(why, "statement_not_prepared") == 0;
    sup_metric_add(pool->metrics.reconnects, 1);
    sup_timer_stop(conn->stall);
    conn->draining = false;
    conn->why = why;
    if (!judged)
        (void)snprintf(conn->detail, sizeof(conn->detail), "%s", conn->link.detail);
    pg_batch_lost(conn);
    pg_pool_state_changed(pool);
    pg_pool_flush_soon(pool);
}

static void on_stall(void *arg)
{
    struct pg_conn *conn = arg;
    pg_link_drop(&conn->link, "unreachable");
}

sup_err pg_conn_init(struct pg_conn *conn, struct sup_pg_pool *pool)
{
    conn->pool = pool;
    conn->why = "connecting";
    sup_list_init(&conn->sent);
    sup_list_init(&conn->redo);
    struct pg_link_opts opts = {.loop = pool->loop,
                                .conninfo = pool->conninfo,
                                .name = pool->opts.name,
                                .connect_timeout_us = pool->opts.connect_timeout_us,
                                .on_setup = on_setup,
                                .on_input = on_input,
                                .on_lost = on_lost,
                                .arg = conn};
    sup_err err = sup_timer_create(pool->loop, on_stall, conn, &conn->stall);
    return err ? err : pg_link_init(&conn->link, &opts);
}

void pg_conn_abort(struct pg_conn *conn)
{
    pg_link_fini(&conn->link);
    sup_timer_destroy(conn->stall);
    conn->stall = NULL;
    conn->why = "closed";
    pg_batch_lost(conn);
}

void pg_conn_fini(struct pg_conn *conn)
{
    if (!conn->pool)
        return;
    pg_link_fini(&conn->link);
    sup_timer_destroy(conn->stall);
    pg_batch_free_all(conn);
}
