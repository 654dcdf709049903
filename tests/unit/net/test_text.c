#include "supportd/net/text.h"

#include <stdio.h>
#include <string.h>

#include "support/check_main.h"

static sup_err parse(struct sup_query *q, const char *text)
{
    *q = (struct sup_query){.count = 0};
    return sup_query_parse(q, text, strlen(text));
}

START_TEST(queries_are_decoded)
{
    struct sup_query q;
    ck_assert_int_eq(parse(&q, "a=1&b=x%20y+z&&c&d=%3D%26&e=a=b&f=%E2%82%ac&"), SUP_OK);
    ck_assert_uint_eq(q.count, 6);
    ck_assert_str_eq(sup_query_get(&q, "a"), "1");
    ck_assert_str_eq(sup_query_get(&q, "b"), "x y z");
    ck_assert_str_eq(sup_query_get(&q, "c"), "");
    ck_assert_str_eq(sup_query_get(&q, "d"), "=&");
    ck_assert_str_eq(sup_query_get(&q, "e"), "a=b");
    ck_assert_str_eq(sup_query_get(&q, "f"), "\xe2\x82\xac");
    ck_assert_ptr_null(sup_query_get(&q, "g"));
    sup_query_fini(&q);
    ck_assert_int_eq(parse(&q, ""), SUP_OK);
    sup_query_fini(&q);
}
END_TEST

START_TEST(bad_queries_are_refused)
{
    static const struct {
        const char *text;
        sup_err err;
    } cases[] = {
        {"a=%", SUP_E_MALFORMED},         {"a=%4", SUP_E_MALFORMED},
        {"a=%4g", SUP_E_MALFORMED},       {"a=%00", SUP_E_MALFORMED},
        {"a=%0a", SUP_E_MALFORMED},       {"a=%7f", SUP_E_MALFORMED},
        {"a=%ff", SUP_E_MALFORMED},       {"a=%c0%80", SUP_E_MALFORMED},
        {"=1", SUP_E_MALFORMED},          {"a b=1", SUP_E_MALFORMED},
        {"a%26=1", SUP_E_MALFORMED},      {"a=1&a=2", SUP_E_MALFORMED},
        {"a=%ed%a0%80", SUP_E_MALFORMED},
    };
    struct sup_query q;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_msg(parse(&q, cases[i].text) == cases[i].err, "%s", cases[i].text);
        sup_query_fini(&q);
    }
}
END_TEST

START_TEST(queries_have_limits)
{
    char text[4096] = "";
    struct sup_query q;
    for (int i = 0; i <= SUP_QUERY_MAX_FIELDS; i++)
        (void)snprintf(text + strlen(text), 32, "k%d=%d&", i, i);
    ck_assert_int_eq(parse(&q, text), SUP_E_LIMIT);
    ck_assert_uint_eq(q.count, SUP_QUERY_MAX_FIELDS);
    sup_query_fini(&q);
    memset(text, 'n', SUP_QUERY_MAX_NAME + 1);
    text[SUP_QUERY_MAX_NAME + 1] = 0;
    ck_assert_int_eq(parse(&q, text), SUP_E_LIMIT);
    text[SUP_QUERY_MAX_NAME] = 0;
    ck_assert_int_eq(parse(&q, text), SUP_OK);
    sup_query_fini(&q);
    (void)strcpy(text, "v=");
    memset(text + 2, 'v', SUP_QUERY_MAX_VALUE + 1);
    text[SUP_QUERY_MAX_VALUE + 3] = 0;
    ck_assert_int_eq(parse(&q, text), SUP_E_LIMIT);
    text[SUP_QUERY_MAX_VALUE + 2] = 0;
    ck_assert_int_eq(parse(&q, text), SUP_OK);
    sup_query_fini(&q);
    for (size_t n = 1; n < 20; n++) {
        sup_mem_fail_at(n);
        sup_err err = parse(&q, "a=1&b=2");
        sup_mem_fail_at(0);
        sup_query_fini(&q);
        ck_assert_int_eq(err, n <= 5 ? SUP_E_NOMEM : SUP_OK);
    }
}
END_TEST

START_TEST(utf8_is_checked)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\xc2\x80",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xe2\x82",
                                      "\xe2\x82\x41",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert_msg(sup_utf8_valid(good[i], strlen(good[i])), "good %zu", i);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert_msg(!sup_utf8_valid(bad[i], strlen(bad[i])), "bad %zu", i);
    ck_assert(sup_utf8_valid("a\0b", 3));
}
END_TEST

static const char *cookie(const char *header, const char *name, sup_err want)
{
    static char value[64];
    const char *p = "";
    size_t len = 0;
    ck_assert_msg(sup_cookie_find(header, strlen(header), name, &p, &len) == want, "%s", header);
    (void)snprintf(value, sizeof(value), "%.*s", (int)len, p);
    return value;
}

START_TEST(cookies_are_found)
{
    ck_assert_str_eq(cookie("a=1; sid=x; b=2", "sid", SUP_OK), "x");
    ck_assert_str_eq(cookie("sid=x", "sid", SUP_OK), "x");
    ck_assert_str_eq(cookie("a=sid=no;sid=\"quoted\"", "sid", SUP_OK), "quoted");
    ck_assert_str_eq(cookie("sid=first; sid=second", "sid", SUP_OK), "first");
    ck_assert_str_eq(cookie("sid=", "sid", SUP_OK), "");
    ck_assert_str_eq(cookie("sid=a=b", "sid", SUP_OK), "a=b");
    (void)cookie("", "sid", SUP_E_NOTFOUND);
    (void)cookie("xsid=1; sidx=2; Sid=3; sid", "sid", SUP_E_NOTFOUND);
    (void)cookie("sid=a b", "sid", SUP_E_MALFORMED);
    (void)cookie("sid=a\"b", "sid", SUP_E_MALFORMED);
    (void)cookie("sid=\xc3\xa9", "sid", SUP_E_MALFORMED);
    (void)cookie("sid=\"", "sid", SUP_E_MALFORMED);
}
END_TEST

START_TEST(media_types_codings_and_tags)
{
    ck_assert(sup_media_type_is("application/json", "application/json"));
    ck_assert(sup_media_type_is("Application/JSON ; charset=utf-8", "application/json"));
    ck_assert(!sup_media_type_is("application/jsonx", "application/json"));
    ck_assert(!sup_media_type_is("", "application/json"));
    ck_assert(sup_encoding_accepted("gzip, deflate, br", "br"));
    ck_assert(sup_encoding_accepted("GZIP;q=0.5", "gzip"));
    ck_assert(sup_encoding_accepted("*", "br"));
    ck_assert(!sup_encoding_accepted("br;q=0", "br"));
    ck_assert(!sup_encoding_accepted("*, br;q=0.000", "br"));
    ck_assert(!sup_encoding_accepted("*;q=0", "br"));
    ck_assert(!sup_encoding_accepted("", "br"));
    ck_assert(!sup_encoding_accepted("brotli", "br"));
    ck_assert(sup_etag_matches("\"a\", W/\"b\"", "\"b\""));
    ck_assert(sup_etag_matches("*", "\"b\""));
    ck_assert(!sup_etag_matches("\"ab\"", "\"b\""));
    ck_assert(!sup_etag_matches("", "\"b\""));
}
END_TEST

static bool trusts_ten(const char *ip, void *arg)
{
    ck_assert_ptr_eq(arg, NULL);
    return strncmp(ip, "10.", 3) == 0;
}

START_TEST(addresses_are_read_and_resolved)
{
    static const char *const cases[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {" 192.0.2.1:443 ", "192.0.2.1"},
        {"2001:DB8:0::1", "2001:db8::1"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"", NULL},
        {"unknown", NULL},
        {"192.0.2.256", NULL},
        {"[2001:db8::1", NULL},
        {"[2001:db8::1]x", NULL},
        {"192.0.2.1:443:1", NULL},
        {"_hidden", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sup_peer_text peer;
        sup_err err = sup_peer_parse(cases[i][0], strlen(cases[i][0]), &peer);
        ck_assert_msg(err == (cases[i][1] ? SUP_OK : SUP_E_MALFORMED), "%s", cases[i][0]);
        if (cases[i][1])
            ck_assert_str_eq(peer.s, cases[i][1]);
    }
    static const char *const chains[][3] = {
        {"192.0.2.1", "203.0.113.9", "192.0.2.1"}, /* not a proxy: not believed */
        {"10.0.0.1", NULL, "10.0.0.1"},
        {"10.0.0.1", "", "10.0.0.1"},
        {"10.0.0.1", "203.0.113.9", "203.0.113.9"},
        {"10.0.0.1", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"},
        {"10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
        {"10.0.0.1", "203.0.113.9, garbage", "10.0.0.1"},
        {"10.0.0.1", ",,", "10.0.0.1"},
    };
    for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
        ck_assert_str_eq(sup_peer_resolve(chains[i][0], chains[i][1], trusts_ten, NULL).s,
                         chains[i][2]);
    ck_assert_str_eq(sup_peer_resolve("10.0.0.1", "203.0.113.9", NULL, NULL).s, "10.0.0.1");
}
END_TEST

START_TEST(paths_have_one_name)
{
    static const char *const cases[][2] = {
        {"/", "/"},
        {"/a", "/a"},
        {"/a/", "/a/"},
        {"//a///b", "/a/b"},
        {"/a/./b/.", "/a/b/"},
        {"/a/../b", "/b"},
        {"/a/b/..", "/a/"},
        {"/../../etc", "/etc"},
        {"/..", "/"},
        {"/a/..b/.c/...", "/a/..b/.c/..."},
        {"/aa/bb/../../../c//", "/c/"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char path[64];
        size_t len = strlen(cases[i][0]);
        memcpy(path, cases[i][0], len);
        len = sup_path_clean(path, len);
        ck_assert_msg(len == strlen(cases[i][1]) && memcmp(path, cases[i][1], len) == 0, "%s: %.*s",
                      cases[i][0], (int)len, path);
    }
}
END_TEST

START_TEST(lists_have_members)
{
    ck_assert(sup_list_has("keep-alive, Upgrade", "upgrade"));
    ck_assert(sup_list_has("CLOSE", "close"));
    ck_assert(sup_list_has(" ,close\t, x", "close"));
    ck_assert(!sup_list_has("closed, not close", "close"));
    ck_assert(!sup_list_has("", "close"));
}
END_TEST

SUP_CHECK_MAIN("net text", NULL, NULL, queries_are_decoded, bad_queries_are_refused,
               queries_have_limits, utf8_is_checked, cookies_are_found,
               media_types_codings_and_tags, addresses_are_read_and_resolved, paths_have_one_name,
               lists_have_members)
