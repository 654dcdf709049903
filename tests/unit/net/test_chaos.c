/* Seeded mixtures of good and bad requests and frames, cut at random places, against a live server:
 * it must neither crash, hang, spin nor keep anything. SUP_CHAOS: connections (default 600). */
#include "support/net_fixture.h"

static struct sup_loop *loop;
static struct sup_net_server *server;
static struct fixture_cert cert;
static int opened, closed;

static void echo(struct sup_http_request *req, void *arg)
{
    (void)arg;
    size_t len;
    const char *body = sup_http_body(req, &len);
    (void)sup_http_reply(req, 200, "text/plain", body, len);
}

static const struct sup_http_route routes[] = {
    {.method = "GET", .path = "/hello", .handler = echo},
    {.method = "POST", .path = "/hello", .handler = echo, .content_type = "*"},
};

static void on_open(struct sup_ws_client *client, void *arg)
{
    (void)client, (void)arg;
    opened++;
}

static void on_text(struct sup_ws_client *client, char *text, size_t len, void *arg)
{
    (void)arg;
    if (len == 3)
        sup_ws_close(client, 4401, "three");
    (void)sup_ws_send(client, text, len);
}

static void on_close(struct sup_ws_client *client, unsigned code, void *arg)
{
    (void)client, (void)code, (void)arg;
    closed++;
}

static void setup(void)
{
    const struct sup_net_listener listeners[] = {{.address = "127.0.0.1"},
                                                 {.address = "127.0.0.1", .tls = true}};
    opened = closed = 0;
    ck_assert(fixture_cert_make(&cert));
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    struct sup_net_opts opts = {
        .loop = loop,
        .listeners = listeners,
        .listener_count = 2,
        .cert_file = cert.cert,
        .key_file = cert.key,
        .routes = routes,
        .route_count = 2,
        .ws = {.on_open = on_open, .on_text = on_text, .on_close = on_close},
        .limits = {.head_timeout_ms = 500, .keepalive_ms = 500, .body_timeout_ms = 500},
    };
    ck_assert_int_eq(sup_net_server_create(&opts, &server), SUP_OK);
}

static void teardown(void)
{
    sup_net_server_destroy(server);
    ck_assert_int_eq(opened, closed);
    ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
    fixture_cert_remove(&cert);
}

#define H "Host: x\r\n"
#define UPGRADE                                                                                    \
    "GET /ws HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: Upgrade\r\n"                       \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"                 \
    "Sec-WebSocket-Protocol: support.v1\r\n\r\n"
#define PIECE(text)                                                                                \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }

static const struct {
    const char *data;
    size_t len;
} pieces[] = {
    PIECE("GET /hello HTTP/1.1\r\n" H "\r\n"),
    PIECE("HEAD /hello?a=1&b=%41 HTTP/1.1\r\n" H "\r\n"),
    PIECE("POST /hello HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde"),
    PIECE("POST /hello HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"),
    PIECE("POST /hello HTTP/1.1\r\n" H "Content-Length: 00005\r\n\r\nabcde"),
    PIECE("POST /hello HTTP/1.1\r\n" H "\r\n"),
    PIECE("POST /hello HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"),
    PIECE("PUT /hello HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"),
    PIECE("DELETE /hello HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nxx"),
    PIECE("POST /hello HTTP/1.1\r\n" H "Content-Length: 900000\r\n\r\nmore than is read"),
    PIECE("OPTIONS * HTTP/1.1\r\n" H "\r\n"),
    PIECE("GET /nope HTTP/1.0\r\n\r\n"),
    PIECE("GET /hello HTTP/1.1\r\n" H "Connection: close\r\n\r\n"),
    PIECE("CONNECT a:1 HTTP/1.1\r\n" H "\r\n"),
    PIECE("GET /hello HTTP/1.1\r\n" H "Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\n"
          "HTTP2-Settings: AAMAAABk\r\n\r\n"),
    PIECE("GET /hello HTTP/1.1\r\n" H "Upgrade: tea\r\nConnection: upgrade\r\n\r\n"),
    PIECE("\r\n"),
    PIECE("GARBAGE\r\n\r\n"),
    PIECE(UPGRADE),
    PIECE(UPGRADE),
    PIECE("\x81\x82\0\0\0\0hi"),
    PIECE("\x81\x83\0\0\0\0bye"),
    PIECE("\x01\x84\0\0\0\0part"),
    PIECE("\x80\x84\0\0\0\0rest"),
    PIECE("\x89\x84\0\0\0\0ping"),
    PIECE("\x8a\x80\0\0\0\0"),
    PIECE("\x88\x82\0\0\0\0\x03\xe8"),
    PIECE("\x88\x80\0\0\0\0"),
    PIECE("\x82\x83\0\0\0\0bin"),
    PIECE("\x81\x01u"),
    PIECE("\x83\x81\0\0\0\0?"),
    PIECE("\x81\x81\0\0\0\0\xff"),
    PIECE("\x81\xff\0\0\0\0\x7f\xff\xff\xff\0\0\0\0endless"),
};
enum { PIECES = sizeof(pieces) / sizeof(pieces[0]), FIRST_FRAME = 20 };

static uint64_t state;

static size_t draw(size_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(state >> 33) % below;
}

static size_t mixture(char *all)
{
    size_t len = 0, count = 1 + draw(8);
    bool socket_first = draw(5) < 2;
    for (size_t i = 0; i < count; i++) {
        size_t k = !socket_first ? draw(PIECES)
                   : i == 0      ? FIRST_FRAME - 1
                                 : FIRST_FRAME + draw(PIECES - FIRST_FRAME);
        memcpy(all + len, pieces[k].data, pieces[k].len);
        len += pieces[k].len;
    }
    if (draw(5) == 0)
        for (size_t i = 0; i < 4; i++)
            all[draw(len)] = (char)draw(256);
    return len;
}

struct chaos {
    int connections, answered;
};

static void run_chaos(void *arg)
{
    static struct fixture_client client;
    static struct fixture_answer answer;
    static char all[8192];
    struct chaos *c = arg;
    for (int i = 0; i < c->connections; i++) {
        bool tls = draw(4) == 0;
        size_t len = mixture(all);
        bool ok = fixture_open(&client, sup_net_server_port(server, tls), tls);
        struct timeval brief = {.tv_usec = 3000};
        (void)setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
        for (size_t at = 0; ok && at < len;) {
            size_t n = draw(2) ? len - at : 1 + draw(len - at);
            ok = fixture_send(&client, all + at, n);
            at += n;
            if (draw(3) == 0)
                (void)fixture_more(&client);
        }
        if (draw(3) == 0)
            (void)shutdown(client.fd, SHUT_WR);
        if (draw(2) == 0)
            (void)fixture_more(&client);
        fixture_close(&client);
        ERR_clear_error();
        if (i % 50 == 49 && fixture_open(&client, sup_net_server_port(server, 0), false)) {
            c->answered += fixture_ask(&client, "GET /hello HTTP/1.1\r\n" H "\r\n", &answer) == 200;
            fixture_close(&client);
        }
    }
}

static bool all_gone(void *arg)
{
    (void)arg;
    return sup_net_server_idle(server);
}

START_TEST(mixtures_do_not_hurt)
{
    const char *count = getenv("SUP_CHAOS"), *seed = getenv("SUP_SEED");
    struct chaos chaos = {.connections = count ? atoi(count) : 600};
    state = seed ? strtoull(seed, NULL, 10) : 20261122;
    printf("seed %llu\n", (unsigned long long)state);
    fixture_run(loop, run_chaos, &chaos);
    ck_assert_int_eq(chaos.answered, chaos.connections / 50);
    ck_assert_int_gt(opened, 0);
    ck_assert(fixture_until(loop, all_gone, NULL, 8000));
}
END_TEST

SUP_CHECK_MAIN("net chaos", setup, teardown, mixtures_do_not_hurt)
