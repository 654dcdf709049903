/* SQL of consultation and supervision: one function per statement of sql/functions/52.
 *
 * Layer:  call. Thread: the loop thread. Source: sql/README.md.
 * actor as in chat/chat_store.h. Errors: those of sup_pg_exec(). */
#ifndef SUPPORTD_CALL_PARTY_STORE_H
#define SUPPORTD_CALL_PARTY_STORE_H
#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/pg/pool.h"

extern const struct sup_pg_stmt_table sup_party_stmts;

SUP_MUST_CHECK sup_err sup_party_store_ask(struct sup_pg_pool *pool, const char *actor,
                                           struct sup_id call, struct sup_id party,
                                           struct sup_id staff, const char *request, sup_pg_cb cb,
                                           void *arg);
SUP_MUST_CHECK sup_err sup_party_store_accept(struct sup_pg_pool *pool, const char *actor,
                                              struct sup_id call, const char *request, sup_pg_cb cb,
                                              void *arg);
/* with: "colleague", "customer", "all". */
SUP_MUST_CHECK sup_err sup_party_store_talk(struct sup_pg_pool *pool, const char *actor,
                                            struct sup_id call, const char *with,
                                            const char *request, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_party_store_complete(struct sup_pg_pool *pool, const char *actor,
                                                struct sup_id call, struct sup_id transfer,
                                                const char *request, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_party_store_end(struct sup_pg_pool *pool, const char *actor,
                                           struct sup_id call, const char *request, sup_pg_cb cb,
                                           void *arg);
/* mode: "listen", "whisper", "barge". */
SUP_MUST_CHECK sup_err sup_party_store_supervise(struct sup_pg_pool *pool, const char *actor,
                                                 struct sup_id call, struct sup_id party,
                                                 const char *mode, const char *request,
                                                 sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_party_store_unsupervise(struct sup_pg_pool *pool, const char *actor,
                                                   struct sup_id call, const char *request,
                                                   sup_pg_cb cb, void *arg);
/* By the media side. reason: a code of docs/protocol.md, "missed" only past the deadline. */
SUP_MUST_CHECK sup_err sup_party_store_drop(struct sup_pg_pool *pool, struct sup_id party,
                                            const char *reason, sup_pg_cb cb, void *arg);
/* The parts in a call, by the media side. */
SUP_MUST_CHECK sup_err sup_party_store_live(struct sup_pg_pool *pool, struct sup_id call,
                                            sup_pg_cb cb, void *arg);
/* call zero: all that last; else the newest in that call. */
SUP_MUST_CHECK sup_err sup_party_store_mine(struct sup_pg_pool *pool, const char *actor,
                                            struct sup_id call, sup_pg_cb cb, void *arg);
#endif
