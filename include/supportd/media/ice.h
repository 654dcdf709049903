/* ICE of one leg: gathers, checks, selects a path, carries datagrams over it.
 *
 * Layer:  media. libnice does STUN and TURN only; other packets pass beside it where the kernel can
 *         (a second socket on the same address behind a classic BPF filter).
 * Thread: the engine's. No callback comes from within create or destroy; on_state may come from
 *         within the others.
 * Source: RFC 8445, RFC 8838 (trickle), RFC 8839 (credentials), RFC 7983 (first bytes). DESIGN:
 *         libnice, Consent, Small traps.
 * Full agent; the peer offers and controls. The end of the peer's candidates is no news: one whose
 * addresses are hidden names none at all and is found by its own checks.
 * Not here: when to stop sending, when to give up connecting (session.h). */
#ifndef SUPPORTD_MEDIA_ICE_H
#define SUPPORTD_MEDIA_ICE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/media/candidate.h"
#include "supportd/media/engine.h"

enum {
    SUP_ICE_LOCAL_MAX = 16,  /* own candidates told to the peer */
    SUP_ICE_REMOTE_MAX = 24, /* of the peer, per generation; libnice takes 25 */
    SUP_ICE_HELD_MAX = 4,    /* DTLS datagrams kept until a path is selected */
    SUP_ICE_DSCP_EF = 46,    /* RFC 3246, for sound by RFC 8837 section 5 */
};

enum sup_ice_state {
    SUP_ICE_NEW,       /* no remote credentials or no candidate yet */
    SUP_ICE_CHECKING,  /* also during a restart: an old path goes on working meanwhile */
    SUP_ICE_CONNECTED, /* a path is selected */
    SUP_ICE_FAILED,    /* no path, or it is lost; a restart may bring it back */
};

/* The selected path. */
struct sup_ice_pair {
    enum sup_candidate_type local, remote;
    bool relayed; /* either end goes through TURN */
    bool ipv6;
    char remote_address[SUP_CANDIDATE_ADDRESS_LEN];
    uint16_t remote_port;
};

/* Datagrams that did not come through, by reason. */
struct sup_ice_stats {
    uint64_t foreign;    /* not from the peer, or before there is a path */
    uint64_t elsewhere;  /* the peer's, but not from the selected remote */
    uint64_t held_lost;  /* DTLS that was held and did not match, or came when four were held */
    uint64_t send_fail;  /* the kernel or libnice refused */
    uint64_t no_path;    /* sending without a selected path */
    uint64_t candidates; /* remote candidates refused: repeated, too many, wrong generation */
};

struct sup_ice; /* opaque */

/* None of these may destroy the object; all may send. */
struct sup_ice_callbacks {
    /* A candidate found after create; NULL: there will be no more of this generation. */
    void (*on_candidate)(const struct sup_candidate *candidate, void *arg);
    void (*on_state)(enum sup_ice_state state, void *arg);
    void (*on_pair)(const struct sup_ice_pair *pair, void *arg);
    /* A datagram with first byte 20..63 or 128..191: from the selected remote, or RTP and RTCP from
     * another address that the peer's checks have come from. pkt[cap] is writable and borrowed for
     * the call; cap - len is at least SUP_SRTP_ROOM. Returns whether it proved to be the peer's. */
    bool (*on_packet)(uint8_t *pkt, size_t len, size_t cap, void *arg);
    /* The answer to a sup_ice_ping() came, rtt_us after it. */
    void (*on_pong)(uint32_t rtt_us, void *arg);
    /* The peer sends from another address than the selected one: its NAT has changed it, and the
     * peer cannot know. Sending goes on to the old one; a restart is needed. Again every 3 s while
     * it lasts. Only where there is a sibling socket. */
    void (*on_elsewhere)(void *arg);
};

struct sup_ice_opts {
    struct sup_media_engine *engine;    /* kept */
    const struct sup_ice_callbacks *on; /* kept; every member set */
    void *arg;
    const struct sup_warm *warm; /* kept; what a packet touches (the owner's to fill), or NULL */
};

/* Finds out whether this kernel hands packets to two sockets of one address by our filter, set
 * after the first was bound. */
bool sup_ice_probe_sibling(bool ipv6);

/* Opens the sockets and begins to gather; host candidates are there at once.
 * Errors: SUP_E_NOMEM, SUP_E_LIMIT (no free port in the range), SUP_E_IO (no address could be
 * bound), SUP_E_INVAL. */
SUP_MUST_CHECK sup_err sup_ice_create(const struct sup_ice_opts *opts, struct sup_ice **ret_ice);
/* NULL is a no-op. Never calls back. The release of a TURN port goes on in the engine. */
void sup_ice_destroy(struct sup_ice *ice);

/* Names what a packet in or out touches. */
void sup_ice_warm(const struct sup_ice *ice, struct sup_warm *warm);

/* Of the present generation; borrowed until restart or destroy. */
const char *sup_ice_ufrag(const struct sup_ice *ice);
const char *sup_ice_pwd(const struct sup_ice *ice);
/* Candidates known so far, for the answer; borrowed until the next call on the engine. */
const struct sup_candidate *sup_ice_candidates(const struct sup_ice *ice, size_t *ret_count);
bool sup_ice_gathering_done(const struct sup_ice *ice);

/* The peer's credentials. A change of an earlier ufrag is a restart by the peer: call
 * sup_ice_restart() before. Errors: SUP_E_INVAL (lengths, characters), SUP_E_STATE (changed without
 * restart), SUP_E_IO. */
SUP_MUST_CHECK sup_err sup_ice_set_remote(struct sup_ice *ice, const char *ufrag, const char *pwd);
/* A candidate of the peer. A repeated one is taken as success.
 * Errors: SUP_E_STATE (no credentials yet), SUP_E_CONFLICT (its ufrag is not the present one),
 * SUP_E_LIMIT, SUP_E_INVAL. Nothing is wrong with the leg then; drop the candidate. */
SUP_MUST_CHECK sup_err sup_ice_add_candidate(struct sup_ice *ice,
                                             const struct sup_candidate *candidate);
/* New credentials, remote ones forgotten; sockets, candidates and the old path stay.
 * Errors: SUP_E_IO. */
SUP_MUST_CHECK sup_err sup_ice_restart(struct sup_ice *ice);

/* One datagram over the selected path; lost on any error.
 * Errors: SUP_E_STATE (no path), SUP_E_IO (the kernel's queue is full, and others). */
SUP_MUST_CHECK sup_err sup_ice_send(struct sup_ice *ice, const uint8_t *pkt, size_t len);

/* Asks the peer for an answer over the selected path, to time it: on_pong. Does nothing where the
 * answer would come through libnice (TURN, no sibling socket) and during a restart. */
void sup_ice_ping(struct sup_ice *ice);

enum sup_ice_state sup_ice_state_of(const struct sup_ice *ice);
/* NULL without a selected path; borrowed until the next change. */
const struct sup_ice_pair *sup_ice_pair_of(const struct sup_ice *ice);
void sup_ice_get_stats(const struct sup_ice *ice, struct sup_ice_stats *ret_stats);
#endif
