/* Who hears whom in a call: the rule, without legs.
 *
 * Layer:  call. Pure.
 * Source: SPEC 4 (warm transfer, supervision).
 * The agent is always in the conversation. The customer is, unless on hold or while the agent talks
 * with a colleague; the colleague is, unless the agent talks with the customer; who barges in is.
 * All in the conversation hear each other. Who listens or whispers hears all of it; a whisper
 * reaches the agent alone, a listener nobody. */
#ifndef SUPPORTD_CALL_HEARS_H
#define SUPPORTD_CALL_HEARS_H
#include <stdbool.h>

enum sup_call_role {
    SUP_CALL_ROLE_CUSTOMER,
    SUP_CALL_ROLE_AGENT,
    SUP_CALL_ROLE_CONSULT,
    SUP_CALL_ROLE_LISTEN,
    SUP_CALL_ROLE_WHISPER,
    SUP_CALL_ROLE_BARGE,
    SUP_CALL_ROLES,
};

/* With whom the agent talks. */
enum sup_call_talk {
    SUP_CALL_TALK_ALL, /* also without a colleague */
    SUP_CALL_TALK_CUSTOMER,
    SUP_CALL_TALK_COLLEAGUE,
};

struct sup_call_situation {
    bool held;
    enum sup_call_talk talk;
};

bool sup_call_hears(enum sup_call_role listener, enum sup_call_role speaker,
                    const struct sup_call_situation *situation);
#endif
