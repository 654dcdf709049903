/* Packets of a leg: in from the peer, out to the peer, and the RTCP between the two. */
#include "session_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/id.h"
#include "supportd/media/opus_toc.h"

enum {
    /* A second on average, from half of it to one and a half (RFC 3550 section 6.3.1). The minimum
     * of 5 s does not bind the AVPF profile (RFC 4585 section 3.4); some 120 bytes a second are
     * well below 5 % of a voice session. A change of the round trip shows in the answers alone. */
    RTCP_MIN_US = 500000,
    RTCP_SPREAD_US = 1000000,
    PONG_FRESH_US = 2000000, /* a round trip told by a ping is better than the peer's reports */
};

void sup_leg_set_tap(struct sup_leg *leg, sup_leg_tap tap, void *arg)
{
    leg->tap = tap;
    leg->tap_arg = arg;
}

static void warm_leg(const struct sup_leg *leg, bool out, struct sup_warm *warm)
{
    sup_warm_add(warm, leg, offsetof(struct sup_leg, drops));
    sup_ice_warm(leg->ice, warm);
    if (leg->srtp)
        sup_srtp_warm(leg->srtp, out, warm);
    if (leg->quality)
        sup_quality_warm(leg->quality, out, warm);
}

void sup_leg_warm(struct sup_leg *leg)
{
    leg->warm.count = 0;
    warm_leg(leg, false, &leg->warm);
    if (!sup_list_empty(&leg->listeners))
        warm_leg(SUP_CONTAINER_OF(leg->listeners.next, struct sup_ear, relay)->to, true,
                 &leg->warm);
}

static void tell_tap(const struct sup_leg *leg, const uint8_t *pkt, const struct sup_rtp_hdr *hdr)
{
    struct sup_leg_packet packet = {
        .payload = pkt + hdr->payload_off,
        .len = hdr->payload_len,
        .seq = hdr->seq,
        .ts = hdr->ts,
        .ssrc = hdr->ssrc,
        .arrival_us = sup_media_now_us(leg->engine),
    };
    leg->tap(leg, &packet, leg->tap_arg);
}

void sup_leg_take_rtp(struct sup_leg *leg, uint8_t *pkt, size_t len, size_t cap)
{
    if (!leg->srtp) {
        leg->drops.early++;
        return;
    }
    if (sup_srtp_unprotect_rtp(leg->srtp, pkt, len, &len) != SUP_OK)
        return; /* counted there */
    sup_leg_mark_alive(leg);
    leg->packets_in++;
    struct sup_rtp_hdr hdr;
    if (sup_rtp_parse(pkt, len, &hdr) != SUP_OK) {
        leg->drops.malformed++;
        return;
    }
    if (hdr.payload_type != leg->payload_type) {
        leg->drops.payload_type++;
        return;
    }
    sup_quality_add_in(leg->quality, pkt, &hdr, sup_media_now_us(leg->engine));
    if (leg->tap)
        tell_tap(leg, pkt, &hdr);
    sup_bridge_relay(leg, pkt, &hdr, cap);
}

static void take_blocks(struct sup_leg *leg, const struct sup_rtcp *rtcp, int64_t wall_us)
{
    for (size_t i = 0; i < rtcp->block_count; i++) {
        const struct sup_rtcp_block *block = &rtcp->blocks[i];
        uint32_t rtt_us;
        if (block->ssrc != leg->out.ssrc)
            continue;
        unsigned loss_pct = (block->fraction_lost * 100u + 255) / 256;
        if (loss_pct < leg->peer_loss_pct) /* a quiet report does not end a bad line */
            loss_pct = (loss_pct + leg->peer_loss_pct) / 2;
        leg->peer_loss_pct = (uint8_t)loss_pct;
        uint64_t now_us = sup_media_now_us(leg->engine);
        sup_quality_add_report(leg->quality, block, now_us);
        if (now_us - leg->pong_us > PONG_FRESH_US && /* the newest that is known */
            sup_rtcp_rtt(wall_us, block->lsr, block->dlsr, &rtt_us))
            sup_quality_add_rtt(leg->quality, rtt_us,
                                rtt_us + (uint64_t)block->dlsr * 1000000 / 65536, now_us);
    }
}

void sup_leg_take_rtcp(struct sup_leg *leg, uint8_t *pkt, size_t len)
{
    if (!leg->srtp) {
        leg->drops.early++;
        return;
    }
    if (sup_srtp_unprotect_rtcp(leg->srtp, pkt, len, &len) != SUP_OK)
        return;
    sup_leg_mark_alive(leg);
    leg->rtcp_in++;
    struct sup_rtcp rtcp;
    if (sup_rtcp_parse(pkt, len, &rtcp) != SUP_OK) {
        leg->drops.malformed++;
        return;
    }
    take_blocks(leg, &rtcp, sup_clock_wall_us());
    if (rtcp.has_sender) {
        leg->lsr = (uint32_t)(rtcp.sender.ntp >> 16);
        leg->lsr_us = sup_media_now_us(leg->engine);
    }
}

void sup_leg_send_rtp(struct sup_leg *leg, uint8_t *pkt, size_t len, size_t cap, size_t payload_len,
                      bool lbrr)
{
    struct sup_quality_sent sent = {.seq = sup_rtp_seq(pkt),
                                    .ts = sup_rtp_ts(pkt),
                                    .marker = pkt[1] & 0x80,
                                    .lbrr = lbrr,
                                    .payload_len = payload_len};
    if (sup_srtp_protect_rtp(leg->srtp, pkt, len, cap, &len) != SUP_OK) {
        leg->drops.protect_fail++;
        return;
    }
    leg->out_packets++;
    leg->out_octets += (uint32_t)payload_len;
    if (sup_ice_send(leg->ice, pkt, len) != SUP_OK)
        return; /* counted there; to the peer it is a lost packet */
    leg->packets_out++;
    sup_quality_add_out(leg->quality, &sent, sup_media_now_us(leg->engine));
}

/* Our report block about the peer's stream, with the round trip's two stamps. */
static bool make_block(struct sup_leg *leg, uint64_t now_us, struct sup_rtcp_block *ret)
{
    if (!sup_quality_take_block(leg->quality, ret))
        return false;
    if (leg->lsr != 0) {
        uint64_t passed = now_us - leg->lsr_us;
        ret->lsr = leg->lsr;
        ret->dlsr = (uint32_t)(passed / 1000000 * 65536 + passed % 1000000 * 65536 / 1000000);
    }
    return true;
}

void sup_leg_send_rtcp(struct sup_leg *leg, bool bye)
{
    uint64_t now_us = sup_media_now_us(leg->engine);
    if (!sup_leg_may_send(leg) || (!bye && now_us < leg->rtcp_due_us))
        return;
    uint32_t spread;
    sup_random(&spread, sizeof(spread));
    leg->rtcp_due_us = now_us + RTCP_MIN_US + spread % RTCP_SPREAD_US;

    struct sup_rtcp_block block;
    struct sup_rtcp_sender sender = {.ntp = sup_rtcp_ntp(sup_clock_wall_us()),
                                     .rtp_ts = sup_send_stream_ts_at(&leg->out, now_us),
                                     .packets = leg->out_packets,
                                     .octets = leg->out_octets};
    struct sup_rtcp_write_opts opts = {
        .ssrc = leg->out.ssrc, .blocks = &block, .cname = leg->cname, .bye = bye};
    opts.block_count = make_block(leg, now_us, &block) ? 1 : 0;
    if (leg->out_packets != leg->reported_packets)
        opts.sender = &sender;
    leg->reported_packets = leg->out_packets;

    uint8_t *pkt = sup_media_scratch(leg->engine);
    size_t len;
    if (sup_rtcp_write(&opts, pkt, SUP_MEDIA_DATAGRAM_MAX, &len) != SUP_OK ||
        sup_srtp_protect_rtcp(leg->srtp, pkt, len, SUP_MEDIA_BUFFER_LEN, &len) != SUP_OK) {
        leg->drops.protect_fail++;
        return;
    }
    if (sup_ice_send(leg->ice, pkt, len) == SUP_OK)
        leg->rtcp_out++;
}
