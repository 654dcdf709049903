#include <stdio.h>
#include <string.h>

#include "api_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/staff/staff_store.h"

enum {
    SILENCE_TIMEOUT_US = 90 * 1000000,
    PING_INTERVAL_MS = 25000,
    RETRY_MIN_MS = 500,
    RETRY_MAX_MS = 15000,
    RESUME_MAX = 50,
    CLOSE_UNAUTHENTICATED = 4401,
    CLOSE_EXPIRED = 4402,
    CLOSE_DENIED = 4403,
    CLOSE_SILENT = 4408,
};

void api_session_ref(struct api_session *session)
{
    session->refs++;
}

void api_session_unref(struct api_session *session)
{
    if (--session->refs > 0)
        return;
    sup_ws_unref(session->client);
    sup_map_destroy(session->feeds);
    sup_map_destroy(session->left);
    sup_free(session);
}

void api_session_send(struct api_session *session, json_t *value)
{
    struct sup_buf text = {0};
    if (value && !session->closed && sup_json_dump(value, &text) == SUP_OK)
        (void)sup_ws_send(session->client, text.data, text.len);
    sup_buf_fini_secret(&text);
    json_decref(value);
}

void api_send_topic(struct sup_api *api, const char *topic, json_t *value)
{
    struct sup_buf text = {0};
    if (value && sup_hub_subscribers(api->hub, topic) > 0 && sup_json_dump(value, &text) == SUP_OK)
        (void)sup_hub_publish(api->hub, topic, text.data, text.len, NULL);
    sup_buf_fini_secret(&text);
    json_decref(value);
}

void api_send_user(struct sup_api *api, struct sup_id user, json_t *value)
{
    api_send_topic(api, api_topic('u', user).s, value);
}

static void on_silence(void *arg)
{
    struct api_session *session = arg;
    if (session->ready)
        sup_ws_close(session->client, CLOSE_SILENT, "no ping");
    else
        sup_ws_close(session->client, CLOSE_UNAUTHENTICATED, "no hello");
}

static void on_expired(void *arg)
{
    struct api_session *session = arg;
    sup_ws_close(session->client, CLOSE_EXPIRED, "credential expired");
}

/* The socket ends with the credential that opened it, or that it was renewed by. */
static void watch_expiry(struct api_session *session, int64_t expires_us)
{
    int64_t left_us = expires_us - sup_clock_wall_us();
    session->actor.expires_us = expires_us;
    if (expires_us > 0)
        sup_timer_start(session->expiry, left_us > 0 ? (uint64_t)left_us : 0);
    else
        sup_timer_stop(session->expiry);
}

static json_t *expiry_json(const struct api_session *session)
{
    return session->actor.expires_us > 0 ? json_string(sup_time_text(session->actor.expires_us).s)
                                         : json_null();
}

void api_session_open(struct sup_ws_client *client, void *arg)
{
    struct sup_api *api = arg;
    struct api_session *session = sup_calloc(1, sizeof(*session));
    if (!session) {
        sup_ws_close(client, SUP_WS_TRY_LATER, "overloaded");
        return;
    }
    session->api = api;
    session->refs = 1;
    session->client = sup_ws_ref(client);
    sup_list_append(&api->sessions, &session->link);
    sup_ws_set_data(client, session);
    sup_ws_forget_cookie(client);
    if (sup_map_create(&session->feeds) || sup_map_create(&session->left) ||
        sup_timer_create(api->opts.loop, on_expired, session, &session->expiry) ||
        sup_timer_create(api->opts.loop, api_ice_renew, session, &session->ice) ||
        sup_timer_create(api->opts.loop, on_silence, session, &session->timer)) {
        sup_ws_close(client, SUP_WS_TRY_LATER, "overloaded");
        return;
    }
    sup_timer_start(session->timer, api->opts.limits.hello_timeout_us);
}

void api_session_close(struct sup_ws_client *client, unsigned code, void *arg)
{
    (void)arg;
    struct api_session *session = sup_ws_data(client);
    if (!session)
        return;
    sup_log_debug("api", "session closed", SUP_STR("conn", sup_id_text(sup_ws_id(client)).s),
                  SUP_INT("code", code));
    session->closed = true;
    sup_ws_set_data(client, NULL);
    sup_list_remove(&session->link);
    sup_timer_destroy(session->timer);
    sup_timer_destroy(session->expiry);
    sup_timer_destroy(session->ice);
    session->timer = session->expiry = session->ice = NULL;
    if (session->feeds)
        api_feed_leave_all(session);
    if (session->leased)
        api_lease_remove(session);
    api_session_unref(session);
}

/* --- hello --- */

struct hello_fields {
    const char *token, *ticket;
    json_t *resume;
};

static const struct sup_json_field hello_fields[] = {
    {"token", SUP_JSON_STRING, false, offsetof(struct hello_fields, token), 1, 8192},
    {"ticket", SUP_JSON_STRING, false, offsetof(struct hello_fields, ticket), 1, 128},
    {"resume", SUP_JSON_ARRAY, false, offsetof(struct hello_fields, resume), 0, RESUME_MAX},
};

static json_t *welcome(const struct api_session *session)
{
    const struct sup_actor *me = &session->actor;
    json_t *who = json_pack("{s:s, s:s, s:s, s:s}", "id", sup_id_text(me->id).s, "kind",
                            sup_actor_is_staff(me) ? "staff" : "customer", "name", me->name, "role",
                            sup_role_name(me->role));
    return json_pack("{s:s, s:o, s:s, s:o, s:i, s:{s:i, s:i}, s:o}", "connection_id",
                     sup_id_text(sup_ws_id(session->client)).s, "me", who, "server_time",
                     sup_time_text(sup_clock_wall_us()).s, "expires_at", expiry_json(session),
                     "ping_interval_ms", PING_INTERVAL_MS, "retry", "min_ms", RETRY_MIN_MS,
                     "max_ms", RETRY_MAX_MS, "ice_servers", api_ice_servers(session->api, me));
}

/* Each entry of resume is treated as a chat.open frame of its own, without an id. */
static void resume(struct api_session *session, json_t *entries)
{
    size_t index;
    json_t *entry;
    json_array_foreach(entries, index, entry)
    {
        if (!json_is_object(entry))
            continue;
        json_object_set_new(entry, "type", json_string("chat.open"));
        api_frame_run(session, json_incref(entry));
    }
}

static void refuse_hello(struct api_op *op, const char *code)
{
    struct api_session *session = op->session;
    const struct api_error *error = api_error_find(code);
    unsigned close_code = error->status == 401   ? (unsigned)CLOSE_UNAUTHENTICATED
                          : error->status == 403 ? (unsigned)CLOSE_DENIED
                                                 : (unsigned)SUP_WS_TRY_LATER;
    api_session_ref(session);
    api_op_fail(op, code, NULL, NULL);
    sup_ws_close(session->client, close_code, code);
    api_session_unref(session);
}

/* n spreads the returns of many. */
static void say_bye(struct api_session *session, unsigned n)
{
    unsigned spread_ms = session->api->opts.drain_spread_ms;
    int retry_ms = RETRY_MIN_MS + (int)(n * 7919u % (spread_ms + 1));
    api_session_send(session, json_pack("{s:s, s:s, s:i}", "type", "bye", "reason", "draining",
                                        "retry_after_ms", retry_ms));
}

/* The sockets of a login end with it; a renewal may come from another login of the same person. */
static sup_err follow_login(struct api_session *session, const struct sup_actor *actor)
{
    struct sup_hub *hub = session->api->hub;
    struct sup_id login = actor->session;
    sup_err err = SUP_OK;
    if (sup_id_equal(session->login, login))
        return SUP_OK;
    if (!sup_id_is_zero(login))
        err = sup_hub_subscribe(hub, session->client, api_topic('l', login).s);
    if (err)
        return err;
    if (!sup_id_is_zero(session->login))
        sup_hub_unsubscribe(hub, session->client, api_topic('l', session->login).s);
    session->login = login;
    memcpy(session->login_hash, actor->session_hash, sizeof(session->login_hash));
    api_login_check(session);
    return SUP_OK;
}

static void accept_hello(struct api_op *op, const struct sup_actor *actor)
{
    struct api_session *session = op->session;
    json_t *entries = json_incref(json_object_get(op->body, "resume"));
    if (sup_hub_subscribers(session->api->hub, api_topic('u', actor->id).s) >=
        session->api->opts.limits.sockets_per_user) {
        json_decref(entries);
        refuse_hello(op, "too_many_sockets");
        return;
    }
    session->actor = *actor;
    session->ready = true;
    sup_timer_start(session->timer, SILENCE_TIMEOUT_US);
    watch_expiry(session, actor->expires_us);
    if (follow_login(session, actor) ||
        sup_hub_subscribe(session->api->hub, session->client, api_topic('u', actor->id).s) ||
        (sup_actor_is_staff(actor) &&
         sup_hub_subscribe(session->api->hub, session->client, "staff"))) {
        api_op_fail(op, "overloaded", NULL, NULL);
        sup_ws_close(session->client, SUP_WS_TRY_LATER, "overloaded");
        json_decref(entries);
        return;
    }
    sup_log_info("api", "session opened",
                 SUP_STR("conn", sup_id_text(sup_ws_id(session->client)).s),
                 SUP_STR("actor", actor->text));
    api_session_ref(session);
    api_op_reply(op, 0, "welcome", welcome(session));
    api_ice_watch(session);
    resume(session, entries);
    json_decref(entries);
    api_session_welcomed(session);
    api_calls_tell(session->api, &session->actor);
    if (session->api->draining)
        say_bye(session, 0);
    api_session_unref(session);
}

static void on_identified(const char *code, const struct sup_actor *actor, void *arg)
{
    struct api_op *op = arg;
    if (op->session->closed)
        api_op_free(op);
    else if (code)
        refuse_hello(op, code);
    else
        accept_hello(op, actor);
}

void api_ws_hello(struct api_op *op)
{
    struct hello_fields in = {0};
    if (op->session->ready || op->session->greeting) {
        api_op_fail(op, "already_open", "hello: once per connection", NULL);
        return;
    }
    if (!api_op_read(op, hello_fields, 3, &in))
        return;
    if (!in.token == !in.ticket) {
        refuse_hello(op, "unauthenticated");
        return;
    }
    op->session->greeting = true;
    if (in.ticket) {
        struct sup_actor actor;
        if (api_ticket_take(op->api, in.ticket, &actor))
            refuse_hello(op, "ticket_invalid");
        else
            accept_hello(op, &actor);
        return;
    }
    struct api_credential credential = {.token = in.token, .token_len = strlen(in.token)};
    api_identify(op->api, &credential, on_identified, op);
}

/* --- renewing the credential --- */

static void renew(struct api_op *op, const char *code, const struct sup_actor *actor)
{
    struct api_session *session = op->session;
    if (session->closed) {
        api_op_free(op);
    } else if (code) {
        api_op_fail(op, code, NULL, NULL);
    } else if (!sup_id_equal(actor->id, session->actor.id) || actor->role != session->actor.role) {
        api_denied(op, SUP_OP_WS_CONNECT);
        api_op_fail(op, "denied", "auth.renew: of the same person", NULL);
    } else if (follow_login(session, actor)) {
        api_op_fail(op, "overloaded", NULL, NULL);
    } else {
        watch_expiry(session, actor->expires_us);
        api_op_reply(op, 0, "auth.renewed", json_pack("{s:o}", "expires_at", expiry_json(session)));
    }
}

static void on_renewed(const char *code, const struct sup_actor *actor, void *arg)
{
    renew(arg, code, actor);
}

void api_ws_renew(struct api_op *op)
{
    struct hello_fields in = {0};
    struct sup_actor actor = {0};
    if (!api_op_read(op, hello_fields, 2, &in))
        return;
    if (!in.token == !in.ticket) {
        api_op_fail(op, "missing", "token or ticket, one of them", "token");
    } else if (in.ticket) {
        const char *code = api_ticket_take(op->api, in.ticket, &actor) ? "ticket_invalid" : NULL;
        renew(op, code, &actor);
    } else {
        struct api_credential credential = {.token = in.token, .token_len = strlen(in.token)};
        api_identify(op->api, &credential, on_renewed, op);
    }
}

/* --- frames --- */

static struct api_op *frame_op(struct api_session *session, json_t *body)
{
    struct api_op *op = sup_calloc(1, sizeof(*op));
    if (!op) {
        json_decref(body);
        return NULL;
    }
    op->api = session->api;
    op->session = session;
    api_session_ref(session);
    op->body = body;
    op->actor = session->actor;
    memcpy(op->request, sup_id_text(sup_id_new()).s, sizeof(op->request));
    return op;
}

/* body is taken. */
void api_frame_run(struct api_session *session, json_t *body)
{
    struct api_op *op = frame_op(session, body);
    if (!op)
        return;
    const json_t *id = json_object_get(body, "id"), *type = json_object_get(body, "type");
    if (id && (!json_is_string(id) || json_string_length(id) > API_FRAME_ID_MAX)) {
        api_op_fail(op, "wrong_type", "id: a string of at most 64 bytes", "id");
        return;
    }
    if (id)
        memcpy(op->frame_id, json_string_value(id), json_string_length(id) + 1);
    const struct api_frame *frame =
        json_is_string(type) ? api_frame_find(json_string_value(type)) : NULL;
    if (!frame) {
        api_op_fail(op, "unknown_type", "type: see docs/protocol.md, 4.2", "type");
        return;
    }
    if (!session->ready && frame->handler != api_ws_hello) {
        refuse_hello(op, "unauthenticated");
        return;
    }
    if (frame->handler != api_ws_hello && !api_allowed(&op->actor, frame->op)) {
        api_denied(op, frame->op);
        api_op_fail(op, "denied", NULL, NULL);
        return;
    }
    frame->handler(op);
}

void api_session_text(struct sup_ws_client *client, char *text, size_t len, void *arg)
{
    (void)arg;
    struct api_session *session = sup_ws_data(client);
    if (!session || !session->timer)
        return;
    if (session->ready)
        sup_timer_start(session->timer, SILENCE_TIMEOUT_US);
    json_t *body;
    if (sup_json_parse(text, len, &body)) {
        struct api_op *op = frame_op(session, NULL);
        if (op && session->ready)
            api_op_fail(op, "malformed", "a frame is one JSON object", NULL);
        else if (op)
            refuse_hello(op, "unauthenticated");
        return;
    }
    api_frame_run(session, body);
}

void api_session_rate(struct sup_ws_client *client, void *arg)
{
    (void)arg;
    struct api_session *session = sup_ws_data(client);
    struct api_op *op = session ? frame_op(session, NULL) : NULL;
    if (op)
        api_op_fail(op, "rate_limited", "too many frames a second", NULL);
}

void api_ws_ping(struct api_op *op)
{
    if (!api_op_read(op, NULL, 0, NULL))
        return;
    api_op_reply(op, 0, "pong",
                 json_pack("{s:s}", "server_time", sup_time_text(sup_clock_wall_us()).s));
}

bool api_allowed(const struct sup_actor *actor, enum sup_op op)
{
    return sup_permission(actor->role, op) != SUP_GRANT_NONE;
}

static void on_denied(const struct sup_pg_reply *reply, void *arg)
{
    (void)arg;
    if (reply->err)
        sup_log_warn("api", "refusal not recorded", SUP_STR("error", sup_err_name(reply->err)),
                     SUP_STR("code", reply->code));
}

void api_denied(const struct api_op *op, enum sup_op what)
{
    const char *actor = op->actor.text[0] ? op->actor.text : "system:auth";
    char action[64]; /* as the functions write it: chat_read_notes is chat.read_notes */
    (void)snprintf(action, sizeof(action), "%s", sup_op_name(what));
    char *underscore = strchr(action, '_');
    if (underscore)
        *underscore = '.';
    if (sup_staff_store_denied(op->api->opts.pool, actor, action, "role", op->request, on_denied,
                               NULL))
        sup_log_warn("api", "refusal not recorded", SUP_STR("op", sup_op_name(what)));
}

/* Tells every session to come back, each after its own delay, before the close frames go out. */
void api_sessions_bye(struct sup_api *api)
{
    struct sup_link *pos, *tmp;
    unsigned n = 0;
    SUP_LIST_EACH(pos, tmp, &api->sessions)
    {
        say_bye(SUP_CONTAINER_OF(pos, struct api_session, link), n++);
    }
}
