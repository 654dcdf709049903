#include "supportd/net/rate.h"

#include <assert.h>

#include "supportd/base/list.h"
#include "supportd/base/map.h"
#include "supportd/base/mem.h"

enum { TOKENS_MAX = 1000000, KEYS_MAX = 1000000 };

struct bucket {
    struct sup_link link; /* sup_rate::used, least recently used first */
    double tokens;
    uint64_t at_us; /* when tokens was right */
    size_t key_len;
    char key[];
};

struct sup_rate {
    struct sup_map *buckets;
    struct sup_link used;
    double burst;
    double per_us; /* tokens that come back in a microsecond */
    size_t max_keys;
};

sup_err sup_rate_set(struct sup_rate *rate, uint32_t burst, uint32_t refill, uint64_t period_us)
{
    if (burst == 0 || burst > TOKENS_MAX || refill == 0 || refill > TOKENS_MAX || period_us == 0)
        return SUP_E_INVAL;
    rate->burst = burst;
    rate->per_us = (double)refill / (double)period_us;
    return SUP_OK;
}

sup_err sup_rate_create(const struct sup_rate_opts *opts, struct sup_rate **ret_rate)
{
    assert(opts && ret_rate);
    if (opts->max_keys == 0 || opts->max_keys > KEYS_MAX)
        return SUP_E_INVAL;
    struct sup_rate *rate = sup_calloc(1, sizeof(*rate));
    if (!rate)
        return SUP_E_NOMEM;
    sup_list_init(&rate->used);
    rate->max_keys = opts->max_keys;
    sup_err err = sup_rate_set(rate, opts->burst, opts->refill, opts->period_us);
    if (!err)
        err = sup_map_create(&rate->buckets);
    if (err) {
        sup_free(rate);
        return err;
    }
    *ret_rate = rate;
    return SUP_OK;
}

void sup_rate_destroy(struct sup_rate *rate)
{
    if (!rate)
        return;
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &rate->used)
    sup_free(SUP_CONTAINER_OF(pos, struct bucket, link));
    sup_map_destroy(rate->buckets);
    sup_free(rate);
}

static void settle(const struct sup_rate *rate, struct bucket *bucket, uint64_t now_us)
{
    if (now_us > bucket->at_us) {
        bucket->tokens += (double)(now_us - bucket->at_us) * rate->per_us;
        bucket->at_us = now_us;
    }
    if (bucket->tokens > rate->burst)
        bucket->tokens = rate->burst;
}

static uint64_t wait_us(const struct sup_rate *rate, double missing)
{
    return (uint64_t)(missing / rate->per_us) + 1;
}

/* Makes room: a bucket that is full again says nothing that a new one would not say. The least
 * recently used one is the first to be full. */
static sup_err make_room(struct sup_rate *rate, uint64_t now_us, uint64_t *ret_retry_us)
{
    if (sup_map_count(rate->buckets) < rate->max_keys)
        return SUP_OK;
    struct bucket *oldest = SUP_CONTAINER_OF(rate->used.next, struct bucket, link);
    settle(rate, oldest, now_us);
    if (oldest->tokens < rate->burst) {
        *ret_retry_us = wait_us(rate, rate->burst - oldest->tokens);
        return SUP_E_LIMIT;
    }
    (void)sup_map_remove(rate->buckets, oldest->key, oldest->key_len);
    sup_list_remove(&oldest->link);
    sup_free(oldest);
    return SUP_OK;
}

static struct bucket *add_bucket(struct sup_rate *rate, const void *key, size_t len,
                                 uint64_t now_us)
{
    struct bucket *bucket = sup_calloc(1, sizeof(*bucket) + len);
    if (!bucket)
        return NULL;
    *bucket = (struct bucket){.tokens = rate->burst, .at_us = now_us, .key_len = len};
    for (size_t i = 0; i < len; i++)
        bucket->key[i] = ((const char *)key)[i];
    if (sup_map_set(rate->buckets, key, len, bucket) != SUP_OK) {
        sup_free(bucket);
        return NULL;
    }
    sup_list_append(&rate->used, &bucket->link);
    return bucket;
}

sup_err sup_rate_take(struct sup_rate *rate, const void *key, size_t len, uint32_t cost,
                      uint64_t now_us, uint64_t *ret_retry_us)
{
    assert(rate && key);
    uint64_t unused;
    uint64_t *retry_us = ret_retry_us ? ret_retry_us : &unused;
    struct bucket *bucket = sup_map_get(rate->buckets, key, len);
    if (!bucket) {
        sup_err err = make_room(rate, now_us, retry_us);
        if (err)
            return err;
        bucket = add_bucket(rate, key, len, now_us);
        if (!bucket) {
            *retry_us = wait_us(rate, 1);
            return SUP_E_LIMIT;
        }
    }
    settle(rate, bucket, now_us);
    sup_list_remove(&bucket->link);
    sup_list_append(&rate->used, &bucket->link);
    if (bucket->tokens < cost) {
        *retry_us = wait_us(rate, cost - bucket->tokens);
        return SUP_E_LIMIT;
    }
    bucket->tokens -= cost;
    return SUP_OK;
}

size_t sup_rate_count(const struct sup_rate *rate)
{
    return sup_map_count(rate->buckets);
}
