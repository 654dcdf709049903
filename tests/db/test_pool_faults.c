#include "pool_schema.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char kill_sql[] =
    "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'supportd_app'";

/* Keeps the pool full of keyed inserts while fault runs at the given answers. */
struct storm {
    int total, sent, faults, next_fault;
    struct seen *seen;
    void (*fault)(int n);
};

static void storm_run(struct storm *s)
{
    s->seen = sup_calloc((size_t)s->total, sizeof(*s->seen));
    uint64_t end = sup_clock_mono_us() + 120000000;
    int fault = 0;
    while (answers < s->total) {
        while (s->sent < s->total && sup_pg_pool_pending(pool) < 256) {
            ck_assert_int_eq(pt_exec(PT_PUT, NULL, &s->seen[s->sent], NULL, "di", sup_id_new(),
                                     (int64_t)s->sent),
                             SUP_OK);
            s->sent++;
        }
        if (fault < s->faults && answers >= s->total / (s->faults + 1) * (fault + 1))
            s->fault(fault++);
        sup_loop_step(loop, 20);
        ck_assert_msg(sup_clock_mono_us() < end, "only %d of %d", answers, s->total);
    }
    ck_assert_int_eq(fault, s->faults);
}

/* Every request answered once and well, every row there once. */
static void storm_check(struct storm *s)
{
    for (int i = 0; i < s->total; i++) {
        const struct seen *seen = &s->seen[i];
        ck_assert_msg(seen->calls == 1 && seen->err == SUP_OK, "%d: %d answers, %s %s", i,
                      seen->calls, sup_err_name(seen->err), seen->sqlstate);
    }
    sup_free(s->seen);
    ck_assert_int_eq(db_admin_do("select count(distinct n) from pgtest.items"), s->total);
    ck_assert_int_eq(db_admin_do("select count(*) from pgtest.items"), s->total);
    ck_assert_uint_eq(sup_pg_pool_pending(pool), 0);
}

static void terminate(int n)
{
    (void)n;
    ck_assert_int_ge(db_admin_do(kill_sql), 1);
}

static void crash(int n)
{
    (void)n;
    ck_assert_int_eq(system(db_env("SUP_TEST_PG_CRASH")), 0);
}

START_TEST(killed_backends_lose_and_double_nothing)
{
    struct storm s = {.total = db_scaled(30000), .faults = db_scaled(50), .fault = terminate};
    wait_ready();
    storm_run(&s);
    storm_check(&s);
    ck_assert_double_ge(pt_counter("supportd_pg_connections_lost_total"), s.faults);
}
END_TEST

START_TEST(an_abort_answers_all_that_was_asked)
{
    enum { TOTAL = 300 };
    struct seen *seen = sup_calloc(TOTAL, sizeof(*seen));
    wait_ready();
    for (int i = 0; i < TOTAL; i++) {
        ck_assert_int_eq(pt_exec(PT_PUT, NULL, &seen[i], NULL, "di", sup_id_new(), (int64_t)i),
                         SUP_OK);
        if (i == TOTAL / 2) /* some are under way, the others wait */
            sup_loop_step(loop, 0);
    }
    sup_pg_pool_abort(pool);
    ck_assert_uint_eq(sup_pg_pool_pending(pool), 0);
    for (int i = 0; i < TOTAL; i++)
        ck_assert_int_eq(seen[i].calls, 1);
    ck_assert_int_eq(seen[TOTAL - 1].err, SUP_E_CLOSED);
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, seen, NULL, "di", sup_id_new(), (int64_t)0),
                     SUP_E_CLOSED);
    ck_assert(!sup_pg_pool_ready(pool, NULL));
    sup_free(seen);
}
END_TEST

START_TEST(a_crashed_server_loses_and_doubles_nothing)
{
    struct storm s = {.total = db_scaled(30000), .faults = 1 + db_scaled(10), .fault = crash};
    wait_ready();
    storm_run(&s);
    storm_check(&s);
    const char *reason;
    ck_assert(sup_pg_pool_ready(pool, &reason));
    ck_assert_str_eq(reason, "");
}
END_TEST

START_TEST(order_survives_killed_backends)
{
    struct sup_id keys[5];
    int n = db_scaled(3000), sent = 0;
    struct seen *seen = sup_calloc((size_t)n * 5, sizeof(*seen));
    for (int k = 0; k < 5; k++)
        keys[k] = sup_id_new();
    wait_ready();
    for (int i = 1; i <= n; i++) {
        for (int k = 0; k < 5; k++) {
            struct sup_pg_exec_opts opts = {.key = keys[k]};
            ck_assert_int_eq(
                pt_exec(PT_APPEND, &opts, &seen[sent++], NULL, "di", keys[k], (int64_t)i), SUP_OK);
        }
        if (i % (n / 4) == n / 8) {
            db_run_for(loop, 30); /* the last one has been noticed */
            wait_ready();
            terminate(0);
        }
        sup_loop_step(loop, 0);
        pt_make_room();
    }
    db_run_until(loop, &answers, sent, 60);
    for (int i = 0; i < sent; i++)
        ck_assert_msg(seen[i].calls == 1 && seen[i].err == SUP_OK, "%d: %s", i, seen[i].code);
    sup_free(seen);
}
END_TEST

START_TEST(unkeyed_writes_fail_when_their_outcome_is_unknown)
{
    struct seen once = {0}, keyed = {0};
    pool_reopen(&(struct sup_pg_pool_opts){.connections = 1});
    wait_ready();
    ck_assert_int_eq(pt_exec(PT_PUT_ONCE, NULL, &once, NULL, "di", sup_id_new(), (int64_t)1),
                     SUP_OK);
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, &keyed, NULL, "di", sup_id_new(), (int64_t)2), SUP_OK);
    db_run_for(loop, 100);
    terminate(0);
    db_run_until(loop, &answers, 2, 10);
    ck_assert_int_eq(once.err, SUP_E_CLOSED);
    ck_assert_int_eq(keyed.err, SUP_OK);
    ck_assert_int_eq(db_admin_do("select sum(n) from pgtest.items"), 2);
}
END_TEST

static void expect_reason(const struct sup_pg_pool_opts *opts, const char *wanted)
{
    const char *reason;
    pool_reopen(opts);
    ck_assert(!sup_pg_pool_ready(pool, &reason));
    ck_assert_str_eq(reason, "connecting");
    uint64_t end = sup_clock_mono_us() + 5000000;
    while (strcmp(reason, wanted) != 0) {
        sup_loop_step(loop, 20);
        ck_assert(!sup_pg_pool_ready(pool, &reason));
        ck_assert_msg(sup_clock_mono_us() < end, "%s instead of %s", reason, wanted);
    }
}

static int changes;

static void on_changed(struct sup_listener *listener, void *data)
{
    (void)listener;
    ck_assert_ptr_null(data);
    changes++;
}

START_TEST(an_untrustworthy_server_is_not_ready)
{
    char url[512];
    expect_reason(&(struct sup_pg_pool_opts){.conninfo = db_env("SUP_TEST_SUPER_URL")},
                  "role_bypasses_rls");
    (void)snprintf(url, sizeof(url), "%s&user=nobody_here", db_env("SUP_TEST_SUPER_URL"));
    expect_reason(&(struct sup_pg_pool_opts){.conninfo = url}, "login_refused");
    expect_reason(&(struct sup_pg_pool_opts){.conninfo = "host=127.0.0.1 port=1"}, "unreachable");
    ck_assert_int_gt((int)strlen(sup_pg_pool_detail(pool)), 10);
    expect_reason(&(struct sup_pg_pool_opts){.conninfo = "host=name.invalid"}, "unreachable");
    (void)db_admin_do("alter role supportd_app set synchronous_commit = off");
    expect_reason(NULL, "synchronous_commit_off");
    (void)db_admin_do("alter role supportd_app reset synchronous_commit");
    (void)db_admin_do("alter system set fsync = off; ");
    (void)db_admin_do("select pg_reload_conf()");
    expect_reason(NULL, "fsync_off");
    (void)db_admin_do("alter system reset fsync");
    (void)db_admin_do("select pg_reload_conf()");
    struct sup_listener listener = {.notify = on_changed};
    changes = 0;
    sup_signal_add(sup_pg_pool_changed(pool), &listener);
    wait_ready(); /* the back-off finds the repaired server by itself */
    ck_assert_int_eq(changes, 1);
    sup_listener_remove(&listener);
    (void)db_admin_do("drop function pgtest.touch(uuid)");
    expect_reason(NULL, "statement_not_prepared");
    ck_assert_ptr_nonnull(strstr(sup_pg_pool_detail(pool), "pt_touch: 42883"));
}
END_TEST

START_TEST(a_silent_server_never_blocks_the_loop)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, len), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
    char url[64];
    (void)snprintf(url, sizeof(url), "host=127.0.0.1 port=%d", ntohs(addr.sin_port));
    pool_reopen(&(struct sup_pg_pool_opts){.conninfo = url, .connect_timeout_us = 200000});
    uint64_t end = sup_clock_mono_us() + 1000000, worst = 0;
    while (sup_clock_mono_us() < end) {
        uint64_t before = sup_clock_mono_us();
        sup_loop_step(loop, 5);
        uint64_t took = sup_clock_mono_us() - before;
        worst = took > worst ? took : worst;
    }
    ck_assert_uint_lt(worst, 50000);
    ck_assert_double_ge(pt_counter("supportd_pg_connections_lost_total"), 3);
    close(fd);
}
END_TEST

START_TEST(a_stalled_batch_gives_the_connection_up)
{
    struct seen seen = {0};
    pool_reopen(
        &(struct sup_pg_pool_opts){.connections = 1, .stall_us = 300000, .timeout_us = 30000000});
    wait_ready();
    /* The lock holds the first attempt up; the second comes after it has been given back. */
    PGconn *admin = db_admin();
    PQclear(PQexec(admin, "begin; lock table pgtest.items"));
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, &seen, NULL, "di", sup_id_new(), (int64_t)1), SUP_OK);
    db_run_for(loop, 500);
    ck_assert_double_ge(pt_counter("supportd_pg_connections_lost_total"), 1);
    PQclear(PQexec(admin, "rollback"));
    PQfinish(admin);
    db_run_until(loop, &answers, 1, 10);
    ck_assert_int_eq(seen.err, SUP_OK);
    ck_assert_int_eq(db_admin_do("select count(*) from pgtest.items"), 1);
}
END_TEST

START_TEST(host_names_are_looked_up)
{
    struct seen seen = {0};
    pool_reopen(&(struct sup_pg_pool_opts){.conninfo = db_env("SUP_TEST_TCP_URL")});
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, &seen, NULL, "di", sup_id_new(), (int64_t)1), SUP_OK);
    db_run_until(loop, &answers, 1, 10);
    ck_assert_int_eq(seen.err, SUP_OK);
    pool_reopen(&(struct sup_pg_pool_opts){.conninfo = "host=name.invalid"});
    sup_loop_step(loop, 1); /* destroyed while the name is looked up */
}
END_TEST

START_TEST(lack_of_memory_is_reported_or_survived)
{
    for (size_t n = 1; n < 60; n++) {
        struct seen seen = {0};
        struct sup_pg_pool_opts opts = {.conninfo = db_env("SUP_TEST_DATABASE_URL"),
                                        .tables = pt_tables};
        struct sup_pg_exec_opts keyed = {.key = sup_id_new(), .timeout_us = 5000000};
        sup_pg_pool_destroy(pool);
        pool = NULL;
        answers = 0;
        sup_mem_fail_at(n);
        if (sup_pg_pool_create(loop, &opts, &pool) == SUP_OK &&
            pt_exec(PT_PUT, &keyed, &seen, NULL, "di", keyed.key, (int64_t)1) == SUP_OK) {
            db_run_until(loop, &answers, 1, 10);
            ck_assert_int_eq(seen.err, SUP_OK);
        }
        sup_mem_fail_at(0);
        sup_loop_step(loop, 0);
    }
}
END_TEST

START_TEST(wrong_options_are_refused)
{
    static const struct sup_pg_stmt twice[] = {{"a", "select 1", 0, SUP_PG_RANK_REST, 0},
                                               {"a", "select 2", 0, SUP_PG_RANK_REST, 0}};
    static const struct sup_pg_stmt_table table = SUP_PG_TABLE(twice);
    static const struct sup_pg_stmt_table *const tables[] = {&table, NULL};
    struct sup_pg_pool *other = NULL;
    struct sup_pg_pool_opts opts = {.conninfo = "host=/nowhere", .tables = tables};
    ck_assert_int_eq(sup_pg_pool_create(loop, &opts, &other), SUP_E_INVAL);
    opts.tables = pt_tables;
    opts.conninfo = "no such thing";
    ck_assert_int_eq(sup_pg_pool_create(loop, &opts, &other), SUP_E_INVAL);
    opts.conninfo = "host=/nowhere";
    opts.connections = 17;
    ck_assert_int_eq(sup_pg_pool_create(loop, &opts, &other), SUP_E_INVAL);
    ck_assert_ptr_null(other);
}
END_TEST

SUP_CHECK_MAIN("pool faults", pt_setup, pt_teardown, killed_backends_lose_and_double_nothing,
               an_abort_answers_all_that_was_asked, a_crashed_server_loses_and_doubles_nothing,
               order_survives_killed_backends, unkeyed_writes_fail_when_their_outcome_is_unknown,
               an_untrustworthy_server_is_not_ready, a_silent_server_never_blocks_the_loop,
               a_stalled_batch_gives_the_connection_up, host_names_are_looked_up,
               lack_of_memory_is_reported_or_survived, wrong_options_are_refused)
