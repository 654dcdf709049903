#include <string.h>

#include "api_internal.h"
#include "supportd/auth/digest.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

/* Delivery is by number: the next one is passed on as it comes; a gap is read from the table; what
 * is not above the last one is old. State is read once at a time per view: changes meanwhile make
 * one more reading, however many they are. */
struct api_feed {
    struct sup_api *api;
    struct sup_id chat, customer, staff; /* zero: not known yet, or nobody */
    unsigned refs;                       /* sessions that follow, and reads under way */
    int64_t seq, note_seq;               /* last delivered; -1: none yet */
    int64_t assumed_seq;                 /* up to here seq was taken from a state, not delivered */
    int64_t want_seq, want_note_seq;
    bool reading_messages, reading_notes;
    unsigned checking; /* followers of whom is asked whether they still see the chat */
    struct view {
        bool reading, again;
        int64_t rev;          /* of the last state sent to this view */
        struct sup_id reader; /* of the reading under way */
        json_t *held;         /* frame that waits for the messages it counts; owned, may be NULL */
    } views[2];               /* of the customer, of staff */
    char status;              /* first letter of the last one seen; 0: none */
    int64_t masked_rev;       /* re-masked messages are published up to here; -1: none asked for */
    bool reading_masked, masked_again;
};

enum { VIEW_CUSTOMER, VIEW_STAFF, GAP_READ_MAX = 200 };

static const char view_topic[2] = {'c', 's'};

struct api_topic api_topic(char kind, struct sup_id id)
{
    struct api_topic topic = {{kind, ':'}};
    memcpy(topic.s + 2, sup_id_text(id).s, SUP_ID_TEXT_LEN + 1);
    return topic;
}

static void feed_unref(struct api_feed *feed)
{
    if (--feed->refs > 0)
        return;
    (void)sup_map_remove(feed->api->feeds, feed->chat.bytes, sizeof(feed->chat.bytes));
    if (sup_map_get(feed->api->by_customer, feed->customer.bytes, sizeof(feed->customer.bytes)) ==
        feed)
        (void)sup_map_remove(feed->api->by_customer, feed->customer.bytes,
                             sizeof(feed->customer.bytes));
    json_decref(feed->views[VIEW_CUSTOMER].held);
    json_decref(feed->views[VIEW_STAFF].held);
    sup_free(feed);
}

static void learn_customer(struct api_feed *feed, struct sup_id customer)
{
    if (sup_id_is_zero(customer) || sup_id_equal(feed->customer, customer))
        return;
    if (sup_map_set(feed->api->by_customer, customer.bytes, sizeof(customer.bytes), feed) == SUP_OK)
        feed->customer = customer;
}

/* Of a row of chat_state. A change of agent is told like a change of presence. */
static void learn_people(struct api_feed *feed, struct sup_pg_result *rows)
{
    struct sup_id staff = sup_row_id(rows, 0, "staff_id");
    bool changed = !sup_id_equal(staff, feed->staff);
    learn_customer(feed, sup_row_id(rows, 0, "customer_id"));
    feed->staff = staff;
    if (changed)
        api_presence_read(feed->api, feed->chat, feed->customer, feed->staff);
}

/* --- frames --- */

json_t *api_state_body(struct sup_pg_result *rows)
{
    json_t *state = sup_row_json(rows, 0, "state");
    struct sup_buf text = {0};
    struct sup_sha256_hex hash;
    json_t *body = NULL;
    if (state && !sup_json_dump(state, &text) && !sup_sha256_hex(text.data, text.len, &hash))
        body = json_pack("{s:O, s:s}", "chat", state, "state_hash", hash.s);
    sup_buf_fini(&text);
    json_decref(state);
    return body;
}

json_t *api_state_frame(struct sup_pg_result *rows, struct sup_id chat)
{
    json_t *body = api_state_body(rows);
    if (!body)
        return NULL;
    json_t *frame = json_pack("{s:s, s:s, s:O, s:O}", "type", "chat.state", "chat_id",
                              sup_id_text(chat).s, "state", json_object_get(body, "chat"),
                              "state_hash", json_object_get(body, "state_hash"));
    json_decref(body);
    return frame;
}

static void publish_message(struct api_feed *feed, const char *type, json_t *message, bool note,
                            int64_t rev)
{
    json_t *frame = json_pack("{s:s, s:s, s:O}", "type", type, "chat_id", sup_id_text(feed->chat).s,
                              "message", message);
    if (rev >= 0)
        json_object_set_new(frame, "rev", json_integer(rev));
    api_send_topic(feed->api, api_topic(note ? 's' : 'p', feed->chat).s, frame);
}

/* A state never overtakes the messages that it counts. frame is taken. */
static void publish_state(struct api_feed *feed, int view, json_t *frame)
{
    struct view *v = &feed->views[view];
    if (feed->reading_messages || (view == VIEW_CUSTOMER && feed->checking > 0)) {
        json_decref(v->held);
        v->held = frame;
    } else {
        api_send_topic(feed->api, api_topic(view_topic[view], feed->chat).s, frame);
    }
}

static void publish_held(struct api_feed *feed)
{
    for (int view = VIEW_CUSTOMER; view <= VIEW_STAFF; view++) {
        json_t *held = feed->views[view].held;
        feed->views[view].held = NULL;
        if (held)
            publish_state(feed, view, held);
    }
}

/* --- reading what was not at hand --- */

/* An actor that may read this view: the customer, or any staff session that follows. */
static void take_actor(struct sup_ws_client *client, void *arg)
{
    struct api_session *session = sup_ws_data(client);
    const struct sup_actor **actor = arg;
    if (session)
        *actor = &session->actor;
}

static const struct sup_actor *reading_actor(struct api_feed *feed, int view)
{
    const struct sup_actor *actor = NULL;
    sup_hub_each(feed->api->hub, api_topic(view_topic[view], feed->chat).s, take_actor, &actor);
    return actor;
}

static const char *reader(struct api_feed *feed, int view)
{
    const struct sup_actor *actor = reading_actor(feed, view);
    return actor ? actor->text : NULL;
}

/* --- staff who may not see the chat any more --- */

struct parting {
    struct api_feed *feed; /* held */
    struct sup_id user;
};

static void part_session(struct sup_ws_client *client, void *arg)
{
    const struct parting *p = arg;
    struct api_session *session = sup_ws_data(client);
    if (session && sup_id_equal(session->actor.id, p->user))
        api_feed_leave(session, p->feed->chat);
}

/* The caller holds the feed. */
static void part(struct api_feed *feed, struct sup_id user)
{
    struct parting p = {feed, user};
    sup_hub_each(feed->api->hub, api_topic('s', feed->chat).s, part_session, &p);
}

static void read_messages(struct api_feed *feed, bool notes);

/* Who does not see the chat any more hears nothing that was said from then on. */
static void on_still_seen(const struct sup_pg_reply *reply, void *arg)
{
    struct parting *p = arg;
    if (!reply->err && sup_pg_rows(reply->rows) == 0)
        part(p->feed, p->user);
    if (--p->feed->checking == 0) {
        if (p->feed->seq < p->feed->want_seq)
            read_messages(p->feed, false);
        publish_held(p->feed);
    }
    feed_unref(p->feed);
    sup_free(p);
}

static void ask_still_seen(struct sup_ws_client *client, void *arg)
{
    struct api_feed *feed = arg;
    const struct api_session *session = sup_ws_data(client);
    if (!session || sup_id_equal(session->actor.id, feed->staff))
        return;
    struct parting *p = sup_calloc(1, sizeof(*p));
    if (!p)
        return;
    *p = (struct parting){feed, session->actor.id};
    feed->refs++;
    feed->checking++;
    if (sup_chat_store_state(feed->api->opts.pool, session->actor.text, feed->chat, on_still_seen,
                             p)) {
        feed->checking--;
        feed_unref(feed);
        sup_free(p);
    }
}

/* Who looked at a chat that waited may lose it by its assignment, or by its end. */
static void check_followers(struct api_feed *feed)
{
    sup_hub_each(feed->api->hub, api_topic('s', feed->chat).s, ask_still_seen, feed);
}

static void on_messages(struct api_feed *feed, const struct sup_pg_reply *reply, bool notes)
{
    int64_t *last = notes ? &feed->note_seq : &feed->seq;
    int64_t want = notes ? feed->want_note_seq : feed->want_seq;
    const char *column = notes ? "note_seq" : "seq";
    *(notes ? &feed->reading_notes : &feed->reading_messages) = false;
    int rows = reply->err ? 0 : sup_pg_rows(reply->rows);
    for (int row = 0; row < rows; row++) {
        int64_t number = sup_row_number(reply->rows, row, column);
        json_t *message = sup_chat_message_json(reply->rows, row, feed->chat);
        if (number > *last && message) {
            publish_message(feed, "message.new", message, notes, -1);
            *last = number;
        }
        json_decref(message);
    }
    if (*last < want && rows > 0)
        read_messages(feed, notes);
    publish_held(feed);
}

static void on_public(const struct sup_pg_reply *reply, void *arg)
{
    struct api_feed *feed = arg;
    on_messages(feed, reply, false);
    feed_unref(feed);
}

static void on_notes(const struct sup_pg_reply *reply, void *arg)
{
    struct api_feed *feed = arg;
    on_messages(feed, reply, true);
    feed_unref(feed);
}

static void read_messages(struct api_feed *feed, bool notes)
{
    bool *reading = notes ? &feed->reading_notes : &feed->reading_messages;
    const char *actor = notes ? NULL : reader(feed, VIEW_CUSTOMER);
    if (!actor)
        actor = reader(feed, VIEW_STAFF);
    if (*reading || !actor || (!notes && feed->checking > 0))
        return;
    int64_t after = notes ? feed->note_seq : feed->seq;
    feed->refs++;
    *reading = true;
    if (sup_chat_store_history(feed->api->opts.pool, actor, feed->chat, notes, after, -1,
                               GAP_READ_MAX, notes ? on_notes : on_public, feed)) {
        *reading = false;
        feed_unref(feed);
    }
}

/* A state was read that counts seq messages: the system's own come without news of theirs. */
static void learn_seq(struct api_feed *feed, int64_t seq)
{
    if (feed->seq < 0) { /* those before it are the business of who opens the chat */
        feed->seq = feed->assumed_seq = seq;
    } else if (seq > feed->seq) {
        if (seq > feed->want_seq)
            feed->want_seq = seq;
        read_messages(feed, false);
    }
}

void api_feed_known(struct sup_api *api, struct sup_id chat, int64_t seq)
{
    struct api_feed *feed = sup_map_get(api->feeds, chat.bytes, sizeof(chat.bytes));
    if (!feed)
        return;
    if (feed->seq < 0) {
        feed->seq = seq;
    } else if (seq < feed->assumed_seq) {
        int64_t missed = feed->seq;
        feed->seq = seq;
        feed->assumed_seq = 0;
        learn_seq(feed, missed);
    }
}

static void read_state(struct api_feed *feed, int view);

static char status_of(const json_t *frame)
{
    const char *status =
        json_string_value(json_object_get(json_object_get(frame, "state"), "status"));
    return status ? status[0] : 0;
}

static void on_state(struct api_feed *feed, int view, const struct sup_pg_reply *reply)
{
    struct view *v = &feed->views[view];
    v->reading = false;
    if (!reply->err && sup_pg_rows(reply->rows) == 0) {
        if (view == VIEW_STAFF) { /* read by one who lost it: another may see it */
            part(feed, v->reader);
            v->again = true;
        }
    } else if (!reply->err) {
        struct sup_id staff = feed->staff;
        learn_people(feed, reply->rows);
        int64_t rev = sup_row_number(reply->rows, 0, "rev");
        if (rev > v->rev)
            v->rev = rev;
        json_t *frame = api_state_frame(reply->rows, feed->chat);
        char status = status_of(frame);
        bool changed = status != feed->status || !sup_id_equal(staff, feed->staff);
        feed->status = status;
        if (changed)
            check_followers(feed);
        learn_seq(feed, sup_row_number(reply->rows, 0, "seq"));
        if (frame)
            publish_state(feed, view, frame);
    }
    if (v->again)
        read_state(feed, view);
}

static void on_customer_state(const struct sup_pg_reply *reply, void *arg)
{
    struct api_feed *feed = arg;
    on_state(feed, VIEW_CUSTOMER, reply);
    feed_unref(feed);
}

static void on_staff_state(const struct sup_pg_reply *reply, void *arg)
{
    struct api_feed *feed = arg;
    on_state(feed, VIEW_STAFF, reply);
    feed_unref(feed);
}

static void read_state(struct api_feed *feed, int view)
{
    struct view *v = &feed->views[view];
    v->again = v->reading;
    const struct sup_actor *actor = reading_actor(feed, view);
    if (v->reading || !actor)
        return;
    feed->refs++;
    v->reading = true;
    v->reader = actor->id;
    if (sup_chat_store_state(feed->api->opts.pool, actor->text, feed->chat,
                             view == VIEW_STAFF ? on_staff_state : on_customer_state, feed)) {
        v->reading = false;
        feed_unref(feed);
    }
}

static void read_masked(struct api_feed *feed, int64_t since_rev);

static void on_masked(const struct sup_pg_reply *reply, void *arg)
{
    struct api_feed *feed = arg;
    feed->reading_masked = false;
    for (int row = 0; !reply->err && row < sup_pg_rows(reply->rows); row++) {
        int64_t rev = sup_row_number(reply->rows, row, "remask_rev");
        bool note = !sup_pg_is_null(reply->rows, row, sup_pg_col(reply->rows, "note_seq"));
        json_t *message = sup_chat_message_json(reply->rows, row, feed->chat);
        if (message)
            publish_message(feed, "message.masked", message, note, rev);
        json_decref(message);
        if (rev > feed->masked_rev)
            feed->masked_rev = rev;
    }
    if (feed->masked_again)
        read_masked(feed, feed->masked_rev);
    feed_unref(feed);
}

static void read_masked(struct api_feed *feed, int64_t since_rev)
{
    const char *actor = reader(feed, VIEW_STAFF);
    if (!actor)
        actor = reader(feed, VIEW_CUSTOMER);
    feed->masked_again = feed->reading_masked;
    if (!actor || feed->reading_masked)
        return;
    /* Kept before the answer is in: a reading that failed is made up for by the next. */
    if (feed->masked_rev < 0)
        feed->masked_rev = since_rev;
    int64_t since = feed->masked_rev;
    feed->refs++;
    feed->reading_masked = true;
    if (sup_chat_store_remasked(feed->api->opts.pool, actor, feed->chat, since, on_masked, feed)) {
        feed->reading_masked = false;
        feed_unref(feed);
    }
}

/* --- news --- */

static void deliver(struct api_feed *feed, const struct sup_chat_news *news, bool notes)
{
    int64_t number = notes ? news->note_seq : news->seq;
    int64_t *last = notes ? &feed->note_seq : &feed->seq;
    int64_t *want = notes ? &feed->want_note_seq : &feed->want_seq;
    if (number <= *last)
        return;
    if (number > *want)
        *want = number;
    bool mine = news->message && (notes || news->note_seq == 0);
    if (mine && (*last < 0 || number == *last + 1)) {
        publish_message(feed, "message.new", news->message, notes, -1);
        *last = number;
        return;
    }
    if (*last < 0)
        *last = number - 1;
    read_messages(feed, notes);
}

/* The oldest state that somebody who listens was told; -1 when nobody listens. */
static int64_t known_rev(struct api_feed *feed)
{
    int64_t rev = -1;
    for (int view = VIEW_CUSTOMER; view <= VIEW_STAFF; view++)
        if (reader(feed, view) && (rev < 0 || feed->views[view].rev < rev))
            rev = feed->views[view].rev;
    return rev;
}

struct following {
    struct sup_id chat;
    bool any; /* somebody follows since now */
};

/* Chats that a user should hear of without having asked: a new assignment, another device's. Not
 * those that this connection has left. */
static void follow_if_new(struct sup_ws_client *client, void *arg)
{
    struct api_session *session = sup_ws_data(client);
    struct following *f = arg;
    if (!session || !session->ready || api_feed_follows(session, f->chat) ||
        sup_map_get(session->left, f->chat.bytes, sizeof(f->chat.bytes)))
        return;
    if (api_feed_follow(session, f->chat) == SUP_OK)
        f->any = true;
}

static void on_news(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_chat_news);
    struct sup_chat_news *news = data;
    if (news->queued) {
        sup_queue_kick(api->opts.queue);
        api_queue_changed(api);
    }
    struct following following = {.chat = news->chat};
    if (!sup_id_is_zero(news->staff))
        sup_hub_each(api->hub, api_topic('u', news->staff).s, follow_if_new, &following);
    if (!sup_id_is_zero(news->customer))
        sup_hub_each(api->hub, api_topic('u', news->customer).s, follow_if_new, &following);
    struct api_feed *feed = sup_map_get(api->feeds, news->chat.bytes, sizeof(news->chat.bytes));
    if (!feed)
        return;
    learn_customer(feed, news->customer);
    if (news->seq > 0)
        deliver(feed, news, false);
    if (news->note_seq > 0)
        deliver(feed, news, true);
    int64_t known = known_rev(feed);
    if (news->remasked)
        read_masked(feed, known > 0 && known < news->rev     ? known
                          : news->rev > SUP_CHAT_EARLIER_MAX ? news->rev - SUP_CHAT_EARLIER_MAX
                                                             : 0);
    for (int view = VIEW_CUSTOMER; view <= VIEW_STAFF; view++)
        if (news->rev > feed->views[view].rev || following.any)
            read_state(feed, view);
}

void api_feeds_check(struct sup_api *api)
{
    struct sup_chat_counters known[256];
    size_t count = 0, pos = 0;
    struct api_feed *feed;
    while ((feed = sup_map_next(api->feeds, &pos, NULL, NULL))) {
        int64_t rev = known_rev(feed);
        if (feed->seq < 0 && rev < 0)
            continue; /* nothing was delivered that could be behind */
        known[count++] = (struct sup_chat_counters){feed->chat, feed->seq < 0 ? 0 : feed->seq,
                                                    feed->note_seq < 0 ? 0 : feed->note_seq,
                                                    rev < 0 ? INT64_MAX : rev};
        if (count == sizeof(known) / sizeof(known[0])) {
            sup_chat_check(api->opts.chat, known, count);
            count = 0;
        }
    }
    sup_chat_check(api->opts.chat, known, count);
}

static void on_gap(struct sup_listener *listener, void *data)
{
    (void)data;
    api_feeds_check(SUP_CONTAINER_OF(listener, struct sup_api, on_bus_gap));
}

/* --- following --- */

bool api_feed_follows(const struct api_session *session, struct sup_id chat)
{
    return sup_map_get(session->feeds, chat.bytes, sizeof(chat.bytes)) != NULL;
}

static struct api_feed *feed_of(struct sup_api *api, struct sup_id chat)
{
    struct api_feed *feed = sup_map_get(api->feeds, chat.bytes, sizeof(chat.bytes));
    if (feed)
        return feed;
    feed = sup_calloc(1, sizeof(*feed));
    if (!feed)
        return NULL;
    *feed =
        (struct api_feed){.api = api, .chat = chat, .seq = -1, .note_seq = -1, .masked_rev = -1};
    if (sup_map_set(api->feeds, chat.bytes, sizeof(chat.bytes), feed)) {
        sup_free(feed);
        return NULL;
    }
    return feed;
}

sup_err api_feed_follow(struct api_session *session, struct sup_id chat)
{
    struct sup_api *api = session->api;
    (void)sup_map_remove(session->left, chat.bytes, sizeof(chat.bytes));
    if (api_feed_follows(session, chat))
        return SUP_OK;
    if (sup_map_count(session->feeds) >= API_SESSION_CHATS_MAX)
        return SUP_E_LIMIT;
    struct api_feed *feed = feed_of(api, chat);
    if (!feed)
        return SUP_E_NOMEM;
    feed->refs++;
    char view = sup_actor_is_staff(&session->actor) ? 's' : 'c';
    sup_err err = sup_map_set(session->feeds, chat.bytes, sizeof(chat.bytes), feed);
    if (!err)
        err = sup_hub_subscribe(api->hub, session->client, api_topic('p', chat).s);
    if (!err)
        err = sup_hub_subscribe(api->hub, session->client, api_topic(view, chat).s);
    if (err)
        api_feed_leave(session, chat);
    return err;
}

void api_feed_leave(struct api_session *session, struct sup_id chat)
{
    struct sup_api *api = session->api;
    struct api_feed *feed = sup_map_remove(session->feeds, chat.bytes, sizeof(chat.bytes));
    static const char kinds[] = "pcs";
    for (const char *k = kinds; *k; k++)
        sup_hub_unsubscribe(api->hub, session->client, api_topic(*k, chat).s);
    if (feed)
        feed_unref(feed);
}

sup_err api_feed_leave_for_good(struct api_session *session, struct sup_id chat)
{
    if (sup_map_count(session->left) >= API_SESSION_CHATS_MAX)
        return SUP_E_LIMIT;
    api_feed_leave(session, chat);
    return sup_map_set(session->left, chat.bytes, sizeof(chat.bytes), session);
}

void api_feed_leave_all(struct api_session *session)
{
    size_t pos = 0;
    struct api_feed *feed;
    /* Leaving changes the map, so the walk begins anew each time. */
    while ((feed = sup_map_next(session->feeds, &pos, NULL, NULL))) {
        api_feed_leave(session, feed->chat);
        pos = 0;
    }
}

void api_feeds_tell(struct api_session *session)
{
    size_t pos = 0;
    struct api_feed *feed;
    int view = sup_actor_is_staff(&session->actor) ? VIEW_STAFF : VIEW_CUSTOMER;
    while ((feed = sup_map_next(session->feeds, &pos, NULL, NULL)))
        read_state(feed, view);
}

void api_feed_tell_presence(struct sup_api *api, struct sup_id chat)
{
    struct api_feed *feed = sup_map_get(api->feeds, chat.bytes, sizeof(chat.bytes));
    if (feed && !sup_id_is_zero(feed->customer))
        api_presence_read(api, chat, feed->customer, feed->staff);
}

/* A customer has one open chat, found by the index; an agent has few among all. Zero: anybody may
 * have gone, with a process. */
void api_feeds_presence(struct sup_api *api, struct sup_id person, bool staff)
{
    struct api_feed *feed = sup_map_get(api->by_customer, person.bytes, sizeof(person.bytes));
    if (feed)
        api_presence_read(api, feed->chat, feed->customer, feed->staff);
    if (feed || !staff)
        return;
    size_t pos = 0;
    while ((feed = sup_map_next(api->feeds, &pos, NULL, NULL)))
        if (!sup_id_is_zero(feed->customer) &&
            (sup_id_is_zero(person) || sup_id_equal(feed->staff, person)))
            api_presence_read(api, feed->chat, feed->customer, feed->staff);
}

sup_err api_feeds_create(struct sup_api *api)
{
    sup_err err = sup_map_create(&api->feeds);
    if (!err)
        err = sup_map_create(&api->by_customer);
    if (err)
        return err;
    api->on_chat_news.notify = on_news;
    api->on_bus_gap.notify = on_gap;
    sup_signal_add(sup_chat_news_signal(api->opts.chat), &api->on_chat_news);
    sup_signal_add(sup_bus_gaps(api->opts.bus), &api->on_bus_gap);
    return SUP_OK;
}

void api_feeds_destroy(struct sup_api *api)
{
    sup_listener_remove(&api->on_chat_news);
    sup_listener_remove(&api->on_bus_gap);
    sup_map_destroy(api->feeds);
    sup_map_destroy(api->by_customer);
}
