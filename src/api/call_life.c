#include <string.h>

#include "api_internal.h"
#include "supportd/base/mem.h"
#include "supportd/call/call_life_store.h"
#include "supportd/call/call_store.h"
#include "supportd/chat/mask_text.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

/* Requests of docs/protocol.md 2, call: what is possible in which state is decided in SQL. */

enum { TEXT_MAX = 1000, TARGET_MAX = 40, LIST_MAX = 200, LIST_DEFAULT = 50 };

static void fail_state(struct api_op *op, struct sup_pg_result *rows)
{
    bool ended = strcmp(sup_row_str(rows, 0, "state"), "ended") == 0;
    api_op_fail(op, ended ? "call_ended" : "not_allowed_now", NULL, NULL);
}

/* Of an answer with the columns chat_id, customer_id, rev: everybody hears, the router looks. */
static void tell_all(struct api_op *op, struct sup_pg_result *rows, struct sup_id staff)
{
    struct sup_api *api = op->api;
    struct sup_chat_news news = {
        .chat = sup_row_id(rows, 0, "chat_id"),
        .customer = sup_row_id(rows, 0, "customer_id"),
    };
    if (sup_pg_col(rows, "rev") >= 0)
        news.rev = sup_row_number(rows, 0, "rev");
    api_call_changed(api, op->object, news.customer, staff);
    if (news.rev > 0)
        sup_chat_announce(api->opts.chat, &news);
    sup_queue_kick(api->opts.queue);
    api_queue_changed(api);
    api_me_changed(api, staff);
}

/* --- hold --- */

static void on_held(const struct sup_call_end_result *result, void *arg)
{
    struct api_op *op = arg;
    if (result->err && result->code[0])
        api_op_fail(op, result->code, NULL, NULL);
    else if (result->err)
        api_op_fail_err(op, result->err);
    else
        api_call_answer_state(op);
}

static void hold(struct api_op *op, bool on)
{
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, NULL, 0, NULL))
        return;
    sup_err err =
        sup_call_hold(op->api->opts.call, op->actor.text, op->object, on, op->request, on_held, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_call_hold(struct api_op *op)
{
    hold(op, true);
}

void api_call_resume(struct api_op *op)
{
    hold(op, false);
}

/* --- transfer --- */

static void on_targets(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1)
        api_op_fail_db(op, reply);
    else
        api_op_reply(op, 200, NULL, sup_row_json(reply->rows, 0, "targets"));
}

void api_transfer_targets(struct api_op *op)
{
    sup_err err = sup_call_life_store_targets(op->api->opts.pool, op->actor.text, on_targets, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_transferred(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    if (strcmp(result, "unavailable") == 0) {
        api_op_fail(op, "target_unavailable", NULL, "to");
    } else if (strcmp(result, "not_allowed") == 0) {
        fail_state(op, reply->rows);
    } else {
        sup_call_waits(op->api->opts.call, op->object);
        tell_all(op, reply->rows, op->actor.id);
        api_call_answer_state(op);
    }
}

struct transfer_fields {
    const char *kind, *to, *note;
};

/* False: the operation has been failed. */
static bool read_target(struct api_op *op, const struct transfer_fields *in,
                        struct sup_call_transfer *ret_transfer)
{
    static const char skill_letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
    bool staff = strcmp(in->kind, "staff") == 0, team = strcmp(in->kind, "team") == 0;
    if (!staff && !team && strcmp(in->kind, "skill") != 0) {
        api_op_fail(op, "out_of_range", "kind: staff, team or skill", "kind");
        return false;
    }
    ret_transfer->kind = in->kind;
    if (!staff && !team) {
        ret_transfer->skill = in->to;
        if (in->to[strspn(in->to, skill_letters)] == '\0')
            return true;
        api_op_fail(op, "out_of_range", "to: name of a skill", "to");
        return false;
    }
    if (sup_id_parse(in->to, strlen(in->to), staff ? &ret_transfer->staff : &ret_transfer->team)) {
        api_op_fail(op, "not_an_id", "to: id of a member of staff or a team", "to");
        return false;
    }
    return true;
}

/* Masks an optional text; false: the operation has been failed. */
static bool mask(struct api_op *op, const char *text, const char *field, struct sup_buf *out)
{
    if (!text || sup_chat_mask_text(op->api->opts.chat, text, out) == SUP_OK)
        return true;
    api_op_fail(op, "text_refused", NULL, field);
    return false;
}

void api_call_transfer(struct api_op *op)
{
    static const struct sup_json_field fields[] = {
        {"kind", SUP_JSON_STRING, true, offsetof(struct transfer_fields, kind), 1, TARGET_MAX},
        {"to", SUP_JSON_STRING, true, offsetof(struct transfer_fields, to), 1, TARGET_MAX},
        {"note", SUP_JSON_STRING, false, offsetof(struct transfer_fields, note), 0, TEXT_MAX},
    };
    struct transfer_fields in = {0};
    struct sup_buf note = {0};
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, fields, 3, &in))
        return;
    struct sup_call_transfer transfer = {
        .call = op->object, .transfer = sup_id_new(), .request = op->request};
    if (!read_target(op, &in, &transfer) || !mask(op, in.note, "note", &note))
        return;
    if (note.len > 0)
        transfer.note = note.data;
    sup_err err = sup_call_life_store_transfer(op->api->opts.pool, op->actor.text, &transfer,
                                               on_transferred, op);
    sup_buf_fini_secret(&note);
    if (err)
        api_op_fail_err(op, err);
}

/* --- callback --- */

static void on_callback(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    if (strcmp(result, "not_allowed") == 0) {
        fail_state(op, reply->rows);
        return;
    }
    if (strcmp(result, "ok") == 0) {
        struct sup_id staff = sup_row_id(reply->rows, 0, "offer_staff_id");
        sup_call_forget(op->api->opts.call, op->object);
        api_offer_gone(op->api, staff, sup_row_id(reply->rows, 0, "offer_id"), "withdrawn");
        tell_all(op, reply->rows, staff);
    }
    api_call_answer_state(op);
}

void api_call_callback(struct api_op *op)
{
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, NULL, 0, NULL))
        return;
    sup_err err = sup_call_life_store_callback(op->api->opts.pool, op->actor.text, op->object,
                                               op->request, on_callback, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_rung(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    if (strcmp(result, "not_allowed") == 0) {
        fail_state(op, reply->rows);
    } else if (strcmp(result, "attempts_used") == 0) {
        api_op_fail(op, result, NULL, NULL);
    } else {
        tell_all(op, reply->rows, op->actor.id);
        api_call_answer_state(op);
    }
}

void api_call_ring(struct api_op *op)
{
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, NULL, 0, NULL))
        return;
    sup_err err = sup_call_life_store_ring(op->api->opts.pool, op->actor.text, op->object,
                                           op->request, on_rung, op);
    if (err)
        api_op_fail_err(op, err);
}

enum { TAKE };

static void on_answered(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    if (strcmp(result, "not_allowed") == 0) {
        fail_state(op, reply->rows);
        return;
    }
    if (strcmp(result, "ok") == 0) {
        struct sup_id staff = sup_row_id(reply->rows, 0, "staff_id");
        if (op->number[TAKE])
            sup_call_answered(op->api->opts.call, op->object, staff);
        else
            sup_call_ended(op->api->opts.call, op->object);
        tell_all(op, reply->rows, staff);
    }
    api_call_answer_state(op);
}

static void answer(struct api_op *op, bool take)
{
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, NULL, 0, NULL))
        return;
    op->number[TAKE] = take;
    sup_err err = sup_call_life_store_answer(op->api->opts.pool, op->actor.text, op->object, take,
                                             op->request, on_answered, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_call_answer(struct api_op *op)
{
    answer(op, true);
}

void api_call_decline(struct api_op *op)
{
    answer(op, false);
}

/* --- auto-answer --- */

struct answerable {
    struct sup_api *api;
    struct sup_id staff;
};

static void on_auto(const struct sup_pg_reply *reply, void *arg)
{
    struct answerable a = *(struct answerable *)arg;
    sup_free(arg);
    if (reply->err) {
        sup_log_warn("api", "call not taken by itself", SUP_STR("error", sup_err_name(reply->err)),
                     SUP_STR("code", reply->code));
        return;
    }
    if (strcmp(sup_row_str(reply->rows, 0, "result"), "accepted") != 0)
        return;
    api_offer_gone(a.api, a.staff, sup_row_id(reply->rows, 0, "offer_id"), "accepted");
    api_work_taken(a.api, a.staff, reply->rows);
}

void api_call_answerable(struct sup_api *api, struct sup_id call, struct sup_id staff)
{
    struct answerable *a = sup_calloc(1, sizeof(*a));
    if (!a)
        return;
    *a = (struct answerable){api, staff};
    struct sup_actor actor = sup_actor_make(SUP_ROLE_AGENT, staff, NULL);
    if (sup_call_life_store_auto_accept(api->opts.pool, actor.text, call,
                                        sup_bus_process(api->opts.bus), on_auto, a))
        sup_free(a);
}

static void on_auto_set(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    api_me_changed(op->api, op->actor.id);
    api_me_get(op);
}

void api_auto_answer_put(struct api_op *op)
{
    struct {
        bool on;
    } in = {0};
    static const struct sup_json_field fields[] = {{"on", SUP_JSON_BOOL, true, 0, 0, 0}};
    if (!api_op_read(op, fields, 1, &in))
        return;
    sup_err err = sup_call_life_store_auto_answer(op->api->opts.pool, op->actor.text, in.on,
                                                  op->request, on_auto_set, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- wrap-up --- */

static void on_wrap(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    if (strcmp(result, "none") == 0) {
        api_op_fail(op, "not_allowed_now", "no wrap-up", NULL);
    } else if (strcmp(result, "limit") == 0) {
        api_op_fail(op, "wrap_up_limit", NULL, "extend_ms");
    } else {
        sup_queue_kick(op->api->opts.queue);
        api_me_changed(op->api, op->actor.id);
        api_me_get(op);
    }
}

void api_wrap_up_post(struct api_op *op)
{
    struct {
        int64_t extend_ms;
    } in = {0};
    static const struct sup_json_field fields[] = {
        {"extend_ms", SUP_JSON_INT, true, 0, 1000, 3600000}};
    if (!api_op_read(op, fields, 1, &in))
        return;
    sup_err err = sup_call_life_store_wrap_extend(op->api->opts.pool, op->actor.text, in.extend_ms,
                                                  op->request, on_wrap, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_wrap_up_delete(struct api_op *op)
{
    sup_err err =
        sup_call_life_store_wrap_end(op->api->opts.pool, op->actor.text, op->request, on_wrap, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- afterwards --- */

static void on_rated_state(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1)
        api_op_fail_db(op, reply);
    else
        api_op_reply(op, 201, NULL,
                     json_pack("{s:o}", "call", sup_row_json(reply->rows, 0, "state")));
}

static void on_rated(const struct sup_pg_reply *reply, void *arg)
{
    static const struct {
        const char *result, *code;
    } refusals[] = {{"already", "already_rated"},
                    {"closed", "rating_closed"},
                    {"not_allowed", "not_allowed_now"}};
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        if (strcmp(result, refusals[i].result) == 0) {
            api_op_fail(op, refusals[i].code, NULL, NULL);
            return;
        }
    }
    if (strcmp(result, "same") == 0) {
        api_call_answer_state(op);
        return;
    }
    api_call_changed(op->api, op->object, op->actor.id, sup_row_id(reply->rows, 0, "staff_id"));
    sup_err err =
        sup_call_store_state(op->api->opts.pool, op->actor.text, op->object, on_rated_state, op);
    if (err)
        api_op_fail_err(op, err);
}

struct rating_fields {
    int64_t score;
    const char *comment;
};

void api_call_rating(struct api_op *op)
{
    static const struct sup_json_field fields[] = {
        {"score", SUP_JSON_INT, true, offsetof(struct rating_fields, score), 1, 5},
        {"comment", SUP_JSON_STRING, false, offsetof(struct rating_fields, comment), 0, TEXT_MAX},
    };
    struct rating_fields in = {0};
    struct sup_buf comment = {0};
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, fields, 2, &in) ||
        !mask(op, in.comment, "comment", &comment))
        return;
    sup_err err =
        sup_call_life_store_rate(op->api->opts.pool, op->actor.text, op->object, (int)in.score,
                                 comment.len > 0 ? comment.data : NULL, op->request, on_rated, op);
    sup_buf_fini_secret(&comment);
    if (err)
        api_op_fail_err(op, err);
}

static json_t *missed_json(struct sup_pg_result *rows, int row)
{
    int64_t waited_us = sup_pg_time(rows, row, sup_pg_col(rows, "ended_at")) -
                        sup_pg_time(rows, row, sup_pg_col(rows, "queued_at"));
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "id", sup_row_text(rows, row, "call_id"),
        "chat_id", sup_row_text(rows, row, "chat_id"), "customer",
        sup_row_person(rows, row, "customer_id", "customer_name"), "created_at",
        sup_row_time(rows, row, "created_at"), "queued_at", sup_row_time(rows, row, "queued_at"),
        "ended_at", sup_row_time(rows, row, "ended_at"), "end_reason",
        sup_row_text(rows, row, "end_reason"), "wait_ms",
        (json_int_t)(waited_us > 0 ? waited_us / 1000 : 0), "asked",
        sup_row_json(rows, row, "asked"));
}

static void on_missed(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *items = json_array();
    int rows = sup_pg_rows(reply->rows);
    for (int row = 0; row < rows; row++)
        json_array_append_new(items, missed_json(reply->rows, row));
    json_t *next =
        rows == op->number[0] ? sup_row_text(reply->rows, rows - 1, "call_id") : json_null();
    api_op_reply(op, 200, NULL, json_pack("{s:o, s:o}", "items", items, "next", next));
}

void api_call_missed(struct api_op *op)
{
    const char *cursor = sup_http_query(op->req, "cursor");
    struct sup_id before = {{0}};
    if (cursor && sup_id_parse(cursor, strlen(cursor), &before)) {
        api_op_fail(op, "not_an_id", "cursor: as given in next", "cursor");
        return;
    }
    if (!api_op_query_int(op, "limit", LIST_DEFAULT, 1, LIST_MAX, &op->number[0]))
        return;
    sup_err err = sup_call_life_store_missed(op->api->opts.pool, op->actor.text, before,
                                             (int)op->number[0], op->request, on_missed, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_live(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    api_op_reply(op, 200, NULL,
                 json_pack("{s:o, s:n}", "items", api_live_items(reply->rows), "next"));
}

void api_call_live(struct api_op *op)
{
    if (!api_op_query_int(op, "limit", LIST_DEFAULT, 1, LIST_MAX, &op->number[0]))
        return;
    sup_err err = sup_call_life_store_team(op->api->opts.pool, op->actor.text, (int)op->number[0],
                                           on_live, op);
    if (err)
        api_op_fail_err(op, err);
}
