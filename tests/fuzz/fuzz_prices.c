/*
 * Price files of both formats. Whatever loads must find its rows, and the bound must cover every request below it.
 * The seeds call their models house/a, house/b and openai/gpt-4o.
 */
#include "money/catalog.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_bound(const llmc_model *model, int64_t prompt, int64_t output, int64_t wall_ms, const char *tier)
{
    llmc_price_query most = { .wall_ms = wall_ms, .prompt_tokens = prompt, .output_tokens = output, .tier = tier };
    llmc_rates bound, actual;
    bool priced = llmc_model_rates_worst(model, &most, &bound);
    for (int part = 0; part <= 4; part++) {
        llmc_price_query one = most;
        one.prompt_tokens = prompt / 4 * part;
        one.output_tokens = output / 4 * (4 - part);
        one.reasoned = part & 1;
        if (llmc_model_rates(model, &one, &actual) != priced)
            abort();
        for (int i = 0; priced && i < LLMCOST_CLASS_COUNT; i++) {
            if (actual.rate[i].pico < 0 || actual.rate[i].pico > bound.rate[i].pico)
                abort();
        }
    }
    llmc_usage usage;
    int64_t cost;
    llmc_usage_init(&usage);
    usage.quantity[LLMCOST_INPUT] = prompt;
    usage.quantity[LLMCOST_OUTPUT] = output;
    if (priced && llmc_price_usage(&bound, &usage, 1000000000, &cost) && cost < 0)
        abort();
}

static void check_catalog(const llmc_catalog *catalog)
{
    static const char *const rows[][2] = { { "house", "a" }, { "house", "b" }, { "openai", "gpt-4o" }, { "deepseek", "deepseek-chat" } };
    static const char *const tiers[] = { NULL, "batch", "flex", "priority", "fast" };
    static const int64_t lengths[] = { 0, 1, 1001, 200001, 4000000, INT64_MAX };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const llmc_model *model = llmc_catalog_find(catalog, rows[i][0], rows[i][1]);
        for (size_t j = 0; model && j < sizeof lengths / sizeof lengths[0]; j++) {
            for (size_t k = 0; k < sizeof tiers / sizeof tiers[0]; k++)
                check_bound(model, lengths[j], lengths[(j * 5 + k) % 6], k & 1 ? 0 : INT64_C(1795262400000) + (int64_t)j * 40000000, tiers[k]);
        }
    }
    if (!llmc_catalog_find(catalog, "openai", "gpt-4o-mini"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    llmcost_error error;
    llmc_catalog *catalog = NULL;
    llmc_error_init(&error, &llmc_allocator_system);
    if (llmc_catalog_new(&catalog, &llmc_allocator_system, &error) != LLMCOST_OK)
        abort();
    llmcost_status status = llmc_catalog_load(catalog, "fuzz", (const char *)data, size, &error);
    if (status != LLMCOST_OK && (status != LLMCOST_E_CONFIG || !*llmcost_error_message(&error)))
        abort();
    check_catalog(catalog);
    if (status == LLMCOST_OK && llmc_catalog_load(catalog, "again", (const char *)data, size, &error) == LLMCOST_OK)
        check_catalog(catalog);
    llmc_catalog_free(catalog);
    llmc_error_clear(&error);

    int64_t value;
    if (size < 64 && llmc_decimal((const char *)data, size, 6, &value) && size && data[0] != '-' && value < 0)
        abort();
    return 0;
}
