#include "mask_internal.h"

enum {
    MAX_TOKENS = 16,
    MAX_UNKNOWN = 3,
    MAX_CHUNK = 128,
    MIN_SECRET = 4,
    MIN_VALUE = 3,
    MAX_BEFORE = 5
};

static uint32_t flags_of(const struct tok *t)
{
    return t->kind == T_WORD && t->word ? t->word->flags : 0;
}

static bool blank(const struct cp *cp)
{
    return cp->cls == C_SPACE || cp->cls == C_NL;
}

static bool quote(const struct scan *s, size_t i)
{
    char c = s->cps[i].fold;
    return c == '"' || c == '\'' || c == '`';
}

/* A chunk: characters [first, last) that may be a password. */
struct chunk {
    size_t first, last;
    bool quoted;
};

/* Without the full stop, comma or bracket that ends the sentence around it. */
static void trim(const struct scan *s, struct chunk *c)
{
    while (c->last > c->first + 1) {
        char fold = s->cps[c->last - 1].fold;
        if (fold != '.' && fold != ',' && fold != ';' && fold != ')' && fold != '"' &&
            fold != ']' && fold != '>' && s->cps[c->last - 1].cls != C_IGN)
            return;
        c->last--;
    }
}

static bool quoted_chunk(const struct scan *s, size_t i, struct chunk *ret_chunk)
{
    bool text = false;
    if (!quote(s, i) || blank(&s->cps[i + 1]) || s->cps[i + 1].fold == ':' ||
        s->cps[i + 1].fold == ',')
        return false; /* the quote closes something, as in "password":"..." */
    for (size_t j = i + 1; j < s->ncp && j - i <= MAX_CHUNK && s->cps[j].cls != C_NL; j++) {
        text = text || s->cps[j].cls == C_LETTER || s->cps[j].cls == C_DIGIT;
        bool closes = s->cps[j].fold == s->cps[i].fold && text;
        if (closes && (s->cps[j + 1].cls != C_LETTER && s->cps[j + 1].cls != C_DIGIT)) {
            *ret_chunk = (struct chunk){i + 1, j, true};
            return true;
        }
    }
    return false;
}

/* The chunk that begins at character i (not blank). False: nothing there, or masked already. */
static bool chunk_at(const struct scan *s, size_t i, struct chunk *ret_chunk)
{
    while (i < s->ncp && blank(&s->cps[i]))
        i++;
    struct chunk c = {i, i, false};
    if (!quoted_chunk(s, i, &c)) {
        while (c.last < s->ncp && c.last - c.first < MAX_CHUNK && !blank(&s->cps[c.last]))
            c.last++;
        trim(s, &c);
    }
    if (c.last == c.first || scan_claimed(s, c.first, c.last))
        return false;
    if (c.last - c.first >= 4 && s->cps[c.first].fold == '*' && s->cps[c.first + 1].fold == '*')
        return false;
    *ret_chunk = c;
    return true;
}

static const struct tok *token_at(const struct scan *s, size_t t, size_t cp)
{
    while (t < s->ntok && s->toks[t].first < cp)
        t++;
    return &s->toks[t];
}

static bool letters_only(const struct scan *s, const struct chunk *c)
{
    for (size_t i = c->first; i < c->last; i++)
        if (s->cps[i].cls != C_LETTER && s->cps[i].cls != C_IGN && !(s->cps[i].fold == '\'') &&
            !(i > c->first && (s->cps[i].fold == '!' || s->cps[i].fold == '?')))
            return false;
    return true;
}

static bool ends_with(const struct scan *s, const struct tok *t, const char *suffix, size_t len)
{
    if (t->last - t->first < len + 3)
        return false;
    for (size_t i = 0; i < len; i++)
        if (s->cps[t->last - len + i].fold != suffix[i])
            return false;
    return true;
}

/* A word of ordinary speech ("password is expired"), not a password. t is its token. */
static bool ordinary(const struct scan *s, const struct chunk *c, const struct tok *t)
{
    if (!letters_only(s, c) || t->kind != T_WORD)
        return false;
    if (t->word && (t->word->flags || t->word->phrases))
        return true;
    return ends_with(s, t, "ing", 3) || ends_with(s, t, "ed", 2);
}

/* Like a password by itself: digits and letters, only digits, or with a sign inside. */
static bool looks_secret(const struct scan *s, const struct chunk *c)
{
    size_t letters = 0, digits = 0, signs = 0, others = 0;
    for (size_t i = c->first; i < c->last; i++) {
        const struct cp *cp = &s->cps[i];
        letters += cp->cls == C_LETTER;
        digits += cp->cls == C_DIGIT;
        bool sign = cp->fold == '@' || cp->fold == '#' || cp->fold == '$' || cp->fold == '%' ||
                    cp->fold == '^' || cp->fold == '&' || cp->fold == '*' || cp->fold == '_' ||
                    cp->fold == '!' || cp->fold == '+' || cp->fold == '-';
        if (i + 1 < c->last)
            signs += sign && cp->fold != '-';
        others += cp->cls != C_LETTER && cp->cls != C_DIGIT && cp->cls != C_IGN && !sign;
    }
    if (letters + digits + signs + others < MIN_SECRET)
        return false;
    return (letters > 0 && digits > 0) || (digits >= MIN_SECRET && letters + others == 0) ||
           (signs > 0 && letters > 0);
}

static bool claim(struct scan *s, const struct chunk *c)
{
    scan_claim(s, c->first, c->last, SUP_MASK_PASSWORD);
    return true;
}

/* What follows ":" "=" or "is": anything but ordinary words. */
static bool claim_value(struct scan *s, size_t t, size_t from, bool secret)
{
    struct chunk c;
    if (!chunk_at(s, from, &c) || (secret && !c.quoted && !looks_secret(s, &c)))
        return false;
    const struct tok *tok = token_at(s, t, c.first);
    if (!c.quoted && (c.last - c.first < MIN_VALUE || (flags_of(tok + 1) & W_UNIT)))
        return false; /* "password is 8 characters" */
    if (!c.quoted && (ordinary(s, &c, tok)))
        return false;
    return claim(s, &c);
}

/* What looks random at token t, with only filler words since the key word, which ended before
 * token end. A bare number counts only right behind it ("password for account 12345678"). */
static bool claim_secret(struct scan *s, size_t t, size_t end)
{
    struct chunk c;
    const struct tok *tok = &s->toks[t];
    if (!chunk_at(s, tok->first, &c) || (!c.quoted && !looks_secret(s, &c)))
        return false;
    if (!c.quoted && quote(s, tok->first))
        return false;
    bool number = tok->kind == T_NUM && c.last <= tok->last;
    if (number && t > end && !(flags_of(tok - 1) & (W_POSSESSIVE | W_TO)))
        return false;
    return claim(s, &c);
}

/* Whether the punctuation at token t leads to the value; *ret_from is the character behind. */
static bool leads_to_value(const struct scan *s, size_t t, size_t *ret_from)
{
    const struct tok *tok = &s->toks[t];
    if (tok->punct == '-' && s->toks[t + 1].punct == '>')
        tok++;
    if (tok->punct != ':' && tok->punct != '=' && tok->punct != '>')
        return false;
    *ret_from = tok->last;
    return true;
}

static bool forward(struct scan *s, size_t end, bool weak)
{
    size_t unknown = 0, from;
    for (size_t j = end; j < s->ntok && j < end + MAX_TOKENS; j++) {
        const struct tok *t = &s->toks[j];
        uint32_t flags = flags_of(t);
        if (t->kind == T_PUNCT && leads_to_value(s, j, &from))
            return claim_value(s, j, from, false);
        if (t->kind == T_WORD && (flags & W_COPULA)) {
            size_t next = j + 1; /* "is: X", "ni kama X" */
            while (next < s->ntok &&
                   ((flags_of(&s->toks[next]) & W_COPULA) || leads_to_value(s, next, &from)))
                next++;
            return claim_value(s, next, s->toks[next - 1].last, weak);
        }
        if (t->kind == T_PUNCT && (t->punct == '(' || t->punct == ')' || t->punct == '-' ||
                                   t->punct == '/' || t->punct == '[' || t->punct == '<'))
            continue;
        if ((flags & W_LINK) && !s->toks[j + 1].word) /* "password and username is" */
            return false;
        if ((flags & W_LINK) && !s->toks[j + 1].word->phrases)
            return false;
        bool try = weak ? j == end && t->kind == T_WORD : unknown == 0;
        if (try && claim_secret(s, j, end))
            return true;
        if (t->kind == T_PUNCT && t->punct == '"')
            continue;
        if (t->kind == T_PUNCT)
            return false;
        bool known = flags & (W_FILLER | W_POSSESSIVE | W_LINK);
        if (!known && (t->kind != T_WORD || t->newline || ++unknown > MAX_UNKNOWN))
            return false;
    }
    return false;
}

/* "Hunter2 is my password": the chunk before the copula. */
static bool backward(struct scan *s, size_t first)
{
    size_t j = first, steps = 0;
    bool copula = false;
    while (j > 0 && steps++ < MAX_BEFORE && !copula) {
        const struct tok *t = &s->toks[--j];
        copula = flags_of(t) & W_COPULA;
        if (!copula && !(flags_of(t) & (W_FILLER | W_POSSESSIVE)))
            return false;
    }
    if (!copula || j == 0)
        return false;
    size_t last = s->toks[j - 1].last;
    struct chunk c = {last, last, false};
    while (c.first > 0 && !blank(&s->cps[c.first - 1]) && c.last - c.first < MAX_CHUNK)
        c.first--;
    size_t t = j - 1;
    while (t > 0 && s->toks[t].first > c.first)
        t--;
    if (scan_claimed(s, c.first, c.last) || c.last == c.first)
        return false;
    bool opens = t == 0 || s->toks[t].newline || s->toks[t - 1].punct == '.';
    if (!looks_secret(s, &c) && (!opens || ordinary(s, &c, &s->toks[t])))
        return false;
    return claim(s, &c);
}

bool rule_password(struct scan *scan, size_t first, size_t end, bool weak)
{
    return (!weak && backward(scan, first)) || forward(scan, end, weak);
}
