/* Client frames on arbitrary bytes: strict parsing, the field tables, canonical dumping. Held: what
 * parses dumps, and dumping what was dumped changes nothing; nothing leaks. */
#include <stdlib.h>
#include <string.h>

#include "supportd/base/json.h"
#include "supportd/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct frame {
    struct sup_id chat_id, client_id;
    const char *body;
    int64_t seq;
    bool active;
    json_t *resume, *message;
};

static const struct sup_json_field fields[] = {
    {"chat_id", SUP_JSON_ID, true, offsetof(struct frame, chat_id), 0, 0},
    {"client_id", SUP_JSON_ID, false, offsetof(struct frame, client_id), 0, 0},
    {"body", SUP_JSON_STRING, false, offsetof(struct frame, body), 1, 4000},
    {"seq", SUP_JSON_INT, false, offsetof(struct frame, seq), 0, INT64_MAX},
    {"active", SUP_JSON_BOOL, false, offsetof(struct frame, active), 0, 0},
    {"resume", SUP_JSON_ARRAY, false, offsetof(struct frame, resume), 0, 50},
    {"message", SUP_JSON_OBJECT, false, offsetof(struct frame, message), 0, 0},
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_dump(const json_t *value)
{
    struct sup_buf once = {0}, twice = {0};
    json_t *again = NULL;
    require(sup_json_dump(value, &once) == SUP_OK);
    if (sup_json_parse(once.data, once.len, &again) == SUP_OK) {
        require(sup_json_dump(again, &twice) == SUP_OK);
        require(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
        json_decref(again);
    }
    sup_buf_fini(&once);
    sup_buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const also[] = {"type", "id", NULL};
    json_t *object;
    sup_json_setup();
    if (sup_json_parse((const char *)data, size, &object) == SUP_OK) {
        struct frame frame = {0};
        struct sup_json_problem problem = {NULL, NULL};
        sup_err err = sup_json_read(object, fields, sizeof(fields) / sizeof(fields[0]), also,
                                    &frame, &problem);
        require(err == SUP_OK || (problem.field && problem.reason));
        require(err || !frame.body || strlen(frame.body) >= 1);
        check_dump(object);
        json_decref(object);
    }
    require(sup_mem_live() == 0);
    return 0;
}
