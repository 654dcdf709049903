#include <stdio.h>

#include "app_internal.h"

enum { PATH_LEN = 4096 + SUP_PROMPTS_FILE_MAX };

/* Pieces one behind the other; a bad one does not keep the others from being looked at. */
static sup_err read_music(const struct sup_config_list *files, app_sound_problem_cb tell, void *arg,
                          struct sup_hold **hold)
{
    sup_err first = SUP_OK;
    for (size_t i = 0; i < files->count; i++) {
        const char *why = "all together longer than 30 minutes";
        struct sup_hold *piece = NULL;
        sup_err err = sup_hold_open(files->items[i], &piece, &why);
        if (!err && *hold) {
            err = sup_hold_append(*hold, piece);
            sup_hold_destroy(piece);
        } else if (!err) {
            *hold = piece;
        }
        if (err)
            tell("media.hold_music_files", files->items[i], why, arg);
        first = first ? first : err;
    }
    return first;
}

static sup_err read_prompts(const char *dir, app_sound_problem_cb tell, void *arg,
                            struct sup_prompts **prompts)
{
    struct sup_prompts_error bad;
    char path[PATH_LEN];
    sup_err err = sup_prompts_open(dir, prompts, &bad);
    if (err) {
        (void)snprintf(path, sizeof(path), "%s%s%s", dir, bad.file[0] ? "/" : "", bad.file);
        tell("media.prompts_dir", path, bad.why, arg);
    }
    return err;
}

static sup_err read_notice(const char *path, app_sound_problem_cb tell, void *arg,
                           struct sup_hold **notice)
{
    const char *why = "longer than 20 s";
    sup_err err = sup_hold_open(path, notice, &why);
    if (!err && sup_hold_count(*notice) > SUP_PROMPT_PACKETS_MAX)
        err = SUP_E_LIMIT;
    if (err)
        tell("media.recording_notice_file", path, why, arg);
    return err;
}

sup_err app_read_sounds(const struct sup_config *config, app_sound_problem_cb tell, void *arg,
                        struct app_sounds *sounds)
{
    const struct sup_config_list *files = &config->media.hold_music_files;
    const char *dir = config->media.prompts_dir, *notice = config->media.recording_notice_file;
    sup_err errs[] = {
        files->count ? read_music(files, tell, arg, &sounds->hold)
                     : sup_hold_create_builtin(&sounds->hold),
        dir[0] ? read_prompts(dir, tell, arg, &sounds->prompts) : SUP_OK,
        notice[0] ? read_notice(notice, tell, arg, &sounds->notice)
                  : sup_hold_create_notice(&sounds->notice),
    };
    return errs[0] ? errs[0] : errs[1] ? errs[1] : errs[2];
}
