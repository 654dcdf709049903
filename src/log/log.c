#include "supportd/log/log.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supportd/base/clock.h"

enum {
    LINE_MAX_LEN = 4096, /* PIPE_BUF: a line reaches a pipe whole */
    TAIL_ROOM = 48,      /* for "dropped", "cut" and the end of the object */
    VALUE_MAX = 256,
    SLOTS = 256,
    DEFAULT_RATE = 200,
};

/* One text's present second. Texts that share a slot push each other out, which only lets more
 * lines through. */
struct slot {
    uint64_t hash;
    uint64_t second;
    unsigned lines;
    unsigned dropped;
};

struct line {
    char s[LINE_MAX_LEN];
    size_t len;
    bool cut;
};

/* The log sink: the one writable global that STYLE 2.2 rule 15 allows. */
static struct {
    pthread_mutex_t lock;
    enum sup_log_level level;
    int fd;
    unsigned rate;
    struct slot slots[SLOTS];
} sink = {PTHREAD_MUTEX_INITIALIZER, SUP_LOG_INFO, STDERR_FILENO, DEFAULT_RATE, {{0}}};

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void sup_log_setup(enum sup_log_level level, int fd, unsigned lines_per_second)
{
    pthread_mutex_lock(&sink.lock);
    sink.level = level;
    sink.fd = fd;
    sink.rate = lines_per_second;
    memset(sink.slots, 0, sizeof(sink.slots));
    pthread_mutex_unlock(&sink.lock);
}

sup_err sup_log_level_parse(const char *name, enum sup_log_level *ret_level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *ret_level = (enum sup_log_level)i;
            return SUP_OK;
        }
    }
    return SUP_E_INVAL;
}

static uint64_t hash_text(const char *text)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a, 64 bits */
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 1099511628211u;
    return h;
}

/* Whether one more line of this text may go out; *ret_dropped: lines held back before it. */
static bool admit(const char *text, unsigned *ret_dropped)
{
    *ret_dropped = 0;
    if (sink.rate == 0)
        return true;
    uint64_t hash = hash_text(text);
    uint64_t second = sup_clock_mono_us() / 1000000;
    struct slot *slot = &sink.slots[hash % SLOTS];
    if (slot->hash != hash)
        *slot = (struct slot){.hash = hash, .second = second};
    if (slot->second != second) {
        slot->second = second;
        slot->lines = 0;
    }
    if (slot->lines >= sink.rate) {
        slot->dropped++;
        return false;
    }
    slot->lines++;
    *ret_dropped = slot->dropped;
    slot->dropped = 0;
    return true;
}

static bool put(struct line *line, const char *s, size_t len)
{
    if (len > LINE_MAX_LEN - TAIL_ROOM - line->len)
        return false;
    memcpy(line->s + line->len, s, len);
    line->len += len;
    return true;
}

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Length of the well-formed UTF-8 sequence at s (Unicode table 3-7), 0 if there is none. Stops at
 * the NUL by itself, which is no tail byte. */
static size_t utf8_len(const unsigned char *s)
{
    if (s[0] < 0x80)
        return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf)
        return is_tail(s[1]) ? 2 : 0;
    if (s[0] >= 0xe0 && s[0] <= 0xef) {
        bool bad = !is_tail(s[1]) || (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f);
        return !bad && is_tail(s[2]) ? 3 : 0;
    }
    if (s[0] >= 0xf0 && s[0] <= 0xf4) {
        bool bad = !is_tail(s[1]) || (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f);
        return !bad && is_tail(s[2]) && is_tail(s[3]) ? 4 : 0;
    }
    return 0;
}

static bool put_char(struct line *line, const unsigned char *s, size_t len)
{
    char esc[8];
    if (len == 0)
        return put(line, "\xef\xbf\xbd", 3); /* U+FFFD */
    if (len > 1)
        return put(line, (const char *)s, len);
    if (*s == '"' || *s == '\\') {
        esc[0] = '\\';
        esc[1] = (char)*s;
        return put(line, esc, 2);
    }
    if (*s >= 0x20 && *s != 0x7f)
        return put(line, (const char *)s, 1);
    (void)snprintf(esc, sizeof(esc), "\\u%04x", (unsigned)*s);
    return put(line, esc, 6);
}

static bool put_string(struct line *line, const char *value)
{
    const unsigned char *s = (const unsigned char *)value;
    size_t used = 0;
    if (!put(line, "\"", 1))
        return false;
    while (s[used]) {
        size_t len = utf8_len(s + used), step = len ? len : 1;
        if (used + step > VALUE_MAX)
            break;
        if (!put_char(line, s + used, len))
            return false;
        used += step;
    }
    return put(line, "\"", 1);
}

static bool put_value(struct line *line, const struct sup_log_field *field)
{
    char num[40];
    int len;
    if (field->kind == SUP_LOG_STR && field->str)
        return put_string(line, field->str);
    if (field->kind == SUP_LOG_INT)
        len = snprintf(num, sizeof(num), "%lld", (long long)field->num);
    else if (field->kind == SUP_LOG_NUM && isfinite(field->real))
        len = snprintf(num, sizeof(num), "%.9g", field->real);
    else
        return put(line, "null", 4);
    return put(line, num, (size_t)len);
}

/* Adds the whole field or nothing. */
static void put_field(struct line *line, const struct sup_log_field *field)
{
    size_t start = line->len;
    if (start > 1 && !put(line, ",", 1)) {
        line->cut = true;
        return;
    }
    if (!put_string(line, field->key) || !put(line, ":", 1) || !put_value(line, field)) {
        line->len = start;
        line->cut = true;
    }
}

/* TAIL_ROOM is kept free for what this adds. */
static void finish(struct line *line, unsigned dropped)
{
    char tail[TAIL_ROOM] = "";
    int len = 0;
    if (dropped > 0)
        len = snprintf(tail, sizeof(tail), ",\"dropped\":%u", dropped);
    memcpy(line->s + line->len, tail, (size_t)len);
    line->len += (size_t)len;
    len = snprintf(tail, sizeof(tail), "%s}\n", line->cut ? ",\"cut\":true" : "");
    memcpy(line->s + line->len, tail, (size_t)len);
    line->len += (size_t)len;
}

static void write_line(int fd, const struct line *line)
{
    size_t done = 0;
    while (done < line->len) {
        ssize_t n = write(fd, line->s + done, line->len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* a log that cannot be written has nowhere to say so */
        done += (size_t)n;
    }
}

void sup_log_line(enum sup_log_level level, const char *area, const char *text, ...)
{
    int saved_errno = errno;
    unsigned dropped = 0;
    pthread_mutex_lock(&sink.lock);
    int fd = sink.fd;
    bool wanted = level >= sink.level && admit(text, &dropped);
    pthread_mutex_unlock(&sink.lock);
    if (!wanted) {
        errno = saved_errno;
        return;
    }
    struct line line = {.len = 0};
    struct sup_time_text ts = sup_time_text(sup_clock_wall_us());
    (void)put(&line, "{", 1);
    put_field(&line, &SUP_STR("ts", ts.s));
    put_field(&line, &SUP_STR("level", level_names[level]));
    put_field(&line, &SUP_STR("area", area));
    put_field(&line, &SUP_STR("text", text));
    va_list args;
    va_start(args, text);
    for (;;) {
        struct sup_log_field field = va_arg(args, struct sup_log_field);
        if (!field.key)
            break;
        put_field(&line, &field);
    }
    va_end(args);
    finish(&line, dropped);
    write_line(fd, &line);
    errno = saved_errno;
}
