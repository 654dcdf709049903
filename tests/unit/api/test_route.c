/* The routes and frames: which role may use each, written from docs/protocol.md and SPEC 1. */
#include <string.h>

#include "../../../src/api/api_internal.h"
#include "support/check_main.h"

/* The least role; anonymous: everybody. A customer's own routes have NO_STAFF. */
enum who { EVERYBODY, CUSTOMER_ONLY, SIGNED_IN, STAFF, LEAD, ADMIN };

#define API "/api/support"
static const struct {
    const char *method, *path;
    enum who who;
} want[] = {
    {"POST", API "/chat/start", CUSTOMER_ONLY},
    {"POST", API "/call/start", CUSTOMER_ONLY},
    {"GET", API "/chats", SIGNED_IN},
    {"GET", API "/chats/{chat_id}", SIGNED_IN},
    {"GET", API "/chats/{chat_id}/messages", SIGNED_IN},
    {"POST", API "/chats/{chat_id}/messages", SIGNED_IN},
    {"GET", API "/chats/{chat_id}/notes", STAFF},
    {"POST", API "/chats/{chat_id}/notes", STAFF},
    {"POST", API "/chats/{chat_id}/receipts", SIGNED_IN},
    {"PUT", API "/chats/{chat_id}/tags/{tag}", STAFF},
    {"DELETE", API "/chats/{chat_id}/tags/{tag}", STAFF},
    {"POST", API "/chats/{chat_id}/close", SIGNED_IN},
    {"GET", API "/chats/{chat_id}/routing", STAFF},
    {"GET", API "/queue", STAFF},
    {"POST", API "/queue/{entry_id}/pick", STAFF},
    {"GET", API "/offers", STAFF},
    {"POST", API "/offers/{offer_id}/accept", STAFF},
    {"POST", API "/offers/{offer_id}/decline", STAFF},
    {"GET", API "/me", SIGNED_IN},
    {"PUT", API "/me/presence", STAFF},
    {"PUT", API "/me/password", STAFF},
    {"GET", API "/customers/{customer_id}", STAFF},
    {"GET", API "/customers/{customer_id}/chats", STAFF},
    {"POST", API "/chats/{chat_id}/requeue", STAFF},
    {"GET", API "/calls", SIGNED_IN},
    {"GET", API "/calls/{call_id}", SIGNED_IN},
    {"GET", API "/calls/{call_id}/quality", SIGNED_IN},
    {"POST", API "/calls/{call_id}/end", SIGNED_IN},
    {"GET", API "/calls/missed", STAFF},
    {"GET", API "/calls/live", LEAD},
    {"POST", API "/calls/{call_id}/consult", STAFF},
    {"POST", API "/calls/{call_id}/consult/accept", STAFF},
    {"POST", API "/calls/{call_id}/consult/talk", STAFF},
    {"POST", API "/calls/{call_id}/consult/complete", STAFF},
    {"DELETE", API "/calls/{call_id}/consult", STAFF},
    {"POST", API "/calls/{call_id}/supervise", LEAD},
    {"DELETE", API "/calls/{call_id}/supervise", LEAD},
    {"GET", API "/call-parties", STAFF},
    {"GET", API "/transfer-targets", STAFF},
    {"POST", API "/calls/{call_id}/hold", STAFF},
    {"POST", API "/calls/{call_id}/resume", STAFF},
    {"POST", API "/calls/{call_id}/transfer", STAFF},
    {"POST", API "/calls/{call_id}/ring", STAFF},
    {"POST", API "/calls/{call_id}/callback", CUSTOMER_ONLY},
    {"POST", API "/calls/{call_id}/answer", CUSTOMER_ONLY},
    {"POST", API "/calls/{call_id}/decline", CUSTOMER_ONLY},
    {"POST", API "/calls/{call_id}/rating", CUSTOMER_ONLY},
    {"PUT", API "/me/auto-answer", STAFF},
    {"POST", API "/me/wrap-up", STAFF},
    {"DELETE", API "/me/wrap-up", STAFF},
    {"PUT", API "/calls/{call_id}/recording", STAFF},
    {"GET", API "/recordings", STAFF},
    {"GET", API "/recordings/{recording_id}", STAFF},
    {"GET", API "/recordings/{recording_id}/tracks/{track}", STAFF},
    {"GET", API "/recordings/{recording_id}/tracks/{track}/waveform", STAFF},
    {"POST", API "/session", EVERYBODY},
    {"GET", API "/session", STAFF},
    {"DELETE", API "/session", STAFF},
    {"POST", API "/ws-ticket", SIGNED_IN},
    {"GET", API "/widget-config", EVERYBODY},
    {"GET", API "/staff", ADMIN},
    {"POST", API "/staff", ADMIN},
    {"PUT", API "/staff/{staff_id}/role", ADMIN},
    {"DELETE", API "/staff/{staff_id}", ADMIN},
    {"GET", API "/activity", ADMIN},
    {"GET", API "/settings", ADMIN},
    {"PUT", API "/settings/{key}", ADMIN},
    {"GET", "/healthz", EVERYBODY},
    {"GET", "/readyz", EVERYBODY},
    {"GET", "/metrics", EVERYBODY},
    {"POST", "/demo/login", EVERYBODY},
};
enum { WANT = sizeof(want) / sizeof(want[0]) };

static bool may(enum who who, enum sup_role role)
{
    switch (who) {
    case EVERYBODY:
        return true;
    case CUSTOMER_ONLY:
        return role == SUP_ROLE_CUSTOMER;
    case SIGNED_IN:
        return role >= SUP_ROLE_CUSTOMER;
    case STAFF:
        return role >= SUP_ROLE_AGENT;
    case LEAD:
        return role >= SUP_ROLE_TEAM_LEAD;
    case ADMIN:
        break;
    }
    return role >= SUP_ROLE_ADMIN;
}

static void check_op(enum sup_op op, enum who who, const char *what)
{
    ck_assert_msg(sup_op_name(op) != NULL, "%s", what);
    for (int role = 0; role < SUP_ROLES; role++)
        ck_assert_msg((sup_permission((enum sup_role)role, op) != SUP_GRANT_NONE) ==
                          may(who, (enum sup_role)role),
                      "%s by %s", what, sup_role_name((enum sup_role)role));
}

START_TEST(every_route_is_for_whom_it_should_be)
{
    size_t count;
    const struct sup_http_route *routes = sup_api_routes(&count);
    ck_assert_uint_eq(count, WANT);
    for (size_t w = 0; w < WANT; w++) {
        const struct sup_http_route *found = NULL;
        for (size_t i = 0; i < count; i++) {
            if (strcmp(routes[i].method, want[w].method) != 0 ||
                strcmp(routes[i].path, want[w].path) != 0)
                continue;
            ck_assert_msg(!found, "%s %s twice", want[w].method, want[w].path);
            found = &routes[i];
        }
        ck_assert_msg(found != NULL, "no %s %s", want[w].method, want[w].path);
        /* The one way in, which asks the permission table. */
        ck_assert(found->handler == api_rest_entry);
        const struct api_route *route = found->data;
        ck_assert_ptr_nonnull(route);
        ck_assert(route->handler != NULL);
        check_op(route->op, want[w].who, want[w].path);
    }
}
END_TEST

START_TEST(every_frame_is_for_whom_it_should_be)
{
    static const struct {
        const char *type;
        enum who who;
    } frames[] = {
        {"hello", SIGNED_IN},      {"ping", SIGNED_IN},           {"auth.renew", SIGNED_IN},
        {"chat.open", SIGNED_IN},  {"chat.leave", SIGNED_IN},     {"message.send", SIGNED_IN},
        {"note.send", STAFF},      {"chat.receipt", SIGNED_IN},   {"chat.typing", SIGNED_IN},
        {"call.offer", SIGNED_IN}, {"call.candidate", SIGNED_IN}, {"call.mute", SIGNED_IN},
        {"call.stats", SIGNED_IN}, {"live.open", LEAD},           {"live.leave", LEAD},
    };
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        const struct api_frame *frame = api_frame_find(frames[i].type);
        ck_assert_msg(frame != NULL, "%s", frames[i].type);
        ck_assert(frame->handler != NULL);
        check_op(frame->op, frames[i].who, frames[i].type);
    }
    static const char *const unknown[] = {"", "hello ", "HELLO", "message.new", "chat"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        ck_assert_ptr_null(api_frame_find(unknown[i]));
}
END_TEST

START_TEST(the_decision_of_an_actor_is_the_table)
{
    for (int role = 0; role < SUP_ROLES; role++) {
        struct sup_actor actor = sup_actor_make((enum sup_role)role, sup_id_new(), NULL);
        for (int op = 0; op < SUP_OPS; op++)
            ck_assert(api_allowed(&actor, (enum sup_op)op) ==
                      (sup_permission((enum sup_role)role, (enum sup_op)op) != SUP_GRANT_NONE));
    }
}
END_TEST

SUP_CHECK_MAIN("route", NULL, NULL, every_route_is_for_whom_it_should_be,
               every_frame_is_for_whom_it_should_be, the_decision_of_an_actor_is_the_table)
