#include "supportd/net/router.h"

#include <string.h>

#include "support/check_main.h"

static void handler(struct sup_http_request *req, void *arg)
{
    (void)req, (void)arg;
}

#define ROW(m, p)                                                                                  \
    {                                                                                              \
        .method = (m), .path = (p), .handler = handler, .data = (p)                                \
    }

static const struct sup_http_route routes[] = {
    ROW("GET", "/api/support/chats"),
    ROW("GET", "/api/support/chats/{chat_id}"),
    ROW("POST", "/api/support/chats/{chat_id}/messages"),
    ROW("GET", "/api/support/chats/{chat_id}/messages"),
    ROW("POST", "/api/support/chats/start"),
    ROW("PUT", "/api/support/chats/{chat_id}/tags/{tag}"),
    ROW("DELETE", "/api/support/chats/{chat_id}/tags/{tag}"),
    ROW("GET", "/"),
};

static struct sup_router *router;
static struct sup_route_match match;

static void setup(void)
{
    ck_assert_int_eq(sup_router_create(routes, sizeof(routes) / sizeof(routes[0]), &router),
                     SUP_OK);
}

static void teardown(void)
{
    sup_router_destroy(router);
    ck_assert_uint_eq(sup_mem_live(), 0);
}

static sup_err ask(const char *method, const char *path)
{
    return sup_router_match(router, method, path, strlen(path), &match);
}

START_TEST(paths_find_their_rows)
{
    ck_assert_int_eq(ask("GET", "/api/support/chats"), SUP_OK);
    ck_assert_ptr_eq(match.route, &routes[0]);
    ck_assert_uint_eq(match.param_count, 0);
    ck_assert_int_eq(ask("PUT", "/api/support/chats/c1/tags/vip"), SUP_OK);
    ck_assert_ptr_eq(match.route, &routes[5]);
    ck_assert_uint_eq(match.param_count, 2);
    ck_assert_int_eq(strncmp(match.params[0].name, "chat_id", match.params[0].name_len), 0);
    ck_assert_int_eq(strncmp(match.params[0].value, "c1", match.params[0].value_len), 0);
    ck_assert_uint_eq(match.params[1].value_len, 3);
    ck_assert_int_eq(ask("HEAD", "/api/support/chats/x/messages"), SUP_OK);
    ck_assert_ptr_eq(match.route, &routes[3]);
    ck_assert_int_eq(ask("GET", "/"), SUP_OK);
    ck_assert_ptr_eq(match.route, &routes[7]);
}
END_TEST

START_TEST(a_literal_beats_a_parameter)
{
    ck_assert_int_eq(ask("POST", "/api/support/chats/start"), SUP_OK);
    ck_assert_ptr_eq(match.route, &routes[4]);
    ck_assert_int_eq(ask("GET", "/api/support/chats/start"), SUP_E_UNSUPPORTED);
    ck_assert_str_eq(match.allow, "POST, OPTIONS");
    ck_assert_int_eq(ask("GET", "/api/support/chats/starts"), SUP_OK);
    ck_assert_ptr_eq(match.route, &routes[1]);
}
END_TEST

START_TEST(unknown_paths_and_methods)
{
    static const char *const paths[] = {"",
                                        "api",
                                        "//",
                                        "/api/support/chats/",
                                        "/api/support/chats//messages",
                                        "/api/support/chats/x/messages/",
                                        "/api/support/chats/x/messages/y",
                                        "/API/support/chats",
                                        "/a/b/c/d/e/f/g/h/i/j/k/l/m/n"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ck_assert_msg(ask("GET", paths[i]) == SUP_E_NOTFOUND, "%s", paths[i]);
        ck_assert_ptr_null(match.route);
    }
    ck_assert_int_eq(ask("DELETE", "/api/support/chats/x/messages"), SUP_E_UNSUPPORTED);
    ck_assert_str_eq(match.allow, "POST, GET, HEAD, OPTIONS");
    ck_assert_int_eq(ask("OPTIONS", "/api/support/chats"), SUP_E_UNSUPPORTED);
    ck_assert_str_eq(match.allow, "GET, HEAD, OPTIONS");
    ck_assert_int_eq(ask("HEAD", "/api/support/chats/start"), SUP_E_UNSUPPORTED);
}
END_TEST

START_TEST(wrong_tables_are_refused)
{
    static const struct sup_http_route wrong[] = {
        ROW("GET", "no/slash"),
        ROW("GET", ""),
        ROW("GET", NULL),
        ROW("HEAD", "/a"),
        ROW("get", "/a"),
        ROW(NULL, "/a"),
        ROW("GET", "/{}"),
        ROW("GET", "/{open"),
        ROW("GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}"),
        ROW("GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13"),
        {.method = "GET", .path = "/a"},
    };
    struct sup_router *other = NULL;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(sup_router_create(&wrong[i], 1, &other) == SUP_E_INVAL, "row %zu", i);
    static const struct sup_http_route twice[] = {ROW("GET", "/a/{x}"), ROW("GET", "/a/{y}")};
    ck_assert_int_eq(sup_router_create(twice, 2, &other), SUP_E_INVAL);
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_router_create(routes, 1, &other), SUP_E_NOMEM);
    ck_assert_ptr_null(other);
    ck_assert_int_eq(sup_router_create(NULL, 0, &other), SUP_OK);
    sup_router_destroy(other);
    sup_router_destroy(NULL);
}
END_TEST

START_TEST(problems_become_json)
{
    struct sup_problem p = {
        .status = 422, .code = "too_long", .field = "body", .retry_after_us = 1500};
    json_t *o = sup_problem_json(&p);
    char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);
    ck_assert_str_eq(text, "{\"code\":\"too_long\",\"field\":\"body\",\"retry_after_ms\":2,"
                           "\"status\":422,\"title\":\"Unprocessable Content\"}");
    free(text);
    json_decref(o);
    p.detail = "not \xff UTF-8"; /* cannot be told: no half object */
    ck_assert_ptr_null(sup_problem_json(&p));
    ck_assert_str_eq(sup_http_reason(404), "Not Found");
    ck_assert_str_eq(sup_http_reason(599), "Error");
}
END_TEST

SUP_CHECK_MAIN("net router", setup, teardown, paths_find_their_rows, a_literal_beats_a_parameter,
               unknown_paths_and_methods, wrong_tables_are_refused, problems_become_json)
