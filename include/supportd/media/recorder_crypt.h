/* Recordings at rest: AES-256-GCM in chunks, keys from a file, random access.
 *
 * Layer:  media. Blocking file access: call from a worker thread or a command.
 * Thread: one object is used by one thread at a time; keys are immutable and may be shared.
 * Source: NIST SP 800-38D (GCM), RFC 5869 (HKDF-SHA256).
 *
 *   header  "SUPREC\0\1" | key id, 16 bytes, zero padded | salt, 16 | recording id, 16 |
 *           track, 1 | zero, 7
 *   chunk   word: bit 31 the last one, bits 0..30 length | ciphertext | tag, 16
 *
 * The key of a file is HKDF(key of the key file, salt); the nonce is the chunk's number; header,
 * number and word are authenticated. So a chunk that was moved, copied from another file, cut in
 * the middle or declared the last is found. A file without its last chunk reads up to there: a
 * killed writer leaves that, and so would somebody who cuts a file at the border of a chunk, which
 * only the row of the recording can tell. */
#ifndef SUPPORTD_MEDIA_RECORDER_CRYPT_H
#define SUPPORTD_MEDIA_RECORDER_CRYPT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"
#include "supportd/base/id.h"

enum {
    SUP_REC_KEYS_MAX = 16,
    SUP_REC_KEY_ID_MAX = 16,
    SUP_REC_HEADER_LEN = 64,
    SUP_REC_CHUNK_MAX = 65536, /* plain bytes */
    SUP_REC_KEY_FILE_MAX = 8192,
};

struct sup_rec_keys;

/* Lines "id hex": id 1..16 of a-z 0-9 _ -, hex 64 digits; empty lines and # are skipped. The first
 * key encrypts, all decrypt. *ret_why may be NULL, else set on failure to a static sentence.
 * Errors: SUP_E_MALFORMED, SUP_E_LIMIT (too many), SUP_E_CONFLICT (an id twice), SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_rec_keys_parse(const char *text, size_t len,
                                          struct sup_rec_keys **ret_keys, const char **ret_why);
/* The same from a file that nobody else may write or read.
 * Errors: also SUP_E_NOTFOUND, SUP_E_IO, SUP_E_DENIED (its mode is too open). */
SUP_MUST_CHECK sup_err sup_rec_keys_load(const char *path, struct sup_rec_keys **ret_keys,
                                         const char **ret_why);
/* Wipes. NULL is a no-op. */
void sup_rec_keys_destroy(struct sup_rec_keys *keys);
/* Id of the key that encrypts. */
const char *sup_rec_keys_first(const struct sup_rec_keys *keys);

struct sup_rec_seal; /* writes one file */

/* keys is borrowed for the call. Errors: SUP_E_NOMEM, SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_rec_seal_create(const struct sup_rec_keys *keys, struct sup_id recording,
                                           uint8_t track, struct sup_rec_seal **ret_seal);
void sup_rec_seal_destroy(struct sup_rec_seal *seal);
/* Appends what comes first in the file. */
SUP_MUST_CHECK sup_err sup_rec_seal_header(const struct sup_rec_seal *seal, struct sup_buf *out);
/* Appends one chunk of 1..SUP_REC_CHUNK_MAX bytes (the last may be empty). What was appended must
 * be written as it is: it cannot be sealed again. Errors: SUP_E_INVAL, SUP_E_STATE (after the
 * last), SUP_E_LIMIT, SUP_E_NOMEM, SUP_E_CRYPTO (nothing appended). */
SUP_MUST_CHECK sup_err sup_rec_seal_add(struct sup_rec_seal *seal, const void *plain, size_t len,
                                        bool last, struct sup_buf *out);

struct sup_rec_file; /* reads one file */

struct sup_rec_info {
    char key_id[SUP_REC_KEY_ID_MAX + 1];
    struct sup_id recording;
    uint8_t track;
    uint64_t plain_len; /* of the whole chunks */
    size_t chunks;
    bool finished; /* the last chunk is there */
    bool torn;     /* a piece of a chunk behind the whole ones */
};

/* Opens and indexes; nothing but the header is authenticated yet (by the first read).
 * Errors: SUP_E_NOTFOUND, SUP_E_IO, SUP_E_MALFORMED, SUP_E_DENIED (no key of that id), SUP_E_NOMEM,
 * SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err sup_rec_file_open(const char *path, const struct sup_rec_keys *keys,
                                         struct sup_rec_file **ret_file);
void sup_rec_file_close(struct sup_rec_file *file); /* wipes; NULL is a no-op */
void sup_rec_file_info(const struct sup_rec_file *file, struct sup_rec_info *ret_info);
/* Plain bytes from offset on: *ret_len of them, at most cap, up to the end of one chunk; 0 at the
 * end. Errors: SUP_E_CRYPTO (not what was written), SUP_E_IO. */
SUP_MUST_CHECK sup_err sup_rec_file_read(struct sup_rec_file *file, uint64_t offset, void *buf,
                                         size_t cap, size_t *ret_len);
#endif
