/* A folder of spoken prompts. */
#ifndef SUPPORTD_TESTS_SPOKEN_H
#define SUPPORTD_TESTS_SPOKEN_H
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/ogg_file.h"
#include "supportd/media/prompts.h"

static inline void add_prompt(const char *dir, const char *name)
{
    static uint8_t file[4096];
    char path[128];
    size_t len = ogg_file(file, sizeof(file), 3, 1);
    (void)snprintf(path, sizeof(path), "%s/en/%s.opus", dir, name);
    FILE *out = fopen(path, "wb");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(file, 1, len, out), len);
    ck_assert_int_eq(fclose(out), 0);
}

/* dir: ends in XXXXXX; the folder is gone afterwards. */
static inline struct sup_prompts *make_prompts(char *dir)
{
    struct sup_prompts_error error;
    struct sup_prompts *prompts = NULL;
    char en[64];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    (void)snprintf(en, sizeof(en), "%s/en", dir);
    ck_assert_int_eq(mkdir(en, 0700), 0);
    add_prompt(dir, "please_wait");
    add_prompt(dir, "position_1");
    ck_assert_int_eq(sup_prompts_open(dir, &prompts, &error), SUP_OK);
    (void)snprintf(en, sizeof(en), "rm -rf '%s'", dir);
    ck_assert_int_eq(system(en), 0);
    return prompts;
}
#endif
