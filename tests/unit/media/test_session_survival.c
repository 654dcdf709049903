/* What a leg survives: wraps, new SSRCs, long holds, silence, restarts, new networks. */
#include "bench/stun_client.h"
#include "support/legs.h"

START_TEST(sequence_wrap_and_new_ssrc_leave_sound_intact)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, CM, 109, 0);
    join(a, b);
    uint32_t sent = 0;
    for (uint32_t i = 0; i < 1200; i++, sent++) { /* across the wrap of the source */
        speak(a, (uint16_t)(65000 + i), i * 960);
        speak(b, (uint16_t)(65000 + i), i * 960);
    }
    a->browser.ssrc++;
    for (uint32_t i = 0; i < 50; i++, sent++)
        speak(a, (uint16_t)(17 + i), 99 + i * 960);
    SPIN_UNTIL(b->browser.count == sent && a->browser.count == 1200);
    check_continuous(&b->browser, 0, false);
    check_continuous(&a->browser, 0, false);
    ck_assert_uint_eq(b->browser.undecipherable, 0);
    sup_leg_end_second(a->leg);
    ck_assert_uint_eq(a->lost, 0);
}
END_TEST

START_TEST(own_output_wraps_too)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, GCM, 109, 0);
    join(a, b);
    size_t wraps = 0, seen = 0;
    uint16_t last = 0;
    for (uint32_t i = 0; i < 70000; i += 100) { /* every hundredth: gaps stay below a jump */
        speak(b, (uint16_t)i, i * 960);
        while (seen < a->browser.count) {
            uint16_t seq = a->browser.heard[seen++ % BROWSER_HEARD].hdr.seq;
            wraps += seq < last;
            last = seq;
        }
    }
    SPIN_UNTIL(a->browser.count == 700);
    ck_assert_uint_ge(wraps, 1);
    ck_assert_uint_eq(a->browser.undecipherable, 0);
    ck_assert_uint_eq(report_of(a).drops.protect_fail, 0);
}
END_TEST

START_TEST(every_change_of_ssrc_is_one_more_switch)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, CM, 109, 0); /* the same for libsrtp2's side */
    join(a, b);
    for (uint32_t round = 0; round < SUP_SRTP_STREAMS; round++) {
        for (uint32_t i = 0; i < 20; i++) {
            speak(a, (uint16_t)(round * 7919 + i), round * 12345 + i * 960);
            speak(b, (uint16_t)(round * 7919 + i), round * 12345 + i * 960);
        }
        a->browser.ssrc += 3;
        b->browser.ssrc += 3;
    }
    SPIN_UNTIL(b->browser.count == 20 * SUP_SRTP_STREAMS &&
               a->browser.count == 20 * SUP_SRTP_STREAMS);
    check_continuous(&a->browser, 0, false);
    check_continuous(&b->browser, 0, false);
    ck_assert_uint_eq(a->browser.undecipherable + b->browser.undecipherable, 0);
    ck_assert_uint_eq(report_of(a).drops.ssrc_limit + report_of(b).drops.ssrc_limit, 0);
}
END_TEST

/* A page with two microphones' worth of numbers: every packet of a whole round of sequence numbers
 * and more, with the roll-over counters of real SRTP on both sides. */
static void speak_through_a_wrap(struct side *from, struct side *to, const uint32_t packets)
{
    size_t heard = to->browser.count;
    for (uint32_t i = 0; i < packets; i++) {
        speak(from, (uint16_t)(i + 99), i * 960);
        if (i % 64 == 63) /* never more under way than a socket's buffer holds */
            SPIN_UNTIL(to->browser.count == heard + i + 1);
    }
    SPIN_UNTIL(to->browser.count == heard + packets);
    size_t at = to->browser.count - 1;
    const struct browser_packet *last = &to->browser.heard[at % BROWSER_HEARD];
    check_names_frame(last, (uint16_t)(packets - 1 + 99));
}

START_TEST(whole_round_of_sequence_numbers)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, CM, 109, 0);
    join(a, b);
    speak_through_a_wrap(a, b, 65536 + 500); /* in by our own GCM, out by libsrtp2's CM */
    speak_through_a_wrap(b, a, 65536 + 500);
    for (struct side *s = a; s <= b; s++) {
        struct sup_leg_report r = report_of(s);
        sup_leg_end_second(s->leg);
        ck_assert_uint_eq(s->lost, 0);
        ck_assert_uint_eq(r.packets_in, 65536 + 500);
        ck_assert_uint_eq(r.packets_out, 65536 + 500);
        ck_assert_uint_eq(r.drops.replayed + r.drops.too_old + r.drops.auth_fail, 0);
        ck_assert_uint_eq(r.drops.before_switch + r.drops.protect_fail + r.drops.send_fail, 0);
        ck_assert_uint_eq(s->browser.undecipherable, 0);
    }
}
END_TEST

START_TEST(silence_is_reported_within_ten_seconds_and_ends_sending_after_thirty)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL);
    jump(8000000);
    ck_assert_int_eq(a->state, SUP_LEG_CONNECTED);
    for (int i = 0; i < 2; i++)
        jump(1000000);
    ck_assert_int_eq(a->state, SUP_LEG_LOST);
    ck_assert_int_eq(a->reason, SUP_LEG_SILENT);
    uint64_t before = report_of(a).packets_out;
    jump(20000);
    ck_assert_uint_gt(report_of(a).packets_out, before); /* still sending */
    jump(20000000);
    before = report_of(a).packets_out;
    uint64_t rtcp = report_of(a).rtcp_out;
    for (int i = 0; i < 10; i++)
        jump(1000000);
    ck_assert_uint_eq(report_of(a).packets_out, before);
    ck_assert_uint_eq(report_of(a).rtcp_out, rtcp);
    ck_assert_int_eq(a->states, 2);
    speak(a, 1, 0); /* the peer is back by itself */
    SPIN_UNTIL(a->state == SUP_LEG_CONNECTED);
    jump(40000);
    jump(40000);
    ck_assert_uint_gt(report_of(a).packets_out, before);
}
END_TEST

/* A quarter of an hour on hold: the caller hears music, the agent nothing; both browsers report now
 * and then, as they do. Afterwards both hear each other in the same streams. */
START_TEST(fifteen_minutes_on_hold)
{
    enum { SECONDS = 15 * 60 };
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, CM, 109, 0);
    join(a, b);
    for (uint16_t i = 0; i < 5; i++) {
        speak(a, i, i * 960u);
        speak(b, i, i * 960u);
    }
    SPIN_UNTIL(a->browser.count == 5 && b->browser.count == 5);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL);
    sup_leg_set_source(b->leg, SUP_LEG_HEARS_NOTHING, NULL);
    uint16_t seq = 5;
    for (uint32_t frames = 0; frames < SECONDS * 50; frames++) {
        sup_clock_fake(sup_clock_mono_us() + 20000, sup_clock_wall_us() + 20000);
        step();
        if (frames % 50 == 0) { /* a muted microphone's packets, thinned by DTX */
            speak(a, seq, seq * 960u + frames * 960u);
            seq++;
        }
        if (frames % 200 == 0)
            browser_send_report(&b->browser, NULL);
    }
    size_t music = a->browser.count;
    ck_assert_uint_ge(music, SECONDS * 50 - 50); /* not one beat was left out for long */
    ck_assert_int_eq(a->states + b->states, 2);  /* neither was taken for lost */
    join(a, b);
    for (uint16_t i = 0; i < 50; i++) {
        sup_clock_fake(sup_clock_mono_us() + 20000, sup_clock_wall_us() + 20000);
        speak(a, seq, (SECONDS * 50u + i) * 960u);
        speak(b, (uint16_t)(5 + i), (SECONDS * 50u + i) * 960u);
        seq++;
    }
    SPIN_UNTIL(a->browser.count == music + 50 && b->browser.count == 55);
    check_continuous(&b->browser, 0, false);
    /* The silence is time that has passed, not numbers that were lost. */
    uint32_t away = b->browser.heard[5].hdr.ts - b->browser.heard[4].hdr.ts;
    ck_assert_uint_ge(away, SECONDS * 48000u);
    ck_assert_uint_le(away, (SECONDS + 5) * 48000u);
    for (struct side *s = a; s <= b; s++) {
        struct sup_leg_drops d = report_of(s).drops;
        ck_assert_uint_eq(s->browser.undecipherable, 0);
        ck_assert_uint_eq(d.replayed + d.too_old + d.protect_fail + d.not_sending, 0);
    }
}
END_TEST

START_TEST(peer_that_never_comes_is_reported)
{
    open_engine(false, false);
    browser_open(&a->browser, GCM, 111, 1);
    make_leg(a);
    const char *offer = browser_offer(&a->browser);
    struct sup_buf answer;
    sup_buf_init(&answer, 0);
    ck_assert_int_eq(sup_leg_offer(a->leg, offer, strlen(offer), &answer, NULL), SUP_OK);
    sup_buf_fini(&answer);
    for (int i = 0; i < 32 && a->states == 0; i++)
        jump(1000000);
    ck_assert_int_eq(a->state, SUP_LEG_LOST);
    ck_assert_int_eq(a->samples, 0);
}
END_TEST

START_TEST(ice_restart_keeps_the_call)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL);
    SPIN_UNTIL(a->browser.count >= 5);
    char ufrag[300];
    snprintf(ufrag, sizeof(ufrag), "%s", sup_leg_ufrag(a->leg));
    ice_peer_restart(&a->browser.ice);
    negotiate(a, browser_offer(&a->browser));
    ck_assert_str_ne(ufrag, sup_leg_ufrag(a->leg));
    SPIN_UNTIL(a->browser.ice.connected);
    size_t before = a->browser.count;
    SPIN_UNTIL(a->browser.count >= before + 10);
    check_continuous(&a->browser, 0, false);
    ck_assert_int_eq(a->states, 1);
    /* The same offer again changes nothing. */
    struct sup_buf answer;
    sup_buf_init(&answer, 0);
    const char *offer = browser_offer(&a->browser);
    snprintf(ufrag, sizeof(ufrag), "%s", sup_leg_ufrag(a->leg));
    ck_assert_int_eq(sup_leg_offer(a->leg, offer, strlen(offer), &answer, NULL), SUP_OK);
    ck_assert_str_eq(ufrag, sup_leg_ufrag(a->leg));
    sup_buf_fini(&answer);
}
END_TEST

START_TEST(change_of_network_goes_on_after_a_restart)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL);
    SPIN_UNTIL(a->browser.count >= 5);
    uint16_t port = report_of(a).pair.remote_port;
    ice_peer_close(&a->browser.ice); /* Wi-Fi is gone; the page's DTLS and SRTP stay */
    spin(100);
    ice_peer_open(&a->browser.ice, "127.0.0.1");
    negotiate(a, browser_offer(&a->browser));
    size_t before = a->browser.count;
    SPIN_UNTIL(a->browser.count >= before + 10);
    ck_assert_uint_ne(report_of(a).pair.remote_port, port);
    check_continuous(&a->browser, 0, true);
    speak(a, 1, 0);
    SPIN_UNTIL(report_of(a).packets_in == 1);
}
END_TEST

/* Sends what the browser of s would, from another address than the selected one. */
static void send_from(struct side *s, int fd, const uint8_t *pkt, size_t len)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    to.sin_port = htons(s->port);
    ck_assert_int_eq(sendto(fd, pkt, len, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)len);
    step();
}

static size_t sealed(struct side *s, uint16_t seq, uint8_t *pkt)
{
    uint8_t payload[60];
    size_t len = browser_packet(&s->browser, seq, seq * 960u, payload, frame(seq, payload), pkt);
    ck_assert_int_eq(sup_srtp_protect_rtp(s->browser.srtp, pkt, len, ICE_PEER_PACKET, &len),
                     SUP_OK);
    return len;
}

START_TEST(new_mapping_of_a_nat_is_heard_at_once_and_needs_a_restart)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, GCM, 109, 0);
    join(a, b);
    speak(a, 1, 960);
    SPIN_UNTIL(b->browser.count == 1);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct stun_text check;
    char user[600];
    snprintf(user, sizeof(user), "%s:%s", sup_leg_ufrag(a->leg), a->browser.ice.ufrag);
    stun_request(&check, (const uint8_t *)"elsewhere...", user, a->pwd);
    send_from(a, fd, check.data, check.len);
    spin(20);
    uint8_t pkt[ICE_PEER_PACKET], copy[ICE_PEER_PACKET];
    for (uint16_t seq = 2; seq < 12; seq++) {
        size_t len = sealed(a, seq, pkt);
        memcpy(copy, pkt, len);
        send_from(a, fd, pkt, len);
        send_from(a, fd, copy, len); /* a copy is a replay, from wherever it comes */
        copy[3] = 99;
        send_from(a, fd, copy, len); /* and a forged one is nothing at all */
    }
    SPIN_UNTIL(b->browser.count == 11);
    check_continuous(&b->browser, 0, false);
    struct sup_leg_report r = report_of(a);
    ck_assert_uint_eq(r.elsewhere, 10);
    ck_assert_uint_eq(r.drops.replayed, 10);
    ck_assert_uint_eq(r.drops.auth_fail, 10);
    ck_assert_int_eq(a->state, SUP_LEG_CONNECTED);
    ck_assert_int_eq(a->reason, SUP_LEG_MOVED);
    ck_assert_int_eq(a->states, 2); /* connected, and told once */
    speak(b, 1, 960);               /* still to where consent is */
    SPIN_UNTIL(a->browser.count == 1);
    close(fd);
    ice_peer_restart(&a->browser.ice);
    negotiate(a, browser_offer(&a->browser));
    SPIN_UNTIL(a->browser.ice.connected);
    speak(a, 12, 12 * 960);
    SPIN_UNTIL(b->browser.count == 12);
    check_continuous(&b->browser, 0, false);
}
END_TEST

START_TEST(peer_says_goodbye)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, GCM, 109, 0);
    join(a, b);
    SSL_shutdown(a->browser.dtls.ssl);
    SPIN_UNTIL(a->state == SUP_LEG_CLOSED);
    ck_assert_int_eq(a->reason, SUP_LEG_PEER_CLOSED);
    speak(b, 1, 0);
    SPIN_UNTIL(report_of(a).drops.not_sending == 1);
    ck_assert_uint_eq(report_of(a).packets_out, 0);
}
END_TEST

SUP_CHECK_MAIN("session_survival", legs_setup, legs_teardown,
               sequence_wrap_and_new_ssrc_leave_sound_intact, own_output_wraps_too,
               every_change_of_ssrc_is_one_more_switch, whole_round_of_sequence_numbers,
               silence_is_reported_within_ten_seconds_and_ends_sending_after_thirty,
               fifteen_minutes_on_hold, peer_that_never_comes_is_reported,
               ice_restart_keeps_the_call, change_of_network_goes_on_after_a_restart,
               new_mapping_of_a_nat_is_heard_at_once_and_needs_a_restart, peer_says_goodbye)
