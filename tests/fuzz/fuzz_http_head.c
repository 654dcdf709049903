/* The look at a request head before libwebsockets reads it.
 *
 * Held: it ends within its limits, where it is cut makes no difference, a whole head ends with an
 * empty line and holds no byte that no head has, a refusal says its status and where; the parts of
 * a whole head lie within it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supportd/base/mem.h"
#include "supportd/net/head.h"

static void require(int condition)
{
    if (!condition)
        abort();
}

static void inside(struct sup_head_text part, const char *text, size_t len)
{
    require(part.p >= text && part.p + part.len <= text + len);
    require(!memchr(part.p, '\n', part.len) && !memchr(part.p, '\r', part.len));
}

/* Copied without what follows, so that reading on is seen. */
static void take_apart(const char *all, size_t len, size_t lines)
{
    char *text = malloc(len);
    require(text != NULL);
    memcpy(text, all, len);
    struct sup_head_text rest = {text, len}, name, value;
    struct sup_head_line line = sup_head_take_line(&rest);
    inside(line.method, text, len);
    inside(line.target, text, len);
    inside(line.version, text, len);
    require(line.method.len > 0 && line.target.len > 0 && line.version.len == 8);
    size_t count = 0;
    for (; sup_head_take_field(&rest, &name, &value); count++) {
        inside(name, text, len);
        inside(value, text, len);
        require(name.len > 0 && !memchr(name.p, ':', name.len));
    }
    require(count == lines && rest.len == 0);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sup_head whole, parts;
    const char *text = (const char *)data;
    sup_head_init(&whole);
    enum sup_head_state state = sup_head_feed(&whole, text, size);
    sup_head_init(&parts);
    for (size_t i = 0; i < size; i++)
        (void)sup_head_feed(&parts, text + i, 1);
    require(parts.state == state && parts.bytes == whole.bytes && parts.status == whole.status);
    require(parts.blank == whole.blank && whole.blank <= whole.bytes);
    require(whole.bytes <= size && whole.bytes <= SUP_HEAD_MAX + 1);
    if (state == SUP_HEAD_DONE) {
        require(whole.lines <= SUP_HEAD_LINES && whole.bytes - whole.blank >= 18);
        require(whole.blank % 2 == 0 && whole.blank <= 2 * SUP_HEAD_BLANKS);
        require(memcmp(text + whole.bytes - 4, "\r\n\r\n", 4) == 0);
        require(!memchr(text, 0, whole.bytes));
        take_apart(text + whole.blank, whole.bytes - whole.blank, whole.lines);
    } else if (state == SUP_HEAD_REFUSED) {
        require(whole.status >= 400 && whole.status <= 505 && whole.code && whole.detail[0]);
    } else {
        require(whole.bytes == size);
    }
    require(sup_mem_live() == 0);
    return 0;
}
