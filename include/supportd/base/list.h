/* Intrusive doubly linked list: a ring through struct sup_link members.
 *
 * Layer: base. A link is either alone (points to itself) or in exactly one list. */
#ifndef SUPPORTD_BASE_LIST_H
#define SUPPORTD_BASE_LIST_H
#include <stdbool.h>
#include <stddef.h>

struct sup_link {
    struct sup_link *prev, *next;
};

#define SUP_CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Walks a list whose body may remove (and free) the current entry. pos and tmp are struct sup_link
 * *. */
#define SUP_LIST_EACH(pos, tmp, head)                                                              \
    for ((pos) = (head)->next, (tmp) = (pos)->next; (pos) != (head);                               \
         (pos) = (tmp), (tmp) = (pos)->next)

static inline void sup_list_init(struct sup_link *link)
{
    link->prev = link->next = link;
}

static inline bool sup_list_empty(const struct sup_link *head)
{
    return head->next == head;
}

static inline void sup_list_append(struct sup_link *head, struct sup_link *link)
{
    link->prev = head->prev;
    link->next = head;
    head->prev->next = link;
    head->prev = link;
}

static inline void sup_list_prepend(struct sup_link *head, struct sup_link *link)
{
    sup_list_append(head->next, link);
}

/* Safe on a link that is alone; a zeroed link counts as alone. Leaves it alone. */
static inline void sup_list_remove(struct sup_link *link)
{
    if (link->next) {
        link->prev->next = link->next;
        link->next->prev = link->prev;
    }
    sup_list_init(link);
}
#endif
