#include "loop_internal.h"
#include "supportd/base/mem.h"

struct sup_work {
    uv_work_t uv;
    struct sup_loop *loop;
    sup_loop_cb work, done, drop;
    void *arg;
    bool cancelled;
};

static void on_work(uv_work_t *uv)
{
    struct sup_work *w = uv->data;
    w->work(w->arg);
}

static void on_after(uv_work_t *uv, int status)
{
    struct sup_work *w = uv->data;
    bool ran = status == 0 && !w->cancelled;
    w->loop->work_count--;
    if (ran)
        w->done(w->arg);
    else if (w->drop)
        w->drop(w->arg);
    sup_free(w);
}

sup_err sup_work_start(struct sup_loop *loop, sup_loop_cb work, sup_loop_cb done, sup_loop_cb drop,
                       void *arg, struct sup_work **ret_work)
{
    if (loop->work_count >= loop->work_limit)
        return SUP_E_LIMIT;
    struct sup_work *w = sup_calloc(1, sizeof(*w));
    if (!w)
        return SUP_E_NOMEM;
    *w = (struct sup_work){.loop = loop, .work = work, .done = done, .drop = drop, .arg = arg};
    w->uv.data = w;
    if (uv_queue_work(&loop->uv, &w->uv, on_work, on_after) != 0) {
        sup_free(w);
        return SUP_E_IO;
    }
    loop->work_count++;
    if (ret_work)
        *ret_work = w;
    return SUP_OK;
}

void sup_work_cancel(struct sup_work *work)
{
    if (!work)
        return;
    work->cancelled = true;
    (void)uv_cancel((uv_req_t *)&work->uv);
}

void sup_loop_set_work_limit(struct sup_loop *loop, unsigned max_queued)
{
    loop->work_limit = max_queued;
}
