#include "supportd/chat/mask_text.h"

#include <string.h>

#include "chat_internal.h"

sup_err sup_chat_mask_text(struct sup_chat *chat, const char *text, struct sup_buf *out)
{
    struct sup_mask_report report;
    sup_err err = sup_mask_apply(chat->opts.mask, text, strlen(text), out, &report);
    if (!err && report.count > 0)
        sup_metric_add(chat->masked_metric, report.count);
    return err;
}
