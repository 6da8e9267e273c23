/* Which rules of a choose come into question. */
#ifndef LLMC_CHOOSE_H
#define LLMC_CHOOSE_H

#include "policy/labeller.h"

/*
 * A bit for each step that the request may go to: one, or several where a model's label decides between them. 0: the
 * leg has failed. *open: a label is still to be asked for. *why: of a single step.
 */
uint32_t llmc_choose_steps(llmcost_leg *leg, const llmc_route *route, bool *open, const char **why);
/* The cheapest step (cheapest.c), with *why. SIZE_MAX: the leg has failed. */
size_t llmc_cheapest_step(llmcost_leg *leg, const llmc_route *route, llmc_facts *facts, const char **why);
/* Whether the request can go to a step. What cannot serve it is told on the receipt; *reason says why the first cannot. */
bool llmc_choose_takes(llmcost_leg *leg, const llmc_route *step, llmcost_error *first);
/* No step is left: the leg fails, with the first's reason. */
void llmc_choose_no_step(llmcost_leg *leg, const llmc_route *route, const llmcost_error *first);
/* Children that ask targets whose health the route's choices need and nobody knows: how many; wait for them. */
size_t llmc_choose_ask_health(llmcost_leg *leg, const llmc_route *route);

#endif
