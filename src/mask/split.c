#include "supportd/mask/split.h"

#include <assert.h>
#include <string.h>

#include "mask_internal.h"
#include "split_internal.h"
#include "supportd/base/list.h"
#include "supportd/base/mem.h"

enum { MAX_WINDOW_US = 600000000 };

struct sender;

struct part {
    struct sup_link fifo; /* sup_mask_split::parts, oldest first */
    struct sender *owner;
    struct sup_id message;
    uint64_t at_us;
    struct sup_buf text; /* masked by the rules; still shows the part's digits */
};

struct sender {
    struct sup_mask_split_key key;
    struct part *parts[SUP_MASK_SPLIT_MAX_PARTS]; /* oldest first */
    size_t count;
    bool joined; /* the last part completed a number with those before it */
};

struct sup_mask_split {
    const struct sup_mask *mask;
    struct sup_mask_split_opts opts;
    struct sup_map *senders; /* key -> struct sender, each with at least one part */
    struct sup_link parts;
};

sup_err sup_mask_split_create(const struct sup_mask *mask, const struct sup_mask_split_opts *opts,
                              struct sup_mask_split **ret_split)
{
    assert(mask && ret_split);
    struct sup_mask_split_opts o = opts ? *opts : (struct sup_mask_split_opts){0};
    if (o.window_us == 0)
        o.window_us = SUP_MASK_SPLIT_DEFAULT_WINDOW_US;
    if (o.max_messages == 0)
        o.max_messages = SUP_MASK_SPLIT_DEFAULT_MESSAGES;
    if (o.max_senders == 0)
        o.max_senders = SUP_MASK_SPLIT_DEFAULT_SENDERS;
    if (o.window_us > MAX_WINDOW_US || o.max_messages < 2 ||
        o.max_messages > SUP_MASK_SPLIT_MAX_PARTS)
        return SUP_E_INVAL;
    struct sup_mask_split *split = sup_calloc(1, sizeof(*split));
    if (!split)
        return SUP_E_NOMEM;
    split->mask = mask;
    split->opts = o;
    sup_list_init(&split->parts);
    sup_err err = sup_map_create(&split->senders);
    if (err) {
        sup_free(split);
        return err;
    }
    *ret_split = split;
    return SUP_OK;
}

void sup_mask_split_set_mask(struct sup_mask_split *split, const struct sup_mask *mask)
{
    assert(split && mask);
    split->mask = mask;
}

size_t sup_mask_split_count(const struct sup_mask_split *split)
{
    return sup_map_count(split->senders);
}

/* --- memory --- */

static void part_destroy(struct part *part)
{
    if (!part)
        return;
    sup_list_remove(&part->fifo);
    sup_buf_fini_secret(&part->text);
    sup_free(part);
}

static void drop_sender(struct sup_mask_split *split, struct sender *sender)
{
    (void)sup_map_remove(split->senders, &sender->key, sizeof(sender->key));
    sup_free(sender);
}

/* Removes parts [first, end) of a sender, which stays. */
static void drop_parts(struct sender *sender, size_t first, size_t end)
{
    for (size_t i = first; i < end; i++)
        part_destroy(sender->parts[i]);
    memmove(&sender->parts[first], &sender->parts[end],
            (sender->count - end) * sizeof(sender->parts[0]));
    sender->count -= end - first;
}

void sup_mask_split_forget(struct sup_mask_split *split, const struct sup_mask_split_key *key)
{
    struct sender *sender = sup_map_get(split->senders, key, sizeof(*key));
    if (!sender)
        return;
    drop_parts(sender, 0, sender->count);
    drop_sender(split, sender);
}

/* Forgets the oldest part of all. */
static void drop_oldest(struct sup_mask_split *split)
{
    struct part *part = SUP_CONTAINER_OF(split->parts.next, struct part, fifo);
    struct sender *sender = part->owner;
    /* Parts are listed in order of time, so this one is its sender's first. */
    drop_parts(sender, 0, 1);
    if (sender->count == 0)
        drop_sender(split, sender);
}

uint64_t sup_mask_split_expire(struct sup_mask_split *split, uint64_t now_us)
{
    while (!sup_list_empty(&split->parts)) {
        struct part *part = SUP_CONTAINER_OF(split->parts.next, struct part, fifo);
        if (now_us < part->at_us + split->opts.window_us)
            return part->at_us + split->opts.window_us;
        drop_oldest(split);
    }
    return UINT64_MAX;
}

void sup_mask_split_destroy(struct sup_mask_split *split)
{
    if (!split)
        return;
    while (!sup_list_empty(&split->parts))
        drop_oldest(split);
    sup_map_destroy(split->senders);
    sup_free(split);
}

void sup_mask_split_result_fini(struct sup_mask_split_result *result)
{
    sup_buf_fini_secret(&result->text);
    for (size_t i = 0; i < SUP_MASK_SPLIT_MAX_PARTS - 1; i++)
        sup_buf_fini_secret(&result->earlier[i].text);
    *result = (struct sup_mask_split_result){0};
}

/* --- feeding --- */

/* What a feed works on; views[count - 1] is the new message. */
struct feed {
    struct split_view views[SUP_MASK_SPLIT_MAX_PARTS];
    size_t count;
    size_t first;      /* of the number's parts, when joined */
    struct part *part; /* for the new message, not yet remembered */
};

/* Parts of the sender that may stand before message: a completed number is over unless its last
 * message comes again, and a repeated message stands in its own place. */
static size_t parts_before(const struct sender *sender, struct sup_id message)
{
    if (!sender || sender->count == 0)
        return 0;
    bool repeat = sup_id_equal(sender->parts[sender->count - 1]->message, message);
    if (sender->joined && !repeat)
        return 0;
    return sender->count - repeat;
}

static sup_err open_views(struct feed *feed, const struct sup_mask *mask,
                          const struct sender *sender, size_t before, const struct sup_buf *text)
{
    for (size_t i = 0; i <= before; i++) {
        const struct sup_buf *buf = i < before ? &sender->parts[i]->text : text;
        feed->count = i + 1;
        sup_err err = split_view_init(&feed->views[i], &mask->lex, buf->data, buf->len);
        if (err)
            return err;
    }
    return SUP_OK;
}

static void feed_fini(struct feed *feed)
{
    for (size_t i = 0; i < feed->count; i++)
        scan_fini(&feed->views[i].scan);
    part_destroy(feed->part);
}

static sup_err new_part(struct feed *feed, struct sup_id message, const struct sup_buf *text,
                        uint64_t now_us)
{
    feed->part = sup_calloc(1, sizeof(*feed->part));
    if (!feed->part)
        return SUP_E_NOMEM;
    sup_list_init(&feed->part->fifo);
    feed->part->message = message;
    feed->part->at_us = now_us;
    return sup_buf_add(&feed->part->text, text->data, text->len);
}

static sup_err write_joined(struct feed *feed, const struct sender *sender,
                            struct sup_mask_split_result *result)
{
    size_t last = feed->count - 1;
    for (size_t i = feed->first; i < last; i++) {
        struct sup_mask_split_part *earlier = &result->earlier[i - feed->first];
        earlier->message = sender->parts[i]->message;
        sup_err err = split_view_write(&feed->views[i], &earlier->text, NULL);
        if (err)
            return err;
    }
    struct sup_buf text = {0};
    sup_err err = split_view_write(&feed->views[last], &text, &result->report);
    if (err) {
        sup_buf_fini_secret(&text);
        return err;
    }
    sup_buf_fini_secret(&result->text);
    result->text = text;
    result->earlier_count = (uint32_t)(last - feed->first);
    return SUP_OK;
}

static sup_err add_sender(struct sup_mask_split *split, const struct sup_mask_split_key *key,
                          struct sender **ret_sender)
{
    if (sup_map_count(split->senders) >= split->opts.max_senders)
        drop_oldest(split);
    struct sender *sender = sup_calloc(1, sizeof(*sender));
    if (!sender)
        return SUP_E_NOMEM;
    sender->key = *key;
    sup_err err = sup_map_set(split->senders, key, sizeof(*key), sender);
    if (err) {
        sup_free(sender);
        return err;
    }
    *ret_sender = sender;
    return SUP_OK;
}

/* Cannot fail: the new part becomes the sender's last, behind parts [0, before). */
static void remember(struct sup_mask_split *split, struct sender *sender, struct feed *feed,
                     size_t before, bool joined)
{
    const struct split_view *view = &feed->views[feed->count - 1];
    drop_parts(sender, before, sender->count);
    if (!joined && !view->whole)
        drop_parts(sender, 0, sender->count); /* nothing joins across this message */
    else if (!joined && sender->count + 1 >= split->opts.max_messages)
        drop_parts(sender, 0, sender->count + 2 - split->opts.max_messages);
    sender->joined = joined;
    feed->part->owner = sender;
    sender->parts[sender->count++] = feed->part;
    sup_list_append(&split->parts, &feed->part->fifo);
    feed->part = NULL;
}

static sup_err join(struct sup_mask_split *split, struct sender *sender, struct feed *feed,
                    const struct sup_mask_split_key *key, struct sup_id message, uint64_t now_us,
                    struct sup_mask_split_result *result)
{
    size_t before = parts_before(sender, message);
    sup_err err = open_views(feed, split->mask, sender, before, &result->text);
    if (err)
        return err;
    const struct split_view *view = &feed->views[before];
    if (view->scan.ndig == 0)
        return SUP_OK;
    bool joined = split_find(feed->views, feed->count, &feed->first);
    if (!joined && !view->opens) {
        if (sender)
            sup_mask_split_forget(split, key);
        return SUP_OK;
    }
    err = new_part(feed, message, &result->text, now_us);
    if (!err && joined)
        err = write_joined(feed, sender, result);
    if (!err && !sender)
        err = add_sender(split, key, &sender);
    if (!err)
        remember(split, sender, feed, before, joined);
    return err;
}

sup_err sup_mask_split_feed(struct sup_mask_split *split, const struct sup_mask_split_key *key,
                            struct sup_id message, const char *text, size_t len, uint64_t now_us,
                            struct sup_mask_split_result *result)
{
    assert(split && key && result);
    sup_mask_split_result_fini(result);
    (void)sup_mask_split_expire(split, now_us);
    sup_err err = sup_mask_apply(split->mask, text, len, &result->text, &result->report);
    if (!err && result->text.len > SUP_MASK_SPLIT_MAX_BYTES) {
        sup_mask_split_forget(split, key);
        return SUP_OK;
    }
    if (!err && result->text.len > 0) {
        struct feed feed = {0};
        struct sender *sender = sup_map_get(split->senders, key, sizeof(*key));
        err = join(split, sender, &feed, key, message, now_us, result);
        feed_fini(&feed);
    }
    if (err)
        sup_mask_split_result_fini(result);
    return err;
}
