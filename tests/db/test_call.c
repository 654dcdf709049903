/* call/call against the real database and real legs: libnice, OpenSSL and libsrtp2 on loopback. */
#include "call_desk.h"

START_TEST(a_call_from_waiting_to_its_end)
{
    uint16_t out = 1, back = 1000;
    start_call();
    dial(caller, &customer, false);
    ck_assert_uint_eq(sup_call_count(call), 1);
    ck_assert_uint_gt(hears_in(caller, 400), 10); /* hold music, 50 packets a second */
    ring();
    dial(callee, &agent, true);
    ck_assert(gauge("supportd_call_legs") == 2);
    ck_assert_uint_eq(hears_in(callee, 300), 0);      /* silence until the answer */
    ck_assert_uint_eq(talk(caller, callee, &out), 0); /* and what was said before is dropped */
    accept_offer();
    sup_call_answered(call, call_id, agent.id);
    ck_assert_uint_ge(talk(caller, callee, &out), 9);
    ck_assert_uint_ge(talk(callee, caller, &back), 9);
    size_t music = caller->count;
    run_for(200);
    ck_assert_uint_le(caller->count - music, 1); /* no music to a joined leg */

    ck_assert_str_eq(sup_call_leg_name(call, call_id, SUP_CALL_CUSTOMER), "connected");
    ck_assert_str_eq(sup_call_leg_name(call, sup_id_new(), SUP_CALL_CUSTOMER), "none");
    struct sup_id mine[2];
    ck_assert_uint_eq(sup_call_of_user(call, agent.id, mine, 2), 1);
    ck_assert(sup_id_equal(mine[0], call_id));
    int before = changed;
    ck_assert_int_eq(sup_call_mute(call, agent.id, call_id, true), SUP_OK);
    ck_assert(sup_call_is_muted(call, call_id, SUP_CALL_AGENT));
    ck_assert(!sup_call_is_muted(call, call_id, SUP_CALL_CUSTOMER));
    ck_assert_int_eq(changed, before + 1);
    run_for(1200);
    ck_assert(heard_both);
    ck_assert_int_ge(qualities, 1);
    ck_assert_int_ge(advices, 1);
    int advised = advices, shown = qualities;
    CALL_UNTIL(qualities >= shown + 3);
    ck_assert_int_le(advices, advised + 1); /* the same is not told each second */

    ck_assert(state_is("active"));
    (void)desk_sql("select support.call_transition('%s', '%s', 'active', 'ended', 'hangup', null,"
                   " null)",
                   agent.actor, sup_id_text(call_id).s);
    sup_call_ended(call, call_id);
    sup_call_ended(call, call_id); /* twice is once */
    CALL_UNTIL(sup_call_count(call) == 0);
    ck_assert(gauge("supportd_call_legs") == 0);
    run_for(300);
    ck_assert_int_eq(desk_sql("select count(*) from support.voice_calls where"
                              " quality->'customer'->'in'->>'packets' is not null and"
                              " quality->'agent'->'out'->>'packets' is not null"),
                     1);
    ck_assert_int_ge(db_admin_do("select count(*) from support.call_quality_samples"), 4);
}
END_TEST

START_TEST(what_a_browser_reports_is_kept_beside_ours)
{
    struct sup_call_stats stats = {.received = 100,
                                   .lost = 1,
                                   .samples = 96000,
                                   .concealed = 960,
                                   .buffer_ms = 4000,
                                   .buffered = 96000,
                                   .rtt_us = 9000,
                                   .discarded = SUP_CALL_UNKNOWN,
                                   .silent_concealed = SUP_CALL_UNKNOWN,
                                   .sent = SUP_CALL_UNKNOWN,
                                   .jitter_us = SUP_CALL_UNKNOWN,
                                   .level_dbov = SUP_CALL_UNKNOWN,
                                   .mic_dbov = -127,
                                   .path = "relay"};
    start_call();
    ck_assert_int_eq(sup_call_take_stats(call, customer.id, call_id, &stats), SUP_E_NOTFOUND);
    dial(caller, &customer, false);
    ck_assert_int_eq(sup_call_take_stats(call, agent.id, call_id, &stats), SUP_E_NOTFOUND);
    ck_assert_int_eq(sup_call_take_stats(call, customer.id, call_id, &stats), SUP_OK);
    ck_assert_int_eq(sup_call_take_stats(call, customer.id, call_id, &stats), SUP_E_LIMIT);
    run_for(250);
    stats.received = 150;
    stats.lost = -1;
    stats.samples = 144000;
    stats.concealed = 3360;
    stats.buffer_ms = 7000;
    stats.buffered = 144000;
    ck_assert_int_eq(sup_call_take_stats(call, customer.id, call_id, &stats), SUP_OK);
    CALL_UNTIL(reported.at_us);
    ck_assert_int_eq(reported.received, 50);
    ck_assert_int_eq(reported.lost, -2);
    ck_assert_int_eq(reported.concealed, 2400);
    ck_assert_int_eq(reported.discarded, SUP_CALL_UNKNOWN);
    ck_assert_int_ge(reported.interval_ms, 200);
    run_for(250);
    stats.received = 3; /* another connection: nothing to compare with */
    stats.lost = 0;
    ck_assert_int_eq(sup_call_take_stats(call, customer.id, call_id, &stats), SUP_OK);
    sup_call_ended(call, call_id);
    CALL_UNTIL(sup_call_count(call) == 0);
    run_for(300);
    ck_assert_int_eq(
        db_admin_do("select count(*) from support.call_client_stats where leg = 'customer' and"
                    " received = 50 and lost = -2 and discarded is null and samples = 48000 and"
                    " concealed = 2400 and silent_concealed is null and sent is null and"
                    " jitter_us is null and buffer_us = 62 and rtt_us = 9000 and level_db is null"
                    " and mic_db = -127 and path = 'relay'"),
        1);
    ck_assert_int_eq(db_admin_do("select count(*) from support.call_client_stats"), 1);
    ck_assert_int_eq(desk_sql("select count(*) from support.voice_calls where"
                              " quality->'customer'->'client'->>'concealed_pct' = '5.0'"),
                     1);
}
END_TEST

START_TEST(a_place_is_spoken_when_it_has_got_better)
{
    char dir[] = "/tmp/supportd-prompts-XXXXXX";
    prompts = make_prompts(dir);
    open_calls(prompts, 600000);
    start_call();
    sup_call_expect(call, call_id, chat_id, customer.id, "en");
    sup_call_position(call, call_id, 3, "en"); /* no leg yet */
    dial(caller, &customer, false);
    CALL_UNTIL(prompts_played() == 1); /* as soon as it can be heard */
    sup_call_position(call, call_id, 3, "en");
    sup_call_position(call, call_id, 4, "en");
    sup_call_position(call, call_id, 2, "en"); /* better, but so soon */
    ck_assert(prompts_played() == 1);
    sup_call_position(call, call_id, 1, "en");
    uint64_t begun_us = sup_clock_mono_us();
    CALL_UNTIL(prompts_played() == 2);
    ck_assert_uint_ge(sup_clock_mono_us() - begun_us, 300000);
    sup_call_position(call, call_id, 2, "en"); /* worse: what was said stays */
    run_for(800);
    ck_assert(prompts_played() == 2);               /* nothing more to tell */
    sup_call_position(call, sup_id_new(), 1, "en"); /* of a call that is not here */
}
END_TEST

START_TEST(a_call_that_waits_again_hears_music)
{
    uint16_t seq = 1;
    start_call();
    dial(caller, &customer, false);
    ring();
    dial(callee, &agent, true);
    accept_offer();
    sup_call_answered(call, call_id, agent.id);
    ck_assert_uint_ge(talk(caller, callee, &seq), 9);
    sup_call_waits(call, call_id);
    ck_assert(gauge("supportd_call_legs") == 1);
    ck_assert_uint_gt(hears_in(caller, 400), 10);
    ck_assert_uint_eq(sup_call_count(call), 1);
    ck_assert_int_eq(sup_call_mute(call, agent.id, call_id, true), SUP_E_NOTFOUND);
}
END_TEST

/* Its news were lost: whoever has no part any more must not go on listening. */
START_TEST(a_part_that_ended_unheard_ends_with_the_next_check)
{
    struct desk_person chief = desk_agent(&desk, "chief", 4);
    struct sup_id found;
    (void)desk_sql("select support.staff_set_role('system:admin', '%s', 'supervisor', null)",
                   sup_id_text(chief.id).s);
    start_call();
    dial(caller, &customer, false);
    ring();
    dial(callee, &agent, true);
    accept_offer();
    sup_call_answered(call, call_id, agent.id);
    (void)desk_sql("select support.call_supervise('%s', '%s', '%s', 'listen', null)", chief.actor,
                   sup_id_text(call_id).s, sup_id_text(sup_id_new()).s);
    sup_call_check_all(call);
    CALL_UNTIL(sup_call_parties(call, call_id, &found, 1) == 1);
    ck_assert(sup_id_equal(found, chief.id));
    (void)desk_sql("select support.staff_deactivate('system:admin', '%s', null)",
                   sup_id_text(chief.id).s);
    sup_call_check_all(call);
    CALL_UNTIL(sup_call_parties(call, call_id, &found, 1) == 0);
    (void)desk_sql("select support.staff_deactivate('system:admin', '%s', null)",
                   sup_id_text(agent.id).s);
    sup_call_check_all(call);
    CALL_UNTIL(gauge("supportd_call_legs") == 1); /* the agent's went, the caller waits */
}
END_TEST

START_TEST(what_the_database_could_not_say_is_asked_again)
{
    static const char *const functions[] = {"call_state(text, uuid)",
                                            "call_parties_live(text, uuid)"};
    struct desk_person chief = desk_agent(&desk, "chief", 4);
    struct sup_id found;
    uint16_t out = 1;
    char sql[160];
    (void)desk_sql("select support.staff_set_role('system:admin', '%s', 'supervisor', null)",
                   sup_id_text(chief.id).s);
    start_call();
    dial(caller, &customer, false);
    ring();
    dial(callee, &agent, true);
    accept_offer();
    sup_call_answered(call, call_id, agent.id);
    (void)desk_sql("select support.call_supervise('%s', '%s', '%s', 'listen', null)", chief.actor,
                   sup_id_text(call_id).s, sup_id_text(sup_id_new()).s);
    sup_call_held(call, call_id, true); /* the row says otherwise */
    for (int on = 0; on <= 1; on++) {
        for (int f = 0; f < 2; f++) {
            (void)snprintf(sql, sizeof(sql), "%s execute on function support.%s %s supportd_app",
                           on ? "grant" : "revoke", functions[f], on ? "to" : "from");
            (void)db_admin_do(sql);
        }
        if (!on) {
            sup_call_check_all(call);
            db_run_for(desk.loop, 300);
            ck_assert_uint_eq(sup_call_parties(call, call_id, &found, 1), 0);
        }
    }
    CALL_UNTIL(sup_call_parties(call, call_id, &found, 1) == 1);
    CALL_UNTIL(talk(caller, callee, &out) >= 9); /* not on hold any more */
}
END_TEST

/* The agent's leg is on its way while the answer is. */
START_TEST(an_answer_during_the_offer_is_not_lost)
{
    uint16_t seq = 1;
    start_call();
    dial(caller, &customer, false);
    ring();
    (void)db_admin_do("create or replace function public.slowly() returns trigger language plpgsql"
                      " as $$ begin perform pg_sleep(0.3); return new; end $$;"
                      "create trigger slowly before insert on support.webrtc_signaling"
                      " for each row execute function public.slowly()");
    browser_open(callee, PROFILES, 109, 0);
    const char *sdp = browser_offer(callee);
    memset(&answered, 0, sizeof(answered));
    ck_assert_int_eq(sup_call_offer(call, agent.actor, agent.id, true, call_id, sdp, strlen(sdp),
                                    on_answer, &answered),
                     SUP_OK);
    run_for(100);
    accept_offer();
    sup_call_answered(call, call_id, agent.id);
    CALL_UNTIL(answered.calls == 1);
    ck_assert_int_eq(answered.err, SUP_OK);
    browser_take_answer(callee, answered.sdp);
    CALL_UNTIL(callee->srtp != NULL);
    ck_assert_uint_ge(talk(caller, callee, &seq), 9);
}
END_TEST

/* It rang at the first, who connected; then it went to the second, who answers without a leg. */
START_TEST(only_who_answered_hears_the_caller)
{
    uint16_t seq = 1;
    struct desk_person second = desk_agent(&desk, "brian", 4);
    start_call();
    dial(caller, &customer, false);
    ring();
    dial(callee, &agent, true);
    (void)desk_sql("select support.presence_set('%s', 'away', null, null)", agent.actor);
    agent = second;
    ring();
    accept_offer();
    sup_call_answered(call, call_id, second.id);
    ck_assert_uint_eq(talk(caller, callee, &seq), 0);
    ck_assert(gauge("supportd_call_legs") == 1);
}
END_TEST

START_TEST(a_new_page_takes_over_the_leg)
{
    start_call();
    dial(caller, &customer, false);
    browser_close(caller);
    dial(caller, &customer, false); /* another certificate: another leg */
    ck_assert_uint_gt(hears_in(caller, 400), 10);
    ck_assert(gauge("supportd_call_legs") == 1);
    ck_assert_uint_eq(sup_call_count(call), 1);
}
END_TEST

START_TEST(totals_are_of_all_legs_that_a_party_had)
{
    uint16_t seq = 1;
    start_call();
    for (int page = 0; page < 3; page++) {
        browser_close(caller);
        dial(caller, &customer, false);
        for (int i = 0; i < 60; i++, seq++, run_for(20)) /* more than a second */
            browser_send_rtp(caller, seq, seq * 960u, (const uint8_t *)"x", 1);
    }
    sup_call_ended(call, call_id);
    CALL_UNTIL(sup_call_count(call) == 0);
    run_for(300);
    ck_assert_int_eq(db_admin_do("select (quality->'customer'->'in'->>'packets')::int * 1000 +"
                                 " (select sum(packets) from support.call_quality_samples where"
                                 " direction = 'in') from support.voice_calls"),
                     180180);
}
END_TEST

START_TEST(who_is_no_party_gets_no_leg)
{
    struct desk_person stranger = desk_customer(&desk, "juma");
    struct desk_person colleague = desk_agent(&desk, "brian", 4);
    start_call();
    browser_open(caller, PROFILES, 111, 1);
    const char *sdp = browser_offer(caller);
    ck_assert_int_eq(offer_as(&stranger, false, sdp), SUP_E_NOTFOUND);
    ck_assert_str_eq(answered.code, "call_not_found");
    ck_assert_int_ne(offer_as(&colleague, true, sdp), SUP_OK); /* it does not ring there */
    ck_assert_int_ne(offer_as(&customer, false, "v=0\r\n"), SUP_OK);
    ck_assert_str_eq(answered.code, "sdp_refused");
    ck_assert_int_eq(sup_call_candidate(call, stranger.id, call_id, "", 0), SUP_E_NOTFOUND);
    ck_assert_int_eq(sup_call_candidate(call, customer.id, sup_id_new(), "", 0), SUP_E_NOTFOUND);
    ck_assert(gauge("supportd_call_legs") == 0);
    ring();
    accept_offer();
    ck_assert_int_ne(offer_as(&colleague, true, sdp), SUP_OK);
}
END_TEST

/* --- sup_call_end() --- */

static struct ended {
    int calls, changed_then;
    sup_err err;
    char code[32];
} ended;

static void on_end(const struct sup_call_end_result *result, void *arg)
{
    ck_assert_ptr_eq(arg, &ended);
    ended.calls++;
    ended.err = result->err;
    ended.changed_then = changed;
    (void)snprintf(ended.code, sizeof(ended.code), "%s", result->code);
}

static sup_err end_as(const char *actor)
{
    memset(&ended, 0, sizeof(ended));
    ck_assert_int_eq(sup_call_end(call, actor, call_id, "hangup", NULL, on_end, &ended), SUP_OK);
    ck_assert_int_eq(ended.calls, 0);
    CALL_UNTIL(ended.calls == 1);
    return ended.err;
}

static void expect_ended(const char *actor)
{
    changed = 0;
    ck_assert_int_eq(end_as(actor), SUP_OK);
    ck_assert_int_eq(ended.changed_then, 1); /* told before the answer */
    ck_assert(sup_id_equal(last_changed.customer, customer.id));
    ck_assert(state_is("ended"));
    ck_assert_int_eq(end_as(actor), SUP_OK); /* a repeat is no error */
    ck_assert(state_is("ended"));
    ck_assert_int_eq(desk_sql("select count(*) from support.support_activity_logs where action ="
                              " 'call.transition' and outcome = 'done' and detail->>'to' ="
                              " 'ended' and subject_ref = '%s'",
                              sup_id_text(call_id).s),
                     1);
    CALL_UNTIL(sup_call_count(call) == 0);
    ck_assert_int_eq(db_admin_do("select count(*) from support.check_invariants()"), 0);
}

START_TEST(it_ends_from_every_state)
{
    start_call();
    dial(caller, &customer, false);
    expect_ended(customer.actor); /* queued */
    browser_close(caller);

    start_call();
    ring();
    expect_ended(customer.actor);                         /* ringing */
    ck_assert(sup_id_equal(last_changed.user, agent.id)); /* whose offer was taken back */

    start_call();
    ring();
    ck_assert_int_ne(end_as(agent.actor), SUP_OK); /* an agent declines instead */
    ck_assert(state_is("ringing"));
    accept_offer();
    expect_ended(agent.actor); /* active */
    (void)db_admin_do("update support.staff_presence set wrap_until = null");

    start_call();
    ring();
    accept_offer();
    (void)desk_sql("select support.call_transition('%s', '%s', 'active', 'held', null, null,"
                   " null)",
                   agent.actor, sup_id_text(call_id).s);
    expect_ended("system:media"); /* held */
}
END_TEST

START_TEST(who_is_no_party_cannot_end_it)
{
    struct desk_person stranger = desk_customer(&desk, "juma");
    start_call();
    ck_assert_int_eq(end_as(stranger.actor), SUP_E_NOTFOUND);
    ck_assert_str_eq(ended.code, "call_not_found");
    ck_assert(state_is("queued"));
}
END_TEST

START_TEST(a_hang_up_by_the_browser_ends_the_call)
{
    start_call();
    dial(caller, &customer, false);
    ring();
    accept_offer();
    sup_call_answered(call, call_id, agent.id);
    dial(callee, &agent, true);
    SSL_shutdown(caller->dtls.ssl);
    CALL_UNTIL(sup_call_count(call) == 0);
    ck_assert(state_is("ended"));
}
END_TEST

static long long entries_away(void)
{
    return db_admin_do("select count(*) from support.call_queue where away_until is not null and"
                       " closed_at is null");
}

START_TEST(a_caller_whose_leg_is_gone_keeps_the_place)
{
    start_call();
    dial(caller, &customer, false);
    run_for(200);
    ck_assert_int_eq(entries_away(), 0);
    SSL_shutdown(caller->dtls.ssl);
    CALL_UNTIL(entries_away() == 1);
    CALL_UNTIL(places == 1);
    run_for(1500); /* longer than the grace period of a call that was answered */
    ck_assert(state_is("queued"));
    browser_close(caller);
    dial(caller, &customer, false);
    CALL_UNTIL(entries_away() == 0);
    CALL_UNTIL(places == 2);
    ck_assert_uint_gt(hears_in(caller, 400), 10);
    ck_assert_uint_eq(sup_call_count(call), 1);
}
END_TEST

START_TEST(a_kept_place_becomes_a_grace_period_by_the_answer)
{
    start_call();
    dial(caller, &customer, false);
    ring();
    SSL_shutdown(caller->dtls.ssl);
    CALL_UNTIL(entries_away() == 1);
    accept_offer();
    sup_call_answered(call, call_id, agent.id);
    CALL_UNTIL(sup_call_count(call) == 0);
    ck_assert_int_eq(db_admin_do("select count(*) from support.voice_calls where end_reason ="
                                 " 'media_lost'"),
                     1);
    run_for(300); /* the agent's leg has not come either */
}
END_TEST

/* --- hold --- */

static sup_err hold_as(const char *actor, bool on)
{
    memset(&ended, 0, sizeof(ended));
    ck_assert_int_eq(sup_call_hold(call, actor, call_id, on, NULL, on_end, &ended), SUP_OK);
    ck_assert_int_eq(ended.calls, 0);
    CALL_UNTIL(ended.calls == 1);
    return ended.err;
}

START_TEST(on_hold_the_customer_hears_music_and_the_agent_nothing)
{
    uint16_t out = 1, back = 1000;
    start_call();
    dial(caller, &customer, false);
    ring();
    ck_assert_int_eq(hold_as(agent.actor, true), SUP_E_STATE);
    ck_assert_str_eq(ended.code, "not_allowed_now");
    dial(callee, &agent, true);
    CALL_UNTIL(answerable == 1);
    accept_offer();
    sup_call_answered(call, call_id, agent.id);
    ck_assert_uint_ge(talk(caller, callee, &out), 9);
    ck_assert_int_eq(hold_as(agent.actor, true), SUP_OK);
    ck_assert_int_eq(ended.changed_then, changed);
    int told = changed;
    ck_assert_int_eq(hold_as(agent.actor, true), SUP_OK); /* a repeat is told to nobody */
    ck_assert_int_eq(changed, told);
    ck_assert(state_is("held"));
    run_for(100);
    ck_assert_uint_eq(talk(caller, callee, &out), 0);
    ck_assert_uint_eq(talk(callee, caller, &back), 0);
    ck_assert_uint_gt(hears_in(caller, 400), 10);
    ck_assert_uint_eq(hears_in(callee, 300), 0);
    ck_assert_int_eq(hold_as(customer.actor, false), SUP_E_STATE);
    ck_assert_int_eq(hold_as(agent.actor, false), SUP_OK);
    ck_assert_uint_ge(talk(caller, callee, &out), 9);
    ck_assert_uint_ge(talk(callee, caller, &back), 9);
    ck_assert_int_eq(desk_sql("select count(*) from support.voice_calls where hold_ms > 500"), 1);
    (void)desk_sql("select support.call_transition('%s', '%s', 'active', 'held', null, null, null)",
                   agent.actor, sup_id_text(call_id).s);
    sup_call_check(call, call_id); /* held by way of another process */
    run_for(200);
    ck_assert_uint_eq(talk(caller, callee, &out), 0);
    ck_assert_int_eq(end_as(customer.actor), SUP_OK);
    ck_assert_int_eq(hold_as(agent.actor, true), SUP_E_STATE);
    ck_assert_str_eq(ended.code, "call_ended");
}
END_TEST

/* --- callback --- */

START_TEST(a_callback_needs_no_leg_until_it_is_answered)
{
    uint16_t seq = 1;
    start_call();
    dial(caller, &customer, false);
    (void)desk_sql("select support.call_callback('%s', '%s', null)", customer.actor,
                   sup_id_text(call_id).s);
    sup_call_check(call, call_id);
    CALL_UNTIL(sup_call_count(call) == 0);
    run_for(300);
    ck_assert(state_is("queued"));
    ck_assert_int_eq(entries_away(), 0);
    browser_close(caller);
    browser_open(caller, PROFILES, 111, 1);
    ck_assert_int_eq(offer_as(&customer, false, browser_offer(caller)), SUP_E_STATE);
    ck_assert_str_eq(answered.code, "not_allowed_now");
    browser_close(caller);

    ring();
    (void)desk_sql("select support.offer_accept('%s', (select id from support.offers where state ="
                   " 'pending'), null, '%s')",
                   agent.actor, sup_id_text(sup_bus_process(desk.bus)).s);
    ck_assert(state_is("calling"));
    sup_call_calling(call, call_id, chat_id, customer.id, agent.id);
    ck_assert_uint_eq(sup_call_count(call), 1);
    dial(callee, &agent, true);
    ck_assert_uint_eq(hears_in(callee, 300), 0);
    (void)desk_sql("select support.callback_answer('%s', '%s', true, null)", customer.actor,
                   sup_id_text(call_id).s);
    sup_call_check(call, call_id);
    dial(caller, &customer, false);
    CALL_UNTIL(talk(caller, callee, &seq) >= 9);
    ck_assert(state_is("active"));
}
END_TEST

START_TEST(who_waits_leaves_with_the_place_kept)
{
    start_call();
    dial(caller, &customer, false);
    sup_call_leave_waiting(call);
    CALL_UNTIL(sup_call_count(call) == 0);
    CALL_UNTIL(entries_away() == 1);
    ck_assert(state_is("queued"));
    run_for(300);
}
END_TEST

START_TEST(more_calls_than_allowed_are_refused)
{
    struct browser *phone = caller;
    browser_open(phone, PROFILES, 111, 1);
    char sdp[8192];
    (void)snprintf(sdp, sizeof(sdp), "%s", browser_offer(phone));
    for (int i = 0; i < 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "c%d", i);
        customer = desk_customer(&desk, name);
        start_call();
        ck_assert_int_eq(offer_as(&customer, false, sdp), i < 2 ? SUP_OK : SUP_E_LIMIT);
    }
    ck_assert_uint_eq(sup_call_count(call), 2);
}
END_TEST

SUP_CHECK_MAIN("call", setup, teardown, a_call_from_waiting_to_its_end,
               what_a_browser_reports_is_kept_beside_ours, a_place_is_spoken_when_it_has_got_better,
               a_call_that_waits_again_hears_music,
               a_part_that_ended_unheard_ends_with_the_next_check,
               what_the_database_could_not_say_is_asked_again,
               an_answer_during_the_offer_is_not_lost, only_who_answered_hears_the_caller,
               a_new_page_takes_over_the_leg, totals_are_of_all_legs_that_a_party_had,
               who_is_no_party_gets_no_leg, it_ends_from_every_state, who_is_no_party_cannot_end_it,
               a_hang_up_by_the_browser_ends_the_call, more_calls_than_allowed_are_refused,
               a_caller_whose_leg_is_gone_keeps_the_place,
               a_kept_place_becomes_a_grace_period_by_the_answer,
               on_hold_the_customer_hears_music_and_the_agent_nothing,
               a_callback_needs_no_leg_until_it_is_answered, who_waits_leaves_with_the_place_kept)
