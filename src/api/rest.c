#include <string.h>

#include "api_internal.h"
#include "supportd/auth/session.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"

/* From a request to its handler: rate, credential, origin and CSRF for cookies, body, permission.
 */

static bool is_write(const struct sup_http_request *req)
{
    const char *method = sup_http_method(req);
    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0;
}

static bool read_body(struct api_op *op)
{
    size_t len;
    const char *body = sup_http_body(op->req, &len);
    if (len == 0)
        return true;
    if (sup_json_parse(body, len, &op->body) == SUP_OK)
        return true;
    api_op_fail(op, "malformed", "the body is one JSON object", NULL);
    return false;
}

static void start(struct api_op *op)
{
    static const char *const parameters[] = {"status",     "cursor",         "limit",  "after_seq",
                                             "before_seq", "after_note_seq", "origin", "call_id",
                                             "staff_id",   "customer_id",    NULL};
    const struct api_route *route = sup_http_route_data(op->req);
    if (sup_http_query_unknown(op->req, parameters)) {
        api_op_fail(op, "unknown_field", "a query parameter that no route has", NULL);
        return;
    }
    if (!api_allowed(&op->actor, route->op)) {
        api_denied(op, route->op);
        api_op_fail(op, "denied", NULL, NULL);
        return;
    }
    if (read_body(op))
        route->handler(op);
}

/* A page of another site can make the browser send the cookie, but neither a foreign Origin past
 * the list nor this header, which only our own pages know. */
static const char *check_csrf(const struct api_op *op)
{
    const char *cookie;
    size_t len;
    if (!is_write(op->req))
        return NULL;
    if (!sup_http_header(op->req, "origin")) /* a foreign one was refused before */
        return "origin_refused";
    /* The bank's own cookie has no token of ours: the Origin decides alone. */
    if (sup_http_cookie(op->req, API_SESSION_COOKIE, &cookie, &len) == SUP_OK &&
        !sup_csrf_matches(cookie, len, sup_http_header(op->req, "x-csrf-token")))
        return "csrf_refused";
    return NULL;
}

static void on_identified(const char *code, const struct sup_actor *actor, void *arg)
{
    struct api_op *op = arg;
    uint64_t retry_us;
    if (!code && op->by_cookie)
        code = check_csrf(op);
    if (!code && sup_rate_take(op->api->user_rate, actor->id.bytes, sizeof(actor->id.bytes), 1,
                               sup_clock_mono_us(), &retry_us))
        code = "rate_limited";
    if (code) {
        api_op_fail(op, code, NULL, NULL);
        return;
    }
    op->actor = *actor;
    start(op);
}

/* Authorization: Bearer, the bank's cookie, or our own session cookie, in this order. */
static bool find_credential(struct api_op *op, struct api_credential *ret)
{
    const char *header = sup_http_header(op->req, "authorization");
    const struct sup_api_opts *opts = &op->api->opts;
    if (header) {
        if (strncasecmp(header, "Bearer ", 7) != 0)
            return false;
        ret->token = header + 7;
        ret->token_len = strlen(header + 7);
        return true;
    }
    op->by_cookie = true;
    if (sup_http_cookie(op->req, API_SESSION_COOKIE, &ret->cookie, &ret->cookie_len) == SUP_OK)
        return true;
    return opts->jwt_cookie && opts->jwt_cookie[0] &&
           sup_http_cookie(op->req, opts->jwt_cookie, &ret->token, &ret->token_len) == SUP_OK;
}

void api_rest_entry(struct sup_http_request *req, void *arg)
{
    struct sup_api *api = arg;
    const struct api_route *route = sup_http_route_data(req);
    struct api_op *op = sup_calloc(1, sizeof(*op));
    if (!op) {
        (void)sup_http_problem(
            req,
            &(struct sup_problem){.status = 503, .code = "overloaded", .retry_after_us = 1000000});
        return;
    }
    op->api = api;
    op->req = req;
    memcpy(op->request, sup_id_text(sup_http_id(req)).s, sizeof(op->request));
    if (sup_permission(SUP_ROLE_ANONYMOUS, route->op) != SUP_GRANT_NONE) {
        start(op);
        return;
    }
    const char *origin = sup_http_header(req, "origin");
    if (origin && !api_origin_allowed(api, req, origin)) {
        api_op_fail(op, "origin_refused", NULL, NULL);
        return;
    }
    struct api_credential credential = {0};
    if (!find_credential(op, &credential)) {
        api_op_fail(op, "unauthenticated", "a bearer token or a session cookie", NULL);
        return;
    }
    api_identify(api, &credential, on_identified, op);
}

bool api_op_feature(struct api_op *op, bool call)
{
    const char *origin = sup_http_header(op->req, "origin");
    const struct sup_api_site *site = origin ? api_site(op->api, origin) : NULL;
    if (!site || (call ? site->call : site->chat))
        return true;
    api_op_fail(op, "feature_off", "this site is read-only", NULL);
    return false;
}

/* Before anything is read: the address's rate. */
bool api_rest_gate(struct sup_http_request *req, void *arg)
{
    struct sup_api *api = arg;
    const char *peer = sup_http_peer(req);
    uint64_t retry_us = 0;
    if (sup_rate_take(api->address_rate, peer, strlen(peer), 1, sup_clock_mono_us(), &retry_us) ==
        SUP_OK)
        return true;
    (void)sup_http_problem(req, &(struct sup_problem){.status = 429,
                                                      .code = "rate_limited",
                                                      .title = "Too many requests",
                                                      .retry_after_us = retry_us});
    return false;
}

bool api_ws_gate(const char *ip, const char *origin, void *arg)
{
    (void)origin;
    struct sup_api *api = arg;
    uint64_t retry_us;
    /* While calls still run, who has lost the connection may come back to them. */
    bool open = !api->draining || sup_call_count(api->opts.call) > 0;
    return open && sup_rate_take(api->address_rate, ip, strlen(ip), 1, sup_clock_mono_us(),
                                 &retry_us) == SUP_OK;
}
