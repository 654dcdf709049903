#include "supportd/net/rate.h"

#include "support/check_main.h"

static struct sup_rate *rate;
static const uint64_t second = 1000000;

static void setup(void)
{
    /* 5 at once, one back every 2 s, 3 keys. */
    struct sup_rate_opts opts = {.burst = 5, .refill = 30, .period_us = 60 * second, .max_keys = 3};
    ck_assert_int_eq(sup_rate_create(&opts, &rate), SUP_OK);
}

static void teardown(void)
{
    sup_rate_destroy(rate);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

START_TEST(a_bucket_empties_and_refills)
{
    uint64_t retry;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(sup_rate_take(rate, "a", 1, 1, 100, NULL), SUP_OK);
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 1, 100, &retry), SUP_E_LIMIT);
    ck_assert_uint_ge(retry, 2 * second);
    ck_assert_uint_le(retry, 2 * second + 2);
    ck_assert_int_eq(sup_rate_take(rate, "b", 1, 1, 100, NULL), SUP_OK); /* its own bucket */
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 1, 100 + retry - 2, NULL), SUP_E_LIMIT);
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 1, 100 + retry, NULL), SUP_OK);
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 5, 100 + 1000 * second, NULL), SUP_OK);
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 1, 100 + 1000 * second, NULL), SUP_E_LIMIT);
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 1, 100, NULL), SUP_E_LIMIT); /* time runs back */
}
END_TEST

START_TEST(more_than_the_burst_never_succeeds)
{
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 6, 0, NULL), SUP_E_LIMIT);
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 5, 0, NULL), SUP_OK); /* nothing was taken */
}
END_TEST

START_TEST(a_full_table_fails_closed_and_frees_idle_keys)
{
    uint64_t retry = 0;
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 1, 0, NULL), SUP_OK);
    ck_assert_int_eq(sup_rate_take(rate, "b", 1, 5, 0, NULL), SUP_OK);
    ck_assert_int_eq(sup_rate_take(rate, "c", 1, 5, 0, NULL), SUP_OK);
    ck_assert_int_eq(sup_rate_take(rate, "d", 1, 1, 0, &retry), SUP_E_LIMIT);
    ck_assert_uint_eq(sup_rate_count(rate), 3);
    ck_assert_int_eq(sup_rate_take(rate, "d", 1, 1, retry, NULL), SUP_OK); /* "a" is full again */
    ck_assert_uint_eq(sup_rate_count(rate), 3);
    ck_assert_int_eq(sup_rate_take(rate, "b", 1, 5, retry, NULL), SUP_E_LIMIT);
}
END_TEST

START_TEST(no_memory_fails_closed)
{
    for (size_t n = 1; n <= 2; n++) {
        uint64_t retry = 0;
        sup_mem_fail_at(n);
        ck_assert_int_eq(sup_rate_take(rate, "x", 1, 1, 0, &retry), SUP_E_LIMIT);
        sup_mem_fail_at(0);
        ck_assert_uint_gt(retry, 0);
        ck_assert_uint_eq(sup_rate_count(rate), 0);
    }
    struct sup_rate *other = rate;
    struct sup_rate_opts opts = {.burst = 1, .refill = 1, .period_us = 1, .max_keys = 1};
    for (size_t n = 1; n <= 2; n++) {
        sup_mem_fail_at(n);
        ck_assert_int_eq(sup_rate_create(&opts, &other), SUP_E_NOMEM);
    }
    sup_mem_fail_at(0);
    ck_assert_ptr_eq(other, rate);
}
END_TEST

START_TEST(options_are_checked_and_changed)
{
    const struct sup_rate_opts wrong[] = {
        {.refill = 1, .period_us = 1, .max_keys = 1},
        {.burst = 1, .period_us = 1, .max_keys = 1},
        {.burst = 1, .refill = 1, .max_keys = 1},
        {.burst = 1, .refill = 1, .period_us = 1},
        {.burst = 1000001, .refill = 1, .period_us = 1, .max_keys = 1},
    };
    struct sup_rate *other = NULL;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_int_eq(sup_rate_create(&wrong[i], &other), SUP_E_INVAL);
    ck_assert_int_eq(sup_rate_set(rate, 0, 1, 1), SUP_E_INVAL);
    ck_assert_int_eq(sup_rate_set(rate, 1, 1, second), SUP_OK);
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 1, 0, NULL), SUP_OK);
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 1, 0, NULL), SUP_E_LIMIT);
    ck_assert_int_eq(sup_rate_take(rate, "a", 1, 1, second, NULL), SUP_OK);
    sup_rate_destroy(NULL);
}
END_TEST

SUP_CHECK_MAIN("net rate", setup, teardown, a_bucket_empties_and_refills,
               more_than_the_burst_never_succeeds, a_full_table_fails_closed_and_frees_idle_keys,
               no_memory_fails_closed, options_are_checked_and_changed)
