#include "supportd/pg/params.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "supportd/base/clock.h"
#include "supportd/base/json.h"
#include "supportd/base/mem.h"

static const int64_t MAX_WALL_US = 253402300800LL * 1000000; /* 10000-01-01T00:00:00Z */

void sup_pg_params_fini(struct sup_pg_params *params)
{
    sup_buf_fini_secret(&params->data);
    *params = (struct sup_pg_params){0};
}

static bool fail(struct sup_pg_params *p, sup_err err)
{
    if (!p->err)
        p->err = err;
    return false;
}

/* Opens the next value; what is added to data until end() belongs to it. */
static bool begin(struct sup_pg_params *p)
{
    if (p->err)
        return false;
    if (p->count == SUP_PG_MAX_PARAMS)
        return fail(p, SUP_E_LIMIT);
    if (p->data.max_len == 0)
        p->data.max_len = SUP_PG_MAX_PARAM_BYTES;
    p->offset[p->count] = (uint32_t)p->data.len;
    return true;
}

static void end(struct sup_pg_params *p, sup_err err)
{
    if (!err)
        err = sup_buf_add(&p->data, "", 1);
    if (err)
        (void)fail(p, err);
    else
        p->count++;
}

/* Length of the UTF-8 sequence at s (RFC 3629), 0 when it is none, or a NUL. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
    static const uint32_t min[] = {0, 0, 0x80, 0x800, 0x10000};
    if (s[0] < 0x80)
        return s[0] != 0;
    size_t len = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (s[0] < 0xc2 || s[0] > 0xf4 || len > left)
        return 0;
    uint32_t cp = s[0] & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        cp = cp << 6 | (s[i] & 0x3fu);
    }
    bool surrogate = cp >= 0xd800 && cp <= 0xdfff;
    return cp < min[len] || cp > 0x10ffff || surrogate ? 0 : len;
}

static bool text_valid(const char *s, size_t len)
{
    const unsigned char *p = (const unsigned char *)s;
    for (size_t i = 0, n; i < len; i += n)
        if ((n = utf8_len(p + i, len - i)) == 0)
            return false;
    return true;
}

void sup_pg_add_null(struct sup_pg_params *params)
{
    if (begin(params))
        params->offset[params->count++] = SUP_PG_NULL;
}

void sup_pg_add_textn(struct sup_pg_params *params, const char *s, size_t len)
{
    if (!s) {
        sup_pg_add_null(params);
        return;
    }
    if (begin(params))
        end(params, text_valid(s, len) ? sup_buf_add(&params->data, s, len) : SUP_E_INVAL);
}

void sup_pg_add_text(struct sup_pg_params *params, const char *s)
{
    sup_pg_add_textn(params, s, s ? strlen(s) : 0);
}

void sup_pg_add_int(struct sup_pg_params *params, int64_t value)
{
    if (begin(params))
        end(params, sup_buf_add_int(&params->data, value));
}

void sup_pg_add_num(struct sup_pg_params *params, double value)
{
    if (begin(params))
        end(params, isfinite(value) ? sup_buf_addf(&params->data, "%.17g", value) : SUP_E_INVAL);
}

void sup_pg_add_bool(struct sup_pg_params *params, bool value)
{
    if (begin(params))
        end(params, sup_buf_adds(&params->data, value ? "t" : "f"));
}

void sup_pg_add_id(struct sup_pg_params *params, struct sup_id id)
{
    if (begin(params))
        end(params, sup_buf_adds(&params->data, sup_id_text(id).s));
}

void sup_pg_add_id_or_null(struct sup_pg_params *params, struct sup_id id)
{
    if (sup_id_is_zero(id))
        sup_pg_add_null(params);
    else
        sup_pg_add_id(params, id);
}

void sup_pg_add_time(struct sup_pg_params *params, int64_t wall_us)
{
    if (!begin(params))
        return;
    if (wall_us < 0 || wall_us >= MAX_WALL_US) {
        (void)fail(params, SUP_E_INVAL);
        return;
    }
    /* sup_time_text() has milliseconds; the column keeps all six digits. */
    struct sup_time_text text = sup_time_text(wall_us);
    end(params, sup_buf_addf(&params->data, "%.19s.%06dZ", text.s, (int)(wall_us % 1000000)));
}

void sup_pg_add_json(struct sup_pg_params *params, const json_t *value)
{
    if (!value) {
        sup_pg_add_null(params);
        return;
    }
    if (begin(params))
        end(params, sup_json_dump(value, &params->data));
}

void sup_pg_add_bytes(struct sup_pg_params *params, const uint8_t *p, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    if (!p) {
        sup_pg_add_null(params);
        return;
    }
    if (!begin(params))
        return;
    sup_err err = sup_buf_adds(&params->data, "\\x");
    for (size_t i = 0; i < len && !err; i++)
        err = sup_buf_add(&params->data, (const char[]){hex[p[i] >> 4], hex[p[i] & 15]}, 2);
    end(params, err);
}

static sup_err add_quoted(struct sup_buf *buf, const char *s)
{
    if (!s)
        return sup_buf_adds(buf, "NULL");
    if (!text_valid(s, strlen(s)))
        return SUP_E_INVAL;
    sup_err err = sup_buf_adds(buf, "\"");
    for (; *s && !err; s++) {
        if (*s == '"' || *s == '\\')
            err = sup_buf_adds(buf, "\\");
        if (!err)
            err = sup_buf_add(buf, s, 1);
    }
    return err ? err : sup_buf_adds(buf, "\"");
}

void sup_pg_add_texts(struct sup_pg_params *params, const char *const *items, size_t count)
{
    if (!begin(params))
        return;
    sup_err err = sup_buf_adds(&params->data, "{");
    for (size_t i = 0; i < count && !err; i++) {
        if (i > 0)
            err = sup_buf_adds(&params->data, ",");
        if (!err)
            err = add_quoted(&params->data, items[i]);
    }
    end(params, err ? err : sup_buf_adds(&params->data, "}"));
}

void sup_pg_add_ids(struct sup_pg_params *params, const struct sup_id *items, size_t count)
{
    if (!begin(params))
        return;
    sup_err err = sup_buf_adds(&params->data, "{");
    for (size_t i = 0; i < count && !err; i++) {
        if (i > 0)
            err = sup_buf_add(&params->data, ",", 1);
        if (!err)
            err = sup_buf_add(&params->data, sup_id_text(items[i]).s, SUP_ID_TEXT_LEN);
    }
    end(params, err ? err : sup_buf_adds(&params->data, "}"));
}

void sup_pg_add_ints(struct sup_pg_params *params, const int64_t *items, size_t count)
{
    if (!begin(params))
        return;
    sup_err err = sup_buf_adds(&params->data, "{");
    for (size_t i = 0; i < count && !err; i++) {
        if (i > 0)
            err = sup_buf_add(&params->data, ",", 1);
        if (!err)
            err = sup_buf_add_int(&params->data, items[i]);
    }
    end(params, err ? err : sup_buf_adds(&params->data, "}"));
}
