/*
 * A recorded body through the codec of its kind, as policy/wire.c would do it: headers, framing, decoder, answer.
 * Which codec reads a kind is a table; what is not in it is not supported, whatever its body holds.
 */
#include "replay/reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_ANSWER_BYTES = 64 << 20 };

/* provider "" and part "": any. The first match counts. */
static const struct kind {
    const char *kind, *provider, *part_of_endpoint, *codec;
    llmc_operation_id operation;
} kinds[] = {
    { "chat", "", "", "openai", LLMC_OP_CHAT },
    { "messages", "", "", "anthropic", LLMC_OP_CHAT },
    { "generate_content", "", "/publishers/anthropic/", "anthropic", LLMC_OP_CHAT },
    { "generate_content", "", "", "gemini", LLMC_OP_CHAT },
    { "responses", "", "", "responses", LLMC_OP_CHAT },
    { "converse", "", "", "bedrock", LLMC_OP_CHAT },
    { "converse_stream", "", "", "bedrock", LLMC_OP_CHAT },
    { "cohere_chat", "", "/v2/", "cohere", LLMC_OP_CHAT },
    { "ollama_chat", "", "", "ollama", LLMC_OP_CHAT },
    { "embeddings", "gemini", "", "gemini", LLMC_OP_EMBED },
    { "embeddings", "vertexai", "", "gemini", LLMC_OP_EMBED },
    { "embeddings", "cohere", "", "cohere", LLMC_OP_EMBED },
    { "embeddings", "ollama", "/api/embed", "ollama", LLMC_OP_EMBED },
    { "embeddings", "", "", "openai", LLMC_OP_EMBED },
    { "count_tokens", "anthropic", "", "anthropic", LLMC_OP_COUNT_TOKENS },
    { "count_tokens", "gemini", "", "gemini", LLMC_OP_COUNT_TOKENS },
    { "count_tokens", "openai", "/responses/", "responses", LLMC_OP_COUNT_TOKENS },
    { "models", "", "", "openai", LLMC_OP_LIST_MODELS },
};

static const llmc_codec *codec_of(const exchange *e, llmc_operation_id *operation)
{
    const char *word = exchange_text(e, "kind"), *endpoint = exchange_text(e, "endpoint");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const struct kind *kind = &kinds[i];
        if (strcmp(kind->kind, word) != 0 || (kind->provider[0] && strcmp(kind->provider, e->provider) != 0) || !strstr(endpoint, kind->part_of_endpoint))
            continue;
        const llmc_codec *codec = llmc_codec_find(kind->codec);
        *operation = kind->operation;
        return codec && codec->has_operation(kind->operation) ? codec : NULL;
    }
    return NULL;
}

/* A provider's folder may be called otherwise than its preset, and a second door of a provider has a preset of its own. */
static const llmc_preset *preset_of(const exchange *e, const llmc_codec *codec)
{
    static const struct { const char *folder, *codec, *preset; } doors[] = {
        { "gemini", "", "google" }, { "vertexai", "gemini", "vertex" }, { "vertexai", "anthropic", "vertex-anthropic" }, { "ollama_cloud", "", "ollama-cloud" },
        { "openai", "responses", "openai-responses" }, { "xai", "responses", "xai-responses" },
    };
    const char *name = e->provider;
    for (size_t i = 0; codec && i < sizeof doors / sizeof doors[0]; i++)
        if (!strcmp(doors[i].folder, e->provider) && (!doors[i].codec[0] || !strcmp(doors[i].codec, codec->name)))
            name = doors[i].preset;
    const llmc_preset *preset = llmc_preset_find(name);
    return preset ? preset : llmc_preset_find("openai-compatible");
}

static bool take_event(void *user, const llmcost_event *event)
{
    reading *r = user;
    if (event->kind == LLMC_EVENT_EMBEDDING) { /* how many texts were sent is not recorded everywhere: vectors are counted */
        r->vectors++;
        return true;
    }
    if (event->kind == LLMCOST_EVENT_USAGE) {
        r->usage = *event->usage;
        r->counted = true;
        return true;
    }
    return llmc_answer_builder_add(&r->builder, event);
}

typedef struct feeding {
    reading *r;
    llmc_decoder decoder;
    llmcost_status status;
} feeding;

static bool take_frame(const llmc_frame *frame, void *user)
{
    feeding *feed = user;
    int32_t http_status = feed->decoder.http_status;
    if (http_status >= 300)
        feed->status = llmc_decode_error_of_host(&feed->r->error, feed->r->preset->quirks, http_status, frame->data, frame->bytes);
    else
        feed->status = feed->decoder.codec->decode_frame(&feed->decoder, frame);
    return feed->status == LLMCOST_OK;
}

static void read_headers(reading *r, const exchange *e)
{
    const char *name;
    json_t *value;
    uint32_t rank = 0;
    json_object_foreach(json_object_get(e->meta, "headers"), name, value) {
        if (json_is_string(value))
            llmc_decode_error_header(&r->error, &rank, name, json_string_value(value), 0);
    }
}

/* As the engine decides it: by what the server says that it sends. */
static bool comes_as_stream(const exchange *e, const llmc_codec *codec, int32_t http_status)
{
    static const struct { const char *form, *framing; } forms[] = { { "sse", "sse" }, { "ndjson", "ndjson" }, { "eventstream", "event_stream" } };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (!strcmp(forms[i].form, exchange_text(e, "body_form")))
            return http_status < 300 && codec->stream_framing && !strcmp(codec->stream_framing->name, forms[i].framing);
    return false;
}

static llmcost_status feed_body(feeding *feed, const llmc_framing *framing, void *state, const exchange *e, size_t (*piece)(size_t at, void *user), void *user)
{
    llmcost_status status = LLMCOST_OK;
    for (size_t at = 0; at < e->bytes && !status && !feed->status;) {
        size_t size = piece ? piece(at, user) : e->bytes;
        size = size > e->bytes - at ? e->bytes - at : size;
        status = framing->feed(state, e->body + at, size, take_frame, feed);
        at += size;
    }
    if (!status && !feed->status)
        status = framing->finish(state, take_frame, feed);
    if (status || feed->status)
        return feed->status ? feed->status : status;
    if (feed->decoder.http_status >= 300) /* an error without a body */
        return llmc_decode_error_of_host(&feed->r->error, feed->r->preset->quirks, feed->decoder.http_status, "", 0);
    return feed->decoder.codec->decode_end(&feed->decoder);
}

void reading_make(reading *r, const exchange *e, size_t (*piece)(size_t at, void *user), void *user)
{
    const llmc_allocator *allocator = &llmc_allocator_system;
    *r = (reading){ .status = LLMCOST_E_UNSUPPORTED };
    llmc_error_init(&r->error, allocator);
    llmc_answer_builder_init(&r->builder, allocator, MAX_ANSWER_BYTES);
    llmc_usage_init(&r->usage);
    r->codec = e->body ? codec_of(e, &r->operation) : NULL;
    r->preset = preset_of(e, r->codec);
    if (!r->codec)
        return;
    long told = exchange_number(e, "status");
    int32_t http_status = told > 0 && told < 1000 ? (int32_t)told : 200;
    bool stream = comes_as_stream(e, r->codec, http_status);
    const llmc_framing *framing = stream ? r->codec->stream_framing : &llmc_framing_whole;
    void *state = calloc(1, framing->state_bytes + 1), *of_decoder = malloc(r->codec->decoder_bytes + 1);
    if (!state || !of_decoder) {
        free(state);
        free(of_decoder);
        r->status = LLMCOST_E_MEMORY;
        return;
    }
    feeding feed = { .r = r };
    read_headers(r, e);
    llmc_decoder_begin(&feed.decoder, r->codec, r->operation, allocator, r->preset->quirks, stream, http_status, take_event, r, &r->error, of_decoder);
    framing->init(state, allocator, MAX_ANSWER_BYTES);
    r->status = feed_body(&feed, framing, state, e, piece, user);
    llmc_decoder_free(&feed.decoder);
    framing->free(state);
    free(state);
    free(of_decoder);
    r->answer = llmc_answer_build(&r->builder, e->provider, "", &r->usage, 0);
}

void reading_free(reading *r)
{
    llmc_answer_builder_free(&r->builder);
    llmc_answer_unref(r->answer);
    llmc_error_clear(&r->error);
}
