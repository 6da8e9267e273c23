/* Server-sent events: cut at points taken from the data, the frames are those of the uncut text. */
#include "framing_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 4)
        fuzz_framing(&llmc_framing_sse, (const char *)data + 4, size - 4, data[0], data[1], data[2] & 1 ? data[2] : 1 << 20, data[3]);
    return 0;
}
