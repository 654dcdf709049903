#include <string.h>

#include "mask_internal.h"
#include "supportd/base/mem.h"

/* Counts words of a list with blanks between. */
static size_t count_words(const char *list)
{
    size_t n = 0;
    for (const char *p = list; *p;) {
        p += strspn(p, " ");
        size_t len = strcspn(p, " ");
        n += len > 0;
        p += len;
    }
    return n;
}

static size_t count_entries(size_t extra)
{
    size_t n = 0;
    for (size_t i = 0; i < mask_word_row_count; i++)
        n += count_words(mask_word_rows[i].words);
    for (size_t i = 0; mask_digit_words[i][0]; i++)
        n++;
    return n + mask_phrase_row_count + extra;
}

static size_t phrase_bytes(const struct sup_mask_word *words, size_t count)
{
    size_t n = 1;
    for (size_t i = 0; i < mask_phrase_row_count; i++)
        n += strlen(mask_phrase_rows[i].phrase) + 1;
    for (size_t i = 0; i < count; i++)
        n += words[i].phrase ? strlen(words[i].phrase) + 1 : 0;
    return n;
}

static sup_err entry_of(struct lexicon *lex, const char *word, size_t len, struct word **ret_word)
{
    struct word *entry = sup_map_get(lex->map, word, len);
    if (!entry) {
        entry = &lex->entries[lex->entry_count];
        *entry = (struct word){.digit = -1};
        sup_err err = sup_map_set(lex->map, word, len, entry);
        if (err)
            return err;
        lex->entry_count++;
    }
    *ret_word = entry;
    return SUP_OK;
}

static sup_err add_flags(struct lexicon *lex, const struct word_row *row)
{
    for (const char *p = row->words; *p;) {
        size_t len = strcspn(p, " ");
        if (len > 0) {
            struct word *entry;
            sup_err err = entry_of(lex, p, len, &entry);
            if (err)
                return err;
            entry->flags |= row->flags;
        }
        p += len;
        p += strspn(p, " ");
    }
    return SUP_OK;
}

/* Copies a phrase, folded, as words with NULs between. False: not letters and blanks, too long. */
static bool split_phrase(struct lexicon *lex, const char *text, struct phrase *phrase)
{
    size_t len = 0;
    phrase->count = 0;
    for (const char *p = text; *p; p++) {
        char c = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
        if (c == ' ') {
            len = 0;
            continue;
        }
        if (c < 'a' || c > 'z' || ++len > WORD_MAX)
            return false;
        if (len == 1) {
            if (phrase->count == PHRASE_MAX_WORDS)
                return false;
            if (lex->text_len > 0)
                lex->text[lex->text_len++] = '\0';
            phrase->words[phrase->count++] = lex->text + lex->text_len;
        }
        lex->text[lex->text_len++] = c;
    }
    return phrase->count > 0;
}

static sup_err add_phrase(struct lexicon *lex, const struct phrase_row *row)
{
    struct phrase *phrase = &lex->phrases[lex->phrase_count];
    *phrase = (struct phrase){.categories = row->categories, .flags = row->flags};
    if (!split_phrase(lex, row->phrase, phrase))
        return SUP_E_INVAL;
    lex->text[lex->text_len] = '\0';
    struct word *entry;
    sup_err err = entry_of(lex, phrase->words[0], strlen(phrase->words[0]), &entry);
    if (err)
        return err;
    phrase->next = entry->phrases;
    entry->phrases = phrase;
    lex->phrase_count++;
    return SUP_OK;
}

static sup_err fill(struct lexicon *lex)
{
    for (size_t i = 0; i < mask_word_row_count; i++) {
        sup_err err = add_flags(lex, &mask_word_rows[i]);
        if (err)
            return err;
    }
    for (size_t i = 0; mask_digit_words[i][0]; i++) {
        struct word *entry;
        sup_err err = entry_of(lex, mask_digit_words[i][0], strlen(mask_digit_words[i][0]), &entry);
        if (err)
            return err;
        entry->digit = (int8_t)(mask_digit_words[i][1][0] - '0');
    }
    for (size_t i = 0; i < mask_phrase_row_count; i++) {
        sup_err err = add_phrase(lex, &mask_phrase_rows[i]);
        if (err)
            return err;
    }
    return SUP_OK;
}

static sup_err add_words(struct lexicon *lex, const struct sup_mask_word *words, size_t count,
                         size_t *ret_bad)
{
    const uint32_t allowed = SUP_MASK_BIT(SUP_MASK_CVV) | SUP_MASK_BIT(SUP_MASK_PIN) |
                             SUP_MASK_BIT(SUP_MASK_OTP) | SUP_MASK_BIT(SUP_MASK_PASSWORD) |
                             SUP_MASK_BIT(SUP_MASK_ACCOUNT) | SUP_MASK_BIT(SUP_MASK_NATIONAL_ID);
    for (size_t i = 0; i < count; i++) {
        *ret_bad = i;
        if ((unsigned)words[i].category >= SUP_MASK_CATEGORIES || !words[i].phrase ||
            !(SUP_MASK_BIT(words[i].category) & allowed))
            return SUP_E_INVAL;
        struct phrase_row row = {words[i].phrase, SUP_MASK_BIT(words[i].category), 0};
        sup_err err = add_phrase(lex, &row);
        if (err)
            return err;
    }
    return SUP_OK;
}

sup_err lexicon_init(struct lexicon *lex, const struct sup_mask_word *words, size_t count,
                     size_t *ret_bad)
{
    *lex = (struct lexicon){0};
    sup_err err = sup_map_create(&lex->map);
    if (err)
        return err;
    lex->entries = sup_calloc(count_entries(count), sizeof(*lex->entries));
    lex->phrases = sup_calloc(mask_phrase_row_count + count, sizeof(*lex->phrases));
    lex->text = sup_malloc(phrase_bytes(words, count));
    if (!lex->entries || !lex->phrases || !lex->text)
        return SUP_E_NOMEM;
    err = fill(lex);
    return err ? err : add_words(lex, words, count, ret_bad);
}

void lexicon_fini(struct lexicon *lex)
{
    sup_map_destroy(lex->map);
    sup_free(lex->entries);
    sup_free(lex->phrases);
    sup_free(lex->text);
    *lex = (struct lexicon){0};
}
