#include <string.h>

#include "api_internal.h"

/* The one table of refusals; docs/errors.md is held to it by a test. Sorted by status. */
static const struct api_error errors[] = {
    {"malformed", 400, "Not understood"},
    {"bad_argument", 400, "Not understood"},
    {"wrong_type", 400, "Wrong type"},
    {"unknown_field", 400, "Unknown field"},
    {"unknown_type", 400, "Unknown frame type"},
    {"not_an_id", 400, "Not an id"},
    {"missing", 400, "Field missing"},
    {"unauthenticated", 401, "Not signed in"},
    {"token_invalid", 401, "Token not accepted"},
    {"token_expired", 401, "Token expired"},
    {"ticket_invalid", 401, "Ticket not accepted"},
    {"session_expired", 401, "Session expired"},
    {"bad_credentials", 401, "Wrong e-mail or password"},
    {"no_actor", 401, "Not signed in"},
    {"denied", 403, "Not allowed"},
    {"origin_refused", 403, "Origin not allowed"},
    {"csrf_refused", 403, "CSRF token missing or wrong"},
    {"feature_off", 403, "Switched off"},
    {"not_found", 404, "Not found"},
    {"chat_not_found", 404, "No such chat"},
    {"call_not_found", 404, "No such call"},
    {"offer_not_found", 404, "No such offer"},
    {"entry_not_found", 404, "No such queue entry"},
    {"staff_not_found", 404, "No such staff member"},
    {"setting_not_found", 404, "No such setting"},
    {"process_not_found", 404, "No such process"},
    {"chat_closed", 409, "The chat is closed"},
    {"not_assigned", 409, "The chat is not assigned to you"},
    {"call_live", 409, "End the call first"},
    {"call_ended", 409, "The call has ended"},
    {"not_allowed_now", 409, "Not possible in this state"},
    {"offer_gone", 409, "The offer is gone"},
    {"over_capacity", 409, "No capacity left"},
    {"taken", 409, "Taken"},
    {"last_super_admin", 409, "The last super admin"},
    {"already_open", 409, "Already open"},
    {"too_long", 422, "Value refused"},
    {"too_short", 422, "Value refused"},
    {"out_of_range", 422, "Value refused"},
    {"key_mismatch", 422, "Keys differ"},
    {"sdp_refused", 422, "Session description refused"},
    {"candidate_refused", 422, "Candidate refused"},
    {"text_refused", 422, "Text cannot be checked"},
    {"rate_limited", 429, "Too many requests"},
    {"too_many_chats", 429, "Too many chats"},
    {"locked", 429, "Too many failed attempts"},
    {"internal_error", 500, "Internal error"},
    {"overloaded", 503, "Busy"},
    {"unavailable", 503, "Not available now"},
};

const struct api_error *api_error_find(const char *code)
{
    const struct api_error *internal = NULL;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (strcmp(errors[i].code, code) == 0)
            return &errors[i];
        if (strcmp(errors[i].code, "internal_error") == 0)
            internal = &errors[i];
    }
    return internal;
}

const struct api_error *api_error_at(size_t index)
{
    return index < sizeof(errors) / sizeof(errors[0]) ? &errors[index] : NULL;
}
