/*
 * Usage as Gemini reports it: thoughts beside the candidates, what tools added to the prompt beside the prompt, audio in
 * lists by modality. Figures are cumulative: one that comes again replaces, one that is missing stays.
 */
#include "provider/gemini_codec.h"

#include "provider/decoding.h"

#include <stdio.h>

static int64_t audio_among(llmc_json *json)
{
    llmc_json_key key;
    int64_t sum = -1;
    if (!llmc_json_array(json))
        return -1;
    while (llmc_json_next_item(json)) {
        llmc_json_span modality = { 0 };
        int64_t count = -1;
        if (!llmc_json_object(json))
            continue;
        while (llmc_json_next_key(json, &key)) {
            if (llmc_json_key_is(&key, "modality"))
                llmc_json_span_string(json, &modality);
            else if (llmc_json_key_is(&key, "tokenCount"))
                llmc_usage_read_count(json, &count);
            else
                llmc_json_skip(json);
        }
        if (count >= 0 && llmc_json_key_is(&modality, "AUDIO"))
            sum = count;
    }
    return sum;
}

static void read_audio(llmc_json *json, int64_t *out)
{
    int64_t audio = audio_among(json);
    if (audio >= 0)
        *out = audio;
}

/* serviceTier at Google itself, trafficType at Vertex. */
static void read_tier(llmc_json *json, llmc_usage_counts *counts)
{
    static const struct { const char *word, *tier; } tiers[] = {
        { "standard", "default" }, { "STANDARD", "default" }, { "ON_DEMAND", "default" }, { "flex", "flex" }, { "FLEX", "flex" }, { "ON_DEMAND_FLEX", "flex" },
        { "priority", "priority" }, { "PRIORITY", "priority" }, { "ON_DEMAND_PRIORITY", "priority" }, { "PROVISIONED_THROUGHPUT", "provisioned" },
        { "batch", "batch" }, { "BATCH", "batch" },
    };
    llmc_json_span span;
    if (!llmc_json_span_string(json, &span))
        return;
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++)
        if (llmc_json_key_is(&span, tiers[i].word))
            snprintf(counts->tier, sizeof counts->tier, "%s", tiers[i].tier);
}

static void read_figures(llmc_json *json, llmc_gemini_figures *figures)
{
    llmc_usage_counts *counts = &figures->counts;
    llmc_json_key key;
    if (!llmc_json_object(json))
        return;
    while (llmc_json_next_key(json, &key)) {
        if (llmc_json_key_is(&key, "promptTokenCount"))
            llmc_usage_read_input(json, &counts->prompt);
        else if (llmc_json_key_is(&key, "candidatesTokenCount"))
            llmc_usage_read_count(json, &counts->completion);
        else if (llmc_json_key_is(&key, "totalTokenCount"))
            llmc_usage_read_count(json, &counts->total);
        else if (llmc_json_key_is(&key, "thoughtsTokenCount"))
            llmc_usage_read_count(json, &counts->reasoning);
        else if (llmc_json_key_is(&key, "cachedContentTokenCount"))
            llmc_usage_read_count(json, &counts->cached);
        else if (llmc_json_key_is(&key, "toolUsePromptTokenCount"))
            llmc_usage_read_count(json, &figures->tool_prompt);
        else if (llmc_json_key_is(&key, "promptTokensDetails"))
            read_audio(json, &figures->prompt_audio);
        else if (llmc_json_key_is(&key, "cacheTokensDetails"))
            read_audio(json, &figures->cached_audio);
        else if (llmc_json_key_is(&key, "candidatesTokensDetails"))
            read_audio(json, &counts->audio_out);
        else if (llmc_json_key_is(&key, "serviceTier") || llmc_json_key_is(&key, "trafficType"))
            read_tier(json, counts);
        else
            llmc_json_skip(json);
    }
}

void llmc_gemini_figures_init(llmc_gemini_figures *figures)
{
    llmc_usage_counts_init(&figures->counts);
    figures->tool_prompt = figures->prompt_audio = figures->cached_audio = -1;
}

llmcost_status llmc_gemini_decode_usage(llmc_decoder *decoder, llmc_gemini_figures *figures, const llmc_json_span *usage)
{
    llmc_json json;
    if (!usage->bytes)
        return LLMCOST_OK;
    llmc_json_begin(&json, usage->text, usage->bytes);
    read_figures(&json, figures);
    llmc_usage_counts counts = figures->counts;
    counts.reasoning_beside = true; /* where the total does not say otherwise */
    if (counts.prompt >= 0 && figures->tool_prompt > 0)
        counts.prompt += figures->tool_prompt;
    if (figures->prompt_audio >= 0) {
        int64_t cached = figures->cached_audio > 0 ? figures->cached_audio : 0; /* counted among the cached */
        counts.audio_in = figures->prompt_audio > cached ? figures->prompt_audio - cached : 0;
    }
    return llmc_decoder_emit_usage(decoder, &counts);
}
