/*
 * Text: a byte-level BPE vocabulary has a token for every single byte and merges from there, so tokens <= bytes.
 * Framing: the chat templates that are public spend up to 8 tokens on a message and some 20 on a tool; we allow more.
 * Hosts put instructions of their own around tools, up to 400 tokens of them seen, and xAI's newer models have some 200
 * in front of any prompt.
 * Images: the dearest an image can be, by family of model; others are unknown.
 * Audio and documents have no bound: what counts is minutes and pages, which only their decoders know.
 */
#include "policy/usage_estimate.h"

#include "policy/request_copy.h"
#include "wire/json.h"

#include <string.h>

enum { PER_REQUEST = 32, PER_MESSAGE = 16, PER_PART = 8, PER_TOOL = 64, AROUND_TOOLS = 512, XAI_PREAMBLE = 256, BYTES_PER_TOKEN = 4 };

/* The most that an image of a model can be, by the "detail" that is asked for. */
typedef struct image_bound {
    const char *family; /* the beginning of the model's name, up to its end, a dash or a letter */
    int32_t low, high, most; /* most: where none is asked for, too */
} image_bound;

/*
 * Patches of 32 pixels times a factor, the next integer and one (bills differ by that); tiles of 512 pixels, at most 8,
 * and a base. OpenAI's page on images and vision, 2026-09: up to 30,000 patches since GPT-5.6 and 10,000 of GPT-5.5
 * unless "high" or "low" is asked for; 64 by 64 of older ones, whose factors have changed: the larger one. Anthropic's,
 * 2026-08. A longer name comes before its beginning.
 */
static const image_bound image_bounds[] = {
    { "gpt-4o-mini", 48169, 48169, 48169 }, { "gpt-4o", 1445, 1445, 1445 },
    { "gpt-4.1-mini", 6637, 6637, 6637 },   { "gpt-4.1-nano", 10078, 10078, 10078 }, { "gpt-4.1", 1445, 1445, 1445 },
    { "gpt-5-mini", 6637, 6637, 6637 },     { "gpt-5-nano", 10078, 10078, 10078 },
    { "gpt-5-codex-mini", 4917, 4917, 4917 }, { "gpt-5.1-codex-mini", 4917, 4917, 4917 },
    { "gpt-5", 1445, 1445, 1445 },          { "gpt-5.1", 1445, 1445, 1445 },
    { "gpt-5.2", 4917, 4917, 4917 },        { "gpt-5.3", 4917, 4917, 4917 },
    { "gpt-5.4", 4917, 3001, 4917 },        { "gpt-5.5", 309, 3001, 12001 },
    { "gpt-5.6", 309, 3001, 36001 },        { "gpt-6", 309, 3001, 36001 }, { "gpt-6.1", 309, 3001, 36001 }, { "gpt-6.2", 309, 3001, 36001 },
    { "o4-mini", 7047, 7047, 7047 },        { "o3", 1445, 1445, 1445 },
    { "claude", 6500, 6500, 6500 },
};

/* A version that is newer than what is known ("gpt-5.9", "o31") is another family. */
static bool is_of(const char *model, const char *family)
{
    size_t bytes = strlen(family);
    return strncmp(model, family, bytes) == 0 && model[bytes] != '.' && !(model[bytes] >= '0' && model[bytes] <= '9');
}

static bool is_detail(const char *detail, const char *word)
{
    return detail && strcmp(detail, word) == 0;
}

/* -1: not known. */
static int64_t image_tokens(const llmc_services *services, const char *model, const char *detail)
{
    if (services->settings->image_bound_tokens > 0)
        return services->settings->image_bound_tokens;
    for (size_t i = 0; model && i < sizeof image_bounds / sizeof image_bounds[0]; i++) {
        const image_bound *bound = &image_bounds[i];
        if (is_of(model, bound->family))
            return is_detail(detail, "low") ? bound->low : is_detail(detail, "high") ? bound->high : bound->most;
    }
    return -1;
}

typedef struct prompt_size {
    int64_t text_bytes, messages, parts, tools, unknown, unknown_bytes;
    int64_t image_tokens, unknown_images; /* tokens: of the others */
} prompt_size;

static int64_t bytes_of(const char *text)
{
    return text ? (int64_t)strlen(text) : 0;
}

static void measure_image(const llmc_services *services, const llmc_route *target, const llmcost_part *part, prompt_size *size)
{
    int64_t tokens = image_tokens(services, target->model, part->detail);
    if (tokens >= 0)
        size->image_tokens += tokens;
    else
        size->unknown_images++;
}

static void measure_message(const llmc_services *services, const llmc_route *target, const llmcost_message *message, prompt_size *size)
{
    size->messages++;
    size->text_bytes += (int64_t)llmc_text_bytes_of(message->text, message->text_bytes) + bytes_of(message->name) + bytes_of(message->tool_call_id);
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        size->parts++;
        size->text_bytes += (int64_t)llmc_text_bytes_of(part->text, part->text_bytes) + bytes_of(part->signature);
        if (part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL)
            measure_image(services, target, part, size);
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

static prompt_size measure(const llmc_services *services, const llmcost_request *request, const llmc_route *target)
{
    prompt_size size = { 0 };
    for (uint32_t i = 0; i < request->message_count; i++)
        measure_message(services, target, &request->messages[i], &size);
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

static bool has_preamble(const llmc_route *target)
{
    return strncmp(target->provider->preset->name, "xai", 3) == 0;
}

bool llmc_prompt_bound(const llmc_services *services, const llmcost_request *request, const llmc_route *target, int64_t added_tokens, int64_t *tokens, const char **why)
{
    if (request->input_bound_tokens > 0) {
        int64_t added = added_tokens > 0 ? added_tokens * BYTES_PER_TOKEN + PER_MESSAGE : 0;
        if (__builtin_add_overflow(request->input_bound_tokens, added, tokens))
            *tokens = INT64_MAX;
        return true;
    }
    prompt_size size = measure(services, request, target);
    if (size.unknown) {
        *why = "how many tokens audio and documents cost is known to the provider only; set input_bound_tokens on the request";
        return false;
    }
    if (size.unknown_images) {
        *why = "how many tokens an image costs is not known for this model; set input_bound_tokens on the request, or image_bound_tokens in the config";
        return false;
    }
    *tokens = size.text_bytes + PER_REQUEST + size.messages * PER_MESSAGE + size.parts * PER_PART + size.tools * PER_TOOL + size.image_tokens;
    *tokens += (size.tools ? AROUND_TOOLS : 0) + (has_preamble(target) && size.messages ? XAI_PREAMBLE : 0);
    return true;
}

/* A film has sound, too. */
static bool has_sound(const llmcost_part *part)
{
    const char *type = part->media_type ? part->media_type : "";
    return part->type == LLMCOST_PART_AUDIO || (part->type == LLMCOST_PART_DOCUMENT && (strncmp(type, "audio/", 6) == 0 || strncmp(type, "video/", 6) == 0));
}

bool llmc_prompt_has_sound(const llmcost_request *request)
{
    for (uint32_t i = 0; i < request->message_count; i++) {
        const llmcost_message *message = &request->messages[i];
        for (uint32_t k = 0; k < message->part_count; k++) {
            if (has_sound(&message->parts[k]))
                return true;
        }
    }
    return false;
}

int64_t llmc_prompt_estimate(const llmc_services *services, const llmcost_request *request, const llmc_route *target)
{
    enum { TOKENS_PER_MESSAGE = 4, TOKENS_PER_IMAGE = 1000, TOKENS_PER_OTHER = 1000, BYTES_PER_TOKEN_OF_OTHER = 1000 };
    prompt_size size = measure(services, request, target);
    return (size.text_bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN + size.messages * TOKENS_PER_MESSAGE + size.image_tokens + size.unknown_images * TOKENS_PER_IMAGE +
           size.unknown * TOKENS_PER_OTHER + size.unknown_bytes / BYTES_PER_TOKEN_OF_OTHER;
}

/* ---- thinking ---- */

static bool is_switched_off(const char *extra)
{
    llmc_json json;
    llmc_json_key key;
    bool value = true;
    if (!extra)
        return false;
    llmc_json_begin(&json, extra, strlen(extra));
    for (bool more = llmc_json_object(&json); more && llmc_json_next_key(&json, &key);) {
        if (llmc_json_key_is(&key, "enable_thinking") && (llmc_json_peek(&json) == LLMC_JSON_TRUE || llmc_json_peek(&json) == LLMC_JSON_FALSE))
            llmc_json_bool(&json, &value);
        else
            llmc_json_skip(&json);
    }
    return llmc_json_end(&json) && !value;
}

/* Qwen's stop where thinking_budget says; of others SiliconFlow says that they may go on. */
static bool stops_at_budget(const char *model)
{
    return strncmp(model, "qwen", 4) == 0 || strstr(model, "Qwen3") || strstr(model, "qwen3");
}

/*
 * Qwen's models of before 2025-04 and those for code and for instructions only (Alibaba's page on thinking, 2026-06).
 * Of others such names tell nothing: Tencent's and ByteDance's "Instruct" think.
 */
static bool never_thinks(const char *model)
{
    static const char *const marks[] = { "instruct", "Instruct", "coder", "Coder", "qwen2", "Qwen2" };
    if (!strstr(model, "qwen") && !strstr(model, "Qwen"))
        return false;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (strstr(model, marks[i]))
            return true;
    }
    return false;
}

/*
 * DashScope's and SiliconFlow's max_tokens is of the text alone (their references, 2026-06 and 2026-11). What none of
 * their models thinks beyond: Alibaba's list of 2026-03 has 81,920, SiliconFlow's 40,000; a model that answers at greater
 * length may think as long.
 */
int64_t llmc_thinking_bound(const llmcost_request *request, const llmc_route *target)
{
    enum { LONGEST_THOUGHT = 81920 };
    if (!(target->provider->quirks & LLMC_QUIRK(ENABLE_THINKING)) || request->effort == LLMCOST_EFFORT_NONE || never_thinks(target->model))
        return 0;
    if (request->effort == LLMCOST_EFFORT_DEFAULT && !request->thinking_budget_tokens && is_switched_off(request->extra))
        return 0;
    if (request->thinking_budget_tokens > 0 && stops_at_budget(target->model))
        return request->thinking_budget_tokens;
    int64_t length = target->prices ? llmc_model_max_output(target->prices) : 0, bound = length > LONGEST_THOUGHT ? length : LONGEST_THOUGHT;
    return bound > request->thinking_budget_tokens ? bound : request->thinking_budget_tokens;
}
