#include "supportd/auth/base64url.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void sup_base64url_encode(const uint8_t *data, size_t len, char *ret_text)
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | data[i];
        for (have += 8; have >= 6; have -= 6)
            *ret_text++ = alphabet[bits >> (have - 6) & 63];
    }
    if (have > 0)
        *ret_text++ = alphabet[bits << (6 - have) & 63];
    *ret_text = '\0';
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

sup_err sup_base64url_decode(const char *text, size_t len, uint8_t *ret_data, size_t *ret_len)
{
    uint32_t bits = 0;
    unsigned have = 0;
    size_t out = 0;
    if (len % 4 == 1)
        return SUP_E_MALFORMED;
    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i]);
        if (value < 0)
            return SUP_E_MALFORMED;
        bits = bits << 6 | (uint32_t)value;
        have += 6;
        if (have >= 8) {
            have -= 8;
            ret_data[out++] = (uint8_t)(bits >> have);
        }
    }
    if (bits & ((1u << have) - 1)) /* two texts for the same bytes */
        return SUP_E_MALFORMED;
    *ret_len = out;
    return SUP_OK;
}
