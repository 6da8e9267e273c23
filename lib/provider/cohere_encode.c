/*
 * A request in Cohere's format (v2).
 *
 * Reasoning of an earlier answer goes back on turns with tool calls as the plan of the tools. An effort becomes a budget
 * of thinking tokens (low 1,024, medium 4,096, high 16,384, xhigh 32,768, max none; never more than half of max_tokens)
 * unless the request names a budget itself. The host takes p from 0.01 to 0.99 only, and what is beyond goes as the
 * nearest. An embedding must say what it is for: documents, where the request does not.
 *
 * What is left out: system text and turns that say nothing (of the user only behind a tool's), cache marks (the host
 * caches by itself), the name of a schema (a label), its strictness (schemas always hold), and signatures and hidden
 * reasoning, which belong to other formats.
 */
#include "provider/cohere_codec.h"

#include "provider/asks.h"
#include "provider/conversation.h"
#include "provider/foreign.h"
#include "provider/encoding.h"

/* ---- check ---- */

static bool asks_one_tool(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->tool_choice == LLMCOST_TOOLS_ONE;
}

static uint32_t strict_tools(const llmcost_request *request)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < request->tool_count; i++)
        count += request->tools[i].strict != 0;
    return count;
}

static bool asks_some_strict(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    uint32_t count = strict_tools(request);
    return count && count < request->tool_count;
}

static bool asks_format_beside_tools(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->format != LLMCOST_FORMAT_TEXT && request->tool_count;
}

static bool asks_top_logprobs(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->top_logprobs > 0;
}

static bool asks_minimal_effort(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->effort == LLMCOST_EFFORT_MINIMAL;
}

/* OpenAI's own members that this format has, too. */
static const char *const penalties[] = { "presence_penalty", "frequency_penalty", NULL };

static const llmc_incapability incapabilities[] = {
    { 0, llmc_asks_custom_tools, "custom tools", "use functions, or a provider that has them" },
    { 0, llmc_asks_several, "n", "ask for one choice per call" },
    { 0, asks_one_tool, "tool_choice", "use required, and give that tool alone" },
    { 0, llmc_asks_one_by_one, "parallel_tool_calls", "leave it at the default, and answer the calls one after the other" },
    { 0, asks_some_strict, "strict", "make all tools strict, or none" },
    { 0, asks_format_beside_tools, "format", "leave tools out, or ask for JSON in the prompt" },
    { 0, asks_top_logprobs, "top_logprobs", "leave it out; logprobs has those of the chosen tokens" },
    { 0, llmc_asks_above_5_stops, "stop", "give at most 5 stop texts" },
    { 0, asks_minimal_effort, "effort", "choose none, or low or more" },
    { 0, llmc_asks_end_user, "end_user", "leave it out" },
};

static llmcost_status check_part(const llmcost_message *message, uint32_t index, const llmcost_part *part, const llmc_codec_target *target, llmcost_error *error)
{
    bool image = part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL;
    if (part->type == LLMCOST_PART_AUDIO)
        return llmc_unsupported_in(error, target, index, " audio", "send its transcript as text, or use a provider that hears");
    if (part->type == LLMCOST_PART_DOCUMENT)
        return llmc_unsupported_in(error, target, index, " document", "send its text, or pass {\"documents\": [...]} in extra");
    if (image && message->role != LLMCOST_USER)
        return llmc_unsupported_in(error, target, index, " image", "put images into user messages");
    return LLMCOST_OK;
}

static const llmc_conversation_rules rules = { .names_tools = true, .user_speaks = true, .check_part = check_part };

/* Between 0 and 1; OpenAI's between -2 and 2. */
static llmcost_status check_penalties(const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    llmc_json json;
    llmc_json_span value;
    double penalty;
    for (size_t i = 0; penalties[i]; i++) {
        if (!llmc_encoding_extra_member(&(llmc_encoding){ .request = request }, penalties[i], &value))
            continue;
        llmc_json_begin(&json, value.text, value.bytes);
        if (llmc_json_double(&json, &penalty) && (penalty < 0 || penalty > 1))
            return llmc_unsupported(error, target, penalties[i], "use 0 to 1");
    }
    return llmc_check_foreign(penalties, request, target, error);
}

llmcost_status llmc_cohere_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    if (operation != LLMC_OP_CHAT)
        return LLMCOST_OK;
    llmcost_status status = llmc_check_capabilities(incapabilities, sizeof incapabilities / sizeof incapabilities[0], request, target, error);
    if (!status)
        status = check_penalties(request, target, error);
    return status ? status : llmc_check_conversation(&rules, request, target, error);
}

/* ---- messages ---- */

/* A string where there is text alone, an array where there are images. */
static void write_content(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    bool images = false;
    for (uint32_t i = 0; i < message->part_count; i++) {
        int32_t type = message->parts[i].type;
        if (type < LLMCOST_PART_TEXT || type > LLMCOST_PART_FILE)
            llmc_encoding_invalid(encoding, "messages[%u].parts[%u].type %d is unknown", index, i, (int)type);
        images = images || type == LLMCOST_PART_IMAGE || type == LLMCOST_PART_IMAGE_URL;
    }
    if (!images) {
        llmc_encoding_joined(encoding, "content", message, LLMCOST_PART_TEXT, !message->tool_call_count);
        return;
    }
    llmc_json_write_member_array(&encoding->json, "content");
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (part->type == LLMCOST_PART_TEXT)
            llmc_encoding_text_part(encoding, part->text, llmc_text_bytes(part->text, part->text_bytes));
        else if (part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL)
            llmc_encoding_image_part(encoding, part, index, i);
    }
    llmc_json_write_end_array(&encoding->json);
}

static void write_message(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    static const char *const roles[] = { "user", "system", "assistant", "tool" };
    llmc_json_writer *json = &encoding->json;
    if (message->role < 0 || message->role > LLMCOST_TOOL) {
        llmc_encoding_invalid(encoding, "messages[%u].role %d is unknown", index, (int)message->role);
        return;
    }
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "role", roles[message->role]);
    if (message->role == LLMCOST_TOOL) {
        if (!message->tool_call_id || !*message->tool_call_id)
            llmc_encoding_invalid(encoding, "messages[%u].tool_call_id is missing", index);
        llmc_json_write_member_text(json, "tool_call_id", message->tool_call_id);
    }
    write_content(encoding, message, index);
    if (message->role == LLMCOST_ASSISTANT && message->tool_call_count) {
        llmc_encoding_joined(encoding, "tool_plan", message, LLMCOST_PART_REASONING, false);
        llmc_encoding_tool_calls(encoding, message, index, NULL);
    }
    llmc_json_write_end_object(json);
}

/* ---- tools, format, thinking ---- */

static void write_tools(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    if (request->tool_count == 0) {
        if (request->tool_choice == LLMCOST_TOOLS_REQUIRED)
            llmc_encoding_invalid(encoding, "tool_choice asks for a tool, but there are none");
        return;
    }
    llmc_encoding_functions(encoding, "{\"type\":\"object\",\"properties\":{}}", false);
    if (strict_tools(request))
        llmc_encoding_member_bool(encoding, "strict_tools", true);
    if (request->tool_choice != LLMCOST_TOOLS_AUTO)
        llmc_encoding_member_text(encoding, "tool_choice", request->tool_choice == LLMCOST_TOOLS_NONE ? "NONE" : "REQUIRED");
}

static void write_format(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (request->format == LLMCOST_FORMAT_TEXT)
        return;
    llmc_encoding_member_object(encoding, "response_format");
    llmc_json_write_member_text(json, "type", "json_object");
    if (request->format == LLMCOST_FORMAT_JSON_SCHEMA) {
        bool sound = request->format_schema && llmc_json_text_type(request->format_schema) == LLMC_JSON_OBJECT;
        if (!sound)
            llmc_encoding_invalid(encoding, "format_schema is no JSON object");
        llmc_json_write_member_json(json, "json_schema", sound ? request->format_schema : "{}");
    }
    llmc_json_write_end_object(json);
}

/* 0: without a bound. */
static int64_t budget_of(const llmcost_request *request)
{
    static const int64_t budgets[] = { [LLMCOST_EFFORT_LOW] = 1024, [LLMCOST_EFFORT_MEDIUM] = 4096, [LLMCOST_EFFORT_HIGH] = 16384, [LLMCOST_EFFORT_XHIGH] = 32768 };
    if (request->thinking_budget_tokens > 0)
        return request->thinking_budget_tokens;
    if (request->effort < LLMCOST_EFFORT_LOW || request->effort > LLMCOST_EFFORT_XHIGH)
        return 0;
    int64_t budget = budgets[request->effort];
    return request->max_tokens > 1 && budget > request->max_tokens / 2 ? request->max_tokens / 2 : budget;
}

static void write_thinking(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    bool off = request->effort == LLMCOST_EFFORT_NONE;
    if (request->effort == LLMCOST_EFFORT_DEFAULT && request->thinking_budget_tokens <= 0)
        return;
    llmc_encoding_member_object(encoding, "thinking");
    llmc_json_write_member_text(json, "type", off ? "disabled" : "enabled");
    if (!off && budget_of(request))
        llmc_json_write_member_integer(json, "token_budget", budget_of(request));
    llmc_json_write_end_object(json);
}

/* ---- the rest ---- */

static void write_sampling(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    if (request->max_tokens > 0)
        llmc_encoding_member_integer(encoding, "max_tokens", request->max_tokens);
    if (request->has_temperature)
        llmc_encoding_member_double(encoding, "temperature", request->temperature);
    if (request->has_top_p)
        llmc_encoding_member_double(encoding, "p", request->top_p < 0.01 ? 0.01 : request->top_p > 0.99 ? 0.99 : request->top_p);
    if (request->stop_count) {
        llmc_encoding_member(encoding, "stop_sequences");
        llmc_encoding_texts(encoding, request->stop, NULL, request->stop_count);
    }
    if (request->has_seed)
        llmc_encoding_member_integer(encoding, "seed", request->seed);
    if (request->logprobs)
        llmc_encoding_member_bool(encoding, "logprobs", true);
}

static void write_chat(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    encoding->known = penalties;
    llmc_encoding_member_array(encoding, "messages");
    for (uint32_t i = 0; i < request->message_count; i++) {
        const llmcost_message *message = &request->messages[i];
        bool may_be_silent = message->role == LLMCOST_ASSISTANT || message->role == LLMCOST_SYSTEM || message->role == LLMCOST_USER;
        if (!may_be_silent || message->tool_call_count || !llmc_says_nothing(message))
            write_message(encoding, message, i);
    }
    llmc_json_write_end_array(&encoding->json);
    write_tools(encoding);
    write_format(encoding);
    write_thinking(encoding);
    write_sampling(encoding);
    if (encoding->target->stream)
        llmc_encoding_member_bool(encoding, "stream", true);
}

static void write_inputs(llmc_encoding *encoding)
{
    static const char *const purposes[] = { "search_document", "search_document", "search_query", "classification", "clustering" };
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    bool known = request->input_purpose >= 0 && request->input_purpose <= LLMCOST_INPUT_CLUSTERING;
    llmc_encoding_member(encoding, "texts");
    llmc_encoding_texts(encoding, request->inputs, request->input_bytes, request->input_count);
    llmc_encoding_member_text(encoding, "input_type", purposes[known ? request->input_purpose : 0]);
    llmc_encoding_member_array(encoding, "embedding_types");
    llmc_json_write_text(json, "float");
    llmc_json_write_end_array(json);
    if (request->dimensions > 0)
        llmc_encoding_member_integer(encoding, "output_dimension", request->dimensions);
}

llmcost_status llmc_cohere_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    static const char *const reserved[] = { "model", "messages", "max_tokens", "stream", "texts", "inputs", "images", NULL };
    llmcost_status status = LLMCOST_OK;
    if (operation == LLMC_OP_LIST_MODELS) {
        out->method = "GET";
        llmc_buffer_add_text(&out->path, "/v1/models?page_size=1000"); /* the default is a page of 20 */
    } else {
        llmc_encoding encoding;
        llmc_buffer_add_text(&out->path, operation == LLMC_OP_EMBED ? "/v2/embed" : "/v2/chat");
        llmc_encoding_begin(&encoding, request, target, out, error);
        llmc_encoding_member_text(&encoding, "model", target->model);
        if (operation == LLMC_OP_EMBED)
            write_inputs(&encoding);
        else
            write_chat(&encoding);
        llmc_encoding_extra(&encoding, reserved);
        status = llmc_encoding_end(&encoding);
    }
    return status || !out->path.failure ? status : llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request");
}
