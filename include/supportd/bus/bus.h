/* Events between the parts of one process and between processes.
 *
 * Layer:  bus. Thread: the loop thread.
 * Source: DESIGN (More cores or machines).
 *
 * An event is a topic and a small reference (ids and numbers, never content): who receives it reads
 * the rest from the database. Publish after the commit. Local listeners hear it in the next pass of
 * the loop; other processes by NOTIFY, gathered for at most 5 ms, only while there are others.
 * NOTIFY may lose events (connection, crash): on_gap tells listeners to read again by rev. */
#ifndef SUPPORTD_BUS_BUS_H
#define SUPPORTD_BUS_BUS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/base/signal.h"
#include "supportd/loop/loop.h"
#include "supportd/metrics/metrics.h"
#include "supportd/pg/pool.h"

enum {
    SUP_BUS_TOPIC_MAX = 31, /* characters: [a-z0-9_.] */
    SUP_BUS_REF_MAX = 400,  /* bytes of one reference, a JSON object's text */
};

struct sup_bus; /* opaque */

/* data of the listeners' notify; borrowed for the call. */
struct sup_bus_event {
    const char *topic;
    struct sup_id id; /* the object: chat, call, staff member ...; may be zero */
    int64_t rev;      /* a number of the publisher's choice: seq, rev; 0: none */
    const char *ref;  /* JSON text of an object, or "" */
    bool local;       /* published by this process */
};

enum sup_bus_gap {
    SUP_BUS_GAP_LISTEN, /* the LISTEN connection was away and is back: everything may be missing */
    SUP_BUS_GAP_PEER,   /* a process vanished: what it did last may not have been told */
    SUP_BUS_GAP_TICK,   /* every 5 s while there are other processes */
};

struct sup_bus_opts {
    const char *conninfo;        /* for the LISTEN and the NOTIFY connection; copied */
    struct sup_pg_pool *pool;    /* for registration and heartbeat; kept */
    struct sup_metrics *metrics; /* kept; may be NULL */
    struct sup_id process;       /* this process */
    const char *address;         /* how other processes may call it; copied; may be NULL */
};

/* Statements of the heartbeat: give to sup_pg_pool_create(). */
extern const struct sup_pg_stmt_table sup_bus_stmts;

/* Errors: SUP_E_INVAL, SUP_E_NOMEM. *ret_bus is owned. */
SUP_MUST_CHECK sup_err sup_bus_create(struct sup_loop *loop, const struct sup_bus_opts *opts,
                                      struct sup_bus **ret_bus);
/* Forgets events not yet sent; NULL is a no-op. Not from a listener. */
void sup_bus_destroy(struct sup_bus *bus);

/* Borrowed signal of a topic (data: struct sup_bus_event); topic is copied. A topic lives as long
 * as the bus. Errors: SUP_E_INVAL (name), SUP_E_LIMIT (64 topics), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_bus_topic(struct sup_bus *bus, const char *topic,
                                     struct sup_signal **ret_signal);
/* data: enum sup_bus_gap *. */
struct sup_signal *sup_bus_gaps(struct sup_bus *bus);

/* Tells all listeners everywhere, this process's own included (in the next pass). ref may be NULL.
 * Errors: SUP_E_INVAL (topic or ref too long), SUP_E_LIMIT (8192 events wait), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_bus_publish(struct sup_bus *bus, const char *topic, struct sup_id id,
                                       int64_t rev, const char *ref);

/* Other processes with a fresh heartbeat, as of the last one. */
unsigned sup_bus_peers(const struct sup_bus *bus);
#endif
