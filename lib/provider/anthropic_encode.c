/*
 * A request as an Anthropic Messages body.
 *
 * The shape differs from our request in three ways. System text stands apart; tool results are blocks of a user
 * message, all of a turn together and before any text; content is blocks. Effort: models since Claude 4.6 (and Opus
 * 4.5) take one; for older ones it becomes a thinking budget (low 1,024 tokens, medium 4,096, high 16,384, xhigh and
 * max 32,768; never more than half of max_tokens) unless the request names a budget itself. Where a request holds
 * both, each model gets the one that it takes.
 *
 * Reasoning goes back with its signature; without one it is another provider's and is left out. The name of a schema is
 * left out (it is a label only), and so are empty texts, which this format refuses, system text or a turn of the assistant
 * that is nothing else included.
 */
#include "provider/anthropic_codec.h"

#include "base/text.h"
#include "provider/claude.h"

#include <stdio.h>

/* ---- blocks ---- */

static void begin_typed(llmc_json_writer *json, const char *type)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "type", type);
}

static void write_mark(llmc_json_writer *json)
{
    llmc_json_write_key(json, "cache_control");
    begin_typed(json, "ephemeral");
    llmc_json_write_end_object(json);
}

static void write_text_block(llmc_json_writer *json, const char *text, size_t bytes, bool mark)
{
    begin_typed(json, "text");
    llmc_json_write_member_string(json, "text", text, bytes);
    if (mark)
        write_mark(json);
    llmc_json_write_end_object(json);
}

static void write_plain_source(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    bool sound = llmc_utf8_valid(part->data, part->data_bytes);
    if (!sound)
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u].data is no UTF-8 text", message, index);
    begin_typed(json, "text");
    llmc_json_write_member_text(json, "media_type", "text/plain");
    llmc_json_write_member_string(json, "data", part->data, sound ? part->data_bytes : 0);
    llmc_json_write_end_object(json);
}

/* An image or a document: its data, or where it is. */
static void write_source(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    char media_type[64];
    const char *base64;
    bool document = part->type == LLMCOST_PART_DOCUMENT;
    if (part->type == LLMCOST_PART_IMAGE || (document && !part->url)) {
        if (!llmc_media_type_is_sane(part->media_type) || !part->data) {
            llmc_encoding_invalid(encoding, "messages[%u].parts[%u] needs data and a media_type such as %s", message, index, document ? "application/pdf" : "image/png");
            llmc_json_write_null(json);
            return;
        }
        if (document && !strcmp(part->media_type, "text/plain")) {
            write_plain_source(encoding, part, message, index);
            return;
        }
        begin_typed(json, "base64");
        llmc_json_write_member_text(json, "media_type", part->media_type);
        llmc_json_write_key(json, "data");
        llmc_json_write_base64(json, "", part->data, part->data_bytes);
    } else if (!part->url || !*part->url) {
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u].url is missing", message, index);
        llmc_json_write_null(json);
        return;
    } else if (llmc_data_url(part->url, media_type, &base64)) {
        begin_typed(json, "base64");
        llmc_json_write_member_text(json, "media_type", media_type);
        llmc_json_write_member_text(json, "data", base64);
    } else {
        if (!strncmp(part->url, "data:", 5))
            llmc_encoding_invalid(encoding, "messages[%u].parts[%u].url is no base64 data URL", message, index);
        begin_typed(json, "url");
        llmc_json_write_member_text(json, "url", part->url);
    }
    llmc_json_write_end_object(json);
}

static void write_sourced_block(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index, bool mark)
{
    llmc_json_writer *json = &encoding->json;
    bool document = part->type == LLMCOST_PART_DOCUMENT;
    begin_typed(json, document ? "document" : "image");
    llmc_json_write_key(json, "source");
    write_source(encoding, part, message, index);
    if (document && part->detail && *part->detail)
        llmc_json_write_member_text(json, "title", part->detail);
    if (mark)
        write_mark(json);
    llmc_json_write_end_object(json);
}

static void write_reasoning_block(llmc_json_writer *json, const llmcost_part *part)
{
    bool hidden = part->type == LLMCOST_PART_REASONING_HIDDEN;
    begin_typed(json, hidden ? "redacted_thinking" : "thinking");
    llmc_json_write_member_string(json, hidden ? "data" : "thinking", part->text ? part->text : "", llmc_text_bytes(part->text, part->text_bytes));
    if (!hidden)
        llmc_json_write_member_text(json, "signature", part->signature);
    llmc_json_write_end_object(json);
}

static bool is_written(const llmcost_part *part)
{
    if (part->type == LLMCOST_PART_REASONING)
        return part->signature && *part->signature;
    if (part->type == LLMCOST_PART_REASONING_HIDDEN)
        return llmc_reasoning_is_word(part); /* else it is another format's */
    if (part->type == LLMCOST_PART_TEXT)
        return llmc_text_bytes(part->text, part->text_bytes) > 0;
    return true;
}

/* The last block that can bear a mark; part_count: none. */
static uint32_t last_markable(const llmcost_message *message)
{
    for (uint32_t i = message->part_count; i-- > 0;) {
        int32_t type = message->parts[i].type;
        if (is_written(&message->parts[i]) && type != LLMCOST_PART_REASONING && type != LLMCOST_PART_REASONING_HIDDEN)
            return i;
    }
    return message->part_count;
}

/* The blocks of a message's text and parts, without the brackets. */
static void write_blocks(llmc_encoding *encoding, const llmcost_message *message, uint32_t index, bool mark)
{
    llmc_json_writer *json = &encoding->json;
    size_t bytes = llmc_text_bytes(message->text, message->text_bytes);
    uint32_t marked = mark ? last_markable(message) : message->part_count;
    if (message->part_count == 0 && bytes)
        write_text_block(json, message->text, bytes, mark);
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (!is_written(part))
            continue;
        if (part->type == LLMCOST_PART_TEXT) {
            write_text_block(json, part->text, llmc_text_bytes(part->text, part->text_bytes), i == marked);
        } else if (part->type == LLMCOST_PART_REASONING || part->type == LLMCOST_PART_REASONING_HIDDEN) {
            if (message->role == LLMCOST_ASSISTANT)
                write_reasoning_block(json, part);
        } else if (part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL || part->type == LLMCOST_PART_DOCUMENT) {
            write_sourced_block(encoding, part, index, i, i == marked);
        } else {
            llmc_encoding_invalid(encoding, "messages[%u].parts[%u].type %d is unknown", index, i, (int)part->type);
        }
    }
}

/* Ids that another provider made may hold what this format refuses. */
static const llmc_call_ids call_ids = { .maximum = SIZE_MAX };

static void write_tool_use(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        const llmcost_tool_call *call = &message->tool_calls[i];
        const char *arguments = call->arguments && *call->arguments ? call->arguments : "{}";
        if (!call->id || !*call->id || !call->name || !*call->name)
            llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u] needs an id and a name", index, i);
        if (llmc_json_text_type(arguments) != LLMC_JSON_OBJECT)
            llmc_encoding_invalid(encoding, "messages[%u].tool_calls[%u].arguments is no JSON object", index, i);
        begin_typed(json, "tool_use");
        llmc_json_write_key(json, "id");
        llmc_encoding_call_id(encoding, call->id, &call_ids);
        llmc_json_write_member_text(json, "name", call->name);
        llmc_json_write_member_json(json, "input", arguments);
        if (message->cache_mark && i + 1 == message->tool_call_count)
            write_mark(json);
        llmc_json_write_end_object(json);
    }
}

static void write_tool_result(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    if (!message->tool_call_id || !*message->tool_call_id)
        llmc_encoding_invalid(encoding, "messages[%u].tool_call_id is missing", index);
    begin_typed(json, "tool_result");
    llmc_json_write_key(json, "tool_use_id");
    llmc_encoding_call_id(encoding, message->tool_call_id, &call_ids);
    llmc_json_write_key(json, "content");
    if (message->part_count) {
        llmc_json_write_begin_array(json);
        write_blocks(encoding, message, index, false);
        llmc_json_write_end_array(json);
    } else {
        llmc_json_write_string(json, message->text ? message->text : "", llmc_text_bytes(message->text, message->text_bytes));
    }
    if (message->is_error)
        llmc_json_write_member_bool(json, "is_error", true);
    if (message->cache_mark)
        write_mark(json);
    llmc_json_write_end_object(json);
}

/* ---- messages ---- */

static void begin_message(llmc_json_writer *json, const char *role)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "role", role);
    llmc_json_write_key(json, "content");
}

static bool says_something(const llmcost_message *message)
{
    for (uint32_t i = 0; i < message->part_count; i++)
        if (is_written(&message->parts[i]))
            return true;
    return message->tool_call_count || (!message->part_count && llmc_text_bytes(message->text, message->text_bytes));
}

/* A turn of which nothing is left to say is left out: the user's turns around it become one there. */
static void write_assistant(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    if (!says_something(message))
        return;
    begin_message(json, "assistant");
    if (!message->part_count && !message->tool_call_count && !message->cache_mark) {
        llmc_json_write_string(json, message->text ? message->text : "", llmc_text_bytes(message->text, message->text_bytes));
    } else {
        llmc_json_write_begin_array(json);
        write_blocks(encoding, message, index, message->cache_mark && !message->tool_call_count);
        write_tool_use(encoding, message, index);
        llmc_json_write_end_array(json);
    }
    llmc_json_write_end_object(json);
}

/* A user message: results from `first` on, then what the user says, as far as both go. Returns the next message. */
static uint32_t write_user(llmc_encoding *encoding, uint32_t first)
{
    const llmcost_request *request = encoding->request;
    const llmcost_message *messages = request->messages;
    llmc_json_writer *json = &encoding->json;
    uint32_t i = first;
    begin_message(json, "user");
    if (messages[i].role == LLMCOST_USER && !messages[i].part_count && !messages[i].cache_mark) {
        llmc_json_write_string(json, messages[i].text ? messages[i].text : "", llmc_text_bytes(messages[i].text, messages[i].text_bytes));
        llmc_json_write_end_object(json);
        return i + 1;
    }
    llmc_json_write_begin_array(json);
    for (; i < request->message_count && messages[i].role == LLMCOST_TOOL; i++)
        write_tool_result(encoding, &messages[i], i);
    if (i < request->message_count && messages[i].role == LLMCOST_USER) {
        write_blocks(encoding, &messages[i], i, messages[i].cache_mark);
        i++;
    }
    llmc_json_write_end_array(json);
    llmc_json_write_end_object(json);
    return i;
}

static uint32_t write_system(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    uint32_t count = 0;
    while (count < request->message_count && request->messages[count].role == LLMCOST_SYSTEM)
        count++;
    bool any = false;
    for (uint32_t i = 0; i < count; i++)
        any = any || says_something(&request->messages[i]);
    if (!any)
        return count;
    llmc_encoding_member_array(encoding, "system");
    for (uint32_t i = 0; i < count; i++)
        write_blocks(encoding, &request->messages[i], i, request->messages[i].cache_mark);
    llmc_json_write_end_array(&encoding->json);
    return count;
}

static void write_messages(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    uint32_t i = write_system(encoding);
    llmc_encoding_member_array(encoding, "messages");
    while (i < request->message_count) {
        int32_t role = request->messages[i].role;
        if (role == LLMCOST_USER || role == LLMCOST_TOOL) {
            i = write_user(encoding, i);
            continue;
        }
        if (role == LLMCOST_ASSISTANT)
            write_assistant(encoding, &request->messages[i], i);
        else
            llmc_encoding_invalid(encoding, "messages[%u].role %d cannot stand here", i, (int)role);
        i++;
    }
    llmc_json_write_end_array(&encoding->json);
}

/* ---- tools, thinking, format ---- */

static void write_tool(llmc_encoding *encoding, const llmcost_tool *tool, uint32_t index)
{
    static const char no_parameters[] = "{\"type\":\"object\",\"properties\":{}}";
    llmc_json_writer *json = &encoding->json;
    const char *parameters = tool->parameters ? tool->parameters : no_parameters;
    if (!tool->name || !*tool->name)
        llmc_encoding_invalid(encoding, "tools[%u].name is missing", index);
    if (llmc_json_text_type(parameters) != LLMC_JSON_OBJECT)
        llmc_encoding_invalid(encoding, "tools[%u].parameters is no JSON object", index);
    llmc_json_write_begin_object(json);
    llmc_json_write_member_text(json, "name", tool->name);
    if (tool->description)
        llmc_json_write_member_text(json, "description", tool->description);
    llmc_json_write_member_json(json, "input_schema", parameters);
    if (tool->strict)
        llmc_json_write_member_bool(json, "strict", true);
    if (tool->cache_mark)
        write_mark(json);
    llmc_json_write_end_object(json);
}

static void write_tool_choice(llmc_encoding *encoding)
{
    static const char *const types[] = { "auto", "none", "any", "tool" };
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    bool one_by_one = request->parallel_tool_calls == LLMCOST_OFF && request->tool_choice != LLMCOST_TOOLS_NONE;
    if (request->tool_choice == LLMCOST_TOOLS_AUTO && !one_by_one)
        return;
    llmc_encoding_member(encoding, "tool_choice");
    begin_typed(json, request->tool_choice >= 0 && request->tool_choice <= LLMCOST_TOOLS_ONE ? types[request->tool_choice] : "auto");
    if (request->tool_choice == LLMCOST_TOOLS_ONE) {
        if (!request->tool_choice_name || !*request->tool_choice_name)
            llmc_encoding_invalid(encoding, "tool_choice_name is missing");
        llmc_json_write_member_text(json, "name", request->tool_choice_name);
    }
    if (one_by_one)
        llmc_json_write_member_bool(json, "disable_parallel_tool_use", true);
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
}

static void write_thinking(llmc_encoding *encoding, int64_t max_tokens)
{
    if (!llmc_claude_thinks_by_budget(encoding->request, encoding->target->model))
        return;
    int64_t budget = llmc_claude_budget(encoding->request, max_tokens);
    if (budget < LLMC_CLAUDE_LEAST_BUDGET || budget >= max_tokens)
        llmc_encoding_invalid(encoding, "thinking needs 1024 tokens or more, and max_tokens (%lld) above that", (long long)max_tokens);
    llmc_encoding_member(encoding, "thinking");
    begin_typed(&encoding->json, "enabled");
    llmc_json_write_member_integer(&encoding->json, "budget_tokens", budget);
    llmc_json_write_end_object(&encoding->json);
}

static void write_output_config(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    const char *effort = llmc_claude_takes_effort(encoding->target->model) ? llmc_effort_name(request->effort) : NULL;
    bool schema = request->format == LLMCOST_FORMAT_JSON_SCHEMA;
    if (!effort && !schema)
        return;
    llmc_encoding_member_object(encoding, "output_config");
    if (effort)
        llmc_json_write_member_text(json, "effort", effort);
    if (schema) {
        bool sound = request->format_schema && llmc_json_text_type(request->format_schema) == LLMC_JSON_OBJECT;
        if (!sound)
            llmc_encoding_invalid(encoding, "format_schema is no JSON object");
        llmc_json_write_key(json, "format");
        begin_typed(json, "json_schema");
        llmc_json_write_member_json(json, "schema", sound ? request->format_schema : "{}");
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_object(json);
}

static void write_sampling(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (request->has_temperature)
        llmc_encoding_member_double(encoding, "temperature", request->temperature);
    if (request->has_top_p)
        llmc_encoding_member_double(encoding, "top_p", request->top_p);
    if (request->stop_count) {
        llmc_encoding_member_array(encoding, "stop_sequences");
        for (uint32_t i = 0; i < request->stop_count; i++)
            llmc_json_write_text(json, request->stop[i]);
        llmc_json_write_end_array(json);
    }
}

static int64_t limit_of(const llmcost_request *request)
{
    return request->max_tokens > 0 ? request->max_tokens : LLMC_CLAUDE_DEFAULT_MAX_TOKENS;
}

static bool at_vertex(const llmc_codec_target *target)
{
    return target->quirks & LLMC_QUIRK(VERTEX);
}

/* Vertex has the model in the path, and the version, which elsewhere is a header, in the body. */
static void write_model(llmc_encoding *encoding)
{
    bool vertex = at_vertex(encoding->target);
    llmc_encoding_member_text(encoding, vertex ? "anthropic_version" : "model", vertex ? "vertex-2023-10-16" : encoding->target->model);
}

static void write_chat(llmc_encoding *encoding)
{
    static const char *const reserved[] = { "model", "max_tokens", "messages", "system", "stream", NULL };
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    encoding->known = llmc_anthropic_known;
    write_model(encoding);
    llmc_encoding_member_integer(encoding, "max_tokens", limit_of(request));
    write_messages(encoding);
    write_tools(encoding, true);
    write_thinking(encoding, limit_of(request));
    write_output_config(encoding);
    write_sampling(encoding);
    if (request->end_user) {
        llmc_encoding_member_object(encoding, "metadata");
        llmc_json_write_member_text(json, "user_id", request->end_user);
        llmc_json_write_end_object(json);
    }
    if (encoding->target->stream)
        llmc_encoding_member_bool(encoding, "stream", true);
    llmc_encoding_extra(encoding, reserved);
}

/* What is only counted has neither a bound nor a way to be answered. */
static void write_count(llmc_encoding *encoding)
{
    write_model(encoding);
    write_messages(encoding);
    write_tools(encoding, false);
    write_thinking(encoding, limit_of(encoding->request));
    write_output_config(encoding);
}

static void write_path(llmc_operation_id operation, const llmc_codec_target *target, llmc_buffer *path)
{
    if (!at_vertex(target)) {
        llmc_buffer_add_text(path, operation == LLMC_OP_COUNT_TOKENS ? "/v1/messages/count_tokens" : "/v1/messages");
        return;
    }
    llmc_buffer_add_text(path, "/models/");
    llmc_add_escaped(path, target->model, "@"); /* in front of a version */
    llmc_buffer_add_text(path, target->stream ? ":streamRawPredict" : ":rawPredict");
}

llmcost_status llmc_anthropic_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    llmcost_status status = LLMCOST_OK;
    if (!at_vertex(target))
        out->headers[0] = "anthropic-version: 2023-06-01";
    if (operation == LLMC_OP_LIST_MODELS) {
        out->method = "GET";
        llmc_buffer_add_text(&out->path, "/v1/models?limit=1000"); /* the default is a page of 20 */
    } else {
        llmc_encoding encoding;
        write_path(operation, target, &out->path);
        llmc_encoding_begin(&encoding, request, target, out, error);
        if (operation == LLMC_OP_COUNT_TOKENS)
            write_count(&encoding);
        else
            write_chat(&encoding);
        status = llmc_encoding_end(&encoding);
    }
    return status || !out->path.failure ? status : llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request");
}
