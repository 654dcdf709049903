#include "supportd/auth/session.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "supportd/auth/base64url.h"
#include "supportd/base/id.h"
#include "supportd/base/mem.h"

enum { TOKEN_BYTES = 32 };

/* Bound to its purpose, so that no other HMAC under the same key is one. */
static const char csrf_text[] = "supportd csrf token, version 1";

struct sup_token sup_token_new(void)
{
    struct sup_token token;
    uint8_t bytes[TOKEN_BYTES];
    sup_random(bytes, sizeof(bytes));
    sup_base64url_encode(bytes, sizeof(bytes), token.s);
    sup_wipe(bytes, sizeof(bytes));
    return token;
}

static sup_err decode(const char *token, size_t len, uint8_t bytes[TOKEN_BYTES + 1])
{
    size_t used = 0;
    return len == SUP_TOKEN_LEN ? sup_base64url_decode(token, len, bytes, &used) : SUP_E_MALFORMED;
}

sup_err sup_token_hash(const char *token, size_t len, struct sup_token_hash *ret_hash)
{
    uint8_t bytes[TOKEN_BYTES + 1];
    struct sup_token_hash hash;
    sup_err err = decode(token, len, bytes);
    if (!err && EVP_Digest(bytes, TOKEN_BYTES, hash.bytes, NULL, EVP_sha256(), NULL) != 1)
        err = SUP_E_CRYPTO;
    sup_wipe(bytes, sizeof(bytes));
    if (!err)
        *ret_hash = hash;
    return err;
}

sup_err sup_csrf_of(const char *session, size_t len, struct sup_token *ret_csrf)
{
    uint8_t bytes[TOKEN_BYTES + 1], mac[TOKEN_BYTES];
    sup_err err = decode(session, len, bytes);
    if (!err && !HMAC(EVP_sha256(), bytes, TOKEN_BYTES, (const uint8_t *)csrf_text,
                      sizeof(csrf_text) - 1, mac, NULL))
        err = SUP_E_CRYPTO;
    sup_wipe(bytes, sizeof(bytes));
    if (!err)
        sup_base64url_encode(mac, sizeof(mac), ret_csrf->s);
    return err;
}

bool sup_csrf_matches(const char *session, size_t len, const char *sent)
{
    struct sup_token right;
    if (!sent || strlen(sent) != SUP_TOKEN_LEN || sup_csrf_of(session, len, &right))
        return false;
    return CRYPTO_memcmp(right.s, sent, SUP_TOKEN_LEN) == 0;
}

/* RFC 6265 section 4.1.1: cookie-octet; of a name (a token) or domain even less. */
static bool is_clean(const char *s, const char *forbidden)
{
    for (; *s; s++)
        if ((unsigned char)*s <= 0x20 || (unsigned char)*s >= 0x7f || strchr(forbidden, *s))
            return false;
    return true;
}

sup_err sup_cookie_write(const struct sup_cookie_opts *opts, struct sup_buf *out)
{
    struct sup_buf text;
    bool deletes = *opts->value == '\0', scoped = opts->domain && *opts->domain;
    if (!*opts->name || !is_clean(opts->name, "\"(),/:;<=>?@[\\]{}") ||
        !is_clean(opts->value, "\",;\\") || (scoped && !is_clean(opts->domain, "\",;\\/=")) ||
        opts->max_age_s < 0)
        return SUP_E_INVAL;
    sup_buf_init(&text, 0);
    sup_err err =
        sup_buf_addf(&text, "%s=%s; Path=/; HttpOnly; SameSite=Strict", opts->name, opts->value);
    if (!err && opts->secure)
        err = sup_buf_adds(&text, "; Secure");
    if (!err && scoped)
        err = sup_buf_addf(&text, "; Domain=%s", opts->domain);
    if (!err && (deletes || opts->max_age_s > 0))
        err = sup_buf_addf(&text, "; Max-Age=%lld", deletes ? 0 : (long long)opts->max_age_s);
    if (!err)
        err = sup_buf_add(out, text.data, text.len);
    sup_buf_fini_secret(&text);
    return err;
}
