/* The encoding half of the Bedrock codec (bedrock_encode.c), for its descriptor (bedrock.c). */
#ifndef LLMC_BEDROCK_CODEC_H
#define LLMC_BEDROCK_CODEC_H

#include "provider/codec.h"

llmcost_status llmc_bedrock_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_bedrock_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);

#endif
