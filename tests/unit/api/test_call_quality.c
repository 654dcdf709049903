/* The frames of each second: their text, digit for digit, and the table of advice. */
#include <string.h>

#include "../../../src/api/api_internal.h"
#include "support/check_main.h"
#include "supportd/call/call_store.h"

static struct sup_quality_sample sample;
static struct sup_call_client client;
static struct sup_call_event event;
static struct sup_buf text;

static void setup(void)
{
    sample = (struct sup_quality_sample){
        .connected = true,
        .has_rtt = true,
        .rtt_us = 12449,
        .in = {.packets = 48,
               .lost = 2,
               .recovered = 1,
               .late = 3,
               .duplicates = 4,
               .reordered = 5,
               .loss_pct = 4,
               .residual_loss_pct = 2.96,
               .burst_ratio = 1.256,
               .jitter_us = 1250,
               .has_mos = true,
               .mos_lq = 4.405,
               .mos_cq = 3.999},
        .out = {.packets = 50, .jitter_us = 90},
        .has_codec = true,
        .bandwidth = SUP_OPUS_FB,
        .frame_us = 20000,
        .bitrate = 31800,
        .fec_pct = 98,
        .has_level = true,
        .level_dbov = -21,
        .number = 7,
        .voice_pct = 66.66,
        .no_packet_us = 12999,
        .has_drift = true,
        .drift_ppm = -0.26,
        .verdicts = 1u << SUP_VERDICT_LOSS_UP | 1u << SUP_VERDICT_RELAYED,
    };
    client = (struct sup_call_client){.received = 95,
                                      .lost = 5,
                                      .samples = 48000,
                                      .concealed = 480,
                                      .jitter_us = SUP_CALL_UNKNOWN,
                                      .buffer_us = 61240,
                                      .rtt_us = 38000,
                                      .path = "relay"};
    event = (struct sup_call_event){.kind = SUP_CALL_QUALITY};
    event.samples[SUP_CALL_CUSTOMER] = &sample;
    event.connected[SUP_CALL_CUSTOMER] = true;
}

static void teardown(void)
{
    sup_buf_fini(&text);
}

#define HEAD                                                                                       \
    "\",\"call_id\":\"00000000-0000-0000-0000-000000000000\",\"at\":\"1970-01-01T00:00:01.000Z\""
#define LEG                                                                                        \
    "\"sample\":7,\"connected\":true,\"relayed\":false,\"rtt_ms\":12.4,\"drift_ppm\":-0.3,"        \
    "\"codec\":{"                                                                                  \
    "\"bandwidth\":\"fb\",\"frame_ms\":20.0,\"bitrate\":31800,\"fec_pct\":98.0,\"dtx_pct\":0.0},"  \
    "\"in\":{\"packets\":48,\"lost\":2,\"recovered\":1,\"late\":3,\"duplicates\":4,"               \
    "\"reordered\":5,\"loss_pct\":4.0,\"residual_loss_pct\":3.0,\"burst_ratio\":1.26,"             \
    "\"jitter_ms\":1.3,\"level_dbov\":-21,\"voice_pct\":66.7,\"no_packet_ms\":12,"                 \
    "\"no_voice_ms\":0,\"mos_lq\":4.41,\"mos_cq\":4.00},\"out\":{\"packets\":50,\"lost\":0,"       \
    "\"loss_pct\":0.0,\"residual_loss_pct\":0.0,\"jitter_ms\":0.1,\"mos_lq\":null,"                \
    "\"mos_cq\":null},"
#define VERDICTS "\"verdicts\":[\"loss_up\",\"relayed\"]}"

START_TEST(staff_get_every_figure)
{
    event.clients[SUP_CALL_CUSTOMER] = &client;
    ck_assert_int_eq(api_quality_text(&event, 1000000, &text), SUP_OK);
    ck_assert_str_eq(
        text.data,
        "{\"type\":\"call.quality" HEAD ",\"mos\":\"estimate\",\"legs\":[{\"party\":"
        "\"customer\"," LEG "\"client\":{\"loss_pct\":5.0,\"concealed_pct\":1.0,"
        "\"jitter_ms\":null,\"buffer_ms\":61.2,\"rtt_ms\":38.0,\"path\":\"relay\"}," VERDICTS "]}");
}
END_TEST

START_TEST(what_is_not_known_is_null)
{
    sample.has_rtt = sample.has_drift = sample.has_codec = sample.has_level = false;
    sample.in.has_mos = false;
    sample.verdicts = 0;
    event.samples[SUP_CALL_AGENT] = &sample;
    client.samples = SUP_CALL_UNKNOWN;
    client.lost = -3;
    client.path[0] = '\0';
    event.clients[SUP_CALL_AGENT] = &client;
    ck_assert_int_eq(api_quality_text(&event, 1000000, &text), SUP_OK);
    json_t *frame;
    ck_assert_int_eq(sup_json_parse(text.data, text.len, &frame), SUP_OK);
    json_t *legs = json_object_get(frame, "legs");
    ck_assert_uint_eq(json_array_size(legs), 2);
    json_t *leg = json_array_get(legs, 1);
    ck_assert_str_eq(json_string_value(json_object_get(leg, "party")), "agent");
    ck_assert(json_is_null(json_object_get(leg, "rtt_ms")));
    ck_assert(json_is_null(json_object_get(leg, "drift_ppm")));
    ck_assert(json_is_null(json_object_get(leg, "codec")));
    ck_assert(json_is_null(json_object_get(json_object_get(leg, "in"), "mos_cq")));
    ck_assert(json_is_null(json_object_get(json_object_get(leg, "in"), "level_dbov")));
    json_t *browser = json_object_get(leg, "client");
    ck_assert(json_is_null(json_object_get(browser, "concealed_pct")));
    ck_assert(json_is_null(json_object_get(browser, "path")));
    ck_assert(json_real_value(json_object_get(browser, "loss_pct")) == 0);
    ck_assert(json_is_null(json_object_get(json_array_get(legs, 0), "client")));
    json_decref(frame);
}
END_TEST

START_TEST(a_customer_gets_advice_and_no_figure)
{
    ck_assert_int_eq(api_advice_text(&event, 1000000, &text), SUP_OK);
    ck_assert_str_eq(text.data,
                     "{\"type\":\"call.advice" HEAD
                     ",\"connected\":true,\"other_connected\":false,\"advice\":[{\"verdict\":"
                     "\"loss_up\",\"advice\":\"move_closer\"},{\"verdict\":\"relayed\",\"advice\":"
                     "\"nothing\"}]}");
    sup_buf_clear(&text);
    event.samples[SUP_CALL_CUSTOMER] = NULL;
    event.samples[SUP_CALL_AGENT] = &sample;
    ck_assert_int_eq(api_advice_text(&event, 1000000, &text), SUP_OK);
    ck_assert_ptr_nonnull(strstr(text.data, "\"advice\":[]}"));
}
END_TEST

START_TEST(every_verdict_has_its_advice)
{
    static const struct {
        enum sup_verdict verdict;
        const char *advice;
    } table[] = {
        {SUP_VERDICT_NO_PACKETS, "check_connection"},
        {SUP_VERDICT_SILENT_MICROPHONE, "check_microphone"},
        {SUP_VERDICT_LOSS_UP, "move_closer"},
        {SUP_VERDICT_LOSS_DOWN, "move_closer"},
        {SUP_VERDICT_HIGH_DELAY, "take_turns"},
        {SUP_VERDICT_HIGH_JITTER, "pause_downloads"},
        {SUP_VERDICT_LOW_MOS, "move_closer"},
        {SUP_VERDICT_RELAYED, "nothing"},
    };
    ck_assert_uint_eq(sizeof(table) / sizeof(table[0]), SUP_VERDICT_COUNT);
    for (size_t i = 0; i < SUP_VERDICT_COUNT; i++)
        ck_assert_str_eq(api_advice_of(table[i].verdict), table[i].advice);
    ck_assert_str_eq(api_advice_of(SUP_VERDICT_COUNT), "nothing");
}
END_TEST

START_TEST(without_memory_there_is_no_text)
{
    sup_mem_fail_at(1);
    ck_assert_int_eq(api_quality_text(&event, 1000000, &text), SUP_E_NOMEM);
    sup_mem_fail_at(1);
    ck_assert_int_eq(api_advice_text(&event, 1000000, &text), SUP_E_NOMEM);
}
END_TEST

SUP_CHECK_MAIN("call_quality", setup, teardown, staff_get_every_figure, what_is_not_known_is_null,
               a_customer_gets_advice_and_no_figure, every_verdict_has_its_advice,
               without_memory_there_is_no_text)
