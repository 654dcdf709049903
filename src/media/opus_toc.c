#include "supportd/media/opus_toc.h"

#include <assert.h>

enum {
    FRAME_MAX = 1275, /* RFC 6716 R2 */
    PACKET_US_MAX = 120000,
    SILK_UNIT_US = 20000, /* a SILK frame; a 10 ms one has a flag of its own as well */
};

/* What the rest of the packet is cut into. */
struct cut {
    size_t count;
    const uint8_t *first;
    size_t first_len;
    bool empty; /* no frame has more than one byte */
};

static void read_config(uint8_t toc, struct sup_opus_info *info)
{
    static const uint32_t silk_us[] = {10000, 20000, 40000, 60000};
    static const uint32_t celt_us[] = {2500, 5000, 10000, 20000};
    static const enum sup_opus_bandwidth celt_bandwidth[] = {SUP_OPUS_NB, SUP_OPUS_WB, SUP_OPUS_SWB,
                                                             SUP_OPUS_FB};
    unsigned config = toc >> 3;
    info->stereo = toc & 4;
    if (config < 12) {
        info->mode = SUP_OPUS_SILK;
        info->bandwidth = (enum sup_opus_bandwidth)(config / 4);
        info->frame_us = silk_us[config % 4];
    } else if (config < 16) {
        info->mode = SUP_OPUS_HYBRID;
        info->bandwidth = config < 14 ? SUP_OPUS_SWB : SUP_OPUS_FB;
        info->frame_us = silk_us[config % 2];
    } else {
        info->mode = SUP_OPUS_CELT;
        info->bandwidth = celt_bandwidth[(config - 16) / 4];
        info->frame_us = celt_us[config % 4];
    }
}

/* A frame length of one or two bytes (RFC 6716 section 3.2.1); advances *p. */
static bool read_length(const uint8_t **p, size_t *left, size_t *ret_len)
{
    if (*left < 1)
        return false;
    size_t len = **p, used = 1;
    if (len >= 252) {
        if (*left < 2)
            return false;
        len += 4u * (*p)[1];
        used = 2;
    }
    *p += used;
    *left -= used;
    *ret_len = len;
    return true;
}

/* count frames of equal length: codes 0, 1 and 3 without VBR. */
static bool cut_equal(const uint8_t *p, size_t left, size_t count, struct cut *ret_cut)
{
    if (left % count != 0 || left / count > FRAME_MAX)
        return false;
    *ret_cut = (struct cut){count, p, left / count, left / count <= 1};
    return true;
}

/* count frames of which all but the last have their lengths in front: code 2, and 3 with VBR. */
static bool cut_lengths(const uint8_t *p, size_t left, size_t count, struct cut *ret_cut)
{
    struct cut c = {.count = count, .empty = true};
    size_t sum = 0, len = 0;
    for (size_t i = 0; i + 1 < count; i++) {
        if (!read_length(&p, &left, &len))
            return false;
        if (i == 0)
            c.first_len = len;
        c.empty = c.empty && len <= 1;
        sum += len;
    }
    if (sum > left || left - sum > FRAME_MAX)
        return false;
    if (count == 1)
        c.first_len = left;
    c.empty = c.empty && left - sum <= 1;
    c.first = p;
    *ret_cut = c;
    return true;
}

/* Code 3: a count byte, optional padding, then the frames (section 3.2.5). */
static bool cut_counted(const uint8_t *p, size_t left, uint32_t frame_us, struct cut *ret_cut)
{
    if (left < 1)
        return false;
    bool vbr = *p & 0x80, padded = *p & 0x40;
    size_t count = *p & 0x3F;
    p++;
    left--;
    if (count == 0 || count * frame_us > PACKET_US_MAX)
        return false;
    while (padded) {
        if (left < 1)
            return false;
        size_t padding = *p == 255 ? 254 : *p;
        padded = *p == 255; /* 255: 254 bytes and another length follows */
        p++;
        left--;
        if (padding > left)
            return false;
        left -= padding;
    }
    return vbr ? cut_lengths(p, left, count, ret_cut) : cut_equal(p, left, count, ret_cut);
}

static bool cut_frames(const uint8_t *payload, size_t len, uint32_t frame_us, struct cut *ret_cut)
{
    const uint8_t *p = payload + 1;
    switch (payload[0] & 3) {
    case 0:
        return cut_equal(p, len - 1, 1, ret_cut);
    case 1:
        return cut_equal(p, len - 1, 2, ret_cut);
    case 2:
        return cut_lengths(p, len - 1, 2, ret_cut);
    default:
        return cut_counted(p, len - 1, frame_us, ret_cut);
    }
}

/* The bits of each channel: one VAD flag a SILK frame, then the LBRR flag. They are coded with even
 * odds at the start of the range coder, which makes them plain bits. */
static void read_flags(uint8_t bits, struct sup_opus_info *info)
{
    unsigned units = info->frame_us <= SILK_UNIT_US ? 1 : info->frame_us / SILK_UNIT_US;
    unsigned vad_mask = (1u << units) - 1;
    unsigned channel = (unsigned)bits >> (7 - units); /* VAD flags and LBRR of mid, right-aligned */
    info->lbrr = channel & 1;
    info->voice = channel >> 1 & vad_mask;
    if (info->stereo) {
        channel = (unsigned)bits >> (6 - 2 * units);
        info->lbrr = info->lbrr || (channel & 1);
        info->voice = info->voice || (channel >> 1 & vad_mask);
    }
}

sup_err sup_opus_parse(const uint8_t *payload, size_t len, struct sup_opus_info *ret_info)
{
    assert((payload || len == 0) && ret_info);
    struct sup_opus_info info = {0};
    struct cut cut;
    if (len == 0 || len > SUP_OPUS_PACKET_MAX)
        return SUP_E_MALFORMED;
    read_config(payload[0], &info);
    if (!cut_frames(payload, len, info.frame_us, &cut))
        return SUP_E_MALFORMED;
    info.frames = (uint8_t)cut.count;
    info.duration_us = info.frame_us * (uint32_t)cut.count;
    info.samples = info.duration_us / 500 * 24;
    info.dtx = cut.empty;
    if (info.mode != SUP_OPUS_CELT && cut.first_len > 1)
        read_flags(cut.first[0], &info);
    *ret_info = info;
    return SUP_OK;
}

const char *sup_opus_bandwidth_name(enum sup_opus_bandwidth bandwidth)
{
    static const char *const names[] = {"nb", "mb", "wb", "swb", "fb"};
    return (unsigned)bandwidth <= SUP_OPUS_FB ? names[bandwidth] : "unknown";
}
