/* Any offer: parsed or refused with a code; what parses can be answered, within the buffer. */
#include <stdlib.h>
#include <string.h>

#include "supportd/base/mem.h"
#include "supportd/media/sdp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(const struct sup_sdp_offer *offer)
{
    const struct sup_sdp_fingerprint fp = {SUP_SDP_SHA256, 32, {0}};
    struct sup_sdp_answer_opts opts = {.direction = SUP_SDP_SENDRECV,
                                       .ufrag = "abcd",
                                       .pwd = "0123456789012345678901",
                                       .fingerprint = &fp,
                                       .cname = "leg",
                                       .candidates = offer->candidates,
                                       .candidate_count = offer->candidate_count};
    struct sup_buf out;
    sup_buf_init(&out, SUP_SDP_SIZE_MAX + 8192);
    if (sup_sdp_write_answer(offer, &opts, &out))
        abort();
    for (size_t i = 0; i < out.len; i++) /* one line end a line: nothing was smuggled in */
        if ((out.data[i] == '\n') != (i > 0 && out.data[i - 1] == '\r') || out.data[i] == '\0')
            abort();
    sup_buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sup_sdp_offer offer;
    struct sup_sdp_error error = {SUP_SDP_OK, 0};
    char *text = malloc(size ? size : 1); /* exact, so that a read past the end is seen */
    if (!text)
        abort();
    if (size)
        memcpy(text, data, size);
    if (sup_sdp_parse_offer(text, size, &offer, &error) == SUP_OK) {
        if (strlen(offer.ufrag) < SUP_ICE_UFRAG_MIN || strlen(offer.pwd) < SUP_ICE_PWD_MIN ||
            offer.candidate_count > SUP_SDP_CANDIDATES_MAX || offer.opus.payload_type > 127)
            abort();
        answer(&offer);
    } else if (error.code == SUP_SDP_OK) {
        abort();
    }
    free(text);
    if (sup_mem_live())
        abort();
    return 0;
}
