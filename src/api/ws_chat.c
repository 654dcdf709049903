#include <string.h>

#include "api_internal.h"
#include "supportd/pg/row_json.h"

enum { RESUME_LIMIT = 200 };

/* Where chat.resumed keeps its parts while the reads are under way. */
enum { PART_STATE, PART_MESSAGES, PART_NOTES, PART_REMASKED };

struct open_fields {
    struct sup_id chat_id;
    int64_t seq, note_seq, rev;
};

static const struct sup_json_field open_fields[] = {
    {"chat_id", SUP_JSON_ID, true, offsetof(struct open_fields, chat_id), 0, 0},
    {"seq", SUP_JSON_INT, true, offsetof(struct open_fields, seq), 0, INT64_MAX},
    {"note_seq", SUP_JSON_INT, false, offsetof(struct open_fields, note_seq), 0, INT64_MAX},
    {"rev", SUP_JSON_INT, true, offsetof(struct open_fields, rev), 0, INT64_MAX},
};

static void resumed(struct api_op *op)
{
    struct sup_api *api = op->api;
    struct sup_id chat = op->chat;
    const json_t *document = json_object_get(op->parts[PART_STATE], "chat");
    bool waits = json_is_object(json_object_get(document, "queue")) ||
                 json_is_object(json_object_get(document, "call"));
    json_t *state = op->parts[PART_STATE];
    bool more = json_array_size(op->parts[PART_MESSAGES]) == RESUME_LIMIT ||
                json_array_size(op->parts[PART_NOTES]) == RESUME_LIMIT;
    if (!op->parts[PART_NOTES])
        op->parts[PART_NOTES] = json_array();
    api_op_reply(op, 0, "chat.resumed",
                 json_pack("{s:s, s:O, s:O, s:O, s:b, s:O, s:O}", "chat_id",
                           sup_id_text(op->chat).s, "messages", op->parts[PART_MESSAGES], "notes",
                           op->parts[PART_NOTES], "remasked", op->parts[PART_REMASKED], "more",
                           more, "state", json_object_get(state, "chat"), "state_hash",
                           json_object_get(state, "state_hash")));
    api_feed_tell_presence(api, chat);
    if (waits) /* the position is no part of the state */
        api_picture_soon(api);
}

/* One of the reads is in; the last one answers, and so does the first failure, once all are in. */
static void part_in(struct api_op *op, const struct sup_pg_reply *reply, int part, json_t *value)
{
    op->parts[part] = value;
    if (!value && op->number[0] == 0)
        op->number[0] = reply->err ? reply->err : SUP_E_NOTFOUND;
    if (--op->waiting > 0)
        return;
    if (op->number[0] == SUP_E_NOTFOUND || op->number[0] == SUP_E_DB) {
        api_feed_leave(op->session, op->chat);
        api_op_fail(op, "chat_not_found", NULL, "chat_id");
    } else if (op->number[0] != 0) {
        api_op_fail_err(op, (sup_err)op->number[0]);
    } else {
        resumed(op);
    }
}

static void rows_in(struct api_op *op, const struct sup_pg_reply *reply, int part)
{
    part_in(op, reply, part, reply->err ? NULL : sup_chat_messages_json(reply->rows, op->chat));
}

static void on_messages(const struct sup_pg_reply *reply, void *arg)
{
    rows_in(arg, reply, PART_MESSAGES);
}

static void on_notes(const struct sup_pg_reply *reply, void *arg)
{
    rows_in(arg, reply, PART_NOTES);
}

static void on_remasked(const struct sup_pg_reply *reply, void *arg)
{
    rows_in(arg, reply, PART_REMASKED);
}

/* number[1..3]: seq, note_seq, rev of the client. */
static void read_lists(struct api_op *op)
{
    struct sup_pg_pool *pool = op->api->opts.pool;
    const char *actor = op->actor.text;
    op->waiting = 1; /* ours, so that an answer cannot end the operation before all are sent */
    sup_err err = sup_chat_store_history(pool, actor, op->chat, false, op->number[1], -1,
                                         RESUME_LIMIT, on_messages, op);
    if (!err)
        op->waiting++;
    if (!err && sup_actor_is_staff(&op->actor) &&
        !(err = sup_chat_store_history(pool, actor, op->chat, true, op->number[2], -1, RESUME_LIMIT,
                                       on_notes, op)))
        op->waiting++;
    if (!err &&
        !(err = sup_chat_store_remasked(pool, actor, op->chat, op->number[3], on_remasked, op)))
        op->waiting++;
    if (err && op->number[0] == 0)
        op->number[0] = err;
    if (--op->waiting == 0)
        api_op_fail_err(op, err);
}

static void on_state(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (!reply->err && sup_pg_rows(reply->rows) == 1)
        op->parts[PART_STATE] = api_state_body(reply->rows);
    if (op->parts[PART_STATE]) {
        api_feed_known(op->api, op->chat, sup_row_number(reply->rows, 0, "seq"));
        read_lists(op);
        return;
    }
    api_feed_leave(op->session, op->chat);
    if (reply->err)
        api_op_fail_db(op, reply);
    else
        api_op_fail(op, "chat_not_found", NULL, "chat_id");
}

/* Follows first and reads then: what commits in between is both read and published, and the client
 * drops by seq what it has. The state is read before the lists, so that it never counts a message
 * that they lack. */
static void read_all(struct api_op *op)
{
    sup_err err = api_feed_follow(op->session, op->chat);
    if (!err)
        err = sup_chat_store_state(op->api->opts.pool, op->actor.text, op->chat, on_state, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_allowed(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err)
        api_op_fail_db(op, reply);
    else if (sup_pg_rows(reply->rows) != 1)
        api_op_fail(op, "chat_not_found", NULL, "chat_id");
    else if (op->session->closed)
        api_op_free(op);
    else
        read_all(op);
}

/* Nobody is subscribed before the database has said that this actor may see the chat. For staff the
 * question is also the audit row of one opening. */
void api_ws_chat_open(struct api_op *op)
{
    struct open_fields in = {0};
    if (!api_op_read(op, open_fields, 4, &in))
        return;
    op->chat = in.chat_id;
    op->number[1] = in.seq;
    op->number[2] = in.note_seq;
    op->number[3] = in.rev;
    struct sup_pg_pool *pool = op->api->opts.pool;
    sup_err err = SUP_OK;
    if (api_feed_follows(op->session, in.chat_id)) {
        read_all(op);
        return;
    }
    if (sup_actor_is_staff(&op->actor))
        err = sup_chat_store_read_open(pool, op->actor.text, op->chat, op->request, on_allowed, op);
    else
        err = sup_chat_store_state(pool, op->actor.text, op->chat, on_allowed, op);
    if (err)
        api_op_fail_err(op, err);
}

struct chat_field {
    struct sup_id chat_id;
    bool active;
};

static const struct sup_json_field chat_field[] = {
    {"chat_id", SUP_JSON_ID, true, offsetof(struct chat_field, chat_id), 0, 0},
    {"active", SUP_JSON_BOOL, true, offsetof(struct chat_field, active), 0, 0},
};

void api_ws_chat_leave(struct api_op *op)
{
    struct chat_field in = {0};
    if (!api_op_read(op, chat_field, 1, &in))
        return;
    sup_err err = api_feed_leave_for_good(op->session, in.chat_id);
    if (err)
        api_op_fail_err(op, err);
    else
        api_op_reply(op, 0, "ok", json_object());
}

/* Only who follows a chat may type in it, so no look-up is needed. */
void api_ws_chat_typing(struct api_op *op)
{
    struct chat_field in = {0};
    if (!api_op_read(op, chat_field, 2, &in))
        return;
    if (!api_feed_follows(op->session, in.chat_id)) {
        api_op_fail(op, "chat_not_found", "open the chat first", "chat_id");
        return;
    }
    api_typing_tell(op->api, in.chat_id, &op->actor, in.active);
    api_op_done(op);
}
