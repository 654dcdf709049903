#include <assert.h>
#include <string.h>

#include "net_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"

sup_err sup_http_stream(struct sup_http_request *req, unsigned status, const char *content_type,
                        uint64_t len, const struct sup_http_source *source, void *arg)
{
    struct sup_http_stream *stream = sup_calloc(1, sizeof(*stream));
    if (!stream) {
        (void)sup_http_reply(req, 503, NULL, NULL, 0);
        return SUP_E_NOMEM;
    }
    *stream = (struct sup_http_stream){.source = source, .arg = arg, .left = len};
    struct reply_parts parts = {.status = status, .content_type = content_type, .stream = stream};
    sup_err err = sup_net_reply(req, &parts);
    if (err)
        sup_free(stream);
    return err;
}

bool sup_net_stream_ask(struct sup_net_conn *conn)
{
    struct sup_http_stream *stream = conn->stream;
    if (!stream || stream->left == 0)
        return false;
    conn->deadline_us = sup_clock_mono_us() + conn->server->limits.reply_timeout_ms * 1000ull;
    if (!stream->asked) {
        stream->asked = true;
        stream->source->want(stream, stream->arg);
    }
    return true;
}

void sup_net_stream_end(struct sup_net_conn *conn)
{
    struct sup_http_stream *stream = conn->stream;
    conn->stream = NULL;
    if (!stream)
        return;
    stream->source->over(stream->arg);
    sup_free(stream);
}

void sup_http_stream_put(struct sup_http_stream *stream, const void *data, size_t len)
{
    struct sup_net_conn *conn = stream->conn;
    assert(stream->asked && len > 0 && len <= stream->left);
    struct conn_out *out = &conn->out;
    if (out->block)
        sup_wipe(out->block, LWS_PRE + out->len);
    sup_free(out->block);
    *out = (struct conn_out){.block = sup_malloc(LWS_PRE + len), .len = len};
    if (!out->block) {
        out->len = 0;
        sup_http_stream_abort(stream);
        return;
    }
    memcpy(out->block + LWS_PRE, data, len);
    stream->left -= len;
    stream->asked = false;
    sup_net_conn_ready(conn);
}

void sup_http_stream_abort(struct sup_http_stream *stream)
{
    struct sup_net_conn *conn = stream->conn;
    conn->state = CONN_KILL;
    sup_net_stream_end(conn);
    sup_net_conn_ready(conn);
}
