#include "supportd/media/prompts.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check_main.h"
#include "support/ogg_file.h"

static char dir[64];
static struct sup_prompts *prompts;
static struct sup_prompts_error error;

static void setup(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/supportd-prompts-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    prompts = NULL;
}

static void teardown(void)
{
    sup_prompts_destroy(prompts);
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    ck_assert_int_eq(system(command), 0);
}

static void add_bytes(const char *name, const uint8_t *data, size_t len)
{
    char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    *strrchr(path, '/') = '\0';
    (void)mkdir(path, 0700);
    path[strlen(path)] = '/';
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, len, file), len);
    ck_assert_int_eq(fclose(file), 0);
}

static void add(const char *name, size_t packets, uint8_t fill)
{
    static uint8_t data[64 * 1024];
    add_bytes(name, data, ogg_file(data, sizeof(data), packets, fill));
}

static int plays(const char *language, unsigned position)
{
    return sup_hold_packet(sup_prompts_find(prompts, language, position), 0).data[1];
}

START_TEST(the_right_file_is_found)
{
    add("en/please_wait.opus", 3, 10);
    add("en/position_1.opus", 4, 11);
    add("en/position_2.opus", 5, 12);
    add("sw/please_wait.opus", 3, 20);
    add("sw/position_1.opus", 3, 21);
    add("pt-br/please_wait.opus", 3, 30);
    add("Notes/please_wait.opus", 3, 40); /* no language */
    add("en/readme.txt", 1, 0);
    ck_assert_int_eq(sup_prompts_open(dir, &prompts, &error), SUP_OK);
    ck_assert_uint_eq(sup_prompts_languages(prompts), 3);
    static const struct {
        const char *language;
        unsigned position;
        int fill;
    } table[] = {{"en", 1, 11},    {"en", 2, 12},    {"en", 3, 10},     {"en", 0, 10},
                 {"en", 4000, 10}, {"sw", 1, 21},    {"sw", 2, 20},     {"SW-ke", 1, 21},
                 {"sw_TZ", 2, 20}, {"pt-BR", 1, 30}, {"pt", 1, 11},     {"fr", 2, 12},
                 {"", 1, 11},      {NULL, 2, 12},    {"english", 1, 11}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        ck_assert_msg(plays(table[i].language, table[i].position) == table[i].fill, "row %zu", i);
    ck_assert_uint_eq(sup_hold_count(sup_prompts_find(prompts, "en", 2)), 5);
}
END_TEST

START_TEST(without_english_the_first_language_speaks)
{
    add("sw/please_wait.opus", 3, 20);
    add("fr/please_wait.opus", 3, 50);
    ck_assert_int_eq(sup_prompts_open(dir, &prompts, &error), SUP_OK);
    ck_assert_int_eq(plays("de", 1), 50);
}
END_TEST

START_TEST(the_notice_of_a_recording_follows_the_language)
{
    add("de/please_wait.opus", 3, 40);
    add("de/recording_notice.opus", 6, 42); /* first by name, and nobody's but its own */
    add("en/please_wait.opus", 3, 10);
    add("sw/please_wait.opus", 3, 20);
    add("sw/recording_notice.opus", 6, 22);
    add("pt-br/please_wait.opus", 3, 30);
    add("pt-br/position_1.opus", 3, 31);
    add("pt-br/recording_notice.opus", 6, 32);
    ck_assert_int_eq(sup_prompts_open(dir, &prompts, &error), SUP_OK);
    static const struct {
        const char *language;
        int fill; /* 0: none */
    } table[] = {{"sw", 22}, {"SW-ke", 22}, {"pt-BR", 32}, {"pt", 0},    {"en", 0},
                 {"fr", 0},  {"", 0},       {NULL, 0},     {"sw_TZ", 22}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct sup_hold *notice = sup_prompts_notice(prompts, table[i].language);
        int fill = notice ? sup_hold_packet(notice, 0).data[1] : 0;
        ck_assert_msg(fill == table[i].fill, "row %zu: %d", i, fill);
    }
    ck_assert_int_eq(plays("sw", 1), 20);
}
END_TEST

static void refused(sup_err err, const char *file, const char *why)
{
    ck_assert_int_eq(sup_prompts_open(dir, &prompts, &error), err);
    ck_assert_str_eq(error.file, file);
    ck_assert_msg(strstr(error.why, why) != NULL, "%s", error.why);
    ck_assert_ptr_null(prompts);
}

START_TEST(what_is_wrong_is_named)
{
    refused(SUP_E_NOTFOUND, "", "no folder of a language");
    add("en/position_1.opus", 3, 1);
    refused(SUP_E_NOTFOUND, "en/please_wait.opus", "cannot be opened");
    add("en/please_wait.opus", 3, 1);
    add("en/position_3.opus", 3, 1); /* 2 is missing */
    refused(SUP_E_MALFORMED, "en/position_3.opus", "one before it is missing");
    add("en/position_2.opus", 3, 1);
    add("en/postion_4.opus", 3, 1);
    refused(SUP_E_MALFORMED, "en/postion_4.opus", "no prompt is called so");
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/en/postion_4.opus", dir);
    ck_assert_int_eq(unlink(path), 0);
    add("en/position_4.opus", SUP_PROMPT_PACKETS_MAX + 1, 1);
    refused(SUP_E_LIMIT, "en/position_4.opus", "20 s");
    add("en/position_4.opus", 1, 1);
    add("en/recording_notice.opus", SUP_PROMPT_PACKETS_MAX + 1, 1);
    refused(SUP_E_LIMIT, "en/recording_notice.opus", "20 s");
    add("en/recording_notice.opus", 1, 1);
    add_bytes("en/position_4.opus", (const uint8_t *)"RIFF....WAVE", 12);
    refused(SUP_E_MALFORMED, "en/position_4.opus", "not an Ogg file");
    add("en/position_4.opus", SUP_PROMPT_PACKETS_MAX, 1);
    ck_assert_int_eq(sup_prompts_open(dir, &prompts, &error), SUP_OK);
    sup_prompts_destroy(prompts);
    prompts = NULL;
    ck_assert_int_eq(sup_prompts_open("/nowhere", &prompts, &error), SUP_E_IO);
    ck_assert_ptr_null(prompts);
}
END_TEST

START_TEST(too_many_languages)
{
    for (char c = 'a'; c < 'a' + SUP_PROMPTS_LANGUAGES_MAX + 1; c++)
        add((const char[]){'x', c,   '/', 'p', 'l', 'e', 'a', 's', 'e', '_',
                           'w', 'a', 'i', 't', '.', 'o', 'p', 'u', 's', '\0'},
            1, 1);
    refused(SUP_E_LIMIT, "", "16 languages");
}
END_TEST

START_TEST(out_of_memory_leaves_nothing)
{
    add("en/please_wait.opus", 3, 10);
    add("en/position_1.opus", 3, 10);
    add("en/recording_notice.opus", 3, 10);
    sup_err err = SUP_E_NOMEM;
    for (size_t n = 1; err; n++) {
        sup_mem_fail_at(n);
        err = sup_prompts_open(dir, &prompts, &error);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || err == SUP_E_NOMEM);
    }
}
END_TEST

SUP_CHECK_MAIN("prompts", setup, teardown, the_right_file_is_found,
               the_notice_of_a_recording_follows_the_language,
               without_english_the_first_language_speaks, what_is_wrong_is_named,
               too_many_languages, out_of_memory_leaves_nothing)
