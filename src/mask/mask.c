#include "supportd/mask/mask.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "mask_internal.h"
#include "supportd/base/mem.h"

enum { KEPT = 4, MAX_TEXT_BYTES = 16 * 1024 * 1024 };

static const char *const names[SUP_MASK_CATEGORIES] = {
    [SUP_MASK_CARD] = "card",         [SUP_MASK_CVV] = "cvv",
    [SUP_MASK_PIN] = "pin",           [SUP_MASK_OTP] = "otp",
    [SUP_MASK_PASSWORD] = "password", [SUP_MASK_IBAN] = "iban",
    [SUP_MASK_ACCOUNT] = "account",   [SUP_MASK_NATIONAL_ID] = "national_id",
    [SUP_MASK_CUSTOM] = "custom",
};

const char *sup_mask_category_name(enum sup_mask_category category)
{
    return (unsigned)category < SUP_MASK_CATEGORIES ? names[category] : NULL;
}

sup_err sup_mask_category_parse(const char *name, enum sup_mask_category *ret_category)
{
    for (unsigned i = 0; i < SUP_MASK_CATEGORIES; i++)
        if (strcmp(names[i], name) == 0) {
            *ret_category = (enum sup_mask_category)i;
            return SUP_OK;
        }
    return SUP_E_NOTFOUND;
}

static sup_err refuse(struct sup_mask_problem *problem, const char *what, size_t index)
{
    (void)snprintf(problem->text, sizeof(problem->text), "%s (entry %zu)", what, index + 1);
    return SUP_E_INVAL;
}

static sup_err check_counts(const struct sup_mask_opts *opts, struct sup_mask_problem *problem)
{
    if (opts->off >> SUP_MASK_CATEGORIES)
        return refuse(problem, "unknown category switched off", 0);
    if (opts->max_bytes > MAX_TEXT_BYTES)
        return refuse(problem, "longest text above 16 MiB", 0);
    if (opts->format_count > SUP_MASK_MAX_FORMATS)
        return refuse(problem, "too many formats", opts->format_count);
    if (opts->pattern_count > SUP_MASK_MAX_PATTERNS)
        return refuse(problem, "too many patterns", opts->pattern_count);
    if (opts->word_count > SUP_MASK_MAX_WORDS)
        return refuse(problem, "too many words", opts->word_count);
    return SUP_OK;
}

static sup_err copy_formats(struct sup_mask *mask, const struct sup_mask_opts *opts,
                            struct sup_mask_problem *problem)
{
    if (opts->format_count == 0)
        return SUP_OK;
    mask->formats = sup_calloc(opts->format_count, sizeof(*mask->formats));
    if (!mask->formats)
        return SUP_E_NOMEM;
    for (; mask->format_count < opts->format_count; mask->format_count++)
        if (format_parse(&opts->formats[mask->format_count], &mask->formats[mask->format_count]))
            return refuse(problem,
                          "format: want account or national_id, and 6 to 40 of # ? @ 0-9 A-Z",
                          mask->format_count);
    return SUP_OK;
}

static sup_err fill(struct sup_mask *mask, const struct sup_mask_opts *opts,
                    struct sup_mask_problem *problem)
{
    mask->on = ~opts->off & (SUP_MASK_BIT(SUP_MASK_CATEGORIES) - 1);
    mask->max_bytes = opts->max_bytes ? opts->max_bytes : SUP_MASK_DEFAULT_MAX_BYTES;
    size_t bad = 0;
    sup_err err = lexicon_init(&mask->lex, opts->words, opts->word_count, &bad);
    if (err == SUP_E_INVAL)
        return refuse(problem, "word: want 1 to 6 words of letters and a category with context",
                      bad);
    if (!err)
        err = copy_formats(mask, opts, problem);
    if (!err && opts->pattern_count > 0)
        err = custom_create(opts->patterns, opts->pattern_count, &mask->custom, problem);
    return err;
}

sup_err sup_mask_create(const struct sup_mask_opts *opts, struct sup_mask **ret_mask,
                        struct sup_mask_problem *ret_problem)
{
    static const struct sup_mask_opts defaults = {0};
    struct sup_mask_problem problem = {""};
    assert(ret_mask);
    if (!opts)
        opts = &defaults;
    sup_err err = check_counts(opts, &problem);
    struct sup_mask *mask = NULL;
    if (!err) {
        mask = sup_calloc(1, sizeof(*mask));
        err = mask ? fill(mask, opts, &problem) : SUP_E_NOMEM;
    }
    if (err) {
        sup_mask_destroy(mask);
        if (ret_problem && err == SUP_E_INVAL)
            *ret_problem = problem;
        return err;
    }
    *ret_mask = mask;
    return SUP_OK;
}

void sup_mask_destroy(struct sup_mask *mask)
{
    if (!mask)
        return;
    lexicon_fini(&mask->lex);
    sup_free(mask->formats);
    custom_destroy(mask->custom);
    sup_free(mask);
}

/* --- output --- */

/* The last letters and digits of characters [first, last), in ASCII, in kept[]; returns how many.
 */
static size_t last_kept(const struct scan *s, size_t first, size_t last, char *kept)
{
    size_t n = 0;
    for (size_t i = last; i > first && n < KEPT; i--) {
        const struct cp *cp = &s->cps[i - 1];
        char c = '\0';
        if (cp->spoken > 0)
            c = (char)('0' + cp->spoken - 1);
        else if (cp->cls == C_DIGIT)
            c = cp->fold;
        else if (cp->cls == C_LETTER && cp->fold != '\0' &&
                 s->cps[first].claim != SUP_MASK_CARD + 1)
            c = (char)(cp->fold & ~0x20);
        if (c != '\0')
            kept[KEPT - 1 - n++] = c;
    }
    memmove(kept, kept + KEPT - n, n);
    return n;
}

static sup_err add_place(const struct scan *s, size_t first, size_t last, struct sup_buf *out)
{
    enum sup_mask_category category = (enum sup_mask_category)(s->cps[first].claim - 1);
    bool keep =
        category == SUP_MASK_CARD || category == SUP_MASK_IBAN || category == SUP_MASK_ACCOUNT;
    char kept[KEPT];
    sup_err err = sup_buf_adds(out, category == SUP_MASK_CARD ? "**** **** **** " : "****");
    if (!err && keep)
        err = sup_buf_add(out, kept, last_kept(s, first, last, kept));
    return err;
}

static void count_place(struct sup_mask_report *report, const struct sup_mask_span *span)
{
    enum sup_mask_category category = span->category;
    report->categories |= SUP_MASK_BIT(category);
    report->per_category[category]++;
    report->count++;
    if (report->span_count < SUP_MASK_MAX_SPANS)
        report->spans[report->span_count++] = *span;
}

static sup_err emit(const struct scan *s, struct sup_buf *out, struct sup_mask_report *report)
{
    for (size_t i = 0; i < s->ncp;) {
        size_t first = i++;
        uint8_t claim = s->cps[first].claim;
        while (i < s->ncp && s->cps[i].claim == claim && !(claim && s->cps[i].start))
            i++;
        size_t offset = out->len;
        sup_err err = claim ? add_place(s, first, i, out)
                            : sup_buf_add(out, s->text + s->cps[first].off,
                                          s->cps[i].off - s->cps[first].off);
        if (err)
            return err;
        if (claim) {
            const struct cp *from = &s->cps[first], *to = &s->cps[i];
            struct sup_mask_span span = {(uint32_t)offset, (uint32_t)(out->len - offset), from->off,
                                         to->off - from->off, (enum sup_mask_category)(claim - 1)};
            count_place(report, &span);
        }
    }
    return SUP_OK;
}

static sup_err run_rules(const struct sup_mask *mask, struct scan *scan)
{
    if (mask->on & SUP_MASK_BIT(SUP_MASK_IBAN))
        rule_iban(scan);
    if (mask->on & SUP_MASK_BIT(SUP_MASK_CARD))
        rule_card(scan, mask->on & SUP_MASK_BIT(SUP_MASK_CVV));
    if (mask->format_count > 0) {
        mark_names(scan);
        rule_formats(scan, mask->formats, mask->format_count, mask->on);
    }
    rule_context(scan, mask->on);
    return rule_custom(scan, mask->custom, mask->on);
}

sup_err sup_mask_apply(const struct sup_mask *mask, const char *text, size_t len,
                       struct sup_buf *out, struct sup_mask_report *report)
{
    assert(mask && out && (text || len == 0));
    struct sup_mask_report unused;
    struct sup_mask_report *found = report ? report : &unused;
    *found = (struct sup_mask_report){0};
    if (out->data)
        sup_wipe(out->data, out->cap);
    out->len = 0;
    if (len > mask->max_bytes)
        return SUP_E_LIMIT;
    struct scan scan;
    sup_err err = scan_init(&scan, &mask->lex, text, len);
    if (!err)
        err = run_rules(mask, &scan);
    if (!err)
        err = emit(&scan, out, found);
    scan_fini(&scan);
    if (err) {
        if (out->data)
            sup_wipe(out->data, out->cap);
        out->len = 0;
        *found = (struct sup_mask_report){0};
    }
    return err;
}
