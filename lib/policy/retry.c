/*
 * retry.c: another try of the same target, in a new leg, after a failure that may pass.
 *
 * The delay doubles with full jitter; a Retry-After of the provider's counts over it. There is no other try once
 * content has reached the caller, when the wait would not fit into the deadline, or for a failure that will repeat.
 */
#include "policy/policy.h"

enum { BASE_MS = 250, LONGEST_MS = 20000 };

typedef struct retry_state {
    bool waiting; /* for the delay to pass */
    uint32_t tried;
} retry_state;

static int64_t delay_ms(llmcost_leg *leg, uint32_t tried)
{
    if (leg->error.retry_after_ms >= 0)
        return leg->error.retry_after_ms;
    int64_t ceiling = tried < 7 ? (int64_t)BASE_MS << tried : LONGEST_MS;
    if (ceiling > LONGEST_MS)
        ceiling = LONGEST_MS;
    return (int64_t)llmc_random_below(&leg->services->random, (uint64_t)ceiling + 1);
}

static bool may_retry(const llmcost_leg *leg, const retry_state *state)
{
    if (!llmcost_status_is_retriable(leg->status) || leg->status == LLMCOST_E_LIMITED || llmc_leg_was_delivered(leg) || leg->cancelled || llmc_leg_is_detached(leg))
        return false;
    return leg->route && leg->route->provider && state->tried < (uint32_t)leg->route->provider->retries;
}

static llmcost_verdict retry_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    retry_state *state = memory;
    if (!may_retry(leg, state))
        return LLMCOST_CONTINUE;
    int64_t delay = delay_ms(leg, state->tried), now = llmc_leg_now(leg);
    if (llmc_clock_after(now, delay) >= leg->deadline_ns)
        return LLMCOST_CONTINUE;
    state->tried++;
    llmc_services_log(leg->services, LLMCOST_LOG_INFO, "retry", "%s: %s; try %u in %lld ms", llmcost_leg_target(leg), llmcost_status_name(leg->status),
                      state->tried + 1, (long long)delay);
    if (delay == 0)
        return LLMCOST_ANOTHER;
    state->waiting = true;
    return llmcost_leg_timer(leg, delay) == LLMCOST_OK ? LLMCOST_WAIT : LLMCOST_CONTINUE;
}

static llmcost_verdict retry_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)leg;
    (void)user;
    retry_state *state = memory;
    if (wake->kind != LLMCOST_WAKE_TIMER || !state->waiting)
        return LLMCOST_WAIT;
    state->waiting = false;
    return LLMCOST_ANOTHER;
}

const llmcost_policy llmc_policy_retry = {
    .struct_size = sizeof(llmcost_policy), .name = "retry", .phase = LLMCOST_PHASE_RETRY, .state_bytes = sizeof(retry_state),
    .leave = retry_leave, .resume = retry_resume,
};
