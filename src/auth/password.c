#include "supportd/auth/password.h"

#include <argon2.h>
#include <stdio.h>
#include <string.h>

#include "supportd/base/id.h"
#include "supportd/base/mem.h"

enum {
    DEFAULT_MEMORY_KIB = 19456,
    DEFAULT_PASSES = 2,
    MEMORY_MIN_KIB = 8192,
    MEMORY_MAX_KIB = 1048576,
    PASSES_MAX = 20,
    LANES = 1, /* one thread: the work queue is the parallelism */
    SALT_LEN = 16,
    TAG_LEN = 32,
};

struct bounds {
    uint32_t memory_kib, passes;
};

static sup_err resolve(const struct sup_password_cost *cost, struct bounds *ret_bounds)
{
    struct bounds b = {cost->memory_kib ? cost->memory_kib : DEFAULT_MEMORY_KIB,
                       cost->passes ? cost->passes : DEFAULT_PASSES};
    if (b.memory_kib < MEMORY_MIN_KIB || b.memory_kib > MEMORY_MAX_KIB || b.passes > PASSES_MAX)
        return SUP_E_INVAL;
    *ret_bounds = b;
    return SUP_OK;
}

/* Reads the parameters in front of a stored hash. argon2 itself takes any, also those that would
 * eat all memory. Older, cheaper hashes than MEMORY_MIN_KIB are verified, too. */
static bool parse_stored(const char *hash, struct bounds *ret_bounds)
{
    unsigned version = 0, memory = 0, passes = 0, lanes = 0;
    int used = 0;
    if (strlen(hash) > SUP_PASSWORD_HASH_LEN ||
        sscanf(hash, "$argon2id$v=%2u$m=%8u,t=%3u,p=%3u$%n", &version, &memory, &passes, &lanes,
               &used) != 4 ||
        used == 0)
        return false;
    *ret_bounds = (struct bounds){memory, passes};
    return version == ARGON2_VERSION_13 && memory >= 8 && memory <= MEMORY_MAX_KIB && passes >= 1 &&
           passes <= PASSES_MAX && lanes >= 1 && lanes <= 16;
}

bool sup_password_acceptable(const char *password, size_t len)
{
    size_t chars = 0;
    if (len > SUP_PASSWORD_MAX_BYTES)
        return false;
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)password[i];
        size_t tail = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : 3;
        if (c < 0x20 || c == 0x7f || (c >= 0x80 && c < 0xc2) || c > 0xf4 || i + tail >= len)
            return false;
        for (i++; tail > 0; tail--, i++)
            if (((unsigned char)password[i] & 0xc0) != 0x80)
                return false;
        chars++;
    }
    return chars >= SUP_PASSWORD_MIN_CHARS;
}

static sup_err translate(int code)
{
    if (code == ARGON2_OK)
        return SUP_OK;
    if (code == ARGON2_VERIFY_MISMATCH)
        return SUP_E_DENIED;
    return code == ARGON2_MEMORY_ALLOCATION_ERROR ? SUP_E_NOMEM : SUP_E_MALFORMED;
}

sup_err sup_password_make(const struct sup_password_cost *cost, const char *password, size_t len,
                          struct sup_password_hash *ret_hash)
{
    struct sup_password_hash hash;
    struct bounds b;
    uint8_t salt[SALT_LEN];
    sup_err err = resolve(cost, &b);
    if (!err && len > SUP_PASSWORD_MAX_BYTES)
        err = SUP_E_LIMIT;
    if (err)
        return err;
    sup_random(salt, sizeof(salt));
    err = translate(argon2id_hash_encoded(b.passes, b.memory_kib, LANES, password, len, salt,
                                          sizeof(salt), TAG_LEN, hash.s, sizeof(hash.s)));
    if (!err)
        *ret_hash = hash;
    return err;
}

/* What a verification would cost, for an account that does not exist. */
static sup_err waste_time(const struct bounds *b, const char *password, size_t len)
{
    static const uint8_t salt[SALT_LEN] = {0};
    uint8_t tag[TAG_LEN];
    sup_err err = translate(argon2id_hash_raw(b->passes, b->memory_kib, LANES, password, len, salt,
                                              sizeof(salt), tag, sizeof(tag)));
    sup_wipe(tag, sizeof(tag));
    return err ? err : SUP_E_DENIED;
}

sup_err sup_password_verify(const struct sup_password_cost *cost, const char *hash,
                            const char *password, size_t len)
{
    struct bounds b, stored;
    sup_err err = resolve(cost, &b);
    if (err)
        return err;
    if (len > SUP_PASSWORD_MAX_BYTES) /* wrong for sure, and as slow as any other */
        return waste_time(&b, password, SUP_PASSWORD_MAX_BYTES);
    if (!hash || !*hash)
        return waste_time(&b, password, len);
    if (!parse_stored(hash, &stored))
        return SUP_E_MALFORMED;
    return translate(argon2id_verify(hash, password, len));
}

bool sup_password_is_outdated(const struct sup_password_cost *cost, const char *hash)
{
    struct bounds b, stored;
    if (resolve(cost, &b) || !hash || !parse_stored(hash, &stored))
        return true;
    return stored.memory_kib != b.memory_kib || stored.passes != b.passes;
}
