/* The encoding half of the Anthropic codec (anthropic_encode.c), for its descriptor (anthropic.c). */
#ifndef LLMC_ANTHROPIC_CODEC_H
#define LLMC_ANTHROPIC_CODEC_H

#include "provider/codec.h"

llmcost_status llmc_anthropic_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_anthropic_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);
/* OpenAI's own members (foreign.h) that this format has, too; NULL-ended. */
extern const char *const llmc_anthropic_known[];

#endif
