/* The look at a request head before libwebsockets reads it.
 *
 * Held: it ends within its limits, where it is cut makes no difference, a whole head ends with an
 * empty line and holds no byte that no head has, a refusal says its status and where. */
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
    require(whole.bytes <= size && whole.bytes <= SUP_HEAD_MAX + 1);
    if (state == SUP_HEAD_DONE) {
        require(whole.lines <= SUP_HEAD_LINES && whole.bytes >= 18);
        require(memcmp(text + whole.bytes - 4, "\r\n\r\n", 4) == 0);
        require(!memchr(text, 0, whole.bytes));
    } else if (state == SUP_HEAD_REFUSED) {
        require(whole.status >= 400 && whole.status <= 505 && whole.code && whole.detail[0]);
    } else {
        require(whole.bytes == size);
    }
    require(sup_mem_live() == 0);
    return 0;
}
