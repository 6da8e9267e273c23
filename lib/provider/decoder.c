/* What all codecs share: the operations, the life of a decoder, and the way an event leaves it. */
#include "provider/decoding.h"

#include "base/text.h"

#include <float.h>

enum { REQUEST_MAXIMUM = 1 << 30, PATH_MAXIMUM = 4096, EVENT_MAXIMUM = 1 << 30 };

const llmc_operation llmc_operations[LLMC_OP_COUNT] = {
    [LLMC_OP_CHAT] = { .id = LLMC_OP_CHAT, .name = "chat", .streams = true, .cacheable = true, .priced = true, .generates = true, .has_request = true },
    [LLMC_OP_LIST_MODELS] = { .id = LLMC_OP_LIST_MODELS, .name = "list_models" },
    [LLMC_OP_EMBED] = { .id = LLMC_OP_EMBED, .name = "embed", .cacheable = true, .priced = true, .has_request = true },
    [LLMC_OP_COUNT_TOKENS] = { .id = LLMC_OP_COUNT_TOKENS, .name = "count_tokens", .has_request = true },
    [LLMC_OP_BALANCE] = { .id = LLMC_OP_BALANCE, .name = "balance" },
    [LLMC_OP_TOKEN] = { .id = LLMC_OP_TOKEN, .name = "token" },
};

const llmc_codec *llmc_codec_at(size_t index)
{
    static const llmc_codec *const codecs[] = {
        &llmc_codec_openai, &llmc_codec_anthropic, &llmc_codec_gemini, &llmc_codec_responses, &llmc_codec_bedrock, &llmc_codec_cohere, &llmc_codec_ollama,
        &llmc_codec_qianfan_v1,
    };
    return index < sizeof codecs / sizeof codecs[0] ? codecs[index] : NULL;
}

const llmc_codec *llmc_codec_find(const char *name)
{
    for (size_t i = 0; llmc_codec_at(i); i++)
        if (!strcmp(llmc_codec_at(i)->name, name))
            return llmc_codec_at(i);
    return NULL;
}

void llmc_encoded_init(llmc_encoded *encoded, const llmc_allocator *allocator)
{
    *encoded = (llmc_encoded){ .method = "POST" };
    llmc_buffer_init(&encoded->path, allocator, PATH_MAXIMUM);
    llmc_buffer_init(&encoded->body, allocator, REQUEST_MAXIMUM);
}

void llmc_encoded_free(llmc_encoded *encoded)
{
    llmc_buffer_free(&encoded->path);
    llmc_buffer_free(&encoded->body);
}

void llmc_decoder_begin(llmc_decoder *decoder, const llmc_codec *codec, llmc_operation_id operation, const llmc_allocator *allocator,
                        uint64_t quirks, bool stream, int32_t http_status, llmc_emit_fn emit, void *user, llmcost_error *error, void *state)
{
    *decoder = (llmc_decoder){ .codec = codec, .allocator = allocator, .operation = operation, .quirks = quirks, .stream = stream,
                               .http_status = http_status, .emit = emit, .emit_user = user, .error = error, .state = state };
    llmc_usage_init(&decoder->usage);
    llmc_buffer_init(&decoder->scratch, allocator, EVENT_MAXIMUM);
    memset(state, 0, codec->decoder_bytes);
    codec->decode_begin(decoder);
}

void llmc_decoder_free(llmc_decoder *decoder)
{
    decoder->codec->decode_free(decoder);
    llmc_buffer_free(&decoder->scratch);
}

llmcost_status llmc_decoder_emit(llmc_decoder *decoder, const llmcost_event *event)
{
    llmcost_event complete = *event;
    complete.is_custom = decoder->is_custom;
    complete.text = event->text ? event->text : "";
    complete.tool_id = event->tool_id ? event->tool_id : "";
    complete.tool_name = event->tool_name ? event->tool_name : "";
    complete.finish_raw = event->finish_raw ? event->finish_raw : "";
    if (decoder->emit(decoder->emit_user, &complete))
        return LLMCOST_OK;
    decoder->emit_stopped = true;
    return LLMCOST_E_CANCELLED;
}

llmcost_status llmc_decoder_emit_text(llmc_decoder *decoder, int kind, uint32_t choice, uint32_t tool_index, const llmc_json_span *span, llmc_utf8_joiner *joiner)
{
    static const char lead[LLMC_JOINER_LEAD];
    llmc_buffer *scratch = &decoder->scratch;
    llmc_utf8_joiner alone = { 0 };
    llmc_buffer_clear(scratch);
    llmc_buffer_reserve(scratch, span->bytes + 2 * sizeof lead); /* decoding never lengthens */
    llmc_buffer_add(scratch, lead, sizeof lead);
    if (span->escaped)
        llmc_decode_member(span, scratch);
    else
        llmc_buffer_add(scratch, span->text, span->bytes);
    if (!llmc_buffer_reserve(scratch, LLMC_JOINER_LEAD))
        return llmc_error_set(decoder->error, LLMCOST_E_MEMORY, "no memory for a piece of the answer");
    size_t bytes = scratch->length - sizeof lead;
    char *text = scratch->data + sizeof lead;
    if (span->escaped || (joiner && joiner->waiting)) {
        text = llmc_utf8_join(joiner ? joiner : &alone, text, &bytes);
        if (alone.waiting)
            bytes += llmc_utf8_join_end(&alone, text + bytes);
    }
    text[bytes] = '\0';
    if (bytes == 0)
        return LLMCOST_OK;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = kind, .choice = choice, .tool_index = tool_index, .text = text, .bytes = bytes });
}

void llmc_json_note(llmc_json *json, llmc_json_span *out)
{
    llmc_json_type type = llmc_json_peek(json);
    if (type == LLMC_JSON_STRING)
        llmc_json_span_string(json, out);
    else if (type == LLMC_JSON_NULL)
        llmc_json_skip(json);
    else
        llmc_json_raw(json, out);
}

void llmc_read_wanted(llmc_json *json, const llmc_wanted_member *wanted, size_t count, void *out)
{
    llmc_json_key key;
    if (!llmc_json_object(json))
        return;
    while (llmc_json_next_key(json, &key)) {
        size_t i = 0;
        while (i < count && (key.bytes != wanted[i].bytes || memcmp(key.text, wanted[i].name, key.bytes) != 0))
            i++;
        if (i < count)
            llmc_json_note(json, (llmc_json_span *)(void *)((char *)out + wanted[i].offset));
        else
            llmc_json_skip(json);
    }
}

llmcost_status llmc_decoder_flush_text(llmc_decoder *decoder, int kind, uint32_t choice, uint32_t tool_index, llmc_utf8_joiner *joiner)
{
    if (!joiner->waiting)
        return LLMCOST_OK;
    char text[5] = "";
    size_t bytes = llmc_utf8_join_end(joiner, text);
    text[bytes] = '\0';
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = kind, .choice = choice, .tool_index = tool_index, .text = text, .bytes = bytes });
}

llmcost_status llmc_decoder_emit_raw(llmc_decoder *decoder, int kind, uint32_t choice, uint32_t tool_index, const char *name, const llmc_json_span *raw)
{
    llmc_buffer_clear(&decoder->scratch);
    llmc_buffer_add(&decoder->scratch, raw->text, raw->bytes);
    const char *text = llmc_buffer_text(&decoder->scratch);
    if (!text)
        return llmc_error_set(decoder->error, LLMCOST_E_MEMORY, "no memory for a piece of the answer");
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = kind, .choice = choice, .tool_index = tool_index, .text = text, .bytes = raw->bytes, .tool_name = name });
}

void llmc_decoder_note_tier(llmc_decoder *decoder, const llmc_usage_counts *counts)
{
    if (counts->tier[0])
        memcpy(decoder->tier, counts->tier, sizeof decoder->tier);
}

llmcost_status llmc_decoder_emit_usage(llmc_decoder *decoder, const llmc_usage_counts *counts)
{
    llmc_usage usage;
    llmc_usage_normalise(counts, &usage);
    if (!(usage.flags & LLMC_USAGE_REPORTED) || !memcmp(&usage, &decoder->usage, sizeof usage))
        return LLMCOST_OK;
    decoder->usage = usage;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_USAGE, .usage = &decoder->usage });
}

llmcost_status llmc_decoder_emit_tool_call(llmc_decoder *decoder, uint32_t choice, uint32_t tool_index, const llmc_json_span *id, const llmc_json_span *name)
{
    llmc_buffer *scratch = &decoder->scratch;
    llmc_buffer_clear(scratch);
    llmc_decode_member(id, scratch);
    llmc_buffer_add_byte(scratch, '\0');
    size_t name_at = scratch->length;
    llmc_decode_member(name, scratch);
    const char *text = llmc_buffer_text(scratch);
    if (!text)
        return llmc_error_set(decoder->error, LLMCOST_E_MEMORY, "no memory for the answer");
    llmc_utf8_sanitize(scratch->data);
    llmc_utf8_sanitize(scratch->data + name_at);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_TOOL_CALL, .choice = choice, .tool_index = tool_index, .tool_id = text, .tool_name = text + name_at });
}

static size_t strspn_bytes(const char *text, size_t bytes, const char *accepted)
{
    size_t length = 0;
    while (length < bytes && text[length] && strchr(accepted, text[length]))
        length++;
    return length;
}

/* Whether what failed is the beginning of something that the end of the text cut off. */
static bool is_cut(const llmc_json *json)
{
    static const char *const words[] = { "true", "false", "null" };
    const char *at = json->failed_at;
    size_t left = (size_t)(json->end - at);
    if (left == 0)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (left < strlen(words[i]) && !memcmp(at, words[i], left))
            return true;
    if (*at == '\\')
        return left < 2 || (at[1] == 'u' && left < 6);
    if ((unsigned char)*at >= 0x80) {
        for (size_t i = 0; i < left; i++)
            if ((unsigned char)at[i] < 0x80)
                return false;
        return left - llmc_utf8_cut(at, left, left - 1) < 4 && !llmc_utf8_valid(at, left);
    }
    return strspn_bytes(at, left, "-+.eE0123456789") == left;
}

llmcost_status llmc_decoder_malformed(llmc_decoder *decoder, const llmc_json *json, const char *what)
{
    bool whole = !decoder->stream || decoder->codec->stream_framing == &llmc_framing_ndjson; /* of its lines only the last can be cut */
    if (json && json->failure && whole && is_cut(json))
        return llmc_error_set(decoder->error, LLMCOST_E_TRUNCATED, "the answer ends in the middle of its JSON; try again");
    return llmc_error_set(decoder->error, LLMCOST_E_MALFORMED, "the answer could not be understood (%s); check that the base URL speaks the %s format",
                          json && json->failure ? json->failure : what, decoder->codec->name);
}

llmcost_status llmc_decode_models(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    llmc_json_key key;
    bool found = false;
    llmc_json_begin(&json, frame->data, frame->bytes);
    llmc_json list = json;
    if (llmc_json_peek(&json) == LLMC_JSON_OBJECT) {
        llmc_json_object(&json);
        while (llmc_json_next_key(&json, &key)) {
            bool usual = llmc_json_key_is(&key, "data"), other = !found && llmc_json_key_is(&key, "models"); /* llama.cpp sends both */
            if ((usual || other) && llmc_json_peek(&json) == LLMC_JSON_ARRAY) {
                list = json;
                found = true;
            }
            llmc_json_skip(&json);
        }
    } else {
        found = llmc_json_peek(&json) == LLMC_JSON_ARRAY; /* Together sends the bare array */
        llmc_json_skip(&json);
    }
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, "no JSON");
    if (!found)
        return llmc_decode_error_in_success(decoder, frame, "no list of models");
    llmc_json_array(&list);
    while (llmc_json_next_item(&list)) {
        llmc_json_span name = { 0 };
        if (!llmc_json_object(&list))
            continue;
        while (llmc_json_next_key(&list, &key)) {
            if (llmc_json_key_is(&key, "id") || (!name.text && llmc_json_key_is(&key, "name")))
                llmc_json_span_string(&list, &name);
            else
                llmc_json_skip(&list);
        }
        llmcost_status status = name.text ? llmc_decoder_emit_text(decoder, LLMC_EVENT_MODEL, 0, 0, &name, NULL) : LLMCOST_OK;
        if (status)
            return status;
    }
    decoder->finished = true;
    return LLMCOST_OK;
}

llmcost_status llmc_decode_input_tokens(llmc_decoder *decoder, const llmc_frame *frame)
{
    static const llmc_wanted_member wanted[] = { { "input_tokens", sizeof "input_tokens" - 1, 0 } };
    llmc_usage_counts counts;
    llmc_json_span tokens = { 0 };
    llmc_json json;
    llmc_usage_counts_init(&counts);
    llmc_json_begin(&json, frame->data, frame->bytes);
    llmc_read_wanted(&json, wanted, 1, &tokens);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, NULL);
    llmc_json_begin(&json, tokens.text, tokens.bytes);
    if (tokens.bytes)
        llmc_usage_read_count(&json, &counts.prompt);
    if (counts.prompt < 0)
        return llmc_decode_error_in_success(decoder, frame, "no count of tokens");
    llmcost_status status = llmc_decoder_emit_usage(decoder, &counts);
    decoder->finished = !status;
    return status;
}

llmcost_status llmc_decoder_read_vector(llmc_decoder *decoder, llmc_json *json)
{
    double number;
    llmc_buffer_clear(&decoder->scratch);
    if (!llmc_json_array(json))
        return llmc_decoder_malformed(decoder, json, "an embedding that is no list");
    while (llmc_json_next_item(json)) {
        if (!llmc_json_double(json, &number) || number > FLT_MAX || number < -FLT_MAX)
            return llmc_decoder_malformed(decoder, json, "an embedding with something that is no number");
        float value = (float)number;
        llmc_buffer_add(&decoder->scratch, &value, sizeof value);
    }
    return json->failure ? llmc_decoder_malformed(decoder, json, NULL) : LLMCOST_OK;
}

llmcost_status llmc_decoder_tell_vector(llmc_decoder *decoder, uint32_t index)
{
    size_t bytes = decoder->scratch.length;
    const char *text = llmc_buffer_text(&decoder->scratch);
    if (!text)
        return llmc_error_set(decoder->error, LLMCOST_E_MEMORY, "no memory for an embedding");
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_EMBEDDING, .choice = index, .text = text, .bytes = bytes });
}

llmcost_status llmc_decoder_emit_vector(llmc_decoder *decoder, uint32_t index, llmc_json *json)
{
    llmcost_status status = llmc_decoder_read_vector(decoder, json);
    return status ? status : llmc_decoder_tell_vector(decoder, index);
}

llmcost_status llmc_decoder_emit_vectors(llmc_decoder *decoder, const llmc_json_span *list)
{
    llmc_json json;
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, list->text, list->bytes);
    if (!llmc_json_array(&json))
        return llmc_decoder_malformed(decoder, NULL, "embeddings that are no list");
    for (uint32_t i = 0; !status && llmc_json_next_item(&json); i++)
        status = llmc_decoder_emit_vector(decoder, i, &json);
    return status;
}

bool llmc_span_is_list(const llmc_json_span *span)
{
    llmc_json json;
    llmc_json_begin(&json, span->text, span->bytes);
    bool list = llmc_json_peek(&json) == LLMC_JSON_ARRAY;
    llmc_json_skip(&json);
    return list && llmc_json_end(&json);
}

void llmc_decode_word(const llmc_json_span *span, char out[LLMC_WORD_BYTES])
{
    size_t bytes = span->bytes < LLMC_WORD_BYTES ? span->bytes : LLMC_WORD_BYTES - 1;
    if (bytes)
        memcpy(out, span->text, bytes);
    out[bytes] = '\0';
    llmc_utf8_sanitize(out);
}

llmcost_status llmc_decode_error_in_success(llmc_decoder *decoder, const llmc_frame *frame, const char *otherwise)
{
    llmcost_status status = llmc_decode_error_of_host(decoder->error, decoder->quirks, decoder->http_status, frame->data, frame->bytes);
    bool recognised = decoder->error->code || decoder->error->provider_message;
    return recognised ? status : llmc_decoder_malformed(decoder, NULL, otherwise);
}
