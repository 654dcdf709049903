#include "supportd/pg/row_json.h"

#include <string.h>

#include "supportd/base/clock.h"

/* Column number, or -1 when the value is null or there is no such column. */
static int present(struct sup_pg_result *rows, int row, const char *column)
{
    int c = sup_pg_col(rows, column);
    return c < 0 || sup_pg_is_null(rows, row, c) ? -1 : c;
}

json_t *sup_row_text(struct sup_pg_result *rows, int row, const char *column)
{
    int c = present(rows, row, column);
    return c < 0 ? json_null() : json_string(sup_pg_text(rows, row, c));
}

json_t *sup_row_int(struct sup_pg_result *rows, int row, const char *column)
{
    int c = present(rows, row, column);
    return c < 0 ? json_null() : json_integer(sup_pg_int(rows, row, c));
}

json_t *sup_row_bool(struct sup_pg_result *rows, int row, const char *column)
{
    int c = present(rows, row, column);
    return c < 0 ? json_null() : json_boolean(sup_pg_bool(rows, row, c));
}

json_t *sup_row_time(struct sup_pg_result *rows, int row, const char *column)
{
    int c = present(rows, row, column);
    return c < 0 ? json_null() : json_string(sup_time_text(sup_pg_time(rows, row, c)).s);
}

json_t *sup_row_json(struct sup_pg_result *rows, int row, const char *column)
{
    int c = present(rows, row, column);
    return c < 0 ? json_null() : sup_pg_json(rows, row, c);
}

json_t *sup_row_words(struct sup_pg_result *rows, int row, const char *column)
{
    json_t *array = json_array();
    const char *p = sup_row_str(rows, row, column);
    if (!array || *p != '{')
        return array;
    for (p++; *p && *p != '}';) {
        size_t len = strcspn(p, ",}");
        if (json_array_append_new(array, json_stringn(p, len))) {
            json_decref(array);
            return NULL;
        }
        p += len + (p[len] == ',');
    }
    return array;
}

json_t *sup_row_person(struct sup_pg_result *rows, int row, const char *id, const char *name)
{
    if (present(rows, row, id) < 0)
        return json_null();
    return json_pack("{s:o, s:o}", "id", sup_row_text(rows, row, id), "name",
                     sup_row_text(rows, row, name));
}

struct sup_id sup_row_id(struct sup_pg_result *rows, int row, const char *column)
{
    int c = present(rows, row, column);
    return c < 0 ? (struct sup_id){{0}} : sup_pg_id(rows, row, c);
}

int64_t sup_row_number(struct sup_pg_result *rows, int row, const char *column)
{
    int c = present(rows, row, column);
    return c < 0 ? 0 : sup_pg_int(rows, row, c);
}

const char *sup_row_str(struct sup_pg_result *rows, int row, const char *column)
{
    int c = present(rows, row, column);
    return c < 0 ? "" : sup_pg_text(rows, row, c);
}
