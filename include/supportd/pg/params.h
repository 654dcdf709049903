/* Typed parameters of one statement, in PostgreSQL's text format.
 *
 * Layer:  pg. Thread: the owner's.
 * Errors of the add functions stick: the first one is kept in err, later adds do nothing, and
 * sup_pg_exec() returns it. So a store function adds everything and checks once.
 *
 *     struct sup_pg_params p = {0};
 *     sup_pg_add_id(&p, chat);
 *     sup_pg_add_text(&p, body);
 *     sup_err err = sup_pg_exec(pool, &stmts[SEND], &p, &opts, on_sent, ctx, NULL);
 *     sup_pg_params_fini(&p); */
#ifndef SUPPORTD_PG_PARAMS_H
#define SUPPORTD_PG_PARAMS_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"
#include "supportd/base/id.h"

enum {
    SUP_PG_MAX_PARAMS = 32,
    SUP_PG_MAX_PARAM_BYTES = 4 * 1024 * 1024, /* all values of one statement together */
};

/* A zeroed struct is a valid empty list. The fields belong to params.c and pool.c. */
struct sup_pg_params {
    unsigned count;
    sup_err err;                        /* of the first add that failed */
    uint32_t offset[SUP_PG_MAX_PARAMS]; /* into data; SUP_PG_NULL: the SQL null */
    struct sup_buf data;                /* values, each with its NUL */
};

#define SUP_PG_NULL UINT32_MAX

/* Wipes and frees; leaves an empty list. */
void sup_pg_params_fini(struct sup_pg_params *params);

/* Each appends one value; what it points to is copied. A NULL pointer is the SQL null. Sticky
 * errors: SUP_E_LIMIT (count or bytes), SUP_E_NOMEM, SUP_E_INVAL (a NUL byte or broken UTF-8 in
 * text, a time outside 1970..9999). */
void sup_pg_add_null(struct sup_pg_params *params);
void sup_pg_add_text(struct sup_pg_params *params, const char *s);
void sup_pg_add_textn(struct sup_pg_params *params, const char *s, size_t len);
void sup_pg_add_int(struct sup_pg_params *params, int64_t value);
void sup_pg_add_num(struct sup_pg_params *params, double value); /* not finite: SUP_E_INVAL */
void sup_pg_add_bool(struct sup_pg_params *params, bool value);
void sup_pg_add_id(struct sup_pg_params *params, struct sup_id id);
/* The zero id becomes the SQL null. */
void sup_pg_add_id_or_null(struct sup_pg_params *params, struct sup_id id);
/* timestamptz from microseconds since 1970. */
void sup_pg_add_time(struct sup_pg_params *params, int64_t wall_us);
void sup_pg_add_json(struct sup_pg_params *params, const json_t *value);
void sup_pg_add_bytes(struct sup_pg_params *params, const uint8_t *p, size_t len); /* bytea */
/* Arrays: text[], uuid[], bigint[]; count 0 is the empty array. */
void sup_pg_add_texts(struct sup_pg_params *params, const char *const *items, size_t count);
void sup_pg_add_ids(struct sup_pg_params *params, const struct sup_id *items, size_t count);
void sup_pg_add_ints(struct sup_pg_params *params, const int64_t *items, size_t count);
#endif
