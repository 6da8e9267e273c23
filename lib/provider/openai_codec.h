/*
 * The parts of the OpenAI codec: its encoding half (openai_encode.c), its usage (openai_usage.c), and what is known of
 * models by their names (openai_models.c), which the Responses format shares.
 */
#ifndef LLMC_OPENAI_CODEC_H
#define LLMC_OPENAI_CODEC_H

#include "provider/encoding.h"
#include "provider/usage.h"

llmcost_status llmc_openai_check(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmcost_error *error);
llmcost_status llmc_openai_encode(llmc_operation_id operation, const llmcost_request *request, const llmc_codec_target *target, llmc_encoded *out, llmcost_error *error);

/* The value of a usage member. true: it was one; *byok: the stated cost is only a fee on top of the customer's own key. */
bool llmc_openai_read_usage(llmc_json *json, llmc_usage_counts *counts, bool *byok);
/* A cost as a number, a text, or an object with it inside. */
void llmc_openai_read_cost(llmc_json *json, llmc_usage_counts *counts);
/* Vercel's gateway: provider_metadata {"gateway": {"cost": "0.0009"}}. */
void llmc_openai_read_gateway_cost(llmc_json *json, llmc_usage_counts *counts);
/* The same for /responses. */
bool llmc_responses_read_usage(llmc_json *json, llmc_usage_counts *counts, bool *byok);

bool llmc_openai_is_own(const llmc_codec_target *target); /* OpenAI itself, whose models' rules are known by name */
bool llmc_openai_model_reasons(const char *model);
bool llmc_openai_model_takes_marks(const char *model); /* explicit ones; the others cache by themselves alone */
/* Capability questions (llmc_incapability.asked) about models. */
bool llmc_openai_asks_refused_effort(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_openai_asks_temperature_while_reasoning(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_openai_asks_top_p_while_reasoning(const llmcost_request *request, const llmc_codec_target *target);

/* Hidden reasoning that came as reasoning_details, as that member of the message that is being written. */
void llmc_openai_write_reasoning_details(llmc_encoding *encoding, const llmcost_message *message);

/* What is not chat (openai_other.c). NULL: the host tells no balance. */
const char *llmc_openai_balance_path(const llmc_codec_target *target);
llmcost_status llmc_openai_decode_balance(llmc_decoder *decoder, const llmc_frame *frame);
llmcost_status llmc_openai_decode_count(llmc_decoder *decoder, const llmc_frame *frame);
llmcost_status llmc_openai_decode_embeddings(llmc_decoder *decoder, const llmc_frame *frame);

#endif
