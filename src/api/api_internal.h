/* Private to the api folder: the context, operations, WebSocket sessions, feeds. */
#ifndef SUPPORTD_API_INTERNAL_H
#define SUPPORTD_API_INTERNAL_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "supportd/api/api.h"
#include "supportd/auth/actor.h"
#include "supportd/base/json.h"
#include "supportd/base/list.h"
#include "supportd/base/map.h"
#include "supportd/net/http.h"
#include "supportd/net/hub.h"
#include "supportd/net/rate.h"
#include "supportd/net/ws.h"

#define API_SESSION_COOKIE "supportd_session"

enum { API_FRAME_ID_MAX = 64, API_SESSION_CHATS_MAX = 200 };

/* --- errors: one table, api_error.c --- */

/* Code of a refusal: its HTTP status and title. Static; unknown codes give internal_error. */
struct api_error {
    const char *code;
    unsigned status;
    const char *title;
};
const struct api_error *api_error_find(const char *code);

/* --- operations: one request or frame under way --- */

/* Ended by exactly one of the api_op_* answers below, which free it. */
struct api_op {
    struct sup_api *api;
    struct sup_http_request *req;        /* or NULL */
    struct api_session *session;         /* or NULL; holds a reference */
    char frame_id[API_FRAME_ID_MAX + 1]; /* of the frame; "" when it had none */
    struct sup_actor actor;
    bool by_cookie;                    /* the browser added the credential by itself */
    json_t *body;                      /* request body or frame; NULL without; owned */
    char request[SUP_ID_TEXT_LEN + 1]; /* id for logs and audit rows */
    /* Free for the handler: small state between its steps. */
    struct sup_id chat, object;
    int64_t number[4];
    json_t *parts[4]; /* owned */
    unsigned waiting; /* parallel reads not answered yet */
    bool failed;      /* one of them has ended the operation's answer already */
};

typedef void (*api_op_cb)(struct api_op *op);

/* value is taken. status is ignored for a frame, whose answer is value with "type" and "id". */
void api_op_reply(struct api_op *op, unsigned status, const char *type, json_t *value);
/* No body (204, or nothing for a frame without answer). */
void api_op_done(struct api_op *op);
/* code: of the table; detail, field may be NULL. */
void api_op_fail(struct api_op *op, const char *code, const char *detail, const char *field);
/* Answers for the error of a call or of a database reply. */
void api_op_fail_err(struct api_op *op, sup_err err);
void api_op_fail_db(struct api_op *op, const struct sup_pg_reply *reply);
/* Answers with what sup_json_read() found. */
void api_op_fail_field(struct api_op *op, const struct sup_json_problem *problem);
/* Reads op->body by fields, refusing unknown ones ("type" and "id" are allowed in frames); false:
 * the operation has been failed. */
bool api_op_read(struct api_op *op, const struct sup_json_field *fields, size_t count,
                 void *target);
/* Idempotency-Key, if sent, must be the key of the body; false: failed. */
bool api_op_key_matches(struct api_op *op, struct sup_id key);
/* A path parameter as an id; false: failed with not_found. */
bool api_op_path_id(struct api_op *op, const char *name, struct sup_id *ret_id);
/* An integer of the query within [min, max]; absent: fallback. False: failed. */
bool api_op_query_int(struct api_op *op, const char *name, int64_t fallback, int64_t min,
                      int64_t max, int64_t *ret_value);
void api_op_free(struct api_op *op);
/* Whether the site that the request comes from has chats or calls; false: failed. */
bool api_op_feature(struct api_op *op, bool call);
/* Takes one of the actor's tokens; false: failed. */
bool api_op_rate(struct api_op *op, struct sup_rate *rate);

/* --- REST: rest.c --- */

/* One row: who may call it and what runs then. Operations that the permission table grants to
 * nobody in particular (SUP_ROLE_ANONYMOUS) run without an identity. */
struct api_route {
    enum sup_op op;
    api_op_cb handler;
};
/* Route handler of every row; route data is a struct api_route. */
void api_rest_entry(struct sup_http_request *req, void *arg);
/* Hooks of struct sup_net_hooks; arg is the struct sup_api. */
bool api_rest_gate(struct sup_http_request *req, void *arg);
bool api_ws_gate(const char *ip, const char *origin, void *arg);
/* The site of an origin as sent, or NULL. */
const struct sup_api_site *api_site(const struct sup_api *api, const char *origin);
bool api_origin_allowed(const struct sup_api *api, const struct sup_http_request *req,
                        const char *origin);

/* --- identity: identity.c --- */

struct api_credential {
    const char *token; /* JWT, or NULL */
    size_t token_len;
    const char *cookie; /* staff session token, or NULL */
    size_t cookie_len;
};
/* code NULL: *actor is who it is. Else a code of the table. */
typedef void (*api_identity_cb)(const char *code, const struct sup_actor *actor, void *arg);
/* Finds the actor behind a credential: verifies the JWT, looks up or makes the customer, or finds
 * the staff member. cb runs exactly once, perhaps before the call returns. */
void api_identify(struct sup_api *api, const struct api_credential *credential, api_identity_cb cb,
                  void *arg);
/* One-time tickets for hello: a new one for actor, text borrowed until the next call. */
sup_err api_ticket_new(struct sup_api *api, const struct sup_actor *actor, char *ret_ticket,
                       size_t cap, int64_t *ret_expires_us);
/* Takes it; SUP_E_NOTFOUND when unknown, used or expired. */
sup_err api_ticket_take(struct sup_api *api, const char *ticket, struct sup_actor *ret_actor);

void api_tickets_expire(struct sup_api *api);
/* What names the login whose cookie came with the request; false: it has none. */
bool api_login_ref(const struct api_op *op, struct sup_id *ret_ref);
/* A login or an account: from now on its tickets are not taken, those being made at this moment
 * included. Errors: SUP_E_NOMEM, SUP_E_LIMIT. */
sup_err api_ended(struct sup_api *api, struct sup_id who);
/* Those that a person has not used yet. */
void api_tickets_drop(struct sup_api *api, struct sup_id person);
/* Every identity is looked up anew (a role has changed). */
void api_forget_known(struct sup_api *api);
sup_err api_identity_create(struct sup_api *api);
void api_identity_destroy(struct sup_api *api);

/* --- WebSocket sessions: session.c --- */

struct api_session {
    struct sup_api *api;
    struct sup_link link;         /* sup_api::sessions */
    struct sup_ws_client *client; /* held */
    unsigned refs;
    bool ready;    /* hello was accepted */
    bool greeting; /* a hello is being looked into */
    bool closed;
    bool leased;    /* its lease was asked for */
    bool unchecked; /* whether the person and the login still are could not be told */
    struct sup_actor actor;
    struct sup_id login; /* with which it ends; zero: none */
    uint8_t login_hash[SUP_SHA256_LEN];
    struct sup_map *feeds;    /* chat id -> struct api_feed, of the chats it follows */
    struct sup_map *left;     /* chats that it does not want to hear of any more */
    struct sup_timer *timer;  /* hello deadline, then silence */
    struct sup_timer *expiry; /* of the credential */
    struct sup_timer *ice;    /* until the next credentials for TURN */
    int64_t connection;       /* number of its lease */
    uint64_t live_number;     /* pictures of live calls before this one are old */
};

void api_session_ref(struct api_session *session);
void api_session_unref(struct api_session *session);
/* value is taken. */
void api_session_send(struct api_session *session, json_t *value);
/* Sends value (taken) to every session of a user of this process. */
void api_send_user(struct sup_api *api, struct sup_id user, json_t *value);
/* Sends value (taken) to every subscriber of a topic. */
void api_send_topic(struct sup_api *api, const char *topic, json_t *value);

struct api_frame {
    const char *type;
    enum sup_op op;
    api_op_cb handler;
};
/* The table of ws_frames.c; NULL for an unknown type. */
const struct api_frame *api_frame_find(const char *type);

/* Permission of the actor for an operation of the table. */
bool api_allowed(const struct sup_actor *actor, enum sup_op op);
/* Writes the audit row of a refused attempt. */
void api_denied(const struct api_op *op, enum sup_op what);
/* Runs one frame; body is taken. */
void api_frame_run(struct api_session *session, json_t *body);
/* Hooks of struct sup_ws_hooks; arg is the struct sup_api. */
void api_session_open(struct sup_ws_client *client, void *arg);
void api_session_text(struct sup_ws_client *client, char *text, size_t len, void *arg);
void api_session_rate(struct sup_ws_client *client, void *arg);
void api_session_close(struct sup_ws_client *client, unsigned code, void *arg);
void api_sessions_bye(struct sup_api *api);
/* What follows a welcome: the lease, the open chats, offers and the queue's picture. */
void api_session_welcomed(struct api_session *session);
void api_lease_remove(const struct api_session *session);
/* Tells who follows the chat, here and in other processes, but for the typist. */
void api_typing_tell(struct sup_api *api, struct sup_id chat, const struct sup_actor *actor,
                     bool active);

/* --- news of the queue, offers and presence: news.c --- */

sup_err api_news_create(struct sup_api *api);
void api_news_destroy(struct sup_api *api);
/* The queue's picture has changed, here or anywhere: staff and waiting customers hear soon. */
void api_queue_changed(struct sup_api *api);
/* The same for the clients of this process alone: somebody has just begun to look. */
void api_picture_soon(struct sup_api *api);
void api_offer_made(struct sup_api *api, struct sup_id staff);
/* outcome: accepted, declined, missed, withdrawn. Zero ids: nothing is told. */
void api_offer_gone(struct sup_api *api, struct sup_id staff, struct sup_id offer,
                    const char *outcome);
/* A login has ended: every process closes its sockets and takes no ticket of it any more. */
void api_login_gone(struct sup_api *api, struct sup_id login);
enum { API_CLOSE_DEACTIVATED = 4403, API_CLOSE_LOGGED_OUT = 4404 };

/* --- missed.c: what the news of a change would have done, had they come. Until the database has
 * said so, it is asked again each second. --- */

sup_err api_missed_create(struct sup_api *api);
void api_missed_destroy(struct sup_api *api);

/* Asks the table whether the session's login, if it has one, still is; else closes the socket. */
void api_login_check(struct api_session *session);
/* Of a member of staff: whether active, and in the same role; then the login. Else it is told to
 * all processes again. */
void api_person_check(struct api_session *session);
/* A person is connected, or not any more: told where chats of theirs are followed. */
void api_presence_changed(struct sup_api *api, struct sup_id person, bool staff);
/* Reads who of both is connected and tells the chat. staff may be zero. */
void api_presence_read(struct sup_api *api, struct sup_id chat, struct sup_id customer,
                       struct sup_id staff);
void api_send_picture(struct api_session *session);
/* JSON of a row of offers_mine or queue_list. */
json_t *api_offer_json(struct sup_pg_result *rows, int row);
json_t *api_entry_json(struct sup_pg_result *rows, int row);
/* Tells a member of staff of the own presence (me.presence). */
void api_me_changed(struct sup_api *api, struct sup_id staff);
/* The same, to the connections of this process. */
void api_me_tell(struct sup_api *api, struct sup_id staff);
/* Tells both sides of a call of its state; ids may be zero. */
void api_call_changed(struct sup_api *api, struct sup_id call, struct sup_id customer,
                      struct sup_id staff);

/* --- live.c --- */

sup_err api_live_create(struct sup_api *api);
void api_live_destroy(struct sup_api *api);
/* Some call has changed: who looks at the live calls gets them anew, soon. */
void api_live_soon(struct sup_api *api);
/* Rows of calls_live; NULL without memory. */
json_t *api_live_items(struct sup_pg_result *rows);

/* Answers and drops what is on the work queue. */
void api_hashing_cancel(struct sup_api *api);
/* Goes on with POST /staff once op->parts[0] holds the password's hash. */
void api_staff_store_new(struct api_op *op);

/* --- calls: call_rest.c, ws_call.c --- */

/* RTCIceServer objects for a browser, with credentials of its own for TURN; NULL without memory. */
json_t *api_ice_servers(const struct sup_api *api, const struct sup_actor *actor);
/* From the welcome on: sends new ones after half of their life, where there are credentials. */
void api_ice_watch(struct api_session *session);
void api_ice_renew(void *arg); /* the session, by its timer */
/* Tells actor the state of the own calls whose media is here: after an absence. */
void api_calls_tell(struct sup_api *api, const struct sup_actor *actor);
/* Tells a staff member the state of a call. */
void api_call_tell(struct sup_api *api, struct sup_id call, struct sup_id staff);
/* The part of a staff member in a call of others has changed: tells that one, everywhere. */
void api_party_changed(struct sup_api *api, struct sup_id call, struct sup_id user);
sup_err api_parties_create(struct sup_api *api);
void api_parties_destroy(struct sup_api *api);
sup_err api_calls_create(struct sup_api *api);
void api_calls_destroy(struct sup_api *api);
void api_call_start(struct api_op *op);
void api_call_list(struct api_op *op);
void api_call_get(struct api_op *op);
void api_call_quality(struct api_op *op);
void api_call_end(struct api_op *op);
/* call_party.c */
void api_consult_post(struct api_op *op);
void api_consult_accept(struct api_op *op);
void api_consult_talk(struct api_op *op);
void api_consult_complete(struct api_op *op);
void api_consult_delete(struct api_op *op);
void api_supervise_post(struct api_op *op);
void api_supervise_delete(struct api_op *op);
void api_party_list(struct api_op *op);
/* --- recordings: recording_rest.c --- */
sup_err api_recordings_create(struct sup_api *api);
void api_recordings_destroy(struct sup_api *api);
/* Recordings whose process is gone become broken. */
void api_recordings_end_dead(struct sup_api *api);
/* Answers and drops what is read on the work queue. */
void api_playing_cancel(struct sup_api *api);
void api_recording_set(struct api_op *op);
void api_recording_list(struct api_op *op);
void api_recording_get(struct api_op *op);
void api_recording_track(struct api_op *op);
void api_recording_waveform(struct api_op *op);

/* Ends an operation by the call op->object as its actor sees it. */
void api_call_answer_state(struct api_op *op);
/* An agent has taken work of the router (row of offer_accept, queue_pick or offer_auto_answer):
 * the legs are joined, or the customer of a callback is called, and everybody hears of it. */
void api_work_taken(struct sup_api *api, struct sup_id staff, struct sup_pg_result *rows);
/* The leg of staff, at whom the call rings, is there: taken at once if that is wished. */
void api_call_answerable(struct sup_api *api, struct sup_id call, struct sup_id staff);
/* Calls whose process is gone end, or keep their place. */
void api_calls_end_dead(struct sup_api *api);
/* A customer has come: a callback that rings is told. */
void api_call_welcomed(struct sup_api *api, struct sup_id customer);
void api_call_hold(struct api_op *op);
void api_call_resume(struct api_op *op);
void api_call_transfer(struct api_op *op);
void api_transfer_targets(struct api_op *op);
void api_call_callback(struct api_op *op);
void api_call_ring(struct api_op *op);
void api_call_answer(struct api_op *op);
void api_call_decline(struct api_op *op);
void api_call_rating(struct api_op *op);
void api_call_missed(struct api_op *op);
void api_call_live(struct api_op *op);
void api_auto_answer_put(struct api_op *op);
void api_wrap_up_post(struct api_op *op);
void api_wrap_up_delete(struct api_op *op);
void api_ws_call_offer(struct api_op *op);
void api_ws_call_candidate(struct api_op *op);
void api_ws_call_mute(struct api_op *op);
void api_ws_call_stats(struct api_op *op);
/* A second of a call has passed: call.quality to its staff, call.advice to its customer. */
void api_call_picture(struct sup_api *api, const struct sup_call_event *event);
/* The text of both frames, appended. Errors: SUP_E_NOMEM, SUP_E_LIMIT. */
sup_err api_quality_text(const struct sup_call_event *event, int64_t at_us, struct sup_buf *out);
sup_err api_advice_text(const struct sup_call_event *event, int64_t at_us, struct sup_buf *out);
/* What to do about a verdict: a code of docs/protocol.md; static. */
const char *api_advice_of(enum sup_verdict verdict);

/* --- chats: chat_rest.c --- */

/* Ends an operation by the state of op->chat as its actor sees it. */
void api_chat_answer_state(struct api_op *op);
/* Answers an empty list of op->chat, or 404 when its actor does not see the chat. */
void api_chat_empty_list(struct api_op *op);
/* True when the row's result is ok, same or repeat; else the operation has been failed. */
bool api_chat_result_ok(struct api_op *op, const struct sup_pg_reply *reply);
/* News of a changed chat from a row with rev, customer_id and staff_id. */
void api_chat_announce_row(struct sup_api *api, struct sup_id chat, struct sup_pg_result *rows);

/* --- feeds: delivery of one chat to its subscribers, feed.c --- */

struct api_feed;
sup_err api_feeds_create(struct sup_api *api);
void api_feeds_destroy(struct sup_api *api);
/* Subscribes the session to the chat (twice is once). Errors: SUP_E_LIMIT, SUP_E_NOMEM. */
sup_err api_feed_follow(struct api_session *session, struct sup_id chat);
void api_feed_leave(struct api_session *session, struct sup_id chat);
/* Leaves, and is not subscribed again by news of the chat, only by opening it. Errors: SUP_E_LIMIT,
 * SUP_E_NOMEM. */
sup_err api_feed_leave_for_good(struct api_session *session, struct sup_id chat);
void api_feed_leave_all(struct api_session *session);
bool api_feed_follows(const struct api_session *session, struct sup_id chat);
/* Presence is told again in the chats where this person is customer or agent (staff: may be one);
 * zero: in all. */
void api_feeds_presence(struct sup_api *api, struct sup_id person, bool staff);
/* Reads the counters of all chats that are followed and delivers what has moved: after changes that
 * name no chat. */
void api_feeds_check(struct sup_api *api);
/* Tells who follows the chat which sides are connected. */
void api_feed_tell_presence(struct sup_api *api, struct sup_id chat);
/* Somebody who follows the chat is about to read its messages; the state read before counts seq. */
void api_feed_known(struct sup_api *api, struct sup_id chat, int64_t seq);
/* Sends the session the state of each chat that it follows. */
void api_feeds_tell(struct api_session *session);
/* {"type":"chat.state",...} of a row of chat_state; NULL without memory. */
json_t *api_state_frame(struct sup_pg_result *rows, struct sup_id chat);
/* {"chat": state, "state_hash": ...}; NULL without memory. */
json_t *api_state_body(struct sup_pg_result *rows);
/* Topics of a chat: 'p' messages, 'c' customer's view, 's' staff's view; of a user: 'u'; of a
 * login: 'l'. */
struct api_topic {
    char s[SUP_ID_TEXT_LEN + 3];
};
struct api_topic api_topic(char kind, struct sup_id id);

/* --- handlers, by file --- */
void api_chat_start(struct api_op *op);
void api_chat_list(struct api_op *op);
void api_chat_get(struct api_op *op);
void api_chat_messages(struct api_op *op);
void api_chat_notes(struct api_op *op);
void api_chat_post_message(struct api_op *op);
void api_chat_post_note(struct api_op *op);
void api_chat_receipts(struct api_op *op);
void api_chat_tag_put(struct api_op *op);
void api_chat_tag_delete(struct api_op *op);
void api_chat_close(struct api_op *op);
void api_chat_requeue(struct api_op *op);
void api_customer_get(struct api_op *op);
void api_customer_chats(struct api_op *op);
void api_password_put(struct api_op *op);
void api_chat_routing(struct api_op *op);
void api_me_get(struct api_op *op);
void api_presence_put(struct api_op *op);
void api_staff_list(struct api_op *op);
void api_staff_post(struct api_op *op);
void api_staff_role(struct api_op *op);
void api_staff_delete(struct api_op *op);
void api_activity_list(struct api_op *op);
void api_settings_list(struct api_op *op);
void api_setting_put(struct api_op *op);
void api_session_post(struct api_op *op);
void api_session_get(struct api_op *op);
void api_session_delete(struct api_op *op);
void api_ticket_post(struct api_op *op);
void api_widget_config(struct api_op *op);
void api_healthz(struct api_op *op);
void api_readyz(struct api_op *op);
void api_metrics(struct api_op *op);
void api_demo_login(struct api_op *op);
void api_queue_list(struct api_op *op);
void api_queue_pick(struct api_op *op);
void api_offer_list(struct api_op *op);
void api_offer_accept(struct api_op *op);
void api_offer_decline(struct api_op *op);

void api_ws_chat_open(struct api_op *op);
void api_ws_chat_leave(struct api_op *op);
void api_ws_chat_typing(struct api_op *op);
void api_ws_live_open(struct api_op *op);
void api_ws_live_leave(struct api_op *op);
void api_ws_hello(struct api_op *op);
void api_ws_ping(struct api_op *op);
void api_ws_renew(struct api_op *op);

enum { API_OPENINGS = 256 };
/* Who has opened which recording lately. */
struct api_opening {
    struct sup_id person, recording;
    uint64_t at_us;
};

struct sup_api {
    struct sup_api_opts opts;
    struct sup_hub *hub;
    struct sup_link sessions;
    struct sup_link hashing; /* passwords on the work queue */
    struct sup_link telling; /* states of calls being read for somebody */
    struct sup_link playing; /* tracks of recordings on the work queue */
    struct api_opening openings[API_OPENINGS];
    size_t opening_next;
    struct sup_listener on_card_news, on_card_bus, on_recording_gap;
    struct sup_map *feeds;       /* chat id -> struct api_feed */
    struct sup_map *by_customer; /* customer id -> struct api_feed */
    struct sup_listener on_chat_news;
    struct sup_listener on_bus_gap;
    struct sup_listener on_queue, on_queue_bus, on_offer, on_presence, on_typing, on_me, on_timeout;
    struct sup_listener on_person, on_login;
    struct sup_listener on_registered, on_pool, on_news_gap;
    struct sup_listener on_call, on_call_bus, on_call_gap, on_party_bus;
    struct sup_timer *picture_timer;
    struct sup_timer *live_timer, *missed_timer;
    bool live_again;             /* it runs for a picture that could not be read */
    uint64_t live_number;        /* of the last picture of live calls that was begun */
    struct sup_buf quality_text; /* of the frames of each second, kept between them */
    struct sup_map *known;       /* token digest -> struct api_known */
    struct sup_map *tickets;     /* ticket digest -> struct api_ticket */
    struct sup_map
        *ended; /* login or staff id -> struct api_ended, as long as a ticket of it may live */
    struct sup_rate *user_rate, *address_rate, *login_rate, *say_rate, *call_rate;
    int64_t next_connection;
    bool draining;
    struct sup_metric *blocks_metric, *jobs_metric;
};
#endif
