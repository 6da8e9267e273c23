/* The built-in table, its rules, and bills to the last unit. */
#include "../support/prices.h"
#include "../support/rounds.h"
#include "../support/shared.h"
#include "money/catalog_rows.h"

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

static int64_t rate_with(const char *provider, const char *model, int64_t prompt, const char *tier, llmcost_class token_class)
{
    return rate_of(catalog, provider, model, (llmc_price_query){ .wall_ms = price_day, .prompt_tokens = prompt, .tier = tier }, token_class);
}

/* ---------------------------------------------------------------- bills */

static void check_bill(const char *provider, const char *model, llmc_usage usage, int64_t nano)
{
    assert_int_equal(cost_of(catalog, provider, model, &usage, price_day, NULL), nano);
}

static void test_published_bills(void **state)
{
    (void)state;
    llmc_usage usage = usage_of(86, 1920, 300, -1);
    check_bill("openai", "gpt-4o", usage, 5615000);
    assert_int_equal(cost_of(catalog, "openai", "gpt-4o", &usage, price_day, "batch"), 2807500);

    usage = usage_of(1000, 4000, 400, 600);
    usage.quantity[LLMCOST_WRITE_30M] = 5000;
    check_bill("openai", "gpt-5.6-luna", usage, 2730000);

    usage = usage_of(50, 20000, 400, -1);
    usage.quantity[LLMCOST_WRITE_5M] = 1000;
    usage.quantity[LLMCOST_WRITE_1H] = 2000;
    check_bill("anthropic", "claude-sonnet-4-5", usage, 27900000);

    usage = usage_of(5000, 98000, 200, -1); /* cached and written tokens count for the tier */
    usage.quantity[LLMCOST_WRITE_5M] = 1000;
    check_bill("anthropic", "claude-haiku-5-5", usage, 8525000);

    check_bill("google", "gemini-2.5-flash", usage_of(1250, -1, 100, 900), 2875000);
    check_bill("xai", "grok-4.3", usage_of(600, 400, 20, 300), 1630000);
    check_bill("moonshot", "kimi-k2.5", usage_of(1000, 2000, 100, -1), 1100000);
    check_bill("dashscope", "qwen3-max", usage_of(40000, -1, 1000, -1), 176000000);

    usage = usage_of(2000, 8000, 500, -1);
    assert_int_equal(cost_of(catalog, "deepseek", "deepseek-flash", &usage, at_time(2026, 11, 21, 2, 0), NULL), 624000);
    assert_int_equal(cost_of(catalog, "deepseek", "deepseek-flash", &usage, at_time(2026, 11, 23, 2, 0), NULL), 1248000);
}

/* What others billed wrongly. */
static void test_bills_that_went_wrong_elsewhere(void **state)
{
    (void)state;
    llmc_usage usage = usage_of(3, 0, 550, -1); /* 3 / 3.75 / 15 per million */
    usage.quantity[LLMCOST_WRITE_5M] = 12304;
    check_bill("anthropic", "claude-sonnet-4-6", usage, 54399000);

    usage = usage_of(0, 0, 0, -1);
    usage.quantity[LLMCOST_WRITE_5M] = 1000;
    check_bill("anthropic", "claude-sonnet-4-6", usage, 3750000); /* and nothing more for the same tokens as input */

    check_bill("google", "gemini-3.1-pro-preview", usage_of(250000, -1, 0, -1), INT64_C(1000000000));
    check_bill("google", "gemini-3.1-pro-preview", usage_of(200000, -1, 0, -1), 400000000);
    check_bill("google", "gemini-3.1-pro-preview", usage_of(200001, -1, 0, -1), 800004000);

    check_bill("openai", "gpt-5.5-pro", usage_of(14746, -1, 584, 1360), 792300000);
    check_bill("google", "gemini-2.5-flash", usage_of(0, -1, 1000, 50), 2625000);

    check_bill("openai", "gpt-5", usage_of(51232, 1188096, 12909, -1), 341642000);
}

static void test_unknown_is_not_free(void **state)
{
    (void)state;
    assert_null(llmc_catalog_find(catalog, "openai", "gpt-99-nova"));
    assert_null(llmc_catalog_find(catalog, "nobody", "gpt-4o"));
    assert_null(llmc_catalog_find(catalog, "", ""));
}

/* ---------------------------------------------------------------- finding */

static void test_find(void **state)
{
    (void)state;
    assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "openai", "gpt-4o")), "gpt-4o");
    assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "openai", "gpt-4o-2024-08-06")), "gpt-4o"); /* alias */
    assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "openai", "gpt-4o-2031-01-31")), "gpt-4o"); /* a date */
    assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "openai", "gpt-4o-latest")), "gpt-4o");
    assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "anthropic", "claude-opus-5-5-20261101")), "claude-opus-5-5");
    assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "openai", "gpt-5.6-2026-09-01")), "gpt-5.6-sol"); /* an alias with a date */
    assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "mistral", "mistral-large-latest")), "mistral-large-2512");
    static const char *const no_dates[] = { "gpt-4o-2024-8-06",
                                            "gpt-4o-202408061",
                                            "gpt-4o2024-08-06",
                                            "gpt-4o-2024-08-0x",
                                            "gpt-4o-LATEST",
                                            "gpt-4",
                                            "GPT-4o",
                                            "-latest",
                                            "-2024-08-06",
                                            "gpt-4o-latest-latest",
                                            "" };
    for (size_t i = 0; i < sizeof no_dates / sizeof no_dates[0]; i++)
        assert_null(llmc_catalog_find(catalog, "openai", no_dates[i]));
    assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "ollama", "qwen2.5:7b")), "*");
    assert_int_equal(llmc_model_max_output(llmc_catalog_find(catalog, "openai", "gpt-4o")), 16384);
    assert_int_equal(llmc_model_context(llmc_catalog_find(catalog, "openai", "gpt-4o")), 128000);
    assert_int_equal(llmc_model_max_output(llmc_catalog_find(catalog, "xai", "grok-4.7")), 0);
    assert_string_equal(llmc_model_status(llmc_catalog_find(catalog, "openai", "gpt-4o")), "current");
    assert_string_equal(llmc_model_status(llmc_catalog_find(catalog, "openai", "gpt-5")), "legacy");
    assert_string_equal(llmc_model_status(llmc_catalog_find(catalog, "google", "gemini-1.5-pro")), "historical");
}

/* A profile is billed as the model behind it, unless it has a row of its own. */
static void test_profiles_of_bedrock(void **state)
{
    (void)state;
    static const char *const names[] = {
        "amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0", "global.amazon.nova-lite-v1:0", "jp.amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0", "arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "bedrock", names[i])), "amazon.nova-lite-v1:0");
    static const char *const priced_apart[] = { "eu.amazon.nova-lite-v1:0", "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0" };
    for (size_t i = 0; i < sizeof priced_apart / sizeof priced_apart[0]; i++)
        assert_string_equal(llmc_model_name(llmc_catalog_find(catalog, "bedrock", priced_apart[i])), priced_apart[0]);
    static const char *const unknown[] = { "xx.amazon.nova-lite-v1:0", "us.eu.amazon.nova-lite-v1:0", "inference-profile/us.amazon.nova-lite-v1:0", "us.", "arn:", "arn:/",
                                           "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/x1y2z3" };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_null(llmc_catalog_find(catalog, "bedrock", unknown[i]));
    assert_null(llmc_catalog_find(catalog, "openai", "us.gpt-4o"));
    assert_false(llmc_catalog_has(catalog, "bedrock", "us.amazon.nova-lite-v1:0"));
    static const char own[] = "{\"llmcost_prices\": 1, \"unit\": \"per_million_tokens\", \"models\": {\"bedrock/us.amazon.nova-lite-v1:0\": {\"input\": 0.07, \"output\": 0.3}}}";
    llmc_catalog *loaded;
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_catalog_new(&loaded, &llmc_allocator_system, &error), LLMCOST_OK);
    assert_int_equal(llmc_catalog_load(loaded, "own", own, strlen(own), &error), LLMCOST_OK);
    assert_string_equal(llmc_model_name(llmc_catalog_find(loaded, "bedrock", names[1])), names[1]);
    assert_string_equal(llmc_model_name(llmc_catalog_find(loaded, "bedrock", names[2])), names[0]);
    llmc_catalog_free(loaded);
}

static void test_has(void **state)
{
    (void)state;
    assert_true(llmc_catalog_has(catalog, "openai", "gpt-4o"));
    assert_true(llmc_catalog_has(catalog, "openai", "gpt-4o-2024-08-06"));
    assert_true(llmc_catalog_has(catalog, "groq", "openai/gpt-oss-20b"));
    assert_false(llmc_catalog_has(catalog, "openai", "gpt-4o-2031-01-31"));
    assert_false(llmc_catalog_has(catalog, "anthropic", "gpt-4o"));
    assert_false(llmc_catalog_has(catalog, "ollama", "qwen2.5:7b"));
    assert_false(llmc_catalog_has(catalog, "ollama", "*"));
}

static void test_one_model_at_two_hosts(void **state)
{
    (void)state;
    llmc_rates dollars, yuan;
    llmc_price_query query = { .wall_ms = at_time(2026, 11, 23, 2, 0) };
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "deepseek", "deepseek-chat"), &query, &dollars));
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "deepseek-cny", "deepseek-chat"), &query, &yuan));
    assert_string_equal(dollars.currency, "USD");
    assert_string_equal(yuan.currency, "CNY");
    assert_int_equal(dollars.rate[LLMCOST_INPUT].pico, 300000);
    assert_int_equal(yuan.rate[LLMCOST_INPUT].pico, 2000000);
    assert_int_equal(plain_rate(catalog, "moonshot", "kimi-k3", LLMCOST_OUTPUT), 15000000);
    assert_int_equal(plain_rate(catalog, "moonshot-cn", "kimi-k3", LLMCOST_OUTPUT), 100000000);
    assert_int_equal(plain_rate(catalog, "dashscope", "qwen3-max", LLMCOST_INPUT), 2500000);
    assert_int_equal(plain_rate(catalog, "dashscope-intl", "qwen3-max", LLMCOST_INPUT), 1200000);
}

/* ---------------------------------------------------------------- rules */

static void test_tier_boundaries(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *model;
        int64_t threshold, below, above;
    } tiers[] = {
        { "openai", "gpt-5.4", 272000, 2500000, 5000000 },
        { "openai", "gpt-6.2-sol", 272000, 2000000, 4000000 },
        { "google", "gemini-2.5-pro", 200000, 1250000, 2500000 },
        { "google", "gemini-1.5-flash", 128000, 75000, 150000 },
        { "anthropic", "claude-sonnet-4-5", 200000, 3000000, 6000000 },
        { "anthropic", "claude-haiku-5-5", 100000, 100000, 500000 },
        { "minimax", "MiniMax-M3", 512000, 300000, 600000 },
        { "xai", "grok-4.3", 200000, 1250000, 2500000 },
        { "xai", "grok-4.7", 199999, 2000000, 4000000 }, /* starts AT 200,000 */
        { "dashscope", "qwen3-max", 32000, 2500000, 4000000 },
        { "dashscope", "qwen3-max", 128000, 4000000, 7000000 },
    };
    for (size_t i = 0; i < sizeof tiers / sizeof tiers[0]; i++) {
        assert_int_equal(rate_with(tiers[i].provider, tiers[i].model, tiers[i].threshold, NULL, LLMCOST_INPUT), tiers[i].below);
        assert_int_equal(rate_with(tiers[i].provider, tiers[i].model, tiers[i].threshold + 1, NULL, LLMCOST_INPUT), tiers[i].above);
    }
    assert_int_equal(rate_with("openai", "gpt-5.4", INT64_MAX, NULL, LLMCOST_INPUT), 5000000);
    assert_int_equal(rate_with("openai", "gpt-5.4", INT64_MIN, NULL, LLMCOST_INPUT), 2500000);
}

static void test_tier_by_output_length(void **state)
{
    (void)state;
    static const struct {
        int64_t prompt, output, input_rate, output_rate;
    } cases[] = { { 100, 199, 2000000, 8000000 },
                  { 100, 200, 3000000, 14000000 },
                  { 32000, 5000, 3000000, 14000000 },
                  { 32001, 10, 4000000, 16000000 },
                  { 32001, 5000, 4000000, 16000000 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmc_price_query query = { .wall_ms = price_day, .prompt_tokens = cases[i].prompt, .output_tokens = cases[i].output };
        assert_int_equal(rate_of(catalog, "zhipu", "glm-4.7", query, LLMCOST_INPUT), cases[i].input_rate);
        assert_int_equal(rate_of(catalog, "zhipu", "glm-4.7", query, LLMCOST_OUTPUT), cases[i].output_rate);
    }
}

static int64_t luna_on(int64_t wall_ms, int64_t prompt)
{
    return rate_of(catalog, "openai", "gpt-5.6-luna", (llmc_price_query){ .wall_ms = wall_ms, .prompt_tokens = prompt }, LLMCOST_INPUT);
}

static void test_dated_prices(void **state)
{
    (void)state;
    assert_int_equal(luna_on(at_time(2026, 7, 29, 23, 59), 10), 1000000);
    assert_int_equal(luna_on(at_time(2026, 7, 29, 23, 59), 272001), 2000000);
    assert_int_equal(luna_on(at_time(2026, 7, 30, 0, 0), 10), 200000);
    assert_int_equal(luna_on(at_time(2026, 7, 30, 0, 0), 272001), 400000);
    assert_int_equal(luna_on(0, 10), 200000); /* the time is not known: as of the table */
    llmc_price_query before = { .wall_ms = at_time(2026, 11, 30, 23, 59) }, after = { .wall_ms = at_time(2026, 12, 1, 0, 0) };
    assert_int_equal(rate_of(catalog, "google", "gemini-4-argon", before, LLMCOST_OUTPUT), 10000000);
    assert_int_equal(rate_of(catalog, "google", "gemini-4-argon", after, LLMCOST_OUTPUT), 20000000);
    llmc_price_query first = { .wall_ms = at_time(2026, 9, 28, 0, 0) }, last = { .wall_ms = at_time(2026, 10, 6, 23, 59) },
                     next = { .wall_ms = at_time(2026, 10, 7, 0, 0) };
    assert_int_equal(rate_of(catalog, "anthropic", "claude-sonnet-5-5", first, LLMCOST_INPUT_CACHED), 200000);
    assert_int_equal(rate_of(catalog, "anthropic", "claude-sonnet-5-5", last, LLMCOST_INPUT_CACHED), 200000);
    assert_int_equal(rate_of(catalog, "anthropic", "claude-sonnet-5-5", next, LLMCOST_INPUT_CACHED), 100000);
}

static void test_hours(void **state)
{
    (void)state;
    static const struct {
        int day, hour, minute;
        bool peak;
    } cases[] = {
        { 23, 0, 59, false }, { 23, 1, 0, true },   { 23, 3, 59, true }, { 23, 4, 0, false }, { 23, 5, 59, false }, { 23, 6, 0, true },
        { 23, 9, 59, true },  { 23, 10, 0, false }, { 27, 9, 59, true }, { 28, 2, 0, false }, { 29, 7, 0, false },  { 21, 2, 0, false },
    }; /* the 23rd is a Monday, the 27th a Friday */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        llmc_price_query query = { .wall_ms = at_time(2026, 11, cases[i].day, cases[i].hour, cases[i].minute) };
        assert_int_equal(rate_of(catalog, "deepseek", "deepseek-flash", query, LLMCOST_INPUT), cases[i].peak ? 300000 : 150000);
        assert_int_equal(rate_of(catalog, "deepseek-cny", "deepseek-v4-pro", query, LLMCOST_INPUT_CACHED), cases[i].peak ? 300000 : 150000);
    }
    assert_int_equal(rate_of(catalog, "deepseek", "deepseek-flash", (llmc_price_query){ 0 }, LLMCOST_INPUT), 300000); /* no time: peak */
}

static void test_service_levels(void **state)
{
    (void)state;
    assert_int_equal(rate_with("openai", "gpt-4o", 10, "batch", LLMCOST_INPUT), 1250000);
    assert_int_equal(rate_with("openai", "gpt-4o", 10, "batch", LLMCOST_INPUT_CACHED), 625000);
    assert_int_equal(rate_with("openai", "gpt-4o-mini", 10, "batch", LLMCOST_INPUT_CACHED), 37500);
    assert_int_equal(rate_with("anthropic", "claude-3-haiku", 10, "batch", LLMCOST_WRITE_1H), 250000);
    assert_int_equal(rate_with("openai", "gpt-5-nano", 10, "flex", LLMCOST_INPUT_CACHED), 2500);
    assert_int_equal(rate_with("google", "gemini-2.0-flash", 10, "flex", LLMCOST_INPUT), 100000); /* it has none: the plain rate */
    assert_int_equal(rate_with("openai", "gpt-4o", 10, "priority", LLMCOST_INPUT), 4250000);
    assert_int_equal(rate_with("openai", "gpt-4o", 10, "priority", LLMCOST_OUTPUT), 17000000);
    assert_int_equal(rate_with("openai", "gpt-4o", 10, "priority", LLMCOST_REASONING), 17000000);
    assert_int_equal(rate_with("openai", "gpt-4o", 10, "priority", LLMCOST_INPUT_CACHED), 2125000);
    assert_int_equal(rate_with("google", "gemini-3.5-flash", 10, "priority", LLMCOST_INPUT), 2700000); /* times 1.8 */
    assert_int_equal(rate_with("openai", "gpt-6-sol", 10, "fast", LLMCOST_WRITE_30M), 5000000);
    assert_int_equal(rate_with("openai", "gpt-4o", 10, "default", LLMCOST_INPUT), 2500000);
    assert_int_equal(rate_with("openai", "gpt-4o", 10, "", LLMCOST_INPUT), 2500000);
    assert_int_equal(rate_with("openai", "gpt-4o", 10, "Priority", LLMCOST_INPUT), 4250000);
    assert_int_equal(rate_with("openai", "gpt-5.4", 300000, "priority", LLMCOST_INPUT), 10000000); /* the tier and the level */
    assert_int_equal(rate_with("openai", "gpt-5.4", 300000, "batch", LLMCOST_INPUT_CACHED), 250000);
}

static void test_inheritance(void **state)
{
    (void)state;
    assert_int_equal(plain_rate(catalog, "openai", "gpt-3.5-turbo", LLMCOST_INPUT_CACHED), 500000); /* no discount known */
    assert_int_equal(plain_rate(catalog, "openai", "gpt-4o", LLMCOST_WRITE_5M), 2500000);           /* no surcharge known */
    assert_int_equal(plain_rate(catalog, "openai", "gpt-4o", LLMCOST_WRITE_1H), 2500000);
    assert_int_equal(plain_rate(catalog, "minimax", "MiniMax-M2.7", LLMCOST_WRITE_1H), 375000); /* the surcharge that is known */
    assert_int_equal(plain_rate(catalog, "openai", "gpt-4o", LLMCOST_REASONING), 10000000);
    assert_int_equal(plain_rate(catalog, "openai", "gpt-4o", LLMCOST_AUDIO_IN), 2500000);
    assert_int_equal(plain_rate(catalog, "openai", "gpt-4o", LLMCOST_AUDIO_OUT), 10000000);
    assert_int_equal(plain_rate(catalog, "openai", "gpt-audio", LLMCOST_AUDIO_IN), 32000000);
    assert_int_equal(plain_rate(catalog, "openai", "gpt-audio", LLMCOST_AUDIO_OUT), 64000000);
    assert_int_equal(plain_rate(catalog, "openai", "gpt-4o", LLMCOST_REQUEST), 0);
    assert_int_equal(plain_rate(catalog, "perplexity", "sonar", LLMCOST_REQUEST), INT64_C(5000000000));
    assert_int_equal(plain_rate(catalog, "perplexity", "sonar-deep-research", LLMCOST_REASONING), 3000000);
    assert_int_equal(plain_rate(catalog, "openai", "text-embedding-3-small", LLMCOST_INPUT), 20000);
    assert_int_equal(rate_with("xai", "grok-4-1-fast", 200000, NULL, LLMCOST_INPUT_CACHED), 400000); /* the tier's own input rate */
}

static void test_thinking_reprices_all_output(void **state)
{
    (void)state;
    llmc_usage thinking = usage_of(1000, 0, 100, 200), plain = usage_of(1000, 0, 300, -1);
    assert_int_equal(cost_of(catalog, "dashscope-intl", "qwen-plus", &thinking, price_day, NULL), 400000 + 300 * 4000);
    assert_int_equal(cost_of(catalog, "dashscope-intl", "qwen-plus", &plain, price_day, NULL), 400000 + 300 * 1200);
    assert_int_equal(cost_of(catalog, "perplexity", "sonar-deep-research", &thinking, price_day, NULL), 2000000 + 100 * 8000 + 200 * 3000);
}

static void test_free_and_unsure(void **state)
{
    (void)state;
    llmc_rates rates;
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "ollama", "llama3"), &(llmc_price_query){ 0 }, &rates));
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        assert_int_equal(rates.rate[i].pico, 0);
    memset(&rates, 0xff, sizeof rates);
    llmc_rates_free_of_charge(&rates, "CNY");
    assert_string_equal(rates.currency, "CNY");
    assert_false(rates.uncertain);
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        assert_int_equal(rates.rate[i].pico, 0);
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "openai", "gpt-5.6-sol"), &(llmc_price_query){ 0 }, &rates));
    assert_true(rates.uncertain);
    assert_string_equal(rates.source, "launch or promotion notice as reported, 2026-08-21");
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "dashscope", "qwen3-max"), &(llmc_price_query){ 0 }, &rates));
    assert_false(rates.uncertain);
    assert_string_equal(rates.source, "provider price page, 2026-08");
}

static void test_cost_overflow_is_detected(void **state)
{
    (void)state;
    llmc_rates rates;
    int64_t nano = -1;
    assert_true(llmc_model_rates(llmc_catalog_find(catalog, "openai", "gpt-4o"), &(llmc_price_query){ 0 }, &rates));
    llmc_usage usage = usage_of(INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX);
    assert_false(llmc_price_usage(&rates, &usage, 1000000000, &nano));
    usage = usage_of(INT64_MIN, -5, 10, -1);
    assert_true(llmc_price_usage(&rates, &usage, 1000000000, &nano));
    assert_int_equal(nano, 100000);
    assert_true(llmc_price_usage(&rates, &usage, INT64_C(7123456789), &nano)); /* another currency's ledger */
    assert_int_equal(nano, 712346);
}

/* ---------------------------------------------------------------- the upper bound */

static void worst_of(const char *provider, const char *model, llmc_price_query query, llmc_rates *worst)
{
    assert_true(llmc_model_rates_worst(llmc_catalog_find(catalog, provider, model), &query, worst));
}

static void test_worst_case(void **state)
{
    (void)state;
    llmc_rates worst;
    worst_of("openai", "gpt-5.4", (llmc_price_query){ .wall_ms = price_day, .prompt_tokens = 272000 }, &worst);
    assert_int_equal(worst.rate[LLMCOST_INPUT].pico, 2500000); /* not wider than it must be */
    worst_of("openai", "gpt-5.4", (llmc_price_query){ .wall_ms = price_day, .prompt_tokens = 272001 }, &worst);
    assert_int_equal(worst.rate[LLMCOST_INPUT].pico, 5000000);
    assert_int_equal(worst.rate[LLMCOST_OUTPUT].pico, 22500000);
    worst_of("deepseek", "deepseek-flash", (llmc_price_query){ .wall_ms = price_day }, &worst); /* any hour of the day */
    assert_int_equal(worst.rate[LLMCOST_INPUT].pico, 300000);
    worst_of("zhipu", "glm-4.7", (llmc_price_query){ .wall_ms = price_day, .prompt_tokens = 10, .output_tokens = 199 }, &worst);
    assert_int_equal(worst.rate[LLMCOST_OUTPUT].pico, 8000000);
    worst_of("zhipu", "glm-4.7", (llmc_price_query){ .wall_ms = price_day, .prompt_tokens = 10, .output_tokens = 200 }, &worst);
    assert_int_equal(worst.rate[LLMCOST_OUTPUT].pico, 14000000);
    worst_of("openai", "gpt-5.6-luna", (llmc_price_query){ .wall_ms = price_day }, &worst); /* yesterday's price is no bound for today */
    assert_int_equal(worst.rate[LLMCOST_INPUT].pico, 200000);
    worst_of("openai", "gpt-5.6-luna", (llmc_price_query){ .wall_ms = 0 }, &worst); /* on a day that is not known it is */
    assert_int_equal(worst.rate[LLMCOST_INPUT].pico, 1000000);
    worst_of("openai", "gpt-4o", (llmc_price_query){ .wall_ms = price_day, .tier = "priority" }, &worst);
    assert_int_equal(worst.rate[LLMCOST_OUTPUT].pico, 17000000);
    worst_of("perplexity", "sonar", (llmc_price_query){ .wall_ms = price_day }, &worst);
    assert_int_equal(worst.rate[LLMCOST_REQUEST].pico, INT64_C(12000000000));
    worst_of("dashscope-intl", "qwen-plus", (llmc_price_query){ .wall_ms = price_day }, &worst);
    assert_int_equal(worst.rate[LLMCOST_OUTPUT].pico, 4000000);
}

/* Five calls of 300,000 tokens against a cap of 0.45: a bound below the tier would admit four. */
static void test_bound_covers_the_tier(void **state)
{
    (void)state;
    llmc_rates worst;
    int64_t bound = 0;
    worst_of("openai", "gpt-5.6-luna", (llmc_price_query){ .wall_ms = price_day, .prompt_tokens = 300000, .output_tokens = 1000 }, &worst);
    llmc_usage usage = usage_of(300000, 0, 1000, -1);
    assert_true(llmc_price_usage(&worst, &usage, 1000000000, &bound));
    assert_int_equal(bound, cost_of(catalog, "openai", "gpt-5.6-luna", &usage, price_day, NULL));
    assert_int_equal(bound, 121800000);
    assert_int_equal(450000000 / bound, 3);
}

static uint64_t random_state = 0x9E3779B97F4A7C15u;
static uint64_t random_number(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

/* Whatever is asked within the lengths and the day, no class costs more than the bound. */
static void test_worst_case_is_a_bound(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "openai", "gpt-5.4" },
        { "openai", "gpt-5.6-sol" },
        { "openai", "gpt-4o" },
        { "deepseek", "deepseek-flash" },
        { "zhipu", "glm-4.7" },
        { "zhipu", "glm-4.5-air" },
        { "xai", "grok-4-1-fast" },
        { "dashscope-intl", "qwen-plus" },
        { "google", "gemini-4-argon" },
        { "dashscope", "qwen3-max" },
        { "anthropic", "claude-sonnet-5-5" },
        { "perplexity", "sonar" },
    };
    static const char *const tiers[] = { "", "batch", "flex", "priority", "fast" };
    for (int round = 0, rounds = test_rounds(60000); round < rounds; round++) {
        const char *const *row = rows[random_number(sizeof rows / sizeof rows[0])];
        const llmc_model *model = llmc_catalog_find(catalog, row[0], row[1]);
        int64_t day = at_time(2026, 7, 25, 0, 0) + (int64_t)random_number(200) * 86400000;
        llmc_price_query most = { .wall_ms = day,
                                  .prompt_tokens = (int64_t)random_number(400000),
                                  .output_tokens = (int64_t)random_number(400),
                                  .tier = tiers[random_number(5)] };
        llmc_price_query one = { .wall_ms = day + (int64_t)random_number(86400000),
                                 .prompt_tokens = (int64_t)random_number((uint64_t)most.prompt_tokens + 1),
                                 .output_tokens = (int64_t)random_number((uint64_t)most.output_tokens + 1),
                                 .reasoned = random_number(2),
                                 .tier = most.tier };
        llmc_rates bound, actual;
        assert_true(llmc_model_rates_worst(model, &most, &bound));
        assert_true(llmc_model_rates(model, &one, &actual));
        for (int i = 0; i < LLMCOST_CLASS_COUNT; i++) {
            if (actual.rate[i].pico > bound.rate[i].pico)
                fail_msg("%s class %d: %lld above the bound %lld", row[1], i, (long long)actual.rate[i].pico, (long long)bound.rate[i].pico);
        }
    }
}

/* What is called fixed is what every request of the standard tier is charged, and its bound. */
static void test_fixed_rates_hold_for_every_request(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "openai", "gpt-4o" },          { "openai", "gpt-4o-mini" },      { "openai", "gpt-5.4" },   { "deepseek", "deepseek-flash" }, { "zhipu", "glm-4.7" },
        { "anthropic", "claude-sonnet-4-5" }, { "dashscope", "qwen3-max" }, { "perplexity", "sonar" }, { "google", "gemini-4-argon" },
    };
    int fixed_count = 0, others = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const llmc_model *model = llmc_catalog_find(catalog, rows[i][0], rows[i][1]);
        llmc_rates fixed, actual, worst;
        if (!llmc_model_rates_fixed(model, &fixed)) {
            others++;
            continue;
        }
        fixed_count++;
        for (int round = 0; round < 500; round++) {
            llmc_price_query query = { .wall_ms = (int64_t)random_number(4000000000000u), .prompt_tokens = (int64_t)random_number(2000000),
                                       .output_tokens = (int64_t)random_number(200000), .reasoned = random_number(2) };
            assert_true(llmc_model_rates(model, &query, &actual));
            assert_true(llmc_model_rates_worst(model, &query, &worst));
            assert_memory_equal(fixed.rate, actual.rate, sizeof fixed.rate);
            assert_memory_equal(fixed.rate, worst.rate, sizeof fixed.rate);
            assert_string_equal(fixed.currency, actual.currency);
            assert_ptr_equal(fixed.source, actual.source);
            assert_int_equal(fixed.uncertain, actual.uncertain);
        }
    }
    assert_true(fixed_count > 0 && others > 0);
}

/* ---------------------------------------------------------------- against the reference prices */

static int64_t figure(const json_t *rates, const char *name, int64_t otherwise)
{
    const char *text = json_string_value(json_object_get(rates, name));
    int64_t pico = otherwise;
    if (text)
        assert_true(llmc_decimal(text, strlen(text), 6, &pico));
    return pico;
}

static int64_t largest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* One set of reference rates against what the catalog answers, class by class, times a multiplier in thousandths. */
static void compare_rates(const json_t *entry, const char *provider, const json_t *rates, llmc_price_query query, int64_t thousandths)
{
    const json_t *factors = json_object_get(entry, "cache_factors");
    const char *model = json_string_value(json_object_get(entry, "model"));
    int64_t expected[LLMCOST_CLASS_COUNT];
    int64_t input = figure(rates, "input", -1), output = figure(rates, "output", input), write = -1;
    expected[LLMCOST_INPUT] = input;
    expected[LLMCOST_OUTPUT] = output;
    expected[LLMCOST_INPUT_CACHED] = factors ? input * figure(factors, "implicit_read", 0) / 1000000 : figure(rates, "cache_read", input);
    expected[LLMCOST_WRITE_5M] = factors ? input * figure(factors, "explicit_write_5m", 0) / 1000000 : figure(rates, "cache_write_5m", -1);
    expected[LLMCOST_WRITE_30M] = figure(rates, "cache_write_30m", -1);
    expected[LLMCOST_WRITE_1H] = figure(rates, "cache_write_1h", figure(rates, "cache_write_12h", -1));
    for (int i = LLMCOST_WRITE_5M; i <= LLMCOST_WRITE_1H; i++)
        write = largest(write, expected[i]);
    for (int i = LLMCOST_WRITE_5M; i <= LLMCOST_WRITE_1H; i++)
        expected[i] = expected[i] >= 0 ? expected[i] : write >= 0 ? write : input;
    expected[LLMCOST_REASONING] = figure(rates, "reasoning", output);
    expected[LLMCOST_AUDIO_IN] = figure(rates, "audio_input", input);
    expected[LLMCOST_AUDIO_OUT] = figure(rates, "audio_output", output);
    for (int i = 0; i < LLMCOST_REQUEST; i++) {
        int64_t got = rate_of(catalog, provider, model, query, (llmcost_class)i), want = (expected[i] * thousandths + 500) / 1000;
        if (got != want)
            fail_msg("%s/%s class %d prompt %lld tier %s: %lld, not %lld", provider, model, i, (long long)query.prompt_tokens,
                     query.tier ? query.tier : "", (long long)got, (long long)want);
    }
}

static void compare_list(const json_t *entry, const char *provider, const json_t *list, int64_t wall_ms)
{
    size_t index;
    const json_t *tier;
    compare_rates(entry, provider, json_object_get(list, "rates"), (llmc_price_query){ .wall_ms = wall_ms }, 1000);
    json_array_foreach(json_object_get(list, "tiers"), index, tier)
    {
        int64_t above = json_integer_value(json_object_get(tier, "above_input_tokens"));
        int64_t least = json_integer_value(json_object_get(tier, "and_output_at_least"));
        llmc_price_query query = { .wall_ms = wall_ms, .prompt_tokens = above + 1, .output_tokens = least };
        compare_rates(entry, provider, json_object_get(tier, "rates"), query, 1000);
    }
}

static int64_t day_of_text(const json_t *text)
{
    int year, month, day;
    assert_int_equal(sscanf(json_string_value(text), "%d-%d-%d", &year, &month, &day), 3);
    return at_time(year, month, day, 0, 0);
}

static void compare_periods(const json_t *entry, const char *provider)
{
    size_t index;
    const json_t *period;
    json_array_foreach(json_object_get(entry, "periods"), index, period)
    {
        const json_t *from = json_object_get(period, "from"), *until = json_object_get(period, "until");
        if (from)
            compare_list(entry, provider, period, day_of_text(from));
        if (until)
            compare_list(entry, provider, period, day_of_text(until) + 86399999);
    }
}

static void compare_levels(const json_t *entry, const char *provider)
{
    static const char *const levels[] = { "batch", "flex", "priority", "fast" };
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s_multiplier", levels[i]);
        llmc_price_query query = { .wall_ms = price_day, .tier = levels[i] };
        int64_t millionths = figure(entry, name, 1000000);
        const json_t *own = i == 2 ? json_object_get(entry, "priority_rates") : NULL;
        if (!json_object_get(entry, "time_of_day"))
            compare_rates(entry, provider, own ? own : json_object_get(entry, "rates"), query, millionths / 1000);
        if (own) { /* what it leaves out costs in proportion; here all is given but the cache writes, which cost the input rate */
            assert_int_equal(rate_of(catalog, provider, json_string_value(json_object_get(entry, "model")), query, LLMCOST_WRITE_1H),
                             figure(own, "input", -1));
        }
    }
}

static void compare_row(const json_t *entry)
{
    const char *provider = json_string_value(json_object_get(entry, "provider")), *name = json_string_value(json_object_get(entry, "model"));
    const char *currency = json_string_value(json_object_get(entry, "currency"));
    if (strcmp(provider, "deepseek") == 0 && strcmp(currency, "CNY") == 0)
        provider = "deepseek-cny";
    const llmc_model *model = llmc_catalog_find(catalog, provider, name);
    assert_non_null(model);
    assert_string_equal(llmc_model_name(model), name);
    size_t index;
    const json_t *alias;
    json_array_foreach(json_object_get(entry, "aliases"), index, alias)
        assert_ptr_equal(llmc_catalog_find(catalog, provider, json_string_value(alias)), model);
    llmc_rates rates;
    assert_true(llmc_model_rates(model, &(llmc_price_query){ 0 }, &rates));
    assert_string_equal(rates.currency, currency);
    assert_int_equal(rates.uncertain, json_is_true(json_object_get(entry, "uncertain")));
    assert_string_equal(llmc_model_status(model), json_string_value(json_object_get(entry, "status")));
    assert_int_equal(llmc_model_max_output(model), json_integer_value(json_object_get(entry, "max_output")));
    assert_int_equal(llmc_model_context(model), json_integer_value(json_object_get(entry, "context_window")));
    const char *date = json_string_value(json_object_get(entry, "source_date"));
    assert_string_equal(rates.source + strlen(rates.source) - strlen(date), date);

    compare_list(entry, provider, entry, 0);
    const json_t *hours = json_object_get(entry, "time_of_day");
    if (!hours)
        compare_list(entry, provider, entry, price_day);
    if (hours) {
        compare_rates(entry, provider, json_object_get(entry, "rates"), (llmc_price_query){ .wall_ms = at_time(2026, 11, 23, 2, 0) }, 1000);
        compare_rates(entry, provider, json_object_get(hours, "off_peak_rates"), (llmc_price_query){ .wall_ms = price_day }, 1000);
    }
    compare_periods(entry, provider);
    compare_levels(entry, provider);

    const json_t *fees = json_object_get(entry, "per_request"), *least = json_object_get(fees, "low");
    if (!least)
        least = json_object_get(fees, "per_search_query");
    int64_t fee = 0, most;
    if (least)
        assert_true(llmc_decimal(json_string_value(least), json_string_length(least), 12, &fee));
    most = fee;
    if (json_object_get(fees, "high"))
        assert_true(llmc_decimal(json_string_value(json_object_get(fees, "high")), json_string_length(json_object_get(fees, "high")), 12, &most));
    assert_int_equal(rates.rate[LLMCOST_REQUEST].pico, fee);
    assert_true(llmc_model_rates_worst(model, &(llmc_price_query){ 0 }, &rates));
    assert_int_equal(rates.rate[LLMCOST_REQUEST].pico, most);
}

static void test_every_reference_price(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof path, "%s/prices/seed_prices.json", shared_folder());
    size_t bytes, index;
    char *text = read_file(path, &bytes);
    if (!text) {
        print_message("test_every_reference_price: %s is not there\n", path);
        skip();
    }
    json_t *root = json_loadb(text, bytes, 0, NULL);
    const json_t *entry, *entries = json_object_get(root, "models");
    assert_int_equal(json_array_size(entries), 138);
    json_array_foreach(entries, index, entry) compare_row(entry);
    json_decref(root);
    free(text);
}

/* ---------------------------------------------------------------- memory */

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        price_memory memory;
        price_memory_init(&memory, n);
        llmcost_error error;
        llmc_error_init(&error, &llmc_allocator_system);
        llmc_catalog *made = (llmc_catalog *)1;
        llmcost_status status = llmc_catalog_new(&made, &memory.allocator, &error);
        if (status == LLMCOST_OK) {
            assert_true(memory.count < n);
            assert_true(n > 5);
            llmc_catalog_free(made);
            assert_int_equal(memory.live, 0);
            return;
        }
        assert_int_equal(status, LLMCOST_E_MEMORY);
        assert_null(made);
        assert_int_equal(memory.live, 0);
        llmc_error_clear(&error);
    }
}

/* A date or a region that has a price of its own is not charged at that of the name without it. */
static void test_names_with_a_price_of_their_own(void **state)
{
    (void)state;
    static const struct { const char *provider, *model; int64_t input, output; } cases[] = {
        { "openai", "gpt-4o-2024-05-13", 5000000, 15000000 }, { "openai", "gpt-4o-2024-11-20", 2500000, 10000000 }, { "openai", "gpt-4o-2099-01-01", 2500000, 10000000 },
        { "bedrock", "eu.amazon.nova-pro-v1:0", 1050000, 4200000 }, { "bedrock", "apac.amazon.nova-lite-v1:0", 63000, 252000 },
        { "bedrock", "us.amazon.nova-pro-v1:0", 800000, 3200000 }, { "bedrock", "eu.amazon.nova-2-lite-v1:0", 330000, 2750000 },
        { "bedrock", "global.amazon.nova-2-lite-v1:0", 300000, 2500000 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(plain_rate(catalog, cases[i].provider, cases[i].model, LLMCOST_INPUT), cases[i].input);
        assert_int_equal(plain_rate(catalog, cases[i].provider, cases[i].model, LLMCOST_OUTPUT), cases[i].output);
    }
}

/* The bound looks at every hour, also at a row that is dearer off-peak; and with hours there need be no thinking. */
static void test_worst_case_of_any_hour(void **state)
{
    llmc_price prices[2];
    llmc_rates worst;
    (void)state;
    for (int i = 0; i < 2; i++) {
        llmc_price_init(&prices[i]);
        prices[i].pico[LLMCOST_INPUT] = i ? 1000 : 2000;
        prices[i].pico[LLMCOST_OUTPUT] = i ? 9000 : 8000;
    }
    prices[1].peak_days = 0x1f;
    prices[1].peak_hours = 0xff00;
    llmc_model model = { .provider = "house", .name = "night", .prices = prices, .price_count = 2, .currency = "USD" };
    assert_true(llmc_model_rates_worst(&model, &(llmc_price_query){ .wall_ms = price_day }, &worst));
    assert_int_equal(worst.rate[LLMCOST_INPUT].pico, 2000);
    assert_int_equal(worst.rate[LLMCOST_OUTPUT].pico, 9000);
    assert_false(llmc_model_rates_fixed(&model, &worst));
    model.price_count = 0;
    model.prices = NULL;
    assert_false(llmc_model_rates_fixed(&model, &worst));
}

/* Only the rows of the providers that are asked for. */
static void test_rows_by_provider(void **state)
{
    (void)state;
    llmc_catalog *few = NULL;
    llmcost_error error;
    const char *const providers[] = { "openai", "nobody" };
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_catalog_new_for(&few, &llmc_allocator_system, providers, 2, &error), LLMCOST_OK);
    assert_non_null(llmc_catalog_find(few, "openai", "gpt-4o"));
    assert_null(llmc_catalog_find(few, "anthropic", "claude-sonnet-4-5"));
    assert_false(llmc_catalog_has(few, "mistral", "mistral-large-latest"));
    llmc_catalog_free(few);
    assert_int_equal(llmc_catalog_new_for(&few, &llmc_allocator_system, providers, 0, &error), LLMCOST_OK);
    assert_null(llmc_catalog_find(few, "openai", "gpt-4o"));
    llmc_catalog_free(few);
    llmc_error_clear(&error);

    assert_true(llmc_catalog_builtin_has("openai", "gpt-4o"));
    assert_true(llmc_catalog_builtin_has("openai", "gpt-4o-mini-2024-07-18"));
    assert_false(llmc_catalog_builtin_has("openai", "gpt-4o-mini-2024"));
    assert_false(llmc_catalog_builtin_has("anthropic", "gpt-4o"));
    assert_false(llmc_catalog_builtin_has("ollama", "*"));
}

int main(void)
{
    llmc_catalog_free(NULL);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_with_a_price_of_their_own),
        cmocka_unit_test(test_rows_by_provider),
        cmocka_unit_test(test_worst_case_of_any_hour),
        cmocka_unit_test(test_published_bills),
        cmocka_unit_test(test_bills_that_went_wrong_elsewhere),
        cmocka_unit_test(test_unknown_is_not_free),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_profiles_of_bedrock), cmocka_unit_test(test_has),
        cmocka_unit_test(test_one_model_at_two_hosts),
        cmocka_unit_test(test_tier_boundaries),
        cmocka_unit_test(test_tier_by_output_length),
        cmocka_unit_test(test_dated_prices),
        cmocka_unit_test(test_hours),
        cmocka_unit_test(test_service_levels),
        cmocka_unit_test(test_inheritance),
        cmocka_unit_test(test_thinking_reprices_all_output),
        cmocka_unit_test(test_free_and_unsure),
        cmocka_unit_test(test_cost_overflow_is_detected),
        cmocka_unit_test(test_worst_case),
        cmocka_unit_test(test_bound_covers_the_tier),
        cmocka_unit_test(test_worst_case_is_a_bound),
        cmocka_unit_test(test_fixed_rates_hold_for_every_request),
        cmocka_unit_test(test_every_reference_price),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, open_catalog, close_catalog);
}
