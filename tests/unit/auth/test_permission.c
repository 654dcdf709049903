#include <string.h>

#include "support/check_main.h"
#include "supportd/auth/permission.h"

/* Written from SPEC 1 and the protocol, not from the table: the least role that may, and how far
 * agents, team leads, supervisors and above reach. customer: whether customers may, on own rows. */
static const struct {
    const char *op;
    bool anonymous, customer;
    enum sup_role least_staff; /* SUP_ROLES: no staff */
    enum sup_grant agent, lead, above;
} want[] = {
#define EVERYBODY true, true, SUP_ROLE_AGENT, SUP_GRANT_ALL, SUP_GRANT_ALL, SUP_GRANT_ALL
#define NO_STAFF SUP_ROLES, SUP_GRANT_NONE, SUP_GRANT_NONE, SUP_GRANT_NONE
#define STAFF_OWN SUP_ROLE_AGENT, SUP_GRANT_OWN, SUP_GRANT_OWN, SUP_GRANT_OWN
#define STAFF_WIDER SUP_ROLE_AGENT, SUP_GRANT_OWN, SUP_GRANT_TEAM, SUP_GRANT_ALL
#define ADMINS SUP_ROLE_ADMIN, SUP_GRANT_NONE, SUP_GRANT_NONE, SUP_GRANT_ALL
    {"page_read", EVERYBODY},
    {"health_read", EVERYBODY},
    {"metrics_read", EVERYBODY},
    {"widget_config_read", EVERYBODY},
    {"session_create", EVERYBODY},
    {"session_read", false, false, STAFF_OWN},
    {"session_delete", false, false, STAFF_OWN},
    {"ws_ticket", false, true, STAFF_OWN},
    {"ws_connect", false, true, STAFF_OWN},
    {"me_read", false, true, STAFF_OWN},
    {"presence_set", false, false, STAFF_OWN},
    {"auto_answer_set", false, false, STAFF_OWN},
    {"wrap_up", false, false, STAFF_OWN},
    {"password_set", false, false, STAFF_OWN},
    {"customer_read", false, false, STAFF_WIDER},
    {"chat_start", false, true, NO_STAFF},
    {"chat_list", false, true, STAFF_WIDER},
    {"chat_read", false, true, STAFF_WIDER},
    {"chat_read_history", false, true, STAFF_WIDER},
    {"chat_send", false, true, STAFF_OWN},
    {"chat_receipt", false, true, STAFF_OWN},
    {"chat_typing", false, true, STAFF_OWN},
    {"chat_close", false, true, STAFF_WIDER},
    {"chat_requeue", false, false, STAFF_WIDER},
    {"chat_read_notes", false, false, STAFF_WIDER},
    {"chat_note", false, false, STAFF_WIDER},
    {"chat_tag", false, false, STAFF_WIDER},
    {"chat_read_routing", false, false, STAFF_WIDER},
    {"queue_read", false, false, STAFF_WIDER},
    {"queue_pick", false, false, STAFF_WIDER},
    {"offer_list", false, false, STAFF_OWN},
    {"offer_accept", false, false, STAFF_OWN},
    {"offer_decline", false, false, STAFF_OWN},
    {"call_start", false, true, NO_STAFF},
    {"call_list", false, true, STAFF_WIDER},
    {"call_read", false, true, STAFF_WIDER},
    {"call_signal", false, true, STAFF_OWN},
    {"call_mute", false, true, STAFF_OWN},
    {"call_stats", false, true, STAFF_OWN},
    {"call_end", false, true, STAFF_OWN},
    {"call_record", false, false, STAFF_OWN},
    {"recording_list", false, false, STAFF_WIDER},
    {"recording_play", false, false, STAFF_WIDER},
    {"call_consult", false, false, STAFF_OWN},
    {"call_supervise", false, false, SUP_ROLE_TEAM_LEAD, SUP_GRANT_NONE, SUP_GRANT_TEAM,
     SUP_GRANT_ALL},
    {"call_hold", false, false, STAFF_OWN},
    {"call_transfer", false, false, STAFF_OWN},
    {"call_ring", false, false, STAFF_OWN},
    {"call_callback", false, true, NO_STAFF},
    {"call_answer", false, true, NO_STAFF},
    {"call_rate", false, true, NO_STAFF},
    {"call_read_missed", false, false, SUP_ROLE_AGENT, SUP_GRANT_TEAM, SUP_GRANT_TEAM,
     SUP_GRANT_ALL},
    {"call_read_live", false, false, SUP_ROLE_TEAM_LEAD, SUP_GRANT_NONE, SUP_GRANT_TEAM,
     SUP_GRANT_ALL},
    {"staff_list", false, false, ADMINS},
    {"staff_create", false, false, ADMINS},
    {"staff_set_role", false, false, ADMINS},
    {"staff_grant_admin", false, false, SUP_ROLE_SUPER_ADMIN, SUP_GRANT_NONE, SUP_GRANT_NONE,
     SUP_GRANT_ALL},
    {"staff_deactivate", false, false, ADMINS},
    {"audit_read", false, false, ADMINS},
    {"settings_read", false, false, ADMINS},
    {"settings_write", false, false, ADMINS},
};

static enum sup_grant expected(size_t i, enum sup_role role)
{
    if (role == SUP_ROLE_ANONYMOUS)
        return want[i].anonymous ? SUP_GRANT_ALL : SUP_GRANT_NONE;
    if (role == SUP_ROLE_CUSTOMER && want[i].anonymous)
        return SUP_GRANT_ALL;
    if (role == SUP_ROLE_CUSTOMER)
        return want[i].customer ? SUP_GRANT_OWN : SUP_GRANT_NONE;
    if (role < want[i].least_staff)
        return SUP_GRANT_NONE;
    return role == SUP_ROLE_AGENT       ? want[i].agent
           : role == SUP_ROLE_TEAM_LEAD ? want[i].lead
                                        : want[i].above;
}

START_TEST(each_role_may_do_exactly_what_it_should)
{
    ck_assert_uint_eq(sizeof(want) / sizeof(want[0]), SUP_OPS);
    bool seen[SUP_OPS] = {false};
    for (size_t i = 0; i < SUP_OPS; i++) {
        enum sup_op op = SUP_OPS;
        ck_assert_msg(sup_op_parse(want[i].op, &op) == SUP_OK, "%s", want[i].op);
        ck_assert(!seen[op]);
        seen[op] = true;
        for (unsigned role = 0; role < SUP_ROLES; role++)
            ck_assert_msg(sup_permission((enum sup_role)role, op) ==
                              expected(i, (enum sup_role)role),
                          "%s x %s", sup_role_name((enum sup_role)role), want[i].op);
    }
}
END_TEST

START_TEST(each_staff_role_has_all_of_the_one_below)
{
    for (unsigned op = 0; op < SUP_OPS; op++)
        for (unsigned role = SUP_ROLE_AGENT; role + 1 < SUP_ROLES; role++)
            ck_assert_msg(sup_permission((enum sup_role)role, (enum sup_op)op) <=
                              sup_permission((enum sup_role)(role + 1), (enum sup_op)op),
                          "%s", sup_op_name((enum sup_op)op));
}
END_TEST

START_TEST(the_decision_follows_the_relation)
{
    ck_assert(sup_permission_allows(SUP_ROLE_CUSTOMER, SUP_OP_CHAT_READ, SUP_RELATION_OWN));
    ck_assert(!sup_permission_allows(SUP_ROLE_CUSTOMER, SUP_OP_CHAT_READ, SUP_RELATION_TEAM));
    ck_assert(!sup_permission_allows(SUP_ROLE_CUSTOMER, SUP_OP_CHAT_READ, SUP_RELATION_OTHER));
    ck_assert(sup_permission_allows(SUP_ROLE_TEAM_LEAD, SUP_OP_CHAT_READ, SUP_RELATION_OWN));
    ck_assert(sup_permission_allows(SUP_ROLE_TEAM_LEAD, SUP_OP_CHAT_READ, SUP_RELATION_TEAM));
    ck_assert(!sup_permission_allows(SUP_ROLE_TEAM_LEAD, SUP_OP_CHAT_READ, SUP_RELATION_OTHER));
    ck_assert(sup_permission_allows(SUP_ROLE_SUPERVISOR, SUP_OP_CHAT_READ, SUP_RELATION_OTHER));
    for (unsigned relation = 0; relation <= SUP_RELATION_OTHER; relation++) {
        enum sup_relation r = (enum sup_relation)relation;
        ck_assert(!sup_permission_allows(SUP_ROLE_ANONYMOUS, SUP_OP_CHAT_READ, r));
        ck_assert(!sup_permission_allows(SUP_ROLE_SUPERVISOR, SUP_OP_AUDIT_READ, r));
        ck_assert(!sup_permission_allows(SUP_ROLES, SUP_OP_PAGE_READ, r));
        ck_assert(!sup_permission_allows(SUP_ROLE_SUPER_ADMIN, SUP_OPS, r));
    }
}
END_TEST

START_TEST(names_are_stable_and_parse)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    enum sup_role role = SUP_ROLES;
    enum sup_op op = SUP_OPS;
    for (unsigned i = 0; i < SUP_ROLES; i++) {
        ck_assert_int_eq(sup_role_parse(sup_role_name((enum sup_role)i), &role), SUP_OK);
        ck_assert_uint_eq(role, i);
        ck_assert(sup_role_is_staff(role) == (i >= SUP_ROLE_AGENT));
    }
    for (unsigned i = 0; i < SUP_OPS; i++) {
        const char *name = sup_op_name((enum sup_op)i);
        ck_assert_ptr_nonnull(name);
        ck_assert_uint_eq(strspn(name, letters), strlen(name));
        ck_assert_int_eq(sup_op_parse(name, &op), SUP_OK);
        ck_assert_uint_eq(op, i);
    }
    ck_assert_int_eq(sup_role_parse("root", &role), SUP_E_NOTFOUND);
    ck_assert_int_eq(sup_role_parse("", &role), SUP_E_NOTFOUND);
    ck_assert_int_eq(sup_op_parse("chat", &op), SUP_E_NOTFOUND);
    ck_assert_ptr_null(sup_role_name(SUP_ROLES));
    ck_assert_ptr_null(sup_op_name(SUP_OPS));
    ck_assert(!sup_role_is_staff(SUP_ROLES));
}
END_TEST

SUP_CHECK_MAIN("permission", NULL, NULL, each_role_may_do_exactly_what_it_should,
               each_staff_role_has_all_of_the_one_below, the_decision_follows_the_relation,
               names_are_stable_and_parse)
