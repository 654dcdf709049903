#include "supportd/media/engine.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "beat.h"
#include "engine_internal.h"
#include "mixer_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/media/ice.h"
#include "supportd/media/srtp.h"

enum {
    EVENTS_MAX = 64, /* per epoll_wait */
    ROUNDS_MAX = 4,  /* epoll_wait calls per step: then the loop's other work has its turn */
    TIMERS_FIRST = 64,
    DEFAULT_STUN_PORT = 3478,
    NAMES_AHEAD = 4, /* events between the fetching and the use */
    RANGES_AHEAD = 2,
};

struct sup_media_engine {
    int epoll;
    struct sup_media_engine_opts opts; /* strings owned */
    struct sup_media_address addresses[SUP_MEDIA_ADDRESSES_MAX];
    struct sup_dtls_identity *identity;
    bool sibling_v4, sibling_v6;
    bool srtp_started;
    struct sup_link orphans; /* sup_media_orphan::link */
    struct sup_mixer *mixer;

    /* Binary heap from index 1, earliest on top; room for every timer that was added. The times
     * stand in it: a timer itself lies in no near cache. */
    struct due {
        uint64_t at_us;
        struct sup_media_timer *timer;
    } * heap;
    size_t heap_len, heap_cap, timers;

    /* Events being handed out: a removed watch is struck from the rest. */
    struct epoll_event events[EVENTS_MAX];
    int event_at, event_count;

    uint64_t now_us; /* valid while stepping */
    bool stepping;
    struct sup_beat beat;
    struct sup_media_engine_stats stats;
    uint8_t buffer[SUP_MEDIA_BUFFER_LEN], scratch[SUP_MEDIA_BUFFER_LEN];
};

static sup_err copy_text(const char *from, const char **ret_to)
{
    char *copy = sup_strdup(from);
    if (from && !copy)
        return SUP_E_NOMEM;
    *ret_to = copy;
    return SUP_OK;
}

static sup_err copy_server(const struct sup_media_server *from, struct sup_media_server *to)
{
    to->port = from->port ? from->port : DEFAULT_STUN_PORT;
    sup_err err = copy_text(from->address, &to->address);
    if (err == SUP_OK)
        err = copy_text(from->username, &to->username);
    return err == SUP_OK ? copy_text(from->password, &to->password) : err;
}

static void free_text(const char *text)
{
    sup_free((void *)(uintptr_t)text);
}

static void free_server(struct sup_media_server *server)
{
    free_text(server->address);
    free_text(server->username);
    sup_free_secret((char *)(uintptr_t)server->password);
}

static int family_of(const char *address)
{
    uint8_t bytes[16];
    if (inet_pton(AF_INET, address, bytes) == 1)
        return AF_INET;
    return inet_pton(AF_INET6, address, bytes) == 1 ? AF_INET6 : 0;
}

/* A server of a family that no own address has would never be reached. */
static bool turn_ok(const struct sup_media_engine_opts *opts, const struct sup_media_server *turn)
{
    if (!turn->address)
        return true;
    int family = family_of(turn->address);
    bool reached = false;
    for (size_t i = 0; i < opts->address_count; i++)
        reached = reached || family_of(opts->addresses[i].address) == family;
    return family && reached && turn->username && turn->password;
}

static bool opts_ok(const struct sup_media_engine_opts *opts)
{
    if (!opts->addresses || opts->address_count < 1 ||
        opts->address_count > SUP_MEDIA_ADDRESSES_MAX || opts->port_min > opts->port_max ||
        (opts->port_min == 0) != (opts->port_max == 0) || !sup_srtp_window_ok(opts->srtp_window) ||
        opts->gather_us > SUP_MEDIA_GATHER_MAX_US)
        return false;
    for (size_t i = 0; i < opts->address_count; i++) {
        const struct sup_media_address *a = &opts->addresses[i];
        int family = a->address ? family_of(a->address) : 0;
        if (!family || (a->advertised && family_of(a->advertised) != family))
            return false;
    }
    return turn_ok(opts, &opts->turn) && (!opts->stun.address || family_of(opts->stun.address));
}

static sup_err copy_opts(struct sup_media_engine *e, const struct sup_media_engine_opts *opts)
{
    e->opts = *opts;
    e->opts.addresses = e->addresses;
    e->opts.ping_us = opts->ping_us ? opts->ping_us : SUP_MEDIA_PING_US;
    e->opts.stun = e->opts.turn = (struct sup_media_server){0};
    for (size_t i = 0; i < opts->address_count; i++) {
        sup_err err = copy_text(opts->addresses[i].address, &e->addresses[i].address);
        if (err == SUP_OK)
            err = copy_text(opts->addresses[i].advertised, &e->addresses[i].advertised);
        if (err != SUP_OK)
            return err;
    }
    sup_err err = copy_server(&opts->stun, &e->opts.stun);
    return err == SUP_OK ? copy_server(&opts->turn, &e->opts.turn) : err;
}

static sup_err start(struct sup_media_engine *e, const struct sup_media_engine_opts *opts)
{
    sup_err err = copy_opts(e, opts);
    if (err != SUP_OK)
        return err;
    e->heap = sup_calloc(TIMERS_FIRST + 1, sizeof(*e->heap));
    if (!e->heap)
        return SUP_E_NOMEM;
    e->heap_cap = TIMERS_FIRST;
    e->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (e->epoll < 0)
        return SUP_E_IO;
    err = sup_beat_init(&e->beat, opts->gather_us);
    if (err == SUP_OK)
        err = sup_mixer_create(e, &e->mixer);
    if (err == SUP_OK)
        err = sup_srtp_setup();
    if (err != SUP_OK)
        return err;
    e->srtp_started = true;
    e->sibling_v4 = !opts->no_sibling && sup_ice_probe_sibling(false);
    e->sibling_v6 = !opts->no_sibling && sup_ice_probe_sibling(true);
    return sup_dtls_identity_create(&e->identity);
}

sup_err sup_media_engine_create(const struct sup_media_engine_opts *opts,
                                struct sup_media_engine **ret_engine)
{
    assert(opts && ret_engine);
    if (!opts_ok(opts))
        return SUP_E_INVAL;
    struct sup_media_engine *e = sup_calloc(1, sizeof(*e));
    if (!e)
        return SUP_E_NOMEM;
    e->epoll = e->beat.fd = -1;
    sup_list_init(&e->orphans);
    sup_err err = start(e, opts);
    if (err != SUP_OK) {
        sup_media_engine_destroy(e);
        return err;
    }
    *ret_engine = e;
    return SUP_OK;
}

void sup_media_engine_destroy(struct sup_media_engine *engine)
{
    if (!engine)
        return;
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &engine->orphans)
    {
        struct sup_media_orphan *orphan = SUP_CONTAINER_OF(pos, struct sup_media_orphan, link);
        sup_list_remove(pos);
        orphan->destroy(orphan);
    }
    sup_mixer_destroy(engine->mixer);
    assert(engine->timers == 0);
    sup_dtls_identity_destroy(engine->identity);
    if (engine->srtp_started)
        sup_srtp_teardown();
    sup_beat_fini(&engine->beat);
    if (engine->epoll >= 0)
        close(engine->epoll);
    for (size_t i = 0; i < SUP_MEDIA_ADDRESSES_MAX; i++) {
        free_text(engine->addresses[i].address);
        free_text(engine->addresses[i].advertised);
    }
    free_server(&engine->opts.stun);
    free_server(&engine->opts.turn);
    sup_free(engine->heap);
    sup_free(engine);
}

int sup_media_engine_fd(const struct sup_media_engine *engine)
{
    return engine->epoll;
}

int sup_media_engine_beat_fd(const struct sup_media_engine *engine)
{
    return engine->beat.fd;
}

bool sup_media_engine_beats(const struct sup_media_engine *engine)
{
    return engine->beat.on;
}

uint64_t sup_media_engine_deadline(const struct sup_media_engine *engine)
{
    return engine->heap_len > 0 && !engine->beat.on ? engine->heap[1].at_us : SUP_MEDIA_NEVER;
}

size_t sup_media_engine_timers(const struct sup_media_engine *engine)
{
    return engine->timers;
}

bool sup_media_engine_has_sibling(const struct sup_media_engine *engine, bool ipv6)
{
    return ipv6 ? engine->sibling_v6 : engine->sibling_v4;
}

void sup_media_engine_mix_stats(const struct sup_media_engine *engine,
                                struct sup_media_mix_stats *ret_stats)
{
    sup_mixer_get_stats(engine->mixer, ret_stats);
}

struct sup_mixer *sup_media_mixer(const struct sup_media_engine *engine)
{
    return engine->mixer;
}

const struct sup_dtls_identity *sup_media_engine_identity(const struct sup_media_engine *engine)
{
    return engine->identity;
}

sup_err sup_media_engine_set_turn(struct sup_media_engine *engine,
                                  const struct sup_media_server *turn)
{
    struct sup_media_server copy = {0};
    if (!turn_ok(&engine->opts, turn))
        return SUP_E_INVAL;
    sup_err err = turn->address ? copy_server(turn, &copy) : SUP_OK;
    if (err != SUP_OK) {
        free_server(&copy);
        return err;
    }
    free_server(&engine->opts.turn);
    engine->opts.turn = copy;
    return SUP_OK;
}

sup_err sup_media_watch_add(struct sup_media_engine *engine, struct sup_media_watch *watch,
                            uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = watch};
    return epoll_ctl(engine->epoll, EPOLL_CTL_ADD, watch->fd, &ev) == 0 ? SUP_OK : SUP_E_IO;
}

void sup_media_watch_set(struct sup_media_engine *engine, struct sup_media_watch *watch,
                         uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = watch};
    if (epoll_ctl(engine->epoll, EPOLL_CTL_MOD, watch->fd, &ev) != 0 && errno == ENOENT)
        (void)epoll_ctl(engine->epoll, EPOLL_CTL_ADD, watch->fd, &ev);
}

void sup_media_watch_remove(struct sup_media_engine *engine, struct sup_media_watch *watch)
{
    (void)epoll_ctl(engine->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    for (int i = engine->event_at; i < engine->event_count; i++) {
        if (engine->events[i].data.ptr == watch)
            engine->events[i].data.ptr = NULL;
    }
}

static void put(struct sup_media_engine *e, size_t place, struct due due)
{
    e->heap[place] = due;
    due.timer->place = place;
}

static void sift_up(struct sup_media_engine *e, size_t place, struct due due)
{
    for (; place > 1 && e->heap[place / 2].at_us > due.at_us; place /= 2)
        put(e, place, e->heap[place / 2]);
    put(e, place, due);
}

static void sift_down(struct sup_media_engine *e, size_t place, struct due due)
{
    for (;;) {
        size_t child = place * 2;
        if (child > e->heap_len)
            break;
        if (child < e->heap_len && e->heap[child + 1].at_us < e->heap[child].at_us)
            child++;
        if (e->heap[child].at_us >= due.at_us)
            break;
        put(e, place, e->heap[child]);
        place = child;
    }
    put(e, place, due);
}

static void stop_timer(struct sup_media_engine *e, struct sup_media_timer *timer)
{
    size_t place = timer->place;
    if (place == 0)
        return;
    timer->place = 0;
    struct due last = e->heap[e->heap_len--];
    if (last.timer == timer)
        return;
    if (place > 1 && e->heap[place / 2].at_us > last.at_us)
        sift_up(e, place, last);
    else
        sift_down(e, place, last);
}

sup_err sup_media_timer_add(struct sup_media_engine *engine, struct sup_media_timer *timer)
{
    if (engine->timers == engine->heap_cap) {
        size_t cap = engine->heap_cap * 2;
        struct due *heap = sup_realloc(engine->heap, (cap + 1) * sizeof(*heap));
        if (!heap)
            return SUP_E_NOMEM;
        engine->heap = heap;
        engine->heap_cap = cap;
    }
    engine->timers++;
    timer->place = 0;
    return SUP_OK;
}

void sup_media_timer_remove(struct sup_media_engine *engine, struct sup_media_timer *timer)
{
    stop_timer(engine, timer);
    assert(engine->timers > 0);
    engine->timers--;
}

void sup_media_timer_set(struct sup_media_engine *engine, struct sup_media_timer *timer,
                         uint64_t at_us)
{
    if (timer->place > 0 && timer->at_us == at_us)
        return;
    stop_timer(engine, timer);
    timer->at_us = at_us;
    if (at_us != SUP_MEDIA_NEVER)
        sift_up(engine, ++engine->heap_len, (struct due){at_us, timer});
}

void sup_media_orphan_add(struct sup_media_engine *engine, struct sup_media_orphan *orphan)
{
    sup_list_append(&engine->orphans, &orphan->link);
}

uint64_t sup_media_now_us(const struct sup_media_engine *engine)
{
    return engine->stepping ? engine->now_us : sup_clock_mono_us();
}

uint8_t *sup_media_buffer(struct sup_media_engine *engine)
{
    return engine->buffer;
}

uint8_t *sup_media_scratch(struct sup_media_engine *engine)
{
    return engine->scratch;
}

const struct sup_media_engine_opts *sup_media_config(const struct sup_media_engine *engine)
{
    return &engine->opts;
}

/* In two steps, as the names have to be there before what they name. */
static void fetch_ahead(const struct sup_media_engine *e, int at)
{
    const struct sup_media_watch *watch;
    if (at + NAMES_AHEAD < e->event_count && (watch = e->events[at + NAMES_AHEAD].data.ptr) &&
        watch->warm)
        sup_warm_fetch_names(watch->warm);
    if (at + RANGES_AHEAD < e->event_count && (watch = e->events[at + RANGES_AHEAD].data.ptr) &&
        watch->warm)
        sup_warm_fetch(watch->warm);
}

static void hand_out(struct sup_media_engine *e)
{
    for (int i = 0; i < e->event_count; i++)
        __builtin_prefetch(e->events[i].data.ptr);
    for (e->event_at = 0; e->event_at < e->event_count;) {
        fetch_ahead(e, e->event_at);
        const struct epoll_event *ev = &e->events[e->event_at++];
        struct sup_media_watch *watch = ev->data.ptr;
        if (watch)
            watch->on_ready(watch, ev->events);
    }
    e->event_at = e->event_count = 0;
}

static void run_timers(struct sup_media_engine *e)
{
    /* A timer that sets itself to a past time must not keep the loop here. */
    for (size_t left = e->heap_len; left > 0 && e->heap_len > 0; left--) {
        struct sup_media_timer *timer = e->heap[1].timer;
        if (e->heap[1].at_us > e->now_us)
            break;
        stop_timer(e, timer);
        timer->on_time(timer);
    }
}

void sup_media_engine_step(struct sup_media_engine *engine)
{
    uint64_t before = engine->stats.events;
    engine->stats.steps++;
    engine->stats.beats += engine->beat.on;
    engine->stepping = true;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        int n = epoll_wait(engine->epoll, engine->events, EVENTS_MAX, 0);
        engine->now_us = sup_clock_mono_us();
        engine->event_count = n > 0 ? n : 0;
        engine->stats.events += (uint64_t)engine->event_count;
        hand_out(engine);
        run_timers(engine);
        if (n < EVENTS_MAX)
            break;
    }
    engine->stepping = false;
    sup_beat_took(&engine->beat, engine->now_us, engine->stats.events - before);
}

void sup_media_count_ping(struct sup_media_engine *engine, bool answered)
{
    *(answered ? &engine->stats.pongs : &engine->stats.pings) += 1;
}

void sup_media_engine_get_stats(const struct sup_media_engine *engine,
                                struct sup_media_engine_stats *ret_stats)
{
    *ret_stats = engine->stats;
}
