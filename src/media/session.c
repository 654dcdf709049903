#include "supportd/media/session.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "session_internal.h"
#include "supportd/base/id.h"
#include "supportd/base/mem.h"
#include "supportd/media/demux.h"

enum {
    TICK_US = 250000,
    TICKS_PER_SAMPLE = 4,
    /* Browsers report at least every 7.5 s (RTCP every 5 s, up to half more); with the tick's
     * second the news is out within 10 s. */
    LOST_AFTER_US = 8500000,
    NO_PATH_AFTER_US = 2000000, /* libnice gave up: believed once packets have stopped too */
    STOP_SENDING_US = 30000000, /* RFC 7675 section 5.1 */
    CONNECT_WITHIN_US = 30000000,
    FIRST_SEQ_MASK = 0x7fff,
};

static const bool allowed[5][5] = {
    [SUP_LEG_CONNECTING] = {[SUP_LEG_CONNECTED] = true,
                            [SUP_LEG_LOST] = true,
                            [SUP_LEG_FAILED] = true,
                            [SUP_LEG_CLOSED] = true},
    [SUP_LEG_CONNECTED] = {[SUP_LEG_LOST] = true, [SUP_LEG_FAILED] = true, [SUP_LEG_CLOSED] = true},
    [SUP_LEG_LOST] = {[SUP_LEG_CONNECTED] = true, [SUP_LEG_FAILED] = true, [SUP_LEG_CLOSED] = true},
};

static bool is_final(const struct sup_leg *leg)
{
    return leg->state == SUP_LEG_FAILED || leg->state == SUP_LEG_CLOSED;
}

void sup_leg_set_state(struct sup_leg *leg, enum sup_leg_state state, enum sup_leg_reason reason)
{
    if (!allowed[leg->state][state])
        return;
    leg->state = state;
    leg->reason = reason;
    leg->was_connected = leg->was_connected || state == SUP_LEG_CONNECTED;
    sup_bridge_update(leg);
    leg->opts.on->on_state(leg, state, reason, leg->opts.arg);
}

void sup_leg_mark_alive(struct sup_leg *leg)
{
    leg->authentic++;
    leg->last_auth_us = sup_media_now_us(leg->engine);
    if (leg->state == SUP_LEG_LOST)
        sup_leg_set_state(leg, SUP_LEG_CONNECTED, SUP_LEG_OK);
}

bool sup_leg_may_send(const struct sup_leg *leg)
{
    return leg->srtp && !is_final(leg) &&
           sup_media_now_us(leg->engine) - leg->last_auth_us < STOP_SENDING_US;
}

static void start_srtp(struct sup_leg *leg)
{
    const struct sup_media_engine_opts *config = sup_media_config(leg->engine);
    struct sup_srtp_opts opts = {.libsrtp_only = config->libsrtp_only,
                                 .window = config->srtp_window};
    sup_err err = sup_dtls_get_keys(leg->dtls, &opts.keys);
    if (err == SUP_OK)
        err = sup_srtp_create(&opts, &leg->srtp);
    sup_wipe(&opts, sizeof(opts));
    if (err != SUP_OK) {
        sup_leg_set_state(leg, SUP_LEG_FAILED, SUP_LEG_DTLS);
        return;
    }
    leg->last_auth_us = sup_media_now_us(leg->engine);
    sup_leg_set_state(leg, SUP_LEG_CONNECTED, SUP_LEG_OK);
}

/* After every call on dtls that may have moved it. */
static void follow_dtls(struct sup_leg *leg)
{
    sup_media_timer_set(leg->engine, &leg->dtls_timer, sup_dtls_deadline(leg->dtls));
    switch (sup_dtls_state_of(leg->dtls)) {
    case SUP_DTLS_HANDSHAKE:
        break;
    case SUP_DTLS_CONNECTED:
        if (!leg->srtp)
            start_srtp(leg);
        break;
    case SUP_DTLS_FAILED:
        sup_leg_set_state(leg, SUP_LEG_FAILED,
                          sup_dtls_reason_of(leg->dtls) == SUP_DTLS_BAD_FINGERPRINT
                              ? SUP_LEG_BAD_FINGERPRINT
                              : SUP_LEG_DTLS);
        break;
    case SUP_DTLS_CLOSED:
        sup_leg_set_state(leg, SUP_LEG_CLOSED, SUP_LEG_PEER_CLOSED);
        break;
    }
}

static void on_dtls_send(const uint8_t *datagram, size_t len, void *arg)
{
    struct sup_leg *leg = arg;
    sup_err err = sup_ice_send(leg->ice, datagram, len);
    (void)err; /* counted there; the flight is repeated */
}

static void on_dtls_time(struct sup_media_timer *timer)
{
    struct sup_leg *leg = SUP_CONTAINER_OF(timer, struct sup_leg, dtls_timer);
    sup_dtls_on_timeout(leg->dtls);
    follow_dtls(leg);
}

static bool on_packet(uint8_t *pkt, size_t len, size_t cap, void *arg)
{
    struct sup_leg *leg = arg;
    uint64_t authentic = leg->authentic;
    switch (sup_demux(pkt, len)) {
    case SUP_DEMUX_DTLS:
        if (!leg->dtls || sup_dtls_feed(leg->dtls, pkt, len) != SUP_OK)
            leg->drops.unknown++;
        else
            follow_dtls(leg);
        break;
    case SUP_DEMUX_RTP:
        sup_leg_take_rtp(leg, pkt, len, cap);
        break;
    case SUP_DEMUX_RTCP:
        sup_leg_take_rtcp(leg, pkt, len);
        break;
    default:
        leg->drops.unknown++;
    }
    return leg->authentic != authentic;
}

static void on_elsewhere(void *arg)
{
    struct sup_leg *leg = arg;
    if (leg->state == SUP_LEG_CONNECTED)
        leg->opts.on->on_state(leg, SUP_LEG_CONNECTED, SUP_LEG_MOVED, leg->opts.arg);
}

static void on_candidate(const struct sup_candidate *candidate, void *arg)
{
    struct sup_leg *leg = arg;
    if (leg->answers > 0) /* else it will stand in the answer */
        leg->opts.on->on_candidate(leg, candidate, leg->opts.arg);
}

static void on_ice_state(enum sup_ice_state state, void *arg)
{
    (void)state; /* the tick looks at it: this may come from within a call of the owner's */
    (void)arg;
}

static void on_pair(const struct sup_ice_pair *pair, void *arg)
{
    (void)pair;
    (void)arg;
}

static void on_pong(uint32_t rtt_us, void *arg)
{
    struct sup_leg *leg = arg;
    leg->pong_us = sup_media_now_us(leg->engine);
    sup_quality_add_rtt(leg->quality, rtt_us, rtt_us, leg->pong_us);
}

static const struct sup_ice_callbacks ice_callbacks = {on_candidate, on_ice_state, on_pair,
                                                       on_packet,    on_pong,      on_elsewhere};

static void check_life(struct sup_leg *leg, uint64_t now_us)
{
    bool ice_failed = sup_ice_state_of(leg->ice) == SUP_ICE_FAILED;
    if (leg->state == SUP_LEG_CONNECTED) {
        uint64_t silent_us = now_us - leg->last_auth_us;
        if (ice_failed && silent_us > NO_PATH_AFTER_US)
            sup_leg_set_state(leg, SUP_LEG_LOST, SUP_LEG_NO_PATH);
        else if (silent_us > LOST_AFTER_US)
            sup_leg_set_state(leg, SUP_LEG_LOST, SUP_LEG_SILENT);
    } else if (leg->state == SUP_LEG_CONNECTING && leg->answers > 0) {
        if (ice_failed)
            sup_leg_set_state(leg, SUP_LEG_LOST, SUP_LEG_NO_PATH);
        else if (now_us - leg->since_us > CONNECT_WITHIN_US)
            sup_leg_set_state(leg, SUP_LEG_LOST, SUP_LEG_TIMED_OUT);
    }
}

static struct sup_quality_env quality_env(const struct sup_leg *leg)
{
    const struct sup_ice_pair *pair = sup_ice_pair_of(leg->ice);
    struct sup_quality_env env = {.connected = leg->state == SUP_LEG_CONNECTED,
                                  .relayed = pair && pair->relayed,
                                  .expect_in = leg->expect_in};
    for (size_t i = 0; i < leg->ear_count; i++) { /* of several, the farthest */
        const struct sup_leg *far = leg->ears[i].from;
        if (far->has_rtt && (!env.has_far_rtt || far->rtt_us > env.far_rtt_us)) {
            env.has_far_rtt = true;
            env.far_rtt_us = far->rtt_us;
        }
    }
    if (leg->srtp) {
        struct sup_srtp_stats stats;
        sup_srtp_get_stats(leg->srtp, &stats);
        env.duplicates_srtp = (uint32_t)stats.replayed;
    }
    return env;
}

static void check_verdicts(struct sup_leg *leg, uint64_t now_us)
{
    struct sup_quality_env env = quality_env(leg);
    uint32_t verdicts;
    if (sup_quality_check(leg->quality, now_us, &env, &verdicts) && leg->opts.on->on_verdicts)
        leg->opts.on->on_verdicts(leg, verdicts, leg->opts.arg);
}

static void sample_quality(struct sup_leg *leg, uint64_t now_us)
{
    struct sup_quality_env env = quality_env(leg);
    struct sup_quality_sample sample;
    sup_quality_tick(leg->quality, now_us, &env, &sample);
    leg->has_rtt = sample.has_rtt;
    leg->rtt_us = sample.rtt_us;
    leg->opts.on->on_quality(leg, &sample, leg->opts.arg);
}

static void on_tick(struct sup_media_timer *timer)
{
    struct sup_leg *leg = SUP_CONTAINER_OF(timer, struct sup_leg, tick);
    uint64_t now_us = sup_media_now_us(leg->engine), next_us = timer->at_us + TICK_US;
    sup_media_timer_set(leg->engine, timer, next_us > now_us ? next_us : now_us + TICK_US);
    check_life(leg, now_us);
    sup_leg_warm(leg);
    sup_leg_send_rtcp(leg, false);
    if (leg->state == SUP_LEG_CONNECTED && now_us >= leg->ping_due_us) {
        leg->ping_due_us = now_us + sup_media_config(leg->engine)->ping_us - TICK_US / 2;
        sup_ice_ping(leg->ice);
    }
    bool whole = ++leg->looks == TICKS_PER_SAMPLE;
    if (whole)
        leg->looks = 0;
    if (!leg->was_connected || is_final(leg))
        return;
    if (whole)
        sample_quality(leg, now_us);
    else
        check_verdicts(leg, now_us);
}

static sup_err add_timers(struct sup_leg *leg)
{
    struct sup_media_timer *const timers[] = {&leg->tick, &leg->dtls_timer, &leg->hold_timer};
    leg->tick.on_time = on_tick;
    leg->dtls_timer.on_time = on_dtls_time;
    leg->hold_timer.on_time = sup_bridge_on_hold_time;
    for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
        sup_err err = sup_media_timer_add(leg->engine, timers[i]);
        if (err != SUP_OK)
            return err;
        leg->timers++;
    }
    return SUP_OK;
}

static void remove_timers(struct sup_leg *leg)
{
    struct sup_media_timer *const timers[] = {&leg->tick, &leg->dtls_timer, &leg->hold_timer};
    for (size_t i = 0; i < leg->timers; i++)
        sup_media_timer_remove(leg->engine, timers[i]);
}

static void draw_identity(struct sup_leg *leg, const char *cname)
{
    uint8_t bytes[8 + 4 + 2 + 4];
    uint32_t ssrc, ts;
    uint16_t seq;
    sup_random(bytes, sizeof(bytes));
    memcpy(&ssrc, bytes + 8, sizeof(ssrc));
    memcpy(&seq, bytes + 12, sizeof(seq));
    memcpy(&ts, bytes + 14, sizeof(ts));
    sup_send_stream_init(&leg->out, ssrc ? ssrc : 1, seq & FIRST_SEQ_MASK, ts);
    if (cname) {
        snprintf(leg->cname, sizeof(leg->cname), "%s", cname);
        return;
    }
    for (size_t i = 0; i < 8; i++)
        snprintf(leg->cname + 2 * i, 3, "%02x", bytes[i]);
}

sup_err sup_leg_create(const struct sup_leg_opts *opts, struct sup_leg **ret_leg)
{
    assert(opts && opts->engine && opts->on && ret_leg);
    if (opts->cname && (!opts->cname[0] || strlen(opts->cname) > SUP_LEG_CNAME_MAX))
        return SUP_E_INVAL;
    struct sup_leg *leg = sup_calloc(1, sizeof(*leg));
    if (!leg)
        return SUP_E_NOMEM;
    leg->opts = *opts;
    leg->engine = opts->engine;
    leg->expect_in = true;
    sup_list_init(&leg->listeners);
    sup_list_init(&leg->mixed);
    draw_identity(leg, opts->cname);
    leg->opts.cname = leg->cname;
    sup_err err = add_timers(leg);
    struct sup_ice_opts ice = {
        .engine = opts->engine, .on = &ice_callbacks, .arg = leg, .warm = &leg->warm};
    if (err == SUP_OK)
        err = sup_ice_create(&ice, &leg->ice);
    if (err != SUP_OK) {
        sup_leg_destroy(leg);
        return err;
    }
    sup_media_timer_set(leg->engine, &leg->tick, sup_media_now_us(leg->engine) + TICK_US);
    *ret_leg = leg;
    return SUP_OK;
}

void sup_leg_set_arg(struct sup_leg *leg, void *arg)
{
    leg->opts.arg = arg;
}

void sup_leg_destroy(struct sup_leg *leg)
{
    if (!leg)
        return;
    sup_bridge_leave(leg);
    if (leg->srtp)
        sup_leg_send_rtcp(leg, true);
    if (leg->dtls)
        sup_dtls_close(leg->dtls);
    remove_timers(leg);
    sup_ice_destroy(leg->ice);
    sup_dtls_destroy(leg->dtls);
    sup_srtp_destroy(leg->srtp);
    sup_quality_destroy(leg->quality);
    sup_free(leg);
}

static bool same_fingerprint(const struct sup_sdp_fingerprint *a,
                             const struct sup_sdp_fingerprint *b)
{
    return a->hash == b->hash && a->len == b->len && memcmp(a->digest, b->digest, a->len) == 0;
}

static sup_err begin(struct sup_leg *leg, const struct sup_sdp_offer *offer)
{
    leg->peer = offer->fingerprint;
    struct sup_dtls_opts dtls = {.identity = sup_media_engine_identity(leg->engine),
                                 .peer = offer->fingerprint,
                                 .on_send = on_dtls_send,
                                 .arg = leg};
    sup_err err = leg->dtls ? SUP_OK : sup_dtls_create(&dtls, &leg->dtls);
    if (err != SUP_OK || leg->quality)
        return err;
    struct sup_quality_opts quality = leg->opts.quality;
    quality.level_id = offer->ext_audio_level;
    return sup_quality_create(&quality, sup_media_now_us(leg->engine), &leg->quality);
}

static sup_err set_path(struct sup_leg *leg, const struct sup_sdp_offer *offer)
{
    bool restart = leg->remote_ufrag[0] && strcmp(leg->remote_ufrag, offer->ufrag) != 0;
    sup_err err = restart ? sup_ice_restart(leg->ice) : SUP_OK;
    if (err == SUP_OK)
        err = sup_ice_set_remote(leg->ice, offer->ufrag, offer->pwd);
    if (err != SUP_OK)
        return err;
    snprintf(leg->remote_ufrag, sizeof(leg->remote_ufrag), "%s", offer->ufrag);
    for (size_t i = 0; i < offer->candidate_count; i++) {
        err = sup_ice_add_candidate(leg->ice, &offer->candidates[i]);
        (void)err; /* counted there; one that is refused spoils nothing */
    }
    if (restart || leg->answers == 0)
        leg->since_us = sup_media_now_us(leg->engine);
    return SUP_OK;
}

static sup_err answer(struct sup_leg *leg, const struct sup_sdp_offer *offer, struct sup_buf *out)
{
    struct sup_sdp_answer_opts opts = {
        .session_id = leg->opts.session_id,
        .session_version = leg->answers + 1,
        .direction = SUP_SDP_SENDRECV,
        .ufrag = sup_ice_ufrag(leg->ice),
        .pwd = sup_ice_pwd(leg->ice),
        .fingerprint = sup_dtls_identity_fingerprint(sup_media_engine_identity(leg->engine)),
        .ssrc = leg->out.ssrc,
        .cname = leg->cname,
        .end_of_candidates = sup_ice_gathering_done(leg->ice),
        .no_fec = leg->opts.no_fec,
        .dtx = leg->opts.dtx,
        .max_average_bitrate = leg->opts.max_average_bitrate,
        .ptime_ms = leg->opts.ptime_ms,
    };
    opts.candidates = sup_ice_candidates(leg->ice, &opts.candidate_count);
    sup_err err = sup_sdp_write_answer(offer, &opts, out);
    if (err == SUP_OK)
        leg->answers++;
    return err;
}

static sup_err take_offer(struct sup_leg *leg, const struct sup_sdp_offer *offer,
                          struct sup_buf *out)
{
    if (leg->dtls && !same_fingerprint(&leg->peer, &offer->fingerprint))
        return SUP_E_CONFLICT;
    sup_err err = begin(leg, offer);
    if (err == SUP_OK)
        err = set_path(leg, offer);
    if (err != SUP_OK)
        return err;
    leg->payload_type = offer->opus.payload_type;
    leg->level_id = offer->ext_audio_level;
    snprintf(leg->mid, sizeof(leg->mid), "%s", offer->media[offer->audio].mid);
    return answer(leg, offer, out);
}

sup_err sup_leg_offer(struct sup_leg *leg, const char *sdp, size_t len, struct sup_buf *out,
                      struct sup_sdp_error *ret_error)
{
    assert(leg && sdp && out);
    if (is_final(leg))
        return SUP_E_STATE;
    struct sup_sdp_offer *offer = sup_malloc(sizeof(*offer));
    if (!offer)
        return SUP_E_NOMEM;
    if (ret_error)
        *ret_error = (struct sup_sdp_error){0};
    sup_err err = sup_sdp_parse_offer(sdp, len, offer, ret_error);
    if (err == SUP_OK)
        err = take_offer(leg, offer, out);
    sup_wipe(offer->pwd, sizeof(offer->pwd));
    sup_free(offer);
    return err;
}

sup_err sup_leg_add_candidate(struct sup_leg *leg, const char *text, size_t len)
{
    assert(leg && (text || len == 0));
    if (is_final(leg) || !leg->dtls)
        return SUP_E_STATE;
    if (len == 0)
        return SUP_OK;
    struct sup_candidate candidate;
    sup_err err = sup_candidate_parse(text, len, &candidate);
    if (err == SUP_E_UNSUPPORTED)
        return SUP_OK;
    if (err != SUP_OK)
        return SUP_E_MALFORMED;
    err = sup_ice_add_candidate(leg->ice, &candidate);
    return err == SUP_E_STATE ? err : SUP_OK;
}

const char *sup_leg_mid(const struct sup_leg *leg)
{
    return leg->mid;
}

const char *sup_leg_ufrag(const struct sup_leg *leg)
{
    return sup_ice_ufrag(leg->ice);
}

void sup_leg_expect_in(struct sup_leg *leg, bool expect)
{
    leg->expect_in = expect;
}

enum sup_leg_state sup_leg_state_of(const struct sup_leg *leg)
{
    return leg->state;
}

void sup_leg_get_report(const struct sup_leg *leg, struct sup_leg_report *ret_report)
{
    struct sup_ice_stats ice;
    struct sup_srtp_stats srtp = {0};
    sup_ice_get_stats(leg->ice, &ice);
    if (leg->srtp)
        sup_srtp_get_stats(leg->srtp, &srtp);
    const struct sup_ice_pair *pair = sup_ice_pair_of(leg->ice);
    *ret_report = (struct sup_leg_report){.state = leg->state,
                                          .reason = leg->reason,
                                          .has_pair = pair != NULL,
                                          .has_profile = leg->srtp != NULL,
                                          .packets_in = leg->packets_in,
                                          .packets_out = leg->packets_out,
                                          .rtcp_in = leg->rtcp_in,
                                          .rtcp_out = leg->rtcp_out,
                                          .drops = leg->drops};
    if (pair)
        ret_report->pair = *pair;
    if (leg->srtp)
        ret_report->profile = sup_srtp_profile_of(leg->srtp);
    struct sup_leg_drops *drops = &ret_report->drops;
    ret_report->elsewhere = ice.elsewhere;
    drops->foreign += ice.foreign + ice.held_lost;
    drops->send_fail += ice.send_fail + ice.no_path;
    drops->auth_fail += srtp.auth_fail;
    drops->replayed += srtp.replayed;
    drops->too_old += srtp.too_old;
    drops->malformed += srtp.malformed;
    drops->ssrc_limit += srtp.ssrc_limit;
}

void sup_leg_end_second(struct sup_leg *leg)
{
    if (leg->was_connected && leg->quality)
        sample_quality(leg, sup_media_now_us(leg->engine));
}

void sup_leg_take_client(struct sup_leg *leg, const struct sup_quality_client *client)
{
    if (leg->quality)
        sup_quality_add_client(leg->quality, client, sup_media_now_us(leg->engine));
}

const char *sup_leg_state_name(enum sup_leg_state state)
{
    static const char *const names[] = {"connecting", "connected", "lost", "failed", "closed"};
    return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

const char *sup_leg_reason_name(enum sup_leg_reason reason)
{
    static const char *const names[] = {
        "ok", "no_path", "silent", "timed_out", "bad_fingerprint", "dtls", "peer_closed", "moved"};
    return (size_t)reason < sizeof(names) / sizeof(names[0]) ? names[reason] : "unknown";
}
