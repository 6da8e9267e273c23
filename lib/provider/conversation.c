/* See conversation.h. */
#include "provider/conversation.h"

bool llmc_says_nothing(const llmcost_message *message)
{
    for (uint32_t i = 0; i < message->part_count; i++) {
        const llmcost_part *part = &message->parts[i];
        bool reasoning = part->type == LLMCOST_PART_REASONING || part->type == LLMCOST_PART_REASONING_HIDDEN;
        if (!reasoning && (part->type != LLMCOST_PART_TEXT || llmc_text_bytes(part->text, part->text_bytes)))
            return false;
    }
    return message->part_count || !llmc_text_bytes(message->text, message->text_bytes);
}

static llmcost_status check_turn(const llmc_conversation_rules *rules, const llmcost_message *message, uint32_t index, bool begun, const llmc_codec_target *target, llmcost_error *error)
{
    bool adds = index && message[-1].role == LLMCOST_TOOL;
    if (rules->user_speaks && message->role == LLMCOST_USER && !adds && llmc_says_nothing(message))
        return llmc_unsupported_in(error, target, index, " without content", "give it a text, or leave it out");
    if (message->name && !(rules->names_tools && message->role == LLMCOST_TOOL))
        return llmc_unsupported_in(error, target, index, ".name", "say who speaks in the text");
    if (rules->system_first && begun && message->role == LLMCOST_SYSTEM)
        return llmc_unsupported_in(error, target, index, " system text", "put all system text before the first turn");
    if (rules->user_first && !begun && message->role == LLMCOST_ASSISTANT)
        return llmc_unsupported_in(error, target, index, " assistant turn", "the first turn must be the user's");
    llmcost_status status = LLMCOST_OK;
    for (uint32_t i = 0; !status && i < message->part_count; i++)
        status = rules->check_part(message, index, &message->parts[i], target, error);
    return status;
}

llmcost_status llmc_check_conversation(const llmc_conversation_rules *rules, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error)
{
    bool begun = false;
    for (uint32_t i = 0; i < request->message_count; i++) {
        llmcost_status status = check_turn(rules, &request->messages[i], i, begun, target, error);
        if (status)
            return status;
        begun = begun || request->messages[i].role != LLMCOST_SYSTEM;
    }
    return begun || !rules->system_first ? LLMCOST_OK : llmc_unsupported(error, target, "messages", "add a user message");
}
