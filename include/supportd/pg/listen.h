/* One connection that listens for notifications, made again whenever it is lost.
 *
 * Layer:  pg. Thread: the loop thread.
 * Source: DESIGN (More cores or machines): what was notified while the connection was away is lost;
 * on_up tells the owner to read again. */
#ifndef SUPPORTD_PG_LISTEN_H
#define SUPPORTD_PG_LISTEN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/loop/loop.h"
#include "supportd/metrics/metrics.h"

struct sup_pg_listen; /* opaque */

struct sup_pg_listen_opts {
    const char *conninfo;        /* copied */
    const char *const *channels; /* NULL-terminated, [a-z_][a-z0-9_]*, at most 16; kept */
    const char *name;            /* metric label and application_name; kept; NULL: "listen" */
    struct sup_metrics *metrics; /* kept; may be NULL */
    uint64_t connect_timeout_us; /* 0: 5 s */
    /* channel and payload are borrowed for the call. */
    void (*on_notify)(const char *channel, const char *payload, void *arg);
    void (*on_up)(void *arg);   /* listening (again); may be NULL */
    void (*on_down)(void *arg); /* the connection is lost; may be NULL */
    void *arg;                  /* kept */
};

/* Connects in the background; *ret_listen is owned. Callbacks may not destroy it.
 * Errors: SUP_E_INVAL, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_pg_listen_create(struct sup_loop *loop,
                                            const struct sup_pg_listen_opts *opts,
                                            struct sup_pg_listen **ret_listen);
void sup_pg_listen_destroy(struct sup_pg_listen *listen); /* NULL is a no-op; never calls back */
bool sup_pg_listen_is_up(const struct sup_pg_listen *listen);
#endif
