#include "mask_internal.h"

enum {
    FORMAT_MAX_GAP = 3,
    WORDS_BEFORE = 10,
    WORDS_BEHIND = 5,
    TOKENS_BEFORE = 40,
    MIN_BARE_DIGITS = 6,
    MIN_LITERALS = 2
};

static bool read_place(char c, struct place *ret_place)
{
    *ret_place = (struct place){.kind = c};
    if (c >= 'A' && c <= 'Z')
        ret_place->kind = (char)(c | 0x20);
    else if (c == '?')
        *ret_place = (struct place){'#', true};
    else if (c != '#' && c != '@' && !(c >= '0' && c <= '9'))
        return false;
    return true;
}

sup_err format_parse(const struct sup_mask_format *in, struct format *ret_format)
{
    if (in->category != SUP_MASK_ACCOUNT && in->category != SUP_MASK_NATIONAL_ID)
        return SUP_E_INVAL;
    struct format f = {.category = in->category, .bare = in->bare};
    unsigned digits = 0, literals = 0;
    for (const char *p = in->pattern; p && *p; p++) {
        struct place place;
        if (f.count == SUP_MASK_FORMAT_MAX || !read_place(*p, &place))
            return SUP_E_INVAL;
        if (!place.optional && f.required < f.count)
            return SUP_E_INVAL; /* a needed place behind an optional one */
        f.places[f.count++] = place;
        f.required = (uint8_t)(f.required + !place.optional);
        digits +=
            !place.optional && (place.kind == '#' || (place.kind >= '0' && place.kind <= '9'));
    }
    if (f.required < SUP_MASK_FORMAT_MIN || (f.bare && digits < MIN_BARE_DIGITS))
        return SUP_E_INVAL;
    f.specific = literals >= MIN_LITERALS;
    *ret_format = f;
    return SUP_OK;
}

static bool alnum(const struct cp *cp)
{
    return cp->cls == C_DIGIT || cp->cls == C_LETTER;
}

static bool place_fits(const struct place *place, const struct cp *cp)
{
    if (place->kind == '#')
        return cp->cls == C_DIGIT;
    if (place->kind == '@')
        return cp->cls == C_LETTER && cp->fold != '\0';
    return cp->fold == place->kind;
}

static bool separates(const struct cp *cp)
{
    return cp->cls == C_SPACE || cp->cls == C_NL || cp->cls == C_DASH || cp->cls == C_DOT ||
           cp->fold == '/';
}

/* The next character behind i that is no separator, or ncp; *ret_gap: something visible between. */
static size_t next_place(const struct scan *s, size_t i, bool *ret_gap)
{
    size_t visible = 0;
    for (i++; i < s->ncp; i++) {
        if (s->cps[i].cls == C_IGN)
            continue;
        if (!separates(&s->cps[i]) || ++visible > FORMAT_MAX_GAP)
            break;
    }
    *ret_gap = visible > 0;
    return i;
}

static bool group_ends(const struct scan *s, size_t i)
{
    bool gap;
    size_t next = next_place(s, i, &gap);
    return gap || next == s->ncp || s->cps[next].cls != C_DIGIT;
}

/* The character behind the longest number of this format that begins at i and ends with a group,
 * or 0. If the first group is a whole number by itself, that one, so that what follows (an amount)
 * is not taken in. */
static size_t match_format(const struct scan *s, const struct format *f, size_t i)
{
    size_t end = 0, pos = i;
    bool gap = false, gap_seen = false;
    for (size_t k = 0; k < f->count; k++) {
        if (pos >= s->ncp || s->cps[pos].claim || !place_fits(&f->places[k], &s->cps[pos]))
            break;
        gap_seen = gap_seen || (k > 0 && gap);
        if (k + 1 >= f->required && group_ends(s, pos)) {
            end = pos + 1;
            if (!gap_seen)
                break;
        }
        pos = next_place(s, pos, &gap);
    }
    return end;
}

static uint32_t flags_of(const struct tok *t)
{
    return t->kind == T_WORD && t->word ? t->word->flags : 0;
}

static bool filler(const struct tok *t)
{
    return (flags_of(t) & (W_FILLER | W_COPULA | W_POSSESSIVE | W_LINK)) ||
           (t->word && t->word->phrases);
}

/* Whether a word before token t names it. A specific format may be up to 10 words away; a general
 * one follows the name with only fillers between, or behind "is", or it follows another number of
 * the same kind ("from account 1 to 2"). */
static bool named_before(const struct scan *s, size_t t, const struct format *f, bool phone)
{
    size_t words = 0, unknown = 0;
    bool copula = false;
    for (size_t j = t; j > 0 && words < WORDS_BEFORE && t - j < TOKENS_BEFORE; j--) {
        const struct tok *tok = &s->toks[j - 1];
        bool same = s->cps[tok->first].claim == f->category + 1 && words <= 2;
        if (same || (tok->context & SUP_MASK_BIT(f->category)))
            return f->specific || unknown == 0 || (copula && !phone);
        if (tok->kind == T_PUNCT && (tok->punct == ':' || tok->punct == '='))
            copula = copula || unknown == 0;
        if (tok->kind != T_WORD)
            continue;
        if (flags_of(tok) & (W_STOP | W_PHONE))
            return false;
        copula = copula || ((flags_of(tok) & W_COPULA) && unknown == 0);
        unknown += !filler(tok);
        words++;
    }
    return false;
}

/* "0152345678901 ni akaunti yangu" */
static bool named_behind(const struct scan *s, size_t behind, uint32_t bit)
{
    size_t words = 0;
    for (size_t j = behind; j < s->ntok && words < WORDS_BEHIND && j < behind + TOKENS_BEFORE;
         j++) {
        const struct tok *tok = &s->toks[j];
        if (tok->context & bit)
            return true;
        if (tok->kind == T_NUM || tok->newline || tok->punct == '!' || tok->punct == '?' ||
            (tok->kind == T_WORD && !filler(tok)))
            return false;
        words += tok->kind == T_WORD;
    }
    return false;
}

static unsigned two_digits(const struct scan *s, size_t dig)
{
    return s->digs[dig].value * 10u + s->digs[dig + 1].value;
}

/* Digits from token t on in groups 2-2-4 or 4-2-2 with a day and a month. */
static bool written_as_date(const struct scan *s, size_t t, size_t behind)
{
    uint32_t sizes[3];
    size_t n = 0, d = s->toks[t].dig;
    for (size_t j = t; j < behind; j++) {
        if (s->toks[j].kind != T_NUM)
            continue;
        if (n == 3)
            return false;
        sizes[n++] = s->toks[j].ndig;
    }
    if (n != 3 || sizes[1] != 2 || sizes[0] + sizes[2] != 6 || (sizes[0] != 2 && sizes[0] != 4))
        return false;
    unsigned a = two_digits(s, sizes[0] == 2 ? d : d + 6), b = two_digits(s, d + sizes[0]);
    return a >= 1 && b >= 1 && a <= 31 && b <= 31 && (a <= 12 || b <= 12);
}

/* One group of ten digits that begins with 06 or 07, as mobile numbers of East Africa do. */
static bool written_as_phone(const struct scan *s, size_t t)
{
    const struct tok *tok = &s->toks[t];
    return tok->kind == T_NUM && tok->ndig == 10 && s->digs[tok->dig].value == 0 &&
           (s->digs[tok->dig + 1].value == 6 || s->digs[tok->dig + 1].value == 7);
}

/* Whether words tell that tokens [t, behind) are a number of this format. */
static bool named(const struct scan *s, size_t t, size_t behind, const struct format *f)
{
    if (!f->specific && written_as_date(s, t, behind))
        return false;
    return named_before(s, t, f, written_as_phone(s, t)) ||
           named_behind(s, behind, SUP_MASK_BIT(f->category));
}

/* Whether a number may begin at token t: not a telephone number with '+', not inside a word. */
static bool may_begin(const struct scan *s, size_t t)
{
    const struct tok *tok = &s->toks[t];
    if (tok->kind != T_WORD && tok->kind != T_NUM)
        return false;
    if (s->cps[tok->first].spoken > 0)
        return false;
    if (tok->kind == T_WORD || t == 0 || !tok->glued)
        return true;
    return tok[-1].punct != '+' && tok[-1].kind != T_NUM;
}

/* Whether tokens [t, behind) are several groups with more digits beside them, as in two dates in a
 * row: not enough for a format that needs no name. */
static bool cut_from_more(const struct scan *s, size_t t, size_t behind)
{
    if (behind - t < 2)
        return false;
    size_t before = s->toks[t].dig, next = s->toks[behind].dig;
    return (s->toks[t].kind == T_NUM && s->digs[before].gap <= G_STRONG) ||
           (next < s->ndig && s->digs[next].gap <= G_STRONG);
}

static bool unit_behind(const struct scan *s, size_t t)
{
    return s->toks[t].kind == T_WORD && s->toks[t].word && (s->toks[t].word->flags & W_UNIT);
}

static size_t token_behind(const struct scan *s, size_t t, size_t cp)
{
    while (t < s->ntok && s->toks[t].first < cp)
        t++;
    return t;
}

void rule_formats(struct scan *scan, const struct format *formats, size_t count, uint32_t on)
{
    for (size_t t = 0; t < scan->ntok; t++) {
        if (!may_begin(scan, t))
            continue;
        for (size_t k = 0; k < count; k++) {
            const struct format *f = &formats[k];
            uint32_t bit = SUP_MASK_BIT(f->category);
            size_t end = on & bit ? match_format(scan, f, scan->toks[t].first) : 0;
            if (end == 0 || (alnum(&scan->cps[end]) && scan->cps[end].cls == C_DIGIT))
                continue;
            size_t behind = token_behind(scan, t, end);
            if (unit_behind(scan, behind) ||
                !(f->bare ? !cut_from_more(scan, t, behind) : named(scan, t, behind, f)))
                continue;
            scan_claim(scan, scan->toks[t].first, end, f->category);
            t = behind - 1;
            break;
        }
    }
}
