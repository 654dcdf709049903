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
    bool ended;       /* its last page was read */
    unsigned headers; /* OpusHead and OpusTags seen */
    struct sup_hold *hold;
    const char *why;

    uint64_t skip;      /* packets that lie in the pre-skip as a whole, still to come */
    int64_t head_start; /* samples of the pre-skip that are left in the first packet kept */
    size_t packets;     /* of sound, those left out included */
    size_t page_packets;
    int64_t begin, end; /* granule positions: where the first packet begins, where the sound ends */
    bool has_begin;
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
    if (len >= 7 && memcmp(p, "\1vorbis", 7) == 0)
        return refuse(r, SUP_E_UNSUPPORTED, "Ogg Vorbis, not Opus");
    if (len < HEAD_LEN || memcmp(p, "OpusHead", 8) != 0 || p[8] >> 4 != 0)
        return refuse(r, SUP_E_MALFORMED, "not an Ogg Opus file");
    if (p[18] != 0)
        return refuse(r, SUP_E_UNSUPPORTED, "channels by a mapping: only mono and plain stereo");
    if (p[9] < 1 || p[9] > 2)
        return refuse(r, SUP_E_UNSUPPORTED, "neither mono nor stereo");
    if (p[16] || p[17])
        return refuse(r, SUP_E_UNSUPPORTED,
                      "the output gain is not 0: listeners would not apply it");
    unsigned pre_skip = p[10] | (unsigned)p[11] << 8;
    r->skip = pre_skip / SUP_HOLD_PACKET_SAMPLES;
    r->head_start = pre_skip % SUP_HOLD_PACKET_SAMPLES;
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
    r->packets++;
    r->page_packets++;
    if (r->skip > 0) {
        r->skip--;
        return SUP_OK;
    }
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

/* What the player's loop would hear as a gap: whole packets of padding. What is left of the
 * pre-skip in the first one counts, so that the beat stays (RFC 7845 sections 4.3 and 4.4). */
static void drop_padding(struct ogg_reader *r)
{
    int64_t lasts = (int64_t)r->packets * SUP_HOLD_PACKET_SAMPLES;
    if (!r->has_begin || r->end < r->begin || r->end - r->begin > lasts)
        return;
    int64_t surplus = lasts - (r->end - r->begin) + r->head_start;
    for (size_t n = r->page_packets; n > 0 && r->hold->count > 1; n--) {
        surplus -= SUP_HOLD_PACKET_SAMPLES;
        if (surplus < 0)
            break;
        r->hold->count--;
        r->hold->len = r->hold->ends[r->hold->count - 1];
    }
}

static void take_granule(struct ogg_reader *r, int64_t granule)
{
    if (r->page_packets == 0 || granule < 0)
        return;
    int64_t lasts = (int64_t)r->page_packets * SUP_HOLD_PACKET_SAMPLES;
    if (!r->has_begin) /* less than that: the first page is the last, and cut at its end */
        r->begin = granule > lasts ? granule - lasts : 0;
    r->has_begin = true;
    r->end = granule;
}

static sup_err open_stream(struct ogg_reader *r, ogg_page *page)
{
    if (r->has_stream)
        return refuse(r, SUP_E_UNSUPPORTED,
                      r->ended ? "several streams one behind the other: make a file of each"
                               : "several streams beside each other");
    if (ogg_stream_init(&r->stream, ogg_page_serialno(page)))
        return refuse(r, SUP_E_NOMEM, "out of memory");
    r->has_stream = true;
    return SUP_OK;
}

static sup_err read_page(struct ogg_reader *r, ogg_page *page)
{
    sup_err err = ogg_page_bos(page) ? open_stream(r, page) : SUP_OK;
    if (err)
        return err;
    if (!r->has_stream)
        return refuse(r, SUP_E_MALFORMED, "the beginning is missing");
    if (r->ended || ogg_page_serialno(page) != r->stream.serialno)
        return refuse(r, SUP_E_MALFORMED, "a page that belongs to no stream");
    if (ogg_stream_pagein(&r->stream, page))
        return refuse(r, SUP_E_MALFORMED, "a damaged page");
    ogg_packet packet;
    int got;
    r->page_packets = 0;
    while ((got = ogg_stream_packetout(&r->stream, &packet)) == 1) {
        err = read_packet(r, &packet);
        if (err)
            return err;
    }
    take_granule(r, ogg_page_granulepos(page));
    r->ended = ogg_page_eos(page);
    return got < 0 ? refuse(r, SUP_E_MALFORMED, "a page is missing") : SUP_OK;
}

static sup_err read_pages(struct ogg_reader *r)
{
    ogg_page page;
    int got;
    while ((got = ogg_sync_pageout(&r->sync, &page)) != 0) {
        if (got < 0)
            return refuse(r, SUP_E_MALFORMED,
                          !r->has_stream ? "not an Ogg file"
                          : r->ended     ? "something else behind its end"
                                         : "a damaged page");
        sup_err err = read_page(r, &page);
        if (err)
            return err;
    }
    return SUP_OK;
}

static sup_err read_stream(struct ogg_reader *r, const uint8_t *data, size_t len)
{
    for (size_t off = 0; off < len;) {
        size_t n = len - off < FEED ? len - off : FEED;
        char *room = ogg_sync_buffer(&r->sync, (long)n);
        if (!room)
            return SUP_E_NOMEM;
        memcpy(room, data + off, n);
        off += n;
        if (ogg_sync_wrote(&r->sync, (long)n))
            return SUP_E_NOMEM;
        sup_err err = read_pages(r);
        if (err)
            return err;
    }
    if (len == 0)
        return refuse(r, SUP_E_MALFORMED, "empty");
    if (!r->has_stream)
        return refuse(r, SUP_E_MALFORMED, "not an Ogg file");
    if (!r->ended)
        return refuse(r, SUP_E_MALFORMED, "cut off: its end is missing");
    if (r->hold->count == 0)
        return refuse(r, SUP_E_MALFORMED, "no audio in it");
    drop_padding(r);
    return SUP_OK;
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
    uint8_t *data = sup_malloc(len ? len : 1);
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
