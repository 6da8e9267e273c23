/* What the files that read the nodes of routes share. Inside lib/client only. */
#ifndef LLMC_CONFIG_ROUTES_H
#define LLMC_CONFIG_ROUTES_H

#include "client/config.h"

/* Where in the tree the building is. */
typedef struct llmc_route_place {
    struct llmc_route_draft *draft; /* the name that is being built, or NULL */
    int depth;
} llmc_route_place;

/* A name, or a node written in place, which is called `name`. */
llmcost_status llmc_config_route(llmc_config *config, const llmc_config_node *node, llmc_route_place at, const char *name, const llmc_route **out);
/* Room for a step per member or item of the list: of 1 to LLMC_ROUTE_MAX_STEPS. */
llmcost_status llmc_config_make_steps(llmc_config *config, const llmc_config_node *list, llmc_route *route);
/* The next step of a route. */
llmcost_status llmc_config_step(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route);
/* `below` hangs under the route in some way: as a step, or as what it asks. E_CONFIG: the tree is too deep. */
llmcost_status llmc_config_under(llmc_config *config, const llmc_config_node *node, llmc_route *route, const llmc_route *below);
/* Both, for a plain list of steps. */
llmcost_status llmc_config_steps(llmc_config *config, const llmc_config_node *list, llmc_route_place at, llmc_route *route);

/* The kinds: each reads its keys, its steps and its rules. */
llmcost_status llmc_config_cascade(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route);
llmcost_status llmc_config_fallback(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route);
llmcost_status llmc_config_split(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route);
llmcost_status llmc_config_choose(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route);
llmcost_status llmc_config_cheapest(llmc_config *config, const llmc_config_node *node, llmc_route_place at, llmc_route *route);

/* Parts of a choose: the conditions of an entry (config_when.c), who gives the label (config_labeller.c). */
llmcost_status llmc_config_when(llmc_config *config, const llmc_config_node *node, llmc_route_place at, const llmc_labeller *labeller, llmc_rule *rule);
llmcost_status llmc_config_labeller(llmc_config *config, const llmc_config_node *choose, llmc_route_place at, const llmc_labeller **out);

#endif
