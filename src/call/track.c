#include <stdio.h>
#include <string.h>

#include "recording_internal.h"
#include "supportd/base/mem.h"
#include "supportd/media/recorder_wave.h"

struct sup_track {
    struct sup_rec_file *file;
    uint64_t len;
};

struct sup_track_place sup_call_track_place(const struct sup_call *call)
{
    return (struct sup_track_place){call->opts.recording_keys, call->opts.recording_dir};
}

static sup_err make_path(struct sup_track_place place, const char *path, unsigned track, char *ret,
                         size_t cap)
{
    if (!place.keys)
        return SUP_E_STATE;
    int n = snprintf(ret, cap, "%s/%s.%u.sup", place.dir, path, track);
    return n < 0 || (size_t)n >= cap ? SUP_E_LIMIT : SUP_OK;
}

sup_err sup_track_open(struct sup_track_place place, const char *path, struct sup_id recording,
                       unsigned track, struct sup_track **ret_track)
{
    char name[4096];
    struct sup_rec_info info;
    struct sup_rec_file *file = NULL;
    sup_err err = make_path(place, path, track, name, sizeof(name));
    if (!err)
        err = sup_rec_file_open(name, place.keys, &file);
    if (err)
        return err;
    sup_rec_file_info(file, &info);
    struct sup_track *t = NULL;
    if (!sup_id_equal(info.recording, recording) || info.track != track)
        err = SUP_E_CRYPTO;
    else if (!(t = sup_calloc(1, sizeof(*t))))
        err = SUP_E_NOMEM;
    if (err) {
        sup_rec_file_close(file);
        return err;
    }
    *t = (struct sup_track){file, info.plain_len};
    *ret_track = t;
    return SUP_OK;
}

void sup_track_close(struct sup_track *track)
{
    if (track)
        sup_rec_file_close(track->file);
    sup_free(track);
}

uint64_t sup_track_len(const struct sup_track *track)
{
    return track->len;
}

sup_err sup_track_read(struct sup_track *track, uint64_t offset, void *buf, size_t cap,
                       size_t *ret_len)
{
    return sup_rec_file_read(track->file, offset, buf, cap, ret_len);
}

sup_err sup_track_peaks(struct sup_track_place place, const char *path, struct sup_id recording,
                        unsigned track, struct sup_buf *out)
{
    char name[4096];
    sup_err err = make_path(place, path, track, name, sizeof(name));
    return err ? err : sup_rec_wave(name, place.keys, recording, track, out);
}
