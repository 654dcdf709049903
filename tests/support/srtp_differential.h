/* Holds the OpenSSL transform and libsrtp2 to the same bytes and the same verdicts.
 *
 * A script of bytes drives one sender and a channel; both implementations send and receive every
 * packet. Used by the unit test (seeded random scripts) and by the fuzzer (scripts of its own). */
#ifndef SUPPORTD_TESTS_SRTP_DIFFERENTIAL_H
#define SUPPORTD_TESTS_SRTP_DIFFERENTIAL_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supportd/media/srtp.h"

enum { DIFF_KEPT = 64, DIFF_PACKET = 512 };

struct diff_packet {
    uint8_t bytes[DIFF_PACKET];
    size_t len;
};

struct diff {
    struct sup_srtp *ours, *oracle; /* receive and send each */
    struct diff_packet kept[DIFF_KEPT], reports[DIFF_KEPT];
    size_t n_kept, n_reports;
    uint32_t seq; /* extended; the low 16 bits go into the packets */
    uint64_t sent, accepted, denied, replayed, too_old, malformed, limited, reported;
};

#define DIFF_CHECK(cond)                                                                           \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* seed[58]: keys and salts, the same in both directions, so that each end hears itself. */
static inline void diff_open(struct diff *d, const uint8_t *seed, unsigned window)
{
    memset(d, 0, sizeof(*d));
    struct sup_srtp_opts opts = {.keys.profile = SUP_SRTP_GCM_128, .window = window};
    memcpy(opts.keys.send.key, seed, 16);
    memcpy(opts.keys.send.salt, seed + 16, 12);
    opts.keys.recv = opts.keys.send;
    DIFF_CHECK(sup_srtp_create(&opts, &d->ours) == SUP_OK);
    opts.libsrtp_only = true;
    DIFF_CHECK(sup_srtp_create(&opts, &d->oracle) == SUP_OK);
}

static inline void diff_close(struct diff *d)
{
    sup_srtp_destroy(d->ours);
    sup_srtp_destroy(d->oracle);
}

static inline void diff_count(struct diff *d, sup_err err)
{
    switch (err) {
    case SUP_OK:
        d->accepted++;
        break;
    case SUP_E_DENIED:
        d->denied++;
        break;
    case SUP_E_CONFLICT:
        d->replayed++;
        break;
    case SUP_E_TIMEOUT:
        d->too_old++;
        break;
    case SUP_E_MALFORMED:
        d->malformed++;
        break;
    default:
        d->limited++;
    }
}

static inline void diff_receive(struct diff *d, const struct diff_packet *p)
{
    uint8_t a[DIFF_PACKET], b[DIFF_PACKET];
    size_t la = 0, lb = 0;
    memcpy(a, p->bytes, p->len);
    memcpy(b, p->bytes, p->len);
    sup_err ea = sup_srtp_unprotect_rtp(d->ours, a, p->len, &la);
    sup_err eb = sup_srtp_unprotect_rtp(d->oracle, b, p->len, &lb);
    /* Without room for the tag: malformed to us at once; libsrtp2 looks at the index first. */
    DIFF_CHECK(ea == eb || (ea == SUP_E_MALFORMED && eb != SUP_OK));
    if (ea == SUP_OK) {
        DIFF_CHECK(la == lb);
        DIFF_CHECK(memcmp(a, b, la) == 0);
    }
    diff_count(d, ea);
}

/* Builds, protects with both, compares, keeps. shape: CSRC count and extension; size: payload. */
static inline const struct diff_packet *diff_send(struct diff *d, uint16_t seq, uint32_t ssrc,
                                                  uint8_t shape, uint8_t size)
{
    struct diff_packet *p = &d->kept[d->n_kept++ % DIFF_KEPT];
    uint8_t plain[DIFF_PACKET] = {0};
    size_t at = 12;
    plain[0] = (uint8_t)(0x80 | (shape & 0x03) | ((shape & 0x04) ? 0x10 : 0));
    plain[1] = (uint8_t)(111 | (shape & 0x80));
    plain[2] = (uint8_t)(seq >> 8);
    plain[3] = (uint8_t)seq;
    plain[11] = (uint8_t)ssrc;
    at += 4u * (shape & 0x03);
    if (shape & 0x04) {
        plain[at] = 0xbe;
        plain[at + 1] = 0xde;
        plain[at + 3] = (uint8_t)(shape >> 3 & 0x03);
        at += 4 + 4u * (shape >> 3 & 0x03);
    }
    for (size_t i = 0; i < size; i++)
        plain[at + i] = (uint8_t)(i * 7 + seq);
    size_t len = at + size, lb = 0;
    uint8_t b[DIFF_PACKET];
    memcpy(p->bytes, plain, sizeof(plain));
    memcpy(b, plain, sizeof(plain));
    p->len = 0;
    sup_err ea = sup_srtp_protect_rtp(d->ours, p->bytes, len, DIFF_PACKET, &p->len);
    sup_err eb = sup_srtp_protect_rtp(d->oracle, b, len, DIFF_PACKET, &lb);
    DIFF_CHECK(ea == eb);
    if (ea != SUP_OK) {
        d->n_kept--;
        p->len = 0;
        return NULL;
    }
    DIFF_CHECK(p->len == lb);
    DIFF_CHECK(memcmp(p->bytes, b, lb) == 0);
    d->sent++;
    return p;
}

/* A report of size bytes behind its header, protected by both. */
static inline void diff_report(struct diff *d, uint32_t ssrc, uint8_t size)
{
    struct diff_packet *p = &d->reports[d->n_reports++ % DIFF_KEPT];
    uint8_t b[DIFF_PACKET] = {0x80, 200};
    size_t len = 8u + size, lb = 0;
    b[7] = (uint8_t)ssrc;
    for (size_t i = 8; i < len; i++)
        b[i] = (uint8_t)(i * 5 + size);
    memcpy(p->bytes, b, sizeof(b));
    p->len = 0;
    sup_err ea = sup_srtp_protect_rtcp(d->ours, p->bytes, len, DIFF_PACKET, &p->len);
    DIFF_CHECK(ea == sup_srtp_protect_rtcp(d->oracle, b, len, DIFF_PACKET, &lb));
    if (ea != SUP_OK) {
        d->n_reports--;
        p->len = 0;
        return;
    }
    DIFF_CHECK(p->len == lb && memcmp(p->bytes, b, lb) == 0);
    d->sent++;
}

static inline void diff_receive_report(struct diff *d, const struct diff_packet *p)
{
    uint8_t a[DIFF_PACKET], b[DIFF_PACKET];
    size_t la = 0, lb = 0;
    memcpy(a, p->bytes, p->len);
    memcpy(b, p->bytes, p->len);
    sup_err ea = sup_srtp_unprotect_rtcp(d->ours, a, p->len, &la);
    sup_err eb = sup_srtp_unprotect_rtcp(d->oracle, b, p->len, &lb);
    DIFF_CHECK(ea == eb || (ea == SUP_E_MALFORMED && eb != SUP_OK));
    DIFF_CHECK(ea != SUP_OK || (la == lb && memcmp(a, b, la) == 0));
    d->reported += ea == SUP_OK;
    diff_count(d, ea);
}

/* One step of the script: 6 bytes. */
static inline void diff_step(struct diff *d, const uint8_t *s)
{
    struct diff_packet copy;
    const struct diff_packet *old = &d->kept[s[1] % DIFF_KEPT];
    uint32_t ssrc = s[4] < 230 ? 1u + (s[4] & 1u) : s[4];
    uint16_t jump = (uint16_t)(s[2] << 8 | s[3]);
    switch (s[0] % 11) {
    case 0: /* a gap, sometimes so far that the counter rolls over */
        d->seq += s[1] < 16 ? jump % 30000 : s[1] % 16;
        /* fall through */
    case 1:
    case 2: /* next packet, received at once */
        old = diff_send(d, (uint16_t)++d->seq, ssrc, s[5], s[2]);
        if (old)
            diff_receive(d, old);
        break;
    case 3: /* next packet, kept for later: loss or reordering */
        d->seq += s[3] % 4;
        (void)diff_send(d, (uint16_t)++d->seq, ssrc, s[5], s[2]);
        break;
    case 4: /* any sequence number: jumps back and repeats on the sender's side */
        old = diff_send(d, s[1] & 1 ? jump : (uint16_t)(d->seq - s[3] * 3u), ssrc, s[5], 20);
        if (old)
            diff_receive(d, old);
        break;
    case 5: /* an old packet arrives, late or again */
        if (old->len > 0)
            diff_receive(d, old);
        break;
    case 6: /* tampered or cut; version 2 stays, everything else may change */
        copy = *old;
        if (copy.len == 0)
            break;
        copy.bytes[jump % copy.len] ^= s[4] | 1;
        copy.bytes[0] = (uint8_t)((copy.bytes[0] & 0x3f) | 0x80);
        if (s[5] & 1)
            copy.len = s[5] % copy.len;
        diff_receive(d, &copy);
        break;
    case 8: /* a report, received now, later, or never */
        diff_report(d, ssrc, s[2]);
        if (s[3] & 1 && d->n_reports > 0)
            diff_receive_report(d, &d->reports[(d->n_reports - 1) % DIFF_KEPT]);
        break;
    case 9: /* an old report, late or again */
        if (d->reports[s[1] % DIFF_KEPT].len > 0)
            diff_receive_report(d, &d->reports[s[1] % DIFF_KEPT]);
        break;
    case 10: /* a report tampered or cut, its flag and index too */
        copy = d->reports[s[1] % DIFF_KEPT];
        if (copy.len == 0)
            break;
        copy.bytes[s[3] & 1 ? copy.len - 1 - s[2] % 4 : jump % copy.len] ^= s[4] | 1;
        copy.bytes[0] = (uint8_t)((copy.bytes[0] & 0x3f) | 0x80);
        if (s[5] & 1)
            copy.len = s[5] % copy.len;
        diff_receive_report(d, &copy);
        break;
    default: /* garbage made of the script itself */
        copy.len = 6u * (s[1] % 12);
        for (size_t i = 0; i < copy.len; i++)
            copy.bytes[i] = (uint8_t)(s[i % 6] + i);
        copy.bytes[0] = (uint8_t)((copy.bytes[0] & 0x3f) | 0x80);
        diff_receive(d, &copy);
    }
}
#endif
