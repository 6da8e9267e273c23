/*
 * What a request asks for that several formats or hosts cannot do: the questions of llmc_incapability that are theirs in
 * common. Which are asked, and what to do instead, is said where each format is checked.
 */
#ifndef LLMC_ASKS_H
#define LLMC_ASKS_H

#include "provider/codec.h"

bool llmc_asks_several(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_seed(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_logprobs(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_json_mode(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_temperature_above_1(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_one_by_one(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_above_5_stops(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_temperature_above_2(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_above_20_logprobs(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_forced_tool(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_budget_only(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_effort(const llmcost_request *request, const llmc_codec_target *target);
/* A call of a custom tool in the conversation, or such a tool of OpenAI's shape in extra. */
bool llmc_asks_custom_tools(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_end_user(const llmcost_request *request, const llmc_codec_target *target);
bool llmc_asks_stop(const llmcost_request *request, const llmc_codec_target *target);

#endif
