#include <string.h>
#include <time.h>

#include "support/check_main.h"
#include "supportd/auth/password.h"

static const struct sup_password_cost cheap = {.memory_kib = 8192, .passes = 1};

START_TEST(the_right_password_passes_and_no_other)
{
    struct sup_password_hash a, b;
    ck_assert_int_eq(sup_password_make(&cheap, "correct horse", 13, &a), SUP_OK);
    ck_assert_int_eq(sup_password_make(&cheap, "correct horse", 13, &b), SUP_OK);
    ck_assert_str_ne(a.s, b.s); /* salted */
    ck_assert_int_eq(strncmp(a.s, "$argon2id$v=19$m=8192,t=1,p=1$", 30), 0);
    ck_assert_int_eq(sup_password_verify(&cheap, a.s, "correct horse", 13), SUP_OK);
    ck_assert_int_eq(sup_password_verify(&cheap, b.s, "correct horse", 13), SUP_OK);
    ck_assert_int_eq(sup_password_verify(&cheap, a.s, "correct horsE", 13), SUP_E_DENIED);
    ck_assert_int_eq(sup_password_verify(&cheap, a.s, "correct hors", 12), SUP_E_DENIED);
    ck_assert_int_eq(sup_password_verify(&cheap, a.s, "", 0), SUP_E_DENIED);
}
END_TEST

START_TEST(a_known_hash_verifies)
{
    /* Made by the reference program: echo -n "password" | argon2 somesalt -id -t 2 -k 65536 -p 1 */
    static const char hash[] = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$"
                               "CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    ck_assert_int_eq(sup_password_verify(&cheap, hash, "password", 8), SUP_OK);
    ck_assert_int_eq(sup_password_verify(&cheap, hash, "passwore", 8), SUP_E_DENIED);
}
END_TEST

static double seconds(const char *hash)
{
    struct timespec from, to;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
    ck_assert_int_eq(
        sup_password_verify(&(struct sup_password_cost){0}, hash, "wrong password", 14),
        SUP_E_DENIED);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
    return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

START_TEST(an_unknown_account_takes_as_long)
{
    struct sup_password_hash hash;
    double known = 1e9, unknown = 1e9, none = 1e9;
    ck_assert_int_eq(sup_password_make(&(struct sup_password_cost){0}, "right password", 14, &hash),
                     SUP_OK);
    for (int i = 0; i < 3; i++) { /* the least of three is free of others' load */
        double t = seconds(hash.s);
        known = t < known ? t : known;
        t = seconds(NULL);
        unknown = t < unknown ? t : unknown;
        t = seconds("");
        none = t < none ? t : none;
    }
    ck_assert_double_gt(unknown, known / 2);
    ck_assert_double_lt(unknown, known * 2);
    ck_assert_double_gt(none, known / 2);
}
END_TEST

START_TEST(wrong_stored_hashes_are_refused)
{
    static const char *const wrong[] = {
        "x",
        "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=16$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=99$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ",
        "$argon2id$v=19$m=65536,t=2,p=1$",
        "$argon2id$v=19$m=65536,t=2,p=1$!!$!!",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(sup_password_verify(&cheap, wrong[i], "password", 8) == SUP_E_MALFORMED, "%s",
                      wrong[i]);
}
END_TEST

START_TEST(bounds_hold)
{
    static char longest[SUP_PASSWORD_MAX_BYTES + 2];
    struct sup_password_hash hash = {"kept"};
    memset(longest, 'a', sizeof(longest) - 1);
    ck_assert_int_eq(sup_password_make(&cheap, longest, SUP_PASSWORD_MAX_BYTES + 1, &hash),
                     SUP_E_LIMIT);
    ck_assert_int_eq(sup_password_make(&(struct sup_password_cost){.memory_kib = 8}, "a", 1, &hash),
                     SUP_E_INVAL);
    ck_assert_int_eq(sup_password_make(&(struct sup_password_cost){.passes = 21}, "a", 1, &hash),
                     SUP_E_INVAL);
    ck_assert_str_eq(hash.s, "kept");
    ck_assert_int_eq(sup_password_make(&cheap, longest, SUP_PASSWORD_MAX_BYTES, &hash), SUP_OK);
    ck_assert_int_eq(sup_password_verify(&cheap, hash.s, longest, SUP_PASSWORD_MAX_BYTES), SUP_OK);
    ck_assert_int_eq(sup_password_verify(&cheap, hash.s, longest, SUP_PASSWORD_MAX_BYTES + 1),
                     SUP_E_DENIED);
    ck_assert(!sup_password_is_outdated(&cheap, hash.s));
    ck_assert(sup_password_is_outdated(&(struct sup_password_cost){0}, hash.s));
    ck_assert(sup_password_is_outdated(&cheap, "x"));
    ck_assert(sup_password_is_outdated(&cheap, NULL));
}
END_TEST

START_TEST(new_passwords_are_looked_at)
{
    static const struct {
        const char *text;
        bool good;
    } cases[] = {{"0123456789", true},
                 {"012345678", false},
                 {"", false},
                 {"passw\xc3\xb6rter", true},
                 {"\xe5\xaf\x86\xe7\xa0\x81", false}, /* two characters of three bytes */
                 {"0123456789\n", false},
                 {"0123456789\xff", false},
                 {"0123456789\xc3", false},
                 {"0123456789\x80", false},
                 {"with blanks in it", true}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_msg(sup_password_acceptable(cases[i].text, strlen(cases[i].text)) ==
                          cases[i].good,
                      "%s", cases[i].text);
    static char longest[SUP_PASSWORD_MAX_BYTES + 2];
    memset(longest, 'a', sizeof(longest) - 1);
    ck_assert(sup_password_acceptable(longest, SUP_PASSWORD_MAX_BYTES));
    ck_assert(!sup_password_acceptable(longest, SUP_PASSWORD_MAX_BYTES + 1));
    ck_assert(!sup_password_acceptable("0123456789\0", 11));
}
END_TEST

SUP_CHECK_MAIN("password", NULL, NULL, the_right_password_passes_and_no_other,
               a_known_hash_verifies, an_unknown_account_takes_as_long,
               wrong_stored_hashes_are_refused, bounds_hold, new_passwords_are_looked_at)
