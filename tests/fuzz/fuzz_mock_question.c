/*
 * The loopback provider's readings of a body: any bytes are read or refused, and where a skim understands a body that
 * is JSON without doubled names, it finds what the full reading finds.
 */
#include "mock/question.h"

#include <stdlib.h>
#include <string.h>

static void check(int fine)
{
    if (!fine)
        abort();
}

static void begin(llmc_mock_question *question, llmc_mock_dialect dialect, const char *body, size_t bytes)
{
    static const char head[] = "POST / HTTP/1.1\r\nContent-Type: application/json\r\nanthropic-version: 1\r\n\r\n";
    llmc_mock_question_init(question, &llmc_allocator_system);
    question->dialect = dialect;
    question->head = head;
    question->head_bytes = sizeof head - 1;
    question->body = body;
    question->body_bytes = bytes;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *body = malloc(size + 1);
    check(body != NULL);
    if (size)
        memcpy(body, data, size);
    llmc_mock_question skimmed, read, strict;
    begin(&skimmed, LLMC_MOCK_OPENAI, body, size);
    begin(&read, LLMC_MOCK_OPENAI, body, size);
    bool known = llmc_mock_question_skim(&skimmed);
    llmc_mock_question_read(&read, false);
    if (known && !read.refusal && is_plain(body, size))
        compare(&skimmed, &read);
    for (int dialect = LLMC_MOCK_OPENAI; dialect <= LLMC_MOCK_ANTHROPIC; dialect++) {
        begin(&strict, (llmc_mock_dialect)dialect, body, size);
        llmc_mock_question_read(&strict, true);
        check(!strict.refusal || strict.refusal_message[0]);
        llmc_mock_question_free(&strict);
    }
    llmc_mock_question_free(&skimmed);
    llmc_mock_question_free(&read);
    free(body);
    return 0;
}
