#include <string.h>
#include <strings.h>

#include "net_internal.h"
#include "supportd/base/mem.h"

static const char subprotocol[] = "support.v1";

static bool offers_subprotocol(const struct sup_http_request *req)
{
    const char *list = sup_http_header(req, "sec-websocket-protocol");
    size_t len = 0;
    for (const char *p = list; p && *p; p += len) {
        p += strspn(p, ", \t");
        len = strcspn(p, ", \t");
        if (len == strlen(subprotocol) && memcmp(p, subprotocol, len) == 0)
            return true;
    }
    return false;
}

static bool version_is_13(const struct sup_http_request *req)
{
    const char *version = sup_http_header(req, "sec-websocket-version");
    return version && strcmp(version, "13") == 0;
}

/* RFC 6455 section 4.2.1: base64 of 16 bytes. */
static bool key_is_whole(const struct sup_http_request *req)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *key = sup_http_header(req, "sec-websocket-key");
    return key && strlen(key) == 24 && strspn(key, digits) == 22 && strcmp(key + 22, "==") == 0;
}

static struct sup_problem upgrade_problem(struct sup_net_conn *conn,
                                          const struct sup_http_request *req)
{
    struct sup_net_server *server = conn->server;
    const char *origin = sup_http_header(req, "origin");
    if (strcmp(req->path, "/ws") != 0 || !server->ws.on_open)
        return (struct sup_problem){.status = 404, .code = "not_found"};
    if (server->draining)
        return (struct sup_problem){
            .status = 503, .code = "shutting_down", .retry_after_us = 1000000};
    if (strcmp(req->method, "GET") != 0 || req->http10)
        return (struct sup_problem){.status = 400,
                                    .code = "upgrade_refused",
                                    .detail = "a WebSocket begins with GET and HTTP/1.1"};
    if (!version_is_13(req))
        return (struct sup_problem){
            .status = 426, .code = "upgrade_refused", .detail = "Sec-WebSocket-Version: 13"};
    if (!key_is_whole(req))
        return (struct sup_problem){.status = 400,
                                    .code = "upgrade_refused",
                                    .detail = "Sec-WebSocket-Key: 16 bytes as base64"};
    if (!offers_subprotocol(req))
        return (struct sup_problem){.status = 400,
                                    .code = "upgrade_refused",
                                    .detail = "the subprotocol must be support.v1"};
    if (origin && req->cors == SUP_CORS_NONE) {
        sup_metric_add(server->metrics.refused_origin, 1);
        return (struct sup_problem){.status = 403,
                                    .code = "origin_refused",
                                    .title = "Origin not allowed",
                                    .detail = "this origin is not a configured site"};
    }
    if (server->hooks.ws_gate &&
        !server->hooks.ws_gate(req->peer.s, origin ? origin : "", server->hooks.arg)) {
        sup_metric_add(server->metrics.refused_rate, 1);
        return (struct sup_problem){
            .status = 429, .code = "too_many_requests", .retry_after_us = 1000000};
    }
    return (struct sup_problem){.status = 0};
}

/* libwebsockets drops a connection, without a word, for a header whose name is the beginning of a
 * name that it knows. */
static bool is_cut_short(struct sup_head_text name)
{
    bool beginning = false;
    for (int i = 0; i < WSI_TOKEN_COUNT; i++) {
        const char *token = (const char *)lws_token_to_string((enum lws_token_indexes)i);
        if (!token || strncasecmp(token, name.p, name.len) != 0 || strlen(token) == name.len)
            continue;
        if (token[name.len] == ':')
            return false;
        beginning = true;
    }
    return beginning;
}

/* It takes tabs, and blanks behind a value, for a part of it. */
static bool is_bare(struct sup_head_text value)
{
    const char *p = value.p;
    while (p[-1] == ' ')
        p--;
    return p[-1] == ':' && value.p[value.len] == '\r';
}

const char *sup_net_ws_unreadable(const char *text, size_t len)
{
    static const char prefix[] = "sec-websocket-";
    struct sup_head_text rest = {text, len}, name, value;
    (void)sup_head_take_line(&rest);
    while (sup_head_take_field(&rest, &name, &value)) {
        bool counts =
            (name.len == 7 && strncasecmp(name.p, "upgrade", 7) == 0) ||
            (name.len > sizeof(prefix) - 1 && strncasecmp(name.p, prefix, sizeof(prefix) - 1) == 0);
        if (counts && !is_bare(value))
            return "Upgrade and Sec-WebSocket-*: no tabs, no blanks behind the value";
        if (is_cut_short(name))
            return "a header's name is the beginning of another one's";
    }
    return NULL;
}

bool sup_net_ws_asked(const struct sup_http_request *req)
{
    const char *upgrade = sup_http_header(req, "upgrade");
    const char *connection = sup_http_header(req, "connection");
    return upgrade && strcasecmp(upgrade, "websocket") == 0 && connection &&
           sup_list_has(connection, "upgrade");
}

bool sup_net_ws_begin(struct sup_http_request *req, struct sup_problem *problem)
{
    struct sup_net_conn *conn = req->conn;
    if (problem->status == 0)
        *problem = upgrade_problem(conn, req);
    if (problem->status == 0) {
        conn->client = sup_net_ws_client_create(conn, req);
        if (conn->client)
            return true;
        *problem =
            (struct sup_problem){.status = 503, .code = "overloaded", .retry_after_us = 1000000};
    }
    if (problem->status == 426 &&
        (sup_http_set_header(req, "Sec-WebSocket-Version", "13") != SUP_OK ||
         sup_http_set_header(req, "Upgrade", "websocket") != SUP_OK ||
         sup_http_set_header(req, "Connection", "Upgrade") != SUP_OK))
        problem->status = 400;
    req->close_asked = true; /* what follows may be frames */
    return false;
}
