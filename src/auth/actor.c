#include "supportd/auth/actor.h"

#include <stdio.h>
#include <string.h>

struct sup_actor sup_actor_make(enum sup_role role, struct sup_id id, const char *name)
{
    struct sup_actor actor = {.role = role, .id = id};
    if (role != SUP_ROLE_ANONYMOUS)
        (void)snprintf(actor.text, sizeof(actor.text), "%s:%s",
                       role == SUP_ROLE_CUSTOMER ? "customer" : "staff", sup_id_text(id).s);
    if (!name)
        return actor;
    size_t len = strnlen(name, SUP_ACTOR_NAME_MAX);
    /* Never cut within a UTF-8 sequence. */
    while (name[len] != '\0' && len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
        len--;
    memcpy(actor.name, name, len);
    return actor;
}

bool sup_actor_is_staff(const struct sup_actor *actor)
{
    return sup_role_is_staff(actor->role);
}
