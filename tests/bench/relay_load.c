/* Generator of calls: legs as browsers are (ICE, DTLS-SRTP), and legs of the floor with static
 * keys; the same packets to both, in windows that a controller asks for.
 *
 *   relay_load            commands on standard input, answers on standard output, JSON lines
 *
 *   {"leg":true}                       -> {"leg":N,"offer":SDP}; 2k and 2k+1 are the two of a call
 *   {"leg":"echo"}                     -> the same; a leg that hears itself, and is the DTLS server
 *   {"address":IP}                        of the legs that follow, instead of 127.0.0.1
 *   {"answer":N,"sdp":SDP}             -> {"connected":N} later
 *   {"candidate":N,"text":LINE}           a trickled one
 *   {"close":N}                           goes without a word; its number is given out again
 *   {"floor":[PORT...]}                   the floor's legs
 *   {"window":"floor"|"daemon","pid":PID,"seconds":S,"calls":C} -> its figures
 *   {"window":"music","pid":PID,"seconds":S,"calls":C}
 *                                         legs that only listen, two to a call -> what they got
 *   {"talk":N}                            sends 50 packets a second from now on
 *   {"listen":N}                       -> {"heard":N,"at_ns":T} at the other leg's first packet
 *
 * Every leg sends 50 packets a second; payloads carry number and time, so that loss and delay are
 * counted at the other end, by the kernel's time of arrival. Outside its windows a leg of the
 * daemon sends one packet a second, since a silent leg counts as
 * gone. */
#include <fcntl.h>
#include <jansson.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "relay_keys.h"
#include "stun_client.h"
#include "support/dtls_peer.h"
#include "supportd/media/candidate.h"
#include "supportd/media/demux.h"
#include "supportd/media/rtp.h"

enum {
    LEGS_MAX = 2000, /* of each kind */
    EVENTS = 256,
    PACKET = 2048,
    PAYLOAD = 80,
    LEVEL_ID = 1,
    PAYLOAD_TYPE = 111,
    FRAME_NS = 20000000,
    TICK_NS = FRAME_NS,
    KEEPALIVE_NS = 1000000000,
    CHECK_TICKS = 100, /* between two consent checks */
    DRAIN_NS = 2000000000,
    POLL_NS = 1000000,
    LINE_MAX_BYTES = 65536,
};

/* What lies in a payload behind the two bytes that make it an Opus packet. */
struct mark {
    uint32_t leg, window; /* window 0: keepalive */
    uint64_t sent_ns;
};

struct leg {
    int fd;
    uint32_t number; /* among its kind */
    bool floor, connected;
    struct sockaddr_in remote;
    struct sup_srtp_gcm *in, *out;
    uint16_t seq;
    uint32_t ts, ssrc;

    char ufrag[5], pwd[25], remote_pwd[300], user[310];
    struct dtls_peer dtls;
    bool echo, answered, path, talks, listens;
    unsigned ticks;
    uint64_t keepalive_ns;
    uint32_t music_window; /* in which the next two were counted */
    uint16_t music_seq;    /* the last one */
};

struct window {
    uint32_t number; /* 0: none is running */
    bool floor;
    pid_t pid;
    uint32_t legs;
    uint64_t start_ns, end_ns, frames, next, cpu_ns, own_cpu_ns, late_ns;
    uint64_t sent, received;
    bool music;
    uint64_t missing; /* of the music, by sequence numbers */
    struct bench_samples delay;
};

static struct in_addr address;
static struct leg *legs[2][LEGS_MAX]; /* [floor] */
static uint32_t leg_count[2];
static struct window window;
static uint32_t window_count;
static int epoll;

static uint64_t mono_ns(void)
{
    return bench_clock_ns(CLOCK_MONOTONIC);
}

static void say(json_t *object)
{
    BENCH_CHECK(object && json_dumpf(object, stdout, JSON_COMPACT) == 0);
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(object);
}

static struct leg *open_leg(bool floor)
{
    struct leg *leg = calloc(1, sizeof(*leg));
    int on = 1, room = 1 << 20;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = address};
    uint32_t number = 0;
    while (number < leg_count[floor] && legs[floor][number])
        number++;
    BENCH_CHECK(leg && number < LEGS_MAX);
    leg->floor = floor;
    leg->number = number;
    if (number == leg_count[floor])
        leg_count[floor]++;
    leg->ssrc = 0x20000000u + leg->number;
    leg->seq = (uint16_t)(leg->number * 37);
    legs[floor][leg->number] = leg;
    leg->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    BENCH_CHECK(leg->fd >= 0);
    BENCH_CHECK(bind(leg->fd, (struct sockaddr *)&own, sizeof(own)) == 0);
    BENCH_CHECK(setsockopt(leg->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) == 0);
    BENCH_CHECK(setsockopt(leg->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)) == 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = leg};
    BENCH_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, leg->fd, &event) == 0);
    return leg;
}

/* --- signaling --- */

static void random_word(char *out, size_t len)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456";
    FILE *random = fopen("/dev/urandom", "re");
    BENCH_CHECK(random && fread(out, 1, len, random) == len && fclose(random) == 0);
    for (size_t i = 0; i < len; i++)
        out[i] = letters[out[i] & 31];
    out[len] = '\0';
}

static void make_offer(bool echo)
{
    struct leg *leg = open_leg(false);
    leg->echo = echo;
    char sdp[4096], print[3 * 64 + 1] = "";
    struct sockaddr_in own;
    socklen_t own_len = sizeof(own);
    random_word(leg->ufrag, sizeof(leg->ufrag) - 1);
    random_word(leg->pwd, sizeof(leg->pwd) - 1);
    dtls_peer_open(&leg->dtls, "SRTP_AEAD_AES_128_GCM", true);
    if (echo)
        dtls_peer_accept(&leg->dtls);
    for (size_t i = 0; i < leg->dtls.fingerprint.len; i++)
        (void)sprintf(print + (i ? 3 * i - 1 : 0), i ? ":%02X" : "%02X",
                      leg->dtls.fingerprint.digest[i]);
    BENCH_CHECK(getsockname(leg->fd, (struct sockaddr *)&own, &own_len) == 0);
    (void)snprintf(sdp, sizeof(sdp),
                   "v=0\r\no=- %u 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
                   "m=audio 9 UDP/TLS/RTP/SAVPF %d\r\nc=IN IP4 0.0.0.0\r\n"
                   "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n"
                   "a=fingerprint:sha-256 %s\r\na=setup:%s\r\na=mid:0\r\n"
                   "a=extmap:%d urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
                   "a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:%d opus/48000/2\r\n"
                   "a=fmtp:%d minptime=10;useinbandfec=1\r\n"
                   "a=ssrc:%u cname:bench\r\n"
                   "a=candidate:1 1 udp 2122260223 %s %u typ host\r\n",
                   leg->number + 1, PAYLOAD_TYPE, leg->ufrag, leg->pwd, print,
                   echo ? "passive" : "actpass", LEVEL_ID, PAYLOAD_TYPE, PAYLOAD_TYPE, leg->ssrc,
                   inet_ntoa(own.sin_addr), ntohs(own.sin_port));
    say(json_pack("{s:i, s:s}", "leg", (int)leg->number, "offer", sdp));
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
    if (leg->remote.sin_port || sup_candidate_parse(line, strcspn(line, "\r\n"), &c) || c.ipv6)
        return;
    leg->remote.sin_family = AF_INET;
    leg->remote.sin_port = htons(c.port);
    BENCH_CHECK(inet_pton(AF_INET, c.address, &leg->remote.sin_addr) == 1);
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
    uint8_t transaction[12] = "bench.......";
    memcpy(transaction + 5, &leg->number, 4);
    transaction[11] = (uint8_t)leg->ticks;
    stun_request(&t, transaction, leg->user, leg->remote_pwd);
    send_to_remote(leg, t.data, t.len);
}

static struct sup_srtp_gcm *gcm_of(const uint8_t *key, const uint8_t *salt, bool send)
{
    struct sup_srtp_gcm_opts opts = {.send = send};
    struct sup_srtp_gcm *gcm;
    BENCH_CHECK(sup_srtp_gcm_derive(key, salt, SUP_SRTP_GCM_RTP, &opts.keys) == SUP_OK);
    BENCH_CHECK(sup_srtp_gcm_create(&opts, &gcm) == SUP_OK);
    return gcm;
}

static void dtls_go_on(struct leg *leg)
{
    uint8_t record[PACKET];
    size_t len;
    if (leg->dtls.failed)
        BENCH_DIE("DTLS of leg %u failed: %s", leg->number,
                  ERR_reason_error_string(leg->dtls.error));
    while ((len = dtls_peer_take(&leg->dtls, record, sizeof(record))) > 0)
        send_to_remote(leg, record, len);
    if (leg->connected || !dtls_peer_done(&leg->dtls))
        return;
    struct sup_srtp_keys keys = dtls_peer_keys(&leg->dtls);
    BENCH_CHECK(keys.profile == SUP_SRTP_GCM_128);
    if (leg->echo) { /* the keys are told as a client sees them */
        leg->out = gcm_of(keys.recv.key, keys.recv.salt, true);
        leg->in = gcm_of(keys.send.key, keys.send.salt, false);
    } else {
        leg->out = gcm_of(keys.send.key, keys.send.salt, true);
        leg->in = gcm_of(keys.recv.key, keys.recv.salt, false);
    }
    leg->connected = true;
    say(json_pack("{s:i}", "connected", (int)leg->number));
}

static void take_stun(struct leg *leg, const uint8_t *pkt, const struct sockaddr_in *source)
{
    struct stun_text t;
    if (pkt[0] == 0x00 && pkt[1] == 0x01) {
        stun_response(&t, pkt, source, leg->pwd);
        (void)sendto(leg->fd, t.data, t.len, 0, (const struct sockaddr *)source, sizeof(*source));
    } else if (pkt[0] == 0x01 && pkt[1] == 0x01 && !leg->path) {
        leg->path = true;
        if (!leg->echo)
            dtls_peer_step(&leg->dtls);
        dtls_go_on(leg);
    } else if (pkt[0] == 0x01 && pkt[1] == 0x11 && !leg->path) {
        BENCH_DIE("the check of leg %u was refused", leg->number);
    }
}

/* --- packets --- */

static void send_packet(struct leg *leg, uint32_t number)
{
    uint8_t pkt[PACKET];
    struct sup_rtp_out head = {.payload_type = PAYLOAD_TYPE,
                               .seq = leg->seq++,
                               .ts = leg->ts,
                               .ssrc = leg->ssrc,
                               .level_id = LEVEL_ID,
                               .level = {.dbov = 25, .voice = true}};
    size_t at = sup_rtp_write_header(&head, pkt), len = at + PAYLOAD;
    leg->ts += 960;
    memset(pkt + at, 0xA5, PAYLOAD);
    pkt[at] = 0x78;     /* hybrid, full band, 20 ms, mono, one frame (RFC 6716 section 3.1) */
    pkt[at + 1] = 0x80; /* voice, no redundant copy */
    struct mark mark = {leg->number, number, bench_clock_ns(CLOCK_REALTIME)};
    memcpy(pkt + at + 2, &mark, sizeof(mark));
    BENCH_CHECK(sup_srtp_gcm_protect(leg->out, pkt, len, sizeof(pkt), &len) == SUP_OK);
    send_to_remote(leg, pkt, len);
}

static void take_music(struct leg *leg, uint16_t seq)
{
    if (!window.number || !window.music || leg->number >= window.legs)
        return;
    if (leg->music_window == window.number)
        window.missing += (uint16_t)(seq - leg->music_seq - 1);
    leg->music_window = window.number;
    leg->music_seq = seq;
    window.received++;
}

static void take_rtp(struct leg *leg, uint8_t *pkt, size_t len, uint64_t arrived_ns)
{
    struct sup_rtp_hdr hdr;
    struct mark mark;
    if (!leg->in || sup_srtp_gcm_unprotect(leg->in, pkt, len, &len) != SUP_OK ||
        sup_rtp_parse(pkt, len, &hdr) != SUP_OK)
        return;
    memcpy(&mark, pkt + hdr.payload_off + 2, sizeof(mark));
    if (hdr.payload_len != PAYLOAD || mark.leg != (leg->number ^ !leg->echo)) {
        take_music(leg, hdr.seq);
        return;
    }
    if (leg->listens) {
        leg->listens = false;
        say(json_pack("{s:i, s:I}", "heard", (int)leg->number, "at_ns", (json_int_t)arrived_ns));
    }
    if (mark.window == 0 || mark.window != window.number || leg->floor != window.floor)
        return;
    window.received++;
    bench_add(&window.delay,
              arrived_ns > mark.sent_ns ? (arrived_ns - mark.sent_ns + 500) / 1000 : 0);
}

static uint64_t arrival_ns(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        struct timespec t;
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS)
            continue;
        memcpy(&t, CMSG_DATA(c), sizeof(t));
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    return bench_clock_ns(CLOCK_REALTIME);
}

static void receive(struct leg *leg)
{
    uint8_t pkt[PACKET];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct sockaddr_in source;
    struct iovec vec = {pkt, sizeof(pkt)};
    struct msghdr message = {.msg_name = &source,
                             .msg_namelen = sizeof(source),
                             .msg_iov = &vec,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(leg->fd, &message, 0);
    if (n <= 0)
        return;
    switch (sup_demux(pkt, (size_t)n)) {
    case SUP_DEMUX_RTP:
        take_rtp(leg, pkt, (size_t)n, arrival_ns(&message));
        break;
    case SUP_DEMUX_STUN:
        if (!leg->floor)
            take_stun(leg, pkt, &source);
        break;
    case SUP_DEMUX_DTLS:
        if (leg->floor)
            break;
        dtls_peer_feed(&leg->dtls, pkt, (size_t)n);
        dtls_go_on(leg);
        break;
    default:
        break;
    }
}

/* --- windows --- */

static void begin_window(json_t *command)
{
    const char *kind = json_string_value(json_object_get(command, "window"));
    double seconds = json_number_value(json_object_get(command, "seconds"));
    json_int_t calls = json_integer_value(json_object_get(command, "calls"));
    bool floor = kind && strcmp(kind, "floor") == 0;
    BENCH_CHECK(!window.number && seconds > 0 && calls > 0);
    BENCH_CHECK((uint32_t)calls * 2 <= leg_count[floor]);
    struct bench_samples delay = window.delay;
    delay.count = 0;
    window = (struct window){.number = ++window_count,
                             .floor = floor,
                             .music = kind && strcmp(kind, "music") == 0,
                             .pid = (pid_t)json_integer_value(json_object_get(command, "pid")),
                             .legs = (uint32_t)calls * 2,
                             .start_ns = mono_ns(),
                             .delay = delay};
    window.end_ns = window.start_ns + (uint64_t)(seconds * 1e9);
    window.frames = window.music ? 0 : (uint64_t)(seconds * 50) * window.legs;
    window.cpu_ns = bench_cpu_ns(window.pid);
    window.own_cpu_ns = bench_cpu_ns(getpid());
}

static uint64_t due_ns(uint64_t number)
{
    return window.start_ns + number * FRAME_NS / window.legs;
}

static void end_window(void)
{
    uint64_t cpu = bench_cpu_ns(window.pid) - window.cpu_ns;
    window.sent += window.music ? window.received + window.missing : 0;
    double lost = (double)window.sent - (double)window.received;
    double passed = (double)(mono_ns() - window.start_ns);
    json_t *figures = json_pack(
        "{s:s, s:I, s:I, s:f, s:f, s:I, s:I, s:f, s:f, s:I}", "window",
        window.floor   ? "floor"
        : window.music ? "music"
                       : "daemon",
        "sent", (json_int_t)window.sent, "received", (json_int_t)window.received, "loss_percent",
        window.sent ? 100 * lost / (double)window.sent : 100.0, "cpu_us",
        window.received ? (double)cpu / 1000 / (double)window.received : 0.0, "latency_p50_us",
        (json_int_t)bench_percentile(&window.delay, 0.5), "latency_p99_us",
        (json_int_t)bench_percentile(&window.delay, 0.99), "cores", (double)cpu / passed,
        "generator_cores", (double)(bench_cpu_ns(getpid()) - window.own_cpu_ns) / passed, "late_us",
        (json_int_t)(window.late_ns / 1000));
    window.number = 0;
    say(figures);
}

/* Sends what is due; returns the time until the next packet. */
static uint64_t step_window(void)
{
    uint64_t now = mono_ns();
    while (window.next < window.frames && due_ns(window.next) <= now) {
        uint64_t late = now - due_ns(window.next);
        window.late_ns = late > window.late_ns ? late : window.late_ns;
        send_packet(legs[window.floor][window.next % window.legs], window.number);
        window.next++;
        window.sent++;
        now = mono_ns();
    }
    if (window.next < window.frames) {
        uint64_t then = due_ns(window.next);
        return then > now ? then - now : 0;
    }
    if (window.music) {
        if (now >= window.end_ns)
            end_window();
    } else if (window.received == window.sent || now >= due_ns(window.frames) + DRAIN_NS)
        end_window();
    return POLL_NS;
}

static void tick(uint64_t now)
{
    for (uint32_t i = 0; i < leg_count[0]; i++) {
        struct leg *leg = legs[0][i];
        if (!leg || !leg->answered || !leg->remote.sin_port)
            continue;
        if (leg->ticks++ % (leg->path ? CHECK_TICKS : 1) == 0)
            send_check(leg);
        if (leg->path && !leg->connected && !leg->echo) {
            DTLSv1_handle_timeout(leg->dtls.ssl);
            dtls_go_on(leg);
        }
        bool busy = window.frames && window.number && !window.floor && i < window.legs;
        if (leg->connected && leg->talks)
            send_packet(leg, 0);
        else if (leg->connected && !busy && now - leg->keepalive_ns >= KEEPALIVE_NS) {
            leg->keepalive_ns = now;
            send_packet(leg, 0);
        }
    }
}

/* --- control --- */

static struct leg *leg_named(json_t *command, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(command, name));
    BENCH_CHECK(number >= 0 && number < (json_int_t)leg_count[0] && legs[0][number]);
    return legs[0][number];
}

static void close_leg(struct leg *leg)
{
    legs[0][leg->number] = NULL;
    (void)close(leg->fd);
    dtls_peer_close(&leg->dtls);
    sup_srtp_gcm_destroy(leg->in);
    sup_srtp_gcm_destroy(leg->out);
    free(leg);
}

static void open_floor(json_t *ports)
{
    size_t i;
    json_t *port;
    json_array_foreach(ports, i, port)
    {
        struct leg *leg = open_leg(true);
        leg->remote = (struct sockaddr_in){.sin_family = AF_INET,
                                           .sin_port = htons((uint16_t)json_integer_value(port)),
                                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        leg->out = relay_static_gcm(leg->number, true, true);
        leg->in = relay_static_gcm(leg->number, false, false);
        send_packet(leg, 0); /* tells the floor where this leg lives */
    }
}

static void obey(const char *line)
{
    json_error_t error;
    json_t *command = json_loads(line, 0, &error);
    if (!command)
        BENCH_DIE("no JSON: %s", error.text);
    if (json_object_get(command, "leg"))
        make_offer(json_is_string(json_object_get(command, "leg")));
    else if (json_object_get(command, "address"))
        BENCH_CHECK(inet_aton(json_string_value(json_object_get(command, "address")), &address));
    else if (json_object_get(command, "answer"))
        take_answer(leg_named(command, "answer"),
                    json_string_value(json_object_get(command, "sdp")));
    else if (json_object_get(command, "candidate"))
        take_candidate(leg_named(command, "candidate"),
                       json_string_value(json_object_get(command, "text")));
    else if (json_object_get(command, "close"))
        close_leg(leg_named(command, "close"));
    else if (json_object_get(command, "talk"))
        leg_named(command, "talk")->talks = true;
    else if (json_object_get(command, "listen"))
        leg_named(command, "listen")->listens = true;
    else if (json_object_get(command, "floor"))
        open_floor(json_object_get(command, "floor"));
    else if (json_object_get(command, "window"))
        begin_window(command);
    else
        BENCH_DIE("unknown command");
    json_decref(command);
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
    uint64_t ticked_ns = 0;
    address.s_addr = htonl(INADDR_LOOPBACK);
    (void)prctl(PR_SET_TIMERSLACK, 1000UL);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    BENCH_CHECK(epoll >= 0 && fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) == 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &control};
    BENCH_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0);
    for (;;) {
        uint64_t now = mono_ns(), wait = TICK_NS;
        if (now - ticked_ns >= TICK_NS) {
            ticked_ns = now;
            tick(now);
        }
        if (window.number) {
            uint64_t next = step_window();
            wait = next < wait ? next : wait;
        }
        struct timespec timeout = {0, (long)wait};
        struct epoll_event events[EVENTS];
        int n = epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr != &control)
                receive(events[i].data.ptr);
            else if (!read_commands())
                return;
        }
    }
}

START_TEST(generate)
{
    run();
}
END_TEST

/* The asserts of the DTLS peer need a runner around them. */
int main(void)
{
    Suite *suite = suite_create("relay_load");
    TCase *tcase = tcase_create("generate");
    tcase_add_test(tcase, generate);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
