#include "policy/request_copy.h"

#include <string.h>

size_t llmc_text_bytes_of(const char *text, size_t bytes)
{
    return !text ? 0 : bytes ? bytes : strlen(text);
}

llmcost_request *llmc_request_copy(const llmcost_request *request, llmc_arena *arena)
{
    llmcost_request *copy = llmc_arena_alloc(arena, sizeof *copy);
    if (copy)
        *copy = *request;
    return copy;
}

static llmcost_part text_part(const char *text, size_t bytes)
{
    return (llmcost_part){ .type = LLMCOST_PART_TEXT, .text = text, .text_bytes = bytes };
}

/*
 * The instruction becomes a part of its own behind the system text, so that a prompt-cache mark on the text before it
 * keeps matching. A system message of plain text without a mark simply grows: hosts that know no parts still take it.
 */
static bool append_to_message(llmcost_message *message, const char *instruction, llmc_arena *arena)
{
    size_t added = strlen(instruction), bytes = llmc_text_bytes_of(message->text, message->text_bytes);
    if (!message->part_count && !message->cache_mark) {
        char *text = llmc_arena_alloc(arena, bytes + 2 + added + 1);
        if (!text)
            return false;
        memcpy(text, message->text ? message->text : "", bytes);
        memcpy(text + bytes, "\n\n", 2);
        memcpy(text + bytes + 2, instruction, added + 1);
        message->text = text;
        message->text_bytes = bytes + 2 + added;
        return true;
    }
    uint32_t count = message->part_count ? message->part_count : 1;
    llmcost_part *parts = llmc_arena_calloc(arena, count + 1, sizeof *parts);
    if (!parts)
        return false;
    if (message->part_count)
        memcpy(parts, message->parts, count * sizeof *parts);
    else
        parts[0] = text_part(message->text, bytes);
    parts[count] = text_part(instruction, added);
    message->parts = parts;
    message->part_count = count + 1;
    message->text = NULL;
    message->text_bytes = 0;
    return true;
}

static int64_t last_leading_system(const llmcost_request *request)
{
    int64_t found = -1;
    for (uint32_t i = 0; i < request->message_count && request->messages[i].role == LLMCOST_SYSTEM; i++)
        found = i;
    return found;
}

llmcost_request *llmc_request_with_instruction(const llmcost_request *request, const char *instruction, llmc_arena *arena)
{
    llmcost_request *copy = llmc_request_copy(request, arena);
    int64_t at = last_leading_system(request);
    /* A marked system message stays as it is and the instruction follows in one of its own. */
    bool extra = at < 0 || request->messages[at].cache_mark;
    llmcost_message *messages = llmc_arena_calloc(arena, (size_t)request->message_count + 1, sizeof *messages);
    if (!copy || !messages)
        return NULL;
    size_t before = (size_t)(at + 1);
    memcpy(messages, request->messages, before * sizeof *messages);
    memcpy(messages + before + (extra ? 1 : 0), request->messages + before, (request->message_count - before) * sizeof *messages);
    if (extra)
        messages[before] = (llmcost_message){ .role = LLMCOST_SYSTEM, .text = instruction, .text_bytes = strlen(instruction) };
    if (!extra && !append_to_message(&messages[at], instruction, arena))
        return NULL;
    copy->messages = messages;
    copy->message_count = request->message_count + (extra ? 1 : 0);
    return copy;
}

static const char *joined_parts(const llmcost_message *message, llmc_arena *arena, size_t *length_out)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < message->part_count; i++)
        bytes += message->parts[i].type == LLMCOST_PART_TEXT ? llmc_text_bytes_of(message->parts[i].text, message->parts[i].text_bytes) + 1 : 0;
    char *text = llmc_arena_alloc(arena, bytes + 1), *at = text;
    if (!text)
        return NULL;
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        if (part->type != LLMCOST_PART_TEXT)
            continue;
        size_t length = llmc_text_bytes_of(part->text, part->text_bytes);
        memcpy(at, part->text, length);
        at += length;
        *at++ = '\n';
    }
    if (at > text)
        at--;
    *at = '\0';
    *length_out = (size_t)(at - text);
    return text;
}

const char *llmc_request_question(const llmcost_request *request, llmc_arena *arena, size_t *bytes)
{
    *bytes = 0;
    for (uint32_t i = request->message_count; i-- > 0;) {
        const llmcost_message *message = &request->messages[i];
        if (message->role != LLMCOST_USER)
            continue;
        if (message->part_count)
            return joined_parts(message, arena, bytes);
        *bytes = llmc_text_bytes_of(message->text, message->text_bytes);
        /* A text with a length need not end by zero. */
        return message->text_bytes ? llmc_arena_strndup(arena, message->text, message->text_bytes) : message->text ? message->text : "";
    }
    return "";
}
