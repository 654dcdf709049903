/* Verdicts about the way down by what the peer's own statistics tell. */
#include "support/check_main.h"
#include "supportd/media/quality.h"

enum { SECOND_US = 1000000, PACKET_US = 20000, PER_SECOND = 50 };

static struct sup_quality *quality;
static struct sup_quality_sample s;
static struct sup_quality_env env;
static uint64_t now_us;
static uint16_t number;                 /* of the next packet down */
static struct sup_quality_client tells; /* what the peer tells next */
static struct sup_rtcp_block block;     /* the same, as RTCP tells it */

static void setup(void)
{
    now_us = 5000000;
    number = 65000; /* wraps within the tests */
    env = (struct sup_quality_env){.connected = true};
    tells = (struct sup_quality_client){0};
    block = (struct sup_rtcp_block){.ssrc = 9};
    ck_assert_int_eq(sup_quality_create(NULL, now_us, &quality), SUP_OK);
}

static void teardown(void)
{
    sup_quality_destroy(quality);
    quality = NULL;
}

/* A second of the stream down with four looks; of every ten packets those of unsent are gaps of
 * the speaker's own, those of lost do not arrive. */
static void second(unsigned unsent, unsigned lost)
{
    for (unsigned n = 0; n < PER_SECOND; n++, number++, now_us += PACKET_US) {
        bool gap = unsent >> n % 10 & 1, missing = lost >> n % 10 & 1;
        struct sup_quality_sent sent = {.seq = number, .ts = number * 960u, .payload_len = 80};
        if (!gap)
            sup_quality_add_out(quality, &sent, now_us);
        block.lost += gap || missing;
        tells.lost += gap || missing;
        tells.received += !gap && !missing;
        uint32_t verdicts;
        if (n == 12 || n == 24 || n == 37)
            sup_quality_check(quality, now_us, &env, &verdicts);
    }
    block.ext_seq = number - 1u + (number < 65000 ? 0x10000 : 0);
    sup_quality_tick(quality, now_us, &env, &s);
}

static void tell(void)
{
    sup_quality_add_client(quality, &tells, now_us);
    tells.interval_us = SECOND_US;
    tells.received = tells.lost = 0;
}

/* Five good seconds, in which the peer begins to tell and has reported by RTCP once. */
static void begin(void)
{
    second(0, 0);
    sup_quality_add_report(quality, &block, now_us);
    for (int i = 0; i < 4; i++) {
        tell();
        second(0, 0);
    }
    tell();
    ck_assert_uint_eq(s.verdicts, 0);
}

static bool holds(enum sup_verdict v)
{
    return s.verdicts >> v & 1;
}

/* Seconds from a fault until a verdict holds, the peer telling at each one's end; at most 9. */
static int seconds_until(enum sup_verdict v, unsigned unsent, unsigned lost)
{
    int seconds = 0;
    for (; seconds < 9 && !holds(v); seconds++) {
        second(unsent, lost);
        tell();
        uint32_t verdicts;
        sup_quality_check(quality, now_us, &env, &verdicts);
        s.verdicts = verdicts;
    }
    return seconds;
}

START_TEST(loss_is_told_with_the_third_bad_second)
{
    begin();
    ck_assert_int_eq(seconds_until(SUP_VERDICT_LOSS_DOWN, 0, 0x008), 3);
    ck_assert_uint_eq(s.verdicts, 1u << SUP_VERDICT_LOSS_DOWN);
    for (int i = 0; i < 3; i++) {
        ck_assert(holds(SUP_VERDICT_LOSS_DOWN));
        second(0, 0);
        tell();
    }
    second(0, 0);
    ck_assert_uint_eq(s.verdicts, 0);
}
END_TEST

START_TEST(it_makes_no_count_and_no_rating)
{
    begin();
    (void)seconds_until(SUP_VERDICT_LOSS_DOWN, 0, 0x318);
    for (int i = 0; i < 3; i++) {
        second(0, 0);
        ck_assert(s.out.lost == 0 && s.out.loss_pct == 0 && !s.has_rtt);
    }
}
END_TEST

START_TEST(the_mean_of_a_rare_report_does_not_contradict_it)
{
    begin();
    second(0, 0);
    tell();
    second(0, 0x008);
    tell();
    second(0, 0x008);
    tell();
    sup_quality_add_report(quality, &block, now_us); /* over 8 s: 2.5 % */
    second(0, 0x008);
    tell();
    second(0, 0);
    ck_assert(holds(SUP_VERDICT_LOSS_DOWN));
}
END_TEST

START_TEST(gaps_of_the_speaker_are_not_its_losses)
{
    begin();
    ck_assert_int_eq(seconds_until(SUP_VERDICT_LOSS_DOWN, 0x124, 0), 9);
    teardown();
    setup(); /* and beside them its own losses are */
    begin();
    ck_assert_int_eq(seconds_until(SUP_VERDICT_LOSS_DOWN, 0x124, 0x010), 3);
}
END_TEST

START_TEST(a_way_down_that_is_dead_is_told)
{
    begin();
    sup_quality_add_rtt(quality, 40000, 0, now_us);
    int seconds = 0;
    for (; seconds < 9 && !holds(SUP_VERDICT_LOSS_DOWN); seconds++) {
        second(0, 0x3ff);
        tells.lost = 0; /* without a later packet it misses none */
        tell();
    }
    ck_assert_int_le(seconds, 4);
}
END_TEST

START_TEST(frequent_reports_need_no_word_beside_them)
{
    begin();
    for (int i = 0; i < 8; i++) {
        second(0, 0);
        sup_quality_add_report(quality, &block, now_us);
        sup_quality_add_rtt(quality, 40000, 0, now_us);
        if (i >= 2) { /* it lies */
            tells.lost = 25;
            tells.has_jitter = tells.has_rtt = true;
            tells.jitter_us = tells.rtt_us = 1000000;
        }
        tell();
        ck_assert_uint_eq(s.verdicts, 0);
    }
}
END_TEST

START_TEST(what_cannot_be_is_not_believed)
{
    static const struct sup_quality_client lies[] = {
        {.interval_us = SECOND_US, .received = 1000, .lost = 500},
        {.interval_us = SECOND_US, .received = -50, .lost = 50},
        {.interval_us = SECOND_US, .received = INT32_MAX, .lost = INT32_MAX},
        {.interval_us = UINT64_MAX, .received = 25, .lost = 25},
        {.interval_us = SECOND_US, .received = 50, .lost = -INT32_MAX},
    };
    begin();
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        for (int n = 0; n < 5; n++) {
            second(0, 0);
            sup_quality_add_client(quality, &lies[i], now_us);
            ck_assert_uint_eq(s.verdicts, 0);
        }
    }
}
END_TEST

START_TEST(jitter_and_delay_are_told_with_the_third_bad_second)
{
    begin();
    tells.has_jitter = true;
    tells.jitter_us = 31000;
    ck_assert_int_eq(seconds_until(SUP_VERDICT_HIGH_JITTER, 0, 0), 3);
    tells.jitter_us = 29000;
    tells.has_rtt = true;
    tells.rtt_us = 401000;
    for (int i = 0; i < 4; i++) {
        second(0, 0);
        tell();
    }
    ck_assert_uint_eq(s.verdicts, 1u << SUP_VERDICT_HIGH_DELAY);
    ck_assert(!s.has_rtt); /* which only our own measure is */
    tells.rtt_us = 399000;
    for (int i = 0; i < 5; i++) {
        second(0, 0);
        tell();
    }
    ck_assert_uint_eq(s.verdicts, 0);
}
END_TEST

START_TEST(who_has_stopped_telling_says_nothing)
{
    begin();
    tells.has_rtt = true;
    tells.rtt_us = 500000;
    (void)seconds_until(SUP_VERDICT_LOSS_DOWN, 0, 0x018);
    for (int i = 0; i < 6; i++)
        second(0, 0);
    ck_assert_uint_eq(s.verdicts, 0);
    tells.received = 300; /* and after so long begins anew */
    tells.lost = 100;
    tell();
    second(0, 0);
    ck_assert_uint_eq(s.verdicts, 0);
}
END_TEST

START_TEST(nothing_sent_is_nothing_lost)
{
    for (int i = 0; i < 9; i++) {
        now_us += SECOND_US;
        tells.lost = 50;
        tell();
        sup_quality_tick(quality, now_us, &env, &s);
        ck_assert_uint_eq(s.verdicts, 0);
    }
}
END_TEST

/* --- the third second from our own reports --- */

START_TEST(a_round_trip_speaks_for_the_time_since_its_report_was_sent)
{
    uint32_t verdicts = 0;
    uint64_t from_us = now_us += SECOND_US;
    for (; !(verdicts >> SUP_VERDICT_HIGH_DELAY & 1); now_us += 250000) {
        if (now_us == from_us + 1500000)
            sup_quality_add_rtt(quality, 500000, 1500000, now_us);
        sup_quality_check(quality, now_us, &env, &verdicts);
        ck_assert_uint_lt(now_us, from_us + 3000000);
    }
    ck_assert_uint_ge(now_us - 250000, from_us + 2000000); /* three seconds it must be */
}
END_TEST

START_TEST(a_reports_jitter_speaks_for_a_second)
{
    uint32_t verdicts = 0;
    second(0, 0);
    sup_quality_add_report(quality, &block, now_us);
    uint64_t from_us = now_us;
    for (unsigned quarter = 1; !(verdicts >> SUP_VERDICT_HIGH_JITTER & 1); quarter++) {
        now_us += 250000;
        block.ext_seq += 12;
        block.jitter = 40 * 48;
        if (quarter % 4 == 0)
            sup_quality_add_report(quality, &block, now_us);
        sup_quality_check(quality, now_us, &env, &verdicts);
        ck_assert_uint_lt(quarter, 12);
    }
    ck_assert_uint_ge(now_us, from_us + 2000000);
}
END_TEST

SUP_CHECK_MAIN("quality_client", setup, teardown, loss_is_told_with_the_third_bad_second,
               it_makes_no_count_and_no_rating, the_mean_of_a_rare_report_does_not_contradict_it,
               gaps_of_the_speaker_are_not_its_losses, a_way_down_that_is_dead_is_told,
               frequent_reports_need_no_word_beside_them, what_cannot_be_is_not_believed,
               jitter_and_delay_are_told_with_the_third_bad_second,
               who_has_stopped_telling_says_nothing, nothing_sent_is_nothing_lost,
               a_round_trip_speaks_for_the_time_since_its_report_was_sent,
               a_reports_jitter_speaks_for_a_second)
