#include <openssl/pem.h>
#include <unistd.h>

#include "support/check_main.h"
#include "support/jwt_maker.h"
#include "supportd/auth/jwt.h"
#include "supportd/base/json.h"

/* 2026-11-22T16:18:00Z */
#define NOW_S 1795364280LL
#define NOW_US (NOW_S * 1000000)

static const char good_claims[] =
    "{\"iss\":\"https://login.bank.example\",\"aud\":\"support\",\"sub\":\"c-1\",\"name\":\"Wanja "
    "Kimani\",\"email\":\"w@bank.example\",\"locale\":\"sw\",\"iat\":1795364000,\"exp\":"
    "1795364580}";

static struct sup_jwt *jwt;
static char token[TOKEN_SIZE];
static char jwks_path[] = "/tmp/supportd-test-jwks-XXXXXX";
static EVP_PKEY *rsa, *ec, *ed, *other_ec;

static void write_jwks(const char *text)
{
    FILE *file = fopen(jwks_path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void write_own_keys(void)
{
    static char text[8192];
    strcpy(text, "{\"keys\":[");
    jwk_of_key(rsa, "r1", text, sizeof(text));
    strcat(text, ",");
    jwk_of_key(ec, "e1", text, sizeof(text));
    strcat(text, ",");
    jwk_of_key(ed, "d1", text, sizeof(text));
    strcat(text, "]}");
    write_jwks(text);
}

static struct sup_jwt_opts options(void)
{
    return (struct sup_jwt_opts){.secret = TOKEN_SECRET,
                                 .jwks_file = jwks_path,
                                 .issuer = "https://login.bank.example",
                                 .audience = "support",
                                 .clock_skew_us = 30000000,
                                 .claim_name = "name",
                                 .claim_email = "email",
                                 .claim_language = "locale"};
}

static void create(const struct sup_jwt_opts *opts)
{
    const char *problem = "";
    sup_jwt_destroy(jwt);
    jwt = NULL;
    sup_err err = sup_jwt_create(opts, &jwt, &problem);
    ck_assert_msg(err == SUP_OK, "%s", problem);
}

static void setup(void)
{
    struct sup_jwt_opts opts = options();
    strcpy(jwks_path + sizeof(jwks_path) - 7, "XXXXXX");
    close(mkstemp(jwks_path));
    write_own_keys();
    create(&opts);
}

static void teardown(void)
{
    sup_jwt_destroy(jwt);
    sup_jwt_destroy(NULL);
    jwt = NULL;
    unlink(jwks_path);
}

static const char *verify_at(int64_t now_us, struct sup_identity *identity)
{
    struct sup_identity unused;
    enum sup_jwt_reason reason = SUP_JWT_REASONS;
    sup_err err =
        sup_jwt_verify(jwt, token, strlen(token), now_us, identity ? identity : &unused, &reason);
    ck_assert_int_eq(err, reason == SUP_JWT_OK ? SUP_OK : SUP_E_DENIED);
    return sup_jwt_reason_name(reason);
}

static const char *verdict(void)
{
    return verify_at(NOW_US, NULL);
}

static const char *verdict_on(const char *claims)
{
    token_hs256(token, "{\"alg\":\"HS256\"}", claims, TOKEN_SECRET, 32);
    return verdict();
}

START_TEST(each_algorithm_is_verified_and_the_claims_are_read)
{
    struct sup_identity who;
    ck_assert_uint_eq(sup_jwt_key_count(jwt), 4);
    token_hs256(token, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", good_claims, TOKEN_SECRET, 32);
    ck_assert_str_eq(verify_at(NOW_US, &who), "ok");
    ck_assert_str_eq(who.subject, "c-1");
    ck_assert_str_eq(who.name, "Wanja Kimani");
    ck_assert_str_eq(who.email, "w@bank.example");
    ck_assert_str_eq(who.language, "sw");
    ck_assert_int_eq(who.expires_us, 1795364610000000);
    token_by_key(token, "{\"alg\":\"RS256\",\"kid\":\"r1\"}", good_claims, rsa);
    ck_assert_str_eq(verdict(), "ok");
    token_by_key(token, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", good_claims, ec);
    ck_assert_str_eq(verdict(), "ok");
    token_by_key(token, "{\"alg\":\"EdDSA\",\"kid\":\"d1\"}", good_claims, ed);
    ck_assert_str_eq(verdict(), "ok");
    token_by_key(token, "{\"alg\":\"EdDSA\"}", good_claims, ed); /* no kid: any of its kind */
    ck_assert_str_eq(verdict(), "ok");
}
END_TEST

static void load_vector(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/jose/%s", SUP_TEST_VECTORS, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s", path);
    token[fread(token, 1, sizeof(token) - 1, file)] = '\0';
    (void)fclose(file);
}

START_TEST(the_vectors_of_the_rfcs_verify)
{
    struct sup_jwt_opts opts = options();
    opts.jwks_file = SUP_TEST_VECTORS "/jose/jwks.json";
    opts.issuer = "joe";
    create(&opts);
    /* They have no aud, and the last no claims at all: what is refused then comes after the
     * signature. */
    static const char *const files[][2] = {
        {"rs256.jws", "bad_audience"}, {"es256.jws", "bad_audience"}, {"eddsa.jws", "malformed"}};
    for (size_t i = 0; i < 3; i++) {
        load_vector(files[i][0]);
        ck_assert_str_eq(verdict(), files[i][1]);
        char *last = strrchr(token, '.') + 1;
        *last = *last == 'A' ? 'B' : 'A';
        ck_assert_str_eq(verdict(), "bad_signature");
    }
}
END_TEST

START_TEST(algorithms_cannot_be_confused)
{
    char pem[2048];
    BIO *bio = BIO_new(BIO_s_mem());
    ck_assert_int_eq(PEM_write_bio_PUBKEY(bio, rsa), 1);
    int len = BIO_read(bio, pem, sizeof(pem));
    BIO_free(bio);
    /* The public key as the secret of an HMAC. */
    token_hs256(token, "{\"alg\":\"HS256\",\"kid\":\"r1\"}", good_claims, pem, (size_t)len);
    ck_assert_str_eq(verdict(), "bad_signature");
    static const char *const refused[] = {"none",  "None",  "NONE", "nOnE",  "HS384", "RS512",
                                          "PS256", "ES384", "",     "hs256", "HS256 "};
    char header[64];
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", refused[i]);
        token_hs256(token, header, good_claims, TOKEN_SECRET, 32);
        ck_assert_str_eq(verdict(), "alg_refused");
        *(strrchr(token, '.') + 1) = '\0'; /* no signature at all */
        ck_assert_str_eq(verdict(), "alg_refused");
    }
    /* A key of one algorithm named by a token of another. */
    token_by_key(token, "{\"alg\":\"ES256\",\"kid\":\"r1\"}", good_claims, ec);
    ck_assert_str_eq(verdict(), "key_unknown");
    token_by_key(token, "{\"alg\":\"RS256\",\"kid\":\"r1\"}", good_claims, ec);
    ck_assert_str_eq(verdict(), "bad_signature");
    /* Without the secret no HS256 token is taken. */
    struct sup_jwt_opts opts = options();
    opts.secret = NULL;
    create(&opts);
    token_hs256(token, "{\"alg\":\"HS256\"}", good_claims, TOKEN_SECRET, 32);
    ck_assert_str_eq(verdict(), "alg_refused");
}
END_TEST

START_TEST(keys_are_chosen_by_kid)
{
    token_by_key(token, "{\"alg\":\"ES256\",\"kid\":\"e2\"}", good_claims, ec);
    ck_assert_str_eq(verdict(), "key_unknown");
    token_by_key(token, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", good_claims, other_ec);
    ck_assert_str_eq(verdict(), "bad_signature");
    token_by_key(token, "{\"alg\":\"ES256\",\"kid\":5}", good_claims, ec);
    ck_assert_str_eq(verdict(), "malformed");
    token_by_key(token, "{\"alg\":\"ES256\",\"kid\":null}", good_claims, ec);
    ck_assert_str_eq(verdict(), "malformed");
}
END_TEST

START_TEST(every_changed_byte_is_noticed)
{
    EVP_PKEY *keys[] = {NULL, rsa, ec, ed};
    static const char *const headers[] = {"{\"alg\":\"HS256\"}", "{\"alg\":\"RS256\"}",
                                          "{\"alg\":\"ES256\"}", "{\"alg\":\"EdDSA\"}"};
    for (size_t k = 0; k < 4; k++) {
        if (keys[k])
            token_by_key(token, headers[k], good_claims, keys[k]);
        else
            token_hs256(token, headers[k], good_claims, TOKEN_SECRET, 32);
        ck_assert_str_eq(verdict(), "ok");
        size_t len = strlen(token);
        for (size_t i = 0; i < len; i += 3) {
            char was = token[i];
            token[i] = was == 'Q' ? 'R' : 'Q';
            ck_assert_str_ne(verdict(), "ok");
            token[i] = was;
        }
        for (size_t cut = 1; cut < len; cut += 7) {
            char was = token[len - cut];
            token[len - cut] = '\0';
            ck_assert_str_ne(verdict(), "ok");
            token[len - cut] = was;
        }
        strcat(token, "AA");
        ck_assert_str_ne(verdict(), "ok");
    }
}
END_TEST

START_TEST(malformed_tokens_are_refused)
{
    static const char *const wrong[] = {
        "", ".", "..", "...", "a.b", "a..b", ".a.b", "a.b.c.d", "eyJhbGciOiJIUzI1NiJ9=.e30.AA",
        "e30.e30.AA", "eyJhbGciOiJIUzI1NiJ9.e30", "W10.W10.AA", "eyJh bGciOiJIUzI1NiJ9.e30.AA",
        "!!!!.e30.AA", "eyJhbGciOiJIUzI1NiJ.e30.AA",
        /* These make cjose's own decoder abort. */
        "eyJhbGciOiJFUzI1NiJ9.AAAAA.AAAA", "eyJhbGciOiJFUzI1NiJ9.AAA=A.AAAA",
        "eyJhbGciOiJFUzI1NiJ9.AAAA.AAAAA"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        strcpy(token, wrong[i]);
        ck_assert_msg(strcmp(verdict(), "malformed") == 0, "%s gave %s", wrong[i], verdict());
    }
    token_hs256(token, "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", good_claims,
                TOKEN_SECRET, 32);
    ck_assert_str_eq(verdict(), "malformed");
    token_hs256(token, "{\"alg\":\"none\",\"alg\":\"HS256\"}", good_claims, TOKEN_SECRET, 32);
    ck_assert_str_eq(verdict(), "malformed"); /* a repeated name */
    ck_assert_str_eq(verdict_on("[]"), "malformed");
    ck_assert_str_eq(verdict_on("{\"iss\":"), "malformed");
    ck_assert_str_eq(verdict_on("{\"exp\":1}{}"), "malformed");
    /* Another text for the same signature bytes: the unused bits are not zero. */
    token_hs256(token, "{\"alg\":\"HS256\"}", good_claims, TOKEN_SECRET, 32);
    token[strlen(token) - 1]++;
    ck_assert_str_eq(verdict(), "malformed");
}
END_TEST

START_TEST(huge_tokens_are_refused_unread)
{
    static char claims[12000];
    (void)snprintf(claims, sizeof(claims), "{\"x\":\"%010000d\"}", 0);
    ck_assert_str_eq(verdict_on(claims), "too_long");
    memset(token, '.', SUP_JWT_MAX_LEN + 1);
    token[SUP_JWT_MAX_LEN + 1] = '\0';
    ck_assert_str_eq(verdict(), "too_long");
    memset(token, 'A', SUP_JWT_MAX_LEN);
    memcpy(token, "eyJhbGciOiJFZERTQSJ9.e30.", 25);
    token[SUP_JWT_MAX_LEN] = '\0';
    ck_assert_str_eq(verdict(), "bad_signature");
}
END_TEST

#define OF(rest)                                                                                   \
    "{\"iss\":\"https://login.bank.example\",\"aud\":\"support\",\"sub\":\"c\"" rest "}"
#define LIFE ",\"exp\":1795364580}"

static const struct {
    const char *claims, *reason;
} cases[] = {
    {OF(",\"exp\":1795364580"), "ok"},
    {"{\"iss\":\"https://login.bank.example/\",\"aud\":\"support\",\"sub\":\"c\"" LIFE,
     "bad_issuer"},
    {"{\"aud\":\"support\",\"sub\":\"c\"" LIFE, "bad_issuer"},
    {"{\"iss\":[\"https://login.bank.example\"],\"aud\":\"support\",\"sub\":\"c\"" LIFE,
     "bad_issuer"},
    {"{\"iss\":\"https://login.bank.example\",\"aud\":\"shop\",\"sub\":\"c\"" LIFE, "bad_audience"},
    {"{\"iss\":\"https://login.bank.example\",\"sub\":\"c\"" LIFE, "bad_audience"},
    {"{\"iss\":\"https://login.bank.example\",\"aud\":[],\"sub\":\"c\"" LIFE, "bad_audience"},
    {"{\"iss\":\"https://login.bank.example\",\"aud\":[\"shop\",7,\"support\"],\"sub\":\"c\"" LIFE,
     "ok"},
    {"{\"iss\":\"https://login.bank.example\",\"aud\":\"support\"" LIFE, "bad_subject"},
    {"{\"iss\":\"https://login.bank.example\",\"aud\":\"support\",\"sub\":\"\"" LIFE,
     "bad_subject"},
    {"{\"iss\":\"https://login.bank.example\",\"aud\":\"support\",\"sub\":7" LIFE, "bad_subject"},
    {"{\"iss\":\"https://login.bank.example\",\"aud\":\"support\",\"sub\":\"a\\nb\"" LIFE,
     "bad_subject"},
    {OF(""), "no_expiry"},
    {OF(",\"exp\":\"1795364580\""), "malformed"},
    {OF(",\"exp\":null"), "malformed"},
    {OF(",\"exp\":-1"), "malformed"},
    {OF(",\"exp\":99999999999999"), "malformed"},
    {OF(",\"exp\":1e300"), "malformed"},
    {OF(",\"exp\":1795364280.5"), "ok"},
    {OF(",\"exp\":1795364250.5"), "ok"}, /* within the skew of 30 s */
    {OF(",\"exp\":1795364250"), "expired"},
    {OF(",\"exp\":0"), "expired"},
    {OF(",\"exp\":1795364580,\"nbf\":1795364310"), "ok"},
    {OF(",\"exp\":1795364580,\"nbf\":1795364311"), "not_yet_valid"},
    {OF(",\"exp\":1795364580,\"nbf\":true"), "malformed"},
    {OF(",\"exp\":1795364580,\"iat\":1795364310"), "ok"},
    {OF(",\"exp\":1795364580,\"iat\":1795364311"), "not_yet_valid"},
    {OF(",\"exp\":1795364580,\"name\":7,\"email\":[],\"locale\":\"a\\u0001\""), "ok"},
};

START_TEST(claims_are_checked)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *reason = verdict_on(cases[i].claims);
        ck_assert_msg(strcmp(reason, cases[i].reason) == 0, "%s gave %s", cases[i].claims, reason);
    }
}
END_TEST

START_TEST(tokens_may_not_be_too_old)
{
    struct sup_jwt_opts opts = options();
    opts.max_age_us = 3600LL * 1000000;
    create(&opts);
    ck_assert_str_eq(verdict_on(OF(",\"exp\":1795999999,\"iat\":1795360680")), "ok");
    ck_assert_str_eq(verdict_on(OF(",\"exp\":1795999999,\"iat\":1795360649")), "too_old");
    ck_assert_str_eq(verdict_on(OF(",\"exp\":1795999999")), "too_old");
}
END_TEST

START_TEST(odd_claims_leave_fields_empty_and_long_names_are_cut)
{
    static char claims[4096];
    struct sup_identity who;
    char name[260];
    memset(name, 'x', 199);
    strcpy(name + 199, "\xe2\x82\xac tail"); /* the cut falls into a character */
    (void)snprintf(claims, sizeof(claims),
                   OF(",\"exp\":1795364580,\"name\":\"%s\",\"email\":\"%0300d\",\"locale\":7"),
                   name, 1);
    ck_assert_str_eq(verdict_on(claims), "ok");
    ck_assert_str_eq(verify_at(NOW_US, &who), "ok");
    ck_assert_uint_eq(strlen(who.name), 199);
    ck_assert_str_eq(who.email, "");
    ck_assert_str_eq(who.language, "");
    (void)snprintf(claims, sizeof(claims),
                   "{\"iss\":\"https://login.bank.example\",\"aud\":\"support\",\"sub\":\"%0256d\","
                   "\"exp\":1795364580}",
                   1);
    ck_assert_str_eq(verdict_on(claims), "bad_subject");
}
END_TEST

START_TEST(claim_names_are_configured)
{
    struct sup_identity who;
    struct sup_jwt_opts opts = options();
    opts.claim_subject = "customer_no";
    opts.claim_name = "";
    create(&opts);
    ck_assert_str_eq(verdict_on(OF(",\"exp\":1795364580")), "bad_subject");
    ck_assert_str_eq(verdict_on(OF(",\"exp\":1795364580,\"customer_no\":\"77\",\"name\":\"N\"")),
                     "ok");
    ck_assert_str_eq(verify_at(NOW_US, &who), "ok");
    ck_assert_str_eq(who.subject, "77");
    ck_assert_str_eq(who.name, "");
}
END_TEST

START_TEST(a_reload_takes_new_keys_or_keeps_the_old)
{
    static char text[4096] = "{\"keys\":[";
    const char *problem = "";
    token_by_key(token, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", good_claims, ec);
    write_jwks("{\"keys\":[");
    ck_assert_int_eq(sup_jwt_reload(jwt, &problem), SUP_E_MALFORMED);
    ck_assert_str_eq(verdict(), "ok");
    unlink(jwks_path);
    ck_assert_int_eq(sup_jwt_reload(jwt, NULL), SUP_E_IO);
    ck_assert_str_eq(verdict(), "ok");
    jwk_of_key(other_ec, "e1", text, sizeof(text));
    strcat(text, "]}");
    write_jwks(text);
    ck_assert_int_eq(sup_jwt_reload(jwt, &problem), SUP_OK);
    ck_assert_str_eq(verdict(), "bad_signature");
    token_by_key(token, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", good_claims, other_ec);
    ck_assert_str_eq(verdict(), "ok");
    ck_assert_uint_eq(sup_jwt_key_count(jwt), 2);
}
END_TEST

static const char ec_key[] =
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"%s}";

static sup_err load_with(const char *text)
{
    struct sup_jwt_opts opts = options();
    struct sup_jwt *made = NULL;
    const char *problem = NULL;
    write_jwks(text);
    sup_err err = sup_jwt_create(&opts, &made, &problem);
    ck_assert(err ? problem != NULL && made == NULL : made != NULL);
    sup_jwt_destroy(made);
    return err;
}

START_TEST(wrong_key_files_are_refused)
{
    char text[1024], key[512];
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[]}",
        "{\"keys\":[7]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAAA\",\"y\":\"A=A\"}]}",
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}]}",
        "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"AAAA\"}]}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(load_with(wrong[i]) == SUP_E_MALFORMED, "%s", wrong[i]);
    static const struct {
        const char *more;
        sup_err err;
    } members[] = {{"", SUP_OK},
                   {",\"use\":\"sig\",\"alg\":\"ES256\"", SUP_OK},
                   {",\"use\":\"enc\"", SUP_E_MALFORMED}, /* skipped, and then none is left */
                   {",\"alg\":\"ECDH-ES\"", SUP_E_MALFORMED},
                   {",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"", SUP_E_MALFORMED}};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        (void)snprintf(key, sizeof(key), ec_key, members[i].more);
        (void)snprintf(text, sizeof(text), "{\"keys\":[%s]}", key);
        ck_assert_msg(load_with(text) == members[i].err, "%s", text);
    }
}
END_TEST

START_TEST(limits_of_the_key_file_hold)
{
    static char text[SUP_JWT_MAX_FILE + 100];
    char key[512];
    (void)snprintf(key, sizeof(key), ec_key, "");
    strcpy(text, "{\"keys\":[");
    for (int i = 0; i < SUP_JWT_MAX_KEYS; i++) {
        strcat(text, key);
        strcat(text, ",");
    }
    text[strlen(text) - 1] = '\0';
    strcat(text, "]}"); /* one too many, with the secret */
    ck_assert_int_eq(load_with(text), SUP_E_LIMIT);
    memset(text, ' ', sizeof(text) - 1);
    ck_assert_int_eq(load_with(text), SUP_E_LIMIT);
}
END_TEST

START_TEST(wrong_options_are_refused)
{
    struct sup_jwt_opts opts = options();
    struct sup_jwt *made = NULL;
    const char *problem = NULL;
    opts.secret = "0123456789abcdef0123456789abcde";
    ck_assert_int_eq(sup_jwt_create(&opts, &made, &problem), SUP_E_INVAL);
    ck_assert_str_eq(problem, "the secret is shorter than 32 bytes");
    opts = options();
    opts.audience = "";
    ck_assert_int_eq(sup_jwt_create(&opts, &made, NULL), SUP_E_INVAL);
    opts = options();
    opts.jwks_file = "/tmp";
    ck_assert_int_eq(sup_jwt_create(&opts, &made, NULL), SUP_E_IO);
    opts = (struct sup_jwt_opts){0};
    create(&opts);
    token_hs256(token, "{\"alg\":\"HS256\"}", good_claims, TOKEN_SECRET, 32);
    ck_assert_str_eq(verdict(), "no_keys");
    ck_assert_str_eq(sup_jwt_reason_name(SUP_JWT_REASONS), "unknown");
}
END_TEST

START_TEST(lack_of_memory_never_lets_anyone_in)
{
    struct sup_jwt_opts opts = options();
    struct sup_jwt *made = NULL;
    sup_err err = SUP_E_NOMEM;
    for (size_t n = 1; err && n < 2000; n++) {
        sup_mem_fail_at(n);
        err = sup_jwt_create(&opts, &made, NULL);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || err == SUP_E_NOMEM || err == SUP_E_MALFORMED);
    }
    ck_assert_int_eq(err, SUP_OK);
    struct sup_identity who;
    enum sup_jwt_reason reason;
    token_by_key(token, "{\"alg\":\"ES256\",\"kid\":\"e1\"}", good_claims, ec);
    err = SUP_E_NOMEM;
    size_t n = 1;
    for (; err && n < 2000; n++) {
        sup_mem_fail_at(n);
        err = sup_jwt_verify(made, token, strlen(token), NOW_US, &who, &reason);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || err == SUP_E_NOMEM || err == SUP_E_DENIED);
    }
    ck_assert_int_eq(err, SUP_OK);
    ck_assert_uint_gt(n, 10);
    sup_jwt_destroy(made);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {each_algorithm_is_verified_and_the_claims_are_read,
                                  the_vectors_of_the_rfcs_verify,
                                  algorithms_cannot_be_confused,
                                  keys_are_chosen_by_kid,
                                  every_changed_byte_is_noticed,
                                  malformed_tokens_are_refused,
                                  huge_tokens_are_refused_unread,
                                  claims_are_checked,
                                  tokens_may_not_be_too_old,
                                  odd_claims_leave_fields_empty_and_long_names_are_cut,
                                  claim_names_are_configured,
                                  a_reload_takes_new_keys_or_keeps_the_old,
                                  wrong_key_files_are_refused,
                                  limits_of_the_key_file_hold,
                                  wrong_options_are_refused,
                                  lack_of_memory_never_lets_anyone_in};
    sup_json_setup();
    rsa = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("P-256");
    other_ec = EVP_EC_gen("P-256");
    ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    int result = sup_check_run("jwt", setup, teardown, tests, sizeof(tests) / sizeof(tests[0]));
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(other_ec);
    EVP_PKEY_free(ed);
    return result;
}
