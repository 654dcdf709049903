/* Private to the recorder: time line, pages, and back from pages to samples. */
#ifndef SUPPORTD_MEDIA_RECORDER_INTERNAL_H
#define SUPPORTD_MEDIA_RECORDER_INTERNAL_H
#include <ogg/ogg.h>
#include <stdbool.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"
#include "supportd/media/recorder_crypt.h"

/* Pre-skip: what browsers' encoders look ahead, and so delay what they encode; leaving it out puts
 * the sound itself, not its packet, in its place. RFC 7845 section 4.2 recommends 80 ms where a
 * stream begins amid another; a track begins with its first packet or with silence, and some
 * players count the pre-skip as part of the length. */
enum { REC_PRE_SKIP = 312 };

/* One logical stream. */
struct rec_ogg {
    ogg_stream_state stream;
    ogg_int64_t number;
    bool open;
};

/* channels: 1 or 2. */
sup_err rec_ogg_open(struct rec_ogg *ogg, unsigned channels, const char *title,
                     struct sup_buf *out);
void rec_ogg_close(struct rec_ogg *ogg);
/* granule: samples up to the packet's end, pre-skip counted; last: the stream ends with it. */
sup_err rec_ogg_add(struct rec_ogg *ogg, const uint8_t *data, size_t len, uint64_t granule,
                    bool last);
/* Appends the pages of all that was added. */
sup_err rec_ogg_flush(struct rec_ogg *ogg, struct sup_buf *out);

/* --- recorder_pcm.c: a track's sound again, from its beginning on --- */

struct rec_pcm;

/* file is borrowed until rec_pcm_close(); rate: 8000 or 48000. Errors: SUP_E_NOMEM. */
sup_err rec_pcm_open(struct sup_rec_file *file, unsigned rate, struct rec_pcm **ret_pcm);
void rec_pcm_close(struct rec_pcm *pcm); /* NULL is a no-op */
/* The next samples, exactly those of the time line; fewer than cap: the track ends with them.
 * Errors: of sup_rec_file_read(), SUP_E_MALFORMED, SUP_E_NOMEM. */
sup_err rec_pcm_read(struct rec_pcm *pcm, int16_t *buf, size_t cap, size_t *ret_count);
#endif
