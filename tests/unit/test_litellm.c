/* The LiteLLM price map: the shapes it uses, and the whole file where it is there. */
#include "../support/prices.h"
#include "../support/shared.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static llmc_catalog *catalog;

static int open_catalog(void **state)
{
    (void)state;
    catalog = prices_new();
    return 0;
}

static int close_catalog(void **state)
{
    (void)state;
    llmc_catalog_free(catalog);
    return 0;
}

static int64_t rate(const char *provider, const char *model, llmcost_class token_class)
{
    return plain_rate(catalog, provider, model, token_class);
}

static int64_t rate_at(const char *provider, const char *model, int64_t prompt, const char *tier, llmcost_class token_class)
{
    return rate_of(catalog, provider, model, (llmc_price_query){ .wall_ms = price_day, .prompt_tokens = prompt, .tier = tier }, token_class);
}

static bool is_priced(const char *provider, const char *model)
{
    llmc_rates rates;
    const llmc_model *row = llmc_catalog_find(catalog, provider, model);
    return row && llmc_model_rates(row, &(llmc_price_query){ .wall_ms = price_day }, &rates);
}

static void test_plain_entry(void **state)
{
    (void)state;
    prices_load(
        catalog,
        "{\"sample_spec\": {\"litellm_provider\": \"one of these\", \"input_cost_per_token\": \"a number\", \"max_tokens\": \"text\"},"
        "\"nova-1\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 1.75e-06, \"output_cost_per_token\": 1.4e-05,"
        "\"cache_read_input_token_cost\": 1.75e-07, \"cache_creation_input_token_cost\": 2e-06,"
        "\"cache_creation_input_token_cost_above_1hr\": 3e-06, \"output_cost_per_reasoning_token\": 1.5e-05,"
        "\"input_cost_per_audio_token\": 4e-06, \"output_cost_per_audio_token\": 5e-05, \"input_cost_per_request\": 0.001,"
        "\"max_input_tokens\": 200000.0, \"max_output_tokens\": \"8192\", \"max_tokens\": 5, \"supports_vision\": true, \"source\": \"x\"}}");
    static const int64_t expected[LLMCOST_CLASS_COUNT] = { 1750000,  175000,   2000000, 2000000,  3000000,
                                                           14000000, 15000000, 4000000, 50000000, 1000000000 };
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        assert_int_equal(rate("openai", "nova-1", (llmcost_class)i), expected[i]);
    assert_int_equal(llmc_model_context(llmc_catalog_find(catalog, "openai", "nova-1")), 200000);
    assert_int_equal(llmc_model_max_output(llmc_catalog_find(catalog, "openai", "nova-1")), 8192);
    assert_null(llmc_catalog_find(catalog, "one of these", "sample_spec"));
    llmc_rates rates;
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "openai", "nova-1"), &(llmc_price_query){ 0 }, &rates));
    assert_string_equal(rates.source, "prices.json, a LiteLLM price map");
    assert_string_equal(rates.currency, "USD");
}

static void test_provider_names(void **state)
{
    (void)state;
#define ENTRY(key, provider)                                                                                                                         \
    "\"" key "\": {\"litellm_provider\": \"" provider "\", \"mode\": \"chat\", \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06}"
    prices_load(
        catalog,
        "{" ENTRY("gemini/m", "gemini") "," ENTRY("vertex_ai/m", "vertex_ai") "," ENTRY("vm", "vertex_ai-language-models") "," ENTRY("vertex_ai/cm", "vertex_ai-anthropic_models") "," ENTRY(
            "us.anthropic.m-v1:0",
            "bedrock_converse") "," ENTRY("bedrock/eu-west-1/m",
                                          "bedrock") "," ENTRY("azure/eu/m",
                                                               "azure") "," ENTRY("azure/t",
                                                                                  "azure_text") "," ENTRY("dashscope/m",
                                                                                                          "dashscope") "," ENTRY("volcengine/m", "vol"
                                                                                                                                                 "cen"
                                                                                                                                                 "gin"
                                                                                                                                                 "e") "," ENTRY("m",
                                                                                                                                                                "moonshot") "," ENTRY("xai/m",
                                                                                                                                                                                      "xai") "," ENTRY("zai/m",
                                                                                                                                                                                                       "zai") "," ENTRY("cm",
                                                                                                                                                                                                                        "cohere_chat") "," ENTRY("openrouter/a/m", "openrouter") "," ENTRY("fireworks_ai/accounts/f/m", "fireworks_ai") "," ENTRY("fe",
                                                                                                                                                                                                                                                                                                                                                  "fireworks_ai-embedding-models") "," ENTRY("together_ai/a/m",
                                                                                                                                                                                                                                                                                                                                                                                             "together_ai") "," ENTRY("groq/openai/m", "groq") "," ENTRY("odd/m",
                                                                                                                                                                                                                                                                                                                                                                                                                                                         "groq") "," ENTRY("house/m",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                           "house") "," ENTRY("vertex_aix/m", "vertex_aix") "," ENTRY("x/",
                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                                      "house") "}");
    static const char *const names[][2] = {
        { "google", "m" },
        { "vertex", "m" },
        { "vertex", "vm" },
        { "vertex", "cm" },
        { "bedrock", "us.anthropic.m-v1:0" },
        { "bedrock", "eu-west-1/m" },
        { "azure", "eu/m" },
        { "azure", "t" },
        { "dashscope-intl", "m" },
        { "doubao", "m" },
        { "moonshot", "m" },
        { "xai", "m" },
        { "zai", "m" },
        { "cohere", "cm" },
        { "openrouter", "a/m" },
        { "fireworks", "accounts/f/m" },
        { "fireworks", "fe" },
        { "together", "a/m" },
        { "groq", "openai/m" },
        { "groq", "odd/m" },
        { "house", "m" },
        { "vertex_aix", "m" },
        { "house", "x/" },
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!llmc_catalog_has(catalog, names[i][0], names[i][1]))
            fail_msg("%s/%s is not there", names[i][0], names[i][1]);
    }
}

static void test_suffixes_combine(void **state)
{
    (void)state;
    prices_load(
        catalog,
        "{\"claude-nova\": {\"litellm_provider\": \"anthropic\", \"mode\": \"chat\", \"input_cost_per_token\": 3e-06, \"output_cost_per_token\": "
        "1.5e-05,"
        "\"cache_read_input_token_cost\": 3e-07, \"cache_creation_input_token_cost\": 3.75e-06, \"cache_creation_input_token_cost_above_1hr\": 6e-06,"
        "\"output_cost_per_token_above_200k_tokens\": 2.25e-05, \"input_cost_per_token_above_200k_tokens\": 6e-06,"
        "\"cache_creation_input_token_cost_above_1hr_above_200k_tokens\": 1.2e-05, \"input_cost_per_token_batches\": 1.5e-06,"
        "\"input_cost_per_token_priority\": 4.5e-06, \"input_cost_per_token_above_200k_tokens_priority\": 9.5e-06,"
        "\"output_cost_per_token_batches\": 7.5e-06, \"output_cost_per_token_flex\": 7e-06, \"input_cost_per_token_above_15s_interval\": 5,"
        "\"input_cost_per_token_unheard_of\": 7, \"input_cost_per_token_above_k_tokens\": 9, \"output_cost_per_token_above_512k_tokens\": 4e-05}}");
    assert_int_equal(rate_at("anthropic", "claude-nova", 200000, NULL, LLMCOST_INPUT), 3000000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 200001, NULL, LLMCOST_INPUT), 6000000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 200001, NULL, LLMCOST_OUTPUT), 22500000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 200001, NULL, LLMCOST_WRITE_1H), 12000000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 200001, NULL, LLMCOST_WRITE_5M), 3750000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 512000, NULL, LLMCOST_OUTPUT), 22500000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 512001, NULL, LLMCOST_OUTPUT), 40000000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 10, "batch", LLMCOST_INPUT), 1500000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 10, "batch", LLMCOST_INPUT_CACHED), 150000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 10, "flex", LLMCOST_OUTPUT), 7000000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 10, "priority", LLMCOST_INPUT), 4500000);
    assert_int_equal(rate_at("anthropic", "claude-nova", 200001, "priority", LLMCOST_INPUT), 9500000); /* stated */
    assert_int_equal(rate_at("anthropic", "claude-nova", 200001, "batch", LLMCOST_INPUT), 3000000);    /* in proportion */
    assert_int_equal(rate_at("anthropic", "claude-nova", 200001, "batch", LLMCOST_OUTPUT), 11250000);
}

/* A tier's level key for the input alone must not take the output back to the plain price. */
static void test_levels_stated_in_part(void **state)
{
    (void)state;
    prices_load(
        catalog,
        "{\"m\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": 2e-06, \"output_cost_per_token\": 8e-06,"
        "\"input_cost_per_token_above_200k_tokens\": 4e-06, \"input_cost_per_token_priority\": 3e-06, \"output_cost_per_token_priority\": 1.2e-05,"
        "\"input_cost_per_token_above_200k_tokens_priority\": 7e-06}}");
    assert_int_equal(rate_at("house", "m", 10, "priority", LLMCOST_OUTPUT), 12000000);
    assert_int_equal(rate_at("house", "m", 10, "priority", LLMCOST_INPUT_CACHED), 3000000);
    assert_int_equal(rate_at("house", "m", 200001, "priority", LLMCOST_INPUT), 7000000);
    assert_int_equal(rate_at("house", "m", 200001, "priority", LLMCOST_INPUT_CACHED), 7000000); /* no discount known in the tier either */
    assert_int_equal(rate_at("house", "m", 200001, "priority", LLMCOST_OUTPUT), 12000000);
}

/* The order of the keys is no information, and a later map adds to what an earlier one said. */
static void test_any_order(void **state)
{
    (void)state;
    prices_load(catalog, "{\"m\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token_above_200k_tokens_priority\": 9e-06,"
                         "\"input_cost_per_token_batches\": 1e-06, \"input_cost_per_token_above_512k_tokens\": 5e-06,"
                         "\"input_cost_per_token_above_200k_tokens\": 4e-06, \"output_cost_per_token\": 8e-06, \"input_cost_per_token\": 2e-06}}");
    assert_int_equal(rate_at("house", "m", 200000, NULL, LLMCOST_INPUT), 2000000);
    assert_int_equal(rate_at("house", "m", 200001, NULL, LLMCOST_INPUT), 4000000);
    assert_int_equal(rate_at("house", "m", 512001, NULL, LLMCOST_INPUT), 5000000);
    assert_int_equal(rate_at("house", "m", 10, "batch", LLMCOST_INPUT), 1000000);
    assert_int_equal(rate_at("house", "m", 200001, "batch", LLMCOST_INPUT), 2000000);
    prices_load(catalog, "{\"m\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token_priority\": 3e-06}}");
    assert_int_equal(rate_at("house", "m", 10, "priority", LLMCOST_INPUT), 3000000);
    assert_int_equal(rate_at("house", "m", 200001, "priority", LLMCOST_INPUT), 9000000);
    assert_int_equal(rate_at("house", "m", 512001, "priority", LLMCOST_INPUT), 11250000);
}

static void test_tiered_pricing(void **state)
{
    (void)state;
    prices_load(
        catalog,
        "{\"dashscope/qwen-nova\": {\"litellm_provider\": \"dashscope\", \"mode\": \"chat\", \"tiered_pricing\": ["
        "{\"range\": [0, 32000.0], \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 5e-06, \"cache_read_input_token_cost\": 1e-07},"
        "{\"range\": [32000.0, 128000.0], \"input_cost_per_token\": 1.8e-06, \"output_cost_per_token\": 9e-06, \"cache_read_input_token_cost\": "
        "1.8e-07},"
        "{\"range\": [\"128000\", 256000], \"input_cost_per_token\": 3e-06, \"output_cost_per_token\": 1.5e-05, \"output_cost_per_reasoning_token\": "
        "2e-05}]},"
        "\"exa/search\": {\"litellm_provider\": \"exa\", \"mode\": \"search\", \"tiered_pricing\": [{\"max_results_range\": [0, 25], "
        "\"input_cost_per_query\": 0.005}]}}");
    assert_int_equal(rate_at("dashscope-intl", "qwen-nova", 32000, NULL, LLMCOST_INPUT), 1000000);
    assert_int_equal(rate_at("dashscope-intl", "qwen-nova", 32001, NULL, LLMCOST_INPUT), 1800000);
    assert_int_equal(rate_at("dashscope-intl", "qwen-nova", 32001, NULL, LLMCOST_INPUT_CACHED), 180000);
    assert_int_equal(rate_at("dashscope-intl", "qwen-nova", 128000, NULL, LLMCOST_OUTPUT), 9000000);
    assert_int_equal(rate_at("dashscope-intl", "qwen-nova", 128001, NULL, LLMCOST_OUTPUT), 15000000);
    assert_int_equal(rate_at("dashscope-intl", "qwen-nova", 999999, NULL, LLMCOST_REASONING), 20000000);
    assert_null(llmc_catalog_find(catalog, "exa", "search"));
}

static void test_override_inherits(void **state)
{
    (void)state;
    prices_load(
        catalog,
        "{\"gpt-4o\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 2e-06, \"output_cost_per_token\": 8e-06},"
        "\"gpt-5.4\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token_above_272k_tokens\": 4e-06},"
        "\"deepseek/deepseek-chat\": {\"litellm_provider\": \"deepseek\", \"mode\": \"chat\", \"input_cost_per_token\": 2.8e-07, "
        "\"output_cost_per_token\": 4.2e-07}}");
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT), 2000000);
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT_CACHED), 1250000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 300000, NULL, LLMCOST_INPUT), 4000000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 300000, NULL, LLMCOST_OUTPUT), 22500000);
    assert_int_equal(rate("openai", "gpt-5.4", LLMCOST_INPUT), 2500000);
    assert_int_equal(rate("deepseek", "deepseek-chat", LLMCOST_INPUT), 280000); /* a row of its own now, on weekends too */
    assert_int_equal(rate("deepseek", "deepseek-flash", LLMCOST_INPUT), 150000);
}

static void test_another_currency_is_not_inherited(void **state)
{
    (void)state;
    llmc_rates rates;
    prices_load(catalog, "{\"doubao-seed-2-0-pro\": {\"litellm_provider\": \"volcengine\", \"mode\": \"chat\", \"input_cost_per_token\": 4.6e-07, "
                         "\"output_cost_per_token\": 2.3e-06}}");
    assert_true(
        llmc_model_rates(llmc_catalog_find(catalog, "doubao", "doubao-seed-2-0-pro"), &(llmc_price_query){ .prompt_tokens = 500000 }, &rates));
    assert_string_equal(rates.currency, "USD");
    assert_int_equal(rates.rate[LLMCOST_INPUT].pico, 460000);
}

static void test_figures_that_are_not_believed(void **state)
{
    (void)state;
    prices_load(
        catalog,
        "{" ENTRY(
            "good",
            "house") ","
                     "\"zeros\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": 0, \"output_cost_per_token\": 0.0},"
                     "\"zero\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": 0},"
                     "\"local\": {\"litellm_provider\": \"hosted_vllm\", \"mode\": \"chat\", \"input_cost_per_token\": 0, \"output_cost_per_token\": "
                     "0},"
                     "\"gemini/gemini-1.5-flash\": {\"litellm_provider\": \"gemini\", \"mode\": \"chat\", \"input_cost_per_token\": 7.5e-08, "
                     "\"output_cost_per_token\": 0},"
                     "\"half\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 0},"
                     "\"open\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": 1e-06, \"max_output_tokens\": 99},"
                     "\"embed\": {\"litellm_provider\": \"house\", \"mode\": \"embedding\", \"input_cost_per_token\": 1e-07, "
                     "\"output_cost_per_token\": 0},"
                     "\"cents\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": 0.055, \"output_cost_per_token\": "
                     "0.2},"
                     "\"gpt-4o\": {\"litellm_provider\": \"openai\", \"mode\": \"chat\", \"input_cost_per_token\": 2.5, \"output_cost_per_token\": "
                     "10},"
                     "\"negative\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": -1e-06, "
                     "\"output_cost_per_token\": 1e-06},"
                     "\"huge\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": 1e300, \"output_cost_per_token\": "
                     "1e-06},"
                     "\"noise\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": 2.9999900000000002e-06, "
                     "\"output_cost_per_token\": \"0.0000014\"},"
                     "\"text\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": \"ask us\", \"max_input_tokens\": "
                     "\"many\", \"max_output_tokens\": -3},"
                     "\"image\": {\"litellm_provider\": \"house\", \"mode\": \"image_generation\", \"output_cost_per_image\": 0.04},"
                     "\"no provider\": {\"input_cost_per_token\": 1e-06}, \"no object\": 5, \"odd\": {\"litellm_provider\": 7}, \"\": "
                     "{\"litellm_provider\": \"house\", \"mode\": \"chat\"}}");
    assert_false(is_priced("house", "zeros"));
    assert_non_null(llmc_catalog_find(catalog, "house", "zeros"));
    assert_false(is_priced("house", "zero"));
    assert_int_equal(rate("vllm", "local", LLMCOST_OUTPUT), 0);
    assert_int_equal(rate("google", "gemini-1.5-flash", LLMCOST_OUTPUT), 300000); /* the built-in one */
    assert_false(is_priced("house", "half")); /* answers at the price of prompts would be a wrong one */
    assert_false(is_priced("house", "open"));
    assert_int_equal(llmc_model_max_output(llmc_catalog_find(catalog, "house", "open")), 99);
    assert_int_equal(rate("house", "embed", LLMCOST_OUTPUT), 0);
    assert_false(is_priced("house", "cents"));
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT), 2500000);
    assert_false(is_priced("house", "negative"));
    assert_false(is_priced("house", "huge"));
    assert_int_equal(rate("house", "noise", LLMCOST_INPUT), 2999990);
    assert_int_equal(rate("house", "noise", LLMCOST_OUTPUT), 1400000);
    assert_false(is_priced("house", "text"));
    assert_int_equal(llmc_model_context(llmc_catalog_find(catalog, "house", "text")), 0);
    assert_int_equal(llmc_model_max_output(llmc_catalog_find(catalog, "house", "text")), 0);
    assert_null(llmc_catalog_find(catalog, "house", "image"));
    assert_true(is_priced("house", "good"));
}

/* What is no number is not known; it is not nothing. */
static void test_null_is_no_price(void **state)
{
    (void)state;
    prices_load(catalog, "{\"null\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"input_cost_per_token\": 1e-06, \"output_cost_per_token\": 2e-06,"
                         "\"cache_read_input_token_cost\": null, \"output_cost_per_reasoning_token\": false, \"input_cost_per_audio_token\": []}}");
    assert_int_equal(rate("house", "null", LLMCOST_INPUT_CACHED), 1000000);
    assert_int_equal(rate("house", "null", LLMCOST_REASONING), 2000000);
    assert_int_equal(rate("house", "null", LLMCOST_AUDIO_IN), 1000000);
}

/* A row with more prices than are kept is one without a price: a part of them would be a wrong bill. */
static void test_more_prices_than_are_kept(void **state)
{
    char text[8192];
    (void)state;
    for (int tiers = 47; tiers <= 48; tiers++) {
        int length = snprintf(text, sizeof text, "{\"long-%d\": {\"litellm_provider\": \"house\", \"mode\": \"chat\", \"output_cost_per_token\": 2e-06, \"input_cost_per_token\": 1e-06", tiers);
        for (int i = 1; i <= tiers; i++)
            length += snprintf(text + length, sizeof text - (size_t)length, ", \"input_cost_per_token_above_%dk_tokens\": 3e-06", i);
        snprintf(text + length, sizeof text - (size_t)length, "}}");
        prices_load(catalog, text);
    }
    assert_int_equal(rate_at("house", "long-47", 47001, NULL, LLMCOST_INPUT), 3000000);
    assert_false(is_priced("house", "long-48"));
}

static void test_nothing_to_load(void **state)
{
    (void)state;
    prices_refuse(catalog, "{\"sample_spec\": {\"litellm_provider\": \"x\", \"mode\": \"chat\"}}", "prices.json", "holds no prices");
    prices_refuse(catalog, "{\"a\": {\"litellm_provider\": \"x\", \"mode\": \"search\"}}", "prices.json", "holds no prices");
}

/* ---------------------------------------------------------------- the published map */

static char *load_published(size_t *bytes)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/prices/litellm_model_prices.json", shared_folder());
    char *text = read_file(path, bytes);
    if (!text)
        print_message("test_litellm: %s is not there\n", path);
    return text;
}

static bool differs(const json_t *stated, int64_t pico)
{
    double per_token = json_number_value(stated);
    double difference = per_token * 1e12 - (double)pico;
    return difference > 0.51 || difference < -0.51;
}

static void test_published_map(void **state)
{
    (void)state;
    size_t bytes;
    char *text = load_published(&bytes);
    if (!text)
        skip();
    prices_load(catalog, text);
    assert_int_equal(rate("openai", "gpt-4o-2024-05-13", LLMCOST_INPUT), 5000000);
    assert_int_equal(rate_at("openai", "gpt-4o-2024-05-13", 10, "priority", LLMCOST_OUTPUT), 26250000);
    assert_int_equal(rate("openai", "gpt-5.4", LLMCOST_INPUT_CACHED), 250000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 272001, NULL, LLMCOST_INPUT_CACHED), 500000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 10, "flex", LLMCOST_INPUT_CACHED), 130000); /* as the map says */
    assert_int_equal(rate_at("openai", "gpt-5.4", 272001, "priority", LLMCOST_OUTPUT), 45000000);
    assert_int_equal(rate_at("google", "gemini-3.1-pro-preview", 200001, "priority", LLMCOST_INPUT), 7200000);
    assert_int_equal(rate_at("google", "gemini-3.1-pro-preview", 200000, "priority", LLMCOST_INPUT), 3600000);
    assert_int_equal(rate_at("google", "gemini-3.1-pro-preview", 200001, "batch", LLMCOST_INPUT), 2000000);
    assert_int_equal(rate_at("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 200001, NULL, LLMCOST_WRITE_1H), 13200000);
    assert_int_equal(rate("vertex", "claude-opus-4-8", LLMCOST_WRITE_5M), 6250000);
    assert_int_equal(rate("azure", "gpt-4o", LLMCOST_INPUT_CACHED), 1250000);
    assert_int_equal(rate_at("dashscope-intl", "qwen3-max", 32001, NULL, LLMCOST_INPUT), 2400000);
    assert_int_equal(rate_at("dashscope", "qwen3-max", 32001, NULL, LLMCOST_INPUT), 4000000); /* the mainland's prices stay */
    assert_int_equal(rate_at("minimax", "MiniMax-M3", 512001, NULL, LLMCOST_INPUT_CACHED), 120000);
    assert_int_equal(rate("databricks", "databricks-claude-sonnet-4", LLMCOST_INPUT), 2999990);
    assert_int_equal(rate("groq", "openai/gpt-oss-120b", LLMCOST_INPUT_CACHED), 75000);
    assert_int_equal(llmc_model_context(llmc_catalog_find(catalog, "xai", "grok-4-fast-reasoning")), 2000000);
    assert_false(is_priced("wandb", "zai-org/GLM-4.5")); /* 55,000 USD per million */
    assert_int_equal(rate("ollama", "codegemma", LLMCOST_OUTPUT), 0);
    free(text);
}

static bool answers_at_no_price(const json_t *entry)
{
    const char *mode = json_string_value(json_object_get(entry, "mode"));
    bool in_text = !mode || strcmp(mode, "chat") == 0 || strcmp(mode, "completion") == 0 || strcmp(mode, "responses") == 0;
    return in_text && !(json_number_value(json_object_get(entry, "output_cost_per_token")) > 0) && json_number_value(json_object_get(entry, "input_cost_per_token")) > 0;
}

/* Every entry: what its keys state is what the row charges. */
static void test_published_map_row_by_row(void **state)
{
    (void)state;
    size_t bytes, priced = 0, entries = 0, not_believed = 0;
    char *text = load_published(&bytes);
    if (!text)
        skip();
    json_t *root = json_loadb(text, bytes, 0, NULL), *entry;
    const char *key;
    free(text);
    json_object_foreach(root, key, entry)
    {
        const json_t *input = json_object_get(entry, "input_cost_per_token"), *output = json_object_get(entry, "output_cost_per_token");
        const char *provider = json_string_value(json_object_get(entry, "litellm_provider"));
        entries++;
        if (strcmp(key, "sample_spec") == 0 || !provider || !json_is_number(input))
            continue;
        llmc_catalog *alone = prices_new(); /* by itself, so that two keys of one row do not meet */
        json_t *map = json_pack("{s:O, s:{s:s, s:f, s:f}}", key, entry, "marker", "litellm_provider", "marker", "input_cost_per_token", 1e-6,
                                "output_cost_per_token", 1e-6);
        json_object_set_new(json_object_get(map, key), "litellm_provider", json_string("test"));
        char *one = json_dumps(map, JSON_COMPACT | JSON_REAL_PRECISION(17));
        prices_load(alone, one);
        const llmc_model *row = llmc_catalog_find(alone, "test", key);
        llmc_rates rates;
        if (row && llmc_model_rates(row, &(llmc_price_query){ .wall_ms = price_day }, &rates)) {
            priced++;
            if (answers_at_no_price(entry))
                fail_msg("%s: nobody knows what its answers cost", key);
            const json_t *read = json_object_get(entry, "cache_read_input_token_cost");
            bool text_only = json_number_value(output) > 0;
            if (differs(input, rates.rate[LLMCOST_INPUT].pico) || (text_only && differs(output, rates.rate[LLMCOST_OUTPUT].pico)) ||
                (read && differs(read, rates.rate[LLMCOST_INPUT_CACHED].pico)))
                fail_msg("%s is charged otherwise than stated", key);
        } else {
            not_believed++;
            if (!answers_at_no_price(entry) && json_number_value(input) > 0 && json_number_value(input) <= 0.005 && json_number_value(output) <= 0.01)
                fail_msg("%s has no price", key);
        }
        free(one);
        json_decref(map);
        llmc_catalog_free(alone);
    }
    json_decref(root);
    assert_int_equal(entries, 2984);
    assert_true(priced > 2300);
    assert_int_equal(priced + not_believed, 2510);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    static const char json[] = "{" ENTRY("a", "house") "," ENTRY("house/b", "house") "," ENTRY("gpt-4o", "openai") "}";
    size_t failures = 0;
    for (long n = 1;; n++) {
        price_memory memory;
        llmcost_error error;
        llmc_catalog *made = NULL;
        llmc_error_init(&error, &llmc_allocator_system);
        price_memory_init(&memory, 0);
        assert_int_equal(llmc_catalog_new(&made, &memory.allocator, &error), LLMCOST_OK);
        for (int i = 0; i < 200; i++) { /* fill the arena's block to a different point each time */
            char name[80];
            snprintf(name, sizeof name, "{\"%d\": {\"litellm_provider\": \"p\", \"mode\": \"chat\"}}", i);
            assert_int_equal(llmc_catalog_load(made, "f", name, strlen(name), &error), LLMCOST_OK);
        }
        memory.fail_at = memory.count + n;
        llmcost_status status = LLMCOST_OK;
        for (int i = 0; !status && i < 50; i++)
            status = llmc_catalog_load(made, "f", json, sizeof json - 1, &error);
        llmc_catalog_free(made);
        assert_int_equal(memory.live, 0);
        if (status == LLMCOST_OK)
            break;
        failures++;
        assert_int_equal(status, LLMCOST_E_MEMORY);
        llmc_error_clear(&error);
    }
    assert_true(failures > 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_catalog, close_catalog)
    const struct CMUnitTest tests[] = {
        TEST(test_plain_entry),
        TEST(test_provider_names),
        TEST(test_suffixes_combine),
        TEST(test_levels_stated_in_part),
        TEST(test_any_order),
        TEST(test_tiered_pricing),
        TEST(test_override_inherits),
        TEST(test_another_currency_is_not_inherited),
        TEST(test_figures_that_are_not_believed),
        TEST(test_nothing_to_load),
        TEST(test_null_is_no_price),
        TEST(test_more_prices_than_are_kept),
        TEST(test_published_map),
        TEST(test_published_map_row_by_row),
        TEST(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
