#include <stdio.h>

#include "call_internal.h"
#include "supportd/base/clock.h"

/* What the browsers measure themselves. */

enum {
    INTERVAL_MAX_US = 120000000, /* after a longer silence the count begins anew */
    COUNT_MAX = INT32_MAX,       /* of a column */
};

/* b - a, or not known; false: the count has fallen, so it belongs to another connection. */
static bool since(int64_t a, int64_t b, int64_t *ret_count)
{
    *ret_count = SUP_CALL_UNKNOWN;
    if (a == SUP_CALL_UNKNOWN || b == SUP_CALL_UNKNOWN)
        return true;
    *ret_count = b - a;
    return b >= a && b - a <= COUNT_MAX;
}

static bool lost_since(int64_t a, int64_t b, int64_t *ret_count)
{
    *ret_count = b - a; /* may fall: late packets count as received after all */
    return *ret_count >= -COUNT_MAX && *ret_count <= COUNT_MAX;
}

/* Mean time in the buffer of what left it meanwhile. */
static int64_t buffer_us(const struct sup_call_stats *a, const struct sup_call_stats *b)
{
    int64_t ms, count;
    if (!since(a->buffer_ms, b->buffer_ms, &ms) || !since(a->buffered, b->buffered, &count) ||
        ms == SUP_CALL_UNKNOWN || count <= 0)
        return SUP_CALL_UNKNOWN;
    int64_t us = ms * 1000 / count;
    return us <= COUNT_MAX ? us : SUP_CALL_UNKNOWN;
}

static bool compare(const struct sup_call_stats *a, const struct sup_call_stats *b,
                    struct sup_call_client *ret)
{
    ret->jitter_us = b->jitter_us;
    ret->rtt_us = b->rtt_us;
    ret->level_dbov = b->level_dbov;
    ret->mic_dbov = b->mic_dbov;
    ret->buffer_us = buffer_us(a, b);
    (void)snprintf(ret->path, sizeof(ret->path), "%s", b->path ? b->path : "");
    return since(a->received, b->received, &ret->received) &&
           lost_since(a->lost, b->lost, &ret->lost) &&
           since(a->discarded, b->discarded, &ret->discarded) &&
           since(a->samples, b->samples, &ret->samples) &&
           since(a->concealed, b->concealed, &ret->concealed) &&
           since(a->silent_concealed, b->silent_concealed, &ret->silent_concealed) &&
           since(a->sent, b->sent, &ret->sent);
}

/* It is evidence of what happens to what the leg is sent, beside the leg's own reports. */
static void tell_leg(struct sup_leg *leg, const struct sup_call_client *client, bool follows)
{
    struct sup_quality_client c = {0};
    if (follows)
        c = (struct sup_quality_client){
            .interval_us = (uint64_t)client->interval_ms * 1000,
            .received = client->received,
            .lost = client->lost,
            .has_jitter = client->jitter_us != SUP_CALL_UNKNOWN,
            .has_rtt = client->rtt_us != SUP_CALL_UNKNOWN,
        };
    if (c.has_jitter)
        c.jitter_us = (uint32_t)client->jitter_us;
    if (c.has_rtt)
        c.rtt_us = (uint32_t)client->rtt_us;
    sup_leg_take_client(leg, &c);
}

sup_err sup_call_take_stats(struct sup_call *call, struct sup_id user, struct sup_id id,
                            const struct sup_call_stats *stats)
{
    struct call_party *party = call_find_party(call, user, id);
    if (!party)
        return SUP_E_NOTFOUND;
    uint64_t now_us = sup_clock_mono_us(), passed_us = now_us - party->stats_us;
    if (party->has_stats && passed_us < call->opts.stats_interval_us)
        return SUP_E_LIMIT;
    struct sup_call_client client = {.at_us = sup_clock_wall_us() / 1000 * 1000,
                                     .interval_ms = (int64_t)(passed_us / 1000)};
    bool follows = party->has_stats && client.interval_ms > 0 && passed_us <= INTERVAL_MAX_US &&
                   compare(&party->stats, stats, &client);
    party->stats = *stats;
    party->stats.path = NULL; /* borrowed */
    party->stats_us = now_us;
    party->has_stats = true;
    sup_metric_add(call->stats_metric, 1);
    tell_leg(party->leg, &client, follows);
    if (!follows)
        return SUP_OK;
    party->client = client;
    if (party < &party->live->parties[SUP_CALL_PARTIES])
        call_totals_add_client(&party->totals, &client);
    else if (!party->open)
        return SUP_OK; /* only asked: no part yet that rows could be of */
    call_batch_add_client(party);
    return SUP_OK;
}
