/* Prepared statements as static data: the registry that the pool prepares and tests walk.
 *
 * Layer:  pg. Data only.
 * Source: STYLE 2.2 rule 12; DESIGN (libpq; Row level security and SQL functions).
 *
 * A store file keeps its statements in one static table and exports it:
 *
 *     static const struct sup_pg_stmt stmts[] = {
 *         {"chat_send", "select * from support.chat_send($1,$2,$3)", 3, SUP_PG_RANK_CHAT,
 *          SUP_PG_RETRY},
 *     };
 *     const struct sup_pg_stmt_table sup_chat_stmts = SUP_PG_TABLE(stmts); */
#ifndef SUPPORTD_PG_STMT_H
#define SUPPORTD_PG_STMT_H
#include <stddef.h>

/* What the statement locks first. Requests of one batch are sent in this order, then by key, so
 * that two batches never wait for each other. */
enum sup_pg_rank {
    SUP_PG_RANK_ROUTER,
    SUP_PG_RANK_STAFF,
    SUP_PG_RANK_ENTRY, /* queue entries */
    SUP_PG_RANK_CALL,
    SUP_PG_RANK_CHAT,
    SUP_PG_RANK_REST, /* anything else, and reads that lock nothing */
};

enum sup_pg_flags {
    /* Changes nothing: may be sent again after a lost connection. */
    SUP_PG_READ = 1,
    /* A write that carries a client-made unique key, so that sending it twice does it once: may be
     * sent again after a lost connection. Without READ or RETRY it then fails with SUP_E_CLOSED. */
    SUP_PG_RETRY = 2,
    /* Locks objects of more than one rank or key: gets a transaction of its own, because within a
     * batch its later locks could not keep the common order. */
    SUP_PG_ALONE = 4,
};

struct sup_pg_stmt {
    const char *name; /* unique in the process, at most 62 characters */
    const char *sql;
    unsigned nparams; /* at most SUP_PG_MAX_PARAMS */
    enum sup_pg_rank rank;
    unsigned flags; /* enum sup_pg_flags */
};

struct sup_pg_stmt_table {
    const struct sup_pg_stmt *stmts; /* static */
    size_t count;
};

#define SUP_PG_TABLE(array)                                                                        \
    {                                                                                              \
        (array), sizeof(array) / sizeof((array)[0])                                                \
    }
#endif
