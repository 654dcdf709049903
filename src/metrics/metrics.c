#include "supportd/metrics/metrics.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "supportd/base/list.h"
#include "supportd/base/mem.h"

enum { BOUNDS_MAX = 16, VALUES_MAX = 32 };

enum kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

struct sup_metric {
    struct sup_link link; /* family::series */
    const char *value;    /* of the family's label; NULL without */
    double sum;           /* the value itself unless a histogram */
    uint64_t count;
    uint64_t buckets[BOUNDS_MAX]; /* observations <= bound and above the one before */
    const struct family *family;
};

/* All series of one name. */
struct family {
    struct sup_link link; /* sup_metrics::families, in order of first use */
    struct sup_link series;
    enum kind kind;
    const char *name;
    const char *help;
    const char *label;
    double bounds[BOUNDS_MAX];
    size_t bound_count;
    size_t series_count;
};

struct sup_metrics {
    struct sup_link families;
};

/* Where series go that could not be made. It takes what is added and nobody reads it; the family
 * is a histogram without bounds, so that every operation is legal on it. */
static const struct family sink_family = {.kind = KIND_HISTOGRAM, .name = ""};
static struct sup_metric sink = {.family = &sink_family};

sup_err sup_metrics_create(struct sup_metrics **ret_metrics)
{
    struct sup_metrics *m = sup_calloc(1, sizeof(*m));
    if (!m)
        return SUP_E_NOMEM;
    sup_list_init(&m->families);
    *ret_metrics = m;
    return SUP_OK;
}

static void family_destroy(struct family *family)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &family->series)
    sup_free(SUP_CONTAINER_OF(pos, struct sup_metric, link));
    sup_list_remove(&family->link);
    sup_free(family);
}

void sup_metrics_destroy(struct sup_metrics *metrics)
{
    struct sup_link *pos, *tmp;
    if (!metrics)
        return;
    SUP_LIST_EACH(pos, tmp, &metrics->families)
    family_destroy(SUP_CONTAINER_OF(pos, struct family, link));
    sup_free(metrics);
}

static struct family *family_find(struct sup_metrics *metrics, const char *name)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &metrics->families)
    {
        struct family *family = SUP_CONTAINER_OF(pos, struct family, link);
        if (strcmp(family->name, name) == 0)
            return family;
    }
    return NULL;
}

static struct sup_metric *series_find(struct family *family, const char *value)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &family->series)
    {
        struct sup_metric *metric = SUP_CONTAINER_OF(pos, struct sup_metric, link);
        if (metric->value == value || (metric->value && value && strcmp(metric->value, value) == 0))
            return metric;
    }
    return NULL;
}

static bool same_label(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* want: the family as the caller describes it; its list and links are not used. */
static struct sup_metric *obtain(struct sup_metrics *metrics, const struct family *want,
                                 const char *value)
{
    if (!metrics)
        return &sink;
    struct family *family = family_find(metrics, want->name);
    struct family *made = NULL;
    bool same = !family || (family->kind == want->kind && same_label(family->label, want->label));
    assert(same);
    (void)same;
    if (family) {
        struct sup_metric *known = series_find(family, value);
        if (known)
            return known;
    } else {
        family = made = sup_malloc(sizeof(*family));
        if (!family)
            return &sink;
        *family = *want;
        sup_list_init(&family->series);
        sup_list_init(&family->link);
    }
    struct sup_metric *metric =
        family->series_count < VALUES_MAX ? sup_calloc(1, sizeof(*metric)) : NULL;
    if (!metric) {
        sup_free(made);
        return &sink;
    }
    metric->value = value;
    metric->family = family;
    sup_list_append(&family->series, &metric->link);
    family->series_count++;
    if (made)
        sup_list_append(&metrics->families, &made->link);
    return metric;
}

struct sup_metric *sup_metrics_counter(struct sup_metrics *metrics, const char *name,
                                       const char *help, const char *label, const char *value)
{
    struct family want = {.kind = KIND_COUNTER, .name = name, .help = help, .label = label};
    return obtain(metrics, &want, label ? value : NULL);
}

struct sup_metric *sup_metrics_gauge(struct sup_metrics *metrics, const char *name,
                                     const char *help, const char *label, const char *value)
{
    struct family want = {.kind = KIND_GAUGE, .name = name, .help = help, .label = label};
    return obtain(metrics, &want, label ? value : NULL);
}

struct sup_metric *sup_metrics_histogram(struct sup_metrics *metrics, const char *name,
                                         const char *help, const double *bounds, size_t count)
{
    assert(count <= BOUNDS_MAX);
    struct family want = {.kind = KIND_HISTOGRAM, .name = name, .help = help};
    want.bound_count = count < BOUNDS_MAX ? count : BOUNDS_MAX;
    if (want.bound_count > 0)
        memcpy(want.bounds, bounds, want.bound_count * sizeof(*bounds));
    return obtain(metrics, &want, NULL);
}

void sup_metric_add(struct sup_metric *metric, double delta)
{
    assert(metric == &sink || metric->family->kind != KIND_HISTOGRAM);
    assert(metric == &sink || metric->family->kind != KIND_COUNTER || delta >= 0);
    metric->sum += delta;
}

void sup_metric_set(struct sup_metric *metric, double value)
{
    assert(metric == &sink || metric->family->kind == KIND_GAUGE);
    metric->sum = value;
}

void sup_metric_observe(struct sup_metric *metric, double value)
{
    const struct family *family = metric->family;
    assert(family->kind == KIND_HISTOGRAM);
    metric->sum += value;
    metric->count++;
    for (size_t i = 0; i < family->bound_count; i++) {
        if (value <= family->bounds[i]) {
            metric->buckets[i]++;
            return;
        }
    }
}

double sup_metric_value(const struct sup_metric *metric)
{
    return metric->sum;
}

/* Label values: backslash, quote and newline are escaped; help: backslash and newline. */
static sup_err write_escaped(struct sup_buf *out, const char *s, bool quoted)
{
    sup_err err = SUP_OK;
    for (; *s && !err; s++) {
        if (*s == '\n')
            err = sup_buf_adds(out, "\\n");
        else if (*s == '\\')
            err = sup_buf_adds(out, "\\\\");
        else if (*s == '"' && quoted)
            err = sup_buf_adds(out, "\\\"");
        else
            err = sup_buf_add(out, s, 1);
    }
    return err;
}

/* Shortest of the usual precisions that reads back as the same number. */
static sup_err write_number(struct sup_buf *out, double v)
{
    char text[40];
    if (isnan(v))
        return sup_buf_adds(out, "NaN");
    if (isinf(v))
        return sup_buf_adds(out, v > 0 ? "+Inf" : "-Inf");
    for (int digits = 9; digits <= 17; digits += 4) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, v);
        double back = 0;
        (void)sscanf(text, "%lf", &back);
        if (back >= v && back <= v)
            break;
    }
    return sup_buf_adds(out, text);
}

static sup_err write_sample(struct sup_buf *out, const struct sup_metric *metric,
                            const char *suffix)
{
    const struct family *family = metric->family;
    sup_err err = sup_buf_addf(out, "%s%s", family->name, suffix);
    if (!err && metric->value) {
        err = sup_buf_addf(out, "{%s=\"", family->label);
        if (!err)
            err = write_escaped(out, metric->value, true);
        if (!err)
            err = sup_buf_adds(out, "\"}");
    }
    if (!err)
        err = sup_buf_adds(out, " ");
    if (!err)
        err = write_number(out, metric->sum);
    return err ? err : sup_buf_adds(out, "\n");
}

static sup_err write_histogram(struct sup_buf *out, const struct sup_metric *metric)
{
    const struct family *family = metric->family;
    uint64_t below = 0; /* buckets of the exposition are cumulative */
    for (size_t i = 0; i < family->bound_count; i++) {
        below += metric->buckets[i];
        sup_err err = sup_buf_addf(out, "%s_bucket{le=\"", family->name);
        if (!err)
            err = write_number(out, family->bounds[i]);
        if (!err)
            err = sup_buf_addf(out, "\"} %llu\n", (unsigned long long)below);
        if (err)
            return err;
    }
    sup_err err = sup_buf_addf(out, "%s_bucket{le=\"+Inf\"} %llu\n", family->name,
                               (unsigned long long)metric->count);
    if (!err)
        err = write_sample(out, metric, "_sum");
    return err ? err
               : sup_buf_addf(out, "%s_count %llu\n", family->name,
                              (unsigned long long)metric->count);
}

static sup_err write_family(struct sup_buf *out, const struct family *family)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    sup_err err = sup_buf_addf(out, "# HELP %s ", family->name);
    if (!err)
        err = write_escaped(out, family->help, false);
    if (!err)
        err = sup_buf_addf(out, "\n# TYPE %s %s\n", family->name, kinds[family->kind]);
    for (struct sup_link *pos = family->series.next; !err && pos != &family->series;
         pos = pos->next) {
        const struct sup_metric *metric = SUP_CONTAINER_OF(pos, struct sup_metric, link);
        err = family->kind == KIND_HISTOGRAM ? write_histogram(out, metric)
                                             : write_sample(out, metric, "");
    }
    return err;
}

sup_err sup_metrics_write(const struct sup_metrics *metrics, struct sup_buf *out)
{
    sup_err err = SUP_OK;
    for (struct sup_link *pos = metrics->families.next; !err && pos != &metrics->families;
         pos = pos->next)
        err = write_family(out, SUP_CONTAINER_OF(pos, struct family, link));
    return err;
}
