#include "supportd/api/api.h"

#include <string.h>

#include "api_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/base/origin.h"
#include "supportd/log/log.h"

#define ROUTE(name, op_, handler_)                                                                 \
    static const struct api_route name = {.op = (op_), .handler = (handler_)}

ROUTE(chat_start, SUP_OP_CHAT_START, api_chat_start);
ROUTE(chat_list, SUP_OP_CHAT_LIST, api_chat_list);
ROUTE(chat_get, SUP_OP_CHAT_READ, api_chat_get);
ROUTE(messages_get, SUP_OP_CHAT_READ_HISTORY, api_chat_messages);
ROUTE(messages_post, SUP_OP_CHAT_SEND, api_chat_post_message);
ROUTE(notes_get, SUP_OP_CHAT_READ_NOTES, api_chat_notes);
ROUTE(notes_post, SUP_OP_CHAT_NOTE, api_chat_post_note);
ROUTE(receipts, SUP_OP_CHAT_RECEIPT, api_chat_receipts);
ROUTE(tag_put, SUP_OP_CHAT_TAG, api_chat_tag_put);
ROUTE(tag_delete, SUP_OP_CHAT_TAG, api_chat_tag_delete);
ROUTE(chat_close, SUP_OP_CHAT_CLOSE, api_chat_close);
ROUTE(chat_requeue, SUP_OP_CHAT_REQUEUE, api_chat_requeue);
ROUTE(chat_routing, SUP_OP_CHAT_READ_ROUTING, api_chat_routing);
ROUTE(queue_list, SUP_OP_QUEUE_READ, api_queue_list);
ROUTE(queue_pick, SUP_OP_QUEUE_PICK, api_queue_pick);
ROUTE(offer_list, SUP_OP_OFFER_LIST, api_offer_list);
ROUTE(offer_accept, SUP_OP_OFFER_ACCEPT, api_offer_accept);
ROUTE(offer_decline, SUP_OP_OFFER_DECLINE, api_offer_decline);
ROUTE(me_get, SUP_OP_ME_READ, api_me_get);
ROUTE(presence_put, SUP_OP_PRESENCE_SET, api_presence_put);
ROUTE(password_put, SUP_OP_PASSWORD_SET, api_password_put);
ROUTE(customer_get, SUP_OP_CUSTOMER_READ, api_customer_get);
ROUTE(customer_chats, SUP_OP_CUSTOMER_READ, api_customer_chats);
ROUTE(call_start, SUP_OP_CALL_START, api_call_start);
ROUTE(call_list, SUP_OP_CALL_LIST, api_call_list);
ROUTE(call_get, SUP_OP_CALL_READ, api_call_get);
ROUTE(call_quality, SUP_OP_CALL_READ, api_call_quality);
ROUTE(call_end, SUP_OP_CALL_END, api_call_end);
ROUTE(consult_post, SUP_OP_CALL_CONSULT, api_consult_post);
ROUTE(consult_accept, SUP_OP_CALL_CONSULT, api_consult_accept);
ROUTE(consult_talk, SUP_OP_CALL_CONSULT, api_consult_talk);
ROUTE(consult_complete, SUP_OP_CALL_CONSULT, api_consult_complete);
ROUTE(consult_delete, SUP_OP_CALL_CONSULT, api_consult_delete);
ROUTE(supervise_post, SUP_OP_CALL_SUPERVISE, api_supervise_post);
ROUTE(supervise_delete, SUP_OP_CALL_SUPERVISE, api_supervise_delete);
ROUTE(party_list, SUP_OP_CALL_CONSULT, api_party_list);
ROUTE(call_hold, SUP_OP_CALL_HOLD, api_call_hold);
ROUTE(call_resume, SUP_OP_CALL_HOLD, api_call_resume);
ROUTE(call_transfer, SUP_OP_CALL_TRANSFER, api_call_transfer);
ROUTE(transfer_targets, SUP_OP_CALL_TRANSFER, api_transfer_targets);
ROUTE(call_callback, SUP_OP_CALL_CALLBACK, api_call_callback);
ROUTE(call_ring, SUP_OP_CALL_RING, api_call_ring);
ROUTE(call_answer, SUP_OP_CALL_ANSWER, api_call_answer);
ROUTE(call_decline, SUP_OP_CALL_ANSWER, api_call_decline);
ROUTE(call_rating, SUP_OP_CALL_RATE, api_call_rating);
ROUTE(call_missed, SUP_OP_CALL_READ_MISSED, api_call_missed);
ROUTE(call_live, SUP_OP_CALL_READ_LIVE, api_call_live);
ROUTE(auto_answer_put, SUP_OP_AUTO_ANSWER_SET, api_auto_answer_put);
ROUTE(wrap_up_post, SUP_OP_WRAP_UP, api_wrap_up_post);
ROUTE(wrap_up_delete, SUP_OP_WRAP_UP, api_wrap_up_delete);
ROUTE(session_post, SUP_OP_SESSION_CREATE, api_session_post);
ROUTE(session_get, SUP_OP_SESSION_READ, api_session_get);
ROUTE(session_delete, SUP_OP_SESSION_DELETE, api_session_delete);
ROUTE(ticket_post, SUP_OP_WS_TICKET, api_ticket_post);
ROUTE(widget_config, SUP_OP_WIDGET_CONFIG_READ, api_widget_config);
ROUTE(recording_set, SUP_OP_CALL_RECORD, api_recording_set);
ROUTE(recording_list, SUP_OP_RECORDING_LIST, api_recording_list);
ROUTE(recording_get, SUP_OP_RECORDING_LIST, api_recording_get);
ROUTE(recording_track, SUP_OP_RECORDING_PLAY, api_recording_track);
ROUTE(recording_waveform, SUP_OP_RECORDING_PLAY, api_recording_waveform);
ROUTE(staff_list, SUP_OP_STAFF_LIST, api_staff_list);
ROUTE(staff_post, SUP_OP_STAFF_CREATE, api_staff_post);
ROUTE(staff_role, SUP_OP_STAFF_SET_ROLE, api_staff_role);
ROUTE(staff_delete, SUP_OP_STAFF_DEACTIVATE, api_staff_delete);
ROUTE(activity_list, SUP_OP_AUDIT_READ, api_activity_list);
ROUTE(settings_list, SUP_OP_SETTINGS_READ, api_settings_list);
ROUTE(setting_put, SUP_OP_SETTINGS_WRITE, api_setting_put);
ROUTE(healthz, SUP_OP_HEALTH_READ, api_healthz);
ROUTE(readyz, SUP_OP_HEALTH_READ, api_readyz);
ROUTE(metrics, SUP_OP_METRICS_READ, api_metrics);
ROUTE(demo_login, SUP_OP_SESSION_CREATE, api_demo_login);

#define ROW(method_, path_, route_)                                                                \
    {                                                                                              \
        .method = (method_), .path = (path_), .handler = api_rest_entry, .data = &(route_)         \
    }
#define BASE "/api/support"

static const struct sup_http_route routes[] = {
    ROW("POST", BASE "/chat/start", chat_start),
    ROW("GET", BASE "/chats", chat_list),
    ROW("GET", BASE "/chats/{chat_id}", chat_get),
    ROW("GET", BASE "/chats/{chat_id}/messages", messages_get),
    ROW("POST", BASE "/chats/{chat_id}/messages", messages_post),
    ROW("GET", BASE "/chats/{chat_id}/notes", notes_get),
    ROW("POST", BASE "/chats/{chat_id}/notes", notes_post),
    ROW("POST", BASE "/chats/{chat_id}/receipts", receipts),
    ROW("PUT", BASE "/chats/{chat_id}/tags/{tag}", tag_put),
    ROW("DELETE", BASE "/chats/{chat_id}/tags/{tag}", tag_delete),
    ROW("POST", BASE "/chats/{chat_id}/close", chat_close),
    ROW("POST", BASE "/chats/{chat_id}/requeue", chat_requeue),
    ROW("GET", BASE "/chats/{chat_id}/routing", chat_routing),
    ROW("GET", BASE "/customers/{customer_id}", customer_get),
    ROW("GET", BASE "/customers/{customer_id}/chats", customer_chats),
    ROW("GET", BASE "/queue", queue_list),
    ROW("POST", BASE "/queue/{entry_id}/pick", queue_pick),
    ROW("GET", BASE "/offers", offer_list),
    ROW("POST", BASE "/offers/{offer_id}/accept", offer_accept),
    ROW("POST", BASE "/offers/{offer_id}/decline", offer_decline),
    ROW("GET", BASE "/me", me_get),
    ROW("PUT", BASE "/me/presence", presence_put),
    ROW("PUT", BASE "/me/password", password_put),
    ROW("POST", BASE "/call/start", call_start),
    ROW("GET", BASE "/calls", call_list),
    ROW("GET", BASE "/calls/{call_id}", call_get),
    ROW("GET", BASE "/calls/{call_id}/quality", call_quality),
    ROW("POST", BASE "/calls/{call_id}/end", call_end),
    ROW("POST", BASE "/calls/{call_id}/consult", consult_post),
    ROW("POST", BASE "/calls/{call_id}/consult/accept", consult_accept),
    ROW("POST", BASE "/calls/{call_id}/consult/talk", consult_talk),
    ROW("POST", BASE "/calls/{call_id}/consult/complete", consult_complete),
    ROW("DELETE", BASE "/calls/{call_id}/consult", consult_delete),
    ROW("POST", BASE "/calls/{call_id}/supervise", supervise_post),
    ROW("DELETE", BASE "/calls/{call_id}/supervise", supervise_delete),
    ROW("GET", BASE "/call-parties", party_list),
    ROW("PUT", BASE "/calls/{call_id}/recording", recording_set),
    ROW("GET", BASE "/recordings", recording_list),
    ROW("GET", BASE "/recordings/{recording_id}", recording_get),
    ROW("GET", BASE "/recordings/{recording_id}/tracks/{track}", recording_track),
    ROW("GET", BASE "/recordings/{recording_id}/tracks/{track}/waveform", recording_waveform),
    ROW("POST", BASE "/calls/{call_id}/hold", call_hold),
    ROW("POST", BASE "/calls/{call_id}/resume", call_resume),
    ROW("POST", BASE "/calls/{call_id}/transfer", call_transfer),
    ROW("GET", BASE "/transfer-targets", transfer_targets),
    ROW("POST", BASE "/calls/{call_id}/callback", call_callback),
    ROW("POST", BASE "/calls/{call_id}/ring", call_ring),
    ROW("POST", BASE "/calls/{call_id}/answer", call_answer),
    ROW("POST", BASE "/calls/{call_id}/decline", call_decline),
    ROW("POST", BASE "/calls/{call_id}/rating", call_rating),
    ROW("GET", BASE "/calls/missed", call_missed),
    ROW("GET", BASE "/calls/live", call_live),
    ROW("PUT", BASE "/me/auto-answer", auto_answer_put),
    ROW("POST", BASE "/me/wrap-up", wrap_up_post),
    ROW("DELETE", BASE "/me/wrap-up", wrap_up_delete),
    ROW("POST", BASE "/session", session_post),
    ROW("GET", BASE "/session", session_get),
    ROW("DELETE", BASE "/session", session_delete),
    ROW("POST", BASE "/ws-ticket", ticket_post),
    ROW("GET", BASE "/widget-config", widget_config),
    ROW("GET", BASE "/staff", staff_list),
    ROW("POST", BASE "/staff", staff_post),
    ROW("PUT", BASE "/staff/{staff_id}/role", staff_role),
    ROW("DELETE", BASE "/staff/{staff_id}", staff_delete),
    ROW("GET", BASE "/activity", activity_list),
    ROW("GET", BASE "/settings", settings_list),
    ROW("PUT", BASE "/settings/{key}", setting_put),
    ROW("GET", "/healthz", healthz),
    ROW("GET", "/readyz", readyz),
    ROW("GET", "/metrics", metrics),
    ROW("POST", "/demo/login", demo_login),
};

const struct sup_http_route *sup_api_routes(size_t *ret_count)
{
    *ret_count = sizeof(routes) / sizeof(routes[0]);
    return routes;
}

static const struct api_frame frames[] = {
    {"hello", SUP_OP_WS_CONNECT, api_ws_hello},
    {"auth.renew", SUP_OP_WS_CONNECT, api_ws_renew},
    {"ping", SUP_OP_WS_CONNECT, api_ws_ping},
    {"chat.open", SUP_OP_CHAT_READ, api_ws_chat_open},
    {"chat.leave", SUP_OP_WS_CONNECT, api_ws_chat_leave},
    {"message.send", SUP_OP_CHAT_SEND, api_chat_post_message},
    {"note.send", SUP_OP_CHAT_NOTE, api_chat_post_note},
    {"chat.receipt", SUP_OP_CHAT_RECEIPT, api_chat_receipts},
    {"chat.typing", SUP_OP_CHAT_TYPING, api_ws_chat_typing},
    {"call.offer", SUP_OP_CALL_SIGNAL, api_ws_call_offer},
    {"call.candidate", SUP_OP_CALL_SIGNAL, api_ws_call_candidate},
    {"call.mute", SUP_OP_CALL_MUTE, api_ws_call_mute},
    {"call.stats", SUP_OP_CALL_STATS, api_ws_call_stats},
    {"live.open", SUP_OP_CALL_READ_LIVE, api_ws_live_open},
    {"live.leave", SUP_OP_CALL_READ_LIVE, api_ws_live_leave},
};

const struct api_frame *api_frame_find(const char *type)
{
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
        if (strcmp(frames[i].type, type) == 0)
            return &frames[i];
    return NULL;
}

/* --- what the server asks --- */

const struct sup_api_site *api_site(const struct sup_api *api, const char *origin)
{
    struct sup_origin canonical;
    if (sup_origin_parse(origin, &canonical))
        return NULL;
    for (size_t i = 0; i < api->opts.site_count; i++)
        if (strcmp(api->opts.sites[i].origin, canonical.s) == 0)
            return &api->opts.sites[i];
    return NULL;
}

static bool allowed(const struct sup_api *api, const char *origin, const char *host, bool tls)
{
    return sup_origin_is_own(origin, host, tls) || api_site(api, origin) != NULL;
}

bool api_origin_allowed(const struct sup_api *api, const struct sup_http_request *req,
                        const char *origin)
{
    const char *host = sup_http_header(req, "host");
    return host && allowed(api, origin, host, sup_http_is_tls(req));
}

static enum sup_cors on_origin(const char *origin, const char *host, bool tls, void *arg)
{
    return allowed(arg, origin, host ? host : "", tls) ? SUP_CORS_CREDENTIALS : SUP_CORS_NONE;
}

static bool on_trusted(const char *ip, void *arg)
{
    const struct sup_api *api = arg;
    return sup_cidr_match(api->opts.proxies, api->opts.proxy_count, ip);
}

void sup_api_net(struct sup_api *api, struct sup_net_opts *opts)
{
    opts->routes = sup_api_routes(&opts->route_count);
    opts->route_arg = api;
    opts->ws = (struct sup_ws_hooks){
        .on_open = api_session_open,
        .on_text = api_session_text,
        .on_rate = api_session_rate,
        .on_close = api_session_close,
        .arg = api,
    };
    opts->hooks = (struct sup_net_hooks){
        .origin = on_origin,
        .trusted = on_trusted,
        .gate = api_rest_gate,
        .ws_gate = api_ws_gate,
        .arg = api,
    };
}

/* --- life --- */

bool api_op_rate(struct api_op *op, struct sup_rate *rate)
{
    uint64_t retry_us;
    if (sup_rate_take(rate, op->actor.id.bytes, sizeof(op->actor.id.bytes), 1, sup_clock_mono_us(),
                      &retry_us) == SUP_OK)
        return true;
    api_op_fail(op, "rate_limited", NULL, NULL);
    return false;
}

static sup_err make_rates(struct sup_api *api)
{
    const struct sup_api_limits *limits = &api->opts.limits;
    const uint64_t minute_us = 60000000;
    struct sup_rate_opts requests = {
        .burst = limits->requests_per_minute,
        .refill = limits->requests_per_minute,
        .period_us = minute_us,
        .max_keys = limits->rate_keys,
    };
    struct sup_rate_opts logins = requests;
    logins.burst = logins.refill = limits->logins_per_minute;
    struct sup_rate_opts says = requests, calls = requests;
    says.burst = says.refill = limits->messages_per_minute;
    calls.burst = calls.refill = limits->calls_per_hour;
    calls.period_us = 60 * minute_us;
    sup_err err = sup_rate_create(&requests, &api->address_rate);
    if (!err)
        err = sup_rate_create(&says, &api->say_rate);
    if (!err)
        err = sup_rate_create(&calls, &api->call_rate);
    if (!err)
        err = sup_rate_create(&requests, &api->user_rate);
    if (!err)
        err = sup_rate_create(&logins, &api->login_rate);
    return err;
}

sup_err sup_api_create(const struct sup_api_opts *opts, struct sup_api **ret_api)
{
    struct sup_api *api = sup_calloc(1, sizeof(*api));
    if (!api)
        return SUP_E_NOMEM;
    api->opts = *opts;
    sup_list_init(&api->sessions);
    sup_list_init(&api->hashing);
    struct sup_hub_opts hub = {
        .metrics = opts->metrics,
        .max_per_client = opts->limits.subscriptions,
    };
    sup_err err = sup_hub_create(&hub, &api->hub);
    if (!err)
        err = make_rates(api);
    if (!err)
        err = api_identity_create(api);
    if (!err)
        err = api_feeds_create(api);
    if (!err)
        err = api_missed_create(api);
    if (!err)
        err = api_news_create(api);
    if (!err)
        err = api_live_create(api);
    if (!err)
        err = api_calls_create(api);
    if (!err)
        err = api_parties_create(api);
    if (!err)
        err = api_recordings_create(api);
    if (err) {
        sup_api_destroy(api);
        return err;
    }
    api->blocks_metric =
        sup_metrics_gauge(opts->metrics, "supportd_memory_blocks",
                          "Blocks of memory in use, of this program's own.", NULL, NULL);
    api->jobs_metric = sup_metrics_gauge(opts->metrics, "supportd_work_jobs",
                                         "Passwords, files and names that wait for a thread or "
                                         "have one.",
                                         NULL, NULL);
    *ret_api = api;
    return SUP_OK;
}

void sup_api_drain(struct sup_api *api)
{
    api->draining = true;
    api_sessions_bye(api);
}

void sup_api_destroy(struct sup_api *api)
{
    if (!api)
        return;
    api_hashing_cancel(api);
    api_recordings_destroy(api);
    api_parties_destroy(api);
    api_calls_destroy(api);
    api_news_destroy(api);
    api_live_destroy(api);
    api_missed_destroy(api);
    api_feeds_destroy(api);
    api_identity_destroy(api);
    sup_buf_fini(&api->quality_text);
    sup_rate_destroy(api->address_rate);
    sup_rate_destroy(api->user_rate);
    sup_rate_destroy(api->login_rate);
    sup_rate_destroy(api->say_rate);
    sup_rate_destroy(api->call_rate);
    sup_hub_destroy(api->hub);
    sup_free(api);
}
