/* Shared inside pg: the reconnecting link, requests, batches, connections of a pool. */
#ifndef SUPPORTD_PG_INTERNAL_H
#define SUPPORTD_PG_INTERNAL_H
#include <libpq-fe.h>

#include "supportd/base/list.h"
#include "supportd/base/map.h"
#include "supportd/pg/pool.h"

/* ---- link.c: one connection, made again whenever it is lost ---- */

enum pg_link_state {
    PG_LINK_IDLE,      /* waiting for the back-off timer */
    PG_LINK_RESOLVING, /* the host name is looked up on the work queue */
    PG_LINK_CONNECTING,
    PG_LINK_SETUP, /* connected; the owner is setting the session up */
    PG_LINK_UP,
};

struct pg_link_opts {
    struct sup_loop *loop;
    const char *conninfo; /* kept */
    const char *name;     /* application_name unless conninfo has one; kept */
    uint64_t connect_timeout_us;
    void (*on_setup)(void *arg); /* connected: send what sets the session up */
    void (*on_input)(void *arg); /* input was read: take results while !PQisBusy() */
    /* The connection is gone; link->conn is NULL already. why: static word as in pool.h. */
    void (*on_lost)(const char *why, void *arg);
    void *arg;
};

struct pg_resolve;

struct pg_link {
    struct pg_link_opts opts;
    enum pg_link_state state;
    PGconn *conn;              /* NULL in IDLE and RESOLVING */
    struct sup_poller *poller; /* NULL while there is no socket */
    unsigned events;           /* what the poller waits for */
    struct sup_timer *timer;   /* back-off in IDLE, connect timeout until UP */
    struct pg_resolve *resolve;
    unsigned failures; /* in a row; sets the back-off */
    char detail[160];  /* the library's words about the last failure */
};

/* Arms the first attempt. Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err pg_link_init(struct pg_link *link, const struct pg_link_opts *opts);
/* Closes without calling back; safe on a zeroed struct. */
void pg_link_fini(struct pg_link *link);
/* The owner's set-up is done: state UP, back-off forgotten. */
void pg_link_is_up(struct pg_link *link);
/* Sends what libpq has buffered as far as the socket takes it. False: the link was lost (on_lost
 * has run). */
bool pg_link_flush(struct pg_link *link);
/* Gives the connection up, calls on_lost, arms the back-off. No-op in IDLE. */
void pg_link_drop(struct pg_link *link, const char *why);
bool pg_conninfo_valid(const char *conninfo);

/* ---- resolve.c: host names off the loop ---- */

/* hosts/addrs: comma lists of equal length for libpq's host and hostaddr; NULL: failed. */
typedef void (*pg_resolve_cb)(const char *hosts, const char *addrs, void *arg);
/* SUP_OK: cb will run unless cancelled. SUP_E_NOTFOUND: nothing to look up, connect at once. */
SUP_MUST_CHECK sup_err pg_resolve_start(struct sup_loop *loop, const char *conninfo,
                                        pg_resolve_cb cb, void *arg,
                                        struct pg_resolve **ret_resolve);
void pg_resolve_cancel(struct pg_resolve *resolve); /* NULL is a no-op */

/* ---- result.c ---- */

struct sup_pg_result {
    PGresult *pg; /* borrowed */
    bool bad;     /* a getter met another type */
};

/* ---- requests, keys, batches ---- */

enum {
    PG_BATCH_MAX = 128,  /* DESIGN: requests a sync */
    PG_SEGMENT_MAX = 50, /* more than 64 subtransactions overflow the server's cache */
    PG_SYNCS_MAX = 2,    /* outstanding on one connection */
};

struct pg_batch;
struct pg_conn;

/* One ordering key with live requests. */
struct pg_key {
    struct sup_id id;
    size_t refs;            /* live requests */
    size_t in_batch;        /* of them, those in owner */
    struct pg_batch *owner; /* the batch that has them under way, or NULL */
    uint64_t skipped;       /* number of the scan that passed one over */
    enum sup_pg_rank rank;  /* of the last one taken by owner */
};

struct sup_pg_req {
    struct sup_link link;        /* sup_pg_pool::queue, or alone when in a batch */
    struct sup_link by_deadline; /* sup_pg_pool::deadlines */
    struct sup_pg_pool *pool;
    const struct sup_pg_stmt *stmt;
    struct pg_key *key;     /* NULL: none */
    struct pg_batch *batch; /* NULL: queued */
    uint64_t seq;           /* order of sup_pg_exec() */
    uint64_t start_us, deadline_us;
    sup_pg_cb cb; /* NULL: cancelled or answered; nobody waits */
    void *arg;
    bool replanned;   /* was sent again because its plan had become invalid */
    PGresult *result; /* of the last run, until its batch has committed */
    size_t data_len;
    char *data;           /* values, behind the array */
    const char *values[]; /* stmt->nparams */
};

enum pg_batch_mode {
    PG_BATCH_PLAIN,    /* all in one implicit transaction */
    PG_BATCH_SEGMENTS, /* a savepoint around each, at most PG_SEGMENT_MAX in one transaction */
    PG_BATCH_ALONE,    /* one transaction each */
};

enum pg_step { PG_STEP_UTIL, PG_STEP_REQ, PG_STEP_COMMIT, PG_STEP_SYNC };

enum { PG_STEPS_MAX = 2 + 5 * PG_SEGMENT_MAX };

/* reqs:  [ delivered | window: under way | still to run ]
 *        0          first               first + n        count
 * The window is what the present transaction holds; steps are the answers it will bring. */
struct pg_batch {
    struct sup_link link; /* pg_conn::sent or pg_conn::redo */
    struct pg_conn *conn;
    enum pg_batch_mode mode;
    unsigned count, first, n;
    unsigned step_count, step;
    uint8_t steps[PG_STEPS_MAX]; /* enum pg_step */
    unsigned next_req;           /* index of the request whose answer comes next */
    bool failed;                 /* some answer of this transaction was an error */
    bool util_failed;            /* ... of a savepoint command, or of the commit */
    bool again;                  /* ... one that calls for the same again (deadlock) */
    bool replan;                 /* ... one that calls for a new session */
    bool closing;                /* SEGMENTS: the final COMMIT or ROLLBACK is under way */
    unsigned attempts;           /* runs ended by a deadlock */
    struct sup_pg_req *reqs[PG_BATCH_MAX];
};

/* A pooled connection. */
struct pg_conn {
    struct sup_pg_pool *pool;
    struct pg_link link;
    struct sup_timer *stall;
    struct sup_link sent; /* pg_batch::link, in order of sending */
    struct sup_link redo; /* rolled back, to be run again once sent is empty */
    unsigned sent_count;
    bool in_block;   /* a SEGMENTS transaction is open: nothing else may be sent */
    bool draining;   /* to be made again once nothing is under way */
    unsigned setup;  /* number of the set-up answer that comes next */
    const char *why; /* not usable because; static; NULL: usable */
    char detail[160];
};

struct pg_pool_metrics {
    struct sup_metric *queue, *batch, *seconds, *poisoned, *deadlocks, *lost, *reconnects,
        *timeouts;
};

struct sup_pg_pool {
    struct sup_loop *loop;
    struct sup_pg_pool_opts opts; /* defaults filled in */
    char *conninfo;
    struct sup_signal changed;
    struct sup_link queue;     /* sup_pg_req::link, by seq */
    struct sup_link deadlines; /* sup_pg_req::by_deadline, earliest first */
    size_t live;
    uint64_t next_seq, scan;
    struct sup_map *keys; /* struct sup_id -> struct pg_key */
    struct sup_timer *flush, *deadline;
    struct pg_pool_metrics metrics;
    bool closed;
    bool was_ready;
    const char *was_reason;
    struct pg_conn *conns; /* opts.connections */
};

/* pool.c */
void pg_pool_flush_soon(struct sup_pg_pool *pool);
void pg_pool_state_changed(struct sup_pg_pool *pool);
size_t pg_pool_stmt_count(const struct sup_pg_pool *pool);
const struct sup_pg_stmt *pg_pool_stmt(const struct sup_pg_pool *pool, size_t n);

/* req.c */
/* Back into the queue at its place. */
void pg_req_requeue(struct sup_pg_req *req);
/* Leaves its batch, queue, key and deadline; calls back unless nobody waits; frees. */
void pg_req_finish(struct sup_pg_req *req, sup_err err);
/* As finish with the error of its result. */
void pg_req_finish_failed(struct sup_pg_req *req);
void pg_req_free(struct sup_pg_req *req); /* without calling back */
void pg_req_leave_batch(struct sup_pg_req *req);
void pg_req_on_deadline(void *pool);

/* batch.c */
/* Forms and sends batches while there are requests and free connections. */
void pg_batch_flush(struct sup_pg_pool *pool);
/* One answer of the oldest batch under way. Takes res. False: protocol broken, drop the link. */
bool pg_batch_take(struct pg_conn *conn, PGresult *res);
/* Runs the next redo batch of the connection if there is one and its turn has come. */
void pg_batch_redo(struct pg_conn *conn);
/* The connection is gone: requeues or fails everything. */
void pg_batch_lost(struct pg_conn *conn);
void pg_batch_free_all(struct pg_conn *conn); /* without calling back */

/* conn.c */
SUP_MUST_CHECK sup_err pg_conn_init(struct pg_conn *conn, struct sup_pg_pool *pool);
/* Ends the connection for good; what was under way goes back to the pool's queue or is answered. */
void pg_conn_abort(struct pg_conn *conn);
void pg_conn_fini(struct pg_conn *conn); /* safe on a zeroed struct */
bool pg_conn_usable(const struct pg_conn *conn);
#endif
