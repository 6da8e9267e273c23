/* outcome.c: a finished call is counted for the sides of the splits that it went to. */
#include "policy/policy.h"

static bool has_side(const llmc_split_call *call, uint32_t side)
{
    for (size_t i = 0; i < call->side_count; i++) {
        if (call->sides[i] == side)
            return true;
    }
    return false;
}

/* Each once: a judge of two steps may have been split twice. */
static void gather_sides(const llmc_receipt *receipt, llmc_split_call *call)
{
    call->side_count = 0;
    for (const llmc_decision *decision = receipt->decisions; decision && call->side_count < LLMC_CALL_SIDES; decision = decision->next) {
        if (decision->side && decision->taken && !has_side(call, decision->side_number))
            call->sides[call->side_count++] = decision->side_number;
    }
}

void llmc_count_outcome(llmcost_leg *leg, const llmc_call_facts *facts)
{
    const llmc_receipt *receipt = llmc_leg_receipt(leg);
    const llmc_line *answered = leg->source ? leg->source->line : NULL;
    llmc_split_call call = {
        .id = receipt->number, .status = leg->status, .cached = receipt->cached, .cost_nano = receipt->cost_nano,
        .tokens_in = facts->row.figure[LLMC_TOKENS_IN], .tokens_out = facts->row.figure[LLMC_TOKENS_OUT],
        .duration_ns = facts->duration_ns, .first_byte_ns = answered && answered->first_byte_ms >= 0 ? answered->first_byte_ms * LLMC_MS : -1,
        .escalations = facts->escalations,
    };
    gather_sides(receipt, &call);
    if (call.side_count)
        llmc_experiments_add(leg->services->experiments, &call);
}

void llmc_count_late(llmc_services *services, llmc_receipt *receipt, int64_t more_nano)
{
    llmc_split_call call;
    if (!services->experiments || !more_nano || receipt->cached)
        return;
    gather_sides(receipt, &call);
    int64_t counted = receipt->cost_nano + receipt->late_nano;
    receipt->late_nano += more_nano;
    if (call.side_count)
        llmc_experiments_correct(services->experiments, call.sides, call.side_count, counted, counted + more_nano);
}
