/*
 * A list of what is known to cost nothing, not of what is known to cost: providers invent members faster than anybody
 * can list them, and a hard budget has to hold against those too (searches, code runs, stored files, dearer speeds).
 * What is no JSON object is left to the encoder, which refuses it.
 */
#include "policy/extra_cost.h"

#include "wire/json.h"

#include <string.h>

/* They choose, shape or label the answer, inside the tokens that are bounded anyway. */
static const char *const free_members[] = {
    "temperature", "top_p", "top_k", "min_p", "top_a", "typical_p", "tfs_z", "seed", "random_seed", "stop", "stop_sequences", "stop_token_ids",
    "frequency_penalty", "presence_penalty", "repetition_penalty", "repeat_penalty", "penalty_score", "logit_bias", "logprobs", "top_logprobs",
    "user", "user_id", "end_user_id", "request_id", "safety_identifier", "metadata", "prompt_cache_key", "store", "safe_prompt", "verbosity",
    "response_format", "tool_choice", "parallel_tool_calls", "reasoning_effort", "reasoning", "reasoning_format", "reasoning_split",
    "include_reasoning", "thinking", "output_config", "mirostat", "mirostat_tau", "mirostat_eta", "keep_alive", "guided_json", "guided_regex",
    "guided_choice", "guided_grammar", "grammar", "ignore_eos", "min_tokens", "skip_special_tokens", "do_sample",
    "encoding_format", "embedding_types", "input_type", "truncate", "truncation", "output_dtype",
};

/* Never dearer than the standard price. */
static const char *const cheap_tiers[] = { "auto", "default", "standard", "standard_only", "on_demand", "flex", "batch" };

#define ELEMENTS(array) (sizeof(array) / sizeof((array)[0]))

static bool is_free(const llmc_json_key *key)
{
    for (size_t i = 0; i < ELEMENTS(free_members); i++) {
        if (llmc_json_key_is(key, free_members[i]))
            return true;
    }
    return false;
}

static bool is_cheap(const llmc_json_span *tier)
{
    for (size_t i = 0; i < ELEMENTS(cheap_tiers); i++) {
        if (llmc_json_key_is(tier, cheap_tiers[i]))
            return true;
    }
    return false;
}

static void name_unknown(llmc_extra_cost *out, const llmc_json_key *key)
{
    if (*out->unknown)
        return;
    size_t bytes = key->bytes < sizeof out->unknown - 1 ? key->bytes : sizeof out->unknown - 1;
    memcpy(out->unknown, key->text, bytes);
    out->unknown[bytes] = '\0';
    if (!bytes)
        strcpy(out->unknown, "\"\"");
}

/* One tier is told on; a second one (members may repeat) has no bound. */
static void read_tier(llmc_json *json, const llmc_json_key *key, llmc_extra_cost *out)
{
    llmc_json_span tier;
    if (!llmc_json_span_string(json, &tier)) {
        name_unknown(out, key);
        return;
    }
    if (is_cheap(&tier))
        return;
    if (*out->tier || tier.escaped || tier.bytes == 0 || tier.bytes >= sizeof out->tier) {
        name_unknown(out, key);
        return;
    }
    memcpy(out->tier, tier.text, tier.bytes);
    out->tier[tier.bytes] = '\0';
}

/* Anthropic's and Bedrock's name, and Gemini's, wherever a host has them. */
__attribute__((cold)) static void read_thinking(llmc_json *json, llmc_extra_cost *out, int depth)
{
    enum { DEEPEST = 4 };
    llmc_json_key key;
    int64_t tokens;
    llmc_json_object(json);
    while (llmc_json_next_key(json, &key)) {
        llmc_json_type type = llmc_json_peek(json);
        bool named = llmc_json_key_is(&key, "budget_tokens") || llmc_json_key_is(&key, "thinkingBudget");
        if (type == LLMC_JSON_OBJECT && depth < DEEPEST)
            read_thinking(json, out, depth + 1);
        else if (type != LLMC_JSON_NUMBER || !named)
            llmc_json_skip(json);
        else if (llmc_json_integer(json, &tokens) && tokens > out->thinking_tokens)
            out->thinking_tokens = tokens;
    }
}

void llmc_extra_cost_of(const char *extra, llmc_extra_cost *out)
{
    llmc_json json;
    llmc_json_key key;
    memset(out, 0, sizeof *out);
    if (!extra)
        return;
    llmc_json_begin(&json, extra, strlen(extra));
    if (!llmc_json_object(&json))
        return;
    while (llmc_json_next_key(&json, &key)) {
        llmc_json_type type = llmc_json_peek(&json);
        bool off = type == LLMC_JSON_FALSE || type == LLMC_JSON_NULL; /* asks for nothing, or turns something off */
        if (!off && llmc_json_key_is(&key, "service_tier")) {
            read_tier(&json, &key, out);
            continue;
        }
        if (!off && !is_free(&key))
            name_unknown(out, &key);
        if (type == LLMC_JSON_OBJECT)
            read_thinking(&json, out, 0);
        else
            llmc_json_skip(&json);
    }
}
