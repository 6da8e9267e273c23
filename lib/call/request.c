/*
 * A caller's request becomes one of this library's own layout. After this nothing else knows that older or newer
 * layouts exist.
 *
 * Structs of another size are laid over the defaults (all zero): a shorter one leaves them at its end, a longer one is
 * accepted when what we do not know of it is zero, because then it asks for nothing that we cannot do. The usual
 * request has our sizes and is only checked: nothing is copied unless the caller's memory may go away.
 */
#include "base/layout.h"
#include "call/call.h"
#include "call/request.h"

#include <stdarg.h>
#include <stdio.h>

/* The layout of one kind of struct: ours, and the caller's. */
typedef struct layout {
    const char *name;
    uint32_t least, ours, theirs;
} layout;

enum { REQUEST, MESSAGE, PART, TOOL_CALL, TOOL, TAG, LAYOUT_COUNT };

typedef struct import {
    llmc_arena *arena;
    llmcost_error *error;
    layout layouts[LAYOUT_COUNT];
} import;

void llmcost_request_init(llmcost_request *request)
{
    if (request)
        *request = (llmcost_request)LLMCOST_REQUEST_INIT;
}

static llmcost_status no_memory(const import *in)
{
    return llmc_error_set(in->error, LLMCOST_E_MEMORY, "out of memory for a copy of the request");
}

/* ---- sizes ---- */

static bool is_possible(const layout *sizes)
{
    return llmc_layout_is_possible(sizes->theirs, sizes->least) && sizes->theirs % _Alignof(void *) == 0;
}

static llmcost_status read_layouts(import *in, const llmcost_request *request)
{
    const layout layouts[LAYOUT_COUNT] = {
        [REQUEST] = { "struct_size", offsetof(llmcost_request, max_tokens), sizeof(llmcost_request), request->struct_size },
        [MESSAGE] = { "message_stride", offsetof(llmcost_message, parts), sizeof(llmcost_message), request->message_stride },
        [PART] = { "part_stride", offsetof(llmcost_part, url), sizeof(llmcost_part), request->part_stride },
        [TOOL_CALL] = { "tool_call_stride", offsetof(llmcost_tool_call, is_custom), sizeof(llmcost_tool_call), request->tool_call_stride },
        [TOOL] = { "tool_stride", offsetof(llmcost_tool, strict), sizeof(llmcost_tool), request->tool_stride },
        [TAG] = { "tag_stride", sizeof(llmcost_tag), sizeof(llmcost_tag), request->tag_stride },
    };
    memcpy(in->layouts, layouts, sizeof layouts);
    for (int i = 0; i < LAYOUT_COUNT; i++) {
        const layout *at = &layouts[i];
        if (!is_possible(at))
            return llmc_error_set(in->error, LLMCOST_E_INVALID, "%s is %u, which no version has: begin with LLMCOST_REQUEST_INIT or llmcost_request_init()",
                                  at->name, at->theirs);
    }
    return LLMCOST_OK;
}

/* A message may bring arrays of another layout than the request's: it came out of a response. */
static bool have_our_arrays(const llmcost_message *messages, uint32_t count)
{
    if (!messages || count > LLMC_REQUEST_MAX_ITEMS)
        return true; /* the check refuses it */
    for (uint32_t i = 0; i < count; i++) {
        if ((messages[i].part_stride && messages[i].part_stride != sizeof(llmcost_part)) ||
            (messages[i].tool_call_stride && messages[i].tool_call_stride != sizeof(llmcost_tool_call)))
            return false;
    }
    return true;
}

static bool has_our_layout(const llmcost_request *request)
{
    return request->struct_size == sizeof(llmcost_request) && request->message_stride == sizeof(llmcost_message) &&
           request->part_stride == sizeof(llmcost_part) && request->tool_call_stride == sizeof(llmcost_tool_call) &&
           request->tool_stride == sizeof(llmcost_tool) && request->tag_stride == sizeof(llmcost_tag) &&
           have_our_arrays(request->messages, request->message_count);
}

/* ---- one layout from another ---- */

static bool lay_over(void *ours, const void *theirs, const layout *sizes)
{
    return llmc_lay_over(ours, sizes->ours, theirs, sizes->theirs);
}

/* Which array is laid over, for messages. */
typedef struct place {
    int32_t message; /* the one that holds it; -1: the request does */
    const char *field;
} place;

__attribute__((format(printf, 3, 4), cold)) static llmcost_status refuse_array(const import *in, const place *at, const char *format, ...)
{
    char outer[32] = "", why[160];
    if (at->message >= 0)
        snprintf(outer, sizeof outer, "messages[%d].", (int)at->message);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return llmc_error_set(in->error, LLMCOST_E_INVALID, "%s%s%s", outer, at->field, why);
}

/* An array in our layout, in the arena. */
static llmcost_status lay_items(const import *in, place at, const void *theirs, uint32_t count, const layout *sizes, void **out)
{
    *out = NULL;
    if (!count)
        return LLMCOST_OK;
    if (!theirs)
        return refuse_array(in, &at, " is NULL, but its count is %u", count);
    if (count > LLMC_REQUEST_MAX_ITEMS)
        return refuse_array(in, &at, " has %u items: more than %d make no sense", count, LLMC_REQUEST_MAX_ITEMS);
    char *items = llmc_arena_calloc(in->arena, count, sizes->ours);
    if (!items)
        return no_memory(in);
    for (uint32_t i = 0; i < count; i++) {
        if (!lay_over(items + (size_t)i * sizes->ours, (const char *)theirs + (size_t)i * sizes->theirs, sizes))
            return refuse_array(in, &at, "[%u] sets a field that this version of the library does not know", i);
    }
    *out = items;
    return LLMCOST_OK;
}

static llmcost_status lay_array(const import *in, place at, const void *theirs, uint32_t count, int kind, void **out)
{
    return lay_items(in, at, theirs, count, &in->layouts[kind], out);
}

/* An array of a message, which may say its own stride. */
static llmcost_status lay_inner(const import *in, place at, const void *theirs, uint32_t count, int kind, uint32_t stride, void **out)
{
    layout sizes = in->layouts[kind];
    if (stride)
        sizes.theirs = stride;
    if (!is_possible(&sizes))
        return llmc_error_set(in->error, LLMCOST_E_INVALID, "messages[%d].%s is %u, which no version has", (int)at.message, sizes.name, stride);
    return lay_items(in, at, theirs, count, &sizes, out);
}

static llmcost_status lay_message(const import *in, int32_t index, llmcost_message *message)
{
    void *parts, *calls;
    llmcost_status status = lay_inner(in, (place){ index, "parts" }, message->parts, message->part_count, PART, message->part_stride, &parts);
    if (!status)
        status = lay_inner(in, (place){ index, "tool_calls" }, message->tool_calls, message->tool_call_count, TOOL_CALL, message->tool_call_stride, &calls);
    if (status)
        return status;
    message->part_stride = message->tool_call_stride = 0;
    message->parts = parts;
    message->tool_calls = calls;
    return LLMCOST_OK;
}

/* The request and all its arrays in our layout; texts stay the caller's. */
static llmcost_status lay_request(const import *in, const llmcost_request *theirs, llmcost_request **out)
{
    llmcost_request *ours = llmc_arena_calloc(in->arena, 1, sizeof *ours);
    if (!ours)
        return no_memory(in);
    if (!lay_over(ours, theirs, &in->layouts[REQUEST]))
        return llmc_error_set(in->error, LLMCOST_E_INVALID, "the request sets a field that this version of the library does not know");
    void *messages, *tools, *tags;
    llmcost_status status = lay_array(in, (place){ -1, "messages" }, ours->messages, ours->message_count, MESSAGE, &messages);
    if (!status)
        status = lay_array(in, (place){ -1, "tools" }, ours->tools, ours->tool_count, TOOL, &tools);
    if (!status)
        status = lay_array(in, (place){ -1, "tags" }, ours->tags, ours->tag_count, TAG, &tags);
    for (uint32_t i = 0; !status && i < ours->message_count; i++)
        status = lay_message(in, (int32_t)i, &((llmcost_message *)messages)[i]);
    if (status)
        return status;
    ours->messages = messages;
    ours->tools = tools;
    ours->tags = tags;
    const llmcost_request sizes = LLMCOST_REQUEST_INIT;
    memcpy(ours, &sizes, offsetof(llmcost_request, model));
    *out = ours;
    return LLMCOST_OK;
}

/* ---- texts ---- */

/* These replace what they point at by a copy. false: no memory. */
static bool copy_string(llmc_arena *arena, const char **text)
{
    return !*text || (*text = llmc_arena_strdup(arena, *text));
}

static bool copy_text(llmc_arena *arena, const char **text, size_t *bytes)
{
    if (!*text)
        return true;
    if (!*bytes)
        *bytes = strlen(*text);
    return (*text = llmc_arena_strndup(arena, *text, *bytes));
}

/* Lengths too, where the caller gave some. */
static bool copy_inputs(llmc_arena *arena, llmcost_request *request)
{
    const char **inputs = llmc_arena_calloc(arena, request->input_count, sizeof *inputs);
    size_t *bytes = llmc_arena_calloc(arena, request->input_count, sizeof *bytes);
    if (!inputs || !bytes)
        return false;
    for (uint32_t i = 0; i < request->input_count; i++) {
        inputs[i] = request->inputs[i];
        bytes[i] = request->input_bytes ? request->input_bytes[i] : 0;
        if (!copy_text(arena, &inputs[i], &bytes[i]))
            return false;
    }
    request->inputs = inputs;
    request->input_bytes = bytes;
    return true;
}

static bool copy_part(llmc_arena *arena, llmcost_part *part)
{
    if (part->data_bytes) {
        void *data = llmc_arena_alloc(arena, part->data_bytes);
        if (!data)
            return false;
        part->data = memcpy(data, part->data, part->data_bytes);
    }
    return copy_text(arena, &part->text, &part->text_bytes) && copy_string(arena, &part->url) && copy_string(arena, &part->detail) &&
           copy_string(arena, &part->media_type) && copy_string(arena, &part->signature);
}

static bool copy_message(llmc_arena *arena, llmcost_message *message)
{
    llmcost_part *parts = (llmcost_part *)message->parts;
    llmcost_tool_call *calls = (llmcost_tool_call *)message->tool_calls;
    for (uint32_t i = 0; i < message->part_count; i++) {
        if (!copy_part(arena, &parts[i]))
            return false;
    }
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        if (!copy_string(arena, &calls[i].id) || !copy_string(arena, &calls[i].name) || !copy_string(arena, &calls[i].arguments))
            return false;
    }
    return copy_text(arena, &message->text, &message->text_bytes) && copy_string(arena, &message->tool_call_id) && copy_string(arena, &message->name);
}

static bool copy_stops(llmc_arena *arena, llmcost_request *request)
{
    const char **stops = llmc_arena_calloc(arena, request->stop_count, sizeof *stops);
    if (!stops)
        return false;
    for (uint32_t i = 0; i < request->stop_count; i++) {
        stops[i] = request->stop[i];
        if (!copy_string(arena, &stops[i]))
            return false;
    }
    request->stop = stops;
    return true;
}

/* Every text that a request in our own arrays points at. */
static bool copy_texts(llmc_arena *arena, llmcost_request *request)
{
    llmcost_message *messages = (llmcost_message *)request->messages;
    llmcost_tool *tools = (llmcost_tool *)request->tools;
    llmcost_tag *tags = (llmcost_tag *)request->tags;
    for (uint32_t i = 0; i < request->message_count; i++) {
        if (!copy_message(arena, &messages[i]))
            return false;
    }
    for (uint32_t i = 0; i < request->tool_count; i++) {
        if (!copy_string(arena, &tools[i].name) || !copy_string(arena, &tools[i].description) || !copy_string(arena, &tools[i].parameters))
            return false;
    }
    for (uint32_t i = 0; i < request->tag_count; i++) {
        if (!copy_string(arena, &tags[i].name) || !copy_string(arena, &tags[i].value))
            return false;
    }
    if (request->stop_count && !copy_stops(arena, request))
        return false;
    if (request->input_count && !copy_inputs(arena, request))
        return false;
    return copy_string(arena, &request->model) && copy_string(arena, &request->tool_choice_name) && copy_string(arena, &request->format_name) &&
           copy_string(arena, &request->format_schema) && copy_string(arena, &request->end_user) && copy_string(arena, &request->extra) &&
           copy_string(arena, &request->cache_namespace);
}

/* What has come into the request is judged like what was there. */
static llmcost_status read_files(const llmcost_request *request, llmc_operation_id operation, llmc_arena *arena, const llmcost_request **out, llmcost_error *error)
{
    bool names_files;
    const llmcost_request *read = NULL;
    llmcost_status status = llmc_request_read_files(request, arena, &read, error);
    if (!status)
        status = llmc_request_check(read, operation, &names_files, error);
    if (!status)
        *out = read;
    return status;
}

/* Of another layout, or to be copied. */
static llmcost_status import_laid_over(const llmcost_request *request, llmc_operation_id operation, bool copy, llmc_arena *arena, const llmcost_request **out, llmcost_error *error)
{
    import in = { .arena = arena, .error = error };
    llmcost_request *ours = NULL;
    bool names_files = false;
    llmcost_status status = read_layouts(&in, request);
    if (!status)
        status = lay_request(&in, request, &ours);
    if (!status)
        status = llmc_request_check(ours, operation, &names_files, error);
    if (!status && copy && !copy_texts(arena, ours))
        status = no_memory(&in);
    if (!status && names_files)
        return read_files(ours, operation, arena, out, error);
    if (!status)
        *out = ours;
    return status;
}

llmcost_status llmc_request_import(const llmcost_request *request, llmc_operation_id operation, bool copy, llmc_arena *arena, const llmcost_request **out, llmcost_error *error)
{
    *out = NULL;
    if (!request)
        return llmc_error_set(error, LLMCOST_E_MISUSE, "the request is NULL");
    if (copy || !has_our_layout(request))
        return import_laid_over(request, operation, copy, arena, out, error);
    bool names_files = false;
    llmcost_status status = llmc_request_check(request, operation, &names_files, error);
    if (!status && names_files)
        return read_files(request, operation, arena, out, error);
    if (!status)
        *out = request;
    return status;
}
