/*
 * Answers in Ollama's own format: a stream is one such object per line, of which the last says done, and a whole answer
 * is that last line alone. Members are noted first, since who says it stands in every line and what depends on the end
 * may stand before it.
 *
 * A tool call comes whole, its arguments as an object, often without an id. A made-up id is a hash of the call and of the
 * moment that the server states, so that the same answer has the same ids and two turns of a conversation have others.
 * A prompt whose figure is missing was all in the server's cache, and nothing of it was evaluated: 0.
 */
#include "provider/ollama_codec.h"

#include "base/text.h"
#include "provider/decoding.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct ollama_state {
    llmc_buffer model;
    llmc_utf8_joiner text, thinking;
    uint32_t tool_count;
    bool introduced;
} ollama_state;

/* The members of a line, as they stand. */
typedef struct ollama_line {
    llmc_json_span model, created_at, message, done, done_reason, logprobs, error, embeddings, prompt_count, count;
} ollama_line;

typedef struct ollama_message {
    llmc_json_span content, thinking, tool_calls;
} ollama_message;

typedef struct ollama_call {
    llmc_json_span id, function, name, arguments;
} ollama_call;

static ollama_state *state_of(llmc_decoder *decoder)
{
    return decoder->state;
}

static void read_line(llmc_json *json, ollama_line *line)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(ollama_line, "model", model), LLMC_WANTED(ollama_line, "created_at", created_at), LLMC_WANTED(ollama_line, "message", message),
        LLMC_WANTED(ollama_line, "done", done), LLMC_WANTED(ollama_line, "done_reason", done_reason), LLMC_WANTED(ollama_line, "logprobs", logprobs),
        LLMC_WANTED(ollama_line, "error", error), LLMC_WANTED(ollama_line, "embeddings", embeddings),
        LLMC_WANTED(ollama_line, "prompt_eval_count", prompt_count), LLMC_WANTED(ollama_line, "eval_count", count),
    };
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], line);
}

/* META is the first event. The format has no id for an answer. */
static llmcost_status introduce(llmc_decoder *decoder, const ollama_line *line)
{
    ollama_state *state = state_of(decoder);
    if (state->introduced)
        return LLMCOST_OK;
    llmc_decode_member(&line->model, &state->model);
    const char *model = llmc_buffer_text(&state->model);
    if (!model)
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_sanitize(state->model.data);
    state->introduced = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_META, .tool_name = model });
}

/* ---- tool calls ---- */

static uint64_t mix(uint64_t hash, const llmc_json_span *span)
{
    for (size_t i = 0; i < span->bytes; i++)
        hash = (hash ^ (unsigned char)span->text[i]) * UINT64_C(0x100000001b3);
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static llmcost_status announce(llmc_decoder *decoder, const ollama_call *call, const llmc_json_span *created_at, uint32_t index)
{
    llmc_buffer *scratch = &decoder->scratch;
    llmc_buffer_clear(scratch);
    if (call->id.bytes) {
        llmc_decode_member(&call->id, scratch);
    } else {
        uint64_t hash = mix(mix(mix(UINT64_C(0xcbf29ce484222325), created_at), &call->name), &call->arguments);
        llmc_buffer_add_format(scratch, "call_%016" PRIx64 "_%u", hash, index);
    }
    llmc_buffer_add_byte(scratch, '\0');
    size_t name = scratch->length;
    llmc_decode_member(&call->name, scratch);
    const char *id = llmc_buffer_text(scratch);
    if (!id)
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_sanitize(scratch->data);
    llmc_utf8_sanitize(scratch->data + name);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_TOOL_CALL, .tool_index = index, .tool_id = id, .tool_name = id + name });
}

static bool is_object(const llmc_json_span *span)
{
    llmc_json json;
    llmc_json_begin(&json, span->text, span->bytes);
    return llmc_json_peek(&json) == LLMC_JSON_OBJECT;
}

static llmcost_status emit_arguments(llmc_decoder *decoder, const llmc_json_span *arguments, uint32_t index)
{
    const llmc_json_span nothing = { "{}", 2, false };
    if (!arguments->bytes)
        return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, index, NULL, &nothing);
    if (is_object(arguments) && !arguments->escaped)
        return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, index, NULL, arguments);
    return llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, index, arguments, NULL); /* imitators send text */
}

static llmcost_status decode_tool_calls(llmc_decoder *decoder, const llmc_json_span *list, const llmc_json_span *created_at)
{
    static const llmc_wanted_member outer[] = { LLMC_WANTED(ollama_call, "id", id), LLMC_WANTED(ollama_call, "function", function) };
    static const llmc_wanted_member inner[] = { LLMC_WANTED(ollama_call, "name", name), LLMC_WANTED(ollama_call, "arguments", arguments) };
    ollama_state *state = state_of(decoder);
    llmcost_status status = LLMCOST_OK;
    llmc_json json, function;
    llmc_json_begin(&json, list->text, list->bytes);
    if (!llmc_json_array(&json))
        return LLMCOST_OK;
    while (!status && llmc_json_next_item(&json)) {
        ollama_call call = { 0 };
        llmc_read_wanted(&json, outer, sizeof outer / sizeof outer[0], &call);
        llmc_json_begin(&function, call.function.text, call.function.bytes);
        llmc_read_wanted(&function, inner, sizeof inner / sizeof inner[0], &call);
        if (!call.name.bytes)
            continue;
        if (state->tool_count >= LLMC_TOOL_CALLS_MAXIMUM)
            return llmc_decoder_malformed(decoder, NULL, "more tool calls than anybody makes");
        status = announce(decoder, &call, created_at, state->tool_count);
        if (!status)
            status = emit_arguments(decoder, &call.arguments, state->tool_count);
        state->tool_count++;
    }
    return status;
}

/* ---- text ---- */

static llmcost_status decode_message(llmc_decoder *decoder, const ollama_line *line)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(ollama_message, "content", content), LLMC_WANTED(ollama_message, "thinking", thinking), LLMC_WANTED(ollama_message, "tool_calls", tool_calls),
    };
    ollama_state *state = state_of(decoder);
    ollama_message message = { 0 };
    llmcost_status status = LLMCOST_OK;
    llmc_json json;
    llmc_json_begin(&json, line->message.text, line->message.bytes);
    llmc_read_wanted(&json, wanted, sizeof wanted / sizeof wanted[0], &message);
    if (message.thinking.bytes)
        status = llmc_decoder_emit_text(decoder, LLMCOST_EVENT_REASONING, 0, 0, &message.thinking, &state->thinking);
    if (!status && message.content.bytes)
        status = llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TEXT, 0, 0, &message.content, &state->text);
    if (!status && line->logprobs.bytes > 2 && llmc_span_is_list(&line->logprobs))
        status = llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_LOGPROBS, 0, 0, NULL, &line->logprobs);
    return status || !message.tool_calls.bytes ? status : decode_tool_calls(decoder, &message.tool_calls, &line->created_at);
}

/* ---- the end ---- */

static llmcost_finish finish_of(const char *word)
{
    static const struct { const char *word; llmcost_finish finish; } words[] = {
        { "stop", LLMCOST_FINISH_STOP }, { "length", LLMCOST_FINISH_LENGTH }, { "load", LLMCOST_FINISH_ERROR }, { "unload", LLMCOST_FINISH_ERROR },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, word))
            return words[i].finish;
    return LLMCOST_FINISH_STOP;
}

static void read_figure(const llmc_json_span *span, int64_t *out)
{
    llmc_json json;
    if (!span->bytes)
        return;
    llmc_json_begin(&json, span->text, span->bytes);
    llmc_usage_read_count(&json, out);
}

static llmcost_status emit_usage(llmc_decoder *decoder, const ollama_line *line)
{
    llmc_usage_counts counts;
    llmc_usage_counts_init(&counts);
    read_figure(&line->prompt_count, &counts.prompt);
    read_figure(&line->count, &counts.completion);
    if (counts.prompt < 0 && counts.completion >= 0)
        counts.prompt = 0;
    return llmc_decoder_emit_usage(decoder, &counts);
}

static llmcost_status finish(llmc_decoder *decoder, const ollama_line *line)
{
    ollama_state *state = state_of(decoder);
    char word[LLMC_WORD_BYTES];
    llmcost_status status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_REASONING, 0, 0, &state->thinking);
    if (!status)
        status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_TEXT, 0, 0, &state->text);
    if (status)
        return status;
    llmc_decode_word(&line->done_reason, word);
    llmcost_finish reason = finish_of(word);
    if (reason == LLMCOST_FINISH_STOP && state->tool_count)
        reason = LLMCOST_FINISH_TOOL_CALLS;
    status = llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .finish = reason, .finish_raw = word });
    if (!status)
        status = emit_usage(decoder, line);
    decoder->finished = !status;
    return status;
}

static llmcost_status decode_embeddings(llmc_decoder *decoder, const ollama_line *line, const llmc_frame *frame)
{
    if (!line->embeddings.bytes)
        return llmc_decode_error_in_success(decoder, frame, "an answer without embeddings");
    llmcost_status status = introduce(decoder, line);
    if (!status)
        status = llmc_decoder_emit_vectors(decoder, &line->embeddings);
    if (!status)
        status = emit_usage(decoder, line);
    decoder->finished = !status;
    return status;
}

static llmcost_status decode_chat(llmc_decoder *decoder, const ollama_line *line, const llmc_frame *frame)
{
    bool done = llmc_json_key_is(&line->done, "true");
    if (!is_object(&line->message) && !done)
        return llmc_decode_error_in_success(decoder, frame, "an answer without a message");
    llmcost_status status = introduce(decoder, line);
    if (!status)
        status = decode_message(decoder, line);
    return status || !done ? status : finish(decoder, line);
}

static llmcost_status decode_frame(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    ollama_line line = { 0 };
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder))
        return llmc_decode_error_body(decoder->error, decoder->http_status, frame->data, frame->bytes);
    if (decoder->operation == LLMC_OP_LIST_MODELS)
        return llmc_decode_models(decoder, frame);
    llmc_json_begin(&json, frame->data, frame->bytes);
    read_line(&json, &line);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, NULL);
    if (line.error.bytes)
        return llmc_decode_error_body(decoder->error, decoder->http_status, frame->data, frame->bytes);
    if (decoder->operation == LLMC_OP_EMBED)
        return decode_embeddings(decoder, &line, frame);
    return decode_chat(decoder, &line, frame);
}

static void decode_begin(llmc_decoder *decoder)
{
    llmc_buffer_init(&state_of(decoder)->model, decoder->allocator, 1 << 12);
}

static void decode_free(llmc_decoder *decoder)
{
    llmc_buffer_free(&state_of(decoder)->model);
}

static bool has_operation(llmc_operation_id operation)
{
    return operation == LLMC_OP_CHAT || operation == LLMC_OP_LIST_MODELS || operation == LLMC_OP_EMBED;
}

const llmc_codec llmc_codec_ollama = {
    .name = "ollama",
    .has_operation = has_operation,
    .check = llmc_ollama_check,
    .encode = llmc_ollama_encode,
    .stream_framing = &llmc_framing_ndjson, .stream_type = "application/x-ndjson",
    .decoder_bytes = sizeof(ollama_state),
    .decode_begin = decode_begin,
    .decode_frame = decode_frame,
    .decode_end = llmc_decoder_end_early,
    .decode_free = decode_free,
};
