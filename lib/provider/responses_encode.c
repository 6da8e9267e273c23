/*
 * A request as an OpenAI Responses body. Nothing is kept at the provider ("store": false, unless extra says otherwise);
 * so that reasoning survives a turn all the same, it is asked for encrypted and sent back (see responses_codec.h).
 *
 * An assistant's content goes back as one text: the format has no other parts there. A failed tool's result begins with
 * "Error: ". Cache marks are left out: these hosts cache by themselves. Extra's "reasoning", "text" and "include" are
 * merged into ours, for each holds more than one thing.
 */
#include "provider/responses_codec.h"

#include "provider/asks.h"
#include "provider/conversation.h"
#include "provider/encoding.h"
#include "provider/foreign.h"
#include "provider/openai_codec.h"

enum { LEAST_OUTPUT = 16 };

/* ---- check ---- */

static bool asks_little_output(const llmcost_request *request, const llmc_codec_target *target)
{
    return llmc_openai_is_own(target) && request->max_tokens > 0 && request->max_tokens < LEAST_OUTPUT;
}

static const llmc_incapability incapabilities[] = {
    { 0, llmc_asks_custom_tools, "custom tools", "use chat completions, or functions" },
    { 0, llmc_asks_seed, "seed", "leave it out, or use chat completions" },
    { 0, llmc_asks_several, "n", "ask for one choice per call" },
    { 0, llmc_asks_stop, "stop", "cut the answer yourself, or use chat completions" },
    { 0, llmc_asks_above_20_logprobs, "top_logprobs", "ask for at most 20" },
    { 0, asks_little_output, "max_tokens", "give at least 16" },
    { 0, llmc_asks_budget_only, "thinking_budget_tokens", "set effort, or pass the host's own member in extra" },
    { 0, llmc_openai_asks_refused_effort, "effort", "this value is not taken; choose another, or pass the host's own member in extra" },
    { 0, llmc_openai_asks_temperature_while_reasoning, "temperature", "leave it out while the model reasons, or set effort to none where the model takes that" },
    { 0, llmc_openai_asks_top_p_while_reasoning, "top_p", "leave it out while the model reasons, or set effort to none where the model takes that" },
    { 0, llmc_asks_temperature_above_2, "temperature", "use at most 2" },
};

static bool is_reasoning(int32_t type)
{
    return type == LLMCOST_PART_REASONING || type == LLMCOST_PART_REASONING_HIDDEN;
}

static llmcost_status check_part(const llmcost_message *message, uint32_t index, const llmcost_part *part, const llmc_codec_target *target, llmcost_error *error)
{
    bool plain = message->role == LLMCOST_SYSTEM || message->role == LLMCOST_ASSISTANT;
    if (part->type == LLMCOST_PART_TEXT || is_reasoning(part->type))
        return LLMCOST_OK;
    if (plain)
        return llmc_unsupported_in(error, target, index, part->type == LLMCOST_PART_DOCUMENT ? " document" : part->type == LLMCOST_PART_AUDIO ? " audio" : " image",
                                   "put it into a user message");
    if (part->type == LLMCOST_PART_AUDIO && message->role == LLMCOST_TOOL)
        return llmc_unsupported_in(error, target, index, " audio", "put it into a user message");
    return LLMCOST_OK;
}

static const llmc_conversation_rules rules = { .check_part = check_part };

/* Members of chat completions that this format has, too; "verbosity" elsewhere. */
static const char *const chat_members[] = { "store", "metadata", "service_tier", "prompt_cache_key", "prompt_cache_retention", "verbosity", NULL };

llmcost_status llmc_responses_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    if (operation != LLMC_OP_CHAT && operation != LLMC_OP_COUNT_TOKENS)
        return LLMCOST_OK;
    llmcost_status status = llmc_check_capabilities(incapabilities, sizeof incapabilities / sizeof incapabilities[0], request, target, error);
    if (!status)
        status = llmc_check_foreign(chat_members, request, target, error);
    return status ? status : llmc_check_conversation(&rules, request, target, error);
}

/* ---- content ---- */

static void begin_typed(llmc_json_writer *json, const char *type)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "type", type);
}

static void write_text_part(llmc_json_writer *json, const char *text, size_t bytes)
{
    begin_typed(json, "input_text");
    llmc_json_write_member_string(json, "text", text ? text : "", bytes);
    llmc_json_write_end_object(json);
}

static void write_url(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    if (!part->url || !*part->url)
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u].url is missing", message, index);
    llmc_json_write_text(&encoding->json, part->url);
}

static void write_image(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    begin_typed(json, "input_image");
    llmc_json_write_key(json, "image_url");
    if (part->type == LLMCOST_PART_IMAGE_URL)
        write_url(encoding, part, message, index);
    else
        llmc_encoding_write_data_url(encoding, part, message, index);
    if (part->detail)
        llmc_json_write_member_text(json, "detail", part->detail);
    llmc_json_write_end_object(json);
}

static void write_audio(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    begin_typed(json, "input_audio");
    llmc_json_write_key(json, "input_audio");
    llmc_encoding_write_audio(encoding, part, message, index);
    llmc_json_write_end_object(json);
}

static void write_document(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    begin_typed(json, "input_file");
    if (part->url) {
        llmc_json_write_key(json, "file_url");
        write_url(encoding, part, message, index);
    } else {
        llmc_json_write_member_text(json, "filename", llmc_document_name(part));
        llmc_json_write_key(json, "file_data");
        llmc_encoding_write_data_url(encoding, part, message, index);
    }
    llmc_json_write_end_object(json);
}

static void write_part(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    if (part->type == LLMCOST_PART_TEXT)
        write_text_part(&encoding->json, part->text, llmc_text_bytes(part->text, part->text_bytes));
    else if (part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL)
        write_image(encoding, part, message, index);
    else if (part->type == LLMCOST_PART_AUDIO)
        write_audio(encoding, part, message, index);
    else if (part->type == LLMCOST_PART_DOCUMENT)
        write_document(encoding, part, message, index);
    else if (!is_reasoning(part->type))
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u].type %d is unknown", message, index, (int)part->type);
}

/* One text as a string, more as a list. */
static void write_content(llmc_encoding *encoding, const llmcost_message *message, uint32_t index, bool failed)
{
    bool list = false;
    for (uint32_t i = 0; i < message->part_count; i++)
        list = list || (message->parts[i].type != LLMCOST_PART_TEXT && !is_reasoning(message->parts[i].type));
    if (!list) {
        llmc_encoding_write_joined(encoding, message, LLMCOST_PART_TEXT, failed ? "Error: " : "");
        return;
    }
    llmc_json_write_begin_array(&encoding->json);
    if (failed)
        write_text_part(&encoding->json, "Error:", 6);
    for (uint32_t i = 0; i < message->part_count; i++)
        write_part(encoding, &message->parts[i], index, i);
    llmc_json_write_end_array(&encoding->json);
}

/* ---- items ---- */

static void write_role(llmc_encoding *encoding, const char *role)
{
    llmc_json_write_begin_object(&encoding->json);
    llmc_json_write_member_text(&encoding->json, "role", role);
    llmc_json_write_key(&encoding->json, "content");
}

/*
 * What one host encrypted another cannot read, and refuses. OpenAI's are tokens that begin with a version and zeroes of
 * a clock; by that they are told from those of others. A gateway is given all.
 */
static bool reads_reasoning(const llmc_codec_target *target, const llmc_json_span *encrypted)
{
    static const char mark[] = "gAAAA";
    bool from_openai = encrypted->bytes > sizeof mark && !memcmp(encrypted->text, mark, sizeof mark - 1);
    if (llmc_openai_is_own(target) || !strcmp(llmc_preset_catalog(target->preset), "azure"))
        return from_openai;
    return strcmp(llmc_preset_catalog(target->preset), "xai") != 0 || (encrypted->bytes && !from_openai);
}

/* A reasoning item as it came, but for what only describes an answer. */
static void write_reasoning_item(llmc_encoding *encoding, const llmc_json_span *raw)
{
    llmc_json_writer *json = &encoding->json;
    llmc_json item;
    llmc_json_key key;
    llmc_json_span value;
    llmc_json_begin(&item, raw->text, raw->bytes);
    llmc_json_object(&item);
    llmc_json_write_begin_object(json);
    while (llmc_json_next_key(&item, &key)) {
        bool wanted = llmc_json_peek(&item) != LLMC_JSON_NULL && !llmc_json_key_is(&key, "status");
        llmc_json_raw(&item, &value);
        if (wanted)
            llmc_encoding_copy_member(json, &key, &value);
    }
    llmc_json_write_end_object(json);
}

static bool is_reasoning_item(const llmc_json_span *raw, llmc_json_span *encrypted)
{
    llmc_json item;
    llmc_json_key key;
    llmc_json_span type = { 0 };
    llmc_json_begin(&item, raw->text, raw->bytes);
    if (!llmc_json_object(&item))
        return false;
    while (llmc_json_next_key(&item, &key)) {
        if (llmc_json_key_is(&key, "type"))
            llmc_json_span_string(&item, &type);
        else if (llmc_json_key_is(&key, "encrypted_content"))
            llmc_json_span_string(&item, encrypted);
        else
            llmc_json_skip(&item);
    }
    return llmc_json_key_is(&type, "reasoning");
}

/* Items one behind the other; what is none belongs to another format and is left out. */
static void write_reasoning(llmc_encoding *encoding, const llmcost_part *part)
{
    llmc_json json;
    size_t bytes = llmc_text_bytes(part->text, part->text_bytes);
    if (part->type != LLMCOST_PART_REASONING_HIDDEN || !bytes || !llmc_reasoning_is_json(part))
        return;
    llmc_json_begin(&json, part->text, bytes);
    while (llmc_json_peek(&json) == LLMC_JSON_OBJECT) {
        llmc_json_span raw, encrypted = { 0 };
        if (!llmc_json_raw(&json, &raw))
            return;
        if (is_reasoning_item(&raw, &encrypted) && reads_reasoning(encoding->target, &encrypted))
            write_reasoning_item(encoding, &raw);
    }
}

static const llmc_call_ids call_ids = { .minimum = 1, .maximum = 64 };

static void write_call(llmc_encoding *encoding, const llmcost_tool_call *call, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    const char *arguments = call->arguments && *call->arguments ? call->arguments : "{}";
    if (!call->id || !call->name || !*call->name)
        llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u] needs an id and a name", message, index);
    if (llmc_json_text_type(arguments) == LLMC_JSON_NONE)
        llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u].arguments is no JSON", message, index);
    begin_typed(json, "function_call");
    llmc_json_write_key(json, "call_id");
    llmc_json_write_call_id(json, call->id ? call->id : "", &call_ids);
    llmc_json_write_member_text(json, "name", call->name);
    llmc_json_write_member_text(json, "arguments", arguments);
    llmc_json_write_end_object(json);
}

static void write_assistant(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    size_t bytes = message->part_count ? 0 : llmc_text_bytes(message->text, message->text_bytes);
    for (uint32_t i = 0; i < message->part_count; i++) {
        write_reasoning(encoding, &message->parts[i]);
        if (message->parts[i].type == LLMCOST_PART_TEXT)
            bytes += llmc_text_bytes(message->parts[i].text, message->parts[i].text_bytes);
    }
    if (bytes || !message->tool_call_count) {
        write_role(encoding, "assistant");
        llmc_encoding_write_joined(encoding, message, LLMCOST_PART_TEXT, "");
        llmc_json_write_end_object(&encoding->json);
    }
    for (uint32_t i = 0; i < message->tool_call_count; i++)
        write_call(encoding, &message->tool_calls[i], index, i);
}

static void write_result(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    if (!message->tool_call_id || !*message->tool_call_id)
        llmc_encoding_invalid(encoding, "messages[%u].tool_call_id is missing", index);
    begin_typed(json, "function_call_output");
    llmc_json_write_key(json, "call_id");
    llmc_json_write_call_id(json, message->tool_call_id ? message->tool_call_id : "", &call_ids);
    llmc_json_write_key(json, "output");
    write_content(encoding, message, index, message->is_error);
    llmc_json_write_end_object(json);
}

static void write_message(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    bool developer = (encoding->target->quirks & LLMC_QUIRK(DEVELOPER_ROLE)) && llmc_openai_model_reasons(encoding->target->model);
    switch (message->role) {
    case LLMCOST_ASSISTANT:
        write_assistant(encoding, message, index);
        return;
    case LLMCOST_TOOL:
        write_result(encoding, message, index);
        return;
    case LLMCOST_USER:
    case LLMCOST_SYSTEM:
        write_role(encoding, message->role == LLMCOST_USER ? "user" : developer ? "developer" : "system");
        write_content(encoding, message, index, false);
        llmc_json_write_end_object(&encoding->json);
        return;
    default:
        llmc_encoding_invalid(encoding, "messages[%u].role %d is unknown", index, (int)message->role);
    }
}

static void write_input(llmc_encoding *encoding)
{
    llmc_encoding_member_array(encoding, "input");
    for (uint32_t i = 0; i < encoding->request->message_count; i++)
        write_message(encoding, &encoding->request->messages[i], i);
    llmc_json_write_end_array(&encoding->json);
}

/* ---- tools and format ---- */

/* strict is on where it is not written, so it always is. */
static void write_tool(llmc_encoding *encoding, const llmcost_tool *tool, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    const char *parameters = tool->parameters ? tool->parameters : "{\"type\":\"object\",\"properties\":{}}";
    if (!tool->name || !*tool->name)
        llmc_encoding_invalid(encoding, "tools[%u].name is missing", index);
    if (llmc_json_text_type(parameters) != LLMC_JSON_OBJECT)
        llmc_encoding_invalid(encoding, "tools[%u].parameters is no JSON object", index);
    begin_typed(json, "function");
    llmc_json_write_member_text(json, "name", tool->name);
    if (tool->description)
        llmc_json_write_member_text(json, "description", tool->description);
    llmc_json_write_member_json(json, "parameters", parameters);
    llmc_json_write_member_bool(json, "strict", tool->strict);
    llmc_json_write_end_object(json);
}

static void write_tool_choice(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (request->tool_choice == LLMCOST_TOOLS_AUTO)
        return;
    llmc_encoding_member(encoding, "tool_choice");
    if (request->tool_choice != LLMCOST_TOOLS_ONE) {
        llmc_json_write_text(json, request->tool_choice == LLMCOST_TOOLS_NONE ? "none" : "required");
        return;
    }
    if (!request->tool_choice_name || !*request->tool_choice_name)
        llmc_encoding_invalid(encoding, "tool_choice_name is missing");
    begin_typed(json, "function");
    llmc_json_write_member_text(json, "name", request->tool_choice_name);
    llmc_json_write_end_object(json);
}

/* A choice among tools that only extra names is a choice, too. with_extra: extra goes along. */
static void write_tools(llmc_encoding *encoding, bool with_extra)
{
    const llmcost_request *request = encoding->request;
    if (!llmc_encoding_has_tools(encoding, with_extra)) {
        if (request->tool_choice == LLMCOST_TOOLS_REQUIRED || request->tool_choice == LLMCOST_TOOLS_ONE)
            llmc_encoding_invalid(encoding, "tool_choice asks for a tool, but there are none");
        return;
    }
    if (request->tool_count) {
        llmc_encoding_member_array(encoding, "tools");
        for (uint32_t i = 0; i < request->tool_count; i++)
            write_tool(encoding, &request->tools[i], i);
        llmc_json_write_end_array(&encoding->json);
    }
    write_tool_choice(encoding);
    if (request->parallel_tool_calls != LLMCOST_DEFAULT)
        llmc_encoding_member_bool(encoding, "parallel_tool_calls", request->parallel_tool_calls == LLMCOST_ON);
}

static void write_schema(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    begin_typed(json, "json_schema");
    llmc_json_write_member_text(json, "name", request->format_name ? request->format_name : "answer");
    if (request->format_strict)
        llmc_json_write_member_bool(json, "strict", true);
    llmc_json_write_key(json, "schema");
    if (request->format_schema && llmc_json_text_type(request->format_schema) == LLMC_JSON_OBJECT)
        llmc_json_write_raw(json, request->format_schema, strlen(request->format_schema));
    else
        llmc_encoding_invalid(encoding, "format_schema is no JSON object");
    llmc_json_write_end_object(json);
}

static void write_format(llmc_encoding *encoding)
{
    llmc_json_writer *json = &encoding->json;
    llmc_json_write_key(json, "format");
    if (encoding->request->format == LLMCOST_FORMAT_JSON) {
        begin_typed(json, "json_object");
        llmc_json_write_end_object(json);
    } else {
        write_schema(encoding);
    }
}

/* A member of extra that has this name here, too, as it stands. */
static bool write_own(llmc_encoding *encoding, const char *name)
{
    llmc_json_span value;
    if (!llmc_encoding_take_foreign(encoding, name, &value))
        return false;
    llmc_json_write_key(&encoding->json, name);
    llmc_json_write_raw(&encoding->json, value.text, value.bytes);
    return true;
}

static void write_text_rules(llmc_encoding *encoding)
{
    llmc_json_span verbosity;
    bool has_format = encoding->request->format != LLMCOST_FORMAT_TEXT, is_verbose = llmc_encoding_extra_member(encoding, "verbosity", &verbosity);
    if (!has_format && !is_verbose)
        return;
    llmc_encoding_member_object(encoding, "text");
    if (has_format)
        write_format(encoding);
    is_verbose = write_own(encoding, "verbosity");
    llmc_encoding_merge_extra(encoding, "text", (const char *const[]){ has_format ? "format" : "", is_verbose ? "verbosity" : NULL, NULL });
    llmc_json_write_end_object(&encoding->json);
}

/* ---- the rest ---- */

static void write_effort(llmc_encoding *encoding)
{
    const char *effort = llmc_effort_name(encoding->request->effort);
    if (!effort)
        return;
    llmc_encoding_member_object(encoding, "reasoning");
    llmc_json_write_member_text(&encoding->json, "effort", effort);
    llmc_encoding_merge_extra(encoding, "reasoning", (const char *const[]){ "effort", NULL });
    llmc_json_write_end_object(&encoding->json);
}

/* OpenAI's models that do not reason refuse to be asked for what they would have encrypted. */
static bool wants_reasoning(const llmc_codec_target *target)
{
    bool by_name = llmc_openai_is_own(target) || !strcmp(llmc_preset_catalog(target->preset), "azure");
    return by_name ? llmc_openai_model_reasons(target->model) : true;
}

static void write_include(llmc_encoding *encoding)
{
    const char *wanted[3] = { NULL, NULL, NULL };
    size_t count = 0;
    if (wants_reasoning(encoding->target))
        wanted[count++] = "reasoning.encrypted_content";
    if (encoding->request->logprobs)
        wanted[count++] = "message.output_text.logprobs";
    if (!count)
        return;
    llmc_encoding_member_array(encoding, "include");
    for (size_t i = 0; i < count; i++)
        llmc_json_write_text(&encoding->json, wanted[i]);
    llmc_encoding_merge_list(encoding, "include", wanted);
    llmc_json_write_end_array(&encoding->json);
}

static void write_sampling(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    if (request->max_tokens > 0)
        llmc_encoding_member_integer(encoding, "max_output_tokens", request->max_tokens);
    if (request->has_temperature)
        llmc_encoding_member_double(encoding, "temperature", request->temperature);
    if (request->has_top_p)
        llmc_encoding_member_double(encoding, "top_p", request->top_p);
    if (request->top_logprobs && !request->logprobs)
        llmc_encoding_invalid(encoding, "top_logprobs needs logprobs");
    if (request->top_logprobs)
        llmc_encoding_member_integer(encoding, "top_logprobs", request->top_logprobs);
    if (request->end_user)
        llmc_encoding_member_text(encoding, encoding->target->quirks & LLMC_QUIRK(USER_FIELD) ? "user" : "safety_identifier", request->end_user);
}

static void write_keeping(llmc_encoding *encoding)
{
    llmc_json_span value;
    if (!llmc_encoding_extra_member(encoding, "store", &value) || *value.text != 't')
        llmc_encoding_member_bool(encoding, "store", false);
    write_own(encoding, "service_tier"); /* "default" says something: not what the project has */
    write_include(encoding);
    if (encoding->target->stream)
        llmc_encoding_member_bool(encoding, "stream", true);
}

llmcost_status llmc_responses_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    static const char *const reserved[] = { "model", "input", "stream", "max_output_tokens", "background", NULL };
    bool counts = operation == LLMC_OP_COUNT_TOKENS;
    if (operation == LLMC_OP_LIST_MODELS) {
        out->method = "GET";
        llmc_buffer_add_text(&out->path, "/models");
        return out->path.failure ? llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request") : LLMCOST_OK;
    }
    llmc_encoding encoding;
    llmc_buffer_add_text(&out->path, counts ? "/responses/input_tokens" : "/responses");
    llmc_encoding_begin(&encoding, request, target, out, error);
    encoding.known = chat_members;
    llmc_encoding_member_text(&encoding, "model", target->model);
    write_input(&encoding);
    write_tools(&encoding, !counts);
    write_text_rules(&encoding);
    write_effort(&encoding);
    if (!counts) {
        write_sampling(&encoding);
        write_keeping(&encoding);
        llmc_encoding_extra(&encoding, reserved);
    }
    llmcost_status status = llmc_encoding_end(&encoding);
    return status || !out->path.failure ? status : llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request");
}
