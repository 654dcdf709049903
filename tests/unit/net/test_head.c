#include "supportd/net/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"
#include "supportd/base/mem.h"

static struct sup_head head;

/* In pieces of `piece` bytes. */
static enum sup_head_state feed(const char *text, size_t len, size_t piece)
{
    sup_head_init(&head);
    enum sup_head_state state = head.state;
    for (size_t at = 0; at < len; at += piece)
        state = sup_head_feed(&head, text + at, len - at < piece ? len - at : piece);
    return state;
}

#define H "Host: x\r\n"

START_TEST(right_heads_end_where_they_end)
{
    static const char *const heads[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET /a%20b?x=1&y=%C3%A9 HTTP/1.0\r\n" H "\r\n",
        "DELETE /x HTTP/1.2\r\n" H "X-Empty:\r\nX-A:\tb c\t\r\n\r\n",
        "POST /x HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\n",
        "GET http://x:8080/a%20b?x=1 HTTP/1.1\r\n" H "\r\n",
        "GET HTTPS://[::1]/ HTTP/1.1\r\n" H "\r\n",
        "\r\nGET / HTTP/1.1\r\n" H "\r\n",
        "\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n",
        "GET /ws HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n" H "\r\n",
        "OPTIONS /x HTTP/1.1\r\n" H "X: \xc3\xa9\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "%sbody\r\n\r\n", heads[i]);
        for (size_t piece = 1; piece < strlen(text); piece++) {
            ck_assert_msg(feed(text, strlen(text), piece) == SUP_HEAD_DONE, "%s: %s", heads[i],
                          head.detail);
            ck_assert_uint_eq(head.bytes, strlen(heads[i]));
            ck_assert_uint_eq(head.blank, strspn(heads[i], "\r\n"));
        }
        for (size_t len = 0; len < strlen(heads[i]); len++)
            ck_assert_int_eq(feed(text, len, 7), SUP_HEAD_MORE);
    }
}
END_TEST

START_TEST(wrong_heads_are_told_what_and_where)
{
    static const struct {
        const char *text;
        unsigned status;
        const char *code, *where;
    } cases[] = {
        {"\n", 400, "bad_request", "request line: it must begin with a method"},
        {"\rG", 400, "bad_request", "before the request line: LF must follow CR"},
        {"\r\n\r\r\n", 400, "bad_request", "before the request line: LF must follow CR"},
        {"\r\n\r\n\r\n\r\n\r\n", 400, "bad_request", "request line: at most 4 empty lines"},
        {"\r\n\r\nG\r\n", 400, "bad_request", "request line: it must begin with a method"},
        {" GET / HTTP/1.1\r\n", 400, "bad_request", "request line"},
        {"\x16\x03\x01", 400, "bad_request", "request line"},
        {"GET\t/ HTTP/1.1\r\n", 400, "bad_request", "request line"},
        {"GETGETGETGETGETGETGETGETG", 400, "bad_request", "request line"},
        {"GET  HTTP/1.1\r\n", 400, "bad_request", "request line: the path is missing"},
        {"GET / HTTP/1.1\n", 400, "bad_request", "request line: it must end with HTTP/1.1, CR"},
        {"GET /\r\n", 400, "bad_request", "request line: a path, a space"},
        {"GET x HTTP/1.1\r\n", 400, "bad_request", "request line: the path must begin with /"},
        {"GET * HTTP/1.1\r\n", 400, "bad_request", "request line: the path must begin"},
        {"GET ftp://x/ HTTP/1.1\r\n", 400, "bad_request", "request line: the path must begin"},
        {"GET http:/x HTTP/1.1\r\n", 400, "bad_request", "request line: the path must begin"},
        {"GET http:///x HTTP/1.1\r\n", 400, "bad_request", "is followed by a host"},
        {"GET http://x HTTP/1.1\r\n", 400, "bad_request", "is followed by a host"},
        {"GET http://u@x/ HTTP/1.1\r\n", 400, "bad_request", "is followed by a host"},
        {"GET https://x?y HTTP/1.1\r\n", 400, "bad_request", "is followed by a host"},
        {"GET http://x/%zz HTTP/1.1\r\n", 400, "bad_request", "request line: after %"},
        {"GET /\xc3\xa9", 400, "bad_request", "request line"},
        {"GET /%zz HTTP/1.1\r\n", 400, "bad_request", "request line: after %"},
        {"GET /%4 HTTP/1.1\r\n", 400, "bad_request", "request line: after %"},
        {"GET /?a=%00 HTTP/1.1\r\n", 400, "bad_request", "and never 00"},
        {"GET /?1&2&3&4&5&6&7&8&9&a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&", 414, "uri_too_long", "24"},
        {"GET / HTTP\r\n", 400, "bad_request", "request line: it must end with HTTP/1.1"},
        {"GET / XTTP/1.1\r\n", 400, "bad_request", "request line"},
        {"GET / HTTP/1.1 \r\n", 400, "bad_request", "request line"},
        {"GET / HTTP/9.9\r\n", 505, "version_not_supported", "HTTP/1.1"},
        {"PRI * HTTP/2.0\r\n", 505, "version_not_supported", "HTTP/1.1"},
        {"BREW /pot HTTP/1.1\r\n", 501, "method_unknown", "GET"},
        {"get / HTTP/1.1\r\n", 501, "method_unknown", "GET"},
        {"CONNECT x:443 HTTP/1.1\r\n", 501, "method_unknown", "GET"},
        {"GET / HTTP/1.1\rx", 400, "bad_request", "line 1: LF must follow CR"},
        {"GET / HTTP/1.1\r\n" H "no colon\r\n", 400, "bad_request", "header line 2: a name"},
        {"GET / HTTP/1.1\r\n" H "nocolon\r\n", 400, "bad_request", "header line 2: a name"},
        {"GET / HTTP/1.1\r\n" H "X : y\r\n", 400, "bad_request", "header line 2: a name"},
        {"GET / HTTP/1.1\r\n" H ": y\r\n", 400, "bad_request", "header line 2: a name must stand"},
        {"GET / HTTP/1.1\r\n" H " folded\r\n", 400, "bad_request", "header line 2: folded"},
        {"GET / HTTP/1.1\r\n" H "Host: y\r\n", 400, "bad_request", "header line 2: a second Host"},
        {"GET / HTTP/1.1\r\n" H "X: a\nY: b\r\n", 400, "bad_request", "header line 2: a value"},
        {"GET / HTTP/1.1\r\n" H "X: a\x01\r\n", 400, "bad_request", "header line 2: a value"},
        {"GET / HTTP/1.1\r\nX: a\r\rY", 400, "bad_request", "line 2: LF must follow CR"},
        {"GET / HTTP/1.1\r\n" H "\rx", 400, "bad_request", "LF must follow CR"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t piece = 1; piece < 40; piece += 3) {
            const char *text = cases[i].text;
            ck_assert_msg(feed(text, strlen(text), piece) == SUP_HEAD_REFUSED, "%s", text);
            ck_assert_msg(head.status == cases[i].status, "%s: %u", text, head.status);
            ck_assert_str_eq(head.code, cases[i].code);
            ck_assert_msg(strstr(head.detail, cases[i].where), "%s: %s", text, head.detail);
        }
    char nul[] = "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n";
    ck_assert_int_eq(feed(nul, sizeof(nul) - 1, 100), SUP_HEAD_REFUSED);
    ck_assert_uint_eq(head.status, 400);
}
END_TEST

START_TEST(heads_have_an_end)
{
    char *text = malloc(40000);
    ck_assert_ptr_nonnull(text);
    memset(text, 'a', 40000);
    memcpy(text, "GET /", 5);
    ck_assert_int_eq(feed(text, SUP_HEAD_MAX, 1000), SUP_HEAD_MORE);
    ck_assert_int_eq(feed(text, 40000, 1000), SUP_HEAD_REFUSED);
    ck_assert_uint_eq(head.status, 414);
    ck_assert_uint_eq(head.bytes, SUP_HEAD_MAX + 1);
    memcpy(text, "GET / HTTP/1.1\r\nX: ", 19);
    ck_assert_int_eq(feed(text, 40000, 1000), SUP_HEAD_REFUSED);
    ck_assert_uint_eq(head.status, 431);
    ck_assert_str_eq(head.code, "head_too_large");
    int n = sprintf(text, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < SUP_HEAD_LINES; i++)
        n += sprintf(text + n, "X-%d: a\r\n", i);
    memcpy(text + n, "\r\n", 3);
    ck_assert_int_eq(feed(text, (size_t)n + 2, 10), SUP_HEAD_DONE);
    memcpy(text + n, "A:\r\n\r\n", 7);
    ck_assert_int_eq(feed(text, (size_t)n + 6, 10), SUP_HEAD_REFUSED);
    ck_assert_uint_eq(head.status, 431);
    free(text);
    ck_assert_uint_eq(sup_mem_live(), 0);
}
END_TEST

START_TEST(values_are_not_kept)
{
    static const char text[] = "GET / HTTP/1.1\r\nAuthorization: Bearer s3cr3t\r\n\r\n";
    ck_assert_int_eq(feed(text, sizeof(text) - 1, 5), SUP_HEAD_DONE);
    ck_assert_ptr_null(memmem(&head, sizeof(head), "s3c", 3));
}
END_TEST

static bool is(struct sup_head_text text, const char *wanted)
{
    return text.len == strlen(wanted) && memcmp(text.p, wanted, text.len) == 0;
}

START_TEST(heads_come_apart)
{
    static const char text[] = "POST /a%20b?x=1 HTTP/1.1\r\n" H "X-Empty:\r\nX-Blank: \t \r\n"
                               "X-A:\tb : c \t\r\nlast:1\r\n\r\n";
    static const char *const fields[][2] = {
        {"Host", "x"}, {"X-Empty", ""}, {"X-Blank", ""}, {"X-A", "b : c"}, {"last", "1"}};
    ck_assert_int_eq(feed(text, sizeof(text) - 1, 100), SUP_HEAD_DONE);
    struct sup_head_text rest = {text, head.bytes}, name, value;
    struct sup_head_line line = sup_head_take_line(&rest);
    ck_assert(is(line.method, "POST") && is(line.target, "/a%20b?x=1"));
    ck_assert(is(line.version, "HTTP/1.1"));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        ck_assert(sup_head_take_field(&rest, &name, &value));
        ck_assert_msg(is(name, fields[i][0]) && is(value, fields[i][1]), "%s", fields[i][0]);
    }
    ck_assert(!sup_head_take_field(&rest, &name, &value));
    ck_assert(!sup_head_take_field(&rest, &name, &value));
}
END_TEST

SUP_CHECK_MAIN("net head", NULL, NULL, right_heads_end_where_they_end,
               wrong_heads_are_told_what_and_where, heads_have_an_end, values_are_not_kept,
               heads_come_apart)
