#include <stdio.h>
#include <string.h>

#include "app_internal.h"
#include "supportd/base/mem.h"
#include "supportd/net/assets.h"

/* The embedded pages as this configuration serves them: the widget's panel may be framed by the
 * configured sites, and the demo bank exists in demo mode only, where the root leads to it. */

static sup_err frame_ancestors(const struct sup_app *app, const char *csp, struct sup_buf *out)
{
    const char *token = strstr(csp, SUP_ASSET_FRAME_ANCESTORS);
    sup_err err = sup_buf_add(out, csp, (size_t)(token - csp));
    if (!err)
        err = sup_buf_adds(out, "'self'");
    for (size_t i = 0; !err && i < app->config->web.sites.count; i++)
        err = sup_buf_addf(out, " %s", app->config->web.sites.items[i].origin);
    return err ? err : sup_buf_adds(out, token + strlen(SUP_ASSET_FRAME_ANCESTORS));
}

sup_err app_make_assets(struct sup_app *app)
{
    static const struct sup_asset root = {.path = "/", .location = "/demo/"};
    app->assets = sup_calloc(sup_web_asset_count + 1, sizeof(*app->assets));
    if (!app->assets)
        return SUP_E_NOMEM;
    if (app->config->web.demo)
        app->assets[app->asset_count++] = root;
    for (size_t i = 0; i < sup_web_asset_count; i++) {
        const struct sup_asset *from = &sup_web_assets[i];
        struct sup_buf csp = {0};
        if (strncmp(from->path, "/demo/", 6) == 0 && !app->config->web.demo)
            continue;
        struct sup_asset *to = &app->assets[app->asset_count++];
        *to = *from;
        if (!from->csp || !strstr(from->csp, SUP_ASSET_FRAME_ANCESTORS))
            continue;
        if (app->panel_csp) /* one row holds the token (net/assets.h) */
            return SUP_E_STATE;
        sup_err err = frame_ancestors(app, from->csp, &csp);
        if (err) {
            sup_buf_fini(&csp);
            return err;
        }
        to->csp = app->panel_csp = csp.data;
    }
    return SUP_OK;
}

void app_drop_assets(struct sup_app *app)
{
    sup_free(app->panel_csp);
    sup_free(app->assets);
}
