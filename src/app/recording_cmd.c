#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app_internal.h"
#include "supportd/base/id.h"
#include "supportd/base/mem.h"
#include "supportd/call/recording.h"
#include "supportd/media/recorder.h"
#include "supportd/media/recorder_mix.h"
#include "supportd/pg/row_json.h"

/* supportd recording: the recordings of a machine from its command line. */

enum { PAGE = 200 };

/* Of the file that a track is exported to. */
struct track_name {
    char s[16];
};

static struct track_name name_of(unsigned track)
{
    struct track_name name = {"customer"};
    if (track == 1)
        strcpy(name.s, "agent");
    else if (track > 1)
        (void)snprintf(name.s, sizeof(name.s), "staff%u", track);
    return name;
}

static unsigned tracks_of(const json_t *row)
{
    json_int_t tracks = json_integer_value(json_object_get(row, "tracks"));
    return tracks < 0 ? 0 : tracks > SUP_REC_TRACKS ? SUP_REC_TRACKS : (unsigned)tracks;
}

/* Who is heard on a track; the first of them where all tracks were taken and one is shared. */
static const char *person_of(const json_t *row, unsigned track)
{
    const json_t *parties = json_object_get(row, "parties");
    const json_t *person = track == 0 ? json_object_get(row, "customer") : NULL;
    for (size_t i = 0; !person && i < json_array_size(parties); i++) {
        const json_t *party = json_array_get(parties, i);
        if (json_integer_value(json_object_get(party, "track")) == track)
            person = json_object_get(party, "staff");
    }
    const char *name = json_string_value(json_object_get(person, "name"));
    return name ? name : "-";
}

/* --- one statement, waited for --- */

struct desk {
    struct sup_config *config;
    struct sup_rec_keys *keys;
    struct sup_loop *loop;
    struct sup_pg_pool *pool;
    json_t *rows; /* of the last statement */
    sup_err err;
};

static void on_rows(const struct sup_pg_reply *reply, void *arg)
{
    struct desk *d = arg;
    d->err = reply->err;
    for (int i = 0; !reply->err && i < sup_pg_rows(reply->rows); i++) {
        json_t *row = sup_row_json(reply->rows, i, "recording");
        json_array_append_new(d->rows, json_is_object(row) ? row : json_object());
        if (!json_is_object(row))
            json_decref(row);
    }
    sup_loop_stop(d->loop);
}

static void desk_close(struct desk *d)
{
    json_decref(d->rows);
    sup_pg_pool_destroy(d->pool);
    if (d->loop)
        (void)sup_loop_destroy(d->loop);
    sup_rec_keys_destroy(d->keys);
    sup_config_destroy(d->config);
}

static const struct sup_pg_stmt_table *const recording_tables[] = {&sup_recording_stmts, NULL};

static int desk_open(struct desk *d, int argc, char **argv)
{
    const char *why = NULL;
    if (app_config(app_option(argc, argv, "--config"), true, false, &d->config))
        return 78;
    if (!d->config->recording.key_file[0] ||
        sup_rec_keys_load(d->config->recording.key_file, &d->keys, &why)) {
        (void)fprintf(stderr, "recording.key_file not read: %s\n", why ? why : "not set");
        return 1;
    }
    struct sup_pg_pool_opts opts = {
        .conninfo = d->config->database.url, .tables = recording_tables, .connections = 1};
    sup_err err = sup_loop_create(&d->loop);
    if (!err)
        err = sup_pg_pool_create(d->loop, &opts, &d->pool);
    if (err)
        (void)fprintf(stderr, "database not reached: %s\n", sup_err_name(err));
    return err ? 1 : 0;
}

static sup_err desk_wait(struct desk *d, sup_err sent)
{
    if (!sent)
        sup_loop_run(d->loop);
    sup_err err = sent ? sent : d->err;
    if (err)
        (void)fprintf(stderr, "database: %s\n", sup_err_name(err));
    return err;
}

static sup_err desk_page(struct desk *d, struct sup_id before)
{
    struct sup_recording_filter filter = {.before = before, .limit = PAGE};
    json_decref(d->rows);
    d->rows = json_array();
    return desk_wait(d, sup_recording_store_list(d->pool, "system:admin", &filter, on_rows, d));
}

static sup_err desk_one(struct desk *d, struct sup_id id)
{
    json_decref(d->rows);
    d->rows = json_array();
    return desk_wait(d, sup_recording_store_get(d->pool, "system:admin", id, on_rows, d));
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "-";
}

static struct sup_id id_of(const json_t *row)
{
    struct sup_id id = {{0}};
    const char *text = text_of(row, "id");
    if (sup_id_parse(text, strlen(text), &id))
        return (struct sup_id){{0}};
    return id;
}

/* Runs each for every recording, newest first; its sum. */
static int each_row(struct desk *d, int (*each)(struct desk *d, const json_t *row))
{
    struct sup_id before = {{0}};
    int bad = 0;
    for (;;) {
        if (desk_page(d, before))
            return -1;
        size_t count = json_array_size(d->rows);
        for (size_t i = 0; i < count; i++)
            bad += each(d, json_array_get(d->rows, i));
        if (count < PAGE)
            return bad;
        before = id_of(json_array_get(d->rows, count - 1));
    }
}

/* --- list --- */

static int list_row(struct desk *d, const json_t *row)
{
    (void)d;
    (void)printf("%s %s %-6s %8lld ms %9lld bytes%s call %s\n", text_of(row, "id"),
                 text_of(row, "started_at"), text_of(row, "state"),
                 (long long)json_integer_value(json_object_get(row, "duration_ms")),
                 (long long)json_integer_value(json_object_get(row, "bytes")),
                 json_is_true(json_object_get(row, "incomplete")) ? " incomplete" : "",
                 text_of(row, "call_id"));
    return 0;
}

/* --- verify --- */

static sup_err read_through(struct sup_rec_file *file, int out)
{
    static uint8_t buf[SUP_REC_CHUNK_MAX];
    size_t n = 1;
    sup_err err = SUP_OK;
    for (uint64_t at = 0; !err && n > 0; at += n) {
        err = sup_rec_file_read(file, at, buf, sizeof(buf), &n);
        if (!err && out >= 0 && write(out, buf, n) != (ssize_t)n)
            err = SUP_E_IO;
    }
    sup_wipe(buf, sizeof(buf));
    return err;
}

static void track_path(const struct desk *d, struct sup_id id, unsigned track, char *ret,
                       size_t cap)
{
    (void)snprintf(ret, cap, "%s/%s", d->config->recording.dir, sup_rec_path(id, track).s);
}

static const char *check_track(const struct desk *d, const json_t *row, unsigned track,
                               int64_t *bytes)
{
    char path[4096];
    struct sup_rec_file *file;
    struct sup_rec_info info;
    struct stat st;
    struct sup_id id = id_of(row);
    track_path(d, id, track, path, sizeof(path));
    sup_err err = sup_rec_file_open(path, d->keys, &file);
    if (err)
        return err == SUP_E_NOTFOUND ? "missing" : sup_err_name(err);
    if (stat(path, &st) == 0)
        *bytes += st.st_size;
    sup_rec_file_info(file, &info);
    err = read_through(file, -1);
    sup_rec_file_close(file);
    if (err || !sup_id_equal(info.recording, id) || info.track != track)
        return err == SUP_E_IO ? "unreadable" : "not what was written";
    bool ended = strcmp(text_of(row, "state"), "ended") == 0 &&
                 !json_is_true(json_object_get(row, "incomplete"));
    return ended && !info.finished ? "cut off" : NULL;
}

static int verify_row(struct desk *d, const json_t *row)
{
    int bad = 0;
    int64_t bytes = 0;
    bool ended = strcmp(text_of(row, "state"), "ended") == 0;
    if (ended && json_integer_value(json_object_get(row, "bytes")) == 0)
        return 0; /* never begun: marked incomplete */
    for (unsigned track = 0; track < tracks_of(row); track++) {
        const char *why = check_track(d, row, track, &bytes);
        if (why)
            (void)printf("%s %s: %s\n", text_of(row, "id"), name_of(track).s, why);
        bad += why != NULL;
    }
    if (!bad && ended && bytes != json_integer_value(json_object_get(row, "bytes"))) {
        (void)printf("%s: %lld bytes, the row says otherwise\n", text_of(row, "id"),
                     (long long)bytes);
        bad = 1;
    }
    if (!bad)
        (void)printf("%s: whole\n", text_of(row, "id"));
    return bad > 0;
}

/* --- export, play, play-info --- */

static int export_track(const struct desk *d, const json_t *row, unsigned track, const char *dir)
{
    struct sup_id id = id_of(row);
    char path[4096], to[4096];
    struct sup_rec_file *file;
    track_path(d, id, track, path, sizeof(path));
    (void)snprintf(to, sizeof(to), "%s/%s.%s.opus", dir, sup_id_text(id).s, name_of(track).s);
    sup_err err = sup_rec_file_open(path, d->keys, &file);
    if (err) {
        (void)fprintf(stderr, "%s: %s\n", path, sup_err_name(err));
        return 1;
    }
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        err = SUP_E_IO;
    if (!err)
        err = read_through(file, out);
    if (out >= 0 && close(out) != 0 && !err)
        err = SUP_E_IO;
    sup_rec_file_close(file);
    if (err)
        (void)fprintf(stderr, "%s: %s\n", to, sup_err_name(err));
    else
        (void)printf("%s %s\n", to, person_of(row, track));
    return err ? 1 : 0;
}

static sup_err write_part(const void *data, size_t len, void *arg)
{
    return write(*(int *)arg, data, len) == (ssize_t)len ? SUP_OK : SUP_E_IO;
}

/* All tracks of one recording. */
struct tracks {
    struct sup_rec_file *files[SUP_REC_TRACKS];
    unsigned count;
};

static void close_tracks(struct tracks *t)
{
    while (t->count > 0)
        sup_rec_file_close(t->files[--t->count]);
}

static sup_err open_tracks(const struct desk *d, const json_t *row, struct tracks *ret)
{
    char path[4096];
    sup_err err = SUP_OK;
    for (ret->count = 0; !err && ret->count < tracks_of(row); ret->count += !err) {
        track_path(d, id_of(row), ret->count, path, sizeof(path));
        err = sup_rec_file_open(path, d->keys, &ret->files[ret->count]);
    }
    if (err)
        close_tracks(ret);
    return err;
}

/* One file of all: the customer left, all others right. */
static int export_mix(const struct desk *d, const json_t *row, const char *dir)
{
    char to[4096];
    struct tracks tracks;
    (void)snprintf(to, sizeof(to), "%s/%s.mix.opus", dir, sup_id_text(id_of(row)).s);
    sup_err err = open_tracks(d, row, &tracks);
    int out = err ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (!err)
        err = out < 0 ? SUP_E_IO : sup_rec_mix(tracks.files, tracks.count, write_part, &out);
    if (out >= 0 && close(out) != 0 && !err)
        err = SUP_E_IO;
    close_tracks(&tracks);
    if (err)
        (void)fprintf(stderr, "%s: %s\n", to, sup_err_name(err));
    else
        (void)printf("%s %s | %s\n", to, person_of(row, 0), "all others");
    return err ? 1 : 0;
}

/* The row of the recording, whose opening is in the audit log now; NULL: said why. */
static const json_t *open_row(struct desk *d, struct sup_id id, unsigned track)
{
    json_decref(d->rows);
    d->rows = json_array();
    if (desk_wait(
            d, sup_recording_store_play(d->pool, "system:admin", id, (int)track, NULL, on_rows, d)))
        return NULL;
    if (json_array_size(d->rows) == 0)
        (void)fprintf(stderr, "no such recording\n");
    return json_array_get(d->rows, 0);
}

static sup_err play_track(const struct desk *d, const json_t *row, unsigned track, int out)
{
    char path[4096];
    struct sup_rec_file *file;
    if (track >= tracks_of(row))
        return SUP_E_NOTFOUND;
    track_path(d, id_of(row), track, path, sizeof(path));
    sup_err err = sup_rec_file_open(path, d->keys, &file);
    if (err)
        return err;
    err = read_through(file, out);
    sup_rec_file_close(file);
    return err;
}

static sup_err play_mix(const struct desk *d, const json_t *row, int out)
{
    struct tracks tracks;
    sup_err err = open_tracks(d, row, &tracks);
    if (err)
        return err;
    err = sup_rec_mix(tracks.files, tracks.count, write_part, &out);
    close_tracks(&tracks);
    return err;
}

/* To standard output: one track, or all of them in one stream. */
static int play(struct desk *d, struct sup_id id, const char *track)
{
    unsigned number = track ? (unsigned)(track[0] - '0') : 0;
    const json_t *row = open_row(d, id, number);
    if (!row)
        return 1;
    sup_err err =
        track ? play_track(d, row, number, STDOUT_FILENO) : play_mix(d, row, STDOUT_FILENO);
    if (err)
        (void)fprintf(stderr, "not played to its end: %s\n", sup_err_name(err));
    return err ? 1 : 0;
}

static int export(struct desk *d, struct sup_id id, const char *dir, bool mix)
{
    int bad = 0;
    const json_t *row = open_row(d, id, 0);
    if (!row)
        return 1;
    if (mix)
        return export_mix(d, row, dir);
    for (unsigned track = 0; track < tracks_of(row); track++)
        bad |= export_track(d, row, track, dir);
    return bad;
}

static int play_info(struct desk *d, struct sup_id id)
{
    if (desk_one(d, id))
        return 1;
    if (json_array_size(d->rows) == 0) {
        (void)fprintf(stderr, "no such recording\n");
        return 1;
    }
    json_t *info = json_array_get(d->rows, 0), *files = json_array();
    for (unsigned track = 0; track < tracks_of(info); track++) {
        char path[4096];
        struct sup_rec_file *file;
        struct sup_rec_info i = {.key_id = ""};
        track_path(d, id, track, path, sizeof(path));
        sup_err err = sup_rec_file_open(path, d->keys, &file);
        if (!err) {
            sup_rec_file_info(file, &i);
            sup_rec_file_close(file);
        }
        json_array_append_new(files,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:b}", "party",
                                        name_of(track).s, "person", person_of(info, track), "path",
                                        path, "problem", err ? sup_err_name(err) : "", "key",
                                        i.key_id, "opus_bytes", (json_int_t)i.plain_len, "chunks",
                                        (json_int_t)i.chunks, "finished", i.finished));
    }
    json_object_set_new(info, "files", files);
    (void)json_dumpf(info, stdout, JSON_INDENT(2));
    (void)printf("\n");
    return 0;
}

/* --- make-key --- */

/* A new key before those that the file has. */
static int make_key(const char *path)
{
    uint8_t key[32];
    char id[SUP_REC_KEY_ID_MAX + 1], old[SUP_REC_KEY_FILE_MAX] = "";
    char fresh[4096];
    time_t now = time(NULL);
    struct tm tm;
    size_t len = 0;
    FILE *f = fopen(path, "r");
    if (f) {
        len = fread(old, 1, sizeof(old) - 1, f);
        (void)fclose(f);
    }
    if (!gmtime_r(&now, &tm) || strftime(id, sizeof(id), "k%Y%m%d%H%M%S", &tm) == 0)
        return 1;
    sup_random(key, sizeof(key));
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    bool good = out != NULL;
    if (good) {
        good = fprintf(out, "%s ", id) > 0;
        for (size_t i = 0; i < sizeof(key); i++)
            good = fprintf(out, "%02x", key[i]) > 0 && good;
        good = fprintf(out, "\n") > 0 && fwrite(old, 1, len, out) == len && good;
        good = fflush(out) == 0 && fsync(fd) == 0 && good;
        good = fclose(out) == 0 && good;
        good = good && rename(fresh, path) == 0;
    }
    sup_wipe(key, sizeof(key));
    sup_wipe(old, sizeof(old));
    if (!good)
        (void)fprintf(stderr, "%s: not made\n", path);
    else
        (void)printf("%s\n", id);
    return good ? 0 : 1;
}

static int refuse(void)
{
    (void)fprintf(stderr,
                  "usage: supportd recording make-key FILE | list | verify | export ID DIR [--mix] "
                  "| play ID [--track N] | play-info ID\n");
    return 2;
}

/* The sound goes to a player or a file; a number has one digit, as there are SUP_REC_TRACKS. */
static int run_play(struct desk *d, int argc, char **argv, struct sup_id id)
{
    const char *track = app_option(argc, argv, "--track");
    _Static_assert(SUP_REC_TRACKS < 10, "one digit");
    if (isatty(STDOUT_FILENO)) {
        (void)fprintf(stderr, "standard output is a terminal: ... | opusdec - out.wav\n");
        return 2;
    }
    if (!track && argc > 3 && strcmp(argv[3], "--config") != 0)
        return refuse();
    if (track && (track[0] < '0' || track[0] > '9' || track[1] != '\0'))
        return refuse();
    return play(d, id, track);
}

static int run(struct desk *d, int argc, char **argv, struct sup_id id)
{
    if (strcmp(argv[1], "list") == 0)
        return each_row(d, list_row) < 0 ? 1 : 0;
    if (strcmp(argv[1], "verify") == 0) {
        int bad = each_row(d, verify_row);
        return bad < 0 ? 1 : bad > 0 ? 3 : 0;
    }
    if (strcmp(argv[1], "export") == 0)
        return argc > 3 ? export(d, id, argv[3], argc > 4 && strcmp(argv[4], "--mix") == 0)
                        : refuse();
    return strcmp(argv[1], "play") == 0 ? run_play(d, argc, argv, id) : play_info(d, id);
}

int app_recording(int argc, char **argv)
{
    struct desk desk = {0};
    struct sup_id id = {{0}};
    if (argc >= 3 && strcmp(argv[1], "make-key") == 0)
        return make_key(argv[2]);
    bool all = argc >= 2 && (strcmp(argv[1], "list") == 0 || strcmp(argv[1], "verify") == 0);
    bool one = argc >= 3 && (strcmp(argv[1], "export") == 0 || strcmp(argv[1], "play") == 0 ||
                             strcmp(argv[1], "play-info") == 0);
    if (!all && !(one && sup_id_parse(argv[2], strlen(argv[2]), &id) == SUP_OK))
        return refuse();
    int status = desk_open(&desk, argc, argv);
    if (status == 0)
        status = run(&desk, argc, argv, id);
    desk_close(&desk);
    return status;
}
