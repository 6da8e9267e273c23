/*
 * What an exchange used, where its provider did not say. What it did say of an answer that came whole is never replaced,
 * zeros neither: some hosts answer from a cache of their own, or free of charge.
 *
 * An HTTP error is free, those of the server too: no provider bills a 5xx. What was sent and answered in part is
 * estimated: the whole prompt and what came. Sent and nothing known: presumed, and the budget charges its full hold.
 * Text is four bytes a token; left out on purpose are vocabularies, and what a model thought without showing it.
 */
#include "policy/wire.h"

#include "policy/extra_cost.h"
#include "policy/usage_estimate.h"

#include <string.h>

static int64_t tokens_in(size_t bytes)
{
    enum { BYTES_PER_TOKEN = 4 };
    return (int64_t)((bytes + BYTES_PER_TOKEN - 1) / BYTES_PER_TOKEN);
}

/*
 * A document that came whole under HTTP 200 and is an error, without anything of an answer or a count: as definite as a
 * status of 4xx. An error inside a stream is not, for by then the model may have been at work.
 */
bool llmc_wire_refused_in_success(const llmc_wire *state)
{
    llmcost_status status = state->leg->status;
    if (!status || status != state->answer_error.status || status == LLMCOST_E_MALFORMED || status == LLMCOST_E_TRUNCATED || status == LLMCOST_E_MEMORY)
        return false;
    return state->framing == &llmc_framing_whole && llmc_answer_builder_is_empty(&state->builder) && !(state->leg->usage.flags & LLMC_USAGE_REPORTED);
}

static void estimate_input(llmc_wire *state)
{
    llmcost_leg *leg = state->leg;
    llmc_usage *usage = &leg->usage;
    int64_t estimate = leg->request ? llmc_prompt_estimate(leg->services, leg->request, leg->route) : state->prompt_estimate;
    int64_t counted = llmc_usage_prompt(usage); /* cached, perhaps, without the whole */
    if (counted > 0)
        estimate = estimate > counted ? estimate - counted : 0;
    usage->quantity[LLMCOST_INPUT] = estimate;
    usage->flags |= LLMC_USAGE_INPUT_ESTIMATED;
}

/* What was asked for of all choices; a request without a length: anything. */
static int64_t most_output(const llmcost_request *request)
{
    int64_t choices = request->n > 1 ? request->n : 1;
    return request->max_tokens > 0 && request->max_tokens < INT64_MAX / choices ? request->max_tokens * choices : INT64_MAX;
}

/*
 * Of a whole answer that broke off nothing is decoded, but its model had written it all, and neither is a first piece that
 * was larger than an answer may be: what came of the body stands for it, up to what was asked for.
 */
static int64_t undecoded_tokens(const llmc_wire *state)
{
    const llmcost_leg *leg = state->leg;
    bool broke_off = leg->status && leg->status != LLMCOST_E_MALFORMED && leg->status != state->answer_error.status;
    bool in_one = state->framing == &llmc_framing_whole || leg->status == LLMCOST_E_TOO_LARGE;
    if (!broke_off || !in_one || !llmc_answer_builder_is_empty(&state->builder))
        return 0;
    int64_t tokens = tokens_in((size_t)state->received), most = leg->request ? most_output(leg->request) : state->most_output;
    return tokens < most ? tokens : most;
}

/* Counts of a stream that has not told its finish are of its beginning: Anthropic's first is but a placeholder. */
static bool are_final(const llmc_wire *state)
{
    return state->framing == &llmc_framing_whole || llmc_answer_builder_is_finished(&state->builder);
}

/*
 * What is shown of thinking stands against what was counted of it, so that text does not hide behind thoughts that are
 * not shown; a thought that was counted as text is not counted twice.
 */
static void estimate_output(llmc_wire *state, bool counted)
{
    llmc_usage *usage = &state->leg->usage;
    int64_t *output = &usage->quantity[LLMCOST_OUTPUT], *reasoning = &usage->quantity[LLMCOST_REASONING];
    size_t thinking = llmc_answer_builder_reasoning_bytes(&state->builder);
    bool apart = *reasoning >= 0 || (*output < 0 && thinking > 0);
    int64_t all = tokens_in(llmc_answer_builder_output_bytes(&state->builder)) + undecoded_tokens(state), thought = apart ? tokens_in(thinking) : 0;
    int64_t text = all - thought;
    if (counted && are_final(state) && *output >= text && llmc_usage_output(usage) >= all)
        return;
    if (*output < text)
        *output = text;
    int64_t lacking = all - llmc_usage_output(usage);
    if (lacking > 0)
        *reasoning = (*reasoning > 0 ? *reasoning : 0) + lacking;
    usage->flags |= LLMC_USAGE_OUTPUT_ESTIMATED;
}

/*
 * The tier that was asked for is presumed until the answer names the one that serves it, which it may do before it
 * counts; a cheaper one is not, nor any of an answer that came whole without naming one.
 */
static void find_tier(llmc_wire *state, bool served)
{
    llmcost_leg *leg = state->leg;
    llmc_extra_cost extra;
    bool named = state->decoding && *state->decoder.tier && strcmp(state->decoder.tier, "auto") != 0;
    if (*leg->usage.tier || (served && !named))
        return;
    if (named) {
        memcpy(leg->usage.tier, state->decoder.tier, sizeof leg->usage.tier);
    } else if (leg->request) {
        llmc_extra_cost_of(leg->request->extra, &extra);
        memcpy(leg->usage.tier, extra.tier, sizeof leg->usage.tier);
    } else {
        memcpy(leg->usage.tier, state->tier_asked, sizeof leg->usage.tier);
    }
}

void llmc_wire_keep_for_estimates(llmc_wire *state)
{
    const llmcost_leg *leg = state->leg;
    llmc_extra_cost extra;
    llmc_extra_cost_of(leg->request->extra, &extra);
    memcpy(state->tier_asked, extra.tier, sizeof state->tier_asked);
    state->prompt_estimate = llmc_prompt_estimate(leg->services, leg->request, leg->route);
    state->most_output = most_output(leg->request);
}

void llmc_wire_estimate_usage(llmc_wire *state)
{
    llmcost_leg *leg = state->leg;
    llmc_usage *usage = &leg->usage;
    if (!leg->operation->priced || !leg->sent || state->http_status >= 300 || llmc_wire_refused_in_success(state))
        return;
    bool reported = usage->flags & LLMC_USAGE_REPORTED, served = reported && leg->status == LLMCOST_OK, writes = leg->operation->generates;
    int64_t output = usage->quantity[LLMCOST_OUTPUT];
    find_tier(state, served);
    if (usage->quantity[LLMCOST_INPUT] < 0 || (!served && llmc_usage_prompt(usage) <= 0))
        estimate_input(state);
    if (writes && !(served && output >= 0))
        estimate_output(state, reported && output >= 0);
    if (state->http_status == 0)
        usage->flags |= LLMC_USAGE_PRESUMED;
}
