/* Sealer and verifier of the audit log.
 *
 * Layer:  audit. Thread: the loop thread (sealer); any (key, verify, both blocking).
 * Source: DESIGN (Audit). Rows are written by the SQL functions, in the operation's transaction;
 * the sealer chains them, and the database never sees the key.
 *
 *   hash      SHA-256(prev_hash, SHA-256(row 1), ..., SHA-256(row n)), rows in their canonical
 * bytes (sql/README.md); prev_hash of the first seal: 32 zero bytes digests   the first 8 bytes of
 * each SHA-256(row): they tell which row was changed signature Ed25519 (RFC 8032) over "supportd
 * audit seal 1\n", the seal's number (8 bytes, big-endian), hash, SHA-256(digests) */
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
/* Private key in PKCS #8 PEM. Errors: SUP_E_NOTFOUND, SUP_E_DENIED (readable by group or others),
 * SUP_E_CRYPTO (not an Ed25519 key), SUP_E_IO, SUP_E_NOMEM. *ret_key is owned. */
SUP_MUST_CHECK sup_err sup_audit_key_load(const char *path, struct sup_audit_key **ret_key);
void sup_audit_key_destroy(struct sup_audit_key *key); /* NULL is a no-op */
/* "ed25519:" and the first 16 bytes of the public key's SHA-256 in hex. Borrowed from key. */
const char *sup_audit_key_id(const struct sup_audit_key *key);

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
    bool whole;         /* the chain is unbroken from the first seal to the last */
    uint64_t seals;     /* good ones from the start */
    uint64_t rows;      /* covered by them */
    uint64_t unsealed;  /* rows after the last seal, counted up to 10000 */
    int64_t bad_seal;   /* number of the first broken seal; 0: none */
    int64_t bad_row;    /* id of the first broken or missing row where it can be told; 0 */
    int64_t last_seal;  /* number and hash of the last good seal: compare with the journal, which */
    char last_hash[65]; /* alone shows that the end was cut off */
    char reason[64];    /* snake_case, "" when whole: "row_changed", "row_missing", "row_added",
                           "wrong_signature", "another_key", "broken_chain" */
};

/* Walks the whole chain over conninfo; blocking, with a loop of its own. The verdict is the result;
 * an error means that it could not be reached.
 * Errors: SUP_E_INVAL (conninfo), SUP_E_TIMEOUT, SUP_E_DB, SUP_E_NOMEM, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_audit_verify(const char *conninfo, const struct sup_audit_key *key,
                                        struct sup_audit_verdict *ret_verdict);
#endif
