/* Price files in our own format. */
#include "../support/prices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
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

/* A file with these models, per million tokens. */
static const char *file_with(const char *models)
{
    static char text[8192];
    snprintf(text, sizeof text, "{\"llmcost_prices\": 1, \"unit\": \"per_million_tokens\", \"as_of\": \"2026-11-21\", \"models\": {%s}}", models);
    return text;
}

static int64_t rate(const char *provider, const char *model, llmcost_class token_class)
{
    return plain_rate(catalog, provider, model, token_class);
}

static int64_t rate_at(const char *provider, const char *model, int64_t prompt, const char *tier, llmcost_class token_class)
{
    return rate_of(catalog, provider, model, (llmc_price_query){ .wall_ms = price_day, .prompt_tokens = prompt, .tier = tier }, token_class);
}

/* ---------------------------------------------------------------- overriding */

static void test_override_inherits_what_it_leaves_out(void **state)
{
    (void)state;
    prices_load(catalog, file_with("\"openai/gpt-4o\": {\"input\": \"2\", \"output\": 8}"));
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT), 2000000);
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_OUTPUT), 8000000);
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_REASONING), 8000000);
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT_CACHED), 1250000); /* neither 0 nor the input rate */
    assert_int_equal(rate_at("openai", "gpt-4o", 10, "batch", LLMCOST_INPUT), 1000000);
    assert_int_equal(rate_at("openai", "gpt-4o", 10, "priority", LLMCOST_INPUT), 4250000);
    assert_int_equal(llmc_model_max_output(llmc_catalog_find(catalog, "openai", "gpt-4o")), 16384);
    assert_int_equal(rate("openai", "gpt-4o-2024-08-06", LLMCOST_INPUT), 2000000); /* by alias too */
    assert_int_equal(rate("openai", "gpt-4o-mini", LLMCOST_INPUT), 150000);
    llmc_rates rates;
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "openai", "gpt-4o"), &(llmc_price_query){ 0 }, &rates));
    assert_string_equal(rates.source, "prices.json, 2026-11-21");
}

/* 6,074 prompt tokens of which 3,456 were cached, 285 out, at custom prices. */
static void test_custom_cache_rate_is_used(void **state)
{
    (void)state;
    prices_load(catalog, file_with("\"house/mixer\": {\"input\": 3, \"output\": 15, \"cache_read\": 0.3}"));
    llmc_usage usage = usage_of(6074 - 3456, 3456, 285, -1);
    assert_int_equal(cost_of(catalog, "house", "mixer", &usage, price_day, NULL), 2618 * 3000 + 3456 * 300 + 285 * 15000);
    usage = usage_of(100, 700, 0, -1); /* 100 fresh, 700 read, 200 written: each once */
    usage.quantity[LLMCOST_WRITE_5M] = 200;
    assert_int_equal(cost_of(catalog, "house", "mixer", &usage, price_day, NULL), 100 * 3000 + 700 * 300 + 200 * 3000);
}

static void test_later_files_win(void **state)
{
    (void)state;
    prices_load(catalog, file_with("\"openai/gpt-4o\": {\"input\": 2, \"cache_read\": 1}"));
    prices_load(catalog, file_with("\"openai/gpt-4o\": {\"input\": 1}"));
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT), 1000000);
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT_CACHED), 1000000);
}

static void test_override_by_alias_leaves_the_model_alone(void **state)
{
    (void)state;
    prices_load(catalog, file_with("\"openai/gpt-4o-2024-08-06\": {\"input\": 7}"));
    assert_int_equal(rate("openai", "gpt-4o-2024-08-06", LLMCOST_INPUT), 7000000);
    assert_int_equal(rate("openai", "gpt-4o-2024-08-06", LLMCOST_INPUT_CACHED), 1250000);
    assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "openai", "gpt-4o-2024-08-06")), "gpt-4o-2024-08-06");
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT), 2500000);
    assert_int_equal(rate("openai", "gpt-4o-2024-11-20", LLMCOST_INPUT), 2500000);
}

static void test_override_holds_on_every_day_and_hour(void **state)
{
    (void)state;
    prices_load(catalog, file_with("\"deepseek/deepseek-flash\": {\"input\": 0.2}, \"google/gemini-4-argon\": {\"output\": 9}"));
    llmc_price_query peak = { .wall_ms = at_time(2026, 11, 23, 2, 0) }, later = { .wall_ms = at_time(2027, 1, 5, 2, 0) };
    assert_int_equal(rate_of(catalog, "deepseek", "deepseek-flash", peak, LLMCOST_INPUT), 200000);
    assert_int_equal(rate("deepseek", "deepseek-flash", LLMCOST_INPUT), 200000);
    assert_int_equal(rate("deepseek", "deepseek-flash", LLMCOST_OUTPUT), 600000); /* the rest keeps its hours */
    assert_int_equal(rate_of(catalog, "google", "gemini-4-argon", later, LLMCOST_OUTPUT), 9000000);
    assert_int_equal(rate_of(catalog, "google", "gemini-4-argon", later, LLMCOST_INPUT), 4000000);
}

static void test_inherited_tiers_cost_no_less(void **state)
{
    (void)state;
    prices_load(catalog, file_with("\"openai/gpt-5.4\": {\"input\": 20, \"output\": 16}, \"openai/gpt-4o\": {\"input\": 5, \"output\": 9}"));
    assert_int_equal(rate_at("openai", "gpt-5.4", 300000, NULL, LLMCOST_INPUT), 20000000); /* not the built-in tier's 5 */
    assert_int_equal(rate_at("openai", "gpt-5.4", 300000, NULL, LLMCOST_OUTPUT), 22500000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 300000, NULL, LLMCOST_INPUT_CACHED), 500000);
    assert_int_equal(rate_at("openai", "gpt-4o", 10, "priority", LLMCOST_INPUT), 5000000);
    assert_int_equal(rate_at("openai", "gpt-4o", 10, "priority", LLMCOST_OUTPUT), 17000000);
    prices_load(catalog, file_with("\"openai/gpt-5.4\": {\"input\": 30, \"tiers\": [{\"above_prompt_tokens\": 272000, \"output\": 40}]}"));
    assert_int_equal(rate_at("openai", "gpt-5.4", 300000, NULL, LLMCOST_INPUT), 30000000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 300000, NULL, LLMCOST_OUTPUT), 40000000);
}

static void test_tiers(void **state)
{
    (void)state;
    prices_load(catalog, file_with("\"openai/gpt-5.4\": {\"tiers\": [{\"above_prompt_tokens\": 500000, \"input\": 9},"
                                   "{\"above_prompt_tokens\": 272000, \"input\": \"4\"}]}"));
    assert_int_equal(rate_at("openai", "gpt-5.4", 272000, NULL, LLMCOST_INPUT), 2500000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 272001, NULL, LLMCOST_INPUT), 4000000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 272001, NULL, LLMCOST_OUTPUT), 22500000); /* the old tier of this length */
    assert_int_equal(rate_at("openai", "gpt-5.4", 500000, NULL, LLMCOST_INPUT), 4000000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 500001, NULL, LLMCOST_INPUT), 9000000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 500001, NULL, LLMCOST_OUTPUT), 15000000); /* a new length: the model's own */
    prices_load(catalog, file_with("\"openai/gpt-5.4\": {\"tiers\": []}"));
    assert_int_equal(rate_at("openai", "gpt-5.4", 600000, NULL, LLMCOST_INPUT), 2500000);
    prices_load(catalog, file_with("\"house/m\": {\"input\": 1, \"output\": 2, \"tiers\": [{\"min_output_tokens\": 200, \"output\": 3},"
                                   "{\"above_prompt_tokens\": 0, \"min_output_tokens\": 300, \"output\": 4}]}"));
    llmc_price_query query = { .wall_ms = price_day, .prompt_tokens = 5, .output_tokens = 199 };
    assert_int_equal(rate_of(catalog, "house", "m", query, LLMCOST_OUTPUT), 2000000);
    query.output_tokens = 200;
    assert_int_equal(rate_of(catalog, "house", "m", query, LLMCOST_OUTPUT), 3000000);
    query.output_tokens = 300;
    assert_int_equal(rate_of(catalog, "house", "m", query, LLMCOST_OUTPUT), 4000000);
}

static void test_tiers_hold_in_every_price_list(void **state)
{
    (void)state;
    prices_load(catalog, file_with("\"openai/gpt-5.6-luna\": {\"tiers\": [{\"above_prompt_tokens\": 100000, \"input\": 3}]}"));
    llmc_price_query old = { .wall_ms = at_time(2026, 7, 1, 0, 0), .prompt_tokens = 100001 }, now = { .wall_ms = price_day, .prompt_tokens = 100001 };
    assert_int_equal(rate_of(catalog, "openai", "gpt-5.6-luna", old, LLMCOST_INPUT), 3000000);
    assert_int_equal(rate_of(catalog, "openai", "gpt-5.6-luna", old, LLMCOST_OUTPUT), 6000000);
    assert_int_equal(rate_of(catalog, "openai", "gpt-5.6-luna", now, LLMCOST_INPUT), 3000000);
    assert_int_equal(rate_of(catalog, "openai", "gpt-5.6-luna", now, LLMCOST_OUTPUT), 1200000);
    now.prompt_tokens = 300000; /* the built-in tier is gone */
    assert_int_equal(rate_of(catalog, "openai", "gpt-5.6-luna", now, LLMCOST_INPUT), 3000000);
}

static void test_levels(void **state)
{
    (void)state;
    prices_load(catalog,
                file_with("\"house/a\": {\"input\": 1, \"output\": 4, \"cache_read\": 0.1, \"batch_multiplier\": \"0.25\", \"fast_multiplier\": 3,"
                          "\"priority\": {\"input\": 2}, \"tiers\": [{\"above_prompt_tokens\": 1000, \"input\": 2, \"output\": 8}]}"));
    assert_int_equal(rate_at("house", "a", 10, "batch", LLMCOST_INPUT_CACHED), 25000);
    assert_int_equal(rate_at("house", "a", 10, "fast", LLMCOST_OUTPUT), 12000000);
    assert_int_equal(rate_at("house", "a", 10, "flex", LLMCOST_OUTPUT), 4000000);
    assert_int_equal(rate_at("house", "a", 10, "priority", LLMCOST_INPUT), 2000000);
    assert_int_equal(rate_at("house", "a", 10, "priority", LLMCOST_INPUT_CACHED), 200000); /* in proportion */
    assert_int_equal(rate_at("house", "a", 10, "priority", LLMCOST_OUTPUT), 4000000);
    assert_int_equal(rate_at("house", "a", 1001, "priority", LLMCOST_INPUT), 4000000); /* tier and level: never the plain price */
    assert_int_equal(rate_at("house", "a", 1001, "batch", LLMCOST_INPUT), 500000);
    prices_load(catalog, file_with("\"openai/gpt-4o\": {\"priority_multiplier\": 3}, \"openai/gpt-5.4\": {\"batch\": {\"input\": 1}}"));
    assert_int_equal(rate_at("openai", "gpt-4o", 10, "priority", LLMCOST_INPUT), 7500000); /* what is configured wins over the built-in figures */
    assert_int_equal(rate_at("openai", "gpt-5.4", 10, "batch", LLMCOST_INPUT), 1000000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 10, "batch", LLMCOST_INPUT_CACHED), 100000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 300000, "batch", LLMCOST_INPUT), 2000000);
    assert_int_equal(rate_at("openai", "gpt-5.4", 10, "batch", LLMCOST_OUTPUT), 7500000); /* of this side nothing is said: the multiplier */
}

static void test_multiplier_rounds_half_up(void **state)
{
    (void)state;
    prices_load(catalog,
                file_with("\"house/r\": {\"input\": \"0.001001\", \"output\": 1, \"batch_multiplier\": 0.5, \"flex_multiplier\": 0.333333}"));
    assert_int_equal(rate_at("house", "r", 10, "batch", LLMCOST_INPUT), 501); /* 500.5 pico */
    assert_int_equal(rate_at("house", "r", 10, "flex", LLMCOST_INPUT), 334);  /* 333.67 */
}

static void test_new_rows(void **state)
{
    (void)state;
    prices_load(
        catalog,
        file_with("\"house/llama/3\": {\"input\": 1, \"output\": 2, \"cache_write_5m\": 1.25, \"cache_write_30m\": 1.5, \"cache_write_1h\": 2,"
                  "\"reasoning\": 3, \"audio_in\": 4, \"audio_out\": 5, \"per_request\": \"0.005\", \"max_output\": 100, \"context\": 1000,"
                  "\"aliases\": [\"small\", \"little\"], \"source\": \"contract 7\", \"uncertain\": true}"));
    static const int64_t expected[LLMCOST_CLASS_COUNT] = { 1000000, 1000000, 1250000, 1500000, 2000000,
                                                           2000000, 3000000, 4000000, 5000000, INT64_C(5000000000) };
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        assert_int_equal(rate("house", "little", (llmcost_class)i), expected[i]);
    const llmc_model *model = llmc_catalog_find(catalog, "house", "llama/3");
    assert_ptr_equal(model, llmc_catalog_find(catalog, "house", "small"));
    assert_int_equal(llmc_model_max_output(model), 100);
    assert_int_equal(llmc_model_context(model), 1000);
    assert_string_equal(llmc_model_status(model), "current");
    llmc_rates rates;
    assert_true(llmc_model_rates(model, &(llmc_price_query){ 0 }, &rates));
    assert_true(rates.uncertain);
    assert_string_equal(rates.source, "contract 7");
    assert_null(llmc_catalog_find(catalog, "house", "large"));
}

static void test_free_and_unpriced(void **state)
{
    (void)state;
    llmc_rates rates;
    prices_load(catalog, file_with("\"house/free\": {\"free\": true}, \"openai/gpt-4o\": {\"free\": true}, \"house/limits\": {\"context\": 5},"
                                   "\"other/*\": {\"input\": 1}, \"ollama/paid\": {\"input\": 1, \"output\": 2}"));
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "house", "free"), &(llmc_price_query){ .tier = "priority" }, &rates));
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        assert_int_equal(rates.rate[i].pico, 0);
    assert_int_equal(rate_at("openai", "gpt-4o", 10, "priority", LLMCOST_INPUT), 0);
    assert_false(llmc_model_rates(llmc_catalog_find(catalog, "house", "limits"), &(llmc_price_query){ 0 }, &rates)); /* unknown, not free */
    assert_false(llmc_model_rates_worst(llmc_catalog_find(catalog, "house", "limits"), &(llmc_price_query){ 0 }, &rates));
    assert_int_equal(rate("other", "anything", LLMCOST_INPUT), 1000000);
    assert_int_equal(rate("ollama", "paid", LLMCOST_OUTPUT), 2000000); /* inherits nothing from the provider's "*" */
    assert_int_equal(rate("ollama", "else", LLMCOST_OUTPUT), 0);
}

static void test_currencies(void **state)
{
    (void)state;
    llmc_rates rates;
    prices_load(catalog, "{\"llmcost_prices\": 1, \"unit\": \"per_million_tokens\", \"currency\": \"EUR\", \"models\": {"
                         "\"openai/gpt-4o\": {\"input\": 2}, \"dashscope/qwen3-max\": {\"currency\": \"CNY\", \"input\": 3},"
                         "\"openai/gpt-4o-mini\": {\"max_output\": 5}, \"openai/gpt-5-mini\": {\"batch_multiplier\": 0.4}}}");
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "openai", "gpt-4o"), &(llmc_price_query){ .tier = "batch" }, &rates));
    assert_string_equal(rates.currency, "EUR");
    assert_int_equal(rates.rate[LLMCOST_INPUT_CACHED].pico, 2000000); /* dollars are not inherited as euros */
    assert_int_equal(rates.rate[LLMCOST_OUTPUT].pico, 2000000);
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "dashscope", "qwen3-max"), &(llmc_price_query){ .prompt_tokens = 40000 }, &rates));
    assert_string_equal(rates.currency, "CNY");
    assert_int_equal(rates.rate[LLMCOST_INPUT].pico, 4000000);
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "openai", "gpt-4o-mini"), &(llmc_price_query){ 0 }, &rates));
    assert_string_equal(rates.currency, "USD"); /* a limit is no price */
    assert_int_equal(rates.rate[LLMCOST_OUTPUT].pico, 600000);
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "openai", "gpt-5-mini"), &(llmc_price_query){ .tier = "batch" }, &rates));
    assert_string_equal(rates.currency, "USD");
    assert_int_equal(rates.rate[LLMCOST_INPUT].pico, 100000);
    prices_refuse(catalog,
                  "{\"llmcost_prices\": 1, \"unit\": \"per_token\", \"currency\": \"EUR\", \"models\": {\"openai/gpt-4.1\": {\"output\": 0.00001}}}",
                  "openai/gpt-4.1", "\"input\" is missing");
}

static void test_units_are_exact(void **state)
{
    (void)state;
    prices_load(catalog, "{\"llmcost_prices\": 1, \"unit\": \"per_token\", \"models\": {\"h/t\": {\"input\": 1.75e-06, \"output\": \"2e-07\","
                         "\"cache_read\": 1.3e-07, \"audio_in\": 0.00000007}}}");
    assert_int_equal(rate("h", "t", LLMCOST_INPUT), 1750000);
    assert_int_equal(rate("h", "t", LLMCOST_OUTPUT), 200000);
    assert_int_equal(rate("h", "t", LLMCOST_INPUT_CACHED), 130000);
    assert_int_equal(rate("h", "t", LLMCOST_AUDIO_IN), 70000);
    prices_load(catalog,
                "{\"llmcost_prices\": 1, \"unit\": \"per_thousand_tokens\", \"models\": {\"h/k\": {\"input\": 0.000075, \"output\": \"0.01\"}}}");
    assert_int_equal(rate("h", "k", LLMCOST_INPUT), 75000);
    assert_int_equal(rate("h", "k", LLMCOST_OUTPUT), 10000000);
    prices_load(catalog, file_with("\"h/m\": {\"input\": 0.075, \"output\": \"0.3\", \"cache_read\": 0.01875, \"per_request\": 1e-12}"));
    assert_int_equal(rate("h", "m", LLMCOST_INPUT), 75000);
    assert_int_equal(rate("h", "m", LLMCOST_OUTPUT), 300000);
    assert_int_equal(rate("h", "m", LLMCOST_INPUT_CACHED), 18750);
    assert_int_equal(rate("h", "m", LLMCOST_REQUEST), 1);
    prices_load(
        catalog,
        "{\"llmcost_prices\": 1, \"unit\": \"per_token\", \"models\": {\"h/c\": {\"confirmed\": true, \"input\": 1.3e-10, \"output\": 0.5}}}");
    assert_int_equal(rate("h", "c", LLMCOST_INPUT), 130);
    assert_int_equal(rate("h", "c", LLMCOST_OUTPUT), INT64_C(500000000000));
}

/* ---------------------------------------------------------------- refusals */

static void refuse_model(const char *body, const char *piece, const char *other)
{
    char models[2048];
    snprintf(models, sizeof models, "\"openai/gpt-4o\": %s", body);
    prices_refuse(catalog, file_with(models), piece, other);
}

static void test_unknown_members_name_the_nearest(void **state)
{
    (void)state;
    refuse_model("{\"inptu\": 1}", "openai/gpt-4o", "\"inptu\" is not known here; the nearest member is \"input\"");
    refuse_model("{\"cache_reed\": 1}", "openai/gpt-4o", "\"cache_read\"");
    refuse_model("{\"max_outputs\": 1}", "max_outputs", "\"max_output\"");
    refuse_model("{\"tiers\": [{\"above_prompt_token\": 5, \"above_prompt_tokens\": 5}]}", "tiers[0].above_prompt_token", "\"above_prompt_tokens\"");
    refuse_model("{\"priority\": {\"ouput\": 5}}", "priority.ouput", "\"output\"");
    refuse_model("{\"priority\": {\"tiers\": []}}", "priority.tiers", "not known here");
    refuse_model("{\"unit\": \"per_token\"}", "unit", "not known here");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"units\": \"per_token\", \"models\": {}}", "units", "\"unit\"");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"input\": 3, \"unit\": \"per_token\", \"models\": {}}", "\"input\"", "not known here");
}

static void test_ranges(void **state)
{
    (void)state;
    refuse_model("{\"input\": 10000.000001}", "\"input\"", "10,000 per million");
    refuse_model("{\"output\": \"2500000\"}", "\"output\"", "check \"unit\""); /* micro-dollars taken for dollars */
    refuse_model("{\"output\": -1}", "\"output\"", "below zero");
    refuse_model("{\"output\": \"-0.000001\"}", "\"output\"", "below zero");
    refuse_model("{\"input\": 0.000002}", "\"input\"", "0.001 per million"); /* a price per token taken for one per million */
    refuse_model("{\"per_request\": 101}", "\"per_request\"", "more than 100 per request");
    refuse_model("{\"input\": 1e15, \"confirmed\": true}", "\"input\"", "");
    refuse_model("{\"input\": 1000000001, \"confirmed\": true}", "\"input\"", "beyond all reason");
    refuse_model("{\"input\": -1, \"confirmed\": true}", "\"input\"", "below zero");
    refuse_model("{\"tiers\": [{\"above_prompt_tokens\": 5, \"input\": 20000}]}", "tiers[0].input", "10,000 per million");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"unit\": \"per_token\", \"models\": {\"a/b\": {\"input\": 2.5}}}", "a/b", "10,000 per million");
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT), 2500000);
    prices_load(catalog, file_with("\"openai/gpt-4o\": {\"input\": 10000, \"output\": 0, \"cache_read\": 0.001}"));
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT), INT64_C(10000000000));
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_OUTPUT), 0);
    prices_load(catalog, file_with("\"openai/gpt-4o\": {\"confirmed\": true, \"input\": 10001, \"per_request\": 101}"));
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT), INT64_C(10001000000));
}

static void test_wrong_values(void **state)
{
    (void)state;
    static const struct {
        const char *body, *piece, *other;
    } cases[] = {
        { "5", "prices.json: \"openai/gpt-4o\" must", "must be an object of prices" },
        { "{\"input\": null}", "\"input\"", "must be a number" },
        { "{\"input\": \"free\"}", "\"input\"", "exactly" },
        { "{\"input\": \"2,5\"}", "\"input\"", "exactly" },
        { "{\"input\": 0.0000001}", "\"input\"", "exactly" },
        { "{\"input\": 0.30000000000000004}", "\"input\"", "exactly" },
        { "{\"input\": 9223372036854775807}", "\"input\"", "exactly" },
        { "{\"batch_multiplier\": 0}", "batch_multiplier", "above 0" },
        { "{\"batch_multiplier\": 101}", "batch_multiplier", "at most 100" },
        { "{\"flex_multiplier\": [1]}", "flex_multiplier", "must be a number" },
        { "{\"max_output\": 0}", "max_output", "whole number" },
        { "{\"context\": 1.5}", "context", "whole number" },
        { "{\"context\": 1000000000001}", "context", "whole number" },
        { "{\"aliases\": \"x\"}", "aliases", "list of names" },
        { "{\"aliases\": [1]}", "aliases", "list of names" },
        { "{\"aliases\": [\"\"]}", "aliases", "list of names" },
        { "{\"aliases\": [\"gpt-4o-mini\"]}", "aliases", "model of its own" },
        { "{\"source\": 5}", "source", "must be a text" },
        { "{\"currency\": \"usd\"}", "currency", "three capital letters" },
        { "{\"currency\": \"DOLLAR\"}", "currency", "three capital letters" },
        { "{\"currency\": 5}", "currency", "three capital letters" },
        { "{\"free\": 1}", "free", "true or false" },
        { "{\"confirmed\": \"yes\"}", "confirmed", "true or false" },
        { "{\"free\": true, \"input\": 1}", "free", "exclude" },
        { "{\"priority\": 5}", "priority", "object of rates" },
        { "{\"tiers\": {}}", "tiers", "list of tiers" },
        { "{\"tiers\": [5]}", "tiers[0]", "must be an object" },
        { "{\"tiers\": [{\"input\": 5}]}", "tiers[0].above_prompt_tokens", "missing" },
        { "{\"tiers\": [{\"above_prompt_tokens\": -1}]}", "tiers[0].above_prompt_tokens", "whole number" },
        { "{\"tiers\": [{\"min_output_tokens\": 0}]}", "tiers[0].min_output_tokens", "whole number" },
        { "{\"tiers\": [{\"above_prompt_tokens\": 5}, {\"above_prompt_tokens\": 5}]}", "tiers[1].above_prompt_tokens", "same length" },
        { "{\"input\": 1, \"input\": 2}", "prices.json", "duplicate" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        refuse_model(cases[i].body, cases[i].piece, cases[i].other);
    prices_refuse(catalog, file_with("\"house/new\": {\"output\": 1}"), "house/new", "\"input\" is missing");
    prices_refuse(catalog, file_with("\"house/new\": {\"tiers\": [{\"above_prompt_tokens\": 5, \"input\": 1}]}"), "house/new",
                  "\"input\" is missing");
}

static void test_too_many_tiers(void **state)
{
    (void)state;
    char tiers[4096] = "{\"tiers\": [";
    for (int i = 0; i < 60; i++)
        snprintf(tiers + strlen(tiers), sizeof tiers - strlen(tiers), "%s{\"above_prompt_tokens\": %d}", i ? "," : "", i);
    strcat(tiers, "]}");
    char models[5000];
    snprintf(models, sizeof models, "\"openai/gpt-4o\": %s", tiers);
    prices_refuse(catalog, file_with(models), "tiers[47]", "one tier too many");
}

static void test_wrong_files(void **state)
{
    (void)state;
    prices_refuse(catalog, "", "prices.json", "line 1");
    prices_refuse(catalog, "{\"a\":\n]", "prices.json", "line 2");
    prices_refuse(catalog, "[]", "prices.json", "must be a JSON object");
    prices_refuse(catalog, "{}", "prices.json", "holds no prices");
    prices_refuse(catalog, "{\"unit\": \"per_token\", \"models\": {}}", "holds no prices", "llmcost_prices");
    prices_refuse(catalog, "{\"llmcost_prices\": 2, \"unit\": \"per_token\", \"models\": {}}", "llmcost_prices", "must be 1");
    prices_refuse(catalog, "{\"llmcost_prices\": true, \"unit\": \"per_token\", \"models\": {}}", "llmcost_prices", "must be 1");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"models\": {}}", "\"unit\"", "per_million_tokens");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"unit\": \"per_word\", \"models\": {}}", "\"unit\"", "per_million_tokens");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"unit\": 6, \"models\": {}}", "\"unit\"", "per_million_tokens");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"unit\": \"per_token\"}", "\"models\"", "must be an object");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"unit\": \"per_token\", \"models\": []}", "\"models\"", "must be an object");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"unit\": \"per_token\", \"currency\": \"$\", \"models\": {}}", "currency", "three capital");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"unit\": \"per_token\", \"as_of\": \"yesterday\", \"models\": {}}", "as_of", "2026-11-21");
    prices_refuse(catalog, "{\"llmcost_prices\": 1, \"unit\": \"per_token\", \"as_of\": 5, \"models\": {}}", "as_of", "2026-11-21");
    prices_refuse(catalog, file_with("\"gpt-4o\": {\"input\": 1}"), "gpt-4o", "provider/model");
    prices_refuse(catalog, file_with("\"/gpt-4o\": {\"input\": 1}"), "gpt-4o", "provider/model");
    prices_refuse(catalog, file_with("\"openai/\": {\"input\": 1}"), "openai", "provider/model");
    prices_refuse(catalog, file_with("\"openai/gpt-4o\": {\"input\": 1}, \"openai/gpt-4o\": {\"input\": 2}"), "prices.json", "duplicate");
    prices_load(catalog, file_with(""));
    assert_int_equal(rate("openai", "gpt-4o", LLMCOST_INPUT), 2500000);
}

/* ---------------------------------------------------------------- memory */

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    char models[6000] =
        "\"openai/gpt-4o\": {\"input\": 1, \"aliases\": [\"mine\"], \"source\": \"s\", \"tiers\": [{\"above_prompt_tokens\": 9, \"input\": 2}]}";
    for (int i = 0; i < 60; i++) /* enough to grow the index and the arena */
        snprintf(models + strlen(models), sizeof models - strlen(models), ", \"house/model-%d\": {\"input\": 1, \"aliases\": [\"alias-%d\"]}", i, i);
    size_t failures = 0;
    for (long n = 1;; n++) {
        price_memory memory;
        llmcost_error error;
        llmc_catalog *made = NULL;
        llmc_error_init(&error, &llmc_allocator_system);
        price_memory_init(&memory, 0);
        assert_int_equal(llmc_catalog_new(&made, &memory.allocator, &error), LLMCOST_OK);
        memory.fail_at = memory.count + n;
        const char *json = file_with(models);
        llmcost_status status = llmc_catalog_load(made, "prices.json", json, strlen(json), &error);
        if (status == LLMCOST_OK)
            assert_int_equal(plain_rate(made, "house", "alias-59", LLMCOST_INPUT), 1000000);
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

/* Each is at the edge of what is taken, and says nothing beyond itself. */
static void test_edges(void **state)
{
    (void)state;
    prices_load(catalog, "{\"llmcost_prices\": 1, \"unit\": \"per_million_tokens\", \"as_of\": \"2029-09-19\", \"models\": {"
                         "\"house/most\": {\"confirmed\": true, \"input\": 1000000000, \"output\": 1}, \"house/half\": {\"batch_multiplier\": 0.5}}}");
    assert_int_equal(rate("house", "most", LLMCOST_INPUT), INT64_C(1000000000000000));
    llmc_rates rates;
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "house", "most"), &(llmc_price_query){ 0 }, &rates));
    assert_false(rates.uncertain); /* by being confirmed */
    prices_load(catalog, file_with("\"house/half\": {\"input\": 2, \"output\": 4}"));
    assert_int_equal(rate_at("house", "half", 10, "batch", LLMCOST_OUTPUT), 2000000); /* what was said before there was a price */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_catalog, close_catalog)
    const struct CMUnitTest tests[] = {
        TEST(test_override_inherits_what_it_leaves_out),
        TEST(test_custom_cache_rate_is_used),
        TEST(test_later_files_win),
        TEST(test_override_by_alias_leaves_the_model_alone),
        TEST(test_override_holds_on_every_day_and_hour),
        TEST(test_inherited_tiers_cost_no_less),
        TEST(test_tiers),
        TEST(test_tiers_hold_in_every_price_list),
        TEST(test_levels),
        TEST(test_multiplier_rounds_half_up),
        TEST(test_new_rows),
        TEST(test_free_and_unpriced),
        TEST(test_currencies),
        TEST(test_units_are_exact),
        TEST(test_unknown_members_name_the_nearest),
        TEST(test_ranges),
        TEST(test_wrong_values),
        TEST(test_too_many_tiers),
        TEST(test_wrong_files),
        TEST(test_every_allocation_may_fail),
        TEST(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
