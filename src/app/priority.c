#include <errno.h>
#include <sched.h>
#include <string.h>

#include "app_internal.h"
#include "supportd/log/log.h"

/* Packets wait for a core behind whatever else the machine does, a scheduler's slice or two at a
 * time: more than all that the daemon itself adds. Threads begun later (passwords, files) do not
 * have it. */
sup_err app_take_priority(struct sup_app *app)
{
    struct sched_param wanted = {.sched_priority = (int)app->config->media.realtime_priority};
    struct sup_metric *gauge =
        sup_metrics_gauge(app->metrics, "supportd_media_realtime_priority",
                          "Of the loop that relays sound; 0: that of any program.", NULL, NULL);
    if (wanted.sched_priority == 0)
        return SUP_OK;
    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &wanted) != 0) {
        sup_log_info("app",
                     "no real-time priority for sound: CAP_SYS_NICE or LimitRTPRIO= gives it",
                     SUP_STR("error", strerror(errno)));
        return SUP_OK;
    }
    sup_metric_set(gauge, wanted.sched_priority);
    return SUP_OK;
}
