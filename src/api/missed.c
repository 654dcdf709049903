#include <string.h>

#include "api_internal.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"
#include "supportd/staff/staff_store.h"

enum { CHECK_AGAIN_US = 1000000 }; /* after the database could not say */

struct check {
    struct api_session *session;
    struct sup_id login;
};

static void check_free(struct check *c)
{
    api_session_unref(c->session);
    sup_free(c);
}

static void not_checked(struct api_session *session, const char *why)
{
    sup_log_warn("api", "session not checked", SUP_STR("error", why));
    session->unchecked = true;
    if (!sup_timer_armed(session->api->missed_timer))
        sup_timer_start(session->api->missed_timer, CHECK_AGAIN_US);
}

static struct check *check_new(struct api_session *session)
{
    struct check *c = sup_calloc(1, sizeof(*c));
    if (!c) {
        not_checked(session, sup_err_name(SUP_E_NOMEM));
        return NULL;
    }
    *c = (struct check){session, session->login};
    api_session_ref(session);
    return c;
}

static void check_end(struct check *c, sup_err err)
{
    if (err)
        not_checked(c->session, sup_err_name(err));
    check_free(c);
}

/* --- the login --- */

static void on_login(const struct sup_pg_reply *reply, void *arg)
{
    struct check *c = arg;
    bool gone = !reply->err && sup_pg_rows(reply->rows) == 0;
    if (gone && !c->session->closed && sup_id_equal(c->session->login, c->login))
        sup_ws_close(c->session->client, API_CLOSE_LOGGED_OUT, "logged out");
    check_end(c, reply->err);
}

void api_login_check(struct api_session *session)
{
    if (sup_id_is_zero(session->login))
        return;
    struct check *c = check_new(session);
    sup_err err = c ? sup_staff_store_session_lookup(session->api->opts.pool, session->login_hash,
                                                     on_login, c)
                    : SUP_OK;
    if (err)
        check_end(c, err);
}

/* --- the person --- */

static void tell_again(struct api_session *session, const char *what)
{
    struct sup_api *api = session->api;
    if (sup_bus_publish(api->opts.bus, "person", session->actor.id, 0, what))
        sup_log_warn("api", "change of a person not told", SUP_STR("actor", session->actor.text));
}

static void on_person(const struct sup_pg_reply *reply, void *arg)
{
    struct check *c = arg;
    struct api_session *session = c->session;
    bool removed = reply->err && strcmp(reply->code, "no_actor") == 0;
    if (session->closed || (reply->err && !removed))
        ; /* nothing is left to close, or nothing is known */
    else if (removed)
        tell_again(session, "{\"w\":\"removed\"}");
    else if (strcmp(sup_row_str(reply->rows, 0, "role"), sup_role_name(session->actor.role)) != 0)
        tell_again(session, "{\"w\":\"role\"}");
    else
        api_login_check(session);
    check_end(c, removed ? SUP_OK : reply->err);
}

void api_person_check(struct api_session *session)
{
    struct check *c = check_new(session);
    sup_err err =
        c ? sup_staff_store_me(session->api->opts.pool, session->actor.text, on_person, c) : SUP_OK;
    if (err)
        check_end(c, err);
}

static void on_again(void *arg)
{
    struct sup_api *api = arg;
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &api->sessions)
    {
        struct api_session *session = SUP_CONTAINER_OF(pos, struct api_session, link);
        if (!session->unchecked)
            continue;
        session->unchecked = false;
        if (sup_actor_is_staff(&session->actor))
            api_person_check(session);
        else
            api_login_check(session);
    }
}

sup_err api_missed_create(struct sup_api *api)
{
    return sup_timer_create(api->opts.loop, on_again, api, &api->missed_timer);
}

void api_missed_destroy(struct sup_api *api)
{
    sup_timer_destroy(api->missed_timer);
}
