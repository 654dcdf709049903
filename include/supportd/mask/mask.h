/* Masking of sensitive data in text: cards, IBANs, accounts, and secrets told by their context.
 *
 * Layer:  mask. Pure: no I/O, no clock, no log. Includes base, and PCRE2 for custom patterns.
 * Thread: a rule set is read-only after creation; any number of threads may apply it.
 * Source: SPEC 3; ISO/IEC 7812 (card prefixes, Luhn), ISO 13616 (IBAN structures, mod 97),
 *         Unicode 14 (digits, spaces, dashes, format characters).
 *
 * What is found. "Digits" are all decimal digits of Unicode and the circled, raised and keycap
 * ones; format characters (zero width, soft hyphen, marks) between characters never count.
 *  card        13-19 digits, known prefix with a length its brand issues, Luhn; between the digits
 *              spaces, dots, dashes of any kind (at most 8 in one place), or a slash, comma, bar or
 *              the like when the grouping is a card's; also spelled digit by digit in words
 *  iban        country, structure of that country, mod 97; spaces, dots, dashes between
 *  account,    a configured format; unless the format is bare, only where a word that names it
 *  national_id stands before (and no word for another number, such as "phone", between them) or a
 *              few filler words behind. Before means at most 10 words for a format with two or more
 *              literal places, else only filler words or an "is" between
 *  cvv, pin,   numbers of a fitting length after a key word ("pin yangu ni 48 21", a few filler
 *  otp         words between) or before it ("4821 is my pin"); cvv also right behind a card
 *  password    the chunk after a key word and is/ni/":"/"=", or before "is my password"; a chunk
 *              that looks random also without them
 *  custom      PCRE2 patterns of the bank
 * Overlap: a custom match swallows what it overlaps; otherwise the first in the order iban, card,
 * national_id, account, cvv/pin/otp, password stays.
 *
 * Output: card "**** **** **** 1111" (whatever its length); iban and account "****1234" (the last 4
 * as ASCII); all others "****". Text that is not masked is unchanged, byte for byte.
 *
 * Cost: the built-in rules are linear in the text. Custom patterns are bounded by their limits. */
#ifndef SUPPORTD_MASK_MASK_H
#define SUPPORTD_MASK_MASK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"

enum sup_mask_category {
    SUP_MASK_CARD,
    SUP_MASK_CVV,
    SUP_MASK_PIN,
    SUP_MASK_OTP,
    SUP_MASK_PASSWORD,
    SUP_MASK_IBAN,
    SUP_MASK_ACCOUNT,
    SUP_MASK_NATIONAL_ID,
    SUP_MASK_CUSTOM,
    SUP_MASK_CATEGORIES, /* their count */
};

#define SUP_MASK_BIT(category) (1u << (category))

/* "card", "cvv", ... (SPEC 3); NULL when out of range. Static storage. */
const char *sup_mask_category_name(enum sup_mask_category category);
/* The category of a name. Errors: SUP_E_NOTFOUND. */
SUP_MUST_CHECK sup_err sup_mask_category_parse(const char *name,
                                               enum sup_mask_category *ret_category);

enum {
    SUP_MASK_MAX_FORMATS = 64,
    SUP_MASK_MAX_PATTERNS = 64,
    SUP_MASK_MAX_WORDS = 256,
    SUP_MASK_MAX_SPANS = 64,            /* listed in a report; masking itself has no such limit */
    SUP_MASK_MAX_CUSTOM_MATCHES = 128,  /* of one pattern in one text; more: SUP_E_LIMIT */
    SUP_MASK_DEFAULT_MAX_BYTES = 65536, /* of one text */
    SUP_MASK_DEFAULT_MATCH_LIMIT = 50000,
    SUP_MASK_DEFAULT_DEPTH_LIMIT = 500,
    SUP_MASK_FORMAT_MIN = 6,
    SUP_MASK_FORMAT_MAX = 40,
};

/* A number of the bank's own. pattern: '#' a digit, '?' a digit that may be missing (only at the
 * end), '@' a Latin letter, 0-9 and A-Z themselves (letters in either case). 6 to 40 places, at
 * least 6 of them digits for bare formats. In the text, spaces, dots, dashes and '/' may stand
 * between the places. */
struct sup_mask_format {
    enum sup_mask_category category; /* SUP_MASK_ACCOUNT or SUP_MASK_NATIONAL_ID */
    const char *pattern;
    bool bare; /* mask without a context word nearby */
};

struct sup_mask_pattern {
    const char *name;  /* for messages */
    const char *regex; /* PCRE2, UTF and UCP on; the whole match is blanked */
    /* May be any category; the zero value (SUP_MASK_CARD) reads as SUP_MASK_CUSTOM. */
    enum sup_mask_category category;
    uint32_t match_limit, depth_limit; /* PCRE2's; 0: the defaults above */
};

/* A key word (or phrase of at most 6 words, blanks between) beside the built-in tables. */
struct sup_mask_word {
    enum sup_mask_category category; /* cvv, pin, otp, password, account or national_id */
    const char *phrase;
};

struct sup_mask_opts {
    uint32_t off;     /* SUP_MASK_BIT()s of categories that stay off; 0: all are on */
    size_t max_bytes; /* longest text; 0: the default */
    const struct sup_mask_format *formats;
    size_t format_count;
    const struct sup_mask_pattern *patterns;
    size_t pattern_count;
    const struct sup_mask_word *words;
    size_t word_count;
};

struct sup_mask_problem {
    char text[160]; /* which entry and why; quotes configuration only, never message text */
};

struct sup_mask; /* opaque rule set */

/* opts (NULL: all defaults) is copied. *ret_mask is owned. ret_problem may be NULL; it is set on
 * SUP_E_INVAL. Errors: SUP_E_INVAL (an entry is wrong, or too many), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_mask_create(const struct sup_mask_opts *opts, struct sup_mask **ret_mask,
                                       struct sup_mask_problem *ret_problem);
void sup_mask_destroy(struct sup_mask *mask); /* NULL is a no-op */

struct sup_mask_span {
    uint32_t offset, len;               /* bytes in the output */
    uint32_t source_offset, source_len; /* bytes in the clear text */
    enum sup_mask_category category;
};

struct sup_mask_report {
    uint32_t categories; /* SUP_MASK_BIT()s found */
    uint32_t count;      /* of places masked */
    uint32_t per_category[SUP_MASK_CATEGORIES];
    uint32_t span_count; /* of spans[], at most SUP_MASK_MAX_SPANS; in order of offset */
    struct sup_mask_span spans[SUP_MASK_MAX_SPANS];
};

/* Masks text[len]. What out held before is wiped; then it holds the masked text. report may be
 * NULL. Fails closed: on any error out is empty, its memory wiped, and report is all zero.
 * Work memory is wiped before it is freed.
 * Errors: SUP_E_MALFORMED (not UTF-8), SUP_E_LIMIT (text or output too long, or a custom pattern
 * hit one of its limits), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_mask_apply(const struct sup_mask *mask, const char *text, size_t len,
                                      struct sup_buf *out, struct sup_mask_report *report);
#endif
