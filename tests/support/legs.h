/* Legs with a browser each, on loopback, driven as the daemon's loop drives them. Time is real but
 * where a test jumps ahead. One test program includes it; its setup and teardown are legs_setup and
 * legs_teardown. */
#ifndef SUPPORTD_TESTS_LEGS_H
#define SUPPORTD_TESTS_LEGS_H
#include <poll.h>
#include <unistd.h>

#include "support/browser_peer.h"
#include "support/check_main.h"
#include "supportd/base/clock.h"
#include "supportd/media/hold.h"
#include "supportd/media/session.h"

#define GCM "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"
#define CM "SRTP_AES128_CM_SHA1_80"

enum { LEGS = 3 };

struct side {
    struct browser browser;
    struct sup_leg *leg;
    enum sup_leg_state state;
    enum sup_leg_reason reason;
    int states, samples;
    struct sup_quality_sample sample; /* the last one */
    uint64_t lost;                    /* on the way up, in all of them */
    char pwd[300];                    /* of the leg's answer */
    uint16_t port;                    /* of its candidate */
};

static struct sup_media_engine *engine;
static struct sup_hold *hold;
static struct side sides[LEGS];
static struct side *const a = &sides[0], *const b = &sides[1], *const c = &sides[2];

static inline void on_candidate(struct sup_leg *leg, const struct sup_candidate *candidate,
                                void *arg)
{
    struct side *s = arg;
    ck_assert_ptr_eq(s->leg, leg);
    (void)candidate;
}

static inline void on_state(struct sup_leg *leg, enum sup_leg_state state,
                            enum sup_leg_reason reason, void *arg)
{
    struct side *s = arg;
    ck_assert_ptr_eq(s->leg, leg);
    ck_assert_int_eq(sup_leg_state_of(leg), state);
    s->state = state;
    s->reason = reason;
    s->states++;
}

static inline void on_quality(struct sup_leg *leg, const struct sup_quality_sample *sample,
                              void *arg)
{
    struct side *s = arg;
    ck_assert_ptr_eq(s->leg, leg);
    s->sample = *sample;
    s->samples++;
    s->lost += sample->in.lost;
}

static const struct sup_leg_callbacks callbacks = {on_candidate, on_state, on_quality, NULL};

static inline void open_engine(bool no_sibling, bool libsrtp_only)
{
    static const struct sup_media_address loopback = {.address = "127.0.0.1"};
    struct sup_media_engine_opts opts = {.addresses = &loopback,
                                         .address_count = 1,
                                         .no_sibling = no_sibling,
                                         .libsrtp_only = libsrtp_only,
                                         .hold = hold};
    ck_assert_int_eq(sup_media_engine_create(&opts, &engine), SUP_OK);
}

static inline void legs_setup(void)
{
    memset(sides, 0, sizeof(sides));
    ck_assert_int_eq(sup_hold_create_builtin(&hold), SUP_OK);
}

static inline void legs_teardown(void)
{
    sup_clock_real();
    for (size_t i = 0; i < LEGS; i++) {
        browser_close(&sides[i].browser);
        sup_leg_destroy(sides[i].leg);
    }
    sup_media_engine_destroy(engine);
    engine = NULL;
    sup_hold_destroy(hold);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

/* As the daemon's loop does: only when the descriptor is readable or the deadline has come. */
static inline void step(void)
{
    struct pollfd p = {.fd = sup_media_engine_fd(engine), .events = POLLIN};
    if (poll(&p, 1, 0) > 0 || sup_media_engine_deadline(engine) <= sup_clock_mono_us())
        sup_media_engine_step(engine);
    for (size_t i = 0; i < LEGS; i++)
        browser_step(&sides[i].browser);
}

static inline void spin(int ms)
{
    for (int i = 0; i < ms * 2; i++) {
        step();
        usleep(500);
    }
}

#define SPIN_UNTIL(cond)                                                                           \
    do {                                                                                           \
        for (int spins_ = 0; spins_ < 10000 && !(cond); spins_++) {                                \
            step();                                                                                \
            usleep(500);                                                                           \
        }                                                                                          \
        ck_assert(cond);                                                                           \
    } while (0)

static inline void make_leg(struct side *s)
{
    struct sup_leg_opts opts = {
        .engine = engine, .on = &callbacks, .arg = s, .session_id = 42, .cname = "supportd-test"};
    ck_assert_int_eq(sup_leg_create(&opts, &s->leg), SUP_OK);
}

/* Offer and answer between a side's browser and its leg. */
static inline void negotiate(struct side *s, const char *offer)
{
    struct sup_buf answer;
    struct sup_sdp_error error;
    sup_buf_init(&answer, 0);
    ck_assert_int_eq(sup_leg_offer(s->leg, offer, strlen(offer), &answer, &error), SUP_OK);
    browser_take_answer(&s->browser, answer.data);
    struct sup_candidate candidate;
    const char *line = strstr(answer.data, "a=candidate:") + 2;
    browser_value(answer.data, "a=ice-pwd:", s->pwd, sizeof(s->pwd));
    ck_assert_int_eq(sup_candidate_parse(line, strcspn(line, "\r\n"), &candidate), SUP_OK);
    s->port = candidate.port;
    sup_buf_fini(&answer);
}

static inline void open_side(struct side *s, const char *profiles, uint8_t pt, uint8_t level_id)
{
    browser_open(&s->browser, profiles, pt, level_id);
    make_leg(s);
    negotiate(s, browser_offer(&s->browser));
}

static inline void connect_side(struct side *s, const char *profiles, uint8_t pt, uint8_t level_id)
{
    open_side(s, profiles, pt, level_id);
    SPIN_UNTIL(s->browser.srtp && s->state == SUP_LEG_CONNECTED);
}

static inline struct sup_leg_report report_of(const struct side *s)
{
    struct sup_leg_report report;
    sup_leg_get_report(s->leg, &report);
    return report;
}

/* Opus packet of 20 ms, CELT fullband, whose payload names itself. */
static inline size_t frame(uint16_t n, uint8_t *out)
{
    memset(out, 0x5a, 60);
    out[0] = 31 << 3;
    out[1] = (uint8_t)(n >> 8);
    out[2] = (uint8_t)n;
    return 60;
}

static inline void speak(struct side *s, uint16_t seq, uint32_t ts)
{
    uint8_t payload[60];
    size_t len = frame(seq, payload);
    browser_send_rtp(&s->browser, seq, ts, payload, len);
    step();
}

static inline void check_names_frame(const struct browser_packet *p, uint16_t n)
{
    ck_assert_uint_eq((uint16_t)(p->payload[1] << 8 | p->payload[2]), n);
    ck_assert_uint_eq(p->hdr.payload_len, 60);
}

/* Everything heard since `from` is one stream without repetition; gaps are allowed. */
static inline void check_continuous(const struct browser *br, size_t from, bool gaps)
{
    for (size_t i = from + 1; i < br->count; i++) {
        const struct sup_rtp_hdr *x = &br->heard[i - 1].hdr, *y = &br->heard[i].hdr;
        ck_assert_uint_eq(x->ssrc, y->ssrc);
        ck_assert_uint_eq(y->payload_type, br->payload_type);
        int16_t seq = (int16_t)(y->seq - x->seq);
        int32_t ts = (int32_t)(y->ts - x->ts);
        ck_assert_int_ge(seq, 1);
        if (!gaps)
            ck_assert_int_eq(seq, 1);
        ck_assert_int_ge(ts, 960);
    }
}

static inline void join(struct side *x, struct side *y)
{
    sup_leg_set_source(x->leg, SUP_LEG_HEARS_LEG, y->leg);
    sup_leg_set_source(y->leg, SUP_LEG_HEARS_LEG, x->leg);
}

static inline void jump(uint64_t us)
{
    sup_clock_fake(sup_clock_mono_us() + us, sup_clock_wall_us() + (int64_t)us);
    for (int i = 0; i < 20; i++)
        step();
}
#endif
