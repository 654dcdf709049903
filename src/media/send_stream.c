#include "supportd/media/send_stream.h"

#include <string.h>

enum {
    MAX_JUMP = 3000,   /* RFC 3550 appendix A.1, MAX_DROPOUT: a minute of 20 ms packets */
    FRAME_TICKS = 960, /* 20 ms at 48 kHz */
    SPAN_MAX = 65535,
};

void sup_send_stream_init(struct sup_send_stream *stream, uint32_t ssrc, uint16_t first_seq,
                          uint32_t first_ts)
{
    memset(stream, 0, sizeof(*stream));
    stream->ssrc = ssrc;
    stream->last_seq = (uint16_t)(first_seq - 1);
    stream->last_ts = first_ts;
}

void sup_send_stream_switch(struct sup_send_stream *stream)
{
    stream->mapped = false;
}

static uint32_t ticks_since(const struct sup_send_stream *s, uint64_t now_us)
{
    uint64_t passed = now_us > s->last_us ? now_us - s->last_us : 0;
    return (uint32_t)(passed / 1000 * 48 + passed % 1000 * 48 / 1000);
}

uint32_t sup_send_stream_ts_at(const struct sup_send_stream *stream, uint64_t now_us)
{
    return stream->started ? stream->last_ts + ticks_since(stream, now_us) : stream->last_ts;
}

static void map_anew(struct sup_send_stream *s, const struct sup_rtp_hdr *in, uint64_t now_us)
{
    uint32_t ts = s->last_ts;
    if (s->started) {
        uint32_t passed = ticks_since(s, now_us);
        ts += passed > FRAME_TICKS ? passed : FRAME_TICKS;
    }
    s->mapped = true;
    s->src_ssrc = in->ssrc;
    s->src_high = in->seq;
    s->src_span = 0;
    s->seq_shift = (uint16_t)(s->last_seq + 1 - in->seq);
    s->ts_shift = ts - in->ts;
}

bool sup_send_stream_map(struct sup_send_stream *stream, const struct sup_rtp_hdr *in,
                         uint64_t now_us, struct sup_rtp_out *ret_out)
{
    uint16_t ahead = (uint16_t)(in->seq - stream->src_high);
    bool fresh =
        !stream->mapped || in->ssrc != stream->src_ssrc || (ahead > MAX_JUMP && ahead < 0x8000);
    if (fresh) {
        map_anew(stream, in, now_us);
        ahead = 0;
    }
    if (ahead >= 0x8000) { /* late: its place must lie within this source's part */
        if (0x10000u - ahead > stream->src_span)
            return false;
    } else {
        stream->src_high = in->seq;
        stream->src_span += ahead;
        if (stream->src_span > SPAN_MAX)
            stream->src_span = SPAN_MAX;
        stream->started = true;
        stream->last_seq = (uint16_t)(in->seq + stream->seq_shift);
        stream->last_ts = in->ts + stream->ts_shift;
        stream->last_us = now_us;
    }
    ret_out->ssrc = stream->ssrc;
    ret_out->seq = (uint16_t)(in->seq + stream->seq_shift);
    ret_out->ts = in->ts + stream->ts_shift;
    ret_out->marker = in->marker || fresh;
    return true;
}
