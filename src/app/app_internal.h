/* Private to app: wiring, start and stop order, subcommands. */
#ifndef SUPPORTD_APP_INTERNAL_H
#define SUPPORTD_APP_INTERNAL_H
#include <stdbool.h>

#include "supportd/api/api.h"
#include "supportd/audit/audit.h"
#include "supportd/auth/jwt.h"
#include "supportd/base/cidr.h"
#include "supportd/bus/bus.h"
#include "supportd/call/call.h"
#include "supportd/chat/chat.h"
#include "supportd/config/config.h"
#include "supportd/loop/loop.h"
#include "supportd/mask/mask.h"
#include "supportd/media/engine.h"
#include "supportd/media/hold.h"
#include "supportd/media/prompts.h"
#include "supportd/metrics/metrics.h"
#include "supportd/net/server.h"
#include "supportd/pg/pool.h"
#include "supportd/queue/queue.h"

enum { APP_LISTENERS_MAX = 8, APP_CIDRS_MAX = 64, APP_SITES_MAX = 64 };

/* Everything of one daemon; zeroed, then filled in this order, torn down in the reverse. */
struct sup_app {
    const char *config_path;
    struct sup_config *config;
    struct sup_loop *loop;
    struct sup_metrics *metrics;
    struct sup_mask *mask;
    struct sup_jwt *jwt;
    struct sup_pg_pool *pool;
    struct sup_bus *bus;
    struct sup_hold *hold, *notice;
    struct sup_prompts *prompts;
    struct sup_media_engine *engine;
    struct sup_chat *chat;
    struct sup_queue *queue;
    struct sup_rec_keys *recording_keys;
    struct sup_id recording_place;
    struct sup_recorders *recorders;
    struct sup_call *call;
    struct sup_api *api;
    struct sup_net_server *server;
    struct sup_audit_key *audit_key;
    struct sup_audit_sealer *sealer;
    struct sup_unix_signal *sigterm, *sigint, *sighup;
    struct sup_timer *drain_timer, *watchdog, *upkeep;
    struct app_relay *relay;
    struct sup_listener on_ready;
    uint64_t watchdog_us;
    bool draining, told_ready;
    struct sup_cidr proxies[APP_CIDRS_MAX], metrics_allow[APP_CIDRS_MAX];
    size_t proxy_count, metrics_allow_count;
    struct sup_api_site sites[APP_SITES_MAX];
    size_t site_count;
    struct sup_asset *assets;
    size_t asset_count;
    char *panel_csp; /* with the sites that may frame the panel */
};

/* Reads the configuration; prints problems to standard error. need_database: database.url. */
sup_err app_config(const char *path, bool need_database, bool need_owner,
                   struct sup_config **ret_config);
/* Each fills its part from app->config and logs what is wrong. */
sup_err app_make_mask(struct sup_app *app);
sup_err app_make_media(struct sup_app *app);
/* Real-time priority for the calling thread, as media.realtime_priority says, where the system
 * allows it; told in the log and by a metric. */
sup_err app_take_priority(struct sup_app *app);
sup_err app_make_recorders(struct sup_app *app);
/* key: the setting; file: path; why: what is wrong with it. Borrowed for the call. */
typedef void (*app_sound_problem_cb)(const char *key, const char *file, const char *why, void *arg);
struct app_sounds {
    struct sup_hold *hold, *notice;
    struct sup_prompts *prompts;
};
/* Reads the music and the notice of recordings (the built-in ones where no file is named) and the
 * prompts, if a folder is, and tells of each file that is no good. *sounds must come in zeroed;
 * what is in it is the caller's to destroy, also after an error, and may stay NULL.
 * Errors: those of sup_hold_open() and sup_prompts_open(). */
sup_err app_read_sounds(const struct sup_config *config, app_sound_problem_cb tell, void *arg,
                        struct app_sounds *sounds);
/* The daemon's own TURN server, if media.relay_host names one: looks its address up off the loop
 * and gives the engine a credential, again and again. */
sup_err app_make_relay(struct sup_app *app);
void app_drop_relay(struct sup_app *app);
sup_err app_make_assets(struct sup_app *app);
void app_drop_assets(struct sup_app *app);
sup_err app_make_server(struct sup_app *app);
/* The options of api that come from the configuration. */
sup_err app_api_opts(struct sup_app *app, struct sup_api_opts *ret_opts);

/* Subcommands; each returns the exit status. argv[0] is the subcommand. */
int app_run(int argc, char **argv);
int app_migrate(int argc, char **argv);
int app_check_config(int argc, char **argv);
int app_add_staff(int argc, char **argv);
int app_audit(int argc, char **argv);
int app_recording(int argc, char **argv);
int app_mask(int argc, char **argv);
int app_config_docs(int argc, char **argv);
/* Value of "--name VALUE" in argv, or NULL. */
const char *app_option(int argc, char **argv, const char *name);
#endif
