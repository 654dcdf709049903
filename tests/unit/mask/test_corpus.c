/* Recall and precision on the labelled corpus (tests/vectors/mask/README.md). Prints the table and
 * fails under the floors below.
 *   recall     labels that lie wholly inside places masked as their category
 *   precision  places masked that touch a label of their category, over texts with and without
 *   exact      texts that come out as labelled, to the byte
 * With MASK_CORPUS_VERBOSE set, each text that differs is printed. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check_main.h"
#include "supportd/mask/split.h"

enum { MAX_LABELS = 16, LANGS = 2 };

static const struct sup_mask_format account = {SUP_MASK_ACCOUNT, "########????????", false};
static const struct sup_mask_opts opts = {.formats = &account, .format_count = 1};

/* Parts per thousand. Categories of one row share it. */
static const struct {
    enum sup_mask_category category;
    unsigned recall, precision;
} floors[] = {
    {SUP_MASK_CARD, 990, 980},    {SUP_MASK_IBAN, 990, 980}, {SUP_MASK_CVV, 950, 980},
    {SUP_MASK_PIN, 950, 980},     {SUP_MASK_OTP, 950, 980},  {SUP_MASK_PASSWORD, 950, 980},
    {SUP_MASK_ACCOUNT, 950, 980},
};

struct score {
    unsigned labels, recalled, found, right;
};
struct span {
    unsigned category;
    size_t first, last; /* bytes of the text */
};

static struct sup_mask *mask;
static struct score scores[LANGS][SUP_MASK_CATEGORIES];
static unsigned lines, exact, altered, negatives;

static void setup(void)
{
    memset(scores, 0, sizeof(scores));
    lines = exact = altered = negatives = 0;
    ck_assert_int_eq(sup_mask_create(&opts, &mask, NULL), SUP_OK);
}

static void teardown(void)
{
    sup_mask_destroy(mask);
}

static const char *get(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    ck_assert_ptr_nonnull(s);
    return s;
}

static bool verbose(void)
{
    return getenv("MASK_CORPUS_VERBOSE") != NULL;
}

/* The byte of code point n. */
static size_t byte_of(const char *text, size_t n)
{
    size_t i = 0;
    for (; text[i] && n > 0; n--)
        for (i++; ((unsigned char)text[i] & 0xC0) == 0x80;)
            i++;
    return i;
}

static size_t read_labels(const json_t *line, struct span *labels)
{
    const json_t *list = json_object_get(line, "spans");
    size_t n = json_array_size(list);
    ck_assert_uint_le(n, MAX_LABELS);
    for (size_t i = 0; i < n; i++) {
        const json_t *o = json_array_get(list, i);
        enum sup_mask_category category;
        ck_assert_int_eq(sup_mask_category_parse(get(o, "category"), &category), SUP_OK);
        size_t start = (size_t)json_integer_value(json_object_get(o, "start"));
        size_t end = (size_t)json_integer_value(json_object_get(o, "end"));
        labels[i] = (struct span){(unsigned)category, byte_of(get(line, "text"), start),
                                  byte_of(get(line, "text"), end)};
    }
    return n;
}

static void score(const struct span *labels, size_t n, const struct sup_mask_report *r,
                  struct score *of_lang)
{
    for (size_t i = 0; i < n; i++) {
        struct score *s = &of_lang[labels[i].category];
        s->labels++;
        for (uint32_t k = 0; k < r->span_count; k++) {
            const struct sup_mask_span *f = &r->spans[k];
            if ((unsigned)f->category == labels[i].category &&
                f->source_offset <= labels[i].first &&
                f->source_offset + f->source_len >= labels[i].last) {
                s->recalled++;
                break;
            }
        }
    }
    for (uint32_t k = 0; k < r->span_count; k++) {
        const struct sup_mask_span *f = &r->spans[k];
        of_lang[f->category].found++;
        for (size_t i = 0; i < n; i++)
            if ((unsigned)f->category == labels[i].category && f->source_offset < labels[i].last &&
                f->source_offset + f->source_len > labels[i].first) {
                of_lang[f->category].right++;
                break;
            }
    }
}

static void run_line(const json_t *line, struct sup_buf *out)
{
    const char *text = get(line, "text"), *want = get(line, "masked");
    struct sup_mask_report r;
    struct span labels[MAX_LABELS];
    size_t n = read_labels(line, labels);
    int lang = strcmp(get(line, "lang"), "sw") == 0;
    ck_assert_int_eq(sup_mask_apply(mask, text, strlen(text), out, &r), SUP_OK);
    score(labels, n, &r, scores[lang]);
    bool same = strcmp(out->data, want) == 0;
    lines++;
    exact += same;
    negatives += n == 0;
    altered += n == 0 && !same;
    if (!same && verbose())
        printf("%s %s: %s\n   got  %s\n   want %s\n", get(line, "id"), get(line, "note"), text,
               out->data, want);
}

static void each_line(const char *file, void (*run)(const json_t *, struct sup_buf *))
{
    char path[512], buf[8192];
    struct sup_buf out = {0};
    (void)snprintf(path, sizeof(path), "%s/mask/%s", SUP_TEST_VECTORS, file);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(buf, sizeof(buf), f)) {
        json_t *line = json_loads(buf, 0, NULL);
        ck_assert_ptr_nonnull(line);
        run(line, &out);
        json_decref(line);
    }
    (void)fclose(f);
    sup_buf_fini(&out);
}

static unsigned per_mille(unsigned part, unsigned whole)
{
    return whole ? part * 1000u / whole : 1000;
}

static void print_row(const char *name, const char *lang, const struct score *s)
{
    printf("%-12s %-4s %6u %9.3f %7u %9.3f\n", name, lang, s->labels,
           per_mille(s->recalled, s->labels) / 1000.0, s->found,
           per_mille(s->right, s->found) / 1000.0);
}

START_TEST(recall_and_precision)
{
    each_line("positive.jsonl", run_line);
    each_line("negative.jsonl", run_line);
    printf("%-12s %-4s %6s %9s %7s %9s\n", "category", "lang", "labels", "recall", "found",
           "precision");
    bool under = false;
    for (size_t i = 0; i < sizeof(floors) / sizeof(floors[0]); i++) {
        enum sup_mask_category c = floors[i].category;
        struct score all = scores[0][c];
        all.labels += scores[1][c].labels;
        all.recalled += scores[1][c].recalled;
        all.found += scores[1][c].found;
        all.right += scores[1][c].right;
        print_row(sup_mask_category_name(c), "en", &scores[0][c]);
        print_row("", "sw", &scores[1][c]);
        print_row("", "all", &all);
        under = under || per_mille(all.recalled, all.labels) < floors[i].recall ||
                per_mille(all.right, all.found) < floors[i].precision;
    }
    printf("exact %u of %u texts; %u of %u harmless texts altered\n", exact, lines, altered,
           negatives);
    ck_assert(!under);
    ck_assert_uint_ge(lines, 1000);
}
END_TEST

/* --- split numbers --- */

static struct {
    unsigned join, joined, none, wrong;
} splits;

static void store(struct sup_buf *texts, const struct sup_mask_split_result *r, size_t part)
{
    sup_buf_clear(&texts[part]);
    ck_assert_int_eq(sup_buf_add(&texts[part], r->text.data, r->text.len), SUP_OK);
    for (uint32_t k = 0; k < r->earlier_count; k++) {
        struct sup_buf *earlier = &texts[r->earlier[k].message.bytes[0]];
        sup_buf_clear(earlier);
        ck_assert_int_eq(sup_buf_add(earlier, r->earlier[k].text.data, r->earlier[k].text.len),
                         SUP_OK);
    }
}

static void run_split(const json_t *line, struct sup_buf *out)
{
    (void)out;
    const json_t *parts = json_object_get(line, "parts"), *want = json_object_get(line, "masked");
    struct sup_mask_split *split;
    struct sup_mask_split_result r = {0};
    struct sup_buf texts[SUP_MASK_SPLIT_MAX_PARTS] = {0};
    const struct sup_mask_split_key key = {{{1}}, {{2}}};
    ck_assert_int_eq(sup_mask_split_create(mask, NULL, &split), SUP_OK);
    bool same = true, join = false;
    ck_assert_uint_le(json_array_size(parts), SUP_MASK_SPLIT_MAX_PARTS);
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const char *text = json_string_value(json_array_get(parts, i));
        struct sup_id id = {{(uint8_t)i}};
        ck_assert_int_eq(sup_mask_split_feed(split, &key, id, text, strlen(text), i * 1000000, &r),
                         SUP_OK);
        store(texts, &r, i);
    }
    for (size_t i = 0; i < json_array_size(parts); i++) {
        const char *text = json_string_value(json_array_get(parts, i));
        const char *masked = json_string_value(json_array_get(want, i));
        join = join || strcmp(text, masked) != 0;
        bool part_same = strcmp(texts[i].data, masked) == 0;
        same = same && part_same;
        if (!part_same && verbose())
            printf("%s %s: %s\n   got  %s\n   want %s\n", get(line, "id"), get(line, "note"), text,
                   texts[i].data, masked);
        sup_buf_fini(&texts[i]);
    }
    splits.join += join;
    splits.joined += join && same;
    splits.none += !join;
    splits.wrong += !join && !same;
    sup_mask_split_result_fini(&r);
    sup_mask_split_destroy(split);
}

START_TEST(split_numbers)
{
    memset(&splits, 0, sizeof(splits));
    each_line("split.jsonl", run_split);
    printf("split: %u of %u masked as labelled; %u of %u harmless altered\n", splits.joined,
           splits.join, splits.wrong, splits.none);
    ck_assert_uint_ge(per_mille(splits.joined, splits.join), 950);
    ck_assert_uint_eq(splits.wrong, 0);
}
END_TEST

SUP_CHECK_MAIN("mask_corpus", setup, teardown, recall_and_precision, split_numbers)
