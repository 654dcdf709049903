/* The transform of AEAD_AES_128_GCM on OpenSSL EVP, one direction of one leg, RTP or RTCP.
 *
 * Layer:  media. No I/O, no clock. Includes base only.
 * Thread: the one that created the object. No locks.
 * Source: RFC 7714 (transform, sections 8 and 9), RFC 3711 section 3.3.1 (packet index), 3.3.2
 *         (replay), 4.3 (key derivation). DESIGN, SRTP: why not libsrtp2 (it stands on NSS here).
 * Not here: the CM profile (srtp.h has it), MKI, encrypted header extensions, SRTCP in the clear.
 */
#ifndef SUPPORTD_MEDIA_SRTP_GCM_H
#define SUPPORTD_MEDIA_SRTP_GCM_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/media/warm.h"

enum {
    SUP_SRTP_GCM_KEY_LEN = 16,
    SUP_SRTP_GCM_SALT_LEN = 12,
    SUP_SRTP_GCM_TAG_LEN = 16, /* room a packet needs behind its end to be protected */
    SUP_SRTP_GCM_STREAMS = 16, /* SSRCs of one direction: a peer may change it 15 times */
    SUP_SRTP_KDF_SALT_MAX = 14,
    SUP_SRTP_WINDOW_MIN = 128,
    SUP_SRTP_WINDOW_MAX = 1024,
};

/* One object serves one kind: the keys differ, and each has its own streams. */
enum sup_srtp_gcm_kind { SUP_SRTP_GCM_RTP, SUP_SRTP_GCM_RTCP };

/* Session keys, not master keys. */
struct sup_srtp_gcm_keys {
    uint8_t key[SUP_SRTP_GCM_KEY_LEN];
    uint8_t salt[SUP_SRTP_GCM_SALT_LEN];
};

/* Packets refused, by reason; each refused packet counts in exactly one. */
struct sup_srtp_gcm_stats {
    uint64_t auth_fail; /* tag does not fit */
    uint64_t replayed;  /* index seen before */
    uint64_t too_old;   /* index behind the replay window */
    uint64_t malformed; /* not of version 2, or shorter than header, tag and trailer */
    uint64_t ssrc_limit;
};

struct sup_srtp_gcm_opts {
    struct sup_srtp_gcm_keys keys;
    enum sup_srtp_gcm_kind kind;
    bool send;       /* true: protect only; false: unprotect only */
    unsigned window; /* replay window, multiple of 64 within WINDOW_MIN..MAX; 0: WINDOW_MIN */
};

struct sup_srtp_gcm; /* opaque; owns its cipher context, keyed once */

/* The key derivation of RFC 3711 section 4.3.3 (AES-CM, key derivation rate 0): out_len bytes for
 * label from a master key of 16 bytes and a master salt of salt_len (at most 14; shorter ones are
 * padded with zeros on the right, RFC 7714 section 11).
 * Errors: SUP_E_INVAL (salt_len), SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_srtp_kdf(const uint8_t key[16], const uint8_t *salt, size_t salt_len,
                                    uint8_t label, uint8_t *ret_out, size_t out_len);

/* Session keys for RTP (labels 0 and 2) or RTCP (3 and 5) from the master key and salt that
 * DTLS-SRTP exports.
 * Errors: SUP_E_CRYPTO; *ret_keys is wiped then. */
SUP_MUST_CHECK sup_err sup_srtp_gcm_derive(const uint8_t master_key[SUP_SRTP_GCM_KEY_LEN],
                                           const uint8_t master_salt[SUP_SRTP_GCM_SALT_LEN],
                                           enum sup_srtp_gcm_kind kind,
                                           struct sup_srtp_gcm_keys *ret_keys);

/* opts is copied. *ret_gcm is owned by the caller.
 * Errors: SUP_E_INVAL (window), SUP_E_NOMEM, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_srtp_gcm_create(const struct sup_srtp_gcm_opts *opts,
                                           struct sup_srtp_gcm **ret_gcm);
/* Wipes and frees; NULL is a no-op. */
void sup_srtp_gcm_destroy(struct sup_srtp_gcm *gcm);

/* Encrypts pkt[len] in place and appends the tag; cap bytes are writable at pkt.
 * The first packet of an SSRC starts with roll-over counter 0.
 * Errors: SUP_E_MALFORMED, SUP_E_LIMIT (cap below len + TAG_LEN, or one SSRC too many),
 * SUP_E_CONFLICT (this index was used, or is behind the window: sending it would reuse an IV),
 * SUP_E_CRYPTO. The packet is then untouched, except after SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_srtp_gcm_protect(struct sup_srtp_gcm *gcm, uint8_t *pkt, size_t len,
                                            size_t cap, size_t *ret_len);

/* Verifies and decrypts pkt[len] in place; *ret_len is the length without the tag. Header, CSRCs
 * and extension are authenticated, not encrypted. An SSRC gets state only after its first packet
 * has been verified.
 * Errors: SUP_E_MALFORMED, SUP_E_CONFLICT (replayed), SUP_E_TIMEOUT (too old), SUP_E_DENIED (tag),
 * SUP_E_LIMIT (one SSRC too many; nothing is computed for it). After SUP_E_DENIED the payload holds
 * garbage; state is as before. */
SUP_MUST_CHECK sup_err sup_srtp_gcm_unprotect(struct sup_srtp_gcm *gcm, uint8_t *pkt, size_t len,
                                              size_t *ret_len);

/* The same for a compound of RTCP and an object of that kind: the packet grows by tag and trailer
 * (20 bytes), the index runs from 1 to 2^31 - 1 for each SSRC (then SUP_E_CONFLICT), and a packet
 * that is not marked as encrypted is SUP_E_DENIED. */
SUP_MUST_CHECK sup_err sup_srtp_gcm_protect_rtcp(struct sup_srtp_gcm *gcm, uint8_t *pkt, size_t len,
                                                 size_t cap, size_t *ret_len);
SUP_MUST_CHECK sup_err sup_srtp_gcm_unprotect_rtcp(struct sup_srtp_gcm *gcm, uint8_t *pkt,
                                                   size_t len, size_t *ret_len);

/* Names what a packet of the first SSRC touches. */
void sup_srtp_gcm_warm(const struct sup_srtp_gcm *gcm, struct sup_warm *warm);

void sup_srtp_gcm_get_stats(const struct sup_srtp_gcm *gcm, struct sup_srtp_gcm_stats *ret_stats);
#endif
