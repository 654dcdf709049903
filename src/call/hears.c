#include "supportd/call/hears.h"

static bool converses(enum sup_call_role role, const struct sup_call_situation *s)
{
    switch (role) {
    case SUP_CALL_ROLE_AGENT:
    case SUP_CALL_ROLE_BARGE:
        return true;
    case SUP_CALL_ROLE_CUSTOMER:
        return !s->held && s->talk != SUP_CALL_TALK_COLLEAGUE;
    case SUP_CALL_ROLE_CONSULT:
        return s->talk != SUP_CALL_TALK_CUSTOMER;
    default:
        return false;
    }
}

bool sup_call_hears(enum sup_call_role listener, enum sup_call_role speaker,
                    const struct sup_call_situation *situation)
{
    bool overhears = listener == SUP_CALL_ROLE_LISTEN || listener == SUP_CALL_ROLE_WHISPER;
    if (speaker == SUP_CALL_ROLE_WHISPER)
        return listener == SUP_CALL_ROLE_AGENT;
    return converses(speaker, situation) && (overhears || converses(listener, situation));
}
