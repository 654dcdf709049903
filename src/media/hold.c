#include "supportd/media/hold.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ogg/ogg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hold_internal.h"
#include "supportd/base/mem.h"
#include "supportd/media/opus_toc.h"

/* Packet n is data[ends[n - 1]] .. data[ends[n]], ends[-1] being 0. */
struct sup_hold {
    uint8_t *data;
    size_t len, cap;
    uint32_t *ends;
    size_t count, ends_cap;
};

struct ogg_reader {
    ogg_sync_state sync;
    ogg_stream_state stream;
    bool has_stream;
    unsigned headers; /* OpusHead and OpusTags seen */
    struct sup_hold *hold;
    const char *why;
};

enum { HEAD_LEN = 19, FEED = 8192, GROW_BYTES = 16384, GROW_PACKETS = 512 };

sup_err hold_create(struct sup_hold **ret_hold)
{
    *ret_hold = sup_calloc(1, sizeof(**ret_hold));
    return *ret_hold ? SUP_OK : SUP_E_NOMEM;
}

sup_err hold_add(struct sup_hold *hold, const uint8_t *data, size_t len)
{
    if (hold->count == SUP_HOLD_PACKETS_MAX)
        return SUP_E_LIMIT;
    if (hold->len + len > hold->cap) {
        size_t cap = hold->cap * 2 > hold->len + len ? hold->cap * 2 : hold->len + len + GROW_BYTES;
        uint8_t *grown = sup_realloc(hold->data, cap);
        if (!grown)
            return SUP_E_NOMEM;
        hold->data = grown;
        hold->cap = cap;
    }
    if (hold->count == hold->ends_cap) {
        size_t cap = hold->ends_cap * 2 + GROW_PACKETS;
        uint32_t *grown = sup_realloc(hold->ends, cap * sizeof(*grown));
        if (!grown)
            return SUP_E_NOMEM;
        hold->ends = grown;
        hold->ends_cap = cap;
    }
    memcpy(hold->data + hold->len, data, len);
    hold->len += len;
    hold->ends[hold->count++] = (uint32_t)hold->len;
    return SUP_OK;
}

sup_err sup_hold_append(struct sup_hold *hold, const struct sup_hold *more)
{
    assert(hold && more && hold != more);
    sup_err err = SUP_OK;
    for (uint64_t n = 0; !err && n < more->count; n++) {
        struct sup_hold_packet packet = sup_hold_packet(more, n);
        err = hold_add(hold, packet.data, packet.len);
    }
    return err;
}

void sup_hold_destroy(struct sup_hold *hold)
{
    if (!hold)
        return;
    sup_free(hold->data);
    sup_free(hold->ends);
    sup_free(hold);
}

static sup_err refuse(struct ogg_reader *r, sup_err err, const char *why)
{
    r->why = why;
    return err;
}

/* RFC 7845 section 5.1. */
static sup_err read_head(struct ogg_reader *r, const uint8_t *p, size_t len)
{
    if (len < HEAD_LEN || memcmp(p, "OpusHead", 8) != 0 || p[8] >> 4 != 0)
        return refuse(r, SUP_E_MALFORMED, "not an Ogg Opus file");
    if (p[18] != 0 || p[9] < 1 || p[9] > 2)
        return refuse(r, SUP_E_UNSUPPORTED, "more than two channels");
    if (p[16] || p[17])
        return refuse(r, SUP_E_UNSUPPORTED,
                      "the output gain is not 0: listeners would not apply it");
    return SUP_OK;
}

static sup_err read_audio(struct ogg_reader *r, const uint8_t *p, size_t len)
{
    struct sup_opus_info info;
    if (sup_opus_parse(p, len, &info))
        return refuse(r, SUP_E_MALFORMED, "a packet is not Opus");
    if (info.duration_us != SUP_HOLD_PACKET_US)
        return refuse(r, SUP_E_UNSUPPORTED,
                      "packets must last 20 ms each (opusenc --framesize 20)");
    sup_err err = hold_add(r->hold, p, len);
    return err == SUP_E_LIMIT ? refuse(r, err, "longer than 30 minutes") : err;
}

static sup_err read_packet(struct ogg_reader *r, const ogg_packet *packet)
{
    const uint8_t *p = packet->packet;
    size_t len = (size_t)packet->bytes;
    if (r->headers == 0) {
        r->headers++;
        return read_head(r, p, len);
    }
    if (r->headers == 1) {
        r->headers++;
        return len >= 8 && memcmp(p, "OpusTags", 8) == 0
                   ? SUP_OK
                   : refuse(r, SUP_E_MALFORMED, "the comment header is missing");
    }
    return read_audio(r, p, len);
}

/* *ret_end: the stream's last page was read. */
static sup_err read_page(struct ogg_reader *r, ogg_page *page, bool *ret_end)
{
    if (!r->has_stream) {
        if (!ogg_page_bos(page) || ogg_stream_init(&r->stream, ogg_page_serialno(page)))
            return refuse(r, SUP_E_MALFORMED, "not an Ogg file");
        r->has_stream = true;
    }
    if (ogg_page_serialno(page) != r->stream.serialno)
        return SUP_OK; /* another stream beside ours */
    if (ogg_stream_pagein(&r->stream, page))
        return refuse(r, SUP_E_MALFORMED, "a damaged page");
    ogg_packet packet;
    int got;
    while ((got = ogg_stream_packetout(&r->stream, &packet)) == 1) {
        sup_err err = read_packet(r, &packet);
        if (err)
            return err;
    }
    *ret_end = ogg_page_eos(page);
    return got < 0 ? refuse(r, SUP_E_MALFORMED, "a page is missing") : SUP_OK;
}

static sup_err read_stream(struct ogg_reader *r, const uint8_t *data, size_t len)
{
    bool end = false;
    for (size_t off = 0; off < len && !end;) {
        size_t n = len - off < FEED ? len - off : FEED;
        char *room = ogg_sync_buffer(&r->sync, (long)n);
        if (!room)
            return SUP_E_NOMEM;
        memcpy(room, data + off, n);
        off += n;
        if (ogg_sync_wrote(&r->sync, (long)n))
            return SUP_E_NOMEM;
        ogg_page page;
        int got;
        while (!end && (got = ogg_sync_pageout(&r->sync, &page)) != 0) {
            if (got < 0)
                return refuse(r, SUP_E_MALFORMED, "not an Ogg file, or a damaged one");
            sup_err err = read_page(r, &page, &end);
            if (err)
                return err;
        }
    }
    return r->hold->count ? SUP_OK : refuse(r, SUP_E_MALFORMED, "no audio in it");
}

sup_err sup_hold_parse(const uint8_t *data, size_t len, struct sup_hold **ret_hold,
                       const char **ret_why)
{
    assert((data || len == 0) && ret_hold);
    struct ogg_reader r = {.why = "out of memory"};
    if (len > SUP_HOLD_FILE_MAX) {
        if (ret_why)
            *ret_why = "larger than 32 MiB";
        return SUP_E_LIMIT;
    }
    sup_err err = hold_create(&r.hold);
    if (!err) {
        ogg_sync_init(&r.sync);
        err = read_stream(&r, data, len);
        if (r.has_stream)
            ogg_stream_clear(&r.stream);
        ogg_sync_clear(&r.sync);
    }
    if (err) {
        sup_hold_destroy(r.hold);
        if (ret_why)
            *ret_why = r.why;
        return err;
    }
    *ret_hold = r.hold;
    return SUP_OK;
}

static sup_err read_all(int fd, uint8_t **ret_data, size_t *ret_len, const char **ret_why)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        *ret_why = "not a regular file";
        return SUP_E_IO;
    }
    if (st.st_size > SUP_HOLD_FILE_MAX) {
        *ret_why = "larger than 32 MiB";
        return SUP_E_LIMIT;
    }
    size_t len = (size_t)st.st_size, off = 0;
    uint8_t *data = sup_malloc(len);
    if (!data) {
        *ret_why = "out of memory";
        return SUP_E_NOMEM;
    }
    while (off < len) {
        ssize_t n = read(fd, data + off, len - off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            sup_free(data);
            *ret_why = "cannot be read";
            return SUP_E_IO;
        }
        off += (size_t)n;
    }
    *ret_data = data;
    *ret_len = len;
    return SUP_OK;
}

sup_err sup_hold_open(const char *path, struct sup_hold **ret_hold, const char **ret_why)
{
    assert(path && ret_hold);
    const char *why = "cannot be opened";
    uint8_t *data = NULL;
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang the start */
    sup_err err =
        fd >= 0 ? read_all(fd, &data, &len, &why) : (errno == ENOENT ? SUP_E_NOTFOUND : SUP_E_IO);
    if (fd >= 0)
        close(fd);
    if (!err)
        err = sup_hold_parse(data, len, ret_hold, &why);
    sup_free(data);
    if (err && ret_why)
        *ret_why = why;
    return err;
}

size_t sup_hold_count(const struct sup_hold *hold)
{
    assert(hold);
    return hold->count;
}

uint64_t sup_hold_duration_us(const struct sup_hold *hold)
{
    assert(hold);
    return (uint64_t)hold->count * SUP_HOLD_PACKET_US;
}

struct sup_hold_packet sup_hold_packet(const struct sup_hold *hold, uint64_t n)
{
    assert(hold && hold->count);
    size_t i = (size_t)(n % hold->count);
    size_t start = i ? hold->ends[i - 1] : 0;
    return (struct sup_hold_packet){hold->data + start, hold->ends[i] - start};
}
