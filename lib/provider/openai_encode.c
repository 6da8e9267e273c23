/*
 * A request as an OpenAI chat-completions body, in the dialect of the host at hand (quirks).
 *
 * What the dialect has no member for is said the nearest way there is: a failed tool's result begins with "Error: ".
 * Reasoning of an earlier answer goes back on turns with tool calls, to hosts that read reasoning_content; elsewhere it
 * is left out, since no host of this dialect takes it, and so are signatures and hidden reasoning, which belong to
 * another format. Cache marks are left out too: these hosts cache by themselves.
 */
#include "provider/openai_codec.h"

#include "provider/encoding.h"

#include <stdio.h>

static bool asks_effort(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->effort != LLMCOST_EFFORT_DEFAULT;
}

static bool asks_budget_only(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->thinking_budget_tokens && request->effort == LLMCOST_EFFORT_DEFAULT;
}

static bool asks_seed(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->has_seed;
}

static bool asks_several(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->n > 1;
}

static bool asks_too_many(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->n > 128;
}

static bool asks_logprobs(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->logprobs || request->top_logprobs;
}

static bool asks_many_logprobs(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->top_logprobs > 20;
}

static bool asks_stop(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->stop_count > 0;
}

static bool asks_many_stops(const llmcost_request *request, const llmc_codec_target *target)
{
    return llmc_openai_is_own(target) && request->stop_count > 4;
}

/* o1 and o3-mini still took it. */
static bool asks_stop_of_reasoning_model(const llmcost_request *request, const llmc_codec_target *target)
{
    const char *model = target->model;
    bool early = !strncmp(model, "o1", 2) || !strncmp(model, "o3-mini", 7);
    return llmc_openai_is_own(target) && request->stop_count > 0 && llmc_openai_model_reasons(model) && !early;
}

static bool asks_images(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return llmc_request_has_part(request, LLMCOST_PART_IMAGE) || llmc_request_has_part(request, LLMCOST_PART_IMAGE_URL);
}

static bool asks_tools(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->tool_count > 0;
}

static bool asks_schema(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->format == LLMCOST_FORMAT_JSON_SCHEMA;
}

static bool asks_temperature_above(const llmcost_request *request, const llmc_codec_target *target)
{
    double limit = target->quirks & LLMC_QUIRK(OPEN_UNIT_SAMPLING) ? 1.0 : 2.0;
    return request->has_temperature && request->temperature > limit;
}

static const llmc_incapability incapabilities[] = {
    { LLMC_QUIRK(NO_SEED), asks_seed, "seed", "leave has_seed 0" },
    { LLMC_QUIRK(NO_N), asks_several, "n", "ask for one choice per call" },
    { 0, asks_too_many, "n", "ask for at most 128 choices" },
    { LLMC_QUIRK(NO_LOGPROBS), asks_logprobs, "logprobs", "leave logprobs and top_logprobs 0" },
    { 0, asks_many_logprobs, "top_logprobs", "ask for at most 20" },
    { LLMC_QUIRK(NO_STOP), asks_stop, "stop", "cut the answer yourself" },
    { 0, asks_stop_of_reasoning_model, "stop", "this model takes no stop texts; cut the answer yourself" },
    { 0, asks_many_stops, "stop", "give at most 4 stop texts" },
    { LLMC_QUIRK(NO_IMAGES), asks_images, "images", "send text only, or use a provider that sees" },
    { LLMC_QUIRK(NO_TOOLS), asks_tools, "tools", "leave tools out, or use a provider that has them" },
    { LLMC_QUIRK(NO_JSON_SCHEMA), asks_schema, "format_schema", "use LLMCOST_FORMAT_JSON and describe the schema in the prompt" },
    { LLMC_QUIRK(NO_EFFORT), asks_effort, "effort", "leave it at the default, or pass the host's own member in extra" },
    { 0, llmc_openai_asks_refused_effort, "effort", "this value is not taken; choose another, or pass the host's own member in extra" },
    { 0, asks_budget_only, "thinking_budget_tokens", "set effort, or pass the host's own member in extra" },
    { 0, llmc_openai_asks_temperature_while_reasoning, "temperature", "leave it out while the model reasons, or set effort to none where the model takes that" },
    { 0, llmc_openai_asks_top_p_while_reasoning, "top_p", "leave it out while the model reasons, or set effort to none where the model takes that" },
    { 0, asks_temperature_above, "temperature", "lower it (at most 2, at some hosts 1)" },
};

static llmcost_status check_messages(const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    for (uint32_t i = 0; i < request->message_count; i++) {
        const llmcost_message *message = &request->messages[i];
        for (uint32_t j = 0; j < message->part_count && message->role != LLMCOST_USER; j++) {
            int32_t type = message->parts[j].type;
            if (type == LLMCOST_PART_IMAGE || type == LLMCOST_PART_IMAGE_URL)
                return llmc_unsupported_in(error, target, i, " image", "put images into user messages");
        }
    }
    return LLMCOST_OK;
}

llmcost_status llmc_openai_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    if (operation != LLMC_OP_CHAT)
        return LLMCOST_OK;
    llmcost_status status = llmc_check_capabilities(incapabilities, sizeof incapabilities / sizeof incapabilities[0], request, target, error);
    return status ? status : check_messages(request, target, error);
}

/* ---- messages ---- */

static bool is_visible(const llmcost_part *part)
{
    return part->type != LLMCOST_PART_REASONING && part->type != LLMCOST_PART_REASONING_HIDDEN;
}

static void write_text_part(llmc_json_writer *json, const char *text, size_t bytes)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "type");
    llmc_json_write_string(json, "text", 4);
    llmc_json_write_key(json, "text");
    llmc_json_write_string(json, text ? text : "", bytes);
    llmc_json_write_end_object(json);
}

static void write_image(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "type");
    llmc_json_write_text(json, "image_url");
    llmc_json_write_key(json, "image_url");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "url");
    if (part->type == LLMCOST_PART_IMAGE_URL) {
        if (!part->url || !*part->url)
            llmc_encoding_invalid(encoding, "messages[%u].parts[%u].url is missing", message, index);
        llmc_json_write_text(json, part->url);
    } else if (!llmc_media_type_is_sane(part->media_type) || !part->data) {
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u] needs data and a media_type such as image/png", message, index);
        llmc_json_write_null(json);
    } else {
        char prefix[96];
        snprintf(prefix, sizeof prefix, "data:%s;base64,", part->media_type);
        llmc_json_write_base64(json, prefix, part->data, part->data_bytes);
    }
    if (part->detail) {
        llmc_json_write_key(json, "detail");
        llmc_json_write_text(json, part->detail);
    }
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

static void write_parts(llmc_encoding *encoding, const llmcost_message *message, uint32_t index, bool failed)
{
    llmc_json_write_begin_array(&encoding->json);
    if (failed)
        write_text_part(&encoding->json, "Error:", 6);
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (part->type == LLMCOST_PART_TEXT)
            write_text_part(&encoding->json, part->text, llmc_text_bytes(part->text, part->text_bytes));
        else if (part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL)
            write_image(encoding, part, index, i);
        else if (is_visible(part))
            llmc_encoding_invalid(encoding, "messages[%u].parts[%u].type %d is unknown", index, i, (int)part->type);
    }
    llmc_json_write_end_array(&encoding->json);
}

/* A string where there is one text, which every imitator reads; an array where there is more. */
static void write_content(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    const char *text = message->text;
    size_t bytes = llmc_text_bytes(text, message->text_bytes);
    uint32_t visible = 0;
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (!is_visible(part))
            continue;
        visible++;
        text = part->type == LLMCOST_PART_TEXT ? part->text : NULL;
        bytes = llmc_text_bytes(text, part->text_bytes);
    }
    bool failed = message->role == LLMCOST_TOOL && message->is_error;
    llmc_json_write_key(&encoding->json, "content");
    if (visible > 1 || (visible == 1 && !text)) {
        write_parts(encoding, message, index, failed);
    } else if (failed) {
        llmc_buffer marked;
        llmc_buffer_init(&marked, encoding->json.out->allocator, encoding->json.out->maximum);
        llmc_buffer_add_text(&marked, "Error: ");
        llmc_buffer_add(&marked, text, bytes);
        if (marked.failure)
            encoding->json.out->failure = marked.failure;
        else
            llmc_json_write_string(&encoding->json, marked.data, marked.length);
        llmc_buffer_free(&marked);
    } else if (!bytes && message->tool_call_count) {
        llmc_json_write_null(&encoding->json);
    } else {
        llmc_json_write_string(&encoding->json, text ? text : "", bytes);
    }
}

static void write_reasoning(llmc_encoding *encoding, const llmcost_message *message)
{
    llmc_buffer joined;
    llmc_buffer_init(&joined, encoding->json.out->allocator, encoding->json.out->maximum);
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (part->type == LLMCOST_PART_REASONING)
            llmc_buffer_add(&joined, part->text, llmc_text_bytes(part->text, part->text_bytes));
    }
    if (joined.failure) {
        encoding->json.out->failure = joined.failure;
    } else if (joined.length) {
        llmc_json_write_key(&encoding->json, "reasoning_content");
        llmc_json_write_string(&encoding->json, joined.data, joined.length);
    }
    llmc_buffer_free(&joined);
}

static void write_tool_calls(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    llmc_json_write_key(json, "tool_calls");
    llmc_json_write_begin_array(json);
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        const llmcost_tool_call *call = &message->tool_calls[i];
        const char *arguments = call->arguments && *call->arguments ? call->arguments : "{}";
        if (!call->id || !call->name || !*call->name)
            llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u] needs an id and a name", index, i);
        if (llmc_json_text_type(arguments) == LLMC_JSON_NONE)
            llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u].arguments is no JSON", index, i);
        llmc_json_write_begin_object(json);
        llmc_json_write_key(json, "id");
        llmc_json_write_text(json, call->id);
        llmc_json_write_key(json, "type");
        llmc_json_write_text(json, "function");
        llmc_json_write_key(json, "function");
        llmc_json_write_begin_object(json);
        llmc_json_write_key(json, "name");
        llmc_json_write_text(json, call->name);
        llmc_json_write_key(json, "arguments");
        llmc_json_write_text(json, arguments);
        llmc_json_write_end_object(json);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

static void write_message(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    static const char *const roles[] = { "user", "system", "assistant", "tool" };
    llmc_json_writer *json = &encoding->json;
    if (message->role < 0 || message->role > LLMCOST_TOOL) {
        llmc_encoding_invalid(encoding, "messages[%u].role %d is unknown", index, (int)message->role);
        return;
    }
    bool developer = message->role == LLMCOST_SYSTEM && (encoding->target->quirks & LLMC_QUIRK(DEVELOPER_ROLE)) && llmc_openai_model_reasons(encoding->target->model);
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "role");
    llmc_json_write_text(json, developer ? "developer" : roles[message->role]);
    if (message->role == LLMCOST_TOOL) {
        if (!message->tool_call_id || !*message->tool_call_id)
            llmc_encoding_invalid(encoding, "messages[%u].tool_call_id is missing", index);
        llmc_json_write_key(json, "tool_call_id");
        llmc_json_write_text(json, message->tool_call_id);
    }
    if (message->name) {
        llmc_json_write_key(json, "name");
        llmc_json_write_text(json, message->name);
    }
    write_content(encoding, message, index);
    if (message->role == LLMCOST_ASSISTANT && message->tool_call_count) {
        if (encoding->target->quirks & LLMC_QUIRK(REASONING_CONTENT))
            write_reasoning(encoding, message);
        write_tool_calls(encoding, message, index);
    }
    llmc_json_write_end_object(json);
}

static void write_messages(llmc_encoding *encoding)
{
    llmc_encoding_member(encoding, "messages");
    llmc_json_write_begin_array(&encoding->json);
    for (uint32_t i = 0; i < encoding->request->message_count; i++)
        write_message(encoding, &encoding->request->messages[i], i);
    llmc_json_write_end_array(&encoding->json);
}

/* ---- tools and format ---- */

static void write_tool(llmc_encoding *encoding, const llmcost_tool *tool, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    if (!tool->name || !*tool->name)
        llmc_encoding_invalid(encoding, "tools[%u].name is missing", index);
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "type");
    llmc_json_write_text(json, "function");
    llmc_json_write_key(json, "function");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "name");
    llmc_json_write_text(json, tool->name);
    if (tool->description) {
        llmc_json_write_key(json, "description");
        llmc_json_write_text(json, tool->description);
    }
    if (tool->parameters) {
        if (llmc_json_text_type(tool->parameters) != LLMC_JSON_OBJECT)
            llmc_encoding_invalid(encoding, "tools[%u].parameters is no JSON object", index);
        llmc_json_write_key(json, "parameters");
        llmc_json_write_raw(json, tool->parameters, strlen(tool->parameters));
    }
    if (tool->strict) {
        llmc_json_write_key(json, "strict");
        llmc_json_write_bool(json, true);
    }
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

static void write_tool_choice(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (request->tool_choice == LLMCOST_TOOLS_AUTO)
        return;
    llmc_encoding_member(encoding, "tool_choice");
    if (request->tool_choice == LLMCOST_TOOLS_NONE) {
        llmc_json_write_text(json, "none");
        return;
    }
    if (request->tool_choice == LLMCOST_TOOLS_REQUIRED) {
        llmc_json_write_text(json, encoding->target->quirks & LLMC_QUIRK(TOOL_ANY) ? "any" : "required");
        return;
    }
    if (!request->tool_choice_name || !*request->tool_choice_name)
        llmc_encoding_invalid(encoding, "tool_choice_name is missing");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "type");
    llmc_json_write_text(json, "function");
    llmc_json_write_key(json, "function");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "name");
    llmc_json_write_text(json, request->tool_choice_name);
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

static void write_tools(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    if (request->tool_count == 0) {
        if (request->tool_choice == LLMCOST_TOOLS_REQUIRED || request->tool_choice == LLMCOST_TOOLS_ONE)
            llmc_encoding_invalid(encoding, "tool_choice asks for a tool, but there are none");
        return;
    }
    llmc_encoding_member(encoding, "tools");
    llmc_json_write_begin_array(&encoding->json);
    for (uint32_t i = 0; i < request->tool_count; i++)
        write_tool(encoding, &request->tools[i], i);
    llmc_json_write_end_array(&encoding->json);
    write_tool_choice(encoding);
    if (request->parallel_tool_calls != LLMCOST_DEFAULT) {
        llmc_encoding_member(encoding, "parallel_tool_calls");
        llmc_json_write_bool(&encoding->json, request->parallel_tool_calls == LLMCOST_ON);
    }
}

static void write_format(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (request->format == LLMCOST_FORMAT_TEXT)
        return;
    llmc_encoding_member(encoding, "response_format");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "type");
    if (request->format == LLMCOST_FORMAT_JSON) {
        llmc_json_write_text(json, "json_object");
        llmc_json_write_end_object(json);
        return;
    }
    if (!request->format_schema || llmc_json_text_type(request->format_schema) != LLMC_JSON_OBJECT) {
        llmc_encoding_invalid(encoding, "format_schema is no JSON object");
        return;
    }
    llmc_json_write_text(json, "json_schema");
    llmc_json_write_key(json, "json_schema");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "name");
    llmc_json_write_text(json, request->format_name ? request->format_name : "answer");
    if (request->format_strict) {
        llmc_json_write_key(json, "strict");
        llmc_json_write_bool(json, true);
    }
    llmc_json_write_key(json, "schema");
    llmc_json_write_raw(json, request->format_schema, strlen(request->format_schema));
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

/* ---- the rest ---- */

static double within_open_unit(double value)
{
    return value < 0.01 ? 0.01 : value > 0.99 ? 0.99 : value;
}

static void write_sampling(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    uint64_t quirks = encoding->target->quirks;
    bool open_unit = quirks & LLMC_QUIRK(OPEN_UNIT_SAMPLING);
    llmc_json_writer *json = &encoding->json;
    if (request->has_temperature) {
        llmc_encoding_member(encoding, "temperature");
        llmc_json_write_double(json, open_unit ? within_open_unit(request->temperature) : request->temperature);
    }
    if (request->has_top_p) {
        llmc_encoding_member(encoding, "top_p");
        llmc_json_write_double(json, open_unit ? within_open_unit(request->top_p) : request->top_p);
    }
    if (request->has_seed) {
        llmc_encoding_member(encoding, quirks & LLMC_QUIRK(RANDOM_SEED) ? "random_seed" : "seed");
        llmc_json_write_integer(json, request->seed);
    }
    if (request->n > 1) {
        llmc_encoding_member(encoding, "n");
        llmc_json_write_integer(json, request->n);
    }
    if (request->top_logprobs && !request->logprobs)
        llmc_encoding_invalid(encoding, "top_logprobs needs logprobs");
    if (request->logprobs) {
        llmc_encoding_member(encoding, "logprobs");
        llmc_json_write_bool(json, true);
    }
    if (request->top_logprobs) {
        llmc_encoding_member(encoding, "top_logprobs");
        llmc_json_write_integer(json, request->top_logprobs);
    }
}

static void write_limits(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (request->max_tokens > 0) {
        llmc_encoding_member(encoding, encoding->target->quirks & LLMC_QUIRK(MAX_TOKENS) ? "max_tokens" : "max_completion_tokens");
        llmc_json_write_integer(json, request->max_tokens);
    }
    if (request->stop_count) {
        llmc_encoding_member(encoding, "stop");
        llmc_json_write_begin_array(json);
        for (uint32_t i = 0; i < request->stop_count; i++)
            llmc_json_write_text(json, request->stop[i]);
        llmc_json_write_end_array(json);
    }
    const char *effort = llmc_effort_name(request->effort);
    if (effort) {
        llmc_encoding_member(encoding, "reasoning_effort");
        llmc_json_write_text(json, effort);
    }
}

static const char *end_user_member(uint64_t quirks)
{
    if (quirks & LLMC_QUIRK(USER_ID_FIELD))
        return "user_id";
    return quirks & LLMC_QUIRK(USER_FIELD) ? "user" : "safety_identifier";
}

static void write_stream(llmc_encoding *encoding)
{
    llmc_json_writer *json = &encoding->json;
    llmc_encoding_member(encoding, "stream");
    llmc_json_write_bool(json, true);
    if (encoding->target->quirks & LLMC_QUIRK(NO_STREAM_OPTIONS))
        return;
    llmc_encoding_member(encoding, "stream_options");
    llmc_json_write_begin_object(json);
    llmc_json_write_key(json, "include_usage");
    llmc_json_write_bool(json, true);
    llmc_json_write_end_object(json);
}

llmcost_status llmc_openai_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    static const char *const reserved[] = { "model", "messages", "stream", "stream_options", "n", "max_tokens", "max_completion_tokens", NULL };
    if (operation == LLMC_OP_LIST_MODELS) {
        out->method = "GET";
        llmc_buffer_add_text(&out->path, "/models");
        return out->path.failure ? llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request") : LLMCOST_OK;
    }
    llmc_encoding encoding;
    llmc_buffer_add_text(&out->path, "/chat/completions");
    llmc_encoding_begin(&encoding, request, target, out, error);
    llmc_encoding_member(&encoding, "model");
    llmc_json_write_text(&encoding.json, target->model);
    write_messages(&encoding);
    write_tools(&encoding);
    write_format(&encoding);
    write_limits(&encoding);
    write_sampling(&encoding);
    if (request->end_user) {
        llmc_encoding_member(&encoding, end_user_member(target->quirks));
        llmc_json_write_text(&encoding.json, request->end_user);
    }
    if (target->stream)
        write_stream(&encoding);
    llmc_encoding_extra(&encoding, reserved);
    llmcost_status status = llmc_encoding_end(&encoding);
    return status || !out->path.failure ? status : llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request");
}
