#include "supportd/base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Test instrumentation: a frozen time, or none. */
static atomic_bool faked;
static _Atomic uint64_t fake_mono_us;
static _Atomic int64_t fake_wall_us;

static int64_t read_us(clockid_t id)
{
    struct timespec ts;
    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

uint64_t sup_clock_mono_us(void)
{
    return atomic_load_explicit(&faked, memory_order_relaxed) ? fake_mono_us
                                                              : (uint64_t)read_us(CLOCK_MONOTONIC);
}

int64_t sup_clock_wall_us(void)
{
    return atomic_load_explicit(&faked, memory_order_relaxed) ? fake_wall_us
                                                              : read_us(CLOCK_REALTIME);
}

void sup_clock_fake(uint64_t mono_us, int64_t wall_us)
{
    fake_mono_us = mono_us;
    fake_wall_us = wall_us;
    atomic_store(&faked, true);
}

void sup_clock_real(void)
{
    atomic_store(&faked, false);
}

struct sup_time_text sup_time_text(int64_t wall_us)
{
    struct sup_time_text text;
    time_t seconds = (time_t)(wall_us / 1000000);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm);
    char full[64]; /* wide enough for what the compiler thinks tm may hold */
    (void)snprintf(full, sizeof(full), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                   tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                   (int)(wall_us / 1000 % 1000));
    memcpy(text.s, full, SUP_TIME_TEXT_LEN);
    text.s[SUP_TIME_TEXT_LEN] = '\0';
    return text;
}

/* Reads exactly n digits; -1 otherwise. */
static int digits(const char *p, int n)
{
    int value = 0;
    for (int i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        value = value * 10 + (p[i] - '0');
    }
    return value;
}

static sup_err parse_offset(const char *p, const char *end, int *ret_minutes)
{
    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        *ret_minutes = 0;
        return SUP_OK;
    }
    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':')
        return SUP_E_MALFORMED;
    int hours = digits(p + 1, 2), minutes = digits(p + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
        return SUP_E_MALFORMED;
    *ret_minutes = (hours * 60 + minutes) * (*p == '-' ? -1 : 1);
    return SUP_OK;
}

sup_err sup_time_parse(const char *text, size_t len, int64_t *ret_wall_us)
{
    if (len < 20 || text[4] != '-' || text[7] != '-' || (text[10] | 0x20) != 't' ||
        text[13] != ':' || text[16] != ':')
        return SUP_E_MALFORMED;
    struct tm tm = {.tm_year = digits(text, 4) - 1900,
                    .tm_mon = digits(text + 5, 2) - 1,
                    .tm_mday = digits(text + 8, 2),
                    .tm_hour = digits(text + 11, 2),
                    .tm_min = digits(text + 14, 2),
                    .tm_sec = digits(text + 17, 2)};
    if (tm.tm_year < 70 || tm.tm_mon < 0 || tm.tm_mon > 11 || tm.tm_mday < 1 || tm.tm_mday > 31 ||
        tm.tm_hour < 0 || tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 ||
        tm.tm_sec > 60)
        return SUP_E_MALFORMED;
    const char *p = text + 19, *end = text + len;
    int64_t fraction_us = 0, unit_us = 100000;
    if (*p == '.') {
        if (++p == end || *p < '0' || *p > '9')
            return SUP_E_MALFORMED;
        for (; p < end && *p >= '0' && *p <= '9'; p++, unit_us /= 10)
            fraction_us += (*p - '0') * unit_us;
    }
    int offset_minutes;
    int mday = tm.tm_mday;
    if (p >= end || parse_offset(p, end, &offset_minutes))
        return SUP_E_MALFORMED;
    int64_t seconds = timegm(&tm);
    if (tm.tm_mday != mday && tm.tm_sec != 0)
        return SUP_E_MALFORMED;
    *ret_wall_us = (seconds - offset_minutes * 60) * 1000000 + fraction_us;
    return SUP_OK;
}
