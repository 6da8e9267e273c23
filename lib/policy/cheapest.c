/*
 * cheapest.c: the step of a set that this request costs least at: its whole prompt at the full rate, and max_tokens of
 * output, at the dearest rates that could hold. Where no max_tokens are known, all are compared at the same length.
 *
 * A free server costs nothing. A price that nobody knows is the highest. A cascade may ask all its steps; of other nodes
 * the dearest step counts. Targets that fail now are left out, unless all do.
 */
#include "policy/choose.h"
#include "policy/price_leg.h"

#include <stdio.h>

enum { LENGTH_WHERE_UNKNOWN = 1000 };

static const int64_t UNKNOWN = INT64_MAX;

static int64_t bound_of_leaf(llmcost_leg *leg, const llmc_route *leaf, const llmc_usage *usage)
{
    llmc_price_query query = { .wall_ms = llmc_leg_receipt(leg)->started_wall_ms, .prompt_tokens = usage->quantity[LLMCOST_INPUT],
                               .output_tokens = usage->quantity[LLMCOST_OUTPUT], .reasoned = true };
    llmc_rates rates;
    int64_t exchange_nano = leaf->exchange_nano, nano;
    if (!exchange_nano || !llmc_target_rates(leg->services, leaf, &query, true, &rates) || !llmc_price_usage(&rates, usage, exchange_nano, &nano))
        return UNKNOWN;
    return nano;
}

static int64_t bound_of(llmcost_leg *leg, const llmc_route *route, const llmc_usage *usage)
{
    int64_t whole = 0;
    if (route->kind == LLMC_ROUTE_LEAF)
        return bound_of_leaf(leg, route, usage);
    for (size_t i = 0; i < route->step_count; i++) {
        int64_t step = bound_of(leg, route->steps[i], usage);
        if (route->kind != LLMC_ROUTE_CASCADE)
            whole = step > whole ? step : whole;
        else if (__builtin_add_overflow(whole, step, &whole))
            return UNKNOWN;
    }
    return whole;
}

static const char *reason(llmcost_leg *leg, int64_t nano)
{
    char amount[40], text[100] = "the cheapest: free";
    if (nano == UNKNOWN)
        return "the first: no price is known";
    if (nano)
        snprintf(text, sizeof text, "the cheapest: at most %s", llmc_amount_text(nano, leg->services->settings->currency, 2, amount));
    const char *kept = llmc_arena_strdup(llmc_leg_arena(leg), text);
    return kept ? kept : "the cheapest";
}

size_t llmc_cheapest_step(llmcost_leg *leg, const llmc_route *route, llmc_facts *facts, const char **why)
{
    llmc_usage usage;
    llmcost_error first;
    size_t best = SIZE_MAX;
    int64_t least = 0, length = leg->request->max_tokens > 0 ? leg->request->max_tokens : leg->services->settings->default_max_tokens;
    bool best_healthy = false;
    llmc_usage_init(&usage);
    usage.quantity[LLMCOST_INPUT] = llmc_facts_prompt_tokens(leg, facts);
    usage.quantity[LLMCOST_OUTPUT] = length > 0 ? length : LENGTH_WHERE_UNKNOWN;
    usage.quantity[LLMCOST_REQUEST] = 1;
    llmc_error_init(&first, &leg->services->allocator);
    for (size_t i = 0; i < route->step_count; i++) {
        if (!llmc_choose_takes(leg, route->steps[i], &first))
            continue;
        bool healthy = llmc_route_is_healthy(leg, route->steps[i]);
        int64_t bound = bound_of(leg, route->steps[i], &usage);
        if (best != SIZE_MAX && (healthy != best_healthy ? best_healthy : bound >= least))
            continue;
        best = i;
        least = bound;
        best_healthy = healthy;
    }
    if (best == SIZE_MAX)
        llmc_choose_no_step(leg, route, &first);
    else
        *why = reason(leg, least);
    llmc_error_clear(&first);
    return best;
}
