#include "supportd/auth/permission.h"

#include <string.h>

/* One letter a role, in the order of enum sup_role: '-' none, 'o' own, 't' team, 'a' all. */
struct op_row {
    const char *name;
    char grants[SUP_ROLES + 1];
};

static const struct op_row ops[SUP_OPS] = {
    /* anonymous, customer, agent, team_lead, supervisor, admin, super_admin */
    [SUP_OP_PAGE_READ] = {"page_read", "aaaaaaa"},
    [SUP_OP_HEALTH_READ] = {"health_read", "aaaaaaa"},
    [SUP_OP_METRICS_READ] = {"metrics_read", "aaaaaaa"}, /* by address: metrics.allow */
    [SUP_OP_WIDGET_CONFIG_READ] = {"widget_config_read", "aaaaaaa"},
    [SUP_OP_SESSION_CREATE] = {"session_create", "aaaaaaa"}, /* logging in again replaces */
    [SUP_OP_SESSION_READ] = {"session_read", "--ooooo"},
    [SUP_OP_SESSION_DELETE] = {"session_delete", "--ooooo"},
    [SUP_OP_WS_TICKET] = {"ws_ticket", "-oooooo"},
    [SUP_OP_WS_CONNECT] = {"ws_connect", "-oooooo"},
    [SUP_OP_ME_READ] = {"me_read", "-oooooo"},
    [SUP_OP_PRESENCE_SET] = {"presence_set", "--ooooo"},
    [SUP_OP_AUTO_ANSWER_SET] = {"auto_answer_set", "--ooooo"},
    [SUP_OP_WRAP_UP] = {"wrap_up", "--ooooo"},
    [SUP_OP_PASSWORD_SET] = {"password_set", "--ooooo"},
    [SUP_OP_CUSTOMER_READ] = {"customer_read", "--otaaa"},
    [SUP_OP_CHAT_START] = {"chat_start", "-o-----"},
    [SUP_OP_CHAT_LIST] = {"chat_list", "-ootaaa"},
    [SUP_OP_CHAT_READ] = {"chat_read", "-ootaaa"},
    [SUP_OP_CHAT_READ_HISTORY] = {"chat_read_history", "-ootaaa"},
    [SUP_OP_CHAT_SEND] = {"chat_send", "-oooooo"},
    [SUP_OP_CHAT_RECEIPT] = {"chat_receipt", "-oooooo"},
    [SUP_OP_CHAT_TYPING] = {"chat_typing", "-oooooo"},
    [SUP_OP_CHAT_CLOSE] = {"chat_close", "-ootaaa"},
    [SUP_OP_CHAT_REQUEUE] = {"chat_requeue", "--otaaa"},
    [SUP_OP_CHAT_READ_NOTES] = {"chat_read_notes", "--otaaa"},
    [SUP_OP_CHAT_NOTE] = {"chat_note", "--otaaa"},
    [SUP_OP_CHAT_TAG] = {"chat_tag", "--otaaa"},
    [SUP_OP_CHAT_READ_ROUTING] = {"chat_read_routing", "--otaaa"},
    [SUP_OP_QUEUE_READ] = {"queue_read", "--otaaa"},
    [SUP_OP_QUEUE_PICK] = {"queue_pick", "--otaaa"},
    [SUP_OP_OFFER_LIST] = {"offer_list", "--ooooo"},
    [SUP_OP_OFFER_ACCEPT] = {"offer_accept", "--ooooo"},
    [SUP_OP_OFFER_DECLINE] = {"offer_decline", "--ooooo"},
    [SUP_OP_CALL_START] = {"call_start", "-o-----"},
    [SUP_OP_CALL_LIST] = {"call_list", "-ootaaa"},
    [SUP_OP_CALL_READ] = {"call_read", "-ootaaa"},
    [SUP_OP_CALL_SIGNAL] = {"call_signal", "-oooooo"},
    [SUP_OP_CALL_MUTE] = {"call_mute", "-oooooo"},
    [SUP_OP_CALL_STATS] = {"call_stats", "-oooooo"},
    [SUP_OP_CALL_END] = {"call_end", "-oooooo"},
    [SUP_OP_CALL_CONSULT] = {"call_consult", "--ooooo"},
    [SUP_OP_CALL_SUPERVISE] = {"call_supervise", "---taaa"},
    [SUP_OP_CALL_RECORD] = {"call_record", "--ooooo"},
    [SUP_OP_RECORDING_LIST] = {"recording_list", "--otaaa"}, /* an agent: by setting */
    [SUP_OP_RECORDING_PLAY] = {"recording_play", "--otaaa"},
    [SUP_OP_CALL_HOLD] = {"call_hold", "--ooooo"},
    [SUP_OP_CALL_TRANSFER] = {"call_transfer", "--ooooo"},
    [SUP_OP_CALL_RING] = {"call_ring", "--ooooo"},
    [SUP_OP_CALL_CALLBACK] = {"call_callback", "-o-----"},
    [SUP_OP_CALL_ANSWER] = {"call_answer", "-o-----"},
    [SUP_OP_CALL_RATE] = {"call_rate", "-o-----"},
    [SUP_OP_CALL_READ_MISSED] = {"call_read_missed", "--ttaaa"},
    [SUP_OP_CALL_READ_LIVE] = {"call_read_live", "---taaa"},
    [SUP_OP_STAFF_LIST] = {"staff_list", "-----aa"},
    [SUP_OP_STAFF_CREATE] = {"staff_create", "-----aa"},
    [SUP_OP_STAFF_SET_ROLE] = {"staff_set_role", "-----aa"},
    [SUP_OP_STAFF_GRANT_ADMIN] = {"staff_grant_admin", "------a"},
    [SUP_OP_STAFF_DEACTIVATE] = {"staff_deactivate", "-----aa"},
    [SUP_OP_AUDIT_READ] = {"audit_read", "-----aa"},
    [SUP_OP_SETTINGS_READ] = {"settings_read", "-----aa"},
    [SUP_OP_SETTINGS_WRITE] = {"settings_write", "-----aa"},
};

static const char *const roles[SUP_ROLES] = {"anonymous",  "customer", "agent",      "team_lead",
                                             "supervisor", "admin",    "super_admin"};

const char *sup_role_name(enum sup_role role)
{
    return (unsigned)role < SUP_ROLES ? roles[role] : NULL;
}

sup_err sup_role_parse(const char *name, enum sup_role *ret_role)
{
    for (unsigned i = 0; i < SUP_ROLES; i++) {
        if (strcmp(name, roles[i]) == 0) {
            *ret_role = (enum sup_role)i;
            return SUP_OK;
        }
    }
    return SUP_E_NOTFOUND;
}

bool sup_role_is_staff(enum sup_role role)
{
    return role >= SUP_ROLE_AGENT && role < SUP_ROLES;
}

const char *sup_op_name(enum sup_op op)
{
    return (unsigned)op < SUP_OPS ? ops[op].name : NULL;
}

sup_err sup_op_parse(const char *name, enum sup_op *ret_op)
{
    for (unsigned i = 0; i < SUP_OPS; i++) {
        if (strcmp(name, ops[i].name) == 0) {
            *ret_op = (enum sup_op)i;
            return SUP_OK;
        }
    }
    return SUP_E_NOTFOUND;
}

enum sup_grant sup_permission(enum sup_role role, enum sup_op op)
{
    if ((unsigned)role >= SUP_ROLES || (unsigned)op >= SUP_OPS)
        return SUP_GRANT_NONE;
    switch (ops[op].grants[role]) {
    case 'o':
        return SUP_GRANT_OWN;
    case 't':
        return SUP_GRANT_TEAM;
    case 'a':
        return SUP_GRANT_ALL;
    default:
        return SUP_GRANT_NONE;
    }
}

bool sup_permission_allows(enum sup_role role, enum sup_op op, enum sup_relation relation)
{
    switch (sup_permission(role, op)) {
    case SUP_GRANT_OWN:
        return relation == SUP_RELATION_OWN;
    case SUP_GRANT_TEAM:
        return relation == SUP_RELATION_OWN || relation == SUP_RELATION_TEAM;
    case SUP_GRANT_ALL:
        return true;
    case SUP_GRANT_NONE:
        break;
    }
    return false;
}
