#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "jwt_internal.h"
#include "supportd/auth/base64url.h"
#include "supportd/base/buf.h"
#include "supportd/base/json.h"

enum {
    SECRET_MIN_LEN = 32,    /* RFC 7518 section 3.2: as long as the hash */
    RSA_MIN_BYTES = 256,    /* 2048 bits: RFC 7518 section 3.3 */
    RSA_MAX_BYTES = 1024,   /* larger ones only cost time */
    ED25519_KEY_BYTES = 32, /* RFC 8032 section 5.1.5 */
};

void jwt_keys_fini(struct jwt_keys *keys)
{
    for (size_t i = 0; i < keys->count; i++) {
        cjose_jwk_release(keys->items[i].jwk);
        EVP_PKEY_free(keys->items[i].ed25519);
    }
    keys->count = 0;
}

static const char *string_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

/* Length in bytes of a base64url number without leading zeros; 0 if it is none. */
static size_t number_bytes(const char *text)
{
    uint8_t bytes[RSA_MAX_BYTES + 8];
    size_t len = text ? strlen(text) : 0, skip = 0;
    if (len == 0 || SUP_BASE64URL_BYTES(len) > sizeof(bytes) ||
        sup_base64url_decode(text, len, bytes, &len))
        return 0;
    while (skip < len && bytes[skip] == 0)
        skip++;
    return len - skip;
}

/* Which algorithm the key is for; false: not one of ours, to be skipped. */
static bool alg_of(const json_t *object, enum jwt_alg *ret_alg)
{
    static const char *const names[] = {"HS256", "RS256", "ES256", "EdDSA"};
    const char *kty = string_of(object, "kty"), *crv = string_of(object, "crv");
    const char *alg = string_of(object, "alg"), *use = string_of(object, "use");
    if (!kty || (use && strcmp(use, "sig") != 0))
        return false;
    if (strcmp(kty, "RSA") == 0)
        *ret_alg = ALG_RS256;
    else if (strcmp(kty, "EC") == 0 && crv && strcmp(crv, "P-256") == 0)
        *ret_alg = ALG_ES256;
    else if (strcmp(kty, "OKP") == 0 && crv && strcmp(crv, "Ed25519") == 0)
        *ret_alg = ALG_EDDSA;
    else
        return false;
    return !alg || strcmp(alg, names[*ret_alg]) == 0;
}

static sup_err import_ed25519(const json_t *object, struct jwt_key *key, const char **ret_problem)
{
    uint8_t bytes[ED25519_KEY_BYTES + 3];
    const char *x = string_of(object, "x");
    size_t len = x ? strlen(x) : 0;
    *ret_problem = "an Ed25519 key of the JWKS file is not valid";
    if (len != SUP_BASE64URL_LEN(ED25519_KEY_BYTES) || sup_base64url_decode(x, len, bytes, &len))
        return SUP_E_MALFORMED;
    key->ed25519 = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, len);
    return key->ed25519 ? SUP_OK : SUP_E_MALFORMED;
}

static sup_err import_cjose(json_t *object, struct jwt_key *key, const char **ret_problem)
{
    cjose_err error = {0};
    bool is_rsa = key->alg == ALG_RS256;
    size_t modulus = number_bytes(string_of(object, "n"));
    /* cjose's base64 decoder may abort on what is not base64url. */
    bool whole = is_rsa ? number_bytes(string_of(object, "e")) > 0
                        : number_bytes(string_of(object, "x")) > 0 &&
                              number_bytes(string_of(object, "y")) > 0;
    if (is_rsa && (modulus < RSA_MIN_BYTES || modulus > RSA_MAX_BYTES)) {
        *ret_problem = "an RSA key of the JWKS file has less than 2048 or more than 8192 bits";
        return SUP_E_MALFORMED;
    }
    if (whole)
        key->jwk = cjose_jwk_import_json((cjose_header_t *)(void *)object, &error);
    if (key->jwk)
        return SUP_OK;
    *ret_problem = "an RSA or EC key of the JWKS file is not valid";
    return error.code == CJOSE_ERR_NO_MEMORY ? SUP_E_NOMEM : SUP_E_MALFORMED;
}

static sup_err add_key(struct jwt_keys *keys, json_t *object, const char **ret_problem)
{
    struct jwt_key key = {0};
    const char *kid = string_of(object, "kid"), *kty = string_of(object, "kty");
    if (json_object_get(object, "d") || (kty && strcmp(kty, "oct") == 0)) {
        *ret_problem = "the JWKS file holds a private or secret key; right are public keys alone";
        return SUP_E_MALFORMED;
    }
    if (!alg_of(object, &key.alg))
        return SUP_OK;
    if (kid && strlen(kid) > KID_MAX_LEN) {
        *ret_problem = "a kid of the JWKS file is longer than 255 bytes";
        return SUP_E_LIMIT;
    }
    if (keys->count == SUP_JWT_MAX_KEYS) {
        *ret_problem = "the JWKS file holds more than 32 keys";
        return SUP_E_LIMIT;
    }
    if (kid)
        memcpy(key.kid, kid, strlen(kid) + 1);
    sup_err err = key.alg == ALG_EDDSA ? import_ed25519(object, &key, ret_problem)
                                       : import_cjose(object, &key, ret_problem);
    if (!err)
        keys->items[keys->count++] = key;
    return err;
}

static sup_err read_file(const char *path, struct sup_buf *out)
{
    char chunk[4096];
    struct stat st;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    sup_err err = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? SUP_OK : SUP_E_IO;
    while (!err && (n = read(fd, chunk, sizeof(chunk))) > 0)
        err = sup_buf_add(out, chunk, (size_t)n);
    if (!err && n < 0)
        err = SUP_E_IO;
    if (fd >= 0)
        close(fd);
    return err;
}

static sup_err add_set(struct jwt_keys *keys, const char *text, size_t len,
                       const char **ret_problem)
{
    json_t *root = NULL, *object;
    size_t i, before = keys->count;
    sup_err err = sup_json_parse(text, len, &root);
    *ret_problem = "the JWKS file is not an object with a list of keys";
    if (err)
        return err;
    const json_t *list = json_object_get(root, "keys");
    err = json_is_array(list) ? SUP_OK : SUP_E_MALFORMED;
    for (i = 0; !err && i < json_array_size(list); i++) {
        object = json_array_get(list, i);
        err = json_is_object(object) ? add_key(keys, object, ret_problem) : SUP_E_MALFORMED;
    }
    if (!err && keys->count == before) {
        *ret_problem = "the JWKS file holds no key for RS256, ES256 or EdDSA";
        err = SUP_E_MALFORMED;
    }
    json_decref(root);
    return err;
}

static sup_err add_file(struct jwt_keys *keys, const char *path, const char **ret_problem)
{
    struct sup_buf text;
    sup_buf_init(&text, SUP_JWT_MAX_FILE);
    sup_err err = read_file(path, &text);
    if (err)
        *ret_problem =
            err == SUP_E_LIMIT ? "the JWKS file is too long" : "the JWKS file cannot be read";
    else
        err = add_set(keys, text.data ? text.data : "", text.len, ret_problem);
    sup_buf_fini(&text);
    return err;
}

static sup_err add_secret(struct jwt_keys *keys, const char *secret, const char **ret_problem)
{
    size_t len = strlen(secret);
    cjose_err error = {0};
    if (len < SECRET_MIN_LEN) {
        *ret_problem = "the secret is shorter than 32 bytes";
        return SUP_E_INVAL;
    }
    cjose_jwk_t *jwk = cjose_jwk_create_oct_spec((const uint8_t *)secret, len, &error);
    if (!jwk)
        return SUP_E_NOMEM;
    keys->items[keys->count++] = (struct jwt_key){.alg = ALG_HS256, .jwk = jwk};
    return SUP_OK;
}

sup_err jwt_keys_load(const char *secret, const char *path, struct jwt_keys *keys,
                      const char **ret_problem)
{
    sup_err err = SUP_OK;
    *ret_problem = "no memory";
    if (secret)
        err = add_secret(keys, secret, ret_problem);
    if (!err && path)
        err = add_file(keys, path, ret_problem);
    if (err)
        jwt_keys_fini(keys);
    return err;
}
