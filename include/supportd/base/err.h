/* Error codes shared by every folder.
 *
 * Layer: base. Source: STYLE 2.2 rule 6. A code exists only where some caller treats it apart. */
#ifndef SUPPORTD_BASE_ERR_H
#define SUPPORTD_BASE_ERR_H

#define SUP_MUST_CHECK __attribute__((warn_unused_result))
#define SUP_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))

typedef enum sup_err {
    SUP_OK = 0,
    SUP_E_NOMEM = -1,
    SUP_E_INVAL = -2,     /* argument or configuration out of range */
    SUP_E_MALFORMED = -3, /* input from outside does not parse */
    SUP_E_STATE = -4,     /* not possible in the present state */
    SUP_E_NOTFOUND = -5,
    SUP_E_DENIED = -6,
    SUP_E_CONFLICT = -7,
    SUP_E_LIMIT = -8, /* a stated size, count or rate is exceeded */
    SUP_E_TIMEOUT = -9,
    SUP_E_CLOSED = -10,
    SUP_E_DB = -11,
    SUP_E_CRYPTO = -12,
    SUP_E_IO = -13,
    SUP_E_UNSUPPORTED = -14,
} sup_err;

/* Short stable name ("nomem", "inval", ...), "unknown" for anything else; static storage. */
const char *sup_err_name(sup_err err);
#endif
