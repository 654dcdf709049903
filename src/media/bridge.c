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
    if (to->announcing) {
        to->drops.announced++;
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

void sup_bridge_send(struct sup_leg *to, const struct sup_rtp_out *out, const uint8_t *payload,
                     size_t len, bool lbrr)
{
    uint8_t *scratch = sup_media_scratch(to->engine);
    size_t head = sup_rtp_write_header(out, scratch);
    memcpy(scratch + head, payload, len);
    sup_leg_send_rtp(to, scratch, head + len, SUP_MEDIA_BUFFER_LEN, len, lbrr);
}

void sup_bridge_relay(struct sup_leg *leg, uint8_t *pkt, const struct sup_rtp_hdr *hdr, size_t cap)
{
    if (leg->mix_in)
        sup_mixer_take(leg, pkt, hdr);
    if (sup_list_empty(&leg->listeners)) {
        leg->drops.unheard += leg->mix_in ? 0 : 1;
        return;
    }
    struct relayed r = {.hdr = hdr, .now_us = sup_media_now_us(leg->engine)};
    struct sup_opus_info info;
    r.has_level = sup_rtp_get_level(pkt, hdr, leg->level_id, &r.level);
    r.lbrr = sup_opus_parse(pkt + hdr->payload_off, hdr->payload_len, &info) == SUP_OK && info.lbrr;
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &leg->listeners)
    {
        struct sup_leg *to = SUP_CONTAINER_OF(pos, struct sup_ear, relay)->to;
        struct sup_rtp_out out;
        if (tmp == &leg->listeners) /* the last one may have the buffer */
            send_in_place(to, &r, pkt, cap);
        else if (address_to(to, &r, &out))
            sup_bridge_send(to, &out, pkt + hdr->payload_off, hdr->payload_len, r.lbrr);
    }
}

/* The beat of a leg at present: music, or a notice amid whatever it hears. */
static bool beats(const struct sup_leg *leg)
{
    bool music = leg->source == SUP_LEG_HEARS_HOLD && sup_media_config(leg->engine)->hold;
    return (music || leg->announcing) && sup_leg_may_send(leg);
}

static struct sup_hold_packet next_packet(struct sup_leg *leg, const struct sup_hold *music)
{
    if (leg->announcing)
        return sup_hold_packet(leg->notice, leg->notice_position++);
    if (!leg->prompt)
        return sup_hold_packet(music, leg->hold_position++);
    struct sup_hold_packet packet = sup_hold_packet(leg->prompt, leg->prompt_position++);
    if (leg->prompt_position == sup_hold_count(leg->prompt))
        leg->prompt = NULL;
    return packet;
}

bool sup_leg_play(struct sup_leg *leg, const struct sup_hold *prompt)
{
    assert(leg && prompt);
    if (leg->source != SUP_LEG_HEARS_HOLD || leg->hold_timer.place == 0)
        return false;
    leg->prompt = prompt;
    leg->prompt_position = 0;
    return true;
}

void sup_leg_announce(struct sup_leg *leg, const struct sup_hold *notice)
{
    assert(leg && notice);
    if (!leg->announcing)
        sup_send_stream_switch(&leg->out);
    leg->announcing = true;
    leg->notice = notice;
    leg->notice_position = 0;
    sup_bridge_update(leg);
}

bool sup_leg_announces(const struct sup_leg *leg)
{
    return leg->announcing;
}

/* What the leg should hear follows on the notice as another source would. */
static void end_notice(struct sup_leg *leg)
{
    if (!leg->announcing || leg->notice_position < sup_hold_count(leg->notice))
        return;
    leg->announcing = false;
    leg->notice = NULL;
    sup_send_stream_switch(&leg->out);
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
    struct sup_hold_packet packet = next_packet(leg, hold);
    if (sup_send_stream_map(&leg->out, &in, now_us, &out))
        sup_bridge_send(leg, &out, packet.data, packet.len, false);
    end_notice(leg);
    if (!beats(leg))
        return;
    if (now_us > at_us + LATE_US)
        at_us = now_us / SUP_HOLD_PACKET_US * SUP_HOLD_PACKET_US;
    sup_media_timer_set(leg->engine, timer, at_us + SUP_HOLD_PACKET_US);
}

void sup_bridge_update(struct sup_leg *leg)
{
    if (leg->source != SUP_LEG_HEARS_HOLD)
        leg->prompt = NULL;
    if (!beats(leg)) {
        sup_media_timer_set(leg->engine, &leg->hold_timer, SUP_MEDIA_NEVER);
    } else if (leg->hold_timer.place == 0) {
        /* Every leg's beat falls on the same multiples of 20 ms: one wake-up serves all. */
        uint64_t beat = sup_media_now_us(leg->engine) / SUP_HOLD_PACKET_US + 1;
        sup_media_timer_set(leg->engine, &leg->hold_timer, beat * SUP_HOLD_PACKET_US);
    }
}

static void attach(struct sup_leg *leg, struct sup_leg *other, bool relay, bool mix)
{
    struct sup_ear *ear = &leg->ears[leg->ear_count++];
    *ear = (struct sup_ear){.to = leg, .from = other};
    sup_list_init(&ear->relay);
    sup_list_init(&ear->mix);
    if (relay)
        sup_list_append(&other->listeners, &ear->relay);
    if (mix)
        sup_list_append(&other->mixed, &ear->mix);
}

static void detach_all(struct sup_leg *leg)
{
    for (size_t i = 0; i < leg->ear_count; i++) {
        sup_list_remove(&leg->ears[i].relay);
        sup_list_remove(&leg->ears[i].mix);
    }
    leg->ear_count = 0;
}

void sup_leg_set_source(struct sup_leg *leg, enum sup_leg_source source, struct sup_leg *other)
{
    bool hears = source == SUP_LEG_HEARS_LEG;
    assert(source != SUP_LEG_HEARS_MIX && (!hears || (other && other != leg)));
    if (leg->source == source && (!hears || leg->ears[0].from == other))
        return;
    struct sup_mixer *mixer = sup_media_mixer(leg->engine);
    detach_all(leg);
    if (hears)
        attach(leg, other, true, false);
    leg->source = source;
    sup_mixer_remove_listener(mixer, leg);
    sup_mixer_sweep(mixer);
    sup_send_stream_switch(&leg->out);
    sup_bridge_update(leg);
}

/* The leg whose packets leg gets as they are, or NULL. */
static const struct sup_leg *relayed_to(const struct sup_leg *leg)
{
    for (size_t i = 0; i < leg->ear_count; i++)
        if (!sup_list_empty(&leg->ears[i].relay))
            return leg->ears[i].from;
    return NULL;
}

static bool hears(const struct sup_leg *leg, const struct sup_leg *other)
{
    for (size_t i = 0; i < leg->ear_count; i++)
        if (leg->ears[i].from == other)
            return true;
    return false;
}

static bool hears_all(const struct sup_leg *leg, struct sup_leg *const *others, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!hears(leg, others[i]))
            return false;
    return leg->ear_count == count;
}

static sup_err prepare_mix(struct sup_leg *leg, struct sup_leg *const *others, size_t count)
{
    struct sup_mixer *mixer = sup_media_mixer(leg->engine);
    sup_err err = SUP_OK;
    for (size_t i = 0; i < count && err == SUP_OK; i++)
        err = sup_mixer_add_speaker(mixer, others[i]);
    if (err == SUP_OK)
        err = sup_mixer_add_listener(mixer, leg);
    if (err != SUP_OK)
        sup_mixer_sweep(mixer);
    return err;
}

sup_err sup_leg_hear(struct sup_leg *leg, struct sup_leg *const *others, size_t count)
{
    assert(leg && (others || count == 0));
    if (count > SUP_MIX_MAX)
        return SUP_E_LIMIT;
    if (count < 2) {
        sup_leg_set_source(leg, count ? SUP_LEG_HEARS_LEG : SUP_LEG_HEARS_NOTHING,
                           count ? others[0] : NULL);
        return SUP_OK;
    }
    if (leg->source == SUP_LEG_HEARS_MIX && hears_all(leg, others, count))
        return SUP_OK;
    sup_err err = prepare_mix(leg, others, count);
    if (err != SUP_OK)
        return err;
    const struct sup_leg *relayed = relayed_to(leg);
    bool begins = leg->source != SUP_LEG_HEARS_MIX;
    detach_all(leg);
    for (size_t i = 0; i < count; i++) {
        assert(others[i] != leg && !hears(leg, others[i]));
        attach(leg, others[i], others[i] == relayed, true);
    }
    leg->source = SUP_LEG_HEARS_MIX;
    sup_mixer_sweep(sup_media_mixer(leg->engine));
    if (begins && relayed_to(leg))
        sup_mixer_prime(leg);
    else if (begins)
        sup_send_stream_switch(&leg->out);
    sup_bridge_update(leg);
    return SUP_OK;
}

void sup_bridge_end_relay(struct sup_leg *leg)
{
    for (size_t i = 0; i < leg->ear_count; i++)
        sup_list_remove(&leg->ears[i].relay);
    sup_send_stream_switch(&leg->out);
}

enum sup_leg_source sup_leg_source_of(const struct sup_leg *leg)
{
    return leg->source;
}

size_t sup_leg_hears(const struct sup_leg *leg)
{
    return leg->ear_count;
}

/* Cannot fail: fewer are heard than before, and what they need is there. */
static void unhear(struct sup_leg *leg, const struct sup_leg *gone)
{
    struct sup_leg *rest[SUP_MIX_MAX];
    size_t count = 0;
    for (size_t i = 0; i < leg->ear_count; i++)
        if (leg->ears[i].from != gone)
            rest[count++] = leg->ears[i].from;
    sup_err err = sup_leg_hear(leg, rest, count);
    assert(err == SUP_OK);
    (void)err;
}

void sup_bridge_leave(struct sup_leg *leg)
{
    sup_leg_set_source(leg, SUP_LEG_HEARS_NOTHING, NULL);
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &leg->listeners)
    unhear(SUP_CONTAINER_OF(pos, struct sup_ear, relay)->to, leg);
    SUP_LIST_EACH(pos, tmp, &leg->mixed)
    unhear(SUP_CONTAINER_OF(pos, struct sup_ear, mix)->to, leg);
}
