#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "supportd/base/clock.h"
#include "supportd/call/call_store.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

/* Quality of a call: frames of each second, what clients report, samples. The frames are written
 * straight into one kept buffer: they are most of what an idle call costs. */

/* --- writing --- */

/* Appends until the first failure, which it keeps. */
struct text {
    struct sup_buf *out;
    sup_err err;
};

static void put(struct text *t, const char *s)
{
    if (!t->err)
        t->err = sup_buf_add(t->out, s, strlen(s));
}

static void put_int(struct text *t, const char *before, int64_t value)
{
    put(t, before);
    if (!t->err)
        t->err = sup_buf_add_int(t->out, value);
}

enum { TENTHS = 10, HUNDREDTHS = 100 };

/* In tenths or hundredths; what is not finite cannot come from quality.c. */
static void put_part(struct text *t, const char *before, double value, int parts)
{
    long scaled = lround(value * parts), size = labs(scaled), rest = size % parts;
    char digits[4] = ".0";
    put(t, before);
    put_int(t, scaled < 0 ? "-" : "", size / parts);
    if (parts == HUNDREDTHS) {
        digits[1] = (char)('0' + rest / 10);
        digits[2] = (char)('0' + rest % 10);
    } else {
        digits[1] = (char)('0' + rest);
    }
    put(t, digits);
}

static void put_part_or_null(struct text *t, const char *before, bool known, double value,
                             int parts)
{
    if (known) {
        put_part(t, before, value, parts);
        return;
    }
    put(t, before);
    put(t, "null");
}

static void put_bool(struct text *t, const char *before, bool value)
{
    put(t, before);
    put(t, value ? "true" : "false");
}

static void put_head(struct text *t, const char *type, const struct sup_call_event *e,
                     int64_t at_us)
{
    put(t, "{\"type\":\"");
    put(t, type);
    put(t, "\",\"call_id\":\"");
    put(t, sup_id_text(e->call).s);
    put(t, "\",\"at\":\"");
    put(t, sup_time_text(at_us).s);
    put(t, "\"");
}

/* --- call.quality --- */

static void put_mos(struct text *t, const struct sup_quality_dir *d)
{
    put_part_or_null(t, ",\"mos_lq\":", d->has_mos, d->mos_lq, HUNDREDTHS);
    put_part_or_null(t, ",\"mos_cq\":", d->has_mos, d->mos_cq, HUNDREDTHS);
}

static void put_in(struct text *t, const struct sup_quality_sample *s)
{
    const struct sup_quality_dir *d = &s->in;
    put_int(t, ",\"in\":{\"packets\":", d->packets);
    put_int(t, ",\"lost\":", d->lost);
    put_int(t, ",\"recovered\":", d->recovered);
    put_int(t, ",\"late\":", d->late);
    put_int(t, ",\"duplicates\":", d->duplicates);
    put_int(t, ",\"reordered\":", d->reordered);
    put_part(t, ",\"loss_pct\":", d->loss_pct, TENTHS);
    put_part(t, ",\"residual_loss_pct\":", d->residual_loss_pct, TENTHS);
    put_part(t, ",\"burst_ratio\":", d->burst_ratio, HUNDREDTHS);
    put_part(t, ",\"jitter_ms\":", d->jitter_us / 1000.0, TENTHS);
    put(t, ",\"level_dbov\":");
    if (s->has_level)
        put_int(t, "", s->level_dbov);
    else
        put(t, "null");
    put_part(t, ",\"voice_pct\":", s->voice_pct, TENTHS);
    put_int(t, ",\"no_packet_ms\":", (int64_t)(s->no_packet_us / 1000));
    put_int(t, ",\"no_voice_ms\":", (int64_t)(s->no_voice_us / 1000));
    put_mos(t, d);
    put(t, "}");
}

static void put_out(struct text *t, const struct sup_quality_dir *d)
{
    put_int(t, ",\"out\":{\"packets\":", d->packets);
    put_int(t, ",\"lost\":", d->lost);
    put_part(t, ",\"loss_pct\":", d->loss_pct, TENTHS);
    put_part(t, ",\"residual_loss_pct\":", d->residual_loss_pct, TENTHS);
    put_part(t, ",\"jitter_ms\":", d->jitter_us / 1000.0, TENTHS);
    put_mos(t, d);
    put(t, "}");
}

static void put_codec(struct text *t, const struct sup_quality_sample *s)
{
    if (!s->has_codec) {
        put(t, ",\"codec\":null");
        return;
    }
    put(t, ",\"codec\":{\"bandwidth\":\"");
    put(t, sup_opus_bandwidth_name(s->bandwidth));
    put_part(t, "\",\"frame_ms\":", s->frame_us / 1000.0, TENTHS);
    put_int(t, ",\"bitrate\":", s->bitrate);
    put_part(t, ",\"fec_pct\":", s->fec_pct, TENTHS);
    put_part(t, ",\"dtx_pct\":", s->dtx_pct, TENTHS);
    put(t, "}");
}

static void put_known(struct text *t, const char *before, int64_t value, int scale)
{
    put_part_or_null(t, before, value != SUP_CALL_UNKNOWN, (double)value / scale, TENTHS);
}

static bool concealed_pct(const struct sup_call_client *c, double *ret_pct)
{
    if (c->samples <= 0 || c->concealed == SUP_CALL_UNKNOWN)
        return false;
    *ret_pct = 100.0 * (double)c->concealed / (double)c->samples;
    return true;
}

static void put_client(struct text *t, const struct sup_call_client *c)
{
    if (!c) {
        put(t, ",\"client\":null");
        return;
    }
    double pct = 0;
    int64_t total = c->received + c->lost;
    bool has_pct = concealed_pct(c, &pct);
    put_part(t, ",\"client\":{\"loss_pct\":",
             c->lost > 0 && total > 0 ? 100.0 * (double)c->lost / (double)total : 0, TENTHS);
    put_part_or_null(t, ",\"concealed_pct\":", has_pct, pct, TENTHS);
    put_known(t, ",\"jitter_ms\":", c->jitter_us, 1000);
    put_known(t, ",\"buffer_ms\":", c->buffer_us, 1000);
    put_known(t, ",\"rtt_ms\":", c->rtt_us, 1000);
    put(t, ",\"path\":");
    put(t, c->path[0] ? "\"" : "null");
    put(t, c->path);
    put(t, c->path[0] ? "\"}" : "}");
}

static void put_verdicts(struct text *t, uint32_t verdicts)
{
    const char *between = "";
    put(t, ",\"verdicts\":[");
    for (int v = 0; v < SUP_VERDICT_COUNT; v++) {
        if (!(verdicts & (1u << v)))
            continue;
        put(t, between);
        put(t, "\"");
        put(t, sup_quality_verdict_name((enum sup_verdict)v));
        put(t, "\"");
        between = ",";
    }
    put(t, "]");
}

static void put_leg(struct text *t, const char *party, const struct sup_quality_sample *s,
                    const struct sup_call_client *client)
{
    put(t, "{\"party\":\"");
    put(t, party);
    put_int(t, "\",\"sample\":", s->number);
    put_bool(t, ",\"connected\":", s->connected);
    put_bool(t, ",\"relayed\":", s->relayed);
    put_part_or_null(t, ",\"rtt_ms\":", s->has_rtt, s->rtt_us / 1000.0, TENTHS);
    put_part_or_null(t, ",\"drift_ppm\":", s->has_drift, s->drift_ppm, TENTHS);
    put_codec(t, s);
    put_in(t, s);
    put_out(t, &s->out);
    put_client(t, client);
    put_verdicts(t, s->verdicts);
    put(t, "}");
}

sup_err api_quality_text(const struct sup_call_event *event, int64_t at_us, struct sup_buf *out)
{
    static const char *const names[] = {"customer", "agent"};
    struct text t = {.out = out};
    const char *between = "";
    put_head(&t, "call.quality", event, at_us);
    put(&t, ",\"mos\":\"estimate\",\"legs\":[");
    for (int p = SUP_CALL_CUSTOMER; p <= SUP_CALL_AGENT; p++) {
        if (!event->samples[p])
            continue;
        put(&t, between);
        put_leg(&t, names[p], event->samples[p], event->clients[p]);
        between = ",";
    }
    put(&t, "]}");
    return t.err;
}

/* --- call.advice --- */

const char *api_advice_of(enum sup_verdict verdict)
{
    static const char *const advice[SUP_VERDICT_COUNT] = {
        [SUP_VERDICT_NO_PACKETS] = "check_connection",
        [SUP_VERDICT_SILENT_MICROPHONE] = "check_microphone",
        [SUP_VERDICT_LOSS_UP] = "move_closer",
        [SUP_VERDICT_LOSS_DOWN] = "move_closer",
        [SUP_VERDICT_HIGH_DELAY] = "take_turns",
        [SUP_VERDICT_HIGH_JITTER] = "pause_downloads",
        [SUP_VERDICT_LOW_MOS] = "move_closer",
        [SUP_VERDICT_RELAYED] = "nothing",
    };
    return (unsigned)verdict < SUP_VERDICT_COUNT ? advice[verdict] : "nothing";
}

sup_err api_advice_text(const struct sup_call_event *event, int64_t at_us, struct sup_buf *out)
{
    struct text t = {.out = out};
    const struct sup_quality_sample *own = event->samples[SUP_CALL_CUSTOMER];
    const char *between = "";
    put_head(&t, "call.advice", event, at_us);
    put_bool(&t, ",\"connected\":", event->connected[SUP_CALL_CUSTOMER]);
    put_bool(&t, ",\"other_connected\":", event->connected[SUP_CALL_AGENT]);
    put(&t, ",\"advice\":[");
    for (int v = 0; own && v < SUP_VERDICT_COUNT; v++) {
        if (!(own->verdicts & (1u << v)))
            continue;
        put(&t, between);
        put(&t, "{\"verdict\":\"");
        put(&t, sup_quality_verdict_name((enum sup_verdict)v));
        put(&t, "\",\"advice\":\"");
        put(&t, api_advice_of((enum sup_verdict)v));
        put(&t, "\"}");
        between = ",";
    }
    put(&t, "]}");
    return t.err;
}

typedef sup_err (*writer)(const struct sup_call_event *event, int64_t at_us, struct sup_buf *out);

static void tell(struct sup_api *api, struct sup_id user, const struct sup_call_event *event,
                 writer write)
{
    struct api_topic topic = api_topic('u', user);
    if (sup_id_is_zero(user) || sup_hub_subscribers(api->hub, topic.s) == 0)
        return;
    struct sup_buf *text = &api->quality_text;
    sup_buf_clear(text);
    if (write(event, sup_clock_wall_us(), text) == SUP_OK)
        (void)sup_hub_publish(api->hub, topic.s, text->data, text->len, NULL);
}

void api_call_picture(struct sup_api *api, const struct sup_call_event *event)
{
    struct sup_id users[SUP_MIX_MAX];
    size_t count = sup_call_parties(api->opts.call, event->call, users, SUP_MIX_MAX);
    tell(api, event->staff, event, api_quality_text);
    for (size_t i = 0; i < count; i++)
        tell(api, users[i], event, api_quality_text);
    if (event->advise)
        tell(api, event->customer, event, api_advice_text);
}

/* --- call.stats --- */

struct stats_fields {
    struct sup_id call_id;
    struct sup_call_stats stats;
};

#define STAT(field, required, min, max)                                                            \
    {                                                                                              \
#field, SUP_JSON_INT, required, offsetof(struct stats_fields, stats.field), min, max       \
    }

enum { SECOND_US = 1000000, LEVEL_MIN = -127, LEVEL_MAX = 127, PATH_MAX_LEN = 5 };
#define COUNT_MAX INT64_C(1000000000000) /* of an eternal call at 48,000 a second: 240 days */

static const struct sup_json_field stats_fields[] = {
    {"call_id", SUP_JSON_ID, true, offsetof(struct stats_fields, call_id), 0, 0},
    STAT(received, true, 0, COUNT_MAX),
    STAT(lost, true, -COUNT_MAX, COUNT_MAX),
    STAT(discarded, false, 0, COUNT_MAX),
    STAT(samples, false, 0, COUNT_MAX),
    STAT(concealed, false, 0, COUNT_MAX),
    STAT(silent_concealed, false, 0, COUNT_MAX),
    STAT(sent, false, 0, COUNT_MAX),
    STAT(buffer_ms, false, 0, COUNT_MAX),
    STAT(buffered, false, 0, COUNT_MAX),
    STAT(jitter_us, false, 0, 60 * SECOND_US),
    STAT(rtt_us, false, 0, 60 * SECOND_US),
    STAT(level_dbov, false, LEVEL_MIN, LEVEL_MAX),
    STAT(mic_dbov, false, LEVEL_MIN, LEVEL_MAX),
    {"path", SUP_JSON_STRING, false, offsetof(struct stats_fields, stats.path), 1, PATH_MAX_LEN},
};

static bool path_known(const char *path)
{
    static const char *const known[] = {"host", "srflx", "prflx", "relay"};
    for (size_t i = 0; path && i < sizeof(known) / sizeof(known[0]); i++)
        if (strcmp(path, known[i]) == 0)
            return true;
    return !path;
}

void api_ws_call_stats(struct api_op *op)
{
    enum { U = SUP_CALL_UNKNOWN };
    struct stats_fields in = {.stats = {.discarded = U,
                                        .samples = U,
                                        .concealed = U,
                                        .silent_concealed = U,
                                        .sent = U,
                                        .buffer_ms = U,
                                        .buffered = U,
                                        .jitter_us = U,
                                        .rtt_us = U,
                                        .level_dbov = U,
                                        .mic_dbov = U}};
    if (!api_op_read(op, stats_fields, sizeof(stats_fields) / sizeof(stats_fields[0]), &in))
        return;
    if (!path_known(in.stats.path)) {
        api_op_fail(op, "out_of_range", "path: host, srflx, prflx or relay", "path");
        return;
    }
    if (in.stats.level_dbov > 0 || in.stats.mic_dbov > 0) { /* a row's bound of 0 would be none */
        api_op_fail(op, "out_of_range", "levels: -127 to 0 dBov",
                    in.stats.mic_dbov > 0 ? "mic_dbov" : "level_dbov");
        return;
    }
    switch (sup_call_take_stats(op->api->opts.call, op->actor.id, in.call_id, &in.stats)) {
    case SUP_OK:
        api_op_done(op);
        break;
    case SUP_E_LIMIT:
        api_op_fail(op, "rate_limited", "call.stats: not that often", NULL);
        break;
    default:
        api_op_fail(op, "call_not_found", NULL, "call_id");
    }
}

/* --- GET /calls/{call_id}/quality --- */

enum { PART_ITEMS, LIMIT = 0, BEFORE, FROM, NEXT, LIMIT_DEFAULT = 240, LIMIT_MAX = 4000 };

/* A sample's place in the order of the list: its time, then leg and direction. */
enum { PLACES = 16 };
static const char *const legs[] = {"agent", "barge", "consult", "customer", "listen", "whisper"};
enum { LEG_COUNT = sizeof(legs) / sizeof(legs[0]) };

static int64_t place_of(int64_t at_us, const char *leg, bool in)
{
    int64_t n = 0;
    while (n < LEG_COUNT - 1 && strcmp(legs[n], leg) != 0)
        n++;
    return at_us * PLACES + n * 2 + (in ? 0 : 1);
}

static json_t *verdicts_json(int64_t flags)
{
    json_t *names = json_array();
    for (int v = 0; v < SUP_VERDICT_COUNT; v++)
        if (flags & (1 << v))
            json_array_append_new(names,
                                  json_string(sup_quality_verdict_name((enum sup_verdict)v)));
    return names;
}

static json_t *number_or_null(struct sup_pg_result *rows, int row, const char *column)
{
    int c = sup_pg_col(rows, column);
    return sup_pg_is_null(rows, row, c) ? json_null() : json_real(sup_pg_num(rows, row, c));
}

static json_t *sample_json(struct sup_pg_result *rows, int row)
{
    json_t *sample = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "at",
        sup_row_time(rows, row, "at"), "party", sup_row_text(rows, row, "leg"), "direction",
        sup_row_text(rows, row, "direction"), "packets", sup_row_int(rows, row, "packets"), "lost",
        sup_row_int(rows, row, "lost"), "recovered", sup_row_int(rows, row, "recovered"), "late",
        sup_row_int(rows, row, "late"), "jitter_us", sup_row_int(rows, row, "jitter_us"), "rtt_us",
        sup_row_int(rows, row, "rtt_us"), "mos_cq", number_or_null(rows, row, "mos"), "level_dbov",
        number_or_null(rows, row, "level_db"), "verdicts",
        verdicts_json(sup_row_number(rows, row, "flags")));
    json_object_set_new(sample, "residual_loss_pct", number_or_null(rows, row, "residual_loss"));
    json_object_set_new(sample, "burst_ratio", number_or_null(rows, row, "burst_ratio"));
    return sample;
}

static json_t *client_json(struct sup_pg_result *rows, int row)
{
    static const char *const ints[] = {
        "interval_ms",      "received", "lost",      "discarded", "samples", "concealed",
        "silent_concealed", "sent",     "jitter_us", "buffer_us", "rtt_us"};
    json_t *client = json_pack(
        "{s:o, s:o, s:o, s:o, s:o}", "at", sup_row_time(rows, row, "at"), "party",
        sup_row_text(rows, row, "leg"), "level_dbov", number_or_null(rows, row, "level_db"),
        "mic_dbov", number_or_null(rows, row, "mic_db"), "path", sup_row_text(rows, row, "path"));
    for (size_t i = 0; i < sizeof(ints) / sizeof(ints[0]); i++)
        json_object_set_new(client, ints[i], sup_row_int(rows, row, ints[i]));
    return client;
}

static void answer_quality(struct api_op *op, json_t *client)
{
    json_t *next =
        op->number[NEXT] ? json_sprintf("%lld", (long long)op->number[NEXT]) : json_null();
    api_op_reply(op, 200, NULL,
                 json_pack("{s:O, s:o, s:o}", "items", op->parts[PART_ITEMS], "client", client,
                           "next", next));
}

static void on_there(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err)
        api_op_fail_db(op, reply);
    else if (sup_pg_rows(reply->rows) != 1)
        api_op_fail(op, "call_not_found", NULL, NULL);
    else
        answer_quality(op, json_array());
}

static void on_clients(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    int rows = sup_pg_rows(reply->rows);
    if (rows == 0 && json_array_size(op->parts[PART_ITEMS]) == 0) { /* or no such call */
        sup_err err =
            sup_call_store_state(op->api->opts.pool, op->actor.text, op->object, on_there, op);
        if (err)
            api_op_fail_err(op, err);
        return;
    }
    json_t *client = json_array();
    for (int row = 0; row < rows; row++)
        json_array_append_new(client, client_json(reply->rows, row));
    answer_quality(op, client);
}

static void on_samples(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    int rows = sup_pg_rows(reply->rows);
    op->parts[PART_ITEMS] = json_array();
    for (int row = 0; row < rows; row++)
        json_array_append_new(op->parts[PART_ITEMS], sample_json(reply->rows, row));
    if (rows == op->number[LIMIT]) {
        int64_t at_us = sup_pg_time(reply->rows, rows - 1, sup_pg_col(reply->rows, "at"));
        const char *leg = sup_row_str(reply->rows, rows - 1, "leg");
        const char *direction = sup_row_str(reply->rows, rows - 1, "direction");
        op->number[NEXT] = place_of(at_us, leg, direction[0] == 'i');
        op->number[FROM] = at_us;
    }
    sup_err err =
        sup_call_store_client_list(op->api->opts.pool, op->actor.text, op->object, op->number[FROM],
                                   op->number[BEFORE] / PLACES, LIMIT_MAX, on_clients, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_call_quality(struct api_op *op)
{
    if (!api_op_path_id(op, "call_id", &op->object) ||
        !api_op_query_int(op, "limit", LIMIT_DEFAULT, 1, LIMIT_MAX, &op->number[LIMIT]) ||
        !api_op_query_int(op, "cursor", 0, PLACES, INT64_MAX, &op->number[BEFORE]))
        return;
    int64_t place = op->number[BEFORE];
    int64_t leg = place % PLACES / 2;
    struct sup_call_before before = {.at_us = place / PLACES,
                                     .leg = legs[leg < LEG_COUNT ? leg : LEG_COUNT - 1],
                                     .in = place % 2 == 0};
    sup_err err = sup_call_store_quality(op->api->opts.pool, op->actor.text, op->object, &before,
                                         (int)op->number[LIMIT], on_samples, op);
    if (err)
        api_op_fail_err(op, err);
}
