#include "policy/canonical.h"

#include <string.h>

enum { FORMAT_VERSION = 4, LARGEST_KEY = 1 << 28 };

/* All that has a fixed size, written where it stays. In the order of the request, so that neighbours are copied together. */
typedef struct __attribute__((may_alias)) canonical_head {
    uint32_t version, operation;
    uint8_t fingerprint[sizeof((llmc_route *)0)->fingerprint];
    uint32_t message_count, tool_count, stop_count, has_texts;
    int64_t max_tokens, seed;
    double temperature, top_p;
    uint8_t has_temperature, has_top_p, has_seed, logprobs, parallel_tool_calls, format_strict, none[2];
    int32_t top_logprobs;
    uint32_t n;
    int32_t tool_choice, format, effort, zero;
    int64_t thinking_budget_tokens;
} canonical_head;

_Static_assert(offsetof(canonical_head, thinking_budget_tokens) - offsetof(canonical_head, max_tokens) == 64, "no byte of a head is left unset");
_Static_assert(sizeof(canonical_head) <= LLMC_CANONICAL_LEAST, "there is room for a head");

/* Writes as far as there is room and measures: one description of the layout. */
typedef struct canon {
    char *out;
    size_t bytes, room;
} canon;

static inline void put(canon *c, int64_t number, const void *bytes, size_t count)
{
    char *at = c->out + c->bytes;
    c->bytes += sizeof number + count;
    if (c->bytes > c->room)
        return;
    memcpy(at, &number, sizeof number);
    if (count)
        memcpy(at + sizeof number, bytes, count);
}

static inline void put_number(canon *c, int64_t value)
{
    put(c, value, NULL, 0);
}

/* NULL and "" are told apart: 0 stands for NULL, a length is stored plus one. */
static inline void put_text(canon *c, const char *text, size_t bytes)
{
    if (!text) {
        put_number(c, 0);
        return;
    }
    size_t length = bytes || !*text ? bytes : strlen(text);
    put(c, (int64_t)length + 1, text, length);
}

/* ---- what most requests do without, out of their way ---- */

static void put_texts(canon *c, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_text(c, texts[i], 0);
}

static void put_part(canon *c, const llmcost_part *part)
{
    const char *const texts[] = { part->url, part->detail, part->media_type, part->signature };
    put_number(c, part->type);
    put_text(c, part->text, part->text_bytes);
    put_text(c, part->data_bytes ? part->data : NULL, part->data_bytes);
    put_texts(c, texts, sizeof texts / sizeof texts[0]);
}

static void put_tool_call(canon *c, const llmcost_tool_call *call)
{
    const char *const texts[] = { call->id, call->name, call->arguments };
    put_texts(c, texts, sizeof texts / sizeof texts[0]);
    put_number(c, call->is_custom);
}

__attribute__((noinline)) static void put_more_of_message(canon *c, const llmcost_message *message)
{
    put_number(c, (int64_t)message->part_count << 32 | message->tool_call_count);
    for (uint32_t i = 0; i < message->part_count; i++)
        put_part(c, &message->parts[i]);
    for (uint32_t i = 0; i < message->tool_call_count; i++)
        put_tool_call(c, &message->tool_calls[i]);
    put_text(c, message->tool_call_id, 0);
    put_text(c, message->name, 0);
}

static void put_tool(canon *c, const llmcost_tool *tool)
{
    const char *const texts[] = { tool->name, tool->description, tool->parameters };
    put_texts(c, texts, sizeof texts / sizeof texts[0]);
    put_number(c, tool->strict);
}

static void put_inputs(canon *c, const llmcost_request *request)
{
    put_number(c, request->dimensions);
    put_number(c, request->input_purpose);
    put_number(c, request->input_count);
    for (uint32_t i = 0; i < request->input_count; i++)
        put_text(c, request->inputs[i], request->input_bytes ? request->input_bytes[i] : 0);
}

__attribute__((noinline)) static void put_more(canon *c, const llmcost_request *request, const canonical_head *head)
{
    const char *const texts[] = { request->tool_choice_name, request->format_name, request->format_schema, request->extra };
    if (head->has_texts)
        put_texts(c, texts, sizeof texts / sizeof texts[0]);
    for (uint32_t i = 0; i < request->tool_count; i++)
        put_tool(c, &request->tools[i]);
    put_texts(c, request->stop, request->stop_count);
    if (head->operation == LLMC_OP_EMBED)
        put_inputs(c, request);
}

/* ---- what all have ---- */

/* 0: neither is there. */
static inline uintptr_t either(const char *one, const char *other)
{
    return (uintptr_t)one | (uintptr_t)other;
}

/* -0.0 asks the same as 0.0, which it becomes by adding that. */
static inline double number_asked(bool has, double value)
{
    return has ? value + 0.0 : 0;
}

/* Clients may share a store: what a request without max_tokens gets is of the config. */
static inline void put_head(canonical_head *restrict head, const llmcost_leg *restrict leg, const llmcost_request *restrict request)
{
    head->version = FORMAT_VERSION;
    head->operation = leg->operation->id;
    memcpy(head->fingerprint, leg->route->fingerprint, sizeof head->fingerprint);
    head->message_count = request->message_count;
    head->tool_count = request->tool_count;
    head->stop_count = request->stop_count;
    head->has_texts = (either(request->tool_choice_name, request->format_name) | either(request->format_schema, request->extra)) != 0;
    head->max_tokens = request->max_tokens > 0 ? request->max_tokens : leg->services->settings->default_max_tokens;
    head->seed = request->has_seed ? request->seed : 0;
    head->temperature = number_asked(request->has_temperature, request->temperature);
    head->top_p = number_asked(request->has_top_p, request->top_p);
    head->has_temperature = request->has_temperature;
    head->has_top_p = request->has_top_p;
    head->has_seed = request->has_seed;
    head->logprobs = request->logprobs;
    head->parallel_tool_calls = request->parallel_tool_calls;
    head->format_strict = request->format_strict;
    head->none[0] = head->none[1] = 0;
    head->top_logprobs = request->top_logprobs;
    head->n = request->n > 1 ? request->n : 1;
    head->tool_choice = request->tool_choice;
    head->format = request->format;
    head->effort = request->effort;
    head->zero = 0;
    head->thinking_budget_tokens = request->thinking_budget_tokens;
}

static inline void put_message(canon *c, const llmcost_message *message)
{
    bool more = (either(message->tool_call_id, message->name) | message->part_count | message->tool_call_count) != 0;
    put_number(c, message->role | message->is_error << 8 | more << 16);
    put_text(c, message->text, message->text_bytes);
    if (more)
        put_more_of_message(c, message);
}

size_t llmc_canonical_write(const llmcost_leg *leg, char *out, size_t room)
{
    const llmcost_request *request = leg->request;
    canonical_head *head = (canonical_head *)(void *)out;
    canon c = { out, sizeof *head, room };
    put_head(head, leg, request);
    put_text(&c, request->cache_namespace ? request->cache_namespace : leg->services->settings->cache_namespace, 0);
    for (uint32_t i = 0; i < request->message_count; i++)
        put_message(&c, &request->messages[i]);
    if (head->has_texts | head->tool_count | head->stop_count || head->operation == LLMC_OP_EMBED)
        put_more(&c, request, head);
    return c.bytes <= LARGEST_KEY ? c.bytes : 0;
}
