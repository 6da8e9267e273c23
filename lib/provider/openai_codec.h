/* The parts of the OpenAI codec: its encoding half (openai_encode.c) and its usage (openai_usage.c). */
#ifndef LLMC_OPENAI_CODEC_H
#define LLMC_OPENAI_CODEC_H

#include "provider/codec.h"
#include "provider/usage.h"

llmcost_status llmc_openai_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_openai_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);

/* The value of a usage member. true: it was one; *byok: the stated cost is only a fee on top of the customer's own key. */
bool llmc_openai_read_usage(llmc_json *json, llmc_usage_counts *counts, bool *byok);

#endif
