/* Time of masking per message, beside a floor: strlen() and one pass that validates UTF-8.
 *
 *   bench_mask [seconds per row, default 0.5]
 *
 * Built by the target bench_mask only. Prints one line per message: bytes, floor, ours, ratio. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "supportd/mask/mask.h"

enum { BATCH = 256 };

static const struct {
    const char *name, *text;
} messages[] = {
    {"short", "ok thanks"},
    {"chat", "Habari, naomba msaada, kadi yangu imekwama kwenye ATM ya Mlimani"},
    {"numbers", "I sent TZS 45,000 to 0712 345 678 on 2026-01-15 at 10:30 and it failed"},
    {"card", "my card is 4111 1111 1111 1111 and the pin is 4821"},
    {"unicode", "kadi: \uff14\uff11\uff11\uff11 1111\u20131111\u00a01111 asante \u263a"},
    {"long", NULL},
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 1 when text is UTF-8 by the shape of its sequences. Not inlined, so that the loop stays. */
static __attribute__((noinline)) int utf8_pass(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        size_t n = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
        for (size_t k = 1; k < n; k++)
            if (i + k >= len || ((unsigned char)text[i + k] & 0xC0) != 0x80)
                return 0;
        i += n;
    }
    return 1;
}

static double floor_ns(const char *text, double seconds)
{
    size_t runs = 0;
    volatile int valid = 1;
    double begin = now_s(), end;
    do {
        for (int i = 0; i < BATCH; i++)
            valid &= utf8_pass(text);
        runs += BATCH;
        end = now_s();
    } while (end - begin < seconds);
    return (end - begin) * 1e9 / (double)runs;
}

static double mask_ns(const struct sup_mask *mask, const char *text, double seconds)
{
    struct sup_buf out = {0};
    struct sup_mask_report report;
    size_t runs = 0, len = strlen(text);
    double begin = now_s(), end;
    do {
        for (int i = 0; i < BATCH; i++)
            if (sup_mask_apply(mask, text, len, &out, &report))
                exit(EXIT_FAILURE);
        runs += BATCH;
        end = now_s();
    } while (end - begin < seconds);
    sup_buf_fini_secret(&out);
    return (end - begin) * 1e9 / (double)runs;
}

int main(int argc, char **argv)
{
    const struct sup_mask_format format = {SUP_MASK_ACCOUNT, "01##########", false};
    const struct sup_mask_opts opts = {.formats = &format, .format_count = 1};
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 0.5;
    struct sup_mask *mask;
    static char longer[4000];
    if (seconds <= 0 || sup_mask_create(&opts, &mask, NULL)) {
        (void)fprintf(stderr, "usage: bench_mask [seconds per row]\n");
        return EXIT_FAILURE;
    }
    while (strlen(longer) + strlen(messages[1].text) + 2 < sizeof(longer))
        strcat(strcat(longer, messages[1].text), " ");
    printf("%-8s %6s %10s %10s %7s\n", "message", "bytes", "floor ns", "mask ns", "ratio");
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        const char *text = messages[i].text ? messages[i].text : longer;
        double low = floor_ns(text, seconds), ours = mask_ns(mask, text, seconds);
        printf("%-8s %6zu %10.1f %10.1f %7.1f\n", messages[i].name, strlen(text), low, ours,
               ours / low);
    }
    sup_mask_destroy(mask);
    return EXIT_SUCCESS;
}
