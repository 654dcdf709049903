/* The beat of a busy engine. A wake-up costs several times what the packet does that caused it (two
 * switches of the core, the loop's round): from one packet per gap on, the engine is woken by a
 * timer in place of its packets, and what has come meanwhile is handled together.
 *
 * Layer:  media (internal). Decides and keeps the timer; who polls what is the engine's owner's.
 * Thread: the engine's.
 * Source: the moderation of interrupts in network cards (there "adaptive coalescing"); timerfd, for
 *         it has no slack, while a sleep is 50 us late. */
#ifndef SUPPORTD_MEDIA_BEAT_H
#define SUPPORTD_MEDIA_BEAT_H
#include <stdbool.h>
#include <stdint.h>

#include "supportd/base/err.h"

struct sup_beat {
    int fd; /* readable when it is due; -1: never beats */
    uint32_t gap_us;
    bool on;
    uint64_t since_us, events; /* of the window by which the next decision is made */
};

/* gap_us 0: never beats. Errors: SUP_E_IO. */
SUP_MUST_CHECK sup_err sup_beat_init(struct sup_beat *beat, uint32_t gap_us);
void sup_beat_fini(struct sup_beat *beat);
/* After each step: what it found. Begins the beat at one event per gap, measured over 16 gaps, and
 * ends it at half of that; while it is on, the next one is due gap_us after now_us. */
void sup_beat_took(struct sup_beat *beat, uint64_t now_us, uint64_t events);
#endif
