#include "supportd/media/rtp.h"

#include <assert.h>
#include <string.h>

enum {
    RTP_VERSION = 2,
    ONE_BYTE = 0xBEDE,    /* RFC 8285 section 4.2 */
    TWO_BYTE = 0x1000,    /* section 4.3; the low 4 bits are appbits */
    ONE_BYTE_STOP = 15,   /* reserved: ends the walk */
    ONE_BYTE_ID_MAX = 14, /* a greater id needs the two-byte form */
};

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

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

sup_err sup_rtp_parse(const uint8_t *pkt, size_t len, struct sup_rtp_hdr *ret_hdr)
{
    assert(pkt && ret_hdr);
    if (len < SUP_RTP_HEADER_LEN || pkt[0] >> 6 != RTP_VERSION)
        return SUP_E_MALFORMED;
    struct sup_rtp_hdr h = {
        .marker = pkt[1] >> 7,
        .payload_type = pkt[1] & 0x7F,
        .seq = get16(pkt + 2),
        .ts = get32(pkt + 4),
        .ssrc = get32(pkt + 8),
    };
    size_t off = SUP_RTP_HEADER_LEN + 4u * (pkt[0] & 0x0F);
    if (pkt[0] & 0x10) {
        if (len < off + 4)
            return SUP_E_MALFORMED;
        h.ext_profile = get16(pkt + off);
        h.ext_len = 4u * get16(pkt + off + 2);
        h.ext_off = off + 4;
        off += 4 + h.ext_len;
    }
    if (off > len)
        return SUP_E_MALFORMED;
    size_t padding = 0;
    if (pkt[0] & 0x20) {
        padding = pkt[len - 1];
        if (padding == 0 || padding > len - off)
            return SUP_E_MALFORMED;
    }
    h.payload_off = off;
    h.payload_len = len - off - padding;
    *ret_hdr = h;
    return SUP_OK;
}

bool sup_rtp_ext_next(const uint8_t *pkt, const struct sup_rtp_hdr *hdr, size_t *pos,
                      struct sup_rtp_ext *ret_ext)
{
    assert(pkt && hdr && pos && ret_ext);
    bool one = hdr->ext_profile == ONE_BYTE;
    if (!one && (hdr->ext_profile & 0xFFF0) != TWO_BYTE)
        return false;
    const uint8_t *ext = pkt + hdr->ext_off;
    size_t p = *pos;
    while (p < hdr->ext_len && ext[p] == 0) /* padding between elements */
        p++;
    size_t head = one ? 1 : 2;
    if (p + head > hdr->ext_len)
        return false;
    uint8_t id = one ? ext[p] >> 4 : ext[p];
    size_t len = one ? (ext[p] & 0x0Fu) + 1u : ext[p + 1];
    if ((one && id == ONE_BYTE_STOP) || p + head + len > hdr->ext_len)
        return false;
    *ret_ext = (struct sup_rtp_ext){id, ext + p + head, len};
    *pos = p + head + len;
    return true;
}

bool sup_rtp_get_level(const uint8_t *pkt, const struct sup_rtp_hdr *hdr, uint8_t id,
                       struct sup_rtp_level *ret_level)
{
    struct sup_rtp_ext ext;
    size_t pos = 0;
    if (id == 0)
        return false;
    while (sup_rtp_ext_next(pkt, hdr, &pos, &ext)) {
        if (ext.id != id || ext.len == 0)
            continue;
        *ret_level = (struct sup_rtp_level){.dbov = ext.data[0] & 0x7F, .voice = ext.data[0] >> 7};
        return true;
    }
    return false;
}

size_t sup_rtp_write_header(const struct sup_rtp_out *out, uint8_t *ret_buf)
{
    assert(out && ret_buf && out->payload_type < 128 && out->level.dbov < 128);
    uint8_t *b = ret_buf;
    b[0] = (uint8_t)(RTP_VERSION << 6 | (out->level_id ? 0x10 : 0));
    b[1] = (uint8_t)((out->marker ? 0x80 : 0) | out->payload_type);
    put16(b + 2, out->seq);
    put32(b + 4, out->ts);
    put32(b + 8, out->ssrc);
    if (out->level_id == 0)
        return SUP_RTP_HEADER_LEN;
    uint8_t level = (uint8_t)((out->level.voice ? 0x80 : 0) | out->level.dbov);
    b += SUP_RTP_HEADER_LEN;
    memset(b, 0, SUP_RTP_LEVEL_LEN);
    put16(b + 2, 1); /* words of contents */
    if (out->level_id <= ONE_BYTE_ID_MAX) {
        put16(b, ONE_BYTE);
        b[4] = (uint8_t)(out->level_id << 4); /* length 1 is written as 0 */
        b[5] = level;
    } else {
        put16(b, TWO_BYTE);
        b[4] = out->level_id;
        b[5] = 1;
        b[6] = level;
    }
    return SUP_RTP_HEADER_OUT_MAX;
}

void sup_rtp_rewrite(uint8_t *pkt, const struct sup_rtp_hdr *hdr, const struct sup_rtp_out *out,
                     struct sup_rtp_span *ret_span)
{
    assert(pkt && hdr && out && ret_span);
    uint8_t header[SUP_RTP_HEADER_OUT_MAX];
    struct sup_rtp_out fit = *out;
    if (hdr->payload_off < SUP_RTP_HEADER_OUT_MAX)
        fit.level_id = 0;
    size_t len = sup_rtp_write_header(&fit, header);
    uint8_t *start = pkt + hdr->payload_off - len;
    memcpy(start, header, len);
    *ret_span = (struct sup_rtp_span){start, len + hdr->payload_len};
}
