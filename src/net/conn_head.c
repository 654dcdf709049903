#include <openssl/ssl.h>
#include <poll.h>
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

/* A plain connection: the bytes stay in the socket until the head is whole. */
static bool head_may_pass(struct sup_net_conn *conn, const char *bytes, size_t n)
{
    struct sup_head *head = &conn->head;
    size_t seen = head->bytes;
    const char *over = n <= seen ? why_no_more(conn->fd) : NULL;
    if (over) {
        struct sup_problem problem = {.status = 400, .code = "bad_request", .detail = over};
        sup_net_conn_refuse(conn, &problem);
    }
    if (n <= seen)
        return false;
    enum sup_head_state state = sup_head_feed(head, bytes + seen, n - seen);
    if (state == SUP_HEAD_REFUSED)
        refuse_head(conn);
    else
        wake_above(conn, state == SUP_HEAD_MORE ? n : 0);
    return state == SUP_HEAD_DONE;
}

/* Under TLS one record at a time is seen, and then read by libwebsockets. */
static bool record_may_pass(struct sup_net_conn *conn, const char *bytes, size_t n)
{
    conn->records += n;
    if (sup_head_feed(&conn->head, bytes, n) != SUP_HEAD_REFUSED)
        return true;
    refuse_head(conn);
    return false;
}

static int peek(struct sup_net_conn *conn, SSL *ssl, char *bytes, size_t size)
{
    return ssl ? SSL_peek(ssl, bytes, (int)size)
               : (int)recv(conn->fd, bytes, size, MSG_PEEK | MSG_DONTWAIT);
}

/* True: libwebsockets may read. */
static bool look(struct sup_net_conn *conn)
{
    SSL *ssl = conn->tls ? lws_get_ssl(conn->wsi) : NULL;
    if (conn->tls && (!ssl || !SSL_is_init_finished(ssl)))
        return true;
    char bytes[SUP_HEAD_MAX + 1];
    int n = peek(conn, ssl, bytes, sizeof(bytes));
    if (n <= 0)
        return true;
    if (conn->state == CONN_IDLE) {
        conn->state = CONN_HEAD;
        conn->deadline_us = sup_clock_mono_us() + conn->server->limits.head_timeout_ms * 1000ull;
    }
    bool pass =
        ssl ? record_may_pass(conn, bytes, (size_t)n) : head_may_pass(conn, bytes, (size_t)n);
    sup_wipe(bytes, (size_t)n);
    return pass;
}

static bool before_request(const struct sup_net_conn *conn)
{
    return conn->state == CONN_HEAD || conn->state == CONN_IDLE;
}

static bool still_open(const struct sup_net_conn *conn)
{
    return !uv_is_closing((const uv_handle_t *)conn->poll);
}

/* Looking has taken the record out of the socket, which tells nobody any more that there is
 * something to read. libwebsockets reads only once it knows that it could write. */
static void tell_lws(struct sup_net_conn *conn, uv_poll_t *handle, int status, int events)
{
    uv_poll_cb lws_cb = conn->lws_cb;
    lws_cb(handle, status, events);
    SSL *ssl = conn->tls && still_open(conn) ? lws_get_ssl(conn->wsi) : NULL;
    if (ssl && before_request(conn) && !conn->held && SSL_pending(ssl) > 0)
        lws_cb(handle, 0, UV_READABLE);
}

static void on_head(uv_poll_t *handle, int status, int events)
{
    /* conn outlives this: its memory goes with the last callback, in a later pass of the loop. */
    struct sup_net_conn *conn = lws_get_opaque_user_data(handle->data);
    if (!conn)
        return;
    if (status == 0 && (events & UV_READABLE) && before_request(conn) &&
        conn->head.state == SUP_HEAD_MORE && !look(conn))
        return;
    tell_lws(conn, handle, status, events);
    sup_net_head_watch(conn);
}

void sup_net_head_next(struct sup_net_conn *conn, uint64_t read)
{
    uint64_t came = conn->tls ? conn->records : read - conn->read_before;
    conn->ahead = conn->ahead || came > conn->head.bytes + conn->body_len;
    conn->records = 0;
    conn->read_before = read;
    sup_head_init(&conn->head);
    if (conn->ahead)
        conn->head.state = SUP_HEAD_DONE;
}

void sup_net_head_watch(struct sup_net_conn *conn)
{
    if (!conn->poll || !still_open(conn) || conn->held || !before_request(conn) ||
        conn->poll->poll_cb == on_head)
        return;
    conn->lws_cb = conn->poll->poll_cb;
    conn->poll->poll_cb = on_head;
}
