#include <string.h>

#include "api_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/call/call_store.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"
#include "supportd/queue/queue_store.h"

enum { LIST_MAX = 200, LIST_DEFAULT = 50 };

/* --- starting --- */

struct start_fields {
    struct sup_id client_key, chat_id;
};

static const struct sup_json_field start_fields[] = {
    {"client_key", SUP_JSON_ID, true, offsetof(struct start_fields, client_key), 0, 0},
    {"chat_id", SUP_JSON_ID, false, offsetof(struct start_fields, chat_id), 0, 0},
};

enum { PART_CALL, CREATED = 0 };

static void on_chat_state(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *body = api_state_body(reply->rows);
    json_object_set(body, "call", op->parts[PART_CALL]);
    json_object_set_new(body, "ice_servers", api_ice_servers(op->api, &op->actor));
    json_object_set_new(body, "created", json_boolean(op->number[CREATED]));
    api_op_reply(op, op->number[CREATED] ? 201 : 200, NULL, body);
}

static void on_call_state(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    op->parts[PART_CALL] = sup_row_json(reply->rows, 0, "state");
    sup_err err =
        sup_chat_store_state(op->api->opts.pool, op->actor.text, op->chat, on_chat_state, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_started(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    struct sup_api *api = op->api;
    if (reply->err == SUP_E_DB && strcmp(reply->code, "process_not_found") == 0) {
        api_op_fail(op, "unavailable", NULL, NULL); /* this process registers itself just now */
        return;
    }
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    if (strcmp(result, "closed") == 0) {
        api_op_fail(op, "chat_closed", NULL, "chat_id");
        return;
    }
    op->object = sup_row_id(reply->rows, 0, "call_id");
    op->chat = sup_row_id(reply->rows, 0, "chat_id");
    op->number[CREATED] = strcmp(result, "ok") == 0;
    struct sup_chat_news news = {
        .chat = op->chat,
        .customer = op->actor.id,
        .staff = sup_row_id(reply->rows, 0, "staff_id"),
        .rev = sup_row_number(reply->rows, 0, "rev"),
    };
    if (sup_id_equal(sup_row_id(reply->rows, 0, "owner_process"), sup_bus_process(api->opts.bus)) &&
        strcmp(sup_row_str(reply->rows, 0, "state"), "ended") != 0)
        sup_call_expect(api->opts.call, op->object, op->chat, op->actor.id, op->actor.language);
    api_offer_gone(api, sup_row_id(reply->rows, 0, "offer_staff_id"),
                   sup_row_id(reply->rows, 0, "offer_id"), "withdrawn");
    sup_chat_announce(api->opts.chat, &news);
    sup_queue_kick(api->opts.queue);
    api_queue_changed(api);
    sup_err err =
        sup_call_store_state(api->opts.pool, op->actor.text, op->object, on_call_state, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_call_start(struct api_op *op)
{
    struct start_fields in = {0};
    if (!api_op_read(op, start_fields, 2, &in) || !api_op_key_matches(op, in.client_key) ||
        !api_op_feature(op, true) || !api_op_rate(op, op->api->call_rate))
        return;
    const struct sup_api *api = op->api;
    /* Not registered: there is no process yet that could own the media. */
    if (api->draining || !sup_bus_registered(api->opts.bus) || sup_call_full(api->opts.call)) {
        api_op_fail(op, sup_call_full(api->opts.call) ? "overloaded" : "unavailable",
                    api->draining ? "draining" : NULL, NULL);
        return;
    }
    struct sup_call_start call = {
        .call = sup_id_new(),
        .client_key = in.client_key,
        .chat = in.chat_id,
        .new_chat = sup_id_new(),
        .entry = sup_id_new(),
        .process = sup_bus_process(op->api->opts.bus),
        .request = op->request,
    };
    sup_err err = sup_call_store_start(op->api->opts.pool, op->actor.text, &call, on_started, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- reading --- */

static json_t *item_json(struct sup_pg_result *rows, int row)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", sup_row_text(rows, row, "call_id"),
        "chat_id", sup_row_text(rows, row, "chat_id"), "state", sup_row_text(rows, row, "state"),
        "end_reason", sup_row_text(rows, row, "end_reason"), "customer",
        sup_row_person(rows, row, "customer_id", "customer_name"), "staff",
        sup_row_person(rows, row, "staff_id", "staff_name"), "created_at",
        sup_row_time(rows, row, "created_at"), "answered_at",
        sup_row_time(rows, row, "answered_at"), "ended_at", sup_row_time(rows, row, "ended_at"));
}

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
        json_array_append_new(items, item_json(reply->rows, row));
    json_t *next =
        rows == op->number[0] ? sup_row_text(reply->rows, rows - 1, "call_id") : json_null();
    api_op_reply(op, 200, NULL, json_pack("{s:o, s:o}", "items", items, "next", next));
}

void api_call_list(struct api_op *op)
{
    const char *cursor = sup_http_query(op->req, "cursor");
    struct sup_id before = {{0}};
    if (cursor && sup_id_parse(cursor, strlen(cursor), &before)) {
        api_op_fail(op, "not_an_id", "cursor: as given in next", "cursor");
        return;
    }
    if (!api_op_query_int(op, "limit", LIST_DEFAULT, 1, LIST_MAX, &op->number[0]))
        return;
    sup_err err = sup_call_store_mine(op->api->opts.pool, op->actor.text, before,
                                      (int)op->number[0], on_list, op);
    if (err)
        api_op_fail_err(op, err);
}

/* Of an operation that only asks whether the call is there: the answer if it is. */
enum { PART_ANSWER };

static void on_get(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err)
        api_op_fail_db(op, reply);
    else if (sup_pg_rows(reply->rows) != 1)
        api_op_fail(op, "call_not_found", NULL, NULL);
    else if (op->parts[PART_ANSWER])
        api_op_reply(op, 200, NULL, json_incref(op->parts[PART_ANSWER]));
    else
        api_op_reply(op, 200, NULL,
                     json_pack("{s:o}", "call", sup_row_json(reply->rows, 0, "state")));
}

void api_call_answer_state(struct api_op *op)
{
    sup_err err = sup_call_store_state(op->api->opts.pool, op->actor.text, op->object, on_get, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_call_get(struct api_op *op)
{
    if (api_op_path_id(op, "call_id", &op->object))
        api_call_answer_state(op);
}

/* --- ending --- */

static void on_ended(const struct sup_call_end_result *result, void *arg)
{
    struct api_op *op = arg;
    if (result->err && result->code[0])
        api_op_fail(op, result->code, NULL, NULL);
    else if (result->err)
        api_op_fail_err(op, result->err);
    else
        api_call_answer_state(op);
}

void api_call_end(struct api_op *op)
{
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, NULL, 0, NULL))
        return;
    const char *reason = sup_actor_is_staff(&op->actor) ? "agent_hangup" : "customer_hangup";
    sup_err err = sup_call_end(op->api->opts.call, op->actor.text, op->object, reason, op->request,
                               on_ended, op);
    if (err)
        api_op_fail_err(op, err);
}
