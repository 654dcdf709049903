#include <string.h>
#include <strings.h>

#include "net_internal.h"
#include "supportd/base/mem.h"

static const char subprotocol[] = "support.v1";

static bool offers_subprotocol(struct lws *wsi)
{
    char *list = sup_net_header_copy(wsi, WSI_TOKEN_PROTOCOL, NULL);
    bool found = false;
    char *rest = list;
    for (char *item; !found && (item = strsep(&rest, ", \t"));)
        found = strcmp(item, subprotocol) == 0;
    sup_free(list);
    return found;
}

static bool version_is_13(struct lws *wsi)
{
    char *version = sup_net_header_copy(wsi, WSI_TOKEN_VERSION, NULL);
    bool ok = version && strcmp(version, "13") == 0;
    sup_free(version);
    return ok;
}

/* RFC 6455 section 4.2.1: base64 of 16 bytes. */
static bool key_is_whole(struct lws *wsi)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *key = sup_net_header_copy(wsi, WSI_TOKEN_KEY, NULL);
    bool ok = key && strlen(key) == 24 && strspn(key, digits) == 22 && strcmp(key + 22, "==") == 0;
    sup_free(key);
    return ok;
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
    if (!version_is_13(conn->wsi))
        return (struct sup_problem){
            .status = 426, .code = "upgrade_refused", .detail = "Sec-WebSocket-Version: 13"};
    if (!key_is_whole(conn->wsi))
        return (struct sup_problem){.status = 400,
                                    .code = "upgrade_refused",
                                    .detail = "Sec-WebSocket-Key: 16 bytes as base64"};
    if (!offers_subprotocol(conn->wsi))
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

static int confirm(struct sup_net_conn *conn, const char *path)
{
    struct sup_problem problem;
    struct sup_http_request *req = sup_net_request_head(conn, path, strlen(path), &problem);
    if (!req)
        return -1;
    if (problem.status == 0)
        problem = upgrade_problem(conn, req);
    if (problem.status == 0) {
        conn->client = sup_net_ws_client_create(conn, req);
        sup_net_request_free(req);
        return conn->client ? 0 : -1;
    }
    if (problem.status == 426 && sup_http_set_header(req, "Sec-WebSocket-Version", "13") != SUP_OK)
        problem.status = 400;
    conn->req = req;
    req->close_asked = true;
    if (sup_http_problem(req, &problem) == SUP_OK) {
        (void)lws_write(conn->wsi, conn->out.block + LWS_PRE, conn->out.len, LWS_WRITE_HTTP);
        conn->out.done = conn->out.len;
    }
    return -1; /* libwebsockets keeps no connection whose upgrade it was told to refuse */
}

/* The header is asked for anew: for an unknown upgrade libwebsockets first answers 403 by itself,
 * frees the head, and then calls back with a pointer into it. */
static bool is_websocket(struct lws *wsi)
{
    char *upgrade = sup_net_header_copy(wsi, WSI_TOKEN_UPGRADE, NULL);
    bool yes = upgrade && strcasecmp(upgrade, "websocket") == 0;
    sup_free(upgrade);
    return yes;
}

int sup_net_ws_confirm(struct sup_net_conn *conn)
{
    if (conn->req || conn->client || (conn->state != CONN_HEAD && conn->state != CONN_IDLE) ||
        !is_websocket(conn->wsi))
        return -1;
    conn->state = CONN_HEAD;
    char *path = sup_net_header_copy(conn->wsi, WSI_TOKEN_GET_URI, NULL);
    int rc = confirm(conn, path ? path : "/ws");
    sup_free_secret(path);
    return rc;
}
