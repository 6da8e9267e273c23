/* What formats ask of a conversation: who may speak when, and of what parts. Said before anything is sent, naming the message. */
#ifndef LLMC_CONVERSATION_H
#define LLMC_CONVERSATION_H

#include "provider/encoding.h"

typedef struct llmc_conversation_rules {
    bool names_tools;  /* a tool's result may be named; else no message is */
    bool system_first; /* all system text before the first turn, of which there is one */
    bool user_first;   /* that turn is the user's */
    bool user_speaks;  /* a message of the user says something, but behind results, which it may add nothing to */
    llmcost_status (*check_part)(const llmcost_message *message, uint32_t index, const llmcost_part *part, const llmc_codec_target *target, llmcost_error *error);
} llmc_conversation_rules;

/* Neither text nor anything to see or hear: empty texts and reasoning at most. Calls are apart from that. */
bool llmc_says_nothing(const llmcost_message *message);
llmcost_status llmc_check_conversation(const llmc_conversation_rules *rules, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);

#endif
