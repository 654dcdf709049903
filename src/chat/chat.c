#include "supportd/chat/chat.h"

#include <string.h>

#include "chat_internal.h"
#include "supportd/base/json.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

#define TOPIC "chat"

static void on_bus_event(struct sup_listener *listener, void *data)
{
    struct sup_chat *chat = SUP_CONTAINER_OF(listener, struct sup_chat, bus_listener);
    const struct sup_bus_event *event = data;
    json_t *ref;
    if (event->local || sup_json_parse(event->ref, strlen(event->ref), &ref))
        return;
    struct sup_chat_news news = {
        .chat = event->id,
        .seq = json_integer_value(json_object_get(ref, "s")),
        .note_seq = json_integer_value(json_object_get(ref, "n")),
        .rev = json_integer_value(json_object_get(ref, "r")),
        .remasked = json_is_true(json_object_get(ref, "m")),
    };
    const json_t *customer = json_object_get(ref, "c"), *staff = json_object_get(ref, "a");
    if ((customer &&
         sup_id_parse(json_string_value(customer), json_string_length(customer), &news.customer)) ||
        (staff && sup_id_parse(json_string_value(staff), json_string_length(staff), &news.staff)))
        sup_log_debug("chat", "reference of another process not understood");
    else
        sup_signal_emit(&chat->news, &news);
    json_decref(ref);
}

void sup_chat_announce(struct sup_chat *chat, const struct sup_chat_news *news)
{
    struct sup_chat_news copy = *news;
    sup_signal_emit(&chat->news, &copy);
    json_t *ref = json_pack("{s:I, s:I, s:I}", "s", (json_int_t)news->seq, "n",
                            (json_int_t)news->note_seq, "r", (json_int_t)news->rev);
    if (news->remasked)
        json_object_set_new(ref, "m", json_true());
    if (!sup_id_is_zero(news->customer))
        json_object_set_new(ref, "c", json_string(sup_id_text(news->customer).s));
    if (!sup_id_is_zero(news->staff))
        json_object_set_new(ref, "a", json_string(sup_id_text(news->staff).s));
    struct sup_buf text = {0};
    sup_err err = sup_json_dump(ref, &text);
    if (!err)
        err = sup_bus_publish(chat->opts.bus, TOPIC, news->chat, news->seq, text.data);
    if (err) /* the others find it by rev at their next re-read */
        sup_log_warn("chat", "news not published", SUP_STR("error", sup_err_name(err)));
    sup_buf_fini(&text);
    json_decref(ref);
}

static void on_changed(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_chat *chat = arg;
    if (reply->err)
        return;
    for (int row = 0; row < sup_pg_rows(reply->rows); row++) {
        struct sup_chat_news news = {
            .chat = sup_row_id(reply->rows, row, "chat_id"),
            .seq = sup_row_number(reply->rows, row, "seq"),
            .note_seq = sup_row_number(reply->rows, row, "note_seq"),
            .rev = sup_row_number(reply->rows, row, "rev"),
            .remasked = true, /* may be: reading finds none otherwise */
        };
        sup_signal_emit(&chat->news, &news);
    }
}

void sup_chat_check(struct sup_chat *chat, const struct sup_chat_counters *known, size_t count)
{
    if (count > 0 && sup_chat_store_changed(chat->opts.pool, known, count, on_changed, chat))
        sup_log_warn("chat", "re-read not sent");
}

static void on_expire(void *arg)
{
    struct sup_chat *chat = arg;
    sup_chat_expire_split(chat);
}

void sup_chat_expire_split(struct sup_chat *chat)
{
    uint64_t now = sup_clock_mono_us();
    uint64_t next = sup_mask_split_expire(chat->split, now);
    if (next != UINT64_MAX)
        sup_timer_start(chat->split_timer, next > now ? next - now : 0);
}

sup_err sup_chat_create(const struct sup_chat_opts *opts, struct sup_chat **ret_chat)
{
    struct sup_chat *chat = sup_calloc(1, sizeof(*chat));
    if (!chat)
        return SUP_E_NOMEM;
    chat->opts = *opts;
    chat->bus_listener.notify = on_bus_event;
    sup_signal_init(&chat->news);
    chat->masked_metric = sup_metrics_counter(opts->metrics, "supportd_chat_masked_total",
                                              "Places masked in messages.", NULL, NULL);
    chat->said_metric = sup_metrics_counter(opts->metrics, "supportd_chat_messages_total",
                                            "Messages and notes stored.", NULL, NULL);
    struct sup_signal *topic;
    sup_err err = sup_mask_split_create(opts->mask, &opts->split, &chat->split);
    if (!err)
        err = sup_timer_create(opts->loop, on_expire, chat, &chat->split_timer);
    if (!err)
        err = sup_map_create(&chat->recent);
    if (!err)
        err = sup_bus_topic(opts->bus, TOPIC, &topic);
    if (err) {
        sup_chat_destroy(chat);
        return err;
    }
    sup_signal_add(topic, &chat->bus_listener);
    *ret_chat = chat;
    return SUP_OK;
}

void sup_chat_destroy(struct sup_chat *chat)
{
    if (!chat)
        return;
    sup_listener_remove(&chat->bus_listener);
    sup_timer_destroy(chat->split_timer);
    sup_mask_split_destroy(chat->split);
    sup_map_destroy(chat->recent);
    sup_free(chat);
}

struct sup_signal *sup_chat_news_signal(struct sup_chat *chat)
{
    return &chat->news;
}
