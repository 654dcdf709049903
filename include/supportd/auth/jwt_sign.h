/* Makes HS256 tokens: for the demo bank's login, which stands in for a real bank's.
 *
 * Layer: auth. Pure. Source: RFC 7515. */
#ifndef SUPPORTD_AUTH_JWT_SIGN_H
#define SUPPORTD_AUTH_JWT_SIGN_H
#include <jansson.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"

/* Appends the compact form of claims, signed with secret (at least 32 bytes).
 * Errors: SUP_E_INVAL (short secret), SUP_E_NOMEM, SUP_E_LIMIT, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_jwt_sign(const char *secret, const json_t *claims, struct sup_buf *out);
#endif
