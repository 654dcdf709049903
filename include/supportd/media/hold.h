/* Hold music: Opus packets of 20 ms each, made once and shared by all waiting legs.
 *
 * Layer:  media. Reads a file when it is opened (at start or reload), then only memory.
 * Thread: immutable after creation. Owned by the creator; legs borrow.
 * Source: RFC 7845 (Ogg Opus). */
#ifndef SUPPORTD_MEDIA_HOLD_H
#define SUPPORTD_MEDIA_HOLD_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum {
    SUP_HOLD_PACKET_US = 20000,
    SUP_HOLD_PACKET_SAMPLES = 960, /* by which the RTP timestamp advances (48 kHz) */
    SUP_HOLD_PACKETS_MAX = 90000,  /* 30 minutes */
    SUP_HOLD_FILE_MAX = 32 * 1024 * 1024,
};

struct sup_hold; /* opaque */

struct sup_hold_packet {
    const uint8_t *data; /* borrowed until the hold music is destroyed */
    size_t len;          /* 1..1500 */
};

/* The built-in music: a melody that the build synthesises and encodes (mono, about 24 kbit/s,
 * 25.6 s). Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_hold_create_builtin(struct sup_hold **ret_hold);

/* The built-in notice of a recording, made in the same way: two short tones of 1400 Hz, 1 s in all.
 * Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_hold_create_notice(struct sup_hold **ret_notice);

/* Reads an Ogg Opus file (mono or stereo, mapping family 0, one logical stream, whole) whose
 * packets last 20 ms each. Packets of padding alone at either end are left out: the music repeats
 * in its beat. *ret_why, which may be NULL, is set on failure to a static sentence for the log.
 * Errors: SUP_E_NOTFOUND, SUP_E_IO, SUP_E_LIMIT (size, length), SUP_E_MALFORMED (also: cut off),
 * SUP_E_UNSUPPORTED (Vorbis, channels, packet duration, several streams), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_hold_open(const char *path, struct sup_hold **ret_hold,
                                     const char **ret_why);
/* The same from memory; data is borrowed for the call. */
SUP_MUST_CHECK sup_err sup_hold_parse(const uint8_t *data, size_t len, struct sup_hold **ret_hold,
                                      const char **ret_why);

/* Puts a copy of more's packets behind those of hold: several pieces in turn. Errors: SUP_E_LIMIT
 * (SUP_HOLD_PACKETS_MAX), SUP_E_NOMEM; hold is then as long as it fitted. */
SUP_MUST_CHECK sup_err sup_hold_append(struct sup_hold *hold, const struct sup_hold *more);

/* NULL is a no-op. */
void sup_hold_destroy(struct sup_hold *hold);

/* At least 1. */
size_t sup_hold_count(const struct sup_hold *hold);
uint64_t sup_hold_duration_us(const struct sup_hold *hold);
/* Packet n modulo the count: a leg counts up and the music repeats. */
struct sup_hold_packet sup_hold_packet(const struct sup_hold *hold, uint64_t n);
#endif
