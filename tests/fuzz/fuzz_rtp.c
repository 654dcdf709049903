/* Any packet: parsed, walked, fed to statistics and quality, rewritten; the result parses and
 * carries the same payload. The input is a row of packets, each behind a length byte. */
#include <stdlib.h>
#include <string.h>

#include "supportd/base/mem.h"
#include "supportd/media/quality.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void rewrite(uint8_t *pkt, const struct sup_rtp_hdr *h, uint8_t id)
{
    struct sup_rtp_hdr again;
    struct sup_rtp_span span;
    struct sup_rtp_out out = {
        .payload_type = 111, .seq = 7, .ts = 8, .ssrc = 9, .level_id = id, .level = {5, true}};
    sup_rtp_rewrite(pkt, h, &out, &span);
    if (sup_rtp_parse(span.data, span.len, &again) || again.ssrc != 9 ||
        again.payload_len != h->payload_len ||
        span.data + again.payload_off != pkt + h->payload_off)
        abort();
}

static void one_packet(struct sup_quality *q, const uint8_t *data, size_t len, uint64_t now_us)
{
    struct sup_rtp_hdr h;
    struct sup_rtp_ext ext;
    size_t pos = 0, walked = 0;
    uint8_t *pkt = malloc(len ? len : 1);
    if (!pkt)
        abort();
    if (len)
        memcpy(pkt, data, len);
    if (sup_rtp_parse(pkt, len, &h) == SUP_OK) {
        if (h.payload_off + h.payload_len > len || h.ext_off + h.ext_len > len)
            abort();
        while (sup_rtp_ext_next(pkt, &h, &pos, &ext))
            walked += ext.len + 1;
        if (walked > h.ext_len)
            abort();
        sup_quality_add_in(q, pkt, &h, now_us);
        rewrite(pkt, &h, pkt[1] & 0x1F);
    }
    free(pkt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sup_quality *q;
    struct sup_quality_env env = {.connected = true, .expect_in = true};
    struct sup_quality_sample s;
    uint64_t now_us = 1000000;
    if (sup_quality_create(&(struct sup_quality_opts){.level_id = 1}, now_us, &q))
        abort();
    for (size_t at = 0, n = 1; at < size; n++) {
        size_t len = data[at] < size - at - 1 ? data[at] : size - at - 1;
        now_us += 20000;
        one_packet(q, data + at + 1, len, now_us);
        at += 1 + len;
        if (n % 8 != 0)
            continue;
        sup_quality_tick(q, now_us, &env, &s);
        if (!(s.in.residual_loss_pct >= 0 && s.in.residual_loss_pct <= 100) ||
            (s.in.has_mos && !(s.in.mos_cq >= 1 && s.in.mos_cq <= 4.5)))
            abort();
    }
    sup_quality_destroy(q);
    if (sup_mem_live())
        abort();
    return 0;
}
