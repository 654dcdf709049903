#include <string.h>

#include "api_internal.h"
#include "supportd/pg/row_json.h"

enum { LIST_MAX = 200, LIST_DEFAULT = 50 };

/* --- answers shared by several routes --- */

/* Of an operation that only asks whether the chat is there: the answer if it is. */
enum { PART_ANSWER };

static void on_state_answer(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err)
        api_op_fail_db(op, reply);
    else if (sup_pg_rows(reply->rows) != 1)
        api_op_fail(op, "chat_not_found", NULL, NULL);
    else if (op->parts[PART_ANSWER])
        api_op_reply(op, 200, NULL, json_incref(op->parts[PART_ANSWER]));
    else
        api_op_reply(op, 200, "chat.state", api_state_body(reply->rows));
}

/* Ends an operation by the chat's state as its actor sees it. */
void api_chat_answer_state(struct api_op *op)
{
    sup_err err =
        sup_chat_store_state(op->api->opts.pool, op->actor.text, op->chat, on_state_answer, op);
    if (err)
        api_op_fail_err(op, err);
}

/* True when a row of results says so; else the operation has been failed. */
bool api_chat_result_ok(struct api_op *op, const struct sup_pg_reply *reply)
{
    if (reply->err) {
        api_op_fail_db(op, reply);
        return false;
    }
    const char *result = sup_pg_rows(reply->rows) == 1 ? sup_row_str(reply->rows, 0, "result") : "";
    if (strcmp(result, "ok") == 0 || strcmp(result, "same") == 0 || strcmp(result, "repeat") == 0)
        return true;
    if (strcmp(result, "closed") == 0)
        api_op_fail(op, "chat_closed", NULL, NULL);
    else if (strcmp(result, "not_assigned") == 0 || strcmp(result, "call_live") == 0)
        api_op_fail(op, result, NULL, NULL);
    else
        api_op_fail(op, "chat_not_found", NULL, NULL);
    return false;
}

/* News of a changed chat from a row with rev, customer_id, staff_id. */
void api_chat_announce_row(struct sup_api *api, struct sup_id chat, struct sup_pg_result *rows)
{
    struct sup_chat_news news = {
        .chat = chat,
        .customer = sup_row_id(rows, 0, "customer_id"),
        .staff = sup_row_id(rows, 0, "staff_id"),
        .rev = sup_row_number(rows, 0, "rev"),
    };
    sup_chat_announce(api->opts.chat, &news);
}

/* --- reading --- */

static void on_list(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *items = json_array();
    int rows = sup_pg_rows(reply->rows);
    for (int row = 0; row < rows; row++)
        json_array_append_new(items, sup_chat_item_json(reply->rows, row));
    json_t *next =
        rows == op->number[0] ? sup_row_text(reply->rows, rows - 1, "chat_id") : json_null();
    api_op_reply(op, 200, NULL, json_pack("{s:o, s:o}", "items", items, "next", next));
}

void api_chat_list(struct api_op *op)
{
    const char *status = sup_http_query(op->req, "status");
    const char *cursor = sup_http_query(op->req, "cursor");
    struct sup_id before = {{0}};
    int open = !status                         ? -1
               : strcmp(status, "open") == 0   ? 1
               : strcmp(status, "closed") == 0 ? 0
                                               : 2;
    if (open == 2) {
        api_op_fail(op, "out_of_range", "status: open or closed", "status");
        return;
    }
    if (cursor && sup_id_parse(cursor, strlen(cursor), &before)) {
        api_op_fail(op, "not_an_id", "cursor: as given in next", "cursor");
        return;
    }
    if (!api_op_query_int(op, "limit", LIST_DEFAULT, 1, LIST_MAX, &op->number[0]))
        return;
    sup_err err = sup_chat_store_mine(op->api->opts.pool, op->actor.text, open, before,
                                      (int)op->number[0], on_list, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_opened(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (api_chat_result_ok(op, reply))
        api_chat_answer_state(op);
}

void api_chat_get(struct api_op *op)
{
    if (!api_op_path_id(op, "chat_id", &op->chat))
        return;
    if (!sup_actor_is_staff(&op->actor)) {
        api_chat_answer_state(op);
        return;
    }
    /* A member of staff who opens a chat leaves a row in the audit log. */
    sup_err err = sup_chat_store_read_open(op->api->opts.pool, op->actor.text, op->chat,
                                           op->request, on_opened, op);
    if (err)
        api_op_fail_err(op, err);
}

/* A list that is empty may be that of a chat which this actor may not see: the same 404 as for the
 * chat itself. */
void api_chat_empty_list(struct api_op *op)
{
    op->parts[PART_ANSWER] = json_pack("{s:[], s:n}", "items", "next");
    api_chat_answer_state(op);
}

static void on_history(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    int rows = sup_pg_rows(reply->rows);
    if (rows == 0) {
        api_chat_empty_list(op);
        return;
    }
    json_t *next = json_null();
    if (rows == op->number[0]) {
        bool back = op->number[1] < 0;
        const char *column = op->number[3] ? "note_seq" : "seq";
        next = json_sprintf("%lld",
                            (long long)sup_row_number(reply->rows, back ? 0 : rows - 1, column));
    }
    api_op_reply(op, 200, NULL,
                 json_pack("{s:o, s:o}", "items", sup_chat_messages_json(reply->rows, op->chat),
                           "next", next));
}

static void read_history(struct api_op *op)
{
    sup_err err =
        sup_chat_store_history(op->api->opts.pool, op->actor.text, op->chat, op->number[3] != 0,
                               op->number[1], op->number[2], (int)op->number[0], on_history, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_history_opened(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (api_chat_result_ok(op, reply))
        read_history(op);
}

static void history(struct api_op *op, bool notes)
{
    const char *after = notes ? "after_note_seq" : "after_seq";
    if (!api_op_path_id(op, "chat_id", &op->chat) ||
        !api_op_query_int(op, "limit", LIST_DEFAULT, 1, LIST_MAX, &op->number[0]) ||
        !api_op_query_int(op, after, -1, 0, INT64_MAX, &op->number[1]) ||
        !api_op_query_int(op, "before_seq", -1, 0, INT64_MAX, &op->number[2]))
        return;
    op->number[3] = notes;
    if (op->number[1] >= 0 && op->number[2] >= 0) {
        api_op_fail(op, "out_of_range", "one of after and before", "before_seq");
        return;
    }
    if (notes && op->number[1] < 0)
        op->number[1] = 0;
    if (!sup_actor_is_staff(&op->actor)) {
        read_history(op);
        return;
    }
    /* Each page that staff read leaves a row in the audit log. */
    sup_err err = sup_chat_store_read_open(op->api->opts.pool, op->actor.text, op->chat,
                                           op->request, on_history_opened, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_chat_messages(struct api_op *op)
{
    history(op, false);
}

void api_chat_notes(struct api_op *op)
{
    history(op, true);
}

/* --- saying --- */

static void on_said(const struct sup_chat_said *said, void *arg)
{
    struct api_op *op = arg;
    if (said->err == SUP_E_DB && said->code[0]) {
        api_op_fail(op, said->code, NULL, NULL);
    } else if (said->err) {
        api_op_fail_err(op, said->err);
    } else if (strcmp(said->result, "ok") != 0) {
        api_op_fail(op, strcmp(said->result, "closed") == 0 ? "chat_closed" : "not_assigned", NULL,
                    NULL);
    } else if (op->session) {
        api_op_reply(op, 0, "message.ack",
                     json_pack("{s:s, s:O, s:b, s:O}", "chat_id", sup_id_text(op->chat).s,
                               "client_id", json_object_get(said->message, "client_id"), "repeated",
                               said->repeated, "message", said->message));
    } else {
        api_op_reply(op, said->repeated ? 200 : 201, NULL,
                     json_pack("{s:O, s:b}", "message", said->message, "repeated", said->repeated));
    }
}

struct say_fields {
    struct sup_id chat_id, client_id;
    const char *body;
};

static const struct sup_json_field say_frame[] = {
    {"client_id", SUP_JSON_ID, true, offsetof(struct say_fields, client_id), 0, 0},
    {"body", SUP_JSON_STRING, true, offsetof(struct say_fields, body), 1, 0 /* as configured */},
    {"chat_id", SUP_JSON_ID, true, offsetof(struct say_fields, chat_id), 0, 0},
};

static void say(struct api_op *op, bool note)
{
    struct say_fields in = {0};
    if (op->req && !api_op_path_id(op, "chat_id", &in.chat_id))
        return;
    struct sup_json_field fields[3];
    memcpy(fields, say_frame, sizeof(fields));
    fields[1].max = op->api->opts.limits.message_chars;
    if (!api_op_read(op, fields, op->req ? 2 : 3, &in) || !api_op_key_matches(op, in.client_id) ||
        !api_op_rate(op, op->api->say_rate))
        return;
    op->chat = in.chat_id;
    struct sup_chat_say text = {
        .actor = op->actor.text,
        .sender = op->actor.id,
        .sender_kind = sup_actor_is_staff(&op->actor) ? "staff" : "customer",
        .sender_name = op->actor.name[0] ? op->actor.name : NULL,
        .chat = in.chat_id,
        .client_id = in.client_id,
        .note = note,
        .body = in.body,
        .len = strlen(in.body),
        .request = op->request,
    };
    sup_err err = sup_chat_say(op->api->opts.chat, &text, on_said, op);
    if (err == SUP_E_MALFORMED)
        api_op_fail(op, "text_refused", NULL, "body");
    else if (err)
        api_op_fail_err(op, err);
}

void api_chat_post_message(struct api_op *op)
{
    say(op, false);
}

void api_chat_post_note(struct api_op *op)
{
    say(op, true);
}

/* --- changing --- */

static void on_changed(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    /* Closing a chat twice gives the same answer twice. */
    bool closed_again = op->object.bytes[0] == 'c' && !reply->err &&
                        sup_pg_rows(reply->rows) == 1 &&
                        strcmp(sup_row_str(reply->rows, 0, "result"), "closed") == 0;
    if (!closed_again && !api_chat_result_ok(op, reply))
        return;
    if (strcmp(sup_row_str(reply->rows, 0, "result"), "ok") == 0)
        api_chat_announce_row(op->api, op->chat, reply->rows);
    if (op->object.bytes[0] == 'c') { /* closed: somebody may be free, an offer may be gone */
        api_offer_gone(op->api, sup_row_id(reply->rows, 0, "offer_staff_id"),
                       sup_row_id(reply->rows, 0, "offer_id"), "withdrawn");
        sup_queue_kick(op->api->opts.queue);
        api_queue_changed(op->api);
        api_me_changed(op->api, sup_row_id(reply->rows, 0, "staff_id"));
    }
    if (op->session)
        api_op_done(op);
    else
        api_chat_answer_state(op);
}

struct receipt_fields {
    struct sup_id chat_id;
    int64_t delivered, read, note_read;
};

static const struct sup_json_field receipt_fields[] = {
    {"delivered_seq", SUP_JSON_INT, false, offsetof(struct receipt_fields, delivered), 0,
     INT64_MAX},
    {"read_seq", SUP_JSON_INT, false, offsetof(struct receipt_fields, read), 0, INT64_MAX},
    {"note_read_seq", SUP_JSON_INT, false, offsetof(struct receipt_fields, note_read), 0,
     INT64_MAX},
    {"chat_id", SUP_JSON_ID, true, offsetof(struct receipt_fields, chat_id), 0, 0},
};

void api_chat_receipts(struct api_op *op)
{
    struct receipt_fields in = {.delivered = -1, .read = -1, .note_read = -1};
    if (op->req && !api_op_path_id(op, "chat_id", &in.chat_id))
        return;
    if (!api_op_read(op, receipt_fields, op->req ? 3 : 4, &in))
        return;
    op->chat = in.chat_id;
    sup_err err = sup_chat_store_receipt(op->api->opts.pool, op->actor.text, in.chat_id,
                                         in.delivered, in.read, in.note_read, on_changed, op);
    if (err)
        api_op_fail_err(op, err);
}

static bool is_tag(const char *tag)
{
    size_t len = strspn(tag, "abcdefghijklmnopqrstuvwxyz0123456789_-");
    return len >= 1 && len <= 40 && tag[len] == '\0';
}

static void tag(struct api_op *op, bool add)
{
    const char *name = sup_http_param(op->req, "tag");
    if (!api_op_path_id(op, "chat_id", &op->chat))
        return;
    if (!is_tag(name)) {
        api_op_fail(op, "out_of_range", "tag: 1 to 40 of a-z, 0-9, _ and -", "tag");
        return;
    }
    sup_err err = sup_chat_store_tag(op->api->opts.pool, op->actor.text, op->chat, name, add,
                                     op->request, on_changed, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_chat_tag_put(struct api_op *op)
{
    tag(op, true);
}

void api_chat_tag_delete(struct api_op *op)
{
    tag(op, false);
}

void api_chat_close(struct api_op *op)
{
    if (!api_op_path_id(op, "chat_id", &op->chat) || !api_op_read(op, NULL, 0, NULL))
        return;
    op->object.bytes[0] = 'c';
    const char *reason = sup_actor_is_staff(&op->actor) ? "resolved" : "customer";
    sup_err err = sup_chat_store_close(op->api->opts.pool, op->actor.text, op->chat, reason,
                                       op->request, on_changed, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_requeued(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (!api_chat_result_ok(op, reply))
        return;
    api_chat_announce_row(op->api, op->chat, reply->rows);
    sup_queue_kick(op->api->opts.queue);
    api_queue_changed(op->api);
    api_me_changed(op->api, sup_row_id(reply->rows, 0, "staff_id"));
    api_op_done(op); /* who gave it back may not see it any more */
}

void api_chat_requeue(struct api_op *op)
{
    if (!api_op_path_id(op, "chat_id", &op->chat) || !api_op_read(op, NULL, 0, NULL))
        return;
    sup_err err = sup_chat_store_requeue(op->api->opts.pool, op->actor.text, op->chat, sup_id_new(),
                                         op->request, on_requeued, op);
    if (err)
        api_op_fail_err(op, err);
}
