/* Topics: who among the WebSocket clients of this process hears of what.
 *
 * Layer: net. Thread: loop thread. A topic exists while somebody is subscribed. A client that
 * closes leaves all its topics before its on_close runs. */
#ifndef SUPPORTD_NET_HUB_H
#define SUPPORTD_NET_HUB_H
#include <stdbool.h>
#include <stddef.h>

#include "supportd/base/err.h"
#include "supportd/metrics/metrics.h"
#include "supportd/net/ws.h"

struct sup_hub;

enum { SUP_HUB_MAX_TOPIC = 128 }; /* bytes of a topic's name */

struct sup_hub_opts {
    struct sup_metrics *metrics; /* kept; may be NULL */
    size_t max_topics;           /* 0: 200000 */
    size_t max_per_client;       /* subscriptions of one client; 0: 1000 */
};

/* Errors: SUP_E_NOMEM. *ret_hub is owned. */
SUP_MUST_CHECK sup_err sup_hub_create(const struct sup_hub_opts *opts, struct sup_hub **ret_hub);
/* Drops all subscriptions. NULL is a no-op. */
void sup_hub_destroy(struct sup_hub *hub);

/* topic: NUL-terminated, 1..SUP_HUB_MAX_TOPIC bytes; copied. Subscribing twice is one subscription.
 * Errors: SUP_E_INVAL, SUP_E_CLOSED (client is closing), SUP_E_LIMIT, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_hub_subscribe(struct sup_hub *hub, struct sup_ws_client *client,
                                         const char *topic);
/* No-op when not subscribed. */
void sup_hub_unsubscribe(struct sup_hub *hub, struct sup_ws_client *client, const char *topic);
void sup_hub_unsubscribe_all(struct sup_hub *hub, struct sup_ws_client *client);

/* Queues text[len] once for every subscriber but except (may be NULL); slow ones are cut off.
 * Returns how many took it. Without subscribers nothing is allocated. */
size_t sup_hub_publish(struct sup_hub *hub, const char *topic, const char *text, size_t len,
                       const struct sup_ws_client *except);
/* Calls cb for each subscriber; cb may send, close, subscribe and unsubscribe that very client. */
void sup_hub_each(struct sup_hub *hub, const char *topic,
                  void (*cb)(struct sup_ws_client *client, void *arg), void *arg);

bool sup_hub_subscribed(const struct sup_hub *hub, const struct sup_ws_client *client,
                        const char *topic);
size_t sup_hub_subscribers(const struct sup_hub *hub, const char *topic);
size_t sup_hub_topics(const struct sup_hub *hub);
#endif
