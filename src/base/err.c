#include "supportd/base/err.h"

const char *sup_err_name(sup_err err)
{
    switch (err) {
    case SUP_OK:
        return "ok";
    case SUP_E_NOMEM:
        return "nomem";
    case SUP_E_INVAL:
        return "inval";
    case SUP_E_MALFORMED:
        return "malformed";
    case SUP_E_STATE:
        return "state";
    case SUP_E_NOTFOUND:
        return "notfound";
    case SUP_E_DENIED:
        return "denied";
    case SUP_E_CONFLICT:
        return "conflict";
    case SUP_E_LIMIT:
        return "limit";
    case SUP_E_TIMEOUT:
        return "timeout";
    case SUP_E_CLOSED:
        return "closed";
    case SUP_E_DB:
        return "db";
    case SUP_E_CRYPTO:
        return "crypto";
    case SUP_E_IO:
        return "io";
    case SUP_E_UNSUPPORTED:
        return "unsupported";
    }
    return "unknown";
}
