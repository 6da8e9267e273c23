/* Refuses what Anthropic's Messages refuse: a version header, max_tokens, known members only, blocks that are whole. */
#include "mock/dialect.h"
#include "mock/http_request.h"

#include <string.h>

static bool check_members(llmc_mock_question *question)
{
    static const char known[] = "model max_tokens messages system temperature top_p top_k stop_sequences tools tool_choice metadata "
                                "stream thinking output_config service_tier inference_geo speed container context_management cache_control mcp_servers";
    const char *name;
    json_t *value;
    json_object_foreach(question->root, name, value) {
        if (!llmc_mock_is_word(name, known))
            return llmc_mock_invalid(question, NULL, "%.60s: Extra inputs are not permitted", name);
    }
    return true;
}

static bool was_called(const json_t *messages, size_t before, const char *id)
{
    for (size_t i = 0; i < before; i++) {
        size_t index;
        json_t *block;
        LLMC_MOCK_EACH(json_object_get(json_array_get(messages, i), "content"), index, block) {
            if (llmc_mock_text_is(block, "type", "tool_use") && llmc_mock_text_is(block, "id", id))
                return true;
        }
    }
    return false;
}

/* By a result in the message that follows. */
static bool is_answered(const json_t *messages, size_t index, const char *id)
{
    size_t at;
    json_t *block;
    LLMC_MOCK_EACH(json_object_get(json_array_get(messages, index + 1), "content"), at, block) {
        if (llmc_mock_text_is(block, "type", "tool_result") && llmc_mock_text_is(block, "tool_use_id", id))
            return true;
    }
    return false;
}

static bool check_use(llmc_mock_question *question, const json_t *messages, size_t message, const json_t *block)
{
    const char *id = llmc_mock_text_at(block, "id");
    if (!id || !llmc_mock_text_at(block, "name") || !json_is_object(json_object_get(block, "input")))
        return llmc_mock_invalid(question, NULL, "messages.%zu.content.tool_use: id, name and input (an object) are required", message);
    return is_answered(messages, message, id) || llmc_mock_invalid(question, NULL, "messages.%zu: no `tool_result` in the next message for `tool_use` %s", message, id);
}

static bool check_image(llmc_mock_question *question, const json_t *block)
{
    const json_t *source = json_object_get(block, "source");
    bool embedded = llmc_mock_text_is(source, "type", "base64") && llmc_mock_text_at(source, "media_type") && llmc_mock_text_at(source, "data");
    bool linked = llmc_mock_text_is(source, "type", "url") && llmc_mock_text_at(source, "url");
    return embedded || linked || llmc_mock_invalid(question, NULL, "messages: image.source: Field required");
}

static bool check_block(llmc_mock_question *question, const json_t *messages, size_t message, const json_t *block)
{
    const char *type = llmc_mock_text_at(block, "type");
    if (!type)
        return llmc_mock_invalid(question, NULL, "messages.%zu.content: type: Field required", message);
    if (strcmp(type, "text") == 0 && (!llmc_mock_text_at(block, "text") || !*llmc_mock_text_at(block, "text")))
        return llmc_mock_invalid(question, NULL, "messages: text content blocks must be non-empty");
    if (strcmp(type, "image") == 0)
        return check_image(question, block);
    if (strcmp(type, "tool_use") == 0)
        return check_use(question, messages, message, block);
    if (strcmp(type, "thinking") == 0 && (!llmc_mock_text_at(block, "thinking") || !llmc_mock_text_at(block, "signature")))
        return llmc_mock_invalid(question, NULL, "messages.%zu.content.thinking.signature: Field required", message);
    if (strcmp(type, "tool_result") != 0)
        return true;
    const char *id = llmc_mock_text_at(block, "tool_use_id");
    if (!id || !was_called(messages, message, id))
        return llmc_mock_invalid(question, NULL, "messages.%zu.content: unexpected `tool_use_id` found in `tool_result` blocks", message);
    return true;
}

static bool check_message(llmc_mock_question *question, const json_t *messages, size_t index)
{
    const json_t *message = json_array_get(messages, index), *content = json_object_get(message, "content");
    bool user = llmc_mock_text_is(message, "role", "user");
    if (!user && !llmc_mock_text_is(message, "role", "assistant"))
        return llmc_mock_invalid(question, NULL, "messages.%zu.role: Input should be 'user' or 'assistant'", index);
    if (index == 0 && !user)
        return llmc_mock_invalid(question, NULL, "messages: first message must use the \"user\" role");
    if (json_is_string(content))
        return json_string_length(content) || llmc_mock_invalid(question, NULL, "messages.%zu: all messages must have non-empty content", index);
    if (!json_array_size(content))
        return llmc_mock_invalid(question, NULL, "messages.%zu.content: Field required", index);
    size_t at;
    json_t *block;
    LLMC_MOCK_EACH(content, at, block) {
        if (!check_block(question, messages, index, block))
            return false;
    }
    return true;
}

static bool check_tools(llmc_mock_question *question)
{
    const json_t *tools = json_object_get(question->root, "tools"), *choice = json_object_get(question->root, "tool_choice");
    size_t index;
    json_t *tool;
    LLMC_MOCK_EACH(tools, index, tool) {
        bool typed = llmc_mock_text_at(tool, "type") || llmc_mock_text_is(json_object_get(tool, "input_schema"), "type", "object");
        if (!llmc_mock_text_at(tool, "name") || !typed)
            return llmc_mock_invalid(question, NULL, "tools.%zu.custom.input_schema.type: Field required", index);
    }
    if (!choice)
        return true;
    if (!json_array_size(tools))
        return llmc_mock_invalid(question, NULL, "tool_choice: may only be specified while providing tools");
    const char *type = llmc_mock_text_at(choice, "type");
    if (!llmc_mock_is_word(type, "auto any tool none"))
        return llmc_mock_invalid(question, NULL, "tool_choice: Input tag does not match any of the expected tags");
    return strcmp(type, "tool") != 0 || llmc_mock_text_at(choice, "name") || llmc_mock_invalid(question, NULL, "tool_choice.tool.name: Field required");
}

static bool check_thinking(llmc_mock_question *question, const json_t *max_tokens)
{
    const json_t *thinking = json_object_get(question->root, "thinking"), *budget = json_object_get(thinking, "budget_tokens");
    if (!thinking || llmc_mock_text_is(thinking, "type", "disabled") || llmc_mock_text_is(thinking, "type", "adaptive"))
        return true;
    if (!llmc_mock_text_is(thinking, "type", "enabled"))
        return llmc_mock_invalid(question, NULL, "thinking: Input tag does not match any of the expected tags");
    if (!json_is_integer(budget) || json_integer_value(budget) < 1024)
        return llmc_mock_invalid(question, NULL, "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024");
    if (json_integer_value(budget) >= json_integer_value(max_tokens))
        return llmc_mock_invalid(question, NULL, "`max_tokens` must be greater than `thinking.budget_tokens`");
    return true;
}

static bool check_others(llmc_mock_question *question)
{
    const json_t *temperature = json_object_get(question->root, "temperature"), *stream = json_object_get(question->root, "stream");
    const json_t *system = json_object_get(question->root, "system"), *stop = json_object_get(question->root, "stop_sequences");
    if (temperature && (!json_is_number(temperature) || json_number_value(temperature) < 0 || json_number_value(temperature) > 1))
        return llmc_mock_invalid(question, NULL, "temperature: range: 0..1");
    if (stream && !json_is_boolean(stream))
        return llmc_mock_invalid(question, NULL, "stream: Input should be a valid boolean");
    if (system && !json_is_string(system) && !json_is_array(system))
        return llmc_mock_invalid(question, NULL, "system: Input should be a valid list");
    return !stop || json_is_array(stop) || llmc_mock_invalid(question, NULL, "stop_sequences: Input should be a valid list");
}

bool llmc_mock_validate_anthropic(llmc_mock_question *question)
{
    const char *value, *model = llmc_mock_text_at(question->root, "model");
    size_t bytes;
    const json_t *max_tokens = json_object_get(question->root, "max_tokens"), *messages = json_object_get(question->root, "messages");
    if (!llmc_http_header(question->head, question->head_bytes, "anthropic-version", &value, &bytes))
        return llmc_mock_invalid(question, NULL, "anthropic-version: header is required");
    if (!model || !*model)
        return llmc_mock_invalid(question, NULL, "model: Field required");
    if (!max_tokens)
        return llmc_mock_invalid(question, NULL, "max_tokens: Field required");
    if (!json_is_integer(max_tokens) || json_integer_value(max_tokens) < 0)
        return llmc_mock_invalid(question, NULL, "max_tokens: Input should be a valid integer");
    if (!json_is_array(messages))
        return llmc_mock_invalid(question, NULL, "messages: Field required");
    if (!json_array_size(messages))
        return llmc_mock_invalid(question, NULL, "messages: at least one message is required");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        if (!check_message(question, messages, i))
            return false;
    }
    return check_members(question) && check_tools(question) && check_thinking(question, max_tokens) && check_others(question);
}
