/* GLib's main context without its loop: prepare, query, (epoll), check, dispatch by hand. A shared
 * context would cost each packet a walk over every leg's sockets. */
#include <sys/epoll.h>

#include "ice_internal.h"

enum { PASSES_MAX = 16 };

_Static_assert((int)EPOLLIN == (int)G_IO_IN && (int)EPOLLOUT == (int)G_IO_OUT &&
                   (int)EPOLLERR == (int)G_IO_ERR && (int)EPOLLHUP == (int)G_IO_HUP,
               "epoll and poll name events alike");

static void on_fd_ready(struct sup_media_watch *watch, uint32_t events);

static struct sup_ice_glib_fd *find_fd(struct sup_ice_glib *g, int fd)
{
    for (size_t i = 0; i < g->fd_count; i++) {
        if (g->fds[i].watch.fd == fd)
            return &g->fds[i];
    }
    return NULL;
}

static unsigned short wanted_of(const struct sup_ice_glib *g, int fd)
{
    unsigned short events = 0;
    for (gint i = 0; i < g->polled_count; i++) {
        if (g->polled[i].fd == fd)
            events |= g->polled[i].events;
    }
    return events;
}

static bool is_polled(const struct sup_ice_glib *g, int fd)
{
    for (gint i = 0; i < g->polled_count; i++) {
        if (g->polled[i].fd == fd)
            return true;
    }
    return false;
}

/* Watches live in an array and the epoll keeps their addresses: an entry that goes away is filled
 * by the last one, which registers anew. */
static void drop_fd(struct sup_ice_glib *g, struct sup_ice_glib_fd *entry)
{
    struct sup_ice_glib_fd *last = &g->fds[g->fd_count - 1];
    sup_media_watch_remove(g->engine, &entry->watch);
    if (entry != last) {
        sup_media_watch_remove(g->engine, &last->watch);
        *entry = *last;
        sup_media_watch_set(g->engine, &entry->watch, entry->events);
    }
    g->fd_count--;
}

static void add_fd(struct sup_ice_glib *g, int fd, unsigned short events)
{
    if (g->fd_count == SUP_ICE_GLIB_FDS)
        return;
    struct sup_ice_glib_fd *entry = &g->fds[g->fd_count];
    *entry = (struct sup_ice_glib_fd){
        .watch = {.fd = fd, .on_ready = on_fd_ready}, .owner = g, .events = events};
    if (sup_media_watch_add(g->engine, &entry->watch, events) == SUP_OK)
        g->fd_count++;
}

/* verify: libnice may have closed a descriptor and been given the same number again. */
static void sync_fds(struct sup_ice_glib *g, bool verify)
{
    for (size_t i = g->fd_count; i-- > 0;) {
        if (!is_polled(g, g->fds[i].watch.fd))
            drop_fd(g, &g->fds[i]);
    }
    for (gint i = 0; i < g->polled_count; i++) {
        int fd = g->polled[i].fd;
        unsigned short events = wanted_of(g, fd);
        struct sup_ice_glib_fd *entry = find_fd(g, fd);
        if (!entry) {
            add_fd(g, fd, events);
        } else if (verify || entry->events != events) {
            entry->events = events;
            sup_media_watch_set(g->engine, &entry->watch, events);
        }
    }
}

/* Returns the time to wait in milliseconds; -1: until a descriptor is ready. */
static gint arm(struct sup_ice_glib *g, bool verify)
{
    gint timeout_ms = -1;
    (void)g_main_context_prepare(g->ctx, &g->priority);
    gint n = g_main_context_query(g->ctx, g->priority, &timeout_ms, g->polled, SUP_ICE_GLIB_FDS);
    g->polled_count = n < SUP_ICE_GLIB_FDS ? n : SUP_ICE_GLIB_FDS;
    sync_fds(g, verify);
    uint64_t at = SUP_MEDIA_NEVER;
    if (timeout_ms >= 0)
        at = sup_media_now_us(g->engine) + (uint64_t)timeout_ms * 1000;
    sup_media_timer_set(g->engine, &g->timer, at);
    return timeout_ms;
}

static void dispatch(struct sup_ice_glib *g, bool verify, int passes)
{
    if (g->dispatching)
        return;
    g->dispatching = true;
    do {
        if (g_main_context_check(g->ctx, g->priority, g->polled, g->polled_count))
            g_main_context_dispatch(g->ctx);
    } while (arm(g, verify) == 0 && --passes > 0);
    g->dispatching = false;
}

static void on_fd_ready(struct sup_media_watch *watch, uint32_t events)
{
    struct sup_ice_glib_fd *entry = SUP_CONTAINER_OF(watch, struct sup_ice_glib_fd, watch);
    struct sup_ice_glib *g = entry->owner;
    for (gint i = 0; i < g->polled_count; i++) {
        if (g->polled[i].fd == watch->fd)
            g->polled[i].revents =
                (gushort)(events & (g->polled[i].events | G_IO_ERR | G_IO_HUP | G_IO_NVAL));
    }
    dispatch(g, false, PASSES_MAX);
}

static void on_time(struct sup_media_timer *timer)
{
    struct sup_ice_glib *g = SUP_CONTAINER_OF(timer, struct sup_ice_glib, timer);
    dispatch(g, true, PASSES_MAX);
}

sup_err sup_ice_glib_init(struct sup_ice_glib *g, struct sup_media_engine *engine)
{
    *g = (struct sup_ice_glib){.engine = engine, .timer = {.on_time = on_time}};
    sup_err err = sup_media_timer_add(engine, &g->timer);
    if (err != SUP_OK)
        return err;
    g->has_timer = true;
    g->ctx = g_main_context_new();
    return g_main_context_acquire(g->ctx) ? SUP_OK : SUP_E_IO;
}

void sup_ice_glib_fini(struct sup_ice_glib *g)
{
    while (g->fd_count > 0)
        drop_fd(g, &g->fds[g->fd_count - 1]);
    if (g->has_timer)
        sup_media_timer_remove(g->engine, &g->timer);
    if (g->ctx) {
        if (g_main_context_is_owner(g->ctx))
            g_main_context_release(g->ctx);
        g_main_context_unref(g->ctx);
    }
    *g = (struct sup_ice_glib){0};
}

void sup_ice_glib_rearm(struct sup_ice_glib *g)
{
    if (!g->dispatching)
        (void)arm(g, true);
}

void sup_ice_glib_flush(struct sup_ice_glib *g, int limit)
{
    (void)arm(g, true);
    dispatch(g, true, limit);
}
