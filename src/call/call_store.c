#include "supportd/call/call_store.h"

#include <stdio.h>

#include "supportd/base/clock.h"

enum { START, TRANSITION, STATE, MINE, SUMMARY, SAMPLES, DEAD, SIGNAL, QUALITY };

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
    /* "" stands for what was not measured in that second. */
    [SAMPLES] = {"call_samples",
                 "select * from support.call_samples($1,$2,$3::text[]::timestamptz[],$4,$5,"
                 "$6::bigint[]::int[],$7::bigint[]::int[],$8::bigint[]::int[],"
                 "$9::bigint[]::int[],$10::bigint[]::int[],"
                 "array(select nullif(v,'')::real from unnest($11::text[]) with ordinality u(v,n)"
                 " order by n),"
                 "array(select nullif(v,'')::real from unnest($12::text[]) with ordinality u(v,n)"
                 " order by n),$13::bigint[]::int[])",
                 13, SUP_PG_RANK_REST, SUP_PG_RETRY},
    [DEAD] = {"calls_of_dead_process", "select * from support.calls_of_dead_process($1)", 1,
              SUP_PG_RANK_ROUTER, SUP_PG_RETRY | SUP_PG_ALONE},
    /* A second row of the same signal is harmless: rows are gone after 10 minutes. */
    [SIGNAL] = {"signal_put", "select * from support.signal_put($1,$2,$3,$4,$5)", 5,
                SUP_PG_RANK_REST, SUP_PG_RETRY},
    [QUALITY] = {"call_quality", "select * from support.call_quality($1,$2,$3)", 3,
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

struct number_text {
    char s[32];
};

static void add_numbers(struct sup_pg_params *p, const struct number_text *numbers, size_t count)
{
    const char *items[SUP_CALL_SAMPLES_MAX];
    for (size_t i = 0; i < count; i++)
        items[i] = numbers[i].s;
    sup_pg_add_texts(p, items, count);
}

static void add_sample_arrays(struct sup_pg_params *p, const struct sup_call_sample *s,
                              size_t count)
{
    const char *words[2][SUP_CALL_SAMPLES_MAX];
    int64_t ints[6][SUP_CALL_SAMPLES_MAX];
    struct number_text at[SUP_CALL_SAMPLES_MAX], mos[SUP_CALL_SAMPLES_MAX] = {0},
                                                 level[SUP_CALL_SAMPLES_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        const int64_t values[6] = {s[i].packets,   s[i].lost,   s[i].recovered,
                                   s[i].jitter_us, s[i].rtt_us, s[i].flags};
        for (int k = 0; k < 6; k++)
            ints[k][i] = values[k];
        words[0][i] = s[i].agent ? "agent" : "customer";
        words[1][i] = s[i].out ? "out" : "in";
        (void)snprintf(at[i].s, sizeof(at[i].s), "%s", sup_time_text(s[i].at_us).s);
        if (s[i].has_mos)
            (void)snprintf(mos[i].s, sizeof(mos[i].s), "%.3f", s[i].mos);
        if (s[i].has_level)
            (void)snprintf(level[i].s, sizeof(level[i].s), "%.1f", s[i].level_db);
    }
    add_numbers(p, at, count);
    sup_pg_add_texts(p, words[0], count);
    sup_pg_add_texts(p, words[1], count);
    for (int k = 0; k < 5; k++)
        sup_pg_add_ints(p, ints[k], count);
    add_numbers(p, mos, count);
    add_numbers(p, level, count);
    sup_pg_add_ints(p, ints[5], count);
}

sup_err sup_call_store_samples(struct sup_pg_pool *pool, struct sup_id call,
                               const struct sup_call_sample *samples, size_t count, sup_pg_cb cb,
                               void *arg)
{
    if (count > SUP_CALL_SAMPLES_MAX)
        return SUP_E_LIMIT;
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, MEDIA);
    sup_pg_add_id(&p, call);
    add_sample_arrays(&p, samples, count);
    return run(pool, SAMPLES, &p, no_key, cb, arg);
}

sup_err sup_call_store_quality(struct sup_pg_pool *pool, const char *actor, struct sup_id call,
                               int limit, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, call);
    sup_pg_add_int(&p, limit);
    return run(pool, QUALITY, &p, no_key, cb, arg);
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
