/* Seals and rows are read in pages and walked side by side:
 *
 *   seals  | 1: up to (x1, i1) | 2: up to (x2, i2) | ...      a page of them, then
 *   rows   r r r r r r r r r r r r r r r r r r r r r r        up to the end of its last */
#include <stdio.h>
#include <string.h>

#include "audit_internal.h"
#include "supportd/base/mem.h"

enum { SEALS_PER_PAGE = 50, ROWS_PER_PAGE = 2000, UNSEALED_MAX = 10000, DIGESTS_MAX = 80000 };
static const uint64_t PAGE_TIMEOUT_US = 60000000;

struct place {
    int64_t xid, id;
};

struct seal {
    int64_t no, count;
    struct place last;
    uint8_t prev[AUDIT_HASH_LEN], hash[AUDIT_HASH_LEN], signature[1024];
    size_t signature_len, digests_len;
    bool same_key;
    uint8_t *digests; /* owned */
};

struct walk {
    struct sup_loop *loop;
    struct sup_pg_pool *pool;
    const struct sup_audit_key *key;
    struct sup_audit_verdict *verdict;
    struct audit_hash *hash;
    uint8_t *row; /* AUDIT_CANONICAL_MAX bytes */
    struct seal seals[SEALS_PER_PAGE];
    size_t seal_count, at; /* seals[at] is being filled */
    bool open;             /* ... and its first row was seen or looked for */
    int64_t rows, odd_row; /* of seals[at]: rows seen, first that does not fit */
    struct place end;      /* of the rows walked so far */
    uint8_t prev[AUDIT_HASH_LEN];
    bool finished;
    sup_err err;
};

static bool after(struct place a, struct place b)
{
    return a.xid != b.xid ? a.xid > b.xid : a.id > b.id;
}

static void finish(struct walk *w, sup_err err)
{
    w->finished = true;
    w->err = err;
}

static void broken(struct walk *w, const char *reason, int64_t row)
{
    w->verdict->bad_seal = w->seals[w->at].no;
    w->verdict->bad_row = row;
    (void)snprintf(w->verdict->reason, sizeof(w->verdict->reason), "%s", reason);
    finish(w, SUP_OK);
}

static void free_seals(struct walk *w)
{
    for (size_t i = 0; i < w->seal_count; i++)
        sup_free(w->seals[i].digests);
    w->seal_count = w->at = 0;
}

/* What the seal says about itself, before its rows. */
static void open_seal(struct walk *w)
{
    const struct seal *s = &w->seals[w->at];
    w->open = true;
    w->rows = w->odd_row = 0;
    if (s->no != w->verdict->last_seal + 1 || memcmp(s->prev, w->prev, sizeof(w->prev)) != 0) {
        broken(w, "broken_chain", 0);
        return;
    }
    if (!s->same_key) {
        broken(w, "another_key", 0);
        return;
    }
    sup_err err = audit_check_signature(w->key, s->no, s->hash, s->digests, s->digests_len,
                                        s->signature, s->signature_len);
    if (err == SUP_E_DENIED)
        broken(w, "wrong_signature", 0);
    else if (err)
        finish(w, err);
    else if ((err = audit_hash_begin(w->hash, w->prev)) != SUP_OK)
        finish(w, err);
}

static void close_seal(struct walk *w)
{
    struct seal *s = &w->seals[w->at];
    uint8_t hash[AUDIT_HASH_LEN];
    if (!w->open)
        open_seal(w);
    if (w->finished)
        return;
    sup_err err = audit_hash_end(w->hash, hash);
    if (err) {
        finish(w, err);
        return;
    }
    if (w->rows != s->count || memcmp(hash, s->hash, sizeof(hash)) != 0) {
        broken(w,
               w->rows < s->count   ? "row_missing"
               : w->rows > s->count ? "row_added"
                                    : "row_changed",
               w->odd_row);
        return;
    }
    memcpy(w->prev, hash, sizeof(hash));
    audit_hex(hash, sizeof(hash), w->verdict->last_hash);
    w->verdict->last_seal = s->no;
    w->verdict->seals++;
    w->verdict->rows += (uint64_t)s->count;
    w->open = false;
    w->at++;
}

static void walk_row(struct walk *w, struct place place, size_t len)
{
    while (!w->finished && w->at < w->seal_count && after(place, w->seals[w->at].last))
        close_seal(w);
    if (!w->finished && !w->open)
        open_seal(w);
    if (w->finished)
        return;
    const struct seal *s = &w->seals[w->at];
    uint8_t digest[AUDIT_DIGEST_LEN];
    sup_err err = audit_hash_row(w->hash, w->row, len, digest);
    if (err) {
        finish(w, err);
        return;
    }
    size_t offset = (size_t)w->rows * AUDIT_DIGEST_LEN;
    bool fits = offset + AUDIT_DIGEST_LEN <= s->digests_len &&
                memcmp(digest, s->digests + offset, AUDIT_DIGEST_LEN) == 0;
    if (!fits && w->odd_row == 0 && s->digests_len > 0)
        w->odd_row = place.id;
    w->rows++;
    w->end = place;
}

static void ask_seals(struct walk *w);
static void ask_rows(struct walk *w);

static void on_rows(const struct sup_pg_reply *reply, void *arg)
{
    struct walk *w = arg;
    if (reply->err) {
        finish(w, reply->err);
        return;
    }
    int count = sup_pg_rows(reply->rows);
    for (int i = 0; i < count && !w->finished; i++) {
        struct place place = {sup_pg_int(reply->rows, i, 0), sup_pg_int(reply->rows, i, 1)};
        size_t len = sup_pg_bytes(reply->rows, i, 2, w->row, AUDIT_CANONICAL_MAX);
        if (len > AUDIT_CANONICAL_MAX || sup_pg_result_check(reply->rows))
            finish(w, SUP_E_MALFORMED);
        else
            walk_row(w, place, len);
    }
    if (w->finished)
        return;
    if (count == ROWS_PER_PAGE) {
        ask_rows(w);
        return;
    }
    while (!w->finished && w->at < w->seal_count)
        close_seal(w);
    if (!w->finished)
        ask_seals(w);
}

static void ask_rows(struct walk *w)
{
    struct sup_pg_params p = {0};
    struct place last = w->seals[w->seal_count - 1].last;
    sup_pg_add_text(&p, AUDIT_ACTOR);
    sup_pg_add_int(&p, w->end.xid);
    sup_pg_add_int(&p, w->end.id);
    sup_pg_add_int(&p, last.xid);
    sup_pg_add_int(&p, last.id);
    sup_pg_add_int(&p, ROWS_PER_PAGE);
    sup_err err = sup_pg_exec(w->pool, &audit_stmts[AUDIT_VERIFY_PAGE], &p, NULL, on_rows, w, NULL);
    sup_pg_params_fini(&p);
    if (err)
        finish(w, err);
}

static sup_err read_seal(struct walk *w, struct sup_pg_result *rows, int row, struct seal *s)
{
    uint8_t *digests = sup_malloc(DIGESTS_MAX);
    if (!digests)
        return SUP_E_NOMEM;
    const char *key_id = sup_pg_text(rows, row, 9);
    *s = (struct seal){.no = sup_pg_int(rows, row, 0),
                       .last = {sup_pg_int(rows, row, 4), sup_pg_int(rows, row, 5)},
                       .count = sup_pg_int(rows, row, 6),
                       .same_key = key_id && strcmp(key_id, sup_audit_key_id(w->key)) == 0};
    size_t prev = sup_pg_bytes(rows, row, 1, s->prev, sizeof(s->prev));
    size_t hash = sup_pg_bytes(rows, row, 7, s->hash, sizeof(s->hash));
    s->signature_len = sup_pg_bytes(rows, row, 8, s->signature, sizeof(s->signature));
    s->digests_len = sup_pg_bytes(rows, row, 10, digests, DIGESTS_MAX);
    if (prev != sizeof(s->prev) || hash != sizeof(s->hash) || sup_pg_result_check(rows)) {
        sup_free(digests);
        return SUP_E_MALFORMED;
    }
    uint8_t *shrunk = sup_realloc(digests, s->digests_len ? s->digests_len : 1);
    s->digests = shrunk ? shrunk : digests;
    return SUP_OK;
}

static void on_unsealed(const struct sup_pg_reply *reply, void *arg)
{
    struct walk *w = arg;
    if (!reply->err) {
        w->verdict->whole = true;
        w->verdict->unsealed = (uint64_t)sup_pg_rows(reply->rows);
    }
    finish(w, reply->err);
}

static void ask_unsealed(struct walk *w)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, AUDIT_ACTOR);
    sup_pg_add_int(&p, UNSEALED_MAX);
    sup_err err =
        sup_pg_exec(w->pool, &audit_stmts[AUDIT_SEAL_NEXT], &p, NULL, on_unsealed, w, NULL);
    sup_pg_params_fini(&p);
    if (err)
        finish(w, err);
}

static void on_seals(const struct sup_pg_reply *reply, void *arg)
{
    struct walk *w = arg;
    if (reply->err) {
        finish(w, reply->err);
        return;
    }
    free_seals(w);
    int count = sup_pg_rows(reply->rows);
    if (count == 0) {
        ask_unsealed(w);
        return;
    }
    for (int i = 0; i < count && i < SEALS_PER_PAGE; i++) {
        sup_err err = read_seal(w, reply->rows, i, &w->seals[i]);
        if (err) {
            finish(w, err);
            return;
        }
        w->seal_count++;
    }
    ask_rows(w);
}

static void ask_seals(struct walk *w)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, AUDIT_ACTOR);
    sup_pg_add_int(&p, w->verdict->last_seal);
    sup_pg_add_int(&p, SEALS_PER_PAGE);
    sup_err err = sup_pg_exec(w->pool, &audit_stmts[AUDIT_SEALS], &p, NULL, on_seals, w, NULL);
    sup_pg_params_fini(&p);
    if (err)
        finish(w, err);
}

static sup_err walk_start(struct walk *w, const char *conninfo)
{
    static const struct sup_pg_stmt_table *const tables[] = {&sup_audit_stmts, NULL};
    struct sup_pg_pool_opts opts = {.conninfo = conninfo,
                                    .tables = tables,
                                    .name = "audit_verify",
                                    .connections = 1,
                                    .timeout_us = PAGE_TIMEOUT_US,
                                    .statement_timeout_ms = 50000,
                                    .stall_us = PAGE_TIMEOUT_US};
    w->row = sup_malloc(AUDIT_CANONICAL_MAX);
    if (!w->row)
        return SUP_E_NOMEM;
    sup_err err = audit_hash_create(&w->hash);
    if (!err)
        err = sup_loop_create(&w->loop);
    if (!err)
        err = sup_pg_pool_create(w->loop, &opts, &w->pool);
    return err;
}

sup_err sup_audit_verify(const char *conninfo, const struct sup_audit_key *key,
                         struct sup_audit_verdict *ret_verdict)
{
    struct sup_audit_verdict verdict = {0};
    struct walk *w = sup_calloc(1, sizeof(*w));
    if (!w)
        return SUP_E_NOMEM;
    w->key = key;
    w->verdict = &verdict;
    sup_err err = walk_start(w, conninfo);
    if (!err) {
        ask_seals(w);
        while (!w->finished)
            sup_loop_step(w->loop, 1000);
        err = w->err;
    }
    free_seals(w);
    sup_pg_pool_destroy(w->pool);
    audit_hash_destroy(w->hash);
    sup_free(w->row);
    sup_err closed = sup_loop_destroy(w->loop);
    sup_free(w);
    if (!err)
        *ret_verdict = verdict;
    return err ? err : closed;
}
