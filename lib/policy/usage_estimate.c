/*
 * Text: a byte-level BPE vocabulary has a token for every single byte and merges from there, so tokens <= bytes.
 * Framing: the chat templates that are public spend up to 8 tokens on a message and some 20 on a tool; we allow more.
 * Images: the dearest an image can be, by family of model (providers' image pages as of 2026-08); others are unknown.
 * Audio and documents have no bound: what counts is minutes and pages, which only their decoders know.
 */
#include "policy/usage_estimate.h"

#include "policy/request_copy.h"

#include <string.h>

enum { PER_REQUEST = 32, PER_MESSAGE = 16, PER_PART = 8, PER_TOOL = 64, BYTES_PER_TOKEN = 4 };

typedef struct image_bound {
    const char *prefix; /* of the model's name */
    int64_t tokens;
} image_bound;

/* The first prefix that fits counts. */
static const image_bound image_bounds[] = {
    { "gpt-4o-mini", 48169 }, { "gpt-4o", 1445 }, { "gpt-4.1-mini", 2489 }, { "gpt-4.1-nano", 3779 }, { "gpt-4.1", 1445 },
    { "gpt-5-mini", 2489 },   { "gpt-5-nano", 3779 }, { "gpt-5", 1445 },    { "o4-mini", 2642 },      { "o3", 1445 }, { "claude-", 6500 },
};

static int64_t image_tokens(const llmc_services *services, const char *model)
{
    if (services->settings->image_bound_tokens > 0)
        return services->settings->image_bound_tokens;
    for (size_t i = 0; model && i < sizeof image_bounds / sizeof image_bounds[0]; i++) {
        if (strncmp(model, image_bounds[i].prefix, strlen(image_bounds[i].prefix)) == 0)
            return image_bounds[i].tokens;
    }
    return -1;
}

typedef struct prompt_size {
    int64_t text_bytes, messages, parts, tools, images, unknown, unknown_bytes;
} prompt_size;

static int64_t bytes_of(const char *text)
{
    return text ? (int64_t)strlen(text) : 0;
}

static void measure_message(const llmcost_message *message, prompt_size *size)
{
    size->messages++;
    size->text_bytes += (int64_t)llmc_text_bytes_of(message->text, message->text_bytes) + bytes_of(message->name) + bytes_of(message->tool_call_id);
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        size->parts++;
        size->text_bytes += (int64_t)llmc_text_bytes_of(part->text, part->text_bytes) + bytes_of(part->signature);
        size->images += part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL;
        if (part->type != LLMCOST_PART_AUDIO && part->type != LLMCOST_PART_DOCUMENT)
            continue;
        size->unknown++;
        size->unknown_bytes += (int64_t)part->data_bytes;
    }
    for (uint32_t i = 0; i < message->tool_call_count; i++) {
        const llmcost_tool_call *call = &message->tool_calls[i];
        size->parts++;
        size->text_bytes += bytes_of(call->id) + bytes_of(call->name) + bytes_of(call->arguments);
    }
}

static prompt_size measure(const llmcost_request *request)
{
    prompt_size size = { 0 };
    for (uint32_t i = 0; i < request->message_count; i++)
        measure_message(&request->messages[i], &size);
    for (uint32_t i = 0; i < request->tool_count; i++) {
        const llmcost_tool *tool = &request->tools[i];
        size.tools++;
        size.text_bytes += bytes_of(tool->name) + bytes_of(tool->description) + bytes_of(tool->parameters);
    }
    for (uint32_t i = 0; i < request->input_count; i++) {
        size.parts++;
        size.text_bytes += (int64_t)llmc_text_bytes_of(request->inputs[i], request->input_bytes ? request->input_bytes[i] : 0);
    }
    size.text_bytes += bytes_of(request->format_schema) + bytes_of(request->extra);
    return size;
}

bool llmc_prompt_bound(const llmc_services *services, const llmcost_request *request, const llmc_route *target, int64_t added_tokens, int64_t *tokens, const char **why)
{
    if (request->input_bound_tokens > 0) {
        int64_t added = added_tokens > 0 ? added_tokens * BYTES_PER_TOKEN + PER_MESSAGE : 0;
        if (__builtin_add_overflow(request->input_bound_tokens, added, tokens))
            *tokens = INT64_MAX;
        return true;
    }
    prompt_size size = measure(request);
    if (size.unknown) {
        *why = "how many tokens audio and documents cost is known to the provider only; set input_bound_tokens on the request";
        return false;
    }
    int64_t per_image = size.images ? image_tokens(services, target->model) : 0;
    if (per_image < 0) {
        *why = "how many tokens an image costs is not known for this model; set input_bound_tokens on the request, or image_bound_tokens in the config";
        return false;
    }
    *tokens = size.text_bytes + PER_REQUEST + size.messages * PER_MESSAGE + size.parts * PER_PART + size.tools * PER_TOOL + size.images * per_image;
    return true;
}

int64_t llmc_prompt_estimate(const llmc_services *services, const llmcost_request *request, const llmc_route *target)
{
    enum { TOKENS_PER_MESSAGE = 4, TOKENS_PER_IMAGE = 1000, TOKENS_PER_OTHER = 1000, BYTES_PER_TOKEN_OF_OTHER = 1000 };
    prompt_size size = measure(request);
    int64_t per_image = size.images ? image_tokens(services, target->model) : 0;
    if (per_image < 0)
        per_image = TOKENS_PER_IMAGE;
    return (size.text_bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN + size.messages * TOKENS_PER_MESSAGE + size.images * per_image +
           size.unknown * TOKENS_PER_OTHER + size.unknown_bytes / BYTES_PER_TOKEN_OF_OTHER;
}
