/* How hold.c and hold_builtin.c share a growing set of packets. */
#ifndef SUPPORTD_SRC_MEDIA_HOLD_INTERNAL_H
#define SUPPORTD_SRC_MEDIA_HOLD_INTERNAL_H
#include "supportd/media/hold.h"

/* Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err hold_create(struct sup_hold **ret_hold);
/* Copies one packet to the end. Errors: SUP_E_LIMIT (SUP_HOLD_PACKETS_MAX), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err hold_add(struct sup_hold *hold, const uint8_t *data, size_t len);
/* The built-in music: count packets one behind the other. Made at build time by builtin/compose.c.
 */
extern const uint8_t hold_builtin_bytes[];
extern const uint16_t hold_builtin_lengths[];
extern const size_t hold_builtin_count;
/* The built-in notice of a recording, in the same way. */
extern const uint8_t hold_notice_bytes[];
extern const uint16_t hold_notice_lengths[];
extern const size_t hold_notice_count;
#endif
