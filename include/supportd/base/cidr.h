/* Address blocks, "10.0.0.0/8" or "2001:db8::/32", and whether an address lies in one.
 *
 * Layer: base. Pure. Thread: any.
 * Source: RFC 4632 section 3.1, RFC 4291 section 2.3; IPv4-mapped addresses (2.5.5.2) are IPv4. */
#ifndef SUPPORTD_BASE_CIDR_H
#define SUPPORTD_BASE_CIDR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

struct sup_cidr {
    uint8_t address[16]; /* IPv4 as ::ffff:a.b.c.d; bits behind the prefix are 0 */
    uint8_t bits;        /* 0..128; an IPv4 /n is 96 + n */
};

/* Parses a block, or a single address (a block of one). Numeric only, no zone, no blanks.
 * Errors: SUP_E_MALFORMED, also when bits behind the prefix are set ("10.0.0.1/8"), which is more
 * often a slip than a wish. */
SUP_MUST_CHECK sup_err sup_cidr_parse(const char *text, struct sup_cidr *ret_cidr);
/* True if ip (numeric text without port) lies in any of cidrs[count]; false if it does not parse.
 */
bool sup_cidr_match(const struct sup_cidr *cidrs, size_t count, const char *ip);
#endif
