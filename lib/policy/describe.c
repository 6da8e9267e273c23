/*
 * describe.c: a route's tree in words: a line for each node, with what its kind knows of it and of its steps. One
 * function per kind; the lines are stable, so that two configs can be compared by them.
 */
#include "policy/describe.h"

#include "policy/fallback_cause.h"

#include <string.h>

enum { STEP_BYTES = 3 };

/* ---- figures ---- */

static void add_count(llmc_buffer *out, int64_t count)
{
    if (count >= 1000)
        add_count(out, count / 1000);
    if (count >= 1000)
        llmc_buffer_add_format(out, ",%03d", (int)(count % 1000));
    else
        llmc_buffer_add_integer(out, count);
}

/* Pico-units per token are micro-units per million tokens. */
static void add_rate(llmc_buffer *out, llmc_rate rate, const char *currency)
{
    char text[40];
    llmc_buffer_add_text(out, llmc_amount_text(rate.pico < INT64_MAX / 1000 ? rate.pico * 1000 : INT64_MAX, currency, 2, text));
}

/* ---- the kinds ---- */

static void describe_price(const llmc_route *leaf, llmc_buffer *out)
{
    llmc_rates rates;
    const llmc_price_query query = { 0 };
    bool known = leaf->has_fixed_rates;
    if (known)
        rates = leaf->fixed_rates;
    else
        known = leaf->prices && llmc_model_rates(leaf->prices, &query, &rates);
    if (!known) {
        llmc_buffer_add_text(out, leaf->provider->free_of_charge ? "free of charge" : "price unknown");
        return;
    }
    add_rate(out, rates.rate[LLMCOST_INPUT], rates.currency);
    llmc_buffer_add_text(out, " in, ");
    add_rate(out, rates.rate[LLMCOST_OUTPUT], rates.currency);
    llmc_buffer_add_text(out, leaf->has_fixed_rates ? " out per million" : " out per million, or more by time, length or reasoning");
}

static void describe_leaf(const llmc_route *leaf, llmc_buffer *out)
{
    int64_t window = leaf->prices ? llmc_model_context(leaf->prices) : 0;
    describe_price(leaf, out);
    llmc_buffer_add_text(out, "; context ");
    if (window > 0)
        add_count(out, window);
    else
        llmc_buffer_add_text(out, "unknown");
}

static void add_cause(llmc_buffer *out, bool holds, const char **between, const char *text)
{
    if (!holds)
        return;
    llmc_buffer_add_text(out, *between);
    llmc_buffer_add_text(out, text);
    *between = ", ";
}

static void describe_cascade(const llmc_route *route, llmc_buffer *out)
{
    const llmc_escalation *rules = &route->cascade->escalation;
    const char *between = "";
    llmc_buffer_add_text(out, "escalates on ");
    if (rules->marker) {
        llmc_buffer_add_text(out, "the marker \"");
        llmc_buffer_add_text(out, rules->marker);
        llmc_buffer_add_text(out, "\"");
        between = ", ";
    }
    add_cause(out, rules->on_refusal, &between, "a refusal");
    add_cause(out, rules->on_truncation, &between, "truncation");
    add_cause(out, rules->on_invalid_json, &between, "invalid JSON");
    if (rules->has_logprob) {
        llmc_buffer_add_text(out, between);
        llmc_buffer_add_text(out, "a mean log-probability below -");
        int64_t micro = (int64_t)(-rules->min_mean_logprob * 1e6 + 0.5);
        llmc_buffer_add_format(out, "%d.%06d", (int)(micro / 1000000), (int)(micro % 1000000));
        between = ", ";
    }
    add_cause(out, rules->judge_route, &between, "the judge ");
    add_cause(out, rules->judge_host, &between, "the judge host:");
    if (rules->judge_route || rules->judge_host)
        llmc_buffer_add_text(out, rules->judge_route ? rules->judge_route->name : rules->judge_host);
    llmc_buffer_add_text(out, route->cascade->on_failure == LLMC_CASCADE_BEST ? "; failing that, the best answer so far" : "; failing that, the error");
}

static void describe_fallback(const llmc_route *route, llmc_buffer *out)
{
    const llmc_fallback *rules = route->fallback;
    const char *between = " on ";
    llmc_buffer_add_text(out, "the next one");
    for (unsigned i = 0; i < LLMC_CAUSES && rules->on != LLMC_CAUSES_BY_DEFAULT; i++)
        add_cause(out, rules->on >> i & 1, &between, llmc_fallback_cause_names[i]);
    if (rules->on == LLMC_CAUSES_BY_DEFAULT)
        llmc_buffer_add_text(out, " when one failed");
    if (rules->attempt_ms > 0)
        llmc_buffer_add_format(out, ", or took longer than %d ms", (int)rules->attempt_ms);
    if (rules->begins_again)
        llmc_buffer_add_text(out, "; from the start after part of an answer");
}

static void describe_split(const llmc_route *route, llmc_buffer *out)
{
    if (!route->split->sticky) {
        llmc_buffer_add_text(out, "by chance");
        return;
    }
    llmc_buffer_add_text(out, "sticky by the tag \"");
    llmc_buffer_add_text(out, route->split->sticky);
    llmc_buffer_add_text(out, "\"");
}

static void describe_side(const llmc_route *route, size_t step, llmc_buffer *out)
{
    uint64_t all = 0;
    for (size_t i = 0; i < route->step_count; i++)
        all += route->split->weights[i];
    if (strcmp(route->split->sides[step], route->steps[step]->name) != 0) {
        llmc_buffer_add_text(out, route->split->sides[step]);
        llmc_buffer_add_text(out, ", ");
    }
    uint64_t permille = all ? ((uint64_t)route->split->weights[step] * 1000 + all / 2) / all : 0;
    llmc_buffer_add_format(out, "weight %u (%u.%u%%): ", (unsigned)route->split->weights[step], (unsigned)(permille / 10), (unsigned)(permille % 10));
}

/* What a kind says of the node, and of each step before the step says it of itself. NULL: nothing. */
static const struct {
    void (*node)(const llmc_route *route, llmc_buffer *out);
    void (*step)(const llmc_route *route, size_t step, llmc_buffer *out);
} kinds[LLMC_ROUTE_KINDS] = {
    [LLMC_ROUTE_LEAF] = { describe_leaf, NULL },
    [LLMC_ROUTE_CASCADE] = { describe_cascade, NULL },
    [LLMC_ROUTE_FALLBACK] = { describe_fallback, NULL },
    [LLMC_ROUTE_SPLIT] = { describe_split, describe_side },
    [LLMC_ROUTE_CHOOSE] = { llmc_describe_choose, llmc_describe_rule },
};

/* ---- the tree ---- */

static void describe(const llmc_route *route, int depth, llmc_buffer *out)
{
    if (route->kind == LLMC_ROUTE_LEAF)
        llmc_buffer_add_text(out, "  ");
    else
        llmc_buffer_add_format(out, ": %s, ", llmc_route_kind_names[route->kind]);
    kinds[route->kind].node(route, out);
    llmc_buffer_add_byte(out, '\n');
    for (size_t i = 0; i < route->step_count; i++) {
        for (int j = 0; j <= depth * STEP_BYTES; j++)
            llmc_buffer_add_byte(out, ' ');
        llmc_buffer_add_format(out, " %zu. ", i + 1);
        if (kinds[route->kind].step)
            kinds[route->kind].step(route, i, out);
        llmc_buffer_add_text(out, route->steps[i]->name);
        describe(route->steps[i], depth + 1, out);
    }
}

void llmc_route_describe(const char *name, const llmc_route *route, llmc_buffer *out)
{
    llmc_buffer_add_text(out, name);
    if (strcmp(name, route->name) != 0) { /* an alias, or a bare model */
        llmc_buffer_add_text(out, " = ");
        llmc_buffer_add_text(out, route->name);
    }
    describe(route, 0, out);
}
