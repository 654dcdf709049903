/* A leg: one browser's connection to the daemon, from its SDP offer to the last packet.
 *
 * Layer:  media. Joins ice, dtls, srtp, rtp, rtcp, quality and hold.
 * Thread: the engine's. No callback comes from within a call of the leg's own functions, except
 *         sup_leg_set_source(), sup_leg_hear() and destroy of another leg, which call nothing back
 *         either.
 * Source: DESIGN, Data path of a packet, Consent, Conventions (Signaling); RFC 3550 (RTCP),
 *         RFC 7675 (30 s without consent end sending).
 *
 *   CONNECTING --keys--> CONNECTED <--packet / silence, path lost--> LOST
 *   any of them --DTLS refused--> FAILED (final)     --close_notify--> CLOSED (final)
 *
 * What a leg sends is one stream with its own SSRC, whatever it hears: hold music, another leg,
 * several mixed, or nothing. RTCP is the daemon's own on each leg and never forwarded. */
#ifndef SUPPORTD_MEDIA_SESSION_H
#define SUPPORTD_MEDIA_SESSION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"
#include "supportd/media/engine.h"
#include "supportd/media/ice.h"
#include "supportd/media/quality.h"
#include "supportd/media/sdp.h"
#include "supportd/media/srtp.h"

enum { SUP_MIX_MAX = 7 /* legs that one leg may hear */ };

struct sup_leg; /* opaque */

enum sup_leg_state {
    SUP_LEG_CONNECTING,
    SUP_LEG_CONNECTED,
    SUP_LEG_LOST, /* nothing authentic for 8.5 s, no path, or not connected within 30 s; the peer
                     may come back by itself or by an offer with ICE restart */
    SUP_LEG_FAILED,
    SUP_LEG_CLOSED,
};

enum sup_leg_reason {
    SUP_LEG_OK,
    SUP_LEG_NO_PATH,         /* LOST: ICE failed */
    SUP_LEG_SILENT,          /* LOST: no packet, though there is a path */
    SUP_LEG_TIMED_OUT,       /* LOST: not connected in time */
    SUP_LEG_BAD_FINGERPRINT, /* FAILED: the peer's certificate is not the one of its offer */
    SUP_LEG_DTLS,            /* FAILED: any other end of the handshake */
    SUP_LEG_PEER_CLOSED,     /* CLOSED */
    SUP_LEG_MOVED,           /* CONNECTED still, told every 3 s: packets come from an address that
                                nothing may be sent to before an offer with ICE restart */
};

enum sup_leg_source {
    SUP_LEG_HEARS_NOTHING,
    SUP_LEG_HEARS_HOLD, /* the engine's hold music, from where it stopped the last time */
    SUP_LEG_HEARS_LEG,  /* its packets, untouched */
    SUP_LEG_HEARS_MIX,  /* two or more: decoded, added, encoded anew */
};

/* Datagrams and packets that went no further, by reason. */
struct sup_leg_drops {
    uint64_t foreign;   /* not from the peer (ice.h), held ones included */
    uint64_t unknown;   /* neither DTLS, RTP nor RTCP */
    uint64_t early;     /* RTP or RTCP before there were keys */
    uint64_t auth_fail; /* srtp.h, as the next four */
    uint64_t replayed;
    uint64_t too_old;
    uint64_t malformed; /* also after decryption */
    uint64_t ssrc_limit;
    uint64_t payload_type;  /* authentic, but not Opus */
    uint64_t unheard;       /* authentic Opus that no leg listens to */
    uint64_t announced;     /* for this leg, while it heard a notice */
    uint64_t before_switch; /* late packets of a source that this leg hears only since later */
    uint64_t protect_fail;  /* to be sent, but refused by SRTP */
    uint64_t send_fail;     /* refused by the kernel or TURN */
    uint64_t not_sending;   /* to be sent, but the leg is not connected or silent for 30 s */
};

struct sup_leg_report {
    enum sup_leg_state state;
    enum sup_leg_reason reason;
    bool has_pair;
    struct sup_ice_pair pair;
    bool has_profile;
    enum sup_srtp_profile profile;
    uint64_t packets_in, packets_out; /* RTP, authentic and sent */
    uint64_t rtcp_in, rtcp_out;
    uint64_t elsewhere; /* authentic, but not from the selected remote */
    struct sup_leg_drops drops;
};

/* None may destroy a leg (defer it); all may call anything else. */
struct sup_leg_callbacks {
    /* One more local candidate for the peer, after the answer; NULL: the last one was told. */
    void (*on_candidate)(struct sup_leg *leg, const struct sup_candidate *candidate, void *arg);
    void (*on_state)(struct sup_leg *leg, enum sup_leg_state state, enum sup_leg_reason reason,
                     void *arg);
    /* Each second from the first connection on; borrowed for the call. */
    void (*on_quality)(struct sup_leg *leg, const struct sup_quality_sample *sample, void *arg);
    /* The verdicts have changed between two samples; may be NULL. */
    void (*on_verdicts)(struct sup_leg *leg, uint32_t verdicts, void *arg);
};

/* Zero means the default. */
struct sup_leg_opts {
    struct sup_media_engine *engine;    /* kept; required */
    const struct sup_leg_callbacks *on; /* kept; required, all but the last member set */
    void *arg;
    uint64_t session_id;             /* for the SDP; below 2^63 */
    const char *cname;               /* 1..64 visible characters, copied; NULL: drawn at random */
    struct sup_quality_opts quality; /* level_id is taken from the offer */
    bool no_fec, dtx;
    uint32_t max_average_bitrate, ptime_ms; /* sdp.h */
};

/* Opens sockets. *ret_leg is owned by the caller.
 * Errors: SUP_E_NOMEM, SUP_E_LIMIT (no free port), SUP_E_IO, SUP_E_INVAL, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_leg_create(const struct sup_leg_opts *opts, struct sup_leg **ret_leg);
/* arg of the callbacks from now on. */
void sup_leg_set_arg(struct sup_leg *leg, void *arg);
/* Says BYE and close_notify; legs that hear it hear nothing then. NULL is a no-op. */
void sup_leg_destroy(struct sup_leg *leg);

/* Takes an offer and appends the answer to *out. The first begins to connect. Later ones may
 * restart ICE (new ufrag); they must come with the same certificate.
 * Errors: of sup_sdp_parse_offer() with *ret_error set (may be NULL); SUP_E_CONFLICT (another
 * certificate: a new page needs a new leg), SUP_E_STATE (final), SUP_E_INVAL, SUP_E_LIMIT,
 * SUP_E_NOMEM, SUP_E_CRYPTO, SUP_E_IO. */
SUP_MUST_CHECK sup_err sup_leg_offer(struct sup_leg *leg, const char *sdp, size_t len,
                                     struct sup_buf *out, struct sup_sdp_error *ret_error);
/* A trickled candidate line; empty text ends them. What cannot be used (TCP, .local, component 2,
 * repeated, of another generation, too many) is dropped and taken as success.
 * Errors: SUP_E_MALFORMED, SUP_E_STATE (before the offer, or final). */
SUP_MUST_CHECK sup_err sup_leg_add_candidate(struct sup_leg *leg, const char *text, size_t len);
/* mid of the audio m-line, for outgoing candidates; "" if there is none or no offer yet. */
const char *sup_leg_mid(const struct sup_leg *leg);
/* The user name fragment of the local candidates' generation. */
const char *sup_leg_ufrag(const struct sup_leg *leg);

/* What the leg hears from now on. other is for SUP_LEG_HEARS_LEG, must not be leg itself, and is
 * forgotten when it is destroyed. Two legs that hear each other are a call. Cannot fail. */
void sup_leg_set_source(struct sup_leg *leg, enum sup_leg_source source, struct sup_leg *other);
/* As sup_leg_set_source() with nothing (count 0) or one leg (1); from two on they are mixed. Each
 * must be another leg, none twice, none of them leg. A leg that goes is taken out of the mix; when
 * one is left, its packets are relayed again.
 * From one leg to a mix with it, the packets are relayed until the mixer has heard enough of that
 * leg to go on where they end, at most 100 ms. In either direction the stream goes on without a
 * gap: the next packet follows within a frame.
 * Errors: SUP_E_LIMIT (more than SUP_MIX_MAX), SUP_E_NOMEM; then nothing has changed. */
SUP_MUST_CHECK sup_err sup_leg_hear(struct sup_leg *leg, struct sup_leg *const *others,
                                    size_t count);
/* Plays prompt once in place of the hold music, which then goes on where it was; one that is
 * playing is cut off. Kept until it has ended or the leg hears something else: prompt must live as
 * long as the leg. False: the leg does not hear hold music now. */
bool sup_leg_play(struct sup_leg *leg, const struct sup_hold *prompt);
/* Plays notice once in place of whatever the leg hears, now or as soon as it may be sent to, in the
 * same stream without a gap; then it hears again what it should, of the present (what was said
 * meanwhile is left out). Goes on when the source changes. notice must live as long as the leg. */
void sup_leg_announce(struct sup_leg *leg, const struct sup_hold *notice);
/* Whether a notice is still to be heard, or to its end. */
bool sup_leg_announces(const struct sup_leg *leg);
enum sup_leg_source sup_leg_source_of(const struct sup_leg *leg);
/* How many legs it hears. */
size_t sup_leg_hears(const struct sup_leg *leg);
/* Whether the peer ought to be sending (not muted, microphone attached): for the verdicts. */
void sup_leg_expect_in(struct sup_leg *leg, bool expect);

/* What the peer sent, once it has proved authentic and Opus; payload is borrowed for the call. */
struct sup_leg_packet {
    const uint8_t *payload;
    size_t len;
    uint16_t seq;
    uint32_t ts, ssrc;
    uint64_t arrival_us; /* sup_clock_mono_us() */
};
/* Runs for each such packet before it is relayed; must not touch legs, but for reading. */
typedef void (*sup_leg_tap)(const struct sup_leg *leg, const struct sup_leg_packet *packet,
                            void *arg);
/* tap and arg are kept; NULL: nobody taps, which costs nothing. */
void sup_leg_set_tap(struct sup_leg *leg, sup_leg_tap tap, void *arg);

/* Ends the present second of the leg's quality early: on_quality runs from within, with what there
 * is of it; nothing if the leg was never connected. For who is about to destroy it. */
void sup_leg_end_second(struct sup_leg *leg);
/* What the peer's own statistics say (quality.h); nothing before the leg has a description. */
void sup_leg_take_client(struct sup_leg *leg, const struct sup_quality_client *client);

enum sup_leg_state sup_leg_state_of(const struct sup_leg *leg);
void sup_leg_get_report(const struct sup_leg *leg, struct sup_leg_report *ret_report);
/* "connecting", "connected", "lost", "failed", "closed"; static. */
const char *sup_leg_state_name(enum sup_leg_state state);
/* "ok", "no_path", "silent", "timed_out", "bad_fingerprint", "dtls", "peer_closed", "moved";
 * static.
 */
const char *sup_leg_reason_name(enum sup_leg_reason reason);
#endif
