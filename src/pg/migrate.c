#include "supportd/pg/migrate.h"

#include <libpq-fe.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migrate_internal.h"
#include "supportd/base/buf.h"
#include "supportd/base/mem.h"

struct run {
    const struct sup_pg_migrate_opts *opts;
    PGconn *conn;
    struct pg_sql_set set;
    struct sup_pg_migrate_report report;
};

static void say(const struct run *run, bool is_error, const char *fmt, ...) SUP_PRINTF(3, 4);

static void say(const struct run *run, bool is_error, const char *fmt, ...)
{
    char line[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    for (size_t len = strlen(line); len > 0 && line[len - 1] == '\n';)
        line[--len] = '\0';
    if (run->opts->log)
        run->opts->log(is_error, line, run->opts->arg);
}

static void on_notice(void *arg, const PGresult *res)
{
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    say(arg, false, "server: %s", text ? text : "");
}

/* One statement with text parameters; *ret_res (may be NULL) is owned on success. */
static sup_err query(const struct run *run, const char *what, const char *sql, int count,
                     const char *const *values, PGresult **ret_res)
{
    PGresult *res = PQexecParams(run->conn, sql, count, NULL, values, NULL, NULL, 0);
    ExecStatusType status = PQresultStatus(res);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        say(run, true, "%s: %s", what, PQerrorMessage(run->conn));
        PQclear(res);
        return SUP_E_DB;
    }
    if (ret_res)
        *ret_res = res;
    else
        PQclear(res);
    return SUP_OK;
}

static sup_err connect_owner(struct run *run)
{
    const char *keys[] = {"connect_timeout", "client_encoding", "dbname",
                          "fallback_application_name", NULL};
    const char *values[] = {"10", "UTF8", run->opts->owner_url, "supportd-migrate", NULL};
    run->conn = PQconnectdbParams(keys, values, 1);
    if (!run->conn)
        return SUP_E_NOMEM;
    if (PQstatus(run->conn) != CONNECTION_OK) {
        say(run, true, "cannot connect: %s", PQerrorMessage(run->conn));
        return SUP_E_DB;
    }
    (void)PQsetNoticeReceiver(run->conn, on_notice, run);
    static const char *const steps[][2] = {
        {"becoming supportd_owner", "set role supportd_owner"},
        {"settings", "set client_min_messages = warning"},
        {"waiting for another migration", "select pg_advisory_lock(hashtext('supportd.migrate'))"},
    };
    sup_err err = SUP_OK;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++)
        err = query(run, steps[i][0], steps[i][1], 0, NULL, NULL);
    return err;
}

static void say_where(const struct run *run, const struct sup_pg_sql_file *file, unsigned statement,
                      const PGresult *res)
{
    const char *position = PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION);
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
    const char *context = PQresultErrorField(res, PG_DIAG_CONTEXT);
    size_t offset = pg_sql_statement_start(file->data, statement);
    if (position) {
        /* Characters from 1; skip the continuation bytes of UTF-8. */
        long chars = strtol(position, NULL, 10);
        for (offset = 0; file->data[offset] && chars > 0; offset++)
            chars -= ((unsigned char)file->data[offset] & 0xc0) != 0x80;
    }
    say(run, true, "%s:%u: %s %s%s%s%s%s", file->path, pg_sql_line_at(file->data, offset),
        state ? state : "", text ? text : PQerrorMessage(run->conn), detail ? "; " : "",
        detail ? detail : "", context ? "; in " : "", context ? context : "");
}

/* Runs a whole file inside the open transaction. */
static sup_err run_file(const struct run *run, const struct sup_pg_sql_file *file)
{
    if (strlen(file->data) != file->len) {
        say(run, true, "%s: a NUL byte", file->path);
        return SUP_E_INVAL;
    }
    sup_err err = PQsendQuery(run->conn, file->data) ? SUP_OK : SUP_E_DB;
    unsigned statement = 0;
    PGresult *res;
    while ((res = PQgetResult(run->conn)) != NULL) {
        ExecStatusType status = PQresultStatus(res);
        bool good =
            status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY;
        if (!good && !err) {
            err = SUP_E_DB;
            say_where(run, file, statement, res);
        }
        statement++;
        PQclear(res);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
            return SUP_E_DB; /* never ends by itself; the connection is closed */
    }
    if (!err && PQtransactionStatus(run->conn) != PQTRANS_INTRANS) {
        say(run, true, "%s: ends the transaction it is run in", file->path);
        err = SUP_E_INVAL;
    }
    return err;
}

static sup_err hash_of(const struct run *run, const char *data, char ret_hex[65])
{
    PGresult *res;
    sup_err err = query(run, "sha256", "select encode(sha256(convert_to($1, 'UTF8')), 'hex')", 1,
                        &data, &res);
    if (err)
        return err;
    (void)snprintf(ret_hex, 65, "%s", PQgetvalue(res, 0, 0));
    PQclear(res);
    return SUP_OK;
}

/* The recorded hash of a number; "" when it is not recorded (or nothing is yet). */
static sup_err recorded(const struct run *run, long number, char ret_hex[65])
{
    char text[16];
    const char *values[] = {text};
    PGresult *res;
    ret_hex[0] = '\0';
    sup_err err =
        query(run, "support.schema_migrations",
              "select to_regclass('support.schema_migrations') is not null", 0, NULL, &res);
    if (err)
        return err;
    bool exists = PQgetvalue(res, 0, 0)[0] == 't';
    PQclear(res);
    if (!exists)
        return SUP_OK;
    (void)snprintf(text, sizeof(text), "%ld", number);
    err = query(run, "support.schema_migrations",
                "select sha256 from support.schema_migrations where number = $1::int", 1, values,
                &res);
    if (err)
        return err;
    if (PQntuples(res) > 0)
        (void)snprintf(ret_hex, 65, "%s", PQgetvalue(res, 0, 0));
    PQclear(res);
    return SUP_OK;
}

static sup_err record(const struct run *run, long number, const char *name, const char *hex)
{
    char text[16];
    (void)snprintf(text, sizeof(text), "%ld", number);
    const char *values[] = {text, name, hex};
    return query(run, "support.schema_migrations",
                 "insert into support.schema_migrations (number, name, sha256)"
                 " values ($1::int, $2, $3) on conflict (number) do update"
                 " set sha256 = excluded.sha256, applied_at = clock_timestamp()",
                 3, values, NULL);
}

static bool is_function(const struct sup_pg_sql_file *file)
{
    return strncmp(file->path, "functions/", strlen("functions/")) == 0;
}

static long number_of(const struct sup_pg_sql_file *file)
{
    return strtol(file->path + strlen("migrations/"), NULL, 10);
}

/* Ends the transaction by err. */
static sup_err finish(const struct run *run, const char *what, sup_err err)
{
    sup_err ended = query(run, what, err ? "rollback" : "commit", 0, NULL, NULL);
    return err ? err : ended;
}

static sup_err apply_migration(struct run *run, const struct sup_pg_sql_file *file, const char *hex)
{
    const char *name = file->path + strlen("migrations/0000_");
    SUP_AUTO_FREE char *bare = sup_strndup(name, strlen(name) - strlen(".sql"));
    if (!bare)
        return SUP_E_NOMEM;
    sup_err err = query(run, file->path, "begin", 0, NULL, NULL);
    if (err)
        return err;
    err = run_file(run, file);
    if (!err)
        err = record(run, number_of(file), bare, hex);
    err = finish(run, file->path, err);
    if (!err) {
        run->report.migrations++;
        say(run, false, "applied %s", file->path);
    }
    return err;
}

/* check: compares with what is recorded; else applies what is not recorded. */
static sup_err each_migration(struct run *run, bool check)
{
    sup_err err = SUP_OK;
    for (size_t i = 0; i < run->set.count && !err; i++) {
        const struct sup_pg_sql_file *file = &run->set.files[i];
        char have[65], hex[65];
        if (is_function(file))
            continue;
        err = recorded(run, number_of(file), have);
        if (!err)
            err = hash_of(run, file->data, hex);
        if (err)
            return err;
        if (check && have[0] && strcmp(have, hex) != 0) {
            say(run, true, "%s was changed after it had been applied", file->path);
            return SUP_E_CONFLICT;
        }
        if (!check && !have[0])
            err = apply_migration(run, file, hex);
    }
    return err;
}

static sup_err check_unknown(const struct run *run)
{
    char have[65];
    long next = 1 + number_of(&run->set.files[run->set.count - 1]);
    sup_err err = recorded(run, next, have);
    if (!err && have[0]) {
        say(run, true, "migration %ld is applied in the database but unknown to this version",
            next);
        err = SUP_E_CONFLICT;
    }
    return err;
}

static sup_err hash_functions(const struct run *run, char ret_hex[65])
{
    struct sup_buf all = {0};
    sup_err err = sup_buf_adds(&all, "");
    for (size_t i = 0; i < run->set.count && !err; i++)
        if (is_function(&run->set.files[i]))
            err = sup_buf_add(&all, run->set.files[i].data, run->set.files[i].len);
    if (!err)
        err = hash_of(run, all.data ? all.data : "", ret_hex);
    sup_buf_fini(&all);
    return err;
}

static sup_err apply_functions(struct run *run)
{
    char have[65], hex[65];
    sup_err err = recorded(run, 0, have);
    if (!err)
        err = hash_functions(run, hex);
    if (err || strcmp(have, hex) == 0)
        return err;
    err = query(run, "functions", "begin", 0, NULL, NULL);
    if (err)
        return err;
    unsigned n = 0;
    for (size_t i = 0; i < run->set.count && !err; i++) {
        if (!is_function(&run->set.files[i]))
            continue;
        err = run_file(run, &run->set.files[i]);
        n++;
    }
    if (!err)
        err = record(run, 0, "functions", hex);
    err = finish(run, "functions", err);
    if (!err) {
        run->report.functions = n;
        say(run, false, "applied %u function files", n);
    }
    return err;
}

sup_err sup_pg_migrate(const struct sup_pg_migrate_opts *opts,
                       struct sup_pg_migrate_report *ret_report)
{
    struct run run = {.opts = opts};
    const char *what;
    sup_err err = pg_sql_set_load(&run.set, opts, &what);
    if (err)
        say(&run, true, "%s: %s", what,
            err == SUP_E_INVAL
                ? "names must be migrations/NNNN_name.sql, each number once, from 0001"
                : sup_err_name(err));
    if (!err)
        err = connect_owner(&run);
    if (!err)
        err = each_migration(&run, true);
    if (!err)
        err = check_unknown(&run);
    if (!err)
        err = each_migration(&run, false);
    if (!err)
        err = apply_functions(&run);
    PQfinish(run.conn);
    pg_sql_set_free(&run.set);
    if (ret_report)
        *ret_report = run.report;
    return err;
}
