#include <assert.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop_internal.h"
#include "supportd/base/mem.h"

enum { LIMIT_DEFAULT = 256, THREADS_DEFAULT = 4 };

struct sup_work {
    struct sup_link link; /* queued, finished, or (running) alone */
    struct sup_loop *loop;
    sup_loop_cb work, done, drop;
    void *arg;
    bool begun;     /* or cancelled before that; guarded by the mutex */
    bool cancelled; /* the loop's thread's */
};

static struct sup_work *work_of(struct sup_link *link)
{
    return SUP_CONTAINER_OF(link, struct sup_work, link);
}

static void wake(const struct sup_work_pool *pool)
{
    const uint64_t one = 1;
    ssize_t n = write(pool->event_fd, &one, sizeof(one));
    assert(n == sizeof(one));
    (void)n;
}

static void *run_thread(void *arg)
{
    struct sup_work_pool *pool = arg;
    for (;;) {
        while (sem_wait(&pool->ready) != 0)
            ;
        pthread_mutex_lock(&pool->mutex);
        /* None: it was cancelled, or it is time to stop. */
        struct sup_work *w = sup_list_empty(&pool->queued) ? NULL : work_of(pool->queued.next);
        if (w) {
            sup_list_remove(&w->link);
            w->begun = true;
        }
        bool stopping = pool->stopping;
        pthread_mutex_unlock(&pool->mutex);
        if (w) {
            w->work(w->arg);
            pthread_mutex_lock(&pool->mutex);
            sup_list_append(&pool->finished, &w->link);
            pthread_mutex_unlock(&pool->mutex);
            wake(pool); /* nothing is held: the loop may take this processor here and now */
        } else if (stopping) {
            return NULL;
        }
    }
}

static void tell(struct sup_work *w)
{
    struct sup_work_pool *pool = &w->loop->pool;
    if (--pool->count == 0)
        uv_unref((uv_handle_t *)&pool->poll);
    if (!w->cancelled)
        w->done(w->arg);
    else if (w->drop)
        w->drop(w->arg);
    sup_free(w);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct sup_work_pool *pool = poll->data;
    uint64_t count;
    if (read(pool->event_fd, &count, sizeof(count)) != sizeof(count))
        return;
    struct sup_link told, *pos, *tmp;
    sup_list_init(&told);
    pthread_mutex_lock(&pool->mutex);
    SUP_LIST_EACH(pos, tmp, &pool->finished)
    {
        sup_list_remove(pos);
        sup_list_append(&told, pos);
    }
    pthread_mutex_unlock(&pool->mutex);
    SUP_LIST_EACH(pos, tmp, &told)
    tell(work_of(pos));
}

void sup_work_pool_init(struct sup_work_pool *pool)
{
    sup_list_init(&pool->queued);
    sup_list_init(&pool->finished);
    pool->limit = LIMIT_DEFAULT;
    pool->threads_wanted = THREADS_DEFAULT;
}

static sup_err open_event(struct sup_loop *loop)
{
    struct sup_work_pool *pool = &loop->pool;
    pthread_mutexattr_t attr;
    pool->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (pool->event_fd < 0)
        return SUP_E_IO;
    if (uv_poll_init(&loop->uv, &pool->poll, pool->event_fd) != 0) {
        close(pool->event_fd);
        return SUP_E_IO;
    }
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
    pthread_mutex_init(&pool->mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    sem_init(&pool->ready, 0, 0);
    pool->poll.data = pool;
    (void)uv_poll_start(&pool->poll, UV_READABLE, on_event);
    uv_unref((uv_handle_t *)&pool->poll);
    return SUP_OK;
}

/* As many of them as the system gives; signals are the loop's. */
static unsigned open_threads(struct sup_work_pool *pool)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    unsigned n = 0;
    while (n < pool->threads_wanted &&
           pthread_create(&pool->threads[n], NULL, run_thread, pool) == 0)
        n++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}

static void on_poll_closed(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

static void close_event(struct sup_loop *loop)
{
    struct sup_work_pool *pool = &loop->pool;
    bool closed = false;
    pool->poll.data = &closed;
    uv_close((uv_handle_t *)&pool->poll, on_poll_closed);
    while (!closed)
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
    close(pool->event_fd);
    sem_destroy(&pool->ready);
    pthread_mutex_destroy(&pool->mutex);
}

static sup_err start_pool(struct sup_loop *loop)
{
    sup_err err = open_event(loop);
    if (err == SUP_OK && (loop->pool.thread_count = open_threads(&loop->pool)) == 0) {
        close_event(loop);
        err = SUP_E_IO;
    }
    return err;
}

void sup_work_pool_fini(struct sup_loop *loop)
{
    struct sup_work_pool *pool = &loop->pool;
    if (pool->thread_count == 0)
        return;
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->thread_count; i++)
        sem_post(&pool->ready);
    for (unsigned i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    close_event(loop);
}

sup_err sup_work_start(struct sup_loop *loop, sup_loop_cb work, sup_loop_cb done, sup_loop_cb drop,
                       void *arg, struct sup_work **ret_work)
{
    struct sup_work_pool *pool = &loop->pool;
    if (pool->count >= pool->limit)
        return SUP_E_LIMIT;
    sup_err err = pool->thread_count == 0 ? start_pool(loop) : SUP_OK;
    if (err)
        return err;
    struct sup_work *w = sup_calloc(1, sizeof(*w));
    if (!w)
        return SUP_E_NOMEM;
    *w = (struct sup_work){.loop = loop, .work = work, .done = done, .drop = drop, .arg = arg};
    if (pool->count++ == 0)
        uv_ref((uv_handle_t *)&pool->poll);
    pthread_mutex_lock(&pool->mutex);
    sup_list_append(&pool->queued, &w->link);
    pthread_mutex_unlock(&pool->mutex);
    sem_post(&pool->ready);
    if (ret_work)
        *ret_work = w;
    return SUP_OK;
}

void sup_work_cancel(struct sup_work *work)
{
    if (!work)
        return;
    struct sup_work_pool *pool = &work->loop->pool;
    work->cancelled = true;
    pthread_mutex_lock(&pool->mutex);
    bool waited = !work->begun;
    if (waited) {
        work->begun = true;
        sup_list_remove(&work->link);
        sup_list_append(&pool->finished, &work->link);
    }
    pthread_mutex_unlock(&pool->mutex);
    if (waited)
        wake(pool);
}

void sup_loop_set_work(struct sup_loop *loop, unsigned max_queued, unsigned threads)
{
    assert(threads >= 1 && threads <= SUP_WORK_THREADS_MAX);
    loop->pool.limit = max_queued;
    loop->pool.threads_wanted = threads;
}

unsigned sup_loop_work_jobs(const struct sup_loop *loop)
{
    return loop->pool.count;
}
