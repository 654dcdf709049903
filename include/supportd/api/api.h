/* The daemon's face: REST routes and WebSocket frames of docs/protocol.md.
 *
 * Layer:  api. Thread: the loop thread. The only place with HTTP status codes and JSON frames. */
#ifndef SUPPORTD_API_API_H
#define SUPPORTD_API_API_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/auth/jwt.h"
#include "supportd/auth/password.h"
#include "supportd/base/buf.h"
#include "supportd/base/cidr.h"
#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/bus/bus.h"
#include "supportd/call/call.h"
#include "supportd/chat/chat.h"
#include "supportd/loop/loop.h"
#include "supportd/metrics/metrics.h"
#include "supportd/net/server.h"
#include "supportd/pg/pool.h"
#include "supportd/queue/queue.h"

struct sup_api; /* opaque */

/* A web site that may embed the widget and call the API. */
struct sup_api_site {
    const char *origin; /* canonical (base/origin.h) */
    const char *name;
    bool chat, call; /* features of this site */
};

struct sup_api_limits {
    uint32_t requests_per_minute; /* per address and per user */
    uint32_t logins_per_minute;   /* per address */
    size_t rate_keys;
    size_t subscriptions; /* of one connection */
    int64_t message_chars;
    size_t sockets_per_user;
    uint32_t messages_per_minute; /* per person */
    uint32_t calls_per_hour;      /* per customer */
    uint64_t hello_timeout_us;
};

struct sup_api_opts { /* everything is kept */
    struct sup_loop *loop;
    struct sup_pg_pool *pool;
    struct sup_bus *bus;
    struct sup_chat *chat;
    struct sup_queue *queue;
    struct sup_call *call;
    struct sup_jwt *jwt;
    bool demo;               /* offers POST /demo/login */
    const char *demo_secret; /* HS256 secret of the demo's tokens */
    const char *audience;    /* of the demo's tokens */
    const struct sup_api_site *sites;
    size_t site_count;
    const char *const *languages;
    size_t language_count;
    const char *default_language;
    const char *cookie_domain; /* of the session cookie; "": this host alone */
    uint64_t ticket_ttl_us;
    unsigned drain_spread_ms;     /* clients are told to come back within it */
    const char *const *stun_urls; /* for the browsers */
    size_t stun_count;
    const char *const *turn_urls;
    size_t turn_count;
    const char *turn_secret; /* shared with the TURN server (use-auth-secret) */
    uint64_t turn_ttl_us;
    struct sup_api_limits limits;
    struct sup_password_cost password_cost;
    struct sup_metrics *metrics;
    const char *issuer;     /* of the bank's tokens */
    const char *jwt_cookie; /* name of the bank's cookie; NULL or "": none */
    const struct sup_cidr *proxies;
    size_t proxy_count;
    const struct sup_cidr *metrics_allow; /* count 0: everybody */
    size_t metrics_allow_count;
};

/* *ret_api is owned. Errors: SUP_E_NOMEM, SUP_E_INVAL. */
SUP_MUST_CHECK sup_err sup_api_create(const struct sup_api_opts *opts, struct sup_api **ret_api);
/* After the server. NULL is a no-op. */
void sup_api_destroy(struct sup_api *api);
/* Fills routes and hooks of the server's options. */
void sup_api_net(struct sup_api *api, struct sup_net_opts *opts);
/* Tells every client to come back later; not ready any more. */
void sup_api_drain(struct sup_api *api);
/* Appends docs/errors.md. Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_api_write_errors(struct sup_buf *out);
/* The route table, for the tests that walk it. */
const struct sup_http_route *sup_api_routes(size_t *ret_count);
#endif
