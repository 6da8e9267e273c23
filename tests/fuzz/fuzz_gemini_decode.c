/* Answers in the gemini format, whole, streamed and as one array; models, vectors and counts. */
#include "codec_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_codec(&llmc_codec_gemini, data, size);
}
