/* Other processes as heard by NOTIFY, and this process's registration in the database. */
#include <string.h>
#include <unistd.h>

#include "bus_internal.h"
#include "supportd/base/clock.h"
#include "supportd/log/log.h"

static const char ACTOR[] = "system:monitor";

void bus_gap(struct sup_bus *bus, enum sup_bus_gap why)
{
    sup_signal_emit(&bus->gaps, &why);
}

static struct bus_peer *peer_of(struct sup_bus *bus, struct sup_id id)
{
    for (size_t i = 0; i < bus->peer_count; i++)
        if (sup_id_equal(bus->peers[i].id, id))
            return &bus->peers[i];
    return NULL;
}

/* True when the payload is to be delivered. A first payload that is not number 1 follows others
 * that were not heard, a number too high follows lost ones; one that was heard already is a repeat.
 */
static bool hear(struct sup_bus *bus, struct sup_id id, int64_t batch)
{
    struct bus_peer *peer = peer_of(bus, id);
    if (!peer) {
        if (bus->peer_count == BUS_PEERS_MAX)
            return true;
        peer = &bus->peers[bus->peer_count++];
        *peer = (struct bus_peer){.id = id};
        bus_send(bus); /* so that it hears of us at once */
    }
    peer->heard_us = sup_clock_mono_us();
    if (batch <= peer->batch)
        return false;
    bool missed = batch != peer->batch + 1;
    peer->batch = batch;
    if (missed)
        bus_gap(bus, SUP_BUS_GAP_PEER);
    return true;
}

void bus_on_notify(const char *channel, const char *payload, void *arg)
{
    struct sup_bus *bus = arg;
    struct sup_id process;
    int64_t batch;
    (void)channel;
    if (bus_wire_read_header(&payload, &process, &batch)) {
        bus_gap(bus, SUP_BUS_GAP_PEER);
        return;
    }
    if (!sup_id_is_zero(process) && /* else a transaction itself, for all */
        (sup_id_equal(process, bus->process) || !hear(bus, process, batch)))
        return;
    while (*payload) {
        struct bus_wire_event e;
        if (bus_wire_read_event(&payload, &e)) {
            sup_metric_add(bus->lost, 1);
            bus_gap(bus, SUP_BUS_GAP_PEER);
            return;
        }
        struct sup_bus_event event = {
            .topic = e.topic, .id = e.id, .rev = e.rev, .ref = e.ref, .local = false};
        sup_metric_add(bus->received, 1);
        bus_emit(bus, &event);
    }
}

static void drop_silent_peers(struct sup_bus *bus)
{
    uint64_t now = sup_clock_mono_us();
    size_t kept = 0;
    for (size_t i = 0; i < bus->peer_count; i++)
        if (now - bus->peers[i].heard_us <= BUS_SILENT_BEATS * bus->opts.beat_us)
            bus->peers[kept++] = bus->peers[i];
    bool gone = kept < bus->peer_count;
    bus->peer_count = kept;
    if (gone)
        bus_gap(bus, SUP_BUS_GAP_PEER);
}

static void set_others(struct sup_bus *bus, int64_t others)
{
    bool fewer = others < (int64_t)bus->others;
    bus->others = others > 0 ? (unsigned)others : 0;
    if (fewer)
        bus_gap(bus, SUP_BUS_GAP_PEER);
}

static void on_registered(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_bus *bus = arg;
    bus->request = NULL;
    if (reply->err) {
        sup_log_debug("bus", "not registered", SUP_STR("error", sup_err_name(reply->err)),
                      SUP_STR("sqlstate", reply->sqlstate));
        return; /* the next beat tries again */
    }
    bus->registered = true;
    set_others(bus, sup_pg_int(reply->rows, 0, 0));
    bus_send(bus);
    struct sup_id process = bus->process;
    sup_signal_emit(&bus->registrations, &process);
}

static void on_heartbeat(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_bus *bus = arg;
    bus->request = NULL;
    if (reply->err)
        return;
    set_others(bus, sup_pg_int(reply->rows, 0, 1));
    if (sup_pg_bool(reply->rows, 0, 0))
        return;
    /* Taken for dead: what was held under the old id is gone, so a new life begins. */
    sup_log_debug("bus", "taken for dead", SUP_STR("process", sup_id_text(bus->process).s));
    bus->process = sup_id_new();
    bus->batch = 0;
    bus->registered = false;
    bus->beats = 0;
}

static void register_process(struct sup_bus *bus)
{
    char host[256] = "";
    (void)gethostname(host, sizeof(host) - 1);
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, ACTOR);
    sup_pg_add_id(&p, bus->process);
    sup_pg_add_text(&p, host);
    sup_pg_add_int(&p, getpid());
    sup_pg_add_text(&p, bus->opts.version);
    if (sup_pg_exec(bus->opts.pool, &bus_stmts[BUS_REGISTER], &p, NULL, on_registered, bus,
                    &bus->request))
        bus->request = NULL;
    sup_pg_params_fini(&p);
}

static void heartbeat(struct sup_bus *bus)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, ACTOR);
    sup_pg_add_id(&p, bus->process);
    if (sup_pg_exec(bus->opts.pool, &bus_stmts[BUS_HEARTBEAT], &p, NULL, on_heartbeat, bus,
                    &bus->request))
        bus->request = NULL;
    sup_pg_params_fini(&p);
}

void bus_on_beat(void *arg)
{
    struct sup_bus *bus = arg;
    sup_timer_start(bus->beat, bus->opts.beat_us);
    drop_silent_peers(bus);
    if (bus->leaving)
        return;
    if (!bus->request && !bus->registered)
        register_process(bus);
    else if (!bus->request && bus->beats++ % BUS_BEATS_PER_HEARTBEAT == 0)
        heartbeat(bus);
    if (bus->registered && sup_bus_peers(bus) > 0 &&
        sup_clock_mono_us() - bus->sent_us >= bus->opts.beat_us)
        bus_send(bus);
}

static void on_left(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_bus *bus = arg;
    bus->request = NULL;
    bus->registered = false;
    bus->left(reply->err, bus->left_arg);
}

sup_err sup_bus_leave(struct sup_bus *bus, void (*done)(sup_err err, void *arg), void *arg)
{
    if (!bus->registered || bus->leaving)
        return SUP_E_STATE;
    if (bus->request)
        sup_pg_req_cancel(bus->request);
    bus->request = NULL;
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, ACTOR);
    sup_pg_add_id(&p, bus->process);
    sup_err err =
        sup_pg_exec(bus->opts.pool, &bus_stmts[BUS_LEAVE], &p, NULL, on_left, bus, &bus->request);
    sup_pg_params_fini(&p);
    if (err)
        return err;
    bus->leaving = true;
    bus->left = done;
    bus->left_arg = arg;
    return SUP_OK;
}

unsigned sup_bus_peers(const struct sup_bus *bus)
{
    return bus->others > bus->peer_count ? bus->others : (unsigned)bus->peer_count;
}

struct sup_id sup_bus_process(const struct sup_bus *bus)
{
    return bus->process;
}

bool sup_bus_registered(const struct sup_bus *bus)
{
    return bus->registered;
}

struct sup_signal *sup_bus_registrations(struct sup_bus *bus)
{
    return &bus->registrations;
}
