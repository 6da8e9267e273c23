/* What a host of the OpenAI dialect cannot do of what a request asks for: said before anything is sent, naming the field. */
#include "provider/openai_codec.h"

#include "provider/asks.h"

static bool asks_budget_only(const llmcost_request *request, const llmc_codec_target *target)
{
    bool takes_budget = target->quirks & (LLMC_QUIRK(ENABLE_THINKING) | LLMC_QUIRK(REASONING_BUDGET));
    return request->thinking_budget_tokens && request->effort == LLMCOST_EFFORT_DEFAULT && !takes_budget;
}

static bool asks_too_many(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->n > 128;
}

static bool asks_many_stops(const llmcost_request *request, const llmc_codec_target *target)
{
    return request->stop_count > 4 && llmc_openai_is_own(target);
}

static bool asks_second_stop(const llmcost_request *request, const llmc_codec_target *target)
{
    return request->stop_count > 1 && (target->quirks & LLMC_QUIRK(ZHIPU_CODES));
}

static bool asks_stop_of_grok(const llmcost_request *request, const llmc_codec_target *target)
{
    if (request->stop_count == 0 || strcmp(llmc_preset_catalog(target->preset), "xai") != 0)
        return false;
    return !strncmp(target->model, "grok-4", 6) && !strstr(target->model, "non-reasoning");
}

/* o1 and o3-mini still took it. */
static bool asks_stop_of_reasoning_model(const llmcost_request *request, const llmc_codec_target *target)
{
    const char *model = target->model;
    if (request->stop_count == 0 || !llmc_openai_is_own(target))
        return false;
    return llmc_openai_model_reasons(model) && strncmp(model, "o1", 2) != 0 && strncmp(model, "o3-mini", 7) != 0;
}

static bool asks_images(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return llmc_request_has_part(request, LLMCOST_PART_IMAGE) || llmc_request_has_part(request, LLMCOST_PART_IMAGE_URL);
}

static bool asks_audio(const llmcost_request *request, const llmc_codec_target *target)
{
    return !(target->quirks & LLMC_QUIRK(AUDIO_PARTS)) && llmc_request_has_part(request, LLMCOST_PART_AUDIO);
}

static bool asks_documents(const llmcost_request *request, const llmc_codec_target *target)
{
    return !(target->quirks & (LLMC_QUIRK(FILE_PARTS) | LLMC_QUIRK(DOCUMENT_URL))) && llmc_request_has_part(request, LLMCOST_PART_DOCUMENT);
}

static bool asks_document_url(const llmcost_request *request, const llmc_codec_target *target)
{
    bool takes_urls = target->quirks & (LLMC_QUIRK(FILE_URLS) | LLMC_QUIRK(DOCUMENT_URL));
    for (uint32_t i = 0; i < request->message_count && !takes_urls; i++)
        for (uint32_t j = 0; j < request->messages[i].part_count; j++)
            if (request->messages[i].parts[j].type == LLMCOST_PART_DOCUMENT && request->messages[i].parts[j].url)
                return true;
    return false;
}

/* OpenAI's list; others take more. */
static bool asks_odd_audio(const llmcost_request *request, const llmc_codec_target *target)
{
    if (!llmc_openai_is_own(target))
        return false;
    for (uint32_t i = 0; i < request->message_count; i++)
        for (uint32_t j = 0; j < request->messages[i].part_count; j++) {
            const llmcost_part *part = &request->messages[i].parts[j];
            if (part->type != LLMCOST_PART_AUDIO || !part->media_type)
                continue;
            const char *format = llmc_audio_format(part->media_type);
            if (strcmp(format, "wav") != 0 && strcmp(format, "mp3") != 0)
                return true;
        }
    return false;
}

static bool asks_tools(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->tool_count > 0;
}

static bool asks_schema(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->format == LLMCOST_FORMAT_JSON_SCHEMA;
}

static bool asks_many_marks(const llmcost_request *request, const llmc_codec_target *target)
{
    enum { MARKS_MAXIMUM = 4 };
    return llmc_request_marks(request, target->quirks & LLMC_QUIRK(CACHE_CONTROL_TOOLS)) > MARKS_MAXIMUM;
}

static bool asks_temperature_above(const llmcost_request *request, const llmc_codec_target *target)
{
    double limit = target->quirks & LLMC_QUIRK(OPEN_UNIT_SAMPLING) ? 1.0 : 2.0;
    return request->has_temperature && request->temperature > limit;
}

static const llmc_incapability incapabilities[] = {
    { LLMC_QUIRK(NO_SEED), llmc_asks_seed, "seed", "leave it out" },
    { LLMC_QUIRK(NO_N), llmc_asks_several, "n", "ask for one choice per call" },
    { 0, asks_too_many, "n", "ask for at most 128 choices" },
    { LLMC_QUIRK(NO_LOGPROBS), llmc_asks_logprobs, "logprobs", "leave logprobs and top_logprobs out" },
    { 0, llmc_asks_above_20_logprobs, "top_logprobs", "ask for at most 20" },
    { LLMC_QUIRK(NO_NAMES), llmc_asks_end_user, "end_user", "leave it out" },
    { LLMC_QUIRK(NO_STOP), llmc_asks_stop, "stop", "cut the answer yourself" },
    { 0, asks_stop_of_reasoning_model, "stop", "this model takes no stop texts; cut the answer yourself" },
    { 0, asks_stop_of_grok, "stop", "this model takes no stop texts; cut the answer yourself" },
    { 0, asks_second_stop, "stop", "give one stop text" },
    { 0, asks_many_stops, "stop", "give at most 4 stop texts" },
    { LLMC_QUIRK(NO_IMAGES), asks_images, "images", "send text only, or use a provider that sees" },
    { 0, asks_audio, "audio", "send a transcript, or use a provider that hears" },
    { 0, asks_odd_audio, "audio", "send wav or mp3" },
    { 0, asks_documents, "documents", "send their text, or use a provider that reads documents" },
    { 0, asks_document_url, "document url", "send the document itself" },
    { LLMC_QUIRK(NO_TOOLS), asks_tools, "tools", "leave tools out, or use a provider that has them" },
    { LLMC_QUIRK(NO_JSON_SCHEMA), asks_schema, "format_schema", "ask for JSON without one and describe the schema in the prompt" },
    { LLMC_QUIRK(CACHE_CONTROL), asks_many_marks, "cache_mark", "set at most 4 marks" },
    { LLMC_QUIRK(NO_EFFORT), llmc_asks_effort, "effort", "leave it at the default, or pass the host's own member in extra" },
    { 0, llmc_openai_asks_refused_effort, "effort", "this value is not taken; choose another, or pass the host's own member in extra" },
    { 0, asks_budget_only, "thinking_budget_tokens", "set effort, or pass the host's own member in extra" },
    { 0, llmc_openai_asks_temperature_while_reasoning, "temperature", "leave it out while the model reasons, or set effort to none where the model takes that" },
    { 0, llmc_openai_asks_top_p_while_reasoning, "top_p", "leave it out while the model reasons, or set effort to none where the model takes that" },
    { 0, asks_temperature_above, "temperature", "lower it (at most 2, at some hosts 1)" },
};

static bool counts_tokens(const llmc_codec_target *target)
{
    return !strcmp(target->preset->name, "moonshot") || !strcmp(target->preset->name, "moonshot-cn");
}

static llmcost_status check_messages(const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    for (uint32_t i = 0; i < request->message_count; i++) {
        const llmcost_message *message = &request->messages[i];
        if (message->name && message->role != LLMCOST_TOOL && (target->quirks & LLMC_QUIRK(NO_NAMES)))
            return llmc_unsupported_in(error, target, i, ".name", "say who speaks in the text");
        for (uint32_t j = 0; j < message->part_count && message->role != LLMCOST_USER; j++) {
            int32_t type = message->parts[j].type;
            if (type == LLMCOST_PART_IMAGE || type == LLMCOST_PART_IMAGE_URL)
                return llmc_unsupported_in(error, target, i, " image", "put images into user messages");
            if (type == LLMCOST_PART_AUDIO || type == LLMCOST_PART_DOCUMENT)
                return llmc_unsupported_in(error, target, i, type == LLMCOST_PART_AUDIO ? " audio" : " document", "put it into a user message");
        }
    }
    return LLMCOST_OK;
}

llmcost_status llmc_openai_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    if (operation == LLMC_OP_BALANCE && !llmc_openai_balance_path(target))
        return llmc_unsupported(error, target, "balance", "this host tells none; look at its web page");
    if (operation == LLMC_OP_EMBED && (target->quirks & LLMC_QUIRK(NO_EMBED)))
        return llmc_unsupported(error, target, "embed", "this host has no models for it; use another provider");
    if (operation == LLMC_OP_COUNT_TOKENS && !counts_tokens(target))
        return llmc_unsupported(error, target, "count_tokens", "this host counts only while it answers; estimate, or use a provider that counts");
    if (operation != LLMC_OP_CHAT && operation != LLMC_OP_COUNT_TOKENS)
        return LLMCOST_OK;
    llmcost_status status = llmc_check_capabilities(incapabilities, sizeof incapabilities / sizeof incapabilities[0], request, target, error);
    return status ? status : check_messages(request, target, error);
}
