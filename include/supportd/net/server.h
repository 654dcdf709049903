/* The web server: listeners, TLS, limits, start and stop.
 *
 * Layer:  net. The only user of libwebsockets. Thread: loop thread.
 * Source: DESIGN (One process, one loop; Clear text); SPEC 12. HTTP/1.1 only, TLS 1.3 only.
 *
 * Traps of libwebsockets 4.1.6 that are shut out here: a request with a body that came in one read
 * with the request before it is misread or looked for without end, so that connection is closed
 * (pipelined requests without body are served); request heads beyond 16 kB and unknown methods are
 * closed without an answer. A peer that shuts down its sending side counts as gone.
 *
 * Stop order: sup_net_server_drain() (no new connections, clients told to reconnect), run the loop
 * until sup_net_server_idle() or a limit, sup_net_server_destroy(), sup_loop_destroy(). */
#ifndef SUPPORTD_NET_SERVER_H
#define SUPPORTD_NET_SERVER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/loop/loop.h"
#include "supportd/metrics/metrics.h"
#include "supportd/net/http.h"
#include "supportd/net/text.h"
#include "supportd/net/ws.h"

struct sup_net_server;

struct sup_net_listener {
    const char *address; /* numeric IPv4 or IPv6 ("0.0.0.0", "::" is IPv6 only) */
    uint16_t port;       /* 0: the kernel chooses, see sup_net_server_port() */
    bool tls;
};

/* Limits; 0 takes the default in brackets. */
struct sup_net_limits {
    size_t connections;             /* in all [12000] */
    size_t connections_per_address; /* trusted proxies are exempt [200] */
    size_t accepts_per_pass;        /* new connections in one loop pass [16] */
    size_t body_max;                /* bytes of a request body [65536] */
    size_t ws_message_max;          /* bytes of one message, fragments together [32768] */
    size_t ws_queue_max;            /* bytes waiting for one client [1048576] */
    uint32_t ws_frames_per_s;       /* per client, messages in [20] */
    uint32_t ws_frames_burst;       /* [40] */
    uint32_t head_timeout_ms;       /* connect to whole request head, TLS included [10000] */
    uint32_t body_timeout_ms;       /* head to whole body [30000] */
    uint32_t reply_timeout_ms;      /* handler's time, then the client gets 503 [60000] */
    uint32_t write_timeout_ms;      /* without progress in writing a reply [30000] */
    uint32_t keepalive_ms;          /* idle between two requests [30000] */
    uint32_t ws_ping_ms;            /* silence after which a ping is sent [20000] */
    uint32_t ws_dead_ms;            /* silence after which the client counts as gone [45000] */
};

enum sup_cors {
    SUP_CORS_NONE,        /* no CORS headers; preflight 403, WebSocket refused */
    SUP_CORS_ALLOW,       /* this origin */
    SUP_CORS_CREDENTIALS, /* this origin, with cookies */
};

struct sup_net_hooks {
    /* Verdict on an Origin header (host: the Host header, tls: how the request came) for CORS and
     * the WebSocket upgrade. The own origin is to be answered by the hook, too. NULL: none is
     * allowed. An upgrade without Origin (no browser) is let through; tokens decide. */
    enum sup_cors (*origin)(const char *origin, const char *host, bool tls, void *arg);
    /* Which peers' X-Forwarded-For and -Proto are believed. NULL: none. */
    sup_peer_trusted_cb trusted;
    /* Runs once a request's head is read and its route known, before the body. False: the hook has
     * ended the request by a reply (rate limit, say); true: go on. NULL: go on always. */
    bool (*gate)(struct sup_http_request *req, void *arg);
    /* Runs before a WebSocket upgrade is answered, after the Origin check: false refuses with 429.
     * ip: behind trusted proxies. NULL: accept. */
    bool (*ws_gate)(const char *ip, const char *origin, void *arg);
    void *arg; /* for all of them; kept */
};

struct sup_net_opts {
    struct sup_loop *loop;                    /* kept */
    struct sup_metrics *metrics;              /* kept; may be NULL */
    const struct sup_net_listener *listeners; /* copied */
    size_t listener_count;                    /* 1..8 */
    const char *cert_file, *key_file;         /* PEM; needed if any listener has tls */
    const struct sup_http_route *routes;      /* kept */
    size_t route_count;
    void *route_arg;                /* handed to every handler; kept */
    const struct sup_asset *assets; /* kept; may be NULL */
    size_t asset_count;
    struct sup_ws_hooks ws;     /* copied; all NULL: no WebSocket */
    struct sup_net_hooks hooks; /* copied */
    struct sup_net_limits limits;
};

/* Binds and listens. opts is copied as its comments say. *ret_server is owned.
 * Errors: SUP_E_INVAL (options, route table, address), SUP_E_IO (bind; errno is left set),
 * SUP_E_CRYPTO (certificate or key), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_net_server_create(const struct sup_net_opts *opts,
                                             struct sup_net_server **ret_server);
/* Closes all connections at once; on_close runs for WebSocket clients from here, requests are
 * detached (http.h). libwebsockets gives its memory back only after its handles have closed, so
 * this runs passes of the loop until they have (other callbacks of the loop may run meanwhile): to
 * be called outside of any loop callback, after sup_loop_run() has returned. NULL is a no-op. */
void sup_net_server_destroy(struct sup_net_server *server);

/* Stops accepting (false) or starts again (true). */
void sup_net_server_accept(struct sup_net_server *server, bool on);
/* Stops accepting, closes all WebSocket clients with code and reason, lets requests finish and
 * answers further ones with Connection: close. */
void sup_net_server_drain(struct sup_net_server *server, unsigned code, const char *reason);
/* No connection is left. */
bool sup_net_server_idle(const struct sup_net_server *server);
/* New handshakes use these files; on any error the old pair stays. Connections live on.
 * Errors: SUP_E_STATE (no tls listener), SUP_E_CRYPTO (unreadable or key does not fit). */
SUP_MUST_CHECK sup_err sup_net_server_reload_tls(struct sup_net_server *server,
                                                 const char *cert_file, const char *key_file);
/* New limits for what begins from now on (0 takes the default). */
void sup_net_server_set_limits(struct sup_net_server *server, const struct sup_net_limits *limits);
/* Port that listener index is bound to. */
uint16_t sup_net_server_port(const struct sup_net_server *server, size_t index);
size_t sup_net_server_connections(const struct sup_net_server *server);
/* Calls cb for each open WebSocket client; cb may close it. */
void sup_net_server_each_ws(struct sup_net_server *server,
                            void (*cb)(struct sup_ws_client *client, void *arg), void *arg);
#endif
