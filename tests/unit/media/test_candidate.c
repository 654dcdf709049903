#include <stdio.h>
#include <string.h>

#include "support/check_main.h"
#include "supportd/media/candidate.h"

static sup_err parse(const char *line, struct sup_candidate *c)
{
    return sup_candidate_parse(line, strlen(line), c);
}

START_TEST(a_browsers_line_is_read_and_written_back)
{
    struct sup_candidate c, again;
    ck_assert_int_eq(
        parse("a=candidate:1754813638 1 udp 2122194687 10.77.0.1 37686 typ srflx raddr "
              "192.168.1.5 rport 4000 generation 0 ufrag Kmyt network-id 3",
              &c),
        SUP_OK);
    ck_assert_str_eq(c.foundation, "1754813638");
    ck_assert_uint_eq(c.priority, 2122194687u);
    ck_assert_str_eq(c.address, "10.77.0.1");
    ck_assert_uint_eq(c.port, 37686);
    ck_assert_int_eq(c.type, SUP_CANDIDATE_SRFLX);
    ck_assert_str_eq(c.related_address, "192.168.1.5");
    ck_assert_uint_eq(c.related_port, 4000);
    ck_assert_str_eq(c.ufrag, "Kmyt");
    ck_assert(!c.ipv6);
    struct sup_candidate_text text = sup_candidate_format(&c);
    ck_assert_str_eq(text.s,
                     "candidate:1754813638 1 udp 2122194687 10.77.0.1 37686 typ srflx raddr "
                     "192.168.1.5 rport 4000 ufrag Kmyt");
    ck_assert_int_eq(parse(text.s, &again), SUP_OK);
    ck_assert(sup_candidate_same(&c, &again));
    again.port++;
    ck_assert(!sup_candidate_same(&c, &again));
}
END_TEST

START_TEST(ipv6_becomes_canonical)
{
    struct sup_candidate c;
    ck_assert_int_eq(parse("candidate:3 1 UDP 1 FD00:0:0::0002 5 typ host", &c), SUP_OK);
    ck_assert(c.ipv6);
    ck_assert_str_eq(c.address, "fd00::2");
    ck_assert_int_eq(parse("candidate:3 1 UDP 1 ::1 5 typ host", &c), SUP_OK);
}
END_TEST

START_TEST(what_is_of_no_use_is_told_apart)
{
    static const char *const lines[] = {
        "candidate:1 1 tcp 1518214911 127.0.0.1 9 typ host tcptype active generation 0",
        "candidate:0 2 UDP 2122187006 192.0.2.2 46825 typ host",
        "candidate:0 1 UDP 2122187007 072b787a-bc0a-44d7-a0c5-a5470f8e84f9.local 35589 typ host",
        "candidate:0 1 UDP 2122187007 host.example 35589 typ host",
        "candidate:0 1 UDP 2122187007 0.0.0.0 35589 typ host",
        "candidate:0 1 UDP 2122187007 224.0.0.1 35589 typ host",
        "candidate:0 1 UDP 2122187007 255.255.255.255 35589 typ host",
        "candidate:0 1 UDP 2122187007 :: 35589 typ host",
        "candidate:0 1 UDP 2122187007 ff02::1 35589 typ host",
        "candidate:0 1 UDP 2122187007 ::ffff:10.0.0.1 35589 typ host",
        "candidate:0 1 UDP 2122187007 fe80::1%eth0 35589 typ host",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct sup_candidate c;
        ck_assert_msg(parse(lines[i], &c) == SUP_E_UNSUPPORTED, "%s", lines[i]);
    }
}
END_TEST

START_TEST(malformed_lines_are_refused)
{
    static const char *const lines[] = {
        "",
        "candidate:",
        "candidate",
        "cand:1 1 udp 1 10.0.0.1 5 typ host",
        "candidate:1 1 udp 1 10.0.0.1 5",
        "candidate:1 1 udp 1 10.0.0.1 5 typ",
        "candidate:1 1 udp 1 10.0.0.1 5 typ nat",
        "candidate:1 1 udp 1 10.0.0.1 0 typ host",
        "candidate:1 1 udp 1 10.0.0.1 65536 typ host",
        "candidate:1 1 udp 0 10.0.0.1 5 typ host",
        "candidate:1 1 udp 2147483648 10.0.0.1 5 typ host",
        "candidate:1 0 udp 1 10.0.0.1 5 typ host",
        "candidate:1 257 udp 1 10.0.0.1 5 typ host",
        "candidate:1 1 udp -1 10.0.0.1 5 typ host",
        "candidate:1 1 udp 1 10.0.0.1 5 typ host ufrag",
        "candidate:1 1 udp 1 10.0.0.1 5 typ host ufrag a!bc",
        "candidate:1 1 udp 1 10.0.0.1 5 typ srflx raddr 10.0.0.1 rport x",
        "candidate:a_b 1 udp 1 10.0.0.1 5 typ host",
        "candidate:1 1 udp 1 10.0.0.1 5 typ host\r\na=evil",
        "candidate:123456789012345678901234567890123 1 udp 1 10.0.0.1 5 typ host",
    };
    struct sup_candidate c = {.port = 77};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        ck_assert_msg(parse(lines[i], &c) == SUP_E_MALFORMED, "%s", lines[i]);
    char longer[SUP_CANDIDATE_LINE_MAX + 2];
    memset(longer, 'a', sizeof(longer));
    ck_assert_int_eq(sup_candidate_parse(longer, sizeof(longer), &c), SUP_E_LIMIT);
    ck_assert_uint_eq(c.port, 77); /* nothing was written */
}
END_TEST

START_TEST(the_longest_candidate_fits_its_line)
{
    struct sup_candidate c = {.priority = 0x7FFFFFFF, .port = 65535, .related_port = 65535};
    memset(c.foundation, 'f', SUP_CANDIDATE_FOUNDATION_MAX);
    memset(c.ufrag, 'u', SUP_ICE_UFRAG_MAX);
    strcpy(c.address, "2001:db8:1111:2222:3333:4444:5555:6666");
    strcpy(c.related_address, c.address);
    c.type = SUP_CANDIDATE_RELAY;
    struct sup_candidate_text text = sup_candidate_format(&c);
    struct sup_candidate again;
    ck_assert_int_eq(parse(text.s, &again), SUP_OK);
    ck_assert_str_eq(again.ufrag, c.ufrag);
}
END_TEST

START_TEST(ice_chars)
{
    ck_assert(sup_ice_chars_valid("aZ9+/", 5, 4, 8));
    ck_assert(!sup_ice_chars_valid("aZ9", 3, 4, 8));
    ck_assert(!sup_ice_chars_valid("aaaaaaaaa", 9, 4, 8));
    ck_assert(!sup_ice_chars_valid("ab-d", 4, 4, 8));
    ck_assert(!sup_ice_chars_valid("ab\0d", 4, 4, 8));
}
END_TEST

SUP_CHECK_MAIN("candidate", NULL, NULL, a_browsers_line_is_read_and_written_back,
               ipv6_becomes_canonical, what_is_of_no_use_is_told_apart, malformed_lines_are_refused,
               the_longest_candidate_fits_its_line, ice_chars)
