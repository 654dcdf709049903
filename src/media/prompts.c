#include "supportd/media/prompts.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "supportd/base/mem.h"

enum { NAME_MAX_LEN = 8, PATH_LEN = 4096 };

struct language {
    char name[NAME_MAX_LEN + 1];
    struct sup_hold *wait, *notice;
    struct sup_hold *positions[SUP_PROMPTS_POSITIONS_MAX];
    unsigned count;
};

struct sup_prompts {
    struct language languages[SUP_PROMPTS_LANGUAGES_MAX]; /* by name */
    size_t count;
};

static bool is_language(const char *name)
{
    size_t len = strlen(name), letters = strspn(name, "abcdefghijklmnopqrstuvwxyz");
    if (len > NAME_MAX_LEN || letters < 2 || letters > 3)
        return false;
    if (letters == len)
        return true;
    const char *region = name + letters + 1;
    return name[letters] == '-' && *region &&
           strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(region);
}

static sup_err read_prompt(const char *dir, const char *language, const char *name,
                           struct sup_hold **ret_prompt, struct sup_prompts_error *error)
{
    char path[PATH_LEN];
    (void)snprintf(error->file, sizeof(error->file), "%s/%s.opus", language, name);
    error->why = "the path is too long";
    if (snprintf(path, sizeof(path), "%s/%s", dir, error->file) >= (int)sizeof(path))
        return SUP_E_LIMIT;
    struct sup_hold *prompt;
    error->why = "not there";
    sup_err err = sup_hold_open(path, &prompt, &error->why);
    if (err)
        return err;
    if (sup_hold_count(prompt) > SUP_PROMPT_PACKETS_MAX) {
        error->why = "longer than 20 s";
        sup_hold_destroy(prompt);
        return SUP_E_LIMIT;
    }
    *ret_prompt = prompt;
    return SUP_OK;
}

static sup_err read_positions(const char *dir, struct language *language,
                              struct sup_prompts_error *error)
{
    sup_err err = SUP_OK;
    while (!err && language->count < SUP_PROMPTS_POSITIONS_MAX) {
        char name[32];
        (void)snprintf(name, sizeof(name), "position_%u", language->count + 1);
        err = read_prompt(dir, language->name, name, &language->positions[language->count], error);
        if (err == SUP_E_NOTFOUND)
            return SUP_OK; /* the one before was the last */
        language->count += err == SUP_OK;
    }
    return err;
}

static sup_err read_language(const char *dir, struct language *language,
                             struct sup_prompts_error *error)
{
    sup_err err = read_prompt(dir, language->name, "please_wait", &language->wait, error);
    if (!err)
        err = read_positions(dir, language, error);
    if (!err)
        err = read_prompt(dir, language->name, "recording_notice", &language->notice, error);
    return err == SUP_E_NOTFOUND && language->wait ? SUP_OK : err;
}

static bool is_prompt(const struct language *language, const char *name)
{
    unsigned position;
    int end = 0;
    if (strcmp(name, "please_wait.opus") == 0 || strcmp(name, "recording_notice.opus") == 0)
        return true;
    return sscanf(name, "position_%2u.opus%n", &position, &end) == 1 && end > 0 &&
           name[end] == '\0' && position >= 1 && position <= language->count;
}

/* A sound that would never be played is a mistake, not a spare. */
static sup_err check_rest(const char *dir, const struct language *language,
                          struct sup_prompts_error *error)
{
    char path[PATH_LEN];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, language->name);
    DIR *folder = opendir(path);
    sup_err err = folder ? SUP_OK : SUP_E_IO;
    error->why = "cannot be read";
    const struct dirent *entry;
    while (!err && (entry = readdir(folder))) {
        const char *dot = strrchr(entry->d_name, '.');
        if (!dot || strcasecmp(dot, ".opus") != 0 || is_prompt(language, entry->d_name))
            continue;
        (void)snprintf(error->file, sizeof(error->file), "%s/%s", language->name, entry->d_name);
        error->why = "no prompt is called so, or one before it is missing";
        err = SUP_E_MALFORMED;
    }
    if (folder)
        (void)closedir(folder);
    return err;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct language *)a)->name, ((const struct language *)b)->name);
}

static sup_err list_languages(const char *dir, struct sup_prompts *prompts,
                              struct sup_prompts_error *error)
{
    DIR *folder = opendir(dir);
    error->why = "cannot be read";
    if (!folder)
        return SUP_E_IO;
    sup_err err = SUP_OK;
    const struct dirent *entry;
    while (!err && (entry = readdir(folder))) {
        if (!is_language(entry->d_name))
            continue;
        if (prompts->count == SUP_PROMPTS_LANGUAGES_MAX) {
            error->why = "more than 16 languages";
            err = SUP_E_LIMIT;
            break;
        }
        memcpy(prompts->languages[prompts->count++].name, entry->d_name, strlen(entry->d_name) + 1);
    }
    (void)closedir(folder);
    if (!err && prompts->count == 0) {
        error->why = "no folder of a language (en, sw) in it";
        err = SUP_E_NOTFOUND;
    }
    qsort(prompts->languages, prompts->count, sizeof(prompts->languages[0]), by_name);
    return err;
}

sup_err sup_prompts_open(const char *dir, struct sup_prompts **ret_prompts,
                         struct sup_prompts_error *ret_error)
{
    assert(dir && ret_prompts && ret_error);
    *ret_error = (struct sup_prompts_error){.why = "out of memory"};
    struct sup_prompts *prompts = sup_calloc(1, sizeof(*prompts));
    if (!prompts)
        return SUP_E_NOMEM;
    sup_err err = list_languages(dir, prompts, ret_error);
    for (size_t i = 0; !err && i < prompts->count; i++) {
        err = read_language(dir, &prompts->languages[i], ret_error);
        if (!err)
            err = check_rest(dir, &prompts->languages[i], ret_error);
    }
    if (err) {
        sup_prompts_destroy(prompts);
        return err;
    }
    *ret_prompts = prompts;
    return SUP_OK;
}

void sup_prompts_destroy(struct sup_prompts *prompts)
{
    if (!prompts)
        return;
    for (size_t i = 0; i < prompts->count; i++) {
        struct language *language = &prompts->languages[i];
        sup_hold_destroy(language->wait);
        sup_hold_destroy(language->notice);
        for (unsigned p = 0; p < language->count; p++)
            sup_hold_destroy(language->positions[p]);
    }
    sup_free(prompts);
}

size_t sup_prompts_languages(const struct sup_prompts *prompts)
{
    return prompts->count;
}

static const struct language *find_language(const struct sup_prompts *prompts, const char *name,
                                            size_t len)
{
    for (size_t i = 0; i < prompts->count; i++) {
        const struct language *language = &prompts->languages[i];
        if (strlen(language->name) == len && strncasecmp(language->name, name, len) == 0)
            return language;
    }
    return NULL;
}

static const struct language *language_of(const struct sup_prompts *prompts, const char *name)
{
    const struct language *found = find_language(prompts, name, strlen(name));
    return found ? found : find_language(prompts, name, strcspn(name, "-_"));
}

const struct sup_hold *sup_prompts_find(const struct sup_prompts *prompts, const char *language,
                                        unsigned position)
{
    assert(prompts && prompts->count);
    const struct language *found = language_of(prompts, language ? language : "");
    if (!found)
        found = find_language(prompts, "en", 2);
    if (!found)
        found = &prompts->languages[0];
    return position >= 1 && position <= found->count ? found->positions[position - 1] : found->wait;
}

const struct sup_hold *sup_prompts_notice(const struct sup_prompts *prompts, const char *language)
{
    assert(prompts);
    const struct language *found = language_of(prompts, language ? language : "");
    return found ? found->notice : NULL;
}
