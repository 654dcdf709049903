#include "supportd/call/party_store.h"

enum { ASK, ACCEPT, TALK, COMPLETE, END, SUPERVISE, UNSUPERVISE, DROP, LIVE, MINE };

/* Each may be sent twice: the second time it finds what the first has done, and says so. */
static const struct sup_pg_stmt stmts[] = {
    [ASK] = {"consult_ask", "select * from support.consult_ask($1,$2,$3,$4,$5)", 5,
             SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [ACCEPT] = {"consult_accept", "select * from support.consult_accept($1,$2,$3)", 3,
                SUP_PG_RANK_CALL, SUP_PG_RETRY | SUP_PG_ALONE},
    [TALK] = {"consult_talk", "select * from support.consult_talk($1,$2,$3,$4)", 4,
              SUP_PG_RANK_CALL, SUP_PG_RETRY | SUP_PG_ALONE},
    [COMPLETE] = {"consult_complete", "select * from support.consult_complete($1,$2,$3,$4)", 4,
                  SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    [END] = {"consult_end", "select * from support.consult_end($1,$2,$3)", 3, SUP_PG_RANK_CALL,
             SUP_PG_RETRY | SUP_PG_ALONE},
    [SUPERVISE] = {"call_supervise", "select * from support.call_supervise($1,$2,$3,$4,$5)", 5,
                   SUP_PG_RANK_CALL, SUP_PG_RETRY | SUP_PG_ALONE},
    [UNSUPERVISE] = {"supervise_end", "select * from support.supervise_end($1,$2,$3)", 3,
                     SUP_PG_RANK_CALL, SUP_PG_RETRY | SUP_PG_ALONE},
    [DROP] = {"party_drop", "select * from support.party_drop($1,$2,$3)", 3, SUP_PG_RANK_CALL,
              SUP_PG_RETRY | SUP_PG_ALONE},
    [LIVE] = {"call_parties_live", "select * from support.call_parties_live($1,$2)", 2,
              SUP_PG_RANK_REST, SUP_PG_READ},
    [MINE] = {"parties_mine", "select * from support.parties_mine($1,$2)", 2, SUP_PG_RANK_REST,
              SUP_PG_READ},
};

const struct sup_pg_stmt_table sup_party_stmts = SUP_PG_TABLE(stmts);

#define MEDIA "system:media"

static const struct sup_id no_key;

static sup_err run(struct sup_pg_pool *pool, int stmt, struct sup_pg_params *params,
                   struct sup_id key, sup_pg_cb cb, void *arg)
{
    struct sup_pg_exec_opts opts = {.key = key};
    sup_err err = sup_pg_exec(pool, &stmts[stmt], params, &opts, cb, arg, NULL);
    sup_pg_params_fini(params);
    return err;
}

static struct sup_pg_params begin(const char *actor, struct sup_id call)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, call);
    return p;
}

sup_err sup_party_store_ask(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                            struct sup_id party, struct sup_id staff, const char *request,
                            sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = begin(actor, call);
    sup_pg_add_id(&p, party);
    sup_pg_add_id(&p, staff);
    sup_pg_add_text(&p, request);
    return run(pool, ASK, &p, call, cb, arg);
}

sup_err sup_party_store_accept(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                               const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = begin(actor, call);
    sup_pg_add_text(&p, request);
    return run(pool, ACCEPT, &p, call, cb, arg);
}

sup_err sup_party_store_talk(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                             const char *with, const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = begin(actor, call);
    sup_pg_add_text(&p, with);
    sup_pg_add_text(&p, request);
    return run(pool, TALK, &p, call, cb, arg);
}

sup_err sup_party_store_complete(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                                 struct sup_id transfer, const char *request, sup_pg_cb cb,
                                 void *arg)
{
    struct sup_pg_params p = begin(actor, call);
    sup_pg_add_id(&p, transfer);
    sup_pg_add_text(&p, request);
    return run(pool, COMPLETE, &p, call, cb, arg);
}

sup_err sup_party_store_end(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                            const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = begin(actor, call);
    sup_pg_add_text(&p, request);
    return run(pool, END, &p, call, cb, arg);
}

sup_err sup_party_store_supervise(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                                  struct sup_id party, const char *mode, const char *request,
                                  sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = begin(actor, call);
    sup_pg_add_id(&p, party);
    sup_pg_add_text(&p, mode);
    sup_pg_add_text(&p, request);
    return run(pool, SUPERVISE, &p, call, cb, arg);
}

sup_err sup_party_store_unsupervise(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                                    const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = begin(actor, call);
    sup_pg_add_text(&p, request);
    return run(pool, UNSUPERVISE, &p, call, cb, arg);
}

sup_err sup_party_store_drop(struct sup_pg_pool *pool, struct sup_id party, const char *reason,
                             sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = begin(MEDIA, party);
    sup_pg_add_text(&p, reason);
    return run(pool, DROP, &p, party, cb, arg);
}

sup_err sup_party_store_live(struct sup_pg_pool *pool, struct sup_id call, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = begin(MEDIA, call);
    return run(pool, LIVE, &p, no_key, cb, arg);
}

sup_err sup_party_store_mine(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                             sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id_or_null(&p, call);
    return run(pool, MINE, &p, no_key, cb, arg);
}
