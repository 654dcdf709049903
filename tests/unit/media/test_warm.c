/* Unit tests of media/warm: the list is bounded, and a hint never faults. */
#include "supportd/media/warm.h"

#include <stdint.h>

#include "support/check_main.h"

static void setup(void)
{
}

static void teardown(void)
{
    ck_assert_uint_eq(sup_mem_live(), 0);
}

START_TEST(what_is_too_much_is_left_out)
{
    struct sup_warm warm = {0};
    char bytes[64];
    sup_warm_add(&warm, NULL, 10);
    ck_assert_uint_eq(warm.count, 0);
    for (size_t i = 0; i < SUP_WARM_RANGES + 3u; i++)
        sup_warm_add(&warm, bytes + i, i);
    ck_assert_uint_eq(warm.count, SUP_WARM_RANGES);
    ck_assert_ptr_eq(warm.ranges[SUP_WARM_RANGES - 1].at, bytes + SUP_WARM_RANGES - 1);
    ck_assert_uint_eq(warm.ranges[SUP_WARM_RANGES - 1].len, SUP_WARM_RANGES - 1);
}
END_TEST

START_TEST(ranges_that_are_gone_do_no_harm)
{
    struct sup_warm warm = {0};
    sup_warm_add(&warm, (const void *)(uintptr_t)64, 4096);
    sup_warm_fetch_names(&warm);
    sup_warm_fetch(&warm);
    ck_assert_uint_eq(warm.count, 1);
}
END_TEST

SUP_CHECK_MAIN("warm", setup, teardown, what_is_too_much_is_left_out,
               ranges_that_are_gone_do_no_harm)
