/*
 * Amazon's event streams: cut at points taken from the data, the frames are those of the uncut bytes. With an odd third
 * byte the checksums are put right first, as far as the lengths make sense, so that what lies behind them is reached.
 */
#include "framing_fuzz.h"

#include "base/crc32.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void mend(uint8_t *at, size_t left)
{
    while (left >= 16) {
        size_t total = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        write_u32(at + 8, llmc_crc32(0, at, 8));
        if (total < 16 || total > left)
            return;
        write_u32(at + total - 4, llmc_crc32(0, at, total - 4));
        at += total;
        left -= total;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    uint8_t *bytes = malloc(size);
    memcpy(bytes, data + 4, size - 4);
    if (data[2] & 1)
        mend(bytes, size - 4);
    fuzz_framing(&llmc_framing_event_stream, (const char *)bytes, size - 4, data[0], data[1], data[2] & 2 ? data[2] : 1 << 20, data[3]);
    free(bytes);
    return 0;
}
