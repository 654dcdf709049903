/* Listener lists: how news travels upwards (lower folders emit, higher ones listen).
 *
 * Layer: base. Thread: loop thread. A listener lives inside its observer, which removes it in its
 * destructor. A listener may remove itself or any other while the signal is emitted. */
#ifndef SUPPORTD_BASE_SIGNAL_H
#define SUPPORTD_BASE_SIGNAL_H
#include "supportd/base/list.h"

struct sup_listener;
/* data: what the signal's documentation says; borrowed for the call. */
typedef void (*sup_listener_cb)(struct sup_listener *listener, void *data);

struct sup_listener {
    struct sup_link link; /* sup_signal::listeners, or alone */
    sup_listener_cb notify;
};

struct sup_signal {
    struct sup_link listeners;
};

void sup_signal_init(struct sup_signal *signal);
/* listener is kept until removed; notify must be set. Called in order of addition. */
void sup_signal_add(struct sup_signal *signal, struct sup_listener *listener);
/* Safe on a zeroed or already removed listener. */
void sup_listener_remove(struct sup_listener *listener);
void sup_signal_emit(struct sup_signal *signal, void *data);
#endif
