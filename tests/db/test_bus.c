#include <string.h>

#include "db.h"
#include "supportd/bus/bus.h"

/* One process: a pool and a bus, on the same loop as the other. */
struct process {
    struct sup_pg_pool *pool;
    struct sup_bus *bus;
    struct sup_listener news, gap, registration;
    int events, local, listen_gaps, peer_gaps, ticks, registrations;
    int64_t last_rev;
    bool in_order;
    struct sup_id last_id;
    char last_ref[SUP_BUS_REF_MAX + 1];
};

static struct sup_loop *loop;
static struct sup_metrics *metrics;
static struct process a, b;
static const struct sup_pg_stmt_table *const tables[] = {&sup_bus_stmts, NULL};

static void on_news(struct sup_listener *listener, void *data)
{
    struct process *p = SUP_CONTAINER_OF(listener, struct process, news);
    const struct sup_bus_event *event = data;
    ck_assert_str_eq(event->topic, "chat.news");
    p->events++;
    p->local += event->local;
    p->in_order = p->in_order && event->rev == p->last_rev + 1;
    p->last_rev = event->rev;
    p->last_id = event->id;
    (void)snprintf(p->last_ref, sizeof(p->last_ref), "%s", event->ref);
}

static void on_gap(struct sup_listener *listener, void *data)
{
    struct process *p = SUP_CONTAINER_OF(listener, struct process, gap);
    enum sup_bus_gap why = *(enum sup_bus_gap *)data;
    p->listen_gaps += why == SUP_BUS_GAP_LISTEN;
    p->peer_gaps += why == SUP_BUS_GAP_PEER;
    p->ticks += why == SUP_BUS_GAP_TICK;
}

static void on_registration(struct sup_listener *listener, void *data)
{
    struct process *p = SUP_CONTAINER_OF(listener, struct process, registration);
    ck_assert(sup_id_equal(*(struct sup_id *)data, sup_bus_process(p->bus)));
    p->registrations++;
}

enum { BEAT_US = 100000, SLOW_BEAT_US = 60000000 };
static uint64_t beat_us;

static void start(struct process *p)
{
    struct sup_signal *topic;
    *p = (struct process){.in_order = true,
                          .news = {.notify = on_news},
                          .gap = {.notify = on_gap},
                          .registration = {.notify = on_registration}};
    struct sup_pg_pool_opts pool = {
        .conninfo = db_env("SUP_TEST_DATABASE_URL"), .tables = tables, .connections = 1};
    ck_assert_int_eq(sup_pg_pool_create(loop, &pool, &p->pool), SUP_OK);
    struct sup_bus_opts opts = {.conninfo = pool.conninfo,
                                .pool = p->pool,
                                .metrics = p == &a ? metrics : NULL,
                                .version = "test",
                                .beat_us = beat_us,
                                .tick_us = 3 * beat_us};
    ck_assert_int_eq(sup_bus_create(loop, &opts, &p->bus), SUP_OK);
    ck_assert_int_eq(sup_bus_topic(p->bus, "chat.news", &topic), SUP_OK);
    sup_signal_add(topic, &p->news);
    sup_signal_add(sup_bus_gaps(p->bus), &p->gap);
    sup_signal_add(sup_bus_registrations(p->bus), &p->registration);
    db_run_until(loop, &p->registrations, 1, 10);
    db_run_until(loop, &p->listen_gaps, 1, 10);
}

static void stop(struct process *p)
{
    sup_bus_destroy(p->bus);
    sup_pg_pool_destroy(p->pool);
    *p = (struct process){0};
}

static void setup(void)
{
    db_migrate();
    (void)db_admin_do("update support.processes set state = 'left'");
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    ck_assert_int_eq(sup_metrics_create(&metrics), SUP_OK);
    beat_us = BEAT_US;
    start(&a);
}

static void teardown(void)
{
    stop(&b);
    stop(&a);
    sup_metrics_destroy(metrics);
    ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
}

static void meet(void)
{
    start(&b);
    uint64_t end = sup_clock_mono_us() + 5000000;
    while (sup_bus_peers(a.bus) != 1 || sup_bus_peers(b.bus) != 1) {
        sup_loop_step(loop, 10);
        ck_assert(sup_clock_mono_us() < end);
    }
    db_run_for(loop, 150); /* first payloads of both are through */
    a.peer_gaps = b.peer_gaps = 0;
}

/* Nothing comes by a beat or a tick, and nobody seems silent who has no processor for a while. */
static void meet_slow(void)
{
    stop(&a);
    (void)db_admin_do("update support.processes set state = 'left'");
    beat_us = SLOW_BEAT_US;
    start(&a);
    meet();
}

START_TEST(own_events_come_in_the_next_pass)
{
    struct sup_id id = sup_id_new();
    ck_assert(sup_bus_registered(a.bus));
    ck_assert_int_eq(sup_bus_publish(a.bus, "chat.news", id, 1, "{\"k\":1}"), SUP_OK);
    ck_assert_int_eq(sup_bus_publish(a.bus, "chat.other", id, 1, NULL), SUP_OK);
    ck_assert_int_eq(a.events, 0);
    db_run_until(loop, &a.events, 1, 5);
    ck_assert_int_eq(a.local, 1);
    ck_assert(sup_id_equal(a.last_id, id));
    ck_assert_str_eq(a.last_ref, "{\"k\":1}");
    ck_assert_uint_eq(sup_bus_peers(a.bus), 0);
    ck_assert_int_eq(a.ticks, 0); /* nobody else: nothing to re-read */
}
END_TEST

START_TEST(other_processes_hear_everything_in_order)
{
    int total = db_scaled(50000);
    meet_slow();
    for (int i = 1; i <= total; i++) {
        ck_assert_int_eq(sup_bus_publish(a.bus, "chat.news", sup_id_new(), i,
                                         i % 2 ? "{\"s\":\"\xc3\xa4 x\"}" : ""),
                         SUP_OK);
        if (i % 300 == 0)
            sup_loop_step(loop, 1);
    }
    db_run_until(loop, &b.events, total, 60);
    ck_assert_int_eq(a.events, total);
    ck_assert_int_eq(a.local, total);
    ck_assert_int_eq(b.local, 0);
    ck_assert(a.in_order && b.in_order);
    ck_assert_int_eq(b.peer_gaps, 0);
    ck_assert_double_eq(
        sup_metric_value(sup_metrics_counter(metrics, "supportd_bus_lost_total", "", NULL, NULL)),
        0);
}
END_TEST

START_TEST(an_event_reaches_the_other_without_a_beat)
{
    meet_slow();
    ck_assert_int_eq(sup_bus_publish(b.bus, "chat.news", sup_id_new(), 1, "{}"), SUP_OK);
    db_run_until(loop, &a.events, 1, 5);
}
END_TEST

START_TEST(gaps_are_told)
{
    meet();
    db_run_until(loop, &a.ticks, 2, 5);
    (void)db_admin_do("select pg_terminate_backend(pid) from pg_stat_activity where"
                      " application_name = 'bus_listen'");
    int seen = a.listen_gaps;
    db_run_until(loop, &a.listen_gaps, seen + 1, 10);
    db_run_for(loop, 300);
    a.peer_gaps = 0;
    stop(&b); /* dies without a word */
    db_run_until(loop, &a.peer_gaps, 1, 5);
}
END_TEST

START_TEST(lost_and_broken_payloads_are_gaps)
{
    char sql[256];
    struct sup_id stranger = sup_id_new();
    const char *const bodies[] = {"nonsense", "", "x y z", " 4\\nchat.news\\n",
                                  " 5\\nchat.news 1 2 3\\n"};
    (void)snprintf(sql, sizeof(sql), "select pg_notify('supportd_bus', E'%s 1\\n')",
                   sup_id_text(stranger).s);
    (void)db_admin_do(sql);
    db_run_for(loop, 100);
    ck_assert_int_eq(a.peer_gaps, 0);
    (void)snprintf(sql, sizeof(sql),
                   "select pg_notify('supportd_bus', E'%s 3\\nchat.news %s 1 \\n')",
                   sup_id_text(stranger).s, sup_id_text(stranger).s);
    (void)db_admin_do(sql); /* number 2 is missing */
    db_run_until(loop, &a.events, 1, 5);
    ck_assert_int_eq(a.peer_gaps, 1);
    (void)db_admin_do(sql); /* heard already */
    db_run_for(loop, 100);
    ck_assert_int_eq(a.events, 1);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        int before = a.peer_gaps;
        (void)snprintf(sql, sizeof(sql), "select pg_notify('supportd_bus', E'%s%s')",
                       bodies[i][0] == ' ' ? sup_id_text(stranger).s : "", bodies[i]);
        (void)db_admin_do(sql);
        db_run_until(loop, &a.peer_gaps, before + 1, 5);
    }
    ck_assert_int_eq(a.events, 1);
}
END_TEST

/* Not of any process: one that ran the transaction itself hears it too, each time. */
START_TEST(what_a_transaction_says_reaches_all)
{
    meet_slow();
    for (int n = 1; n <= 2; n++) {
        (void)db_admin_do("select pg_notify('supportd_bus', E'00000000-0000-0000-0000-000000000000"
                          " 0\nchat.news 00000000-0000-7000-8000-000000000001 0 {}\n')");
        db_run_until(loop, &a.events, n, 5);
        db_run_until(loop, &b.events, n, 5);
    }
    ck_assert_int_eq(a.local + b.local, 0);
    ck_assert_int_eq(a.peer_gaps + b.peer_gaps, 0);
    ck_assert_uint_eq(sup_bus_peers(a.bus), 1);
}
END_TEST

START_TEST(a_process_taken_for_dead_starts_a_new_life)
{
    struct sup_id before = sup_bus_process(a.bus);
    (void)db_admin_do("update support.processes set state = 'dead'");
    db_run_until(loop, &a.registrations, 2, 10);
    ck_assert(!sup_id_equal(before, sup_bus_process(a.bus)));
    ck_assert_int_eq(db_admin_do("select count(*) from support.processes where state = 'live'"), 1);
}
END_TEST

static int left;

static void on_left(sup_err err, void *arg)
{
    ck_assert_ptr_eq(arg, &left);
    ck_assert_int_eq(err, SUP_OK);
    left++;
}

START_TEST(leaving_takes_the_process_off)
{
    left = 0;
    meet();
    ck_assert_int_eq(sup_bus_leave(b.bus, on_left, &left), SUP_OK);
    ck_assert_int_eq(sup_bus_leave(b.bus, on_left, &left), SUP_E_STATE);
    db_run_until(loop, &left, 1, 5);
    ck_assert(!sup_bus_registered(b.bus));
    ck_assert_int_eq(db_admin_do("select count(*) from support.processes where state = 'live'"), 1);
    uint64_t end = sup_clock_mono_us() + 5000000;
    while (sup_bus_peers(a.bus) > 0) {
        sup_loop_step(loop, 10);
        ck_assert(sup_clock_mono_us() < end);
    }
}
END_TEST

START_TEST(wrong_events_are_refused)
{
    struct sup_signal *signal;
    struct sup_id id = {0};
    char ref[SUP_BUS_REF_MAX + 2];
    memset(ref, 'x', sizeof(ref) - 1);
    ref[sizeof(ref) - 1] = '\0';
    ck_assert_int_eq(sup_bus_publish(a.bus, "Chat", id, 0, NULL), SUP_E_INVAL);
    ck_assert_int_eq(sup_bus_publish(a.bus, "", id, 0, NULL), SUP_E_INVAL);
    ck_assert_int_eq(sup_bus_publish(a.bus, "chat.news", id, 0, ref), SUP_E_INVAL);
    ck_assert_int_eq(sup_bus_publish(a.bus, "chat.news", id, 0, "a\nb"), SUP_E_INVAL);
    ck_assert_int_eq(sup_bus_topic(a.bus, "a_topic_name_of_more_than_thirty1", &signal),
                     SUP_E_INVAL);
    ref[SUP_BUS_REF_MAX] = '\0';
    for (int i = 0; i < 8192; i++)
        ck_assert_int_eq(sup_bus_publish(a.bus, "quiet", id, 0, NULL), SUP_OK);
    ck_assert_int_eq(sup_bus_publish(a.bus, "quiet", id, 0, ref), SUP_E_LIMIT);
    sup_loop_step(loop, 1);
    ck_assert_int_eq(sup_bus_publish(a.bus, "quiet", id, 0, ref), SUP_OK);
    for (int i = 0; i < 70; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "topic_%d", i);
        ck_assert_int_eq(sup_bus_topic(a.bus, name, &signal), i < 63 ? SUP_OK : SUP_E_LIMIT);
    }
}
END_TEST

START_TEST(lack_of_memory_at_the_start_is_reported)
{
    for (size_t n = 1; n < 40; n++) {
        struct sup_bus *other = NULL;
        struct sup_bus_opts opts = {.conninfo = db_env("SUP_TEST_DATABASE_URL"), .pool = a.pool};
        sup_mem_fail_at(n);
        sup_err err = sup_bus_create(loop, &opts, &other);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || err == SUP_E_NOMEM);
        sup_bus_destroy(other);
    }
}
END_TEST

SUP_CHECK_MAIN("bus", setup, teardown, own_events_come_in_the_next_pass,
               other_processes_hear_everything_in_order, an_event_reaches_the_other_without_a_beat,
               gaps_are_told, lost_and_broken_payloads_are_gaps,
               what_a_transaction_says_reaches_all, a_process_taken_for_dead_starts_a_new_life,
               leaving_takes_the_process_off, wrong_events_are_refused,
               lack_of_memory_at_the_start_is_reported)
