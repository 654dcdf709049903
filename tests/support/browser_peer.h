/* A browser as far as a leg can tell: offers, ICE by libnice, DTLS by OpenSSL, SRTP by libsrtp2. */
#ifndef SUPPORTD_TESTS_BROWSER_PEER_H
#define SUPPORTD_TESTS_BROWSER_PEER_H
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/dtls_peer.h"
#include "support/ice_peer.h"
#include "supportd/base/clock.h"
#include "supportd/media/demux.h"
#include "supportd/media/rtcp.h"
#include "supportd/media/rtp.h"
#include "supportd/media/srtp.h"

enum { BROWSER_HEARD = 4096, BROWSER_PAYLOAD = 320 };

struct browser_packet {
    struct sup_rtp_hdr hdr;
    bool has_level;
    struct sup_rtp_level level;
    uint8_t payload[BROWSER_PAYLOAD]; /* its first bytes */
};

struct browser {
    struct ice_peer ice;
    struct dtls_peer dtls;
    struct sup_srtp *srtp; /* once connected */
    uint8_t payload_type, level_id;
    uint32_t ssrc;
    bool answered;

    struct browser_packet heard[BROWSER_HEARD];
    size_t count;
    size_t undecipherable, rtcp_count, other;
    struct sup_rtcp rtcp; /* the last one */
    int64_t rtcp_wall_us;
};

/* level_id 0: the extension is not offered. profiles as for OpenSSL. */
static inline void browser_open(struct browser *b, const char *profiles, uint8_t payload_type,
                                uint8_t level_id)
{
    memset(b, 0, sizeof(*b));
    b->payload_type = payload_type;
    b->level_id = level_id;
    b->ssrc = 0x10000000u + payload_type;
    ice_peer_open(&b->ice, "127.0.0.1");
    dtls_peer_open(&b->dtls, profiles, true);
}

static inline void browser_close(struct browser *b)
{
    if (!b->ice.agent)
        return;
    sup_srtp_destroy(b->srtp);
    dtls_peer_close(&b->dtls);
    ice_peer_close(&b->ice);
    memset(b, 0, sizeof(*b));
}

/* The offer in present credentials, with candidates; returns static storage. */
static inline const char *browser_offer(struct browser *b)
{
    static char sdp[8192];
    char *p = sdp;
    p += sprintf(p,
                 "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
                 "m=audio 9 UDP/TLS/RTP/SAVPF %u 13\r\nc=IN IP4 0.0.0.0\r\n"
                 "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n"
                 "a=fingerprint:sha-256 ",
                 b->payload_type, b->ice.ufrag, b->ice.pwd);
    for (size_t i = 0; i < b->dtls.fingerprint.len; i++)
        p += sprintf(p, i ? ":%02X" : "%02X", b->dtls.fingerprint.digest[i]);
    p += sprintf(p, "\r\na=setup:actpass\r\na=mid:0\r\n");
    if (b->level_id)
        p += sprintf(p, "a=extmap:%u urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n", b->level_id);
    p += sprintf(p,
                 "a=sendrecv\r\na=rtcp-mux\r\na=rtpmap:%u opus/48000/2\r\n"
                 "a=fmtp:%u minptime=10;useinbandfec=1\r\na=rtpmap:13 CN/8000\r\n",
                 b->payload_type, b->payload_type);
    struct sup_candidate c[8];
    size_t n = ice_peer_candidates(&b->ice, c, 8);
    for (size_t i = 0; i < n; i++)
        p += sprintf(p, "a=%s\r\n", sup_candidate_format(&c[i]).s);
    return sdp;
}

static inline void browser_value(const char *sdp, const char *name, char *out, size_t cap)
{
    const char *at = strstr(sdp, name);
    ck_assert_msg(at != NULL, "no %s in the answer", name);
    at += strlen(name);
    size_t n = strcspn(at, "\r\n");
    ck_assert_uint_lt(n, cap);
    memcpy(out, at, n);
    out[n] = '\0';
}

static inline void browser_take_answer(struct browser *b, const char *sdp)
{
    char ufrag[300], pwd[300];
    browser_value(sdp, "a=ice-ufrag:", ufrag, sizeof(ufrag));
    browser_value(sdp, "a=ice-pwd:", pwd, sizeof(pwd));
    ck_assert_ptr_nonnull(strstr(sdp, "a=setup:passive"));
    ice_peer_set_remote(&b->ice, ufrag, pwd);
    for (const char *at = strstr(sdp, "a=candidate:"); at; at = strstr(at + 1, "a=candidate:")) {
        struct sup_candidate c;
        ck_assert_int_eq(sup_candidate_parse(at + 2, strcspn(at + 2, "\r\n"), &c), SUP_OK);
        ice_peer_add_remote(&b->ice, &c);
    }
    b->answered = true;
}

/* On the way of packets: a passed assertion costs a system call, a failed one must be told. */
static inline void browser_must(bool condition)
{
    if (!condition)
        ck_abort_msg("a packet could not be made, sent or read");
}

static inline void browser_take_rtp(struct browser *b, uint8_t *pkt, size_t len)
{
    struct browser_packet *p = &b->heard[b->count % BROWSER_HEARD];
    if (!b->srtp || sup_srtp_unprotect_rtp(b->srtp, pkt, len, &len) != SUP_OK) {
        b->undecipherable++;
        return;
    }
    browser_must(sup_rtp_parse(pkt, len, &p->hdr) == SUP_OK);
    p->has_level = sup_rtp_get_level(pkt, &p->hdr, b->level_id, &p->level);
    memset(p->payload, 0, sizeof(p->payload));
    size_t n = p->hdr.payload_len < BROWSER_PAYLOAD ? p->hdr.payload_len : BROWSER_PAYLOAD;
    memcpy(p->payload, pkt + p->hdr.payload_off, n);
    b->count++;
}

static inline void browser_take_rtcp(struct browser *b, uint8_t *pkt, size_t len)
{
    if (!b->srtp || sup_srtp_unprotect_rtcp(b->srtp, pkt, len, &len) != SUP_OK) {
        b->undecipherable++;
        return;
    }
    ck_assert_int_eq(sup_rtcp_parse(pkt, len, &b->rtcp), SUP_OK);
    b->rtcp_wall_us = sup_clock_wall_us();
    b->rtcp_count++;
}

static inline void browser_step(struct browser *b)
{
    uint8_t pkt[ICE_PEER_PACKET];
    size_t len;
    if (!b->ice.agent)
        return;
    ice_peer_step(&b->ice);
    while ((len = ice_peer_take(&b->ice, pkt)) > 0) {
        switch (sup_demux(pkt, len)) {
        case SUP_DEMUX_DTLS:
            dtls_peer_feed(&b->dtls, pkt, len);
            break;
        case SUP_DEMUX_RTP:
            browser_take_rtp(b, pkt, len);
            break;
        case SUP_DEMUX_RTCP:
            browser_take_rtcp(b, pkt, len);
            break;
        default:
            b->other++;
        }
    }
    if (!b->ice.connected)
        return;
    if (!SSL_is_init_finished(b->dtls.ssl) && !b->dtls.failed) {
        DTLSv1_handle_timeout(b->dtls.ssl);
        dtls_peer_step(&b->dtls);
    }
    while ((len = dtls_peer_take(&b->dtls, pkt, sizeof(pkt))) > 0)
        ice_peer_send(&b->ice, pkt, len);
    if (dtls_peer_done(&b->dtls) && !b->srtp) {
        struct sup_srtp_opts opts = {.keys = dtls_peer_keys(&b->dtls), .libsrtp_only = true};
        ck_assert_int_eq(sup_srtp_create(&opts, &b->srtp), SUP_OK);
    }
}

/* Writes an RTP packet of this browser's, unprotected; room for protection behind it. */
static inline size_t browser_packet(const struct browser *b, uint16_t seq, uint32_t ts,
                                    const void *payload, size_t len, uint8_t *out)
{
    struct sup_rtp_out head = {.payload_type = b->payload_type,
                               .seq = seq,
                               .ts = ts,
                               .ssrc = b->ssrc,
                               .level_id = b->level_id,
                               .level = {.dbov = (uint8_t)(seq & 63), .voice = seq & 1}};
    size_t at = sup_rtp_write_header(&head, out);
    memcpy(out + at, payload, len);
    return at + len;
}

static inline void browser_send_rtp(struct browser *b, uint16_t seq, uint32_t ts,
                                    const void *payload, size_t payload_len)
{
    uint8_t pkt[ICE_PEER_PACKET];
    size_t len = browser_packet(b, seq, ts, payload, payload_len, pkt);
    browser_must(sup_srtp_protect_rtp(b->srtp, pkt, len, sizeof(pkt), &len) == SUP_OK);
    browser_must(ice_peer_send(&b->ice, pkt, len));
}

/* As browser_send_report(), telling of loss, in 256ths. */
static inline void browser_send_loss(struct browser *b, const struct sup_rtcp_sender *sender,
                                     uint8_t fraction_lost)
{
    uint8_t pkt[ICE_PEER_PACKET];
    struct sup_rtcp_block block = {.ssrc = b->rtcp.ssrc, .fraction_lost = fraction_lost};
    if (b->rtcp.has_sender) {
        block.lsr = (uint32_t)(b->rtcp.sender.ntp >> 16);
        block.dlsr = (uint32_t)((sup_clock_wall_us() - b->rtcp_wall_us) * 65536 / 1000000);
    }
    struct sup_rtcp_write_opts opts = {
        .ssrc = b->ssrc, .sender = sender, .blocks = &block, .block_count = 1, .cname = "browser"};
    size_t len;
    ck_assert_int_eq(sup_rtcp_write(&opts, pkt, 1500, &len), SUP_OK);
    ck_assert_int_eq(sup_srtp_protect_rtcp(b->srtp, pkt, len, sizeof(pkt), &len), SUP_OK);
    ck_assert(ice_peer_send(&b->ice, pkt, len));
}

/* A report about the leg's stream, answering its last sender report; sender: with one of our own,
 * or NULL. */
static inline void browser_send_report(struct browser *b, const struct sup_rtcp_sender *sender)
{
    browser_send_loss(b, sender, 0);
}
#endif
