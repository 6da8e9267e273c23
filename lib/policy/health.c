/* health.c: whether a target answers, for choices that depend on it. Nothing is known of any so far. */
#include "policy/policy.h"

bool llmc_health_known(llmcost_leg *leg, const llmc_route *route, bool *healthy)
{
    (void)leg, (void)route;
    return *healthy = true;
}

llmcost_leg *llmc_health_ask(llmcost_leg *leg, const llmc_route *route)
{
    (void)leg, (void)route;
    return NULL;
}

bool llmc_health_learn(llmcost_leg *leg, const llmcost_leg *child)
{
    (void)leg, (void)child;
    return true;
}
