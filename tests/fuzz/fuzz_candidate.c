/* Any candidate line: what parses can be written and parses to the same again. */
#include <stdlib.h>
#include <string.h>

#include "supportd/media/candidate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sup_candidate first, again;
    char *text = malloc(size ? size : 1);
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    if (sup_candidate_parse(text, size, &first) == SUP_OK) {
        struct sup_candidate_text line = sup_candidate_format(&first);
        if (sup_candidate_parse(line.s, strlen(line.s), &again) ||
            !sup_candidate_same(&first, &again) || first.priority != again.priority ||
            strcmp(first.ufrag, again.ufrag) != 0)
            abort();
    }
    free(text);
    return 0;
}
