/* Quality of one leg of a call, both directions, a sample each second.
 *
 * Layer:  media. Pure: no I/O; the caller gives the time.
 * Thread: the one that created the object. No locks. No allocation after create.
 * Source: loss by sequence number RFC 3550 A.1 and A.3; jitter A.8, with pauses of DTX left out
 * (RFC 3551 4.1, marker); reordering RFC 4737 3.3 (type P-reordered); burst ratio ITU-T G.107 3.5
 * (mean length of runs of loss against that of independent loss); round trip RFC 3550 6.4.1 (LSR,
 * DLSR); bandwidth, frame size and packet duration RFC 6716 3.1 and 3.2, LBRR flags 4.2.4
 * (opus_toc.h); DTX and the 48 kHz clock RFC 7587 3.1.3 and 4.1; level and voice flag RFC 6464 3,
 * else decoded (level.h); rating ITU-T G.107.2 (emodel.h). Clock drift, residual loss, late packets
 * and verdicts are our own definitions, told here. MOS values are estimates, to be labelled so.
 *
 * `in` is what the peer sends (the uplink), counted here packet by packet. `out` is what the peer
 * receives, as its RTCP reports tell, less what never was on the way to it: numbers that we did not
 * send (the gaps of the speaker's own uplink are relayed as gaps) and the jitter with which we sent
 * (the two add as independent deviations do: squares). Packets that a report should have heard of,
 * sent a round trip and a second before it came, and has not, are lost as well: so a way down that
 * is dead is told although the peer's highest number stands still.
 * Loss goes by sequence number alone, so a DTX pause is never loss. A number counts as lost when 10
 * later ones have come without it, or a second has passed. A lost packet whose successor came with
 * LBRR was recovered, all but 15 % (a browser's buffer is not always long enough). Late is what a
 * model of the listener's buffer runs dry for: it holds max(60 ms, 3 x jitter + 20 ms) above the
 * shortest transit of the last two seconds, stretches at once, and shrinks by at most 100 ms a
 * second, not below the longest transit of that second; the time it lacks counts as lost packets in
 * the residual loss of a sample and in its MOS, but not in the verdict on loss, whose cause is
 * another.
 *
 * Verdicts on limits hold when 3 of the last 5 seconds were over the limit and until 3 in a row are
 * not. The seconds end at each look, four times a second, so that a fault need not begin with one.
 * A report of the peer speaks for all the time since the one before (at most 5 s, of its jitter
 * 1 s); until the next one it only keeps a verdict up. A round trip speaks for the time since what
 * came back was sent, and stands until the next is measured. Residual loss counts from 10
 * packets a second on: of a DTX pause nothing audible can be lost.
 *
 * Browsers send reports on sound every 5 s (the fixed minimum of RFC 3550 section 6.2). Between
 * them what the peer's own statistics say about the way down stands in, as evidence of verdicts
 * alone: no count, no rating and no sample is made of it, and while reports or round trips of ours
 * are fresher than 1.5 s it says nothing. A peer could lie in its RTCP as well; either gives it a
 * wrong verdict about its own way down, no more. */
#ifndef SUPPORTD_MEDIA_QUALITY_H
#define SUPPORTD_MEDIA_QUALITY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/media/opus_toc.h"
#include "supportd/media/rtcp.h"
#include "supportd/media/rtp.h"
#include "supportd/media/rtp_stats.h"
#include "supportd/media/warm.h"

/* Bit numbers; names for the protocol by sup_quality_verdict_name(). */
enum sup_verdict {
    SUP_VERDICT_NO_PACKETS,        /* 2 s without a packet although the peer should send */
    SUP_VERDICT_SILENT_MICROPHONE, /* packets come, all of digital silence */
    SUP_VERDICT_LOSS_UP,           /* in: residual loss over the limit */
    SUP_VERDICT_LOSS_DOWN,         /* out: the same */
    SUP_VERDICT_HIGH_DELAY,
    SUP_VERDICT_HIGH_JITTER,
    SUP_VERDICT_LOW_MOS, /* conversational quality of either direction */
    SUP_VERDICT_RELAYED, /* the path goes through TURN */
    SUP_VERDICT_COUNT,
};

struct sup_quality; /* opaque; one per leg */

/* Zero means the default. */
struct sup_quality_opts {
    uint8_t level_id;       /* the peer's id of the audio-level extension; 0: not offered */
    bool sample_level;      /* without level_id: decode some packets (level.h) */
    uint32_t max_rtt_us;    /* 400,000 */
    uint32_t max_jitter_us; /* 30,000 */
    double max_loss_pct;    /* residual; 3 */
    double min_mos;         /* 3.5 */
    double ie, bpl;         /* overrides of the E-model's constants */
};

struct sup_quality_dir {
    uint32_t packets;         /* came (in) or were sent (out) in this second */
    uint32_t bytes;           /* their payload */
    uint32_t lost;            /* judged lost in this second; out: by the peer's report */
    uint32_t recovered;       /* of those, by FEC; in only */
    uint32_t late;            /* came, but the listener's buffer had run dry; in only */
    uint32_t duplicates;      /* in only */
    uint32_t reordered;       /* in only */
    double loss_pct;          /* before FEC */
    double residual_loss_pct; /* after it; out: presumed that two are lost in a row */
    double burst_ratio;       /* 1: losses are independent; in only */
    uint32_t jitter_us;
    bool has_mos;          /* false: too little to judge in this second (below 10 packets) */
    double mos_lq, mos_cq; /* listening (no delay) and conversational quality */
    double ie;             /* equipment impairment that both are based on (emodel.h) */
};

struct sup_quality_sample {
    uint64_t at_us;
    uint32_t number; /* 1, 2, ... of this leg */
    bool connected;
    bool relayed;
    bool has_rtt;
    uint32_t rtt_us; /* the last one measured, at most 30 s old */
    struct sup_quality_dir in, out;

    /* of the inbound stream */
    bool has_codec;
    enum sup_opus_bandwidth bandwidth; /* the most frequent one */
    uint32_t frame_us;                 /* packet duration, the last one */
    uint32_t bitrate;                  /* bit/s while there was audio (DTX left out) */
    double fec_pct;                    /* packets that carry LBRR */
    double dtx_pct;                    /* time in DTX */
    bool has_level;
    int level_dbov;        /* -127..0, mean power of the second */
    double voice_pct;      /* packets with voice: the sender's flag, or louder than -50 dBov */
    uint64_t no_packet_us; /* since the last packet, or since create */
    uint64_t no_voice_us;  /* since the last packet with voice: for one-way audio and dead air */
    bool has_drift; /* from 10 s on after the stream began, or the path changed (a step of 10 ms) */
    /* The peer's sample clock against ours, above 0: it is faster. By the shortest transits of two
     * seconds T apart; where transits vary by J, the error is below 6 J / (50 T) with 50 packets a
     * second (1 ms after 60 s: 2 ppm). */
    double drift_ppm;

    uint32_t verdicts;        /* set of 1u << enum sup_verdict that hold now */
    uint32_t raised, cleared; /* which of them changed since the sample before */
};

/* What the session knows and packets do not tell. */
struct sup_quality_env {
    bool connected;
    bool relayed;
    bool expect_in;   /* false: muted, on hold, microphone not attached yet, receive only */
    bool has_far_rtt; /* of the leg at the other end of the call */
    uint32_t far_rtt_us;
    uint32_t duplicates_srtp; /* packets that SRTP refused as replayed, ever */
};

/* now_us: monotonic. opts is copied and may be NULL. Errors: SUP_E_INVAL, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_quality_create(const struct sup_quality_opts *opts, uint64_t now_us,
                                          struct sup_quality **ret_quality);
void sup_quality_destroy(struct sup_quality *quality);

/* One authenticated inbound packet, clear and parsed, before it is rewritten. A new SSRC starts new
 * statistics and spoils nothing. Cannot fail: what is not Opus is counted as a packet alone. */
void sup_quality_add_in(struct sup_quality *quality, const uint8_t *pkt,
                        const struct sup_rtp_hdr *hdr, uint64_t arrival_us);
struct sup_quality_sent {
    uint16_t seq;
    uint32_t ts;
    bool marker;
    bool lbrr; /* it carried FEC (false where nobody looked) */
    size_t payload_len;
};

/* Names what the next packet out or in touches. */
void sup_quality_warm(const struct sup_quality *quality, bool out, struct sup_warm *warm);

/* One packet sent to the peer. */
void sup_quality_add_out(struct sup_quality *quality, const struct sup_quality_sent *sent,
                         uint64_t now_us);
/* A report block of the peer about our output stream. */
void sup_quality_add_report(struct sup_quality *quality, const struct sup_rtcp_block *block,
                            uint64_t now_us);
/* A round trip measured on this leg. span_us: since what came back with it was sent. */
void sup_quality_add_rtt(struct sup_quality *quality, uint32_t rtt_us, uint64_t span_us,
                         uint64_t now_us);

/* What the peer's own statistics count of the stream that it receives (W3C webrtc-stats, 8.3
 * RTCInboundRtpStreamStats), since it told before. Not to be trusted. */
struct sup_quality_client {
    uint64_t interval_us;   /* since it told before; 0: counting begins now, the rest is void */
    int64_t received, lost; /* packets; lost may be below 0 */
    bool has_jitter, has_rtt;
    uint32_t jitter_us, rtt_us;
};
/* Takes it for what it is worth: after 5 s, or when more packets came than were sent, counting
 * begins anew. */
void sup_quality_add_client(struct sup_quality *quality, const struct sup_quality_client *client,
                            uint64_t now_us);

/* A look between two ticks: whether the verdicts have changed since the last look or tick.
 * *ret_verdicts is set in any case. */
bool sup_quality_check(struct sup_quality *quality, uint64_t now_us,
                       const struct sup_quality_env *env, uint32_t *ret_verdicts);

/* Ends a second: fills *ret_sample and begins the next. To be called once a second; a call earlier
 * or later only changes the length of the interval. */
void sup_quality_tick(struct sup_quality *quality, uint64_t now_us,
                      const struct sup_quality_env *env, struct sup_quality_sample *ret_sample);

/* Our own report block about the inbound stream (lsr and dlsr left 0); false before a packet. */
bool sup_quality_take_block(struct sup_quality *quality, struct sup_rtcp_block *ret_block);
/* Cumulative RFC 3550 figures of the present SSRC. */
void sup_quality_report(const struct sup_quality *quality, struct sup_rtp_report *ret_report);

/* "no_packets", "silent_microphone", "loss_up", ...; static storage. */
const char *sup_quality_verdict_name(enum sup_verdict verdict);
#endif
