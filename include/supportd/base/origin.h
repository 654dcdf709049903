/* Web origins: "https://www.bank.example", "http://127.0.0.1:8080".
 *
 * Layer: base. Pure. Thread: any.
 * Source: RFC 6454 sections 4, 6.2 and 7 (an origin is scheme, host and port; the default port is
 * left out). */
#ifndef SUPPORTD_BASE_ORIGIN_H
#define SUPPORTD_BASE_ORIGIN_H
#include <stdbool.h>

#include "supportd/base/err.h"

enum { SUP_ORIGIN_MAX_LEN = 280 };

struct sup_origin {
    char s[SUP_ORIGIN_MAX_LEN + 1]; /* canonical: lower case, default port left out */
};

/* Parses http or https origins; host: a name, an IPv4 address or a bracketed IPv6 address.
 * Errors: SUP_E_MALFORMED: anything more (path, user, blank, wildcard) or less, and "null". */
SUP_MUST_CHECK sup_err sup_origin_parse(const char *text, struct sup_origin *ret_origin);
/* True if origin (as sent) is the origin that a request with this Host header came to, tls: over
 * https. False if either does not parse. */
bool sup_origin_is_own(const char *origin, const char *host, bool tls);
#endif
