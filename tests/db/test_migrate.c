#include <string.h>

#include "db.h"
#include "supportd/pg/migrate.h"

static char said[8192];
static int errors;

static void keep_line(bool is_error, const char *line, void *arg)
{
    (void)arg;
    errors += is_error;
    size_t len = strlen(said);
    (void)snprintf(said + len, sizeof(said) - len, "%s\n", line);
}

static char url[512];

/* A database of its own for each test, so that the product's schema elsewhere stays. */
static void setup(void)
{
    PGconn *conn = db_admin();
    PQclear(PQexec(conn, "drop database if exists migrate_test with (force)"));
    PGresult *res = PQexec(conn, "create database migrate_test");
    ck_assert_msg(PQresultStatus(res) == PGRES_COMMAND_OK, "%s", PQerrorMessage(conn));
    PQclear(res);
    PQclear(PQexec(conn, "grant create on database migrate_test to supportd_owner"));
    PQfinish(conn);
    const char *owner = db_env("SUP_TEST_OWNER_URL");
    const char *query = strchr(owner, '?'), *path = strstr(owner, "@/");
    ck_assert(query && path);
    (void)snprintf(url, sizeof(url), "%.*s@/migrate_test%s", (int)(path - owner), owner, query);
    said[0] = '\0';
    errors = 0;
}

static long long ask(const char *sql)
{
    PGconn *conn = PQconnectdb(url);
    PQclear(PQexec(conn, "set role supportd_owner"));
    PGresult *res = PQexec(conn, sql);
    ck_assert_msg(PQresultStatus(res) == PGRES_TUPLES_OK, "%s", PQerrorMessage(conn));
    long long n = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
    PQclear(res);
    PQfinish(conn);
    return n;
}

#define FILE_ROW(p, s)                                                                             \
    {                                                                                              \
        (p), (s), sizeof(s) - 1                                                                    \
    }
static const char base[] = "create schema support;\n"
                           "create table support.schema_migrations (number int primary key,"
                           " name text not null, sha256 text not null,"
                           " applied_at timestamptz not null default now());\n";
static const char second[] = "create table support.t (a int); -- \xc3\xbc ; '\n";
static const char function[] = "create or replace function support.one() returns int language sql"
                               " as $$ select 1; $$;\n";

static sup_err migrate(const struct sup_pg_sql_file *files, size_t count,
                       struct sup_pg_migrate_report *report)
{
    struct sup_pg_migrate_opts opts = {
        .owner_url = url, .files = files, .count = count, .log = keep_line};
    said[0] = '\0';
    errors = 0;
    return sup_pg_migrate(&opts, report);
}

START_TEST(each_migration_runs_once_and_functions_when_changed)
{
    struct sup_pg_sql_file files[] = {FILE_ROW("migrations/0002_second.sql", second),
                                      FILE_ROW("functions/10_one.sql", function),
                                      FILE_ROW("migrations/0001_base.sql", base)};
    struct sup_pg_migrate_report report = {9, 9};
    ck_assert_msg(migrate(files, 3, &report) == SUP_OK, "%s", said);
    ck_assert_uint_eq(report.migrations, 2);
    ck_assert_uint_eq(report.functions, 1);
    ck_assert_int_eq(ask("select count(*) from support.schema_migrations where"
                         " (number, name) in ((0, 'functions'), (1, 'base'), (2, 'second'))"),
                     3);
    ck_assert_int_eq(ask("select count(*) from pg_tables where tableowner = 'supportd_owner'"), 2);
    ck_assert_int_eq(migrate(files, 3, &report), SUP_OK);
    ck_assert_uint_eq(report.migrations + report.functions, 0);
    static const char changed[] = "create or replace function support.one() returns int language "
                                  "sql as $$ select 7; $$;\n";
    files[1] = (struct sup_pg_sql_file)FILE_ROW("functions/10_one.sql", changed);
    ck_assert_int_eq(migrate(files, 3, &report), SUP_OK);
    ck_assert_uint_eq(report.functions, 1);
    ck_assert_int_eq(ask("select support.one()"), 7);
    ck_assert_int_eq(errors, 0);
}
END_TEST

START_TEST(changed_or_unknown_history_is_refused)
{
    struct sup_pg_sql_file files[] = {FILE_ROW("migrations/0001_base.sql", base),
                                      FILE_ROW("migrations/0002_second.sql", second)};
    ck_assert_int_eq(migrate(files, 2, NULL), SUP_OK);
    ck_assert_int_eq(migrate(files, 1, NULL), SUP_E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(said, "migration 2 is applied in the database but unknown"));
    files[1] = (struct sup_pg_sql_file)FILE_ROW("migrations/0002_second.sql", function);
    ck_assert_int_eq(migrate(files, 2, NULL), SUP_E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(said, "migrations/0002_second.sql was changed"));
}
END_TEST

START_TEST(errors_name_file_and_line_and_leave_nothing)
{
    static const char syntax[] = "create table support.a (b int);\n\n/* \xc3\xa4\n; */\n"
                                 "create tabel support.c ();\n";
    static const char late[] = "create table support.a (b int);\n"
                               "insert into support.a\nvalues (';');\n\n"
                               "do $x$ begin perform 1; end $x$;\n-- a comment;\n\n"
                               "create table support.a (b int);\n";
    static const char ends[] = "create table support.a (b int); commit;";
    const struct {
        const char *sql, *wanted;
        sup_err err;
    } cases[] = {{syntax, "migrations/0002_bad.sql:5: 42601", SUP_E_DB},
                 {late, "migrations/0002_bad.sql:3: 22P02", SUP_E_DB},
                 {ends, "migrations/0002_bad.sql: ends the transaction", SUP_E_INVAL}};
    for (size_t i = 0; i < 3; i++) {
        struct sup_pg_sql_file files[] = {
            FILE_ROW("migrations/0001_base.sql", base),
            {"migrations/0002_bad.sql", cases[i].sql, strlen(cases[i].sql)}};
        ck_assert_int_eq(migrate(files, 2, NULL), cases[i].err);
        ck_assert_msg(strstr(said, cases[i].wanted) != NULL, "%s", said);
        ck_assert_int_eq(ask("select max(number) from support.schema_migrations"), 1);
        if (i < 2)
            ck_assert_int_eq(ask("select count(*) from pg_tables where tablename = 'a'"), 0);
    }
    static const char twice[] = "create table support.x (b text);\n"
                                "insert into support.x values ('it''s; \"so\"');\n"
                                "do $x$ begin perform 1; end $x$;\n-- a comment; with more\n\n"
                                "create table support.x (b int);\n";
    struct sup_pg_sql_file files[] = {FILE_ROW("migrations/0001_base.sql", base),
                                      FILE_ROW("migrations/0002_bad.sql", twice)};
    ck_assert_int_eq(migrate(files, 2, NULL), SUP_E_DB);
    ck_assert_msg(strstr(said, "migrations/0002_bad.sql:6: 42P07") != NULL, "%s", said);
}
END_TEST

START_TEST(wrong_names_and_places_are_refused)
{
    const char *paths[] = {"migrations/1_base.sql", "migrations/0002_base.sql",
                           "migrations/0001_Base.sql", "migrations/0001_.sql", "0001_base.sql"};
    for (size_t i = 0; i < 5; i++) {
        struct sup_pg_sql_file file = {paths[i], base, sizeof(base) - 1};
        ck_assert_int_eq(migrate(&file, 1, NULL), SUP_E_INVAL);
        ck_assert_int_eq(errors, 1);
    }
    struct sup_pg_migrate_opts opts = {.owner_url = url, .dir = "/nowhere", .log = keep_line};
    ck_assert_int_eq(sup_pg_migrate(&opts, NULL), SUP_E_IO);
    struct sup_pg_sql_file good = FILE_ROW("migrations/0001_base.sql", base);
    opts = (struct sup_pg_migrate_opts){
        .owner_url = "host=127.0.0.1 port=1", .files = &good, .count = 1, .log = keep_line};
    ck_assert_int_eq(sup_pg_migrate(&opts, NULL), SUP_E_DB);
    ck_assert_ptr_nonnull(strstr(said, "cannot connect"));
}
END_TEST

START_TEST(the_binary_carries_the_files_of_the_project)
{
    struct sup_pg_migrate_report carried, read;
    struct sup_pg_migrate_opts opts = {.owner_url = url, .log = keep_line};
    ck_assert_msg(sup_pg_migrate(&opts, &carried) == SUP_OK, "%s", said);
    ck_assert_uint_ge(carried.migrations, 8);
    ck_assert_uint_ge(carried.functions, 10);
    opts.dir = SUP_TEST_ROOT "/sql";
    ck_assert_msg(sup_pg_migrate(&opts, &read) == SUP_OK, "%s", said);
    ck_assert_uint_eq(read.migrations + read.functions, 0);
    ck_assert_int_eq(errors, 0);
}
END_TEST

SUP_CHECK_MAIN("migrate", setup, NULL, each_migration_runs_once_and_functions_when_changed,
               changed_or_unknown_history_is_refused, errors_name_file_and_line_and_leave_nothing,
               wrong_names_and_places_are_refused, the_binary_carries_the_files_of_the_project)
