/* The parts of quality.c, plain values inside struct sup_quality: quality_in.c (what comes, packet
 * by packet), quality_out.c (what the peer tells), quality_verdict.c (hysteresis). */
#ifndef SUPPORTD_SRC_MEDIA_QUALITY_INTERNAL_H
#define SUPPORTD_SRC_MEDIA_QUALITY_INTERNAL_H
#include <stdbool.h>
#include <stdint.h>

#include "supportd/media/level.h"
#include "supportd/media/quality.h"

enum {
    QUALITY_SPAN_US = 5000000, /* no report speaks for more */
    QUALITY_SLOTS = 512,       /* sequence numbers that wait for judgement; a power of two */
    QUALITY_JUDGED_MIN = 10,   /* fewer packets (DTX) say nothing about loss */
    QUALITY_SENT = 2048,       /* sequence numbers of ours that are remembered; a power of two */
    QUALITY_MARKS = 64,        /* looks at the highest of them */
    QUALITY_QUARTERS = 24,     /* looks that verdicts may go by: a little more than 5 s */
};

/* What has happened since the last tick. */
struct quality_second {
    uint32_t packets, bytes;
    uint32_t judged, lost, recovered, late;
    double residual;            /* packets lost on the way that FEC did not give back */
    double dry;                 /* packets that the listener's buffer lacked in time */
    uint32_t bursts, burst_sum; /* runs of loss that have ended, and their packets */
    uint32_t lbrr, voice, codec_packets;
    uint64_t audio_us, dtx_us;
    uint64_t audio_bytes;
    uint32_t bandwidths[5];
    double power; /* sum of 10^(-dbov/10) */
    uint32_t levels;
    uint8_t loudest; /* dbov */
};

/*   judged   |   waiting for judgement    |
 *            next ................. highest     (extended sequence numbers) */
struct quality_in {
    struct sup_rtp_stats *stats;
    struct sup_level_meter *meter; /* NULL: levels come by extension, or not at all */
    uint8_t level_id;
    bool started;
    uint32_t ssrc;
    uint32_t next, highest;
    uint32_t tick_highest; /* highest at the last tick: by the next one a second old */
    uint32_t run;          /* losses in a row right before next */

    /* Timeline, in us: transit is arrival less timestamp, both from the first packet on. */
    bool timed;
    uint64_t first_arrival_us;
    uint32_t last_ts;
    int64_t ts_samples;     /* timestamp, unwrapped */
    int64_t transit_min[2]; /* of this second and the one before; INT64_MAX: no packet */
    uint64_t shortest_us;   /* when the packet with transit_min[0] came */
    int64_t transit_max;    /* of this second, packets in order; INT64_MIN: none */
    int64_t playout;        /* transit up to which the model's buffer has audio */
    bool has_base;          /* for the drift */
    int64_t base_transit, drift_transit; /* of the base, and of the last second with packets */
    uint64_t base_us, drift_us;

    bool has_info; /* info and info_seq are those of the last packet in order */
    struct sup_opus_info info;
    uint32_t info_seq, info_ts;
    uint64_t last_arrival_us, last_voice_us, last_loud_us;
    uint64_t last_level_us;                   /* a level was known */
    uint64_t seen_duplicates, seen_reordered; /* of stats, at the last tick */
    struct quality_second now;
    uint32_t looked_packets, looked_judged; /* of now, at the last look */
    double looked_residual;
    uint8_t slots[QUALITY_SLOTS];
};

/* What is sent to the peer and what it tells about it.
 *
 *   base ... counted | not counted yet ... highest      (numbers of ours, extended) */
struct quality_out {
    uint32_t packets, bytes, lbrr;      /* since the last tick */
    uint32_t lbrr_shown, packets_shown; /* of the last second with packets */

    bool started;
    uint32_t base, highest, counted;

    bool timed; /* jitter of our own sending, as RFC 3550 A.8 */
    bool marked;
    uint32_t transit;
    uint32_t last_ts;
    double jitter; /* ticks */

    bool has_report;
    bool has_loss; /* loss is valid: there were enough packets */
    struct sup_rtcp_block last;
    uint32_t last_seq; /* its highest number, extended as ours */
    uint64_t report_us;
    int64_t missing, told; /* packets not received, and how many of them were told as lost */
    uint32_t lost;         /* since the last tick */
    double loss;           /* 0..1, by the last report */
    uint32_t jitter_us;    /* of the way down alone */

    uint64_t sent[QUALITY_SENT / 64]; /* bit seq % QUALITY_SENT: was sent */
    struct quality_mark {
        uint64_t at_us;
        uint32_t highest;
        double jitter;
    } marks[QUALITY_MARKS];
    unsigned mark; /* the next one */
};

/* Of the way down, as the peer's own statistics tell (quality_client.c); the sums run from the
 * report that counting began with. */
struct quality_client {
    bool counting;
    uint64_t at_us;
    uint32_t seen, due;             /* our highest number at the last report, and by its lag */
    int64_t sent, sent_due, unsent; /* of ours: sent up to seen, up to due; gaps up to seen */
    int64_t received, lost, told;
    bool lossy_known;
    double loss; /* 0..1, before FEC; valid if lossy_known */
    bool has_jitter, has_rtt;
    uint32_t jitter_us, rtt_us; /* jitter of the way down alone */
    uint32_t told_jitter_us;    /* as told, of all the way */
};

/* False: nothing to be had from it. rtt_us 0: not known. */
bool quality_client_take(struct quality_client *client, const struct quality_out *out,
                         const struct sup_quality_client *report, uint32_t rtt_us, uint64_t now_us);
/* Whether the peer has told lately. */
bool quality_client_fresh(const struct quality_client *client, uint64_t now_us);

void quality_out_sent(struct quality_out *out, const struct sup_quality_sent *sent,
                      uint64_t now_us);
/* rtt_us 0: not known. Returns the time for which the report speaks. */
uint64_t quality_out_report(struct quality_out *out, const struct sup_rtcp_block *block,
                            uint32_t rtt_us, uint64_t now_us);
/* A look: remembers what had been sent by now. */
void quality_out_look(struct quality_out *out, uint64_t now_us);
/* False when the last report is too old. */
bool quality_out_known(const struct quality_out *out, uint64_t now_us);
/* 0..1, after FEC. loss: before. */
double quality_out_residual(const struct quality_out *out, double loss);
/* How many of (after, last] were sent, as far back as is remembered. */
uint32_t quality_out_count(const struct quality_out *out, uint32_t after, uint32_t last);
/* The highest number that had been sent by at_us. */
uint32_t quality_out_sent_by(const struct quality_out *out, uint64_t at_us);
/* Ticks less what we sent with already, in us. */
uint32_t quality_out_jitter_us(const struct quality_out *out, double ticks, uint64_t now_us);
void quality_out_tick(struct quality_out *out, uint64_t now_us, struct sup_quality_dir *ret_dir);

void quality_in_warm(const struct quality_in *in, struct sup_warm *warm);
void quality_out_warm(const struct quality_out *out, struct sup_warm *warm);

/* What one look found, since the one before. */
struct quality_look {
    uint64_t at_us;
    uint32_t judged;
    double residual;
    uint32_t over;     /* set of verdicts over their limits, but for loss up */
    uint32_t presumed; /* the same, taken over from before: holds a verdict, does not raise one */
};

struct quality_verdicts {
    struct quality_look looks[QUALITY_QUARTERS];
    unsigned next;
    uint8_t mos_history; /* by samples; bit 0: the last one */
    uint32_t limits;     /* those on limits that hold */
    uint32_t held;       /* all that hold */
    uint32_t told;       /* at the last sample */
};

void quality_verdict_look(struct quality_verdicts *v, const struct quality_look *look);
/* Now it is known what looks since from_us were to say about one verdict. */
void quality_verdict_revise(struct quality_verdicts *v, uint64_t from_us, enum sup_verdict verdict,
                            bool over);
void quality_verdict_add_mos(struct quality_verdicts *v, bool low);
/* Those on limits that hold now. */
uint32_t quality_verdict_limits(struct quality_verdicts *v, uint64_t now_us, double max_loss_pct);

/* Judges what is due; the inbound part of a look. */
void quality_in_look(struct quality_in *in, struct quality_look *look);

/* All that a second of the inbound stream comes to. */
void quality_in_add(struct quality_in *in, const uint8_t *pkt, const struct sup_rtp_hdr *hdr,
                    uint64_t arrival_us);
/* Judges what is due, moves the timeline on, fills ret_sample's inbound part but for MOS and
 * duplicates of SRTP, and starts the next second. */
void quality_in_tick(struct quality_in *in, struct sup_quality_sample *ret_sample);
#endif
