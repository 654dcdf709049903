/* Private to the chat folder. */
#ifndef SUPPORTD_CHAT_INTERNAL_H
#define SUPPORTD_CHAT_INTERNAL_H
#include "supportd/base/clock.h"
#include "supportd/base/map.h"
#include "supportd/chat/chat.h"

/* Message ids given to the last messages: a message that is sent again keeps its id, so that the
 * table of split numbers knows it for the same. A ring; the map points into it. */
enum { SUP_CHAT_RECENT = 4096 };

struct sup_chat_recent {
    struct sup_chat_said_by {
        struct sup_id chat, sender, client_id; /* what makes a message the same */
    } key;
    struct sup_id message; /* zero: the slot is free */
};

struct sup_chat {
    struct sup_chat_opts opts;
    struct sup_signal news;
    struct sup_listener bus_listener;
    struct sup_mask_split *split;
    struct sup_timer *split_timer;
    struct sup_map *recent;
    struct sup_chat_recent ring[SUP_CHAT_RECENT];
    size_t ring_next;
    struct sup_metric *masked_metric, *said_metric;
};

/* Wipes what is older than the window and arms the timer for the next. */
void sup_chat_expire_split(struct sup_chat *chat);
#endif
