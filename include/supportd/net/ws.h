/* WebSocket clients: text frames in and out, limits, keepalive, close codes.
 *
 * Layer:  net. Thread: loop thread.
 * Source: RFC 6455; SPEC 12 (limits, slow clients), DESIGN Interfaces.
 * Clients live on path /ws with subprotocol support.v1; others are refused at the upgrade.
 *
 * References: the server holds one until on_close has run. Whoever keeps a pointer beyond a
 * callback takes its own (sup_ws_ref()) or forgets the pointer in on_close. */
#ifndef SUPPORTD_NET_WS_H
#define SUPPORTD_NET_WS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/base/id.h"

struct sup_ws_client;
struct sup_ws_frame;

/* Close codes in use (RFC 6455 section 7.4, IANA registry). */
enum {
    SUP_WS_NORMAL = 1000,
    SUP_WS_GOING_AWAY = 1001,
    SUP_WS_PROTOCOL = 1002,
    SUP_WS_UNSUPPORTED = 1003, /* binary frame */
    SUP_WS_ABNORMAL = 1006,    /* only in on_close: no close frame was seen */
    SUP_WS_BAD_DATA = 1007,    /* not UTF-8 */
    SUP_WS_POLICY = 1008,      /* frame rate, authentication */
    SUP_WS_TOO_BIG = 1009,
    SUP_WS_INTERNAL = 1011,
    SUP_WS_RESTART = 1012,
    SUP_WS_TRY_LATER = 1013, /* slow reader cut off */
};

struct sup_ws_hooks {
    /* The client is connected; sends are possible from here on. */
    void (*on_open)(struct sup_ws_client *client, void *arg);
    /* One whole text message, UTF-8 checked. text[len] is NUL-terminated, the handler may change
     * it in place, and it is wiped when the call returns. */
    void (*on_text)(struct sup_ws_client *client, char *text, size_t len, void *arg);
    /* Frame rate exceeded: the last chance to send an error frame; close 1008 follows. May be NULL.
     */
    void (*on_rate)(struct sup_ws_client *client, void *arg);
    /* The last callback, once for each on_open. code: what the peer or we closed with, or 1006. */
    void (*on_close)(struct sup_ws_client *client, unsigned code, void *arg);
    void *arg; /* kept */
};

struct sup_ws_client *sup_ws_ref(struct sup_ws_client *client);
void sup_ws_unref(struct sup_ws_client *client); /* NULL is a no-op */

/* Made at the upgrade; unique. */
struct sup_id sup_ws_id(const struct sup_ws_client *client);
/* Borrowed with the client: address behind trusted proxies; "" for a missing Origin or header. */
const char *sup_ws_peer(const struct sup_ws_client *client);
const char *sup_ws_origin(const struct sup_ws_client *client);
/* Cookie header of the upgrade, "" when absent; sup_ws_forget_cookie() wipes it once it was read.
 */
const char *sup_ws_cookie(const struct sup_ws_client *client);
void sup_ws_forget_cookie(struct sup_ws_client *client);
bool sup_ws_is_tls(const struct sup_ws_client *client);
/* False from the moment that a close was asked for, or the connection went. */
bool sup_ws_is_open(const struct sup_ws_client *client);
void sup_ws_set_data(struct sup_ws_client *client, void *data);
void *sup_ws_data(const struct sup_ws_client *client);
/* Bytes queued and not yet written. */
size_t sup_ws_queued(const struct sup_ws_client *client);

/* Queues one text frame (copied, wiped after writing). A client whose queue would exceed the limit
 * is cut off: its queue is dropped, close 1013 is sent, SUP_E_LIMIT returned.
 * Errors: SUP_E_CLOSED (closing or gone), SUP_E_LIMIT, SUP_E_NOMEM. */
sup_err sup_ws_send(struct sup_ws_client *client, const char *text, size_t len);
/* Starts the closing handshake: what is queued is written first, then a close frame with code and
 * reason (cut at 123 bytes; may be NULL). on_close follows later, never from within this call. The
 * connection is cut if the peer has not answered within 5 s. Repeated calls are no-ops. */
void sup_ws_close(struct sup_ws_client *client, unsigned code, const char *reason);

/* One serialized text frame for many clients: bytes are shared, not copied per client.
 * *ret_frame carries one reference of the caller's. Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_ws_frame_create(const char *text, size_t len,
                                           struct sup_ws_frame **ret_frame);
void sup_ws_frame_unref(struct sup_ws_frame *frame); /* NULL is a no-op; wipes with the last */
/* As sup_ws_send(); takes a reference of its own. */
sup_err sup_ws_send_frame(struct sup_ws_client *client, struct sup_ws_frame *frame);
#endif
