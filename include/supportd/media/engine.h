/* The media engine: drives every leg by one epoll descriptor, one deadline and one step.
 *
 * Layer:  media. Knows no event loop: the owner polls fd for reading, keeps one timer at deadline
 *         and calls step when either is due; while the engine beats, beat_fd in place of both.
 * Thread: whichever created it runs everything of it: all legs, all callbacks.
 * Source: DESIGN, One process one loop. */
#ifndef SUPPORTD_MEDIA_ENGINE_H
#define SUPPORTD_MEDIA_ENGINE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/media/dtls.h"
#include "supportd/media/hold.h"

enum {
    SUP_MEDIA_ADDRESSES_MAX = 8,
    SUP_MEDIA_GATHER_MAX_US = 2000,
    SUP_MEDIA_PING_US = 500000,
};
#define SUP_MEDIA_NEVER UINT64_MAX

struct sup_media_engine; /* opaque */

/* A local address that legs listen on. */
struct sup_media_address {
    const char *address;    /* numeric, IPv4 or IPv6 */
    const char *advertised; /* numeric, same family: told to peers instead (1:1 NAT); or NULL */
};

struct sup_media_server {
    const char *address;             /* numeric; NULL: none */
    uint16_t port;                   /* 0: 3478 */
    const char *username, *password; /* TURN only */
};

struct sup_media_engine_opts {
    const struct sup_media_address *addresses; /* 1..SUP_MEDIA_ADDRESSES_MAX */
    size_t address_count;
    uint16_t port_min, port_max;        /* UDP ports of the legs; both 0: any */
    struct sup_media_server stun, turn; /* turn: of a family that an own address has */
    bool no_sibling;             /* receive through libnice even where the kernel could do better */
    bool no_dscp;                /* leave packets unmarked; else Expedited Forwarding */
    bool libsrtp_only;           /* srtp.h */
    unsigned srtp_window;        /* srtp.h */
    const struct sup_hold *hold; /* kept, may be NULL: waiting legs hear nothing then */
    /* From one packet in so many microseconds on, steps come at this beat and serve what has come
     * meanwhile. Below, no packet waits. 0..SUP_MEDIA_GATHER_MAX_US; 0: never beats. */
    uint32_t gather_us;
    uint32_t ping_us; /* between two pings of a leg; 0: SUP_MEDIA_PING_US */
};

struct sup_media_engine_stats {
    uint64_t steps;
    uint64_t beats;        /* of them, those at the beat */
    uint64_t events;       /* ready descriptors that they handed out */
    uint64_t pings, pongs; /* of all legs (ice.h) */
};

/* opts is copied with its strings (hold excepted). Makes the certificate. One engine per process
 * (srtp.h). Errors: SUP_E_INVAL (addresses, ports, window, gather_us), SUP_E_NOMEM, SUP_E_IO,
 * SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_media_engine_create(const struct sup_media_engine_opts *opts,
                                               struct sup_media_engine **ret_engine);
/* All legs must be destroyed before. NULL is a no-op. */
void sup_media_engine_destroy(struct sup_media_engine *engine);

/* Readable when packets have come; borrowed. */
int sup_media_engine_fd(const struct sup_media_engine *engine);
/* Readable at each beat until the step after it; borrowed; -1: gather_us is 0. */
int sup_media_engine_beat_fd(const struct sup_media_engine *engine);
/* Whether the engine beats: then step is due at beat_fd alone. Changes in step. */
bool sup_media_engine_beats(const struct sup_media_engine *engine);
/* Monotonic time of the next step that is due without a descriptor; SUP_MEDIA_NEVER: none.
 * Changes with every call on the engine or one of its legs: read it again after each. */
uint64_t sup_media_engine_deadline(const struct sup_media_engine *engine);
/* Does what is ready and due; never blocks. Handles at most a few hundred packets, then returns
 * with the descriptor still readable. */
void sup_media_engine_step(struct sup_media_engine *engine);
void sup_media_engine_get_stats(const struct sup_media_engine *engine,
                                struct sup_media_engine_stats *ret_stats);

/* Timers held now, armed or not: each leg's, and the few of the engine's own. */
size_t sup_media_engine_timers(const struct sup_media_engine *engine);
/* True if packets reach legs beside libnice (the kernel passed the probe and it is wanted). */
bool sup_media_engine_has_sibling(const struct sup_media_engine *engine, bool ipv6);
const struct sup_dtls_identity *sup_media_engine_identity(const struct sup_media_engine *engine);
struct sup_media_mix_stats {
    size_t listeners, speakers; /* who hears a mix now; whose sound goes into one */
    uint64_t frames;            /* mixed and encoded, ever */
    uint64_t encode_us;         /* spent on encoding them */
    uint64_t recovered, concealed, skipped, late; /* mix.h, of speakers that have gone too */
};
void sup_media_engine_mix_stats(const struct sup_media_engine *engine,
                                struct sup_media_mix_stats *ret_stats);
/* The TURN server of legs made from now on, copied; without an address: none.
 * Errors: SUP_E_INVAL (as at creation), SUP_E_NOMEM; then nothing has changed. */
SUP_MUST_CHECK sup_err sup_media_engine_set_turn(struct sup_media_engine *engine,
                                                 const struct sup_media_server *turn);
#endif
