/* Columns of a row as JSON values, by name.
 *
 * Layer: pg. Thread: the loop thread. Each returns a new reference: JSON null for the SQL null or
 * an unknown column, NULL without memory. */
#ifndef SUPPORTD_PG_ROW_JSON_H
#define SUPPORTD_PG_ROW_JSON_H
#include <jansson.h>

#include "supportd/pg/result.h"

json_t *sup_row_text(struct sup_pg_result *rows, int row, const char *column);
json_t *sup_row_int(struct sup_pg_result *rows, int row, const char *column);
json_t *sup_row_bool(struct sup_pg_result *rows, int row, const char *column);
/* RFC 3339 text of a timestamptz. */
json_t *sup_row_time(struct sup_pg_result *rows, int row, const char *column);
/* jsonb. */
json_t *sup_row_json(struct sup_pg_result *rows, int row, const char *column);
/* text[] of plain words ([a-z0-9_-]) as an array of strings. */
json_t *sup_row_words(struct sup_pg_result *rows, int row, const char *column);
/* {"id", "name"} of two columns; null when id is null. */
json_t *sup_row_person(struct sup_pg_result *rows, int row, const char *id, const char *name);
/* The zero id for null. */
struct sup_id sup_row_id(struct sup_pg_result *rows, int row, const char *column);
int64_t sup_row_number(struct sup_pg_result *rows, int row, const char *column);
/* Borrowed; "" for null. */
const char *sup_row_str(struct sup_pg_result *rows, int row, const char *column);
#endif
