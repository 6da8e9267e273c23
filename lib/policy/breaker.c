/*
 * breaker.c: a target that fails too often, or is too slow, is left alone for a while; target.c has the rules.
 *
 * A leg that is refused has a line on the receipt, with nothing sent and nothing to pay. Left out on purpose: what to ask
 * instead (the route decides), and limits of rate, which belong to keys.
 */
#include "policy/outlook.h"

#include <string.h>

/* ---- what an outcome says of its target ---- */

static bool is_failure_of_target(llmcost_status status)
{
    switch (status) {
    case LLMCOST_E_CONNECT_TIMEOUT:
    case LLMCOST_E_FIRST_BYTE_TIMEOUT:
    case LLMCOST_E_IDLE_TIMEOUT:
    case LLMCOST_E_NETWORK:
    case LLMCOST_E_TLS:
    case LLMCOST_E_NAME:
    case LLMCOST_E_OVERLOADED:
    case LLMCOST_E_SERVER:
    case LLMCOST_E_SERVER_TIMEOUT:
    case LLMCOST_E_MALFORMED:
    case LLMCOST_E_TRUNCATED:
        return true;
    default:
        return false;
    }
}

/*
 * The caller's deadline passed while the target was silent. One that is shorter than half of its answers take until they
 * begin says more of the caller.
 */
static bool was_silent(const llmcost_leg *leg)
{
    const llmc_target *target = leg->route->target;
    if (!leg->sent || leg->line->first_byte_ms >= 0)
        return false;
    return !target || leg->line->duration_ms >= llmc_target_median_first_byte_ms(leg->route->target);
}

llmc_outcome llmc_outcome_of(const llmcost_leg *leg)
{
    if (!leg->concluded_ns || !leg->line) /* it was not on the wire itself */
        return LLMC_OUTCOME_NOTHING;
    if (leg->status == LLMCOST_OK)
        return LLMC_OUTCOME_GOOD;
    if (is_failure_of_target(leg->status) || (leg->status == LLMCOST_E_DEADLINE && was_silent(leg)))
        return LLMC_OUTCOME_BAD;
    if (leg->status == LLMCOST_E_RATE_LIMITED && leg->route->provider->breaker.rate_limits)
        return LLMC_OUTCOME_BAD;
    return leg->status >= LLMCOST_E_INVALID_REQUEST && leg->error.http_status ? LLMC_OUTCOME_ALIVE : LLMC_OUTCOME_NOTHING;
}

/* ---- telling ---- */

static void tell(llmcost_leg *leg, const llmc_target_change *change)
{
    llmc_services *services = leg->services;
    if (!change->target)
        return;
    llmc_services_log(services, LLMCOST_LOG_WARNING, "breaker", "%s: %s; of the latest %u calls %u failed and %u were slow", change->target,
                      llmc_breaker_state_name(change->state), change->window.calls, change->window.failures, change->window.slow);
    if (services->on_target)
        services->on_target(change, services->on_target_user);
}

/* ---- the policy ---- */

static llmcost_verdict fail_open(llmcost_leg *leg, int64_t wait_ms)
{
    if (wait_ms < 0)
        return llmc_leg_fail(leg, LLMCOST_E_BREAKER_OPEN, "%s: it failed too often lately, and one call is trying it now; nothing was sent", leg->route->name);
    return llmc_leg_fail(leg, LLMCOST_E_BREAKER_OPEN, "%s: it failed too often lately; nothing was sent, and the next try is in %lld ms", leg->route->name, (long long)wait_ms);
}

static llmcost_verdict refuse(llmcost_leg *leg, int64_t wait_ms)
{
    const llmc_route *route = leg->route;
    llmc_line *line = llmc_leg_line(leg);
    char *provider = llmc_arena_strdup(llmc_leg_arena(leg), route->provider->name), *model = llmc_arena_strdup(llmc_leg_arena(leg), route->model);
    if (!line || !provider || !model)
        return llmc_leg_out_of_memory(leg);
    line->provider = provider;
    line->model = model;
    line->status = LLMCOST_E_BREAKER_OPEN;
    fail_open(leg, wait_ms);
    leg->error.retry_after_ms = wait_ms;
    line->message = llmc_arena_strdup(llmc_leg_arena(leg), llmcost_error_message(&leg->error)); /* NULL without memory: none */
    llmc_error_set_text(&leg->error, &leg->error.provider, provider, strlen(provider));
    return LLMCOST_FAIL;
}

static llmcost_verdict breaker_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    llmc_target_pass *pass = memory;
    llmc_target *target = leg->route ? leg->route->target : NULL;
    if (!target || llmc_target_admit_closed(target, pass))
        return LLMCOST_CONTINUE;
    int64_t wait_ms;
    llmc_target_change change;
    bool admitted = llmc_target_admit(target, llmc_leg_now(leg), !leg->has_alternative, pass, &wait_ms, &change);
    tell(leg, &change);
    if (!admitted)
        return refuse(leg, wait_ms);
    if (pass->probe)
        llmc_services_log(leg->services, LLMCOST_LOG_INFO, "breaker", "%s: this call tries whether it answers again", target->name);
    return LLMCOST_CONTINUE;
}

llmcost_verdict llmc_breaker_look(llmcost_leg *leg, llmc_target_view *out)
{
    llmc_target *target = leg->route->target;
    int64_t now_ns = llmc_leg_now(leg);
    *out = (llmc_target_view){ .healthy = true };
    if (!target)
        return LLMCOST_CONTINUE;
    llmc_target_look(target, now_ns, out);
    if (!llmc_target_would_refuse(target, now_ns, !leg->has_alternative))
        return LLMCOST_CONTINUE;
    return fail_open(leg, out->open_until_ns > now_ns ? (out->open_until_ns - now_ns + LLMC_MS - 1) / LLMC_MS : -1);
}

static inline int64_t first_byte_ms(const llmc_line *line)
{
    return line->first_byte_ms < 0 ? -1 : line->first_byte_ms - line->started_ms;
}

__attribute__((noinline)) static void report(llmcost_leg *leg, llmc_target_pass *pass, llmc_outcome outcome)
{
    const llmc_line *line = leg->line;
    llmc_target_report about = { .outcome = outcome, .status = leg->status, .whole_ms = -1, .first_byte_ms = -1, .retry_after_ms = -1 };
    about.now_ns = leg->concluded_ns ? leg->concluded_ns : pass->probe ? llmc_leg_now(leg) : 0;
    if (outcome >= LLMC_OUTCOME_GOOD) {
        about.whole_ms = line->duration_ms;
        about.first_byte_ms = first_byte_ms(line);
    }
    if (outcome == LLMC_OUTCOME_BAD)
        about.retry_after_ms = leg->error.retry_after_ms;
    llmc_target_change change;
    llmc_target_report_outcome(pass, &about, &change);
    pass->target = NULL;
    tell(leg, &change);
}

static llmcost_verdict breaker_leave(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    llmc_target_pass *pass = memory;
    bool good = leg->status == LLMCOST_OK && leg->concluded_ns && pass->target && leg->line;
    if (good && llmc_target_report_good(pass, leg->concluded_ns, leg->line->duration_ms, first_byte_ms(leg->line)))
        pass->target = NULL;
    else if (pass->target)
        report(leg, pass, llmc_outcome_of(leg));
    return LLMCOST_CONTINUE;
}

/* A leg that never left: a probe's place is given back. */
static void breaker_destroy(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    llmc_target_pass *pass = memory;
    if (pass->target)
        report(leg, pass, LLMC_OUTCOME_NOTHING);
}

const llmcost_policy llmc_policy_breaker = {
    .struct_size = sizeof(llmcost_policy), .name = "breaker", .phase = LLMCOST_PHASE_BREAKER, .operations = 1u << LLMC_OP_CHAT | 1u << LLMC_OP_EMBED | 1u << LLMC_OP_COUNT_TOKENS,
    .state_bytes = sizeof(llmc_target_pass), .enter = breaker_enter, .leave = breaker_leave, .destroy = breaker_destroy,
};
