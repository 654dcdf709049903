/* libnice's agent of one leg: made, configured, and let go of. */
#include <nice/agent.h>

#include "ice_internal.h"
#include "supportd/base/mem.h"
#include "supportd/media/ice.h"

enum {
    IDLE_TIMEOUT_MS = 500, /* after the last check libnice ticks on for this long */
    FLUSH_PASSES = 32,
    RELEASE_US = 10 * 1000000, /* how long a TURN server may take to answer */
};

static bool add_addresses(NiceAgent *nice, const struct sup_media_engine_opts *config)
{
    for (size_t i = 0; i < config->address_count; i++) {
        NiceAddress address;
        nice_address_init(&address);
        if (!nice_address_set_from_string(&address, config->addresses[i].address) ||
            !nice_agent_add_local_address(nice, &address))
            return false;
    }
    return true;
}

static bool configure(struct sup_ice_agent *a, const struct sup_media_engine_opts *config)
{
    /* consent-freshness stays off: this libnice gives up after 10 s and never recovers. */
    g_object_set(a->nice, "upnp", FALSE, "ice-tcp", FALSE, "ice-udp", TRUE, "controlling-mode",
                 FALSE, "keepalive-conncheck", TRUE, "idle-timeout", IDLE_TIMEOUT_MS, NULL);
    if (config->stun.address)
        g_object_set(a->nice, "stun-server", config->stun.address, "stun-server-port",
                     (guint)config->stun.port, NULL);
    a->stream = nice_agent_add_stream(a->nice, 1);
    if (a->stream == 0 || !add_addresses(a->nice, config))
        return false;
    if (config->port_min > 0)
        nice_agent_set_port_range(a->nice, a->stream, SUP_ICE_COMPONENT, config->port_min,
                                  config->port_max);
    const struct sup_media_server *turn = &config->turn;
    return !turn->address || nice_agent_set_relay_info(a->nice, a->stream, SUP_ICE_COMPONENT,
                                                       turn->address, turn->port, turn->username,
                                                       turn->password, NICE_RELAY_TYPE_TURN_UDP);
}

static void agent_free(struct sup_ice_agent *a)
{
    if (a->nice) {
        if (a->stream > 0)
            nice_agent_remove_stream(a->nice, a->stream);
        g_object_unref(a->nice);
        sup_ice_glib_flush(&a->glib, FLUSH_PASSES);
    }
    if (a->has_reaper)
        sup_media_timer_remove(a->glib.engine, &a->reaper);
    sup_ice_glib_fini(&a->glib);
    sup_free(a);
}

static void orphan_destroy(struct sup_media_orphan *orphan)
{
    agent_free(SUP_CONTAINER_OF(orphan, struct sup_ice_agent, orphan));
}

static void on_reap(struct sup_media_timer *timer)
{
    struct sup_ice_agent *a = SUP_CONTAINER_OF(timer, struct sup_ice_agent, reaper);
    sup_list_remove(&a->orphan.link);
    agent_free(a);
}

/* Runs inside the context's dispatch: the agent goes once that has ended. */
static void on_closed(GObject *nice, GAsyncResult *result, gpointer arg)
{
    (void)nice;
    (void)result;
    struct sup_ice_agent *a = arg;
    sup_media_timer_set(a->glib.engine, &a->reaper, sup_media_now_us(a->glib.engine));
}

void sup_ice_agent_release(struct sup_ice_agent *agent)
{
    struct sup_media_engine *engine = agent->glib.engine;
    if (!sup_media_config(engine)->turn.address) {
        agent_free(agent);
        return;
    }
    sup_media_orphan_add(engine, &agent->orphan);
    sup_media_timer_set(engine, &agent->reaper, sup_media_now_us(engine) + RELEASE_US);
    /* The callback comes in the context that is the thread's default now. */
    g_main_context_push_thread_default(agent->glib.ctx);
    nice_agent_close_async(agent->nice, on_closed, agent);
    g_main_context_pop_thread_default(agent->glib.ctx);
    sup_ice_glib_rearm(&agent->glib);
}

sup_err sup_ice_agent_create(struct sup_media_engine *engine, struct sup_ice_agent **ret_agent)
{
    struct sup_ice_agent *a = sup_calloc(1, sizeof(*a));
    if (!a)
        return SUP_E_NOMEM;
    sup_list_init(&a->orphan.link);
    a->orphan.destroy = orphan_destroy;
    a->reaper.on_time = on_reap;
    sup_err err = sup_ice_glib_init(&a->glib, engine);
    if (err == SUP_OK)
        err = sup_media_timer_add(engine, &a->reaper);
    a->has_reaper = err == SUP_OK;
    if (err == SUP_OK) {
        a->nice = nice_agent_new_full(a->glib.ctx, NICE_COMPATIBILITY_RFC5245,
                                      NICE_AGENT_OPTION_ICE_TRICKLE);
        if (!a->nice || !configure(a, sup_media_config(engine)))
            err = SUP_E_IO;
    }
    if (err != SUP_OK) {
        agent_free(a);
        return err;
    }
    *ret_agent = a;
    return SUP_OK;
}
