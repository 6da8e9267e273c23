/* A schema and an answer, parted by a zero byte. */
#include "wire/json_schema.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char reason[200];
    char *input = malloc(size + 1);
    if (!input)
        return 0;
    memcpy(input, data, size);
    input[size] = '\0';
    size_t schema = strlen(input) + 1;
    if (schema <= size) {
        llmcost_status status = llmc_json_schema_check(input, input + schema, size - schema, reason);
        if ((status == LLMCOST_OK) != (reason[0] == '\0') || strlen(reason) >= sizeof reason)
            abort();
    }
    free(input);
    return 0;
}
