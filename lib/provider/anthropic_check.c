/* What the Anthropic Messages format cannot say of what a request asks for: said before anything is sent, naming the field. */
#include "provider/anthropic_codec.h"

#include "provider/asks.h"
#include "provider/claude.h"
#include "provider/conversation.h"
#include "provider/foreign.h"

static bool asks_no_effort(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->effort == LLMCOST_EFFORT_NONE || request->effort == LLMCOST_EFFORT_MINIMAL;
}

static bool asks_many_marks(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return llmc_request_marks(request, true) > LLMC_CLAUDE_MARKS_MAXIMUM;
}

const char *const llmc_anthropic_known[] = { "metadata", "service_tier", NULL };

/* OpenAI's is a map of anything; this one names the end user. */
static bool asks_labels(const llmcost_request *request, const llmc_codec_target *target)
{
    llmc_json json;
    llmc_json_key key;
    llmc_json_span metadata;
    bool others = false;
    (void)target;
    if (!llmc_encoding_extra_member(&(llmc_encoding){ .request = request }, "metadata", &metadata))
        return false;
    llmc_json_begin(&json, metadata.text, metadata.bytes);
    if (!llmc_json_object(&json))
        return false;
    while (llmc_json_next_key(&json, &key)) {
        others = others || !llmc_json_key_is(&key, "user_id");
        llmc_json_skip(&json);
    }
    return others;
}

/* Its own are two, of which "auto" is the default. */
static bool asks_other_tier(const llmcost_request *request, const llmc_codec_target *target)
{
    llmc_json_span tier;
    (void)target;
    if (!llmc_encoding_extra_member(&(llmc_encoding){ .request = request }, "service_tier", &tier))
        return false;
    const llmc_json_key key = { .text = tier.text, .bytes = tier.bytes };
    return llmc_json_key_is(&key, "\"flex\"") || llmc_json_key_is(&key, "\"priority\"") || llmc_json_key_is(&key, "\"scale\"") || llmc_json_key_is(&key, "\"fast\"");
}

static const llmc_incapability incapabilities[] = {
    { 0, llmc_asks_custom_tools, "custom tools", "use functions, or a provider that has them" },
    { 0, llmc_asks_several, "n", "ask for one choice per call" },
    { 0, llmc_asks_seed, "seed", "leave it out" },
    { 0, llmc_asks_logprobs, "logprobs", "leave logprobs and top_logprobs out" },
    { 0, llmc_asks_json_mode, "format", "give a JSON schema, or ask for JSON in the prompt" },
    { 0, asks_no_effort, "effort", "the lowest is low; to turn thinking off pass {\"thinking\": {\"type\": \"disabled\"}} in extra" },
    { 0, asks_many_marks, "cache_mark", "set at most 4 marks" },
    { 0, asks_labels, "metadata", "name user_id alone, and label calls by tags" },
    { 0, asks_other_tier, "service_tier", "use auto or standard_only" },
};

static bool is_known_image(const char *media_type)
{
    static const char *const types[] = { "image/jpeg", "image/png", "image/gif", "image/webp" };
    for (size_t i = 0; media_type && i < sizeof types / sizeof types[0]; i++)
        if (!strcmp(types[i], media_type))
            return true;
    return false;
}

/* By URL the type is the server's to say: PDF is what the provider then expects. */
static bool is_known_document(const llmcost_part *part)
{
    char media_type[64];
    const char *base64;
    if (part->url && llmc_data_url(part->url, media_type, &base64))
        return !strcmp(media_type, "application/pdf");
    if (!part->media_type)
        return part->url != NULL;
    return !strcmp(part->media_type, "application/pdf") || (!part->url && !strcmp(part->media_type, "text/plain"));
}

static llmcost_status check_document(const llmcost_message *message, uint32_t index, const llmcost_part *part, const llmc_codec_target *target, llmcost_error *error)
{
    if (message->role != LLMCOST_USER)
        return llmc_unsupported_in(error, target, index, " document", "put it into a user message");
    if ((part->url || part->media_type) && !is_known_document(part))
        return llmc_unsupported_in(error, target, index, " document type", "send application/pdf or text/plain, or its text");
    return LLMCOST_OK;
}

static llmcost_status check_part(const llmcost_message *message, uint32_t index, const llmcost_part *part, const llmc_codec_target *target, llmcost_error *error)
{
    bool image = part->type == LLMCOST_PART_IMAGE || part->type == LLMCOST_PART_IMAGE_URL;
    if (part->type == LLMCOST_PART_AUDIO)
        return llmc_unsupported_in(error, target, index, " audio", "send a transcript, or use a provider that hears");
    if (part->type == LLMCOST_PART_DOCUMENT)
        return check_document(message, index, part, target, error);
    if (!image)
        return LLMCOST_OK;
    if (message->role != LLMCOST_USER && message->role != LLMCOST_TOOL)
        return llmc_unsupported_in(error, target, index, " image", "put images into user messages or tool results");
    if (part->detail && strcmp(part->detail, "auto") != 0)
        return llmc_unsupported_in(error, target, index, " image detail", "leave detail out; send a smaller image instead");
    if (part->type == LLMCOST_PART_IMAGE && llmc_media_type_is_sane(part->media_type) && !is_known_image(part->media_type))
        return llmc_unsupported_in(error, target, index, " image type", "send jpeg, png, gif or webp");
    return LLMCOST_OK;
}

static const llmc_conversation_rules rules = { .system_first = true, .user_first = true, .user_speaks = true, .check_part = check_part };

llmcost_status llmc_anthropic_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    bool at_vertex = target->quirks & LLMC_QUIRK(VERTEX);
    if (at_vertex && operation != LLMC_OP_CHAT)
        return llmc_unsupported(error, target, llmc_operations[operation].name, "ask Anthropic itself");
    if (operation != LLMC_OP_CHAT && operation != LLMC_OP_COUNT_TOKENS)
        return LLMCOST_OK;
    llmcost_status status = llmc_check_capabilities(incapabilities, sizeof incapabilities / sizeof incapabilities[0], request, target, error);
    if (!status)
        status = llmc_check_foreign(llmc_anthropic_known, request, target, error);
    if (!status)
        status = llmc_claude_check(request, target, error);
    return status ? status : llmc_check_conversation(&rules, request, target, error);
}
