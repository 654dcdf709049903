#include <string.h>

#include "recorder_internal.h"
#include "supportd/base/id.h"

sup_err rec_ogg_flush(struct rec_ogg *ogg, struct sup_buf *out)
{
    ogg_page page;
    while (ogg_stream_flush(&ogg->stream, &page)) {
        sup_err err = sup_buf_add(out, page.header, (size_t)page.header_len);
        if (!err)
            err = sup_buf_add(out, page.body, (size_t)page.body_len);
        if (err)
            return err;
    }
    return SUP_OK;
}

sup_err rec_ogg_add(struct rec_ogg *ogg, const uint8_t *data, size_t len, uint64_t granule,
                    bool last)
{
    uint8_t copy[1500];
    if (len > sizeof(copy))
        return SUP_E_INVAL;
    memcpy(copy, data, len); /* libogg's packet is not const */
    ogg_packet packet = {
        .packet = copy,
        .bytes = (long)len,
        .b_o_s = ogg->number == 0,
        .e_o_s = last,
        .granulepos = (ogg_int64_t)granule,
        .packetno = ogg->number,
    };
    ogg->number++;
    return ogg_stream_packetin(&ogg->stream, &packet) == 0 ? SUP_OK : SUP_E_NOMEM;
}

/* RFC 7845 section 5.1: mapping family 0, no gain. */
static sup_err add_head(struct rec_ogg *ogg, unsigned channels)
{
    uint8_t head[19] = "OpusHead";
    head[8] = 1;
    head[9] = (uint8_t)channels;
    head[10] = REC_PRE_SKIP & 0xFF;
    head[11] = REC_PRE_SKIP >> 8;
    head[12] = 48000 & 0xFF;
    head[13] = 48000 >> 8;
    return rec_ogg_add(ogg, head, sizeof(head), 0, false);
}

static size_t put_text(uint8_t *p, const char *key, const char *value)
{
    size_t n = strlen(key), m = strlen(value), len = n + m;
    p[0] = (uint8_t)len;
    p[1] = p[2] = p[3] = 0;
    memcpy(p + 4, key, n);
    memcpy(p + 4 + n, value, m);
    return 4 + len;
}

/* Section 5.2. */
static sup_err add_tags(struct rec_ogg *ogg, const char *title)
{
    uint8_t tags[256] = "OpusTags";
    size_t len = 8;
    len += put_text(tags + len, "", "supportd");
    tags[len] = title ? 1 : 0;
    len += 4;
    if (title && strlen(title) < 100)
        len += put_text(tags + len, "TITLE=", title);
    else
        tags[len - 4] = 0;
    return rec_ogg_add(ogg, tags, len, 0, false);
}

sup_err rec_ogg_open(struct rec_ogg *ogg, unsigned channels, const char *title, struct sup_buf *out)
{
    int serial;
    sup_random(&serial, sizeof(serial));
    if (ogg_stream_init(&ogg->stream, serial) != 0)
        return SUP_E_NOMEM;
    ogg->open = true;
    ogg->number = 0;
    sup_err err = add_head(ogg, channels);
    if (!err)
        err = rec_ogg_flush(ogg, out); /* each header ends a page */
    if (!err)
        err = add_tags(ogg, title);
    if (!err)
        err = rec_ogg_flush(ogg, out);
    return err;
}

void rec_ogg_close(struct rec_ogg *ogg)
{
    if (ogg->open)
        (void)ogg_stream_clear(&ogg->stream);
    ogg->open = false;
}
