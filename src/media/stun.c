#include "supportd/media/stun.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "supportd/base/id.h"

enum {
    BINDING = 0x0001,
    COOKIE = 0x2112A442,
    USERNAME = 0x0006,
    INTEGRITY = 0x0008,
    PRIORITY = 0x0024,
    FINGERPRINT = 0x8028,
    CONTROLLED = 0x8029,
    CONTROLLING = 0x802A,
    ATTRIBUTE_HEADER = 4,
    DIGEST_LEN = 20,
    FINGERPRINT_LEN = 4,
    FINGERPRINT_XOR = 0x5354554e,
    COOKIE_AT = 4,
};

static void put16(uint8_t *at, unsigned v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put32(uint8_t *at, uint32_t v)
{
    put16(at, v >> 16);
    put16(at + 2, v & 0xffff);
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] << 8 | at[1];
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) << 16 | get16(at + 2);
}

static size_t padded(size_t len)
{
    return (len + 3) & ~(size_t)3;
}

static size_t put_attribute(uint8_t *pkt, size_t at, unsigned type, const void *value, size_t len)
{
    put16(pkt + at, type);
    put16(pkt + at + 2, (unsigned)len);
    memset(pkt + at + ATTRIBUTE_HEADER, 0, padded(len));
    memcpy(pkt + at + ATTRIBUTE_HEADER, value, len);
    return at + ATTRIBUTE_HEADER + padded(len);
}

/* What follows is in the length that a digest covers, as if nothing came behind it. */
static void set_length(uint8_t *pkt, size_t end)
{
    put16(pkt + 2, (unsigned)(end - SUP_STUN_HEADER_LEN));
}

/* CRC-32 of ISO 3309, four bits at a time. */
static uint32_t crc32_of(const uint8_t *data, size_t len)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

void sup_stun_make_id(uint8_t ret_id[SUP_STUN_ID_LEN])
{
    put32(ret_id, SUP_STUN_MARK);
    sup_random(ret_id + SUP_STUN_MARK_LEN, SUP_STUN_ID_LEN - SUP_STUN_MARK_LEN);
}

size_t sup_stun_write_ping(const struct sup_stun_ping *ping, uint8_t ret_pkt[SUP_STUN_PING_MAX])
{
    assert(strlen(ping->local_ufrag) <= SUP_ICE_UFRAG_MAX &&
           strlen(ping->remote_ufrag) <= SUP_ICE_UFRAG_MAX);
    char user[2 * SUP_ICE_UFRAG_MAX + 2];
    int user_len = snprintf(user, sizeof(user), "%s:%s", ping->remote_ufrag, ping->local_ufrag);
    uint8_t value[8], *pkt = ret_pkt;
    put16(pkt, BINDING);
    put32(pkt + COOKIE_AT, COOKIE);
    memcpy(pkt + SUP_STUN_ID_AT, ping->id, SUP_STUN_ID_LEN);
    size_t at = put_attribute(pkt, SUP_STUN_HEADER_LEN, USERNAME, user, (size_t)user_len);
    put32(value, ping->priority);
    at = put_attribute(pkt, at, PRIORITY, value, 4);
    put32(value, (uint32_t)(ping->tie_breaker >> 32));
    put32(value + 4, (uint32_t)ping->tie_breaker);
    at = put_attribute(pkt, at, ping->controlling ? CONTROLLING : CONTROLLED, value, 8);

    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned digest_len;
    set_length(pkt, at + ATTRIBUTE_HEADER + DIGEST_LEN);
    if (!HMAC(EVP_sha1(), ping->remote_pwd, (int)strlen(ping->remote_pwd), pkt, at, digest,
              &digest_len))
        return 0;
    at = put_attribute(pkt, at, INTEGRITY, digest, DIGEST_LEN);
    set_length(pkt, at + ATTRIBUTE_HEADER + FINGERPRINT_LEN);
    put32(value, crc32_of(pkt, at) ^ FINGERPRINT_XOR);
    return put_attribute(pkt, at, FINGERPRINT, value, FINGERPRINT_LEN);
}

/* Where MESSAGE-INTEGRITY begins; 0: there is none, or an attribute reaches beyond the end. */
static size_t find_integrity(const uint8_t *pkt, size_t len)
{
    for (size_t at = SUP_STUN_HEADER_LEN; at + ATTRIBUTE_HEADER <= len;) {
        size_t value_len = get16(pkt + at + 2), end = at + ATTRIBUTE_HEADER + padded(value_len);
        if (end > len)
            return 0;
        if (get16(pkt + at) == INTEGRITY)
            return value_len == DIGEST_LEN ? at : 0;
        at = end;
    }
    return 0;
}

static bool proves(const uint8_t *pkt, size_t at, const char *pwd)
{
    uint8_t covered[SUP_STUN_PONG_MAX], digest[EVP_MAX_MD_SIZE];
    unsigned digest_len;
    memcpy(covered, pkt, at);
    set_length(covered, at + ATTRIBUTE_HEADER + DIGEST_LEN);
    return HMAC(EVP_sha1(), pwd, (int)strlen(pwd), covered, at, digest, &digest_len) &&
           CRYPTO_memcmp(digest, pkt + at + ATTRIBUTE_HEADER, DIGEST_LEN) == 0;
}

bool sup_stun_read_pong(const uint8_t *pkt, size_t len, const char *remote_pwd,
                        uint8_t ret_id[SUP_STUN_ID_LEN])
{
    if (len < SUP_STUN_HEADER_LEN || len > SUP_STUN_PONG_MAX || len % 4 != 0 ||
        get16(pkt) != SUP_STUN_SUCCESS || get16(pkt + 2) != len - SUP_STUN_HEADER_LEN ||
        get32(pkt + COOKIE_AT) != COOKIE || get32(pkt + SUP_STUN_ID_AT) != SUP_STUN_MARK)
        return false;
    size_t at = find_integrity(pkt, len);
    if (at == 0 || !proves(pkt, at, remote_pwd))
        return false;
    memcpy(ret_id, pkt + SUP_STUN_ID_AT, SUP_STUN_ID_LEN);
    return true;
}
