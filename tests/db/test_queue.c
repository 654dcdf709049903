/* queue/queue against the real database: when rounds run, and what they tell. */
#include "desk.h"
#include "supportd/queue/queue.h"

enum { EVENTS = 64 };

static struct desk desk;
static struct sup_queue *queue;
static struct sup_queue_event events[EVENTS];
static int event_count;
static struct sup_listener listener;

static void on_event(struct sup_listener *unused, void *data)
{
    (void)unused;
    ck_assert_int_lt(event_count, EVENTS);
    events[event_count++] = *(struct sup_queue_event *)data;
}

static void setup(void)
{
    desk_open(&desk);
    event_count = 0;
    listener = (struct sup_listener){.notify = on_event};
}

static void open_queue(void)
{
    struct sup_queue_opts opts = {
        .loop = desk.loop, .pool = desk.pool, .bus = desk.bus, .metrics = desk.metrics};
    ck_assert_int_eq(sup_queue_create(&opts, &queue), SUP_OK);
    sup_signal_add(sup_queue_events(queue), &listener);
}

static void teardown(void)
{
    sup_listener_remove(&listener);
    desk_close_pool(&desk);
    sup_queue_destroy(queue);
    queue = NULL;
    desk_close(&desk);
}

static double rounds(void)
{
    return sup_metric_value(
        sup_metrics_counter(desk.metrics, "supportd_queue_rounds_total", "", NULL, NULL));
}

static void answer(const struct desk_person *agent, const char *how, struct sup_id offer)
{
    (void)desk_sql("select support.offer_%s('%s', '%s', null)", how, agent->actor,
                   sup_id_text(offer).s);
}

static bool accepted(const struct desk_person *agent, struct sup_id offer)
{
    return desk_sql("select count(*) from support.offer_accept('%s', '%s', null) where result ="
                    " 'accepted'",
                    agent->actor, sup_id_text(offer).s) == 1;
}

static const struct sup_queue_event *wait_event(int n, enum sup_queue_kind kind, int seconds)
{
    DESK_UNTIL(&desk, seconds, event_count > n);
    ck_assert_int_eq(events[n].kind, kind);
    return &events[n];
}

START_TEST(who_becomes_available_is_offered_the_oldest)
{
    struct desk_person first = desk_customer(&desk, "c1"), second = desk_customer(&desk, "c2");
    struct desk_person agent = desk_agent(&desk, "a1", 1);
    struct sup_id chat1 = desk_chat(&first), chat2 = desk_chat(&second);
    open_queue();
    db_run_for(desk.loop, 300);
    ck_assert_int_eq(event_count, 0); /* nobody is there */
    desk_available(&agent);
    sup_queue_kick(queue);
    const struct sup_queue_event *e = wait_event(0, SUP_QUEUE_OFFERED, 10);
    ck_assert(sup_id_equal(e->chat, chat1));
    ck_assert(sup_id_equal(e->customer, first.id));
    ck_assert(sup_id_equal(e->staff, agent.id));
    ck_assert(!e->is_call);
    ck_assert(!sup_id_is_zero(e->offer));
    sup_queue_kick(queue); /* never over capacity, also while it rings */
    db_run_for(desk.loop, 300);
    ck_assert_int_eq(event_count, 1);
    answer(&agent, "accept", e->offer);
    sup_queue_kick(queue);
    db_run_for(desk.loop, 300);
    ck_assert_int_eq(event_count, 1);
    (void)desk_sql("select support.chat_close('%s', '%s', 'resolved', null)", agent.actor,
                   sup_id_text(chat1).s);
    sup_queue_kick(queue);
    e = wait_event(1, SUP_QUEUE_OFFERED, 10);
    ck_assert(sup_id_equal(e->chat, chat2));
}
END_TEST

/* Room for one, not for what the next one weighs. */
START_TEST(capacity_counts_weights)
{
    desk_setting("queue.chat_weight", 3);
    struct desk_person first = desk_customer(&desk, "c1"), second = desk_customer(&desk, "c2");
    struct desk_person agent = desk_agent(&desk, "a1", 4);
    struct sup_id chat = desk_chat(&first);
    (void)desk_chat(&second);
    desk_available(&agent);
    open_queue();
    ck_assert(sup_id_equal(wait_event(0, SUP_QUEUE_OFFERED, 10)->chat, chat));
    sup_queue_kick(queue);
    db_run_for(desk.loop, 300);
    ck_assert_int_eq(event_count, 1);
    ck_assert_int_eq(db_admin_do("select count(*) from support.check_invariants()"), 0);
}
END_TEST

START_TEST(who_declines_is_not_asked_again)
{
    struct desk_person customer = desk_customer(&desk, "c1");
    struct desk_person a1 = desk_agent(&desk, "a1", 1), a2 = desk_agent(&desk, "a2", 1);
    (void)desk_chat(&customer);
    desk_available(&a1);
    open_queue();
    const struct sup_queue_event *e = wait_event(0, SUP_QUEUE_OFFERED, 10);
    ck_assert(sup_id_equal(e->staff, a1.id));
    answer(&a1, "decline", e->offer);
    sup_queue_kick(queue);
    db_run_for(desk.loop, 300);
    ck_assert_int_eq(event_count, 1);
    desk_available(&a2);
    sup_queue_kick(queue);
    e = wait_event(1, SUP_QUEUE_OFFERED, 10);
    ck_assert(sup_id_equal(e->staff, a2.id));
}
END_TEST

START_TEST(deadlines_fire_by_themselves)
{
    desk_setting("queue.offer_s", 1);
    desk_setting("queue.max_misses", 2);
    struct desk_person customer = desk_customer(&desk, "c1"), agent = desk_agent(&desk, "a1", 1);
    struct sup_id chat = desk_chat(&customer);
    desk_available(&agent);
    open_queue();
    struct sup_id offer = wait_event(0, SUP_QUEUE_OFFERED, 10)->offer;
    const struct sup_queue_event *e = wait_event(1, SUP_QUEUE_MISSED, 5);
    ck_assert(sup_id_equal(e->offer, offer));
    ck_assert(sup_id_equal(e->staff, agent.id));
    ck_assert(sup_id_equal(e->chat, chat));
    ck_assert(!e->paused);
    (void)wait_event(2, SUP_QUEUE_OFFERED, 5);
    e = wait_event(3, SUP_QUEUE_MISSED, 5);
    ck_assert(e->paused);
    db_run_for(desk.loop, 1500);
    ck_assert_int_eq(event_count, 4); /* away: not asked */
}
END_TEST

START_TEST(waiting_too_long_escalates)
{
    desk_setting("queue.timeout_s", 1);
    desk_setting("queue.step_s", 1);
    struct desk_person customer = desk_customer(&desk, "c1");
    struct sup_id chat = desk_chat(&customer);
    open_queue();
    for (int step = 1; step <= 3; step++) {
        const struct sup_queue_event *e = wait_event(step - 1, SUP_QUEUE_ESCALATED, 5);
        ck_assert_int_eq(e->step, step);
        ck_assert(sup_id_equal(e->chat, chat));
    }
    db_run_for(desk.loop, 1300);
    ck_assert_int_eq(event_count, 3);
}
END_TEST

START_TEST(work_of_who_does_not_come_back_is_offered_again)
{
    desk_setting("queue.grace_s", 1);
    struct desk_person customer = desk_customer(&desk, "c1"), agent = desk_agent(&desk, "a1", 1);
    struct sup_id chat = desk_chat(&customer);
    desk_available(&agent);
    open_queue();
    struct sup_id offer = wait_event(0, SUP_QUEUE_OFFERED, 10)->offer;
    answer(&agent, "accept", offer);
    ck_assert(accepted(&agent, offer)); /* a repeat */
    (void)desk_sql("select support.lease_remove('system:monitor', '%s', %lld)",
                   sup_id_text(sup_bus_process(desk.bus)).s, (long long)desk.leases);
    sup_queue_kick(queue);
    const struct sup_queue_event *e = wait_event(1, SUP_QUEUE_REQUEUED, 6);
    ck_assert(sup_id_equal(e->chat, chat));
    ck_assert(sup_id_equal(e->staff, agent.id));
    ck_assert(!accepted(&agent, offer)); /* a late repeat does not take it back */
}
END_TEST

START_TEST(kicks_during_a_round_are_one_more_round)
{
    open_queue();
    DESK_UNTIL(&desk, 20, sup_pg_pool_pending(desk.pool) == 0);
    double before = rounds();
    for (int i = 0; i < 500; i++)
        sup_queue_kick(queue);
    DESK_UNTIL(&desk, 20, rounds() - before >= 2 && sup_pg_pool_pending(desk.pool) == 0);
    db_run_for(desk.loop, 200);
    /* The first kick's, and one for all the others; a lease of the tests before may end amid them.
     */
    ck_assert(rounds() - before <= 4);
}
END_TEST

START_TEST(a_stopped_router_offers_nothing)
{
    struct desk_person customer = desk_customer(&desk, "c1"), agent = desk_agent(&desk, "a1", 1);
    open_queue();
    db_run_for(desk.loop, 200);
    sup_queue_stop(queue);
    (void)desk_chat(&customer);
    desk_available(&agent);
    sup_queue_kick(queue);
    db_run_for(desk.loop, 500);
    ck_assert_int_eq(event_count, 0);
    ck_assert_int_eq(db_admin_do("select count(*) from support.offers"), 0);
}
END_TEST

START_TEST(stopped_within_a_round_nothing_is_offered)
{
    struct desk_person customer = desk_customer(&desk, "c1"), agent = desk_agent(&desk, "a1", 1);
    (void)desk_chat(&customer);
    desk_available(&agent);
    open_queue(); /* its first round is under way */
    sup_queue_stop(queue);
    db_run_for(desk.loop, 500);
    ck_assert_int_eq(event_count, 0);
    ck_assert_int_eq(db_admin_do("select count(*) from support.offers"), 0);
}
END_TEST

SUP_CHECK_MAIN("queue", setup, teardown, who_becomes_available_is_offered_the_oldest,
               capacity_counts_weights, who_declines_is_not_asked_again,
               deadlines_fire_by_themselves, waiting_too_long_escalates,
               work_of_who_does_not_come_back_is_offered_again,
               kicks_during_a_round_are_one_more_round, a_stopped_router_offers_nothing,
               stopped_within_a_round_nothing_is_offered)
