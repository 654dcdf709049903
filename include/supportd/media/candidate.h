/* One ICE candidate line: parse, write, compare.
 *
 * Layer:  media. Pure: no I/O, no clock, no memory of its own.
 * Source: RFC 8839 section 5.1 (grammar), RFC 8445 section 5.1.2 (priority); DESIGN: only numeric
 * UDP candidates of component 1 are of use, since libnice adds no others. */
#ifndef SUPPORTD_MEDIA_CANDIDATE_H
#define SUPPORTD_MEDIA_CANDIDATE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum {
    SUP_CANDIDATE_LINE_MAX = 512,
    SUP_CANDIDATE_FOUNDATION_MAX = 32,
    SUP_CANDIDATE_ADDRESS_LEN = 46, /* numeric IPv4 or IPv6 with its NUL */
    SUP_ICE_UFRAG_MIN = 4,
    SUP_ICE_UFRAG_MAX = 256,
    SUP_ICE_PWD_MIN = 22,
    SUP_ICE_PWD_MAX = 256,
};

enum sup_candidate_type {
    SUP_CANDIDATE_HOST,
    SUP_CANDIDATE_SRFLX,
    SUP_CANDIDATE_PRFLX,
    SUP_CANDIDATE_RELAY,
};

/* A UDP candidate of component 1. */
struct sup_candidate {
    char foundation[SUP_CANDIDATE_FOUNDATION_MAX + 1];
    uint32_t priority;                       /* 1..2^31-1 */
    char address[SUP_CANDIDATE_ADDRESS_LEN]; /* numeric, canonical text, no scope */
    bool ipv6;
    uint16_t port; /* not 0 */
    enum sup_candidate_type type;
    char related_address[SUP_CANDIDATE_ADDRESS_LEN]; /* "": none, or not numeric */
    uint16_t related_port;
    char ufrag[SUP_ICE_UFRAG_MAX + 1]; /* "": the line does not name one */
};

struct sup_candidate_text {
    char s[SUP_CANDIDATE_LINE_MAX + 1]; /* "candidate:...", no "a=", no line end */
};

/* Parses text[len]: with or without "a=" before it, and without the line end. Unknown extensions
 * are skipped.
 * Errors: SUP_E_LIMIT (over SUP_CANDIDATE_LINE_MAX); SUP_E_MALFORMED; SUP_E_UNSUPPORTED (well
 * formed, yet of no use: TCP, another component, a host name such as .local, an unspecified,
 * multicast or broadcast address): drop it and go on. */
SUP_MUST_CHECK sup_err sup_candidate_parse(const char *text, size_t len,
                                           struct sup_candidate *ret_candidate);

/* The line of a valid candidate, by value: sup_candidate_format(c).s. ufrag is written if set. */
struct sup_candidate_text sup_candidate_format(const struct sup_candidate *candidate);

/* The same address, port and type: a trickled repeat of what the SDP had said. */
bool sup_candidate_same(const struct sup_candidate *a, const struct sup_candidate *b);

/* True if s[len] consists of ice-char (letters, digits, + and /) and has min..max of them. */
bool sup_ice_chars_valid(const char *s, size_t len, size_t min, size_t max);
#endif
