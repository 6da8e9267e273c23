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
void llmc_openai_read_cost(llmc_json *json, llmc_usage_counts *counts)
{
    llmc_json_key key;
    if (llmc_json_peek(json) != LLMC_JSON_OBJECT) {
        llmc_usage_read_cost(json, &counts->stated_cost_pico);
        return;
    }
    llmc_json_object(json);
    while (llmc_json_next_key(json, &key)) {
        if (llmc_json_key_is(&key, "total_cost") || llmc_json_key_is(&key, "usd")) /* Perplexity; Venice */
            llmc_usage_read_cost(json, &counts->stated_cost_pico);
        else
            llmc_json_skip(json);
    }
}

void llmc_openai_read_gateway_cost(llmc_json *json, llmc_usage_counts *counts)
{
    llmc_json_key key;
    for (bool more = llmc_json_object(json); more && llmc_json_next_key(json, &key);) {
        if (!llmc_json_key_is(&key, "gateway") || !llmc_json_object(json)) {
            if (!llmc_json_key_is(&key, "gateway"))
                llmc_json_skip(json);
            continue;
        }
        while (llmc_json_next_key(json, &key)) {
            if (llmc_json_key_is(&key, "cost"))
                llmc_usage_read_cost(json, &counts->stated_cost_pico);
            else
                llmc_json_skip(json);
        }
    }
}

static void read_ticks(llmc_json *json, llmc_usage_counts *counts)
{
    int64_t ticks;
    if (llmc_json_integer(json, &ticks) && ticks >= 0 && ticks <= INT64_MAX / 100)
        counts->stated_cost_pico = ticks * 100; /* 1e10 ticks to the dollar */
}

/* How a format names its figures and the objects that part them. */
typedef struct usage_names {
    const count_member *totals, *prompt_details, *completion_details;
    size_t total_count, prompt_count, completion_count;
    const char *prompt[2], *completion;
} usage_names;

/* Mistral may tell audio in seconds only; its tokens are then what the total has beyond the rest. */
static void infer_audio(llmc_usage_counts *counts)
{
    int64_t rest = counts->total - counts->prompt - counts->completion;
    if (counts->audio_in < 0 && counts->prompt >= 0 && counts->completion >= 0 && counts->total >= 0 && rest > 0)
        counts->audio_in = rest;
}

static bool read_usage(llmc_json *json, llmc_usage_counts *counts, bool *byok, const usage_names *names)
{
    llmc_json_key key;
    int64_t audio_seconds = 0;
    if (!llmc_json_object(json))
        return false;
    while (llmc_json_next_key(json, &key)) {
        if (read_member(json, &key, counts, names->totals, names->total_count))
            continue;
        if (llmc_json_key_is(&key, names->prompt[0]) || llmc_json_key_is(&key, names->prompt[1]))
            read_details(json, counts, names->prompt_details, names->prompt_count);
        else if (llmc_json_key_is(&key, names->completion))
            read_details(json, counts, names->completion_details, names->completion_count);
        else if (llmc_json_key_is(&key, "cost") || llmc_json_key_is(&key, "estimated_cost"))
            llmc_openai_read_cost(json, counts);
        else if (llmc_json_key_is(&key, "cost_in_usd_ticks"))
            read_ticks(json, counts);
        else if (llmc_json_key_is(&key, "service_tier"))
            llmc_usage_read_tier(json, counts);
        else if (llmc_json_key_is(&key, "is_byok"))
            llmc_json_bool(json, byok);
        else if (llmc_json_key_is(&key, "prompt_audio_seconds"))
            llmc_usage_read_count(json, &audio_seconds);
        else
            llmc_json_skip(json);
    }
    if (audio_seconds)
        infer_audio(counts);
    if (*byok)
        counts->stated_cost_pico = -1;
    return true;
}

static const count_member prompt_details[] = {
    COUNT("cached_tokens", cached), COUNT("audio_tokens", audio_in),
    COUNT("cache_write_tokens", written_30m),      /* OpenAI, OpenRouter */
    COUNT("cache_creation_input_tokens", written), /* Qwen */
};
static const count_member completion_details[] = { COUNT("reasoning_tokens", reasoning), COUNT("audio_tokens", audio_out) };

#define DETAILS                                                                                                            \
    .prompt_details = prompt_details, .prompt_count = sizeof prompt_details / sizeof prompt_details[0],                     \
    .completion_details = completion_details, .completion_count = sizeof completion_details / sizeof completion_details[0]

bool llmc_openai_read_usage(llmc_json *json, llmc_usage_counts *counts, bool *byok)
{
    static const count_member totals[] = {
        COUNT("prompt_tokens", prompt), COUNT("completion_tokens", completion), COUNT("total_tokens", total),
        COUNT("prompt_cache_hit_tokens", cached), COUNT("prompt_cache_miss_tokens", missed), /* DeepSeek */
        COUNT("cached_tokens", cached),      /* Moonshot */
        COUNT("num_cached_tokens", cached),  /* Mistral */
        COUNT("reasoning_tokens", reasoning) /* Perplexity */
    };
    static const usage_names names = { .totals = totals, .total_count = sizeof totals / sizeof totals[0], DETAILS,
                                       .prompt = { "prompt_tokens_details", "prompt_token_details" }, .completion = "completion_tokens_details" };
    return read_usage(json, counts, byok, &names);
}

/* Names of its own, not more names of the same: some hosts of the chat format send these too, with zeroes. */
bool llmc_responses_read_usage(llmc_json *json, llmc_usage_counts *counts, bool *byok)
{
    static const count_member totals[] = { COUNT("input_tokens", prompt), COUNT("output_tokens", completion), COUNT("total_tokens", total) };
    static const usage_names names = { .totals = totals, .total_count = sizeof totals / sizeof totals[0], DETAILS,
                                       .prompt = { "input_tokens_details", "input_tokens_details" }, .completion = "output_tokens_details" };
    return read_usage(json, counts, byok, &names);
}
