#include "prices.h"
#include "fail_for_good.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const int64_t price_day = INT64_C(1795262400000);

static void *grow(void *memory, size_t bytes, void *user)
{
    price_memory *state = user;
    if (test_allocation_fails(++state->count, state->fail_at))
        return NULL;
    void *got = realloc(memory, bytes);
    state->live += got && !memory;
    return got;
}

static void *take(size_t bytes, void *user)
{
    return grow(NULL, bytes, user);
}

static void give(void *memory, void *user)
{
    price_memory *state = user;
    state->live -= memory != NULL;
    free(memory);
}

void price_memory_init(price_memory *memory, long fail_at)
{
    *memory = (price_memory){ .allocator = { take, grow, give, memory }, .fail_at = fail_at };
}

llmc_catalog *prices_new(void)
{
    llmcost_error error;
    llmc_catalog *catalog = NULL;
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_catalog_new(&catalog, &llmc_allocator_system, &error), LLMCOST_OK);
    assert_non_null(catalog);
    return catalog;
}

void prices_load(llmc_catalog *catalog, const char *json)
{
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    if (llmc_catalog_load(catalog, "prices.json", json, strlen(json), &error) != LLMCOST_OK)
        fail_msg("%s", llmcost_error_message(&error));
}

void prices_refuse(llmc_catalog *catalog, const char *json, const char *piece, const char *other)
{
    llmcost_error error;
    llmc_error_init(&error, &llmc_allocator_system);
    assert_int_equal(llmc_catalog_load(catalog, "prices.json", json, strlen(json), &error), LLMCOST_E_CONFIG);
    if (!strstr(llmcost_error_message(&error), piece) || !strstr(llmcost_error_message(&error), other))
        fail_msg("'%s' does not say '%s' and '%s'", llmcost_error_message(&error), piece, other);
    llmc_error_clear(&error);
}

int64_t at_time(int year, int month, int day, int hour, int minute)
{
    return ((llmc_days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * 60000;
}

int64_t rate_of(const llmc_catalog *catalog, const char *provider, const char *model, llmc_price_query query, llmcost_class token_class)
{
    llmc_rates rates;
    const llmc_model *row = llmc_catalog_find(catalog, provider, model);
    assert_non_null(row);
    assert_true(llmc_model_rates(row, &query, &rates));
    return rates.rate[token_class].pico;
}

int64_t plain_rate(const llmc_catalog *catalog, const char *provider, const char *model, llmcost_class token_class)
{
    return rate_of(catalog, provider, model, (llmc_price_query){ .wall_ms = price_day }, token_class);
}

llmc_usage usage_of(int64_t input, int64_t cached, int64_t output, int64_t reasoning)
{
    llmc_usage usage;
    llmc_usage_init(&usage);
    usage.quantity[LLMCOST_INPUT] = input;
    usage.quantity[LLMCOST_INPUT_CACHED] = cached;
    usage.quantity[LLMCOST_OUTPUT] = output;
    usage.quantity[LLMCOST_REASONING] = reasoning;
    return usage;
}

int64_t cost_of(const llmc_catalog *catalog, const char *provider, const char *model, const llmc_usage *usage, int64_t wall_ms, const char *tier)
{
    llmc_price_query query = { .wall_ms = wall_ms,
                               .prompt_tokens = llmc_usage_prompt(usage),
                               .output_tokens = llmc_usage_output(usage),
                               .reasoned = usage->quantity[LLMCOST_REASONING] > 0,
                               .tier = tier };
    llmc_rates rates;
    int64_t nano = -1;
    const llmc_model *row = llmc_catalog_find(catalog, provider, model);
    assert_non_null(row);
    assert_true(llmc_model_rates(row, &query, &rates));
    assert_true(llmc_price_usage(&rates, usage, 1000000000, &nano));
    return nano;
}
