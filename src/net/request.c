#include <string.h>

#include "net_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"

/* --- what the handler reads --- */

const char *sup_http_method(const struct sup_http_request *req)
{
    return req->method;
}

const char *sup_http_path(const struct sup_http_request *req)
{
    return req->path;
}

const char *sup_http_param(const struct sup_http_request *req, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < req->param_count; i++)
        if (req->params[i].name_len == len && memcmp(req->params[i].name, name, len) == 0)
            return req->params[i].value;
    return NULL;
}

sup_err sup_http_param_id(const struct sup_http_request *req, const char *name,
                          struct sup_id *ret_id)
{
    const char *value = sup_http_param(req, name);
    return value ? sup_id_parse(value, strlen(value), ret_id) : SUP_E_MALFORMED;
}

const char *sup_http_query(const struct sup_http_request *req, const char *name)
{
    return sup_query_get(&req->query, name);
}

const char *sup_http_query_unknown(const struct sup_http_request *req, const char *const *allowed)
{
    for (size_t i = 0; i < req->query.count; i++) {
        bool known = false;
        for (size_t k = 0; allowed && allowed[k] && !known; k++)
            known = strcmp(allowed[k], req->query.fields[i].name) == 0;
        if (!known)
            return req->query.fields[i].name;
    }
    return NULL;
}

sup_err sup_http_cookie(const struct sup_http_request *req, const char *name,
                        const char **ret_value, size_t *ret_len)
{
    const char *header = sup_http_header(req, "cookie");
    return header ? sup_cookie_find(header, strlen(header), name, ret_value, ret_len)
                  : SUP_E_NOTFOUND;
}

const char *sup_http_body(const struct sup_http_request *req, size_t *ret_len)
{
    *ret_len = req->body.len;
    return req->body.data ? req->body.data : "";
}

const char *sup_http_peer(const struct sup_http_request *req)
{
    return req->peer.s;
}

bool sup_http_is_tls(const struct sup_http_request *req)
{
    return req->tls;
}

const void *sup_http_route_data(const struct sup_http_request *req)
{
    return req->route ? req->route->data : NULL;
}

struct sup_id sup_http_id(const struct sup_http_request *req)
{
    return req->id;
}

bool sup_http_gone(const struct sup_http_request *req)
{
    return !req->conn;
}

void sup_http_on_gone(struct sup_http_request *req,
                      void (*cb)(struct sup_http_request *req, void *arg), void *arg)
{
    req->on_gone = cb;
    req->on_gone_arg = arg;
}

void sup_http_set_data(struct sup_http_request *req, void *data)
{
    req->data = data;
}

void *sup_http_data(const struct sup_http_request *req)
{
    return req->data;
}

/* --- life --- */

void sup_net_request_free(struct sup_http_request *req)
{
    if (!req)
        return;
    for (size_t i = 0; i < KEPT_HEADERS; i++)
        sup_free_secret(req->headers[i]);
    sup_query_fini(&req->query);
    sup_buf_fini_secret(&req->body);
    sup_buf_fini_secret(&req->extra);
    sup_free_secret(req->path);
    if (req->params_text)
        sup_free(req->params_text);
    sup_free(req);
}

void sup_net_request_detach(struct sup_http_request *req)
{
    if (req->conn)
        sup_metric_add(req->conn->server->metrics.vanished, 1);
    req->conn = NULL;
    if (!req->dispatched) {
        sup_net_request_free(req);
        return;
    }
    void (*cb)(struct sup_http_request *, void *) = req->on_gone;
    req->on_gone = NULL;
    if (cb)
        cb(req, req->on_gone_arg);
}

static sup_err take_match(struct sup_http_request *req, const struct sup_route_match *match)
{
    req->route = match->route;
    req->params_text = sup_strdup(req->path);
    if (!req->params_text)
        return SUP_E_NOMEM;
    for (size_t i = 0; i < match->param_count; i++) {
        const struct sup_route_param *p = &match->params[i];
        char *value = req->params_text + (p->value - req->path);
        value[p->value_len] = 0;
        req->params[i].name = p->name;
        req->params[i].name_len = p->name_len;
        req->params[i].value = value;
    }
    req->param_count = match->param_count;
    return SUP_OK;
}

/* Ends the request with an error of the server's own. */
static void refuse(struct sup_http_request *req, unsigned status, const char *code,
                   const char *detail)
{
    struct sup_problem problem = {.status = status, .code = code, .detail = detail};
    (void)sup_http_problem(req, &problem);
}

static void preflight(struct sup_http_request *req, const char *allow)
{
    const char *asked = sup_http_header(req, "access-control-request-method");
    bool cross = asked && sup_http_header(req, "origin");
    if (cross && req->cors == SUP_CORS_NONE) {
        sup_metric_add(req->conn->server->metrics.refused_origin, 1);
        (void)sup_http_problem(
            req, &(struct sup_problem){.status = 403,
                                       .code = "origin_refused",
                                       .title = "Origin not allowed",
                                       .detail = "this origin is not a configured site"});
        return;
    }
    sup_err err = sup_http_set_header(req, "Allow", allow);
    if (!err && cross)
        err = sup_http_set_header(req, "Access-Control-Allow-Methods", allow);
    if (!err && cross)
        err = sup_http_set_header(req, "Access-Control-Allow-Headers",
                                  "Authorization, Content-Type, Idempotency-Key, X-CSRF-Token");
    if (!err && cross)
        err = sup_http_set_header(req, "Access-Control-Max-Age", "600");
    if (err)
        refuse(req, 500, "internal_error", NULL);
    else
        (void)sup_http_reply(req, 204, NULL, NULL, 0);
}

static void no_route(struct sup_http_request *req, sup_err err, const struct sup_route_match *match)
{
    if (err == SUP_E_UNSUPPORTED && strcmp(req->method, "OPTIONS") == 0)
        preflight(req, match->allow);
    else if (err == SUP_E_UNSUPPORTED && sup_http_set_header(req, "Allow", match->allow) != SUP_OK)
        refuse(req, 500, "internal_error", NULL);
    else if (err == SUP_E_UNSUPPORTED)
        refuse(req, 405, "method_not_allowed", "see the Allow header");
    else if (!sup_net_asset_serve(req))
        refuse(req, 404, "not_found", NULL);
}

static void dispatch(struct sup_http_request *req)
{
    struct sup_net_conn *conn = req->conn;
    struct sup_net_server *server = conn->server;
    conn->state = CONN_PENDING;
    conn->deadline_us = sup_clock_mono_us() + server->limits.reply_timeout_ms * 1000ull;
    req->dispatched = true;
    req->route->handler(req, server->route_arg);
    if (conn->state == CONN_PENDING)
        sup_net_hold(conn, UV_DISCONNECT);
}

/* Body rules of the route; *ret_done: the request has been ended. */
static void check_body(struct sup_http_request *req, bool *ret_done)
{
    const struct sup_http_route *route = req->route;
    size_t max = route->body_max ? route->body_max : req->conn->server->limits.body_max;
    *ret_done = true;
    if (req->body_len > max) {
        refuse(req, 413, "body_too_large", "the body is larger than this route allows");
        return;
    }
    const char *wanted = route->content_type ? route->content_type : "application/json";
    const char *type = sup_http_header(req, "content-type");
    if (req->body_len > 0 && strcmp(wanted, "*") != 0 &&
        (!type || !sup_media_type_is(type, wanted))) {
        refuse(req, 415, "unsupported_media_type", wanted);
        return;
    }
    sup_buf_init(&req->body, max);
    *ret_done = false;
}

void sup_net_request_begin(struct sup_http_request *req, const struct sup_problem *problem)
{
    struct sup_net_conn *conn = req->conn;
    struct sup_net_server *server = conn->server;
    struct sup_route_match match;
    bool done;
    conn->req = req;
    conn->state = CONN_BODY;
    conn->deadline_us = req->started_us + server->limits.body_timeout_ms * 1000ull;
    if (problem->status) {
        (void)sup_http_problem(req, problem);
        return;
    }
    sup_err err =
        sup_router_match(server->router, req->method, req->path, strlen(req->path), &match);
    if (err)
        no_route(req, err, &match);
    else if (take_match(req, &match) != SUP_OK)
        sup_net_conn_drop(conn);
    else if (!server->hooks.gate || server->hooks.gate(req, server->hooks.arg)) {
        check_body(req, &done);
        if (!done && req->body_len == 0)
            dispatch(req);
    }
}

void sup_net_request_body(struct sup_net_conn *conn, const char *data, size_t len)
{
    struct sup_http_request *req = conn->req;
    sup_metric_add(conn->server->metrics.bytes_in, (double)len);
    if (sup_buf_add(&req->body, data, len) != SUP_OK)
        sup_net_conn_drop(conn);
    else if (req->body.len == req->body_len)
        dispatch(req);
}
