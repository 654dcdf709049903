#include "supportd/pg/listen.h"

#include <stdio.h>
#include <string.h>

#include "pg_internal.h"
#include "supportd/base/mem.h"

enum { CHANNELS_MAX = 16 };
static const uint64_t LISTEN_CONNECT_TIMEOUT_US = 5000000;

struct sup_pg_listen {
    struct sup_pg_listen_opts opts;
    char *conninfo;
    struct pg_link link;
    struct sup_metric *lost;
};

static bool name_valid(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return len > 0 && len < 63 && name[len] == '\0' && (name[0] < '0' || name[0] > '9');
}

static void on_setup(void *arg)
{
    struct sup_pg_listen *l = arg;
    char sql[CHANNELS_MAX * 80] = "";
    size_t len = 0;
    for (size_t i = 0; l->opts.channels[i]; i++)
        len += (size_t)snprintf(sql + len, sizeof(sql) - len, "listen %s;", l->opts.channels[i]);
    if (!PQsendQuery(l->link.conn, sql))
        pg_link_drop(&l->link, "unreachable");
    else
        (void)pg_link_flush(&l->link);
}

/* False: a LISTEN failed. */
static bool take_results(struct sup_pg_listen *l)
{
    while (!PQisBusy(l->link.conn)) {
        PGresult *res = PQgetResult(l->link.conn);
        if (!res) {
            pg_link_is_up(&l->link);
            if (l->opts.on_up)
                l->opts.on_up(l->opts.arg);
            return true;
        }
        ExecStatusType status = PQresultStatus(res);
        PQclear(res);
        if (status != PGRES_COMMAND_OK)
            return false;
    }
    return true;
}

static void on_input(void *arg)
{
    struct sup_pg_listen *l = arg;
    if (l->link.state == PG_LINK_SETUP && !take_results(l)) {
        pg_link_drop(&l->link, "unreachable");
        return;
    }
    (void)PQisBusy(l->link.conn); /* parses, so that PQnotifies() finds what was read */
    for (PGnotify *n; (n = PQnotifies(l->link.conn)) != NULL; PQfreemem(n))
        l->opts.on_notify(n->relname, n->extra, l->opts.arg);
}

static void on_lost(const char *why, void *arg)
{
    struct sup_pg_listen *l = arg;
    (void)why;
    sup_metric_add(l->lost, 1);
    if (l->opts.on_down)
        l->opts.on_down(l->opts.arg);
}

static sup_err check_opts(const struct sup_pg_listen_opts *opts)
{
    size_t n = 0;
    if (!pg_conninfo_valid(opts->conninfo) || !opts->channels || !opts->on_notify)
        return SUP_E_INVAL;
    for (; opts->channels[n]; n++)
        if (n == CHANNELS_MAX || !name_valid(opts->channels[n]))
            return SUP_E_INVAL;
    return n > 0 ? SUP_OK : SUP_E_INVAL;
}

sup_err sup_pg_listen_create(struct sup_loop *loop, const struct sup_pg_listen_opts *opts,
                             struct sup_pg_listen **ret_listen)
{
    sup_err err = check_opts(opts);
    if (err)
        return err;
    struct sup_pg_listen *l = sup_calloc(1, sizeof(*l));
    char *conninfo = sup_strdup(opts->conninfo);
    if (!l || !conninfo) {
        sup_free(l);
        sup_free_secret(conninfo);
        return SUP_E_NOMEM;
    }
    l->opts = *opts;
    l->opts.conninfo = l->conninfo = conninfo;
    l->opts.name = opts->name ? opts->name : "listen";
    l->lost = sup_metrics_counter(opts->metrics, "supportd_pg_connections_lost_total",
                                  "Connections lost or refused", "pool", l->opts.name);
    struct pg_link_opts link = {.loop = loop,
                                .conninfo = conninfo,
                                .name = l->opts.name,
                                .connect_timeout_us = opts->connect_timeout_us
                                                          ? opts->connect_timeout_us
                                                          : LISTEN_CONNECT_TIMEOUT_US,
                                .on_setup = on_setup,
                                .on_input = on_input,
                                .on_lost = on_lost,
                                .arg = l};
    err = pg_link_init(&l->link, &link);
    if (err) {
        sup_pg_listen_destroy(l);
        return err;
    }
    *ret_listen = l;
    return SUP_OK;
}

void sup_pg_listen_destroy(struct sup_pg_listen *listen)
{
    if (!listen)
        return;
    pg_link_fini(&listen->link);
    sup_free_secret(listen->conninfo);
    sup_free(listen);
}

bool sup_pg_listen_is_up(const struct sup_pg_listen *listen)
{
    return listen->link.state == PG_LINK_UP;
}
