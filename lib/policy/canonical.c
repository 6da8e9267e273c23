#include "policy/canonical.h"

#include "policy/request_copy.h"

#include <string.h>

enum { FORMAT_VERSION = 1, LARGEST_KEY = 1 << 28 };

/* Measures with out NULL, writes otherwise: one description of the layout. */
typedef struct canon {
    char *out;
    size_t bytes;
} canon;

static inline void put(canon *c, const void *data, size_t bytes)
{
    if (c->out && bytes)
        memcpy(c->out + c->bytes, data, bytes);
    c->bytes += bytes;
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

static __attribute__((noinline)) void put_given(canon *c, const char *text)
{
    put_text(c, text, 0);
}

/* A text that most requests have not: only its absence is inline. */
static inline void put_rare_text(canon *c, const char *text)
{
    if (text)
        put_given(c, text);
    else
        put_number(c, 0);
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
    put_rare_text(c, part->url);
    put_rare_text(c, part->detail);
    put_rare_text(c, part->media_type);
    put_text(c, part->data_bytes ? part->data : NULL, part->data_bytes);
    put_rare_text(c, part->signature);
}

static void put_message(canon *c, const llmcost_message *message)
{
    put_number(c, message->role | message->is_error << 8 | (message->part_count ? 1 << 9 : 0) | (message->tool_call_id ? 1 << 10 : 0) | (message->name ? 1 << 11 : 0));
    put_text(c, message->text, message->text_bytes);
    put_number(c, (int64_t)message->part_count << 32 | message->tool_call_count);
    for (uint32_t i = 0; i < message->part_count; i++)
        put_part(c, &message->parts[i]);
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        put_rare_text(c, message->tool_calls[i].id);
        put_rare_text(c, message->tool_calls[i].name);
        put_rare_text(c, message->tool_calls[i].arguments);
    }
    if (message->tool_call_id)
        put_rare_text(c, message->tool_call_id);
    if (message->name)
        put_rare_text(c, message->name);
}

static void put_tool(canon *c, const llmcost_tool *tool)
{
    put_rare_text(c, tool->name);
    put_rare_text(c, tool->description);
    put_rare_text(c, tool->parameters);
    put_number(c, tool->strict);
}

static void put_options(canon *c, const llmcost_request *request, int64_t default_max_tokens)
{
    put_number(c, request->max_tokens > 0 ? request->max_tokens : default_max_tokens);
    put_number(c, request->has_temperature | request->has_top_p << 1 | request->has_seed << 2 | (request->logprobs != 0) << 3 |
                      request->parallel_tool_calls << 4 | request->format_strict << 8 | request->tool_choice << 12 | request->format << 16 | request->effort << 20);
    put_number(c, (int64_t)request->top_logprobs << 32 | (request->n > 1 ? request->n : 1));
    if (request->has_temperature)
        put_double(c, request->temperature);
    if (request->has_top_p)
        put_double(c, request->top_p);
    if (request->has_seed)
        put_number(c, request->seed);
    put_number(c, request->thinking_budget_tokens);
    put_rare_text(c, request->tool_choice_name);
    put_rare_text(c, request->format_name);
    put_rare_text(c, request->format_schema);
    put_rare_text(c, request->extra);
}

static size_t canonical(const llmcost_request *request, const llmc_canonical_context *context, char *out)
{
    canon c = { out, 0 };
    put_number(&c, FORMAT_VERSION);
    put_text(&c, context->name_space ? context->name_space : "", 0);
    put(&c, context->route->fingerprint, sizeof context->route->fingerprint);
    put_options(&c, request, context->default_max_tokens);
    put_number(&c, (int64_t)request->message_count << 32 | request->tool_count);
    for (uint32_t i = 0; i < request->message_count; i++)
        put_message(&c, &request->messages[i]);
    for (uint32_t i = 0; i < request->tool_count; i++)
        put_tool(&c, &request->tools[i]);
    put_number(&c, request->stop_count);
    for (uint32_t i = 0; i < request->stop_count; i++)
        put_rare_text(&c, request->stop[i]);
    return c.bytes;
}

size_t llmc_canonical_bytes(const llmcost_request *request, const llmc_canonical_context *context)
{
    size_t bytes = canonical(request, context, NULL);
    return bytes <= LARGEST_KEY ? bytes : 0;
}

size_t llmc_canonical_write(const llmcost_request *request, const llmc_canonical_context *context, char *out)
{
    return canonical(request, context, out);
}
