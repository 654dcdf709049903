#include <string.h>

#include "net_internal.h"

static const struct sup_asset *find(const struct sup_net_server *server, const char *path,
                                    const char *more)
{
    char full[URI_MAX + 32];
    int n = snprintf(full, sizeof(full), "%s%s", path, more);
    if (n < 0 || (size_t)n >= sizeof(full))
        return NULL;
    return sup_map_get(server->assets, full, (size_t)n);
}

static bool is_read(const char *method)
{
    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static bool refuse_method(struct sup_http_request *req)
{
    bool preflight = strcmp(req->method, "OPTIONS") == 0;
    struct sup_problem problem = {.status = 405, .code = "method_not_allowed"};
    if (sup_http_set_header(req, "Allow", "GET, HEAD, OPTIONS") != SUP_OK)
        problem = (struct sup_problem){.status = 500, .code = "internal_error"};
    else if (preflight)
        return sup_http_reply(req, 204, NULL, NULL, 0), true;
    (void)sup_http_problem(req, &problem);
    return true;
}

static bool redirect(struct sup_http_request *req, unsigned status, const char *location)
{
    if (sup_http_set_header(req, "Location", location) != SUP_OK)
        return false;
    (void)sup_http_reply(req, status, NULL, NULL, 0);
    return true;
}

/* "/staff" for a page "/staff/": relative links need the slash. */
static bool add_slash(struct sup_http_request *req)
{
    char location[URI_MAX + 2];
    (void)snprintf(location, sizeof(location), "%s/", req->path);
    return redirect(req, 308, location);
}

static void send_asset(struct sup_http_request *req, const struct sup_asset *asset)
{
    const char *accepted = sup_http_header(req, "accept-encoding");
    const char *known = sup_http_header(req, "if-none-match");
    struct reply_parts parts = {
        .status = 200,
        .content_type = asset->content_type,
        .tail = asset->data,
        .tail_len = asset->len,
        .csp = asset->csp,
        .asset_cors = asset->cross_origin,
        .cache_control = asset->immutable ? "public, max-age=31536000, immutable" : "no-cache",
    };
    const char *coding = NULL;
    if (asset->br && accepted && sup_encoding_accepted(accepted, "br")) {
        coding = "br";
        parts.tail = asset->br;
        parts.tail_len = asset->br_len;
    } else if (asset->gzip && accepted && sup_encoding_accepted(accepted, "gzip")) {
        coding = "gzip";
        parts.tail = asset->gzip;
        parts.tail_len = asset->gzip_len;
    }
    char more[256];
    (void)snprintf(more, sizeof(more), "Vary: Accept-Encoding\r\n%s%s%s%s%s%s",
                   asset->etag ? "ETag: " : "", asset->etag ? asset->etag : "",
                   asset->etag ? "\r\n" : "", coding ? "Content-Encoding: " : "",
                   coding ? coding : "", coding ? "\r\n" : "");
    parts.more = more;
    if (known && asset->etag && sup_etag_matches(known, asset->etag)) {
        parts.status = 304;
        parts.content_type = NULL;
        parts.tail = NULL;
        parts.tail_len = 0;
    }
    (void)sup_net_reply(req, &parts);
}

bool sup_net_asset_serve(struct sup_http_request *req)
{
    const struct sup_net_server *server = req->conn->server;
    size_t len = strlen(req->path);
    bool folder = len > 0 && req->path[len - 1] == '/';
    const struct sup_asset *asset = find(server, req->path, "");
    if (!asset && folder)
        asset = find(server, req->path, "index.html");
    if (!asset && !folder && is_read(req->method) &&
        (find(server, req->path, "/") || find(server, req->path, "/index.html")))
        return add_slash(req);
    if (!asset)
        return false;
    if (!is_read(req->method))
        return refuse_method(req);
    if (asset->location)
        return redirect(req, 302, asset->location);
    send_asset(req, asset);
    return true;
}
