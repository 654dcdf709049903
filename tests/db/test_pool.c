#include "pool_schema.h"

#include <stdarg.h>
#include <string.h>

static void on_echo(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_id *id = arg;
    struct sup_pg_result *r = reply->rows;
    uint8_t bytes[8];
    struct sup_id ids[4];
    ck_assert_int_eq(reply->err, SUP_OK);
    ck_assert_int_eq(sup_pg_rows(r), 1);
    ck_assert_str_eq(sup_pg_text(r, 0, 0), "Gr\xc3\xbc\xc3\x9f \"Gott\" \\ {a,b}");
    ck_assert_uint_eq(sup_pg_text_len(r, 0, 0), strlen(sup_pg_text(r, 0, 0)));
    ck_assert_int_eq(sup_pg_int(r, 0, 1), INT64_MIN);
    ck_assert(sup_pg_bool(r, 0, 2));
    ck_assert(sup_id_equal(sup_pg_id(r, 0, 3), *id));
    ck_assert_int_eq(sup_pg_time(r, 0, 4), 1795364280123456);
    json_t *json = sup_pg_json(r, 0, 5);
    ck_assert_int_eq(json_integer_value(json_object_get(json, "k")), 7);
    json_decref(json);
    ck_assert_uint_eq(sup_pg_bytes(r, 0, 6, bytes, sizeof(bytes)), 3);
    ck_assert_int_eq(memcmp(bytes, "\x00\xff\x10", 3), 0);
    ck_assert_uint_eq(sup_pg_ids(r, 0, 8, ids, 4), 2);
    ck_assert(sup_id_equal(ids[1], *id));
    ck_assert_str_eq(sup_pg_text(r, 0, 9), "{-1,2}");
    ck_assert(sup_pg_is_null(r, 0, 10));
    ck_assert_ptr_null(sup_pg_text(r, 0, 10));
    ck_assert_double_eq(sup_pg_num(r, 0, 11), 0.1);
    ck_assert_int_eq(sup_pg_int(r, 0, 12), 3);
    ck_assert_str_eq(sup_pg_text(r, 0, 13), "x\",\\y");
    ck_assert_int_eq(sup_pg_col(r, "array_length"), 12);
    ck_assert_int_eq(sup_pg_result_check(r), SUP_OK);
    ck_assert_int_eq(sup_pg_int(r, 0, 0), 0); /* a text is no number */
    ck_assert_int_eq(sup_pg_result_check(r), SUP_E_MALFORMED);
    answers++;
}

START_TEST(every_type_goes_there_and_back)
{
    struct sup_id id = sup_id_new();
    const char *texts[] = {"", "x\",\\y", "NULL"};
    const int64_t ints[] = {-1, 2};
    const struct sup_id ids[] = {sup_id_new(), id};
    json_t *json = json_pack("{s:i}", "k", 7);
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "Gr\xc3\xbc\xc3\x9f \"Gott\" \\ {a,b}");
    sup_pg_add_int(&p, INT64_MIN);
    sup_pg_add_bool(&p, true);
    sup_pg_add_id(&p, id);
    sup_pg_add_time(&p, 1795364280123456);
    sup_pg_add_json(&p, json);
    sup_pg_add_bytes(&p, (const uint8_t *)"\x00\xff\x10", 3);
    sup_pg_add_texts(&p, texts, 3);
    sup_pg_add_ids(&p, ids, 2);
    sup_pg_add_ints(&p, ints, 2);
    sup_pg_add_null(&p);
    sup_pg_add_num(&p, 0.1);
    ck_assert_int_eq(p.err, SUP_OK);
    ck_assert_int_eq(sup_pg_exec(pool, &pt[PT_ECHO], &p, NULL, on_echo, &id, NULL), SUP_OK);
    sup_pg_params_fini(&p);
    json_decref(json);
    db_run_until(loop, &answers, 1, 10);
}
END_TEST

START_TEST(wrong_parameters_stick_and_never_reach_the_server)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "\xff");
    sup_pg_add_int(&p, 1);
    ck_assert_int_eq(p.err, SUP_E_INVAL);
    ck_assert_uint_eq(p.count, 0);
    ck_assert_int_eq(sup_pg_exec(pool, &pt[PT_FAIL], &p, NULL, on_seen, NULL, NULL), SUP_E_INVAL);
    sup_pg_params_fini(&p);
    const char *bad[] = {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "a\x80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        sup_pg_add_text(&p, bad[i]);
        ck_assert_int_eq(p.err, SUP_E_INVAL);
        sup_pg_params_fini(&p);
    }
    sup_pg_add_textn(&p, "a\0b", 3);
    ck_assert_int_eq(p.err, SUP_E_INVAL);
    sup_pg_params_fini(&p);
    sup_pg_add_time(&p, -1);
    ck_assert_int_eq(p.err, SUP_E_INVAL);
    sup_pg_params_fini(&p);
    for (int i = 0; i <= SUP_PG_MAX_PARAMS; i++)
        sup_pg_add_null(&p);
    ck_assert_int_eq(p.err, SUP_E_LIMIT);
    sup_pg_params_fini(&p);
    struct sup_pg_stmt stranger = pt[PT_SHAPE];
    ck_assert_int_eq(sup_pg_exec(pool, &stranger, NULL, NULL, on_seen, NULL, NULL), SUP_E_INVAL);
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, NULL, NULL, "i", (int64_t)1), SUP_E_INVAL);
    ck_assert_uint_eq(sup_pg_pool_pending(pool), 0);
}
END_TEST

enum { KEYS = 20 };

START_TEST(requests_of_one_key_keep_their_order)
{
    struct sup_id keys[KEYS];
    int per_key = db_scaled(2000), sent = 0;
    struct seen *seen = sup_calloc((size_t)(per_key * KEYS), sizeof(*seen));
    for (int k = 0; k < KEYS; k++)
        keys[k] = sup_id_new();
    for (int n = 1; n <= per_key; n++) {
        for (int k = 0; k < KEYS; k++) {
            struct sup_pg_exec_opts opts = {.key = keys[k]};
            ck_assert_int_eq(
                pt_exec(PT_APPEND, &opts, &seen[sent++], NULL, "di", keys[k], (int64_t)n), SUP_OK);
        }
        /* A failing neighbour now and then: the repeat must not disturb the order either. */
        if (n % 7 == 0)
            ck_assert_int_eq(pt_exec(PT_FAIL, NULL, NULL, NULL, "t", "nope"), SUP_OK);
        if (n % 50 == 0)
            sup_loop_step(loop, 0);
        pt_make_room();
    }
    db_run_until(loop, &answers, sent + per_key / 7, 120);
    for (int i = 0; i < sent; i++) {
        ck_assert_int_eq(seen[i].calls, 1);
        ck_assert_msg(seen[i].err == SUP_OK, "%d: %s", i, seen[i].code);
    }
    sup_free(seen);
    ck_assert_int_eq(db_admin_do("select count(*) from pgtest.lists where last = "
                                 "(select max(last) from pgtest.lists)"),
                     KEYS);
    ck_assert_double_eq(pt_counter("supportd_pg_deadlocks_total"), 0);
}
END_TEST

START_TEST(a_failure_is_nobody_elses)
{
    enum { COUNT = 500 };
    static struct seen seen[COUNT];
    memset(seen, 0, sizeof(seen));
    wait_ready();
    for (int i = 0; i < COUNT; i++)
        if (i % 10 == 3)
            ck_assert_int_eq(
                pt_exec(PT_FAIL, NULL, &seen[i], NULL, "t", i % 20 == 3 ? "chat_closed" : "unique"),
                SUP_OK);
        else
            ck_assert_int_eq(pt_exec(PT_PUT, NULL, &seen[i], NULL, "di", sup_id_new(), (int64_t)i),
                             SUP_OK);
    ck_assert_int_eq(answers, 0); /* never before the call returns */
    db_run_until(loop, &answers, COUNT, 30);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(seen[i].calls, 1);
        ck_assert_int_eq(seen[i].err, i % 10 == 3 ? SUP_E_DB : SUP_OK);
        if (i % 10 == 3) {
            bool own = i % 20 == 3;
            ck_assert_str_eq(seen[i].sqlstate, own ? "SD409" : "23505");
            ck_assert_str_eq(seen[i].code, own ? "chat_closed" : "");
            ck_assert_str_eq(seen[i].constraint, own ? "" : "marks_pkey");
        }
    }
    ck_assert_int_eq(db_admin_do("select count(*) from pgtest.items"), COUNT / 10 * 9);
}
END_TEST

START_TEST(a_failing_commit_is_told_to_its_cause_only)
{
    struct seen seen[4] = {0};
    wait_ready();
    ck_assert_int_eq(pt_exec(PT_DEFER, NULL, &seen[0], NULL, "i", (int64_t)1), SUP_OK);
    db_run_until(loop, &answers, 1, 10);
    ck_assert_int_eq(pt_exec(PT_DEFER, NULL, &seen[1], NULL, "i", (int64_t)1), SUP_OK);
    db_run_until(loop, &answers, 2, 10);
    ck_assert_int_eq(seen[1].err, SUP_E_DB);
    ck_assert_str_eq(seen[1].sqlstate, "23505");
    ck_assert_int_eq(pt_exec(PT_DEFER, NULL, &seen[2], NULL, "i", (int64_t)1), SUP_OK);
    ck_assert_int_eq(pt_exec(PT_DEFER, NULL, &seen[3], NULL, "i", (int64_t)2), SUP_OK);
    db_run_until(loop, &answers, 4, 10);
    ck_assert_int_eq(seen[2].err, SUP_E_DB);
    ck_assert_str_eq(seen[2].sqlstate, "23505");
    ck_assert_int_eq(seen[3].err, SUP_OK);
    ck_assert_int_eq(db_admin_do("select count(*) from pgtest.deferred"), 2);
}
END_TEST

START_TEST(cancelled_requests_stay_silent)
{
    struct seen seen[3] = {0};
    struct sup_pg_req *queued, *sent;
    wait_ready();
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, &seen[0], &queued, "di", sup_id_new(), (int64_t)1),
                     SUP_OK);
    sup_pg_req_cancel(queued);
    ck_assert_uint_eq(sup_pg_pool_pending(pool), 0);
    ck_assert_int_eq(pt_exec(PT_SLEEP, NULL, &seen[1], &sent, "n", 0.2), SUP_OK);
    db_run_for(loop, 50);
    sup_pg_req_cancel(sent);
    ck_assert_uint_eq(sup_pg_pool_pending(pool), 1); /* its place in the batch stays */
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, &seen[2], NULL, "di", sup_id_new(), (int64_t)2), SUP_OK);
    db_run_until(loop, &answers, 1, 10);
    db_run_for(loop, 400);
    ck_assert_int_eq(seen[0].calls + seen[1].calls, 0);
    ck_assert_int_eq(seen[2].calls, 1);
    ck_assert_uint_eq(sup_pg_pool_pending(pool), 0);
    ck_assert_int_eq(db_admin_do("select count(*) from pgtest.items"), 1);
}
END_TEST

START_TEST(deadlines_hold_queued_and_sent)
{
    struct seen seen[3] = {0};
    struct sup_pg_exec_opts brief = {.timeout_us = 100000};
    wait_ready();
    uint64_t start = sup_clock_mono_us();
    ck_assert_int_eq(pt_exec(PT_SLEEP, &brief, &seen[0], NULL, "n", 1.0), SUP_OK);
    db_run_until(loop, &answers, 1, 10);
    ck_assert_uint_lt(sup_clock_mono_us() - start, 600000);
    ck_assert_int_eq(seen[0].err, SUP_E_TIMEOUT);
    ck_assert_str_eq(seen[0].sqlstate, "");
    pool_reopen(&(struct sup_pg_pool_opts){.statement_timeout_ms = 200});
    ck_assert_int_eq(pt_exec(PT_SLEEP, NULL, &seen[1], NULL, "n", 3.0), SUP_OK);
    db_run_until(loop, &answers, 2, 10);
    ck_assert_int_eq(seen[1].err, SUP_E_TIMEOUT);
    ck_assert_str_eq(seen[1].sqlstate, "57014");
    /* Nobody listens on port 1. */
    pool_reopen(&(struct sup_pg_pool_opts){.conninfo = "host=127.0.0.1 port=1 dbname=x"});
    ck_assert_int_eq(pt_exec(PT_SLEEP, &brief, &seen[2], NULL, "n", 0.0), SUP_OK);
    db_run_until(loop, &answers, 3, 10);
    ck_assert_int_eq(seen[2].err, SUP_E_TIMEOUT);
    const char *reason;
    ck_assert(!sup_pg_pool_ready(pool, &reason));
    ck_assert_str_eq(reason, "unreachable");
    ck_assert_uint_eq(sup_pg_pool_pending(pool), 0);
}
END_TEST

START_TEST(the_queue_has_a_limit)
{
    pool_reopen(&(struct sup_pg_pool_opts){.queue_limit = 3});
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pt_exec(PT_PUT, NULL, NULL, NULL, "di", sup_id_new(), (int64_t)i), SUP_OK);
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, NULL, NULL, "di", sup_id_new(), (int64_t)9),
                     SUP_E_LIMIT);
    db_run_until(loop, &answers, 3, 10);
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, NULL, NULL, "di", sup_id_new(), (int64_t)4), SUP_OK);
    sup_pg_pool_close(pool);
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, NULL, NULL, "di", sup_id_new(), (int64_t)5),
                     SUP_E_CLOSED);
    db_run_until(loop, &answers, 4, 10); /* what was under way goes on */
}
END_TEST

static void flood_locks(int rounds, int locks)
{
    struct sup_id ids[40];
    unsigned seed = 4711;
    for (int i = 0; i < locks; i++)
        ids[i] = sup_id_new();
    for (int i = 0; i < rounds; i++) {
        struct sup_id a = ids[(unsigned)rand_r(&seed) % (unsigned)locks], b;
        struct sup_pg_exec_opts opts = {.key = a};
        if (i % 10 == 0) {
            do
                b = ids[(unsigned)rand_r(&seed) % (unsigned)locks];
            while (sup_id_equal(a, b));
            bool ordered = memcmp(a.bytes, b.bytes, sizeof(a.bytes)) < 0;
            opts.key = ordered ? a : b;
            ck_assert_int_eq(
                pt_exec(PT_TOUCH_TWO, &opts, NULL, NULL, "dd", ordered ? a : b, ordered ? b : a),
                SUP_OK);
        } else {
            ck_assert_int_eq(pt_exec(PT_TOUCH, &opts, NULL, NULL, "d", a), SUP_OK);
        }
        if (i % 100 == 0)
            sup_loop_step(loop, 0);
        pt_make_room();
    }
    db_run_until(loop, &answers, rounds, 120);
}

START_TEST(unsorted_locks_never_deadlock)
{
    int rounds = db_scaled(40000);
    wait_ready();
    flood_locks(rounds, 40);
    ck_assert_double_eq(pt_counter("supportd_pg_deadlocks_total"), 0);
    ck_assert_int_eq(db_admin_do("select sum(n) from pgtest.marks"), rounds + rounds / 10);
}
END_TEST

START_TEST(a_real_deadlock_is_repeated)
{
    struct seen seen[2] = {0};
    struct sup_id a = sup_id_new(), b = sup_id_new();
    pool_reopen(&(struct sup_pg_pool_opts){.connections = 2});
    ck_assert_int_eq(pt_exec(PT_TOUCH, NULL, NULL, NULL, "d", a), SUP_OK);
    ck_assert_int_eq(pt_exec(PT_TOUCH, NULL, NULL, NULL, "d", b), SUP_OK);
    db_run_until(loop, &answers, 2, 10);
    db_run_for(loop, 200);
    ck_assert_int_eq(pt_exec(PT_CROSS, NULL, &seen[0], NULL, "dd", a, b), SUP_OK);
    db_run_for(loop, 50); /* a batch each, so a connection each */
    ck_assert_int_eq(pt_exec(PT_CROSS, NULL, &seen[1], NULL, "dd", b, a), SUP_OK);
    db_run_until(loop, &answers, 4, 20);
    ck_assert_int_eq(seen[0].err, SUP_OK);
    ck_assert_int_eq(seen[1].err, SUP_OK);
    ck_assert_double_ge(pt_counter("supportd_pg_deadlocks_total"), 1);
    ck_assert_int_eq(db_admin_do("select sum(n) from pgtest.marks"), 6);
}
END_TEST

START_TEST(a_changed_table_is_planned_again)
{
    struct seen seen[3] = {0};
    pool_reopen(&(struct sup_pg_pool_opts){.connections = 1});
    ck_assert_int_eq(pt_exec(PT_SHAPE, NULL, &seen[0], NULL, ""), SUP_OK);
    db_run_until(loop, &answers, 1, 10);
    (void)db_admin_do("alter table pgtest.shape add b text");
    ck_assert_int_eq(pt_exec(PT_SHAPE, NULL, &seen[1], NULL, ""), SUP_OK);
    ck_assert_int_eq(pt_exec(PT_PUT, NULL, &seen[2], NULL, "di", sup_id_new(), (int64_t)1), SUP_OK);
    db_run_until(loop, &answers, 3, 10);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(seen[i].err, SUP_OK);
}
END_TEST

SUP_CHECK_MAIN("pool", pt_setup, pt_teardown, every_type_goes_there_and_back,
               wrong_parameters_stick_and_never_reach_the_server,
               requests_of_one_key_keep_their_order, a_failure_is_nobody_elses,
               a_failing_commit_is_told_to_its_cause_only, cancelled_requests_stay_silent,
               deadlines_hold_queued_and_sent, the_queue_has_a_limit, unsorted_locks_never_deadlock,
               a_real_deadlock_is_repeated, a_changed_table_is_planned_again)
