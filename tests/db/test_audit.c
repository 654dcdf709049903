#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db.h"
#include "supportd/audit/audit.h"

static struct sup_loop *loop;
static struct sup_pg_pool *pool;
static struct sup_metrics *metrics;
static struct sup_audit_key *key;
static struct sup_audit_sealer *sealer;
static char dir[] = "/tmp/supportd-audit-XXXXXX";
static char path[64];
static int done;
static sup_err done_err;

static void make_rows(int n)
{
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "select count(support.audit_denied('system:auth', 'test.row', 'chat', null,"
                   " 'no_reason', 'r' || n)) from generate_series(1, %d) n",
                   n);
    (void)db_admin_do(sql);
}

/* What only an owner or superuser can do. */
static void tamper(const char *table, const char *sql)
{
    char all[1024];
    (void)snprintf(all, sizeof(all),
                   "alter table support.%s disable trigger all; %s;"
                   " alter table support.%s enable always trigger append_only",
                   table, sql, table);
    (void)db_admin_do(all);
}

static void setup(void)
{
    static const struct sup_pg_stmt_table *const tables[] = {&sup_audit_stmts, NULL};
    db_drop("support");
    db_migrate();
    done = 0;
    memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/key.pem", dir);
    ck_assert_int_eq(sup_audit_key_make(path), SUP_OK);
    ck_assert_int_eq(sup_audit_key_load(path, &key), SUP_OK);
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    ck_assert_int_eq(sup_metrics_create(&metrics), SUP_OK);
    struct sup_pg_pool_opts opts = {.conninfo = db_env("SUP_TEST_DATABASE_URL"), .tables = tables};
    ck_assert_int_eq(sup_pg_pool_create(loop, &opts, &pool), SUP_OK);
    struct sup_audit_sealer_opts so = {
        .pool = pool, .key = key, .metrics = metrics, .interval_us = 50000};
    ck_assert_int_eq(sup_audit_sealer_create(loop, &so, &sealer), SUP_OK);
}

static void teardown(void)
{
    sup_audit_sealer_destroy(sealer);
    sup_pg_pool_destroy(pool);
    sup_metrics_destroy(metrics);
    sup_audit_key_destroy(key);
    ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
    (void)unlink(path);
    (void)rmdir(dir);
}

static void on_done(sup_err err, void *arg)
{
    ck_assert_ptr_eq(arg, &done);
    done_err = err;
    done++;
}

static void seal_all(void)
{
    int before = done;
    ck_assert_int_eq(sup_audit_seal_now(sealer, on_done, &done), SUP_OK);
    ck_assert_int_eq(sup_audit_seal_now(sealer, on_done, &done), SUP_E_STATE);
    ck_assert_int_eq(done, before);
    db_run_until(loop, &done, before + 1, 20);
    ck_assert_int_eq(done_err, SUP_OK);
}

static struct sup_audit_verdict verify(void)
{
    struct sup_audit_verdict v;
    ck_assert_int_eq(sup_audit_verify(db_env("SUP_TEST_DATABASE_URL"), key, &v), SUP_OK);
    return v;
}

static void expect_broken(const char *reason, int64_t seal, int64_t row)
{
    struct sup_audit_verdict v = verify();
    ck_assert(!v.whole);
    ck_assert_str_eq(v.reason, reason);
    ck_assert_int_eq(v.bad_seal, seal);
    ck_assert_int_eq(v.bad_row, row);
    ck_assert_uint_eq(v.seals, (uint64_t)seal - 1);
}

START_TEST(rows_are_sealed_and_verified)
{
    struct sup_audit_verdict v = verify();
    ck_assert(v.whole);
    ck_assert_uint_eq(v.seals, 0);
    make_rows(2500);
    v = verify();
    ck_assert_uint_eq(v.unsealed, 2500);
    seal_all();
    ck_assert_int_eq(db_admin_do("select count(*) from support.audit_seals"), 3);
    make_rows(1);
    seal_all();
    v = verify();
    ck_assert(v.whole);
    ck_assert_str_eq(v.reason, "");
    ck_assert_uint_eq(v.seals, 4);
    ck_assert_uint_eq(v.rows, 2501);
    ck_assert_uint_eq(v.unsealed, 0);
    ck_assert_int_eq(v.last_seal, 4);
    ck_assert_uint_eq(strlen(v.last_hash), 64);
    ck_assert_double_eq(sup_metric_value(sup_metrics_counter(metrics, "supportd_audit_sealed_total",
                                                             "", NULL, NULL)),
                        2501);
}
END_TEST

START_TEST(the_timer_seals_by_itself_and_two_sealers_agree)
{
    struct sup_audit_sealer *other;
    struct sup_audit_sealer_opts so = {.pool = pool, .key = key, .interval_us = 30000};
    ck_assert_int_eq(sup_audit_sealer_create(loop, &so, &other), SUP_OK);
    for (int i = 0; i < 10; i++) {
        make_rows(3);
        db_run_for(loop, 60);
    }
    db_run_for(loop, 200);
    struct sup_audit_verdict v = verify();
    ck_assert(v.whole);
    ck_assert_uint_eq(v.rows, 30);
    ck_assert_uint_eq(v.unsealed, 0);
    ck_assert_uint_ge(v.seals, 5);
    sup_audit_sealer_destroy(other);
}
END_TEST

START_TEST(a_running_transaction_holds_younger_rows_back)
{
    PGconn *slow = db_admin();
    PQclear(PQexec(slow, "begin; select support.audit_denied('system:auth', 'test.slow', 'chat',"
                         " null, 'no_reason', null)"));
    make_rows(5); /* younger, and committed first */
    seal_all();
    struct sup_audit_verdict v = verify();
    ck_assert_uint_eq(v.rows, 0);
    PQclear(PQexec(slow, "commit"));
    PQfinish(slow);
    seal_all();
    v = verify();
    ck_assert(v.whole);
    ck_assert_uint_eq(v.rows, 6);
}
END_TEST

START_TEST(what_was_changed_is_named)
{
    make_rows(10);
    seal_all();
    make_rows(10);
    seal_all();
    ck_assert(verify().whole);
    tamper("support_activity_logs",
           "update support.support_activity_logs set reason = 'other' where id = 14");
    expect_broken("row_changed", 2, 14);
    tamper("support_activity_logs",
           "update support.support_activity_logs set reason = 'no_reason' where id = 14");
    ck_assert(verify().whole);
    tamper("support_activity_logs", "delete from support.support_activity_logs where id = 7");
    expect_broken("row_missing", 1, 8); /* the row that stands in its place */
}
END_TEST

START_TEST(an_added_row_is_named)
{
    make_rows(10);
    seal_all();
    make_rows(10);
    seal_all();
    /* As old as the rows of the first seal, but behind its end: nothing had been sealed there. */
    tamper("support_activity_logs",
           "insert into support.support_activity_logs (id, xid, at, actor_kind, actor_ref, action,"
           " subject_kind) overriding system value select 999, xid, at, actor_kind, actor_ref,"
           " action, subject_kind from support.support_activity_logs where id = 3");
    expect_broken("row_added", 2, 999);
}
END_TEST

START_TEST(a_forged_seal_is_found)
{
    make_rows(10);
    seal_all();
    make_rows(10);
    seal_all();
    struct sup_audit_verdict before = verify();
    tamper("audit_seals", "update support.audit_seals set hash = sha256('x') where seal_no = 2");
    expect_broken("wrong_signature", 2, 0);
    tamper("audit_seals", "update support.audit_seals set prev_hash = hash where seal_no = 2");
    expect_broken("broken_chain", 2, 0);
    tamper("audit_seals", "delete from support.audit_seals where seal_no = 2");
    struct sup_audit_verdict cut = verify();
    ck_assert(cut.whole); /* the chain alone cannot show this; the journal's last line does */
    ck_assert_int_eq(before.last_seal, 2);
    ck_assert_int_eq(cut.last_seal, 1);
    ck_assert_uint_eq(cut.unsealed, 10);
    struct sup_audit_key *stranger;
    (void)unlink(path);
    ck_assert_int_eq(sup_audit_key_make(path), SUP_OK);
    ck_assert_int_eq(sup_audit_key_load(path, &stranger), SUP_OK);
    ck_assert_int_eq(sup_audit_verify(db_env("SUP_TEST_DATABASE_URL"), stranger, &cut), SUP_OK);
    ck_assert_str_eq(cut.reason, "another_key");
    sup_audit_key_destroy(stranger);
}
END_TEST

START_TEST(key_files_are_guarded)
{
    struct sup_audit_key *other = NULL;
    struct stat st;
    ck_assert_int_eq(sup_audit_key_make(path), SUP_E_CONFLICT);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(strncmp(sup_audit_key_id(key), "ed25519:", 8), 0);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(sup_audit_key_load(path, &other), SUP_E_DENIED);
    ck_assert_int_eq(sup_audit_key_load("/nowhere/key", &other), SUP_E_NOTFOUND);
    FILE *f = fopen(path, "w");
    ck_assert_int_ge(fputs("-----BEGIN PRIVATE KEY-----\nAAAA\n", f), 0);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_eq(chmod(path, 0600), 0);
    ck_assert_int_eq(sup_audit_key_load(path, &other), SUP_E_CRYPTO);
    ck_assert_int_eq(sup_audit_key_load(dir, &other), SUP_E_IO);
    ck_assert_int_eq(sup_audit_key_make("/nowhere/key"), SUP_E_IO);
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(an_unreachable_database_is_an_error_and_no_verdict)
{
    struct sup_audit_verdict v;
    ck_assert_int_eq(sup_audit_verify("nonsense", key, &v), SUP_E_INVAL);
    for (size_t n = 1; n < 30; n++) {
        sup_mem_fail_at(n);
        sup_err err = sup_audit_verify(db_env("SUP_TEST_DATABASE_URL"), key, &v);
        ck_assert(err == SUP_OK || err == SUP_E_NOMEM);
    }
}
END_TEST

SUP_CHECK_MAIN("audit", setup, teardown, rows_are_sealed_and_verified,
               the_timer_seals_by_itself_and_two_sealers_agree,
               a_running_transaction_holds_younger_rows_back, what_was_changed_is_named,
               an_added_row_is_named, a_forged_seal_is_found, key_files_are_guarded,
               an_unreachable_database_is_an_error_and_no_verdict)
