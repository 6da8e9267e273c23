/*
 * retry.c: another try of the same target, in a new leg, after a failure that may pass.
 *
 * Whether a failure may pass is told by its status, unless the provider says so itself (x-should-retry).
 * The delay doubles with full jitter; a Retry-After of the provider's counts over it. There is no other try once
 * content has reached the caller, when the wait would not fit into the deadline or is longer than is worth it (with a
 * further target to ask: a moment), for a failure that will repeat, and where the breaker would only refuse it.
 *
 * Retries are a fraction of a provider's calls: each first attempt earns a part of one, into a stock that is full at
 * the start. In an outage it runs out, and what is down is not sent three times the calls.
 */
#include "policy/policy.h"

enum { BASE_MS = 250, LONGEST_MS = 20000, ONE_RETRY = 1000 };

typedef struct retry_state {
    bool waiting; /* for the delay to pass */
    uint32_t tried;
} retry_state;

/* ---- the budget ---- */

/* Reads only, while the stock is full: threads do not meet here. */
static llmcost_verdict retry_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)memory;
    (void)user;
    const llmc_provider *provider = leg->route ? leg->route->provider : NULL;
    if (!provider || !provider->retry_stock || atomic_load_explicit(provider->retry_stock, memory_order_relaxed) >= LLMC_RETRY_STOCK)
        return LLMCOST_CONTINUE;
    int before = atomic_fetch_add_explicit(provider->retry_stock, provider->retry_permille, memory_order_relaxed);
    if (before + provider->retry_permille > LLMC_RETRY_STOCK)
        atomic_fetch_sub_explicit(provider->retry_stock, before + provider->retry_permille - LLMC_RETRY_STOCK, memory_order_relaxed);
    return LLMCOST_CONTINUE;
}

static bool take_from_stock(const llmc_provider *provider)
{
    int stock = provider->retry_stock ? atomic_load_explicit(provider->retry_stock, memory_order_relaxed) : ONE_RETRY;
    while (provider->retry_stock && stock >= ONE_RETRY) {
        if (atomic_compare_exchange_weak_explicit(provider->retry_stock, &stock, stock - ONE_RETRY, memory_order_relaxed, memory_order_relaxed))
            return true;
    }
    return stock >= ONE_RETRY;
}

/* ---- the delay ---- */

static int64_t delay_ms(llmcost_leg *leg, uint32_t tried)
{
    if (leg->error.retry_after_ms >= 0)
        return leg->error.retry_after_ms;
    int64_t ceiling = tried < 7 ? (int64_t)BASE_MS << tried : LONGEST_MS;
    if (ceiling > LONGEST_MS)
        ceiling = LONGEST_MS;
    return (int64_t)llmc_random_below(&leg->services->random, (uint64_t)ceiling + 1);
}

static bool is_worth_waiting(const llmcost_leg *leg, int64_t delay)
{
    const llmc_provider *provider = leg->route->provider;
    bool asked = leg->error.retry_after_ms >= 0;
    if (asked && (delay > provider->retry_wait_ms || (leg->has_alternative && delay > provider->failover_wait_ms)))
        return false;
    int64_t at = llmc_clock_after(llmc_leg_now(leg), delay);
    if (at >= leg->deadline_ns)
        return false;
    return !leg->route->target || !llmc_target_would_refuse(leg->route->target, at, !leg->has_alternative);
}

/* ---- the policy ---- */

/* What an HTTP error says of itself counts over what its status means; but a key that was refused would be refused again. */
static bool may_pass(const llmcost_leg *leg)
{
    const llmcost_error *error = &leg->error;
    if (!error->should_retry || error->http_status < 400 || llmcost_status_category(leg->status) == LLMCOST_CATEGORY_CREDENTIALS)
        return llmcost_status_is_retriable(leg->status);
    return error->should_retry > 0;
}

static bool may_retry(const llmcost_leg *leg, const retry_state *state)
{
    if (!may_pass(leg) || leg->status == LLMCOST_E_BREAKER_OPEN || leg->status == LLMCOST_E_LIMITED ||
        llmc_leg_was_delivered(leg) || leg->cancelled || llmc_leg_is_detached(leg))
        return false;
    return leg->route && leg->route->provider && state->tried < (uint32_t)leg->route->provider->retries;
}

static llmcost_verdict refuse(llmcost_leg *leg)
{
    const llmcost_leg *source = leg->source ? leg->source : leg;
    atomic_fetch_add(&leg->services->retries_refused, 1);
    if (source->line)
        llmc_line_add_note(source->line, llmc_leg_arena(leg), "not tried again: the provider's retry_budget is used up");
    llmc_services_log(leg->services, LLMCOST_LOG_INFO, "retry", "%s: %s; not tried again: the retry_budget is used up", llmcost_leg_target(leg), llmcost_status_name(leg->status));
    return LLMCOST_CONTINUE;
}

__attribute__((noinline)) static llmcost_verdict failed(llmcost_leg *leg, retry_state *state)
{
    if (!may_retry(leg, state))
        return LLMCOST_CONTINUE;
    int64_t delay = delay_ms(leg, state->tried);
    if (!is_worth_waiting(leg, delay))
        return LLMCOST_CONTINUE;
    if (!take_from_stock(leg->route->provider))
        return refuse(leg);
    state->tried++;
    llmc_services_log(leg->services, LLMCOST_LOG_INFO, "retry", "%s: %s; try %u in %lld ms", llmcost_leg_target(leg), llmcost_status_name(leg->status),
                      state->tried + 1, (long long)delay);
    if (delay == 0)
        return LLMCOST_ANOTHER;
    state->waiting = true;
    return llmcost_leg_timer(leg, delay) == LLMCOST_OK ? LLMCOST_WAIT : LLMCOST_CONTINUE;
}

static llmcost_verdict retry_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    return leg->status == LLMCOST_OK ? LLMCOST_CONTINUE : failed(leg, memory);
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
    .enter = retry_enter, .leave = retry_leave, .resume = retry_resume,
};
