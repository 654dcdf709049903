#include "supportd/call/call_life_store.h"

#include <string.h>

enum {
    TRANSFER,
    TARGETS,
    CALLBACK,
    RING,
    ANSWER,
    AWAY,
    RATE,
    MISSED,
    TEAM,
    LIVE,
    AUTO_ACCEPT,
    AUTO_ANSWER,
    WRAP_EXTEND,
    WRAP_END,
};

/* A repeat finds the state reached: "repeat", "same", or nothing more to do. What
 * counts (wrap_extend, ring) is not repeated. */
static const struct sup_pg_stmt stmts[] = {
    [TRANSFER] = {"call_transfer",
                  "select * from support.call_transfer($1,$2,$3,$4,$5,$6,$7,$8,$9)", 9,
                  SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [TARGETS] = {"transfer_targets", "select * from support.transfer_targets($1)", 1,
                 SUP_PG_RANK_REST, SUP_PG_READ},
    [CALLBACK] = {"call_callback", "select * from support.call_callback($1,$2,$3)", 3,
                  SUP_PG_RANK_ENTRY, SUP_PG_RETRY | SUP_PG_ALONE},
    [RING] = {"callback_ring", "select * from support.callback_ring($1,$2,$3)", 3, SUP_PG_RANK_CALL,
              SUP_PG_ALONE},
    [ANSWER] = {"callback_answer", "select * from support.callback_answer($1,$2,$3,$4)", 4,
                SUP_PG_RANK_STAFF, SUP_PG_RETRY | SUP_PG_ALONE},
    [AWAY] = {"call_away", "select * from support.call_away($1,$2,$3,$4)", 4, SUP_PG_RANK_ENTRY,
              SUP_PG_RETRY | SUP_PG_ALONE},
    [RATE] = {"call_rate", "select * from support.call_rate($1,$2,$3,$4,$5)", 5, SUP_PG_RANK_CALL,
              SUP_PG_RETRY | SUP_PG_ALONE},
    [MISSED] = {"calls_missed", "select * from support.calls_missed($1,$2,$3,$4)", 4,
                SUP_PG_RANK_REST, SUP_PG_RETRY},
    [TEAM] = {"calls_live", "select * from support.calls_live($1,$2)", 2, SUP_PG_RANK_REST,
              SUP_PG_READ},
    [LIVE] = {"calls_live_mine", "select * from support.calls_mine($1,true,null,1)", 1,
              SUP_PG_RANK_REST, SUP_PG_READ},
    [AUTO_ACCEPT] = {"offer_auto_answer", "select * from support.offer_auto_answer($1,$2,null,$3)",
                     3, SUP_PG_RANK_STAFF, SUP_PG_RETRY | SUP_PG_ALONE},
    [AUTO_ANSWER] = {"presence_set_auto_answer",
                     "select * from support.presence_set_auto_answer($1,$2,$3)", 3,
                     SUP_PG_RANK_STAFF, SUP_PG_RETRY | SUP_PG_ALONE},
    [WRAP_EXTEND] = {"wrap_extend", "select * from support.wrap_extend($1,$2,$3)", 3,
                     SUP_PG_RANK_STAFF, SUP_PG_ALONE},
    [WRAP_END] = {"wrap_end", "select * from support.wrap_end($1,$2)", 2, SUP_PG_RANK_STAFF,
                  SUP_PG_RETRY | SUP_PG_ALONE},
};

const struct sup_pg_stmt_table sup_call_life_stmts = SUP_PG_TABLE(stmts);

static sup_err run(struct sup_pg_pool *pool, int stmt, struct sup_pg_params *params,
                   struct sup_id key, sup_pg_cb cb, void *arg)
{
    struct sup_pg_exec_opts opts = {.key = key};
    sup_err err = sup_pg_exec(pool, &stmts[stmt], params, &opts, cb, arg, NULL);
    sup_pg_params_fini(params);
    return err;
}

static const struct sup_id no_key;

static sup_err run_call(struct sup_pg_pool *pool, int stmt, const char *actor, struct sup_id call,
                        const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, call);
    sup_pg_add_text(&p, request);
    return run(pool, stmt, &p, call, cb, arg);
}

sup_err sup_call_life_store_transfer(struct sup_pg_pool *pool, const char *actor,
                                     const struct sup_call_transfer *transfer, sup_pg_cb cb,
                                     void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, transfer->call);
    sup_pg_add_id(&p, transfer->transfer);
    sup_pg_add_text(&p, transfer->kind);
    sup_pg_add_id_or_null(&p, transfer->staff);
    sup_pg_add_id_or_null(&p, transfer->team);
    sup_pg_add_text(&p, transfer->skill);
    sup_pg_add_text(&p, transfer->note);
    sup_pg_add_text(&p, transfer->request);
    return run(pool, TRANSFER, &p, transfer->call, cb, arg);
}

sup_err sup_call_life_store_targets(struct sup_pg_pool *pool, const char *actor, sup_pg_cb cb,
                                    void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    return run(pool, TARGETS, &p, no_key, cb, arg);
}

sup_err sup_call_life_store_callback(struct sup_pg_pool *pool, const char *actor,
                                     struct sup_id call, const char *request, sup_pg_cb cb,
                                     void *arg)
{
    return run_call(pool, CALLBACK, actor, call, request, cb, arg);
}

sup_err sup_call_life_store_ring(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                                 const char *request, sup_pg_cb cb, void *arg)
{
    return run_call(pool, RING, actor, call, request, cb, arg);
}

sup_err sup_call_life_store_answer(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                                   bool take, const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, call);
    sup_pg_add_bool(&p, take);
    sup_pg_add_text(&p, request);
    return run(pool, ANSWER, &p, call, cb, arg);
}

sup_err sup_call_life_store_away(struct sup_pg_pool *pool, struct sup_id call,
                                 struct sup_id process, bool away, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:media");
    sup_pg_add_id(&p, call);
    sup_pg_add_id(&p, process);
    sup_pg_add_bool(&p, away);
    return run(pool, AWAY, &p, call, cb, arg);
}

sup_err sup_call_life_store_rate(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                                 int score, const char *comment, const char *request, sup_pg_cb cb,
                                 void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, call);
    sup_pg_add_int(&p, score);
    sup_pg_add_text(&p, comment);
    sup_pg_add_text(&p, request);
    return run(pool, RATE, &p, call, cb, arg);
}

sup_err sup_call_life_store_missed(struct sup_pg_pool *pool, const char *actor,
                                   struct sup_id before, int limit, const char *request,
                                   sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id_or_null(&p, before);
    sup_pg_add_int(&p, limit);
    sup_pg_add_text(&p, request);
    return run(pool, MISSED, &p, no_key, cb, arg);
}

sup_err sup_call_life_store_team(struct sup_pg_pool *pool, const char *actor, int limit,
                                 sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_int(&p, limit);
    return run(pool, TEAM, &p, no_key, cb, arg);
}

sup_err sup_call_life_store_live(struct sup_pg_pool *pool, const char *actor, sup_pg_cb cb,
                                 void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    return run(pool, LIVE, &p, no_key, cb, arg);
}

sup_err sup_call_life_store_auto_accept(struct sup_pg_pool *pool, const char *actor,
                                        struct sup_id call, struct sup_id process, sup_pg_cb cb,
                                        void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, call);
    sup_pg_add_id(&p, process);
    return run(pool, AUTO_ACCEPT, &p, call, cb, arg);
}

sup_err sup_call_life_store_auto_answer(struct sup_pg_pool *pool, const char *actor, bool on,
                                        const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_bool(&p, on);
    sup_pg_add_text(&p, request);
    return run(pool, AUTO_ANSWER, &p, no_key, cb, arg);
}

sup_err sup_call_life_store_wrap_extend(struct sup_pg_pool *pool, const char *actor,
                                        int64_t extend_ms, const char *request, sup_pg_cb cb,
                                        void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_int(&p, extend_ms);
    sup_pg_add_text(&p, request);
    return run(pool, WRAP_EXTEND, &p, no_key, cb, arg);
}

sup_err sup_call_life_store_wrap_end(struct sup_pg_pool *pool, const char *actor,
                                     const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_text(&p, request);
    return run(pool, WRAP_END, &p, no_key, cb, arg);
}
