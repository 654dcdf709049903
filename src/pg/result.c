#include "supportd/pg/result.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pg_internal.h"
#include "supportd/base/clock.h"

int sup_pg_rows(const struct sup_pg_result *result)
{
    return PQntuples(result->pg);
}

int64_t sup_pg_affected(const struct sup_pg_result *result)
{
    return strtoll(PQcmdTuples(result->pg), NULL, 10);
}

int sup_pg_col(const struct sup_pg_result *result, const char *name)
{
    for (int i = 0; i < PQnfields(result->pg); i++)
        if (strcmp(PQfname(result->pg, i), name) == 0)
            return i;
    return -1;
}

/* The value, or NULL for the SQL null and (marking the result) for a place that does not exist. */
static const char *value(struct sup_pg_result *r, int row, int col)
{
    if (row < 0 || row >= PQntuples(r->pg) || col < 0 || col >= PQnfields(r->pg)) {
        r->bad = true;
        return NULL;
    }
    return PQgetisnull(r->pg, row, col) ? NULL : PQgetvalue(r->pg, row, col);
}

bool sup_pg_is_null(struct sup_pg_result *result, int row, int col)
{
    return value(result, row, col) == NULL;
}

const char *sup_pg_text(struct sup_pg_result *result, int row, int col)
{
    return value(result, row, col);
}

size_t sup_pg_text_len(struct sup_pg_result *result, int row, int col)
{
    return value(result, row, col) ? (size_t)PQgetlength(result->pg, row, col) : 0;
}

int64_t sup_pg_int(struct sup_pg_result *result, int row, int col)
{
    const char *s = value(result, row, col);
    if (!s)
        return 0;
    char *rest;
    errno = 0;
    long long n = strtoll(s, &rest, 10);
    if (errno || rest == s || *rest) {
        result->bad = true;
        return 0;
    }
    return n;
}

double sup_pg_num(struct sup_pg_result *result, int row, int col)
{
    const char *s = value(result, row, col);
    if (!s)
        return 0;
    char *rest;
    double d = strtod(s, &rest);
    if (rest == s || *rest || !isfinite(d)) {
        result->bad = true;
        return 0;
    }
    return d;
}

bool sup_pg_bool(struct sup_pg_result *result, int row, int col)
{
    const char *s = value(result, row, col);
    if (!s)
        return false;
    if ((s[0] != 't' && s[0] != 'f') || s[1])
        result->bad = true;
    return s[0] == 't';
}

struct sup_id sup_pg_id(struct sup_pg_result *result, int row, int col)
{
    struct sup_id id = {0};
    const char *s = value(result, row, col);
    if (s && sup_id_parse(s, strlen(s), &id))
        result->bad = true;
    return id;
}

int64_t sup_pg_time(struct sup_pg_result *result, int row, int col)
{
    /* The session is set to ISO and UTC: "2026-11-22 16:18:00.123456+00". */
    const char *s = value(result, row, col);
    char text[48];
    size_t len = s ? strlen(s) : 0;
    int64_t us = 0;
    if (!s)
        return 0;
    if (len < 22 || len >= sizeof(text) || s[10] != ' ' || strcmp(s + len - 3, "+00") != 0) {
        result->bad = true;
        return 0;
    }
    memcpy(text, s, len);
    text[10] = 'T';
    text[len - 3] = 'Z';
    if (sup_time_parse(text, len - 2, &us))
        result->bad = true;
    return us;
}

json_t *sup_pg_json(struct sup_pg_result *result, int row, int col)
{
    const char *s = value(result, row, col);
    if (!s)
        return NULL;
    json_t *json = json_loadb(s, strlen(s), JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (!json)
        result->bad = true;
    return json;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t sup_pg_bytes(struct sup_pg_result *result, int row, int col, uint8_t *ret, size_t cap)
{
    const char *s = value(result, row, col);
    if (!s)
        return 0;
    size_t len = strlen(s);
    if (len < 2 || len % 2 || s[0] != '\\' || s[1] != 'x') {
        result->bad = true;
        return 0;
    }
    size_t n = len / 2 - 1;
    for (size_t i = 0; i < n && i < cap; i++) {
        int high = hex_digit(s[2 + 2 * i]), low = hex_digit(s[3 + 2 * i]);
        if (high < 0 || low < 0) {
            result->bad = true;
            return 0;
        }
        ret[i] = (uint8_t)(high << 4 | low);
    }
    if (n > cap)
        result->bad = true;
    return n;
}

size_t sup_pg_ids(struct sup_pg_result *result, int row, int col, struct sup_id *ret, size_t cap)
{
    const char *s = value(result, row, col);
    size_t n = 0;
    if (!s || strcmp(s, "{}") == 0)
        return 0;
    while (*s == (n ? ',' : '{')) {
        struct sup_id id;
        if (strlen(++s) < SUP_ID_TEXT_LEN || sup_id_parse(s, SUP_ID_TEXT_LEN, &id))
            break;
        if (n < cap)
            ret[n] = id;
        n++;
        s += SUP_ID_TEXT_LEN;
    }
    if (strcmp(s, "}") != 0 || n > cap)
        result->bad = true;
    return n;
}

sup_err sup_pg_result_check(const struct sup_pg_result *result)
{
    return result->bad ? SUP_E_MALFORMED : SUP_OK;
}
