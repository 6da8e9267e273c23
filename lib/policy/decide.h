/* The choices of a route that are made before the cache is asked. */
#ifndef LLMC_DECIDE_H
#define LLMC_DECIDE_H

#include "policy/policy.h"

/*
 * What is left of a route for this leg's request: every split has its side, every choose its step, as far as that is
 * known without asking anybody. The route itself where nothing is to be decided. NULL: the leg has failed (memory, or no step can serve the request).
 */
const llmc_route *llmc_route_decide(llmcost_leg *leg, const llmc_route *route);

/* On the receipt: which way a node went, and why. why: static, or of the call's arena. Nothing without memory. */
void llmc_leg_decided(llmcost_leg *leg, const llmc_route *node, const llmc_route *to, const char *why);

/* ---- the kinds of nodes that choose ---- */

size_t llmc_split_side(llmcost_leg *leg, const llmc_route *split, const char **why); /* split.c */

#endif
