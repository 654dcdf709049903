/* Ours against libsrtp2: same bytes, same verdicts, whatever the channel does.
 * Input: 28 bytes of key and salt, 1 byte of window, then steps of 6 bytes. */
#include "support/srtp_differential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct diff d;
    static bool started;
    if (!started)
        DIFF_CHECK(sup_srtp_setup() == SUP_OK);
    started = true;
    if (size < 29)
        return 0;
    diff_open(&d, data, 128 + 64u * (data[28] % 15));
    for (size_t at = 29, steps = 0; at + 6 <= size && steps < 2000; at += 6, steps++)
        diff_step(&d, data + at);
    diff_close(&d);
    return 0;
}
