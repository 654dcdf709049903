/* Time: monotonic for durations, wall for what is shown and stored.
 *
 * Layer: base. Thread: any. Units: microseconds. Tests may install a fake. */
#ifndef SUPPORTD_BASE_CLOCK_H
#define SUPPORTD_BASE_CLOCK_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum { SUP_TIME_TEXT_LEN = 24 };

struct sup_time_text {
    char s[SUP_TIME_TEXT_LEN + 1]; /* 2026-11-22T16:18:00.123Z */
};

/* Never runs backwards; origin unspecified. */
uint64_t sup_clock_mono_us(void);
/* Microseconds since 1970-01-01T00:00:00Z. */
int64_t sup_clock_wall_us(void);
/* RFC 3339, UTC, milliseconds (truncated). wall_us must lie in the years 1970..9999. */
struct sup_time_text sup_time_text(int64_t wall_us);
/* Parses RFC 3339 with optional fraction (any digits, cut at us) and Z or numeric offset.
 * Errors: SUP_E_MALFORMED. */
SUP_MUST_CHECK sup_err sup_time_parse(const char *text, size_t len, int64_t *ret_wall_us);

/* Tests: both clocks stand still at these values until set again; sup_clock_real() ends it. */
void sup_clock_fake(uint64_t mono_us, int64_t wall_us);
void sup_clock_real(void);
#endif
