/* Masking on arbitrary bytes. The first byte chooses options, the rest is text; the text is also
 * fed in two parts to the table of split numbers. Held: output is UTF-8 again, an error leaves
 * nothing, spans lie in the output and in order, nothing leaks, a plain card never survives. */
#include <stdlib.h>
#include <string.h>

#include "supportd/base/mem.h"
#include "supportd/mask/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct sup_mask_format formats[] = {
    {SUP_MASK_ACCOUNT, "01########????", false},
    {SUP_MASK_NATIONAL_ID, "####################", true},
    {SUP_MASK_NATIONAL_ID, "@#########@", false},
};
static const struct sup_mask_pattern patterns[] = {
    {"staff", "\\bEMP-?\\d{4}\\b", SUP_MASK_CUSTOM, 0, 0},
    {"slow", "(x+)+y|z*", SUP_MASK_CUSTOM, 2000, 200},
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_output(const struct sup_mask *mask, const struct sup_buf *out,
                         const struct sup_mask_report *report)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < report->span_count; i++) {
        require(report->spans[i].offset >= at && report->spans[i].len > 0);
        at = report->spans[i].offset + report->spans[i].len;
    }
    require(at <= out->len && report->span_count <= report->count);
    struct sup_buf again = {0};
    struct sup_mask_report second;
    sup_err err = sup_mask_apply(mask, out->data ? out->data : "", out->len, &again, &second);
    require(err == SUP_OK || err == SUP_E_LIMIT); /* not SUP_E_MALFORMED: it is UTF-8 */
    sup_buf_fini_secret(&again);
}

static void check_card_beside(const struct sup_mask *mask, const char *text, size_t len)
{
    struct sup_buf in = {0}, out = {0};
    require(sup_buf_add(&in, text, len) == SUP_OK);
    require(sup_buf_adds(&in, " | x 4539578763621486 x") == SUP_OK);
    if (sup_mask_apply(mask, in.data, in.len, &out, NULL) == SUP_OK)
        require(out.len < 18 || memcmp(out.data + out.len - 18, "4539578763621486 x", 18) != 0);
    sup_buf_fini_secret(&in);
    sup_buf_fini_secret(&out);
}

static void check_split(const struct sup_mask *mask, const char *text, size_t len)
{
    struct sup_mask_split *split;
    struct sup_mask_split_result result = {0};
    const struct sup_mask_split_key key = {{{1}}, {{2}}};
    require(sup_mask_split_create(mask, NULL, &split) == SUP_OK);
    size_t cut[] = {0, len / 3, len * 2 / 3, len};
    for (uint8_t i = 0; i < 3; i++) {
        struct sup_id id = {{i}};
        sup_err err =
            sup_mask_split_feed(split, &key, id, text + cut[i], cut[i + 1] - cut[i], i, &result);
        require(err == SUP_OK || result.text.len == 0);
        if (err == SUP_OK)
            check_output(mask, &result.text, &result.report);
        for (uint32_t k = 0; k < result.earlier_count; k++)
            require(result.earlier[k].text.len > 0);
    }
    sup_mask_split_result_fini(&result);
    sup_mask_split_destroy(split);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 4096)
        return 0;
    struct sup_mask_opts opts = {.formats = formats, .patterns = patterns};
    opts.format_count = data[0] & 1 ? 3 : 0;
    opts.pattern_count = data[0] & 2 ? 2 : 0;
    struct sup_mask *mask;
    require(sup_mask_create(&opts, &mask, NULL) == SUP_OK);
    const char *text = (const char *)data + 1;
    struct sup_buf out = {0};
    struct sup_mask_report report;
    sup_err err = sup_mask_apply(mask, text, size - 1, &out, &report);
    require(err == SUP_OK || (out.len == 0 && report.count == 0));
    if (err == SUP_OK) {
        check_output(mask, &out, &report);
        if (opts.pattern_count == 0)
            check_card_beside(mask, text, size - 1);
    }
    check_split(mask, text, size - 1);
    sup_buf_fini_secret(&out);
    sup_mask_destroy(mask);
    require(sup_mem_live() == 0);
    return 0;
}
