/* "fallback" of a route: the steps, and which failures go on to the next one. */
#include "client/config_routes.h"

#include "policy/fallback_cause.h"

#include <string.h>

/* The bits of one name in "on". */
static llmcost_status read_cause(llmc_config *config, const llmc_config_node *node, uint32_t *bits)
{
    llmc_nearest nearest = { .word = node->text };
    char hint[LLMC_HINT_BYTES];
    if (node->type != LLMC_JSON_STRING)
        return llmc_config_fail(config, node, "\"on\" must be a list of names of failures, such as [\"rate_limit\", \"timeout\"]");
    if (strcmp(node->text, "default") == 0) {
        *bits |= LLMC_CAUSES_BY_DEFAULT;
        return LLMCOST_OK;
    }
    llmc_nearest_offer(&nearest, "default");
    for (unsigned i = 0; i < LLMC_CAUSES; i++) {
        llmc_nearest_offer(&nearest, llmc_fallback_cause_names[i]);
        if (strcmp(llmc_fallback_cause_names[i], node->text) != 0)
            continue;
        *bits |= 1u << i;
        return LLMCOST_OK;
    }
    if (*llmc_nearest_hint(&nearest, hint))
        return llmc_config_fail(config, node, "\"on\": no failure is called \"%.200s\"%s", node->text, hint);
    return llmc_config_fail(config, node, "\"on\": no failure is called \"%.200s\"; the nearest is \"%s\"", node->text, nearest.best);
}

static llmcost_status read_causes(llmc_config *config, const llmc_config_node *list, llmc_fallback *fallback)
{
    llmcost_status status = LLMCOST_OK;
    if (!list) {
        fallback->on = LLMC_CAUSES_BY_DEFAULT;
        return LLMCOST_OK;
    }
    if (list->type != LLMC_JSON_ARRAY || !list->count)
        return llmc_config_fail(config, list, "\"on\" must be a list of names of failures, such as [\"rate_limit\", \"timeout\"]; leave it out for [\"default\"]");
    for (const llmc_config_node *node = list->first; node && !status; node = node->next)
        status = read_cause(config, node, &fallback->on);
    return status;
}

llmcost_status llmc_config_fallback(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route)
{
    llmc_fallback *fallback = llmc_arena_calloc(&config->settings->arena, 1, sizeof *fallback);
    if (!fallback)
        return llmc_config_no_memory(config);
    route->fallback = fallback;
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_FALLBACK, node, fallback);
    if (!status)
        status = read_causes(config, llmc_config_member(node, "on"), fallback);
    return status ? status : llmc_config_steps(config, llmc_config_member(node, "fallback"), at, route);
}
