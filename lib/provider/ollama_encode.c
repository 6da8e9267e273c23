/*
 * A request in Ollama's own format.
 *
 * Content is one string: text parts are joined by line ends, images stand beside the text. The arguments of a tool call
 * are an object here. A result names its tool, which is looked up in the call that it answers. Whether to stream is
 * always written, for the server's default is to stream. Members of extra's "options" join ours.
 *
 * What is left out: cache marks (the server caches by itself), strictness of tools (it promises none), the name of a
 * schema (a label), what an embedding is for (its models make one kind only), and signatures and hidden reasoning, which
 * belong to other formats. Reasoning goes back on turns with tool calls.
 */
#include "provider/ollama_codec.h"

#include "provider/asks.h"
#include "provider/conversation.h"
#include "provider/foreign.h"
#include "provider/encoding.h"

/* ---- check ---- */

static bool asks_unknown_effort(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->effort == LLMCOST_EFFORT_MINIMAL || request->effort == LLMCOST_EFFORT_XHIGH;
}

static const llmc_incapability incapabilities[] = {
    { 0, llmc_asks_custom_tools, "custom tools", "use functions, or a provider that has them" },
    { 0, llmc_asks_several, "n", "ask for one choice per call" },
    { 0, llmc_asks_forced_tool, "tool_choice", "use auto, or leave all tools but one out and ask for it in the prompt" },
    { 0, llmc_asks_one_by_one, "parallel_tool_calls", "leave it at the default, and answer the calls one after the other" },
    { 0, asks_unknown_effort, "effort", "choose none, low, medium, high or max" },
    { 0, llmc_asks_budget_only, "thinking_budget_tokens", "set effort instead" },
    { 0, llmc_asks_end_user, "end_user", "leave it out" },
    { 0, llmc_asks_above_20_logprobs, "top_logprobs", "ask for at most 20" },
};

static llmcost_status check_part(const llmcost_message *message, uint32_t index, const llmcost_part *part, const llmc_codec_target *target, llmcost_error *error)
{
    bool image = part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL;
    if (part->type == LLMCOST_PART_AUDIO)
        return llmc_unsupported_in(error, target, index, " audio", "send its transcript as text, or use a provider that hears");
    if (part->type == LLMCOST_PART_DOCUMENT)
        return llmc_unsupported_in(error, target, index, " document", "send its text, or pictures of its pages");
    if (!image)
        return LLMCOST_OK;
    if (message->role != LLMCOST_USER)
        return llmc_unsupported_in(error, target, index, " image", "put images into user messages");
    if (part->detail && strcmp(part->detail, "auto") != 0)
        return llmc_unsupported_in(error, target, index, " image detail", "leave detail out; send a smaller image instead");
    if (part->type == LLMCOST_PART_IMAGE_URL && part->url && *part->url && strncmp(part->url, "data:", 5) != 0)
        return llmc_unsupported_in(error, target, index, " image URL", "send the image's data");
    return LLMCOST_OK;
}

static const llmc_conversation_rules rules = { .names_tools = true, .check_part = check_part };

/* OpenAI's own members that this format has, too, though elsewhere. */
static const char *const penalties[] = { "presence_penalty", "frequency_penalty", NULL };

llmcost_status llmc_ollama_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    if (operation != LLMC_OP_CHAT)
        return LLMCOST_OK;
    llmcost_status status = llmc_check_capabilities(incapabilities, sizeof incapabilities / sizeof incapabilities[0], request, target, error);
    if (!status)
        status = llmc_check_foreign(penalties, request, target, error);
    return status ? status : llmc_check_conversation(&rules, request, target, error);
}

/* ---- messages ---- */

static void write_image(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    char media_type[64];
    const char *base64;
    if (part->type == LLMCOST_PART_IMAGE && part->data)
        llmc_json_write_base64(json, "", part->data, part->data_bytes);
    else if (part->type == LLMCOST_PART_IMAGE)
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u] needs data", message, index);
    else if (!part->url || !*part->url)
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u].url is missing", message, index);
    else if (llmc_data_url(part->url, media_type, &base64))
        llmc_json_write_text(json, base64);
    else
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u].url is no base64 data URL", message, index);
}

static void write_images(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    bool any = false;
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (part->type < LLMCOST_PART_TEXT || part->type > LLMCOST_PART_FILE)
            llmc_encoding_invalid(encoding, "messages[%u].parts[%u].type %d is unknown", index, i, (int)part->type);
        if (part->type != LLMCOST_PART_IMAGE && part->type != LLMCOST_PART_IMAGE_URL)
            continue;
        if (!any)
            llmc_json_write_member_array(&encoding->json, "images");
        any = true;
        write_image(encoding, part, index, i);
    }
    if (any)
        llmc_json_write_end_array(&encoding->json);
}

static void write_tool_calls(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    llmc_json_write_member_array(json, "tool_calls");
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        const llmcost_tool_call *call = &message->tool_calls[i];
        const char *arguments = call->arguments && *call->arguments ? call->arguments : "{}";
        if (!call->id || !*call->id || !call->name || !*call->name)
            llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u] needs an id and a name", index, i);
        if (llmc_json_text_type(arguments) != LLMC_JSON_OBJECT)
            llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u].arguments is no JSON object", index, i);
        llmc_json_write_begin_object(json);
        llmc_json_write_member_text(json, "id", call->id);
        llmc_json_write_member_object(json, "function");
        llmc_json_write_member_text(json, "name", call->name);
        llmc_json_write_member_json(json, "arguments", arguments);
        llmc_json_write_end_object(json);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

/* The tool whose call this result answers: the latest with its id; NULL: it is not in this conversation any more. */
static const char *tool_of(const llmcost_request *request, uint32_t index)
{
    const llmcost_message *result = &request->messages[index];
    if (result->name)
        return result->name;
    while (index-- > 0) {
        const llmcost_message *message = &request->messages[index];
        for (uint32_t i = message->tool_call_count; i-- > 0;)
            if (message->tool_calls[i].id && !strcmp(message->tool_calls[i].id, result->tool_call_id))
                return message->tool_calls[i].name;
    }
    return NULL;
}

static void write_result_head(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    if (!message->tool_call_id || !*message->tool_call_id) {
        llmc_encoding_invalid(encoding, "messages[%u].tool_call_id is missing", index);
        return;
    }
    const char *tool = tool_of(encoding->request, index);
    if (tool)
        llmc_json_write_member_text(json, "tool_name", tool);
    llmc_json_write_member_text(json, "tool_call_id", message->tool_call_id);
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
    if (message->role == LLMCOST_TOOL)
        write_result_head(encoding, message, index);
    llmc_encoding_joined(encoding, "content", message, LLMCOST_PART_TEXT, true);
    write_images(encoding, message, index);
    if (message->role == LLMCOST_ASSISTANT && message->tool_call_count) {
        llmc_encoding_joined(encoding, "thinking", message, LLMCOST_PART_REASONING, false);
        write_tool_calls(encoding, message, index);
    }
    llmc_json_write_end_object(json);
}

/* ---- the rest ---- */

static void write_tools(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    if (request->tool_count && request->tool_choice != LLMCOST_TOOLS_NONE)
        llmc_encoding_functions(encoding, "{\"type\":\"object\",\"properties\":{}}", false);
}

static void write_format(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    if (request->format == LLMCOST_FORMAT_TEXT)
        return;
    llmc_encoding_member(encoding, "format");
    if (request->format == LLMCOST_FORMAT_JSON)
        llmc_json_write_text(&encoding->json, "json");
    else if (!request->format_schema || llmc_json_text_type(request->format_schema) != LLMC_JSON_OBJECT)
        llmc_encoding_invalid(encoding, "format_schema is no JSON object");
    else
        llmc_json_write_raw(&encoding->json, request->format_schema, strlen(request->format_schema));
}

static void write_think(llmc_encoding *encoding)
{
    const char *effort = llmc_effort_name(encoding->request->effort);
    if (!effort)
        return;
    llmc_encoding_member(encoding, "think");
    if (encoding->request->effort == LLMCOST_EFFORT_NONE)
        llmc_json_write_bool(&encoding->json, false);
    else
        llmc_json_write_text(&encoding->json, effort);
}

static void write_logprobs(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    if (request->top_logprobs && !request->logprobs)
        llmc_encoding_invalid(encoding, "top_logprobs needs logprobs");
    if (request->logprobs)
        llmc_encoding_member_bool(encoding, "logprobs", true);
    if (request->top_logprobs)
        llmc_encoding_member_integer(encoding, "top_logprobs", request->top_logprobs);
}

static void option(llmc_encoding *encoding, const char **taken, const char *name)
{
    while (*taken)
        taken++;
    *taken = name;
    llmc_json_write_key(&encoding->json, name);
}

static void write_options(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    const char *taken[8] = { "num_predict" }; /* also when it is not set: it bounds what a call may cost */
    llmc_json_span extra, values[2];
    bool given[2] = { llmc_encoding_take_foreign(encoding, penalties[0], &values[0]), llmc_encoding_take_foreign(encoding, penalties[1], &values[1]) };
    bool ours = given[0] || given[1] || request->max_tokens > 0 || request->has_temperature || request->has_top_p || request->has_seed || request->stop_count;
    if (!ours && !llmc_encoding_extra_member(encoding, "options", &extra))
        return;
    llmc_encoding_member_object(encoding, "options");
    if (request->max_tokens > 0)
        llmc_json_write_member_integer(json, "num_predict", request->max_tokens);
    if (request->has_temperature) {
        option(encoding, taken, "temperature");
        llmc_json_write_double(json, request->temperature);
    }
    if (request->has_top_p) {
        option(encoding, taken, "top_p");
        llmc_json_write_double(json, request->top_p);
    }
    if (request->has_seed) {
        option(encoding, taken, "seed");
        llmc_json_write_integer(json, request->seed);
    }
    if (request->stop_count) {
        option(encoding, taken, "stop");
        llmc_encoding_texts(encoding, request->stop, NULL, request->stop_count);
    }
    for (size_t i = 0; penalties[i]; i++)
        if (given[i]) {
            option(encoding, taken, penalties[i]);
            llmc_json_write_raw(json, values[i].text, values[i].bytes);
        }
    llmc_encoding_merge_extra(encoding, "options", taken);
    llmc_json_write_end_object(json);
}

static void write_chat(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    encoding->known = penalties;
    llmc_encoding_member_array(encoding, "messages");
    for (uint32_t i = 0; i < request->message_count; i++)
        write_message(encoding, &request->messages[i], i);
    llmc_json_write_end_array(&encoding->json);
    llmc_encoding_member_bool(encoding, "stream", encoding->target->stream);
    write_tools(encoding);
    write_format(encoding);
    write_think(encoding);
    write_logprobs(encoding);
    write_options(encoding);
}

static void write_inputs(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_encoding_member(encoding, "input");
    llmc_encoding_texts(encoding, request->inputs, request->input_bytes, request->input_count);
    if (request->dimensions > 0)
        llmc_encoding_member_integer(encoding, "dimensions", request->dimensions);
}

llmcost_status llmc_ollama_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    static const char *const reserved[] = { "model", "messages", "stream", "input", NULL };
    llmcost_status status = LLMCOST_OK;
    if (operation == LLMC_OP_LIST_MODELS) {
        out->method = "GET";
        llmc_buffer_add_text(&out->path, "/api/tags");
    } else {
        llmc_encoding encoding;
        llmc_buffer_add_text(&out->path, operation == LLMC_OP_EMBED ? "/api/embed" : "/api/chat");
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
