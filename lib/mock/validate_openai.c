/*
 * Refuses what OpenAI's chat completions refuse, so that an encoder is tested for real. Members that OpenAI does not
 * know are let pass: the same dialect is spoken by providers that know more.
 */
#include "mock/dialect.h"

#include <string.h>

static bool check_part(llmc_mock_question *question, const json_t *part)
{
    const char *type = llmc_mock_text_at(part, "type");
    if (!llmc_mock_is_word(type, "text image_url input_audio file refusal"))
        return llmc_mock_invalid(question, "messages", "Invalid value for a content part's 'type': '%s'.", type ? type : "null");
    if (strcmp(type, "text") == 0 && !llmc_mock_text_at(part, "text"))
        return llmc_mock_invalid(question, "messages", "A content part of type 'text' needs 'text'.");
    if (strcmp(type, "image_url") == 0 && !llmc_mock_text_at(json_object_get(part, "image_url"), "url"))
        return llmc_mock_invalid(question, "messages", "A content part of type 'image_url' needs 'image_url.url'.");
    return true;
}

static bool check_content(llmc_mock_question *question, const json_t *message)
{
    const json_t *content = json_object_get(message, "content");
    const char *role = llmc_mock_text_at(message, "role");
    if (json_is_string(content))
        return true;
    if ((!content || json_is_null(content)) && strcmp(role, "assistant") == 0)
        return true;
    if (!json_is_array(content) || !json_array_size(content))
        return llmc_mock_invalid(question, "messages", "Invalid value for 'content': expected a string or an array of parts.");
    size_t index;
    json_t *part;
    LLMC_MOCK_EACH(content, index, part) {
        if (!check_part(question, part))
            return false;
    }
    return true;
}

static bool check_tool_calls(llmc_mock_question *question, const json_t *calls)
{
    if (calls && !json_array_size(calls))
        return llmc_mock_invalid(question, "messages", "Invalid 'tool_calls': expected an array that is not empty.");
    size_t index;
    json_t *call;
    LLMC_MOCK_EACH(calls, index, call) {
        const json_t *function = json_object_get(call, "function"), *custom = json_object_get(call, "custom");
        if (llmc_mock_text_is(call, "type", "custom") && llmc_mock_text_at(call, "id") && llmc_mock_text_at(custom, "name") && llmc_mock_text_at(custom, "input"))
            continue;
        if (!llmc_mock_text_at(call, "id") || !llmc_mock_text_is(call, "type", "function") || !llmc_mock_text_at(function, "name") || !llmc_mock_text_at(function, "arguments"))
            return llmc_mock_invalid(question, "messages", "A tool call needs 'id', 'type' and 'function' with 'name' and 'arguments' (a string).");
    }
    return true;
}

static bool was_called(const json_t *messages, size_t before, const char *id)
{
    for (size_t i = 0; i < before; i++) {
        size_t index;
        json_t *call;
        LLMC_MOCK_EACH(json_object_get(json_array_get(messages, i), "tool_calls"), index, call) {
            if (strcmp(llmc_mock_text_at(call, "id"), id) == 0)
                return true;
        }
    }
    return false;
}

/* The tool messages that follow directly. */
static bool is_answered(const json_t *messages, size_t index, const char *id)
{
    for (const json_t *message; (message = json_array_get(messages, ++index)) && llmc_mock_text_is(message, "role", "tool");) {
        if (llmc_mock_text_is(message, "tool_call_id", id))
            return true;
    }
    return false;
}

static bool check_answers(llmc_mock_question *question, const json_t *messages, size_t index)
{
    size_t at;
    json_t *call;
    LLMC_MOCK_EACH(json_object_get(json_array_get(messages, index), "tool_calls"), at, call) {
        const char *id = llmc_mock_text_at(call, "id");
        if (!is_answered(messages, index, id))
            return llmc_mock_invalid(question, "messages", "The tool call '%s' has no message with role 'tool' behind it that answers it.", id);
    }
    return true;
}

static bool check_message(llmc_mock_question *question, const json_t *messages, size_t index)
{
    const json_t *message = json_array_get(messages, index);
    const char *role = llmc_mock_text_at(message, "role");
    if (!llmc_mock_is_word(role, "system developer user assistant tool"))
        return llmc_mock_invalid(question, "messages", "Invalid value: '%s'. Supported roles are system, developer, user, assistant and tool.", role ? role : "null");
    if (!check_content(question, message) || !check_tool_calls(question, json_object_get(message, "tool_calls")))
        return false;
    if (strcmp(role, "assistant") == 0 && !json_is_string(json_object_get(message, "content")) && !json_array_size(json_object_get(message, "content")) &&
        !json_object_get(message, "tool_calls") && !json_object_get(message, "refusal"))
        return llmc_mock_invalid(question, "messages", "An assistant message needs 'content', 'refusal' or 'tool_calls'.");
    if (strcmp(role, "tool") != 0)
        return check_answers(question, messages, index);
    const char *id = llmc_mock_text_at(message, "tool_call_id");
    if (!id || !was_called(messages, index, id))
        return llmc_mock_invalid(question, "messages", "A message with role 'tool' must answer a preceding message with 'tool_calls'.");
    return true;
}

struct range {
    const char *name;
    bool whole;
    double low, high;
};

static bool check_ranges(llmc_mock_question *question)
{
    static const struct range ranges[] = {
        { "temperature", false, 0, 2 }, { "top_p", false, 0, 1 }, { "n", true, 1, 128 }, { "max_tokens", true, 1, 1e9 },
        { "max_completion_tokens", true, 1, 1e9 }, { "top_logprobs", true, 0, 20 }, { "presence_penalty", false, -2, 2 },
        { "frequency_penalty", false, -2, 2 }, { "seed", true, -9.3e18, 9.3e18 },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        const json_t *value = json_object_get(question->root, ranges[i].name);
        if (!value || json_is_null(value))
            continue;
        if (!json_is_number(value) || (ranges[i].whole && !json_is_integer(value)))
            return llmc_mock_invalid(question, ranges[i].name, "Invalid type for '%s': expected a number.", ranges[i].name);
        if (json_number_value(value) < ranges[i].low || json_number_value(value) > ranges[i].high)
            return llmc_mock_invalid(question, ranges[i].name, "Invalid '%s': out of range.", ranges[i].name);
    }
    return true;
}

static bool check_tools(llmc_mock_question *question)
{
    const json_t *tools = json_object_get(question->root, "tools"), *choice = json_object_get(question->root, "tool_choice");
    if (tools && !json_array_size(tools))
        return llmc_mock_invalid(question, "tools", "[] is too short - 'tools'");
    size_t index;
    json_t *tool;
    LLMC_MOCK_EACH(tools, index, tool) {
        const json_t *function = json_object_get(tool, "function"), *parameters = json_object_get(function, "parameters");
        if (llmc_mock_text_is(tool, "type", "custom") && llmc_mock_text_at(json_object_get(tool, "custom"), "name"))
            continue;
        if (!llmc_mock_text_is(tool, "type", "function") || !llmc_mock_text_at(function, "name") || (parameters && !json_is_object(parameters)))
            return llmc_mock_invalid(question, "tools", "Missing required parameter: 'tools[%zu].function.name'.", index);
    }
    if (choice && !tools)
        return llmc_mock_invalid(question, "tool_choice", "'tool_choice' is only allowed when 'tools' are specified.");
    if (choice && !llmc_mock_is_word(json_string_value(choice), "none auto required") && !json_is_object(choice))
        return llmc_mock_invalid(question, "tool_choice", "Invalid value for 'tool_choice'.");
    if (json_object_get(question->root, "parallel_tool_calls") && !tools)
        return llmc_mock_invalid(question, "parallel_tool_calls", "'parallel_tool_calls' is only allowed when 'tools' are specified.");
    return true;
}

static bool check_format(llmc_mock_question *question)
{
    const json_t *format = json_object_get(question->root, "response_format"), *schema = json_object_get(format, "json_schema");
    const char *type = llmc_mock_text_at(format, "type");
    if (!format)
        return true;
    if (!llmc_mock_is_word(type, "text json_object json_schema"))
        return llmc_mock_invalid(question, "response_format", "Invalid value for 'response_format.type'.");
    if (strcmp(type, "json_schema") == 0 && (!llmc_mock_text_at(schema, "name") || !json_is_object(json_object_get(schema, "schema"))))
        return llmc_mock_invalid(question, "response_format", "Missing required parameter: 'response_format.json_schema'.");
    return true;
}

static bool check_others(llmc_mock_question *question)
{
    const json_t *root = question->root, *stream = json_object_get(root, "stream"), *stop = json_object_get(root, "stop");
    if (stream && !json_is_boolean(stream))
        return llmc_mock_invalid(question, "stream", "Invalid type for 'stream': expected a boolean.");
    if (json_object_get(root, "stream_options") && !json_is_true(stream))
        return llmc_mock_invalid(question, "stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.");
    if (json_object_get(root, "max_tokens") && json_object_get(root, "max_completion_tokens"))
        return llmc_mock_invalid(question, "max_tokens", "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.");
    if (stop && !json_is_null(stop) && !json_is_string(stop) && (!json_array_size(stop) || json_array_size(stop) > 4))
        return llmc_mock_invalid(question, "stop", "Invalid 'stop': expected a string or an array of at most 4.");
    if (json_object_get(root, "top_logprobs") && !json_is_true(json_object_get(root, "logprobs")))
        return llmc_mock_invalid(question, "top_logprobs", "'top_logprobs' is only allowed when 'logprobs' is enabled.");
    return true;
}

bool llmc_mock_validate_openai(llmc_mock_question *question)
{
    const char *model = llmc_mock_text_at(question->root, "model");
    const json_t *messages = json_object_get(question->root, "messages");
    if (!question->path_model.length && (!model || !*model))
        return llmc_mock_invalid(question, "model", "you must provide a model parameter");
    if (!messages)
        return llmc_mock_invalid(question, "messages", "Missing required parameter: 'messages'.");
    if (!json_array_size(messages))
        return llmc_mock_invalid(question, "messages", "Invalid 'messages': empty array.");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        if (!check_message(question, messages, i))
            return false;
    }
    return check_ranges(question) && check_tools(question) && check_format(question) && check_others(question);
}
