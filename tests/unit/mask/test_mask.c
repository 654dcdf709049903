#include <string.h>

#include "support/check_main.h"
#include "supportd/mask/mask.h"

static const struct sup_mask_format formats[] = {
    {SUP_MASK_ACCOUNT, "0###########?", false},
    {SUP_MASK_NATIONAL_ID, "####################", true},
    {SUP_MASK_NATIONAL_ID, "@#########@", false},
};
static const struct sup_mask_pattern patterns[] = {
    {"staff number", "\\bEMP-\\d{4}\\b", SUP_MASK_CUSTOM, 0, 0},
    {"voucher", "VCH\\d+", SUP_MASK_CARD, 0, 0},
};
static const struct sup_mask_word words[] = {
    {SUP_MASK_PIN, "Wallet Key"},
    {SUP_MASK_PASSWORD, "kiingilio"},
};
static const struct sup_mask_opts opts = {
    .formats = formats,
    .format_count = 3,
    .patterns = patterns,
    .pattern_count = 2,
    .words = words,
    .word_count = 2,
};

static struct sup_mask *mask;
static struct sup_buf out;

static void setup(void)
{
    ck_assert_int_eq(sup_mask_create(&opts, &mask, NULL), SUP_OK);
}

static void teardown(void)
{
    sup_buf_fini(&out);
    sup_mask_destroy(mask);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

struct row {
    const char *in, *want; /* want NULL: unchanged */
};

static void check_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sup_mask_report report;
        ck_assert_int_eq(sup_mask_apply(mask, rows[i].in, strlen(rows[i].in), &out, &report),
                         SUP_OK);
        const char *want = rows[i].want ? rows[i].want : rows[i].in;
        ck_assert_msg(strcmp(out.data, want) == 0, "\"%s\" gave \"%s\", not \"%s\"", rows[i].in,
                      out.data, want);
        ck_assert_int_eq(report.count > 0, rows[i].want != NULL);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))
#define CARD_1111 "**** **** **** 1111"

START_TEST(cards_in_every_dress)
{
    static const struct row rows[] = {
        {"my card is 4111 1111 1111 1111", "my card is " CARD_1111},
        {"4111111111111111", CARD_1111},
        {"4111-1111-1111-1111!", CARD_1111 "!"},
        {"4111.1111.1111.1111.", CARD_1111 "."},
        {"4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", CARD_1111},
        {"41 11 11 11 11 11 11 11", CARD_1111},
        {"411 11111 1111-111.1", CARD_1111},
        {"4111 - 1111 - 1111 -- 1111", CARD_1111},
        {"4111\u00a01111\u20091111\u20111111", CARD_1111},
        {"4111\n1111\n1111\n1111", CARD_1111},
        {"4111/1111/1111/1111", CARD_1111},
        {"4111,1111,1111,1111", CARD_1111},
        {"4111 \u200b1111\u200d 11\u00ad11 11\ufeff11", CARD_1111},
        {"\uff14\uff11\uff11\uff11 1111 1111 1111", CARD_1111},
        {"\u0664\u0661\u0661\u0661 \u0661\u0661\u0661\u0661 \u0661\u0661\u0661\u0661 "
         "\u0661\u0661\u0661\u0661",
         CARD_1111},
        {"\U0001d7d2\U0001d7cf\U0001d7cf\U0001d7cf11111111\u2460\u2460\u2460\u2460", CARD_1111},
        {"cardno4111111111111111ok", "cardno" CARD_1111 "ok"},
        {"amex 3782 822463 10005", "amex **** **** **** 0005"},
        {"5555555555554444 and 4111111111111111", "**** **** **** 4444 and " CARD_1111},
        {"1. 4111 1111 1111 1111 12/25", "1. " CARD_1111 " 12/25"},
        {"2223 0031 2200 3222", "**** **** **** 3222"},
        {"maestro 6759 6498 2643 8453", "maestro **** **** **** 8453"},
        {"30569309025904", "**** **** **** 5904"},
        {"visa13 4222222222222", "visa13 **** **** **** 2222"},
        {"four one one one one one one one one one one one one one one one", CARD_1111},
        {"nne moja moja moja moja moja moja moja moja moja moja moja moja moja moja moja",
         CARD_1111},
        {"(4111)(1111)(1111)(1111)", "(" CARD_1111 ")"},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(numbers_that_are_no_cards_stay)
{
    static const struct row rows[] = {
        {"4111 1111 1111 1112", NULL},
        {"call +255 712 345 678 or 0754 123 456 0655 123 4567", NULL},
        {"1700000000000 20240115123045 2024-01-15 12:30:45", NULL},
        {"550e8400-e29b-41d4-a716-446655440000", NULL},
        {"TZS 4,500,000,000,000", NULL},
        {"", NULL},
        {"Habari, nahitaji msaada", NULL},
        {"0000 0000 0000 0000", NULL},
        {"order 1234567890123456", NULL},
        {"**** **** **** 1111", NULL},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(longer_runs_are_searched)
{
    static const struct row rows[] = {
        {"4111111111111111123", CARD_1111 "****"},
        {"99994111111111111111 2", "9999" CARD_1111 " 2"},
        {"7777774111111111111111777777", "777777" CARD_1111 "777777"},
        {"4111 1111 1111 1111 5555 5555 5555 4444", CARD_1111 " **** **** **** 4444"},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(check_numbers_behind_cards)
{
    static const struct row rows[] = {
        {"4111 1111 1111 1111 12/25 123", CARD_1111 " 12/25 ****"},
        {"4111 1111 1111 1111 123", CARD_1111 " ****"},
        {"4111111111111111 exp 12/2025, 123", CARD_1111 " exp 12/2025, ****"},
        {"378282246310005 1234", "**** **** **** 0005 ****"},
        {"4111 1111 1111 1111 500 shilingi", CARD_1111 " 500 shilingi"},
        {"4111 1111 1111 1111 I paid 500", CARD_1111 " I paid 500"},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(ibans)
{
    static const struct row rows[] = {
        {"GB82 WEST 1234 5698 7654 32", "****5432"},
        {"iban:de89370400440532013000.", "iban:****3000."},
        {"FR14 2004 1010 0505 0001 3M02 606 thanks", "****2606 thanks"},
        {"GB82\u200bWEST-1234-5698-7654-32", "****5432"},
        {"\uff27\uff2282WEST12345698765432", "****5432"},
        {"NO93 8601 1117 947", "****7947"},
        {"GB82 WEST 1234 5698 7654 33", NULL},
        {"meet at 10 am tomorrow at the branch near the post office please", NULL},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(configured_formats)
{
    static const struct row rows[] = {
        {"my account is 0152345678901", "my account is ****8901"},
        {"akaunti 0152-345-678-901 imefungwa", "akaunti ****8901 imefungwa"},
        {"0152345678901 ni akaunti yangu", "****8901 ni akaunti yangu"},
        {"from a/c 0152345678901 to 0152345678902", "from a/c ****8901 to ****8902"},
        {"reference 0152345678901", NULL},
        {"account linked to phone 015234567890", NULL},
        {"19900101-12345-00001-23", "****"},
        {"NIDA 19900101123450000123", "NIDA ****"},
        {"ID A123456789B", "ID ****"},
        {"order A123456789B", NULL},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(pin_cvv_otp_in_context)
{
    static const struct row rows[] = {
        {"pin is 48 21", "pin is ****"},
        {"My PIN: 4821.", "My PIN: ****."},
        {"my pin for the ATM at Mlimani is 4821", "my pin for the ATM at Mlimani is ****"},
        {"pin yangu ni 4821", "pin yangu ni ****"},
        {"namba yangu ya siri ni 4-8-2-1", "namba yangu ya siri ni ****"},
        {"nambari ya siri ya kadi: \uff14\uff18\uff12\uff11", "nambari ya siri ya kadi: ****"},
        {"4821 is my pin", "**** is my pin"},
        {"4821 ndiyo namba yangu ya siri", "**** ndiyo namba yangu ya siri"},
        {"123 is my cvv, 4821 is my pin", "**** is my cvv, **** is my pin"},
        {"cvv2 123", "cvv2 ****"},
        {"CVV/CVC=123", "CVV/CVC=****"},
        {"security code 123", "security code ****"},
        {"the 3 digits at the back are 737", "the 3 digits at the back are ****"},
        {"namba tatu za nyuma ni 737", "namba tatu za nyuma ni ****"},
        {"cvv and pin are 123 and 4821", "cvv and pin are **** and ****"},
        {"OTP 482193", "OTP ****"},
        {"Did you get the OTP? 482193", "Did you get the OTP? ****"},
        {"o.t.p. is G-482193", "o.t.p. is ****"},
        {"one-time password: 482 193", "one-time password: ****"},
        {"msimbo wa uthibitisho ni 482193", "msimbo wa uthibitisho ni ****"},
        {"the code is 482193", "the code is ****"},
        {"p\u200bin 4821", "p\u200bin ****"},
        {"\u0440in 4821", "\u0440in ****"},
        {"pin4821", "pin****"},
        {"pin is four eight two one", "pin is ****"},
        {"pin ya kadi 4111111111111111 ni 4821", "pin ya kadi " CARD_1111 " ni ****"},
        {"change pin from 7635 to 3985", "change pin from **** to ****"},
        {"old PIN was 1234 and the new one is 4321", "old PIN was **** and the new one is ****"},
        {"7788? that is my pin", "****? that is my pin"},
        {"it sent me a code 783137", "it sent me a code ****"},
        {"wallet key 4821", "wallet key ****"},
        {"pin *4821*", "pin *****"
                       "*"},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(harmless_numbers_near_key_words_stay)
{
    static const struct row rows[] = {
        {"my PIN must have 4 digits", NULL},
        {"I forgot my pin, my balance is 5000", NULL},
        {"OTP sent to 0712345678", NULL},
        {"pin blocked since 2019", NULL},
        {"error code is 50012", NULL},
        {"I waited for the OTP 15 minutes", NULL},
        {"pin: ****", NULL},
        {"PIN inakataa mara 3", NULL},
        {"branch code: 01234", NULL},
        {"confirmation code SX6WCG38GW", NULL},
        {"I paid, the code is SDWWX07L9K", NULL},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(passwords_in_context)
{
    static const struct row rows[] = {
        {"my password is Hunter2!", "my password is ****"},
        {"password: sunshine", "password: ****"},
        {"password is \"correct horse battery\"", "password is \"****\""},
        {"nywila yangu ni Simba2024, asante", "nywila yangu ni ****, asante"},
        {"neno langu la siri ni mwanga", "neno langu la siri ni ****"},
        {"Hunter2 is my password", "**** is my password"},
        {"change my password to Tembo#77", "change my password to ****"},
        {"password Hunter2x", "password ****"},
        {"password=123456", "password=****"},
        {"password - K1b0ko$$", "password - ****"},
        {"my password (Safari-2) is rejected", "my password (****) is rejected"},
        {"{\"password\":\"Safari-2\"}", "{\"password\":\"****\"}"},
        {"kiingilio ni Tembo77", "kiingilio ni ****"},
        {"my password is not working", NULL},
        {"I want to reset my password please", NULL},
        {"what is my password?", NULL},
        {"password reset since 2019", NULL},
        {"nywila yangu ni sahihi lakini haifanyi kazi", NULL},
        {"my password is expired", NULL},
        {"forgot my password and username is juma99", NULL},
        {"password is 8 characters long", NULL},
        {"2 passwords for one app is silly", NULL},
        {"password: ****", NULL},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(custom_patterns)
{
    static const struct row rows[] = {
        {"I am EMP-1234.", "I am ****."},
        {"VCH4111111111111111 ok", "**** ok"},
        {"xEMP-1234", NULL},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(report_names_places)
{
    struct sup_mask_report r;
    const char *text = "\u00e9 4111111111111111, pin 4821";
    ck_assert_int_eq(sup_mask_apply(mask, text, strlen(text), &out, &r), SUP_OK);
    ck_assert_uint_eq(r.categories, SUP_MASK_BIT(SUP_MASK_CARD) | SUP_MASK_BIT(SUP_MASK_PIN));
    ck_assert_uint_eq(r.count, 2);
    ck_assert_uint_eq(r.span_count, 2);
    ck_assert_uint_eq(r.spans[0].offset, 3);
    ck_assert_uint_eq(r.spans[0].len, 19);
    ck_assert_int_eq(r.spans[1].category, SUP_MASK_PIN);
    ck_assert_mem_eq(out.data + r.spans[1].offset, "****", r.spans[1].len);
    enum sup_mask_category category;
    for (int i = 0; i < SUP_MASK_CATEGORIES; i++) {
        ck_assert_int_eq(
            sup_mask_category_parse(sup_mask_category_name((enum sup_mask_category)i), &category),
            SUP_OK);
        ck_assert_int_eq((int)category, i);
    }
    ck_assert_int_eq(sup_mask_category_parse("cards", &category), SUP_E_NOTFOUND);
    ck_assert_ptr_null(sup_mask_category_name(SUP_MASK_CATEGORIES));
}
END_TEST

static void check_refused(const char *text, size_t len, sup_err want)
{
    struct sup_mask_report r;
    ck_assert_int_eq(sup_mask_apply(mask, "clear before", 12, &out, &r), SUP_OK);
    ck_assert_int_eq(sup_mask_apply(mask, text, len, &out, &r), want);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_uint_eq(r.count, 0);
    for (size_t i = 0; i < out.cap; i++)
        ck_assert_int_eq(out.data[i], 0);
}

START_TEST(fails_closed)
{
    static const char *const bad[] = {
        "\xff",     "a\x80",           "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xe2\x82", "\xf0\x80\x80\x80"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_refused(bad[i], strlen(bad[i]), SUP_E_MALFORMED);
    static char longer[SUP_MASK_DEFAULT_MAX_BYTES + 1];
    memset(longer, 'a', sizeof(longer));
    check_refused(longer, sizeof(longer), SUP_E_LIMIT);
    memset(longer, '1', sizeof(longer));
    ck_assert_int_eq(sup_mask_apply(mask, longer, SUP_MASK_DEFAULT_MAX_BYTES, &out, NULL), SUP_OK);
    sup_buf_fini(&out);
    out.max_len = 20;
    ck_assert_int_eq(sup_mask_apply(mask, longer, 21, &out, NULL), SUP_E_LIMIT);
    ck_assert_uint_eq(out.len, 0);
    out.max_len = 0;
}
END_TEST

START_TEST(pattern_limits_fail_closed)
{
    const struct sup_mask_pattern slow = {"slow", "(a+)+b", SUP_MASK_CUSTOM, 1000, 100};
    struct sup_mask_opts o = {.patterns = &slow, .pattern_count = 1};
    struct sup_mask *other;
    ck_assert_int_eq(sup_mask_create(&o, &other, NULL), SUP_OK);
    const char *text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac";
    ck_assert_int_eq(sup_mask_apply(other, text, strlen(text), &out, NULL), SUP_OK); /* no "b" */
    text = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac b";
    ck_assert_int_eq(sup_mask_apply(other, text, strlen(text), &out, NULL), SUP_E_LIMIT);
    ck_assert_uint_eq(out.len, 0);
    sup_mask_destroy(other);
    const struct sup_mask_pattern many = {"many", "x*", SUP_MASK_CUSTOM, 0, 0};
    o.patterns = &many;
    ck_assert_int_eq(sup_mask_create(&o, &other, NULL), SUP_OK);
    ck_assert_int_eq(sup_mask_apply(other, "a\u00e9xxb", 6, &out, NULL), SUP_OK);
    ck_assert_str_eq(out.data, "a\u00e9****b");
    sup_mask_destroy(other);
}
END_TEST

START_TEST(wrong_configuration_is_named)
{
    static const struct sup_mask_format bad_formats[] = {
        {SUP_MASK_CARD, "######", false},
        {SUP_MASK_ACCOUNT, "#####", false},
        {SUP_MASK_ACCOUNT, "###?###", false},
        {SUP_MASK_ACCOUNT, "###x###", false},
        {SUP_MASK_ACCOUNT, NULL, false},
        {SUP_MASK_ACCOUNT, "@@@@@#", true},
        {SUP_MASK_ACCOUNT, "#########################################", false},
    };
    struct sup_mask *other = mask;
    for (size_t i = 0; i < sizeof(bad_formats) / sizeof(bad_formats[0]); i++) {
        struct sup_mask_problem problem = {""};
        const struct sup_mask_opts o = {.formats = &bad_formats[i], .format_count = 1};
        ck_assert_int_eq(sup_mask_create(&o, &other, &problem), SUP_E_INVAL);
        ck_assert_ptr_nonnull(strstr(problem.text, "format"));
    }
    static const struct sup_mask_pattern bad_pattern = {"open", "(abc", SUP_MASK_CUSTOM, 0, 0};
    static const struct sup_mask_word bad_words[] = {
        {SUP_MASK_PIN, "p1n"},
        {SUP_MASK_CARD, "card"},
        {SUP_MASK_PIN, ""},
        {SUP_MASK_PIN, NULL},
        {SUP_MASK_PIN, "a b c d e f g"},
        {SUP_MASK_PIN, "averyveryverylongwordindeed"},
    };
    struct sup_mask_problem problem = {""};
    const struct sup_mask_opts o = {.patterns = &bad_pattern, .pattern_count = 1};
    ck_assert_int_eq(sup_mask_create(&o, &other, &problem), SUP_E_INVAL);
    ck_assert_ptr_nonnull(strstr(problem.text, "\"open\": at 4"));
    for (size_t i = 0; i < sizeof(bad_words) / sizeof(bad_words[0]); i++) {
        const struct sup_mask_opts w = {.words = &bad_words[i], .word_count = 1};
        ck_assert_int_eq(sup_mask_create(&w, &other, NULL), SUP_E_INVAL);
    }
    const struct sup_mask_opts off = {.off = 1u << SUP_MASK_CATEGORIES};
    ck_assert_int_eq(sup_mask_create(&off, &other, NULL), SUP_E_INVAL);
    ck_assert_ptr_eq(other, mask);
}
END_TEST

START_TEST(categories_can_be_off)
{
    struct sup_mask_opts o = opts;
    o.off = SUP_MASK_BIT(SUP_MASK_CARD) | SUP_MASK_BIT(SUP_MASK_PIN);
    struct sup_mask *other;
    ck_assert_int_eq(sup_mask_create(&o, &other, NULL), SUP_OK);
    const char *text = "4111111111111111 pin 4821 cvv 123";
    ck_assert_int_eq(sup_mask_apply(other, text, strlen(text), &out, NULL), SUP_OK);
    ck_assert_str_eq(out.data, "4111111111111111 pin 4821 cvv ****");
    sup_mask_destroy(other);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct sup_mask *other = mask;
    size_t n = 1;
    for (sup_err err = SUP_E_NOMEM; err; n++) {
        sup_mem_fail_at(n);
        err = sup_mask_create(&opts, &other, NULL);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || err == SUP_E_NOMEM);
        ck_assert(err == SUP_OK || other == mask);
    }
    ck_assert_uint_gt(n, 10);
    sup_mask_destroy(other);
    const char *text = "card 4111111111111111 EMP-1234";
    n = 1;
    for (sup_err err = SUP_E_NOMEM; err; n++) {
        sup_buf_fini(&out);
        sup_mem_fail_at(n);
        err = sup_mask_apply(mask, text, strlen(text), &out, NULL);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || (err == SUP_E_NOMEM && out.len == 0));
    }
    ck_assert_uint_gt(n, 4);
    ck_assert_str_eq(out.data, "card **** **** **** 1111 ****");
}
END_TEST

SUP_CHECK_MAIN("mask", setup, teardown, cards_in_every_dress, numbers_that_are_no_cards_stay,
               longer_runs_are_searched, check_numbers_behind_cards, ibans, configured_formats,
               pin_cvv_otp_in_context, harmless_numbers_near_key_words_stay, passwords_in_context,
               custom_patterns, report_names_places, fails_closed, pattern_limits_fail_closed,
               wrong_configuration_is_named, categories_can_be_off, every_allocation_may_fail)
