#include "supportd/base/mem.h"
#include "supportd/call/party_store.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

#include <string.h>

#include "call_internal.h"

/* Everybody in a call and what they hear; those beside customer and agent. */

enum { DROP_RETRY_US = 1000000 };

/* --- metrics --- */

void call_mix_metrics_create(struct sup_call *call)
{
    struct sup_metrics *m = call->opts.metrics;
    call->mixes_metric =
        sup_metrics_gauge(m, "supportd_mixes", "Legs that hear a mix of several.", NULL, NULL);
    call->mix_frames_metric = sup_metrics_counter(m, "supportd_mix_frames_total",
                                                  "Frames mixed, 20 ms each.", NULL, NULL);
    call->mix_us_metric = sup_metrics_counter(m, "supportd_mix_encode_seconds_total",
                                              "Time spent on encoding them.", NULL, NULL);
    call->mix_filled_metric = sup_metrics_counter(
        m, "supportd_mix_concealed_total",
        "Frames invented for speakers whose packets were not there.", NULL, NULL);
}

static void count_mixes(struct sup_call *call)
{
    struct sup_media_mix_stats now, *last = &call->mix_stats;
    sup_media_engine_mix_stats(call->opts.engine, &now);
    sup_metric_set(call->mixes_metric, (double)now.listeners);
    sup_metric_add(call->mix_frames_metric, (double)(now.frames - last->frames));
    sup_metric_add(call->mix_us_metric, (double)(now.encode_us - last->encode_us) / 1e6);
    sup_metric_add(call->mix_filled_metric, (double)(now.concealed - last->concealed));
    *last = now;
}

/* --- hearing --- */

static bool takes_part(const struct call_live *live, int seat)
{
    const struct call_party *p = &live->parties[seat];
    if (!p->leg || !live->active)
        return false;
    return seat < SUP_CALL_PARTIES || (!sup_id_is_zero(p->row) && p->open);
}

static enum sup_call_role role_of(const struct call_live *live, int seat)
{
    if (seat < SUP_CALL_PARTIES)
        return seat == SUP_CALL_CUSTOMER ? SUP_CALL_ROLE_CUSTOMER : SUP_CALL_ROLE_AGENT;
    return live->parties[seat].role;
}

static size_t heard_by(struct call_live *live, int seat, struct sup_leg **ret_legs)
{
    struct sup_call_situation situation = {live->held, live->talk};
    size_t count = 0;
    if (!takes_part(live, seat))
        return 0;
    for (int s = 0; s < CALL_SEATS; s++)
        if (s != seat && takes_part(live, s) &&
            sup_call_hears(role_of(live, seat), role_of(live, s), &situation))
            ret_legs[count++] = live->parties[s].leg;
    return count;
}

/* Whether somebody is there to hear this seat. */
static bool is_heard(struct call_live *live, int seat)
{
    struct sup_leg *legs[CALL_SEATS];
    for (int s = 0; s < CALL_SEATS; s++) {
        size_t count = heard_by(live, s, legs);
        for (size_t i = 0; i < count; i++)
            if (legs[i] == live->parties[seat].leg)
                return true;
    }
    return false;
}

/* What the customer hears is what may be recorded. */
static void mark_heard(struct call_live *live, struct sup_leg *const *legs, size_t count)
{
    for (int s = 0; s < CALL_SEATS; s++) {
        struct call_party *p = &live->parties[s];
        p->to_customer = false;
        for (size_t i = 0; i < count; i++)
            p->to_customer |= p->leg && legs[i] == p->leg;
    }
}

void call_join(struct call_live *live)
{
    struct sup_leg *heard[CALL_SEATS];
    mark_heard(live, heard, heard_by(live, SUP_CALL_CUSTOMER, heard));
    for (int seat = 0; seat < CALL_SEATS; seat++) {
        struct sup_leg *leg = live->parties[seat].leg, *others[CALL_SEATS];
        if (!leg)
            continue;
        size_t count = heard_by(live, seat, others);
        if (count == 0 && seat == SUP_CALL_CUSTOMER) {
            sup_leg_set_source(leg, SUP_LEG_HEARS_HOLD, NULL);
        } else if (sup_leg_hear(leg, others, count)) {
            sup_log_error("call", "no memory to mix", SUP_STR("call", sup_id_text(live->id).s));
            sup_leg_set_source(leg, SUP_LEG_HEARS_LEG, others[0]);
        }
        sup_leg_expect_in(leg, is_heard(live, seat) && !live->parties[seat].muted);
    }
    count_mixes(live->service);
    call_recording_tap(live);
    call_engine_rearm(live->service);
}

/* --- seats --- */

struct call_party *call_seat_of(struct call_live *live, struct sup_id user)
{
    for (int s = SUP_CALL_PARTIES; s < CALL_SEATS; s++)
        if (!sup_id_is_zero(live->parties[s].row) && sup_id_equal(live->parties[s].user, user))
            return &live->parties[s];
    return NULL;
}

static void tell_party(struct call_live *live, struct sup_id user)
{
    struct sup_call_event event = {.kind = SUP_CALL_PARTY, .user = user};
    call_emit(live, &event);
}

static void free_seat(struct call_party *p)
{
    call_leg_drop(p->live, (enum sup_call_party)(p - p->live->parties));
    sup_timer_destroy(p->grace);
    *p = (struct call_party){.live = p->live};
}

struct dropping {
    struct sup_call *call;
    struct sup_id id, row, user;
};

static void on_dropped(const struct sup_pg_reply *reply, void *arg)
{
    struct dropping d = *(struct dropping *)arg;
    sup_free(arg);
    struct call_live *live = call_find(d.call, d.id);
    struct call_party *p = live ? call_seat_of(live, d.user) : NULL;
    if (!p || !sup_id_equal(p->row, d.row))
        return;
    if (reply->err) {
        sup_timer_start(p->grace, DROP_RETRY_US);
        return;
    }
    sup_call_check_parties(d.call, d.id); /* whatever it is now */
    tell_party(live, d.user);
}

/* Nobody answered in time, or a leg did not come (back). */
static void on_seat_time(void *arg)
{
    struct call_party *p = arg;
    struct sup_call *call = p->live->service;
    struct dropping *d = sup_calloc(1, sizeof(*d));
    if (d)
        *d = (struct dropping){call, p->live->id, p->row, p->user};
    if (!d || sup_party_store_drop(call->opts.pool, p->row, p->open ? "media_lost" : "missed",
                                   on_dropped, d)) {
        sup_free(d);
        sup_timer_start(p->grace, DROP_RETRY_US);
    }
}

static enum sup_call_role role_named(const char *name)
{
    switch (name[0]) {
    case 'c':
        return SUP_CALL_ROLE_CONSULT;
    case 'l':
        return SUP_CALL_ROLE_LISTEN;
    case 'w':
        return SUP_CALL_ROLE_WHISPER;
    default:
        return SUP_CALL_ROLE_BARGE;
    }
}

static struct call_party *take_seat(struct call_live *live, struct sup_id user)
{
    struct call_party *p = call_seat_of(live, user);
    for (int s = SUP_CALL_PARTIES; s < CALL_SEATS && !p; s++) {
        struct call_party *seat = &live->parties[s];
        if (!sup_id_is_zero(seat->row))
            continue;
        seat->live = live;
        if (sup_timer_create(live->service->opts.loop, on_seat_time, seat, &seat->grace))
            return NULL;
        seat->user = user;
        p = seat;
    }
    return p;
}

static void seat_row(struct call_live *live, struct sup_pg_result *rows, int row)
{
    struct call_party *p = take_seat(live, sup_row_id(rows, row, "staff_id"));
    if (!p) {
        sup_log_error("call", "no seat", SUP_STR("call", sup_id_text(live->id).s));
        return;
    }
    bool was_open = p->open, was_there = !sup_id_is_zero(p->row);
    p->row = sup_row_id(rows, row, "party_id");
    p->role = role_named(sup_row_str(rows, row, "role"));
    p->open = strcmp(sup_row_str(rows, row, "state"), "open") == 0;
    if (p->role == SUP_CALL_ROLE_CONSULT) {
        const char *talk = sup_row_str(rows, row, "talk");
        live->talk = strcmp(talk, "all") == 0        ? SUP_CALL_TALK_ALL
                     : strcmp(talk, "customer") == 0 ? SUP_CALL_TALK_CUSTOMER
                                                     : SUP_CALL_TALK_COLLEAGUE;
    }
    bool there = p->leg && sup_leg_state_of(p->leg) == SUP_LEG_CONNECTED;
    if (!p->open) {
        sup_timer_start(p->grace, (uint64_t)sup_row_number(rows, row, "remaining_ms") * 1000);
    } else if (!was_open || !was_there) {
        if (there)
            sup_timer_stop(p->grace);
        else
            sup_timer_start(p->grace, live->service->opts.grace_us);
    }
}

void call_seat_rows(struct call_live *live, struct sup_pg_result *rows)
{
    bool kept[CALL_SEATS] = {false};
    live->talk = SUP_CALL_TALK_ALL;
    for (int row = 0; row < sup_pg_rows(rows); row++) {
        seat_row(live, rows, row);
        struct call_party *p = call_seat_of(live, sup_row_id(rows, row, "staff_id"));
        if (p)
            kept[p - live->parties] = true;
    }
    for (int s = SUP_CALL_PARTIES; s < CALL_SEATS; s++)
        if (!kept[s] && !sup_id_is_zero(live->parties[s].row))
            free_seat(&live->parties[s]);
    call_join(live);
}

void call_unseat_all(struct call_live *live, bool now)
{
    live->party_reads++; /* what is being read is old */
    live->talk = SUP_CALL_TALK_ALL;
    for (int s = SUP_CALL_PARTIES; s < CALL_SEATS; s++) {
        struct call_party *p = &live->parties[s];
        if (sup_id_is_zero(p->row))
            continue;
        struct sup_id user = p->user;
        if (now)
            free_seat(p);
        else
            sup_timer_stop(p->grace);
        tell_party(live, user);
    }
}

void call_promote(struct call_live *live, struct sup_id staff)
{
    struct call_party *from = call_seat_of(live, staff), *to = &live->parties[SUP_CALL_AGENT];
    if (!from || !from->leg || sup_id_equal(to->user, staff))
        return;
    call_leg_drop(live, SUP_CALL_AGENT);
    to->leg = from->leg;
    to->user = staff;
    to->muted = from->muted;
    sup_leg_set_arg(to->leg, to);
    if (sup_leg_state_of(to->leg) != SUP_LEG_CONNECTED)
        sup_timer_start(to->grace, live->service->opts.grace_us);
    from->leg = NULL;
}

/* --- the rows again --- */

struct party_reading {
    struct sup_call *call;
    struct sup_id id;
    unsigned read;
};

static void on_parties(const struct sup_pg_reply *reply, void *arg)
{
    struct party_reading r = *(struct party_reading *)arg;
    sup_free(arg);
    struct call_live *live = call_find(r.call, r.id);
    if (reply->err)
        call_check_failed(r.call, reply->err);
    else if (live && live->party_reads == r.read)
        call_seat_rows(live, reply->rows);
}

void sup_call_check_parties(struct sup_call *call, struct sup_id id)
{
    struct call_live *live = call_find(call, id);
    if (!live)
        return;
    struct party_reading *r = sup_calloc(1, sizeof(*r));
    sup_err err = r ? SUP_OK : SUP_E_NOMEM;
    if (r) {
        *r = (struct party_reading){call, id, ++live->party_reads};
        err = sup_party_store_live(call->opts.pool, id, on_parties, r);
    }
    if (err) {
        sup_free(r);
        call_check_failed(call, err);
    }
}

size_t sup_call_parties(const struct sup_call *call, struct sup_id id, struct sup_id *ret_users,
                        size_t max)
{
    const struct call_live *live = call_find(call, id);
    size_t count = 0;
    for (int s = SUP_CALL_PARTIES; live && s < CALL_SEATS && count < max; s++)
        if (!sup_id_is_zero(live->parties[s].row))
            ret_users[count++] = live->parties[s].user;
    return count;
}
