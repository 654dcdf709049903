/* Call service, engine and two phones of the tests of calls: a customer's and an agent's, on
 * loopback. */
#ifndef SUPPORTD_TESTS_DB_CALL_DESK_H
#define SUPPORTD_TESTS_DB_CALL_DESK_H
#include "desk.h"
#include "spoken.h"
#include "support/browser_peer.h"
#include "supportd/call/call.h"
#include "supportd/media/hold.h"

#define PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"

static struct desk desk;
static struct sup_hold *hold;
static struct sup_media_engine *engine;
static struct sup_call *call;
static struct desk_person customer, agent;
static struct sup_id call_id, chat_id;
static struct browser phones[2], *const caller = &phones[0], *const callee = &phones[1];
static struct sup_listener listener;
static int changed, restarts, qualities, answerable, places, advices, parties;
static struct sup_call_client reported; /* the last report of the caller's browser that was shown */
static struct sup_call_event last_changed;
static struct sup_prompts *prompts;
static bool heard_both; /* a quality event had samples of both legs */

static void on_event(struct sup_listener *unused, void *data)
{
    (void)unused;
    const struct sup_call_event *event = data;
    ck_assert(sup_id_equal(event->call, call_id));
    switch (event->kind) {
    case SUP_CALL_CHANGED:
        last_changed = *event;
        changed++;
        break;
    case SUP_CALL_RESTART:
        restarts++;
        break;
    case SUP_CALL_QUALITY:
        qualities++;
        heard_both = heard_both || (event->samples[0] && event->samples[1]);
        advices += event->advise;
        reported =
            event->clients[SUP_CALL_CUSTOMER] ? *event->clients[SUP_CALL_CUSTOMER] : reported;
        break;
    case SUP_CALL_ANSWERABLE:
        answerable++;
        ck_assert(sup_id_equal(event->staff, agent.id));
        break;
    case SUP_CALL_PLACE:
        places++;
        break;
    case SUP_CALL_PARTY:
        parties++;
        break;
    case SUP_CALL_CANDIDATE:
        break;
    }
}

static void open_calls(const struct sup_prompts *spoken, uint64_t interval_us)
{
    struct sup_listener again = {.notify = on_event};
    if (call) { /* once more, with other options, and nothing under way */
        desk_settle(&desk);
        sup_listener_remove(&listener);
        sup_call_destroy(call);
    }
    struct sup_call_opts opts = {.loop = desk.loop,
                                 .pool = desk.pool,
                                 .engine = engine,
                                 .metrics = desk.metrics,
                                 .bus = desk.bus,
                                 .grace_us = 1000000,
                                 .max_calls = 2,
                                 .stats_interval_us = 200000,
                                 .prompts = spoken,
                                 .prompt_interval_us = interval_us};
    ck_assert_int_eq(sup_call_create(&opts, &call), SUP_OK);
    listener = again;
    sup_signal_add(sup_call_events(call), &listener);
}

static void setup(void)
{
    static const struct sup_media_address loopback = {.address = "127.0.0.1"};
    desk_open(&desk);
    ck_assert_int_eq(sup_hold_create_builtin(&hold), SUP_OK);
    struct sup_media_engine_opts media = {.addresses = &loopback, .address_count = 1, .hold = hold};
    ck_assert_int_eq(sup_media_engine_create(&media, &engine), SUP_OK);
    call = NULL;
    prompts = NULL;
    open_calls(NULL, 0);
    changed = restarts = qualities = answerable = places = advices = parties = 0;
    reported = (struct sup_call_client){0};
    heard_both = false;
    last_changed = (struct sup_call_event){0};
    memset(phones, 0, sizeof(phones));
    customer = desk_customer(&desk, "wanja");
    agent = desk_agent(&desk, "amina", 4);
}

static void teardown(void)
{
    browser_close(caller);
    browser_close(callee);
    sup_listener_remove(&listener);
    desk_close_pool(&desk);
    sup_call_destroy(call);
    sup_media_engine_destroy(engine);
    sup_hold_destroy(hold);
    sup_prompts_destroy(prompts);
    desk_close(&desk);
}

static void step(void)
{
    sup_loop_step(desk.loop, 1);
    browser_step(caller);
    browser_step(callee);
}

#define CALL_UNTIL(cond)                                                                           \
    do {                                                                                           \
        uint64_t end_ = sup_clock_mono_us() + 20000000;                                            \
        while (!(cond)) {                                                                          \
            step();                                                                                \
            ck_assert_msg(sup_clock_mono_us() < end_, "never: %s", #cond);                         \
        }                                                                                          \
    } while (0)

static void run_for(int ms)
{
    uint64_t end = sup_clock_mono_us() + (uint64_t)ms * 1000;
    while (sup_clock_mono_us() < end)
        step();
}

static double gauge(const char *name)
{
    return sup_metric_value(sup_metrics_gauge(desk.metrics, name, "", NULL, NULL));
}

static double prompts_played(void)
{
    return sup_metric_value(
        sup_metrics_counter(desk.metrics, "supportd_call_prompts_total", "", NULL, NULL));
}

/* --- the rows, as REST makes them --- */

static void start_call(void)
{
    call_id = sup_id_new();
    chat_id = sup_id_new();
    (void)desk_sql("select support.call_start('%s', '%s', '%s', null, '%s', '%s', '%s', null)",
                   customer.actor, sup_id_text(call_id).s, sup_id_text(sup_id_new()).s,
                   sup_id_text(chat_id).s, sup_id_text(sup_id_new()).s,
                   sup_id_text(sup_bus_process(desk.bus)).s);
}

static void ring(void)
{
    desk_available(&agent);
    ck_assert_int_eq(
        desk_sql("select count(*) from support.queue_assign('system:router', 10) where call_id ="
                 " '%s'",
                 sup_id_text(call_id).s),
        1);
}

static void accept_offer(void)
{
    (void)desk_sql("select support.offer_accept('%s', (select id from support.offers where state ="
                   " 'pending'), null)",
                   agent.actor);
}

static bool state_is(const char *state)
{
    return desk_sql("select count(*) from support.voice_calls where id = '%s' and state = '%s'",
                    sup_id_text(call_id).s, state) == 1;
}

/* --- legs --- */

static struct answered {
    int calls;
    sup_err err;
    char code[32];
    char sdp[8192];
} answered;

static void on_answer(const struct sup_call_answer *answer, void *arg)
{
    ck_assert_ptr_eq(arg, &answered);
    answered.calls++;
    answered.err = answer->err;
    (void)snprintf(answered.code, sizeof(answered.code), "%s", answer->code);
    (void)snprintf(answered.sdp, sizeof(answered.sdp), "%s", answer->sdp ? answer->sdp : "");
}

static sup_err offer_as(const struct desk_person *who, bool staff, const char *sdp)
{
    memset(&answered, 0, sizeof(answered));
    ck_assert_int_eq(sup_call_offer(call, who->actor, who->id, staff, call_id, sdp, strlen(sdp),
                                    on_answer, &answered),
                     SUP_OK);
    ck_assert_int_eq(answered.calls, 0);
    CALL_UNTIL(answered.calls == 1);
    ck_assert((answered.err == SUP_OK) == (answered.sdp[0] != '\0'));
    return answered.err;
}

static void dial(struct browser *phone, const struct desk_person *who, bool staff)
{
    browser_open(phone, PROFILES, staff ? 109 : 111, staff ? 0 : 1);
    ck_assert_int_eq(offer_as(who, staff, browser_offer(phone)), SUP_OK);
    browser_take_answer(phone, answered.sdp);
    CALL_UNTIL(phone->srtp != NULL);
}

/* Two packets of 20 ms silence-like Opus a call, and what the other side heard of them. */
static size_t talk(struct browser *from, const struct browser *to, uint16_t *seq)
{
    static const uint8_t opus[] = {0x78, 'v', 'o', 'i', 'c', 'e'};
    size_t before = 0, after = 0;
    for (size_t i = 0; i < to->count && i < BROWSER_HEARD; i++)
        before += memcmp(to->heard[i].payload, opus, sizeof(opus)) == 0;
    for (int i = 0; i < 10; i++, (*seq)++) {
        browser_send_rtp(from, *seq, *seq * 960u, opus, sizeof(opus));
        run_for(20);
    }
    run_for(200);
    for (size_t i = 0; i < to->count && i < BROWSER_HEARD; i++)
        after += memcmp(to->heard[i].payload, opus, sizeof(opus)) == 0;
    return after - before;
}

/* Packets that came within ms. */
static size_t hears_in(const struct browser *phone, int ms)
{
    size_t before = phone->count;
    run_for(ms);
    return phone->count - before;
}

#endif
