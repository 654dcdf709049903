/* The reader of hold music and prompts. The input as a file; and as packets in pages with right
 * checksums, for what lies behind those: a byte of flags and a length before each packet. What is
 * accepted consists of Opus packets of 20 ms, what is refused has a reason. */
#include <ogg/ogg.h>
#include <stdlib.h>
#include <string.h>

#include "supportd/base/mem.h"
#include "supportd/media/hold.h"
#include "supportd/media/opus_toc.h"

enum { FILE_MAX = 65536, BEGINS = 1, ENDS = 2, FLUSHES = 4, OTHER = 8, FAR = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_file(const uint8_t *data, size_t size)
{
    struct sup_hold *hold = NULL;
    const char *why = NULL;
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    sup_err err = sup_hold_parse(copy, size, &hold, &why);
    free(copy);
    if (err ? hold || !why : why || sup_hold_count(hold) == 0)
        abort();
    for (uint64_t n = 0; !err && n < sup_hold_count(hold); n++) {
        struct sup_hold_packet packet = sup_hold_packet(hold, n);
        struct sup_opus_info info;
        if (sup_opus_parse(packet.data, packet.len, &info) || info.duration_us != 20000)
            abort();
    }
    sup_hold_destroy(hold);
    if (sup_mem_live())
        abort();
}

static size_t add_page(const ogg_page *page, uint8_t *to, size_t at)
{
    size_t head = (size_t)page->header_len, body = (size_t)page->body_len;
    if (at + head + body > FILE_MAX)
        return at;
    memcpy(to + at, page->header, head);
    memcpy(to + at + head, page->body, body);
    return at + head + body;
}

static void read_packets(const uint8_t *data, size_t size)
{
    static uint8_t file[FILE_MAX];
    ogg_stream_state streams[2];
    ogg_page page;
    size_t len = 0;
    ogg_int64_t packets[2] = {0, 0}, granule = 0;
    if (ogg_stream_init(&streams[0], 1) || ogg_stream_init(&streams[1], 2))
        abort();
    for (size_t at = 0; at + 2 <= size;) {
        uint8_t flags = data[at];
        size_t n = data[at + 1], left = size - at - 2;
        ogg_stream_state *os = &streams[flags & OTHER ? 1 : 0];
        n = n < left ? n : left;
        granule += flags & FAR ? -100000 : 960;
        ogg_packet packet = {.packet = (uint8_t *)(uintptr_t)(data + at + 2),
                             .bytes = (long)n,
                             .b_o_s = flags & BEGINS,
                             .e_o_s = flags & ENDS,
                             .granulepos = granule,
                             .packetno = packets[flags & OTHER ? 1 : 0]++};
        if (ogg_stream_packetin(os, &packet))
            break;
        while (flags & FLUSHES ? ogg_stream_flush(os, &page) : ogg_stream_pageout(os, &page))
            len = add_page(&page, file, len);
        at += 2 + n;
    }
    for (int i = 0; i < 2; i++) {
        while (ogg_stream_flush(&streams[i], &page))
            len = add_page(&page, file, len);
        ogg_stream_clear(&streams[i]);
    }
    read_file(file, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_file(data, size);
    read_packets(data, size);
    return 0;
}
