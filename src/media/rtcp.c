#include "supportd/media/rtcp.h"

#include <assert.h>
#include <string.h>

enum {
    RTCP_VERSION = 2,
    TYPE_SR = 200,
    TYPE_RR = 201,
    TYPE_SDES = 202,
    TYPE_BYE = 203,
    TYPE_XR = 207,
    SDES_CNAME = 1,
    XR_RRTR = 4, /* RFC 3611 section 4.4 */
    XR_DLRR = 5, /* section 4.5 */
    HEADER = 4,
    SENDER_LEN = 20,
    BLOCK_LEN = 24,
    DLRR_LEN = 12,
};

/* Seconds from 1900 to 1970. */
#define NTP_EPOCH 2208988800u
#define RTT_MAX_US 60000000u

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)(v >> 16));
    put16(p + 2, (uint16_t)v);
}

static int32_t signed24(uint32_t v)
{
    return v & 0x800000 ? (int32_t)v - 0x1000000 : (int32_t)v;
}

static void set_ssrc(struct sup_rtcp *r, uint32_t ssrc)
{
    if (r->ssrc == 0)
        r->ssrc = ssrc;
}

static sup_err read_blocks(const uint8_t *p, size_t len, size_t count, struct sup_rtcp *r)
{
    if (len < count * BLOCK_LEN)
        return SUP_E_MALFORMED;
    for (; count && r->block_count < SUP_RTCP_BLOCKS_MAX; count--, p += BLOCK_LEN) {
        uint32_t loss = get32(p + 4);
        r->blocks[r->block_count++] = (struct sup_rtcp_block){
            .ssrc = get32(p),
            .fraction_lost = (uint8_t)(loss >> 24),
            .lost = signed24(loss & 0xFFFFFF),
            .ext_seq = get32(p + 8),
            .jitter = get32(p + 12),
            .lsr = get32(p + 16),
            .dlsr = get32(p + 20),
        };
    }
    return SUP_OK;
}

/* Each reader gets the packet behind its 4-byte header, and the header's count field. */
static sup_err read_sr(const uint8_t *p, size_t len, size_t count, struct sup_rtcp *r)
{
    if (len < 4 + SENDER_LEN)
        return SUP_E_MALFORMED;
    set_ssrc(r, get32(p));
    r->has_sender = true;
    r->sender = (struct sup_rtcp_sender){
        .ntp = (uint64_t)get32(p + 4) << 32 | get32(p + 8),
        .rtp_ts = get32(p + 12),
        .packets = get32(p + 16),
        .octets = get32(p + 20),
    };
    return read_blocks(p + 4 + SENDER_LEN, len - 4 - SENDER_LEN, count, r);
}

static sup_err read_rr(const uint8_t *p, size_t len, size_t count, struct sup_rtcp *r)
{
    if (len < 4)
        return SUP_E_MALFORMED;
    set_ssrc(r, get32(p));
    return read_blocks(p + 4, len - 4, count, r);
}

static void keep_cname(const uint8_t *p, size_t len, struct sup_rtcp *r)
{
    for (size_t i = 0; i < len; i++)
        r->cname[i] = p[i] > 0x20 && p[i] < 0x7F ? (char)p[i] : '?';
    r->cname[len] = '\0';
}

static sup_err read_sdes(const uint8_t *p, size_t len, size_t count, struct sup_rtcp *r)
{
    size_t off = 0;
    for (; count; count--) {
        if (len - off < 4)
            return SUP_E_MALFORMED;
        off += 4;
        while (off < len && p[off] != 0) {
            if (len - off < 2 || len - off - 2 < p[off + 1])
                return SUP_E_MALFORMED;
            if (p[off] == SDES_CNAME && r->cname[0] == '\0')
                keep_cname(p + off + 2, p[off + 1], r);
            off += 2u + p[off + 1];
        }
        if (off >= len) /* the list ends with at least one zero byte */
            return SUP_E_MALFORMED;
        off = (off + 4) & ~(size_t)3;
    }
    return SUP_OK;
}

static sup_err read_bye(const uint8_t *p, size_t len, size_t count, struct sup_rtcp *r)
{
    if (len < count * 4)
        return SUP_E_MALFORMED;
    for (size_t i = 0; i < count && r->bye_count < SUP_RTCP_BLOCKS_MAX; i++)
        r->bye[r->bye_count++] = get32(p + 4 * i);
    return SUP_OK;
}

static sup_err read_xr(const uint8_t *p, size_t len, struct sup_rtcp *r)
{
    if (len < 4)
        return SUP_E_MALFORMED;
    set_ssrc(r, get32(p));
    for (size_t off = 4; off < len;) {
        if (len - off < 4)
            return SUP_E_MALFORMED;
        uint8_t type = p[off];
        size_t body = 4u * (size_t)(p[off + 2] << 8 | p[off + 3]);
        off += 4;
        if (len - off < body)
            return SUP_E_MALFORMED;
        if (type == XR_RRTR && body >= 8) {
            r->has_rrtr = true;
            r->rrtr_ntp = (uint64_t)get32(p + off) << 32 | get32(p + off + 4);
        }
        for (size_t i = 0; type == XR_DLRR && body - i >= DLRR_LEN; i += DLRR_LEN)
            if (r->dlrr_count < SUP_RTCP_BLOCKS_MAX)
                r->dlrr[r->dlrr_count++] = (struct sup_rtcp_dlrr){
                    get32(p + off + i), get32(p + off + i + 4), get32(p + off + i + 8)};
        off += body;
    }
    return SUP_OK;
}

static sup_err read_one(uint8_t type, const uint8_t *p, size_t len, size_t count,
                        struct sup_rtcp *r)
{
    switch (type) {
    case TYPE_SR:
        return read_sr(p, len, count, r);
    case TYPE_RR:
        return read_rr(p, len, count, r);
    case TYPE_SDES:
        return read_sdes(p, len, count, r);
    case TYPE_BYE:
        return read_bye(p, len, count, r);
    case TYPE_XR:
        return read_xr(p, len, r);
    default:
        r->skipped++;
        return SUP_OK;
    }
}

sup_err sup_rtcp_parse(const uint8_t *pkt, size_t len, struct sup_rtcp *ret_rtcp)
{
    assert(pkt && ret_rtcp);
    struct sup_rtcp r = {0};
    if (len == 0 || len % 4 != 0)
        return SUP_E_MALFORMED;
    for (size_t off = 0; off < len;) {
        if (len - off < HEADER || pkt[off] >> 6 != RTCP_VERSION)
            return SUP_E_MALFORMED;
        size_t size = HEADER + 4u * (size_t)(pkt[off + 2] << 8 | pkt[off + 3]);
        if (size > len - off)
            return SUP_E_MALFORMED;
        size_t body = size - HEADER;
        if (pkt[off] & 0x20) { /* padding: last packet only, RFC 3550 section 6.4.1 */
            uint8_t padding = pkt[off + size - 1];
            if (off + size != len || padding == 0 || padding % 4 != 0 || padding > body)
                return SUP_E_MALFORMED;
            body -= padding;
        }
        sup_err err = read_one(pkt[off + 1], pkt + off + HEADER, body, pkt[off] & 0x1F, &r);
        if (err)
            return err;
        off += size;
    }
    *ret_rtcp = r;
    return SUP_OK;
}

static uint8_t *put_header(uint8_t *p, size_t count, uint8_t type, size_t size)
{
    p[0] = (uint8_t)(RTCP_VERSION << 6 | count);
    p[1] = type;
    put16(p + 2, (uint16_t)(size / 4 - 1));
    return p + HEADER;
}

static uint8_t *put_block(uint8_t *p, const struct sup_rtcp_block *b)
{
    int32_t lost = b->lost; /* RFC 3550 A.3: clamped to 24 bits */
    lost = lost > 0x7FFFFF ? 0x7FFFFF : lost < -0x800000 ? -0x800000 : lost;
    put32(p, b->ssrc);
    put32(p + 4, (uint32_t)b->fraction_lost << 24 | ((uint32_t)lost & 0xFFFFFF));
    put32(p + 8, b->ext_seq);
    put32(p + 12, b->jitter);
    put32(p + 16, b->lsr);
    put32(p + 20, b->dlsr);
    return p + BLOCK_LEN;
}

static uint8_t *put_report(uint8_t *p, const struct sup_rtcp_write_opts *o, size_t size)
{
    p = put_header(p, o->block_count, o->sender ? TYPE_SR : TYPE_RR, size);
    put32(p, o->ssrc);
    p += 4;
    if (o->sender) {
        put32(p, (uint32_t)(o->sender->ntp >> 32));
        put32(p + 4, (uint32_t)o->sender->ntp);
        put32(p + 8, o->sender->rtp_ts);
        put32(p + 12, o->sender->packets);
        put32(p + 16, o->sender->octets);
        p += SENDER_LEN;
    }
    for (size_t i = 0; i < o->block_count; i++)
        p = put_block(p, &o->blocks[i]);
    return p;
}

static uint8_t *put_sdes(uint8_t *p, const struct sup_rtcp_write_opts *o, size_t size)
{
    size_t len = strlen(o->cname);
    uint8_t *end = p + size;
    p = put_header(p, 1, TYPE_SDES, size);
    put32(p, o->ssrc);
    p[4] = SDES_CNAME;
    p[5] = (uint8_t)len;
    memcpy(p + 6, o->cname, len);
    memset(p + 6 + len, 0, (size_t)(end - (p + 6 + len)));
    return end;
}

sup_err sup_rtcp_write(const struct sup_rtcp_write_opts *opts, uint8_t *buf, size_t cap,
                       size_t *ret_len)
{
    assert(opts && buf && ret_len);
    size_t name = opts->cname ? strlen(opts->cname) : 0;
    if (name == 0 || name > SUP_RTCP_CNAME_MAX || opts->block_count > SUP_RTCP_BLOCKS_MAX ||
        (opts->block_count && !opts->blocks))
        return SUP_E_INVAL;
    size_t report = HEADER + 4 + (opts->sender ? SENDER_LEN : 0u) + opts->block_count * BLOCK_LEN;
    size_t sdes = HEADER + 4 + ((2 + name + 1 + 3) & ~(size_t)3); /* item, zero, filled up */
    size_t bye = opts->bye ? HEADER + 4 : 0u;
    if (report + sdes + bye > cap)
        return SUP_E_LIMIT;
    uint8_t *p = put_report(buf, opts, report);
    p = put_sdes(p, opts, sdes);
    if (opts->bye)
        put32(put_header(p, 1, TYPE_BYE, bye), opts->ssrc);
    *ret_len = report + sdes + bye;
    return SUP_OK;
}

uint64_t sup_rtcp_ntp(int64_t wall_us)
{
    uint64_t us = wall_us > 0 ? (uint64_t)wall_us : 0;
    return (us / 1000000 + NTP_EPOCH) << 32 | ((us % 1000000) << 32) / 1000000;
}

bool sup_rtcp_rtt(int64_t arrival_wall_us, uint32_t lsr, uint32_t dlsr, uint32_t *ret_rtt_us)
{
    if (lsr == 0)
        return false;
    uint32_t rtt = (uint32_t)(sup_rtcp_ntp(arrival_wall_us) >> 16) - lsr - dlsr;
    uint64_t us = ((uint64_t)rtt * 1000000) >> 16;
    if (us > RTT_MAX_US) /* below 0 wraps to hours */
        return false;
    *ret_rtt_us = (uint32_t)us;
    return true;
}
