/* Both sides of one call, each a browser as far as the daemon can tell, in compressed time: packets
 * of 20 ms go out as fast as they come through. Every packet's header and payload are checked; what
 * comes at the start and the end of a phase and around the wraps is decoded and judged.
 *
 *   long_call             commands on standard input, answers on standard output, JSON lines
 *
 *   {"leg":0|1,"payload_type":N,"profiles":P,"hz":F,"seq":N,"ts":N} -> {"leg":N,"offer":SDP}
 *   {"answer":N,"sdp":SDP}   -> {"connected":N}
 *   {"candidate":N,"text":LINE}           a trickled one
 *   {"talk":N}               -> {"heard":[FIGURES, FIGURES]}: both sent N packets and heard the
 * other
 *   {"hold":N}               -> the same: both sent N packets, which nobody should hear
 *   {"ssrc":N,"ahead":N}        the leg goes on with another source, its numbers that far off
 *   {"pcm":N,"file":PATH}    -> {"samples":N}: the last two seconds that the leg heard, 16 bits
 *
 * Figures of a phase are about what one leg heard: see struct ear. Peers: libnice, OpenSSL,
 * libsrtp2. */
#include <jansson.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "support/browser_peer.h"
#include "support/tone.h"

enum {
    FRAMES = 50,          /* the loop of packets that a voice is made of */
    WARM_FRAMES = 100,    /* encoded before them: by then the encoder repeats itself */
    WINDOW = 192,         /* packets under way at most, each direction: fit a socket's buffer */
    HOLD_STEP = 8,        /* packets each millisecond while nobody hears */
    SETTLE_US = 100000,   /* five packets of music: what was under way has come */
    STALLED_US = 8000000, /* nothing comes any more */
    REPORT_US = 1000000,
    PASSED_OVER = 10, /* decoded packets that are not judged: the decoder settles */
    NEAR = 130,       /* packets from a wrap, a start or an end that are decoded */
    BLOCK = TONE_RATE,
    TAIL = 2 * TONE_RATE,
    LINE_MAX_BYTES = 65536,
};

static const double PEAK = 8000, LEVEL_DB = 1.5, REST_DB = -20;

struct voice {
    double hz;
    uint8_t data[FRAMES][TONE_PACKET_MAX];
    size_t len[FRAMES];
    uint16_t seq;
    uint32_t ts;
    uint64_t sent;
};

/* What one leg hears of the other. */
struct ear {
    struct sup_opus_dec *dec;
    size_t taken; /* of browser::count */
    bool begun;
    uint16_t seq;
    uint32_t ts, ssrc;
    uint64_t expected; /* number of the voice's packet that is due */
    uint16_t first;    /* the voice's sequence number at the phase's start */
    uint64_t count;    /* that the phase will have; 0: not known, all are decoded */
    unsigned decoded;  /* in one piece */
    int16_t block[BLOCK], tail[TAIL];
    size_t block_len, tail_at;
    uint64_t tail_count;

    /* since the last answer */
    uint64_t received;
    uint64_t due;                  /* with the payload of the voice's packet that was due */
    uint64_t out_of_line;          /* the number is not the last one's plus 1 */
    uint64_t ts_jumps;             /* the time is not the last one's plus 20 ms */
    uint64_t ts_back;              /* it went less than 20 ms ahead, or back */
    uint64_t sources;              /* changes of the SSRC */
    uint64_t wraps;                /* of the number */
    uint64_t strange;              /* another payload type, or no Opus */
    uint64_t seconds, bad_seconds; /* judged: the tone at its level, and little beside it */
};

static struct browser legs[2];
static struct voice voices[2];
static struct ear ears[2];
static uint64_t report_us;

static void say(json_t *object)
{
    BENCH_CHECK(object && json_dumpf(object, stdout, JSON_COMPACT) == 0);
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(object);
}

/* --- hearing --- */

static void judge(struct ear *ear, double hz)
{
    double sum = 0, tone = tone_in(ear->block, BLOCK, hz);
    for (size_t i = 0; i < BLOCK; i++)
        sum += (double)ear->block[i] * ear->block[i];
    double rest = sum / BLOCK - tone * tone / 2;
    bool good = fabs(tone_db(tone, PEAK)) <= LEVEL_DB &&
                tone_db(sqrt(rest > 0 ? rest : 0), PEAK / M_SQRT2) <= REST_DB;
    ear->seconds++;
    ear->bad_seconds += !good;
    ear->block_len = 0;
}

static void decode(struct ear *ear, const struct browser_packet *packet, double hz)
{
    int16_t pcm[5760];
    size_t n;
    if (packet->hdr.payload_len > BROWSER_PAYLOAD ||
        sup_opus_decode(ear->dec, packet->payload, packet->hdr.payload_len, false, pcm, 5760, &n)) {
        ear->strange++;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ear->tail[ear->tail_at++] = pcm[i];
        ear->tail_at = ear->tail_at == TAIL ? 0 : ear->tail_at;
    }
    ear->tail_count += n;
    if (ear->decoded++ < PASSED_OVER)
        return;
    for (size_t i = 0; i < n; i++) {
        ear->block[ear->block_len++] = pcm[i];
        if (ear->block_len == BLOCK)
            judge(ear, hz);
    }
}

static bool near_wrap(uint16_t seq)
{
    return (uint16_t)(seq + NEAR) < 2 * NEAR;
}

static bool is_judged(const struct ear *ear)
{
    return ear->count == 0 || ear->received < NEAR || ear->count - ear->received < NEAR ||
           near_wrap(ear->seq) || near_wrap((uint16_t)(ear->first + ear->due));
}

static void take(int which, const struct browser_packet *packet)
{
    struct ear *ear = &ears[which];
    const struct voice *voice = &voices[1 - which];
    const struct sup_rtp_hdr *h = &packet->hdr;
    size_t frame = ear->expected % FRAMES;
    ear->received++;
    if (ear->begun) {
        ear->out_of_line += h->seq != (uint16_t)(ear->seq + 1);
        ear->wraps += h->seq < ear->seq;
        ear->ts_jumps += h->ts - ear->ts != TONE_FRAME;
        ear->ts_back += h->ts - ear->ts < TONE_FRAME || h->ts - ear->ts >= 0x80000000u;
        ear->sources += h->ssrc != ear->ssrc;
    }
    ear->begun = true;
    ear->seq = h->seq;
    ear->ts = h->ts;
    ear->ssrc = h->ssrc;
    ear->strange += h->payload_type != legs[which].payload_type;
    if (h->payload_len == voice->len[frame] &&
        memcmp(packet->payload, voice->data[frame], h->payload_len) == 0) {
        ear->expected++;
        ear->due++;
    }
    if (is_judged(ear)) {
        decode(ear, packet, voice->hz);
    } else {
        ear->decoded = 0;
        ear->block_len = 0;
    }
}

/* --- sending --- */

static void make_voice(struct voice *voice)
{
    struct tone tone;
    tone_open(&tone, voice->hz, PEAK, false);
    for (int i = 0; i < WARM_FRAMES; i++)
        (void)tone_next(&tone, voice->data[0]);
    for (int i = 0; i < FRAMES; i++)
        voice->len[i] = tone_next(&tone, voice->data[i]);
    tone_close(&tone);
}

static void speak(int which)
{
    struct voice *voice = &voices[which];
    size_t frame = voice->sent++ % FRAMES;
    browser_send_rtp(&legs[which], voice->seq++, voice->ts, voice->data[frame], voice->len[frame]);
    voice->ts += TONE_FRAME;
}

/* --- both at once --- */

static void step(void)
{
    uint64_t now_us = sup_clock_mono_us();
    bool report = now_us - report_us >= REPORT_US;
    if (report)
        report_us = now_us;
    for (int i = 0; i < 2; i++) {
        browser_step(&legs[i]);
        BENCH_CHECK(legs[i].count - ears[i].taken <= BROWSER_HEARD);
        while (ears[i].taken < legs[i].count)
            take(i, &legs[i].heard[ears[i].taken++ % BROWSER_HEARD]);
        if (report && legs[i].srtp)
            browser_send_report(&legs[i], NULL);
    }
}

static void rest(long us)
{
    struct timespec t = {.tv_nsec = us * 1000};
    (void)nanosleep(&t, NULL);
}

static void settle(void)
{
    for (uint64_t until = sup_clock_mono_us() + SETTLE_US; sup_clock_mono_us() < until; rest(500))
        step();
}

static void begin_phase(uint64_t count)
{
    for (int i = 0; i < 2; i++) {
        struct ear *e = &ears[i];
        e->received = e->due = e->out_of_line = e->ts_jumps = e->ts_back = 0;
        e->sources = e->wraps = e->strange = e->seconds = e->bad_seconds = 0;
        e->expected = voices[1 - i].sent;
        e->first = voices[1 - i].seq;
        e->count = count;
        e->block_len = e->decoded = 0;
        legs[i].undecipherable = 0;
    }
}

static void say_heard(void)
{
    json_t *list = json_array();
    for (int i = 0; i < 2; i++) {
        const struct ear *e = &ears[i];
        const struct {
            const char *name;
            uint64_t value;
        } figures[] = {
            {"received", e->received},
            {"due", e->due},
            {"out_of_line", e->out_of_line},
            {"ts_jumps", e->ts_jumps},
            {"ts_back", e->ts_back},
            {"sources", e->sources},
            {"wraps", e->wraps},
            {"strange", e->strange},
            {"seconds", e->seconds},
            {"bad_seconds", e->bad_seconds},
            {"refused", legs[i].undecipherable},
        };
        json_t *o = json_object();
        for (size_t n = 0; n < sizeof(figures) / sizeof(figures[0]); n++)
            json_object_set_new(o, figures[n].name, json_integer((json_int_t)figures[n].value));
        json_array_append_new(list, o);
    }
    say(json_pack("{s:o}", "heard", list));
}

static void talk(uint64_t count)
{
    settle();
    begin_phase(count);
    uint64_t sent[2] = {0, 0}, moved_us = sup_clock_mono_us(), last = 0;
    for (;;) {
        bool all = true;
        for (int i = 0; i < 2; i++) {
            const struct ear *other = &ears[1 - i];
            for (; sent[i] < count && sent[i] - other->due < WINDOW; sent[i]++)
                speak(i);
            all = all && other->due == count;
        }
        step();
        uint64_t now_us = sup_clock_mono_us(), due = ears[0].due + ears[1].due;
        if (due != last)
            moved_us = now_us;
        else
            rest(20);
        last = due;
        if (all || now_us - moved_us > STALLED_US)
            break;
    }
    say_heard();
}

static void hold(uint64_t count)
{
    settle();
    begin_phase(0);
    for (uint64_t sent = 0; sent < count; rest(1000)) {
        for (int n = 0; n < HOLD_STEP && sent < count; n++, sent++) {
            speak(0);
            speak(1);
        }
        step();
    }
    settle();
    say_heard();
}

/* --- control --- */

static int leg_named(json_t *command, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(command, name));
    BENCH_CHECK(number == 0 || number == 1);
    return (int)number;
}

static void open_leg(json_t *command)
{
    int n = leg_named(command, "leg");
    const char *profiles = json_string_value(json_object_get(command, "profiles"));
    json_int_t payload_type = json_integer_value(json_object_get(command, "payload_type"));
    voices[n].hz = json_number_value(json_object_get(command, "hz"));
    voices[n].seq = (uint16_t)json_integer_value(json_object_get(command, "seq"));
    voices[n].ts = (uint32_t)json_integer_value(json_object_get(command, "ts"));
    make_voice(&voices[n]);
    BENCH_CHECK(sup_opus_dec_create(TONE_RATE, 1, &ears[n].dec) == SUP_OK);
    browser_open(&legs[n], profiles, (uint8_t)payload_type, 1);
    say(json_pack("{s:i, s:s}", "leg", n, "offer", browser_offer(&legs[n])));
}

static void connect_leg(json_t *command)
{
    int n = leg_named(command, "answer");
    browser_take_answer(&legs[n], json_string_value(json_object_get(command, "sdp")));
    for (uint64_t begun_us = sup_clock_mono_us(); !legs[n].srtp; rest(1000)) {
        step();
        if (sup_clock_mono_us() - begun_us > STALLED_US)
            BENCH_DIE("leg %d does not connect", n);
    }
    say(json_pack("{s:i}", "connected", n));
}

static void add_candidate(json_t *command)
{
    struct sup_candidate c;
    const char *text = json_string_value(json_object_get(command, "text"));
    if (text && sup_candidate_parse(text, strlen(text), &c) == SUP_OK)
        ice_peer_add_remote(&legs[leg_named(command, "candidate")].ice, &c);
}

static void change_source(json_t *command)
{
    int n = leg_named(command, "ssrc");
    legs[n].ssrc ^= 0x0F0F0F0Fu;
    voices[n].seq += (uint16_t)json_integer_value(json_object_get(command, "ahead"));
    voices[n].ts += 0x87654321u; /* another source has a time of its own */
}

static void write_pcm(json_t *command)
{
    const struct ear *ear = &ears[leg_named(command, "pcm")];
    FILE *file = fopen(json_string_value(json_object_get(command, "file")), "wbe");
    size_t count = ear->tail_count < TAIL ? ear->tail_at : TAIL, from = TAIL - ear->tail_at;
    BENCH_CHECK(file);
    if (count == TAIL)
        BENCH_CHECK(fwrite(ear->tail + ear->tail_at, sizeof(int16_t), from, file) == from);
    BENCH_CHECK(fwrite(ear->tail, sizeof(int16_t), ear->tail_at, file) == ear->tail_at);
    BENCH_CHECK(fclose(file) == 0);
    say(json_pack("{s:I}", "samples", (json_int_t)count));
}

static void obey(const char *line)
{
    json_error_t error;
    json_t *command = json_loads(line, 0, &error), *count;
    if (!command)
        BENCH_DIE("no JSON: %s", error.text);
    if (json_object_get(command, "leg"))
        open_leg(command);
    else if (json_object_get(command, "answer"))
        connect_leg(command);
    else if (json_object_get(command, "candidate"))
        add_candidate(command);
    else if ((count = json_object_get(command, "talk")))
        talk((uint64_t)json_integer_value(count));
    else if ((count = json_object_get(command, "hold")))
        hold((uint64_t)json_integer_value(count));
    else if (json_object_get(command, "ssrc"))
        change_source(command);
    else if (json_object_get(command, "pcm"))
        write_pcm(command);
    else
        BENCH_DIE("unknown command");
    json_decref(command);
}

START_TEST(one_call)
{
    static char line[LINE_MAX_BYTES];
    size_t len = 0;
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        step();
        if (poll(&in, 1, 2) <= 0)
            continue;
        ssize_t n = read(STDIN_FILENO, line + len, 1);
        if (n <= 0)
            break;
        if (line[len] == '\n') {
            line[len] = '\0';
            obey(line);
            len = 0;
        } else {
            len++;
            BENCH_CHECK(len < sizeof(line));
        }
    }
    for (int i = 0; i < 2; i++) {
        browser_close(&legs[i]);
        sup_opus_dec_destroy(ears[i].dec);
    }
}
END_TEST

/* The asserts of the peers need a runner around them. */
int main(void)
{
    BENCH_CHECK(sup_srtp_setup() == SUP_OK);
    Suite *suite = suite_create("long_call");
    TCase *tcase = tcase_create("one_call");
    tcase_add_test(tcase, one_call);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    if (failed)
        (void)fprintf(stderr, "long_call: %s\n", tr_msg(srunner_failures(runner)[0]));
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
