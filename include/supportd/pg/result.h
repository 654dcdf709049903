/* Rows of one statement, read by typed getters.
 *
 * Layer:  pg. Thread: the loop thread; borrowed for the callback that receives it.
 *
 * Getters return 0, false, NULL or the zero id for the SQL null; sup_pg_is_null() tells. A value
 * that is not of the asked type, or a row or column that does not exist, gives the same and marks
 * the result: check sup_pg_result_check() once after reading. */
#ifndef SUPPORTD_PG_RESULT_H
#define SUPPORTD_PG_RESULT_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"

struct sup_pg_result; /* opaque */

int sup_pg_rows(const struct sup_pg_result *result);
/* Rows that an INSERT, UPDATE or DELETE touched; of a SELECT, its rows. */
int64_t sup_pg_affected(const struct sup_pg_result *result);
/* Column number of name, or -1. */
int sup_pg_col(const struct sup_pg_result *result, const char *name);

bool sup_pg_is_null(struct sup_pg_result *result, int row, int col);
/* Borrowed with the result; NUL-terminated. */
const char *sup_pg_text(struct sup_pg_result *result, int row, int col);
size_t sup_pg_text_len(struct sup_pg_result *result, int row, int col);
int64_t sup_pg_int(struct sup_pg_result *result, int row, int col);
double sup_pg_num(struct sup_pg_result *result, int row, int col);
bool sup_pg_bool(struct sup_pg_result *result, int row, int col);
struct sup_id sup_pg_id(struct sup_pg_result *result, int row, int col);
/* timestamptz as microseconds since 1970; infinity marks the result. */
int64_t sup_pg_time(struct sup_pg_result *result, int row, int col);
/* A new reference (json_decref), or NULL for null and for what does not parse. */
json_t *sup_pg_json(struct sup_pg_result *result, int row, int col);
/* bytea: writes at most cap bytes to ret, returns the whole length; longer than cap marks. */
size_t sup_pg_bytes(struct sup_pg_result *result, int row, int col, uint8_t *ret, size_t cap);
/* uuid[] without nulls: writes at most cap ids, returns how many there are; more than cap marks. */
size_t sup_pg_ids(struct sup_pg_result *result, int row, int col, struct sup_id *ret, size_t cap);

/* SUP_E_MALFORMED once any getter has found a value of another type, else SUP_OK. */
SUP_MUST_CHECK sup_err sup_pg_result_check(const struct sup_pg_result *result);
#endif
