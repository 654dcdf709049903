/* What the files of mask share: the text as classified characters and tokens, the words known,
 * and one function per rule. Indices named cp count characters, tok tokens, dig digits. */
#ifndef SUPPORTD_MASK_INTERNAL_H
#define SUPPORTD_MASK_INTERNAL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supportd/base/map.h"
#include "supportd/mask/mask.h"

/* --- characters (unicode.c) --- */

enum cls {
    C_OTHER,
    C_DIGIT,
    C_LETTER,
    C_IGN, /* format characters, marks: as if not there */
    C_SPACE,
    C_NL,
    C_DASH,
    C_DOT,
    C_WEAK, /* stands between digits only in groupings that are a card's */
};

struct cp {
    uint32_t off; /* byte offset */
    uint8_t cls;
    char fold;      /* '0'-'9', 'a'-'z', ASCII punctuation, or 0 */
    uint8_t claim;  /* category + 1, or 0 */
    uint8_t start;  /* first character of a claim */
    uint8_t spoken; /* digit value + 1 of the word that begins here, or 0 */
};

/* Class and folding of one code point. Fills only cls and fold. */
void mask_classify(uint32_t code, struct cp *ret_cp);
/* Decodes strictly (RFC 3629: no surrogates, no overlong forms) into cps[len + 1]; the last one is
 * an end mark of class C_OTHER. Errors: SUP_E_MALFORMED. */
SUP_MUST_CHECK sup_err mask_decode(const char *text, size_t len, struct cp *cps, size_t *ret_n);

/* --- words (lexicon.c; tables in lexicon_data.c) --- */

enum word_flag {
    W_FILLER = 1,      /* may stand between a key word and its value */
    W_COPULA = 2,      /* "is": what follows is the value */
    W_STOP = 4,        /* names another number or quantity */
    W_UNIT = 8,        /* behind a number: it is a quantity */
    W_POSSESSIVE = 16, /* may stand inside a phrase */
    W_PLAIN = 32,      /* never a password */
    W_LINK = 64,       /* and, or */
    W_EXPIRY = 128,    /* between a card number and its date */
    W_CURRENCY = 256,
    W_TO = 512,     /* "set the password to" */
    W_PHONE = 1024, /* the number behind is not an account */
};

enum { PHRASE_MAX_WORDS = 6, WORD_MAX = 24 };

enum phrase_flag {
    P_SIX = 2,  /* weak, but six digits right behind are enough */
    P_WEAK = 1, /* needs a copula or colon before the value, and no W_STOP in front */
};

struct phrase {
    const struct phrase *next; /* same first word */
    uint32_t categories;
    uint8_t flags, count;
    const char *words[PHRASE_MAX_WORDS]; /* words[0] is the entry's */
};

struct word {
    uint32_t flags;
    int8_t digit; /* of a number word, or -1 */
    const struct phrase *phrases;
};

struct lexicon {
    struct sup_map *map; /* folded word -> struct word */
    struct word *entries;
    size_t entry_count;
    struct phrase *phrases;
    size_t phrase_count;
    char *text; /* the words of the phrases */
    size_t text_len;
};

struct word_row {
    const char *words; /* blanks between */
    uint32_t flags;
};
struct phrase_row {
    const char *phrase;
    uint32_t categories;
    uint8_t flags;
};
extern const struct word_row mask_word_rows[];
extern const size_t mask_word_row_count;
extern const struct phrase_row mask_phrase_rows[];
extern const size_t mask_phrase_row_count;
extern const char *const mask_digit_words[][2]; /* word, digit; ends with NULL */

/* A zeroed lexicon may be given to lexicon_fini(). Errors: SUP_E_NOMEM, SUP_E_INVAL with *ret_bad
 * set to the index of the wrong word. */
SUP_MUST_CHECK sup_err lexicon_init(struct lexicon *lex, const struct sup_mask_word *words,
                                    size_t count, size_t *ret_bad);
void lexicon_fini(struct lexicon *lex);

/* --- text (scan.c) --- */

enum tok_kind { T_WORD, T_NUM, T_PUNCT, T_END };

struct tok {
    uint32_t first, last;    /* characters [first, last) */
    uint32_t dig;            /* index of the first digit at or behind first */
    uint32_t ndig;           /* T_NUM: digits */
    const struct word *word; /* T_WORD: when known */
    uint32_t context;        /* category bits of a phrase that ends here */
    uint8_t kind;
    char punct;   /* T_PUNCT: ASCII form, or 0 */
    bool glued;   /* nothing visible between the token before and this one */
    bool newline; /* a line begins here */
};

enum gap { G_NONE, G_STRONG, G_WEAK, G_BREAK };

struct dig {
    uint32_t first, last; /* characters; one, or a number word */
    uint32_t tok;
    uint8_t value;
    uint8_t gap; /* to the digit before */
    bool plus;   /* '+' right before */
    bool spoken; /* a number word */
};

struct scan {
    const char *text;
    size_t len;
    struct cp *cps; /* ncp + 1 */
    size_t ncp;
    struct tok *toks; /* ntok + 1, the last is T_END */
    size_t ntok;
    struct dig *digs;
    uint8_t *values; /* of the digits, side by side; filled by rule_card() */
    size_t ndig;
    void *block; /* toks, digs and values */
    size_t block_size;
};

/* Errors: SUP_E_MALFORMED, SUP_E_NOMEM; scan is left for scan_fini() in any case. text is borrowed
 * until then. */
SUP_MUST_CHECK sup_err scan_init(struct scan *scan, const struct lexicon *lex, const char *text,
                                 size_t len);
void scan_fini(struct scan *scan); /* wipes */
bool scan_claimed(const struct scan *scan, size_t first, size_t last);
/* Marks characters [first, last) as one place of category; trailing ignorables stay out. */
void scan_claim(struct scan *scan, size_t first, size_t last, enum sup_mask_category category);
bool scan_word_is(const struct scan *scan, const struct tok *tok, const char *word);

/* --- rules --- */

struct place {
    char kind; /* '#', '@', or itself in lower case */
    bool optional;
};
struct format {
    enum sup_mask_category category;
    bool bare;
    bool specific; /* two literal places or more */
    uint8_t count, required;
    struct place places[SUP_MASK_FORMAT_MAX];
};

struct custom; /* compiled patterns */

struct sup_mask {
    uint32_t on;
    size_t max_bytes;
    struct lexicon lex;
    struct format *formats;
    size_t format_count;
    struct custom *custom;
};

/* Digits d[count] (values): a prefix in use, a length of that brand, Luhn. 13..19 only. */
bool card_valid(const uint8_t *d, size_t count);
/* As card_valid() for brands numerous enough to look for inside a longer run of digits. */
bool card_strong(const uint8_t *d, size_t count);

void rule_iban(struct scan *scan);
void rule_card(struct scan *scan, bool cvv);
SUP_MUST_CHECK sup_err format_parse(const struct sup_mask_format *in, struct format *ret_format);
void rule_formats(struct scan *scan, const struct format *formats, size_t count, uint32_t on);
/* Sets tok.context where a phrase that names an account or national id ends. */
void mark_names(struct scan *scan);
/* Blanks cvv, pin, otp and password beside their key phrases. */
void rule_context(struct scan *scan, uint32_t on);
/* One key word for a password, tokens [first, end). True when a value was found. */
bool rule_password(struct scan *scan, size_t first, size_t end, bool weak);
/* The longest phrase that begins at token t; *ret_end is the token behind it. NULL: none. */
const struct phrase *phrase_at(const struct scan *scan, size_t t, size_t *ret_end);

SUP_MUST_CHECK sup_err custom_create(const struct sup_mask_pattern *patterns, size_t count,
                                     struct custom **ret_custom, struct sup_mask_problem *problem);
void custom_destroy(struct custom *custom);
SUP_MUST_CHECK sup_err rule_custom(struct scan *scan, const struct custom *custom, uint32_t on);
#endif
