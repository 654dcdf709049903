#include <stdio.h>
#include <string.h>

#include "app_internal.h"
#include "supportd/base/json.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *valued, *flags; /* options, each between spaces */
    int words;                  /* at most, behind the name */
    const char *help;
};

static const struct command commands[] = {
    {"run", app_run, " --config ", "", 0,
     "[--config FILE]                 starts the daemon (the default)"},
    {"migrate", app_migrate, " --config --dir ", "", 0,
     "[--config FILE] [--dir DIR]     brings the database up to date"},
    {"check-config", app_check_config, " --config ", "", 0,
     "[--config FILE]                 names what is wrong, and where"},
    {"add-staff", app_add_staff, " --config --email --name --role ", "", 0,
     "--email E --name N --role R     adds a member of staff; password on standard input"},
    {"audit", app_audit, " --config ", "", 2,
     "verify | make-key FILE          proves the audit chain"},
    {"recording", app_recording, " --config --track ", " --mix ", 3,
     "make-key FILE | list | verify | export ID DIR [--mix] | play ID [--track N] | play-info ID"},
    {"mask", app_mask, " --config ", "", 0,
     "                                masks lines of standard input"},
    {"config-docs", app_config_docs, " --config ", "", 1,
     "docs | sample | errors          prints the generated files"},
};

static int usage(FILE *out, int status)
{
    (void)fprintf(out, "supportd %s\n\nusage: supportd [COMMAND] [OPTIONS]\n\n", SUP_VERSION);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        (void)fprintf(out, "  %-13s%s\n", commands[i].name, commands[i].help);
    (void)fprintf(out, "\nWithout --config, $SUPPORTD_CONFIG, else /etc/supportd/supportd.conf if "
                       "it exists. Every setting is also read from\nSUPPORTD_SECTION_NAME. See "
                       "docs/config.md.\n");
    return status;
}

static bool among(const char *options, const char *arg)
{
    const char *at = strstr(options, arg);
    size_t len = strlen(arg);
    return at && len > 2 && !strchr(arg, ' ') && at[-1] == ' ' && at[len] == ' ';
}

static int refuse(const char *arg, const char *why)
{
    (void)fprintf(stderr, "supportd: %s: %s; supportd --help tells what is\n", arg, why);
    return 2;
}

/* Runs the command with arguments that it knows; argv[0] is its name. */
static int run_command(const struct command *c, int argc, char **argv)
{
    int words = 0;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (strcmp(arg, "--help") == 0)
            return usage(stdout, 0);
        if (among(c->valued, arg)) {
            if (++i == argc)
                return refuse(arg, "its value is missing");
        } else if (arg[0] == '-') {
            if (!among(c->flags, arg))
                return refuse(arg, "unknown option");
        } else if (++words > c->words) {
            return refuse(arg, "not expected");
        }
    }
    return c->run(argc, argv);
}

int main(int argc, char **argv)
{
    sup_json_setup();
    if (argc < 2)
        return app_run(argc, argv);
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("supportd %s\n", SUP_VERSION);
        return 0;
    }
    const char *name = strcmp(argv[1], "--check-config") == 0 ? "check-config" : argv[1];
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(name, commands[i].name) == 0)
            return run_command(&commands[i], argc - 1, argv + 1);
    return argv[1][0] == '-' ? run_command(&commands[0], argc, argv) : usage(stderr, 2);
}
