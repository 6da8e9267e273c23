/*
 * Answers in Cohere's format (v2), whole or as a stream of events. The type member says what an event is, the event's
 * name where it is missing.
 *
 * The bill counts usage.billed_units. usage.tokens and cached_tokens hold what the host itself put around the prompt and
 * took from its cache, which changes no bill: they are left out. Log-probabilities come per piece of text; each piece
 * becomes one item, with the sum of its tokens'.
 */
#include "provider/cohere_codec.h"

#include "base/text.h"
#include "provider/decoding.h"

typedef struct cohere_call {
    int64_t wire_index;
    llmc_utf8_joiner joiner;
    bool has_arguments, ended;
} cohere_call;

typedef struct cohere_state {
    llmc_buffer id;
    llmc_utf8_joiner text, thinking, plan;
    cohere_call *calls;
    size_t call_count, call_capacity;
    bool introduced, finish_came;
} cohere_state;

/* The members of an event, of its delta or of a whole answer, as they stand. */
typedef struct cohere_members {
    llmc_json_span type, index, delta, id, message, finish_reason, usage, error, logprobs, embeddings, meta;
} cohere_members;

typedef struct cohere_message {
    llmc_json_span content, tool_plan, tool_calls, citations;
} cohere_message;

/* A piece of content or of log-probabilities, or a tool call. */
typedef struct cohere_piece {
    llmc_json_span text, thinking, logprobs, id, function, name, arguments;
} cohere_piece;

static cohere_state *state_of(llmc_decoder *decoder)
{
    return decoder->state;
}

static bool is(const llmc_json_span *span, const char *word)
{
    return llmc_json_key_is(span, word);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void read_members(llmc_json *json, cohere_members *members)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(cohere_members, "type", type), LLMC_WANTED(cohere_members, "index", index), LLMC_WANTED(cohere_members, "delta", delta),
        LLMC_WANTED(cohere_members, "id", id), LLMC_WANTED(cohere_members, "message", message), LLMC_WANTED(cohere_members, "finish_reason", finish_reason),
        LLMC_WANTED(cohere_members, "usage", usage), LLMC_WANTED(cohere_members, "error", error), LLMC_WANTED(cohere_members, "logprobs", logprobs),
        LLMC_WANTED(cohere_members, "embeddings", embeddings), LLMC_WANTED(cohere_members, "meta", meta),
    };
    llmc_read_wanted(json, wanted, COUNT(wanted), members);
}

static void read_delta(const llmc_json_span *span, cohere_members *members)
{
    llmc_json json;
    *members = (cohere_members){ 0 };
    llmc_json_begin(&json, span->text, span->bytes);
    read_members(&json, members);
}

static void read_message(const llmc_json_span *span, cohere_message *message)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(cohere_message, "content", content), LLMC_WANTED(cohere_message, "tool_plan", tool_plan),
        LLMC_WANTED(cohere_message, "tool_calls", tool_calls), LLMC_WANTED(cohere_message, "citations", citations),
    };
    llmc_json json;
    *message = (cohere_message){ 0 };
    llmc_json_begin(&json, span->text, span->bytes);
    llmc_read_wanted(&json, wanted, COUNT(wanted), message);
}

static void read_piece(llmc_json *json, cohere_piece *piece)
{
    static const llmc_wanted_member outer[] = {
        LLMC_WANTED(cohere_piece, "text", text), LLMC_WANTED(cohere_piece, "thinking", thinking), LLMC_WANTED(cohere_piece, "logprobs", logprobs),
        LLMC_WANTED(cohere_piece, "id", id), LLMC_WANTED(cohere_piece, "function", function),
    };
    static const llmc_wanted_member inner[] = { LLMC_WANTED(cohere_piece, "name", name), LLMC_WANTED(cohere_piece, "arguments", arguments) };
    llmc_json function;
    *piece = (cohere_piece){ 0 };
    llmc_read_wanted(json, outer, COUNT(outer), piece);
    llmc_json_begin(&function, piece->function.text, piece->function.bytes);
    if (piece->function.bytes)
        llmc_read_wanted(&function, inner, COUNT(inner), piece);
}

/* The object or the objects of a list, one after the other: streams have one where whole answers have a list. */
typedef llmcost_status (*piece_fn)(llmc_decoder *decoder, const cohere_piece *piece, int64_t index);

static llmcost_status each_piece(llmc_decoder *decoder, const llmc_json_span *span, int64_t index, piece_fn fn)
{
    llmcost_status status = LLMCOST_OK;
    cohere_piece piece;
    llmc_json json;
    if (!span->bytes)
        return LLMCOST_OK;
    llmc_json_begin(&json, span->text, span->bytes);
    if (llmc_json_peek(&json) == LLMC_JSON_OBJECT) {
        read_piece(&json, &piece);
        return fn(decoder, &piece, index);
    }
    if (!llmc_json_array(&json))
        return LLMCOST_OK;
    for (int64_t i = 0; !status && llmc_json_next_item(&json); i++) {
        read_piece(&json, &piece);
        status = fn(decoder, &piece, i);
    }
    return status;
}

/* META is the first event. The format does not tell the model. */
static llmcost_status introduce(llmc_decoder *decoder, const llmc_json_span *id)
{
    cohere_state *state = state_of(decoder);
    if (state->introduced)
        return LLMCOST_OK;
    llmc_decode_member(id, &state->id);
    const char *text = llmc_buffer_text(&state->id);
    if (!text)
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_sanitize(state->id.data);
    state->introduced = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_META, .text = text, .bytes = strlen(text) });
}

/* ---- usage ---- */

/* Whole numbers spelled as fractions; a real fraction is billed as a whole. */
static void read_units(llmc_json *json, int64_t *out)
{
    static const double LARGEST = 1e15;
    double units;
    if (!llmc_json_double(json, &units) || units < 0 || units > LARGEST)
        return;
    int64_t whole = (int64_t)units;
    *out = (double)whole < units ? whole + 1 : whole;
}

static llmcost_status decode_usage(llmc_decoder *decoder, const llmc_json_span *usage)
{
    llmc_usage_counts counts;
    llmc_json json;
    llmc_json_key key, unit;
    if (!usage->bytes)
        return LLMCOST_OK;
    llmc_usage_counts_init(&counts);
    llmc_json_begin(&json, usage->text, usage->bytes);
    for (bool more = llmc_json_object(&json); more && llmc_json_next_key(&json, &key);) {
        if (!is(&key, "billed_units")) {
            llmc_json_skip(&json);
            continue;
        }
        for (bool units = llmc_json_object(&json); units && llmc_json_next_key(&json, &unit);) {
            if (is(&unit, "input_tokens"))
                read_units(&json, &counts.prompt);
            else if (is(&unit, "output_tokens"))
                read_units(&json, &counts.completion);
            else
                llmc_json_skip(&json);
        }
    }
    return llmc_decoder_emit_usage(decoder, &counts);
}

/* ---- text ---- */

static llmcost_status emit_string(llmc_decoder *decoder, int kind, const llmc_json_span *span, llmc_utf8_joiner *joiner)
{
    return span->bytes ? llmc_decoder_emit_text(decoder, kind, 0, 0, span, joiner) : LLMCOST_OK;
}

static llmcost_status take_content(llmc_decoder *decoder, const cohere_piece *piece, int64_t index)
{
    cohere_state *state = state_of(decoder);
    (void)index;
    llmcost_status status = emit_string(decoder, LLMCOST_EVENT_REASONING, &piece->thinking, &state->thinking);
    return status ? status : emit_string(decoder, LLMCOST_EVENT_TEXT, &piece->text, &state->text);
}

static llmcost_status flush_texts(llmc_decoder *decoder)
{
    cohere_state *state = state_of(decoder);
    llmcost_status status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_REASONING, 0, 0, &state->plan);
    if (!status)
        status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_REASONING, 0, 0, &state->thinking);
    return status ? status : llmc_decoder_flush_text(decoder, LLMCOST_EVENT_TEXT, 0, 0, &state->text);
}

static llmcost_status take_logprobs(llmc_decoder *decoder, const cohere_piece *piece, int64_t index)
{
    llmc_json list;
    double sum = 0, one;
    bool any = false;
    (void)index;
    llmc_json_begin(&list, piece->logprobs.text, piece->logprobs.bytes);
    for (bool more = piece->logprobs.bytes && llmc_json_array(&list); more && llmc_json_next_item(&list);)
        if (llmc_json_double(&list, &one)) {
            sum += one;
            any = true;
        }
    if (!any)
        return LLMCOST_OK;
    llmc_buffer *scratch = &decoder->scratch;
    llmc_buffer_clear(scratch);
    llmc_json_writer json = { .out = scratch };
    llmc_buffer_add_text(scratch, "[{\"token\":\"");
    llmc_buffer_add(scratch, piece->text.text, piece->text.bytes); /* still escaped as it came */
    llmc_buffer_add_text(scratch, "\",\"logprob\":");
    llmc_json_write_double(&json, sum);
    llmc_buffer_add_text(scratch, ",\"bytes\":null,\"top_logprobs\":[]}]");
    size_t bytes = scratch->length;
    const char *text = llmc_buffer_text(scratch);
    if (!text)
        return llmc_decoder_no_memory(decoder);
    if (!llmc_span_is_list(&(llmc_json_span){ text, bytes, false }))
        return LLMCOST_OK; /* its text was no string */
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_LOGPROBS, .text = text, .bytes = bytes });
}

static llmcost_status emit_citations(llmc_decoder *decoder, const llmc_json_span *citations)
{
    llmc_json json;
    llmc_json_begin(&json, citations->text, citations->bytes);
    llmc_json_type type = llmc_json_peek(&json);
    llmc_json_skip(&json);
    bool sound = (type == LLMC_JSON_ARRAY || type == LLMC_JSON_OBJECT) && llmc_json_end(&json);
    return citations->bytes > 2 && sound ? llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_EXTRA, 0, 0, "citations", citations) : LLMCOST_OK;
}

/* ---- tool calls ---- */

static llmcost_status continue_call(llmc_decoder *decoder, uint32_t ordinal, const llmc_json_span *arguments)
{
    cohere_call *call = &state_of(decoder)->calls[ordinal];
    if (!arguments->bytes || call->ended)
        return LLMCOST_OK;
    call->has_arguments = true;
    return llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, ordinal, arguments, &call->joiner);
}

static llmcost_status end_call(llmc_decoder *decoder, uint32_t ordinal)
{
    static const llmc_json_span nothing = { "{}", 2, false };
    cohere_call *call = &state_of(decoder)->calls[ordinal];
    if (call->ended)
        return LLMCOST_OK;
    call->ended = true;
    if (!call->has_arguments)
        return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, ordinal, NULL, &nothing);
    return llmc_decoder_flush_text(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, ordinal, &call->joiner);
}

static llmcost_status begin_call(llmc_decoder *decoder, const cohere_piece *piece, int64_t index)
{
    cohere_state *state = state_of(decoder);
    void *items = state->calls;
    if (state->call_count >= LLMC_TOOL_CALLS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "more tool calls than anybody makes");
    if (!llmc_grow(decoder->allocator, &items, &state->call_capacity, state->call_count + 1, sizeof(cohere_call)))
        return llmc_decoder_no_memory(decoder);
    state->calls = items;
    uint32_t ordinal = (uint32_t)state->call_count++;
    state->calls[ordinal] = (cohere_call){ .wire_index = index };
    llmc_buffer *scratch = &decoder->scratch;
    llmc_buffer_clear(scratch);
    if (piece->id.bytes)
        llmc_decode_member(&piece->id, scratch);
    else
        llmc_buffer_add_format(scratch, "call_0_%u", ordinal);
    llmc_buffer_add_byte(scratch, '\0');
    size_t name = scratch->length;
    llmc_decode_member(&piece->name, scratch);
    const char *id = llmc_buffer_text(scratch);
    if (!id)
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_sanitize(scratch->data);
    llmc_utf8_sanitize(scratch->data + name);
    llmcost_status status = llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_TOOL_CALL, .tool_index = ordinal, .tool_id = id, .tool_name = id + name });
    return status ? status : continue_call(decoder, ordinal, &piece->arguments);
}

static llmcost_status take_whole_call(llmc_decoder *decoder, const cohere_piece *piece, int64_t index)
{
    if (!piece->name.bytes)
        return LLMCOST_OK;
    llmcost_status status = begin_call(decoder, piece, index);
    return status ? status : end_call(decoder, (uint32_t)state_of(decoder)->call_count - 1);
}

/* The latest call of this index; -1: none. */
static int64_t call_at(llmc_decoder *decoder, int64_t index)
{
    const cohere_state *state = state_of(decoder);
    for (size_t i = state->call_count; i-- > 0;)
        if (state->calls[i].wire_index == index)
            return (int64_t)i;
    return -1;
}

static llmcost_status take_arguments(llmc_decoder *decoder, const cohere_piece *piece, int64_t index)
{
    int64_t ordinal = call_at(decoder, index);
    return ordinal < 0 ? LLMCOST_OK : continue_call(decoder, (uint32_t)ordinal, &piece->arguments);
}

/* ---- the end ---- */

static llmcost_finish finish_of(const char *word)
{
    static const struct { const char *word; llmcost_finish finish; } words[] = {
        { "COMPLETE", LLMCOST_FINISH_STOP }, { "STOP_SEQUENCE", LLMCOST_FINISH_STOP }, { "MAX_TOKENS", LLMCOST_FINISH_LENGTH },
        { "TOOL_CALL", LLMCOST_FINISH_TOOL_CALLS }, { "ERROR", LLMCOST_FINISH_ERROR }, { "TIMEOUT", LLMCOST_FINISH_ERROR },
    };
    for (size_t i = 0; i < COUNT(words); i++)
        if (!strcmp(words[i].word, word))
            return words[i].finish;
    return LLMCOST_FINISH_STOP;
}

static llmcost_status finish_message(llmc_decoder *decoder, const llmc_json_span *reason)
{
    cohere_state *state = state_of(decoder);
    char word[LLMC_WORD_BYTES];
    if (state->finish_came)
        return LLMCOST_OK;
    llmcost_status status = flush_texts(decoder);
    for (uint32_t i = 0; !status && i < state->call_count; i++)
        status = end_call(decoder, i);
    if (status)
        return status;
    llmc_decode_word(reason, word);
    llmcost_finish finish = finish_of(word);
    if (finish == LLMCOST_FINISH_STOP && state->call_count)
        finish = LLMCOST_FINISH_TOOL_CALLS;
    state->finish_came = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .finish = finish, .finish_raw = word });
}

/* 498, a word of Groq's for too much load, is a bad token here. */
static llmcost_status fail(llmc_decoder *decoder, const char *body, size_t bytes)
{
    if (decoder->http_status != 498)
        return llmc_decode_error_body(decoder->error, decoder->http_status, body, bytes);
    llmcost_status status = llmc_decode_error_body(decoder->error, 401, body, bytes);
    decoder->error->http_status = decoder->http_status;
    return status;
}

/* ---- a whole answer ---- */

static llmcost_status decode_message(llmc_decoder *decoder, const llmc_json_span *span)
{
    cohere_message message;
    read_message(span, &message);
    llmcost_status status = emit_string(decoder, LLMCOST_EVENT_REASONING, &message.tool_plan, &state_of(decoder)->plan);
    if (!status)
        status = each_piece(decoder, &message.content, 0, take_content);
    if (!status)
        status = flush_texts(decoder);
    if (!status)
        status = each_piece(decoder, &message.tool_calls, 0, take_whole_call);
    return status ? status : emit_citations(decoder, &message.citations);
}

static bool is_object(const llmc_json_span *span)
{
    llmc_json json;
    llmc_json_begin(&json, span->text, span->bytes);
    return llmc_json_peek(&json) == LLMC_JSON_OBJECT;
}

static llmcost_status decode_whole(llmc_decoder *decoder, const cohere_members *members, const llmc_frame *frame)
{
    if (!is_object(&members->message))
        return llmc_decode_error_in_success(decoder, frame, "an answer without a message");
    llmcost_status status = introduce(decoder, &members->id);
    if (!status)
        status = decode_message(decoder, &members->message);
    if (!status)
        status = each_piece(decoder, &members->logprobs, 0, take_logprobs);
    if (!status)
        status = finish_message(decoder, &members->finish_reason);
    if (!status)
        status = decode_usage(decoder, &members->usage);
    decoder->finished = !status;
    return status;
}

/* {"float": [[...]]}, or the lists alone. */
static llmcost_status decode_embeddings(llmc_decoder *decoder, const cohere_members *members, const llmc_frame *frame)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_span vectors = members->embeddings;
    if (!vectors.bytes)
        return llmc_decode_error_in_success(decoder, frame, "an answer without embeddings");
    llmcost_status status = introduce(decoder, &members->id);
    llmc_json_begin(&json, vectors.text, vectors.bytes);
    if (llmc_json_peek(&json) == LLMC_JSON_OBJECT) {
        llmc_json_object(&json);
        vectors = (llmc_json_span){ "", 0, false };
        while (llmc_json_next_key(&json, &key)) {
            if (is(&key, "float"))
                llmc_json_raw(&json, &vectors);
            else
                llmc_json_skip(&json);
        }
    }
    if (!status)
        status = llmc_decoder_emit_vectors(decoder, &vectors);
    if (!status)
        status = decode_usage(decoder, &members->meta);
    decoder->finished = !status;
    return status;
}

/* ---- events of the stream ---- */

static int64_t index_of(const cohere_members *members)
{
    llmc_json json;
    int64_t index = 0;
    llmc_json_begin(&json, members->index.text, members->index.bytes);
    if (members->index.bytes)
        llmc_json_integer(&json, &index);
    return index;
}

static llmcost_status on_content(llmc_decoder *decoder, const cohere_members *event, const cohere_message *message)
{
    llmcost_status status = each_piece(decoder, &message->content, 0, take_content);
    return status ? status : each_piece(decoder, &event->logprobs, 0, take_logprobs);
}

static llmcost_status on_content_end(llmc_decoder *decoder, const cohere_members *event, const cohere_message *message)
{
    (void)event;
    (void)message;
    return flush_texts(decoder);
}

static llmcost_status on_plan(llmc_decoder *decoder, const cohere_members *event, const cohere_message *message)
{
    (void)event;
    return emit_string(decoder, LLMCOST_EVENT_REASONING, &message->tool_plan, &state_of(decoder)->plan);
}

static llmcost_status on_call_start(llmc_decoder *decoder, const cohere_members *event, const cohere_message *message)
{
    return each_piece(decoder, &message->tool_calls, index_of(event), begin_call);
}

static llmcost_status on_call_delta(llmc_decoder *decoder, const cohere_members *event, const cohere_message *message)
{
    return each_piece(decoder, &message->tool_calls, index_of(event), take_arguments);
}

static llmcost_status on_call_end(llmc_decoder *decoder, const cohere_members *event, const cohere_message *message)
{
    int64_t ordinal = call_at(decoder, index_of(event));
    (void)message;
    return ordinal < 0 ? LLMCOST_OK : end_call(decoder, (uint32_t)ordinal);
}

static llmcost_status on_citation(llmc_decoder *decoder, const cohere_members *event, const cohere_message *message)
{
    (void)event;
    return emit_citations(decoder, &message->citations);
}

/* What was billed before a failure is told first. */
static llmcost_status on_message_end(llmc_decoder *decoder, const cohere_members *event, const cohere_message *message)
{
    cohere_members delta;
    (void)message;
    read_delta(&event->delta, &delta);
    llmcost_status status = delta.error.bytes ? flush_texts(decoder) : finish_message(decoder, &delta.finish_reason);
    if (!status)
        status = decode_usage(decoder, &delta.usage);
    if (!status && delta.error.bytes)
        status = fail(decoder, event->delta.text, event->delta.bytes);
    decoder->finished = !status;
    return status;
}

static llmcost_status decode_event(llmc_decoder *decoder, const cohere_members *event, const llmc_frame *frame)
{
    static const struct { const char *type; llmcost_status (*decode)(llmc_decoder *, const cohere_members *, const cohere_message *); } events[] = {
        { "content-delta", on_content }, { "content-start", on_content }, { "content-end", on_content_end }, { "tool-plan-delta", on_plan },
        { "tool-call-start", on_call_start }, { "tool-call-delta", on_call_delta }, { "tool-call-end", on_call_end },
        { "citation-start", on_citation }, { "message-end", on_message_end },
    };
    const llmc_json_span named = { frame->event, strlen(frame->event), false };
    const llmc_json_span *type = event->type.bytes ? &event->type : &named;
    cohere_members delta;
    cohere_message message;
    if (event->error.bytes || is(type, "error") || (!type->bytes && event->message.bytes))
        return fail(decoder, frame->data, frame->bytes);
    llmcost_status status = introduce(decoder, &event->id);
    for (size_t i = 0; !status && i < COUNT(events); i++) {
        if (!is(type, events[i].type))
            continue;
        read_delta(&event->delta, &delta);
        read_message(&delta.message, &message);
        return events[i].decode(decoder, event, &message);
    }
    return status; /* message-start, citation-end, debug, and what will be added */
}

static llmcost_status decode_frame(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    cohere_members members = { 0 };
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder))
        return fail(decoder, frame->data, frame->bytes);
    if (decoder->operation == LLMC_OP_LIST_MODELS)
        return llmc_decode_models(decoder, frame);
    if (decoder->stream && frame->bytes == 0)
        return LLMCOST_OK;
    llmc_json_begin(&json, frame->data, frame->bytes);
    read_members(&json, &members);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, NULL);
    if (decoder->operation == LLMC_OP_EMBED)
        return decode_embeddings(decoder, &members, frame);
    return decoder->stream ? decode_event(decoder, &members, frame) : decode_whole(decoder, &members, frame);
}

static llmcost_status decode_end(llmc_decoder *decoder)
{
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder))
        return fail(decoder, "", 0);
    return llmc_decoder_truncated(decoder);
}

static void decode_begin(llmc_decoder *decoder)
{
    llmc_buffer_init(&state_of(decoder)->id, decoder->allocator, 1 << 12);
}

static void decode_free(llmc_decoder *decoder)
{
    llmc_free(decoder->allocator, state_of(decoder)->calls);
    llmc_buffer_free(&state_of(decoder)->id);
}

static bool has_operation(llmc_operation_id operation)
{
    return operation == LLMC_OP_CHAT || operation == LLMC_OP_LIST_MODELS || operation == LLMC_OP_EMBED;
}

const llmc_codec llmc_codec_cohere = {
    .name = "cohere",
    .has_operation = has_operation,
    .check = llmc_cohere_check,
    .encode = llmc_cohere_encode,
    .stream_framing = &llmc_framing_sse, .stream_type = "text/event-stream",
    .decoder_bytes = sizeof(cohere_state),
    .decode_begin = decode_begin,
    .decode_frame = decode_frame,
    .decode_end = decode_end,
    .decode_free = decode_free,
};
