/* RTCP: reads compound packets, writes the daemon's own reports.
 *
 * Layer:  media. Pure: no I/O, no clock, no memory of its own.
 * Source: RFC 3550 section 6 (SR, RR, SDES, BYE), RFC 3611 sections 4.4 and 4.5 (RRTR, DLRR),
 *         RFC 5506 (a packet need not begin with SR or RR). */
#ifndef SUPPORTD_MEDIA_RTCP_H
#define SUPPORTD_MEDIA_RTCP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum {
    SUP_RTCP_BLOCKS_MAX =
        8, /* report blocks, BYE sources, DLRR sub-blocks kept; more are skipped */
    SUP_RTCP_CNAME_MAX = 255,
    SUP_RTCP_SIZE_MAX = 1500,
};

struct sup_rtcp_block {
    uint32_t ssrc;         /* the stream that is reported on */
    uint8_t fraction_lost; /* of 256, since the report before */
    int32_t lost;          /* cumulative, 24 bits signed */
    uint32_t ext_seq;
    uint32_t jitter; /* timestamp units */
    uint32_t lsr;    /* middle 32 bits of the last SR's NTP time; 0: none yet */
    uint32_t dlsr;   /* since then, in 1/65536 s */
};

struct sup_rtcp_sender {
    uint64_t ntp; /* 32.32 seconds since 1900 */
    uint32_t rtp_ts;
    uint32_t packets;
    uint32_t octets;
};

struct sup_rtcp_dlrr {
    uint32_t ssrc; /* whose RRTR is answered */
    uint32_t lrr, dlrr;
};

/* All that one compound packet said. Of several SR or RR the sender fields are the last one's and
 * the blocks are all of theirs. */
struct sup_rtcp {
    uint32_t ssrc; /* sender of the first SR, RR or XR; 0: none */
    bool has_sender;
    struct sup_rtcp_sender sender;
    struct sup_rtcp_block blocks[SUP_RTCP_BLOCKS_MAX];
    size_t block_count;
    char cname[SUP_RTCP_CNAME_MAX + 1]; /* "": none; bytes outside visible ASCII become '?' */
    uint32_t bye[SUP_RTCP_BLOCKS_MAX];
    size_t bye_count;
    bool has_rrtr;
    uint64_t rrtr_ntp;
    struct sup_rtcp_dlrr dlrr[SUP_RTCP_BLOCKS_MAX];
    size_t dlrr_count;
    unsigned skipped; /* APP, feedback and unknown packets */
};

/* Parses a clear (unprotected) packet.
 * Errors: SUP_E_MALFORMED (version, lengths, padding anywhere but in the last packet). */
SUP_MUST_CHECK sup_err sup_rtcp_parse(const uint8_t *pkt, size_t len, struct sup_rtcp *ret_rtcp);

struct sup_rtcp_write_opts {
    uint32_t ssrc;                        /* the daemon's on this leg */
    const struct sup_rtcp_sender *sender; /* NULL: an RR, else an SR */
    const struct sup_rtcp_block *blocks;
    size_t block_count; /* at most SUP_RTCP_BLOCKS_MAX */
    const char *cname;  /* 1..SUP_RTCP_CNAME_MAX bytes */
    bool bye;           /* end with BYE */
};

/* Writes SR or RR, SDES with CNAME, and BYE if asked. *ret_len is a multiple of 4.
 * Errors: SUP_E_INVAL, SUP_E_LIMIT (cap too small; buf is then undefined). */
SUP_MUST_CHECK sup_err sup_rtcp_write(const struct sup_rtcp_write_opts *opts, uint8_t *buf,
                                      size_t cap, size_t *ret_len);

/* NTP time of a wall time (microseconds since 1970). */
uint64_t sup_rtcp_ntp(int64_t wall_us);

/* Round trip by RFC 3550 section 6.4.1: arrival - lsr - dlsr, arrival being the wall time at which
 * the block came. False when lsr is 0 or the result is below 0 or above 60 s (a lie or a clock
 * step). Works for DLRR with lrr and dlrr as well. */
bool sup_rtcp_rtt(int64_t arrival_wall_us, uint32_t lsr, uint32_t dlsr, uint32_t *ret_rtt_us);
#endif
