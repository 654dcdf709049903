#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_internal.h"
#include "supportd/log/log.h"
#include "supportd/media/recorder_place.h"

/* From the configuration to each folder's own options. */

#define DEFAULT_PATH "/etc/supportd/supportd.conf"

const char *app_option(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

sup_err app_config(const char *path, bool need_database, bool need_owner,
                   struct sup_config **ret_config)
{
    struct sup_buf problems = {.max_len = 65536};
    if (!path)
        path = getenv("SUPPORTD_CONFIG");
    if (!path && access(DEFAULT_PATH, F_OK) == 0)
        path = DEFAULT_PATH;
    struct sup_config_opts opts = {
        .path = path,
        .environment = (const char *const *)environ,
        .need_database = need_database,
        .need_owner = need_owner,
    };
    sup_err err = sup_config_load(&opts, &problems, ret_config);
    if (err)
        (void)fprintf(stderr, "%s", problems.len ? problems.data : "configuration not read\n");
    sup_buf_fini(&problems);
    return err;
}

/* --- masking --- */

enum { FORMATS_MAX = 64, PATTERNS_MAX = 64, WORDS_MAX = 256 };

struct mask_lists {
    struct sup_mask_format formats[FORMATS_MAX];
    struct sup_mask_pattern patterns[PATTERNS_MAX];
    struct sup_mask_word words[WORDS_MAX];
    struct sup_mask_opts opts;
    char names[WORDS_MAX][24];
};

static void add_formats(struct mask_lists *m, const struct sup_config_list *list,
                        enum sup_mask_category category, bool bare)
{
    for (size_t i = 0; i < list->count && m->opts.format_count < FORMATS_MAX; i++)
        m->formats[m->opts.format_count++] =
            (struct sup_mask_format){category, list->items[i], bare};
}

/* "category=phrase" */
static sup_err add_word(struct mask_lists *m, const char *item)
{
    const char *equals = strchr(item, '=');
    char name[24];
    enum sup_mask_category category;
    if (!equals || (size_t)(equals - item) >= sizeof(name) || m->opts.word_count == WORDS_MAX)
        return SUP_E_INVAL;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(equals - item), item);
    if (sup_mask_category_parse(name, &category))
        return SUP_E_INVAL;
    m->words[m->opts.word_count++] = (struct sup_mask_word){category, equals + 1};
    return SUP_OK;
}

/* "name=pattern" */
static sup_err add_pattern(struct mask_lists *m, const char *item)
{
    size_t n = m->opts.pattern_count;
    const char *equals = strchr(item, '=');
    if (!equals || n == PATTERNS_MAX)
        return SUP_E_INVAL;
    (void)snprintf(m->names[n], sizeof(m->names[n]), "%.*s", (int)(equals - item), item);
    m->patterns[n] = (struct sup_mask_pattern){
        .name = m->names[n], .regex = equals + 1, .category = SUP_MASK_CUSTOM};
    m->opts.pattern_count++;
    return SUP_OK;
}

static sup_err fill_mask(const struct sup_config *c, struct mask_lists *m)
{
    unsigned on = 0;
    for (size_t i = 0; i < c->mask.categories.count; i++) {
        enum sup_mask_category category;
        if (sup_mask_category_parse(c->mask.categories.items[i], &category))
            return SUP_E_INVAL;
        on |= SUP_MASK_BIT(category);
    }
    if (c->mask.categories.count > 0)
        m->opts.off = ~on & ((1u << SUP_MASK_CATEGORIES) - 1);
    add_formats(m, &c->mask.account_formats, SUP_MASK_ACCOUNT, false);
    add_formats(m, &c->mask.account_formats_bare, SUP_MASK_ACCOUNT, true);
    add_formats(m, &c->mask.national_id_formats, SUP_MASK_NATIONAL_ID, false);
    add_formats(m, &c->mask.national_id_formats_bare, SUP_MASK_NATIONAL_ID, true);
    for (size_t i = 0; i < c->mask.patterns.count; i++)
        if (add_pattern(m, c->mask.patterns.items[i]))
            return SUP_E_INVAL;
    for (size_t i = 0; i < c->mask.words.count; i++)
        if (add_word(m, c->mask.words.items[i]))
            return SUP_E_INVAL;
    m->opts.formats = m->formats;
    m->opts.patterns = m->patterns;
    m->opts.words = m->words;
    return SUP_OK;
}

sup_err app_make_mask(struct sup_app *app)
{
    struct mask_lists *m = calloc(1, sizeof(*m));
    struct sup_mask_problem problem = {"a list of section mask"};
    if (!m)
        return SUP_E_NOMEM;
    sup_err err = fill_mask(app->config, m);
    if (!err)
        err = sup_mask_create(&m->opts, &app->mask, &problem);
    if (err)
        sup_log_error("app", "masking rules refused", SUP_STR("problem", problem.text));
    free(m);
    return err;
}

/* --- media --- */

/* The machine's own addresses; loopback only when there is no other (Firefox never sends to it). */
static size_t own_addresses(char (*ret)[INET6_ADDRSTRLEN], size_t max)
{
    struct ifaddrs *all = NULL;
    size_t count = 0;
    if (getifaddrs(&all) != 0)
        return 0;
    for (const struct ifaddrs *i = all; i && count < max; i = i->ifa_next) {
        if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || (i->ifa_flags & IFF_LOOPBACK))
            continue;
        if (i->ifa_addr->sa_family == AF_INET) {
            const struct sockaddr_in *a = (const void *)i->ifa_addr;
            if (inet_ntop(AF_INET, &a->sin_addr, ret[count], INET6_ADDRSTRLEN))
                count++;
        } else if (i->ifa_addr->sa_family == AF_INET6) {
            const struct sockaddr_in6 *a = (const void *)i->ifa_addr;
            if (!IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr) &&
                inet_ntop(AF_INET6, &a->sin6_addr, ret[count], INET6_ADDRSTRLEN))
                count++;
        }
    }
    freeifaddrs(all);
    if (count == 0)
        (void)snprintf(ret[count++], INET6_ADDRSTRLEN, "127.0.0.1");
    return count;
}

sup_err app_make_recorders(struct sup_app *app)
{
    const struct sup_config *c = app->config;
    const char *why = NULL;
    if (!c->recording.key_file[0])
        return SUP_OK;
    sup_err err = sup_rec_keys_load(c->recording.key_file, &app->recording_keys, &why);
    if (err) {
        sup_log_error("app", "recording keys not read", SUP_STR("file", c->recording.key_file),
                      SUP_STR("problem", why ? why : ""));
        return err;
    }
    if (!c->recording.dir[0] || access(c->recording.dir, W_OK | X_OK) != 0) {
        sup_log_error("app", "recording.dir cannot be written to",
                      SUP_STR("dir", c->recording.dir));
        return SUP_E_INVAL;
    }
    err = sup_rec_place(c->recording.dir, &app->recording_place);
    if (err) {
        sup_log_error("app", "recording.dir has no readable place file",
                      SUP_STR("dir", c->recording.dir), SUP_STR("error", sup_err_name(err)));
        return err;
    }
    struct sup_recorders_opts opts = {
        .loop = app->loop,
        .keys = app->recording_keys,
        .dir = c->recording.dir,
        .metrics = app->metrics,
        .buffer_bytes = (size_t)c->recording.buffer_bytes,
        .max_recordings = (size_t)c->recording.max_recordings,
    };
    return sup_recorders_create(&opts, &app->recorders);
}

static void log_sound(const char *key, const char *file, const char *why, void *arg)
{
    (void)arg;
    sup_log_error("app", "sound not read", SUP_STR("setting", key), SUP_STR("file", file),
                  SUP_STR("why", why));
}

sup_err app_make_media(struct sup_app *app)
{
    const struct sup_config *c = app->config;
    char own[SUP_MEDIA_ADDRESSES_MAX][INET6_ADDRSTRLEN];
    struct sup_media_address addresses[SUP_MEDIA_ADDRESSES_MAX];
    size_t count = c->media.addresses.count;
    if (count == 0) {
        count = own_addresses(own, SUP_MEDIA_ADDRESSES_MAX);
        for (size_t i = 0; i < count; i++)
            addresses[i] = (struct sup_media_address){own[i], NULL};
    }
    if (count > SUP_MEDIA_ADDRESSES_MAX)
        return SUP_E_INVAL;
    for (size_t i = 0; i < c->media.addresses.count; i++)
        addresses[i] = (struct sup_media_address){c->media.addresses.items[i], NULL};
    if (c->media.advertised_address[0])
        for (size_t i = 0; i < count; i++)
            if (!strchr(addresses[i].address, ':') == !strchr(c->media.advertised_address, ':'))
                addresses[i].advertised = c->media.advertised_address;
    struct app_sounds sounds = {0};
    sup_err err = app_read_sounds(c, log_sound, NULL, &sounds);
    app->hold = sounds.hold;
    app->notice = sounds.notice;
    app->prompts = sounds.prompts;
    if (err)
        return err;
    struct sup_media_engine_opts opts = {
        .addresses = addresses,
        .address_count = count,
        .port_min = (uint16_t)c->media.port_min,
        .port_max = (uint16_t)c->media.port_max,
        .no_sibling = !c->media.sibling_socket,
        .no_dscp = !c->media.dscp,
        .libsrtp_only = strcmp(c->media.srtp_engine, "libsrtp") == 0,
        .hold = app->hold,
        .gather_us = (uint32_t)c->media.gather_us,
        .ping_us = (uint32_t)c->media.ping_ms * 1000,
    };
    err = sup_media_engine_create(&opts, &app->engine);
    if (err)
        sup_log_error("app", "media not started", SUP_STR("error", sup_err_name(err)));
    return err;
}

/* --- api --- */

static sup_err parse_cidrs(const struct sup_config_list *list, struct sup_cidr *ret, size_t *count)
{
    if (list->count > APP_CIDRS_MAX)
        return SUP_E_LIMIT;
    for (size_t i = 0; i < list->count; i++) {
        sup_err err = sup_cidr_parse(list->items[i], &ret[i]);
        if (err)
            return err;
    }
    *count = list->count;
    return SUP_OK;
}

sup_err app_api_opts(struct sup_app *app, struct sup_api_opts *ret_opts)
{
    const struct sup_config *c = app->config;
    sup_err err = parse_cidrs(&c->listen.trusted_proxies, app->proxies, &app->proxy_count);
    if (!err)
        err = parse_cidrs(&c->metrics.allow, app->metrics_allow, &app->metrics_allow_count);
    if (err || c->web.sites.count > APP_SITES_MAX)
        return err ? err : SUP_E_LIMIT;
    for (size_t i = 0; i < c->web.sites.count; i++) {
        const struct sup_config_site *s = &c->web.sites.items[i];
        app->sites[i] =
            (struct sup_api_site){s->origin, s->name, (s->features & SUP_SITE_CHAT) != 0,
                                  (s->features & SUP_SITE_CALL) != 0};
    }
    app->site_count = c->web.sites.count;
    *ret_opts = (struct sup_api_opts){
        .loop = app->loop,
        .pool = app->pool,
        .bus = app->bus,
        .chat = app->chat,
        .queue = app->queue,
        .call = app->call,
        .jwt = app->jwt,
        .metrics = app->metrics,
        .issuer = c->auth.issuer,
        .jwt_cookie = c->auth.token_cookie,
        .demo = c->web.demo,
        .demo_secret = c->auth.jwt_secret,
        .audience = c->auth.audience,
        .sites = app->sites,
        .site_count = app->site_count,
        .languages = (const char *const *)c->web.languages.items,
        .language_count = c->web.languages.count,
        .proxies = app->proxies,
        .proxy_count = app->proxy_count,
        .metrics_allow = app->metrics_allow,
        .metrics_allow_count = app->metrics_allow_count,
        .password_cost = {.memory_kib = (uint32_t)(c->auth.password_memory_bytes / 1024),
                          .passes = (uint32_t)c->auth.password_passes},
        .default_language = c->web.default_language,
        .cookie_domain = c->auth.cookie_domain,
        .ticket_ttl_us = (uint64_t)c->auth.ticket_ttl_ms * 1000,
        .drain_spread_ms = (unsigned)c->drain.spread_ms,
        .stun_urls = (const char *const *)c->media.stun_urls.items,
        .stun_count = c->media.stun_urls.count,
        .turn_urls = (const char *const *)c->media.turn_urls.items,
        .turn_count = c->media.turn_urls.count,
        .turn_secret = c->media.turn_secret,
        .turn_ttl_us = (uint64_t)c->media.turn_ttl_ms * 1000,
        .limits =
            {
                .sockets_per_user = (size_t)c->limits.sockets_per_user,
                .messages_per_minute = (uint32_t)c->limits.messages_per_minute,
                .calls_per_hour = (uint32_t)c->limits.calls_per_hour,
                .hello_timeout_us = (uint64_t)c->limits.hello_timeout_ms * 1000,
                .requests_per_minute = (uint32_t)c->limits.requests_per_minute,
                .logins_per_minute = (uint32_t)c->limits.logins_per_minute,
                .rate_keys = (size_t)c->limits.rate_keys,
                .subscriptions = (size_t)c->limits.subscriptions,
                .message_chars = c->limits.message_chars,
            },
    };
    return SUP_OK;
}

/* --- server --- */

static struct sup_net_limits net_limits(const struct sup_config *c)
{
    return (struct sup_net_limits){
        .connections = (size_t)c->limits.connections,
        .connections_per_address = (size_t)c->limits.connections_per_address,
        .accepts_per_pass = (size_t)c->limits.accepts_per_pass,
        .body_max = (size_t)c->limits.body_bytes,
        .ws_message_max = (size_t)c->limits.frame_bytes,
        .ws_queue_max = (size_t)c->limits.queue_bytes,
        .ws_frames_per_s = (uint32_t)c->limits.frames_per_second,
        .ws_frames_burst = (uint32_t)c->limits.frames_burst,
        .head_timeout_ms = (uint32_t)c->limits.head_timeout_ms,
        .body_timeout_ms = (uint32_t)c->limits.body_timeout_ms,
        .reply_timeout_ms = (uint32_t)c->limits.reply_timeout_ms,
        .write_timeout_ms = (uint32_t)c->limits.write_timeout_ms,
        .keepalive_ms = (uint32_t)c->limits.keepalive_ms,
        .ws_ping_ms = (uint32_t)c->limits.ping_ms,
        .ws_dead_ms = (uint32_t)c->limits.dead_ms,
    };
}

static sup_err add_listeners(const struct sup_config_list *list, bool tls,
                             struct sup_net_listener *listeners,
                             char (*hosts)[SUP_CONFIG_HOST_LEN + 1], size_t *count)
{
    for (size_t i = 0; i < list->count; i++, (*count)++) {
        if (*count == APP_LISTENERS_MAX)
            return SUP_E_LIMIT;
        struct sup_net_listener *l = &listeners[*count];
        l->tls = tls;
        l->address = hosts[*count];
        sup_err err = sup_config_address(list->items[i], hosts[*count], &l->port);
        if (err)
            return err;
    }
    return SUP_OK;
}

sup_err app_make_server(struct sup_app *app)
{
    const struct sup_config *c = app->config;
    struct sup_net_listener listeners[APP_LISTENERS_MAX];
    char hosts[APP_LISTENERS_MAX][SUP_CONFIG_HOST_LEN + 1];
    size_t count = 0;
    sup_err err = add_listeners(&c->listen.http, false, listeners, hosts, &count);
    if (!err)
        err = add_listeners(&c->listen.https, true, listeners, hosts, &count);
    if (err)
        return err;
    struct sup_net_opts opts = {
        .loop = app->loop,
        .metrics = app->metrics,
        .listeners = listeners,
        .listener_count = count,
        .cert_file = c->listen.tls_cert_file,
        .key_file = c->listen.tls_key_file,
        .assets = app->assets,
        .asset_count = app->asset_count,
        .limits = net_limits(c),
    };
    sup_api_net(app->api, &opts);
    err = sup_net_server_create(&opts, &app->server);
    if (err)
        sup_log_error("app", "cannot listen", SUP_STR("error", sup_err_name(err)));
    for (size_t i = 0; !err && i < count; i++)
        sup_log_info("app", "listening", SUP_STR("address", hosts[i]),
                     SUP_INT("port", sup_net_server_port(app->server, i)),
                     SUP_INT("tls", listeners[i].tls));
    return err;
}
