/* Shared by the database tests: the administrator's connection, a pool on the app role, and a loop
 * that runs until a condition holds. The environment comes from tests/db/run.sh; without it every
 * test fails. */
#ifndef SUPPORTD_TESTS_DB_H
#define SUPPORTD_TESTS_DB_H
#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/check_main.h"
#include "supportd/base/clock.h"
#include "supportd/loop/loop.h"
#include "supportd/pg/migrate.h"
#include "supportd/pg/pool.h"

static inline const char *db_env(const char *name)
{
    const char *value = getenv(name);
    ck_assert_msg(value && value[0], "%s is not set: run tests/db/run.sh", name);
    return value;
}

static inline PGconn *db_admin(void)
{
    const char *keys[] = {"dbname", "options", NULL};
    const char *values[] = {db_env("SUP_TEST_SUPER_URL"), "-c client_min_messages=warning", NULL};
    PGconn *conn = PQconnectdbParams(keys, values, 1);
    ck_assert_msg(PQstatus(conn) == CONNECTION_OK, "%s", PQerrorMessage(conn));
    return conn;
}

/* Runs sql as the administrator on a connection of its own; fails the test on an error. Returns
 * the first value as a number (0 when there is none). */
static inline long long db_admin_do(const char *sql)
{
    PGconn *conn = db_admin();
    PGresult *res = PQexec(conn, sql);
    ExecStatusType status = PQresultStatus(res);
    ck_assert_msg(status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK, "%s",
                  PQerrorMessage(conn));
    long long n = status == PGRES_TUPLES_OK && PQntuples(res) > 0
                      ? strtoll(PQgetvalue(res, 0, 0), NULL, 10)
                      : 0;
    PQclear(res);
    PQfinish(conn);
    return n;
}

static inline void db_log_error(bool is_error, const char *line, void *arg)
{
    (void)arg;
    if (is_error)
        (void)fprintf(stderr, "%s\n", line);
}

/* Drops a schema with nobody else at work: a statement of the test before may still run, hold what
 * is dropped in another order, or write into what is made anew. */
static inline void db_drop(const char *schema)
{
    char sql[128];
    (void)db_admin_do("select pg_terminate_backend(pid, 10000) from pg_stat_activity"
                      " where datname = current_database() and pid <> pg_backend_pid()");
    (void)snprintf(sql, sizeof(sql), "drop schema if exists %s cascade", schema);
    (void)db_admin_do(sql);
}

/* Brings the product's schema into the test database. */
static inline void db_migrate(void)
{
    struct sup_pg_migrate_opts opts = {.owner_url = db_env("SUP_TEST_OWNER_URL"),
                                       .log = db_log_error};
    ck_assert_int_eq(sup_pg_migrate(&opts, NULL), SUP_OK);
}

/* The share of the full counts that the default run does. */
static inline int db_scaled(int full)
{
    const char *all = getenv("SUPPORTD_TEST_FULL");
    return all && all[0] ? full : full / 10;
}

/* Steps the loop until *counter reaches wanted; fails the test after seconds. */
static inline void db_run_until(struct sup_loop *loop, const int *counter, int wanted, int seconds)
{
    uint64_t end = sup_clock_mono_us() + (uint64_t)seconds * 1000000;
    while (*counter < wanted) {
        sup_loop_step(loop, 50);
        ck_assert_msg(sup_clock_mono_us() < end, "only %d of %d after %d s", *counter, wanted,
                      seconds);
    }
}

static inline void db_run_for(struct sup_loop *loop, int ms)
{
    uint64_t end = sup_clock_mono_us() + (uint64_t)ms * 1000;
    while (sup_clock_mono_us() < end)
        sup_loop_step(loop, 10);
}
#endif
