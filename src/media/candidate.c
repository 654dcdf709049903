#include "supportd/media/candidate.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>

#include "text_internal.h"

/* RFC 8445 section 5.1.2: a positive 31-bit number. */
#define PRIORITY_MAX 0x7FFFFFFFu

static bool is_ice_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

bool sup_ice_chars_valid(const char *s, size_t len, size_t min, size_t max)
{
    if (len < min || len > max)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_ice_char(s[i]))
            return false;
    return true;
}

/* Canonical text of a numeric address; false if it is a name. */
static bool read_address(struct span s, char ret_text[static SUP_CANDIDATE_ADDRESS_LEN],
                         bool *ret_ipv6, bool *ret_usable)
{
    char text[SUP_CANDIDATE_ADDRESS_LEN];
    struct in_addr v4;
    struct in6_addr v6;
    if (!span_copy(s, text, sizeof(text)))
        return false;
    if (inet_pton(AF_INET, text, &v4) == 1) {
        uint32_t a = ntohl(v4.s_addr);
        *ret_ipv6 = false;
        *ret_usable = a >> 24 != 0 && a >> 28 != 0xE && a != UINT32_MAX;
        return inet_ntop(AF_INET, &v4, ret_text, SUP_CANDIDATE_ADDRESS_LEN) != NULL;
    }
    if (inet_pton(AF_INET6, text, &v6) != 1)
        return false;
    *ret_ipv6 = true;
    /* A mapped address would open an IPv4 path behind the checks above. */
    *ret_usable = !IN6_IS_ADDR_UNSPECIFIED(&v6) && !IN6_IS_ADDR_MULTICAST(&v6) &&
                  !IN6_IS_ADDR_V4MAPPED(&v6) && !IN6_IS_ADDR_V4COMPAT(&v6);
    if (IN6_IS_ADDR_LOOPBACK(&v6))
        *ret_usable = true; /* ::1 looks like a compatible address */
    return inet_ntop(AF_INET6, &v6, ret_text, SUP_CANDIDATE_ADDRESS_LEN) != NULL;
}

static bool read_type(struct span s, enum sup_candidate_type *ret_type)
{
    static const char *const names[] = {"host", "srflx", "prflx", "relay"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_is_nocase(s, names[i])) {
            *ret_type = (enum sup_candidate_type)i;
            return true;
        }
    }
    return false;
}

/* name value pairs behind the type: raddr, rport, ufrag count, the rest is skipped. */
static sup_err read_extensions(struct span rest, struct sup_candidate *c)
{
    for (struct span name = span_word(&rest); name.len; name = span_word(&rest)) {
        struct span value = span_word(&rest);
        uint64_t port;
        bool ipv6, usable;
        if (value.len == 0)
            return SUP_E_MALFORMED;
        if (span_is_nocase(name, "raddr")) {
            if (!read_address(value, c->related_address, &ipv6, &usable))
                c->related_address[0] = '\0';
        } else if (span_is_nocase(name, "rport")) {
            if (!span_number(value, UINT16_MAX, &port))
                return SUP_E_MALFORMED;
            c->related_port = (uint16_t)port;
        } else if (span_is_nocase(name, "ufrag")) {
            if (!sup_ice_chars_valid(value.p, value.len, SUP_ICE_UFRAG_MIN, SUP_ICE_UFRAG_MAX))
                return SUP_E_MALFORMED;
            (void)span_copy(value, c->ufrag, sizeof(c->ufrag));
        }
    }
    return SUP_OK;
}

static bool has_control(struct span s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] > 0x7E)
            return true;
    return false;
}

sup_err sup_candidate_parse(const char *text, size_t len, struct sup_candidate *ret_candidate)
{
    assert(text && ret_candidate);
    struct span rest = {text, len};
    struct sup_candidate c = {0};
    uint64_t component, priority, port;
    bool usable = false;
    if (len > SUP_CANDIDATE_LINE_MAX)
        return SUP_E_LIMIT;
    (void)span_skip(&rest, "a=");
    if (has_control(rest) || !span_skip(&rest, "candidate:"))
        return SUP_E_MALFORMED;

    struct span foundation = span_word(&rest);
    if (!sup_ice_chars_valid(foundation.p, foundation.len, 1, SUP_CANDIDATE_FOUNDATION_MAX) ||
        !span_copy(foundation, c.foundation, sizeof(c.foundation)))
        return SUP_E_MALFORMED;
    if (!span_number(span_word(&rest), 256, &component) || component == 0)
        return SUP_E_MALFORMED;
    struct span transport = span_word(&rest);
    if (transport.len == 0 || !span_number(span_word(&rest), PRIORITY_MAX, &priority) ||
        priority == 0)
        return SUP_E_MALFORMED;
    struct span address = span_word(&rest);
    if (address.len == 0 || !span_number(span_word(&rest), UINT16_MAX, &port) || port == 0)
        return SUP_E_MALFORMED;
    if (!span_is_nocase(span_word(&rest), "typ") || !read_type(span_word(&rest), &c.type))
        return SUP_E_MALFORMED;
    sup_err err = read_extensions(rest, &c);
    if (err)
        return err;
    c.priority = (uint32_t)priority;
    c.port = (uint16_t)port;
    if (component != 1 || !span_is_nocase(transport, "udp") ||
        !read_address(address, c.address, &c.ipv6, &usable) || !usable)
        return SUP_E_UNSUPPORTED;
    *ret_candidate = c;
    return SUP_OK;
}

struct sup_candidate_text sup_candidate_format(const struct sup_candidate *candidate)
{
    static const char *const names[] = {"host", "srflx", "prflx", "relay"};
    struct sup_candidate_text text = {{0}};
    assert(candidate && candidate->type <= SUP_CANDIDATE_RELAY);
    int n = snprintf(text.s, sizeof(text.s), "candidate:%s 1 udp %u %s %u typ %s",
                     candidate->foundation, (unsigned)candidate->priority, candidate->address,
                     (unsigned)candidate->port, names[candidate->type]);
    size_t used = (size_t)n;
    if (candidate->related_address[0]) {
        n = snprintf(text.s + used, sizeof(text.s) - used, " raddr %s rport %u",
                     candidate->related_address, (unsigned)candidate->related_port);
        used += (size_t)n;
    }
    if (candidate->ufrag[0])
        (void)snprintf(text.s + used, sizeof(text.s) - used, " ufrag %s", candidate->ufrag);
    return text;
}

bool sup_candidate_same(const struct sup_candidate *a, const struct sup_candidate *b)
{
    return a->port == b->port && a->type == b->type && strcmp(a->address, b->address) == 0;
}
