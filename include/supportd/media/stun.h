/* Binding requests of our own over a path that ICE has selected, to time its round trip: RTCP tells
 * one only as often as the peer reports.
 *
 * Layer:  media. Pure: no I/O, no state.
 * Source: RFC 8489 sections 5 (header), 9.1 (short-term credentials), 14 (attributes); RFC 8445
 *         section 7.1 (what a check holds). A check without USE-CANDIDATE changes nothing at the
 *         peer.
 * Transaction ids begin with a mark of ours, by which a filter tells their answers from libnice's:
 * 64 of the 96 bits stay random. */
#ifndef SUPPORTD_MEDIA_STUN_H
#define SUPPORTD_MEDIA_STUN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/media/candidate.h"

enum {
    SUP_STUN_HEADER_LEN = 20,
    SUP_STUN_ID_AT = 8, /* of the transaction id in the header */
    SUP_STUN_ID_LEN = 12,
    SUP_STUN_MARK_LEN = 4,
    SUP_STUN_SUCCESS = 0x0101,  /* first two bytes of an answer */
    SUP_STUN_MARK = 0x53555044, /* SUPD */
    SUP_STUN_PING_MAX = 20 + 4 + 2 * SUP_ICE_UFRAG_MAX + 4 + 8 + 12 + 24 + 8,
    SUP_STUN_PONG_MAX = 512, /* longer ones are none */
};

struct sup_stun_ping {
    const char *local_ufrag, *remote_ufrag, *remote_pwd;
    uint8_t id[SUP_STUN_ID_LEN];
    uint64_t tie_breaker;
    uint32_t priority;
    bool controlling;
};

/* A fresh id with our mark. */
void sup_stun_make_id(uint8_t ret_id[SUP_STUN_ID_LEN]);
/* Writes at most SUP_STUN_PING_MAX bytes and returns how many; 0: no memory for the digest. */
size_t sup_stun_write_ping(const struct sup_stun_ping *ping, uint8_t ret_pkt[SUP_STUN_PING_MAX]);
/* Whether pkt[len] is the answer of whoever knows remote_pwd to a binding request of ours. pkt is
 * not changed. */
bool sup_stun_read_pong(const uint8_t *pkt, size_t len, const char *remote_pwd,
                        uint8_t ret_id[SUP_STUN_ID_LEN]);
#endif
