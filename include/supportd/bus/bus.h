/* Events between the parts of one process and between processes.
 *
 * Layer:  bus. Thread: the loop thread.
 * Source: DESIGN (More cores or machines).
 *
 * An event is a topic and a small reference (ids and numbers, never content): who receives it reads
 * the rest from the database. Publish after the commit. Local listeners hear it in the next pass of
 * the loop; other processes by NOTIFY, gathered for at most 5 ms, only while there are others.
 * NOTIFY may lose events (connection, crash): sup_bus_gaps() tells listeners to read again by rev.
 */
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
    SUP_BUS_GAP_PEER,   /* a process fell silent or events of it are missing */
    SUP_BUS_GAP_TICK,   /* every 5 s while there are other processes */
};

struct sup_bus_opts {
    const char *conninfo;        /* for the LISTEN and the NOTIFY connection; copied */
    struct sup_pg_pool *pool;    /* for registration and heartbeat; kept */
    struct sup_metrics *metrics; /* kept; may be NULL */
    struct sup_id process;       /* this process: a new id at each start; zero: the bus makes one */
    const char *version;         /* of the program, at most 64 characters; kept; NULL: "" */
    uint64_t beat_us;            /* between signs of life to other processes; 0: 1 s */
    uint64_t tick_us;            /* between SUP_BUS_GAP_TICKs; 0: 5 s */
};

/* Statements of registration and heartbeat: give to sup_pg_pool_create(). */
extern const struct sup_pg_stmt_table sup_bus_stmts;

/* Registers the process in the background. Errors: SUP_E_INVAL, SUP_E_NOMEM. *ret_bus is owned. */
SUP_MUST_CHECK sup_err sup_bus_create(struct sup_loop *loop, const struct sup_bus_opts *opts,
                                      struct sup_bus **ret_bus);
/* Asks the pool for nothing any more and drops what is under way: afterwards the pool may go before
 * the bus. */
void sup_bus_quiet(struct sup_bus *bus);
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

/* Other processes with a sign of life: the greater of what the last heartbeat counted in the
 * database and those that were heard lately. */
unsigned sup_bus_peers(const struct sup_bus *bus);

/* The id under which this process is (or is being) registered. */
struct sup_id sup_bus_process(const struct sup_bus *bus);
/* True once it is registered: leases and calls may then name it. */
bool sup_bus_registered(const struct sup_bus *bus);
/* Emitted when the process has been registered: at the start, and again under a new id after others
 * took it for dead (its leases and calls are gone then). data: struct sup_id *, the new id. */
struct sup_signal *sup_bus_registrations(struct sup_bus *bus);
/* Takes the process off at an orderly stop and calls done once, never before this returns. Nothing
 * may be published or leased afterwards. Errors: SUP_E_STATE (not registered, or already leaving),
 * and those of sup_pg_exec(). */
SUP_MUST_CHECK sup_err sup_bus_leave(struct sup_bus *bus, void (*done)(sup_err err, void *arg),
                                     void *arg);
#endif
