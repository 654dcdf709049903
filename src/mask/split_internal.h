/* The text of one message as a possible part of a split number (split_find.c, used by split.c). */
#ifndef SUPPORTD_MASK_SPLIT_INTERNAL_H
#define SUPPORTD_MASK_SPLIT_INTERNAL_H
#include "mask_internal.h"

/* Digits [first, end) of a scan. */
struct digit_run {
    size_t first, end;
};

struct split_view {
    struct scan scan;
    struct digit_run head, tail; /* first and last run; equal when there is one */
    bool opens;                  /* tail may begin a number */
    bool closes;                 /* head may end one */
    bool whole;                  /* may stand in the middle: one run that is both */
    struct digit_run stars;      /* found: digits that become '*' */
    struct digit_run part;       /* found: digits of the number */
};

/* text is borrowed; view->scan is left for scan_fini() in any case. Errors: as scan_init(). */
SUP_MUST_CHECK sup_err split_view_init(struct split_view *view, const struct lexicon *lex,
                                       const char *text, size_t len);
/* Whether the last of views[count] completes a number with those before it; then *ret_first is the
 * first view of it, and stars and part are set in all from there. */
bool split_find(struct split_view *views, size_t count, size_t *ret_first);
/* Appends the text with the stars. report (may be NULL) is of the text as it was: its spans are
 * moved and the part is counted. Errors: as sup_buf_add(). */
SUP_MUST_CHECK sup_err split_view_write(const struct split_view *view, struct sup_buf *out,
                                        struct sup_mask_report *report);
#endif
