/* The waveform of a recorded track: one peak per 100 ms, from decoding it once.
 *
 * Layer:  media. Blocking: for a worker thread. Source: RFC 7845. */
#ifndef SUPPORTD_MEDIA_RECORDER_WAVE_H
#define SUPPORTD_MEDIA_RECORDER_WAVE_H
#include "supportd/base/buf.h"
#include "supportd/base/err.h"
#include "supportd/base/id.h"
#include "supportd/media/recorder_crypt.h"

enum {
    SUP_REC_WAVE_STEP_MS = 100,
    SUP_REC_WAVE_TRACK = 0x80, /* added to the track's number in the file of its peaks */
};

/* Appends the peaks (0..255) of the track in path. They are kept in path.peaks, sealed with the
 * first key under the track's number + SUP_REC_WAVE_TRACK, if the track is finished; a file of
 * peaks that does not read is made anew.
 * Errors: of sup_rec_file_open() and _read(); SUP_E_CRYPTO also for another recording or track. */
SUP_MUST_CHECK sup_err sup_rec_wave(const char *path, const struct sup_rec_keys *keys,
                                    struct sup_id recording, unsigned track, struct sup_buf *out);
#endif
