/* What the parts of a leg use of the engine: watches, timers, time, one receive buffer. */
#ifndef SUPPORTD_MEDIA_ENGINE_INTERNAL_H
#define SUPPORTD_MEDIA_ENGINE_INTERNAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/list.h"
#include "supportd/media/engine.h"
#include "supportd/media/warm.h"

enum {
    SUP_MEDIA_DATAGRAM_MAX = 2048, /* longer ones are cut by the kernel and fail to verify */
    SUP_MEDIA_BUFFER_LEN = SUP_MEDIA_DATAGRAM_MAX + SUP_SRTP_ROOM,
};

/* One descriptor in the engine's epoll, level-triggered. Lives inside its owner. */
struct sup_media_watch {
    int fd;
    void (*on_ready)(struct sup_media_watch *watch, uint32_t events);
    const struct sup_warm
        *warm; /* what a packet on it will touch; may be NULL, else lives as long */
};

/* fd and on_ready are set by the caller; events are EPOLLIN and the like.
 * Errors: SUP_E_IO. */
SUP_MUST_CHECK sup_err sup_media_watch_add(struct sup_media_engine *engine,
                                           struct sup_media_watch *watch, uint32_t events);
/* Registers anew if the kernel has forgotten the descriptor (it was closed and reused). */
void sup_media_watch_set(struct sup_media_engine *engine, struct sup_media_watch *watch,
                         uint32_t events);
/* Safe while events are being handed out; the watch hears nothing afterwards. */
void sup_media_watch_remove(struct sup_media_engine *engine, struct sup_media_watch *watch);

/* One timer; lives inside its owner. */
struct sup_media_timer {
    uint64_t at_us;
    size_t place; /* in the heap, from 1; 0: not running */
    void (*on_time)(struct sup_media_timer *timer);
};

/* Makes room for one more timer, so that setting it cannot fail. Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_media_timer_add(struct sup_media_engine *engine,
                                           struct sup_media_timer *timer);
void sup_media_timer_remove(struct sup_media_engine *engine, struct sup_media_timer *timer);
/* SUP_MEDIA_NEVER stops it. */
void sup_media_timer_set(struct sup_media_engine *engine, struct sup_media_timer *timer,
                         uint64_t at_us);

/* Work that outlives its leg (a TURN server's answer to the release of a port). */
struct sup_media_orphan {
    struct sup_link link; /* sup_media_engine::orphans */
    void (*destroy)(struct sup_media_orphan *orphan);
};
void sup_media_orphan_add(struct sup_media_engine *engine, struct sup_media_orphan *orphan);

/* Monotonic; read once per step, else now. */
uint64_t sup_media_now_us(const struct sup_media_engine *engine);
/* SUP_MEDIA_BUFFER_LEN bytes for one packet on its way through. */
uint8_t *sup_media_buffer(struct sup_media_engine *engine);
/* As many more, for a packet that is made here or copied for a second listener. */
uint8_t *sup_media_scratch(struct sup_media_engine *engine);
/* For the engine's figures: one was sent, or its answer came. */
void sup_media_count_ping(struct sup_media_engine *engine, bool answered);
struct sup_mixer;
struct sup_mixer *sup_media_mixer(const struct sup_media_engine *engine);
const struct sup_media_engine_opts *sup_media_config(const struct sup_media_engine *engine);
#endif
