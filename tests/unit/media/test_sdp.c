#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "support/check_main.h"
#include "supportd/media/sdp.h"

#define FP                                                                                         \
    "AB:CD:EF:00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:"   \
    "1B:1C"

static char text[SUP_SDP_SIZE_MAX * 2];
static struct sup_sdp_offer offer;
static struct sup_sdp_error error;
static const struct sup_sdp_fingerprint ours = {SUP_SDP_SHA256, 32, {0xAB, 0xCD}};

static void load(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/sdp/%s", SUP_TEST_VECTORS, name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s", path);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
}

static sup_err parse(const char *sdp)
{
    memset(&error, 0, sizeof(error));
    return sup_sdp_parse_offer(sdp, strlen(sdp), &offer, &error);
}

static struct sup_sdp_answer_opts answer_opts(void)
{
    return (struct sup_sdp_answer_opts){.session_id = 7,
                                        .session_version = 1,
                                        .direction = SUP_SDP_SENDRECV,
                                        .ufrag = "abcd",
                                        .pwd = "0123456789012345678901",
                                        .fingerprint = &ours,
                                        .ssrc = 4711,
                                        .cname = "leg"};
}

/* The answer to the offer last parsed, in text. */
static void answer(const struct sup_sdp_answer_opts *opts)
{
    struct sup_buf out;
    sup_buf_init(&out, 8192);
    ck_assert_int_eq(sup_sdp_write_answer(&offer, opts, &out), SUP_OK);
    memcpy(text, out.data, out.len + 1);
    sup_buf_fini(&out);
}

static bool has(const char *piece)
{
    return strstr(text, piece) != NULL;
}

struct expected {
    const char *file;
    unsigned pt, mid, level;
    const char *mid_name, *ufrag;
    size_t candidates, dropped;
};

static const struct expected table[] = {
    {"aiortc140-offer.sdp", 96, 1, 2, "0", "vI6d", 1, 0},
    {"chromium156-answer.sdp", 111, 4, 1, "0", "nSt8", 0, 0},
    {"chromium156-audio-gum-loopback.sdp", 111, 4, 1, "0", "Kmyt", 4, 4},
    {"chromium156-audio-gum.sdp", 111, 4, 1, "0", "16da", 2, 2},
    {"chromium156-audio-nogum-loopback-nomdns.sdp", 111, 4, 1, "0", "fLOj", 2, 0},
    {"chromium156-audio-nomdns-nogum.sdp", 111, 4, 1, "0", "PU8Y", 2, 0},
    {"chromium156-audio-recvonly-nogum.sdp", 111, 4, 1, "0", "chMU", 0, 2},
    {"chromium156-first-packets.sdp", 111, 4, 1, "0", "joGx", 0, 0},
    {"firefox-esr153-audio-gum-loopback.sdp", 109, 3, 1, "0", NULL, 0, 8},
    {"firefox-esr153-audio-gum-nomdns.sdp", 109, 3, 1, "0", "c2be5b07", 2, 6},
    {"firefox-esr153-audio-gum.sdp", 109, 3, 1, "0", "11d3bc6d", 0, 8},
    {"firefox-esr153-audio-nogum-loopback.sdp", 109, 3, 1, "0", "4d672630", 0, 8},
    {"firefox-esr153-audio-nogum-nomdns.sdp", 109, 3, 1, "0", "421f1732", 2, 6},
    {"firefox-esr153-audio-nogum.sdp", 109, 3, 1, "0", "1655cba1", 0, 8},
    {"firefox153-first-packets.sdp", 109, 3, 1, "0", "93723765", 0, 0},
    {"gst122-webrtcbin-offer.sdp", 111, 0, 0, "audio0", "RAGhWyPYLNqWkeEzpOi0XKBosyvxAgdy", 0, 0},
    {"node-datachannel-offer.sdp", 111, 0, 0, "0", "uWCO", 0, 0},
    {"roamhq-wrtc-offer.sdp", 111, 4, 1, "0", "97Fh", 0, 0},
    {"werift-offer.sdp", 111, 0, 0, "0", "23ed", 1, 0},
};

static void check_answer(const struct expected *e)
{
    char line[128];
    struct sup_sdp_answer_opts opts = answer_opts();
    answer(&opts);
    snprintf(line, sizeof(line), "\r\nm=audio 9 UDP/TLS/RTP/SAVPF %u\r\n", e->pt);
    ck_assert(has(line));
    snprintf(line, sizeof(line), "\r\na=rtpmap:%u opus/48000/2\r\n", e->pt);
    ck_assert(has(line));
    snprintf(line, sizeof(line), "\r\na=group:BUNDLE %s\r\n", e->mid_name);
    ck_assert(has(line));
    snprintf(line, sizeof(line), "\r\na=mid:%s\r\n", e->mid_name);
    ck_assert(has(line));
    snprintf(line, sizeof(line), "a=extmap:%u urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n",
             e->level);
    ck_assert(has(line) == (e->level != 0));
    snprintf(line, sizeof(line), "a=extmap:%u urn:ietf:params:rtp-hdrext:sdes:mid\r\n", e->mid);
    ck_assert(has(line) == (e->mid != 0));
    ck_assert(has("\r\na=setup:passive\r\n") && has("\r\na=rtcp-mux\r\n"));
    ck_assert(has("\r\na=sendrecv\r\n") && has("\r\na=ssrc:4711 cname:leg\r\n"));
    ck_assert(has("\r\na=fingerprint:sha-256 AB:CD:00:00:"));
    ck_assert(!has("red/") && !has("telephone-event") && !has("transport-cc"));
    for (const char *p = strchr(text, '\n'); p; p = strchr(p + 1, '\n'))
        ck_assert(p[-1] == '\r');
}

START_TEST(every_captured_offer_parses_and_is_answered)
{
    size_t files = 0;
    char path[512];
    snprintf(path, sizeof(path), "%s/sdp", SUP_TEST_VECTORS);
    DIR *dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    for (const struct dirent *d = readdir(dir); d; d = readdir(dir))
        files += strstr(d->d_name, ".sdp") != NULL;
    closedir(dir);
    ck_assert_uint_eq(files, sizeof(table) / sizeof(table[0]));
    for (size_t i = 0; i < files; i++) {
        const struct expected *e = &table[i];
        load(e->file);
        ck_assert_msg(parse(text) == SUP_OK, "%s: %s line %u", e->file,
                      sup_sdp_code_name(error.code), error.line);
        ck_assert_uint_eq(offer.opus.payload_type, e->pt);
        ck_assert_uint_eq(offer.ext_mid, e->mid);
        ck_assert_uint_eq(offer.ext_audio_level, e->level);
        ck_assert_str_eq(offer.media[0].mid, e->mid_name);
        if (e->ufrag)
            ck_assert_str_eq(offer.ufrag, e->ufrag);
        ck_assert_uint_eq(offer.candidate_count, e->candidates);
        ck_assert_uint_eq(offer.candidates_dropped, e->dropped);
        ck_assert(offer.bundle);
        ck_assert_int_eq(offer.direction, SUP_SDP_SENDRECV);
        ck_assert_uint_eq(offer.fingerprint.len, 32);
        check_answer(e);
    }
}
END_TEST

START_TEST(chromium_in_detail)
{
    load("chromium156-audio-gum.sdp");
    ck_assert_int_eq(parse(text), SUP_OK);
    ck_assert_str_eq(offer.pwd, "F+uviqcGDMpDo1DG2LxPNRtR");
    ck_assert(offer.opus.inband_fec && !offer.opus.dtx && !offer.opus.stereo);
    ck_assert(offer.rtcp_rsize && offer.trickle && !offer.ice_lite && !offer.end_of_candidates);
    ck_assert_int_eq(offer.setup, SUP_SDP_ACTPASS);
    ck_assert_uint_eq(offer.fingerprint.digest[0], 0xDB);
    ck_assert_uint_eq(offer.fingerprint.digest[31], 0xEC);
    ck_assert(offer.has_ssrc && offer.ssrc == 1487630288);
    ck_assert_str_eq(offer.candidates[1].address, "fd00::2");
    load("chromium156-answer.sdp");
    ck_assert_int_eq(parse(text), SUP_OK);
    ck_assert_int_eq(offer.setup, SUP_SDP_ACTIVE);
}
END_TEST

START_TEST(firefox_in_detail)
{
    /* fingerprint and ice-options stand in the session, fmtp before rtpmap. */
    load("firefox-esr153-audio-gum-nomdns.sdp");
    ck_assert_int_eq(parse(text), SUP_OK);
    ck_assert(offer.opus.stereo && offer.opus.inband_fec && offer.trickle);
    ck_assert_uint_eq(offer.opus.max_playback_rate, 48000);
    ck_assert(offer.end_of_candidates && !offer.rtcp_rsize);
}
END_TEST

/* A minimal offer; each test replaces or adds a line. */
static const char *const lines[] = {
    "v=0",
    "o=- 1 1 IN IP4 0.0.0.0",
    "s=-",
    "t=0 0",
    "a=group:BUNDLE 0",
    "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
    "c=IN IP4 0.0.0.0",
    "a=mid:0",
    "a=rtpmap:111 opus/48000/2",
    "a=rtcp-mux",
    "a=ice-ufrag:abcd",
    "a=ice-pwd:0123456789012345678901",
    "a=fingerprint:sha-256 " FP,
    "a=setup:actpass",
};

/* The offer with every line that starts with instead_of replaced ("" removes it), or, with
 * instead_of NULL, with line added at the end. */
static sup_err parse_with(const char *instead_of, const char *line)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        bool hit = instead_of && strncmp(lines[i], instead_of, strlen(instead_of)) == 0;
        const char *use = hit ? line : lines[i];
        if (*use)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\r\n", use);
    }
    if (!instead_of)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s\r\n", line);
    return parse(text);
}

START_TEST(each_refusal_has_its_code_and_line)
{
    static const struct {
        const char *instead_of, *line;
        sup_err err;
        enum sup_sdp_code code;
        unsigned at;
    } cases[] = {
        {"v=0", "v=1", SUP_E_MALFORMED, SUP_SDP_SYNTAX, 1},
        {"v=0", "", SUP_E_MALFORMED, SUP_SDP_SYNTAX, 1},
        {"s=", "hello", SUP_E_MALFORMED, SUP_SDP_SYNTAX, 3},
        {"s=", "s=a\001b", SUP_E_MALFORMED, SUP_SDP_SYNTAX, 3},
        {"s=", "S=-", SUP_E_MALFORMED, SUP_SDP_SYNTAX, 3},
        {"m=", "m=audio 9", SUP_E_MALFORMED, SUP_SDP_SYNTAX, 6},
        {"m=", "m=audio 70000 UDP/TLS/RTP/SAVPF 111", SUP_E_MALFORMED, SUP_SDP_SYNTAX, 6},
        {"m=", "m=video 9 UDP/TLS/RTP/SAVPF 111", SUP_E_UNSUPPORTED, SUP_SDP_NO_AUDIO, 0},
        {"m=", "m=audio 0 UDP/TLS/RTP/SAVPF 111", SUP_E_UNSUPPORTED, SUP_SDP_NO_AUDIO, 0},
        {"m=", "m=audio 9 RTP/AVP 111", SUP_E_UNSUPPORTED, SUP_SDP_NO_AUDIO, 0},
        {"m=", "", SUP_E_UNSUPPORTED, SUP_SDP_NO_AUDIO, 0},
        {"a=rtpmap", "a=rtpmap:111 PCMU/8000", SUP_E_UNSUPPORTED, SUP_SDP_NO_OPUS, 0},
        {"a=rtpmap", "a=rtpmap:111 opus/16000/2", SUP_E_UNSUPPORTED, SUP_SDP_NO_OPUS, 0},
        {"a=rtpmap", "a=rtpmap:72 opus/48000/2", SUP_E_MALFORMED, SUP_SDP_BAD_PAYLOAD_TYPE, 9},
        {"a=rtpmap", "a=rtpmap:128 opus/48000/2", SUP_E_MALFORMED, SUP_SDP_BAD_PAYLOAD_TYPE, 9},
        {"a=rtpmap", "a=rtpmap:112 opus/48000/2", SUP_E_MALFORMED, SUP_SDP_BAD_PAYLOAD_TYPE, 9},
        {"a=rtcp-mux", "", SUP_E_UNSUPPORTED, SUP_SDP_NO_RTCP_MUX, 0},
        {"a=fing", "", SUP_E_MALFORMED, SUP_SDP_NO_FINGERPRINT, 0},
        {"a=fing", "a=fingerprint:sha-1 AB:CD", SUP_E_MALFORMED, SUP_SDP_BAD_FINGERPRINT, 13},
        {"a=fing", "a=fingerprint:sha-256 AB:CD", SUP_E_MALFORMED, SUP_SDP_BAD_FINGERPRINT, 13},
        {"a=fing", "a=fingerprint:sha-512 " FP, SUP_E_MALFORMED, SUP_SDP_BAD_FINGERPRINT, 13},
        {"a=setup", "", SUP_E_MALFORMED, SUP_SDP_BAD_SETUP, 0},
        {"a=setup", "a=setup:passive", SUP_E_MALFORMED, SUP_SDP_BAD_SETUP, 14},
        {"a=ice-ufrag", "", SUP_E_MALFORMED, SUP_SDP_BAD_UFRAG, 0},
        {"a=ice-ufrag", "a=ice-ufrag:abc", SUP_E_MALFORMED, SUP_SDP_BAD_UFRAG, 11},
        {"a=ice-ufrag", "a=ice-ufrag:ab:d", SUP_E_MALFORMED, SUP_SDP_BAD_UFRAG, 11},
        {"a=ice-pwd", "", SUP_E_MALFORMED, SUP_SDP_BAD_PWD, 0},
        {"a=ice-pwd", "a=ice-pwd:012345678901234567890", SUP_E_MALFORMED, SUP_SDP_BAD_PWD, 12},
        {"a=mid", "a=mid:", SUP_E_MALFORMED, SUP_SDP_BAD_MID, 8},
        {"a=mid", "a=mid:a b", SUP_E_MALFORMED, SUP_SDP_BAD_MID, 8},
        {NULL, "a=mid:1", SUP_E_MALFORMED, SUP_SDP_BAD_MID, 15},
        {NULL, "a=candidate:1 1 udp", SUP_E_MALFORMED, SUP_SDP_BAD_CANDIDATE, 15},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sup_sdp_offer before = offer;
        sup_err err = parse_with(cases[i].instead_of, cases[i].line);
        ck_assert_msg(
            err == cases[i].err && error.code == cases[i].code && error.line == cases[i].at,
            "%s: %d %s line %u", cases[i].line, err, sup_sdp_code_name(error.code), error.line);
        ck_assert_int_eq(memcmp(&before, &offer, sizeof(offer)), 0);
    }
}
END_TEST

START_TEST(sizes_are_limited)
{
    char line[SUP_SDP_LINE_MAX + 10];
    memset(line, 'x', sizeof(line) - 1);
    memcpy(line, "a=", 2);
    line[sizeof(line) - 1] = '\0';
    ck_assert_int_eq(parse_with(NULL, line), SUP_E_LIMIT);
    ck_assert_int_eq(error.code, SUP_SDP_TOO_LARGE);
    line[SUP_SDP_LINE_MAX] = '\0';
    ck_assert_int_eq(parse_with(NULL, line), SUP_OK);
    memset(text, 'x', sizeof(text));
    ck_assert_int_eq(sup_sdp_parse_offer(text, SUP_SDP_SIZE_MAX + 1, &offer, &error), SUP_E_LIMIT);
    ck_assert_int_eq(sup_sdp_parse_offer(text, 0, &offer, NULL), SUP_E_MALFORMED);
    size_t n = (size_t)sprintf(text, "v=0\n");
    for (int i = 0; i < SUP_SDP_MEDIA_MAX + 1; i++)
        n += (size_t)sprintf(text + n, "m=video 9 X %d\n", i);
    ck_assert_int_eq(parse(text), SUP_E_LIMIT);
}
END_TEST

START_TEST(candidates_are_limited_and_deduplicated)
{
    ck_assert_int_eq(parse_with("v=0", "v=0"), SUP_OK);
    size_t n = strlen(text);
    for (unsigned i = 0; i < 30; i++)
        n += (size_t)sprintf(text + n, "a=candidate:1 1 udp 5 10.0.0.%u 9 typ host\r\n", i + 1);
    n += (size_t)sprintf(text + n, "a=candidate:2 1 udp 5 10.0.0.1 9 typ host\r\n");
    ck_assert_int_eq(parse(text), SUP_OK);
    ck_assert_uint_eq(offer.candidate_count, SUP_SDP_CANDIDATES_MAX);
    ck_assert_uint_eq(offer.candidates_dropped, 31 - SUP_SDP_CANDIDATES_MAX);
    ck_assert_int_eq(parse_with(NULL, "a=candidate:1 1 udp 5 10.0.0.1 9 typ host ufrag other"),
                     SUP_OK);
    ck_assert_uint_eq(offer.candidate_count, 0);
    ck_assert_uint_eq(offer.candidates_dropped, 1);
}
END_TEST

START_TEST(extensions_need_usable_ids)
{
    ck_assert_int_eq(parse_with(NULL, "a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                                      "a=extmap:3 urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
                     SUP_E_MALFORMED);
    ck_assert_int_eq(error.code, SUP_SDP_BAD_EXTMAP);
    ck_assert_int_eq(parse_with(NULL,
                                "a=extmap:15 urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
                                "a=extmap:4/recvonly urn:ietf:params:rtp-hdrext:ssrc-audio-level"),
                     SUP_OK);
    ck_assert_uint_eq(offer.ext_mid, 0);
    ck_assert_uint_eq(offer.ext_audio_level, 0);
    ck_assert_int_eq(
        parse_with(NULL, "a=extmap:200 urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on"),
        SUP_OK);
    ck_assert_uint_eq(offer.ext_audio_level, 200);
}
END_TEST

START_TEST(the_media_level_goes_before_the_session)
{
    ck_assert_int_eq(parse_with("a=group",
                                "a=group:BUNDLE 0\r\na=sendonly\r\na=fingerprint:sha-384 " FP
                                ":AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA"),
                     SUP_OK);
    ck_assert_int_eq(offer.fingerprint.hash, SUP_SDP_SHA256);
    ck_assert_int_eq(offer.direction, SUP_SDP_SENDONLY);
    ck_assert_int_eq(parse_with(NULL, "a=inactive\r\na=fingerprint:md5 AA"), SUP_OK);
    ck_assert_int_eq(offer.direction, SUP_SDP_INACTIVE);
    ck_assert_uint_eq(offer.fingerprint.digest[0], 0xAB);
}
END_TEST

START_TEST(only_one_audio_line_is_taken)
{
    ck_assert_int_eq(parse_with("a=group", "a=group:BUNDLE v 0 d\r\n"
                                           "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:v\r\n"
                                           "a=ice-ufrag:zzzz\r\na=setup:passive"),
                     SUP_OK);
    size_t n = strlen(text);
    strcpy(text + n, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:second\r\n"
                     "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n");
    ck_assert_int_eq(parse(text), SUP_OK);
    ck_assert_uint_eq(offer.media_count, 4);
    ck_assert_uint_eq(offer.audio, 1);
    ck_assert_str_eq(offer.ufrag, "abcd"); /* not the video's */
    struct sup_sdp_answer_opts opts = answer_opts();
    answer(&opts);
    ck_assert(has("a=group:BUNDLE 0\r\n"));
    ck_assert(has("m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=inactive\r\n"
                  "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"));
    ck_assert(has("m=audio 0 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:second\r\n"
                  "a=inactive\r\nm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
}
END_TEST

START_TEST(line_feeds_alone_are_enough)
{
    size_t n = 0;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        n += (size_t)sprintf(text + n, "%s\n", lines[i]);
    ck_assert_int_eq(parse(text), SUP_OK);
    text[n - 1] = '\0'; /* no end of the last line */
    ck_assert_int_eq(parse(text), SUP_OK);
    ck_assert_int_eq(offer.setup, SUP_SDP_ACTPASS);
}
END_TEST

START_TEST(directions_meet)
{
    static const enum sup_sdp_direction expect[4][2] = {
        /* offered; wanted sendrecv, wanted sendonly */
        [SUP_SDP_INACTIVE] = {SUP_SDP_INACTIVE, SUP_SDP_INACTIVE},
        [SUP_SDP_SENDONLY] = {SUP_SDP_RECVONLY, SUP_SDP_INACTIVE},
        [SUP_SDP_RECVONLY] = {SUP_SDP_SENDONLY, SUP_SDP_SENDONLY},
        [SUP_SDP_SENDRECV] = {SUP_SDP_SENDRECV, SUP_SDP_SENDONLY},
    };
    for (unsigned o = 0; o < 4; o++) {
        ck_assert_int_eq(sup_sdp_answer_direction(o, SUP_SDP_SENDRECV), expect[o][0]);
        ck_assert_int_eq(sup_sdp_answer_direction(o, SUP_SDP_SENDONLY), expect[o][1]);
    }
    ck_assert_int_eq(parse_with(NULL, "a=sendonly"), SUP_OK);
    struct sup_sdp_answer_opts opts = answer_opts();
    answer(&opts);
    ck_assert(has("\r\na=recvonly\r\n") && !has("a=ssrc:") && !has("a=msid:"));
}
END_TEST

START_TEST(answers_follow_the_options)
{
    struct sup_candidate c;
    const char *line = "candidate:1 1 udp 2122260223 10.77.0.1 50000 typ host";
    ck_assert_int_eq(sup_candidate_parse(line, strlen(line), &c), SUP_OK);
    ck_assert_int_eq(parse_with("a=mid", "a=rtcp-rsize"), SUP_OK);
    struct sup_sdp_answer_opts opts = answer_opts();
    opts.candidates = &c;
    opts.candidate_count = 1;
    opts.end_of_candidates = true;
    opts.max_average_bitrate = 32000;
    opts.dtx = true;
    opts.ptime_ms = 40;
    answer(&opts);
    ck_assert(has("a=fmtp:111 minptime=10;useinbandfec=1;usedtx=1;stereo=0;maxaveragebitrate=32000"
                  "\r\na=ptime:40\r\na=maxptime:60\r\n"));
    ck_assert(has("\r\na=candidate:1 1 udp 2122260223 10.77.0.1 50000 typ host\r\n"
                  "a=end-of-candidates\r\n"));
    ck_assert(has("o=- 7 1 IN IP4 127.0.0.1\r\n") && has("a=rtcp-rsize") && !has("a=mid"));
    ck_assert(!has("BUNDLE")); /* the group named a mid that no m-line has */
    opts.no_fec = true;
    answer(&opts);
    ck_assert(has("useinbandfec=0;usedtx=1"));
}
END_TEST

START_TEST(bad_options_and_full_buffers_change_nothing)
{
    ck_assert_int_eq(parse_with("v=0", "v=0"), SUP_OK);
    struct sup_buf out;
    sup_buf_init(&out, 8192);
    ck_assert_int_eq(sup_buf_adds(&out, "before"), SUP_OK);
    for (int i = 0; i < 9; i++) {
        struct sup_sdp_answer_opts o = answer_opts();
        struct sup_sdp_fingerprint short_one = {SUP_SDP_SHA256, 20, {0}};
        o.ufrag = i == 0 ? "abc" : o.ufrag;
        o.pwd = i == 1 ? "short" : o.pwd;
        o.cname = i == 2 ? "a\r\nb" : i == 3 ? "" : o.cname;
        o.max_average_bitrate = i == 4 ? 5999 : 0;
        o.ptime_ms = i == 5 ? 80 : 0; /* over maxptime */
        o.max_ptime_ms = i == 6 ? 121 : 0;
        o.fingerprint = i == 7 ? &short_one : o.fingerprint;
        o.candidate_count = i == 8;
        ck_assert_int_eq(sup_sdp_write_answer(&offer, &o, &out), SUP_E_INVAL);
    }
    struct sup_sdp_answer_opts o = answer_opts();
    ck_assert_str_eq(out.data, "before");
    out.max_len = 300;
    ck_assert_int_eq(sup_sdp_write_answer(&offer, &o, &out), SUP_E_LIMIT);
    ck_assert_str_eq(out.data, "before");
    ck_assert_uint_eq(out.len, 6);
    sup_buf_fini(&out);
    sup_err err = SUP_E_NOMEM;
    for (size_t n = 1; err == SUP_E_NOMEM; n++) {
        sup_buf_init(&out, 8192);
        sup_mem_fail_at(n);
        err = sup_sdp_write_answer(&offer, &o, &out);
        ck_assert(err == SUP_OK || err == SUP_E_NOMEM);
        ck_assert(err == SUP_OK || out.len == 0);
        sup_mem_fail_at(0);
        sup_buf_fini(&out);
    }
}
END_TEST

START_TEST(every_code_has_a_name_and_a_sentence)
{
    for (unsigned c = 0; c < SUP_SDP_CODE_COUNT; c++) {
        ck_assert_ptr_nonnull(sup_sdp_code_name(c));
        ck_assert_ptr_nonnull(sup_sdp_code_text(c));
        for (unsigned d = 0; d < c; d++)
            ck_assert_str_ne(sup_sdp_code_name(c), sup_sdp_code_name(d));
    }
    ck_assert_str_eq(sup_sdp_code_name(SUP_SDP_NO_OPUS), "sdp_no_opus");
    ck_assert_str_eq(sup_sdp_code_name(SUP_SDP_CODE_COUNT), "unknown");
}
END_TEST

SUP_CHECK_MAIN("sdp", NULL, NULL, every_captured_offer_parses_and_is_answered, chromium_in_detail,
               firefox_in_detail, each_refusal_has_its_code_and_line, sizes_are_limited,
               candidates_are_limited_and_deduplicated, extensions_need_usable_ids,
               the_media_level_goes_before_the_session, only_one_audio_line_is_taken,
               line_feeds_alone_are_enough, directions_meet, answers_follow_the_options,
               bad_options_and_full_buffers_change_nothing, every_code_has_a_name_and_a_sentence)
