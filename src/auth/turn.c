#include "supportd/auth/turn.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

sup_err sup_turn_credential(const char *secret, int64_t until_s, const char *name,
                            struct sup_turn_credential *ret_credential)
{
    struct sup_turn_credential c;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    int n = snprintf(c.username, sizeof(c.username), "%lld:%s", (long long)until_s, name);
    if (n < 0 || (size_t)n >= sizeof(c.username))
        return SUP_E_LIMIT;
    if (!HMAC(EVP_sha1(), secret, (int)strlen(secret), (const unsigned char *)c.username, (size_t)n,
              mac, &len) ||
        len != 20)
        return SUP_E_CRYPTO;
    (void)EVP_EncodeBlock((unsigned char *)c.password, mac, (int)len);
    *ret_credential = c;
    return SUP_OK;
}
