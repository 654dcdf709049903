/* Tells by its first bytes what a datagram on a media socket is.
 *
 * Layer:  media. Pure.
 * Source: RFC 7983 section 7 (first byte), RFC 5761 section 4 (RTP or RTCP). */
#ifndef SUPPORTD_MEDIA_DEMUX_H
#define SUPPORTD_MEDIA_DEMUX_H
#include <stddef.h>
#include <stdint.h>

enum sup_demux_kind {
    SUP_DEMUX_DROP, /* nothing of these, or too short for what it claims */
    SUP_DEMUX_STUN, /* 0..3, 20 bytes at least */
    SUP_DEMUX_DTLS, /* 20..63, 13 bytes at least */
    SUP_DEMUX_TURN, /* 64..79: TURN channel data, 4 bytes at least */
    SUP_DEMUX_RTP,  /* 128..191, 12 bytes at least */
    SUP_DEMUX_RTCP, /* 128..191 and a second byte of 192..223, 8 bytes at least */
};

/* Classifies pkt[len]; len may be 0. Also for SRTP and SRTCP, whose first 8 bytes are clear. */
enum sup_demux_kind sup_demux(const uint8_t *pkt, size_t len);
#endif
