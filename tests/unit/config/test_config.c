#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/check_main.h"
#include "supportd/config/config.h"

static struct sup_buf problems;
static struct sup_config *config;
static char path[] = "/tmp/supportd-test-config-XXXXXX";
static char secret_path[] = "/tmp/supportd-test-secret-XXXXXX";

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void setup(void)
{
    strcpy(path + sizeof(path) - 7, "XXXXXX");
    strcpy(secret_path + sizeof(secret_path) - 7, "XXXXXX");
    close(mkstemp(path));
    close(mkstemp(secret_path));
    sup_buf_init(&problems, 0);
    config = NULL;
}

static void teardown(void)
{
    sup_config_destroy(config);
    sup_config_destroy(NULL);
    sup_buf_fini(&problems);
    unlink(path);
    unlink(secret_path);
}

static sup_err load(const char *text, const char *const *environment)
{
    struct sup_config_opts opts = {.path = text ? path : NULL, .environment = environment};
    if (text)
        write_file(path, text);
    sup_buf_clear(&problems);
    sup_config_destroy(config);
    config = NULL;
    return sup_config_load(&opts, &problems, &config);
}

static void load_good(const char *text, const char *const *environment)
{
    sup_err err = load(text, environment);
    ck_assert_msg(err == SUP_OK, "%s", problems.data ? problems.data : sup_err_name(err));
}

START_TEST(defaults_stand_without_a_file)
{
    load_good(NULL, NULL);
    ck_assert_uint_eq(config->listen.http.count, 1);
    ck_assert_str_eq(config->listen.http.items[0], "127.0.0.1:8080");
    ck_assert_uint_eq(config->listen.https.count, 0);
    ck_assert_int_eq(config->call.grace_ms, 30000);
    ck_assert_int_eq(config->limits.body_bytes, 65536);
    ck_assert_str_eq(config->auth.jwt_secret, "");
    ck_assert(config->media.fec && !config->media.dtx);
    ck_assert_uint_eq(config->web.languages.count, 2);
    ck_assert_uint_eq(config->mask.categories.count, 9);
}
END_TEST

START_TEST(the_file_sets_every_type)
{
    load_good("listen: { http = [\"0.0.0.0:80\", \"[::1]:8080\"]; trusted_proxies = "
              "(\"10.0.0.0/8\"); };\n"
              "web: { sites = ( { origin = \"HTTPS://www.Bank.example:443\"; name = \"Bank\"; "
              "features = [\"chat\", \"call\"]; }, { origin = \"https://public.example\"; } ); "
              "demo = true; };\n"
              "media: { srtp_engine = \"libsrtp\"; }; call: { grace_ms = \"2m\"; max_calls "
              "= 15; };\n"
              "limits: { body_bytes = \"1 MiB\"; queue_bytes = 2097152L; };\n"
              "mask: { patterns = [\"member=M[0-9]{2,4}\"]; account_formats = [\"01##########\"]; "
              "words = [\"pin=namba ya siri\"]; };\n"
              "auth: { jwt_secret = \"0123456789abcdef0123456789abcdef\"; issuer = \"i\"; audience "
              "= \"a\"; };",
              NULL);
    ck_assert_uint_eq(config->listen.http.count, 2);
    ck_assert_str_eq(config->listen.trusted_proxies.items[0], "10.0.0.0/8");
    ck_assert_uint_eq(config->web.sites.count, 2);
    ck_assert_str_eq(config->web.sites.items[0].origin, "https://www.bank.example");
    ck_assert_uint_eq(config->web.sites.items[0].features, SUP_SITE_CHAT | SUP_SITE_CALL);
    ck_assert_str_eq(config->web.sites.items[1].name, "");
    ck_assert_uint_eq(config->web.sites.items[1].features, 0);
    ck_assert(config->web.demo);
    ck_assert_str_eq(config->media.srtp_engine, "libsrtp");
    ck_assert_int_eq(config->call.grace_ms, 120000);
    ck_assert_int_eq(config->call.max_calls, 15);
    ck_assert_int_eq(config->limits.body_bytes, 1048576);
    ck_assert_int_eq(config->limits.queue_bytes, 2097152);
    ck_assert_str_eq(config->mask.patterns.items[0], "member=M[0-9]{2,4}");

    ck_assert_ptr_eq(sup_config_site(config, "https://www.BANK.example"),
                     &config->web.sites.items[0]);
    ck_assert_ptr_null(sup_config_site(config, "https://other.example"));
    ck_assert_ptr_null(sup_config_site(config, "null"));
}
END_TEST

START_TEST(the_environment_wins)
{
    const char *const environment[] = {
        "PATH=/bin",
        "SUPPORTD_TEST_ANYTHING=1",
        "SUPPORTD_CONFIG=/etc/supportd.conf",
        "SUPPORTD_DATABASE_URL=postgresql://a",
        "SUPPORTD_DATABASE_OWNER_URL=postgresql://b",
        "SUPPORTD_CALL_GRACE_MS=10s",
        "SUPPORTD_MEDIA_FEC=false",
        "SUPPORTD_LISTEN_HTTP=127.0.0.1:1, [::1]:2",
        "SUPPORTD_MASK_PATTERNS=[\"a=x{1,2}\", \"b=y\"]",
        "SUPPORTD_WEB_SITES=( { origin = \"http://127.0.0.1:8080\"; features = [\"chat\"]; } )",
        NULL};
    load_good("call: { grace_ms = 1000; };", environment);
    ck_assert_str_eq(config->database.url, "postgresql://a");
    ck_assert_str_eq(config->database.owner_url, "postgresql://b");
    ck_assert_int_eq(config->call.grace_ms, 10000);
    ck_assert(!config->media.fec);
    ck_assert_str_eq(config->listen.http.items[1], "[::1]:2");
    ck_assert_str_eq(config->mask.patterns.items[0], "a=x{1,2}");
    ck_assert_uint_eq(config->web.sites.items[0].features, SUP_SITE_CHAT);
    const char *const empty[] = {"SUPPORTD_MASK_CATEGORIES=", "SUPPORTD_WEB_SITES=", NULL};
    load_good("web: { sites = ( { origin = \"http://a\"; } ); };", empty);
    ck_assert_uint_eq(config->mask.categories.count + config->web.sites.count, 0);
}
END_TEST

START_TEST(secrets_come_from_files)
{
    char text[200], variable[200];
    write_file(secret_path, "postgresql://user:word@host/db\n");
    (void)snprintf(text, sizeof(text), "database: { url_file = \"%s\"; };", secret_path);
    (void)snprintf(variable, sizeof(variable), "SUPPORTD_DATABASE_OWNER_URL_FILE=%s", secret_path);
    load_good(text, (const char *const[]){variable, NULL});
    ck_assert_str_eq(config->database.url, "postgresql://user:word@host/db");
    ck_assert_str_eq(config->database.owner_url, "postgresql://user:word@host/db");

    /* An environment variable replaces what the file names. */
    load_good(text, (const char *const[]){"SUPPORTD_DATABASE_URL=x", NULL});
    ck_assert_str_eq(config->database.url, "x");

    (void)snprintf(text, sizeof(text), "database: { url_file = \"%s\"; url = \"x\"; };",
                   secret_path);
    ck_assert_int_eq(load(text, NULL), SUP_E_INVAL);
    ck_assert_ptr_nonnull(strstr(problems.data, "database.url_file is set too"));
    ck_assert_int_eq(
        load(NULL, (const char *const[]){variable, "SUPPORTD_DATABASE_OWNER_URL=y", NULL}),
        SUP_E_INVAL);
    ck_assert_ptr_nonnull(strstr(problems.data, "is set too"));
    ck_assert_int_eq(load("database: { url_file = \"/nonexistent\"; };", NULL), SUP_E_INVAL);
    ck_assert_ptr_nonnull(strstr(problems.data, ":1: database.url: cannot read /nonexistent"));
    ck_assert_int_eq(load("database: { url_file = \"/tmp\"; };", NULL), SUP_E_INVAL);
    ck_assert_ptr_nonnull(strstr(problems.data, "not a regular file"));
}
END_TEST

static const struct {
    const char *text, *problem;
} wrong[] = {
    {"call: {\n grace_ms = 5; };",
     ":2: call.grace_ms: 5 is out of range; right is a duration from 1000"},
    {"database: { connections = \"2\"; };",
     "database.connections: this is a string; right is a whole number"},
    {"database: { connections = 1.5; };", "this is a number with a fraction"},
    {"database: { connections = { a = 1; }; };", "this is a group"},
    {"call: { grace_ms = \"5 parsecs\"; };", "\"5 parsecs\" is not a number"},
    {"call: { grace_ms = \"99999999999999999999s\"; };", "is not a number that fits"},
    {"call: { grace_ms = \"9223372036854775807h\"; };", "is not a number that fits"},
    {"call: { grace_ms = \"-5s\"; };", "-5000 is out of range"},
    {"media: { srtp_engine = \"random\"; };",
     "\"random\" is not accepted; right is one of openssl, libsrtp"},
    {"media: { srtp_engine = \"\"; };", "is not accepted"},
    {"media: { srtp_engine = \"openssl|\"; };", "is not accepted"},
    {"limits: { hello_timeot_ms = 5000; };",
     "limits.hello_timeot_ms: unknown key; right is perhaps limits.hello_timeout_ms"},
    {"media: { hello_timeout_ms = 5000; };", "right is perhaps limits.hello_timeout_ms"},
    {"call: { zzzzzzzzzzzzzzzz = 1; };", "right is a key of docs/config.md"},
    {"que: { a = 1; };", ":1: que: unknown section"},
    {"call = 5;", "call: this is no group; right is call: { key = value; };"},
    {"database: { connections = 1; connections = 2; };", "duplicate setting name"},
    {"database: {\n\n connections = ; };", ":3: syntax error; right is section"},
    {"web: { demo = 1; };", "web.demo: this is a whole number; right is true or false"},
    {"listen: { http = [\"localhost:80\"]; };",
     "\"localhost:80\" is not accepted; right is a list of at most 8 strings, each address:port"},
    {"listen: { http = [\"127.0.0.1:65536\"]; };", "is not accepted"},
    {"listen: { http = \"127.0.0.1:80\"; };", "this is a string; right is a list"},
    {"listen: { http = [80]; };", "element 1 is not a string"},
    {"listen: { http = []; };", "both it and listen.https are empty"},
    {"listen: { https = [\"0.0.0.0:443\"]; };", "listen.tls_cert_file is empty; right is a PEM"},
    {"listen: { trusted_proxies = [\"10.0.0.1/8\"]; };", "no bits set behind the prefix"},
    {"web: { sites = [\"https://a\"]; };", "a site has no origin; right is a list of at most 64"},
    {"web: { sites = ( { name = \"a\"; } ); };", "a site has no origin"},
    {"web: { sites = ( { origin = \"a/\"; } ); };", "\"a/\" is no origin"},
    {"web: { sites = ( { origin = \"http://a\"; features = [\"fly\"]; } ); };",
     "feature 1 is not known"},
    {"web: { sites = ( { origin = \"http://a\"; features = \"chat\"; } ); };",
     "features is not a list"},
    {"web: { sites = ( { origin = \"http://a\"; wings = 2; } ); };",
     "\"wings\" is not known in a site"},
    {"web: { sites = ( { origin = \"http://a\"; }, { origin = \"http://A:80\"; } ); };",
     "http://a stands twice"},
    {"web: { default_language = \"sw\"; languages = [\"en\"]; };", "it is not in web.languages"},
    {"auth: { jwks_file = \"/keys\"; audience = \"a\"; };", "auth.issuer is empty"},
    {"auth: { jwks_file = \"/keys\"; issuer = \"a\"; };", "auth.audience is empty"},
    {"auth: { jwks_file = \"a\\nb\"; };", "there is a control character"},
    {"auth: { jwt_secret = \"tooshort\"; };", "auth.jwt_secret: the value has 8 bytes; right is a "
                                              "string of 32 to 4096 bytes"},
    {"auth: { token_cookie = \"a b\"; };", "\"a b\" is not accepted; right is a name"},
    {"auth: { token_cookie = \"supportd_session\"; };", "own session cookie"},
    {"auth: { cookie_domain = \"https://x\"; };", "right is a domain"},
    {"media: { turn_urls = [\"turn:h\"]; };", "media.turn_secret is empty"},
    {"media: { stun_urls = [\"http://h\"]; };", "\"stun:host\""},
    {"media: { port_min = 50000; };", "default: media.port_max: it is below media.port_min"},
    {"media: { ptime_ms = 30; };", "right is 10, 20, 40 or 60"},
    {"media: { addresses = [\"bank.example\"]; };", "a numeric IPv4 or IPv6 address"},
    {"limits: { frames_burst = 5; };", ":1: limits.frames_burst: it is below"},
    {"limits: { message_chars = 16000; };", "limits.frame_bytes: a message"},
    {"limits: { dead_ms = 20000; };", "it is not above limits.ping_ms"},
    {"mask: { categories = [\"cards\"]; };", "one of card, cvv"},
    {"mask: { patterns = [\"=x\"]; };", "NAME=REGULAR-EXPRESSION"},
    {"mask: { account_formats = [\"#\"]; };", "6 to 40 places"},
    {"mask: { words = [\"iban=x\"]; };", "CATEGORY=PHRASE"},
    {"mask: { account_formats = [\"\"]; };", "is not accepted"},
    {"@include \"/nonexistent-file\"", "right is section"},
};

START_TEST(every_mistake_is_named_with_its_place)
{
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_msg(load(wrong[i].text, NULL) == SUP_E_INVAL, "%s", wrong[i].text);
        ck_assert_ptr_null(config);
        ck_assert_msg(strstr(problems.data, wrong[i].problem) != NULL, "%s\ngave %s", wrong[i].text,
                      problems.data);
        ck_assert_msg(strstr(problems.data, "right ") != NULL, "%s", problems.data);
    }
}
END_TEST

START_TEST(all_mistakes_are_told_at_once)
{
    ck_assert_int_eq(
        load("database: { connections = 0; }; call: {\n setup_timeot_ms = 1; };\nlog: { level = "
             "\"loud\"; };\n",
             (const char *const[]){"SUPPORTD_CALL_GRACE_MSS=1", "SUPPORTD_CALL_GRACE_MS=x", NULL}),
        SUP_E_INVAL);
    size_t lines = 0;
    for (const char *s = problems.data; (s = strchr(s, '\n')); s++)
        lines++;
    ck_assert_uint_eq(lines, 5);
    ck_assert_ptr_nonnull(strstr(problems.data, ":2: call.setup_timeot_ms:"));
    ck_assert_ptr_nonnull(strstr(problems.data, ":3: log.level:"));
    ck_assert_ptr_nonnull(
        strstr(problems.data, "environment SUPPORTD_CALL_GRACE_MSS: unknown variable"));
    ck_assert_ptr_nonnull(
        strstr(problems.data, "environment SUPPORTD_CALL_GRACE_MS: call.grace_ms: \"x\""));
}
END_TEST

START_TEST(secrets_are_never_quoted)
{
    ck_assert_int_eq(load("auth: { jwt_secret = \"hush-hush\"; };",
                          (const char *const[]){"SUPPORTD_MEDIA_TURN_SECRET=hush", NULL}),
                     SUP_E_INVAL);
    ck_assert_ptr_null(strstr(problems.data, "hush"));
}
END_TEST

START_TEST(what_is_needed_must_be_there)
{
    struct sup_config_opts opts = {.need_database = true, .need_owner = true};
    ck_assert_int_eq(sup_config_load(&opts, &problems, &config), SUP_E_INVAL);
    ck_assert_ptr_nonnull(strstr(problems.data, "best by SUPPORTD_DATABASE_URL"));
    ck_assert_ptr_nonnull(strstr(problems.data, "best by SUPPORTD_DATABASE_OWNER_URL"));
    opts.path = "/nonexistent/supportd.conf";
    sup_buf_clear(&problems);
    ck_assert_int_eq(sup_config_load(&opts, &problems, &config), SUP_E_INVAL);
    ck_assert_ptr_nonnull(strstr(problems.data, "/nonexistent/supportd.conf: cannot read: No"));
}
END_TEST

static void note_change(const char *name, bool reloadable, void *arg)
{
    sup_err err = sup_buf_addf(arg, "%s:%d ", name, reloadable);
    ck_assert_int_eq(err, SUP_OK);
}

START_TEST(a_reload_sees_what_has_changed)
{
    struct sup_buf changes;
    sup_buf_init(&changes, 0);
    load_good("", NULL);
    struct sup_config *before = config;
    config = NULL;
    load_good("call: { grace_ms = 1000; max_calls = 500; }; mask: { categories = [\"card\"]; };"
              "database: { url = \"x\"; }; media: { fec = false; };"
              "web: { sites = ( { origin = \"http://a\"; } ); };",
              NULL);
    ck_assert_uint_eq(sup_config_diff(before, config, note_change, &changes), 5);
    ck_assert_str_eq(changes.data,
                     "web.sites:0 database.url:0 call.grace_ms:0 media.fec:0 mask.categories:0 ");
    ck_assert_uint_eq(sup_config_diff(config, config, NULL, NULL), 0);
    sup_config_destroy(before);
    sup_buf_fini(&changes);
}
END_TEST

START_TEST(addresses_split)
{
    char host[SUP_CONFIG_HOST_LEN + 1] = "kept";
    uint16_t port = 7;
    ck_assert_int_eq(sup_config_address("[2001:db8::1]:443", host, &port), SUP_OK);
    ck_assert_str_eq(host, "2001:db8::1");
    ck_assert_uint_eq(port, 443);
    ck_assert_int_eq(sup_config_address("0.0.0.0:0", host, &port), SUP_OK);
    ck_assert_str_eq(host, "0.0.0.0");
    static const char *const bad[] = {
        "",        ":1",    "1.2.3.4",      "1.2.3.4:", "1.2.3.4:x",     "::1:80",     "[::1]",
        "[::1]80", "[]:80", "[1.2.3.4]:80", "[:80",     "1.2.3.4:99999", "1.2.3.4:1 ", "]:1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(sup_config_address(bad[i], host, &port) == SUP_E_MALFORMED, "%s", bad[i]);
    ck_assert_str_eq(host, "0.0.0.0");
}
END_TEST

START_TEST(lack_of_memory_is_told_and_leaks_nothing)
{
    static const char text[] =
        "web: { sites = ( { origin = \"http://a\"; name = \"n\"; } ); languages = [\"en\"]; };\n"
        "database: { connections = 0; }; media: { srtp_engine = \"libsrtp\"; };\n";
    const char *const environment[] = {"SUPPORTD_MASK_PATTERNS=[\"a=b\"]", "SUPPORTD_LOG_LEVEL=x",
                                       "SUPPORTD_METRICS_ALLOW=10.0.0.0/8", NULL};
    struct sup_config_opts opts = {.path = path, .environment = environment};
    sup_err err = SUP_E_NOMEM;
    write_file(path, text);
    size_t n = 1;
    for (; err == SUP_E_NOMEM && n < 5000; n++) {
        sup_buf_fini(&problems);
        sup_mem_fail_at(n);
        err = sup_config_load(&opts, &problems, &config);
        sup_mem_fail_at(0);
        ck_assert_ptr_null(config);
    }
    ck_assert_int_eq(err, SUP_E_INVAL); /* the two mistakes, once memory suffices */
    ck_assert_uint_gt(n, 50);
}
END_TEST

SUP_CHECK_MAIN("config", setup, teardown, defaults_stand_without_a_file, the_file_sets_every_type,
               the_environment_wins, secrets_come_from_files, every_mistake_is_named_with_its_place,
               all_mistakes_are_told_at_once, secrets_are_never_quoted,
               what_is_needed_must_be_there, a_reload_sees_what_has_changed, addresses_split,
               lack_of_memory_is_told_and_leaks_nothing)
