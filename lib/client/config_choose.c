/* "choose" of a route: its steps with their conditions. */
#include "client/config_routes.h"

llmcost_status llmc_config_choose(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route)
{
    (void)at;
    (void)route;
    return llmc_config_fail(config, llmc_config_member(node, "choose"), "route kind 'choose' is not available in this version");
}
