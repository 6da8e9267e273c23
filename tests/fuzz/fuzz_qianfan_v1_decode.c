/* Answers in Qianfan's first format, whole and streamed. */
#include "codec_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_codec(&llmc_codec_qianfan_v1, data, size);
}
