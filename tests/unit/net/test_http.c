#include "support/net_fixture.h"

#include "supportd/base/json.h"
#include "supportd/base/mem.h"

static struct sup_loop *loop;
static struct sup_metrics *metrics;
static struct sup_net_server *server;
static struct fixture_cert cert;
static uint16_t plain_port, tls_port;

/* --- what the server under test does --- */

static struct sup_http_request *parked; /* by /park, until the test replies */
static int gone_calls;
static struct sup_timer *later;
static struct sup_http_request *delayed;

static void echo(struct sup_http_request *req, void *arg)
{
    ck_assert_ptr_eq(arg, &server);
    size_t len;
    const char *body = sup_http_body(req, &len);
    (void)sup_http_reply(req, 200, "application/octet-stream", body, len);
}

static void show(struct sup_http_request *req, void *arg)
{
    (void)arg;
    const char *value;
    size_t len = 0;
    const char *query = sup_http_query(req, "q");
    const char *key = sup_http_header(req, "idempotency-key");
    const char *auth = sup_http_header(req, "authorization");
    sup_err err = sup_http_cookie(req, "sid", &value, &len);
    const char *const known[] = {"q", NULL};
    const char *unknown = sup_http_query_unknown(req, known);
    json_t *o =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s, s:s?, s:s?, s:s?}", "method",
                  sup_http_method(req), "path", sup_http_path(req), "id", sup_http_param(req, "id"),
                  "q", query ? query : "", "peer", sup_http_peer(req), "tls", sup_http_is_tls(req),
                  "route", (const char *)sup_http_route_data(req), "key", key, "auth", auth, "host",
                  sup_http_header(req, "host"));
    if (err == SUP_OK)
        json_object_set_new(o, "cookie", json_stringn(value, len));
    if (unknown)
        json_object_set_new(o, "unknown", json_string(unknown));
    (void)sup_http_reply_json(req, 200, o);
    json_decref(o);
}

static void refuse(struct sup_http_request *req, void *arg)
{
    (void)arg;
    struct sup_problem p = {.status = 409,
                            .code = "offer_gone",
                            .detail = "somebody else has it",
                            .field = "offer_id",
                            .retry_after_us = 1500000};
    (void)sup_http_problem(req, &p);
}

static void refuse_nobody(struct sup_http_request *req, void *arg)
{
    (void)arg;
    (void)sup_http_problem(req, &(struct sup_problem){.status = 401, .code = "unauthenticated"});
}

static void note_gone(struct sup_http_request *req, void *arg)
{
    ck_assert_ptr_eq(arg, &parked);
    ck_assert(sup_http_gone(req));
    gone_calls++;
}

static void park(struct sup_http_request *req, void *arg)
{
    (void)arg;
    parked = req;
    sup_http_on_gone(req, note_gone, &parked);
}

/* A body of STREAM_LEN bytes in pieces: at once, and when a timer has run, by turns. */
enum { STREAM_LEN = 120000, PIECE = 20011 };
static struct sup_http_stream *stream;
static size_t stream_at, stream_limit;
static unsigned stream_overs;

static void stream_give(void *arg)
{
    (void)arg;
    uint8_t piece[PIECE];
    size_t n = STREAM_LEN - stream_at < PIECE ? STREAM_LEN - stream_at : PIECE;
    if (!stream)
        return;
    if (stream_at >= stream_limit) {
        sup_http_stream_abort(stream);
        return;
    }
    for (size_t i = 0; i < n; i++)
        piece[i] = (uint8_t)((stream_at + i) * 7 >> 2);
    stream_at += n;
    sup_http_stream_put(stream, piece, n);
}

static void stream_want(struct sup_http_stream *s, void *arg)
{
    ck_assert_ptr_eq(arg, &stream_at);
    stream = s;
    if (stream_at / PIECE % 2 == 0)
        stream_give(NULL);
    else
        sup_timer_start(later, 1000);
}

static void stream_over(void *arg)
{
    ck_assert_ptr_eq(arg, &stream_at);
    stream = NULL;
    stream_overs++;
}

static void stream_start(struct sup_http_request *req, void *arg)
{
    static const struct sup_http_source source = {stream_want, stream_over};
    (void)arg;
    stream_at = 0;
    ck_assert_int_eq(sup_http_stream(req, 206, "audio/ogg", STREAM_LEN, &source, &stream_at),
                     SUP_OK);
}

static void reply_delayed(void *arg)
{
    (void)arg;
    struct sup_http_request *req = delayed;
    delayed = NULL;
    if (req)
        (void)sup_http_reply(req, 200, "text/plain", "late", 4);
    else
        stream_give(NULL);
}

static void delay(struct sup_http_request *req, void *arg)
{
    (void)arg;
    ck_assert_ptr_null(delayed);
    delayed = req;
    sup_timer_start(later, 3000);
}

static const struct sup_http_route routes[] = {
    {.method = "GET", .path = "/stream", .handler = stream_start},
    {.method = "POST", .path = "/echo", .handler = echo, .content_type = "*"},
    {.method = "PUT", .path = "/echo", .handler = echo, .content_type = "*"},
    {.method = "POST", .path = "/json", .handler = echo, .body_max = 1000},
    {.method = "GET", .path = "/things/{id}", .handler = show, .data = "things"},
    {.method = "DELETE", .path = "/things/{id}", .handler = show, .data = "delete"},
    {.method = "POST", .path = "/fail", .handler = refuse},
    {.method = "GET", .path = "/mine", .handler = refuse_nobody},
    {.method = "GET", .path = "/park", .handler = park},
    {.method = "GET", .path = "/delay", .handler = delay, .csp = "default-src 'self'"},
};

static uint8_t big[3 * 1024 * 1024]; /* an asset that no socket buffer takes at once */
static const struct sup_asset assets[] = {
    {.path = "/app/index.html",
     .content_type = "text/html; charset=utf-8",
     .data = (const uint8_t *)"<p>plain",
     .len = 8,
     .gzip = (const uint8_t *)"GZIP",
     .gzip_len = 4,
     .br = (const uint8_t *)"BR",
     .br_len = 2,
     .etag = "\"e1\"",
     .csp = "default-src 'self'"},
    {.path = "/w.js",
     .content_type = "text/javascript",
     .data = (const uint8_t *)"1",
     .len = 1,
     .etag = "\"e2\"",
     .immutable = true,
     .cross_origin = true},
    {.path = "/", .location = "/app/"},
    {.path = "/big", .content_type = "application/octet-stream", .data = big, .len = sizeof(big)},
};

static enum sup_cors judge(const char *origin, const char *host, bool tls, void *arg)
{
    (void)host, (void)tls, (void)arg;
    if (strcmp(origin, "https://bank.example") == 0)
        return SUP_CORS_CREDENTIALS;
    return strcmp(origin, "https://open.example") == 0 ? SUP_CORS_ALLOW : SUP_CORS_NONE;
}

static bool trust_none = true;

static bool trusted(const char *ip, void *arg)
{
    (void)arg;
    return !trust_none && strcmp(ip, "127.0.0.1") == 0;
}

static bool gate_open = true;

static bool gate(struct sup_http_request *req, void *arg)
{
    (void)arg;
    if (gate_open)
        return true;
    struct sup_problem p = {.status = 429, .code = "too_many_requests", .retry_after_us = 2000000};
    (void)sup_http_problem(req, &p);
    return false;
}

static struct sup_net_limits limits;

static void start(void)
{
    const struct sup_net_listener listeners[] = {
        {.address = "127.0.0.1"},
        {.address = "127.0.0.1", .tls = true},
    };
    struct sup_net_opts opts = {
        .loop = loop,
        .metrics = metrics,
        .listeners = listeners,
        .listener_count = 2,
        .cert_file = cert.cert,
        .key_file = cert.key,
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .route_arg = &server,
        .assets = assets,
        .asset_count = sizeof(assets) / sizeof(assets[0]),
        .hooks = {.origin = judge, .trusted = trusted, .gate = gate},
        .limits = limits,
    };
    ck_assert_int_eq(sup_net_server_create(&opts, &server), SUP_OK);
    plain_port = sup_net_server_port(server, 0);
    tls_port = sup_net_server_port(server, 1);
}

static void setup(void)
{
    gone_calls = 0;
    parked = delayed = NULL;
    trust_none = gate_open = true;
    limits = (struct sup_net_limits){
        .head_timeout_ms = 1500, .body_timeout_ms = 1500, .connections_per_address = 2000};
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 2654435761u >> 24);
    ck_assert(fixture_cert_make(&cert));
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    ck_assert_int_eq(sup_metrics_create(&metrics), SUP_OK);
    ck_assert_int_eq(sup_timer_create(loop, reply_delayed, NULL, &later), SUP_OK);
    start();
}

static void teardown(void)
{
    sup_net_server_destroy(server);
    server = NULL;
    sup_timer_destroy(later);
    sup_metrics_destroy(metrics);
    ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
    fixture_cert_remove(&cert);
}

/* --- one request on one connection --- */

struct ask {
    const char *request;
    bool tls;
    struct fixture_answer answer;
    struct fixture_client client;
};

static struct ask ask;

static void run_ask(void *arg)
{
    struct ask *a = arg;
    a->answer.status = -1;
    if (fixture_open(&a->client, a->tls ? tls_port : plain_port, a->tls))
        (void)fixture_ask(&a->client, a->request, &a->answer);
    fixture_close(&a->client);
}

static int status_of(const char *request)
{
    ask.request = request;
    fixture_run(loop, run_ask, &ask);
    return ask.answer.status;
}

static const char *header(const char *name)
{
    static char value[256];
    return fixture_header(&ask.answer, name, value, sizeof(value));
}

static const char *code(void)
{
    static char value[64];
    json_t *o = json_loads(ask.answer.body, 0, NULL);
    const char *text = json_string_value(json_object_get(o, "code"));
    (void)snprintf(value, sizeof(value), "%s", text ? text : "");
    json_decref(o);
    return value;
}

#define H "Host: x\r\n"

START_TEST(request_parts_reach_the_handler)
{
    for (int tls = 0; tls < 2; tls++) {
        ask.tls = tls;
        ck_assert_int_eq(status_of("GET /things/a%20b?q=x%26y+z&extra=1 HTTP/1.1\r\n" H
                                   "Cookie: a=1; sid=s3cret\r\nAuthorization: Bearer t\r\n"
                                   "X: one letter\r\nIdempotency-Key: k-1\r\n\r\n"),
                         200);
        json_t *o = json_loads(ask.answer.body, 0, NULL);
        ck_assert_ptr_nonnull(o);
        const char *const want[][2] = {
            {"method", "GET"},     {"path", "/things/a b"}, {"id", "a b"},  {"q", "x&y z"},
            {"peer", "127.0.0.1"}, {"route", "things"},     {"key", "k-1"}, {"auth", "Bearer t"},
            {"cookie", "s3cret"},  {"unknown", "extra"},
        };
        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
            ck_assert_str_eq(json_string_value(json_object_get(o, want[i][0])), want[i][1]);
        ck_assert_int_eq(json_is_true(json_object_get(o, "tls")), tls);
        json_decref(o);
        ck_assert_str_eq(header("x-content-type-options"), "nosniff");
        ck_assert_str_eq(header("cache-control"), "no-store");
        ck_assert_str_eq(header("referrer-policy"), "no-referrer");
        ck_assert_str_eq(header("content-security-policy"),
                         "default-src 'none'; frame-ancestors 'none'");
        ck_assert_ptr_nonnull(header("x-request-id"));
        ck_assert_int_eq(header("strict-transport-security") != NULL, tls);
    }
    ask.tls = false;
}
END_TEST

START_TEST(wrong_requests_get_clear_answers)
{
    static const struct {
        const char *request;
        int status;
        const char *code;
    } cases[] = {
        {"GET /nowhere HTTP/1.1\r\n" H "\r\n", 404, "not_found"},
        {"GET /things HTTP/1.1\r\n" H "\r\n", 404, "not_found"},
        {"GET /things/ HTTP/1.1\r\n" H "\r\n", 404, "not_found"},
        {"POST /things/1 HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 405, "method_not_allowed"},
        {"POST /echo HTTP/1.1\r\n" H "\r\n", 411, "length_required"},
        {"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 411,
         "length_required"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 5x\r\n\r\nabcde", 400, "bad_request"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde", 400,
         "bad_request"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nabcde", 400, "bad_request"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 99999999999\r\n\r\nabcde", 413,
         "body_too_large"},
        {"POST /json HTTP/1.1\r\n" H
         "Content-Type: application/json\r\nContent-Length: 1001\r\n\r\n",
         413, "body_too_large"},
        {"POST /json HTTP/1.1\r\n" H "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415,
         "unsupported_media_type"},
        {"POST /json HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\n{}", 415, "unsupported_media_type"},
        {"GET /things/1 HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\n{}", 413, "body_too_large"},
        {"GET /things/1?q=%zz HTTP/1.1\r\n" H "\r\n", 400, "bad_request"},
        {"GET /things/1?q=%ff HTTP/1.1\r\n" H "\r\n", 400, "bad_request"},
        {"GET /things/1?q=a&q=b HTTP/1.1\r\n" H "\r\n", 400, "bad_request"},
        {"GET /things/%c3%28 HTTP/1.1\r\n" H "\r\n", 400, "bad_request"},
        {"GET /things/1 HTTP/1.1\r\n\r\n", 400, "bad_request"},
        {"BREW /pot HTTP/1.1\r\n" H "\r\n", 501, "method_unknown"},
        {"GET /things/1 HTTP/3.0\r\n" H "\r\n", 505, "version_not_supported"},
        {"\x01\x02\r\n\r\n", 400, "bad_request"},
        {"GET /things/1 HTTP/1.1\r\n" H "nothing\r\n\r\n", 400, "bad_request"},
        {"GET /things/1 HTTP/1.1\r\nHos", 408, "request_timeout"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab", 408, "request_timeout"},
        {"POST /fail HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 409, "offer_gone"},
    };
    size_t count = sizeof(cases) / sizeof(cases[0]);
    for (size_t n = 0; n < 2 * count; n++) {
        size_t i = n % count;
        ask.tls = n >= count;
        int status = status_of(cases[i].request);
        ck_assert_msg(status == cases[i].status, "%s: %d, not %d", cases[i].request, status,
                      cases[i].status);
        ck_assert_msg(strcmp(code(), cases[i].code) == 0, "%s: %s", cases[i].request,
                      ask.answer.body);
        ck_assert_str_eq(header("content-type"), "application/problem+json");
        ck_assert_ptr_nonnull(header("date"));
    }
    ask.tls = false;
    ck_assert_str_eq(header("retry-after"), "2"); /* of /fail, the last one */
    ck_assert_int_eq(status_of("GET /mine HTTP/1.1\r\n" H "\r\n"), 401);
    ck_assert_str_eq(header("www-authenticate"), "Bearer");
    ck_assert_int_eq(status_of("PATCH /things/1 HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), 405);
    ck_assert_str_eq(header("allow"), "GET, HEAD, DELETE, OPTIONS");
    char longest[4096];
    (void)snprintf(longest, sizeof(longest), "GET /things/%03000d HTTP/1.1\r\n" H "\r\n", 1);
    ck_assert_int_eq(status_of(longest), 414);
    gate_open = false;
    ck_assert_int_eq(status_of("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"), 429);
}
END_TEST

/* RFC 9110 section 7.8: who does not take an upgrade answers as if it had not been asked for. */
START_TEST(other_upgrades_are_ignored)
{
    static const char *const asked[] = {
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n",
        "Connection: Upgrade\r\nUpgrade:\r\n",
        "Upgrade: websocket\r\n",
    };
    char request[512];
    for (size_t n = 0; n < 2 * sizeof(asked) / sizeof(asked[0]); n++) {
        ask.tls = n % 2;
        (void)snprintf(request, sizeof(request), "GET /things/1 HTTP/1.1\r\n" H "%s\r\n",
                       asked[n / 2]);
        ck_assert_msg(status_of(request) == 200, "%s: %d", request, ask.answer.status);
        ck_assert_ptr_null(header("connection"));
        ck_assert_ptr_null(header("upgrade"));
        (void)snprintf(request, sizeof(request),
                       "POST /echo HTTP/1.1\r\n" H "%sContent-Length: 3\r\n\r\nabc", asked[n / 2]);
        ck_assert_msg(status_of(request) == 200, "%s: %d", request, ask.answer.status);
        ck_assert_str_eq(ask.answer.body, "abc");
    }
    ask.tls = false;
}
END_TEST

START_TEST(methods_without_body_and_head)
{
    ck_assert_int_eq(status_of("DELETE /things/7 HTTP/1.1\r\n" H "\r\n"), 200);
    ck_assert_int_eq(status_of("DELETE /things/7 HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), 200);
    ck_assert_int_eq(status_of("HEAD /things/7 HTTP/1.1\r\n" H "\r\n"), 200);
    ck_assert_ptr_nonnull(header("content-length"));
    ck_assert_uint_eq(ask.client.len, 0);
    ck_assert_int_eq(status_of("PUT /echo HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), 200);
    ck_assert_int_eq(status_of("GET /things/7 HTTP/1.0\r\n\r\n"), 200);
    ck_assert_str_eq(header("connection"), "close");
}
END_TEST

START_TEST(a_target_may_be_a_whole_address)
{
    for (int tls = 0; tls < 2; tls++) {
        ask.tls = tls;
        ck_assert_int_eq(
            status_of("GET http://bank.example/things/a%20b?q=z HTTP/1.1\r\n" H "\r\n"), 200);
        ck_assert_ptr_nonnull(strstr(ask.answer.body, "\"path\":\"/things/a b\""));
        ck_assert_ptr_nonnull(strstr(ask.answer.body, "\"q\":\"z\""));
        ck_assert_ptr_nonnull(strstr(ask.answer.body, "\"host\":\"bank.example\""));
        ck_assert_int_eq(status_of("GET https://x//things/../w.js HTTP/1.1\r\n" H "\r\n"), 200);
        ck_assert_int_eq(status_of("GET http://x/things/1 HTTP/1.1\r\n\r\n"), 400); /* no Host */
    }
    ask.tls = false;
}
END_TEST

START_TEST(cors_and_preflight)
{
    ck_assert_int_eq(status_of("OPTIONS /things/1 HTTP/1.1\r\n" H "Origin: https://bank.example\r\n"
                               "Access-Control-Request-Method: DELETE\r\n\r\n"),
                     204);
    ck_assert_str_eq(header("access-control-allow-origin"), "https://bank.example");
    ck_assert_str_eq(header("access-control-allow-credentials"), "true");
    ck_assert_str_eq(header("access-control-allow-methods"), "GET, HEAD, DELETE, OPTIONS");
    ck_assert_int_eq(status_of("OPTIONS /things/1 HTTP/1.1\r\n" H "Origin: https://evil.example\r\n"
                               "Access-Control-Request-Method: GET\r\n\r\n"),
                     403);
    ck_assert_str_eq(code(), "origin_refused");
    ck_assert_int_eq(
        status_of("GET /things/1 HTTP/1.1\r\n" H "Origin: https://open.example\r\n\r\n"), 200);
    ck_assert_str_eq(header("access-control-allow-origin"), "https://open.example");
    ck_assert_ptr_null(header("access-control-allow-credentials"));
    ck_assert_int_eq(
        status_of("GET /things/1 HTTP/1.1\r\n" H "Origin: https://evil.example\r\n\r\n"), 200);
    ck_assert_ptr_null(header("access-control-allow-origin"));
    ck_assert_str_eq(header("vary"), "Origin");
}
END_TEST

START_TEST(forwarded_headers_count_from_trusted_proxies_only)
{
    static const char request[] =
        "GET /things/1 HTTP/1.1\r\n" H
        "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n\r\n";
    ck_assert_int_eq(status_of(request), 200);
    ck_assert_ptr_nonnull(strstr(ask.answer.body, "\"peer\":\"127.0.0.1\""));
    ck_assert_ptr_null(header("strict-transport-security"));
    trust_none = false;
    ck_assert_int_eq(status_of(request), 200);
    ck_assert_ptr_nonnull(strstr(ask.answer.body, "\"peer\":\"203.0.113.9\""));
    ck_assert_ptr_nonnull(header("strict-transport-security"));
}
END_TEST

START_TEST(assets_are_negotiated_and_revalidated)
{
    ck_assert_int_eq(status_of("GET /app/ HTTP/1.1\r\n" H "\r\n"), 200);
    ck_assert_str_eq(ask.answer.body, "<p>plain");
    ck_assert_str_eq(header("content-security-policy"), "default-src 'self'");
    ck_assert_str_eq(header("cache-control"), "no-cache");
    ck_assert_int_eq(
        status_of("GET /app/index.html HTTP/1.1\r\n" H "Accept-Encoding: gzip, br\r\n\r\n"), 200);
    ck_assert_str_eq(ask.answer.body, "BR");
    ck_assert_str_eq(header("content-encoding"), "br");
    ck_assert_int_eq(status_of("GET /app/ HTTP/1.1\r\n" H "Accept-Encoding: br;q=0, gzip\r\n\r\n"),
                     200);
    ck_assert_str_eq(ask.answer.body, "GZIP");
    ck_assert_int_eq(status_of("GET /app/ HTTP/1.1\r\n" H "If-None-Match: W/\"e1\"\r\n\r\n"), 304);
    ck_assert_uint_eq(ask.client.len, 0);
    ck_assert_int_eq(status_of("GET /app HTTP/1.1\r\n" H "\r\n"), 308);
    ck_assert_str_eq(header("location"), "/app/");
    ck_assert_int_eq(status_of("HEAD / HTTP/1.1\r\n" H "\r\n"), 302);
    ck_assert_str_eq(header("location"), "/app/");
    ck_assert_int_eq(status_of("POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), 405);
    ck_assert_int_eq(status_of("GET /w.js HTTP/1.1\r\n" H "\r\n"), 200);
    ck_assert_str_eq(header("cache-control"), "public, max-age=31536000, immutable");
    ck_assert_str_eq(header("cross-origin-resource-policy"), "cross-origin");
    ck_assert_int_eq(status_of("POST /w.js HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n"), 405);
    ck_assert_int_eq(status_of("GET /app/../../etc/passwd HTTP/1.1\r\n" H "\r\n"), 404);
}
END_TEST

/* --- bodies of many sizes, keepalive, pipelining --- */

struct series {
    bool tls, split;
    int done;
    struct fixture_client client;
    struct fixture_answer answer;
};

static struct series series;

static void run_bodies(void *arg)
{
    static const size_t sizes[] = {1, 2, 100, 1023, 4000, 4095, 4096, 4097, 16384, 40000, 65536};
    static char request[66000];
    struct series *s = arg;
    if (!fixture_open(&s->client, s->tls ? tls_port : plain_port, s->tls))
        return;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int head = snprintf(request, sizeof(request),
                            "POST /echo HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", sizes[i]);
        memcpy(request + head, big, sizes[i]);
        size_t total = (size_t)head + sizes[i], first = s->split ? total / 2 : total;
        (void)fixture_send(&s->client, request, first);
        if (s->split)
            (void)usleep(20000);
        (void)fixture_send(&s->client, request + first, total - first);
        fixture_read(&s->client, &s->answer, false);
        if (s->answer.status != 200 || s->answer.body_len != sizes[i] ||
            memcmp(s->answer.body, big, sizes[i]) != 0)
            break;
        s->done++;
    }
    fixture_close(&s->client);
}

START_TEST(bodies_of_every_size_come_whole)
{
    for (int mode = 0; mode < 4; mode++) {
        series.done = 0;
        series.tls = mode & 1;
        series.split = mode & 2;
        fixture_run(loop, run_bodies, &series);
        ck_assert_msg(series.done == 11, "mode %d: %d of 11, status %d", mode, series.done,
                      series.answer.status);
    }
}
END_TEST

/* Two requests on one connection, byte by byte, and a third that turns out to be none. */
static void run_drips(void *arg)
{
    static const char *const requests[] = {"GET /things/1?q=a HTTP/1.1\r\n" H "\r\n",
                                           "POST /echo HTTP/1.1\r\n" H
                                           "Content-Length: 3\r\n\r\nabc",
                                           "GET /things/1 HTTP/1.1\r\n" H "X "};
    static const int expected[] = {200, 200, 400};
    struct series *s = arg;
    if (!fixture_open(&s->client, s->tls ? tls_port : plain_port, s->tls))
        return;
    for (int i = 0; i < 3; i++) {
        for (const char *p = requests[i]; *p; p++) {
            (void)fixture_send(&s->client, p, 1);
            (void)usleep(500);
        }
        fixture_read(&s->client, &s->answer, false);
        if (s->answer.status != expected[i])
            break;
        s->done++;
    }
    fixture_close(&s->client);
}

START_TEST(heads_come_byte_by_byte)
{
    for (int mode = 0; mode < 2; mode++) {
        series.done = 0;
        series.tls = mode & 1;
        fixture_run(loop, run_drips, &series);
        ck_assert_msg(series.done == 3, "mode %d: %d of 3, status %d", mode, series.done,
                      series.answer.status);
    }
}
END_TEST

/* Sends, and then the end of the stream. */
static void run_end(void *arg)
{
    struct ask *a = arg;
    a->answer.status = -1;
    if (!fixture_open(&a->client, a->tls ? tls_port : plain_port, a->tls))
        return;
    (void)fixture_sends(&a->client, a->request);
    if (a->tls)
        (void)SSL_shutdown(a->client.ssl);
    else
        (void)shutdown(a->client.fd, SHUT_WR);
    fixture_read(&a->client, &a->answer, false);
    fixture_close(&a->client);
}

START_TEST(requests_that_end_early_are_told_so)
{
    static const struct {
        const char *request, *detail;
    } cases[] = {
        {"G", "the head ends early"},
        {"GET /ws HTTP/1.1\r\nHost: x\r\n", "the head ends early"},
        {"GET /things/1 HTTP/1.1\r\nHost: x", "the head ends early"},
        {"POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab", "the body ends early"},
        {"", NULL},
        {"\r\n", NULL},
    };
    for (size_t n = 0; n < 2 * sizeof(cases) / sizeof(cases[0]); n++) {
        ask.tls = n % 2;
        ask.request = cases[n / 2].request;
        fixture_run(loop, run_end, &ask);
        ck_assert_msg(ask.answer.status == (cases[n / 2].detail ? 400 : -1), "%zu: %d", n,
                      ask.answer.status);
        ck_assert(!cases[n / 2].detail || strstr(ask.answer.body, cases[n / 2].detail));
    }
    ask.tls = false;
}
END_TEST

static struct ask urgent;

/* A byte out of band ends what a look can see: behind it nothing shows until it has been read. */
static void run_urgent(void *arg)
{
    struct ask *a = arg;
    if (!fixture_open(&a->client, plain_port, false))
        return;
    (void)fixture_sends(&a->client, a->request);
    (void)send(a->client.fd, "!", 1, MSG_OOB | MSG_NOSIGNAL);
    (void)fixture_sends(&a->client, H "X: y\r\n");
    if (strstr(a->request, "/things"))
        (void)fixture_sends(&a->client, "\r\n");
    fixture_read(&a->client, &a->answer, false);
    fixture_close(&a->client);
}

START_TEST(urgent_data_in_a_head_is_skipped_or_refused_at_once)
{
    urgent.request = "GET /ws HTTP/1.1\r\n"; /* libwebsockets might have to read it */
    fixture_run(loop, run_urgent, &urgent);
    ck_assert_int_eq(urgent.answer.status, 400);
    ck_assert_ptr_nonnull(strstr(urgent.answer.body, "urgent"));
    urgent.request = "GET /things/1 HTTP/1.1\r\n";
    fixture_run(loop, run_urgent, &urgent);
    ck_assert_int_eq(urgent.answer.status, 200);
}
END_TEST

static int bytes_right(const struct fixture_answer *a)
{
    for (size_t i = 0; i < a->body_len; i++)
        if ((uint8_t)a->body[i] != (uint8_t)(i * 7 >> 2))
            return 0;
    return a->body_len == STREAM_LEN;
}

START_TEST(a_body_is_streamed_piece_by_piece)
{
    stream_overs = 0;
    stream_limit = STREAM_LEN;
    for (int tls = 0; tls < 2; tls++) {
        ask = (struct ask){.request = "GET /stream HTTP/1.1\r\n" H "\r\n", .tls = tls};
        fixture_run(loop, run_ask, &ask);
        ck_assert_int_eq(ask.answer.status, 206);
        ck_assert(bytes_right(&ask.answer));
        ck_assert_uint_eq(stream_overs, (unsigned)tls + 1);
    }
    ask = (struct ask){.request = "HEAD /stream HTTP/1.1\r\n" H "\r\n"};
    fixture_run(loop, run_ask, &ask);
    ck_assert_int_eq(ask.answer.status, 206);
    ck_assert_uint_eq(stream_at, 0);
    ck_assert_uint_eq(stream_overs, 3);

    stream_limit = 3 * PIECE; /* the rest cannot be had: no whole answer */
    ask = (struct ask){.request = "GET /stream HTTP/1.1\r\n" H "\r\n"};
    fixture_run(loop, run_ask, &ask);
    ck_assert_int_eq(ask.answer.status, -1);
    ck_assert_uint_eq(stream_overs, 4);
}
END_TEST

static void run_leave(void *arg)
{
    struct ask *a = arg;
    if (!fixture_open(&a->client, plain_port, false))
        return;
    (void)fixture_sends(&a->client, a->request);
    while (a->client.len < 1000 && fixture_more(&a->client) > 0)
        continue;
    fixture_close(&a->client);
}

START_TEST(a_stream_ends_with_its_client)
{
    stream_overs = 0;
    stream_limit = STREAM_LEN;
    ask = (struct ask){.request = "GET /stream HTTP/1.1\r\n" H "\r\n"};
    fixture_run(loop, run_leave, &ask);
    while (stream_overs == 0)
        sup_loop_step(loop, 100);
    ck_assert_uint_eq(stream_overs, 1);
}
END_TEST

SUP_CHECK_MAIN("net http", setup, teardown, request_parts_reach_the_handler,
               wrong_requests_get_clear_answers, other_upgrades_are_ignored,
               methods_without_body_and_head, a_target_may_be_a_whole_address, cors_and_preflight,
               forwarded_headers_count_from_trusted_proxies_only,
               assets_are_negotiated_and_revalidated, bodies_of_every_size_come_whole,
               heads_come_byte_by_byte, requests_that_end_early_are_told_so,
               urgent_data_in_a_head_is_skipped_or_refused_at_once,
               a_body_is_streamed_piece_by_piece, a_stream_ends_with_its_client)
