/* SRTP and SRTCP of one leg: both directions, either profile, behind one face.
 *
 * Layer:  media. No I/O, no clock.
 * Thread: the one that created the object. No locks.
 * Source: RFC 3711, RFC 7714, RFC 5764 (profiles and key material). DESIGN, SRTP: the GCM profile
 *         runs on srtp_gcm; the CM profile and, where asked, everything on libsrtp2.
 */
#ifndef SUPPORTD_MEDIA_SRTP_H
#define SUPPORTD_MEDIA_SRTP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/media/warm.h"

enum {
    SUP_SRTP_SALT_MAX = 14, /* CM; GCM uses 12 */
    SUP_SRTP_ROOM = 32,     /* bytes a packet may grow by: tag of 16, SRTCP index of 4 */
    SUP_SRTP_STREAMS = 16,  /* SSRCs a peer may send RTP (and, apart, RTCP) with */
};

/* Values of RFC 5764 section 4.1.2 and RFC 7714 section 14.2. */
enum sup_srtp_profile { SUP_SRTP_CM_80 = 0x0001, SUP_SRTP_GCM_128 = 0x0007 };

/* Master key and salt of one direction. */
struct sup_srtp_master {
    uint8_t key[16];
    uint8_t salt[SUP_SRTP_SALT_MAX]; /* the first 12 (GCM) or all 14 bytes (CM) count */
};

struct sup_srtp_keys {
    enum sup_srtp_profile profile;
    struct sup_srtp_master send, recv;
};

struct sup_srtp_opts {
    struct sup_srtp_keys keys;
    bool libsrtp_only; /* GCM on libsrtp2 too */
    unsigned window;   /* replay window of RTP in packets, multiple of 64 in 128..1024; 0: 128 */
};

/* Packets refused by unprotect, by reason; each refused packet counts in exactly one. */
struct sup_srtp_stats {
    uint64_t auth_fail;
    uint64_t replayed;
    uint64_t too_old;
    uint64_t malformed;
    uint64_t ssrc_limit; /* a new SSRC beyond SUP_SRTP_STREAMS */
};

struct sup_srtp; /* opaque */

/* Starts and ends the library behind (self-tests). Its state is the process's: one setup, by the
 * media engine, then one teardown after the last sup_srtp_destroy().
 * Errors: SUP_E_CRYPTO (also when it is running already). */
SUP_MUST_CHECK sup_err sup_srtp_setup(void);
void sup_srtp_teardown(void);

/* Whether window is 0 or a multiple of 64 in 128..1024. */
bool sup_srtp_window_ok(unsigned window);

/* opts is copied; the caller wipes its own. *ret_srtp is owned by the caller.
 * Errors: SUP_E_INVAL (profile, window), SUP_E_NOMEM, SUP_E_CRYPTO (also: setup not called). */
SUP_MUST_CHECK sup_err sup_srtp_create(const struct sup_srtp_opts *opts,
                                       struct sup_srtp **ret_srtp);
/* Wipes and frees; NULL is a no-op. */
void sup_srtp_destroy(struct sup_srtp *srtp);
enum sup_srtp_profile sup_srtp_profile_of(const struct sup_srtp *srtp);

/* Protects pkt[len] in place; cap bytes are writable at pkt and must hold len + SUP_SRTP_ROOM.
 * One call for RTP, one for an RTCP compound.
 * Errors: SUP_E_LIMIT (cap; one SSRC too many), SUP_E_MALFORMED, SUP_E_CONFLICT (sequence number
 * used before or far behind), SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_srtp_protect_rtp(struct sup_srtp *srtp, uint8_t *pkt, size_t len,
                                            size_t cap, size_t *ret_len);
SUP_MUST_CHECK sup_err sup_srtp_protect_rtcp(struct sup_srtp *srtp, uint8_t *pkt, size_t len,
                                             size_t cap, size_t *ret_len);

/* Verifies and decrypts pkt[len] in place. Only a verified packet changes state, and one SSRC too
 * many is refused before anything is computed for it. After an error the contents are undefined.
 * Errors: SUP_E_MALFORMED, SUP_E_DENIED (not authentic), SUP_E_CONFLICT (replayed),
 * SUP_E_TIMEOUT (behind the window), SUP_E_LIMIT (SSRC). */
SUP_MUST_CHECK sup_err sup_srtp_unprotect_rtp(struct sup_srtp *srtp, uint8_t *pkt, size_t len,
                                              size_t *ret_len);
SUP_MUST_CHECK sup_err sup_srtp_unprotect_rtcp(struct sup_srtp *srtp, uint8_t *pkt, size_t len,
                                               size_t *ret_len);

/* Names what a packet of sound out (send) or in touches. */
void sup_srtp_warm(const struct sup_srtp *srtp, bool send, struct sup_warm *warm);

/* Sums over RTP and RTCP. */
void sup_srtp_get_stats(const struct sup_srtp *srtp, struct sup_srtp_stats *ret_stats);
#endif
