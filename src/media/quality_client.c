/* The way down by the peer's own statistics, where its RTCP reports are rare. */
#include <math.h>

#include "quality_internal.h"

enum {
    FRESH_US = 2500000,
    LAG_US =
        500000, /* what counts as told, besides the round trip: jitter, and the way of the news */
    RTT_GUESS_US = 500000,
    AHEAD_MAX = 100, /* packets that may have come though our count says they were not sent yet */
    TICKS_PER_MS = 48,
    PACKET_US = 20000,
    OVERTAKEN_MAX = 50,
};

static uint32_t due_by(const struct quality_out *out, uint32_t rtt_us, uint64_t now_us)
{
    uint64_t lag_us = (rtt_us ? rtt_us : RTT_GUESS_US) + LAG_US;
    return now_us > lag_us ? quality_out_sent_by(out, now_us - lag_us) : out->base - 1;
}

static bool begin(struct quality_client *c, const struct quality_out *out, uint64_t now_us)
{
    *c = (struct quality_client){.counting = out->started, .at_us = now_us};
    c->seen = c->due = out->highest;
    return false;
}

static void count_ours(struct quality_client *c, const struct quality_out *out, uint32_t rtt_us,
                       uint64_t now_us)
{
    uint32_t due = due_by(out, rtt_us, now_us);
    uint32_t sent = quality_out_count(out, c->seen, out->highest);
    c->sent += sent;
    c->unsent += out->highest - c->seen - sent;
    c->seen = out->highest;
    if (due > c->due && due <= out->highest) {
        c->sent_due += quality_out_count(out, c->due, due);
        c->due = due;
    }
}

/* Packets that may still come although it has later ones. Browsers work jitter out from packets in
 * order alone. Of those that each take a random time of up to J, sent every T, they show a jitter
 * of 0.45 sqrt(J T) (Chromium 140: 25 ms at 150, 50 ms at 500), and half of J / T are missing at
 * the worst moment. */
static int64_t overtaken(uint32_t jitter_us)
{
    double depth = jitter_us / (0.45 * PACKET_US);
    return (int64_t)fmin(depth * depth / 2, OVERTAKEN_MAX);
}

/* Of the numbers that it misses those count that we did send, and of those that we sent long ago
 * all that it has not: so a way down that is dead is told although it misses none. */
static void judge(struct quality_client *c, const struct sup_quality_client *report)
{
    int64_t missed = c->lost - c->unsent, silent = c->sent_due - c->received;
    int64_t missing = missed > silent ? missed : silent;
    missing -= report->has_jitter ? overtaken(report->jitter_us) : 0;
    int64_t lost = missing > c->told ? missing - c->told : 0;
    c->told += lost;
    int64_t expected = report->received + lost;
    c->lossy_known = expected >= QUALITY_JUDGED_MIN;
    c->loss = c->lossy_known ? (double)lost / (double)expected : 0;
}

bool quality_client_take(struct quality_client *client, const struct quality_out *out,
                         const struct sup_quality_client *report, uint32_t rtt_us, uint64_t now_us)
{
    struct quality_client *c = client;
    if (!c->counting || report->interval_us == 0 || report->interval_us > QUALITY_SPAN_US ||
        now_us - c->at_us > QUALITY_SPAN_US)
        return begin(c, out, now_us);
    count_ours(c, out, rtt_us, now_us);
    c->at_us = now_us;
    c->received += report->received;
    c->lost += report->lost;
    if (report->received < 0 || c->received > c->sent + AHEAD_MAX)
        return begin(c, out, now_us);
    judge(c, report);
    c->has_jitter = report->has_jitter;
    if (report->has_jitter)
        c->jitter_us =
            quality_out_jitter_us(out, (double)report->jitter_us * TICKS_PER_MS / 1000, now_us);
    c->has_rtt = report->has_rtt;
    c->rtt_us = report->rtt_us;
    return true;
}

bool quality_client_fresh(const struct quality_client *client, uint64_t now_us)
{
    return client->counting && now_us - client->at_us <= FRESH_US;
}
