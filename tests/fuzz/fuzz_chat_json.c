/*
 * Any bytes as a chat-completions body. What is read must be whole: import's checks can walk it, a deep copy of it says
 * the same, and what goes to the provider is JSON. A failure must say what is wrong.
 */
#include "call/call.h"
#include "client/chat_json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
    if (!holds)
        abort();
}

static bool is_object(const char *text)
{
    llmc_json json;
    llmc_json_begin(&json, text, strlen(text));
    bool object = llmc_json_peek(&json) == LLMC_JSON_OBJECT;
    llmc_json_skip(&json);
    return llmc_json_end(&json) && object;
}

static void check_request(const llmcost_request *request, llmc_arena *arena, llmcost_error *error)
{
    const llmcost_request *imported, *copy;
    must(!request->extra || is_object(request->extra));
    must(!request->format_schema || is_object(request->format_schema));
    for (uint32_t i = 0; i < request->tool_count; i++)
        must(!request->tools[i].parameters || is_object(request->tools[i].parameters));
    llmcost_status status = llmc_request_import(request, LLMC_OP_CHAT, false, arena, &imported, error);
    must(status == LLMCOST_OK || status == LLMCOST_E_INVALID);
    must(llmc_request_import(request, LLMC_OP_CHAT, true, arena, &copy, error) == status);
    if (status)
        return;
    must(imported == request && copy->message_count == request->message_count && strcmp(copy->model, request->model) == 0);
    for (uint32_t i = 0; i < copy->message_count; i++) {
        must(copy->messages[i].text_bytes == request->messages[i].text_bytes || !request->messages[i].text_bytes);
        must(copy->messages[i].part_count == request->messages[i].part_count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    llmc_arena arena;
    llmcost_error error;
    llmcost_request *request;
    llmc_stream_wish wish;
    if (!size)
        return 0; /* would mean strlen */
    llmc_arena_init(&arena, &llmc_allocator_system, NULL, 0);
    llmc_error_init(&error, &llmc_allocator_system);
    llmcost_status status = llmc_request_from_json((const char *)data, size, &arena, &request, &wish, &error);
    must(status == LLMCOST_OK || (status == LLMCOST_E_INVALID && error.message && *error.message));
    must((status == LLMCOST_OK) == (request != NULL));
    if (request)
        check_request(request, &arena, &error);
    llmc_error_clear(&error);
    llmc_arena_clear(&arena);
    return 0;
}
