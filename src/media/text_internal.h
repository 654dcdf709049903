/* Pieces of text inside a line that is not NUL-terminated: shared by sdp.c and candidate.c. */
#ifndef SUPPORTD_SRC_MEDIA_TEXT_INTERNAL_H
#define SUPPORTD_SRC_MEDIA_TEXT_INTERNAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

struct span {
    const char *p;
    size_t len;
};

static inline bool span_is(struct span s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.p, word, s.len) == 0;
}

static inline bool span_is_nocase(struct span s, const char *word)
{
    return s.len == strlen(word) && strncasecmp(s.p, word, s.len) == 0;
}

/* Removes prefix from *s if it begins with it. */
static inline bool span_skip(struct span *s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (s->len < n || memcmp(s->p, prefix, n) != 0)
        return false;
    s->p += n;
    s->len -= n;
    return true;
}

/* Cuts the piece up to the next sep (and the sep) off *rest. Empty when rest is. */
static inline struct span span_cut(struct span *rest, char sep)
{
    const char *end = rest->len ? memchr(rest->p, sep, rest->len) : NULL;
    struct span piece = {rest->p, end ? (size_t)(end - rest->p) : rest->len};
    size_t used = piece.len + (end ? 1 : 0);
    if (used) {
        rest->p += used;
        rest->len -= used;
    }
    return piece;
}

/* The next word, words being separated by spaces; empty at the end. */
static inline struct span span_word(struct span *rest)
{
    while (rest->len && *rest->p == ' ') {
        rest->p++;
        rest->len--;
    }
    return span_cut(rest, ' ');
}

/* Decimal digits only, 1..20 of them, at most max. */
static inline bool span_number(struct span s, uint64_t max, uint64_t *ret_value)
{
    uint64_t v = 0;
    if (s.len == 0 || s.len > 20)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (v > (max - digit) / 10 || digit > max)
            return false;
        v = v * 10 + digit;
    }
    *ret_value = v;
    return true;
}

/* Copies s with a NUL into out[cap]; false if it does not fit. */
static inline bool span_copy(struct span s, char *out, size_t cap)
{
    if (s.len >= cap)
        return false;
    if (s.len)
        memcpy(out, s.p, s.len);
    out[s.len] = '\0';
    return true;
}
#endif
