/*
 * limits.c: a leg waits until there is room for it under the limits towards its provider, of its key and its model.
 *
 * It stands behind the choice of the key, because keys are what providers limit, and before the breaker, so that a call
 * asks whether its target is well when it is about to be sent, not when it began to queue; before the budget too, so that
 * nobody queues with money in his hand. Who waits in vain fails with E_LIMITED: that is no sign of a sick target, and
 * retry.c leaves it alone, for it has waited already.
 *
 * A leg that cannot wait for want of memory goes on without.
 */
#include "policy/place.h"
#include "policy/usage_estimate.h"

#include <string.h>

enum { OUTPUT_WHERE_UNKNOWN = 1000, AGAIN_WHERE_UNKNOWN_MS = 1000 };

typedef struct limits_state {
    llmc_lane_waiter waiter;
    void *spare;  /* a waker for the next time that it is told to look */
    bool waiting;
} limits_state;

static const llmc_limits *rules_for(const llmc_provider *provider, const char *model)
{
    for (size_t i = 1; i < provider->limit_count; i++) {
        if (strcmp(provider->limits[i].model, model) == 0)
            return &provider->limits[i];
    }
    return provider->limits;
}

int64_t llmc_limits_tokens(llmcost_leg *leg, int64_t *prompt)
{
    const llmcost_request *request = leg->request;
    int64_t output = 0;
    if (leg->operation->generates)
        output = request->max_tokens > 0 ? request->max_tokens : leg->services->settings->default_max_tokens > 0 ? leg->services->settings->default_max_tokens : OUTPUT_WHERE_UNKNOWN;
    *prompt = llmc_prompt_estimate(leg->services, request, leg->route);
    int64_t choices = request->n > 1 ? request->n : 1;
    return output < (INT64_MAX >> 8) && *prompt < (INT64_MAX >> 8) ? *prompt + output * choices : INT64_MAX >> 8;
}

/* ---- waiting ---- */

static llmcost_verdict go_on_without(llmcost_leg *leg, const char *why)
{
    llmc_leg_policy_failed(leg, "limits", why);
    return LLMCOST_CONTINUE;
}

static void quit(llmcost_leg *leg, limits_state *state)
{
    if (!state->waiting)
        return;
    llmcost_waker_free(llmc_lane_quit(leg->services->lanes, &state->waiter, llmc_leg_now(leg)));
    llmcost_waker_free(state->spare);
    state->spare = NULL;
    state->waiting = false;
}

static llmcost_verdict refuse(llmcost_leg *leg, const limits_state *state)
{
    int64_t now = llmc_leg_now(leg), opens = state->waiter.opens_ns;
    int64_t again_ms = opens == LLMC_NEVER ? AGAIN_WHERE_UNKNOWN_MS : opens > now ? (opens - now + LLMC_MS - 1) / LLMC_MS : 0;
    llmc_leg_fail(leg, LLMCOST_E_LIMITED, "%s: no place under the \"limits\" of its provider came free in time; nothing was sent: ask again in %lld ms, raise \"wait_ms\", or add a key or a fallback",
                  leg->route->name, (long long)again_ms);
    leg->error.retry_after_ms = again_ms;
    llmc_place_note_refusal(leg, LLMCOST_E_LIMITED);
    return LLMCOST_FAIL;
}

/* Until its turn, its alarm, or, where it could get no waker or a leg without a caller may have a place, a short while. */
static llmcost_verdict sleep(llmcost_leg *leg, const limits_state *state, bool wakes)
{
    bool again = llmc_leg_give_turn(leg) || !wakes;
    int64_t now = llmc_leg_now(leg), at = state->waiter.alarm_ns;
    if (again && at > llmc_clock_after(now, LLMC_TURN_MS))
        at = llmc_clock_after(now, LLMC_TURN_MS);
    if (at == LLMC_NEVER)
        return LLMCOST_WAIT;
    int64_t delay_ms = at > now ? (at - now + LLMC_MS - 1) / LLMC_MS : 0;
    return llmcost_leg_timer(leg, delay_ms) == LLMCOST_OK ? LLMCOST_WAIT : LLMCOST_FAIL;
}

static llmcost_verdict look(llmcost_leg *leg, limits_state *state)
{
    if (!state->spare)
        state->spare = llmcost_leg_waker(leg);
    bool wakes = state->spare != NULL; /* the waiter's own is other threads' too, while it is in the queue */
    llmc_lane_outcome outcome = llmc_lane_look(leg->services->lanes, &state->waiter, &state->spare, llmc_leg_now(leg));
    if (outcome == LLMC_LANE_QUEUED && sleep(leg, state, wakes) == LLMCOST_WAIT)
        return LLMCOST_WAIT;
    quit(leg, state);
    if (outcome == LLMC_LANE_CLOSED)
        return refuse(leg, state);
    return outcome == LLMC_LANE_TAKEN ? LLMCOST_CONTINUE : go_on_without(leg, "no memory to wait with");
}

/* ---- the policy ---- */

static llmcost_verdict limits_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    limits_state *state = memory;
    const llmc_provider *provider = leg->route ? leg->route->provider : NULL;
    if (!provider || !provider->limits || !leg->place)
        return LLMCOST_CONTINUE;
    const llmc_limits *rules = rules_for(provider, leg->route->model);
    const void *key = leg->credential ? (const void *)leg->credential : provider;
    int64_t now = llmc_leg_now(leg);
    state->waiter.tokens = llmc_limits_tokens(leg, &state->waiter.prompt_tokens);
    state->waiter.priority = leg->request->priority;
    int32_t wait_ms = rules->wait_ms;
    if (leg->has_alternative && provider->failover_wait_ms < wait_ms) /* a further target can be asked instead */
        wait_ms = provider->failover_wait_ms;
    state->waiter.give_up_ns = llmc_clock_after(now, wait_ms);
    if (leg->deadline_ns < state->waiter.give_up_ns)
        state->waiter.give_up_ns = leg->deadline_ns;
    switch (llmc_lane_enter(leg->services->lanes, key, leg->route->model, rules, &state->waiter, &leg->place->lane, now)) {
    case LLMC_LANE_TAKEN:
        return LLMCOST_CONTINUE;
    case LLMC_LANE_CLOSED:
        return refuse(leg, state);
    case LLMC_LANE_NO_LANE:
        return go_on_without(leg, "no memory, or too many models at once");
    default:
        break;
    }
    state->waiting = true;
    llmc_services_log(leg->services, LLMCOST_LOG_INFO, "limits", "%s: waits for a place under the limits", leg->route->name);
    return look(leg, state);
}

static llmcost_verdict limits_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    (void)wake; /* each is a reason to look */
    limits_state *state = memory;
    return state->waiting ? look(leg, state) : LLMCOST_WAIT;
}

static llmcost_verdict limits_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    quit(leg, memory);
    if (leg->place && !leg->place->kept) /* by a leg that reads on */
        llmc_place_leave_lane(leg, leg->place);
    return LLMCOST_CONTINUE;
}

static void limits_destroy(llmcost_leg *leg, void *memory, void *user)
{
    limits_leave(leg, memory, user);
}

const llmcost_policy llmc_policy_limits = {
    .struct_size = sizeof(llmcost_policy), .name = "limits", .phase = LLMCOST_PHASE_KEYS, .operations = 1u << LLMC_OP_CHAT | 1u << LLMC_OP_EMBED,
    .state_bytes = sizeof(limits_state), .enter = limits_enter, .resume = limits_resume, .leave = limits_leave, .destroy = limits_destroy,
};
