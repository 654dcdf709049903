/* The controlling side of ICE (RFC 8445) with one host candidate and one remote one, on a socket of
 * its own, so that a generator can hold hundreds of legs in one epoll loop. STUN: RFC 8489. */
#ifndef SUPPORTD_TESTS_BENCH_STUN_CLIENT_H
#define SUPPORTD_TESTS_BENCH_STUN_CLIENT_H
#include <arpa/inet.h>
#include <openssl/hmac.h>
#include <stdbool.h>

#include "bench.h"

enum { STUN_MAX = 1024, STUN_COOKIE = 0x2112A442 };

struct stun_text {
    uint8_t data[STUN_MAX];
    size_t len;
};

static inline void stun_u16(struct stun_text *t, unsigned v)
{
    t->data[t->len++] = (uint8_t)(v >> 8);
    t->data[t->len++] = (uint8_t)v;
}

static inline void stun_attr(struct stun_text *t, unsigned type, const void *value, size_t len)
{
    BENCH_CHECK(t->len + len + 8 <= sizeof(t->data));
    stun_u16(t, type);
    stun_u16(t, (unsigned)len);
    if (len)
        memcpy(t->data + t->len, value, len);
    t->len += len;
    while (t->len % 4)
        t->data[t->len++] = 0;
}

static inline void stun_set_length(struct stun_text *t, size_t len)
{
    t->data[2] = (uint8_t)(len >> 8);
    t->data[3] = (uint8_t)len;
}

static inline void stun_begin(struct stun_text *t, unsigned type, const uint8_t transaction[12])
{
    t->len = 0;
    stun_u16(t, type);
    stun_u16(t, 0);
    stun_u16(t, STUN_COOKIE >> 16);
    stun_u16(t, STUN_COOKIE & 0xFFFF);
    memcpy(t->data + t->len, transaction, 12);
    t->len += 12;
}

static inline uint32_t stun_crc32(const uint8_t *data, size_t len)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

/* MESSAGE-INTEGRITY and FINGERPRINT. */
static inline void stun_finish(struct stun_text *t, const char *password)
{
    uint8_t mac[20];
    unsigned mac_len = sizeof(mac);
    stun_set_length(t, t->len - 20 + 24);
    BENCH_CHECK(HMAC(EVP_sha1(), password, (int)strlen(password), t->data, t->len, mac, &mac_len));
    stun_attr(t, 0x0008, mac, sizeof(mac));
    stun_set_length(t, t->len - 20 + 8);
    uint32_t crc = htonl(stun_crc32(t->data, t->len) ^ 0x5354554Eu);
    stun_attr(t, 0x8028, &crc, sizeof(crc));
}

/* A check that nominates; user is "remote:local". */
static inline void stun_request(struct stun_text *t, const uint8_t transaction[12],
                                const char *user, const char *remote_password)
{
    static const uint8_t tie_breaker[8] = {0xFF, 1, 2, 3, 4, 5, 6, 7};
    uint32_t priority = htonl(110u << 24 | 0xFFFFu << 8 | 255);
    stun_begin(t, 0x0001, transaction);
    stun_attr(t, 0x0006, user, strlen(user));
    stun_attr(t, 0x0024, &priority, sizeof(priority));
    stun_attr(t, 0x802A, tie_breaker, sizeof(tie_breaker));
    stun_attr(t, 0x0025, NULL, 0);
    stun_finish(t, remote_password);
}

/* The answer to a check that came from source. */
static inline void stun_response(struct stun_text *t, const uint8_t *request,
                                 const struct sockaddr_in *source, const char *own_password)
{
    uint8_t address[8] = {0, 1};
    uint16_t port = ntohs(source->sin_port) ^ (uint16_t)(STUN_COOKIE >> 16);
    uint32_t ip = htonl(ntohl(source->sin_addr.s_addr) ^ STUN_COOKIE);
    address[2] = (uint8_t)(port >> 8);
    address[3] = (uint8_t)port;
    memcpy(address + 4, &ip, 4);
    stun_begin(t, 0x0101, request + 8);
    stun_attr(t, 0x0020, address, sizeof(address));
    stun_finish(t, own_password);
}

/* The same over IPv6: the address is masked with cookie and transaction. */
static inline void stun_response6(struct stun_text *t, const uint8_t *request,
                                  const struct sockaddr_in6 *source, const char *own_password)
{
    uint8_t address[20] = {0, 2};
    uint16_t port = ntohs(source->sin6_port) ^ (uint16_t)(STUN_COOKIE >> 16);
    address[2] = (uint8_t)(port >> 8);
    address[3] = (uint8_t)port;
    for (int i = 0; i < 16; i++)
        address[4 + i] = source->sin6_addr.s6_addr[i] ^ request[4 + i];
    stun_begin(t, 0x0101, request + 8);
    stun_attr(t, 0x0020, address, sizeof(address));
    stun_finish(t, own_password);
}
#endif
