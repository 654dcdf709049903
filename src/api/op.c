#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"

enum { RETRY_AFTER_US = 1000000 };

void api_op_free(struct api_op *op)
{
    json_decref(op->body);
    for (size_t i = 0; i < sizeof(op->parts) / sizeof(op->parts[0]); i++)
        json_decref(op->parts[i]);
    if (op->session)
        api_session_unref(op->session);
    sup_free(op);
}

void api_op_reply(struct api_op *op, unsigned status, const char *type, json_t *value)
{
    if (!value) {
        api_op_fail(op, "internal_error", NULL, NULL);
        return;
    }
    if (op->req) {
        (void)sup_http_reply_json(op->req, status, value);
        json_decref(value);
    } else {
        json_object_set_new(value, "type", json_string(type));
        if (op->frame_id[0])
            json_object_set_new(value, "id", json_string(op->frame_id));
        api_session_send(op->session, value);
    }
    api_op_free(op);
}

void api_op_done(struct api_op *op)
{
    if (op->req)
        (void)sup_http_reply(op->req, 204, NULL, NULL, 0);
    api_op_free(op);
}

static void fail(struct api_op *op, const struct sup_problem *problem)
{
    if (op->req) {
        (void)sup_http_problem(op->req, problem);
    } else {
        json_t *frame =
            json_pack("{s:s, s:o}", "type", "error", "error", sup_problem_json(problem));
        if (frame && op->frame_id[0])
            json_object_set_new(frame, "id", json_string(op->frame_id));
        api_session_send(op->session, frame);
    }
    api_op_free(op);
}

void api_op_fail(struct api_op *op, const char *code, const char *detail, const char *field)
{
    const struct api_error *error = api_error_find(code);
    fail(op,
         &(struct sup_problem){
             .status = error->status,
             .code = error->code,
             .title = error->title,
             .detail = detail,
             .field = field,
             .retry_after_us = error->status == 429 || error->status == 503 ? RETRY_AFTER_US : 0,
         });
}

static const char *code_of(sup_err err)
{
    switch (err) {
    case SUP_E_MALFORMED:
        return "malformed";
    case SUP_E_NOTFOUND:
        return "not_found";
    case SUP_E_DENIED:
        return "denied";
    case SUP_E_LIMIT:
    case SUP_E_NOMEM:
        return "overloaded";
    case SUP_E_CLOSED:
    case SUP_E_TIMEOUT:
        return "unavailable";
    default:
        return "internal_error";
    }
}

void api_op_fail_err(struct api_op *op, sup_err err)
{
    const char *code = code_of(err);
    if (strcmp(code, "internal_error") == 0)
        sup_log_error("api", "operation failed", SUP_STR("request", op->request),
                      SUP_STR("error", sup_err_name(err)));
    api_op_fail(op, code, NULL, NULL);
}

void api_op_fail_db(struct api_op *op, const struct sup_pg_reply *reply)
{
    if (reply->err != SUP_E_DB) {
        api_op_fail_err(op, reply->err);
        return;
    }
    /* Class SD is the functions' own; its message is the code. */
    if (strncmp(reply->sqlstate, "SD", 2) == 0 && reply->code[0]) {
        api_op_fail(op, reply->code, NULL, NULL);
        return;
    }
    sup_log_error("api", "statement failed", SUP_STR("request", op->request),
                  SUP_STR("sqlstate", reply->sqlstate), SUP_STR("constraint", reply->constraint));
    api_op_fail(op, "internal_error", NULL, NULL);
}

void api_op_fail_field(struct api_op *op, const struct sup_json_problem *problem)
{
    char detail[160];
    (void)snprintf(detail, sizeof(detail), "%.100s: %s", problem->field, problem->reason);
    /* The field's name may be borrowed from the body, which api_op_fail() frees after the answer.
     */
    api_op_fail(op, problem->reason, detail, problem->field);
}

bool api_op_read(struct api_op *op, const struct sup_json_field *fields, size_t count, void *target)
{
    static const char *const frame_fields[] = {"type", "id", NULL};
    struct sup_json_problem problem;
    if (!op->body) {
        api_op_fail(op, "malformed", "a JSON object is expected", NULL);
        return false;
    }
    if (sup_json_read(op->body, fields, count, op->session ? frame_fields : NULL, target,
                      &problem) == SUP_OK)
        return true;
    api_op_fail_field(op, &problem);
    return false;
}

bool api_op_path_id(struct api_op *op, const char *name, struct sup_id *ret_id)
{
    if (sup_http_param_id(op->req, name, ret_id) == SUP_OK)
        return true;
    api_op_fail(op, "not_found", NULL, NULL);
    return false;
}

bool api_op_query_int(struct api_op *op, const char *name, int64_t fallback, int64_t min,
                      int64_t max, int64_t *ret_value)
{
    const char *text = sup_http_query(op->req, name);
    *ret_value = fallback;
    if (!text)
        return true;
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || strlen(text) > 18 || value < min || value > max) {
        char detail[96];
        (void)snprintf(detail, sizeof(detail), "%s: a number from %lld to %lld", name,
                       (long long)min, (long long)max);
        api_op_fail(op, "out_of_range", detail, name);
        return false;
    }
    *ret_value = value;
    return true;
}

bool api_op_key_matches(struct api_op *op, struct sup_id key)
{
    const char *header = op->req ? sup_http_header(op->req, "idempotency-key") : NULL;
    struct sup_id id;
    if (!header)
        return true;
    if (sup_id_parse(header, strlen(header), &id)) {
        api_op_fail(op, "not_an_id", "Idempotency-Key: a UUID", "Idempotency-Key");
        return false;
    }
    if (sup_id_equal(id, key))
        return true;
    api_op_fail(op, "key_mismatch", "Idempotency-Key and the key of the body differ", NULL);
    return false;
}
