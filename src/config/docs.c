#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_internal.h"

enum { WIDTH = 98 };

static const char *const type_names[] = {
    [ROW_STRING] = "string", [ROW_SECRET] = "secret", [ROW_INT] = "number",
    [ROW_MS] = "duration",   [ROW_BYTES] = "size",    [ROW_BOOL] = "true/false",
    [ROW_LIST] = "list",     [ROW_SITES] = "groups",
};

static bool in_section(const struct row *row, const struct section *section)
{
    size_t len = strlen(section->name);
    return strncmp(row->name, section->name, len) == 0 && row->name[len] == '.';
}

/* The default as the file would hold it. */
static sup_err write_value(struct sup_buf *out, const struct row *row)
{
    bool bare = row->type == ROW_INT || row->type == ROW_BOOL;
    bool digits = row->value[strspn(row->value, "0123456789")] == '\0';
    if (row->type == ROW_SITES)
        return sup_buf_adds(out, "()");
    if (bare || ((row->type == ROW_MS || row->type == ROW_BYTES) && digits))
        return sup_buf_adds(out, row->value);
    if (row->type != ROW_LIST)
        return sup_buf_addf(out, "\"%s\"", row->value);
    sup_err err = sup_buf_adds(out, *row->value ? "[\"" : "[");
    for (const char *c = row->value; *c && !err; c++)
        err = *c == ',' ? sup_buf_adds(out, "\", \"") : sup_buf_add(out, c, 1);
    return err ? err : sup_buf_adds(out, *row->value ? "\"]" : "]");
}

/* Help and expectations hold no bar, which would end a cell. */
static sup_err write_doc_row(struct sup_buf *out, const struct row *row)
{
    char variable[80];
    config_row_variable(row, variable, sizeof(variable));
    sup_err err = sup_buf_addf(out, "| `%s` | %s | `", row->name, type_names[row->type]);
    if (!err)
        err = write_value(out, row);
    if (!err)
        err = sup_buf_addf(out, "` | %s | %s Right: ", row->reload ? "yes" : "no", row->help);
    if (!err)
        err = config_row_expectation(row, out);
    if (!err)
        err = sup_buf_addf(out, ". Environment: `%s`", variable);
    if (!err && row->type == ROW_SECRET)
        err = sup_buf_addf(out, ", `%s_FILE`", variable);
    return err ? err : sup_buf_adds(out, ". |\n");
}

sup_err sup_config_write_docs(struct sup_buf *out)
{
    sup_err err = sup_buf_adds(
        out,
        "# Configuration\n\n"
        "Generated from the table in `src/config/table.c`; a test holds the two together.\n\n"
        "One file, `config/supportd.conf` (libconfig syntax: `section: { key = value; };`), named "
        "by `--config` or `SUPPORTD_CONFIG`. Every\nkey is also an environment variable, "
        "`SUPPORTD_SECTION_NAME`, which wins over the file. A secret may stand in a file of its "
        "own:\n`name_file = \"/path\"` beside it in its section, or "
        "`SUPPORTD_SECTION_NAME_FILE`. In a variable, a list is separated by commas, or is\n"
        "written as in the file (`[\"a\", \"b\"]`); groups are written as in the file. "
        "Durations are milliseconds, or strings with a unit\n(`ms s m h d`); sizes are bytes, or "
        "strings with a unit (`B KiB MiB GiB`). Unknown keys and variables are refused.\n\n"
        "`supportd check-config` names every problem with file, line, key and what would be right. "
        "\"Reload\": SIGHUP takes the new value;\nthe others need a restart.\n");
    for (size_t i = 0; i < config_section_count && !err; i++) {
        const struct section *section = &config_sections[i];
        err = sup_buf_addf(out,
                           "\n## %s\n\n%s\n\n| key | type | default | reload | meaning |\n"
                           "| --- | --- | --- | --- | --- |\n",
                           section->name, section->help);
        for (size_t j = 0; j < config_row_count && !err; j++)
            if (in_section(&config_rows[j], section))
                err = write_doc_row(out, &config_rows[j]);
    }
    return err;
}

/* text as comment lines that begin with margin, broken at blanks. */
static sup_err write_comment(struct sup_buf *out, const char *margin, const char *text)
{
    sup_err err = SUP_OK;
    while (*text && !err) {
        size_t room = WIDTH - strlen(margin), len = strlen(text);
        if (len > room) {
            len = room;
            while (len > 0 && text[len] != ' ')
                len--;
            if (len == 0)
                len = strcspn(text, " ");
        }
        err = sup_buf_addf(out, "%s%.*s\n", margin, (int)len, text);
        text += len;
        text += strspn(text, " ");
    }
    return err;
}

static sup_err write_sample_row(struct sup_buf *out, const struct row *row)
{
    struct sup_buf help;
    sup_buf_init(&help, 0);
    sup_err err = sup_buf_addf(&help, "%s Right: ", row->help);
    if (!err)
        err = config_row_expectation(row, &help);
    if (!err)
        err = sup_buf_adds(&help, ".");
    if (!err)
        err = write_comment(out, "    # ", help.data);
    sup_buf_fini(&help);
    if (!err)
        err = sup_buf_addf(out, "    #%s = ", strchr(row->name, '.') + 1);
    if (!err)
        err = write_value(out, row);
    return err ? err : sup_buf_adds(out, ";\n");
}

sup_err sup_config_write_sample(struct sup_buf *out)
{
    sup_err err = sup_buf_adds(
        out,
        "# Settings of supportd, each at its default. Remove the # before a key to change it.\n"
        "# How values are written, and the same by environment: docs/config.md.\n"
        "# Check with: supportd check-config --config FILE\n");
    for (size_t i = 0; i < config_section_count && !err; i++) {
        const struct section *section = &config_sections[i];
        err = sup_buf_addf(out, "\n# %s\n%s: {\n", section->help, section->name);
        for (size_t j = 0; j < config_row_count && !err; j++)
            if (in_section(&config_rows[j], section))
                err = write_sample_row(out, &config_rows[j]);
        if (!err)
            err = sup_buf_adds(out, "};\n");
    }
    return err;
}
