#include <string.h>

#include "mask_internal.h"

enum { IBAN_MAX = 34, IBAN_MAX_GAP = 4 };

/* ISO 13616: country and structure of what follows its two check digits, as counts of n (digits),
 * a (letters), c (either). The registry's entries, then national use outside of it. Sorted. */
static const struct iban_country {
    char code[3];
    const char *bban;
} countries[] = {
    {"ad", "8n12c"},    {"ae", "19n"},      {"al", "8n16c"}, {"ao", "21n"},      {"at", "16n"},
    {"az", "4a20c"},    {"ba", "16n"},      {"be", "12n"},   {"bf", "2c22n"},    {"bg", "4a6n8c"},
    {"bh", "4a14c"},    {"bi", "23n"},      {"bj", "2c22n"}, {"br", "23n1a1c"},  {"by", "4c4n16c"},
    {"cf", "23n"},      {"cg", "23n"},      {"ch", "5n12c"}, {"ci", "2a22n"},    {"cm", "23n"},
    {"cr", "18n"},      {"cv", "21n"},      {"cy", "8n16c"}, {"cz", "20n"},      {"de", "18n"},
    {"dj", "23n"},      {"dk", "14n"},      {"do", "4c20n"}, {"dz", "22n"},      {"ee", "16n"},
    {"eg", "25n"},      {"es", "20n"},      {"fi", "14n"},   {"fk", "2a12n"},    {"fo", "14n"},
    {"fr", "10n11c2n"}, {"ga", "23n"},      {"gb", "4a14n"}, {"ge", "2a16n"},    {"gi", "4a15c"},
    {"gl", "14n"},      {"gq", "23n"},      {"gr", "7n16c"}, {"gt", "24c"},      {"gw", "2c19n"},
    {"hn", "4a20n"},    {"hr", "17n"},      {"hu", "24n"},   {"ie", "4a14n"},    {"il", "19n"},
    {"iq", "4a15n"},    {"ir", "22n"},      {"is", "22n"},   {"it", "1a10n12c"}, {"jo", "4a4n18c"},
    {"km", "23n"},      {"kw", "4a22c"},    {"kz", "3n13c"}, {"lb", "4n20c"},    {"lc", "4a24c"},
    {"li", "5n12c"},    {"lt", "16n"},      {"lu", "3n13c"}, {"lv", "4a13c"},    {"ly", "21n"},
    {"ma", "24n"},      {"mc", "10n11c2n"}, {"md", "20c"},   {"me", "18n"},      {"mg", "23n"},
    {"mk", "3n10c2n"},  {"ml", "2c22n"},    {"mn", "16n"},   {"mr", "23n"},      {"mt", "4a5n18c"},
    {"mu", "4a19n3a"},  {"mz", "21n"},      {"ne", "2a22n"}, {"ni", "4a20n"},    {"nl", "4a10n"},
    {"no", "11n"},      {"om", "3n16c"},    {"pk", "4a16c"}, {"pl", "24n"},      {"ps", "4a21c"},
    {"pt", "21n"},      {"qa", "4a21c"},    {"ro", "4a16c"}, {"rs", "18n"},      {"ru", "14n15c"},
    {"sa", "2n18c"},    {"sc", "4a20n3a"},  {"sd", "14n"},   {"se", "20n"},      {"si", "15n"},
    {"sk", "20n"},      {"sm", "1a10n12c"}, {"sn", "2a22n"}, {"so", "19n"},      {"st", "21n"},
    {"sv", "4a20n"},    {"td", "23n"},      {"tg", "2a22n"}, {"tl", "19n"},      {"tn", "20n"},
    {"tr", "6n16c"},    {"ua", "6n19c"},    {"va", "18n"},   {"vg", "4a16n"},    {"xk", "16n"},
    {"ye", "4a4n18c"},
};

static const char *structure_of(char a, char b)
{
    const char key[3] = {a, b, '\0'};
    size_t lo = 0, hi = sizeof(countries) / sizeof(countries[0]);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int order = strcmp(key, countries[mid].code);
        if (order == 0)
            return countries[mid].bban;
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

static bool alnum(const struct cp *cp)
{
    return (cp->cls == C_DIGIT || cp->cls == C_LETTER) && cp->fold != '\0';
}

/* The next letter or digit behind character i, past what may separate, or ncp. */
static size_t next_place(const struct scan *s, size_t i)
{
    size_t visible = 0;
    for (i++; i < s->ncp && visible <= IBAN_MAX_GAP; i++) {
        const struct cp *cp = &s->cps[i];
        if (alnum(cp))
            return i;
        if (cp->cls == C_IGN)
            continue;
        if (cp->cls != C_SPACE && cp->cls != C_NL && cp->cls != C_DASH && cp->cls != C_DOT &&
            cp->fold != '/' && cp->fold != '_')
            break;
        visible++;
    }
    return s->ncp;
}

static bool fits(const struct cp *cp, char kind)
{
    return kind == 'c' || (kind == 'n' ? cp->cls == C_DIGIT : cp->cls == C_LETTER);
}

static unsigned mod97(unsigned rest, char fold)
{
    if (fold >= '0' && fold <= '9')
        return (rest * 10 + (unsigned)(fold - '0')) % 97;
    return (rest * 100 + (unsigned)(fold - 'a') + 10) % 97;
}

/* The character behind the IBAN that begins at i, or 0. */
static size_t iban_end(const struct scan *s, size_t i)
{
    size_t at[4] = {i};
    for (size_t k = 1; k < 4; k++) {
        at[k] = next_place(s, at[k - 1]);
        if (at[k] == s->ncp || s->cps[at[k]].cls != (k < 2 ? C_LETTER : C_DIGIT))
            return 0;
    }
    const char *bban = structure_of(s->cps[at[0]].fold, s->cps[at[1]].fold);
    unsigned rest = 0;
    size_t pos = at[3];
    while (bban && *bban) {
        unsigned count = 0;
        for (; *bban >= '0' && *bban <= '9'; bban++)
            count = count * 10 + (unsigned)(*bban - '0');
        for (; count > 0; count--) {
            pos = next_place(s, pos);
            if (pos == s->ncp || s->cps[pos].claim || !fits(&s->cps[pos], *bban))
                return 0;
            rest = mod97(rest, s->cps[pos].fold);
        }
        bban++;
    }
    for (size_t k = 0; bban && k < 4; k++)
        rest = mod97(rest, s->cps[at[k]].fold);
    return bban && rest == 1 ? pos + 1 : 0;
}

void rule_iban(struct scan *scan)
{
    /* A country code may follow other letters directly ("ibanGB82..."), as the structure and the
     * check digits leave little to chance; a digit before it would be part of something else. */
    for (size_t i = 0; i + 1 < scan->ncp; i++) {
        if (scan->cps[i].cls != C_LETTER || !alnum(&scan->cps[i]))
            continue;
        if (i > 0 && scan->cps[i - 1].cls == C_DIGIT)
            continue;
        size_t end = iban_end(scan, i);
        if (end == 0)
            continue;
        if (scan->cps[end].cls == C_DIGIT)
            continue;
        scan_claim(scan, i, end, SUP_MASK_IBAN);
        i = end - 1;
    }
}
