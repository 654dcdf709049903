/* SQL of a call's life: one function per statement of sql/functions/54_call_life.sql, and
 * offer_auto_answer, wrap_extend, wrap_end, presence_set_auto_answer.
 *
 * Layer:  call. Thread: the loop thread. Source: sql/README.md.
 * actor as in chat/chat_store.h. Errors: those of sup_pg_exec(). */
#ifndef SUPPORTD_CALL_CALL_LIFE_STORE_H
#define SUPPORTD_CALL_CALL_LIFE_STORE_H
#include <stdbool.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/pg/pool.h"

extern const struct sup_pg_stmt_table sup_call_life_stmts;

struct sup_call_transfer {
    struct sup_id call, transfer;
    const char *kind;          /* "staff", "team", "skill" */
    struct sup_id staff, team; /* the one that kind names; the others zero */
    const char *skill;
    const char *note; /* masked; NULL: none */
    const char *request;
};
SUP_MUST_CHECK sup_err sup_call_life_store_transfer(struct sup_pg_pool *pool, const char *actor,
                                                    const struct sup_call_transfer *transfer,
                                                    sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_call_life_store_targets(struct sup_pg_pool *pool, const char *actor,
                                                   sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_call_life_store_callback(struct sup_pg_pool *pool, const char *actor,
                                                    struct sup_id call, const char *request,
                                                    sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_call_life_store_ring(struct sup_pg_pool *pool, const char *actor,
                                                struct sup_id call, const char *request,
                                                sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_call_life_store_answer(struct sup_pg_pool *pool, const char *actor,
                                                  struct sup_id call, bool take,
                                                  const char *request, sup_pg_cb cb, void *arg);
/* As system:media, of the calls whose media is in process. */
SUP_MUST_CHECK sup_err sup_call_life_store_away(struct sup_pg_pool *pool, struct sup_id call,
                                                struct sup_id process, bool away, sup_pg_cb cb,
                                                void *arg);
/* comment: masked; NULL: none. */
SUP_MUST_CHECK sup_err sup_call_life_store_rate(struct sup_pg_pool *pool, const char *actor,
                                                struct sup_id call, int score, const char *comment,
                                                const char *request, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_call_life_store_missed(struct sup_pg_pool *pool, const char *actor,
                                                  struct sup_id before, int limit,
                                                  const char *request, sup_pg_cb cb, void *arg);
/* Calls that the actor may supervise now: rows of calls_live. */
SUP_MUST_CHECK sup_err sup_call_life_store_team(struct sup_pg_pool *pool, const char *actor,
                                                int limit, sup_pg_cb cb, void *arg);
/* The live call of a customer, or the newest one of a member of staff: a row of calls_mine. */
SUP_MUST_CHECK sup_err sup_call_life_store_live(struct sup_pg_pool *pool, const char *actor,
                                                sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_call_life_store_auto_accept(struct sup_pg_pool *pool, const char *actor,
                                                       struct sup_id call, struct sup_id process,
                                                       sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_call_life_store_auto_answer(struct sup_pg_pool *pool, const char *actor,
                                                       bool on, const char *request, sup_pg_cb cb,
                                                       void *arg);
SUP_MUST_CHECK sup_err sup_call_life_store_wrap_extend(struct sup_pg_pool *pool, const char *actor,
                                                       int64_t extend_ms, const char *request,
                                                       sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_call_life_store_wrap_end(struct sup_pg_pool *pool, const char *actor,
                                                    const char *request, sup_pg_cb cb, void *arg);
#endif
