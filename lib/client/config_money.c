/* What money is worth: "exchange_rates", "unknown_price" and "prices". Read before the budgets, which need the rates. */
#include "client/config.h"

#include <string.h>

static llmcost_status read_rate(llmc_config *config, const llmc_config_node *node, llmc_exchange *exchange)
{
    if (!llmc_config_currency(node->key))
        return llmc_config_fail(config, node, "\"%.50s\" is no currency of three capital letters", node->key);
    if (strcmp(node->key, config->settings->currency) == 0)
        return llmc_config_fail(config, node, "%s is the ledger's own currency; it needs no rate", node->key);
    memcpy(exchange->from, node->key, sizeof exchange->from);
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_EXCHANGE, node, exchange);
    if (status)
        return status;
    const llmc_config_node *rate = llmc_config_member(node, "rate");
    if (!rate || !llmc_config_decimal(rate, 9, &exchange->nano) || exchange->nano <= 0)
        return llmc_config_fail(config, rate ? rate : node, "%s needs a \"rate\" above 0 of at most 9 decimals, such as \"0.14\"", node->key);
    if (!exchange->date || !llmc_config_date(exchange->date))
        return llmc_config_fail(config, node, "%s needs the \"date\" of its rate, such as \"2026-11-01\"", node->key);
    return LLMCOST_OK;
}

static llmcost_status read_exchange_rates(llmc_config *config, const llmc_config_node *rates)
{
    llmc_settings *settings = config->settings;
    if (!rates)
        return LLMCOST_OK;
    llmcost_status status = llmc_config_expect(config, rates, LLMC_JSON_OBJECT, "an object of currencies and rates");
    settings->exchanges = llmc_arena_calloc(&settings->arena, rates->count + 1, sizeof *settings->exchanges);
    if (!status && !settings->exchanges)
        return llmc_config_no_memory(config);
    for (const llmc_config_node *node = rates->first; node && !status; node = node->next)
        status = read_rate(config, node, &settings->exchanges[settings->exchange_count++]);
    return status;
}

/* Units per million tokens into pico-units per token. */
static llmcost_status read_worst(llmc_config *config, const llmc_config_node *object, const char *key, llmc_rate *rate)
{
    const llmc_config_node *node = llmc_config_member(object, key);
    if (!node || !llmc_config_decimal(node, 6, &rate->pico) || rate->pico < 0)
        return llmc_config_fail(config, node ? node : object, "\"unknown_price\" needs \"%s\": %s per million tokens, 0 or more, at most 6 decimals", key,
                                config->settings->currency);
    return LLMCOST_OK;
}

static llmcost_status read_unknown_price(llmc_config *config, const llmc_config_node *node)
{
    llmc_settings *settings = config->settings;
    if (!node || (node->type == LLMC_JSON_STRING && strcmp(node->text, "refuse") == 0))
        return LLMCOST_OK;
    if (node->type == LLMC_JSON_STRING && strcmp(node->text, "allow") == 0) {
        settings->unknown_price = LLMC_PRICE_ALLOW;
        return LLMCOST_OK;
    }
    if (node->type != LLMC_JSON_OBJECT)
        return llmc_config_fail(config, node, "\"unknown_price\" must be \"refuse\", \"allow\" or a worst case such as {\"input\": 10, \"output\": 30}");
    settings->unknown_price = LLMC_PRICE_WORST_CASE;
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_UNKNOWN_PRICE, node, settings);
    if (!status)
        status = read_worst(config, node, "input", &settings->worst_input);
    return status ? status : read_worst(config, node, "output", &settings->worst_output);
}

static llmcost_status load_price_file(llmc_config *config, const llmc_config_node *node)
{
    if (node->type != LLMC_JSON_STRING || !node->bytes)
        return llmc_config_fail(config, node, "\"prices\" must be the path of a file, a list of paths, or an object in one of the price formats");
    const char *path = llmc_config_path(config, node->text);
    if (!path)
        return llmc_config_no_memory(config);
    llmc_buffer content;
    llmcost_status status = llmc_config_file(config, node, path, LLMC_CONFIG_MAX_FILE_BYTES, &content);
    if (!status)
        status = llmc_catalog_load(config->settings->catalog, path, llmc_buffer_text(&content), content.length, config->error);
    llmc_buffer_free(&content);
    return status;
}

static llmcost_status read_prices(llmc_config *config, const llmc_config_node *prices)
{
    if (!prices)
        return LLMCOST_OK;
    if (prices->type == LLMC_JSON_OBJECT)
        return llmc_catalog_load(config->settings->catalog, "\"prices\"", prices->raw.text, prices->raw.bytes, config->error);
    if (prices->type != LLMC_JSON_ARRAY)
        return load_price_file(config, prices);
    llmcost_status status = LLMCOST_OK;
    for (const llmc_config_node *node = prices->first; node && !status; node = node->next)
        status = load_price_file(config, node);
    return status;
}

llmcost_status llmc_config_money_rules(llmc_config *config, const llmc_config_node *root)
{
    llmcost_status status = read_exchange_rates(config, llmc_config_member(root, "exchange_rates"));
    if (!status)
        status = read_unknown_price(config, llmc_config_member(root, "unknown_price"));
    return status ? status : read_prices(config, llmc_config_member(root, "prices"));
}
