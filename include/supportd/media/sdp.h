/* SDP of a call: reads a browser's offer, writes the daemon's answer.
 *
 * Layer:  media. Pure: no I/O, no clock, no globals; memory only in the caller's sup_buf.
 * Source: RFC 8866 (SDP), RFC 9429 (JSEP: what an answer must hold), RFC 8839 (ICE), RFC 8842
 *         (DTLS), RFC 8122 (fingerprint), RFC 9143 (BUNDLE), RFC 8285 (extmap), RFC 7587 (Opus);
 *         DESIGN, Conventions, Signaling.
 * Rules: the first audio m-line with Opus is used, every other m-line is answered with port 0. The
 * browser always offers; the answer is always DTLS passive. */
#ifndef SUPPORTD_MEDIA_SDP_H
#define SUPPORTD_MEDIA_SDP_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"
#include "supportd/media/candidate.h"

enum {
    SUP_SDP_SIZE_MAX = 16384, /* bytes of an offer */
    SUP_SDP_LINE_MAX = 2048,
    SUP_SDP_MEDIA_MAX = 8,       /* m-lines */
    SUP_SDP_CANDIDATES_MAX = 24, /* usable ones kept; libnice takes 25 */
    SUP_SDP_TOKEN_MAX = 32,      /* mid, media, proto, format */
    SUP_SDP_DIGEST_MAX = 64,
};

/* Why an offer was refused. Names (sup_sdp_code_name) are stable and go into error frames. */
enum sup_sdp_code {
    SUP_SDP_OK,
    SUP_SDP_TOO_LARGE,        /* the text, a line, or the number of m-lines */
    SUP_SDP_SYNTAX,           /* not SDP: a line that is no "x=", no v=0, control characters */
    SUP_SDP_NO_AUDIO,         /* no m=audio with a port and profile that WebRTC uses */
    SUP_SDP_NO_OPUS,          /* audio without opus/48000/2 */
    SUP_SDP_BAD_PAYLOAD_TYPE, /* Opus' number is over 127 or collides with RTCP (64..95) */
    SUP_SDP_NO_RTCP_MUX,
    SUP_SDP_NO_FINGERPRINT,  /* none at all */
    SUP_SDP_BAD_FINGERPRINT, /* unknown or too weak hash, wrong length, or not hexadecimal */
    SUP_SDP_BAD_SETUP,       /* missing, or neither actpass nor active */
    SUP_SDP_BAD_UFRAG,       /* missing, or not 4..256 ice-chars */
    SUP_SDP_BAD_PWD,         /* missing, or not 22..256 ice-chars */
    SUP_SDP_BAD_MID,
    SUP_SDP_BAD_EXTMAP, /* one id for both extensions */
    SUP_SDP_BAD_CANDIDATE,
    SUP_SDP_CODE_COUNT,
};

struct sup_sdp_error {
    enum sup_sdp_code code;
    unsigned line; /* 1-based line to blame; 0: the offer as a whole */
};

enum sup_sdp_direction {
    SUP_SDP_INACTIVE = 0,
    SUP_SDP_SENDONLY = 1,
    SUP_SDP_RECVONLY = 2,
    SUP_SDP_SENDRECV = 3, /* bit 0: the speaker of the SDP sends; bit 1: it receives */
};

enum sup_sdp_setup { SUP_SDP_ACTPASS, SUP_SDP_ACTIVE };

enum sup_sdp_hash { SUP_SDP_SHA256, SUP_SDP_SHA384, SUP_SDP_SHA512 };

struct sup_sdp_fingerprint {
    enum sup_sdp_hash hash;
    size_t len; /* 32, 48 or 64 */
    uint8_t digest[SUP_SDP_DIGEST_MAX];
};

/* What is repeated of an m-line when it is refused. */
struct sup_sdp_media {
    char kind[SUP_SDP_TOKEN_MAX + 1];
    char proto[SUP_SDP_TOKEN_MAX + 1];
    char format[SUP_SDP_TOKEN_MAX + 1]; /* the first one */
    char mid[SUP_SDP_TOKEN_MAX + 1];    /* "": none */
};

/* Format parameters of Opus as offered: what the peer likes to receive (RFC 7587 section 6.1). */
struct sup_sdp_opus {
    uint8_t payload_type;
    bool inband_fec;
    bool dtx;
    bool stereo;
    uint32_t max_average_bitrate; /* bit/s; 0: not said */
    uint32_t max_playback_rate;   /* Hz; 0: not said */
};

/* A checked offer. Session-level attributes are already inherited. Plain value, about 12 kB. */
struct sup_sdp_offer {
    struct sup_sdp_media media[SUP_SDP_MEDIA_MAX];
    size_t media_count;
    size_t audio;                     /* index of the m-line in use */
    bool bundle;                      /* a BUNDLE group names it */
    enum sup_sdp_direction direction; /* as the offerer said it */
    struct sup_sdp_opus opus;
    uint8_t ext_mid;         /* id of sdes:mid, 0: not offered */
    uint8_t ext_audio_level; /* id of ssrc-audio-level (RFC 6464), 0: not offered */
    bool rtcp_rsize;
    bool ice_lite;
    bool trickle;
    char ufrag[SUP_ICE_UFRAG_MAX + 1];
    char pwd[SUP_ICE_PWD_MAX + 1];
    enum sup_sdp_setup setup;
    struct sup_sdp_fingerprint fingerprint;
    bool has_ssrc;
    uint32_t ssrc; /* of the first a=ssrc line; a hint, packets decide */
    struct sup_candidate candidates[SUP_SDP_CANDIDATES_MAX];
    size_t candidate_count;
    size_t candidates_dropped; /* TCP, .local, component 2, repeated, or over the limit */
    bool end_of_candidates;
};

/* Reads sdp[len]; line ends CRLF or LF. ret_offer is set on success only. ret_error may be NULL; it
 * is set on failure only.
 * Errors: SUP_E_LIMIT (code too_large), SUP_E_MALFORMED or SUP_E_UNSUPPORTED (any other code). */
SUP_MUST_CHECK sup_err sup_sdp_parse_offer(const char *sdp, size_t len,
                                           struct sup_sdp_offer *ret_offer,
                                           struct sup_sdp_error *ret_error);

/* Stable name for an error frame: "sdp_too_large", "sdp_no_opus", ...; static storage. */
const char *sup_sdp_code_name(enum sup_sdp_code code);
/* One English sentence for people; static storage. Never quotes the offer. */
const char *sup_sdp_code_text(enum sup_sdp_code code);

struct sup_sdp_answer_opts {
    uint64_t session_id;              /* of the o= line: one per leg; below 2^63 */
    uint64_t session_version;         /* grows by one with every answer of the leg */
    enum sup_sdp_direction direction; /* what the daemon would do; the answer says what both can */
    const char *ufrag, *pwd;          /* of this leg's ICE agent; lengths as in RFC 8839 */
    const struct sup_sdp_fingerprint *fingerprint; /* of the daemon's certificate */
    uint32_t ssrc;                                 /* the one output stream of the leg */
    const char *cname;                             /* 1..64 visible characters */
    const struct sup_candidate *candidates;        /* may be NULL with count 0 */
    size_t candidate_count;
    bool end_of_candidates;
    bool no_fec;                  /* do not ask the peer for in-band FEC */
    bool dtx;                     /* let the peer use DTX */
    uint32_t max_average_bitrate; /* 6000..510000 bit/s; 0: leave it to the browser */
    uint32_t ptime_ms;            /* 10..120; 0: 20 */
    uint32_t max_ptime_ms;        /* ptime..120; 0: 60 */
};

/* Direction of the answer: what is wanted, as far as the offer lets it. */
enum sup_sdp_direction sup_sdp_answer_direction(enum sup_sdp_direction offered,
                                                enum sup_sdp_direction wanted);

/* Appends the answer to offer. Everything is borrowed for the call. On failure out is unchanged.
 * Errors: SUP_E_INVAL (opts out of range), SUP_E_LIMIT (out is full), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_sdp_write_answer(const struct sup_sdp_offer *offer,
                                            const struct sup_sdp_answer_opts *opts,
                                            struct sup_buf *out);
#endif
