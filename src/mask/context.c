#include <string.h>

#include "mask_internal.h"

/* How far a value may be from its key word. */
enum { MAX_TOKENS = 20, MAX_UNKNOWN = 4, MAX_UNKNOWN_BEHIND_COPULA = 1, MAX_BEFORE = 8 };
enum { MAX_VALUE_DIGITS = 8, MAX_CODE = 8 };

/* Digits a value has. The first that fits a phrase of several categories is taken. */
static const struct kind {
    enum sup_mask_category category;
    uint8_t min, max;
} kinds[] = {
    {SUP_MASK_CVV, 3, 4},
    {SUP_MASK_PIN, 4, 8},
    {SUP_MASK_OTP, 4, 8},
};
enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static uint32_t flags_of(const struct tok *t)
{
    return t->kind == T_WORD && t->word ? t->word->flags : 0;
}

/* --- phrases --- */

static bool joins_words(const struct tok *t)
{
    return t->kind == T_PUNCT &&
           (t->punct == '-' || t->punct == '/' || t->punct == '.' || t->punct == '_');
}

/* The token behind phrase p, which begins at token t, or 0. "neno langu la siri": a possessive may
 * stand between its words. */
static size_t phrase_end(const struct scan *s, const struct phrase *p, size_t t)
{
    size_t i = t + 1;
    for (size_t k = 1; k < p->count; k++) {
        while (i < s->ntok && joins_words(&s->toks[i]))
            i++;
        if ((flags_of(&s->toks[i]) & W_POSSESSIVE) && !scan_word_is(s, &s->toks[i], p->words[k]))
            i++;
        if (!scan_word_is(s, &s->toks[i], p->words[k]))
            return 0;
        i++;
    }
    return i;
}

static bool letter_alone(const struct scan *s, const struct tok *t)
{
    return t->kind == T_WORD && t->last - t->first == 1 && s->cps[t->first].fold != '\0';
}

/* "o.t.p", "P I N": three or four letters one by one. */
static size_t spelled_end(const struct scan *s, size_t t, const struct phrase **ret_phrase)
{
    static const struct phrase spelled[] = {
        {.categories = SUP_MASK_BIT(SUP_MASK_PIN), .words = {"pin"}},
        {.categories = SUP_MASK_BIT(SUP_MASK_OTP), .words = {"otp"}},
        {.categories = SUP_MASK_BIT(SUP_MASK_CVV), .words = {"cvv"}},
        {.categories = SUP_MASK_BIT(SUP_MASK_CVV), .words = {"cvc"}},
    };
    for (size_t k = 0; k < sizeof(spelled) / sizeof(spelled[0]); k++) {
        const char *p = spelled[k].words[0];
        size_t i = t;
        while (*p && letter_alone(s, &s->toks[i]) && s->cps[s->toks[i].first].fold == *p) {
            p++;
            i++;
            if (*p && i < s->ntok && joins_words(&s->toks[i]))
                i++;
        }
        if (*p == '\0') {
            *ret_phrase = &spelled[k];
            return i;
        }
    }
    return 0;
}

const struct phrase *phrase_at(const struct scan *s, size_t t, size_t *ret_end)
{
    const struct tok *tok = &s->toks[t];
    const struct phrase *best = NULL;
    size_t best_end = 0;
    if (letter_alone(s, tok) && (!tok->glued || t == 0))
        best_end = spelled_end(s, t, &best);
    const struct phrase *p = tok->kind == T_WORD && tok->word ? tok->word->phrases : NULL;
    for (; p; p = p->next) {
        size_t end = phrase_end(s, p, t);
        if (end > best_end) {
            best = p;
            best_end = end;
        }
    }
    if (best)
        *ret_end = best_end;
    return best;
}

/* --- values --- */

static bool quantity(const struct scan *s, size_t t)
{
    const struct tok *next = &s->toks[t];
    if (next->kind == T_PUNCT && next->glued && next->punct == '%')
        return true;
    if (!(flags_of(next) & W_UNIT))
        return next->kind == T_WORD && next->glued &&
               (scan_word_is(s, next, "th") || scan_word_is(s, next, "st") ||
                scan_word_is(s, next, "nd") || scan_word_is(s, next, "rd") ||
                scan_word_is(s, next, "k") || scan_word_is(s, next, "x"));
    return true;
}

/* The groups of digits from token t on that belong to one number, in *ret_groups (cumulated). */
static size_t list_groups(const struct scan *s, size_t t, uint32_t *ret_groups, size_t max)
{
    size_t n = 0;
    uint32_t total = 0;
    for (size_t i = t; i < s->ntok && n < max; i++) {
        const struct tok *tok = &s->toks[i];
        if (tok->kind == T_PUNCT &&
            (s->cps[tok->first].cls == C_DASH || s->cps[tok->first].cls == C_DOT))
            continue;
        if (tok->kind != T_NUM || s->cps[tok->first].claim ||
            (n > 0 && s->digs[tok->dig].gap > G_STRONG))
            break;
        total += tok->ndig;
        ret_groups[n++] = total;
    }
    return n;
}

/* Digits of the value of this kind at digit dig, 0 if none. The whole number if it fits; else its
 * first groups as soon as they fit ("pin 4821 2024-01-05"). */
static uint32_t value_digits(const struct kind *kind, const uint32_t *groups, size_t n)
{
    if (n == 0)
        return 0;
    if (groups[n - 1] >= kind->min && groups[n - 1] <= kind->max)
        return groups[n - 1];
    for (size_t i = 0; i < n; i++)
        if (groups[i] >= kind->min)
            return groups[i] <= kind->max ? groups[i] : 0;
    return 0;
}

static bool claim_number(struct scan *s, size_t t, uint32_t categories)
{
    const struct tok *tok = &s->toks[t];
    uint32_t groups[MAX_VALUE_DIGITS + 1];
    size_t n = list_groups(s, t, groups, MAX_VALUE_DIGITS + 1);
    if (n == 0 || s->digs[tok->dig].plus)
        return false;
    for (size_t k = 0; k < KINDS; k++) {
        uint32_t count = value_digits(&kinds[k], groups, n);
        if (!(categories & SUP_MASK_BIT(kinds[k].category)) || count == 0)
            continue;
        const struct dig *last = &s->digs[tok->dig + count - 1];
        if (quantity(s, last->tok + 1))
            return false;
        scan_claim(s, tok->first, last->last, kinds[k].category);
        return true;
    }
    return false;
}

/* "G-482193", "7F3K9Q": letters and digits in one chunk, at least two digits. */
static bool claim_code(struct scan *s, size_t t)
{
    size_t end = t, letters = 0, digits = 0;
    if (s->toks[t].glued && t > 0 && s->toks[t - 1].kind != T_PUNCT)
        return false; /* the tail of a longer chunk */
    for (; end < s->ntok && (end == t || s->toks[end].glued); end++) {
        const struct tok *tok = &s->toks[end];
        if (tok->kind == T_WORD)
            letters += tok->last - tok->first;
        else if (tok->kind == T_NUM)
            digits += tok->ndig;
        else if (tok->punct != '-' || !s->toks[end + 1].glued || s->toks[end + 1].kind == T_PUNCT)
            break;
    }
    if (digits < 2 || letters == 0 || digits + letters < 4 || digits + letters > MAX_CODE ||
        scan_claimed(s, s->toks[t].first, s->toks[t].last))
        return false;
    if (s->toks[t].kind == T_NUM && quantity(s, t + 1))
        return false;
    if (scan_claimed(s, s->toks[t].first, s->toks[end - 1].last))
        return false;
    scan_claim(s, s->toks[t].first, s->toks[end - 1].last, SUP_MASK_OTP);
    return true;
}

/* --- forward: "my pin for the card is 4821" --- */

struct walk {
    size_t unknown;
    size_t behind_copula; /* unknown words since the last copula */
    bool copula;
    bool ended;  /* a sentence or line has ended since the key word */
    bool linked; /* the last token was "and", "or", "/", "," */
    bool done;
};

static bool may_take(const struct walk *w)
{
    return w->unknown == 0 || (w->copula && w->behind_copula <= MAX_UNKNOWN_BEHIND_COPULA);
}

static void walk_punct(const struct scan *s, size_t j, struct walk *w)
{
    const struct tok *t = &s->toks[j];
    if (t->punct == ':' || t->punct == '=' || t->punct == '>') {
        w->copula = true;
        w->behind_copula = 0;
    } else if (t->punct == '$' || (t->punct == '*' && t[1].punct == '*' && t[2].punct == '*')) {
        w->done = true;
    } else if (t->punct == '!' || t->punct == '?' || t->punct == ';' ||
               (s->cps[t->first].cls == C_DOT && !t[1].glued && !scan_word_is(s, t - 1, "no"))) {
        w->ended = true;
    }
    w->linked = t->punct == ',' || t->punct == '/' || t->punct == '&';
}

/* A word between key word and value. Moves *j behind a phrase it passes over. */
static void walk_word(const struct scan *s, size_t *j, struct walk *w, uint32_t categories)
{
    uint32_t flags = flags_of(&s->toks[*j]);
    size_t end;
    const struct phrase *phrase = phrase_at(s, *j, &end);
    const uint32_t secrets = SUP_MASK_BIT(SUP_MASK_CVV) | SUP_MASK_BIT(SUP_MASK_PIN) |
                             SUP_MASK_BIT(SUP_MASK_OTP) | SUP_MASK_BIT(SUP_MASK_PASSWORD);
    bool linked = w->linked;
    w->linked = (flags & W_LINK) != 0;
    if (phrase && (phrase->categories & secrets) && !(phrase->flags & P_WEAK)) {
        w->done = !linked; /* "pin and cvv are": both look on; else the nearer key word rules */
        *j = end - 1;
    } else if (flags & W_STOP) {
        w->done = true;
    } else if (flags & W_COPULA) {
        w->copula = true;
        w->behind_copula = 0;
    } else if ((categories & SUP_MASK_BIT(SUP_MASK_PIN)) &&
               (scan_word_is(s, &s->toks[*j], "from") || scan_word_is(s, &s->toks[*j], "kutoka"))) {
        return; /* "change the pin from 1234 to 4321"; a code may be from a short number */
    } else if (!(flags & (W_FILLER | W_POSSESSIVE | W_LINK)) && !(phrase && phrase->categories)) {
        w->unknown++;
        w->behind_copula++;
        w->done = w->unknown > MAX_UNKNOWN || w->ended;
    }
}

/* "from 1234 to 4321", "1234 and the new one is 4321": a second value behind token t, claimed. */
static void claim_second(struct scan *s, size_t t, uint32_t categories)
{
    enum sup_mask_category category = (enum sup_mask_category)(s->cps[s->toks[t].first].claim - 1);
    while (t < s->ntok && s->cps[s->toks[t].first].claim)
        t++;
    if (!(flags_of(&s->toks[t]) & (W_LINK | W_TO)))
        return;
    size_t behind;
    for (size_t end = t + MAX_BEFORE; ++t < s->ntok && t <= end;) {
        uint32_t flags = flags_of(&s->toks[t]);
        if (s->toks[t].kind == T_NUM) {
            (void)claim_number(s, t, categories & SUP_MASK_BIT(category));
            return;
        }
        if (!(flags & (W_FILLER | W_COPULA | W_POSSESSIVE | W_LINK)) ||
            (flags & (W_STOP | W_PHONE)) || phrase_at(s, t, &behind) ||
            scan_word_is(s, &s->toks[t], "card") || scan_word_is(s, &s->toks[t], "kadi"))
            return;
    }
}

static bool six_digits(const struct scan *s, size_t t)
{
    uint32_t groups[MAX_VALUE_DIGITS + 1];
    size_t n = list_groups(s, t, groups, MAX_VALUE_DIGITS + 1);
    return n > 0 && (groups[0] == 6 || (groups[n - 1] == 6 && n <= 3));
}

static bool look_forward(struct scan *s, size_t end, const struct phrase *phrase, uint32_t on)
{
    struct walk w = {0};
    uint32_t categories = phrase->categories & on;
    bool weak = phrase->flags & P_WEAK;
    for (size_t j = end; j < s->ntok && j < end + MAX_TOKENS && !w.done; j++) {
        const struct tok *t = &s->toks[j];
        bool take = may_take(&w) && (!weak || w.copula);
        w.ended = w.ended || (j > end && t->newline && !w.copula);
        if (s->cps[t->first].claim)
            continue;
        if (take && (categories & SUP_MASK_BIT(SUP_MASK_OTP)) && t->kind != T_PUNCT &&
            claim_code(s, j))
            return true;
        if (t->kind == T_PUNCT) {
            walk_punct(s, j, &w);
        } else if (t->kind == T_WORD) {
            walk_word(s, &j, &w, categories);
        } else if (j == end && t->glued && t->ndig == 1 && s->digs[t->dig].value == 2 &&
                   (categories & SUP_MASK_BIT(SUP_MASK_CVV))) {
            continue; /* cvv2, cvc2 */
        } else {
            bool six = (phrase->flags & P_SIX) && w.unknown == 0 && six_digits(s, j);
            if ((take || six) && claim_number(s, j, categories)) {
                claim_second(s, j, categories);
                return true;
            }
            if (!quantity(s, j + 1)) {
                w.unknown++;
                w.behind_copula++;
            }
            w.linked = false;
        }
    }
    return false;
}

/* --- backward: "4821 is my pin", "4821 ndiyo namba yangu ya siri", "123 (cvv)" --- */

/* Punctuation between a value and "that is my pin". */
static bool points_back(const struct scan *s, size_t t)
{
    static const char *const words[] = {"that", "this", "hiyo", "hii", "ndiyo", "ndio"};
    char punct = s->toks[t].punct;
    if (t == 0 || s->toks[t - 1].kind != T_NUM || (punct != ',' && punct != '.' && punct != '?'))
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (scan_word_is(s, &s->toks[t + 1], words[i]))
            return true;
    return false;
}

static bool look_backward(struct scan *s, size_t first, size_t end, const struct phrase *phrase,
                          uint32_t on)
{
    bool copula = false;
    size_t j = first;
    for (size_t steps = 0; j > 0 && steps < MAX_BEFORE; steps++) {
        const struct tok *t = &s->toks[--j];
        uint32_t flags = flags_of(t);
        if (t->kind == T_NUM)
            break;
        if (t->kind == T_WORD && (flags & W_COPULA))
            copula = true;
        else if (t->kind == T_WORD && !(flags & (W_FILLER | W_POSSESSIVE)))
            return false;
        else if (t->kind == T_PUNCT && t->punct == '(' && j + 1 == first)
            copula = true;
        else if (t->kind == T_PUNCT && points_back(s, j))
            continue;
        else if (t->kind == T_PUNCT && t->punct != '-' && t->punct != '"' && t->punct != '\'')
            return false;
        if (t->newline)
            return false;
    }
    if (s->toks[j].kind != T_NUM)
        return false;
    /* Back to the first group of the number. */
    while (j > 0 && s->digs[s->toks[j].dig].gap == G_STRONG) {
        size_t before = s->digs[s->toks[j].dig - 1].tok;
        if (first - before > 2 * MAX_BEFORE || s->cps[s->toks[before].first].claim)
            break;
        j = before;
    }
    bool whole = j == 0 && end == s->ntok; /* the message is "4821 pin" */
    if (!copula && !whole)
        return false;
    uint32_t groups[MAX_VALUE_DIGITS + 1];
    size_t n = list_groups(s, j, groups, MAX_VALUE_DIGITS + 1);
    for (size_t k = 0; n > 0 && k < KINDS; k++)
        if ((phrase->categories & on & SUP_MASK_BIT(kinds[k].category)) &&
            groups[n - 1] >= kinds[k].min && groups[n - 1] <= kinds[k].max &&
            !(j > 0 && (flags_of(&s->toks[j - 1]) & W_STOP)))
            return claim_number(s, j, SUP_MASK_BIT(kinds[k].category));
    return false;
}

static bool stopped_before(const struct scan *s, size_t first)
{
    return first > 0 && (flags_of(&s->toks[first - 1]) & W_STOP);
}

void mark_names(struct scan *scan)
{
    const uint32_t named = SUP_MASK_BIT(SUP_MASK_ACCOUNT) | SUP_MASK_BIT(SUP_MASK_NATIONAL_ID);
    for (size_t t = 0; t < scan->ntok;) {
        size_t end = t + 1;
        const struct phrase *phrase = phrase_at(scan, t, &end);
        if (phrase)
            scan->toks[end - 1].context = phrase->categories & named;
        t = end;
    }
}

void rule_context(struct scan *scan, uint32_t on)
{
    const uint32_t numbers =
        SUP_MASK_BIT(SUP_MASK_CVV) | SUP_MASK_BIT(SUP_MASK_PIN) | SUP_MASK_BIT(SUP_MASK_OTP);
    for (size_t t = 0; t < scan->ntok;) {
        size_t end = t + 1;
        const struct phrase *phrase = phrase_at(scan, t, &end);
        size_t first = t;
        t = end;
        if (!phrase || scan->cps[scan->toks[first].first].claim)
            continue;
        bool weak = phrase->flags & P_WEAK;
        if (weak && stopped_before(scan, first))
            continue;
        if ((phrase->categories & on & SUP_MASK_BIT(SUP_MASK_PASSWORD)))
            (void)rule_password(scan, first, end, weak);
        if ((phrase->categories & on & numbers) && scan->ndig > 0 &&
            !look_backward(scan, first, end, phrase, on))
            (void)look_forward(scan, end, phrase, on);
    }
}
