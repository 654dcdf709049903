/* What an Opus packet says about itself without being decoded.
 *
 * Layer:  media. Pure.
 * Source: RFC 6716 section 3.1 (TOC), 3.2 (frame packing, the rules R1-R7), 4.2.3 and 4.2.4 (VAD
 * and LBRR flags: the first bits of a SILK or hybrid frame). */
#ifndef SUPPORTD_MEDIA_OPUS_TOC_H
#define SUPPORTD_MEDIA_OPUS_TOC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum { SUP_OPUS_FRAMES_MAX = 48, SUP_OPUS_PACKET_MAX = 1500 };

enum sup_opus_mode { SUP_OPUS_SILK, SUP_OPUS_HYBRID, SUP_OPUS_CELT };

/* Audio bandwidth: 4, 6, 8, 12 and 20 kHz. */
enum sup_opus_bandwidth { SUP_OPUS_NB, SUP_OPUS_MB, SUP_OPUS_WB, SUP_OPUS_SWB, SUP_OPUS_FB };

struct sup_opus_info {
    enum sup_opus_mode mode;
    enum sup_opus_bandwidth bandwidth;
    bool stereo;
    uint8_t frames;       /* Opus frames in the packet, 1..48 */
    uint32_t frame_us;    /* length of each: 2,500..60,000 */
    uint32_t duration_us; /* of the packet, at most 120,000 */
    uint32_t samples;     /* the same at 48 kHz: what the timestamp advances by */
    bool lbrr;            /* the first frame carries a copy of the audio before it (in-band FEC) */
    bool voice;           /* a VAD flag of the first frame is set; always false for CELT */
    bool dtx;             /* no audio: every frame is of 0 or 1 byte */
};

/* Reads the payload of one RTP packet.
 * Errors: SUP_E_MALFORMED (empty, longer than SUP_OPUS_PACKET_MAX, or against R1-R7). */
SUP_MUST_CHECK sup_err sup_opus_parse(const uint8_t *payload, size_t len,
                                      struct sup_opus_info *ret_info);

/* "nb", "mb", "wb", "swb", "fb"; static storage. */
const char *sup_opus_bandwidth_name(enum sup_opus_bandwidth bandwidth);
#endif
