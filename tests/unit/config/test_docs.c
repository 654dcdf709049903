/* Holds docs/config.md and config/supportd.conf to the table. With the argument --write it writes
 * both instead. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/check_main.h"
#include "supportd/config/config.h"

static const char docs_path[] = SUP_TEST_ROOT "/docs/config.md";
static const char sample_path[] = SUP_TEST_ROOT "/config/supportd.conf";

static void expect_file(const char *path, const struct sup_buf *want)
{
    static char text[256 * 1024];
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    size_t len = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    ck_assert_msg(len == want->len && memcmp(text, want->data, len) == 0,
                  "%s differs from the table; write it with config_test_docs --write", path);
}

START_TEST(the_docs_equal_the_table)
{
    struct sup_buf out;
    sup_buf_init(&out, 0);
    ck_assert_int_eq(sup_config_write_docs(&out), SUP_OK);
    expect_file(docs_path, &out);
    sup_buf_fini(&out);
}
END_TEST

START_TEST(the_sample_equals_the_table)
{
    struct sup_buf out;
    sup_buf_init(&out, 0);
    ck_assert_int_eq(sup_config_write_sample(&out), SUP_OK);
    expect_file(sample_path, &out);
    sup_buf_fini(&out);
}
END_TEST

/* Loads text, and compares with the defaults. */
static void expect_defaults(const char *text)
{
    char path[] = "/tmp/supportd-test-sample-XXXXXX";
    struct sup_config *defaults = NULL, *config = NULL;
    struct sup_buf problems;
    int fd = mkstemp(path);
    sup_buf_init(&problems, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    struct sup_config_opts opts = {.path = path};
    sup_err err = sup_config_load(&opts, &problems, &config);
    unlink(path);
    ck_assert_msg(err == SUP_OK, "%s", problems.data);
    opts.path = NULL;
    ck_assert_int_eq(sup_config_load(&opts, &problems, &defaults), SUP_OK);
    ck_assert_uint_eq(sup_config_diff(defaults, config, NULL, NULL), 0);
    sup_config_destroy(defaults);
    sup_config_destroy(config);
    sup_buf_fini(&problems);
}

START_TEST(the_sample_is_the_defaults_with_and_without_its_marks)
{
    struct sup_buf out;
    sup_buf_init(&out, 0);
    ck_assert_int_eq(sup_config_write_sample(&out), SUP_OK);
    expect_defaults(out.data);
    size_t keys = 0;
    for (char *s = out.data; (s = strstr(s, "\n    #")); s++) {
        if (s[6] != ' ') {
            s[5] = ' ';
            keys++;
        }
    }
    ck_assert_uint_gt(keys, 80);
    expect_defaults(out.data);
    sup_buf_fini(&out);
}
END_TEST

START_TEST(lack_of_room_or_memory_is_told)
{
    static sup_err (*const writers[])(struct sup_buf *) = {sup_config_write_docs,
                                                           sup_config_write_sample};
    struct sup_buf out;
    for (size_t i = 0; i < 2; i++) {
        sup_err err = SUP_E_LIMIT;
        size_t limit = 1;
        for (; err == SUP_E_LIMIT && limit < 100000; limit += 97) {
            sup_buf_init(&out, limit);
            err = writers[i](&out);
            sup_buf_fini(&out);
        }
        ck_assert_int_eq(err, SUP_OK);
        ck_assert_uint_gt(limit, 10000);
    }
    sup_err err = SUP_E_NOMEM;
    for (size_t n = 1; err == SUP_E_NOMEM && n < 1000; n++) {
        sup_buf_init(&out, 0);
        sup_mem_fail_at(n);
        err = sup_config_write_sample(&out);
        sup_mem_fail_at(0);
        sup_buf_fini(&out);
    }
    ck_assert_int_eq(err, SUP_OK);
}
END_TEST

static int write_to(const char *path, sup_err (*write_text)(struct sup_buf *))
{
    struct sup_buf out;
    sup_buf_init(&out, 0);
    FILE *file = write_text(&out) ? NULL : fopen(path, "w");
    int bad = !file || fwrite(out.data, 1, out.len, file) != out.len;
    if (file)
        bad |= fclose(file);
    sup_buf_fini(&out);
    return bad;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--write") == 0)
        return write_to(docs_path, sup_config_write_docs) |
               write_to(sample_path, sup_config_write_sample);
    const TTest *const tests[] = {the_docs_equal_the_table, the_sample_equals_the_table,
                                  the_sample_is_the_defaults_with_and_without_its_marks,
                                  lack_of_room_or_memory_is_told};
    return sup_check_run("docs", NULL, NULL, tests, sizeof(tests) / sizeof(tests[0]));
}
