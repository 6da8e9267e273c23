/*
 * Any bytes as a chat-completions body, and as one of embeddings. What is read must be whole: import's checks can walk it,
 * a deep copy of it says the same, and what goes to the provider is JSON. A failure must say what is wrong. Nothing in a
 * body names a file of this machine.
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

static void check_request(const llmcost_request *request, llmc_operation_id operation, llmc_arena *arena, llmcost_error *error)
{
    const llmcost_request *imported, *copy;
    must(!request->extra || is_object(request->extra));
    must(!request->format_schema || is_object(request->format_schema));
    for (uint32_t i = 0; i < request->tool_count; i++)
        must(!request->tools[i].parameters || is_object(request->tools[i].parameters));
    llmcost_status status = llmc_request_import(request, operation, false, arena, &imported, error);
    must(status == LLMCOST_OK || status == LLMCOST_E_INVALID);
    must(llmc_request_import(request, operation, true, arena, &copy, error) == status);
    if (status)
        return;
    must(imported == request && copy->message_count == request->message_count && strcmp(copy->model, request->model) == 0);
    for (uint32_t i = 0; i < copy->message_count; i++) {
        must(copy->messages[i].text_bytes == request->messages[i].text_bytes || !request->messages[i].text_bytes);
        must(copy->messages[i].part_count == request->messages[i].part_count);
        for (uint32_t k = 0; k < request->messages[i].part_count; k++)
            must(request->messages[i].parts[k].type != LLMCOST_PART_FILE);
    }
    must(copy->input_count == request->input_count);
    for (uint32_t i = 0; i < copy->input_count; i++)
        must(strcmp(copy->inputs[i], request->inputs[i]) == 0 && copy->input_bytes[i] == strlen(request->inputs[i]));
}

typedef llmcost_status (*read_fn)(const char *body, size_t bytes, llmc_arena *arena, llmcost_request **out, llmc_stream_wish *wish, llmcost_error *error);

static void read_as(read_fn read, llmc_operation_id operation, const char *data, size_t size)
{
    llmc_arena arena;
    llmcost_error error;
    llmcost_request *request;
    llmc_stream_wish wish;
    llmc_arena_init(&arena, &llmc_allocator_system, NULL, 0);
    llmc_error_init(&error, &llmc_allocator_system);
    llmcost_status status = read(data, size, &arena, &request, &wish, &error);
    must(status == LLMCOST_OK || (status == LLMCOST_E_INVALID && error.message && *error.message));
    must((status == LLMCOST_OK) == (request != NULL));
    if (request)
        check_request(request, operation, &arena, &error);
    llmc_error_clear(&error);
    llmc_arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0; /* would mean strlen */
    read_as(llmc_request_from_json, LLMC_OP_CHAT, (const char *)data, size);
    read_as(llmc_inputs_from_json, LLMC_OP_EMBED, (const char *)data, size);
    return 0;
}
