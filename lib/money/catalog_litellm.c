/*
 * The price map that LiteLLM publishes, taken as it is.
 *
 * One object of models; prices are USD per token. A key is a figure's name followed by its conditions in any order:
 * input_cost_per_token_above_200k_tokens_priority. What is not understood is skipped, because the file holds notes,
 * templates, texts in places of numbers and prices of images and seconds, and gains new keys every week.
 *
 * Three kinds of figures are not believed, and leave the model without a price rather than with a wrong one: a rate
 * above 10,000 USD per million tokens; an input and output price of zero where the host is not a local server; an
 * output price of zero or none beside an input price, where the model answers in text and no earlier row has one that
 * it can keep. Rounding noise of binary floating point ("2.9999900000000002e-06") is rounded to a pico-dollar.
 *
 * Its provider names become those of our presets. Its "dashscope" prices are those of the host abroad.
 * Left out: fees per search, which depend on tools, and prices by the image, second or page.
 */
#include "money/catalog_rows.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *theirs, *ours; /* theirs also with "-models" and the like behind it */
} providers[] = {
    { "gemini", "google" },
    { "vertex_ai", "vertex" },
    { "bedrock_converse", "bedrock" },
    { "azure_text", "azure" },
    { "dashscope", "dashscope-intl" },
    { "volcengine", "doubao" },
    { "tencent", "hunyuan" },
    { "cohere_chat", "cohere" },
    { "fireworks_ai", "fireworks" },
    { "together_ai", "together" },
    { "ollama_chat", "ollama" },
    { "hosted_vllm", "vllm" },
    { "lm_studio", "lmstudio" },
    { "text-completion-openai", "openai" },
};

static const char *const local_hosts[] = { "ollama", "vllm", "lmstudio", "llamafile", "lemonade", "xinference" };

/* Longer names first: a name may begin with another. */
static const struct {
    const char *name;
    int first, second; /* classes; LLMCOST_CLASS_COUNT: none */
} figures[] = {
    { "cache_creation_input_token_cost_above_1hr", LLMCOST_WRITE_1H, LLMCOST_CLASS_COUNT },
    { "cache_creation_input_token_cost", LLMCOST_WRITE_5M, LLMCOST_WRITE_30M },
    { "cache_read_input_token_cost", LLMCOST_INPUT_CACHED, LLMCOST_CLASS_COUNT },
    { "input_cost_per_token_cache_hit", LLMCOST_INPUT_CACHED, LLMCOST_CLASS_COUNT },
    { "input_cost_per_token", LLMCOST_INPUT, LLMCOST_CLASS_COUNT },
    { "output_cost_per_token", LLMCOST_OUTPUT, LLMCOST_CLASS_COUNT },
    { "output_cost_per_reasoning_token", LLMCOST_REASONING, LLMCOST_CLASS_COUNT },
    { "input_cost_per_audio_token", LLMCOST_AUDIO_IN, LLMCOST_CLASS_COUNT },
    { "output_cost_per_audio_token", LLMCOST_AUDIO_OUT, LLMCOST_CLASS_COUNT },
    { "input_cost_per_request", LLMCOST_REQUEST, LLMCOST_CLASS_COUNT },
};

static const struct {
    const char *name;
    llmc_level level;
} levels[] = { { "_batches", LLMC_BATCH }, { "_flex", LLMC_FLEX }, { "_priority", LLMC_PRIORITY } };

static bool starts_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

/* ---------------------------------------------------------------- names */

static const char *our_provider(const char *theirs)
{
    for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
        size_t length = strlen(providers[i].theirs);
        if (starts_with(theirs, providers[i].theirs) && (!theirs[length] || theirs[length] == '-'))
            return providers[i].ours;
    }
    return theirs;
}

static bool is_local(const char *provider)
{
    for (size_t i = 0; i < sizeof local_hosts / sizeof local_hosts[0]; i++) {
        if (strcmp(local_hosts[i], provider) == 0)
            return true;
    }
    return false;
}

/* "gemini/gemini-3-flash" of google is "gemini-3-flash"; a prefix that is no provider belongs to the name. */
static const char *name_without_provider(const char *key, const char *provider)
{
    char prefix[64];
    size_t length = strcspn(key, "/");
    if (!key[length] || !key[length + 1] || length >= sizeof prefix)
        return key;
    memcpy(prefix, key, length);
    prefix[length] = '\0';
    return strcmp(our_provider(prefix), provider) == 0 ? key + length + 1 : key;
}

/* ---------------------------------------------------------------- figures */

static bool number_of(const json_t *value, int scale, int64_t *out)
{
    if (json_is_string(value))
        return llmc_decimal(json_string_value(value), json_string_length(value), scale, out);
    if (!json_is_number(value))
        return false;
    double number = json_number_value(value);
    if (llmc_decimal_from_double(number, scale, out))
        return true;
    for (int i = 0; i < scale; i++)
        number *= 10;
    if (!(number > -1e15 && number < 1e15))
        return false;
    *out = (int64_t)(number + (number < 0 ? -0.5 : 0.5));
    return true;
}

static int64_t tokens_of(const json_t *value)
{
    int64_t tokens;
    return number_of(value, 0, &tokens) && tokens > 0 && tokens <= INT64_C(1000000000000) ? tokens : 0;
}

/* "_above_200k_tokens" and "_priority", in any order, to the end of the key. */
static bool read_conditions(const char *at, int64_t *above, llmc_level *level)
{
    while (*at) {
        const char *before = at;
        if (starts_with(at, "_above_")) {
            size_t digits = strspn(at + 7, "0123456789");
            int64_t thousands;
            if (!digits || digits > 9 || !starts_with(at + 7 + digits, "k_tokens") || !llmc_decimal(at + 7, digits, 0, &thousands))
                return false;
            *above = thousands * 1000;
            at += 7 + digits + strlen("k_tokens");
        }
        for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
            if (starts_with(at, levels[i].name)) {
                *level = levels[i].level;
                at += strlen(levels[i].name);
            }
        }
        if (at == before)
            return false;
    }
    return true;
}

/* false: the figure cannot be believed. A key that is no price is fine. */
static bool read_price(llmc_row_patch *patch, const char *key, const json_t *value, int64_t above)
{
    const int64_t most = INT64_C(10000000000), most_fee = INT64_C(100000000000000);
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        llmc_level level = LLMC_STANDARD;
        int64_t pico;
        if (!starts_with(key, figures[i].name) || !read_conditions(key + strlen(figures[i].name), &above, &level))
            continue;
        if (!number_of(value, 12, &pico))
            return !json_is_number(value);
        if (pico < 0 || pico > (figures[i].first == LLMCOST_REQUEST ? most_fee : most))
            return false;
        llmc_price *price = llmc_patch_price(patch, level, above, 0);
        if (!price)
            return false;
        price->pico[figures[i].first] = pico;
        if (figures[i].second != LLMCOST_CLASS_COUNT)
            price->pico[figures[i].second] = pico;
        return true;
    }
    return true;
}

static bool read_prices(llmc_row_patch *patch, json_t *object, int64_t above)
{
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (!read_price(patch, key, value, above))
            return false;
    }
    return true;
}

/* [{"range": [0, 32000], "input_cost_per_token": ...}, ...]: the first range is the base. */
static bool read_ranges(llmc_row_patch *patch, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);
        const json_t *range = json_object_get(entry, "range");
        if (!range)
            continue;
        int64_t above = tokens_of(json_array_get(range, 0));
        if (!read_prices(patch, entry, above ? above : -1))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- entries */

static bool answers_in_text(const char *mode)
{
    return !mode || strcmp(mode, "chat") == 0 || strcmp(mode, "completion") == 0 || strcmp(mode, "responses") == 0;
}

/* Zeros that stand for "not known". */
static void distrust_zeros(llmc_row_patch *patch, const char *mode)
{
    bool local = is_local(patch->provider);
    for (size_t i = 0; i < patch->price_count; i++) {
        int64_t *pico = patch->prices[i].pico;
        if (!local && pico[LLMCOST_INPUT] == 0 && pico[LLMCOST_OUTPUT] <= 0) {
            patch->price_count = 0;
            return;
        }
        if (!local && pico[LLMCOST_INPUT] > 0 && pico[LLMCOST_OUTPUT] == 0 && answers_in_text(mode))
            pico[LLMCOST_OUTPUT] = LLMC_NO_RATE;
    }
}

/* Answers do not cost what prompts do, which is what an output without a rate would be charged at. */
static bool lacks_output(const llmc_catalog *catalog, const llmc_row_patch *patch, const char *mode)
{
    const llmc_price *base = NULL;
    for (size_t i = 0; i < patch->price_count && !base; i++)
        base = patch->prices[i].level == LLMC_STANDARD && !llmc_price_is_tier(&patch->prices[i]) ? &patch->prices[i] : NULL;
    if (!base || base->pico[LLMCOST_INPUT] <= 0 || base->pico[LLMCOST_OUTPUT] != LLMC_NO_RATE || !answers_in_text(mode))
        return false;
    const llmc_model *known = llmc_catalog_has(catalog, patch->provider, patch->model) ? llmc_catalog_find(catalog, patch->provider, patch->model) : NULL;
    return !known || !known->price_count || strcmp(known->currency, patch->currency) != 0;
}

static void fill_patch(const llmc_catalog *catalog, llmc_row_patch *patch, json_t *entry)
{
    const char *mode = json_string_value(json_object_get(entry, "mode"));
    patch->max_output = tokens_of(json_object_get(entry, "max_output_tokens"));
    patch->context = tokens_of(json_object_get(entry, "max_input_tokens"));
    if (!read_prices(patch, entry, -1) || !read_ranges(patch, json_object_get(entry, "tiered_pricing")))
        patch->price_count = 0;
    distrust_zeros(patch, mode);
    if (lacks_output(catalog, patch, mode))
        patch->price_count = 0;
    for (size_t i = 0; i < patch->price_count; i++)
        patch->replaces_tiers = patch->replaces_tiers || (patch->prices[i].level == LLMC_STANDARD && llmc_price_is_tier(&patch->prices[i]));
}

static bool is_useful(const llmc_row_patch *patch, const json_t *entry)
{
    const char *mode = json_string_value(json_object_get(entry, "mode"));
    return patch->price_count || (mode && (answers_in_text(mode) || strcmp(mode, "embedding") == 0));
}

/* false: no memory. */
static bool read_entry(llmc_catalog *catalog, llmc_row_patch *patch, const char *key, json_t *entry, size_t *taken)
{
    const char *theirs = json_string_value(json_object_get(entry, "litellm_provider")), *source = patch->source;
    if (!theirs || !*theirs || !*key || strcmp(key, "sample_spec") == 0)
        return true;
    memset(patch, 0, sizeof *patch);
    patch->provider = our_provider(theirs);
    patch->model = name_without_provider(key, patch->provider);
    patch->source = source;
    memcpy(patch->currency, "USD", 4);
    fill_patch(catalog, patch, entry);
    if (!is_useful(patch, entry))
        return true;
    ++*taken;
    return llmc_catalog_apply(catalog, patch) != NULL;
}

llmcost_status llmc_catalog_load_litellm(llmc_catalog *catalog, const char *file, json_t *root, llmcost_error *error)
{
    char source[160];
    llmc_row_patch patch;
    const char *key;
    json_t *entry;
    size_t taken = 0;
    snprintf(source, sizeof source, "%.128s, a LiteLLM price map", file);
    patch.source = llmc_catalog_keep(catalog, source);
    if (!patch.source)
        return llmc_error_set(error, LLMCOST_E_MEMORY, "no memory to read %s", file);
    json_object_foreach(root, key, entry)
    {
        if (!read_entry(catalog, &patch, key, entry, &taken))
            return llmc_error_set(error, LLMCOST_E_MEMORY, "no memory to read %s", file);
    }
    if (!taken)
        return llmc_error_set(error, LLMCOST_E_CONFIG,
                              "%s holds no prices that can be used: a file of ours begins with \"llmcost_prices\": 1, a LiteLLM price map names a "
                              "litellm_provider for each model, and models with a figure that is no price are left out",
                              file);
    return LLMCOST_OK;
}
