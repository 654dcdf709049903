#include "beat.h"

#include <sys/timerfd.h>
#include <unistd.h>

enum { WINDOW_GAPS = 16, SECOND_US = 1000000 };

sup_err sup_beat_init(struct sup_beat *beat, uint32_t gap_us)
{
    *beat = (struct sup_beat){.fd = -1, .gap_us = gap_us};
    if (gap_us == 0)
        return SUP_OK;
    beat->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return beat->fd >= 0 ? SUP_OK : SUP_E_IO;
}

void sup_beat_fini(struct sup_beat *beat)
{
    if (beat->fd >= 0)
        close(beat->fd);
    beat->fd = -1;
}

/* Setting it also takes back that it was readable. 0: stops. */
static void arm(const struct sup_beat *beat, uint64_t at_us)
{
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(at_us / SECOND_US),
                                         .tv_nsec = (long)(at_us % SECOND_US) * 1000}};
    (void)timerfd_settime(beat->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void decide(struct sup_beat *beat, uint64_t now_us)
{
    uint64_t passed_us = now_us - beat->since_us, gap_us = beat->gap_us;
    if (passed_us < WINDOW_GAPS * gap_us)
        return;
    uint64_t per_two_gaps = beat->events * 2 * gap_us / passed_us;
    bool was = beat->on;
    beat->on = per_two_gaps >= (was ? 1u : 2u);
    beat->since_us = now_us;
    beat->events = 0;
    if (was && !beat->on)
        arm(beat, 0);
}

void sup_beat_took(struct sup_beat *beat, uint64_t now_us, uint64_t events)
{
    if (beat->fd < 0)
        return;
    beat->events += events;
    decide(beat, now_us);
    if (beat->on)
        arm(beat, now_us + beat->gap_us);
}
