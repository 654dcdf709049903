#include <stdio.h>
#include <string.h>

#include "pg_internal.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"

/* Back-off after n failures in a row: 50 ms * 2^n, at most 5 s, of which 50-100 % at random, so
 * that the connections of many processes do not come back in step. */
enum { BACKOFF_MIN_US = 50000, BACKOFF_MAX_US = 5000000, BACKOFF_DOUBLINGS = 7 };

static void connect_step(struct pg_link *link);

bool pg_conninfo_valid(const char *conninfo)
{
    PQconninfoOption *options = conninfo ? PQconninfoParse(conninfo, NULL) : NULL;
    PQconninfoFree(options);
    return options != NULL;
}

static bool transition_allowed(enum pg_link_state from, enum pg_link_state to)
{
    static const unsigned allowed[] = {
        [PG_LINK_IDLE] = 1u << PG_LINK_RESOLVING | 1u << PG_LINK_CONNECTING,
        [PG_LINK_RESOLVING] = 1u << PG_LINK_IDLE | 1u << PG_LINK_CONNECTING,
        [PG_LINK_CONNECTING] = 1u << PG_LINK_IDLE | 1u << PG_LINK_SETUP,
        [PG_LINK_SETUP] = 1u << PG_LINK_IDLE | 1u << PG_LINK_UP,
        [PG_LINK_UP] = 1u << PG_LINK_IDLE,
    };
    return (allowed[from] >> to & 1u) != 0;
}

static void set_state(struct pg_link *link, enum pg_link_state state)
{
    if (transition_allowed(link->state, state))
        link->state = state;
}

static uint64_t backoff_us(struct pg_link *link)
{
    unsigned doublings = link->failures < BACKOFF_DOUBLINGS ? link->failures : BACKOFF_DOUBLINGS;
    uint64_t us = (uint64_t)BACKOFF_MIN_US << doublings;
    if (us > BACKOFF_MAX_US)
        us = BACKOFF_MAX_US;
    uint32_t r;
    sup_random(&r, sizeof(r));
    return us / 2 + us / 2 * (r >> 16) / 65536;
}

static void close_conn(struct pg_link *link)
{
    pg_resolve_cancel(link->resolve);
    link->resolve = NULL;
    sup_poller_destroy(link->poller);
    link->poller = NULL;
    link->events = 0;
    PQfinish(link->conn);
    link->conn = NULL;
}

static void keep_detail(struct pg_link *link)
{
    const char *text = link->conn ? PQerrorMessage(link->conn) : "";
    size_t n = 0;
    for (; *text && n < sizeof(link->detail) - 1; text++)
        link->detail[n++] = (unsigned char)*text < ' ' ? ' ' : *text;
    link->detail[n] = '\0';
}

void pg_link_drop(struct pg_link *link, const char *why)
{
    if (link->state == PG_LINK_IDLE)
        return;
    keep_detail(link);
    sup_log_debug("pg", "connection lost", SUP_STR("conn", link->opts.name), SUP_STR("why", why),
                  SUP_STR("detail", link->detail));
    close_conn(link);
    set_state(link, PG_LINK_IDLE);
    sup_timer_start(link->timer, backoff_us(link));
    link->failures++;
    link->opts.on_lost(why, link->opts.arg);
}

/* libpq 15 gives no SQLSTATE for a refused connection; a server that answers at all says FATAL. */
static const char *why_refused(const struct pg_link *link)
{
    static const char *const passing[] = {"starting up", "shutting down", "recovery",
                                          "not yet accepting", "too many"};
    const char *text = PQerrorMessage(link->conn);
    if (!strstr(text, "FATAL"))
        return "unreachable";
    for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++)
        if (strstr(text, passing[i]))
            return "unreachable";
    return "login_refused";
}

static void wait_for(struct pg_link *link, unsigned events)
{
    if (events == link->events)
        return;
    if (sup_poller_set(link->poller, events)) {
        pg_link_drop(link, "unreachable");
        return;
    }
    link->events = events;
}

bool pg_link_flush(struct pg_link *link)
{
    int rc = PQflush(link->conn);
    /* After a failed write libpq pretends success until reading meets the end. */
    if (rc < 0 || PQstatus(link->conn) == CONNECTION_BAD) {
        pg_link_drop(link, "unreachable");
        return false;
    }
    wait_for(link, rc > 0 ? SUP_POLL_READ | SUP_POLL_WRITE : SUP_POLL_READ);
    return link->conn != NULL;
}

static void on_io(unsigned events, void *arg)
{
    struct pg_link *link = arg;
    if (link->state == PG_LINK_CONNECTING) {
        connect_step(link);
        return;
    }
    bool alive = true;
    if (events & SUP_POLL_READ)
        alive = PQconsumeInput(link->conn) == 1;
    PGconn *conn = link->conn;
    if (alive && PQflush(conn) < 0)
        alive = false;
    /* What arrived before the end of the stream counts: it may hold the answer to a commit. */
    link->opts.on_input(link->opts.arg);
    if (link->conn != conn)
        return;
    if (!alive || PQstatus(conn) == CONNECTION_BAD)
        pg_link_drop(link, "unreachable");
    else
        (void)pg_link_flush(link);
}

static void connected(struct pg_link *link)
{
    if (PQsetnonblocking(link->conn, 1) != 0) {
        pg_link_drop(link, "unreachable");
        return;
    }
    set_state(link, PG_LINK_SETUP);
    link->opts.on_setup(link->opts.arg);
}

/* The socket may be another one after each PQconnectPoll(), so the poller is made anew. */
static void connect_step(struct pg_link *link)
{
    sup_poller_destroy(link->poller);
    link->poller = NULL;
    link->events = 0;
    PostgresPollingStatusType status = PQconnectPoll(link->conn);
    if (status == PGRES_POLLING_FAILED) {
        pg_link_drop(link, why_refused(link));
        return;
    }
    if (sup_poller_create(link->opts.loop, PQsocket(link->conn), on_io, link, &link->poller)) {
        pg_link_drop(link, "unreachable");
        return;
    }
    if (status == PGRES_POLLING_OK) {
        wait_for(link, SUP_POLL_READ);
        if (link->conn)
            connected(link);
        return;
    }
    wait_for(link, status == PGRES_POLLING_READING ? SUP_POLL_READ : SUP_POLL_WRITE);
}

/* libpq would print these to standard error, values and all. */
static void on_notice(void *arg, const PGresult *res)
{
    const struct pg_link *link = arg;
    const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    sup_log_debug("pg", "notice", SUP_STR("conn", link->opts.name),
                  SUP_STR("sqlstate", state ? state : ""));
}

/* Defaults stand before the user's string, which may override them; looked-up addresses behind. */
static void start_connect(struct pg_link *link, const char *hosts, const char *addrs)
{
    const char *keys[] = {"client_encoding",
                          "keepalives_idle",
                          "keepalives_interval",
                          "keepalives_count",
                          "tcp_user_timeout",
                          "dbname",
                          "fallback_application_name",
                          hosts ? "host" : NULL,
                          "hostaddr",
                          NULL};
    const char *values[] = {"UTF8",          "10",  "5",   "3", "15000", link->opts.conninfo,
                            link->opts.name, hosts, addrs, NULL};
    set_state(link, PG_LINK_CONNECTING);
    link->conn = PQconnectStartParams(keys, values, 1);
    if (!link->conn || PQstatus(link->conn) == CONNECTION_BAD) {
        pg_link_drop(link, "unreachable");
        return;
    }
    (void)PQsetNoticeReceiver(link->conn, on_notice, link);
    /* libpq: before the first PQconnectPoll() act as if it had said WRITING. */
    if (sup_poller_create(link->opts.loop, PQsocket(link->conn), on_io, link, &link->poller))
        pg_link_drop(link, "unreachable");
    else
        wait_for(link, SUP_POLL_WRITE);
}

static void on_resolved(const char *hosts, const char *addrs, void *arg)
{
    struct pg_link *link = arg;
    link->resolve = NULL;
    if (hosts)
        start_connect(link, hosts, addrs);
    else
        pg_link_drop(link, "unreachable");
}

static void on_timer(void *arg)
{
    struct pg_link *link = arg;
    if (link->state != PG_LINK_IDLE) {
        pg_link_drop(link, "unreachable");
        return;
    }
    sup_timer_start(link->timer, link->opts.connect_timeout_us);
    sup_err err =
        pg_resolve_start(link->opts.loop, link->opts.conninfo, on_resolved, link, &link->resolve);
    if (err == SUP_E_NOTFOUND) {
        start_connect(link, NULL, NULL);
        return;
    }
    set_state(link, PG_LINK_RESOLVING);
    if (err)
        pg_link_drop(link, "unreachable");
}

void pg_link_is_up(struct pg_link *link)
{
    set_state(link, PG_LINK_UP);
    link->failures = 0;
    link->detail[0] = '\0';
    sup_timer_stop(link->timer);
}

sup_err pg_link_init(struct pg_link *link, const struct pg_link_opts *opts)
{
    *link = (struct pg_link){.opts = *opts};
    sup_err err = sup_timer_create(opts->loop, on_timer, link, &link->timer);
    if (!err)
        sup_timer_start(link->timer, 0);
    return err;
}

void pg_link_fini(struct pg_link *link)
{
    close_conn(link);
    sup_timer_destroy(link->timer);
    *link = (struct pg_link){0};
}
