#include <string.h>

#include "support/check_main.h"
#include "supportd/base/buf.h"
#include "supportd/base/clock.h"
#include "supportd/base/id.h"
#include "supportd/base/json.h"
#include "supportd/base/map.h"
#include "supportd/base/signal.h"

START_TEST(buffer_adds_all_or_nothing)
{
    struct sup_buf b;
    sup_buf_init(&b, 5);
    ck_assert_int_eq(sup_buf_adds(&b, "abc"), SUP_OK);
    ck_assert_int_eq(sup_buf_adds(&b, "def"), SUP_E_LIMIT);
    ck_assert_str_eq(b.data, "abc");
    ck_assert_int_eq(sup_buf_addf(&b, "%d", 42), SUP_OK);
    ck_assert_str_eq(b.data, "abc42");
    sup_buf_drop(&b, 3);
    ck_assert_str_eq(b.data, "42");
    sup_buf_fini(&b);
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_buf_adds(&b, "x"), SUP_E_NOMEM);
    ck_assert_uint_eq(b.len, 0);
    sup_buf_fini(&b);
}
END_TEST

START_TEST(map_keeps_what_is_set_through_growth_and_removal)
{
    struct sup_map *map;
    static int values[1000];
    ck_assert_int_eq(sup_map_create(&map), SUP_OK);
    for (int i = 0; i < 1000; i++)
        ck_assert_int_eq(sup_map_set(map, &i, sizeof(i), &values[i]), SUP_OK);
    for (int i = 0; i < 1000; i += 2)
        ck_assert_ptr_eq(sup_map_remove(map, &i, sizeof(i)), &values[i]);
    ck_assert_uint_eq(sup_map_count(map), 500);
    for (int i = 0; i < 1000; i++)
        ck_assert_ptr_eq(sup_map_get(map, &i, sizeof(i)), i % 2 ? &values[i] : NULL);
    size_t pos = 0, seen = 0;
    while (sup_map_next(map, &pos, NULL, NULL))
        seen++;
    ck_assert_uint_eq(seen, 500);
    for (int round = 0; round < 5000; round++) { /* tombstones do not fill the table */
        ck_assert_int_eq(sup_map_set(map, &round, sizeof(round), values), SUP_OK);
        (void)sup_map_remove(map, &round, sizeof(round));
    }
    sup_map_destroy(map);
}
END_TEST

START_TEST(ids_are_ordered_and_round_trip)
{
    struct sup_id last = sup_id_new();
    for (int i = 0; i < 10000; i++) {
        struct sup_id id = sup_id_new(), back;
        ck_assert_int_gt(memcmp(id.bytes, last.bytes, 16), 0);
        last = id;
        ck_assert_int_eq(sup_id_parse(sup_id_text(id).s, 36, &back), SUP_OK);
        ck_assert(sup_id_equal(id, back));
    }
    ck_assert_int_eq(last.bytes[6] >> 4, 7);
    struct sup_id untouched = last;
    ck_assert_int_eq(sup_id_parse("0192f0c4-1111-7abc-8def-00000000000g", 36, &last),
                     SUP_E_MALFORMED);
    ck_assert_int_eq(sup_id_parse("0192f0c4x1111-7abc-8def-000000000000", 36, &last),
                     SUP_E_MALFORMED);
    ck_assert_int_eq(sup_id_parse("short", 5, &last), SUP_E_MALFORMED);
    ck_assert(sup_id_equal(untouched, last));
}
END_TEST

START_TEST(times_round_trip_and_refuse)
{
    int64_t us;
    ck_assert_str_eq(sup_time_text(1795450680123999).s, "2026-11-23T16:18:00.123Z");
    ck_assert_int_eq(sup_time_parse("2026-11-23T16:18:00.123Z", 24, &us), SUP_OK);
    ck_assert_int_eq(us, 1795450680123000);
    ck_assert_int_eq(sup_time_parse("2026-11-23T19:18:00+03:00", 25, &us), SUP_OK);
    ck_assert_int_eq(us, 1795450680000000);
    const char *bad[] = {"2026-11-23 14:58:00Z", "2026-13-23T14:58:00Z",
                         "2026-11-23T14:58:00",  "2026-11-23T14:58:00.Z",
                         "2026-11-23T24:58:00Z", "2026-11-23T14:58:00+3:00",
                         "2026-02-30T14:58:01Z"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_int_eq(sup_time_parse(bad[i], strlen(bad[i]), &us), SUP_E_MALFORMED);
}
END_TEST

struct order {
    const char *name;
    int64_t count;
    bool urgent;
    struct sup_id id;
};

static const struct sup_json_field order_fields[] = {
    {"name", SUP_JSON_STRING, true, offsetof(struct order, name), 1, 3},
    {"count", SUP_JSON_INT, false, offsetof(struct order, count), 1, 9},
    {"urgent", SUP_JSON_BOOL, false, offsetof(struct order, urgent), 0, 0},
    {"id", SUP_JSON_ID, false, offsetof(struct order, id), 0, 0},
};

static const char *read_order(const char *text, struct order *order)
{
    static char seen[64];
    json_t *object;
    if (sup_json_parse(text, strlen(text), &object))
        return "malformed";
    struct sup_json_problem problem = {"", ""};
    sup_err err =
        sup_json_read(object, order_fields, 4, (const char *[]){"type", NULL}, order, &problem);
    snprintf(seen, sizeof(seen), "%s %s", err ? problem.field : "ok", err ? problem.reason : "");
    json_decref(object);
    return seen;
}

START_TEST(json_fields_are_checked)
{
    struct order o = {.count = 5};
    ck_assert_str_eq(read_order("{\"type\":1,\"name\":\"\xc3\xa4\xc3\xa4\xc3\xa4\"}", &o), "ok ");
    ck_assert_int_eq(o.count, 5);
    ck_assert_str_eq(read_order("{}", &o), "name missing");
    ck_assert_str_eq(read_order("{\"name\":\"\"}", &o), "name too_short");
    ck_assert_str_eq(read_order("{\"name\":\"abcd\"}", &o), "name too_long");
    ck_assert_str_eq(read_order("{\"name\":7}", &o), "name wrong_type");
    ck_assert_str_eq(read_order("{\"name\":\"a\",\"count\":10}", &o), "count out_of_range");
    ck_assert_str_eq(read_order("{\"name\":\"a\",\"id\":\"7\"}", &o), "id not_an_id");
    ck_assert_str_eq(read_order("{\"name\":\"a\",\"x\":1}", &o), "x unknown_field");
    ck_assert_str_eq(read_order("{\"name\":\"a\"} x", &o), "malformed");
    ck_assert_str_eq(read_order("{\"name\":\"a\",\"name\":\"b\"}", &o), "malformed");
    ck_assert_str_eq(read_order("[]", &o), "malformed");
}
END_TEST

struct counter {
    struct sup_listener listener;
    struct sup_listener *victim;
    int calls;
};

static void count(struct sup_listener *listener, void *data)
{
    struct counter *c = SUP_CONTAINER_OF(listener, struct counter, listener);
    c->calls += *(int *)data;
    if (c->victim)
        sup_listener_remove(c->victim);
}

START_TEST(listeners_may_remove_each_other)
{
    struct sup_signal signal;
    struct counter a = {.listener.notify = count}, b = a, c = a;
    int one = 1;
    sup_signal_init(&signal);
    sup_signal_add(&signal, &a.listener);
    sup_signal_add(&signal, &b.listener);
    sup_signal_add(&signal, &c.listener);
    a.victim = &b.listener;
    c.victim = &c.listener;
    sup_signal_emit(&signal, &one);
    sup_signal_emit(&signal, &one);
    ck_assert_int_eq(a.calls, 2);
    ck_assert_int_eq(b.calls, 0);
    ck_assert_int_eq(c.calls, 1);
}
END_TEST

SUP_CHECK_MAIN("base", sup_json_setup, NULL, buffer_adds_all_or_nothing,
               map_keeps_what_is_set_through_growth_and_removal, ids_are_ordered_and_round_trip,
               times_round_trip_and_refuse, json_fields_are_checked,
               listeners_may_remove_each_other)
