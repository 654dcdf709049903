/* Any file as a recording, and any text as a key file: opened, indexed, read from anywhere; what
 * does not authenticate gives nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "supportd/base/mem.h"
#include "supportd/media/recorder_crypt.h"

#define KEY "a 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_some(struct sup_rec_file *f, uint64_t at)
{
    uint8_t buf[512];
    size_t n = 0;
    if (sup_rec_file_read(f, at, buf, sizeof(buf), &n) == SUP_OK && n > sizeof(buf))
        abort();
}

static void as_file(const uint8_t *data, size_t size, const struct sup_rec_keys *keys)
{
    char path[64];
    struct sup_rec_file *f;
    struct sup_rec_info info;
    int fd = memfd_create("recording", 0);
    if (fd < 0 || (size && write(fd, data, size) != (ssize_t)size))
        abort();
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (sup_rec_file_open(path, keys, &f) == SUP_OK) {
        sup_rec_file_info(f, &info);
        if (info.plain_len > size)
            abort();
        read_some(f, 0);
        read_some(f, info.plain_len / 2);
        read_some(f, info.plain_len);
        read_some(f, UINT64_MAX);
        sup_rec_file_close(f);
    }
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sup_rec_keys *keys;
    const char *why;
    if (sup_rec_keys_parse((const char *)data, size, &keys, &why) == SUP_OK)
        sup_rec_keys_destroy(keys);
    if (sup_rec_keys_parse(KEY, strlen(KEY), &keys, &why))
        abort();
    as_file(data, size, keys);
    /* Behind a good header, so that chunks are reached. */
    uint8_t *with = malloc(SUP_REC_HEADER_LEN + size);
    if (!with)
        abort();
    memset(with, 0, SUP_REC_HEADER_LEN);
    memcpy(with, "SUPREC\0\1a", 9);
    if (size)
        memcpy(with + SUP_REC_HEADER_LEN, data, size);
    as_file(with, SUP_REC_HEADER_LEN + size, keys);
    free(with);
    sup_rec_keys_destroy(keys);
    if (sup_mem_live())
        abort();
    return 0;
}
