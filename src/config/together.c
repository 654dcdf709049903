#include <string.h>

#include "config_internal.h"

/* The problem is laid at the place of name's value. */
static void refuse(struct load *load, const char *name, const char *text)
{
    const struct row *row = config_row_find(name);
    config_problem(load, &load->places[row - config_rows], name, "%s", text);
}

static void check_auth(struct load *load)
{
    const struct sup_config *c = load->config;
    bool tokens = *c->auth.jwt_secret || *c->auth.jwks_file;
    const char *keys = *c->auth.jwt_secret ? "auth.jwt_secret" : "auth.jwks_file";
    if (tokens && !*c->auth.issuer)
        refuse(load, keys, "auth.issuer is empty; right is the iss claim of the bank's tokens");
    if (tokens && !*c->auth.audience)
        refuse(load, keys, "auth.audience is empty; right is the aud claim of the bank's tokens");
    if (strcmp(c->auth.token_cookie, "supportd_session") == 0)
        refuse(load, "auth.token_cookie",
               "it is the name of the daemon's own session cookie; right is another");
    if (!*c->auth.claim_subject)
        refuse(load, "auth.claim_subject", "it is empty; right is a claim's name, such as sub");
}

static void check_listen(struct load *load)
{
    const struct sup_config *c = load->config;
    bool cert = *c->listen.tls_cert_file, key = *c->listen.tls_key_file;
    if (c->listen.https.count > 0 && !cert)
        refuse(load, "listen.https", "listen.tls_cert_file is empty; right is a PEM file");
    if (c->listen.https.count > 0 && !key)
        refuse(load, "listen.https", "listen.tls_key_file is empty; right is a PEM file");
    if (c->listen.https.count + c->listen.http.count == 0)
        refuse(load, "listen.http",
               "both it and listen.https are empty; right is at least one address");
    if (c->listen.https.count + c->listen.http.count > 8)
        refuse(load, "listen.http",
               "there are too many addresses; right are at most 8 with those "
               "of listen.https");
}

static void check_media(struct load *load)
{
    const struct sup_config *c = load->config;
    if (c->media.port_min > c->media.port_max)
        refuse(load, "media.port_max", "it is below media.port_min; right is a larger port");
    if (c->media.turn_urls.count > 0 && !*c->media.turn_secret)
        refuse(load, "media.turn_urls",
               "media.turn_secret is empty; right is the secret of the TURN server");
    if (*c->media.relay_host && !*c->media.turn_secret)
        refuse(load, "media.relay_host",
               "media.turn_secret is empty; right is the secret of the TURN server");
    if (c->media.ptime_ms != 10 && c->media.ptime_ms != 20 && c->media.ptime_ms != 40 &&
        c->media.ptime_ms != 60)
        refuse(load, "media.ptime_ms", "Opus has no such packets; right is 10, 20, 40 or 60");
}

static void check_limits(struct load *load)
{
    const struct sup_config *c = load->config;
    if (c->limits.frames_burst < c->limits.frames_per_second)
        refuse(load, "limits.frames_burst",
               "it is below limits.frames_per_second; right is at least that");
    if (c->limits.queue_bytes < c->limits.frame_bytes)
        refuse(load, "limits.queue_bytes",
               "it is below limits.frame_bytes; right is at least that");
    if (c->limits.dead_ms <= c->limits.ping_ms)
        refuse(load, "limits.dead_ms",
               "it is not above limits.ping_ms; right is at least twice "
               "that");
    /* A character has up to 4 bytes in UTF-8. */
    if (c->limits.frame_bytes < 4 * c->limits.message_chars + 512)
        refuse(load, "limits.frame_bytes",
               "a message of limits.message_chars may not fit; right is at least 4 times that and "
               "512");
}

static void check_web(struct load *load)
{
    const struct sup_config *c = load->config;
    for (size_t i = 0; i < c->web.languages.count; i++)
        if (strcmp(c->web.languages.items[i], c->web.default_language) == 0)
            return;
    refuse(load, "web.default_language", "it is not in web.languages; right is one of them");
}

void config_check_together(struct load *load)
{
    const struct sup_config *c = load->config;
    check_listen(load);
    check_web(load);
    check_auth(load);
    check_limits(load);
    check_media(load);
    if (load->opts->need_database && !*c->database.url)
        refuse(load, "database.url",
               "it is empty; right is a libpq URL, best by SUPPORTD_DATABASE_URL");
    if (load->opts->need_owner && !*c->database.owner_url)
        refuse(load, "database.owner_url",
               "it is empty; right is a libpq URL, best by SUPPORTD_DATABASE_OWNER_URL");
}
