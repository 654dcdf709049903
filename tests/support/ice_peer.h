/* The browser's side of ICE: a controlling libnice agent on a context of its own. */
#ifndef SUPPORTD_TESTS_ICE_PEER_H
#define SUPPORTD_TESTS_ICE_PEER_H
#include <arpa/inet.h>
#include <check.h>
#include <nice/agent.h>
#include <stdbool.h>
#include <string.h>

#include "supportd/media/candidate.h"

enum { ICE_PEER_QUEUE = 256, ICE_PEER_PACKET = 2048 };

struct ice_peer {
    GMainContext *ctx;
    NiceAgent *agent;
    guint stream;
    gchar *ufrag, *pwd;
    bool connected, failed;
    uint8_t bytes[ICE_PEER_QUEUE][ICE_PEER_PACKET];
    size_t len[ICE_PEER_QUEUE], head, tail; /* received, ring */
    size_t overflow;
};

static inline void ice_peer_on_recv(NiceAgent *agent, guint stream, guint component, guint len,
                                    gchar *buf, gpointer arg)
{
    (void)agent;
    (void)stream;
    (void)component;
    struct ice_peer *p = arg;
    if (p->tail - p->head == ICE_PEER_QUEUE || len > ICE_PEER_PACKET) {
        p->overflow++;
        return;
    }
    size_t i = p->tail++ % ICE_PEER_QUEUE;
    memcpy(p->bytes[i], buf, len);
    p->len[i] = len;
}

static inline void ice_peer_on_state(NiceAgent *agent, guint stream, guint component, guint state,
                                     gpointer arg)
{
    (void)agent;
    (void)stream;
    (void)component;
    struct ice_peer *p = arg;
    if (state == NICE_COMPONENT_STATE_CONNECTED || state == NICE_COMPONENT_STATE_READY)
        p->connected = true;
    if (state == NICE_COMPONENT_STATE_FAILED)
        p->failed = true;
}

static inline void ice_peer_open(struct ice_peer *p, const char *address)
{
    memset(p, 0, sizeof(*p));
    p->ctx = g_main_context_new();
    ck_assert(g_main_context_acquire(p->ctx));
    p->agent =
        nice_agent_new_full(p->ctx, NICE_COMPATIBILITY_RFC5245,
                            NICE_AGENT_OPTION_ICE_TRICKLE | NICE_AGENT_OPTION_REGULAR_NOMINATION);
    g_object_set(p->agent, "upnp", FALSE, "ice-tcp", FALSE, "controlling-mode", TRUE, NULL);
    p->stream = nice_agent_add_stream(p->agent, 1);
    NiceAddress a;
    nice_address_init(&a);
    ck_assert(nice_address_set_from_string(&a, address));
    ck_assert(nice_agent_add_local_address(p->agent, &a));
    g_signal_connect(p->agent, "component-state-changed", G_CALLBACK(ice_peer_on_state), p);
    ck_assert(nice_agent_attach_recv(p->agent, p->stream, 1, p->ctx, ice_peer_on_recv, p));
    ck_assert(nice_agent_gather_candidates(p->agent, p->stream));
    ck_assert(nice_agent_get_local_credentials(p->agent, p->stream, &p->ufrag, &p->pwd));
}

static inline void ice_peer_step(struct ice_peer *p)
{
    for (int i = 0; i < 32 && g_main_context_iteration(p->ctx, FALSE); i++)
        ;
}

static inline void ice_peer_close(struct ice_peer *p)
{
    if (!p->agent)
        return;
    g_signal_handlers_disconnect_by_data(p->agent, p);
    nice_agent_attach_recv(p->agent, p->stream, 1, p->ctx, NULL, NULL);
    nice_agent_remove_stream(p->agent, p->stream);
    g_object_unref(p->agent);
    ice_peer_step(p);
    g_main_context_release(p->ctx);
    g_main_context_unref(p->ctx);
    g_free(p->ufrag);
    g_free(p->pwd);
    memset(p, 0, sizeof(*p));
}

/* Its host candidates as the daemon's own type. */
static inline size_t ice_peer_candidates(struct ice_peer *p, struct sup_candidate *out, size_t cap)
{
    GSList *list = nice_agent_get_local_candidates(p->agent, p->stream, 1);
    size_t n = 0;
    for (GSList *l = list; l && n < cap; l = l->next) {
        NiceCandidate *c = l->data;
        struct sup_candidate *o = &out[n++];
        memset(o, 0, sizeof(*o));
        nice_address_to_string(&c->addr, o->address);
        o->port = (uint16_t)nice_address_get_port(&c->addr);
        o->priority = c->priority;
        o->ipv6 = nice_address_ip_version(&c->addr) == 6;
        g_strlcpy(o->foundation, c->foundation, sizeof(o->foundation));
    }
    g_slist_free_full(list, (GDestroyNotify)nice_candidate_free);
    return n;
}

static inline void ice_peer_set_remote(struct ice_peer *p, const char *ufrag, const char *pwd)
{
    ck_assert(nice_agent_set_remote_credentials(p->agent, p->stream, ufrag, pwd));
}

static inline void ice_peer_add_remote(struct ice_peer *p, const struct sup_candidate *from)
{
    NiceCandidate *c = nice_candidate_new(NICE_CANDIDATE_TYPE_HOST);
    c->stream_id = p->stream;
    c->component_id = 1;
    c->transport = NICE_CANDIDATE_TRANSPORT_UDP;
    c->priority = from->priority;
    g_strlcpy(c->foundation, from->foundation, sizeof(c->foundation));
    ck_assert(nice_address_set_from_string(&c->addr, from->address));
    nice_address_set_port(&c->addr, from->port);
    c->base_addr = c->addr;
    GSList *list = g_slist_append(NULL, c);
    nice_agent_set_remote_candidates(p->agent, p->stream, 1, list);
    g_slist_free(list);
    nice_candidate_free(c);
}

static inline void ice_peer_restart(struct ice_peer *p)
{
    ck_assert(nice_agent_restart_stream(p->agent, p->stream));
    g_free(p->ufrag);
    g_free(p->pwd);
    ck_assert(nice_agent_get_local_credentials(p->agent, p->stream, &p->ufrag, &p->pwd));
    p->connected = false;
}

static inline bool ice_peer_send(struct ice_peer *p, const uint8_t *pkt, size_t len)
{
    return nice_agent_send(p->agent, p->stream, 1, (guint)len, (const gchar *)pkt) == (gint)len;
}

/* The next received packet, or 0. */
static inline size_t ice_peer_take(struct ice_peer *p, uint8_t *out)
{
    if (p->head == p->tail)
        return 0;
    size_t i = p->head++ % ICE_PEER_QUEUE;
    memcpy(out, p->bytes[i], p->len[i]);
    return p->len[i];
}
#endif
