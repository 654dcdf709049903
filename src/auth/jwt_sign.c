#include "supportd/auth/jwt_sign.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "supportd/auth/base64url.h"
#include "supportd/base/json.h"

enum { SECRET_MIN = 32, CLAIMS_MAX = 2048, HS256_LEN = 32 };

static sup_err add_part(struct sup_buf *out, const void *data, size_t len)
{
    char text[SUP_BASE64URL_LEN(CLAIMS_MAX) + 1];
    if (len > CLAIMS_MAX)
        return SUP_E_LIMIT;
    sup_base64url_encode(data, len, text);
    return sup_buf_adds(out, text);
}

sup_err sup_jwt_sign(const char *secret, const json_t *claims, struct sup_buf *out)
{
    static const char header[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;
    struct sup_buf text = {0};
    size_t start = out->len;
    if (strlen(secret) < SECRET_MIN)
        return SUP_E_INVAL;
    sup_err err = sup_json_dump(claims, &text);
    if (!err)
        err = add_part(out, header, sizeof(header) - 1);
    if (!err)
        err = sup_buf_adds(out, ".");
    if (!err)
        err = add_part(out, text.data, text.len);
    sup_buf_fini(&text);
    if (!err && (!HMAC(EVP_sha256(), secret, (int)strlen(secret),
                       (const unsigned char *)out->data + start, out->len - start, mac, &mac_len) ||
                 mac_len != HS256_LEN))
        err = SUP_E_CRYPTO;
    if (!err)
        err = sup_buf_adds(out, ".");
    return err ? err : add_part(out, mac, mac_len);
}
