#include <string.h>
#include <sys/socket.h>

#include "net_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"

static void count_address(struct sup_net_conn *conn, bool up)
{
    struct sup_map *map = conn->server->addresses;
    size_t len = strlen(conn->ip.s);
    uintptr_t count = (uintptr_t)sup_map_get(map, conn->ip.s, len);
    if (up) {
        conn->counted = sup_map_set(map, conn->ip.s, len, (void *)(count + 1)) == SUP_OK;
    } else if (conn->counted && count <= 1) {
        (void)sup_map_remove(map, conn->ip.s, len);
    } else if (conn->counted && sup_map_set(map, conn->ip.s, len, (void *)(count - 1)) != SUP_OK) {
        sup_log_debug("net", "an address stays counted");
    }
}

sup_err sup_net_conn_create(struct sup_net_server *server, int fd, bool tls,
                            const struct sup_peer_text *ip, struct sup_net_conn **ret_conn)
{
    struct sup_net_conn *conn = sup_calloc(1, sizeof(*conn));
    if (!conn)
        return SUP_E_NOMEM;
    conn->server = server;
    conn->fd = fd;
    conn->tls = tls;
    conn->ip = *ip;
    conn->state = CONN_HEAD;
    conn->deadline_us = sup_clock_mono_us() + server->limits.head_timeout_ms * 1000ull;
    sup_head_init(&conn->head);
    sup_buf_init(&conn->parts, SUP_HEAD_MAX);
    sup_list_init(&conn->ready);
    sup_list_append(&server->conns, &conn->link);
    count_address(conn, true);
    server->conn_count++;
    sup_metric_set(server->metrics.connections, (double)server->conn_count);
    sup_metric_add(server->metrics.accepted, 1);
    *ret_conn = conn;
    return SUP_OK;
}

static void out_free(struct conn_out *out)
{
    if (out->block)
        sup_wipe(out->block, LWS_PRE + out->len);
    sup_free(out->block);
    *out = (struct conn_out){.block = NULL};
}

void sup_net_conn_gone(struct sup_net_conn *conn)
{
    conn->state = CONN_DEAD;
    conn->deadline_us = 0;
    sup_list_remove(&conn->ready);
    struct sup_http_request *req = conn->req;
    conn->req = NULL;
    if (req)
        sup_net_request_detach(req);
    sup_net_stream_end(conn);
    if (conn->client)
        sup_net_ws_gone(conn);
}

void sup_net_conn_free(struct sup_net_conn *conn)
{
    struct sup_net_server *server = conn->server;
    sup_net_conn_gone(conn);
    count_address(conn, false);
    server->conn_count--;
    sup_metric_set(server->metrics.connections, (double)server->conn_count);
    sup_list_remove(&conn->link);
    out_free(&conn->out);
    sup_buf_fini_secret(&conn->parts);
    sup_free(conn);
}

void sup_net_conn_ready(struct sup_net_conn *conn)
{
    struct sup_net_server *server = conn->server;
    if (sup_list_empty(&conn->ready))
        sup_list_append(&server->ready, &conn->ready);
    if (server->flush && !sup_timer_armed(server->flush))
        sup_timer_start(server->flush, 0);
}

void sup_net_conn_drop(struct sup_net_conn *conn)
{
    if (conn->state == CONN_DEAD)
        return;
    conn->state = CONN_KILL;
    sup_net_conn_ready(conn);
}

void sup_net_conn_kill(struct sup_net_conn *conn)
{
    struct lws *wsi = conn->state == CONN_DEAD ? NULL : conn->wsi;
    sup_net_conn_gone(conn);
    if (!wsi)
        return;
    if (lws_partial_buffered(wsi)) {
        /* libwebsockets would wait until its buffer is flushed: let the next write fail. */
        (void)shutdown(conn->fd, SHUT_RDWR);
        (void)lws_callback_on_writable(wsi);
    }
    lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_SYNC);
}

static void flush_one(struct sup_net_conn *conn)
{
    switch (conn->state) {
    case CONN_KILL:
        sup_net_conn_kill(conn);
        break;
    case CONN_WRITING:
        sup_net_hold_pump(conn);
        break;
    case CONN_WS:
        sup_net_ws_flush(conn);
        break;
    case CONN_IDLE:
    case CONN_BODY:
        sup_net_head_read(conn);
        break;
    default:
        break;
    }
}

void sup_net_conn_flush(void *arg)
{
    struct sup_net_server *server = arg;
    sup_net_glue_wipe_rx(server);
    /* What becomes ready meanwhile waits for the next pass; whoever dies leaves the ring itself. */
    struct sup_link now;
    sup_list_init(&now);
    while (!sup_list_empty(&server->ready)) {
        struct sup_link *first = server->ready.next;
        sup_list_remove(first);
        sup_list_append(&now, first);
    }
    while (!sup_list_empty(&now)) {
        struct sup_link *first = now.next;
        sup_list_remove(first);
        flush_one(SUP_CONTAINER_OF(first, struct sup_net_conn, ready));
    }
}

/* The handler took too long: it keeps the request, which then has no client any more. */
static void answer_timeout(struct sup_net_conn *conn)
{
    struct sup_problem problem = {.status = 503, .code = "overloaded", .retry_after_us = 1000000};
    struct sup_http_request *req = conn->req;
    conn->req = NULL;
    sup_net_request_detach(req);
    sup_net_conn_refuse(conn, &problem);
}

static void sweep_one(struct sup_net_conn *conn, uint64_t now_us)
{
    static const struct sup_problem late = {
        .status = 408, .code = "request_timeout", .detail = "the request has no end"};
    if (conn->state == CONN_WS) {
        sup_net_ws_sweep(conn, now_us);
        return;
    }
    if (conn->stalled)
        sup_net_head_watch(conn);
    if (conn->deadline_us == 0 || now_us < conn->deadline_us)
        return;
    if (conn->state == CONN_DEAD && !conn->wsi)
        sup_net_conn_free(conn); /* libwebsockets never knew it */
    else if (conn->state == CONN_PENDING)
        answer_timeout(conn);
    else if (conn->state == CONN_HEAD && conn->head.bytes > conn->head.blank)
        sup_net_conn_refuse(conn, &late);
    else if (conn->state == CONN_BODY && conn->req)
        (void)sup_http_problem(conn->req, &late);
    else
        sup_net_conn_kill(conn);
}

void sup_net_conn_sweep(void *arg)
{
    struct sup_net_server *server = arg;
    uint64_t now_us = sup_clock_mono_us();
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &server->conns)
    sweep_one(SUP_CONTAINER_OF(pos, struct sup_net_conn, link), now_us);
    sup_net_listen_resume(server);
    sup_timer_start(server->sweep, SWEEP_US);
}
