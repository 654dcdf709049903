#include <string.h>

#include "support/check_main.h"
#include "supportd/base/cidr.h"
#include "supportd/base/origin.h"

static bool in(const char *block, const char *ip)
{
    struct sup_cidr cidr;
    ck_assert_msg(sup_cidr_parse(block, &cidr) == SUP_OK, "%s", block);
    return sup_cidr_match(&cidr, 1, ip);
}

START_TEST(blocks_hold_what_they_say)
{
    ck_assert(in("10.0.0.0/8", "10.255.255.255"));
    ck_assert(!in("10.0.0.0/8", "11.0.0.0"));
    ck_assert(in("192.0.2.128/25", "192.0.2.129"));
    ck_assert(!in("192.0.2.128/25", "192.0.2.127"));
    ck_assert(in("192.0.2.1", "192.0.2.1"));
    ck_assert(!in("192.0.2.1", "192.0.2.2"));
    ck_assert(in("0.0.0.0/0", "255.1.2.3"));
    ck_assert(!in("0.0.0.0/0", "2001:db8::1"));
    ck_assert(in("2001:db8::/33", "2001:db8:7fff::1"));
    ck_assert(!in("2001:db8::/33", "2001:db8:8000::1"));
    ck_assert(in("::/0", "2001:db8::1"));
    ck_assert(in("10.0.0.0/8", "::ffff:10.1.2.3")); /* mapped is IPv4 */
    ck_assert(!in("::1/128", "::2"));
    ck_assert(!in("::/0", "not an address"));
    ck_assert(!sup_cidr_match(NULL, 0, "10.0.0.1"));
}
END_TEST

START_TEST(wrong_blocks_are_refused)
{
    static const char *const wrong[] = {
        "",           "10",          "10.0.0.0/",   "10.0.0.0/33",   "10.0.0.0/08",
        "10.0.0.1/8", "10.0.0.0/-1", "10.0.0.0/8 ", " 10.0.0.0/8",   "2001:db8::/129",
        "::1%lo",     "host/8",      "10.0.0.0/8/", "2001:db8::1/64"};
    struct sup_cidr cidr = {.bits = 7};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(sup_cidr_parse(wrong[i], &cidr) == SUP_E_MALFORMED, "%s", wrong[i]);
    ck_assert_uint_eq(cidr.bits, 7);
}
END_TEST

START_TEST(origins_have_one_form)
{
    static const char *const pairs[][2] = {
        {"https://www.bank.example", "https://www.bank.example"},
        {"HTTPS://WWW.Bank.Example:443", "https://www.bank.example"},
        {"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
        {"http://localhost:80", "http://localhost"},
        {"https://[2001:DB8:0::1]:8443", "https://[2001:db8::1]:8443"},
        {"http://bank.example:443", "http://bank.example:443"},
    };
    struct sup_origin origin;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        ck_assert_int_eq(sup_origin_parse(pairs[i][0], &origin), SUP_OK);
        ck_assert_str_eq(origin.s, pairs[i][1]);
    }
}
END_TEST

START_TEST(what_is_no_origin_is_refused)
{
    static const char *const wrong[] = {"",
                                        "null",
                                        "*",
                                        "https://",
                                        "https://*.bank.example",
                                        "https://bank.example/",
                                        "https://bank.example/x",
                                        "https://u@bank.example",
                                        "https://bank.example:0",
                                        "https://bank.example:65536",
                                        "https://bank.example:99999999999999999999",
                                        "https://bank.example:",
                                        "https://bank.example:8x",
                                        "ftp://bank.example",
                                        "bank.example",
                                        "https://bank .example",
                                        "https://[::1",
                                        "https://[bank]",
                                        "https://[]",
                                        "https://.bank.example",
                                        "https://bank.example\n"};
    struct sup_origin origin = {"kept"};
    char longest[400] = "https://";
    memset(longest + 8, 'a', 300);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(sup_origin_parse(wrong[i], &origin) == SUP_E_MALFORMED, "%s", wrong[i]);
    ck_assert_int_eq(sup_origin_parse(longest, &origin), SUP_E_MALFORMED);
    ck_assert_str_eq(origin.s, "kept");
}
END_TEST

START_TEST(the_own_origin_is_known_by_host_and_scheme)
{
    ck_assert(sup_origin_is_own("https://help.bank.example", "help.bank.example", true));
    ck_assert(sup_origin_is_own("https://help.bank.example", "HELP.bank.example:443", true));
    ck_assert(sup_origin_is_own("http://127.0.0.1:8080", "127.0.0.1:8080", false));
    ck_assert(!sup_origin_is_own("http://help.bank.example", "help.bank.example", true));
    ck_assert(!sup_origin_is_own("https://help.bank.example:8443", "help.bank.example", true));
    ck_assert(!sup_origin_is_own("https://evil.example", "help.bank.example", true));
    ck_assert(!sup_origin_is_own("null", "", true));
    ck_assert(!sup_origin_is_own("https://a", "a/b", true));
}
END_TEST

SUP_CHECK_MAIN("address", NULL, NULL, blocks_hold_what_they_say, wrong_blocks_are_refused,
               origins_have_one_form, what_is_no_origin_is_refused,
               the_own_origin_is_known_by_host_and_scheme)
