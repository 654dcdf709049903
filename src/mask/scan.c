#include <string.h>

#include "mask_internal.h"
#include "supportd/base/mem.h"

enum { MAX_GAP = 8, MIN_SPOKEN = 3 };

static bool apostrophe(const struct cp *cp)
{
    return cp->fold == '\'';
}

/* End of the run of letters that begins at i; apostrophes count when a letter follows. */
static size_t word_end(const struct scan *s, size_t i)
{
    size_t end = i;
    while (i < s->ncp) {
        const struct cp *cp = &s->cps[i];
        if (cp->cls == C_LETTER)
            end = ++i;
        else if (cp->cls == C_IGN || (apostrophe(cp) && s->cps[i + 1].cls == C_LETTER))
            i++;
        else
            break;
    }
    return end;
}

static size_t digits_end(const struct scan *s, size_t i, size_t *ret_digits)
{
    size_t end = i;
    *ret_digits = 0;
    for (; i < s->ncp; i++) {
        if (s->cps[i].cls == C_DIGIT) {
            end = i + 1;
            ++*ret_digits;
        } else if (s->cps[i].cls != C_IGN)
            break;
    }
    return end;
}

static bool blank(const struct cp *cp)
{
    return cp->cls == C_SPACE || cp->cls == C_NL || cp->cls == C_IGN;
}

static const struct word *look_up(const struct scan *s, const struct lexicon *lex, size_t first,
                                  size_t last)
{
    char key[WORD_MAX];
    size_t n = 0;
    bool plain = true;
    for (size_t i = first; i < last && plain; i++) {
        const struct cp *cp = &s->cps[i];
        if (cp->cls != C_LETTER)
            continue;
        plain = cp->fold != '\0' && n < WORD_MAX;
        if (plain)
            key[n++] = cp->fold;
    }
    const struct word *word = plain && n > 0 ? sup_map_get(lex->map, key, n) : NULL;
    sup_wipe(key, n);
    return word;
}

/* Walks the text token by token. With toks NULL it only counts. */
static void tokenize(struct scan *s, const struct lexicon *lex, size_t *ret_toks, size_t *ret_digs)
{
    size_t ntok = 0, ndig = 0, before = 0;
    bool newline = true;
    for (size_t i = 0; i < s->ncp;) {
        if (blank(&s->cps[i])) {
            newline = newline || s->cps[i].cls == C_NL;
            i++;
            continue;
        }
        size_t digits = 0, end = i + 1;
        enum tok_kind kind = T_PUNCT;
        if (s->cps[i].cls == C_LETTER) {
            kind = T_WORD;
            end = word_end(s, i);
        } else if (s->cps[i].cls == C_DIGIT) {
            kind = T_NUM;
            end = digits_end(s, i, &digits);
        }
        if (s->toks) {
            struct tok *t = &s->toks[ntok];
            *t = (struct tok){.first = (uint32_t)i, .last = (uint32_t)end, .kind = (uint8_t)kind};
            t->glued = ntok > 0 && i == before;
            t->newline = newline;
            t->punct = kind == T_PUNCT ? s->cps[i].fold : '\0';
            t->word = kind == T_WORD ? look_up(s, lex, i, end) : NULL;
        }
        newline = false;
        ntok++;
        ndig += kind == T_WORD ? 1 : digits;
        i = end;
        for (before = end; before < s->ncp && s->cps[before].cls == C_IGN;)
            before++;
    }
    *ret_toks = ntok;
    *ret_digs = ndig;
}

static bool spoken_digit(const struct tok *t)
{
    return t->kind == T_WORD && t->word && t->word->digit >= 0;
}

/* "four one one one": number words become digits where at least MIN_SPOKEN stand in a row. */
static void hear_digits(struct scan *s)
{
    for (size_t i = 0; i < s->ntok;) {
        size_t end = i, words = 0, behind = i;
        while (end < s->ntok && (spoken_digit(&s->toks[end]) ||
                                 (words > 0 && s->toks[end].kind == T_PUNCT &&
                                  (s->toks[end].punct == '-' || s->toks[end].punct == ',')))) {
            if (s->toks[end++].kind == T_WORD) {
                words++;
                behind = end;
            }
        }
        for (size_t j = i; words >= MIN_SPOKEN && j < behind; j++)
            if (s->toks[j].kind == T_WORD) {
                s->toks[j].kind = T_NUM;
                s->cps[s->toks[j].first].spoken = (uint8_t)(s->toks[j].word->digit + 1);
            }
        i = end > i ? end : i + 1;
    }
}

static enum gap gap_between(const struct scan *s, size_t first, size_t last)
{
    size_t visible = 0;
    enum gap gap = G_NONE;
    for (size_t i = first; i < last; i++) {
        uint8_t cls = s->cps[i].cls;
        if (cls == C_IGN)
            continue;
        if (cls == C_WEAK)
            gap = G_WEAK;
        else if (cls == C_SPACE || cls == C_NL || cls == C_DASH || cls == C_DOT)
            gap = gap == G_NONE ? G_STRONG : gap;
        else
            return G_BREAK;
        if (++visible > MAX_GAP)
            return G_BREAK;
    }
    return gap;
}

static void add_digit(struct scan *s, size_t tok, size_t first, size_t last, int value)
{
    size_t behind = s->ndig > 0 ? s->digs[s->ndig - 1].last : 0;
    struct dig *d = &s->digs[s->ndig];
    *d = (struct dig){.first = (uint32_t)first, .last = (uint32_t)last, .tok = (uint32_t)tok};
    d->value = (uint8_t)value;
    d->gap = (uint8_t)(s->ndig > 0 ? gap_between(s, behind, first) : G_BREAK);
    d->spoken = s->cps[first].spoken > 0;
    d->plus = first > 0 && s->cps[first - 1].fold == '+';
    s->ndig++;
}

static void list_digits(struct scan *s)
{
    s->ndig = 0;
    for (size_t i = 0; i <= s->ntok; i++) {
        struct tok *t = &s->toks[i];
        t->dig = (uint32_t)s->ndig;
        if (t->kind != T_NUM)
            continue;
        if (s->cps[t->first].spoken > 0) {
            add_digit(s, i, t->first, t->last, t->word->digit);
        } else {
            for (size_t j = t->first; j < t->last; j++)
                if (s->cps[j].cls == C_DIGIT)
                    add_digit(s, i, j, j + 1, s->cps[j].fold - '0');
        }
        t->ndig = (uint32_t)(s->ndig - t->dig);
    }
}

sup_err scan_init(struct scan *scan, const struct lexicon *lex, const char *text, size_t len)
{
    *scan = (struct scan){.text = text, .len = len};
    scan->cps = sup_malloc((len + 1) * sizeof(*scan->cps));
    if (!scan->cps)
        return SUP_E_NOMEM;
    sup_err err = mask_decode(text, len, scan->cps, &scan->ncp);
    if (err) {
        scan->ncp = len; /* wiped whole: how far the decoder came is not known */
        return err;
    }
    size_t ntok, ndig;
    tokenize(scan, lex, &ntok, &ndig);
    scan->block_size = (ntok + 1) * sizeof(*scan->toks) + ndig * (sizeof(*scan->digs) + 1);
    scan->block = sup_malloc(scan->block_size);
    if (!scan->block)
        return SUP_E_NOMEM;
    scan->toks = scan->block;
    scan->digs = (struct dig *)(void *)(scan->toks + ntok + 1);
    scan->values = (uint8_t *)(scan->digs + ndig);
    tokenize(scan, lex, &scan->ntok, &ndig);
    scan->toks[ntok] = (struct tok){.first = (uint32_t)scan->ncp, .last = (uint32_t)scan->ncp};
    scan->toks[ntok].kind = T_END;
    hear_digits(scan);
    list_digits(scan);
    return SUP_OK;
}

void scan_fini(struct scan *scan)
{
    if (scan->cps)
        sup_wipe(scan->cps, (scan->ncp + 1) * sizeof(*scan->cps));
    sup_free(scan->cps);
    if (scan->block)
        sup_wipe(scan->block, scan->block_size);
    sup_free(scan->block);
    *scan = (struct scan){0};
}

bool scan_claimed(const struct scan *scan, size_t first, size_t last)
{
    for (size_t i = first; i < last; i++)
        if (scan->cps[i].claim)
            return true;
    return false;
}

void scan_claim(struct scan *scan, size_t first, size_t last, enum sup_mask_category category)
{
    while (last > first + 1 && scan->cps[last - 1].cls == C_IGN)
        last--;
    for (size_t i = first; i < last; i++) {
        scan->cps[i].claim = (uint8_t)(category + 1);
        scan->cps[i].start = i == first;
    }
}

bool scan_word_is(const struct scan *scan, const struct tok *tok, const char *word)
{
    if (tok->kind != T_WORD)
        return false;
    for (size_t i = tok->first; i < tok->last; i++) {
        if (scan->cps[i].cls != C_LETTER)
            continue;
        if (scan->cps[i].fold == '\0' || scan->cps[i].fold != *word++)
            return false;
    }
    return *word == '\0';
}
