/* The encoding half of the Ollama codec (ollama_encode.c), for its descriptor (ollama.c). */
#ifndef LLMC_OLLAMA_CODEC_H
#define LLMC_OLLAMA_CODEC_H

#include "provider/codec.h"

llmcost_status llmc_ollama_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_ollama_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);

#endif
