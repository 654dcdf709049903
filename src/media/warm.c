#include "supportd/media/warm.h"

enum { CACHE_LINE = 64 };

void sup_warm_add(struct sup_warm *warm, const void *at, size_t len)
{
    if (!at || warm->count == SUP_WARM_RANGES)
        return;
    warm->ranges[warm->count].at = at;
    warm->ranges[warm->count++].len = len;
}

static void fetch(const void *at, size_t len)
{
    for (size_t done = 0; done < len; done += CACHE_LINE)
        __builtin_prefetch((const char *)at + done);
}

void sup_warm_fetch_names(const struct sup_warm *warm)
{
    fetch(warm, sizeof(*warm));
}

void sup_warm_fetch(const struct sup_warm *warm)
{
    for (size_t i = 0; i < warm->count; i++)
        fetch(warm->ranges[i].at, warm->ranges[i].len);
}
