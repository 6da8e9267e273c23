/*
 * Answers in the OpenAI chat-completions dialect, whole or as a stream of chunks: both have the same shape, but for
 * "message" and "delta". Members come in any order, so what depends on another member waits for the end of its object:
 * choices until id and model are known, a delta until its index is, the finish reason until the tool calls are.
 *
 * Usage is read wherever some host puts it: the last chunk, every chunk, x_groq, inside a choice. Audio that a model speaks, and what
 * filters found, are kept as they came. Left out on purpose: log-probabilities of the older shape.
 */
#include "provider/openai_decoding.h"

#include "base/text.h"
#include "provider/presets.h"

enum { FILTERS_MAXIMUM = 1 << 16 };

static void read_usage(llmc_json *json, openai_state *state)
{
    state->counted = llmc_openai_read_usage(json, &state->counts, &state->byok) || state->counted;
}

/* ---- choices ---- */

static llmcost_status choice_at(llmc_decoder *decoder, int64_t index, openai_choice **out)
{
    openai_state *state = llmc_openai_state(decoder);
    if (index < 0 || index >= LLMC_CHOICES_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "a choice with an impossible index");
    void *items = llmc_decoder_reach(decoder, state->choices, &state->choice_count, &state->choice_capacity, (size_t)index, sizeof(openai_choice));
    if (!items)
        return LLMCOST_E_MEMORY;
    state->choices = items;
    *out = &state->choices[index];
    (*out)->seen = true;
    return LLMCOST_OK;
}

/* ---- the end of a choice ---- */

static llmcost_finish finish_of(const char *word)
{
    static const struct { const char *word; llmcost_finish finish; } words[] = {
        { "stop", LLMCOST_FINISH_STOP }, { "length", LLMCOST_FINISH_LENGTH }, { "tool_calls", LLMCOST_FINISH_TOOL_CALLS },
        { "function_call", LLMCOST_FINISH_TOOL_CALLS }, { "content_filter", LLMCOST_FINISH_CONTENT_FILTER },
        { "model_length", LLMCOST_FINISH_LENGTH }, { "sensitive", LLMCOST_FINISH_CONTENT_FILTER },
        { "model_context_window_exceeded", LLMCOST_FINISH_CONTEXT_LENGTH }, { "insufficient_system_resource", LLMCOST_FINISH_ERROR },
        { "error", LLMCOST_FINISH_ERROR }, { "network_error", LLMCOST_FINISH_ERROR }, { "eos", LLMCOST_FINISH_STOP },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, word))
            return words[i].finish;
    return LLMCOST_FINISH_STOP;
}

static llmcost_status finish_choice(llmc_decoder *decoder, openai_choice *choice, uint32_t index, const char *word)
{
    if (choice->finished)
        return LLMCOST_OK;
    llmcost_status status = llmc_openai_flush_choice(decoder, choice, index);
    if (status)
        return status;
    llmcost_finish finish = finish_of(word);
    if (finish == LLMCOST_FINISH_STOP && choice->call_count)
        finish = LLMCOST_FINISH_TOOL_CALLS;
    choice->finished = true;
    llmc_openai_state(decoder)->finish_came = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .choice = index, .finish = finish, .finish_raw = word });
}

static llmcost_status finish_by_span(llmc_decoder *decoder, openai_choice *choice, uint32_t index, const llmc_json_span *span)
{
    char word[64];
    llmc_buffer_clear(&decoder->scratch);
    if (!llmc_decode_member(span, &decoder->scratch))
        return llmc_decoder_no_memory(decoder);
    size_t bytes = decoder->scratch.length < sizeof word ? decoder->scratch.length : sizeof word - 1;
    if (bytes)
        memcpy(word, decoder->scratch.data, bytes);
    word[bytes] = '\0';
    llmc_utf8_sanitize(word);
    return finish_choice(decoder, choice, index, word);
}

/* What of a choice waits for its end. */
typedef struct openai_rest {
    llmc_json_span content, finish, logprobs, filters;
    bool content_done, failed;
} openai_rest;

static bool is_failure(llmc_json *json)
{
    llmc_json ahead = *json;
    llmc_json_span raw = { 0 };
    llmc_json_type type = llmc_json_peek(json);
    llmc_json_raw(&ahead, &raw);
    return type == LLMC_JSON_OBJECT ? raw.bytes > 2 : type == LLMC_JSON_STRING && raw.bytes > 2;
}

/* OpenRouter: {"code": 502, "message": ..., "metadata": {...}} of the one choice that there is. */
static bool read_failure(llmc_json *json, llmc_json_span *out)
{
    bool failed = is_failure(json);
    llmc_json_span raw;
    if (llmc_json_raw(json, &raw) && failed)
        *out = raw;
    return failed;
}

/* A stream's choice has a delta, a whole answer's a message. Perplexity sends both: the other one is a repetition. */
static llmcost_status decode_choice_member(llmc_decoder *decoder, llmc_json *json, const llmc_json_key *key, int64_t *index, openai_choice **choice, openai_rest *rest)
{
    bool delta = llmc_json_key_is(key, "delta");
    if (llmc_json_key_is(key, "index")) {
        llmc_json_integer(json, index);
        return choice_at(decoder, *index, choice);
    }
    if (delta || llmc_json_key_is(key, "message")) {
        bool usual = delta == decoder->stream && llmc_json_peek(json) == LLMC_JSON_OBJECT;
        if (usual && *choice) {
            rest->content_done = true;
            return llmc_openai_decode_message(decoder, json, *choice, (uint32_t)*index);
        }
        if (usual || !rest->content.bytes)
            llmc_json_raw(json, &rest->content);
        else
            llmc_json_skip(json);
    } else if (llmc_json_key_is(key, "finish_reason")) {
        llmc_json_span_string(json, &rest->finish);
    } else if (llmc_json_key_is(key, "logprobs") && llmc_json_peek(json) == LLMC_JSON_OBJECT) {
        llmc_json_raw(json, &rest->logprobs);
    } else if (llmc_json_key_is(key, "content_filter_results") && llmc_json_peek(json) == LLMC_JSON_OBJECT) {
        llmc_json_raw(json, &rest->filters);
    } else if (llmc_json_key_is(key, "usage")) {
        read_usage(json, llmc_openai_state(decoder));
    } else if (llmc_json_key_is(key, "error")) {
        rest->failed = read_failure(json, &llmc_openai_state(decoder)->failure);
    } else {
        llmc_json_skip(json);
    }
    return LLMCOST_OK;
}

/* Azure repeats what its filters found with every piece: told when it changes. */
static llmcost_status tell_filters(llmc_decoder *decoder, const llmc_json_span *raw, uint32_t index)
{
    uint64_t *told = &llmc_openai_state(decoder)->extra_hash[3], hash = llmc_openai_hash(raw->text, raw->bytes) + index;
    if (*told == hash)
        return LLMCOST_OK;
    *told = hash;
    return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_EXTRA, index, 0, "content_filter_results", raw);
}

/* One choice. Its content is read in place when the index came before it, else at the end. */
static llmcost_status decode_choice(llmc_decoder *decoder, llmc_json *json, int64_t index)
{
    llmc_json_key key;
    llmc_json inner;
    openai_rest rest = { 0 };
    openai_choice *choice = NULL;
    llmcost_status status = LLMCOST_OK;
    while (!status && llmc_json_next_key(json, &key))
        status = decode_choice_member(decoder, json, &key, &index, &choice, &rest);
    if (status || json->failure)
        return status;
    if (!choice)
        status = choice_at(decoder, index, &choice);
    if (!status && rest.content.bytes && !rest.content_done) {
        llmc_json_begin(&inner, rest.content.text, rest.content.bytes);
        status = llmc_openai_decode_message(decoder, &inner, choice, (uint32_t)index);
    }
    if (!status && rest.logprobs.bytes) {
        llmc_json_begin(&inner, rest.logprobs.text, rest.logprobs.bytes);
        status = llmc_openai_decode_logprobs(decoder, &inner, (uint32_t)index);
    }
    if (!status && rest.filters.bytes > 2)
        status = tell_filters(decoder, &rest.filters, (uint32_t)index);
    return status || rest.failed || !rest.finish.bytes ? status : finish_by_span(decoder, choice, (uint32_t)index, &rest.finish);
}

static llmcost_status decode_choices(llmc_decoder *decoder, llmc_json *json)
{
    llmcost_status status = LLMCOST_OK;
    if (!llmc_json_array(json))
        return LLMCOST_OK;
    for (int64_t ordinal = 0; !status && llmc_json_next_item(json); ordinal++)
        if (llmc_json_object(json))
            status = decode_choice(decoder, json, ordinal);
    return status;
}

/* ---- chunks ---- */

/* META is the first event; a first chunk without a model (Azure's) does not make one. */
static llmcost_status introduce(llmc_decoder *decoder, bool now)
{
    openai_state *state = llmc_openai_state(decoder);
    if (state->introduced || (!now && !state->model.length))
        return LLMCOST_OK;
    const char *id = llmc_buffer_text(&state->id), *model = llmc_buffer_text(&state->model);
    if (!id || !model)
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_sanitize(state->id.data);
    llmc_utf8_sanitize(state->model.data);
    state->introduced = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_META, .text = id, .bytes = state->id.length, .tool_name = model });
}

static void read_identity(llmc_json *json, llmc_buffer *out)
{
    if (out->length)
        llmc_json_skip(json);
    else
        llmc_json_string(json, out);
}

/* Perplexity repeats its sources in every chunk: told when they change. */
static llmcost_status tell_sources(llmc_decoder *decoder, const llmc_json_span *raw, const char *name, uint64_t *told)
{
    if (raw->bytes <= 2 || *told == llmc_openai_hash(raw->text, raw->bytes))
        return LLMCOST_OK;
    *told = llmc_openai_hash(raw->text, raw->bytes);
    return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_EXTRA, 0, 0, name, raw);
}

/* They come before the model's name does, in a chunk of their own. */
static llmcost_status tell_prompt_filters(llmc_decoder *decoder, const llmc_json_span *raw)
{
    openai_state *state = llmc_openai_state(decoder);
    if (state->introduced && !state->filters.length)
        return tell_sources(decoder, raw, "prompt_filter_results", &state->extra_hash[2]);
    if (raw->bytes > 2 && raw->bytes <= FILTERS_MAXIMUM && !state->filters.length)
        llmc_buffer_add(&state->filters, raw->text, raw->bytes);
    if (state->filters.failure)
        return llmc_decoder_no_memory(decoder);
    if (!state->introduced || !state->filters.length)
        return LLMCOST_OK;
    const llmc_json_span kept = { state->filters.data, state->filters.length, false };
    llmcost_status status = tell_sources(decoder, &kept, "prompt_filter_results", &state->extra_hash[2]);
    llmc_buffer_free(&state->filters);
    return status;
}

/* What waits for the end of a chunk. */
typedef struct openai_chunk {
    llmc_json_span choices; /* only while the model is not known */
    llmc_json_span citations, search_results, filters;
    bool in_place; /* the document is all there: its choices need not wait for its end */
    bool has_choices, failed;
    bool says, has_code; /* members of an error that is not wrapped into one */
} openai_chunk;

/* MiniMax: {"base_resp": {"status_code": 1008, ...}} with HTTP 200. */
static bool read_base_resp(llmc_json *json)
{
    llmc_json_key key;
    int64_t code = 0;
    if (!llmc_json_object(json))
        return false;
    while (llmc_json_next_key(json, &key)) {
        if (llmc_json_key_is(&key, "status_code"))
            llmc_json_integer(json, &code);
        else
            llmc_json_skip(json);
    }
    return code != 0;
}

/* Qianfan: {"error_code": 17, "error_msg": ...} with HTTP 200. */
static bool read_own_code(llmc_json *json)
{
    int64_t code = 0;
    return llmc_json_integer(json, &code) && code != 0;
}

/* {"code": 50505, "message": ...}, {"detail": ...}: what some hosts send in a stream where others send {"error": ...}. */
static void note_bare_error(llmc_json *json, const llmc_json_key *key, openai_chunk *chunk)
{
    llmc_json_type type = llmc_json_peek(json);
    int64_t code = 0;
    bool detail = llmc_json_key_is(key, "detail") && (type == LLMC_JSON_STRING || type == LLMC_JSON_ARRAY);
    chunk->says = chunk->says || detail || (llmc_json_key_is(key, "message") && type == LLMC_JSON_STRING);
    chunk->has_code = chunk->has_code || detail;
    if (llmc_json_key_is(key, "code") && type == LLMC_JSON_STRING)
        chunk->has_code = chunk->has_code || is_failure(json);
    if (!llmc_json_key_is(key, "code") || type != LLMC_JSON_NUMBER)
        llmc_json_skip(json);
    else if (llmc_json_integer(json, &code))
        chunk->has_code = chunk->has_code || (code && code / 100 != 2);
}

/* {"usage": ..., "error": ...} under x_groq. */
static bool read_x_groq(llmc_json *json, openai_state *state)
{
    llmc_json_key key;
    bool failed = false;
    if (!llmc_json_object(json))
        return false;
    while (llmc_json_next_key(json, &key)) {
        if (llmc_json_key_is(&key, "usage")) {
            read_usage(json, state);
            continue;
        }
        if (llmc_json_key_is(&key, "error"))
            failed = is_failure(json) || failed;
        llmc_json_skip(json);
    }
    return failed;
}

static void read_array(llmc_json *json, llmc_json_span *out)
{
    if (llmc_json_peek(json) == LLMC_JSON_ARRAY)
        llmc_json_raw(json, out);
    else
        llmc_json_skip(json);
}

/* What few hosts send, or few chunks hold. */
__attribute__((cold)) static void decode_rare_member(llmc_json *json, const llmc_json_key *key, openai_state *state, openai_chunk *chunk)
{
    if (llmc_json_key_is(key, "error")) {
        chunk->failed = is_failure(json) || chunk->failed;
        llmc_json_skip(json);
    } else if (llmc_json_key_is(key, "base_resp")) {
        chunk->failed = read_base_resp(json) || chunk->failed;
    } else if (llmc_json_key_is(key, "x_groq")) {
        chunk->failed = read_x_groq(json, state) || chunk->failed;
    } else if (llmc_json_key_is(key, "citations")) {
        read_array(json, &chunk->citations);
    } else if (llmc_json_key_is(key, "search_results")) {
        read_array(json, &chunk->search_results);
    } else if (llmc_json_key_is(key, "prompt_filter_results")) {
        read_array(json, &chunk->filters);
    } else if (llmc_json_key_is(key, "error_code")) {
        chunk->failed = read_own_code(json) || chunk->failed;
    } else if (llmc_json_key_is(key, "code") || llmc_json_key_is(key, "message") || llmc_json_key_is(key, "detail")) {
        note_bare_error(json, key, chunk);
    } else if (llmc_json_key_is(key, "cost") && llmc_json_peek(json) == LLMC_JSON_OBJECT) {
        llmc_openai_read_cost(json, &state->counts);
    } else {
        llmc_json_skip(json);
    }
}

static llmcost_status decode_member(llmc_decoder *decoder, llmc_json *json, const llmc_json_key *key, openai_chunk *chunk)
{
    openai_state *state = llmc_openai_state(decoder);
    if (llmc_json_key_is(key, "choices")) {
        chunk->has_choices = chunk->has_choices || llmc_json_peek(json) == LLMC_JSON_ARRAY;
        if (chunk->in_place && state->id.length && state->model.length) {
            llmcost_status status = introduce(decoder, true);
            if (status)
                return status;
        }
        if (state->introduced)
            return decode_choices(decoder, json);
        read_array(json, &chunk->choices);
    } else if (llmc_json_key_is(key, "id")) {
        read_identity(json, &state->id);
    } else if (llmc_json_key_is(key, "model")) {
        read_identity(json, &state->model);
    } else if (llmc_json_key_is(key, "usage")) {
        read_usage(json, state);
    } else if (llmc_json_key_is(key, "service_tier")) {
        llmc_usage_read_tier(json, &state->counts);
    } else if (llmc_json_key_is(key, "object") || llmc_json_key_is(key, "created") || llmc_json_key_is(key, "system_fingerprint") || llmc_json_key_is(key, "obfuscation")) {
        llmc_json_skip(json); /* in every chunk, and needed by nobody: not compared with all the rest */
    } else {
        decode_rare_member(json, key, state, chunk);
    }
    return LLMCOST_OK;
}

/* What was put off: the choices of the chunk that introduces the answer, then sources and usage. */
static llmcost_status decode_rest(llmc_decoder *decoder, const openai_chunk *chunk)
{
    openai_state *state = llmc_openai_state(decoder);
    llmcost_status status = introduce(decoder, chunk->choices.bytes > 2 || (!decoder->stream && chunk->has_choices));
    if (!status && chunk->choices.bytes) {
        llmc_json choices;
        llmc_json_begin(&choices, chunk->choices.text, chunk->choices.bytes);
        status = decode_choices(decoder, &choices);
    }
    if (!status)
        status = tell_sources(decoder, &chunk->citations, "citations", &state->extra_hash[0]);
    if (!status)
        status = tell_sources(decoder, &chunk->search_results, "search_results", &state->extra_hash[1]);
    if (!status)
        status = tell_prompt_filters(decoder, &chunk->filters);
    llmc_decoder_note_tier(decoder, &state->counts);
    if (status || !state->counted)
        return status;
    state->counted = false;
    return llmc_decoder_emit_usage(decoder, &state->counts);
}

/* A whole answer that was not cut short. What it says is believed before its end was read. */
static bool is_complete(const llmc_decoder *decoder, const llmc_frame *frame)
{
    size_t bytes = frame->bytes;
    while (bytes && (frame->data[bytes - 1] == '\n' || frame->data[bytes - 1] == '\r' || frame->data[bytes - 1] == ' '))
        bytes--;
    return !decoder->stream && bytes && frame->data[bytes - 1] == '}';
}

static llmcost_status decode_chunk(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    llmc_json_key key;
    openai_chunk chunk = { .in_place = is_complete(decoder, frame) };
    const llmc_json_span *failure = &llmc_openai_state(decoder)->failure; /* none yet: the first ends it all */
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, frame->data, frame->bytes);
    if (llmc_json_peek(&json) != LLMC_JSON_OBJECT) {
        llmc_json_skip(&json);
        llmc_json_end(&json);
        return llmc_decoder_malformed(decoder, &json, "no JSON object");
    }
    llmc_json_object(&json);
    while (!status && llmc_json_next_key(&json, &key))
        status = decode_member(decoder, &json, &key, &chunk);
    if (status)
        return status;
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, NULL);
    status = decode_rest(decoder, &chunk);
    if (status)
        return status;
    bool bare = decoder->stream && chunk.says && chunk.has_code && !chunk.has_choices;
    if (chunk.failed || bare)
        return llmc_decode_error_of_host(decoder->error, decoder->quirks, decoder->http_status, frame->data, frame->bytes);
    if (failure->bytes)
        return llmc_decode_error_of_host(decoder->error, decoder->quirks, decoder->http_status, failure->text, failure->bytes);
    if (!chunk.has_choices && !decoder->stream)
        return llmc_decode_error_in_success(decoder, frame, "an answer without choices");
    return LLMCOST_OK;
}

static bool is_done(const llmc_frame *frame)
{
    static const char done[] = "[DONE]";
    size_t bytes = frame->bytes;
    while (bytes && (frame->data[bytes - 1] == ' ' || frame->data[bytes - 1] == '\t'))
        bytes--;
    return bytes == strlen(done) && !memcmp(frame->data, done, bytes);
}

/* Choices that the provider left without a reason end here. */
static llmcost_status finish_answer(llmc_decoder *decoder)
{
    openai_state *state = llmc_openai_state(decoder);
    llmcost_status status = LLMCOST_OK;
    bool any = false;
    for (uint32_t i = 0; !status && i < state->choice_count; i++) {
        any = any || state->choices[i].seen;
        if (state->choices[i].seen)
            status = finish_choice(decoder, &state->choices[i], i, "");
    }
    if (!status && !any)
        return llmc_decoder_malformed(decoder, NULL, "an answer without choices");
    decoder->finished = !status;
    return status;
}

static llmcost_status decode_frame(llmc_decoder *decoder, const llmc_frame *frame)
{
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder) || !strcmp(frame->event, "error"))
        return llmc_decode_error_of_host(decoder->error, decoder->quirks, decoder->http_status, frame->data, frame->bytes);
    switch (decoder->operation) {
    case LLMC_OP_LIST_MODELS:
        return llmc_decode_models(decoder, frame);
    case LLMC_OP_EMBED:
        return llmc_openai_decode_embeddings(decoder, frame);
    case LLMC_OP_COUNT_TOKENS:
        return llmc_openai_decode_count(decoder, frame);
    case LLMC_OP_BALANCE:
        return llmc_openai_decode_balance(decoder, frame);
    default:
        break;
    }
    if (decoder->stream && frame->bytes == 0)
        return LLMCOST_OK;
    if (decoder->stream && is_done(frame))
        return finish_answer(decoder);
    llmcost_status status = decode_chunk(decoder, frame);
    return status || decoder->stream ? status : finish_answer(decoder);
}

static llmcost_status decode_end(llmc_decoder *decoder)
{
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder))
        return llmc_decode_error_of_host(decoder->error, decoder->quirks, decoder->http_status, "", 0);
    if (decoder->stream && llmc_openai_state(decoder)->finish_came && (decoder->quirks & LLMC_QUIRK(DONE_OPTIONAL)))
        return finish_answer(decoder);
    return llmc_decoder_truncated(decoder);
}

static void decode_begin(llmc_decoder *decoder)
{
    openai_state *state = llmc_openai_state(decoder);
    llmc_buffer_init(&state->id, decoder->allocator, 1 << 12);
    llmc_buffer_init(&state->model, decoder->allocator, 1 << 12);
    llmc_buffer_init(&state->filters, decoder->allocator, FILTERS_MAXIMUM);
    llmc_usage_counts_init(&state->counts);
    state->counts.reasoning_beside = decoder->quirks & LLMC_QUIRK(REASONING_BESIDE_COMPLETION);
}

static void decode_free(llmc_decoder *decoder)
{
    openai_state *state = llmc_openai_state(decoder);
    for (size_t i = 0; i < state->choice_count; i++) {
        for (size_t j = 0; j < state->choices[i].call_count; j++) {
            llmc_buffer_free(&state->choices[i].calls[j].id);
            llmc_buffer_free(&state->choices[i].calls[j].held);
        }
        llmc_free(decoder->allocator, state->choices[i].calls);
    }
    llmc_free(decoder->allocator, state->choices);
    llmc_buffer_free(&state->id);
    llmc_buffer_free(&state->model);
    llmc_buffer_free(&state->filters);
}

/* Which host has which is the check's to say. */
static bool has_operation(llmc_operation_id operation)
{
    return operation < LLMC_OP_COUNT;
}

const llmc_codec llmc_codec_openai = {
    .name = "openai",
    .has_operation = has_operation,
    .check = llmc_openai_check,
    .encode = llmc_openai_encode,
    .stream_framing = &llmc_framing_sse, .stream_type = "text/event-stream",
    .decoder_bytes = sizeof(openai_state),
    .decode_begin = decode_begin,
    .decode_frame = decode_frame,
    .decode_end = decode_end,
    .decode_free = decode_free,
};
