#include <stdio.h>
#include <string.h>

#include "app_internal.h"
#include "supportd/base/json.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"run", app_run, "[--config FILE]                 starts the daemon (the default)"},
    {"migrate", app_migrate, "[--config FILE] [--dir DIR]     brings the database up to date"},
    {"check-config", app_check_config,
     "[--config FILE]                 names what is wrong, and where"},
    {"add-staff", app_add_staff,
     "--email E --name N --role R     adds a member of staff; password on standard input"},
    {"audit", app_audit, "verify | make-key FILE          proves the audit chain"},
    {"recording", app_recording,
     "make-key FILE | list | verify | export ID DIR [--mix] | play ID [--track N] | play-info ID"},
    {"mask", app_mask, "                                masks lines of standard input"},
    {"config-docs", app_config_docs, "docs | sample | errors          prints the generated files"},
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

int main(int argc, char **argv)
{
    sup_json_setup();
    if (argc < 2 || (argv[1][0] == '-' && strcmp(argv[1], "--help") != 0 &&
                     strcmp(argv[1], "--version") != 0 && strcmp(argv[1], "--check-config") != 0))
        return app_run(argc, argv);
    if (strcmp(argv[1], "--help") == 0)
        return usage(stdout, 0);
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("supportd %s\n", SUP_VERSION);
        return 0;
    }
    if (strcmp(argv[1], "--check-config") == 0)
        return app_check_config(argc - 1, argv + 1);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return usage(stderr, 2);
}
