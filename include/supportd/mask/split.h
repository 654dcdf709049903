/* Card numbers split over consecutive messages of one sender.
 *
 * Layer:  mask. Pure: time comes from the caller. Includes base.
 * Thread: one at a time.
 * Source: SPEC 3 (split numbers).
 *
 * A table remembers, per chat and sender, the last messages that could be part of a number. A
 * message is offered with its clear text; the answer is its masked text and, when it completes a
 * number, the new masked text of each earlier message that holds a part.
 *
 * What joins. A "run" is digits with only spaces, dots and dashes between them (mask.h), outside
 * of what the rules have masked already.
 *  - The first part is a message whose last run is followed by at most 4 words ("my card is 4111
 *    1111", "4111 1111 and").
 *  - The last part is a message whose first run is preceded by at most 4 words ("and then 1111
 *    1111").
 *  - A part in the middle is a message with one run that is both.
 *  - Together the whole runs have 13-19 digits, a known prefix with a length of its brand, and pass
 *    Luhn. Failing that, the number may begin at a later group of the first run, or end before a
 *    later group of the last, if all its groups but the first and last have 4 digits.
 *  - Messages without digits in between neither join nor separate. A message with digits that do
 *    not fit between ("I paid 500 at 10 am today") separates.
 *  - A run written as a telephone number ('+' before it, or 10 digits in one group that begin with
 *    0) never joins, nor do messages longer than SUP_MASK_SPLIT_MAX_BYTES.
 * In each part the number's digits become '*', except the number's last 4; what stands between
 * them stays.
 *
 * Memory: per part the text with the rules' masking done, which still shows the part's digits, is
 * kept for the window, then wiped: at the next feed of that sender, at sup_mask_split_expire(), at
 * forget and at destroy. Call expire by a timer, for example each second.
 * Limits: senders (the one with the oldest part is dropped), messages per sender, bytes per part.
 * The table is per process: parts sent through two daemons are not joined. */
#ifndef SUPPORTD_MASK_SPLIT_H
#define SUPPORTD_MASK_SPLIT_H
#include "supportd/base/id.h"
#include "supportd/mask/mask.h"

enum {
    SUP_MASK_SPLIT_MAX_PARTS = 8,   /* upper bound of max_messages */
    SUP_MASK_SPLIT_MAX_BYTES = 512, /* longer messages are never part of a split number */
    SUP_MASK_SPLIT_DEFAULT_WINDOW_US = 30000000,
    SUP_MASK_SPLIT_DEFAULT_MESSAGES = 4,
    SUP_MASK_SPLIT_DEFAULT_SENDERS = 20000,
};

struct sup_mask_split; /* opaque */

struct sup_mask_split_opts {
    uint64_t window_us;    /* between first and last part; 0: 30 s; at most 10 minutes */
    uint32_t max_messages; /* of one number, 2..8; 0: 4 */
    uint32_t max_senders;  /* remembered at a time; 0: 20,000 */
};

/* mask is kept and must outlive the table (replace it with sup_mask_split_set_mask()). opts may be
 * NULL. *ret_split is owned. Errors: SUP_E_INVAL, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_mask_split_create(const struct sup_mask *mask,
                                             const struct sup_mask_split_opts *opts,
                                             struct sup_mask_split **ret_split);
void sup_mask_split_destroy(struct sup_mask_split *split); /* NULL is a no-op; wipes */
/* For a changed configuration; what is remembered stays. */
void sup_mask_split_set_mask(struct sup_mask_split *split, const struct sup_mask *mask);

struct sup_mask_split_key {
    struct sup_id chat, sender;
};

struct sup_mask_split_part {
    struct sup_id message;
    struct sup_buf text; /* the whole text, masked again */
};

/* Zero it before the first use; each feed clears it; sup_mask_split_result_fini() frees. */
struct sup_mask_split_result {
    struct sup_buf text;           /* the new message, masked */
    struct sup_mask_report report; /* of the new message; a joined part counts as card */
    uint32_t earlier_count;        /* > 0: a number was completed; in order of sending */
    struct sup_mask_split_part earlier[SUP_MASK_SPLIT_MAX_PARTS - 1];
};

void sup_mask_split_result_fini(struct sup_mask_split_result *result); /* frees and zeroes */

/* Masks the message by the rules, then looks for a number that it completes. key and message are
 * copied. now_us must not run backwards (sup_clock_mono_us()).
 * The caller stores earlier[] in place and result->text in one transaction. When that fails and
 * the message is sent again, feed it again: a message id that is still remembered as an unjoined
 * part replaces itself; the parts of a completed number are forgotten by the next feed of the
 * sender only if it carries another message id, so the repeat gives the same answer.
 * Fails closed: on an error the result is empty and the memory is as before.
 * Errors: those of sup_mask_apply(). */
SUP_MUST_CHECK sup_err sup_mask_split_feed(struct sup_mask_split *split,
                                           const struct sup_mask_split_key *key,
                                           struct sup_id message, const char *text, size_t len,
                                           uint64_t now_us, struct sup_mask_split_result *result);

/* Forgets one sender in one chat (chat closed, sender gone), wiping. */
void sup_mask_split_forget(struct sup_mask_split *split, const struct sup_mask_split_key *key);
/* Wipes what is older than the window. Cost: what expires. Returns when the next part expires
 * (now_us's clock), or UINT64_MAX when nothing is remembered. */
uint64_t sup_mask_split_expire(struct sup_mask_split *split, uint64_t now_us);
/* Senders remembered; for a metric. */
size_t sup_mask_split_count(const struct sup_mask_split *split);
#endif
