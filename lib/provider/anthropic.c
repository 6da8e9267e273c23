/*
 * Answers in the Anthropic Messages format, whole or as a stream of events. The type member says what an event is; it
 * may stand anywhere, so an event's members are noted first and read when the type is known.
 *
 * Blocks that are no part of an answer's text (server tools and their results, whatever comes next) are passed on as
 * EXTRA under their type, as they begin. Tokens of a compaction are beside the totals and added; those of an advisor
 * are billed at another model's rate and left out.
 */
#include "provider/anthropic_codec.h"

#include "base/text.h"
#include "provider/decoding.h"

enum { BLOCKS_MAXIMUM = 8192 };

typedef enum block_kind { BLOCK_OTHER = 0, BLOCK_TEXT, BLOCK_THINKING, BLOCK_TOOL } block_kind;

typedef struct anthropic_block {
    block_kind kind;
    uint32_t tool;
    bool has_arguments, complete; /* complete: the whole input came at once */
    bool open;
    llmc_utf8_joiner joiner;
} anthropic_block;

/* Figures of one kind of iteration, or of the answer itself. */
typedef struct anthropic_figures {
    int64_t input, output, cached, written, written_5m, written_1h, thinking;
} anthropic_figures;

typedef struct anthropic_state {
    llmc_identity identity;
    anthropic_block *blocks;
    size_t block_count, block_capacity;
    uint32_t tool_count;
    anthropic_figures figures, compaction;
    int64_t stated_cost_pico;
    bool byok;
    char tier[12];
    bool fast;               /* beside the tier, and dearer: it counts wherever it stands */
    bool finish_came;
} anthropic_state;

/* The members of an event or of a whole message, as they stand. */
typedef struct anthropic_members {
    llmc_json_span type, index, delta, message, block, usage, error;
    llmc_json_span id, model, content, stop_reason, stop_details;
} anthropic_members;

static anthropic_state *state_of(llmc_decoder *decoder)
{
    return decoder->state;
}

static bool is(const llmc_json_span *span, const char *word)
{
    return llmc_json_key_is(span, word);
}

static void read_members(llmc_json *json, anthropic_members *members)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(anthropic_members, "type", type), LLMC_WANTED(anthropic_members, "index", index), LLMC_WANTED(anthropic_members, "delta", delta),
        LLMC_WANTED(anthropic_members, "message", message), LLMC_WANTED(anthropic_members, "content_block", block), LLMC_WANTED(anthropic_members, "usage", usage),
        LLMC_WANTED(anthropic_members, "error", error), LLMC_WANTED(anthropic_members, "id", id), LLMC_WANTED(anthropic_members, "model", model),
        LLMC_WANTED(anthropic_members, "content", content), LLMC_WANTED(anthropic_members, "stop_reason", stop_reason),
        LLMC_WANTED(anthropic_members, "stop_details", stop_details),
    };
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], members);
}

static void members_of(const llmc_json_span *span, anthropic_members *members)
{
    llmc_json json;
    *members = (anthropic_members){ 0 };
    llmc_json_begin(&json, span->text, span->bytes);
    read_members(&json, members);
}

/* ---- usage ---- */

static void figures_init(anthropic_figures *figures)
{
    *figures = (anthropic_figures){ -1, -1, -1, -1, -1, -1, -1 };
}

static bool read_figure(llmc_json *json, const llmc_json_key *key, anthropic_figures *figures)
{
    llmc_json_key inner;
    if (llmc_json_key_is(key, "input_tokens")) {
        llmc_usage_read_input(json, &figures->input);
    } else if (llmc_json_key_is(key, "output_tokens")) {
        llmc_usage_read_count(json, &figures->output);
    } else if (llmc_json_key_is(key, "cache_read_input_tokens")) {
        llmc_usage_read_input(json, &figures->cached);
    } else if (llmc_json_key_is(key, "cache_creation_input_tokens")) {
        llmc_usage_read_input(json, &figures->written);
    } else if (llmc_json_key_is(key, "cache_creation")) {
        for (bool more = llmc_json_object(json); more && llmc_json_next_key(json, &inner);) {
            if (llmc_json_key_is(&inner, "ephemeral_5m_input_tokens"))
                llmc_usage_read_input(json, &figures->written_5m);
            else if (llmc_json_key_is(&inner, "ephemeral_1h_input_tokens"))
                llmc_usage_read_input(json, &figures->written_1h);
            else
                llmc_json_skip(json);
        }
    } else if (llmc_json_key_is(key, "output_tokens_details")) {
        for (bool more = llmc_json_object(json); more && llmc_json_next_key(json, &inner);) {
            if (llmc_json_key_is(&inner, "thinking_tokens"))
                llmc_usage_read_count(json, &figures->thinking);
            else
                llmc_json_skip(json);
        }
    } else {
        return false;
    }
    return true;
}

static void add_figures(anthropic_figures *sum, const anthropic_figures *more)
{
    int64_t *to[] = { &sum->input, &sum->output, &sum->cached, &sum->written, &sum->written_5m, &sum->written_1h, &sum->thinking };
    const int64_t from[] = { more->input, more->output, more->cached, more->written, more->written_5m, more->written_1h, more->thinking };
    for (size_t i = 0; i < sizeof to / sizeof to[0]; i++)
        if (from[i] >= 0)
            *to[i] = *to[i] < 0 ? from[i] : *to[i] + from[i] < *to[i] ? *to[i] : *to[i] + from[i];
}

/* usage.iterations holds all of them each time, so the sum begins anew. */
static void read_iterations(llmc_json *json, anthropic_figures *compaction)
{
    enum { ITERATIONS_MAXIMUM = 1000 }; /* keeps a hostile sum from overflowing */
    llmc_json_key key;
    figures_init(compaction);
    if (!llmc_json_array(json))
        return;
    for (int i = 0; llmc_json_next_item(json); i++) {
        anthropic_figures figures;
        llmc_json_span type = { 0 };
        figures_init(&figures);
        if (!llmc_json_object(json))
            continue;
        while (llmc_json_next_key(json, &key)) {
            if (llmc_json_key_is(&key, "type"))
                llmc_json_span_string(json, &type);
            else if (!read_figure(json, &key, &figures))
                llmc_json_skip(json);
        }
        if (i < ITERATIONS_MAXIMUM && is(&type, "compaction"))
            add_figures(compaction, &figures);
    }
}

static void read_tier(llmc_json *json, anthropic_state *state)
{
    llmc_usage_counts counts = { 0 };
    llmc_usage_read_tier(json, &counts);
    if (counts.tier[0])
        memcpy(state->tier, counts.tier, sizeof state->tier);
}

static void read_speed(llmc_json *json, anthropic_state *state)
{
    llmc_json_span speed;
    if (llmc_json_span_string(json, &speed))
        state->fast = is(&speed, "fast");
}

/* Figures are cumulative: one that comes again replaces, one that is missing stays, and so does what was read before a zero. */
static llmcost_status decode_usage(llmc_decoder *decoder, const llmc_json_span *usage)
{
    static const char fast[sizeof(((llmc_usage_counts *)0)->tier)] = "fast";
    anthropic_state *state = state_of(decoder);
    llmc_json json;
    llmc_json_key key;
    if (!usage->bytes)
        return LLMCOST_OK;
    llmc_json_begin(&json, usage->text, usage->bytes);
    if (!llmc_json_object(&json))
        return LLMCOST_OK;
    while (llmc_json_next_key(&json, &key)) {
        if (read_figure(&json, &key, &state->figures))
            continue;
        if (llmc_json_key_is(&key, "iterations"))
            read_iterations(&json, &state->compaction);
        else if (llmc_json_key_is(&key, "service_tier"))
            read_tier(&json, state);
        else if (llmc_json_key_is(&key, "speed"))
            read_speed(&json, state);
        else if (llmc_json_key_is(&key, "cost"))
            llmc_usage_read_cost(&json, &state->stated_cost_pico);
        else if (llmc_json_key_is(&key, "is_byok"))
            llmc_json_bool(&json, &state->byok);
        else
            llmc_json_skip(&json);
    }
    anthropic_figures sum = state->figures;
    add_figures(&sum, &state->compaction);
    llmc_usage_counts counts;
    llmc_usage_counts_init(&counts);
    counts.prompt = sum.input;
    counts.completion = sum.output;
    counts.cached = sum.cached;
    counts.written = sum.written;
    counts.written_5m = sum.written_5m;
    counts.written_1h = sum.written_1h;
    counts.reasoning = sum.thinking;
    counts.stated_cost_pico = state->byok ? -1 : state->stated_cost_pico;
    counts.prompt_excludes_cache = true;
    memcpy(counts.tier, state->fast ? fast : state->tier, sizeof counts.tier);
    return llmc_decoder_emit_usage(decoder, &counts);
}

/* ---- blocks ---- */

static llmcost_status emit_extra(llmc_decoder *decoder, const char *name, const llmc_json_span *raw)
{
    return raw->bytes > 2 ? llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_EXTRA, 0, 0, name, raw) : LLMCOST_OK;
}

static llmcost_status emit_string(llmc_decoder *decoder, int kind, uint32_t tool, const llmc_json_span *span, llmc_utf8_joiner *joiner)
{
    return span->bytes ? llmc_decoder_emit_text(decoder, kind, 0, tool, span, joiner) : LLMCOST_OK;
}

typedef struct block_members {
    llmc_json_span type, text, thinking, signature, data, id, name, input, citations, partial_json, citation;
} block_members;

static void read_block(const llmc_json_span *span, block_members *members)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(block_members, "type", type), LLMC_WANTED(block_members, "text", text), LLMC_WANTED(block_members, "partial_json", partial_json),
        LLMC_WANTED(block_members, "thinking", thinking), LLMC_WANTED(block_members, "signature", signature), LLMC_WANTED(block_members, "data", data),
        LLMC_WANTED(block_members, "id", id), LLMC_WANTED(block_members, "name", name), LLMC_WANTED(block_members, "input", input),
        LLMC_WANTED(block_members, "citations", citations), LLMC_WANTED(block_members, "citation", citation),
    };
    llmc_json json;
    *members = (block_members){ 0 };
    llmc_json_begin(&json, span->text, span->bytes);
    llmc_read_wanted(&json, wanted, sizeof wanted / sizeof wanted[0], members);
}

static llmcost_status begin_tool(llmc_decoder *decoder, anthropic_block *block, const block_members *members)
{
    anthropic_state *state = state_of(decoder);
    if (state->tool_count >= LLMC_TOOL_CALLS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "more tool calls than anybody makes");
    block->kind = BLOCK_TOOL;
    block->tool = state->tool_count++;
    return llmc_decoder_emit_tool_call(decoder, 0, block->tool, &members->id, &members->name);
}

static bool is_empty_object(const llmc_json_span *raw)
{
    for (size_t i = 0; i < raw->bytes; i++)
        if (!strchr("{} \t\r\n", raw->text[i]))
            return false;
    return true;
}

/* The whole input at once: in a message, or from imitators that do not stream it. */
static llmcost_status take_input(llmc_decoder *decoder, anthropic_block *block, const llmc_json_span *input)
{
    if (is_empty_object(input))
        return LLMCOST_OK;
    block->has_arguments = block->complete = true;
    return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, block->tool, NULL, input);
}

static llmcost_status emit_other_block(llmc_decoder *decoder, const block_members *members, const llmc_json_span *raw)
{
    char name[64];
    size_t bytes = members->type.bytes < sizeof name ? members->type.bytes : sizeof name - 1;
    if (bytes)
        memcpy(name, members->type.text, bytes);
    name[bytes] = '\0';
    llmc_utf8_sanitize(name);
    return emit_extra(decoder, name, raw);
}

static llmcost_status begin_block(llmc_decoder *decoder, anthropic_block *block, const llmc_json_span *raw)
{
    block_members members;
    read_block(raw, &members);
    *block = (anthropic_block){ .open = true };
    llmcost_status status = LLMCOST_OK;
    if (is(&members.type, "text")) {
        block->kind = BLOCK_TEXT;
        status = emit_string(decoder, LLMCOST_EVENT_TEXT, 0, &members.text, &block->joiner);
        return status ? status : emit_extra(decoder, "citations", &members.citations);
    }
    if (is(&members.type, "thinking")) {
        block->kind = BLOCK_THINKING;
        status = emit_string(decoder, LLMCOST_EVENT_REASONING, 0, &members.thinking, &block->joiner);
        return status ? status : emit_string(decoder, LLMC_EVENT_SIGNATURE, 0, &members.signature, NULL);
    }
    if (is(&members.type, "redacted_thinking"))
        return emit_string(decoder, LLMC_EVENT_REASONING_HIDDEN, 0, &members.data, NULL);
    if (is(&members.type, "tool_use")) {
        status = begin_tool(decoder, block, &members);
        return status ? status : take_input(decoder, block, &members.input);
    }
    return emit_other_block(decoder, &members, raw);
}

static llmcost_status continue_block(llmc_decoder *decoder, anthropic_block *block, const llmc_json_span *delta)
{
    block_members members;
    read_block(delta, &members);
    if (is(&members.type, "text_delta"))
        return emit_string(decoder, LLMCOST_EVENT_TEXT, 0, &members.text, &block->joiner);
    if (is(&members.type, "thinking_delta"))
        return emit_string(decoder, LLMCOST_EVENT_REASONING, 0, &members.thinking, &block->joiner);
    if (is(&members.type, "signature_delta"))
        return emit_string(decoder, LLMC_EVENT_SIGNATURE, 0, &members.signature, NULL);
    if (is(&members.type, "citations_delta"))
        return emit_extra(decoder, "citations", &members.citation);
    if (!is(&members.type, "input_json_delta") || block->kind != BLOCK_TOOL || block->complete || !members.partial_json.bytes)
        return LLMCOST_OK;
    block->has_arguments = true;
    return llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, block->tool, &members.partial_json, &block->joiner);
}

static llmcost_status end_block(llmc_decoder *decoder, anthropic_block *block)
{
    static const int kinds[] = { 0, LLMCOST_EVENT_TEXT, LLMCOST_EVENT_REASONING, LLMCOST_EVENT_TOOL_ARGUMENTS };
    if (!block->open)
        return LLMCOST_OK;
    block->open = false;
    if (block->kind == BLOCK_TOOL && !block->has_arguments) {
        const llmc_json_span nothing = { "{}", 2, false };
        return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, block->tool, NULL, &nothing);
    }
    return llmc_decoder_flush_text(decoder, kinds[block->kind], 0, block->tool, &block->joiner);
}

/* ---- the end ---- */

static llmcost_finish finish_of(const char *word)
{
    static const struct { const char *word; llmcost_finish finish; } words[] = {
        { "end_turn", LLMCOST_FINISH_STOP }, { "stop_sequence", LLMCOST_FINISH_STOP }, { "max_tokens", LLMCOST_FINISH_LENGTH },
        { "tool_use", LLMCOST_FINISH_TOOL_CALLS }, { "refusal", LLMCOST_FINISH_CONTENT_FILTER },
        { "model_context_window_exceeded", LLMCOST_FINISH_CONTEXT_LENGTH }, { "pause_turn", LLMCOST_FINISH_PAUSED },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, word))
            return words[i].finish;
    return LLMCOST_FINISH_STOP;
}

/* Why a refusal was one: {"category": ..., "explanation": ...}. */
static llmcost_status emit_refusal(llmc_decoder *decoder, const llmc_json_span *details)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_span explanation = { 0 };
    if (!details->bytes)
        return LLMCOST_OK;
    llmc_json_begin(&json, details->text, details->bytes);
    if (!llmc_json_object(&json))
        return LLMCOST_OK;
    while (llmc_json_next_key(&json, &key)) {
        if (llmc_json_key_is(&key, "explanation"))
            llmc_json_span_string(&json, &explanation);
        else
            llmc_json_skip(&json);
    }
    return emit_string(decoder, LLMCOST_EVENT_REFUSAL, 0, &explanation, NULL);
}

static llmcost_status finish_message(llmc_decoder *decoder, const anthropic_members *members)
{
    anthropic_state *state = state_of(decoder);
    char word[64];
    llmcost_status status = LLMCOST_OK;
    if (state->finish_came)
        return LLMCOST_OK;
    for (size_t i = 0; !status && i < state->block_count; i++)
        status = end_block(decoder, &state->blocks[i]);
    if (!status && is(&members->stop_reason, "refusal"))
        status = emit_refusal(decoder, &members->stop_details);
    if (status)
        return status;
    size_t bytes = members->stop_reason.bytes < sizeof word ? members->stop_reason.bytes : sizeof word - 1;
    if (bytes)
        memcpy(word, members->stop_reason.text, bytes);
    word[bytes] = '\0';
    llmc_utf8_sanitize(word);
    llmcost_finish finish = finish_of(word);
    if (finish == LLMCOST_FINISH_STOP && state->tool_count)
        finish = LLMCOST_FINISH_TOOL_CALLS;
    state->finish_came = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .finish = finish, .finish_raw = word });
}

/* The blocks of a message that is all there. */
static llmcost_status decode_content(llmc_decoder *decoder, const llmc_json_span *content)
{
    llmc_json json;
    llmc_json_span raw;
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, content->text, content->bytes);
    if (!llmc_json_array(&json))
        return llmc_decoder_malformed(decoder, NULL, "a content that is no list");
    while (!status && llmc_json_next_item(&json)) {
        anthropic_block block;
        if (!llmc_json_raw(&json, &raw))
            break;
        status = begin_block(decoder, &block, &raw);
        if (!status)
            status = end_block(decoder, &block);
    }
    return status;
}

static llmcost_status decode_whole(llmc_decoder *decoder, const anthropic_members *members, const llmc_frame *frame)
{
    if (!members->content.bytes)
        return llmc_decode_error_in_success(decoder, frame, "a message without content");
    llmcost_status status = llmc_decoder_introduce(decoder, &state_of(decoder)->identity, &members->id, &members->model);
    if (!status)
        status = decode_content(decoder, &members->content);
    if (!status)
        status = finish_message(decoder, members);
    if (!status)
        status = decode_usage(decoder, &members->usage);
    decoder->finished = !status;
    return status;
}

/* ---- events of the stream ---- */

static llmcost_status block_at(llmc_decoder *decoder, const llmc_json_span *span, anthropic_block **out)
{
    anthropic_state *state = state_of(decoder);
    llmc_json json;
    int64_t index = -1;
    *out = NULL;
    llmc_json_begin(&json, span->text, span->bytes);
    if (!llmc_json_integer(&json, &index) || index < 0 || index >= BLOCKS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "a block with an impossible index");
    void *items = llmc_decoder_reach(decoder, state->blocks, &state->block_count, &state->block_capacity, (size_t)index, sizeof(anthropic_block));
    if (!items)
        return LLMCOST_E_MEMORY;
    state->blocks = items;
    *out = &state->blocks[index];
    return LLMCOST_OK;
}

static llmcost_status on_block_delta(llmc_decoder *decoder, const anthropic_members *members)
{
    anthropic_block *block;
    llmcost_status status = block_at(decoder, &members->index, &block);
    return status ? status : continue_block(decoder, block, &members->delta);
}

static llmcost_status on_block_start(llmc_decoder *decoder, const anthropic_members *members)
{
    anthropic_block *block;
    llmcost_status status = block_at(decoder, &members->index, &block);
    return status ? status : begin_block(decoder, block, &members->block);
}

static llmcost_status on_block_stop(llmc_decoder *decoder, const anthropic_members *members)
{
    anthropic_block *block;
    llmcost_status status = block_at(decoder, &members->index, &block);
    return status ? status : end_block(decoder, block);
}

static llmcost_status on_message_start(llmc_decoder *decoder, const anthropic_members *members)
{
    anthropic_members message;
    members_of(&members->message, &message);
    llmcost_status status = llmc_decoder_introduce(decoder, &state_of(decoder)->identity, &message.id, &message.model);
    return status ? status : decode_usage(decoder, &message.usage);
}

static llmcost_status on_message_delta(llmc_decoder *decoder, const anthropic_members *members)
{
    anthropic_members delta;
    members_of(&members->delta, &delta);
    llmcost_status status = delta.stop_reason.bytes ? finish_message(decoder, &delta) : LLMCOST_OK;
    return status ? status : decode_usage(decoder, &members->usage);
}

static llmcost_status on_message_stop(llmc_decoder *decoder, const anthropic_members *members)
{
    const anthropic_state *state = state_of(decoder);
    if (!state->identity.introduced && !state->block_count && !state->finish_came)
        return llmc_decoder_malformed(decoder, NULL, "an answer that ends before it began");
    llmcost_status status = finish_message(decoder, members);
    decoder->finished = !status;
    return status;
}

static llmcost_status decode_event(llmc_decoder *decoder, const anthropic_members *members, const llmc_frame *frame)
{
    static const struct { const char *type; llmcost_status (*decode)(llmc_decoder *, const anthropic_members *); } events[] = {
        { "content_block_delta", on_block_delta }, { "content_block_start", on_block_start }, { "content_block_stop", on_block_stop },
        { "message_start", on_message_start }, { "message_delta", on_message_delta }, { "message_stop", on_message_stop },
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (is(&members->type, events[i].type))
            return events[i].decode(decoder, members);
    if (is(&members->type, "error") || members->error.bytes)
        return llmc_decode_error_body(decoder->error, decoder->http_status, frame->data, frame->bytes);
    return LLMCOST_OK; /* pings, and what will be added */
}

static llmcost_status decode_frame(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    anthropic_members members = { 0 };
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder) || !strcmp(frame->event, "error"))
        return llmc_decode_error_body(decoder->error, decoder->http_status, frame->data, frame->bytes);
    if (decoder->operation == LLMC_OP_LIST_MODELS)
        return llmc_decode_models(decoder, frame);
    if (decoder->operation == LLMC_OP_COUNT_TOKENS)
        return llmc_decode_input_tokens(decoder, frame);
    if (decoder->stream && frame->bytes == 0)
        return LLMCOST_OK;
    llmc_json_begin(&json, frame->data, frame->bytes);
    read_members(&json, &members);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, NULL);
    return decoder->stream ? decode_event(decoder, &members, frame) : decode_whole(decoder, &members, frame);
}

static void decode_begin(llmc_decoder *decoder)
{
    anthropic_state *state = state_of(decoder);
    llmc_identity_init(&state->identity, decoder->allocator);
    figures_init(&state->figures);
    figures_init(&state->compaction);
    state->stated_cost_pico = -1;
}

static void decode_free(llmc_decoder *decoder)
{
    anthropic_state *state = state_of(decoder);
    llmc_free(decoder->allocator, state->blocks);
    llmc_identity_free(&state->identity);
}

static bool has_operation(llmc_operation_id operation)
{
    return operation == LLMC_OP_CHAT || operation == LLMC_OP_LIST_MODELS || operation == LLMC_OP_COUNT_TOKENS;
}

const llmc_codec llmc_codec_anthropic = {
    .name = "anthropic",
    .has_operation = has_operation,
    .check = llmc_anthropic_check,
    .encode = llmc_anthropic_encode,
    .stream_framing = &llmc_framing_sse, .stream_type = "text/event-stream",
    .decoder_bytes = sizeof(anthropic_state),
    .decode_begin = decode_begin,
    .decode_frame = decode_frame,
    .decode_end = llmc_decoder_end_early,
    .decode_free = decode_free,
};
