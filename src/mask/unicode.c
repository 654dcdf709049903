#include <string.h>

#include "mask_internal.h"

/* First code point of each run of ten decimal digits (general category Nd), with those that
 * Unicode 15 and 16 have added. */
static const uint32_t nd_zeros[] = {
    0x660,   0x6F0,   0x7C0,   0x966,   0x9E6,   0xA66,   0xAE6,   0xB66,   0xBE6,   0xC66,
    0xCE6,   0xD66,   0xDE6,   0xE50,   0xED0,   0xF20,   0x1040,  0x1090,  0x17E0,  0x1810,
    0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,  0xA8D0,
    0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x10D40, 0x11066,
    0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0, 0x116DA,
    0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50, 0x11DA0, 0x11F50, 0x16A60, 0x16AC0,
    0x16B50, 0x16D70, 0x1CCF0, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0,
    0x1E4F0, 0x1E5F1, 0x1E950, 0x1FBF0,
};

struct range {
    uint32_t lo, hi;
    uint8_t what; /* a class, or the digit of lo */
};

/* Category No with the property Digit: raised, lowered, circled, bracketed. */
static const struct range other_digits[] = {
    {0xB2, 0xB3, 2},       {0xB9, 0xB9, 1},       {0x1369, 0x1371, 1},   {0x19DA, 0x19DA, 1},
    {0x2070, 0x2070, 0},   {0x2074, 0x2079, 4},   {0x2080, 0x2089, 0},   {0x2460, 0x2468, 1},
    {0x2474, 0x247C, 1},   {0x2488, 0x2490, 1},   {0x24EA, 0x24EA, 0},   {0x24F5, 0x24FD, 1},
    {0x24FF, 0x24FF, 0},   {0x2776, 0x277E, 1},   {0x2780, 0x2788, 1},   {0x278A, 0x2792, 1},
    {0x10A40, 0x10A43, 1}, {0x10E60, 0x10E68, 1}, {0x11052, 0x1105A, 1}, {0x1F100, 0x1F100, 0},
    {0x1F101, 0x1F10A, 0},
};

/* Sorted; what lies in none is a letter below U+2000 and in the blocks of scripts, else other. */
static const struct range classes[] = {
    {0x80, 0x84, C_IGN},          {0x85, 0x85, C_NL},           {0x86, 0x9F, C_IGN},
    {0xA0, 0xA0, C_SPACE},        {0xA1, 0xA9, C_OTHER},        {0xAB, 0xAC, C_OTHER},
    {0xAD, 0xAD, C_IGN},          {0xAE, 0xB1, C_OTHER},        {0xB4, 0xB4, C_OTHER},
    {0xB6, 0xB6, C_OTHER},        {0xB7, 0xB7, C_DOT},          {0xB8, 0xB8, C_OTHER},
    {0xBB, 0xBF, C_OTHER},        {0xD7, 0xD7, C_OTHER},        {0xF7, 0xF7, C_OTHER},
    {0x300, 0x36F, C_IGN},        {0x387, 0x387, C_DOT},        {0x58A, 0x58A, C_DASH},
    {0x5BE, 0x5BE, C_DASH},       {0x600, 0x605, C_IGN},        {0x60C, 0x60C, C_WEAK},
    {0x61C, 0x61C, C_IGN},        {0x640, 0x640, C_DASH},       {0x66B, 0x66B, C_DOT},
    {0x66C, 0x66C, C_WEAK},       {0x6D4, 0x6D4, C_DOT},        {0x6DD, 0x6DD, C_IGN},
    {0x70F, 0x70F, C_IGN},        {0x890, 0x891, C_IGN},        {0x8E2, 0x8E2, C_IGN},
    {0x964, 0x965, C_DOT},        {0x115F, 0x1160, C_IGN},      {0x1400, 0x1400, C_DASH},
    {0x1680, 0x1680, C_SPACE},    {0x17B4, 0x17B5, C_IGN},      {0x1806, 0x1806, C_DASH},
    {0x180B, 0x180F, C_IGN},      {0x1AB0, 0x1AFF, C_IGN},      {0x1DC0, 0x1DFF, C_IGN},
    {0x2000, 0x200A, C_SPACE},    {0x200B, 0x200F, C_IGN},      {0x2010, 0x2015, C_DASH},
    {0x2018, 0x201F, C_OTHER},    {0x2022, 0x2027, C_DOT},      {0x2028, 0x2029, C_NL},
    {0x202A, 0x202E, C_IGN},      {0x202F, 0x202F, C_SPACE},    {0x2043, 0x2043, C_DASH},
    {0x2044, 0x2044, C_WEAK},     {0x204E, 0x204E, C_OTHER},    {0x2053, 0x2053, C_DASH},
    {0x205F, 0x205F, C_SPACE},    {0x2060, 0x206F, C_IGN},      {0x20D0, 0x20FF, C_IGN},
    {0x2100, 0x214F, C_LETTER},   {0x2212, 0x2212, C_DASH},     {0x2215, 0x2215, C_WEAK},
    {0x2219, 0x2219, C_DOT},      {0x2223, 0x2223, C_WEAK},     {0x2236, 0x2236, C_WEAK},
    {0x22C5, 0x22C5, C_DOT},      {0x2500, 0x2501, C_DASH},     {0x2502, 0x2503, C_WEAK},
    {0x2796, 0x2796, C_DASH},     {0x2800, 0x2800, C_SPACE},    {0x2C00, 0x2DDF, C_LETTER},
    {0x2E17, 0x2E17, C_DASH},     {0x2E1A, 0x2E1A, C_DASH},     {0x2E31, 0x2E31, C_DOT},
    {0x2E3A, 0x2E3B, C_DASH},     {0x2E40, 0x2E40, C_DASH},     {0x2E5D, 0x2E5D, C_DASH},
    {0x3000, 0x3000, C_SPACE},    {0x3001, 0x3001, C_WEAK},     {0x3002, 0x3002, C_DOT},
    {0x301C, 0x301C, C_DASH},     {0x302A, 0x302F, C_IGN},      {0x3030, 0x3030, C_DASH},
    {0x3040, 0x309F, C_LETTER},   {0x30A0, 0x30A0, C_DASH},     {0x30A1, 0x30FA, C_LETTER},
    {0x30FB, 0x30FB, C_DOT},      {0x30FC, 0x30FC, C_DASH},     {0x30FD, 0x318E, C_LETTER},
    {0x31A0, 0x31FF, C_LETTER},   {0x3400, 0xA4FF, C_LETTER},   {0xA500, 0xD7FF, C_LETTER},
    {0xF900, 0xFDFF, C_LETTER},   {0xFE00, 0xFE0F, C_IGN},      {0xFE20, 0xFE2F, C_IGN},
    {0xFE31, 0xFE32, C_DASH},     {0xFE52, 0xFE52, C_DOT},      {0xFE58, 0xFE58, C_DASH},
    {0xFE63, 0xFE63, C_DASH},     {0xFE70, 0xFEFE, C_LETTER},   {0xFEFF, 0xFEFF, C_IGN},
    {0xFF61, 0xFF61, C_DOT},      {0xFF65, 0xFF65, C_DOT},      {0xFF66, 0xFF9F, C_LETTER},
    {0xFFA0, 0xFFA0, C_IGN},      {0xFFA1, 0xFFDC, C_LETTER},   {0xFFF9, 0xFFFB, C_IGN},
    {0x10000, 0x10EAC, C_LETTER}, {0x10EAD, 0x10EAD, C_DASH},   {0x10EAE, 0x1BC9F, C_LETTER},
    {0x1BCA0, 0x1BCA3, C_IGN},    {0x1D173, 0x1D17A, C_IGN},    {0x1D400, 0x1D7CD, C_LETTER},
    {0x1E000, 0x1EEFF, C_LETTER}, {0x20000, 0x3FFFF, C_LETTER}, {0xE0000, 0xE0FFF, C_IGN},
};

/* Letters that look like Latin ones, each with its Latin form. */
static const struct {
    uint16_t code;
    char fold;
} lookalikes[] = {
    {0x131, 'i'}, {0x391, 'a'}, {0x392, 'b'}, {0x395, 'e'}, {0x396, 'z'}, {0x397, 'h'},
    {0x399, 'i'}, {0x39A, 'k'}, {0x39C, 'm'}, {0x39D, 'n'}, {0x39F, 'o'}, {0x3A1, 'p'},
    {0x3A4, 't'}, {0x3A5, 'y'}, {0x3A7, 'x'}, {0x3BD, 'v'}, {0x3BF, 'o'}, {0x3C1, 'p'},
    {0x405, 's'}, {0x406, 'i'}, {0x408, 'j'}, {0x410, 'a'}, {0x412, 'b'}, {0x415, 'e'},
    {0x41A, 'k'}, {0x41C, 'm'}, {0x41D, 'h'}, {0x41E, 'o'}, {0x420, 'p'}, {0x421, 'c'},
    {0x422, 't'}, {0x425, 'x'}, {0x430, 'a'}, {0x435, 'e'}, {0x43E, 'o'}, {0x440, 'p'},
    {0x441, 'c'}, {0x443, 'y'}, {0x445, 'x'}, {0x455, 's'}, {0x456, 'i'}, {0x458, 'j'},
};

/* U+00C0..U+00FF without accents; '.' where there is no one Latin letter. */
static const char latin1_fold[] =
    "aaaaaa.ceeeeiiiidnooooo.ouuuuy..aaaaaa.ceeeeiiiidnooooo.ouuuuy.y";

static int digit_value(uint32_t code)
{
    for (size_t i = 0; i < sizeof(nd_zeros) / sizeof(nd_zeros[0]) && nd_zeros[i] <= code; i++)
        if (code - nd_zeros[i] < 10)
            return (int)(code - nd_zeros[i]);
    for (size_t i = 0; i < sizeof(other_digits) / sizeof(other_digits[0]); i++)
        if (code >= other_digits[i].lo && code <= other_digits[i].hi)
            return (int)(code - other_digits[i].lo) + other_digits[i].what;
    return -1;
}

static enum cls class_of(uint32_t code)
{
    size_t lo = 0, hi = sizeof(classes) / sizeof(classes[0]);
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (code > classes[mid].hi)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < sizeof(classes) / sizeof(classes[0]) && code >= classes[lo].lo)
        return (enum cls)classes[lo].what;
    return code < 0x2000 ? C_LETTER : C_OTHER;
}

static char letter_fold(uint32_t code)
{
    if (code >= 0xC0 && code <= 0xFF)
        return latin1_fold[code - 0xC0] == '.' ? '\0' : latin1_fold[code - 0xC0];
    if (code >= 0x1D400 && code < 0x1D6A4) /* mathematical alphabets: 26 capitals, 26 small */
        return (char)('a' + (code - 0x1D400) % 26);
    for (size_t i = 0; i < sizeof(lookalikes) / sizeof(lookalikes[0]); i++)
        if (lookalikes[i].code == code)
            return lookalikes[i].fold;
    return '\0';
}

static void classify_ascii(uint32_t c, struct cp *cp)
{
    cp->fold = (char)c;
    if (c >= '0' && c <= '9')
        cp->cls = C_DIGIT;
    else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') {
        cp->cls = C_LETTER;
        cp->fold = (char)(c | 0x20);
    } else if (c == ' ' || c == '\t')
        cp->cls = C_SPACE;
    else if (c == '\n' || c == '\r' || c == '\v' || c == '\f')
        cp->cls = C_NL;
    else if (c < 0x20 || c == 0x7F)
        cp->cls = C_IGN;
    else if (c == '-')
        cp->cls = C_DASH;
    else if (c == '.')
        cp->cls = C_DOT;
    else
        cp->cls = strchr("/_,|:;~\\=()[]#'\"", (int)c) ? C_WEAK : C_OTHER;
}

void mask_classify(uint32_t code, struct cp *ret_cp)
{
    if (code < 0x80) {
        classify_ascii(code, ret_cp);
        return;
    }
    int digit = digit_value(code);
    if (digit >= 0) {
        ret_cp->cls = C_DIGIT;
        ret_cp->fold = (char)('0' + digit);
        return;
    }
    if (code >= 0xFF01 && code <= 0xFF5E) { /* full-width forms of ASCII */
        classify_ascii(code - 0xFF01 + '!', ret_cp);
        return;
    }
    enum cls cls = class_of(code);
    ret_cp->cls = (uint8_t)cls;
    ret_cp->fold = cls == C_LETTER ? letter_fold(code) : cls == C_DASH ? '-' : '\0';
    if (code == 0x2018 || code == 0x2019)
        ret_cp->fold = '\'';
    else if (code == 0x201C || code == 0x201D)
        ret_cp->fold = '"';
}

static size_t sequence_len(uint8_t lead)
{
    if (lead < 0x80)
        return 1;
    if (lead >= 0xC2 && lead <= 0xDF)
        return 2;
    if ((lead & 0xF0) == 0xE0)
        return 3;
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

sup_err mask_decode(const char *text, size_t len, struct cp *cps, size_t *ret_n)
{
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        uint8_t lead = (uint8_t)text[i];
        size_t k = sequence_len(lead);
        if (k == 0 || k > len - i)
            return SUP_E_MALFORMED;
        uint32_t code = k == 1 ? lead : lead & (0x7Fu >> k);
        for (size_t j = 1; j < k; j++) {
            uint8_t more = (uint8_t)text[i + j];
            if ((more & 0xC0) != 0x80)
                return SUP_E_MALFORMED;
            code = code << 6 | (more & 0x3F);
        }
        bool overlong = (k == 3 && code < 0x800) || (k == 4 && code < 0x10000);
        if (overlong || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
            return SUP_E_MALFORMED;
        cps[n] = (struct cp){.off = (uint32_t)i};
        mask_classify(code, &cps[n++]);
        i += k;
    }
    cps[n] = (struct cp){.off = (uint32_t)len};
    *ret_n = n;
    return SUP_OK;
}
