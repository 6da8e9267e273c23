/*
 * Qianfan's first format (wenxinworkshop): each model is an endpoint, the system prompt stands apart, and a failure
 * comes under HTTP 200 as error_code and error_msg. A stream is such objects, each with a piece of "result" and the usage
 * so far; there is no terminator but is_end. One call of a function at most, without an id: it is named after the answer.
 *
 * The token goes into the query (authorize.c). Left out on purpose: what the format cannot say is refused, not dropped,
 * but for cache marks, strictness, the name of a schema and a user who says nothing behind a result; penalty_score and its kin pass through "extra".
 */
#include "base/text.h"
#include "provider/asks.h"
#include "provider/conversation.h"
#include "provider/decoding.h"
#include "provider/encoding.h"
#include "provider/signing.h"

typedef struct v1_state {
    llmc_utf8_joiner text;
    bool introduced, called;
} v1_state;

/* The members of an answer or of a piece of one, as they stand. */
typedef struct v1_answer {
    llmc_json_span id, result, function_call, usage, finish_reason, is_end, is_truncated, error_code, name, arguments;
} v1_answer;

/* ---- check ---- */

static bool asks_format(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->format != LLMCOST_FORMAT_TEXT;
}

static bool asks_thinking(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->thinking_budget_tokens != 0;
}

static const llmc_incapability incapabilities[] = {
    { 0, llmc_asks_custom_tools, "custom tools", "use functions, or a provider that has them" },
    { 0, llmc_asks_several, "n", "ask for one choice per call" },
    { 0, llmc_asks_forced_tool, "tool_choice", "use auto, or leave all tools but one out and ask for it in the prompt" },
    { 0, asks_format, "format", "ask for JSON in the prompt, or use the preset qianfan" },
    { 0, llmc_asks_seed, "seed", "leave it out" },
    { 0, llmc_asks_logprobs, "logprobs", "leave them out" },
    { 0, llmc_asks_effort, "effort", "leave it at the default, or use the preset qianfan" },
    { 0, asks_thinking, "thinking_budget_tokens", "leave it out, or use the preset qianfan" },
};

/* What belongs to other formats is left out. */
static llmcost_status check_part(const llmcost_message *message, uint32_t index, const llmcost_part *part, const llmc_codec_target *target, llmcost_error *error)
{
    (void)message;
    bool text = part->type == LLMCOST_PART_TEXT || part->type == LLMCOST_PART_REASONING || part->type == LLMCOST_PART_REASONING_HIDDEN;
    return text ? LLMCOST_OK : llmc_unsupported_in(error, target, index, " parts", "it reads text only");
}

static llmcost_status check_calls(const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    for (uint32_t i = 0; i < request->message_count; i++)
        if (request->messages[i].tool_call_count > 1)
            return llmc_unsupported_in(error, target, i, ".tool_calls", "one call at a time is all it knows");
    return LLMCOST_OK;
}

static const llmc_conversation_rules rules = { .names_tools = true, .user_speaks = true, .check_part = check_part };

static llmcost_status check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    if (operation != LLMC_OP_CHAT)
        return LLMCOST_OK;
    llmcost_status status = llmc_check_capabilities(incapabilities, sizeof incapabilities / sizeof incapabilities[0], request, target, error);
    if (!status)
        status = check_calls(request, target, error);
    return status ? status : llmc_check_conversation(&rules, request, target, error);
}

/* ---- encode ---- */

static const char *tool_of(const llmcost_request *request, uint32_t index)
{
    const llmcost_message *result = &request->messages[index];
    if (result->name)
        return result->name;
    while (index-- > 0) {
        const llmcost_message *message = &request->messages[index];
        for (uint32_t i = 0; i < message->tool_call_count; i++)
            if (message->tool_calls[i].id && result->tool_call_id && !strcmp(message->tool_calls[i].id, result->tool_call_id))
                return message->tool_calls[i].name;
    }
    return NULL;
}

static void write_call(llmc_encoding *encoding, const llmcost_tool_call *call, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    const char *arguments = call->arguments && *call->arguments ? call->arguments : "{}";
    if (!call->name || !*call->name)
        llmc_encoding_invalid(encoding, "messages[%u].tool_calls[0] needs a name", index);
    if (llmc_json_text_type(arguments) != LLMC_JSON_OBJECT)
        llmc_encoding_invalid(encoding, "messages[%u].tool_calls[0].arguments is no JSON object", index);
    llmc_json_write_member_object(json, "function_call");
    llmc_json_write_member_text(json, "name", call->name);
    llmc_json_write_member_text(json, "arguments", arguments);
    llmc_json_write_end_object(json);
}

static void write_message(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    static const char *const roles[] = { "user", "system", "assistant", "function" };
    llmc_json_writer *json = &encoding->json;
    if (message->role < 0 || message->role > LLMCOST_TOOL) {
        llmc_encoding_invalid(encoding, "messages[%u].role %d is unknown", index, (int)message->role);
        return;
    }
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "role", roles[message->role]);
    if (message->role == LLMCOST_TOOL) {
        const char *tool = tool_of(encoding->request, index);
        if (!tool)
            llmc_encoding_invalid(encoding, "messages[%u] answers no call of this conversation: set name", index);
        llmc_json_write_member_text(json, "name", tool);
    }
    llmc_encoding_joined(encoding, "content", message, LLMCOST_PART_TEXT, true);
    if (message->role == LLMCOST_ASSISTANT && message->tool_call_count)
        write_call(encoding, &message->tool_calls[0], index);
    llmc_json_write_end_object(json);
}

/* Texts of all system messages, with an empty line between them. */
static void write_system(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_buffer text;
    llmc_buffer_init(&text, encoding->json.out->allocator, encoding->json.out->maximum);
    bool any = false;
    for (uint32_t i = 0; i < request->message_count; i++) {
        const llmcost_message *message = &request->messages[i];
        if (message->role != LLMCOST_SYSTEM)
            continue;
        llmc_buffer_add_text(&text, any ? "\n\n" : "");
        any = true;
        if (message->text)
            llmc_buffer_add(&text, message->text, llmc_text_bytes(message->text, message->text_bytes));
        for (uint32_t j = 0, texts = 0; j < message->part_count; j++)
            if (message->parts[j].type == LLMCOST_PART_TEXT && message->parts[j].text) {
                llmc_buffer_add_text(&text, texts++ ? "\n" : "");
                llmc_buffer_add(&text, message->parts[j].text, llmc_text_bytes(message->parts[j].text, message->parts[j].text_bytes));
            }
    }
    if (text.failure)
        encoding->json.out->failure = text.failure;
    if (any && text.length && !text.failure) {
        llmc_encoding_member(encoding, "system");
        llmc_json_write_string(&encoding->json, text.data, text.length);
    }
    llmc_buffer_free(&text);
}

static void write_functions(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (!request->tool_count || request->tool_choice == LLMCOST_TOOLS_NONE)
        return;
    llmc_encoding_member_array(encoding, "functions");
    for (uint32_t i = 0; i < request->tool_count; i++) {
        const llmcost_tool *tool = &request->tools[i];
        const char *parameters = tool->parameters ? tool->parameters : "{\"type\":\"object\",\"properties\":{}}";
        if (!tool->name || !*tool->name)
            llmc_encoding_invalid(encoding, "tools[%u] needs a name", i);
        if (llmc_json_text_type(parameters) != LLMC_JSON_OBJECT)
            llmc_encoding_invalid(encoding, "tools[%u].parameters is no JSON object", i);
        llmc_json_write_begin_object(json);
        llmc_json_write_member_text(json, "name", tool->name);
        llmc_json_write_member_text(json, "description", tool->description ? tool->description : "");
        llmc_json_write_member_json(json, "parameters", parameters);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

/* Above 0 and not above 1: what is beyond is meant as far as it goes. */
static double within_unit(double value)
{
    return value < 0.01 ? 0.01 : value > 1 ? 1 : value;
}

static void write_sampling(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    if (request->max_tokens > 0)
        llmc_encoding_member_integer(encoding, "max_output_tokens", request->max_tokens);
    if (request->has_temperature)
        llmc_encoding_member_double(encoding, "temperature", within_unit(request->temperature));
    if (request->has_top_p)
        llmc_encoding_member_double(encoding, "top_p", request->top_p);
    if (request->stop_count) {
        llmc_encoding_member(encoding, "stop");
        llmc_encoding_texts(encoding, request->stop, NULL, request->stop_count);
    }
    if (request->end_user)
        llmc_encoding_member_text(encoding, "user_id", request->end_user);
}

static llmcost_status encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    static const char *const reserved[] = { "messages", "stream", "max_output_tokens", "functions", "system", NULL };
    llmc_encoding encoding;
    if (operation != LLMC_OP_CHAT)
        return llmc_unsupported(error, target, "this operation", "its first format has chats only");
    llmc_buffer_add_text(&out->path, "/chat/");
    llmc_sign_encode(&out->path, target->model, strlen(target->model), "");
    if (out->path.failure)
        return out->path.failure == LLMC_BUFFER_NO_MEMORY ? llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request")
                                                          : llmc_error_set(error, LLMCOST_E_INVALID, "the model's name is too long");
    llmc_encoding_begin(&encoding, request, target, out, error);
    llmc_encoding_member_array(&encoding, "messages");
    for (uint32_t i = 0; i < request->message_count; i++) {
        const llmcost_message *message = &request->messages[i];
        bool silent = message->role == LLMCOST_USER && llmc_says_nothing(message);
        if (message->role != LLMCOST_SYSTEM && !silent)
            write_message(&encoding, message, i);
    }
    llmc_json_write_end_array(&encoding.json);
    write_system(&encoding);
    llmc_encoding_member_bool(&encoding, "stream", target->stream);
    write_functions(&encoding);
    write_sampling(&encoding);
    llmc_encoding_extra(&encoding, reserved);
    return llmc_encoding_end(&encoding);
}

/* ---- decode ---- */

static v1_state *state_of(llmc_decoder *decoder)
{
    return decoder->state;
}

static void read_answer(llmc_json *json, v1_answer *answer)
{
    static const llmc_wanted_member wanted[] = {
        LLMC_WANTED(v1_answer, "id", id), LLMC_WANTED(v1_answer, "result", result), LLMC_WANTED(v1_answer, "function_call", function_call),
        LLMC_WANTED(v1_answer, "usage", usage), LLMC_WANTED(v1_answer, "finish_reason", finish_reason), LLMC_WANTED(v1_answer, "is_end", is_end),
        LLMC_WANTED(v1_answer, "is_truncated", is_truncated), LLMC_WANTED(v1_answer, "error_code", error_code),
    };
    llmc_read_wanted(json, wanted, sizeof wanted / sizeof wanted[0], answer);
}

/* The format names no model: it is in the URL. */
static llmcost_status introduce(llmc_decoder *decoder, const v1_answer *answer)
{
    if (state_of(decoder)->introduced)
        return LLMCOST_OK;
    llmc_buffer_clear(&decoder->scratch);
    llmc_decode_member(&answer->id, &decoder->scratch);
    const char *id = llmc_buffer_text(&decoder->scratch);
    if (!id)
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_sanitize(decoder->scratch.data);
    state_of(decoder)->introduced = true;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMC_EVENT_META, .text = id, .bytes = strlen(id), .tool_name = "" });
}

static llmcost_status announce(llmc_decoder *decoder, const v1_answer *answer)
{
    llmc_buffer *scratch = &decoder->scratch;
    llmc_buffer_clear(scratch);
    llmc_buffer_add_text(scratch, "call_");
    llmc_decode_member(&answer->id, scratch);
    llmc_buffer_add_byte(scratch, '\0');
    size_t name = scratch->length;
    llmc_decode_member(&answer->name, scratch);
    const char *id = llmc_buffer_text(scratch);
    if (!id)
        return llmc_decoder_no_memory(decoder);
    llmc_utf8_sanitize(scratch->data);
    llmc_utf8_sanitize(scratch->data + name);
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_TOOL_CALL, .tool_id = id, .tool_name = id + name });
}

/* It comes whole. */
static llmcost_status decode_call(llmc_decoder *decoder, v1_answer *answer)
{
    static const llmc_wanted_member wanted[] = { LLMC_WANTED(v1_answer, "name", name), LLMC_WANTED(v1_answer, "arguments", arguments) };
    const llmc_json_span nothing = { "{}", 2, false };
    llmc_json json;
    llmc_json_begin(&json, answer->function_call.text, answer->function_call.bytes);
    llmc_read_wanted(&json, wanted, sizeof wanted / sizeof wanted[0], answer);
    if (!answer->name.bytes || state_of(decoder)->called)
        return LLMCOST_OK;
    state_of(decoder)->called = true;
    llmcost_status status = announce(decoder, answer);
    return status ? status : llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TOOL_ARGUMENTS, 0, 0, answer->arguments.bytes ? &answer->arguments : &nothing, NULL);
}

static llmcost_status emit_usage(llmc_decoder *decoder, const llmc_json_span *usage)
{
    llmc_usage_counts counts;
    llmc_json json;
    llmc_json_key key;
    llmc_usage_counts_init(&counts);
    llmc_json_begin(&json, usage->text, usage->bytes);
    if (!usage->bytes || !llmc_json_object(&json))
        return LLMCOST_OK;
    while (llmc_json_next_key(&json, &key)) {
        if (llmc_json_key_is(&key, "prompt_tokens"))
            llmc_usage_read_count(&json, &counts.prompt);
        else if (llmc_json_key_is(&key, "completion_tokens"))
            llmc_usage_read_count(&json, &counts.completion);
        else if (llmc_json_key_is(&key, "total_tokens"))
            llmc_usage_read_count(&json, &counts.total);
        else
            llmc_json_skip(&json);
    }
    return llmc_decoder_emit_usage(decoder, &counts);
}

static llmcost_status finish(llmc_decoder *decoder, const v1_answer *answer)
{
    char word[LLMC_WORD_BYTES];
    llmcost_status status = llmc_decoder_flush_text(decoder, LLMCOST_EVENT_TEXT, 0, 0, &state_of(decoder)->text);
    if (status)
        return status;
    llmc_decode_word(&answer->finish_reason, word);
    llmcost_finish reason = LLMCOST_FINISH_STOP; /* "normal", "stop" */
    if (!strcmp(word, "content_filter"))
        reason = LLMCOST_FINISH_CONTENT_FILTER;
    else if (state_of(decoder)->called)
        reason = LLMCOST_FINISH_TOOL_CALLS;
    else if (!strcmp(word, "length") || llmc_json_key_is(&answer->is_truncated, "true"))
        reason = LLMCOST_FINISH_LENGTH;
    return llmc_decoder_emit(decoder, &(llmcost_event){ .kind = LLMCOST_EVENT_FINISH, .finish = reason, .finish_raw = word });
}

static llmcost_status decode_answer(llmc_decoder *decoder, v1_answer *answer)
{
    bool last = !decoder->stream || llmc_json_key_is(&answer->is_end, "true");
    llmcost_status status = introduce(decoder, answer);
    if (!status && answer->result.bytes)
        status = llmc_decoder_emit_text(decoder, LLMCOST_EVENT_TEXT, 0, 0, &answer->result, &state_of(decoder)->text);
    if (!status && answer->function_call.bytes)
        status = decode_call(decoder, answer);
    if (!status && last)
        status = finish(decoder, answer);
    if (!status)
        status = emit_usage(decoder, &answer->usage);
    decoder->finished = last && !status;
    return status;
}

static llmcost_status decode_frame(llmc_decoder *decoder, const llmc_frame *frame)
{
    llmc_json json;
    v1_answer answer = { 0 };
    if (decoder->finished)
        return LLMCOST_OK;
    if (llmc_decoder_refused(decoder))
        return llmc_decode_error_body(decoder->error, decoder->http_status, frame->data, frame->bytes);
    llmc_json_begin(&json, frame->data, frame->bytes);
    read_answer(&json, &answer);
    if (!llmc_json_end(&json))
        return llmc_decoder_malformed(decoder, &json, NULL);
    if (answer.error_code.bytes || (!answer.id.bytes && !answer.result.text && !answer.is_end.bytes))
        return llmc_decode_error_in_success(decoder, frame, "an answer without a result");
    return decode_answer(decoder, &answer);
}

static void decode_begin(llmc_decoder *decoder)
{
    (void)decoder;
}

static void decode_free(llmc_decoder *decoder)
{
    (void)decoder;
}

static bool has_operation(llmc_operation_id operation)
{
    return operation == LLMC_OP_CHAT;
}

const llmc_codec llmc_codec_qianfan_v1 = {
    .name = "qianfan_v1", .has_operation = has_operation, .check = check, .encode = encode, .stream_framing = &llmc_framing_sse, .stream_type = "text/event-stream",
    .decoder_bytes = sizeof(v1_state), .decode_begin = decode_begin, .decode_frame = decode_frame, .decode_end = llmc_decoder_end_early, .decode_free = decode_free,
};
