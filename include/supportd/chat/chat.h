/* Chats: the one way in for text (masking included), and news of every change.
 *
 * Layer:  chat. Thread: the loop thread.
 * Source: DESIGN (Data path of a message), SPEC 2 and 3.
 * Nobody hears of what has not committed: answers and news follow the commit. */
#ifndef SUPPORTD_CHAT_CHAT_H
#define SUPPORTD_CHAT_CHAT_H
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/base/signal.h"
#include "supportd/bus/bus.h"
#include "supportd/chat/chat_store.h"
#include "supportd/loop/loop.h"
#include "supportd/mask/split.h"
#include "supportd/metrics/metrics.h"
#include "supportd/pg/pool.h"

struct sup_chat; /* the service; opaque */

struct sup_chat_opts {
    struct sup_loop *loop;            /* kept */
    struct sup_pg_pool *pool;         /* kept */
    struct sup_bus *bus;              /* kept */
    const struct sup_mask *mask;      /* kept */
    struct sup_mask_split_opts split; /* copied */
    struct sup_metrics *metrics;      /* kept; may be NULL */
};

/* *ret_chat is owned. Errors: SUP_E_NOMEM, SUP_E_INVAL. */
SUP_MUST_CHECK sup_err sup_chat_create(const struct sup_chat_opts *opts,
                                       struct sup_chat **ret_chat);
/* NULL is a no-op. Requests under way must have been dropped (pool destroyed or drained). */
void sup_chat_destroy(struct sup_chat *chat);

/* What changed in one chat; 0 for a counter that is not known. */
struct sup_chat_news {
    struct sup_id chat;
    struct sup_id customer; /* zero: not known */
    struct sup_id staff;    /* the assigned one; zero: none or not known */
    int64_t seq, note_seq, rev;
    bool remasked;   /* an earlier message was masked in place at rev */
    bool queued;     /* the message put the chat into the queue; only where it was said */
    json_t *message; /* the message of seq or note_seq when at hand, borrowed; else NULL */
};
/* data: struct sup_chat_news *, borrowed. Emitted for changes made here and in other processes. */
struct sup_signal *sup_chat_news_signal(struct sup_chat *chat);
/* Announces a change of this process: emits news here, tells the other processes. */
void sup_chat_announce(struct sup_chat *chat, const struct sup_chat_news *news);
/* Reads the counters of known[count] (at most 1000) and emits news of those that moved. */
void sup_chat_check(struct sup_chat *chat, const struct sup_chat_counters *known, size_t count);

struct sup_chat_say {
    const char *actor;       /* "customer:<uuid>" or "staff:<uuid>" */
    struct sup_id sender;    /* its id */
    const char *sender_kind; /* "customer" or "staff" */
    const char *sender_name; /* may be NULL */
    struct sup_id chat, client_id;
    bool note;
    const char *body; /* clear text, body[len]; never kept */
    size_t len;
    const char *request;
};

struct sup_chat_said {
    sup_err err;        /* SUP_OK; SUP_E_MALFORMED (not UTF-8); else the database's */
    const char *result; /* "ok", "closed", "not_assigned"; "" on error */
    const char *code;   /* of the database's refusal, or "" */
    bool repeated;
    bool queued;     /* the message put the chat into the queue; only where it was said */
    json_t *message; /* borrowed; NULL unless "ok" */
};
typedef void (*sup_chat_said_cb)(const struct sup_chat_said *said, void *arg);

/* Masks the text, stores it, announces it, then calls cb; say is not kept. cb runs exactly once,
 * never before this call returns. Errors now (cb never runs): SUP_E_MALFORMED (the text cannot be
 * checked), SUP_E_LIMIT, SUP_E_CLOSED, SUP_E_NOMEM: nothing was stored. */
SUP_MUST_CHECK sup_err sup_chat_say(struct sup_chat *chat, const struct sup_chat_say *say,
                                    sup_chat_said_cb cb, void *arg);
#endif
