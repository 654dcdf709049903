#include "supportd/bus/bus.h"

#include <string.h>

#include "bus_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"

static const uint64_t BEAT_DEFAULT_US = 1000000;
static const uint64_t TICK_DEFAULT_US = 5000000;
enum { NOTIFIES_QUEUED_MAX = 256 };

const struct sup_pg_stmt bus_stmts[] = {
    [BUS_REGISTER] = {"process_register",
                      "select others from support.process_register($1,$2,$3,$4,$5)", 5,
                      SUP_PG_RANK_REST, SUP_PG_RETRY},
    [BUS_HEARTBEAT] = {"process_heartbeat",
                       "select alive, others from support.process_heartbeat($1,$2)", 2,
                       SUP_PG_RANK_REST, SUP_PG_RETRY},
    [BUS_LEAVE] = {"process_leave", "select * from support.process_leave($1,$2)", 2,
                   SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
};
const struct sup_pg_stmt_table sup_bus_stmts = {bus_stmts, BUS_STMT_COUNT};

/* A repeat after a lost connection carries the same batch number, which receivers pass over. */
static const struct sup_pg_stmt notify_stmts[] = {
    {"bus_notify", "select pg_notify('supportd_bus', $1)", 1, SUP_PG_RANK_REST, SUP_PG_RETRY},
};
static const struct sup_pg_stmt_table notify_table = SUP_PG_TABLE(notify_stmts);
static const struct sup_pg_stmt_table *const notify_tables[] = {&notify_table, NULL};
static const char *const channels[] = {"supportd_bus", NULL};

void bus_emit(struct sup_bus *bus, const struct sup_bus_event *event)
{
    struct bus_topic *topic = sup_map_get(bus->topics, event->topic, strlen(event->topic));
    if (topic)
        sup_signal_emit(&topic->signal, (void *)(uintptr_t)event);
}

static void on_notified(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_bus *bus = arg;
    if (reply->err)
        sup_metric_add(bus->lost, 1);
}

void bus_send(struct sup_bus *bus)
{
    struct sup_buf payload = {0};
    struct sup_pg_params p = {0};
    struct sup_pg_exec_opts opts = {.key = bus->process};
    sup_timer_stop(bus->flush);
    /* The number is used up even when sending fails: the gap tells the others. */
    sup_err err = bus_wire_header(&payload, bus->process, ++bus->batch);
    if (!err && bus->out.len)
        err = sup_buf_add(&payload, bus->out.data, bus->out.len);
    if (!err) {
        sup_pg_add_textn(&p, payload.data, payload.len);
        err = sup_pg_exec(bus->out_pool, &notify_stmts[0], &p, &opts, on_notified, bus, NULL);
    }
    if (err)
        sup_metric_add(bus->lost, 1);
    bus->sent_us = sup_clock_mono_us();
    sup_buf_clear(&bus->out);
    sup_pg_params_fini(&p);
    sup_buf_fini(&payload);
}

static void on_flush(void *arg)
{
    struct sup_bus *bus = arg;
    if (bus->out.len)
        bus_send(bus);
}

/* Gathers a line for the others; a full payload leaves at once. */
static sup_err add_line(struct sup_bus *bus, const char *topic, struct sup_id id, int64_t rev,
                        const char *ref)
{
    enum { LINE_MAX = SUP_BUS_TOPIC_MAX + SUP_ID_TEXT_LEN + SUP_BUS_REF_MAX + 32, HEADER_MAX = 64 };
    if (bus->out.len + LINE_MAX + HEADER_MAX > BUS_PAYLOAD_MAX)
        bus_send(bus);
    if (!sup_timer_armed(bus->flush))
        sup_timer_start(bus->flush, BUS_FLUSH_US);
    return bus_wire_event(&bus->out, topic, id, rev, ref);
}

sup_err sup_bus_publish(struct sup_bus *bus, const char *topic, struct sup_id id, int64_t rev,
                        const char *ref)
{
    const char *text = ref ? ref : "";
    if (!bus_topic_valid(topic) || !bus_ref_valid(text))
        return SUP_E_INVAL;
    if (bus->pending_count >= BUS_PENDING_MAX)
        return SUP_E_LIMIT;
    struct bus_pending *e = sup_calloc(1, sizeof(*e) + strlen(text) + 1);
    if (!e)
        return SUP_E_NOMEM;
    sup_err err = sup_bus_peers(bus) ? add_line(bus, topic, id, rev, text) : SUP_OK;
    if (err) {
        sup_free(e);
        return err;
    }
    e->id = id;
    e->rev = rev;
    memcpy(e->topic, topic, strlen(topic) + 1);
    memcpy(e->ref, text, strlen(text) + 1);
    sup_list_append(&bus->pending, &e->link);
    bus->pending_count++;
    sup_metric_add(bus->published, 1);
    if (!sup_timer_armed(bus->deliver))
        sup_timer_start(bus->deliver, 0);
    return SUP_OK;
}

/* What listeners publish meanwhile waits for the next pass. */
static void on_deliver(void *arg)
{
    struct sup_bus *bus = arg;
    for (size_t n = bus->pending_count; n > 0; n--) {
        struct bus_pending *e = SUP_CONTAINER_OF(bus->pending.next, struct bus_pending, link);
        struct sup_bus_event event = {
            .topic = e->topic, .id = e->id, .rev = e->rev, .ref = e->ref, .local = true};
        sup_list_remove(&e->link);
        bus->pending_count--;
        bus_emit(bus, &event);
        sup_free(e);
    }
}

static void on_tick(void *arg)
{
    struct sup_bus *bus = arg;
    sup_timer_start(bus->tick, bus->opts.tick_us);
    if (sup_bus_peers(bus) > 0)
        bus_gap(bus, SUP_BUS_GAP_TICK);
}

static void on_listening(void *arg)
{
    struct sup_bus *bus = arg;
    bus_gap(bus, SUP_BUS_GAP_LISTEN);
    if (bus->registered)
        bus_send(bus);
}

static sup_err create_connections(struct sup_bus *bus)
{
    struct sup_pg_pool_opts out = {.conninfo = bus->opts.conninfo,
                                   .tables = notify_tables,
                                   .metrics = bus->opts.metrics,
                                   .name = "bus",
                                   .connections = 1,
                                   .queue_limit = NOTIFIES_QUEUED_MAX,
                                   .async_commit = true};
    struct sup_pg_listen_opts in = {.conninfo = bus->opts.conninfo,
                                    .channels = channels,
                                    .name = "bus_listen",
                                    .metrics = bus->opts.metrics,
                                    .on_notify = bus_on_notify,
                                    .on_up = on_listening,
                                    .arg = bus};
    sup_err err = sup_pg_pool_create(bus->loop, &out, &bus->out_pool);
    return err ? err : sup_pg_listen_create(bus->loop, &in, &bus->listen);
}

static sup_err create_parts(struct sup_bus *bus)
{
    sup_err err = sup_map_create(&bus->topics);
    if (!err)
        err = sup_timer_create(bus->loop, on_deliver, bus, &bus->deliver);
    if (!err)
        err = sup_timer_create(bus->loop, on_flush, bus, &bus->flush);
    if (!err)
        err = sup_timer_create(bus->loop, bus_on_beat, bus, &bus->beat);
    if (!err)
        err = sup_timer_create(bus->loop, on_tick, bus, &bus->tick);
    if (!err)
        err = create_connections(bus);
    if (err)
        return err;
    sup_timer_start(bus->beat, 0);
    sup_timer_start(bus->tick, bus->opts.tick_us);
    return SUP_OK;
}

sup_err sup_bus_create(struct sup_loop *loop, const struct sup_bus_opts *opts,
                       struct sup_bus **ret_bus)
{
    if (!opts->conninfo || !opts->pool || (opts->version && strlen(opts->version) > 64))
        return SUP_E_INVAL;
    struct sup_bus *bus = sup_calloc(1, sizeof(*bus));
    if (!bus)
        return SUP_E_NOMEM;
    bus->loop = loop;
    bus->opts = *opts;
    bus->opts.version = opts->version ? opts->version : "";
    bus->opts.beat_us = opts->beat_us ? opts->beat_us : BEAT_DEFAULT_US;
    bus->opts.tick_us = opts->tick_us ? opts->tick_us : TICK_DEFAULT_US;
    bus->process = sup_id_is_zero(opts->process) ? sup_id_new() : opts->process;
    sup_signal_init(&bus->gaps);
    sup_signal_init(&bus->registrations);
    sup_list_init(&bus->pending);
    bus->published = sup_metrics_counter(opts->metrics, "supportd_bus_published_total",
                                         "Events published by this process", NULL, NULL);
    bus->received = sup_metrics_counter(opts->metrics, "supportd_bus_received_total",
                                        "Events of other processes", NULL, NULL);
    bus->lost = sup_metrics_counter(opts->metrics, "supportd_bus_lost_total",
                                    "Payloads that could not be sent or read", NULL, NULL);
    sup_err err = create_parts(bus);
    bus->opts.conninfo = NULL; /* the connections have their own copies */
    if (err) {
        sup_bus_destroy(bus);
        return err;
    }
    *ret_bus = bus;
    return SUP_OK;
}

void sup_bus_quiet(struct sup_bus *bus)
{
    if (bus->request)
        sup_pg_req_cancel(bus->request);
    bus->request = NULL;
    if (bus->beat)
        sup_timer_stop(bus->beat);
}

void sup_bus_destroy(struct sup_bus *bus)
{
    if (!bus)
        return;
    sup_bus_quiet(bus);
    sup_pg_listen_destroy(bus->listen);
    sup_pg_pool_destroy(bus->out_pool);
    sup_timer_destroy(bus->deliver);
    sup_timer_destroy(bus->flush);
    sup_timer_destroy(bus->beat);
    sup_timer_destroy(bus->tick);
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &bus->pending)
    {
        sup_free(SUP_CONTAINER_OF(pos, struct bus_pending, link));
    }
    size_t at = 0;
    for (void *topic; bus->topics && (topic = sup_map_next(bus->topics, &at, NULL, NULL)) != NULL;)
        sup_free(topic);
    sup_map_destroy(bus->topics);
    sup_buf_fini(&bus->out);
    sup_free(bus);
}

sup_err sup_bus_topic(struct sup_bus *bus, const char *topic, struct sup_signal **ret_signal)
{
    if (!bus_topic_valid(topic))
        return SUP_E_INVAL;
    struct bus_topic *t = sup_map_get(bus->topics, topic, strlen(topic));
    if (!t) {
        if (sup_map_count(bus->topics) >= BUS_TOPICS_MAX)
            return SUP_E_LIMIT;
        t = sup_calloc(1, sizeof(*t));
        if (!t)
            return SUP_E_NOMEM;
        memcpy(t->name, topic, strlen(topic) + 1);
        sup_signal_init(&t->signal);
        sup_err err = sup_map_set(bus->topics, topic, strlen(topic), t);
        if (err) {
            sup_free(t);
            return err;
        }
    }
    *ret_signal = &t->signal;
    return SUP_OK;
}

struct sup_signal *sup_bus_gaps(struct sup_bus *bus)
{
    return &bus->gaps;
}
