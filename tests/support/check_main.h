/* Shared by the Check programs: one suite, run without forking so that sanitizers see leaks.
 *
 *   SUP_CHECK_MAIN("unit name", setup, teardown, test_a, test_b, ...)
 *
 * setup/teardown run around each test and may be NULL. After each teardown no block of base/mem
 * may be live. CK_RUN_CASE etc. work as usual. */
#ifndef SUPPORTD_TESTS_CHECK_MAIN_H
#define SUPPORTD_TESTS_CHECK_MAIN_H
#include <check.h>
#include <stdlib.h>

#include "supportd/base/mem.h"

static void check_no_live_block(void)
{
    sup_mem_fail_at(0);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

static inline int sup_check_run(const char *name, SFun setup, SFun teardown,
                                const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, NULL, check_no_live_block);
    if (setup || teardown)
        tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define SUP_CHECK_MAIN(name, setup, teardown, ...)                                                 \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return sup_check_run(name, setup, teardown, tests, sizeof(tests) / sizeof(tests[0]));      \
    }
#endif
