/* The inbound half of quality.c: one stream, packet by packet. Plain value inside struct
 * sup_quality. */
#ifndef SUPPORTD_SRC_MEDIA_QUALITY_INTERNAL_H
#define SUPPORTD_SRC_MEDIA_QUALITY_INTERNAL_H
#include <stdbool.h>
#include <stdint.h>

#include "supportd/media/level.h"
#include "supportd/media/quality.h"

enum { QUALITY_SLOTS = 512 }; /* sequence numbers that wait for judgement; a power of two */

/* What has happened since the last tick. */
struct quality_second {
    uint32_t packets, bytes;
    uint32_t judged, lost, recovered, late;
    double residual;            /* packets the listener's decoder had to invent */
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
    uint32_t ssrc, ssrc_changes;
    uint32_t next, highest;
    uint32_t tick_highest; /* highest at the last tick: by the next one a second old */
    uint32_t run;          /* losses in a row right before next */
    uint8_t slots[QUALITY_SLOTS];

    /* Timeline, in us: transit is arrival less timestamp, both from the first packet on. */
    bool timed;
    uint64_t first_arrival_us;
    uint32_t last_ts;
    int64_t ts_samples;     /* timestamp, unwrapped */
    int64_t transit_min[2]; /* of this second and the one before; INT64_MAX: no packet */
    int64_t transit_max;    /* of this second, packets in order; INT64_MIN: none */
    int64_t playout;        /* transit up to which the model's buffer has audio */
    bool has_base;          /* for the drift */
    int64_t base_transit;
    uint64_t base_us;

    bool has_info; /* info and info_seq are those of the last packet in order */
    struct sup_opus_info info;
    uint32_t info_seq, info_ts;
    uint64_t last_arrival_us, last_voice_us, last_loud_us;
    uint64_t seen_duplicates, seen_reordered; /* of stats, at the last tick */
    struct quality_second now;
};

/* All that a second of the inbound stream comes to. */
void quality_in_add(struct quality_in *in, const uint8_t *pkt, const struct sup_rtp_hdr *hdr,
                    uint64_t arrival_us);
/* Judges what is due, moves the timeline on, fills ret_sample's inbound part but for MOS and
 * duplicates of SRTP, and starts the next second. */
void quality_in_tick(struct quality_in *in, uint64_t now_us, struct sup_quality_sample *ret_sample);
#endif
