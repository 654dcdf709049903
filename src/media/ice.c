#include "supportd/media/ice.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <gio/gio.h>
#include <nice/agent.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ice_internal.h"
#include "supportd/base/id.h"
#include "supportd/base/mem.h"

enum {
    HELD_DATAGRAM_MAX = 1500,
    SOCKETS_MAX = SUP_MEDIA_ADDRESSES_MAX,
    READ_FIRST_DTLS = 20,
    READ_LAST_DTLS = 63,
    /* RFC 8445 section 5.1.2.1: peer reflexive (110), any local preference, component 1 */
    PING_PRIORITY = 110 << 24 | 65535 << 8 | 255,
    LOOK_US = 10000,       /* least time between two looks for a stranger among the candidates */
    TELL_US = 3 * 1000000, /* time between two tellings that the peer is elsewhere */
};

/* Our socket beside one of libnice's. */
struct sibling {
    struct sup_media_watch watch;
    struct sup_ice *ice;
    int nice_fd;
};

struct held {
    struct sockaddr_storage from; /* family 0: came through libnice, which has checked it */
    size_t len;
    uint8_t bytes[HELD_DATAGRAM_MAX];
};

struct sup_ice {
    struct sup_ice_opts opts;
    struct sup_ice_agent *agent;
    bool created; /* callbacks may run */

    enum sup_ice_state state;
    bool has_pair;
    struct sockaddr_storage peer; /* of the selected pair */
    socklen_t peer_len;
    int send_fd; /* -1: send through libnice */
    struct sup_ice_stats stats;
    struct sup_ice_pair pair;

    struct sibling siblings[SOCKETS_MAX];
    size_t sibling_count;

    char ufrag[SUP_ICE_UFRAG_MAX + 1], pwd[SUP_ICE_PWD_MAX + 1];
    char remote_ufrag[SUP_ICE_UFRAG_MAX + 1], remote_pwd[SUP_ICE_PWD_MAX + 1];
    struct sup_ice_pings pings;
    struct sup_candidate local[SUP_ICE_LOCAL_MAX];
    size_t local_count;
    bool gathered;
    struct sup_candidate remote[SUP_ICE_REMOTE_MAX];
    size_t remote_count;

    struct held *held; /* SUP_ICE_HELD_MAX of them, until the first pair; or NULL */
    size_t held_count;
    struct sockaddr_storage elsewhere; /* where the peer sends from instead; family 0: nowhere */
    uint64_t look_us, tell_us;         /* not before */
};

static bool same_source(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
    if (a->ss_family != b->ss_family)
        return false;
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *x = (const void *)a, *y = (const void *)b;
        return x->sin_port == y->sin_port && x->sin_addr.s_addr == y->sin_addr.s_addr;
    }
    const struct sockaddr_in6 *x = (const void *)a, *y = (const void *)b;
    return x->sin6_port == y->sin6_port && IN6_ARE_ADDR_EQUAL(&x->sin6_addr, &y->sin6_addr);
}

static bool is_dtls(const uint8_t *pkt, size_t len)
{
    return len > 0 && pkt[0] >= READ_FIRST_DTLS && pkt[0] <= READ_LAST_DTLS;
}

/* The ClientHello usually comes before libnice has selected the pair it came over. */
static void hold(struct sup_ice *ice, const uint8_t *pkt, size_t len,
                 const struct sockaddr_storage *from)
{
    if (!ice->held)
        ice->held = sup_calloc(SUP_ICE_HELD_MAX, sizeof(*ice->held));
    if (!ice->held || ice->held_count == SUP_ICE_HELD_MAX || len > HELD_DATAGRAM_MAX) {
        ice->stats.held_lost++;
        return;
    }
    struct held *h = &ice->held[ice->held_count++];
    memset(&h->from, 0, sizeof(h->from));
    if (from)
        h->from = *from;
    h->len = len;
    memcpy(h->bytes, pkt, len);
}

static void feed_held(struct sup_ice *ice)
{
    struct held *held = ice->held;
    size_t count = ice->held_count;
    uint8_t *buffer = sup_media_buffer(ice->opts.engine);
    ice->held = NULL;
    ice->held_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (held[i].from.ss_family != 0 && !same_source(&held[i].from, &ice->peer)) {
            ice->stats.held_lost++;
            continue;
        }
        memcpy(buffer, held[i].bytes, held[i].len);
        (void)ice->opts.on->on_packet(buffer, held[i].len, SUP_MEDIA_BUFFER_LEN, ice->opts.arg);
    }
    sup_free(held);
}

/* libnice knows an address from the peer's signaling or from a check with our password. */
static bool is_remote_candidate(const struct sup_ice *ice, const struct sockaddr_storage *from)
{
    NiceAddress address;
    nice_address_init(&address);
    nice_address_set_from_sockaddr(&address, (const struct sockaddr *)from);
    GSList *list =
        nice_agent_get_remote_candidates(ice->agent->nice, ice->agent->stream, SUP_ICE_COMPONENT);
    bool found = false;
    for (const GSList *l = list; l && !found; l = l->next)
        found = nice_address_equal(&((const NiceCandidate *)l->data)->addr, &address);
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    return found;
}

/* A NAT that forgets its mapping moves the peer without its knowledge: it goes on sending, its
 * checks are answered, and it hears nothing. What authenticates is heard at once; where to send is
 * decided by a nomination alone, for only that proves that the address wants to hear us. */
static bool take_from_elsewhere(struct sup_ice *ice, uint8_t *pkt, size_t len,
                                const struct sockaddr_storage *from)
{
    uint64_t now_us = sup_media_now_us(ice->opts.engine);
    if (is_dtls(pkt, len))
        return false;
    if (!same_source(from, &ice->elsewhere)) {
        if (now_us < ice->look_us)
            return false;
        ice->look_us = now_us + LOOK_US;
        if (!is_remote_candidate(ice, from))
            return false;
    }
    if (!ice->opts.on->on_packet(pkt, len, SUP_MEDIA_BUFFER_LEN, ice->opts.arg))
        return false;
    ice->elsewhere = *from;
    ice->stats.elsewhere++;
    if (now_us >= ice->tell_us) {
        ice->tell_us = now_us + TELL_US;
        ice->opts.on->on_elsewhere(ice->opts.arg);
    }
    return true;
}

static void take_pong(struct sup_ice *ice, const uint8_t *pkt, size_t len,
                      const struct sockaddr_storage *from)
{
    uint8_t id[SUP_STUN_ID_LEN];
    uint32_t rtt_us;
    if (!ice->has_pair || !same_source(from, &ice->peer) ||
        !sup_stun_read_pong(pkt, len, ice->remote_pwd, id) ||
        !sup_ice_pings_take(&ice->pings, id, sup_media_now_us(ice->opts.engine), &rtt_us)) {
        ice->stats.foreign++;
        return;
    }
    sup_media_count_ping(ice->opts.engine, true);
    ice->opts.on->on_pong(rtt_us, ice->opts.arg);
}

static void on_sibling_ready(struct sup_media_watch *watch, uint32_t events)
{
    (void)events;
    struct sibling *s = SUP_CONTAINER_OF(watch, struct sibling, watch);
    struct sup_ice *ice = s->ice;
    uint8_t *buffer = sup_media_buffer(ice->opts.engine);
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    from.ss_family = 0;
    /* One read per event: the epoll is level-triggered, and a second read would mostly find
     * nothing and cost as much as the first. */
    ssize_t n = recvfrom(watch->fd, buffer, SUP_MEDIA_DATAGRAM_MAX, MSG_DONTWAIT,
                         (struct sockaddr *)&from, &from_len);
    if (n <= 0)
        return;
    if (buffer[0] < READ_FIRST_DTLS)
        take_pong(ice, buffer, (size_t)n, &from);
    else if (ice->has_pair && same_source(&from, &ice->peer))
        (void)ice->opts.on->on_packet(buffer, (size_t)n, SUP_MEDIA_BUFFER_LEN, ice->opts.arg);
    else if (!ice->has_pair && is_dtls(buffer, (size_t)n))
        hold(ice, buffer, (size_t)n, &from);
    else if (!ice->has_pair || !take_from_elsewhere(ice, buffer, (size_t)n, &from))
        ice->stats.foreign++;
}

/* What libnice itself receives: relayed pairs, and everything where there is no sibling. libnice
 * has dropped what does not come from an address that passed its checks. */
static void on_nice_recv(NiceAgent *nice, guint stream, guint component, guint len, gchar *buf,
                         gpointer arg)
{
    (void)nice;
    (void)stream;
    (void)component;
    struct sup_ice *ice = arg;
    if (len == 0 || len > SUP_MEDIA_DATAGRAM_MAX)
        return;
    uint8_t *buffer = sup_media_buffer(ice->opts.engine);
    memcpy(buffer, buf, len);
    if (ice->has_pair)
        (void)ice->opts.on->on_packet(buffer, len, SUP_MEDIA_BUFFER_LEN, ice->opts.arg);
    else if (is_dtls(buffer, len))
        hold(ice, buffer, len, NULL);
    else
        ice->stats.foreign++;
}

static void set_state(struct sup_ice *ice, enum sup_ice_state state)
{
    if (ice->state == state)
        return;
    ice->state = state;
    if (ice->created)
        ice->opts.on->on_state(state, ice->opts.arg);
}

static enum sup_candidate_type type_of(NiceCandidateType type)
{
    switch (type) {
    case NICE_CANDIDATE_TYPE_HOST:
        return SUP_CANDIDATE_HOST;
    case NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE:
        return SUP_CANDIDATE_SRFLX;
    case NICE_CANDIDATE_TYPE_PEER_REFLEXIVE:
        return SUP_CANDIDATE_PRFLX;
    case NICE_CANDIDATE_TYPE_RELAYED:
        return SUP_CANDIDATE_RELAY;
    }
    return SUP_CANDIDATE_HOST;
}

static const char *advertised(const struct sup_ice *ice, const char *address)
{
    const struct sup_media_engine_opts *config = sup_media_config(ice->opts.engine);
    for (size_t i = 0; i < config->address_count; i++) {
        if (config->addresses[i].advertised && strcmp(config->addresses[i].address, address) == 0)
            return config->addresses[i].advertised;
    }
    return address;
}

static bool convert_candidate(const struct sup_ice *ice, const NiceCandidate *c,
                              struct sup_candidate *ret)
{
    if (c->transport != NICE_CANDIDATE_TRANSPORT_UDP ||
        c->type == NICE_CANDIDATE_TYPE_PEER_REFLEXIVE)
        return false;
    char text[NICE_ADDRESS_STRING_LEN], base[NICE_ADDRESS_STRING_LEN];
    nice_address_to_string(&c->addr, text);
    nice_address_to_string(&c->base_addr, base);
    *ret = (struct sup_candidate){.priority = c->priority,
                                  .port = (uint16_t)nice_address_get_port(&c->addr),
                                  .type = type_of(c->type),
                                  .ipv6 = nice_address_ip_version(&c->addr) == 6};
    g_strlcpy(ret->foundation, c->foundation, sizeof(ret->foundation));
    const char *address = ret->type == SUP_CANDIDATE_HOST ? advertised(ice, text) : text;
    g_strlcpy(ret->address, address, sizeof(ret->address));
    if (ret->type == SUP_CANDIDATE_HOST)
        return true;
    g_strlcpy(ret->related_address, base, sizeof(ret->related_address));
    ret->related_port = (uint16_t)nice_address_get_port(&c->base_addr);
    return true;
}

static void on_new_candidate(NiceAgent *nice, NiceCandidate *c, gpointer arg)
{
    (void)nice;
    struct sup_ice *ice = arg;
    struct sup_candidate candidate;
    if (ice->local_count == SUP_ICE_LOCAL_MAX || !convert_candidate(ice, c, &candidate))
        return;
    for (size_t i = 0; i < ice->local_count; i++) {
        if (sup_candidate_same(&ice->local[i], &candidate))
            return;
    }
    ice->local[ice->local_count++] = candidate;
    if (ice->created)
        ice->opts.on->on_candidate(&candidate, ice->opts.arg);
}

static void on_gathering_done(NiceAgent *nice, guint stream, gpointer arg)
{
    (void)nice;
    (void)stream;
    struct sup_ice *ice = arg;
    if (ice->gathered)
        return;
    ice->gathered = true;
    if (ice->created)
        ice->opts.on->on_candidate(NULL, ice->opts.arg);
}

static void on_component_state(NiceAgent *nice, guint stream, guint component, guint state,
                               gpointer arg)
{
    (void)nice;
    (void)stream;
    (void)component;
    struct sup_ice *ice = arg;
    switch (state) {
    case NICE_COMPONENT_STATE_CONNECTING:
        set_state(ice, SUP_ICE_CHECKING);
        break;
    case NICE_COMPONENT_STATE_CONNECTED:
    case NICE_COMPONENT_STATE_READY:
        if (ice->has_pair)
            set_state(ice, SUP_ICE_CONNECTED);
        break;
    case NICE_COMPONENT_STATE_FAILED:
        set_state(ice, SUP_ICE_FAILED);
        break;
    default:
        break;
    }
}

/* libnice's descriptor of the pair's local end; -1 for a relayed one. */
static int selected_nice_fd(const struct sup_ice *ice)
{
    GSocket *socket =
        nice_agent_get_selected_socket(ice->agent->nice, ice->agent->stream, SUP_ICE_COMPONENT);
    if (!socket)
        return -1;
    int fd = g_socket_get_fd(socket);
    g_object_unref(socket);
    return fd;
}

static int sending_fd(const struct sup_ice *ice)
{
    int nice_fd = selected_nice_fd(ice);
    for (size_t i = 0; i < ice->sibling_count; i++) {
        if (ice->siblings[i].nice_fd == nice_fd)
            return ice->siblings[i].watch.fd;
    }
    return nice_fd;
}

static void on_selected_pair(NiceAgent *nice, guint stream, guint component, NiceCandidate *local,
                             NiceCandidate *remote, gpointer arg)
{
    (void)nice;
    (void)stream;
    (void)component;
    struct sup_ice *ice = arg;
    char text[NICE_ADDRESS_STRING_LEN];
    nice_address_to_string(&remote->addr, text);
    ice->pair = (struct sup_ice_pair){
        .local = type_of(local->type),
        .remote = type_of(remote->type),
        .relayed = local->type == NICE_CANDIDATE_TYPE_RELAYED ||
                   remote->type == NICE_CANDIDATE_TYPE_RELAYED,
        .ipv6 = nice_address_ip_version(&remote->addr) == 6,
        .remote_port = (uint16_t)nice_address_get_port(&remote->addr),
    };
    g_strlcpy(ice->pair.remote_address, text, sizeof(ice->pair.remote_address));
    memset(&ice->peer, 0, sizeof(ice->peer));
    nice_address_copy_to_sockaddr(&remote->addr, (struct sockaddr *)&ice->peer);
    ice->peer_len = ice->pair.ipv6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    ice->send_fd = local->type == NICE_CANDIDATE_TYPE_RELAYED ? -1 : sending_fd(ice);
    ice->has_pair = true;
    ice->elsewhere.ss_family = 0;
    ice->tell_us = 0;
    set_state(ice, SUP_ICE_CONNECTED);
    ice->opts.on->on_pair(&ice->pair, ice->opts.arg);
    if (ice->held)
        feed_held(ice);
}

static void close_siblings(struct sup_ice *ice)
{
    for (size_t i = 0; i < ice->sibling_count; i++) {
        sup_media_watch_remove(ice->opts.engine, &ice->siblings[i].watch);
        close(ice->siblings[i].watch.fd);
    }
    ice->sibling_count = 0;
}

static int tos_of(const struct sup_ice *ice)
{
    return sup_media_config(ice->opts.engine)->no_dscp ? 0 : SUP_ICE_DSCP_EF << 2;
}

static void open_sibling(struct sup_ice *ice, int nice_fd)
{
    struct sibling *s = &ice->siblings[ice->sibling_count];
    int fd = sup_ice_sibling_open(nice_fd, tos_of(ice));
    if (fd < 0)
        return;
    *s = (struct sibling){.watch = {.fd = fd, .on_ready = on_sibling_ready, .warm = ice->opts.warm},
                          .ice = ice,
                          .nice_fd = nice_fd};
    if (sup_media_watch_add(ice->opts.engine, &s->watch, EPOLLIN) != SUP_OK) {
        close(fd);
        return;
    }
    ice->sibling_count++;
}

/* Before any candidate is told to the peer, or packets would be split by a hash. */
static void open_siblings(struct sup_ice *ice)
{
    GPtrArray *sockets =
        nice_agent_get_sockets(ice->agent->nice, ice->agent->stream, SUP_ICE_COMPONENT);
    if (!sockets)
        return;
    for (guint i = 0; i < sockets->len && ice->sibling_count < SOCKETS_MAX; i++) {
        GSocket *socket = g_ptr_array_index(sockets, i);
        bool ipv6 = g_socket_get_family(socket) == G_SOCKET_FAMILY_IPV6;
        if (g_socket_get_socket_type(socket) == G_SOCKET_TYPE_DATAGRAM &&
            sup_media_engine_has_sibling(ice->opts.engine, ipv6))
            open_sibling(ice, g_socket_get_fd(socket));
    }
    g_ptr_array_unref(sockets);
}

static void connect_signals(struct sup_ice *ice)
{
    NiceAgent *nice = ice->agent->nice;
    g_signal_connect(nice, "new-candidate-full", G_CALLBACK(on_new_candidate), ice);
    g_signal_connect(nice, "candidate-gathering-done", G_CALLBACK(on_gathering_done), ice);
    g_signal_connect(nice, "component-state-changed", G_CALLBACK(on_component_state), ice);
    g_signal_connect(nice, "new-selected-pair-full", G_CALLBACK(on_selected_pair), ice);
    nice_agent_attach_recv(nice, ice->agent->stream, SUP_ICE_COMPONENT, ice->agent->glib.ctx,
                           on_nice_recv, ice);
}

static sup_err read_credentials(struct sup_ice *ice)
{
    gchar *ufrag = NULL, *pwd = NULL;
    if (!nice_agent_get_local_credentials(ice->agent->nice, ice->agent->stream, &ufrag, &pwd))
        return SUP_E_IO;
    g_strlcpy(ice->ufrag, ufrag, sizeof(ice->ufrag));
    g_strlcpy(ice->pwd, pwd, sizeof(ice->pwd));
    g_free(ufrag);
    g_free(pwd);
    return SUP_OK;
}

/* Whether an address can be bound at all, whatever the ports. */
static bool can_bind(const struct sup_media_engine_opts *config)
{
    for (size_t i = 0; i < config->address_count; i++) {
        GInetAddress *address = g_inet_address_new_from_string(config->addresses[i].address);
        GSocketAddress *any = g_inet_socket_address_new(address, 0);
        GSocket *socket = g_socket_new(g_inet_address_get_family(address), G_SOCKET_TYPE_DATAGRAM,
                                       G_SOCKET_PROTOCOL_UDP, NULL);
        bool bound = socket && g_socket_bind(socket, any, FALSE, NULL);
        if (socket)
            g_object_unref(socket);
        g_object_unref(any);
        g_object_unref(address);
        if (bound)
            return true;
    }
    return false;
}

static sup_err gather(struct sup_ice *ice)
{
    const struct sup_media_engine_opts *config = sup_media_config(ice->opts.engine);
    nice_agent_set_stream_tos(ice->agent->nice, ice->agent->stream, tos_of(ice));
    if (nice_agent_gather_candidates(ice->agent->nice, ice->agent->stream) && ice->local_count > 0)
        return SUP_OK;
    return config->port_min > 0 && can_bind(config) ? SUP_E_LIMIT : SUP_E_IO;
}

sup_err sup_ice_create(const struct sup_ice_opts *opts, struct sup_ice **ret_ice)
{
    assert(opts && opts->engine && opts->on && ret_ice);
    struct sup_ice *ice = sup_calloc(1, sizeof(*ice));
    if (!ice)
        return SUP_E_NOMEM;
    ice->opts = *opts;
    ice->send_fd = -1;
    sup_random(&ice->pings.tie_breaker, sizeof(ice->pings.tie_breaker));
    sup_err err = sup_ice_agent_create(opts->engine, &ice->agent);
    if (err == SUP_OK) {
        connect_signals(ice);
        err = gather(ice);
        if (err == SUP_OK)
            err = read_credentials(ice);
    }
    if (err != SUP_OK) {
        sup_ice_destroy(ice);
        return err;
    }
    open_siblings(ice);
    sup_ice_glib_flush(&ice->agent->glib, 1);
    ice->created = true;
    *ret_ice = ice;
    return SUP_OK;
}

/* Stands in for a leg that is gone: without any receiver libnice stops reading, and would miss the
 * TURN server's answer. */
static void on_nobody(NiceAgent *nice, guint stream, guint component, guint len, gchar *buf,
                      gpointer arg)
{
    (void)nice;
    (void)stream;
    (void)component;
    (void)len;
    (void)buf;
    (void)arg;
}

void sup_ice_destroy(struct sup_ice *ice)
{
    if (!ice)
        return;
    close_siblings(ice); /* before libnice's sockets: the filter counts positions */
    if (ice->agent) {
        g_signal_handlers_disconnect_by_data(ice->agent->nice, ice);
        nice_agent_attach_recv(ice->agent->nice, ice->agent->stream, SUP_ICE_COMPONENT,
                               ice->agent->glib.ctx, on_nobody, NULL);
        sup_ice_agent_release(ice->agent);
    }
    sup_free(ice->held);
    sup_wipe(ice->pwd, sizeof(ice->pwd));
    sup_wipe(ice->remote_pwd, sizeof(ice->remote_pwd));
    sup_free(ice);
}

void sup_ice_warm(const struct sup_ice *ice, struct sup_warm *warm)
{
    sup_warm_add(warm, ice, offsetof(struct sup_ice, siblings));
}

const char *sup_ice_ufrag(const struct sup_ice *ice)
{
    return ice->ufrag;
}

const char *sup_ice_pwd(const struct sup_ice *ice)
{
    return ice->pwd;
}

const struct sup_candidate *sup_ice_candidates(const struct sup_ice *ice, size_t *ret_count)
{
    *ret_count = ice->local_count;
    return ice->local;
}

bool sup_ice_gathering_done(const struct sup_ice *ice)
{
    return ice->gathered;
}

sup_err sup_ice_set_remote(struct sup_ice *ice, const char *ufrag, const char *pwd)
{
    /* libnice copies both into fixed buffers without a word. */
    if (!sup_ice_chars_valid(ufrag, strlen(ufrag), SUP_ICE_UFRAG_MIN, SUP_ICE_UFRAG_MAX) ||
        !sup_ice_chars_valid(pwd, strlen(pwd), SUP_ICE_PWD_MIN, SUP_ICE_PWD_MAX))
        return SUP_E_INVAL;
    if (ice->remote_ufrag[0] && strcmp(ice->remote_ufrag, ufrag) != 0)
        return SUP_E_STATE;
    gboolean set =
        nice_agent_set_remote_credentials(ice->agent->nice, ice->agent->stream, ufrag, pwd);
    sup_ice_glib_rearm(&ice->agent->glib);
    if (!set)
        return SUP_E_IO;
    g_strlcpy(ice->remote_ufrag, ufrag, sizeof(ice->remote_ufrag));
    g_strlcpy(ice->remote_pwd, pwd, sizeof(ice->remote_pwd));
    return SUP_OK;
}

static NiceCandidateType nice_type(enum sup_candidate_type type)
{
    switch (type) {
    case SUP_CANDIDATE_HOST:
        return NICE_CANDIDATE_TYPE_HOST;
    case SUP_CANDIDATE_SRFLX:
        return NICE_CANDIDATE_TYPE_SERVER_REFLEXIVE;
    case SUP_CANDIDATE_PRFLX:
        return NICE_CANDIDATE_TYPE_PEER_REFLEXIVE;
    case SUP_CANDIDATE_RELAY:
        return NICE_CANDIDATE_TYPE_RELAYED;
    }
    return NICE_CANDIDATE_TYPE_HOST;
}

static sup_err hand_to_nice(struct sup_ice *ice, const struct sup_candidate *candidate)
{
    NiceCandidate *c = nice_candidate_new(nice_type(candidate->type));
    c->stream_id = ice->agent->stream;
    c->component_id = SUP_ICE_COMPONENT;
    c->transport = NICE_CANDIDATE_TRANSPORT_UDP;
    c->priority = candidate->priority;
    g_strlcpy(c->foundation, candidate->foundation, sizeof(c->foundation));
    sup_err err = SUP_E_INVAL;
    if (nice_address_set_from_string(&c->addr, candidate->address)) {
        nice_address_set_port(&c->addr, candidate->port);
        c->base_addr = c->addr;
        GSList *list = g_slist_append(NULL, c);
        err = nice_agent_set_remote_candidates(ice->agent->nice, ice->agent->stream,
                                               SUP_ICE_COMPONENT, list) > 0
                  ? SUP_OK
                  : SUP_E_LIMIT;
        g_slist_free(list);
    }
    nice_candidate_free(c);
    sup_ice_glib_rearm(&ice->agent->glib);
    return err;
}

static sup_err check_candidate(const struct sup_ice *ice, const struct sup_candidate *candidate)
{
    if (!ice->remote_ufrag[0])
        return SUP_E_STATE;
    if (candidate->ufrag[0] && strcmp(candidate->ufrag, ice->remote_ufrag) != 0)
        return SUP_E_CONFLICT;
    if (candidate->priority == 0 || candidate->port == 0)
        return SUP_E_INVAL;
    return ice->remote_count < SUP_ICE_REMOTE_MAX ? SUP_OK : SUP_E_LIMIT;
}

sup_err sup_ice_add_candidate(struct sup_ice *ice, const struct sup_candidate *candidate)
{
    for (size_t i = 0; i < ice->remote_count; i++) {
        if (sup_candidate_same(&ice->remote[i], candidate))
            return SUP_OK;
    }
    sup_err err = check_candidate(ice, candidate);
    if (err == SUP_OK)
        err = hand_to_nice(ice, candidate);
    if (err == SUP_OK)
        ice->remote[ice->remote_count++] = *candidate;
    else
        ice->stats.candidates++;
    return err;
}

sup_err sup_ice_restart(struct sup_ice *ice)
{
    if (!nice_agent_restart_stream(ice->agent->nice, ice->agent->stream))
        return SUP_E_IO;
    ice->remote_ufrag[0] = '\0';
    ice->remote_count = 0;
    sup_ice_glib_rearm(&ice->agent->glib);
    return read_credentials(ice);
}

sup_err sup_ice_send(struct sup_ice *ice, const uint8_t *pkt, size_t len)
{
    if (!ice->has_pair) {
        ice->stats.no_path++;
        return SUP_E_STATE;
    }
    bool sent;
    if (ice->send_fd >= 0) {
        sent = sendto(ice->send_fd, pkt, len, MSG_DONTWAIT | MSG_NOSIGNAL,
                      (const struct sockaddr *)&ice->peer, ice->peer_len) == (ssize_t)len;
    } else {
        sent = nice_agent_send(ice->agent->nice, ice->agent->stream, SUP_ICE_COMPONENT, (guint)len,
                               (const gchar *)pkt) == (gint)len;
        sup_ice_glib_rearm(&ice->agent->glib);
    }
    if (!sent)
        ice->stats.send_fail++;
    return sent ? SUP_OK : SUP_E_IO;
}

/* libnice's role: two who claim the same would quarrel over it. */
static bool is_controlling(const struct sup_ice *ice)
{
    gboolean controlling;
    g_object_get(ice->agent->nice, "controlling-mode", &controlling, NULL);
    return controlling;
}

/* The filter hands the answer to our own socket. */
static bool sends_by_sibling(const struct sup_ice *ice)
{
    for (size_t i = 0; i < ice->sibling_count; i++) {
        if (ice->siblings[i].watch.fd == ice->send_fd)
            return true;
    }
    return false;
}

void sup_ice_ping(struct sup_ice *ice)
{
    if (!ice->has_pair || !sends_by_sibling(ice) || !ice->remote_ufrag[0])
        return;
    struct sup_stun_ping ping = {.local_ufrag = ice->ufrag,
                                 .remote_ufrag = ice->remote_ufrag,
                                 .remote_pwd = ice->remote_pwd,
                                 .tie_breaker = ice->pings.tie_breaker,
                                 .priority = PING_PRIORITY,
                                 .controlling = is_controlling(ice)};
    uint64_t now_us = sup_media_now_us(ice->opts.engine);
    memcpy(ping.id, sup_ice_pings_add(&ice->pings, now_us), sizeof(ping.id));
    uint8_t pkt[SUP_STUN_PING_MAX];
    size_t len = sup_stun_write_ping(&ping, pkt);
    if (len > 0 && sup_ice_send(ice, pkt, len) == SUP_OK)
        sup_media_count_ping(ice->opts.engine, false);
}

enum sup_ice_state sup_ice_state_of(const struct sup_ice *ice)
{
    return ice->state;
}

const struct sup_ice_pair *sup_ice_pair_of(const struct sup_ice *ice)
{
    return ice->has_pair ? &ice->pair : NULL;
}

void sup_ice_get_stats(const struct sup_ice *ice, struct sup_ice_stats *ret_stats)
{
    *ret_stats = ice->stats;
}
