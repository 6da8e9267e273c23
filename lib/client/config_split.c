/* "split" of a route: its sides with their weights. */
#include "client/config_routes.h"

#include <string.h>

enum { MAX_WEIGHT = 1000000 };

static llmcost_status read_weight(llmc_config *config, const llmc_config_node *node, const char *of, uint32_t *weight)
{
    int64_t number;
    if (!node || node->type != LLMC_JSON_NUMBER || !llmc_config_decimal(node, 0, &number) || number < 0 || number > MAX_WEIGHT)
        return llmc_config_fail(config, node, "the weight of \"%.200s\" must be a whole number from 0 to %d", of, MAX_WEIGHT);
    *weight = (uint32_t)number;
    return LLMCOST_OK;
}

/* {"use": ..., "weight": ...} */
static llmcost_status read_side(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route, uint32_t *weight)
{
    const llmc_config_node *use = llmc_config_member(node, "use");
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_SPLIT_SIDE, node, weight);
    if (!status && !use)
        status = llmc_config_fail(config, node, "a side of a split needs \"use\"");
    if (!status)
        status = llmc_config_step(config, use, at, route);
    return status ? status : read_weight(config, llmc_config_member(node, "weight"), route->steps[route->step_count - 1]->name, weight);
}

/* "NAME": WEIGHT */
static llmcost_status read_member(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route, uint32_t *weight)
{
    llmc_config_node name = { .type = LLMC_JSON_STRING, .text = node->key, .bytes = strlen(node->key), .at = node->at, .raw = node->raw };
    llmcost_status status = llmc_config_step(config, &name, at, route);
    return status ? status : read_weight(config, node, node->key, weight);
}

llmcost_status llmc_config_split(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route)
{
    const llmc_config_node *sides = llmc_config_member(node, "split");
    llmc_arena *arena = &config->settings->arena;
    llmc_split *split = llmc_arena_calloc(arena, 1, sizeof *split);
    if (sides->type != LLMC_JSON_OBJECT && sides->type != LLMC_JSON_ARRAY)
        return llmc_config_fail(config, sides, "\"split\" must be an object of names and weights, or a list of sides");
    llmcost_status status = split ? llmc_config_keys(config, LLMC_SECTION_SPLIT, node, split) : llmc_config_no_memory(config);
    if (!status)
        status = llmc_config_make_steps(config, sides, route);
    uint32_t *weights = status ? NULL : llmc_arena_calloc(arena, sides->count, sizeof *weights);
    if (!status && !weights)
        return llmc_config_no_memory(config);
    uint64_t sum = 0;
    for (const llmc_config_node *side = sides->first; side && !status; side = side->next) {
        uint32_t *weight = &weights[route->step_count];
        status = sides->type == LLMC_JSON_OBJECT ? read_member(config, side, at, route, weight) : read_side(config, side, at, route, weight);
        sum += *weight;
    }
    if (status)
        return status;
    split->weights = weights;
    route->split = split;
    return sum ? LLMCOST_OK : llmc_config_fail(config, sides, "a split needs a weight above 0");
}
