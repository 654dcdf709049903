#include "supportd/media/recorder_crypt.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check_main.h"

#define HEX_A "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define HEX_B "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1F"

enum { WORD = 4, TAG = 16, LEN = 1000, CHUNK = WORD + LEN + TAG };

static struct sup_rec_keys *keys;
static char path[] = "/tmp/supportd-rec-XXXXXX";
static struct sup_buf sealed;
static uint8_t plain[5 * LEN];
static const struct sup_id recording = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

static void write_file(const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq((int)write(fd, data, len), (int)len);
    ck_assert_int_eq(close(fd), 0);
}

/* Five chunks of 1,000 bytes; the last one is marked if last. */
static void seal(const struct sup_rec_keys *with, bool last)
{
    struct sup_rec_seal *s;
    sup_buf_clear(&sealed);
    ck_assert_int_eq(sup_rec_seal_create(with, recording, 1, &s), SUP_OK);
    ck_assert_int_eq(sup_rec_seal_header(s, &sealed), SUP_OK);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(sup_rec_seal_add(s, plain + i * LEN, LEN, last && i == 4, &sealed),
                         SUP_OK);
    if (last)
        ck_assert_int_eq(sup_rec_seal_add(s, plain, 1, true, &sealed), SUP_E_STATE);
    sup_rec_seal_destroy(s);
    write_file(sealed.data, sealed.len);
}

static void setup(void)
{
    const char *text = "# keys\nnew " HEX_A "\r\n\nold-1 " HEX_B "\n";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    ck_assert_int_eq(sup_rec_keys_parse(text, strlen(text), &keys, NULL), SUP_OK);
    for (size_t i = 0; i < sizeof(plain); i++)
        plain[i] = (uint8_t)(i * 31 >> 3);
    sup_buf_init(&sealed, 0);
}

static void teardown(void)
{
    sup_rec_keys_destroy(keys);
    sup_buf_fini(&sealed);
    (void)unlink(path);
    memcpy(path, "/tmp/supportd-rec-XXXXXX", sizeof(path));
}

/* Reads all; the error, or SUP_OK and the count. */
static sup_err read_all(const struct sup_rec_keys *with, size_t *ret_len)
{
    struct sup_rec_file *f;
    uint8_t got[sizeof(plain)];
    sup_err err = sup_rec_file_open(path, with, &f);
    if (err)
        return err;
    size_t n = 1;
    *ret_len = 0;
    while (!err && n > 0) {
        err = sup_rec_file_read(f, *ret_len, got, 333, &n);
        if (!err && memcmp(got, plain + *ret_len, n) != 0)
            ck_abort_msg("other bytes than were written");
        if (!err)
            *ret_len += n;
    }
    sup_rec_file_close(f);
    return err;
}

START_TEST(what_is_sealed_is_read_from_anywhere)
{
    struct sup_rec_file *f;
    struct sup_rec_info info;
    uint8_t got[2 * LEN];
    size_t n;
    seal(keys, true);
    ck_assert_ptr_null(memmem(sealed.data, sealed.len, plain + 100, 16));
    ck_assert_int_eq(sup_rec_file_open(path, keys, &f), SUP_OK);
    sup_rec_file_info(f, &info);
    ck_assert_str_eq(info.key_id, "new");
    ck_assert(sup_id_equal(info.recording, recording));
    ck_assert_uint_eq(info.track, 1);
    ck_assert_uint_eq(info.plain_len, 5 * LEN);
    ck_assert_uint_eq(info.chunks, 5);
    ck_assert(info.finished && !info.torn);
    for (size_t at = 0; at < 5 * LEN; at += 77) {
        ck_assert_int_eq(sup_rec_file_read(f, at, got, sizeof(got), &n), SUP_OK);
        ck_assert_uint_eq(n, LEN - at % LEN);
        ck_assert_mem_eq(got, plain + at, n);
    }
    ck_assert_int_eq(sup_rec_file_read(f, 5 * LEN, got, sizeof(got), &n), SUP_OK);
    ck_assert_uint_eq(n, 0);
    sup_rec_file_close(f);
}
END_TEST

START_TEST(a_file_without_its_end_reads_up_to_there)
{
    struct sup_rec_file *f;
    struct sup_rec_info info;
    size_t n;
    seal(keys, false);
    for (size_t cut = 0; cut < 2 * CHUNK; cut += 39) {
        write_file(sealed.data, sealed.len - cut);
        ck_assert_int_eq(read_all(keys, &n), SUP_OK);
        ck_assert_uint_eq(n, 5 * LEN - (cut + CHUNK - 1) / CHUNK * LEN);
        ck_assert_int_eq(sup_rec_file_open(path, keys, &f), SUP_OK);
        sup_rec_file_info(f, &info);
        ck_assert(!info.finished && info.torn == (cut % CHUNK != 0));
        sup_rec_file_close(f);
    }
}
END_TEST

START_TEST(each_changed_byte_is_found)
{
    size_t n;
    seal(keys, true);
    for (size_t at = 0; at < sealed.len; at += at < 100 ? 1 : 37) {
        sealed.data[at] ^= 0x10;
        write_file(sealed.data, sealed.len);
        ck_assert_msg(read_all(keys, &n) != SUP_OK || n < 5 * LEN, "byte %zu", at);
        sealed.data[at] ^= 0x10;
    }
}
END_TEST

START_TEST(chunks_stand_in_their_order_and_in_their_file)
{
    uint8_t *second = (uint8_t *)sealed.data, keep[CHUNK];
    size_t n;
    seal(keys, true);
    second = (uint8_t *)sealed.data + SUP_REC_HEADER_LEN + CHUNK;
    memcpy(keep, second, CHUNK); /* the second and the third change places */
    memmove(second, second + CHUNK, CHUNK);
    memcpy(second + CHUNK, keep, CHUNK);
    write_file(sealed.data, sealed.len);
    ck_assert_int_eq(read_all(keys, &n), SUP_E_CRYPTO);

    seal(keys, true); /* the second is cut out */
    second = (uint8_t *)sealed.data + SUP_REC_HEADER_LEN + CHUNK;
    memmove(second, second + CHUNK, (size_t)(3 * CHUNK));
    write_file(sealed.data, sealed.len - CHUNK);
    ck_assert_int_eq(read_all(keys, &n), SUP_E_CRYPTO);

    seal(keys, true); /* the same chunk of another file */
    memcpy(keep, sealed.data + SUP_REC_HEADER_LEN + CHUNK, CHUNK);
    seal(keys, true);
    memcpy(sealed.data + SUP_REC_HEADER_LEN + CHUNK, keep, CHUNK);
    write_file(sealed.data, sealed.len);
    ck_assert_int_eq(read_all(keys, &n), SUP_E_CRYPTO);

    seal(keys, false); /* cut, and the piece declared whole */
    sealed.data[SUP_REC_HEADER_LEN + CHUNK] |= (char)0x80;
    write_file(sealed.data, SUP_REC_HEADER_LEN + 2 * CHUNK);
    ck_assert_int_eq(read_all(keys, &n), SUP_E_CRYPTO);

    seal(keys, true); /* something behind the end */
    ck_assert_int_eq(sup_buf_add(&sealed, "x", 1), SUP_OK);
    write_file(sealed.data, sealed.len);
    ck_assert_int_eq(read_all(keys, &n), SUP_E_MALFORMED);
}
END_TEST

START_TEST(an_empty_last_chunk_is_authentic_too)
{
    struct sup_rec_seal *s;
    size_t n;
    ck_assert_int_eq(sup_rec_seal_create(keys, recording, 0, &s), SUP_OK);
    ck_assert_int_eq(sup_rec_seal_header(s, &sealed), SUP_OK);
    ck_assert_int_eq(sup_rec_seal_add(s, NULL, 0, false, &sealed), SUP_E_INVAL);
    ck_assert_int_eq(sup_rec_seal_add(s, plain, SUP_REC_CHUNK_MAX + 1, false, &sealed),
                     SUP_E_INVAL);
    ck_assert_int_eq(sup_rec_seal_add(s, NULL, 0, true, &sealed), SUP_OK);
    sup_rec_seal_destroy(s);
    write_file(sealed.data, sealed.len);
    ck_assert_int_eq(read_all(keys, &n), SUP_OK);
    sealed.data[sealed.len - 1] ^= 1;
    write_file(sealed.data, sealed.len);
    ck_assert_int_eq(read_all(keys, &n), SUP_E_CRYPTO);
}
END_TEST

START_TEST(rotation_keeps_old_recordings_readable)
{
    struct sup_rec_keys *old, *other;
    size_t n;
    const char *text = "old-1 " HEX_B;
    ck_assert_int_eq(sup_rec_keys_parse(text, strlen(text), &old, NULL), SUP_OK);
    seal(old, true);
    ck_assert_int_eq(read_all(keys, &n), SUP_OK); /* the second of two */
    ck_assert_uint_eq(n, 5 * LEN);
    seal(keys, true);
    ck_assert_int_eq(read_all(old, &n), SUP_E_DENIED); /* no such key */
    text = "new " HEX_B;                               /* that name, another key */
    ck_assert_int_eq(sup_rec_keys_parse(text, strlen(text), &other, NULL), SUP_OK);
    ck_assert_int_eq(read_all(other, &n), SUP_E_CRYPTO);
    sup_rec_keys_destroy(old);
    sup_rec_keys_destroy(other);
}
END_TEST

START_TEST(key_files_are_refused_with_a_reason)
{
    static const struct {
        const char *text;
        sup_err err;
    } bad[] = {
        {"", SUP_E_MALFORMED},
        {"# nothing\n\n", SUP_E_MALFORMED},
        {"new " HEX_A "0", SUP_E_MALFORMED},
        {"new 00", SUP_E_MALFORMED},
        {"New " HEX_A, SUP_E_MALFORMED},
        {"seventeen-letters " HEX_A, SUP_E_MALFORMED},
        {"x 0g0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", SUP_E_MALFORMED},
        {HEX_A, SUP_E_MALFORMED},
        {"a " HEX_A "\na " HEX_B, SUP_E_CONFLICT},
    };
    struct sup_rec_keys *k = NULL;
    const char *why;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        why = NULL;
        ck_assert_int_eq(sup_rec_keys_parse(bad[i].text, strlen(bad[i].text), &k, &why),
                         bad[i].err);
        ck_assert_ptr_nonnull(why);
        ck_assert_ptr_null(k);
    }
    write_file("a " HEX_A "\n", 67);
    ck_assert_int_eq(sup_rec_keys_load(path, &k, NULL), SUP_OK);
    ck_assert_str_eq(sup_rec_keys_first(k), "a");
    sup_rec_keys_destroy(k);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(sup_rec_keys_load(path, &k, &why), SUP_E_DENIED);
    ck_assert_int_eq(sup_rec_keys_load("/nowhere", &k, &why), SUP_E_NOTFOUND);
}
END_TEST

START_TEST(memory_may_fail_anywhere)
{
    size_t n;
    for (size_t i = 1; i < 20; i++) {
        struct sup_rec_keys *k = NULL;
        struct sup_rec_seal *s = NULL;
        struct sup_buf b = {0};
        sup_mem_fail_at(i);
        if (sup_rec_keys_parse("a " HEX_A, 66, &k, NULL) == SUP_OK &&
            sup_rec_seal_create(k, recording, 0, &s) == SUP_OK &&
            sup_rec_seal_header(s, &b) == SUP_OK)
            (void)(sup_rec_seal_add(s, plain, LEN, true, &b) == SUP_OK);
        sup_mem_fail_at(0);
        sup_rec_seal_destroy(s);
        sup_rec_keys_destroy(k);
        sup_buf_fini(&b);
        seal(keys, true);
        sup_mem_fail_at(i);
        sup_err err = read_all(keys, &n);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || err == SUP_E_NOMEM);
    }
}
END_TEST

SUP_CHECK_MAIN("recorder_crypt", setup, teardown, what_is_sealed_is_read_from_anywhere,
               a_file_without_its_end_reads_up_to_there, each_changed_byte_is_found,
               chunks_stand_in_their_order_and_in_their_file, an_empty_last_chunk_is_authentic_too,
               rotation_keeps_old_recordings_readable, key_files_are_refused_with_a_reason,
               memory_may_fail_anywhere)
