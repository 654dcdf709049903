#include <string.h>

#include "api_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/call/call_store.h"
#include "supportd/call/party_store.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"
#include "supportd/queue/queue.h"

/* Consultation and supervision: requests, and the news of one's own part. */

enum { STATUS };

/* --- news --- */

static json_t *party_json(struct sup_pg_result *rows, int row)
{
    json_t *from = json_null(),
           *customer = sup_row_person(rows, row, "customer_id", "customer_name");
    if (!sup_id_is_zero(sup_row_id(rows, row, "from_id")))
        from = sup_row_person(rows, row, "from_id", "from_name");
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "call_id",
                     sup_row_text(rows, row, "call_id"), "chat_id",
                     sup_row_text(rows, row, "chat_id"), "role", sup_row_text(rows, row, "role"),
                     "state", sup_row_text(rows, row, "state"), "reason",
                     sup_row_text(rows, row, "reason"), "customer", customer, "from", from,
                     "expires_at", sup_row_time(rows, row, "expires_at"), "remaining_ms",
                     sup_row_int(rows, row, "remaining_ms"));
}

struct telling {
    struct sup_api *api;
    struct sup_id call, user;
};

static void on_mine(const struct sup_pg_reply *reply, void *arg)
{
    struct telling t = *(struct telling *)arg;
    sup_free(arg);
    if (reply->err || sup_pg_rows(reply->rows) != 1)
        return;
    api_send_user(
        t.api, t.user,
        json_pack("{s:s, s:o}", "type", "call.party", "party", party_json(reply->rows, 0)));
    if (strcmp(sup_row_str(reply->rows, 0, "state"), "closed") != 0)
        api_call_tell(t.api, t.call, t.user);
}

static void on_party_bus(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_party_bus);
    const struct sup_bus_event *event = data;
    struct sup_id user;
    json_t *ref;
    if (sup_json_parse(event->ref, strlen(event->ref), &ref))
        return;
    const json_t *u = json_object_get(ref, "u");
    bool known = json_is_string(u) &&
                 sup_id_parse(json_string_value(u), json_string_length(u), &user) == SUP_OK;
    json_decref(ref);
    if (!event->local)
        sup_call_check_parties(api->opts.call, event->id);
    if (!known || sup_hub_subscribers(api->hub, api_topic('u', user).s) == 0)
        return;
    struct telling *t = sup_calloc(1, sizeof(*t));
    if (!t)
        return;
    *t = (struct telling){api, event->id, user};
    struct sup_actor actor = sup_actor_make(SUP_ROLE_AGENT, user, NULL);
    if (sup_party_store_mine(api->opts.pool, actor.text, event->id, on_mine, t))
        sup_free(t);
}

void api_party_changed(struct sup_api *api, struct sup_id call, struct sup_id user)
{
    struct sup_buf ref = {0};
    if (sup_buf_addf(&ref, "{\"u\":\"%s\"}", sup_id_text(user).s) ||
        sup_bus_publish(api->opts.bus, "party", call, 0, ref.data))
        sup_log_warn("api", "event not published", SUP_STR("topic", "party"));
    sup_buf_fini(&ref);
}

sup_err api_parties_create(struct sup_api *api)
{
    struct sup_signal *topic;
    sup_err err = sup_bus_topic(api->opts.bus, "party", &topic);
    if (err)
        return err;
    api->on_party_bus.notify = on_party_bus;
    sup_signal_add(topic, &api->on_party_bus);
    return SUP_OK;
}

void api_parties_destroy(struct sup_api *api)
{
    sup_listener_remove(&api->on_party_bus);
}

/* --- answers --- */

static void on_call(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err)
        api_op_fail_db(op, reply);
    else if (sup_pg_rows(reply->rows) != 1)
        api_op_fail(op, "call_not_found", NULL, NULL);
    else
        api_op_reply(op, (unsigned)op->number[STATUS], NULL,
                     json_pack("{s:o}", "call", sup_row_json(reply->rows, 0, "state")));
}

static void answer_call(struct api_op *op, int64_t status)
{
    op->number[STATUS] = status;
    sup_err err = sup_call_store_state(op->api->opts.pool, op->actor.text, op->object, on_call, op);
    if (err)
        api_op_fail_err(op, err);
}

/* The one row of an answer, whose result is a success; else the operation has been failed. */
static const char *result_of(struct api_op *op, const struct sup_pg_reply *reply)
{
    static const struct {
        const char *result, *code;
    } refusals[] = {
        {"not_allowed", "not_allowed_now"}, {"unavailable", "target_unavailable"},
        {"limit", "parties_limit"},         {"gone", "consult_gone"},
        {"over_capacity", "over_capacity"}, {"denied", "denied"},
    };
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return NULL;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (strcmp(result, refusals[i].result) == 0) {
            api_op_fail(op, refusals[i].code, NULL, NULL);
            return NULL;
        }
    }
    return result;
}

/* Somebody's part has changed: the legs, that one, and the parties of the call. */
static void tell_all(struct api_op *op, struct sup_id customer, struct sup_id agent,
                     struct sup_id party)
{
    sup_call_check_parties(op->api->opts.call, op->object);
    api_party_changed(op->api, op->object, party);
    api_call_changed(op->api, op->object, customer, agent);
}

/* --- consultation --- */

static void on_asked(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    const char *result = result_of(op, reply);
    if (!result)
        return;
    bool fresh = strcmp(result, "ok") == 0;
    if (fresh)
        tell_all(op, sup_row_id(reply->rows, 0, "customer_id"), op->actor.id,
                 sup_row_id(reply->rows, 0, "staff_id"));
    answer_call(op, fresh ? 201 : 200);
}

void api_consult_post(struct api_op *op)
{
    struct sup_id staff = {{0}};
    static const struct sup_json_field fields[] = {{"staff_id", SUP_JSON_ID, true, 0, 0, 0}};
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, fields, 1, &staff))
        return;
    sup_err err = sup_party_store_ask(op->api->opts.pool, op->actor.text, op->object, sup_id_new(),
                                      staff, op->request, on_asked, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_accepted(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    const char *result = result_of(op, reply);
    if (!result)
        return;
    if (strcmp(result, "ok") == 0)
        tell_all(op, sup_row_id(reply->rows, 0, "customer_id"),
                 sup_row_id(reply->rows, 0, "staff_id"), op->actor.id);
    answer_call(op, 200);
}

void api_consult_accept(struct api_op *op)
{
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, NULL, 0, NULL))
        return;
    sup_err err = sup_party_store_accept(op->api->opts.pool, op->actor.text, op->object,
                                         op->request, on_accepted, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_talk(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    const char *result = result_of(op, reply);
    if (!result)
        return;
    if (strcmp(result, "ok") == 0)
        tell_all(op, sup_row_id(reply->rows, 0, "customer_id"), op->actor.id,
                 sup_row_id(reply->rows, 0, "staff_id"));
    answer_call(op, 200);
}

static bool one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(word, words[i]) == 0)
            return true;
    return false;
}

void api_consult_talk(struct api_op *op)
{
    static const char *const words[] = {"colleague", "customer", "all"};
    static const struct sup_json_field fields[] = {{"with", SUP_JSON_STRING, true, 0, 1, 20}};
    const char *with = NULL;
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, fields, 1, &with))
        return;
    if (!one_of(with, words, 3)) {
        api_op_fail(op, "out_of_range", "colleague, customer or all", "with");
        return;
    }
    sup_err err = sup_party_store_talk(op->api->opts.pool, op->actor.text, op->object, with,
                                       op->request, on_talk, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_complete(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    struct sup_api *api = op->api;
    if (!result_of(op, reply))
        return;
    struct sup_chat_news news = {
        .chat = sup_row_id(reply->rows, 0, "chat_id"),
        .customer = sup_row_id(reply->rows, 0, "customer_id"),
        .staff = sup_row_id(reply->rows, 0, "staff_id"),
        .rev = sup_row_number(reply->rows, 0, "rev"),
    };
    sup_call_answered(api->opts.call, op->object, news.staff);
    api_party_changed(api, op->object, news.staff);
    api_call_changed(api, op->object, news.customer, news.staff);
    sup_chat_announce(api->opts.chat, &news);
    sup_queue_kick(api->opts.queue);
    api_queue_changed(api);
    api_me_changed(api, op->actor.id);
    api_me_changed(api, news.staff);
    api_op_done(op);
}

void api_consult_complete(struct api_op *op)
{
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, NULL, 0, NULL))
        return;
    sup_err err = sup_party_store_complete(op->api->opts.pool, op->actor.text, op->object,
                                           sup_id_new(), op->request, on_complete, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_ended(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    const char *result = result_of(op, reply);
    if (!result)
        return;
    if (strcmp(result, "ok") == 0) {
        tell_all(op, sup_row_id(reply->rows, 0, "customer_id"),
                 sup_row_id(reply->rows, 0, "agent_id"), sup_row_id(reply->rows, 0, "staff_id"));
        sup_queue_kick(op->api->opts.queue); /* the colleague has room again */
    }
    api_op_done(op);
}

void api_consult_delete(struct api_op *op)
{
    if (!api_op_path_id(op, "call_id", &op->object))
        return;
    sup_err err = sup_party_store_end(op->api->opts.pool, op->actor.text, op->object, op->request,
                                      on_ended, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- supervision --- */

static void on_supervised(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    const char *result = result_of(op, reply);
    if (!result)
        return;
    if (strcmp(result, "same") != 0)
        tell_all(op, sup_row_id(reply->rows, 0, "customer_id"),
                 sup_row_id(reply->rows, 0, "staff_id"), op->actor.id);
    answer_call(op, strcmp(result, "ok") == 0 ? 201 : 200);
}

void api_supervise_post(struct api_op *op)
{
    static const char *const words[] = {"listen", "whisper", "barge"};
    static const struct sup_json_field fields[] = {{"mode", SUP_JSON_STRING, true, 0, 1, 20}};
    const char *mode = NULL;
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, fields, 1, &mode))
        return;
    if (!one_of(mode, words, 3)) {
        api_op_fail(op, "out_of_range", "listen, whisper or barge", "mode");
        return;
    }
    sup_err err = sup_party_store_supervise(op->api->opts.pool, op->actor.text, op->object,
                                            sup_id_new(), mode, op->request, on_supervised, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_unsupervised(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    const char *result = result_of(op, reply);
    if (!result)
        return;
    if (strcmp(result, "ok") == 0)
        tell_all(op, sup_row_id(reply->rows, 0, "customer_id"),
                 sup_row_id(reply->rows, 0, "staff_id"), op->actor.id);
    api_op_done(op);
}

void api_supervise_delete(struct api_op *op)
{
    if (!api_op_path_id(op, "call_id", &op->object))
        return;
    sup_err err = sup_party_store_unsupervise(op->api->opts.pool, op->actor.text, op->object,
                                              op->request, on_unsupervised, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- mine --- */

static void on_list(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *items = json_array();
    for (int row = 0; row < sup_pg_rows(reply->rows); row++)
        json_array_append_new(items, party_json(reply->rows, row));
    api_op_reply(op, 200, NULL, json_pack("{s:o, s:n}", "items", items, "next"));
}

void api_party_list(struct api_op *op)
{
    struct sup_id all = {{0}};
    sup_err err = sup_party_store_mine(op->api->opts.pool, op->actor.text, all, on_list, op);
    if (err)
        api_op_fail_err(op, err);
}
