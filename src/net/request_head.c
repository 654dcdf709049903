#include <assert.h>
#include <string.h>
#include <strings.h>

#include "net_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"

/* Headers whose values are kept. */
static const char *const kept[KEPT_HEADERS] = {
    "accept",
    "accept-encoding",
    "accept-language",
    "access-control-request-method",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "idempotency-key",
    "if-none-match",
    "last-event-id",
    "origin",
    "range",
    "referer",
    "sec-fetch-site",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-csrf-token",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
};

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};

const char *sup_http_header(const struct sup_http_request *req, const char *name)
{
    for (size_t i = 0; i < KEPT_HEADERS; i++)
        if (strcmp(kept[i], name) == 0)
            return req->headers[i];
    return NULL;
}

static bool same_name(struct sup_head_text name, const char *known)
{
    return name.len == strlen(known) && strncasecmp(name.p, known, name.len) == 0;
}

/* Lines of one name make one list (RFC 9110 section 5.3), those of Cookie one header (RFC 6265). */
static sup_err keep(char **kept_value, struct sup_head_text value, const char *between)
{
    const char *old = *kept_value ? *kept_value : "";
    size_t old_len = strlen(old), gap = *kept_value ? strlen(between) : 0;
    char *joined = sup_calloc(1, old_len + gap + value.len + 1);
    if (!joined)
        return SUP_E_NOMEM;
    memcpy(joined, old, old_len);
    memcpy(joined + old_len, between, gap);
    memcpy(joined + old_len + gap, value.p, value.len);
    sup_free_secret(*kept_value);
    *kept_value = joined;
    return SUP_OK;
}

static sup_err read_fields(struct sup_http_request *req, struct sup_head_text lines)
{
    struct sup_head_text name, value;
    while (sup_head_take_field(&lines, &name, &value))
        for (size_t i = 0; i < KEPT_HEADERS; i++) {
            if (!same_name(name, kept[i]))
                continue;
            sup_err err = keep(&req->headers[i], value, same_name(name, "cookie") ? "; " : ", ");
            if (err)
                return err;
            break;
        }
    return SUP_OK;
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

static const char *known_method(struct sup_head_text word)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (word.len == strlen(methods[i]) && memcmp(word.p, methods[i], word.len) == 0)
            return methods[i];
    return NULL;
}

static void refuse(struct sup_problem *problem, unsigned status, const char *code,
                   const char *detail)
{
    if (problem->status == 0)
        *problem = (struct sup_problem){.status = status, .code = code, .detail = detail};
}

/* Errors: SUP_E_NOMEM. */
static sup_err read_path(struct sup_http_request *req, struct sup_head_text raw,
                         struct sup_problem *problem)
{
    size_t len = 0;
    req->path = sup_strndup(raw.p, raw.len);
    if (!req->path)
        return SUP_E_NOMEM;
    bool clean = sup_percent_decode(req->path, raw.len, false, &len) == SUP_OK &&
                 sup_utf8_valid(req->path, len);
    for (size_t i = 0; i < len && clean; i++)
        clean = (unsigned char)req->path[i] >= 0x20 && req->path[i] != 0x7f;
    if (len > URI_MAX)
        refuse(problem, 414, "uri_too_long", "the path may have 2048 bytes");
    else if (!clean)
        refuse(problem, 400, "bad_request", "the path holds characters that no path has");
    len = len > URI_MAX || !clean ? 0 : sup_path_clean(req->path, len);
    sup_wipe(req->path + len, raw.len - len);
    return SUP_OK;
}

/* The part of the target behind the question mark. Errors: SUP_E_NOMEM. */
static sup_err read_query(struct sup_http_request *req, struct sup_head_text raw,
                          struct sup_problem *problem)
{
    sup_err err = sup_query_parse(&req->query, raw.p, raw.len);
    if (err == SUP_E_LIMIT)
        refuse(problem, 414, "uri_too_long", "too many or too long query fields");
    else if (err == SUP_E_MALFORMED)
        refuse(problem, 400, "bad_request", "the query does not parse");
    return err == SUP_E_NOMEM ? err : SUP_OK;
}

/* Of "http://host/path": the host counts, whatever Host says (RFC 9112 section 3.2.2). */
static sup_err take_host(struct sup_http_request *req, struct sup_head_text *target)
{
    if (target->len > 0 && *target->p == '/')
        return SUP_OK;
    const char *end = target->p + target->len;
    const char *host = memchr(target->p, '/', target->len);
    host = host && end - host > 2 ? host + 2 : end;
    const char *path = memchr(host, '/', (size_t)(end - host));
    if (!path)
        path = end;
    char *copy = sup_strndup(host, (size_t)(path - host));
    *target = (struct sup_head_text){path, (size_t)(end - path)};
    for (size_t i = 0; i < KEPT_HEADERS; i++)
        if (copy && strcmp(kept[i], "host") == 0) {
            sup_free_secret(req->headers[i]);
            req->headers[i] = copy;
        }
    return copy ? SUP_OK : SUP_E_NOMEM;
}

static sup_err read_target(struct sup_http_request *req, struct sup_head_text target,
                           struct sup_problem *problem)
{
    if (take_host(req, &target) != SUP_OK)
        return SUP_E_NOMEM;
    const char *mark = memchr(target.p, '?', target.len);
    size_t len = mark ? (size_t)(mark - target.p) : target.len;
    struct sup_head_text query = {mark ? mark + 1 : target.p, mark ? target.len - len - 1 : 0};
    sup_err err = read_path(req, (struct sup_head_text){target.p, len}, problem);
    return err ? err : read_query(req, query, problem);
}

/* Digits only: what a proxy would make of "5, 5" or "+5" must never differ from ours. */
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

static void read_framing(struct sup_http_request *req, struct sup_problem *problem)
{
    const char *length = sup_http_header(req, "content-length");
    bool takes_body = strcmp(req->method, "POST") == 0 || strcmp(req->method, "PUT") == 0 ||
                      strcmp(req->method, "PATCH") == 0;
    const char *coding = sup_http_header(req, "transfer-encoding");
    if (coding || (takes_body && !length))
        refuse(problem, 411, "length_required", "send Content-Length; chunked bodies are not read");
    else if (length && !read_length(length, &req->body_len))
        refuse(problem, 400, "bad_request", "Content-Length must be one number");
    else if (!takes_body && req->body_len > 0)
        refuse(problem, 413, "body_too_large", "this method takes no body");
    if (problem->status != 0 && (length || takes_body || coding))
        req->close_asked = true; /* how much is still to come is not known, or not wanted */
}

static void read_version(struct sup_http_request *req, struct sup_head_text version,
                         struct sup_problem *problem)
{
    const char *connection = sup_http_header(req, "connection");
    const char *host = sup_http_header(req, "host");
    req->http10 = version.len == 8 && memcmp(version.p, "HTTP/1.0", 8) == 0;
    if (req->http10 || (connection && sup_list_has(connection, "close")))
        req->close_asked = true;
    if (!req->http10 && (!host || !*host))
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

struct sup_http_request *sup_net_request_head(struct sup_net_conn *conn, const char *text,
                                              size_t len, struct sup_problem *ret_problem)
{
    *ret_problem = (struct sup_problem){.status = 0};
    struct sup_head_text head = {text, len};
    struct sup_head_line line = sup_head_take_line(&head);
    const char *method = known_method(line.method);
    struct sup_http_request *req = method ? sup_calloc(1, sizeof(*req)) : NULL;
    if (!req)
        return NULL;
    req->conn = conn;
    req->method = method;
    req->id = sup_id_new();
    req->started_us = sup_clock_mono_us();
    if (read_fields(req, head) != SUP_OK) {
        sup_net_request_free(req);
        return NULL;
    }
    read_version(req, line.version, ret_problem);
    if (read_target(req, line.target, ret_problem) != SUP_OK) {
        sup_net_request_free(req);
        return NULL;
    }
    read_framing(req, ret_problem);
    read_peer(req, conn);
    return req;
}
