/* WebSocket clients and the hub, against a frame-level client of the test's own. */
#include "support/net_fixture.h"

static struct sup_loop *loop;
static struct sup_metrics *metrics;
static struct sup_net_server *server;
static struct sup_hub *hub;
static struct fixture_cert cert;
static uint16_t port, tls_port;

enum { CLIENTS_MAX = 8 };
static struct sup_ws_client *clients[CLIENTS_MAX]; /* in order of opening; NULL once closed */
static int opened, closed, messages;
static unsigned last_code;
static size_t last_len;
static bool ws_gate_open;

/* --- what the server under test does: commands in the text --- */

static void on_open(struct sup_ws_client *client, void *arg)
{
    ck_assert_ptr_eq(arg, &server);
    ck_assert(sup_ws_is_open(client));
    if (opened < CLIENTS_MAX)
        clients[opened] = client;
    opened++;
    ck_assert_str_eq(sup_ws_peer(client), "127.0.0.1");
    ck_assert_str_eq(sup_ws_cookie(client), "a=b");
    sup_ws_forget_cookie(client);
    ck_assert_str_eq(sup_ws_cookie(client), "");
}

static void on_text(struct sup_ws_client *client, char *text, size_t len, void *arg)
{
    (void)arg;
    ck_assert_int_eq(text[len], 0);
    messages++;
    last_len = len;
    if (strncmp(text, "close ", 6) == 0) {
        sup_ws_close(client, (unsigned)atoi(text + 6), "as you like");
        ck_assert(!sup_ws_is_open(client));
        ck_assert_int_eq(sup_ws_send(client, "x", 1), SUP_E_CLOSED);
    } else if (strncmp(text, "sub ", 4) == 0) {
        ck_assert_int_eq(sup_hub_subscribe(hub, client, text + 4), SUP_OK);
    } else if (strncmp(text, "pub ", 4) == 0) {
        (void)sup_hub_publish(hub, text + 4, text, len, client);
    } else if (strncmp(text, "last ", 5) == 0) {
        (void)sup_ws_send(client, "goodbye", 7);
        sup_ws_close(client, 4403, NULL);
    } else if (strncmp(text, "silent", 6) != 0) {
        (void)sup_ws_send(client, text, len);
    }
}

static void on_rate(struct sup_ws_client *client, void *arg)
{
    (void)arg;
    (void)sup_ws_send(client, "too fast", 8);
}

static void on_close(struct sup_ws_client *client, unsigned code, void *arg)
{
    (void)arg;
    ck_assert(!sup_ws_is_open(client));
    for (int i = 0; i < CLIENTS_MAX; i++)
        if (clients[i] == client)
            clients[i] = NULL;
    closed++;
    last_code = code;
}

static enum sup_cors judge(const char *origin, const char *host, bool tls, void *arg)
{
    (void)host, (void)tls, (void)arg;
    return strcmp(origin, "https://bank.example") == 0 ? SUP_CORS_ALLOW : SUP_CORS_NONE;
}

static bool ws_gate(const char *ip, const char *origin, void *arg)
{
    (void)origin, (void)arg;
    ck_assert_str_eq(ip, "127.0.0.1");
    return ws_gate_open;
}

static void start(const struct sup_net_limits *limits)
{
    const struct sup_net_listener listeners[] = {{.address = "127.0.0.1"},
                                                 {.address = "127.0.0.1", .tls = true}};
    struct sup_net_opts opts = {
        .loop = loop,
        .metrics = metrics,
        .listeners = listeners,
        .listener_count = 2,
        .cert_file = cert.cert,
        .key_file = cert.key,
        .ws = {.on_open = on_open,
               .on_text = on_text,
               .on_rate = on_rate,
               .on_close = on_close,
               .arg = &server},
        .hooks = {.origin = judge, .ws_gate = ws_gate},
        .limits = *limits,
    };
    ck_assert_int_eq(sup_net_server_create(&opts, &server), SUP_OK);
    port = sup_net_server_port(server, 0);
    tls_port = sup_net_server_port(server, 1);
}

static void setup(void)
{
    static const struct sup_net_limits limits = {.ws_frames_per_s = 100000,
                                                 .ws_frames_burst = 100000};
    struct sup_hub_opts hub_opts = {.max_topics = 3, .max_per_client = 2};
    memset(clients, 0, sizeof(clients));
    opened = closed = messages = 0;
    last_code = 0;
    ws_gate_open = true;
    ck_assert(fixture_cert_make(&cert));
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    ck_assert_int_eq(sup_metrics_create(&metrics), SUP_OK);
    hub_opts.metrics = metrics;
    ck_assert_int_eq(sup_hub_create(&hub_opts, &hub), SUP_OK);
    start(&limits);
}

static void teardown(void)
{
    sup_net_server_destroy(server);
    ck_assert_int_eq(opened, closed);
    ck_assert_uint_eq(sup_hub_topics(hub), 0);
    sup_hub_destroy(hub);
    sup_metrics_destroy(metrics);
    ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
    fixture_cert_remove(&cert);
}

static void restart(const struct sup_net_limits *limits)
{
    sup_net_server_destroy(server);
    start(limits);
}

/* --- a client that speaks frames --- */

#define UPGRADE                                                                                    \
    "Host: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nCookie: a=b\r\n"          \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define GOOD UPGRADE "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: support.v1\r\n"

enum { OP_TEXT = 1, OP_BINARY = 2, OP_CLOSE = 8, OP_PING = 9, OP_PONG = 10, FIN = 0x80 };

static bool ws_open(struct fixture_client *c, bool tls)
{
    static struct fixture_answer answer;
    return fixture_open(c, tls ? tls_port : port, tls) &&
           fixture_ask(c, "GET /ws HTTP/1.1\r\n" GOOD "Origin: https://bank.example\r\n\r\n",
                       &answer) == 101 &&
           strstr(answer.head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") && /* RFC 6455 section 1.3 */
           strcasestr(answer.head, "Sec-WebSocket-Protocol: support.v1\r\n");
}

static bool ws_frame(struct fixture_client *c, unsigned op, const char *data, size_t len)
{
    static uint8_t frame[131072 + 14];
    static const uint8_t mask[4] = {1, 2, 3, 4};
    size_t n = 0;
    frame[n++] = (uint8_t)op;
    if (len < 126) {
        frame[n++] = (uint8_t)(0x80 | len);
    } else if (len < 65536) {
        frame[n++] = 0x80 | 126;
        frame[n++] = (uint8_t)(len >> 8);
        frame[n++] = (uint8_t)len;
    } else {
        frame[n++] = 0x80 | 127;
        for (int i = 7; i >= 0; i--)
            frame[n++] = (uint8_t)(len >> (8 * i));
    }
    memcpy(frame + n, mask, 4);
    n += 4;
    for (size_t i = 0; i < len; i++)
        frame[n++] = (uint8_t)((uint8_t)data[i] ^ mask[i % 4]);
    return fixture_send(c, frame, n);
}

static bool ws_text(struct fixture_client *c, const char *text)
{
    return ws_frame(c, FIN | OP_TEXT, text, strlen(text));
}

struct got {
    int op; /* -1: the connection ended */
    size_t len;
    char data[131072];
};

static void ws_read(struct fixture_client *c, struct got *g)
{
    g->op = -1;
    g->data[0] = 0;
    for (;;) {
        const uint8_t *p = (const uint8_t *)c->buf;
        size_t head = 2, len = c->len >= 2 ? p[1] : 0;
        if (len == 126) {
            head = 4;
            len = c->len >= 4 ? (size_t)(p[2] << 8 | p[3]) : 0;
        } else if (len == 127) {
            head = 10;
            len = c->len >= 10 ? (size_t)p[7] << 16 | (size_t)p[8] << 8 | p[9] : 0;
        }
        if (c->len >= head && c->len >= head + len) {
            g->op = p[0] & 15;
            g->len = len;
            memcpy(g->data, p + head, len);
            g->data[len] = 0;
            fixture_take(c, head + len);
            return;
        }
        if (fixture_more(c) <= 0)
            return;
    }
}

static unsigned close_code(const struct got *g)
{
    return g->op == OP_CLOSE && g->len >= 2
               ? (unsigned)((uint8_t)g->data[0] << 8 | (uint8_t)g->data[1])
               : 0;
}

/* --- the tests' client side --- */

struct talk {
    bool tls;
    const char *request; /* instead of a good upgrade */
    size_t piece;
    int status;
    bool ok;
    unsigned code;
    char reason[128];
    char first[64]; /* text before the close */
    int count;
    struct fixture_client client;
    struct got got;
    struct fixture_answer answer;
};

static struct talk talk;

static void run_upgrade(void *arg)
{
    struct talk *t = arg;
    t->status = -1;
    if (fixture_open(&t->client, port, false))
        t->status = fixture_ask(&t->client, t->request, &t->answer);
    fixture_close(&t->client);
}

START_TEST(upgrades_are_checked)
{
    static const struct {
        const char *request;
        int status;
        const char *code;
    } cases[] = {
        {"GET /ws HTTP/1.1\r\n" GOOD "\r\n", 101, ""},
        {"GET /ws HTTP/1.1\r\n" GOOD "Origin: https://bank.example\r\n\r\n", 101, ""},
        {"GET /ws HTTP/1.1\r\n" GOOD "Origin: https://evil.example\r\n\r\n", 403, "origin_refused"},
        {"GET /other HTTP/1.1\r\n" GOOD "\r\n", 404, "not_found"},
        {"GET /ws HTTP/1.1\r\n" UPGRADE "Sec-WebSocket-Version: 13\r\n\r\n", 400,
         "upgrade_refused"},
        {"GET /ws HTTP/1.1\r\n" UPGRADE
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, support.v2\r\n\r\n",
         400, "upgrade_refused"},
        {"GET /ws HTTP/1.1\r\n" UPGRADE
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat, support.v1\r\n\r\n",
         101, ""},
        {"GET /ws HTTP/1.1\r\n" UPGRADE
         "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Protocol: support.v1\r\n\r\n",
         426, "upgrade_refused"},
        {"GET /ws HTTP/1.1\r\n" GOOD
         "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n",
         101, ""},
        {"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"},
        {"GET //x/..///ws HTTP/1.1\r\n" GOOD "\r\n", 101, ""},
        {"GET /%77s?a=b HTTP/1.1\r\nX-X:\tb \r\n" GOOD "\r\n", 101, ""},
        {"GET http://x/ws HTTP/1.1\r\n" GOOD "\r\n", 101, ""},
        {"GET /ws HTTP/1.1\r\nX: b\r\n" GOOD "\r\n", 400, "upgrade_refused"},
        {"GET /ws HTTP/1.1\r\nContent-Typ: b\r\n" GOOD "\r\n", 400, "upgrade_refused"},
        {"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade:\twebsocket\r\nConnection: Upgrade\r\n\r\n", 400,
         "upgrade_refused"},
        {"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket \r\nConnection: Upgrade\r\n\r\n", 400,
         "upgrade_refused"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        talk.request = cases[i].request;
        fixture_run(loop, run_upgrade, &talk);
        ck_assert_msg(talk.status == cases[i].status, "%s: %d", cases[i].request, talk.status);
        ck_assert_ptr_nonnull(strstr(talk.answer.body, cases[i].code));
        ck_assert_ptr_null(strcasestr(talk.answer.head, "Sec-WebSocket-Extensions"));
        bool told = strstr(talk.answer.head, "Upgrade: websocket\r\nConnection: Upgrade\r\n") &&
                    strstr(talk.answer.head, "Sec-WebSocket-Version: 13\r\n");
        ck_assert_int_eq(told, talk.status == 426);
    }
    ws_gate_open = false;
    talk.request = cases[0].request;
    fixture_run(loop, run_upgrade, &talk);
    ck_assert_int_eq(talk.status, 429);
}
END_TEST

/* The upgrade cut into pieces of so many bytes, each a TLS record, perhaps behind a request. */
static void run_pieces(void *arg)
{
    static const char request[] = "\r\nGET /ws HTTP/1.1\r\n" GOOD "\r\n";
    struct talk *t = arg;
    t->ok = fixture_open(&t->client, t->tls ? tls_port : port, t->tls);
    if (t->ok && t->request)
        t->ok = fixture_ask(&t->client, t->request, &t->answer) == 404;
    size_t piece = t->piece ? t->piece : sizeof(request);
    for (size_t at = 0; t->ok && at < sizeof(request) - 1; at += piece) {
        size_t left = sizeof(request) - 1 - at;
        t->ok = fixture_send(&t->client, request + at, left < piece ? left : piece);
        (void)usleep(200);
    }
    if (t->ok)
        fixture_read(&t->client, &t->answer, false);
    t->ok = t->ok && t->answer.status == 101 && ws_text(&t->client, "hello");
    if (t->ok)
        ws_read(&t->client, &t->got);
    t->ok = t->ok && t->got.op == OP_TEXT && strcmp(t->got.data, "hello") == 0;
    fixture_close(&t->client);
}

START_TEST(upgrades_come_in_pieces_and_behind_requests)
{
    static const size_t pieces[] = {0, 1, 3, 30, 100};
    for (int tls = 0; tls < 2; tls++)
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
            for (int behind = 0; behind < 2; behind++) {
                talk = (struct talk){.tls = tls, .piece = pieces[i]};
                talk.request = behind ? "GET /x HTTP/1.1\r\nHost: x\r\n\r\n" : NULL;
                fixture_run(loop, run_pieces, &talk);
                ck_assert_msg(talk.ok, "tls %d, pieces of %zu, behind %d: %d %s", tls, pieces[i],
                              behind, talk.answer.status, talk.answer.body);
            }
}
END_TEST

static void run_echo(void *arg)
{
    static const size_t sizes[] = {0, 1, 125, 126, 1000, 1024, 1025, 4096, 16384, 32768};
    static char text[32768];
    struct talk *t = arg;
    memset(text, 'x', sizeof(text));
    t->ok = ws_open(&t->client, t->tls);
    for (size_t i = 0; t->ok && i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        (void)ws_frame(&t->client, FIN | OP_TEXT, text, sizes[i]);
        ws_read(&t->client, &t->got);
        t->ok = t->got.op == OP_TEXT && t->got.len == sizes[i] &&
                memcmp(t->got.data, text, sizes[i]) == 0;
    }
    for (int i = 0; t->ok && i < 500; i++) { /* all sent before anything is read */
        char line[32];
        (void)snprintf(line, sizeof(line), "line %d", i);
        t->ok = ws_text(&t->client, line);
    }
    for (int i = 0; t->ok && i < 500; i++) {
        char line[32];
        (void)snprintf(line, sizeof(line), "line %d", i);
        ws_read(&t->client, &t->got);
        t->ok = strcmp(t->got.data, line) == 0;
    }
    /* fragments, with a ping between them */
    t->ok = t->ok && ws_frame(&t->client, OP_TEXT, "one ", 4) &&
            ws_frame(&t->client, FIN | OP_PING, "hi", 2) && ws_frame(&t->client, 0, "two ", 4) &&
            ws_frame(&t->client, FIN, "three", 5);
    bool pong = false, text_seen = false;
    for (int i = 0; t->ok && i < 2; i++) {
        ws_read(&t->client, &t->got);
        pong = pong || (t->got.op == OP_PONG && strcmp(t->got.data, "hi") == 0);
        text_seen = text_seen || strcmp(t->got.data, "one two three") == 0;
    }
    t->ok = t->ok && pong && text_seen;
    (void)ws_frame(&t->client, FIN | OP_CLOSE, "\x03\xe8", 2);
    ws_read(&t->client, &t->got);
    t->code = close_code(&t->got);
    fixture_close(&t->client);
}

static bool nobody_left(void *arg)
{
    (void)arg;
    return sup_net_server_idle(server);
}

START_TEST(texts_come_whole_and_in_order)
{
    for (int tls = 0; tls < 2; tls++) {
        talk.tls = tls;
        fixture_run(loop, run_echo, &talk);
        ck_assert_msg(talk.ok, "tls %d, op %d, %zu bytes: %.40s", tls, talk.got.op, talk.got.len,
                      talk.got.data);
        ck_assert_uint_eq(talk.code, 1000);
        ck_assert(fixture_until(loop, nobody_left, NULL, 2000));
        ck_assert_uint_eq(last_code, 1000);
    }
    ck_assert_int_eq(messages, 2 * 511);
    talk.tls = false;
}
END_TEST

struct sending {
    unsigned op;
    const char *data;
    size_t len;
    int times;
};

static struct sending sending;

/* Sends, answers the close frame, notes what came. */
static void run_until_close(void *arg)
{
    struct talk *t = arg;
    t->code = 0;
    t->first[0] = t->reason[0] = 0;
    t->count = 0;
    t->ok = ws_open(&t->client, t->tls);
    for (int i = 0; i < sending.times; i++)
        (void)ws_frame(&t->client, sending.op, sending.data, sending.len);
    do {
        ws_read(&t->client, &t->got);
        if (t->got.op == OP_TEXT) {
            (void)snprintf(t->first, sizeof(t->first), "%.60s", t->got.data);
            t->count++;
        }
    } while (t->got.op == OP_TEXT || t->got.op == OP_PONG || t->got.op == OP_PING);
    t->code = close_code(&t->got);
    if (t->code) {
        (void)snprintf(t->reason, sizeof(t->reason), "%.120s", t->got.data + 2);
        (void)ws_frame(&t->client, FIN | OP_CLOSE, t->got.data, 2);
    }
    ws_read(&t->client, &t->got);
    t->ok = t->ok && t->got.op == -1;
    fixture_close(&t->client);
}

START_TEST(close_codes_reach_the_client)
{
    static char large[40000];
    memset(large, 'y', sizeof(large));
    const struct {
        struct sending sending;
        unsigned code;
        const char *reason, *first;
    } cases[] = {
        {{FIN | OP_TEXT, "close 4401", 10, 1}, 4401, "as you like", ""},
        {{FIN | OP_TEXT, "close 1011", 10, 1}, 1011, "as you like", ""},
        {{FIN | OP_TEXT, "last words", 10, 1}, 4403, "", "goodbye"},
        {{FIN | OP_BINARY, "x", 1, 1}, 1003, "text only", ""},
        {{FIN | OP_TEXT, large, 32769, 1}, 1009, "message too large", ""},
        {{FIN | OP_TEXT, large, 40000, 1}, 1009, "message too large", ""},
        {{FIN | OP_TEXT, "\xc0\x80", 2, 1}, 1007, "not UTF-8", ""},
        {{FIN | OP_TEXT, "\xed\xa0\x80", 3, 1}, 1007, "not UTF-8", ""},
        {{OP_TEXT, large, 30000, 1}, 0, "", ""}, /* the second half follows below */
    };
    for (int tls = 0; tls < 2; tls++) {
        talk.tls = tls;
        for (size_t i = 0; i + 1 < sizeof(cases) / sizeof(cases[0]); i++) {
            sending = cases[i].sending;
            fixture_run(loop, run_until_close, &talk);
            ck_assert_msg(talk.code == cases[i].code && talk.ok, "case %zu: %u", i, talk.code);
            ck_assert_str_eq(talk.reason, cases[i].reason);
            ck_assert_str_eq(talk.first, cases[i].first);
            ck_assert(fixture_until(loop, nobody_left, NULL, 2000));
            ck_assert_uint_eq(last_code, cases[i].code);
        }
    }
    talk.tls = false;
    messages = 0;
    sending = (struct sending){OP_TEXT, large, 20000, 1};
    sending.times = 2; /* a second first frame is a protocol error, or too large: never delivered */
    fixture_run(loop, run_until_close, &talk);
    ck_assert_int_eq(messages, 0);
}
END_TEST

START_TEST(too_many_frames_get_an_error_and_1008)
{
    restart(&(struct sup_net_limits){.ws_frames_per_s = 10, .ws_frames_burst = 5});
    sending = (struct sending){FIN | OP_TEXT, "hey", 3, 30};
    fixture_run(loop, run_until_close, &talk);
    ck_assert_uint_eq(talk.code, 1008);
    ck_assert_str_eq(talk.first, "too fast");
    ck_assert_int_ge(talk.count, 6);
    ck_assert_int_le(talk.count, 8);
    ck_assert_double_eq(sup_metric_value(sup_metrics_counter(metrics, "supportd_ws_cut_off_total",
                                                             "", "reason", "rate")),
                        1);
}
END_TEST

/* --- slow and silent clients --- */

static bool is_open_now(void *arg)
{
    return opened >= *(int *)arg;
}

static bool is_closed_now(void *arg)
{
    return closed >= *(int *)arg;
}

static int quiet_client(int count)
{
    int fd = fixture_connect(port);
    static const char request[] = "GET /ws HTTP/1.1\r\n" GOOD "\r\n";
    ck_assert_int_gt(send(fd, request, sizeof(request) - 1, 0), 0);
    ck_assert(fixture_until(loop, is_open_now, &count, 2000));
    return fd;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

START_TEST(a_slow_reader_is_cut_off_not_buffered)
{
    static char text[20000];
    static char input[1 << 20];
    int one = 1;
    restart(&(struct sup_net_limits){.ws_queue_max = 200000});
    memset(text, 'z', sizeof(text));
    int fd = quiet_client(1);
    struct sup_ws_client *client = sup_ws_ref(clients[0]);
    size_t sent = 0, most = 0;
    sup_err err = SUP_OK;
    while (err == SUP_OK && sent < 100u << 20) {
        err = sup_ws_send(client, text, sizeof(text));
        sent += sizeof(text);
        most = sup_ws_queued(client) > most ? sup_ws_queued(client) : most;
        sup_loop_step(loop, 0);
    }
    ck_assert_int_eq(err, SUP_E_LIMIT);
    ck_assert_uint_le(most, 200000);
    ck_assert_uint_eq(sup_ws_queued(client), 0);
    ck_assert_int_eq(sup_ws_send(client, "x", 1), SUP_E_CLOSED);
    /* The client wakes up within the grace period: it reads what was on its way, then 1013. */
    uint8_t tail[4] = {0};
    for (int i = 0; i < 2000 && closed == 0; i++) {
        sup_loop_step(loop, 1);
        ssize_t n = recv(fd, input, sizeof(input), MSG_DONTWAIT);
        if (n >= 14 && memcmp(input + n - 8, "too slow", 8) == 0) {
            memcpy(tail, input + n - 12, 4);
            const uint8_t reply[] = {0x88, 0x82, 0, 0, 0, 0, tail[2], tail[3]};
            ck_assert_int_eq(send(fd, reply, sizeof(reply), 0), sizeof(reply));
        }
    }
    ck_assert_int_eq(tail[0], 0x88);
    ck_assert_uint_eq((unsigned)(tail[2] << 8 | tail[3]), 1013);
    ck_assert(fixture_until(loop, is_closed_now, &one, 1000));
    ck_assert_uint_eq(last_code, 1013);
    ck_assert_int_eq(sup_ws_send(client, "x", 1), SUP_E_CLOSED);
    sup_ws_close(client, 1000, NULL);
    sup_ws_unref(client);
    (void)close(fd);
}
END_TEST

START_TEST(one_who_never_reads_is_dropped_after_the_grace_period)
{
    static char text[20000];
    int one = 1;
    restart(&(struct sup_net_limits){.ws_queue_max = 100000});
    int fd = quiet_client(1);
    memset(text, 'z', sizeof(text));
    while (clients[0] && sup_ws_send(clients[0], text, sizeof(text)) == SUP_OK)
        sup_loop_step(loop, 0);
    ck_assert_int_eq(closed, 0);
    ck_assert(fixture_until(loop, is_closed_now, &one, 7000));
    ck_assert(fixture_until(loop, nobody_left, NULL, 1000));
    ck_assert_uint_eq(last_code, 1013);
    (void)close(fd);
}
END_TEST

START_TEST(silent_clients_are_pinged_and_dead_ones_dropped)
{
    int one = 1;
    restart(&(struct sup_net_limits){.ws_ping_ms = 300, .ws_dead_ms = 1000});
    int dead = quiet_client(1), alive = quiet_client(2);
    char input[1024];
    int pings = 0;
    for (int i = 0; i < 400 && closed == 0; i++) {
        sup_loop_step(loop, 5);
        ssize_t n = recv(alive, input, sizeof(input), MSG_DONTWAIT);
        if (n >= 3 && memcmp(input + n - 3, "\x89\x01.", 3) == 0) {
            static const uint8_t pong[] = {FIN | OP_PONG, 0x81, 0, 0, 0, 0, '.'};
            ck_assert_int_eq(send(alive, pong, sizeof(pong), 0), sizeof(pong));
            pings++;
        }
    }
    ck_assert(fixture_until(loop, is_closed_now, &one, 1000));
    ck_assert_uint_eq(last_code, 1006);
    ck_assert_int_ge(pings, 2);
    ck_assert_ptr_null(clients[0]);
    ck_assert_ptr_nonnull(clients[1]);
    (void)close(dead);
    (void)close(alive);
}
END_TEST

/* --- hub and drain --- */

static void leave(struct sup_ws_client *client, void *arg)
{
    (*(int *)arg)++;
    sup_hub_unsubscribe_all(hub, client);
}

static void say(int fd, const char *text)
{
    uint8_t frame[64] = {FIN | OP_TEXT, (uint8_t)(0x80 | strlen(text))};
    memcpy(frame + 6, text, strlen(text)); /* a mask of zeros */
    ck_assert_int_gt(send(fd, frame, 6 + strlen(text), 0), 0);
}

static size_t hears(int fd, const char *text)
{
    char input[4096];
    (void)fixture_until(loop, never, NULL, 30);
    ssize_t n = recv(fd, input, sizeof(input), MSG_DONTWAIT);
    size_t times = 0, len = strlen(text);
    for (ssize_t i = 0; n > 0 && i + (ssize_t)len <= n; i++)
        times += memcmp(input + i, text, len) == 0;
    return times;
}

START_TEST(topics_reach_their_subscribers_only)
{
    int fds[3], two = 2, calls = 0;
    for (int i = 0; i < 3; i++)
        fds[i] = quiet_client(i + 1);
    say(fds[0], "sub a");
    say(fds[1], "sub a");
    say(fds[2], "sub b");
    for (int i = 0; i < 3; i++)
        (void)hears(fds[i], "HTTP");
    ck_assert_uint_eq(sup_hub_topics(hub), 2);
    ck_assert_uint_eq(sup_hub_subscribers(hub, "a"), 2);
    ck_assert_uint_eq(sup_hub_publish(hub, "a", "news", 4, NULL), 2);
    ck_assert_uint_eq(sup_hub_publish(hub, "nobody", "news", 4, NULL), 0);
    ck_assert_uint_eq(hears(fds[0], "news"), 1);
    ck_assert_uint_eq(hears(fds[1], "news"), 1);
    ck_assert_uint_eq(hears(fds[2], "news"), 0);
    say(fds[1], "pub a"); /* not to the sender */
    ck_assert_uint_eq(hears(fds[0], "pub a"), 1);
    ck_assert_uint_eq(hears(fds[1], "pub a"), 0);

    ck_assert_int_eq(sup_hub_subscribe(hub, clients[0], "a"), SUP_OK); /* twice is once */
    ck_assert_uint_eq(sup_hub_subscribers(hub, "a"), 2);
    ck_assert_int_eq(sup_hub_subscribe(hub, clients[0], ""), SUP_E_INVAL);
    ck_assert_int_eq(sup_hub_subscribe(hub, clients[0], "c"), SUP_OK);
    ck_assert_int_eq(sup_hub_subscribe(hub, clients[0], "b"), SUP_E_LIMIT); /* per client */
    ck_assert_int_eq(sup_hub_subscribe(hub, clients[1], "d"), SUP_E_LIMIT); /* topics */
    for (size_t n = 1; n < 3; n++) {
        sup_hub_unsubscribe(hub, clients[0], "c");
        sup_mem_fail_at(n);
        sup_err err = sup_hub_subscribe(hub, clients[0], "c");
        sup_mem_fail_at(0);
        ck_assert_int_eq(err, SUP_E_NOMEM);
        ck_assert_uint_eq(sup_hub_topics(hub), 2);
    }
    sup_hub_each(hub, "a", leave, &calls);
    ck_assert_int_eq(calls, 2);
    ck_assert_uint_eq(sup_hub_topics(hub), 1);
    ck_assert(sup_hub_subscribed(hub, clients[2], "b"));
    ck_assert(!sup_hub_subscribed(hub, clients[0], "a"));
    (void)close(fds[2]);
    (void)close(fds[0]);
    ck_assert(fixture_until(loop, is_closed_now, &two, 2000));
    ck_assert_uint_eq(last_code, 1006);
    ck_assert_uint_eq(sup_hub_topics(hub), 0); /* left at close */
    (void)close(fds[1]);
}
END_TEST

static void count_one(struct sup_ws_client *client, void *arg)
{
    ck_assert(sup_ws_is_open(client));
    (*(int *)arg)++;
}

START_TEST(drain_closes_every_client_with_its_code)
{
    int fds[3], three = 3, count = 0;
    for (int i = 0; i < 3; i++) {
        fds[i] = quiet_client(i + 1);
        (void)hears(fds[i], "HTTP");
    }
    sup_net_server_each_ws(server, count_one, &count);
    ck_assert_int_eq(count, 3);
    sup_net_server_drain(server, 1012, "restart");
    for (int i = 0; i < 3; i++) {
        char input[64];
        (void)fixture_until(loop, never, NULL, 30);
        ck_assert_int_eq(recv(fds[i], input, sizeof(input), MSG_DONTWAIT), 11);
        ck_assert_int_eq(memcmp(input, "\x88\x09\x03\xf4restart", 11), 0);
        ck_assert_int_gt(send(fds[i], "\x88\x82\0\0\0\0\x03\xf4", 8, 0), 0);
    }
    ck_assert(fixture_until(loop, is_closed_now, &three, 2000));
    ck_assert(fixture_until(loop, nobody_left, NULL, 2000));
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
}
END_TEST

START_TEST(clear_text_of_frames_does_not_stay_in_memory)
{
    char needle[25], frame[64] = {(char)(FIN | OP_TEXT), (char)(0x80 | 31)}; /* a mask of zeros */
    fixture_needle(needle);
    int fd = quiet_client(1);
    (void)hears(fd, "HTTP");
    memcpy(frame + 6, "silent ", 7);
    memcpy(frame + 13, needle, 24);
    for (int i = 0; i < 2; i++) { /* at once, and cut in the middle */
        ck_assert_int_eq(send(fd, frame, i ? 20 : 37, 0), i ? 20 : 37);
        (void)fixture_until(loop, never, NULL, 30);
        if (i)
            ck_assert_int_eq(send(fd, frame + 20, 17, 0), 17);
        (void)fixture_until(loop, never, NULL, 30);
        ck_assert_int_eq(messages, i + 1);
        ck_assert_uint_eq(last_len, 31);
        ck_assert_int_eq(fixture_occurrences(needle), 0);
    }
    (void)close(fd);
}
END_TEST

SUP_CHECK_MAIN("net ws", setup, teardown, upgrades_are_checked,
               upgrades_come_in_pieces_and_behind_requests, texts_come_whole_and_in_order,
               close_codes_reach_the_client, too_many_frames_get_an_error_and_1008,
               a_slow_reader_is_cut_off_not_buffered,
               one_who_never_reads_is_dropped_after_the_grace_period,
               silent_clients_are_pinged_and_dead_ones_dropped, topics_reach_their_subscribers_only,
               drain_closes_every_client_with_its_code,
               clear_text_of_frames_does_not_stay_in_memory)
