#include "policy/price_leg.h"

#include <string.h>

bool llmc_target_rates(const llmc_services *services, const llmc_route *target, const llmc_price_query *query, bool worst, llmc_rates *out)
{
    (void)services;
    bool standard = !query->tier || !*query->tier || !strcmp(query->tier, "default");
    if (target->has_fixed_rates && standard && !worst) {
        *out = target->fixed_rates;
        return true;
    }
    if (target->prices && (worst ? llmc_model_rates_worst(target->prices, query, out) : llmc_model_rates(target->prices, query, out)))
        return true;
    if (!target->provider->free_of_charge)
        return false;
    llmc_rates_free_of_charge(out, target->provider->currency);
    return true;
}

bool llmc_worst_case_rates(const llmc_services *services, llmc_rates *out)
{
    const llmc_settings *settings = services->settings;
    if (settings->unknown_price != LLMC_PRICE_WORST_CASE)
        return false;
    llmc_rates_free_of_charge(out, settings->currency);
    for (int i = 0; i < LLMCOST_CLASS_COUNT; i++)
        out->rate[i] = i == LLMCOST_OUTPUT || i == LLMCOST_REASONING || i == LLMCOST_AUDIO_OUT ? settings->worst_output : settings->worst_input;
    out->rate[LLMCOST_REQUEST].pico = 0;
    out->source = "worst case of the config";
    return true;
}

static void apply_stated(llmcost_leg *leg, llmc_line *line)
{
    llmc_sum stated = { .pico = leg->usage.stated_cost_pico };
    int64_t exchange_nano = leg->route->provider->exchange_nano; /* the line's is that of our prices, or of the config's worst case */
    if (leg->usage.stated_cost_pico < 0 || !exchange_nano || !llmc_sum_amount(&stated, exchange_nano, &line->stated_nano))
        return;
    bool priced = line->flags & LLMC_LINE_PRICED, estimated = line->usage.flags & (LLMC_USAGE_INPUT_ESTIMATED | LLMC_USAGE_OUTPUT_ESTIMATED);
    if (priced && line->stated_nano != line->cost_nano)
        line->flags |= LLMC_LINE_STATED_DIFFERS;
    if (priced && leg->services->settings->stated_cost == LLMC_STATED_OURS)
        return;
    if (priced && estimated && leg->status != LLMCOST_OK && line->stated_nano < line->cost_nano)
        return; /* of a stream that broke off: it was stated of its beginning */
    line->cost_nano = line->stated_nano; /* what a provider states beats a price we do not know */
    line->flags |= LLMC_LINE_STATED | LLMC_LINE_PRICED;
    line->flags &= ~(uint32_t)LLMC_LINE_PRICE_UNKNOWN;
}

void llmc_price_leg(llmcost_leg *leg, llmc_line *line)
{
    const llmc_route *target = leg->route;
    llmc_services *services = leg->services;
    line->usage = leg->usage;
    llmc_price_query query = { .wall_ms = leg->requested_wall_ms, .prompt_tokens = llmc_usage_prompt(&leg->usage),
                               .output_tokens = llmc_usage_output(&leg->usage), .tier = leg->usage.tier,
                               .reasoned = leg->usage.quantity[LLMCOST_REASONING] > 0 };
    llmc_rates *rates = llmc_arena_alloc(llmc_leg_arena(leg), sizeof *rates);
    line->exchange_nano = target->exchange_nano;
    bool known = rates && line->exchange_nano && llmc_target_rates(services, target, &query, false, rates);
    if (!known) {
        line->flags |= LLMC_LINE_PRICE_UNKNOWN;
        known = rates && llmc_worst_case_rates(services, rates);
        if (known) {
            line->flags |= LLMC_LINE_WORST_CASE;
            line->exchange_nano = 1000000000;
        }
    }
    if (known && rates->rate[LLMCOST_REQUEST].pico > 0)
        leg->usage.quantity[LLMCOST_REQUEST] = line->usage.quantity[LLMCOST_REQUEST] = 1; /* no provider counts its own fee */
    if (known && llmc_price_usage(rates, &line->usage, line->exchange_nano, &line->cost_nano)) {
        rates->source = llmc_arena_strdup(llmc_leg_arena(leg), rates->source); /* the receipt outlives the catalog */
        line->rates = rates;
        line->flags |= LLMC_LINE_PRICED | (rates->uncertain ? LLMC_LINE_PRICE_UNCERTAIN : 0) | (target->provider->free_of_charge ? LLMC_LINE_FREE : 0);
    }
    apply_stated(leg, line);
}
