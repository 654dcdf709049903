#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "app_internal.h"
#include "supportd/auth/turn.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"

/* The TURN server that the daemon itself uses. */

enum {
    ADDRESSES_MAX = 8,
    RETRY_US = 30 * 1000000,    /* after a look-up that found nothing */
    LOOK_MAX_US = 600 * 1000000 /* a name's address may change sooner than a credential runs out */
};

struct app_relay {
    struct sup_app *app;
    struct sup_timer *timer;
    struct sup_work *work; /* the look-up under way */
};

/* The pool's thread has it until the look-up is done. */
struct lookup {
    struct app_relay *relay;
    char host[254];
    char addresses[ADDRESSES_MAX][INET6_ADDRSTRLEN];
    size_t count; /* 0: not found */
};

static void look_up(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_ADDRCONFIG}, *all = NULL;
    if (getaddrinfo(l->host, NULL, &hints, &all) != 0)
        return;
    for (const struct addrinfo *a = all; a && l->count < ADDRESSES_MAX; a = a->ai_next)
        if (getnameinfo(a->ai_addr, a->ai_addrlen, l->addresses[l->count], INET6_ADDRSTRLEN, NULL,
                        0, NI_NUMERICHOST) == 0)
            l->count++;
    freeaddrinfo(all);
}

static void drop(void *arg)
{
    sup_free(arg);
}

static sup_err use(const struct sup_app *app, const char *address)
{
    const struct sup_config *c = app->config;
    struct sup_turn_credential credential;
    int64_t until_s = sup_clock_wall_us() / 1000000 + c->media.turn_ttl_ms / 1000;
    sup_err err = sup_turn_credential(c->media.turn_secret, until_s, "supportd", &credential);
    if (err)
        return err;
    struct sup_media_server turn = {.address = address,
                                    .port = (uint16_t)c->media.relay_port,
                                    .username = credential.username,
                                    .password = credential.password};
    err = sup_media_engine_set_turn(app->engine, &turn);
    sup_wipe(&credential, sizeof(credential));
    return err;
}

static void on_looked_up(void *arg)
{
    struct lookup *l = arg;
    struct app_relay *relay = l->relay;
    const struct sup_config *c = relay->app->config;
    uint64_t again_us = (uint64_t)c->media.turn_ttl_ms * 500; /* half its life */
    sup_err err = SUP_E_NOTFOUND;
    for (size_t i = 0; err && i < l->count; i++)
        err = use(relay->app, l->addresses[i]); /* refused where no own address is of its family */
    if (err) {
        sup_log_warn("app", "relay not usable", SUP_STR("host", l->host),
                     SUP_STR("error", sup_err_name(err)));
        again_us = RETRY_US;
    }
    relay->work = NULL;
    sup_free(l);
    sup_timer_start(relay->timer, again_us < LOOK_MAX_US ? again_us : LOOK_MAX_US);
}

static void begin(void *arg)
{
    struct app_relay *relay = arg;
    struct lookup *l = sup_calloc(1, sizeof(*l));
    if (l) {
        l->relay = relay;
        (void)snprintf(l->host, sizeof(l->host), "%s", relay->app->config->media.relay_host);
    }
    if (!l || sup_work_start(relay->app->loop, look_up, on_looked_up, drop, l, &relay->work)) {
        sup_free(l);
        sup_timer_start(relay->timer, RETRY_US);
    }
}

sup_err app_make_relay(struct sup_app *app)
{
    if (!app->config->media.relay_host[0])
        return SUP_OK;
    app->relay = sup_calloc(1, sizeof(*app->relay));
    if (!app->relay)
        return SUP_E_NOMEM;
    app->relay->app = app;
    sup_err err = sup_timer_create(app->loop, begin, app->relay, &app->relay->timer);
    if (!err)
        begin(app->relay);
    return err;
}

void app_drop_relay(struct sup_app *app)
{
    if (!app->relay)
        return;
    if (app->relay->work)
        sup_work_cancel(app->relay->work);
    sup_timer_destroy(app->relay->timer);
    sup_free(app->relay);
    app->relay = NULL;
}
