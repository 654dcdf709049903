#include "loop_internal.h"
#include "supportd/base/mem.h"

struct sup_poller {
    uv_poll_t uv;
    sup_poller_cb cb;
    void *arg;
    int wanted; /* UV_READABLE | UV_WRITABLE as last asked for */
};

struct sup_unix_signal {
    uv_signal_t uv;
    sup_loop_cb cb;
    void *arg;
};

static void on_closed(uv_handle_t *handle)
{
    sup_free(handle->data);
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
    struct sup_poller *poller = uv->data;
    unsigned seen = 0;
    /* libuv stops the handle on POLLERR. The error may be one that reading clears (ICMP on UDP) or
     * that stands before unread data (a peer that has closed), so polling goes on. */
    if (status < 0 && poller->wanted)
        (void)uv_poll_start(uv, poller->wanted, on_poll);
    if (status < 0 || (events & UV_READABLE))
        seen |= SUP_POLL_READ;
    if (status < 0 || (events & UV_WRITABLE))
        seen |= SUP_POLL_WRITE;
    poller->cb(seen, poller->arg);
}

sup_err sup_poller_create(struct sup_loop *loop, int fd, sup_poller_cb cb, void *arg,
                          struct sup_poller **ret_poller)
{
    struct sup_poller *poller = sup_calloc(1, sizeof(*poller));
    if (!poller)
        return SUP_E_NOMEM;
    poller->cb = cb;
    poller->arg = arg;
    if (uv_poll_init(&loop->uv, &poller->uv, fd) != 0) {
        sup_free(poller);
        return SUP_E_IO;
    }
    poller->uv.data = poller;
    *ret_poller = poller;
    return SUP_OK;
}

void sup_poller_destroy(struct sup_poller *poller)
{
    if (!poller)
        return;
    (void)uv_poll_stop(&poller->uv);
    uv_close((uv_handle_t *)&poller->uv, on_closed);
}

sup_err sup_poller_set(struct sup_poller *poller, unsigned events)
{
    int wanted =
        (events & SUP_POLL_READ ? UV_READABLE : 0) | (events & SUP_POLL_WRITE ? UV_WRITABLE : 0);
    poller->wanted = wanted;
    int rc = wanted ? uv_poll_start(&poller->uv, wanted, on_poll) : uv_poll_stop(&poller->uv);
    return rc == 0 ? SUP_OK : SUP_E_IO;
}

static void on_signal(uv_signal_t *uv, int signum)
{
    (void)signum;
    struct sup_unix_signal *signal = uv->data;
    signal->cb(signal->arg);
}

sup_err sup_unix_signal_create(struct sup_loop *loop, int signum, sup_loop_cb cb, void *arg,
                               struct sup_unix_signal **ret_signal)
{
    struct sup_unix_signal *signal = sup_calloc(1, sizeof(*signal));
    if (!signal)
        return SUP_E_NOMEM;
    signal->cb = cb;
    signal->arg = arg;
    (void)uv_signal_init(&loop->uv, &signal->uv);
    signal->uv.data = signal;
    if (uv_signal_start(&signal->uv, on_signal, signum) != 0) {
        uv_close((uv_handle_t *)&signal->uv, on_closed);
        return SUP_E_IO;
    }
    *ret_signal = signal;
    return SUP_OK;
}

void sup_unix_signal_destroy(struct sup_unix_signal *signal)
{
    if (signal)
        uv_close((uv_handle_t *)&signal->uv, on_closed);
}
