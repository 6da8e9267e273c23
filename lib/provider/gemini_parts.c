/* Parts of a content in Gemini's format: texts, thoughts, calls of tools, what signs them, and what is no text. */
#include "provider/gemini_decoding.h"

#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct gemini_part {
    llmc_json_span text, thought, signature, call, inline_data, file_data, code, code_result;
} gemini_part;

llmcost_status llmc_gemini_emit_string(llmc_decoder *decoder, int kind, uint32_t choice, const llmc_json_span *span, llmc_utf8_joiner *joiner)
{
    return llmc_gemini_was_string(span) ? llmc_decoder_emit_text(decoder, kind, choice, 0, span, joiner) : LLMCOST_OK;
}

static llmcost_status emit_listed(llmc_decoder *decoder, uint32_t choice, const char *name, const llmc_json_span *raw)
{
    return raw->bytes > 2 ? llmc_decoder_emit_listed(decoder, choice, name, raw) : LLMCOST_OK;
}

/* ---- tool calls and signatures ---- */

typedef struct gemini_call {
    llmc_json_span name, id, args;
} gemini_call;

static void mix(uint64_t *hash, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < length; i++)
        *hash = (*hash ^ at[i]) * UINT64_C(0x100000001b3);
}

/* The same answer has the same ids whenever it is decoded, and another answer has others. */
static void make_up_id(const gemini_state *state, const gemini_call *call, uint32_t choice, uint32_t ordinal, char out[40])
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    char place[32];
    mix(&hash, state->identity.id.data, state->identity.id.length);
    mix(&hash, place, (size_t)snprintf(place, sizeof place, "/%u/%u/", choice, ordinal));
    mix(&hash, call->name.text, call->name.bytes);
    mix(&hash, call->args.text, call->args.bytes);
    snprintf(out, 40, LLMC_GEMINI_MADE_UP "%016" PRIx64, hash);
}

static llmcost_status announce(llmc_decoder *decoder, const gemini_call *call, uint32_t choice, uint32_t ordinal)
{
    llmc_buffer *scratch = &decoder->scratch;
    char made_up[40];
    llmc_buffer_clear(scratch);
    llmc_decode_member(&call->id, scratch);
    llmc_buffer_add_byte(scratch, '\0');
    size_t name = scratch->length;
    llmc_decode_member(&call->name, scratch);
    const char *id = llmc_buffer_text(scratch);
    if (!id)
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_sanitize(scratch->data);
    llmc_utf8_sanitize(scratch->data + name);
    const char *called = id + name;
    if (!*id) {
        make_up_id(llmc_gemini_state(decoder), call, choice, ordinal, made_up);
        id = made_up;
    }
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_TOOL_CALL, .choice = choice, .tool_index = ordinal, .tool_id = id, .tool_name = called });
}

static llmcost_status decode_call(llmc_decoder *decoder, gemini_choice *choice, uint32_t index, const llmc_json_span *raw)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(gemini_call, "name", name), LLMC_WANTED(gemini_call, "id", id), LLMC_WANTED(gemini_call, "args", args),
    };
    static const llmc_json_span nothing = { "{}", 2, false };
    gemini_call call = { 0 };
    llmc_json json;
    if (choice->call_count >= LLMC_TOOL_CALLS_MAXIMUM)
        return llmc_decoder_malformed(decoder, NULL, "more tool calls than anybody makes");
    llmc_json_begin(&json, raw->text, raw->bytes);
    llmc_read_wanted(&json, wanted, sizeof wanted / sizeof wanted[0], &call);
    if (!call.args.bytes || *call.args.text != '{')
        call.args = nothing;
    uint32_t ordinal = choice->call_count++;
    llmcost_status status = announce(decoder, &call, index, ordinal);
    return status ? status : llmc_decoder_emit_raw(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, index, ordinal, NULL, &call.args);
}

static bool is_signature(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        if (text[i] <= ' ' || text[i] > '~')
            return false;
    return bytes > 0;
}

/* One line of the hidden reasoning that gemini_codec.h tells of. */
static llmcost_status emit_signature(llmc_decoder *decoder, uint32_t choice, const char *place, const llmc_json_span *signature)
{
    llmc_buffer *scratch = &decoder->scratch;
    llmc_buffer_clear(scratch);
    llmc_buffer_add_text(scratch, LLMC_GEMINI_MARK);
    llmc_buffer_add_text(scratch, place);
    llmc_buffer_add_byte(scratch, ':');
    size_t head = scratch->length;
    llmc_decode_member(signature, scratch);
    llmc_buffer_add_byte(scratch, '\n');
    const char *text = llmc_buffer_text(scratch);
    if (!text)
        return llmc_decoder_no_memory(decoder);
    if (!is_signature(text + head, scratch->length - head - 1))
        return LLMCOST_OK;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_REASONING_HIDDEN, .choice = choice, .text = text, .bytes = scratch->length });
}

/* ---- parts ---- */

static llmcost_status decode_signature(llmc_decoder *decoder, const gemini_choice *choice, uint32_t index, const gemini_part *part, bool thought)
{
    char number[16];
    snprintf(number, sizeof number, "%u", choice->call_count - 1);
    if (!llmc_gemini_was_string(&part->signature))
        return LLMCOST_OK;
    if (part->call.bytes)
        return emit_signature(decoder, index, number, &part->signature);
    if (part->inline_data.bytes || part->file_data.bytes || part->code.bytes || part->code_result.bytes)
        return LLMCOST_OK; /* parts that do not go back */
    return emit_signature(decoder, index, thought ? "thought" : part->text.bytes ? "text" : "end", &part->signature);
}

static llmcost_status decode_part(llmc_decoder *decoder, gemini_choice *choice, uint32_t index, llmc_json *json)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(gemini_part, "text", text), LLMC_WANTED(gemini_part, "thought", thought), LLMC_WANTED(gemini_part, "thoughtSignature", signature),
        LLMC_WANTED(gemini_part, "functionCall", call), LLMC_WANTED(gemini_part, "inlineData", inline_data), LLMC_WANTED(gemini_part, "fileData", file_data),
        LLMC_WANTED(gemini_part, "executableCode", code), LLMC_WANTED(gemini_part, "codeExecutionResult", code_result),
    };
    gemini_part part = { 0 };
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], &part);
    if (json->failure)
        return LLMCOST_OK;
    bool thought = llmc_json_key_is(&part.thought, "true");
    llmcost_status status = llmc_gemini_emit_string(decoder, thought ? LLMCOST_EVENT_REASONING : LLMCOST_EVENT_TEXT, index, &part.text, thought ? &choice->reasoning : &choice->text);
    if (!status && part.call.bytes)
        status = decode_call(decoder, choice, index, &part.call);
    if (!status)
        status = decode_signature(decoder, choice, index, &part, thought);
    if (!status)
        status = emit_listed(decoder, index, "inline_data", &part.inline_data);
    if (!status)
        status = emit_listed(decoder, index, "fileData", &part.file_data);
    if (!status)
        status = emit_listed(decoder, index, "executableCode", &part.code);
    return status ? status : emit_listed(decoder, index, "codeExecutionResult", &part.code_result);
}

llmcost_status llmc_gemini_decode_content(llmc_decoder *decoder, gemini_choice *choice, uint32_t index, const llmc_json_span *content)
{
    llmc_json json;
    llmc_json_key key;
    llmcost_status status = LLMCOST_OK;
    if (!content->bytes)
        return LLMCOST_OK;
    llmc_json_begin(&json, content->text, content->bytes);
    if (!llmc_json_object(&json))
        return LLMCOST_OK;
    while (!status && llmc_json_next_key(&json, &key)) {
        if (!llmc_json_key_is(&key, "parts")) {
            llmc_json_skip(&json);
            continue;
        }
        if (llmc_json_array(&json))
            while (!status && llmc_json_next_item(&json))
                status = decode_part(decoder, choice, index, &json);
    }
    return status;
}
