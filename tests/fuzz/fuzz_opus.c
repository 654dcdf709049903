/* Any payload: our reading of the TOC and framing agrees with libopus on what is valid and how long
 * it lasts; what we call valid decodes. */
#include <stdlib.h>
#include <string.h>

#include "supportd/base/mem.h"
#include "supportd/media/opus.h"
#include "supportd/media/opus_toc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const uint8_t *payload, size_t size)
{
    static int16_t pcm[5760 * 2];
    struct sup_opus_info info;
    struct sup_opus_dec *dec;
    size_t samples = 0;
    if (sup_opus_dec_create(48000, 2, &dec))
        abort();
    sup_err ours = sup_opus_parse(payload, size, &info);
    sup_err theirs = sup_opus_decode(dec, payload, size, false, pcm, 5760, &samples);
    if ((ours == SUP_OK) != (theirs == SUP_OK) || (!ours && samples != info.samples))
        abort();
    if (!ours && (info.frames == 0 || info.frames > SUP_OPUS_FRAMES_MAX))
        abort();
    sup_opus_dec_destroy(dec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, data, size);
    if (size && size <= SUP_OPUS_PACKET_MAX)
        decode(copy, size);
    free(copy);
    if (sup_mem_live())
        abort();
    return 0;
}
