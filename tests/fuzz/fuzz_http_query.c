/* Everything of a request head that is parsed by us: query strings, cookies, media types, codings,
 * entity tags, addresses, paths against a route table. The first byte of the input picks the kind.
 *
 * Held: no parser reads outside of its input, what it returns obeys its contract, nothing leaks. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supportd/base/mem.h"
#include "supportd/net/router.h"
#include "supportd/net/text.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void fuzz_query(char *text, size_t len)
{
    struct sup_query query = {.count = 0};
    sup_err err = sup_query_parse(&query, text, len);
    require(err == SUP_OK || err == SUP_E_MALFORMED || err == SUP_E_LIMIT);
    require(query.count <= SUP_QUERY_MAX_FIELDS);
    for (size_t i = 0; i < query.count; i++) {
        const struct sup_query_field *f = &query.fields[i];
        require(strlen(f->name) <= SUP_QUERY_MAX_NAME && *f->name);
        require(strlen(f->value) <= SUP_QUERY_MAX_VALUE);
        require(sup_utf8_valid(f->value, strlen(f->value)));
        require(sup_query_get(&query, f->name) == f->value);
    }
    sup_query_fini(&query);
}

static void fuzz_cookie(const char *text, size_t len)
{
    const char *value;
    size_t value_len;
    if (sup_cookie_find(text, len, "sid", &value, &value_len) == SUP_OK) {
        require(value >= text && value + value_len <= text + len);
        for (size_t i = 0; i < value_len; i++)
            require(value[i] > 0x20 && value[i] < 0x7f && value[i] != ';');
    }
}

static void fuzz_address(const char *text, size_t len)
{
    struct sup_peer_text peer, again;
    if (sup_peer_parse(text, len, &peer) == SUP_OK) {
        require(sup_peer_parse(peer.s, strlen(peer.s), &again) == SUP_OK);
        require(strcmp(peer.s, again.s) == 0);
    }
}

static bool trust(const char *ip, void *arg)
{
    (void)arg;
    return ip[0] == '1';
}

static void handler(struct sup_http_request *req, void *arg)
{
    (void)req, (void)arg;
}

static void fuzz_path(const char *text, size_t len)
{
    static const struct sup_http_route routes[] = {
        {.method = "GET", .path = "/a/{x}/b/{y}", .handler = handler},
        {.method = "POST", .path = "/a/c", .handler = handler},
        {.method = "PUT", .path = "/{x}", .handler = handler},
    };
    struct sup_router *router;
    struct sup_route_match match;
    require(sup_router_create(routes, 3, &router) == SUP_OK);
    if (sup_router_match(router, "GET", text, len, &match) == SUP_OK)
        for (size_t i = 0; i < match.param_count; i++)
            require(match.params[i].value >= text && match.params[i].value_len > 0 &&
                    match.params[i].value + match.params[i].value_len <= text + len);
    sup_router_destroy(router);
}

/* One name for each thing, and nothing above the root. */
static void fuzz_clean(char *text, size_t len)
{
    if (len == 0 || text[0] != '/')
        return;
    size_t n = sup_path_clean(text, len);
    require(n > 0 && n <= len && text[0] == '/');
    require(!memmem(text, n, "//", 2) && !memmem(text, n, "/./", 3) && !memmem(text, n, "/../", 4));
    require(n < 2 || memcmp(text + n - 2, "/.", 2) != 0);
    require(n < 3 || memcmp(text + n - 3, "/..", 3) != 0);
    require(sup_path_clean(text, n) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t len = size - 1, decoded;
    char *text = sup_strndup((const char *)data + 1, len);
    require(text != NULL);
    /* Without a NUL behind it, so that reading on is seen. */
    char *exact = malloc(len ? len : 1);
    require(exact != NULL);
    memcpy(exact, data + 1, len);
    switch (data[0] % 7) {
    case 0:
        fuzz_query(exact, len);
        break;
    case 1:
        fuzz_cookie(exact, len);
        break;
    case 2:
        (void)sup_list_has(text, "upgrade");
        (void)sup_media_type_is(text, "application/json");
        (void)sup_encoding_accepted(text, "br");
        (void)sup_etag_matches(text, "\"e\"");
        break;
    case 3:
        fuzz_address(exact, len);
        (void)sup_peer_resolve("10.0.0.1", text, trust, NULL);
        break;
    case 4:
        fuzz_path(exact, len);
        break;
    case 5:
        fuzz_clean(exact, len);
        break;
    default:
        if (sup_percent_decode(exact, len, true, &decoded) == SUP_OK)
            require(decoded <= len);
        break;
    }
    free(exact);
    sup_free(text);
    require(sup_mem_live() == 0);
    return 0;
}
