/* Masking of text that is no message: notes of transfers, comments of ratings.
 *
 * Layer:  chat. Thread: the loop thread. Source: SPEC 3 (the one choke point). */
#ifndef SUPPORTD_CHAT_MASK_TEXT_H
#define SUPPORTD_CHAT_MASK_TEXT_H
#include "supportd/base/buf.h"
#include "supportd/base/err.h"
#include "supportd/chat/chat.h"

/* Masks text (NUL-terminated) into out, whose former content is wiped. Fails closed: on an error
 * out is empty. Errors: SUP_E_MALFORMED, SUP_E_LIMIT, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_chat_mask_text(struct sup_chat *chat, const char *text,
                                          struct sup_buf *out);
#endif
