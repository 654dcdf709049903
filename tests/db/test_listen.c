#include <string.h>

#include "db.h"
#include "supportd/pg/listen.h"

static struct sup_loop *loop;
static struct sup_pg_listen *listener;
static int ups, downs, notes;
static char last[128];

static void on_notify(const char *channel, const char *payload, void *arg)
{
    ck_assert_ptr_eq(arg, &ups);
    (void)snprintf(last, sizeof(last), "%s=%s", channel, payload);
    notes++;
}

static void on_up(void *arg)
{
    (*(int *)arg)++;
    ck_assert(sup_pg_listen_is_up(listener));
}

static void on_down(void *arg)
{
    (void)arg;
    downs++;
}

static const char *const channels[] = {"one_channel", "other", NULL};

static struct sup_pg_listen_opts opts(void)
{
    return (struct sup_pg_listen_opts){.conninfo = db_env("SUP_TEST_DATABASE_URL"),
                                       .channels = channels,
                                       .on_notify = on_notify,
                                       .on_up = on_up,
                                       .on_down = on_down,
                                       .arg = &ups};
}

static void setup(void)
{
    ups = downs = notes = 0;
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    struct sup_pg_listen_opts o = opts();
    ck_assert_int_eq(sup_pg_listen_create(loop, &o, &listener), SUP_OK);
}

static void teardown(void)
{
    sup_pg_listen_destroy(listener);
    ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
}

START_TEST(notifications_arrive_in_order)
{
    ck_assert(!sup_pg_listen_is_up(listener));
    db_run_until(loop, &ups, 1, 10);
    (void)db_admin_do("select pg_notify('one_channel', n::text) from generate_series(1, 500) n");
    (void)db_admin_do("select pg_notify('unheard', 'x')");
    db_run_until(loop, &notes, 500, 10);
    ck_assert_str_eq(last, "one_channel=500");
    (void)db_admin_do("notify other");
    db_run_until(loop, &notes, 501, 10);
    ck_assert_str_eq(last, "other=");
}
END_TEST

START_TEST(a_lost_connection_is_told_and_made_again)
{
    db_run_until(loop, &ups, 1, 10);
    (void)db_admin_do("select pg_terminate_backend(pid) from pg_stat_activity where"
                      " application_name = 'listen'");
    db_run_until(loop, &ups, 2, 10);
    ck_assert_int_eq(downs, 1);
    (void)db_admin_do("notify other, 'again'");
    db_run_until(loop, &notes, 1, 10);
    ck_assert_int_eq(system(db_env("SUP_TEST_PG_CRASH")), 0);
    db_run_until(loop, &ups, 3, 20);
    (void)db_admin_do("notify other, 'and again'");
    db_run_until(loop, &notes, 2, 10);
}
END_TEST

START_TEST(wrong_options_are_refused)
{
    struct sup_pg_listen *other = NULL;
    const char *const bad[][2] = {{"a-b", NULL}, {"1a", NULL}, {"", NULL}, {NULL, NULL}};
    struct sup_pg_listen_opts o = opts();
    for (size_t i = 0; i < 4; i++) {
        o.channels = bad[i];
        ck_assert_int_eq(sup_pg_listen_create(loop, &o, &other), SUP_E_INVAL);
    }
    for (size_t n = 1; n < 4; n++) {
        o = opts();
        sup_mem_fail_at(n);
        ck_assert_int_eq(sup_pg_listen_create(loop, &o, &other), SUP_E_NOMEM);
    }
    ck_assert_ptr_null(other);
}
END_TEST

SUP_CHECK_MAIN("listen", setup, teardown, notifications_arrive_in_order,
               a_lost_connection_is_told_and_made_again, wrong_options_are_refused)
