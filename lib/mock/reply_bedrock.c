/* Amazon Bedrock's Converse. The forms of a stream are lines of a name and a JSON text each, which become binary frames. */
#include "mock/dialect.h"

#include "base/crc32.h"

#include <string.h>

#define USAGE \
    "'usage':{'inputTokens':%I,'outputTokens':%C,'totalTokens':%T,'cacheReadInputTokens':%H,'cacheWriteInputTokens':%S,"                    \
    "'cacheDetails':[{'ttl':'5m','inputTokens':%W},{'ttl':'1h','inputTokens':%L}]},"
#define DELTA(delta) "contentBlockDelta {'contentBlockIndex':%b,'delta':{" delta "}}\n"
#define STOP "contentBlockStop {'contentBlockIndex':%b}\n"

static const llmc_mock_sheet whole = {
    .open = "{'output':{'message':{'role':'assistant','content':[",
    .reasoning.begin = "%,{'reasoningContent':{'reasoningText':{'text':%X,'signature':'c2lnbmVk'}}}",
    .text.begin = "%,{'text':%X}",
    .call.begin = "%,{'toolUse':{'toolUseId':%c,'name':%N,'input':%a}}",
    .close = "]}},'stopReason':'%F',%<" USAGE "%>'metrics':{'latencyMs':1}}",
};

static const llmc_mock_sheet stream = {
    .stream_type = "application/vnd.amazon.eventstream",
    .open = "messageStart {'role':'assistant'}\n",
    .reasoning = { NULL, DELTA("'reasoningContent':{'text':'%p'}"), DELTA("'reasoningContent':{'signature':'c2lnbmVk'}") STOP },
    .text = { NULL, DELTA("'text':'%p'"), STOP },
    .call = { "contentBlockStart {'contentBlockIndex':%b,'start':{'toolUse':{'toolUseId':%c,'name':%N}}}\n", DELTA("'toolUse':{'input':'%p'}"), STOP },
    .close = "messageStop {'stopReason':'%F'}\n%<metadata {" USAGE "'metrics':{'latencyMs':1}}\n%>",
};

/* ---- frames */

static void add_u32(llmc_buffer *out, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        llmc_buffer_add_byte(out, (char)(value >> shift));
}

static void add_header(llmc_buffer *out, const char *name, const char *value, size_t bytes)
{
    const char between[] = { 7, (char)(bytes >> 8), (char)bytes };
    llmc_buffer_add_byte(out, (char)strlen(name));
    llmc_buffer_add_text(out, name);
    llmc_buffer_add(out, between, sizeof between);
    llmc_buffer_add(out, value, bytes);
}

static void add_checksum(llmc_buffer *out, size_t from)
{
    if (!out->failure)
        add_u32(out, llmc_crc32(0, out->data + from, out->length - from));
}

/* "name {...}"; '!' before the name: an exception, which begins with a small letter in a stream. */
static void add_frame(llmc_buffer *out, char *line, size_t bytes)
{
    const char *blank = memchr(line, ' ', bytes);
    bool exception = *line == '!';
    size_t from = out->length, name = (size_t)(blank - line) - exception, payload = bytes - (size_t)(blank + 1 - line);
    const char *type = exception ? "exception" : "event", *key = exception ? ":exception-type" : ":event-type";
    if (exception && line[1] >= 'A' && line[1] <= 'Z')
        line[1] |= 0x20;
    size_t headers = 4 + strlen(key) + name + 4 + strlen(":message-type") + strlen(type) + 4 + strlen(":content-type") + strlen("application/json");
    add_u32(out, (uint32_t)(16 + headers + payload));
    add_u32(out, (uint32_t)headers);
    add_checksum(out, from);
    add_header(out, key, line + exception, name);
    add_header(out, ":content-type", "application/json", strlen("application/json"));
    add_header(out, ":message-type", type, strlen(type));
    llmc_buffer_add(out, blank + 1, payload);
    add_checksum(out, from);
}

static void wrap(llmc_mock_body *body, size_t from)
{
    llmc_buffer *out = &body->bytes;
    if (out->failure)
        return;
    size_t bytes = out->length - from;
    char *lines = llmc_strndup(out->allocator, out->data + from, bytes), *end;
    body->no_memory = body->no_memory || !lines;
    out->length = from;
    for (char *line = lines; line && (end = memchr(line, '\n', bytes - (size_t)(line - lines))); line = end + 1)
        add_frame(out, line, (size_t)(end - line));
    llmc_free(out->allocator, lines);
}

/* ---- questions */

static void read_question(llmc_mock_question *question)
{
    json_t *inner = json_object_get(json_object_get(question->root, "input"), "converse");
    question->chat = inner ? inner : question->root;
    llmc_mock_read_chat(question);
}

static const char members[] =
    "messages:A system:a inferenceConfig:o toolConfig:o additionalModelRequestFields:o additionalModelResponseFieldPaths:a "
    "outputConfig:o serviceTier:o performanceConfig:o requestMetadata:o guardrailConfig:o promptVariables:o";
static const char block_members[] = "text:t image:o document:o video:o audio:o toolUse:o toolResult:o reasoningContent:o cachePoint:o guardContent:o citationsContent:o";

static bool was_used(const json_t *message, const char *id)
{
    size_t index;
    json_t *block;
    LLMC_MOCK_EACH(json_object_get(message, "content"), index, block) {
        if (llmc_mock_text_is(json_object_get(block, "toolUse"), "toolUseId", id))
            return true;
    }
    return false;
}

static bool check_block(llmc_mock_question *question, const json_t *before, const json_t *block)
{
    const json_t *use = json_object_get(block, "toolUse"), *result = json_object_get(block, "toolResult");
    const char *id = llmc_mock_text_at(result, "toolUseId"), *text = llmc_mock_text_at(block, "text");
    if (json_object_size(block) != 1 || !llmc_mock_check_members(question, block, block_members))
        return llmc_mock_invalid(question, NULL, "A content block must have exactly one member that is known.");
    if (text && !text[strspn(text, " \t\r\n")])
        return llmc_mock_invalid(question, NULL, "The text field in the ContentBlock object is blank.");
    if (use && (!llmc_mock_text_at(use, "toolUseId") || !llmc_mock_text_at(use, "name") || !json_is_object(json_object_get(use, "input"))))
        return llmc_mock_invalid(question, NULL, "toolUse needs toolUseId, name and input (an object).");
    if (result && (!id || !json_is_array(json_object_get(result, "content")) || !was_used(before, id)))
        return llmc_mock_invalid(question, NULL, "toolResult answers no toolUse of the turn before.");
    if ((use || result) && !json_object_get(question->root, "toolConfig"))
        return llmc_mock_invalid(question, NULL, "The toolConfig field must be defined when using toolUse and toolResult content blocks.");
    return true;
}

static bool validate(llmc_mock_question *question)
{
    const json_t *messages = json_object_get(question->root, "messages");
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *message = json_array_get(messages, i), *content = json_object_get(message, "content");
        size_t index;
        json_t *block;
        if (!llmc_mock_check_word(question, message, "role", i % 2 ? " assistant " : " user "))
            return false;
        if (!json_array_size(content))
            return llmc_mock_invalid(question, NULL, "The content field in the Message object at messages.%zu is empty.", i);
        LLMC_MOCK_EACH(content, index, block) {
            if (!check_block(question, i ? json_array_get(messages, i - 1) : NULL, block))
                return false;
        }
    }
    return true;
}

const llmc_mock_dialect llmc_mock_bedrock = {
    .request_id = "X-Amzn-RequestId", .words = LLMC_MOCK_WORDS_AMAZON, .one_choice = true, .stream_failure = 500,
    .wrong_key = { 403, "UnrecognizedClientException", NULL, "The security token included in the request is invalid." },
    .finishes = { "end_turn", "max_tokens", "tool_use", "content_filtered" },
    .error = "{'message':%M}", .error_header = "X-Amzn-ErrorType: %y\r\n", .error_in_stream = "!%y {'message':%M}\n",
    .members = members, .read = read_question, .validate = validate, .whole = &whole, .stream = &stream, .wrap = wrap,
};
