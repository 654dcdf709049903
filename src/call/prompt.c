#include <stdio.h>

#include "call_internal.h"
#include "supportd/base/clock.h"

/* What a caller who waits is told about the own place. */

static bool may_hear(const struct call_live *live)
{
    const struct sup_leg *leg = live->parties[SUP_CALL_CUSTOMER].leg;
    return live->service->opts.prompts && !live->dead && !live->active && live->position > 0 &&
           leg && sup_leg_state_of(leg) == SUP_LEG_CONNECTED;
}

void call_prompt(struct call_live *live)
{
    /* Only news that are good: a place that got worse keeps what was said. */
    if (!may_hear(live) || (live->said > 0 && live->position >= live->said))
        return;
    uint64_t now_us = sup_clock_mono_us();
    uint64_t next_us = live->said > 0 ? live->said_us + live->service->opts.prompt_interval_us : 0;
    if (now_us < next_us) {
        sup_timer_start(live->prompt_timer, next_us - now_us);
        return;
    }
    const struct sup_hold *prompt =
        sup_prompts_find(live->service->opts.prompts, live->language, live->position);
    if (!sup_leg_play(live->parties[SUP_CALL_CUSTOMER].leg, prompt))
        return;
    live->said = live->position;
    live->said_us = now_us;
    sup_metric_add(live->service->prompts_metric, 1);
}

void call_on_prompt_due(void *arg)
{
    call_prompt(arg);
}

void sup_call_position(struct sup_call *call, struct sup_id id, unsigned position,
                       const char *language)
{
    struct call_live *live = call_find(call, id);
    if (!live)
        return;
    live->position = position;
    if (language && language[0])
        (void)snprintf(live->language, sizeof(live->language), "%s", language);
    call_prompt(live);
}
