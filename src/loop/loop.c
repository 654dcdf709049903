#include "supportd/loop/loop.h"

#include "loop_internal.h"
#include "supportd/base/mem.h"
#include "supportd/loop/loop_uv.h"

struct deferred {
    uv_timer_t timer;
    sup_loop_cb cb;
    void *arg;
};

sup_err sup_loop_create(struct sup_loop **ret_loop)
{
    struct sup_loop *loop = sup_calloc(1, sizeof(*loop));
    if (!loop)
        return SUP_E_NOMEM;
    if (uv_loop_init(&loop->uv) != 0) {
        sup_free(loop);
        return SUP_E_IO;
    }
    sup_work_pool_init(&loop->pool);
    *ret_loop = loop;
    return SUP_OK;
}

sup_err sup_loop_destroy(struct sup_loop *loop)
{
    if (!loop)
        return SUP_OK;
    /* Handles that are closing and work that is running keep uv_run going; an active handle that
     * its owner forgot would keep it going for ever, so only what closes is waited for. */
    while (uv_run(&loop->uv, UV_RUN_NOWAIT) != 0 && loop->pool.count > 0)
        (void)uv_run(&loop->uv, UV_RUN_ONCE);
    sup_work_pool_fini(loop);
    if (uv_loop_close(&loop->uv) != 0)
        return SUP_E_STATE;
    sup_free(loop);
    return SUP_OK;
}

void sup_loop_run(struct sup_loop *loop)
{
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void sup_loop_stop(struct sup_loop *loop)
{
    uv_stop(&loop->uv);
}

static void on_step_timeout(uv_timer_t *timer)
{
    (void)timer;
}

static void on_step_closed(uv_handle_t *handle)
{
    *(bool *)handle->data = true;
}

void sup_loop_step(struct sup_loop *loop, uint32_t timeout_ms)
{
    if (timeout_ms == 0) {
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
        return;
    }
    uv_timer_t timer;
    bool closed = false;
    (void)uv_timer_init(&loop->uv, &timer);
    timer.data = &closed;
    uv_update_time(&loop->uv);
    (void)uv_timer_start(&timer, on_step_timeout, timeout_ms, 0);
    (void)uv_run(&loop->uv, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, on_step_closed);
    while (!closed)
        (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
}

uv_loop_t *sup_loop_uv(struct sup_loop *loop)
{
    return &loop->uv;
}

static void on_deferred_closed(uv_handle_t *handle)
{
    sup_free(handle->data);
}

static void on_deferred(uv_timer_t *timer)
{
    struct deferred *d = timer->data;
    sup_loop_cb cb = d->cb;
    void *arg = d->arg;
    uv_close((uv_handle_t *)timer, on_deferred_closed);
    cb(arg);
}

sup_err sup_loop_defer(struct sup_loop *loop, sup_loop_cb cb, void *arg)
{
    struct deferred *d = sup_calloc(1, sizeof(*d));
    if (!d)
        return SUP_E_NOMEM;
    d->cb = cb;
    d->arg = arg;
    (void)uv_timer_init(&loop->uv, &d->timer);
    d->timer.data = d;
    (void)uv_timer_start(&d->timer, on_deferred, 0, 0);
    return SUP_OK;
}
