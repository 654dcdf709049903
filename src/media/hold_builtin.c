#include <assert.h>

#include "hold_internal.h"

static sup_err create(const uint8_t *bytes, const uint16_t *lengths, size_t count,
                      struct sup_hold **ret_hold)
{
    struct sup_hold *hold;
    sup_err err = hold_create(&hold);
    if (err)
        return err;
    for (size_t n = 0; !err && n < count; n++) {
        err = hold_add(hold, bytes, lengths[n]);
        bytes += lengths[n];
    }
    if (err) {
        sup_hold_destroy(hold);
        return err;
    }
    *ret_hold = hold;
    return SUP_OK;
}

sup_err sup_hold_create_builtin(struct sup_hold **ret_hold)
{
    assert(ret_hold);
    return create(hold_builtin_bytes, hold_builtin_lengths, hold_builtin_count, ret_hold);
}

sup_err sup_hold_create_notice(struct sup_hold **ret_notice)
{
    assert(ret_notice);
    return create(hold_notice_bytes, hold_notice_lengths, hold_notice_count, ret_notice);
}
