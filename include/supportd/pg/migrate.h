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

/* Takes an advisory lock (a second runner waits) and becomes supportd_owner. Checks everything that
 * support.schema_migrations records, then applies each missing migration in a transaction of its
 * own, then, when any of them has changed, all function files in name order in one transaction
 * (row number 0, hash of all of them in a row). Repeatable. *ret_report may be NULL.
 * Errors, each with lines to log: SUP_E_DB (connection or statement; file and line are named),
 * SUP_E_CONFLICT (an applied migration was changed or is unknown here), SUP_E_INVAL (file names,
 * a number twice, none 0001, a file that ends its transaction), SUP_E_IO (directory), SUP_E_LIMIT
 * (a file over 4 MB, over 1000 files), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_pg_migrate(const struct sup_pg_migrate_opts *opts,
                                      struct sup_pg_migrate_report *ret_report);
#endif
