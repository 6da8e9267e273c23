/* What an exchange answers: a token that a header can hold, with a sensible time, or a failure that is told. */
#include "base/text.h"
#include "provider/presets.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool receive(void *user, const llmcost_event *event)
{
    if (event->kind != LLMC_EVENT_TOKEN || !event->bytes || event->bytes > 16384 || event->tool_index > 40 * 86400)
        abort();
    for (size_t i = 0; i < event->bytes; i++)
        if (event->text[i] <= ' ' || event->text[i] > '~')
            abort();
    ++*(int *)user;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int tokens = 0;
    char state[1];
    llmcost_error error;
    llmc_decoder decoder;
    if (!size)
        return 0;
    char *body = malloc(size);
    if (!body)
        abort();
    memcpy(body, data + 1, size - 1);
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_decoder_begin(&decoder, &llmc_codec_baidu_token, LLMC_OP_TOKEN, &llmc_allocator_system, 0, false, data[0] & 1 ? 401 : 200, receive, &tokens, &error, state);
    llmcost_status status = decoder.codec->decode_frame(&decoder, &(llmc_frame){ .event = "", .data = body, .bytes = size - 1 });
    if (!status)
        status = decoder.codec->decode_end(&decoder);
    if ((status == LLMCOST_OK) != (tokens == 1) || (status && error.status != status))
        abort();
    llmc_decoder_free(&decoder);
    llmc_error_clear(&error);
    free(body);
    return 0;
}
