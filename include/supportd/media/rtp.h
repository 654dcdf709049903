/* RTP packets: header and header extensions, rewriting in place, writing.
 *
 * Layer:  media. Pure: no I/O, no clock, no memory of its own.
 * Source: RFC 3550 section 5.1 (header), RFC 8285 (extensions), RFC 6464 (audio level).
 * Before unprotecting a packet only sup_rtp_ssrc() and sup_rtp_seq() are safe to use: padding and
 * payload are still encrypted. */
#ifndef SUPPORTD_MEDIA_RTP_H
#define SUPPORTD_MEDIA_RTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum {
    SUP_RTP_HEADER_LEN = 12,
    SUP_RTP_LEVEL_LEN = 8,       /* extension block that holds the audio level alone */
    SUP_RTP_HEADER_OUT_MAX = 20, /* longest header that this unit writes */
};

/* Offsets are from the packet's first byte. */
struct sup_rtp_hdr {
    bool marker;
    uint8_t payload_type;
    uint16_t seq;
    uint32_t ts;
    uint32_t ssrc;
    uint16_t ext_profile; /* 0: no extension block; else its 16 bits, 0xBEDE, 0x100x or another */
    size_t ext_off, ext_len;         /* the block's contents, behind its 4 bytes */
    size_t payload_off, payload_len; /* without padding; payload_len may be 0 */
};

struct sup_rtp_ext {
    uint8_t id;
    const uint8_t *data; /* borrowed from the packet */
    size_t len;          /* 0 is possible in the two-byte form */
};

struct sup_rtp_level {
    uint8_t dbov; /* 0 (loudest) .. 127 (silence): minus dBov */
    bool voice;   /* the sender's own voice detector */
};

/* What a packet sent by the daemon carries. */
struct sup_rtp_out {
    uint8_t payload_type;
    bool marker;
    uint16_t seq;
    uint32_t ts;
    uint32_t ssrc;
    uint8_t level_id; /* extension id of the receiving leg; 0: no audio level is sent */
    struct sup_rtp_level level;
};

struct sup_rtp_span {
    uint8_t *data; /* inside the packet given */
    size_t len;
};

/* The fields that the clear part of an SRTP packet shows; pkt has at least 12 bytes. */
static inline uint32_t sup_rtp_ssrc(const uint8_t *pkt)
{
    return (uint32_t)pkt[8] << 24 | (uint32_t)pkt[9] << 16 | (uint32_t)pkt[10] << 8 | pkt[11];
}
static inline uint16_t sup_rtp_seq(const uint8_t *pkt)
{
    return (uint16_t)(pkt[2] << 8 | pkt[3]);
}
static inline uint32_t sup_rtp_ts(const uint8_t *pkt)
{
    return (uint32_t)pkt[4] << 24 | (uint32_t)pkt[5] << 16 | (uint32_t)pkt[6] << 8 | pkt[7];
}

/* Parses a clear packet. CSRCs are skipped.
 * Errors: SUP_E_MALFORMED (version, lengths, padding longer than the payload). */
SUP_MUST_CHECK sup_err sup_rtp_parse(const uint8_t *pkt, size_t len, struct sup_rtp_hdr *ret_hdr);

/* Walks the extension elements of either form: *pos starts at 0. False at the end, at a block of
 * unknown profile and at the first element that does not fit. */
bool sup_rtp_ext_next(const uint8_t *pkt, const struct sup_rtp_hdr *hdr, size_t *pos,
                      struct sup_rtp_ext *ret_ext);

/* The audio level under id; false when it is not there or id is 0. */
bool sup_rtp_get_level(const uint8_t *pkt, const struct sup_rtp_hdr *hdr, uint8_t id,
                       struct sup_rtp_level *ret_level);

/* Replaces the header of a parsed packet by out, in place: the payload stays where it is and the
 * new header ends right before it. CSRCs, padding and all extensions but the level go. The level is
 * left out where the old header has no room for it (it had no extension block then).
 * The packet to send is *ret_span; it is never longer than before. */
void sup_rtp_rewrite(uint8_t *pkt, const struct sup_rtp_hdr *hdr, const struct sup_rtp_out *out,
                     struct sup_rtp_span *ret_span);

/* Writes a header of 12 or, with level_id, 20 bytes, ready for a payload behind it.
 * buf must have SUP_RTP_HEADER_OUT_MAX bytes. Returns the length. */
size_t sup_rtp_write_header(const struct sup_rtp_out *out, uint8_t *ret_buf);
#endif
