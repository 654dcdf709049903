#include <assert.h>

#include "hold_internal.h"

sup_err sup_hold_create_builtin(struct sup_hold **ret_hold)
{
    assert(ret_hold);
    struct sup_hold *hold;
    const uint8_t *packet = hold_builtin_bytes;
    sup_err err = hold_create(&hold);
    if (err)
        return err;
    for (size_t n = 0; !err && n < hold_builtin_count; n++) {
        err = hold_add(hold, packet, hold_builtin_lengths[n]);
        packet += hold_builtin_lengths[n];
    }
    if (err) {
        sup_hold_destroy(hold);
        return err;
    }
    *ret_hold = hold;
    return SUP_OK;
}
