/* Matching of method and path against a route table.
 *
 * Layer: net. Pure. Thread: any. A literal segment beats a parameter, from left to right. */
#ifndef SUPPORTD_NET_ROUTER_H
#define SUPPORTD_NET_ROUTER_H
#include <stddef.h>

#include "supportd/base/err.h"
#include "supportd/net/http.h"

enum { SUP_ROUTER_MAX_PARAMS = 6, SUP_ROUTER_MAX_SEGMENTS = 12 };

struct sup_router;

struct sup_route_param {
    const char *name; /* borrowed from the template, name_len bytes */
    size_t name_len;
    const char *value; /* borrowed from the path given to match, not NUL-terminated */
    size_t value_len;  /* above 0 */
};

struct sup_route_match {
    const struct sup_http_route *route; /* NULL unless SUP_OK */
    struct sup_route_param params[SUP_ROUTER_MAX_PARAMS];
    size_t param_count;
    char allow[64]; /* methods of the path: "GET, HEAD, POST, OPTIONS"; "" when not found */
};

/* routes[count] is kept. Errors: SUP_E_INVAL (malformed template, unknown method, NULL handler, two
 * rows for the same method and shape), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_router_create(const struct sup_http_route *routes, size_t count,
                                         struct sup_router **ret_router);
void sup_router_destroy(struct sup_router *router); /* NULL is a no-op */

/* path: without query. method "HEAD" finds GET's row.
 * Errors: SUP_E_NOTFOUND (no such path), SUP_E_UNSUPPORTED (path known, method not: allow is set).
 * OPTIONS is always SUP_E_UNSUPPORTED for a known path. */
SUP_MUST_CHECK sup_err sup_router_match(const struct sup_router *router, const char *method,
                                        const char *path, size_t len,
                                        struct sup_route_match *ret_match);
#endif
