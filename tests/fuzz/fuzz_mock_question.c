/*
 * The loopback provider's readings of a body: any bytes are read or refused on any path, and where a skim understands a
 * body that is JSON without doubled names, it finds what the full reading finds. What was read is answered, too.
 */
#include "mock/dialect.h"

#include <stdlib.h>
#include <string.h>

static void check(int fine)
{
    if (!fine)
        abort();
}

/* A request without its body, as the parser lets it through. */
static char *write_head(const char *target, size_t bytes)
{
    static const char before[] = "POST /", behind[] = " HTTP/1.1\r\nContent-Type: application/json\r\nanthropic-version: 1\r\n\r\n";
    char *head = malloc(sizeof before + bytes + sizeof behind);
    check(head != NULL);
    memcpy(head, before, sizeof before - 1);
    for (size_t i = 0; i < bytes; i++)
        head[sizeof before - 1 + i] = (unsigned char)target[i] <= ' ' || target[i] == 0x7F ? '_' : target[i];
    memcpy(head + sizeof before - 1 + bytes, behind, sizeof behind);
    return head;
}

static void begin(llmc_mock_question *question, const char *head, const char *body, size_t bytes)
{
    llmc_mock_question_init(question, &llmc_allocator_system);
    question->head = head;
    question->head_bytes = strlen(head);
    question->path = (llmc_mock_text){ head + 5, strcspn(head + 5, "? ") };
    question->is_post = true;
    question->body = body;
    question->body_bytes = bytes;
    llmc_mock_question_route(question);
    check(!question->path_model.length || strlen(question->path_model.data) <= question->path_model.length);
}

static void compare(const llmc_mock_question *skimmed, const llmc_mock_question *read)
{
    const json_t *options = json_object_get(read->root, "stream_options"), *stream = json_object_get(read->root, "stream");
    check(skimmed->model.bytes == read->model.bytes && memcmp(skimmed->model.text, read->model.text, read->model.bytes) == 0);
    if (!stream || json_is_boolean(stream))
        check(skimmed->stream == read->stream);
    if (read->include_usage)
        check(skimmed->include_usage || json_object_size(options) == 0);
}

/* Names written with escapes, and objects that say a name twice, are beyond a skim; so are they for strict providers. */
static bool is_plain(const char *body, size_t bytes)
{
    json_t *strict = json_loadb(body, bytes, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
    bool plain = strict && !memchr(body, '\\', bytes);
    json_decref(strict);
    return plain;
}

/* What an echo of the question, or a refusal of it, is made of. */
static void answer(llmc_mock_question *question, llmc_mock_script *script)
{
    llmc_mock_wire *wire = question->refusal ? llmc_mock_wire_of_refusal(&llmc_allocator_system, question)
                                             : llmc_mock_wire_of_rule(&llmc_allocator_system, question, llmc_mock_script_choose(script, question));
    check(wire && wire->length > 0);
    llmc_mock_wire_release(wire);
}

static void read_fully(const char *head, const char *body, size_t bytes, llmc_mock_script *script)
{
    for (int validate = 0; validate < 2; validate++) {
        llmc_mock_question question;
        begin(&question, head, body, bytes);
        if (question.route->operation != LLMC_MOCK_NOTHING) {
            llmc_mock_question_read(&question, validate);
            check(!question.refusal || question.refusal_message[0]);
            check(question.refusal || question.model.text);
            answer(&question, script);
        }
        llmc_mock_question_free(&question);
    }
}

static void skim(const char *head, const char *body, size_t bytes)
{
    llmc_mock_question skimmed, read;
    begin(&skimmed, head, body, bytes);
    begin(&read, head, body, bytes);
    if (llmc_mock_question_is_chat(&read) && read.route->dialect->skims) {
        bool known = llmc_mock_question_skim(&skimmed);
        llmc_mock_question_read(&read, false);
        if (known && !read.refusal && is_plain(body, bytes))
            compare(&skimmed, &read);
    }
    llmc_mock_question_free(&skimmed);
    llmc_mock_question_free(&read);
}

/* The path up to the end of the line, then the body; a body alone is an OpenAI chat. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char chat[] = "chat/completions";
    const char *text = (const char *)data, *line_end = size ? memchr(text, '\n', size) : NULL;
    size_t from = line_end ? (size_t)(line_end + 1 - text) : 0, bytes = size - from;
    char *head = line_end ? write_head(text, from - 1) : write_head(chat, sizeof chat - 1), *body = malloc(bytes + 1);
    llmc_mock_script *script = NULL;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    check(body && llmc_mock_script_compile(&script, NULL, 0, &llmc_allocator_system, &error) == LLMCOST_OK);
    if (bytes)
        memcpy(body, text + from, bytes);
    read_fully(head, body, bytes, script);
    skim(head, body, bytes);
    llmc_mock_script_free(script);
    free(body);
    free(head);
    return 0;
}
