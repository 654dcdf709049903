#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "net_internal.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"

enum {
    /* A whole TLS record: what it leaves inside OpenSSL it reads only at the next event. */
    RX_SIZE = 16384 + LWS_PRE + 512,
    FAR_AWAY_S = 3600, /* libwebsockets' own timeouts; ours are in conn_sweep() */
    CLOSE_PASSES = 1000,
};

/* libwebsockets' allocator: overwrites what is given back, since it holds heads, bodies, frames. */
static void *wiping_realloc(void *ptr, size_t size, const char *reason)
{
    (void)reason;
    if (!ptr)
        return size ? malloc(size) : NULL;
    size_t old = malloc_usable_size(ptr);
    void *fresh = size ? malloc(size) : NULL;
    if (size && !fresh)
        return NULL;
    if (fresh)
        memcpy(fresh, ptr, old < size ? old : size);
    explicit_bzero(ptr, old);
    free(ptr);
    return fresh;
}

/* Its errors and warnings; they name functions and sizes. */
static void log_line(int level, const char *line)
{
    sup_log_debug("net", "libwebsockets", SUP_INT("level", level), SUP_STR("line", line));
}

/* Request heads are read into one buffer inside the context's block, which nobody lends: the first
 * head read shows where it is. */
static void find_rx(struct sup_net_server *server)
{
    static const char start[] = "GET /";
    uint8_t *block = (uint8_t *)server->context;
    size_t size = malloc_usable_size(block);
    uint8_t *found = memmem(block, size, start, sizeof(start) - 1);
    if (!found || found < block + LWS_PRE)
        return;
    server->rx = found - LWS_PRE;
    size_t rest = (size_t)(block + size - server->rx);
    server->rx_len = rest < RX_SIZE ? rest : RX_SIZE;
}

void sup_net_glue_wipe_rx(struct sup_net_server *server)
{
    if (server->rx)
        sup_wipe(server->rx, server->rx_len);
}

/* The only head that libwebsockets reads: one that has been judged, and begins a WebSocket. */
static int on_upgrade(struct sup_net_conn *conn)
{
    if (!conn->server->rx)
        find_rx(conn->server);
    return conn->client && conn->state == CONN_HEAD ? 0 : -1;
}

static int on_ws(struct lws *wsi, struct sup_net_conn *conn, enum lws_callback_reasons reason,
                 char *in, size_t len)
{
    (void)wsi;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        return sup_net_ws_established(conn);
    case LWS_CALLBACK_RECEIVE:
        return sup_net_ws_receive(conn, in, len);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return sup_net_ws_writable(conn);
    case LWS_CALLBACK_RECEIVE_PONG:
        sup_net_ws_pong(conn);
        return 0;
    case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
        sup_net_ws_peer_close(conn, len >= 2 ? (unsigned)((uint8_t)in[0] << 8 | (uint8_t)in[1])
                                             : SUP_WS_NORMAL);
        return 0;
    default:
        return 0;
    }
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    if (reason == LWS_CALLBACK_OPENSSL_LOAD_EXTRA_SERVER_VERIFY_CERTS) {
        struct sup_net_server *server = lws_context_user(lws_get_context(wsi));
        server->ssl_ctx = user;
        return 0;
    }
    struct sup_net_conn *conn = wsi ? lws_get_opaque_user_data(wsi) : NULL;
    if (!conn)
        return 0;
    switch (reason) {
    case LWS_CALLBACK_RAW_ADOPT:
    case LWS_CALLBACK_RAW_RX:
    case LWS_CALLBACK_HTTP:
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return -1; /* requests are never left to libwebsockets */
    case LWS_CALLBACK_CLOSED:
    case LWS_CALLBACK_CLOSED_HTTP:
        sup_net_conn_gone(conn);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        lws_set_opaque_user_data(wsi, NULL);
        sup_net_conn_free(conn);
        return 0;
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return on_upgrade(conn);
    case LWS_CALLBACK_SERVER_NEW_CLIENT_INSTANTIATED:
        conn->wsi = wsi;
        return 0;
    default:
        return on_ws(wsi, conn, reason, in, len);
    }
}

static struct lws_vhost *create_vhost(struct sup_net_server *server, const char *cert_file,
                                      const char *key_file)
{
    /* The port only tells the two apart when libwebsockets matches Host headers to vhosts. */
    struct lws_context_creation_info info = {
        .port = cert_file ? CONTEXT_PORT_NO_LISTEN_SERVER : CONTEXT_PORT_NO_LISTEN,
        .protocols = server->protocols,
        .vhost_name = cert_file ? "tls" : "plain",
        .keepalive_timeout = FAR_AWAY_S,
        .timeout_secs_ah_idle = FAR_AWAY_S,
        .ssl_cert_filepath = cert_file,
        .ssl_private_key_filepath = key_file,
        .alpn = "http/1.1",
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   (cert_file ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
    };
    return lws_create_vhost(server->context, &info);
}

static void set_protocols(struct sup_net_server *server)
{
    /* The first name is no token, so that no client can ask for it as a subprotocol. */
    server->protocols[0] =
        (struct lws_protocols){.name = "(http)", .callback = on_lws, .tx_packet_size = WRITE_CHUNK};
    server->protocols[1] = (struct lws_protocols){.name = "support.v1",
                                                  .callback = on_lws,
                                                  .rx_buffer_size = WS_RX_CHUNK,
                                                  .tx_packet_size = 1024 * 1024};
    server->protocols[2] = (struct lws_protocols){.name = NULL};
}

sup_err sup_net_glue_create(struct sup_net_server *server, const char *cert_file,
                            const char *key_file)
{
    if (cert_file) {
        sup_err err = sup_net_tls_load(NULL, cert_file, key_file);
        if (err)
            return err;
    }
    lws_set_allocator(wiping_realloc);
    lws_set_log_level(LLL_ERR | LLL_WARN, log_line);
    set_protocols(server);
    void *loops[] = {sup_loop_uv(server->loop)};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_UV_NO_SIGSEGV_SIGFPE_SPIN |
                   (cert_file ? LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT : 0),
        .foreign_loops = loops,
        .user = server,
        .pcontext = &server->context,
        .max_http_header_data2 = HEAD_MAX,
        .pt_serv_buf_size = RX_SIZE,
        .timeout_secs = FAR_AWAY_S,
        .gid = -1,
        .uid = -1,
    };
    server->context = lws_create_context(&info);
    if (!server->context)
        return SUP_E_NOMEM;
    server->plain = create_vhost(server, NULL, NULL);
    if (cert_file)
        server->secure = create_vhost(server, cert_file, key_file);
    if (!server->plain || (cert_file && (!server->secure || !server->ssl_ctx)))
        return cert_file && server->plain ? SUP_E_CRYPTO : SUP_E_NOMEM;
    if (server->ssl_ctx)
        sup_net_tls_setup(server->ssl_ctx);
    return SUP_OK;
}

static void note_closing(uv_handle_t *handle, void *arg)
{
    if (uv_is_closing(handle))
        *(bool *)arg = true;
}

/* Passes of the loop until no handle is on its way out. */
static void run_closing(struct sup_net_server *server)
{
    uv_loop_t *uv = sup_loop_uv(server->loop);
    bool closing = true;
    for (int i = 0; closing && i < CLOSE_PASSES; i++) {
        (void)uv_run(uv, UV_RUN_NOWAIT);
        closing = false;
        uv_walk(uv, note_closing, &closing);
    }
}

void sup_net_glue_destroy(struct sup_net_server *server)
{
    /* The second call frees what the first could not while handles were open; libwebsockets then
     * sets server->context to NULL. */
    for (int i = 0; server->context && i < 3; i++) {
        lws_context_destroy(server->context);
        run_closing(server);
    }
    if (server->context)
        sup_log_debug("net", "libwebsockets did not end");
}
