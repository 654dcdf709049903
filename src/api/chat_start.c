#include <string.h>

#include "api_internal.h"
#include "supportd/pg/row_json.h"

/* POST /chat/start: the chat, then the first message if there is one, then the answer. The two are
 * two transactions: a chat without its message (lost in between) is taken up by the repeat, which
 * finds the chat by its key and sends the message by its own. */

struct start_fields {
    struct sup_id client_key;
    const char *language;
    json_t *message;
};

static const struct sup_json_field start_fields[] = {
    {"client_key", SUP_JSON_ID, true, offsetof(struct start_fields, client_key), 0, 0},
    {"language", SUP_JSON_STRING, false, offsetof(struct start_fields, language), 2, 15},
    {"message", SUP_JSON_OBJECT, false, offsetof(struct start_fields, message), 0, 0},
};

struct first_message {
    struct sup_id client_id;
    const char *body;
};

static const struct sup_json_field message_fields[] = {
    {"client_id", SUP_JSON_ID, true, offsetof(struct first_message, client_id), 0, 0},
    {"body", SUP_JSON_STRING, true, offsetof(struct first_message, body), 1, 0 /* as configured */},
};

enum { PART_MESSAGE, CREATED = 0 };

static void on_state(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *body = api_state_body(reply->rows);
    json_t *message = op->parts[PART_MESSAGE];
    json_object_set(body, "message", message ? message : json_null());
    json_object_set_new(body, "created", json_boolean(op->number[CREATED]));
    api_op_reply(op, op->number[CREATED] ? 201 : 200, NULL, body);
}

static void answer(struct api_op *op)
{
    sup_err err = sup_chat_store_state(op->api->opts.pool, op->actor.text, op->chat, on_state, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_said(const struct sup_chat_said *said, void *arg)
{
    struct api_op *op = arg;
    if (said->err == SUP_E_DB && said->code[0]) {
        api_op_fail(op, said->code, NULL, NULL);
    } else if (said->err) {
        api_op_fail_err(op, said->err);
    } else {
        op->parts[PART_MESSAGE] = json_incref(said->message);
        answer(op);
    }
}

static void say_first(struct api_op *op)
{
    struct first_message in = {0};
    struct sup_json_problem problem;
    json_t *message = json_object_get(op->body, "message");
    if (!message || json_is_null(message)) {
        answer(op);
        return;
    }
    /* Checked before the chat was started; read again for its values. */
    if (sup_json_read(message, message_fields, 2, NULL, &in, &problem)) {
        api_op_fail_field(op, &problem);
        return;
    }
    struct sup_chat_say say = {
        .actor = op->actor.text,
        .sender = op->actor.id,
        .sender_kind = "customer",
        .sender_name = op->actor.name[0] ? op->actor.name : NULL,
        .chat = op->chat,
        .client_id = in.client_id,
        .body = in.body,
        .len = strlen(in.body),
        .request = op->request,
    };
    sup_err err = sup_chat_say(op->api->opts.chat, &say, on_said, op);
    if (err == SUP_E_MALFORMED)
        api_op_fail(op, "text_refused", NULL, "message.body");
    else if (err)
        api_op_fail_err(op, err);
}

static void on_started(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    op->chat = sup_row_id(reply->rows, 0, "chat_id");
    op->number[CREATED] = strcmp(sup_row_str(reply->rows, 0, "result"), "ok") == 0;
    struct sup_chat_news news = {
        .chat = op->chat,
        .customer = op->actor.id,
        .rev = sup_row_number(reply->rows, 0, "rev"),
    };
    sup_chat_announce(op->api->opts.chat, &news);
    if (!sup_id_is_zero(sup_row_id(reply->rows, 0, "entry_id"))) {
        sup_queue_kick(op->api->opts.queue);
        api_queue_changed(op->api);
    }
    say_first(op);
}

void api_chat_start(struct api_op *op)
{
    struct start_fields in = {.language = op->actor.language[0] ? op->actor.language : NULL};
    struct first_message first;
    struct sup_json_problem problem;
    if (!api_op_read(op, start_fields, 3, &in) || !api_op_key_matches(op, in.client_key) ||
        !api_op_feature(op, false))
        return;
    struct sup_json_field fields[2];
    memcpy(fields, message_fields, sizeof(fields));
    fields[1].max = op->api->opts.limits.message_chars;
    if (in.message && sup_json_read(in.message, fields, 2, NULL, &first, &problem)) {
        api_op_fail_field(op, &problem);
        return;
    }
    if (in.message && !api_op_rate(op, op->api->say_rate))
        return;
    struct sup_chat_start chat = {
        .chat = sup_id_new(),
        .client_key = in.client_key,
        .entry = sup_id_new(),
        .language = in.language,
        .request = op->request,
    };
    sup_err err = sup_chat_store_start(op->api->opts.pool, op->actor.text, &chat, on_started, op);
    if (err)
        api_op_fail_err(op, err);
}
