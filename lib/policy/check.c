/*
 * check.c: before the first leg is sent, every leaf that the route can reach is asked whether it can serve the request.
 * Unfit leaves are pruned and told on the receipt; when nothing is left, or the last step of a cascade is unfit, the
 * call fails and nothing was sent.
 */
#include "policy/format.h"
#include "policy/outlook.h"

#include <string.h>

static bool fits(llmcost_leg *leg, const llmc_route *route, llmcost_error *error);

/* fit.c gives it to a request that names no length. A request for JSON in words is looked at as text. */
__attribute__((cold)) static llmcost_status check_default_length(llmcost_leg *leg, const llmc_route *route, int32_t format, llmcost_error *error)
{
    int64_t length = leg->services->settings->default_max_tokens;
    if (length <= 0 || !leg->operation->generates || leg->request->max_tokens > 0 || format != leg->request->format ||
        llmc_length_suffices(leg, route, length, error))
        return LLMCOST_OK;
    return llmc_error_set(error, LLMCOST_E_UNSUPPORTED, "%s: default_max_tokens of the config (%lld) is too little for this request; set max_tokens: %s", route->name,
                          (long long)length, llmcost_error_message(error));
}

bool llmc_leaf_fits(llmcost_leg *leg, const llmc_route *route, llmcost_error *error)
{
    int32_t format;
    const llmc_provider *provider = route->provider;
    llmcost_status status = LLMCOST_OK;
    if (!provider->codec->has_operation(leg->operation->id))
        status = llmc_error_set(error, LLMCOST_E_UNSUPPORTED, "%s: provider \"%s\" has no operation %s%s", route->name, provider->name, leg->operation->name,
                                leg->operation->id == LLMC_OP_COUNT_TOKENS ? "; budgets go by an estimate, and so can you: four bytes a token" : "");
    if (!status)
        status = llmc_format_for(leg, route, &format, error);
    if (!status)
        status = check_default_length(leg, route, format, error);
    error->status = status;
    return status == LLMCOST_OK;
}

void llmc_route_prune(llmcost_leg *leg, const llmc_route *route, const llmcost_error *error)
{
    llmc_receipt *receipt = llmc_leg_receipt(leg);
    receipt->pruned = llmc_receipt_join(llmc_leg_arena(leg), receipt->pruned, route->name, llmcost_error_message(error));
}

/* How many of a node's steps must fit. The last one of a cascade must: it is the answer that it stands for. */
static bool node_fits(const llmc_route *route, size_t fitting, bool last_fits)
{
    return route->kind == LLMC_ROUTE_CASCADE ? last_fits : fitting > 0;
}

/* A side of no weight is never asked. */
static bool is_used(const llmc_route *route, size_t step)
{
    return route->kind != LLMC_ROUTE_SPLIT || route->split->weights[step];
}

static bool fits(llmcost_leg *leg, const llmc_route *route, llmcost_error *error)
{
    size_t fitting = 0;
    bool good = true;
    if (route->kind == LLMC_ROUTE_LEAF)
        return llmc_leaf_fits(leg, route, error);
    for (size_t i = 0; i < route->step_count; i++) {
        if (!is_used(route, i))
            continue;
        good = fits(leg, route->steps[i], error);
        fitting += good;
        if (good)
            continue;
        if (error->status != LLMCOST_E_UNSUPPORTED)
            return false; /* an invalid request is invalid everywhere */
        if (i + 1 == route->step_count && !node_fits(route, fitting, false))
            return false;
        llmc_route_prune(leg, route->steps[i], error);
        llmc_error_clear(error);
    }
    return true;
}

static llmcost_verdict check_enter(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    (void)user;
    if (!leg->operation->generates && leg->route->kind != LLMC_ROUTE_LEAF)
        return llmc_leg_fail(leg, LLMCOST_E_UNSUPPORTED, "%s is a route of several models, and %s needs a single one: what one model says means nothing to another", leg->route->name, leg->operation->name);
    if (leg->parent)
        return LLMCOST_CONTINUE;
    if (fits(leg, leg->route, &leg->error)) {
        leg->all_fit = !llmc_leg_receipt(leg)->pruned;
        return LLMCOST_CONTINUE;
    }
    leg->status = leg->error.status;
    return LLMCOST_FAIL;
}

bool llmc_route_takes(llmcost_leg *leg, const llmc_route *route, llmcost_error *error)
{
    if (route->kind == LLMC_ROUTE_LEAF)
        return llmc_leaf_fits(leg, route, error) || error->status == LLMCOST_E_MEMORY; /* nobody knows; asked, it says so itself */
    for (size_t i = route->kind == LLMC_ROUTE_CASCADE ? route->step_count - 1 : 0; i < route->step_count; i++) {
        if (!is_used(route, i))
            continue;
        llmc_error_clear(error);
        if (llmc_route_takes(leg, route->steps[i], error))
            return true;
    }
    return false;
}

bool llmc_route_fits(llmcost_leg *leg, const llmc_route *route)
{
    llmcost_error error;
    if (leg->all_fit)
        return true;
    llmc_error_init(&error, &leg->services->allocator);
    bool good = llmc_route_takes(leg, route, &error);
    llmc_error_clear(&error);
    return good;
}

void llmc_route_tell_unfit(llmcost_leg *leg, const llmc_route *route)
{
    llmcost_error error;
    llmc_error_init(&error, &leg->services->allocator);
    if (!fits(leg, route, &error))
        llmc_route_prune(leg, route, &error);
    llmc_error_clear(&error);
}

const llmcost_policy llmc_policy_check = {
    .struct_size = sizeof(llmcost_policy), .name = "check", .phase = LLMCOST_PHASE_SHAPE, .operations = 1u << LLMC_OP_CHAT | 1u << LLMC_OP_EMBED | 1u << LLMC_OP_COUNT_TOKENS,
    .enter = check_enter,
};
