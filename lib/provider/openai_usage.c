/*
 * Usage as the hosts of the OpenAI dialect report it: every name that some host has for a figure, as data. A later
 * figure replaces an earlier one, so cumulative reports may come as often as they like.
 */
#include "provider/openai_codec.h"

typedef struct count_member {
    const char *name;
    uint16_t bytes, offset;
} count_member;

#define COUNT(name, field) { name, sizeof(name) - 1, offsetof(llmc_usage_counts, field) }

static bool read_member(llmc_json *json, const llmc_json_key *key, llmc_usage_counts *counts, const count_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool same = key->escaped ? llmc_json_key_is_escaped(key, members[i].name)
                                 : key->bytes == members[i].bytes && memcmp(key->text, members[i].name, members[i].bytes) == 0;
        if (!same)
            continue;
        llmc_usage_read_count(json, (int64_t *)(void *)((char *)counts + members[i].offset));
        return true;
    }
    return false;
}

static void read_details(llmc_json *json, llmc_usage_counts *counts, const count_member *members, size_t count)
{
    llmc_json_key key;
    if (!llmc_json_object(json))
        return;
    while (llmc_json_next_key(json, &key)) {
        if (read_member(json, &key, counts, members, count))
            continue;
        if (llmc_json_key_is(&key, "cache_creation")) {
            static const count_member lives[] = { COUNT("ephemeral_5m_input_tokens", written_5m), COUNT("ephemeral_1h_input_tokens", written_1h) };
            read_details(json, counts, lives, 2);
            continue;
        }
        llmc_json_skip(json);
    }
}

/* The amount itself, or an object with the amount in it. */
static void read_cost(llmc_json *json, llmc_usage_counts *counts)
{
    llmc_json_key key;
    if (llmc_json_peek(json) != LLMC_JSON_OBJECT) {
        llmc_usage_read_cost(json, &counts->stated_cost_pico);
        return;
    }
    llmc_json_object(json);
    while (llmc_json_next_key(json, &key)) {
        if (llmc_json_key_is(&key, "total_cost"))
            llmc_usage_read_cost(json, &counts->stated_cost_pico);
        else
            llmc_json_skip(json);
    }
}

static void read_ticks(llmc_json *json, llmc_usage_counts *counts)
{
    int64_t ticks;
    if (llmc_json_integer(json, &ticks) && ticks >= 0 && ticks <= INT64_MAX / 100)
        counts->stated_cost_pico = ticks * 100; /* 1e10 ticks to the dollar */
}

bool llmc_openai_read_usage(llmc_json *json, llmc_usage_counts *counts, bool *byok)
{
    static const count_member totals[] = {
        COUNT("prompt_tokens", prompt), COUNT("completion_tokens", completion), COUNT("total_tokens", total),
        COUNT("prompt_cache_hit_tokens", cached), COUNT("prompt_cache_miss_tokens", missed), /* DeepSeek */
        COUNT("cached_tokens", cached),      /* Moonshot */
        COUNT("num_cached_tokens", cached),  /* Mistral */
        COUNT("reasoning_tokens", reasoning) /* Perplexity */
    };
    static const count_member prompt_details[] = {
        COUNT("cached_tokens", cached), COUNT("audio_tokens", audio_in),
        COUNT("cache_write_tokens", written_30m),      /* OpenAI, OpenRouter */
        COUNT("cache_creation_input_tokens", written), /* Qwen */
    };
    static const count_member completion_details[] = { COUNT("reasoning_tokens", reasoning), COUNT("audio_tokens", audio_out) };
    llmc_json_key key;
    if (!llmc_json_object(json))
        return false;
    while (llmc_json_next_key(json, &key)) {
        if (read_member(json, &key, counts, totals, sizeof totals / sizeof totals[0]))
            continue;
        if (llmc_json_key_is(&key, "prompt_tokens_details") || llmc_json_key_is(&key, "prompt_token_details"))
            read_details(json, counts, prompt_details, sizeof prompt_details / sizeof prompt_details[0]);
        else if (llmc_json_key_is(&key, "completion_tokens_details"))
            read_details(json, counts, completion_details, sizeof completion_details / sizeof completion_details[0]);
        else if (llmc_json_key_is(&key, "cost") || llmc_json_key_is(&key, "estimated_cost"))
            read_cost(json, counts);
        else if (llmc_json_key_is(&key, "cost_in_usd_ticks"))
            read_ticks(json, counts);
        else if (llmc_json_key_is(&key, "service_tier"))
            llmc_usage_read_tier(json, counts);
        else if (llmc_json_key_is(&key, "is_byok"))
            llmc_json_bool(json, byok);
        else
            llmc_json_skip(json);
    }
    if (*byok)
        counts->stated_cost_pico = -1;
    return true;
}
