#include <stdio.h>
#include <string.h>

#include "api_internal.h"
#include "supportd/auth/base64url.h"
#include "supportd/auth/digest.h"
#include "supportd/auth/session.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"
#include "supportd/staff/staff_store.h"

/* From a credential to an actor. A token that was looked up a moment ago is not looked up again:
 * known identities are kept for KNOWN_US, so a change of role takes effect within that time. */

enum {
    KNOWN_US = 5000000,
    KNOWN_MAX = 20000,
    TICKETS_MAX = 20000,
    TICKET_BYTES = 24,
    ENDED_SLACK_US = 60000000, /* an identity that is still being looked up */
};

struct api_known {
    struct sup_actor actor;
    uint64_t until_us; /* monotonic */
};

struct api_ticket {
    struct sup_actor actor;
    uint64_t until_us;
};

struct api_ended {
    uint64_t until_us;
};

struct lookup {
    struct sup_api *api;
    api_identity_cb cb;
    void *arg;
    struct sup_identity identity;
    uint8_t key[SUP_SHA256_LEN]; /* of the token or cookie */
};

static void finish(struct lookup *l, const char *code, const struct sup_actor *actor)
{
    l->cb(code, actor, l->arg);
    sup_free(l);
}

static void finish_db(struct lookup *l, const struct sup_pg_reply *reply)
{
    sup_log_warn("api", "identity not looked up", SUP_STR("error", sup_err_name(reply->err)),
                 SUP_STR("sqlstate", reply->sqlstate), SUP_STR("code", reply->code));
    finish(l, reply->err == SUP_E_DB ? "internal_error" : "unavailable", NULL);
}

/* Roles are checked in the table; an unknown one may do nothing. */
static enum sup_role role_of(struct sup_pg_result *rows)
{
    enum sup_role role;
    return sup_role_parse(sup_row_str(rows, 0, "role"), &role) == SUP_OK ? role
                                                                         : SUP_ROLE_ANONYMOUS;
}

/* --- what was looked up a moment ago --- */

static void free_values(struct sup_map *map)
{
    size_t pos = 0;
    void *value;
    while (map && (value = sup_map_next(map, &pos, NULL, NULL)))
        sup_free(value);
    sup_map_destroy(map);
}

static void remember(struct lookup *l, const struct sup_actor *actor)
{
    struct sup_api *api = l->api;
    struct api_known *known = sup_map_get(api->known, l->key, sizeof(l->key));
    if (!known) {
        if (sup_map_count(api->known) >= KNOWN_MAX) {
            free_values(api->known);
            api->known = NULL;
            if (sup_map_create(&api->known))
                return;
        }
        known = sup_calloc(1, sizeof(*known));
        if (!known || sup_map_set(api->known, l->key, sizeof(l->key), known)) {
            sup_free(known);
            return;
        }
    }
    *known = (struct api_known){*actor, sup_clock_mono_us() + KNOWN_US};
}

void api_forget_known(struct sup_api *api)
{
    free_values(api->known);
    api->known = NULL;
    if (sup_map_create(&api->known))
        sup_log_warn("api", "identities cannot be kept");
}

/* --- the bank's token --- */

static void on_customer(const struct sup_pg_reply *reply, void *arg)
{
    struct lookup *l = arg;
    if (reply->err || sup_pg_rows(reply->rows) != 1) {
        finish_db(l, reply);
        return;
    }
    struct sup_actor actor =
        sup_actor_make(SUP_ROLE_CUSTOMER, sup_row_id(reply->rows, 0, "id"), l->identity.name);
    (void)snprintf(actor.language, sizeof(actor.language), "%.15s", l->identity.language);
    actor.expires_us = l->identity.expires_us;
    remember(l, &actor);
    finish(l, NULL, &actor);
}

static const char *or_null(const char *s)
{
    return s[0] ? s : NULL;
}

static void on_staff_or_not(const struct sup_pg_reply *reply, void *arg)
{
    struct lookup *l = arg;
    if (reply->err) {
        finish_db(l, reply);
        return;
    }
    if (sup_pg_rows(reply->rows) == 1) {
        struct sup_actor actor =
            sup_actor_make(role_of(reply->rows), sup_row_id(reply->rows, 0, "staff_id"),
                           sup_row_str(reply->rows, 0, "display_name"));
        actor.expires_us = l->identity.expires_us;
        remember(l, &actor);
        finish(l, NULL, &actor);
        return;
    }
    struct sup_customer_claims claims = {
        .issuer = l->api->opts.issuer,
        .subject = l->identity.subject,
        .name = or_null(l->identity.name),
        .email = or_null(l->identity.email),
        .language = or_null(l->identity.language),
    };
    sup_err err = sup_staff_store_customer(l->api->opts.pool, &claims, NULL, on_customer, l);
    if (err)
        finish(l, "overloaded", NULL);
}

static void by_token(struct lookup *l, const char *token, size_t len)
{
    enum sup_jwt_reason reason = SUP_JWT_OK;
    const struct api_known *known = NULL;
    sup_err err =
        sup_jwt_verify(l->api->opts.jwt, token, len, sup_clock_wall_us(), &l->identity, &reason);
    if (!err)
        err = sup_sha256(token, len, l->key);
    if (!err)
        known = sup_map_get(l->api->known, l->key, sizeof(l->key));
    if (err) {
        sup_log_info("api", "token refused", SUP_STR("reason", sup_jwt_reason_name(reason)));
        finish(l, reason == SUP_JWT_EXPIRED ? "token_expired" : "token_invalid", NULL);
    } else if (known && known->until_us > sup_clock_mono_us()) {
        finish(l, NULL, &known->actor);
    } else if (sup_staff_store_by_subject(l->api->opts.pool, l->api->opts.issuer,
                                          l->identity.subject, on_staff_or_not, l)) {
        finish(l, "overloaded", NULL);
    }
}

/* --- our own session cookie --- */

/* The first half of the hash: enough to name it, too little to be it. */
static struct sup_id login_ref(const uint8_t *hash)
{
    struct sup_id ref;
    memcpy(ref.bytes, hash, sizeof(ref.bytes));
    return ref;
}

bool api_login_ref(const struct api_op *op, struct sup_id *ret_ref)
{
    const char *cookie;
    size_t len;
    struct sup_token_hash hash;
    if (sup_http_cookie(op->req, API_SESSION_COOKIE, &cookie, &len) ||
        sup_token_hash(cookie, len, &hash))
        return false;
    *ret_ref = login_ref(hash.bytes);
    return true;
}

static void on_session(const struct sup_pg_reply *reply, void *arg)
{
    struct lookup *l = arg;
    if (reply->err) {
        finish_db(l, reply);
        return;
    }
    if (sup_pg_rows(reply->rows) != 1) {
        finish(l, "session_expired", NULL);
        return;
    }
    struct sup_actor actor =
        sup_actor_make(role_of(reply->rows), sup_row_id(reply->rows, 0, "staff_id"),
                       sup_row_str(reply->rows, 0, "display_name"));
    actor.session = login_ref(l->key);
    memcpy(actor.session_hash, l->key, sizeof(actor.session_hash));
    actor.expires_us = sup_pg_time(reply->rows, 0, sup_pg_col(reply->rows, "expires_at"));
    finish(l, NULL, &actor);
}

static void by_cookie(struct lookup *l, const char *cookie, size_t len)
{
    struct sup_token_hash hash;
    if (sup_token_hash(cookie, len, &hash)) {
        finish(l, "session_expired", NULL);
        return;
    }
    memcpy(l->key, hash.bytes, sizeof(l->key));
    if (sup_staff_store_session_lookup(l->api->opts.pool, hash.bytes, on_session, l))
        finish(l, "overloaded", NULL);
}

void api_identify(struct sup_api *api, const struct api_credential *credential, api_identity_cb cb,
                  void *arg)
{
    struct lookup *l = sup_calloc(1, sizeof(*l));
    if (!l) {
        cb("overloaded", NULL, arg);
        return;
    }
    l->api = api;
    l->cb = cb;
    l->arg = arg;
    if (credential->token)
        by_token(l, credential->token, credential->token_len);
    else
        by_cookie(l, credential->cookie, credential->cookie_len);
}

/* --- tickets --- */

sup_err api_ticket_new(struct sup_api *api, const struct sup_actor *actor, char *ret_ticket,
                       size_t cap, int64_t *ret_expires_us)
{
    uint8_t random[TICKET_BYTES], key[SUP_SHA256_LEN];
    if (cap < SUP_BASE64URL_LEN(TICKET_BYTES) + 1)
        return SUP_E_INVAL;
    if (sup_map_count(api->tickets) >= TICKETS_MAX)
        api_tickets_expire(api);
    if (sup_map_count(api->tickets) >= TICKETS_MAX)
        return SUP_E_LIMIT;
    sup_random(random, sizeof(random));
    sup_base64url_encode(random, sizeof(random), ret_ticket);
    struct api_ticket *ticket = sup_calloc(1, sizeof(*ticket));
    sup_err err = ticket ? sup_sha256(ret_ticket, strlen(ret_ticket), key) : SUP_E_NOMEM;
    if (!err)
        err = sup_map_set(api->tickets, key, sizeof(key), ticket);
    if (err) {
        sup_free(ticket);
        return err;
    }
    *ticket = (struct api_ticket){*actor, sup_clock_mono_us() + api->opts.ticket_ttl_us};
    *ret_expires_us = sup_clock_wall_us() + (int64_t)api->opts.ticket_ttl_us;
    return SUP_OK;
}

static bool has_ended(const struct sup_api *api, struct sup_id who)
{
    return sup_map_get(api->ended, who.bytes, sizeof(who.bytes)) != NULL;
}

sup_err api_ticket_take(struct sup_api *api, const char *ticket, struct sup_actor *ret_actor)
{
    uint8_t key[SUP_SHA256_LEN];
    sup_err err = sup_sha256(ticket, strlen(ticket), key);
    struct api_ticket *found = err ? NULL : sup_map_remove(api->tickets, key, sizeof(key));
    if (!found)
        return SUP_E_NOTFOUND;
    bool fresh = found->until_us > sup_clock_mono_us() && !has_ended(api, found->actor.session) &&
                 !has_ended(api, found->actor.id);
    if (fresh)
        *ret_actor = found->actor;
    sup_free(found);
    return fresh ? SUP_OK : SUP_E_NOTFOUND;
}

static void drop_tickets(struct sup_api *api, struct sup_id person)
{
    uint64_t now = sup_clock_mono_us();
    size_t pos = 0, len;
    const void *key;
    struct api_ticket *ticket;
    while ((ticket = sup_map_next(api->tickets, &pos, &key, &len))) {
        if (ticket->until_us > now && !sup_id_equal(ticket->actor.id, person))
            continue;
        uint8_t copy[SUP_SHA256_LEN];
        memcpy(copy, key, sizeof(copy));
        (void)sup_map_remove(api->tickets, copy, sizeof(copy)); /* does not move other slots */
        sup_free(ticket);
    }
}

void api_tickets_expire(struct sup_api *api)
{
    drop_tickets(api, (struct sup_id){{0}});
}

void api_tickets_drop(struct sup_api *api, struct sup_id person)
{
    drop_tickets(api, person);
}

/* --- logins and accounts that have ended --- */

static void forget_ended(struct sup_api *api, uint64_t now)
{
    size_t pos = 0, len;
    const void *key;
    struct api_ended *ended;
    while ((ended = sup_map_next(api->ended, &pos, &key, &len))) {
        if (ended->until_us > now)
            continue;
        uint8_t copy[sizeof(struct sup_id)];
        memcpy(copy, key, sizeof(copy));
        (void)sup_map_remove(api->ended, copy, sizeof(copy)); /* does not move other slots */
        sup_free(ended);
    }
}

sup_err api_ended(struct sup_api *api, struct sup_id who)
{
    uint64_t now = sup_clock_mono_us();
    forget_ended(api, now);
    struct api_ended *ended = sup_map_get(api->ended, who.bytes, sizeof(who.bytes));
    if (!ended) {
        ended = sup_calloc(1, sizeof(*ended));
        sup_err err =
            ended ? sup_map_set(api->ended, who.bytes, sizeof(who.bytes), ended) : SUP_E_NOMEM;
        if (err) {
            sup_free(ended);
            return err;
        }
    }
    ended->until_us = now + api->opts.ticket_ttl_us + ENDED_SLACK_US;
    return SUP_OK;
}

sup_err api_identity_create(struct sup_api *api)
{
    sup_err err = sup_map_create(&api->known);
    if (!err)
        err = sup_map_create(&api->ended);
    return err ? err : sup_map_create(&api->tickets);
}

void api_identity_destroy(struct sup_api *api)
{
    free_values(api->known);
    free_values(api->tickets);
    free_values(api->ended);
}
