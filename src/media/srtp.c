#include "supportd/media/srtp.h"

#include <assert.h>
#include <srtp2/srtp.h>
#include <string.h>

#include "supportd/base/mem.h"
#include "supportd/media/srtp_gcm.h"

enum {
    RTP_HEADER_LEN = 12,
    RTCP_HEADER_LEN = 8,
    PACKET_MAX = 65535,
    MASTER_KEY_LEN = 16,
    GCM_SALT_LEN = 12,
    CM_SALT_LEN = 14,
};

/* SSRCs that already have state in a libsrtp session: its own list would grow without bound. */
struct ssrc_set {
    uint32_t ssrc[SUP_SRTP_STREAMS];
    size_t count;
};

struct sup_srtp {
    enum sup_srtp_profile profile;
    srtp_t send, recv; /* where there is no gcm */
    struct sup_srtp_gcm *gcm_send, *gcm_recv, *gcm_send_rtcp, *gcm_recv_rtcp;
    struct sup_srtp_stats stats; /* without what the gcm ones count themselves */
    struct ssrc_set send_rtp, send_rtcp, recv_rtp, recv_rtcp;
};

typedef srtp_err_status_t (*transform_fn)(srtp_t session, void *pkt, int *len);

sup_err sup_srtp_setup(void)
{
    return srtp_init() == srtp_err_status_ok ? SUP_OK : SUP_E_CRYPTO;
}

void sup_srtp_teardown(void)
{
    (void)srtp_shutdown();
}

static sup_err open_session(const struct sup_srtp_opts *opts, const struct sup_srtp_master *master,
                            srtp_ssrc_type_t direction, srtp_t *ret_session)
{
    unsigned char key[MASTER_KEY_LEN + CM_SALT_LEN];
    bool gcm = opts->keys.profile == SUP_SRTP_GCM_128;
    srtp_policy_t policy;
    memset(&policy, 0, sizeof(policy));
    if (gcm) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtp);
        srtp_crypto_policy_set_aes_cm_128_hmac_sha1_80(&policy.rtcp);
    }
    memcpy(key, master->key, MASTER_KEY_LEN);
    memcpy(key + MASTER_KEY_LEN, master->salt, gcm ? GCM_SALT_LEN : CM_SALT_LEN);
    policy.ssrc.type = direction;
    policy.key = key;
    policy.window_size = opts->window ? opts->window : SUP_SRTP_WINDOW_MIN;
    srtp_err_status_t status = srtp_create(ret_session, &policy);
    sup_wipe(key, sizeof(key));
    return status == srtp_err_status_ok ? SUP_OK : SUP_E_CRYPTO;
}

static sup_err open_gcm(const struct sup_srtp_master *master, struct sup_srtp_gcm_opts gcm,
                        struct sup_srtp_gcm **ret_gcm)
{
    sup_err err = sup_srtp_gcm_derive(master->key, master->salt, gcm.kind, &gcm.keys);
    if (err == SUP_OK)
        err = sup_srtp_gcm_create(&gcm, ret_gcm);
    sup_wipe(&gcm, sizeof(gcm));
    return err;
}

static sup_err open_openssl(struct sup_srtp *srtp, const struct sup_srtp_opts *opts)
{
    const struct sup_srtp_gcm_opts rtp = {.kind = SUP_SRTP_GCM_RTP, .window = opts->window};
    const struct sup_srtp_gcm_opts rtcp = {.kind = SUP_SRTP_GCM_RTCP};
    struct sup_srtp_gcm_opts rtp_send = rtp, rtcp_send = rtcp;
    rtp_send.send = rtcp_send.send = true;
    sup_err err = open_gcm(&opts->keys.send, rtp_send, &srtp->gcm_send);
    if (err == SUP_OK)
        err = open_gcm(&opts->keys.recv, rtp, &srtp->gcm_recv);
    if (err == SUP_OK)
        err = open_gcm(&opts->keys.send, rtcp_send, &srtp->gcm_send_rtcp);
    return err == SUP_OK ? open_gcm(&opts->keys.recv, rtcp, &srtp->gcm_recv_rtcp) : err;
}

static sup_err open_libsrtp(struct sup_srtp *srtp, const struct sup_srtp_opts *opts)
{
    sup_err err = open_session(opts, &opts->keys.send, ssrc_any_outbound, &srtp->send);
    return err == SUP_OK ? open_session(opts, &opts->keys.recv, ssrc_any_inbound, &srtp->recv)
                         : err;
}

bool sup_srtp_window_ok(unsigned window)
{
    return window == 0 ||
           (window >= SUP_SRTP_WINDOW_MIN && window <= SUP_SRTP_WINDOW_MAX && window % 64 == 0);
}

static bool opts_ok(const struct sup_srtp_opts *opts)
{
    enum sup_srtp_profile profile = opts->keys.profile;
    return (profile == SUP_SRTP_GCM_128 || profile == SUP_SRTP_CM_80) &&
           sup_srtp_window_ok(opts->window);
}

sup_err sup_srtp_create(const struct sup_srtp_opts *opts, struct sup_srtp **ret_srtp)
{
    assert(opts && ret_srtp);
    if (!opts_ok(opts))
        return SUP_E_INVAL;
    struct sup_srtp *srtp = sup_calloc(1, sizeof(*srtp));
    if (!srtp)
        return SUP_E_NOMEM;
    srtp->profile = opts->keys.profile;
    bool openssl = srtp->profile == SUP_SRTP_GCM_128 && !opts->libsrtp_only;
    sup_err err = openssl ? open_openssl(srtp, opts) : open_libsrtp(srtp, opts);
    if (err != SUP_OK) {
        sup_srtp_destroy(srtp);
        return err;
    }
    *ret_srtp = srtp;
    return SUP_OK;
}

void sup_srtp_destroy(struct sup_srtp *srtp)
{
    if (!srtp)
        return;
    sup_srtp_gcm_destroy(srtp->gcm_send);
    sup_srtp_gcm_destroy(srtp->gcm_recv);
    sup_srtp_gcm_destroy(srtp->gcm_send_rtcp);
    sup_srtp_gcm_destroy(srtp->gcm_recv_rtcp);
    if (srtp->send)
        (void)srtp_dealloc(srtp->send);
    if (srtp->recv)
        (void)srtp_dealloc(srtp->recv);
    sup_free(srtp);
}

enum sup_srtp_profile sup_srtp_profile_of(const struct sup_srtp *srtp)
{
    return srtp->profile;
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool knows(const struct ssrc_set *set, uint32_t ssrc)
{
    for (size_t i = 0; i < set->count; i++) {
        if (set->ssrc[i] == ssrc)
            return true;
    }
    return false;
}

static sup_err from_status(srtp_err_status_t status)
{
    switch (status) {
    case srtp_err_status_ok:
        return SUP_OK;
    case srtp_err_status_replay_fail:
        return SUP_E_CONFLICT;
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
        return SUP_E_TIMEOUT;
    case srtp_err_status_bad_param:
    case srtp_err_status_parse_err:
        return SUP_E_MALFORMED;
    case srtp_err_status_auth_fail:
    case srtp_err_status_cipher_fail: /* GCM: the tag does not fit */
        return SUP_E_DENIED;
    default:
        return SUP_E_CRYPTO;
    }
}

/* Runs fn with the SSRC limit around it. min_len: shortest legal packet; ssrc_at: where it is. */
static sup_err transform(transform_fn fn, srtp_t session, struct ssrc_set *set, uint8_t *pkt,
                         size_t len, size_t min_len, size_t ssrc_at, size_t *ret_len)
{
    if (len < min_len || len > PACKET_MAX || pkt[0] >> 6 != 2)
        return SUP_E_MALFORMED;
    uint32_t ssrc = read_u32(pkt + ssrc_at);
    bool known = knows(set, ssrc);
    if (!known && set->count == SUP_SRTP_STREAMS)
        return SUP_E_LIMIT;
    int n = (int)len;
    sup_err err = from_status(fn(session, pkt, &n));
    if (err != SUP_OK)
        return err;
    if (!known)
        set->ssrc[set->count++] = ssrc;
    *ret_len = (size_t)n;
    return SUP_OK;
}

/* Sending: both replay verdicts mean that the index must not be used again. */
static sup_err sending(sup_err err)
{
    if (err == SUP_E_TIMEOUT)
        return SUP_E_CONFLICT;
    return err == SUP_E_DENIED ? SUP_E_CRYPTO : err;
}

sup_err sup_srtp_protect_rtp(struct sup_srtp *srtp, uint8_t *pkt, size_t len, size_t cap,
                             size_t *ret_len)
{
    assert(srtp && pkt && ret_len);
    if (cap < len + SUP_SRTP_ROOM)
        return SUP_E_LIMIT;
    if (srtp->gcm_send)
        return sup_srtp_gcm_protect(srtp->gcm_send, pkt, len, cap, ret_len);
    return sending(
        transform(srtp_protect, srtp->send, &srtp->send_rtp, pkt, len, RTP_HEADER_LEN, 8, ret_len));
}

sup_err sup_srtp_protect_rtcp(struct sup_srtp *srtp, uint8_t *pkt, size_t len, size_t cap,
                              size_t *ret_len)
{
    assert(srtp && pkt && ret_len);
    if (cap < len + SUP_SRTP_ROOM)
        return SUP_E_LIMIT;
    if (srtp->gcm_send_rtcp)
        return sup_srtp_gcm_protect_rtcp(srtp->gcm_send_rtcp, pkt, len, cap, ret_len);
    return sending(transform(srtp_protect_rtcp, srtp->send, &srtp->send_rtcp, pkt, len,
                             RTCP_HEADER_LEN, 4, ret_len));
}

static sup_err count_refusal(struct sup_srtp_stats *stats, sup_err err)
{
    switch (err) {
    case SUP_OK:
        break;
    case SUP_E_CONFLICT:
        stats->replayed++;
        break;
    case SUP_E_TIMEOUT:
        stats->too_old++;
        break;
    case SUP_E_LIMIT:
        stats->ssrc_limit++;
        break;
    case SUP_E_MALFORMED:
        stats->malformed++;
        break;
    default:
        stats->auth_fail++;
        return SUP_E_DENIED;
    }
    return err;
}

sup_err sup_srtp_unprotect_rtp(struct sup_srtp *srtp, uint8_t *pkt, size_t len, size_t *ret_len)
{
    assert(srtp && pkt && ret_len);
    if (srtp->gcm_recv)
        return sup_srtp_gcm_unprotect(srtp->gcm_recv, pkt, len, ret_len);
    return count_refusal(&srtp->stats, transform(srtp_unprotect, srtp->recv, &srtp->recv_rtp, pkt,
                                                 len, RTP_HEADER_LEN, 8, ret_len));
}

sup_err sup_srtp_unprotect_rtcp(struct sup_srtp *srtp, uint8_t *pkt, size_t len, size_t *ret_len)
{
    assert(srtp && pkt && ret_len);
    if (srtp->gcm_recv_rtcp)
        return sup_srtp_gcm_unprotect_rtcp(srtp->gcm_recv_rtcp, pkt, len, ret_len);
    return count_refusal(&srtp->stats, transform(srtp_unprotect_rtcp, srtp->recv, &srtp->recv_rtcp,
                                                 pkt, len, RTCP_HEADER_LEN, 4, ret_len));
}

void sup_srtp_warm(const struct sup_srtp *srtp, bool send, struct sup_warm *warm)
{
    const struct sup_srtp_gcm *gcm = send ? srtp->gcm_send : srtp->gcm_recv;
    sup_warm_add(warm, srtp, offsetof(struct sup_srtp, stats));
    if (gcm)
        sup_srtp_gcm_warm(gcm, warm);
}

static void add_stats(const struct sup_srtp_gcm *gcm, struct sup_srtp_stats *sum)
{
    struct sup_srtp_gcm_stats stats;
    sup_srtp_gcm_get_stats(gcm, &stats);
    sum->auth_fail += stats.auth_fail;
    sum->replayed += stats.replayed;
    sum->too_old += stats.too_old;
    sum->malformed += stats.malformed;
    sum->ssrc_limit += stats.ssrc_limit;
}

void sup_srtp_get_stats(const struct sup_srtp *srtp, struct sup_srtp_stats *ret_stats)
{
    *ret_stats = srtp->stats;
    if (!srtp->gcm_recv)
        return;
    add_stats(srtp->gcm_recv, ret_stats);
    add_stats(srtp->gcm_recv_rtcp, ret_stats);
}
