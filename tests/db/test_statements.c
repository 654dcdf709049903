/* Every statement of the daemon against the schema: prepared at once by the app role, and of the
 * form that row level security stands on. */
#include <ctype.h>

#include "desk.h"

static struct desk desk;

static void setup(void)
{
    desk_open(&desk);
}

static void teardown(void)
{
    desk_close(&desk);
}

START_TEST(all_prepare_in_one_pool)
{
    const char *reason = "";
    DESK_UNTIL(&desk, 20, sup_pg_pool_ready(desk.pool, &reason));
    ck_assert_str_eq(reason, "");
    ck_assert_str_eq(sup_pg_pool_detail(desk.pool), "");
}
END_TEST

/* The greatest $n of the text. */
static unsigned placeholders(const char *sql)
{
    unsigned most = 0;
    for (const char *at = strchr(sql, '$'); at; at = strchr(at + 1, '$')) {
        unsigned n = (unsigned)strtoul(at + 1, NULL, 10);
        ck_assert_uint_gt(n, 0);
        if (n > most)
            most = n;
    }
    return most;
}

START_TEST(names_are_unique_and_parameters_counted)
{
    for (size_t t = 0; desk_tables[t]; t++) {
        for (size_t i = 0; i < desk_tables[t]->count; i++) {
            const struct sup_pg_stmt *s = &desk_tables[t]->stmts[i];
            ck_assert_msg(s->name && s->sql, "table %zu, row %zu", t, i);
            ck_assert_msg(placeholders(s->sql) == s->nparams, "%s", s->name);
            for (size_t u = 0; u <= t; u++)
                for (size_t j = 0; j < (u < t ? desk_tables[u]->count : i); j++)
                    ck_assert_str_ne(s->name, desk_tables[u]->stmts[j].name);
        }
    }
}
END_TEST

/* support.f($1,...: the actor is the first argument, and f undoes what it sets of it. */
START_TEST(each_calls_one_function_that_keeps_its_actor_to_itself)
{
    for (size_t t = 0; desk_tables[t]; t++) {
        for (size_t i = 0; i < desk_tables[t]->count; i++) {
            const struct sup_pg_stmt *s = &desk_tables[t]->stmts[i];
            char name[64];
            const char *at = strstr(s->sql, " support.");
            ck_assert_msg(at != NULL, "%s", s->name);
            at += strlen(" support.");
            size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789_");
            ck_assert_uint_lt(n, sizeof(name));
            memcpy(name, at, n);
            name[n] = '\0';
            ck_assert_msg(strncmp(at + n, "($1", 3) == 0 && !isdigit((unsigned char)at[n + 3]),
                          "%s: the first argument is not the first parameter", s->name);
            ck_assert_msg(desk_sql("select count(*) from pg_proc where pronamespace ="
                                   " 'support'::regnamespace and proname = '%s'"
                                   " and proargnames[1] = 'p_actor' and proconfig is not null"
                                   " and 'supportd.actor=' = any (proconfig)",
                                   name) == 1,
                          "%s: support.%s", s->name, name);
        }
    }
}
END_TEST

SUP_CHECK_MAIN("statements", setup, teardown, all_prepare_in_one_pool,
               names_are_unique_and_parameters_counted,
               each_calls_one_function_that_keeps_its_actor_to_itself)
