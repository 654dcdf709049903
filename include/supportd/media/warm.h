/* The memory that a leg's next packet will touch, named beforehand. With hundreds of legs no packet
 * finds its own in a near cache; what is named is fetched while the packets before it in the same
 * wake-up are worked on, so the waits overlap.
 *
 * Layer:  media. Hints only: nothing is read through a range, and one that has been freed does no
 *         harm.
 * Thread: any; no locks. */
#ifndef SUPPORTD_MEDIA_WARM_H
#define SUPPORTD_MEDIA_WARM_H
#include <stddef.h>

enum { SUP_WARM_RANGES = 16 };

struct sup_warm {
    size_t count;
    struct {
        const void *at;
        size_t len; /* bytes */
    } ranges[SUP_WARM_RANGES];
};

/* Adds a range; one too many, or NULL, is left out. */
void sup_warm_add(struct sup_warm *warm, const void *at, size_t len);

/* Fetches the list itself, then, when it has arrived, what it names. */
void sup_warm_fetch_names(const struct sup_warm *warm);
void sup_warm_fetch(const struct sup_warm *warm);
#endif
