#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#include "mask_internal.h"
#include "supportd/base/mem.h"

enum { HEAP_LIMIT_KB = 1024, MAX_REGEX = 4096 };

struct pattern {
    pcre2_code *code;
    pcre2_match_context *limits;
    enum sup_mask_category category;
};

struct custom {
    pcre2_general_context *memory;
    struct pattern *patterns;
    size_t count;
};

static void *take(PCRE2_SIZE size, void *arg)
{
    (void)arg;
    return sup_malloc(size);
}

static void give(void *ptr, void *arg)
{
    (void)arg;
    sup_free(ptr);
}

static sup_err refuse(struct sup_mask_problem *problem, const struct sup_mask_pattern *in,
                      const char *reason)
{
    (void)snprintf(problem->text, sizeof(problem->text), "pattern \"%.40s\": %.90s",
                   in->name ? in->name : "", reason);
    return SUP_E_INVAL;
}

static sup_err compile(struct custom *custom, const struct sup_mask_pattern *in,
                       struct pattern *pattern, struct sup_mask_problem *problem)
{
    if (!in->name || !in->regex || (unsigned)in->category >= SUP_MASK_CATEGORIES)
        return refuse(problem, in, "name, regex or category is missing or wrong");
    pcre2_compile_context *context = pcre2_compile_context_create(custom->memory);
    if (!context)
        return SUP_E_NOMEM;
    (void)pcre2_set_max_pattern_length(context, MAX_REGEX);
    int code = 0;
    PCRE2_SIZE offset = 0;
    pattern->code =
        pcre2_compile((PCRE2_SPTR)in->regex, PCRE2_ZERO_TERMINATED,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (!pattern->code && code == 121) /* PCRE2's "failed to allocate heap memory" */
        return SUP_E_NOMEM;
    if (!pattern->code) {
        PCRE2_UCHAR reason[64];
        char text[96];
        if (pcre2_get_error_message(code, reason, sizeof(reason)) < 0 && reason[0] == '\0')
            reason[0] = '?';
        (void)snprintf(text, sizeof(text), "at %zu: %.63s", (size_t)offset, (const char *)reason);
        return refuse(problem, in, text);
    }
    pattern->limits = pcre2_match_context_create(custom->memory);
    if (!pattern->limits)
        return SUP_E_NOMEM;
    (void)pcre2_set_match_limit(pattern->limits,
                                in->match_limit ? in->match_limit : SUP_MASK_DEFAULT_MATCH_LIMIT);
    (void)pcre2_set_depth_limit(pattern->limits,
                                in->depth_limit ? in->depth_limit : SUP_MASK_DEFAULT_DEPTH_LIMIT);
    (void)pcre2_set_heap_limit(pattern->limits, HEAP_LIMIT_KB);
    pattern->category = in->category == SUP_MASK_CARD ? SUP_MASK_CUSTOM : in->category;
    return SUP_OK;
}

sup_err custom_create(const struct sup_mask_pattern *patterns, size_t count,
                      struct custom **ret_custom, struct sup_mask_problem *problem)
{
    struct custom *custom = sup_calloc(1, sizeof(*custom));
    if (!custom)
        return SUP_E_NOMEM;
    sup_err err = SUP_E_NOMEM;
    custom->memory = pcre2_general_context_create(take, give, NULL);
    custom->patterns = sup_calloc(count, sizeof(*custom->patterns));
    if (!custom->memory || !custom->patterns)
        goto fail;
    for (; custom->count < count; custom->count++) {
        err = compile(custom, &patterns[custom->count], &custom->patterns[custom->count], problem);
        if (err) {
            custom->count++; /* half-built, freed with the rest */
            goto fail;
        }
    }
    *ret_custom = custom;
    return SUP_OK;
fail:
    custom_destroy(custom);
    return err;
}

void custom_destroy(struct custom *custom)
{
    if (!custom)
        return;
    for (size_t i = 0; i < custom->count; i++) {
        pcre2_code_free(custom->patterns[i].code);
        pcre2_match_context_free(custom->patterns[i].limits);
    }
    sup_free(custom->patterns);
    pcre2_general_context_free(custom->memory);
    sup_free(custom);
}

/* The character at byte offset off. */
static size_t char_at(const struct scan *s, size_t off)
{
    size_t lo = 0, hi = s->ncp;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->cps[mid].off < off)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Swallows the places that the match [first, last) touches. */
static void claim_match(struct scan *s, size_t first, size_t last, enum sup_mask_category category)
{
    while (first > 0 && s->cps[first].claim && !s->cps[first].start)
        first--;
    while (last < s->ncp && s->cps[last].claim && !s->cps[last].start)
        last++;
    for (size_t i = first; i < last; i++) {
        s->cps[i].claim = (uint8_t)(category + 1);
        s->cps[i].start = i == first;
    }
}

static sup_err match_all(struct scan *s, const struct pattern *p, pcre2_match_data *data)
{
    PCRE2_SIZE *found = pcre2_get_ovector_pointer(data);
    size_t from = 0, matches = 0;
    while (from <= s->len) {
        int rc = pcre2_match(p->code, (PCRE2_SPTR)s->text, s->len, from, PCRE2_NO_UTF_CHECK, data,
                             p->limits);
        if (rc == PCRE2_ERROR_NOMATCH)
            return SUP_OK;
        if (rc == PCRE2_ERROR_NOMEMORY)
            return SUP_E_NOMEM;
        if (rc < 0 || ++matches > SUP_MASK_MAX_CUSTOM_MATCHES)
            return SUP_E_LIMIT;
        if (found[1] > found[0] && found[0] >= from) {
            claim_match(s, char_at(s, found[0]), char_at(s, found[1]), p->category);
            from = found[1];
        } else { /* empty, or begun before "from" by \K: go on one character later */
            size_t at = char_at(s, found[1] > from ? found[1] : from);
            from = at < s->ncp ? s->cps[at + 1].off : s->len + 1;
        }
    }
    return SUP_OK;
}

sup_err rule_custom(struct scan *scan, const struct custom *custom, uint32_t on)
{
    if (!custom)
        return SUP_OK;
    pcre2_match_data *data = pcre2_match_data_create(1, custom->memory);
    if (!data)
        return SUP_E_NOMEM;
    sup_err err = SUP_OK;
    for (size_t i = 0; i < custom->count && !err; i++)
        if (on & SUP_MASK_BIT(custom->patterns[i].category))
            err = match_all(scan, &custom->patterns[i], data);
    pcre2_match_data_free(data);
    return err;
}
