/* The encoding half of the OpenAI codec (openai_encode.c), for its descriptor (openai.c). */
#ifndef LLMC_OPENAI_CODEC_H
#define LLMC_OPENAI_CODEC_H

#include "provider/codec.h"

llmcost_status llmc_openai_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_openai_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);

#endif
