/*
 * meter.c: the outermost policy of a call: its receipt is closed here and counted.
 * Left out on purpose: what a leg cost (wire_outcome.c) and the receipt's arithmetic (money/).
 */
#include "money/tags.h"
#include "policy/policy.h"
#include "policy/price_leg.h"

/* ---- the baseline: what the call is compared with ---- */

typedef struct baseline {
    const llmc_route *leaf;
    const llmc_rates *rates;
    int64_t cost_nano;
} baseline;

/* A leaf's own rates where it has fixed ones, else in *room those of this usage. NULL: not known. */
static const llmc_rates *standard_rates(llmcost_leg *leg, const llmc_route *leaf, llmc_rates *room)
{
    if (!leaf->provider->exchange_nano)
        return NULL;
    if (leaf->has_fixed_rates)
        return &leaf->fixed_rates;
    const llmc_usage *usage = &leg->usage;
    llmc_price_query query = { .wall_ms = llmc_leg_receipt(leg)->started_wall_ms, .prompt_tokens = llmc_usage_prompt(usage),
                               .output_tokens = llmc_usage_output(usage), .reasoned = usage->quantity[LLMCOST_REASONING] > 0 };
    return llmc_target_rates(leg->services, leaf, &query, false, room) ? room : NULL;
}

/* All input at the uncached rate: the figure that the dearest leaf is chosen by. */
static int64_t plain_cost(const llmc_rates *rates, const llmc_usage *usage, int64_t exchange_nano)
{
    llmc_usage plain;
    int64_t cost = 0;
    llmc_usage_init(&plain);
    plain.quantity[LLMCOST_INPUT] = llmc_usage_prompt(usage);
    plain.quantity[LLMCOST_OUTPUT] = llmc_usage_output(usage);
    return llmc_price_usage(rates, &plain, exchange_nano, &cost) ? cost : -1;
}

/* The dearest leaf. room: two places for rates; the best so far may be in the first. */
static void consider(llmcost_leg *leg, const llmc_route *route, llmc_rates room[2], baseline *best)
{
    if (route->kind != LLMC_ROUTE_LEAF) {
        for (size_t i = 0; i < route->step_count; i++)
            consider(leg, route->steps[i], room, best);
        return;
    }
    baseline candidate = { .leaf = route };
    candidate.rates = standard_rates(leg, route, &room[1]);
    if (!candidate.rates)
        return;
    candidate.cost_nano = plain_cost(candidate.rates, &leg->usage, route->provider->exchange_nano);
    if (candidate.cost_nano < 0 || (best->leaf && candidate.cost_nano <= best->cost_nano))
        return;
    if (candidate.rates == &room[1]) {
        room[0] = room[1];
        candidate.rates = &room[0];
    }
    *best = candidate;
}

static baseline find_baseline(llmcost_leg *leg, llmc_rates room[2])
{
    const llmc_route *compared = leg->services->settings->baseline ? leg->services->settings->baseline : leg->named_route ? leg->named_route : leg->route;
    baseline best = { 0 };
    if (compared->kind != LLMC_ROUTE_LEAF)
        consider(leg, compared, room, &best);
    else if ((best.rates = standard_rates(leg, compared, room))) /* a single leaf needs no figure to be the dearest */
        best.leaf = compared;
    return best;
}

static void close_receipt(llmcost_leg *leg)
{
    llmc_receipt *receipt = llmc_leg_receipt(leg);
    const llmcost_leg *source = leg->status == LLMCOST_OK ? leg->source : NULL;
    llmc_saving_inputs inputs = { .extra_prompt_tokens = leg->extra_prompt_tokens };
    baseline best = { 0 };
    llmc_rates room[3];
    if (source && source->line && leg->route) {
        inputs.answered = source->line;
        inputs.delivered = leg->operation->priced ? &leg->usage : NULL; /* what is only counted is not delivered */
        if (leg->operation->priced)
            best = find_baseline(leg, room);
        if (best.leaf) {
            inputs.baseline = best.rates;
            inputs.baseline_exchange_nano = best.leaf->provider->exchange_nano;
            receipt->baseline = llmc_arena_strdup(llmc_leg_arena(leg), best.leaf->name); /* the receipt outlives the config */
        }
        if (!receipt->cached && source->route && source->route->kind == LLMC_ROUTE_LEAF)
            inputs.standard = standard_rates(leg, source->route, &room[2]);
    }
    receipt->duration_ns = llmc_leg_now(leg) - llmc_leg_call_started(leg);
    receipt->altered |= leg->altered;
    llmc_receipt_close(receipt, &inputs);
}

/* The caller's request is gone when the receipt is read. Without memory the receipt has no tags. */
static void keep_tags(llmcost_leg *leg)
{
    size_t count = leg->request ? leg->request->tag_count : 0;
    const llmcost_tag *tags = count ? llmc_tags_copy(leg->request->tags, count, leg->arena) : NULL;
    leg->receipt->tags = tags;
    leg->receipt->tag_count = tags ? count : 0;
}

/* ---- the totals ---- */

static void count(llmcost_leg *leg)
{
    const llmc_receipt *receipt = llmc_leg_receipt(leg);
    const llmc_line *answered = leg->source ? leg->source->line : NULL;
    bool failed = leg->status != LLMCOST_OK;
    llmc_call_facts facts = {
        .tags = leg->request ? leg->request->tags : NULL, .tag_count = leg->request ? leg->request->tag_count : 0,
        .provider = answered ? answered->provider : leg->route && leg->route->provider ? leg->route->provider->name : NULL,
        .model = answered ? (*answered->model ? answered->model : answered->served_model) : leg->route ? leg->route->model : NULL,
        .wall_ms = receipt->started_wall_ms,
        .row.figure = { [LLMC_CALLS] = 1, [LLMC_FAILED] = failed, [LLMC_REFUSED] = failed && llmcost_status_is_budget(leg->status),
                        [LLMC_CACHED] = receipt->cached, [LLMC_COST_NANO] = receipt->cost_nano, [LLMC_BASELINE_NANO] = receipt->baseline_nano },
        .saved_nano = receipt->saved_nano, .duration_ns = receipt->duration_ns, .cached_ns = receipt->cached_ns, .escalations = receipt->escalations,
    };
    for (const llmc_line *line = receipt->lines; line; line = line->next) {
        if (line->flags & LLMC_LINE_CACHED)
            continue; /* it has used none */
        facts.row.figure[LLMC_TOKENS_IN] += llmc_usage_prompt(&line->usage);
        facts.row.figure[LLMC_TOKENS_OUT] += llmc_usage_output(&line->usage);
    }
    llmc_totals_add(leg->services->totals, &facts);
    if (receipt->decisions && !leg->parent && leg->services->experiments)
        llmc_count_outcome(leg, &facts);
}

static llmcost_verdict meter_leave(llmcost_leg *leg, void *state, void *user)
{
    (void)state;
    (void)user;
    close_receipt(leg);
    if (!leg->parent)
        keep_tags(leg);
    if (leg->operation->priced)
        count(leg);
    return LLMCOST_CONTINUE;
}

const llmcost_policy llmc_policy_meter = {
    .struct_size = sizeof(llmcost_policy), .name = "meter", .phase = LLMCOST_PHASE_METER, .leave = meter_leave,
};
