#include "call_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/call/call_life_store.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

#include <stdio.h>
#include <string.h>

/* A call between its start and its end: hold, callback, the place of a caller whose leg is gone. */

enum { PLACE_RETRY_US = 1000000 };

/* --- hold --- */

struct holding {
    struct sup_call *call;
    struct sup_id id;
    bool hold;
    sup_call_end_cb cb;
    void *arg;
};

void sup_call_held(struct sup_call *call, struct sup_id id, bool held)
{
    struct call_live *live = call_find(call, id);
    if (!live)
        return;
    live->epoch++;
    live->held = held;
    if (!held && live->recording.recorder)
        sup_recording_go_on(live->recording.recorder, sup_clock_mono_us());
    call_join(live);
}

static void on_held(const struct sup_pg_reply *reply, void *arg)
{
    struct holding h = *(struct holding *)arg;
    struct sup_call_end_result answer = {.err = reply->err, .code = reply->err ? reply->code : ""};
    sup_free(arg);
    if (!reply->err) {
        const char *result = sup_row_str(reply->rows, 0, "result");
        const char *state = sup_row_str(reply->rows, 0, "state");
        bool done = strcmp(result, "ok") == 0;
        if (done) {
            struct sup_call_event event = {
                .kind = SUP_CALL_CHANGED,
                .call = h.id,
                .chat = sup_row_id(reply->rows, 0, "chat_id"),
                .customer = sup_row_id(reply->rows, 0, "customer_id"),
                .staff = sup_row_id(reply->rows, 0, "staff_id"),
                .rev = sup_row_number(reply->rows, 0, "rev"),
            };
            sup_call_held(h.call, h.id, h.hold);
            sup_signal_emit(&h.call->events, &event);
        } else if (strcmp(state, h.hold ? "held" : "active") != 0) {
            answer.err = SUP_E_STATE;
            answer.code = strcmp(state, "ended") == 0 ? "call_ended" : "not_allowed_now";
        }
    }
    h.cb(&answer, h.arg);
}

sup_err sup_call_hold(struct sup_call *call, const char *actor, struct sup_id id, bool hold,
                      const char *request, sup_call_end_cb cb, void *arg)
{
    struct holding *h = sup_calloc(1, sizeof(*h));
    if (!h)
        return SUP_E_NOMEM;
    *h = (struct holding){call, id, hold, cb, arg};
    struct sup_call_transition change = {
        .call = id,
        .expected = hold ? "active" : "held",
        .next = hold ? "held" : "active",
        .request = request,
    };
    sup_err err = sup_call_store_transition(call->opts.pool, actor, &change, on_held, h);
    if (err)
        sup_free(h);
    return err;
}

/* --- callback --- */

void sup_call_calling(struct sup_call *call, struct sup_id id, struct sup_id chat,
                      struct sup_id customer, struct sup_id staff)
{
    struct call_live *live;
    if (call_live_get(call, id, &live)) {
        sup_log_warn("call", "callback not kept", SUP_STR("call", sup_id_text(id).s));
        return;
    }
    live->epoch++;
    live->chat = chat;
    live->customer = customer;
    live->active = live->held = false;
    live->calling = true;
    live->staff = staff;
    if (live->parties[SUP_CALL_AGENT].leg &&
        !sup_id_equal(live->parties[SUP_CALL_AGENT].user, staff))
        call_leg_drop(live, SUP_CALL_AGENT);
    call_leg_drop(live, SUP_CALL_CUSTOMER);
    call_join(live);
}

void sup_call_forget(struct sup_call *call, struct sup_id id)
{
    struct call_live *live = call_find(call, id);
    if (live)
        call_reap(live);
}

/* --- the place of a caller whose leg is gone --- */

struct placing {
    struct sup_call *call;
    struct sup_id id;
    bool away;
};

static void place_send(struct call_live *live);

static void on_placed(const struct sup_pg_reply *reply, void *arg)
{
    struct placing p = *(struct placing *)arg;
    sup_free(arg);
    struct call_live *live = call_find(p.call, p.id);
    if (!live)
        return;
    live->placing = false;
    if (reply->err) {
        sup_timer_start(live->parties[SUP_CALL_CUSTOMER].grace, PLACE_RETRY_US);
        return;
    }
    struct sup_call_event event = {.kind = SUP_CALL_PLACE};
    if (strcmp(sup_row_str(reply->rows, 0, "result"), "ok") == 0)
        call_emit(live, &event);
    if (live->away != p.away)
        place_send(live);
}

static void place_send(struct call_live *live)
{
    struct sup_call *call = live->service;
    struct placing *p = sup_calloc(1, sizeof(*p));
    if (p) {
        *p = (struct placing){call, live->id, live->away};
        if (sup_call_life_store_away(call->opts.pool, live->id, sup_bus_process(call->opts.bus),
                                     live->away, on_placed, p) == SUP_OK) {
            live->placing = true;
            return;
        }
        sup_free(p);
    }
    sup_timer_start(live->parties[SUP_CALL_CUSTOMER].grace, PLACE_RETRY_US);
}

void call_place(struct call_live *live, bool away)
{
    live->away = away;
    if (!live->placing)
        place_send(live);
}

bool call_waits(const struct call_live *live)
{
    return !live->active && !live->calling;
}

void sup_call_leave_waiting(struct sup_call *call)
{
    size_t pos = 0;
    struct call_live *live;
    while ((live = sup_map_next(call->lives, &pos, NULL, NULL))) {
        if (live->dead || !call_waits(live))
            continue;
        live->away = true;
        place_send(live); /* after one that is under way: nobody would look at it any more */
        call_reap(live);
    }
}
