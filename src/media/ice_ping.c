/* Which binding requests of ours are still to be answered. */
#include <string.h>

#include "ice_internal.h"

const uint8_t *sup_ice_pings_add(struct sup_ice_pings *pings, uint64_t now_us)
{
    unsigned i = pings->next++ % SUP_ICE_PINGS;
    sup_stun_make_id(pings->waiting[i].id);
    pings->waiting[i].sent_us = now_us;
    return pings->waiting[i].id;
}

bool sup_ice_pings_take(struct sup_ice_pings *pings, const uint8_t id[SUP_STUN_ID_LEN],
                        uint64_t now_us, uint32_t *ret_rtt_us)
{
    for (unsigned i = 0; i < SUP_ICE_PINGS; i++) {
        uint64_t sent_us = pings->waiting[i].sent_us;
        if (sent_us == 0 || memcmp(pings->waiting[i].id, id, SUP_STUN_ID_LEN) != 0)
            continue;
        pings->waiting[i].sent_us = 0;
        *ret_rtt_us = (uint32_t)(now_us - sent_us);
        return true;
    }
    return false;
}
