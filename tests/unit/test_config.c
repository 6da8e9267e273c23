/* The config: every key read and effective, every error with its line and words, hostile input. */
#include "client/config.h"

#include "../support/comma_locale.h"
#include "../support/config_reading.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

static const char *const environment[] = { "OPENAI_API_KEY=sk-openai", "ANTHROPIC_API_KEY=sk-anthropic", "KIMI_1=sk-kimi-1", "KIMI_2=sk-kimi-2", "EMPTY=", "BAD_KEY=sk\n1", NULL };

static config_reading good(const char *config)
{
    return config_reading_good(config, environment);
}

static void bad(const char *config, const char *message)
{
    config_reading_bad(config, environment, LLMCOST_E_CONFIG, message);
}

static void bad_has(const char *config, const char *words)
{
    config_reading_bad_has(config, environment, words);
}

/* ---- the whole ---- */

static void test_defaults(void **state)
{
    (void)state;
    config_reading reading = good("{}");
    const llmc_settings *settings = reading.settings;
    assert_int_equal(settings->provider_count, 0);
    assert_int_equal(settings->name_count, 0);
    assert_non_null(settings->catalog);
    assert_false(settings->cache_memory);
    assert_int_equal(settings->cache_max_bytes, 64 << 20);
    assert_int_equal(settings->cache_max_entries, 0);
    assert_int_equal(settings->cache_ttl_ms, 600000);
    assert_false(settings->cache_sampled);
    assert_string_equal(settings->cache_namespace, "");
    assert_int_equal(settings->budget_count, 0);
    assert_string_equal(settings->currency, "USD");
    assert_int_equal(settings->unknown_price, LLMC_PRICE_REFUSE);
    assert_int_equal(settings->stated_cost, LLMC_STATED_OURS);
    assert_null(settings->baseline);
    assert_int_equal(settings->default_max_tokens, 0);
    assert_int_equal(settings->min_max_tokens, 64);
    assert_int_equal(settings->budget_wait_ms, 2000);
    assert_int_equal(settings->image_bound_tokens, 0);
    assert_int_equal(settings->report_tag_count, 0);
    assert_int_equal(settings->report_max_values, 1000);
    assert_int_equal(settings->report_max_days, 93);
    assert_int_equal(settings->deadline_ms, 600000);
    assert_int_equal(settings->close_ms, 5000);
    assert_false(settings->background);
    config_reading_end(&reading);
}

static void test_plain_keys(void **state)
{
    (void)state;
    config_reading reading = good("\n {\"currency\": \"EUR\", \"stated_cost\": \"provider\", \"default_max_tokens\": 500, \"min_max_tokens\": 16,"
                                  "\"budget_wait_ms\": 0, \"image_bound_tokens\": 1600, \"deadline_ms\": \"2m\", \"close_ms\": 250,"
                                  "\"background\": true, \"unknown_price\": {\"input\": 10, \"output\": \"30.5\"},"
                                  "\"report\": {\"tags\": [\"feature\", \"user\"], \"max_values\": 5, \"max_days\": 31},"
                                  "\"cache\": {\"memory\": {\"max_bytes\": \"1.5MB\", \"max_entries\": 9, \"ttl\": \"1h\"}, \"sampled\": true, \"namespace\": \"shop\"}}");
    const llmc_settings *settings = reading.settings;
    assert_string_equal(settings->currency, "EUR");
    assert_int_equal(settings->stated_cost, LLMC_STATED_PROVIDER);
    assert_int_equal(settings->default_max_tokens, 500);
    assert_int_equal(settings->min_max_tokens, 16);
    assert_int_equal(settings->budget_wait_ms, 0);
    assert_int_equal(settings->image_bound_tokens, 1600);
    assert_int_equal(settings->deadline_ms, 120000);
    assert_int_equal(settings->close_ms, 250);
    assert_true(settings->background);
    assert_int_equal(settings->unknown_price, LLMC_PRICE_WORST_CASE);
    assert_int_equal(settings->worst_input.pico, 10000000);
    assert_int_equal(settings->worst_output.pico, 30500000);
    assert_int_equal(settings->report_tag_count, 2);
    assert_string_equal(settings->report_tags[0], "feature");
    assert_string_equal(settings->report_tags[1], "user");
    assert_int_equal(settings->report_max_values, 5);
    assert_int_equal(settings->report_max_days, 31);
    assert_true(settings->cache_memory);
    assert_int_equal(settings->cache_max_bytes, 3 << 19);
    assert_int_equal(settings->cache_max_entries, 9);
    assert_int_equal(settings->cache_ttl_ms, 3600000);
    assert_true(settings->cache_sampled);
    assert_string_equal(settings->cache_namespace, "shop");
    config_reading_end(&reading);

    reading = good("{\"unknown_price\": \"allow\"}");
    assert_int_equal(reading.settings->unknown_price, LLMC_PRICE_ALLOW);
    config_reading_end(&reading);
    reading = good("{\"unknown_price\": \"refuse\", \"cache\": {\"sampled\": true}}");
    assert_int_equal(reading.settings->unknown_price, LLMC_PRICE_REFUSE);
    assert_true(reading.settings->cache_memory);
    assert_int_equal(reading.settings->cache_max_bytes, 64 << 20);
    config_reading_end(&reading);
    reading = good("{\"cache\": {\"memory\": false}}");
    assert_false(reading.settings->cache_memory);
    config_reading_end(&reading);
    reading = good("{}");
    assert_false(reading.settings->cache_memory);
    config_reading_end(&reading);
}

static const char design_example[] =
    "{ \"providers\": { \"openai\": {}, \"anthropic\": {}, \"kimi\": { \"preset\": \"moonshot\", \"keys\": [\"env:KIMI_1\"] },\n"
    "                 \"local\":  { \"preset\": \"ollama-openai\", \"base_url\": \"http://127.0.0.1:11434\" } },\n"
    "  \"models\":    { \"small\": \"openai/gpt-4o-mini\", \"large\": \"openai/gpt-4o\" },\n"
    "  \"routes\":    { \"faq\":   { \"cascade\":  [\"small\", \"large\"], \"escalate_on\": { \"marker\": \"UNCERTAIN\" } } },\n"
    "  \"cache\":     { \"memory\": { \"max_bytes\": \"64MB\", \"ttl\": \"10m\" } },\n"
    "  \"budgets\":   [ { \"limit\": \"5 USD\", \"per\": \"day\", \"where\": { \"feature\": \"faq\" }, \"alert_at\": [0.5, 0.8], \"when_spent\": \"deny\" } ] }";

static void test_a_real_config(void **state)
{
    (void)state;
    config_reading reading = good(design_example);
    const llmc_settings *settings = reading.settings;
    assert_int_equal(settings->provider_count, 4);
    const llmc_provider *openai = config_reading_provider(&reading, "openai"), *kimi = config_reading_provider(&reading, "kimi"),
                        *local = config_reading_provider(&reading, "local");
    assert_string_equal(openai->base_url, "https://api.openai.com/v1");
    assert_int_equal(openai->credential_count, 1);
    assert_string_equal(llmc_secret_reveal(&openai->credentials[0].key), "sk-openai");
    assert_string_equal(kimi->preset->name, "moonshot");
    assert_int_equal(kimi->credential_count, 1);
    assert_string_equal(llmc_secret_reveal(&kimi->credentials[0].key), "sk-kimi-1");
    assert_string_equal(local->base_url, "http://127.0.0.1:11434/v1");
    assert_true(local->loopback);
    assert_true(local->free_of_charge);
    assert_int_equal(local->credential_count, 0);

    assert_int_equal(settings->name_count, 3);
    assert_string_equal(settings->names[0].name, "faq");
    assert_string_equal(settings->names[1].name, "large");
    assert_string_equal(settings->names[2].name, "small");
    const llmc_route *faq = settings->names[0].route;
    assert_int_equal(faq->kind, LLMC_ROUTE_CASCADE);
    assert_string_equal(faq->name, "faq");
    assert_int_equal(faq->step_count, 2);
    assert_int_equal(faq->leaf_count, 2);
    assert_ptr_equal(faq->steps[0], settings->names[2].route);
    assert_string_equal(faq->steps[0]->name, "openai/gpt-4o-mini");
    assert_string_equal(faq->steps[0]->model, "gpt-4o-mini");
    assert_ptr_equal(faq->steps[0]->provider, openai);
    assert_non_null(faq->steps[0]->prices);
    assert_string_equal(faq->cascade->escalation.marker, "UNCERTAIN");
    assert_int_equal(faq->cascade->on_failure, LLMC_CASCADE_BEST);

    assert_true(settings->cache_memory);
    assert_int_equal(settings->budget_count, 1);
    const llmc_budget *budget = settings->budgets;
    assert_int_equal(budget->limit_nano, INT64_C(5000000000));
    assert_int_equal(budget->period, LLMC_PERIOD_DAY);
    assert_string_equal(budget->name, "feature=faq per day");
    assert_int_equal(budget->where_count, 1);
    assert_string_equal(budget->where[0].name, "feature");
    assert_string_equal(budget->where[0].value, "faq");
    assert_int_equal(budget->alert_count, 2);
    assert_int_equal(budget->alert_permille[0], 500);
    assert_int_equal(budget->alert_permille[1], 800);
    assert_false(budget->soft);
    assert_int_equal(budget->max_accounts, 100000);
    config_reading_end(&reading);
}

static void test_from_the_environment(void **state)
{
    (void)state;
    config_reading reading = good(NULL);
    assert_int_equal(reading.settings->provider_count, 3);
    assert_non_null(config_reading_provider(&reading, "openai"));
    assert_non_null(config_reading_provider(&reading, "openai-responses"));
    const llmc_route *bare;
    assert_int_equal(llmc_settings_resolve(reading.settings, "gpt-4o", &reading.arena, &bare, &reading.error), LLMCOST_OK);
    assert_string_equal(bare->name, "openai/gpt-4o"); /* the second door only by its name */
    assert_int_equal(config_reading_provider(&reading, "openai")->retries, 2);
    assert_string_equal(llmc_secret_reveal(&config_reading_provider(&reading, "anthropic")->credentials->key), "sk-anthropic");
    assert_int_equal(reading.settings->deadline_ms, 600000);
    assert_int_equal(reading.settings->cache_ttl_ms, 600000);
    config_reading_end(&reading);

    static const char *const nothing[] = { "OPENAI_API_KEY=", NULL };
    config_reading_begin(&reading, NULL, nothing);
    assert_int_equal(reading.status, LLMCOST_OK);
    assert_int_equal(reading.settings->provider_count, 0);
    const llmc_route *route;
    assert_int_equal(llmc_settings_resolve(reading.settings, "whatever", &reading.arena, &route, &reading.error), LLMCOST_E_UNKNOWN_MODEL);
    assert_non_null(strstr(llmcost_error_message(&reading.error), "set OPENAI_API_KEY"));
    config_reading_end(&reading);

    static const char *const elsewhere[] = { "OPENAI_API_KEY=k", "OPENAI_BASE_URL=http://localhost:99/v9/", NULL };
    config_reading_begin(&reading, NULL, elsewhere);
    assert_int_equal(reading.status, LLMCOST_OK);
    assert_string_equal(reading.settings->providers[0].base_url, "http://localhost:99/v9");
    config_reading_end(&reading);

    static const char *const broken[] = { "OPENAI_API_KEY=a b\tc", NULL };
    config_reading_begin(&reading, NULL, broken);
    assert_int_equal(reading.status, LLMCOST_E_CONFIG);
    assert_string_equal(llmcost_error_message(&reading.error), "provider \"openai\": the key in its usual environment variable holds a control character, such as a newline");
    config_reading_end(&reading);

    static const char *const plain[] = { "OPENAI_API_KEY=k", "OPENAI_BASE_URL=http://example.com/v1", NULL };
    config_reading_begin(&reading, NULL, plain);
    assert_int_equal(reading.status, LLMCOST_E_CONFIG);
    config_reading_end(&reading);
}

/* ---- JSON ---- */

static void test_json_errors(void **state)
{
    (void)state;
    bad_has("{\n  \"cache\": {,}}", "config:2:13: ");
    bad_has("{\"a\": ", "config:1:");
    bad_has("{} x", "config:1:4: ");
    bad_has("{\"currency\": \"U\\u0000\"}", "a text holds a zero character");
    bad_has("{\"cur\\u0000rency\": \"USD\"}", "config:1:3: a text holds a zero character");
    bad_has("{\"cache\": {\"namespace\": \"\\ud800\"}}", "a text is not valid UTF-8");
    bad_has("{\"cache\": {\"namespace\": \"\xff\"}}", "config:1:");
    bad("{\"currency\": \"USD\",\n \"cache\": {}, \"currency\": \"USD\"}", "config:2:15: this key stands twice in the same object");
    bad_has("{\"curr\\u0065ncy\": \"USD\", \"currency\": \"USD\"}", "this key stands twice");
    config_reading reading = good("{\"cache\": {\"namespace\": \"caf\\u00e9 \\ud83d\\ude00 \\\"\"}}");
    assert_string_equal(reading.settings->cache_namespace, "caf\xc3\xa9 \xf0\x9f\x98\x80 \"");
    config_reading_end(&reading);
}

static void test_deep_and_wide(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    char *text = malloc(2 * DEPTH + 100);
    strcpy(text, "{\"providers\":");
    size_t length = strlen(text);
    memset(text + length, '[', DEPTH);
    strcpy(text + length + DEPTH, "]}");
    bad_has(text, "nested too deeply");
    length = (size_t)sprintf(text, "{\"providers\":[0");
    for (int i = 0; i < 5000; i++)
        length += (size_t)sprintf(text + length, ",0");
    strcpy(text + length, "]}");
    bad_has(text, "more than 4,096 members");
    free(text);
}

static void test_unknown_keys(void **state)
{
    (void)state;
    bad("{\n\n\n\n\n\n\"cahce\": {}}", "config:7: unknown key \"cahce\", did you mean \"cache\"?");
    bad("{\"cache\": {\n\"memory\": {\"max_byte\": 1}}}", "config:2: unknown key \"max_byte\", did you mean \"max_bytes\"?");
    bad("{\"report\": {\"zzzzzzzz\": 1}}", "config:1: unknown key \"zzzzzzzz\"; the nearest is \"tags\" of: tags, max_values, max_days, feedback_calls");
    bad("{\"providers\": {\"openai\": {\"base_ulr\": 1}}}", "config:1: unknown key \"base_ulr\", did you mean \"base_url\"?");
    bad("{\"budgets\": [{\"limits\": 1}]}", "config:1: unknown key \"limits\", did you mean \"limit\"?");
    bad_has("{\"exchange_rates\": {\"EUR\": {\"rat\": 1}}}", "unknown key \"rat\", did you mean \"rate\"?");
    bad_has("{\"unknown_price\": {\"in\": 1}}", "unknown key \"in\"");
    bad_has("{\"providers\": {\"openai\": {}}, \"routes\": {\"r\": {\"cascade\": [\"openai/x\"], \"on_fail\": \"best\"}}}", "unknown key \"on_fail\"");
    bad_has("{\"providers\": {\"openai\": {}}, \"routes\": {\"r\": {\"cascade\": [\"openai/x\"], \"escalate_on\": {\"markr\": true}}}}", "did you mean \"marker\"?");
}

/* ---- values ---- */

static void test_kinds_and_ranges(void **state)
{
    (void)state;
    bad("{\"background\": 1}", "config:1: \"background\" must be true or false");
    bad("{\"default_max_tokens\": \"5\"}", "config:1: \"default_max_tokens\" must be a whole number from 0 to 10000000");
    bad("{\"default_max_tokens\": 1.5}", "config:1: \"default_max_tokens\" must be a whole number from 0 to 10000000");
    bad("{\"default_max_tokens\": -1}", "config:1: \"default_max_tokens\" is out of range: from 0 to 10000000");
    bad_has("{\"default_max_tokens\": 1e400}", "must be a whole number");
    bad_has("{\"default_max_tokens\": 99999999999999999999999999}", "must be a whole number");
    bad("{\"currency\": \"usd\"}", "config:1: \"currency\" must be a currency of three capital letters, such as \"USD\"");
    bad_has("{\"currency\": \"DOLLARS\"}", "three capital letters");
    bad_has("{\"currency\": null}", "three capital letters");
    bad("{\"stated_cost\": \"our\"}", "config:1: \"stated_cost\" must be one of ours|provider, did you mean \"ours\"?");
    bad("{\"stated_cost\": 1}", "config:1: \"stated_cost\" must be one of ours|provider");
    bad("{\"cache\": []}", "config:1: \"cache\" must be an object");
    bad("{\"cache\": {\"memory\": true}}", "config:1: \"memory\" must be an object");
    bad("{\"cache\": {\"namespace\": 5}}", "config:1: \"namespace\" must be a text");
    bad("{\"cache\": {\"namespace\": \"a\\nb\"}}", "config:1: \"namespace\" holds a control character");
    bad("{\"deadline_ms\": \"soon\"}", "config:1: \"deadline_ms\" must be a whole number of milliseconds or a duration with its unit, such as \"10m\", \"1h\" or \"250ms\"");
    bad("{\"deadline_ms\": 1e12}", "config:1: \"deadline_ms\" is out of range: from 0 to 86400000 milliseconds");
    bad("{\"cache\": {\"memory\": {\"ttl\": 30}}}", "config:1: \"ttl\" must be a duration with its unit, such as \"10m\", \"1h\" or \"250ms\"");
    bad("{\"cache\": {\"memory\": {\"ttl\": \"0s\"}}}", "config:1: \"ttl\" is out of range: from 1 to 315360000000 milliseconds");
    bad("{\"cache\": {\"memory\": {\"max_bytes\": \"1XB\"}}}", "config:1: \"max_bytes\" must be a number of bytes or a size, such as \"64MB\" or \"512KB\"");
    bad("{\"cache\": {\"memory\": {\"max_bytes\": 1}}}", "config:1: \"max_bytes\" is out of range: from 65536 to 70368744177664 bytes");
    bad("{\"report\": {\"tags\": \"feature\"}}", "config:1: \"tags\" must be a list of names");
    bad("{\"report\": {\"tags\": [\"a\", \"a\"]}}", "config:1: the tag \"a\" stands twice");
    bad_has("{\"report\": {\"tags\": [1]}}", "this must be a text");
    bad_has("{\"report\": {\"tags\": [\"\"]}}", "a name has 1 to 256 bytes");
    bad_has("{\"unknown_price\": 5}", "must be \"refuse\", \"allow\" or a worst case");
    bad_has("{\"unknown_price\": \"maybe\"}", "must be \"refuse\", \"allow\" or a worst case");
    bad_has("{\"unknown_price\": {\"input\": 1}}", "needs \"output\"");
    bad_has("{\"unknown_price\": {\"input\": -1, \"output\": 1}}", "needs \"input\"");
    bad_has("{\"unknown_price\": {\"input\": 1e-9, \"output\": 1}}", "needs \"input\"");
    bad("{\"providers\": []}", "config:1: \"providers\" must be an object of names and providers");
    bad("{\"budgets\": {}}", "config:1: \"budgets\" must be a list of budgets");
    bad("{\"models\": []}", "config:1: \"models\" must be an object");
    bad("{\"routes\": 1}", "config:1: \"routes\" must be an object");
    bad("{\"report\": 1}", "config:1: \"report\" must be an object");
}

static void test_units(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t value; } durations[] = {
        { "250ms", 250 }, { "30s", 30000 }, { "10m", 600000 }, { "1h", 3600000 }, { "2d", 172800000 }, { "1.5h", 5400000 }, { "0.5 s", 500 }, { "0s", 0 },
    };
    static const struct { const char *text; int64_t value; } sizes[] = {
        { "1", 1 }, { "10B", 10 }, { "512KB", 524288 }, { "64MB", 67108864 }, { "1GB", 1073741824 }, { "0.5KiB", 512 }, { "3 MiB", 3145728 }, { "2gb", INT64_C(2147483648) },
    };
    static const char *const no_durations[] = { "", "10", "m", "-1s", "1.5", "0.1ms", "1e3s", "10 m x", "99999999999999999999s", "9999999999999d", "1..5s", ".", "1s " };
    static const char *const no_sizes[] = { "", "KB", "-1", "0.3B", "1KBB", "1e3", "99999999999999999999", "9999999999999GB" };
    int64_t value;
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        assert_true(llmc_config_duration(durations[i].text, &value));
        assert_int_equal(value, durations[i].value);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_true(llmc_config_size(sizes[i].text, &value));
        assert_int_equal(value, sizes[i].value);
    }
    for (size_t i = 0; i < sizeof no_durations / sizeof no_durations[0]; i++) {
        if (llmc_config_duration(no_durations[i], &value))
            fail_msg("\"%s\" was read as a duration", no_durations[i]);
    }
    for (size_t i = 0; i < sizeof no_sizes / sizeof no_sizes[0]; i++) {
        if (llmc_config_size(no_sizes[i], &value))
            fail_msg("\"%s\" was read as a size", no_sizes[i]);
    }
    assert_true(llmc_config_date("2024-02-29"));
    static const char *const no_dates[] = { "2023-02-29", "2026-13-01", "2026-00-01", "2026-1-1", "2026/01/01", "2026-01-32", "", "2026-01-01x", "2026-01-00" };
    for (size_t i = 0; i < sizeof no_dates / sizeof no_dates[0]; i++)
        assert_false(llmc_config_date(no_dates[i]));
}

/* ---- money ---- */

static void test_money(void **state)
{
    (void)state;
    config_reading reading = good("{\"exchange_rates\": {\"CNY\": {\"rate\": \"0.14\", \"date\": \"2026-11-01\"}, \"EUR\": {\"rate\": 1.0825, \"date\": \"2026-10-30\"}},"
                                  "\"budgets\": [{\"limit\": \"0.05 USD\"}, {\"limit\": \"100 CNY\"}, {\"limit\": \"2.5EUR\"}, {\"limit\": \"0 USD\"},"
                                  " {\"limit\": \"9223372036.854775807 USD\"}]}");
    const llmc_settings *settings = reading.settings;
    assert_int_equal(settings->exchange_count, 2);
    assert_string_equal(settings->exchanges[0].from, "CNY");
    assert_int_equal(settings->exchanges[0].nano, 140000000);
    assert_string_equal(settings->exchanges[0].date, "2026-11-01");
    assert_int_equal(settings->exchanges[1].nano, 1082500000);
    assert_int_equal(settings->budgets[0].limit_nano, 50000000);
    assert_int_equal(settings->budgets[1].limit_nano, INT64_C(14000000000));
    assert_int_equal(settings->budgets[2].limit_nano, INT64_C(2706250000));
    assert_int_equal(settings->budgets[3].limit_nano, 0);
    assert_int_equal(settings->budgets[4].limit_nano, INT64_MAX);
    int64_t nano;
    assert_true(llmc_settings_exchange(settings, "USD", &nano));
    assert_int_equal(nano, 1000000000);
    assert_true(llmc_settings_exchange(settings, "CNY", &nano));
    assert_int_equal(nano, 140000000);
    assert_false(llmc_settings_exchange(settings, "GBP", &nano));
    config_reading_end(&reading);

    bad("{\"budgets\": [{\n\"limit\": \"5\"}]}", "config:2: an amount is a number and a currency, such as \"5 USD\"");
    bad_has("{\"budgets\": [{\"limit\": 5}]}", "an amount is a number and a currency");
    bad_has("{\"budgets\": [{\"limit\": \"-5 USD\"}]}", "an amount is a number and a currency");
    bad_has("{\"budgets\": [{\"limit\": \"5 usd\"}]}", "an amount is a number and a currency");
    bad_has("{\"budgets\": [{\"limit\": \"$5\"}]}", "an amount is a number and a currency");
    bad_has("{\"budgets\": [{\"limit\": \"9223372037 USD\"}]}", "out of range");
    bad_has("{\"budgets\": [{\"limit\": \"0.0000000001 USD\"}]}", "out of range");
    bad("{\"budgets\": [{\"limit\": \"5 GBP\"}]}",
        "config:1: \"5 GBP\": the ledger is in USD; give \"exchange_rates\" a rate for GBP, or write the amount in USD");
    bad_has("{\"exchange_rates\": {\"CNY\": {\"rate\": \"0.123456789\", \"date\": \"2026-11-01\"}}, \"budgets\": [{\"limit\": \"0.1 CNY\"}]}", "cannot be converted to USD exactly");
    bad_has("{\"exchange_rates\": {\"CNY\": {\"rate\": \"1000000\", \"date\": \"2026-11-01\"}}, \"budgets\": [{\"limit\": \"9000000000 CNY\"}]}", "cannot be converted");

    bad("{\"exchange_rates\": {\"USD\": {\"rate\": 1, \"date\": \"2026-11-01\"}}}", "config:1: USD is the ledger's own currency; it needs no rate");
    bad_has("{\"exchange_rates\": {\"Yuan\": {\"rate\": 1, \"date\": \"2026-11-01\"}}}", "is no currency");
    bad_has("{\"exchange_rates\": {\"CNY\": 0.14}}", "\"CNY\" must be an object");
    bad_has("{\"exchange_rates\": []}", "must be an object");
    bad_has("{\"exchange_rates\": {\"CNY\": {\"rate\": 0, \"date\": \"2026-11-01\"}}}", "needs a \"rate\" above 0");
    bad_has("{\"exchange_rates\": {\"CNY\": {\"rate\": 1e-10, \"date\": \"2026-11-01\"}}}", "needs a \"rate\" above 0");
    bad_has("{\"exchange_rates\": {\"CNY\": {\"date\": \"2026-11-01\"}}}", "needs a \"rate\" above 0");
    bad_has("{\"exchange_rates\": {\"CNY\": {\"rate\": 1}}}", "needs the \"date\"");
    bad_has("{\"exchange_rates\": {\"CNY\": {\"rate\": 1, \"date\": \"2026-02-30\"}}}", "needs the \"date\"");
}

/* A budget of a model that nobody can ask for would hold nothing. */
static void test_model_of_budget(void **state)
{
    (void)state;
    static const char *const good_ones[] = {
        "{\"providers\": {\"openai\": {}}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"gpt-4o-mini\"}, {\"limit\": \"1 USD\", \"model\": \"of-next-year\"}]}",
        "{\"providers\": {\"openrouter\": {\"key\": \"k\"}}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"openai/gpt-4o-mini\"}]}",
        "{\"providers\": {\"openai\": {}, \"openrouter\": {\"key\": \"k\"}}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"openai/gpt-4o-mini\", \"provider\": \"openrouter\"}]}",
        "{\"providers\": {\"openai\": {}, \"groq\": {\"key\": \"k\"}}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"openai/gpt-oss-20b\"}]}",
        "{\"providers\": {\"openai\": {}, \"mine\": {\"base_url\": \"http://127.0.0.1:1\"}}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"openai/x\"}]}",
        "{\"providers\": {\"openai\": {}}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"acme/x\"}]}",
        "{\"providers\": {\"openai\": {}}, \"models\": {\"gpt-4o\": \"openai/gpt-4o-mini\"}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"gpt-4o\"}]}",
        "{\"providers\": {\"openai\": {}}, \"models\": {\"ft-1\": \"openai/ft-1\"}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"ft-1\"}]}",
        "{\"providers\": {\"openai\": {}}, \"routes\": {\"r\": {\"fallback\": [\"openai/openai/x\", \"openai/gpt-4o\"]}}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"openai/x\"}]}",
    };
    for (size_t i = 0; i < sizeof good_ones / sizeof good_ones[0]; i++) {
        config_reading reading = good(good_ones[i]);
        config_reading_end(&reading);
    }
    bad("{\"providers\": {\"openai\": {}}, \"budgets\": [{\"limit\": \"1 USD\",\n\"model\": \"openai/gpt-4o-mini\"}]}",
        "config:2: \"model\" is as the provider names it: instead of \"openai/gpt-4o-mini\" write \"provider\": \"openai\", \"model\": \"gpt-4o-mini\"");
    bad_has("{\"providers\": {\"openai\": {}, \"openrouter\": {\"key\": \"k\"}}, \"budgets\": [{\"limit\": \"1 USD\", \"provider\": \"openai\", \"model\": \"openai/gpt-4o-mini\"}]}", "as the provider names it");
    bad_has("{\"providers\": {\"openai\": {}}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"anthropic/claude-sonnet-4-5\"}]}", "write \"provider\": \"anthropic\"");
    bad_has("{\"providers\": {\"mine\": {\"preset\": \"openai\"}}, \"budgets\": [{\"limit\": \"1 USD\"}, {\"limit\": \"1 USD\", \"model\": \"mine/gpt-4o\"}]}", "write \"provider\": \"mine\", \"model\": \"gpt-4o\"");
    bad_has("{\"providers\": {\"openai\": {}}, \"models\": {\"small\": \"openai/gpt-4o-mini\"}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"small\"}]}", "\"small\" is the name of an alias, which no budget sees");
    bad_has("{\"providers\": {\"openrouter\": {\"key\": \"k\"}}, \"models\": {\"small\": \"openrouter/x\"}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"small\"}]}", "\"small\" is the name of an alias");
    bad_has("{\"providers\": {\"openai\": {}}, \"routes\": {\"chat\": {\"fallback\": [\"openai/gpt-4o\", \"openai/gpt-4o-mini\"]}}, \"budgets\": [{\"limit\": \"1 USD\", \"model\": \"chat\"}]}", "\"chat\" is the name of a route");
}

static void test_budgets(void **state)
{
    (void)state;
    config_reading reading = good("{\"providers\": {\"openai\": {}}, \"budgets\": ["
                                  "{\"limit\": \"1 USD\", \"per\": \"minute\", \"alert_at\": [0.8, 0.5, 0.8, 1, 0.001], \"when_spent\": \"alert\"},"
                                  "{\"name\": \"one\", \"limit\": \"1 USD\", \"per\": \"hour\", \"provider\": \"openai\", \"model\": \"gpt-4o\", \"each\": \"user\", \"max_accounts\": 3},"
                                  "{\"limit\": \"1 USD\", \"per\": \"month\", \"where\": {\"a\": \"1\", \"b\": \"*\"}},"
                                  "{\"limit\": \"2 USD\", \"per\": \"month\", \"where\": {\"a\": \"1\", \"b\": \"*\"}},"
                                  "{\"limit\": \"2 USD\", \"per\": \"total\", \"name\": \"budget 1\"}]}");
    const llmc_budget *budgets = reading.settings->budgets;
    assert_int_equal(reading.settings->budget_count, 5);
    assert_string_equal(budgets[0].name, "budget 2"); /* "budget 1" is somebody else's */
    assert_int_equal(budgets[0].period, LLMC_PERIOD_MINUTE);
    assert_true(budgets[0].soft);
    assert_int_equal(budgets[0].alert_count, 4);
    static const int32_t permille[] = { 1, 500, 800, 1000 };
    assert_memory_equal(budgets[0].alert_permille, permille, sizeof permille);
    assert_null(budgets[0].provider);
    assert_null(budgets[0].each);
    assert_string_equal(budgets[1].name, "one");
    assert_int_equal(budgets[1].period, LLMC_PERIOD_HOUR);
    assert_string_equal(budgets[1].provider, "openai");
    assert_string_equal(budgets[1].model, "gpt-4o");
    assert_string_equal(budgets[1].each, "user");
    assert_int_equal(budgets[1].max_accounts, 3);
    assert_string_equal(budgets[2].name, "a=1 b=* per month");
    assert_int_equal(budgets[2].period, LLMC_PERIOD_MONTH);
    assert_string_equal(budgets[2].where[1].value, "*");
    assert_string_equal(budgets[3].name, "budget 4");
    assert_int_equal(budgets[4].period, LLMC_PERIOD_TOTAL);
    config_reading_end(&reading);

    bad("{\"budgets\": [5]}", "config:1: a budget is an object such as {\"limit\": \"5 USD\", \"per\": \"day\"}");
    bad("{\"budgets\": [{\"per\": \"day\"}]}", "config:1: a budget needs a \"limit\", such as \"5 USD\"");
    bad("{\"budgets\": [{\"limit\": \"1 USD\", \"per\": \"days\"}]}", "config:1: \"per\" must be one of total|minute|hour|day|month, did you mean \"day\"?");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"when_spent\": \"refuse\"}]}", "\"when_spent\" must be one of deny|alert");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"where\": []}]}", "\"where\" must be an object");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"where\": {\"a\": 1}}]}", "\"a\" must be a text");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"where\": {\"\": \"x\"}}]}", "a name has 1 to 256 bytes");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"where\": {\"model\": \"x\"}}]}", "\"model\" is no tag");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"provider\": \"openai\"}]}", "provider \"openai\" is not configured");
    bad_has("{\"providers\": {\"openai\": {}}, \"budgets\": [{\"limit\": \"1 USD\", \"provider\": \"opnai\"}]}", "did you mean \"openai\"?");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"alert_at\": 0.5}]}", "\"alert_at\" must be a list");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"alert_at\": [0]}]}", "fractions from 0.001 to 1");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"alert_at\": [1.001]}]}", "fractions from 0.001 to 1");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"alert_at\": [80]}]}", "fractions from 0.001 to 1");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"alert_at\": [0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9]}]}", "at most 8 fractions");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"max_accounts\": 0}]}", "out of range");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"name\": \"x\"}, {\"limit\": \"1 USD\", \"name\": \"x\"}]}", "two budgets are called \"x\"");
    bad_has("{\"budgets\": [{\"limit\": \"1 USD\", \"name\": \"\"}]}", "\"name\" has 1 to 256 bytes");
}

/* ---- the rest ---- */

static void test_baseline(void **state)
{
    (void)state;
    config_reading reading = good("{\"providers\": {\"openai\": {}}, \"models\": {\"big\": \"openai/gpt-4o\"}, \"baseline\": \"big\"}");
    assert_string_equal(reading.settings->baseline->name, "openai/gpt-4o");
    config_reading_end(&reading);
    reading = good("{\"providers\": {\"openai\": {}}, \"baseline\": \"gpt-4o\"}");
    assert_string_equal(reading.settings->baseline->name, "openai/gpt-4o");
    config_reading_end(&reading);
    bad_has("{\"providers\": {\"openai\": {}}, \"baseline\": \"nobody\"}", "\"baseline\": no route, alias or provider is called \"nobody\"");
    bad_has("{\"baseline\": 1}", "\"baseline\" must be a text");
    bad_has("{\"providers\": {\"openai\": {}}, \"routes\": {\"r\": {\"cascade\": [\"gpt-4o\"]}}, \"baseline\": \"r\"}", "\"baseline\" must be a model");
}

static void test_decimal_comma(void **state)
{
    (void)state;
    comma_locale_begin();
    config_reading reading = good("{\"cache\": {\"memory\": {\"ttl\": \"1.5h\"}}, \"budgets\": [{\"limit\": \"0.05 USD\", \"alert_at\": [0.5]}]}");
    assert_int_equal(reading.settings->cache_ttl_ms, 5400000);
    assert_int_equal(reading.settings->budgets->limit_nano, 50000000);
    assert_int_equal(reading.settings->budgets->alert_permille[0], 500);
    config_reading_end(&reading);
    comma_locale_end();
}

static void test_document(void **state)
{
    (void)state;
    llmc_buffer text;
    llmc_buffer_init(&text, &llmc_allocator_system, 1 << 20);
    assert_int_equal(llmc_config_document(&text), LLMCOST_OK);
    const char *markdown = llmc_buffer_text(&text);
    assert_non_null(strstr(markdown, "### `cache.memory`\n"));
    assert_non_null(strstr(markdown, "| `ttl` | duration | `10m` | how long an answer is good |\n"));
    assert_non_null(strstr(markdown, "| `on_abort` | cancel, drain | `cancel` |"));
    assert_non_null(strstr(markdown, "| `retries` | number, 0 to 20 | `2` |"));
    assert_non_null(strstr(markdown, "| `namespace` | text | empty |"));
    for (const char *line = markdown; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        size_t bars = 0;
        for (const char *at = line; *at && *at != '\n'; at++)
            bars += *at == '|';
        if (*line == '|')
            assert_int_equal(bars, 5);
    }
    llmc_buffer_free(&text);
    llmc_buffer_init(&text, &llmc_allocator_system, 100);
    assert_int_equal(llmc_config_document(&text), LLMCOST_E_TOO_LARGE);
    llmc_buffer_free(&text);
}

static void test_without_memory(void **state)
{
    (void)state;
    config_reading_sweep(design_example, environment);
    config_reading_sweep(NULL, environment);
    config_reading_sweep("{\"providers\": {\"openai\": {\"headers\": {\"X-A\": \"b\"}, \"ca_file\": \"x\"}}, \"exchange_rates\": {\"CNY\": {\"rate\": 1, \"date\": \"2026-11-01\"}},"
          "\"routes\": {\"r\": {\"cascade\": [\"gpt-4o\", {\"cascade\": [\"openai/a\"]}], \"escalate_on\": {\"judge\": \"gpt-4o\", \"judge_instruction\": \"x\"}}},"
          "\"budgets\": [{\"limit\": \"1 CNY\"}, {\"limit\": \"1 CNY\", \"provider\": \"openai\"}], \"report\": {\"tags\": [\"a\"]}, \"baseline\": \"gpt-4o\"}", environment);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_plain_keys),
        cmocka_unit_test(test_a_real_config),
        cmocka_unit_test(test_from_the_environment),
        cmocka_unit_test(test_json_errors),
        cmocka_unit_test(test_deep_and_wide),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_kinds_and_ranges),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_money),
        cmocka_unit_test(test_budgets), cmocka_unit_test(test_model_of_budget),
        cmocka_unit_test(test_baseline),
        cmocka_unit_test(test_decimal_comma),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
