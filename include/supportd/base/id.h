/* 128-bit identifiers, UUID version 7 (RFC 9562 section 5.7).
 *
 * Layer: base. Time-ordered: within one process each new id is greater than the one before. */
#ifndef SUPPORTD_BASE_ID_H
#define SUPPORTD_BASE_ID_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum { SUP_ID_TEXT_LEN = 36 };

struct sup_id {
    uint8_t bytes[16];
};

struct sup_id_text {
    char s[SUP_ID_TEXT_LEN + 1]; /* lower case, dashes, NUL */
};

/* A new id of the present wall time. Aborts only if the kernel has no random source.
 * Thread: loop thread only (keeps the last id for ordering). */
struct sup_id sup_id_new(void);
/* Text form, by value: sup_id_text(id).s lives to the end of the full expression. */
struct sup_id_text sup_id_text(struct sup_id id);
/* Parses exactly 36 characters 8-4-4-4-12, either case, any version. Errors: SUP_E_MALFORMED. */
SUP_MUST_CHECK sup_err sup_id_parse(const char *text, size_t len, struct sup_id *ret_id);
bool sup_id_equal(struct sup_id a, struct sup_id b);
bool sup_id_is_zero(struct sup_id id);

/* Fills len bytes from the kernel's random source; aborts if there is none. */
void sup_random(void *ret_bytes, size_t len);
#endif
