#include "supportd/media/emodel.h"

#include <assert.h>
#include <math.h>

/* Fullband R over narrowband R: G.107.2's scale is G.107's times 1.48. */
#define SCALE 1.48
#define DELAY_FREE_MS 100.0

/* What a narrower band costs on the fullband scale: 148 less the maxima of the scales for wideband
 * (G.107.1: 129) and narrowband (G.107: 93.2); the two others lie between their neighbours. */
static const double bandwidth_loss[] = {
    [SUP_OPUS_NB] = 54.8, [SUP_OPUS_MB] = 36.9, [SUP_OPUS_WB] = 19.0,
    [SUP_OPUS_SWB] = 9.5, [SUP_OPUS_FB] = 0,
};

/* Below this rate (bit/s, mono) Opus is audibly short of bits; the loss grows by the rate's octaves
 * (5 points each, about what loss-free scores of published rate sweeps fall by). */
#define BITRATE_ENOUGH 24000.0
#define BITRATE_LEAST 6000.0
#define POINTS_PER_OCTAVE 5.0

static double clamp(double v, double low, double high)
{
    return v < low ? low : v > high ? high : v; /* a NaN stays one; callers give none */
}

static double delay_impairment(double ta_ms)
{
    if (ta_ms <= DELAY_FREE_MS)
        return 0;
    double x = log2(ta_ms / DELAY_FREE_MS);
    return SCALE * 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);
}

double sup_emodel_r(const struct sup_emodel_in *in)
{
    assert(in);
    double ie = clamp(in->ie, 0, SUP_EMODEL_IE_LOSS);
    double bpl = clamp(in->bpl, 0.1, 1000);
    double loss = clamp(in->loss_pct, 0, 100);
    double burst = clamp(in->burst, 1, 100);
    double eff = ie + (SUP_EMODEL_IE_LOSS - ie) * loss / (loss / burst + bpl);
    eff = clamp(eff, ie, SUP_EMODEL_IE_LOSS);
    double r = SUP_EMODEL_R_MAX - delay_impairment(clamp(in->delay_ms, 0, 10000)) - eff;
    return clamp(r, 0, SUP_EMODEL_R_MAX);
}

double sup_emodel_mos(double r)
{
    double n = clamp(r / SCALE, 0, 100);
    if (n <= 0)
        return 1;
    if (n >= 100)
        return 4.5;
    double mos = 1 + 0.035 * n + 7e-6 * n * (n - 60) * (100 - n);
    return clamp(mos, 1, 4.5); /* the cubic dips below 1 near 0 */
}

double sup_emodel_ie_opus(enum sup_opus_bandwidth bandwidth, double bitrate)
{
    double ie = SUP_EMODEL_IE_OPUS;
    if ((unsigned)bandwidth <= SUP_OPUS_FB)
        ie += bandwidth_loss[bandwidth];
    if (bitrate > 0 && bitrate < BITRATE_ENOUGH)
        ie += POINTS_PER_OCTAVE *
              log2(BITRATE_ENOUGH / clamp(bitrate, BITRATE_LEAST, BITRATE_ENOUGH));
    return ie;
}
