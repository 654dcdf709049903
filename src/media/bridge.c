/* Who hears whom: relays a leg's packets to its listeners and plays hold music. */
#include <assert.h>
#include <string.h>

#include "session_internal.h"
#include "supportd/media/opus_toc.h"

enum { LATE_US = 100000 /* a loop that was away for longer does not catch up: the music skips */ };

/* Of one packet, the same for every listener. */
struct relayed {
    const struct sup_rtp_hdr *hdr;
    bool has_level;
    struct sup_rtp_level level;
    bool lbrr;
    uint64_t now_us;
};

/* Fills *ret_out for one listener; false: it gets nothing. */
static bool address_to(struct sup_leg *to, const struct relayed *r, struct sup_rtp_out *ret_out)
{
    if (!sup_leg_may_send(to)) {
        to->drops.not_sending++;
        return false;
    }
    *ret_out = (struct sup_rtp_out){.payload_type = to->payload_type,
                                    .level_id = r->has_level ? to->level_id : 0,
                                    .level = r->level};
    if (!sup_send_stream_map(&to->out, r->hdr, r->now_us, ret_out)) {
        to->drops.before_switch++;
        return false;
    }
    return true;
}

static void send_in_place(struct sup_leg *to, const struct relayed *r, uint8_t *pkt, size_t cap)
{
    struct sup_rtp_out out;
    struct sup_rtp_span span;
    if (!address_to(to, r, &out))
        return;
    sup_rtp_rewrite(pkt, r->hdr, &out, &span);
    sup_leg_send_rtp(to, span.data, span.len, cap - (size_t)(span.data - pkt), r->hdr->payload_len,
                     r->lbrr);
}

static void send_payload(struct sup_leg *to, const struct sup_rtp_out *out, const uint8_t *payload,
                         size_t len, bool lbrr)
{
    uint8_t *scratch = sup_media_scratch(to->engine);
    size_t head = sup_rtp_write_header(out, scratch);
    memcpy(scratch + head, payload, len);
    sup_leg_send_rtp(to, scratch, head + len, SUP_MEDIA_BUFFER_LEN, len, lbrr);
}

void sup_bridge_relay(struct sup_leg *leg, uint8_t *pkt, const struct sup_rtp_hdr *hdr, size_t cap)
{
    if (sup_list_empty(&leg->listeners)) {
        leg->drops.unheard++;
        return;
    }
    struct relayed r = {.hdr = hdr, .now_us = sup_media_now_us(leg->engine)};
    struct sup_opus_info info;
    r.has_level = sup_rtp_get_level(pkt, hdr, leg->level_id, &r.level);
    r.lbrr = sup_opus_parse(pkt + hdr->payload_off, hdr->payload_len, &info) == SUP_OK && info.lbrr;
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &leg->listeners)
    {
        struct sup_leg *to = SUP_CONTAINER_OF(pos, struct sup_leg, hear_link);
        struct sup_rtp_out out;
        if (tmp == &leg->listeners) /* the last one may have the buffer */
            send_in_place(to, &r, pkt, cap);
        else if (address_to(to, &r, &out))
            send_payload(to, &out, pkt + hdr->payload_off, hdr->payload_len, r.lbrr);
    }
}

void sup_bridge_on_hold_time(struct sup_media_timer *timer)
{
    struct sup_leg *leg = SUP_CONTAINER_OF(timer, struct sup_leg, hold_timer);
    const struct sup_hold *hold = sup_media_config(leg->engine)->hold;
    if (!sup_leg_may_send(leg))
        return; /* goes on when the peer is back: sup_bridge_update() */
    uint64_t at_us = timer->at_us, now_us = sup_media_now_us(leg->engine);
    struct sup_rtp_hdr in = {
        .seq = leg->hold_seq++,
        .ts = (uint32_t)(at_us / SUP_HOLD_PACKET_US * SUP_HOLD_PACKET_SAMPLES),
    };
    struct sup_rtp_out out = {.payload_type = leg->payload_type};
    struct sup_hold_packet packet = sup_hold_packet(hold, leg->hold_position++);
    if (sup_send_stream_map(&leg->out, &in, now_us, &out))
        send_payload(leg, &out, packet.data, packet.len, false);
    if (now_us > at_us + LATE_US)
        at_us = now_us / SUP_HOLD_PACKET_US * SUP_HOLD_PACKET_US;
    sup_media_timer_set(leg->engine, timer, at_us + SUP_HOLD_PACKET_US);
}

void sup_bridge_update(struct sup_leg *leg)
{
    bool play = leg->source == SUP_LEG_HEARS_HOLD && sup_media_config(leg->engine)->hold &&
                sup_leg_may_send(leg);
    if (!play) {
        sup_media_timer_set(leg->engine, &leg->hold_timer, SUP_MEDIA_NEVER);
    } else if (leg->hold_timer.place == 0) {
        /* Every leg's beat falls on the same multiples of 20 ms: one wake-up serves all. */
        uint64_t beat = sup_media_now_us(leg->engine) / SUP_HOLD_PACKET_US + 1;
        sup_media_timer_set(leg->engine, &leg->hold_timer, beat * SUP_HOLD_PACKET_US);
    }
}

void sup_leg_set_source(struct sup_leg *leg, enum sup_leg_source source, struct sup_leg *other)
{
    assert(source != SUP_LEG_HEARS_LEG || (other && other != leg));
    if (source != SUP_LEG_HEARS_LEG)
        other = NULL;
    if (leg->source == source && leg->heard == other)
        return;
    sup_list_remove(&leg->hear_link);
    leg->source = source;
    leg->heard = other;
    if (other)
        sup_list_append(&other->listeners, &leg->hear_link);
    sup_send_stream_switch(&leg->out);
    sup_bridge_update(leg);
}

enum sup_leg_source sup_leg_source_of(const struct sup_leg *leg)
{
    return leg->source;
}

void sup_bridge_leave(struct sup_leg *leg)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &leg->listeners)
    sup_leg_set_source(SUP_CONTAINER_OF(pos, struct sup_leg, hear_link), SUP_LEG_HEARS_NOTHING,
                       NULL);
    sup_list_remove(&leg->hear_link);
}
