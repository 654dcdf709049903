/* What mixing is made of: one speaker's packets as a steady beat of 20 ms of sound, and a limiter.
 *
 * Layer:  media. No I/O, no clock: whoever pulls gives the beat.
 * Thread: the one that created the object. No locks. No allocation after create.
 * Source: RFC 6716 section 2.1.7 (in-band FEC), 4.4 (concealment).
 *
 * A source starts with one beat in reserve. When it runs dry it conceals, and what comes late after
 * all is played late: the delay has grown by a frame. After two seconds in which at least two
 * frames were left over in every beat, one frame is faded over into the next: the delay shrinks.
 * Both together follow the jitter, and a sample clock that is faster or slower than ours. */
#ifndef SUPPORTD_MEDIA_MIX_H
#define SUPPORTD_MEDIA_MIX_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum {
    SUP_MIX_RATE_HZ = 48000,
    SUP_MIX_FRAME = 960, /* samples of a beat: 20 ms, mono */
    SUP_MIX_BEAT_US = 20000,
    SUP_MIX_SLOTS = 16, /* packets that wait in a source; more than this ahead starts it anew */
};

struct sup_mix_source; /* opaque; one speaker */

struct sup_mix_source_stats {
    uint64_t packets;   /* taken */
    uint64_t late;      /* came after their place had been played, or twice */
    uint64_t recovered; /* lost, and made from the copy in the packet behind (FEC) */
    uint64_t concealed; /* frames invented: lost, or not there in time */
    uint64_t skipped;   /* frames faded away to shorten the delay */
};

/* Errors: SUP_E_NOMEM, SUP_E_INVAL (libopus). */
SUP_MUST_CHECK sup_err sup_mix_source_create(struct sup_mix_source **ret_source);
/* NULL is a no-op. */
void sup_mix_source_destroy(struct sup_mix_source *source);

/* Takes the Opus payload of one RTP packet; copied. What is not Opus is passed over. A new SSRC, or
 * a jump by SUP_MIX_SLOTS or more, starts anew. */
void sup_mix_source_push(struct sup_mix_source *source, uint32_t ssrc, uint16_t seq,
                         const uint8_t *payload, size_t len);
/* The next 20 ms into pcm[SUP_MIX_FRAME]. False: nobody speaks here, pcm is all 0. */
bool sup_mix_source_pull(struct sup_mix_source *source, int16_t *pcm);
/* True once the decoder has had two frames of sound: what it says from now on sounds as if it had
 * been listening all along. */
bool sup_mix_source_primed(const struct sup_mix_source *source);
void sup_mix_source_get_stats(const struct sup_mix_source *source,
                              struct sup_mix_source_stats *ret_stats);

/* Value; zero is the start. gain is private. */
struct sup_mix_limiter {
    float attenuation; /* 1 - gain */
};
/* Turns the sum of several speakers into samples: untouched below -1 dBFS; above it, the gain falls
 * within a quarter of the frame and rises again over some 200 ms. sum and pcm: SUP_MIX_FRAME. */
void sup_mix_limit(struct sup_mix_limiter *limiter, const int32_t *sum, int16_t *ret_pcm);
#endif
