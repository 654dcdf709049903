/* What voice_calls.quality says of a call, from samples written by hand. */
#include "../../../src/call/call_internal.h"
#include "support/check_main.h"

static struct call_live live;
static struct call_totals *totals;

static void setup(void)
{
    live = (struct call_live){0};
    totals = &live.parties[SUP_CALL_CUSTOMER].totals;
}

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_number(value), "%s", key);
    return json_number_value(value);
}

static struct sup_quality_sample second(uint32_t packets, uint32_t lost, uint32_t jitter_us)
{
    return (struct sup_quality_sample){
        .in = {.packets = packets, .lost = lost, .jitter_us = jitter_us, .burst_ratio = 1}};
}

#define IS(object, key, want) ck_assert_double_eq_tol(number(object, key), want, 0.0001)

START_TEST(sums_and_weights)
{
    struct sup_quality_sample s = second(90, 10, 5000);
    s.in.recovered = 6;
    s.in.late = 1;
    s.in.residual_loss_pct = 5;
    s.in.burst_ratio = 2;
    s.in.has_mos = true;
    s.in.ie = 10;
    s.in.mos_lq = 4;
    s.in.mos_cq = 3;
    s.has_rtt = true;
    s.rtt_us = 30000;
    s.verdicts = 1u << SUP_VERDICT_LOSS_UP;
    call_totals_add(totals, &s);
    s = second(300, 0, 1000); /* weighs three times as much */
    s.in.has_mos = true;
    s.in.ie = 10;
    s.in.mos_lq = 4.4;
    s.in.mos_cq = 4.2;
    s.has_rtt = true;
    s.rtt_us = 50000;
    call_totals_add(totals, &s);
    json_t *summary = call_summary_json(&live), *party = json_object_get(summary, "customer");
    ck_assert_uint_eq(json_object_size(summary), 1); /* the agent never came */
    json_t *in = json_object_get(party, "in");
    IS(in, "packets", 390);
    IS(in, "lost", 10);
    IS(in, "recovered", 6);
    IS(in, "late", 1);
    IS(in, "loss_pct", 2.5);
    IS(in, "residual_loss_pct", 1.25);
    IS(in, "burst_ratio", 2); /* of the losses alone */
    IS(in, "jitter_ms", 3);
    IS(in, "jitter_max_ms", 5);
    IS(in, "mos", 3.6);
    IS(in, "mos_lq", 4.2);
    IS(in, "mos_cq", 3.6);
    IS(in, "mos_cq_min", 3);
    /* 148 - 10 - 122 * 1.25 / (1.25 + 4.3) = 110.52: MOS of 74.68 */
    IS(in, "mos_call", 3.81);
    IS(party, "samples", 2);
    IS(party, "rtt_ms", 40);
    IS(party, "rtt_max_ms", 50);
    json_t *verdicts = json_object_get(party, "verdict_s");
    ck_assert_uint_eq(json_object_size(verdicts), 1);
    IS(verdicts, "loss_up", 1);
    json_t *out = json_object_get(party, "out");
    ck_assert_uint_eq(json_object_size(out), 4); /* nothing was sent: sums alone */
    json_decref(summary);
}
END_TEST

START_TEST(a_hole_counts_with_all_that_it_took)
{
    for (int i = 0; i < 10; i++) { /* one second of ten is lost whole, in a row */
        struct sup_quality_sample s = second(i == 3 ? 0 : 50, i == 3 ? 50 : 0, 0);
        s.in.residual_loss_pct = i == 3 ? 100 : 0;
        s.in.burst_ratio = i == 3 ? 5 : 1;
        s.in.has_mos = true;
        s.in.ie = 10.2;
        s.in.mos_lq = i == 3 ? 1 : 4.41;
        call_totals_add(totals, &s);
    }
    json_t *summary = call_summary_json(&live);
    json_t *in = json_object_get(json_object_get(summary, "customer"), "in");
    IS(in, "mos_lq", 4.07);
    ck_assert_double_lt(number(in, "mos_call"), 2.1);
    json_decref(summary);
}
END_TEST

START_TEST(percentiles_of_jitter)
{
    struct sup_quality_sample s;
    for (uint32_t i = 0; i < 100; i++) { /* 60 at 2 ms, 36 at 10.2 ms, 4 at 100 ms */
        s = second(50, 0, i < 60 ? 2000 : i < 96 ? 10200 : 100000);
        call_totals_add(totals, &s);
    }
    s = second(0, 0, 90000); /* a second without packets says nothing */
    call_totals_add(totals, &s);
    json_t *summary = call_summary_json(&live);
    json_t *in = json_object_get(json_object_get(summary, "customer"), "in");
    IS(in, "jitter_p50_ms", 2.5);
    IS(in, "jitter_p95_ms", 10.5);
    json_decref(summary);
    for (int i = 0; i < 4; i++) {
        s = second(50, 0, i < 2 ? 100000 : 4000000); /* far over the last step */
        call_totals_add(totals, &s);
    }
    summary = call_summary_json(&live);
    in = json_object_get(json_object_get(summary, "customer"), "in");
    IS(in, "jitter_p95_ms", 100); /* 96..104 */
    IS(in, "jitter_max_ms", 4000);
    json_decref(summary);
}
END_TEST

START_TEST(reports_of_the_client)
{
    struct sup_quality_sample s = second(50, 0, 0);
    struct sup_call_client c = {
        .received = 100, .lost = 4, .samples = 96000, .concealed = 4800, .silent_concealed = 960};
    call_totals_add(totals, &s);
    call_totals_add_client(totals, &c);
    c.samples = SUP_CALL_UNKNOWN; /* counts as a report, not for the share */
    c.lost = -1;
    call_totals_add_client(totals, &c);
    json_t *summary = call_summary_json(&live);
    json_t *client = json_object_get(json_object_get(summary, "customer"), "client");
    IS(client, "reports", 2);
    IS(client, "received", 200);
    IS(client, "lost", 3);
    IS(client, "concealed_pct", 5);
    IS(client, "silent_concealed_pct", 1);
    json_decref(summary);
}
END_TEST

SUP_CHECK_MAIN("summary", setup, NULL, sums_and_weights, a_hole_counts_with_all_that_it_took,
               percentiles_of_jitter, reports_of_the_client)
