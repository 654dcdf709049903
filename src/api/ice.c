#include <stdio.h>

#include "api_internal.h"
#include "supportd/auth/turn.h"
#include "supportd/base/clock.h"

json_t *api_ice_servers(const struct sup_api *api, const struct sup_actor *actor)
{
    const struct sup_api_opts *opts = &api->opts;
    json_t *servers = json_array(), *urls = json_array();
    for (size_t i = 0; i < opts->stun_count; i++)
        json_array_append_new(urls, json_string(opts->stun_urls[i]));
    if (opts->stun_count > 0)
        json_array_append_new(servers, json_pack("{s:O}", "urls", urls));
    json_array_clear(urls);
    for (size_t i = 0; i < opts->turn_count; i++)
        json_array_append_new(urls, json_string(opts->turn_urls[i]));
    struct sup_turn_credential credential;
    int64_t until_s = (sup_clock_wall_us() + (int64_t)opts->turn_ttl_us) / 1000000;
    if (opts->turn_count > 0 &&
        sup_turn_credential(opts->turn_secret, until_s, sup_id_text(actor->id).s, &credential) ==
            SUP_OK)
        json_array_append_new(servers,
                              json_pack("{s:O, s:s, s:s}", "urls", urls, "username",
                                        credential.username, "credential", credential.password));
    json_decref(urls);
    return servers;
}
