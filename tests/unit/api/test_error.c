/* The table of refusals: against its document and against what the SQL functions raise. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "../../../src/api/api_internal.h"
#include "support/check_main.h"

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    long len = ftell(file);
    rewind(file);
    char *text = malloc((size_t)len + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(fread(text, 1, (size_t)len, file), (size_t)len);
    text[len] = '\0';
    (void)fclose(file);
    return text;
}

START_TEST(the_document_is_the_table)
{
    struct sup_buf out = {0};
    char *text = read_file(SUP_TEST_ROOT "/docs/errors.md");
    ck_assert_int_eq(sup_api_write_errors(&out), SUP_OK);
    ck_assert_str_eq(out.data, text);
    sup_buf_fini(&out);
    free(text);
}
END_TEST

START_TEST(codes_are_words_and_appear_once)
{
    struct sup_buf out = {0};
    ck_assert_int_eq(sup_api_write_errors(&out), SUP_OK);
    int count = 0;
    for (char *at = strstr(out.data, "\n| `"); at; at = strstr(at, "\n| `")) {
        char code[64];
        unsigned status;
        at += 4;
        ck_assert_int_eq(sscanf(at, "%63[a-z0-9_]` | %u |", code, &status), 2);
        const struct api_error *error = api_error_find(code);
        ck_assert_str_eq(error->code, code);
        ck_assert_msg(error->status == status, "%s is there twice", code);
        ck_assert(status >= 400 && status < 600);
        ck_assert_ptr_nonnull(error->title);
        count++;
    }
    ck_assert_int_gt(count, 40);
    sup_buf_fini(&out);
}
END_TEST

START_TEST(an_unknown_code_is_an_internal_error)
{
    ck_assert_str_eq(api_error_find("no_such_code")->code, "internal_error");
    ck_assert_uint_eq(api_error_find("")->status, 500);
}
END_TEST

/* support.fail('SD404', 'chat_not_found'): the number is the status that the code gets. */
static int check_functions(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/sql/functions/%s", SUP_TEST_ROOT, name);
    char *text = read_file(path);
    int count = 0;
    for (char *at = strstr(text, "support.fail('SD"); at; at = strstr(at + 1, "support.fail('SD")) {
        char code[64];
        unsigned status;
        ck_assert_int_eq(sscanf(at, "support.fail('SD%u', '%63[a-z0-9_]')", &status, code), 2);
        if (strcmp(code, "audit_epoch") == 0) /* told to the sealer alone, who logs it */
            continue;
        const struct api_error *error = api_error_find(code);
        ck_assert_msg(strcmp(error->code, code) == 0, "%s: %s is not in the table", name, code);
        ck_assert_msg(error->status == status, "%s: %s", name, code);
        count++;
    }
    free(text);
    return count;
}

START_TEST(what_the_database_raises_is_in_the_table)
{
    DIR *dir = opendir(SUP_TEST_ROOT "/sql/functions");
    ck_assert_ptr_nonnull(dir);
    int count = 0;
    for (struct dirent *e; (e = readdir(dir));)
        if (e->d_name[0] != '.')
            count += check_functions(e->d_name);
    (void)closedir(dir);
    ck_assert_int_gt(count, 30);
}
END_TEST

SUP_CHECK_MAIN("error", NULL, NULL, the_document_is_the_table, codes_are_words_and_appear_once,
               an_unknown_code_is_an_internal_error, what_the_database_raises_is_in_the_table)
