#include "supportd/base/json.h"

#include <string.h>

#include "supportd/base/list.h"
#include "supportd/base/mem.h"

/* jansson's free gives no size, so each block carries its own in front. */
struct block {
    size_t size;
    max_align_t data[];
};

static void *json_alloc(size_t size)
{
    struct block *b = sup_malloc(sizeof(*b) + size);
    if (!b)
        return NULL;
    b->size = size;
    return b->data;
}

static void json_release(void *ptr)
{
    if (!ptr)
        return;
    struct block *b = SUP_CONTAINER_OF(ptr, struct block, data);
    sup_wipe(b->data, b->size);
    sup_free(b);
}

void sup_json_setup(void)
{
    json_set_alloc_funcs(json_alloc, json_release);
}

sup_err sup_json_parse(const char *text, size_t len, json_t **ret_object)
{
    json_error_t error;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, &error);
    if (!value)
        return SUP_E_MALFORMED;
    if (!json_is_object(value)) {
        json_decref(value);
        return SUP_E_MALFORMED;
    }
    *ret_object = value;
    return SUP_OK;
}

static int64_t count_characters(const char *s)
{
    int64_t n = 0;
    for (; *s; s++)
        n += ((uint8_t)*s & 0xc0) != 0x80;
    return n;
}

static const char *check_length(const struct sup_json_field *f, int64_t n)
{
    if (n < f->min)
        return "too_short";
    return f->max && n > f->max ? "too_long" : NULL;
}

static const char *read_string(const struct sup_json_field *f, const json_t *v, void *slot)
{
    if (!json_is_string(v))
        return "wrong_type";
    const char *s = json_string_value(v);
    memcpy(slot, &s, sizeof(s));
    return check_length(f, count_characters(s));
}

static const char *read_int(const struct sup_json_field *f, const json_t *v, void *slot)
{
    if (!json_is_integer(v))
        return "wrong_type";
    int64_t n = json_integer_value(v);
    memcpy(slot, &n, sizeof(n));
    return n < f->min || (f->max && n > f->max) ? "out_of_range" : NULL;
}

static const char *read_id(const json_t *v, void *slot)
{
    struct sup_id id;
    if (!json_is_string(v) || sup_id_parse(json_string_value(v), json_string_length(v), &id))
        return "not_an_id";
    memcpy(slot, &id, sizeof(id));
    return NULL;
}

static const char *read_tree(const struct sup_json_field *f, const json_t *v, void *slot)
{
    bool array = f->kind == SUP_JSON_ARRAY;
    if (array ? !json_is_array(v) : !json_is_object(v))
        return "wrong_type";
    memcpy(slot, &v, sizeof(v));
    return array ? check_length(f, (int64_t)json_array_size(v)) : NULL;
}

static const char *read_field(const struct sup_json_field *f, const json_t *v, void *slot)
{
    switch (f->kind) {
    case SUP_JSON_STRING:
        return read_string(f, v, slot);
    case SUP_JSON_INT:
        return read_int(f, v, slot);
    case SUP_JSON_BOOL:
        if (!json_is_boolean(v))
            return "wrong_type";
        *(bool *)slot = json_is_true(v);
        return NULL;
    case SUP_JSON_ID:
        return read_id(v, slot);
    case SUP_JSON_OBJECT:
    case SUP_JSON_ARRAY:
        return read_tree(f, v, slot);
    }
    return "wrong_type";
}

static bool is_known(const char *name, const struct sup_json_field *fields, size_t count,
                     const char *const *also_allowed)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, fields[i].name) == 0)
            return true;
    for (; also_allowed && *also_allowed; also_allowed++)
        if (strcmp(name, *also_allowed) == 0)
            return true;
    return false;
}

sup_err sup_json_read(const json_t *object, const struct sup_json_field *fields, size_t count,
                      const char *const *also_allowed, void *target,
                      struct sup_json_problem *ret_problem)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)object, name, value)
    {
        if (!is_known(name, fields, count, also_allowed)) {
            *ret_problem = (struct sup_json_problem){name, "unknown_field"};
            return SUP_E_MALFORMED;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const struct sup_json_field *f = &fields[i];
        value = json_object_get(object, f->name);
        const char *reason = NULL;
        if (!value || json_is_null(value))
            reason = f->required ? "missing" : NULL;
        else
            reason = read_field(f, value, (char *)target + f->offset);
        if (reason) {
            *ret_problem = (struct sup_json_problem){f->name, reason};
            return SUP_E_MALFORMED;
        }
    }
    return SUP_OK;
}

static int add_chunk(const char *chunk, size_t len, void *arg)
{
    return sup_buf_add(arg, chunk, len) ? -1 : 0;
}

sup_err sup_json_dump(const json_t *value, struct sup_buf *buf)
{
    size_t before = buf->len;
    if (json_dump_callback(value, add_chunk, buf,
                           JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) == 0)
        return SUP_OK;
    buf->len = before;
    if (buf->data)
        buf->data[before] = '\0';
    return buf->max_len ? SUP_E_LIMIT : SUP_E_NOMEM;
}
