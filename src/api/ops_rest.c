#include <string.h>

#include "api_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/pg/row_json.h"
#include "supportd/staff/staff_store.h"

/* Health, metrics, tickets and what the widget asks before anything else. */

void api_healthz(struct api_op *op)
{
    api_op_reply(op, 200, NULL, json_pack("{s:s, s:s}", "status", "ok", "version", SUP_VERSION));
}

void api_readyz(struct api_op *op)
{
    const char *reason = "draining";
    bool ready = !op->api->draining && sup_pg_pool_ready(op->api->opts.pool, &reason);
    if (ready && !sup_bus_registered(op->api->opts.bus)) {
        ready = false;
        reason = "registering";
    }
    if (ready)
        api_op_reply(op, 200, NULL, json_pack("{s:s}", "status", "ready"));
    else
        api_op_fail(op, "unavailable", reason, NULL);
}

void api_metrics(struct api_op *op)
{
    struct sup_buf text = {0};
    const struct sup_api_opts *opts = &op->api->opts;
    if (opts->metrics_allow_count > 0 &&
        !sup_cidr_match(opts->metrics_allow, opts->metrics_allow_count, sup_http_peer(op->req))) {
        api_op_fail(op, "denied", NULL, NULL);
        return;
    }
    sup_metric_set(op->api->blocks_metric, (double)sup_mem_live());
    sup_metric_set(op->api->jobs_metric, (double)sup_loop_work_jobs(opts->loop));
    if (sup_metrics_write(opts->metrics, &text)) {
        api_op_fail(op, "overloaded", NULL, NULL);
    } else {
        (void)sup_http_reply(op->req, 200, "text/plain; version=0.0.4; charset=utf-8", text.data,
                             text.len);
        api_op_free(op);
    }
    sup_buf_fini(&text);
}

void api_ticket_post(struct api_op *op)
{
    char ticket[64];
    int64_t expires_us;
    if (!api_op_read(op, NULL, 0, NULL))
        return;
    sup_err err = api_ticket_new(op->api, &op->actor, ticket, sizeof(ticket), &expires_us);
    if (err)
        api_op_fail_err(op, err);
    else
        api_op_reply(
            op, 201, NULL,
            json_pack("{s:s, s:s}", "ticket", ticket, "expires_at", sup_time_text(expires_us).s));
}

/* Features are settings that an admin changes while the daemon runs. */
static bool setting_on(struct sup_pg_result *rows, const char *key)
{
    for (int row = 0; row < sup_pg_rows(rows); row++)
        if (strcmp(sup_row_str(rows, row, "key"), key) == 0)
            return strcmp(sup_row_str(rows, row, "value"), "true") == 0;
    return false;
}

static void on_settings(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    const struct sup_api_opts *opts = &op->api->opts;
    if (reply->err) {
        api_op_fail_db(op, reply);
        return;
    }
    /* The panel asks from the daemon's own origin and names the page's. */
    const char *origin = sup_http_query(op->req, "origin");
    if (!origin)
        origin = sup_http_header(op->req, "origin");
    const struct sup_api_site *site = origin ? api_site(op->api, origin) : NULL;
    bool chat = (!site || site->chat) && setting_on(reply->rows, "features.chat");
    bool call = (!site || site->call) && setting_on(reply->rows, "features.calls");
    json_t *languages = json_array();
    for (size_t i = 0; i < opts->language_count; i++)
        json_array_append_new(languages, json_string(opts->languages[i]));
    json_t *features = json_pack("{s:b, s:b, s:b, s:b}", "chat", chat, "call", call, "callback",
                                 call && setting_on(reply->rows, "features.callback"), "ratings",
                                 call && setting_on(reply->rows, "features.ratings"));
    json_t *limits = json_pack("{s:I}", "message_chars", (json_int_t)opts->limits.message_chars);
    api_op_reply(op, 200, NULL,
                 json_pack("{s:o, s:o, s:s, s:o, s:{s:s}}", "features", features, "languages",
                           languages, "language", opts->default_language, "limits", limits, "site",
                           "name", site ? site->name : ""));
}

void api_widget_config(struct api_op *op)
{
    sup_err err = sup_staff_store_settings(op->api->opts.pool, "system:monitor", on_settings, op);
    if (err)
        api_op_fail_err(op, err);
}
