/* Counters, gauges and histograms, and their Prometheus text exposition (format 0.0.4).
 *
 * Layer:  metrics. Thread: the loop thread; increments are plain stores.
 * Names: supportd_<area>_<what>[_total|_seconds|_bytes]. At most 32 label values a metric. */
#ifndef SUPPORTD_METRICS_METRICS_H
#define SUPPORTD_METRICS_METRICS_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"

struct sup_metrics; /* the registry; opaque */
struct sup_metric;  /* one time series; borrowed from the registry until it is destroyed */

SUP_MUST_CHECK sup_err sup_metrics_create(struct sup_metrics **ret_metrics);
void sup_metrics_destroy(struct sup_metrics *metrics);

/* Each returns a series that is never NULL: on lack of memory a shared sink that nobody reads, so
 * that callers need no check. name, help, label, value are kept (static). label NULL: no label.
 * The same name and label value give the same series. metrics NULL gives the sink. */
struct sup_metric *sup_metrics_counter(struct sup_metrics *metrics, const char *name,
                                       const char *help, const char *label, const char *value);
struct sup_metric *sup_metrics_gauge(struct sup_metrics *metrics, const char *name,
                                     const char *help, const char *label, const char *value);
/* bounds[count], ascending, at most 16, in the unit of the name. */
struct sup_metric *sup_metrics_histogram(struct sup_metrics *metrics, const char *name,
                                         const char *help, const double *bounds, size_t count);

void sup_metric_add(struct sup_metric *metric, double delta);     /* counter, gauge */
void sup_metric_set(struct sup_metric *metric, double value);     /* gauge */
void sup_metric_observe(struct sup_metric *metric, double value); /* histogram */
double sup_metric_value(const struct sup_metric *metric);         /* histogram: the sum */

/* Appends the whole exposition. Errors: SUP_E_NOMEM, SUP_E_LIMIT. */
SUP_MUST_CHECK sup_err sup_metrics_write(const struct sup_metrics *metrics, struct sup_buf *out);
#endif
