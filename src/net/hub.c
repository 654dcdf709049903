#include "supportd/net/hub.h"

#include <assert.h>
#include <string.h>

#include "net_internal.h"
#include "supportd/base/mem.h"

enum { TOPICS_DEFAULT = 200000, PER_CLIENT_DEFAULT = 1000 };

struct topic {
    struct sup_hub *hub;
    struct sup_link subscribers; /* subscription::in_topic */
    size_t count;
    unsigned walks; /* running loops over subscribers: the topic must outlive them */
    size_t name_len;
    char name[];
};

struct subscription {
    struct sup_link in_topic;
    struct sup_link in_client; /* sup_net_ws_subscriptions() */
    struct topic *topic;
    struct sup_ws_client *client;
};

struct sup_hub {
    struct sup_map *topics;
    size_t max_topics, max_per_client;
    struct sup_metric *topic_count, *subscription_count, *published, *delivered;
};

sup_err sup_hub_create(const struct sup_hub_opts *opts, struct sup_hub **ret_hub)
{
    struct sup_hub *hub = sup_calloc(1, sizeof(*hub));
    if (!hub)
        return SUP_E_NOMEM;
    if (sup_map_create(&hub->topics) != SUP_OK) {
        sup_free(hub);
        return SUP_E_NOMEM;
    }
    hub->max_topics = opts->max_topics ? opts->max_topics : TOPICS_DEFAULT;
    hub->max_per_client = opts->max_per_client ? opts->max_per_client : PER_CLIENT_DEFAULT;
    hub->topic_count = sup_metrics_gauge(opts->metrics, "supportd_hub_topics",
                                         "Topics with subscribers", NULL, NULL);
    hub->subscription_count =
        sup_metrics_gauge(opts->metrics, "supportd_hub_subscriptions", "Subscriptions", NULL, NULL);
    hub->published = sup_metrics_counter(opts->metrics, "supportd_hub_published_total",
                                         "Messages published to subscribers", NULL, NULL);
    hub->delivered = sup_metrics_counter(opts->metrics, "supportd_hub_delivered_total",
                                         "Messages queued to clients", NULL, NULL);
    *ret_hub = hub;
    return SUP_OK;
}

static void topic_release(struct topic *topic)
{
    if (topic->count > 0 || topic->walks > 0)
        return;
    (void)sup_map_remove(topic->hub->topics, topic->name, topic->name_len);
    sup_metric_add(topic->hub->topic_count, -1);
    sup_free(topic);
}

static void subscription_drop(struct subscription *s)
{
    struct topic *topic = s->topic;
    sup_list_remove(&s->in_topic);
    sup_list_remove(&s->in_client);
    sup_free(s);
    topic->count--;
    sup_metric_add(topic->hub->subscription_count, -1);
    topic_release(topic);
}

void sup_hub_destroy(struct sup_hub *hub)
{
    if (!hub)
        return;
    for (;;) {
        size_t pos = 0;
        struct topic *topic = sup_map_next(hub->topics, &pos, NULL, NULL);
        if (!topic)
            break;
        struct sup_link *link, *tmp;
        topic->walks++;
        SUP_LIST_EACH(link, tmp, &topic->subscribers)
        subscription_drop(SUP_CONTAINER_OF(link, struct subscription, in_topic));
        topic->walks--;
        topic_release(topic);
    }
    sup_map_destroy(hub->topics);
    sup_free(hub);
}

static struct subscription *find(const struct sup_hub *hub, const struct sup_ws_client *client,
                                 const char *name, size_t *ret_count)
{
    struct sup_link *list = sup_net_ws_subscriptions((struct sup_ws_client *)client);
    struct sup_link *pos, *tmp;
    *ret_count = 0;
    SUP_LIST_EACH(pos, tmp, list)
    {
        struct subscription *s = SUP_CONTAINER_OF(pos, struct subscription, in_client);
        if (s->topic->hub != hub)
            continue;
        if (strcmp(s->topic->name, name) == 0)
            return s;
        (*ret_count)++;
    }
    return NULL;
}

static sup_err topic_get(struct sup_hub *hub, const char *name, size_t len,
                         struct topic **ret_topic)
{
    struct topic *topic = sup_map_get(hub->topics, name, len);
    if (!topic) {
        if (sup_map_count(hub->topics) >= hub->max_topics)
            return SUP_E_LIMIT;
        topic = sup_calloc(1, sizeof(*topic) + len + 1);
        if (!topic)
            return SUP_E_NOMEM;
        topic->hub = hub;
        topic->name_len = len;
        memcpy(topic->name, name, len);
        sup_list_init(&topic->subscribers);
        if (sup_map_set(hub->topics, name, len, topic) != SUP_OK) {
            sup_free(topic);
            return SUP_E_NOMEM;
        }
        sup_metric_add(hub->topic_count, 1);
    }
    *ret_topic = topic;
    return SUP_OK;
}

sup_err sup_hub_subscribe(struct sup_hub *hub, struct sup_ws_client *client, const char *topic)
{
    size_t len = strlen(topic), count;
    if (len == 0 || len > SUP_HUB_MAX_TOPIC)
        return SUP_E_INVAL;
    if (!sup_ws_is_open(client))
        return SUP_E_CLOSED;
    if (find(hub, client, topic, &count))
        return SUP_OK;
    if (count >= hub->max_per_client)
        return SUP_E_LIMIT;
    struct topic *t;
    sup_err err = topic_get(hub, topic, len, &t);
    if (err)
        return err;
    struct subscription *s = sup_calloc(1, sizeof(*s));
    if (!s) {
        topic_release(t);
        return SUP_E_NOMEM;
    }
    s->topic = t;
    s->client = client;
    t->count++;
    sup_list_append(&t->subscribers, &s->in_topic);
    sup_list_append(sup_net_ws_subscriptions(client), &s->in_client);
    sup_metric_add(hub->subscription_count, 1);
    return SUP_OK;
}

void sup_hub_unsubscribe(struct sup_hub *hub, struct sup_ws_client *client, const char *topic)
{
    size_t count;
    struct subscription *s = find(hub, client, topic, &count);
    if (s)
        subscription_drop(s);
}

void sup_hub_unsubscribe_all(struct sup_hub *hub, struct sup_ws_client *client)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, sup_net_ws_subscriptions(client))
    {
        struct subscription *s = SUP_CONTAINER_OF(pos, struct subscription, in_client);
        if (s->topic->hub == hub)
            subscription_drop(s);
    }
}

void sup_net_hub_forget(struct sup_ws_client *client)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, sup_net_ws_subscriptions(client))
    subscription_drop(SUP_CONTAINER_OF(pos, struct subscription, in_client));
}

static struct topic *lookup(const struct sup_hub *hub, const char *topic)
{
    return sup_map_get(hub->topics, topic, strlen(topic));
}

size_t sup_hub_publish(struct sup_hub *hub, const char *topic, const char *text, size_t len,
                       const struct sup_ws_client *except)
{
    struct topic *t = lookup(hub, topic);
    struct sup_ws_frame *frame;
    if (!t || sup_ws_frame_create(text, len, &frame) != SUP_OK)
        return 0;
    size_t sent = 0;
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &t->subscribers)
    {
        struct subscription *s = SUP_CONTAINER_OF(pos, struct subscription, in_topic);
        if (s->client != except && sup_ws_send_frame(s->client, frame) == SUP_OK)
            sent++;
    }
    sup_ws_frame_unref(frame);
    sup_metric_add(hub->published, 1);
    sup_metric_add(hub->delivered, (double)sent);
    return sent;
}

void sup_hub_each(struct sup_hub *hub, const char *topic,
                  void (*cb)(struct sup_ws_client *client, void *arg), void *arg)
{
    struct topic *t = lookup(hub, topic);
    if (!t)
        return;
    struct sup_link *pos, *tmp;
    t->walks++;
    SUP_LIST_EACH(pos, tmp, &t->subscribers)
    cb(SUP_CONTAINER_OF(pos, struct subscription, in_topic)->client, arg);
    t->walks--;
    topic_release(t);
}

bool sup_hub_subscribed(const struct sup_hub *hub, const struct sup_ws_client *client,
                        const char *topic)
{
    size_t count;
    return find(hub, client, topic, &count) != NULL;
}

size_t sup_hub_subscribers(const struct sup_hub *hub, const char *topic)
{
    const struct topic *t = lookup(hub, topic);
    return t ? t->count : 0;
}

size_t sup_hub_topics(const struct sup_hub *hub)
{
    return sup_map_count(hub->topics);
}
