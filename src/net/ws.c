#include "supportd/net/ws.h"

#include <assert.h>
#include <string.h>

#include "net_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"

enum { REASON_MAX = 123, FRAMES_PER_PASS = 32 };

struct sup_ws_frame {
    size_t refs;
    size_t len;
    uint8_t bytes[]; /* LWS_PRE, then len; libwebsockets writes the same head into each copy */
};

struct queued {
    struct sup_link link; /* sup_ws_client::queue */
    struct sup_ws_frame *frame;
};

struct sup_ws_client {
    size_t refs;
    struct sup_net_conn *conn; /* NULL: gone */
    struct sup_id id;
    struct sup_peer_text peer;
    char *origin, *cookie; /* NULL when absent */
    bool tls;
    bool opened;     /* on_open has run */
    bool closing;    /* by us or by the peer: nothing is sent or heard any more */
    bool close_sent; /* libwebsockets has been told */
    bool frame_open; /* more of this frame's payload is to come */
    bool ping_due;
    unsigned code; /* 0 until someone closes */
    char reason[REASON_MAX + 1];
    uint64_t close_deadline_us;
    struct sup_link queue;
    size_t queued_bytes;
    struct sup_buf rx; /* the message that is being put together */
    double tokens;
    uint64_t tokens_at_us, last_rx_us, last_ping_us;
    struct sup_link subscriptions;
    void *data;
};

/* --- references and what a client says of itself --- */

struct sup_ws_client *sup_ws_ref(struct sup_ws_client *client)
{
    client->refs++;
    return client;
}

void sup_ws_unref(struct sup_ws_client *client)
{
    if (!client || --client->refs > 0)
        return;
    sup_buf_fini_secret(&client->rx);
    sup_free(client->origin);
    sup_free_secret(client->cookie);
    sup_free(client);
}

struct sup_id sup_ws_id(const struct sup_ws_client *client)
{
    return client->id;
}

const char *sup_ws_peer(const struct sup_ws_client *client)
{
    return client->peer.s;
}

const char *sup_ws_origin(const struct sup_ws_client *client)
{
    return client->origin ? client->origin : "";
}

const char *sup_ws_cookie(const struct sup_ws_client *client)
{
    return client->cookie ? client->cookie : "";
}

void sup_ws_forget_cookie(struct sup_ws_client *client)
{
    sup_free_secret(client->cookie);
    client->cookie = NULL;
}

bool sup_ws_is_tls(const struct sup_ws_client *client)
{
    return client->tls;
}

bool sup_ws_is_open(const struct sup_ws_client *client)
{
    return client->conn && client->opened && !client->closing;
}

void sup_ws_set_data(struct sup_ws_client *client, void *data)
{
    client->data = data;
}

void *sup_ws_data(const struct sup_ws_client *client)
{
    return client->data;
}

size_t sup_ws_queued(const struct sup_ws_client *client)
{
    return client->queued_bytes;
}

struct sup_link *sup_net_ws_subscriptions(struct sup_ws_client *client)
{
    return &client->subscriptions;
}

/* --- sending --- */

sup_err sup_ws_frame_create(const char *text, size_t len, struct sup_ws_frame **ret_frame)
{
    struct sup_ws_frame *frame = sup_malloc(sizeof(*frame) + LWS_PRE + len);
    if (!frame)
        return SUP_E_NOMEM;
    *frame = (struct sup_ws_frame){.refs = 1, .len = len};
    if (len > 0)
        memcpy(frame->bytes + LWS_PRE, text, len);
    *ret_frame = frame;
    return SUP_OK;
}

void sup_ws_frame_unref(struct sup_ws_frame *frame)
{
    if (!frame || --frame->refs > 0)
        return;
    sup_wipe(frame->bytes + LWS_PRE, frame->len);
    sup_free(frame);
}

static void queue_pop(struct sup_ws_client *client)
{
    struct queued *q = SUP_CONTAINER_OF(client->queue.next, struct queued, link);
    client->queued_bytes -= q->frame->len;
    sup_list_remove(&q->link);
    sup_ws_frame_unref(q->frame);
    sup_free(q);
}

static void queue_drop(struct sup_ws_client *client)
{
    while (!sup_list_empty(&client->queue))
        queue_pop(client);
}

sup_err sup_ws_send_frame(struct sup_ws_client *client, struct sup_ws_frame *frame)
{
    if (!sup_ws_is_open(client))
        return SUP_E_CLOSED;
    const struct sup_net_server *server = client->conn->server;
    size_t max = server->limits.ws_queue_max;
    if (frame->len > max || client->queued_bytes > max - frame->len) {
        queue_drop(client);
        sup_metric_add(server->metrics.ws_cut_off, 1);
        sup_ws_close(client, SUP_WS_TRY_LATER, "too slow");
        return SUP_E_LIMIT;
    }
    struct queued *q = sup_calloc(1, sizeof(*q));
    if (!q)
        return SUP_E_NOMEM;
    q->frame = frame;
    frame->refs++;
    client->queued_bytes += frame->len;
    sup_list_append(&client->queue, &q->link);
    (void)lws_callback_on_writable(client->conn->wsi);
    return SUP_OK;
}

sup_err sup_ws_send(struct sup_ws_client *client, const char *text, size_t len)
{
    if (!sup_ws_is_open(client))
        return SUP_E_CLOSED;
    struct sup_ws_frame *frame;
    sup_err err = sup_ws_frame_create(text, len, &frame);
    if (err)
        return err;
    err = sup_ws_send_frame(client, frame);
    sup_ws_frame_unref(frame);
    return err;
}

static void begin_close(struct sup_ws_client *client, unsigned code, const char *reason)
{
    client->closing = true;
    client->code = code;
    size_t len = reason ? strlen(reason) : 0;
    len = len > REASON_MAX ? REASON_MAX : len;
    while (len > 0 && !sup_utf8_valid(reason, len))
        len--; /* cut between characters */
    memcpy(client->reason, reason ? reason : "", len);
    client->close_deadline_us = sup_clock_mono_us() + WS_CLOSE_TIMEOUT_US;
}

void sup_ws_close(struct sup_ws_client *client, unsigned code, const char *reason)
{
    if (!client->conn || client->closing)
        return;
    begin_close(client, code, reason);
    if (!client->opened)
        client->conn->state = CONN_KILL;
    sup_net_conn_ready(client->conn);
}

static int write_queue(struct sup_ws_client *client)
{
    struct sup_net_conn *conn = client->conn;
    const struct net_metrics *m = &conn->server->metrics;
    for (int i = 0; i < FRAMES_PER_PASS && !sup_list_empty(&client->queue); i++) {
        struct sup_ws_frame *frame =
            SUP_CONTAINER_OF(client->queue.next, struct queued, link)->frame;
        if (lws_write(conn->wsi, frame->bytes + LWS_PRE, frame->len, LWS_WRITE_TEXT) < 0)
            return -1;
        sup_metric_add(m->ws_out, 1);
        sup_metric_add(m->ws_bytes_out, (double)frame->len);
        queue_pop(client);
        if (lws_partial_buffered(conn->wsi) || lws_send_pipe_choked(conn->wsi))
            break;
    }
    return 0;
}

int sup_net_ws_writable(struct sup_net_conn *conn)
{
    struct sup_ws_client *client = conn->client;
    if (!client || client->close_sent)
        return 0;
    if (client->ping_due && !client->closing) {
        /* One byte: libwebsockets does not tell of an empty pong. */
        uint8_t ping[LWS_PRE + 1] = {[LWS_PRE] = '.'};
        client->ping_due = false;
        if (lws_write(conn->wsi, ping + LWS_PRE, 1, LWS_WRITE_PING) < 0)
            return -1;
    }
    if (write_queue(client) != 0)
        return -1;
    if (!sup_list_empty(&client->queue))
        (void)lws_callback_on_writable(conn->wsi);
    else if (client->closing)
        sup_net_conn_ready(conn);
    return 0;
}

void sup_net_ws_flush(struct sup_net_conn *conn)
{
    struct sup_ws_client *client = conn->client;
    if (!client || !client->closing || client->close_sent)
        return;
    if (!sup_list_empty(&client->queue) || lws_partial_buffered(conn->wsi)) {
        (void)lws_callback_on_writable(conn->wsi);
        return;
    }
    /* Outside of libwebsockets' callbacks this sends the close frame and awaits the peer's. */
    client->close_sent = true;
    lws_close_reason(conn->wsi, (enum lws_close_status)client->code,
                     (unsigned char *)client->reason, strlen(client->reason));
    lws_set_timeout(conn->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC);
}

/* --- receiving --- */

static bool take_token(struct sup_ws_client *client, const struct sup_net_limits *limits,
                       uint64_t now_us)
{
    client->tokens += (double)(now_us - client->tokens_at_us) * limits->ws_frames_per_s / 1e6;
    if (client->tokens > limits->ws_frames_burst)
        client->tokens = limits->ws_frames_burst;
    client->tokens_at_us = now_us;
    if (client->tokens < 1)
        return false;
    client->tokens -= 1;
    return true;
}

static void deliver(struct sup_ws_client *client)
{
    const struct sup_net_server *server = client->conn->server;
    char nothing[1] = "";
    struct sup_buf message = client->rx;
    sup_buf_init(&client->rx, 0);
    sup_metric_add(server->metrics.ws_in, 1);
    sup_metric_add(server->metrics.ws_bytes_in, (double)message.len);
    if (!sup_utf8_valid(message.data ? message.data : nothing, message.len))
        sup_ws_close(client, SUP_WS_BAD_DATA, "not UTF-8");
    else
        server->ws.on_text(client, message.data ? message.data : nothing, message.len,
                           server->ws.arg);
    sup_buf_fini_secret(&message);
}

/* What a frame may not be; true: the client is being closed. */
static bool refuse_frame(struct sup_ws_client *client, size_t len, bool first)
{
    struct sup_net_conn *conn = client->conn;
    const struct sup_net_server *server = conn->server;
    size_t coming = len + lws_remaining_packet_payload(conn->wsi);
    if (first && !take_token(client, &server->limits, client->last_rx_us)) {
        sup_metric_add(server->metrics.ws_rate, 1);
        if (server->ws.on_rate)
            server->ws.on_rate(client, server->ws.arg);
        sup_ws_close(client, SUP_WS_POLICY, "too many frames");
    } else if (lws_frame_is_binary(conn->wsi)) {
        sup_ws_close(client, SUP_WS_UNSUPPORTED, "text only");
    } else if (coming > server->limits.ws_message_max ||
               client->rx.len > server->limits.ws_message_max - coming) {
        sup_ws_close(client, SUP_WS_TOO_BIG, "message too large");
    }
    return client->closing;
}

int sup_net_ws_receive(struct sup_net_conn *conn, char *data, size_t len)
{
    struct sup_ws_client *client = conn->client;
    if (client && !client->closing) {
        client->last_rx_us = sup_clock_mono_us();
        bool first = !client->frame_open;
        client->frame_open = lws_remaining_packet_payload(conn->wsi) > 0;
        if (!refuse_frame(client, len, first)) {
            if (sup_buf_add(&client->rx, data, len) != SUP_OK)
                sup_ws_close(client, SUP_WS_INTERNAL, NULL);
            else if (!client->frame_open && lws_is_final_fragment(conn->wsi))
                deliver(client);
        }
    }
    sup_wipe(data, len);
    return 0;
}

void sup_net_ws_pong(struct sup_net_conn *conn)
{
    if (conn->client)
        conn->client->last_rx_us = sup_clock_mono_us();
}

void sup_net_ws_peer_close(struct sup_net_conn *conn, unsigned code)
{
    if (conn->client && !conn->client->closing) {
        begin_close(conn->client, code, NULL);
        conn->client->close_sent = true; /* libwebsockets answers by itself */
    }
}

/* --- life --- */

void sup_net_ws_sweep(struct sup_net_conn *conn, uint64_t now_us)
{
    struct sup_ws_client *client = conn->client;
    const struct sup_net_server *server = conn->server;
    if (!client)
        return;
    if (client->closing) {
        if (now_us >= client->close_deadline_us)
            sup_net_conn_kill(conn);
        return;
    }
    uint64_t silent_us = now_us > client->last_rx_us ? now_us - client->last_rx_us : 0;
    if (silent_us >= server->limits.ws_dead_ms * 1000ull) {
        sup_metric_add(server->metrics.ws_dead, 1);
        sup_net_conn_kill(conn);
    } else if (silent_us >= server->limits.ws_ping_ms * 1000ull &&
               now_us - client->last_ping_us >= server->limits.ws_ping_ms * 1000ull) {
        client->last_ping_us = now_us;
        client->ping_due = true;
        (void)lws_callback_on_writable(conn->wsi);
    }
}

struct sup_ws_client *sup_net_ws_client_create(struct sup_net_conn *conn,
                                               const struct sup_http_request *req)
{
    struct sup_ws_client *client = sup_calloc(1, sizeof(*client));
    if (!client)
        return NULL;
    const char *origin = sup_http_header(req, "origin");
    const char *cookie = sup_http_header(req, "cookie");
    *client = (struct sup_ws_client){.refs = 1,
                                     .conn = conn,
                                     .id = sup_id_new(),
                                     .peer = req->peer,
                                     .origin = sup_strdup(origin),
                                     .cookie = sup_strdup(cookie),
                                     .tls = req->tls,
                                     .tokens = conn->server->limits.ws_frames_burst};
    sup_list_init(&client->queue);
    sup_list_init(&client->subscriptions);
    client->tokens_at_us = client->last_rx_us = client->last_ping_us = sup_clock_mono_us();
    if ((origin && !client->origin) || (cookie && !client->cookie)) {
        sup_ws_unref(client);
        return NULL;
    }
    return client;
}

int sup_net_ws_established(struct sup_net_conn *conn)
{
    struct sup_net_server *server = conn->server;
    if (!conn->client || conn->state != CONN_HEAD)
        return -1;
    conn->state = CONN_WS;
    conn->deadline_us = 0;
    conn->client->opened = true;
    sup_metric_add(server->metrics.ws_clients, 1);
    server->ws.on_open(conn->client, server->ws.arg);
    return 0;
}

void sup_net_ws_gone(struct sup_net_conn *conn)
{
    struct sup_net_server *server = conn->server;
    struct sup_ws_client *client = conn->client;
    conn->client = NULL;
    client->conn = NULL;
    queue_drop(client);
    sup_buf_fini_secret(&client->rx);
    sup_ws_forget_cookie(client);
    sup_net_hub_forget(client);
    if (client->opened) {
        sup_metric_add(server->metrics.ws_clients, -1);
        if (server->ws.on_close)
            server->ws.on_close(client, client->code ? client->code : SUP_WS_ABNORMAL,
                                server->ws.arg);
    }
    sup_ws_unref(client);
}
