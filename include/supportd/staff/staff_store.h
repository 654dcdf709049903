/* SQL of people: customers, staff, their sessions, settings and the audit list.
 *
 * Layer:  staff. Thread: the loop thread. Source: sql/README.md (20, 21, 60, 70).
 * actor as in chat/chat_store.h; look-ups act as system:auth. Errors: those of sup_pg_exec(). */
#ifndef SUPPORTD_STAFF_STAFF_STORE_H
#define SUPPORTD_STAFF_STAFF_STORE_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "supportd/auth/session.h"
#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/pg/pool.h"

extern const struct sup_pg_stmt_table sup_staff_stmts;

struct sup_customer_claims {
    const char *issuer, *subject;
    const char *name, *email, *language; /* NULL: leave what is there */
};
SUP_MUST_CHECK sup_err sup_staff_store_customer(struct sup_pg_pool *pool,
                                                const struct sup_customer_claims *claims,
                                                const char *request, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_by_subject(struct sup_pg_pool *pool, const char *issuer,
                                                  const char *subject, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_login_lookup(struct sup_pg_pool *pool, const char *email,
                                                    sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_login_result(struct sup_pg_pool *pool, struct sup_id staff,
                                                    bool ok, const char *request, sup_pg_cb cb,
                                                    void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_session_create(struct sup_pg_pool *pool, struct sup_id staff,
                                                      const uint8_t token[SUP_TOKEN_HASH_LEN],
                                                      const uint8_t csrf[SUP_TOKEN_HASH_LEN],
                                                      const char *request, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_session_lookup(struct sup_pg_pool *pool,
                                                      const uint8_t token[SUP_TOKEN_HASH_LEN],
                                                      sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_session_delete(struct sup_pg_pool *pool,
                                                      const uint8_t token[SUP_TOKEN_HASH_LEN],
                                                      const char *request, sup_pg_cb cb, void *arg);

SUP_MUST_CHECK sup_err sup_staff_store_me(struct sup_pg_pool *pool, const char *actor, sup_pg_cb cb,
                                          void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_list(struct sup_pg_pool *pool, const char *actor,
                                            sup_pg_cb cb, void *arg);
struct sup_staff_new {
    struct sup_id id;
    const char *email, *name, *role;
    const char *password_hash;    /* argon2id; NULL: the bank's login only */
    const char *issuer, *subject; /* of the bank's login; may be NULL */
    const char *request;
};
SUP_MUST_CHECK sup_err sup_staff_store_create(struct sup_pg_pool *pool, const char *actor,
                                              const struct sup_staff_new *staff, sup_pg_cb cb,
                                              void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_set_role(struct sup_pg_pool *pool, const char *actor,
                                                struct sup_id staff, const char *role,
                                                const char *request, sup_pg_cb cb, void *arg);
/* Of oneself, or as sup_staff_store_create(); ends all sessions of that member. */
SUP_MUST_CHECK sup_err sup_staff_store_set_password(struct sup_pg_pool *pool, const char *actor,
                                                    struct sup_id staff, const char *hash,
                                                    const char *request, sup_pg_cb cb, void *arg);
/* The card of a customer; no row: not seen by the actor. */
SUP_MUST_CHECK sup_err sup_staff_store_customer_get(struct sup_pg_pool *pool, const char *actor,
                                                    struct sup_id customer, const char *request,
                                                    sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_deactivate(struct sup_pg_pool *pool, const char *actor,
                                                  struct sup_id staff, const char *request,
                                                  sup_pg_cb cb, void *arg);

/* The audit row of a refused attempt; subject may be zero. */
SUP_MUST_CHECK sup_err sup_staff_store_denied(struct sup_pg_pool *pool, const char *actor,
                                              const char *action, const char *reason,
                                              const char *request, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_audit_list(struct sup_pg_pool *pool, const char *actor,
                                                  int64_t before, int limit, sup_pg_cb cb,
                                                  void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_settings(struct sup_pg_pool *pool, const char *actor,
                                                sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_staff_store_setting_set(struct sup_pg_pool *pool, const char *actor,
                                                   const char *key, const json_t *value,
                                                   const char *request, sup_pg_cb cb, void *arg);
/* What must be done now and then, by any process: partitions of messages ahead of time, sessions
 * that have expired, signaling that nobody took. */
enum sup_staff_upkeep { SUP_UPKEEP_PARTITIONS, SUP_UPKEEP_SESSIONS, SUP_UPKEEP_SIGNALS };
SUP_MUST_CHECK sup_err sup_staff_store_upkeep(struct sup_pg_pool *pool, enum sup_staff_upkeep what,
                                              sup_pg_cb cb, void *arg);
#endif
