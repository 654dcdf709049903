/* Opus encoder and decoder: the adapter around libopus.
 *
 * Layer:  media. No I/O, no clock.
 * Thread: the one that created the object. No locks.
 * Relayed audio is never decoded; this is for hold music, mixing and sampled levels. */
#ifndef SUPPORTD_MEDIA_OPUS_H
#define SUPPORTD_MEDIA_OPUS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

struct sup_opus_enc; /* opaque */
struct sup_opus_dec; /* opaque */

struct sup_opus_enc_opts {
    uint32_t rate_hz;    /* 8000, 12000, 16000, 24000 or 48000; 0: 48000 */
    unsigned channels;   /* 1 or 2, interleaved; 0: 1 */
    uint32_t bitrate;    /* 6000..510000 bit/s; 0: 24000 */
    unsigned complexity; /* 1..10; 0: 5 */
    bool music;          /* tuned for music, else for speech */
    bool fec;            /* in-band FEC */
    unsigned loss_pct;   /* 0..100: what FEC is to reckon with */
    bool dtx;
};

/* opts is copied and may be NULL. Errors: SUP_E_INVAL, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_opus_enc_create(const struct sup_opus_enc_opts *opts,
                                           struct sup_opus_enc **ret_enc);
void sup_opus_enc_destroy(struct sup_opus_enc *enc);
/* What FEC reckons with from the next frame on; 0 leaves it out. Above 100 counts as 100. */
void sup_opus_enc_set_loss(struct sup_opus_enc *enc, unsigned loss_pct);

/* Encodes one frame: samples per channel of 2.5, 5, 10, 20, 40 or 60 ms. buf[cap] takes the packet;
 * a length of 1 or 2 is DTX. Errors: SUP_E_INVAL (frame size), SUP_E_LIMIT (cap), SUP_E_STATE. */
SUP_MUST_CHECK sup_err sup_opus_encode(struct sup_opus_enc *enc, const int16_t *pcm, size_t samples,
                                       uint8_t *buf, size_t cap, size_t *ret_len);

/* rate_hz as above, channels 1 or 2. Errors: SUP_E_INVAL, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_opus_dec_create(uint32_t rate_hz, unsigned channels,
                                           struct sup_opus_dec **ret_dec);
void sup_opus_dec_destroy(struct sup_opus_dec *dec);
/* Forgets what it has heard: the next packet is of another stream. */
void sup_opus_dec_reset(struct sup_opus_dec *dec);

/* Decodes payload[len] into pcm, which has room for cap samples per channel.
 *   payload NULL: conceal a lost packet of exactly cap samples
 *   fec true:     decode the copy (LBRR) in payload of the cap samples before it
 * *ret_samples: samples per channel written. Errors: SUP_E_MALFORMED, SUP_E_LIMIT (cap). */
SUP_MUST_CHECK sup_err sup_opus_decode(struct sup_opus_dec *dec, const uint8_t *payload, size_t len,
                                       bool fec, int16_t *pcm, size_t cap, size_t *ret_samples);
#endif
