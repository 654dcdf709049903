/* What the files of ice share. */
#ifndef SUPPORTD_MEDIA_ICE_INTERNAL_H
#define SUPPORTD_MEDIA_ICE_INTERNAL_H
#include <glib.h>
#include <nice/agent.h>
#include <stdbool.h>
#include <stddef.h>

#include "engine_internal.h"
#include "supportd/media/stun.h"

/* Sockets of one leg (8 addresses), two wake-up descriptors, TURN over the same sockets. */
enum { SUP_ICE_GLIB_FDS = 32 };

struct sup_ice_glib;

struct sup_ice_glib_fd {
    struct sup_media_watch watch;
    struct sup_ice_glib *owner;
    unsigned short events;
};

/* A private GMainContext, driven by the engine instead of a GMainLoop. */
struct sup_ice_glib {
    struct sup_media_engine *engine;
    GMainContext *ctx; /* acquired once, by the engine's thread */
    struct sup_media_timer timer;
    bool has_timer;
    bool dispatching;
    gint priority;
    GPollFD polled[SUP_ICE_GLIB_FDS]; /* what the last query asked for */
    gint polled_count;
    struct sup_ice_glib_fd fds[SUP_ICE_GLIB_FDS]; /* the same by descriptor, in the epoll */
    size_t fd_count;
};

/* Errors: SUP_E_NOMEM, SUP_E_IO. fini is safe after a failed init. */
SUP_MUST_CHECK sup_err sup_ice_glib_init(struct sup_ice_glib *g, struct sup_media_engine *engine);
void sup_ice_glib_fini(struct sup_ice_glib *g);
/* To be called after every call into libnice: what it attaches wakes nobody. */
void sup_ice_glib_rearm(struct sup_ice_glib *g);
/* Runs what is ready, at most limit passes, without waiting. */
void sup_ice_glib_flush(struct sup_ice_glib *g, int limit);

/* One stream, one component: BUNDLE and rtcp-mux. */
enum { SUP_ICE_COMPONENT = NICE_COMPONENT_TYPE_RTP };

/* libnice's side of a leg; outlives the leg while a TURN port is being released. */
struct sup_ice_agent {
    struct sup_media_orphan orphan;
    struct sup_media_timer reaper;
    bool has_reaper;
    struct sup_ice_glib glib;
    NiceAgent *nice;
    guint stream;
};

/* An agent with its stream, addresses, ports and servers set; nothing gathered yet.
 * Errors: SUP_E_NOMEM, SUP_E_IO. */
SUP_MUST_CHECK sup_err sup_ice_agent_create(struct sup_media_engine *engine,
                                            struct sup_ice_agent **ret_agent);
/* Frees it, at once or when its TURN port has been given back. No signal may be connected. */
void sup_ice_agent_release(struct sup_ice_agent *agent);

/* A second socket on nice_fd's address that gets first bytes 20..63 and 128..191 and answers to
 * binding requests of ours (stun.h), nice_fd the rest.
 * tos: for its packets, as in IP_TOS. -1: not possible. Must be closed before nice_fd is: positions
 * in the group decide. */
int sup_ice_sibling_open(int nice_fd, int tos);

/* Unanswered requests that are remembered: a round trip of four seconds at two a second. */
enum { SUP_ICE_PINGS = 8 };

/* Binding requests of ours that wait for their answers. */
struct sup_ice_pings {
    uint64_t tie_breaker; /* random */
    struct {
        uint8_t id[SUP_STUN_ID_LEN];
        uint64_t sent_us; /* 0: none */
    } waiting[SUP_ICE_PINGS];
    unsigned next;
};

/* Remembers a new request and returns its id; the oldest of too many is forgotten. */
const uint8_t *sup_ice_pings_add(struct sup_ice_pings *pings, uint64_t now_us);
/* Whether an answer with this id was awaited; each counts once. */
bool sup_ice_pings_take(struct sup_ice_pings *pings, const uint8_t id[SUP_STUN_ID_LEN],
                        uint64_t now_us, uint32_t *ret_rtt_us);
#endif
