/* Any RTCP packet: what was read of it can be written as our own report and read back. */
#include <stdlib.h>
#include <string.h>

#include "supportd/media/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_back(const struct sup_rtcp *r)
{
    static struct sup_rtcp again;
    uint8_t buf[SUP_RTCP_SIZE_MAX];
    size_t len;
    struct sup_rtcp_write_opts o = {.ssrc = r->ssrc,
                                    .sender = r->has_sender ? &r->sender : NULL,
                                    .blocks = r->blocks,
                                    .block_count = r->block_count,
                                    .cname = r->cname[0] ? r->cname : "x",
                                    .bye = r->bye_count > 0};
    if (sup_rtcp_write(&o, buf, sizeof(buf), &len) || len % 4 != 0 ||
        sup_rtcp_parse(buf, len, &again) || again.ssrc != r->ssrc ||
        again.block_count != r->block_count || strcmp(again.cname, o.cname) != 0 ||
        memcmp(again.blocks, r->blocks, sizeof(r->blocks)) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sup_rtcp r;
    uint32_t rtt;
    uint8_t *pkt = malloc(size ? size : 1);
    if (!pkt)
        abort();
    if (size)
        memcpy(pkt, data, size);
    if (sup_rtcp_parse(pkt, size, &r) == SUP_OK) {
        write_back(&r);
        for (size_t i = 0; i < r.block_count; i++)
            if (sup_rtcp_rtt(1700000000000000, r.blocks[i].lsr, r.blocks[i].dlsr, &rtt) &&
                rtt > 60000000)
                abort();
    }
    free(pkt);
    return 0;
}
