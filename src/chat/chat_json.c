#include <string.h>

#include "supportd/chat/chat_store.h"
#include "supportd/pg/row_json.h"

/* A system message has no sender to name and no client; its code comes with what it speaks of. */
static json_t *system_json(struct sup_pg_result *rows, int row, struct sup_id chat)
{
    return json_pack("{s:o, s:s, s:s, s:o, s:{s:s, s:n, s:n}, s:n, s:o, s:o, s:[], s:o}", "id",
                     sup_row_text(rows, row, "id"), "chat_id", sup_id_text(chat).s, "kind",
                     "system", "seq", sup_row_int(rows, row, "seq"), "sender", "kind", "system",
                     "id", "name", "client_id", "body", sup_row_text(rows, row, "body"), "params",
                     sup_row_json(rows, row, "params"), "masked", "created_at",
                     sup_row_time(rows, row, "created_at"));
}

json_t *sup_chat_message_json(struct sup_pg_result *rows, int row, struct sup_id chat)
{
    if (strcmp(sup_row_str(rows, row, "kind"), "system") == 0)
        return system_json(rows, row, chat);
    const char *counter =
        sup_pg_is_null(rows, row, sup_pg_col(rows, "note_seq")) ? "seq" : "note_seq";
    json_t *sender = json_pack("{s:o, s:o, s:o}", "kind", sup_row_text(rows, row, "sender_kind"),
                               "id", sup_row_text(rows, row, "sender_id"), "name",
                               sup_row_text(rows, row, "sender_name"));
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                     sup_row_text(rows, row, "id"), "chat_id", sup_id_text(chat).s, "kind",
                     sup_row_text(rows, row, "kind"), counter, sup_row_int(rows, row, counter),
                     "sender", sender, "client_id", sup_row_text(rows, row, "client_id"), "body",
                     sup_row_text(rows, row, "body"), "masked",
                     sup_row_words(rows, row, "categories"), "created_at",
                     sup_row_time(rows, row, "created_at"));
}

json_t *sup_chat_messages_json(struct sup_pg_result *rows, struct sup_id chat)
{
    json_t *array = json_array();
    for (int row = 0; array && row < sup_pg_rows(rows); row++) {
        if (json_array_append_new(array, sup_chat_message_json(rows, row, chat))) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

json_t *sup_chat_item_json(struct sup_pg_result *rows, int row)
{
    json_t *item = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
        sup_row_text(rows, row, "chat_id"), "status", sup_row_text(rows, row, "status"), "channel",
        sup_row_text(rows, row, "channel"), "customer",
        sup_row_person(rows, row, "customer_id", "customer_name"), "assigned",
        sup_row_person(rows, row, "staff_id", "staff_name"), "seq", sup_row_int(rows, row, "seq"),
        "rev", sup_row_int(rows, row, "rev"), "read_seq", sup_row_int(rows, row, "read_seq"),
        "last_message_at", sup_row_time(rows, row, "last_message_at"), "created_at",
        sup_row_time(rows, row, "created_at"), "closed_at", sup_row_time(rows, row, "closed_at"));
    /* Tags are the staff's own: a customer's row has none. */
    if (item && !sup_pg_is_null(rows, row, sup_pg_col(rows, "tags")))
        json_object_set_new(item, "tags", sup_row_words(rows, row, "tags"));
    return item;
}
