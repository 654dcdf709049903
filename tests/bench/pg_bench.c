/* Rows per second and latency of the pool against a floor: a bare loop over one libpq connection
 * that sends the same statement in the same batches. Interleaved, medians of the runs.
 *
 *   tests/bench/pg.sh [rows a run] */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/loop/loop.h"
#include "supportd/pg/pool.h"

enum { BATCH_MAX = 128, SYNCS_MAX = 2, RUNS = 5 };

static const char SQL[] = "insert into bench.items values ($1, $2, $3)"
                          " on conflict do nothing returning true";
static const struct sup_pg_stmt stmts[] = {
    {"bench_insert", SQL, 3, SUP_PG_RANK_REST, SUP_PG_RETRY}};
static const struct sup_pg_stmt_table table = SUP_PG_TABLE(stmts);
static const struct sup_pg_stmt_table *const tables[] = {&table, NULL};
static char body[301];

struct figures {
    double rows_per_s, p50_ms, p99_ms;
};

struct run {
    int rows, window, sent, answered;
    uint64_t *start_us; /* per row */
    double *ms;         /* per row, in order of answers */
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void die(const char *what)
{
    (void)fprintf(stderr, "pg_bench: %s\n", what);
    exit(1);
}

static void answered(struct run *r, int row)
{
    r->ms[r->answered++] = (double)(sup_clock_mono_us() - r->start_us[row]) / 1000;
}

static struct figures figures_of(struct run *r, uint64_t took_us)
{
    qsort(r->ms, (size_t)r->rows, sizeof(double), by_value);
    return (struct figures){r->rows / ((double)took_us / 1e6), r->ms[r->rows / 2],
                            r->ms[(size_t)r->rows * 99 / 100]};
}

/* ---- floor ---- */

struct floor_state {
    PGconn *conn;
    int first, filled; /* rows waiting: first .. filled - 1 */
    int batch_end[SYNCS_MAX];
    int syncs, delivered;
};

static void floor_fill(struct run *r, struct floor_state *f)
{
    while (r->sent < r->rows && r->sent - r->answered < r->window)
        r->start_us[r->sent++] = sup_clock_mono_us();
    f->filled = r->sent;
    while (f->syncs < SYNCS_MAX && f->first < f->filled) {
        int end = f->filled - f->first > BATCH_MAX ? f->first + BATCH_MAX : f->filled;
        for (; f->first < end; f->first++) {
            struct sup_id_text id = sup_id_text(sup_id_new());
            char n[16];
            (void)snprintf(n, sizeof(n), "%d", f->first);
            const char *values[] = {id.s, n, body};
            if (!PQsendQueryPrepared(f->conn, "bench_insert", 3, values, NULL, NULL, 0))
                die(PQerrorMessage(f->conn));
        }
        if (!PQpipelineSync(f->conn))
            die(PQerrorMessage(f->conn));
        f->batch_end[f->syncs++] = end;
    }
}

static void floor_read(struct run *r, struct floor_state *f)
{
    if (!PQconsumeInput(f->conn))
        die(PQerrorMessage(f->conn));
    while (f->syncs > 0 && !PQisBusy(f->conn)) {
        PGresult *res = PQgetResult(f->conn);
        if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
            for (; f->delivered < f->batch_end[0]; f->delivered++)
                answered(r, f->delivered);
            f->batch_end[0] = f->batch_end[1];
            f->syncs--;
        } else if (res && PQresultStatus(res) != PGRES_TUPLES_OK) {
            die(PQresultErrorMessage(res));
        }
        PQclear(res);
    }
}

static struct figures run_floor(const char *url, struct run *r)
{
    struct floor_state f = {.conn = PQconnectdb(url)};
    if (PQstatus(f.conn) != CONNECTION_OK)
        die(PQerrorMessage(f.conn));
    PQclear(PQprepare(f.conn, "bench_insert", SQL, 0, NULL));
    if (!PQenterPipelineMode(f.conn) || PQsetnonblocking(f.conn, 1))
        die("pipeline mode");
    uint64_t start = sup_clock_mono_us();
    while (r->answered < r->rows) {
        floor_fill(r, &f);
        short events = PQflush(f.conn) ? POLLIN | POLLOUT : POLLIN;
        struct pollfd p = {PQsocket(f.conn), events, 0};
        if (poll(&p, 1, 10000) <= 0)
            die("no answer");
        floor_read(r, &f);
    }
    uint64_t took = sup_clock_mono_us() - start;
    PQfinish(f.conn);
    return figures_of(r, took);
}

/* ---- pool ---- */

struct client {
    struct run *run;
    struct sup_pg_pool *pool;
    struct sup_loop *loop;
    struct request *requests;
};

struct request {
    struct client *client;
    int row;
};

static void pool_fill(struct client *c);

static void on_answer(const struct sup_pg_reply *reply, void *arg)
{
    struct request *q = arg;
    if (reply->err)
        die(sup_err_name(reply->err));
    answered(q->client->run, q->row);
    pool_fill(q->client);
    if (q->client->run->answered == q->client->run->rows)
        sup_loop_stop(q->client->loop);
}

static void pool_fill(struct client *c)
{
    struct run *r = c->run;
    while (r->sent < r->rows && r->sent - r->answered < r->window) {
        struct sup_pg_params p = {0};
        r->start_us[r->sent] = sup_clock_mono_us();
        c->requests[r->sent] = (struct request){c, r->sent};
        sup_pg_add_id(&p, sup_id_new());
        sup_pg_add_int(&p, r->sent);
        sup_pg_add_text(&p, body);
        if (sup_pg_exec(c->pool, &stmts[0], &p, NULL, on_answer, &c->requests[r->sent], NULL))
            die("exec");
        sup_pg_params_fini(&p);
        r->sent++;
    }
}

static struct figures run_pool(const char *url, struct run *r, unsigned connections)
{
    struct client c = {.run = r, .requests = sup_calloc((size_t)r->rows, sizeof(struct request))};
    struct sup_pg_pool_opts opts = {.conninfo = url, .tables = tables, .connections = connections};
    if (!c.requests || sup_loop_create(&c.loop) || sup_pg_pool_create(c.loop, &opts, &c.pool))
        die("create");
    uint64_t end = sup_clock_mono_us() + 500000; /* all connections up */
    while (sup_clock_mono_us() < end || !sup_pg_pool_ready(c.pool, NULL))
        sup_loop_step(c.loop, 50);
    uint64_t start = sup_clock_mono_us();
    pool_fill(&c);
    sup_loop_run(c.loop);
    uint64_t took = sup_clock_mono_us() - start;
    sup_pg_pool_destroy(c.pool);
    (void)sup_loop_destroy(c.loop);
    sup_free(c.requests);
    return figures_of(r, took);
}

static struct figures run_once(const char *url, int which, int rows, int window)
{
    struct run r = {.rows = rows, .window = window};
    r.start_us = sup_calloc((size_t)rows, sizeof(*r.start_us));
    r.ms = sup_calloc((size_t)rows, sizeof(*r.ms));
    if (!r.start_us || !r.ms)
        die("memory");
    struct figures f = which == 0 ? run_floor(url, &r) : run_pool(url, &r, which == 1 ? 1 : 3);
    sup_free(r.start_us);
    sup_free(r.ms);
    return f;
}

static double median(const struct figures *f, size_t offset)
{
    double v[RUNS];
    for (int i = 0; i < RUNS; i++)
        memcpy(&v[i], (const char *)&f[i] + offset, sizeof(double));
    qsort(v, RUNS, sizeof(v[0]), by_value);
    return v[RUNS / 2];
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"floor, 1 connection", "pool, 1 connection",
                                        "pool, 3 connections"};
    const int windows[] = {1, 64, 256};
    if (argc != 3)
        die("usage: pg_bench URL ROWS");
    int rows = atoi(argv[2]);
    memset(body, 'x', sizeof(body) - 1);
    (void)printf("%-20s %6s %10s %8s %8s\n", "", "window", "rows/s", "p50 ms", "p99 ms");
    for (int w = 0; w < 3; w++) {
        struct figures f[3][RUNS];
        for (int run = 0; run < RUNS; run++)
            for (int which = 0; which < 3; which++)
                f[which][run] =
                    run_once(argv[1], which, windows[w] == 1 ? rows / 10 : rows, windows[w]);
        for (int which = 0; which < 3; which++)
            (void)printf("%-20s %6d %10.0f %8.2f %8.2f\n", names[which], windows[w],
                         median(f[which], offsetof(struct figures, rows_per_s)),
                         median(f[which], offsetof(struct figures, p50_ms)),
                         median(f[which], offsetof(struct figures, p99_ms)));
    }
    return 0;
}
