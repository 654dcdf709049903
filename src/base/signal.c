#include "supportd/base/signal.h"

void sup_signal_init(struct sup_signal *signal)
{
    sup_list_init(&signal->listeners);
}

void sup_signal_add(struct sup_signal *signal, struct sup_listener *listener)
{
    sup_list_append(&signal->listeners, &listener->link);
}

void sup_listener_remove(struct sup_listener *listener)
{
    sup_list_remove(&listener->link);
}

void sup_signal_emit(struct sup_signal *signal, void *data)
{
    /* A cursor in the list itself survives any removal by the listeners it visits. */
    struct sup_listener cursor = {.notify = NULL};
    sup_list_init(&cursor.link);
    sup_list_prepend(&signal->listeners, &cursor.link);
    while (cursor.link.next != &signal->listeners) {
        struct sup_link *next = cursor.link.next;
        sup_list_remove(&cursor.link);
        sup_list_prepend(next, &cursor.link);
        struct sup_listener *l = SUP_CONTAINER_OF(next, struct sup_listener, link);
        if (l->notify)
            l->notify(l, data);
    }
    sup_list_remove(&cursor.link);
}
