/* A leg from the inside: session.c (life), session_media.c (packets), bridge.c (who hears whom),
 * mixer.c (several heard at once). */
#ifndef SUPPORTD_MEDIA_SESSION_INTERNAL_H
#define SUPPORTD_MEDIA_SESSION_INTERNAL_H
#include "engine_internal.h"
#include "mixer_internal.h"
#include "supportd/base/list.h"
#include "supportd/media/dtls.h"
#include "supportd/media/ice.h"
#include "supportd/media/rtcp.h"
#include "supportd/media/rtp.h"
#include "supportd/media/send_stream.h"
#include "supportd/media/session.h"
#include "supportd/media/srtp.h"

enum { SUP_LEG_CNAME_MAX = 64 };

/* That `to` hears `from`: relayed, mixed, or both while a mix begins. */
struct sup_ear {
    struct sup_leg *to, *from;
    struct sup_link relay; /* in from->listeners */
    struct sup_link mix;   /* in from->mixed */
};

struct sup_leg {
    /* what every packet touches */
    struct sup_media_engine *engine;
    struct sup_ice *ice;
    struct sup_quality *quality; /* from the first offer on */
    struct sup_srtp *srtp;       /* from the end of the handshake on */
    enum sup_leg_state state;
    uint8_t payload_type, level_id;
    bool announcing;       /* a notice takes the place of all that it hears */
    uint64_t last_auth_us; /* last authentic packet, or the end of the handshake */
    uint64_t authentic;    /* packets so far, RTP and RTCP */
    uint64_t packets_in, packets_out, rtcp_in, rtcp_out;
    uint32_t out_packets, out_octets, reported_packets;
    struct sup_link listeners; /* sup_ear::relay of those that get this one's packets */
    struct sup_mix_in *mix_in; /* mixer.c; while mixed is not empty */
    sup_leg_tap tap;           /* may be NULL */
    void *tap_arg;
    struct sup_send_stream out;
    struct sup_ear ears[SUP_MIX_MAX];
    size_t ear_count;

    struct sup_leg_drops drops; /* without those that ice and srtp count */
    struct sup_leg_opts opts;
    char cname[SUP_LEG_CNAME_MAX + 1];
    struct sup_dtls *dtls; /* from the first offer on */
    struct sup_warm warm;  /* drawn up by the tick */

    enum sup_leg_reason reason;
    bool was_connected;
    uint64_t since_us; /* of the first offer or the last restart */

    /* of the offer */
    uint64_t answers;
    struct sup_sdp_fingerprint peer;
    char remote_ufrag[SUP_ICE_UFRAG_MAX + 1];
    char mid[SUP_SDP_TOKEN_MAX + 1];

    unsigned looks; /* of the tick since the last sample */
    struct sup_media_timer tick, dtls_timer, hold_timer;
    size_t timers; /* added, in this order */

    /* what it hears */
    enum sup_leg_source source;
    struct sup_link mixed;       /* sup_ear::mix of those that hear it in a mix */
    struct sup_mix_out *mix_out; /* mixer.c; while it hears a mix */
    uint8_t peer_loss_pct;       /* of what we send, as it reports; falls slowly */
    uint64_t hold_position;
    uint16_t hold_seq;
    const struct sup_hold *prompt; /* NULL: music */
    uint64_t prompt_position;
    const struct sup_hold *notice; /* while announcing */
    uint64_t notice_position;

    /* RTCP */
    uint64_t rtcp_due_us;
    uint32_t lsr; /* of the peer's last sender report, and when it came */
    uint64_t lsr_us;

    uint64_t ping_due_us, pong_us; /* next request; last answer */
    bool expect_in;
    bool has_rtt; /* of the last sample */
    uint32_t rtt_us;
};

/* Moves the state by the table, tells, and starts or stops the hold music. */
void sup_leg_set_state(struct sup_leg *leg, enum sup_leg_state state, enum sup_leg_reason reason);
/* An authentic packet came. */
void sup_leg_mark_alive(struct sup_leg *leg);
/* Draws up what the peer's next packet will touch, here and on its way to the first listener. */
void sup_leg_warm(struct sup_leg *leg);
/* False before there are keys, when final, and after 30 s without an authentic packet. */
bool sup_leg_may_send(const struct sup_leg *leg);

/* A datagram from the selected remote that is RTP or RTCP. */
void sup_leg_take_rtp(struct sup_leg *leg, uint8_t *pkt, size_t len, size_t cap);
void sup_leg_take_rtcp(struct sup_leg *leg, uint8_t *pkt, size_t len);
/* Protects and sends a finished RTP packet; lbrr: it carries FEC. */
void sup_leg_send_rtp(struct sup_leg *leg, uint8_t *pkt, size_t len, size_t cap, size_t payload_len,
                      bool lbrr);
/* Sends a report if one is due; bye: in any case, with BYE. */
void sup_leg_send_rtcp(struct sup_leg *leg, bool bye);

/* Sends a clear packet of leg's to all who hear it; pkt[cap] is used up. */
void sup_bridge_relay(struct sup_leg *leg, uint8_t *pkt, const struct sup_rtp_hdr *hdr, size_t cap);
/* Starts or stops the hold music by source and state. */
void sup_bridge_update(struct sup_leg *leg);
void sup_bridge_on_hold_time(struct sup_media_timer *timer);
/* Sends a payload made here; lbrr: it carries FEC. */
void sup_bridge_send(struct sup_leg *to, const struct sup_rtp_out *out, const uint8_t *payload,
                     size_t len, bool lbrr);
/* The mixer has heard enough: leg hears the mix alone from now on. */
void sup_bridge_end_relay(struct sup_leg *leg);
/* Forgets the leg on both sides. */
void sup_bridge_leave(struct sup_leg *leg);
#endif
