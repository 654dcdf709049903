#include <string.h>

#include "api_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/call/call_life_store.h"
#include "supportd/call/call_store.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"
#include "supportd/queue/queue_store.h"

enum { SDP_MAX = 16384, CANDIDATE_MAX = 512, CALLS_TOLD_MAX = 8 };

struct call_fields {
    struct sup_id call_id;
    const char *sdp;
    const char *candidate;
    bool muted;
};

#define CALL_ID                                                                                    \
    {                                                                                              \
        "call_id", SUP_JSON_ID, true, offsetof(struct call_fields, call_id), 0, 0                  \
    }

/* --- from the browser --- */

static void on_answer(const struct sup_call_answer *answer, void *arg)
{
    struct api_op *op = arg;
    if (answer->err && answer->code[0])
        api_op_fail(op, answer->code, answer->detail, NULL);
    else if (answer->err)
        api_op_fail_err(op, answer->err);
    else
        api_op_reply(
            op, 0, "call.answer",
            json_pack("{s:s, s:s}", "call_id", sup_id_text(op->object).s, "sdp", answer->sdp));
}

void api_ws_call_offer(struct api_op *op)
{
    static const struct sup_json_field fields[] = {
        CALL_ID,
        {"sdp", SUP_JSON_STRING, true, offsetof(struct call_fields, sdp), 0, SDP_MAX},
    };
    struct call_fields in = {0};
    if (!api_op_read(op, fields, 2, &in))
        return;
    op->object = in.call_id;
    sup_err err = sup_call_offer(op->api->opts.call, op->actor.text, op->actor.id,
                                 sup_actor_is_staff(&op->actor), in.call_id, in.sdp, strlen(in.sdp),
                                 on_answer, op);
    if (err == SUP_E_LIMIT)
        api_op_fail(op, "too_long", NULL, "sdp");
    else if (err)
        api_op_fail_err(op, err);
}

void api_ws_call_candidate(struct api_op *op)
{
    static const struct sup_json_field fields[] = {
        CALL_ID,
        {"candidate", SUP_JSON_STRING, true, offsetof(struct call_fields, candidate), 0,
         CANDIDATE_MAX},
    };
    struct call_fields in = {0};
    if (!api_op_read(op, fields, 2, &in))
        return;
    sup_err err = sup_call_candidate(op->api->opts.call, op->actor.id, in.call_id, in.candidate,
                                     strlen(in.candidate));
    if (err == SUP_E_NOTFOUND)
        api_op_fail(op, "call_not_found", "send call.offer first", "call_id");
    else if (err == SUP_E_MALFORMED)
        api_op_fail(op, "candidate_refused", NULL, "candidate");
    else if (err == SUP_E_STATE)
        api_op_fail(op, "not_allowed_now", NULL, NULL);
    else if (err)
        api_op_fail_err(op, err);
    else
        api_op_done(op);
}

void api_ws_call_mute(struct api_op *op)
{
    static const struct sup_json_field fields[] = {
        CALL_ID,
        {"muted", SUP_JSON_BOOL, true, offsetof(struct call_fields, muted), 0, 0},
    };
    struct call_fields in = {0};
    if (!api_op_read(op, fields, 2, &in))
        return;
    if (sup_call_mute(op->api->opts.call, op->actor.id, in.call_id, in.muted))
        api_op_fail(op, "call_not_found", NULL, "call_id");
    else
        api_op_done(op);
}

/* --- to the browser --- */

/* The state of a call as its own parties see it, to each of them. */
struct told {
    struct sup_link link; /* sup_api::telling */
    struct sup_api *api;
    struct sup_id call, user;
    bool staff;
    bool again; /* it has changed since the row was asked for */
};

/* A callback rings at its customer until that time. */
static void tell_ring(struct sup_api *api, struct sup_pg_result *rows)
{
    int until = sup_pg_col(rows, "ring_until");
    if (sup_pg_is_null(rows, 0, until))
        return;
    int64_t left_us = sup_pg_time(rows, 0, until) - sup_clock_wall_us();
    json_t *state = sup_row_json(rows, 0, "state");
    if (left_us > 0)
        api_send_user(api, sup_row_id(rows, 0, "customer_id"),
                      json_pack("{s:s, s:s, s:O, s:o, s:I}", "type", "call.ring", "call_id",
                                sup_id_text(sup_row_id(rows, 0, "call_id")).s, "staff",
                                json_object_get(state, "staff"), "expires_at",
                                sup_row_time(rows, 0, "ring_until"), "remaining_ms",
                                (json_int_t)(left_us / 1000)));
    json_decref(state);
}

static bool told_ask(struct told *t);

/* One reading of a call at a time for each user: two of them may come back in either order, and the
 * last frame would not be the last state. */
static void on_told(const struct sup_pg_reply *reply, void *arg)
{
    struct told *t = arg;
    if (!reply->err && t->again && told_ask(t))
        return;
    if (!reply->err && sup_pg_rows(reply->rows) == 1) {
        if (sup_id_equal(sup_row_id(reply->rows, 0, "customer_id"), t->user))
            tell_ring(t->api, reply->rows);
        const struct sup_call *calls = t->api->opts.call;
        api_send_user(t->api, t->user,
                      json_pack("{s:s, s:o, s:{s:b, s:b}, s:{s:s, s:s}}", "type", "call.state",
                                "call", sup_row_json(reply->rows, 0, "state"), "muted", "customer",
                                sup_call_is_muted(calls, t->call, SUP_CALL_CUSTOMER), "agent",
                                sup_call_is_muted(calls, t->call, SUP_CALL_AGENT), "legs",
                                "customer", sup_call_leg_name(calls, t->call, SUP_CALL_CUSTOMER),
                                "agent", sup_call_leg_name(calls, t->call, SUP_CALL_AGENT)));
    }
    sup_list_remove(&t->link);
    sup_free(t);
}

static bool told_ask(struct told *t)
{
    enum sup_role role = t->staff ? SUP_ROLE_AGENT : SUP_ROLE_CUSTOMER;
    struct sup_actor actor = sup_actor_make(role, t->user, NULL);
    t->again = false;
    return sup_call_store_state(t->api->opts.pool, actor.text, t->call, on_told, t) == SUP_OK;
}

static void tell(struct sup_api *api, struct sup_id call, struct sup_id user, bool staff)
{
    if (sup_id_is_zero(user) || sup_hub_subscribers(api->hub, api_topic('u', user).s) == 0)
        return;
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &api->telling)
    {
        struct told *have = SUP_CONTAINER_OF(pos, struct told, link);
        if (sup_id_equal(have->call, call) && sup_id_equal(have->user, user)) {
            have->again = true;
            return;
        }
    }
    struct told *t = sup_calloc(1, sizeof(*t));
    if (!t)
        return;
    *t = (struct told){.api = api, .call = call, .user = user, .staff = staff};
    sup_list_append(&api->telling, &t->link);
    if (!told_ask(t)) {
        sup_list_remove(&t->link);
        sup_free(t);
    }
}

void api_calls_tell(struct sup_api *api, const struct sup_actor *actor)
{
    struct sup_id calls[CALLS_TOLD_MAX];
    size_t count = sup_call_of_user(api->opts.call, actor->id, calls, CALLS_TOLD_MAX);
    for (size_t i = 0; i < count; i++)
        tell(api, calls[i], actor->id, sup_actor_is_staff(actor));
}

struct welcomed {
    struct sup_api *api;
    struct sup_id customer;
};

static void on_live(const struct sup_pg_reply *reply, void *arg)
{
    struct welcomed w = *(struct welcomed *)arg;
    sup_free(arg);
    if (!reply->err && sup_pg_rows(reply->rows) == 1 &&
        strcmp(sup_row_str(reply->rows, 0, "state"), "calling") == 0)
        tell(w.api, sup_row_id(reply->rows, 0, "call_id"), w.customer, false);
}

void api_call_welcomed(struct sup_api *api, struct sup_id customer)
{
    struct welcomed *w = sup_calloc(1, sizeof(*w));
    if (!w)
        return;
    *w = (struct welcomed){api, customer};
    struct sup_actor actor = sup_actor_make(SUP_ROLE_CUSTOMER, customer, NULL);
    if (sup_call_life_store_live(api->opts.pool, actor.text, on_live, w))
        sup_free(w);
}

void api_call_changed(struct sup_api *api, struct sup_id call, struct sup_id customer,
                      struct sup_id staff)
{
    struct sup_buf ref = {0};
    if (sup_buf_addf(&ref, "{\"c\":\"%s\",\"a\":\"%s\"}", sup_id_text(customer).s,
                     sup_id_text(staff).s) ||
        sup_bus_publish(api->opts.bus, "call", call, 0, ref.data))
        sup_log_warn("api", "event not published", SUP_STR("topic", "call"));
    sup_buf_fini(&ref);
}

void api_call_tell(struct sup_api *api, struct sup_id call, struct sup_id staff)
{
    tell(api, call, staff, true);
}

/* Whose legs are here is connected here as well. */
static void tell_parties(struct sup_api *api, struct sup_id call)
{
    struct sup_id users[SUP_MIX_MAX];
    size_t count = sup_call_parties(api->opts.call, call, users, SUP_MIX_MAX);
    for (size_t i = 0; i < count; i++)
        tell(api, call, users[i], true);
}

static void on_call_bus(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_call_bus);
    const struct sup_bus_event *event = data;
    json_t *ref;
    struct sup_id customer, staff;
    api_live_soon(api);
    if (sup_json_parse(event->ref, strlen(event->ref), &ref))
        return;
    const json_t *c = json_object_get(ref, "c"), *a = json_object_get(ref, "a");
    if (json_is_string(c) && json_is_string(a) &&
        sup_id_parse(json_string_value(c), json_string_length(c), &customer) == SUP_OK &&
        sup_id_parse(json_string_value(a), json_string_length(a), &staff) == SUP_OK) {
        tell(api, event->id, customer, false);
        tell(api, event->id, staff, true);
    }
    tell_parties(api, event->id);
    if (!event->local) /* another process has changed the row of a call that may have its legs here
                        */
        sup_call_check(api->opts.call, event->id);
    json_decref(ref);
}

/* A call that ends takes its offer with it and makes its agent free. */
static void on_changed(struct sup_api *api, const struct sup_call_event *e)
{
    api_call_changed(api, e->call, e->customer, e->staff);
    api_offer_gone(api, e->user, e->offer, "withdrawn");
    if (e->rev == 0)
        return;
    struct sup_chat_news news = {
        .chat = e->chat, .customer = e->customer, .staff = e->staff, .rev = e->rev};
    sup_chat_announce(api->opts.chat, &news);
    sup_queue_kick(api->opts.queue);
    api_queue_changed(api);
    if (!sup_id_is_zero(e->staff))
        api_me_changed(api, e->staff);
}

static void on_call_event(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_call);
    const struct sup_call_event *e = data;
    switch (e->kind) {
    case SUP_CALL_CANDIDATE:
        api_send_user(api, e->user,
                      json_pack("{s:s, s:s, s:s, s:s}", "type", "call.candidate", "call_id",
                                sup_id_text(e->call).s, "candidate", e->line, "sdp_mid", e->mid));
        break;
    case SUP_CALL_RESTART:
        api_send_user(api, e->user,
                      json_pack("{s:s, s:s, s:s}", "type", "call.restart", "call_id",
                                sup_id_text(e->call).s, "reason", e->reason));
        break;
    case SUP_CALL_QUALITY:
        api_call_picture(api, e);
        break;
    case SUP_CALL_CHANGED:
        on_changed(api, e);
        break;
    case SUP_CALL_PARTY:
        api_party_changed(api, e->call, e->user);
        api_call_changed(api, e->call, e->customer, e->staff);
        break;
    case SUP_CALL_ANSWERABLE:
        api_call_answerable(api, e->call, e->staff);
        break;
    case SUP_CALL_PLACE:
        sup_queue_kick(api->opts.queue);
        api_queue_changed(api);
        break;
    }
}

/* --- calls whose process is gone --- */

static void on_dead(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_api *api = arg;
    for (int row = 0; !reply->err && row < sup_pg_rows(reply->rows); row++) {
        struct sup_call_event event = {
            .kind = SUP_CALL_CHANGED,
            .call = sup_row_id(reply->rows, row, "call_id"),
            .chat = sup_row_id(reply->rows, row, "chat_id"),
            .customer = sup_row_id(reply->rows, row, "customer_id"),
            .staff = sup_row_id(reply->rows, row, "staff_id"),
            .rev = sup_row_number(reply->rows, row, "rev"),
            .user = sup_row_id(reply->rows, row, "offer_staff_id"),
            .offer = sup_row_id(reply->rows, row, "offer_id"),
        };
        if (sup_pg_bool(reply->rows, row, sup_pg_col(reply->rows, "ended")))
            sup_call_ended(api->opts.call, event.call);
        else
            sup_call_check(api->opts.call, event.call);
        on_changed(api, &event);
        sup_queue_kick(api->opts.queue);
    }
}

void api_calls_end_dead(struct sup_api *api)
{
    if (sup_call_store_dead(api->opts.pool, on_dead, api))
        sup_log_warn("api", "calls of dead processes not ended");
}

static void on_gap(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_call_gap);
    api_live_soon(api);
    if (*(enum sup_bus_gap *)data == SUP_BUS_GAP_TICK)
        return;
    api_calls_end_dead(api);
    sup_call_check_all(api->opts.call);
}

sup_err api_calls_create(struct sup_api *api)
{
    sup_list_init(&api->telling);
    struct sup_signal *topic;
    sup_err err = sup_bus_topic(api->opts.bus, "call", &topic);
    if (err)
        return err;
    api->on_call_bus.notify = on_call_bus;
    api->on_call.notify = on_call_event;
    api->on_call_gap.notify = on_gap;
    sup_signal_add(topic, &api->on_call_bus);
    sup_signal_add(sup_call_events(api->opts.call), &api->on_call);
    sup_signal_add(sup_bus_gaps(api->opts.bus), &api->on_call_gap);
    api_calls_end_dead(api);
    return SUP_OK;
}

void api_calls_destroy(struct sup_api *api)
{
    sup_listener_remove(&api->on_call_bus);
    sup_listener_remove(&api->on_call);
    sup_listener_remove(&api->on_call_gap);
}
