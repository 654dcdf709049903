#include "supportd/media/sdp.h"

#include <assert.h>

#include "text_internal.h"

#define URI_MID "urn:ietf:params:rtp-hdrext:sdes:mid"
#define URI_LEVEL "urn:ietf:params:rtp-hdrext:ssrc-audio-level"

enum {
    RTCP_PT_FIRST = 64, /* RFC 5761 section 4: with rtcp-mux these look like RTCP */
    RTCP_PT_LAST = 95,
    EXT_ID_RESERVED = 15, /* RFC 8285 section 4.2 */
};

/* One m-section: where its lines are, and what the choice among sections needs. */
struct section {
    struct span lines; /* from behind the m-line to the next m-line */
    struct span formats;
    unsigned first_line; /* number of the first of lines */
    unsigned opus_line;  /* 0: no Opus */
    uint8_t opus_pt;
    bool usable; /* audio, WebRTC profile, not refused by the offerer */
    bool bad_pt;
};

struct reader {
    struct sup_sdp_offer *offer;
    struct section sections[SUP_SDP_MEDIA_MAX];
    struct span session; /* lines before the first m-line */
    unsigned line;       /* being read */
    bool in_media;
    bool fingerprint_in_media;
    unsigned weak_line; /* a fingerprint by a hash that is not accepted */
    bool has_fingerprint, has_setup, rtcp_mux;
};

/* Takes the next line, without its end, off *rest. False at the end of the text. */
static bool next_line(struct span *rest, struct span *ret_line)
{
    if (rest->len == 0)
        return false;
    *ret_line = span_cut(rest, '\n');
    if (ret_line->len && ret_line->p[ret_line->len - 1] == '\r')
        ret_line->len--;
    return true;
}

static enum sup_sdp_code check_line(struct span line)
{
    if (line.len > SUP_SDP_LINE_MAX)
        return SUP_SDP_TOO_LARGE;
    if (line.len < 2 || line.p[0] < 'a' || line.p[0] > 'z' || line.p[1] != '=')
        return SUP_SDP_SYNTAX;
    for (size_t i = 0; i < line.len; i++)
        if (((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7F)
            return SUP_SDP_SYNTAX;
    return SUP_SDP_OK;
}

/* A token that may be repeated in the answer: RFC 8866 token characters and the / of a proto. */
static bool copy_token(struct span s, char *out)
{
    static const char extra[] = "!#$%&'*+-./^_`{|}~";
    if (s.len == 0 || s.len > SUP_SDP_TOKEN_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        bool alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!alnum && (c == '\0' || !strchr(extra, c)))
            return false;
    }
    return span_copy(s, out, SUP_SDP_TOKEN_MAX + 1);
}

static enum sup_sdp_code begin_section(struct reader *r, struct span line, struct span rest)
{
    struct sup_sdp_offer *o = r->offer;
    if (o->media_count == SUP_SDP_MEDIA_MAX)
        return SUP_SDP_TOO_LARGE;
    struct sup_sdp_media *m = &o->media[o->media_count];
    struct section *s = &r->sections[o->media_count];
    uint64_t port;
    (void)span_skip(&line, "m=");
    struct span kind = span_word(&line), ports = span_word(&line), proto = span_word(&line);
    s->formats = line;
    if (!copy_token(kind, m->kind) || !span_number(span_cut(&ports, '/'), UINT16_MAX, &port) ||
        !copy_token(proto, m->proto) || !copy_token(span_word(&line), m->format))
        return SUP_SDP_SYNTAX;
    s->lines = (struct span){rest.p, 0};
    s->first_line = r->line + 1;
    s->usable = span_is(kind, "audio") && port != 0 &&
                (span_is(proto, "UDP/TLS/RTP/SAVPF") || span_is(proto, "RTP/SAVPF") ||
                 span_is(proto, "UDP/TLS/RTP/SAVP"));
    o->media_count++;
    return SUP_SDP_OK;
}

static bool offers_format(struct span formats, uint8_t pt)
{
    uint64_t n;
    for (struct span f = span_word(&formats); f.len; f = span_word(&formats))
        if (span_number(f, 127, &n) && n == pt)
            return true;
    return false;
}

static void find_opus(struct section *s, struct span value, unsigned line)
{
    uint64_t pt;
    struct span number = span_word(&value);
    if (s->opus_line || !span_is_nocase(span_word(&value), "opus/48000/2"))
        return;
    bool good = span_number(number, 127, &pt) && (pt < RTCP_PT_FIRST || pt > RTCP_PT_LAST);
    s->bad_pt = !good || !offers_format(s->formats, (uint8_t)pt);
    s->opus_line = line;
    s->opus_pt = good ? (uint8_t)pt : 0;
}

static enum sup_sdp_code read_mid(struct reader *r, struct span value)
{
    struct sup_sdp_offer *o = r->offer;
    struct sup_sdp_media *m = &o->media[o->media_count - 1];
    if (m->mid[0] || !copy_token(value, m->mid))
        return SUP_SDP_BAD_MID;
    for (size_t i = 0; i + 1 < o->media_count; i++)
        if (strcmp(o->media[i].mid, m->mid) == 0)
            return SUP_SDP_BAD_MID;
    return SUP_SDP_OK;
}

/* First pass: every line is checked, m-sections and what chooses among them are found. */
static enum sup_sdp_code scan(struct reader *r, struct span text)
{
    struct span line, rest = text;
    r->session = (struct span){text.p, 0};
    while (next_line(&rest, &line)) {
        struct section *s = r->offer->media_count ? &r->sections[r->offer->media_count - 1] : NULL;
        r->line++;
        if (line.len == 0 && rest.len == 0)
            break; /* an empty last line */
        enum sup_sdp_code code = check_line(line);
        if (!code && r->line == 1 && !span_is(line, "v=0"))
            code = SUP_SDP_SYNTAX;
        bool opens = !code && line.p[0] == 'm';
        if (opens)
            code = begin_section(r, line, rest);
        else if (!code && s && span_skip(&line, "a=rtpmap:"))
            find_opus(s, line, r->line);
        else if (!code && s && span_skip(&line, "a=mid:"))
            code = read_mid(r, line);
        if (code)
            return code;
        /* The open section, be it the session or the m-line before, now ends at rest. */
        if (s && !opens)
            s->lines.len = (size_t)(rest.p - s->lines.p);
        else if (!opens)
            r->session.len = (size_t)(rest.p - r->session.p);
    }
    return r->line ? SUP_SDP_OK : SUP_SDP_SYNTAX;
}

static enum sup_sdp_code choose_audio(struct reader *r)
{
    bool audio = false;
    r->line = 0;
    for (size_t i = 0; i < r->offer->media_count; i++) {
        const struct section *s = &r->sections[i];
        if (!s->usable)
            continue;
        audio = true;
        if (!s->opus_line)
            continue;
        r->offer->audio = i;
        r->offer->opus.payload_type = s->opus_pt;
        r->line = s->opus_line;
        return s->bad_pt ? SUP_SDP_BAD_PAYLOAD_TYPE : SUP_SDP_OK;
    }
    return audio ? SUP_SDP_NO_OPUS : SUP_SDP_NO_AUDIO;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* XX:XX:... of exactly fp->len bytes. */
static bool read_digest(struct span hex, struct sup_sdp_fingerprint *fp)
{
    if (hex.len != fp->len * 3 - 1)
        return false;
    for (size_t i = 0; i < fp->len; i++) {
        int high = hex_digit(hex.p[3 * i]), low = hex_digit(hex.p[3 * i + 1]);
        if (high < 0 || low < 0 || (i + 1 < fp->len && hex.p[3 * i + 2] != ':'))
            return false;
        fp->digest[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static enum sup_sdp_code read_fingerprint(struct reader *r, struct span value)
{
    static const struct {
        const char *name;
        size_t len;
    } hashes[] = {{"sha-256", 32}, {"sha-384", 48}, {"sha-512", 64}}; /* enum sup_sdp_hash */
    struct span name = span_word(&value);
    struct span hex = span_word(&value);
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        if (!span_is_nocase(name, hashes[i].name))
            continue;
        struct sup_sdp_fingerprint fp = {.hash = (enum sup_sdp_hash)i, .len = hashes[i].len};
        if (!read_digest(hex, &fp))
            return SUP_SDP_BAD_FINGERPRINT;
        /* The first one of a level counts; the m-section's goes before the session's. */
        if (!r->has_fingerprint || r->in_media != r->fingerprint_in_media)
            r->offer->fingerprint = fp;
        r->fingerprint_in_media = r->in_media;
        r->has_fingerprint = true;
        return SUP_SDP_OK;
    }
    r->weak_line = r->line;
    return SUP_SDP_OK;
}

static enum sup_sdp_code read_setup(struct reader *r, struct span value)
{
    if (span_is(value, "actpass"))
        r->offer->setup = SUP_SDP_ACTPASS;
    else if (span_is(value, "active"))
        r->offer->setup = SUP_SDP_ACTIVE;
    else
        return SUP_SDP_BAD_SETUP;
    r->has_setup = true;
    return SUP_SDP_OK;
}

static enum sup_sdp_code read_ufrag(struct reader *r, struct span value)
{
    if (!sup_ice_chars_valid(value.p, value.len, SUP_ICE_UFRAG_MIN, SUP_ICE_UFRAG_MAX) ||
        !span_copy(value, r->offer->ufrag, sizeof(r->offer->ufrag)))
        return SUP_SDP_BAD_UFRAG;
    return SUP_SDP_OK;
}

static enum sup_sdp_code read_pwd(struct reader *r, struct span value)
{
    if (!sup_ice_chars_valid(value.p, value.len, SUP_ICE_PWD_MIN, SUP_ICE_PWD_MAX) ||
        !span_copy(value, r->offer->pwd, sizeof(r->offer->pwd)))
        return SUP_SDP_BAD_PWD;
    return SUP_SDP_OK;
}

static enum sup_sdp_code read_ice_options(struct reader *r, struct span value)
{
    /* Separated by spaces in the RFC, by commas in some libraries. */
    for (struct span group = span_word(&value); group.len; group = span_word(&value))
        while (group.len)
            if (span_is(span_cut(&group, ','), "trickle"))
                r->offer->trickle = true;
    return SUP_SDP_OK;
}

static enum sup_sdp_code read_group(struct reader *r, struct span value)
{
    const char *mid = r->offer->media[r->offer->audio].mid;
    if (!span_is(span_word(&value), "BUNDLE") || mid[0] == '\0')
        return SUP_SDP_OK;
    for (struct span word = span_word(&value); word.len; word = span_word(&value))
        if (span_is(word, mid))
            r->offer->bundle = true;
    return SUP_SDP_OK;
}

static enum sup_sdp_code read_extmap(struct reader *r, struct span value)
{
    struct span number = span_word(&value);
    struct span uri = span_word(&value);
    struct span digits = span_cut(&number, '/');
    uint64_t id;
    bool both_ways = number.len == 0 || span_is(number, "sendrecv");
    if (!span_number(digits, 255, &id) || id == 0 || id == EXT_ID_RESERVED || !both_ways)
        return SUP_SDP_OK; /* not one that this side could use */
    if (span_is(uri, URI_MID))
        r->offer->ext_mid = (uint8_t)id;
    else if (span_is(uri, URI_LEVEL))
        r->offer->ext_audio_level = (uint8_t)id;
    else
        return SUP_SDP_OK;
    return r->offer->ext_mid == r->offer->ext_audio_level ? SUP_SDP_BAD_EXTMAP : SUP_SDP_OK;
}

static enum sup_sdp_code read_fmtp(struct reader *r, struct span value)
{
    struct sup_sdp_opus *opus = &r->offer->opus;
    uint64_t n;
    if (!span_number(span_word(&value), 127, &n) || n != opus->payload_type)
        return SUP_SDP_OK;
    while (value.len) {
        struct span item = span_cut(&value, ';');
        struct span name = span_cut(&item, '=');
        while (name.len && *name.p == ' ') {
            name.p++;
            name.len--;
        }
        if (!span_number(span_word(&item), UINT32_MAX, &n))
            continue;
        if (span_is_nocase(name, "useinbandfec"))
            opus->inband_fec = n == 1;
        else if (span_is_nocase(name, "usedtx"))
            opus->dtx = n == 1;
        else if (span_is_nocase(name, "stereo"))
            opus->stereo = n == 1;
        else if (span_is_nocase(name, "maxaveragebitrate"))
            opus->max_average_bitrate = (uint32_t)n;
        else if (span_is_nocase(name, "maxplaybackrate"))
            opus->max_playback_rate = (uint32_t)n;
    }
    return SUP_SDP_OK;
}

static enum sup_sdp_code read_ssrc(struct reader *r, struct span value)
{
    uint64_t ssrc;
    if (!r->offer->has_ssrc && span_number(span_word(&value), UINT32_MAX, &ssrc)) {
        r->offer->has_ssrc = true;
        r->offer->ssrc = (uint32_t)ssrc;
    }
    return SUP_SDP_OK;
}

static enum sup_sdp_code read_candidate(struct reader *r, struct span whole)
{
    struct sup_sdp_offer *o = r->offer;
    struct sup_candidate c;
    sup_err err = sup_candidate_parse(whole.p, whole.len, &c);
    if (err && err != SUP_E_UNSUPPORTED)
        return SUP_SDP_BAD_CANDIDATE;
    bool keep = !err && o->candidate_count < SUP_SDP_CANDIDATES_MAX;
    for (size_t i = 0; keep && i < o->candidate_count; i++)
        keep = !sup_candidate_same(&o->candidates[i], &c);
    if (keep)
        o->candidates[o->candidate_count++] = c;
    else
        o->candidates_dropped++;
    return SUP_SDP_OK;
}

/* Attributes without a value. */
static bool read_flag(struct reader *r, struct span name)
{
    static const struct {
        const char *name;
        enum sup_sdp_direction direction;
    } directions[] = {{"sendrecv", SUP_SDP_SENDRECV},
                      {"sendonly", SUP_SDP_SENDONLY},
                      {"recvonly", SUP_SDP_RECVONLY},
                      {"inactive", SUP_SDP_INACTIVE}};
    for (size_t i = 0; i < sizeof(directions) / sizeof(directions[0]); i++) {
        if (span_is(name, directions[i].name)) {
            r->offer->direction = directions[i].direction;
            return true;
        }
    }
    if (span_is(name, "ice-lite"))
        r->offer->ice_lite = true;
    else if (r->in_media && span_is(name, "rtcp-mux"))
        r->rtcp_mux = true;
    else if (r->in_media && span_is(name, "rtcp-rsize"))
        r->offer->rtcp_rsize = true;
    else if (r->in_media && span_is(name, "end-of-candidates"))
        r->offer->end_of_candidates = true;
    else
        return false;
    return true;
}

static enum sup_sdp_code read_attribute(struct reader *r, struct span line)
{
    enum { SESSION = 1, MEDIA = 2, BOTH = 3 };
    static const struct {
        const char *name;
        unsigned where;
        enum sup_sdp_code (*read)(struct reader *r, struct span value);
    } attributes[] = {
        {"fingerprint", BOTH, read_fingerprint},
        {"setup", BOTH, read_setup},
        {"ice-ufrag", BOTH, read_ufrag},
        {"ice-pwd", BOTH, read_pwd},
        {"ice-options", BOTH, read_ice_options},
        {"group", SESSION, read_group},
        {"extmap", BOTH, read_extmap},
        {"fmtp", MEDIA, read_fmtp},
        {"ssrc", MEDIA, read_ssrc},
    };
    struct span whole = line;
    if (!span_skip(&line, "a="))
        return SUP_SDP_OK;
    struct span value = line;
    struct span name = span_cut(&value, ':');
    if (r->in_media && span_is(name, "candidate"))
        return read_candidate(r, whole);
    if (read_flag(r, name))
        return SUP_SDP_OK;
    for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
        if (span_is(name, attributes[i].name) &&
            attributes[i].where & (r->in_media ? (unsigned)MEDIA : (unsigned)SESSION))
            return attributes[i].read(r, value);
    return SUP_SDP_OK;
}

static enum sup_sdp_code read_lines(struct reader *r, struct span lines, unsigned first_line)
{
    struct span line;
    for (r->line = first_line; next_line(&lines, &line); r->line++) {
        enum sup_sdp_code code = read_attribute(r, line);
        if (code)
            return code;
    }
    return SUP_SDP_OK;
}

/* A candidate of another ICE generation is of no use; ufrag is known only at the end. */
static void drop_stale_candidates(struct sup_sdp_offer *o)
{
    size_t kept = 0;
    for (size_t i = 0; i < o->candidate_count; i++) {
        const struct sup_candidate *c = &o->candidates[i];
        if (c->ufrag[0] && strcmp(c->ufrag, o->ufrag) != 0)
            o->candidates_dropped++;
        else
            o->candidates[kept++] = *c;
    }
    o->candidate_count = kept;
}

static enum sup_sdp_code check_complete(struct reader *r)
{
    r->line = 0;
    if (!r->rtcp_mux)
        return SUP_SDP_NO_RTCP_MUX;
    if (!r->has_fingerprint) {
        r->line = r->weak_line;
        return r->weak_line ? SUP_SDP_BAD_FINGERPRINT : SUP_SDP_NO_FINGERPRINT;
    }
    if (!r->has_setup)
        return SUP_SDP_BAD_SETUP;
    if (!r->offer->ufrag[0])
        return SUP_SDP_BAD_UFRAG;
    if (!r->offer->pwd[0])
        return SUP_SDP_BAD_PWD;
    return SUP_SDP_OK;
}

static enum sup_sdp_code read_offer(struct reader *r, struct span text)
{
    if (text.len > SUP_SDP_SIZE_MAX)
        return SUP_SDP_TOO_LARGE;
    enum sup_sdp_code code = scan(r, text);
    if (!code)
        code = choose_audio(r);
    if (code)
        return code;
    const struct section *audio = &r->sections[r->offer->audio];
    r->offer->direction = SUP_SDP_SENDRECV;
    code = read_lines(r, r->session, 1);
    r->in_media = true;
    if (!code)
        code = read_lines(r, audio->lines, audio->first_line);
    if (!code)
        code = check_complete(r);
    if (!code)
        drop_stale_candidates(r->offer);
    return code;
}

sup_err sup_sdp_parse_offer(const char *sdp, size_t len, struct sup_sdp_offer *ret_offer,
                            struct sup_sdp_error *ret_error)
{
    assert(sdp && ret_offer);
    struct sup_sdp_offer offer = {0};
    struct reader r = {.offer = &offer};
    enum sup_sdp_code code = read_offer(&r, (struct span){sdp, len});
    if (code == SUP_SDP_OK) {
        *ret_offer = offer;
        return SUP_OK;
    }
    if (ret_error)
        *ret_error = (struct sup_sdp_error){code, r.line};
    switch (code) {
    case SUP_SDP_TOO_LARGE:
        return SUP_E_LIMIT;
    case SUP_SDP_NO_AUDIO:
    case SUP_SDP_NO_OPUS:
    case SUP_SDP_NO_RTCP_MUX:
        return SUP_E_UNSUPPORTED;
    default:
        return SUP_E_MALFORMED;
    }
}
