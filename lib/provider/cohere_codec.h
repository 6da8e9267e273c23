/* The encoding half of the Cohere codec (cohere_encode.c), for its descriptor (cohere.c). */
#ifndef LLMC_COHERE_CODEC_H
#define LLMC_COHERE_CODEC_H

#include "provider/codec.h"

llmcost_status llmc_cohere_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_cohere_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);

#endif
