/* SQL of the queue, offers and presence: one function per statement of sql/functions/40-43.
 *
 * Layer:  queue. Thread: the loop thread. Source: sql/README.md.
 * actor as in chat/chat_store.h. Errors: those of sup_pg_exec(). */
#ifndef SUPPORTD_QUEUE_QUEUE_STORE_H
#define SUPPORTD_QUEUE_QUEUE_STORE_H
#include <stdbool.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/pg/pool.h"

extern const struct sup_pg_stmt_table sup_queue_stmts;

/* Work of the router; all as system:router, or system:monitor for leases. */
enum sup_queue_round {
    SUP_QUEUE_LEASES_EXPIRE,
    SUP_QUEUE_OFFERS_EXPIRE,
    SUP_QUEUE_TIMEOUTS,
    SUP_QUEUE_GRACE_EXPIRE,
    SUP_QUEUE_CALL_DEADLINES,
    SUP_QUEUE_NEXT_DEADLINE,
};
SUP_MUST_CHECK sup_err sup_queue_store_round(struct sup_pg_pool *pool, enum sup_queue_round what,
                                             sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_queue_store_assign(struct sup_pg_pool *pool, int max, sup_pg_cb cb,
                                              void *arg);
SUP_MUST_CHECK sup_err sup_queue_store_positions(struct sup_pg_pool *pool, sup_pg_cb cb, void *arg);

SUP_MUST_CHECK sup_err sup_queue_store_offers_mine(struct sup_pg_pool *pool, const char *actor,
                                                   sup_pg_cb cb, void *arg);
/* process owns the media of a callback from here on, and of a call whose process is gone. */
SUP_MUST_CHECK sup_err sup_queue_store_accept(struct sup_pg_pool *pool, const char *actor,
                                              struct sup_id offer, const char *request,
                                              struct sup_id process, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_queue_store_decline(struct sup_pg_pool *pool, const char *actor,
                                               struct sup_id offer, const char *request,
                                               sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_queue_store_list(struct sup_pg_pool *pool, const char *actor, int limit,
                                            sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_queue_store_pick(struct sup_pg_pool *pool, const char *actor,
                                            struct sup_id entry, const char *request,
                                            struct sup_id process, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_queue_store_routing(struct sup_pg_pool *pool, const char *actor,
                                               struct sup_id chat, sup_pg_cb cb, void *arg);

SUP_MUST_CHECK sup_err sup_queue_store_presence_set(struct sup_pg_pool *pool, const char *actor,
                                                    const char *chosen, const char *request,
                                                    sup_pg_cb cb, void *arg);
/* subject: "staff:<uuid>" or "customer:<uuid>", with the id person. The person is the key: leases
 * of one keep their order, and those of a batch lock staff in the order of their ids. */
SUP_MUST_CHECK sup_err sup_queue_store_lease_add(struct sup_pg_pool *pool, struct sup_id process,
                                                 int64_t connection, const char *subject,
                                                 struct sup_id person, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_queue_store_lease_remove(struct sup_pg_pool *pool, struct sup_id process,
                                                    int64_t connection, struct sup_id person,
                                                    sup_pg_cb cb, void *arg);
/* Who waits, as each of staff[count] (at most SUP_QUEUE_VIEWERS_MAX) sees it: rows of all who see
 * the same come once. */
enum { SUP_QUEUE_VIEWERS_MAX = 1000 };
SUP_MUST_CHECK sup_err sup_queue_store_pictures(struct sup_pg_pool *pool,
                                                const struct sup_id *staff, size_t count, int limit,
                                                sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_queue_store_connected(struct sup_pg_pool *pool,
                                                 const char *const *subjects, size_t count,
                                                 sup_pg_cb cb, void *arg);
#endif
