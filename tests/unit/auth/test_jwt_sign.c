/* auth/jwt_sign against auth/jwt and against a token made by OpenSSL alone. */
#include <stdbool.h>
#include <string.h>

#include "support/check_main.h"
#include "support/jwt_maker.h"
#include "supportd/auth/jwt.h"
#include "supportd/auth/jwt_sign.h"

#define NOW_S 1795364280LL /* 2026-11-22T16:18:00Z */
#define ISSUER "https://login.bank.example"

static json_t *claims_of(const char *subject)
{
    return json_pack("{s:s, s:s, s:s, s:I}", "iss", ISSUER, "aud", "support", "sub", subject, "exp",
                     (json_int_t)NOW_S + 300);
}

static enum sup_jwt_reason verify(const char *secret, const char *token, size_t len, char *subject)
{
    struct sup_jwt_opts opts = {.secret = secret, .issuer = ISSUER, .audience = "support"};
    struct sup_jwt *jwt = NULL;
    struct sup_identity who;
    enum sup_jwt_reason reason = SUP_JWT_REASONS;
    ck_assert_int_eq(sup_jwt_create(&opts, &jwt, NULL), SUP_OK);
    sup_err err = sup_jwt_verify(jwt, token, len, NOW_S * 1000000, &who, &reason);
    ck_assert((err == SUP_OK) == (reason == SUP_JWT_OK));
    if (!err)
        strcpy(subject, who.subject);
    sup_jwt_destroy(jwt);
    return reason;
}

START_TEST(what_is_signed_verifies)
{
    char subject[SUP_IDENTITY_MAX_SUBJECT + 1] = "";
    struct sup_buf token = {0};
    json_t *claims = claims_of("c-17");
    ck_assert_int_eq(sup_jwt_sign(TOKEN_SECRET, claims, &token), SUP_OK);
    ck_assert_int_eq(verify(TOKEN_SECRET, token.data, token.len, subject), SUP_JWT_OK);
    ck_assert_str_eq(subject, "c-17");
    ck_assert_int_eq(verify("another secret of 32 bytes here!", token.data, token.len, subject),
                     SUP_JWT_BAD_SIGNATURE);
    for (size_t i = 0; i < token.len; i++) { /* no character can be changed */
        char kept = token.data[i];
        token.data[i] = kept == 'A' ? 'B' : 'A';
        ck_assert_int_ne(verify(TOKEN_SECRET, token.data, token.len, subject), SUP_JWT_OK);
        token.data[i] = kept;
    }
    json_decref(claims);
    sup_buf_fini(&token);
}
END_TEST

START_TEST(it_is_the_token_that_others_make)
{
    static char other[TOKEN_SIZE];
    struct sup_buf token = {0};
    json_t *claims = json_pack("{s:s}", "sub", "x");
    token_hs256(other, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", "{\"sub\":\"x\"}", TOKEN_SECRET,
                strlen(TOKEN_SECRET));
    ck_assert_int_eq(sup_buf_adds(&token, "before "), SUP_OK); /* appends */
    ck_assert_int_eq(sup_jwt_sign(TOKEN_SECRET, claims, &token), SUP_OK);
    ck_assert_int_eq(strncmp(token.data, "before ", 7), 0);
    ck_assert_str_eq(token.data + 7, other);
    json_decref(claims);
    sup_buf_fini(&token);
}
END_TEST

START_TEST(weak_secrets_and_long_claims_are_refused)
{
    static char text[3000];
    struct sup_buf token = {0};
    json_t *claims = claims_of("c-1");
    ck_assert_int_eq(sup_jwt_sign("only 31 bytes, that is too few!", claims, &token), SUP_E_INVAL);
    ck_assert_int_eq(sup_jwt_sign("", claims, &token), SUP_E_INVAL);
    ck_assert_uint_eq(token.len, 0);
    memset(text, 'n', sizeof(text) - 1);
    json_object_set_new(claims, "name", json_string(text));
    ck_assert_int_eq(sup_jwt_sign(TOKEN_SECRET, claims, &token), SUP_E_LIMIT);
    json_decref(claims);
    sup_buf_fini(&token);
}
END_TEST

START_TEST(lack_of_memory_is_reported)
{
    json_t *claims = claims_of("c-1");
    bool done = false;
    for (size_t n = 1; n < 20 && !done; n++) {
        struct sup_buf token = {0};
        sup_mem_fail_at(n);
        sup_err err = sup_jwt_sign(TOKEN_SECRET, claims, &token);
        sup_mem_fail_at(0);
        done = err == SUP_OK;
        ck_assert(done || err == SUP_E_NOMEM);
        sup_buf_fini(&token);
    }
    ck_assert(done);
    json_decref(claims);
}
END_TEST

SUP_CHECK_MAIN("jwt_sign", NULL, NULL, what_is_signed_verifies, it_is_the_token_that_others_make,
               weak_secrets_and_long_claims_are_refused, lack_of_memory_is_reported)
