#include "supportd/media/level.h"

#include <assert.h>
#include <math.h>

#include "supportd/base/mem.h"
#include "supportd/media/opus.h"

enum {
    METER_RATE_HZ = 8000, /* enough for a level, and the cheapest to decode to */
    METER_SAMPLES = METER_RATE_HZ / 25 * 3,
    CYCLE = 25,
    RUN = 5,
    RUN_WARMUP = 2,
};

#define FULL_SCALE 32767.0

struct sup_level_meter {
    struct sup_opus_dec *dec;
    unsigned position; /* in the cycle */
};

uint8_t sup_level_pcm(const int16_t *pcm, size_t samples)
{
    double sum = 0;
    for (size_t i = 0; i < samples; i++)
        sum += (double)pcm[i] * pcm[i];
    if (sum <= 0)
        return SUP_LEVEL_SILENCE;
    double db = -10 * log10(sum / (double)samples / (FULL_SCALE * FULL_SCALE));
    if (db <= 0)
        return 0;
    return db >= SUP_LEVEL_SILENCE ? SUP_LEVEL_SILENCE : (uint8_t)lround(db);
}

sup_err sup_level_meter_create(struct sup_level_meter **ret_meter)
{
    assert(ret_meter);
    struct sup_level_meter *m = sup_calloc(1, sizeof(*m));
    if (!m)
        return SUP_E_NOMEM;
    sup_err err = sup_opus_dec_create(METER_RATE_HZ, 1, &m->dec);
    if (err) {
        sup_free(m);
        return err;
    }
    *ret_meter = m;
    return SUP_OK;
}

void sup_level_meter_destroy(struct sup_level_meter *meter)
{
    if (!meter)
        return;
    sup_opus_dec_destroy(meter->dec);
    sup_free(meter);
}

bool sup_level_meter_add(struct sup_level_meter *meter, const uint8_t *payload, size_t len,
                         uint8_t *ret_dbov)
{
    assert(meter && payload && ret_dbov);
    int16_t pcm[METER_SAMPLES];
    size_t samples = 0;
    unsigned at = meter->position;
    meter->position = (at + 1) % CYCLE;
    if (at >= RUN ||
        sup_opus_decode(meter->dec, payload, len, false, pcm, METER_SAMPLES, &samples) ||
        at < RUN_WARMUP)
        return false;
    *ret_dbov = sup_level_pcm(pcm, samples);
    return true;
}
