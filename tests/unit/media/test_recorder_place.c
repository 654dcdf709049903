/* Which directory of recordings it is, and how a recording leaves it. */
#include "supportd/media/recorder_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check_main.h"
#include "supportd/base/mem.h"

static char dir[64];

static void setup(void)
{
    strcpy(dir, "/tmp/supportd-place-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void)
{
    char command[128];
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

static const char *in_dir(const char *name)
{
    static char path[256];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *f = fopen(in_dir(name), "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs(text, f), 0);
    ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_place_is_made_once)
{
    struct sup_id first, again;
    ck_assert_int_eq(sup_rec_place(dir, &first), SUP_OK);
    ck_assert(!sup_id_is_zero(first));
    ck_assert_int_eq(sup_rec_place(dir, &again), SUP_OK);
    ck_assert(sup_id_equal(first, again));
}
END_TEST

START_TEST(a_place_that_cannot_be_read_is_not_guessed)
{
    struct sup_id place;
    write_file("place", "not an id\n");
    ck_assert_int_eq(sup_rec_place(dir, &place), SUP_E_MALFORMED);
    write_file("place", "");
    ck_assert_int_eq(sup_rec_place(dir, &place), SUP_E_MALFORMED);
    ck_assert_int_eq(sup_rec_place("/nonexistent", &place), SUP_E_IO);
}
END_TEST

START_TEST(all_of_a_recording_goes_and_nothing_else)
{
    static const char *const gone[] = {"202611/a.0.sup", "202611/a.0.sup.peaks", "202611/a.1.sup",
                                       "202611/a.1.sup.peaks.new", "202611/a.7.sup"};
    static const char *const stay[] = {"202611/b.0.sup", "202611/ab.0.sup", "place"};
    ck_assert_int_eq(mkdir(in_dir("202611"), 0700), 0);
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        write_file(gone[i], "x");
    for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
        write_file(stay[i], "x");
    ck_assert_int_eq(sup_rec_erase(dir, "202611/a"), SUP_OK);
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
        ck_assert_msg(access(in_dir(gone[i]), F_OK) != 0, "%s is left", gone[i]);
    for (size_t i = 0; i < sizeof(stay) / sizeof(stay[0]); i++)
        ck_assert_msg(access(in_dir(stay[i]), F_OK) == 0, "%s is gone", stay[i]);
    ck_assert_int_eq(sup_rec_erase(dir, "202611/a"), SUP_OK);
    ck_assert_int_eq(sup_rec_erase(dir, "202612/never"), SUP_OK);
}
END_TEST

START_TEST(what_stays_is_told)
{
    char path[5000];
    ck_assert_int_eq(mkdir(in_dir("202611"), 0700), 0);
    ck_assert_int_eq(mkdir(in_dir("202611/a.1.sup"), 0700), 0); /* no file: not unlinked */
    write_file("202611/a.0.sup", "x");
    ck_assert_int_eq(sup_rec_erase(dir, "202611/a"), SUP_E_IO);
    ck_assert_int_ne(access(in_dir("202611/a.0.sup"), F_OK), 0);
    memset(path, 'a', sizeof(path) - 1);
    path[sizeof(path) - 1] = '\0';
    ck_assert_int_eq(sup_rec_erase(dir, path), SUP_E_LIMIT);
}
END_TEST

SUP_CHECK_MAIN("recorder_place", setup, teardown, a_place_is_made_once,
               a_place_that_cannot_be_read_is_not_guessed, all_of_a_recording_goes_and_nothing_else,
               what_stays_is_told)
