#include "supportd/net/router.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "supportd/base/mem.h"

struct segment {
    const char *text; /* literal, or the parameter's name */
    size_t len;
    bool param;
};

struct entry {
    const struct sup_http_route *route;
    struct segment segments[SUP_ROUTER_MAX_SEGMENTS];
    size_t count;
};

struct sup_router {
    size_t count;
    struct entry entries[];
};

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

static bool method_known(const char *method)
{
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (method && strcmp(method, methods[i]) == 0)
            return true;
    return false;
}

/* Splits "/a/b/" into "a", "b", "": a trailing slash is a segment of its own, so that it matters.
 */
static sup_err split(const char *path, size_t len, struct segment *segments, size_t *ret_count)
{
    if (len == 0 || path[0] != '/')
        return SUP_E_MALFORMED;
    size_t count = 0;
    for (size_t start = 1; start <= len;) {
        const char *slash = start < len ? memchr(path + start, '/', len - start) : NULL;
        size_t end = slash ? (size_t)(slash - path) : len;
        if (count == SUP_ROUTER_MAX_SEGMENTS)
            return SUP_E_LIMIT;
        segments[count++] = (struct segment){path + start, end - start, false};
        start = end + 1;
    }
    *ret_count = count;
    return SUP_OK;
}

static sup_err mark_params(struct entry *entry)
{
    size_t params = 0;
    for (size_t i = 0; i < entry->count; i++) {
        struct segment *s = &entry->segments[i];
        if (s->len == 0 || s->text[0] != '{')
            continue;
        if (s->len < 3 || s->text[s->len - 1] != '}' || ++params > SUP_ROUTER_MAX_PARAMS)
            return SUP_E_INVAL;
        *s = (struct segment){s->text + 1, s->len - 2, true};
    }
    return SUP_OK;
}

static bool same_shape(const struct entry *a, const struct entry *b)
{
    if (a->count != b->count || strcmp(a->route->method, b->route->method) != 0)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct segment *x = &a->segments[i], *y = &b->segments[i];
        if (x->param != y->param)
            return false;
        if (!x->param && (x->len != y->len || memcmp(x->text, y->text, x->len) != 0))
            return false;
    }
    return true;
}

static sup_err add_entry(struct sup_router *router, const struct sup_http_route *route)
{
    struct entry *entry = &router->entries[router->count];
    entry->route = route;
    if (!route->path || !route->handler || !method_known(route->method))
        return SUP_E_INVAL;
    if (split(route->path, strlen(route->path), entry->segments, &entry->count) != SUP_OK)
        return SUP_E_INVAL;
    if (mark_params(entry) != SUP_OK)
        return SUP_E_INVAL;
    for (size_t i = 0; i < router->count; i++)
        if (same_shape(&router->entries[i], entry))
            return SUP_E_INVAL;
    router->count++;
    return SUP_OK;
}

sup_err sup_router_create(const struct sup_http_route *routes, size_t count,
                          struct sup_router **ret_router)
{
    assert(ret_router && (routes || count == 0));
    struct sup_router *router = sup_calloc(1, sizeof(*router) + count * sizeof(router->entries[0]));
    if (!router)
        return SUP_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        sup_err err = add_entry(router, &routes[i]);
        if (err) {
            sup_free(router);
            return err;
        }
    }
    *ret_router = router;
    return SUP_OK;
}

void sup_router_destroy(struct sup_router *router)
{
    sup_free(router);
}

static bool shape_fits(const struct entry *entry, const struct segment *path, size_t count)
{
    if (entry->count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct segment *s = &entry->segments[i];
        if (s->param ? path[i].len == 0
                     : s->len != path[i].len || memcmp(s->text, path[i].text, s->len) != 0)
            return false;
    }
    return true;
}

/* True if a beats b: the first segment in which they differ in kind decides. */
static bool more_literal(const struct entry *a, const struct entry *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->segments[i].param != b->segments[i].param)
            return b->segments[i].param;
    return false;
}

static bool same_kinds(const struct entry *a, const struct entry *b)
{
    return !more_literal(a, b) && !more_literal(b, a);
}

static void list_allowed(const struct sup_router *router, const struct entry *best,
                         const struct segment *path, size_t count, char *allow, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < router->count; i++) {
        const struct entry *e = &router->entries[i];
        if (!shape_fits(e, path, count) || !same_kinds(e, best))
            continue;
        bool get = strcmp(e->route->method, "GET") == 0;
        int n =
            snprintf(allow + used, size - used, "%s%s, ", e->route->method, get ? ", HEAD" : "");
        used += (size_t)n;
    }
    (void)snprintf(allow + used, size - used, "OPTIONS");
}

static void take_params(const struct entry *entry, const struct segment *path,
                        struct sup_route_match *match)
{
    for (size_t i = 0; i < entry->count; i++) {
        const struct segment *s = &entry->segments[i];
        if (s->param)
            match->params[match->param_count++] =
                (struct sup_route_param){s->text, s->len, path[i].text, path[i].len};
    }
}

sup_err sup_router_match(const struct sup_router *router, const char *method, const char *path,
                         size_t len, struct sup_route_match *ret_match)
{
    struct segment segments[SUP_ROUTER_MAX_SEGMENTS];
    size_t count;
    *ret_match = (struct sup_route_match){.route = NULL};
    if (split(path, len, segments, &count) != SUP_OK)
        return SUP_E_NOTFOUND;
    if (strcmp(method, "HEAD") == 0)
        method = "GET";

    /* The path picks the shape first, the method only among rows of that shape: so a literal path
     * that lacks the method answers 405 and does not fall through to a parameter. */
    const struct entry *best = NULL, *found = NULL;
    for (size_t i = 0; i < router->count; i++) {
        const struct entry *e = &router->entries[i];
        if (shape_fits(e, segments, count) && (!best || more_literal(e, best)))
            best = e;
    }
    if (!best)
        return SUP_E_NOTFOUND;
    for (size_t i = 0; i < router->count && !found; i++) {
        const struct entry *e = &router->entries[i];
        if (shape_fits(e, segments, count) && same_kinds(e, best) &&
            strcmp(e->route->method, method) == 0)
            found = e;
    }
    list_allowed(router, best, segments, count, ret_match->allow, sizeof(ret_match->allow));
    if (!found)
        return SUP_E_UNSUPPORTED;
    ret_match->route = found->route;
    take_params(found, segments, ret_match);
    return SUP_OK;
}
