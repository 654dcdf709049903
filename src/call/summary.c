#include "call_internal.h"
#include "supportd/media/emodel.h"

/* What a call was like, per party and direction, from the samples of each second. */

enum {
    FINE_STEPS = 32, /* of 1 ms */
    FINE_US = 1000,
    COARSE_US = 8000,
    PERCENT = 100,
};

static unsigned step_of(uint32_t jitter_us)
{
    if (jitter_us < FINE_STEPS * FINE_US)
        return jitter_us / FINE_US;
    unsigned step = FINE_STEPS + (jitter_us - FINE_STEPS * FINE_US) / COARSE_US;
    return step < CALL_JITTER_STEPS ? step : CALL_JITTER_STEPS - 1;
}

/* The middle of a step, in ms. */
static double ms_of(unsigned step)
{
    if (step < FINE_STEPS)
        return step + 0.5;
    return FINE_STEPS + (step - FINE_STEPS + 0.5) * (COARSE_US / 1000);
}

static double percentile(const struct call_totals_dir *d, uint32_t percent)
{
    uint64_t rank = ((uint64_t)d->seconds * percent + PERCENT - 1) / PERCENT, seen = 0;
    for (unsigned step = 0; step < CALL_JITTER_STEPS; step++)
        if ((seen += d->jitter_steps[step]) >= rank)
            return ms_of(step);
    return ms_of(CALL_JITTER_STEPS - 1);
}

static void add_dir(struct call_totals_dir *t, const struct sup_quality_dir *d)
{
    uint64_t weight = (uint64_t)d->packets + d->lost;
    t->packets += d->packets;
    t->lost += d->lost;
    t->recovered += d->recovered;
    t->late += d->late;
    t->residual += d->residual_loss_pct * (double)weight;
    if (d->lost) {
        t->burst += d->burst_ratio * d->lost;
        t->burst_weight += d->lost;
    }
    if (d->packets) {
        t->seconds++;
        t->jitter_us += d->jitter_us;
        t->jitter_steps[step_of(d->jitter_us)]++;
        if (d->jitter_us > t->jitter_max_us)
            t->jitter_max_us = d->jitter_us;
    }
    if (!d->has_mos)
        return;
    if (t->mos_seconds++ == 0 || d->mos_cq < t->mos_cq_min)
        t->mos_cq_min = d->mos_cq;
    t->ie += d->ie;
    t->mos_lq += d->mos_lq;
    t->mos_cq += d->mos_cq;
}

void call_totals_add(struct call_totals *totals, const struct sup_quality_sample *s)
{
    totals->seconds++;
    add_dir(&totals->in, &s->in);
    add_dir(&totals->out, &s->out);
    if (s->has_rtt) {
        totals->rtt_seconds++;
        totals->rtt_us += s->rtt_us;
        if (s->rtt_us > totals->rtt_max_us)
            totals->rtt_max_us = s->rtt_us;
    }
    for (unsigned v = 0; v < SUP_VERDICT_COUNT; v++)
        totals->verdict_seconds[v] += s->verdicts >> v & 1u;
}

void call_totals_add_client(struct call_totals *totals, const struct sup_call_client *client)
{
    totals->reports++;
    totals->received += client->received;
    totals->client_lost += client->lost;
    if (client->samples == SUP_CALL_UNKNOWN || client->concealed == SUP_CALL_UNKNOWN)
        return;
    totals->samples += client->samples;
    totals->concealed += client->concealed;
    if (client->silent_concealed != SUP_CALL_UNKNOWN)
        totals->silent_concealed += client->silent_concealed;
}

static json_t *rounded(double value)
{
    return json_real((double)(int64_t)(value * 100 + 0.5) / 100); /* none is below 0 */
}

/* The call as one, its loss taken as spread evenly: what a hole has cost counts in full here, while
 * a mean of seconds can fall by no more than the seconds that it spoils. The seconds have the burst
 * ratio; for a whole call it would often be above 2, where G.107 vouches for the model only while
 * less than 2 % is lost. */
static double mos_of_all(const struct call_totals_dir *t)
{
    struct sup_emodel_in in = {.ie = t->ie / t->mos_seconds,
                               .bpl = SUP_EMODEL_BPL_OPUS,
                               .loss_pct = t->residual / (double)(t->packets + t->lost),
                               .burst = 1};
    return sup_emodel_mos(sup_emodel_r(&in));
}

static json_t *dir_json(const struct call_totals_dir *t)
{
    uint64_t expected = t->packets + t->lost;
    json_t *dir = json_pack("{s:I, s:I, s:I, s:I}", "packets", (json_int_t)t->packets, "lost",
                            (json_int_t)t->lost, "recovered", (json_int_t)t->recovered, "late",
                            (json_int_t)t->late);
    if (expected) {
        double all = (double)expected;
        json_object_set_new(dir, "loss_pct", rounded(100 * (double)t->lost / all));
        json_object_set_new(dir, "residual_loss_pct", rounded(t->residual / all));
    }
    if (t->burst_weight)
        json_object_set_new(dir, "burst_ratio", rounded(t->burst / (double)t->burst_weight));
    if (t->seconds) {
        json_object_set_new(dir, "jitter_ms", rounded((double)t->jitter_us / t->seconds / 1000));
        json_object_set_new(dir, "jitter_p50_ms", rounded(percentile(t, 50)));
        json_object_set_new(dir, "jitter_p95_ms", rounded(percentile(t, 95)));
        json_object_set_new(dir, "jitter_max_ms", rounded(t->jitter_max_us / 1000.0));
    }
    if (t->mos_seconds) {
        json_object_set_new(dir, "mos", rounded(t->mos_cq / t->mos_seconds)); /* for mos_low */
        json_object_set_new(dir, "mos_lq", rounded(t->mos_lq / t->mos_seconds));
        json_object_set_new(dir, "mos_cq", rounded(t->mos_cq / t->mos_seconds));
        json_object_set_new(dir, "mos_cq_min", rounded(t->mos_cq_min));
        json_object_set_new(dir, "mos_call", rounded(mos_of_all(t)));
    }
    return dir;
}

static json_t *client_json(const struct call_totals *t)
{
    json_t *client = json_pack("{s:I, s:I, s:I}", "reports", (json_int_t)t->reports, "received",
                               (json_int_t)t->received, "lost", (json_int_t)t->client_lost);
    if (t->samples > 0) {
        double all = (double)t->samples;
        json_object_set_new(client, "concealed_pct", rounded(100 * (double)t->concealed / all));
        json_object_set_new(client, "silent_concealed_pct",
                            rounded(100 * (double)t->silent_concealed / all));
    }
    return client;
}

static json_t *party_json(const struct call_totals *t)
{
    json_t *verdicts = json_object();
    for (int v = 0; v < SUP_VERDICT_COUNT; v++)
        if (t->verdict_seconds[v])
            json_object_set_new(verdicts, sup_quality_verdict_name((enum sup_verdict)v),
                                json_integer(t->verdict_seconds[v]));
    json_t *party = json_pack("{s:o, s:o, s:i, s:o}", "in", dir_json(&t->in), "out",
                              dir_json(&t->out), "samples", (int)t->seconds, "verdict_s", verdicts);
    if (t->rtt_seconds) {
        json_object_set_new(party, "rtt_ms", rounded((double)t->rtt_us / t->rtt_seconds / 1000));
        json_object_set_new(party, "rtt_max_ms", rounded(t->rtt_max_us / 1000.0));
    }
    if (t->reports)
        json_object_set_new(party, "client", client_json(t));
    return party;
}

json_t *call_summary_json(const struct call_live *live)
{
    static const char *const names[] = {"customer", "agent"};
    json_t *summary = json_object();
    for (int p = SUP_CALL_CUSTOMER; p <= SUP_CALL_AGENT; p++)
        if (live->parties[p].totals.seconds)
            json_object_set_new(summary, names[p], party_json(&live->parties[p].totals));
    return summary;
}
