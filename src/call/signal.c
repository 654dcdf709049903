#include "call_internal.h"
#include "supportd/base/mem.h"
#include "supportd/call/party_store.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

#include <stdio.h>
#include <string.h>

/* An offer: who is it from, may it be, then into the leg. */
struct offering {
    struct sup_call *call;
    struct sup_id id, user;
    bool staff;
    char actor[64];
    char *sdp;
    size_t len;
    sup_call_answer_cb cb;
    void *arg;
    /* of the row */
    struct sup_id chat, customer, assigned;
    bool active, held, calling;
    unsigned read;
    bool party;     /* staff, but not the agent: has a part in support.call_parties */
    unsigned epoch; /* of the call when the row was asked for */
};

static void done(struct offering *o, const struct sup_call_answer *answer)
{
    o->cb(answer, o->arg);
    sup_free_secret(o->sdp); /* holds the ICE password */
    sup_free(o);
}

static void refuse(struct offering *o, sup_err err, const char *code, const char *detail)
{
    done(o, &(struct sup_call_answer){.err = err, .code = code, .detail = detail});
}

static void take_offer(struct offering *o, struct call_live *live, enum sup_call_party party)
{
    struct sup_buf answer = {0};
    struct sup_sdp_error error;
    sup_err err = call_leg_offer(live, party, o->sdp, o->len, &answer, &error);
    if (!err)
        live->parties[party].user = o->user;
    if (live->active)
        call_expect_customer(live);
    if (err && error.code != SUP_SDP_OK)
        refuse(o, err, "sdp_refused", sup_sdp_code_text(error.code));
    else if (err == SUP_E_LIMIT)
        refuse(o, err, "overloaded", "no free port for media");
    else if (err == SUP_E_IO)
        refuse(o, err, "unavailable", "no address for media can be used");
    else if (err)
        refuse(o, err, "", NULL);
    else
        done(o, &(struct sup_call_answer){.code = "", .sdp = answer.data});
    sup_buf_fini_secret(&answer);
}

static void into_leg(struct offering *o)
{
    struct call_live *live;
    sup_err err = call_live_get(o->call, o->id, &live);
    if (err) {
        refuse(o, err, err == SUP_E_STATE ? "call_ended" : "", NULL);
        return;
    }
    live->chat = o->chat;
    live->customer = o->customer;
    if (live->epoch == o->epoch) { /* else the call has moved on since the row was read */
        live->active = o->active;
        live->held = o->held;
        live->calling = o->calling;
        if (o->staff)
            live->staff = o->user;
    }
    if (o->staff && !sup_id_equal(live->staff, o->user))
        refuse(o, SUP_E_DENIED, "denied", NULL);
    else
        take_offer(o, live, o->staff ? SUP_CALL_AGENT : SUP_CALL_CUSTOMER);
}

static void on_party_rows(const struct sup_pg_reply *reply, void *arg)
{
    struct offering *o = arg;
    struct call_live *live = call_find(o->call, o->id);
    if (reply->err || !live) {
        refuse(o, reply->err ? reply->err : SUP_E_STATE, live ? reply->code : "call_ended", NULL);
        return;
    }
    if (live->party_reads == o->read)
        call_seat_rows(live, reply->rows);
    const struct call_party *seat = call_seat_of(live, o->user);
    if (seat)
        take_offer(o, live, (enum sup_call_party)(seat - live->parties));
    else if (sup_id_equal(live->staff, o->user)) /* the call was handed over meanwhile */
        take_offer(o, live, SUP_CALL_AGENT);
    else
        refuse(o, SUP_E_DENIED, "denied", NULL);
}

static void into_seat(struct offering *o)
{
    struct call_live *live = call_find(o->call, o->id);
    if (!live) {
        refuse(o, SUP_E_UNSUPPORTED, "unavailable", "the call's media is not there yet");
        return;
    }
    o->read = ++live->party_reads;
    sup_err err = sup_party_store_live(o->call->opts.pool, o->id, on_party_rows, o);
    if (err)
        refuse(o, err, "", NULL);
}

static void on_recorded(const struct sup_pg_reply *reply, void *arg)
{
    struct offering *o = arg;
    if (reply->err)
        refuse(o, reply->err, reply->code, NULL);
    else if (o->party)
        into_seat(o);
    else
        into_leg(o);
}

static void on_state(const struct sup_pg_reply *reply, void *arg)
{
    struct offering *o = arg;
    if (reply->err) {
        refuse(o, reply->err, reply->code, NULL);
        return;
    }
    if (sup_pg_rows(reply->rows) != 1) {
        refuse(o, SUP_E_NOTFOUND, "call_not_found", NULL);
        return;
    }
    const char *status = sup_row_str(reply->rows, 0, "status");
    struct sup_id owner = sup_row_id(reply->rows, 0, "owner_process");
    if (strcmp(status, "ended") == 0) {
        refuse(o, SUP_E_STATE, "call_ended", NULL);
        return;
    }
    if (!sup_id_equal(owner, sup_bus_process(o->call->opts.bus))) {
        refuse(o, SUP_E_UNSUPPORTED, "unavailable", "the call's media is in another process");
        return;
    }
    o->chat = sup_row_id(reply->rows, 0, "chat_id");
    o->customer = sup_row_id(reply->rows, 0, "customer_id");
    o->assigned = sup_row_id(reply->rows, 0, "staff_id");
    o->held = strcmp(status, "held") == 0;
    o->active = o->held || strcmp(status, "active") == 0;
    o->calling = strcmp(status, "calling") == 0;
    if (!o->staff && sup_pg_bool(reply->rows, 0, sup_pg_col(reply->rows, "callback"))) {
        refuse(o, SUP_E_STATE, "not_allowed_now", "the customer is called back");
        return;
    }
    o->party = o->staff && o->active && !sup_id_equal(o->assigned, o->user);
    if (o->staff && o->calling && !sup_id_equal(o->assigned, o->user)) {
        refuse(o, SUP_E_DENIED, "denied", NULL);
        return;
    }
    /* The table of signals says who is a party; nothing of the description goes into it. */
    json_t *payload = json_pack("{s:I}", "bytes", (json_int_t)o->len);
    sup_err err = sup_call_store_signal(o->call->opts.pool, o->actor, o->id, owner, "offer",
                                        payload, on_recorded, o);
    json_decref(payload);
    if (err)
        refuse(o, err, "", NULL);
}

sup_err sup_call_offer(struct sup_call *call, const char *actor, struct sup_id user, bool staff,
                       struct sup_id id, const char *sdp, size_t len, sup_call_answer_cb cb,
                       void *arg)
{
    if (len > SUP_SDP_SIZE_MAX)
        return SUP_E_LIMIT;
    struct offering *o = sup_calloc(1, sizeof(*o));
    if (!o)
        return SUP_E_NOMEM;
    const struct call_live *live = call_find(call, id);
    *o = (struct offering){.call = call, .id = id, .user = user, .staff = staff, .len = len};
    o->epoch = live ? live->epoch : 0;
    o->cb = cb;
    o->arg = arg;
    (void)snprintf(o->actor, sizeof(o->actor), "%s", actor);
    o->sdp = sup_strndup(sdp, len);
    sup_err err =
        o->sdp ? sup_call_store_state(call->opts.pool, actor, id, on_state, o) : SUP_E_NOMEM;
    if (err) {
        sup_free_secret(o->sdp);
        sup_free(o);
    }
    return err;
}

struct call_party *call_find_party(const struct sup_call *call, struct sup_id user,
                                   struct sup_id id)
{
    struct call_live *live = call_find(call, id);
    if (!live)
        return NULL;
    struct call_party *party = NULL;
    if (sup_id_equal(live->customer, user))
        party = &live->parties[SUP_CALL_CUSTOMER];
    else if (sup_id_equal(live->staff, user))
        party = &live->parties[SUP_CALL_AGENT];
    else
        party = call_seat_of(live, user);
    return party && party->leg ? party : NULL;
}

sup_err sup_call_candidate(struct sup_call *call, struct sup_id user, struct sup_id id,
                           const char *line, size_t len)
{
    struct call_party *party = call_find_party(call, user, id);
    if (!party)
        return SUP_E_NOTFOUND;
    sup_err err = sup_leg_add_candidate(party->leg, line, len);
    call_engine_rearm(call);
    return err;
}

sup_err sup_call_mute(struct sup_call *call, struct sup_id user, struct sup_id id, bool muted)
{
    struct call_party *party = call_find_party(call, user, id);
    if (!party)
        return SUP_E_NOTFOUND;
    party->muted = muted;
    call_join(party->live);
    struct sup_call_event event = {.kind = SUP_CALL_CHANGED};
    call_emit(party->live, &event);
    return SUP_OK;
}

bool sup_call_is_muted(const struct sup_call *call, struct sup_id id, enum sup_call_party party)
{
    const struct call_live *live = call_find(call, id);
    return live && live->parties[party].muted;
}
