/*
 * A message in the OpenAI dialect, or the delta of one: texts, reasoning under all its names, tool calls in their newer
 * and older shape, and what hosts put beside them. Audio that a model speaks is kept as it came.
 */
#include "provider/openai_decoding.h"

#include "base/text.h"

#include <stdio.h>

/* ---- tool calls ---- */

/* One entry of tool_calls as it stands in the input. */
typedef struct wire_call {
    int64_t index; /* -1: none told */
    llmc_json_span id, name, arguments, raw_arguments;
    bool is_custom;
} wire_call;

static bool is_same_call(const openai_call *call, const wire_call *wire, uint64_t id_hash)
{
    if (id_hash && call->id_hash && id_hash != call->id_hash)
        return false;
    if (wire->index >= 0)
        return wire->index == call->wire_index;
    return id_hash ? id_hash == call->id_hash : !(wire->name.bytes && call->announced); /* another name begins another call */
}

/* By index and id, latest first: some servers send no index, others the same one for every call of a turn. */
static llmcost_status call_of(llmc_decoder *decoder, openai_choice *choice, const wire_call *wire, uint32_t *ordinal)
{
    uint64_t id_hash = wire->id.bytes ? llmc_openai_hash(wire->id.text, wire->id.bytes) : 0;
    if (wire->index >= LLMC_TOOL_CALLS_MAXIMUM || choice->call_count >= LLMC_TOOL_CALLS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "more tool calls than anybody makes");
    for (size_t i = choice->call_count; i-- > 0;) {
        if (!is_same_call(&choice->calls[i], wire, id_hash))
            continue;
        if (id_hash)
            choice->calls[i].id_hash = id_hash;
        *ordinal = (uint32_t)i;
        return LLMCOST_OK;
    }
    void *items = choice->calls;
    if (!llmc_grow(decoder->allocator, &items, &choice->call_capacity, choice->call_count + 1, sizeof(openai_call)))
        return llmc_decoder_no_memory(decoder);
    choice->calls = items;
    choice->calls[choice->call_count] = (openai_call){ .wire_index = wire->index, .id_hash = id_hash };
    llmc_buffer_init(&choice->calls[choice->call_count].id, decoder->allocator, 1 << 16);
    llmc_buffer_init(&choice->calls[choice->call_count].held, decoder->allocator, 1 << 30);
    *ordinal = (uint32_t)choice->call_count++;
    return LLMCOST_OK;
}

/* A call without an id gets one, for its result must name it. */
static llmcost_status announce(llmc_decoder *decoder, openai_call *call, uint32_t choice, uint32_t ordinal, const llmc_json_span *name)
{
    llmc_buffer *scratch = &decoder->scratch;
    char made_up[40];
    snprintf(made_up, sizeof made_up, "call_%u_%u", choice, ordinal);
    const char *id = call->id.length ? llmc_buffer_text(&call->id) : made_up;
    llmc_buffer_clear(scratch);
    llmc_buffer_reserve(scratch, name->bytes + LLMC_JOINER_LEAD);
    llmc_buffer_add(scratch, "    ", LLMC_JOINER_LEAD);
    llmc_decode_member(name, scratch);
    if (!id || !llmc_buffer_reserve(scratch, LLMC_JOINER_LEAD))
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_joiner joiner = { 0 };
    size_t bytes = scratch->length - LLMC_JOINER_LEAD;
    char *text = llmc_utf8_join(&joiner, scratch->data + LLMC_JOINER_LEAD, &bytes);
    bytes += llmc_utf8_join_end(&joiner, text + bytes);
    text[bytes] = '\0';
    call->announced = true;
    llmcost_status status = llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_TOOL_CALL, .choice = choice, .tool_index = ordinal,
                                                                         .tool_id = id, .tool_name = text });
    llmc_buffer_free(&call->id);
    if (!status && call->held.length) {
        const llmc_json_span held = { call->held.data, call->held.length, call->held_escaped };
        status = llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, choice, ordinal, &held, &call->joiner);
    }
    llmc_buffer_free(&call->held);
    return status;
}

/* Arguments that come before the name wait for it: a call that was told without one cannot be named later. */
static llmcost_status hold(llmc_decoder *decoder, openai_call *call, const llmc_json_span *arguments)
{
    call->held_escaped = call->held_escaped || arguments->escaped;
    llmc_buffer_add(&call->held, arguments->text, arguments->bytes);
    return call->held.failure ? llmc_decoder_no_memory(decoder) : LLMCOST_OK;
}

static llmcost_status tell_call(llmc_decoder *decoder, openai_call *call, uint32_t index, uint32_t ordinal, const wire_call *wire)
{
    llmcost_status status = LLMCOST_OK;
    if (!call->announced && wire->id.bytes && !call->id.length && (!llmc_decode_member(&wire->id, &call->id)))
        return llmc_decoder_no_memory(decoder);
    if (!call->announced && !wire->name.bytes && wire->arguments.bytes)
        return hold(decoder, call, &wire->arguments);
    if (!call->announced && (wire->name.bytes || wire->raw_arguments.bytes))
        status = announce(decoder, call, index, ordinal, &wire->name);
    if (!status && wire->arguments.bytes)
        status = llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, index, ordinal, &wire->arguments, &call->joiner);
    if (!status && wire->raw_arguments.bytes)
        status = llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, index, ordinal, NULL, &wire->raw_arguments);
    return status;
}

static llmcost_status take_call(llmc_decoder *decoder, openai_choice *choice, uint32_t index, const wire_call *wire)
{
    uint32_t ordinal = 0;
    llmcost_status status = call_of(decoder, choice, wire, &ordinal);
    if (status)
        return status;
    openai_call *call = &choice->calls[ordinal];
    call->is_custom = call->is_custom || (wire->is_custom && !call->announced);
    decoder->is_custom = call->is_custom;
    status = tell_call(decoder, call, index, ordinal, wire);
    decoder->is_custom = false;
    return status;
}

static void read_function(llmc_json *json, wire_call *wire)
{
    llmc_json_key key;
    if (!llmc_json_object(json))
        return;
    while (llmc_json_next_key(json, &key)) {
        if (llmc_json_key_is(&key, "name"))
            llmc_json_span_string(json, &wire->name);
        else if (!llmc_json_key_is(&key, wire->is_custom ? "input" : "arguments"))
            llmc_json_skip(json);
        else if (llmc_json_peek(json) == LLMC_JSON_OBJECT)
            llmc_json_raw(json, &wire->raw_arguments); /* some imitators do not wrap it into a string */
        else
            llmc_json_span_string(json, &wire->arguments);
    }
}

/* "function": {"name", "arguments"}, or "custom": {"name", "input"}; null is neither. */
static void read_callee(llmc_json *json, const llmc_json_key *key, wire_call *wire)
{
    if (llmc_json_peek(json) != LLMC_JSON_OBJECT) {
        llmc_json_skip(json);
        return;
    }
    wire->is_custom = llmc_json_key_is(key, "custom");
    read_function(json, wire);
}

static llmcost_status decode_tool_calls(llmc_decoder *decoder, llmc_json *json, openai_choice *choice, uint32_t index, bool *any)
{
    llmc_json_key key;
    if (!llmc_json_array(json))
        return LLMCOST_OK;
    for (int64_t ordinal = 0; llmc_json_next_item(json); ordinal++) {
        wire_call wire = { .index = decoder->stream ? -1 : ordinal };
        if (!llmc_json_object(json))
            continue;
        while (llmc_json_next_key(json, &key)) {
            if (llmc_json_key_is(&key, "index"))
                llmc_json_integer(json, &wire.index);
            else if (llmc_json_key_is(&key, "id"))
                llmc_json_span_string(json, &wire.id);
            else if (llmc_json_key_is(&key, "function") || llmc_json_key_is(&key, "custom"))
                read_callee(json, &key, &wire);
            else
                llmc_json_skip(json);
        }
        if (json->failure)
            break;
        *any = true;
        llmcost_status status = take_call(decoder, choice, index, &wire);
        if (status)
            return status;
    }
    return LLMCOST_OK;
}

/* The shape before tool_calls: at most one, without an id. */
static llmcost_status decode_function_call(llmc_decoder *decoder, const llmc_json_span *span, openai_choice *choice, uint32_t index)
{
    wire_call wire = { .index = 0 };
    llmc_json json;
    llmc_json_begin(&json, span->text, span->bytes);
    read_function(&json, &wire);
    return take_call(decoder, choice, index, &wire);
}

/* ---- text ---- */

static llmcost_status decode_text(llmc_decoder *decoder, llmc_json *json, int kind, uint32_t index, llmc_utf8_joiner *joiner)
{
    llmc_json_span span;
    if (!llmc_json_span_string(json, &span) || span.bytes == 0)
        return LLMCOST_OK;
    return llmc_decoder_emit_text(decoder, kind, index, 0, &span, joiner);
}

/* Mistral: [{type:text,text}, {type:thinking,thinking:[{type:text,text}]}]. */
static llmcost_status decode_pieces(llmc_decoder *decoder, llmc_json *json, int kind, openai_choice *choice, uint32_t index)
{
    llmc_utf8_joiner *joiner = kind == LLMCOST_EVENT_TEXT ? &choice->text : &choice->reasoning;
    llmcost_status status = LLMCOST_OK;
    llmc_json_key key;
    if (!llmc_json_array(json))
        return decode_text(decoder, json, kind, index, joiner);
    while (!status && llmc_json_next_item(json)) {
        if (!llmc_json_object(json))
            continue;
        while (!status && llmc_json_next_key(json, &key)) {
            if (llmc_json_key_is(&key, "text"))
                status = decode_text(decoder, json, kind, index, joiner);
            else if (llmc_json_key_is(&key, "thinking") && kind == LLMCOST_EVENT_TEXT && llmc_json_peek(json) == LLMC_JSON_ARRAY)
                status = decode_pieces(decoder, json, LLMCOST_EVENT_REASONING, choice, index);
            else if (llmc_json_key_is(&key, "thinking"))
                status = decode_text(decoder, json, LLMCOST_EVENT_REASONING, index, &choice->reasoning);
            else
                llmc_json_skip(json);
        }
    }
    return status;
}

static llmcost_status decode_content(llmc_decoder *decoder, llmc_json *json, openai_choice *choice, uint32_t index)
{
    if (llmc_json_peek(json) == LLMC_JSON_ARRAY)
        return decode_pieces(decoder, json, LLMCOST_EVENT_TEXT, choice, index);
    return decode_text(decoder, json, LLMCOST_EVENT_TEXT, index, &choice->text);
}

static llmcost_status decode_extra(llmc_decoder *decoder, llmc_json *json, uint32_t index, const char *name)
{
    llmc_json_span raw;
    llmc_json_type type = llmc_json_peek(json);
    if (!llmc_json_raw(json, &raw) || type != LLMC_JSON_ARRAY || raw.bytes <= 2)
        return LLMCOST_OK;
    return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_EXTRA, index, 0, name, &raw);
}

/* A stream speaks in pieces: kept as a list of them. */
static llmcost_status decode_audio(llmc_decoder *decoder, llmc_json *json, uint32_t index)
{
    llmc_json_span raw;
    llmc_json_type type = llmc_json_peek(json);
    if (!llmc_json_raw(json, &raw) || type != LLMC_JSON_OBJECT || raw.bytes <= 2)
        return LLMCOST_OK;
    if (!decoder->stream)
        return llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_EXTRA, index, 0, "audio", &raw);
    return llmc_decoder_emit_listed(decoder, index, "audio", &raw);
}

/* [{"type": "reasoning.text", "text": ...}]: kept for the next turn; its text counts where the message tells it nowhere else. */
static llmcost_status decode_details(llmc_decoder *decoder, const llmc_json_span *details, uint32_t index, openai_choice *choice, bool reasoned)
{
    llmc_json json;
    llmc_json_key key;
    llmcost_status status = LLMCOST_OK;
    llmc_json_begin(&json, details->text, details->bytes);
    for (bool more = !reasoned && llmc_json_array(&json); more && !status && llmc_json_next_item(&json);) {
        if (!llmc_json_object(&json))
            continue;
        while (!status && llmc_json_next_key(&json, &key)) {
            if (llmc_json_key_is(&key, "text") || llmc_json_key_is(&key, "summary"))
                status = decode_text(decoder, &json, LLMCOST_EVENT_REASONING, index, &choice->reasoning);
            else
                llmc_json_skip(&json);
        }
    }
    return status ? status : llmc_decoder_emit_raw(decoder, LLMC_EVENT_REASONING_HIDDEN, index, 0, NULL, details);
}

/* What of a message waits for its end, and what some hosts say a second time under another name. */
typedef struct openai_said {
    llmc_json_span details, older;
    bool reasoned, called;
} openai_said;

static llmcost_status decode_reasoning(llmc_decoder *decoder, llmc_json *json, openai_choice *choice, uint32_t index, openai_said *said)
{
    llmc_json_span span = { 0 };
    if (said->reasoned || llmc_json_peek(json) != LLMC_JSON_STRING) {
        llmc_json_skip(json);
        return LLMCOST_OK;
    }
    llmc_json_span_string(json, &span);
    said->reasoned = span.bytes > 0;
    return said->reasoned ? llmc_decoder_emit_text(decoder, LLMCOST_EVENT_REASONING, index, 0, &span, &choice->reasoning) : LLMCOST_OK;
}

/* Keeps a value of this type, and passes any other. */
static void keep_raw(llmc_json *json, llmc_json_type type, llmc_json_span *out)
{
    if (llmc_json_peek(json) == type)
        llmc_json_raw(json, out);
    else
        llmc_json_skip(json);
}

enum { CONTENT, REASONING, REFUSAL, TOOL_CALLS, FUNCTION_CALL, EXTRA, AUDIO, DETAILS, METADATA };

static const llmc_json_name members[] = {
    LLMC_JSON_NAME("content", CONTENT, 0), LLMC_JSON_NAME("refusal", REFUSAL, 0), LLMC_JSON_NAME("tool_calls", TOOL_CALLS, 0),
    LLMC_JSON_NAME("reasoning_content", REASONING, 0), LLMC_JSON_NAME("reasoning", REASONING, 0), LLMC_JSON_NAME("reasoning_details", DETAILS, 0),
    LLMC_JSON_NAME("annotations", EXTRA, 0), LLMC_JSON_NAME("images", EXTRA, 0), LLMC_JSON_NAME("audio", AUDIO, 0),
    LLMC_JSON_NAME("function_call", FUNCTION_CALL, 0), LLMC_JSON_NAME("provider_metadata", METADATA, 0),
};

static llmcost_status decode_member(llmc_decoder *decoder, llmc_json *json, const llmc_json_name *name, openai_choice *choice, uint32_t index, openai_said *said)
{
    switch (name->what) {
    case CONTENT:
        return decode_content(decoder, json, choice, index);
    case REASONING:
        return decode_reasoning(decoder, json, choice, index, said);
    case REFUSAL:
        return decode_text(decoder, json, LLMCOST_EVENT_REFUSAL, index, &choice->refusal);
    case TOOL_CALLS:
        return decode_tool_calls(decoder, json, choice, index, &said->called);
    case EXTRA:
        return decode_extra(decoder, json, index, name->text);
    case AUDIO:
        return decode_audio(decoder, json, index);
    case DETAILS:
        keep_raw(json, LLMC_JSON_ARRAY, &said->details);
        return LLMCOST_OK;
    case METADATA:
        llmc_openai_read_gateway_cost(json, &llmc_openai_state(decoder)->counts);
        return LLMCOST_OK;
    default: /* FUNCTION_CALL */
        keep_raw(json, LLMC_JSON_OBJECT, &said->older);
        return LLMCOST_OK;
    }
}

/* A message, or the delta of one. */
llmcost_status llmc_openai_decode_message(llmc_decoder *decoder, llmc_json *json, openai_choice *choice, uint32_t index)
{
    llmc_json_key key;
    openai_said said = { 0 };
    llmcost_status status = LLMCOST_OK;
    if (!llmc_json_object(json))
        return LLMCOST_OK;
    while (!status && llmc_json_next_key(json, &key)) {
        const llmc_json_name *name = llmc_json_find(&key, members, sizeof members / sizeof members[0]);
        if (name)
            status = decode_member(decoder, json, name, choice, index, &said);
        else
            llmc_json_skip(json);
    }
    if (!status && said.older.bytes && !said.called && !json->failure)
        status = decode_function_call(decoder, &said.older, choice, index);
    return status || said.details.bytes <= 2 ? status : decode_details(decoder, &said.details, index, choice, said.reasoned);
}

llmcost_status llmc_openai_decode_logprobs(llmc_decoder *decoder, llmc_json *json, uint32_t index)
{
    llmc_json_key key;
    llmc_json_span raw = { 0 };
    if (!llmc_json_object(json))
        return LLMCOST_OK;
    while (llmc_json_next_key(json, &key)) {
        if (llmc_json_key_is(&key, "content") && llmc_json_peek(json) == LLMC_JSON_ARRAY)
            llmc_json_raw(json, &raw);
        else
            llmc_json_skip(json);
    }
    return raw.bytes > 2 ? llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_LOGPROBS, index, 0, NULL, &raw) : LLMCOST_OK;
}

llmcost_status llmc_openai_flush_choice(llmc_decoder *decoder, openai_choice *choice, uint32_t index)
{
    const llmc_json_span no_name = { "", 0, false };
    llmcost_status status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_REASONING, index, 0, &choice->reasoning);
    if (!status)
        status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_TEXT, index, 0, &choice->text);
    if (!status)
        status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_REFUSAL, index, 0, &choice->refusal);
    for (uint32_t i = 0; !status && i < choice->call_count; i++) {
        decoder->is_custom = choice->calls[i].is_custom;
        if (!choice->calls[i].announced)
            status = announce(decoder, &choice->calls[i], index, i, &no_name);
        if (!status)
            status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, index, i, &choice->calls[i].joiner);
    }
    decoder->is_custom = false;
    return status;
}
