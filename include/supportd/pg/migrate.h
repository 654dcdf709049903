/* Applies numbered migrations and the SQL functions. Blocking: for the command line, not the loop.
 *
 * Layer:  pg. Thread: any, no loop needed.
 * Source: DESIGN (Roles), STYLE 2.1 (sql/migrations append-only, sql/functions reapplied). */
#ifndef SUPPORTD_PG_MIGRATE_H
#define SUPPORTD_PG_MIGRATE_H
#include <stdbool.h>
#include <stddef.h>

#include "supportd/base/err.h"

/* path: "migrations/0001_name.sql" or "functions/name.sql". data[len] is followed by a NUL. */
struct sup_pg_sql_file {
    const char *path;
    const char *data;
    size_t len;
};

/* The project's sql/migrations and sql/functions, carried in the binary; sorted by path. */
extern const struct sup_pg_sql_file sup_pg_sql_files[];
extern const size_t sup_pg_sql_file_count;

struct sup_pg_migrate_opts {
    const char *owner_url; /* connects as a member of supportd_owner, which it becomes */
    /* files NULL: directory dir; dir NULL too: the files in the binary. */
    const struct sup_pg_sql_file *files;
    size_t count;
    const char *dir; /* a directory with migrations/ and functions/ */
    /* One line of progress or error, borrowed for the call; may be NULL. */
    void (*log)(bool is_error, const char *line, void *arg);
    void *arg;
};

struct sup_pg_migrate_report {
    unsigned migrations; /* applied now */
    unsigned functions;  /* function files (re)applied now */
};

/* Takes an advisory lock (a second runner waits), becomes supportd_owner, applies every migration
 * that is not recorded in support_migrations in a transaction of its own, then, in one transaction,
 * every function file when any of them has changed. Repeatable. *ret_report may be NULL. Errors,
 * each with one line to log: SUP_E_DB (connection or statement; file and line are named),
 * SUP_E_CONFLICT (an applied migration was changed or is missing, or the numbers have a gap),
 * SUP_E_INVAL (file names), SUP_E_IO (directory), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_pg_migrate(const struct sup_pg_migrate_opts *opts,
                                      struct sup_pg_migrate_report *ret_report);
#endif
