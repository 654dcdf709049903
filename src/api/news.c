#include <stdio.h>
#include <string.h>

#include "api_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"
#include "supportd/queue/queue_store.h"

/* What staff and customers hear of the queue, of offers and of each other's presence.
 *
 * Bus topics: "offer" (id = staff: read your offers again, or {"o": offer, "w": outcome}),
 * "queue" (the picture changed), "presence" (id = person, {"k": "staff" or "customer"}),
 * "person" (id = staff, {"w": "removed" or "role"}, by the transaction itself), "login" (id = a
 * login that ended), "typing" (id = chat, {"k","n","a","u"}). */

enum {
    PICTURE_DELAY_US = 200000,
    PICTURE_ENTRIES = 50,
    OPEN_CHATS_MAX = 50,
    CALLS_OF_PERSON_MAX = 16,
};

static void publish(struct sup_api *api, const char *topic, struct sup_id id, json_t *ref)
{
    struct sup_buf text = {0};
    sup_err err = ref ? sup_json_dump(ref, &text) : SUP_OK;
    if (!err)
        err = sup_bus_publish(api->opts.bus, topic, id, 0, text.data);
    if (err)
        sup_log_warn("api", "event not published", SUP_STR("topic", topic),
                     SUP_STR("error", sup_err_name(err)));
    sup_buf_fini(&text);
    json_decref(ref);
}

void api_queue_changed(struct sup_api *api)
{
    publish(api, "queue", (struct sup_id){{0}}, NULL);
}

void api_offer_made(struct sup_api *api, struct sup_id staff)
{
    publish(api, "offer", staff, NULL);
}

void api_offer_gone(struct sup_api *api, struct sup_id staff, struct sup_id offer,
                    const char *outcome)
{
    if (!sup_id_is_zero(staff) && !sup_id_is_zero(offer))
        publish(api, "offer", staff,
                json_pack("{s:s, s:s}", "o", sup_id_text(offer).s, "w", outcome));
}

void api_presence_changed(struct sup_api *api, struct sup_id person, bool staff)
{
    publish(api, "presence", person, json_pack("{s:s}", "k", staff ? "staff" : "customer"));
}

/* --- people --- */

static void close_session(struct sup_ws_client *client, void *arg)
{
    const bool *removed = arg;
    if (*removed)
        sup_ws_close(client, API_CLOSE_DEACTIVATED, "deactivated");
    else
        sup_ws_close(client, SUP_WS_RESTART, "role changed");
}

/* Calls are back in the queue, parts in calls of others have ended: not one packet more. */
static void leave_calls(struct sup_api *api, struct sup_id person)
{
    struct sup_id calls[CALLS_OF_PERSON_MAX];
    size_t count = sup_call_of_user(api->opts.call, person, calls, CALLS_OF_PERSON_MAX);
    for (size_t i = 0; i < count; i++)
        sup_call_leaves(api->opts.call, calls[i], person);
    api_feeds_check(api);
    sup_queue_kick(api->opts.queue);
    api_queue_changed(api);
}

/* A member of staff was removed, has another role or password: every process hears it from the
 * database, looks the person up anew and closes the sockets, which come back (or not) as who they
 * are now. */
static void on_person_event(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_person);
    const struct sup_bus_event *event = data;
    bool removed = strstr(event->ref, "removed") != NULL;
    api_forget_known(api);
    api_tickets_drop(api, event->id);
    if (removed && api_ended(api, event->id))
        sup_log_warn("api", "tickets of an ended account may live on");
    sup_hub_each(api->hub, api_topic('u', event->id).s, close_session, &removed);
    if (removed)
        leave_calls(api, event->id);
}

void api_login_gone(struct sup_api *api, struct sup_id login)
{
    publish(api, "login", login, NULL);
}

static void close_login(struct sup_ws_client *client, void *arg)
{
    (void)arg;
    sup_ws_close(client, API_CLOSE_LOGGED_OUT, "logged out");
}

static void on_login_event(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_login);
    const struct sup_bus_event *event = data;
    if (api_ended(api, event->id))
        sup_log_warn("api", "tickets of an ended login may live on");
    sup_hub_each(api->hub, api_topic('l', event->id).s, close_login, NULL);
}

void api_me_changed(struct sup_api *api, struct sup_id staff)
{
    if (!sup_id_is_zero(staff))
        publish(api, "me", staff, NULL);
}

static void on_me_event(struct sup_listener *listener, void *data)
{
    const struct sup_bus_event *event = data;
    api_me_tell(SUP_CONTAINER_OF(listener, struct sup_api, on_me), event->id);
}

/* A customer has waited long; told by whoever holds the customer's connection. */
static void tell_timeout(struct sup_api *api, const struct sup_queue_event *e)
{
    publish(api, "timeout", e->chat,
            json_pack("{s:s, s:i}", "e", sup_id_text(e->entry).s, "s", e->step));
}

static void on_timeout_event(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_timeout);
    const struct sup_bus_event *event = data;
    json_t *ref;
    if (sup_json_parse(event->ref, strlen(event->ref), &ref))
        return;
    api_send_topic(api, api_topic('c', event->id).s,
                   json_pack("{s:s, s:s, s:O, s:O}", "type", "queue.timeout", "chat_id",
                             sup_id_text(event->id).s, "entry_id", json_object_get(ref, "e"),
                             "step", json_object_get(ref, "s")));
    json_decref(ref);
}

/* --- offers --- */

json_t *api_offer_json(struct sup_pg_result *rows, int row)
{
    int64_t expires_us = sup_pg_time(rows, row, sup_pg_col(rows, "expires_at"));
    int64_t left_ms = (expires_us - sup_clock_wall_us()) / 1000;
    json_t *transfer = json_null();
    if (!sup_id_is_zero(sup_row_id(rows, row, "transfer_from")))
        transfer = json_pack("{s:o, s:o, s:o}", "from",
                             sup_row_person(rows, row, "transfer_from", "transfer_from_name"),
                             "note", sup_row_text(rows, row, "transfer_note"), "back",
                             sup_row_bool(rows, row, "transfer_back"));
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "transfer", transfer, "id",
        sup_row_text(rows, row, "offer_id"), "kind", sup_row_text(rows, row, "kind"), "entry_id",
        sup_row_text(rows, row, "entry_id"), "chat_id", sup_row_text(rows, row, "chat_id"),
        "call_id", sup_row_text(rows, row, "call_id"), "customer",
        sup_row_person(rows, row, "customer_id", "customer_name"), "created_at",
        sup_row_time(rows, row, "created_at"), "expires_at", sup_row_time(rows, row, "expires_at"),
        "remaining_ms", (json_int_t)(left_ms > 0 ? left_ms : 0));
}

struct offers_read {
    struct sup_api *api;
    struct sup_id staff;
};

static void on_offers(const struct sup_pg_reply *reply, void *arg)
{
    struct offers_read *read = arg;
    for (int row = 0; !reply->err && row < sup_pg_rows(reply->rows); row++)
        api_send_user(read->api, read->staff,
                      json_pack("{s:s, s:o}", "type", "offer.new", "offer",
                                api_offer_json(reply->rows, row)));
    sup_free(read);
}

static void read_offers(struct sup_api *api, struct sup_id staff)
{
    if (sup_hub_subscribers(api->hub, api_topic('u', staff).s) == 0)
        return;
    struct offers_read *read = sup_calloc(1, sizeof(*read));
    if (!read)
        return;
    *read = (struct offers_read){api, staff};
    struct sup_actor actor = sup_actor_make(SUP_ROLE_AGENT, staff, NULL);
    if (sup_queue_store_offers_mine(api->opts.pool, actor.text, on_offers, read))
        sup_free(read);
}

static void on_offer_event(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_offer);
    const struct sup_bus_event *event = data;
    json_t *ref;
    if (event->ref[0] == '\0' || sup_json_parse(event->ref, strlen(event->ref), &ref)) {
        read_offers(api, event->id);
        return;
    }
    api_send_user(api, event->id,
                  json_pack("{s:s, s:O, s:O}", "type", "offer.gone", "offer_id",
                            json_object_get(ref, "o"), "outcome", json_object_get(ref, "w")));
    json_decref(ref);
}

/* --- the queue's picture: at most once in PICTURE_DELAY_US --- */

json_t *api_entry_json(struct sup_pg_result *rows, int row)
{
    json_t *offered = sup_row_text(rows, row, "offered_to");
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
        sup_row_text(rows, row, "entry_id"), "kind", sup_row_text(rows, row, "kind"), "chat_id",
        sup_row_text(rows, row, "chat_id"), "call_id", sup_row_text(rows, row, "call_id"),
        "customer", sup_row_person(rows, row, "customer_id", "customer_name"), "language",
        sup_row_text(rows, row, "language"), "state", sup_row_text(rows, row, "state"), "priority",
        sup_row_int(rows, row, "priority"), "queued_at", sup_row_time(rows, row, "queued_at"),
        "escalation", sup_row_int(rows, row, "escalation"), "offered_to", offered);
}

static void on_picture(const struct sup_pg_reply *reply, void *arg)
{
    struct api_session *session = arg;
    json_t *items = json_array();
    int rows = reply->err ? 0 : sup_pg_rows(reply->rows);
    for (int row = 0; row < rows; row++)
        json_array_append_new(items, api_entry_json(reply->rows, row));
    if (reply->err)
        json_decref(items);
    else
        api_session_send(session, json_pack("{s:s, s:o, s:i}", "type", "queue.state", "items",
                                            items, "waiting", rows));
    api_session_unref(session);
}

void api_send_picture(struct api_session *session)
{
    api_session_ref(session);
    if (sup_queue_store_list(session->api->opts.pool, session->actor.text, PICTURE_ENTRIES,
                             on_picture, session))
        api_session_unref(session);
}

/* One view after the other: rows [first, end) are what viewers, an array of ids, see. */
static void send_view(struct sup_api *api, struct sup_pg_result *rows, int first, int end)
{
    json_t *viewers = sup_row_words(rows, first, "viewers"), *id;
    json_t *items = json_array();
    size_t n;
    for (int row = first; row < end; row++)
        if (!sup_pg_is_null(rows, row, sup_pg_col(rows, "entry_id")))
            json_array_append_new(items, api_entry_json(rows, row));
    json_t *frame = json_pack("{s:s, s:o, s:i}", "type", "queue.state", "items", items, "waiting",
                              (int)json_array_size(items));
    json_array_foreach(viewers, n, id)
    {
        struct sup_id viewer;
        if (sup_id_parse(json_string_value(id), json_string_length(id), &viewer) == SUP_OK)
            api_send_user(api, viewer, json_incref(frame));
    }
    json_decref(frame);
    json_decref(viewers);
}

static void on_pictures(const struct sup_pg_reply *reply, void *arg)
{
    int rows = reply->err ? 0 : sup_pg_rows(reply->rows);
    for (int first = 0, row = 1; first < rows; row++) {
        if (row < rows && strcmp(sup_row_str(reply->rows, row, "viewers"),
                                 sup_row_str(reply->rows, first, "viewers")) == 0)
            continue;
        send_view(arg, reply->rows, first, row);
        first = row;
    }
}

struct viewers {
    struct sup_api *api;
    struct sup_map *seen;
    struct sup_id ids[SUP_QUEUE_VIEWERS_MAX];
    size_t count;
};

static void read_pictures(struct viewers *v)
{
    if (v->count > 0 && sup_queue_store_pictures(v->api->opts.pool, v->ids, v->count,
                                                 PICTURE_ENTRIES, on_pictures, v->api))
        sup_log_warn("api", "queue not read");
    v->count = 0;
}

static void add_viewer(struct sup_ws_client *client, void *arg)
{
    struct viewers *v = arg;
    struct api_session *session = sup_ws_data(client);
    struct sup_id *id = session && session->ready ? &session->actor.id : NULL;
    if (!id || sup_map_get(v->seen, id->bytes, sizeof(id->bytes)) ||
        sup_map_set(v->seen, id->bytes, sizeof(id->bytes), session))
        return;
    v->ids[v->count++] = *id;
    if (v->count == SUP_QUEUE_VIEWERS_MAX)
        read_pictures(v);
}

/* One query for all staff of this process, however many tabs they have open. */
static void send_pictures(struct sup_api *api)
{
    struct viewers v = {.api = api};
    if (sup_map_create(&v.seen))
        return;
    sup_hub_each(api->hub, "staff", add_viewer, &v);
    read_pictures(&v);
    sup_map_destroy(v.seen);
}

static void on_positions(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_api *api = arg;
    for (int row = 0; !reply->err && row < sup_pg_rows(reply->rows); row++) {
        struct sup_id chat = sup_row_id(reply->rows, row, "chat_id");
        struct api_topic topic = api_topic('c', chat);
        sup_call_position(api->opts.call, sup_row_id(reply->rows, row, "call_id"),
                          (unsigned)sup_row_number(reply->rows, row, "position"),
                          sup_row_str(reply->rows, row, "language"));
        if (sup_hub_subscribers(api->hub, topic.s) == 0)
            continue;
        api_send_topic(api, topic.s,
                       json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "type", "queue.position",
                                 "chat_id", sup_id_text(chat).s, "entry_id",
                                 sup_row_text(reply->rows, row, "entry_id"), "kind",
                                 sup_row_text(reply->rows, row, "kind"), "position",
                                 sup_row_int(reply->rows, row, "position"), "wait_low_ms",
                                 sup_row_int(reply->rows, row, "wait_low_ms"), "wait_high_ms",
                                 sup_row_int(reply->rows, row, "wait_high_ms")));
    }
}

static void on_picture_due(void *arg)
{
    struct sup_api *api = arg;
    send_pictures(api);
    if (sup_map_count(api->feeds) > 0 &&
        sup_queue_store_positions(api->opts.pool, on_positions, api))
        sup_log_warn("api", "positions not read");
}

void api_picture_soon(struct sup_api *api)
{
    if (!sup_timer_armed(api->picture_timer))
        sup_timer_start(api->picture_timer, PICTURE_DELAY_US);
}

static void on_queue_event_remote(struct sup_listener *listener, void *data)
{
    (void)data;
    api_picture_soon(SUP_CONTAINER_OF(listener, struct sup_api, on_queue_bus));
}

/* --- what the router did --- */

static void on_queue_event(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_queue);
    const struct sup_queue_event *e = data;
    if (e->kind == SUP_QUEUE_OFFERED)
        api_offer_made(api, e->staff);
    if (e->kind == SUP_QUEUE_MISSED) {
        api_offer_gone(api, e->staff, e->offer, e->taken_back ? "withdrawn" : "missed");
        if (e->paused)
            api_me_changed(api, e->staff);
    }
    if (e->kind == SUP_QUEUE_WITHDRAWN) { /* the offers of who is gone, of chats not named here */
        api_presence_changed(api, e->staff, true);
        api_feeds_check(api);
        if (sup_id_is_zero(e->staff)) { /* a process was taken off just now */
            api_calls_end_dead(api);
            api_recordings_end_dead(api);
        }
    }
    if (e->kind == SUP_QUEUE_ESCALATED)
        tell_timeout(api, e);
    if (e->kind == SUP_QUEUE_GAVE_UP) {
        api_offer_gone(api, e->offer_staff, e->offer, "withdrawn");
        sup_call_ended(api->opts.call, e->call);
        sup_queue_kick(api->opts.queue); /* the chat of the call may wait now */
    }
    if (!sup_id_is_zero(e->chat) && e->rev > 0) {
        struct sup_chat_news news = {.chat = e->chat, .customer = e->customer, .rev = e->rev};
        sup_chat_announce(api->opts.chat, &news);
    }
    if (!sup_id_is_zero(e->call) && e->kind <= SUP_QUEUE_MOVED_ON && e->kind != SUP_QUEUE_OFFERED &&
        e->kind != SUP_QUEUE_ESCALATED && e->kind != SUP_QUEUE_GAVE_UP)
        sup_call_waits(api->opts.call, e->call);
    if (!sup_id_is_zero(e->call))
        api_call_changed(api, e->call, e->customer, e->staff);
    api_queue_changed(api);
}

/* --- presence of the two sides of a chat --- */

struct presence_read {
    struct sup_api *api;
    struct sup_id chat, customer, staff;
};

static void on_connected(const struct sup_pg_reply *reply, void *arg)
{
    struct presence_read *read = arg;
    bool customer = false, staff = false;
    for (int row = 0; !reply->err && row < sup_pg_rows(reply->rows); row++) {
        if (strncmp(sup_row_str(reply->rows, row, "subject"), "staff:", 6) == 0)
            staff = true;
        else
            customer = true;
    }
    if (!reply->err)
        api_send_topic(read->api, api_topic('p', read->chat).s,
                       json_pack("{s:s, s:s, s:b, s:b}", "type", "chat.presence", "chat_id",
                                 sup_id_text(read->chat).s, "customer_connected", customer,
                                 "agent_connected", staff));
    sup_free(read);
}

void api_presence_read(struct sup_api *api, struct sup_id chat, struct sup_id customer,
                       struct sup_id staff)
{
    struct presence_read *read = sup_calloc(1, sizeof(*read));
    if (!read)
        return;
    *read = (struct presence_read){api, chat, customer, staff};
    struct sup_actor a = sup_actor_make(SUP_ROLE_CUSTOMER, customer, NULL);
    struct sup_actor b = sup_actor_make(SUP_ROLE_AGENT, staff, NULL);
    const char *subjects[] = {a.text, b.text};
    if (sup_queue_store_connected(api->opts.pool, subjects, sup_id_is_zero(staff) ? 1 : 2,
                                  on_connected, read))
        sup_free(read);
}

static void on_presence_event(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_presence);
    const struct sup_bus_event *event = data;
    api_feeds_presence(api, event->id, strstr(event->ref, "customer") == NULL);
}

/* --- typing --- */

void api_typing_tell(struct sup_api *api, struct sup_id chat, const struct sup_actor *actor,
                     bool active)
{
    publish(api, "typing", chat,
            json_pack("{s:s, s:s, s:b, s:s}", "k", sup_actor_is_staff(actor) ? "staff" : "customer",
                      "n", actor->name, "a", active, "u", sup_id_text(actor->id).s));
}

struct typing {
    json_t *frame;
    const char *typist;
};

static void send_typing(struct sup_ws_client *client, void *arg)
{
    const struct typing *typing = arg;
    struct api_session *session = sup_ws_data(client);
    if (session && strcmp(sup_id_text(session->actor.id).s, typing->typist) != 0)
        api_session_send(session, json_incref(typing->frame));
}

static void on_typing_event(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_typing);
    const struct sup_bus_event *event = data;
    json_t *ref;
    if (sup_json_parse(event->ref, strlen(event->ref), &ref))
        return;
    const char *typist = json_string_value(json_object_get(ref, "u"));
    struct typing typing = {
        .frame = json_pack("{s:s, s:s, s:{s:O, s:O}, s:O}", "type", "chat.typing", "chat_id",
                           sup_id_text(event->id).s, "who", "kind", json_object_get(ref, "k"),
                           "name", json_object_get(ref, "n"), "active", json_object_get(ref, "a")),
        .typist = typist ? typist : "",
    };
    if (typing.frame)
        sup_hub_each(api->hub, api_topic('p', event->id).s, send_typing, &typing);
    json_decref(typing.frame);
    json_decref(ref);
}

/* --- after a welcome --- */

static void on_leased(const struct sup_pg_reply *reply, void *arg)
{
    struct api_session *session = arg;
    bool staff = sup_actor_is_staff(&session->actor);
    if (reply->err) { /* again when the database is back, or under a new registration */
        session->leased = false;
        sup_log_warn("api", "lease not made", SUP_STR("error", sup_err_name(reply->err)),
                     SUP_STR("code", reply->code));
    } else if (sup_pg_bool(reply->rows, 0, sup_pg_col(reply->rows, "first"))) {
        api_presence_changed(session->api, session->actor.id, staff);
        if (staff)
            sup_queue_kick(session->api->opts.queue);
    }
    api_session_unref(session);
}

static void on_my_chats(const struct sup_pg_reply *reply, void *arg)
{
    struct api_session *session = arg;
    for (int row = 0; !reply->err && !session->closed && row < sup_pg_rows(reply->rows); row++)
        if (api_feed_follow(session, sup_row_id(reply->rows, row, "chat_id")))
            break;
    if (!reply->err && !session->closed)
        api_feeds_tell(session);
    api_session_unref(session);
}

/* Before the process is registered there is nothing to lease from: on_registered() does it. */
static void lease(struct api_session *session)
{
    struct sup_api *api = session->api;
    if (!sup_bus_registered(api->opts.bus))
        return;
    session->leased = true;
    api_session_ref(session);
    if (sup_queue_store_lease_add(api->opts.pool, sup_bus_process(api->opts.bus),
                                  session->connection, session->actor.text, session->actor.id,
                                  on_leased, session)) {
        session->leased = false;
        api_session_unref(session);
    }
}

/* At the start, and under a new id after others took this process for dead. */
static void on_registered(struct sup_listener *listener, void *data)
{
    (void)data;
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_registered);
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &api->sessions)
    {
        struct api_session *session = SUP_CONTAINER_OF(pos, struct api_session, link);
        if (session->ready)
            lease(session);
    }
    sup_call_check_all(api->opts.call); /* those of the old registration have ended with it */
}

/* The database is back: those who could not get a lease meanwhile. */
static void on_pool_changed(struct sup_listener *listener, void *data)
{
    (void)data;
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_pool);
    struct sup_link *pos, *tmp;
    if (!sup_pg_pool_ready(api->opts.pool, NULL))
        return;
    SUP_LIST_EACH(pos, tmp, &api->sessions)
    {
        struct api_session *session = SUP_CONTAINER_OF(pos, struct api_session, link);
        if (session->ready && !session->leased)
            lease(session);
    }
}

static void read_offers_of(struct sup_ws_client *client, void *arg)
{
    struct api_session *session = sup_ws_data(client);
    if (session && session->ready)
        read_offers(arg, session->actor.id);
}

static void check_person(struct sup_ws_client *client, void *arg)
{
    (void)arg;
    struct api_session *session = sup_ws_data(client);
    if (session && session->ready)
        api_person_check(session);
}

/* News of other processes may be missing: people, offers and the picture are read again. */
static void on_news_gap(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_news_gap);
    if (*(enum sup_bus_gap *)data != SUP_BUS_GAP_TICK)
        sup_hub_each(api->hub, "staff", check_person, NULL);
    sup_hub_each(api->hub, "staff", read_offers_of, api);
    api_picture_soon(api);
}

void api_session_welcomed(struct api_session *session)
{
    struct sup_api *api = session->api;
    session->connection = ++api->next_connection;
    lease(session);
    api_session_ref(session);
    if (sup_chat_store_mine(api->opts.pool, session->actor.text, 1, (struct sup_id){{0}},
                            OPEN_CHATS_MAX, on_my_chats, session))
        api_session_unref(session);
    if (sup_actor_is_staff(&session->actor)) {
        api_send_picture(session);
        read_offers(api, session->actor.id);
    } else {
        api_call_welcomed(api, session->actor.id);
    }
}

static void on_unleased(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_api *api = arg;
    if (reply->err || sup_pg_rows(reply->rows) == 0 ||
        !sup_pg_bool(reply->rows, 0, sup_pg_col(reply->rows, "last")))
        return;
    const char *subject = sup_row_str(reply->rows, 0, "subject");
    bool staff = strncmp(subject, "staff:", 6) == 0;
    const char *colon = strchr(subject, ':');
    struct sup_id id;
    if (colon && sup_id_parse(colon + 1, strlen(colon + 1), &id) == SUP_OK)
        api_presence_changed(api, id, staff);
    if (staff) {
        sup_queue_kick(api->opts.queue); /* its offers went back */
        api_queue_changed(api);
        api_feeds_check(api);
    }
}

void api_lease_remove(const struct api_session *session)
{
    struct sup_api *api = session->api;
    sup_err err =
        sup_queue_store_lease_remove(api->opts.pool, sup_bus_process(api->opts.bus),
                                     session->connection, session->actor.id, on_unleased, api);
    if (err && !api->draining)
        sup_log_warn("api", "lease not removed"); /* it ends with the process' heartbeat */
}

sup_err api_news_create(struct sup_api *api)
{
    const struct {
        const char *topic;
        struct sup_listener *listener;
        sup_listener_cb notify;
    } topics[] = {
        {"offer", &api->on_offer, on_offer_event},
        {"queue", &api->on_queue_bus, on_queue_event_remote},
        {"presence", &api->on_presence, on_presence_event},
        {"typing", &api->on_typing, on_typing_event},
        {"me", &api->on_me, on_me_event},
        {"timeout", &api->on_timeout, on_timeout_event},
        {"person", &api->on_person, on_person_event},
        {"login", &api->on_login, on_login_event},
    };
    sup_err err = sup_timer_create(api->opts.loop, on_picture_due, api, &api->picture_timer);
    for (size_t i = 0; !err && i < sizeof(topics) / sizeof(topics[0]); i++) {
        struct sup_signal *signal;
        err = sup_bus_topic(api->opts.bus, topics[i].topic, &signal);
        if (err)
            break;
        topics[i].listener->notify = topics[i].notify;
        sup_signal_add(signal, topics[i].listener);
    }
    api->on_queue.notify = on_queue_event;
    api->on_registered.notify = on_registered;
    api->on_pool.notify = on_pool_changed;
    api->on_news_gap.notify = on_news_gap;
    sup_signal_add(sup_pg_pool_changed(api->opts.pool), &api->on_pool);
    sup_signal_add(sup_bus_gaps(api->opts.bus), &api->on_news_gap);
    sup_signal_add(sup_bus_registrations(api->opts.bus), &api->on_registered);
    if (!err)
        sup_signal_add(sup_queue_events(api->opts.queue), &api->on_queue);
    return err;
}

void api_news_destroy(struct sup_api *api)
{
    sup_timer_destroy(api->picture_timer);
    sup_listener_remove(&api->on_offer);
    sup_listener_remove(&api->on_queue_bus);
    sup_listener_remove(&api->on_presence);
    sup_listener_remove(&api->on_typing);
    sup_listener_remove(&api->on_me);
    sup_listener_remove(&api->on_timeout);
    sup_listener_remove(&api->on_person);
    sup_listener_remove(&api->on_login);
    sup_listener_remove(&api->on_queue);
    sup_listener_remove(&api->on_registered);
    sup_listener_remove(&api->on_pool);
    sup_listener_remove(&api->on_news_gap);
}
