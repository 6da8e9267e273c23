/*
 * Answers in the format of Amazon Bedrock's Converse, whole or as a binary stream of events. The framing names each
 * event; a union has one member, and its name says what it is.
 *
 * The answer names neither itself nor its model. A stream is complete with its messageStop: the metadata behind it holds
 * the usage, which is estimated where it does not come. Blocks that are no part of an answer's text (images, tools that
 * run on the server, whatever comes next) are passed on as EXTRA under their name, and so are traces of guardrails.
 * Models are listed on another host, so that this codec cannot.
 */
#include "provider/bedrock_codec.h"

#include "base/text.h"
#include "provider/decoding.h"

enum { BLOCKS_MAXIMUM = 8192 };

typedef enum block_kind { BLOCK_OTHER = 0, BLOCK_TEXT, BLOCK_REASONING, BLOCK_TOOL } block_kind;

typedef struct bedrock_block {
    block_kind kind;
    uint32_t tool;
    bool has_arguments, open;
    llmc_utf8_joiner joiner;
} bedrock_block;

typedef struct bedrock_state {
    bedrock_block *blocks;
    size_t block_count, block_capacity;
    uint32_t tool_count;
    bool finish_came;
} bedrock_state;

/* The members of an event, or of a whole answer. */
typedef struct bedrock_members {
    llmc_json_span index, start, delta;
    llmc_json_span output, stop_reason, usage, tier, trace, additional, input_tokens;
} bedrock_members;

/* What a block, its beginning or a piece of it can hold. */
typedef struct block_members {
    llmc_json_span text, tool_use, reasoning, citations_content, citation;
} block_members;

typedef struct tool_members {
    llmc_json_span id, name, input, type;
} tool_members;

typedef struct reasoning_members {
    llmc_json_span whole, text, signature, redacted;
} reasoning_members;

static bedrock_state *state_of(llmc_decoder *decoder)
{
    return decoder->state;
}

/* `wanted` of the object that is this span; *out is zeroed by the caller. */
static void read_span(const llmc_json_span *span, const llmc_wanted_member *wanted, size_t count, void *out)
{
    llmc_json json;
    if (!span->bytes)
        return;
    llmc_json_begin(&json, span->text, span->bytes);
    llmc_read_wanted(&json, wanted, count, out);
}

static llmcost_status emit_string(llmc_decoder *decoder, int kind, uint32_t tool, const llmc_json_span *span, llmc_utf8_joiner *joiner)
{
    return span->bytes ? llmc_decoder_emit_text(decoder, kind, 0, tool, span, joiner) : LLMCOST_OK;
}

static llmcost_status emit_extra(llmc_decoder *decoder, const char *name, const llmc_json_span *raw)
{
    return raw->bytes > 2 ? llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_EXTRA, 0, 0, name, raw) : LLMCOST_OK;
}

/* ---- usage ---- */

/* [{"ttl": "1h", "inputTokens": 7}]: what was written, by life. */
static void read_lives(llmc_json *json, llmc_usage_counts *counts)
{
    enum { LIVES_MAXIMUM = 1000 }; /* keeps a hostile sum from overflowing */
    llmc_json_key key;
    if (!llmc_json_array(json))
        return;
    for (int i = 0; llmc_json_next_item(json); i++) {
        llmc_json_span life = { 0 };
        int64_t tokens = -1;
        if (!llmc_json_object(json))
            continue;
        while (llmc_json_next_key(json, &key)) {
            if (llmc_json_key_is(&key, "ttl"))
                llmc_json_span_string(json, &life);
            else if (llmc_json_key_is(&key, "inputTokens"))
                llmc_usage_read_count(json, &tokens);
            else
                llmc_json_skip(json);
        }
        int64_t *sum = llmc_json_key_is(&life, "1h") ? &counts->written_1h : llmc_json_key_is(&life, "30m") ? &counts->written_30m : &counts->written_5m;
        if (tokens >= 0 && i < LIVES_MAXIMUM)
            *sum = (*sum < 0 ? 0 : *sum) + tokens;
    }
}

static void read_tier(const llmc_json_span *tier, llmc_usage_counts *counts)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_begin(&json, tier->text, tier->bytes);
    for (bool more = tier->bytes && llmc_json_object(&json); more && llmc_json_next_key(&json, &key);) {
        if (llmc_json_key_is(&key, "type"))
            llmc_usage_read_tier(&json, counts);
        else
            llmc_json_skip(&json);
    }
}

static llmcost_status decode_usage(llmc_decoder *decoder, const bedrock_members *members)
{
    llmc_json json;
    llmc_json_key key;
    llmc_usage_counts counts;
    if (!members->usage.bytes)
        return LLMCOST_OK;
    llmc_usage_counts_init(&counts);
    counts.prompt_excludes_cache = true;
    llmc_json_begin(&json, members->usage.text, members->usage.bytes);
    for (bool more = llmc_json_object(&json); more && llmc_json_next_key(&json, &key);) {
        if (llmc_json_key_is(&key, "inputTokens"))
            llmc_usage_read_count(&json, &counts.prompt);
        else if (llmc_json_key_is(&key, "outputTokens"))
            llmc_usage_read_count(&json, &counts.completion);
        else if (llmc_json_key_is(&key, "totalTokens"))
            llmc_usage_read_count(&json, &counts.total);
        else if (llmc_json_key_is(&key, "cacheReadInputTokens"))
            llmc_usage_read_count(&json, &counts.cached);
        else if (llmc_json_key_is(&key, "cacheWriteInputTokens"))
            llmc_usage_read_count(&json, &counts.written);
        else if (llmc_json_key_is(&key, "cacheDetails"))
            read_lives(&json, &counts);
        else
            llmc_json_skip(&json);
    }
    read_tier(&members->tier, &counts);
    return llmc_decoder_emit_usage(decoder, &counts);
}

/* ---- blocks ---- */

static void read_block(const llmc_json_span *span, block_members *members)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(block_members, "text", text), LLMC_WANTED(block_members, "toolUse", tool_use), LLMC_WANTED(block_members, "reasoningContent", reasoning),
        LLMC_WANTED(block_members, "citationsContent", citations_content), LLMC_WANTED(block_members, "citation", citation),
    };
    *members = (block_members){ 0 };
    read_span(span, wanted, sizeof wanted / sizeof wanted[0], members);
}

static void read_tool(const llmc_json_span *span, tool_members *members)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(tool_members, "toolUseId", id), LLMC_WANTED(tool_members, "name", name), LLMC_WANTED(tool_members, "input", input),
        LLMC_WANTED(tool_members, "type", type),
    };
    *members = (tool_members){ 0 };
    read_span(span, wanted, sizeof wanted / sizeof wanted[0], members);
}

/* A block that is no part of the text, under the name of its first member. */
static llmcost_status emit_other_block(llmc_decoder *decoder, const llmc_json_span *raw)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_span value;
    char name[64];
    llmc_json_begin(&json, raw->text, raw->bytes);
    if (!raw->bytes || !llmc_json_object(&json) || !llmc_json_next_key(&json, &key) || !llmc_json_raw(&json, &value))
        return LLMCOST_OK;
    size_t bytes = key.bytes < sizeof name ? key.bytes : sizeof name - 1;
    memcpy(name, key.text, bytes);
    name[bytes] = '\0';
    llmc_utf8_sanitize(name);
    return emit_extra(decoder, name, &value);
}

static llmcost_status begin_tool(llmc_decoder *decoder, bedrock_block *block, const tool_members *members, const llmc_json_span *raw)
{
    bedrock_state *state = state_of(decoder);
    if (members->type.bytes && !llmc_json_key_is(&members->type, "tool_use")) /* it runs on the server */
        return emit_extra(decoder, "toolUse", raw);
    if (state->tool_count >= LLMC_TOOL_CALLS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "more tool calls than anybody makes");
    block->kind = BLOCK_TOOL;
    block->tool = state->tool_count++;
    return llmc_decoder_emit_tool_call(decoder, 0, block->tool, &members->id, &members->name);
}

/* Whole, {"reasoningText": {"text", "signature"}}, or piece by piece without that member. */
static llmcost_status emit_reasoning(llmc_decoder *decoder, bedrock_block *block, const llmc_json_span *raw)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(reasoning_members, "text", text), LLMC_WANTED(reasoning_members, "reasoningText", whole),
        LLMC_WANTED(reasoning_members, "signature", signature), LLMC_WANTED(reasoning_members, "redactedContent", redacted),
    };
    reasoning_members members = { 0 };
    read_span(raw, wanted, sizeof wanted / sizeof wanted[0], &members);
    read_span(&members.whole, wanted, sizeof wanted / sizeof wanted[0], &members);
    block->kind = BLOCK_REASONING;
    llmcost_status status = emit_string(decoder, LLMCOST_EVENT_REASONING, 0, &members.text, &block->joiner);
    if (!status)
        status = emit_string(decoder, LLMC_EVENT_SIGNATURE, 0, &members.signature, NULL);
    return status ? status : emit_string(decoder, LLMC_EVENT_REASONING_HIDDEN, 0, &members.redacted, NULL);
}

/* {"content": [{"text": ...}], "citations": [...]}. */
static llmcost_status emit_cited(llmc_decoder *decoder, const llmc_json_span *raw)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_span citations = { 0 };
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, raw->text, raw->bytes);
    for (bool more = llmc_json_object(&json); more && !status && llmc_json_next_key(&json, &key);) {
        if (llmc_json_key_is(&key, "citations")) {
            llmc_json_raw(&json, &citations);
        } else if (llmc_json_key_is(&key, "content") && llmc_json_peek(&json) == LLMC_JSON_ARRAY) {
            llmc_json_array(&json);
            while (!status && llmc_json_next_item(&json)) {
                llmc_json_span item;
                block_members members;
                if (!llmc_json_raw(&json, &item))
                    break;
                read_block(&item, &members);
                status = emit_string(decoder, LLMCOST_EVENT_TEXT, 0, &members.text, NULL);
            }
        } else {
            llmc_json_skip(&json);
        }
    }
    return status ? status : emit_extra(decoder, "citations", &citations);
}

static llmcost_status emit_arguments(llmc_decoder *decoder, bedrock_block *block, const llmc_json_span *input, bool whole)
{
    if (block->kind != BLOCK_TOOL || !input->bytes)
        return LLMCOST_OK;
    block->has_arguments = true;
    if (whole && !input->escaped)
        return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, block->tool, NULL, input);
    return llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, block->tool, input, &block->joiner);
}

/* A piece of a block, or all of it. */
static llmcost_status take_block(llmc_decoder *decoder, bedrock_block *block, const llmc_json_span *raw, bool whole)
{
    block_members members;
    tool_members tool;
    read_block(raw, &members);
    block->open = true;
    if (members.text.text) {
        block->kind = BLOCK_TEXT;
        return emit_string(decoder, LLMCOST_EVENT_TEXT, 0, &members.text, &block->joiner);
    }
    if (members.reasoning.bytes)
        return emit_reasoning(decoder, block, &members.reasoning);
    if (members.citations_content.bytes)
        return emit_cited(decoder, &members.citations_content);
    if (members.citation.bytes)
        return emit_extra(decoder, "citations", &members.citation);
    if (!members.tool_use.bytes)
        return emit_other_block(decoder, raw);
    read_tool(&members.tool_use, &tool);
    llmcost_status status = whole ? begin_tool(decoder, block, &tool, &members.tool_use) : LLMCOST_OK;
    return status ? status : emit_arguments(decoder, block, &tool.input, whole);
}

static llmcost_status end_block(llmc_decoder *decoder, bedrock_block *block)
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
        { "tool_use", LLMCOST_FINISH_TOOL_CALLS }, { "guardrail_intervened", LLMCOST_FINISH_CONTENT_FILTER },
        { "content_filtered", LLMCOST_FINISH_CONTENT_FILTER }, { "model_context_window_exceeded", LLMCOST_FINISH_CONTEXT_LENGTH },
        { "malformed_model_output", LLMCOST_FINISH_ERROR }, { "malformed_tool_use", LLMCOST_FINISH_ERROR },
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, word))
            return words[i].finish;
    return LLMCOST_FINISH_STOP;
}

static llmcost_status finish_message(llmc_decoder *decoder, const bedrock_members *members)
{
    bedrock_state *state = state_of(decoder);
    char word[64];
    llmcost_status status = LLMCOST_OK;
    if (state->finish_came)
        return LLMCOST_OK;
    for (size_t i = 0; !status && i < state->block_count; i++)
        status = end_block(decoder, &state->blocks[i]);
    if (!status)
        status = emit_extra(decoder, "additionalModelResponseFields", &members->additional);
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

/* What stands at the end of both forms. */
static llmcost_status conclude(llmc_decoder *decoder, const bedrock_members *members)
{
    llmcost_status status = emit_extra(decoder, "trace", &members->trace);
    if (!status)
        status = decode_usage(decoder, members);
    decoder->finished = !status && state_of(decoder)->finish_came;
    return status;
}

/* ---- whole answers ---- */

/* {"message": {"content": [...]}}; false: there is none. */
static bool find_content(const llmc_json_span *output, llmc_json *content)
{
    static const llmc_wanted_member message_of[] = { { "message", 7, 0 } }, content_of[] = { { "content", 7, 0 } };
    llmc_json_span message = { 0 }, list = { 0 };
    read_span(output, message_of, 1, &message);
    read_span(&message, content_of, 1, &list);
    llmc_json_begin(content, list.text, list.bytes);
    return list.bytes && llmc_json_array(content);
}

static llmcost_status decode_whole(llmc_decoder *decoder, const bedrock_members *members, const llmc_frame *frame)
{
    llmc_json content;
    llmc_json_span raw;
    llmcost_status status = LLMCOST_OK;
    if (!find_content(&members->output, &content))
        return llmc_decode_error_in_success(decoder, frame, "an answer without content");
    while (!status && llmc_json_next_item(&content)) {
        bedrock_block block = { 0 };
        if (!llmc_json_raw(&content, &raw))
            break;
        status = take_block(decoder, &block, &raw, true);
        if (!status)
            status = end_block(decoder, &block);
    }
    if (!status)
        status = finish_message(decoder, members);
    return status ? status : conclude(decoder, members);
}

static llmcost_status decode_count(llmc_decoder *decoder, const bedrock_members *members, const llmc_frame *frame)
{
    llmc_json json;
    llmc_usage_counts counts;
    llmc_usage_counts_init(&counts);
    llmc_json_begin(&json, members->input_tokens.text, members->input_tokens.bytes);
    if (members->input_tokens.bytes)
        llmc_usage_read_count(&json, &counts.prompt);
    if (counts.prompt < 0)
        return llmc_decode_error_in_success(decoder, frame, "no count of tokens");
    decoder->finished = true;
    return llmc_decoder_emit_usage(decoder, &counts);
}

/* ---- events of the stream ---- */

static llmcost_status block_at(llmc_decoder *decoder, const llmc_json_span *span, bedrock_block **out)
{
    bedrock_state *state = state_of(decoder);
    llmc_json json;
    int64_t index = -1;
    *out = NULL;
    llmc_json_begin(&json, span->text, span->bytes);
    if (!span->bytes || !llmc_json_integer(&json, &index) || index < 0 || index >= BLOCKS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "a block with an impossible index");
    void *items = llmc_decoder_reach(decoder, state->blocks, &state->block_count, &state->block_capacity, (size_t)index, sizeof(bedrock_block));
    if (!items)
        return LLMCOST_E_MEMORY;
    state->blocks = items;
    *out = &state->blocks[index];
    return LLMCOST_OK;
}

static llmcost_status on_block_delta(llmc_decoder *decoder, const bedrock_members *members)
{
    bedrock_block *block;
    llmcost_status status = block_at(decoder, &members->index, &block);
    return status ? status : take_block(decoder, block, &members->delta, false);
}

static llmcost_status on_block_start(llmc_decoder *decoder, const bedrock_members *members)
{
    bedrock_block *block;
    block_members start;
    tool_members tool;
    llmcost_status status = block_at(decoder, &members->index, &block);
    if (status)
        return status;
    *block = (bedrock_block){ .open = true };
    read_block(&members->start, &start);
    if (!start.tool_use.bytes)
        return emit_other_block(decoder, &members->start);
    read_tool(&start.tool_use, &tool);
    return begin_tool(decoder, block, &tool, &start.tool_use);
}

static llmcost_status on_block_stop(llmc_decoder *decoder, const bedrock_members *members)
{
    bedrock_block *block;
    llmcost_status status = block_at(decoder, &members->index, &block);
    return status ? status : end_block(decoder, block);
}

typedef struct bedrock_event {
    const char *name;
    llmcost_status (*decode)(llmc_decoder *decoder, const bedrock_members *members);
} bedrock_event;

static const bedrock_event *event_of(const char *name)
{
    static const bedrock_event events[] = {
        { "contentBlockDelta", on_block_delta }, { "contentBlockStart", on_block_start }, { "contentBlockStop", on_block_stop },
        { "messageStop", finish_message }, { "metadata", conclude },
    };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (!strcmp(name, events[i].name))
            return &events[i];
    return NULL;
}

/* Events begin with a small letter; what went wrong is called an exception, an error, or by a code like InternalFailure. */
static bool is_failure(const char *name)
{
    static const char ending[] = "xception";
    size_t bytes = strlen(name), tail = sizeof ending - 1;
    return (*name >= 'A' && *name <= 'Z') || !strcmp(name, "error") || (bytes >= tail && !strcmp(name + bytes - tail, ending));
}

/* ---- the decoder ---- */

static void read_members(llmc_json *json, bedrock_members *members)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(bedrock_members, "contentBlockIndex", index), LLMC_WANTED(bedrock_members, "delta", delta), LLMC_WANTED(bedrock_members, "start", start),
        LLMC_WANTED(bedrock_members, "output", output), LLMC_WANTED(bedrock_members, "stopReason", stop_reason), LLMC_WANTED(bedrock_members, "usage", usage),
        LLMC_WANTED(bedrock_members, "serviceTier", tier), LLMC_WANTED(bedrock_members, "trace", trace),
        LLMC_WANTED(bedrock_members, "additionalModelResponseFields", additional), LLMC_WANTED(bedrock_members, "inputTokens", input_tokens),
    };
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], members);
}

static llmcost_status decode_frame(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    bedrock_members members = { 0 };
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder))
        return llmc_decode_error_body(decoder->error, decoder->http_status, frame->data, frame->bytes);
    const bedrock_event *event = event_of(frame->event);
    if (decoder->stream && is_failure(frame->event))
        return llmc_decode_error_of_kind(decoder->error, decoder->http_status, frame->event, frame->data, frame->bytes);
    if (decoder->stream && !event)
        return LLMCOST_OK; /* messageStart, and what will be added */
    llmc_json_begin(&json, frame->data, frame->bytes);
    read_members(&json, &members);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, NULL);
    if (decoder->stream)
        return event->decode(decoder, &members);
    return decoder->operation == LLMC_OP_COUNT_TOKENS ? decode_count(decoder, &members, frame) : decode_whole(decoder, &members, frame);
}

static llmcost_status decode_end(llmc_decoder *decoder)
{
    if (decoder->finished || state_of(decoder)->finish_came)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder))
        return llmc_decode_error_body(decoder->error, decoder->http_status, "", 0);
    return llmc_decoder_truncated(decoder);
}

static void decode_begin(llmc_decoder *decoder)
{
    (void)decoder;
}

static void decode_free(llmc_decoder *decoder)
{
    llmc_free(decoder->allocator, state_of(decoder)->blocks);
}

static bool has_operation(llmc_operation_id operation)
{
    return operation == LLMC_OP_CHAT || operation == LLMC_OP_COUNT_TOKENS;
}

const llmc_codec llmc_codec_bedrock = {
    .name = "bedrock",
    .has_operation = has_operation,
    .check = llmc_bedrock_check,
    .encode = llmc_bedrock_encode,
    .stream_framing = &llmc_framing_event_stream, .stream_type = "application/vnd.amazon.eventstream",
    .decoder_bytes = sizeof(bedrock_state),
    .decode_begin = decode_begin,
    .decode_frame = decode_frame,
    .decode_end = decode_end,
    .decode_free = decode_free,
};
