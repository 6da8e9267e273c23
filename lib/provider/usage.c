/*
 * From a provider's figures to disjoint classes, as a pure function. What is inside what differs between providers, and
 * a provider may change its mind without notice, so the figures themselves are asked first: a part larger than its
 * whole is beside it, and a total that adds up one way only decides. What is left out: image and prediction tokens,
 * which are billed as text of their side.
 */
#include "provider/usage.h"

static const int64_t LARGEST_COUNT = INT64_C(1000000000000000); /* sums of all figures stay far from overflow */
static const double LARGEST_COST = 9000.0;                      /* up to here a double is exact to a pico-unit */

void llmc_usage_counts_init(llmc_usage_counts *counts)
{
    *counts = (llmc_usage_counts){ -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, false, false, "" };
}

static int64_t at_least_zero(int64_t count)
{
    return count > 0 ? count : 0;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Cache writes by life. The total wins over a smaller split: what the split leaves out is the shortest life. */
static void normalise_writes(const llmc_usage_counts *counts, llmc_usage *usage)
{
    usage->quantity[LLMCOST_WRITE_5M] = counts->written_5m;
    usage->quantity[LLMCOST_WRITE_30M] = counts->written_30m;
    usage->quantity[LLMCOST_WRITE_1H] = counts->written_1h;
    if (counts->written < 0)
        return;
    int64_t longer = at_least_zero(counts->written_30m) + at_least_zero(counts->written_1h);
    if (counts->written > at_least_zero(counts->written_5m) + longer || (counts->written_5m < 0 && longer == 0))
        usage->quantity[LLMCOST_WRITE_5M] = at_least_zero(counts->written - longer);
}

static void forget_writes(llmc_usage *usage)
{
    const llmcost_class writes[] = { LLMCOST_WRITE_5M, LLMCOST_WRITE_30M, LLMCOST_WRITE_1H };
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++)
        if (usage->quantity[writes[i]] > 0)
            usage->quantity[writes[i]] = 0;
}

static int64_t writes_of(const llmc_usage *usage)
{
    return at_least_zero(usage->quantity[LLMCOST_WRITE_5M]) + at_least_zero(usage->quantity[LLMCOST_WRITE_30M]) +
           at_least_zero(usage->quantity[LLMCOST_WRITE_1H]);
}

static void normalise_input(const llmc_usage_counts *counts, llmc_usage *usage)
{
    int64_t cached = at_least_zero(counts->cached), prompt = counts->prompt;
    usage->quantity[LLMCOST_INPUT_CACHED] = counts->cached;
    usage->quantity[LLMCOST_AUDIO_IN] = counts->audio_in;
    normalise_writes(counts, usage);
    if (prompt < 0 && counts->missed >= 0)
        prompt = counts->missed + cached;
    if (prompt < 0)
        return;
    if (counts->prompt_excludes_cache) {
        usage->quantity[LLMCOST_INPUT] = prompt;
        return;
    }
    if (cached > prompt) {
        usage->flags |= LLMC_USAGE_PROMPT_EXCLUSIVE;
        usage->quantity[LLMCOST_INPUT] = prompt;
        return;
    }
    if (writes_of(usage) > prompt) {
        usage->flags |= LLMC_USAGE_PROMPT_EXCLUSIVE;
        usage->quantity[LLMCOST_INPUT] = prompt;
        return;
    }
    /* A token is read or written, never both: where the two overlap, what is called written was read (Gemini behind OpenRouter). */
    if (cached + writes_of(usage) > prompt)
        forget_writes(usage);
    int64_t text = prompt - cached - writes_of(usage), audio = at_least_zero(counts->audio_in);
    bool audio_beside = audio > 0 && !counts->reasoning_beside && counts->total == prompt + at_least_zero(counts->completion) + audio;
    if (!audio_beside && audio > 0) {
        audio = least(audio, text); /* the rest of the audio was cached */
        usage->quantity[LLMCOST_AUDIO_IN] = audio;
        text -= audio;
    }
    usage->quantity[LLMCOST_INPUT] = text;
}

static bool reasoning_is_beside(const llmc_usage_counts *counts)
{
    if (counts->reasoning > counts->completion)
        return true;
    int64_t inside = at_least_zero(counts->prompt) + counts->completion;
    if (counts->prompt >= 0 && counts->total == inside)
        return false;
    if (counts->prompt >= 0 && counts->total == inside + counts->reasoning)
        return true;
    return counts->reasoning_beside;
}

static void normalise_output(const llmc_usage_counts *counts, llmc_usage *usage)
{
    usage->quantity[LLMCOST_REASONING] = counts->reasoning;
    usage->quantity[LLMCOST_AUDIO_OUT] = counts->audio_out;
    if (counts->completion < 0)
        return;
    int64_t text = counts->completion;
    if (counts->reasoning > 0 && !reasoning_is_beside(counts))
        text -= counts->reasoning;
    if (counts->audio_out > 0) {
        usage->quantity[LLMCOST_AUDIO_OUT] = least(counts->audio_out, text);
        text -= usage->quantity[LLMCOST_AUDIO_OUT];
    }
    usage->quantity[LLMCOST_OUTPUT] = text;
}

void llmc_usage_normalise(const llmc_usage_counts *counts, llmc_usage *usage)
{
    llmc_usage_init(usage);
    usage->reported_prompt = counts->prompt;
    usage->reported_completion = counts->completion;
    usage->reported_total = counts->total;
    usage->stated_cost_pico = counts->stated_cost_pico;
    memcpy(usage->tier, counts->tier, sizeof usage->tier);
    normalise_input(counts, usage);
    normalise_output(counts, usage);
    int64_t sum = 0;
    for (size_t i = 0; i < LLMCOST_CLASS_COUNT; i++)
        sum += at_least_zero(usage->quantity[i]);
    if (usage->quantity[LLMCOST_INPUT] >= 0 || usage->quantity[LLMCOST_OUTPUT] >= 0)
        usage->flags |= LLMC_USAGE_REPORTED;
    if (counts->total >= 0 && counts->total != sum)
        usage->flags |= LLMC_USAGE_TOTAL_DIFFERS;
}

/* As it stands, or as a text. */
static bool read_integer(llmc_json *json, int64_t *out)
{
    llmc_json_span span;
    llmc_json inner;
    if (llmc_json_count(json, out))
        return true;
    if (llmc_json_peek(json) != LLMC_JSON_STRING)
        return llmc_json_integer(json, out);
    if (!llmc_json_span_string(json, &span))
        return false;
    llmc_json_begin(&inner, span.text, span.bytes);
    return llmc_json_integer(&inner, out) && llmc_json_end(&inner);
}

void llmc_usage_read_count(llmc_json *json, int64_t *out)
{
    int64_t value;
    if (read_integer(json, &value) && value >= 0 && value <= LARGEST_COUNT)
        *out = value;
}

void llmc_usage_read_input(llmc_json *json, int64_t *out)
{
    int64_t count = -1;
    llmc_usage_read_count(json, &count);
    if (count > 0 || (count == 0 && *out < 0))
        *out = count;
}

void llmc_usage_read_cost(llmc_json *json, int64_t *pico)
{
    double value;
    llmc_json_span span;
    if (llmc_json_peek(json) == LLMC_JSON_STRING) {
        llmc_json inner;
        if (!llmc_json_span_string(json, &span))
            return;
        llmc_json_begin(&inner, span.text, span.bytes);
        if (!llmc_json_double(&inner, &value) || !llmc_json_end(&inner))
            return;
    } else if (!llmc_json_double(json, &value)) {
        return;
    }
    if (value >= 0 && value <= LARGEST_COST)
        *pico = (int64_t)(value * 1e12 + 0.5);
}

void llmc_usage_read_tier(llmc_json *json, llmc_usage_counts *counts)
{
    llmc_json_span span;
    if (!llmc_json_span_string(json, &span) || span.bytes == 0 || span.bytes >= sizeof counts->tier || span.escaped)
        return;
    memset(counts->tier, 0, sizeof counts->tier);
    memcpy(counts->tier, span.text, span.bytes);
    if (!strcmp(counts->tier, "standard") || !strcmp(counts->tier, "on_demand"))
        strcpy(counts->tier, "default");
}
