/* A TLS WebSocket client (RFC 6455) that does not block, many to one epoll loop. */
#ifndef SUPPORTD_TESTS_BENCH_WS_CLIENT_H
#define SUPPORTD_TESTS_BENCH_WS_CLIENT_H
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"

enum { WS_CHUNK = 16384, WS_FRAME_MAX = 1 << 20 };

enum ws_state { WS_HANDSHAKE, WS_UPGRADE, WS_OPEN, WS_GONE };

struct ws {
    int fd;
    SSL *ssl;
    enum ws_state state;
    char *in; /* bytes not consumed yet */
    size_t in_len, in_cap;
    void *owner;
};

/* What the owner does with a text frame (NUL-terminated for the call) and when the upgrade is done.
 */
struct ws_calls {
    void (*on_open)(struct ws *ws);
    void (*on_text)(struct ws *ws, const char *text, size_t len);
};

static inline SSL_CTX *ws_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    BENCH_CHECK(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION));
    /* The certificate was made for this run, on loopback: not checked. */
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    return ctx;
}

/* Starts connecting to 127.0.0.1:port; the owner adds ws->fd to its epoll set. */
static inline void ws_start(struct ws *ws, SSL_CTX *ctx, uint16_t port)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    ws->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BENCH_CHECK(ws->fd >= 0);
    BENCH_CHECK(connect(ws->fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    BENCH_CHECK(setsockopt(ws->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0);
    BENCH_CHECK(fcntl(ws->fd, F_SETFL, O_NONBLOCK) == 0);
    ws->ssl = SSL_new(ctx);
    BENCH_CHECK(ws->ssl && SSL_set_fd(ws->ssl, ws->fd));
    SSL_set_connect_state(ws->ssl);
    ws->state = WS_HANDSHAKE;
}

static inline void ws_write(struct ws *ws, const void *data, size_t len)
{
    ERR_clear_error();
    int n = SSL_write(ws->ssl, data, (int)len);
    if (n != (int)len)
        BENCH_DIE("a write did not fit or failed (%d)", SSL_get_error(ws->ssl, n));
}

/* One frame of at most 64 KiB. The mask key is zero, so the payload is sent as it is. */
static inline void ws_send(struct ws *ws, unsigned opcode, const char *payload, size_t len)
{
    uint8_t frame[WS_CHUNK];
    size_t at = 2;
    BENCH_CHECK(len + 8 <= sizeof(frame));
    frame[0] = (uint8_t)(0x80 | opcode);
    if (len < 126) {
        frame[1] = (uint8_t)(0x80 | len);
    } else {
        frame[1] = 0x80 | 126;
        frame[at++] = (uint8_t)(len >> 8);
        frame[at++] = (uint8_t)len;
    }
    memset(frame + at, 0, 4);
    memcpy(frame + at + 4, payload, len);
    ws_write(ws, frame, at + 4 + len);
}

static inline void ws_send_text(struct ws *ws, const char *text)
{
    ws_send(ws, 1, text, strlen(text));
}

static inline void ws_ask_upgrade(struct ws *ws, const char *origin)
{
    char head[512];
    int n = snprintf(head, sizeof(head),
                     "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: support.v1\r\n"
                     "Origin: %s\r\n\r\n",
                     origin);
    ws_write(ws, head, (size_t)n);
    ws->state = WS_UPGRADE;
}

/* Takes the answer to the upgrade; returns its length, 0 while it is not whole. */
static inline size_t ws_take_head(struct ws *ws, const struct ws_calls *calls)
{
    char *end = memmem(ws->in, ws->in_len, "\r\n\r\n", 4);
    if (!end)
        return 0;
    if (strncmp(ws->in, "HTTP/1.1 101", 12) != 0)
        BENCH_DIE("the upgrade was refused: %.*s", (int)(end - ws->in), ws->in);
    ws->state = WS_OPEN;
    calls->on_open(ws);
    return (size_t)(end - ws->in) + 4;
}

/* Takes one frame at p[len]; returns its length, 0 while it is not whole. */
static inline size_t ws_take_frame(struct ws *ws, char *p, size_t len, const struct ws_calls *calls)
{
    const uint8_t *b = (const uint8_t *)p;
    size_t head = 2, size;
    if (len < 2)
        return 0;
    size = b[1] & 127;
    if (size == 126) {
        head = 4;
        size = len < 4 ? 0 : (size_t)b[2] << 8 | b[3];
    } else if (size == 127) {
        head = 10;
        for (size_t i = 2, v = 0; i < 10 && len >= 10; i++)
            size = v = v << 8 | b[i];
    }
    BENCH_CHECK(len < head || size <= WS_FRAME_MAX);
    if (len < head + size)
        return 0;
    unsigned opcode = b[0] & 15;
    BENCH_CHECK(b[0] & 0x80 && !(b[1] & 0x80));
    if (opcode == 1) {
        char after = p[head + size]; /* the buffer has a byte of room */
        p[head + size] = '\0';
        calls->on_text(ws, p + head, size);
        p[head + size] = after;
    } else if (opcode == 9) {
        ws_send(ws, 10, p + head, size);
    } else if (opcode == 8) {
        BENCH_DIE("closed by the daemon: %d %.*s",
                  size > 1 ? (uint8_t)p[head] << 8 | (uint8_t)p[head + 1] : 0,
                  size > 2 ? (int)size - 2 : 0, p + head + 2);
    }
    return head + size;
}

static inline void ws_consume(struct ws *ws, const struct ws_calls *calls)
{
    size_t at = 0, n = 1;
    while (n && at < ws->in_len) {
        n = ws->state == WS_UPGRADE ? ws_take_head(ws, calls)
                                    : ws_take_frame(ws, ws->in + at, ws->in_len - at, calls);
        at += n;
    }
    memmove(ws->in, ws->in + at, ws->in_len - at);
    ws->in_len -= at;
}

/* Goes on with whatever the socket's readiness allows. */
static inline void ws_ready(struct ws *ws, const char *origin, const struct ws_calls *calls)
{
    ERR_clear_error();
    if (ws->state == WS_HANDSHAKE) {
        int n = SSL_do_handshake(ws->ssl);
        if (n == 1)
            ws_ask_upgrade(ws, origin);
        else if (SSL_get_error(ws->ssl, n) != SSL_ERROR_WANT_READ)
            BENCH_DIE("TLS failed: %s", ERR_reason_error_string(ERR_peek_last_error()));
        return;
    }
    for (;;) {
        if (ws->in_cap - ws->in_len <= WS_CHUNK) {
            ws->in_cap = ws->in_len + 2 * WS_CHUNK;
            ws->in = realloc(ws->in, ws->in_cap);
            BENCH_CHECK(ws->in);
        }
        ERR_clear_error();
        int n = SSL_read(ws->ssl, ws->in + ws->in_len, (int)(ws->in_cap - ws->in_len - 1));
        if (n <= 0) {
            if (SSL_get_error(ws->ssl, n) != SSL_ERROR_WANT_READ)
                BENCH_DIE("a connection broke (%d)", SSL_get_error(ws->ssl, n));
            break;
        }
        ws->in_len += (size_t)n;
        ws_consume(ws, calls);
    }
    if (ws->in_len == 0) {
        free(ws->in);
        ws->in = NULL;
        ws->in_cap = 0;
    }
}
#endif
