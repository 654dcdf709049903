#include "supportd/auth/jwt.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "jwt_internal.h"
#include "supportd/auth/base64url.h"
#include "supportd/base/json.h"
#include "supportd/base/mem.h"

/* Seconds of a NumericDate that are still taken as a date: up to the year 9999. */
#define DATE_MAX_S 253402300799

struct sup_jwt {
    struct jwt_keys keys;
    char *secret, *path; /* NULL: none */
    char *issuer, *audience;
    char *claim_subject, *claim_name, *claim_email, *claim_language; /* NULL: not read */
    int64_t skew_us, max_age_us;
};

/* A token cut at its dots; all borrowed from it. len is at most SUP_JWT_MAX_LEN. */
struct parts {
    const char *header, *payload, *signature;
    size_t header_len, payload_len, signature_len;
    size_t signed_len; /* header, dot and payload */
};

static const char *const alg_names[ALGS] = {"HS256", "RS256", "ES256", "EdDSA"};

const char *sup_jwt_reason_name(enum sup_jwt_reason reason)
{
    static const char *const names[SUP_JWT_REASONS] = {
        "ok",          "no_keys",       "too_long",   "malformed",    "alg_refused",
        "key_unknown", "bad_signature", "bad_issuer", "bad_audience", "no_expiry",
        "expired",     "not_yet_valid", "too_old",    "bad_subject"};
    return (unsigned)reason < SUP_JWT_REASONS ? names[reason] : "unknown";
}

/* --- life --- */

static bool is_set(const char *s)
{
    return s && *s;
}

/* *slot stays NULL for what is not set. */
static bool keep(char **slot, const char *value)
{
    if (is_set(value))
        *slot = sup_strdup(value);
    return !is_set(value) || *slot;
}

static sup_err copy_opts(struct sup_jwt *jwt, const struct sup_jwt_opts *opts)
{
    bool kept = keep(&jwt->secret, opts->secret) && keep(&jwt->path, opts->jwks_file) &&
                keep(&jwt->issuer, opts->issuer) && keep(&jwt->audience, opts->audience) &&
                keep(&jwt->claim_subject, opts->claim_subject ? opts->claim_subject : "sub") &&
                keep(&jwt->claim_name, opts->claim_name) &&
                keep(&jwt->claim_email, opts->claim_email) &&
                keep(&jwt->claim_language, opts->claim_language);
    jwt->skew_us = opts->clock_skew_us;
    jwt->max_age_us = opts->max_age_us;
    return kept ? SUP_OK : SUP_E_NOMEM;
}

sup_err sup_jwt_create(const struct sup_jwt_opts *opts, struct sup_jwt **ret_jwt,
                       const char **ret_problem)
{
    const char *problem = "no memory";
    struct sup_jwt *jwt = sup_calloc(1, sizeof(*jwt));
    sup_err err = jwt ? copy_opts(jwt, opts) : SUP_E_NOMEM;
    if (!err && (jwt->secret || jwt->path) && (!jwt->issuer || !jwt->audience)) {
        problem = "keys are set, but issuer or audience is not";
        err = SUP_E_INVAL;
    }
    if (!err)
        err = jwt_keys_load(jwt->secret, jwt->path, &jwt->keys, &problem);
    if (err) {
        if (ret_problem)
            *ret_problem = problem;
        sup_jwt_destroy(jwt);
        return err;
    }
    *ret_jwt = jwt;
    return SUP_OK;
}

void sup_jwt_destroy(struct sup_jwt *jwt)
{
    if (!jwt)
        return;
    jwt_keys_fini(&jwt->keys);
    sup_free_secret(jwt->secret);
    sup_free(jwt->path);
    sup_free(jwt->issuer);
    sup_free(jwt->audience);
    sup_free(jwt->claim_subject);
    sup_free(jwt->claim_name);
    sup_free(jwt->claim_email);
    sup_free(jwt->claim_language);
    sup_free(jwt);
}

sup_err sup_jwt_reload(struct sup_jwt *jwt, const char **ret_problem)
{
    struct jwt_keys keys = {.count = 0};
    const char *problem = "";
    sup_err err = jwt_keys_load(jwt->secret, jwt->path, &keys, &problem);
    if (err) {
        if (ret_problem)
            *ret_problem = problem;
        return err;
    }
    jwt_keys_fini(&jwt->keys);
    jwt->keys = keys;
    return SUP_OK;
}

size_t sup_jwt_key_count(const struct sup_jwt *jwt)
{
    return jwt->keys.count;
}

/* --- signature --- */

/* Strict base64url through and through. cjose decodes by its own rules, and its decoder may abort
 * on others' input, so it sees nothing that has not passed here. */
static bool is_base64url(const char *text, size_t len)
{
    uint8_t bytes[SUP_JWT_MAX_LEN];
    bool good = sup_base64url_decode(text, len, bytes, &len) == SUP_OK;
    sup_wipe(bytes, sizeof(bytes));
    return good;
}

static bool split(const char *token, size_t len, struct parts *parts)
{
    const char *first = memchr(token, '.', len), *end = token + len;
    const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
    if (!second || memchr(second + 1, '.', (size_t)(end - second - 1)))
        return false;
    *parts = (struct parts){.header = token,
                            .header_len = (size_t)(first - token),
                            .payload = first + 1,
                            .payload_len = (size_t)(second - first - 1),
                            .signature = second + 1,
                            .signature_len = (size_t)(end - second - 1),
                            .signed_len = (size_t)(second - token)};
    return parts->header_len > 0 && parts->payload_len > 0 &&
           is_base64url(parts->payload, parts->payload_len) &&
           is_base64url(parts->signature, parts->signature_len);
}

/* Decodes base64url and parses the JSON object in it; the bytes are wiped. */
static sup_err parse_part(const char *text, size_t len, json_t **ret_object)
{
    size_t size = SUP_BASE64URL_BYTES(len) + 1, used = 0;
    uint8_t *bytes = sup_malloc(size);
    if (!bytes)
        return SUP_E_NOMEM;
    sup_err err = sup_base64url_decode(text, len, bytes, &used);
    if (!err)
        err = sup_json_parse((const char *)bytes, used, ret_object);
    sup_wipe(bytes, size);
    sup_free(bytes);
    return err;
}

static bool verify_ed25519(const struct jwt_key *key, const char *token, const struct parts *parts)
{
    uint8_t signature[64 + 3]; /* RFC 8032 section 5.1.6: 64 bytes */
    size_t len = 0;
    if (parts->signature_len != SUP_BASE64URL_LEN(64) ||
        sup_base64url_decode(parts->signature, parts->signature_len, signature, &len))
        return false;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good =
        ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->ed25519) == 1 &&
        EVP_DigestVerify(ctx, signature, len, (const uint8_t *)token, parts->signed_len) == 1;
    EVP_MD_CTX_free(ctx);
    return good;
}

static bool verify_cjose(const struct jwt_key *key, const char *token, size_t len)
{
    cjose_err error = {0};
    cjose_jws_t *jws = cjose_jws_import(token, len, &error);
    bool good = jws && cjose_jws_verify(jws, key->jwk, &error);
    cjose_jws_release(jws);
    return good;
}

/* The lengths of HS256 and ES256 are fixed; RS256's is the modulus, which OpenSSL checks. */
static bool has_right_length(enum jwt_alg alg, const struct parts *parts)
{
    uint8_t signature[SUP_JWT_MAX_LEN];
    size_t len = parts->signature_len;
    if (sup_base64url_decode(parts->signature, len, signature, &len))
        return false;
    return alg == ALG_RS256 || len == (alg == ALG_HS256 ? 32u : 64u);
}

static enum sup_jwt_reason try_keys(const struct sup_jwt *jwt, enum jwt_alg alg, const char *kid,
                                    const char *token, const struct parts *parts)
{
    enum sup_jwt_reason reason = SUP_JWT_ALG_REFUSED;
    for (size_t i = 0; i < jwt->keys.count; i++) {
        const struct jwt_key *key = &jwt->keys.items[i];
        if (key->alg != alg)
            continue;
        if (kid && *key->kid && strcmp(kid, key->kid) != 0) {
            if (reason == SUP_JWT_ALG_REFUSED)
                reason = SUP_JWT_KEY_UNKNOWN;
            continue;
        }
        reason = SUP_JWT_BAD_SIGNATURE;
        if (!has_right_length(alg, parts))
            return reason;
        if (alg == ALG_EDDSA
                ? verify_ed25519(key, token, parts)
                : verify_cjose(key, token, parts->signed_len + 1 + parts->signature_len))
            return SUP_JWT_OK;
    }
    return reason;
}

static enum sup_jwt_reason check_signature(const struct sup_jwt *jwt, const json_t *header,
                                           const char *token, const struct parts *parts)
{
    const json_t *kid = json_object_get(header, "kid");
    const char *alg = json_string_value(json_object_get(header, "alg"));
    /* RFC 7515 section 4.1.11: what crit names must be understood, and nothing is. */
    if (!alg || (kid && !json_is_string(kid)) || json_object_get(header, "crit"))
        return SUP_JWT_MALFORMED;
    for (size_t i = 0; i < ALGS; i++)
        if (strcmp(alg, alg_names[i]) == 0)
            return try_keys(jwt, (enum jwt_alg)i, json_string_value(kid), token, parts);
    return SUP_JWT_ALG_REFUSED;
}

/* --- claims --- */

/* 1: a date; 0: absent; -1: something else. */
static int date_of(const json_t *claims, const char *name, int64_t *ret_us)
{
    const json_t *value = json_object_get(claims, name);
    if (!value)
        return 0;
    if (json_is_integer(value)) {
        json_int_t s = json_integer_value(value);
        if (s < 0 || s > DATE_MAX_S)
            return -1;
        *ret_us = (int64_t)s * 1000000;
        return 1;
    }
    double s = json_real_value(value);
    if (!json_is_real(value) || !(s >= 0 && s <= (double)DATE_MAX_S))
        return -1;
    *ret_us = (int64_t)(s * 1e6);
    return 1;
}

static enum sup_jwt_reason check_times(const struct sup_jwt *jwt, const json_t *claims,
                                       int64_t now_us, int64_t *ret_expires_us)
{
    int64_t expires = 0, not_before = 0, issued = 0;
    int has_expiry = date_of(claims, "exp", &expires);
    int has_start = date_of(claims, "nbf", &not_before);
    int has_issued = date_of(claims, "iat", &issued);
    if (has_expiry == 0)
        return SUP_JWT_NO_EXPIRY;
    if (has_expiry < 0 || has_start < 0 || has_issued < 0)
        return SUP_JWT_MALFORMED;
    if (now_us >= expires + jwt->skew_us)
        return SUP_JWT_EXPIRED;
    if ((has_start && now_us + jwt->skew_us < not_before) ||
        (has_issued && now_us + jwt->skew_us < issued))
        return SUP_JWT_NOT_YET_VALID;
    if (jwt->max_age_us > 0 && (!has_issued || now_us - issued > jwt->max_age_us + jwt->skew_us))
        return SUP_JWT_TOO_OLD;
    *ret_expires_us = expires + jwt->skew_us;
    return SUP_JWT_OK;
}

static bool is_text(const json_t *value, const char *want)
{
    return json_is_string(value) && strcmp(json_string_value(value), want) == 0;
}

static bool has_audience(const json_t *claims, const char *audience)
{
    const json_t *value = json_object_get(claims, "aud");
    for (size_t i = 0; i < json_array_size(value); i++)
        if (is_text(json_array_get(value, i), audience))
            return true;
    return is_text(value, audience);
}

/* Copies a claim that is a string of sane characters; cuts it at a character when allowed. Leaves
 * target "" otherwise. */
static void copy_claim(const json_t *claims, const char *name, bool may_cut, char *target,
                       size_t max)
{
    const char *text = name ? json_string_value(json_object_get(claims, name)) : NULL;
    size_t len = text ? strlen(text) : 0;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return;
    if (len > max) {
        if (!may_cut)
            return;
        for (len = max; len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80;)
            len--;
    }
    if (len > 0)
        memcpy(target, text, len);
    target[len] = '\0';
}

static enum sup_jwt_reason read_claims(const struct sup_jwt *jwt, const json_t *claims,
                                       int64_t now_us, struct sup_identity *identity)
{
    if (!is_text(json_object_get(claims, "iss"), jwt->issuer))
        return SUP_JWT_BAD_ISSUER;
    if (!has_audience(claims, jwt->audience))
        return SUP_JWT_BAD_AUDIENCE;
    enum sup_jwt_reason reason = check_times(jwt, claims, now_us, &identity->expires_us);
    if (reason)
        return reason;
    copy_claim(claims, jwt->claim_subject, false, identity->subject, SUP_IDENTITY_MAX_SUBJECT);
    copy_claim(claims, jwt->claim_name, true, identity->name, SUP_IDENTITY_MAX_NAME);
    copy_claim(claims, jwt->claim_email, false, identity->email, SUP_IDENTITY_MAX_EMAIL);
    copy_claim(claims, jwt->claim_language, false, identity->language, SUP_IDENTITY_MAX_LANGUAGE);
    return *identity->subject ? SUP_JWT_OK : SUP_JWT_BAD_SUBJECT;
}

/* --- the whole --- */

static sup_err verify_parts(const struct sup_jwt *jwt, const char *token, const struct parts *parts,
                            int64_t now_us, struct sup_identity *identity,
                            enum sup_jwt_reason *ret_reason)
{
    json_t *header = NULL, *claims = NULL;
    sup_err err = parse_part(parts->header, parts->header_len, &header);
    *ret_reason = SUP_JWT_MALFORMED;
    if (!err)
        *ret_reason = check_signature(jwt, header, token, parts);
    json_decref(header);
    if (err || *ret_reason)
        return err;
    *ret_reason = SUP_JWT_MALFORMED;
    err = parse_part(parts->payload, parts->payload_len, &claims);
    if (!err)
        *ret_reason = read_claims(jwt, claims, now_us, identity);
    json_decref(claims);
    return err;
}

sup_err sup_jwt_verify(struct sup_jwt *jwt, const char *token, size_t len, int64_t now_us,
                       struct sup_identity *ret_identity, enum sup_jwt_reason *ret_reason)
{
    struct parts parts;
    struct sup_identity identity = {.expires_us = 0};
    enum sup_jwt_reason reason = SUP_JWT_OK;
    if (jwt->keys.count == 0)
        reason = SUP_JWT_NO_KEYS;
    else if (len > SUP_JWT_MAX_LEN)
        reason = SUP_JWT_TOO_LONG;
    else if (!split(token, len, &parts))
        reason = SUP_JWT_MALFORMED;
    else if (verify_parts(jwt, token, &parts, now_us, &identity, &reason) == SUP_E_NOMEM)
        return SUP_E_NOMEM;
    *ret_reason = reason;
    if (reason)
        return SUP_E_DENIED;
    *ret_identity = identity;
    return SUP_OK;
}
