#include "call_internal.h"

#include <stdio.h>
#include <string.h>

#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

enum {
    FIRST_LEG_US = 60 * 1000000, /* for the caller, who may be asked for the microphone first */
    END_RETRY_US = 1000000,
    CHECK_AGAIN_US = 1000000,
};

/* --- the engine on the loop --- */

void call_engine_rearm(struct sup_call *call)
{
    sup_metric_set(call->timers_metric, (double)sup_media_engine_timers(call->opts.engine));
    uint64_t deadline = sup_media_engine_deadline(call->opts.engine);
    if (deadline == call->deadline && sup_timer_armed(call->timer))
        return; /* the common case: a packet came, and nothing is due sooner for it */
    call->deadline = deadline;
    if (deadline == SUP_MEDIA_NEVER) {
        sup_timer_stop(call->timer);
        return;
    }
    uint64_t now = sup_clock_mono_us();
    sup_timer_start(call->timer, deadline > now ? deadline - now : 0);
}

static void follow_beat(struct sup_call *call)
{
    bool beats = sup_media_engine_beats(call->opts.engine);
    if (beats == call->beats)
        return;
    call->beats = beats;
    if (sup_poller_set(call->poller, beats ? 0 : SUP_POLL_READ) ||
        sup_poller_set(call->beat_poller, beats ? SUP_POLL_READ : 0))
        sup_log_error("call", "sound not polled", SUP_INT("beats", beats));
}

static void step(struct sup_call *call)
{
    struct sup_media_engine_stats stats;
    sup_media_engine_step(call->opts.engine);
    sup_media_engine_get_stats(call->opts.engine, &stats);
    sup_metric_add(call->steps_metric, (double)(stats.steps - call->stats.steps));
    sup_metric_add(call->beats_metric, (double)(stats.beats - call->stats.beats));
    sup_metric_add(call->events_metric, (double)(stats.events - call->stats.events));
    sup_metric_add(call->pings_metric, (double)(stats.pings - call->stats.pings));
    sup_metric_add(call->pongs_metric, (double)(stats.pongs - call->stats.pongs));
    call->stats = stats;
    follow_beat(call);
    call_engine_rearm(call);
}

static void on_engine_readable(unsigned events, void *arg)
{
    (void)events;
    step(arg);
}

static void on_engine_deadline(void *arg)
{
    step(arg);
}

/* --- calls that are live here --- */

struct call_live *call_find(const struct sup_call *call, struct sup_id id)
{
    struct call_live *live = sup_map_get(call->lives, id.bytes, sizeof(id.bytes));
    return live && !live->dead ? live : NULL;
}

void call_emit(struct call_live *live, struct sup_call_event *event)
{
    event->call = live->id;
    event->chat = live->chat;
    event->customer = live->customer;
    event->staff = live->staff;
    sup_signal_emit(&live->service->events, event);
}

static void live_free(struct call_live *live)
{
    call_recording_fini(live);
    for (int p = 0; p < CALL_SEATS; p++) {
        call_leg_drop(live, (enum sup_call_party)p);
        sup_timer_destroy(live->parties[p].grace);
    }
    sup_timer_destroy(live->prompt_timer);
    if (sup_map_remove(live->service->lives, live->id.bytes, sizeof(live->id.bytes)))
        sup_metric_add(live->service->calls_metric, -1);
    sup_free(live);
}

/* Who is only being asked may go: the caller keeps waiting, and the offer has its own deadline. */
static bool is_only_asked(const struct call_party *party)
{
    return party == &party->live->parties[SUP_CALL_AGENT] && !party->live->active &&
           !party->live->calling;
}

static void on_grace_over(void *arg)
{
    struct call_party *party = arg;
    struct call_live *live = party->live;
    if (call_waits(live) && party == &live->parties[SUP_CALL_CUSTOMER] && party->leg) {
        call_place(live, live->away); /* once more: the row could not be told */
        return;
    }
    if (is_only_asked(party)) {
        call_leg_drop(live, SUP_CALL_AGENT);
        call_engine_rearm(live->service);
        return;
    }
    sup_log_info("call", "leg did not come back", SUP_STR("call", sup_id_text(live->id).s));
    if (sup_call_end(live->service, "system:media", live->id, "media_lost", NULL, NULL, NULL))
        sup_timer_start(party->grace, END_RETRY_US);
}

sup_err call_live_get(struct sup_call *call, struct sup_id id, struct call_live **ret_live)
{
    struct call_live *live = sup_map_get(call->lives, id.bytes, sizeof(id.bytes));
    if (live) {
        *ret_live = live;
        return live->dead ? SUP_E_STATE : SUP_OK;
    }
    if (sup_map_count(call->lives) >= call->opts.max_calls)
        return SUP_E_LIMIT;
    live = sup_calloc(1, sizeof(*live));
    if (!live)
        return SUP_E_NOMEM;
    live->service = call;
    live->id = id;
    sup_err err = sup_map_set(call->lives, id.bytes, sizeof(id.bytes), live);
    if (!err)
        sup_metric_add(call->calls_metric, 1);
    for (int p = 0; !err && p < SUP_CALL_PARTIES; p++) {
        live->parties[p].live = live;
        err = sup_timer_create(call->opts.loop, on_grace_over, &live->parties[p],
                               &live->parties[p].grace);
    }
    if (!err)
        err = sup_timer_create(call->opts.loop, call_on_prompt_due, live, &live->prompt_timer);
    if (err) {
        live_free(live);
        return err;
    }
    *ret_live = live;
    return SUP_OK;
}

/* --- news of the rows --- */

/* The caller's leg may be gone by now (its place was kept), or not have come yet (a callback). */
void call_expect_customer(struct call_live *live)
{
    struct call_party *customer = &live->parties[SUP_CALL_CUSTOMER];
    if (sup_timer_armed(customer->grace))
        return;
    enum sup_leg_state state = customer->leg ? sup_leg_state_of(customer->leg) : SUP_LEG_CLOSED;
    if (!customer->leg)
        sup_timer_start(customer->grace, FIRST_LEG_US);
    else if (state != SUP_LEG_CONNECTED && state != SUP_LEG_CONNECTING)
        sup_timer_start(customer->grace, live->service->opts.grace_us);
}

void sup_call_answered(struct sup_call *call, struct sup_id id, struct sup_id staff)
{
    struct call_live *live = call_find(call, id);
    if (!live)
        return;
    struct call_party *agent = &live->parties[SUP_CALL_AGENT];
    bool moved_on = live->active && !sup_id_equal(live->staff, staff);
    live->epoch++;
    live->active = true;
    live->held = live->calling = live->away = false;
    live->staff = staff;
    if (moved_on) {
        call_promote(live, staff);
        call_unseat_all(live, true);
    }
    live->position = live->said = 0; /* should the caller wait again, it is told anew */
    /* Somebody else was asked and has a leg here already: not one packet of this call for it. */
    if (agent->leg && !sup_id_equal(agent->user, staff))
        call_leg_drop(live, SUP_CALL_AGENT);
    if (!agent->leg && !sup_timer_armed(agent->grace))
        sup_timer_start(agent->grace, call->opts.grace_us);
    call_expect_customer(live);
    call_join(live);
    call_recording_answered(live);
}

void sup_call_waits(struct sup_call *call, struct sup_id id)
{
    struct call_live *live = call_find(call, id);
    if (!live)
        return;
    live->epoch++;
    live->active = live->held = live->calling = false;
    live->staff = (struct sup_id){{0}};
    call_leg_drop(live, SUP_CALL_AGENT);
    call_unseat_all(live, true);
    call_join(live);
}

void sup_call_leaves(struct sup_call *call, struct sup_id id, struct sup_id staff)
{
    struct call_live *live = call_find(call, id);
    if (!live)
        return;
    struct sup_call_event event = {.kind = SUP_CALL_CHANGED};
    if (sup_id_equal(live->staff, staff))
        sup_call_waits(call, id);
    else
        sup_call_check_parties(call, id);
    call_emit(live, &event);
}

static void on_reap(void *arg)
{
    struct sup_call *call = arg;
    size_t pos = 0;
    struct call_live *live;
    while ((live = sup_map_next(call->lives, &pos, NULL, NULL))) {
        if (!live->dead)
            continue;
        live_free(live);
        pos = 0;
    }
    call_engine_rearm(call);
}

/* A leg must not go within its own callback, and this may run in one. */
void call_reap(struct call_live *live)
{
    live->dead = true;
    for (int p = 0; p < SUP_CALL_PARTIES; p++)
        sup_timer_stop(live->parties[p].grace);
    sup_timer_start(live->service->reaper, 0);
}

static void on_summary(const struct sup_pg_reply *reply, void *arg)
{
    (void)arg;
    if (reply->err)
        sup_log_warn("call", "summary not stored", SUP_STR("error", sup_err_name(reply->err)),
                     SUP_STR("sqlstate", reply->sqlstate), SUP_STR("code", reply->code));
}

void sup_call_ended(struct sup_call *call, struct sup_id id)
{
    struct call_live *live = call_find(call, id);
    if (!live)
        return;
    call_recording_end(live);
    call_legs_end_second(live);
    call_batch_store(call->batch);
    json_t *summary = call_summary_json(live);
    if (summary && sup_call_store_summary(call->opts.pool, id, summary, on_summary, NULL))
        sup_log_warn("call", "summary not sent", SUP_STR("call", sup_id_text(id).s));
    json_decref(summary);
    call_unseat_all(live, false);
    call_reap(live);
}

void sup_call_expect(struct sup_call *call, struct sup_id id, struct sup_id chat,
                     struct sup_id customer, const char *language)
{
    struct call_live *live;
    if (call_find(call, id))
        return;
    if (call_live_get(call, id, &live)) {
        sup_log_warn("call", "call not kept", SUP_STR("call", sup_id_text(id).s));
        return;
    }
    live->chat = chat;
    live->customer = customer;
    (void)snprintf(live->language, sizeof(live->language), "%s", language);
    sup_timer_start(live->parties[SUP_CALL_CUSTOMER].grace, FIRST_LEG_US);
}

/* --- the row again, where news of it may be missing --- */

struct checking {
    struct sup_call *call;
    struct sup_id id;
    unsigned epoch;
};

/* Does what the row says. */
static void follow_row(struct sup_call *call, const struct call_live *live,
                       struct sup_pg_result *rows)
{
    struct sup_id id = live->id;
    const char *status = sup_pg_rows(rows) == 1 ? sup_row_str(rows, 0, "status") : "ended";
    if (strcmp(status, "ended") == 0) {
        sup_call_ended(call, id);
        return;
    }
    bool callback = sup_pg_bool(rows, 0, sup_pg_col(rows, "callback"));
    struct sup_id staff = sup_row_id(rows, 0, "staff_id");
    bool held = strcmp(status, "held") == 0;
    if (!sup_id_equal(sup_row_id(rows, 0, "owner_process"), sup_bus_process(call->opts.bus))) {
        sup_call_forget(call, id);
    } else if (strcmp(status, "active") == 0 || held) {
        sup_call_answered(call, id, staff);
        sup_call_held(call, id, held);
    } else if (strcmp(status, "calling") == 0) {
        sup_call_calling(call, id, live->chat, live->customer, staff);
    } else if (callback) {
        sup_call_forget(call, id);
    } else if (!call_waits(live)) {
        sup_call_waits(call, id);
    }
}

static void on_checked(const struct sup_pg_reply *reply, void *arg)
{
    struct checking c = *(struct checking *)arg;
    sup_free(arg);
    struct call_live *live = call_find(c.call, c.id);
    if (reply->err)
        call_check_failed(c.call, reply->err);
    if (!live || reply->err)
        return;
    if (live->epoch != c.epoch) {
        sup_call_check(c.call, c.id);
        return;
    }
    follow_row(c.call, live, reply->rows);
}

void sup_call_check(struct sup_call *call, struct sup_id id)
{
    const struct call_live *live = call_find(call, id);
    if (!live)
        return;
    struct checking *c = sup_calloc(1, sizeof(*c));
    sup_err err = c ? SUP_OK : SUP_E_NOMEM;
    if (c) {
        *c = (struct checking){call, id, live->epoch};
        err = sup_call_store_state(call->opts.pool, "system:media", id, on_checked, c);
    }
    if (err) {
        sup_free(c);
        call_check_failed(call, err);
    }
}

void call_check_failed(struct sup_call *call, sup_err err)
{
    sup_log_warn("call", "rows not read", SUP_STR("error", sup_err_name(err)));
    if (!sup_timer_armed(call->recheck))
        sup_timer_start(call->recheck, CHECK_AGAIN_US);
}

static void on_recheck(void *arg)
{
    sup_call_check_all(arg);
}

void sup_call_check_all(struct sup_call *call)
{
    size_t pos = 0;
    const struct call_live *live;
    while ((live = sup_map_next(call->lives, &pos, NULL, NULL))) {
        sup_call_check(call, live->id);
        sup_call_check_parties(call, live->id);
    }
}

/* --- ending --- */

struct ending {
    struct sup_call *call;
    struct sup_id id;
    char actor[64];
    char request[SUP_ID_TEXT_LEN + 1];
    char state[16]; /* the one that the row had when it was read */
    const char *reason;
    sup_call_end_cb cb;
    void *arg;
    int tries;
};

enum { END_TRIES = 5 };

static void end_done(struct ending *e, sup_err err, const char *code)
{
    struct call_live *live = call_find(e->call, e->id);
    if (live)
        live->ending = false;
    if (live && err && !e->cb) /* nobody else would try again */
        sup_timer_start(live->parties[SUP_CALL_CUSTOMER].grace, END_RETRY_US);
    if (e->cb)
        e->cb(&(struct sup_call_end_result){err, code}, e->arg);
    sup_free(e);
}

static void end_try(struct ending *e);

static void on_ended(const struct sup_pg_reply *reply, void *arg)
{
    struct ending *e = arg;
    if (reply->err) {
        end_done(e, reply->err, reply->code);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    const char *state = sup_row_str(reply->rows, 0, "state");
    if (result[0] == 's' && state[0] != 'e' && e->tries++ < END_TRIES) { /* stale: it moved on */
        (void)snprintf(e->state, sizeof(e->state), "%.15s", state);
        end_try(e);
        return;
    }
    if (result[0] == 'n') {
        end_done(e, SUP_E_DENIED, "not_allowed_now");
        return;
    }
    struct sup_call_event event = {
        .kind = SUP_CALL_CHANGED,
        .call = e->id,
        .chat = sup_row_id(reply->rows, 0, "chat_id"),
        .customer = sup_row_id(reply->rows, 0, "customer_id"),
        .staff = sup_row_id(reply->rows, 0, "staff_id"),
        .rev = result[0] == 'o' ? sup_row_number(reply->rows, 0, "rev") : 0,
        .user = sup_row_id(reply->rows, 0, "offer_staff_id"),
        .offer = sup_row_id(reply->rows, 0, "offer_id"),
    };
    struct call_live *live = call_find(e->call, e->id);
    if (live && result[0] == 'o')
        call_recording_end_at(live, sup_row_number(reply->rows, 0, "length_us"));
    sup_call_ended(e->call, e->id);
    sup_signal_emit(&e->call->events, &event);
    end_done(e, SUP_OK, "");
}

/* A caller who leaves before the answer has given up; only the row knows which it is. */
static const char *reason_of(const struct ending *e)
{
    bool answered = strcmp(e->state, "active") == 0 || strcmp(e->state, "held") == 0;
    return !answered && strcmp(e->reason, "customer_hangup") == 0 ? "abandoned" : e->reason;
}

static void end_try(struct ending *e)
{
    struct call_live *live = call_find(e->call, e->id);
    if (live)
        call_recording_end_asked(live);
    struct sup_call_transition change = {
        .call = e->id,
        .expected = e->state,
        .next = "ended",
        .reason = reason_of(e),
        .request = e->request[0] ? e->request : NULL,
    };
    sup_err err = sup_call_store_transition(e->call->opts.pool, e->actor, &change, on_ended, e);
    if (err)
        end_done(e, err, "");
}

static void on_state_to_end(const struct sup_pg_reply *reply, void *arg)
{
    struct ending *e = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        end_done(e, reply->err ? reply->err : SUP_E_NOTFOUND,
                 reply->err ? reply->code : "call_not_found");
        return;
    }
    (void)snprintf(e->state, sizeof(e->state), "%.15s", sup_row_str(reply->rows, 0, "status"));
    if (e->state[0] == 'e') { /* ended: by somebody else, or by this very request before */
        sup_call_ended(e->call, e->id);
        end_done(e, SUP_OK, "");
        return;
    }
    end_try(e);
}

sup_err sup_call_end(struct sup_call *call, const char *actor, struct sup_id id, const char *reason,
                     const char *request, sup_call_end_cb cb, void *arg)
{
    struct call_live *live = call_find(call, id);
    struct ending *e = sup_calloc(1, sizeof(*e));
    if (!e)
        return SUP_E_NOMEM;
    *e = (struct ending){.call = call, .id = id, .reason = reason, .cb = cb, .arg = arg};
    (void)snprintf(e->actor, sizeof(e->actor), "%s", actor);
    (void)snprintf(e->request, sizeof(e->request), "%s", request ? request : "");
    sup_err err = sup_call_store_state(call->opts.pool, actor, id, on_state_to_end, e);
    if (err)
        sup_free(e);
    else if (live)
        live->ending = true;
    return err;
}

void sup_call_end_all(struct sup_call *call, const char *reason)
{
    size_t pos = 0;
    const struct call_live *live;
    while ((live = sup_map_next(call->lives, &pos, NULL, NULL)))
        if (!live->dead && !live->ending && !call_waits(live) &&
            sup_call_end(call, "system:media", live->id, reason, NULL, NULL, NULL))
            sup_log_warn("call", "end not sent", SUP_STR("call", sup_id_text(live->id).s));
}

/* --- life --- */

sup_err sup_call_create(const struct sup_call_opts *opts, struct sup_call **ret_call)
{
    struct sup_call *call = sup_calloc(1, sizeof(*call));
    if (!call)
        return SUP_E_NOMEM;
    call->opts = *opts;
    sup_signal_init(&call->events);
    sup_list_init(&call->finishing);
    call->calls_metric = sup_metrics_gauge(opts->metrics, "supportd_calls",
                                           "Calls whose media is here.", NULL, NULL);
    call->legs_metric = sup_metrics_gauge(opts->metrics, "supportd_call_legs",
                                          "Legs connected or connecting.", NULL, NULL);
    call->failed_metric = sup_metrics_counter(opts->metrics, "supportd_call_legs_failed_total",
                                              "Legs whose handshake was refused.", NULL, NULL);
    call->lost_metric = sup_metrics_counter(opts->metrics, "supportd_call_legs_lost_total",
                                            "Times that a leg's packets stopped.", NULL, NULL);
    call->steps_metric = sup_metrics_counter(opts->metrics, "supportd_media_steps_total",
                                             "Wake-ups for sound.", NULL, NULL);
    call->beats_metric = sup_metrics_counter(
        opts->metrics, "supportd_media_beats_total",
        "Of them, those at the beat of a busy engine, for all packets since the last.", NULL, NULL);
    call->events_metric = sup_metrics_counter(opts->metrics, "supportd_media_events_total",
                                              "Sockets with packets that they found.", NULL, NULL);
    call->pings_metric = sup_metrics_counter(opts->metrics, "supportd_media_pings_total",
                                             "STUN requests that time a path.", NULL, NULL);
    call->pongs_metric = sup_metrics_counter(opts->metrics, "supportd_media_pongs_total",
                                             "Answers to them.", NULL, NULL);
    call->prompts_metric =
        sup_metrics_counter(opts->metrics, "supportd_call_prompts_total",
                            "Spoken prompts played to waiting callers.", NULL, NULL);
    call->notices_metric =
        sup_metrics_counter(opts->metrics, "supportd_call_recording_notices_total",
                            "Legs that were told by sound that they are recorded.", NULL, NULL);
    call->stats_metric = sup_metrics_counter(opts->metrics, "supportd_call_client_stats_total",
                                             "Reports of clients about calls.", NULL, NULL);
    call->refused_metric = sup_metrics_counter(
        opts->metrics, "supportd_call_legs_refused_total",
        "Legs that found no free port of media.port_min to media.port_max.", NULL, NULL);
    call->timers_metric =
        sup_metrics_gauge(opts->metrics, "supportd_media_timers",
                          "Timers of legs, and the few of the engine.", NULL, NULL);
    call_mix_metrics_create(call);
    sup_err err = sup_map_create(&call->lives);
    if (!err)
        err = call_batch_create(call);
    if (!err)
        err = sup_timer_create(opts->loop, on_engine_deadline, call, &call->timer);
    if (!err)
        err = sup_timer_create(opts->loop, on_reap, call, &call->reaper);
    if (!err)
        err = sup_timer_create(opts->loop, on_recheck, call, &call->recheck);
    if (!err)
        err = sup_poller_create(opts->loop, sup_media_engine_fd(opts->engine), on_engine_readable,
                                call, &call->poller);
    if (!err)
        err = sup_poller_set(call->poller, SUP_POLL_READ);
    int beat_fd = sup_media_engine_beat_fd(opts->engine);
    if (!err && beat_fd >= 0)
        err = sup_poller_create(opts->loop, beat_fd, on_engine_readable, call, &call->beat_poller);
    if (!err) /* last: it asks the table at once */
        err = call_retention_create(call);
    if (err) {
        sup_call_destroy(call);
        return err;
    }
    call_engine_rearm(call);
    *ret_call = call;
    return SUP_OK;
}

void sup_call_destroy(struct sup_call *call)
{
    if (!call)
        return;
    size_t pos = 0;
    struct call_live *live;
    while (call->lives && (live = sup_map_next(call->lives, &pos, NULL, NULL))) {
        live_free(live);
        pos = 0;
    }
    call_recordings_forget(call);
    call_retention_destroy(call);
    sup_poller_destroy(call->poller);
    sup_poller_destroy(call->beat_poller);
    sup_timer_destroy(call->timer);
    sup_timer_destroy(call->reaper);
    sup_timer_destroy(call->recheck);
    call_batch_destroy(call->batch);
    sup_map_destroy(call->lives);
    sup_free(call);
}

struct sup_signal *sup_call_events(struct sup_call *call)
{
    return &call->events;
}

size_t sup_call_of_user(const struct sup_call *call, struct sup_id user, struct sup_id *ret_calls,
                        size_t max)
{
    size_t pos = 0, count = 0;
    struct call_live *live;
    while (count < max && (live = sup_map_next(call->lives, &pos, NULL, NULL)))
        if (!live->dead && (sup_id_equal(live->customer, user) || sup_id_equal(live->staff, user) ||
                            call_seat_of(live, user)))
            ret_calls[count++] = live->id;
    return count;
}

bool sup_call_full(const struct sup_call *call)
{
    return sup_map_count(call->lives) >= call->opts.max_calls;
}

size_t sup_call_count(const struct sup_call *call)
{
    return sup_map_count(call->lives);
}
