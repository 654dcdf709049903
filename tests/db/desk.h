/* A support desk for the tests of chat, queue and call: fresh schema, pool with every statement,
 * bus, people. Everything that a test reads back comes from the administrator's own connection. */
#ifndef SUPPORTD_TESTS_DESK_H
#define SUPPORTD_TESTS_DESK_H
#include <string.h>

#include "db.h"
#include "supportd/audit/audit.h"
#include "supportd/bus/bus.h"
#include "supportd/call/call_life_store.h"
#include "supportd/call/call_store.h"
#include "supportd/call/party_store.h"
#include "supportd/call/recording.h"
#include "supportd/chat/chat_store.h"
#include "supportd/metrics/metrics.h"
#include "supportd/queue/queue_store.h"
#include "supportd/staff/staff_store.h"

static const struct sup_pg_stmt_table *const desk_tables[] = {
    &sup_chat_stmts,  &sup_queue_stmts, &sup_call_stmts, &sup_recording_stmts, &sup_call_life_stmts,
    &sup_party_stmts, &sup_staff_stmts, &sup_bus_stmts,  &sup_audit_stmts,     NULL,
};

struct desk {
    struct sup_loop *loop;
    struct sup_metrics *metrics;
    struct sup_pg_pool *pool;
    struct sup_bus *bus;
    int64_t leases;
};

/* printf into SQL, run as the administrator. */
static inline long long __attribute__((format(printf, 1, 2))) desk_sql(const char *format, ...)
{
    char sql[2048];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(sql, sizeof(sql), format, args);
    va_end(args);
    ck_assert_int_lt(n, (int)sizeof(sql));
    return db_admin_do(sql);
}

static inline void desk_open(struct desk *desk)
{
    *desk = (struct desk){0};
    db_drop("support");
    db_migrate();
    ck_assert_int_eq(sup_loop_create(&desk->loop), SUP_OK);
    ck_assert_int_eq(sup_metrics_create(&desk->metrics), SUP_OK);
    struct sup_pg_pool_opts pool = {.conninfo = db_env("SUP_TEST_DATABASE_URL"),
                                    .tables = desk_tables};
    ck_assert_int_eq(sup_pg_pool_create(desk->loop, &pool, &desk->pool), SUP_OK);
    struct sup_bus_opts bus = {.conninfo = pool.conninfo, .pool = desk->pool, .version = "test"};
    ck_assert_int_eq(sup_bus_create(desk->loop, &bus, &desk->bus), SUP_OK);
    for (int i = 0; i < 400 && !sup_bus_registered(desk->bus); i++)
        sup_loop_step(desk->loop, 50);
    ck_assert(sup_bus_registered(desk->bus));
}

/* What stands on pool and bus must be gone, but may have requests under way: the pool goes first.
 */
/* Until nothing is under way. */
static inline void desk_settle(struct desk *desk)
{
    while (sup_pg_pool_pending(desk->pool) > 0)
        sup_loop_step(desk->loop, 1);
}

static inline void desk_close_pool(struct desk *desk)
{
    if (desk->bus)
        sup_bus_quiet(desk->bus); /* a heartbeat may be under way */
    sup_pg_pool_destroy(desk->pool);
    desk->pool = NULL;
}

static inline void desk_close(struct desk *desk)
{
    sup_bus_destroy(desk->bus);
    desk->bus = NULL;
    desk_close_pool(desk);
    sup_metrics_destroy(desk->metrics);
    ck_assert_int_eq(sup_loop_destroy(desk->loop), SUP_OK);
}

struct desk_person {
    struct sup_id id;
    char actor[48];
};

static inline void desk_lease(struct desk *desk, const struct desk_person *who)
{
    (void)desk_sql("select support.lease_add('system:monitor', '%s', %lld, '%s')",
                   sup_id_text(sup_bus_process(desk->bus)).s, (long long)++desk->leases,
                   who->actor);
}

static inline struct desk_person desk_customer(struct desk *desk, const char *name)
{
    struct desk_person p = {.id = sup_id_new()};
    (void)snprintf(p.actor, sizeof(p.actor), "customer:%s", sup_id_text(p.id).s);
    (void)desk_sql("select support.customer_upsert('system:auth', '%s', 'bank', '%s', '%s', null,"
                   " 'en', null)",
                   sup_id_text(p.id).s, name, name);
    desk_lease(desk, &p);
    return p;
}

/* Connected, not yet available. */
static inline struct desk_person desk_agent(struct desk *desk, const char *name, int capacity)
{
    struct desk_person p = {.id = sup_id_new()};
    (void)snprintf(p.actor, sizeof(p.actor), "staff:%s", sup_id_text(p.id).s);
    (void)desk_sql("select support.staff_create('system:admin', '%s', '%s@bank.test', '%s',"
                   " 'agent', null, 'bank', '%s', null, null)",
                   sup_id_text(p.id).s, name, name, name);
    (void)desk_sql("update support.support_staff set capacity = %d where id = '%s'", capacity,
                   sup_id_text(p.id).s);
    desk_lease(desk, &p);
    return p;
}

static inline void desk_available(const struct desk_person *agent)
{
    (void)desk_sql("select support.presence_set('%s', 'available', null, null)", agent->actor);
}

/* A chat of the customer that waits in the queue. */
static inline struct sup_id desk_chat(const struct desk_person *customer)
{
    struct sup_id chat = sup_id_new();
    (void)desk_sql("select support.chat_start('%s', '%s', '%s', '%s', 'en', null, null)",
                   customer->actor, sup_id_text(chat).s, sup_id_text(sup_id_new()).s,
                   sup_id_text(sup_id_new()).s);
    return chat;
}

static inline void desk_setting(const char *key, int value)
{
    (void)desk_sql("update support.support_settings set value = '%d' where key = '%s'", value, key);
}

/* Steps the loop until cond is true; fails the test after seconds. */
#define DESK_UNTIL(desk, seconds, cond)                                                            \
    do {                                                                                           \
        uint64_t end_ = sup_clock_mono_us() + (uint64_t)(seconds)*1000000;                         \
        while (!(cond)) {                                                                          \
            sup_loop_step((desk)->loop, 20);                                                       \
            ck_assert_msg(sup_clock_mono_us() < end_, "not within %d s: %s", (int)(seconds),       \
                          #cond);                                                                  \
        }                                                                                          \
    } while (0)
#endif
