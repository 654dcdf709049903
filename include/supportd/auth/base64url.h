/* Base64url without padding.
 *
 * Layer: auth. Pure. Thread: any. Source: RFC 4648 section 5, RFC 7515 section 2. */
#ifndef SUPPORTD_AUTH_BASE64URL_H
#define SUPPORTD_AUTH_BASE64URL_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

/* Characters for len bytes, and most bytes from len characters. */
#define SUP_BASE64URL_LEN(len) (((len)*4 + 2) / 3)
#define SUP_BASE64URL_BYTES(len) ((len)*3 / 4)

/* Writes SUP_BASE64URL_LEN(len) characters and a NUL. */
void sup_base64url_encode(const uint8_t *data, size_t len, char *ret_text);
/* ret_data has room for SUP_BASE64URL_BYTES(len). Strict: no padding, no blanks, unused bits 0.
 * Errors: SUP_E_MALFORMED. */
SUP_MUST_CHECK sup_err sup_base64url_decode(const char *text, size_t len, uint8_t *ret_data,
                                            size_t *ret_len);
#endif
