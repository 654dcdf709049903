#include "supportd/call/call_store.h"

enum {
    START,
    TRANSITION,
    STATE,
    MINE,
    SUMMARY,
    SAMPLES,
    CLIENT_PUT,
    DEAD,
    SIGNAL,
    QUALITY,
    CLIENT
};

static const struct sup_pg_stmt stmts[] = {
    [START] = {"call_start", "select * from support.call_start($1,$2,$3,$4,$5,$6,$7,$8)", 8,
               SUP_PG_RANK_CHAT, SUP_PG_RETRY | SUP_PG_ALONE},
    /* Sent twice it is stale the second time, and the row tells the state it is in. */
    [TRANSITION] = {"call_transition",
                    "select * from support.call_transition($1,$2,$3,$4,$5,$6,$7)", 7,
                    SUP_PG_RANK_STAFF, SUP_PG_RETRY | SUP_PG_ALONE},
    [STATE] = {"call_state", "select * from support.call_state($1,$2)", 2, SUP_PG_RANK_REST,
               SUP_PG_READ},
    [MINE] = {"calls_mine", "select * from support.calls_mine($1,null,$2,$3)", 3, SUP_PG_RANK_REST,
              SUP_PG_READ},
    [SUMMARY] = {"call_summary", "select * from support.call_summary($1,$2,$3)", 3,
                 SUP_PG_RANK_CALL, SUP_PG_RETRY | SUP_PG_ALONE},
    /* Alone: rows of many calls, whose keys are locked in their order. */
    [SAMPLES] = {"call_samples", "select * from support.call_samples($1,$2,$3)", 3,
                 SUP_PG_RANK_CALL, SUP_PG_RETRY | SUP_PG_ALONE},
    [CLIENT_PUT] = {"call_client_put", "select * from support.call_client_put($1,$2,$3,$4)", 4,
                    SUP_PG_RANK_CALL, SUP_PG_RETRY | SUP_PG_ALONE},
    [DEAD] = {"calls_of_dead_process", "select * from support.calls_of_dead_process($1)", 1,
              SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    /* A second row of the same signal is harmless: rows are gone after 10 minutes. */
    [SIGNAL] = {"signal_put", "select * from support.signal_put($1,$2,$3,$4,$5)", 5,
                SUP_PG_RANK_REST, SUP_PG_RETRY},
    [QUALITY] = {"call_quality", "select * from support.call_quality($1,$2,$3,$4,$5,$6)", 6,
                 SUP_PG_RANK_REST, SUP_PG_READ},
    [CLIENT] = {"call_client", "select * from support.call_client($1,$2,$3,$4,$5)", 5,
                SUP_PG_RANK_REST, SUP_PG_READ},
};

const struct sup_pg_stmt_table sup_call_stmts = SUP_PG_TABLE(stmts);

#define MEDIA "system:media"

static sup_err run(struct sup_pg_pool *pool, int stmt, struct sup_pg_params *params,
                   struct sup_id key, sup_pg_cb cb, void *arg)
{
    struct sup_pg_exec_opts opts = {.key = key};
    sup_err err = sup_pg_exec(pool, &stmts[stmt], params, &opts, cb, arg, NULL);
    sup_pg_params_fini(params);
    return err;
}

static const struct sup_id no_key;

sup_err sup_call_store_start(struct sup_pg_pool *pool, const char *actor,
                             const struct sup_call_start *start, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, start->call);
    sup_pg_add_id(&p, start->client_key);
    sup_pg_add_id_or_null(&p, start->chat);
    sup_pg_add_id(&p, start->new_chat);
    sup_pg_add_id(&p, start->entry);
    sup_pg_add_id(&p, start->process);
    sup_pg_add_text(&p, start->request);
    return run(pool, START, &p, start->new_chat, cb, arg);
}

sup_err sup_call_store_transition(struct sup_pg_pool *pool, const char *actor,
                                  const struct sup_call_transition *change, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, change->call);
    sup_pg_add_text(&p, change->expected);
    sup_pg_add_text(&p, change->next);
    sup_pg_add_text(&p, change->reason);
    sup_pg_add_null(&p);
    sup_pg_add_text(&p, change->request);
    return run(pool, TRANSITION, &p, change->call, cb, arg);
}

sup_err sup_call_store_state(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                             sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, call);
    return run(pool, STATE, &p, no_key, cb, arg);
}

sup_err sup_call_store_mine(struct sup_pg_pool *pool, const char *actor, struct sup_id before,
                            int limit, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id_or_null(&p, before);
    sup_pg_add_int(&p, limit);
    return run(pool, MINE, &p, no_key, cb, arg);
}

sup_err sup_call_store_summary(struct sup_pg_pool *pool, struct sup_id call, const json_t *quality,
                               sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, MEDIA);
    sup_pg_add_id(&p, call);
    sup_pg_add_json(&p, quality);
    return run(pool, SUMMARY, &p, call, cb, arg);
}

/* Both are rows of plain int64_t, which the functions count by. */
enum {
    SAMPLE_NUMBERS = 21,
    CLIENT_NUMBERS = 15,
};
_Static_assert(sizeof(struct sup_call_sample) == SAMPLE_NUMBERS * sizeof(int64_t), "row width");
_Static_assert(sizeof(struct sup_call_client_row) == CLIENT_NUMBERS * sizeof(int64_t), "row width");

/* The calls, and behind them the parts. */
static void add_owners(struct sup_pg_params *p, const struct sup_call_owner *owners, size_t count)
{
    struct sup_id ids[2 * SUP_CALL_BATCH_MAX];
    for (size_t i = 0; i < count; i++) {
        ids[i] = owners[i].call;
        ids[count + i] = owners[i].part;
    }
    sup_pg_add_ids(p, ids, 2 * count);
}

sup_err sup_call_store_samples(struct sup_pg_pool *pool, const struct sup_call_owner *owners,
                               const struct sup_call_sample *samples, size_t count, sup_pg_cb cb,
                               void *arg)
{
    if (count > SUP_CALL_BATCH_MAX)
        return SUP_E_LIMIT;
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, MEDIA);
    add_owners(&p, owners, count);
    sup_pg_add_ints(&p, (const int64_t *)samples, count * SAMPLE_NUMBERS);
    return run(pool, SAMPLES, &p, no_key, cb, arg);
}

sup_err sup_call_store_client(struct sup_pg_pool *pool, const struct sup_call_owner *owners,
                              const struct sup_call_client_row *rows, const char *const *paths,
                              size_t count, sup_pg_cb cb, void *arg)
{
    if (count > SUP_CALL_BATCH_MAX)
        return SUP_E_LIMIT;
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, MEDIA);
    add_owners(&p, owners, count);
    sup_pg_add_ints(&p, (const int64_t *)rows, count * CLIENT_NUMBERS);
    sup_pg_add_texts(&p, paths, count);
    return run(pool, CLIENT_PUT, &p, no_key, cb, arg);
}

static void add_time_or_null(struct sup_pg_params *p, int64_t at_us)
{
    if (at_us)
        sup_pg_add_time(p, at_us);
    else
        sup_pg_add_null(p);
}

sup_err sup_call_store_quality(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                               const struct sup_call_before *before, int limit, sup_pg_cb cb,
                               void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, call);
    add_time_or_null(&p, before->at_us);
    sup_pg_add_text(&p, before->leg);
    sup_pg_add_text(&p, before->in ? "in" : "out");
    sup_pg_add_int(&p, limit);
    return run(pool, QUALITY, &p, no_key, cb, arg);
}

sup_err sup_call_store_client_list(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                                   int64_t from_us, int64_t before_us, int limit, sup_pg_cb cb,
                                   void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, call);
    add_time_or_null(&p, from_us);
    add_time_or_null(&p, before_us);
    sup_pg_add_int(&p, limit);
    return run(pool, CLIENT, &p, no_key, cb, arg);
}

sup_err sup_call_store_signal(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                              struct sup_id process, const char *kind, const json_t *payload,
                              sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, call);
    sup_pg_add_id(&p, process);
    sup_pg_add_text(&p, kind);
    sup_pg_add_json(&p, payload);
    return run(pool, SIGNAL, &p, no_key, cb, arg);
}

sup_err sup_call_store_dead(struct sup_pg_pool *pool, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:monitor");
    return run(pool, DEAD, &p, no_key, cb, arg);
}
