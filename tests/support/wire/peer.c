/* Light peers: each a leg as browsers are (ICE, DTLS-SRTP with AES-GCM, Opus, RTCP), many in one
 * process, for the far side of the link.
 *
 *   wire_peer ADDRESS OTHER ADDRESS6
 *       commands on standard input, answers on standard output, JSON lines
 *
 *   {"leg":true,"sound":"talk"|"dialog","fec":B,"dtx":B,"rtcp_ms":N,"ipv6":B}  ipv6: nothing else
 *                                      -> {"leg":N,"port":P,"ssrc":S,"offer":SDP}
 *   {"answer":N,"sdp":SDP}             -> {"connected":N} later
 *   {"candidate":N,"text":LINE}           a trickled one
 *   {"send":N,"what":"talk"|"dialog"|"dead"|"none"}  from now on
 *   {"restart":N,"moved":B}            -> {"leg":N,...,"offer":SDP}, from a new socket, and from
 * the other address if moved; closed_us: since when nobody listens at the old one
 *   {"report":N}                       -> {"report":N,...}: what it sent and received
 *
 * RTCP goes out each rtcp_ms on average, between half and one and a half of it (RFC 3550 6.2; the
 * minimum of 5 s does not bind the AVPF profile, RFC 4585 3.4). */
#include <fcntl.h>
#include <jansson.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench/stun_client.h"
#include "peer_sound.h"
#include "support/dtls_peer.h"
#include "supportd/base/clock.h"
#include "supportd/base/id.h"
#include "supportd/media/candidate.h"
#include "supportd/media/demux.h"
#include "supportd/media/rtcp.h"
#include "supportd/media/rtp.h"
#include "supportd/media/rtp_stats.h"
#include "supportd/media/srtp.h"

enum {
    LEGS_MAX = 512,
    EVENTS = 128,
    PACKET = 2048,
    LEVEL_ID = 1,
    PAYLOAD_TYPE = 111,
    FRAME_US = 20000,
    LATE_US = 200000, /* a process that was away for longer skips, it does not catch up */
    TICK_US = 50000,
    CHECK_TICKS = 50, /* between two consent checks */
    LINE_MAX_BYTES = 65536,
};

struct leg {
    int fd;
    const char *address;
    uint32_t number, ssrc;
    struct sockaddr_storage remote; /* family 0: not known */
    struct sup_srtp *srtp;          /* once connected */
    struct sup_rtp_stats *heard;
    struct dtls_peer dtls;
    char ufrag[5], pwd[25], remote_pwd[300], user[310];
    bool answered, path;
    unsigned ticks;

    enum sound_kind sound;
    bool sends, fec, dtx;
    size_t frame;
    uint16_t seq;
    uint32_t ts;
    uint64_t frame_due_us;

    uint64_t rtcp_us, rtcp_due_us;
    uint32_t lsr; /* of the last sender report, and when it came */
    uint64_t lsr_us;
    uint64_t closed_us; /* when the last socket was left, 0: never */
    uint32_t sent, octets, reported, received, refused, rtcp_received;
};

static struct leg *legs[LEGS_MAX];
static uint32_t leg_count;
static const char *own_address, *other_address, *address6;
static int epoll;

static void say(json_t *object)
{
    BENCH_CHECK(object && json_dumpf(object, stdout, JSON_COMPACT) == 0);
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(object);
}

static uint32_t random32(void)
{
    uint32_t v;
    sup_random(&v, sizeof(v));
    return v;
}

/* --- signaling --- */

static void random_word(char *out, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456";
    sup_random(out, len);
    for (size_t i = 0; i < len; i++)
        out[i] = letters[out[i] & 31];
    out[len] = '\0';
}

static struct sockaddr_storage address_of(const char *text, uint16_t port)
{
    struct sockaddr_storage s = {.ss_family = strchr(text, ':') ? AF_INET6 : AF_INET};
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)&s;
    struct sockaddr_in *four = (struct sockaddr_in *)&s;
    if (s.ss_family == AF_INET6)
        six->sin6_port = htons(port);
    else
        four->sin_port = htons(port);
    BENCH_CHECK(inet_pton(s.ss_family, text,
                          s.ss_family == AF_INET6 ? (void *)&six->sin6_addr
                                                  : (void *)&four->sin_addr) == 1);
    return s;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_in6 own; /* the port stands at the same place in both families */
    socklen_t len = sizeof(own);
    BENCH_CHECK(getsockname(fd, (struct sockaddr *)&own, &len) == 0);
    return ntohs(own.sin6_port);
}

static void open_socket(struct leg *leg, const char *address)
{
    leg->address = address;
    struct sockaddr_storage own = address_of(address, 0);
    leg->fd = socket(own.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    BENCH_CHECK(leg->fd >= 0);
    BENCH_CHECK(bind(leg->fd, (struct sockaddr *)&own, sizeof(own)) == 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = leg};
    BENCH_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, leg->fd, &event) == 0);
}

static void say_offer(struct leg *leg)
{
    char sdp[4096], print[3 * 64 + 1] = "";
    uint16_t port = port_of(leg->fd);
    random_word(leg->ufrag, sizeof(leg->ufrag) - 1);
    random_word(leg->pwd, sizeof(leg->pwd) - 1);
    for (size_t i = 0; i < leg->dtls.fingerprint.len; i++)
        (void)sprintf(print + (i ? 3 * i - 1 : 0), i ? ":%02X" : "%02X",
                      leg->dtls.fingerprint.digest[i]);
    (void)snprintf(sdp, sizeof(sdp),
                   "v=0\r\no=- %u 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
                   "m=audio 9 UDP/TLS/RTP/SAVPF %d\r\nc=IN IP4 0.0.0.0\r\n"
                   "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n"
                   "a=fingerprint:sha-256 %s\r\na=setup:actpass\r\na=mid:0\r\n"
                   "a=extmap:%d urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
                   "a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:%d opus/48000/2\r\n"
                   "a=fmtp:%d minptime=10;useinbandfec=1\r\n"
                   "a=candidate:1 1 udp 2122260223 %s %u typ host\r\n",
                   leg->number + 1, PAYLOAD_TYPE, leg->ufrag, leg->pwd, print, LEVEL_ID,
                   PAYLOAD_TYPE, PAYLOAD_TYPE, leg->address, port);
    say(json_pack("{s:i, s:i, s:s, s:I, s:I, s:s}", "leg", (int)leg->number, "port", (int)port,
                  "address", leg->address, "closed_us", (json_int_t)leg->closed_us, "ssrc",
                  (json_int_t)leg->ssrc, "offer", sdp));
}

static enum sound_kind kind_of(const char *name)
{
    BENCH_CHECK(name);
    return strcmp(name, "dead") == 0     ? SOUND_DEAD
           : strcmp(name, "dialog") == 0 ? SOUND_DIALOG
                                         : SOUND_TALK;
}

static void make_leg(json_t *o)
{
    struct leg *leg = calloc(1, sizeof(*leg));
    BENCH_CHECK(leg && leg_count < LEGS_MAX);
    leg->number = leg_count;
    legs[leg_count++] = leg;
    leg->ssrc = 0x30000000u + (random32() >> 8);
    leg->seq = (uint16_t)random32();
    leg->ts = random32();
    leg->sound = kind_of(json_string_value(json_object_get(o, "sound")));
    leg->fec = json_is_true(json_object_get(o, "fec"));
    leg->dtx = json_is_true(json_object_get(o, "dtx"));
    leg->rtcp_us = (uint64_t)json_integer_value(json_object_get(o, "rtcp_ms")) * 1000;
    leg->frame = random32() % SOUND_FRAMES;
    leg->sends = true;
    BENCH_CHECK(leg->rtcp_us > 0 && sup_rtp_stats_create(NULL, &leg->heard) == SUP_OK);
    (void)sound_get(leg->sound, leg->fec, leg->dtx);
    (void)sound_get(SOUND_DEAD, leg->fec, leg->dtx);
    dtls_peer_open(&leg->dtls, "SRTP_AEAD_AES_128_GCM", true);
    open_socket(leg, json_is_true(json_object_get(o, "ipv6")) ? address6 : own_address);
    say_offer(leg);
}

static void value_of(const char *sdp, const char *name, char *out, size_t cap)
{
    const char *at = strstr(sdp, name);
    if (!at)
        BENCH_DIE("no %s in the answer", name);
    at += strlen(name);
    size_t len = strcspn(at, "\r\n");
    BENCH_CHECK(len < cap);
    memcpy(out, at, len);
    out[len] = '\0';
}

static void take_candidate(struct leg *leg, const char *line)
{
    struct sup_candidate c;
    if (leg->remote.ss_family || sup_candidate_parse(line, strcspn(line, "\r\n"), &c) ||
        c.ipv6 != (strchr(leg->address, ':') != NULL))
        return;
    leg->remote = address_of(c.address, c.port);
}

static void take_answer(struct leg *leg, const char *sdp)
{
    char ufrag[300];
    value_of(sdp, "a=ice-ufrag:", ufrag, sizeof(ufrag));
    value_of(sdp, "a=ice-pwd:", leg->remote_pwd, sizeof(leg->remote_pwd));
    (void)snprintf(leg->user, sizeof(leg->user), "%.256s:%s", ufrag, leg->ufrag);
    for (const char *at = strstr(sdp, "a=candidate:"); at; at = strstr(at + 1, "a=candidate:"))
        take_candidate(leg, at + 2);
    leg->answered = true;
}

/* --- connecting --- */

static void send_to_remote(struct leg *leg, const uint8_t *data, size_t len)
{
    (void)sendto(leg->fd, data, len, 0, (struct sockaddr *)&leg->remote, sizeof(leg->remote));
}

static void send_check(struct leg *leg)
{
    struct stun_text t;
    uint8_t transaction[12];
    sup_random(transaction, sizeof(transaction));
    stun_request(&t, transaction, leg->user, leg->remote_pwd);
    send_to_remote(leg, t.data, t.len);
}

static uint64_t next_rtcp(const struct leg *leg, uint64_t now_us)
{
    return now_us + leg->rtcp_us / 2 + random32() % leg->rtcp_us;
}

static void dtls_go_on(struct leg *leg)
{
    uint8_t record[PACKET];
    size_t len;
    if (leg->dtls.failed)
        BENCH_DIE("DTLS of leg %u failed", leg->number);
    while ((len = dtls_peer_take(&leg->dtls, record, sizeof(record))) > 0)
        send_to_remote(leg, record, len);
    if (leg->srtp || !dtls_peer_done(&leg->dtls))
        return;
    struct sup_srtp_opts opts = {.keys = dtls_peer_keys(&leg->dtls), .window = 1024};
    BENCH_CHECK(sup_srtp_create(&opts, &leg->srtp) == SUP_OK);
    uint64_t now_us = sup_clock_mono_us();
    leg->frame_due_us = now_us + random32() % FRAME_US;
    leg->rtcp_due_us = next_rtcp(leg, now_us);
    say(json_pack("{s:i}", "connected", (int)leg->number));
}

static void take_stun(struct leg *leg, const uint8_t *pkt, const struct sockaddr_storage *source)
{
    struct stun_text t;
    if (pkt[0] == 0x00 && pkt[1] == 0x01) {
        if (source->ss_family == AF_INET6)
            stun_response6(&t, pkt, (const struct sockaddr_in6 *)source, leg->pwd);
        else
            stun_response(&t, pkt, (const struct sockaddr_in *)source, leg->pwd);
        (void)sendto(leg->fd, t.data, t.len, 0, (const struct sockaddr *)source, sizeof(*source));
    } else if (pkt[0] == 0x01 && pkt[1] == 0x01 && !leg->path) {
        leg->path = true;
        if (!leg->srtp)
            dtls_peer_step(&leg->dtls);
        dtls_go_on(leg);
    }
}

/* --- packets --- */

static void send_frame(struct leg *leg)
{
    const struct sound *sound = sound_get(leg->sound, leg->fec, leg->dtx);
    const struct sound_packet *p = &sound->packets[leg->frame];
    leg->frame = (leg->frame + 1) % SOUND_FRAMES;
    leg->ts += SOUND_FRAME_SAMPLES;
    if (!leg->sends || p->len == 0)
        return;
    uint8_t pkt[PACKET];
    struct sup_rtp_out head = {.payload_type = PAYLOAD_TYPE,
                               .marker = p->begins_spurt,
                               .seq = leg->seq++,
                               .ts = leg->ts,
                               .ssrc = leg->ssrc,
                               .level_id = LEVEL_ID,
                               .level = {.dbov = p->dbov, .voice = p->voice}};
    size_t at = sup_rtp_write_header(&head, pkt), len = at + p->len;
    memcpy(pkt + at, p->data, p->len);
    BENCH_CHECK(sup_srtp_protect_rtp(leg->srtp, pkt, len, sizeof(pkt), &len) == SUP_OK);
    leg->sent++;
    leg->octets += p->len;
    send_to_remote(leg, pkt, len);
}

static void send_rtcp(struct leg *leg, uint64_t now_us)
{
    struct sup_rtcp_block block;
    struct sup_rtcp_sender sender = {.ntp = sup_rtcp_ntp(sup_clock_wall_us()),
                                     .rtp_ts = leg->ts,
                                     .packets = leg->sent,
                                     .octets = leg->octets};
    struct sup_rtcp_write_opts opts = {.ssrc = leg->ssrc, .blocks = &block, .cname = "peer"};
    if (sup_rtp_stats_take_block(leg->heard, &block)) {
        opts.block_count = 1;
        if (leg->lsr) {
            uint64_t passed = now_us - leg->lsr_us;
            block.lsr = leg->lsr;
            block.dlsr = (uint32_t)(passed * 65536 / 1000000);
        }
    }
    if (leg->sent != leg->reported)
        opts.sender = &sender;
    leg->reported = leg->sent;
    uint8_t pkt[PACKET];
    size_t len;
    BENCH_CHECK(sup_rtcp_write(&opts, pkt, 1200, &len) == SUP_OK);
    BENCH_CHECK(sup_srtp_protect_rtcp(leg->srtp, pkt, len, sizeof(pkt), &len) == SUP_OK);
    send_to_remote(leg, pkt, len);
}

static void take_rtp(struct leg *leg, uint8_t *pkt, size_t len)
{
    struct sup_rtp_hdr hdr;
    if (!leg->srtp || sup_srtp_unprotect_rtp(leg->srtp, pkt, len, &len) != SUP_OK ||
        sup_rtp_parse(pkt, len, &hdr) != SUP_OK) {
        leg->refused++;
        return;
    }
    leg->received++;
    sup_err err = sup_rtp_stats_add(leg->heard, &hdr, sup_clock_mono_us());
    (void)err; /* the next packet tells whether the number was a jump */
}

static void take_rtcp(struct leg *leg, uint8_t *pkt, size_t len)
{
    struct sup_rtcp rtcp;
    if (!leg->srtp || sup_srtp_unprotect_rtcp(leg->srtp, pkt, len, &len) != SUP_OK ||
        sup_rtcp_parse(pkt, len, &rtcp) != SUP_OK)
        return;
    leg->rtcp_received++;
    if (rtcp.has_sender) {
        leg->lsr = (uint32_t)(rtcp.sender.ntp >> 16);
        leg->lsr_us = sup_clock_mono_us();
    }
}

/* False: there was nothing. */
static bool receive(struct leg *leg)
{
    uint8_t pkt[PACKET];
    struct sockaddr_storage source;
    socklen_t source_len = sizeof(source);
    ssize_t n = recvfrom(leg->fd, pkt, sizeof(pkt), 0, (struct sockaddr *)&source, &source_len);
    if (n <= 0)
        return false;
    switch (sup_demux(pkt, (size_t)n)) {
    case SUP_DEMUX_RTP:
        take_rtp(leg, pkt, (size_t)n);
        break;
    case SUP_DEMUX_RTCP:
        take_rtcp(leg, pkt, (size_t)n);
        break;
    case SUP_DEMUX_STUN:
        take_stun(leg, pkt, &source);
        break;
    case SUP_DEMUX_DTLS:
        dtls_peer_feed(&leg->dtls, pkt, (size_t)n);
        dtls_go_on(leg);
        break;
    default:
        break;
    }
    return true;
}

/* As a page does after a change of network: another socket, new credentials, the same keys. */
static void restart(struct leg *leg, bool moved)
{
    while (receive(leg))
        ;
    leg->closed_us = sup_clock_mono_us();
    (void)close(leg->fd);
    open_socket(leg, moved ? other_address : leg->address);
    leg->path = leg->answered = false;
    leg->remote = (struct sockaddr_storage){0};
    say_offer(leg);
}

/* --- time --- */

static void tick(void)
{
    for (uint32_t i = 0; i < leg_count; i++) {
        struct leg *leg = legs[i];
        if (!leg->answered || !leg->remote.ss_family)
            continue;
        if (leg->ticks++ % (leg->path ? CHECK_TICKS : 1) == 0)
            send_check(leg);
        if (leg->path && !leg->srtp) {
            DTLSv1_handle_timeout(leg->dtls.ssl);
            dtls_go_on(leg);
        }
    }
}

/* Sends what is due; returns when the next is. */
static uint64_t send_due(uint64_t now_us)
{
    uint64_t next = now_us + TICK_US;
    for (uint32_t i = 0; i < leg_count; i++) {
        struct leg *leg = legs[i];
        if (!leg->srtp)
            continue;
        if (leg->frame_due_us + LATE_US < now_us)
            leg->frame_due_us = now_us;
        for (; leg->frame_due_us <= now_us; leg->frame_due_us += FRAME_US)
            send_frame(leg);
        if (leg->rtcp_due_us <= now_us) {
            leg->rtcp_due_us = next_rtcp(leg, now_us);
            send_rtcp(leg, now_us);
        }
        if (leg->frame_due_us < next)
            next = leg->frame_due_us;
    }
    return next;
}

/* --- control --- */

static void report(const struct leg *leg)
{
    struct sup_rtp_report r;
    sup_rtp_stats_get(leg->heard, &r);
    say(json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "report", (int)leg->number,
                  "sent", (json_int_t)leg->sent, "received", (json_int_t)leg->received, "refused",
                  (json_int_t)leg->refused, "expected", (json_int_t)r.expected, "lost",
                  (json_int_t)r.lost, "reordered", (json_int_t)r.reordered, "jitter_us",
                  (json_int_t)r.jitter_us, "rtcp", (json_int_t)leg->rtcp_received));
}

static void set_sound(struct leg *leg, const char *what)
{
    leg->sends = what && strcmp(what, "none") != 0;
    if (leg->sends)
        leg->sound = kind_of(what);
}

static struct leg *leg_named(json_t *command, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(command, name));
    BENCH_CHECK(number >= 0 && number < (json_int_t)leg_count);
    return legs[number];
}

static void obey(const char *line)
{
    json_error_t error;
    json_t *o = json_loads(line, 0, &error);
    if (!o)
        BENCH_DIE("no JSON: %s", error.text);
    if (json_object_get(o, "leg"))
        make_leg(o);
    else if (json_object_get(o, "answer"))
        take_answer(leg_named(o, "answer"), json_string_value(json_object_get(o, "sdp")));
    else if (json_object_get(o, "candidate"))
        take_candidate(leg_named(o, "candidate"), json_string_value(json_object_get(o, "text")));
    else if (json_object_get(o, "send"))
        set_sound(leg_named(o, "send"), json_string_value(json_object_get(o, "what")));
    else if (json_object_get(o, "restart"))
        restart(leg_named(o, "restart"), json_is_true(json_object_get(o, "moved")));
    else if (json_object_get(o, "report"))
        report(leg_named(o, "report"));
    else
        BENCH_DIE("unknown command");
    json_decref(o);
}

/* False once standard input has ended. */
static bool read_commands(void)
{
    static char text[LINE_MAX_BYTES + 1];
    static size_t len;
    ssize_t n = read(STDIN_FILENO, text + len, LINE_MAX_BYTES - len);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    len += (size_t)n;
    text[len] = '\0';
    char *line = text, *end;
    while ((end = strchr(line, '\n'))) {
        *end = '\0';
        obey(line);
        line = end + 1;
    }
    len = strlen(line);
    memmove(text, line, len + 1);
    BENCH_CHECK(len < LINE_MAX_BYTES);
    return true;
}

static void run(void)
{
    static char control; /* its address stands for standard input */
    uint64_t ticked_us = 0;
    (void)prctl(PR_SET_TIMERSLACK, 1000UL);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    BENCH_CHECK(epoll >= 0 && fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) == 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &control};
    BENCH_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0);
    for (;;) {
        uint64_t now_us = sup_clock_mono_us();
        if (now_us - ticked_us >= TICK_US) {
            ticked_us = now_us;
            tick();
        }
        uint64_t next = send_due(now_us);
        now_us = sup_clock_mono_us();
        struct timespec timeout = {0, next > now_us ? (long)(next - now_us) * 1000 : 0};
        struct epoll_event events[EVENTS];
        int n = epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr != &control)
                (void)receive(events[i].data.ptr);
            else if (!read_commands())
                return;
        }
    }
}

START_TEST(peers)
{
    run();
}
END_TEST

/* The asserts of the DTLS peer need a runner around them. */
int main(int argc, char **argv)
{
    if (argc != 4)
        BENCH_DIE("usage: wire_peer ADDRESS OTHER ADDRESS6");
    own_address = argv[1];
    other_address = argv[2];
    address6 = argv[3];
    BENCH_CHECK(sup_srtp_setup() == SUP_OK);
    Suite *suite = suite_create("wire_peer");
    TCase *tcase = tcase_create("peers");
    tcase_add_test(tcase, peers);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
