/*
 * What Amazon Bedrock's Converse cannot say, by format and by model: one format carries models of many makers, and its
 * own limits are those that all of them share.
 */
#include "provider/bedrock_codec.h"

#include "provider/asks.h"
#include "provider/claude.h"
#include "provider/conversation.h"
#include "provider/foreign.h"

/* ---- models ---- */

llmc_bedrock_family llmc_bedrock_family_of(const char *model)
{
    const char *slash = strrchr(model, '/');
    const char *name = slash ? slash + 1 : model;
    if (strstr(name, "anthropic.claude"))
        return LLMC_BEDROCK_CLAUDE;
    if (strstr(name, "amazon.nova"))
        return LLMC_BEDROCK_NOVA;
    if (strstr(name, "openai."))
        return LLMC_BEDROCK_OPENAI;
    return slash && !strchr(name, '.') ? LLMC_BEDROCK_HIDDEN : LLMC_BEDROCK_OTHER;
}

bool llmc_bedrock_takes_marks(llmc_bedrock_family family)
{
    return family == LLMC_BEDROCK_CLAUDE || family == LLMC_BEDROCK_NOVA || family == LLMC_BEDROCK_HIDDEN;
}

bool llmc_bedrock_may_be_claude(llmc_bedrock_family family)
{
    return family == LLMC_BEDROCK_CLAUDE || family == LLMC_BEDROCK_HIDDEN;
}

/* Nova reasons from its second generation on. */
static bool takes_effort(const char *model, llmc_bedrock_family family)
{
    return family == LLMC_BEDROCK_CLAUDE || family == LLMC_BEDROCK_OPENAI || (family == LLMC_BEDROCK_NOVA && strstr(model, "nova-2"));
}

/* ---- check ---- */

static bool asks_no_effort_of_claude(const llmcost_request *request, const llmc_codec_target *target)
{
    return llmc_bedrock_family_of(target->model) == LLMC_BEDROCK_CLAUDE && (request->effort == LLMCOST_EFFORT_NONE || request->effort == LLMCOST_EFFORT_MINIMAL);
}

/* Nova and OpenAI's open models know three; Nova can be told not to reason. */
static bool asks_other_effort(const llmcost_request *request, const llmc_codec_target *target)
{
    llmc_bedrock_family family = llmc_bedrock_family_of(target->model);
    bool known = request->effort == LLMCOST_EFFORT_DEFAULT || (request->effort >= LLMCOST_EFFORT_LOW && request->effort <= LLMCOST_EFFORT_HIGH);
    if (family == LLMC_BEDROCK_CLAUDE || !takes_effort(target->model, family))
        return false;
    return !known && !(family == LLMC_BEDROCK_NOVA && request->effort == LLMCOST_EFFORT_NONE);
}

static bool asks_effort_of_others(const llmcost_request *request, const llmc_codec_target *target)
{
    return request->effort != LLMCOST_EFFORT_DEFAULT && !takes_effort(target->model, llmc_bedrock_family_of(target->model));
}

static bool asks_budget_of_others(const llmcost_request *request, const llmc_codec_target *target)
{
    return request->thinking_budget_tokens > 0 && request->effort == LLMCOST_EFFORT_DEFAULT && llmc_bedrock_family_of(target->model) != LLMC_BEDROCK_CLAUDE;
}

static bool has_tool_turns(const llmcost_request *request)
{
    for (uint32_t i = 0; i < request->message_count; i++)
        if (request->messages[i].role == LLMCOST_TOOL || request->messages[i].tool_call_count)
            return true;
    return false;
}

static bool forbids_tools_after_use(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->tool_count && request->tool_choice == LLMCOST_TOOLS_NONE && has_tool_turns(request);
}

static bool lacks_tools_after_use(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return !request->tool_count && has_tool_turns(request) && !(request->extra && strstr(request->extra, "\"toolConfig\""));
}

static bool asks_many_marks(const llmcost_request *request, const llmc_codec_target *target)
{
    return llmc_request_marks(request, true) > LLMC_CLAUDE_MARKS_MAXIMUM && llmc_bedrock_takes_marks(llmc_bedrock_family_of(target->model));
}

static const llmc_incapability incapabilities[] = {
    { 0, llmc_asks_custom_tools, "custom tools", "use functions, or a provider that has them" },
    { 0, llmc_asks_several, "n", "ask for one choice per call" },
    { 0, llmc_asks_seed, "seed", "leave it out" },
    { 0, llmc_asks_logprobs, "logprobs", "leave logprobs and top_logprobs out" },
    { 0, llmc_asks_json_mode, "format", "give a JSON schema, or ask for JSON in the prompt" },
    { 0, llmc_asks_temperature_above_1, "temperature", "use at most 1" },
    { 0, asks_no_effort_of_claude, "effort", "the lowest is low; to turn thinking off pass {\"additionalModelRequestFields\": {\"thinking\": {\"type\": \"disabled\"}}} in extra" },
    { 0, asks_other_effort, "effort", "this model takes low, medium and high" },
    { 0, asks_effort_of_others, "effort", "it is not known how this model takes one; pass its own parameter in extra as additionalModelRequestFields" },
    { 0, asks_budget_of_others, "thinking_budget_tokens", "only Claude takes one here; set effort, or leave it out" },
    { 0, llmc_asks_one_by_one, "parallel_tool_calls", "this format has no such switch; leave it at its default" },
    { 0, forbids_tools_after_use, "tool_choice", "with tool calls in the conversation tools cannot be forbidden; use auto" },
    { 0, lacks_tools_after_use, "tools", "give the tools that the conversation has used" },
    { 0, asks_many_marks, "cache_mark", "set at most 4 marks" },
};

/* ---- media ---- */

typedef struct media_format {
    const char *media_type, *format;
} media_format;

static const media_format images[] = { { "image/png", "png" }, { "image/jpeg", "jpeg" }, { "image/gif", "gif" }, { "image/webp", "webp" } };

static const media_format documents[] = {
    { "application/pdf", "pdf" }, { "text/plain", "txt" }, { "text/markdown", "md" }, { "text/html", "html" }, { "text/csv", "csv" },
    { "application/msword", "doc" }, { "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx" },
    { "application/vnd.ms-excel", "xls" }, { "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx" },
};

bool llmc_bedrock_is_document(const llmcost_part *part)
{
    return part->type == LLMCOST_PART_DOCUMENT;
}

const char *llmc_bedrock_format_of(const llmcost_part *part, const char *media_type)
{
    const media_format *formats = llmc_bedrock_is_document(part) ? documents : images;
    size_t count = llmc_bedrock_is_document(part) ? sizeof documents / sizeof documents[0] : sizeof images / sizeof images[0];
    for (size_t i = 0; media_type && i < count; i++)
        if (!strcmp(formats[i].media_type, media_type))
            return formats[i].format;
    return NULL;
}

static llmcost_status check_part(const llmcost_message *message, uint32_t index, const llmcost_part *part, const llmc_codec_target *target, llmcost_error *error)
{
    char media_type[64];
    const char *base64;
    bool image = part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL;
    if (part->type == LLMCOST_PART_AUDIO)
        return llmc_unsupported_in(error, target, index, " audio", "send a transcript, or use another provider");
    if (!image && !llmc_bedrock_is_document(part))
        return LLMCOST_OK;
    if (message->role != LLMCOST_USER && message->role != LLMCOST_TOOL)
        return llmc_unsupported_in(error, target, index, image ? " image" : " document", "put it into a user message or a tool result");
    if (image && part->detail && strcmp(part->detail, "auto") != 0)
        return llmc_unsupported_in(error, target, index, " image detail", "leave detail out; send a smaller image instead");
    if (!part->data && part->url && *part->url && strncmp(part->url, "data:", 5) != 0)
        return llmc_unsupported_in(error, target, index, image ? " image url" : " document url", "send the bytes: nothing is fetched from the net here");
    const char *type = part->data ? part->media_type : part->url && llmc_data_url(part->url, media_type, &base64) ? media_type : NULL;
    if (!type || !strchr(type, '/') || llmc_bedrock_format_of(part, type))
        return LLMCOST_OK;
    if (image)
        return llmc_unsupported_in(error, target, index, " image type", "send jpeg, png, gif or webp");
    return llmc_unsupported_in(error, target, index, " document type", "send pdf, txt, md, html, csv, doc, docx, xls or xlsx");
}

static const llmc_conversation_rules rules = { .system_first = true, .user_first = true, .user_speaks = true, .check_part = check_part };

llmcost_status llmc_bedrock_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    if (operation != LLMC_OP_CHAT && operation != LLMC_OP_COUNT_TOKENS)
        return LLMCOST_OK;
    llmcost_status status = llmc_check_capabilities(incapabilities, sizeof incapabilities / sizeof incapabilities[0], request, target, error);
    if (!status)
        status = llmc_check_foreign((const char *const[]){ NULL }, request, target, error);
    if (!status && llmc_bedrock_family_of(target->model) == LLMC_BEDROCK_CLAUDE)
        status = llmc_claude_check(request, target, error);
    return status ? status : llmc_check_conversation(&rules, request, target, error);
}
