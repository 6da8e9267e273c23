/*
 * The encoding half of the Responses codec (responses_encode.c), for its descriptor (responses.c).
 *
 * Reasoning travels through a message as one LLMCOST_PART_REASONING_HIDDEN part whose text is the reasoning items of the
 * answer as JSON objects, one behind the other, with their id, summary and encrypted_content. Its readable form is a
 * LLMCOST_PART_REASONING for people; the items hold it once more, so only they go back.
 */
#ifndef LLMC_RESPONSES_CODEC_H
#define LLMC_RESPONSES_CODEC_H

#include "provider/codec.h"

llmcost_status llmc_responses_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_responses_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);

#endif
