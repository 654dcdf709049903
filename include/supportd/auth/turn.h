/* Time-limited TURN credentials (the scheme that coturn calls use-auth-secret).
 *
 * Layer: auth. Pure. Source: draft-uberti-behave-turn-rest-00: the user name is the time of expiry
 * and a name, the password base64(HMAC-SHA1(secret, user name)). */
#ifndef SUPPORTD_AUTH_TURN_H
#define SUPPORTD_AUTH_TURN_H
#include <stdint.h>

#include "supportd/base/err.h"

struct sup_turn_credential {
    char username[80];
    char password[32];
};

/* until_s: seconds since 1970; name: at most 40 characters. Errors: SUP_E_LIMIT, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_turn_credential(const char *secret, int64_t until_s, const char *name,
                                           struct sup_turn_credential *ret_credential);
#endif
