#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "supportd/media/sdp.h"

/* Stops at the first failure; the caller looks at w->err once. */
struct writer {
    struct sup_buf *out;
    sup_err err;
};

#define PUT(w, ...)                                                                                \
    do {                                                                                           \
        if (!(w)->err)                                                                             \
            (w)->err = sup_buf_addf((w)->out, __VA_ARGS__);                                        \
    } while (0)

enum { CNAME_MAX = 64, BITRATE_MIN = 6000, BITRATE_MAX = 510000, PTIME_DEFAULT_MS = 20 };
enum { MAX_PTIME_DEFAULT_MS = 60, PTIME_MIN_MS = 10, PTIME_MAX_MS = 120 };

static const struct {
    const char *name, *text;
} codes[SUP_SDP_CODE_COUNT] = {
    [SUP_SDP_OK] = {"ok", "The offer is accepted."},
    [SUP_SDP_TOO_LARGE] = {"sdp_too_large",
                           "The offer, one of its lines, or its number of m-lines is too large."},
    [SUP_SDP_SYNTAX] = {"sdp_syntax", "The offer is not a session description."},
    [SUP_SDP_NO_AUDIO] = {"sdp_no_audio", "The offer has no usable audio m-line."},
    [SUP_SDP_NO_OPUS] = {"sdp_no_opus", "The offer's audio does not include opus/48000/2."},
    [SUP_SDP_BAD_PAYLOAD_TYPE] = {"sdp_bad_payload_type",
                                  "The payload type of Opus is not one that can be used."},
    [SUP_SDP_NO_RTCP_MUX] = {"sdp_no_rtcp_mux", "The offer lacks a=rtcp-mux."},
    [SUP_SDP_NO_FINGERPRINT] = {"sdp_no_fingerprint", "The offer lacks a=fingerprint."},
    [SUP_SDP_BAD_FINGERPRINT] = {"sdp_bad_fingerprint",
                                 "The fingerprint is not one by SHA-256, SHA-384 or SHA-512."},
    [SUP_SDP_BAD_SETUP] = {"sdp_bad_setup", "a=setup must be actpass or active."},
    [SUP_SDP_BAD_UFRAG] = {"sdp_bad_ice_ufrag",
                           "a=ice-ufrag must have 4 to 256 letters, digits, + or /."},
    [SUP_SDP_BAD_PWD] = {"sdp_bad_ice_pwd",
                         "a=ice-pwd must have 22 to 256 letters, digits, + or /."},
    [SUP_SDP_BAD_MID] = {"sdp_bad_mid", "An a=mid is repeated, too long, or not a token."},
    [SUP_SDP_BAD_EXTMAP] = {"sdp_bad_extmap", "Two header extensions share one id."},
    [SUP_SDP_BAD_CANDIDATE] = {"sdp_bad_candidate", "A candidate line does not parse."},
};

const char *sup_sdp_code_name(enum sup_sdp_code code)
{
    return (unsigned)code < SUP_SDP_CODE_COUNT ? codes[code].name : "unknown";
}

const char *sup_sdp_code_text(enum sup_sdp_code code)
{
    return (unsigned)code < SUP_SDP_CODE_COUNT ? codes[code].text : "Unknown error.";
}

enum sup_sdp_direction sup_sdp_answer_direction(enum sup_sdp_direction offered,
                                                enum sup_sdp_direction wanted)
{
    /* The two bits change places: we may send if the offerer receives. */
    unsigned allowed = ((unsigned)offered & 1u) << 1 | ((unsigned)offered & 2u) >> 1;
    return (enum sup_sdp_direction)((unsigned)wanted & allowed);
}

static bool is_visible(const char *s, size_t max)
{
    size_t len = s ? strlen(s) : 0;
    if (len == 0 || len > max)
        return false;
    for (size_t i = 0; i < len; i++)
        if (s[i] < 0x21 || s[i] > 0x7E)
            return false;
    return true;
}

static bool opts_valid(const struct sup_sdp_answer_opts *o)
{
    uint32_t ptime = o->ptime_ms ? o->ptime_ms : PTIME_DEFAULT_MS;
    uint32_t max_ptime = o->max_ptime_ms ? o->max_ptime_ms : MAX_PTIME_DEFAULT_MS;
    if (o->session_id > INT64_MAX || o->session_version > INT64_MAX ||
        (unsigned)o->direction > SUP_SDP_SENDRECV)
        return false;
    if (!o->ufrag || !o->pwd ||
        !sup_ice_chars_valid(o->ufrag, strlen(o->ufrag), SUP_ICE_UFRAG_MIN, SUP_ICE_UFRAG_MAX) ||
        !sup_ice_chars_valid(o->pwd, strlen(o->pwd), SUP_ICE_PWD_MIN, SUP_ICE_PWD_MAX))
        return false;
    if (!o->fingerprint || o->fingerprint->len != 32u + 16u * (unsigned)o->fingerprint->hash ||
        o->fingerprint->len > SUP_SDP_DIGEST_MAX)
        return false;
    if (!is_visible(o->cname, CNAME_MAX) || (o->candidate_count && !o->candidates))
        return false;
    if (o->max_average_bitrate &&
        (o->max_average_bitrate < BITRATE_MIN || o->max_average_bitrate > BITRATE_MAX))
        return false;
    return ptime >= PTIME_MIN_MS && ptime <= max_ptime && max_ptime <= PTIME_MAX_MS;
}

static void put_refused(struct writer *w, const struct sup_sdp_media *m)
{
    PUT(w, "m=%s 0 %s %s\r\nc=IN IP4 0.0.0.0\r\n", m->kind, m->proto, m->format);
    if (m->mid[0])
        PUT(w, "a=mid:%s\r\n", m->mid);
    if (strcmp(m->kind, "audio") == 0 || strcmp(m->kind, "video") == 0)
        PUT(w, "a=inactive\r\n");
}

static void put_transport(struct writer *w, const struct sup_sdp_answer_opts *o)
{
    static const char *const hashes[] = {"sha-256", "sha-384", "sha-512"};
    PUT(w, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=ice-options:trickle\r\n", o->ufrag, o->pwd);
    PUT(w, "a=fingerprint:%s ", hashes[o->fingerprint->hash]);
    for (size_t i = 0; i < o->fingerprint->len; i++)
        PUT(w, "%s%02X", i ? ":" : "", o->fingerprint->digest[i]);
    PUT(w, "\r\na=setup:passive\r\n");
    for (size_t i = 0; i < o->candidate_count; i++)
        PUT(w, "a=%s\r\n", sup_candidate_format(&o->candidates[i]).s);
    if (o->end_of_candidates)
        PUT(w, "a=end-of-candidates\r\n");
}

static void put_opus(struct writer *w, unsigned pt, const struct sup_sdp_answer_opts *o)
{
    PUT(w, "a=rtpmap:%u opus/48000/2\r\n", pt);
    PUT(w, "a=fmtp:%u minptime=10;useinbandfec=%d;usedtx=%d;stereo=0", pt, !o->no_fec, o->dtx);
    if (o->max_average_bitrate)
        PUT(w, ";maxaveragebitrate=%" PRIu32, o->max_average_bitrate);
    PUT(w, "\r\na=ptime:%" PRIu32 "\r\na=maxptime:%" PRIu32 "\r\n",
        o->ptime_ms ? o->ptime_ms : PTIME_DEFAULT_MS,
        o->max_ptime_ms ? o->max_ptime_ms : MAX_PTIME_DEFAULT_MS);
}

static void put_audio(struct writer *w, const struct sup_sdp_offer *offer,
                      const struct sup_sdp_answer_opts *o)
{
    static const char *const directions[] = {"inactive", "sendonly", "recvonly", "sendrecv"};
    const struct sup_sdp_media *m = &offer->media[offer->audio];
    unsigned pt = offer->opus.payload_type;
    PUT(w, "m=audio 9 %s %u\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n", m->proto, pt);
    if (m->mid[0])
        PUT(w, "a=mid:%s\r\n", m->mid);
    put_transport(w, o);
    if (offer->ext_audio_level)
        PUT(w, "a=extmap:%u urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
            offer->ext_audio_level);
    if (offer->ext_mid)
        PUT(w, "a=extmap:%u urn:ietf:params:rtp-hdrext:sdes:mid\r\n", offer->ext_mid);
    enum sup_sdp_direction direction = sup_sdp_answer_direction(offer->direction, o->direction);
    PUT(w, "a=%s\r\na=rtcp-mux\r\n", directions[direction]);
    if (offer->rtcp_rsize)
        PUT(w, "a=rtcp-rsize\r\n");
    put_opus(w, pt, o);
    if (direction & SUP_SDP_SENDONLY)
        PUT(w, "a=msid:supportd audio\r\na=ssrc:%" PRIu32 " cname:%s\r\n", o->ssrc, o->cname);
}

sup_err sup_sdp_write_answer(const struct sup_sdp_offer *offer,
                             const struct sup_sdp_answer_opts *opts, struct sup_buf *out)
{
    assert(offer && opts && out && offer->audio < offer->media_count);
    if (!opts_valid(opts))
        return SUP_E_INVAL;
    size_t before = out->len;
    struct writer w = {out, SUP_OK};
    PUT(&w, "v=0\r\no=- %" PRIu64 " %" PRIu64 " IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n",
        opts->session_id, opts->session_version);
    if (offer->bundle)
        PUT(&w, "a=group:BUNDLE %s\r\n", offer->media[offer->audio].mid);
    for (size_t i = 0; i < offer->media_count; i++) {
        if (i == offer->audio)
            put_audio(&w, offer, opts);
        else
            put_refused(&w, &offer->media[i]);
    }
    if (w.err && out->data) {
        out->len = before;
        out->data[before] = '\0';
    }
    return w.err;
}
