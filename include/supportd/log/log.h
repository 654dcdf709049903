/* Structured log lines: one JSON object a line on a file descriptor.
 *
 * Layer:  log. Thread: any (one write per line).
 * Source: STYLE 2.2 rule 13. The text is constant, values are fields; never message text, tokens,
 * SDP passwords or phone numbers. */
#ifndef SUPPORTD_LOG_LOG_H
#define SUPPORTD_LOG_LOG_H
#include <stdint.h>

#include "supportd/base/err.h"

enum sup_log_level { SUP_LOG_DEBUG, SUP_LOG_INFO, SUP_LOG_WARN, SUP_LOG_ERROR };

/* One field; build with the macros. The list ends with SUP_LOG_END (sup_log() adds it). */
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

/* area: folder name; text: constant; fields end with key NULL. Strings are cut at 256 bytes. */
void sup_log_write(enum sup_log_level level, const char *area, const char *text,
                   const struct sup_log_field *fields);

#define sup_log(level, area, text, ...)                                                            \
    sup_log_write((level), (area), (text),                                                         \
                  (const struct sup_log_field[]){__VA_ARGS__ __VA_OPT__(, ){.key = NULL}})
#define sup_log_debug(area, text, ...) sup_log(SUP_LOG_DEBUG, area, text __VA_OPT__(, ) __VA_ARGS__)
#define sup_log_info(area, text, ...) sup_log(SUP_LOG_INFO, area, text __VA_OPT__(, ) __VA_ARGS__)
#define sup_log_warn(area, text, ...) sup_log(SUP_LOG_WARN, area, text __VA_OPT__(, ) __VA_ARGS__)
#define sup_log_error(area, text, ...) sup_log(SUP_LOG_ERROR, area, text __VA_OPT__(, ) __VA_ARGS__)
#endif
