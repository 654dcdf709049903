/* chat/chat against the real database: what is stored, who is told, and when. */
#include "desk.h"
#include "supportd/chat/chat.h"
#include "supportd/mask/mask.h"

enum { HEARD = 64 };

static struct desk desk;
static struct sup_mask *mask;
static struct sup_chat *chat;
static struct desk_person customer, other;
static struct sup_id chat_id;

static struct heard {
    struct sup_chat_news news;
    char body[128];
} heard[HEARD];
static int heard_count;

static struct said {
    int calls;
    sup_err err;
    char result[16], code[32], id[40], body[128];
    json_int_t seq, note_seq;
    bool repeated;
    long long rows_then; /* stored messages that others see while the answer is given */
    int heard_then;
} said;

static struct sup_listener listener;

static void on_news(struct sup_listener *unused, void *data)
{
    (void)unused;
    const struct sup_chat_news *news = data;
    ck_assert_int_lt(heard_count, HEARD);
    struct heard *h = &heard[heard_count++];
    h->news = *news;
    h->news.message = NULL;
    h->body[0] = '\0';
    if (news->message)
        (void)snprintf(h->body, sizeof(h->body), "%s",
                       json_string_value(json_object_get(news->message, "body")));
}

static void copy_of(const json_t *message, const char *key, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s", json_string_value(json_object_get(message, key)));
}

static void on_said(const struct sup_chat_said *answer, void *arg)
{
    ck_assert_ptr_eq(arg, &said);
    said.calls++;
    said.err = answer->err;
    said.repeated = answer->repeated;
    (void)snprintf(said.result, sizeof(said.result), "%s", answer->result);
    (void)snprintf(said.code, sizeof(said.code), "%s", answer->code);
    said.heard_then = heard_count;
    if (!answer->message)
        return;
    copy_of(answer->message, "id", said.id, sizeof(said.id));
    copy_of(answer->message, "body", said.body, sizeof(said.body));
    said.seq = json_integer_value(json_object_get(answer->message, "seq"));
    said.note_seq = json_integer_value(json_object_get(answer->message, "note_seq"));
    said.rows_then =
        desk_sql("select count(*) from support.chat_messages where id = '%s'", said.id);
}

static void setup(void)
{
    desk_open(&desk);
    ck_assert_int_eq(sup_mask_create(NULL, &mask, NULL), SUP_OK);
    struct sup_chat_opts opts = {.loop = desk.loop,
                                 .pool = desk.pool,
                                 .bus = desk.bus,
                                 .mask = mask,
                                 .metrics = desk.metrics};
    ck_assert_int_eq(sup_chat_create(&opts, &chat), SUP_OK);
    heard_count = 0;
    listener = (struct sup_listener){.notify = on_news};
    sup_signal_add(sup_chat_news_signal(chat), &listener);
    customer = desk_customer(&desk, "wanja");
    other = desk_customer(&desk, "juma");
    chat_id = desk_chat(&customer);
}

static void teardown(void)
{
    sup_listener_remove(&listener);
    desk_close_pool(&desk);
    sup_chat_destroy(chat);
    sup_mask_destroy(mask);
    desk_close(&desk);
}

static struct sup_chat_say say_of(const struct desk_person *who, const char *body)
{
    return (struct sup_chat_say){
        .actor = who->actor,
        .sender = who->id,
        .sender_kind = strncmp(who->actor, "staff", 5) == 0 ? "staff" : "customer",
        .sender_name = "Somebody",
        .chat = chat_id,
        .client_id = sup_id_new(),
        .body = body,
        .len = strlen(body),
        .request = "test",
    };
}

/* Says it and waits for the answer. */
static void say(const struct sup_chat_say *what)
{
    memset(&said, 0, sizeof(said));
    ck_assert_int_eq(sup_chat_say(chat, what, on_said, &said), SUP_OK);
    ck_assert_int_eq(said.calls, 0); /* never before the call returns */
    DESK_UNTIL(&desk, 10, said.calls > 0);
}

static long long stored_like(const char *pattern)
{
    return desk_sql("select count(*) from support.chat_messages where body like '%s'", pattern);
}

START_TEST(what_is_stored_is_masked)
{
    struct sup_chat_say what = say_of(&customer, "my card is 4111 1111 1111 1111, ok?");
    say(&what);
    ck_assert_str_eq(said.result, "ok");
    ck_assert_str_eq(said.body, "my card is **** **** **** 1111, ok?");
    ck_assert_int_eq(stored_like("my card is **** **** **** 1111, ok?"), 1);
    ck_assert_int_eq(stored_like("%4111%"), 0);
    ck_assert_int_eq(desk_sql("select count(*) from support.chat_messages where categories ="
                              " array['card']"),
                     1);
    ck_assert_int_eq(desk_sql("select count(*) from support.support_activity_logs where"
                              " action = 'message.post' and detail::text like '%%4111%%'"),
                     0);
    ck_assert_int_eq(heard_count, 1);
    ck_assert_str_eq(heard[0].body, said.body);
    ck_assert(sup_id_equal(heard[0].news.customer, customer.id));
}
END_TEST

/* The commit takes 300 ms: an answer before it would find no row. */
START_TEST(the_answer_comes_after_the_commit)
{
    (void)db_admin_do(
        "create or replace function public.slow_commit() returns trigger language plpgsql as"
        " $$ begin perform pg_sleep(0.3); return null; end $$;"
        "create constraint trigger slow after insert on support.chat_messages"
        " deferrable initially deferred for each row execute function public.slow_commit()");
    struct sup_chat_say what = say_of(&customer, "is it there?");
    uint64_t start = sup_clock_mono_us();
    say(&what);
    ck_assert_uint_ge(sup_clock_mono_us() - start, 300000);
    ck_assert_str_eq(said.result, "ok");
    ck_assert_int_eq(said.rows_then, 1);
    ck_assert_int_eq(said.heard_then, 0); /* the sender first, then everybody */
    ck_assert_int_eq(heard_count, 1);
}
END_TEST

START_TEST(a_commit_that_fails_is_neither_acknowledged_nor_told)
{
    (void)db_admin_do(
        "create or replace function public.no_commit() returns trigger language plpgsql as"
        " $$ begin raise exception 'no'; end $$;"
        "create constraint trigger slow after insert on support.chat_messages"
        " deferrable initially deferred for each row execute function public.no_commit()");
    struct sup_chat_say what = say_of(&customer, "never stored");
    say(&what);
    ck_assert_int_eq(said.err, SUP_E_DB);
    ck_assert_str_eq(said.result, "");
    ck_assert_int_eq(heard_count, 0);
    ck_assert_int_eq(stored_like("%"), 0);
}
END_TEST

START_TEST(a_repeat_gives_the_first_answer)
{
    struct sup_chat_say what = say_of(&customer, "once");
    say(&what);
    struct said first = said;
    ck_assert(!first.repeated);
    what.body = "twice";
    what.len = 5;
    say(&what);
    ck_assert_str_eq(said.result, "ok");
    ck_assert(said.repeated);
    ck_assert_str_eq(said.id, first.id);
    ck_assert_str_eq(said.body, "once");
    ck_assert_int_eq(said.seq, first.seq);
    ck_assert_int_eq(stored_like("%"), 1);
    ck_assert_int_eq(heard_count, 1);
    what = say_of(&customer, "next"); /* no number was used up */
    say(&what);
    ck_assert_int_eq(said.seq, first.seq + 1);
}
END_TEST

START_TEST(news_come_once_and_in_order)
{
    memset(&said, 0, sizeof(said));
    for (int i = 0; i < 40; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "message %c", 'a' + i % 26);
        struct sup_chat_say what = say_of(&customer, text);
        ck_assert_int_eq(sup_chat_say(chat, &what, on_said, &said), SUP_OK);
    }
    DESK_UNTIL(&desk, 20, said.calls == 40);
    db_run_for(desk.loop, 50); /* nothing comes a second time by the bus */
    ck_assert_int_eq(heard_count, 40);
    for (int i = 0; i < 40; i++)
        ck_assert_int_eq(heard[i].news.seq, i + 1);
}
END_TEST

START_TEST(a_split_number_is_masked_in_both_parts)
{
    struct sup_chat_say first = say_of(&customer, "my card is 4111 1111");
    say(&first);
    ck_assert_str_eq(said.body, "my card is 4111 1111");
    char first_id[40];
    (void)snprintf(first_id, sizeof(first_id), "%s", said.id);
    struct sup_chat_say second = say_of(&customer, "1111 1111 that is all");
    say(&second);
    ck_assert_str_eq(said.result, "ok");
    ck_assert_str_eq(said.body, "**** 1111 that is all");
    ck_assert_int_eq(desk_sql("select count(*) from support.chat_messages where id = '%s' and"
                              " body = 'my card is **** ****' and remask_rev > 0 and"
                              " 'card' = any (categories)",
                              first_id),
                     1);
    /* In place before the second part is there: the trail has them in this order. */
    ck_assert_int_eq(
        desk_sql("select count(*) from support.support_activity_logs r,"
                 " support.support_activity_logs p where r.action = 'message.remask' and"
                 " p.action = 'message.post' and (p.detail->>'seq')::int = 2 and r.id < p.id"),
        1);
    ck_assert_int_eq(heard_count, 2);
    ck_assert(heard[1].news.remasked);
    ck_assert_int_gt(heard[1].news.rev, heard[0].news.rev);
    ck_assert_int_eq(heard[1].news.seq, 2);

    say(&second); /* a repeat masks nothing twice, and says the same */
    ck_assert(said.repeated);
    ck_assert_str_eq(said.body, "**** 1111 that is all");
    ck_assert_int_eq(stored_like("%"), 2);
}
END_TEST

START_TEST(what_cannot_be_masked_later_is_not_completed)
{
    struct sup_chat_say first = say_of(&customer, "my card is 4111 1111");
    say(&first);
    (void)desk_sql("revoke update (body) on support.chat_messages from supportd_app");
    struct sup_chat_say second = say_of(&customer, "1111 1111 that is all");
    say(&second);
    ck_assert_int_eq(said.err, SUP_E_DB);
    ck_assert_int_eq(stored_like("%"), 1);
    ck_assert_int_eq(heard_count, 1);
    (void)desk_sql("grant update (body) on support.chat_messages to supportd_app");
    say(&second); /* sent again, it is known for the same */
    ck_assert_str_eq(said.result, "ok");
    ck_assert(!said.repeated);
    ck_assert_int_eq(said.seq, 2);
    ck_assert_str_eq(said.body, "**** 1111 that is all");
    ck_assert_int_eq(stored_like("%4111%"), 0);
    ck_assert_int_eq(stored_like("%"), 2);
}
END_TEST

START_TEST(notes_count_apart)
{
    struct desk_person agent = desk_agent(&desk, "amina", 4);
    (void)desk_sql("select support.queue_pick('%s', (select id from support.chat_queue), null)",
                   agent.actor);
    struct sup_chat_say what = say_of(&agent, "pin 1234 was given by telephone");
    what.note = true;
    say(&what);
    ck_assert_str_eq(said.result, "ok");
    ck_assert_int_eq(said.note_seq, 1);
    ck_assert_int_eq(said.seq, 0);
    ck_assert_ptr_null(strstr(said.body, "1234"));
    ck_assert_int_eq(heard[0].news.note_seq, 1);
    ck_assert_int_eq(heard[0].news.seq, 0);
    ck_assert(sup_id_equal(heard[0].news.staff, agent.id));
    what = say_of(&agent, "hello");
    say(&what);
    ck_assert_int_eq(said.seq, 2); /* the first says who took the chat */
}
END_TEST

START_TEST(refusals_store_nothing)
{
    struct sup_chat_say what = say_of(&customer, "\xff\xfe");
    ck_assert_int_eq(sup_chat_say(chat, &what, on_said, &said), SUP_E_MALFORMED);
    what = say_of(&other, "let me in"); /* another customer's chat */
    say(&what);
    ck_assert_int_eq(said.err, SUP_E_DB);
    ck_assert_str_eq(said.code, "chat_not_found");
    what = say_of(&customer, "a note of mine");
    what.note = true;
    say(&what);
    ck_assert_str_eq(said.code, "denied");
    (void)desk_sql("select support.chat_close('%s', '%s', 'customer', null)", customer.actor,
                   sup_id_text(chat_id).s);
    what = say_of(&customer, "too late");
    say(&what);
    ck_assert_int_eq(said.err, SUP_OK);
    ck_assert_str_eq(said.result, "closed");
    ck_assert_int_eq(heard_count, 0);
    ck_assert_int_eq(stored_like("%"), 1);
    ck_assert_int_eq(stored_like("closed"), 1);
}
END_TEST

START_TEST(what_others_changed_is_found_by_its_counters)
{
    struct sup_chat_say what = say_of(&customer, "one");
    say(&what);
    struct sup_chat_counters known = {.chat = chat_id, .seq = 1, .rev = 1000};
    sup_chat_check(chat, &known, 1);
    db_run_for(desk.loop, 300);
    ck_assert_int_eq(heard_count, 1); /* nothing new */
    known.seq = 0;
    sup_chat_check(chat, &known, 1);
    DESK_UNTIL(&desk, 10, heard_count == 2);
    ck_assert_int_eq(heard[1].news.seq, 1);
    ck_assert(sup_id_equal(heard[1].news.chat, chat_id));
}
END_TEST

SUP_CHECK_MAIN("chat", setup, teardown, what_is_stored_is_masked, the_answer_comes_after_the_commit,
               a_commit_that_fails_is_neither_acknowledged_nor_told,
               a_repeat_gives_the_first_answer, news_come_once_and_in_order,
               a_split_number_is_masked_in_both_parts, what_cannot_be_masked_later_is_not_completed,
               notes_count_apart, refusals_store_nothing,
               what_others_changed_is_found_by_its_counters)
