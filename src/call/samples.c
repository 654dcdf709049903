#include <math.h>
#include <string.h>

#include "call_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"

/* Quality of the legs on its way to the tables and to who looks on. */

enum {
    STORE_AFTER_US = 1000000, /* one statement a second for all calls */
    TELL_AGAIN_US = 10000000, /* a page that came meanwhile knows by then */
    MS_US = 1000,
    CLIENT_FRESH_US = 15000000, /* a page in the background tells more rarely */
    TOLD_CUSTOMER = 1u << 30,   /* bits of call_live::told above the verdicts */
    TOLD_OTHER = (int)(1u << 29),
};

struct call_batch {
    struct sup_call *service;
    struct sup_timer *timer;
    size_t count, client_count;
    struct sup_call_owner owners[SUP_CALL_BATCH_MAX], client_owners[SUP_CALL_BATCH_MAX];
    struct sup_call_sample rows[SUP_CALL_BATCH_MAX];
    struct sup_call_client_row client_rows[SUP_CALL_BATCH_MAX];
    char paths[SUP_CALL_BATCH_MAX][8];
    struct sup_metric *stored, *dropped;
};

static void on_due(void *arg)
{
    call_batch_store(arg);
}

sup_err call_batch_create(struct sup_call *call)
{
    struct call_batch *batch = sup_calloc(1, sizeof(*batch));
    if (!batch)
        return SUP_E_NOMEM;
    batch->service = call;
    call->batch = batch;
    batch->stored = sup_metrics_counter(call->opts.metrics, "supportd_call_samples_total",
                                        "Rows of call quality sent to the tables.", NULL, NULL);
    batch->dropped =
        sup_metrics_counter(call->opts.metrics, "supportd_call_samples_dropped_total",
                            "Statements with rows of call quality that failed.", NULL, NULL);
    return sup_timer_create(call->opts.loop, on_due, batch, &batch->timer);
}

void call_batch_destroy(struct call_batch *batch)
{
    if (!batch)
        return;
    sup_timer_destroy(batch->timer);
    sup_free(batch);
}

static void drop(struct call_batch *batch, const char *sqlstate, sup_err err)
{
    sup_metric_add(batch->dropped, 1);
    sup_log_warn("call", "samples not stored", SUP_STR("error", sup_err_name(err)),
                 SUP_STR("sqlstate", sqlstate));
}

static void on_stored(const struct sup_pg_reply *reply, void *arg)
{
    if (reply->err)
        drop(arg, reply->sqlstate, reply->err);
}

void call_batch_store(struct call_batch *batch)
{
    struct sup_pg_pool *pool = batch->service->opts.pool;
    const char *paths[SUP_CALL_BATCH_MAX];
    sup_err err = SUP_OK, client_err = SUP_OK;
    sup_timer_stop(batch->timer);
    for (size_t i = 0; i < batch->client_count; i++)
        paths[i] = batch->paths[i];
    if (batch->count > 0)
        err = sup_call_store_samples(pool, batch->owners, batch->rows, batch->count, on_stored,
                                     batch);
    if (batch->client_count > 0)
        client_err = sup_call_store_client(pool, batch->client_owners, batch->client_rows, paths,
                                           batch->client_count, on_stored, batch);
    if (err || client_err)
        drop(batch, "", err ? err : client_err);
    sup_metric_add(batch->stored, (double)(batch->count + batch->client_count));
    batch->count = batch->client_count = 0;
}

static struct sup_call_sample_dir dir_of(const struct sup_quality_dir *d, bool has_loss,
                                         bool has_burst)
{
    return (struct sup_call_sample_dir){
        .packets = d->packets,
        .lost = d->lost,
        .recovered = d->recovered,
        .late = d->late,
        .jitter_us = d->jitter_us,
        .residual_pct100 = has_loss ? lround(d->residual_loss_pct * 100) : SUP_CALL_UNKNOWN,
        .burst100 = has_burst ? lround(d->burst_ratio * 100) : SUP_CALL_UNKNOWN,
        .mos100 = d->has_mos ? lround(d->mos_cq * 100) : SUP_CALL_UNKNOWN,
    };
}

static int64_t now_ms_us(void)
{
    return sup_clock_wall_us() / 1000 * 1000; /* what answers and cursors carry */
}

/* Whose rows they are: customer and agent have one stream each, others one per seat, which the last
 * digits of the time keep apart. */
static struct sup_call_owner owner_of(const struct call_party *party, int64_t *at_us, int64_t *leg)
{
    const struct call_live *live = party->live;
    int seat = (int)(party - live->parties);
    if (seat < SUP_CALL_PARTIES) {
        *leg = seat == SUP_CALL_AGENT ? SUP_CALL_ROW_AGENT : SUP_CALL_ROW_CUSTOMER;
        return (struct sup_call_owner){.call = live->id};
    }
    *leg = SUP_CALL_ROW_PART;
    *at_us = *at_us / (CALL_SEATS * MS_US) * (CALL_SEATS * MS_US) + seat * MS_US;
    return (struct sup_call_owner){live->id, party->row};
}

static void add_row(struct call_party *party, const struct sup_quality_sample *s)
{
    struct call_batch *batch = party->live->service->batch;
    bool heard = s->in.packets + s->in.lost > 0;
    int64_t at_us = now_ms_us(), leg;
    batch->owners[batch->count] = owner_of(party, &at_us, &leg);
    batch->rows[batch->count++] = (struct sup_call_sample){
        .at_us = at_us,
        .leg = leg,
        .rtt_us = s->has_rtt ? (int64_t)s->rtt_us : SUP_CALL_UNKNOWN,
        .level_dbov = s->has_level ? s->level_dbov : SUP_CALL_UNKNOWN,
        .flags = s->verdicts,
        .in = dir_of(&s->in, heard, heard),
        .out = dir_of(&s->out, s->out.has_mos, false),
    };
    if (batch->count == SUP_CALL_BATCH_MAX)
        call_batch_store(batch);
    else if (!sup_timer_armed(batch->timer))
        sup_timer_start(batch->timer, STORE_AFTER_US);
}

void call_batch_add_client(struct call_party *party)
{
    struct call_batch *batch = party->live->service->batch;
    const struct sup_call_client *c = &party->client;
    size_t n = batch->client_count++;
    int64_t at_us = c->at_us, leg;
    batch->client_owners[n] = owner_of(party, &at_us, &leg);
    memcpy(batch->paths[n], c->path, sizeof(c->path));
    batch->client_rows[n] = (struct sup_call_client_row){
        .at_us = at_us,
        .leg = leg,
        .interval_ms = c->interval_ms,
        .received = c->received,
        .lost = c->lost,
        .discarded = c->discarded,
        .samples = c->samples,
        .concealed = c->concealed,
        .silent_concealed = c->silent_concealed,
        .sent = c->sent,
        .jitter_us = c->jitter_us,
        .buffer_us = c->buffer_us,
        .rtt_us = c->rtt_us,
        .level_dbov = c->level_dbov,
        .mic_dbov = c->mic_dbov,
    };
    if (batch->client_count == SUP_CALL_BATCH_MAX)
        call_batch_store(batch);
    else if (!sup_timer_armed(batch->timer))
        sup_timer_start(batch->timer, STORE_AFTER_US);
}

/* --- to who looks on --- */

static bool has_picture(const struct call_party *party)
{
    return party->leg && party->sampled && sup_leg_state_of(party->leg) != SUP_LEG_FAILED &&
           sup_leg_state_of(party->leg) != SUP_LEG_CLOSED;
}

static bool must_advise(struct call_live *live, const struct sup_call_event *event)
{
    const struct sup_quality_sample *own = event->samples[SUP_CALL_CUSTOMER];
    uint32_t told = own ? own->verdicts : 0;
    told |= event->connected[SUP_CALL_CUSTOMER] ? (uint32_t)TOLD_CUSTOMER : 0;
    told |= event->connected[SUP_CALL_AGENT] ? (uint32_t)TOLD_OTHER : 0;
    uint64_t now_us = sup_clock_mono_us();
    if (live->told_us && told == live->told && now_us - live->told_us < TELL_AGAIN_US)
        return false;
    live->told = told;
    live->told_us = now_us;
    return true;
}

static void emit_picture(struct call_live *live)
{
    struct sup_call_event event = {.kind = SUP_CALL_QUALITY};
    int64_t now_us = sup_clock_wall_us();
    for (int p = 0; p < SUP_CALL_PARTIES; p++) {
        struct call_party *party = &live->parties[p];
        if (!party->leg || !party->sampled)
            continue;
        event.connected[p] = sup_leg_state_of(party->leg) == SUP_LEG_CONNECTED;
        party->last.connected = event.connected[p]; /* a closed leg samples no more */
        event.samples[p] = &party->last;
        if (party->client.at_us && now_us - party->client.at_us < CLIENT_FRESH_US)
            event.clients[p] = &party->client;
    }
    event.advise = must_advise(live, &event);
    call_emit(live, &event);
}

static bool is_empty(const struct sup_quality_sample *s)
{
    return s->in.packets + s->in.lost + s->out.packets + s->out.lost == 0;
}

void call_take_sample(struct call_party *party, const struct sup_quality_sample *sample)
{
    struct call_live *live = party->live;
    bool agent = party == &live->parties[SUP_CALL_AGENT];
    bool other = party >= &live->parties[SUP_CALL_PARTIES];
    if (live->dead || (other && (!party->open || sup_id_is_zero(party->row))))
        return;
    if (party->ending && is_empty(sample))
        return;
    add_row(party, sample);
    if (other)
        return;
    call_totals_add(&party->totals, sample);
    if (party->ending)
        return;
    bool changed = party->sampled && party->last.verdicts != sample->verdicts;
    party->last = *sample;
    party->sampled = true;
    /* One picture a second: at the customer's sample, or the agent's where there is no other. */
    if (!agent || changed || !has_picture(&live->parties[SUP_CALL_CUSTOMER]))
        emit_picture(live);
}

void call_take_verdicts(struct call_party *party, uint32_t verdicts)
{
    if (party->live->dead || !party->sampled)
        return;
    party->last.verdicts = verdicts;
    emit_picture(party->live);
}
