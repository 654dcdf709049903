/* The daemon's settings: one file, each key also by environment, read once into a snapshot.
 *
 * Layer:  config. Blocking file reads: at start and for a reload, not in the loop's callbacks of
 *         clients. Thread: any; a snapshot is read-only.
 * Source: DESIGN Interfaces (Configuration), SPEC 12. Each setting is one row in
 * src/config/table.c, from which docs/config.md and config/supportd.conf are generated; the meaning
 * of a field of struct sup_config is the help of its row. */
#ifndef SUPPORTD_CONFIG_CONFIG_H
#define SUPPORTD_CONFIG_CONFIG_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"

struct sup_config_list {
    char **items;
    size_t count;
};

enum sup_config_feature {
    SUP_SITE_CHAT = 1 << 0,
    SUP_SITE_CALL = 1 << 1,
};

/* A web site that may embed the widget or call the API. */
struct sup_config_site {
    char *origin;      /* canonical (base/origin.h) */
    char *name;        /* shown in the widget; "" when none was given */
    unsigned features; /* SUP_SITE_* bits; 0: read-only */
};

struct sup_config_sites {
    struct sup_config_site *items;
    size_t count;
};

/* Strings are never NULL, "" when not set. Units are in the names. */
struct sup_config {
    struct {
        struct sup_config_list http, https; /* each "address:port": sup_config_address() */
        char *tls_cert_file, *tls_key_file;
        struct sup_config_list trusted_proxies;
    } listen;
    struct {
        struct sup_config_sites sites;
        struct sup_config_list languages;
        char *default_language;
        bool demo;
    } web;
    struct {
        char *jwt_secret, *jwks_file, *issuer, *audience;
        int64_t clock_skew_ms, token_max_age_ms;
        char *claim_subject, *claim_name, *claim_email, *claim_language;
        char *token_cookie, *cookie_domain;
        int64_t ticket_ttl_ms;
        int64_t password_queue, password_memory_bytes, password_passes;
    } auth;
    struct {
        int64_t connections, connections_per_address, accepts_per_pass, sockets_per_user;
        int64_t body_bytes, frame_bytes, queue_bytes, message_chars;
        int64_t frames_per_second, frames_burst, messages_per_minute;
        int64_t requests_per_minute, logins_per_minute, calls_per_hour, rate_keys, work_threads;
        int64_t subscriptions;
        int64_t hello_timeout_ms, head_timeout_ms, body_timeout_ms, reply_timeout_ms;
        int64_t write_timeout_ms, keepalive_ms, ping_ms, dead_ms;
    } limits;
    struct {
        char *url, *owner_url;
        int64_t connections, queue_limit;
        int64_t request_timeout_ms, statement_timeout_ms, connect_timeout_ms;
    } database;
    struct {
        int64_t grace_ms, max_calls, stats_interval_ms;
    } call;
    struct {
        struct sup_config_list addresses;
        char *advertised_address;
        int64_t port_min, port_max;
        struct sup_config_list stun_urls, turn_urls;
        char *turn_secret;
        int64_t turn_ttl_ms;
        char *relay_host;
        int64_t relay_port;
        struct sup_config_list hold_music_files;
        char *prompts_dir, *recording_notice_file, *srtp_engine;
        int64_t prompt_interval_ms;
        bool sibling_socket, dscp, dtx, fec;
        int64_t gather_us, ping_ms, realtime_priority, bitrate, ptime_ms;
    } media;
    struct {
        char *key_file, *dir;
        int64_t buffer_bytes, max_recordings;
    } recording;
    struct {
        struct sup_config_list categories, account_formats, account_formats_bare;
        struct sup_config_list national_id_formats, national_id_formats_bare;
        struct sup_config_list patterns, words;
        int64_t split_window_ms, split_messages;
    } mask;
    struct {
        char *key_file;
        int64_t seal_interval_ms;
    } audit;
    struct {
        char *level;
        int64_t lines_per_second;
    } log;
    struct {
        struct sup_config_list allow;
    } metrics;
    struct {
        int64_t call_limit_ms, spread_ms;
    } drain;
};

struct sup_config_opts {
    const char *path;               /* NULL: no file, defaults and environment only */
    const char *const *environment; /* "NAME=value" strings, NULL-terminated; NULL: none */
    bool need_database;             /* database.url must be set */
    bool need_owner;                /* database.owner_url must be set */
};

/* Defaults, then the file, then SUPPORTD_SECTION_NAME variables. A secret may come from a file: key
 * name_file, or SUPPORTD_SECTION_NAME_FILE. In a variable a list is separated by commas or is a
 * list in the file's syntax ("[...]" or "(...)"). Unknown keys, and unknown variables that begin
 * with SUPPORTD_ (but SUPPORTD_TEST_ and SUPPORTD_CONFIG), are problems. *ret_config is owned.
 * problems gets one line for each problem, not only the first, each ending in a newline: place
 * ("file:line" or "environment NAME"), key, what is wrong, what would be right. Values of secrets
 * are never quoted. problems must be an initialised buffer; its limit cuts the list.
 * Errors: SUP_E_INVAL (there are problems), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_config_load(const struct sup_config_opts *opts, struct sup_buf *problems,
                                       struct sup_config **ret_config);
/* Wipes secrets. NULL is a no-op. */
void sup_config_destroy(struct sup_config *config);

/* Calls cb for each setting whose value differs; reloadable: takes effect without a restart. name
 * is static. Returns how many differ. */
size_t sup_config_diff(const struct sup_config *before, const struct sup_config *after,
                       void (*cb)(const char *name, bool reloadable, void *arg), void *arg);

/* The site of an origin as sent in a header (any case), or NULL. Borrowed from config. */
const struct sup_config_site *sup_config_site(const struct sup_config *config, const char *origin);

enum { SUP_CONFIG_HOST_LEN = 45 };
/* Splits "192.0.2.1:80" or "[::1]:80". Errors: SUP_E_MALFORMED. */
SUP_MUST_CHECK sup_err sup_config_address(const char *text, char ret_host[SUP_CONFIG_HOST_LEN + 1],
                                          uint16_t *ret_port);

/* Appends docs/config.md. Errors: SUP_E_NOMEM, SUP_E_LIMIT. */
SUP_MUST_CHECK sup_err sup_config_write_docs(struct sup_buf *out);
/* Appends config/supportd.conf: every key with its help, commented out at its default. */
SUP_MUST_CHECK sup_err sup_config_write_sample(struct sup_buf *out);
#endif
