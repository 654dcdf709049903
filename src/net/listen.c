#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net_internal.h"
#include "supportd/log/log.h"

enum { BACKLOG = 1024 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static sup_err parse_address(const struct sup_net_listener *wanted, union address *ret_address,
                             socklen_t *ret_len)
{
    union address a;
    memset(&a, 0, sizeof(a));
    if (inet_pton(AF_INET, wanted->address, &a.v4.sin_addr) == 1) {
        a.v4.sin_family = AF_INET;
        a.v4.sin_port = htons(wanted->port);
        *ret_len = sizeof(a.v4);
    } else if (inet_pton(AF_INET6, wanted->address, &a.v6.sin6_addr) == 1) {
        a.v6.sin6_family = AF_INET6;
        a.v6.sin6_port = htons(wanted->port);
        *ret_len = sizeof(a.v6);
    } else {
        return SUP_E_INVAL;
    }
    *ret_address = a;
    return SUP_OK;
}

static struct sup_peer_text ip_text(const union address *address)
{
    char text[INET6_ADDRSTRLEN] = "";
    struct sup_peer_text peer = {{0}};
    if (address->any.sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &address->v4.sin_addr, text, sizeof(text));
    else
        (void)inet_ntop(AF_INET6, &address->v6.sin6_addr, text, sizeof(text));
    if (sup_peer_parse(text, strlen(text), &peer) != SUP_OK)
        (void)strcpy(peer.s, "0.0.0.0");
    return peer;
}

static size_t address_count(const struct sup_net_server *server, const struct sup_peer_text *ip)
{
    return (size_t)(uintptr_t)sup_map_get(server->addresses, ip->s, strlen(ip->s));
}

static bool may_connect(struct sup_net_server *server, const struct sup_peer_text *ip)
{
    if (server->conn_count >= server->limits.connections) {
        sup_metric_add(server->metrics.refused_total, 1);
        return false;
    }
    bool exempt = server->hooks.trusted && server->hooks.trusted(ip->s, server->hooks.arg);
    if (!exempt && address_count(server, ip) >= server->limits.connections_per_address) {
        sup_metric_add(server->metrics.refused_address, 1);
        return false;
    }
    return true;
}

/* Hands fd to libwebsockets, which closes it in any case from here on. */
static void adopt(struct listener *listener, int fd, const struct sup_peer_text *ip)
{
    struct sup_net_server *server = listener->server;
    struct sup_net_conn *conn;
    if (sup_net_conn_create(server, fd, listener->tls, ip, &conn) != SUP_OK) {
        (void)close(fd);
        return;
    }
    lws_adopt_desc_t desc = {
        .vh = listener->tls ? server->secure : server->plain,
        .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL,
        .fd.sockfd = fd,
        .opaque = conn,
    };
    struct lws *wsi = lws_adopt_descriptor_vhost_via_info(&desc);
    if (!wsi) {
        /* The last callback frees it in a later pass, if there is one; else the sweep does. */
        conn->state = CONN_DEAD;
        return;
    }
    if (sup_net_hold_find(conn) == SUP_OK)
        sup_net_head_watch(conn);
    else
        sup_net_conn_kill(conn);
}

/* The backlog stays readable while nothing can be accepted: do not spin on it. */
static void pause_listener(struct listener *listener)
{
    sup_log_debug("net", "accept paused", SUP_INT("errno", errno));
    listener->paused = sup_poller_set(listener->poller, 0) == SUP_OK;
}

static void on_acceptable(unsigned events, void *arg)
{
    (void)events;
    struct listener *listener = arg;
    struct sup_net_server *server = listener->server;
    for (size_t n = 0; n < server->limits.accepts_per_pass; n++) {
        union address address;
        socklen_t len = sizeof(address);
        int fd = accept4(listener->fd, &address.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_listener(listener);
            return;
        }
        struct sup_peer_text ip = ip_text(&address);
        if (!may_connect(server, &ip)) {
            (void)close(fd);
            continue;
        }
        int one = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        adopt(listener, fd, &ip);
    }
}

static sup_err open_socket(const union address *address, socklen_t len, int *ret_fd)
{
    int one = 1;
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return SUP_E_IO;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (address->any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    if (bind(fd, &address->any, len) != 0 || listen(fd, BACKLOG) != 0) {
        int saved = errno;
        (void)close(fd);
        errno = saved;
        return SUP_E_IO;
    }
    *ret_fd = fd;
    return SUP_OK;
}

static uint16_t bound_port(int fd)
{
    union address address;
    socklen_t len = sizeof(address);
    if (getsockname(fd, &address.any, &len) != 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

sup_err sup_net_listen(struct sup_net_server *server, const struct sup_net_listener *wanted)
{
    union address address;
    socklen_t len = 0;
    sup_err err = parse_address(wanted, &address, &len);
    if (err)
        return err;
    struct listener *listener = &server->listeners[server->listener_count];
    *listener = (struct listener){.server = server, .tls = wanted->tls, .fd = -1};
    err = open_socket(&address, len, &listener->fd);
    if (err)
        return err;
    listener->port = bound_port(listener->fd);
    server->listener_count++;
    err = sup_poller_create(server->loop, listener->fd, on_acceptable, listener, &listener->poller);
    return err ? err : sup_poller_set(listener->poller, SUP_POLL_READ);
}

void sup_net_unlisten(struct sup_net_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        sup_poller_destroy(server->listeners[i].poller);
        (void)close(server->listeners[i].fd);
    }
    server->listener_count = 0;
}

void sup_net_server_accept(struct sup_net_server *server, bool on)
{
    server->accepting = on && !server->draining;
    for (size_t i = 0; i < server->listener_count; i++)
        if (sup_poller_set(server->listeners[i].poller, server->accepting ? SUP_POLL_READ : 0) !=
            SUP_OK)
            sup_log_debug("net", "cannot change a listener");
}

void sup_net_listen_resume(struct sup_net_server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listener *listener = &server->listeners[i];
        if (listener->paused && server->accepting &&
            sup_poller_set(listener->poller, SUP_POLL_READ) == SUP_OK)
            listener->paused = false;
    }
}

uint16_t sup_net_server_port(const struct sup_net_server *server, size_t index)
{
    return index < server->listener_count ? server->listeners[index].port : 0;
}
