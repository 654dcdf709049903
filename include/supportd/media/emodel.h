/* The E-model on its fullband scale: an estimate of how people would rate a call.
 *
 * Layer:  media. Pure arithmetic.
 * Source: ITU-T G.107.2 (fullband R scale, 0..148) in the form that public implementations use:
 *   Ie,eff = Ie + (132 - Ie) * Ppl / (Ppl / BurstR + Bpl)
 *
 *   Id = 0 up to Ta = 100 ms, else, with x = log2(Ta / 100),
 *   1.48 * 25 * ((1 + x^6)^(1/6) - 3 (1 + (x/3)^6)^(1/6) + 2)
 *
 *   R = 148 - Id - Ie,eff
 *
 * and G.107 Annex B for MOS of R / 1.48. No value of Ie or Bpl for Opus has been standardised
 * (G.113 has none). 10.2 and 4.3 are those that media proxies apply to 48 kHz codecs. Every result
 * is an estimate and must be labelled so.
 */
#ifndef SUPPORTD_MEDIA_EMODEL_H
#define SUPPORTD_MEDIA_EMODEL_H

#include "supportd/media/opus_toc.h"

#define SUP_EMODEL_R_MAX 148.0   /* R of a perfect fullband connection */
#define SUP_EMODEL_IE_LOSS 132.0 /* Ie,eff at total loss */
#define SUP_EMODEL_IE_OPUS 10.2  /* Ie of Opus in fullband, bit rate not scarce */
#define SUP_EMODEL_BPL_OPUS 4.3  /* packet loss robustness without FEC */

struct sup_emodel_in {
    double ie;       /* equipment impairment, 0..132 */
    double bpl;      /* robustness, above 0 */
    double loss_pct; /* 0..100: what the listener's decoder has to conceal */
    double burst;    /* burst ratio, 1: losses are independent */
    double delay_ms; /* Ta, mouth to ear; 0 gives the listening quality */
};

/* Values outside their range are clamped. */
double sup_emodel_r(const struct sup_emodel_in *in);
/* MOS 1..4.5 of a fullband R. */
double sup_emodel_mos(double r);
/* Ie by what the stream is. bitrate 0: not known, taken as sufficient. */
double sup_emodel_ie_opus(enum sup_opus_bandwidth bandwidth, double bitrate);
#endif
