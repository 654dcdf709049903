/* Audio level as RFC 6464 counts it, of samples or, by decoding a few of them, of Opus packets.
 *
 * Layer:  media. No I/O, no clock.
 * Thread: the one that created the object. No locks.
 * The meter is for peers that offer no audio-level extension. Opus predicts from frame to frame, so
 * it decodes runs of 5 packets out of 25 and believes the last 3 of a run: a fifth of the cost of
 * decoding all. */
#ifndef SUPPORTD_MEDIA_LEVEL_H
#define SUPPORTD_MEDIA_LEVEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum { SUP_LEVEL_SILENCE = 127 };

struct sup_level_meter; /* opaque */

/* Minus dBov, 0 (full scale) .. 127 (silence), of the root mean square (RFC 6465, appendix A).
 * No samples: 127. */
uint8_t sup_level_pcm(const int16_t *pcm, size_t samples);

/* Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_level_meter_create(struct sup_level_meter **ret_meter);
void sup_level_meter_destroy(struct sup_level_meter *meter);

/* Takes the next packet of the stream. True, and *ret_dbov set, when this one was measured. A
 * packet that does not decode is passed over. */
bool sup_level_meter_add(struct sup_level_meter *meter, const uint8_t *payload, size_t len,
                         uint8_t *ret_dbov);
#endif
