#include "supportd/media/recorder_crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supportd/base/mem.h"

enum {
    KEY_LEN = 32,
    SALT_LEN = 16,
    NONCE_LEN = 12,
    TAG_LEN = 16,
    WORD_LEN = 4,
    AAD_LEN = SUP_REC_HEADER_LEN + 8 + WORD_LEN,
    AT_KEY_ID = 8,
    AT_SALT = 24,
    AT_RECORDING = 40,
    AT_TRACK = 56,
    AT_ZERO = 57,
};

static const uint8_t magic[8] = {'S', 'U', 'P', 'R', 'E', 'C', 0, 1};
static const uint32_t last_bit = 0x80000000u;

struct key {
    char id[SUP_REC_KEY_ID_MAX + 1];
    uint8_t bytes[KEY_LEN];
};

struct sup_rec_keys {
    struct key keys[SUP_REC_KEYS_MAX];
    size_t count;
};

/* --- key file --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool id_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

static sup_err parse_line(struct sup_rec_keys *keys, const char *p, size_t len, const char **why)
{
    size_t n = 0, gap;
    while (n < len && id_char(p[n]))
        n++;
    gap = n;
    while (gap < len && (p[gap] == ' ' || p[gap] == '\t'))
        gap++;
    if (n < 1 || n > SUP_REC_KEY_ID_MAX || gap == n || len - gap != (size_t)2 * KEY_LEN) {
        *why = "a line is an id of a-z 0-9 _ - (16 at most) and 64 hexadecimal digits";
        return SUP_E_MALFORMED;
    }
    if (keys->count == SUP_REC_KEYS_MAX) {
        *why = "more than 16 keys";
        return SUP_E_LIMIT;
    }
    struct key *key = &keys->keys[keys->count];
    memcpy(key->id, p, n);
    for (size_t i = 0; i < KEY_LEN; i++) {
        int high = hex_digit(p[gap + 2 * i]), low = hex_digit(p[gap + 2 * i + 1]);
        if (high < 0 || low < 0) {
            *why = "a key is 64 hexadecimal digits";
            return SUP_E_MALFORMED;
        }
        key->bytes[i] = (uint8_t)(high << 4 | low);
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].id, key->id) == 0) {
            *why = "an id stands twice";
            return SUP_E_CONFLICT;
        }
    }
    keys->count++;
    return SUP_OK;
}

static sup_err parse_lines(struct sup_rec_keys *keys, const char *text, size_t len,
                           const char **why)
{
    sup_err err = SUP_OK;
    for (size_t at = 0; !err && at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t next = end ? (size_t)(end - text) + 1 : len;
        size_t n = (end ? next - 1 : len) - at;
        while (n > 0 && (text[at + n - 1] == '\r' || text[at + n - 1] == ' '))
            n--;
        if (n > 0 && text[at] != '#')
            err = parse_line(keys, text + at, n, why);
        at = next;
    }
    if (!err && keys->count == 0) {
        *why = "no key";
        err = SUP_E_MALFORMED;
    }
    return err;
}

sup_err sup_rec_keys_parse(const char *text, size_t len, struct sup_rec_keys **ret_keys,
                           const char **ret_why)
{
    const char *why = NULL;
    struct sup_rec_keys *keys = sup_calloc(1, sizeof(*keys));
    sup_err err = keys ? parse_lines(keys, text, len, &why) : SUP_E_NOMEM;
    if (err) {
        sup_rec_keys_destroy(keys);
        if (ret_why)
            *ret_why = why ? why : "no memory";
        return err;
    }
    *ret_keys = keys;
    return SUP_OK;
}

static sup_err fail_why(const char **ret_why, sup_err err, const char *why)
{
    if (ret_why)
        *ret_why = why;
    return err;
}

sup_err sup_rec_keys_load(const char *path, struct sup_rec_keys **ret_keys, const char **ret_why)
{
    struct stat st;
    char text[SUP_REC_KEY_FILE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_why(ret_why, errno == ENOENT ? SUP_E_NOTFOUND : SUP_E_IO,
                        "cannot be opened for reading");
    ssize_t n = fstat(fd, &st) == 0 ? read(fd, text, sizeof(text)) : -1;
    (void)close(fd);
    sup_err err;
    if (n < 0 || !S_ISREG(st.st_mode))
        err = fail_why(ret_why, SUP_E_IO, "is no readable file");
    else if (st.st_mode & 077)
        err = fail_why(ret_why, SUP_E_DENIED, "may be read by others (chmod 600)");
    else if (st.st_size > (off_t)sizeof(text))
        err = fail_why(ret_why, SUP_E_LIMIT, "is too long");
    else
        err = sup_rec_keys_parse(text, (size_t)n, ret_keys, ret_why);
    sup_wipe(text, sizeof(text));
    return err;
}

void sup_rec_keys_destroy(struct sup_rec_keys *keys)
{
    if (keys)
        sup_wipe(keys, sizeof(*keys));
    sup_free(keys);
}

const char *sup_rec_keys_first(const struct sup_rec_keys *keys)
{
    return keys->keys[0].id;
}

/* --- what both directions share --- */

static sup_err derive(const struct key *key, const uint8_t *salt, uint8_t *ret_key)
{
    static const unsigned char info[] = "supportd recording 1";
    size_t len = KEY_LEN;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, NULL);
    bool good = ctx && EVP_PKEY_derive_init(ctx) == 1 &&
                EVP_PKEY_CTX_set_hkdf_md(ctx, EVP_sha256()) == 1 &&
                EVP_PKEY_CTX_set1_hkdf_salt(ctx, salt, SALT_LEN) == 1 &&
                EVP_PKEY_CTX_set1_hkdf_key(ctx, key->bytes, KEY_LEN) == 1 &&
                EVP_PKEY_CTX_add1_hkdf_info(ctx, info, sizeof(info) - 1) == 1 &&
                EVP_PKEY_derive(ctx, ret_key, &len) == 1 && len == KEY_LEN;
    EVP_PKEY_CTX_free(ctx);
    return good ? SUP_OK : SUP_E_CRYPTO;
}

static sup_err make_cipher(const struct key *key, const uint8_t *header, bool encrypt,
                           EVP_CIPHER_CTX **ret_ctx)
{
    uint8_t file_key[KEY_LEN];
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    sup_err err = ctx ? derive(key, header + AT_SALT, file_key) : SUP_E_NOMEM;
    if (!err &&
        EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, file_key, NULL, encrypt ? 1 : 0) != 1)
        err = SUP_E_CRYPTO;
    sup_wipe(file_key, sizeof(file_key));
    if (err) {
        EVP_CIPHER_CTX_free(ctx);
        return err;
    }
    *ret_ctx = ctx;
    return SUP_OK;
}

static void put_be(uint8_t *p, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

/* Nonce and authenticated data of chunk number n. */
static bool begin_chunk(EVP_CIPHER_CTX *ctx, const uint8_t *header, uint64_t n, uint32_t word,
                        bool encrypt)
{
    uint8_t nonce[NONCE_LEN] = {0}, aad[AAD_LEN];
    int len;
    put_be(nonce + NONCE_LEN - 8, n, 8);
    memcpy(aad, header, SUP_REC_HEADER_LEN);
    put_be(aad + SUP_REC_HEADER_LEN, n, 8);
    put_be(aad + SUP_REC_HEADER_LEN + 8, word, WORD_LEN);
    return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, encrypt ? 1 : 0) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &len, aad, sizeof(aad)) == 1;
}

/* --- writing --- */

struct sup_rec_seal {
    uint8_t header[SUP_REC_HEADER_LEN];
    EVP_CIPHER_CTX *cipher;
    uint64_t next;
    bool done;
};

sup_err sup_rec_seal_create(const struct sup_rec_keys *keys, struct sup_id recording, uint8_t track,
                            struct sup_rec_seal **ret_seal)
{
    const struct key *key = &keys->keys[0];
    struct sup_rec_seal *seal = sup_calloc(1, sizeof(*seal));
    if (!seal)
        return SUP_E_NOMEM;
    memcpy(seal->header, magic, sizeof(magic));
    memcpy(seal->header + AT_KEY_ID, key->id, strlen(key->id));
    memcpy(seal->header + AT_RECORDING, recording.bytes, sizeof(recording.bytes));
    seal->header[AT_TRACK] = track;
    sup_err err = RAND_bytes(seal->header + AT_SALT, SALT_LEN) == 1 ? SUP_OK : SUP_E_CRYPTO;
    if (!err)
        err = make_cipher(key, seal->header, true, &seal->cipher);
    if (err) {
        sup_rec_seal_destroy(seal);
        return err;
    }
    *ret_seal = seal;
    return SUP_OK;
}

void sup_rec_seal_destroy(struct sup_rec_seal *seal)
{
    if (seal)
        EVP_CIPHER_CTX_free(seal->cipher);
    sup_free(seal);
}

sup_err sup_rec_seal_header(const struct sup_rec_seal *seal, struct sup_buf *out)
{
    return sup_buf_add(out, seal->header, SUP_REC_HEADER_LEN);
}

sup_err sup_rec_seal_add(struct sup_rec_seal *seal, const void *plain, size_t len, bool last,
                         struct sup_buf *out)
{
    static const uint8_t zeros[WORD_LEN + TAG_LEN];
    if (len > SUP_REC_CHUNK_MAX || (len == 0 && !last))
        return SUP_E_INVAL;
    if (seal->done)
        return SUP_E_STATE;
    uint32_t word = (uint32_t)len | (last ? last_bit : 0);
    size_t start = out->len;
    sup_err err = sup_buf_add(out, zeros, WORD_LEN);
    if (!err)
        err = sup_buf_add(out, plain ? plain : "", len);
    if (!err)
        err = sup_buf_add(out, zeros, TAG_LEN);
    if (err) {
        out->len = start;
        return err;
    }
    uint8_t *p = (uint8_t *)out->data + start;
    int n = 0, rest = 0;
    put_be(p, word, WORD_LEN);
    bool good =
        begin_chunk(seal->cipher, seal->header, seal->next, word, true) &&
        (len == 0 || EVP_CipherUpdate(seal->cipher, p + WORD_LEN, &n, p + WORD_LEN, (int)len)) &&
        EVP_CipherFinal_ex(seal->cipher, p + WORD_LEN + len, &rest) == 1 &&
        EVP_CIPHER_CTX_ctrl(seal->cipher, EVP_CTRL_GCM_GET_TAG, TAG_LEN, p + WORD_LEN + len) == 1;
    if (!good) {
        sup_wipe(p, out->len - start); /* a piece of it may still be clear */
        out->len = start;
        return SUP_E_CRYPTO;
    }
    seal->next++;
    seal->done = last;
    return SUP_OK;
}

/* --- reading --- */

struct place {
    uint64_t plain_at, file_at; /* of the word */
    uint32_t word;
};

struct sup_rec_file {
    int fd;
    uint8_t header[SUP_REC_HEADER_LEN];
    EVP_CIPHER_CTX *cipher;
    struct place *places;
    size_t count, cap;
    struct sup_rec_info info;
    uint8_t *chunk; /* the one that was read last, and room for its tag */
    size_t chunk_no, chunk_len;
    bool has_chunk;
};

static const struct key *find_key(const struct sup_rec_keys *keys, const char *id)
{
    for (size_t i = 0; i < keys->count; i++)
        if (strcmp(keys->keys[i].id, id) == 0)
            return &keys->keys[i];
    return NULL;
}

static sup_err read_header(struct sup_rec_file *f, const struct sup_rec_keys *keys)
{
    static const uint8_t zeros[SUP_REC_HEADER_LEN - AT_ZERO];
    ssize_t n = pread(f->fd, f->header, SUP_REC_HEADER_LEN, 0);
    if (n < 0)
        return SUP_E_IO;
    if (n != SUP_REC_HEADER_LEN || memcmp(f->header, magic, sizeof(magic)) != 0 ||
        memcmp(f->header + AT_ZERO, zeros, sizeof(zeros)) != 0)
        return SUP_E_MALFORMED;
    memcpy(f->info.key_id, f->header + AT_KEY_ID, SUP_REC_KEY_ID_MAX);
    memcpy(f->info.recording.bytes, f->header + AT_RECORDING, sizeof(f->info.recording.bytes));
    f->info.track = f->header[AT_TRACK];
    const struct key *key = find_key(keys, f->info.key_id);
    return key ? make_cipher(key, f->header, false, &f->cipher) : SUP_E_DENIED;
}

static sup_err add_place(struct sup_rec_file *f, uint64_t at, uint32_t word)
{
    if (f->count == f->cap) {
        size_t cap = f->cap * 2 + 64;
        struct place *grown = sup_realloc(f->places, cap * sizeof(*grown));
        if (!grown)
            return SUP_E_NOMEM;
        f->places = grown;
        f->cap = cap;
    }
    f->places[f->count++] = (struct place){f->info.plain_len, at, word};
    f->info.plain_len += word & ~last_bit;
    f->info.chunks++;
    f->info.finished = word & last_bit;
    return SUP_OK;
}

static sup_err build_index(struct sup_rec_file *f)
{
    struct stat st;
    if (fstat(f->fd, &st))
        return SUP_E_IO;
    uint64_t size = (uint64_t)st.st_size, at = SUP_REC_HEADER_LEN;
    while (at + WORD_LEN + TAG_LEN <= size && !f->info.finished) {
        uint8_t b[WORD_LEN];
        if (pread(f->fd, b, WORD_LEN, (off_t)at) != WORD_LEN)
            return SUP_E_IO;
        uint32_t word = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
        uint32_t len = word & ~last_bit;
        if (len > SUP_REC_CHUNK_MAX || (len == 0 && !(word & last_bit)))
            return SUP_E_MALFORMED;
        if (at + WORD_LEN + len + TAG_LEN > size)
            break;
        sup_err err = add_place(f, at, word);
        if (err)
            return err;
        at += WORD_LEN + len + TAG_LEN;
    }
    if (f->info.finished && at != size)
        return SUP_E_MALFORMED; /* nothing comes behind the last */
    f->info.torn = at != size;
    return SUP_OK;
}

sup_err sup_rec_file_open(const char *path, const struct sup_rec_keys *keys,
                          struct sup_rec_file **ret_file)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SUP_E_NOTFOUND : SUP_E_IO;
    struct sup_rec_file *f = sup_calloc(1, sizeof(*f));
    if (!f) {
        (void)close(fd);
        return SUP_E_NOMEM;
    }
    f->fd = fd;
    sup_err err = read_header(f, keys);
    if (!err)
        err = build_index(f);
    if (!err && !(f->chunk = sup_malloc(SUP_REC_CHUNK_MAX + TAG_LEN)))
        err = SUP_E_NOMEM;
    if (err) {
        sup_rec_file_close(f);
        return err;
    }
    *ret_file = f;
    return SUP_OK;
}

void sup_rec_file_close(struct sup_rec_file *file)
{
    if (!file)
        return;
    if (file->chunk)
        sup_wipe(file->chunk, SUP_REC_CHUNK_MAX + TAG_LEN);
    sup_free(file->chunk);
    sup_free(file->places);
    EVP_CIPHER_CTX_free(file->cipher);
    (void)close(file->fd);
    sup_free(file);
}

void sup_rec_file_info(const struct sup_rec_file *file, struct sup_rec_info *ret_info)
{
    *ret_info = file->info;
}

static sup_err load_chunk(struct sup_rec_file *f, size_t no)
{
    const struct place *place = &f->places[no];
    size_t len = place->word & ~last_bit;
    int n = 0, rest = 0;
    f->has_chunk = false;
    ssize_t got = pread(f->fd, f->chunk, len + TAG_LEN, (off_t)(place->file_at + WORD_LEN));
    if (got != (ssize_t)(len + TAG_LEN))
        return SUP_E_IO;
    bool good =
        begin_chunk(f->cipher, f->header, no, place->word, false) &&
        (len == 0 || EVP_CipherUpdate(f->cipher, f->chunk, &n, f->chunk, (int)len)) &&
        EVP_CIPHER_CTX_ctrl(f->cipher, EVP_CTRL_GCM_SET_TAG, TAG_LEN, f->chunk + len) == 1 &&
        EVP_CipherFinal_ex(f->cipher, f->chunk + len, &rest) == 1;
    if (!good) {
        sup_wipe(f->chunk, len);
        return SUP_E_CRYPTO;
    }
    f->has_chunk = true;
    f->chunk_no = no;
    f->chunk_len = len;
    return SUP_OK;
}

/* The chunk that holds offset, which is below the length of all. */
static size_t find_chunk(const struct sup_rec_file *f, uint64_t offset)
{
    size_t low = 0, high = f->count;
    while (high - low > 1) {
        size_t mid = (low + high) / 2;
        if (f->places[mid].plain_at <= offset)
            low = mid;
        else
            high = mid;
    }
    return low;
}

sup_err sup_rec_file_read(struct sup_rec_file *file, uint64_t offset, void *buf, size_t cap,
                          size_t *ret_len)
{
    if (offset >= file->info.plain_len) {
        /* An empty last chunk is authentic too, or the file is not finished. */
        *ret_len = 0;
        if (file->count == 0 || (file->places[file->count - 1].word & ~last_bit) > 0)
            return SUP_OK;
        return load_chunk(file, file->count - 1);
    }
    size_t no = find_chunk(file, offset);
    if (!file->has_chunk || file->chunk_no != no) {
        sup_err err = load_chunk(file, no);
        if (err)
            return err;
    }
    size_t skip = (size_t)(offset - file->places[no].plain_at);
    size_t n = file->chunk_len - skip;
    if (n > cap)
        n = cap;
    memcpy(buf, file->chunk + skip, n);
    *ret_len = n;
    return SUP_OK;
}
