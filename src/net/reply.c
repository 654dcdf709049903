#include <assert.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "net_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/json.h"
#include "supportd/base/mem.h"

enum { EXTRA_MAX = 8192, REPLY_MAX = 16 * 1024 * 1024 };

static const char csp_default[] = "default-src 'none'; frame-ancestors 'none'";

static bool header_text_ok(const char *text)
{
    for (const char *p = text; *p; p++)
        if (((unsigned char)*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

sup_err sup_http_set_header(struct sup_http_request *req, const char *name, const char *value)
{
    if (!*name || strpbrk(name, ": \t") || !header_text_ok(name) || !header_text_ok(value))
        return SUP_E_INVAL;
    if (req->extra_count == REPLY_HEADERS_MAX)
        return SUP_E_LIMIT;
    if (req->extra.max_len == 0)
        sup_buf_init(&req->extra, EXTRA_MAX);
    sup_err err = sup_buf_addf(&req->extra, "%s: %s\r\n", name, value);
    if (err)
        return err;
    req->extra_count++;
    if (strcasecmp(name, "cache-control") == 0)
        req->extra_cache_control = true;
    return SUP_OK;
}

static sup_err add_cors(struct sup_buf *head, const struct sup_http_request *req, bool asset)
{
    const char *origin = sup_http_header(req, "origin");
    if (asset)
        return sup_buf_adds(head, "Access-Control-Allow-Origin: *\r\n"
                                  "Cross-Origin-Resource-Policy: cross-origin\r\n");
    sup_err err = sup_buf_adds(head, "Vary: Origin\r\n");
    if (err || !origin || req->cors == SUP_CORS_NONE || !header_text_ok(origin))
        return err;
    err = sup_buf_addf(head,
                       "Access-Control-Allow-Origin: %s\r\n"
                       "Access-Control-Expose-Headers: Retry-After, X-Request-Id\r\n",
                       origin);
    if (!err && req->cors == SUP_CORS_CREDENTIALS)
        err = sup_buf_adds(head, "Access-Control-Allow-Credentials: true\r\n");
    return err;
}

sup_err sup_net_add_date(struct sup_buf *head)
{
    time_t now = (time_t)(sup_clock_wall_us() / 1000000);
    struct tm tm;
    char text[40];
    if (!gmtime_r(&now, &tm) || strftime(text, sizeof(text), "%a, %d %b %Y %T GMT", &tm) == 0)
        return SUP_OK;
    return sup_buf_addf(head, "Date: %s\r\n", text);
}

static sup_err add_security(struct sup_buf *head, const struct sup_http_request *req,
                            const struct reply_parts *parts)
{
    const char *csp = parts->csp ? parts->csp : req->route ? req->route->csp : NULL;
    sup_err err = sup_buf_addf(head,
                               "X-Request-Id: %s\r\n"
                               "X-Content-Type-Options: nosniff\r\n"
                               "Referrer-Policy: no-referrer\r\n"
                               "Content-Security-Policy: %s\r\n",
                               sup_id_text(req->id).s, csp ? csp : csp_default);
    if (!err && !req->extra_cache_control)
        err = sup_buf_addf(head, "Cache-Control: %s\r\n",
                           parts->cache_control ? parts->cache_control : "no-store");
    if (!err && req->tls)
        err = sup_buf_adds(head, "Strict-Transport-Security: max-age=31536000\r\n");
    return err;
}

static bool has_body(unsigned status)
{
    return status != 204 && status != 304;
}

static sup_err build_head(struct sup_buf *head, const struct sup_http_request *req,
                          const struct reply_parts *parts, bool close)
{
    uint64_t len = parts->stream ? parts->stream->left : parts->tail ? parts->tail_len : parts->len;
    sup_err err =
        sup_buf_addf(head, "HTTP/1.1 %u %s\r\n", parts->status, sup_http_reason(parts->status));
    if (!err)
        err = sup_net_add_date(head);
    if (!err && parts->content_type)
        err = sup_buf_addf(head, "Content-Type: %s\r\n", parts->content_type);
    if (!err && has_body(parts->status))
        err = sup_buf_addf(head, "Content-Length: %llu\r\n", (unsigned long long)len);
    if (!err)
        err = add_security(head, req, parts);
    if (!err)
        err = add_cors(head, req, parts->asset_cors);
    if (!err && parts->more)
        err = sup_buf_adds(head, parts->more);
    if (!err && req->extra.len > 0)
        err = sup_buf_add(head, req->extra.data, req->extra.len);
    if (!err)
        err = sup_buf_adds(head, close ? "Connection: close\r\n\r\n" : "\r\n");
    return err;
}

static sup_err fill_out(struct sup_net_conn *conn, const struct sup_http_request *req,
                        const struct reply_parts *parts)
{
    struct sup_buf head;
    sup_buf_init(&head, 0);
    bool unread = !req->dispatched && req->body_len > 0;
    bool close = req->close_asked || unread || conn->server->draining;
    bool send_body = has_body(parts->status) && strcmp(req->method, "HEAD") != 0;
    size_t body_len = send_body && !parts->tail ? parts->len : 0;
    sup_err err = build_head(&head, req, parts, close);
    uint8_t *block = err ? NULL : sup_malloc(LWS_PRE + head.len + body_len);
    if (block) {
        memcpy(block + LWS_PRE, head.data, head.len);
        if (body_len > 0)
            memcpy(block + LWS_PRE + head.len, parts->body, body_len);
        conn->out = (struct conn_out){.block = block, .len = head.len + body_len};
        if (send_body && parts->tail) {
            conn->out.tail = parts->tail;
            conn->out.tail_len = parts->tail_len;
        }
        if (parts->stream) {
            parts->stream->conn = conn;
            parts->stream->left = send_body ? parts->stream->left : 0;
            conn->stream = parts->stream;
        }
        conn->close_after = close;
    } else if (!err) {
        err = SUP_E_NOMEM;
    }
    sup_buf_fini_secret(&head);
    return err;
}

static void count_reply(const struct sup_net_server *server, const struct sup_http_request *req,
                        unsigned status)
{
    const struct net_metrics *m = &server->metrics;
    sup_metric_add(m->requests[status / 100 - 1], 1);
    sup_metric_observe(m->latency, (double)(sup_clock_mono_us() - req->started_us) / 1e6);
}

sup_err sup_net_reply(struct sup_http_request *req, const struct reply_parts *parts)
{
    assert(parts->status >= 100 && parts->status <= 599);
    struct sup_net_conn *conn = req->conn;
    if (!conn) {
        sup_net_request_free(req);
        return SUP_E_CLOSED;
    }
    sup_err err = parts->len > REPLY_MAX ? SUP_E_LIMIT : fill_out(conn, req, parts);
    count_reply(conn->server, req, parts->status);
    conn->req = NULL;
    conn->state = err ? CONN_KILL : CONN_WRITING;
    conn->deadline_us = sup_clock_mono_us() + conn->server->limits.write_timeout_ms * 1000ull;
    sup_net_hold(conn, UV_DISCONNECT);
    sup_net_conn_ready(conn);
    sup_net_request_free(req);
    return err;
}

sup_err sup_http_reply(struct sup_http_request *req, unsigned status, const char *content_type,
                       const void *body, size_t len)
{
    struct reply_parts parts = {
        .status = status, .content_type = content_type, .body = body, .len = len};
    return sup_net_reply(req, &parts);
}

static sup_err reply_json_as(struct sup_http_request *req, unsigned status,
                             const char *content_type, const json_t *value)
{
    struct sup_buf text;
    sup_buf_init(&text, REPLY_MAX);
    sup_err err = sup_json_dump(value, &text);
    sup_err sent;
    if (err)
        sent = sup_http_reply(req, 500, NULL, NULL, 0);
    else
        sent = sup_http_reply(req, status, content_type, text.data, text.len);
    sup_buf_fini_secret(&text);
    return err ? err : sent;
}

sup_err sup_http_reply_json(struct sup_http_request *req, unsigned status, const json_t *value)
{
    return reply_json_as(req, status, "application/json", value);
}

sup_err sup_http_problem(struct sup_http_request *req, const struct sup_problem *problem)
{
    char seconds[24];
    uint64_t retry_s = (problem->retry_after_us + 999999) / 1000000;
    (void)snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)retry_s);
    json_t *object = sup_problem_json(problem);
    bool ok = object && json_object_set_new(object, "type", json_string("about:blank")) == 0;
    if (ok && retry_s > 0)
        ok = sup_http_set_header(req, "Retry-After", seconds) == SUP_OK;
    if (ok && problem->status == 401)
        ok = sup_http_set_header(req, "WWW-Authenticate", "Bearer") == SUP_OK;
    sup_err err = SUP_E_NOMEM;
    if (ok)
        err = reply_json_as(req, problem->status, "application/problem+json", object);
    else
        (void)sup_http_reply(req, problem->status, NULL, NULL, 0);
    json_decref(object);
    return err;
}
