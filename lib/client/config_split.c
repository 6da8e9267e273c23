/* "split" of a route: its sides with their weights and names. */
#include "client/config_routes.h"

#include <string.h>

enum { MAX_WEIGHT = 1000000 };

/* A split that is being read. */
typedef struct split_reading {
    llmc_config *config;
    llmc_route_place at;
    llmc_route *route;
    const char **names;
    uint32_t *weights;
} split_reading;

static llmcost_status read_weight(split_reading *reading, const llmc_config_node *node, const char *of)
{
    int64_t number;
    if (!node || node->type != LLMC_JSON_NUMBER || !llmc_config_decimal(node, 0, &number) || number < 0 || number > MAX_WEIGHT)
        return llmc_config_fail(reading->config, node, "the weight of \"%.200s\" must be a whole number from 0 to %d", of, MAX_WEIGHT);
    reading->weights[reading->route->step_count - 1] = (uint32_t)number;
    return LLMCOST_OK;
}

/* The step that was read last gets its name. Sides are told apart by it. */
static llmcost_status name_side(split_reading *reading, const llmc_config_node *node, const char *name)
{
    size_t side = reading->route->step_count - 1;
    for (size_t i = 0; i < side; i++) {
        if (strcmp(reading->names[i], name) == 0)
            return llmc_config_fail(reading->config, node, "two sides of a split are called \"%.200s\"; give one of them a \"name\"", name);
    }
    reading->names[side] = llmc_arena_strdup(&reading->config->settings->arena, name);
    return reading->names[side] ? LLMCOST_OK : llmc_config_no_memory(reading->config);
}

/* {"use": ..., "weight": ..., "name": ...} */
static llmcost_status read_side(split_reading *reading, const llmc_config_node *node)
{
    const llmc_config_node *use = llmc_config_member(node, "use"), *named = llmc_config_member(node, "name");
    const char *name = use && use->type == LLMC_JSON_STRING ? use->text : NULL;
    llmcost_status status = llmc_config_expect(reading->config, node, LLMC_JSON_OBJECT, "a side: {\"use\": NAME, \"weight\": WEIGHT}");
    if (!status)
        status = llmc_config_keys(reading->config, LLMC_SECTION_SPLIT_SIDE, node, reading->weights);
    if (!status && !use)
        status = llmc_config_fail(reading->config, node, "a side of a split needs \"use\"");
    if (!status && named)
        status = llmc_config_name(reading->config, named, &name);
    if (!status)
        status = llmc_config_step(reading->config, use, reading->at, reading->route);
    if (!status && !name)
        name = reading->route->steps[reading->route->step_count - 1]->name;
    if (!status)
        status = name_side(reading, named ? named : use, name);
    return status ? status : read_weight(reading, llmc_config_member(node, "weight"), name);
}

/* "NAME": WEIGHT */
static llmcost_status read_member(split_reading *reading, const llmc_config_node *node)
{
    llmc_config_node name = { .type = LLMC_JSON_STRING, .text = node->key, .bytes = strlen(node->key), .at = node->at, .raw = node->raw };
    llmcost_status status = llmc_config_step(reading->config, &name, reading->at, reading->route);
    if (!status)
        status = name_side(reading, node, node->key);
    return status ? status : read_weight(reading, node, node->key);
}

static llmcost_status read_sides(split_reading *reading, const llmc_config_node *sides)
{
    uint64_t sum = 0;
    llmcost_status status = LLMCOST_OK;
    for (const llmc_config_node *side = sides->first; side && !status; side = side->next)
        status = sides->type == LLMC_JSON_OBJECT ? read_member(reading, side) : read_side(reading, side);
    for (size_t i = 0; i < sides->count; i++)
        sum += reading->weights[i];
    return status || sum ? status : llmc_config_fail(reading->config, sides, "a split needs a weight above 0");
}

/* Its place among all splits is that of its node in the config. */
static llmc_split *add_split(llmc_settings *settings, const char *name)
{
    llmc_split *split = llmc_arena_calloc(&settings->arena, 1, sizeof *split);
    if (!split)
        return NULL;
    split->name = name;
    if (!settings->splits)
        settings->last_split = &settings->splits;
    *settings->last_split = split;
    settings->last_split = &split->next;
    return split;
}

llmcost_status llmc_config_split(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route)
{
    const llmc_config_node *sides = llmc_config_member(node, "split");
    llmc_settings *settings = config->settings;
    if (sides->type != LLMC_JSON_OBJECT && sides->type != LLMC_JSON_ARRAY)
        return llmc_config_fail(config, sides, "\"split\" must be an object of names and weights, or a list of sides");
    llmc_split *split = add_split(settings, route->name);
    llmcost_status status = split ? llmc_config_keys(config, LLMC_SECTION_SPLIT, node, split) : llmc_config_no_memory(config);
    if (!status)
        status = llmc_config_make_steps(config, sides, route);
    if (status)
        return status;
    split_reading reading = { config, at, route, llmc_arena_calloc(&settings->arena, sides->count, sizeof *reading.names),
                              llmc_arena_calloc(&settings->arena, sides->count, sizeof *reading.weights) };
    if (!reading.names || !reading.weights)
        return llmc_config_no_memory(config);
    if ((status = read_sides(&reading, sides)))
        return status;
    split->sides = reading.names;
    split->weights = reading.weights;
    split->side_count = (uint32_t)route->step_count;
    split->first_side = (uint32_t)settings->side_count;
    settings->side_count += split->side_count;
    route->split = split;
    return LLMCOST_OK;
}
