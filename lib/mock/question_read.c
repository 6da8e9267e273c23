/* The full reading of a body: what every format has in common, and the ways of reading that several share. */
#include "mock/dialect.h"

#include "mock/http_request.h"

#include <string.h>

enum { MOST_CHOICES = 128, DEEPEST = 8 };

/* Of a text, of parts with a text, and of what stands in a part in its turn: a tool's result. */
static size_t text_bytes_of(const json_t *content, int depth)
{
    static const char *const inner[] = { "content", "toolResult", "text" };
    if (json_is_string(content))
        return json_string_length(content);
    if (depth == DEEPEST)
        return 0;
    size_t total = 0, index;
    json_t *part;
    LLMC_MOCK_EACH(content, index, part)
        total += text_bytes_of(part, depth + 1);
    for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++)
        total += text_bytes_of(json_object_get(content, inner[i]), depth + 1);
    return total;
}

static void add_texts(llmc_buffer *out, const json_t *content)
{
    if (json_is_string(content))
        llmc_buffer_add(out, json_string_value(content), json_string_length(content));
    size_t index;
    json_t *part;
    LLMC_MOCK_EACH(content, index, part) {
        json_t *text = json_object_get(part, "text");
        if (json_is_string(text))
            llmc_buffer_add(out, json_string_value(text), json_string_length(text));
    }
}

void llmc_mock_read_system(llmc_mock_question *question, const json_t *content)
{
    question->prompt_bytes += text_bytes_of(content, 0);
    add_texts(&question->system, content);
}

/* Results of tools that some formats send in the user's name, without a word of the user's. */
static bool is_results(const json_t *content)
{
    size_t index;
    json_t *part;
    bool any = false;
    LLMC_MOCK_EACH(content, index, part) {
        if (json_is_string(json_object_get(part, "text")))
            return false;
        any = any || json_object_get(part, "toolResult") || json_object_get(part, "functionResponse") || llmc_mock_text_is(part, "type", "tool_result");
    }
    return any;
}

void llmc_mock_read_turn(llmc_mock_question *question, const json_t *content, bool user)
{
    question->prompt_bytes += text_bytes_of(content, 0);
    if (!user || is_results(content))
        return;
    question->user.length = 0;
    add_texts(&question->user, content);
}

void llmc_mock_read_chat(llmc_mock_question *question)
{
    size_t index;
    json_t *message;
    llmc_mock_read_system(question, json_object_get(question->chat, "system"));
    LLMC_MOCK_EACH(json_object_get(question->chat, "messages"), index, message) {
        json_t *content = json_object_get(message, "content");
        if (llmc_mock_text_is(message, "role", "system") || llmc_mock_text_is(message, "role", "developer"))
            llmc_mock_read_system(question, content);
        else
            llmc_mock_read_turn(question, content, llmc_mock_text_is(message, "role", "user"));
    }
}

/* The last one is what a rule's "contains" looks at. */
static void read_input(llmc_mock_question *question, const json_t *content)
{
    llmc_mock_read_turn(question, content, true);
    llmc_buffer *text = &question->user;
    if (json_array_append_new(question->inputs, json_stringn(text->length ? text->data : "", text->length)) != 0)
        text->failure = LLMC_BUFFER_NO_MEMORY;
}

void llmc_mock_read_inputs(llmc_mock_question *question, json_t *inputs)
{
    size_t index;
    json_t *input;
    if (!inputs)
        return;
    if (!question->inputs && !(question->inputs = json_array()))
        question->user.failure = LLMC_BUFFER_NO_MEMORY;
    if (json_is_string(inputs))
        read_input(question, inputs);
    LLMC_MOCK_EACH(inputs, index, input) {
        json_t *content = json_is_object(input) ? json_object_get(input, "content") : input;
        json_t *parts = json_object_get(content, "parts");
        read_input(question, parts ? parts : content);
    }
}

/* ---- a body of any format */

static bool check_content_type(llmc_mock_question *question)
{
    const char *value;
    size_t bytes;
    if (llmc_http_header(question->head, question->head_bytes, "content-type", &value, &bytes) && memmem(value, bytes, "json", 4))
        return true;
    return llmc_mock_invalid(question, NULL, "Content-Type must be application/json");
}

static bool check(llmc_mock_question *question)
{
    const llmc_mock_dialect *dialect = question->route->dialect;
    if (!check_content_type(question))
        return false;
    if (!llmc_mock_question_is_chat(question))
        return true;
    return (!dialect->members || llmc_mock_check_members(question, question->root, dialect->members)) && dialect->validate(question);
}

static void read_inputs(llmc_mock_question *question)
{
    static const char *const names[] = { "input", "texts", "instances", "requests" };
    json_t *root = question->root;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        llmc_mock_read_inputs(question, json_object_get(root, names[i]));
    json_t *one = json_object_get(root, "content"), *list = one ? json_pack("[O]", root) : NULL;
    llmc_mock_read_inputs(question, list);
    json_decref(list);
    static const char *const wishes[] = { "dimensions", "output_dimension", "outputDimensionality" };
    const json_t *places[] = { root, json_array_get(json_object_get(root, "requests"), 0), json_object_get(root, "parameters") };
    for (size_t i = 0; i < 9; i++) {
        json_int_t wish = json_integer_value(json_object_get(places[i / 3], wishes[i % 3]));
        if (wish > 0 && wish <= LLMC_MOCK_MOST_DIMENSIONS)
            question->dimensions = wish;
    }
    question->base64 = llmc_mock_text_is(root, "encoding_format", "base64");
    if (!json_array_size(question->inputs))
        llmc_mock_invalid(question, "input", "There is no text to embed.");
}

static void read_wishes(llmc_mock_question *question)
{
    const json_t *root = question->root, *stream = json_object_get(root, "stream"), *n = json_object_get(root, "n");
    question->stream = question->route->streams || (stream ? json_is_true(stream) : question->route->dialect->streams_by_default);
    question->include_usage = json_is_true(json_object_get(json_object_get(root, "stream_options"), "include_usage"));
    question->logprobs = json_is_true(json_object_get(root, "logprobs"));
    question->top_logprobs = json_integer_value(json_object_get(root, "top_logprobs")) > 0;
    if (json_is_integer(n) && json_integer_value(n) >= 1 && json_integer_value(n) <= MOST_CHOICES)
        question->n = json_integer_value(n);
}

void llmc_mock_question_read(llmc_mock_question *question, bool validate)
{
    json_error_t where;
    question->root = question->chat = json_loadb(question->body, question->body_bytes, JSON_ALLOW_NUL | JSON_DECODE_ANY, &where);
    if (!json_is_object(question->root)) {
        llmc_mock_invalid(question, NULL, "We could not parse the JSON body of your request. (%s)", question->root ? "not an object" : where.text);
        return;
    }
    if (validate && !check(question))
        return;
    json_t *model = json_object_get(question->root, "model");
    question->model = (llmc_mock_text){ json_is_string(model) ? json_string_value(model) : "", json_string_length(model) };
    if (question->path_model.length)
        question->model = llmc_mock_path_model(question);
    if (question->route->operation == LLMC_MOCK_EMBED) {
        read_inputs(question);
        return;
    }
    read_wishes(question);
    question->route->dialect->read(question);
}
