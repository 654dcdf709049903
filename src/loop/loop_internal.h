/* Private to the loop folder. */
#ifndef SUPPORTD_LOOP_INTERNAL_H
#define SUPPORTD_LOOP_INTERNAL_H
#include <stdbool.h>
#include <uv.h>

#include "supportd/loop/loop.h"

struct sup_loop {
    uv_loop_t uv;
    unsigned work_count; /* jobs queued or running */
    unsigned work_limit;
};
#endif
