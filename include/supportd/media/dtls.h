/* DTLS-SRTP handshake of one leg: always the server, one peer, in memory.
 *
 * Layer:  media. No sockets and no timers of its own: datagrams go in by feed, out by on_send, and
 *         the owner calls on_timeout when deadline is reached.
 * Thread: the one that created the object. The identity may be shared by all of them.
 * Source: RFC 5764 (use_srtp, exporter), RFC 5763 (fingerprint), RFC 6347 (DTLS 1.2,
 *         retransmission). DESIGN, DTLS. */
#ifndef SUPPORTD_MEDIA_DTLS_H
#define SUPPORTD_MEDIA_DTLS_H
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/err.h"
#include "supportd/media/sdp.h"
#include "supportd/media/srtp.h"

enum {
    SUP_DTLS_MTU = 1200,         /* no datagram is longer */
    SUP_DTLS_DATAGRAM_MAX = 4096 /* longer ones are refused by feed */
};
#define SUP_DTLS_NEVER UINT64_MAX

struct sup_dtls_identity; /* opaque: private key, self-signed certificate, settings */

/* Makes an ECDSA P-256 key and a certificate for it. *ret_identity is owned by the caller and
 * must outlive every sup_dtls made with it. Errors: SUP_E_NOMEM, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_dtls_identity_create(struct sup_dtls_identity **ret_identity);
void sup_dtls_identity_destroy(struct sup_dtls_identity *identity);
/* The certificate's SHA-256, for the SDP; borrowed from identity. */
const struct sup_sdp_fingerprint *
sup_dtls_identity_fingerprint(const struct sup_dtls_identity *identity);

enum sup_dtls_state {
    SUP_DTLS_HANDSHAKE,
    SUP_DTLS_CONNECTED, /* keys are there; the peer's certificate has the expected fingerprint */
    SUP_DTLS_FAILED,    /* final: an alert was sent or received, or the peer gave up answering */
    SUP_DTLS_CLOSED,    /* final: close_notify by either side */
};

enum sup_dtls_reason {
    SUP_DTLS_OK,
    SUP_DTLS_BAD_FINGERPRINT,
    SUP_DTLS_NO_PROFILE, /* no SRTP profile in common */
    SUP_DTLS_TIMED_OUT,
    SUP_DTLS_ALERT, /* sent by the peer */
    SUP_DTLS_PROTOCOL,
};

struct sup_dtls; /* opaque */

/* datagram is borrowed for the call; at most SUP_DTLS_MTU bytes. */
typedef void (*sup_dtls_send_cb)(const uint8_t *datagram, size_t len, void *arg);
/* After each change of state, from within feed, on_timeout or close. Must not destroy the object
 * nor call feed. */
typedef void (*sup_dtls_state_cb)(struct sup_dtls *dtls, enum sup_dtls_state state, void *arg);

struct sup_dtls_opts {
    const struct sup_dtls_identity *identity; /* kept */
    struct sup_sdp_fingerprint peer;          /* what the peer's certificate must hash to */
    sup_dtls_send_cb on_send;                 /* required */
    sup_dtls_state_cb on_state;               /* may be NULL */
    void *arg;
};

/* opts is copied. *ret_dtls is owned by the caller. Sends nothing: the peer begins.
 * Errors: SUP_E_INVAL (fingerprint), SUP_E_NOMEM, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_dtls_create(const struct sup_dtls_opts *opts,
                                       struct sup_dtls **ret_dtls);
/* NULL is a no-op. Sends nothing, calls nothing back. */
void sup_dtls_destroy(struct sup_dtls *dtls);

/* Takes one received datagram (first byte 20..63); borrowed. A damaged record inside is dropped
 * silently, as RFC 6347 section 4.1.2.7 asks.
 * Errors: SUP_E_MALFORMED (first byte, length), SUP_E_STATE (failed or closed). */
SUP_MUST_CHECK sup_err sup_dtls_feed(struct sup_dtls *dtls, const uint8_t *datagram, size_t len);

/* Monotonic time at which on_timeout is due; SUP_DTLS_NEVER when nothing is to be repeated.
 * Changes with every call on the object. */
uint64_t sup_dtls_deadline(const struct sup_dtls *dtls);
/* Repeats the last flight if it is due. */
void sup_dtls_on_timeout(struct sup_dtls *dtls);

/* Sends close_notify once connected; the state becomes CLOSED. No-op when final. */
void sup_dtls_close(struct sup_dtls *dtls);

enum sup_dtls_state sup_dtls_state_of(const struct sup_dtls *dtls);
/* Why the state is FAILED; SUP_DTLS_OK otherwise. */
enum sup_dtls_reason sup_dtls_reason_of(const struct sup_dtls *dtls);
/* Master keys for SRTP; the caller wipes them. Errors: SUP_E_STATE (never connected). */
SUP_MUST_CHECK sup_err sup_dtls_get_keys(const struct sup_dtls *dtls,
                                         struct sup_srtp_keys *ret_keys);
#endif
