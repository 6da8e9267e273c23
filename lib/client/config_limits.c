/* "limits" of a provider: for all of its models, and for single ones that lay theirs over them. */
#include "client/config.h"

static void inherit(const llmc_config_node *node, const llmc_limits *from, llmc_limits *to)
{
    if (!llmc_config_member(node, "requests_per_minute"))
        to->requests_per_minute = from->requests_per_minute;
    if (!llmc_config_member(node, "tokens_per_minute"))
        to->tokens_per_minute = from->tokens_per_minute;
    if (!llmc_config_member(node, "in_flight"))
        to->in_flight = from->in_flight;
    if (!llmc_config_member(node, "wait_ms"))
        to->wait_ms = from->wait_ms;
    if (!llmc_config_member(node, "learn"))
        to->learn = from->learn;
}

static llmcost_status read_model(llmc_config *config, const llmc_config_node *node, const llmc_limits *all, llmc_limits *limits)
{
    const llmc_config_node *models = llmc_config_member(node, "models");
    if (models)
        return llmc_config_fail(config, models, "the limits of one model have no \"models\"");
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_LIMITS, node, limits);
    if (!status)
        status = llmc_config_key_name(config, node, &limits->model);
    if (!status)
        inherit(node, all, limits);
    return status;
}

llmcost_status llmc_config_limits(llmc_config *config, const llmc_config_node *node, llmc_provider *provider)
{
    if (!node)
        return LLMCOST_OK;
    const llmc_config_node *models = llmc_config_member(node, "models");
    llmcost_status status = models ? llmc_config_expect(config, models, LLMC_JSON_OBJECT, "an object of models and limits") : LLMCOST_OK;
    llmc_limits *limits = llmc_arena_calloc(&config->settings->arena, 1 + (models ? models->count : 0), sizeof *limits);
    if (!limits)
        return llmc_config_no_memory(config);
    if (!status)
        status = llmc_config_keys(config, LLMC_SECTION_LIMITS, node, limits);
    provider->limits = limits;
    provider->limit_count = 1;
    for (const llmc_config_node *model = models ? models->first : NULL; model && !status; model = model->next)
        status = read_model(config, model, limits, &limits[provider->limit_count++]);
    return status;
}
