/* The mixer: what bridge.c and engine.c use of it. */
#ifndef SUPPORTD_SRC_MEDIA_MIXER_INTERNAL_H
#define SUPPORTD_SRC_MEDIA_MIXER_INTERNAL_H
#include <stdbool.h>

#include "supportd/base/err.h"
#include "supportd/media/engine.h"
#include "supportd/media/rtp.h"

struct sup_leg;
struct sup_mixer; /* one per engine: a beat of 20 ms, running while anybody hears a mix */

SUP_MUST_CHECK sup_err sup_mixer_create(struct sup_media_engine *engine,
                                        struct sup_mixer **ret_mixer);
/* NULL is a no-op. */
void sup_mixer_destroy(struct sup_mixer *mixer);
void sup_mixer_get_stats(const struct sup_mixer *mixer, struct sup_media_mix_stats *ret_stats);

/* Makes what leg needs to be heard, or to hear; no-op where it is there. Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_mixer_add_speaker(struct sup_mixer *mixer, struct sup_leg *leg);
SUP_MUST_CHECK sup_err sup_mixer_add_listener(struct sup_mixer *mixer, struct sup_leg *leg);
/* The leg goes on getting one ear's packets until that speaker is primed. */
void sup_mixer_prime(struct sup_leg *leg);
void sup_mixer_remove_listener(struct sup_mixer *mixer, struct sup_leg *leg);
/* Takes out every speaker whom nobody hears in a mix. */
void sup_mixer_sweep(struct sup_mixer *mixer);
/* A clear packet of a speaker. */
void sup_mixer_take(struct sup_leg *leg, const uint8_t *pkt, const struct sup_rtp_hdr *hdr);
#endif
