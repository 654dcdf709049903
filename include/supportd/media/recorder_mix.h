/* All parties of a recording in one file: stereo Ogg Opus, the customer left, everybody else right.
 *
 * Layer:  media. Blocking: for the command line or a worker thread. Source: RFC 7845, RFC 6716. */
#ifndef SUPPORTD_MEDIA_RECORDER_MIX_H
#define SUPPORTD_MEDIA_RECORDER_MIX_H
#include <stddef.h>

#include "supportd/base/buf.h"
#include "supportd/base/err.h"
#include "supportd/media/recorder_crypt.h"

/* Takes the next part of the file; data is borrowed for the call. An error ends the mixing. */
typedef sup_err (*sup_rec_mix_cb)(const void *data, size_t len, void *arg);

/* Decodes the tracks (files[0] is the customer's; count at most SUP_REC_TRACKS), adds up all others
 * (limited, not wrapped) and encodes both sides. The file lasts as long as the longest track, to
 * the sample. Errors: SUP_E_INVAL (no track, or too many), those of sup_rec_file_read() and of out,
 * SUP_E_MALFORMED, SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_rec_mix(struct sup_rec_file *const *files, unsigned count,
                                   sup_rec_mix_cb out, void *arg);
#endif
