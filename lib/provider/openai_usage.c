/*
 * Usage as the hosts of the OpenAI dialect report it: every name that some host has for a figure, as data. A later
 * figure replaces an earlier one, so cumulative reports may come as often as they like.
 */
#include "provider/openai_codec.h"

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

/* Mistral may tell audio in seconds only; its tokens are then what the total has beyond the rest. */
static void infer_audio(llmc_usage_counts *counts)
{
    int64_t rest = counts->total - counts->prompt - counts->completion;
    if (counts->audio_in < 0 && counts->prompt >= 0 && counts->completion >= 0 && counts->total >= 0 && rest > 0)
        counts->audio_in = rest;
}

/* What a member of usage is. A count goes to its place in llmc_usage_counts; a part is an object of more members. */
enum { COUNT, INPUT, PROMPT, COMPLETION, LIVES, COST, TICKS, TIER, BYOK, AUDIO_SECONDS };

#define A_COUNT(name, field) LLMC_JSON_NAME(name, COUNT, offsetof(llmc_usage_counts, field))
#define AN_INPUT(name, field) LLMC_JSON_NAME(name, INPUT, offsetof(llmc_usage_counts, field))
#define ANY(name, what) LLMC_JSON_NAME(name, what, 0)

static const llmc_json_name of_prompt[] = {
    A_COUNT("cached_tokens", cached), A_COUNT("audio_tokens", audio_in),
    A_COUNT("cache_write_tokens", written_30m),      /* OpenAI, OpenRouter */
    A_COUNT("cache_creation_input_tokens", written), /* Qwen */
    ANY("cache_creation", LIVES),
};
static const llmc_json_name of_completion[] = { A_COUNT("reasoning_tokens", reasoning), A_COUNT("audio_tokens", audio_out), ANY("cache_creation", LIVES) };
static const llmc_json_name of_lives[] = { A_COUNT("ephemeral_5m_input_tokens", written_5m), A_COUNT("ephemeral_1h_input_tokens", written_1h), ANY("cache_creation", LIVES) };

#define MEMBERS(names) { names, sizeof names / sizeof names[0] }
static const struct { const llmc_json_name *names; size_t count; } parts[] = { [PROMPT] = MEMBERS(of_prompt), [COMPLETION] = MEMBERS(of_completion), [LIVES] = MEMBERS(of_lives) };

typedef struct usage_reader {
    llmc_json *json;
    llmc_usage_counts *counts;
    int64_t audio_seconds;
    bool *byok;
} usage_reader;

static void read_members(usage_reader *reader, const llmc_json_name *names, size_t count);

static void read_member(usage_reader *reader, const llmc_json_name *name)
{
    llmc_json *json = reader->json;
    switch (name->what) {
    case COUNT:
        llmc_usage_read_count(json, (int64_t *)(void *)((char *)reader->counts + name->place));
        break;
    case INPUT:
        llmc_usage_read_input(json, (int64_t *)(void *)((char *)reader->counts + name->place));
        break;
    case COST:
        llmc_openai_read_cost(json, reader->counts);
        break;
    case TICKS:
        read_ticks(json, reader->counts);
        break;
    case TIER:
        llmc_usage_read_tier(json, reader->counts);
        break;
    case BYOK:
        llmc_json_bool(json, reader->byok);
        break;
    case AUDIO_SECONDS:
        llmc_usage_read_count(json, &reader->audio_seconds);
        break;
    default:
        if (llmc_json_object(json))
            read_members(reader, parts[name->what].names, parts[name->what].count);
    }
}

static void read_members(usage_reader *reader, const llmc_json_name *names, size_t count)
{
    llmc_json_key key;
    while (llmc_json_next_key(reader->json, &key)) {
        const llmc_json_name *name = llmc_json_find(&key, names, count);
        if (name)
            read_member(reader, name);
        else
            llmc_json_skip(reader->json);
    }
}

static bool read_usage(llmc_json *json, llmc_usage_counts *counts, bool *byok, const llmc_json_name *names, size_t count)
{
    usage_reader reader = { .json = json, .counts = counts, .byok = byok };
    if (!llmc_json_object(json))
        return false;
    read_members(&reader, names, count);
    if (reader.audio_seconds)
        infer_audio(counts);
    if (*byok)
        counts->stated_cost_pico = -1;
    return true;
}

/* What both formats call the same. */
#define OF_HOSTS                                                                                                             \
    ANY("cost", COST), ANY("estimated_cost", COST), ANY("cost_in_usd_ticks", TICKS), ANY("service_tier", TIER),              \
    ANY("is_byok", BYOK), ANY("prompt_audio_seconds", AUDIO_SECONDS)

bool llmc_openai_read_usage(llmc_json *json, llmc_usage_counts *counts, bool *byok)
{
    static const llmc_json_name names[] = {
        AN_INPUT("prompt_tokens", prompt), A_COUNT("completion_tokens", completion), A_COUNT("total_tokens", total),
        ANY("prompt_tokens_details", PROMPT), ANY("completion_tokens_details", COMPLETION), ANY("prompt_token_details", PROMPT),
        A_COUNT("prompt_cache_hit_tokens", cached), A_COUNT("prompt_cache_miss_tokens", missed), /* DeepSeek */
        A_COUNT("cached_tokens", cached),       /* Moonshot */
        A_COUNT("num_cached_tokens", cached),   /* Mistral */
        A_COUNT("reasoning_tokens", reasoning), /* Perplexity */
        OF_HOSTS,
    };
    return read_usage(json, counts, byok, names, sizeof names / sizeof names[0]);
}

/* Names of its own, not more names of the same: some hosts of the chat format send these too, with zeroes. */
bool llmc_responses_read_usage(llmc_json *json, llmc_usage_counts *counts, bool *byok)
{
    static const llmc_json_name names[] = {
        AN_INPUT("input_tokens", prompt), A_COUNT("output_tokens", completion), A_COUNT("total_tokens", total),
        ANY("input_tokens_details", PROMPT), ANY("output_tokens_details", COMPLETION), OF_HOSTS,
    };
    return read_usage(json, counts, byok, names, sizeof names / sizeof names[0]);
}
