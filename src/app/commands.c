#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app_internal.h"
#include "supportd/auth/password.h"
#include "supportd/auth/permission.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/migrate.h"
#include "supportd/pg/row_json.h"
#include "supportd/staff/staff_store.h"

/* Subcommands: each does one thing and exits 0, or says why not and exits 1. */

static void on_migrate_line(bool is_error, const char *line, void *arg)
{
    (void)arg;
    (void)fprintf(is_error ? stderr : stdout, "%s\n", line);
}

int app_migrate(int argc, char **argv)
{
    struct sup_config *config;
    if (app_config(app_option(argc, argv, "--config"), false, true, &config))
        return 78;
    struct sup_pg_migrate_opts opts = {
        .owner_url = config->database.owner_url,
        .dir = app_option(argc, argv, "--dir"),
        .log = on_migrate_line,
    };
    struct sup_pg_migrate_report report;
    sup_err err = sup_pg_migrate(&opts, &report);
    if (!err)
        (void)printf("%u migrations and %u function files applied\n", report.migrations,
                     report.functions);
    sup_config_destroy(config);
    return err ? 1 : 0;
}

static void print_sound(const char *key, const char *file, const char *why, void *arg)
{
    (void)arg;
    (void)fprintf(stderr, "%s: %s: %s\n", key, file, why);
}

int app_check_config(int argc, char **argv)
{
    struct sup_config *config;
    struct app_sounds sounds = {0};
    if (app_config(app_option(argc, argv, "--config"), false, false, &config))
        return 78;
    sup_err err = app_read_sounds(config, print_sound, NULL, &sounds);
    sup_hold_destroy(sounds.hold);
    sup_hold_destroy(sounds.notice);
    sup_prompts_destroy(sounds.prompts);
    sup_config_destroy(config);
    if (err)
        return 78;
    (void)printf("configuration is good\n");
    return 0;
}

int app_config_docs(int argc, char **argv)
{
    struct sup_buf text = {0};
    const char *what = argc > 1 ? argv[1] : "docs";
    sup_err err = strcmp(what, "sample") == 0   ? sup_config_write_sample(&text)
                  : strcmp(what, "errors") == 0 ? sup_api_write_errors(&text)
                                                : sup_config_write_docs(&text);
    if (!err)
        (void)fwrite(text.data, 1, text.len, stdout);
    sup_buf_fini(&text);
    return err ? 1 : 0;
}

/* --- add-staff --- */

struct adding {
    struct sup_loop *loop;
    const char *result; /* static */
    char code[64];
};

static void on_added(const struct sup_pg_reply *reply, void *arg)
{
    struct adding *a = arg;
    (void)snprintf(a->code, sizeof(a->code), "%s",
                   reply->err ? (reply->code[0] ? reply->code : sup_err_name(reply->err))
                              : sup_row_str(reply->rows, 0, "result"));
    sup_loop_stop(a->loop);
}

static const struct sup_pg_stmt_table *const staff_tables[] = {&sup_staff_stmts, NULL};

static sup_err add(const struct sup_config *config, const struct sup_staff_new *staff,
                   struct adding *a)
{
    struct sup_pg_pool *pool = NULL;
    struct sup_pg_pool_opts opts = {
        .conninfo = config->database.url, .tables = staff_tables, .connections = 1};
    sup_err err = sup_loop_create(&a->loop);
    if (err)
        return err;
    err = sup_pg_pool_create(a->loop, &opts, &pool);
    if (!err)
        err = sup_staff_store_create(pool, "system:admin", staff, on_added, a);
    if (!err)
        sup_loop_run(a->loop);
    sup_pg_pool_destroy(pool);
    (void)sup_loop_destroy(a->loop);
    return err;
}

static int read_password(char *password, size_t cap)
{
    if (isatty(STDIN_FILENO))
        (void)fprintf(stderr, "password: ");
    if (!fgets(password, (int)cap, stdin))
        return -1;
    password[strcspn(password, "\r\n")] = '\0';
    return 0;
}

int app_add_staff(int argc, char **argv)
{
    struct sup_staff_new staff = {
        .id = sup_id_new(),
        .email = app_option(argc, argv, "--email"),
        .name = app_option(argc, argv, "--name"),
        .role = app_option(argc, argv, "--role"),
    };
    char password[SUP_PASSWORD_MAX_BYTES + 2];
    struct sup_password_hash hash;
    struct adding adding = {0};
    enum sup_role role;
    if (!staff.email || !staff.name || !staff.role || sup_role_parse(staff.role, &role) ||
        !sup_role_is_staff(role)) {
        (void)fprintf(stderr, "usage: supportd add-staff --email EMAIL --name NAME --role "
                              "agent|team_lead|supervisor|admin|super_admin < password\n");
        return 2;
    }
    if (read_password(password, sizeof(password)) ||
        !sup_password_acceptable(password, strlen(password))) {
        (void)fprintf(stderr, "the password on standard input must have 10 to 256 characters\n");
        return 1;
    }
    struct sup_config *config;
    if (app_config(app_option(argc, argv, "--config"), true, false, &config))
        return 78;
    sup_err err =
        sup_password_make(&(struct sup_password_cost){0}, password, strlen(password), &hash);
    sup_wipe(password, sizeof(password));
    staff.password_hash = hash.s;
    if (!err)
        err = add(config, &staff, &adding);
    sup_config_destroy(config);
    if (!err && strcmp(adding.code, "ok") == 0) {
        (void)printf("%s\n", sup_id_text(staff.id).s);
        return 0;
    }
    (void)fprintf(stderr, "not added: %s\n", err ? sup_err_name(err) : adding.code);
    return 1;
}

/* --- audit --- */

static int verify(const struct sup_config *config)
{
    struct sup_audit_key *key;
    struct sup_audit_verdict v;
    sup_err err = sup_audit_key_load(config->audit.key_file, &key);
    if (err) {
        (void)fprintf(stderr, "audit key not read: %s\n", sup_err_name(err));
        return 1;
    }
    err = sup_audit_verify(config->database.url, key, &v);
    sup_audit_key_destroy(key);
    if (err) {
        (void)fprintf(stderr, "audit chain not read: %s\n", sup_err_name(err));
        return 1;
    }
    (void)printf("%s: %llu seals over %llu rows, %llu rows not sealed yet\n",
                 v.whole ? "whole" : "BROKEN", (unsigned long long)v.seals,
                 (unsigned long long)v.rows, (unsigned long long)v.unsealed);
    if (v.whole)
        return 0;
    (void)printf("first broken seal %lld, row %lld: %s\n", (long long)v.bad_seal,
                 (long long)v.bad_row, v.reason);
    return 3;
}

int app_audit(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "make-key") == 0) {
        sup_err err = sup_audit_key_make(argv[2]);
        if (err)
            (void)fprintf(stderr, "%s: not made: %s\n", argv[2], sup_err_name(err));
        return err ? 1 : 0;
    }
    if (argc < 2 || strcmp(argv[1], "verify") != 0) {
        (void)fprintf(stderr, "usage: supportd audit verify | make-key FILE\n");
        return 2;
    }
    struct sup_config *config;
    if (app_config(app_option(argc, argv, "--config"), true, false, &config))
        return 78;
    int status = verify(config);
    sup_config_destroy(config);
    return status;
}

/* --- mask --- */

int app_mask(int argc, char **argv)
{
    static struct sup_app app;
    if (app_config(app_option(argc, argv, "--config"), false, false, &app.config))
        return 78;
    int status = app_make_mask(&app) ? 1 : 0;
    char line[16384];
    struct sup_buf out = {0};
    while (status == 0 && fgets(line, sizeof(line), stdin)) {
        size_t len = strcspn(line, "\n");
        if (sup_mask_apply(app.mask, line, len, &out, NULL)) {
            (void)fprintf(stderr, "a line cannot be checked\n");
            status = 1;
        } else {
            (void)printf("%s\n", out.data ? out.data : "");
        }
    }
    sup_wipe(line, sizeof(line));
    sup_buf_fini_secret(&out);
    sup_mask_destroy(app.mask);
    sup_config_destroy(app.config);
    return status;
}
