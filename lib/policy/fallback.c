/* fallback.c: asks the steps of a route one after the other until one has not failed. */
#include "policy/decide.h"
#include "policy/outlook.h"

typedef struct fallback_state {
    size_t step;
    llmcost_leg *child;
} fallback_state;

static llmcost_verdict ask(llmcost_leg *leg, fallback_state *state)
{
    const llmc_route *route = leg->route;
    while (state->step + 1 < route->step_count && !llmc_route_fits(leg, route->steps[state->step]))
        state->step++; /* pruned: the receipt says so already */
    llmc_spawn spawn = { .first_phase = LLMCOST_PHASE_ROUTE, .route = route->steps[state->step], .purpose = state->step ? "fallback" : leg->purpose, .forwards = true };
    state->child = llmc_leg_spawn(leg, &spawn);
    return state->child ? LLMCOST_WAIT : LLMCOST_FAIL;
}

bool llmc_fallback_goes_on(const llmc_route *fallback, llmcost_status status)
{
    (void)fallback;
    return llmcost_status_is_retriable(status);
}

static bool goes_on(const llmcost_leg *leg, const fallback_state *state)
{
    return state->step + 1 < leg->route->step_count && llmc_fallback_goes_on(leg->route, state->child->status) && !leg->delivered && !leg->cancelled;
}

static llmcost_verdict fallback_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    return leg->route && leg->route->kind == LLMC_ROUTE_FALLBACK ? ask(leg, memory) : LLMCOST_CONTINUE;
}

static llmcost_verdict fallback_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    fallback_state *state = memory;
    if (wake->kind != LLMCOST_WAKE_CHILD)
        return LLMCOST_WAIT;
    if (!goes_on(leg, state))
        return llmcost_leg_adopt(leg, state->child);
    state->step++;
    leg->altered = true;
    llmc_leg_decided(leg, leg->route, leg->route->steps[state->step], llmcost_status_name(state->child->status));
    return ask(leg, state);
}

const llmcost_policy llmc_policy_fallback = {
    .struct_size = sizeof(llmcost_policy), .name = "fallback", .phase = LLMCOST_PHASE_ROUTE, .operations = 1u << LLMC_OP_CHAT,
    .state_bytes = sizeof(fallback_state), .enter = fallback_enter, .resume = fallback_resume,
};
