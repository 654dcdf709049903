#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/check_main.h"
#include "supportd/loop/loop.h"

static struct sup_loop *loop;

static void setup(void)
{
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
}

static void teardown(void)
{
    ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
}

struct probe {
    int calls;
    struct sup_timer *timer;
    struct sup_poller *poller;
    int fd;
};

static void bump(void *arg)
{
    ((struct probe *)arg)->calls++;
}

static void destroy_own_timer(void *arg)
{
    struct probe *p = arg;
    p->calls++;
    sup_timer_destroy(p->timer);
}

START_TEST(timer_fires_once_and_may_destroy_itself)
{
    struct probe p = {0};
    ck_assert_int_eq(sup_timer_create(loop, destroy_own_timer, &p, &p.timer), SUP_OK);
    ck_assert(!sup_timer_armed(p.timer));
    sup_timer_start(p.timer, 100);
    ck_assert(sup_timer_armed(p.timer));
    sup_loop_run(loop);
    ck_assert_int_eq(p.calls, 1);
}
END_TEST

START_TEST(stopped_and_destroyed_timers_stay_silent)
{
    struct probe p = {0};
    struct sup_timer *other;
    ck_assert_int_eq(sup_timer_create(loop, bump, &p, &p.timer), SUP_OK);
    ck_assert_int_eq(sup_timer_create(loop, bump, &p, &other), SUP_OK);
    sup_timer_start(p.timer, 0);
    sup_timer_start(other, 0);
    sup_timer_stop(p.timer);
    sup_timer_destroy(other);
    sup_loop_run(loop);
    ck_assert_int_eq(p.calls, 0);
    sup_timer_destroy(p.timer);
}
END_TEST

START_TEST(deferred_call_runs_later)
{
    struct probe p = {0};
    ck_assert_int_eq(sup_loop_defer(loop, bump, &p), SUP_OK);
    ck_assert_int_eq(p.calls, 0);
    sup_loop_run(loop);
    ck_assert_int_eq(p.calls, 1);
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_loop_defer(loop, bump, &p), SUP_E_NOMEM);
}
END_TEST

static void read_and_stop(unsigned events, void *arg)
{
    struct probe *p = arg;
    char c;
    ck_assert_uint_eq(events, SUP_POLL_READ);
    ck_assert_int_eq(read(p->fd, &c, 1), 1);
    p->calls++;
    sup_poller_destroy(p->poller);
}

START_TEST(poller_reports_readable)
{
    struct probe p = {0};
    int fds[2];
    ck_assert_int_eq(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
    p.fd = fds[0];
    ck_assert_int_eq(sup_poller_create(loop, fds[0], read_and_stop, &p, &p.poller), SUP_OK);
    ck_assert_int_eq(sup_poller_set(p.poller, SUP_POLL_READ), SUP_OK);
    sup_loop_step(loop, 1);
    ck_assert_int_eq(p.calls, 0);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    sup_loop_run(loop);
    ck_assert_int_eq(p.calls, 1);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

static void read_to_the_end(unsigned events, void *arg)
{
    struct probe *p = arg;
    char c;
    ck_assert_uint_ne(events & SUP_POLL_READ, 0);
    ssize_t n = recv(p->fd, &c, 1, 0);
    p->calls++;
    if (n == 0 || (n < 0 && p->calls > 1))
        sup_poller_destroy(p->poller);
}

START_TEST(poller_goes_on_after_an_error)
{
    /* The peer closes with our data unread: an error first, then its last words, then the end. */
    struct probe p = {0};
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    p.fd = fds[0];
    ck_assert_int_eq(sup_poller_create(loop, fds[0], read_to_the_end, &p, &p.poller), SUP_OK);
    ck_assert_int_eq(sup_poller_set(p.poller, SUP_POLL_READ), SUP_OK);
    ck_assert_int_eq(write(fds[0], "unread", 6), 6);
    ck_assert_int_eq(write(fds[1], "xy", 2), 2);
    close(fds[1]);
    sup_loop_run(loop); /* ends only when the end of the stream was seen */
    ck_assert_int_ge(p.calls, 2);
    close(fds[0]);
}
END_TEST

START_TEST(unix_signal_reaches_the_loop)
{
    struct probe p = {0};
    struct sup_unix_signal *s;
    ck_assert_int_eq(sup_unix_signal_create(loop, SIGUSR1, bump, &p, &s), SUP_OK);
    raise(SIGUSR1);
    while (p.calls == 0)
        sup_loop_step(loop, 100);
    sup_unix_signal_destroy(s);
}
END_TEST

struct job {
    int worked, finished, dropped;
};

static void job_work(void *arg)
{
    ((struct job *)arg)->worked++;
}

static void job_done(void *arg)
{
    ((struct job *)arg)->finished++;
}

static void job_drop(void *arg)
{
    ((struct job *)arg)->dropped++;
}

START_TEST(work_runs_is_limited_and_can_be_cancelled)
{
    struct job a = {0}, b = {0};
    struct sup_work *w;
    sup_loop_set_work_limit(loop, 2);
    ck_assert_int_eq(sup_work_start(loop, job_work, job_done, job_drop, &a, NULL), SUP_OK);
    ck_assert_int_eq(sup_work_start(loop, job_work, job_done, job_drop, &b, &w), SUP_OK);
    ck_assert_int_eq(sup_work_start(loop, job_work, job_done, job_drop, &b, NULL), SUP_E_LIMIT);
    sup_work_cancel(w);
    sup_loop_run(loop);
    ck_assert_int_eq(a.worked + a.finished, 2);
    ck_assert_int_eq(b.finished, 0);
    ck_assert_int_eq(b.dropped, 1);
}
END_TEST

SUP_CHECK_MAIN("loop", setup, teardown, timer_fires_once_and_may_destroy_itself,
               stopped_and_destroyed_timers_stay_silent, deferred_call_runs_later,
               poller_reports_readable, poller_goes_on_after_an_error, unix_signal_reaches_the_loop,
               work_runs_is_limited_and_can_be_cancelled)
