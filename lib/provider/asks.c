/* See asks.h. Of the request alone: what the host is does not matter here. */
#include "provider/asks.h"

bool llmc_asks_several(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->n > 1;
}

bool llmc_asks_seed(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->has_seed;
}

bool llmc_asks_logprobs(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->logprobs || request->top_logprobs;
}

bool llmc_asks_json_mode(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->format == LLMCOST_FORMAT_JSON;
}

bool llmc_asks_temperature_above_1(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->has_temperature && request->temperature > 1.0;
}

bool llmc_asks_one_by_one(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->tool_count && request->parallel_tool_calls == LLMCOST_OFF && request->tool_choice != LLMCOST_TOOLS_NONE;
}

bool llmc_asks_above_5_stops(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->stop_count > 5;
}

bool llmc_asks_temperature_above_2(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->has_temperature && request->temperature > 2.0;
}

bool llmc_asks_above_20_logprobs(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->top_logprobs > 20;
}

bool llmc_asks_forced_tool(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->tool_choice == LLMCOST_TOOLS_REQUIRED || request->tool_choice == LLMCOST_TOOLS_ONE;
}

bool llmc_asks_budget_only(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->thinking_budget_tokens && request->effort == LLMCOST_EFFORT_DEFAULT;
}

bool llmc_asks_effort(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->effort != LLMCOST_EFFORT_DEFAULT;
}

bool llmc_asks_stop(const llmcost_request *request, const llmc_codec_target *target)
{
    (void)target;
    return request->stop_count > 0;
}
