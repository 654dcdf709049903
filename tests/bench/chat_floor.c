/* The least a chat server can do over the same database: a bare libwebsockets program on libuv with
 * TLS that makes the same SQL call in the same batches and sends the same frames. No accounts, no
 * masking, no limits, no state: a hello's token is the actor, a connection has one chat.
 *
 *   chat_floor PORT CERT KEY CONNINFO
 *
 * Prints {"pid": ...} once the database answers; ends when standard input closes. Connections are
 * kept in memory until then. */
#include <libwebsockets.h>
#include <unistd.h>

#include "bench.h"
#include "supportd/base/json.h"
#include "supportd/base/signal.h"
#include "supportd/loop/loop_uv.h"
#include "supportd/pg/pool.h"
#include "supportd/pg/row_json.h"

enum { ROOM_CONNS = 8, ROOMS = 20000 };

struct frame {
    struct frame *next;
    size_t len;
    unsigned char bytes[]; /* LWS_PRE in front */
};

struct conn {
    struct lws *wsi; /* NULL: gone */
    char actor[64], name[64];
    struct room *room;
    struct frame *first, **last;
};

struct room {
    struct sup_id chat;
    struct conn *conns[ROOM_CONNS];
    size_t count;
};

struct post {
    struct conn *from;
    struct room *room;
    json_t *frame; /* the message.send */
};

static const struct sup_pg_stmt stmts[] = {
    {"message_post", "select * from support.message_post($1,$2,$3,$4,$5,$6,$7,$8)", 8,
     SUP_PG_RANK_CHAT, SUP_PG_RETRY},
};
static const struct sup_pg_stmt_table table = SUP_PG_TABLE(stmts);
static const struct sup_pg_stmt_table *const tables[] = {&table, NULL};
static struct sup_pg_pool *pool;
static struct sup_loop *loop;
static struct room rooms[ROOMS];
static size_t room_count;

static void queue_text(struct conn *conn, const char *text, size_t len)
{
    struct frame *frame = malloc(sizeof(*frame) + LWS_PRE + len);
    BENCH_CHECK(frame);
    frame->next = NULL;
    frame->len = len;
    memcpy(frame->bytes + LWS_PRE, text, len);
    *conn->last = frame;
    conn->last = &frame->next;
    lws_callback_on_writable(conn->wsi);
}

static void send_json(struct conn *const *conns, size_t count, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    BENCH_CHECK(text);
    for (size_t i = 0; i < count; i++)
        if (conns[i]->wsi)
            queue_text(conns[i], text, strlen(text));
    free(text);
    json_decref(object);
}

static int write_some(struct conn *conn)
{
    while (conn->first && !lws_send_pipe_choked(conn->wsi)) {
        struct frame *frame = conn->first;
        int n = lws_write(conn->wsi, frame->bytes + LWS_PRE, frame->len, LWS_WRITE_TEXT);
        conn->first = frame->next;
        if (!conn->first)
            conn->last = &conn->first;
        free(frame);
        if (n < 0)
            return -1;
    }
    if (conn->first)
        lws_callback_on_writable(conn->wsi);
    return 0;
}

static struct room *find_room(struct sup_id chat)
{
    for (size_t i = 0; i < room_count; i++)
        if (sup_id_equal(rooms[i].chat, chat))
            return &rooms[i];
    BENCH_CHECK(room_count < ROOMS);
    rooms[room_count].chat = chat;
    return &rooms[room_count++];
}

static json_t *message_json(const struct post *post, struct sup_pg_result *rows)
{
    json_t *sender = json_pack("{s:s#, s:s, s:s}", "kind", post->from->actor,
                               (int)strcspn(post->from->actor, ":"), "id",
                               strchr(post->from->actor, ':') + 1, "name", post->from->name);
    return json_pack("{s:o, s:s, s:s, s:o, s:o, s:O, s:O, s:[], s:o}", "id",
                     sup_row_text(rows, 0, "id"), "chat_id", sup_id_text(post->room->chat).s,
                     "kind", "message", "seq", sup_row_int(rows, 0, "seq"), "sender", sender,
                     "client_id", json_object_get(post->frame, "client_id"), "body",
                     json_object_get(post->frame, "body"), "masked", "created_at",
                     sup_row_time(rows, 0, "created_at"));
}

static void on_posted(const struct sup_pg_reply *reply, void *arg)
{
    struct post *post = arg;
    if (reply->err)
        BENCH_DIE("message_post failed: %s %s", reply->sqlstate, reply->code);
    struct sup_id_text chat = sup_id_text(post->room->chat);
    json_t *message = message_json(post, reply->rows);
    send_json(&post->from, 1,
              json_pack("{s:s, s:O, s:s, s:O, s:b, s:O}", "type", "message.ack", "id",
                        json_object_get(post->frame, "id"), "chat_id", chat.s, "client_id",
                        json_object_get(post->frame, "client_id"), "repeated", 0, "message",
                        message));
    send_json(
        post->room->conns, post->room->count,
        json_pack("{s:s, s:s, s:o}", "type", "message.new", "chat_id", chat.s, "message", message));
    json_decref(post->frame);
    free(post);
}

static struct sup_id id_of(const json_t *frame, const char *name)
{
    const char *text = json_string_value(json_object_get(frame, name));
    struct sup_id id;
    if (!text || sup_id_parse(text, strlen(text), &id))
        BENCH_DIE("no id in %s", name);
    return id;
}

static void post_message(struct conn *conn, json_t *frame)
{
    struct post *post = malloc(sizeof(*post));
    struct sup_pg_params p = {0};
    BENCH_CHECK(post && conn->room);
    *post = (struct post){conn, conn->room, json_incref(frame)};
    struct sup_pg_exec_opts opts = {.key = conn->room->chat};
    sup_pg_add_text(&p, conn->actor);
    sup_pg_add_id(&p, conn->room->chat);
    sup_pg_add_id(&p, sup_id_new());
    sup_pg_add_id(&p, id_of(frame, "client_id"));
    sup_pg_add_text(&p, "message");
    sup_pg_add_text(&p, json_string_value(json_object_get(frame, "body")));
    sup_pg_add_texts(&p, NULL, 0);
    sup_pg_add_null(&p);
    BENCH_CHECK(sup_pg_exec(pool, &stmts[0], &p, &opts, on_posted, post, NULL) == SUP_OK);
    sup_pg_params_fini(&p);
}

static void open_chat(struct conn *conn, const json_t *frame)
{
    conn->room = find_room(id_of(frame, "chat_id"));
    BENCH_CHECK(conn->room->count < ROOM_CONNS);
    conn->room->conns[conn->room->count++] = conn;
    send_json(&conn, 1, json_pack("{s:s, s:s}", "type", "chat.resumed", "id", "o"));
}

static void take(struct conn *conn, const char *text, size_t len)
{
    json_t *frame;
    if (sup_json_parse(text, len, &frame))
        BENCH_DIE("no JSON in a frame");
    const char *type = json_string_value(json_object_get(frame, "type"));
    BENCH_CHECK(type);
    if (strcmp(type, "message.send") == 0) {
        post_message(conn, frame);
    } else if (strcmp(type, "hello") == 0) {
        const char *actor = json_string_value(json_object_get(frame, "token"));
        BENCH_CHECK(actor && strchr(actor, ':'));
        (void)snprintf(conn->actor, sizeof(conn->actor), "%s", actor);
        (void)snprintf(conn->name, sizeof(conn->name), "Wanja Kimani");
        send_json(&conn, 1, json_pack("{s:s, s:s}", "type", "welcome", "id", "h"));
    } else if (strcmp(type, "chat.open") == 0) {
        open_chat(conn, frame);
    } else {
        send_json(&conn, 1, json_pack("{s:s, s:s}", "type", "pong", "id", "p"));
    }
    json_decref(frame);
}

static int on_lws(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                  size_t len)
{
    struct conn **slot = user;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        *slot = calloc(1, sizeof(**slot));
        BENCH_CHECK(*slot);
        (*slot)->wsi = wsi;
        (*slot)->last = &(*slot)->first;
        return 0;
    case LWS_CALLBACK_RECEIVE:
        BENCH_CHECK(lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0);
        take(*slot, in, len);
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_some(*slot);
    case LWS_CALLBACK_CLOSED:
        (*slot)->wsi = NULL;
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "support.v1",
     .callback = on_lws,
     .per_session_data_size = sizeof(struct conn *),
     .rx_buffer_size = 8192},
    {0},
};

static void on_stdin(unsigned events, void *arg)
{
    char byte;
    (void)events;
    (void)arg;
    if (read(STDIN_FILENO, &byte, 1) <= 0)
        exit(EXIT_SUCCESS);
}

static void say_when_ready(void *arg)
{
    struct sup_timer **timer = arg;
    const char *reason;
    if (!sup_pg_pool_ready(pool, &reason)) {
        sup_timer_start(*timer, 20000);
        return;
    }
    printf("{\"pid\": %d}\n", (int)getpid());
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr, "usage: chat_floor PORT CERT KEY CONNINFO\n");
        return 2;
    }
    struct sup_timer *timer;
    struct sup_poller *stdin_poller;
    struct sup_pg_pool_opts pg = {.conninfo = argv[4], .tables = tables, .connections = 3};
    lws_set_log_level(LLL_ERR, NULL);
    BENCH_CHECK(sup_loop_create(&loop) == SUP_OK);
    BENCH_CHECK(sup_pg_pool_create(loop, &pg, &pool) == SUP_OK);
    void *loops[] = {sup_loop_uv(loop)};
    struct lws_context_creation_info info = {
        .port = (int)strtol(argv[1], NULL, 10),
        .iface = "127.0.0.1",
        .protocols = protocols,
        .foreign_loops = loops,
        .options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   LWS_SERVER_OPTION_DISABLE_IPV6,
        .alpn = "http/1.1",
        .ssl_cert_filepath = argv[2],
        .ssl_private_key_filepath = argv[3],
        .keepalive_timeout = 3600,
        .timeout_secs = 30,
    };
    BENCH_CHECK(lws_create_context(&info));
    BENCH_CHECK(sup_poller_create(loop, STDIN_FILENO, on_stdin, NULL, &stdin_poller) == SUP_OK);
    BENCH_CHECK(sup_poller_set(stdin_poller, SUP_POLL_READ) == SUP_OK);
    BENCH_CHECK(sup_timer_create(loop, say_when_ready, &timer, &timer) == SUP_OK);
    sup_timer_start(timer, 0);
    sup_loop_run(loop);
    return EXIT_SUCCESS;
}
