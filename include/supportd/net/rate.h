/* Token buckets per key (address, user), in a bounded table that fails closed.
 *
 * Layer: net. Pure: the caller gives the time. Thread: the owner's. */
#ifndef SUPPORTD_NET_RATE_H
#define SUPPORTD_NET_RATE_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

struct sup_rate;

struct sup_rate_opts {
    uint32_t burst;     /* tokens in a full bucket, 1..1000000 */
    uint32_t refill;    /* tokens that come back ... */
    uint64_t period_us; /* ... in this time; both above 0 */
    size_t max_keys;    /* buckets at once, 1..1000000 */
};

/* Errors: SUP_E_INVAL, SUP_E_NOMEM. *ret_rate is owned. */
SUP_MUST_CHECK sup_err sup_rate_create(const struct sup_rate_opts *opts,
                                       struct sup_rate **ret_rate);
void sup_rate_destroy(struct sup_rate *rate); /* NULL is a no-op */

/* Takes cost tokens from the bucket of key[len] (copied). now_us: monotonic.
 * Errors: SUP_E_LIMIT: not enough tokens, or no room for a new key while all others are in use, or
 * no memory; nothing is taken then, and *ret_retry_us (may be NULL) says after how long the same
 * call can succeed at the earliest. */
SUP_MUST_CHECK sup_err sup_rate_take(struct sup_rate *rate, const void *key, size_t len,
                                     uint32_t cost, uint64_t now_us, uint64_t *ret_retry_us);
/* Changes burst, refill and period for all keys (settings reload). Errors: SUP_E_INVAL. */
SUP_MUST_CHECK sup_err sup_rate_set(struct sup_rate *rate, uint32_t burst, uint32_t refill,
                                    uint64_t period_us);
size_t sup_rate_count(const struct sup_rate *rate);
#endif
