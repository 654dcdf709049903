#include "supportd/media/opus.h"

#include <assert.h>
#include <opus/opus.h>

#include "supportd/base/mem.h"

/* The library's state follows the struct in one block of ours, so that it is counted and can fail
 * like any other allocation. */
struct sup_opus_enc {
    uint32_t rate_hz;
    OpusEncoder *state;
};

struct sup_opus_dec {
    uint32_t rate_hz;
    OpusDecoder *state;
};

enum {
    RATE_DEFAULT_HZ = 48000,
    BITRATE_DEFAULT = 24000,
    BITRATE_MIN = 6000,
    BITRATE_MAX = 510000,
    COMPLEXITY_DEFAULT = 5,
    STATE_ALIGN = 16,
};

static size_t align_up(size_t n)
{
    return (n + STATE_ALIGN - 1) & ~(size_t)(STATE_ALIGN - 1);
}

static bool rate_valid(uint32_t hz)
{
    return hz == 8000 || hz == 12000 || hz == 16000 || hz == 24000 || hz == 48000;
}

static bool configure(OpusEncoder *e, const struct sup_opus_enc_opts *o)
{
    int bitrate = o->bitrate ? (int)o->bitrate : BITRATE_DEFAULT;
    int complexity = o->complexity ? (int)o->complexity : COMPLEXITY_DEFAULT;
    int signal = o->music ? OPUS_SIGNAL_MUSIC : OPUS_SIGNAL_VOICE;
    return opus_encoder_ctl(e, OPUS_SET_BITRATE(bitrate)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_COMPLEXITY(complexity)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_SIGNAL(signal)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_INBAND_FEC(o->fec ? 1 : 0)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_PACKET_LOSS_PERC((int)o->loss_pct)) == OPUS_OK &&
           opus_encoder_ctl(e, OPUS_SET_DTX(o->dtx ? 1 : 0)) == OPUS_OK;
}

sup_err sup_opus_enc_create(const struct sup_opus_enc_opts *opts, struct sup_opus_enc **ret_enc)
{
    assert(ret_enc);
    struct sup_opus_enc_opts o = opts ? *opts : (struct sup_opus_enc_opts){0};
    uint32_t rate = o.rate_hz ? o.rate_hz : RATE_DEFAULT_HZ;
    unsigned channels = o.channels ? o.channels : 1;
    if (!rate_valid(rate) || channels > 2 || o.complexity > 10 || o.loss_pct > 100 ||
        (o.bitrate && (o.bitrate < BITRATE_MIN || o.bitrate > BITRATE_MAX)))
        return SUP_E_INVAL;
    size_t head = align_up(sizeof(struct sup_opus_enc));
    struct sup_opus_enc *enc = sup_calloc(1, head + (size_t)opus_encoder_get_size((int)channels));
    if (!enc)
        return SUP_E_NOMEM;
    enc->rate_hz = rate;
    enc->state = (OpusEncoder *)(void *)((char *)enc + head);
    int app = o.music ? OPUS_APPLICATION_AUDIO : OPUS_APPLICATION_VOIP;
    if (opus_encoder_init(enc->state, (opus_int32)rate, (int)channels, app) != OPUS_OK ||
        !configure(enc->state, &o)) {
        sup_free(enc);
        return SUP_E_INVAL;
    }
    *ret_enc = enc;
    return SUP_OK;
}

void sup_opus_enc_destroy(struct sup_opus_enc *enc)
{
    sup_free(enc);
}

void sup_opus_enc_set_loss(struct sup_opus_enc *enc, unsigned loss_pct)
{
    opus_int32 pct = loss_pct > 100 ? 100 : (opus_int32)loss_pct;
    (void)opus_encoder_ctl(enc->state, OPUS_SET_PACKET_LOSS_PERC(pct));
}

sup_err sup_opus_encode(struct sup_opus_enc *enc, const int16_t *pcm, size_t samples, uint8_t *buf,
                        size_t cap, size_t *ret_len)
{
    assert(enc && pcm && buf && ret_len);
    if (samples == 0 || samples > enc->rate_hz / 50 * 3 || cap == 0)
        return SUP_E_INVAL;
    opus_int32 room = cap > 4000 ? 4000 : (opus_int32)cap;
    opus_int32 n = opus_encode(enc->state, pcm, (int)samples, buf, room);
    if (n == OPUS_BAD_ARG)
        return SUP_E_INVAL;
    if (n == OPUS_BUFFER_TOO_SMALL)
        return SUP_E_LIMIT;
    if (n <= 0)
        return SUP_E_STATE;
    *ret_len = (size_t)n;
    return SUP_OK;
}

sup_err sup_opus_dec_create(uint32_t rate_hz, unsigned channels, struct sup_opus_dec **ret_dec)
{
    assert(ret_dec);
    if (!rate_valid(rate_hz) || channels < 1 || channels > 2)
        return SUP_E_INVAL;
    size_t head = align_up(sizeof(struct sup_opus_dec));
    struct sup_opus_dec *dec = sup_calloc(1, head + (size_t)opus_decoder_get_size((int)channels));
    if (!dec)
        return SUP_E_NOMEM;
    dec->rate_hz = rate_hz;
    dec->state = (OpusDecoder *)(void *)((char *)dec + head);
    if (opus_decoder_init(dec->state, (opus_int32)rate_hz, (int)channels) != OPUS_OK) {
        sup_free(dec);
        return SUP_E_INVAL;
    }
    *ret_dec = dec;
    return SUP_OK;
}

void sup_opus_dec_destroy(struct sup_opus_dec *dec)
{
    sup_free(dec);
}

void sup_opus_dec_reset(struct sup_opus_dec *dec)
{
    (void)opus_decoder_ctl(dec->state, OPUS_RESET_STATE);
}

sup_err sup_opus_decode(struct sup_opus_dec *dec, const uint8_t *payload, size_t len, bool fec,
                        int16_t *pcm, size_t cap, size_t *ret_samples)
{
    assert(dec && pcm && ret_samples && (payload || !fec));
    size_t most = dec->rate_hz / 25 * 3; /* 120 ms */
    if (payload && (len == 0 || len > INT16_MAX))
        return SUP_E_MALFORMED;
    int n = opus_decode(dec->state, payload, payload ? (opus_int32)len : 0, pcm,
                        (int)(cap > most ? most : cap), fec ? 1 : 0);
    if (n == OPUS_BUFFER_TOO_SMALL || n == OPUS_BAD_ARG)
        return SUP_E_LIMIT;
    if (n < 0)
        return SUP_E_MALFORMED;
    *ret_samples = (size_t)n;
    return SUP_OK;
}
