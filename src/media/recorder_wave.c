#include "supportd/media/recorder_wave.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "recorder_internal.h"
#include "supportd/base/mem.h"

enum {
    RATE = 8000, /* enough for peaks, and cheap */
    STEP = RATE / 1000 * SUP_REC_WAVE_STEP_MS,
};

/* A peak per whole step. */
static sup_err decode(struct sup_rec_file *file, struct sup_buf *out)
{
    struct rec_pcm *pcm;
    int16_t step[STEP];
    size_t n = STEP;
    sup_err err = rec_pcm_open(file, RATE, &pcm);
    if (err)
        return err;
    while (!err && n == STEP) {
        int peak = 0;
        err = rec_pcm_read(pcm, step, STEP, &n);
        for (size_t i = 0; !err && i < n; i++)
            peak = abs(step[i]) > peak ? abs(step[i]) : peak;
        uint8_t byte = (uint8_t)(peak >> 7 > 255 ? 255 : peak >> 7);
        if (!err && n == STEP)
            err = sup_buf_add(out, &byte, 1);
    }
    sup_wipe(step, sizeof(step));
    rec_pcm_close(pcm);
    return err;
}

static bool is_of(const struct sup_rec_file *file, struct sup_id recording, unsigned track)
{
    struct sup_rec_info info;
    sup_rec_file_info(file, &info);
    return sup_id_equal(info.recording, recording) && info.track == track;
}

static bool read_kept(const char *path, const struct sup_rec_keys *keys, struct sup_id recording,
                      unsigned track, struct sup_buf *out)
{
    struct sup_rec_file *file;
    struct sup_rec_info info;
    uint8_t bytes[4096];
    size_t n = 1, start = out->len;
    if (sup_rec_file_open(path, keys, &file) != SUP_OK)
        return false;
    sup_rec_file_info(file, &info);
    bool good = info.finished && is_of(file, recording, track + SUP_REC_WAVE_TRACK);
    for (uint64_t at = 0; good && n > 0; at += n)
        good = sup_rec_file_read(file, at, bytes, sizeof(bytes), &n) == SUP_OK &&
               sup_buf_add(out, bytes, n) == SUP_OK;
    sup_rec_file_close(file);
    if (!good)
        out->len = start;
    return good;
}

static sup_err seal(const struct sup_rec_keys *keys, struct sup_id recording, unsigned track,
                    const char *peaks, size_t len, struct sup_buf *sealed)
{
    struct sup_rec_seal *s;
    sup_err err = sup_rec_seal_create(keys, recording, (uint8_t)(track + SUP_REC_WAVE_TRACK), &s);
    if (err)
        return err;
    err = sup_rec_seal_header(s, sealed);
    for (size_t at = 0; !err && at < len; at += SUP_REC_CHUNK_MAX) {
        size_t n = len - at < SUP_REC_CHUNK_MAX ? len - at : SUP_REC_CHUNK_MAX;
        err = sup_rec_seal_add(s, peaks + at, n, false, sealed);
    }
    if (!err)
        err = sup_rec_seal_add(s, NULL, 0, true, sealed);
    sup_rec_seal_destroy(s);
    return err;
}

/* Under another name first, which sup_rec_erase() knows too: whoever reads meanwhile finds nothing
 * or all. That it is not kept is no error: it is made again. */
static void keep(const char *sound, const char *path, const struct sup_rec_keys *keys,
                 struct sup_id recording, unsigned track, const char *peaks, size_t len)
{
    char fresh[4200];
    struct sup_buf sealed = {0};
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    int fd = seal(keys, recording, track, peaks, len, &sealed)
                 ? -1
                 : open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        bool good = write(fd, sealed.data, sealed.len) == (ssize_t)sealed.len;
        good = close(fd) == 0 && good;
        if (!good || rename(fresh, path) != 0)
            (void)unlink(fresh);
        if (access(sound, F_OK) != 0) /* deleted meanwhile: recorder_place.h */
            (void)unlink(path);
    }
    sup_buf_fini(&sealed);
}

sup_err sup_rec_wave(const char *path, const struct sup_rec_keys *keys, struct sup_id recording,
                     unsigned track, struct sup_buf *out)
{
    char kept[4160];
    struct sup_rec_file *file;
    struct sup_rec_info info;
    int n = snprintf(kept, sizeof(kept), "%s.peaks", path);
    if (n < 0 || (size_t)n >= sizeof(kept))
        return SUP_E_LIMIT;
    if (read_kept(kept, keys, recording, track, out))
        return SUP_OK;
    sup_err err = sup_rec_file_open(path, keys, &file);
    if (err)
        return err;
    size_t start = out->len;
    sup_rec_file_info(file, &info);
    err = is_of(file, recording, track) ? decode(file, out) : SUP_E_CRYPTO;
    sup_rec_file_close(file);
    if (err)
        out->len = start;
    else if (info.finished)
        keep(path, kept, keys, recording, track, out->data ? out->data + start : "",
             out->len - start);
    return err;
}
