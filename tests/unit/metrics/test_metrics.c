#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check_main.h"
#include "supportd/metrics/metrics.h"

static struct sup_metrics *metrics;
static struct sup_buf out;

static void setup(void)
{
    ck_assert_int_eq(sup_metrics_create(&metrics), SUP_OK);
    sup_buf_init(&out, 0);
}

static void teardown(void)
{
    sup_metrics_destroy(metrics);
    sup_metrics_destroy(NULL);
    sup_buf_fini(&out);
}

START_TEST(exposition_is_as_the_format_says)
{
    struct sup_metric *in =
        sup_metrics_counter(metrics, "supportd_net_frames_total", "Frames.", "direction", "in");
    struct sup_metric *odd = sup_metrics_counter(metrics, "supportd_net_frames_total", "Frames.",
                                                 "direction", "a\"b\\c\nd");
    struct sup_metric *open =
        sup_metrics_gauge(metrics, "supportd_net_open", "Open\nnow \\ here.", NULL, NULL);
    sup_metric_add(in, 1);
    sup_metric_add(in, 2);
    sup_metric_add(odd, 1e15);
    sup_metric_set(open, 7);
    sup_metric_add(open, -0.5);
    ck_assert_int_eq(sup_metrics_write(metrics, &out), SUP_OK);
    ck_assert_str_eq(out.data, "# HELP supportd_net_frames_total Frames.\n"
                               "# TYPE supportd_net_frames_total counter\n"
                               "supportd_net_frames_total{direction=\"in\"} 3\n"
                               "supportd_net_frames_total{direction=\"a\\\"b\\\\c\\nd\"} 1e+15\n"
                               "# HELP supportd_net_open Open\\nnow \\\\ here.\n"
                               "# TYPE supportd_net_open gauge\n"
                               "supportd_net_open 6.5\n");
}
END_TEST

START_TEST(histograms_are_cumulative)
{
    const double bounds[] = {0.1, 1, 10};
    struct sup_metric *h =
        sup_metrics_histogram(metrics, "supportd_pg_wait_seconds", "Wait.", bounds, 3);
    const double seen[] = {0.05, 0.1, 0.5, 10, 11};
    for (size_t i = 0; i < 5; i++)
        sup_metric_observe(h, seen[i]);
    ck_assert_int_eq(sup_metrics_write(metrics, &out), SUP_OK);
    ck_assert_str_eq(out.data, "# HELP supportd_pg_wait_seconds Wait.\n"
                               "# TYPE supportd_pg_wait_seconds histogram\n"
                               "supportd_pg_wait_seconds_bucket{le=\"0.1\"} 2\n"
                               "supportd_pg_wait_seconds_bucket{le=\"1\"} 3\n"
                               "supportd_pg_wait_seconds_bucket{le=\"10\"} 4\n"
                               "supportd_pg_wait_seconds_bucket{le=\"+Inf\"} 5\n"
                               "supportd_pg_wait_seconds_sum 21.65\n"
                               "supportd_pg_wait_seconds_count 5\n");
    ck_assert(fabs(sup_metric_value(h) - 21.65) < 1e-9);
}
END_TEST

START_TEST(the_same_name_and_value_give_the_same_series)
{
    char copy[] = "in";
    struct sup_metric *a = sup_metrics_counter(metrics, "supportd_x_total", "X.", "l", "in");
    ck_assert_ptr_eq(sup_metrics_counter(metrics, "supportd_x_total", "X.", "l", copy), a);
    ck_assert_ptr_ne(sup_metrics_counter(metrics, "supportd_x_total", "X.", "l", "out"), a);
}
END_TEST

START_TEST(too_many_label_values_go_to_the_sink)
{
    static char values[40][12];
    for (int i = 0; i < 40; i++) {
        (void)snprintf(values[i], sizeof(values[i]), "%d", i);
        sup_metric_add(sup_metrics_counter(metrics, "supportd_y_total", "Y.", "l", values[i]), 1);
    }
    ck_assert_int_eq(sup_metrics_write(metrics, &out), SUP_OK);
    ck_assert_ptr_nonnull(strstr(out.data, "{l=\"31\"} 1\n"));
    ck_assert_ptr_null(strstr(out.data, "{l=\"32\"}"));
    ck_assert_ptr_eq(sup_metrics_counter(metrics, "supportd_y_total", "Y.", "l", "more"),
                     sup_metrics_gauge(NULL, "supportd_z", "Z.", NULL, NULL));
}
END_TEST

START_TEST(lack_of_memory_gives_a_usable_sink)
{
    const double bounds[] = {1};
    struct sup_metrics *other = metrics;
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_metrics_create(&other), SUP_E_NOMEM);
    ck_assert_ptr_eq(other, metrics);
    for (size_t n = 1; n <= 2; n++) {
        sup_mem_fail_at(n);
        struct sup_metric *h = sup_metrics_histogram(metrics, "supportd_h", "H.", bounds, 1);
        sup_metric_observe(h, 1);
        sup_metric_add(sup_metrics_gauge(NULL, "supportd_g", "G.", NULL, NULL), -1);
        sup_metric_set(sup_metrics_gauge(NULL, "supportd_g", "G.", NULL, NULL), 3);
    }
    sup_mem_fail_at(0);
    ck_assert_int_eq(sup_metrics_write(metrics, &out), SUP_OK);
    ck_assert_uint_eq(out.len, 0); /* nothing half made is shown */
}
END_TEST

START_TEST(a_full_buffer_is_told)
{
    sup_metric_set(sup_metrics_gauge(metrics, "supportd_g", "G.", "a", "b"), 0.1);
    sup_metric_observe(sup_metrics_histogram(metrics, "supportd_h", "H.", NULL, 0), NAN);
    ck_assert_int_eq(sup_metrics_write(metrics, &out), SUP_OK);
    ck_assert_ptr_nonnull(strstr(out.data, "supportd_h_sum NaN\n"));
    size_t whole = out.len;
    for (size_t limit = 1; limit < whole; limit++) {
        struct sup_buf small;
        sup_buf_init(&small, limit);
        ck_assert_int_eq(sup_metrics_write(metrics, &small), SUP_E_LIMIT);
        sup_buf_fini(&small);
    }
    struct sup_buf none;
    sup_buf_init(&none, 0);
    sup_mem_fail_at(1);
    ck_assert_int_eq(sup_metrics_write(metrics, &none), SUP_E_NOMEM);
    sup_buf_fini(&none);
}
END_TEST

SUP_CHECK_MAIN("metrics", setup, teardown, exposition_is_as_the_format_says,
               histograms_are_cumulative, the_same_name_and_value_give_the_same_series,
               too_many_label_values_go_to_the_sink, lack_of_memory_gives_a_usable_sink,
               a_full_buffer_is_told)
