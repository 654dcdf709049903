#include "supportd/media/quality.h"

#include <assert.h>
#include <math.h>

#include "quality_internal.h"
#include "supportd/base/mem.h"
#include "supportd/media/emodel.h"

enum {
    RTT_FRESH_US = 30000000,
    QUIET_US = 2000000, /* no packet, or none but silence, for so long: a verdict */
    LEVEL_FRESH_US = 1000000,
    REPORT_FINE_US = 1500000, /* reports that come as often need no client's word beside them */
    JITTER_SPAN_US = 1000000, /* what a report's jitter speaks for: its mean forgets faster */
    PACKETIZATION_US = 20000,
    LOOKAHEAD_US = 6500,   /* libopus' encoder */
    BUFFER_MIN_US = 20000, /* the listener's jitter buffer: 2 x jitter, at least this */
    MAX_RTT_DEFAULT_US = 400000,
    MAX_JITTER_DEFAULT_US = 30000,
};

#define MAX_LOSS_DEFAULT_PCT 3.0
#define MIN_MOS_DEFAULT 3.5

struct sup_quality {
    struct sup_quality_opts opts;
    struct quality_in in;
    struct quality_out out;
    struct quality_client client;
    uint64_t report_span_us; /* between the last two reports */
    bool has_rtt;
    uint32_t rtt_us;
    uint64_t rtt_at_us;
    uint64_t created_us, expect_since_us;
    bool expected; /* env.expect_in at the last tick */
    uint32_t srtp_duplicates;
    struct quality_verdicts verdicts;
    uint32_t samples;
};

sup_err sup_quality_create(const struct sup_quality_opts *opts, uint64_t now_us,
                           struct sup_quality **ret_quality)
{
    assert(ret_quality);
    struct sup_quality_opts o = opts ? *opts : (struct sup_quality_opts){0};
    if (o.max_loss_pct < 0 || o.max_loss_pct > 100 || o.min_mos < 0 || o.min_mos > 4.5 ||
        o.ie < 0 || o.bpl < 0)
        return SUP_E_INVAL;
    struct sup_quality *q = sup_calloc(1, sizeof(*q));
    if (!q)
        return SUP_E_NOMEM;
    o.max_rtt_us = o.max_rtt_us ? o.max_rtt_us : MAX_RTT_DEFAULT_US;
    o.max_jitter_us = o.max_jitter_us ? o.max_jitter_us : MAX_JITTER_DEFAULT_US;
    o.max_loss_pct = o.max_loss_pct > 0 ? o.max_loss_pct : MAX_LOSS_DEFAULT_PCT;
    o.min_mos = o.min_mos > 0 ? o.min_mos : MIN_MOS_DEFAULT;
    q->opts = o;
    q->in.level_id = o.level_id;
    q->created_us = q->expect_since_us = now_us;
    q->in.last_arrival_us = q->in.last_voice_us = q->in.last_loud_us = now_us;
    sup_err err = sup_rtp_stats_create(NULL, &q->in.stats);
    if (!err && o.sample_level && o.level_id == 0)
        err = sup_level_meter_create(&q->in.meter);
    if (err) {
        sup_quality_destroy(q);
        return err;
    }
    *ret_quality = q;
    return SUP_OK;
}

void sup_quality_destroy(struct sup_quality *quality)
{
    if (!quality)
        return;
    sup_level_meter_destroy(quality->in.meter);
    sup_rtp_stats_destroy(quality->in.stats);
    sup_free(quality);
}

void sup_quality_add_in(struct sup_quality *quality, const uint8_t *pkt,
                        const struct sup_rtp_hdr *hdr, uint64_t arrival_us)
{
    assert(quality && pkt && hdr);
    quality_in_add(&quality->in, pkt, hdr, arrival_us);
}

void sup_quality_add_out(struct sup_quality *quality, const struct sup_quality_sent *sent,
                         uint64_t now_us)
{
    assert(quality && sent);
    quality_out_sent(&quality->out, sent, now_us);
}

void sup_quality_warm(const struct sup_quality *quality, bool out, struct sup_warm *warm)
{
    if (out)
        quality_out_warm(&quality->out, warm);
    else
        quality_in_warm(&quality->in, warm);
}

static uint64_t since(uint64_t now_us, uint64_t then_us)
{
    return now_us > then_us ? now_us - then_us : 0;
}

static bool is_lossy(const struct sup_quality *q, double loss)
{
    return 100 * quality_out_residual(&q->out, loss) > q->opts.max_loss_pct;
}

/* The peer's statistics speak in place of its reports. */
static bool asks_client(const struct sup_quality *q, uint64_t now_us)
{
    bool fine = q->out.has_report && q->report_span_us <= REPORT_FINE_US &&
                since(now_us, q->out.report_us) <= REPORT_FINE_US;
    return !fine && quality_client_fresh(&q->client, now_us);
}

static void revise(struct sup_quality *q, uint64_t span_us, enum sup_verdict verdict, bool over,
                   uint64_t now_us)
{
    quality_verdict_revise(&q->verdicts, since(now_us, span_us), verdict, over);
}

static void revise_jitter(struct sup_quality *q, uint64_t span_us, uint32_t jitter_us,
                          uint64_t now_us)
{
    if (jitter_us > q->opts.max_jitter_us) /* else the way up may still be over */
        revise(q, span_us < JITTER_SPAN_US ? span_us : JITTER_SPAN_US, SUP_VERDICT_HIGH_JITTER,
               true, now_us);
}

void sup_quality_add_report(struct sup_quality *quality, const struct sup_rtcp_block *block,
                            uint64_t now_us)
{
    assert(quality && block);
    struct sup_quality *q = quality;
    uint64_t before_us = q->out.report_us;
    bool had = q->out.has_report;
    uint64_t span_us = quality_out_report(&q->out, block, q->has_rtt ? q->rtt_us : 0, now_us);
    if (span_us == 0)
        return;
    q->report_span_us = had ? since(now_us, before_us) : UINT64_MAX;
    if (asks_client(q, now_us)) /* which has said more than the mean of some seconds */
        return;
    revise(q, span_us, SUP_VERDICT_LOSS_DOWN, is_lossy(q, q->out.loss), now_us);
    revise_jitter(q, span_us, q->out.jitter_us, now_us);
}

void sup_quality_add_rtt(struct sup_quality *quality, uint32_t rtt_us, uint64_t span_us,
                         uint64_t now_us)
{
    assert(quality);
    quality->has_rtt = true;
    quality->rtt_us = rtt_us;
    quality->rtt_at_us = now_us;
    revise(quality, span_us < QUALITY_SPAN_US ? span_us : QUALITY_SPAN_US, SUP_VERDICT_HIGH_DELAY,
           rtt_us > quality->opts.max_rtt_us, now_us);
}

static bool asks_client_rtt(const struct sup_quality *q, uint64_t now_us)
{
    return q->client.has_rtt && quality_client_fresh(&q->client, now_us) &&
           (!q->has_rtt || since(now_us, q->rtt_at_us) > REPORT_FINE_US);
}

void sup_quality_add_client(struct sup_quality *quality, const struct sup_quality_client *client,
                            uint64_t now_us)
{
    assert(quality && client);
    struct sup_quality *q = quality;
    if (!quality_client_take(&q->client, &q->out, client, q->has_rtt ? q->rtt_us : 0, now_us))
        return;
    if (asks_client(q, now_us)) {
        if (q->client.lossy_known)
            revise(q, client->interval_us, SUP_VERDICT_LOSS_DOWN, is_lossy(q, q->client.loss),
                   now_us);
        if (q->client.has_jitter)
            revise_jitter(q, client->interval_us, q->client.jitter_us, now_us);
    }
    if (asks_client_rtt(q, now_us) && q->client.rtt_us > q->opts.max_rtt_us)
        revise(q, client->interval_us, SUP_VERDICT_HIGH_DELAY, true, now_us);
}

static void rate(const struct sup_quality *q, double ie, double delay_ms, struct sup_quality_dir *d)
{
    struct sup_emodel_in in = {
        .ie = q->opts.ie > 0 ? q->opts.ie : ie,
        .bpl = q->opts.bpl > 0 ? q->opts.bpl : SUP_EMODEL_BPL_OPUS,
        .loss_pct = d->residual_loss_pct,
        .burst = d->burst_ratio,
    };
    d->ie = in.ie;
    d->mos_lq = sup_emodel_mos(sup_emodel_r(&in));
    uint32_t buffer_us = 2 * d->jitter_us > BUFFER_MIN_US ? 2 * d->jitter_us : BUFFER_MIN_US;
    in.delay_ms = delay_ms + (buffer_us + PACKETIZATION_US + LOOKAHEAD_US) / 1000.0;
    d->mos_cq = sup_emodel_mos(sup_emodel_r(&in));
}

static void fill_ratings(const struct sup_quality *q, const struct sup_quality_env *env,
                         struct sup_quality_sample *s)
{
    double network_ms =
        (s->has_rtt ? s->rtt_us : 0u) / 2000.0 + (env->has_far_rtt ? env->far_rtt_us : 0u) / 2000.0;
    /* A silent second is coded with few bits: only speech shows whether they are scarce. */
    double bitrate = s->voice_pct > 50 ? s->bitrate : 0;
    s->in.has_mos = s->in.has_mos && s->has_codec;
    if (s->in.has_mos)
        rate(q, sup_emodel_ie_opus(s->bandwidth, bitrate), network_ms, &s->in);
    if (s->out.has_mos)
        rate(q, SUP_EMODEL_IE_OPUS, network_ms, &s->out);
}

/* Verdicts that hold or not at each sample, without history: what they tell has lasted 2 s. */
static uint32_t judge_now(const struct sup_quality *q, uint64_t now_us,
                          const struct sup_quality_env *env)
{
    uint32_t set = 0;
    uint64_t expect_us = since(now_us, q->expect_since_us);
    bool expected = env->expect_in && expect_us >= QUIET_US;
    if (expected && since(now_us, q->in.last_arrival_us) >= QUIET_US &&
        (env->connected || q->in.started))
        set |= 1u << SUP_VERDICT_NO_PACKETS;
    if (expected && since(now_us, q->in.last_level_us) < LEVEL_FRESH_US &&
        since(now_us, q->in.last_loud_us) >= QUIET_US)
        set |= 1u << SUP_VERDICT_SILENT_MICROPHONE;
    if (env->connected && env->relayed)
        set |= 1u << SUP_VERDICT_RELAYED;
    return set;
}

static bool rtt_known(const struct sup_quality *q, uint64_t now_us)
{
    return q->has_rtt && since(now_us, q->rtt_at_us) <= RTT_FRESH_US;
}

/* Ends a quarter, as it were: what the limits say about the time since the last look. */
static void look(struct sup_quality *q, uint64_t now_us)
{
    const struct sup_quality_opts *o = &q->opts;
    struct quality_look l = {.at_us = now_us};
    struct sup_rtp_report r;
    bool came = q->in.now.packets != q->in.looked_packets;
    bool told = quality_out_known(&q->out, now_us);
    sup_rtp_stats_get(q->in.stats, &r);
    quality_in_look(&q->in, &l);
    quality_out_look(&q->out, now_us);
    uint32_t rtt_us = rtt_known(q, now_us) ? q->rtt_us : 0;
    uint32_t jitter_us = told ? q->out.jitter_us : 0;
    double loss = told ? q->out.loss : 0;
    if (asks_client(q, now_us)) {
        loss = q->client.loss;
        jitter_us = q->client.has_jitter ? q->client.jitter_us : 0;
    }
    if (asks_client_rtt(q, now_us))
        rtt_us = q->client.rtt_us;
    if (is_lossy(q, loss))
        l.presumed |= 1u << SUP_VERDICT_LOSS_DOWN;
    if (rtt_us > o->max_rtt_us)
        l.over |= 1u << SUP_VERDICT_HIGH_DELAY;
    if ((came && r.jitter_us > o->max_jitter_us) || jitter_us > o->max_jitter_us)
        l.over |= 1u << SUP_VERDICT_HIGH_JITTER;
    quality_verdict_look(&q->verdicts, &l);
}

static uint32_t judge(struct sup_quality *q, uint64_t now_us, const struct sup_quality_env *env)
{
    q->verdicts.held = judge_now(q, now_us, env) |
                       quality_verdict_limits(&q->verdicts, now_us, q->opts.max_loss_pct);
    return q->verdicts.held;
}

static void take_env(struct sup_quality *q, uint64_t now_us, const struct sup_quality_env *env)
{
    if (env->expect_in && !q->expected)
        q->expect_since_us = q->samples ? now_us : q->created_us;
    q->expected = env->expect_in;
}

bool sup_quality_check(struct sup_quality *quality, uint64_t now_us,
                       const struct sup_quality_env *env, uint32_t *ret_verdicts)
{
    assert(quality && env && ret_verdicts);
    uint32_t before = quality->verdicts.held;
    take_env(quality, now_us, env);
    look(quality, now_us);
    *ret_verdicts = judge(quality, now_us, env);
    return *ret_verdicts != before;
}

static void fill_verdicts(struct sup_quality *q, uint64_t now_us, const struct sup_quality_env *env,
                          struct sup_quality_sample *s)
{
    double least = q->opts.min_mos;
    quality_verdict_add_mos(&q->verdicts, (s->in.has_mos && s->in.mos_cq < least) ||
                                              (s->out.has_mos && s->out.mos_cq < least));
    uint32_t set = judge(q, now_us, env), told = q->verdicts.told;
    s->verdicts = set;
    s->raised = set & ~told;
    s->cleared = told & ~set;
    q->verdicts.told = set;
}

void sup_quality_tick(struct sup_quality *quality, uint64_t now_us,
                      const struct sup_quality_env *env, struct sup_quality_sample *ret_sample)
{
    assert(quality && env && ret_sample);
    struct sup_quality *q = quality;
    struct sup_quality_sample s = {.at_us = now_us,
                                   .number = q->samples + 1,
                                   .connected = env->connected,
                                   .relayed = env->relayed};
    take_env(q, now_us, env);
    look(q, now_us);
    s.has_rtt = rtt_known(q, now_us);
    s.rtt_us = s.has_rtt ? q->rtt_us : 0;
    quality_in_tick(&q->in, &s);
    s.in.duplicates += env->duplicates_srtp - q->srtp_duplicates;
    q->srtp_duplicates = env->duplicates_srtp;
    quality_out_tick(&q->out, now_us, &s.out);
    s.no_packet_us = since(now_us, q->in.last_arrival_us);
    s.no_voice_us = since(now_us, q->in.last_voice_us);
    fill_ratings(q, env, &s);
    fill_verdicts(q, now_us, env, &s);
    q->samples++;
    *ret_sample = s;
}

bool sup_quality_take_block(struct sup_quality *quality, struct sup_rtcp_block *ret_block)
{
    assert(quality);
    return sup_rtp_stats_take_block(quality->in.stats, ret_block);
}

void sup_quality_report(const struct sup_quality *quality, struct sup_rtp_report *ret_report)
{
    assert(quality);
    sup_rtp_stats_get(quality->in.stats, ret_report);
}

const char *sup_quality_verdict_name(enum sup_verdict verdict)
{
    static const char *const names[SUP_VERDICT_COUNT] = {
        [SUP_VERDICT_NO_PACKETS] = "no_packets",
        [SUP_VERDICT_SILENT_MICROPHONE] = "silent_microphone",
        [SUP_VERDICT_LOSS_UP] = "loss_up",
        [SUP_VERDICT_LOSS_DOWN] = "loss_down",
        [SUP_VERDICT_HIGH_DELAY] = "high_delay",
        [SUP_VERDICT_HIGH_JITTER] = "high_jitter",
        [SUP_VERDICT_LOW_MOS] = "low_mos",
        [SUP_VERDICT_RELAYED] = "relayed",
    };
    return (unsigned)verdict < SUP_VERDICT_COUNT ? names[verdict] : "unknown";
}
