/* Error bodies of any shape, and headers: name, colon, value in the first line. */
#include "base/text.h"
#include "provider/codec.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int32_t statuses[] = { 200, 400, 401, 402, 403, 404, 413, 429, 498, 500, 503, 529, 0, -1, 301 };
    if (size < 1)
        return 0;
    llmcost_error error;
    uint32_t rank = 0;
    llmc_error_init(&error, &llmc_allocator_system);
    char *line = strndup((const char *)data + 1, size - 1), *colon = line ? strchr(line, ':') : NULL;
    if (colon) {
        *colon = '\0';
        llmc_decode_error_header(&error, &rank, line, colon + 1, INT64_C(1800000000000));
        if (error.retry_after_ms < -1 || error.retry_after_ms > INT64_C(30) * 24 * 3600 * 1000)
            abort();
    }
    llmcost_status status = llmc_decode_error_body(&error, statuses[data[0] % (sizeof statuses / sizeof statuses[0])], (const char *)data + 1, size - 1);
    if (status == LLMCOST_OK || error.status != status || !error.message || !llmc_utf8_valid(error.message, strlen(error.message)))
        abort();
    if (error.provider_message && !llmc_utf8_valid(error.provider_message, strlen(error.provider_message)))
        abort();
    llmc_error_clear(&error);
    free(line);
    return 0;
}
