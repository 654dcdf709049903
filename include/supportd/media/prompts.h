/* Spoken prompts for callers who wait, and the notice of recordings by language: Ogg Opus files,
 * one folder per language.
 *
 *     DIR/en/please_wait.opus           required: also for places that have no file of their own
 *     DIR/en/position_1.opus ...        "you are the next", "there is one caller before you", ...
 *     DIR/en/recording_notice.opus  may be missing
 *     DIR/sw/...
 *
 * Layer:  media. Reads files when opened (at start), then only memory.
 * Thread: immutable after creation. Owned by the creator; legs borrow single prompts.
 * Source: RFC 7845; the files are read as hold music is (hold.h). */
#ifndef SUPPORTD_MEDIA_PROMPTS_H
#define SUPPORTD_MEDIA_PROMPTS_H
#include <stddef.h>

#include "supportd/base/err.h"
#include "supportd/media/hold.h"

enum {
    SUP_PROMPTS_LANGUAGES_MAX = 16,
    SUP_PROMPTS_POSITIONS_MAX = 50,
    SUP_PROMPT_PACKETS_MAX = 1000, /* 20 s */
    SUP_PROMPTS_FILE_MAX = 320,    /* of a name in an error, with its NUL */
};

struct sup_prompts; /* opaque */

/* What was wrong with which file. */
struct sup_prompts_error {
    char file[SUP_PROMPTS_FILE_MAX]; /* relative to the folder */
    const char *why;                 /* static */
};

/* Reads every folder of dir whose name is that of a language (two or three small letters, perhaps
 * with a region: "en", "sw", "pt-br"); other entries are left alone. Positions count from 1 on
 * without a gap; files behind a gap are refused. *ret_error is set on failure.
 * Errors: SUP_E_IO (folder), SUP_E_NOTFOUND (no language, or no please_wait.opus), SUP_E_LIMIT,
 * SUP_E_MALFORMED, SUP_E_UNSUPPORTED, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_prompts_open(const char *dir, struct sup_prompts **ret_prompts,
                                        struct sup_prompts_error *ret_error);
void sup_prompts_destroy(struct sup_prompts *prompts); /* NULL is a no-op */

size_t sup_prompts_languages(const struct sup_prompts *prompts);
/* What to play to a caller at position (from 1; 0: please_wait) who speaks language (may be NULL or
 * ""). The language itself, else without its region, else "en", else the first by name. Borrowed.
 */
const struct sup_hold *sup_prompts_find(const struct sup_prompts *prompts, const char *language,
                                        unsigned position);
/* What tells who speaks language (may be NULL or "") that a call is recorded: of the language
 * itself, else without its region, else NULL. Borrowed. */
const struct sup_hold *sup_prompts_notice(const struct sup_prompts *prompts, const char *language);
#endif
