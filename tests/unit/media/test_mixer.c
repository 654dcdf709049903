/* Three parties end to end: browsers made of libnice, OpenSSL and libsrtp2 against legs on
 * loopback, each with a tone for a voice. Time stands still between the beats. */
#include <unistd.h>

#include "support/browser_peer.h"
#include "support/check_main.h"
#include "support/tone.h"
#include "supportd/media/hold.h"
#include "supportd/media/opus_toc.h"
#include "supportd/media/session.h"

#define GCM "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80"

enum { LEGS = 3, BEAT_US = 20000, PEAK = 8000, SOUND_BEATS = 400 };

struct side {
    struct browser browser;
    struct sup_leg *leg;
    struct tone voice;
    uint16_t seq;
    size_t mark;                             /* packets of the browser at the last listen_from() */
    int16_t sound[SOUND_BEATS * TONE_FRAME]; /* decoded */
    size_t samples;
};

static struct sup_media_engine *engine;
static struct sup_hold *hold;
static struct side sides[LEGS];
static struct side *const a = &sides[0], *const b = &sides[1], *const c = &sides[2];
static uint64_t beat_us;

static void on_candidate(struct sup_leg *leg, const struct sup_candidate *candidate, void *arg)
{
    (void)leg;
    (void)candidate;
    (void)arg;
}

static void on_state(struct sup_leg *leg, enum sup_leg_state state, enum sup_leg_reason reason,
                     void *arg)
{
    (void)leg;
    (void)state;
    (void)reason;
    (void)arg;
}

static void on_quality(struct sup_leg *leg, const struct sup_quality_sample *sample, void *arg)
{
    (void)leg;
    (void)sample;
    (void)arg;
}

static const struct sup_leg_callbacks callbacks = {on_candidate, on_state, on_quality, NULL};

static void step(void)
{
    sup_media_engine_step(engine);
    for (size_t i = 0; i < LEGS; i++)
        browser_step(&sides[i].browser);
}

static void connect_side(struct side *s, uint8_t pt)
{
    struct sup_leg_opts opts = {.engine = engine, .on = &callbacks, .arg = s};
    struct sup_buf answer;
    browser_open(&s->browser, GCM, pt, 1);
    ck_assert_int_eq(sup_leg_create(&opts, &s->leg), SUP_OK);
    sup_buf_init(&answer, 0);
    const char *offer = browser_offer(&s->browser);
    ck_assert_int_eq(sup_leg_offer(s->leg, offer, strlen(offer), &answer, NULL), SUP_OK);
    browser_take_answer(&s->browser, answer.data);
    sup_buf_fini(&answer);
    for (int i = 0; i < 20000 && !s->browser.srtp; i++) {
        step();
        usleep(500);
    }
    ck_assert(s->browser.srtp);
}

static void setup(void)
{
    static const struct sup_media_address loopback = {.address = "127.0.0.1"};
    static const double hz[LEGS] = {1000, 440, 2000};
    memset(sides, 0, sizeof(sides));
    ck_assert_int_eq(sup_hold_create_builtin(&hold), SUP_OK);
    struct sup_media_engine_opts opts = {.addresses = &loopback, .address_count = 1, .hold = hold};
    ck_assert_int_eq(sup_media_engine_create(&opts, &engine), SUP_OK);
    for (size_t i = 0; i < LEGS; i++) {
        tone_open(&sides[i].voice, hz[i], PEAK, true);
        connect_side(&sides[i], (uint8_t)(109 + i));
    }
    beat_us = (sup_clock_mono_us() / BEAT_US + 2) * BEAT_US;
}

static void teardown(void)
{
    for (size_t i = 0; i < LEGS; i++) {
        browser_close(&sides[i].browser);
        tone_close(&sides[i].voice);
        sup_leg_destroy(sides[i].leg);
    }
    struct sup_media_mix_stats stats;
    sup_media_engine_mix_stats(engine, &stats);
    ck_assert_uint_eq(stats.listeners + stats.speakers, 0);
    sup_media_engine_destroy(engine);
    sup_hold_destroy(hold);
    sup_clock_real();
}

static struct sup_media_mix_stats mix_stats(void)
{
    struct sup_media_mix_stats stats;
    sup_media_engine_mix_stats(engine, &stats);
    return stats;
}

static void speak(struct side *s, bool lost)
{
    uint8_t payload[TONE_PACKET_MAX];
    size_t len = tone_next(&s->voice, payload);
    s->seq++;
    if (!lost && s->leg)
        browser_send_rtp(&s->browser, s->seq, s->seq * 960u, payload, len);
}

static void at(uint64_t us)
{
    sup_clock_fake(us, (int64_t)us);
    for (int i = 0; i < 3; i++)
        step();
}

/* Everybody speaks for so many beats, each at a moment of its own between two of them. */
static void talk(size_t beats, unsigned lose_every)
{
    for (size_t n = 0; n < beats; n++) {
        at(beat_us += BEAT_US);
        for (size_t i = 0; i < LEGS; i++) {
            at(beat_us + 3000 + 5000 * i);
            speak(&sides[i], lose_every && sides[i].seq % lose_every == 0);
            step();
        }
        at(beat_us + 17000);
    }
}

static void listen_from(void)
{
    for (size_t i = 0; i < LEGS; i++)
        sides[i].mark = sides[i].browser.count;
}

/* Decodes what a browser has heard since listen_from(), as a browser would. */
static void decode(struct side *s)
{
    struct sup_opus_dec *dec;
    ck_assert_int_eq(sup_opus_dec_create(TONE_RATE, 1, &dec), SUP_OK);
    s->samples = 0;
    for (size_t i = s->mark; i < s->browser.count; i++) {
        const struct browser_packet *p = &s->browser.heard[i % BROWSER_HEARD];
        size_t got;
        ck_assert_uint_le(p->hdr.payload_len, BROWSER_PAYLOAD);
        ck_assert_uint_le(s->samples + TONE_FRAME, SOUND_BEATS * TONE_FRAME);
        ck_assert_int_eq(sup_opus_decode(dec, p->payload, p->hdr.payload_len, false,
                                         s->sound + s->samples, TONE_FRAME, &got),
                         SUP_OK);
        s->samples += got;
    }
    sup_opus_dec_destroy(dec);
}

/* How strong hz is in what s heard since listen_from(), relative to the speaker's, dB. */
static double heard_db(struct side *s, double hz)
{
    decode(s);
    ck_assert_uint_ge(s->samples, 40 * TONE_FRAME);
    size_t skip = 10 * TONE_FRAME;
    return tone_db(tone_in(s->sound + skip, s->samples - skip, hz), PEAK);
}

#define CHECK_HEARS(s, hz)                                                                         \
    do {                                                                                           \
        double db_ = heard_db(s, hz);                                                              \
        ck_assert_msg(db_ > -3 && db_ < 3, "%g Hz at %.1f dB", (double)(hz), db_);                 \
    } while (0)
#define CHECK_HEARS_NOT(s, hz, below)                                                              \
    do {                                                                                           \
        double db_ = heard_db(s, hz);                                                              \
        ck_assert_msg(db_ < -(below), "%g Hz at %.1f dB", (double)(hz), db_);                      \
    } while (0)

static void hear(struct side *s, struct side *x, struct side *y)
{
    struct sup_leg *others[2] = {x->leg, y ? y->leg : NULL};
    ck_assert_int_eq(sup_leg_hear(s->leg, others, y ? 2 : 1), SUP_OK);
}

/* One stream since the beginning, no number left out, the time never back. */
static void check_stream(const struct side *s, int32_t most)
{
    for (size_t i = 1; i < s->browser.count; i++) {
        const struct sup_rtp_hdr *x = &s->browser.heard[i - 1].hdr, *y = &s->browser.heard[i].hdr;
        ck_assert_uint_eq(y->ssrc, x->ssrc);
        ck_assert_uint_eq(y->seq, (uint16_t)(x->seq + 1));
        int32_t ts = (int32_t)(y->ts - x->ts);
        ck_assert_int_ge(ts, 960);
        ck_assert_int_le(ts, most);
    }
    ck_assert_uint_eq(s->browser.undecipherable, 0);
}

static void check_continuous(const struct side *s)
{
    check_stream(s, 2 * 960);
}

START_TEST(three_parties_hear_the_other_two_and_not_themselves)
{
    hear(a, b, c);
    hear(b, a, c);
    hear(c, a, b);
    ck_assert_int_eq(sup_leg_source_of(a->leg), SUP_LEG_HEARS_MIX);
    ck_assert_uint_eq(sup_leg_hears(a->leg), 2);
    talk(10, 0);
    listen_from();
    talk(100, 0);
    CHECK_HEARS(a, 440);
    CHECK_HEARS(a, 2000);
    CHECK_HEARS_NOT(a, 1000, 40);
    CHECK_HEARS(b, 1000);
    CHECK_HEARS(b, 2000);
    CHECK_HEARS_NOT(b, 440, 40);
    CHECK_HEARS(c, 1000);
    CHECK_HEARS(c, 440);
    CHECK_HEARS_NOT(c, 2000, 40);
    for (size_t i = 0; i < LEGS; i++)
        check_continuous(&sides[i]);
    struct sup_media_mix_stats stats = mix_stats();
    ck_assert_uint_eq(stats.listeners, 3);
    ck_assert_uint_eq(stats.speakers, 3);
    ck_assert_uint_ge(stats.frames, 3 * 100);
    ck_assert_uint_eq(stats.late + stats.recovered + stats.skipped, 0);
}
END_TEST

START_TEST(whisper_reaches_the_agent_alone)
{
    hear(a, b, NULL); /* a: the customer, b: the agent, c: whispers */
    hear(b, a, c);
    hear(c, a, b);
    talk(10, 0);
    listen_from();
    talk(100, 0);
    CHECK_HEARS(b, 2000);
    CHECK_HEARS(b, 1000);
    CHECK_HEARS(c, 1000);
    CHECK_HEARS(c, 440);
    CHECK_HEARS(a, 440);
    CHECK_HEARS_NOT(a, 2000, 60);
    ck_assert_int_eq(sup_leg_source_of(a->leg), SUP_LEG_HEARS_LEG); /* untouched */
    ck_assert_uint_eq(mix_stats().listeners, 2);
}
END_TEST

/* Beats in which a has heard nothing since the start. */
static size_t empty_beats(size_t beats)
{
    size_t empty = 0;
    for (size_t n = 0; n < beats; n++) {
        size_t before = a->browser.count;
        talk(1, 0);
        empty += a->browser.count == before;
    }
    return empty;
}

START_TEST(switching_leaves_no_gap)
{
    hear(a, b, NULL);
    hear(b, a, NULL);
    talk(50, 0);
    listen_from();
    ck_assert_uint_eq(empty_beats(10), 0);
    hear(a, b, c);
    ck_assert_uint_eq(empty_beats(30), 0);
    hear(a, b, NULL);
    ck_assert_uint_eq(empty_beats(20), 0);
    hear(a, b, c);
    ck_assert_uint_eq(empty_beats(2), 0);
    hear(a, c, b);    /* the same two: nothing changes */
    hear(a, b, NULL); /* before the mix had begun */
    ck_assert_uint_eq(empty_beats(20), 0);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL);
    ck_assert_uint_eq(empty_beats(5), 0);
    hear(a, c, b);
    ck_assert_uint_eq(empty_beats(5), 0);
    sup_leg_set_source(a->leg, SUP_LEG_HEARS_HOLD, NULL);
    ck_assert_uint_eq(empty_beats(5), 0);
    hear(a, b, NULL);
    ck_assert_uint_eq(empty_beats(5), 0);
    check_continuous(a);
    struct sup_media_mix_stats stats = mix_stats();
    ck_assert_uint_eq(stats.listeners + stats.speakers, 0);
}
END_TEST

START_TEST(voice_goes_on_where_the_relayed_packets_ended)
{
    hear(a, b, NULL);
    talk(60, 0);
    listen_from();
    talk(20, 0);
    hear(a, b, c);
    talk(50, 0);
    hear(a, b, NULL);
    talk(30, 0);
    decode(a);
    /* b's tone is never away, not for the length of a packet. */
    for (size_t i = 0; i + TONE_FRAME < a->samples - 5 * TONE_FRAME; i += TONE_FRAME / 4) {
        double db = tone_db(tone_in(a->sound + 5 * TONE_FRAME + i, TONE_FRAME, 440), PEAK);
        ck_assert_msg(db > -6, "beat %.2f: %.1f dB", (double)i / TONE_FRAME + 5, db);
    }
}
END_TEST

START_TEST(loss_of_a_speaker_is_filled)
{
    for (size_t i = 0; i < LEGS; i++)
        sides[i].voice.swells = true;
    hear(a, b, c);
    talk(10, 10);
    listen_from();
    talk(150, 10);
    struct sup_media_mix_stats stats = mix_stats();
    ck_assert_uint_ge(stats.recovered, 4);
    ck_assert_uint_ge(stats.recovered + stats.concealed, 2 * 150 / 10 - 4);
    ck_assert_uint_eq(stats.late, 0);
    decode(a);
    ck_assert_uint_ge(a->samples, 150 * TONE_FRAME);
    check_continuous(a); /* what was lost before the mixer is no gap behind it */
}
END_TEST

static size_t with_copies(void)
{
    size_t copies = 0;
    for (size_t i = a->mark; i < a->browser.count; i++) {
        struct sup_opus_info info;
        const struct browser_packet *p = &a->browser.heard[i];
        ck_assert_int_eq(sup_opus_parse(p->payload, p->hdr.payload_len, &info), SUP_OK);
        copies += info.lbrr;
    }
    return copies;
}

START_TEST(fec_follows_the_loss_that_the_listener_reports)
{
    for (size_t i = 0; i < LEGS; i++)
        sides[i].voice.swells = true;
    hear(a, b, c);
    talk(60, 0);
    listen_from();
    talk(60, 0);
    ck_assert_uint_eq(with_copies(), 0);
    ck_assert_uint_gt(a->browser.rtcp_count, 0); /* whose SSRC the report names */
    browser_send_loss(&a->browser, NULL, 38);    /* 15 % */
    talk(5, 0);
    listen_from();
    talk(60, 0);
    ck_assert_uint_ge(with_copies(), 15);
    for (int i = 0; i < 8; i++)
        browser_send_loss(&a->browser, NULL, 0);
    talk(5, 0);
    listen_from();
    talk(60, 0);
    ck_assert_uint_eq(with_copies(), 0);
}
END_TEST

START_TEST(who_goes_is_taken_out_of_every_mix)
{
    hear(a, b, c);
    hear(b, a, c);
    hear(c, a, b);
    talk(20, 0);
    sup_leg_destroy(c->leg);
    c->leg = NULL;
    ck_assert_int_eq(sup_leg_source_of(a->leg), SUP_LEG_HEARS_LEG);
    ck_assert_int_eq(sup_leg_source_of(b->leg), SUP_LEG_HEARS_LEG);
    ck_assert_uint_eq(mix_stats().listeners + mix_stats().speakers, 0);
    uint64_t frames = mix_stats().frames;
    talk(10, 0);
    listen_from();
    talk(60, 0);
    CHECK_HEARS(a, 440);
    CHECK_HEARS(b, 1000);
    CHECK_HEARS_NOT(a, 2000, 60);
    check_continuous(a);
    check_continuous(b);
    ck_assert_uint_eq(mix_stats().frames, frames); /* relayed, not mixed */
}
END_TEST

START_TEST(a_silent_speaker_does_not_hold_up_the_mix)
{
    hear(a, b, NULL);
    talk(20, 0);
    struct side *away = b; /* whom a hears falls silent at the moment of the switch */
    struct sup_leg *leg = away->leg;
    hear(a, b, c);
    away->leg = NULL;
    listen_from();
    talk(60, 0);
    away->leg = leg;
    CHECK_HEARS(a, 2000);
    check_stream(a, 6 * 960);
}
END_TEST

START_TEST(a_mix_without_memory_changes_nothing)
{
    hear(a, b, NULL);
    struct sup_leg *others[2] = {b->leg, c->leg};
    size_t live = sup_mem_live();
    sup_err err = SUP_E_NOMEM;
    for (size_t n = 1; err == SUP_E_NOMEM; n++) {
        ck_assert_uint_lt(n, 20);
        sup_mem_fail_at(n);
        err = sup_leg_hear(a->leg, others, 2);
        sup_mem_fail_at(0);
        if (err == SUP_OK)
            break;
        ck_assert_int_eq(err, SUP_E_NOMEM);
        ck_assert_uint_eq(sup_mem_live(), live);
        ck_assert_int_eq(sup_leg_source_of(a->leg), SUP_LEG_HEARS_LEG);
        ck_assert_uint_eq(sup_leg_hears(a->leg), 1);
    }
    ck_assert_int_eq(sup_leg_source_of(a->leg), SUP_LEG_HEARS_MIX);
    struct sup_leg *many[SUP_MIX_MAX + 1] = {b->leg};
    ck_assert_int_eq(sup_leg_hear(a->leg, many, SUP_MIX_MAX + 1), SUP_E_LIMIT);
    ck_assert_uint_eq(sup_leg_hears(a->leg), 2);
    ck_assert_int_eq(sup_leg_hear(a->leg, NULL, 0), SUP_OK);
    ck_assert_int_eq(sup_leg_source_of(a->leg), SUP_LEG_HEARS_NOTHING);
    ck_assert_uint_eq(sup_mem_live(), live);
}
END_TEST

SUP_CHECK_MAIN("mixer", setup, teardown, three_parties_hear_the_other_two_and_not_themselves,
               whisper_reaches_the_agent_alone, switching_leaves_no_gap,
               voice_goes_on_where_the_relayed_packets_ended, loss_of_a_speaker_is_filled,
               fec_follows_the_loss_that_the_listener_reports, who_goes_is_taken_out_of_every_mix,
               a_silent_speaker_does_not_hold_up_the_mix, a_mix_without_memory_changes_nothing)
