#include <string.h>

#include "audit_internal.h"
#include "supportd/base/buf.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"

static const uint64_t INTERVAL_DEFAULT_US = 1000000;
enum { CONTESTS_MAX = 10 };

const struct sup_pg_stmt audit_stmts[] = {
    [AUDIT_SEAL_NEXT] = {"audit_seal_next",
                         "select seal_no, prev_hash, xid, id, canonical"
                         " from support.audit_seal_next($1,$2)",
                         2, SUP_PG_RANK_REST, SUP_PG_READ},
    /* Sent twice, the second finds the first and is stale. */
    [AUDIT_SEAL_APPEND] =
        {"audit_seal_append",
         "select result from support.audit_seal_append($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12)", 12,
         SUP_PG_RANK_REST, SUP_PG_RETRY | SUP_PG_ALONE},
    [AUDIT_SEALS] = {"audit_seals",
                     "select seal_no, prev_hash, first_xid, first_id, last_xid, last_id, row_count,"
                     " hash, signature, key_id, digests from support.audit_seals($1,$2,$3)",
                     3, SUP_PG_RANK_REST, SUP_PG_READ},
    [AUDIT_VERIFY_PAGE] = {"audit_verify_page",
                           "select xid, id, canonical"
                           " from support.audit_verify_page($1,$2,$3,$4,$5,$6)",
                           6, SUP_PG_RANK_REST, SUP_PG_READ},
};
const struct sup_pg_stmt_table sup_audit_stmts = {audit_stmts, AUDIT_STMT_COUNT};

/* The seal that is being made. */
struct seal {
    int64_t no, first_xid, first_id, last_xid, last_id, count;
    uint8_t prev[AUDIT_HASH_LEN], hash[AUDIT_HASH_LEN], signature[AUDIT_SIGNATURE_LEN];
};

struct sup_audit_sealer {
    struct sup_audit_sealer_opts opts;
    struct sup_timer *timer;
    struct sup_pg_req *request; /* under way; NULL: idle */
    struct audit_hash *hash;
    struct sup_buf digests;
    uint8_t *row; /* AUDIT_CANONICAL_MAX bytes */
    struct seal seal;
    bool unlogged; /* seal was sent and came back stale: it may be ours all the same */
    void (*done)(sup_err err, void *arg);
    void *done_arg;
    bool look_again;   /* the look under way began before done was asked for */
    unsigned contests; /* stale seals since then */
    struct sup_metric *sealed, *failures, *pending;
};

/* The journal is the second witness: whoever cuts the end of the chain off is found by it. */
static void log_seal(struct sup_audit_sealer *s)
{
    char hash[2 * AUDIT_HASH_LEN + 1], signature[2 * AUDIT_SIGNATURE_LEN + 1];
    audit_hex(s->seal.hash, AUDIT_HASH_LEN, hash);
    audit_hex(s->seal.signature, AUDIT_SIGNATURE_LEN, signature);
    sup_log_info("audit", "sealed", SUP_INT("seal", s->seal.no), SUP_INT("rows", s->seal.count),
                 SUP_INT("last_row", s->seal.last_id), SUP_STR("hash", hash),
                 SUP_STR("signature", signature), SUP_STR("key", sup_audit_key_id(s->opts.key)));
    sup_metric_add(s->sealed, (double)s->seal.count);
    s->unlogged = false;
}

static void rest(struct sup_audit_sealer *s, sup_err err)
{
    void (*done)(sup_err, void *) = s->done;
    s->done = NULL;
    if (err) {
        sup_metric_add(s->failures, 1);
        sup_log_warn("audit", "not sealed", SUP_STR("error", sup_err_name(err)));
    }
    sup_timer_start(s->timer, s->opts.interval_us);
    if (done)
        done(err, s->done_arg);
}

/* Reads the rows to seal. Errors: SUP_E_MALFORMED, SUP_E_LIMIT (a row too long), SUP_E_CRYPTO,
 * SUP_E_NOMEM. */
static sup_err hash_rows(struct sup_audit_sealer *s, struct sup_pg_result *rows)
{
    int count = sup_pg_rows(rows);
    struct seal *seal = &s->seal;
    *seal = (struct seal){.no = sup_pg_int(rows, 0, 0),
                          .first_xid = sup_pg_int(rows, 0, 2),
                          .first_id = sup_pg_int(rows, 0, 3),
                          .last_xid = sup_pg_int(rows, count - 1, 2),
                          .last_id = sup_pg_int(rows, count - 1, 3),
                          .count = count};
    size_t prev = sup_pg_bytes(rows, 0, 1, seal->prev, AUDIT_HASH_LEN);
    sup_buf_clear(&s->digests);
    sup_err err = prev == AUDIT_HASH_LEN ? audit_hash_begin(s->hash, seal->prev) : SUP_E_MALFORMED;
    for (int i = 0; i < count && !err; i++) {
        uint8_t digest[AUDIT_DIGEST_LEN];
        size_t len = sup_pg_bytes(rows, i, 4, s->row, AUDIT_CANONICAL_MAX);
        if (len > AUDIT_CANONICAL_MAX)
            return SUP_E_LIMIT;
        err = audit_hash_row(s->hash, s->row, len, digest);
        if (!err)
            err = sup_buf_add(&s->digests, digest, sizeof(digest));
    }
    if (!err)
        err = sup_pg_result_check(rows);
    return err ? err : audit_hash_end(s->hash, seal->hash);
}

static void ask_next(struct sup_audit_sealer *s);

static void on_appended(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_audit_sealer *s = arg;
    s->request = NULL;
    if (reply->err) {
        s->unlogged = true;
        rest(s, reply->err);
        return;
    }
    const char *result = sup_pg_text(reply->rows, 0, 0);
    bool ok = result && strcmp(result, "ok") == 0;
    if (ok)
        log_seal(s);
    else
        s->unlogged = true;
    /* After a full take there is more; after a stale one another sealer is at work. */
    bool more =
        s->done ? ok || ++s->contests < CONTESTS_MAX : ok && s->seal.count == AUDIT_ROWS_MAX;
    if (more)
        ask_next(s);
    else
        rest(s, !ok && s->done ? SUP_E_CONFLICT : SUP_OK);
}

static sup_err append(struct sup_audit_sealer *s)
{
    const struct seal *seal = &s->seal;
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, AUDIT_ACTOR);
    sup_pg_add_int(&p, seal->no);
    sup_pg_add_bytes(&p, seal->prev, AUDIT_HASH_LEN);
    sup_pg_add_int(&p, seal->first_xid);
    sup_pg_add_int(&p, seal->first_id);
    sup_pg_add_int(&p, seal->last_xid);
    sup_pg_add_int(&p, seal->last_id);
    sup_pg_add_int(&p, seal->count);
    sup_pg_add_bytes(&p, seal->hash, AUDIT_HASH_LEN);
    sup_pg_add_bytes(&p, seal->signature, AUDIT_SIGNATURE_LEN);
    sup_pg_add_text(&p, sup_audit_key_id(s->opts.key));
    sup_pg_add_bytes(&p, (const uint8_t *)s->digests.data, s->digests.len);
    sup_err err = sup_pg_exec(s->opts.pool, &audit_stmts[AUDIT_SEAL_APPEND], &p, NULL, on_appended,
                              s, &s->request);
    sup_pg_params_fini(&p);
    return err;
}

static void on_next(const struct sup_pg_reply *reply, void *arg)
{
    struct sup_audit_sealer *s = arg;
    s->request = NULL;
    if (reply->err) {
        rest(s, reply->err);
        return;
    }
    int count = sup_pg_rows(reply->rows);
    sup_metric_set(s->pending, count);
    if (count == 0) {
        if (s->look_again)
            ask_next(s);
        else
            rest(s, SUP_OK);
        return;
    }
    if (s->unlogged) {
        uint8_t prev[AUDIT_HASH_LEN] = {0};
        (void)sup_pg_bytes(reply->rows, 0, 1, prev, sizeof(prev));
        if (memcmp(prev, s->seal.hash, sizeof(prev)) == 0)
            log_seal(s);
        s->unlogged = false;
    }
    sup_err err = hash_rows(s, reply->rows);
    if (!err)
        err = audit_sign(s->opts.key, s->seal.no, s->seal.hash, (const uint8_t *)s->digests.data,
                         s->digests.len, s->seal.signature);
    if (!err)
        err = append(s);
    if (err)
        rest(s, err);
}

static void ask_next(struct sup_audit_sealer *s)
{
    struct sup_pg_params p = {0};
    s->look_again = false;
    sup_pg_add_text(&p, AUDIT_ACTOR);
    sup_pg_add_int(&p, AUDIT_ROWS_MAX);
    sup_err err =
        sup_pg_exec(s->opts.pool, &audit_stmts[AUDIT_SEAL_NEXT], &p, NULL, on_next, s, &s->request);
    sup_pg_params_fini(&p);
    if (err)
        rest(s, err);
}

static void on_timer(void *arg)
{
    struct sup_audit_sealer *s = arg;
    if (!s->request)
        ask_next(s);
}

sup_err sup_audit_sealer_create(struct sup_loop *loop, const struct sup_audit_sealer_opts *opts,
                                struct sup_audit_sealer **ret_sealer)
{
    if (!opts->pool || !opts->key)
        return SUP_E_INVAL;
    struct sup_audit_sealer *s = sup_calloc(1, sizeof(*s));
    if (!s)
        return SUP_E_NOMEM;
    s->opts = *opts;
    s->opts.interval_us = opts->interval_us ? opts->interval_us : INTERVAL_DEFAULT_US;
    s->sealed = sup_metrics_counter(opts->metrics, "supportd_audit_sealed_total",
                                    "Audit rows sealed by this process", NULL, NULL);
    s->failures = sup_metrics_counter(opts->metrics, "supportd_audit_seal_failures_total",
                                      "Attempts to seal that failed", NULL, NULL);
    s->pending = sup_metrics_gauge(opts->metrics, "supportd_audit_pending",
                                   "Rows found to seal at the last look, at most 1000", NULL, NULL);
    s->row = sup_malloc(AUDIT_CANONICAL_MAX);
    sup_err err = s->row ? audit_hash_create(&s->hash) : SUP_E_NOMEM;
    if (!err)
        err = sup_timer_create(loop, on_timer, s, &s->timer);
    if (err) {
        sup_audit_sealer_destroy(s);
        return err;
    }
    sup_timer_start(s->timer, s->opts.interval_us);
    *ret_sealer = s;
    return SUP_OK;
}

void sup_audit_sealer_destroy(struct sup_audit_sealer *sealer)
{
    if (!sealer)
        return;
    if (sealer->request)
        sup_pg_req_cancel(sealer->request);
    sup_timer_destroy(sealer->timer);
    audit_hash_destroy(sealer->hash);
    sup_buf_fini(&sealer->digests);
    sup_free(sealer->row);
    sup_free(sealer);
}

sup_err sup_audit_seal_now(struct sup_audit_sealer *sealer, void (*done)(sup_err err, void *arg),
                           void *arg)
{
    if (sealer->done)
        return SUP_E_STATE;
    sealer->done = done;
    sealer->done_arg = arg;
    sealer->contests = 0;
    sealer->look_again = sealer->request != NULL;
    if (!sealer->request)
        sup_timer_start(sealer->timer, 0);
    return SUP_OK;
}
