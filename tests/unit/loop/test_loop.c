#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
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
    sup_loop_set_work(loop, 2, 1);
    ck_assert_int_eq(sup_work_start(loop, job_work, job_done, job_drop, &a, NULL), SUP_OK);
    ck_assert_int_eq(sup_work_start(loop, job_work, job_done, job_drop, &b, &w), SUP_OK);
    ck_assert_int_eq(sup_work_start(loop, job_work, job_done, job_drop, &b, NULL), SUP_E_LIMIT);
    ck_assert_uint_eq(sup_loop_work_jobs(loop), 2);
    sup_work_cancel(w);
    sup_loop_run(loop);
    ck_assert_uint_eq(sup_loop_work_jobs(loop), 0);
    ck_assert_int_eq(a.worked + a.finished, 2);
    ck_assert_int_eq(b.finished, 0);
    ck_assert_int_eq(b.dropped, 1);
}
END_TEST

struct gate {
    int fd;
    int order[4], count;
};

struct passage {
    struct gate *gate;
    int name, dropped;
    bool waits;
};

static void passage_work(void *arg)
{
    struct passage *p = arg;
    char byte;
    if (p->waits)
        ck_assert_int_eq(read(p->gate->fd, &byte, 1), 1);
    p->gate->order[p->gate->count++] = p->name; /* by one thread */
}

static void passage_done(void *arg)
{
    (void)arg;
}

static void passage_drop(void *arg)
{
    ((struct passage *)arg)->dropped++;
}

START_TEST(work_begins_in_order_and_what_is_cancelled_before_never_runs)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    struct gate gate = {.fd = fds[0]};
    struct passage p[4];
    struct sup_work *works[4];
    sup_loop_set_work(loop, 4, 1);
    for (int i = 0; i < 4; i++) {
        p[i] = (struct passage){.gate = &gate, .name = i, .waits = i == 0};
        ck_assert_int_eq(
            sup_work_start(loop, passage_work, passage_done, passage_drop, &p[i], &works[i]),
            SUP_OK);
    }
    sup_work_cancel(works[3]);
    sup_work_cancel(works[1]);
    ck_assert_int_eq(p[1].dropped + p[3].dropped, 0); /* never from within */
    for (int i = 0; i < 100 && p[1].dropped + p[3].dropped < 2; i++)
        sup_loop_step(loop, 100);
    int dropped = p[1].dropped + p[3].dropped;
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    sup_loop_run(loop);
    ck_assert_int_eq(dropped, 2); /* while the thread was busy */
    ck_assert_int_eq(gate.count, 2);
    ck_assert_int_eq(gate.order[0], 0);
    ck_assert_int_eq(gate.order[1], 2);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(work_on_many_threads_is_told_each_once)
{
    enum { JOBS = 200 };
    static struct job jobs[JOBS];
    memset(jobs, 0, sizeof(jobs));
    sup_loop_set_work(loop, JOBS, 8);
    for (size_t i = 0; i < JOBS; i++)
        ck_assert_int_eq(sup_work_start(loop, job_work, job_done, job_drop, &jobs[i], NULL),
                         SUP_OK);
    sup_loop_run(loop);
    for (size_t i = 0; i < JOBS; i++)
        ck_assert(jobs[i].worked == 1 && jobs[i].finished == 1 && jobs[i].dropped == 0);
}
END_TEST

struct chain {
    int left;
    struct sup_loop *loop;
};

static void chain_work(void *arg)
{
    (void)arg;
}

static void chain_done(void *arg)
{
    struct chain *c = arg;
    if (--c->left > 0)
        ck_assert_int_eq(sup_work_start(c->loop, chain_work, chain_done, NULL, c, NULL), SUP_OK);
}

static int64_t spent_us(void)
{
    struct timespec t;
    ck_assert_int_eq(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t), 0);
    return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* A loop of real-time priority on the processor of a worker that is just telling that it is done
 * must not wait for it in a busy loop: the worker would not run again until the kernel stops the
 * loop. Processor time of the loop's thread is counted, so that a busy machine changes nothing. */
START_TEST(a_prior_loop_never_spins_for_a_worker)
{
    cpu_set_t all, one;
    ck_assert_int_eq(sched_getaffinity(0, sizeof(all), &all), 0);
    CPU_ZERO(&one);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; cpu++)
        if (CPU_ISSET(cpu, &all))
            CPU_SET(cpu, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
    const struct sched_param prior = {.sched_priority = 1}, none = {0};
    /* Where this is not allowed the daemon has no such priority either. */
    (void)sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &prior);
    struct chain c = {.left = 400, .loop = loop};
    int64_t before = spent_us();
    ck_assert_int_eq(sup_work_start(loop, chain_work, chain_done, NULL, &c, NULL), SUP_OK);
    sup_loop_run(loop);
    int64_t spent = spent_us() - before;
    (void)sched_setscheduler(0, SCHED_OTHER, &none);
    ck_assert_int_eq(sched_setaffinity(0, sizeof(all), &all), 0);
    ck_assert_int_eq(c.left, 0);
    ck_assert_int_lt(spent, 400 * 1000);
}
END_TEST

SUP_CHECK_MAIN("loop", setup, teardown, timer_fires_once_and_may_destroy_itself,
               stopped_and_destroyed_timers_stay_silent, deferred_call_runs_later,
               poller_reports_readable, poller_goes_on_after_an_error, unix_signal_reaches_the_loop,
               work_runs_is_limited_and_can_be_cancelled,
               work_begins_in_order_and_what_is_cancelled_before_never_runs,
               work_on_many_threads_is_told_each_once, a_prior_loop_never_spins_for_a_worker)
