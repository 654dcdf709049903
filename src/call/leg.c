#include "call_internal.h"
#include "supportd/base/clock.h"
#include "supportd/log/log.h"

/* The legs of a call: what they tell, and what becomes of it. */

static enum sup_call_party party_of(const struct call_party *party)
{
    return (enum sup_call_party)(party - party->live->parties);
}

static bool is_extra(const struct call_party *party)
{
    return party_of(party) >= SUP_CALL_PARTIES;
}

static struct sup_id user_of(const struct call_party *party)
{
    if (is_extra(party))
        return party->user;
    return party_of(party) == SUP_CALL_CUSTOMER ? party->live->customer : party->live->staff;
}

static const char *name_of(const struct call_party *party)
{
    static const char *const names[] = {"customer", "agent",   "consult",
                                        "listen",   "whisper", "barge"};
    return names[is_extra(party) ? (int)party->role : (int)party_of(party)];
}

static void on_candidate(struct sup_leg *leg, const struct sup_candidate *candidate, void *arg)
{
    struct call_party *party = arg;
    struct sup_candidate_text text = {""};
    if (candidate)
        text = sup_candidate_format(candidate);
    struct sup_call_event event = {
        .kind = SUP_CALL_CANDIDATE,
        .user = user_of(party),
        .line = text.s,
        .mid = sup_leg_mid(leg),
    };
    call_emit(party->live, &event);
}

static void end_call(struct call_live *live, const char *reason)
{
    if (!live->ending &&
        sup_call_end(live->service, "system:media", live->id, reason, NULL, NULL, NULL))
        sup_log_error("call", "end not sent", SUP_STR("call", sup_id_text(live->id).s));
}

/* A caller who waits keeps the place in the queue; anybody else has the grace period. */
static void wait_for(struct call_party *party)
{
    struct call_live *live = party->live;
    if (is_extra(party) && !party->open)
        return; /* the deadline to answer holds */
    if (party_of(party) == SUP_CALL_CUSTOMER && call_waits(live))
        call_place(live, true);
    else if (!sup_timer_armed(party->grace))
        sup_timer_start(party->grace, live->service->opts.grace_us);
}

static void on_connected(struct call_party *party)
{
    struct call_live *live = party->live;
    if (!is_extra(party) || party->open)
        sup_timer_stop(party->grace);
    if (is_extra(party) || live->active || live->calling)
        return;
    struct sup_call_event event = {.kind = SUP_CALL_ANSWERABLE};
    if (party_of(party) == SUP_CALL_AGENT)
        call_emit(live, &event);
    else
        call_place(live, false);
}

static void ask_restart(struct call_party *party, enum sup_leg_reason reason)
{
    struct call_live *live = party->live;
    struct sup_call_event event = {
        .kind = SUP_CALL_RESTART,
        .user = user_of(party),
        .reason = sup_leg_reason_name(reason),
    };
    call_emit(live, &event);
}

static void on_lost(struct call_party *party, enum sup_leg_reason reason)
{
    sup_metric_add(party->live->service->lost_metric, 1);
    wait_for(party);
    ask_restart(party, reason);
}

static void tell(struct call_live *live)
{
    struct sup_call_event event = {.kind = SUP_CALL_CHANGED};
    call_emit(live, &event);
}

static void on_state(struct sup_leg *leg, enum sup_leg_state state, enum sup_leg_reason reason,
                     void *arg)
{
    (void)leg;
    struct call_party *party = arg;
    struct call_live *live = party->live;
    sup_log_info("call", "leg", SUP_STR("call", sup_id_text(live->id).s),
                 SUP_STR("party", name_of(party)), SUP_STR("state", sup_leg_state_name(state)),
                 SUP_STR("reason", sup_leg_reason_name(reason)));
    if (live->dead)
        return;
    switch (state) {
    case SUP_LEG_CONNECTING:
        break;
    case SUP_LEG_CONNECTED:
        on_connected(party);
        if (reason == SUP_LEG_MOVED) {
            ask_restart(party, reason);
            return;
        }
        break;
    case SUP_LEG_LOST:
        on_lost(party, reason);
        break;
    case SUP_LEG_FAILED:
        sup_metric_add(live->service->failed_metric, 1);
        /* Who is only being asked does not end the caller's call. */
        if (reason == SUP_LEG_BAD_FINGERPRINT && !is_extra(party) &&
            (live->active || party_of(party) == SUP_CALL_CUSTOMER))
            end_call(live, "media_refused");
        else
            on_lost(party, reason);
        break;
    case SUP_LEG_CLOSED: /* the page went: it may come back within the grace period */
        wait_for(party);
        break;
    }
    call_prompt(live);
    tell(live);
}

const char *sup_call_leg_name(const struct sup_call *call, struct sup_id id,
                              enum sup_call_party party)
{
    static const char *const names[] = {
        [SUP_LEG_CONNECTING] = "connecting",
        [SUP_LEG_CONNECTED] = "connected",
        [SUP_LEG_LOST] = "lost",
        [SUP_LEG_FAILED] = "lost",
        [SUP_LEG_CLOSED] = "lost",
    };
    const struct call_live *live = call_find(call, id);
    const struct sup_leg *leg = live ? live->parties[party].leg : NULL;
    return leg ? names[sup_leg_state_of(leg)] : "none";
}

static void on_quality(struct sup_leg *leg, const struct sup_quality_sample *sample, void *arg)
{
    (void)leg;
    call_take_sample(arg, sample);
}

static void on_verdicts(struct sup_leg *leg, uint32_t verdicts, void *arg)
{
    (void)leg;
    call_take_verdicts(arg, verdicts);
}

static const struct sup_leg_callbacks callbacks = {on_candidate, on_state, on_quality, on_verdicts};

static sup_err leg_create(struct call_live *live, enum sup_call_party party)
{
    const struct sup_call_opts *opts = &live->service->opts;
    uint64_t session_id;
    sup_random(&session_id, sizeof(session_id));
    struct sup_leg_opts leg = {
        .engine = opts->engine,
        .on = &callbacks,
        .arg = &live->parties[party],
        .session_id = session_id >> 1,
        .quality.sample_level = true,
        .no_fec = opts->no_fec,
        .dtx = opts->dtx,
        .max_average_bitrate = opts->max_average_bitrate,
        .ptime_ms = opts->ptime_ms,
    };
    sup_err err = sup_leg_create(&leg, &live->parties[party].leg);
    if (!err)
        sup_metric_add(live->service->legs_metric, 1);
    else if (err == SUP_E_LIMIT)
        sup_metric_add(live->service->refused_metric, 1);
    return err;
}

static void end_second(struct call_party *party, struct sup_leg *leg)
{
    party->ending = true;
    sup_leg_end_second(leg);
    party->ending = false;
}

void call_legs_end_second(struct call_live *live)
{
    for (int seat = 0; seat < CALL_SEATS; seat++)
        if (live->parties[seat].leg)
            end_second(&live->parties[seat], live->parties[seat].leg);
}

/* party: whose it was, and whose the rest of its last second is. */
static void leg_close(struct call_party *party, struct sup_leg *leg)
{
    if (leg) {
        end_second(party, leg);
        if (sup_leg_announces(leg))
            call_recording_untold(party);
        sup_metric_add(party->live->service->legs_metric, -1);
    }
    sup_leg_destroy(leg);
}

void call_leg_drop(struct call_live *live, enum sup_call_party party)
{
    struct call_party *p = &live->parties[party];
    leg_close(p, p->leg);
    if (p->grace)
        sup_timer_stop(p->grace);
    p->leg = NULL;
    p->sampled = p->muted = p->has_stats = false;
    p->client.at_us = 0;
}

sup_err call_leg_offer(struct call_live *live, enum sup_call_party party, const char *sdp,
                       size_t len, struct sup_buf *answer, struct sup_sdp_error *error)
{
    struct call_party *p = &live->parties[party];
    const struct sup_leg *before = p->leg;
    sup_err err = SUP_E_CONFLICT;
    *error = (struct sup_sdp_error){SUP_SDP_OK, 0};
    if (p->leg)
        err = sup_leg_offer(p->leg, sdp, len, answer, error);
    if (!p->leg || err == SUP_E_CONFLICT || err == SUP_E_STATE) {
        /* No leg, another page's certificate, or one that has failed for good. The old leg stays
         * until the new offer has proved good. */
        struct sup_leg *old = p->leg;
        p->leg = NULL;
        err = leg_create(live, party);
        if (!err)
            err = sup_leg_offer(p->leg, sdp, len, answer, error);
        if (err) {
            leg_close(p, p->leg);
            p->leg = old; /* and its grace period goes on */
        } else if (old) {
            leg_close(p, old);
            p->muted = p->sampled = p->has_stats = false;
        }
    }
    if (!err)
        call_join(live);
    if (!err && p->leg != before) {
        live->told_us = 0; /* a new page, which was told nothing yet */
        tell(live);
    }
    call_engine_rearm(live->service);
    return err;
}
