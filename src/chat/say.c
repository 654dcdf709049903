#include <string.h>

#include "chat_internal.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

/* One message under way: everything that its answer and its news need. */
struct saying {
    struct sup_chat *chat;
    sup_chat_said_cb cb;
    void *arg;
    struct sup_id chat_id, id, client_id, sender;
    char actor[64];
    char sender_kind[16];
    char *sender_name; /* may be NULL */
    char *body;        /* masked */
    bool note;
    bool joined;                                 /* earlier messages are masked in place with it */
    const char *categories[SUP_MASK_CATEGORIES]; /* static names */
    size_t category_count;
};

static void saying_free(struct saying *s)
{
    if (!s)
        return;
    sup_free(s->sender_name);
    sup_free(s->body);
    sup_free(s);
}

static struct sup_id message_id_for(struct sup_chat *chat, const struct sup_chat_say *say)
{
    const struct sup_chat_said_by key = {say->chat, say->sender, say->client_id};
    struct sup_chat_recent *known = sup_map_get(chat->recent, &key, sizeof(key));
    if (known)
        return known->message;
    struct sup_chat_recent *slot = &chat->ring[chat->ring_next++ % SUP_CHAT_RECENT];
    if (!sup_id_is_zero(slot->message))
        (void)sup_map_remove(chat->recent, &slot->key, sizeof(slot->key));
    struct sup_id message = sup_id_new();
    *slot = (struct sup_chat_recent){key, message};
    if (sup_map_set(chat->recent, &slot->key, sizeof(slot->key), slot))
        slot->message = (struct sup_id){{0}};
    return message;
}

static size_t category_names(uint32_t categories, const char **ret_names)
{
    size_t count = 0;
    for (int c = 0; c < SUP_MASK_CATEGORIES; c++)
        if (categories & SUP_MASK_BIT(c))
            ret_names[count++] = sup_mask_category_name((enum sup_mask_category)c);
    return count;
}

static json_t *message_json(const struct saying *s, struct sup_pg_result *rows)
{
    const char *counter = s->note ? "note_seq" : "seq";
    json_t *masked = json_array();
    for (size_t i = 0; i < s->category_count; i++)
        json_array_append_new(masked, json_string(s->categories[i]));
    return json_pack("{s:o, s:s, s:s, s:o, s:{s:s, s:s, s:s?}, s:s, s:s, s:o, s:o}", "id",
                     sup_row_text(rows, 0, "id"), "chat_id", sup_id_text(s->chat_id).s, "kind",
                     s->note ? "note" : "message", counter, sup_row_int(rows, 0, counter), "sender",
                     "kind", s->sender_kind, "id", sup_id_text(s->sender).s, "name", s->sender_name,
                     "client_id", sup_id_text(s->client_id).s, "body", s->body, "masked", masked,
                     "created_at", sup_row_time(rows, 0, "created_at"));
}

static void finish(struct saying *s, const struct sup_chat_said *said)
{
    s->cb(said, s->arg);
    saying_free(s);
}

static void on_first_read(const struct sup_pg_reply *reply, void *arg)
{
    struct saying *s = arg;
    struct sup_chat_said said = {.err = reply->err, .result = "", .code = reply->code};
    if (!reply->err && sup_pg_rows(reply->rows) == 1) {
        said.message = sup_chat_message_json(reply->rows, 0, s->chat_id);
        said.result = "ok";
        said.repeated = true;
    }
    if (!said.err && !said.message)
        said.err = SUP_E_NOTFOUND;
    json_t *message = said.message;
    finish(s, &said);
    json_decref(message);
}

/* The same client id again: the answer is the message as it was stored the first time. */
static void read_first(struct saying *s, struct sup_pg_result *rows)
{
    int64_t number = sup_row_number(rows, 0, s->note ? "note_seq" : "seq");
    sup_err err = sup_chat_store_history(s->chat->opts.pool, s->actor, s->chat_id, s->note,
                                         number - 1, number + 1, 1, on_first_read, s);
    if (err)
        finish(s, &(struct sup_chat_said){.err = err, .result = "", .code = ""});
}

static void on_posted(const struct sup_pg_reply *reply, void *arg)
{
    struct saying *s = arg;
    struct sup_chat_said said = {.err = reply->err, .result = "", .code = reply->code};
    if (reply->err) {
        finish(s, &said);
        return;
    }
    said.result = sup_row_str(reply->rows, 0, "result");
    if (strcmp(said.result, "ok") != 0) {
        finish(s, &said);
        return;
    }
    struct sup_chat_news news = {
        .chat = s->chat_id,
        .customer = sup_row_id(reply->rows, 0, "customer_id"),
        .staff = sup_row_id(reply->rows, 0, "staff_id"),
        .rev = sup_row_number(reply->rows, 0, "rev"),
        .remasked = s->joined,
    };
    if (sup_pg_bool(reply->rows, 0, sup_pg_col(reply->rows, "repeated"))) {
        if (s->joined)
            sup_chat_announce(s->chat, &news);
        read_first(s, reply->rows);
        return;
    }
    json_t *message = said.message = message_json(s, reply->rows);
    news.seq = sup_row_number(reply->rows, 0, "seq");
    news.note_seq = sup_row_number(reply->rows, 0, "note_seq");
    news.message = message;
    news.queued = !sup_id_is_zero(sup_row_id(reply->rows, 0, "entry_id"));
    struct sup_chat *chat = s->chat;
    sup_metric_add(chat->said_metric, 1);
    finish(s, &said); /* the sender's acknowledgement first */
    sup_chat_announce(chat, &news);
    json_decref(message);
}

/* The earlier parts of a number and the message that completes it stand or fall together: the clear
 * first part never outlives the second. */
static sup_err send(struct saying *s, const struct sup_chat_say *say,
                    const struct sup_mask_split_result *masked)
{
    struct sup_chat_earlier earlier[SUP_MASK_SPLIT_MAX_PARTS];
    for (uint32_t i = 0; i < masked->earlier_count; i++)
        earlier[i] =
            (struct sup_chat_earlier){masked->earlier[i].message, masked->earlier[i].text.data};
    s->joined = masked->earlier_count > 0;
    struct sup_chat_post post = {
        .chat = s->chat_id,
        .id = s->id,
        .client_id = s->client_id,
        .kind = s->note ? "note" : "message",
        .body = s->body,
        .categories = s->categories,
        .category_count = s->category_count,
        .request = say->request,
    };
    struct sup_pg_pool *pool = s->chat->opts.pool;
    if (s->joined)
        return sup_chat_store_join(pool, s->actor, &post, earlier, masked->earlier_count, on_posted,
                                   s);
    return sup_chat_store_post(pool, s->actor, &post, on_posted, s);
}

static struct saying *saying_create(struct sup_chat *chat, const struct sup_chat_say *say,
                                    const struct sup_mask_split_result *masked)
{
    struct saying *s = sup_calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->chat = chat;
    s->chat_id = say->chat;
    s->client_id = say->client_id;
    s->sender = say->sender;
    s->note = say->note;
    (void)strncpy(s->actor, say->actor, sizeof(s->actor) - 1);
    (void)strncpy(s->sender_kind, say->sender_kind, sizeof(s->sender_kind) - 1);
    s->category_count = category_names(masked->report.categories, s->categories);
    s->sender_name = sup_strdup(say->sender_name);
    s->body = sup_strndup(masked->text.data ? masked->text.data : "", masked->text.len);
    if (!s->body || (say->sender_name && !s->sender_name)) {
        saying_free(s);
        return NULL;
    }
    return s;
}

sup_err sup_chat_say(struct sup_chat *chat, const struct sup_chat_say *say, sup_chat_said_cb cb,
                     void *arg)
{
    struct sup_mask_split_result masked = {0};
    struct sup_mask_split_key key = {say->chat, say->sender};
    struct sup_id id = message_id_for(chat, say);
    sup_err err = sup_mask_split_feed(chat->split, &key, id, say->body, say->len,
                                      sup_clock_mono_us(), &masked);
    if (err)
        return err;
    if (!sup_timer_armed(chat->split_timer))
        sup_chat_expire_split(chat);
    sup_metric_add(chat->masked_metric, masked.report.count);
    struct saying *s = saying_create(chat, say, &masked);
    err = SUP_E_NOMEM;
    if (s) {
        s->id = id;
        s->cb = cb;
        s->arg = arg;
        err = send(s, say, &masked);
        if (err)
            saying_free(s);
    }
    sup_mask_split_result_fini(&masked);
    return err;
}
