/* getaddrinfo() may block for many seconds and libpq calls it itself unless it is given hostaddr,
 * so names are looked up on the work queue first. Lists of several hosts are left to libpq. */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "pg_internal.h"
#include "supportd/base/mem.h"

enum { ADDRS_MAX = 4 };

struct pg_resolve {
    struct sup_work *work;
    pg_resolve_cb cb;
    void *arg;
    char host[256];
    bool found;
    char hosts[ADDRS_MAX * 257];
    char addrs[ADDRS_MAX * (INET6_ADDRSTRLEN + 1)];
};

static void append(char *list, size_t size, const char *item)
{
    size_t len = strlen(list);
    (void)snprintf(list + len, size - len, "%s%s", len ? "," : "", item);
}

/* On a pool thread; owns the struct until done or drop. */
static void look_up(void *arg)
{
    struct pg_resolve *r = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    if (getaddrinfo(r->host, NULL, &hints, &list) != 0)
        return;
    int n = 0;
    for (struct addrinfo *ai = list; ai && n < ADDRS_MAX; ai = ai->ai_next) {
        char text[INET6_ADDRSTRLEN];
        if (getnameinfo(ai->ai_addr, ai->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) !=
            0)
            continue;
        append(r->hosts, sizeof(r->hosts), r->host);
        append(r->addrs, sizeof(r->addrs), text);
        n++;
    }
    freeaddrinfo(list);
    r->found = n > 0;
}

static void on_done(void *arg)
{
    struct pg_resolve *r = arg;
    r->cb(r->found ? r->hosts : NULL, r->found ? r->addrs : NULL, r->arg);
    sup_free(r);
}

static bool is_name(const char *host)
{
    struct in6_addr addr;
    return host && host[0] && host[0] != '/' && host[0] != '@' && !strchr(host, ',') &&
           strlen(host) < 256 && inet_pton(AF_INET, host, &addr) != 1 &&
           inet_pton(AF_INET6, host, &addr) != 1;
}

sup_err pg_resolve_start(struct sup_loop *loop, const char *conninfo, pg_resolve_cb cb, void *arg,
                         struct pg_resolve **ret_resolve)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    const char *host = NULL, *addr = NULL;
    for (PQconninfoOption *o = options; o && o->keyword; o++) {
        if (strcmp(o->keyword, "host") == 0)
            host = o->val;
        else if (strcmp(o->keyword, "hostaddr") == 0)
            addr = o->val;
    }
    sup_err err = SUP_E_NOTFOUND;
    struct pg_resolve *r = NULL;
    if (!(addr && addr[0]) && is_name(host)) {
        r = sup_calloc(1, sizeof(*r));
        err = r ? SUP_OK : SUP_E_NOMEM;
    }
    if (r) {
        (void)snprintf(r->host, sizeof(r->host), "%s", host);
        r->cb = cb;
        r->arg = arg;
        err = sup_work_start(loop, look_up, on_done, sup_free, r, &r->work);
        if (err)
            sup_free(r);
        else
            *ret_resolve = r;
    }
    PQconninfoFree(options);
    return err;
}

void pg_resolve_cancel(struct pg_resolve *resolve)
{
    if (resolve)
        sup_work_cancel(resolve->work);
}
