/* The choices of a route that are made before the cache is asked. */
#ifndef LLMC_DECIDE_H
#define LLMC_DECIDE_H

#include "policy/policy.h"

/*
 * What is left of a route for this leg's request: every split has its side, every choose its step, as far as that is
 * known without asking anybody. The route itself where nothing is to be decided. NULL: the leg has failed (memory, or no step can serve the request).
 */
const llmc_route *llmc_route_decide(llmcost_leg *leg, const llmc_route *route);

/* On the receipt: which way a node went, and why. why: static, or of the call's arena. NULL, and nothing, without memory. */
llmc_decision *llmc_leg_decided(llmcost_leg *leg, const llmc_route *node, const llmc_route *to, const char *why);
/* A leg for this part of a tree begins: the decisions that led to it count. */
void llmc_route_taken(const llmc_route *route);

/* ---- the kinds of nodes that choose ---- */

/* split.c */
size_t llmc_split_side(llmcost_leg *leg, const llmc_route *split, const char **why);
uint64_t llmc_split_seed(const llmc_split *split, const char *value);                    /* of a tag's value */
size_t llmc_split_draw(const llmc_split *split, uint64_t seed, uint32_t without);        /* a bit for each side that is passed over; SIZE_MAX: none is left */

#endif
