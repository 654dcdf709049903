/* Life of the server: limits, timeouts, vanished clients, certificates, drain, nothing left over.
 */
#include "support/net_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <poll.h>
#include <sys/resource.h>

static struct sup_loop *loop;
static struct sup_metrics *metrics;
static struct sup_net_server *server;
static struct fixture_cert cert;
static uint16_t plain_port, tls_port;

enum { PARKED_MAX = 8 };
static struct sup_http_request *parked[PARKED_MAX];
static int parked_count, gone_calls;

static void hello(struct sup_http_request *req, void *arg)
{
    (void)arg;
    (void)sup_http_reply(req, 200, "text/plain", "hello", 5);
}

static void note_gone(struct sup_http_request *req, void *arg)
{
    ck_assert_ptr_eq(arg, parked);
    ck_assert(sup_http_gone(req));
    gone_calls++;
}

static void park(struct sup_http_request *req, void *arg)
{
    (void)arg;
    ck_assert_int_lt(parked_count, PARKED_MAX);
    parked[parked_count++] = req;
    sup_http_on_gone(req, note_gone, parked);
}

static const struct sup_http_route routes[] = {
    {.method = "GET", .path = "/hello", .handler = hello},
    {.method = "POST", .path = "/hello", .handler = hello, .content_type = "*"},
    {.method = "GET", .path = "/park", .handler = park},
    {.method = "POST", .path = "/park", .handler = park, .content_type = "*"},
};

static uint8_t big[3 * 1024 * 1024]; /* more than any socket buffer takes at once */
static const struct sup_asset assets[] = {
    {.path = "/big", .content_type = "application/octet-stream", .data = big, .len = sizeof(big)},
};

static void start(const struct sup_net_limits *limits)
{
    const struct sup_net_listener listeners[] = {
        {.address = "127.0.0.1"},
        {.address = "127.0.0.1", .tls = true},
        {.address = "::1"},
    };
    struct sup_net_opts opts = {
        .loop = loop,
        .metrics = metrics,
        .listeners = listeners,
        .listener_count = 3,
        .cert_file = cert.cert,
        .key_file = cert.key,
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
        .assets = assets,
        .asset_count = 1,
        .limits = *limits,
    };
    ck_assert_int_eq(sup_net_server_create(&opts, &server), SUP_OK);
    plain_port = sup_net_server_port(server, 0);
    tls_port = sup_net_server_port(server, 1);
}

static void restart(const struct sup_net_limits *limits)
{
    sup_net_server_destroy(server);
    start(limits);
}

static void setup(void)
{
    static const struct sup_net_limits limits = {.connections_per_address = 3000};
    parked_count = gone_calls = 0;
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 2654435761u >> 24);
    ck_assert(fixture_cert_make(&cert));
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    ck_assert_int_eq(sup_metrics_create(&metrics), SUP_OK);
    start(&limits);
}

static void teardown(void)
{
    sup_net_server_destroy(server);
    server = NULL;
    sup_metrics_destroy(metrics);
    ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
    fixture_cert_remove(&cert);
}

static bool all_gone(void *arg)
{
    (void)arg;
    return sup_net_server_idle(server);
}

static bool is_parked(void *arg)
{
    return parked_count >= *(int *)arg;
}

static bool was_told(void *arg)
{
    return gone_calls >= *(int *)arg;
}

static double metric(const char *name, const char *label, const char *value)
{
    return sup_metric_value(sup_metrics_counter(metrics, name, "", label, value));
}

#define H "Host: x\r\n"

/* --- clients that leave --- */

START_TEST(a_vanished_client_is_noticed_and_the_late_reply_is_harmless)
{
    int one = 1, two = 2;
    for (int post = 0; post < 2; post++) {
        const char *request = post ? "POST /park HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"
                                   : "GET /park HTTP/1.1\r\n" H "\r\n";
        int fd = fixture_connect(plain_port);
        ck_assert_int_eq(send(fd, request, strlen(request), 0), (ssize_t)strlen(request));
        ck_assert(fixture_until(loop, is_parked, post ? &two : &one, 2000));
        ck_assert_int_eq(gone_calls, post);
        (void)close(fd);
        ck_assert(fixture_until(loop, was_told, post ? &two : &one, 2000));
        ck_assert(fixture_until(loop, all_gone, NULL, 2000));
        ck_assert_int_eq(sup_http_reply(parked[post], 200, NULL, NULL, 0), SUP_E_CLOSED);
    }
    ck_assert_double_eq(metric("supportd_http_vanished_total", NULL, NULL), 2);
}
END_TEST

START_TEST(requests_outlive_the_server)
{
    int one = 1;
    int fd = fixture_connect(plain_port);
    ck_assert_int_gt(send(fd, "GET /park HTTP/1.1\r\n" H "\r\n", 31, 0), 0);
    ck_assert(fixture_until(loop, is_parked, &one, 2000));
    sup_net_server_destroy(server);
    server = NULL;
    ck_assert_int_eq(gone_calls, 1);
    ck_assert_int_eq(sup_http_reply(parked[0], 200, NULL, NULL, 0), SUP_E_CLOSED);
    (void)close(fd);
}
END_TEST

struct job {
    uint16_t port;
    bool tls;
    const char *request;
    struct fixture_client client;
    struct fixture_answer answer;
    bool closed; /* the server ended the connection after the answer */
    long serial; /* of the server's certificate */
    int version; /* of TLS */
    char group[32];
};

static struct job job;

static void run_job(void *arg)
{
    struct job *j = arg;
    j->answer.status = -1;
    j->closed = false;
    if (fixture_open(&j->client, j->port, j->tls)) {
        if (j->tls) {
            X509 *x = SSL_get1_peer_certificate(j->client.ssl);
            j->serial = ASN1_INTEGER_get(X509_get0_serialNumber(x));
            X509_free(x);
            j->version = SSL_version(j->client.ssl);
            int nid = (int)SSL_get_negotiated_group(j->client.ssl);
            (void)snprintf(j->group, sizeof(j->group), "%s", OBJ_nid2sn(nid));
        }
        (void)fixture_ask(&j->client, j->request, &j->answer);
        struct timeval brief = {.tv_usec = 400000};
        (void)setsockopt(j->client.fd, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief));
        char c;
        ssize_t n = j->tls ? SSL_read(j->client.ssl, &c, 1) : recv(j->client.fd, &c, 1, 0);
        j->closed = n == 0 || (n < 0 && j->tls &&
                               SSL_get_error(j->client.ssl, (int)n) != SSL_ERROR_WANT_READ);
    }
    fixture_close(&j->client);
}

static int ask(uint16_t port, bool tls, const char *request)
{
    job.port = port;
    job.tls = tls;
    job.request = request;
    fixture_run(loop, run_job, &job);
    return job.answer.status;
}

/* --- time limits --- */

START_TEST(slow_handlers_heads_and_bodies_run_into_their_limits)
{
    restart(&(struct sup_net_limits){.head_timeout_ms = 300,
                                     .body_timeout_ms = 300,
                                     .reply_timeout_ms = 300,
                                     .keepalive_ms = 300});
    ck_assert_int_eq(ask(plain_port, false, "GET /park HTTP/1.1\r\n" H "\r\n"), 503);
    ck_assert_ptr_nonnull(strstr(job.answer.body, "\"code\":\"overloaded\""));
    ck_assert(job.closed);
    ck_assert_int_eq(gone_calls, 1);
    ck_assert_int_eq(sup_http_reply(parked[0], 200, NULL, NULL, 0), SUP_E_CLOSED);

    static const char *const unfinished[] = {"", "GET /hello HTTP/1.1\r\nHos",
                                             "POST /hello HTTP/1.1\r\n" H
                                             "Content-Length: 9\r\n\r\nab"};
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = fixture_connect(plain_port);
        ck_assert_int_ge(send(fds[i], unfinished[i], strlen(unfinished[i]), 0), 0);
    }
    int tls_silent = fixture_connect(tls_port); /* no ClientHello at all */
    for (int i = 0; i < 10; i++)
        sup_loop_step(loop, 5);
    ck_assert_uint_eq(sup_net_server_connections(server), 4);
    ck_assert(fixture_until(loop, all_gone, NULL, 3000));
    for (int i = 0; i < 3; i++)
        (void)close(fds[i]);
    (void)close(tls_silent);
    for (int tls = 0; tls < 2; tls++)
        for (int i = 1; i < 3; i++) {
            ck_assert_int_eq(ask(tls ? tls_port : plain_port, tls, unfinished[i]), 408);
            ck_assert(job.closed);
        }
    ck_assert_int_eq(ask(plain_port, false, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
    ck_assert(fixture_until(loop, all_gone, NULL, 3000)); /* idle after an answer, too */
}
END_TEST

/* --- count limits --- */

START_TEST(connections_are_limited_in_all_and_per_address)
{
    restart(&(struct sup_net_limits){.connections_per_address = 3, .connections = 100});
    int fds[5];
    for (int i = 0; i < 5; i++)
        fds[i] = fixture_connect(plain_port);
    for (int i = 0; i < 20; i++)
        sup_loop_step(loop, 5);
    ck_assert_uint_eq(sup_net_server_connections(server), 3);
    ck_assert_double_eq(metric("supportd_net_refused_total", "reason", "address"), 2);
    for (int i = 0; i < 5; i++)
        (void)close(fds[i]);
    ck_assert(fixture_until(loop, all_gone, NULL, 2000));
    ck_assert_int_eq(ask(plain_port, false, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
    sup_net_server_set_limits(server, &(struct sup_net_limits){.connections = 1});
    ck_assert(fixture_until(loop, all_gone, NULL, 2000));
    for (int i = 0; i < 2; i++)
        fds[i] = fixture_connect(plain_port);
    for (int i = 0; i < 20; i++)
        sup_loop_step(loop, 5);
    ck_assert_uint_eq(sup_net_server_connections(server), 1);
    for (int i = 0; i < 2; i++)
        (void)close(fds[i]);
}
END_TEST

START_TEST(accepting_stops_and_starts)
{
    sup_net_server_accept(server, false);
    int fd = fixture_connect(plain_port); /* the kernel's backlog takes it */
    for (int i = 0; i < 10; i++)
        sup_loop_step(loop, 5);
    ck_assert_uint_eq(sup_net_server_connections(server), 0);
    sup_net_server_accept(server, true);
    for (int i = 0; i < 10; i++)
        sup_loop_step(loop, 5);
    ck_assert_uint_eq(sup_net_server_connections(server), 1);
    (void)close(fd);
}
END_TEST

/* --- TLS --- */

START_TEST(tls_is_1_3_and_the_certificate_reloads)
{
    ck_assert_int_eq(ask(tls_port, true, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
    ck_assert_int_eq(job.version, TLS1_3_VERSION);
    ck_assert_int_eq(job.serial, 1);
    ck_assert_str_eq(job.group, "X25519");
    ck_assert(fixture_cert_write(&cert, 2));
    ck_assert_int_eq(sup_net_server_reload_tls(server, cert.cert, cert.key), SUP_OK);
    ck_assert_int_eq(ask(tls_port, true, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
    ck_assert_int_eq(job.serial, 2);
    ck_assert_int_eq(sup_net_server_reload_tls(server, cert.cert, "/nowhere"), SUP_E_CRYPTO);
    ck_assert_int_eq(sup_net_server_reload_tls(server, cert.key, cert.cert), SUP_E_CRYPTO);
    ck_assert_int_eq(ask(tls_port, true, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
    ck_assert_int_eq(job.serial, 2);
    ck_assert_int_eq(ask(tls_port, false, "GET /hello HTTP/1.1\r\n" H "\r\n"), -1);
}
END_TEST

/* --- slow readers and odd bytes --- */

static bool never(void *arg)
{
    (void)arg;
    return false;
}

static double cpu_seconds(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

START_TEST(a_slow_reader_with_more_requests_waiting_costs_no_cpu)
{
    static const char request[] = "GET /big HTTP/1.1\r\n" H "\r\nGET /hello HTTP/1.1\r\n" H "\r\n";
    int fd = fixture_connect(plain_port);
    ck_assert_int_gt(send(fd, request, sizeof(request) - 1, 0), 0);
    (void)fixture_until(loop, never, NULL, 100);
    ck_assert_int_gt(send(fd, request, sizeof(request) - 1, 0), 0); /* stays in the kernel */
    double before = cpu_seconds();
    (void)fixture_until(loop, never, NULL, 1000);
    ck_assert_double_lt(cpu_seconds() - before, 0.3);
    size_t got = 0;
    static char waste[65536];
    for (int i = 0; i < 4000 && got < 2 * sizeof(big); i++) {
        sup_loop_step(loop, 1);
        ssize_t n = recv(fd, waste, sizeof(waste), MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
    }
    ck_assert_uint_gt(got, 2 * sizeof(big)); /* both, with the small answer between them */
    (void)close(fd);
}
END_TEST

START_TEST(nonsense_does_not_hurt)
{
    static const char *const lines[] = {
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "CONNECT x:1 HTTP/1.1\r\n" H "\r\nraw bytes",
        "BREW /pot HTTP/1.1\r\n" H "\r\n",
        "GET /hello HTTP/1.1\r\n" H "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        "GET /hello HTTP/1.1\r\n" H "Upgrade: tea\r\nConnection: Upgrade\r\n\r\n",
        "GET /hello HTTP/1.1\r\n" H "\r\n"
        "GET /hello HTTP/1.1\r\n" H "Upgrade: tea\r\nConnection: Upgrade\r\n\r\n",
        "POST /ws HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Content-Length: 0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET http://x/hello HTTP/1.1\r\n" H "\r\n",
        "GET /hello HTTP/1.1\r\n" H ": no name\r\n\r\n",
        "GET /%00 HTTP/1.1\r\n" H "\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        int fd = fixture_connect(plain_port);
        ck_assert_int_gt(send(fd, lines[i], strlen(lines[i]), 0), 0);
        (void)fixture_until(loop, never, NULL, 20);
        (void)close(fd);
    }
    static char huge[40000];
    memset(huge, 'a', sizeof(huge));
    memcpy(huge, "GET /hello HTTP/1.1\r\nX-Long: ", 29);
    int fd = fixture_connect(plain_port);
    ck_assert_int_gt(send(fd, huge, sizeof(huge), 0), 0);
    (void)fixture_until(loop, never, NULL, 50);
    (void)close(fd);
    ck_assert(fixture_until(loop, all_gone, NULL, 3000));
    ck_assert_int_eq(ask(plain_port, false, "GET /hello HTTP/1.1\r\n" H "\r\n"), 200);
}
END_TEST

/* --- nothing stays behind --- */

static size_t open_descriptors(void)
{
    size_t n = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (dir && readdir(dir))
        n++;
    if (dir)
        (void)closedir(dir);
    return n;
}

struct crowd {
    int count;
    bool tls;
    int answered;
};

static void run_crowd(void *arg)
{
    struct crowd *c = arg;
    static struct fixture_client client;
    static struct fixture_answer answer;
    for (int i = 0; i < c->count; i++) {
        if (fixture_open(&client, c->tls ? tls_port : plain_port, c->tls) && i % 3 != 2)
            c->answered += fixture_ask(&client, "GET /hello HTTP/1.1\r\n" H "\r\n", &answer) == 200;
        fixture_close(&client);
    }
}

START_TEST(a_thousand_connections_leave_nothing)
{
    struct crowd warm = {.count = 30, .tls = true}, plain = {.count = 700},
                 tls = {.count = 300, .tls = true};
    fixture_run(loop, run_crowd, &warm);
    ck_assert(fixture_until(loop, all_gone, NULL, 3000));
    size_t blocks = sup_mem_live(), descriptors = open_descriptors();
    fixture_run(loop, run_crowd, &plain);
    fixture_run(loop, run_crowd, &tls);
    ck_assert_int_eq(plain.answered, 467);
    ck_assert_int_eq(tls.answered, 200);
    ck_assert(fixture_until(loop, all_gone, NULL, 3000));
    (void)fixture_until(loop, never, NULL, 50);
    ck_assert_uint_eq(sup_mem_live(), blocks);
    ck_assert_uint_eq(open_descriptors(), descriptors);
}
END_TEST

static void type_secret(int fd, const char *before, const char *secret, const char *after)
{
    char request[512]; /* on the stack, wiped: the search must not find our own copy */
    int n = snprintf(request, sizeof(request), "%s%s%s", before, secret, after);
    ck_assert_int_eq(send(fd, request, (size_t)n, 0), n);
    explicit_bzero(request, sizeof(request));
}

START_TEST(clear_text_does_not_stay_in_memory)
{
    static const char *const around[][2] = {
        {"GET /hello?q=", " HTTP/1.1\r\n" H "\r\n"},
        {"POST /hello HTTP/1.1\r\n" H "Content-Length: 24\r\n\r\n", ""},
        {"GET /hello HTTP/1.1\r\n" H "Authorization: Bearer ", "\r\n\r\n"},
    };
    char needle[25];
    fixture_needle(needle);
    for (size_t i = 0; i < 3; i++) {
        int fd = fixture_connect(plain_port);
        type_secret(fd, around[i][0], needle, around[i][1]);
        (void)fixture_until(loop, never, NULL, 60);
        char answer[2048];
        ssize_t n = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT);
        ck_assert_int_gt(n, 12);
        ck_assert_int_eq(memcmp(answer, "HTTP/1.1 200", 12), 0);
        explicit_bzero(answer, sizeof(answer));
        ck_assert_msg(fixture_occurrences(needle) == 0, "request %zu is still there", i);
        (void)close(fd);
    }
}
END_TEST

/* --- stop --- */

START_TEST(drain_lets_requests_finish_and_closes_the_rest)
{
    int one = 1;
    int idle = fixture_connect(plain_port), busy = fixture_connect(plain_port);
    ck_assert_int_gt(send(busy, "GET /park HTTP/1.1\r\n" H "\r\n", 31, 0), 0);
    ck_assert_int_gt(send(idle, "GET /hello HTTP/1.1\r\n" H "\r\n", 32, 0), 0);
    ck_assert(fixture_until(loop, is_parked, &one, 2000));
    (void)fixture_until(loop, never, NULL, 30);
    sup_net_server_drain(server, 1001, "bye");
    (void)fixture_until(loop, never, NULL, 30);
    ck_assert_uint_eq(sup_net_server_connections(server), 1);
    ck_assert_int_eq(sup_http_reply(parked[0], 200, "text/plain", "done", 4), SUP_OK);
    (void)fixture_until(loop, never, NULL, 30);
    char answer[2048] = "";
    ck_assert_int_gt(recv(busy, answer, sizeof(answer) - 1, MSG_DONTWAIT), 0);
    ck_assert_ptr_nonnull(strstr(answer, "Connection: close\r\n"));
    ck_assert_ptr_nonnull(strstr(answer, "\r\n\r\ndone"));
    (void)close(busy);
    ck_assert(fixture_until(loop, all_gone, NULL, 3000));
    (void)close(idle);
}
END_TEST

START_TEST(wrong_options_are_refused_and_leave_nothing)
{
    struct sup_net_server *other = NULL;
    struct sup_net_listener listener = {.address = "127.0.0.1"};
    struct sup_net_opts opts = {.loop = loop, .listeners = &listener};
    ck_assert_int_eq(sup_net_server_create(&opts, &other), SUP_E_INVAL);
    opts.listener_count = 1;
    listener.tls = true;
    ck_assert_int_eq(sup_net_server_create(&opts, &other), SUP_E_INVAL);
    opts.cert_file = opts.key_file = "/nowhere";
    ck_assert_int_eq(sup_net_server_create(&opts, &other), SUP_E_CRYPTO);
    listener = (struct sup_net_listener){.address = "localhost"};
    ck_assert_int_eq(sup_net_server_create(&opts, &other), SUP_E_INVAL);
    listener = (struct sup_net_listener){.address = "127.0.0.1", .port = plain_port};
    ck_assert_int_eq(sup_net_server_create(&opts, &other), SUP_E_IO);
    ck_assert_int_eq(errno, EADDRINUSE);
    const struct sup_http_route twice[] = {routes[0], routes[0]};
    listener.port = 0;
    opts.routes = twice;
    opts.route_count = 2;
    ck_assert_int_eq(sup_net_server_create(&opts, &other), SUP_E_INVAL);
    ck_assert_ptr_null(other);
    sup_net_server_destroy(NULL);
    for (size_t n = 1; n < 12; n++) {
        opts.route_count = 1;
        sup_mem_fail_at(n);
        sup_err err = sup_net_server_create(&opts, &other);
        sup_mem_fail_at(0);
        if (err == SUP_OK) {
            sup_net_server_destroy(other);
            break;
        }
        ck_assert_int_eq(err, SUP_E_NOMEM);
        ck_assert_uint_lt(n, 11);
    }
}
END_TEST

SUP_CHECK_MAIN("net server", setup, teardown,
               a_vanished_client_is_noticed_and_the_late_reply_is_harmless,
               requests_outlive_the_server, slow_handlers_heads_and_bodies_run_into_their_limits,
               connections_are_limited_in_all_and_per_address, accepting_stops_and_starts,
               tls_is_1_3_and_the_certificate_reloads,
               a_slow_reader_with_more_requests_waiting_costs_no_cpu, nonsense_does_not_hurt,
               a_thousand_connections_leave_nothing, clear_text_does_not_stay_in_memory,
               drain_lets_requests_finish_and_closes_the_rest,
               wrong_options_are_refused_and_leave_nothing)
