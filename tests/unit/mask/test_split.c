#include <string.h>

#include "support/check_main.h"
#include "supportd/mask/split.h"

static struct sup_mask *mask;
static struct sup_mask_split *split;
static struct sup_mask_split_result r;
static uint64_t now_us;

static void setup(void)
{
    now_us = 1000000;
    memset(&r, 0, sizeof(r));
    ck_assert_int_eq(sup_mask_create(NULL, &mask, NULL), SUP_OK);
    ck_assert_int_eq(sup_mask_split_create(mask, NULL, &split), SUP_OK);
}

static void teardown(void)
{
    sup_mask_split_result_fini(&r);
    sup_mask_split_destroy(split);
    sup_mask_destroy(mask);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

static struct sup_id id(uint8_t n)
{
    return (struct sup_id){{n}};
}

static void feed_as(uint8_t sender, uint8_t message, const char *text)
{
    struct sup_mask_split_key key = {id(1), id(sender)};
    ck_assert_int_eq(sup_mask_split_feed(split, &key, id(message), text, strlen(text), now_us, &r),
                     SUP_OK);
}

/* One message a second of one sender; returns how many earlier ones are masked again. */
static uint32_t feed(uint8_t message, const char *text)
{
    feed_as(9, message, text);
    now_us += 1000000;
    return r.earlier_count;
}

static void forget(void)
{
    struct sup_mask_split_key key = {id(1), id(9)};
    sup_mask_split_forget(split, &key);
    ck_assert_uint_eq(sup_mask_split_count(split), 0);
}

START_TEST(two_halves_join)
{
    ck_assert_uint_eq(feed(1, "my card is 4111 1111"), 0);
    ck_assert_str_eq(r.text.data, "my card is 4111 1111");
    ck_assert_uint_eq(feed(2, "and then 1111-1111 ok"), 1);
    ck_assert_str_eq(r.text.data, "and then ****-1111 ok");
    ck_assert(sup_id_equal(r.earlier[0].message, id(1)));
    ck_assert_str_eq(r.earlier[0].text.data, "my card is **** ****");
    ck_assert_uint_eq(r.report.categories, SUP_MASK_BIT(SUP_MASK_CARD));
    ck_assert_uint_eq(r.report.count, 1);
    ck_assert_uint_eq(r.report.spans[0].offset, 9);
    ck_assert_uint_eq(r.report.spans[0].len, 9);
}
END_TEST

START_TEST(four_parts_join)
{
    ck_assert_uint_eq(feed(1, "5555"), 0);
    ck_assert_uint_eq(feed(2, "5555"), 0);
    ck_assert_uint_eq(feed(3, "wait a moment"), 0);
    ck_assert_uint_eq(feed(4, "5555"), 0);
    ck_assert_uint_eq(feed(5, "4444"), 3);
    ck_assert_str_eq(r.text.data, "4444");
    for (uint8_t i = 0; i < 3; i++)
        ck_assert_str_eq(r.earlier[i].text.data, "****");
    ck_assert(sup_id_equal(r.earlier[2].message, id(4)));
}
END_TEST

START_TEST(kept_digits_may_lie_in_two_parts)
{
    ck_assert_uint_eq(feed(1, "41111111111111"), 0);
    ck_assert_uint_eq(feed(2, "\uff11\u200b\uff11, pin 4821"), 1);
    ck_assert_str_eq(r.earlier[0].text.data, "************11");
    ck_assert_str_eq(r.text.data, "\uff11\u200b\uff11, pin ****");
    ck_assert_uint_eq(r.report.count, 2);
    forget();
    ck_assert_uint_eq(feed(3, "4111 1111"), 0);
    ck_assert_uint_eq(feed(4, "\uff11\uff11\uff11\uff11 1111, pin 4821"), 1);
    ck_assert_str_eq(r.text.data, "**** 1111, pin ****");
    ck_assert_uint_eq(r.report.span_count, 2);
    ck_assert_uint_eq(r.report.spans[0].offset, 0);
    ck_assert_uint_eq(r.report.spans[0].len, 9);
    ck_assert_mem_eq(r.text.data + r.report.spans[1].offset, "****", 5);
}
END_TEST

START_TEST(number_inside_the_runs_joins)
{
    ck_assert_uint_eq(feed(1, "25 4111 1111"), 0);
    ck_assert_uint_eq(feed(2, "1111 1111 12/25"), 1);
    ck_assert_str_eq(r.earlier[0].text.data, "25 **** ****");
    ck_assert_str_eq(r.text.data, "**** 1111 12/25");
}
END_TEST

/* Other numbers stand apart from the parts: the last run of the first counts, the first of the
 * last.
 */
START_TEST(number_beside_other_numbers_joins)
{
    ck_assert_uint_eq(feed(1, "I am 34 and my card is 4111 1111"), 0);
    ck_assert_uint_eq(feed(2, "1111 1111, it is good until 2027"), 1);
    ck_assert_str_eq(r.earlier[0].text.data, "I am 34 and my card is **** ****");
    ck_assert_str_eq(r.text.data, "**** 1111, it is good until 2027");
}
END_TEST

START_TEST(what_does_not_join)
{
    ck_assert_uint_eq(feed(1, "4111 1111"), 0);
    ck_assert_uint_eq(feed(2, "1111 1112"), 0); /* Luhn */
    forget();
    ck_assert_uint_eq(feed(3, "4111 1111"), 0);
    ck_assert_uint_eq(feed(4, "I have paid 500 at 10 am today"), 0);
    ck_assert_uint_eq(feed(5, "1111 1111"), 0);
    forget();
    ck_assert_uint_eq(feed(6, "4111 1111 is what I was told yesterday"), 0);
    ck_assert_uint_eq(feed(7, "1111 1111"), 0);
    forget();
    ck_assert_uint_eq(feed(8, "411111"), 0);
    ck_assert_uint_eq(feed(9, "0711111111"), 0);
    ck_assert_uint_eq(feed(10, "+411111111111"), 0);
    ck_assert_uint_eq(feed(11, "1111"), 0);
    forget();
    ck_assert_uint_eq(feed(12, "4111 1111 1111 1111"), 0);
    ck_assert_str_eq(r.text.data, "**** **** **** 1111");
    ck_assert_uint_eq(sup_mask_split_count(split), 0); /* what masking leaves is no part */
}
END_TEST

START_TEST(senders_and_time_separate)
{
    feed_as(9, 1, "4111 1111");
    feed_as(8, 2, "1111 1111");
    ck_assert_uint_eq(r.earlier_count, 0);
    ck_assert_uint_eq(sup_mask_split_count(split), 2);
    ck_assert_uint_eq(sup_mask_split_expire(split, now_us + 29999999), now_us + 30000000);
    now_us += 30000000;
    feed_as(9, 3, "1111 1111");
    ck_assert_uint_eq(r.earlier_count, 0);
    ck_assert_uint_eq(sup_mask_split_count(split), 1);
    ck_assert_uint_eq(sup_mask_split_expire(split, now_us + 30000000), UINT64_MAX);
    ck_assert_uint_eq(sup_mask_split_count(split), 0);
}
END_TEST

START_TEST(repeat_gives_the_same_answer)
{
    feed(1, "4111 1111");
    feed(1, "4111 1111"); /* sent again: one part, not two */
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(feed(2, "1111 1111"), 1);
        ck_assert_str_eq(r.earlier[0].text.data, "**** ****");
        ck_assert_str_eq(r.text.data, "**** 1111");
    }
    ck_assert_uint_eq(feed(3, "1111 1111"), 0); /* the number is over */
}
END_TEST

START_TEST(limits_hold)
{
    struct sup_mask_split_opts o = {.max_messages = 2, .max_senders = 1};
    sup_mask_split_destroy(split);
    split = NULL;
    ck_assert_int_eq(sup_mask_split_create(mask, &o, &split), SUP_OK);
    feed(1, "5555 55");
    feed(2, "5555");
    ck_assert_uint_eq(feed(3, "55 4444"), 0); /* three messages */
    feed_as(8, 4, "1");
    ck_assert_uint_eq(sup_mask_split_count(split), 1);
    char longer[SUP_MASK_SPLIT_MAX_BYTES + 2];
    memset(longer, '5', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    feed_as(8, 5, longer);
    ck_assert_uint_eq(sup_mask_split_count(split), 0);
    struct sup_mask_split *other = split;
    o = (struct sup_mask_split_opts){.max_messages = 9};
    ck_assert_int_eq(sup_mask_split_create(mask, &o, &other), SUP_E_INVAL);
    o = (struct sup_mask_split_opts){.window_us = 600000001};
    ck_assert_int_eq(sup_mask_split_create(mask, &o, &other), SUP_E_INVAL);
    struct sup_mask_split_key key = {id(1), id(9)};
    ck_assert_int_eq(sup_mask_split_feed(split, &key, id(1), "\xff", 1, now_us, &r),
                     SUP_E_MALFORMED);
    ck_assert_uint_eq(r.text.len, 0);
    sup_mask_split_set_mask(split, mask);
    ck_assert_ptr_eq(other, split);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct sup_mask_split *other = split;
    size_t n = 1;
    for (sup_err err = SUP_E_NOMEM; err; n++) {
        sup_mem_fail_at(n);
        err = sup_mask_split_create(mask, NULL, &other);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || (err == SUP_E_NOMEM && other == split));
    }
    sup_mask_split_destroy(other);
    struct sup_mask_split_key key = {id(1), id(9)};
    static const char *const texts[] = {"4111 1111", "1111", "1111"};
    for (uint8_t i = 0; i < 3; i++) {
        n = 1;
        for (sup_err err = SUP_E_NOMEM; err; n++) {
            sup_mem_fail_at(n);
            err = sup_mask_split_feed(split, &key, id(i), texts[i], strlen(texts[i]), now_us, &r);
            sup_mem_fail_at(0);
            ck_assert(err == SUP_OK ||
                      (err == SUP_E_NOMEM && r.text.len == 0 && r.earlier_count == 0));
        }
        ck_assert_uint_gt(n, 4);
    }
    ck_assert_uint_eq(r.earlier_count, 2);
    ck_assert_str_eq(r.earlier[0].text.data, "**** ****");
}
END_TEST

SUP_CHECK_MAIN("mask_split", setup, teardown, two_halves_join, four_parts_join,
               kept_digits_may_lie_in_two_parts, number_inside_the_runs_joins,
               number_beside_other_numbers_joins, what_does_not_join, senders_and_time_separate,
               repeat_gives_the_same_answer, limits_hold, every_allocation_may_fail)
