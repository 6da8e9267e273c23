/* replay.c: a complete answer as the pieces of a stream, for callers who asked for a stream. */
#include "policy/policy.h"

#include <string.h>

static bool emit_text(llmcost_leg *leg, int kind, uint32_t choice, llmc_text text)
{
    llmcost_event event = { .kind = kind, .choice = choice, .text = text.text, .bytes = text.bytes, .tool_id = "", .tool_name = "" };
    return text.bytes == 0 || llmc_leg_emit(leg, &event);
}

static bool emit_finish(llmcost_leg *leg, const llmc_choice *choice, uint32_t index, bool *no_memory)
{
    llmcost_event ends = { .kind = LLMCOST_EVENT_FINISH, .choice = index, .finish = choice->finish, .finish_raw = choice->finish_raw, .text = "", .tool_id = "", .tool_name = "" };
    if (!choice->signature.bytes && !choice->hidden_reasoning.bytes)
        return llmc_leg_emit(leg, &ends);
    llmc_buffer blocks;
    llmc_buffer_init(&blocks, &leg->services->allocator, SIZE_MAX / 4);
    llmc_json_writer json = { .out = &blocks };
    llmc_write_thinking_blocks(&json, choice->reasoning, choice->signature, choice->hidden_reasoning, true);
    ends.text = llmc_buffer_text(&blocks);
    ends.bytes = blocks.length;
    *no_memory = !ends.text;
    bool more = ends.text && llmc_leg_emit(leg, &ends);
    llmc_buffer_free(&blocks);
    return more;
}

static bool replay_choice(llmcost_leg *leg, const llmc_choice *choice, uint32_t index, bool *no_memory)
{
    if (!emit_text(leg, LLMCOST_EVENT_REASONING, index, choice->reasoning) || !emit_text(leg, LLMCOST_EVENT_TEXT, index, choice->text) ||
        !emit_text(leg, LLMCOST_EVENT_LOGPROBS, index, choice->logprobs) || !emit_text(leg, LLMCOST_EVENT_REFUSAL, index, choice->refusal))
        return false;
    for (uint32_t i = 0; i < choice->tool_call_count; i++) {
        const llmcost_tool_call *call = &choice->tool_calls[i];
        llmcost_event begins = { .kind = LLMCOST_EVENT_TOOL_CALL, .choice = index, .tool_index = i, .text = "", .tool_id = call->id, .tool_name = call->name, .is_custom = call->is_custom };
        llmcost_event arguments = { .kind = LLMCOST_EVENT_TOOL_ARGUMENTS, .choice = index, .tool_index = i, .text = call->arguments, .bytes = strlen(call->arguments), .tool_id = "", .tool_name = "",
                                    .is_custom = call->is_custom };
        if (!llmc_leg_emit(leg, &begins) || (arguments.bytes && !llmc_leg_emit(leg, &arguments)))
            return false;
    }
    return emit_finish(leg, choice, index, no_memory);
}

llmcost_verdict llmc_leg_replay(llmcost_leg *leg)
{
    llmcost_event meta = { .kind = LLMC_EVENT_META, .text = leg->answer->id, .bytes = strlen(leg->answer->id), .tool_id = "", .tool_name = leg->answer->model };
    bool more = llmc_leg_emit(leg, &meta), no_memory = false;
    for (uint32_t i = 0; more && i < leg->answer->choice_count; i++)
        more = replay_choice(leg, &leg->answer->choices[i], i, &no_memory);
    llmc_text extra = { leg->answer->extra, strlen(leg->answer->extra) };
    if (extra.bytes > 2) /* more than {} */
        more = more && emit_text(leg, LLMCOST_EVENT_EXTRA, 0, extra);
    llmcost_event usage = { .kind = LLMCOST_EVENT_USAGE, .text = "", .tool_id = "", .tool_name = "", .usage = &leg->answer->usage };
    if (more && llmc_leg_emit(leg, &usage))
        return LLMCOST_ANSWER;
    return no_memory ? llmc_leg_out_of_memory(leg) : llmc_leg_stopped(leg);
}
