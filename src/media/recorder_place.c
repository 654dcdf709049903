#include "supportd/media/recorder_place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_CAP = 4200, NUMBERS = 10 /* that the name of a track has */ };

static sup_err read_place(const char *name, struct sup_id *ret_place)
{
    char text[SUP_ID_TEXT_LEN + 2];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? SUP_E_NOTFOUND : SUP_E_IO;
    ssize_t n = read(fd, text, sizeof(text));
    (void)close(fd);
    if (n < 0)
        return SUP_E_IO;
    size_t len = n > 0 && text[n - 1] == '\n' ? (size_t)n - 1 : (size_t)n;
    return sup_id_parse(text, len, ret_place) == SUP_OK ? SUP_OK : SUP_E_MALFORMED;
}

/* Under its name only when it is whole; whoever was first stays. */
static sup_err make_place(const char *name)
{
    char fresh[PATH_CAP + 8], text[SUP_ID_TEXT_LEN + 2];
    (void)snprintf(fresh, sizeof(fresh), "%s.XXXXXX", name);
    int len = snprintf(text, sizeof(text), "%s\n", sup_id_text(sup_id_new()).s);
    int fd = mkstemp(fresh);
    if (fd < 0)
        return SUP_E_IO;
    bool good = write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    good = good && (link(fresh, name) == 0 || errno == EEXIST);
    (void)unlink(fresh);
    return good ? SUP_OK : SUP_E_IO;
}

sup_err sup_rec_place(const char *dir, struct sup_id *ret_place)
{
    char name[PATH_CAP];
    (void)snprintf(name, sizeof(name), "%s/place", dir);
    sup_err err = read_place(name, ret_place);
    if (err != SUP_E_NOTFOUND)
        return err;
    err = make_place(name);
    return err ? err : read_place(name, ret_place);
}

static bool gone(const char *name)
{
    return unlink(name) == 0 || errno == ENOENT || errno == ENOTDIR;
}

static bool sync_folder(char *name)
{
    *strrchr(name, '/') = '\0';
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT;
    bool good = fsync(fd) == 0;
    (void)close(fd);
    return good;
}

sup_err sup_rec_erase(const char *dir, const char *path)
{
    /* Sound first: whoever makes peaks looks afterwards whether it is still there. */
    static const char *const ends[] = {"", ".peaks.new", ".peaks"};
    char name[PATH_CAP];
    bool good = true;
    for (size_t e = 0; e < sizeof(ends) / sizeof(ends[0]); e++) {
        for (unsigned track = 0; track < NUMBERS; track++) {
            int n = snprintf(name, sizeof(name), "%s/%s.%u.sup%s", dir, path, track, ends[e]);
            if (n < 0 || (size_t)n >= sizeof(name))
                return SUP_E_LIMIT;
            good = gone(name) && good;
        }
    }
    return sync_folder(name) && good ? SUP_OK : SUP_E_IO;
}
