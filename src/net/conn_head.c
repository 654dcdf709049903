#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "net_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/json.h"
#include "supportd/base/mem.h"

static sup_err write_problem(struct conn_out *out, const struct sup_problem *problem)
{
    struct sup_buf text, all;
    sup_buf_init(&text, 0);
    sup_buf_init(&all, 0);
    json_t *object = sup_problem_json(problem);
    bool ok = object && json_object_set_new(object, "type", json_string("about:blank")) == 0;
    sup_err err = ok ? sup_json_dump(object, &text) : SUP_E_NOMEM;
    json_decref(object);
    if (!err)
        err = sup_buf_addf(&all,
                           "HTTP/1.1 %u %s\r\n"
                           "Content-Type: application/problem+json\r\n"
                           "Content-Length: %zu\r\n"
                           "X-Content-Type-Options: nosniff\r\n"
                           "Cache-Control: no-store\r\n",
                           problem->status, sup_http_reason(problem->status), text.len);
    if (!err)
        err = sup_net_add_date(&all);
    if (!err && problem->retry_after_us)
        err = sup_buf_addf(&all, "Retry-After: %llu\r\n",
                           (unsigned long long)((problem->retry_after_us + 999999) / 1000000));
    if (!err)
        err = sup_buf_adds(&all, "Connection: close\r\n\r\n");
    if (!err)
        err = sup_buf_add(&all, text.data, text.len);
    uint8_t *block = err ? NULL : sup_malloc(LWS_PRE + all.len);
    if (block) {
        memcpy(block + LWS_PRE, all.data, all.len);
        *out = (struct conn_out){.block = block, .len = all.len};
    }
    sup_buf_fini(&text);
    sup_buf_fini(&all);
    return block ? SUP_OK : SUP_E_NOMEM;
}

/* The event comes again only when there is more than this. */
static void wake_above(struct sup_net_conn *conn, size_t bytes)
{
    int low = (int)bytes + 1;
    if ((size_t)low != conn->wakes_at && bytes + conn->wakes_at > 0 &&
        setsockopt(conn->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof(low)) == 0)
        conn->wakes_at = bytes > 0 ? (size_t)low : 0;
}

void sup_net_conn_refuse(struct sup_net_conn *conn, const struct sup_problem *problem)
{
    struct sup_net_server *server = conn->server;
    sup_metric_add(server->metrics.requests[problem->status / 100 - 1], 1);
    conn->close_after = true;
    wake_above(conn, 0);
    conn->state = write_problem(&conn->out, problem) == SUP_OK ? CONN_WRITING : CONN_KILL;
    conn->deadline_us = sup_clock_mono_us() + server->limits.write_timeout_ms * 1000ull;
    sup_net_hold(conn, UV_DISCONNECT);
    sup_net_conn_ready(conn);
}

static void refuse_head(struct sup_net_conn *conn)
{
    struct sup_problem problem = {
        .status = conn->head.status, .code = conn->head.code, .detail = conn->head.detail};
    sup_net_conn_refuse(conn, &problem);
}

/* NULL: the rest may still come. Behind urgent data nothing shows, while the socket stays readable.
 */
static const char *why_no_more(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLRDHUP | POLLPRI};
    if (poll(&p, 1, 0) != 1)
        return NULL;
    return p.revents & POLLPRI ? "the head holds urgent data" : "the head ends early";
}

static SSL *ssl_of(const struct sup_net_conn *conn)
{
    return conn->tls ? lws_get_ssl(conn->wsi) : NULL;
}

/* The peer sends no more, or the connection is broken. */
static void at_end(struct sup_net_conn *conn, bool whole)
{
    struct sup_problem problem = {.status = 400, .code = "bad_request"};
    if (whole && conn->state == CONN_HEAD && conn->head.bytes > conn->head.blank) {
        problem.detail = "the head ends early";
        sup_net_conn_refuse(conn, &problem);
    } else if (whole && conn->state == CONN_BODY) {
        problem.detail = "the body ends early";
        (void)sup_http_problem(conn->req, &problem);
    } else {
        sup_net_conn_drop(conn);
    }
}

/* What there is, at most size bytes of it; 0: nothing now, or at_end(). */
static size_t read_some(struct sup_net_conn *conn, char *bytes, size_t size, bool peek)
{
    SSL *ssl = ssl_of(conn);
    bool later;
    ssize_t n;
    if (ssl) {
        ERR_clear_error();
        n = peek ? SSL_peek(ssl, bytes, (int)size) : SSL_read(ssl, bytes, (int)size);
        int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl, (int)n);
        later = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
        ERR_clear_error();
    } else {
        n = recv(conn->fd, bytes, size, MSG_DONTWAIT | (peek ? MSG_PEEK : 0));
        later = n < 0 && (errno == EAGAIN || errno == EINTR);
    }
    if (n <= 0 && !later)
        at_end(conn, ssl ? (SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN) != 0 : n == 0);
    return n > 0 ? (size_t)n : 0;
}

/* Takes n bytes away that have been looked at. */
static bool take(struct sup_net_conn *conn, size_t n)
{
    char bytes[4096];
    while (n > 0) {
        size_t got = read_some(conn, bytes, n < sizeof(bytes) ? n : sizeof(bytes), false);
        sup_wipe(bytes, got);
        if (got == 0)
            return false;
        n -= got;
    }
    return true;
}

static void on_input(uv_poll_t *handle, int status, int events);

/* --- the body --- */

static void read_body(struct sup_net_conn *conn)
{
    char bytes[WRITE_CHUNK];
    for (int i = 0; i < 4 && conn->state == CONN_BODY; i++) {
        size_t left = conn->req->body_len - conn->req->body.len;
        size_t n = read_some(conn, bytes, left < sizeof(bytes) ? left : sizeof(bytes), false);
        if (n == 0)
            return;
        sup_net_request_body(conn, bytes, n);
        sup_wipe(bytes, n);
    }
    if (conn->state == CONN_BODY)
        sup_net_conn_ready(conn);
}

/* --- the head --- */

/* Lets libwebsockets read what has come. It reads only once it knows that it could write, and what
 * has been looked at is in OpenSSL, so that no event tells of it. */
static void let_lws_read(struct sup_net_conn *conn)
{
    uv_poll_t *poll = conn->poll;
    uv_poll_cb lws_cb = conn->lws_cb;
    lws_cb(poll, 0, UV_READABLE);
    SSL *ssl = uv_is_closing((const uv_handle_t *)poll) ? NULL : ssl_of(conn);
    if (ssl && SSL_pending(ssl) > 0)
        lws_cb(poll, 0, UV_READABLE);
}

static void hand_over(struct sup_net_conn *conn)
{
    if (uv_poll_start(conn->poll, conn->lws_events, conn->lws_cb) != 0)
        sup_net_conn_drop(conn);
    else
        let_lws_read(conn);
}

/* Whether this may become the head of a WebSocket's request, as far as it has come. */
static bool may_upgrade(const char *text, size_t len)
{
    static const char start[] = "GET /ws";
    size_t n = len < sizeof(start) - 1 ? len : sizeof(start) - 1;
    return memcmp(text, start, n) == 0 && (len == n || text[n] == ' ' || text[n] == '?');
}

/* A part of a head has been looked at under TLS, and more is to come. Nothing gives a record back,
 * so what libwebsockets may have to read it gets now. */
static void take_record(struct sup_net_conn *conn, size_t n)
{
    const struct sup_buf *parts = &conn->parts;
    if (conn->lws_read + n != parts->len || conn->lws_spoilt ||
        !may_upgrade(parts->data, parts->len)) {
        (void)take(conn, n);
        return;
    }
    conn->lws_read += n;
    let_lws_read(conn);
    sup_net_head_watch(conn);
}

static void check_take_over(const struct sup_net_conn *conn, const char *text, size_t len,
                            size_t left, struct sup_problem *problem)
{
    const char *why = sup_net_ws_unreadable(text, len);
    if (conn->lws_spoilt || conn->lws_read + left != len)
        why = "begin the WebSocket on a new connection";
    if (why && problem->status == 0)
        *problem = (struct sup_problem){.status = 400, .code = "upgrade_refused", .detail = why};
}

/* A whole head, of which the last `left` bytes have been looked at only. */
static void begin(struct sup_net_conn *conn, const char *text, size_t len, size_t left)
{
    struct sup_problem problem;
    struct sup_http_request *req = sup_net_request_head(conn, text, len, &problem);
    if (!req) {
        sup_net_conn_drop(conn);
        return;
    }
    bool asked = sup_net_ws_asked(req);
    if (asked)
        check_take_over(conn, text, len, left, &problem);
    if (asked && sup_net_ws_begin(req, &problem)) {
        sup_net_request_free(req);
        hand_over(conn);
        return;
    }
    if (!take(conn, left)) {
        sup_net_request_free(req);
        return;
    }
    sup_net_request_begin(req, &problem);
    if (conn->state == CONN_BODY)
        read_body(conn);
    if (conn->state == CONN_BODY && conn->req->body.len == 0)
        sup_net_hold_continue(conn);
}

/* Reads on in the head. Empty lines before it are no part of it: they are taken away at once, and
 * *ret_blank of the bytes were such. */
static enum sup_head_state feed(struct sup_net_conn *conn, const char *bytes, size_t n,
                                size_t *ret_blank)
{
    size_t before = conn->head.blank;
    enum sup_head_state state = sup_head_feed(&conn->head, bytes, n);
    *ret_blank = conn->head.blank - before;
    if (conn->state == CONN_IDLE && conn->head.bytes > conn->head.blank) {
        conn->state = CONN_HEAD;
        conn->deadline_us = sup_clock_mono_us() + conn->server->limits.head_timeout_ms * 1000ull;
    }
    if (state == SUP_HEAD_REFUSED)
        refuse_head(conn);
    else if (*ret_blank > 0 && !take(conn, *ret_blank))
        return SUP_HEAD_REFUSED;
    return state;
}

/* Bytes of the head that are still to be taken, after all of it that came before. */
static void add_part(struct sup_net_conn *conn, enum sup_head_state state, const char *bytes,
                     size_t n)
{
    if (state == SUP_HEAD_DONE && conn->parts.len == 0)
        begin(conn, bytes, n, n);
    else if (sup_buf_add(&conn->parts, bytes, n) != SUP_OK)
        sup_net_conn_drop(conn);
    else if (state == SUP_HEAD_DONE)
        begin(conn, conn->parts.data, conn->parts.len, n);
    else if (conn->tls)
        take_record(conn, n);
    else
        (void)take(conn, n);
}

/* Readable, and nothing new. Short of memory, the kernel says so however much was asked for: the
 * sweep looks again. */
static void nothing_new(struct sup_net_conn *conn)
{
    struct sup_problem problem = {.status = 400, .code = "bad_request"};
    problem.detail = why_no_more(conn->fd);
    if (problem.detail)
        sup_net_conn_refuse(conn, &problem);
    else
        conn->stalled = uv_poll_start(conn->poll, UV_DISCONNECT, on_input) == 0;
}

/* A plain connection: what libwebsockets may have to read stays in the socket until the head is
 * whole. */
static void look_plain(struct sup_net_conn *conn, const char *bytes, size_t n)
{
    struct sup_head *head = &conn->head;
    size_t blank, seen = head->bytes - head->blank - conn->parts.len;
    if (n <= seen) {
        nothing_new(conn);
        return;
    }
    enum sup_head_state state = feed(conn, bytes + seen, n - seen, &blank);
    size_t len = head->bytes - head->blank - conn->parts.len;
    if (state == SUP_HEAD_REFUSED || len == 0)
        return;
    bool stays = state == SUP_HEAD_MORE && conn->parts.len == 0 && may_upgrade(bytes + blank, len);
    wake_above(conn, stays ? len : 0);
    if (!stays)
        add_part(conn, state, bytes + blank, len);
}

/* Under TLS one record at a time is seen. */
static void look_tls(struct sup_net_conn *conn, const char *bytes, size_t n)
{
    size_t blank;
    enum sup_head_state state = feed(conn, bytes, n, &blank);
    size_t len = conn->head.bytes - conn->head.blank - conn->parts.len;
    if (state != SUP_HEAD_REFUSED && len > 0)
        add_part(conn, state, bytes + blank, len);
}

static void look(struct sup_net_conn *conn)
{
    char bytes[SUP_HEAD_MAX + 1];
    size_t n = read_some(conn, bytes, sizeof(bytes), true);
    if (n == 0)
        return;
    if (conn->tls)
        look_tls(conn, bytes, n);
    else
        look_plain(conn, bytes, n);
    sup_wipe(bytes, n);
}

void sup_net_head_read(struct sup_net_conn *conn)
{
    if (conn->state == CONN_BODY)
        read_body(conn);
    else if (conn->state == CONN_HEAD || conn->state == CONN_IDLE)
        look(conn);
}

/* --- events --- */

static bool handshake_is_over(const struct sup_net_conn *conn)
{
    SSL *ssl = ssl_of(conn);
    return !conn->tls || (ssl && SSL_is_init_finished(ssl));
}

static void on_input(uv_poll_t *handle, int status, int events)
{
    /* conn outlives this: its memory goes with the last callback, in a later pass of the loop. */
    struct sup_net_conn *conn = lws_get_opaque_user_data(handle->data);
    if (!conn)
        return;
    if (conn->client || status < 0 || !handshake_is_over(conn)) {
        conn->lws_cb(handle, status, events);
        sup_net_head_watch(conn);
    } else {
        sup_net_head_read(conn);
    }
}

void sup_net_head_next(struct sup_net_conn *conn)
{
    sup_buf_fini_secret(&conn->parts);
    sup_buf_init(&conn->parts, SUP_HEAD_MAX);
    sup_head_init(&conn->head);
    conn->lws_spoilt = conn->lws_spoilt || conn->lws_read > 0;
    conn->lws_read = 0;
    conn->state = CONN_IDLE;
    conn->deadline_us = sup_clock_mono_us() + conn->server->limits.keepalive_ms * 1000ull;
    sup_net_head_watch(conn);
    SSL *ssl = ssl_of(conn);
    if (ssl && SSL_pending(ssl) > 0)
        sup_net_conn_ready(conn); /* no event tells of it */
}

void sup_net_head_watch(struct sup_net_conn *conn)
{
    conn->stalled = false;
    if (!conn->poll || uv_is_closing((const uv_handle_t *)conn->poll) || conn->client ||
        conn->state == CONN_DEAD)
        return;
    sup_net_hold_note(conn);
    if (!handshake_is_over(conn)) {
        conn->poll->poll_cb = on_input;
    } else if (conn->state == CONN_HEAD || conn->state == CONN_IDLE) {
        lws_set_timeout(conn->wsi, NO_PENDING_TIMEOUT, 0);
        if (uv_poll_start(conn->poll, UV_READABLE, on_input) != 0)
            sup_net_conn_drop(conn);
    }
}
