/* Who may do what: one table of operations and roles.
 *
 * Layer:  auth. Pure. Thread: any.
 * Source: SPEC 1 (roles), docs/protocol.md (routes and frames). Row level security decides the same
 * once more in the database; this table decides first, and names the operation.
 *
 * Every REST route and every WebSocket frame type belongs to one operation. A role that is refused
 * gets 403 (or 404 where the object is not its own), whatever the object. */
#ifndef SUPPORTD_AUTH_PERMISSION_H
#define SUPPORTD_AUTH_PERMISSION_H
#include <stdbool.h>
#include <stddef.h>

#include "supportd/base/err.h"

enum sup_role {
    SUP_ROLE_ANONYMOUS, /* nobody is logged in */
    SUP_ROLE_CUSTOMER,
    SUP_ROLE_AGENT, /* from here on staff; each has all that the one before has */
    SUP_ROLE_TEAM_LEAD,
    SUP_ROLE_SUPERVISOR,
    SUP_ROLE_ADMIN,
    SUP_ROLE_SUPER_ADMIN,
    SUP_ROLES, /* their count */
};

/* How far an operation reaches. */
enum sup_grant {
    SUP_GRANT_NONE, /* refused */
    SUP_GRANT_OWN,  /* a customer: own rows. Staff: themselves, what is assigned or offered to them,
                       and what waits where they may pick it */
    SUP_GRANT_TEAM, /* also rows of the own team */
    SUP_GRANT_ALL,
};

/* What an object is to the person. */
enum sup_relation {
    SUP_RELATION_OWN,
    SUP_RELATION_TEAM,
    SUP_RELATION_OTHER,
};

enum sup_op {
    SUP_OP_PAGE_READ,
    SUP_OP_HEALTH_READ,
    SUP_OP_METRICS_READ,
    SUP_OP_WIDGET_CONFIG_READ,
    SUP_OP_SESSION_CREATE,
    SUP_OP_SESSION_READ,
    SUP_OP_SESSION_DELETE,
    SUP_OP_WS_TICKET,
    SUP_OP_WS_CONNECT,
    SUP_OP_ME_READ,
    SUP_OP_PRESENCE_SET,
    SUP_OP_AUTO_ANSWER_SET,
    SUP_OP_WRAP_UP,
    SUP_OP_PASSWORD_SET,
    SUP_OP_CUSTOMER_READ,
    SUP_OP_CHAT_START,
    SUP_OP_CHAT_LIST,
    SUP_OP_CHAT_READ,
    SUP_OP_CHAT_READ_HISTORY,
    SUP_OP_CHAT_SEND,
    SUP_OP_CHAT_RECEIPT,
    SUP_OP_CHAT_TYPING,
    SUP_OP_CHAT_CLOSE,
    SUP_OP_CHAT_REQUEUE,
    SUP_OP_CHAT_READ_NOTES,
    SUP_OP_CHAT_NOTE,
    SUP_OP_CHAT_TAG,
    SUP_OP_CHAT_READ_ROUTING,
    SUP_OP_QUEUE_READ,
    SUP_OP_QUEUE_PICK,
    SUP_OP_OFFER_LIST,
    SUP_OP_OFFER_ACCEPT,
    SUP_OP_OFFER_DECLINE,
    SUP_OP_CALL_START,
    SUP_OP_CALL_LIST,
    SUP_OP_CALL_READ,
    SUP_OP_CALL_SIGNAL,
    SUP_OP_CALL_MUTE,
    SUP_OP_CALL_STATS,
    SUP_OP_CALL_END,
    SUP_OP_CALL_CONSULT,
    SUP_OP_CALL_SUPERVISE,
    SUP_OP_CALL_RECORD,
    SUP_OP_RECORDING_LIST,
    SUP_OP_RECORDING_PLAY,
    SUP_OP_CALL_HOLD,
    SUP_OP_CALL_TRANSFER,
    SUP_OP_CALL_RING, /* a callback, at the customer */
    SUP_OP_CALL_CALLBACK,
    SUP_OP_CALL_ANSWER, /* or decline, a callback */
    SUP_OP_CALL_RATE,
    SUP_OP_CALL_READ_MISSED,
    SUP_OP_CALL_READ_LIVE,
    SUP_OP_STAFF_LIST,
    SUP_OP_STAFF_CREATE,
    SUP_OP_STAFF_SET_ROLE,
    SUP_OP_STAFF_GRANT_ADMIN, /* besides create or set_role, when the role is admin or above */
    SUP_OP_STAFF_DEACTIVATE,
    SUP_OP_AUDIT_READ,
    SUP_OP_SETTINGS_READ,
    SUP_OP_SETTINGS_WRITE,
    SUP_OPS, /* their count: iterate from 0 */
};

/* "customer", "team_lead", ... as support_staff and the protocol spell them; static. NULL when out
 * of range. */
const char *sup_role_name(enum sup_role role);
/* Any name of sup_role_name(). Errors: SUP_E_NOTFOUND. */
SUP_MUST_CHECK sup_err sup_role_parse(const char *name, enum sup_role *ret_role);
bool sup_role_is_staff(enum sup_role role);

/* "chat_send", ... for audit, logs and metrics; static. NULL when out of range. */
const char *sup_op_name(enum sup_op op);
/* Errors: SUP_E_NOTFOUND. */
SUP_MUST_CHECK sup_err sup_op_parse(const char *name, enum sup_op *ret_op);

/* The table's cell; SUP_GRANT_NONE for what is out of range. */
enum sup_grant sup_permission(enum sup_role role, enum sup_op op);
/* The decision on one object. */
bool sup_permission_allows(enum sup_role role, enum sup_op op, enum sup_relation relation);
#endif
