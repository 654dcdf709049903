#include "loop_internal.h"
#include "supportd/base/mem.h"

struct sup_timer {
    uv_timer_t uv;
    sup_loop_cb cb;
    void *arg;
};

static void on_closed(uv_handle_t *handle)
{
    sup_free(handle->data);
}

static void on_timer(uv_timer_t *uv)
{
    struct sup_timer *timer = uv->data;
    timer->cb(timer->arg);
}

sup_err sup_timer_create(struct sup_loop *loop, sup_loop_cb cb, void *arg,
                         struct sup_timer **ret_timer)
{
    struct sup_timer *timer = sup_calloc(1, sizeof(*timer));
    if (!timer)
        return SUP_E_NOMEM;
    timer->cb = cb;
    timer->arg = arg;
    (void)uv_timer_init(&loop->uv, &timer->uv);
    timer->uv.data = timer;
    *ret_timer = timer;
    return SUP_OK;
}

void sup_timer_destroy(struct sup_timer *timer)
{
    if (timer)
        uv_close((uv_handle_t *)&timer->uv, on_closed);
}

void sup_timer_start(struct sup_timer *timer, uint64_t delay_us)
{
    uv_update_time(timer->uv.loop);
    (void)uv_timer_start(&timer->uv, on_timer, (delay_us + 999) / 1000, 0);
}

void sup_timer_stop(struct sup_timer *timer)
{
    (void)uv_timer_stop(&timer->uv);
}

bool sup_timer_armed(const struct sup_timer *timer)
{
    return uv_is_active((const uv_handle_t *)&timer->uv) != 0;
}
