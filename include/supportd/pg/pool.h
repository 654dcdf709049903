/* Pool of pipelined PostgreSQL connections.
 *
 * Layer:  pg. Thread: the loop thread.
 * Source: DESIGN (libpq), libpq documentation 34.5 (pipeline mode).
 *
 * Requests that wait are sent as one batch (at most 128, one sync, so one transaction) whenever a
 * connection has fewer than two syncs outstanding. Inside a batch they stand in lock order: rank,
 * key, then order of sup_pg_exec(). Requests of one key keep their order and are never under way on
 * two connections or in two batches at once. Nothing is delivered before its transaction has
 * committed. When one request fails, the batch is repeated with a savepoint around each, so that
 * the others succeed. Deadlocks and serialization failures are repeated and counted.
 *
 * A lost connection is made again with back-off; what was under way and is READ or RETRY is sent
 * again, the rest fails. Requests not sent yet wait for a connection until their deadline. */
#ifndef SUPPORTD_PG_POOL_H
#define SUPPORTD_PG_POOL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/base/signal.h"
#include "supportd/loop/loop.h"
#include "supportd/metrics/metrics.h"
#include "supportd/pg/params.h"
#include "supportd/pg/result.h"
#include "supportd/pg/stmt.h"

struct sup_pg_pool; /* opaque */
struct sup_pg_req;  /* opaque; one request under way */

struct sup_pg_pool_opts {
    const char *conninfo;                          /* libpq connection string or URI; copied */
    const struct sup_pg_stmt_table *const *tables; /* NULL-terminated; kept (static) */
    struct sup_metrics *metrics;                   /* kept; may be NULL */
    const char *name;              /* metric label and application_name; kept; NULL: "main" */
    unsigned connections;          /* 1..16; 0: 3 */
    unsigned queue_limit;          /* requests waiting or under way; 0: 8192 */
    uint64_t timeout_us;           /* deadline of a request; 0: 10 s */
    uint32_t statement_timeout_ms; /* the server's own; 0: 4000 */
    uint64_t connect_timeout_us;   /* 0: 5 s */
    uint64_t stall_us;             /* a batch without answer: connection given up; 0: 20 s */
    /* Commits need not reach the disk (synchronous_commit = off): for NOTIFY only. */
    bool async_commit;
    /* Tests and owner tools: accept roles that bypass row level security. */
    bool allow_any_role;
};

struct sup_pg_reply {
    /* SUP_OK; SUP_E_DB (the statement failed: sqlstate is set); SUP_E_TIMEOUT (deadline, or the
     * server's statement_timeout: then sqlstate is 57014); SUP_E_CLOSED (connection lost under a
     * request that may not be repeated). After TIMEOUT without sqlstate and after CLOSED a write
     * may or may not have been done. */
    sup_err err;
    struct sup_pg_result *rows; /* NULL unless err is SUP_OK */
    const char *sqlstate;       /* 5 characters, or "" */
    /* MESSAGE of the exception where it is a bare snake_case word (raise exception using message =
     * 'chat_closed'), else "": server texts may quote values. */
    const char *code;
    const char *constraint; /* name of the violated constraint, or "" */
};

/* reply is borrowed for the call. May call anything but sup_pg_pool_destroy(). */
typedef void (*sup_pg_cb)(const struct sup_pg_reply *reply, void *arg);

struct sup_pg_exec_opts {
    struct sup_id key;   /* the object that is locked first (chat, call ...); zero: none */
    uint64_t timeout_us; /* 0: the pool's */
};

/* Connects in the background; opts is copied. *ret_pool is owned.
 * Errors: SUP_E_INVAL (connection string, table, number out of range, two statements of one name),
 * SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_pg_pool_create(struct sup_loop *loop,
                                          const struct sup_pg_pool_opts *opts,
                                          struct sup_pg_pool **ret_pool);
/* Drops requests under way without calling back, closes. NULL is a no-op. Not from a sup_pg_cb. */
void sup_pg_pool_destroy(struct sup_pg_pool *pool);
/* From now on sup_pg_exec() returns SUP_E_CLOSED; what is under way goes on. */
void sup_pg_pool_close(struct sup_pg_pool *pool);
/* As close, and answers all that waits or is under way with SUP_E_CLOSED, before it returns; the
 * outcome of what was under way is unknown. For the stop, while those who asked are still there.
 * Not from a sup_pg_cb. */
void sup_pg_pool_abort(struct sup_pg_pool *pool);
/* Requests waiting or under way. */
size_t sup_pg_pool_pending(const struct sup_pg_pool *pool);

/* True while at least one connection is usable and the server may be trusted to keep what it
 * commits: version 15 or later, not a standby, fsync, full_page_writes and synchronous_commit on;
 * the role neither superuser nor BYPASSRLS; every statement prepares. *ret_reason (may be NULL) is
 * a snake_case word, static: "connecting", "unreachable", "login_refused", "server_too_old",
 * "standby", "fsync_off", "full_page_writes_off", "synchronous_commit_off", "role_bypasses_rls",
 * "statement_not_prepared"; "" when ready. */
bool sup_pg_pool_ready(const struct sup_pg_pool *pool, const char **ret_reason);
/* More about the reason, "" when there is nothing to say: the statement's name and SQLSTATE, or the
 * client library's text. For the log; borrowed until the next pass of the loop. */
const char *sup_pg_pool_detail(const struct sup_pg_pool *pool);
/* Emitted with data NULL whenever the answer of sup_pg_pool_ready() has changed. Borrowed. */
struct sup_signal *sup_pg_pool_changed(struct sup_pg_pool *pool);

/* Queues one registered statement. stmt is kept (static); params and opts (may be NULL) are copied.
 * cb runs exactly once on the loop thread, never before this call returns. *ret_req (ret_req may be
 * NULL) is borrowed until cb has run or it is cancelled.
 * Errors now (cb never runs): SUP_E_LIMIT (queue full), SUP_E_CLOSED, SUP_E_NOMEM, SUP_E_INVAL
 * (statement of another pool, wrong number of parameters), and the sticky one of params. */
SUP_MUST_CHECK sup_err sup_pg_exec(struct sup_pg_pool *pool, const struct sup_pg_stmt *stmt,
                                   const struct sup_pg_params *params,
                                   const struct sup_pg_exec_opts *opts, sup_pg_cb cb, void *arg,
                                   struct sup_pg_req **ret_req);
/* cb never runs and arg is not touched again. What was already sent may still be done. */
void sup_pg_req_cancel(struct sup_pg_req *req);
#endif
