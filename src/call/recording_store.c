#include "recording_internal.h"

#define RETENTION "system:retention"

enum { SET, FINISH, PARTY, DEAD, LIST, GET, PLAY, PLACE, DUE, ERASED, NEXT };

static const struct sup_pg_stmt stmts[] = {
    /* Sent twice it is "same" the second time, with the state it is in. */
    [SET] = {"recording_set", "select * from support.recording_set($1,$2,$3,$4,$5,$6,$7,$8,$9)", 9,
             SUP_PG_RANK_CALL, SUP_PG_RETRY | SUP_PG_ALONE},
    [FINISH] = {"recording_finish", "select * from support.recording_finish($1,$2,$3,$4,$5,$6)", 6,
                SUP_PG_RANK_REST, SUP_PG_RETRY},
    [PARTY] = {"recording_party", "select * from support.recording_party($1,$2,$3,$4,$5,$6)", 6,
               SUP_PG_RANK_REST, SUP_PG_RETRY},
    [DEAD] = {"recordings_of_dead_process", "select * from support.recordings_of_dead_process($1)",
              1, SUP_PG_RANK_REST, SUP_PG_RETRY | SUP_PG_ALONE},
    [LIST] = {"recordings_list", "select * from support.recordings_list($1,$2,$3,$4,$5,$6)", 6,
              SUP_PG_RANK_REST, SUP_PG_READ},
    [GET] = {"recording_get", "select * from support.recording_get($1,$2)", 2, SUP_PG_RANK_REST,
             SUP_PG_READ},
    /* A second row of one opening does no harm. */
    [PLAY] = {"recording_play", "select * from support.recording_play($1,$2,$3,$4)", 4,
              SUP_PG_RANK_REST, SUP_PG_RETRY},
    [PLACE] = {"recordings_place", "select * from support.recordings_place($1,$2,$3)", 3,
               SUP_PG_RANK_REST, SUP_PG_RETRY},
    /* What a lost reply named is due again a minute later. */
    [DUE] = {"recordings_due", "select * from support.recordings_due($1,$2,$3)", 3,
             SUP_PG_RANK_REST, SUP_PG_RETRY | SUP_PG_ALONE},
    [ERASED] = {"recording_erased", "select * from support.recording_erased($1,$2)", 2,
                SUP_PG_RANK_REST, SUP_PG_RETRY},
    [NEXT] = {"recordings_next_due", "select * from support.recordings_next_due($1,$2)", 2,
              SUP_PG_RANK_REST, SUP_PG_READ},
};

const struct sup_pg_stmt_table sup_recording_stmts = SUP_PG_TABLE(stmts);

static const struct sup_id no_key;

static sup_err run(struct sup_pg_pool *pool, int stmt, struct sup_pg_params *params,
                   struct sup_id key, sup_pg_cb cb, void *arg)
{
    struct sup_pg_exec_opts opts = {.key = key};
    sup_err err = sup_pg_exec(pool, &stmts[stmt], params, &opts, cb, arg, NULL);
    sup_pg_params_fini(params);
    return err;
}

sup_err recording_store_set(struct sup_pg_pool *pool, const char *actor,
                            const struct recording_change *c, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, c->call);
    sup_pg_add_text(&p, c->want);
    sup_pg_add_id(&p, c->recording);
    sup_pg_add_id(&p, c->process);
    sup_pg_add_text(&p, c->key);
    sup_pg_add_text(&p, c->path);
    sup_pg_add_int(&p, c->position_ms);
    sup_pg_add_text(&p, c->request);
    return run(pool, SET, &p, c->call, cb, arg);
}

sup_err recording_store_finish(struct sup_pg_pool *pool, struct sup_id recording,
                               const struct sup_recording_result *result, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:media");
    sup_pg_add_id(&p, recording);
    sup_pg_add_int(&p, (int64_t)(result->duration_us / 1000));
    sup_pg_add_int(&p, (int64_t)result->bytes);
    sup_pg_add_bool(&p, result->incomplete);
    sup_pg_add_int(&p, (int64_t)(result->gap_us / 1000));
    return run(pool, FINISH, &p, recording, cb, arg);
}

sup_err sup_recording_store_dead(struct sup_pg_pool *pool, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:monitor");
    return run(pool, DEAD, &p, no_key, cb, arg);
}

sup_err sup_recording_store_list(struct sup_pg_pool *pool, const char *actor,
                                 const struct sup_recording_filter *filter, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id_or_null(&p, filter->call);
    sup_pg_add_id_or_null(&p, filter->staff);
    sup_pg_add_id_or_null(&p, filter->customer);
    sup_pg_add_id_or_null(&p, filter->before);
    sup_pg_add_int(&p, filter->limit);
    return run(pool, LIST, &p, no_key, cb, arg);
}

sup_err sup_recording_store_get(struct sup_pg_pool *pool, const char *actor, struct sup_id id,
                                sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, id);
    return run(pool, GET, &p, no_key, cb, arg);
}

sup_err sup_recording_store_play(struct sup_pg_pool *pool, const char *actor, struct sup_id id,
                                 int track, const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, id);
    sup_pg_add_int(&p, track);
    sup_pg_add_text(&p, request);
    return run(pool, PLAY, &p, no_key, cb, arg);
}

sup_err recording_store_party(struct sup_pg_pool *pool, struct sup_id recording, unsigned track,
                              struct sup_id staff, const char *role, int64_t from_ms, sup_pg_cb cb,
                              void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:media");
    sup_pg_add_id(&p, recording);
    sup_pg_add_int(&p, track);
    sup_pg_add_id(&p, staff);
    sup_pg_add_text(&p, role);
    sup_pg_add_int(&p, from_ms);
    return run(pool, PARTY, &p, recording, cb, arg);
}

sup_err retention_store_place(struct sup_pg_pool *pool, struct sup_id process, struct sup_id place,
                              sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:monitor");
    sup_pg_add_id(&p, process);
    sup_pg_add_id(&p, place);
    return run(pool, PLACE, &p, no_key, cb, arg);
}

sup_err retention_store_due(struct sup_pg_pool *pool, struct sup_id place, int limit, sup_pg_cb cb,
                            void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, RETENTION);
    sup_pg_add_id_or_null(&p, place);
    sup_pg_add_int(&p, limit);
    return run(pool, DUE, &p, no_key, cb, arg);
}

sup_err retention_store_erased(struct sup_pg_pool *pool, struct sup_id recording, sup_pg_cb cb,
                               void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, RETENTION);
    sup_pg_add_id(&p, recording);
    return run(pool, ERASED, &p, recording, cb, arg);
}

sup_err retention_store_next(struct sup_pg_pool *pool, struct sup_id place, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, RETENTION);
    sup_pg_add_id_or_null(&p, place);
    return run(pool, NEXT, &p, no_key, cb, arg);
}
