/* The event loop: timers, pollers, signals, deferred calls and the work queue.
 *
 * Layer:  loop. The only owner of uv_loop_t (lent to net by loop_uv.h).
 * Thread: all calls from the thread that runs the loop, but for work functions.
 * Source: libuv 1.44. Handles close later than destroy: the memory of a destroyed object goes in
 * libuv's close callback; no callback of it runs after destroy has been called. */
#ifndef SUPPORTD_LOOP_LOOP_H
#define SUPPORTD_LOOP_LOOP_H
#include <stdbool.h>
#include <stdint.h>

#include "supportd/base/err.h"

struct sup_loop;
struct sup_timer;
struct sup_poller;
struct sup_unix_signal;
struct sup_work;

typedef void (*sup_loop_cb)(void *arg);

/* *ret_loop is owned. Errors: SUP_E_NOMEM, SUP_E_IO. */
SUP_MUST_CHECK sup_err sup_loop_create(struct sup_loop **ret_loop);
/* Runs close callbacks and waits for running work, then frees. NULL is a no-op. Objects made on the
 * loop must have been destroyed. Returns SUP_E_STATE (and leaks) if handles are still active. */
sup_err sup_loop_destroy(struct sup_loop *loop);
/* Runs until sup_loop_stop() or until nothing is left to wait for. */
void sup_loop_run(struct sup_loop *loop);
void sup_loop_stop(struct sup_loop *loop);
/* One pass; waits at most timeout_ms (0: does not wait). For tests. */
void sup_loop_step(struct sup_loop *loop, uint32_t timeout_ms);

/* cb runs once in the next pass, never before this call returns. Errors: SUP_E_NOMEM. Deferred
 * calls cannot be cancelled: arg must live (or use a timer of 0 us). */
SUP_MUST_CHECK sup_err sup_loop_defer(struct sup_loop *loop, sup_loop_cb cb, void *arg);

/* One-shot timer, created disarmed. Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_timer_create(struct sup_loop *loop, sup_loop_cb cb, void *arg,
                                        struct sup_timer **ret_timer);
void sup_timer_destroy(struct sup_timer *timer); /* NULL is a no-op; allowed in its own callback */
/* Arms (or re-arms) for delay_us from now, rounded up to a millisecond. */
void sup_timer_start(struct sup_timer *timer, uint64_t delay_us);
void sup_timer_stop(struct sup_timer *timer);
bool sup_timer_armed(const struct sup_timer *timer);

enum { SUP_POLL_READ = 1, SUP_POLL_WRITE = 2 };
/* events: SUP_POLL_* seen; error: the descriptor failed (then events is both, so reads find it). */
typedef void (*sup_poller_cb)(unsigned events, void *arg);
/* fd is borrowed: destroy (or stop) the poller before closing it. Created stopped. */
SUP_MUST_CHECK sup_err sup_poller_create(struct sup_loop *loop, int fd, sup_poller_cb cb, void *arg,
                                         struct sup_poller **ret_poller);
void sup_poller_destroy(struct sup_poller *poller); /* NULL is a no-op; allowed in its callback */
/* 0 stops. Level-triggered. Errors: SUP_E_IO. */
SUP_MUST_CHECK sup_err sup_poller_set(struct sup_poller *poller, unsigned events);

/* cb on the loop thread for each delivery of the unix signal signum. */
SUP_MUST_CHECK sup_err sup_unix_signal_create(struct sup_loop *loop, int signum, sup_loop_cb cb,
                                              void *arg, struct sup_unix_signal **ret_signal);
void sup_unix_signal_destroy(struct sup_unix_signal *signal);

enum { SUP_WORK_THREADS_MAX = 64 };

/* Runs work(arg) on a pool thread, then done(arg) on the loop thread, in a later pass. Jobs begin
 * in order. At most max_queued wait or run at a time: beyond, SUP_E_LIMIT. Other errors:
 * SUP_E_NOMEM, SUP_E_IO (no thread). The loop never waits for a job, whatever its priority. After
 * sup_work_cancel() done never runs; work may still be running, so drop(arg) (may be NULL) is
 * called on the loop thread once arg is no longer used. ret_work may be NULL. */
SUP_MUST_CHECK sup_err sup_work_start(struct sup_loop *loop, sup_loop_cb work, sup_loop_cb done,
                                      sup_loop_cb drop, void *arg, struct sup_work **ret_work);
void sup_work_cancel(struct sup_work *work);
/* Default 256 jobs, 4 threads (1..SUP_WORK_THREADS_MAX). Before the first job. */
void sup_loop_set_work(struct sup_loop *loop, unsigned max_queued, unsigned threads);
/* Jobs that wait, run, or are to be told. */
unsigned sup_loop_work_jobs(const struct sup_loop *loop);
#endif
