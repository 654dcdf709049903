#include <assert.h>
#include <string.h>
#include <strings.h>

#include "net_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"

struct kept_header {
    const char *name;
    int token; /* of libwebsockets, or -1 for one that it does not know */
};

static const struct kept_header kept[KEPT_HEADERS] = {
    {"accept", WSI_TOKEN_HTTP_ACCEPT},
    {"accept-encoding", WSI_TOKEN_HTTP_ACCEPT_ENCODING},
    {"accept-language", WSI_TOKEN_HTTP_ACCEPT_LANGUAGE},
    {"access-control-request-method", -1},
    {"authorization", WSI_TOKEN_HTTP_AUTHORIZATION},
    {"content-length", WSI_TOKEN_HTTP_CONTENT_LENGTH},
    {"content-type", WSI_TOKEN_HTTP_CONTENT_TYPE},
    {"cookie", WSI_TOKEN_HTTP_COOKIE},
    {"host", WSI_TOKEN_HOST},
    {"idempotency-key", -1},
    {"if-none-match", WSI_TOKEN_HTTP_IF_NONE_MATCH},
    {"last-event-id", -1},
    {"origin", WSI_TOKEN_ORIGIN},
    {"range", WSI_TOKEN_HTTP_RANGE},
    {"referer", WSI_TOKEN_HTTP_REFERER},
    {"sec-fetch-site", -1},
    {"user-agent", WSI_TOKEN_HTTP_USER_AGENT},
    {"x-csrf-token", -1},
    {"x-forwarded-for", WSI_TOKEN_X_FORWARDED_FOR},
    {"x-forwarded-proto", -1},
    {"x-request-id", -1},
};

struct known_method {
    const char *name;
    enum lws_token_indexes token;
};

static const struct known_method known_methods[] = {
    {"GET", WSI_TOKEN_GET_URI},         {"POST", WSI_TOKEN_POST_URI},
    {"PUT", WSI_TOKEN_PUT_URI},         {"PATCH", WSI_TOKEN_PATCH_URI},
    {"DELETE", WSI_TOKEN_DELETE_URI},   {"HEAD", WSI_TOKEN_HEAD_URI},
    {"OPTIONS", WSI_TOKEN_OPTIONS_URI},
};

const char *sup_http_header(const struct sup_http_request *req, const char *name)
{
    for (size_t i = 0; i < KEPT_HEADERS; i++)
        if (strcmp(kept[i].name, name) == 0)
            return req->headers[i];
    return NULL;
}

static char *trimmed(char *value, int len)
{
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        value[--len] = 0;
    return value;
}

static char *unknown_header_copy(struct lws *wsi, const char *name)
{
    char with_colon[48];
    int n = snprintf(with_colon, sizeof(with_colon), "%s:", name);
    int len = lws_hdr_custom_length(wsi, with_colon, n);
    if (len < 0)
        return NULL;
    char *value = sup_calloc(1, (size_t)len + 1);
    if (value && lws_hdr_custom_copy(wsi, value, len + 1, with_colon, n) < 0) {
        sup_free(value);
        return NULL;
    }
    return value ? trimmed(value, len) : NULL;
}

char *sup_net_header_copy(struct lws *wsi, int token, const char *name)
{
    if (token < 0)
        return unknown_header_copy(wsi, name);
    int len = lws_hdr_total_length(wsi, (enum lws_token_indexes)token);
    if (len <= 0)
        return NULL;
    char *value = sup_calloc(1, (size_t)len + 1);
    if (value && lws_hdr_copy(wsi, value, len + 1, (enum lws_token_indexes)token) < 0) {
        sup_free_secret(value);
        return NULL;
    }
    return value ? trimmed(value, len) : NULL;
}

static bool trusted(const struct sup_net_conn *conn)
{
    const struct sup_net_hooks *hooks = &conn->server->hooks;
    return hooks->trusted && hooks->trusted(conn->ip.s, hooks->arg);
}

bool sup_net_seen_as_tls(const struct sup_net_conn *conn, const char *forwarded_proto)
{
    return conn->tls ||
           (forwarded_proto && strcasecmp(forwarded_proto, "https") == 0 && trusted(conn));
}

const char *sup_net_request_method(struct lws *wsi)
{
    for (size_t i = 0; i < sizeof(known_methods) / sizeof(known_methods[0]); i++)
        if (lws_hdr_total_length(wsi, known_methods[i].token) > 0)
            return known_methods[i].name;
    return NULL;
}

static void refuse(struct sup_problem *problem, unsigned status, const char *code,
                   const char *detail)
{
    if (problem->status == 0)
        *problem = (struct sup_problem){.status = status, .code = code, .detail = detail};
}

static void read_path(struct sup_http_request *req, const char *path, size_t len,
                      struct sup_problem *problem)
{
    if (len > URI_MAX)
        refuse(problem, 414, "uri_too_long", "the path may have 2048 bytes");
    bool clean = sup_utf8_valid(path, len);
    for (size_t i = 0; i < len && clean; i++)
        clean = (unsigned char)path[i] >= 0x20 && path[i] != 0x7f;
    if (!clean)
        refuse(problem, 400, "bad_request", "the path holds characters that no path has");
    req->path = sup_strndup(path, len > URI_MAX || !clean ? 0 : len);
}

/* libwebsockets has split the query at '&' and decoded the pieces. */
static sup_err read_query(struct sup_http_request *req, struct lws *wsi)
{
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS) > URI_MAX)
        return SUP_E_LIMIT;
    char piece[URI_MAX + 1];
    sup_err err = SUP_OK;
    for (int i = 0; !err; i++) {
        int n = lws_hdr_copy_fragment(wsi, piece, sizeof(piece), WSI_TOKEN_HTTP_URI_ARGS, i);
        if (n < 0)
            break;
        err = sup_query_add(&req->query, piece, (size_t)n);
    }
    sup_wipe(piece, sizeof(piece));
    return err;
}

/* Digits only: what libwebsockets would make of "5, 5" or "+5" must never differ from ours. */
static bool read_length(const char *text, size_t *ret_len)
{
    size_t value = 0, digits = strlen(text);
    if (digits == 0 || digits > 15 || strspn(text, "0123456789") != digits)
        return false;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (size_t)(text[i] - '0');
    *ret_len = value;
    return true;
}

static void read_framing(struct sup_http_request *req, struct lws *wsi, struct sup_problem *problem)
{
    const char *length = sup_http_header(req, "content-length");
    bool takes_body = strcmp(req->method, "POST") == 0 || strcmp(req->method, "PUT") == 0 ||
                      strcmp(req->method, "PATCH") == 0;
    if (lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 || (takes_body && !length))
        refuse(problem, 411, "length_required", "send Content-Length; chunked bodies are not read");
    else if (length && !read_length(length, &req->body_len))
        refuse(problem, 400, "bad_request", "Content-Length must be one number");
    else if (!takes_body && req->body_len > 0)
        refuse(problem, 413, "body_too_large", "this method takes no body");
    if (problem->status != 0 && (length || takes_body))
        req->close_asked = true; /* how much is still to come is not known, or not wanted */
}

static void read_version(struct sup_http_request *req, struct lws *wsi, struct sup_problem *problem)
{
    char text[16], connection[32];
    int n = lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_HTTP);
    req->http10 = n < 8 || strcmp(text, "HTTP/1.1") != 0;
    if (req->http10)
        req->close_asked = true;
    if (lws_hdr_copy(wsi, connection, sizeof(connection), WSI_TOKEN_CONNECTION) > 0 &&
        strcasecmp(connection, "close") == 0)
        req->close_asked = true;
    if (!req->http10 && !sup_http_header(req, "host"))
        refuse(problem, 400, "bad_request", "the Host header is missing");
}

static void read_peer(struct sup_http_request *req, struct sup_net_conn *conn)
{
    const struct sup_net_hooks *hooks = &conn->server->hooks;
    const char *forwarded = sup_http_header(req, "x-forwarded-for");
    const char *origin = sup_http_header(req, "origin");
    req->peer = sup_peer_resolve(conn->ip.s, forwarded, hooks->trusted, hooks->arg);
    req->tls = sup_net_seen_as_tls(conn, sup_http_header(req, "x-forwarded-proto"));
    if (origin && hooks->origin)
        req->cors = hooks->origin(origin, sup_http_header(req, "host"), req->tls, hooks->arg);
}

struct sup_http_request *sup_net_request_head(struct sup_net_conn *conn, const char *path,
                                              size_t len, struct sup_problem *ret_problem)
{
    *ret_problem = (struct sup_problem){.status = 0};
    const char *method = sup_net_request_method(conn->wsi);
    struct sup_http_request *req = method ? sup_calloc(1, sizeof(*req)) : NULL;
    if (!req)
        return NULL;
    req->conn = conn;
    req->method = method;
    req->id = sup_id_new();
    req->started_us = sup_clock_mono_us();
    for (size_t i = 0; i < KEPT_HEADERS; i++)
        req->headers[i] = sup_net_header_copy(conn->wsi, kept[i].token, kept[i].name);
    read_path(req, path, len, ret_problem);
    if (!req->path) {
        sup_net_request_free(req);
        return NULL;
    }
    read_version(req, conn->wsi, ret_problem);
    sup_err err = read_query(req, conn->wsi);
    if (err == SUP_E_LIMIT)
        refuse(ret_problem, 414, "uri_too_long", "too many or too long query fields");
    else if (err)
        refuse(ret_problem, 400, "bad_request", "the query does not parse");
    read_framing(req, conn->wsi, ret_problem);
    read_peer(req, conn);
    return req;
}
