/* Sealer and verifier of the audit log.
 *
 * Layer:  audit. Thread: the loop thread (sealer); any (key, verify, both blocking).
 * Source: DESIGN (Audit). Rows are written by the SQL functions, in the operation's transaction;
 * the sealer chains them: seal n holds the hash over the canonical bytes of its rows and seal
 * n - 1, signed by an Ed25519 key (RFC 8032) that the database never sees. */
#ifndef SUPPORTD_AUDIT_AUDIT_H
#define SUPPORTD_AUDIT_AUDIT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/loop/loop.h"
#include "supportd/metrics/metrics.h"
#include "supportd/pg/pool.h"

struct sup_audit_key;    /* opaque: the signing key */
struct sup_audit_sealer; /* opaque */

/* Makes a new Ed25519 key in PKCS #8 PEM, mode 0600, never overwriting.
 * Errors: SUP_E_CONFLICT (the file exists), SUP_E_IO, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_audit_key_make(const char *path);
/* Errors: SUP_E_NOTFOUND, SUP_E_DENIED (readable by group or others), SUP_E_CRYPTO (not an Ed25519
 * key), SUP_E_IO, SUP_E_NOMEM. *ret_key is owned. */
SUP_MUST_CHECK sup_err sup_audit_key_load(const char *path, struct sup_audit_key **ret_key);
void sup_audit_key_destroy(struct sup_audit_key *key); /* NULL is a no-op */

/* Statements of the sealer: give to sup_pg_pool_create(). */
extern const struct sup_pg_stmt_table sup_audit_stmts;

struct sup_audit_sealer_opts {
    struct sup_pg_pool *pool;        /* kept */
    const struct sup_audit_key *key; /* kept */
    struct sup_metrics *metrics;     /* kept; may be NULL */
    uint64_t interval_us;            /* 0: 1 s */
};

/* Seals what is pending each interval; a full take is followed by the next at once. Of several
 * processes one wins, the others try again. Each seal is logged (the journal is the second
 * witness). Errors: SUP_E_INVAL, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_audit_sealer_create(struct sup_loop *loop,
                                               const struct sup_audit_sealer_opts *opts,
                                               struct sup_audit_sealer **ret_sealer);
void sup_audit_sealer_destroy(struct sup_audit_sealer *sealer); /* NULL is a no-op */
/* Seals now until nothing is pending, then calls done once (never before this returns); for the
 * stop of the daemon. err: SUP_OK or why it stopped short. Errors: SUP_E_STATE (already asked). */
SUP_MUST_CHECK sup_err sup_audit_seal_now(struct sup_audit_sealer *sealer,
                                          void (*done)(sup_err err, void *arg), void *arg);

struct sup_audit_verdict {
    uint64_t seals;    /* good ones from the start */
    uint64_t rows;     /* covered by them */
    uint64_t unsealed; /* rows after the last seal */
    bool whole;        /* the chain is unbroken */
    int64_t bad_seal;  /* number of the first broken seal; 0: none */
    int64_t bad_row;   /* id of the first broken row where one can be named; 0: none */
    char reason[128];
};

/* Walks the whole chain over conninfo (blocking). The verdict is the result; an error means that
 * it could not be reached. Errors: SUP_E_DB, SUP_E_NOMEM, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_audit_verify(const char *conninfo, const struct sup_audit_key *key,
                                        struct sup_audit_verdict *ret_verdict);
#endif
