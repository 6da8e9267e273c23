/* Every recorded chat request of the OpenAI dialect is read and passes the import's checks. */
#include "call/call.h"
#include "client/chat_json.h"

#include "../support/shared.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What our request has no place for. */
static const struct {
    const char *folder, *message;
} exceptions[] = {
    { "mistral/chat-cached-audio-in-", "input_audio" }, /* a bare text: Mistral's own way */
    { "ollama/chat-length-stop-image-in-", "images" }, /* Ollama's own member, sent to its OpenAI door */
    { "azure/chat-length-stop-", "model is missing" },         /* there the path names the deployment */
    { "azure/chat-stream-usage-chunk-", "model is missing" },
    { "azure/chat-tools-json-schema-", "model is missing" },
    { "zhipu/chat-6f510e", "tool_call_id is missing" },        /* a result that says of no call which it belongs to */
};

static const char *exception_of(const char *path)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof exceptions[0]; i++) {
        if (strstr(path, exceptions[i].folder))
            return exceptions[i].message;
    }
    return NULL;
}

static bool is_chat(const char *request_path)
{
    char path[1200];
    snprintf(path, sizeof path, "%.*sresponse.meta.json", (int)(strlen(request_path) - strlen("request.json")), request_path);
    char *meta = read_file(path, NULL);
    bool chat = meta && strstr(meta, "chat/completions");
    free(meta);
    return chat;
}

static bool read_request(const char *path)
{
    llmc_arena arena;
    llmcost_error error;
    llmcost_request *request;
    const llmcost_request *imported;
    llmc_stream_wish wish;
    size_t bytes;
    char *body = read_file(path, &bytes);
    assert_non_null(body);
    llmc_arena_init(&arena, &llmc_allocator_system, NULL, 0);
    llmc_error_init(&error, &llmc_allocator_system);
    llmcost_status status = llmc_request_from_json(body, bytes, &arena, &request, &wish, &error);
    free(body);
    if (!status)
        status = llmc_request_import(request, LLMC_OP_CHAT, false, &arena, &imported, &error);
    const char *exception = exception_of(path);
    bool as_wanted = exception ? status == LLMCOST_E_INVALID && strstr(error.message, exception) : status == LLMCOST_OK;
    if (!as_wanted)
        print_error("%s: %s\n", path, status ? error.message : "was read");
    llmc_error_clear(&error);
    llmc_arena_clear(&arena);
    return as_wanted;
}

static void test_recorded_requests(void **state)
{
    (void)state;
    char pattern[1100];
    snprintf(pattern, sizeof pattern, "%s/fixtures/*/*/request.json", shared_folder());
    glob_t found;
    if (!*shared_folder() || glob(pattern, 0, NULL, &found) != 0) {
        print_message("no recorded exchanges here (LLMCOST_SHARED)\n");
        skip();
    }
    size_t chats = 0, wrong = 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (!is_chat(found.gl_pathv[i]))
            continue;
        chats++;
        wrong += !read_request(found.gl_pathv[i]);
    }
    globfree(&found);
    print_message("%zu recorded chat requests\n", chats);
    assert_int_equal(wrong, 0);
    assert_true(chats > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_recorded_requests) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
