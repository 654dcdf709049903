/* Any datagram goes to exactly one owner, whose minimum length it has. */
#include <stdlib.h>

#include "supportd/media/demux.h"
#include "supportd/media/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sup_rtp_hdr h;
    static const size_t least[] = {
        [SUP_DEMUX_DROP] = 0, [SUP_DEMUX_STUN] = 20, [SUP_DEMUX_DTLS] = 13,
        [SUP_DEMUX_TURN] = 4, [SUP_DEMUX_RTP] = 12,  [SUP_DEMUX_RTCP] = 8};
    enum sup_demux_kind kind = sup_demux(data, size);
    if ((unsigned)kind > SUP_DEMUX_RTCP || size < least[kind])
        abort();
    /* What parses as RTP must never be taken for something else but RTCP. */
    if (size && sup_rtp_parse(data, size, &h) == SUP_OK && kind != SUP_DEMUX_RTP &&
        kind != SUP_DEMUX_RTCP)
        abort();
    return 0;
}
