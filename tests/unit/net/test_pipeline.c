/* Several requests on one connection: pipelined, cut anywhere, faults among them. */
#include "support/net_fixture.h"

#include <poll.h>
#include <uv.h>

#include "supportd/base/mem.h"
#include "supportd/loop/loop_uv.h"

static struct sup_loop *loop;
static struct sup_metrics *metrics;
static struct sup_net_server *server;
static struct fixture_cert cert;
static uint16_t plain_port, tls_port;
static struct sup_net_limits limits;

/* --- what the server under test does --- */

static struct sup_timer *later;
static struct sup_http_request *delayed;

static void echo(struct sup_http_request *req, void *arg)
{
    (void)arg;
    size_t len;
    const char *body = sup_http_body(req, &len);
    (void)sup_http_reply(req, 200, "application/octet-stream", body, len);
}

static void reply_delayed(void *arg)
{
    (void)arg;
    struct sup_http_request *req = delayed;
    delayed = NULL;
    (void)sup_http_reply(req, 200, "text/plain", "late", 4);
}

static void delay(struct sup_http_request *req, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(delayed);
    delayed = req;
    sup_timer_start(later, 3000);
}

static const struct sup_http_route routes[] = {
    {.method = "POST", .path = "/echo", .handler = echo, .content_type = "*"},
    {.method = "POST", .path = "/json", .handler = echo, .body_max = 1000},
    {.method = "GET", .path = "/things/{id}", .handler = echo},
    {.method = "GET", .path = "/delay", .handler = delay},
    {.method = "POST", .path = "/delay", .handler = delay},
};

static const struct sup_asset assets[] = {
    {.path = "/w.js",
     .content_type = "text/javascript",
     .data = (const uint8_t *)"1",
     .len = 1,
     .etag = "\"e2\""},
};

static void setup(void)
{
    const struct sup_net_listener listeners[] = {
        {.address = "127.0.0.1"},
        {.address = "127.0.0.1", .tls = true},
    };
    delayed = NULL;
    limits = (struct sup_net_limits){.connections_per_address = 2000};
    ck_assert(fixture_cert_make(&cert));
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    ck_assert_int_eq(sup_metrics_create(&metrics), SUP_OK);
    ck_assert_int_eq(sup_timer_create(loop, reply_delayed, NULL, &later), SUP_OK);
    struct sup_net_opts opts = {
        .loop = loop,
        .metrics = metrics,
        .listeners = listeners,
        .listener_count = 2,
        .cert_file = cert.cert,
        .key_file = cert.key,
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .assets = assets,
        .asset_count = sizeof(assets) / sizeof(assets[0]),
        .limits = limits,
    };
    ck_assert_int_eq(sup_net_server_create(&opts, &server), SUP_OK);
    plain_port = sup_net_server_port(server, 0);
    tls_port = sup_net_server_port(server, 1);
}

static void teardown(void)
{
    sup_net_server_destroy(server);
    sup_timer_destroy(later);
    sup_metrics_destroy(metrics);
    ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
    fixture_cert_remove(&cert);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

#define H "Host: x\r\n"

struct pipeline {
    bool tls;
    const char *pieces[4]; /* sent over and over, all at once */
    int count, answered;
    struct fixture_client client;
    struct fixture_answer answer;
};

static struct pipeline pipeline;

static void run_pipeline(void *arg)
{
    struct pipeline *p = arg;
    static char all[16384];
    size_t len = 0;
    if (!fixture_open(&p->client, p->tls ? tls_port : plain_port, p->tls))
        return;
    for (int i = 0; i < p->count; i++)
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%s", p->pieces[i % 4]);
    (void)fixture_send(&p->client, all, len);
    for (int i = 0; i < p->count; i++) {
        fixture_read(&p->client, &p->answer, false);
        const char *want = strstr(p->pieces[i % 4], "/delay") ? "late" : "1";
        if (p->answer.status != 200 || strcmp(p->answer.body, want) != 0)
            break;
        p->answered++;
    }
    fixture_close(&p->client);
}

#define GET_ASSET "GET /w.js HTTP/1.1\r\n" H "\r\n"
#define GET_LATE "GET /delay HTTP/1.1\r\n" H "\r\n"
#define POST_EMPTY "POST /delay HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"
#define POST_LATE                                                                                  \
    "POST /delay HTTP/1.1\r\n" H "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

START_TEST(pipelined_requests_are_answered_in_order)
{
    for (int tls = 0; tls < 2; tls++) {
        pipeline = (struct pipeline){
            .tls = tls, .count = 40, .pieces = {GET_ASSET, GET_LATE, GET_LATE, POST_EMPTY}};
        fixture_run(loop, run_pipeline, &pipeline);
        ck_assert_msg(pipeline.answered == 40, "tls %d: %d of 40, status %d", tls,
                      pipeline.answered, pipeline.answer.status);
    }
}
END_TEST

/* What has come of the second head when the first request is answered. */
static void run_halves(void *arg)
{
    static const char two[] = GET_ASSET GET_LATE;
    struct pipeline *p = arg;
    for (size_t cut = sizeof(GET_ASSET); cut < sizeof(two) - 1; cut++) {
        if (!fixture_open(&p->client, p->tls ? tls_port : plain_port, p->tls))
            return;
        (void)fixture_send(&p->client, two, cut);
        fixture_read(&p->client, &p->answer, false);
        int first = p->answer.status;
        (void)fixture_sends(&p->client, two + cut);
        fixture_read(&p->client, &p->answer, false);
        if (first == 200 && p->answer.status == 200 && strcmp(p->answer.body, "late") == 0)
            p->answered++;
        if (fixture_ask(&p->client, GET_ASSET, &p->answer) == 200)
            p->answered++;
        fixture_close(&p->client);
        p->count += 2;
    }
}

START_TEST(a_head_may_begin_behind_another_request)
{
    for (int tls = 0; tls < 2; tls++) {
        pipeline = (struct pipeline){.tls = tls};
        fixture_run(loop, run_halves, &pipeline);
        ck_assert_msg(pipeline.count > 0 && pipeline.answered == pipeline.count,
                      "tls %d: %d of %d, status %d: %s", tls, pipeline.answered, pipeline.count,
                      pipeline.answer.status, pipeline.answer.body);
    }
}
END_TEST

START_TEST(bodies_may_be_pipelined)
{
    for (int tls = 0; tls < 2; tls++) {
        pipeline = (struct pipeline){
            .tls = tls, .count = 40, .pieces = {POST_LATE, GET_LATE, POST_LATE, GET_ASSET}};
        fixture_run(loop, run_pipeline, &pipeline);
        ck_assert_msg(pipeline.answered == 40, "tls %d: %d of 40, status %d", tls,
                      pipeline.answered, pipeline.answer.status);
    }
}
END_TEST

/* Two requests with empty lines before them, the first with a body, cut in two wherever that can
 * be: both parts at once (as records of their own under TLS), and the second when the first has
 * been read. */
static void run_cuts(void *arg)
{
    static const char two[] =
        "\r\n"
        "POST /echo HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\nGET / HTT\r\n\r\n" GET_ASSET;
    struct pipeline *p = arg;
    for (size_t n = 2; n < 2 * (sizeof(two) - 1); n++) {
        size_t cut = n / 2;
        if (!fixture_open(&p->client, p->tls ? tls_port : plain_port, p->tls))
            return;
        (void)fixture_send(&p->client, two, cut);
        if (n % 2)
            (void)usleep(1000);
        (void)fixture_sends(&p->client, two + cut);
        fixture_read(&p->client, &p->answer, false);
        bool ok = p->answer.status == 200 && memcmp(p->answer.body, "GET / HTT", 9) == 0;
        fixture_read(&p->client, &p->answer, false);
        ok = ok && p->answer.status == 200 && strcmp(p->answer.body, "1") == 0;
        p->answered += ok;
        p->count++;
        fixture_close(&p->client);
        if (!ok)
            return;
    }
}

START_TEST(a_stream_of_requests_may_be_cut_anywhere)
{
    for (int tls = 0; tls < 2; tls++) {
        pipeline = (struct pipeline){.tls = tls};
        fixture_run(loop, run_cuts, &pipeline);
        ck_assert_msg(pipeline.count > 100 && pipeline.answered == pipeline.count,
                      "tls %d: %d of %d, status %d: %s", tls, pipeline.answered, pipeline.count,
                      pipeline.answer.status, pipeline.answer.body);
    }
}
END_TEST

/* Right requests and then one that is none, all at once: answered in order, then closed. */
struct last {
    bool tls;
    const char *request;
    int before[2], status;
    bool closed;
    struct fixture_client client;
    struct fixture_answer answer;
};

static struct last last;

static void run_last(void *arg)
{
    struct last *l = arg;
    char all[8192];
    int n = snprintf(all, sizeof(all), "%s%s%s", POST_LATE, GET_ASSET, l->request);
    if (!fixture_open(&l->client, l->tls ? tls_port : plain_port, l->tls))
        return;
    (void)fixture_send(&l->client, all, (size_t)n);
    for (int i = 0; i < 2; i++) {
        fixture_read(&l->client, &l->answer, false);
        l->before[i] = l->answer.status;
    }
    fixture_read(&l->client, &l->answer, false);
    l->status = l->answer.status;
    char value[16];
    l->closed = fixture_header(&l->answer, "connection", value, sizeof(value)) &&
                fixture_more(&l->client) <= 0;
    fixture_close(&l->client);
}

START_TEST(faults_behind_other_requests_are_answered_in_their_turn)
{
    static char longest[5000];
    (void)snprintf(longest, sizeof(longest), "GET /things/%03000d HTTP/1.1\r\n" H "\r\n", 1);
    const struct {
        const char *request;
        int status;
    } cases[] = {
        {"nonsense\r\n\r\n", 400},
        {"\r\n\r\n\r\n\r\n\r\n" GET_ASSET, 400},
        {"\r" GET_ASSET, 400},
        {"GET /things/1 HTTP/1.1\r\n" H "nothing\r\n\r\n", 400},
        {"GET /things/1 HTTP/1.1\r\nConnection: close\r\n\r\n", 400},
        {"BREW /pot HTTP/1.1\r\n" H "\r\n", 501},
        {"GET /things/1 HTTP/3.0\r\n" H "\r\n", 505},
        {"POST /echo HTTP/1.1\r\n" H "\r\n", 411},
        {"GET /things/1 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\n" GET_ASSET, 411},
        {"OPTIONS /echo HTTP/1.0\r\nTransfer-Encoding:\r\n\r\n" GET_ASSET, 411},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 5x\r\n\r\nabcde", 400},
        {"POST /json HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\nabcde", 413},
        {"POST /json HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\n{}", 415},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab", 408},
        {"GET /things/1 HTTP/1.1\r\nHos", 408},
        {longest, 414},
    };
    size_t count = sizeof(cases) / sizeof(cases[0]);
    limits.head_timeout_ms = limits.body_timeout_ms = 300;
    sup_net_server_set_limits(server, &limits);
    for (size_t n = 0; n < 2 * count; n++) {
        last = (struct last){.tls = n >= count, .request = cases[n % count].request};
        fixture_run(loop, run_last, &last);
        ck_assert_int_eq(last.before[0], 200);
        ck_assert_int_eq(last.before[1], 200);
        ck_assert_msg(last.status == cases[n % count].status, "%s: %d", last.request, last.status);
        ck_assert_ptr_nonnull(strstr(last.answer.head, "application/problem+json"));
        ck_assert_msg(last.closed == (last.request != longest), "%s: %d", last.request,
                      last.closed);
    }
}
END_TEST

/* --- who waits for leave to send a body --- */

struct leave {
    bool tls, ok;
    struct fixture_client client;
    struct fixture_answer answer;
};

static struct leave leave;

#define EXPECT(path, more) "POST " path " HTTP/1.1\r\n" H "Expect: 100-Continue\r\n" more "\r\n"

/* Twice on one connection; the second body comes at once, and needs no leave. */
static void run_leave(void *arg)
{
    struct leave *l = arg;
    l->ok = fixture_open(&l->client, l->tls ? tls_port : plain_port, l->tls) &&
            fixture_ask(&l->client, EXPECT("/echo", "Content-Length: 3\r\n"), &l->answer) == 100 &&
            fixture_ask(&l->client, "abc", &l->answer) == 200 &&
            strcmp(l->answer.body, "abc") == 0 &&
            fixture_ask(&l->client, EXPECT("/echo", "Content-Length: 3\r\n") "def", &l->answer) ==
                200 &&
            strcmp(l->answer.body, "def") == 0 &&
            fixture_ask(&l->client, EXPECT("/echo", "Content-Length: 0\r\n"), &l->answer) == 200 &&
            fixture_ask(&l->client, EXPECT("/json", "Content-Length: 1001\r\n"), &l->answer) == 413;
    fixture_close(&l->client);
}

START_TEST(a_client_is_told_to_send_its_body)
{
    for (int tls = 0; tls < 2; tls++) {
        leave = (struct leave){.tls = tls};
        fixture_run(loop, run_leave, &leave);
        ck_assert_msg(leave.ok, "tls %d: %s%s", tls, leave.answer.head, leave.answer.body);
    }
}
END_TEST

/* --- a socket without room --- */

/* Our end of the connection whose other end is fd; -1: it is not accepted yet. */
static int other_end(int fd)
{
    struct sockaddr_in mine, peer;
    socklen_t len = sizeof(mine);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&mine, &len), 0);
    for (int i = 0; i < 1024; i++) {
        len = sizeof(peer);
        if (getpeername(i, (struct sockaddr *)&peer, &len) == 0 && peer.sin_family == AF_INET &&
            peer.sin_port == mine.sin_port)
            return i;
    }
    return -1;
}

static bool is_accepted(void *arg)
{
    return other_end(*(int *)arg) >= 0;
}

static bool is_readable(void *arg)
{
    struct pollfd p = {.fd = *(int *)arg, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void set_room(int fd, int bytes)
{
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)), 0);
}

/* A connection on which the kernel has hardly room, and a head of many small segments on it. */
static int crowded(const char *begin, int *ret_server_fd)
{
    int fd = fixture_connect(plain_port);
    ck_assert(fixture_until(loop, is_accepted, &fd, 5000));
    *ret_server_fd = other_end(fd);
    set_room(*ret_server_fd, 4608);
    ck_assert_int_gt(send(fd, begin, strlen(begin), 0), 0);
    for (int i = 0; i < 14000; i++) {
        ck_assert_int_eq(send(fd, "a", 1, 0), 1);
        if (i % 50 == 0)
            sup_loop_step(loop, 0);
    }
    return fd;
}

static int answer_of(int fd, const char *end)
{
    char answer[4096] = "";
    ck_assert_int_gt(send(fd, end, strlen(end), 0), 0);
    ck_assert(fixture_until(loop, is_readable, &fd, 10000));
    ck_assert_int_gt(recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT), 12);
    (void)close(fd);
    return atoi(answer + 9);
}

START_TEST(a_head_larger_than_the_sockets_room_is_read)
{
    int server_fd;
    int fd = crowded("GET /things/1 HTTP/1.1\r\nX: ", &server_fd);
    ck_assert_int_eq(answer_of(fd, "\r\n" H "\r\n"), 200);
}
END_TEST

struct settled {
    int fd, count;
};

/* Called readable 30 times running: the kernel makes no room for more any longer. */
static bool is_settled(void *arg)
{
    struct settled *s = arg;
    s->count = is_readable(&s->fd) ? s->count + 1 : 0;
    return s->count >= 30;
}

/* Without room the kernel calls a socket readable, however much was asked for (SO_RCVLOWAT). */
START_TEST(waiting_for_a_head_without_room_does_not_turn_the_loop)
{
    int server_fd, quiet = 0;
    int fd = crowded("GET /ws HTTP/1.1\r\nX: ", &server_fd);
    int loop_fd = uv_backend_fd(sup_loop_uv(loop));
    struct settled settled = {.fd = server_fd};
    ck_assert(fixture_until(loop, is_settled, &settled, 20000));
    for (int i = 0; i < 50; i++) {
        sup_loop_step(loop, 0);
        quiet += !is_readable(&loop_fd);
    }
    ck_assert_int_gt(quiet, 0);
    set_room(server_fd, 1 << 20);
    ck_assert_int_eq(answer_of(fd, "\r\n" H "\r\n"), 404);
}
END_TEST

SUP_CHECK_MAIN("net pipeline", setup, teardown, pipelined_requests_are_answered_in_order,
               a_head_may_begin_behind_another_request, bodies_may_be_pipelined,
               a_stream_of_requests_may_be_cut_anywhere,
               faults_behind_other_requests_are_answered_in_their_turn,
               a_client_is_told_to_send_its_body, a_head_larger_than_the_sockets_room_is_read,
               waiting_for_a_head_without_room_does_not_turn_the_loop)
