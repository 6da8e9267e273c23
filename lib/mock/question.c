/* See question.h. */
#include "mock/question.h"

#include "mock/dialect.h"
#include "mock/http_request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TEXT = 1 << 28 };

void llmc_mock_question_init(llmc_mock_question *question, const llmc_allocator *allocator)
{
    *question = (llmc_mock_question){ .n = 1, .route = llmc_mock_nobodys_route() };
    llmc_buffer_init(&question->path_model, allocator, MAX_TEXT);
    llmc_buffer_init(&question->user, allocator, MAX_TEXT);
    llmc_buffer_init(&question->system, allocator, MAX_TEXT);
}

void llmc_mock_question_free(llmc_mock_question *question)
{
    json_decref(question->root);
    json_decref(question->inputs);
    llmc_buffer_free(&question->path_model);
    llmc_buffer_free(&question->user);
    llmc_buffer_free(&question->system);
}

bool llmc_mock_question_is_chat(const llmc_mock_question *question)
{
    return question->route->operation == LLMC_MOCK_CHAT;
}

bool llmc_mock_question_lists_models(const llmc_mock_question *question)
{
    return question->route->operation == LLMC_MOCK_MODELS;
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
    refuse(question, 400, NULL, param, format, arguments);
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

/* The header begins with prefix and the key; behind them stands nothing, or something that begins with `end`. */
static bool header_holds(const llmc_mock_question *question, const char *name, const char *prefix, llmc_mock_text key, char end)
{
    const char *value;
    size_t bytes, before = strlen(prefix), needed = before + key.bytes;
    if (!name || !llmc_http_header(question->head, question->head_bytes, name, &value, &bytes) || bytes < needed)
        return false;
    return memcmp(value, prefix, before) == 0 && memcmp(value + before, key.text, key.bytes) == 0 && (end ? bytes > needed && value[needed] == end : bytes == needed);
}

void llmc_mock_question_check_key(llmc_mock_question *question, llmc_mock_text key)
{
    const llmc_mock_dialect *dialect = question->route->dialect;
    bool amazon = dialect->words == LLMC_MOCK_WORDS_AMAZON;
    if (header_holds(question, "authorization", "Bearer ", key, 0) || header_holds(question, dialect->key_header, "", key, 0))
        return;
    if (amazon && header_holds(question, "authorization", "AWS4-HMAC-SHA256 Credential=", key, '/'))
        return;
    llmc_mock_refuse(question, dialect->wrong_key.status, dialect->wrong_key.type, NULL, "%s", dialect->wrong_key.message);
    question->refusal_code = dialect->wrong_key.code;
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
    if (question->path_model.length)
        question->model = llmc_mock_path_model(question);
    return skim.at < skim.end && *skim.at == '}' && question->model.text;
}
