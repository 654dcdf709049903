/* JSON helpers on jansson: strict parsing, declarative field tables, building.
 *
 * Layer: base. Thread: any one at a time. sup_json_setup() once at start makes jansson allocate
 * through base/mem and wipe on free, so that clear text does not stay in the heap. */
#ifndef SUPPORTD_BASE_JSON_H
#define SUPPORTD_BASE_JSON_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"
#include "supportd/base/id.h"

void sup_json_setup(void);

/* Parses exactly one JSON object; duplicate keys, trailing bytes, NUL escapes and depth beyond
 * jansson's limit are refused. *ret_object is owned (json_decref). Errors: SUP_E_MALFORMED. */
SUP_MUST_CHECK sup_err sup_json_parse(const char *text, size_t len, json_t **ret_object);

enum sup_json_kind {
    SUP_JSON_STRING, /* const char * (borrowed, UTF-8 without NUL) */
    SUP_JSON_INT,    /* int64_t */
    SUP_JSON_BOOL,   /* bool */
    SUP_JSON_ID,     /* struct sup_id */
    SUP_JSON_OBJECT, /* json_t * (borrowed) */
    SUP_JSON_ARRAY,  /* json_t * (borrowed) */
};

/* One row of a request's schema. An optional field that is absent (or null) leaves the target as
 * it was. min/max: characters (Unicode) of a string, value of an int, elements of an array; max 0
 * means no bound. */
struct sup_json_field {
    const char *name;
    enum sup_json_kind kind;
    bool required;
    size_t offset; /* of the target within the struct given to sup_json_read() */
    int64_t min, max;
};

struct sup_json_problem {
    const char *field;  /* static or borrowed from the object: which field */
    const char *reason; /* static: "missing", "wrong_type", "too_long", "too_short", "out_of_range",
                           "not_an_id", "unknown_field" */
};

/* Reads fields[count] of object into target; any field of the object that no row names is refused,
 * except those listed in also_allowed (NULL-terminated; may be NULL).
 * Errors: SUP_E_MALFORMED with *ret_problem set; target may be partly written then. */
SUP_MUST_CHECK sup_err sup_json_read(const json_t *object, const struct sup_json_field *fields,
                                     size_t count, const char *const *also_allowed, void *target,
                                     struct sup_json_problem *ret_problem);

/* Compact text with sorted keys (canonical for state hashes). Errors: SUP_E_NOMEM, SUP_E_LIMIT. */
SUP_MUST_CHECK sup_err sup_json_dump(const json_t *value, struct sup_buf *buf);
#endif
