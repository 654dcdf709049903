/* Who acts: the one value that permission checks, SQL functions and audit rows start from.
 *
 * Layer: auth. Plain value. */
#ifndef SUPPORTD_AUTH_ACTOR_H
#define SUPPORTD_AUTH_ACTOR_H
#include <stdbool.h>
#include <stdint.h>

#include "supportd/auth/digest.h"
#include "supportd/auth/permission.h"
#include "supportd/base/id.h"

enum { SUP_ACTOR_NAME_MAX = 200, SUP_ACTOR_TEXT_MAX = 48 };

struct sup_actor {
    enum sup_role role;                /* SUP_ROLE_ANONYMOUS: nobody */
    struct sup_id id;                  /* customers.id or support_staff.id */
    char text[SUP_ACTOR_TEXT_MAX + 1]; /* "customer:<uuid>", "staff:<uuid>": argument of every SQL
                                          function */
    char name[SUP_ACTOR_NAME_MAX + 1]; /* UTF-8, may be empty */
    char language[16];                 /* of a customer; may be empty */
    struct sup_id session; /* names the login of a built-in account; zero: another way */
    uint8_t session_hash[SUP_SHA256_LEN]; /* of its token; session is its beginning */
    int64_t expires_us;                   /* wall time at which the credential ends; 0: not known */
};

/* Fills text from role and id. */
struct sup_actor sup_actor_make(enum sup_role role, struct sup_id id, const char *name);
bool sup_actor_is_staff(const struct sup_actor *actor);
#endif
