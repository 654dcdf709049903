#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"
#include "supportd/base/cidr.h"
#include "supportd/base/origin.h"

#define MIN_MS 60000
#define HOUR_MS (60 * MIN_MS)
#define DAY_MS (24 * HOUR_MS)
#define KIB 1024
#define MIB (1024 * KIB)

/* The offset of a field, refused by the compiler when its type is another. */
#define AT(section, field, type)                                                                   \
    _Generic(((struct sup_config *)0)->section.field, type                                         \
             : offsetof(struct sup_config, section.field))

#define TEXT(sec, f, def, max, reload, choices, check, help)                                       \
    {                                                                                              \
#sec "." #f, ROW_STRING, AT(sec, f, char *), 0, max, def, reload, choices, check, help     \
    }
#define SECRET(sec, f, min, reload, help)                                                          \
    {                                                                                              \
#sec "." #f, ROW_SECRET, AT(sec, f, char *), min, 4096, "", reload, NULL, NULL, help       \
    }
#define NUMBER(type, sec, f, def, min, max, reload, help)                                          \
    {                                                                                              \
#sec "." #f, type, AT(sec, f, int64_t), min, max, def, reload, NULL, NULL, help            \
    }
#define INT(...) NUMBER(ROW_INT, __VA_ARGS__)
#define MS(...) NUMBER(ROW_MS, __VA_ARGS__)
#define BYTES(...) NUMBER(ROW_BYTES, __VA_ARGS__)
#define BOOL(sec, f, def, reload, help)                                                            \
    {                                                                                              \
#sec "." #f, ROW_BOOL, AT(sec, f, bool), 0, 0, def, reload, NULL, NULL, help               \
    }
#define LIST(sec, f, def, max, reload, choices, check, help)                                       \
    {                                                                                              \
#sec "." #f, ROW_LIST, AT(sec, f, struct sup_config_list), 0, max, def, reload, choices,   \
            check, help                                                                            \
    }

#define CATEGORIES "card|cvv|pin|otp|password|iban|account|national_id|custom"

static const char *check_address_port(const char *value)
{
    char host[SUP_CONFIG_HOST_LEN + 1];
    uint16_t port;
    return sup_config_address(value, host, &port) ? "address:port, such as \"127.0.0.1:8080\" or "
                                                    "\"[::1]:8080\""
                                                  : NULL;
}

static const char *check_ip(const char *value)
{
    unsigned char address[16];
    return inet_pton(AF_INET, value, address) == 1 || inet_pton(AF_INET6, value, address) == 1
               ? NULL
               : "a numeric IPv4 or IPv6 address";
}

static const char *check_cidr(const char *value)
{
    struct sup_cidr cidr;
    return sup_cidr_parse(value, &cidr) ? "an address block such as \"10.0.0.0/8\" (no bits set "
                                          "behind the prefix) or one address"
                                        : NULL;
}

static const char *check_origin(const char *value)
{
    struct sup_origin origin;
    return sup_origin_parse(value, &origin) ? "an origin such as \"https://help.bank.example\", "
                                              "without a path"
                                            : NULL;
}

static const char *check_token(const char *value)
{
    static const char *const right = "a name of letters, digits, '-' and '_'";
    for (; *value; value++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *value))
            return right;
    return NULL;
}

static const char *check_domain(const char *value)
{
    struct sup_origin origin;
    char text[300] = "https://";
    static const char *const right = "a domain such as \"bank.example\"";
    if (strlen(value) > 253 || strpbrk(value, ":[]"))
        return right;
    strcat(text, value);
    return sup_origin_parse(text, &origin) ? right : NULL;
}

static const char *check_stun(const char *value)
{
    return strncmp(value, "stun:", 5) == 0 && value[5] && !strpbrk(value, " \t")
               ? NULL
               : "\"stun:host\" or \"stun:host:port\"";
}

static const char *check_host(const char *value)
{
    return value[strcspn(value, " \t/[]")] ? "a host name or a numeric address" : NULL;
}

static const char *check_turn(const char *value)
{
    bool known = strncmp(value, "turn:", 5) == 0 || strncmp(value, "turns:", 6) == 0;
    return known && strlen(strchr(value, ':')) > 1 && !strpbrk(value, " \t")
               ? NULL
               : "\"turn:host:port?transport=udp\" or \"turns:host:port?transport=tcp\"";
}

/* PLACES of mask/mask.h: '#' digit, '?' digit that may be missing, '@' letter, 0-9, A-Z. */
static const char *check_format(const char *value)
{
    size_t len = strlen(value);
    return len >= 6 && len <= 40 && strspn(value, "#?@0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == len
               ? NULL
               : "6 to 40 places: # a digit, ? a digit that may be missing, @ a letter, 0-9 and "
                 "A-Z themselves";
}

static const char *check_pattern(const char *value)
{
    const char *equals = strchr(value, '=');
    return equals && equals != value && equals[1] ? NULL : "NAME=REGULAR-EXPRESSION";
}

static const char *check_word(const char *value)
{
    static const char *const prefixes[] = {
        "cvv=", "pin=", "otp=", "password=", "account=", "national_id="};
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t len = strlen(prefixes[i]);
        if (strncmp(value, prefixes[i], len) == 0 && value[len])
            return NULL;
    }
    return "CATEGORY=PHRASE with category cvv, pin, otp, password, account or national_id";
}

const struct section config_sections[] = {
    {"listen", "Where the daemon listens."},
    {"web", "Sites and pages."},
    {"auth", "Who is calling: the bank's tokens, cookies, password hashing."},
    {"limits", "Limits on sizes, counts and rates. Whoever exceeds one is refused or cut off."},
    {"database", "PostgreSQL."},
    {"call", "Voice calls."},
    {"media", "Addresses, transport and coding of the calls' sound."},
    {"recording",
     "Recording of calls. Whether calls are recorded says the setting recording.policy."},
    {"mask", "Masking of sensitive data in what customers and staff write."},
    {"audit", "The sealed audit log."},
    {"log", "Log lines: JSON on standard error."},
    {"metrics", "Prometheus metrics at /metrics."},
    {"drain", "What happens on SIGTERM."},
};
const size_t config_section_count = sizeof(config_sections) / sizeof(config_sections[0]);

/* Whether a reload (SIGHUP) takes the setting. */
enum { FIXED = false, LIVE = true };

/* One setting a row; the limit on function length does not concern a flat table. */
const struct row config_rows[] = {
    LIST(listen, http, "127.0.0.1:8080", 8, FIXED, NULL, check_address_port,
         "Addresses for plain HTTP. Keep them on loopback: a proxy in front, or the demo. Port 0 "
         "lets the system choose."),
    LIST(listen, https, "", 8, FIXED, NULL, check_address_port,
         "Addresses for HTTPS (TLS 1.3). Needs listen.tls_cert_file and listen.tls_key_file."),
    TEXT(listen, tls_cert_file, "", 4096, LIVE, NULL, NULL,
         "Certificate chain, PEM. Read again on reload."),
    TEXT(listen, tls_key_file, "", 4096, LIVE, NULL, NULL,
         "Private key of the certificate, PEM. Read again on reload."),
    LIST(listen, trusted_proxies, "", 64, FIXED, NULL, check_cidr,
         "Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed. Nobody else's are."),

    {"web.sites", ROW_SITES, AT(web, sites, struct sup_config_sites), 0, 64, "", FIXED, "chat|call",
     check_origin,
     "Web sites that may embed the widget, call the API from a browser and open the WebSocket. A "
     "list of groups: origin, name (optional), features (\"chat\", \"call\"; none: read-only). The "
     "daemon's own origin is always allowed."},
    LIST(web, languages, "en,sw", 16, FIXED, "en|sw", NULL, "Languages that the widget offers."),
    TEXT(web, default_language, "en", 8, FIXED, "en|sw", NULL,
         "Language of a customer who names none."),
    BOOL(web, demo, "false", FIXED, "Serve the demo bank page at /demo/. Not for production."),

    SECRET(auth, jwt_secret, 32, FIXED,
           "Shared secret of the bank's HS256 tokens, at least 32 bytes. Empty: none are taken."),
    TEXT(auth, jwks_file, "", 4096, LIVE, NULL, NULL,
         "JWKS file with the bank's public keys (RS256, ES256, EdDSA). Read again on reload."),
    TEXT(auth, issuer, "", 256, FIXED, NULL, NULL,
         "Required claim iss. Must be set where tokens are taken."),
    TEXT(auth, audience, "", 256, FIXED, NULL, NULL,
         "Required claim aud (or one of its elements). Must be set where tokens are taken."),
    MS(auth, clock_skew_ms, "30s", 0, 10 * MIN_MS, FIXED,
       "How far the clocks of the bank's login and of this machine may differ."),
    MS(auth, token_max_age_ms, "24h", 0, 366LL * DAY_MS, FIXED,
       "Refuse tokens issued longer ago (claim iat), whatever their expiry. 0: not checked."),
    TEXT(auth, claim_subject, "sub", 64, FIXED, NULL, check_token,
         "Claim that identifies the person."),
    TEXT(auth, claim_name, "name", 64, FIXED, NULL, check_token, "Claim with the name to show."),
    TEXT(auth, claim_email, "email", 64, FIXED, NULL, check_token,
         "Claim with the e-mail address."),
    TEXT(auth, claim_language, "locale", 64, FIXED, NULL, check_token,
         "Claim with the preferred language."),
    TEXT(auth, token_cookie, "", 64, FIXED, NULL, check_token,
         "Cookie in which browsers carry the bank's token. Empty: bearer tokens only."),
    TEXT(auth, cookie_domain, "", 253, FIXED, NULL, check_domain,
         "Domain of the session cookie, so that sub-domains share it. Empty: this host alone."),
    MS(auth, ticket_ttl_ms, "30s", 1000, 5 * MIN_MS, FIXED, "Life of a ticket for the WebSocket."),
    INT(auth, password_queue, "32", 1, 1000, FIXED,
        "Passwords being hashed or waiting for it; more logins are told to come back."),
    BYTES(auth, password_memory_bytes, "19MiB", 8 * MIB, 1024LL * MIB, FIXED,
          "Memory of one argon2id hash. Stored hashes keep their own."),
    INT(auth, password_passes, "2", 1, 20, FIXED, "Passes of one argon2id hash."),

    INT(limits, connections, "12000", 1, 1000000, FIXED, "Connections in all."),
    INT(limits, connections_per_address, "200", 1, 1000000, FIXED,
        "Connections from one address; trusted proxies are exempt."),
    INT(limits, accepts_per_pass, "16", 1, 1024, FIXED,
        "New connections (and TLS handshakes) begun in one pass of the loop."),
    INT(limits, sockets_per_user, "20", 1, 1000, FIXED, "WebSockets of one person."),
    BYTES(limits, body_bytes, "64KiB", KIB, 64 * MIB, FIXED, "Request body."),
    BYTES(limits, frame_bytes, "32KiB", KIB, MIB, FIXED, "WebSocket message from a client."),
    BYTES(limits, queue_bytes, "1MiB", 64 * KIB, 64 * MIB, FIXED,
          "Data waiting for one client; a slower one is cut off and resumes."),
    INT(limits, message_chars, "4000", 1, 16000, FIXED, "Characters of one chat message."),
    INT(limits, frames_per_second, "20", 1, 1000, FIXED,
        "WebSocket messages a second from one connection."),
    INT(limits, frames_burst, "40", 1, 10000, FIXED, "Of them at once."),
    INT(limits, messages_per_minute, "300", 1, 10000, FIXED, "Chat messages of one person."),
    INT(limits, requests_per_minute, "600", 1, 1000000, FIXED, "Requests from one address."),
    INT(limits, logins_per_minute, "10", 1, 10000, FIXED, "Logins from one address, good or bad."),
    INT(limits, calls_per_hour, "20", 1, 10000, FIXED, "Calls that one customer may start."),
    INT(limits, work_threads, "4", 1, 64, FIXED,
        "Threads for what takes long: passwords, files of recordings, names of servers."),
    INT(limits, rate_keys, "100000", 1000, 1000000, FIXED,
        "Addresses and persons whose rates are remembered; when full, new ones are refused."),
    INT(limits, subscriptions, "1000", 1, 100000, FIXED, "Chats open on one WebSocket."),
    MS(limits, hello_timeout_ms, "10s", 100, 5 * MIN_MS, FIXED,
       "A WebSocket must say who it is within this time."),
    MS(limits, head_timeout_ms, "10s", 100, 5 * MIN_MS, FIXED,
       "From connecting to a whole request head, TLS included."),
    MS(limits, body_timeout_ms, "30s", 100, HOUR_MS, FIXED, "From the head to the whole body."),
    MS(limits, reply_timeout_ms, "30s", 100, HOUR_MS, FIXED,
       "For the daemon's answer; then the client gets 503."),
    MS(limits, write_timeout_ms, "30s", 100, HOUR_MS, FIXED,
       "Without progress in sending an answer."),
    MS(limits, keepalive_ms, "30s", 100, HOUR_MS, FIXED, "Idle between two requests."),
    MS(limits, ping_ms, "20s", 1000, HOUR_MS, FIXED, "Silence after which a WebSocket is pinged."),
    MS(limits, dead_ms, "45s", 1000, HOUR_MS, FIXED,
       "Silence after which a WebSocket counts as gone."),

    SECRET(database, url, 0, FIXED,
           "The daemon's connection, a libpq URL or connection string. Its role owns nothing and "
           "cannot bypass row level security."),
    SECRET(database, owner_url, 0, FIXED, "Connection of supportd migrate."),
    INT(database, connections, "3", 1, 16, FIXED, "Connections of the pool."),
    INT(database, queue_limit, "8192", 16, 1000000, FIXED,
        "Requests that wait or are under way; more are refused."),
    MS(database, request_timeout_ms, "10s", 100, 10 * MIN_MS, FIXED,
       "For a request, waiting included."),
    MS(database, statement_timeout_ms, "8s", 100, 10 * MIN_MS, FIXED,
       "The server's own limit on one statement."),
    MS(database, connect_timeout_ms, "5s", 100, MIN_MS, FIXED, "For connecting."),

    MS(call, stats_interval_ms, "500ms", 100, MIN_MS, FIXED,
       "Least time between two reports of a browser on its side of a call; faster ones are "
       "refused."),
    MS(call, grace_ms, "30s", 1000, 10 * MIN_MS, FIXED,
       "A side that has vanished may return within this time."),
    INT(call, max_calls, "500", 1, 10000, FIXED, "Calls of this process at a time."),

    LIST(media, addresses, "", 8, FIXED, NULL, check_ip,
         "Addresses for the calls' sound. Empty: all of the machine's, 127.0.0.1 only where there "
         "is no other."),
    TEXT(media, advertised_address, "", 45, FIXED, NULL, check_ip,
         "Public address to announce beside them, where a one-to-one NAT stands before the "
         "machine."),
    INT(media, port_min, "40000", 1024, 65535, FIXED, "First UDP port."),
    INT(media, port_max, "49999", 1024, 65535, FIXED,
        "Last UDP port. Have at least four for each side of a call."),
    LIST(media, stun_urls, "", 8, FIXED, NULL, check_stun, "STUN servers for the browsers."),
    LIST(media, turn_urls, "", 8, FIXED, NULL, check_turn,
         "TURN servers for browsers whose network blocks UDP. Need media.turn_secret."),
    SECRET(media, turn_secret, 16, FIXED,
           "Secret shared with the TURN server, from which time-limited credentials are made."),
    MS(media, turn_ttl_ms, "12h", 10000, 7LL * DAY_MS, FIXED,
       "Life of those credentials. Clients that stay get new ones after half of it."),
    TEXT(media, relay_host, "", 253, FIXED, NULL, check_host,
         "TURN server that the daemon itself uses beside its own addresses, where browsers cannot "
         "reach those. Needs media.turn_secret. A name is looked up again with each credential."),
    INT(media, relay_port, "3478", 1, 65535, FIXED, "Its UDP port."),
    LIST(media, hold_music_files, "", 32, FIXED, NULL, NULL,
         "Ogg Opus files for waiting callers, played in turn. Empty: the built-in music."),
    TEXT(media, prompts_dir, "", 4000, FIXED, NULL, NULL,
         "Folder of spoken prompts, one folder per language in it (en, sw) with please_wait.opus "
         "and position_1.opus and so on, perhaps recording_notice.opus. Empty: callers hear music "
         "alone."),
    MS(media, prompt_interval_ms, "30s", 5000, 10 * MIN_MS, FIXED,
       "Least time between two prompts for one caller; said when the place has got better."),
    TEXT(media, recording_notice_file, "", 4000, FIXED, NULL, NULL,
         "Ogg Opus file of at most 20 s that both sides of a call hear in place of each other when "
         "it begins to be recorded. Empty: a built-in tone of a second. Callers in whose language "
         "media.prompts_dir has a recording_notice.opus cause that one to be heard instead."),
    TEXT(media, srtp_engine, "openssl", 16, FIXED, "openssl|libsrtp", NULL,
         "Who encrypts AES-GCM sound: openssl is faster, libsrtp the reference."),
    BOOL(media, sibling_socket, "true", FIXED,
         "Receive sound on a second socket beside libnice's, where the kernel can. false: always "
         "through libnice."),
    INT(media, gather_us, "350", 0, 2000, FIXED,
        "Microseconds between two wake-ups for sound when many calls run (a packet or more in that "
        "time): packets that came meanwhile share one. 0: each its own."),
    MS(media, ping_ms, "500ms", 250, 60 * 1000, FIXED,
       "Time between two STUN requests over a call's path, whose answers tell the round trip. "
       "Where "
       "TURN relays it, the peers' own reports do."),
    INT(media, realtime_priority, "1", 0, 99, FIXED,
        "Real-time priority (SCHED_RR) of the loop that relays sound, so that packets do not wait "
        "behind other programs; taken where the system allows it (CAP_SYS_NICE, or LimitRTPRIO= of "
        "the service). 0: none."),
    BOOL(
        media, dscp, "true", FIXED,
        "Mark the calls' packets for expedited forwarding (DSCP 46), so that networks that heed it "
        "let them pass first."),
    BOOL(media, dtx, "false", FIXED, "Ask browsers to send less in silence."),
    BOOL(media, fec, "true", FIXED, "Ask browsers for forward error correction."),
    INT(media, bitrate, "32000", 6000, 128000, FIXED, "Bits a second asked of browsers."),
    MS(media, ptime_ms, "20", 10, 60, FIXED, "Sound in one packet: 10, 20, 40 or 60 ms."),

    TEXT(recording, key_file, "", 4096, FIXED, NULL, NULL,
         "Keys that encrypt recordings, a line each: an id and 64 hexadecimal digits (supportd "
         "recording make-key). The first encrypts, all decrypt. Empty: nothing is recorded."),
    TEXT(recording, dir, "", 3900, FIXED, NULL, NULL,
         "Directory of the recordings; needed with recording.key_file."),
    BYTES(recording, buffer_bytes, "256KiB", 16 * KIB, 16 * MIB, FIXED,
          "Sound of one call on its way to the disk. What does not fit while the disk is too slow "
          "is left out, and the recording marked incomplete."),
    INT(recording, max_recordings, "1000", 1, 100000, FIXED, "Recordings at a time."),

    LIST(mask, categories, "card,cvv,pin,otp,password,iban,account,national_id,custom", 9, FIXED,
         CATEGORIES, NULL, "What is masked."),
    LIST(mask, account_formats, "########????????", 32, FIXED, NULL, check_format,
         "The bank's account numbers, masked near a word that names them: # a digit, ? a digit "
         "that may be missing, @ a letter, 0-9 and A-Z themselves."),
    LIST(mask, account_formats_bare, "", 32, FIXED, NULL, check_format,
         "As mask.account_formats, masked wherever they stand."),
    LIST(mask, national_id_formats, "", 32, FIXED, NULL, check_format,
         "National ids, in the same form, masked near a word that names them."),
    LIST(mask, national_id_formats_bare, "", 32, FIXED, NULL, check_format,
         "As mask.national_id_formats, masked wherever they stand."),
    LIST(mask, patterns, "", 64, FIXED, NULL, check_pattern,
         "Further patterns, NAME=REGULAR-EXPRESSION (PCRE2). The whole match is masked."),
    LIST(mask, words, "", 256, FIXED, NULL, check_word,
         "Further words that name a secret, CATEGORY=PHRASE: \"pin=namba ya siri\"."),
    MS(mask, split_window_ms, "30s", 1000, 10 * MIN_MS, FIXED,
       "A card number spread over several messages is found if they come within this time."),
    INT(mask, split_messages, "4", 2, 8, FIXED, "Over how many messages."),

    TEXT(audit, key_file, "", 4096, FIXED, NULL, NULL,
         "Ed25519 key that signs the seals, PEM, readable by the daemon alone."),
    MS(audit, seal_interval_ms, "1s", 100, HOUR_MS, FIXED, "Time between two seals."),

    TEXT(log, level, "info", 8, FIXED, "debug|info|warn|error", NULL, "Least level that is shown."),
    INT(log, lines_per_second, "200", 0, 100000, FIXED,
        "Lines of one text a second; the rest are counted. 0: no limit."),

    LIST(metrics, allow, "127.0.0.0/8,::1", 64, FIXED, NULL, check_cidr,
         "Addresses that may read /metrics."),

    MS(drain, call_limit_ms, "10m", 0, DAY_MS, FIXED,
       "After SIGTERM, calls that still run are ended after this time."),
    MS(drain, spread_ms, "10s", 0, 10 * MIN_MS, FIXED,
       "Clients are told to reconnect at a random moment within this time."),
};
const size_t config_row_count = sizeof(config_rows) / sizeof(config_rows[0]);
_Static_assert(sizeof(config_rows) / sizeof(config_rows[0]) <= ROWS_MAX, "struct load");
