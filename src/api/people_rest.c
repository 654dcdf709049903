#include <string.h>

#include "api_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/pg/row_json.h"
#include "supportd/queue/queue_store.h"
#include "supportd/staff/staff_store.h"

enum { LIST_MAX = 200, LIST_DEFAULT = 50 };

/* --- me --- */

static json_t *wrap_left(struct sup_pg_result *rows)
{
    int until = sup_pg_col(rows, "wrap_until");
    if (sup_pg_is_null(rows, 0, until))
        return json_null();
    int64_t left_us = sup_pg_time(rows, 0, until) - sup_clock_wall_us();
    return json_integer(left_us > 0 ? left_us / 1000 : 0);
}

static json_t *presence_json(struct sup_pg_result *rows)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "wrap_until",
                     sup_row_time(rows, 0, "wrap_until"), "wrap_left_ms", wrap_left(rows), "chosen",
                     sup_row_text(rows, 0, "chosen"), "reason", sup_row_text(rows, 0, "reason"),
                     "connected", sup_row_bool(rows, 0, "connected"), "load",
                     sup_row_int(rows, 0, "load"), "capacity", sup_row_int(rows, 0, "capacity"),
                     "auto_answer", sup_row_bool(rows, 0, "auto_answer"));
}

static json_t *me_json(const struct sup_actor *actor)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "id", sup_id_text(actor->id).s, "kind",
                     sup_actor_is_staff(actor) ? "staff" : "customer", "name", actor->name, "role",
                     sup_role_name(actor->role));
}

static void on_me(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *body = me_json(&op->actor);
    json_object_set_new(body, "presence", presence_json(reply->rows));
    api_op_reply(op, 200, NULL, body);
}

void api_me_get(struct api_op *op)
{
    if (!sup_actor_is_staff(&op->actor)) {
        api_op_reply(op, 200, NULL, me_json(&op->actor));
        return;
    }
    sup_err err = sup_staff_store_me(op->api->opts.pool, op->actor.text, on_me, op);
    if (err)
        api_op_fail_err(op, err);
}

struct me_read {
    struct sup_api *api;
    struct sup_id staff;
};

static void on_me_read(const struct sup_pg_reply *reply, void *arg)
{
    struct me_read *read = arg;
    if (!reply->err && sup_pg_rows(reply->rows) == 1) {
        json_t *frame = presence_json(reply->rows);
        json_object_set_new(frame, "type", json_string("me.presence"));
        api_send_user(read->api, read->staff, frame);
    }
    sup_free(read);
}

void api_me_tell(struct sup_api *api, struct sup_id staff)
{
    struct me_read *read = NULL;
    if (sup_hub_subscribers(api->hub, api_topic('u', staff).s) > 0)
        read = sup_calloc(1, sizeof(*read));
    if (!read)
        return;
    *read = (struct me_read){api, staff};
    struct sup_actor actor = sup_actor_make(SUP_ROLE_AGENT, staff, NULL);
    if (sup_staff_store_me(api->opts.pool, actor.text, on_me_read, read))
        sup_free(read);
}

/* --- presence --- */

static void on_presence_set(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    struct sup_api *api = op->api;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    struct sup_id offers[16];
    size_t count = sup_pg_ids(reply->rows, 0, sup_pg_col(reply->rows, "offers"), offers, 16);
    for (size_t i = 0; i < count && i < 16; i++)
        api_offer_gone(api, op->actor.id, offers[i], "withdrawn");
    if (count > 0)
        api_feeds_check(api);
    sup_queue_kick(api->opts.queue);
    api_queue_changed(api);
    api_me_changed(api, op->actor.id);
    api_me_get(op);
}

struct presence_fields {
    const char *chosen;
};

static const struct sup_json_field presence_fields[] = {
    {"chosen", SUP_JSON_STRING, true, offsetof(struct presence_fields, chosen), 1, 16},
};

void api_presence_put(struct api_op *op)
{
    struct presence_fields in = {0};
    if (!api_op_read(op, presence_fields, 1, &in))
        return;
    if (strcmp(in.chosen, "available") != 0 && strcmp(in.chosen, "away") != 0 &&
        strcmp(in.chosen, "offline") != 0) {
        api_op_fail(op, "out_of_range", "chosen: available, away or offline", "chosen");
        return;
    }
    sup_err err = sup_queue_store_presence_set(op->api->opts.pool, op->actor.text, in.chosen,
                                               op->request, on_presence_set, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- staff --- */

static json_t *staff_json(struct sup_pg_result *rows, int row)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                     sup_row_text(rows, row, "id"), "email", sup_row_text(rows, row, "email"),
                     "name", sup_row_text(rows, row, "display_name"), "role",
                     sup_row_text(rows, row, "role"), "active", sup_row_bool(rows, row, "active"),
                     "chosen", sup_row_text(rows, row, "chosen"), "connected",
                     sup_row_bool(rows, row, "connected"), "load", sup_row_int(rows, row, "load"));
}

/* The list, or with op->object the one member that it holds. */
static void on_staff(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *items = json_array();
    for (int row = 0; row < sup_pg_rows(reply->rows); row++) {
        bool wanted = sup_id_equal(sup_row_id(reply->rows, row, "id"), op->object);
        if (sup_id_is_zero(op->object) || wanted)
            json_array_append_new(items, staff_json(reply->rows, row));
    }
    if (sup_id_is_zero(op->object)) {
        api_op_reply(op, 200, NULL, json_pack("{s:o, s:n}", "items", items, "next"));
        return;
    }
    json_t *one = json_incref(json_array_get(items, 0));
    json_decref(items);
    if (!one)
        api_op_fail(op, "staff_not_found", NULL, NULL);
    else
        api_op_reply(op, (unsigned)op->number[0], NULL, json_pack("{s:o}", "staff", one));
}

void api_staff_list(struct api_op *op)
{
    sup_err err = sup_staff_store_list(op->api->opts.pool, op->actor.text, on_staff, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_staff_changed(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1)
        api_op_fail_db(op, reply);
    else if (strcmp(sup_row_str(reply->rows, 0, "result"), "taken") == 0)
        api_op_fail(op, "taken", "e-mail: used by somebody else", "email");
    else {
        api_staff_list(op);
    }
}

struct role_field {
    const char *role;
};

static const struct sup_json_field role_field[] = {
    {"role", SUP_JSON_STRING, true, offsetof(struct role_field, role), 1, 20},
};

void api_staff_role(struct api_op *op)
{
    struct role_field in = {0};
    if (!api_op_path_id(op, "staff_id", &op->object) || !api_op_read(op, role_field, 1, &in))
        return;
    enum sup_role role;
    if (sup_role_parse(in.role, &role) || !sup_role_is_staff(role)) {
        api_op_fail(op, "out_of_range", "role: agent, team_lead, supervisor, admin, super_admin",
                    "role");
        return;
    }
    if (role >= SUP_ROLE_ADMIN && !api_allowed(&op->actor, SUP_OP_STAFF_GRANT_ADMIN)) {
        api_denied(op, SUP_OP_STAFF_GRANT_ADMIN);
        api_op_fail(op, "denied", NULL, "role");
        return;
    }
    op->number[0] = 200;
    sup_err err = sup_staff_store_set_role(op->api->opts.pool, op->actor.text, op->object, in.role,
                                           op->request, on_staff_changed, op);
    if (err)
        api_op_fail_err(op, err);
}

/* The password's hash is ready (op->parts[0] keeps it as a string). */
void api_staff_store_new(struct api_op *op)
{
    struct sup_staff_new staff = {
        .id = op->object,
        .email = json_string_value(json_object_get(op->body, "email")),
        .name = json_string_value(json_object_get(op->body, "name")),
        .role = json_string_value(json_object_get(op->body, "role")),
        .password_hash = json_string_value(op->parts[0]),
        .request = op->request,
    };
    op->number[0] = 201;
    sup_err err =
        sup_staff_store_create(op->api->opts.pool, op->actor.text, &staff, on_staff_changed, op);
    if (err)
        api_op_fail_err(op, err);
}

/* What follows from it is done where the row's news is heard. */
static void on_deactivated(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1)
        api_op_fail_db(op, reply);
    else
        api_op_done(op);
}

void api_staff_delete(struct api_op *op)
{
    if (!api_op_path_id(op, "staff_id", &op->object))
        return;
    sup_err err = sup_staff_store_deactivate(op->api->opts.pool, op->actor.text, op->object,
                                             op->request, on_deactivated, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- audit log and settings --- */

static json_t *activity_json(struct sup_pg_result *rows, int row)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
        sup_row_int(rows, row, "id"), "at", sup_row_time(rows, row, "at"), "actor_kind",
        sup_row_text(rows, row, "actor_kind"), "actor_ref", sup_row_text(rows, row, "actor_ref"),
        "action", sup_row_text(rows, row, "action"), "subject_kind",
        sup_row_text(rows, row, "subject_kind"), "subject_ref",
        sup_row_text(rows, row, "subject_ref"), "outcome", sup_row_text(rows, row, "outcome"),
        "reason", sup_row_text(rows, row, "reason"), "request_id",
        sup_row_text(rows, row, "request_id"), "detail", sup_row_json(rows, row, "detail"));
}

static void on_activity(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *items = json_array();
    int rows = sup_pg_rows(reply->rows);
    for (int row = 0; row < rows; row++)
        json_array_append_new(items, activity_json(reply->rows, row));
    json_t *next = json_null();
    if (rows == op->number[0])
        next = json_sprintf("%lld", (long long)sup_row_number(reply->rows, rows - 1, "id"));
    api_op_reply(op, 200, NULL, json_pack("{s:o, s:o}", "items", items, "next", next));
}

void api_activity_list(struct api_op *op)
{
    if (!api_op_query_int(op, "limit", LIST_DEFAULT, 1, LIST_MAX, &op->number[0]) ||
        !api_op_query_int(op, "cursor", -1, 0, INT64_MAX, &op->number[1]))
        return;
    sup_err err = sup_staff_store_audit_list(op->api->opts.pool, op->actor.text, op->number[1],
                                             (int)op->number[0], on_activity, op);
    if (err)
        api_op_fail_err(op, err);
}

static json_t *setting_json(struct sup_pg_result *rows, int row)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "key", sup_row_text(rows, row, "key"), "value",
                     sup_row_json(rows, row, "value"), "default",
                     sup_row_json(rows, row, "fallback"), "description",
                     sup_row_text(rows, row, "description"), "updated_at",
                     sup_row_time(rows, row, "updated_at"));
}

/* The list, or with parts[0] the one setting of that key. */
static void on_settings(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    const char *key = json_string_value(op->parts[0]);
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *items = json_array();
    for (int row = 0; row < sup_pg_rows(reply->rows); row++)
        if (!key || strcmp(key, sup_row_str(reply->rows, row, "key")) == 0)
            json_array_append_new(items, setting_json(reply->rows, row));
    if (!key) {
        api_op_reply(op, 200, NULL, json_pack("{s:o, s:n}", "items", items, "next"));
        return;
    }
    json_t *one = json_incref(json_array_get(items, 0));
    json_decref(items);
    if (one)
        api_op_reply(op, 200, NULL, one);
    else
        api_op_fail(op, "setting_not_found", NULL, NULL);
}

void api_settings_list(struct api_op *op)
{
    sup_err err = sup_staff_store_settings(op->api->opts.pool, op->actor.text, on_settings, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_setting_set(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err)
        api_op_fail_db(op, reply);
    else
        api_settings_list(op);
}

void api_setting_put(struct api_op *op)
{
    json_t *value = json_object_get(op->body, "value");
    if (!value || json_object_size(op->body) != 1) {
        api_op_fail(op, value ? "unknown_field" : "missing", "value: the only field", "value");
        return;
    }
    const char *key = sup_http_param(op->req, "key");
    op->parts[0] = json_string(key);
    sup_err err = sup_staff_store_setting_set(op->api->opts.pool, op->actor.text, key, value,
                                              op->request, on_setting_set, op);
    if (err)
        api_op_fail_err(op, err);
}
