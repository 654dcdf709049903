/* The one RTP stream that a leg sends, continuous whatever feeds it: maps sequence numbers and
 * timestamps of the present source onto it.
 *
 * Layer:  media. Pure arithmetic: no I/O, no clock, no memory of its own.
 * Source: DESIGN, In place. RFC 3550 section 5.1; RFC 3711 section 3.3.1 (why a sequence number
 * must never come twice). Numbers are shifted, never renumbered: what was lost before us stays a
 * gap, so that the receiver's FEC and loss count work. */
#ifndef SUPPORTD_MEDIA_SEND_STREAM_H
#define SUPPORTD_MEDIA_SEND_STREAM_H
#include <stdbool.h>
#include <stdint.h>

#include "supportd/media/rtp.h"

/* Value; all fields private but ssrc. */
struct sup_send_stream {
    uint32_t ssrc;
    bool started;
    uint16_t last_seq; /* highest sent */
    uint32_t last_ts;
    uint64_t last_us; /* when it was sent */

    bool mapped; /* the fields below are valid */
    uint32_t src_ssrc;
    uint16_t src_high; /* highest of the source since it was mapped */
    uint32_t src_span; /* numbers from the first mapped one to src_high, at most 65535 */
    uint16_t seq_shift;
    uint32_t ts_shift;
};

/* first_seq should lie below 32768, so that the roll-over counter starts unambiguously. */
void sup_send_stream_init(struct sup_send_stream *stream, uint32_t ssrc, uint16_t first_seq,
                          uint32_t first_ts);

/* The next packet comes from another source: it follows directly on what was sent, and its
 * timestamp tells the time that has passed. */
void sup_send_stream_switch(struct sup_send_stream *stream);

/* Sets seq, ts, ssrc and marker of *ret_out for the source's packet in; other fields are left
 * alone. A new SSRC, or a jump by more than 3,000 ahead, counts as another source.
 * False: drop the packet; it is from before the source was switched to. */
bool sup_send_stream_map(struct sup_send_stream *stream, const struct sup_rtp_hdr *in,
                         uint64_t now_us, struct sup_rtp_out *ret_out);

/* The stream's timestamp at now_us, for a sender report. */
uint32_t sup_send_stream_ts_at(const struct sup_send_stream *stream, uint64_t now_us);
#endif
