#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "app_internal.h"
#include "supportd/base/clock.h"
#include "supportd/call/call_life_store.h"
#include "supportd/call/call_store.h"
#include "supportd/call/party_store.h"
#include "supportd/call/recording.h"
#include "supportd/chat/chat_store.h"
#include "supportd/log/log.h"
#include "supportd/queue/queue_store.h"
#include "supportd/staff/staff_store.h"

/* The daemon: start, drain, stop. Stop order is the reverse of start: first who talks to the
 * outside, then who decides, then what lasts. */

static const struct sup_pg_stmt_table *const tables[] = {
    &sup_chat_stmts,  &sup_queue_stmts, &sup_call_stmts, &sup_recording_stmts, &sup_call_life_stmts,
    &sup_party_stmts, &sup_staff_stmts, &sup_bus_stmts,  &sup_audit_stmts,     NULL,
};

/* --- stop --- */

static void finish(struct sup_app *app)
{
    sup_log_info("app", "stopping", SUP_INT("calls", sup_call_count(app->call)));
    sup_loop_stop(app->loop);
}

static void on_left(sup_err err, void *arg)
{
    if (err)
        sup_log_warn("app", "process not taken off", SUP_STR("error", sup_err_name(err)));
    finish(arg);
}

static void on_sealed(sup_err err, void *arg)
{
    struct sup_app *app = arg;
    if (err)
        sup_log_warn("app", "audit rows left unsealed", SUP_STR("error", sup_err_name(err)));
    if (sup_bus_leave(app->bus, on_left, app))
        finish(app);
}

static void end_drain(struct sup_app *app)
{
    sup_timer_stop(app->drain_timer);
    sup_net_server_accept(app->server, false);
    sup_net_server_drain(app->server, SUP_WS_GOING_AWAY, "draining");
    /* Without a database there is nothing to seal in and nobody to take leave of. */
    if (!sup_pg_pool_ready(app->pool, NULL))
        finish(app);
    else if (!app->sealer || sup_audit_seal_now(app->sealer, on_sealed, app))
        on_sealed(SUP_OK, app);
}

/* Calls may finish up to a limit; the clients of chats were told to come back to another process
 * and lose nothing meanwhile. */
enum { DRAIN_LOOK_US = 500000, DRAIN_LAST_US = 3000000 /* for the ends of calls */ };

static uint64_t drain_until_us;

static void on_drain_timer(void *arg)
{
    struct sup_app *app = arg;
    uint64_t now_us = sup_clock_mono_us();
    bool quiet = sup_call_count(app->call) == 0 && sup_call_recordings_ending(app->call) == 0;
    if (quiet || now_us >= drain_until_us + DRAIN_LAST_US) {
        end_drain(app);
        return;
    }
    if (now_us >= drain_until_us)
        sup_call_end_all(app->call, "drained");
    sup_timer_start(app->drain_timer, DRAIN_LOOK_US);
}

static void on_stop_signal(void *arg)
{
    struct sup_app *app = arg;
    if (app->draining) {
        end_drain(app);
        return;
    }
    app->draining = true;
    sup_log_info("app", "draining", SUP_INT("calls", sup_call_count(app->call)));
    (void)sd_notify(0, "STOPPING=1");
    /* Whose call still runs must reach us: to hang up, to offer again. */
    if (sup_call_count(app->call) == 0)
        sup_net_server_accept(app->server, false);
    sup_queue_stop(app->queue);
    sup_api_drain(app->api);
    sup_call_leave_waiting(app->call);
    drain_until_us = sup_clock_mono_us() + (uint64_t)app->config->drain.call_limit_ms * 1000;
    /* A moment for the bye frames to leave before the close frames. */
    sup_timer_start(app->drain_timer, sup_call_count(app->call) ? DRAIN_LOOK_US : 50000);
}

static void on_reload_signal(void *arg)
{
    struct sup_app *app = arg;
    const char *problem = NULL;
    if (app->config->listen.https.count > 0 &&
        sup_net_server_reload_tls(app->server, app->config->listen.tls_cert_file,
                                  app->config->listen.tls_key_file))
        sup_log_error("app", "certificate not reloaded");
    if (app->config->auth.jwks_file[0] && sup_jwt_reload(app->jwt, &problem))
        sup_log_error("app", "keys not reloaded", SUP_STR("problem", problem));
    sup_log_info("app", "reloaded");
}

/* --- start --- */

static void on_pool_changed(struct sup_listener *listener, void *data)
{
    (void)data;
    struct sup_app *app = SUP_CONTAINER_OF(listener, struct sup_app, on_ready);
    const char *reason;
    if (!sup_pg_pool_ready(app->pool, &reason)) {
        sup_log_warn("app", "database not ready", SUP_STR("reason", reason));
        return;
    }
    sup_log_info("app", "database ready");
    if (!app->told_ready)
        (void)sd_notify(0, "READY=1");
    app->told_ready = true;
}

/* --- upkeep: at the start, then each minute (signaling rows live ten) --- */

enum { UPKEEP_US = 60 * 1000000 };

static void on_upkept(const struct sup_pg_reply *reply, void *arg)
{
    (void)arg;
    if (reply->err)
        sup_log_warn("app", "upkeep failed", SUP_STR("error", sup_err_name(reply->err)),
                     SUP_STR("sqlstate", reply->sqlstate), SUP_STR("code", reply->code));
}

static void on_upkeep(void *arg)
{
    struct sup_app *app = arg;
    static const enum sup_staff_upkeep all[] = {SUP_UPKEEP_PARTITIONS, SUP_UPKEEP_SESSIONS,
                                                SUP_UPKEEP_SIGNALS};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (sup_staff_store_upkeep(app->pool, all[i], on_upkept, app))
            sup_log_warn("app", "upkeep not sent");
    sup_timer_start(app->upkeep, UPKEEP_US);
}

static void on_watchdog(void *arg)
{
    struct sup_app *app = arg;
    (void)sd_notify(0, "WATCHDOG=1");
    sup_timer_start(app->watchdog, app->watchdog_us / 2);
}

static sup_err make_database(struct sup_app *app)
{
    const struct sup_config *c = app->config;
    struct sup_pg_pool_opts pool = {
        .conninfo = c->database.url,
        .tables = tables,
        .metrics = app->metrics,
        .connections = (unsigned)c->database.connections,
        .queue_limit = (unsigned)c->database.queue_limit,
        .timeout_us = (uint64_t)c->database.request_timeout_ms * 1000,
        .statement_timeout_ms = (uint32_t)c->database.statement_timeout_ms,
        .connect_timeout_us = (uint64_t)c->database.connect_timeout_ms * 1000,
    };
    sup_err err = sup_pg_pool_create(app->loop, &pool, &app->pool);
    if (err)
        return err;
    app->on_ready.notify = on_pool_changed;
    sup_signal_add(sup_pg_pool_changed(app->pool), &app->on_ready);
    struct sup_bus_opts bus = {
        .conninfo = c->database.url,
        .pool = app->pool,
        .metrics = app->metrics,
        .version = SUP_VERSION,
    };
    return sup_bus_create(app->loop, &bus, &app->bus);
}

static sup_err make_features(struct sup_app *app)
{
    const struct sup_config *c = app->config;
    struct sup_chat_opts chat = {
        .loop = app->loop,
        .pool = app->pool,
        .bus = app->bus,
        .mask = app->mask,
        .split = {.window_us = (uint64_t)c->mask.split_window_ms * 1000,
                  .max_messages = (uint32_t)c->mask.split_messages},
        .metrics = app->metrics,
    };
    struct sup_queue_opts queue = {
        .loop = app->loop, .pool = app->pool, .bus = app->bus, .metrics = app->metrics};
    struct sup_call_opts call = {
        .loop = app->loop,
        .pool = app->pool,
        .engine = app->engine,
        .metrics = app->metrics,
        .bus = app->bus,
        .grace_us = (uint64_t)c->call.grace_ms * 1000,
        .max_calls = (size_t)c->call.max_calls,
        .stats_interval_us = (uint64_t)c->call.stats_interval_ms * 1000,
        .prompts = app->prompts,
        .notice = app->notice,
        .prompt_interval_us = (uint64_t)c->media.prompt_interval_ms * 1000,
        .no_fec = !c->media.fec,
        .dtx = c->media.dtx,
        .max_average_bitrate = (uint32_t)c->media.bitrate,
        .ptime_ms = (uint32_t)c->media.ptime_ms,
        .recorders = app->recorders,
        .recording_keys = app->recording_keys,
        .recording_key = app->recording_keys ? sup_rec_keys_first(app->recording_keys) : NULL,
        .recording_dir = c->recording.dir,
        .recording_place = app->recording_place,
    };
    sup_err err = sup_chat_create(&chat, &app->chat);
    if (!err)
        err = sup_queue_create(&queue, &app->queue);
    if (!err)
        err = sup_call_create(&call, &app->call);
    struct sup_api_opts api;
    if (!err)
        err = app_api_opts(app, &api);
    return err ? err : sup_api_create(&api, &app->api);
}

static sup_err make_sealer(struct sup_app *app)
{
    const char *file = app->config->audit.key_file;
    if (!file[0]) {
        sup_log_warn("app", "audit rows are not sealed: audit.key_file is not set");
        return SUP_OK;
    }
    sup_err err = sup_audit_key_load(file, &app->audit_key);
    if (err) {
        sup_log_error("app", "audit key not read", SUP_STR("file", file),
                      SUP_STR("error", sup_err_name(err)));
        return err;
    }
    struct sup_audit_sealer_opts opts = {
        .pool = app->pool,
        .key = app->audit_key,
        .metrics = app->metrics,
        .interval_us = (uint64_t)app->config->audit.seal_interval_ms * 1000,
    };
    return sup_audit_sealer_create(app->loop, &opts, &app->sealer);
}

static sup_err make_signals(struct sup_app *app)
{
    sup_err err = sup_timer_create(app->loop, on_drain_timer, app, &app->drain_timer);
    if (!err)
        err = sup_timer_create(app->loop, on_upkeep, app, &app->upkeep);
    if (!err)
        on_upkeep(app);
    if (!err)
        err = sup_unix_signal_create(app->loop, SIGTERM, on_stop_signal, app, &app->sigterm);
    if (!err)
        err = sup_unix_signal_create(app->loop, SIGINT, on_stop_signal, app, &app->sigint);
    if (!err)
        err = sup_unix_signal_create(app->loop, SIGHUP, on_reload_signal, app, &app->sighup);
    if (!err && sd_watchdog_enabled(0, &app->watchdog_us) > 0) {
        err = sup_timer_create(app->loop, on_watchdog, app, &app->watchdog);
        if (!err)
            on_watchdog(app);
    }
    return err;
}

static sup_err make_jwt(struct sup_app *app)
{
    const struct sup_config *c = app->config;
    struct sup_jwt_opts opts = {
        .secret = c->auth.jwt_secret,
        .jwks_file = c->auth.jwks_file,
        .issuer = c->auth.issuer,
        .audience = c->auth.audience,
        .clock_skew_us = c->auth.clock_skew_ms * 1000,
        .max_age_us = c->auth.token_max_age_ms * 1000,
        .claim_subject = c->auth.claim_subject,
        .claim_name = c->auth.claim_name,
        .claim_email = c->auth.claim_email,
        .claim_language = c->auth.claim_language,
    };
    const char *problem = "";
    sup_err err = sup_jwt_create(&opts, &app->jwt, &problem);
    if (err)
        sup_log_error("app", "token keys refused", SUP_STR("problem", problem));
    return err;
}

static sup_err start(struct sup_app *app)
{
    const struct sup_config *c = app->config;
    enum sup_log_level level;
    if (sup_log_level_parse(c->log.level, &level) == SUP_OK)
        sup_log_setup(level, STDERR_FILENO, (unsigned)c->log.lines_per_second);
    sup_err (*const steps[])(struct sup_app *) = {
        app_take_priority, app_make_mask,      make_jwt,        app_make_media,
        app_make_relay,    app_make_recorders, make_database,   make_features,
        make_sealer,       app_make_assets,    app_make_server, make_signals,
    };
    sup_err err = sup_loop_create(&app->loop);
    if (!err)
        err = sup_metrics_create(&app->metrics);
    if (!err)
        sup_loop_set_work(app->loop, (unsigned)c->auth.password_queue,
                          (unsigned)c->limits.work_threads);
    for (size_t i = 0; !err && i < sizeof(steps) / sizeof(steps[0]); i++)
        err = steps[i](app);
    return err;
}

static void stop(struct sup_app *app)
{
    sup_unix_signal_destroy(app->sigterm);
    sup_unix_signal_destroy(app->sigint);
    sup_unix_signal_destroy(app->sighup);
    sup_timer_destroy(app->drain_timer);
    sup_timer_destroy(app->watchdog);
    sup_timer_destroy(app->upkeep);
    /* Whoever asked is still there to be answered; nothing is asked any more from here on. */
    if (app->pool)
        sup_pg_pool_abort(app->pool);
    sup_net_server_destroy(app->server);
    app_drop_assets(app);
    sup_audit_sealer_destroy(app->sealer);
    sup_audit_key_destroy(app->audit_key);
    sup_listener_remove(&app->on_ready);
    sup_api_destroy(app->api);
    sup_call_destroy(app->call);
    sup_recorders_destroy(app->recorders);
    sup_queue_destroy(app->queue);
    sup_chat_destroy(app->chat);
    sup_bus_destroy(app->bus);
    sup_pg_pool_destroy(app->pool);
    app_drop_relay(app);
    sup_media_engine_destroy(app->engine);
    sup_prompts_destroy(app->prompts);
    sup_hold_destroy(app->hold);
    sup_hold_destroy(app->notice);
    sup_mask_destroy(app->mask);
    sup_jwt_destroy(app->jwt);
    if (sup_loop_destroy(app->loop))
        sup_log_warn("app", "loop not empty at stop");
    sup_rec_keys_destroy(app->recording_keys); /* the loop's threads have ended */
    sup_metrics_destroy(app->metrics);
    sup_config_destroy(app->config);
}

int app_run(int argc, char **argv)
{
    static struct sup_app app; /* large; zeroed */
    app.config_path = app_option(argc, argv, "--config");
    if (app_config(app.config_path, true, false, &app.config))
        return 78; /* EX_CONFIG */
    (void)signal(SIGPIPE, SIG_IGN);
    sup_err err = start(&app);
    if (err) {
        sup_log_error("app", "not started", SUP_STR("error", sup_err_name(err)));
    } else {
        sup_log_info("app", "started", SUP_STR("version", SUP_VERSION),
                     SUP_STR("process", sup_id_text(sup_bus_process(app.bus)).s));
        sup_loop_run(app.loop);
    }
    stop(&app);
    return err ? 1 : 0;
}
