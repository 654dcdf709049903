#include <string.h>

#include "support/check_main.h"
#include "supportd/auth/base64url.h"
#include "supportd/auth/session.h"

/* 32 bytes 0x00..0x1f */
static const char known[] = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

START_TEST(base64url_is_strict)
{
    static const char *const good[][2] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},       {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"\xff\xfe", "__4"}, {"\xfb\xff\xbf", "-_-_"}};
    static const char *const bad[] = {"Z",    "Zg==", "Zh",    "Zm9",       "Zm+v",
                                      "Zm/v", "Zm v", "Zm\nv", "Z\xc3\xa9v"};
    uint8_t bytes[16];
    char text[16];
    size_t len = 99;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        size_t size = strlen(good[i][0]);
        sup_base64url_encode((const uint8_t *)good[i][0], size, text);
        ck_assert_str_eq(text, good[i][1]);
        ck_assert_uint_eq(SUP_BASE64URL_LEN(size), strlen(text));
        ck_assert_int_eq(sup_base64url_decode(text, strlen(text), bytes, &len), SUP_OK);
        ck_assert_uint_eq(len, size);
        ck_assert_int_eq(memcmp(bytes, good[i][0], len), 0);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(sup_base64url_decode(bad[i], strlen(bad[i]), bytes, &len) == SUP_E_MALFORMED,
                      "%s", bad[i]);
}
END_TEST

START_TEST(tokens_differ_and_hash)
{
    /* echo -n of the 32 bytes 0x00..0x1f | sha256sum */
    static const uint8_t want[] = {0x63, 0x0d, 0xcd, 0x29, 0x66, 0xc4, 0x33, 0x66, 0x91, 0x12, 0x54,
                                   0x48, 0xbb, 0xb2, 0x5b, 0x4f, 0xf4, 0x12, 0xa4, 0x9c, 0x73, 0x2d,
                                   0xb2, 0xc8, 0xab, 0xc1, 0xb8, 0x58, 0x1b, 0xd7, 0x10, 0xdd};
    struct sup_token a = sup_token_new(), b = sup_token_new();
    struct sup_token_hash hash, other;
    ck_assert_uint_eq(strlen(a.s), SUP_TOKEN_LEN);
    ck_assert_str_ne(a.s, b.s);
    ck_assert_int_eq(sup_token_hash(a.s, SUP_TOKEN_LEN, &hash), SUP_OK);
    ck_assert_int_eq(sup_token_hash(b.s, SUP_TOKEN_LEN, &other), SUP_OK);
    ck_assert_int_ne(memcmp(hash.bytes, other.bytes, sizeof(hash.bytes)), 0);
    ck_assert_int_eq(sup_token_hash(known, SUP_TOKEN_LEN, &hash), SUP_OK);
    ck_assert_int_eq(memcmp(hash.bytes, want, sizeof(want)), 0);
    struct sup_token_hash kept = hash;
    ck_assert_int_eq(sup_token_hash(known, SUP_TOKEN_LEN - 1, &hash), SUP_E_MALFORMED);
    ck_assert_int_eq(sup_token_hash("", 0, &hash), SUP_E_MALFORMED);
    ck_assert_int_eq(
        sup_token_hash("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+", SUP_TOKEN_LEN, &hash),
        SUP_E_MALFORMED);
    ck_assert_int_eq(memcmp(kept.bytes, hash.bytes, sizeof(kept.bytes)), 0);
}
END_TEST

START_TEST(the_csrf_token_belongs_to_one_session)
{
    struct sup_token session = sup_token_new(), other = sup_token_new(), csrf, again;
    ck_assert_int_eq(sup_csrf_of(session.s, SUP_TOKEN_LEN, &csrf), SUP_OK);
    ck_assert_int_eq(sup_csrf_of(session.s, SUP_TOKEN_LEN, &again), SUP_OK);
    ck_assert_str_eq(csrf.s, again.s);
    ck_assert_str_ne(csrf.s, session.s);
    ck_assert(sup_csrf_matches(session.s, SUP_TOKEN_LEN, csrf.s));
    ck_assert(!sup_csrf_matches(other.s, SUP_TOKEN_LEN, csrf.s));
    ck_assert(!sup_csrf_matches(session.s, SUP_TOKEN_LEN, session.s));
    ck_assert(!sup_csrf_matches(session.s, SUP_TOKEN_LEN, NULL));
    ck_assert(!sup_csrf_matches(session.s, SUP_TOKEN_LEN, ""));
    ck_assert(!sup_csrf_matches("x", 1, csrf.s));
    csrf.s[7] = csrf.s[7] == 'A' ? 'B' : 'A';
    ck_assert(!sup_csrf_matches(session.s, SUP_TOKEN_LEN, csrf.s));
}
END_TEST

static const char *written(const struct sup_cookie_opts *opts, struct sup_buf *out)
{
    sup_buf_clear(out);
    ck_assert_int_eq(sup_cookie_write(opts, out), SUP_OK);
    return out->data;
}

START_TEST(cookies_are_written_with_all_their_guards)
{
    struct sup_buf out;
    struct sup_cookie_opts opts = {
        .name = "supportd_session", .value = "abc", .secure = true, .max_age_s = 43200};
    sup_buf_init(&out, 0);
    ck_assert_str_eq(written(&opts, &out), "supportd_session=abc; Path=/; HttpOnly; "
                                           "SameSite=Strict; Secure; Max-Age=43200");
    opts.domain = "bank.example";
    opts.secure = false;
    opts.max_age_s = 0;
    ck_assert_str_eq(written(&opts, &out), "supportd_session=abc; Path=/; HttpOnly; "
                                           "SameSite=Strict; Domain=bank.example");
    opts.value = "";
    ck_assert_str_eq(written(&opts, &out), "supportd_session=; Path=/; HttpOnly; "
                                           "SameSite=Strict; Domain=bank.example; Max-Age=0");
    sup_buf_fini(&out);
}
END_TEST

START_TEST(cookies_that_would_break_the_header_are_refused)
{
    static const struct sup_cookie_opts wrong[] = {
        {.name = "", .value = "a"},
        {.name = "a b", .value = "a"},
        {.name = "a=b", .value = "a"},
        {.name = "a;b", .value = "a"},
        {.name = "a", .value = "a;b"},
        {.name = "a", .value = "a\r\nSet-Cookie: x=y"},
        {.name = "a", .value = "a b"},
        {.name = "a", .value = "\xc3\xa4"},
        {.name = "a", .value = "b", .domain = "x; Path=/y"},
        {.name = "a", .value = "b", .max_age_s = -1},
    };
    struct sup_buf out;
    sup_buf_init(&out, 0);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_int_eq(sup_cookie_write(&wrong[i], &out), SUP_E_INVAL);
    ck_assert_uint_eq(out.len, 0);
    sup_err err = SUP_E_NOMEM;
    const struct sup_cookie_opts good = {
        .name = "a", .value = "b", .domain = "bank.example", .secure = true, .max_age_s = 1};
    for (size_t n = 1; err == SUP_E_NOMEM && n < 100; n++) {
        sup_mem_fail_at(n);
        err = sup_cookie_write(&good, &out);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || out.len == 0);
    }
    ck_assert_int_eq(err, SUP_OK);
    sup_buf_fini(&out);
}
END_TEST

SUP_CHECK_MAIN("session", NULL, NULL, base64url_is_strict, tokens_differ_and_hash,
               the_csrf_token_belongs_to_one_session, cookies_are_written_with_all_their_guards,
               cookies_that_would_break_the_header_are_refused)
