/* See question.h. */
#include "mock/question.h"

#include "mock/http_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TEXT = 1 << 28 };

void llmc_mock_question_init(llmc_mock_question *question, const llmc_allocator *allocator)
{
    *question = (llmc_mock_question){ .n = 1 };
    llmc_buffer_init(&question->user, allocator, MAX_TEXT);
    llmc_buffer_init(&question->system, allocator, MAX_TEXT);
}

void llmc_mock_question_free(llmc_mock_question *question)
{
    json_decref(question->root);
    llmc_buffer_free(&question->user);
    llmc_buffer_free(&question->system);
}

bool llmc_mock_question_is_chat(const llmc_mock_question *question)
{
    return question->dialect == LLMC_MOCK_OPENAI || question->dialect == LLMC_MOCK_ANTHROPIC;
}

static bool ends_with(llmc_mock_text text, const char *end)
{
    size_t bytes = strlen(end);
    return text.bytes >= bytes && memcmp(text.text + text.bytes - bytes, end, bytes) == 0;
}

llmc_mock_dialect llmc_mock_dialect_of(const llmc_mock_question *question)
{
    if (question->is_post && ends_with(question->path, "/chat/completions"))
        return LLMC_MOCK_OPENAI;
    if (question->is_post && ends_with(question->path, "/v1/messages"))
        return LLMC_MOCK_ANTHROPIC;
    if (question->is_post || !ends_with(question->path, "/models"))
        return LLMC_MOCK_NONE;
    const char *value;
    size_t bytes;
    return llmc_http_header(question->head, question->head_bytes, "anthropic-version", &value, &bytes) ? LLMC_MOCK_ANTHROPIC_MODELS : LLMC_MOCK_OPENAI_MODELS;
}

static void refuse(llmc_mock_question *question, int32_t status, const char *type, const char *param, const char *format, va_list arguments)
{
    if (question->refusal)
        return;
    question->refusal = status;
    question->refusal_type = type;
    question->refusal_param = param;
    vsnprintf(question->refusal_message, sizeof question->refusal_message, format, arguments);
}

bool llmc_mock_refuse(llmc_mock_question *question, int32_t status, const char *type, const char *param, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    refuse(question, status, type, param, format, arguments);
    va_end(arguments);
    return false;
}

bool llmc_mock_invalid(llmc_mock_question *question, const char *param, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    refuse(question, 400, "invalid_request_error", param, format, arguments);
    va_end(arguments);
    return false;
}

const char *llmc_mock_text_at(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

bool llmc_mock_text_is(const json_t *object, const char *name, const char *word)
{
    const char *text = llmc_mock_text_at(object, name);
    return text && strcmp(text, word) == 0;
}

static bool header_is(const llmc_mock_question *question, const char *name, const char *prefix, llmc_mock_text wanted)
{
    const char *value;
    size_t bytes, before = strlen(prefix);
    if (!llmc_http_header(question->head, question->head_bytes, name, &value, &bytes))
        return false;
    return bytes == before + wanted.bytes && memcmp(value, prefix, before) == 0 && memcmp(value + before, wanted.text, wanted.bytes) == 0;
}

void llmc_mock_question_check_key(llmc_mock_question *question, llmc_mock_text key)
{
    bool anthropic = question->dialect == LLMC_MOCK_ANTHROPIC || question->dialect == LLMC_MOCK_ANTHROPIC_MODELS;
    if (header_is(question, "authorization", "Bearer ", key) || (anthropic && header_is(question, "x-api-key", "", key)))
        return;
    if (anthropic) {
        llmc_mock_refuse(question, 401, "authentication_error", NULL, "invalid x-api-key");
        return;
    }
    llmc_mock_refuse(question, 401, "invalid_request_error", NULL, "Incorrect API key provided.");
    question->refusal_code = "invalid_api_key";
}

/* ---- the full reading */

static size_t text_bytes_of(const json_t *content)
{
    if (json_is_string(content))
        return json_string_length(content);
    size_t total = 0, index;
    json_t *part;
    json_array_foreach(content, index, part) {
        total += json_string_length(json_object_get(part, "text"));
        total += text_bytes_of(json_object_get(part, "content")); /* a tool's result, one level down */
    }
    return total;
}

static void add_texts(llmc_buffer *out, const json_t *content)
{
    if (json_is_string(content))
        llmc_buffer_add(out, json_string_value(content), json_string_length(content));
    size_t index;
    json_t *part;
    json_array_foreach(content, index, part) {
        json_t *text = json_object_get(part, "text");
        if (json_is_string(text))
            llmc_buffer_add(out, json_string_value(text), json_string_length(text));
    }
}

static void read_messages(llmc_mock_question *question)
{
    json_t *system = json_object_get(question->root, "system"), *message, *last = NULL;
    size_t index;
    question->prompt_bytes = text_bytes_of(system);
    add_texts(&question->system, system);
    json_array_foreach(json_object_get(question->root, "messages"), index, message) {
        json_t *content = json_object_get(message, "content");
        question->prompt_bytes += text_bytes_of(content);
        if (llmc_mock_text_is(message, "role", "system") || llmc_mock_text_is(message, "role", "developer"))
            add_texts(&question->system, content);
        if (llmc_mock_text_is(message, "role", "user"))
            last = content;
    }
    add_texts(&question->user, last);
}

static bool check_content_type(llmc_mock_question *question)
{
    const char *value;
    size_t bytes;
    if (llmc_http_header(question->head, question->head_bytes, "content-type", &value, &bytes) && memmem(value, bytes, "json", 4))
        return true;
    return llmc_mock_invalid(question, NULL, "Content-Type must be application/json");
}

void llmc_mock_question_read(llmc_mock_question *question, bool validate)
{
    json_error_t where;
    question->root = json_loadb(question->body, question->body_bytes, JSON_ALLOW_NUL | JSON_DECODE_ANY, &where);
    if (!json_is_object(question->root)) {
        llmc_mock_invalid(question, NULL, "We could not parse the JSON body of your request. (%s)", question->root ? "not an object" : where.text);
        return;
    }
    if (validate && (!check_content_type(question) || !(question->dialect == LLMC_MOCK_ANTHROPIC ? llmc_mock_validate_anthropic : llmc_mock_validate_openai)(question)))
        return;
    json_t *model = json_object_get(question->root, "model"), *n = json_object_get(question->root, "n");
    question->model = (llmc_mock_text){ json_is_string(model) ? json_string_value(model) : "", json_string_length(model) };
    question->stream = json_is_true(json_object_get(question->root, "stream"));
    question->include_usage = json_is_true(json_object_get(json_object_get(question->root, "stream_options"), "include_usage"));
    question->logprobs = json_is_true(json_object_get(question->root, "logprobs"));
    question->top_logprobs = json_integer_value(json_object_get(question->root, "top_logprobs")) > 0;
    if (json_is_integer(n) && json_integer_value(n) >= 1 && json_integer_value(n) <= 128)
        question->n = json_integer_value(n);
    read_messages(question);
}

/* ---- the skim: over the top level only, strings passed over by memchr */

struct skim {
    const char *at, *end;
};

static void skip_space(struct skim *skim)
{
    while (skim->at < skim->end && (*skim->at == ' ' || *skim->at == '\n' || *skim->at == '\r' || *skim->at == '\t'))
        skim->at++;
}

/* From a quote to behind its partner. */
static bool skip_string(struct skim *skim)
{
    const char *from = ++skim->at;
    for (;;) {
        const char *quote = memchr(skim->at, '"', (size_t)(skim->end - skim->at));
        if (!quote)
            return false;
        skim->at = quote + 1;
        size_t slashes = 0;
        while (quote - slashes > from && quote[-1 - (ptrdiff_t)slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return true;
    }
}

static bool skip_value(struct skim *skim)
{
    size_t depth = 0;
    while (skim->at < skim->end) {
        char byte = *skim->at;
        if (byte == '"') {
            if (!skip_string(skim))
                return false;
            if (!depth)
                return true;
            continue;
        }
        if (!depth && (byte == ',' || byte == '}' || byte == ']'))
            return true;
        if (byte == '{' || byte == '[')
            depth++;
        if ((byte == '}' || byte == ']') && --depth == 0) {
            skim->at++;
            return true;
        }
        skim->at++;
    }
    return false;
}

static bool is_word(const char *from, const char *to, const char *word)
{
    return (size_t)(to - from) == strlen(word) && memcmp(from, word, strlen(word)) == 0;
}

/* One member whose name stands between from and to and whose value begins at value. False: too unusual for a skim. */
static bool take_member(llmc_mock_question *question, const char *from, const char *to, const char *value, const char *end)
{
    if (is_word(from, to, "model")) {
        question->model = (llmc_mock_text){ value + 1, (size_t)(end - value) - 2 };
        return end - value > 2 && *value == '"' && !memchr(value, '\\', (size_t)(end - value));
    }
    if (is_word(from, to, "stream"))
        question->stream = *value == 't';
    if (is_word(from, to, "stream_options"))
        question->include_usage = memmem(value, (size_t)(end - value), "true", 4) != NULL && memmem(value, (size_t)(end - value), "include_usage", 13) != NULL;
    return !is_word(from, to, "n") && !is_word(from, to, "logprobs");
}

bool llmc_mock_question_skim(llmc_mock_question *question)
{
    struct skim skim = { question->body, question->body + question->body_bytes };
    skip_space(&skim);
    if (skim.at == skim.end || *skim.at != '{')
        return false;
    do {
        skim.at++;
        skip_space(&skim);
        if (skim.at == skim.end || *skim.at != '"')
            return false;
        const char *name = skim.at + 1;
        if (!skip_string(&skim))
            return false;
        const char *name_end = skim.at - 1;
        skip_space(&skim);
        if (skim.at == skim.end || *skim.at++ != ':')
            return false;
        skip_space(&skim);
        const char *value = skim.at;
        if (!skip_value(&skim) || !take_member(question, name, name_end, value, skim.at))
            return false;
        skip_space(&skim);
    } while (skim.at < skim.end && *skim.at == ',');
    return skim.at < skim.end && *skim.at == '}' && question->model.text;
}
