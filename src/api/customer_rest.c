#include <string.h>

#include "api_internal.h"
#include "supportd/pg/row_json.h"
#include "supportd/staff/staff_store.h"

/* The card of a customer and the chats before this one, as far as the asking member of staff sees
 * them. Each reading leaves a row in the trail. */

enum { LIST_MAX = 200, LIST_DEFAULT = 50 };

static void on_customer(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    struct sup_pg_result *rows = reply->rows;
    if (reply->err)
        api_op_fail_db(op, reply);
    else if (sup_pg_rows(rows) != 1)
        api_op_fail(op, "not_found", NULL, NULL);
    else
        api_op_reply(op, 200, NULL,
                     json_pack("{s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o}}", "customer", "id",
                               sup_row_text(rows, 0, "id"), "name", sup_row_text(rows, 0, "name"),
                               "email", sup_row_text(rows, 0, "email"), "language",
                               sup_row_text(rows, 0, "language"), "created_at",
                               sup_row_time(rows, 0, "created_at"), "open_chat_id",
                               sup_row_text(rows, 0, "open_chat_id"), "chats",
                               sup_row_int(rows, 0, "chats")));
}

void api_customer_get(struct api_op *op)
{
    if (!api_op_path_id(op, "customer_id", &op->object))
        return;
    sup_err err = sup_staff_store_customer_get(op->api->opts.pool, op->actor.text, op->object,
                                               op->request, on_customer, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_chats(const struct sup_pg_reply *reply, void *arg)
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

void api_customer_chats(struct api_op *op)
{
    const char *cursor = sup_http_query(op->req, "cursor");
    struct sup_id before = {{0}};
    if (!api_op_path_id(op, "customer_id", &op->object))
        return;
    if (cursor && sup_id_parse(cursor, strlen(cursor), &before)) {
        api_op_fail(op, "not_an_id", "cursor: as given in next", "cursor");
        return;
    }
    if (!api_op_query_int(op, "limit", LIST_DEFAULT, 1, LIST_MAX, &op->number[0]))
        return;
    sup_err err = sup_chat_store_of_customer(op->api->opts.pool, op->actor.text, op->object, before,
                                             (int)op->number[0], op->request, on_chats, op);
    if (err)
        api_op_fail_err(op, err);
}
