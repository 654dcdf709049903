#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "net_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"

sup_err sup_net_hold_find(struct sup_net_conn *conn)
{
    /* libwebsockets does not lend its handle; libuv keeps the watcher of each descriptor. */
    uv_loop_t *uv = sup_loop_uv(conn->server->loop);
    if (!conn->wsi || conn->fd < 0 || (unsigned)conn->fd >= uv->nwatchers ||
        !uv->watchers[conn->fd])
        return SUP_E_STATE;
    uv_poll_t *poll = SUP_CONTAINER_OF(uv->watchers[conn->fd], uv_poll_t, io_watcher);
    if (uv_handle_get_type((const uv_handle_t *)poll) != UV_POLL || poll->data != conn->wsi)
        return SUP_E_STATE;
    conn->poll = poll;
    conn->lws_cb = poll->poll_cb;
    return SUP_OK;
}

void sup_net_hold_note(struct sup_net_conn *conn)
{
    if (conn->poll->poll_cb != conn->lws_cb)
        return;
    unsigned set = conn->poll->io_watcher.pevents;
    conn->lws_events = (set & POLLIN ? UV_READABLE : 0) | (set & POLLOUT ? UV_WRITABLE : 0);
}

/* Throws away what still comes, so that closing does not reset the connection before the peer has
 * read the answer. */
static void drain_input(struct sup_net_conn *conn)
{
    char waste[4096];
    for (;;) {
        ssize_t n = recv(conn->fd, waste, sizeof(waste), MSG_DONTWAIT);
        if (n < 0)
            break;
        conn->lingered += (size_t)n;
        if (n == 0 || conn->lingered > LINGER_BYTES) {
            sup_net_conn_kill(conn);
            break;
        }
    }
    sup_wipe(waste, sizeof(waste));
}

static void on_held(uv_poll_t *handle, int status, int events)
{
    struct sup_net_conn *conn = lws_get_opaque_user_data(handle->data);
    if (!conn || conn->state == CONN_DEAD)
        return;
    if (conn->state == CONN_LINGER && status == 0)
        drain_input(conn);
    else if (status < 0 || conn->state == CONN_PENDING || (events & UV_DISCONNECT))
        sup_net_conn_kill(conn);
    else if (conn->state == CONN_WRITING)
        sup_net_hold_pump(conn);
}

void sup_net_hold(struct sup_net_conn *conn, int events)
{
    if (!conn->poll || uv_is_closing((const uv_handle_t *)conn->poll))
        return;
    sup_net_hold_note(conn);
    if (uv_poll_start(conn->poll, events, on_held) != 0)
        sup_net_conn_ready(conn);
}

static bool writable_now(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & (POLLOUT | POLLERR | POLLHUP));
}

void sup_net_hold_continue(struct sup_net_conn *conn)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uint8_t block[LWS_PRE + sizeof(text)];
    const char *expected = sup_http_header(conn->req, "expect");
    if (!expected || conn->req->http10 || !sup_list_has(expected, "100-continue"))
        return;
    memcpy(block + LWS_PRE, text, sizeof(text));
    /* Rather none than a part of it: the client is not to wait for ever. */
    if (writable_now(conn->fd) &&
        (lws_write(conn->wsi, block + LWS_PRE, sizeof(text) - 1, LWS_WRITE_HTTP) < 0 ||
         lws_partial_buffered(conn->wsi)))
        sup_net_conn_drop(conn);
}

static void linger(struct sup_net_conn *conn)
{
    SSL *ssl = conn->tls ? lws_get_ssl(conn->wsi) : NULL;
    if (ssl)
        (void)SSL_shutdown(ssl);
    (void)shutdown(conn->fd, SHUT_WR);
    conn->state = CONN_LINGER;
    conn->deadline_us = sup_clock_mono_us() + LINGER_US;
    sup_net_hold(conn, UV_READABLE);
}

static void finish(struct sup_net_conn *conn)
{
    struct conn_out *out = &conn->out;
    if (out->block)
        sup_wipe(out->block, LWS_PRE + out->len);
    sup_free(out->block);
    *out = (struct conn_out){.block = NULL};
    sup_net_stream_end(conn);
    if (conn->close_after || conn->server->draining) {
        linger(conn);
        return;
    }
    sup_net_head_next(conn);
}

static size_t next_chunk(const struct conn_out *out, const uint8_t **ret_p)
{
    size_t left;
    if (out->done < out->len) {
        *ret_p = out->block + LWS_PRE + out->done;
        left = out->len - out->done;
    } else {
        *ret_p = out->tail ? out->tail + (out->done - out->len) : NULL;
        left = out->len + out->tail_len - out->done;
    }
    return left < WRITE_CHUNK ? left : WRITE_CHUNK;
}

void sup_net_hold_pump(struct sup_net_conn *conn)
{
    struct conn_out *out = &conn->out;
    for (;;) {
        const uint8_t *p = NULL;
        bool partial = lws_partial_buffered(conn->wsi) != 0;
        size_t n = partial ? 0 : next_chunk(out, &p);
        if (!partial && n == 0) {
            if (!sup_net_stream_ask(conn))
                break;
            sup_net_hold(conn, UV_DISCONNECT);
            return;
        }
        if ((partial || out->done > 0) && !writable_now(conn->fd)) {
            sup_net_hold(conn, UV_WRITABLE);
            return;
        }
        /* With NULL, libwebsockets writes on at what it could not write before. */
        if (lws_write(conn->wsi, (unsigned char *)p, n, LWS_WRITE_HTTP) < 0) {
            sup_net_conn_kill(conn);
            return;
        }
        out->done += n;
        sup_metric_add(conn->server->metrics.bytes_out, (double)n);
        conn->deadline_us = sup_clock_mono_us() + conn->server->limits.write_timeout_ms * 1000ull;
    }
    finish(conn);
}
