/*
 * What a call cost, what it would have cost, and which policy made the difference.
 *
 * The chain goes from the baseline to the cost, through amounts that were rounded once each:
 *
 *     baseline   baseline model, standard uncached rates, the delivered answer's usage without what we added ourselves
 *       route              the answering model instead, with the prompt that it was really sent
 *     uncached   answering model, standard rates, all input as plain input
 *       provider_cache     reads and writes of the provider's own prompt cache
 *     standard   answering model, standard rates, the classes as they were counted
 *       tier               service tier, batch, and what a provider states beside our price
 *     charged    the answering line, or the lines whose parts were joined to the answer
 *       overhead           all other lines: earlier attempts, judges, cascade steps that did not do
 *     cost       the sum of the lines
 *
 * Each saving is the difference of two neighbours, so the sum of the savings is baseline - cost to the last unit.
 * A policy that lost money is negative. Instructions that a cascade adds count against the route. Shape and output
 * have their places in the order; nothing shapes a prompt or an answer yet, so they are 0.
 *
 * Nothing is invented: where the baseline, the answering line's price or its usage is not known, the baseline is
 * unknown (receipt->baseline NULL), its amount is the cost and every saving is 0. A failed call has delivered nothing:
 * baseline 0, and what it cost is overhead.
 */
#include "money/receipt_lines.h"

/* Which lines answered, and what all of them cost. false: beyond all measure. */
static bool add_up_lines(llmc_receipt *receipt, const llmc_line *answered)
{
    int64_t total = 0;
    bool measured = true;
    for (llmc_line *line = receipt->lines; line; line = line->next) {
        bool delivered = line == answered || (answered && (line->flags & LLMC_LINE_PART));
        line->flags = delivered ? line->flags | LLMC_LINE_ANSWERED : line->flags & ~(uint32_t)LLMC_LINE_ANSWERED;
        if (!llmc_line_is_unpriced(line) && __builtin_add_overflow(total, line->cost_nano, &total))
            measured = false;
    }
    receipt->cost_nano = measured ? total : INT64_MAX;
    return measured;
}

static bool has_figures(const llmc_usage *usage)
{
    for (size_t i = 0; i < LLMCOST_CLASS_COUNT; i++) {
        if (usage->quantity[i] >= 0)
            return true;
    }
    return false;
}

/* The usage as if no prompt cache existed: all of its prompt is plain input. Audio stays what it is. false: overflow. */
static bool price_uncached(const llmc_rates *rates, const llmc_usage *usage, int64_t prompt, int64_t requests, int64_t exchange_nano, int64_t *out)
{
    const int64_t *quantity = usage->quantity;
    const llmc_rate *rate = rates->rate;
    llmc_sum sum = { 0 };
    llmc_sum_add(&sum, prompt - (quantity[LLMCOST_AUDIO_IN] > 0 ? quantity[LLMCOST_AUDIO_IN] : 0), rate[LLMCOST_INPUT]);
    llmc_sum_add(&sum, quantity[LLMCOST_OUTPUT], rate[LLMCOST_OUTPUT]);
    llmc_sum_add(&sum, quantity[LLMCOST_REASONING], rate[LLMCOST_REASONING]);
    llmc_sum_add(&sum, quantity[LLMCOST_AUDIO_IN], rate[LLMCOST_AUDIO_IN]);
    llmc_sum_add(&sum, quantity[LLMCOST_AUDIO_OUT], rate[LLMCOST_AUDIO_OUT]);
    llmc_sum_add(&sum, requests, rate[LLMCOST_REQUEST]);
    return llmc_sum_amount(&sum, exchange_nano, out);
}

/* A call would have paid the baseline's fee, whether or not the model that answered has one and its requests were counted. */
static bool price_baseline(const llmc_receipt *receipt, const llmc_saving_inputs *inputs, const llmc_usage *delivered, int64_t *out)
{
    int64_t prompt = receipt->delivered_in - (inputs->extra_prompt_tokens > 0 ? inputs->extra_prompt_tokens : 0);
    int64_t requests = delivered && delivered->quantity[LLMCOST_REQUEST] > 0 ? delivered->quantity[LLMCOST_REQUEST] : 1;
    return inputs->baseline && delivered && price_uncached(inputs->baseline, delivered, prompt, requests, inputs->baseline_exchange_nano, out);
}

/* A line at standard rates. Without such rates both are what was charged: the whole difference is the route's. */
static bool price_line(const llmc_saving_inputs *inputs, const llmc_line *line, int64_t *uncached, int64_t *standard)
{
    *uncached = *standard = line->cost_nano;
    if (!inputs->standard)
        return true;
    return price_uncached(inputs->standard, &line->usage, llmc_usage_prompt(&line->usage), line->usage.quantity[LLMCOST_REQUEST], line->exchange_nano, uncached) &&
           llmc_price_usage(inputs->standard, &line->usage, line->exchange_nano, standard);
}

/* What answered: one line, or several whose parts were joined. */
static bool price_answer(const llmc_receipt *receipt, const llmc_saving_inputs *inputs, int64_t *uncached, int64_t *standard, int64_t *charged)
{
    for (const llmc_line *line = receipt->lines; line; line = line->next) {
        int64_t plain, ordinary;
        if (!(line->flags & LLMC_LINE_ANSWERED))
            continue;
        if (llmc_line_is_unpriced(line) || !price_line(inputs, line, &plain, &ordinary) || __builtin_add_overflow(*uncached, plain, uncached) ||
            __builtin_add_overflow(*standard, ordinary, standard) || __builtin_add_overflow(*charged, line->cost_nano, charged))
            return false;
    }
    return true;
}

/* The baseline and the savings, each a step of the chain minus the next. false: something is not known, or beyond all measure. */
static bool telescope(llmc_receipt *receipt, const llmc_saving_inputs *inputs, const llmc_usage *delivered)
{
    const llmc_line *answered = inputs->answered;
    bool cached = receipt->cached || (answered && answered->flags & LLMC_LINE_CACHED);
    int64_t baseline = 0, uncached = 0, standard = 0, charged = 0;
    if ((cached || answered) && !price_baseline(receipt, inputs, delivered, &baseline))
        return false;
    if (!cached && answered && !price_answer(receipt, inputs, &uncached, &standard, &charged))
        return false;
    int64_t asked = cached ? 0 : baseline; /* what is left to pay once the cache has answered, or not */
    int64_t *saved = receipt->saved_nano;
    receipt->baseline_nano = baseline;
    return !(__builtin_sub_overflow(baseline, asked, &saved[LLMC_SAVING_CACHE]) || __builtin_sub_overflow(asked, uncached, &saved[LLMC_SAVING_ROUTE]) ||
             __builtin_sub_overflow(uncached, standard, &saved[LLMC_SAVING_PROVIDER_CACHE]) || __builtin_sub_overflow(standard, charged, &saved[LLMC_SAVING_TIER]) ||
             __builtin_sub_overflow(charged, receipt->cost_nano, &saved[LLMC_SAVING_OVERHEAD]));
}

void llmc_receipt_close(llmc_receipt *receipt, const llmc_saving_inputs *inputs)
{
    const llmc_usage *delivered = inputs->delivered;
    if (!delivered && inputs->answered)
        delivered = &inputs->answered->usage;
    if (delivered && !has_figures(delivered))
        delivered = NULL;
    if (delivered) {
        receipt->delivered_in = llmc_usage_prompt(delivered);
        receipt->delivered_out = llmc_usage_output(delivered);
    }
    if (add_up_lines(receipt, inputs->answered) && telescope(receipt, inputs, delivered))
        return;
    receipt->baseline = NULL;
    receipt->baseline_nano = receipt->cost_nano;
    memset(receipt->saved_nano, 0, sizeof receipt->saved_nano);
}
