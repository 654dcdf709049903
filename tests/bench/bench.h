/* What the generators and floors share: clocks, CPU time of a process, percentiles, failing. */
#ifndef SUPPORTD_TESTS_BENCH_H
#define SUPPORTD_TESTS_BENCH_H
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>

#define BENCH_DIE(...)                                                                             \
    do {                                                                                           \
        (void)fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                      \
        (void)fprintf(stderr, __VA_ARGS__);                                                        \
        (void)fputc('\n', stderr);                                                                 \
        exit(EXIT_FAILURE);                                                                        \
    } while (0)

#define BENCH_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            BENCH_DIE("%s (errno %d: %s)", #condition, errno, strerror(errno));                    \
    } while (0)

static inline uint64_t bench_clock_ns(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t))
        return 0;
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* User and system time of all threads of pid, as in /proc/PID/stat but in nanoseconds. */
static inline uint64_t bench_cpu_ns(pid_t pid)
{
    clockid_t id;
    if (clock_getcpuclockid(pid, &id))
        BENCH_DIE("process %d is gone", (int)pid);
    return bench_clock_ns(id);
}

struct bench_samples {
    uint32_t *us;
    size_t count, cap;
};

static inline void bench_add(struct bench_samples *s, uint64_t us)
{
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 65536;
        s->us = realloc(s->us, s->cap * sizeof(s->us[0]));
        BENCH_CHECK(s->us);
    }
    s->us[s->count++] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
}

static inline int bench_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The sample below which part (0..1) of all lie; sorts. 0 when there are none. */
static inline uint32_t bench_percentile(struct bench_samples *s, double part)
{
    if (!s->count)
        return 0;
    qsort(s->us, s->count, sizeof(s->us[0]), bench_compare);
    size_t i = (size_t)(part * (double)s->count);
    return s->us[i < s->count ? i : s->count - 1];
}
#endif
