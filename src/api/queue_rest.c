#include <string.h>

#include "api_internal.h"
#include "supportd/call/call_store.h"
#include "supportd/pg/row_json.h"
#include "supportd/queue/queue_store.h"

enum { LIST_LIMIT = 200 };

static void reply_list(struct api_op *op, const struct sup_pg_reply *reply,
                       json_t *(*item)(struct sup_pg_result *rows, int row))
{
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *items = json_array();
    for (int row = 0; row < sup_pg_rows(reply->rows); row++)
        json_array_append_new(items, item(reply->rows, row));
    api_op_reply(op, 200, NULL, json_pack("{s:o, s:n}", "items", items, "next"));
}

static void on_queue(const struct sup_pg_reply *reply, void *arg)
{
    reply_list(arg, reply, api_entry_json);
}

void api_queue_list(struct api_op *op)
{
    sup_err err =
        sup_queue_store_list(op->api->opts.pool, op->actor.text, LIST_LIMIT, on_queue, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_offers(const struct sup_pg_reply *reply, void *arg)
{
    reply_list(arg, reply, api_offer_json);
}

void api_offer_list(struct api_op *op)
{
    sup_err err = sup_queue_store_offers_mine(op->api->opts.pool, op->actor.text, on_offers, op);
    if (err)
        api_op_fail_err(op, err);
}

static json_t *routing_json(struct sup_pg_result *rows, int row)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "offer_id",
                     sup_row_text(rows, row, "offer_id"), "kind", sup_row_text(rows, row, "kind"),
                     "staff_id", sup_row_text(rows, row, "staff_id"), "state",
                     sup_row_text(rows, row, "state"), "created_at",
                     sup_row_time(rows, row, "created_at"), "closed_at",
                     sup_row_time(rows, row, "closed_at"), "why", sup_row_json(rows, row, "why"));
}

static void on_routing(const struct sup_pg_reply *reply, void *arg)
{
    if (!reply->err && sup_pg_rows(reply->rows) == 0)
        api_chat_empty_list(arg);
    else
        reply_list(arg, reply, routing_json);
}

void api_chat_routing(struct api_op *op)
{
    if (!api_op_path_id(op, "chat_id", &op->chat))
        return;
    sup_err err =
        sup_queue_store_routing(op->api->opts.pool, op->actor.text, op->chat, on_routing, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- taking and refusing work --- */

enum { PART_BODY };

static void answer_taken(struct api_op *op, json_t *call)
{
    json_t *body = json_incref(op->parts[PART_BODY]);
    json_object_set_new(body, "call", call);
    api_op_reply(op, 200, NULL, body);
}

static void on_taken_call(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1)
        api_op_fail_db(op, reply);
    else
        answer_taken(op, sup_row_json(reply->rows, 0, "state"));
}

static void on_taken_state(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    op->parts[PART_BODY] = api_state_body(reply->rows);
    if (sup_id_is_zero(op->object)) {
        answer_taken(op, json_null());
        return;
    }
    sup_err err =
        sup_call_store_state(op->api->opts.pool, op->actor.text, op->object, on_taken_call, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_work_taken(struct sup_api *api, struct sup_id staff, struct sup_pg_result *rows)
{
    struct sup_id call = sup_row_id(rows, 0, "call_id");
    struct sup_chat_news news = {
        .chat = sup_row_id(rows, 0, "chat_id"),
        .customer = sup_row_id(rows, 0, "customer_id"),
        .staff = staff,
        .rev = sup_row_number(rows, 0, "rev"),
    };
    if (!sup_id_is_zero(call)) { /* sound first: the rest is for the eye */
        if (sup_pg_bool(rows, 0, sup_pg_col(rows, "calling")))
            sup_call_calling(api->opts.call, call, news.chat, news.customer, staff);
        else
            sup_call_answered(api->opts.call, call, staff);
        api_call_changed(api, call, news.customer, staff);
    }
    sup_chat_announce(api->opts.chat, &news);
    sup_queue_kick(api->opts.queue);
    api_queue_changed(api);
    api_me_changed(api, staff);
}

/* The agent's own clients follow the chat from here on, by the news. */
static void taken(struct api_op *op, struct sup_pg_result *rows)
{
    op->chat = sup_row_id(rows, 0, "chat_id");
    op->object = sup_row_id(rows, 0, "call_id");
    api_work_taken(op->api, op->actor.id, rows);
    sup_err err =
        sup_chat_store_state(op->api->opts.pool, op->actor.text, op->chat, on_taken_state, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_accepted(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
    } else if (strcmp(sup_row_str(reply->rows, 0, "result"), "accepted") != 0) {
        api_op_fail(op, "offer_gone", NULL, NULL);
    } else {
        api_offer_gone(op->api, op->actor.id, op->object, "accepted");
        taken(op, reply->rows);
    }
}

void api_offer_accept(struct api_op *op)
{
    if (!api_op_path_id(op, "offer_id", &op->object) || !api_op_read(op, NULL, 0, NULL))
        return;
    sup_err err =
        sup_queue_store_accept(op->api->opts.pool, op->actor.text, op->object, op->request,
                               sup_bus_process(op->api->opts.bus), on_accepted, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_picked(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    if (strcmp(result, "picked") == 0) {
        api_offer_gone(op->api, sup_row_id(reply->rows, 0, "offer_staff_id"),
                       sup_row_id(reply->rows, 0, "offer_id"), "withdrawn");
        taken(op, reply->rows);
    } else {
        api_op_fail(op, strcmp(result, "over_capacity") == 0 ? result : "offer_gone", NULL, NULL);
    }
}

void api_queue_pick(struct api_op *op)
{
    if (!api_op_path_id(op, "entry_id", &op->object) || !api_op_read(op, NULL, 0, NULL))
        return;
    sup_err err = sup_queue_store_pick(op->api->opts.pool, op->actor.text, op->object, op->request,
                                       sup_bus_process(op->api->opts.bus), on_picked, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_declined(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    struct sup_api *api = op->api;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    if (strcmp(sup_row_str(reply->rows, 0, "result"), "declined") != 0) {
        api_op_fail(op, "offer_gone", NULL, NULL);
        return;
    }
    struct sup_id call = sup_row_id(reply->rows, 0, "call_id");
    struct sup_chat_news news = {
        .chat = sup_row_id(reply->rows, 0, "chat_id"),
        .customer = sup_row_id(reply->rows, 0, "customer_id"),
        .rev = sup_row_number(reply->rows, 0, "rev"),
    };
    api_offer_gone(api, op->actor.id, op->object, "declined");
    sup_chat_announce(api->opts.chat, &news);
    if (!sup_id_is_zero(call)) {
        sup_call_waits(api->opts.call, call);
        api_call_changed(api, call, news.customer, op->actor.id);
    }
    sup_queue_kick(api->opts.queue);
    api_queue_changed(api);
    api_op_done(op);
}

void api_offer_decline(struct api_op *op)
{
    if (!api_op_path_id(op, "offer_id", &op->object) || !api_op_read(op, NULL, 0, NULL))
        return;
    sup_err err = sup_queue_store_decline(op->api->opts.pool, op->actor.text, op->object,
                                          op->request, on_declined, op);
    if (err)
        api_op_fail_err(op, err);
}
