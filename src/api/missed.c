#include <string.h>

#include "api_internal.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"
#include "supportd/staff/staff_store.h"

struct check {
    struct api_session *session;
    struct sup_id login;
};

static void check_free(struct check *c)
{
    api_session_unref(c->session);
    sup_free(c);
}

static struct check *check_new(struct api_session *session)
{
    struct check *c = sup_calloc(1, sizeof(*c));
    if (!c) {
        sup_log_warn("api", "session not checked");
        return NULL;
    }
    *c = (struct check){session, session->login};
    api_session_ref(session);
    return c;
}

static void not_sent(struct check *c)
{
    sup_log_warn("api", "session not checked");
    check_free(c);
}

/* --- the login --- */

static void on_login(const struct sup_pg_reply *reply, void *arg)
{
    struct check *c = arg;
    bool gone = !reply->err && sup_pg_rows(reply->rows) == 0;
    if (reply->err)
        sup_log_warn("api", "login not checked", SUP_STR("error", sup_err_name(reply->err)));
    if (gone && !c->session->closed && sup_id_equal(c->session->login, c->login))
        sup_ws_close(c->session->client, API_CLOSE_LOGGED_OUT, "logged out");
    check_free(c);
}

void api_login_check(struct api_session *session)
{
    if (sup_id_is_zero(session->login))
        return;
    struct check *c = check_new(session);
    if (c &&
        sup_staff_store_session_lookup(session->api->opts.pool, session->login_hash, on_login, c))
        not_sent(c);
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
    if (reply->err && !removed)
        sup_log_warn("api", "person not checked", SUP_STR("error", sup_err_name(reply->err)));
    else if (session->closed)
        ; /* nothing is left to close */
    else if (removed)
        tell_again(session, "{\"w\":\"removed\"}");
    else if (strcmp(sup_row_str(reply->rows, 0, "role"), sup_role_name(session->actor.role)) != 0)
        tell_again(session, "{\"w\":\"role\"}");
    else
        api_login_check(session);
    check_free(c);
}

void api_person_check(struct api_session *session)
{
    struct check *c = check_new(session);
    if (c && sup_staff_store_me(session->api->opts.pool, session->actor.text, on_person, c))
        not_sent(c);
}
