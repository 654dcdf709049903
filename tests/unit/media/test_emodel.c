#include <math.h>

#include "support/check_main.h"
#include "supportd/media/emodel.h"

static double mos(double bpl, double loss, double delay_ms)
{
    struct sup_emodel_in in = {SUP_EMODEL_IE_OPUS, bpl, loss, 1, delay_ms};
    return sup_emodel_mos(sup_emodel_r(&in));
}

static const double losses[] = {0, 1, 2, 3, 5, 10, 15, 20, 30};

static void check_row(double bpl, double delay_ms, const double *want, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(fabs(mos(bpl, losses[i], delay_ms) - want[i]) <= 0.0051,
                      "bpl %g loss %g delay %g: %g, not %g", bpl, losses[i], delay_ms,
                      mos(bpl, losses[i], delay_ms), want[i]);
}

START_TEST(golden_fullband_vectors)
{
    /* Values of the same formula computed independently, loss 0 1 2 3 5 10 15 20 30 %. */
    check_row(4.3, 100, (const double[]){4.41, 3.93, 3.45, 3.06, 2.52, 1.85, 1.57, 1.43, 1.29}, 9);
    check_row(4.3, 0, (const double[]){4.41, 3.93, 3.45, 3.06, 2.52, 1.85, 1.57, 1.43, 1.29}, 9);
    check_row(4.3, 200, (const double[]){4.34, 3.80, 3.30, 2.90, 2.36, 1.72, 1.46, 1.32, 1.20}, 9);
    check_row(4.3, 300, (const double[]){3.96, 3.24, 2.69, 2.29, 1.79, 1.28, 1.11, 1.04, 1.00}, 9);
    check_row(4.3, 400, (const double[]){3.55, 2.76, 2.21, 1.84, 1.41, 1.06}, 6);
    check_row(10, 0, (const double[]){4.41, 4.22, 4.00, 3.78, 3.39, 2.68, 2.25, 1.98, 1.67}, 9);
    check_row(20, 0, (const double[]){4.41, 4.32, 4.22, 4.11, 3.89, 3.39, 2.99, 2.68, 2.25}, 9);
}
END_TEST

START_TEST(vectors_of_a_media_proxy)
{
    /* Published as ten times the MOS, cut: Ta is half the round trip plus the jitter. */
    ck_assert_int_eq((int)(mos(4.3, 3, 125 + 15) * 10), 30);
    ck_assert_int_eq((int)(mos(4.3, 5, 200 + 20) * 10), 22);
}
END_TEST

START_TEST(worse_is_never_better)
{
    for (double loss = 0; loss < 100; loss += 0.5)
        for (double ta = 0; ta < 1000; ta += 50) {
            ck_assert(mos(4.3, loss + 0.5, ta) <= mos(4.3, loss, ta));
            ck_assert(mos(4.3, loss, ta + 50) <= mos(4.3, loss, ta));
            ck_assert(mos(4.3, loss, ta) >= 1 && mos(4.3, loss, ta) <= 4.5);
        }
    struct sup_emodel_in in = {10.2, 4.3, 5, 1, 0};
    double even = sup_emodel_r(&in);
    in.burst = 3;
    ck_assert(sup_emodel_r(&in) < even);
}
END_TEST

START_TEST(ends_of_the_scale)
{
    ck_assert(sup_emodel_mos(-5) == 1 && sup_emodel_mos(148) == 4.5 && sup_emodel_mos(500) == 4.5);
    struct sup_emodel_in wild = {-5, -1, 1e9, -7, 1e9};
    ck_assert(sup_emodel_r(&wild) >= 0 && sup_emodel_r(&wild) <= 148);
}
END_TEST

START_TEST(narrower_and_starved_streams_rate_lower)
{
    ck_assert(fabs(sup_emodel_ie_opus(SUP_OPUS_FB, 0) - 10.2) < 1e-9);
    ck_assert(fabs(sup_emodel_ie_opus(SUP_OPUS_FB, 32000) - 10.2) < 1e-9);
    ck_assert(fabs(sup_emodel_ie_opus(SUP_OPUS_FB, 12000) - 15.2) < 1e-9);
    for (unsigned b = SUP_OPUS_NB; b < SUP_OPUS_FB; b++)
        ck_assert(sup_emodel_ie_opus(b, 0) > sup_emodel_ie_opus(b + 1, 0));
}
END_TEST

SUP_CHECK_MAIN("emodel", NULL, NULL, golden_fullband_vectors, vectors_of_a_media_proxy,
               worse_is_never_better, ends_of_the_scale, narrower_and_starved_streams_rate_lower)
