#include "supportd/net/server.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "net_internal.h"
#include "supportd/base/mem.h"

static size_t pick(size_t wanted, size_t fallback)
{
    return wanted ? wanted : fallback;
}

static uint32_t pick32(uint32_t wanted, uint32_t fallback)
{
    return wanted ? wanted : fallback;
}

void sup_net_server_set_limits(struct sup_net_server *server, const struct sup_net_limits *l)
{
    server->limits = (struct sup_net_limits){
        .connections = pick(l->connections, 12000),
        .connections_per_address = pick(l->connections_per_address, 200),
        .accepts_per_pass = pick(l->accepts_per_pass, 16),
        .body_max = pick(l->body_max, 65536),
        .ws_message_max = pick(l->ws_message_max, 32768),
        .ws_queue_max = pick(l->ws_queue_max, 1048576),
        .ws_frames_per_s = pick32(l->ws_frames_per_s, 20),
        .ws_frames_burst = pick32(l->ws_frames_burst, 40),
        .head_timeout_ms = pick32(l->head_timeout_ms, 10000),
        .body_timeout_ms = pick32(l->body_timeout_ms, 30000),
        .reply_timeout_ms = pick32(l->reply_timeout_ms, 60000),
        .write_timeout_ms = pick32(l->write_timeout_ms, 30000),
        .keepalive_ms = pick32(l->keepalive_ms, 30000),
        .ws_ping_ms = pick32(l->ws_ping_ms, 20000),
        .ws_dead_ms = pick32(l->ws_dead_ms, 45000),
    };
}

static void set_connection_metrics(struct net_metrics *m, struct sup_metrics *r)
{
    static const char *const refused = "supportd_net_refused_total";
    static const char *const refused_help = "Connections and upgrades refused, by reason";
    m->connections =
        sup_metrics_gauge(r, "supportd_net_connections", "Open connections", NULL, NULL);
    m->accepted =
        sup_metrics_counter(r, "supportd_net_accepted_total", "Connections accepted", NULL, NULL);
    m->refused_total = sup_metrics_counter(r, refused, refused_help, "reason", "total");
    m->refused_address = sup_metrics_counter(r, refused, refused_help, "reason", "address");
    m->refused_rate = sup_metrics_counter(r, refused, refused_help, "reason", "rate");
    m->refused_origin = sup_metrics_counter(r, refused, refused_help, "reason", "origin");
    m->bytes_in = sup_metrics_counter(r, "supportd_http_body_bytes_total",
                                      "Bytes of request bodies", NULL, NULL);
    m->bytes_out = sup_metrics_counter(r, "supportd_http_sent_bytes_total",
                                       "Bytes of replies, heads included", NULL, NULL);
}

static void set_http_metrics(struct net_metrics *m, struct sup_metrics *r)
{
    static const char *const classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    static const double bounds[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                    0.1,   0.25,   0.5,   1,    2.5,   10};
    for (size_t i = 0; i < 5; i++)
        m->requests[i] = sup_metrics_counter(r, "supportd_http_requests_total", "Requests answered",
                                             "class", classes[i]);
    m->latency = sup_metrics_histogram(r, "supportd_http_request_seconds",
                                       "From the request's head to the handler's reply", bounds,
                                       sizeof(bounds) / sizeof(bounds[0]));
    m->vanished = sup_metrics_counter(r, "supportd_http_vanished_total",
                                      "Clients that left before the reply", NULL, NULL);
}

static void set_ws_metrics(struct net_metrics *m, struct sup_metrics *r)
{
    m->ws_clients = sup_metrics_gauge(r, "supportd_ws_clients", "WebSocket clients", NULL, NULL);
    m->ws_in = sup_metrics_counter(r, "supportd_ws_frames_in_total", "Messages in", NULL, NULL);
    m->ws_out = sup_metrics_counter(r, "supportd_ws_frames_out_total", "Messages out", NULL, NULL);
    m->ws_bytes_in =
        sup_metrics_counter(r, "supportd_ws_bytes_in_total", "Payload bytes in", NULL, NULL);
    m->ws_bytes_out =
        sup_metrics_counter(r, "supportd_ws_bytes_out_total", "Payload bytes out", NULL, NULL);
    m->ws_cut_off = sup_metrics_counter(r, "supportd_ws_cut_off_total", "Clients closed, by reason",
                                        "reason", "slow");
    m->ws_rate = sup_metrics_counter(r, "supportd_ws_cut_off_total", "Clients closed, by reason",
                                     "reason", "rate");
    m->ws_dead = sup_metrics_counter(r, "supportd_ws_cut_off_total", "Clients closed, by reason",
                                     "reason", "silent");
}

static sup_err index_assets(struct sup_net_server *server, const struct sup_net_opts *opts)
{
    for (size_t i = 0; i < opts->asset_count; i++) {
        const struct sup_asset *asset = &opts->assets[i];
        sup_err err = sup_map_set(server->assets, asset->path, strlen(asset->path), (void *)asset);
        if (err)
            return err;
    }
    return SUP_OK;
}

static sup_err start(struct sup_net_server *server, const struct sup_net_opts *opts)
{
    bool tls = false;
    for (size_t i = 0; i < opts->listener_count; i++)
        tls = tls || opts->listeners[i].tls;
    if (tls && (!opts->cert_file || !opts->key_file))
        return SUP_E_INVAL;
    sup_err err = sup_router_create(opts->routes, opts->route_count, &server->router);
    if (!err)
        err = sup_map_create(&server->assets);
    if (!err)
        err = sup_map_create(&server->addresses);
    if (!err)
        err = index_assets(server, opts);
    if (!err)
        err = sup_timer_create(server->loop, sup_net_conn_flush, server, &server->flush);
    if (!err)
        err = sup_timer_create(server->loop, sup_net_conn_sweep, server, &server->sweep);
    if (!err)
        err = sup_net_glue_create(server, tls ? opts->cert_file : NULL, opts->key_file);
    for (size_t i = 0; !err && i < opts->listener_count; i++)
        err = sup_net_listen(server, &opts->listeners[i]);
    if (!err) {
        server->accepting = true;
        sup_timer_start(server->sweep, SWEEP_US);
    }
    return err;
}

sup_err sup_net_server_create(const struct sup_net_opts *opts, struct sup_net_server **ret_server)
{
    assert(opts && opts->loop && ret_server);
    if (opts->listener_count == 0 || opts->listener_count > LISTENERS_MAX || !opts->listeners)
        return SUP_E_INVAL;
    struct sup_net_server *server = sup_calloc(1, sizeof(*server));
    if (!server)
        return SUP_E_NOMEM;
    server->loop = opts->loop;
    server->hooks = opts->hooks;
    server->ws = opts->ws;
    server->route_arg = opts->route_arg;
    sup_list_init(&server->conns);
    sup_list_init(&server->ready);
    sup_net_server_set_limits(server, &opts->limits);
    set_connection_metrics(&server->metrics, opts->metrics);
    set_http_metrics(&server->metrics, opts->metrics);
    set_ws_metrics(&server->metrics, opts->metrics);
    sup_err err = start(server, opts);
    if (err) {
        int saved = errno;
        sup_net_server_destroy(server);
        errno = saved;
        return err;
    }
    *ret_server = server;
    return SUP_OK;
}

void sup_net_server_destroy(struct sup_net_server *server)
{
    if (!server)
        return;
    server->destroying = true;
    server->accepting = false;
    sup_net_unlisten(server);
    sup_timer_destroy(server->flush);
    sup_timer_destroy(server->sweep);
    server->flush = server->sweep = NULL;
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &server->conns)
    sup_net_conn_gone(SUP_CONTAINER_OF(pos, struct sup_net_conn, link));
    sup_net_glue_destroy(server);
    /* Those that libwebsockets never knew. */
    SUP_LIST_EACH(pos, tmp, &server->conns)
    sup_net_conn_free(SUP_CONTAINER_OF(pos, struct sup_net_conn, link));
    sup_map_destroy(server->addresses);
    sup_map_destroy(server->assets);
    sup_router_destroy(server->router);
    sup_free(server);
}

void sup_net_server_drain(struct sup_net_server *server, unsigned code, const char *reason)
{
    sup_net_server_accept(server, false);
    server->draining = true;
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &server->conns)
    {
        struct sup_net_conn *conn = SUP_CONTAINER_OF(pos, struct sup_net_conn, link);
        if (conn->client) {
            sup_ws_close(conn->client, code, reason);
        } else if (conn->state == CONN_IDLE) {
            conn->state = CONN_KILL;
            sup_net_conn_ready(conn);
        }
    }
}

bool sup_net_server_idle(const struct sup_net_server *server)
{
    return server->conn_count == 0;
}

sup_err sup_net_server_reload_tls(struct sup_net_server *server, const char *cert_file,
                                  const char *key_file)
{
    if (!server->ssl_ctx)
        return SUP_E_STATE;
    return sup_net_tls_load(server->ssl_ctx, cert_file, key_file);
}

size_t sup_net_server_connections(const struct sup_net_server *server)
{
    return server->conn_count;
}

void sup_net_server_each_ws(struct sup_net_server *server,
                            void (*cb)(struct sup_ws_client *client, void *arg), void *arg)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &server->conns)
    {
        struct sup_net_conn *conn = SUP_CONTAINER_OF(pos, struct sup_net_conn, link);
        if (conn->client && sup_ws_is_open(conn->client))
            cb(conn->client, arg);
    }
}
