/* Any datagram as an answer to a ping: read without reading beyond it, and never without a proof.
 */
#include <stdlib.h>
#include <string.h>

#include "supportd/media/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *pkt = malloc(size ? size : 1), id[SUP_STUN_ID_LEN];
    if (!pkt)
        abort();
    if (size)
        memcpy(pkt, data, size);
    /* The corpus has an answer under this password: who reads it under another has not looked. */
    bool proved = sup_stun_read_pong(pkt, size, "VOkJxbRl1RmTxUk/WvJxBt", id);
    if (proved && memcmp(id, pkt + SUP_STUN_ID_AT, sizeof(id)) != 0)
        abort();
    if (proved && sup_stun_read_pong(pkt, size, "VOkJxbRl1RmTxUk/WvJxBs", id))
        abort();
    free(pkt);
    return 0;
}
