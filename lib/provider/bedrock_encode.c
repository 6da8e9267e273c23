/*
 * A request as a body of Amazon Bedrock's Converse. The model stands in the path, percent-encoded.
 *
 * System text stands apart, turns alternate (several of one side become one), content is blocks, tool results are blocks
 * of the user. Documents need a name of few kinds of characters and each another one: what does not fit becomes "-", and
 * from the second on their number is added. Ids of tool calls that this format does not take (another provider's) become
 * a hash, so that a conversation always gives the same body. Reasoning goes back to Claude only, with its signature;
 * marks go to Claude and Nova, which alone take them. Empty texts are left out, and turns that are nothing else: the format refuses them.
 *
 * Effort goes into additionalModelRequestFields, which each family reads in its own way: Claude by the rule of
 * provider/claude.h (output_config.effort, or thinking with a budget), Nova 2 as reasoningConfig, OpenAI's open models as
 * reasoning_effort. Other models take none.
 */
#include "provider/bedrock_codec.h"

#include "base/sha256.h"
#include "provider/claude.h"
#include "provider/conversation.h"

#include <stdio.h>

enum { TOOL_ID_MAXIMUM = 64, DOCUMENT_NAME_MAXIMUM = 150 };

/* ---- blocks ---- */

static void write_mark(llmc_json_writer *json)
{
    llmc_json_write_begin_object(json);
    llmc_json_write_member_object(json, "cachePoint");
    llmc_json_write_member_text(json, "type", "default");
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

static void write_text_block(llmc_json_writer *json, const char *text, size_t bytes)
{
    if (bytes == 0)
        return;
    llmc_json_write_begin_object(json);
    llmc_json_write_member_string(json, "text", text, bytes);
    llmc_json_write_end_object(json);
}

/* How many documents stand before this one, in the whole request. */
static uint32_t documents_before(const llmcost_request *request, uint32_t message, uint32_t part)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i <= message; i++)
        for (uint32_t j = 0; j < (i == message ? part : request->messages[i].part_count); j++)
            count += llmc_bedrock_is_document(&request->messages[i].parts[j]);
    return count;
}

static void write_document_name(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    char name[DOCUMENT_NAME_MAXIMUM + 16];
    const char *given = part->detail && *part->detail ? part->detail : "document", *dot = strrchr(given, '.');
    size_t length = 0, end = dot && dot > given ? (size_t)(dot - given) : strlen(given);
    uint32_t before = documents_before(encoding->request, message, index);
    for (size_t i = 0; i < end && length < DOCUMENT_NAME_MAXIMUM; i++) {
        char c = given[i];
        bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-()[]", c) || (c == ' ' && i && given[i - 1] != ' ');
        if (fits || !length || name[length - 1] != '-')
            name[length++] = fits ? c : '-';
    }
    name[length] = '\0';
    if (before)
        snprintf(name + length, sizeof name - length, "-%u", before + 1);
    llmc_json_write_member_text(&encoding->json, "name", name);
}

/* {"image": {"format": "png", "source": {"bytes": "..."}}}, and documents alike. */
static void write_media(llmc_encoding *encoding, const llmcost_part *part, uint32_t message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    char media_type[64];
    const char *base64 = NULL;
    bool is_url = !part->data && part->url && llmc_data_url(part->url, media_type, &base64);
    const char *format = llmc_bedrock_format_of(part, is_url ? media_type : part->media_type);
    if (!format || (!part->data && !is_url)) {
        llmc_encoding_invalid(encoding, "messages[%u].parts[%u] needs data and a media_type such as image/png, or a data URL", message, index);
        return;
    }
    llmc_json_write_begin_object(json);
    llmc_json_write_member_object(json, llmc_bedrock_is_document(part) ? "document" : "image");
    llmc_json_write_member_text(json, "format", format);
    if (llmc_bedrock_is_document(part))
        write_document_name(encoding, part, message, index);
    llmc_json_write_member_object(json, "source");
    llmc_json_write_key(json, "bytes");
    if (is_url)
        llmc_json_write_text(json, base64);
    else
        llmc_json_write_base64(json, "", part->data, part->data_bytes);
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

static bool is_base64(const char *text, size_t bytes)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    for (size_t i = 0; i < bytes; i++)
        if (!memchr(letters, text[i], sizeof letters - 1))
            return false;
    return bytes > 0;
}

/* What another provider signed or hid is left out as far as it can be told. */
static bool goes_back(const llmc_encoding *encoding, const llmcost_part *part)
{
    bool hidden = part->type == LLMCOST_PART_REASONING_HIDDEN, is_signed = part->signature && *part->signature;
    return llmc_bedrock_may_be_claude(llmc_bedrock_family_of(encoding->target->model)) &&
           (hidden ? is_base64(part->text, llmc_text_bytes(part->text, part->text_bytes)) : is_signed);
}

static void write_reasoning(llmc_encoding *encoding, const llmcost_part *part)
{
    llmc_json_writer *json = &encoding->json;
    bool hidden = part->type == LLMCOST_PART_REASONING_HIDDEN;
    size_t bytes = llmc_text_bytes(part->text, part->text_bytes);
    if (!goes_back(encoding, part))
        return;
    llmc_json_write_begin_object(json);
    llmc_json_write_member_object(json, "reasoningContent");
    if (!hidden)
        llmc_json_write_member_object(json, "reasoningText");
    llmc_json_write_member_string(json, hidden ? "redactedContent" : "text", part->text ? part->text : "", bytes);
    if (!hidden) {
        llmc_json_write_member_text(json, "signature", part->signature);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

/* The blocks of a message's text and parts, without the brackets. */
static void write_blocks(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    if (message->part_count == 0)
        write_text_block(json, message->text, llmc_text_bytes(message->text, message->text_bytes));
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        switch (part->type) {
        case LLMCOST_PART_TEXT: write_text_block(json, part->text, llmc_text_bytes(part->text, part->text_bytes)); break;
        case LLMCOST_PART_IMAGE:
        case LLMCOST_PART_IMAGE_URL:
        case LLMCOST_PART_DOCUMENT: write_media(encoding, part, index, i); break;
        case LLMCOST_PART_REASONING:
        case LLMCOST_PART_REASONING_HIDDEN:
            if (message->role == LLMCOST_ASSISTANT)
                write_reasoning(encoding, part);
            break;
        default: llmc_encoding_invalid(encoding, "messages[%u].parts[%u].type %d is unknown", index, i, (int)part->type);
        }
    }
}

/* As it is where the format takes it (Claude takes fewer characters than the others), else a hash of it. */
static void write_tool_id(llmc_encoding *encoding, const char *id)
{
    const char *accepted = llmc_bedrock_may_be_claude(llmc_bedrock_family_of(encoding->target->model)) ? "-_" : "-_.:";
    size_t bytes = strlen(id), good = 0;
    while (good < bytes && ((id[good] >= 'a' && id[good] <= 'z') || (id[good] >= 'A' && id[good] <= 'Z') || (id[good] >= '0' && id[good] <= '9') || strchr(accepted, id[good])))
        good++;
    char made[8 + 64 + 1] = "tooluse_";
    uint8_t digest[32];
    if (good < bytes || bytes > TOOL_ID_MAXIMUM) {
        llmc_sha256_of(id, bytes, digest);
        llmc_hex(digest, 12, made + 8);
        id = made;
    }
    llmc_json_write_member_text(&encoding->json, "toolUseId", id);
}

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
        if (encoding->status)
            return;
        llmc_json_write_begin_object(json);
        llmc_json_write_member_object(json, "toolUse");
        write_tool_id(encoding, call->id);
        llmc_json_write_member_text(json, "name", call->name);
        llmc_json_write_member_json(json, "input", arguments);
        llmc_json_write_end_object(json);
        llmc_json_write_end_object(json);
    }
}

static void write_tool_result(llmc_encoding *encoding, const llmcost_message *message, uint32_t index)
{
    llmc_json_writer *json = &encoding->json;
    if (!message->tool_call_id || !*message->tool_call_id) {
        llmc_encoding_invalid(encoding, "messages[%u].tool_call_id is missing", index);
        return;
    }
    llmc_json_write_begin_object(json);
    llmc_json_write_member_object(json, "toolResult");
    write_tool_id(encoding, message->tool_call_id);
    llmc_json_write_member_array(json, "content");
    write_blocks(encoding, message, index);
    llmc_json_write_end_array(json);
    if (message->is_error)
        llmc_json_write_member_text(json, "status", "error");
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

/* ---- messages ---- */

/* One message within its turn, and the mark behind it. */
static void write_message(llmc_encoding *encoding, uint32_t index)
{
    const llmcost_message *message = &encoding->request->messages[index];
    size_t before = encoding->json.out->length;
    if (message->role == LLMCOST_TOOL)
        write_tool_result(encoding, message, index);
    else
        write_blocks(encoding, message, index);
    if (message->role == LLMCOST_ASSISTANT)
        write_tool_use(encoding, message, index);
    if (message->cache_mark && encoding->json.out->length > before && llmc_bedrock_takes_marks(llmc_bedrock_family_of(encoding->target->model)))
        write_mark(&encoding->json);
}

/* Whether a message leaves anything in the body. */
static bool says_something(const llmc_encoding *encoding, const llmcost_message *message)
{
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        bool reasoning = part->type == LLMCOST_PART_REASONING || part->type == LLMCOST_PART_REASONING_HIDDEN;
        if (reasoning && message->role == LLMCOST_ASSISTANT && goes_back(encoding, part))
            return true;
    }
    return message->role == LLMCOST_TOOL || message->tool_call_count || !llmc_says_nothing(message);
}

static uint32_t write_system(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    uint32_t count = 0;
    bool any = false;
    for (; count < request->message_count && request->messages[count].role == LLMCOST_SYSTEM; count++)
        any = any || says_something(encoding, &request->messages[count]);
    if (!any)
        return count;
    llmc_encoding_member_array(encoding, "system");
    for (uint32_t i = 0; i < count; i++)
        write_message(encoding, i);
    llmc_json_write_end_array(&encoding->json);
    return count;
}

static bool is_users(int32_t role)
{
    return role == LLMCOST_USER || role == LLMCOST_TOOL;
}

/* A turn of which nothing is left to say is passed over, and those around it become one. */
static uint32_t next_spoken(const llmc_encoding *encoding, uint32_t index)
{
    const llmcost_request *request = encoding->request;
    while (index < request->message_count && !says_something(encoding, &request->messages[index]))
        index++;
    return index;
}

static void write_messages(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    uint32_t i = write_system(encoding);
    llmc_encoding_member_array(encoding, "messages");
    while ((i = next_spoken(encoding, i)) < request->message_count) {
        bool users = is_users(request->messages[i].role);
        if (!users && request->messages[i].role != LLMCOST_ASSISTANT) {
            llmc_encoding_invalid(encoding, "messages[%u].role %d cannot stand here", i, (int)request->messages[i].role);
            break;
        }
        llmc_json_write_begin_object(json);
        llmc_json_write_member_text(json, "role", users ? "user" : "assistant");
        llmc_json_write_member_array(json, "content");
        do {
            write_message(encoding, i);
            i = next_spoken(encoding, i + 1);
        } while (i < request->message_count && (users ? is_users(request->messages[i].role) : request->messages[i].role == LLMCOST_ASSISTANT));
        llmc_json_write_end_array(json);
        llmc_json_write_end_object(json);
    }
    llmc_json_write_end_array(json);
}

/* ---- tools ---- */

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
    llmc_json_write_member_object(json, "toolSpec");
    llmc_json_write_member_text(json, "name", tool->name);
    if (tool->description && *tool->description)
        llmc_json_write_member_text(json, "description", tool->description);
    llmc_json_write_member_object(json, "inputSchema");
    llmc_json_write_member_json(json, "json", parameters);
    llmc_json_write_end_object(json);
    if (tool->strict)
        llmc_json_write_member_bool(json, "strict", true);
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
    if (tool->cache_mark && llmc_bedrock_may_be_claude(llmc_bedrock_family_of(encoding->target->model)))
        write_mark(json);
}

static void write_tool_choice(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    bool one = request->tool_choice == LLMCOST_TOOLS_ONE;
    if (!one && request->tool_choice != LLMCOST_TOOLS_REQUIRED)
        return;
    if (one && (!request->tool_choice_name || !*request->tool_choice_name))
        llmc_encoding_invalid(encoding, "tool_choice_name is missing");
    llmc_json_write_member_object(json, "toolChoice");
    llmc_json_write_member_object(json, one ? "tool" : "any");
    if (one)
        llmc_json_write_member_text(json, "name", request->tool_choice_name);
    llmc_json_write_end_object(json);
    llmc_json_write_end_object(json);
}

/* There is no choice "none": the tools are left out. */
static void write_tools(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    if (request->tool_count == 0 && (request->tool_choice == LLMCOST_TOOLS_REQUIRED || request->tool_choice == LLMCOST_TOOLS_ONE))
        llmc_encoding_invalid(encoding, "tool_choice asks for a tool, but there are none");
    if (request->tool_count == 0 || request->tool_choice == LLMCOST_TOOLS_NONE)
        return;
    llmc_encoding_member_object(encoding, "toolConfig");
    llmc_json_write_member_array(&encoding->json, "tools");
    for (uint32_t i = 0; i < request->tool_count; i++)
        write_tool(encoding, &request->tools[i], i);
    llmc_json_write_end_array(&encoding->json);
    write_tool_choice(encoding);
    llmc_json_write_end_object(&encoding->json);
}

/* ---- thinking, format, sampling ---- */

static bool thinks_by_budget(const llmc_encoding *encoding)
{
    return llmc_bedrock_family_of(encoding->target->model) == LLMC_BEDROCK_CLAUDE && llmc_claude_thinks_by_budget(encoding->request, encoding->target->model);
}

/* 0: the model's own. A thinking budget needs a limit above it. */
static int64_t max_tokens_of(const llmc_encoding *encoding)
{
    if (encoding->request->max_tokens > 0)
        return encoding->request->max_tokens;
    return thinks_by_budget(encoding) ? LLMC_CLAUDE_DEFAULT_MAX_TOKENS : 0;
}

static void write_thinking(llmc_encoding *encoding)
{
    llmc_json_writer *json = &encoding->json;
    int64_t max_tokens = max_tokens_of(encoding), budget = llmc_claude_budget(encoding->request, max_tokens);
    if (budget < LLMC_CLAUDE_LEAST_BUDGET || budget >= max_tokens)
        llmc_encoding_invalid(encoding, "thinking needs 1024 tokens or more, and max_tokens (%lld) above that", (long long)max_tokens);
    llmc_json_write_member_object(json, "thinking");
    llmc_json_write_member_text(json, "type", "enabled");
    llmc_json_write_member_integer(json, "budget_tokens", budget);
    llmc_json_write_end_object(json);
}

static void write_effort(llmc_encoding *encoding)
{
    llmc_json_writer *json = &encoding->json;
    llmc_bedrock_family family = llmc_bedrock_family_of(encoding->target->model);
    const char *effort = llmc_effort_name(encoding->request->effort);
    bool none = encoding->request->effort == LLMCOST_EFFORT_NONE;
    if (family == LLMC_BEDROCK_OPENAI) {
        llmc_json_write_member_text(json, "reasoning_effort", effort);
        return;
    }
    llmc_json_write_member_object(json, family == LLMC_BEDROCK_NOVA ? "reasoningConfig" : "output_config");
    if (family == LLMC_BEDROCK_NOVA)
        llmc_json_write_member_text(json, "type", none ? "disabled" : "enabled");
    if (!none)
        llmc_json_write_member_text(json, family == LLMC_BEDROCK_NOVA ? "maxReasoningEffort" : "effort", effort);
    llmc_json_write_end_object(json);
}

static void write_model_fields(llmc_encoding *encoding)
{
    bool budget = thinks_by_budget(encoding), effort = !budget && llmc_effort_name(encoding->request->effort);
    if (!budget && !effort)
        return;
    llmc_encoding_member_object(encoding, "additionalModelRequestFields");
    if (budget)
        write_thinking(encoding);
    else
        write_effort(encoding);
    llmc_json_write_end_object(&encoding->json);
}

static void write_format(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    if (request->format != LLMCOST_FORMAT_JSON_SCHEMA)
        return;
    if (!request->format_schema || llmc_json_text_type(request->format_schema) != LLMC_JSON_OBJECT)
        llmc_encoding_invalid(encoding, "format_schema is no JSON object");
    llmc_encoding_member_object(encoding, "outputConfig");
    llmc_json_write_member_object(json, "textFormat");
    llmc_json_write_member_text(json, "type", "json_schema");
    llmc_json_write_member_object(json, "structure");
    llmc_json_write_member_object(json, "jsonSchema");
    llmc_json_write_member_text(json, "name", request->format_name ? request->format_name : "answer");
    llmc_json_write_member_text(json, "schema", request->format_schema); /* a text here */
    for (int i = 0; i < 4; i++)
        llmc_json_write_end_object(json);
}

static void write_inference(llmc_encoding *encoding)
{
    const llmcost_request *request = encoding->request;
    llmc_json_writer *json = &encoding->json;
    int64_t max_tokens = max_tokens_of(encoding);
    if (max_tokens <= 0 && !request->has_temperature && !request->has_top_p && !request->stop_count)
        return;
    llmc_encoding_member_object(encoding, "inferenceConfig");
    if (max_tokens > 0)
        llmc_json_write_member_integer(json, "maxTokens", max_tokens);
    if (request->has_temperature) {
        llmc_json_write_key(json, "temperature");
        llmc_json_write_double(json, request->temperature);
    }
    if (request->has_top_p) {
        llmc_json_write_key(json, "topP");
        llmc_json_write_double(json, request->top_p);
    }
    if (request->stop_count) {
        llmc_json_write_member_array(json, "stopSequences");
        for (uint32_t i = 0; i < request->stop_count; i++)
            llmc_json_write_text(json, request->stop[i]);
        llmc_json_write_end_array(json);
    }
    llmc_json_write_end_object(json);
}

/* ---- the request ---- */

static void write_chat(llmc_encoding *encoding)
{
    static const char *const reserved[] = { "messages", "system", "inferenceConfig", NULL }, *const known[] = { NULL };
    encoding->known = known;
    write_messages(encoding);
    write_inference(encoding);
    write_tools(encoding);
    write_model_fields(encoding);
    write_format(encoding);
    if (encoding->request->end_user) {
        llmc_encoding_member_object(encoding, "requestMetadata");
        llmc_json_write_member_text(&encoding->json, "user_id", encoding->request->end_user);
        llmc_json_write_end_object(&encoding->json);
    }
    llmc_encoding_extra(encoding, reserved);
}

/* The parts of a chat that are counted; what only shapes the answer has no place here. */
static void write_count(llmc_encoding *encoding)
{
    llmc_json_write_member_object(&encoding->json, "input");
    llmc_json_write_member_object(&encoding->json, "converse");
    write_messages(encoding);
    write_tools(encoding);
    write_model_fields(encoding);
    llmc_json_write_end_object(&encoding->json);
    llmc_json_write_end_object(&encoding->json);
}

static void add_path(llmc_buffer *path, const char *model, const char *action)
{
    llmc_buffer_add_text(path, "/model/");
    llmc_add_escaped(path, model, "");
    llmc_buffer_add_text(path, action);
}

llmcost_status llmc_bedrock_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error)
{
    llmc_encoding encoding;
    bool count = operation == LLMC_OP_COUNT_TOKENS;
    add_path(&out->path, target->model, count ? "/count-tokens" : target->stream ? "/converse-stream" : "/converse");
    llmc_encoding_begin(&encoding, request, target, out, error);
    if (count)
        write_count(&encoding);
    else
        write_chat(&encoding);
    llmcost_status status = llmc_encoding_end(&encoding);
    return status || !out->path.failure ? status : llmc_error_set(error, LLMCOST_E_MEMORY, "no memory for the request");
}
