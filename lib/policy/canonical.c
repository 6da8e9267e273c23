#include "policy/canonical.h"

#include "policy/request_copy.h"

#include <string.h>

enum { FORMAT_VERSION = 2, LARGEST_KEY = 1 << 28 };

/* Writes as far as there is room and measures: one description of the layout. */
typedef struct canon {
    char *out;
    size_t bytes, room;
} canon;

static inline void put(canon *c, const void *data, size_t bytes)
{
    size_t at = c->bytes;
    c->bytes += bytes;
    if (c->bytes <= c->room)
        memcpy(c->out + at, data, bytes);
}

static inline void put_number(canon *c, int64_t value)
{
    put(c, &value, sizeof value);
}

/* NULL and "" are told apart: 0 stands for NULL, a length is stored plus one. */
static inline void put_text(canon *c, const char *text, size_t bytes)
{
    if (!text) {
        put_number(c, 0);
        return;
    }
    size_t length = bytes ? bytes : strlen(text);
    put_number(c, (int64_t)length + 1);
    put(c, text, length);
}

static void put_double(canon *c, double value)
{
    if (value == 0)
        value = 0; /* -0.0 asks the same as 0.0 */
    put(c, &value, sizeof value);
}

static void put_part(canon *c, const llmcost_part *part)
{
    put_number(c, part->type);
    put_text(c, part->text, part->text_bytes);
    put_text(c, part->url, 0);
    put_text(c, part->detail, 0);
    put_text(c, part->media_type, 0);
    put_text(c, part->data_bytes ? part->data : NULL, part->data_bytes);
    put_text(c, part->signature, 0);
}

static void put_message(canon *c, const llmcost_message *message)
{
    put_number(c, message->role | message->is_error << 8 | (message->part_count ? 1 << 9 : 0) | (message->tool_call_id ? 1 << 10 : 0) | (message->name ? 1 << 11 : 0));
    put_text(c, message->text, message->text_bytes);
    put_number(c, (int64_t)message->part_count << 32 | message->tool_call_count);
    for (uint32_t i = 0; i < message->part_count; i++)
        put_part(c, &message->parts[i]);
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        put_text(c, message->tool_calls[i].id, 0);
        put_text(c, message->tool_calls[i].name, 0);
        put_text(c, message->tool_calls[i].arguments, 0);
    }
    if (message->tool_call_id)
        put_text(c, message->tool_call_id, 0);
    if (message->name)
        put_text(c, message->name, 0);
}

static void put_tool(canon *c, const llmcost_tool *tool)
{
    put_text(c, tool->name, 0);
    put_text(c, tool->description, 0);
    put_text(c, tool->parameters, 0);
    put_number(c, tool->strict);
}

/* Everything of a fixed size, at once. */
static void put_head(canon *c, const llmcost_request *request, const llmc_canonical_context *context)
{
    const int64_t head[] = {
        FORMAT_VERSION,
        request->max_tokens > 0 ? request->max_tokens : context->default_max_tokens,
        request->has_temperature | request->has_top_p << 1 | request->has_seed << 2 | (request->logprobs != 0) << 3 | request->parallel_tool_calls << 4 |
            request->format_strict << 8 | request->tool_choice << 12 | request->format << 16 | request->effort << 20 | (request->tool_choice_name ? 1 << 24 : 0) |
            (request->format_name ? 1 << 25 : 0) | (request->format_schema ? 1 << 26 : 0) | (request->extra ? 1 << 27 : 0),
        (int64_t)((uint32_t)request->top_logprobs | context->operation << 8) << 32 | (request->n > 1 ? request->n : 1),
        request->thinking_budget_tokens,
        (int64_t)request->message_count << 32 | request->tool_count,
        request->stop_count,
    };
    put(c, head, sizeof head);
    put(c, context->route->fingerprint, sizeof context->route->fingerprint);
    put_text(c, context->name_space ? context->name_space : "", 0);
}

static void put_options(canon *c, const llmcost_request *request)
{
    const char *const texts[] = { request->tool_choice_name, request->format_name, request->format_schema, request->extra };
    if (request->has_temperature)
        put_double(c, request->temperature);
    if (request->has_top_p)
        put_double(c, request->top_p);
    if (request->has_seed)
        put_number(c, request->seed);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i])
            put_text(c, texts[i], 0);
    }
}

static void put_inputs(canon *c, const llmcost_request *request)
{
    put_number(c, request->dimensions);
    put_number(c, request->input_purpose);
    put_number(c, request->input_count);
    for (uint32_t i = 0; i < request->input_count; i++)
        put_text(c, request->inputs[i], request->input_bytes ? request->input_bytes[i] : 0);
}

size_t llmc_canonical_write(const llmcost_request *request, const llmc_canonical_context *context, char *out, size_t room)
{
    canon c = { out, 0, room };
    put_head(&c, request, context);
    put_options(&c, request);
    for (uint32_t i = 0; i < request->message_count; i++)
        put_message(&c, &request->messages[i]);
    for (uint32_t i = 0; i < request->tool_count; i++)
        put_tool(&c, &request->tools[i]);
    for (uint32_t i = 0; i < request->stop_count; i++)
        put_text(&c, request->stop[i], 0);
    if (context->operation == LLMC_OP_EMBED)
        put_inputs(&c, request);
    return c.bytes <= LARGEST_KEY ? c.bytes : 0;
}
