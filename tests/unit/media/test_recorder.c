/* Recordings from packets to files: sound in its place on both tracks, what a kill leaves, a disk
 * that is slow, full or away. */
#include "supportd/media/recorder.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check_main.h"
#include "support/ogg_opus.h"
#include "supportd/base/clock.h"
#include "supportd/media/recorder_mix.h"

#define KEY "a 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

enum { FRAME = 960, MS = 48 };

static struct sup_loop *loop;
static struct sup_metrics *metrics;
static struct sup_rec_keys *keys;
static struct sup_recorders *recorders;
static char dir[64];
static struct sup_recording_result result;
static unsigned done;

static void make_recorders(size_t buffer_bytes)
{
    struct sup_recorders_opts opts = {.loop = loop,
                                      .keys = keys,
                                      .dir = dir,
                                      .metrics = metrics,
                                      .buffer_bytes = buffer_bytes,
                                      .max_recordings = 4};
    ck_assert_int_eq(sup_recorders_create(&opts, &recorders), SUP_OK);
}

static void setup(void)
{
    strcpy(dir, "/tmp/supportd-recs-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    ck_assert_int_eq(sup_metrics_create(&metrics), SUP_OK);
    ck_assert_int_eq(sup_rec_keys_parse(KEY, strlen(KEY), &keys, NULL), SUP_OK);
    make_recorders(65536);
    done = 0;
}

static void end_recorders(void)
{
    sup_recorders_destroy(recorders);
    recorders = NULL;
    if (loop)
        ck_assert_int_eq(sup_loop_destroy(loop), SUP_OK);
    loop = NULL;
}

static void teardown(void)
{
    char command[128];
    end_recorders();
    sup_metrics_destroy(metrics);
    sup_rec_keys_destroy(keys);
    (void)snprintf(command, sizeof(command), "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}

static void on_done(const struct sup_recording_result *r, void *arg)
{
    result = *r;
    done++;
    if (arg)
        *(unsigned *)arg = done;
}

static void wait_done(unsigned count)
{
    while (done < count)
        sup_loop_step(loop, 1000);
}

static struct sup_rec_file *open_track(struct sup_id id, unsigned track)
{
    char path[256];
    struct sup_rec_file *f;
    (void)snprintf(path, sizeof(path), "%s/%s", dir, sup_rec_path(id, track).s);
    ck_assert_int_eq(sup_rec_file_open(path, keys, &f), SUP_OK);
    return f;
}

static struct ogg_sound sound_of(struct sup_id id, unsigned track, bool finished)
{
    struct sup_rec_info info;
    struct sup_rec_file *f = open_track(id, track);
    sup_rec_file_info(f, &info);
    ck_assert(info.finished == finished);
    ck_assert(sup_id_equal(info.recording, id));
    ck_assert_uint_eq(info.track, track);
    char *plain = malloc(info.plain_len + 1);
    size_t at = 0, n = 1;
    while (n > 0) {
        ck_assert_int_eq(sup_rec_file_read(f, at, plain + at, info.plain_len + 1 - at, &n), SUP_OK);
        at += n;
    }
    sup_rec_file_close(f);
    struct ogg_sound sound = ogg_read(plain, at);
    free(plain);
    return sound;
}

/* A tone of 20 ms: the n-th packet of a party. */
static size_t tone(struct sup_opus_enc *enc, unsigned n, bool on, uint8_t *buf)
{
    int16_t pcm[FRAME];
    size_t len;
    for (unsigned i = 0; i < FRAME; i++)
        pcm[i] = on ? (int16_t)(9000 * sin((n * FRAME + i) * 0.06)) : 0;
    ck_assert_int_eq(sup_opus_encode(enc, pcm, FRAME, buf, 400, &len), SUP_OK);
    return len;
}

/* Ten seconds at once, as if they had come in time: track 0 sounds in second 2, track 1 in 5. */
static void ten_seconds(struct sup_recording *r, uint64_t origin)
{
    struct sup_opus_enc *enc[2];
    uint8_t buf[400];
    for (int t = 0; t < 2; t++)
        ck_assert_int_eq(sup_opus_enc_create(NULL, &enc[t]), SUP_OK);
    for (unsigned n = 0; n < 500; n++) {
        for (unsigned t = 0; t < 2; t++) {
            size_t len = tone(enc[t], n, n / 50 == (t ? 5 : 2), buf);
            sup_recording_add(r, t, 77 + t, n * FRAME, buf, len, origin + n * 20000ull);
        }
    }
    for (int t = 0; t < 2; t++)
        sup_opus_enc_destroy(enc[t]);
}

START_TEST(both_tracks_are_on_one_time_line)
{
    struct sup_recording *r;
    struct sup_id id = sup_id_new();
    uint64_t origin = sup_clock_mono_us() - 10000000;
    ck_assert_int_eq(sup_recording_start(recorders, id, origin, &r), SUP_OK);
    ten_seconds(r, origin);
    ck_assert_uint_eq(sup_recording_position_us(r, origin + 5), 5);
    sup_recording_finish(r, origin + 10100000, on_done, NULL);
    ck_assert_uint_eq(done, 0);
    wait_done(1);
    ck_assert_uint_eq(result.duration_us, 10100000);
    ck_assert(!result.incomplete && result.gap_us == 0);
    uint64_t bytes = 0;
    for (unsigned t = 0; t < 2; t++) {
        char path[256];
        struct stat st;
        (void)snprintf(path, sizeof(path), "%s/%s", dir, sup_rec_path(id, t).s);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_int_eq((int)(st.st_mode & 0777), 0600);
        bytes += (uint64_t)st.st_size;
        struct ogg_sound sound = sound_of(id, t, true);
        ck_assert_uint_eq(sound.samples, 10100 * MS);
        long at = ogg_onset_ms(&sound, 0);
        ck_assert_msg(labs(at - (t ? 5000 : 2000)) <= 20, "track %u: %ld ms", t, at);
        free(sound.pcm);
    }
    ck_assert_uint_eq(result.bytes, bytes);
}
END_TEST

START_TEST(what_comes_while_the_end_is_asked_for_is_left_out)
{
    struct sup_recording *r;
    struct sup_id id = sup_id_new();
    uint64_t origin = sup_clock_mono_us() - 10000000;
    ck_assert_int_eq(sup_recording_start(recorders, id, origin, &r), SUP_OK);
    ten_seconds(r, origin);
    sup_recording_may_end(r, origin + 9500000);
    while (sup_clock_mono_us() < origin + 10700000) /* two jobs meanwhile */
        sup_loop_step(loop, 50);
    sup_recording_finish(r, origin + 9500000, on_done, NULL);
    wait_done(1);
    for (unsigned t = 0; t < 2; t++) {
        struct ogg_sound sound = sound_of(id, t, true);
        ck_assert_uint_eq(sound.samples, 9500 * MS);
        free(sound.pcm);
    }
    id = sup_id_new(); /* refused long ago: it goes on */
    origin = sup_clock_mono_us() - 10000000;
    ck_assert_int_eq(sup_recording_start(recorders, id, origin, &r), SUP_OK);
    sup_recording_may_end(r, origin + 5000000);
    ten_seconds(r, origin);
    sup_recording_finish(r, origin + 10000000, on_done, NULL);
    wait_done(2);
    struct ogg_sound sound = sound_of(id, 1, true);
    ck_assert_uint_eq(sound.samples, 10000 * MS);
    free(sound.pcm);
}
END_TEST

START_TEST(what_was_sent_is_not_on_the_disk_in_the_clear)
{
    struct sup_recording *r;
    struct sup_id id = sup_id_new();
    uint64_t origin = sup_clock_mono_us() - 10000000;
    uint8_t known[200];
    char path[256], file[65536];
    known[0] = 0xF8;
    for (size_t i = 1; i < sizeof(known); i++)
        known[i] = (uint8_t)(i * 7);
    ck_assert_int_eq(sup_recording_start(recorders, id, origin, &r), SUP_OK);
    for (unsigned n = 0; n < 20; n++)
        sup_recording_add(r, 0, 1, n * FRAME, known, sizeof(known), origin + n * 20000ull);
    sup_recording_finish(r, origin + 400000, on_done, NULL);
    wait_done(1);
    (void)snprintf(path, sizeof(path), "%s/%s", dir, sup_rec_path(id, 0).s);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(file, 1, sizeof(file), f);
    (void)fclose(f);
    ck_assert_uint_gt(n, 20 * sizeof(known));
    ck_assert_ptr_null(memmem(file, n, known + 20, 12));
    ck_assert_ptr_null(memmem(file, n, "OggS", 4));
    ck_assert_ptr_null(memmem(file, n, "OpusHead", 8));
}
END_TEST

/* The file as it is while the call goes on is what a kill at that moment leaves. */
START_TEST(a_kill_leaves_all_but_the_last_second)
{
    struct sup_recording *r;
    struct sup_opus_enc *enc;
    struct sup_id id = sup_id_new();
    uint64_t origin = sup_clock_mono_us(), now;
    uint8_t buf[400];
    unsigned n = 0;
    ck_assert_int_eq(sup_opus_enc_create(NULL, &enc), SUP_OK);
    ck_assert_int_eq(sup_recording_start(recorders, id, origin, &r), SUP_OK);
    while ((now = sup_clock_mono_us()) < origin + 3000000) {
        for (; n * 20000ull < now - origin; n++) {
            size_t len = tone(enc, n, true, buf);
            sup_recording_add(r, 0, 1, n * FRAME, buf, len, origin + n * 20000ull);
        }
        sup_loop_step(loop, 5);
    }
    for (unsigned t = 0; t < 2; t++) {
        struct ogg_sound sound = sound_of(id, t, false);
        ck_assert_msg(sound.samples >= 2000 * MS, "track %u: %zu ms", t, sound.samples / MS);
        if (t == 0)
            ck_assert(ogg_level(&sound, 1000 * MS, 900 * MS) > 3000);
        free(sound.pcm);
    }
    sup_opus_enc_destroy(enc);
    sup_recording_finish(r, now, on_done, NULL);
    wait_done(1);
}
END_TEST

START_TEST(a_full_buffer_leaves_out_and_says_so)
{
    struct sup_recording *r;
    struct sup_id id = sup_id_new();
    uint64_t origin = sup_clock_mono_us() - 10000000;
    end_recorders();
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    make_recorders(16384);
    ck_assert_int_eq(sup_recording_start(recorders, id, origin, &r), SUP_OK);
    ten_seconds(r, origin); /* does not fit: the loop did not run meanwhile */
    sup_recording_finish(r, origin + 10000000, on_done, NULL);
    wait_done(1);
    ck_assert(result.incomplete);
    ck_assert_uint_gt(result.gap_us, 1000000);
    struct ogg_sound sound = sound_of(id, 0, true);
    ck_assert_uint_eq(sound.samples, 10000 * MS); /* the time line is true all the same */
    free(sound.pcm);
}
END_TEST

START_TEST(a_full_buffer_loses_no_time_backwards)
{
    struct sup_recording *r;
    uint8_t big[1000] = {0x78}, small[3] = {0x78};
    uint64_t origin = sup_clock_mono_us() - 10000000;
    end_recorders();
    ck_assert_int_eq(sup_loop_create(&loop), SUP_OK);
    make_recorders(16384);
    ck_assert_int_eq(sup_recording_start(recorders, sup_id_new(), origin, &r), SUP_OK);
    for (uint32_t n = 0; n < 20; n++)
        sup_recording_add(r, 0, 1, n * FRAME, big, sizeof(big), origin + n * 20000ull);
    /* The other leg's packet fits, and came before the first that did not. */
    sup_recording_add(r, 1, 2, 0, small, sizeof(small), origin + 10000);
    sup_recording_add(r, 0, 1, 20 * FRAME, big, sizeof(big), origin + 400000);
    /* The end was asked for before that one came. */
    sup_recording_finish(r, origin + 390000, on_done, NULL);
    wait_done(1);
    ck_assert(result.incomplete);
    ck_assert_uint_lt(result.gap_us, 1000000);
}
END_TEST

START_TEST(a_disk_that_comes_back_gets_the_rest)
{
    struct sup_recording *r;
    struct sup_id id = sup_id_new();
    uint64_t origin = sup_clock_mono_us() - 10000000;
    char away[80];
    (void)snprintf(away, sizeof(away), "%s-away", dir);
    ck_assert_int_eq(rename(dir, away), 0);
    ck_assert_int_eq(sup_recording_start(recorders, id, origin, &r), SUP_OK);
    ten_seconds(r, origin);
    struct sup_metric *errors =
        sup_metrics_counter(metrics, "supportd_recording_errors_total", "", NULL, NULL);
    while (sup_metric_value(errors) < 2)
        sup_loop_step(loop, 1000);
    ck_assert_int_eq(rename(away, dir), 0);
    sup_recording_finish(r, sup_clock_mono_us(), on_done, NULL);
    wait_done(1);
    ck_assert(!result.incomplete);
    struct ogg_sound sound = sound_of(id, 1, true);
    ck_assert_int_le(labs(ogg_onset_ms(&sound, 0) - 5000), 20);
    free(sound.pcm);
}
END_TEST

START_TEST(a_disk_that_stays_away_ends_it_as_incomplete)
{
    struct sup_recording *r;
    uint64_t origin = sup_clock_mono_us() - 10000000;
    ck_assert_int_eq(rmdir(dir), 0);
    ck_assert_int_eq(sup_recording_start(recorders, sup_id_new(), origin, &r), SUP_OK);
    ten_seconds(r, origin);
    sup_recording_finish(r, origin + 10000000, on_done, NULL);
    wait_done(1);
    ck_assert(result.incomplete);
    ck_assert_uint_eq(result.bytes, 0);
}
END_TEST

START_TEST(an_end_of_the_process_writes_out_what_there_is)
{
    struct sup_recording *r[2];
    struct sup_id id[2] = {sup_id_new(), sup_id_new()};
    uint64_t origin = sup_clock_mono_us() - 10000000;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(sup_recording_start(recorders, id[i], origin, &r[i]), SUP_OK);
        ten_seconds(r[i], origin);
    }
    sup_recording_finish(r[0], origin + 10000000, on_done, NULL);
    sup_loop_step(loop, 0); /* its job has begun, perhaps */
    end_recorders();
    ck_assert_uint_le(done, 1);
    for (int i = 0; i < 2; i++) {
        struct ogg_sound sound = sound_of(id[i], 0, true);
        ck_assert_int_le(labs(ogg_onset_ms(&sound, 0) - 2000), 20);
        free(sound.pcm);
    }
}
END_TEST

START_TEST(who_joins_later_is_on_the_same_time_line)
{
    struct sup_recording *r;
    struct sup_opus_enc *enc;
    struct sup_id id = sup_id_new();
    uint64_t origin = sup_clock_mono_us() - 300000000ull; /* a call of five minutes */
    uint8_t buf[400];
    unsigned track = 0;
    ck_assert_int_eq(sup_opus_enc_create(NULL, &enc), SUP_OK);
    ck_assert_int_eq(sup_recording_start(recorders, id, origin, &r), SUP_OK);
    sup_loop_step(loop, 0);
    ck_assert_int_eq(sup_recording_add_track(r, &track), SUP_OK);
    ck_assert_uint_eq(track, 2);
    for (unsigned n = 0; n < 50; n++) {
        size_t len = tone(enc, n, true, buf);
        sup_recording_add(r, track, 9, n * FRAME, buf, len, origin + 290000000ull + n * 20000ull);
    }
    for (unsigned more = 3; more < SUP_REC_TRACKS; more++) {
        ck_assert_int_eq(sup_recording_add_track(r, &track), SUP_OK);
        ck_assert_uint_eq(track, more);
    }
    ck_assert_int_eq(sup_recording_add_track(r, &track), SUP_E_LIMIT);
    sup_recording_finish(r, origin + 300000000ull, on_done, NULL);
    wait_done(1);
    sup_opus_enc_destroy(enc);
    ck_assert(!result.incomplete);
    struct ogg_sound sound = sound_of(id, 2, true);
    ck_assert_uint_eq(sound.samples, 300000u * MS);
    ck_assert_int_le(labs(ogg_onset_ms(&sound, 0) - 290000), 20);
    free(sound.pcm);
}
END_TEST

START_TEST(what_was_said_before_joining_is_left_out)
{
    struct sup_recording *r;
    struct sup_opus_enc *enc;
    struct sup_id id = sup_id_new();
    uint64_t origin = sup_clock_mono_us() - 4000000ull;
    uint8_t buf[400];
    ck_assert_int_eq(sup_opus_enc_create(NULL, &enc), SUP_OK);
    ck_assert_int_eq(sup_recording_start(recorders, id, origin, &r), SUP_OK);
    /* Joined at second 1; what was said in the 100 ms before comes only now, with what follows. */
    sup_recording_joins(r, 1, origin + 1000000);
    for (unsigned n = 45; n < 100; n++) {
        uint64_t at = n < 50 ? 1000000 : n * 20000ull;
        size_t len = tone(enc, n, true, buf);
        for (unsigned t = 0; t < 2; t++)
            sup_recording_add(r, t, 9, n * FRAME, buf, len, origin + at);
    }
    sup_recording_finish(r, origin + 3000000, on_done, NULL);
    wait_done(1);
    sup_opus_enc_destroy(enc);
    for (unsigned t = 0; t < 2; t++) {
        struct ogg_sound sound = sound_of(id, t, true);
        ck_assert_int_le(labs(ogg_onset_ms(&sound, 0) - (t == 1 ? 1000 : 900)), 20);
        free(sound.pcm);
    }
}
END_TEST

static sup_err add_to(const void *data, size_t len, void *arg)
{
    return sup_buf_add(arg, data, len);
}

static sup_err refuse_it(const void *data, size_t len, void *arg)
{
    (void)data, (void)len, (void)arg;
    return SUP_E_IO;
}

START_TEST(one_file_of_all_is_as_long_and_in_time)
{
    struct sup_recording *r;
    struct sup_rec_file *files[SUP_REC_TRACKS + 1];
    struct sup_buf out = {0};
    struct sup_id id = sup_id_new();
    uint64_t origin = sup_clock_mono_us() - 10000000;
    ck_assert_int_eq(sup_recording_start(recorders, id, origin, &r), SUP_OK);
    ten_seconds(r, origin);
    sup_recording_finish(r, origin + 10110000, on_done, NULL);
    wait_done(1);
    for (unsigned t = 0; t < 2; t++)
        files[t] = open_track(id, t);
    ck_assert_int_eq(sup_rec_mix(files, 2, add_to, &out), SUP_OK);
    struct ogg_sound sound = ogg_read(out.data, out.len);
    ck_assert_uint_eq(sound.samples, 10110 * MS);
    ck_assert_int_le(labs(ogg_onset_ms(&sound, 0) - 2000), 20);
    ck_assert_int_le(labs(ogg_onset_ms(&sound, 4000) - 5000), 20);
    free(sound.pcm);
    ck_assert_int_eq(sup_rec_mix(files, 0, add_to, &out), SUP_E_INVAL);
    ck_assert_int_eq(sup_rec_mix(files, SUP_REC_TRACKS + 1, add_to, &out), SUP_E_INVAL);
    ck_assert_int_eq(sup_rec_mix(files, 2, refuse_it, NULL), SUP_E_IO);
    for (size_t i = 1; i < 12; i++) {
        sup_mem_fail_at(i);
        sup_err err = sup_rec_mix(files, 2, refuse_it, NULL);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_E_IO || err == SUP_E_NOMEM);
    }
    for (unsigned t = 0; t < 2; t++)
        sup_rec_file_close(files[t]);
    sup_buf_fini(&out);
}
END_TEST

START_TEST(a_track_without_memory_is_none)
{
    struct sup_recording *r;
    unsigned track = 99;
    uint64_t now = sup_clock_mono_us();
    ck_assert_int_eq(sup_recording_start(recorders, sup_id_new(), now, &r), SUP_OK);
    for (size_t i = 1; i < 3; i++) {
        sup_mem_fail_at(i);
        sup_err err = sup_recording_add_track(r, &track);
        sup_mem_fail_at(0);
        ck_assert_int_eq(err, SUP_E_NOMEM);
        ck_assert_uint_eq(track, 99);
    }
    ck_assert_int_eq(sup_recording_add_track(r, &track), SUP_OK);
    ck_assert_uint_eq(track, 2);
    sup_recording_finish(r, now, on_done, NULL);
    wait_done(1);
}
END_TEST

START_TEST(there_is_a_limit)
{
    struct sup_recording *r[5];
    uint64_t now = sup_clock_mono_us();
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(sup_recording_start(recorders, sup_id_new(), now, &r[i]), SUP_OK);
    ck_assert_int_eq(sup_recording_start(recorders, sup_id_new(), now, &r[4]), SUP_E_LIMIT);
    for (int i = 0; i < 4; i++)
        sup_recording_finish(r[i], now, on_done, NULL);
    wait_done(4);
    for (size_t i = 1; i < 14; i++) {
        sup_mem_fail_at(i);
        sup_err err = sup_recording_start(recorders, sup_id_new(), now, &r[0]);
        sup_mem_fail_at(0);
        ck_assert(err == SUP_OK || err == SUP_E_NOMEM);
        if (!err)
            sup_recording_finish(r[0], now, on_done, NULL);
        if (!err)
            wait_done(done + 1);
    }
}
END_TEST

SUP_CHECK_MAIN("recorder", setup, teardown, both_tracks_are_on_one_time_line,
               what_comes_while_the_end_is_asked_for_is_left_out,
               what_was_sent_is_not_on_the_disk_in_the_clear, a_kill_leaves_all_but_the_last_second,
               a_full_buffer_leaves_out_and_says_so, a_full_buffer_loses_no_time_backwards,
               a_disk_that_comes_back_gets_the_rest, a_disk_that_stays_away_ends_it_as_incomplete,
               an_end_of_the_process_writes_out_what_there_is,
               who_joins_later_is_on_the_same_time_line, what_was_said_before_joining_is_left_out,
               one_file_of_all_is_as_long_and_in_time, a_track_without_memory_is_none,
               there_is_a_limit)
