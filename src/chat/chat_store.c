#include "supportd/chat/chat_store.h"

enum {
    START,
    POST,
    JOIN,
    RECEIPT,
    CLOSE,
    TAG,
    READ_OPEN,
    STATE,
    HISTORY,
    NOTES,
    REMASKED,
    MINE,
    CHANGED,
    REQUEUE,
    OF_CUSTOMER,
};

static const struct sup_pg_stmt stmts[] = {
    /* May wait for a twin's insert, with nothing locked that others could wait for. */
    [START] = {"chat_start", "select * from support.chat_start($1,$2,$3,$4,$5,$6,$7)", 7,
               SUP_PG_RANK_CHAT, SUP_PG_RETRY | SUP_PG_ALONE},
    [POST] = {"message_post", "select * from support.message_post($1,$2,$3,$4,$5,$6,$7,$8)", 8,
              SUP_PG_RANK_CHAT, SUP_PG_RETRY},
    [JOIN] = {"message_join", "select * from support.message_join($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)",
              10, SUP_PG_RANK_CHAT, SUP_PG_RETRY},
    [RECEIPT] = {"chat_receipt", "select * from support.chat_receipt($1,$2,$3,$4,$5)", 5,
                 SUP_PG_RANK_CHAT, SUP_PG_RETRY},
    [CLOSE] = {"chat_close", "select * from support.chat_close($1,$2,$3,$4)", 4, SUP_PG_RANK_ENTRY,
               SUP_PG_RETRY | SUP_PG_ALONE},
    [TAG] = {"chat_tag", "select * from support.chat_tag($1,$2,$3,$4,$5)", 5, SUP_PG_RANK_CHAT,
             SUP_PG_RETRY},
    [READ_OPEN] = {"chat_read_open", "select * from support.chat_read_open($1,$2,$3)", 3,
                   SUP_PG_RANK_REST, SUP_PG_RETRY},
    [STATE] = {"chat_state", "select * from support.chat_state($1,$2)", 2, SUP_PG_RANK_REST,
               SUP_PG_READ},
    [HISTORY] = {"chat_history", "select * from support.chat_history($1,$2,$3,$4,$5)", 5,
                 SUP_PG_RANK_REST, SUP_PG_READ},
    [NOTES] = {"chat_notes", "select * from support.chat_notes($1,$2,$3,$4,$5)", 5,
               SUP_PG_RANK_REST, SUP_PG_READ},
    [REMASKED] = {"chat_remasked", "select * from support.chat_remasked($1,$2,$3)", 3,
                  SUP_PG_RANK_REST, SUP_PG_READ},
    [MINE] = {"chats_mine", "select * from support.chats_mine($1,$2,$3,$4)", 4, SUP_PG_RANK_REST,
              SUP_PG_READ},
    [CHANGED] = {"chats_changed_since", "select * from support.chats_changed_since($1,$2,$3,$4,$5)",
                 5, SUP_PG_RANK_REST, SUP_PG_READ},
    [REQUEUE] = {"chat_requeue", "select * from support.chat_requeue($1,$2,$3,$4,$5)", 5,
                 SUP_PG_RANK_CHAT, SUP_PG_RETRY},
    [OF_CUSTOMER] = {"chats_of_customer", "select * from support.chats_of_customer($1,$2,$3,$4,$5)",
                     5, SUP_PG_RANK_REST, SUP_PG_RETRY},
};

const struct sup_pg_stmt_table sup_chat_stmts = SUP_PG_TABLE(stmts);

static sup_err run(struct sup_pg_pool *pool, int stmt, struct sup_pg_params *params,
                   struct sup_id key, sup_pg_cb cb, void *arg)
{
    struct sup_pg_exec_opts opts = {.key = key};
    sup_err err = sup_pg_exec(pool, &stmts[stmt], params, &opts, cb, arg, NULL);
    sup_pg_params_fini(params);
    return err;
}

static void add_bound(struct sup_pg_params *params, int64_t value)
{
    if (value < 0)
        sup_pg_add_null(params);
    else
        sup_pg_add_int(params, value);
}

sup_err sup_chat_store_start(struct sup_pg_pool *pool, const char *actor,
                             const struct sup_chat_start *start, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, start->chat);
    sup_pg_add_id(&p, start->client_key);
    sup_pg_add_id(&p, start->entry);
    sup_pg_add_text(&p, start->language);
    sup_pg_add_text(&p, start->site);
    sup_pg_add_text(&p, start->request);
    return run(pool, START, &p, start->chat, cb, arg);
}

static void add_post(struct sup_pg_params *p, const char *actor, const struct sup_chat_post *post)
{
    sup_pg_add_text(p, actor);
    sup_pg_add_id(p, post->chat);
    sup_pg_add_id(p, post->id);
    sup_pg_add_id_or_null(p, post->client_id);
    sup_pg_add_text(p, post->kind);
    sup_pg_add_text(p, post->body);
    sup_pg_add_texts(p, post->categories, post->category_count);
    sup_pg_add_text(p, post->request);
}

sup_err sup_chat_store_post(struct sup_pg_pool *pool, const char *actor,
                            const struct sup_chat_post *post, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    add_post(&p, actor, post);
    return run(pool, POST, &p, post->chat, cb, arg);
}

sup_err sup_chat_store_join(struct sup_pg_pool *pool, const char *actor,
                            const struct sup_chat_post *post,
                            const struct sup_chat_earlier *earlier, size_t count, sup_pg_cb cb,
                            void *arg)
{
    struct sup_id ids[SUP_CHAT_EARLIER_MAX];
    const char *texts[SUP_CHAT_EARLIER_MAX];
    if (count > SUP_CHAT_EARLIER_MAX)
        return SUP_E_LIMIT;
    for (size_t i = 0; i < count; i++) {
        ids[i] = earlier[i].message;
        texts[i] = earlier[i].body;
    }
    struct sup_pg_params p = {0};
    add_post(&p, actor, post);
    sup_pg_add_ids(&p, ids, count);
    sup_pg_add_texts(&p, texts, count);
    return run(pool, JOIN, &p, post->chat, cb, arg);
}

sup_err sup_chat_store_receipt(struct sup_pg_pool *pool, const char *actor, struct sup_id chat,
                               int64_t delivered, int64_t read, int64_t note_read, sup_pg_cb cb,
                               void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, chat);
    add_bound(&p, delivered);
    add_bound(&p, read);
    add_bound(&p, note_read);
    return run(pool, RECEIPT, &p, chat, cb, arg);
}

sup_err sup_chat_store_close(struct sup_pg_pool *pool, const char *actor, struct sup_id chat,
                             const char *reason, const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, chat);
    sup_pg_add_text(&p, reason);
    sup_pg_add_text(&p, request);
    return run(pool, CLOSE, &p, chat, cb, arg);
}

sup_err sup_chat_store_requeue(struct sup_pg_pool *pool, const char *actor, struct sup_id chat,
                               struct sup_id entry, const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, chat);
    sup_pg_add_id(&p, entry);
    sup_pg_add_text(&p, "given_back");
    sup_pg_add_text(&p, request);
    return run(pool, REQUEUE, &p, chat, cb, arg);
}

sup_err sup_chat_store_of_customer(struct sup_pg_pool *pool, const char *actor,
                                   struct sup_id customer, struct sup_id before, int limit,
                                   const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, customer);
    sup_pg_add_id_or_null(&p, before);
    sup_pg_add_int(&p, limit);
    sup_pg_add_text(&p, request);
    return run(pool, OF_CUSTOMER, &p, (struct sup_id){{0}}, cb, arg);
}

sup_err sup_chat_store_tag(struct sup_pg_pool *pool, const char *actor, struct sup_id chat,
                           const char *tag, bool add, const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, chat);
    sup_pg_add_texts(&p, &tag, add ? 1 : 0);
    sup_pg_add_texts(&p, &tag, add ? 0 : 1);
    sup_pg_add_text(&p, request);
    return run(pool, TAG, &p, chat, cb, arg);
}

sup_err sup_chat_store_read_open(struct sup_pg_pool *pool, const char *actor, struct sup_id chat,
                                 const char *request, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, chat);
    sup_pg_add_text(&p, request);
    return run(pool, READ_OPEN, &p, chat, cb, arg);
}

sup_err sup_chat_store_state(struct sup_pg_pool *pool, const char *actor, struct sup_id chat,
                             sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, chat);
    return run(pool, STATE, &p, chat, cb, arg);
}

sup_err sup_chat_store_history(struct sup_pg_pool *pool, const char *actor, struct sup_id chat,
                               bool notes, int64_t after, int64_t before, int limit, sup_pg_cb cb,
                               void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, chat);
    add_bound(&p, after);
    add_bound(&p, before);
    sup_pg_add_int(&p, limit);
    return run(pool, notes ? NOTES : HISTORY, &p, chat, cb, arg);
}

sup_err sup_chat_store_remasked(struct sup_pg_pool *pool, const char *actor, struct sup_id chat,
                                int64_t since_rev, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    sup_pg_add_id(&p, chat);
    sup_pg_add_int(&p, since_rev);
    return run(pool, REMASKED, &p, chat, cb, arg);
}

sup_err sup_chat_store_mine(struct sup_pg_pool *pool, const char *actor, int open,
                            struct sup_id before, int limit, sup_pg_cb cb, void *arg)
{
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, actor);
    if (open < 0)
        sup_pg_add_null(&p);
    else
        sup_pg_add_bool(&p, open != 0);
    sup_pg_add_id_or_null(&p, before);
    sup_pg_add_int(&p, limit);
    return run(pool, MINE, &p, (struct sup_id){{0}}, cb, arg);
}

enum { CHANGED_MAX = 1000 };

sup_err sup_chat_store_changed(struct sup_pg_pool *pool, const struct sup_chat_counters *known,
                               size_t count, sup_pg_cb cb, void *arg)
{
    if (count > CHANGED_MAX)
        return SUP_E_LIMIT;
    struct sup_id ids[CHANGED_MAX];
    int64_t numbers[3][CHANGED_MAX];
    for (size_t i = 0; i < count; i++) {
        ids[i] = known[i].chat;
        numbers[0][i] = known[i].seq;
        numbers[1][i] = known[i].note_seq;
        numbers[2][i] = known[i].rev;
    }
    struct sup_pg_params p = {0};
    sup_pg_add_text(&p, "system:monitor");
    sup_pg_add_ids(&p, ids, count);
    for (int i = 0; i < 3; i++)
        sup_pg_add_ints(&p, numbers[i], count);
    return run(pool, CHANGED, &p, (struct sup_id){{0}}, cb, arg);
}
