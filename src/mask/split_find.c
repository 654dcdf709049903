#include <string.h>

#include "split_internal.h"
#include "supportd/base/mem.h"

enum { MAX_WORDS_BEFORE = 4, MAX_WORDS_BEHIND = 4, KEPT = 4, MAX_JOINED = 64, PHONE_DIGITS = 10 };

static bool group_begins(const struct scan *s, const struct digit_run *run, size_t i)
{
    return i == run->first || i == run->end || s->digs[i].gap != G_NONE;
}

static bool breaks(const struct dig *d)
{
    return d->gap > G_STRONG || d->plus || d->spoken;
}

static bool written_as_phone(const struct scan *s, const struct digit_run *run)
{
    if (s->digs[run->first].plus)
        return true;
    if (run->end - run->first != PHONE_DIGITS || s->digs[run->first].value != 0)
        return false;
    for (size_t i = run->first + 1; i < run->end; i++)
        if (group_begins(s, run, i))
            return false;
    return true;
}

/* Digits that a mask has left, as in "**** 1111". */
static bool left_by_mask(const struct scan *s, const struct digit_run *run)
{
    size_t i = s->digs[run->first].first, stars = 0;
    for (; i > 0 && (s->cps[i - 1].fold == '*' || s->cps[i - 1].cls == C_SPACE); i--)
        if (s->cps[i - 1].fold == '*' && ++stars == KEPT)
            return true;
    return false;
}

static bool joinable(const struct scan *s, const struct digit_run *run)
{
    return !s->digs[run->first].spoken && !written_as_phone(s, run) && !left_by_mask(s, run);
}

static size_t count_words(const struct scan *s, size_t first, size_t end)
{
    size_t n = 0;
    for (size_t i = first; i < end; i++)
        n += s->toks[i].kind == T_WORD || s->toks[i].kind == T_NUM;
    return n;
}

sup_err split_view_init(struct split_view *view, const struct lexicon *lex, const char *text,
                        size_t len)
{
    *view = (struct split_view){0};
    sup_err err = scan_init(&view->scan, lex, text, len);
    if (err || view->scan.ndig == 0)
        return err;
    const struct scan *s = &view->scan;
    view->head.end = 1;
    while (view->head.end < s->ndig && !breaks(&s->digs[view->head.end]))
        view->head.end++;
    view->tail = (struct digit_run){s->ndig - 1, s->ndig};
    while (view->tail.first > 0 && !breaks(&s->digs[view->tail.first]))
        view->tail.first--;
    size_t head_tok = s->digs[0].tok, tail_tok = s->digs[s->ndig - 1].tok;
    view->closes = joinable(s, &view->head) && count_words(s, 0, head_tok) <= MAX_WORDS_BEFORE;
    view->opens =
        joinable(s, &view->tail) && count_words(s, tail_tok + 1, s->ntok) <= MAX_WORDS_BEHIND;
    view->whole = view->opens && view->closes && view->head.end == s->ndig;
    return SUP_OK;
}

/* --- the number --- */

/* The digits of a chain of messages, and where groups begin. */
struct chain {
    uint8_t values[MAX_JOINED];
    bool begins[MAX_JOINED + 1];
    size_t count;
    size_t first_end;  /* end of the first message's digits */
    size_t last_first; /* begin of the last message's */
};

static bool append_run(struct chain *c, const struct scan *s, const struct digit_run *run)
{
    if (run->end - run->first > MAX_JOINED - c->count)
        return false;
    for (size_t i = run->first; i < run->end; i++) {
        c->begins[c->count] = group_begins(s, run, i);
        c->values[c->count++] = s->digs[i].value;
    }
    c->begins[c->count] = true;
    return true;
}

static bool fours_inside(const struct chain *c, size_t first, size_t end)
{
    size_t size = 0;
    bool inner = false;
    for (size_t i = first; i < end; i++) {
        size++;
        if (!c->begins[i + 1])
            continue;
        if (size > KEPT || (inner && i + 1 < end && size != KEPT))
            return false;
        inner = true;
        size = 0;
    }
    return true;
}

/* A number that begins in the first message and ends in the last: *ret_window. */
static bool find_number(const struct chain *c, struct digit_run *ret_window)
{
    *ret_window = (struct digit_run){0, c->count};
    if (card_valid(c->values, c->count))
        return true;
    for (size_t i = 0; i < c->first_end; i++)
        for (size_t end = c->count; c->begins[i] && end > c->last_first; end--)
            if (c->begins[end] && fours_inside(c, i, end) && card_valid(c->values + i, end - i)) {
                *ret_window = (struct digit_run){i, end};
                return true;
            }
    return false;
}

static const struct digit_run *run_in_chain(const struct split_view *views, size_t i, size_t first)
{
    return i == first ? &views[i].tail : &views[i].head;
}

static bool build_chain(const struct split_view *views, size_t first, size_t count, struct chain *c)
{
    c->count = 0;
    for (size_t i = first; i < count; i++) {
        if (i + 1 == count)
            c->last_first = c->count;
        if (!append_run(c, &views[i].scan, run_in_chain(views, i, first)))
            return false;
        if (i == first)
            c->first_end = c->count;
    }
    return true;
}

static struct digit_run clip(struct digit_run run, size_t first, size_t end)
{
    if (run.first < first)
        run.first = first;
    if (run.end > end)
        run.end = end;
    if (run.end < run.first)
        run.end = run.first;
    return run;
}

/* Marks in each view what window covers of it. */
static void mark(struct split_view *views, size_t first, size_t count, struct digit_run window)
{
    size_t at = 0; /* of the view's digits in the chain */
    for (size_t i = first; i < count; i++) {
        struct split_view *v = &views[i];
        const struct digit_run *run = run_in_chain(views, i, first);
        size_t n = run->end - run->first;
        struct digit_run part = clip(window, at, at + n);
        struct digit_run stars = window;
        stars.end -= KEPT;
        stars = clip(stars, at, at + n);
        v->part = (struct digit_run){part.first - at + run->first, part.end - at + run->first};
        v->stars = (struct digit_run){stars.first - at + run->first, stars.end - at + run->first};
        at += n;
    }
}

bool split_find(struct split_view *views, size_t count, size_t *ret_first)
{
    size_t last = count - 1;
    if (last == 0 || !views[last].closes)
        return false;
    bool found = false;
    struct chain chain = {.count = 0};
    for (size_t first = 0; first < last && !found; first++) {
        bool linked = views[first].opens;
        for (size_t i = first + 1; i < last; i++)
            linked = linked && views[i].whole;
        struct digit_run window;
        if (!linked || !build_chain(views, first, count, &chain) || !find_number(&chain, &window))
            continue;
        mark(views, first, count, window);
        *ret_first = first;
        found = true;
    }
    sup_wipe(&chain, sizeof(chain));
    return found;
}

/* --- output --- */

static void move_spans(const struct split_view *view, struct sup_mask_report *report)
{
    const struct scan *s = &view->scan;
    for (uint32_t k = 0; k < report->span_count; k++) {
        uint32_t shrunk = 0;
        for (size_t i = view->stars.first; i < view->stars.end; i++) {
            const struct cp *cp = &s->cps[s->digs[i].first];
            if (cp->off < report->spans[k].offset)
                shrunk += cp[1].off - cp->off - 1;
        }
        report->spans[k].offset -= shrunk;
    }
}

/* source_offset, source_len: in the text as the rules have masked it, before the stars. */
static void add_span(struct sup_mask_report *report, struct sup_mask_span span)
{
    report->categories |= SUP_MASK_BIT(SUP_MASK_CARD);
    report->per_category[SUP_MASK_CARD]++;
    report->count++;
    uint32_t k = 0;
    while (k < report->span_count && report->spans[k].offset < span.offset) {
        span.source_offset += report->spans[k].source_len - report->spans[k].len;
        k++;
    }
    if (report->span_count == SUP_MASK_MAX_SPANS)
        return;
    memmove(&report->spans[k + 1], &report->spans[k],
            (report->span_count - k) * sizeof(report->spans[0]));
    report->spans[k] = span;
    report->span_count++;
}

sup_err split_view_write(const struct split_view *view, struct sup_buf *out,
                         struct sup_mask_report *report)
{
    const struct scan *s = &view->scan;
    size_t star = view->stars.first, from = 0, part_at = 0, part_end = 0;
    size_t part_first = s->digs[view->part.first].first;
    size_t part_last = s->digs[view->part.end - 1].last;
    for (size_t i = 0; i < s->ncp; i++) {
        if (i == part_first)
            part_at = out->len + s->cps[i].off - s->cps[from].off;
        bool stars = star < view->stars.end && s->digs[star].first == i;
        if (stars || i + 1 == part_last || i + 1 == s->ncp) {
            size_t upto = stars ? i : i + 1;
            sup_err err =
                sup_buf_add(out, s->text + s->cps[from].off, s->cps[upto].off - s->cps[from].off);
            if (!err && stars)
                err = sup_buf_adds(out, "*");
            if (err)
                return err;
            star += stars;
            from = i + 1;
        }
        if (i + 1 == part_last)
            part_end = out->len;
    }
    if (report) {
        move_spans(view, report);
        uint32_t first = s->cps[part_first].off, last = s->cps[part_last].off;
        add_span(report, (struct sup_mask_span){(uint32_t)part_at, (uint32_t)(part_end - part_at),
                                                first, last - first, SUP_MASK_CARD});
    }
    return SUP_OK;
}
