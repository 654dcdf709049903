/* The files of a migration run, from the binary or a directory. Shared inside pg. */
#ifndef SUPPORTD_PG_MIGRATE_INTERNAL_H
#define SUPPORTD_PG_MIGRATE_INTERNAL_H
#include "supportd/pg/migrate.h"

struct pg_sql_set {
    struct sup_pg_sql_file *files; /* sorted by path: functions/ before migrations/ */
    size_t count;
    bool owned; /* path and data of each are to be freed */
};

/* Errors: as sup_pg_migrate(); *ret_what (static or a path of the set) names the culprit. */
SUP_MUST_CHECK sup_err pg_sql_set_load(struct pg_sql_set *set,
                                       const struct sup_pg_migrate_opts *opts,
                                       const char **ret_what);
void pg_sql_set_free(struct pg_sql_set *set);

/* Line (from 1) of the byte at offset. */
unsigned pg_sql_line_at(const char *sql, size_t offset);
/* Offset at which statement number n (from 0) begins; the last one's when there are fewer. Knows
 * strings, quoted names, dollar quotes, comments; not "begin atomic" bodies. */
size_t pg_sql_statement_start(const char *sql, unsigned n);
#endif
