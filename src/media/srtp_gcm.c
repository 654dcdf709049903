#include "supportd/media/srtp_gcm.h"

#include <assert.h>
#include <openssl/evp.h>
#include <string.h>

#include "supportd/base/mem.h"

enum {
    RTP_HEADER_LEN = 12,
    RTCP_HEADER_LEN = 8,
    RTCP_TRAILER_LEN = 4, /* E flag and index behind the tag */
    IV_LEN = 12,
    SEQ_MEDIAN = 1 << 15, /* half of the sequence number space, RFC 3711 section 3.3.1 */
    LABEL_RTP_KEY = 0,
    LABEL_RTP_SALT = 2,
    LABEL_RTCP_KEY = 3,
    LABEL_RTCP_SALT = 5,
    WINDOW_WORDS = SUP_SRTP_WINDOW_MAX / 64,
    PACKET_MAX = 65535,
    CIPHER_LEN = 192, /* of OpenSSL's context, about */
};

/* 2^48 packets under one key, RFC 3711 section 9.2. */
static const uint64_t index_max = ((uint64_t)1 << 48) - 1;
/* SRTCP: one bit for "encrypted", 31 for the index, which never wraps. */
static const uint32_t rtcp_encrypted = (uint32_t)1 << 31, rtcp_index_max = ((uint32_t)1 << 31) - 1;

/* Receive and send state of one SSRC.
 *
 *   index - window + 1 ........ index
 *   [ seen bits, ring by index modulo window ]   everything left of it is too old */
struct stream {
    uint32_t ssrc;
    uint64_t index; /* highest so far. RTP: roll-over counter << 16 | sequence number */
    uint64_t seen[WINDOW_WORDS];
};

struct sup_srtp_gcm {
    EVP_CIPHER_CTX *ctx; /* keyed; only the IV changes per packet */
    uint8_t salt[SUP_SRTP_GCM_SALT_LEN];
    bool send;
    enum sup_srtp_gcm_kind kind;
    unsigned window; /* bits, multiple of 64 */
    size_t n_streams;
    struct stream streams[SUP_SRTP_GCM_STREAMS];
    struct sup_srtp_gcm_stats stats;
};

struct header {
    size_t len; /* with CSRCs and extension */
    uint16_t seq;
    uint32_t ssrc;
};

sup_err sup_srtp_kdf(const uint8_t key[16], const uint8_t *salt, size_t salt_len, uint8_t label,
                     uint8_t *ret_out, size_t out_len)
{
    assert(key && salt && ret_out && out_len <= PACKET_MAX);
    if (salt_len > SUP_SRTP_KDF_SALT_MAX)
        return SUP_E_INVAL;
    uint8_t iv[16] = {0};
    memcpy(iv, salt, salt_len);
    /* key_id = label || index (48 bits), right-aligned with the 14 bytes of salt: byte 7. */
    iv[7] ^= label;
    memset(ret_out, 0, out_len);
    sup_err err = SUP_E_CRYPTO;
    int n;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (ctx && EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), NULL, key, iv) == 1 &&
        EVP_EncryptUpdate(ctx, ret_out, &n, ret_out, (int)out_len) == 1)
        err = SUP_OK;
    EVP_CIPHER_CTX_free(ctx);
    sup_wipe(iv, sizeof(iv));
    return err;
}

sup_err sup_srtp_gcm_derive(const uint8_t master_key[SUP_SRTP_GCM_KEY_LEN],
                            const uint8_t master_salt[SUP_SRTP_GCM_SALT_LEN],
                            enum sup_srtp_gcm_kind kind, struct sup_srtp_gcm_keys *ret_keys)
{
    bool rtcp = kind == SUP_SRTP_GCM_RTCP;
    sup_err err =
        sup_srtp_kdf(master_key, master_salt, SUP_SRTP_GCM_SALT_LEN,
                     rtcp ? LABEL_RTCP_KEY : LABEL_RTP_KEY, ret_keys->key, sizeof(ret_keys->key));
    if (err == SUP_OK)
        err = sup_srtp_kdf(master_key, master_salt, SUP_SRTP_GCM_SALT_LEN,
                           rtcp ? LABEL_RTCP_SALT : LABEL_RTP_SALT, ret_keys->salt,
                           sizeof(ret_keys->salt));
    if (err != SUP_OK)
        sup_wipe(ret_keys, sizeof(*ret_keys));
    return err;
}

sup_err sup_srtp_gcm_create(const struct sup_srtp_gcm_opts *opts, struct sup_srtp_gcm **ret_gcm)
{
    assert(opts && ret_gcm);
    unsigned window = opts->window ? opts->window : SUP_SRTP_WINDOW_MIN;
    if (window < SUP_SRTP_WINDOW_MIN || window > SUP_SRTP_WINDOW_MAX || window % 64 != 0)
        return SUP_E_INVAL;
    struct sup_srtp_gcm *gcm = sup_calloc(1, sizeof(*gcm));
    if (!gcm)
        return SUP_E_NOMEM;
    memcpy(gcm->salt, opts->keys.salt, sizeof(gcm->salt));
    gcm->send = opts->send;
    gcm->kind = opts->kind;
    gcm->window = window;
    gcm->ctx = EVP_CIPHER_CTX_new();
    if (!gcm->ctx || EVP_CipherInit_ex(gcm->ctx, EVP_aes_128_gcm(), NULL, opts->keys.key, NULL,
                                       opts->send) != 1) {
        sup_srtp_gcm_destroy(gcm);
        return SUP_E_CRYPTO;
    }
    *ret_gcm = gcm;
    return SUP_OK;
}

void sup_srtp_gcm_destroy(struct sup_srtp_gcm *gcm)
{
    if (!gcm)
        return;
    EVP_CIPHER_CTX_free(gcm->ctx);
    sup_wipe(gcm, sizeof(*gcm));
    sup_free(gcm);
}

static uint32_t read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void write_u32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

static bool parse_header(const uint8_t *pkt, size_t len, struct header *ret)
{
    if (len < RTP_HEADER_LEN || len > PACKET_MAX || pkt[0] >> 6 != 2)
        return false;
    ret->len = RTP_HEADER_LEN + 4u * (pkt[0] & 0x0f);
    if (pkt[0] & 0x10) {
        if (len < ret->len + 4)
            return false;
        const uint8_t *ext = pkt + ret->len;
        ret->len += 4 + 4u * (size_t)(ext[2] << 8 | ext[3]);
    }
    ret->seq = (uint16_t)(pkt[2] << 8 | pkt[3]);
    ret->ssrc = read_u32(pkt + 8);
    return len >= ret->len;
}

static struct stream *find_stream(struct sup_srtp_gcm *gcm, uint32_t ssrc)
{
    for (size_t i = 0; i < gcm->n_streams; i++) {
        if (gcm->streams[i].ssrc == ssrc)
            return &gcm->streams[i];
    }
    return NULL;
}

/* The index nearest to the highest one seen whose low 16 bits are seq (RFC 3711 section 3.3.1);
 * within the first half cycle the roll-over counter is taken as 0. */
static uint64_t guess_index(uint64_t highest, uint16_t seq)
{
    uint64_t roc = highest >> 16;
    uint16_t local = (uint16_t)highest;
    if (highest <= SEQ_MEDIAN)
        return seq;
    if (local < SEQ_MEDIAN) {
        if ((int)seq - local > SEQ_MEDIAN)
            roc--;
    } else if ((int)local - SEQ_MEDIAN > seq) {
        roc++;
    }
    return roc << 16 | seq;
}

static uint64_t bit_of(uint64_t index)
{
    return (uint64_t)1 << (index % 64);
}

static uint64_t *word_of(struct stream *st, unsigned window, uint64_t index)
{
    return &st->seen[index % window / 64];
}

static sup_err check_replay(struct stream *st, unsigned window, uint64_t index)
{
    if (index > st->index)
        return SUP_OK;
    if (st->index - index >= window)
        return SUP_E_TIMEOUT;
    return *word_of(st, window, index) & bit_of(index) ? SUP_E_CONFLICT : SUP_OK;
}

static void mark_seen(struct stream *st, unsigned window, uint64_t index)
{
    if (index > st->index) {
        if (index - st->index >= window) {
            memset(st->seen, 0, sizeof(st->seen));
        } else {
            for (uint64_t i = st->index + 1; i < index; i++)
                *word_of(st, window, i) &= ~bit_of(i);
        }
        st->index = index;
    }
    *word_of(st, window, index) |= bit_of(index);
}

/* RFC 7714 section 8.1: 16 zero bits, SSRC, roll-over counter, sequence number, XOR salt. Section
 * 9.1 has 17 zero bits and the SRTCP index in place of the last two: the same 48 bits. */
static void make_iv(const struct sup_srtp_gcm *gcm, uint32_t ssrc, uint64_t index, uint8_t *iv)
{
    const uint8_t plain[IV_LEN] = {
        0,
        0,
        (uint8_t)(ssrc >> 24),
        (uint8_t)(ssrc >> 16),
        (uint8_t)(ssrc >> 8),
        (uint8_t)ssrc,
        (uint8_t)(index >> 40),
        (uint8_t)(index >> 32),
        (uint8_t)(index >> 24),
        (uint8_t)(index >> 16),
        (uint8_t)(index >> 8),
        (uint8_t)index,
    };
    for (size_t i = 0; i < IV_LEN; i++)
        iv[i] = plain[i] ^ gcm->salt[i];
}

/* What one packet is cut into; tail, with the length of an SRTCP trailer or 0, is authenticated
 * too. */
struct parts {
    uint8_t *pkt;
    size_t head, len; /* clear header; end of the text, where the tag is */
    const uint8_t *tail;
    size_t tail_len;
};

static sup_err seal(struct sup_srtp_gcm *gcm, const uint8_t *iv, const struct parts *p)
{
    int n;
    uint8_t *text = p->pkt + p->head, *tag = p->pkt + p->len;
    if (EVP_EncryptInit_ex(gcm->ctx, NULL, NULL, NULL, iv) != 1 ||
        EVP_EncryptUpdate(gcm->ctx, NULL, &n, p->pkt, (int)p->head) != 1 ||
        (p->tail_len > 0 &&
         EVP_EncryptUpdate(gcm->ctx, NULL, &n, p->tail, (int)p->tail_len) != 1) ||
        EVP_EncryptUpdate(gcm->ctx, text, &n, text, (int)(p->len - p->head)) != 1 ||
        EVP_EncryptFinal_ex(gcm->ctx, tag, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(gcm->ctx, EVP_CTRL_AEAD_GET_TAG, SUP_SRTP_GCM_TAG_LEN, tag) != 1)
        return SUP_E_CRYPTO;
    return SUP_OK;
}

static sup_err open_sealed(struct sup_srtp_gcm *gcm, const uint8_t *iv, const struct parts *p)
{
    int n;
    uint8_t *text = p->pkt + p->head, *tag = p->pkt + p->len;
    if (EVP_DecryptInit_ex(gcm->ctx, NULL, NULL, NULL, iv) != 1 ||
        EVP_DecryptUpdate(gcm->ctx, NULL, &n, p->pkt, (int)p->head) != 1 ||
        (p->tail_len > 0 &&
         EVP_DecryptUpdate(gcm->ctx, NULL, &n, p->tail, (int)p->tail_len) != 1) ||
        EVP_DecryptUpdate(gcm->ctx, text, &n, text, (int)(p->len - p->head)) != 1 ||
        EVP_CIPHER_CTX_ctrl(gcm->ctx, EVP_CTRL_AEAD_SET_TAG, SUP_SRTP_GCM_TAG_LEN, tag) != 1)
        return SUP_E_CRYPTO;
    return EVP_DecryptFinal_ex(gcm->ctx, tag, &n) == 1 ? SUP_OK : SUP_E_DENIED;
}

/* Finds or prepares (in *fresh) the state for ssrc; NULL when all places are taken. */
static struct stream *state_for(struct sup_srtp_gcm *gcm, uint32_t ssrc, struct stream *fresh)
{
    struct stream *st = find_stream(gcm, ssrc);
    if (st)
        return st;
    if (gcm->n_streams == SUP_SRTP_GCM_STREAMS)
        return NULL;
    *fresh = (struct stream){.ssrc = ssrc};
    return fresh;
}

static void keep_state(struct sup_srtp_gcm *gcm, struct stream *st, struct stream *fresh)
{
    if (st == fresh)
        gcm->streams[gcm->n_streams++] = *fresh;
}

static sup_err refuse(uint64_t *counter, sup_err err)
{
    (*counter)++;
    return err;
}

sup_err sup_srtp_gcm_protect(struct sup_srtp_gcm *gcm, uint8_t *pkt, size_t len, size_t cap,
                             size_t *ret_len)
{
    assert(gcm && gcm->send && gcm->kind == SUP_SRTP_GCM_RTP && pkt && ret_len);
    struct header h;
    struct stream fresh;
    if (!parse_header(pkt, len, &h))
        return refuse(&gcm->stats.malformed, SUP_E_MALFORMED);
    if (cap < len + SUP_SRTP_GCM_TAG_LEN)
        return SUP_E_LIMIT;
    struct stream *st = state_for(gcm, h.ssrc, &fresh);
    if (!st)
        return refuse(&gcm->stats.ssrc_limit, SUP_E_LIMIT);
    uint64_t index = guess_index(st->index, h.seq);
    sup_err err = check_replay(st, gcm->window, index);
    if (err != SUP_OK || index > index_max)
        return refuse(err == SUP_E_CONFLICT ? &gcm->stats.replayed : &gcm->stats.too_old,
                      SUP_E_CONFLICT);
    uint8_t iv[IV_LEN];
    make_iv(gcm, h.ssrc, index, iv);
    err = seal(gcm, iv, &(struct parts){.pkt = pkt, .head = h.len, .len = len});
    if (err != SUP_OK)
        return err;
    mark_seen(st, gcm->window, index);
    keep_state(gcm, st, &fresh);
    *ret_len = len + SUP_SRTP_GCM_TAG_LEN;
    return SUP_OK;
}

sup_err sup_srtp_gcm_unprotect(struct sup_srtp_gcm *gcm, uint8_t *pkt, size_t len, size_t *ret_len)
{
    assert(gcm && !gcm->send && gcm->kind == SUP_SRTP_GCM_RTP && pkt && ret_len);
    struct header h;
    struct stream fresh;
    if (!parse_header(pkt, len, &h) || len < h.len + SUP_SRTP_GCM_TAG_LEN)
        return refuse(&gcm->stats.malformed, SUP_E_MALFORMED);
    struct stream *st = state_for(gcm, h.ssrc, &fresh);
    if (!st)
        return refuse(&gcm->stats.ssrc_limit, SUP_E_LIMIT);
    uint64_t index = guess_index(st->index, h.seq);
    sup_err err = check_replay(st, gcm->window, index);
    if (err == SUP_E_CONFLICT)
        return refuse(&gcm->stats.replayed, err);
    if (err != SUP_OK || index > index_max)
        return refuse(&gcm->stats.too_old, SUP_E_TIMEOUT);
    uint8_t iv[IV_LEN];
    make_iv(gcm, h.ssrc, index, iv);
    size_t plain_len = len - SUP_SRTP_GCM_TAG_LEN;
    if (open_sealed(gcm, iv, &(struct parts){.pkt = pkt, .head = h.len, .len = plain_len}) !=
        SUP_OK)
        return refuse(&gcm->stats.auth_fail, SUP_E_DENIED);
    mark_seen(st, gcm->window, index);
    keep_state(gcm, st, &fresh);
    *ret_len = plain_len;
    return SUP_OK;
}

sup_err sup_srtp_gcm_protect_rtcp(struct sup_srtp_gcm *gcm, uint8_t *pkt, size_t len, size_t cap,
                                  size_t *ret_len)
{
    assert(gcm && gcm->send && gcm->kind == SUP_SRTP_GCM_RTCP && pkt && ret_len);
    struct stream fresh;
    if (len < RTCP_HEADER_LEN || len > PACKET_MAX || pkt[0] >> 6 != 2)
        return refuse(&gcm->stats.malformed, SUP_E_MALFORMED);
    if (cap < len + SUP_SRTP_GCM_TAG_LEN + RTCP_TRAILER_LEN)
        return SUP_E_LIMIT;
    uint32_t ssrc = read_u32(pkt + 4);
    struct stream *st = state_for(gcm, ssrc, &fresh);
    if (!st)
        return refuse(&gcm->stats.ssrc_limit, SUP_E_LIMIT);
    if (st->index == rtcp_index_max)
        return refuse(&gcm->stats.too_old, SUP_E_CONFLICT);
    uint8_t iv[IV_LEN], *tail = pkt + len + SUP_SRTP_GCM_TAG_LEN;
    make_iv(gcm, ssrc, st->index + 1, iv);
    write_u32(tail, rtcp_encrypted | (uint32_t)(st->index + 1));
    sup_err err = seal(gcm, iv,
                       &(struct parts){.pkt = pkt,
                                       .head = RTCP_HEADER_LEN,
                                       .len = len,
                                       .tail = tail,
                                       .tail_len = RTCP_TRAILER_LEN});
    if (err != SUP_OK)
        return err;
    st->index++;
    keep_state(gcm, st, &fresh);
    *ret_len = len + SUP_SRTP_GCM_TAG_LEN + RTCP_TRAILER_LEN;
    return SUP_OK;
}

sup_err sup_srtp_gcm_unprotect_rtcp(struct sup_srtp_gcm *gcm, uint8_t *pkt, size_t len,
                                    size_t *ret_len)
{
    assert(gcm && !gcm->send && gcm->kind == SUP_SRTP_GCM_RTCP && pkt && ret_len);
    struct stream fresh;
    if (len < RTCP_HEADER_LEN + SUP_SRTP_GCM_TAG_LEN + RTCP_TRAILER_LEN || len > PACKET_MAX ||
        pkt[0] >> 6 != 2)
        return refuse(&gcm->stats.malformed, SUP_E_MALFORMED);
    const uint8_t *tail = pkt + len - RTCP_TRAILER_LEN;
    uint32_t ssrc = read_u32(pkt + 4), trailer = read_u32(tail);
    uint64_t index = trailer & rtcp_index_max;
    struct stream *st = state_for(gcm, ssrc, &fresh);
    if (!st)
        return refuse(&gcm->stats.ssrc_limit, SUP_E_LIMIT);
    if (!(trailer & rtcp_encrypted)) /* nobody asked for reports in the clear */
        return refuse(&gcm->stats.auth_fail, SUP_E_DENIED);
    sup_err err = check_replay(st, gcm->window, index);
    if (err != SUP_OK)
        return refuse(err == SUP_E_CONFLICT ? &gcm->stats.replayed : &gcm->stats.too_old, err);
    uint8_t iv[IV_LEN];
    make_iv(gcm, ssrc, index, iv);
    struct parts parts = {.pkt = pkt,
                          .head = RTCP_HEADER_LEN,
                          .len = len - RTCP_TRAILER_LEN - SUP_SRTP_GCM_TAG_LEN,
                          .tail = tail,
                          .tail_len = RTCP_TRAILER_LEN};
    if (open_sealed(gcm, iv, &parts) != SUP_OK)
        return refuse(&gcm->stats.auth_fail, SUP_E_DENIED);
    mark_seen(st, gcm->window, index);
    keep_state(gcm, st, &fresh);
    *ret_len = parts.len;
    return SUP_OK;
}

void sup_srtp_gcm_warm(const struct sup_srtp_gcm *gcm, struct sup_warm *warm)
{
    sup_warm_add(warm, gcm, offsetof(struct sup_srtp_gcm, streams) + sizeof(gcm->streams[0]));
    sup_warm_add(warm, gcm->ctx, CIPHER_LEN);
}

void sup_srtp_gcm_get_stats(const struct sup_srtp_gcm *gcm, struct sup_srtp_gcm_stats *ret_stats)
{
    *ret_stats = gcm->stats;
}
