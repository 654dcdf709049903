#include "supportd/media/demux.h"

#include <assert.h>

enum {
    STUN_MIN = 20,
    DTLS_MIN = 13, /* record header */
    TURN_MIN = 4,
    RTP_MIN = 12,
    RTCP_MIN = 8,
    RTCP_TYPE_FIRST = 192, /* RFC 5761 section 4: with the marker bit these are types 64..95 */
    RTCP_TYPE_LAST = 223,
};

enum sup_demux_kind sup_demux(const uint8_t *pkt, size_t len)
{
    assert(pkt || len == 0);
    if (len == 0)
        return SUP_DEMUX_DROP;
    uint8_t first = pkt[0];
    if (first <= 3)
        return len >= STUN_MIN ? SUP_DEMUX_STUN : SUP_DEMUX_DROP;
    if (first >= 20 && first <= 63)
        return len >= DTLS_MIN ? SUP_DEMUX_DTLS : SUP_DEMUX_DROP;
    if (first >= 64 && first <= 79)
        return len >= TURN_MIN ? SUP_DEMUX_TURN : SUP_DEMUX_DROP;
    if (first < 128 || first > 191 || len < RTCP_MIN)
        return SUP_DEMUX_DROP;
    if (pkt[1] >= RTCP_TYPE_FIRST && pkt[1] <= RTCP_TYPE_LAST)
        return SUP_DEMUX_RTCP;
    return len >= RTP_MIN ? SUP_DEMUX_RTP : SUP_DEMUX_DROP;
}
