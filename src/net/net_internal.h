/* Private to the net folder: the server, one connection, one request, and who may touch what.
 *
 * A connection (struct sup_net_conn) lives from accept to libwebsockets' last callback for its wsi.
 * It has at most one of: a request (HTTP), a client (WebSocket).
 *
 * libwebsockets 4.1.6 makes the TLS handshake, writes, and speaks WebSocket. Requests it does not
 * read: it takes much that is no HTTP, cuts off without a word what it does not take, and misreads
 * pipelined bodies. So:
 *  - once the handshake is over, the connection's uv_poll_t is pointed at our own callback, which
 *    reads heads and bodies (conn_head.c), never behind the request's own end; while a request is
 *    answered the connection is "held" (conn_hold.c): nothing is read;
 *  - the head of a WebSocket that has been let in is left where it is, for libwebsockets to read,
 *    and the connection is libwebsockets' from there on;
 *  - it must not be re-entered from its own callbacks for closing: they only note what is due and
 *    put the connection on server->ready; conn_flush() does it from a timer of 0 us. */
#ifndef SUPPORTD_NET_INTERNAL_H
#define SUPPORTD_NET_INTERNAL_H
#include <libwebsockets.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/list.h"
#include "supportd/base/map.h"
#include "supportd/loop/loop_uv.h"
#include "supportd/metrics/metrics.h"
#include "supportd/net/head.h"
#include "supportd/net/http.h"
#include "supportd/net/router.h"
#include "supportd/net/server.h"
#include "supportd/net/ws.h"

enum {
    LISTENERS_MAX = 8,
    URI_MAX = 2048,                /* bytes of a decoded path, and of its query */
    HEAD_MAX = SUP_HEAD_MAX + 512, /* libwebsockets drops connections beyond it */
    REPLY_HEADERS_MAX = 16,        /* headers added by a handler */
    WRITE_CHUNK = 16384,           /* bytes for one write */
    WS_RX_CHUNK = 1024,            /* libwebsockets' receive buffer of one WebSocket */
    WS_CLOSE_TIMEOUT_US = 5 * 1000 * 1000,
    LINGER_US = 2 * 1000 * 1000,
    LINGER_BYTES = 1024 * 1024,
    SWEEP_US = 250 * 1000,
};

enum conn_state {
    CONN_HEAD,    /* TLS handshake, or a request head, is on its way; deadline */
    CONN_BODY,    /* the body is on its way; deadline */
    CONN_PENDING, /* held; the handler owns the request; deadline */
    CONN_WRITING, /* held; out is being written; deadline moves with progress */
    CONN_LINGER,  /* held; written and shut down, waiting for the peer's end; deadline */
    CONN_IDLE,    /* between two requests; deadline */
    CONN_WS,      /* has a client */
    CONN_KILL,    /* to be closed by conn_flush() */
    CONN_DEAD,    /* closed; only the memory waits for the last callback */
};

/* What is to be written; head and owned body in one block, then a static body. */
struct conn_out {
    uint8_t *block; /* LWS_PRE bytes, then len bytes; owned, wiped */
    size_t len;
    const uint8_t *tail; /* borrowed (an asset), may be NULL */
    size_t tail_len;
    size_t done; /* bytes written of len + tail_len */
};

struct sup_http_stream {
    struct sup_net_conn *conn;
    const struct sup_http_source *source;
    void *arg;
    uint64_t left; /* bytes not given yet */
    bool asked;
};

struct sup_net_conn {
    struct sup_net_server *server;
    struct sup_link link;  /* sup_net_server::conns */
    struct sup_link ready; /* sup_net_server::ready, or alone */
    struct lws *wsi;       /* NULL until libwebsockets has called back */
    uv_poll_t *poll;       /* libwebsockets' handle of the socket; NULL until adopted */
    int fd;
    bool tls;
    bool counted;     /* in sup_net_server::addresses */
    bool close_after; /* no further request on this connection */
    enum conn_state state;
    uint64_t deadline_us; /* 0: none */
    struct sup_peer_text ip;
    struct sup_http_request *req; /* being read or answered, or NULL */
    struct sup_ws_client *client; /* or NULL */
    struct conn_out out;
    struct sup_http_stream *stream; /* what follows out, or NULL */
    size_t lingered;                /* bytes thrown away in CONN_LINGER */
    struct sup_head head;           /* of the next request, as far as it has been seen */
    bool stalled;                   /* reads no more of it until the sweep */
    struct sup_buf parts;           /* its bytes that have been taken from the socket already */
    size_t wakes_at;                /* SO_RCVLOWAT while a head is incomplete, else 0 */
    size_t lws_read;                /* TLS: of parts, what libwebsockets has read, too */
    bool lws_spoilt;                /* it has read the beginning of another request's head */
    uv_poll_cb lws_cb;              /* libwebsockets' own */
    int lws_events;                 /* that libwebsockets last asked for, for hand_over() */
};

/* Header values that are kept; the order is that of the table in request_head.c. */
enum { KEPT_HEADERS = 28 };

struct sup_http_request {
    struct sup_net_conn *conn; /* NULL: the client is gone */
    const char *method;        /* static */
    char *path;
    char *params_text; /* copy of path cut into the values below */
    size_t param_count;
    struct {
        const char *name;
        size_t name_len;
        const char *value;
    } params[SUP_ROUTER_MAX_PARAMS];
    struct sup_query query;
    char *headers[KEPT_HEADERS];
    struct sup_buf body;
    size_t body_len; /* as announced */
    struct sup_peer_text peer;
    bool tls;
    bool http10;
    bool close_asked;
    bool dispatched; /* the handler has it */
    enum sup_cors cors;
    const struct sup_http_route *route;
    struct sup_id id;
    uint64_t started_us;
    struct sup_buf extra; /* headers added by the handler */
    size_t extra_count;
    bool extra_cache_control;
    void (*on_gone)(struct sup_http_request *req, void *arg);
    void *on_gone_arg;
    void *data;
};

struct net_metrics {
    struct sup_metric *connections, *accepted, *handshakes_failed;
    struct sup_metric *refused_total, *refused_address, *refused_rate, *refused_origin;
    struct sup_metric *requests[5]; /* by status class, 1xx first */
    struct sup_metric *latency, *vanished;
    struct sup_metric *bytes_in, *bytes_out;
    struct sup_metric *ws_clients, *ws_in, *ws_out, *ws_bytes_in, *ws_bytes_out;
    struct sup_metric *ws_cut_off, *ws_rate, *ws_dead;
};

struct listener {
    struct sup_net_server *server;
    struct sup_poller *poller;
    int fd;
    bool tls;
    bool paused; /* out of descriptors; the sweep resumes */
    uint16_t port;
};

struct sup_net_server {
    struct sup_loop *loop;
    struct sup_net_hooks hooks;
    struct sup_ws_hooks ws;
    struct sup_net_limits limits;
    struct sup_router *router;
    void *route_arg;
    struct sup_map *assets;    /* path -> const struct sup_asset */
    struct sup_map *addresses; /* ip -> count of connections, as a pointer */
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    bool accepting;
    bool draining;
    bool destroying;
    struct lws_context *context;
    struct lws_vhost *plain, *secure;
    struct lws_protocols protocols[3];
    void *ssl_ctx; /* SSL_CTX of secure, borrowed from libwebsockets */
    uint8_t *rx;   /* libwebsockets' shared receive buffer, once found */
    size_t rx_len;
    struct sup_link conns, ready;
    size_t conn_count;
    struct sup_timer *flush, *sweep;
    struct net_metrics metrics;
};

/* --- lws_glue.c: the context, its allocator and callback --- */
SUP_MUST_CHECK sup_err sup_net_glue_create(struct sup_net_server *server, const char *cert_file,
                                           const char *key_file);
/* Both phases; runs the loop in between. */
void sup_net_glue_destroy(struct sup_net_server *server);
/* Overwrites the shared receive buffer; only outside of libwebsockets' callbacks. */
void sup_net_glue_wipe_rx(struct sup_net_server *server);

/* --- tls.c --- */
/* Settings of DESIGN on a live SSL_CTX. */
void sup_net_tls_setup(void *ssl_ctx);
SUP_MUST_CHECK sup_err sup_net_tls_load(void *ssl_ctx, const char *cert_file, const char *key_file);

/* --- listen.c --- */
SUP_MUST_CHECK sup_err sup_net_listen(struct sup_net_server *server,
                                      const struct sup_net_listener *wanted);
void sup_net_unlisten(struct sup_net_server *server);
/* Accepts again on listeners that had run out of descriptors. */
void sup_net_listen_resume(struct sup_net_server *server);

/* --- conn.c --- */
SUP_MUST_CHECK sup_err sup_net_conn_create(struct sup_net_server *server, int fd, bool tls,
                                           const struct sup_peer_text *ip,
                                           struct sup_net_conn **ret_conn);
/* After the last callback: frees. */
void sup_net_conn_free(struct sup_net_conn *conn);
/* The connection went (or goes): detaches request and client. Idempotent. */
void sup_net_conn_gone(struct sup_net_conn *conn);
/* Have conn_flush() look at it in the next pass. */
void sup_net_conn_ready(struct sup_net_conn *conn);
/* Have conn_flush() close it. */
void sup_net_conn_drop(struct sup_net_conn *conn);
void sup_net_conn_kill(struct sup_net_conn *conn);
/* Timer callbacks; arg is the server. */
void sup_net_conn_flush(void *arg);
void sup_net_conn_sweep(void *arg);

/* --- conn_hold.c --- */
/* Finds the uv handle that libwebsockets made for the connection. Errors: SUP_E_STATE. */
SUP_MUST_CHECK sup_err sup_net_hold_find(struct sup_net_conn *conn);
/* From now on our callback hears of events (UV_READABLE, UV_WRITABLE, UV_DISCONNECT). */
void sup_net_hold(struct sup_net_conn *conn, int events);
/* Remembers what libwebsockets waits for, before the handle is pointed elsewhere. */
void sup_net_hold_note(struct sup_net_conn *conn);
/* Tells a client that waits for leave to send the body of the connection's request (RFC 9110
 * section 10.1.1). */
void sup_net_hold_continue(struct sup_net_conn *conn);
/* Writes out; goes on to the next request, or lingers, when all is written. */
void sup_net_hold_pump(struct sup_net_conn *conn);

/* --- conn_head.c --- */
/* Points the handle at our callback. To be called whenever libwebsockets may have set its own. */
void sup_net_head_watch(struct sup_net_conn *conn);
/* A request has been answered: on to the next one. */
void sup_net_head_next(struct sup_net_conn *conn);
/* Reads what there is of a head or a body. */
void sup_net_head_read(struct sup_net_conn *conn);
/* Answers on a connection without a request, then closes it. */
void sup_net_conn_refuse(struct sup_net_conn *conn, const struct sup_problem *problem);

/* --- request_head.c, request.c, reply.c, asset.c --- */
/* A request with what its head says (text[len], found right by sup_head_feed()); the route is not
 * looked up. NULL: no memory. ret_problem: what is wrong with it, or status 0. */
struct sup_http_request *sup_net_request_head(struct sup_net_conn *conn, const char *text,
                                              size_t len, struct sup_problem *ret_problem);
/* Answers the request with problem, or looks for its route, and has it handled at once or when its
 * body has come (CONN_BODY). */
void sup_net_request_begin(struct sup_http_request *req, const struct sup_problem *problem);
/* More of the body of the connection's request, not behind its end. */
void sup_net_request_body(struct sup_net_conn *conn, const char *data, size_t len);
void sup_net_request_free(struct sup_http_request *req);
/* The client is gone: tells the handler, if it has the request, else frees. */
void sup_net_request_detach(struct sup_http_request *req);
/* X-Forwarded-Proto of a trusted proxy says https, or the connection is TLS. */
bool sup_net_seen_as_tls(const struct sup_net_conn *conn, const char *forwarded_proto);

struct reply_parts {
    unsigned status;
    const char *content_type;
    const void *body;
    size_t len;
    const uint8_t *tail; /* static body instead of body */
    size_t tail_len;
    const char *csp;                /* NULL: default-src 'none' */
    const char *cache_control;      /* NULL: no-store */
    const char *more;               /* whole header lines, or NULL */
    bool asset_cors;                /* embeddable by other sites */
    struct sup_http_stream *stream; /* the body, or NULL; taken on success */
};
/* Writes and frees as sup_http_reply(). */
sup_err sup_net_reply(struct sup_http_request *req, const struct reply_parts *parts);
/* The Date line of a reply's head. */
SUP_MUST_CHECK sup_err sup_net_add_date(struct sup_buf *head);
/* Serves path from the assets; false: there is none. Ends the request when true. */
bool sup_net_asset_serve(struct sup_http_request *req);

/* --- stream.c --- */
/* Asks for the next piece where one is due: true; the pump waits for it. */
bool sup_net_stream_ask(struct sup_net_conn *conn);
/* The connection is done with its stream, if it has one. */
void sup_net_stream_end(struct sup_net_conn *conn);

/* --- ws_upgrade.c, ws.c --- */
/* True: the request asks to become a WebSocket. Any other upgrade is ignored (RFC 9110
 * section 7.8).
 */
bool sup_net_ws_asked(const struct sup_http_request *req);
/* What of this head libwebsockets could not read; static; NULL: nothing. */
const char *sup_net_ws_unreadable(const char *text, size_t len);
/* Judges such a request. True: the connection has its client, libwebsockets is to read the head.
 * False: *problem says why not. */
bool sup_net_ws_begin(struct sup_http_request *req, struct sup_problem *problem);
/* NULL without memory; the caller's reference is the server's. */
struct sup_ws_client *sup_net_ws_client_create(struct sup_net_conn *conn,
                                               const struct sup_http_request *req);
int sup_net_ws_established(struct sup_net_conn *conn);
int sup_net_ws_receive(struct sup_net_conn *conn, char *data, size_t len);
int sup_net_ws_writable(struct sup_net_conn *conn);
void sup_net_ws_pong(struct sup_net_conn *conn);
void sup_net_ws_peer_close(struct sup_net_conn *conn, unsigned code);
/* The connection is gone: on_close, then the server's reference is dropped. */
void sup_net_ws_gone(struct sup_net_conn *conn);
/* conn_flush() and conn_sweep() for WebSockets. */
void sup_net_ws_flush(struct sup_net_conn *conn);
void sup_net_ws_sweep(struct sup_net_conn *conn, uint64_t now_us);

/* List head of the client's subscriptions, for hub.c. */
struct sup_link *sup_net_ws_subscriptions(struct sup_ws_client *client);

/* --- hub.c --- */
/* Leaves all topics of all hubs. */
void sup_net_hub_forget(struct sup_ws_client *client);
#endif
