#include "supportd/media/recorder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "supportd/base/clock.h"
#include "supportd/base/list.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/media/recorder_track.h"

/*  loop thread           worker (one job at a time)
 *
 *    fill --(a job begins)--> drain --time line--> pages --seal--> sealed --write--> file
 *
 *  What is left of the arrow belongs to the loop thread, what is right of it to the job. */

enum {
    FLUSH_US = 300000,
    PACKET_US = 20000,
    /* Sealed and not written, as when the disk is full: a chunk cannot be sealed twice (the nonce
     * is its number), so it is kept for the next try and no more is taken meanwhile. */
    BACKLOG_MAX = 256 * 1024,
    FINISH_TRIES = 10,
    SYNC_ALL_FROM = 4, /* one syncfs() is cheaper than more fsync()s than this */
};

struct entry {
    uint32_t ssrc, ts;
    uint64_t at_us, from_us;
    uint16_t len;
    uint8_t track;
};

struct track_file {
    struct sup_rec_track *line;
    struct sup_rec_seal *seal;
    struct sup_buf pages, sealed;
    int fd;
    uint64_t written; /* bytes of the file */
    bool dirty;
};

struct bytes {
    uint8_t *data;
    size_t len;
};

struct sup_recording {
    struct sup_recorders *recorders;
    struct sup_link link;
    struct sup_id id;
    uint64_t origin_us;
    /* loop thread */
    unsigned tracks; /* that there are */
    struct bytes fill;
    uint64_t from_us;                   /* since origin: end of the last pause */
    uint64_t joined_us[SUP_REC_TRACKS]; /* since origin: what was said before is left out */
    bool full;
    uint64_t full_since_us, lost_us;
    bool ending;
    uint64_t end_us;     /* since origin */
    uint64_t may_end_us; /* since origin; 0: not asked */
    sup_recording_cb cb;
    void *arg;
    /* job; now_us, finish, job_tracks and drain are set before it */
    struct bytes drain;
    uint64_t now_us;
    bool finish;
    unsigned job_tracks;
    struct track_file files[SUP_REC_TRACKS]; /* of the job up to job_tracks */
    uint64_t refused_us;                     /* sound that a full backlog kept out */
    unsigned tries;
    unsigned errors; /* since the last look */
    bool lost;       /* no memory, or no file: nothing more gets there */
    bool done;
};

struct sup_recorders {
    struct sup_recorders_opts opts;
    struct sup_link all;
    size_t count;
    struct sup_timer *timer;
    struct sup_work *job;
    bool destroyed;
    struct sup_recording **batch; /* of the job */
    size_t batch_count;
    uint64_t job_us;
    struct sup_metric *active, *bytes, *dropped, *errors, *seconds;
};

struct sup_rec_path sup_rec_path(struct sup_id id, unsigned track)
{
    struct sup_rec_path path;
    struct tm tm;
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id.bytes[i]; /* RFC 9562 section 5.7 */
    time_t at = (time_t)(ms / 1000);
    if (!gmtime_r(&at, &tm))
        tm = (struct tm){.tm_year = 70};
    (void)snprintf(path.s, sizeof(path.s), "%04d%02d/%s.%u.sup", (tm.tm_year + 1900) % 10000,
                   tm.tm_mon + 1, sup_id_text(id).s, track % 100);
    return path;
}

/* --- the job --- */

static bool open_file(struct sup_recording *r, unsigned track)
{
    char path[4096];
    struct track_file *file = &r->files[track];
    const char *dir = r->recorders->opts.dir;
    struct sup_rec_path name = sup_rec_path(r->id, track);
    int n = snprintf(path, sizeof(path), "%s/%.6s", dir, name.s);
    if (n < 0 || (size_t)n >= sizeof(path) - sizeof(name.s))
        return false;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return false;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name.s);
    file->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return file->fd >= 0;
}

static void add_packets(struct sup_recording *r)
{
    struct entry e;
    for (size_t at = 0; at + sizeof(e) <= r->drain.len;) {
        memcpy(&e, r->drain.data + at, sizeof(e));
        at += sizeof(e);
        struct sup_rec_packet packet = {e.ssrc, e.ts,     e.at_us, r->drain.data + at,
                                        e.len,  e.from_us};
        /* Without memory it is one packet less: counted there, filled by the time line. */
        (void)(sup_rec_track_add(r->files[e.track].line, &packet) == SUP_OK);
        at += e.len;
    }
    sup_wipe(r->drain.data, r->drain.len);
    r->drain.len = 0;
}

static bool seal_pages(struct track_file *file, bool last)
{
    size_t at = 0;
    do {
        size_t n = file->pages.len - at;
        n = n > SUP_REC_CHUNK_MAX ? SUP_REC_CHUNK_MAX : n;
        bool end = last && at + n == file->pages.len;
        if ((n > 0 || end) &&
            sup_rec_seal_add(file->seal, n ? file->pages.data + at : NULL, n, end, &file->sealed))
            return false;
        at += n;
    } while (at < file->pages.len);
    sup_wipe(file->pages.data, file->pages.len);
    sup_buf_clear(&file->pages);
    return true;
}

static bool write_sealed(struct sup_recording *r, unsigned track)
{
    struct track_file *file = &r->files[track];
    if (file->fd < 0 && !open_file(r, track))
        return false;
    while (file->sealed.len > 0) {
        ssize_t n = pwrite(file->fd, file->sealed.data, file->sealed.len, (off_t)file->written);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        file->written += (uint64_t)n;
        file->dirty = true;
        sup_buf_drop(&file->sealed, (size_t)n);
    }
    return true;
}

static bool backlogged(const struct sup_recording *r)
{
    for (unsigned i = 0; i < r->job_tracks; i++)
        if (r->files[i].sealed.len > BACKLOG_MAX)
            return true;
    return false;
}

static void make_chunks(struct sup_recording *r)
{
    for (unsigned i = 0; i < r->job_tracks && !r->lost; i++) {
        struct track_file *file = &r->files[i];
        sup_err err = r->finish ? sup_rec_track_finish(file->line, r->end_us, &file->pages)
                                : sup_rec_track_advance(file->line, r->now_us, &file->pages);
        if (err || !seal_pages(file, r->finish))
            r->lost = true;
    }
}

static void run_one(struct sup_recording *r)
{
    if (r->done)
        return;
    bool backlog = backlogged(r), again = r->finish && r->tries > 0;
    if (!again && !r->lost) {
        if (backlog) { /* what came since is left out; the time line fills it later */
            r->refused_us += FLUSH_US;
            sup_wipe(r->drain.data, r->drain.len);
            r->drain.len = 0;
        } else {
            add_packets(r);
        }
        if (!backlog || r->finish)
            make_chunks(r);
    }
    bool written = !r->lost;
    for (unsigned i = 0; i < r->job_tracks && written; i++)
        written = write_sealed(r, i);
    r->errors += !written;
    r->done = r->finish && (written || r->lost || ++r->tries >= FINISH_TRIES);
    if (r->finish && r->done && !written)
        r->lost = true;
}

/* So that a kill of the machine costs no more than one of the process. */
static void sync_files(const struct sup_recorders *recorders)
{
    size_t dirty = 0;
    int any = -1;
    for (size_t i = 0; i < recorders->batch_count; i++) {
        for (unsigned k = 0; k < recorders->batch[i]->job_tracks; k++) {
            const struct track_file *file = &recorders->batch[i]->files[k];
            dirty += file->dirty;
            any = file->dirty ? file->fd : any;
        }
    }
    bool all = dirty > SYNC_ALL_FROM;
    bool good = !all || syncfs(any) == 0;
    for (size_t i = 0; i < recorders->batch_count; i++) {
        for (unsigned k = 0; k < recorders->batch[i]->job_tracks; k++) {
            struct track_file *file = &recorders->batch[i]->files[k];
            if (file->dirty && (all ? !good : fdatasync(file->fd) != 0))
                recorders->batch[i]->errors++;
            file->dirty = false;
        }
    }
}

static void run_job(void *arg)
{
    struct sup_recorders *recorders = arg;
    uint64_t start = sup_clock_mono_us();
    for (size_t i = 0; i < recorders->batch_count; i++)
        run_one(recorders->batch[i]);
    sync_files(recorders);
    recorders->job_us = sup_clock_mono_us() - start;
}

/* --- the loop thread --- */

static void recording_free(struct sup_recording *r)
{
    for (int i = 0; i < SUP_REC_TRACKS; i++) {
        struct track_file *file = &r->files[i];
        sup_rec_track_destroy(file->line);
        sup_rec_seal_destroy(file->seal);
        sup_buf_fini_secret(&file->pages);
        sup_buf_fini(&file->sealed);
        if (file->fd >= 0)
            (void)close(file->fd);
    }
    if (r->link.next)
        r->recorders->count--;
    sup_list_remove(&r->link);
    sup_metric_set(r->recorders->active, (double)r->recorders->count);
    sup_free(r->fill.data);
    sup_free(r->drain.data);
    sup_free(r);
}

static void recorders_free(struct sup_recorders *recorders)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &recorders->all)
    recording_free(SUP_CONTAINER_OF(pos, struct sup_recording, link));
    sup_timer_destroy(recorders->timer);
    sup_free(recorders->batch);
    sup_free(recorders);
}

static void tell_done(struct sup_recording *r)
{
    struct sup_recording_result result = {
        .duration_us = r->end_us, .gap_us = r->lost_us + r->refused_us, .incomplete = r->lost};
    for (unsigned i = 0; i < r->tracks; i++)
        result.bytes += r->files[i].written;
    result.incomplete |= result.gap_us > 0;
    sup_recording_cb cb = r->cb;
    void *arg = r->arg;
    recording_free(r);
    if (cb)
        cb(&result, arg);
}

static void rearm(struct sup_recorders *recorders)
{
    if (!recorders->job && !sup_list_empty(&recorders->all) && !sup_timer_armed(recorders->timer))
        sup_timer_start(recorders->timer, FLUSH_US);
}

static void after_job(struct sup_recorders *recorders)
{
    recorders->job = NULL;
    for (size_t i = 0; i < recorders->batch_count; i++) {
        struct sup_recording *r = recorders->batch[i];
        if (r->errors > 0)
            sup_log_debug("media", "recording not written",
                          SUP_STR("recording", sup_id_text(r->id).s));
        sup_metric_add(recorders->errors, r->errors);
        r->errors = 0;
    }
}

static void on_job_done(void *arg)
{
    struct sup_recorders *recorders = arg;
    after_job(recorders);
    sup_metric_observe(recorders->seconds, (double)recorders->job_us / 1e6);
    size_t count = recorders->batch_count;
    recorders->batch_count = 0;
    for (size_t i = 0; i < count; i++)
        if (recorders->batch[i]->done)
            tell_done(recorders->batch[i]);
    rearm(recorders);
}

/* Packets of two legs, and the end, come in no order of time: then the one packet is what was lost.
 */
static void end_lost_time(struct sup_recording *r, uint64_t now_us)
{
    bool later = now_us > r->full_since_us;
    if (r->full)
        r->lost_us += later ? now_us - r->full_since_us : PACKET_US;
    r->full = false;
}

/* Hands what was gathered to the job. */
static void make_batch(struct sup_recorders *recorders)
{
    struct sup_link *pos, *tmp;
    uint64_t now = sup_clock_mono_us();
    recorders->batch_count = 0;
    SUP_LIST_EACH(pos, tmp, &recorders->all)
    {
        struct sup_recording *r = SUP_CONTAINER_OF(pos, struct sup_recording, link);
        if (r->done) /* by the job that was cancelled */
            continue;
        struct bytes empty = r->drain;
        r->drain = r->fill;
        r->fill = empty;
        r->now_us = now > r->origin_us ? now - r->origin_us : 0;
        if (r->may_end_us > 0 && r->now_us > r->may_end_us &&
            r->now_us - r->may_end_us < SUP_REC_END_NEWS_US)
            r->now_us = r->may_end_us;
        r->finish = r->ending;
        r->job_tracks = r->tracks;
        recorders->batch[recorders->batch_count++] = r;
    }
}

static void on_job_dropped(void *arg)
{
    struct sup_recorders *recorders = arg;
    run_job(recorders); /* it may not have run at all; what it did is not done twice */
    after_job(recorders);
    sup_recorders_destroy(recorders);
}

static void on_timer(void *arg)
{
    struct sup_recorders *recorders = arg;
    make_batch(recorders);
    if (recorders->batch_count > 0 && sup_work_start(recorders->opts.loop, run_job, on_job_done,
                                                     on_job_dropped, recorders, &recorders->job)) {
        /* The work queue is full: the same packets again at the next try, newer ones behind. */
        for (size_t i = 0; i < recorders->batch_count; i++) {
            struct bytes kept = recorders->batch[i]->drain;
            recorders->batch[i]->drain = recorders->batch[i]->fill;
            recorders->batch[i]->fill = kept;
        }
        recorders->batch_count = 0;
        rearm(recorders);
    }
}

sup_err sup_recorders_create(const struct sup_recorders_opts *opts,
                             struct sup_recorders **ret_recorders)
{
    static const double bounds[] = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3};
    struct sup_recorders *recorders = sup_calloc(1, sizeof(*recorders));
    if (!recorders)
        return SUP_E_NOMEM;
    recorders->opts = *opts;
    sup_list_init(&recorders->all);
    recorders->batch = sup_calloc(opts->max_recordings, sizeof(*recorders->batch));
    sup_err err = recorders->batch
                      ? sup_timer_create(opts->loop, on_timer, recorders, &recorders->timer)
                      : SUP_E_NOMEM;
    if (err) {
        recorders_free(recorders);
        return err;
    }
    recorders->active = sup_metrics_gauge(opts->metrics, "supportd_recordings",
                                          "Calls being recorded.", NULL, NULL);
    recorders->bytes = sup_metrics_counter(opts->metrics, "supportd_recording_bytes_total",
                                           "Opus bytes taken.", NULL, NULL);
    recorders->dropped = sup_metrics_counter(opts->metrics, "supportd_recording_dropped_total",
                                             "Packets for which there was no room.", NULL, NULL);
    recorders->errors = sup_metrics_counter(opts->metrics, "supportd_recording_errors_total",
                                            "Writes that failed.", NULL, NULL);
    recorders->seconds = sup_metrics_histogram(opts->metrics, "supportd_recording_write_seconds",
                                               "Time to write and sync all recordings.", bounds,
                                               sizeof(bounds) / sizeof(bounds[0]));
    *ret_recorders = recorders;
    return SUP_OK;
}

static void end_all(struct sup_recorders *recorders)
{
    struct sup_link *pos, *tmp;
    uint64_t now = sup_clock_mono_us();
    SUP_LIST_EACH(pos, tmp, &recorders->all)
    {
        struct sup_recording *r = SUP_CONTAINER_OF(pos, struct sup_recording, link);
        if (!r->ending)
            sup_recording_finish(r, now, NULL, NULL);
    }
}

void sup_recorders_destroy(struct sup_recorders *recorders)
{
    if (!recorders)
        return;
    if (!recorders->destroyed)
        end_all(recorders);
    recorders->destroyed = true;
    sup_timer_destroy(recorders->timer);
    recorders->timer = NULL;
    if (recorders->job) { /* goes on in on_job_dropped() */
        sup_work_cancel(recorders->job);
        return;
    }
    make_batch(recorders);
    run_job(recorders);
    recorders_free(recorders);
}

static sup_err track_open(struct sup_recording *r)
{
    static const char *const titles[] = {"customer", "agent", "staff"};
    unsigned number = r->tracks;
    struct track_file *file = &r->files[number];
    sup_err err = sup_rec_track_create(titles[number < 2 ? number : 2], &file->line);
    if (!err)
        err = sup_rec_seal_create(r->recorders->opts.keys, r->id, (uint8_t)number, &file->seal);
    if (!err)
        err = sup_rec_seal_header(file->seal, &file->sealed);
    if (!err) {
        r->tracks++;
        return SUP_OK;
    }
    sup_rec_track_destroy(file->line);
    sup_rec_seal_destroy(file->seal);
    sup_buf_fini(&file->sealed);
    *file = (struct track_file){.fd = -1};
    return err;
}

sup_err sup_recording_start(struct sup_recorders *recorders, struct sup_id id, uint64_t origin_us,
                            struct sup_recording **ret)
{
    if (recorders->count >= recorders->opts.max_recordings)
        return SUP_E_LIMIT;
    struct sup_recording *r = sup_calloc(1, sizeof(*r));
    if (!r)
        return SUP_E_NOMEM;
    r->recorders = recorders;
    r->id = id;
    r->origin_us = origin_us;
    for (unsigned i = 0; i < SUP_REC_TRACKS; i++)
        r->files[i].fd = -1;
    r->fill.data = sup_malloc(recorders->opts.buffer_bytes);
    r->drain.data = sup_malloc(recorders->opts.buffer_bytes);
    sup_err err = r->fill.data && r->drain.data ? SUP_OK : SUP_E_NOMEM;
    for (unsigned i = 0; i < 2 && !err; i++)
        err = track_open(r);
    if (err) {
        recording_free(r);
        return err;
    }
    sup_list_append(&recorders->all, &r->link);
    recorders->count++;
    sup_metric_set(recorders->active, (double)recorders->count);
    rearm(recorders);
    *ret = r;
    return SUP_OK;
}

sup_err sup_recording_add_track(struct sup_recording *recording, unsigned *ret_track)
{
    if (recording->tracks >= SUP_REC_TRACKS)
        return SUP_E_LIMIT;
    sup_err err = track_open(recording);
    if (!err)
        *ret_track = recording->tracks - 1;
    return err;
}

void sup_recording_add(struct sup_recording *recording, unsigned track, uint32_t ssrc, uint32_t ts,
                       const uint8_t *payload, size_t len, uint64_t arrival_us)
{
    struct sup_recording *r = recording;
    struct sup_recorders *recorders = r->recorders;
    assert(track < r->tracks && !r->ending);
    uint64_t from_us = r->from_us > r->joined_us[track] ? r->from_us : r->joined_us[track];
    struct entry e = {ssrc, ts, 0, from_us, (uint16_t)len, (uint8_t)track};
    if (arrival_us < r->origin_us || len > UINT16_MAX)
        return;
    if (r->fill.len + sizeof(e) + len > recorders->opts.buffer_bytes) {
        if (!r->full)
            r->full_since_us = arrival_us;
        r->full = true;
        sup_metric_add(recorders->dropped, 1);
        return;
    }
    end_lost_time(r, arrival_us);
    e.at_us = arrival_us - r->origin_us;
    memcpy(r->fill.data + r->fill.len, &e, sizeof(e));
    memcpy(r->fill.data + r->fill.len + sizeof(e), payload, len);
    r->fill.len += sizeof(e) + len;
    sup_metric_add(recorders->bytes, (double)len);
}

void sup_recording_go_on(struct sup_recording *recording, uint64_t now_us)
{
    recording->from_us = sup_recording_position_us(recording, now_us);
}

void sup_recording_joins(struct sup_recording *recording, unsigned track, uint64_t now_us)
{
    assert(track < recording->tracks);
    recording->joined_us[track] = sup_recording_position_us(recording, now_us);
}

void sup_recording_may_end(struct sup_recording *recording, uint64_t now_us)
{
    recording->may_end_us = sup_recording_position_us(recording, now_us);
}

uint64_t sup_recording_position_us(const struct sup_recording *recording, uint64_t now_us)
{
    return now_us > recording->origin_us ? now_us - recording->origin_us : 0;
}

void sup_recording_finish(struct sup_recording *recording, uint64_t end_us, sup_recording_cb cb,
                          void *arg)
{
    struct sup_recording *r = recording;
    end_lost_time(r, end_us);
    r->ending = true;
    r->end_us = sup_recording_position_us(r, end_us);
    r->cb = cb;
    r->arg = arg;
    if (!r->recorders->job && r->recorders->timer)
        sup_timer_start(r->recorders->timer, 0);
}
