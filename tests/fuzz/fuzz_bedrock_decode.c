/* Answers in the Bedrock format. Streams are written as a script (tests/support/event_stream.h), so that all checksums are right. */
#include "codec_fuzz.h"

#include "../support/event_stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { STREAM = 1 };
    if (size < 2 || !(data[0] & STREAM))
        return fuzz_codec(&llmc_codec_bedrock, data, size);
    llmc_buffer input;
    llmc_buffer_init(&input, &llmc_allocator_system, SIZE_MAX / 4);
    llmc_buffer_add(&input, data, 2);
    event_stream_script(&input, (const char *)data + 2, size - 2);
    fuzz_codec(&llmc_codec_bedrock, (const uint8_t *)input.data, input.length);
    llmc_buffer_free(&input);
    return 0;
}
