/*
 * One body through a codec, twice: in one piece and in two. Both must say the same. The first byte chooses stream or
 * whole, operation, HTTP status and quirks; the second where the body is cut.
 */
#ifndef FUZZ_CODEC_FUZZ_H
#define FUZZ_CODEC_FUZZ_H

#include "base/text.h"
#include "provider/presets.h"

#include <stdlib.h>

typedef struct fuzz_said {
    uint64_t hash;
    uint64_t events;
    llmcost_status status;
} fuzz_said;

static inline void fuzz_mix(fuzz_said *said, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < length; i++)
        said->hash = (said->hash ^ at[i]) * UINT64_C(0x100000001b3);
}

static inline bool fuzz_receive(void *user, const llmcost_event *event)
{
    fuzz_said *said = user;
    bool vector = event->kind == LLMC_EVENT_EMBEDDING; /* its text is numbers */
    if (event->text[event->bytes] != '\0' || (!vector && !llmc_utf8_valid(event->text, event->bytes)) || (vector && event->bytes % sizeof(float)) || !llmc_utf8_valid(event->tool_id, strlen(event->tool_id)) ||
        !llmc_utf8_valid(event->tool_name, strlen(event->tool_name)))
        abort();
    if ((event->choice >= 128 && !vector) || event->tool_index >= 1024)
        abort();
    if (event->usage)
        for (size_t i = 0; i < LLMCOST_CLASS_COUNT; i++)
            if (event->usage->quantity[i] < -1)
                abort();
    fuzz_mix(said, &event->kind, sizeof event->kind);
    fuzz_mix(said, &event->choice, sizeof event->choice);
    fuzz_mix(said, &event->tool_index, sizeof event->tool_index);
    fuzz_mix(said, event->text, event->bytes);
    fuzz_mix(said, event->tool_id, strlen(event->tool_id));
    fuzz_mix(said, event->tool_name, strlen(event->tool_name));
    fuzz_mix(said, event->finish_raw, strlen(event->finish_raw));
    fuzz_mix(said, &event->is_custom, sizeof event->is_custom);
    said->events++;
    return true;
}

typedef struct fuzz_feed {
    llmc_decoder *decoder;
    llmcost_status status;
} fuzz_feed;

static inline bool fuzz_frame(const llmc_frame *frame, void *user)
{
    fuzz_feed *feed = user;
    feed->status = feed->decoder->codec->decode_frame(feed->decoder, frame);
    return feed->status == LLMCOST_OK;
}

static inline fuzz_said fuzz_run(const llmc_codec *codec, unsigned how, const char *body, size_t bytes, size_t cut)
{
    fuzz_said said = { .hash = 1 };
    bool embeds = how & 16 && codec->has_operation(LLMC_OP_EMBED), counts = !embeds && how & 32 && codec->has_operation(LLMC_OP_COUNT_TOKENS);
    bool stream = how & 1 && !embeds && !counts;
    llmc_operation_id operation = embeds ? LLMC_OP_EMBED : counts ? LLMC_OP_COUNT_TOKENS : how & 2 ? LLMC_OP_LIST_MODELS : LLMC_OP_CHAT;
    const llmc_framing *framing = stream ? codec->stream_framing : &llmc_framing_whole;
    llmcost_error error;
    llmc_decoder decoder;
    fuzz_feed feed = { &decoder, LLMCOST_OK };
    void *state = malloc(codec->decoder_bytes), *framing_state = calloc(1, framing->state_bytes);
    if (!state || !framing_state)
        abort();
    llmc_error_init(&error, &llmc_allocator_system);
    framing->init(framing_state, &llmc_allocator_system, 1 << 20);
    llmc_decoder_begin(&decoder, codec, operation, &llmc_allocator_system, how & 4 ? LLMC_QUIRK(DONE_OPTIONAL) : 0, stream,
                       how & 8 ? 429 : 200, fuzz_receive, &said, &error, state);
    llmcost_status status = framing->feed(framing_state, body, cut, fuzz_frame, &feed);
    if (!status && !feed.status)
        status = framing->feed(framing_state, body + cut, bytes - cut, fuzz_frame, &feed);
    if (!status && !feed.status)
        status = framing->finish(framing_state, fuzz_frame, &feed);
    if (!status)
        status = feed.status;
    if (!status)
        status = codec->decode_end(&decoder);
    if (status && error.status != status && status != LLMCOST_E_TOO_LARGE)
        abort(); /* a failure is always told */
    said.status = status;
    llmc_decoder_free(&decoder);
    framing->free(framing_state);
    llmc_error_clear(&error);
    free(state);
    free(framing_state);
    return said;
}

static inline int fuzz_codec(const llmc_codec *codec, const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const char *body = (const char *)data + 2;
    size_t bytes = size - 2, cut = bytes * data[1] / 255;
    fuzz_said whole = fuzz_run(codec, data[0], body, bytes, bytes), pieces = fuzz_run(codec, data[0], body, bytes, cut);
    if (whole.hash != pieces.hash || whole.events != pieces.events || whole.status != pieces.status)
        abort();
    return 0;
}

#endif
