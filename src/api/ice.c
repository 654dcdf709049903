#include <stdio.h>

#include "api_internal.h"
#include "supportd/auth/turn.h"
#include "supportd/base/clock.h"

static json_t *texts(const char *const *items, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_string(items[i]));
    return list;
}

json_t *api_ice_servers(const struct sup_api *api, const struct sup_actor *actor)
{
    const struct sup_api_opts *opts = &api->opts;
    json_t *servers = json_array();
    if (opts->stun_count > 0)
        json_array_append_new(servers,
                              json_pack("{s:o}", "urls", texts(opts->stun_urls, opts->stun_count)));
    struct sup_turn_credential credential;
    int64_t until_s = (sup_clock_wall_us() + (int64_t)opts->turn_ttl_us) / 1000000;
    if (opts->turn_count > 0 &&
        sup_turn_credential(opts->turn_secret, until_s, sup_id_text(actor->id).s, &credential) ==
            SUP_OK)
        json_array_append_new(
            servers, json_pack("{s:o, s:s, s:s}", "urls", texts(opts->turn_urls, opts->turn_count),
                               "username", credential.username, "credential", credential.password));
    return servers;
}

/* A credential counts when it is used: a page that is open for days may have to restart ICE. */
void api_ice_watch(struct api_session *session)
{
    const struct sup_api_opts *opts = &session->api->opts;
    if (opts->turn_count > 0 && session->ice)
        sup_timer_start(session->ice, opts->turn_ttl_us / 2);
}

void api_ice_renew(void *arg)
{
    struct api_session *session = arg;
    api_session_send(session, json_pack("{s:s, s:o}", "type", "ice.servers", "ice_servers",
                                        api_ice_servers(session->api, &session->actor)));
    api_ice_watch(session);
}
