#include "call_internal.h"
#include "supportd/base/clock.h"
#include "supportd/log/log.h"

/* Quality of the legs on its way to the table. */

static void on_stored(const struct sup_pg_reply *reply, void *arg)
{
    (void)arg;
    if (reply->err)
        sup_log_warn("call", "samples not stored", SUP_STR("error", sup_err_name(reply->err)),
                     SUP_STR("sqlstate", reply->sqlstate), SUP_STR("code", reply->code));
}

void call_store_rows(struct call_live *live)
{
    if (live->row_count > 0 && sup_call_store_samples(live->service->opts.pool, live->id,
                                                      live->rows, live->row_count, on_stored, NULL))
        sup_log_warn("call", "samples not sent", SUP_STR("call", sup_id_text(live->id).s));
    live->row_count = 0;
}

static struct sup_call_sample row_of(const struct sup_quality_sample *s, bool agent, bool out)
{
    const struct sup_quality_dir *d = out ? &s->out : &s->in;
    return (struct sup_call_sample){
        .at_us = sup_clock_wall_us(),
        .agent = agent,
        .out = out,
        .packets = d->packets,
        .lost = d->lost,
        .recovered = d->recovered,
        .jitter_us = d->jitter_us,
        .rtt_us = s->has_rtt ? s->rtt_us : 0,
        .has_mos = d->has_mos,
        .mos = d->mos_cq,
        .has_level = !out && s->has_level,
        .level_db = s->level_dbov,
        .flags = s->verdicts,
    };
}

void call_add_rows(struct call_live *live, enum sup_call_party party,
                   const struct sup_quality_sample *sample)
{
    if (live->row_count + 2 > CALL_SAMPLE_ROWS)
        call_store_rows(live);
    for (int out = 0; out < 2; out++)
        live->rows[live->row_count++] = row_of(sample, party == SUP_CALL_AGENT, out != 0);
    if (live->row_count == CALL_SAMPLE_ROWS)
        call_store_rows(live);
}

static json_t *dir_json(const struct sup_quality_summary_dir *d)
{
    json_t *dir =
        json_pack("{s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "packets", (json_int_t)d->packets, "lost",
                  (json_int_t)d->lost, "recovered", (json_int_t)d->recovered, "loss_pct",
                  d->loss_pct, "residual_loss_pct", d->residual_loss_pct, "jitter_ms",
                  d->jitter_mean_us / 1000, "jitter_max_ms", d->jitter_max_us / 1000.0);
    if (d->mos_samples > 0) {
        json_object_set_new(dir, "mos", json_real(d->mos_cq_mean)); /* what mos_low is made of */
        json_object_set_new(dir, "mos_lq", json_real(d->mos_lq_mean));
        json_object_set_new(dir, "mos_cq", json_real(d->mos_cq_mean));
        json_object_set_new(dir, "mos_cq_min", json_real(d->mos_cq_min));
    }
    return dir;
}

json_t *call_summary_json(const struct call_live *live)
{
    static const char *const names[] = {"customer", "agent"};
    json_t *summary = json_object();
    for (int p = 0; p < SUP_CALL_PARTIES; p++) {
        if (!live->parties[p].leg)
            continue;
        struct sup_quality_summary s;
        sup_leg_get_summary(live->parties[p].leg, &s);
        json_object_set_new(summary, names[p],
                            json_pack("{s:o, s:o, s:f, s:i}", "in", dir_json(&s.in), "out",
                                      dir_json(&s.out), "rtt_ms", s.rtt_mean_us / 1000, "samples",
                                      (int)s.samples));
    }
    return summary;
}
