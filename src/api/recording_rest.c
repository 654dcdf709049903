#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/call/call_store.h"
#include "supportd/call/recording.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

enum {
    LIST_MAX = 200,
    LIST_DEFAULT = 50,
    PIECE = 65536,
    STEP_MS = 100,
    OPENED_US = 600 * 1000000, /* one opening is one audit row, however many ranges a player asks */
};

/* --- start, pause, stop --- */

struct set_fields {
    const char *state;
};

static void on_state(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err)
        api_op_fail_db(op, reply);
    else if (sup_pg_rows(reply->rows) != 1)
        api_op_fail(op, "call_not_found", NULL, NULL);
    else
        api_op_reply(op, 200, NULL,
                     json_pack("{s:o}", "call", sup_row_json(reply->rows, 0, "state")));
}

static void on_recorded(const struct sup_call_end_result *result, void *arg)
{
    struct api_op *op = arg;
    sup_err err = SUP_OK;
    if (result->err && result->code[0])
        api_op_fail(op, result->code, NULL, NULL);
    else if (result->err)
        api_op_fail_err(op, result->err);
    else
        err = sup_call_store_state(op->api->opts.pool, op->actor.text, op->object, on_state, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_recording_set(struct api_op *op)
{
    static const struct sup_json_field fields[] = {
        {"state", SUP_JSON_STRING, true, offsetof(struct set_fields, state), 2, 6},
    };
    struct set_fields in = {0};
    if (!api_op_path_id(op, "call_id", &op->object) || !api_op_read(op, fields, 1, &in))
        return;
    if (strcmp(in.state, "on") != 0 && strcmp(in.state, "paused") != 0 &&
        strcmp(in.state, "off") != 0) {
        api_op_fail(op, "out_of_range", "state: on, paused or off", "state");
        return;
    }
    sup_err err = sup_call_record(op->api->opts.call, op->actor.text, op->object, in.state,
                                  op->request, on_recorded, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- reading rows --- */

static void on_list(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    json_t *items = json_array();
    int rows = sup_pg_rows(reply->rows);
    for (int row = 0; row < rows; row++)
        json_array_append_new(items, sup_row_json(reply->rows, row, "recording"));
    json_t *next =
        rows == op->number[0] ? sup_row_text(reply->rows, rows - 1, "recording_id") : json_null();
    api_op_reply(op, 200, NULL, json_pack("{s:o, s:o}", "items", items, "next", next));
}

static bool query_id(struct api_op *op, const char *name, struct sup_id *ret_id)
{
    const char *text = sup_http_query(op->req, name);
    if (!text || sup_id_parse(text, strlen(text), ret_id) == SUP_OK)
        return true;
    api_op_fail(op, "not_an_id", NULL, name);
    return false;
}

void api_recording_list(struct api_op *op)
{
    struct sup_recording_filter filter = {0};
    if (!query_id(op, "call_id", &filter.call) || !query_id(op, "staff_id", &filter.staff) ||
        !query_id(op, "customer_id", &filter.customer) || !query_id(op, "cursor", &filter.before) ||
        !api_op_query_int(op, "limit", LIST_DEFAULT, 1, LIST_MAX, &op->number[0]))
        return;
    filter.limit = (int)op->number[0];
    sup_err err =
        sup_recording_store_list(op->api->opts.pool, op->actor.text, &filter, on_list, op);
    if (err)
        api_op_fail_err(op, err);
}

static void on_get(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err)
        api_op_fail_db(op, reply);
    else if (sup_pg_rows(reply->rows) != 1)
        api_op_fail(op, "recording_not_found", NULL, NULL);
    else
        api_op_reply(op, 200, NULL,
                     json_pack("{s:o}", "recording", sup_row_json(reply->rows, 0, "recording")));
}

void api_recording_get(struct api_op *op)
{
    if (!api_op_path_id(op, "recording_id", &op->object))
        return;
    sup_err err =
        sup_recording_store_get(op->api->opts.pool, op->actor.text, op->object, on_get, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- a track on its way to a client: files are read on the work queue --- */

struct playing {
    struct sup_link link; /* sup_api::playing, while its work is under way */
    struct sup_api *api;
    struct sup_work *work; /* or NULL */
    struct api_op *op;     /* until the answer begins */
    struct sup_track_place place;
    char path[64];
    struct sup_id recording;
    unsigned number;
    struct sup_track *track;
    struct sup_buf peaks;
    struct sup_http_stream *stream; /* that waits for a piece */
    uint64_t at, left;
    size_t piece_len;
    bool over;
    sup_err err;
    uint8_t piece[PIECE];
};

static void play_free(void *arg)
{
    struct playing *p = arg;
    sup_track_close(p->track);
    sup_buf_fini(&p->peaks);
    sup_wipe(p->piece, sizeof(p->piece));
    sup_free(p);
}

static void play_work(struct playing *p, sup_loop_cb work, sup_loop_cb done)
{
    sup_err err = sup_work_start(p->api->opts.loop, work, done, play_free, p, &p->work);
    if (!err) {
        sup_list_append(&p->api->playing, &p->link);
        return;
    }
    if (p->op)
        api_op_fail_err(p->op, err);
    if (p->stream)
        sup_http_stream_abort(p->stream); /* frees */
    else
        play_free(p);
}

static void play_back(struct playing *p)
{
    sup_list_remove(&p->link);
    p->work = NULL;
}

/* As api_hashing_cancel(). Streams have ended with the server. */
void api_playing_cancel(struct sup_api *api)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &api->playing)
    {
        struct playing *p = SUP_CONTAINER_OF(pos, struct playing, link);
        sup_list_remove(&p->link);
        if (p->op)
            api_op_fail(p->op, "unavailable", NULL, NULL);
        sup_work_cancel(p->work);
    }
}

static void read_work(void *arg)
{
    struct playing *p = arg;
    size_t n = 1, want = p->left < PIECE ? (size_t)p->left : PIECE;
    p->piece_len = 0;
    p->err = SUP_OK;
    while (!p->err && n > 0 && p->piece_len < want) {
        p->err = sup_track_read(p->track, p->at + p->piece_len, p->piece + p->piece_len,
                                want - p->piece_len, &n);
        p->piece_len += p->err ? 0 : n;
    }
}

static void read_done(void *arg)
{
    struct playing *p = arg;
    play_back(p);
    if (p->over) {
        play_free(p);
        return;
    }
    struct sup_http_stream *stream = p->stream;
    p->stream = NULL;
    if (p->err || p->piece_len == 0) {
        sup_log_error("api", "recording not read",
                      SUP_STR("recording", sup_id_text(p->recording).s),
                      SUP_STR("error", sup_err_name(p->err)));
        sup_http_stream_abort(stream);
        return;
    }
    p->at += p->piece_len;
    p->left -= p->piece_len;
    sup_http_stream_put(stream, p->piece, p->piece_len);
}

static void on_want(struct sup_http_stream *stream, void *arg)
{
    struct playing *p = arg;
    p->stream = stream;
    play_work(p, read_work, read_done);
}

static void on_over(void *arg)
{
    struct playing *p = arg;
    p->over = true;
    p->stream = NULL;
    if (!p->work)
        play_free(p);
}

/* --- ranges: RFC 9110 section 14.1.2 --- */

enum range { RANGE_NONE, RANGE_GOOD, RANGE_BAD };

static bool read_number(const char **p, uint64_t *ret)
{
    char *end;
    if (**p < '0' || **p > '9' || strnlen(*p, 40) > 38)
        return false;
    *ret = strtoull(*p, &end, 10);
    *p = end;
    return true;
}

/* One range; whatever else is asked for is answered with the whole. */
static enum range parse_range(const char *text, uint64_t len, uint64_t *from, uint64_t *count)
{
    uint64_t first, last = UINT64_MAX;
    if (!text || strncmp(text, "bytes=", 6) != 0)
        return RANGE_NONE;
    const char *p = text + 6;
    if (*p == '-') {
        p++;
        if (!read_number(&p, &last) || *p)
            return RANGE_NONE;
        last = last < len ? last : len;
        *from = len - last;
        *count = last;
        return last > 0 ? RANGE_GOOD : RANGE_BAD;
    }
    if (!read_number(&p, &first) || *p++ != '-' || (*p && !read_number(&p, &last)) || *p ||
        last < first)
        return RANGE_NONE;
    if (first >= len)
        return RANGE_BAD;
    *from = first;
    *count = (last < len ? last + 1 : len) - first;
    return RANGE_GOOD;
}

static void open_work(void *arg)
{
    struct playing *p = arg;
    p->err = sup_track_open(p->place, p->path, p->recording, p->number, &p->track);
}

static void fail_file(struct playing *p)
{
    sup_log_error("api", "recording not opened", SUP_STR("recording", sup_id_text(p->recording).s),
                  SUP_STR("error", sup_err_name(p->err)));
    api_op_fail(p->op, "unavailable", "its file cannot be read here", NULL);
    play_free(p);
}

static void begin_stream(struct playing *p, bool part, uint64_t len)
{
    static const struct sup_http_source source = {on_want, on_over};
    char value[96];
    struct api_op *op = p->op;
    (void)snprintf(value, sizeof(value), "bytes %llu-%llu/%llu", (unsigned long long)p->at,
                   (unsigned long long)(p->at + p->left - 1), (unsigned long long)len);
    sup_err err = sup_http_set_header(op->req, "Accept-Ranges", "bytes");
    if (!err && part)
        err = sup_http_set_header(op->req, "Content-Range", value);
    if (err) {
        api_op_fail_err(op, err);
        play_free(p);
        return;
    }
    p->op = NULL;
    if (sup_http_stream(op->req, part ? 206 : 200, "audio/ogg", p->left, &source, p))
        play_free(p);
    api_op_free(op);
}

static void open_done(void *arg)
{
    struct playing *p = arg;
    play_back(p);
    if (p->err) {
        fail_file(p);
        return;
    }
    char value[48];
    uint64_t len = sup_track_len(p->track);
    p->left = len;
    enum range range = parse_range(sup_http_header(p->op->req, "range"), len, &p->at, &p->left);
    if (range != RANGE_BAD) {
        begin_stream(p, range == RANGE_GOOD, len);
        return;
    }
    (void)snprintf(value, sizeof(value), "bytes */%llu", (unsigned long long)len);
    (void)(sup_http_set_header(p->op->req, "Content-Range", value) == SUP_OK);
    api_op_fail(p->op, "range_refused", NULL, NULL);
    play_free(p);
}

/* --- peaks --- */

static void peaks_work(void *arg)
{
    struct playing *p = arg;
    p->err = sup_track_peaks(p->place, p->path, p->recording, p->number, &p->peaks);
}

static void peaks_done(void *arg)
{
    struct playing *p = arg;
    play_back(p);
    if (p->err) {
        fail_file(p);
        return;
    }
    json_t *peaks = json_array();
    for (size_t i = 0; i < p->peaks.len; i++)
        json_array_append_new(peaks, json_integer((uint8_t)p->peaks.data[i]));
    api_op_reply(p->op, 200, NULL, json_pack("{s:i, s:o}", "step_ms", STEP_MS, "peaks", peaks));
    play_free(p);
}

/* --- both --- */

static struct playing *play_new(struct api_op *op, struct sup_pg_result *rows)
{
    struct playing *p = sup_calloc(1, sizeof(*p));
    if (!p) {
        api_op_fail_err(op, SUP_E_NOMEM);
        return NULL;
    }
    p->api = op->api;
    p->place = sup_call_track_place(op->api->opts.call);
    p->op = op;
    p->recording = op->object;
    p->number = (unsigned)op->number[0];
    (void)snprintf(p->path, sizeof(p->path), "%s", sup_row_str(rows, 0, "path"));
    return p;
}

static void on_play(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    if (sup_pg_rows(reply->rows) != 1 ||
        op->number[0] >= sup_row_number(reply->rows, 0, "tracks")) {
        api_op_fail(op, "recording_not_found", NULL, NULL);
        return;
    }
    const char *state = sup_row_str(reply->rows, 0, "state");
    bool whole = strcmp(state, "ended") == 0 || strcmp(state, "broken") == 0;
    if (op->number[1] && !whole) {
        api_op_fail(op, "not_allowed_now", NULL, NULL);
        return;
    }
    struct playing *p = play_new(op, reply->rows);
    if (p && op->number[1])
        play_work(p, peaks_work, peaks_done);
    else if (p)
        play_work(p, open_work, open_done);
}

static bool read_track(struct api_op *op)
{
    const char *track = sup_http_param(op->req, "track");
    if (!api_op_path_id(op, "recording_id", &op->object))
        return false;
    op->number[0] = track[0] - '0';
    if (track[0] >= '0' && track[0] <= '9' && !track[1])
        return true;
    api_op_fail(op, "recording_not_found", NULL, NULL);
    return false;
}

/* True the first time, and again ten minutes later. */
static bool opens(struct sup_api *api, struct sup_id person, struct sup_id recording)
{
    uint64_t now = sup_clock_mono_us();
    for (size_t i = 0; i < API_OPENINGS; i++) {
        const struct api_opening *o = &api->openings[i];
        if (sup_id_equal(o->person, person) && sup_id_equal(o->recording, recording) &&
            now - o->at_us < OPENED_US)
            return false;
    }
    api->openings[api->opening_next++ % API_OPENINGS] =
        (struct api_opening){person, recording, now};
    return true;
}

void api_recording_track(struct api_op *op)
{
    if (!read_track(op))
        return;
    struct sup_pg_pool *pool = op->api->opts.pool;
    sup_err err = opens(op->api, op->actor.id, op->object)
                      ? sup_recording_store_play(pool, op->actor.text, op->object,
                                                 (int)op->number[0], op->request, on_play, op)
                      : sup_recording_store_get(pool, op->actor.text, op->object, on_play, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_recording_waveform(struct api_op *op)
{
    if (!read_track(op))
        return;
    op->number[1] = 1;
    sup_err err =
        sup_recording_store_get(op->api->opts.pool, op->actor.text, op->object, on_play, op);
    if (err)
        api_op_fail_err(op, err);
}

/* --- card data in the chat of a call --- */

static bool is_secret(const char *category)
{
    static const char *const names[] = {"card", "cvv", "pin", "otp", "password"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], category) == 0)
            return true;
    return false;
}

static void on_chat_news(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_card_news);
    const struct sup_chat_news *news = data;
    const json_t *masked = news->message ? json_object_get(news->message, "masked") : NULL;
    bool secret = news->remasked;
    for (size_t i = 0; i < json_array_size(masked); i++)
        secret |= is_secret(json_string_value(json_array_get(masked, i)));
    if (!secret)
        return;
    sup_call_card_seen(api->opts.call, news->chat);
    /* The call's sound may be in another process. */
    if (sup_bus_publish(api->opts.bus, "card", news->chat, 0, NULL))
        sup_log_warn("api", "event not published", SUP_STR("topic", "card"));
}

static void on_card_bus(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_card_bus);
    const struct sup_bus_event *event = data;
    if (!event->local)
        sup_call_card_seen(api->opts.call, event->id);
}

/* --- recordings of lost processes --- */

static void on_marked(const struct sup_pg_reply *reply, void *arg)
{
    (void)arg;
    if (reply->err)
        sup_log_warn("api", "recordings of lost processes not marked",
                     SUP_STR("error", sup_err_name(reply->err)));
}

void api_recordings_end_dead(struct sup_api *api)
{
    if (sup_recording_store_dead(api->opts.pool, on_marked, api))
        sup_log_warn("api", "recordings of lost processes not asked for");
}

static void on_gap(struct sup_listener *listener, void *data)
{
    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_recording_gap);
    if (*(enum sup_bus_gap *)data != SUP_BUS_GAP_TICK)
        api_recordings_end_dead(api);
}

sup_err api_recordings_create(struct sup_api *api)
{
    struct sup_signal *topic;
    sup_list_init(&api->playing);
    sup_err err = sup_bus_topic(api->opts.bus, "card", &topic);
    if (err)
        return err;
    api->on_card_bus.notify = on_card_bus;
    api->on_card_news.notify = on_chat_news;
    api->on_recording_gap.notify = on_gap;
    sup_signal_add(topic, &api->on_card_bus);
    sup_signal_add(sup_chat_news_signal(api->opts.chat), &api->on_card_news);
    sup_signal_add(sup_bus_gaps(api->opts.bus), &api->on_recording_gap);
    api_recordings_end_dead(api);
    return SUP_OK;
}

void api_recordings_destroy(struct sup_api *api)
{
    if (api->playing.next)
        api_playing_cancel(api);
    sup_listener_remove(&api->on_card_bus);
    sup_listener_remove(&api->on_card_news);
    sup_listener_remove(&api->on_recording_gap);
}
