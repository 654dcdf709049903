/* The clock of a peer whose clock is known: synthetic streams, arrival times by the second. */
#include <math.h>
#include <string.h>

#include "support/check_main.h"
#include "supportd/media/quality.h"

enum { SECOND_US = 1000000, PATH_US = 40000 };

static struct sup_quality *quality;
static struct sup_quality_sample s;
static uint64_t begin_us, tick_us; /* of the stream, of the next sample */
static double media_us;            /* of the next packet, by the sender's clock */
static double ppm;                 /* how much faster that is than ours */
static unsigned jitter_us, extra_us;
static uint32_t ssrc, ts_offset, noise;
static uint16_t seq;

static void setup(void)
{
    begin_us = 5000000;
    tick_us = begin_us + SECOND_US;
    media_us = ppm = 0;
    jitter_us = extra_us = 0;
    ssrc = 7;
    ts_offset = 0xFFFF0000; /* wraps */
    noise = 1;
    seq = 65000;
    s = (struct sup_quality_sample){0};
    ck_assert_int_eq(sup_quality_create(NULL, begin_us, &quality), SUP_OK);
}

static void teardown(void)
{
    sup_quality_destroy(quality);
    quality = NULL;
}

static uint64_t real_us(void)
{
    return begin_us + (uint64_t)llround(media_us / (1 + ppm / 1e6));
}

static void tick_until(uint64_t at_us)
{
    struct sup_quality_env env = {.connected = true};
    for (; tick_us <= at_us; tick_us += SECOND_US)
        sup_quality_tick(quality, tick_us, &env, &s);
}

static void send(size_t payload_len)
{
    uint8_t pkt[200];
    struct sup_rtp_hdr h;
    struct sup_rtp_out out = {.payload_type = 111,
                              .seq = seq++,
                              .ts = ts_offset + (uint32_t)llround(media_us * 48 / 1000),
                              .ssrc = ssrc};
    size_t head = sup_rtp_write_header(&out, pkt);
    memset(pkt + head, 0, payload_len);
    pkt[head] = 0x78;
    ck_assert_int_eq(sup_rtp_parse(pkt, head + payload_len, &h), SUP_OK);
    noise = noise * 1664525 + 1013904223;
    uint64_t late_us = jitter_us ? (noise >> 8) % jitter_us : 0;
    uint64_t at_us = real_us() + PATH_US + extra_us + late_us;
    tick_until(at_us - jitter_us - extra_us);
    sup_quality_add_in(quality, pkt, &h, at_us);
}

static void talk(unsigned seconds)
{
    for (unsigned n = 0; n < seconds * 50; n++, media_us += 20000)
        send(80);
}

/* What a sender in DTX sends of silence. */
static void pause_dtx(unsigned seconds)
{
    for (double end = media_us + seconds * 1e6; media_us < end; media_us += 400000)
        send(1);
}

static void expect(double error)
{
    ck_assert_msg(s.has_drift && fabs(s.drift_ppm - ppm) <= error, "%d: %f for %f, error %f",
                  s.has_drift, s.drift_ppm, ppm, error);
}

START_TEST(known_clocks_are_found_within_the_stated_error)
{
    static const double clocks[] = {-500, -100, -20, -3, -0.5, 0, 0.5, 3, 20, 100, 500};
    static const unsigned jitters[] = {0, 1000, 5000, 30000};
    for (size_t c = 0; c < sizeof(clocks) / sizeof(clocks[0]); c++)
        for (size_t j = 0; j < sizeof(jitters) / sizeof(jitters[0]); j++) {
            teardown();
            setup();
            ppm = clocks[c];
            jitter_us = jitters[j];
            talk(61);
            expect(0.2 + 6.0 * jitters[j] / 50 / 60);
        }
}
END_TEST

START_TEST(nothing_is_claimed_before_ten_seconds)
{
    ppm = 100;
    talk(10);
    ck_assert(!s.has_drift);
    talk(3);
    expect(1);
}
END_TEST

START_TEST(a_talker_with_dtx_has_the_same_clock)
{
    ppm = -80;
    jitter_us = 1000;
    for (int i = 0; i < 15; i++) {
        talk(1);
        pause_dtx(3);
    }
    talk(2);
    expect(6.0 * 1000 / 3 / 60); /* three packets in some seconds */
}
END_TEST

START_TEST(a_hold_in_between_changes_nothing)
{
    ppm = 150;
    talk(20);
    media_us += 3600e6; /* muted, the sender's clock runs on */
    talk(2);
    expect(0.2);
}
END_TEST

START_TEST(a_clock_that_stood_still_in_a_hold_begins_anew)
{
    ppm = 150;
    talk(20);
    begin_us += 3600000000; /* our time passes, the sender's does not */
    talk(5);
    tick_until(tick_us);
    ck_assert(!s.has_drift);
    talk(10);
    expect(0.5);
}
END_TEST

START_TEST(another_source_begins_anew)
{
    ppm = 40;
    talk(20);
    ssrc = 8;
    ts_offset = 12345;
    seq = 1;
    ppm = 0;
    begin_us += 800; /* where the other one's clock had got to, so that no step shows it */
    talk(5);
    ck_assert(!s.has_drift);
    talk(10);
    expect(0.5);
}
END_TEST

START_TEST(a_restarted_source_begins_anew)
{
    ppm = 40;
    talk(20);
    seq = (uint16_t)(seq + 20000); /* the same SSRC, other numbers and times */
    ts_offset += 1u << 30;
    talk(5);
    ck_assert(!s.has_drift);
    talk(10);
    expect(0.5);
}
END_TEST

START_TEST(a_change_of_the_path_is_no_drift)
{
    ppm = -30;
    talk(30);
    extra_us = 80000;
    talk(5);
    ck_assert(!s.has_drift);
    talk(10);
    expect(0.5);
    extra_us = 0;
    media_us += 80000; /* those on the long way arrive before */
    talk(15);
    expect(0.5);
}
END_TEST

SUP_CHECK_MAIN("quality_drift", setup, teardown, known_clocks_are_found_within_the_stated_error,
               nothing_is_claimed_before_ten_seconds, a_talker_with_dtx_has_the_same_clock,
               a_hold_in_between_changes_nothing, a_clock_that_stood_still_in_a_hold_begins_anew,
               another_source_begins_anew, a_restarted_source_begins_anew,
               a_change_of_the_path_is_no_drift)
