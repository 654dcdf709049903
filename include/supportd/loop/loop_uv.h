/* Lends the libuv loop to the libwebsockets adapter. Layer: loop; only net includes it. */
#ifndef SUPPORTD_LOOP_LOOP_UV_H
#define SUPPORTD_LOOP_LOOP_UV_H
#include <uv.h>

#include "supportd/loop/loop.h"

/* Borrowed until the loop is destroyed. */
uv_loop_t *sup_loop_uv(struct sup_loop *loop);
#endif
