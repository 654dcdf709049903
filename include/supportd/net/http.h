/* HTTP requests, replies, problem documents, route tables and embedded assets.
 *
 * Layer:  net. Thread: loop thread.
 * Source: RFC 9110, RFC 9457 (problem details), DESIGN Conventions (errors) and Interfaces.
 *
 * Life of a request: the server reads head and body, then calls the route's handler once. From then
 * on the handler OWNS the request and must end it by exactly one of sup_http_reply(),
 * sup_http_reply_json() or sup_http_problem(), now or later: each frees the request. If the client
 * has vanished meanwhile (or the server was destroyed) the request stays valid, sup_http_gone() is
 * true, and the reply is still due: it then only frees, and returns SUP_E_CLOSED. */
#ifndef SUPPORTD_NET_HTTP_H
#define SUPPORTD_NET_HTTP_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/net/text.h"

struct sup_http_request;

typedef void (*sup_http_handler)(struct sup_http_request *req, void *arg);

/* One row of the route table. The table and its strings are kept (static). */
struct sup_http_route {
    const char *method; /* "GET", "POST", "PUT", "PATCH", "DELETE"; HEAD is served by GET's row */
    const char *path;   /* "/api/support/chats/{chat_id}/messages"; a literal beats a parameter */
    sup_http_handler handler;
    const void *data; /* the caller's (permission row, say): sup_http_route_data() */
    size_t body_max;  /* bytes; 0: the server's body_max. Without a body in GET, HEAD, DELETE */
    const char *content_type; /* of the body; NULL: application/json; "*": any */
    const char *csp;          /* Content-Security-Policy; NULL: default-src 'none' */
};

/* One embedded file. The table and what it points to are kept (static). */
struct sup_asset {
    const char *path;         /* "/widget/panel.html" */
    const char *content_type; /* "text/html; charset=utf-8" */
    const uint8_t *data;
    size_t len;
    const uint8_t *gzip; /* NULL: not made */
    size_t gzip_len;
    const uint8_t *br; /* NULL: not made */
    size_t br_len;
    const char *etag;     /* with its quotes */
    bool immutable;       /* name holds a content hash: cached for a year; else revalidated */
    const char *csp;      /* NULL: default-src 'none' */
    bool cross_origin;    /* may be embedded by other sites (widget script): CORP, CORS "*" */
    const char *location; /* not NULL: nothing is here but the way to this path (302) */
};

/* --- what the handler reads; all borrowed until the request ends, NULL when absent --- */
const char *sup_http_method(const struct sup_http_request *req);
const char *sup_http_path(const struct sup_http_request *req);
/* Parameter of the path template. Never NULL for a name that the template has. */
const char *sup_http_param(const struct sup_http_request *req, const char *name);
/* As above, as an id. Errors: SUP_E_MALFORMED. */
SUP_MUST_CHECK sup_err sup_http_param_id(const struct sup_http_request *req, const char *name,
                                         struct sup_id *ret_id);
const char *sup_http_query(const struct sup_http_request *req, const char *name);
/* First query field whose name is not in allowed (NULL-terminated), or NULL. */
const char *sup_http_query_unknown(const struct sup_http_request *req, const char *const *allowed);
/* name in lower case. Kept are: accept, accept-encoding, accept-language, access-control-request-
 * method, authorization, content-length, content-type, cookie, host, idempotency-key,
 * if-none-match, last-event-id, origin, range, referer, sec-fetch-site, user-agent, x-csrf-token,
 * x-forwarded-for, x-forwarded-proto, x-request-id. */
const char *sup_http_header(const struct sup_http_request *req, const char *name);
/* Value of a cookie, borrowed; *ret_len bytes, not NUL-terminated.
 * Errors: SUP_E_NOTFOUND, SUP_E_MALFORMED. */
SUP_MUST_CHECK sup_err sup_http_cookie(const struct sup_http_request *req, const char *name,
                                       const char **ret_value, size_t *ret_len);
/* Body, NUL behind len; "" when there is none. Wiped when the request ends. */
const char *sup_http_body(const struct sup_http_request *req, size_t *ret_len);
/* The client's address, behind trusted proxies; normalised text. */
const char *sup_http_peer(const struct sup_http_request *req);
/* TLS here, or at a trusted proxy (X-Forwarded-Proto: https). */
bool sup_http_is_tls(const struct sup_http_request *req);
const void *sup_http_route_data(const struct sup_http_request *req);
/* Id made by the server, sent as X-Request-Id and fit for logs and audit rows. */
struct sup_id sup_http_id(const struct sup_http_request *req);
bool sup_http_gone(const struct sup_http_request *req);
/* cb runs once if the client vanishes before the reply (never from within a call of the handler's);
 * it may reply (which frees) or cancel work and reply later. cb NULL clears. */
void sup_http_on_gone(struct sup_http_request *req,
                      void (*cb)(struct sup_http_request *req, void *arg), void *arg);
/* The caller's pointer, kept until the request ends. */
void sup_http_set_data(struct sup_http_request *req, void *data);
void *sup_http_data(const struct sup_http_request *req);

/* --- replies: each ends and frees the request, whatever it returns --- */

/* Adds one header to the coming reply (Set-Cookie may repeat); both copied. Names and values with
 * control characters are refused. Errors: SUP_E_INVAL, SUP_E_LIMIT (16 headers), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_http_set_header(struct sup_http_request *req, const char *name,
                                           const char *value);
/* body[len] is copied and wiped after sending; content_type NULL when there is none.
 * Security headers, CORS, Cache-Control: no-store (unless set by sup_http_set_header()) and
 * Content-Length are added. Errors: SUP_E_CLOSED (client gone), SUP_E_NOMEM (connection closed). */
sup_err sup_http_reply(struct sup_http_request *req, unsigned status, const char *content_type,
                       const void *body, size_t len);

struct sup_http_stream; /* a body that is made piece by piece */

struct sup_http_source {
    /* What was given is on its way: the next piece is wanted, by sup_http_stream_put(), from within
     * this call or later. Not asked again before. */
    void (*want)(struct sup_http_stream *stream, void *arg);
    /* All is sent, or the client is gone, or the stream was aborted: runs exactly once; stream is
     * not valid any more. */
    void (*over)(void *arg);
};
/* Ends and frees the request as sup_http_reply() does; the body follows from the source (kept), len
 * bytes in all. If an error is returned, neither callback runs. want never runs from within. */
sup_err sup_http_stream(struct sup_http_request *req, unsigned status, const char *content_type,
                        uint64_t len, const struct sup_http_source *source, void *arg);
/* data[len] is copied and wiped after sending; len 1..what is still due. over may run from within
 * (no memory). */
void sup_http_stream_put(struct sup_http_stream *stream, const void *data, size_t len);
/* The rest cannot be had: the connection is closed in the next pass. */
void sup_http_stream_abort(struct sup_http_stream *stream);

/* value is borrowed. */
sup_err sup_http_reply_json(struct sup_http_request *req, unsigned status, const json_t *value);

/* RFC 9457 problem. code: stable snake_case; title, detail, field may be NULL. */
struct sup_problem {
    unsigned status; /* 400..599 */
    const char *code;
    const char *title;       /* NULL: the status' reason phrase */
    const char *detail;      /* what is wrong and what would be right; never quotes input */
    const char *field;       /* path of the field at fault */
    uint64_t retry_after_us; /* above 0: Retry-After, rounded up to seconds, and retry_after_ms */
};
sup_err sup_http_problem(struct sup_http_request *req, const struct sup_problem *problem);
/* The same object for WebSocket error frames: {title, status, code, detail?, field?,
 * retry_after_ms?}; owned by the caller, NULL without memory. */
json_t *sup_problem_json(const struct sup_problem *problem);
/* "Not Found"; "Error" for what is not known. Static. */
const char *sup_http_reason(unsigned status);

/* Codes that the server itself answers with: bad_request (400), not_found (404),
 * method_not_allowed (405), length_required (411), body_too_large (413), uri_too_long (414),
 * unsupported_media_type (415), origin_refused (403), upgrade_refused (400, 426),
 * too_many_requests (429), internal_error (500), overloaded (503), shutting_down (503); and what
 * never was a request (head.h): bad_request (400), request_timeout (408), uri_too_long (414),
 * head_too_large (431), method_unknown (501), version_not_supported (505). */
#endif
