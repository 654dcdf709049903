/* The directory of recordings as a whole: which one it is, and how a recording leaves it.
 *
 * Layer:  media. Blocking: for the start of the daemon or a worker thread. No state.
 * Source: SPEC 6 (retention). */
#ifndef SUPPORTD_MEDIA_RECORDER_PLACE_H
#define SUPPORTD_MEDIA_RECORDER_PLACE_H
#include "supportd/base/err.h"
#include "supportd/base/id.h"

/* The id in dir/place, made when there is none: processes that share the directory, now or one
 * after the other, have the same. Errors: SUP_E_IO, SUP_E_MALFORMED (the file holds no id). */
SUP_MUST_CHECK sup_err sup_rec_place(const char *dir, struct sup_id *ret_place);

/* Removes all files of the recording whose tracks are dir/path.N.sup, and what was derived of them;
 * that there are none is no error. SUP_OK: they are gone for good, also after a loss of power.
 * Errors: SUP_E_IO (some are left; may be repeated), SUP_E_LIMIT (path too long). */
SUP_MUST_CHECK sup_err sup_rec_erase(const char *dir, const char *path);
#endif
