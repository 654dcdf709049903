#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit_internal.h"
#include "supportd/base/mem.h"

static const char DOMAIN[] = "supportd audit seal 1\n";
enum { ID_BYTES = 16, MESSAGE_LEN = sizeof(DOMAIN) - 1 + 8 + 2 * AUDIT_HASH_LEN };

struct sup_audit_key {
    EVP_PKEY *pkey;
    char id[sizeof("ed25519:") + 2 * ID_BYTES];
};

struct audit_hash {
    EVP_MD_CTX *seal;
};

void audit_hex(const uint8_t *p, size_t len, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        ret_hex[2 * i] = digits[p[i] >> 4];
        ret_hex[2 * i + 1] = digits[p[i] & 15];
    }
    ret_hex[2 * len] = '\0';
}

static sup_err sha256(const uint8_t *p, size_t len, uint8_t ret[AUDIT_HASH_LEN])
{
    return EVP_Digest(p, len, ret, NULL, EVP_sha256(), NULL) == 1 ? SUP_OK : SUP_E_CRYPTO;
}

/* ---- key file ---- */

static sup_err write_key(int fd, EVP_PKEY *pkey)
{
    BIO *bio = BIO_new_fd(fd, BIO_NOCLOSE);
    if (!bio)
        return SUP_E_NOMEM;
    bool written = PEM_write_bio_PKCS8PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) == 1 &&
                   BIO_flush(bio) == 1;
    BIO_free(bio);
    return written && fsync(fd) == 0 ? SUP_OK : SUP_E_IO;
}

sup_err sup_audit_key_make(const char *path)
{
    EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    if (!pkey)
        return SUP_E_CRYPTO;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        EVP_PKEY_free(pkey);
        return errno == EEXIST ? SUP_E_CONFLICT : SUP_E_IO;
    }
    sup_err err = write_key(fd, pkey);
    EVP_PKEY_free(pkey);
    if (close(fd) != 0 && !err)
        err = SUP_E_IO;
    if (err)
        (void)unlink(path);
    return err;
}

static sup_err set_id(struct sup_audit_key *key)
{
    uint8_t public[32], hash[AUDIT_HASH_LEN];
    size_t len = sizeof(public);
    if (EVP_PKEY_get_raw_public_key(key->pkey, public, &len) != 1 || len != sizeof(public))
        return SUP_E_CRYPTO;
    sup_err err = sha256(public, len, hash);
    if (err)
        return err;
    (void)snprintf(key->id, sizeof(key->id), "ed25519:");
    audit_hex(hash, ID_BYTES, key->id + strlen("ed25519:"));
    return SUP_OK;
}

static sup_err read_key(int fd, struct sup_audit_key *key)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return SUP_E_IO;
    if (st.st_mode & 077)
        return SUP_E_DENIED;
    BIO *bio = BIO_new_fd(fd, BIO_NOCLOSE);
    if (!bio)
        return SUP_E_NOMEM;
    /* A pass phrase callback that fails: nobody is there to type one. */
    key->pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "");
    BIO_free(bio);
    if (!key->pkey || EVP_PKEY_get_id(key->pkey) != EVP_PKEY_ED25519)
        return SUP_E_CRYPTO;
    return set_id(key);
}

sup_err sup_audit_key_load(const char *path, struct sup_audit_key **ret_key)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SUP_E_NOTFOUND : errno == EACCES ? SUP_E_DENIED : SUP_E_IO;
    struct sup_audit_key *key = sup_calloc(1, sizeof(*key));
    sup_err err = key ? read_key(fd, key) : SUP_E_NOMEM;
    (void)close(fd);
    if (err) {
        sup_audit_key_destroy(key);
        return err;
    }
    *ret_key = key;
    return SUP_OK;
}

void sup_audit_key_destroy(struct sup_audit_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    sup_free(key);
}

const char *sup_audit_key_id(const struct sup_audit_key *key)
{
    return key->id;
}

/* ---- hash of a seal ---- */

sup_err audit_hash_create(struct audit_hash **ret_hash)
{
    struct audit_hash *hash = sup_calloc(1, sizeof(*hash));
    if (!hash)
        return SUP_E_NOMEM;
    hash->seal = EVP_MD_CTX_new();
    if (!hash->seal) {
        sup_free(hash);
        return SUP_E_NOMEM;
    }
    *ret_hash = hash;
    return SUP_OK;
}

void audit_hash_destroy(struct audit_hash *hash)
{
    if (!hash)
        return;
    EVP_MD_CTX_free(hash->seal);
    sup_free(hash);
}

sup_err audit_hash_begin(struct audit_hash *hash, const uint8_t prev[AUDIT_HASH_LEN])
{
    bool good = EVP_DigestInit_ex(hash->seal, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(hash->seal, prev, AUDIT_HASH_LEN) == 1;
    return good ? SUP_OK : SUP_E_CRYPTO;
}

sup_err audit_hash_row(struct audit_hash *hash, const uint8_t *p, size_t len,
                       uint8_t ret_digest[AUDIT_DIGEST_LEN])
{
    uint8_t row[AUDIT_HASH_LEN];
    sup_err err = sha256(p, len, row);
    if (!err && EVP_DigestUpdate(hash->seal, row, sizeof(row)) != 1)
        err = SUP_E_CRYPTO;
    if (!err)
        memcpy(ret_digest, row, AUDIT_DIGEST_LEN);
    return err;
}

sup_err audit_hash_end(struct audit_hash *hash, uint8_t ret[AUDIT_HASH_LEN])
{
    return EVP_DigestFinal_ex(hash->seal, ret, NULL) == 1 ? SUP_OK : SUP_E_CRYPTO;
}

/* ---- signature ---- */

static sup_err message(int64_t seal_no, const uint8_t *hash, const uint8_t *digests,
                       size_t digests_len, uint8_t ret[MESSAGE_LEN])
{
    uint8_t *p = ret;
    memcpy(p, DOMAIN, sizeof(DOMAIN) - 1);
    p += sizeof(DOMAIN) - 1;
    for (int shift = 56; shift >= 0; shift -= 8)
        *p++ = (uint8_t)((uint64_t)seal_no >> shift);
    memcpy(p, hash, AUDIT_HASH_LEN);
    return sha256(digests, digests_len, p + AUDIT_HASH_LEN);
}

sup_err audit_sign(const struct sup_audit_key *key, int64_t seal_no,
                   const uint8_t hash[AUDIT_HASH_LEN], const uint8_t *digests, size_t digests_len,
                   uint8_t ret_signature[AUDIT_SIGNATURE_LEN])
{
    uint8_t text[MESSAGE_LEN];
    size_t len = AUDIT_SIGNATURE_LEN;
    sup_err err = message(seal_no, hash, digests, digests_len, text);
    if (err)
        return err;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx)
        return SUP_E_NOMEM;
    bool good = EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pkey) == 1 &&
                EVP_DigestSign(ctx, ret_signature, &len, text, sizeof(text)) == 1 &&
                len == AUDIT_SIGNATURE_LEN;
    EVP_MD_CTX_free(ctx);
    return good ? SUP_OK : SUP_E_CRYPTO;
}

sup_err audit_check_signature(const struct sup_audit_key *key, int64_t seal_no,
                              const uint8_t hash[AUDIT_HASH_LEN], const uint8_t *digests,
                              size_t digests_len, const uint8_t *signature, size_t len)
{
    uint8_t text[MESSAGE_LEN];
    sup_err err = message(seal_no, hash, digests, digests_len, text);
    if (err)
        return err;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (!ctx)
        return SUP_E_NOMEM;
    if (EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key->pkey) != 1)
        err = SUP_E_CRYPTO;
    else if (EVP_DigestVerify(ctx, signature, len, text, sizeof(text)) != 1)
        err = SUP_E_DENIED;
    EVP_MD_CTX_free(ctx);
    return err;
}
