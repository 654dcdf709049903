/* SQL of calls: one function per statement of sql/functions/50-51.
 *
 * Layer:  call. Thread: the loop thread. Source: sql/README.md.
 * actor as in chat/chat_store.h. Errors: those of sup_pg_exec(). */
#ifndef SUPPORTD_CALL_CALL_STORE_H
#define SUPPORTD_CALL_CALL_STORE_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/pg/pool.h"

extern const struct sup_pg_stmt_table sup_call_stmts;

struct sup_call_start {
    struct sup_id call, client_key;
    struct sup_id chat; /* zero: the customer's open one, or new_chat */
    struct sup_id new_chat, entry, process;
    const char *request;
};
SUP_MUST_CHECK sup_err sup_call_store_start(struct sup_pg_pool *pool, const char *actor,
                                            const struct sup_call_start *start, sup_pg_cb cb,
                                            void *arg);

struct sup_call_transition {
    struct sup_id call;
    const char *expected, *next; /* states */
    const char *reason;          /* of an end; may be NULL */
    const char *request;
};
SUP_MUST_CHECK sup_err sup_call_store_transition(struct sup_pg_pool *pool, const char *actor,
                                                 const struct sup_call_transition *change,
                                                 sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_call_store_state(struct sup_pg_pool *pool, const char *actor,
                                            struct sup_id call, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_call_store_mine(struct sup_pg_pool *pool, const char *actor,
                                           struct sup_id before, int limit, sup_pg_cb cb,
                                           void *arg);
/* quality: {"customer": {"in": {...}, "out": {...}}, "agent": {...}}; borrowed. */
SUP_MUST_CHECK sup_err sup_call_store_summary(struct sup_pg_pool *pool, struct sup_id call,
                                              const json_t *quality, sup_pg_cb cb, void *arg);

enum {
    SUP_CALL_BATCH_MAX = 256,  /* rows of one statement */
    SUP_CALL_UNKNOWN = -32768, /* a number that was not measured */
};
/* Whose leg a row is about. */
enum sup_call_row { SUP_CALL_ROW_CUSTOMER, SUP_CALL_ROW_AGENT, SUP_CALL_ROW_PART };
struct sup_call_owner {
    struct sup_id call;
    struct sup_id part; /* SUP_CALL_ROW_PART: the row of support.call_parties; else zero */
};
/* One second of a leg, as support.call_samples() reads its numbers: in this order. */
struct sup_call_sample {
    int64_t at_us;
    int64_t leg; /* enum sup_call_row */
    int64_t rtt_us, level_dbov;
    int64_t flags; /* verdicts, SUP_VERDICT_* bits */
    struct sup_call_sample_dir {
        int64_t packets, lost, recovered, late, jitter_us;
        int64_t residual_pct100, burst100, mos100; /* hundredths */
    } in, out;
};
/* owners[i] is that of samples[i]; up to SUP_CALL_BATCH_MAX. What does not exist is skipped. */
SUP_MUST_CHECK sup_err sup_call_store_samples(struct sup_pg_pool *pool,
                                              const struct sup_call_owner *owners,
                                              const struct sup_call_sample *samples, size_t count,
                                              sup_pg_cb cb, void *arg);
/* A client's report, as support.call_client_put() reads its numbers: in this order. */
struct sup_call_client_row {
    int64_t at_us, leg, interval_ms, received, lost;
    int64_t discarded, samples, concealed, silent_concealed, sent;
    int64_t jitter_us, buffer_us, rtt_us, level_dbov, mic_dbov;
};
/* paths[i]: "host", "srflx", "prflx", "relay" or "". */
SUP_MUST_CHECK sup_err sup_call_store_client(struct sup_pg_pool *pool,
                                             const struct sup_call_owner *owners,
                                             const struct sup_call_client_row *rows,
                                             const char *const *paths, size_t count, sup_pg_cb cb,
                                             void *arg);
/* Which samples of a call come before; zero: all. */
struct sup_call_before {
    int64_t at_us;
    const char *leg; /* "agent", "barge", "consult", "customer", "listen" or "whisper" */
    bool in;
};
/* The newest samples of a call, newest first. */
SUP_MUST_CHECK sup_err sup_call_store_quality(struct sup_pg_pool *pool, const char *actor,
                                              struct sup_id call,
                                              const struct sup_call_before *before, int limit,
                                              sup_pg_cb cb, void *arg);
/* Reports of clients from (0: the first) to before (0: the last), newest first. */
SUP_MUST_CHECK sup_err sup_call_store_client_list(struct sup_pg_pool *pool, const char *actor,
                                                  struct sup_id call, int64_t from_us,
                                                  int64_t before_us, int limit, sup_pg_cb cb,
                                                  void *arg);
/* Ends the calls whose process is gone. */
SUP_MUST_CHECK sup_err sup_call_store_dead(struct sup_pg_pool *pool, sup_pg_cb cb, void *arg);
/* Records that actor signals to the call's process; refused (SD403, SD404) unless actor is a party
 * of the call: its customer, its staff member, or whom it is offered to. payload is borrowed. */
SUP_MUST_CHECK sup_err sup_call_store_signal(struct sup_pg_pool *pool, const char *actor,
                                             struct sup_id call, struct sup_id process,
                                             const char *kind, const json_t *payload, sup_pg_cb cb,
                                             void *arg);
#endif
