/*
 * batch_inputs.c: texts to embed that are more than the host takes at once become several requests, a few of them under
 * way at a time, and their vectors one answer in the order of the texts.
 *
 * When one fails, the call fails: what is under way by then is read to its end, for it is billed anyway, and no more
 * is sent. Left out on purpose: an answer with some of the vectors.
 */
#include "policy/policy.h"
#include "policy/request_copy.h"

enum { UNDER_WAY = 4 };

typedef struct slice {
    uint32_t first, count;
    llmcost_leg *leg;
} slice;

typedef struct batch_state {
    slice *slices;
    uint32_t slice_count, next, running;
} batch_state;

/* ---- cutting ---- */

static size_t bytes_of(const llmcost_request *request, uint32_t index)
{
    return llmc_text_bytes_of(request->inputs[index], request->input_bytes ? request->input_bytes[index] : 0);
}

/* How many texts, from `first` on, go together. */
static uint32_t count_from(const llmcost_request *request, uint32_t first, llmc_embed_limits limits)
{
    uint32_t count = 0;
    int64_t tokens = 0;
    while (count < limits.inputs && first + count < request->input_count) {
        if (limits.tokens) /* else nobody needs to know */
            tokens += llmc_estimate_tokens(request->inputs[first + count], bytes_of(request, first + count));
        if (count && tokens > limits.tokens)
            break;
        count++;
    }
    return count;
}

static bool cut(llmcost_leg *leg, batch_state *state, llmc_embed_limits limits)
{
    const llmcost_request *request = leg->request;
    for (uint32_t at = 0; at < request->input_count; state->slice_count++)
        at += count_from(request, at, limits);
    if (state->slice_count == 1)
        return true;
    state->slices = llmc_arena_calloc(llmc_leg_arena(leg), state->slice_count, sizeof *state->slices);
    if (!state->slices)
        return false;
    for (uint32_t i = 0, at = 0; i < state->slice_count; at += state->slices[i++].count)
        state->slices[i] = (slice){ .first = at, .count = count_from(request, at, limits) };
    return true;
}

/* ---- asking ---- */

static bool ask_slice(llmcost_leg *leg, slice *part)
{
    llmcost_request *request = llmc_request_copy(leg->request, llmc_leg_arena(leg));
    if (!request) {
        llmc_leg_out_of_memory(leg);
        return false;
    }
    request->inputs += part->first;
    request->input_bytes = request->input_bytes ? request->input_bytes + part->first : NULL;
    request->input_count = part->count;
    llmc_spawn spawn = { .inside = true, .first_phase = LLMCOST_PHASE_ROUTE, .request = request, .purpose = "part" };
    part->leg = llmc_leg_spawn(leg, &spawn);
    return part->leg != NULL;
}

static llmcost_verdict ask_more(llmcost_leg *leg, batch_state *state)
{
    while (state->running < UNDER_WAY && state->next < state->slice_count) {
        if (!ask_slice(leg, &state->slices[state->next++]))
            return LLMCOST_FAIL;
        state->running++;
    }
    return LLMCOST_WAIT;
}

/* ---- joining ---- */

static void add_usage(llmc_usage *sum, const llmc_usage *part)
{
    for (size_t i = 0; i < LLMCOST_CLASS_COUNT; i++) {
        if (part->quantity[i] >= 0)
            sum->quantity[i] = (sum->quantity[i] < 0 ? 0 : sum->quantity[i]) + part->quantity[i];
    }
    sum->flags |= part->flags;
}

static bool is_part(const llmc_answer *answer, const slice *part, const llmc_answer *first)
{
    return answer && first && answer->embedding_count == part->count && answer->dimensions == first->dimensions;
}

static llmcost_verdict join(llmcost_leg *leg, batch_state *state)
{
    const llmc_answer **answers = llmc_arena_calloc(llmc_leg_arena(leg), state->slice_count, sizeof *answers);
    llmc_usage usage;
    llmc_usage_init(&usage);
    if (!answers)
        return llmc_leg_out_of_memory(leg);
    for (uint32_t i = 0; i < state->slice_count; i++) {
        llmcost_leg *child = state->slices[i].leg;
        answers[i] = child->answer;
        if (!is_part(answers[i], &state->slices[i], answers[0]))
            return llmc_leg_fail(leg, LLMCOST_E_MALFORMED, "%s: its vectors are not as many, or not as long, as those of the other parts", llmcost_leg_target(leg));
        add_usage(&usage, &child->usage);
        leg->altered |= child->altered;
        leg->no_store |= child->no_store;
        if (child->source && child->source->line)
            child->source->line->flags |= LLMC_LINE_PART;
    }
    llmc_answer *joined = llmc_answer_join(&leg->services->allocator, answers, state->slice_count, &usage, llmc_leg_now(leg) - llmc_leg_call_started(leg));
    if (!joined)
        return llmc_leg_out_of_memory(leg);
    llmc_leg_set_answer(leg, joined);
    leg->source = state->slices[0].leg->source;
    leg->usage = usage;
    return LLMCOST_ANSWER;
}

/* ---- the policy ---- */

static llmcost_verdict batch_enter(llmcost_leg *leg, void *memory, void *user)
{
    (void)user;
    batch_state *state = memory;
    if (!cut(leg, state, llmc_preset_embed_limits(leg->route->provider->preset)))
        return llmc_leg_out_of_memory(leg);
    return state->slices ? ask_more(leg, state) : LLMCOST_CONTINUE;
}

static llmcost_verdict batch_resume(llmcost_leg *leg, void *memory, void *user, const llmcost_wake *wake)
{
    (void)user;
    batch_state *state = memory;
    if (wake->kind != LLMCOST_WAKE_CHILD)
        return LLMCOST_WAIT;
    if (wake->child->status)
        return llmcost_leg_adopt(leg, wake->child);
    state->running--;
    if (state->next == state->slice_count && !state->running)
        return join(leg, state);
    return ask_more(leg, state);
}

const llmcost_policy llmc_policy_batch_inputs = {
    .struct_size = sizeof(llmcost_policy), .name = "batch_inputs", .phase = LLMCOST_PHASE_ROUTE, .operations = 1u << LLMC_OP_EMBED,
    .state_bytes = sizeof(batch_state), .enter = batch_enter, .resume = batch_resume,
};
