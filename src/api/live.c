#include "api_internal.h"
#include "supportd/base/mem.h"
#include "supportd/call/call_life_store.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

/* The calls that somebody may supervise, pushed to who asked for them (docs/protocol.md 4.3): after
 * each change of any call, here or in another process, but at most once in LIVE_DELAY_US. Each sees
 * what the database lets him see at that moment. A picture that could not be read is due again
 * after LIVE_AGAIN_US, or with the next change. */

enum { LIVE_DELAY_US = 200000, LIVE_AGAIN_US = 1000000, LIVE_CALLS = 200 };

static const char TOPIC[] = "live";

struct live_read {
    struct sup_api *api;
    struct sup_id viewer;
    uint64_t number; /* of the picture: a later one is newer */
};

static json_t *call_json(struct sup_pg_result *rows, int row)
{
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", sup_row_text(rows, row, "call_id"), "chat_id",
        sup_row_text(rows, row, "chat_id"), "state", sup_row_text(rows, row, "state"), "customer",
        sup_row_person(rows, row, "customer_id", "customer_name"), "staff",
        sup_row_person(rows, row, "staff_id", "staff_name"), "answered_at",
        sup_row_time(rows, row, "answered_at"), "recording", sup_row_text(rows, row, "recording"));
}

json_t *api_live_items(struct sup_pg_result *rows)
{
    json_t *items = json_array();
    for (int row = 0; row < sup_pg_rows(rows); row++)
        json_array_append_new(items, call_json(rows, row));
    return items;
}

/* --- pushed --- */

struct delivery {
    const struct live_read *read;
    json_t *frame;
};

static void deliver(struct sup_ws_client *client, void *arg)
{
    const struct delivery *d = arg;
    struct api_session *session = sup_ws_data(client);
    if (!session || !sup_id_equal(session->actor.id, d->read->viewer) ||
        session->live_number > d->read->number)
        return;
    session->live_number = d->read->number;
    api_session_send(session, json_incref(d->frame));
}

static void again(struct sup_api *api)
{
    sup_log_warn("api", "live calls not read");
    if (!sup_timer_armed(api->live_timer) && sup_hub_subscribers(api->hub, TOPIC) > 0) {
        api->live_again = true;
        sup_timer_start(api->live_timer, LIVE_AGAIN_US);
    }
}

static void on_read(const struct sup_pg_reply *reply, void *arg)
{
    struct live_read *read = arg;
    struct delivery d = {.read = read};
    if (!reply->err)
        d.frame =
            json_pack("{s:s, s:o}", "type", "live.state", "items", api_live_items(reply->rows));
    if (d.frame)
        sup_hub_each(read->api->hub, TOPIC, deliver, &d);
    else
        again(read->api);
    json_decref(d.frame);
    sup_free(read);
}

static void read_for(struct sup_api *api, const struct sup_actor *actor)
{
    struct live_read *read = sup_calloc(1, sizeof(*read));
    if (read)
        *read = (struct live_read){api, actor->id, api->live_number};
    if (!read || sup_call_life_store_team(api->opts.pool, actor->text, LIVE_CALLS, on_read, read)) {
        sup_free(read);
        again(api);
    }
}

struct viewers {
    struct sup_api *api;
    struct sup_map *seen;
};

/* One read for all tabs of a person. */
static void add_viewer(struct sup_ws_client *client, void *arg)
{
    struct viewers *v = arg;
    struct api_session *session = sup_ws_data(client);
    struct sup_id *id = session ? &session->actor.id : NULL;
    if (!id || sup_map_get(v->seen, id->bytes, sizeof(id->bytes)))
        return;
    if (sup_map_set(v->seen, id->bytes, sizeof(id->bytes), session)) {
        again(v->api);
        return;
    }
    read_for(v->api, &session->actor);
}

static void on_due(void *arg)
{
    struct viewers v = {.api = arg};
    v.api->live_again = false;
    if (sup_map_create(&v.seen)) {
        again(v.api);
        return;
    }
    v.api->live_number++;
    sup_hub_each(v.api->hub, TOPIC, add_viewer, &v);
    sup_map_destroy(v.seen);
}

void api_live_soon(struct sup_api *api)
{
    if ((api->live_again || !sup_timer_armed(api->live_timer)) &&
        sup_hub_subscribers(api->hub, TOPIC) > 0) {
        api->live_again = false; /* a change does not wait for the longer deadline */
        sup_timer_start(api->live_timer, LIVE_DELAY_US);
    }
}

/* --- who looks --- */

static void on_opened(const struct sup_pg_reply *reply, void *arg)
{
    struct api_op *op = arg;
    if (op->session->live_number != (uint64_t)op->number[0])
        api_live_soon(op->api); /* a newer picture has overtaken this one */
    if (reply->err)
        api_op_fail_db(op, reply);
    else
        api_op_reply(op, 0, "live.state", json_pack("{s:o}", "items", api_live_items(reply->rows)));
}

/* Subscribed first and read then, so nothing falls in between; a picture that was read before is
 * not delivered after the answer, as its number is lower. */
void api_ws_live_open(struct api_op *op)
{
    struct sup_api *api = op->api;
    if (!api_op_read(op, NULL, 0, NULL))
        return;
    op->session->live_number = api->live_number + 1;
    op->number[0] = (int64_t)op->session->live_number;
    sup_err err = sup_hub_subscribe(api->hub, op->session->client, TOPIC);
    if (!err)
        err = sup_call_life_store_team(api->opts.pool, op->actor.text, LIVE_CALLS, on_opened, op);
    if (err)
        api_op_fail_err(op, err);
}

void api_ws_live_leave(struct api_op *op)
{
    if (!api_op_read(op, NULL, 0, NULL))
        return;
    sup_hub_unsubscribe(op->api->hub, op->session->client, TOPIC);
    api_op_reply(op, 0, "ok", json_object());
}

sup_err api_live_create(struct sup_api *api)
{
    return sup_timer_create(api->opts.loop, on_due, api, &api->live_timer);
}

void api_live_destroy(struct sup_api *api)
{
    sup_timer_destroy(api->live_timer);
}
