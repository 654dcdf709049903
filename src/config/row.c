#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config_internal.h"

enum { NAME_MAX_LEN = 64, NEAR_ENOUGH = 4 };

const struct row *config_row_find(const char *name)
{
    for (size_t i = 0; i < config_row_count; i++)
        if (strcmp(config_rows[i].name, name) == 0)
            return &config_rows[i];
    return NULL;
}

/* Insertions, deletions and replacements between a and b (Levenshtein, one row kept). */
static size_t distance(const char *a, const char *b)
{
    size_t cost[NAME_MAX_LEN + 1], len = strlen(b);
    if (strlen(a) > NAME_MAX_LEN || len > NAME_MAX_LEN)
        return NAME_MAX_LEN;
    for (size_t j = 0; j <= len; j++)
        cost[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = cost[0];
        cost[0] = i + 1;
        for (size_t j = 0; j < len; j++) {
            size_t best = diagonal + (a[i] != b[j]);
            diagonal = cost[j + 1];
            if (cost[j] + 1 < best)
                best = cost[j] + 1;
            if (diagonal + 1 < best)
                best = diagonal + 1;
            cost[j + 1] = best;
        }
    }
    return cost[len];
}

const struct row *config_row_near(const char *name)
{
    const struct row *best = NULL;
    size_t least = NEAR_ENOUGH + 1;
    for (size_t i = 0; i < config_row_count; i++) {
        const char *dot = strchr(config_rows[i].name, '.');
        const char *last = strrchr(name, '.');
        size_t d = distance(name, config_rows[i].name);
        if (last && strcmp(last, dot) == 0 && d > 1)
            d = 1; /* the right name in a wrong section */
        if (d < least) {
            least = d;
            best = &config_rows[i];
        }
    }
    return best;
}

void config_row_variable(const struct row *row, char *ret_name, size_t size)
{
    (void)snprintf(ret_name, size, "SUPPORTD_%s", row->name);
    for (char *c = ret_name; *c; c++)
        *c = *c == '.' ? '_' : (char)toupper((unsigned char)*c);
}

void config_problem(struct load *load, const struct place *place, const char *key, const char *fmt,
                    ...)
{
    char text[1024];
    sup_err err;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    const char *colon = key ? ": " : "";
    key = key ? key : "";
    if (place->variable)
        err = sup_buf_addf(load->problems, "environment %s%s%s: %s\n", place->variable, colon, key,
                           text);
    else if (place->file && place->line)
        err = sup_buf_addf(load->problems, "%s:%u%s%s: %s\n", place->file, place->line, colon, key,
                           text);
    else
        err = sup_buf_addf(load->problems, "%s%s%s: %s\n", place->file ? place->file : "default",
                           colon, key, text);
    if (err == SUP_E_NOMEM)
        load->no_memory = true;
    load->problem_count++;
}

static sup_err expect_range(const struct row *row, struct sup_buf *out)
{
    if (row->type == ROW_MS)
        return sup_buf_addf(out,
                            "a duration from %lld to %lld ms: milliseconds (20000), or a string "
                            "with a unit (\"20s\", \"5m\", \"12h\")",
                            (long long)row->min, (long long)row->max);
    if (row->type == ROW_BYTES)
        return sup_buf_addf(out,
                            "a size from %lld to %lld bytes: bytes (65536), or a string with a "
                            "unit (\"64KiB\", \"1MiB\")",
                            (long long)row->min, (long long)row->max);
    return sup_buf_addf(out, "a whole number from %lld to %lld", (long long)row->min,
                        (long long)row->max);
}

static sup_err expect_choices(const struct row *row, struct sup_buf *out)
{
    sup_err err = sup_buf_adds(out, "one of ");
    for (const char *c = row->choices; *c && !err; c++)
        err = *c == '|' ? sup_buf_adds(out, ", ") : sup_buf_add(out, c, 1);
    return err;
}

sup_err config_row_expectation(const struct row *row, struct sup_buf *out)
{
    sup_err err = SUP_OK;
    switch (row->type) {
    case ROW_INT:
    case ROW_MS:
    case ROW_BYTES:
        return expect_range(row, out);
    case ROW_BOOL:
        return sup_buf_adds(out, "true or false");
    case ROW_SECRET:
        return sup_buf_addf(out, "a string of %lld to %lld bytes, or nothing", (long long)row->min,
                            (long long)row->max);
    case ROW_SITES:
        return sup_buf_addf(out,
                            "a list of at most %lld groups ( { origin = "
                            "\"https://www.bank.example\"; name = \"Bank\"; features = [\"chat\", "
                            "\"call\"]; } )",
                            (long long)row->max);
    case ROW_LIST:
        err = sup_buf_addf(out, "a list of at most %lld strings, each ", (long long)row->max);
        break;
    case ROW_STRING:
        break;
    }
    if (err)
        return err;
    if (row->choices)
        return expect_choices(row, out);
    if (row->check)
        return sup_buf_adds(out, row->check(" "));
    return sup_buf_addf(out, "a string of at most %lld bytes",
                        row->type == ROW_LIST ? (long long)VALUE_MAX_LEN : (long long)row->max);
}
