#include <arpa/inet.h>
#include <string.h>

#include "wire.h"

enum { IP4_MIN = 20, IP6_HEAD = 40, UDP_HEAD = 8, RTP_HEAD = 12, PROTOCOL_UDP = 17 };

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

/* By the first bytes, RFC 7983 and RFC 5761 section 4. */
static enum wire_class class_of(const uint8_t *payload, size_t len)
{
    if (len == 0)
        return WIRE_OTHER;
    if (payload[0] <= 3)
        return WIRE_STUN;
    if (payload[0] >= 20 && payload[0] <= 63)
        return WIRE_DTLS;
    if (payload[0] < 128 || payload[0] > 191 || len < 8)
        return WIRE_OTHER;
    if (payload[1] >= 192 && payload[1] <= 223)
        return WIRE_RTCP;
    return len >= RTP_HEAD ? WIRE_RTP : WIRE_OTHER;
}

static void read_clear(const uint8_t *payload, enum wire_class class, struct wire_record *r)
{
    if (class == WIRE_RTCP) {
        r->ssrc = get32(payload + 4);
        r->payload_type = payload[1];
    } else if (class == WIRE_RTP) {
        r->payload_type = payload[1] & 0x7F;
        r->flags = payload[1] & 0x80 ? WIRE_FLAG_MARKER : 0;
        r->seq = get16(payload + 2);
        r->ts = get32(payload + 4);
        r->ssrc = get32(payload + 8);
    }
}

bool wire_packet_read(uint8_t *data, size_t len, enum wire_dir dir, struct wire_packet *ret_packet)
{
    struct wire_packet p = {.data = data, .len = len};
    struct wire_record *r = &p.record;
    size_t head, address, size;
    if (len >= IP4_MIN && data[0] >> 4 == 4) {
        head = 4u * (data[0] & 15);
        p.protocol = data[9];
        size = 4;
        address = 12;
        p.family = 4;
    } else if (len >= IP6_HEAD && data[0] >> 4 == 6) {
        head = IP6_HEAD;
        p.protocol = data[6];
        size = 16;
        address = 8;
        p.family = 6;
    } else {
        return false;
    }
    memcpy(dir == WIRE_UP ? r->client : r->server, data + address, size);
    memcpy(dir == WIRE_UP ? r->server : r->client, data + address + size, size);
    r->dir = (uint8_t)dir;
    r->family = p.family;
    r->protocol = p.protocol;
    r->size = (uint16_t)len;
    if (p.protocol == PROTOCOL_UDP && head >= IP4_MIN && len >= head + UDP_HEAD) {
        p.transport = head;
        r->client_port = get16(data + head + (dir == WIRE_UP ? 0 : 2));
        r->server_port = get16(data + head + (dir == WIRE_UP ? 2 : 0));
        p.class = class_of(data + head + UDP_HEAD, len - head - UDP_HEAD);
        read_clear(data + head + UDP_HEAD, p.class, r);
    }
    r->class = (uint8_t)p.class;
    *ret_packet = p;
    return true;
}

static uint32_t sum_words(const uint8_t *p, size_t len)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < len; i += 2)
        sum += get16(p + i);
    return sum;
}

/* RFC 1624: what left the sum and what came into it. */
static void mend_checksum(uint8_t *at, uint32_t before, uint32_t after)
{
    uint64_t sum = (uint64_t)(uint16_t)~get16(at) + (uint64_t)after + 0xFFFFu * 64u - before;
    while (sum >> 16)
        sum = (sum & 0xFFFF) + (sum >> 16);
    put16(at, (uint16_t)~sum);
}

void wire_packet_rewrite(struct wire_packet *p, enum wire_dir dir, const uint8_t address[16],
                         uint16_t port)
{
    size_t size = p->family == 4 ? 4 : 16;
    uint8_t *ip = p->data + (p->family == 4 ? 12 : 8) + (dir == WIRE_UP ? 0 : size);
    uint8_t *udp = p->data + p->transport, *at = udp + (dir == WIRE_UP ? 0 : 2);
    uint32_t ip_before = sum_words(ip, size), port_before = get16(at);
    memcpy(ip, address, size);
    put16(at, port);
    uint32_t ip_after = sum_words(ip, size);
    if (p->family == 4)
        mend_checksum(p->data + 10, ip_before, ip_after);
    if (get16(udp + 6) != 0)
        mend_checksum(udp + 6, ip_before + port_before, ip_after + port);
}

bool wire_address_parse(const char *text, uint8_t ret_address[16], uint8_t *ret_family)
{
    memset(ret_address, 0, 16);
    *ret_family = strchr(text, ':') ? 6 : 4;
    return inet_pton(*ret_family == 6 ? AF_INET6 : AF_INET, text, ret_address) == 1;
}
