/* Shared by the live tests of net: a certificate, a blocking client (plain or TLS) that runs on a
 * thread of its own, and the loop that serves it.
 *
 * Checks belong on the main thread: a client function fills its struct, the test reads it. */
#ifndef SUPPORTD_TESTS_NET_FIXTURE_H
#define SUPPORTD_TESTS_NET_FIXTURE_H
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/check_main.h"
#include "supportd/loop/loop.h"
#include "supportd/metrics/metrics.h"
#include "supportd/net/hub.h"
#include "supportd/net/server.h"

/* --- certificate --- */

struct fixture_cert {
    char dir[64], cert[80], key[80];
};

static inline bool fixture_cert_write(struct fixture_cert *c, long serial)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(x, name);
    bool ok = X509_sign(x, key, EVP_sha256()) > 0;
    FILE *f = fopen(c->cert, "w");
    ok = ok && f && PEM_write_X509(f, x) == 1;
    if (f)
        fclose(f);
    f = fopen(c->key, "w");
    ok = ok && f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1;
    if (f)
        fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
    return ok;
}

static inline bool fixture_cert_make(struct fixture_cert *c)
{
    (void)strcpy(c->dir, "/tmp/supportd-net-XXXXXX");
    if (!mkdtemp(c->dir))
        return false;
    (void)snprintf(c->cert, sizeof(c->cert), "%s/cert.pem", c->dir);
    (void)snprintf(c->key, sizeof(c->key), "%s/key.pem", c->dir);
    return fixture_cert_write(c, 1);
}

static inline void fixture_cert_remove(struct fixture_cert *c)
{
    (void)unlink(c->cert);
    (void)unlink(c->key);
    (void)rmdir(c->dir);
}

/* --- client --- */

struct fixture_client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
    char buf[262144]; /* received and not consumed */
    size_t len;
};

static inline int fixture_connect(uint16_t port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval patience = {.tv_sec = 10};
    int one = 1; /* each piece that a test sends goes out at once */
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

static inline bool fixture_open(struct fixture_client *c, uint16_t port, bool tls)
{
    memset(c, 0, sizeof(*c));
    c->fd = fixture_connect(port);
    if (c->fd < 0 || !tls)
        return c->fd >= 0;
    c->ctx = SSL_CTX_new(TLS_client_method());
    c->ssl = SSL_new(c->ctx);
    SSL_set_fd(c->ssl, c->fd);
    return SSL_connect(c->ssl) == 1;
}

static inline void fixture_close(struct fixture_client *c)
{
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    (void)close(c->fd);
    c->ssl = NULL;
    c->ctx = NULL;
}

static inline bool fixture_send(struct fixture_client *c, const void *data, size_t len)
{
    const char *p = data;
    while (len > 0) {
        ssize_t n = c->ssl ? SSL_write(c->ssl, p, (int)len) : send(c->fd, p, len, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static inline bool fixture_sends(struct fixture_client *c, const char *text)
{
    return fixture_send(c, text, strlen(text));
}

/* More bytes into buf; 0 at the end, -1 on error or after 10 s. */
static inline ssize_t fixture_more(struct fixture_client *c)
{
    size_t room = sizeof(c->buf) - c->len - 1;
    ssize_t n = c->ssl ? SSL_read(c->ssl, c->buf + c->len, (int)room)
                       : recv(c->fd, c->buf + c->len, room, 0);
    if (n > 0) {
        c->len += (size_t)n;
        c->buf[c->len] = 0;
    }
    return n;
}

static inline void fixture_take(struct fixture_client *c, size_t n)
{
    memmove(c->buf, c->buf + n, c->len - n);
    c->len -= n;
    c->buf[c->len] = 0;
}

struct fixture_answer {
    int status; /* -1: no answer */
    size_t body_len;
    char head[4096];
    char body[131072];
};

static inline const char *fixture_header(const struct fixture_answer *a, const char *name,
                                         char *ret, size_t size)
{
    size_t len = strlen(name);
    for (const char *line = strstr(a->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        (void)snprintf(ret, size, "%.*s", (int)strcspn(line + len + 2, "\r"), line + len + 2);
        return ret;
    }
    return NULL;
}

/* Reads one whole answer; head_only: it has no body whatever Content-Length says. */
static inline void fixture_read(struct fixture_client *c, struct fixture_answer *a, bool head_only)
{
    char text[32];
    memset(a, 0, sizeof(*a));
    a->status = -1;
    char *end;
    while (!(end = strstr(c->buf, "\r\n\r\n")))
        if (fixture_more(c) <= 0)
            return;
    size_t head = (size_t)(end - c->buf) + 4;
    (void)snprintf(a->head, sizeof(a->head), "%.*s", (int)head, c->buf);
    fixture_take(c, head);
    int status = atoi(a->head + 9);
    const char *length = fixture_header(a, "content-length", text, sizeof(text));
    size_t want = length && !head_only ? (size_t)atol(length) : 0;
    while (c->len < want)
        if (fixture_more(c) <= 0)
            return;
    a->body_len = want;
    memcpy(a->body, c->buf, want < sizeof(a->body) ? want : sizeof(a->body) - 1);
    fixture_take(c, want);
    a->status = status;
}

/* Status of one request on the open connection. */
static inline int fixture_ask(struct fixture_client *c, const char *request,
                              struct fixture_answer *a)
{
    if (!fixture_sends(c, request)) {
        a->status = -1;
        return -1;
    }
    fixture_read(c, a, strncmp(request, "HEAD", 4) == 0);
    return a->status;
}

/* --- looking for clear text --- */

/* A text of 24 bytes that the program itself keeps only reversed, and in ret. */
static inline void fixture_needle(char ret[25])
{
    static const char reversed[] = "txet-raelc-1111111111114";
    for (size_t i = 0; i < 24; i++)
        ret[i] = reversed[23 - i];
    ret[24] = 0;
}

/* How often the process' heap still holds the text: searched in all writable
 * anonymous maps, but for the giant ones that belong to the sanitizer. */
static inline int fixture_occurrences(const char *needle)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    FILE *mem = fopen("/proc/self/mem", "r");
    char line[512];
    static char chunk[1 << 20];
    size_t len = strlen(needle);
    int found = 0;
    while (maps && mem && fgets(line, sizeof(line), maps)) {
        unsigned long from, to;
        char perms[5], path[256] = "";
        if (sscanf(line, "%lx-%lx %4s %*s %*s %*s %255s", &from, &to, perms, path) < 3 ||
            perms[1] != 'w' || to - from > 1ul << 28 || (path[0] && strcmp(path, "[heap]") != 0))
            continue;
        for (unsigned long at = from; at < to; at += sizeof(chunk) - 64) {
            size_t want = to - at < sizeof(chunk) ? to - at : sizeof(chunk);
            if (fseeko(mem, (off_t)at, SEEK_SET) != 0 || fread(chunk, 1, want, mem) != want)
                break;
            for (char *p = chunk; (p = memmem(p, want - (size_t)(p - chunk), needle, len)); p++)
                found++;
        }
    }
    if (maps)
        (void)fclose(maps);
    if (mem)
        (void)fclose(mem);
    memset(chunk, 0, sizeof(chunk));
    return found;
}

/* --- running client and loop side by side --- */

struct fixture_job {
    void (*run)(void *arg);
    void *arg;
    atomic_bool done;
};

static inline void *fixture_thread(void *arg)
{
    struct fixture_job *job = arg;
    job->run(job->arg);
    OPENSSL_thread_stop();
    atomic_store(&job->done, true);
    return NULL;
}

/* Runs run(arg) on a thread while the loop turns. */
static inline void fixture_run(struct sup_loop *loop, void (*run)(void *arg), void *arg)
{
    struct fixture_job job = {.run = run, .arg = arg};
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, fixture_thread, &job), 0);
    while (!atomic_load(&job.done))
        sup_loop_step(loop, 5);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}

/* Turns the loop until cond(arg), at most for ms. */
static inline bool fixture_until(struct sup_loop *loop, bool (*cond)(void *arg), void *arg, int ms)
{
    for (int i = 0; i < ms / 5 && !cond(arg); i++)
        sup_loop_step(loop, 5);
    return cond(arg);
}
#endif
