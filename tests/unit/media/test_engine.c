/* Unit tests of media/engine: options, timers, watches. */
#include "supportd/media/engine.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../../../src/media/engine_internal.h"
#include "support/check_main.h"
#include "supportd/base/clock.h"

static const struct sup_media_address loopback = {.address = "127.0.0.1"};
static struct sup_media_engine *engine;

static struct sup_media_engine_opts good_opts(void)
{
    return (struct sup_media_engine_opts){.addresses = &loopback, .address_count = 1};
}

static void setup(void)
{
    struct sup_media_engine_opts opts = good_opts();
    ck_assert_int_eq(sup_media_engine_create(&opts, &engine), SUP_OK);
}

static void teardown(void)
{
    sup_clock_real();
    sup_media_engine_destroy(engine);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

enum { TIMERS = 200 };
struct ticking {
    struct sup_media_timer timer;
    int calls;
};
static uint64_t last_at;
static int order_errors;

static void on_time(struct sup_media_timer *timer)
{
    SUP_CONTAINER_OF(timer, struct ticking, timer)->calls++;
    if (timer->at_us < last_at)
        order_errors++;
    last_at = timer->at_us;
}

START_TEST(timers_run_in_order_and_only_when_due)
{
    static struct ticking t[TIMERS];
    memset(t, 0, sizeof(t));
    last_at = 0;
    order_errors = 0;
    sup_clock_fake(1000000, 0);
    for (uint32_t i = 0; i < TIMERS; i++) {
        t[i].timer.on_time = on_time;
        ck_assert_int_eq(sup_media_timer_add(engine, &t[i].timer), SUP_OK);
        sup_media_timer_set(engine, &t[i].timer, 1000000 + (i * 7919u) % 1000 * 1000);
    }
    for (uint32_t i = 0; i < TIMERS; i += 3) /* moved and stopped */
        sup_media_timer_set(engine, &t[i].timer, 1000000 + (i * 104729u) % 1000 * 1000);
    for (uint32_t i = 0; i < TIMERS; i += 5)
        sup_media_timer_set(engine, &t[i].timer, SUP_MEDIA_NEVER);
    for (uint64_t now = 1000000; now <= 2000000; now += 50000) {
        sup_clock_fake(now, 0);
        sup_media_engine_step(engine);
        ck_assert_uint_gt(sup_media_engine_deadline(engine), now);
    }
    ck_assert_uint_eq(sup_media_engine_deadline(engine), SUP_MEDIA_NEVER);
    ck_assert_int_eq(order_errors, 0);
    for (uint32_t i = 0; i < TIMERS; i++) {
        ck_assert_int_eq(t[i].calls, i % 5 != 0);
        sup_media_timer_remove(engine, &t[i].timer);
    }
}
END_TEST

struct pipe_watch {
    struct sup_media_watch watch;
    int calls;
    struct pipe_watch *victim;
};

static void on_ready(struct sup_media_watch *watch, uint32_t events)
{
    struct pipe_watch *p = SUP_CONTAINER_OF(watch, struct pipe_watch, watch);
    ck_assert_uint_eq(events & EPOLLIN, EPOLLIN);
    p->calls++;
    if (p->victim) {
        sup_media_watch_remove(engine, &p->victim->watch);
        p->victim = NULL;
    }
}

START_TEST(removed_watch_hears_nothing_of_the_same_batch)
{
    int a[2], b[2];
    ck_assert_int_eq(pipe(a), 0);
    ck_assert_int_eq(pipe(b), 0);
    struct pipe_watch x = {.watch = {.fd = a[0], .on_ready = on_ready}};
    struct pipe_watch y = {.watch = {.fd = b[0], .on_ready = on_ready}};
    x.victim = &y;
    y.victim = &x;
    ck_assert_int_eq(sup_media_watch_add(engine, &x.watch, EPOLLIN), SUP_OK);
    ck_assert_int_eq(sup_media_watch_add(engine, &y.watch, EPOLLIN), SUP_OK);
    ck_assert_int_eq(write(a[1], "1", 1), 1);
    ck_assert_int_eq(write(b[1], "1", 1), 1);
    sup_media_engine_step(engine);
    ck_assert_int_eq(x.calls + y.calls, 1);
    sup_media_watch_remove(engine, &x.watch);
    sup_media_watch_remove(engine, &y.watch);
    close(a[0]);
    close(a[1]);
    close(b[0]);
    close(b[1]);
}
END_TEST

enum { GAP_US = 1000, WINDOW_GAPS = 16 };

/* Packets come every every_us for a time, each followed by a step. */
static uint64_t run_at(uint64_t from_us, uint64_t until_us, uint64_t every_us)
{
    for (; from_us < until_us; from_us += every_us) {
        sup_clock_fake(from_us, 0);
        sup_media_engine_step(engine);
    }
    return from_us;
}

static bool is_readable(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, wait_ms) == 1;
}

START_TEST(a_busy_engine_beats_and_a_quiet_one_does_not)
{
    struct sup_media_engine_opts opts = good_opts();
    struct sup_media_engine_stats stats;
    opts.gather_us = GAP_US;
    sup_media_engine_destroy(engine);
    ck_assert_int_eq(sup_media_engine_create(&opts, &engine), SUP_OK);
    int a[2], beat = sup_media_engine_beat_fd(engine);
    ck_assert_int_ge(beat, 0);
    ck_assert_int_eq(pipe(a), 0);
    struct pipe_watch x = {.watch = {.fd = a[0], .on_ready = on_ready}};
    ck_assert_int_eq(sup_media_watch_add(engine, &x.watch, EPOLLIN), SUP_OK);
    ck_assert_int_eq(write(a[1], "1", 1), 1); /* stays: one event in each step */
    uint64_t now_us = 5000000;
    run_at(now_us, now_us + 1, 1); /* the window begins with the first packet after a rest */
    now_us = run_at(now_us, now_us + 2 * WINDOW_GAPS * GAP_US, 2 * GAP_US);
    ck_assert(!sup_media_engine_beats(engine)); /* half a packet in each gap */
    ck_assert(!is_readable(beat, 20));
    now_us = run_at(now_us, now_us + 2 * WINDOW_GAPS * GAP_US, GAP_US / 2);
    ck_assert(sup_media_engine_beats(engine));
    ck_assert(is_readable(beat, 5000));
    ck_assert_uint_eq(sup_media_engine_deadline(engine), SUP_MEDIA_NEVER);
    now_us = run_at(now_us, now_us + 2 * WINDOW_GAPS * GAP_US, GAP_US * 3 / 2);
    ck_assert(sup_media_engine_beats(engine)); /* less than began it, more than ends it */
    now_us = run_at(now_us, now_us + 4 * WINDOW_GAPS * GAP_US, 3 * GAP_US);
    ck_assert(!sup_media_engine_beats(engine));
    ck_assert(!is_readable(beat, 20));
    sup_media_engine_get_stats(engine, &stats);
    ck_assert_uint_gt(stats.beats, WINDOW_GAPS);
    ck_assert_uint_lt(stats.beats, stats.steps);
    ck_assert_uint_eq(stats.events, (uint64_t)x.calls);
    sup_media_watch_remove(engine, &x.watch);
    close(a[0]);
    close(a[1]);
}
END_TEST

START_TEST(timers_run_at_the_beat)
{
    struct sup_media_engine_opts opts = good_opts();
    opts.gather_us = GAP_US;
    sup_media_engine_destroy(engine);
    ck_assert_int_eq(sup_media_engine_create(&opts, &engine), SUP_OK);
    int a[2];
    ck_assert_int_eq(pipe(a), 0);
    struct pipe_watch x = {.watch = {.fd = a[0], .on_ready = on_ready}};
    struct ticking t = {.timer = {.on_time = on_time}};
    ck_assert_int_eq(sup_media_watch_add(engine, &x.watch, EPOLLIN), SUP_OK);
    ck_assert_int_eq(write(a[1], "1", 1), 1);
    ck_assert_int_eq(sup_media_timer_add(engine, &t.timer), SUP_OK);
    uint64_t now_us = run_at(5000000, 5100000, GAP_US / 2);
    ck_assert(sup_media_engine_beats(engine));
    sup_media_timer_set(engine, &t.timer, now_us + 10);
    uint64_t deadline_us = sup_media_engine_deadline(engine);
    run_at(now_us + GAP_US, now_us + GAP_US + 1, 1);
    sup_media_timer_remove(engine, &t.timer);
    sup_media_watch_remove(engine, &x.watch);
    ck_assert_uint_eq(deadline_us, SUP_MEDIA_NEVER);
    ck_assert_int_eq(t.calls, 1);
    close(a[0]);
    close(a[1]);
}
END_TEST

START_TEST(without_a_gap_there_is_no_beat)
{
    int a[2];
    ck_assert_int_eq(sup_media_engine_beat_fd(engine), -1);
    ck_assert_int_eq(pipe(a), 0);
    struct pipe_watch x = {.watch = {.fd = a[0], .on_ready = on_ready}};
    ck_assert_int_eq(sup_media_watch_add(engine, &x.watch, EPOLLIN), SUP_OK);
    ck_assert_int_eq(write(a[1], "1", 1), 1);
    run_at(5000000, 5100000, 100);
    ck_assert(!sup_media_engine_beats(engine));
    sup_media_watch_remove(engine, &x.watch);
    close(a[0]);
    close(a[1]);
}
END_TEST

START_TEST(bad_options_are_refused)
{
    struct sup_media_engine *none = NULL;
    const struct sup_media_address bad[] = {
        {.address = "localhost"}, {.address = NULL}, {.address = "127.0.0.1", .advertised = "::1"}};
    for (size_t i = 0; i < 3; i++) {
        struct sup_media_engine_opts opts = good_opts();
        opts.addresses = &bad[i];
        ck_assert_int_eq(sup_media_engine_create(&opts, &none), SUP_E_INVAL);
    }
    struct sup_media_engine_opts opts = good_opts();
    opts.address_count = 0;
    ck_assert_int_eq(sup_media_engine_create(&opts, &none), SUP_E_INVAL);
    opts = good_opts();
    opts.port_min = 2;
    opts.port_max = 1;
    ck_assert_int_eq(sup_media_engine_create(&opts, &none), SUP_E_INVAL);
    opts = good_opts();
    opts.turn.address = "turn.example";
    ck_assert_int_eq(sup_media_engine_create(&opts, &none), SUP_E_INVAL);
    opts = good_opts();
    opts.srtp_window = 100;
    ck_assert_int_eq(sup_media_engine_create(&opts, &none), SUP_E_INVAL);
    opts = good_opts();
    opts.gather_us = SUP_MEDIA_GATHER_MAX_US + 1;
    ck_assert_int_eq(sup_media_engine_create(&opts, &none), SUP_E_INVAL);
    ck_assert_ptr_null(none);
}
END_TEST

START_TEST(lack_of_memory_leaves_nothing)
{
    struct sup_media_engine_opts opts = good_opts();
    opts.turn = (struct sup_media_server){"127.0.0.1", 0, "user", "secret"};
    sup_media_engine_destroy(engine);
    engine = NULL;
    int failures = 0;
    for (size_t n = 1; n < 20; n++) {
        sup_mem_fail_at(n);
        sup_err err = sup_media_engine_create(&opts, &engine);
        sup_mem_fail_at(0);
        if (err == SUP_OK)
            break;
        ck_assert_int_eq(err, SUP_E_NOMEM);
        ck_assert_ptr_null(engine);
        ck_assert_uint_eq(sup_mem_live(), 0);
        failures++;
    }
    ck_assert_int_ge(failures, 6);
    ck_assert_ptr_nonnull(engine);
    struct sup_media_server turn = {"127.0.0.1", 0, "later", "other"};
    ck_assert_int_eq(sup_media_engine_set_turn(engine, &turn), SUP_OK);
    ck_assert_str_eq(sup_media_config(engine)->turn.username, "later");
    ck_assert_uint_eq(sup_media_config(engine)->turn.port, 3478);
    size_t live = sup_mem_live();
    for (size_t n = 1; n <= 3; n++) {
        sup_mem_fail_at(n);
        turn.username = "never";
        ck_assert_int_eq(sup_media_engine_set_turn(engine, &turn), SUP_E_NOMEM);
        sup_mem_fail_at(0);
        ck_assert_uint_eq(sup_mem_live(), live);
    }
    turn.address = "turn.bank.example"; /* names are for others to look up */
    ck_assert_int_eq(sup_media_engine_set_turn(engine, &turn), SUP_E_INVAL);
    turn.address = "2001:db8::1";
    ck_assert_int_eq(sup_media_engine_set_turn(engine, &turn), SUP_E_INVAL);
    ck_assert_str_eq(sup_media_config(engine)->turn.username, "later");
    ck_assert_int_eq(sup_media_engine_set_turn(engine, &(struct sup_media_server){0}), SUP_OK);
    ck_assert_ptr_null(sup_media_config(engine)->turn.address);
}
END_TEST

SUP_CHECK_MAIN("engine", setup, teardown, timers_run_in_order_and_only_when_due,
               removed_watch_hears_nothing_of_the_same_batch,
               a_busy_engine_beats_and_a_quiet_one_does_not, timers_run_at_the_beat,
               without_a_gap_there_is_no_beat, bad_options_are_refused,
               lack_of_memory_leaves_nothing)
