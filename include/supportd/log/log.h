/* Structured log lines: one JSON object a line on a file descriptor.
 *
 * Layer:  log. Thread: any (one write per line).
 * Source: STYLE 2.2 rule 13. The text is constant, values are fields; never message text, tokens,
 * SDP passwords or phone numbers. */
#ifndef SUPPORTD_LOG_LOG_H
#define SUPPORTD_LOG_LOG_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"

enum sup_log_level { SUP_LOG_DEBUG, SUP_LOG_INFO, SUP_LOG_WARN, SUP_LOG_ERROR };

/* One field; build with the macros. */
struct sup_log_field {
    const char *key;
    enum { SUP_LOG_STR, SUP_LOG_INT, SUP_LOG_NUM } kind;
    const char *str;
    int64_t num;
    double real;
};

#define SUP_STR(k, v) ((struct sup_log_field){.key = (k), .kind = SUP_LOG_STR, .str = (v)})
#define SUP_INT(k, v) ((struct sup_log_field){.key = (k), .kind = SUP_LOG_INT, .num = (int64_t)(v)})
#define SUP_NUM(k, v) ((struct sup_log_field){.key = (k), .kind = SUP_LOG_NUM, .real = (v)})

/* Lines below level are dropped. fd is borrowed. The default is SUP_LOG_INFO on standard error.
 * More than lines_per_second of one text (0: no limit) are dropped and counted in the next line. */
void sup_log_setup(enum sup_log_level level, int fd, unsigned lines_per_second);
/* Parses "debug", "info", "warn", "error". Errors: SUP_E_INVAL. */
SUP_MUST_CHECK sup_err sup_log_level_parse(const char *name, enum sup_log_level *ret_level);

/* area: folder name; text: constant; then struct sup_log_field values, ended by SUP_LOG_END, which
 * the macros below add. Strings are cut at 256 bytes. */
void sup_log_line(enum sup_log_level level, const char *area, const char *text, ...);

#define SUP_LOG_END ((struct sup_log_field){.key = NULL})
/* sup_log_info("pg", "connected", SUP_INT("conn", 1), SUP_STR("host", host)); */
#define sup_log_debug(...) sup_log_line(SUP_LOG_DEBUG, __VA_ARGS__, SUP_LOG_END)
#define sup_log_info(...) sup_log_line(SUP_LOG_INFO, __VA_ARGS__, SUP_LOG_END)
#define sup_log_warn(...) sup_log_line(SUP_LOG_WARN, __VA_ARGS__, SUP_LOG_END)
#define sup_log_error(...) sup_log_line(SUP_LOG_ERROR, __VA_ARGS__, SUP_LOG_END)
#endif
