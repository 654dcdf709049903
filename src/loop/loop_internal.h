/* Private to the loop folder. */
#ifndef SUPPORTD_LOOP_INTERNAL_H
#define SUPPORTD_LOOP_INTERNAL_H
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <uv.h>

#include "supportd/base/list.h"
#include "supportd/loop/loop.h"

/* Not libuv's: its loop waits in a busy loop for a worker that is telling that it is done, which a
 * loop of real-time priority on the same processor keeps from going on. */
struct sup_work_pool {
    pthread_mutex_t mutex;            /* of the lists; lends its holder the loop's priority */
    struct sup_link queued, finished; /* of struct sup_work */
    bool stopping;
    sem_t ready; /* a post for each that is queued, and for each thread to stop */
    int event_fd;
    uv_poll_t poll;
    pthread_t threads[SUP_WORK_THREADS_MAX];
    unsigned thread_count; /* 0: nothing was ever started */
    unsigned threads_wanted;
    unsigned count; /* jobs queued, running or to be told */
    unsigned limit;
};

struct sup_loop {
    uv_loop_t uv;
    struct sup_work_pool pool;
};

void sup_work_pool_init(struct sup_work_pool *pool);
/* No job may be left. Stops the threads; the loop must still run once. */
void sup_work_pool_fini(struct sup_loop *loop);
#endif
