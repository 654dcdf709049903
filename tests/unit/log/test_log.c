#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "support/check_main.h"
#include "supportd/base/clock.h"
#include "supportd/log/log.h"

static int fds[2];
static char text[65536];

static void setup(void)
{
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    sup_clock_fake(5000000, 1795450680123999);
    sup_log_setup(SUP_LOG_INFO, fds[1], 0);
}

static void teardown(void)
{
    sup_log_setup(SUP_LOG_INFO, STDERR_FILENO, 0);
    sup_clock_real();
    close(fds[0]);
    close(fds[1]);
}

static const char *written(void)
{
    ssize_t n = read(fds[0], text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static json_t *written_object(void)
{
    json_error_t error;
    json_t *object = json_loads(written(), 0, &error);
    ck_assert_msg(object != NULL, "%s: %s", error.text, text);
    return object;
}

START_TEST(a_line_is_one_json_object)
{
    sup_log_info("pg", "connected", SUP_INT("conn", -7), SUP_STR("host", "db1"),
                 SUP_NUM("wait_s", 0.25));
    ck_assert_str_eq(written(),
                     "{\"ts\":\"2026-11-23T16:18:00.123Z\",\"level\":\"info\",\"area\":\"pg\","
                     "\"text\":\"connected\",\"conn\":-7,\"host\":\"db1\",\"wait_s\":0.25}\n");
    sup_log_error("pg", "no fields");
    ck_assert_ptr_nonnull(strstr(written(), "\"level\":\"error\""));
    sup_log_warn("pg", "odd", SUP_STR("s", NULL), SUP_NUM("inf", 1e308 * 10));
    ck_assert_ptr_nonnull(strstr(written(), "\"s\":null,\"inf\":null}"));
}
END_TEST

START_TEST(levels_below_the_limit_are_dropped)
{
    enum sup_log_level level = SUP_LOG_ERROR;
    sup_log_debug("log", "hidden");
    ck_assert_str_eq(written(), "");
    ck_assert_int_eq(sup_log_level_parse("debug", &level), SUP_OK);
    ck_assert_int_eq(level, SUP_LOG_DEBUG);
    ck_assert_int_eq(sup_log_level_parse("trace", &level), SUP_E_INVAL);
    ck_assert_int_eq(sup_log_level_parse("", &level), SUP_E_INVAL);
    ck_assert_int_eq(level, SUP_LOG_DEBUG);
    sup_log_setup(level, fds[1], 0);
    sup_log_debug("log", "shown");
    ck_assert_ptr_nonnull(strstr(written(), "\"shown\""));
}
END_TEST

START_TEST(values_cannot_break_the_line)
{
    sup_log_info("log", "escape", SUP_STR("v", "a\"b\\c\n\x01\x7f\t}"),
                 SUP_STR("utf8", "f\xc3\xbcr \xe2\x82\xac \xf0\x9f\x98\x80"),
                 SUP_STR("bad", "\xff\xc0\xaf\xed\xa0\x80\xe2\x82"));
    json_t *object = written_object();
    ck_assert_ptr_null(strchr(strchr(text, '\n') + 1, '\n'));
    ck_assert_str_eq(json_string_value(json_object_get(object, "v")), "a\"b\\c\n\x01\x7f\t}");
    ck_assert_str_eq(json_string_value(json_object_get(object, "utf8")),
                     "f\xc3\xbcr \xe2\x82\xac \xf0\x9f\x98\x80");
    const char *bad = json_string_value(json_object_get(object, "bad"));
    ck_assert_uint_eq(strlen(bad), 8 * 3); /* eight bytes, each replaced by U+FFFD */
    json_decref(object);
}
END_TEST

START_TEST(long_values_and_lines_are_cut)
{
    char big[2000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    memcpy(big + 255, "\xe2\x82\xac", 3); /* the cut falls into a character */
    sup_log_info("log", "long", SUP_STR("v", big));
    json_t *object = written_object();
    ck_assert_uint_eq(strlen(json_string_value(json_object_get(object, "v"))), 255);
    ck_assert_ptr_null(json_object_get(object, "cut"));
    json_decref(object);

    memset(big, 1, 256); /* six bytes each once escaped */
    sup_log_info("log", "longer", SUP_STR("a", big), SUP_STR("b", big), SUP_STR("c", big),
                 SUP_INT("d", 4));
    object = written_object();
    ck_assert_ptr_nonnull(json_object_get(object, "b"));
    ck_assert_ptr_null(json_object_get(object, "c"));
    ck_assert_int_eq(json_integer_value(json_object_get(object, "d")), 4);
    ck_assert(json_is_true(json_object_get(object, "cut")));
    json_decref(object);
}
END_TEST

START_TEST(a_flood_of_one_text_is_counted_instead)
{
    sup_log_setup(SUP_LOG_INFO, fds[1], 3);
    for (int i = 0; i < 10; i++)
        sup_log_info("log", "flood", SUP_INT("i", i));
    sup_log_info("log", "other");
    size_t lines = 0;
    for (const char *s = written(); (s = strchr(s, '\n')); s++)
        lines++;
    ck_assert_uint_eq(lines, 4);
    sup_clock_fake(6000000, 1795450681123999);
    sup_log_info("log", "flood", SUP_INT("i", 10));
    ck_assert_ptr_nonnull(strstr(written(), "\"i\":10,\"dropped\":7}"));
    sup_log_info("log", "flood", SUP_INT("i", 11));
    ck_assert_ptr_nonnull(strstr(written(), "\"i\":11}"));
}
END_TEST

START_TEST(a_broken_sink_changes_nothing_for_the_caller)
{
    sup_log_setup(SUP_LOG_INFO, -1, 0);
    errno = ENOENT;
    sup_log_info("log", "nowhere");
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

static void *log_many(void *arg)
{
    for (int i = 0; i < 100; i++)
        sup_log_info("log", "thread", SUP_INT("n", *(int *)arg), SUP_INT("i", i));
    return NULL;
}

START_TEST(threads_do_not_mix_their_lines)
{
    int numbers[4] = {0, 1, 2, 3};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, log_many, &numbers[i]), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    size_t lines = 0;
    for (char *s = (char *)(uintptr_t)written(), *end; (end = strchr(s, '\n')); s = end + 1) {
        *end = '\0';
        json_t *object = json_loads(s, 0, NULL);
        ck_assert_msg(object != NULL, "%s", s);
        json_decref(object);
        lines++;
    }
    ck_assert_uint_eq(lines, 400);
}
END_TEST

SUP_CHECK_MAIN("log", setup, teardown, a_line_is_one_json_object,
               levels_below_the_limit_are_dropped, values_cannot_break_the_line,
               long_values_and_lines_are_cut, a_flood_of_one_text_is_counted_instead,
               a_broken_sink_changes_nothing_for_the_caller, threads_do_not_mix_their_lines)
