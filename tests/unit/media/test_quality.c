#include <math.h>
#include <string.h>

#include "support/check_main.h"
#include "supportd/media/opus.h"
#include "supportd/media/quality.h"

enum { LEVEL_ID = 3 };

static struct sup_quality *quality;
static struct sup_quality_sample s;
static struct sup_quality_env env;
static uint64_t now_us; /* of the next packet */
static uint32_t seq, ts, ssrc;
static uint64_t packets, lost, recovered; /* on the way up, in all samples */

static void create(const struct sup_quality_opts *opts)
{
    ck_assert_int_eq(sup_quality_create(opts, now_us, &quality), SUP_OK);
}

static void setup(void)
{
    now_us = 5000000;
    seq = 65500;
    ts = 0xFFFFF000;
    ssrc = 1;
    packets = lost = recovered = 0;
    env = (struct sup_quality_env){.connected = true, .expect_in = true};
    create(&(struct sup_quality_opts){.level_id = LEVEL_ID});
}

static void teardown(void)
{
    sup_quality_destroy(quality);
    quality = NULL;
}

static void send_payload(const uint8_t *payload, size_t len, uint8_t dbov, uint64_t arrival_us)
{
    uint8_t pkt[1500];
    struct sup_rtp_hdr h;
    struct sup_rtp_out out = {.payload_type = 111,
                              .seq = (uint16_t)seq,
                              .ts = ts,
                              .ssrc = ssrc,
                              .level_id = LEVEL_ID,
                              .level = {dbov, dbov < 50}};
    size_t head = sup_rtp_write_header(&out, pkt);
    if (len)
        memcpy(pkt + head, payload, len);
    ck_assert_int_eq(sup_rtp_parse(pkt, head + len, &h), SUP_OK);
    sup_quality_add_in(quality, pkt, &h, arrival_us);
}

/* A hybrid fullband packet of 20 ms and 80 bytes, the first bits being VAD and LBRR. */
static void send_at(bool lbrr, uint8_t dbov, uint64_t arrival_us)
{
    uint8_t payload[80] = {0x78, lbrr ? 0xC0 : 0x80};
    send_payload(payload, sizeof(payload), dbov, arrival_us);
}

static void step(void)
{
    seq++;
    ts += 960;
    now_us += 20000;
}

static void tick(void)
{
    sup_quality_tick(quality, now_us, &env, &s);
    packets += s.in.packets;
    lost += s.in.lost;
    recovered += s.in.recovered;
}

/* One second of 50 packets; those whose bit is set in missing (repeated every 10) do not arrive. */
static void second(unsigned missing, bool lbrr, uint8_t dbov)
{
    for (unsigned n = 0; n < 50; n++, step())
        if (!(missing >> n % 10 & 1))
            send_at(lbrr, dbov, now_us);
    tick();
}

static bool holds(enum sup_verdict v)
{
    return s.verdicts >> v & 1;
}

/* One packet of the stream down to the peer, 20 ms after the number before. */
static void send_out(uint16_t number, uint64_t at_us, bool lbrr)
{
    sup_quality_add_out(quality,
                        &(struct sup_quality_sent){
                            .seq = number, .ts = number * 960u, .lbrr = lbrr, .payload_len = 100},
                        at_us);
}

START_TEST(a_clean_second)
{
    second(0, true, 20);
    second(0, true, 20);
    ck_assert(s.in.packets == 50 && s.in.bytes == 4000 && s.in.lost == 0 && s.in.late == 0);
    ck_assert(s.in.jitter_us == 0 && s.in.residual_loss_pct == 0 && s.in.burst_ratio == 1);
    ck_assert(s.in.has_mos && fabs(s.in.mos_lq - 4.41) < 0.01 && fabs(s.in.mos_cq - 4.41) < 0.01);
    ck_assert(s.has_codec && s.bandwidth == SUP_OPUS_FB && s.frame_us == 20000);
    ck_assert(s.bitrate == 32000 && s.fec_pct == 100 && s.dtx_pct == 0);
    ck_assert(s.has_level && s.level_dbov == -20 && s.voice_pct == 100);
    ck_assert(!s.out.has_mos && !s.has_rtt && s.verdicts == 0 && s.raised == 0);
    ck_assert(s.no_packet_us == 20000 && s.no_voice_us == 20000);
}
END_TEST

START_TEST(fec_recovers_single_losses)
{
    second(0x008, true, 20); /* every tenth packet */
    second(0x008, true, 20);
    ck_assert_uint_eq(s.in.packets, 45);
    ck_assert_uint_eq(s.in.lost, 5);
    ck_assert_uint_eq(s.in.recovered, 5);
    ck_assert(fabs(s.in.loss_pct - 10) < 0.01);
    ck_assert(fabs(s.in.residual_loss_pct - 1.5) < 0.01); /* a part is left */
    second(0x008, false, 20);
    second(0x008, false, 20);
    ck_assert_uint_eq(s.in.recovered, 0);
    ck_assert(fabs(s.in.residual_loss_pct - 10) < 0.01);
    ck_assert(s.in.mos_lq < 2);
}
END_TEST

START_TEST(of_a_burst_only_the_last_is_recovered)
{
    second(0x038, true, 20);
    second(0x038, true, 20);
    ck_assert_uint_eq(s.in.lost, 15);
    ck_assert_uint_eq(s.in.recovered, 5);
    ck_assert(fabs(s.in.residual_loss_pct - (10 + 5 * 0.15) * 2) < 0.01);
    ck_assert(fabs(s.in.burst_ratio - 3 * 0.7) < 0.01);
}
END_TEST

START_TEST(reordering_is_not_loss)
{
    for (int i = 0; i < 3; i++) {
        for (unsigned n = 0; n < 50; n += 2) { /* pairs swapped */
            step();
            send_at(true, 20, now_us);
            seq--;
            ts -= 960;
            send_at(true, 20, now_us);
            seq++;
            ts += 960;
            step();
        }
        tick();
    }
    ck_assert(s.in.lost == 0 && s.in.reordered == 25 && s.in.late == 0);
}
END_TEST

START_TEST(dtx_is_not_loss)
{
    second(0, true, 20);
    for (int i = 0; i < 4; i++) {
        for (unsigned n = 0; n < 50; n++, now_us += 20000, ts += 960) {
            if (n % 20 != 0)
                continue;
            send_payload((const uint8_t *)"\x78", 1, 127, now_us);
            seq++;
        }
        tick();
        ck_assert(s.in.packets == 3 && s.in.lost == 0 && s.in.residual_loss_pct == 0);
        ck_assert(s.in.late == 0);
        ck_assert(i == 0 || s.dtx_pct > 99);
        ck_assert(!holds(SUP_VERDICT_NO_PACKETS) && !holds(SUP_VERDICT_LOSS_UP));
    }
}
END_TEST

START_TEST(loss_verdict_rises_after_three_of_five_and_falls_after_three)
{
    second(0, false, 20);
    ck_assert_str_eq(sup_quality_verdict_name(SUP_VERDICT_LOSS_UP), "loss_up");
    for (int i = 0; i < 3; i++) {
        ck_assert(!holds(SUP_VERDICT_LOSS_UP));
        second(0x008, false, 20);
    }
    ck_assert(s.verdicts == (1u << SUP_VERDICT_LOSS_UP | 1u << SUP_VERDICT_LOW_MOS));
    ck_assert(s.raised == s.verdicts && s.cleared == 0);
    for (int i = 0; i < 3; i++) {
        ck_assert(holds(SUP_VERDICT_LOSS_UP));
        second(0, false, 20);
    }
    ck_assert(!holds(SUP_VERDICT_LOSS_UP) && (s.cleared >> SUP_VERDICT_LOSS_UP & 1));
    second(0, false, 20);
    ck_assert(s.verdicts == 0);
    second(0x008, false, 20);
    second(0, false, 20);
    second(0x008, false, 20);
    ck_assert(!holds(SUP_VERDICT_LOSS_UP)); /* two of five */
}
END_TEST

START_TEST(a_verdict_outlasts_two_good_seconds)
{
    const bool bad[] = {true, true, true, false, false, true, false, false};
    second(0, false, 20);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        second(bad[i] ? 0x008 : 0, false, 20);
        ck_assert(holds(SUP_VERDICT_LOSS_UP) == (i >= 2));
    }
    second(0, false, 20);
    ck_assert(!holds(SUP_VERDICT_LOSS_UP));
}
END_TEST

START_TEST(missing_packets_are_told_within_three_seconds)
{
    second(0, true, 20);
    for (int i = 0; i < 2; i++) {
        ck_assert(!holds(SUP_VERDICT_NO_PACKETS));
        now_us += 1000000;
        tick();
    }
    ck_assert(s.raised == 1u << SUP_VERDICT_NO_PACKETS);
    ck_assert(holds(SUP_VERDICT_NO_PACKETS) && s.in.lost == 0 && !s.in.has_mos);
    env.expect_in = false; /* muted: all is well */
    now_us += 1000000;
    tick();
    ck_assert(s.cleared == 1u << SUP_VERDICT_NO_PACKETS);
    now_us += 3600000000;
    env.expect_in = true; /* unmuted: two seconds of grace */
    tick();
    now_us += 1000000;
    tick();
    ck_assert(s.verdicts == 0);
    now_us += 1000000;
    tick();
    ck_assert(holds(SUP_VERDICT_NO_PACKETS));
    second(0, true, 20);
    ck_assert(s.verdicts == 0);
}
END_TEST

START_TEST(never_a_packet_is_told_too)
{
    for (int i = 0; i < 2; i++) {
        now_us += 1000000;
        tick();
    }
    ck_assert(s.verdicts == 1u << SUP_VERDICT_NO_PACKETS);
    ck_assert_uint_eq(s.no_packet_us, 2000000);
}
END_TEST

START_TEST(a_silent_microphone_is_told_within_three_seconds)
{
    second(0, true, 20);
    second(0, true, 127);
    ck_assert(s.verdicts == 0);
    second(0, true, 127);
    second(0, true, 127);
    ck_assert(s.verdicts == 1u << SUP_VERDICT_SILENT_MICROPHONE);
    ck_assert(s.level_dbov == -127 && s.voice_pct == 0 && s.no_voice_us > 3000000);
    second(0, true, 80); /* room noise */
    ck_assert(s.verdicts == 0);
}
END_TEST

START_TEST(a_hole_says_nothing_about_the_microphone)
{
    second(0, true, 20);
    now_us += 2500000;
    send_at(true, 127, now_us); /* between two words */
    step();
    tick();
    ck_assert(!holds(SUP_VERDICT_SILENT_MICROPHONE));
    second(0, true, 127);
    ck_assert(!holds(SUP_VERDICT_SILENT_MICROPHONE));
    second(0, true, 127);
    ck_assert(holds(SUP_VERDICT_SILENT_MICROPHONE));
}
END_TEST

START_TEST(round_trip_and_relay)
{
    second(0, true, 20);
    sup_quality_add_rtt(quality, 450000, 0, now_us);
    env.relayed = true;
    for (int i = 0; i < 3; i++)
        second(0, true, 20);
    ck_assert(s.has_rtt && s.rtt_us == 450000);
    ck_assert(holds(SUP_VERDICT_HIGH_DELAY) && holds(SUP_VERDICT_RELAYED));
    ck_assert(s.in.mos_lq > 4.4 && s.in.mos_cq < 4.2); /* delay hurts the conversation alone */
    double near_only = s.in.mos_cq;
    env.has_far_rtt = true;
    env.far_rtt_us = 300000;
    second(0, true, 20);
    ck_assert(s.in.mos_cq < near_only);
    for (int i = 0; i < 31; i++)
        second(0, true, 20);
    ck_assert(!s.has_rtt && !holds(SUP_VERDICT_HIGH_DELAY)); /* too old to be believed */
}
END_TEST

START_TEST(jitter_verdict)
{
    for (int i = 0; i < 5; i++) {
        for (unsigned n = 0; n < 50; n++, step())
            send_at(true, 20, now_us + (n % 2 ? 0 : 50000));
        tick();
    }
    ck_assert_uint_gt(s.in.jitter_us, 30000);
    ck_assert(holds(SUP_VERDICT_HIGH_JITTER));
    ck_assert_uint_eq(s.in.late, 0); /* within what the buffer has learnt */
}
END_TEST

START_TEST(a_delay_spike_empties_the_buffer_once)
{
    second(0, true, 20);
    second(0, true, 20);
    for (unsigned n = 0; n < 50; n++, step()) /* from now on 200 ms later */
        send_at(true, 20, now_us + 200000);
    tick();
    ck_assert_uint_eq(s.in.late, 1);
    ck_assert(s.in.residual_loss_pct > 10 && s.in.residual_loss_pct < 20); /* 140 ms of silence */
    for (unsigned n = 0; n < 50; n++, step())
        send_at(true, 20, now_us + 200000);
    tick();
    ck_assert(s.in.late == 0 && s.in.residual_loss_pct == 0);
}
END_TEST

START_TEST(hours_on_hold_and_a_new_ssrc_spoil_nothing)
{
    second(0, true, 20);
    now_us += UINT64_C(7200000000); /* numbers and timestamps stand still */
    second(0, true, 20);
    second(0, true, 20);
    ck_assert(s.in.lost == 0 && s.in.late == 0 && s.in.jitter_us == 0 && s.in.packets == 50);
    ssrc = 2;
    seq = 30000;
    ts = 77;
    second(0, true, 20);
    second(0, true, 20);
    ck_assert(s.in.lost == 0 && s.in.late == 0 && s.in.jitter_us == 0 && s.verdicts == 0);
    ck_assert(packets == 250 && lost == 0);
    struct sup_rtcp_block b;
    ck_assert(sup_quality_take_block(quality, &b) && b.ssrc == 2 && b.lost == 0);
}
END_TEST

START_TEST(a_restarted_sequence_is_followed)
{
    second(0, true, 20);
    seq += 20000;
    second(0, true, 20); /* its first packet is doubted */
    second(0, true, 20);
    struct sup_rtp_report r;
    sup_quality_report(quality, &r);
    ck_assert(s.in.lost == 0 && s.in.packets == 50 && r.restarts == 1 && r.lost == 0);
}
END_TEST

START_TEST(large_gaps_are_counted_exactly)
{
    second(0, true, 20);
    seq += 2000;
    ts += 2000 * 960;
    second(0, true, 20);
    second(0, true, 20);
    ck_assert_uint_eq(lost, 2000);
}
END_TEST

START_TEST(clock_drift_is_found)
{
    for (int i = 0; i < 30; i++) {
        for (unsigned n = 0; n < 50; n++) {
            send_at(true, 20, now_us);
            seq++;
            ts += 960;
            now_us += 19996; /* 200 ppm fast */
        }
        tick();
    }
    ck_assert(s.has_drift && fabs(s.drift_ppm - 200) < 10);
    ck_assert(s.in.late == 0 && s.in.lost == 0);
}
END_TEST

START_TEST(the_peers_reports_tell_about_the_way_down)
{
    struct sup_rtcp_block b = {.ssrc = 9, .ext_seq = 1000, .jitter = 480};
    uint16_t sent_seq = 951;
    for (int i = 0; i < 4; i++) {
        for (int n = 0; n < 50; n++)
            send_out(sent_seq++, now_us + (unsigned)n * 20000, i == 3);
        sup_quality_add_report(quality, &b, now_us);
        b.ext_seq += 50;
        b.lost += 5;
        second(0, true, 20);
        ck_assert(s.out.packets == 50 && s.out.bytes == 5000 && s.out.jitter_us == 10000);
        ck_assert_uint_eq(s.out.lost, i ? 5 : 0);
        ck_assert(fabs(s.out.loss_pct - (i ? 10 : 0)) < 1e-9);
        ck_assert(s.out.has_mos);
    }
    ck_assert(fabs(s.out.residual_loss_pct - 10 * (1 - 0.85 * 0.9 / 2)) < 1e-9);
    ck_assert(s.raised & 1u << SUP_VERDICT_LOSS_DOWN);
    ck_assert(!holds(SUP_VERDICT_LOSS_UP));
    for (int i = 0; i < 13; i++)
        second(0, true, 20);
    ck_assert(!s.out.has_mos && !holds(SUP_VERDICT_LOSS_DOWN)); /* no report for too long */
}
END_TEST

/* A second of 50 packets down, but for those whose bit is set in unsent (repeated every 10). */
static void second_down(uint16_t *number, unsigned unsent, unsigned shake_us)
{
    for (unsigned n = 0; n < 50; n++, ++*number)
        if (!(unsent >> n % 10 & 1))
            send_out(*number, now_us + n * 20000u + (n % 2 ? shake_us : 0), false);
}

START_TEST(gaps_that_were_relayed_are_not_lost_on_the_way_down)
{
    struct sup_rtcp_block b = {.ssrc = 9, .ext_seq = 0x10000 + 65499};
    uint16_t number = 65450; /* wraps */
    for (int i = 0; i < 5; i++) {
        second_down(&number, 0x110, 0); /* a fifth was missing already */
        second(0, true, 20);
        b.lost += 10;
        sup_quality_add_report(quality, &b, now_us);
        b.ext_seq += 50;
        tick();
        ck_assert(s.out.packets == 0 && s.out.lost == 0 && s.out.loss_pct == 0);
        ck_assert(!holds(SUP_VERDICT_LOSS_DOWN));
    }
    second_down(&number, 0x110, 0);
    second(0, true, 20);
    b.lost += 10 + 8; /* and a fifth of the rest on this way */
    sup_quality_add_report(quality, &b, now_us);
    tick();
    ck_assert_uint_eq(s.out.lost, 8);
    ck_assert(fabs(s.out.loss_pct - 20) < 1e-9);
}
END_TEST

START_TEST(a_dead_way_down_is_told_though_the_peers_number_stands_still)
{
    struct sup_rtcp_block b = {.ssrc = 9, .ext_seq = 199};
    uint16_t number = 150;
    second_down(&number, 0, 0);
    second(0, true, 20);
    sup_quality_add_rtt(quality, 40000, 0, now_us);
    sup_quality_add_report(quality, &b, now_us);
    int seconds = 0;
    for (; !holds(SUP_VERDICT_LOSS_DOWN); seconds++) {
        ck_assert_int_lt(seconds, 4);
        second_down(&number, 0, 0);
        second(0, true, 20);
        sup_quality_add_report(quality, &b, now_us);
        sup_quality_check(quality, now_us, &env, &s.verdicts);
    }
    tick();
    ck_assert(s.out.loss_pct == 100);
    b.ext_seq = number - 1u; /* it was only late: all has come */
    sup_quality_add_report(quality, &b, now_us);
    tick();
    ck_assert(s.out.loss_pct == 0);
}
END_TEST

START_TEST(jitter_that_came_from_the_speaker_is_not_the_listeners)
{
    struct sup_rtcp_block b = {.ssrc = 9, .ext_seq = 199, .jitter = 40 * 48};
    uint16_t number = 150;
    for (int i = 0; i < 5; i++) {
        second_down(&number, 0, 40000);
        second(0, true, 20);
        sup_quality_add_report(quality, &b, now_us);
        b.ext_seq += 50;
    }
    tick();
    ck_assert(s.out.jitter_us < 15000 && !holds(SUP_VERDICT_HIGH_JITTER));
    for (int i = 0; i < 5; i++) {
        second_down(&number, 0, 0);
        second(0, true, 20);
        sup_quality_add_report(quality, &b, now_us);
        b.ext_seq += 50;
    }
    tick();
    ck_assert(s.out.jitter_us > 35000 && holds(SUP_VERDICT_HIGH_JITTER));
}
END_TEST

START_TEST(overtaken_packets_are_not_lost)
{
    struct sup_rtcp_block b = {.ssrc = 9, .ext_seq = 199, .jitter = 54 * 48};
    uint16_t number = 150;
    for (int i = 0; i < 5; i++) {
        second_down(&number, 0, 0);
        second(0, true, 20);
        b.lost = 2 + i % 3; /* still under way when the report was made */
        sup_quality_add_report(quality, &b, now_us);
        b.ext_seq += 50;
        tick();
        ck_assert(s.out.lost == 0 && !holds(SUP_VERDICT_LOSS_DOWN));
    }
}
END_TEST

START_TEST(a_report_after_five_seconds_speaks_for_all_of_them)
{
    struct sup_rtcp_block b = {.ssrc = 9, .ext_seq = 199};
    uint16_t number = 150;
    second_down(&number, 0, 0);
    second(0, true, 20);
    sup_quality_add_report(quality, &b, now_us);
    for (int i = 0; i < 5; i++) {
        second_down(&number, 0, 0);
        second(0, true, 20);
        ck_assert(!holds(SUP_VERDICT_LOSS_DOWN));
    }
    b.ext_seq += 250;
    b.lost = 20;
    sup_quality_add_report(quality, &b, now_us);
    tick();
    ck_assert(holds(SUP_VERDICT_LOSS_DOWN) && fabs(s.out.loss_pct - 8) < 1e-9);
}
END_TEST

START_TEST(a_verdict_need_not_begin_with_a_sample)
{
    uint32_t held = 0;
    unsigned quarters = 0, changes = 0;
    second(0, false, 20);
    for (unsigned n = 0; n < 30; n++, step()) /* well for the rest of a second ... */
        send_at(false, 20, now_us);
    for (; !(held >> SUP_VERDICT_LOSS_UP & 1); quarters++) { /* ... then every fifth is lost */
        ck_assert_uint_lt(quarters, 12);
        for (unsigned n = 0; n < 12; n++, step())
            if (n % 5)
                send_at(false, 20, now_us);
        changes += sup_quality_check(quality, now_us, &env, &held);
    }
    ck_assert_uint_eq(changes, 1);
    ck_assert_uint_ge(quarters, 9); /* no earlier than three seconds with loss */
    tick();
    ck_assert(s.raised >> SUP_VERDICT_LOSS_UP & 1);
}
END_TEST

START_TEST(one_lost_second_is_no_verdict)
{
    uint32_t held;
    second(0, false, 20);
    for (unsigned quarter = 0; quarter < 20; quarter++) {
        for (unsigned n = 0; n < 12; n++, step())
            if (quarter < 2 || quarter > 4 || n % 5)
                send_at(false, 20, now_us);
        (void)sup_quality_check(quality, now_us, &env, &held);
        ck_assert(!(held >> SUP_VERDICT_LOSS_UP & 1));
    }
}
END_TEST

START_TEST(loss_in_a_dtx_pause_is_no_verdict)
{
    for (int i = 0; i < 6; i++) {
        for (unsigned n = 0; n < 50; n++, step()) {
            if (n % 20)
                seq--; /* one packet in 400 ms ... */
            else if (n != 20)
                send_at(false, 70, now_us); /* ... and one of three is lost */
        }
        tick();
        ck_assert(!holds(SUP_VERDICT_LOSS_UP));
    }
    ck_assert(s.in.lost > 0);
}
END_TEST

START_TEST(late_packets_are_jitter_not_loss)
{
    second(0, true, 20);
    for (int i = 0; i < 5; i++) {
        for (unsigned n = 0; n < 50; n++, step())
            send_at(true, 20, now_us + (n % 25 ? 0 : 180000 * (unsigned)(i + 1)));
        tick();
        ck_assert(s.in.lost == 0 && !holds(SUP_VERDICT_LOSS_UP));
    }
}
END_TEST

START_TEST(a_first_report_uses_the_fraction)
{
    struct sup_rtcp_block b = {.ssrc = 9, .fraction_lost = 64, .lost = 7, .ext_seq = 70000};
    sup_quality_add_report(quality, &b, now_us);
    tick();
    ck_assert(s.out.loss_pct == 25 && s.out.lost == 7);
    b.ext_seq -= 60000; /* a lie or another stream: again the fraction */
    b.lost = -20;
    sup_quality_add_report(quality, &b, now_us);
    tick();
    ck_assert(s.out.loss_pct == 25 && s.out.lost == 0);
}
END_TEST

START_TEST(duplicates_come_from_srtp)
{
    env.duplicates_srtp = 4;
    second(0, true, 20);
    ck_assert_uint_eq(s.in.duplicates, 4);
    env.duplicates_srtp = 5;
    second(0, true, 20);
    ck_assert_uint_eq(s.in.duplicates, 1);
}
END_TEST

START_TEST(what_is_not_opus_counts_as_a_packet_alone)
{
    for (int n = 0; n < 50; n++, step())
        send_payload((const uint8_t *)"\x4B\x07", 2, 20, now_us);
    send_payload(NULL, 0, 20, now_us);
    tick();
    ck_assert(s.in.packets == 51 && !s.has_codec && !s.in.has_mos);
}
END_TEST

START_TEST(levels_are_sampled_where_none_are_sent)
{
    struct sup_opus_enc *enc;
    sup_quality_destroy(quality);
    create(&(struct sup_quality_opts){.sample_level = true});
    ck_assert_int_eq(sup_opus_enc_create(NULL, &enc), SUP_OK);
    for (int i = 0; i < 3; i++) {
        for (int n = 0; n < 50; n++, step()) {
            int16_t pcm[960];
            uint8_t buf[400];
            size_t len;
            for (int k = 0; k < 960; k++)
                pcm[k] = (int16_t)(3277 * sin(2 * M_PI * 500 * (k + n * 960) / 48000.0));
            ck_assert_int_eq(sup_opus_encode(enc, pcm, 960, buf, sizeof(buf), &len), SUP_OK);
            send_payload(buf, len, 127, now_us); /* the extension is not negotiated: not read */
        }
        tick();
    }
    ck_assert_msg(s.has_level && abs(s.level_dbov + 23) <= 2, "%d", s.level_dbov);
    ck_assert(s.voice_pct > 10);
    sup_opus_enc_destroy(enc);
}
END_TEST

START_TEST(the_seconds_add_up)
{
    sup_quality_add_rtt(quality, 100000, 0, now_us);
    double residual = 0;
    for (uint32_t i = 1; i <= 10; i++) {
        second(i > 2 ? 0x008 : 0, true, 20);
        residual += s.in.residual_loss_pct * (s.in.packets + s.in.lost);
        ck_assert(s.number == i && s.has_rtt && s.rtt_us == 100000 && s.in.has_mos);
    }
    ck_assert(packets == 100 + 8 * 45 && lost >= 39 && lost <= 40 && recovered == lost);
    ck_assert(fabs(residual / (double)(packets + lost) - 1.2) < 0.15);
}
END_TEST

START_TEST(options_are_checked_and_memory_may_fail)
{
    struct sup_quality *q = NULL;
    ck_assert_int_eq(sup_quality_create(&(struct sup_quality_opts){.max_loss_pct = 101}, 0, &q),
                     SUP_E_INVAL);
    ck_assert_int_eq(sup_quality_create(&(struct sup_quality_opts){.min_mos = 5}, 0, &q),
                     SUP_E_INVAL);
    for (size_t n = 1; n <= 4; n++) {
        sup_mem_fail_at(n);
        ck_assert_int_eq(
            sup_quality_create(&(struct sup_quality_opts){.sample_level = true}, 0, &q),
            SUP_E_NOMEM);
        ck_assert_ptr_null(q);
    }
    sup_quality_destroy(NULL);
    for (unsigned v = 0; v < SUP_VERDICT_COUNT; v++)
        ck_assert_str_ne(sup_quality_verdict_name(v), "unknown");
}
END_TEST

SUP_CHECK_MAIN("quality", setup, teardown, a_clean_second, fec_recovers_single_losses,
               of_a_burst_only_the_last_is_recovered, reordering_is_not_loss, dtx_is_not_loss,
               a_hole_says_nothing_about_the_microphone,
               loss_verdict_rises_after_three_of_five_and_falls_after_three,
               a_verdict_outlasts_two_good_seconds, missing_packets_are_told_within_three_seconds,
               never_a_packet_is_told_too, a_silent_microphone_is_told_within_three_seconds,
               round_trip_and_relay, jitter_verdict, a_delay_spike_empties_the_buffer_once,
               hours_on_hold_and_a_new_ssrc_spoil_nothing, a_restarted_sequence_is_followed,
               large_gaps_are_counted_exactly, clock_drift_is_found,
               the_peers_reports_tell_about_the_way_down,
               gaps_that_were_relayed_are_not_lost_on_the_way_down,
               a_dead_way_down_is_told_though_the_peers_number_stands_still,
               jitter_that_came_from_the_speaker_is_not_the_listeners,
               overtaken_packets_are_not_lost, a_report_after_five_seconds_speaks_for_all_of_them,
               a_verdict_need_not_begin_with_a_sample, one_lost_second_is_no_verdict,
               loss_in_a_dtx_pause_is_no_verdict, late_packets_are_jitter_not_loss,
               a_first_report_uses_the_fraction, duplicates_come_from_srtp,
               what_is_not_opus_counts_as_a_packet_alone, levels_are_sampled_where_none_are_sent,
               the_seconds_add_up, options_are_checked_and_memory_may_fail)
