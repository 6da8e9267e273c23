/*
 * health.c: whether a target answers, for choices that depend on it.
 *
 * Passive where nothing else is configured: what calls to it met with lately (target.c). A local server that nobody has
 * called yet is asked for its list of models, which costs nothing; one leg asks at a time, and the result is good for
 * health_check_ms.
 */
#include "policy/policy.h"

enum { CHECK_MS = 500 };

static bool is_checked_actively(const llmc_route *route)
{
    const llmc_provider *provider = route->provider;
    return route->target && provider->health_check_ms > 0 && provider->codec->has_operation(LLMC_OP_LIST_MODELS);
}

bool llmc_health_known(llmcost_leg *leg, const llmc_route *route, bool *healthy)
{
    int64_t now = llmc_leg_now(leg);
    bool good = true;
    *healthy = llmc_target_is_healthy(route->target, now);
    if (!is_checked_actively(route))
        return true;
    if (!llmc_target_checked(route->target, now, route->provider->health_check_ms, &good))
        return !*healthy; /* what fails now need not be asked */
    *healthy = *healthy && good;
    return true;
}

/* The provider's own leaf, so that the check is no call of the model's; the target goes along to be told. */
static llmc_route *leaf_of_server(llmcost_leg *leg, const llmc_route *route)
{
    llmc_route *leaf = llmc_arena_calloc(llmc_leg_arena(leg), 1, sizeof *leaf);
    if (!leaf)
        return NULL;
    leaf->kind = LLMC_ROUTE_LEAF;
    leaf->name = route->provider->name;
    leaf->leaf_count = 1;
    leaf->provider = route->provider;
    leaf->model = "";
    leaf->target = route->target;
    return leaf;
}

llmcost_leg *llmc_health_ask(llmcost_leg *leg, const llmc_route *route)
{
    int64_t now = llmc_leg_now(leg), until = llmc_clock_after(now, CHECK_MS);
    if (!is_checked_actively(route) || !llmc_target_begin_check(route->target, now, until))
        return NULL;
    llmc_route *leaf = leaf_of_server(leg, route);
    if (!leaf)
        llmc_leg_out_of_memory(leg);
    llmc_spawn spawn = { .first_phase = LLMCOST_PHASE_KEYS, .operation = &llmc_operations[LLMC_OP_LIST_MODELS], .route = leaf, .purpose = "health", .deadline_ns = until };
    llmcost_leg *child = leaf ? llmc_leg_spawn(leg, &spawn) : NULL;
    if (!child) {
        llmc_target_end_check(route->target, now, false, false);
        return NULL;
    }
    child->request = NULL;
    child->provider_name = leaf->name;
    return child;
}

bool llmc_health_learn(llmcost_leg *leg, const llmcost_leg *child)
{
    llmc_target *target = child->route->target;
    int64_t now = llmc_leg_now(leg);
    bool late = child->status == LLMCOST_E_DEADLINE;
    llmc_outcome outcome = late ? LLMC_OUTCOME_BAD : llmc_outcome_of(child);
    bool good = outcome == LLMC_OUTCOME_GOOD || outcome == LLMC_OUTCOME_ALIVE;
    llmc_target_end_check(target, now, outcome != LLMC_OUTCOME_NOTHING, good);
    bool healthy = llmc_target_is_healthy(target, now);
    return outcome == LLMC_OUTCOME_NOTHING ? healthy : healthy && good;
}
