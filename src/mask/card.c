#include "mask_internal.h"

enum { CARD_MIN = 13, CARD_MAX = 19 };

#define LEN(n) (1u << (n))
#define LEN_16_19 (LEN(16) | LEN(17) | LEN(18) | LEN(19))
#define LEN_13_19 (LEN(13) | LEN(14) | LEN(15) | LEN_16_19)

/* ISO/IEC 7812 issuer prefixes in use, as ranges of the first six digits, with the lengths issued
 * under them. strong: issued in such numbers that they are looked for inside longer runs too. */
static const struct brand {
    uint32_t lo, hi, lengths;
    bool strong;
} brands[] = {
    {220000, 220499, LEN_16_19, false},                  /* Mir */
    {222100, 272099, LEN(16), true},                     /* Mastercard */
    {300000, 305999, LEN(14) | LEN(16), false},          /* Diners Club */
    {309500, 309599, LEN(14) | LEN(16), false},          /* Diners Club */
    {340000, 349999, LEN(15), true},                     /* American Express */
    {352800, 358999, LEN_16_19, true},                   /* JCB */
    {360000, 369999, LEN(14) | LEN(16), false},          /* Diners Club */
    {370000, 379999, LEN(15), true},                     /* American Express */
    {380000, 399999, LEN(14) | LEN(16), false},          /* Diners Club */
    {400000, 499999, LEN(13) | LEN(16) | LEN(19), true}, /* Visa */
    {500000, 509999, LEN_13_19, false},                  /* Maestro, Verve, Elo, RuPay */
    {510000, 559999, LEN(16), true},                     /* Mastercard */
    {560000, 589999, LEN_13_19, false},                  /* Maestro */
    {600000, 601099, LEN(16), false},                    /* local schemes */
    {601100, 601199, LEN_16_19, true},                   /* Discover */
    {601200, 609999, LEN(16) | LEN(19), false},          /* RuPay, Hipercard */
    {620000, 629999, LEN_16_19, true},                   /* UnionPay */
    {630400, 630499, LEN_13_19, false},                  /* Maestro */
    {636200, 636399, LEN(16), false},                    /* Elo */
    {637000, 639999, LEN(16), false},                    /* InstaPayment */
    {644000, 659999, LEN_16_19, true},                   /* Discover, Verve, RuPay */
    {670000, 677999, LEN_13_19, false},                  /* Maestro */
    {810000, 817199, LEN_16_19, false},                  /* UnionPay */
    {817200, 829999, LEN(16), false},                    /* RuPay */
    {860000, 860099, LEN(16), false},                    /* Uzcard */
    {979200, 979299, LEN(16), false},                    /* Troy */
    {986000, 986099, LEN(16), false},                    /* Humo */
};

static bool luhn(const uint8_t *d, size_t count)
{
    unsigned sum = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned v = d[count - 1 - i];
        sum += i % 2 == 0 ? v : v < 5 ? v * 2 : v * 2 - 9;
    }
    return sum % 10 == 0;
}

static const struct brand *brand_of(const uint8_t *d, size_t count)
{
    uint32_t prefix = 0;
    for (size_t i = 0; i < 6; i++)
        prefix = prefix * 10 + d[i];
    for (size_t i = 0; i < sizeof(brands) / sizeof(brands[0]) && brands[i].lo <= prefix; i++)
        if (prefix <= brands[i].hi)
            return brands[i].lengths & LEN(count) ? &brands[i] : NULL;
    return NULL;
}

bool card_valid(const uint8_t *d, size_t count)
{
    return count >= CARD_MIN && count <= CARD_MAX && brand_of(d, count) && luhn(d, count);
}

bool card_strong(const uint8_t *d, size_t count)
{
    if (count != 15 && count != 16)
        return false;
    const struct brand *brand = brand_of(d, count);
    return brand && brand->strong && luhn(d, count);
}

/* --- runs and groups ---
 * run:    digits [first, end) with no gap wider than allowed, nothing claimed, none with '+' but
 *         the first
 * group:  digits of a run with no visible character between them
 * window: digits of a run that may be a number */

struct run {
    size_t first, end;
    enum gap widest;
};

static bool begins_group(const struct scan *s, const struct run *run, size_t i)
{
    return i == run->first || i == run->end || s->digs[i].gap != G_NONE;
}

static struct run run_at(const struct scan *s, size_t first, enum gap widest)
{
    struct run run = {first, first + 1, widest};
    while (run.end < s->ndig) {
        const struct dig *d = &s->digs[run.end];
        if (d->gap > (uint8_t)widest || d->plus || s->cps[d->first].claim)
            break;
        run.end++;
    }
    return run;
}

/* Whether the groups of digits [first, end) are as people write card numbers. strict: with other
 * separators than spaces, dots and dashes, where lists of amounts and dates look similar. */
static bool natural(const struct scan *s, const struct run *run, size_t first, size_t end,
                    bool strict)
{
    uint8_t sizes[CARD_MAX] = {0};
    size_t n = 0, size = 0;
    for (size_t i = first; i < end; i++) {
        size++;
        if (i + 1 == end || begins_group(s, run, i + 1)) {
            sizes[n++] = (uint8_t)size;
            size = 0;
        }
    }
    if (n == 1 || (n == 3 && sizes[0] == 4 && sizes[1] == 6 && (sizes[2] == 5 || sizes[2] == 4)))
        return true;
    for (size_t i = 1; i < n; i++)
        if (sizes[i] > sizes[0] || (sizes[i] < sizes[0] && i + 1 < n))
            return false;
    if (sizes[0] == 3 || (strict && sizes[0] == 2))
        return false; /* telephone numbers and thousands; dates and times */
    return !strict || sizes[0] == 1 || sizes[0] == 4 || sizes[0] == 8;
}

static bool window_fits(const struct scan *s, const struct run *run, size_t first, size_t end)
{
    /* E.164 numbers have at most 15 digits. */
    if (s->digs[first].plus && run->end - run->first <= 15)
        return false;
    if (run->widest == G_WEAK)
        return natural(s, run, first, end, true);
    /* A list number before, an expiry date and a check number behind do not spoil any grouping. */
    if (first - run->first <= 2 && run->end - end <= 7 && (first == run->first || end == run->end))
        return true;
    return natural(s, run, first, end, false);
}

static void claim_digits(struct scan *s, size_t first, size_t end, enum sup_mask_category category)
{
    scan_claim(s, s->digs[first].first, s->digs[end - 1].last, category);
}

/* Whether the last of digits [first, end) are a group of three behind a number that is valid
 * without them: rather a check number than the end of a longer card. Both readings mask all but
 * four digits this way. */
static bool check_number_last(const struct scan *s, const struct run *run, size_t first, size_t end,
                              const uint8_t *values)
{
    size_t len = end - first - 3;
    return begins_group(s, run, end - 3) && !begins_group(s, run, end - 2) &&
           !begins_group(s, run, end - 1) && (len == 15 || len == 16) &&
           card_valid(values + first, len);
}

/* The length of the card that begins with the group at digit i, or 0. The longest: what is valid
 * inside it is chance. */
static size_t card_at(const struct scan *s, const struct run *run, size_t i, const uint8_t *values)
{
    for (size_t len = CARD_MAX; len >= CARD_MIN; len--)
        if (len <= run->end - i && begins_group(s, run, i + len) && card_valid(values + i, len) &&
            window_fits(s, run, i, i + len))
            return check_number_last(s, run, i, i + len, values) ? len - 3 : len;
    return 0;
}

/* Numbers glued to other digits: in a group of 17 to 19 at its borders, in a longer one anywhere.
 * Returns the digit behind what was claimed, or the group's end. */
static size_t search_group(struct scan *s, size_t first, size_t end, const uint8_t *values)
{
    size_t count = end - first;
    for (size_t i = first; count > 16 && i + 15 <= end; i++) {
        for (size_t len = 16; len >= 15; len--) {
            bool border = i == first || i + len == end;
            if (i + len <= end && (border || count > CARD_MAX) && card_strong(values + i, len)) {
                claim_digits(s, i, i + len, SUP_MASK_CARD);
                return i + len;
            }
        }
    }
    return end;
}

static void search_run(struct scan *s, const struct run *run, const uint8_t *values)
{
    size_t i = run->first;
    while (i < run->end) {
        size_t group_end = i + 1;
        while (!begins_group(s, run, group_end))
            group_end++;
        size_t len = begins_group(s, run, i) ? card_at(s, run, i, values) : 0;
        if (len > 0) {
            claim_digits(s, i, i + len, SUP_MASK_CARD);
            i += len;
        } else {
            i = search_group(s, i, group_end, values);
        }
    }
}

static void search_text(struct scan *s, enum gap widest, const uint8_t *values)
{
    for (size_t i = 0; i < s->ndig;) {
        if (s->cps[s->digs[i].first].claim) {
            i++;
            continue;
        }
        struct run run = run_at(s, i, widest);
        if (run.end - run.first >= CARD_MIN)
            search_run(s, &run, values);
        i = run.end;
    }
}

/* --- the check number behind a card: "4111 1111 1111 1111 12/25 123" --- */

static bool unit_behind(const struct scan *s, const struct tok *t)
{
    return t[1].kind == T_WORD && t[1].word && (t[1].word->flags & W_UNIT) &&
           t + 1 < s->toks + s->ntok;
}

static bool expiry_month(const struct scan *s, const struct tok *t)
{
    unsigned month = s->digs[t->dig].value * 10u + s->digs[t->dig + 1].value;
    return month >= 1 && month <= 12;
}

static void check_number_behind(struct scan *s, size_t tok, bool amex)
{
    bool dated = false;
    for (size_t j = tok; j < s->ntok && j < tok + 12; j++) {
        const struct tok *t = &s->toks[j];
        if (t->kind == T_PUNCT && (t->punct == '!' || t->punct == '?' || t->punct == '+'))
            return;
        if (t->kind == T_WORD && !(t->word && (t->word->flags & (W_EXPIRY | W_LINK))))
            return;
        if (t->kind != T_NUM)
            continue;
        if (s->cps[t->first].claim || s->cps[t->first].spoken)
            return;
        bool next_is_number = t[1].kind == T_NUM || (t[1].kind != T_END && t[2].kind == T_NUM);
        bool alone = amex && t->ndig == 4 && !next_is_number;
        if (!dated && !alone && (t->ndig == 2 || t->ndig == 4) && expiry_month(s, t)) {
            dated = true;
            if (t->ndig == 2 && t[1].kind == T_PUNCT && t[2].kind == T_NUM)
                j += 2;
            else if (t->ndig == 2 && t[1].kind == T_NUM)
                j++;
            continue;
        }
        if (t->ndig == (amex ? 4u : 3u) && !unit_behind(s, t) &&
            !(t[1].glued && t[1].kind == T_WORD))
            scan_claim(s, t->first, t->last, SUP_MASK_CVV);
        return;
    }
}

static void search_check_numbers(struct scan *s)
{
    for (size_t i = 1; i <= s->ndig; i++) {
        const struct dig *last = &s->digs[i - 1];
        if (s->cps[last->first].claim != SUP_MASK_CARD + 1)
            continue;
        if (i < s->ndig && s->cps[s->digs[i].first].claim && !s->cps[s->digs[i].first].start)
            continue; /* not the number's last digit */
        size_t first = i - 1;
        while (first > 0 && !s->cps[s->digs[first].first].start)
            first--;
        bool amex = s->digs[first].value == 3 && i - first == 15;
        size_t behind = i; /* a check number glued to the card stays within its token */
        while (behind < s->ndig && s->digs[behind].tok == last->tok)
            behind++;
        if (behind - i == (amex ? 4u : 3u))
            claim_digits(s, i, behind, SUP_MASK_CVV);
        else if (behind == i)
            check_number_behind(s, last->tok + 1, amex);
    }
}

void rule_card(struct scan *scan, bool cvv)
{
    if (scan->ndig < CARD_MIN)
        return;
    /* Values side by side, in the memory of a character array that is wiped with the rest. */
    uint8_t *values = scan->values;
    for (size_t i = 0; i < scan->ndig; i++)
        values[i] = scan->digs[i].value;
    search_text(scan, G_STRONG, values);
    search_text(scan, G_WEAK, values);
    if (cvv)
        search_check_numbers(scan);
}
