/* Growable byte buffer with a limit.
 *
 * Layer: base. Thread: the owner's. data is NUL-terminated behind len whenever it is not NULL. */
#ifndef SUPPORTD_BASE_BUF_H
#define SUPPORTD_BASE_BUF_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

struct sup_buf {
    char *data;     /* NULL while empty; owned */
    size_t len;     /* bytes in use, without the NUL */
    size_t cap;     /* bytes allocated */
    size_t max_len; /* 0: no limit beyond memory */
};

/* max_len bytes at most (0: unlimited). Allocates nothing. A zeroed struct is a valid empty buffer.
 */
void sup_buf_init(struct sup_buf *buf, size_t max_len);
/* Frees the memory and leaves an empty buffer with the same limit. */
void sup_buf_fini(struct sup_buf *buf);
/* As sup_buf_fini(), wiping first. */
void sup_buf_fini_secret(struct sup_buf *buf);
/* Keeps the memory, sets len to 0. */
void sup_buf_clear(struct sup_buf *buf);

/* Each append either adds everything or nothing. Errors: SUP_E_LIMIT, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_buf_add(struct sup_buf *buf, const void *data, size_t len);
SUP_MUST_CHECK sup_err sup_buf_adds(struct sup_buf *buf, const char *s);
SUP_MUST_CHECK sup_err sup_buf_addf(struct sup_buf *buf, const char *fmt, ...) SUP_PRINTF(2, 3);
/* Decimal digits; much cheaper than sup_buf_addf(). */
SUP_MUST_CHECK sup_err sup_buf_add_int(struct sup_buf *buf, int64_t value);
/* Removes the first n bytes; n > len removes all. */
void sup_buf_drop(struct sup_buf *buf, size_t n);
#endif
