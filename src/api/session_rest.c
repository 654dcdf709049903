#include <string.h>

#include "api_internal.h"
#include "supportd/auth/jwt_sign.h"
#include "supportd/auth/password.h"
#include "supportd/auth/session.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/pg/row_json.h"
#include "supportd/staff/staff_store.h"

/* Built-in staff accounts: login, logout, new passwords. Hashing runs on the work queue. */

enum { EMAIL_MAX = 254, NAME_MAX_CHARS = 100, LOGIN_COST = 1 };

/* One password on the work queue; wiped when it comes back. */
struct hashing {
    struct sup_link link; /* sup_api::hashing */
    struct sup_work *work;
    struct api_op *op;
    struct sup_password_cost cost; /* the thread reads nothing of api */
    char *password;
    char *stored; /* verify against it; NULL: make a new hash */
    bool make;
    struct sup_password_hash made;
    sup_err err;
    void (*then)(struct api_op *op, struct hashing *h);
};

static void hash_work(void *arg)
{
    struct hashing *h = arg;
    size_t len = strlen(h->password);
    h->err = h->make ? sup_password_make(&h->cost, h->password, len, &h->made)
                     : sup_password_verify(&h->cost, h->stored, h->password, len);
}

static void hash_free(void *arg)
{
    struct hashing *h = arg;
    sup_free_secret(h->password);
    sup_free_secret(h->stored);
    sup_free(h);
}

static void hash_done(void *arg)
{
    struct hashing *h = arg;
    sup_list_remove(&h->link);
    h->then(h->op, h);
    hash_free(h);
}

/* At stop: the threads end with the loop, when nothing of api is left for their answers. */
void api_hashing_cancel(struct sup_api *api)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &api->hashing)
    {
        struct hashing *h = SUP_CONTAINER_OF(pos, struct hashing, link);
        sup_list_remove(&h->link);
        api_op_fail(h->op, "unavailable", NULL, NULL);
        sup_work_cancel(h->work); /* frees h when its thread is done with it */
    }
}

static void hash(struct api_op *op, const char *password, const char *stored, bool make,
                 void (*then)(struct api_op *op, struct hashing *h))
{
    struct hashing *h = sup_calloc(1, sizeof(*h));
    sup_err err = h ? SUP_OK : SUP_E_NOMEM;
    if (!err) {
        *h = (struct hashing){.op = op, .make = make, .then = then};
        h->cost = op->api->opts.password_cost;
        h->password = sup_strdup(password);
        h->stored = sup_strdup(stored);
        err = h->password && (h->stored || !stored) ? SUP_OK : SUP_E_NOMEM;
    }
    if (!err)
        err = sup_work_start(op->api->opts.loop, hash_work, hash_done, hash_free, h, &h->work);
    if (!err) {
        sup_list_append(&op->api->hashing, &h->link);
        return;
    }
    if (h)
        hash_free(h);
    api_op_fail_err(op, err);
}

/* --- login --- */

struct login_fields {
    const char *email, *password;
};

static const struct sup_json_field login_fields[] = {
    {"email", SUP_JSON_STRING, true, offsetof(struct login_fields, email), 3, EMAIL_MAX},
    {"password", SUP_JSON_STRING, true, offsetof(struct login_fields, password), 1,
     SUP_PASSWORD_MAX_BYTES},
};

enum { PART_ROLE, PART_NAME, PART_TOKEN, PART_HASH };

static sup_err set_cookie(struct api_op *op, const char *value)
{
    struct sup_buf text = {0};
    struct sup_cookie_opts cookie = {
        .name = API_SESSION_COOKIE,
        .value = value,
        .domain = op->api->opts.cookie_domain,
        .secure = sup_http_is_tls(op->req),
    };
    sup_err err = sup_cookie_write(&cookie, &text);
    if (!err)
        err = sup_http_set_header(op->req, "Set-Cookie", text.data);
    sup_buf_fini_secret(&text);
    return err;
}

static json_t *me_of(const struct sup_actor *me)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "id", sup_id_text(me->id).s, "kind", "staff", "name",
                     me->name, "role", sup_role_name(me->role));
}

static void on_session_made(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    struct sup_token csrf;
    const char *token = json_string_value(op->parts[PART_TOKEN]);
    enum sup_role role;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    sup_err err = sup_csrf_of(token, strlen(token), &csrf);
    if (!err)
        err = set_cookie(op, token);
    if (!err)
        err = sup_role_parse(json_string_value(op->parts[PART_ROLE]), &role);
    if (err) {
        api_op_fail_err(op, err);
        return;
    }
    struct sup_actor me = sup_actor_make(role, op->object, json_string_value(op->parts[PART_NAME]));
    api_op_reply(op, 201, NULL, json_pack("{s:s, s:o}", "csrf_token", csrf.s, "me", me_of(&me)));
}

static void make_session(struct api_op *op)
{
    struct sup_token token = sup_token_new(), csrf;
    struct sup_token_hash hash_of_token, hash_of_csrf;
    op->parts[PART_TOKEN] = json_string(token.s);
    sup_err err = sup_token_hash(token.s, SUP_TOKEN_LEN, &hash_of_token);
    if (!err)
        err = sup_csrf_of(token.s, SUP_TOKEN_LEN, &csrf);
    if (!err)
        err = sup_token_hash(csrf.s, SUP_TOKEN_LEN, &hash_of_csrf);
    if (!err)
        err = sup_staff_store_session_create(op->api->opts.pool, op->object, hash_of_token.bytes,
                                             hash_of_csrf.bytes, op->request, on_session_made, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_counted(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    if (strcmp(result, "ok") == 0)
        make_session(op);
    else
        api_op_fail(op, strcmp(result, "locked") == 0 ? "locked" : "bad_credentials", NULL, NULL);
}

static void on_verified(struct api_op *op, struct hashing *h)
{
    if (sup_id_is_zero(op->object)) { /* no such account: the same answer after the same time */
        api_op_fail(op, "bad_credentials", NULL, NULL);
        return;
    }
    sup_err err = sup_staff_store_login_result(op->api->opts.pool, op->object, h->err == SUP_OK,
                                               op->request, on_counted, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_account(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    const char *stored = NULL;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    if (sup_pg_rows(reply->rows) == 1) {
        op->object = sup_row_id(reply->rows, 0, "staff_id");
        op->parts[PART_ROLE] = sup_row_text(reply->rows, 0, "role");
        op->parts[PART_NAME] = sup_row_text(reply->rows, 0, "display_name");
        stored = sup_row_str(reply->rows, 0, "password_hash");
    }
    hash(op, json_string_value(json_object_get(op->body, "password")), stored, false, on_verified);
}

void api_session_post(struct api_op *op)
{
    struct login_fields in = {0};
    uint64_t retry_us;
    const char *peer = sup_http_peer(op->req), *origin = sup_http_header(op->req, "origin");
    if (origin && !api_origin_allowed(op->api, op->req, origin)) {
        api_op_fail(op, "origin_refused", NULL, NULL);
        return;
    }
    if (!api_op_read(op, login_fields, 2, &in))
        return;
    if (sup_rate_take(op->api->login_rate, peer, strlen(peer), LOGIN_COST, sup_clock_mono_us(),
                      &retry_us)) {
        api_op_fail(op, "rate_limited", NULL, NULL);
        return;
    }
    sup_err err = sup_staff_store_login_lookup(op->api->opts.pool, in.email, on_account, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_session_get(struct api_op *op)
{
    const char *cookie;
    size_t len;
    struct sup_token csrf;
    if (sup_http_cookie(op->req, API_SESSION_COOKIE, &cookie, &len) ||
        sup_csrf_of(cookie, len, &csrf)) {
        api_op_fail(op, "unauthenticated", "no session cookie", NULL);
        return;
    }
    api_op_reply(op, 200, NULL,
                 json_pack("{s:s, s:o}", "csrf_token", csrf.s, "me", me_of(&op->actor)));
}

static void on_deleted(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    struct sup_id login;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    if (api_login_ref(op, &login))
        api_login_gone(op->api, login);
    if (set_cookie(op, ""))
        api_op_fail(op, "internal_error", NULL, NULL);
    else
        api_op_done(op);
}

void api_session_delete(struct api_op *op)
{
    const char *cookie;
    size_t len;
    struct sup_token_hash token;
    sup_err err = SUP_E_MALFORMED;
    if (sup_http_cookie(op->req, API_SESSION_COOKIE, &cookie, &len) == SUP_OK)
        err = sup_token_hash(cookie, len, &token);
    if (err) {
        api_op_fail(op, "unauthenticated", "no session cookie", NULL);
        return;
    }
    err = sup_staff_store_session_delete(op->api->opts.pool, token.bytes, op->request, on_deleted,
                                         op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- a new member of staff --- */

struct staff_fields {
    const char *email, *name, *role, *password;
};

static const struct sup_json_field staff_fields[] = {
    {"email", SUP_JSON_STRING, true, offsetof(struct staff_fields, email), 3, EMAIL_MAX},
    {"name", SUP_JSON_STRING, true, offsetof(struct staff_fields, name), 1, NAME_MAX_CHARS},
    {"role", SUP_JSON_STRING, true, offsetof(struct staff_fields, role), 1, 20},
    {"password", SUP_JSON_STRING, true, offsetof(struct staff_fields, password),
     SUP_PASSWORD_MIN_CHARS, SUP_PASSWORD_MAX_BYTES},
};

static void on_hashed(struct api_op *op, struct hashing *h)
{
    if (h->err) {
        api_op_fail_err(op, h->err);
        return;
    }
    op->parts[0] = json_string(h->made.s);
    api_staff_store_new(op);
}

void api_staff_post(struct api_op *op)
{
    struct staff_fields in = {0};
    enum sup_role role;
    if (!api_op_read(op, staff_fields, 4, &in))
        return;
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
    const char *at = strchr(in.email, '@');
    if (!at || at == in.email || at[1] == '\0' || strpbrk(in.email, " \t\r\n")) {
        api_op_fail(op, "out_of_range", "email: name@host", "email");
        return;
    }
    if (!sup_password_acceptable(in.password, strlen(in.password))) {
        api_op_fail(op, "out_of_range", "password: 10 to 256 characters", "password");
        return;
    }
    op->object = sup_id_new();
    hash(op, in.password, NULL, true, on_hashed);
}

/* --- the own password --- */

struct password_fields {
    const char *old, *new;
};

static const struct sup_json_field password_fields[] = {
    {"old_password", SUP_JSON_STRING, true, offsetof(struct password_fields, old), 1,
     SUP_PASSWORD_MAX_BYTES},
    {"new_password", SUP_JSON_STRING, true, offsetof(struct password_fields, new),
     SUP_PASSWORD_MIN_CHARS, SUP_PASSWORD_MAX_BYTES},
};

static void on_password_set(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    if (set_cookie(op, ""))
        api_op_fail(op, "internal_error", NULL, NULL);
    else
        api_op_done(op);
}

static void on_new_hash(struct api_op *op, struct hashing *h)
{
    sup_err err = h->err;
    if (!err)
        err = sup_staff_store_set_password(op->api->opts.pool, op->actor.text, op->actor.id,
                                           h->made.s, op->request, on_password_set, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_old_counted(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    if (strcmp(result, "ok") == 0)
        hash(op, json_string_value(json_object_get(op->body, "new_password")), NULL, true,
             on_new_hash);
    else
        api_op_fail(op, strcmp(result, "locked") == 0 ? "locked" : "bad_credentials", NULL, NULL);
}

/* A wrong old one counts like a wrong login. */
static void on_old_verified(struct api_op *op, struct hashing *h)
{
    sup_err err = sup_staff_store_login_result(op->api->opts.pool, op->actor.id, h->err == SUP_OK,
                                               op->request, on_old_counted, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_own_account(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err)
        api_op_fail_db(op, reply);
    else if (sup_pg_rows(reply->rows) != 1) /* the bank's login alone */
        api_op_fail(op, "bad_credentials", NULL, NULL);
    else
        hash(op, json_string_value(json_object_get(op->body, "old_password")),
             sup_row_str(reply->rows, 0, "password_hash"), false, on_old_verified);
}

static void on_own_email(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        api_op_fail_db(op, reply);
        return;
    }
    sup_err err = sup_staff_store_login_lookup(
        op->api->opts.pool, sup_row_str(reply->rows, 0, "email"), on_own_account, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_password_put(struct api_op *op)
{
    struct password_fields in = {0};
    if (!api_op_read(op, password_fields, 2, &in))
        return;
    if (!sup_password_acceptable(in.new, strlen(in.new))) {
        api_op_fail(op, "out_of_range", "new_password: 10 to 256 characters", "new_password");
        return;
    }
    sup_err err = sup_staff_store_me(op->api->opts.pool, op->actor.text, on_own_email, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- the demo bank's login --- */

struct demo_fields {
    const char *customer;
};

static const struct sup_json_field demo_fields[] = {
    {"customer", SUP_JSON_STRING, true, offsetof(struct demo_fields, customer), 1, 20},
};

static const struct {
    const char *key, *subject, *name, *language;
} demo_customers[] = {
    {"wanja", "demo-wanja", "Wanja Kimani", "en"},
    {"otieno", "demo-otieno", "Brian Otieno", "sw"},
};

void api_demo_login(struct api_op *op)
{
    const struct sup_api_opts *opts = &op->api->opts;
    struct demo_fields in = {0};
    if (!opts->demo) {
        api_op_fail(op, "not_found", NULL, NULL);
        return;
    }
    if (!api_op_read(op, demo_fields, 1, &in))
        return;
    for (size_t i = 0; i < sizeof(demo_customers) / sizeof(demo_customers[0]); i++) {
        if (strcmp(demo_customers[i].key, in.customer) != 0)
            continue;
        int64_t now = sup_clock_wall_us() / 1000000;
        json_t *claims = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I}", "iss", opts->issuer,
                                   "aud", opts->audience, "sub", demo_customers[i].subject, "name",
                                   demo_customers[i].name, "locale", demo_customers[i].language,
                                   "iat", (json_int_t)now, "exp", (json_int_t)(now + 8 * 3600));
        struct sup_buf token = {0};
        sup_err err = claims ? sup_jwt_sign(opts->demo_secret, claims, &token) : SUP_E_NOMEM;
        json_decref(claims);
        if (err)
            api_op_fail_err(op, err);
        else
            api_op_reply(op, 200, NULL, json_pack("{s:s}", "token", token.data));
        sup_buf_fini_secret(&token);
        return;
    }
    api_op_fail(op, "out_of_range", "customer: wanja or otieno", "customer");
}
