#include "supportd/queue/queue_store.h"

enum {
    LEASES_EXPIRE,
    OFFERS_EXPIRE,
    TIMEOUTS,
    GRACE_EXPIRE,
    CALL_DEADLINES,
    NEXT_DEADLINE,
    ASSIGN,
    POSITIONS,
    OFFERS_MINE,
    ACCEPT,
    DECLINE,
    LIST,
    PICK,
    ROUTING,
    PRESENCE_SET,
    LEASE_ADD,
    LEASE_REMOVE,
    CONNECTED,
    PICTURES,
};

/* What takes locks of several kinds runs alone (sql/README.md, Locks). All writes may be sent
 * again: their outcome is a state that a repeat finds reached. */
static const struct sup_pg_stmt stmts[] = {
    [LEASES_EXPIRE] = {"leases_expire", "select * from support.leases_expire($1)", 1,
                       SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [OFFERS_EXPIRE] = {"offers_expire", "select * from support.offers_expire($1)", 1,
                       SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [TIMEOUTS] = {"queue_timeouts", "select * from support.queue_timeouts($1)", 1,
                  SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [GRACE_EXPIRE] = {"grace_expire", "select * from support.grace_expire($1)", 1,
                      SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [CALL_DEADLINES] = {"call_deadlines", "select * from support.call_deadlines($1)", 1,
                        SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [NEXT_DEADLINE] = {"queue_next_deadline", "select * from support.queue_next_deadline($1)", 1,
                       SUP_PG_RANK_REST, SUP_PG_READ},
    [ASSIGN] = {"queue_assign", "select * from support.queue_assign($1,$2)", 2, SUP_PG_RANK_ROUTER,
                SUP_PG_RETRY | SUP_PG_ALONE},
    [POSITIONS] = {"queue_positions", "select * from support.queue_positions($1,null)", 1,
                   SUP_PG_RANK_REST, SUP_PG_READ},
    [OFFERS_MINE] = {"offers_mine", "select * from support.offers_mine($1)", 1, SUP_PG_RANK_REST,
                     SUP_PG_READ},
    [ACCEPT] = {"offer_accept", "select * from support.offer_accept($1,$2,$3,$4)", 4,
                SUP_PG_RANK_STAFF, SUP_PG_RETRY | SUP_PG_ALONE},
    [DECLINE] = {"offer_decline", "select * from support.offer_decline($1,$2,$3)", 3,
                 SUP_PG_RANK_STAFF, SUP_PG_RETRY | SUP_PG_ALONE},
    [LIST] = {"queue_list", "select * from support.queue_list($1,$2)", 2, SUP_PG_RANK_REST,
              SUP_PG_READ},
    [PICK] = {"queue_pick", "select * from support.queue_pick($1,$2,$3,$4)", 4, SUP_PG_RANK_ROUTER,
              SUP_PG_RETRY | SUP_PG_ALONE},
    [ROUTING] = {"queue_routing", "select * from support.queue_routing($1,$2)", 2, SUP_PG_RANK_REST,
                 SUP_PG_READ},
    [PRESENCE_SET] = {"presence_set", "select * from support.presence_set($1,$2,$3,$4)", 4,
                      SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [LEASE_ADD] = {"lease_add", "select * from support.lease_add($1,$2,$3,$4)", 4,
                   SUP_PG_RANK_STAFF, SUP_PG_RETRY},
    [LEASE_REMOVE] = {"lease_remove", "select * from support.lease_remove($1,$2,$3)", 3,
                      SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [CONNECTED] = {"connected", "select * from support.connected($1,$2)", 2, SUP_PG_RANK_REST,
                   SUP_PG_READ},
    [PICTURES] = {"queue_pictures", "select * from support.queue_pictures($1,$2,$3)", 3,
                  SUP_PG_RANK_REST, SUP_PG_READ},
};

const struct sup_pg_stmt_table sup_queue_stmts = SUP_PG_TABLE(stmts);

static sup_err run(struct sup_pg_pool *pool, int stmt, struct sup_pg_params *params,
                   struct sup_id key, sup_pg_cb cb, void *arg)
{
    struct sup_pg_exec_opts opts = {.key = key};
    sup_err err = sup_pg_exec(pool, &stmts[stmt], params, &opts, cb, arg, NULL);
    sup_pg_params_fini(params);
    return err;
}

static const struct sup_id no_key;

sup_err sup_queue_store_round(struct sup_pg_pool *pool, enum sup_queue_round what, sup_pg_cb cb,
                              void *arg)
{
    static const int stmt_of[] = {
        [SUP_QUEUE_LEASES_EXPIRE] = LEASES_EXPIRE, [SUP_QUEUE_OFFERS_EXPIRE] = OFFERS_EXPIRE,
        [SUP_QUEUE_TIMEOUTS] = TIMEOUTS,           [SUP_QUEUE_GRACE_EXPIRE] = GRACE_EXPIRE,
        [SUP_QUEUE_NEXT_DEADLINE] = NEXT_DEADLINE, [SUP_QUEUE_CALL_DEADLINES] = CALL_DEADLINES,
    };
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, what == SUP_QUEUE_LEASES_EXPIRE ? "system:monitor" : "system:router");
    return run(pool, stmt_of[what], &p, no_key, cb, arg);
}

sup_err sup_queue_store_assign(struct sup_pg_pool *pool, int max, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:router");
    sup_pg_add_int(&p, max);
    return run(pool, ASSIGN, &p, no_key, cb, arg);
}

sup_err sup_queue_store_positions(struct sup_pg_pool *pool, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:router");
    return run(pool, POSITIONS, &p, no_key, cb, arg);
}

sup_err sup_queue_store_offers_mine(struct sup_pg_pool *pool, const char *actor, sup_pg_cb cb,
                                    void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    return run(pool, OFFERS_MINE, &p, no_key, cb, arg);
}

/* Functions of (actor, object, request). */
static sup_err run_object(struct sup_pg_pool *pool, int stmt, const char *actor,
                          struct sup_id object, const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, object);
    sup_pg_add_text(&p, request);
    return run(pool, stmt, &p, object, cb, arg);
}

/* As run_object(), with the process that owns the media of a call then. */
static sup_err run_taking(struct sup_pg_pool *pool, int stmt, const char *actor,
                          struct sup_id object, const char *request, struct sup_id process,
                          sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, object);
    sup_pg_add_text(&p, request);
    sup_pg_add_id_or_null(&p, process);
    return run(pool, stmt, &p, object, cb, arg);
}

sup_err sup_queue_store_accept(struct sup_pg_pool *pool, const char *actor, struct sup_id offer,
                               const char *request, struct sup_id process, sup_pg_cb cb, void *arg)
{
    return run_taking(pool, ACCEPT, actor, offer, request, process, cb, arg);
}

sup_err sup_queue_store_decline(struct sup_pg_pool *pool, const char *actor, struct sup_id offer,
                                const char *request, sup_pg_cb cb, void *arg)
{
    return run_object(pool, DECLINE, actor, offer, request, cb, arg);
}

sup_err sup_queue_store_pick(struct sup_pg_pool *pool, const char *actor, struct sup_id entry,
                             const char *request, struct sup_id process, sup_pg_cb cb, void *arg)
{
    return run_taking(pool, PICK, actor, entry, request, process, cb, arg);
}

sup_err sup_queue_store_list(struct sup_pg_pool *pool, const char *actor, int limit, sup_pg_cb cb,
                             void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_int(&p, limit);
    return run(pool, LIST, &p, no_key, cb, arg);
}

sup_err sup_queue_store_routing(struct sup_pg_pool *pool, const char *actor, struct sup_id chat,
                                sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, chat);
    return run(pool, ROUTING, &p, no_key, cb, arg);
}

sup_err sup_queue_store_presence_set(struct sup_pg_pool *pool, const char *actor,
                                     const char *chosen, const char *request, sup_pg_cb cb,
                                     void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_text(&p, chosen);
    sup_pg_add_null(&p);
    sup_pg_add_text(&p, request);
    return run(pool, PRESENCE_SET, &p, no_key, cb, arg);
}

sup_err sup_queue_store_lease_add(struct sup_pg_pool *pool, struct sup_id process,
                                  int64_t connection, const char *subject, struct sup_id person,
                                  sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:monitor");
    sup_pg_add_id(&p, process);
    sup_pg_add_int(&p, connection);
    sup_pg_add_text(&p, subject);
    return run(pool, LEASE_ADD, &p, person, cb, arg);
}

sup_err sup_queue_store_lease_remove(struct sup_pg_pool *pool, struct sup_id process,
                                     int64_t connection, struct sup_id person, sup_pg_cb cb,
                                     void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:monitor");
    sup_pg_add_id(&p, process);
    sup_pg_add_int(&p, connection);
    return run(pool, LEASE_REMOVE, &p, person, cb, arg);
}

sup_err sup_queue_store_pictures(struct sup_pg_pool *pool, const struct sup_id *staff, size_t count,
                                 int limit, sup_pg_cb cb, void *arg)
{
    if (count > SUP_QUEUE_VIEWERS_MAX)
        return SUP_E_LIMIT;
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:router");
    sup_pg_add_ids(&p, staff, count);
    sup_pg_add_int(&p, limit);
    return run(pool, PICTURES, &p, no_key, cb, arg);
}

sup_err sup_queue_store_connected(struct sup_pg_pool *pool, const char *const *subjects,
                                  size_t count, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:monitor");
    sup_pg_add_texts(&p, subjects, count);
    return run(pool, CONNECTED, &p, no_key, cb, arg);
}
