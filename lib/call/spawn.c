/* Children of legs, and legs that outlive their call. */
#include "call/call.h"

#include <string.h>

llmcost_leg *llmc_leg_spawn(llmcost_leg *parent, const llmc_spawn *spawn)
{
    uint16_t first = llmc_leg_policy_index(parent, spawn->first_phase);
    /* A cascade inside a cascade enters at the phase of its parent; anything further out would meet itself again. */
    if (first < parent->at)
        first = parent->at;
    llmcost_leg *child = llmc_leg_new(parent->call, parent, parent->operation, first);
    if (!child) {
        llmc_leg_out_of_memory(parent);
        return NULL;
    }
    child->request = spawn->request ? spawn->request : parent->request;
    child->route = spawn->route ? spawn->route : parent->route;
    child->provider_name = parent->provider_name;
    child->purpose = spawn->purpose;
    child->forwards = spawn->forwards;
    child->attempt = spawn->attempt;
    if (spawn->deadline_ns && spawn->deadline_ns < child->deadline_ns)
        child->deadline_ns = spawn->deadline_ns;
    llmc_leg_schedule(child);
    return child;
}

/*
 * The detached leg takes the states of the policies from `index` on; its own line is not on the receipt, which the
 * caller already has. Its call shares the arena, which lives until the detached leg is complete.
 */
static void count_difference(llmc_call *call)
{
    const llmcost_leg *leg = call->root;
    const llmc_line *line = leg->line;
    llmc_call_facts facts = {
        .late = true, .tags = leg->request->tags, .tag_count = leg->request->tag_count, .provider = line->provider, .model = line->model,
        .wall_ms = call->response->receipt.started_wall_ms, .cost_nano = line->cost_nano - leg->counted_nano,
        .tokens_out = llmc_usage_output(&line->usage) - leg->counted_out,
    };
    facts.saved_nano[LLMC_SAVING_OVERHEAD] = -facts.cost_nano;
    llmc_totals_add(call->client->services.totals, &facts);
}

static void detached_done(llmc_call *call)
{
    count_difference(call);
    atomic_fetch_sub(&call->client->services.detached, 1);
    llmc_response_unref(call->response);
}

static llmc_call *detached_call(llmc_call *from)
{
    llmc_call *call = llmc_arena_calloc(&from->response->arena, 1, sizeof *call);
    if (!call)
        return NULL;
    call->client = from->client;
    call->response = from->response;
    call->last_ready = &call->ready;
    call->request = from->request;
    call->mode = LLMC_CALL_DETACHED;
    call->done = detached_done;
    call->started_ns = from->started_ns;
    call->deadline_ns = LLMC_NEVER;
    return call;
}

llmcost_leg *llmc_leg_detach(llmcost_leg *leg, llmcost_phase phase)
{
    uint16_t index = llmc_leg_policy_index(leg, phase);
    if (index <= leg->first || index > leg->at || !leg->call->slot)
        return NULL;
    llmc_call *call = detached_call(leg->call);
    llmcost_leg *detached = call ? llmc_leg_new(call, NULL, leg->operation, index) : NULL;
    llmc_line *line = detached ? llmc_arena_calloc(llmc_leg_arena(leg), 1, sizeof *line) : NULL;
    if (!line)
        return NULL;
    if (leg->line)
        *line = *leg->line;
    line->next = NULL;
    detached->line = line;
    detached->request = leg->request;
    detached->route = leg->route;
    detached->provider_name = leg->provider_name;
    detached->purpose = leg->purpose;
    detached->stage = LLMC_LEG_ENTERING;
    detached->waiting = 1;
    detached->sent = leg->sent;
    detached->at = leg->at;
    detached->detached = 1;
    for (uint16_t i = index; i <= leg->at; i++) {
        detached->states[i] = leg->states[i];
        leg->states[i] = NULL;
    }
    leg->at = (uint16_t)(index - 1);
    call->root = detached;
    llmc_response_ref(call->response);
    atomic_fetch_add(&call->client->services.detached, 1);
    llmc_call_attach(call, leg->call->slot); /* without a deadline it cannot fail */
    return detached;
}
