#include "supportd/net/http.h"

struct reason {
    unsigned status;
    const char *phrase;
};

/* RFC 9110 section 15, RFC 6585. */
static const struct reason reasons[] = {
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *sup_http_reason(unsigned status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].phrase;
    return "Error";
}

static bool set_text(json_t *object, const char *key, const char *text)
{
    return !text || json_object_set_new(object, key, json_string(text)) == 0;
}

json_t *sup_problem_json(const struct sup_problem *problem)
{
    json_t *object = json_object();
    const char *title = problem->title ? problem->title : sup_http_reason(problem->status);
    json_int_t retry_ms = (json_int_t)((problem->retry_after_us + 999) / 1000);
    bool ok =
        object && set_text(object, "title", title) &&
        json_object_set_new(object, "status", json_integer((json_int_t)problem->status)) == 0 &&
        set_text(object, "code", problem->code) && set_text(object, "detail", problem->detail) &&
        set_text(object, "field", problem->field) &&
        (retry_ms == 0 ||
         json_object_set_new(object, "retry_after_ms", json_integer(retry_ms)) == 0);
    if (!ok) {
        json_decref(object);
        return NULL;
    }
    return object;
}
