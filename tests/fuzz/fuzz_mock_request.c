/* The loopback provider's HTTP parser: fed whole and fed in pieces it must come to the same end, within its bounds. */
#include "mock/http_request.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BODY = 4096 };

static void check(int fine)
{
    if (!fine)
        abort();
}

static void check_bounds(const llmc_http_request *request, llmc_http_state state, const char *bytes, size_t length)
{
    if (state == LLMC_HTTP_BAD)
        check(request->refusal >= 400);
    if (state != LLMC_HTTP_READY)
        return;
    check(request->next <= length && request->body + request->body_bytes <= request->next && request->body_bytes <= MAX_BODY);
    check(request->target + request->target_bytes <= request->head_bytes && request->target_bytes);
    const char *value;
    size_t value_bytes;
    if (llmc_http_header(bytes, request->head_bytes, "Host", &value, &value_bytes))
        check(value >= bytes && value + value_bytes <= bytes + request->head_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t step = data[0] ? data[0] : 1, length = size - 1;
    char *whole = malloc(length + 1), *pieces = malloc(length + 1);
    check(whole && pieces);
    memcpy(whole, data + 1, length);
    memcpy(pieces, data + 1, length);
    llmc_http_request first = { 0 }, second = { 0 };
    llmc_http_state state = llmc_http_feed(&first, whole, length, MAX_BODY), other = LLMC_HTTP_MORE;
    check_bounds(&first, state, whole, length);
    for (size_t known = 0; known < length && other == LLMC_HTTP_MORE;) {
        known = length - known < step ? length : known + step;
        other = llmc_http_feed(&second, pieces, known, MAX_BODY);
        check_bounds(&second, other, pieces, known);
    }
    check(state == other || length == 0);
    if (state == LLMC_HTTP_READY) {
        check(first.next == second.next && first.body == second.body && first.body_bytes == second.body_bytes);
        check(memcmp(whole + first.body, pieces + second.body, first.body_bytes) == 0);
    }
    free(whole);
    free(pieces);
    return 0;
}
