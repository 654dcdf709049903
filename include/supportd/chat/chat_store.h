/* SQL of chats and messages: one function per statement of sql/functions/30-32.
 *
 * Layer:  chat. Thread: the loop thread.
 * Source: sql/README.md (arguments, result columns, locks).
 * actor: "customer:<uuid>", "staff:<uuid>" or "system:<name>", copied. cb as in pg/pool.h; columns
 * are read by name with the readers below. Errors: those of sup_pg_exec(). */
#ifndef SUPPORTD_CHAT_CHAT_STORE_H
#define SUPPORTD_CHAT_CHAT_STORE_H
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/pg/pool.h"

extern const struct sup_pg_stmt_table sup_chat_stmts;

struct sup_chat_start {
    struct sup_id chat, client_key, entry;
    const char *language; /* may be NULL */
    const char *site;     /* may be NULL */
    const char *request;
};
SUP_MUST_CHECK sup_err sup_chat_store_start(struct sup_pg_pool *pool, const char *actor,
                                            const struct sup_chat_start *start, sup_pg_cb cb,
                                            void *arg);

struct sup_chat_post {
    struct sup_id chat, id, client_id;
    const char *kind; /* "message", "note", "system" */
    const char *body; /* masked */
    const char *const *categories;
    size_t category_count;
    const char *request;
};
SUP_MUST_CHECK sup_err sup_chat_store_post(struct sup_pg_pool *pool, const char *actor,
                                           const struct sup_chat_post *post, sup_pg_cb cb,
                                           void *arg);
/* An earlier message of the same sender and its new text. */
struct sup_chat_earlier {
    struct sup_id message;
    const char *body; /* masked again; borrowed */
};
/* As post, and masks earlier[count] (1..SUP_CHAT_EARLIER_MAX) in place in the same transaction: all
 * or nothing. Errors now also: SUP_E_LIMIT (count). */
enum { SUP_CHAT_EARLIER_MAX = 8 };
SUP_MUST_CHECK sup_err sup_chat_store_join(struct sup_pg_pool *pool, const char *actor,
                                           const struct sup_chat_post *post,
                                           const struct sup_chat_earlier *earlier, size_t count,
                                           sup_pg_cb cb, void *arg);
/* A mark below 0 is left alone. */
SUP_MUST_CHECK sup_err sup_chat_store_receipt(struct sup_pg_pool *pool, const char *actor,
                                              struct sup_id chat, int64_t delivered, int64_t read,
                                              int64_t note_read, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_chat_store_close(struct sup_pg_pool *pool, const char *actor,
                                            struct sup_id chat, const char *reason,
                                            const char *request, sup_pg_cb cb, void *arg);
/* entry: id of the new place in the queue; a repeat with it changes nothing. */
SUP_MUST_CHECK sup_err sup_chat_store_requeue(struct sup_pg_pool *pool, const char *actor,
                                              struct sup_id chat, struct sup_id entry,
                                              const char *request, sup_pg_cb cb, void *arg);
/* Chats of a customer before the given one (zero id: the newest), for staff; audited. */
SUP_MUST_CHECK sup_err sup_chat_store_of_customer(struct sup_pg_pool *pool, const char *actor,
                                                  struct sup_id customer, struct sup_id before,
                                                  int limit, const char *request, sup_pg_cb cb,
                                                  void *arg);
/* tag is added, or removed. */
SUP_MUST_CHECK sup_err sup_chat_store_tag(struct sup_pg_pool *pool, const char *actor,
                                          struct sup_id chat, const char *tag, bool add,
                                          const char *request, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_chat_store_read_open(struct sup_pg_pool *pool, const char *actor,
                                                struct sup_id chat, const char *request,
                                                sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_chat_store_state(struct sup_pg_pool *pool, const char *actor,
                                            struct sup_id chat, sup_pg_cb cb, void *arg);
/* after, before: below 0 is no bound. notes: by note_seq instead of seq. */
SUP_MUST_CHECK sup_err sup_chat_store_history(struct sup_pg_pool *pool, const char *actor,
                                              struct sup_id chat, bool notes, int64_t after,
                                              int64_t before, int limit, sup_pg_cb cb, void *arg);
SUP_MUST_CHECK sup_err sup_chat_store_remasked(struct sup_pg_pool *pool, const char *actor,
                                               struct sup_id chat, int64_t since_rev, sup_pg_cb cb,
                                               void *arg);
/* open: 1 only those not closed, 0 only closed, -1 all. before: zero id for the first page. */
SUP_MUST_CHECK sup_err sup_chat_store_mine(struct sup_pg_pool *pool, const char *actor, int open,
                                           struct sup_id before, int limit, sup_pg_cb cb,
                                           void *arg);

struct sup_chat_counters {
    struct sup_id chat;
    int64_t seq, note_seq, rev;
};
/* At most 1000. */
SUP_MUST_CHECK sup_err sup_chat_store_changed(struct sup_pg_pool *pool,
                                              const struct sup_chat_counters *known, size_t count,
                                              sup_pg_cb cb, void *arg);

/* One row of history, notes or remasked as a message object (docs/protocol.md 2); owned, NULL
 * without memory or when the row cannot be read. */
json_t *sup_chat_message_json(struct sup_pg_result *rows, int row, struct sup_id chat);
/* Rows as an array of message objects; NULL as above. */
json_t *sup_chat_messages_json(struct sup_pg_result *rows, struct sup_id chat);
/* One row of mine as a list item; NULL as above. */
json_t *sup_chat_item_json(struct sup_pg_result *rows, int row);
#endif
