/* Tests of media/session end to end: browsers made of libnice, OpenSSL and libsrtp2 against legs on
 * loopback. What a leg survives: test_session_survival.c. */
#include "supportd/media/session.h"

#include "support/legs.h"
#include "support/ogg_file.h"

static void check_hold_music(struct side *s, enum sup_srtp_profile profile)
{
    ck_assert_int_eq(report_of(s).profile, profile);
    sup_leg_set_source(s->leg, SUP_LEG_HEARS_HOLD, NULL);
    SPIN_UNTIL(s->browser.count >= 25);
    check_continuous(&s->browser, 0, false);
    ck_assert(s->browser.heard[0].hdr.marker);
    for (size_t i = 0; i < 25; i++) {
        struct sup_hold_packet p = sup_hold_packet(hold, i);
        ck_assert_uint_eq(s->browser.heard[i].hdr.payload_len, p.len);
        ck_assert_mem_eq(s->browser.heard[i].payload, p.data, p.len < 64 ? p.len : 64);
        ck_assert_uint_eq(s->browser.heard[i].hdr.ts - s->browser.heard[0].hdr.ts, i * 960);
    }
    ck_assert_uint_eq(s->browser.undecipherable, 0);
}

START_TEST(gcm_browser_hears_hold_music)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    check_hold_music(a, SUP_SRTP_GCM_128);
    ck_assert_int_eq(a->states, 1);
}
END_TEST

START_TEST(cm_browser_hears_hold_music)
{
    open_engine(false, false);
    connect_side(a, CM, 96, 0);
    check_hold_music(a, SUP_SRTP_CM_80);
}
END_TEST

START_TEST(all_fallbacks_together)
{
    open_engine(true, true); /* through libnice, all SRTP on libsrtp2 */
    connect_side(a, GCM, 111, 1);
    check_hold_music(a, SUP_SRTP_GCM_128);
}
END_TEST

START_TEST(a_prompt_cuts_the_music_in_one_stream)
{
    enum { PROMPT = 10 };
    static uint8_t file[4096];
    struct sup_hold *prompt;
    ck_assert_int_eq(
        sup_hold_parse(file, ogg_file(file, sizeof(file), PROMPT, 0xA5), &prompt, NULL), SUP_OK);
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    ck_assert(!sup_leg_play(a->leg, prompt)); /* it hears nothing */
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL);
    SPIN_UNTIL(a->browser.count >= 5);
    ck_assert(sup_leg_play(a->leg, prompt));
    size_t before = a->browser.count;
    SPIN_UNTIL(a->browser.count >= before + PROMPT + 10);
    check_continuous(&a->browser, 0, false);
    size_t spoken = 0, first = 0, music = 0;
    for (size_t i = 0; i < a->browser.count; i++) {
        const struct browser_packet *heard = &a->browser.heard[i];
        ck_assert_uint_eq(heard->hdr.ts - a->browser.heard[0].hdr.ts, i * 960);
        if (heard->hdr.payload_len == OGG_FILE_LEN && heard->payload[1] == 0xA5 &&
            heard->payload[40] == 0xA5) {
            first = spoken++ == 0 ? i : first;
            ck_assert_uint_eq(i, first + spoken - 1); /* in one piece */
            continue;
        }
        struct sup_hold_packet p = sup_hold_packet(hold, music++); /* goes on where it was */
        ck_assert_uint_eq(heard->hdr.payload_len, p.len);
        ck_assert_mem_eq(heard->payload, p.data, p.len < 64 ? p.len : 64);
    }
    ck_assert_uint_eq(spoken, PROMPT); /* and once */
    ck_assert(sup_leg_play(a->leg, prompt));
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_NOTHING, NULL);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL); /* the prompt is forgotten */
    before = a->browser.count;
    SPIN_UNTIL(a->browser.count >= before + 3);
    ck_assert_uint_ne(a->browser.heard[before + 2].payload[1], 0xA5);
    sup_hold_destroy(prompt);
}
END_TEST

static bool is_notice(const struct browser_packet *heard)
{
    return heard->hdr.payload_len == OGG_FILE_LEN && heard->payload[1] == 0xA5 &&
           heard->payload[40] == 0xA5;
}

/* The notice in one piece and once, in one stream; returns where. */
static size_t check_notice(const struct browser *browser, size_t len)
{
    size_t spoken = 0, first = 0;
    check_continuous(browser, 0, false);
    for (size_t i = 0; i < browser->count; i++) {
        const struct browser_packet *heard = &browser->heard[i];
        if (!is_notice(heard))
            continue;
        first = spoken++ == 0 ? i : first;
        ck_assert_uint_eq(i, first + spoken - 1);
    }
    ck_assert_uint_eq(spoken, len);
    ck_assert_uint_eq(browser->undecipherable, 0);
    return first;
}

START_TEST(a_notice_takes_the_place_of_the_other_voice)
{
    enum { NOTICE = 10 };
    static uint8_t file[4096];
    struct sup_hold *notice;
    ck_assert_int_eq(
        sup_hold_parse(file, ogg_file(file, sizeof(file), NOTICE, 0xA5), &notice, NULL), SUP_OK);
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, CM, 109, 5);
    connect_side(c, GCM, 96, 0);
    join(a, b);
    for (uint16_t i = 0; i < 5; i++)
        speak(b, (uint16_t)(65533 + i), 7 + i * 960u);
    SPIN_UNTIL(a->browser.count == 5);
    sup_leg_announce(a->leg, notice);
    sup_leg_announce(c->leg, notice); /* who hears nothing is told too */
    SPIN_UNTIL(a->browser.count == 7);
    speak(b, 2, 7 + 5 * 960u);
    speak(a, 100, 0); /* the other direction goes on */
    SPIN_UNTIL(report_of(a).drops.announced == 1 && b->browser.count == 1);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL); /* nor does a change of source end it */
    SPIN_UNTIL(a->browser.count == 5 + NOTICE + 3);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_LEG, b->leg);
    spin(20);
    size_t before = a->browser.count;
    speak(b, 30, 7 + 33 * 960u);
    speak(b, 29, 7 + 32 * 960u); /* late: its place belongs to what came before */
    SPIN_UNTIL(report_of(a).drops.before_switch == 1 && c->browser.count == NOTICE);
    SPIN_UNTIL(a->browser.count == before + 1);
    ck_assert_uint_eq(check_notice(&a->browser, NOTICE), 5);
    ck_assert_uint_eq(check_notice(&c->browser, NOTICE), 0);
    ck_assert(a->browser.heard[5].hdr.marker && a->browser.heard[5 + NOTICE].hdr.marker);
    check_names_frame(&a->browser.heard[before], 30);
    struct sup_leg *const both[] = {b->leg, c->leg};
    before = a->browser.count;
    ck_assert_int_eq(sup_leg_hear(a->leg, both, 2), SUP_OK);
    sup_leg_announce(a->leg, notice);
    SPIN_UNTIL(a->browser.count >= before + NOTICE + 5); /* then the mix */
    check_continuous(&a->browser, 0, false);
    for (size_t i = before; i < a->browser.count; i++)
        ck_assert_int_eq(is_notice(&a->browser.heard[i]), i < before + NOTICE);
    ck_assert_uint_eq(report_of(a).drops.protect_fail + report_of(c).drops.protect_fail, 0);
    sup_leg_announce(a->leg, notice); /* and cut off by the end of the leg */
    sup_leg_destroy(a->leg);
    a->leg = NULL;
    sup_hold_destroy(notice);
}
END_TEST

START_TEST(wrong_certificate_gets_nothing)
{
    open_engine(false, false);
    connect_side(b, GCM, 109, 3);
    browser_open(&a->browser, GCM, 111, 1);
    make_leg(a);
    a->browser.dtls.fingerprint.digest[0] ^= 1; /* the offer names another certificate */
    negotiate(a, browser_offer(&a->browser));
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL);
    sup_leg_set_source(b->leg, SUP_LEG_HEARS_LEG, a->leg);
    SPIN_UNTIL(a->state == SUP_LEG_FAILED && a->browser.dtls.failed);
    ck_assert_int_eq(a->reason, SUP_LEG_BAD_FINGERPRINT);
    /* With the right ICE password it may still send: nothing goes on to b. */
    uint8_t pkt[100] = {0x80, 111};
    for (uint8_t i = 0; i < 20; i++) {
        pkt[3] = i;
        ice_peer_send(&a->browser.ice, pkt, sizeof(pkt));
    }
    SPIN_UNTIL(report_of(a).drops.early == 20);
    spin(20);
    ck_assert_uint_eq(a->browser.count + a->browser.undecipherable + a->browser.rtcp_count, 0);
    ck_assert_uint_eq(b->browser.count, 0);
    ck_assert_uint_eq(report_of(a).packets_out, 0);
    struct sup_buf answer;
    sup_buf_init(&answer, 0);
    const char *offer = browser_offer(&a->browser);
    ck_assert_int_eq(sup_leg_offer(a->leg, offer, strlen(offer), &answer, NULL), SUP_E_STATE);
    ck_assert_uint_eq(answer.len, 0);
}
END_TEST

START_TEST(two_legs_relay_and_keep_gaps)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, CM, 109, 5);
    join(a, b);
    const uint16_t order[] = {65530, 65531, 65533, 65534, 2, 1, 3, 4}; /* 65532, 65535, 0 lost */
    for (size_t i = 0; i < 8; i++)
        speak(a, order[i], (uint32_t)(uint16_t)(order[i] - 65530) * 960 + 7);
    speak(b, 50, 1000);
    speak(b, 52, 1000 + 2 * 960);
    SPIN_UNTIL(b->browser.count == 8 && a->browser.count == 2);
    const struct browser_packet *heard = b->browser.heard;
    for (size_t i = 0; i < 8; i++) {
        check_names_frame(&heard[i], order[i]);
        uint16_t shift = (uint16_t)(order[i] - order[0]);
        ck_assert_uint_eq((uint16_t)(heard[i].hdr.seq - heard[0].hdr.seq), shift);
        ck_assert_uint_eq(heard[i].hdr.ts - heard[0].hdr.ts, shift * 960u);
        ck_assert_uint_eq(heard[i].hdr.payload_type, 109);
        ck_assert_uint_ne(heard[i].hdr.ssrc, a->browser.ssrc);
        ck_assert(heard[i].has_level); /* moved from id 1 to id 5 */
        ck_assert_uint_eq(heard[i].level.dbov, order[i] & 63);
        ck_assert_int_eq(heard[i].level.voice, order[i] & 1);
    }
    heard = a->browser.heard;
    check_names_frame(&heard[1], 52);
    ck_assert_uint_eq((uint16_t)(heard[1].hdr.seq - heard[0].hdr.seq), 2);
    ck_assert_uint_eq(heard[1].hdr.payload_type, 111);
    struct sup_leg_report r = report_of(a);
    ck_assert_uint_eq(r.packets_in, 8);
    ck_assert_uint_eq(r.packets_out, 2);
    ck_assert_uint_eq(r.drops.unheard + r.drops.protect_fail + r.drops.send_fail, 0);
}
END_TEST

START_TEST(switching_sources_is_seamless)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, GCM, 109, 0);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL);
    SPIN_UNTIL(a->browser.count >= 10);
    for (uint16_t round = 0; round < 4; round++) {
        join(a, b);
        size_t before = a->browser.count;
        for (uint16_t i = 0; i < 10; i++) {
            speak(b, (uint16_t)(40000 + round * 1000 + i), round * 77777u + i * 960u);
            usleep(2000);
        }
        SPIN_UNTIL(a->browser.count >= before + 10);
        ck_assert(a->browser.heard[before].hdr.marker);
        sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL);
        speak(b, (uint16_t)(40000 + round * 1000 + 10), 0); /* unheard now */
        before = a->browser.count;
        SPIN_UNTIL(a->browser.count >= before + 5);
    }
    check_continuous(&a->browser, 0, false);
    ck_assert_uint_eq(a->browser.undecipherable, 0);
    ck_assert_uint_eq(report_of(b).drops.unheard, 4);
    ck_assert_uint_eq(report_of(a).drops.protect_fail, 0);
    /* The music went on from where it had stopped. */
    struct sup_leg_report r = report_of(a);
    ck_assert_uint_eq(r.packets_out, a->browser.count);
}
END_TEST

START_TEST(late_packet_of_a_new_source_is_dropped_not_resent)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, GCM, 109, 0);
    join(a, b);
    speak(b, 100, 0);
    SPIN_UNTIL(a->browser.count == 1);
    speak(b, 99, 0); /* its place in the output belongs to nobody */
    speak(b, 101, 960);
    SPIN_UNTIL(a->browser.count == 2);
    check_continuous(&a->browser, 0, false);
    ck_assert_uint_eq(report_of(a).drops.before_switch, 1);
}
END_TEST

START_TEST(one_speaker_two_listeners)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, GCM, 109, 4);
    connect_side(c, CM, 96, 0);
    join(a, b);
    sup_leg_set_source(c->leg, SUP_LEG_HEARS_LEG, a->leg); /* listens in */
    for (uint16_t i = 0; i < 20; i++)
        speak(a, (uint16_t)(i * 2), i * 1920u);
    SPIN_UNTIL(b->browser.count == 20 && c->browser.count == 20);
    for (size_t i = 0; i < 20; i++) {
        check_names_frame(&b->browser.heard[i], (uint16_t)(i * 2));
        check_names_frame(&c->browser.heard[i], (uint16_t)(i * 2));
        ck_assert(b->browser.heard[i].has_level);
        ck_assert(!c->browser.heard[i].has_level);
    }
    check_continuous(&b->browser, 0, true);
    check_continuous(&c->browser, 0, true);
    ck_assert_uint_eq(a->browser.count, 0);
    sup_leg_destroy(a->leg); /* the speaker leaves: both hear nothing, nobody hangs */
    a->leg = NULL;
    ck_assert_int_eq(sup_leg_source_of(b->leg), SUP_LEG_HEARS_NOTHING);
    ck_assert_int_eq(sup_leg_source_of(c->leg), SUP_LEG_HEARS_NOTHING);
    SPIN_UNTIL(a->browser.rtcp.bye_count == 1); /* and it was told */
    ck_assert_int_ne(SSL_get_shutdown(a->browser.dtls.ssl) & SSL_RECEIVED_SHUTDOWN, 0);
}
END_TEST

START_TEST(unwanted_packets_are_counted_by_reason)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, GCM, 109, 0);
    join(a, b);
    uint8_t payload[60], pkt[ICE_PEER_PACKET];
    size_t len = browser_packet(&a->browser, 7, 0, payload, frame(7, payload), pkt);
    ck_assert_int_eq(sup_srtp_protect_rtp(a->browser.srtp, pkt, len, sizeof(pkt), &len), SUP_OK);
    ck_assert(ice_peer_send(&a->browser.ice, pkt, len));
    step();
    ck_assert(ice_peer_send(&a->browser.ice, pkt, len)); /* again */
    step();
    pkt[3] = 8;
    ck_assert(ice_peer_send(&a->browser.ice, pkt, len)); /* forged */
    step();
    a->browser.payload_type = 13;
    speak(a, 9, 0); /* comfort noise */
    a->browser.payload_type = 111;
    ck_assert(ice_peer_send(&a->browser.ice, (const uint8_t[4]){0x80, 111, 0, 1}, 4));
    speak(a, 10, 3 * 960);
    SPIN_UNTIL(b->browser.count == 2);
    struct sup_leg_drops d = report_of(a).drops;
    ck_assert_uint_eq(d.replayed, 1);
    ck_assert_uint_eq(d.auth_fail, 1);
    ck_assert_uint_eq(d.payload_type, 1);
    ck_assert_uint_eq(d.unknown, 1);
    ck_assert_uint_eq((uint16_t)(b->browser.heard[1].hdr.seq - b->browser.heard[0].hdr.seq), 3);
}
END_TEST

START_TEST(reports_and_round_trip)
{
    open_engine(true, false); /* no pings: the round trip is what reports tell */
    connect_side(a, GCM, 111, 1);
    connect_side(b, GCM, 109, 0);
    join(a, b);
    for (uint16_t i = 0; i < 10; i++)
        speak(a, (uint16_t)(i + (i > 4)), i * 960u); /* number 5 is lost */
    speak(b, 1, 0);
    SPIN_UNTIL(a->browser.rtcp_count >= 1 && a->browser.rtcp.has_sender);
    ck_assert_uint_eq(a->browser.rtcp.ssrc, a->browser.heard[0].hdr.ssrc);
    ck_assert_str_eq(a->browser.rtcp.cname, "supportd-test");
    ck_assert_uint_eq(a->browser.rtcp.sender.packets, 1);
    ck_assert_uint_eq(a->browser.rtcp.sender.octets, 60);
    ck_assert_uint_eq(a->browser.rtcp.block_count, 1);
    ck_assert_uint_eq(a->browser.rtcp.blocks[0].ssrc, a->browser.ssrc);
    ck_assert_int_eq(a->browser.rtcp.blocks[0].lost, 1);
    ck_assert(!a->sample.has_rtt);
    spin(200);
    browser_send_report(&a->browser, NULL);
    SPIN_UNTIL(a->sample.has_rtt);
    ck_assert_uint_lt(a->sample.rtt_us, 150000); /* the 200 ms it took to answer are not counted */
    ck_assert(a->sample.connected);
    ck_assert_uint_eq(report_of(a).rtcp_in, 1);
    ck_assert_int_ge(a->samples, 1);
    ck_assert_uint_eq(b->browser.rtcp.bye_count, 0);
    /* Our answer to a sender report lets the peer measure it as well. */
    struct sup_rtcp_sender sender = {.ntp = sup_rtcp_ntp(sup_clock_wall_us())};
    browser_send_report(&a->browser, &sender);
    size_t count = a->browser.rtcp_count;
    SPIN_UNTIL(report_of(a).rtcp_in == 2 && a->browser.rtcp_count > count + 1);
    const struct sup_rtcp_block *block = &a->browser.rtcp.blocks[0];
    uint32_t rtt_us;
    ck_assert_uint_eq(block->lsr, (uint32_t)(sender.ntp >> 16));
    ck_assert(sup_rtcp_rtt(a->browser.rtcp_wall_us, block->lsr, block->dlsr, &rtt_us));
    ck_assert_uint_lt(rtt_us, 150000);
}
END_TEST

START_TEST(pings_tell_the_round_trip_without_any_report)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    SPIN_UNTIL(a->sample.has_rtt);
    ck_assert_uint_lt(a->sample.rtt_us, 150000);
    ck_assert_uint_eq(report_of(a).rtcp_in, 0);
    struct sup_media_engine_stats stats;
    sup_media_engine_get_stats(engine, &stats);
    ck_assert_uint_ge(stats.pongs, 1);
}
END_TEST

START_TEST(pause_in_listening_is_no_loss)
{
    open_engine(false, false);
    connect_side(a, GCM, 111, 1);
    connect_side(b, GCM, 109, 0);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_LEG, b->leg);
    speak(b, 1, 0);
    SPIN_UNTIL(a->browser.count == 1);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_NOTHING, NULL);
    for (uint16_t i = 2; i < 50; i++)
        speak(b, i, i * 960u);
    SPIN_UNTIL(report_of(b).drops.unheard == 48);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_LEG, b->leg);
    speak(b, 50, 50 * 960);
    SPIN_UNTIL(a->browser.count == 2);
    check_continuous(&a->browser, 0, false);
}
END_TEST

START_TEST(offers_and_candidates_are_checked)
{
    open_engine(false, false);
    browser_open(&a->browser, GCM, 111, 1);
    make_leg(a);
    struct sup_buf answer;
    struct sup_sdp_error error;
    sup_buf_init(&answer, 0);
    ck_assert_int_eq(sup_leg_add_candidate(a->leg, "candidate:1", 11), SUP_E_STATE);
    ck_assert_int_ne(sup_leg_offer(a->leg, "v=0\r\n", 5, &answer, &error), SUP_OK);
    ck_assert_int_ne(error.code, SUP_SDP_OK);
    ck_assert_uint_eq(answer.len, 0);
    negotiate(a, browser_offer(&a->browser));
    ck_assert_str_eq(sup_leg_mid(a->leg), "0");
    static const char *const dropped[] = {
        "",
        "candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active",
        "candidate:1 1 udp 2113937151 9d2ff1c5-0f9c-4f44-a4ff-cc8c0e3b9c36.local 50000 typ host",
        "candidate:1 2 udp 2113937150 192.0.2.1 50001 typ host",
        "candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host ufrag other",
    };
    for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
        ck_assert_int_eq(sup_leg_add_candidate(a->leg, dropped[i], strlen(dropped[i])), SUP_OK);
    ck_assert_int_eq(sup_leg_add_candidate(a->leg, "candidate:nonsense", 18), SUP_E_MALFORMED);
    SPIN_UNTIL(a->state == SUP_LEG_CONNECTED);
    a->browser.dtls.fingerprint.digest[5] ^= 1; /* another page */
    const char *offer = browser_offer(&a->browser);
    ck_assert_int_eq(sup_leg_offer(a->leg, offer, strlen(offer), &answer, NULL), SUP_E_CONFLICT);
    ck_assert_uint_eq(answer.len, 0);
    ck_assert_int_eq(a->state, SUP_LEG_CONNECTED);
}
END_TEST

START_TEST(lack_of_memory_leaves_nothing)
{
    open_engine(false, false);
    browser_open(&a->browser, GCM, 111, 1);
    size_t live = sup_mem_live();
    char offer[8192];
    snprintf(offer, sizeof(offer), "%s", browser_offer(&a->browser));
    int failures = 0;
    for (size_t n = 1; n < 60; n++) {
        struct sup_leg_opts opts = {.engine = engine, .on = &callbacks, .arg = a};
        struct sup_buf answer;
        sup_buf_init(&answer, 0);
        sup_mem_fail_at(n);
        sup_err err = sup_leg_create(&opts, &a->leg);
        if (err == SUP_OK)
            err = sup_leg_offer(a->leg, offer, strlen(offer), &answer, NULL);
        sup_mem_fail_at(0);
        sup_buf_fini(&answer);
        sup_leg_destroy(a->leg);
        a->leg = NULL;
        ck_assert_uint_eq(sup_mem_live(), live);
        if (err == SUP_OK)
            break;
        ck_assert_int_eq(err, SUP_E_NOMEM);
        failures++;
    }
    ck_assert_int_ge(failures, 6);
    ck_assert_int_lt(failures, 58);
    sup_leg_destroy(NULL);
}
END_TEST

START_TEST(names_are_stable)
{
    ck_assert_str_eq(sup_leg_state_name(SUP_LEG_LOST), "lost");
    ck_assert_str_eq(sup_leg_reason_name(SUP_LEG_BAD_FINGERPRINT), "bad_fingerprint");
    ck_assert_str_eq(sup_leg_reason_name(SUP_LEG_PEER_CLOSED), "peer_closed");
    ck_assert_str_eq(sup_leg_reason_name(SUP_LEG_MOVED), "moved");
    ck_assert_str_eq(sup_leg_state_name((enum sup_leg_state)9), "unknown");
}
END_TEST

SUP_CHECK_MAIN("session", legs_setup, legs_teardown, gcm_browser_hears_hold_music,
               cm_browser_hears_hold_music, all_fallbacks_together,
               a_prompt_cuts_the_music_in_one_stream, a_notice_takes_the_place_of_the_other_voice,
               wrong_certificate_gets_nothing, two_legs_relay_and_keep_gaps,
               switching_sources_is_seamless, late_packet_of_a_new_source_is_dropped_not_resent,
               one_speaker_two_listeners, unwanted_packets_are_counted_by_reason,
               reports_and_round_trip, pings_tell_the_round_trip_without_any_report,
               pause_in_listening_is_no_loss, offers_and_candidates_are_checked,
               lack_of_memory_leaves_nothing, names_are_stable)
