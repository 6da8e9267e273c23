/* Embeddings, counts and balances of the hosts of the OpenAI dialect. The first byte chooses which, the second the HTTP status. */
#include "provider/presets.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool receive(void *user, const llmcost_event *event)
{
    (void)user;
    if (event->text[event->bytes] != '\0' || (event->kind == LLMC_EVENT_EMBEDDING && event->bytes % sizeof(float)))
        abort();
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const llmc_operation_id operations[] = { LLMC_OP_EMBED, LLMC_OP_COUNT_TOKENS, LLMC_OP_BALANCE };
    if (size < 2)
        return 0;
    const llmc_codec *codec = &llmc_codec_openai;
    llmcost_error error;
    llmc_decoder decoder;
    void *state = malloc(codec->decoder_bytes);
    if (!state)
        abort();
    llmc_error_init(&error, &llmc_allocator_system);
    llmc_decoder_begin(&decoder, codec, operations[data[0] % 3], &llmc_allocator_system, data[0] & 64 ? LLMC_QUIRK(ZHIPU_CODES) : 0, false,
                       data[1] & 1 ? 429 : 200, receive, NULL, &error, state);
    const llmc_frame frame = { "", (const char *)data + 2, size - 2 };
    llmcost_status status = codec->decode_frame(&decoder, &frame);
    if (!status)
        status = codec->decode_end(&decoder);
    if (status && error.status != status)
        abort();
    llmc_decoder_free(&decoder);
    llmc_error_clear(&error);
    free(state);
    return 0;
}
