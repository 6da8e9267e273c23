/* "fallback" of a route: the steps, and which failures go on to the next one. */
#include "client/config_routes.h"

llmcost_status llmc_config_fallback(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route)
{
    llmc_fallback *fallback = llmc_arena_calloc(&config->settings->arena, 1, sizeof *fallback);
    if (!fallback)
        return llmc_config_no_memory(config);
    route->fallback = fallback;
    llmcost_status status = llmc_config_keys(config, LLMC_SECTION_FALLBACK, node, fallback);
    return status ? status : llmc_config_steps(config, llmc_config_member(node, "fallback"), at, route);
}
